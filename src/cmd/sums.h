/* What --sort of the counting commands compares. */
#ifndef NP_CMD_SUMS_H
#define NP_CMD_SUMS_H

#include <stdint.h>
#include <string.h>

struct np_sums {
	uint64_t count, self_bytes, retained_bytes;
};

/* by: "count", "self", "retained". Biggest first; 0: equal. */
static inline int np_sums_compare(const struct np_sums *a, const struct np_sums *b, const char *by)
{
	uint64_t p = a->count, q = b->count;
	if (strcmp(by, "self") == 0) {
		p = a->self_bytes;
		q = b->self_bytes;
	} else if (strcmp(by, "retained") == 0) {
		p = a->retained_bytes;
		q = b->retained_bytes;
	}
	return p == q ? 0 : p > q ? -1 : 1;
}

#endif

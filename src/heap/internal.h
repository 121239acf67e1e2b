/* What the files of this layer share; nobody else includes it. */
#ifndef NP_HEAP_INTERNAL_H
#define NP_HEAP_INTERNAL_H

#include "base/vec.h"
#include "heap/pages.h"

enum { NP_HEAP_TYPES = 1 << 16 }; /* instance types are 16 bits */

struct np_heap {
	np_v8 *v8;
	NP_VEC(struct np_page) pages; /* all of them once is_indexed; sorted */
	bool is_indexed;
	NP_VEC(struct np_page *) looked_up; /* one by one, before there is an index */
	uint8_t *size_rules; /* by instance type: index of its rule in size.c, see there; NULL until needed */
};

/* ---- chunk.c ---- */
np_err *np_chunk_layout_check(const np_layout *l) NP_MUST;
/* Could chunks lie in this mapping? NULL: no. */
bool np_chunk_mapping(const struct np_mapping *m);
/* The chunk that starts at an aligned address in m; all of ret but is_retired. False when there is none. */
bool np_chunk_probe(np_heap *heap, np_addr start, const struct np_mapping *m, struct np_page *ret);

#endif

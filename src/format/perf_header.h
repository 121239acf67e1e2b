/*
 * The line that begins a sample in `perf script`'s text: which fields it has depends
 * on -F and on the event, so that each is told by its form.
 *
 *     node 1234/1240 [001] 5678.123456:    1001001 cpu-clock:pppH:
 */
#ifndef NP_FORMAT_PERF_HEADER_H
#define NP_FORMAT_PERF_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct np_perf_header {
	const char *comm, *event;
	size_t comm_len, event_len;
	int64_t pid, tid; /* -1 */
	int64_t time_ns;  /* NP_TIME_NONE */
	int64_t period;	  /* -1 */
	const char *rest; /* behind all fields */
	size_t rest_len;
	bool is_sure; /* it has a time or a processor, or ids and an event: nothing else looks like that */
};


/* The texts in *ret are those of the line. False: it is no header. */
bool np_perf_header_parse(const char *text, size_t len, struct np_perf_header *ret);

#endif

/*
 * Samples of a profile laid out as V8 has them: a node at each time, which lasts until
 * the next one.
 */
#ifndef NP_FORMAT_CPU_TIMELINE_H
#define NP_FORMAT_CPU_TIMELINE_H

#include "format/cpu_tree.h"

struct np_timeline {
	np_profile *profile;
	struct np_cpu_tree tree;
	NP_VEC(uint32_t) nodes;
	NP_VEC(uint32_t) lines;	/* executing; 0 unknown */
	NP_VEC(int64_t) times;	/* in microseconds */
	int64_t start_us, end_us;
	int64_t now_ns; /* end of samples without times */
	bool as_one;	/* they are too many for one sample a hit */
	uint32_t count_type, time_type; /* value types, UINT32_MAX none */
	int64_t to_ns;			/* of time_type */
};

/* samples: all that will be added. */
void np_timeline_init(struct np_timeline *line, np_profile *profile, const size_t *samples, size_t n);
void np_timeline_deinit(struct np_timeline *line);
/* These samples (numbers, sorted) have times and are of one thread. */
bool np_timeline_is_timed(const np_profile *profile, const size_t *samples, size_t n);
/* Adds samples of one thread at their times, with (idle) between them where they do not last. Once alone. */
void np_timeline_add_timed(struct np_timeline *line, const size_t *samples, size_t n);
/* Adds samples one behind the other, and behind those that are there, below a node. */
void np_timeline_add(struct np_timeline *line, const size_t *samples, size_t n, uint32_t below);

#endif

/*
 * Leak suspects, of two kinds:
 *
 *   accumulation   one object that dominates many alike, which together are a
 *                  good part of the heap: a cache, a queue, a list of listeners
 *   class          many instances of one class that retain as much, but hang off
 *                  different holders: sessions of sockets, contexts of requests
 *
 * A store (elements, dictionary, table) counts as its object.
 */
#ifndef NP_HEAP_SUSPECTS_H
#define NP_HEAP_SUSPECTS_H

#include "heap/dominators.h"
#include "heap/edge.h"

struct np_suspect {
	bool is_accumulation;
	np_vertex node;	    /* the accumulation point; of a class: the instance that retains most */
	np_vertex example;  /* one of the many */
	uint32_t group;	    /* of the many: np_group_id_of() */
	uint64_t count;
	uint64_t bytes;	    /* what the many retain */
	uint64_t all_bytes; /* of an accumulation: what all kinds of which there are many retain; of a class: = bytes */
	uint64_t retained_bytes; /* what the accumulation point retains; of a class: = bytes */
};

struct np_suspect_limits {
	uint64_t min_bytes; /* that the many must retain */
	uint64_t min_count;
	size_t max;	    /* suspects */
};

/* At least half a MiB and three hundredths of what is alive, in 30 objects. */
struct np_suspect_limits np_suspect_limits_for(const struct np_dominators *dominators);

/* Biggest first, malloc'ed. */
size_t np_suspects_find(np_graph *graph, np_classes *classes, const struct np_reach *reach, struct np_dominators *dominators,
			const struct np_suspect_limits *limits, struct np_suspect **ret);

#endif

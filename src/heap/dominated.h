/*
 * What objects dominate immediately, as a person sees it: a store, a cell and
 * memory outside of the heap belong to their owner, so their children are its.
 *
 *     big drops   objects that retain much while each of what they hold retains
 *                 little: where memory accumulates, whatever it consists of
 *     by class    what a container, or many of them, hold: so many of that class
 */
#ifndef NP_HEAP_DOMINATED_H
#define NP_HEAP_DOMINATED_H

#include "heap/dominators.h"
#include "heap/edge.h"

struct np_drop {
	np_vertex node;
	uint64_t retained_bytes;
	uint64_t drop_bytes;	/* but for its biggest child */
	uint64_t child_count;
	np_vertex child;	/* the biggest; NP_VERTEX_NONE: none */
};

/* Those that drop by min_bytes or more, biggest first; malloc'ed. */
size_t np_drops_find(np_graph *graph, struct np_dominators *dominators, uint64_t min_bytes, struct np_drop **ret);

/* Of objects of a tally that dominate each other the outer one's bytes are the sum: what would be freed with all. */
struct np_class_tally {
	uint32_t class_id;
	uint64_t count, self_bytes, retained_bytes;
	np_vertex example; /* the one that retains most */
	size_t first;	   /* of them in nodes; count of them follow */
	uint64_t held;	   /* of np_dominators_by_class(): objects of the set that they dominate, and what these retain */
	uint64_t held_bytes;
};

struct np_by_class {
	np_vertex *nodes; /* by tally; NULL of np_dominators_by_class() */
	struct np_class_tally *tallies; /* what retains most first */
	size_t len;
};

/* What the given nodes dominate immediately; NP_VERTEX_NONE: what only the roots do. */
void np_dominated_by_class(np_graph *graph, np_classes *classes, struct np_dominators *dominators,
			   const np_vertex *nodes, size_t count, struct np_by_class *ret);
/*
 * The other way round: what dominates the given nodes immediately; the class of
 * what only the roots dominate is NP_VERTEX_NONE, without an example.  Those that
 * dominate several are counted once.
 */
void np_dominators_by_class(np_graph *graph, np_classes *classes, struct np_dominators *dominators,
			    const np_vertex *nodes, size_t count, struct np_by_class *ret);
void np_by_class_deinit(struct np_by_class *by_class);

#endif

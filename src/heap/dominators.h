/*
 * Dominators and retained sizes: a node dominates another when every path from
 * the roots to that one goes through it, so that without it the other would be
 * garbage.  Its retained size is its own and that of all it dominates.
 *
 * Semi-NCA (Georgiadis, "Linear-Time Algorithms for Dominators and Related
 * Problems", 2005) over arrays, numbered in depth-first order.  An entry of an
 * ephemeron table counts as a reference from its key to its value.
 */
#ifndef NP_HEAP_DOMINATORS_H
#define NP_HEAP_DOMINATORS_H

#include "heap/reach.h"

struct np_dominators {
	uint32_t *parent;   /* immediate dominator; NP_VERTEX_NONE: the roots themselves, or not live */
	uint64_t *retained; /* bytes, external memory included; 0: not live */
	uint64_t total_bytes;
	/* Rows of children, by node; see np_dominators_children(). NULL until then. */
	uint32_t *child_rows, *children;
	/* Of those that retain at least big_min_bytes: parents, ascending, and their children; NULL until asked for. */
	np_vertex *big_parents, *big_children;
	size_t big_count;
	uint64_t big_min_bytes;
	np_vertex node_count;
	bool is_mapped; /* parent and retained are */
};

np_err *np_dominators_init(const np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach,
			   struct np_dominators *ret) NP_MUST;
/* In a file, as the graph (graph.h). */
void np_dominators_save(const struct np_dominators *dominators, struct np_sections_out *out);
bool np_dominators_load(const np_graph *graph, const struct np_sections *in, struct np_dominators *ret);
void np_dominators_deinit(struct np_dominators *dominators);
/* What node dominates immediately, biggest first is not promised; NP_VERTEX_NONE: what only the roots do. */
struct np_edges np_dominators_children(struct np_dominators *dominators, np_vertex node);
/* The same without, perhaps, those that retain less than min_bytes: where few do, this needs hardly any memory. */
struct np_edges np_dominators_big_children(struct np_dominators *dominators, np_vertex node, uint64_t min_bytes);

#endif

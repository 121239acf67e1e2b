/*
 * How an object calls other objects that it holds: directly, or through what
 * belongs to it (stores, cells, its map).  One pass over the object's own
 * references answers for all of them, so nobody's referrers are needed.
 */
#ifndef NP_HEAP_EDGES_TO_H
#define NP_HEAP_EDGES_TO_H

#include "heap/edge.h"

/* ret: one for each target; name NULL: the owner holds it in no such way. */
void np_edges_to(np_graph *graph, np_classes *classes, np_vertex owner, const np_vertex *targets, size_t count,
		 np_arena *arena, struct np_edge_name *ret);

#endif

/*
 * Retaining paths: from a root through strong edges to an object.  The first is
 * a shortest one from roots that last (reach.h); then come, for each further
 * holder of the object, the shortest path to that holder, then for each further
 * holder of these, and so on.
 *
 * A path as it is shown has the stores of objects folded into their owners, see
 * edge.h.
 */
#ifndef NP_HEAP_PATH_H
#define NP_HEAP_PATH_H

#include "heap/edge.h"

struct np_path {
	const struct np_graph_root *root; /* NULL: not known (the object is not alive) */
	np_vertex *nodes;		  /* what the root leads to, ..., the object */
	size_t len;
};

/* At most max paths, shortest first, in the arena; 0 when nothing holds the object. */
size_t np_paths_find(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach, np_vertex node,
		     size_t max, np_arena *arena, struct np_path *ret);
/* The same; *ret_cut: there may be more, but the structure is too deep to look at all of it. */
size_t np_paths_search(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach, np_vertex node,
		       size_t max, np_arena *arena, struct np_path *ret, bool *ret_cut);

struct np_step {
	np_vertex node;
	struct np_edge_name edge; /* to the next step; of the last one: name NULL */
	size_t repeated;	  /* how often the steps from here on to the next shown one came; 1: once */
};

/*
 * The steps of a path. With collapse, runs of a step (or of two or three in
 * turn) with the same classes and edges are told once, with their number.
 */
size_t np_path_steps(np_graph *graph, np_classes *classes, const struct np_path *path, bool collapse, np_arena *arena,
		     struct np_step **ret);

#endif

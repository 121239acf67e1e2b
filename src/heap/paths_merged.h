/*
 * The shortest retaining paths of many objects at once, as one tree of steps:
 * who holds all those sessions?
 *
 *     global handle                              1000000
 *       .app Object                              1000000
 *         .store CacheStore                       700000
 *           .entries Map                          700000
 *             .get() Entry        x 700000        700000
 *               .session Session  x 700000        700000
 *         .queue Array                            300000
 *           [] Session            x 300000        300000
 *
 * Each object has one path, the chain of parents that the pass over the heap
 * left (reach.h).  Objects that are reached through edges of one name from one
 * step, and are of one class (closures: of one function), are one step.  Names
 * that only tell one of many apart (indices, keys) count as equal; so do those
 * of dictionaries with many.  A step that comes again within three (a linked
 * list, a chain of closures, a tree) is the same one, told with how often it
 * came in a row.  Stores, maps and cells are folded as in path.h.
 *
 * Memory: two bits a node, and the steps; with retained sizes eight bytes an
 * object of the set and, for a while, four a node.
 */
#ifndef NP_HEAP_PATHS_MERGED_H
#define NP_HEAP_PATHS_MERGED_H

#include "heap/dominators.h"
#include "heap/edge.h"

#define NP_MERGED_NONE UINT32_MAX

struct np_merged_step {
	uint32_t parent;		  /* the step above; NP_MERGED_NONE: a root */
	const struct np_graph_root *root; /* of a step without parent: one of the roots of its kind; NULL unknown */
	struct np_edge_name edge;	  /* from the step above; name NULL: a root or what it leads to */
	bool is_any;			  /* edge: one of many, its name and index mean nothing */
	np_vertex example, holder;	  /* one of its objects, and which one of the step above holds that; NP_VERTEX_NONE none */
	uint64_t objects;		  /* in this step */
	uint64_t members;		  /* of these in the set */
	uint32_t rounds;		  /* how often it came in a row at most; 0: once */
	uint64_t count, self_bytes, retained_bytes; /* of the objects of the set that it leads to, itself included */
};

struct np_merged {
	struct np_merged_step *steps; /* parents before children */
	size_t len;
	uint64_t unheld;	      /* objects of the set that nothing holds */
	np_arena *arena;	      /* of the names */
};

/*
 * members: a bit a node.  dominators may be NULL: then retained_bytes are 0.  A
 * step's are what would be freed with all members it leads to: those of them
 * that no other one of them dominates, summed.
 */
void np_merged_paths(np_graph *graph, np_classes *classes, const struct np_graph_roots *roots,
		     const struct np_reach *reach, const struct np_dominators *dominators, const uint64_t *members,
		     struct np_merged *ret);
void np_merged_deinit(struct np_merged *merged);

#endif

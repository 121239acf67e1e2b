/*
 * The heap of an open target, as the heap commands share it: what one of them
 * has computed (graph, roots, what is alive, dominators) the next one finds.
 * For a live target it belongs to one captured moment and is made anew by the
 * next command.
 */
#ifndef NP_CMD_HEAP_VIEW_H
#define NP_CMD_HEAP_VIEW_H

#include "base/vec.h"
#include "cmd/cmd.h"
#include "heap/classes.h"
#include "heap/dominators.h"
#include "heap/reach.h"

struct np_heap_view {
	np_arena *arena;
	struct np_heap_cache *cache; /* NULL none */
	np_heap *heap;
	np_graph *graph;
	np_classes *classes;
	struct np_graph_roots roots;
	bool has_roots;
	struct np_reach reach; /* with parents */
	bool has_reach;
	struct np_dominators dominators;
	bool has_dominators;
	bool told; /* that it was parsed in part */
	NP_VEC(np_addr) isolates; /* whose heaps these are */
};

/* The graph and the classes. Says once what of the heap could not be read. */
np_err *np_heap_view_get(struct np_invocation *inv, struct np_heap_view **ret) NP_MUST;
/* Roots and what is alive. */
np_err *np_heap_view_need_reach(struct np_invocation *inv, struct np_heap_view *view) NP_MUST;
np_err *np_heap_view_need_dominators(struct np_invocation *inv, struct np_heap_view *view) NP_MUST;
void np_heap_view_destroy(struct np_heap_view *view);

/* The node of an ADDR argument (or member path): exact start, or the object around it. NP_ENOTFOUND when there is none. */
np_err *np_heap_view_node(struct np_invocation *inv, struct np_heap_view *view, const char *arg, np_vertex *ret) NP_MUST;

/* {"parsed_bytes", "heap_bytes", "unparsed_bytes", ...}: the share of the heap that was understood, for answers. */
np_node *np_heap_view_coverage(struct np_invocation *inv, const struct np_heap_view *view);

#endif

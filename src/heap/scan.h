/*
 * Passes over the whole graph on every processor, for those who look for few
 * objects among many: objects by their shape, holders of some objects.
 */
#ifndef NP_HEAP_SCAN_H
#define NP_HEAP_SCAN_H

#include "heap/reach.h"

enum { NP_SCAN_BITS = 16 };

/* Objects in ascending order, malloc'ed. */
struct np_scan_list {
	np_vertex *nodes;
	size_t count;
};

/*
 * A live object goes to ret[b] for each bit b of bits_of_shape[its shape]; of
 * the bits in `garbage`, and of all when reach is NULL, the dead ones do too.
 */
void np_scan_objects(const np_graph *graph, const struct np_reach *reach, const uint16_t *bits_of_shape, uint16_t garbage,
		     struct np_scan_list ret[NP_SCAN_BITS]);
void np_scan_lists_deinit(struct np_scan_list lists[NP_SCAN_BITS]);

/* The first live object (any when reach is NULL) of each shape; NP_VERTEX_NONE: there is none. */
void np_scan_shapes(const np_graph *graph, const struct np_reach *reach, np_vertex *ret);

/*
 * Calls cb for every reference of a live object (of any when reach is NULL) to
 * one of the targets, a bit for each of np_graph_node_count(), in no order and from several
 * threads at once.  Costs a tenth of the time of np_graph_referrers() and none
 * of its memory.
 */
void np_scan_references(const np_graph *graph, const struct np_reach *reach, const uint64_t *targets,
			void (*cb)(void *ctx, np_vertex holder, uint32_t edge), void *ctx);

/*
 * The same loop for others: body(ctx, from, to, worker) for ranges of objects
 * that cover the graph, with worker below `workers`; `from` is a multiple of 64.
 */
unsigned np_scan_workers(void);
void np_scan_ranges(const np_graph *graph, unsigned workers,
		    void (*body)(void *ctx, np_vertex from, np_vertex to, unsigned worker), void *ctx);

#endif

#include "heap/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/vec.h"

enum { RANGE = 1 << 16 };

/* --- ranges --- */

struct ranges {
	np_vertex count;
	void (*body)(void *ctx, np_vertex from, np_vertex to, unsigned worker);
	void *ctx;
};

static size_t range_count(const np_graph *g)
{
	return ((size_t)np_graph_object_count(g) + RANGE - 1) / RANGE;
}

static void range_run(void *ctx, size_t item, unsigned worker)
{
	const struct ranges *r = ctx;
	np_vertex from = (np_vertex)(item * RANGE);
	r->body(r->ctx, from, r->count - from < RANGE ? r->count : from + RANGE, worker);
}

unsigned np_scan_workers(void)
{
	return np_parallel_threads(UINT32_MAX);
}

void np_scan_ranges(const np_graph *g, unsigned workers,
		    void (*body)(void *ctx, np_vertex from, np_vertex to, unsigned worker), void *ctx)
{
	struct ranges r = {np_graph_object_count(g), body, ctx};
	np_parallel(range_count(g), workers, range_run, &r);
}

/* --- objects by shape --- */

typedef NP_VEC(np_vertex) vertex_vec;

struct objects {
	const np_graph *graph;
	const struct np_reach *reach;
	const uint16_t *bits_of_shape;
	uint16_t garbage;
	vertex_vec *found; /* NP_SCAN_BITS of each range */
};

static void objects_look(void *ctx, np_vertex from, np_vertex to, unsigned worker)
{
	const struct objects *o = ctx;
	vertex_vec *found = o->found + (size_t)(from / RANGE) * NP_SCAN_BITS;
	(void)worker;
	for (np_vertex node = from; node < to; node++) {
		uint32_t bits = o->bits_of_shape[np_graph_shape_of(o->graph, node)];
		if (bits && o->reach && !np_reach_has(o->reach, node))
			bits &= o->garbage;
		for (; bits; bits &= bits - 1)
			np_vec_push(&found[__builtin_ctz(bits)], node);
	}
}

void np_scan_objects(const np_graph *g, const struct np_reach *reach, const uint16_t *bits_of_shape, uint16_t garbage,
		     struct np_scan_list ret[NP_SCAN_BITS])
{
	size_t ranges = range_count(g);
	struct objects o = {g, reach, bits_of_shape, garbage,
			    np_xcalloc((ranges + 1) * NP_SCAN_BITS, sizeof(*o.found))};
	np_scan_ranges(g, np_scan_workers(), objects_look, &o);
	for (size_t bit = 0; bit < NP_SCAN_BITS; bit++) {
		size_t count = 0;
		for (size_t i = 0; i < ranges; i++)
			count += o.found[i * NP_SCAN_BITS + bit].len;
		ret[bit] = (struct np_scan_list){np_xmalloc((count + 1) * sizeof(np_vertex)), 0};
		for (size_t i = 0; i < ranges; i++) {
			vertex_vec *v = &o.found[i * NP_SCAN_BITS + bit];
			if (v->len)
				memcpy(ret[bit].nodes + ret[bit].count, v->data, v->len * sizeof(*v->data));
			ret[bit].count += v->len;
			np_vec_deinit(v);
		}
	}
	free(o.found);
}

void np_scan_lists_deinit(struct np_scan_list lists[NP_SCAN_BITS])
{
	for (size_t i = 0; i < NP_SCAN_BITS; i++) {
		free(lists[i].nodes);
		lists[i] = (struct np_scan_list){0};
	}
}

/* --- shapes --- */

struct shapes {
	const np_graph *graph;
	const struct np_reach *reach;
	np_vertex *first; /* of each worker, one after the other */
	uint32_t count;
};

static void shapes_look(void *ctx, np_vertex from, np_vertex to, unsigned worker)
{
	const struct shapes *s = ctx;
	np_vertex *first = s->first + (size_t)worker * s->count;
	for (np_vertex node = from; node < to; node++) {
		np_vertex *at = &first[np_graph_shape_of(s->graph, node)];
		if (node < *at && (!s->reach || np_reach_has(s->reach, node)))
			*at = node;
	}
}

void np_scan_shapes(const np_graph *g, const struct np_reach *reach, np_vertex *ret)
{
	struct shapes s = {.graph = g, .reach = reach, .count = np_graph_shape_count(g)};
	unsigned workers = np_scan_workers();
	size_t all = (size_t)s.count * workers;
	s.first = np_xmalloc((all + 1) * sizeof(*s.first));
	for (size_t i = 0; i < all; i++)
		s.first[i] = NP_VERTEX_NONE;
	np_scan_ranges(g, workers, shapes_look, &s);
	for (uint32_t i = 0; i < s.count; i++) {
		ret[i] = NP_VERTEX_NONE;
		for (size_t at = i; at < all; at += s.count)
			ret[i] = s.first[at] < ret[i] ? s.first[at] : ret[i];
	}
	free(s.first);
}

/* --- references --- */

struct references {
	const np_graph *graph;
	const struct np_reach *reach;
	const uint64_t *targets;
	void (*cb)(void *ctx, np_vertex holder, uint32_t edge);
	void *ctx;
};

static void references_look(void *ctx, np_vertex from, np_vertex to, unsigned worker)
{
	const struct references *r = ctx;
	(void)worker;
	for (np_vertex node = from; node < to; node++) {
		if (r->reach && !np_reach_has(r->reach, node))
			continue;
		struct np_edges row = np_graph_edges(r->graph, node);
		for (uint32_t k = 0; k < row.count; k++) {
			np_vertex target = np_edge_target(row.targets[k]);
			if (r->targets[target / 64] >> (target % 64) & 1)
				r->cb(r->ctx, node, row.targets[k]);
		}
	}
}

void np_scan_references(const np_graph *g, const struct np_reach *reach, const uint64_t *targets,
			void (*cb)(void *ctx, np_vertex holder, uint32_t edge), void *ctx)
{
	struct references r = {g, reach, targets, cb, ctx};
	np_scan_ranges(g, np_scan_workers(), references_look, &r);
}

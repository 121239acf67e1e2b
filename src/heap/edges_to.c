#include "heap/edges_to.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { CHAIN_MAX = 4 }; /* owner, store or map, cell or descriptors, target */

struct way {
	np_vertex target;
	np_vertex chain[CHAIN_MAX];
	size_t len; /* 0: none yet */
	size_t place; /* among the targets as they were given */
};

struct search {
	const np_graph *graph;
	struct way *ways; /* by target */
	size_t count;
};

static int way_compare(const void *a, const void *b)
{
	const struct way *x = a, *y = b;
	return x->target < y->target ? -1 : x->target > y->target;
}

/* The chain leads to a target: the shorter and the earlier is kept. */
static void way_take(struct search *s, const np_vertex *chain, size_t len)
{
	size_t low = 0, high = s->count;
	np_vertex target = chain[len - 1];
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->ways[mid].target < target)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < s->count && s->ways[low].target == target; low++) {
		struct way *w = &s->ways[low];
		if (w->len && w->len <= len)
			continue;
		memcpy(w->chain, chain, len * sizeof(*chain));
		w->len = len;
	}
}

static const struct np_vertex_shape *shape_of(const np_graph *g, np_vertex node)
{
	static const struct np_vertex_shape none;
	return np_graph_is_external(g, node) ? &none : np_graph_shape(g, np_graph_shape_of(g, node));
}

static bool type_is(const np_graph *g, np_vertex node, const char *type)
{
	const char *name = shape_of(g, node)->type_name;
	return name && strcmp(name, type) == 0;
}

/* What a person does not see between an object and what it holds; from: the chain's last. */
static bool belongs_to(const np_graph *g, np_vertex from, np_vertex node, size_t len)
{
	enum np_kind kind = shape_of(g, node)->kind;
	if (np_kind_is_receiver(kind) || kind == NP_KIND_STRING || kind == NP_KIND_HEAP_NUMBER)
		return false;
	if (len > 1)
		return np_edge_is_cell(g, node) || type_is(g, node, "DESCRIPTOR_ARRAY_TYPE") ||
		       (kind == NP_KIND_FIXED_ARRAY && shape_of(g, from)->kind == NP_KIND_MAP); /* up to 6.x */
	return np_edge_is_store_of(g, from, node) || shape_of(g, from)->map_addr == np_graph_address(g, node) ||
	       type_is(g, node, "CONTEXT_CELL_TYPE") || np_edge_is_cell(g, node);
}

/* Recursion ends at CHAIN_MAX. */
static void row_search(struct search *s, np_vertex *chain, size_t len)
{
	struct np_edges row = np_graph_edges(s->graph, chain[len - 1]);
	for (uint32_t k = 0; k < row.count; k++) {
		if (np_edge_is_weak(row.targets[k]))
			continue;
		chain[len] = np_edge_target(row.targets[k]);
		way_take(s, chain, len + 1);
		if (len + 1 < CHAIN_MAX && belongs_to(s->graph, chain[len - 1], chain[len], len))
			row_search(s, chain, len + 1);
	}
}

void np_edges_to(np_graph *g, np_classes *classes, np_vertex owner, const np_vertex *targets, size_t count,
		 np_arena *arena, struct np_edge_name *ret)
{
	struct search s = {.graph = g, .count = count, .ways = np_xcalloc(count + 1, sizeof(*s.ways))};
	np_vertex chain[CHAIN_MAX] = {owner};
	for (size_t i = 0; i < count; i++) {
		s.ways[i] = (struct way){.target = targets[i], .place = i};
		ret[i] = (struct np_edge_name){0};
	}
	qsort(s.ways, count, sizeof(*s.ways), way_compare);
	row_search(&s, chain, 1);
	for (size_t i = 0; i < count; i++) {
		const struct way *w = &s.ways[i];
		struct np_edge_name e;
		if (w->len && np_edge_fold(g, classes, w->chain, w->len, arena, &e) == w->len - 1)
			ret[w->place] = e;
	}
	free(s.ways);
}

#include "heap/dominated.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "heap/group_retained.h"

enum { LEVELS = 3 }; /* a dictionary, its cell, what is in it */

static const struct np_vertex_shape *shape_of(const np_graph *g, np_vertex node)
{
	static const struct np_vertex_shape none;
	return np_graph_is_external(g, node) ? &none : np_graph_shape(g, np_graph_shape_of(g, node));
}

/* Does it belong to the object that dominates it? */
static bool gives_way(const np_graph *g, np_vertex owner, np_vertex child)
{
	enum np_kind kind = shape_of(g, child)->kind;
	if (np_kind_is_receiver(kind) || kind == NP_KIND_STRING || kind == NP_KIND_HEAP_NUMBER)
		return false;
	return (owner != NP_VERTEX_NONE && np_edge_is_store_of(g, owner, child)) || np_edge_is_cell(g, child);
}

typedef void child_fn(void *ctx, np_vertex child);

static void children_visit(np_graph *g, struct np_dominators *d, np_vertex owner, np_vertex node, int levels,
			   child_fn *visit, void *ctx)
{
	struct np_edges row = np_dominators_children(d, node);
	for (uint32_t i = 0; i < row.count; i++) {
		if (levels && gives_way(g, owner, row.targets[i]))
			children_visit(g, d, owner, row.targets[i], levels - 1, visit, ctx);
		else
			visit(ctx, row.targets[i]);
	}
}

/* The object that the parent in the tree belongs to. */
static np_vertex dominator_of(const np_graph *g, const struct np_dominators *d, np_vertex node)
{
	np_vertex at = d->parent[node];
	for (int i = 0; i < LEVELS && at != NP_VERTEX_NONE; i++) {
		np_vertex above = d->parent[at];
		if (above == NP_VERTEX_NONE || !gives_way(g, above, at))
			break;
		at = above;
	}
	return at;
}

/* --- drops --- */

struct biggest {
	const np_graph *graph;
	const struct np_dominators *dominators;
	struct np_drop *drop;
};

static void biggest_take(void *ctx, np_vertex child)
{
	struct biggest *b = ctx;
	struct np_drop *drop = b->drop;
	if (np_graph_is_external(b->graph, child))
		return;
	drop->child_count++;
	if (drop->child == NP_VERTEX_NONE || b->dominators->retained[child] > b->dominators->retained[drop->child])
		drop->child = child;
}

static int drop_compare(const void *a, const void *b)
{
	const struct np_drop *x = a, *y = b;
	if (x->drop_bytes != y->drop_bytes)
		return x->drop_bytes > y->drop_bytes ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

size_t np_drops_find(np_graph *g, struct np_dominators *d, uint64_t min_bytes, struct np_drop **ret)
{
	NP_VEC(struct np_drop) found = {0};
	for (np_vertex node = 0; node < np_graph_object_count(g); node++) {
		np_vertex above = d->parent[node];
		if (!d->retained[node] || d->retained[node] < min_bytes || (above != NP_VERTEX_NONE && gives_way(g, above, node)))
			continue;
		struct np_drop drop = {.node = node, .retained_bytes = d->retained[node], .child = NP_VERTEX_NONE};
		struct biggest b = {g, d, &drop};
		children_visit(g, d, node, node, LEVELS, biggest_take, &b);
		drop.drop_bytes = drop.retained_bytes - (drop.child == NP_VERTEX_NONE ? 0 : d->retained[drop.child]);
		if (drop.drop_bytes >= min_bytes)
			np_vec_push(&found, drop);
	}
	if (found.len)
		qsort(found.data, found.len, sizeof(*found.data), drop_compare);
	*ret = found.data;
	return found.len;
}

/* --- by class --- */

struct gather {
	np_graph *graph;
	np_classes *classes;
	struct np_dominators *dominators;
	NP_VEC(np_vertex) nodes;
	NP_VEC(struct np_class_tally) by_id; /* by class + 1; 0: no class */
};

static struct np_class_tally *tally_of(struct gather *t, uint32_t class_id)
{
	size_t at = class_id == NP_VERTEX_NONE ? 0 : (size_t)class_id + 1;
	while (t->by_id.len <= at) {
		np_vec_push(&t->by_id, (struct np_class_tally){.example = NP_VERTEX_NONE});
		t->by_id.data[t->by_id.len - 1].class_id = (uint32_t)t->by_id.len - 2;
	}
	return &t->by_id.data[at];
}

static void tally_add(struct gather *g, struct np_class_tally *t, np_vertex node)
{
	const uint64_t *retained = g->dominators->retained;
	t->count++;
	t->self_bytes += np_graph_size(g->graph, node);
	t->retained_bytes += retained[node];
	if (t->example == NP_VERTEX_NONE || retained[node] > retained[t->example])
		t->example = node;
}

static void node_take(void *ctx, np_vertex child)
{
	struct gather *g = ctx;
	np_vec_push(&g->nodes, child);
	tally_add(g, tally_of(g, np_class_id_of(g->classes, child)), child);
}

/* Does one of them dominate another?  Each node above them is asked once. */
static bool nodes_nest(const np_graph *graph, const struct np_dominators *d, const np_vertex *nodes, size_t count)
{
	size_t words = (size_t)np_graph_node_count(graph) / 64 + 1;
	uint64_t *in = np_xcalloc(words, sizeof(*in)), *seen = np_xcalloc(words, sizeof(*seen));
	bool nests = false;
	for (size_t i = 0; i < count; i++)
		in[nodes[i] / 64] |= 1ull << (nodes[i] % 64);
	for (size_t i = 0; i < count && !nests; i++)
		for (np_vertex at = d->parent[nodes[i]]; at != NP_VERTEX_NONE && !nests; at = d->parent[at]) {
			uint64_t bit = 1ull << (at % 64);
			if (seen[at / 64] & bit)
				break;
			seen[at / 64] |= bit;
			nests = in[at / 64] & bit;
		}
	free(in);
	free(seen);
	return nests;
}

static uint32_t *no_groups(const np_graph *graph)
{
	size_t n = np_graph_node_count(graph);
	uint32_t *group_of = np_xmalloc((n + 1) * sizeof(*group_of));
	memset(group_of, 0xff, (n + 1) * sizeof(*group_of)); /* NP_VERTEX_NONE */
	return group_of;
}

/* What those of each tally retain, where some dominate others; malloc'ed. */
static uint64_t *nested_bytes(struct gather *g, const uint32_t *group_of)
{
	uint64_t *bytes = np_xcalloc(g->by_id.len + 1, sizeof(*bytes));
	np_group_retained(g->dominators, group_of, (uint32_t)g->by_id.len, bytes);
	return bytes;
}

/* The nodes gathered, one tally a class: what those of each retain together. */
static void retained_once(struct gather *g)
{
	uint32_t *group_of = no_groups(g->graph);
	for (size_t i = 0; i < g->nodes.len; i++)
		group_of[g->nodes.data[i]] = np_class_id_of(g->classes, g->nodes.data[i]) + 1;
	uint64_t *bytes = nested_bytes(g, group_of);
	for (size_t i = 0; i < g->by_id.len; i++)
		g->by_id.data[i].retained_bytes = bytes[i];
	free(bytes);
	free(group_of);
}

static int tally_compare(const void *a, const void *b)
{
	const struct np_class_tally *x = a, *y = b;
	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	return x->class_id < y->class_id ? -1 : x->class_id > y->class_id;
}

static int held_compare(const void *a, const void *b)
{
	const struct np_class_tally *x = a, *y = b;
	if (x->held_bytes != y->held_bytes)
		return x->held_bytes > y->held_bytes ? -1 : 1;
	return x->class_id < y->class_id ? -1 : x->class_id > y->class_id;
}

/* The tallies that have any, sorted, with the room of each in nodes. */
static void tallies_finish(struct gather *g, int (*compare)(const void *, const void *), struct np_by_class *ret)
{
	size_t len = 0, first = 0;
	for (size_t i = 0; i < g->by_id.len; i++)
		if (g->by_id.data[i].count || g->by_id.data[i].held)
			g->by_id.data[len++] = g->by_id.data[i];
	if (len)
		qsort(g->by_id.data, len, sizeof(*g->by_id.data), compare);
	for (size_t i = 0; i < len; i++) {
		g->by_id.data[i].first = first;
		first += g->by_id.data[i].count;
	}
	*ret = (struct np_by_class){.tallies = g->by_id.data, .len = len};
}

void np_dominated_by_class(np_graph *graph, np_classes *classes, struct np_dominators *d, const np_vertex *nodes,
			   size_t count, struct np_by_class *ret)
{
	struct gather g = {.graph = graph, .classes = classes, .dominators = d};
	for (size_t i = 0; i < count; i++)
		children_visit(graph, d, nodes[i], nodes[i], LEVELS, node_take, &g);
	if (count > 1 && nodes_nest(graph, d, nodes, count)) /* else what they dominate does not nest, either */
		retained_once(&g);
	tallies_finish(&g, tally_compare, ret);
	uint32_t class_count = np_class_id_count(classes);
	size_t *next = np_xcalloc((size_t)class_count + 1, sizeof(*next));
	for (size_t i = 0; i < ret->len; i++)
		next[ret->tallies[i].class_id] = ret->tallies[i].first;
	ret->nodes = np_xmalloc((g.nodes.len + 1) * sizeof(*ret->nodes));
	for (size_t i = 0; i < g.nodes.len; i++)
		ret->nodes[next[np_class_id_of(classes, g.nodes.data[i])]++] = g.nodes.data[i];
	free(next);
	np_vec_deinit(&g.nodes);
}

/* The nodes by the tally of what dominates them: what those of each retain together. */
static void held_once(struct gather *g, const np_vertex *nodes, size_t count)
{
	uint32_t *group_of = no_groups(g->graph);
	for (size_t i = 0; i < count; i++) {
		np_vertex by = dominator_of(g->graph, g->dominators, nodes[i]);
		group_of[nodes[i]] = by == NP_VERTEX_NONE ? 0 : np_class_id_of(g->classes, by) + 1;
	}
	uint64_t *bytes = nested_bytes(g, group_of);
	for (size_t i = 0; i < g->by_id.len; i++)
		g->by_id.data[i].held_bytes = bytes[i];
	free(bytes);
	free(group_of);
}

void np_dominators_by_class(np_graph *graph, np_classes *classes, struct np_dominators *d, const np_vertex *nodes,
			    size_t count, struct np_by_class *ret)
{
	struct gather g = {.graph = graph, .classes = classes, .dominators = d};
	uint64_t *seen = np_xcalloc((size_t)np_graph_node_count(graph) / 64 + 1, sizeof(*seen));
	for (size_t i = 0; i < count; i++) {
		np_vertex by = dominator_of(graph, d, nodes[i]);
		struct np_class_tally *t = tally_of(&g, by == NP_VERTEX_NONE ? NP_VERTEX_NONE : np_class_id_of(classes, by));
		t->held++;
		t->held_bytes += d->retained[nodes[i]];
		if (by == NP_VERTEX_NONE || seen[by / 64] >> (by % 64) & 1)
			continue;
		seen[by / 64] |= 1ull << (by % 64);
		node_take(&g, by);
	}
	free(seen);
	if (nodes_nest(graph, d, nodes, count))
		held_once(&g, nodes, count);
	if (nodes_nest(graph, d, g.nodes.data, g.nodes.len))
		retained_once(&g);
	np_vec_deinit(&g.nodes);
	tallies_finish(&g, held_compare, ret);
}

void np_by_class_deinit(struct np_by_class *by_class)
{
	free(by_class->nodes);
	free(by_class->tallies);
	*by_class = (struct np_by_class){0};
}

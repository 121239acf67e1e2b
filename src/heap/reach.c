#include "heap/reach.h"

#include <stdlib.h>

#include "base/vec.h"
#include "heap/graph_internal.h"

/* --- roots --- */

struct collect {
	np_graph *graph;
	np_arena *arena;
	NP_VEC(struct np_graph_root) found;
};

static bool root_take(void *ctx, const struct np_root *root)
{
	struct collect *c = ctx;
	if (!np_is_ref(root->value))
		return true;
	np_vertex node = np_graph_find(c->graph, np_ref(root->value));
	if (node != NP_VERTEX_NONE)
		np_vec_push(&c->found, (struct np_graph_root){node, root->kind, root->is_weak, root->tid, root->slot,
							      root->name ? np_arena_strdup(c->arena, root->name) : NULL});
	return true;
}

static int root_compare(const void *a, const void *b)
{
	const struct np_graph_root *x = a, *y = b;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->is_weak != y->is_weak)
		return x->is_weak ? 1 : -1;
	if (np_root_is_transient(x->kind) != np_root_is_transient(y->kind))
		return np_root_is_transient(x->kind) ? 1 : -1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* Isolates that own pages of the graph. */
static size_t isolates_of(np_graph *g, np_addr *ret, size_t max)
{
	np_heap *heap = np_graph_heap(g);
	size_t n = 0;
	for (size_t i = 0; i < np_heap_page_count(heap); i++) {
		np_addr isolate = np_heap_page(heap, i)->isolate;
		size_t k = 0;
		while (k < n && ret[k] != isolate)
			k++;
		if (isolate && k == n && n < max && np_graph_has_isolate(g, isolate))
			ret[n++] = isolate;
	}
	return n;
}

np_err *np_graph_roots_load(np_graph *g, np_arena *arena, struct np_graph_roots *ret)
{
	enum { ISOLATES_MAX = 1024 };
	np_addr isolates[ISOLATES_MAX];
	struct collect c = {.graph = g, .arena = arena};
	struct np_graph_roots roots = {0};
	size_t n = isolates_of(g, isolates, ISOLATES_MAX);
	for (size_t i = 0; i < n; i++) {
		np_err *err = np_roots_visit(np_graph_heap(g), isolates[i], root_take, &c, &roots.report);
		if (err) {
			np_vec_deinit(&c.found);
			return err;
		}
	}
	if (c.found.len)
		qsort(c.found.data, c.found.len, sizeof(*c.found.data), root_compare);
	roots.all = np_arena_memdup(arena, c.found.data, c.found.len * sizeof(*c.found.data));
	roots.count = c.found.len;
	np_vec_deinit(&c.found);
	*ret = roots;
	return NULL;
}

const struct np_graph_root *np_graph_root_of(const struct np_graph_roots *roots, np_vertex node)
{
	size_t low = 0, high = roots->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (roots->all[mid].node < node)
			low = mid + 1;
		else
			high = mid;
	}
	return low < roots->count && roots->all[low].node == node ? &roots->all[low] : NULL;
}

bool np_root_is_transient(enum np_root_kind kind)
{
	return kind == NP_ROOT_STACK || kind == NP_ROOT_HANDLE_SCOPE || kind == NP_ROOT_CONSERVATIVE ||
	       kind == NP_ROOT_DISPATCH_TABLE;
}

/* --- the pass --- */

struct pass {
	const np_graph *graph;
	struct np_reach *reach;
	np_vertex *queue;
	size_t head, tail;
};

static inline void pass_push(struct pass *p, np_vertex node, np_vertex parent)
{
	uint64_t *word = &p->reach->live[node / 64], bit = 1ull << (node % 64);
	if (*word & bit)
		return;
	*word |= bit;
	if (p->reach->parent)
		p->reach->parent[node] = parent;
	p->queue[p->tail++] = node;
}

static void pass_run(struct pass *p)
{
	while (p->head < p->tail) {
		np_vertex node = p->queue[p->head++];
		const uint32_t *edge = p->graph->edges + p->graph->rows[node], *end = p->graph->edges + p->graph->rows[node + 1];
		for (; edge < end; edge++)
			if (!np_edge_is_weak(*edge))
				pass_push(p, *edge, node);
	}
}

/* Values whose table and key are alive; true when that reached something new. */
static bool pass_ephemerons(struct pass *p)
{
	size_t n = np_graph_ephemeron_count(p->graph), before = p->tail;
	const struct np_ephemeron *e = np_graph_ephemerons(p->graph);
	for (size_t i = 0; i < n; i++) {
		if (p->reach->ephemeron_is_live[i] || !np_reach_has(p->reach, e[i].table) ||
		    !np_reach_has(p->reach, e[i].key))
			continue;
		p->reach->ephemeron_is_live[i] = true;
		if (e[i].value != NP_VERTEX_NONE)
			pass_push(p, e[i].value, e[i].key);
	}
	return p->tail != before;
}

void np_reach_init(const np_graph *g, const struct np_graph_roots *roots, bool with_parents, struct np_reach *ret)
{
	np_vertex n = np_graph_node_count(g);
	struct np_reach reach = {0};
	reach.live = np_xcalloc((size_t)n / 64 + 1, sizeof(*reach.live));
	reach.ephemeron_is_live = np_xcalloc(np_graph_ephemeron_count(g) + 1, sizeof(*reach.ephemeron_is_live));
	if (with_parents) {
		reach.parent = np_xmalloc_huge(((size_t)n + 1) * sizeof(*reach.parent));
		for (np_vertex i = 0; i < n; i++)
			reach.parent[i] = NP_VERTEX_NONE;
	}
	struct pass p = {.graph = g, .reach = &reach};
	p.queue = np_xmalloc_huge(((size_t)n + 1) * sizeof(*p.queue));
	for (int transient = 0; transient < 2; transient++) {
		for (size_t i = 0; i < roots->count; i++)
			if (!roots->all[i].is_weak && np_root_is_transient(roots->all[i].kind) == (transient == 1))
				pass_push(&p, roots->all[i].node, NP_VERTEX_NONE);
		do
			pass_run(&p);
		while (pass_ephemerons(&p));
	}
	for (size_t i = 0; i < p.tail; i++) {
		if (np_graph_is_external(g, p.queue[i])) {
			reach.external_bytes += np_graph_size(g, p.queue[i]);
		} else {
			reach.count++;
			reach.bytes += np_graph_size(g, p.queue[i]);
		}
	}
	free(p.queue);
	*ret = reach;
}

void np_reach_deinit(struct np_reach *reach)
{
	free(reach->live);
	free(reach->parent);
	free(reach->ephemeron_is_live);
	*reach = (struct np_reach){0};
}

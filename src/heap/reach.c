#include "heap/reach.h"

#include <stdlib.h>

#include "base/sections.h"
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

/* The queue is a chain of blocks; those that were read are used again. */
enum { BLOCK_NODES = 16 << 10, AHEAD = 12 };

struct block {
	struct block *next;
	np_vertex nodes[BLOCK_NODES];
};

struct pass {
	const np_graph *graph;
	const struct np_graph_roots *roots;
	uint64_t *live;
	bool *ephemeron_is_live;
	uint32_t *parent; /* may be NULL */
	struct block *first, *last, *spare;
	size_t head, tail; /* in first, in last */
	uint64_t pushed;
};

static void pass_grow(struct pass *p)
{
	struct block *b = p->spare ? p->spare : np_xmalloc(sizeof(*b));
	p->spare = p->spare ? p->spare->next : NULL;
	b->next = NULL;
	if (p->last)
		p->last->next = b;
	else
		p->first = b;
	p->last = b;
	p->tail = 0;
}

static inline void pass_push(struct pass *p, np_vertex node, np_vertex parent)
{
	uint64_t *word = &p->live[node / 64], bit = 1ull << (node % 64);
	if (*word & bit)
		return;
	*word |= bit;
	if (p->parent)
		p->parent[node] = parent;
	if (!p->last || p->tail == BLOCK_NODES)
		pass_grow(p);
	p->last->nodes[p->tail++] = node;
	p->pushed++;
}

static inline void pass_visit(struct pass *p, np_vertex node)
{
	const uint32_t *edge = p->graph->edges + p->graph->rows[node], *end = p->graph->edges + p->graph->rows[node + 1];
	for (; edge < end; edge++)
		if (!np_edge_is_weak(*edge))
			pass_push(p, *edge, node);
}

/* Nodes lie about in memory: what comes soon is asked for in time. */
static void pass_run(struct pass *p)
{
	const uint32_t *rows = p->graph->rows, *edges = p->graph->edges;
	while (p->first) {
		struct block *b = p->first;
		bool is_last = b == p->last;
		size_t end = is_last ? p->tail : BLOCK_NODES;
		if (p->head == end && is_last)
			return;
		for (; p->head < end; p->head++) {
			if (p->head + 2 * AHEAD < end) {
				__builtin_prefetch(&rows[b->nodes[p->head + 2 * AHEAD]]);
				__builtin_prefetch(&edges[rows[b->nodes[p->head + AHEAD]]]);
			}
			pass_visit(p, b->nodes[p->head]);
		}
		if (p->head < BLOCK_NODES || b == p->last) /* more may have come behind */
			continue;
		p->first = b->next;
		p->head = 0;
		b->next = p->spare;
		p->spare = b;
	}
}

static void pass_deinit(struct pass *p)
{
	struct block *lists[] = {p->first, p->spare};
	for (size_t i = 0; i < NP_ARRAY_LEN(lists); i++)
		for (struct block *b = lists[i], *next; b; b = next) {
			next = b->next;
			free(b);
		}
}

static bool pass_has(const struct pass *p, np_vertex node)
{
	return p->live[node / 64] >> (node % 64) & 1;
}

/* Values whose table and key are alive; true when that reached something new. */
static bool pass_ephemerons(struct pass *p)
{
	size_t n = np_graph_ephemeron_count(p->graph);
	uint64_t before = p->pushed;
	const struct np_ephemeron *e = np_graph_ephemerons(p->graph);
	for (size_t i = 0; i < n; i++) {
		if (p->ephemeron_is_live[i] || !pass_has(p, e[i].table) || !pass_has(p, e[i].key))
			continue;
		p->ephemeron_is_live[i] = true;
		if (e[i].value != NP_VERTEX_NONE)
			pass_push(p, e[i].value, e[i].key);
	}
	return p->pushed != before;
}

static void reach_sum(const np_graph *g, struct np_reach *reach)
{
	size_t words = (size_t)np_graph_node_count(g) / 64 + 1;
	for (size_t i = 0; i < words; i++)
		for (uint64_t bits = reach->live[i]; bits; bits &= bits - 1) {
			np_vertex node = (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits));
			if (np_graph_is_external(g, node)) {
				reach->external_bytes += np_graph_size(g, node);
			} else {
				reach->count++;
				reach->bytes += (uint64_t)graph_words(g, node) << 3;
			}
		}
}

/* Roots that last, then those that come and go. */
static void pass_all(struct pass *p)
{
	size_t n = np_graph_node_count(p->graph);
	p->live = np_xcalloc(n / 64 + 1, sizeof(*p->live));
	p->ephemeron_is_live = np_xcalloc(np_graph_ephemeron_count(p->graph) + 1, sizeof(*p->ephemeron_is_live));
	for (int transient = 0; transient < 2; transient++) {
		for (size_t i = 0; i < p->roots->count; i++)
			if (!p->roots->all[i].is_weak && np_root_is_transient(p->roots->all[i].kind) == (transient == 1))
				pass_push(p, p->roots->all[i].node, NP_VERTEX_NONE);
		do
			pass_run(p);
		while (pass_ephemerons(p));
	}
	pass_deinit(p);
}

struct np_reach_parents {
	const np_graph *graph;
	const struct np_graph_roots *roots;
	uint32_t *parent; /* NULL until asked for */
	bool is_mapped;	  /* parent is */
};

void np_reach_init(const np_graph *g, const struct np_graph_roots *roots, struct np_reach *ret)
{
	struct pass p = {.graph = g, .roots = roots};
	pass_all(&p);
	struct np_reach reach = {.live = p.live, .ephemeron_is_live = p.ephemeron_is_live};
	reach.parents = np_xmalloc(sizeof(*reach.parents));
	*reach.parents = (struct np_reach_parents){.graph = g, .roots = roots};
	reach_sum(g, &reach);
	*ret = reach;
}

const uint32_t *np_reach_parents(const struct np_reach *reach)
{
	struct np_reach_parents *r = reach->parents;
	if (!r->parent) {
		size_t n = np_graph_node_count(r->graph);
		r->parent = np_xmalloc_huge((n + 1) * sizeof(*r->parent));
		memset(r->parent, 0xff, n * sizeof(*r->parent)); /* NP_VERTEX_NONE */
		struct pass p = {.graph = r->graph, .roots = r->roots, .parent = r->parent};
		pass_all(&p);
		free(p.live);
		free(p.ephemeron_is_live);
	}
	return r->parent;
}

bool np_reach_parents_are_new(const struct np_reach *reach)
{
	return reach->parents->parent && !reach->parents->is_mapped;
}

void np_reach_deinit(struct np_reach *reach)
{
	if (!reach->is_mapped) {
		free(reach->live);
		free(reach->ephemeron_is_live);
	}
	if (reach->parents && !reach->parents->is_mapped)
		free(reach->parents->parent);
	free(reach->parents);
	*reach = (struct np_reach){0};
}

/* --- in a file --- */

struct saved_sums {
	uint64_t count, bytes, external_bytes;
};

void np_reach_save(const struct np_reach *reach, struct np_sections_out *out)
{
	const np_graph *g = reach->parents->graph;
	size_t n = np_graph_node_count(g);
	struct saved_sums sums = {reach->count, reach->bytes, reach->external_bytes};
	np_sections_put(out, "sums", &sums, sizeof(sums));
	np_sections_put(out, "live", reach->live, (n / 64 + 1) * sizeof(*reach->live));
	np_sections_put(out, "ephemerons", reach->ephemeron_is_live, np_graph_ephemeron_count(g));
	if (reach->parents->parent)
		np_sections_put(out, "parents", reach->parents->parent, n * sizeof(*reach->parents->parent));
}

bool np_reach_load(const np_graph *g, const struct np_graph_roots *roots, const struct np_sections *in, struct np_reach *ret)
{
	size_t n = np_graph_node_count(g);
	const struct saved_sums *sums = np_sections_array(in, "sums", 1, sizeof(*sums));
	const uint64_t *live = np_sections_array(in, "live", n / 64 + 1, sizeof(*live));
	const bool *ephemerons = np_sections_array(in, "ephemerons", np_graph_ephemeron_count(g), sizeof(*ephemerons));
	const uint32_t *parent = np_sections_array(in, "parents", n, sizeof(*parent));
	if (!sums || !live || !ephemerons)
		return false;
	struct np_reach reach = {
		.live = (uint64_t *)live,
		.ephemeron_is_live = (bool *)ephemerons,
		.count = (np_vertex)sums->count,
		.bytes = sums->bytes,
		.external_bytes = sums->external_bytes,
		.is_mapped = true,
		.parents = np_xmalloc(sizeof(*reach.parents)),
	};
	*reach.parents = (struct np_reach_parents){.graph = g, .roots = roots, .parent = (uint32_t *)parent, .is_mapped = parent};
	*ret = reach;
	return true;
}

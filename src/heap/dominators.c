#include "heap/dominators.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/parallel.h"
#include "base/sections.h"
#include "base/vec.h"
#include "heap/graph_internal.h"

/*
 * The passes are bound by memory, so the graph is made smaller first, in ways
 * that leave the dominators as they are:
 *
 *   - Edges into a strong root do not count: the virtual root leads there too,
 *     on a way with fewer nodes.  That takes most maps and oddballs out.
 *   - A node that leads nowhere else (strings, numbers, bytes: often half of the
 *     heap) is a leaf: it dominates nothing, and its dominator is the nearest
 *     common one of its holders, found when theirs are known.
 *
 * What is left is inner.  Inner nodes have numbers of the depth-first pass: 0 the
 * virtual root, then 1..count.  Of the edges among them only those that go to
 * lower numbers are kept; one to a higher number comes from an ancestor, whose
 * number is all that the semidominator wants of it.
 */
struct vert {
	/*
	 * At first the number of its predecessors, then where their row ends; from when its semidominator is known,
	 * parent in the tree, its paths compressed; at last a dominator some levels up.
	 */
	uint32_t ancestor;
	uint32_t label;	   /* vertex with the least semidominator on the compressed path; at last: depth */
	uint32_t semi;
	uint32_t dominator; /* parent in the tree at first */
};

struct tree {
	const np_graph *graph;
	const struct np_graph_roots *roots;
	const uint32_t *rows, *edges; /* of the graph */
	uint64_t *is_root, *is_leaf;  /* a bit a node */
	uint32_t count;
	uint32_t *number;    /* by node; 0: not reached; of leaves: see leaf_take() */
	np_vertex *vertex;   /* node, by number; NULL until dominators are known */
	struct vert *verts;  /* by number */
	uint32_t *preds;     /* rows by number; the first begins at 0 */
	struct np_ephemeron *ephemerons; /* live ones with a value, by key */
	size_t ephemeron_count;
	uint64_t *is_key; /* a bit a node */
};

static inline bool bit_of(const uint64_t *bits, np_vertex node)
{
	return bits[node / 64] >> (node % 64) & 1;
}

/* --- edges that count --- */

static int ephemeron_compare(const void *a, const void *b)
{
	np_vertex x = ((const struct np_ephemeron *)a)->key, y = ((const struct np_ephemeron *)b)->key;
	return x < y ? -1 : x > y;
}

static void ephemerons_gather(struct tree *t, const struct np_reach *reach)
{
	size_t n = np_graph_ephemeron_count(t->graph);
	const struct np_ephemeron *all = np_graph_ephemerons(t->graph);
	t->ephemerons = np_xmalloc((n + 1) * sizeof(*t->ephemerons));
	t->is_key = np_xcalloc((size_t)np_graph_node_count(t->graph) / 64 + 1, sizeof(*t->is_key));
	for (size_t i = 0; i < n; i++)
		if (reach->ephemeron_is_live[i] && all[i].value != NP_VERTEX_NONE) {
			t->ephemerons[t->ephemeron_count++] = all[i];
			t->is_key[all[i].key / 64] |= 1ull << (all[i].key % 64);
		}
	qsort(t->ephemerons, t->ephemeron_count, sizeof(*t->ephemerons), ephemeron_compare);
}

static size_t ephemeron_first(const struct tree *t, np_vertex key)
{
	size_t low = 0, high = t->ephemeron_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (t->ephemerons[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * Edge i of a node: its row, then the values of tables that it is a key of.
 * NP_VERTEX_NONE: it is weak, or leads to a root; false: past the last.
 */
static inline bool node_edge(const struct tree *t, np_vertex node, uint32_t i, np_vertex *ret)
{
	uint32_t at = t->rows[node] + i, end = t->rows[node + 1];
	if (at < end) {
		uint32_t edge = t->edges[at];
		*ret = np_edge_is_weak(edge) || bit_of(t->is_root, edge) ? NP_VERTEX_NONE : edge;
		return true;
	}
	if (!bit_of(t->is_key, node))
		return false;
	size_t e = ephemeron_first(t, node) + (at - end);
	if (e >= t->ephemeron_count || t->ephemerons[e].key != node)
		return false;
	*ret = bit_of(t->is_root, t->ephemerons[e].value) ? NP_VERTEX_NONE : t->ephemerons[e].value;
	return true;
}

/* --- leaves --- */

enum { LEAF_CHUNK_NODES = 64 * 4096 };

static bool leads_somewhere(const struct tree *t, np_vertex node)
{
	np_vertex target;
	for (uint32_t i = 0; node_edge(t, node, i, &target); i++)
		if (target != NP_VERTEX_NONE && target != node)
			return true;
	return false;
}

static void leaves_mark(void *ctx, size_t item, unsigned worker)
{
	struct tree *t = ctx;
	np_vertex from = (np_vertex)item * LEAF_CHUNK_NODES, end = np_graph_node_count(t->graph);
	(void)worker;
	if (end - from > LEAF_CHUNK_NODES)
		end = from + LEAF_CHUNK_NODES;
	for (np_vertex node = from; node < end; node++)
		if (!leads_somewhere(t, node))
			t->is_leaf[node / 64] |= 1ull << (node % 64);
}

static void tree_shrink(struct tree *t)
{
	size_t n = np_graph_node_count(t->graph);
	t->is_root = np_xcalloc(n / 64 + 1, sizeof(*t->is_root));
	t->is_leaf = np_xcalloc(n / 64 + 1, sizeof(*t->is_leaf));
	for (size_t i = 0; i < t->roots->count; i++)
		if (!t->roots->all[i].is_weak)
			t->is_root[t->roots->all[i].node / 64] |= 1ull << (t->roots->all[i].node % 64);
	np_parallel((n + LEAF_CHUNK_NODES - 1) / LEAF_CHUNK_NODES, t->graph->threads ? t->graph->threads : 1, leaves_mark, t);
}

/* --- the depth-first pass --- */

/* The way to where the pass is. */
struct step {
	np_vertex node;
	uint32_t edge; /* of it, that comes next */
};

struct steps {
	NP_VEC(struct step) all;
};

static uint32_t tree_enter(struct tree *t, np_vertex node, uint32_t parent, struct steps *steps)
{
	uint32_t at = ++t->count;
	t->number[node] = at;
	t->verts[at] = (struct vert){.label = at, .semi = parent, .dominator = parent};
	np_vec_push(&steps->all, (struct step){node, 0});
	return at;
}

/* Edges that lead back to lower numbers are counted on the way. */
static void tree_descend(struct tree *t, np_vertex from, struct steps *steps)
{
	uint32_t at = tree_enter(t, from, 0, steps);
	while (at) {
		np_vertex next;
		struct step *step = &steps->all.data[steps->all.len - 1];
		if (!node_edge(t, step->node, step->edge++, &next)) {
			at = t->verts[at].dominator;
			steps->all.len--;
			continue;
		}
		if (next == NP_VERTEX_NONE || bit_of(t->is_leaf, next))
			continue;
		uint32_t to = t->number[next];
		if (!to)
			at = tree_enter(t, next, at, steps);
		else if (to < at)
			t->verts[to].ancestor++;
	}
}

static void tree_number(struct tree *t)
{
	size_t n = (size_t)np_graph_node_count(t->graph) + 1;
	struct steps steps = {0};
	t->number = np_xcalloc_huge(n, sizeof(*t->number));
	t->verts = np_xmalloc_huge(n * sizeof(*t->verts)); /* touched only as far as there are inner nodes */
	t->verts[0] = (struct vert){0};
	for (size_t i = 0; i < t->roots->count; i++) {
		np_vertex node = t->roots->all[i].node;
		if (!t->roots->all[i].is_weak && !bit_of(t->is_leaf, node) && !t->number[node])
			tree_descend(t, node, &steps);
	}
	np_vec_deinit(&steps.all);
}

/* Rows of predecessors with higher numbers; of the others the least. */
static np_err *tree_reverse(struct tree *t)
{
	uint64_t total = 0;
	np_vertex target, n = np_graph_node_count(t->graph);
	for (uint32_t v = 1; v <= t->count; v++) {
		uint32_t count = t->verts[v].ancestor;
		t->verts[v].ancestor = (uint32_t)total;
		total += count;
		if (total > UINT32_MAX)
			return np_err_new(NP_ELIMIT, "the heap has more references than dominators can be computed for");
	}
	t->preds = np_xmalloc_huge((size_t)(total ? total : 1) * sizeof(*t->preds));
	for (np_vertex node = 0; node < n; node++) {
		uint32_t from = bit_of(t->is_leaf, node) ? 0 : t->number[node];
		for (uint32_t i = 0; from && node_edge(t, node, i, &target); i++) {
			uint32_t to = target == NP_VERTEX_NONE || bit_of(t->is_leaf, target) ? 0 : t->number[target];
			if (to && to < from)
				t->preds[t->verts[to].ancestor++] = from;
			else if (to && t->verts[to].semi > from)
				t->verts[to].semi = from;
		}
	}
	np_debug("heap: dominators of %u inner nodes of %u, %llu edges back", t->count, n, (unsigned long long)total);
	return NULL;
}

/* --- semi-NCA --- */

struct path {
	NP_VEC(uint32_t) nodes;
};

/* The label with the least semidominator on the path of linked ancestors (those numbered `linked` or higher). */
static uint32_t tree_eval(struct vert *verts, uint32_t v, uint32_t linked, struct path *path)
{
	if (verts[v].ancestor < linked)
		return verts[v].label;
	path->nodes.len = 0;
	do {
		np_vec_push(&path->nodes, v);
		v = verts[v].ancestor;
	} while (verts[v].ancestor >= linked);
	uint32_t above = v, best = verts[v].label;
	while (path->nodes.len) {
		v = path->nodes.data[--path->nodes.len];
		verts[v].ancestor = verts[above].ancestor;
		if (verts[best].semi < verts[verts[v].label].semi)
			verts[v].label = best;
		else
			best = verts[v].label;
		above = v;
	}
	return verts[v].label;
}

static void tree_semidominators(struct tree *t)
{
	struct path path = {0};
	struct vert *verts = t->verts;
	for (uint32_t v = t->count; v >= 1; v--) {
		uint32_t semi = verts[v].semi;
		for (uint32_t e = verts[v - 1].ancestor; e < verts[v].ancestor; e++) {
			uint32_t s = verts[tree_eval(verts, t->preds[e], v + 1, &path)].semi;
			semi = s < semi ? s : semi;
		}
		verts[v].semi = semi;
		verts[v].ancestor = verts[v].dominator;
	}
	np_vec_deinit(&path.nodes);
}

/* By ascending numbers: those of the parents are known. */
static void tree_dominators(struct tree *t)
{
	struct vert *verts = t->verts;
	for (uint32_t v = 1; v <= t->count; v++) {
		uint32_t d = verts[v].dominator;
		while (d > verts[v].semi)
			d = verts[d].dominator;
		verts[v].dominator = d;
	}
}

/* --- leaves again: the nearest common dominator of their holders --- */

/*
 * A vertex far up for each, so that two of them meet in a logarithm of steps
 * (Myers, "An applicative random-access stack", 1983).
 */
static void tree_jumps(struct tree *t)
{
	struct vert *verts = t->verts;
	verts[0] = (struct vert){0};
	for (uint32_t v = 1; v <= t->count; v++) {
		uint32_t up = verts[v].dominator, jump = verts[up].ancestor, jump2 = verts[jump].ancestor;
		verts[v].label = verts[up].label + 1;
		verts[v].ancestor = verts[up].label - verts[jump].label == verts[jump].label - verts[jump2].label ? jump2 : up;
	}
}

static uint32_t tree_common(const struct vert *verts, uint32_t a, uint32_t b)
{
	if (verts[a].label < verts[b].label) {
		uint32_t swap = a;
		a = b;
		b = swap;
	}
	while (verts[a].label > verts[b].label)
		a = verts[verts[a].ancestor].label >= verts[b].label ? verts[a].ancestor : verts[a].dominator;
	while (a != b) {
		bool far = verts[a].ancestor != verts[b].ancestor;
		a = far ? verts[a].ancestor : verts[a].dominator;
		b = far ? verts[b].ancestor : verts[b].dominator;
	}
	return a;
}

static inline void leaf_take(const struct tree *t, np_vertex leaf, uint32_t holder)
{
	uint32_t *d = &t->number[leaf]; /* its dominator's number + 1; 0: not reached yet */
	if (!*d)
		*d = holder + 1;
	else if (*d != holder + 1 && *d != 1)
		*d = tree_common(t->verts, *d - 1, holder) + 1;
}

static void tree_leaves(struct tree *t)
{
	np_vertex target, n = np_graph_node_count(t->graph);
	tree_jumps(t);
	for (size_t i = 0; i < t->roots->count; i++)
		if (!t->roots->all[i].is_weak && bit_of(t->is_leaf, t->roots->all[i].node))
			t->number[t->roots->all[i].node] = 1;
	for (np_vertex node = 0; node < n; node++) {
		if (bit_of(t->is_leaf, node) || !t->number[node])
			continue;
		for (uint32_t i = 0; node_edge(t, node, i, &target); i++)
			if (target != NP_VERTEX_NONE && bit_of(t->is_leaf, target))
				leaf_take(t, target, t->number[node]);
	}
}

/* Numbers give way to dominators, as nodes; leaves that nothing reaches lose their bit. */
static np_vertex *tree_parents(struct tree *t)
{
	np_vertex n = np_graph_node_count(t->graph);
	np_vertex *parent = t->number;
	t->vertex = np_xmalloc_huge(((size_t)t->count + 1) * sizeof(*t->vertex));
	t->vertex[0] = NP_VERTEX_NONE;
	for (np_vertex node = 0; node < n; node++)
		if (!bit_of(t->is_leaf, node) && t->number[node])
			t->vertex[t->number[node]] = node;
	for (np_vertex node = 0; node < n; node++) {
		uint32_t number = t->number[node];
		if (bit_of(t->is_leaf, node)) {
			parent[node] = number ? t->vertex[number - 1] : NP_VERTEX_NONE;
			if (!number)
				t->is_leaf[node / 64] &= ~(1ull << (node % 64));
		} else {
			parent[node] = number ? t->vertex[t->verts[number].dominator] : NP_VERTEX_NONE;
		}
	}
	t->number = NULL;
	return parent;
}

static void retained_add(struct tree *t, struct np_dominators *d, np_vertex node)
{
	np_vertex dominator = d->parent[node];
	d->retained[node] += np_graph_size(t->graph, node);
	if (dominator != NP_VERTEX_NONE)
		d->retained[dominator] += d->retained[node];
	else
		d->total_bytes += d->retained[node];
}

static void tree_retained(struct tree *t, struct np_dominators *d)
{
	np_vertex nodes = np_graph_node_count(t->graph);
	d->node_count = nodes;
	d->parent = tree_parents(t);
	free(t->verts);
	t->verts = NULL;
	d->retained = np_xcalloc_huge((size_t)nodes + 1, sizeof(*d->retained));
	for (np_vertex node = 0; node < nodes; node++)
		if (bit_of(t->is_leaf, node))
			retained_add(t, d, node);
	for (uint32_t v = t->count; v >= 1; v--)
		retained_add(t, d, t->vertex[v]);
}

np_err *np_dominators_init(const np_graph *g, const struct np_graph_roots *roots, const struct np_reach *reach,
			   struct np_dominators *ret)
{
	struct tree t = {.graph = g, .roots = roots, .rows = g->rows, .edges = g->edges};
	struct np_dominators d = {0};
	ephemerons_gather(&t, reach);
	tree_shrink(&t);
	tree_number(&t);
	np_err *err = tree_reverse(&t);
	if (!err) {
		tree_semidominators(&t);
		free(t.preds);
		t.preds = NULL;
		tree_dominators(&t);
		tree_leaves(&t);
		tree_retained(&t, &d);
		*ret = d;
	}
	free(t.number);
	free(t.vertex);
	free(t.verts);
	free(t.preds);
	free(t.is_root);
	free(t.is_leaf);
	free(t.ephemerons);
	free(t.is_key);
	return err;
}

void np_dominators_deinit(struct np_dominators *d)
{
	if (!d->is_mapped) {
		free(d->parent);
		free(d->retained);
	}
	free(d->child_rows);
	free(d->children);
	free(d->big_parents);
	free(d->big_children);
	*d = (struct np_dominators){0};
}

/* --- in a file --- */

void np_dominators_save(const struct np_dominators *d, struct np_sections_out *out)
{
	np_sections_put(out, "total", &d->total_bytes, sizeof(d->total_bytes));
	np_sections_put(out, "dominators", d->parent, (size_t)d->node_count * sizeof(*d->parent));
	np_sections_put(out, "retained", d->retained, (size_t)d->node_count * sizeof(*d->retained));
}

bool np_dominators_load(const np_graph *g, const struct np_sections *in, struct np_dominators *ret)
{
	size_t n = np_graph_node_count(g);
	const uint64_t *total = np_sections_array(in, "total", 1, sizeof(*total));
	const uint32_t *parent = np_sections_array(in, "dominators", n, sizeof(*parent));
	const uint64_t *retained = np_sections_array(in, "retained", n, sizeof(*retained));
	if (!total || !parent || !retained)
		return false;
	*ret = (struct np_dominators){.parent = (uint32_t *)parent, .retained = (uint64_t *)retained, .total_bytes = *total,
				      .node_count = (np_vertex)n, .is_mapped = true};
	return true;
}

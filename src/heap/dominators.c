#include "heap/dominators.h"

#include <stdlib.h>

#include "base/vec.h"
#include "heap/graph_internal.h"

/*
 * Numbers are of the depth-first pass: 0 the virtual root, then 1..count.  The
 * passes are bound by memory: what belongs to one vertex lies together, and
 * arrays are dropped as soon as the next step needs none of them.
 */
struct vert {
	uint32_t ancestor; /* parent in the tree, its paths compressed */
	uint32_t label;	   /* vertex with the least semidominator on the compressed path */
	uint32_t semi;
	uint32_t dominator; /* parent in the tree at first */
};

struct slot {
	uint32_t number; /* 0: not reached */
	uint32_t preds;	 /* their count, then where the next one goes */
};

struct tree {
	const np_graph *graph;
	const struct np_graph_roots *roots;
	const uint32_t *rows, *edges; /* of the graph */
	uint32_t count;
	struct slot *slots;	/* by node */
	uint32_t *vertex;	/* node, by number */
	uint32_t *parent;	/* by number */
	struct vert *verts;	/* by number */
	uint32_t *pred_rows, *preds;
	struct np_ephemeron *ephemerons; /* live ones with a value, by key */
	size_t ephemeron_count;
	uint64_t *is_key; /* a bit a node */
};

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
 * NP_VERTEX_NONE: weak; false: past the last.
 */
static inline bool node_edge(const struct tree *t, np_vertex node, uint32_t i, np_vertex *ret)
{
	uint32_t at = t->rows[node] + i, end = t->rows[node + 1];
	if (at < end) {
		*ret = np_edge_is_weak(t->edges[at]) ? NP_VERTEX_NONE : t->edges[at];
		return true;
	}
	if (!(t->is_key[node / 64] >> (node % 64) & 1))
		return false;
	size_t e = ephemeron_first(t, node) + (at - end);
	if (e >= t->ephemeron_count || t->ephemerons[e].key != node)
		return false;
	*ret = t->ephemerons[e].value;
	return true;
}

/* --- the depth-first pass --- */

static uint32_t tree_enter(struct tree *t, np_vertex node, uint32_t parent, uint32_t *cursor)
{
	uint32_t at = ++t->count;
	t->slots[node].number = at;
	t->vertex[at] = node;
	t->parent[at] = parent;
	cursor[at] = 0;
	return at;
}

/* Every edge of what is reached is passed once here: its target's predecessors are counted on the way. */
static void tree_descend(struct tree *t, np_vertex from, uint32_t *cursor)
{
	t->slots[from].preds++;
	if (t->slots[from].number)
		return;
	uint32_t at = tree_enter(t, from, 0, cursor);
	while (at) {
		np_vertex next;
		if (!node_edge(t, t->vertex[at], cursor[at]++, &next)) {
			at = t->parent[at];
			continue;
		}
		if (next == NP_VERTEX_NONE)
			continue;
		t->slots[next].preds++;
		if (!t->slots[next].number)
			at = tree_enter(t, next, at, cursor);
	}
}

/* Rows of predecessors, by number. */
static np_err *tree_reverse(struct tree *t)
{
	uint64_t total = 0;
	np_vertex target;
	t->pred_rows = np_xmalloc_huge(((size_t)t->count + 2) * sizeof(*t->pred_rows));
	for (uint32_t v = 1; v <= t->count; v++) {
		struct slot *s = &t->slots[t->vertex[v]];
		uint32_t count = s->preds;
		t->pred_rows[v] = s->preds = (uint32_t)total;
		total += count;
		if (total > UINT32_MAX)
			return np_err_new(NP_ELIMIT, "the heap has more references than dominators can be computed for");
	}
	t->pred_rows[t->count + 1] = (uint32_t)total;
	t->preds = np_xmalloc_huge((size_t)(total ? total : 1) * sizeof(*t->preds));
	for (size_t i = 0; i < t->roots->count; i++)
		if (!t->roots->all[i].is_weak)
			t->preds[t->slots[t->roots->all[i].node].preds++] = 0;
	for (uint32_t v = 1; v <= t->count; v++)
		for (uint32_t i = 0; node_edge(t, t->vertex[v], i, &target); i++)
			if (target != NP_VERTEX_NONE)
				t->preds[t->slots[target].preds++] = v;
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
		uint32_t semi = verts[v].dominator;
		for (uint32_t e = t->pred_rows[v]; e < t->pred_rows[v + 1]; e++) {
			uint32_t p = t->preds[e]; /* one that is not linked yet stands for itself */
			uint32_t s = p <= v ? p : verts[tree_eval(verts, p, v + 1, &path)].semi;
			semi = s < semi ? s : semi;
		}
		verts[v].semi = semi;
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

static void tree_retained(struct tree *t, struct np_dominators *d)
{
	np_vertex nodes = np_graph_node_count(t->graph);
	d->node_count = nodes;
	d->parent = np_xmalloc_huge(((size_t)nodes + 1) * sizeof(*d->parent));
	for (np_vertex i = 0; i < nodes; i++)
		d->parent[i] = NP_VERTEX_NONE;
	d->retained = np_xcalloc_huge((size_t)nodes + 1, sizeof(*d->retained));
	for (uint32_t v = t->count; v >= 1; v--) {
		np_vertex node = t->vertex[v];
		uint32_t dominator = t->verts[v].dominator;
		d->retained[node] += np_graph_size(t->graph, node);
		if (dominator) {
			d->parent[node] = t->vertex[dominator];
			d->retained[t->vertex[dominator]] += d->retained[node];
		} else {
			d->total_bytes += d->retained[node];
		}
	}
}

static void tree_verts(struct tree *t)
{
	t->verts = np_xmalloc_huge(((size_t)t->count + 1) * sizeof(*t->verts));
	t->verts[0] = (struct vert){0};
	for (uint32_t v = 1; v <= t->count; v++)
		t->verts[v] = (struct vert){.ancestor = t->parent[v], .label = v, .semi = v, .dominator = t->parent[v]};
	free(t->parent);
	free(t->slots);
	t->parent = NULL;
	t->slots = NULL;
}

static void tree_number(struct tree *t)
{
	size_t n = (size_t)np_graph_node_count(t->graph) + 2;
	uint32_t *cursor = np_xmalloc_huge(n * sizeof(*cursor));
	t->slots = np_xcalloc_huge(n, sizeof(*t->slots));
	t->vertex = np_xmalloc_huge(n * sizeof(*t->vertex));
	t->parent = np_xmalloc_huge(n * sizeof(*t->parent));
	t->parent[0] = 0;
	for (size_t i = 0; i < t->roots->count; i++)
		if (!t->roots->all[i].is_weak)
			tree_descend(t, t->roots->all[i].node, cursor);
	free(cursor);
}

np_err *np_dominators_init(const np_graph *g, const struct np_graph_roots *roots, const struct np_reach *reach,
			   struct np_dominators *ret)
{
	struct tree t = {.graph = g, .roots = roots, .rows = g->rows, .edges = g->edges};
	struct np_dominators d = {0};
	ephemerons_gather(&t, reach);
	tree_number(&t);
	np_err *err = tree_reverse(&t);
	if (!err) {
		tree_verts(&t);
		tree_semidominators(&t);
		free(t.preds);
		t.preds = NULL;
		tree_dominators(&t);
		tree_retained(&t, &d);
		*ret = d;
	}
	free(t.slots);
	free(t.vertex);
	free(t.parent);
	free(t.verts);
	free(t.pred_rows);
	free(t.preds);
	free(t.ephemerons);
	free(t.is_key);
	return err;
}

void np_dominators_deinit(struct np_dominators *d)
{
	free(d->parent);
	free(d->retained);
	free(d->child_rows);
	free(d->children);
	*d = (struct np_dominators){0};
}

static void children_build(struct np_dominators *d)
{
	/* Row n is that of the roots. */
	size_t n = d->node_count;
	d->child_rows = np_xcalloc_huge(n + 3, sizeof(*d->child_rows));
	d->children = np_xmalloc_huge((n + 1) * sizeof(*d->children));
	for (np_vertex i = 0; i < n; i++)
		if (d->retained[i])
			d->child_rows[(d->parent[i] == NP_VERTEX_NONE ? n : d->parent[i]) + 2]++;
	for (size_t i = 2; i < n + 3; i++)
		d->child_rows[i] += d->child_rows[i - 1];
	for (np_vertex i = 0; i < n; i++)
		if (d->retained[i])
			d->children[d->child_rows[(d->parent[i] == NP_VERTEX_NONE ? n : d->parent[i]) + 1]++] = i;
}

struct np_edges np_dominators_children(struct np_dominators *d, np_vertex node)
{
	if (!d->child_rows)
		children_build(d);
	size_t row = node == NP_VERTEX_NONE ? d->node_count : node;
	return (struct np_edges){d->children + d->child_rows[row], d->child_rows[row + 1] - d->child_rows[row]};
}

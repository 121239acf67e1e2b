#include "heap/dominators.h"

#include <stdlib.h>

#include "base/vec.h"

/*
 * Numbers are of the depth-first pass: 0 the virtual root, then 1..count.  They
 * index every array here but `number`, which is by node.
 */
struct tree {
	const np_graph *graph;
	const struct np_graph_roots *roots;
	uint32_t count;
	uint32_t *number; /* by node; 0: not reached */
	uint32_t *vertex; /* node */
	uint32_t *parent;
	uint32_t *semi, *label, *ancestor; /* ancestor: parent, its paths compressed */
	uint32_t *pred_rows, *preds;
	struct np_ephemeron *ephemerons; /* live ones with a value, by key */
	size_t ephemeron_count;
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
	for (size_t i = 0; i < n; i++)
		if (reach->ephemeron_is_live[i] && all[i].value != NP_VERTEX_NONE)
			t->ephemerons[t->ephemeron_count++] = all[i];
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

/* Edge i of a node: its row, then the values of tables that it is a key of. NP_VERTEX_NONE: weak; false: past the last. */
static bool node_edge(const struct tree *t, np_vertex node, uint32_t i, np_vertex *ret)
{
	struct np_edges row = np_graph_edges(t->graph, node);
	if (i < row.count) {
		*ret = np_edge_is_weak(row.targets[i]) ? NP_VERTEX_NONE : row.targets[i];
		return true;
	}
	if (!t->ephemeron_count)
		return false;
	size_t at = ephemeron_first(t, node) + (i - row.count);
	if (at >= t->ephemeron_count || t->ephemerons[at].key != node)
		return false;
	*ret = t->ephemerons[at].value;
	return true;
}

/* --- the depth-first pass --- */

static void tree_descend(struct tree *t, np_vertex from, uint32_t *cursor)
{
	if (t->number[from])
		return;
	uint32_t at = ++t->count; /* number of the node that is looked at */
	t->number[from] = at;
	t->vertex[at] = from;
	t->parent[at] = 0;
	cursor[at] = 0;
	while (at) {
		np_vertex next;
		if (!node_edge(t, t->vertex[at], cursor[at], &next)) {
			at = t->parent[at];
			continue;
		}
		cursor[at]++;
		if (next == NP_VERTEX_NONE || t->number[next])
			continue;
		uint32_t child = ++t->count;
		t->number[next] = child;
		t->vertex[child] = next;
		t->parent[child] = at;
		cursor[child] = 0;
		at = child;
	}
}

/* Rows of predecessors, by number. */
static np_err *tree_reverse(struct tree *t)
{
	size_t n = t->count;
	uint64_t total = 0;
	np_vertex target;
	t->pred_rows = np_xcalloc(n + 3, sizeof(*t->pred_rows));
	for (size_t i = 0; i < t->roots->count; i++)
		if (!t->roots->all[i].is_weak)
			t->pred_rows[t->number[t->roots->all[i].node] + 2]++;
	for (uint32_t v = 1; v <= n; v++)
		for (uint32_t i = 0; node_edge(t, t->vertex[v], i, &target); i++)
			if (target != NP_VERTEX_NONE)
				t->pred_rows[t->number[target] + 2]++;
	for (size_t i = 0; i < n + 3; i++) {
		total += t->pred_rows[i];
		if (total > UINT32_MAX)
			return np_err_new(NP_ELIMIT, "the heap has more references than dominators can be computed for");
		t->pred_rows[i] = (uint32_t)total;
	}
	t->preds = np_xmalloc((size_t)(total ? total : 1) * sizeof(*t->preds));
	for (size_t i = 0; i < t->roots->count; i++)
		if (!t->roots->all[i].is_weak)
			t->preds[t->pred_rows[t->number[t->roots->all[i].node] + 1]++] = 0;
	for (uint32_t v = 1; v <= n; v++)
		for (uint32_t i = 0; node_edge(t, t->vertex[v], i, &target); i++)
			if (target != NP_VERTEX_NONE)
				t->preds[t->pred_rows[t->number[target] + 1]++] = v;
	return NULL;
}

/* --- semi-NCA --- */

struct path {
	NP_VEC(uint32_t) nodes;
};

/* The label with the least semidominator on the path of linked ancestors (those numbered `linked` or higher). */
static uint32_t tree_eval(struct tree *t, uint32_t v, uint32_t linked, struct path *path)
{
	if (t->ancestor[v] < linked)
		return t->label[v];
	path->nodes.len = 0;
	do {
		np_vec_push(&path->nodes, v);
		v = t->ancestor[v];
	} while (t->ancestor[v] >= linked);
	uint32_t above = v, best = t->label[v];
	while (path->nodes.len) {
		v = path->nodes.data[--path->nodes.len];
		t->ancestor[v] = t->ancestor[above];
		if (t->semi[best] < t->semi[t->label[v]])
			t->label[v] = best;
		else
			best = t->label[v];
		above = v;
	}
	return t->label[v];
}

static void tree_semidominators(struct tree *t)
{
	struct path path = {0};
	for (uint32_t v = 0; v <= t->count; v++) {
		t->ancestor[v] = t->parent[v];
		t->semi[v] = v;
		t->label[v] = v;
	}
	for (uint32_t v = t->count; v >= 1; v--) {
		uint32_t semi = t->parent[v];
		for (uint32_t e = t->pred_rows[v]; e < t->pred_rows[v + 1]; e++) {
			uint32_t s = t->preds[e] ? t->semi[tree_eval(t, t->preds[e], v + 1, &path)] : 0;
			semi = s < semi ? s : semi;
		}
		t->semi[v] = semi;
	}
	np_vec_deinit(&path.nodes);
}

/* Into parent[], which is the tree's parent before: by ascending numbers. */
static void tree_dominators(struct tree *t)
{
	for (uint32_t v = 1; v <= t->count; v++) {
		uint32_t d = t->parent[v];
		while (d > t->semi[v])
			d = t->parent[d];
		t->parent[v] = d;
	}
}

static void tree_retained(struct tree *t, struct np_dominators *d)
{
	np_vertex nodes = np_graph_node_count(t->graph);
	d->node_count = nodes;
	d->parent = t->number; /* the same array: a node's number is not needed behind its dominator */
	t->number = NULL;
	for (np_vertex i = 0; i < nodes; i++)
		d->parent[i] = NP_VERTEX_NONE;
	d->retained = np_xcalloc((size_t)nodes + 1, sizeof(*d->retained));
	for (uint32_t v = t->count; v >= 1; v--) {
		np_vertex node = t->vertex[v];
		d->retained[node] += np_graph_size(t->graph, node);
		if (t->parent[v]) {
			d->parent[node] = t->vertex[t->parent[v]];
			d->retained[t->vertex[t->parent[v]]] += d->retained[node];
		} else {
			d->total_bytes += d->retained[node];
		}
	}
}

np_err *np_dominators_init(const np_graph *g, const struct np_graph_roots *roots, const struct np_reach *reach,
			   struct np_dominators *ret)
{
	struct tree t = {.graph = g, .roots = roots};
	size_t n = (size_t)np_graph_node_count(g) + 2;
	ephemerons_gather(&t, reach);
	t.number = np_xcalloc(n, sizeof(*t.number));
	t.vertex = np_xcalloc(n, sizeof(*t.vertex));
	t.parent = np_xcalloc(n, sizeof(*t.parent));
	t.semi = np_xmalloc(n * sizeof(*t.semi)); /* as cursors at first */
	for (size_t i = 0; i < roots->count; i++)
		if (!roots->all[i].is_weak)
			tree_descend(&t, roots->all[i].node, t.semi);
	np_err *err = tree_reverse(&t);
	struct np_dominators d = {0};
	if (!err) {
		t.label = np_xmalloc(n * sizeof(*t.label));
		t.ancestor = np_xmalloc(n * sizeof(*t.ancestor));
		tree_semidominators(&t);
		free(t.label);
		free(t.ancestor);
		free(t.preds);
		t.preds = NULL;
		tree_dominators(&t);
		tree_retained(&t, &d);
		*ret = d;
	}
	free(t.number);
	free(t.vertex);
	free(t.parent);
	free(t.semi);
	free(t.pred_rows);
	free(t.preds);
	free(t.ephemerons);
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
	d->child_rows = np_xcalloc(n + 3, sizeof(*d->child_rows));
	d->children = np_xmalloc((n + 1) * sizeof(*d->children));
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

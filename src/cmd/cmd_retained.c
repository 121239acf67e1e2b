/* nopsy retained: the dominator tree, from the top or below an object. */
#include <fnmatch.h>
#include <stdlib.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/path_node.h"
#include "cmd/session.h"

enum { ROWS_DEFAULT = 60, DEPTH_DEFAULT = 12, DEPTH_MAX = 1000, SHARE_DEFAULT = 100 /* 1/100 */,
       HOLDERS_MAX = 1000 };

static const struct np_option options[] = {
	{"class", 'c', NP_OPT_STRING, "NAME", NULL, "instances of that class, biggest first, instead of the tree (* and ? match)"},
	{"depth", 'd', NP_OPT_INT, "N", NULL, "levels of the tree (12)"},
	{"min-bytes", 0, NP_OPT_INT, "N", NULL, "only what retains at least N bytes (a hundredth of the whole)"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N rows (60 as text, 1000 as JSON)"},
	{"internal", 0, NP_OPT_FLAG, NULL, NULL, "the stores of objects (elements, tables) as rows of their own"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy retained core.4242", "what most of the heap hangs off"},
	{"nopsy retained core.4242 0x2f31d9c1 --depth 3", "what would be freed with that object"},
	{0},
};

static const struct np_shape object_shape = {
	.name = "object",
	.style = NP_STYLE_TABLE,
	.columns = "retained_bytes:Retained,_share:%,self_bytes:Self,_tree:Object,address:Address",
	.empty = "nothing retains that much",
};
static const struct np_shape total_shape = {
	.name = "total", .style = NP_STYLE_LINE, .line = "{retained_bytes} in all[, {_below} of it below this]"};
static const struct np_shape answer_shape = {
	.name = "retained", .style = NP_STYLE_LINE, .children = "objects,more,total", .indent = -1};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "more rows were left out; --limit N shows more"};

struct tree {
	struct np_invocation *inv;
	struct np_heap_view *view;
	np_node *list;
	uint64_t min_bytes, whole;
	size_t limit, depth;
	bool internal, cut;
};

struct row {
	np_node *node;
	size_t place;
	int64_t bytes;
};

static int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static int by_retained(const void *a, const void *b, void *ctx)
{
	const struct np_dominators *d = ctx;
	uint64_t x = d->retained[*(const np_vertex *)a], y = d->retained[*(const np_vertex *)b];
	if (x != y)
		return x > y ? -1 : 1;
	return *(const np_vertex *)a < *(const np_vertex *)b ? -1 : 1;
}

struct children {
	NP_VEC(np_vertex) nodes;
};

/* What node dominates; stores and cells give way to what they hold. */
static void children_gather(struct tree *t, np_vertex owner, np_vertex node, int levels, struct children *ret)
{
	struct np_dominators *d = &t->view->dominators;
	struct np_edges row = np_dominators_children(d, node);
	for (uint32_t i = 0; i < row.count; i++) {
		np_vertex child = row.targets[i];
		if (d->retained[child] < t->min_bytes)
			continue;
		bool gives_way = !t->internal && levels &&
				 (np_edge_is_cell(t->view->graph, child) ||
				  (owner != NP_VERTEX_NONE && np_edge_is_store_of(t->view->graph, owner, child)));
		if (gives_way)
			children_gather(t, owner, child, levels - 1, ret);
		else
			np_vec_push(&ret->nodes, child);
	}
}

/* Those that retain enough, biggest first; malloc'ed. */
static np_vertex *children_of(struct tree *t, np_vertex node, size_t *ret_len)
{
	enum { LEVELS = 3 }; /* a dictionary, its cell, what is in it */
	struct children all = {0};
	children_gather(t, node, node, LEVELS, &all);
	if (all.nodes.len)
		qsort_r(all.nodes.data, all.nodes.len, sizeof(*all.nodes.data), by_retained, &t->view->dominators);
	*ret_len = all.nodes.len;
	return all.nodes.data;
}

struct naming {
	np_vertex parent;
	const char *text;
	np_arena *arena;
};

static bool name_from(void *ctx, np_vertex owner, const struct np_edge_name *edge)
{
	struct naming *n = ctx;
	if (owner == n->parent && !edge->is_weak)
		n->text = np_edge_text(edge, n->arena);
	return !n->text;
}

/* How the dominator names it: directly, or through a store; NULL when it holds it indirectly alone. */
static const char *edge_text(struct tree *t, np_vertex parent, np_vertex node)
{
	np_graph *g = t->view->graph;
	struct naming n = {.parent = parent, .arena = t->inv->arena};
	if (parent == NP_VERTEX_NONE)
		return NULL;
	struct np_edges back = np_graph_referrers(g, node);
	for (uint32_t i = 0; i < back.count && i < HOLDERS_MAX && !n.text; i++) {
		uint32_t k;
		np_vertex holder = np_edge_target(back.targets[i]);
		if (!np_edge_find(g, holder, node, &k))
			continue;
		if (holder == parent) {
			struct np_edge_name e;
			np_edge_describe(g, t->view->classes, parent, k, t->inv->arena, &e);
			n.text = np_edge_text(&e, t->inv->arena);
		} else {
			np_edge_owners(g, t->view->classes, holder, k, t->inv->arena, name_from, &n);
		}
	}
	return n.text;
}

static void tree_row(struct tree *t, np_vertex node, np_vertex parent, size_t depth)
{
	np_arena *arena = t->inv->arena;
	const struct np_dominators *d = &t->view->dominators;
	np_node *n = np_obj(arena, &object_shape);
	const char *edge = edge_text(t, parent, node), *class = np_class_of(t->view->classes, node);
	np_set_bytes(n, "retained_bytes", d->retained[node]);
	np_set_str(n, "_share", np_arena_printf(arena, "%.1f", 100.0 * (double)d->retained[node] / (double)t->whole));
	np_set_bytes(n, "self_bytes", np_graph_size(t->view->graph, node));
	np_set_str(n, "class", class);
	np_set_str(n, "_tree", np_arena_printf(arena, "%*s%s%s%s", (int)(2 * (depth < 40 ? depth : 40)), "", edge ? edge : "",
					       edge ? " " : "", class));
	np_addr at = np_graph_address(t->view->graph, node);
	np_set_addr(n, "address", np_graph_is_external(t->view->graph, node) ? at : at | 1);
	np_set_uint(n, "depth", depth);
	if (parent != NP_VERTEX_NONE)
		np_set_addr(n, "parent", np_graph_address(t->view->graph, parent) | 1);
	np_hide(n, "parent");
	if (edge)
		np_set_str(n, "through", edge);
	np_add(t->list, n);
}

/* Depth first; the depth is bounded. */
static void tree_rows(struct tree *t, np_vertex node, size_t depth)
{
	size_t len;
	if (depth >= t->depth)
		return;
	np_vertex *children = children_of(t, node, &len);
	for (size_t i = 0; i < len; i++) {
		if (np_node_len(t->list) >= t->limit) {
			t->cut = true;
			break;
		}
		tree_row(t, children[i], node, depth);
		tree_rows(t, children[i], depth + 1);
	}
	free(children);
}

/* --- without a tree --- */

static void class_rows(struct tree *t, const char *class)
{
	np_graph *g = t->view->graph;
	struct np_dominators *d = &t->view->dominators;
	NP_VEC(np_vertex) found = {0};
	for (np_vertex node = 0; node < np_graph_object_count(g); node++)
		if (d->retained[node] && d->retained[node] >= t->min_bytes &&
		    fnmatch(class, np_class_of(t->view->classes, node), 0) == 0)
			np_vec_push(&found, node);
	if (found.len)
		qsort_r(found.data, found.len, sizeof(*found.data), by_retained, d);
	for (size_t i = 0; i < found.len && i < t->limit; i++)
		tree_row(t, found.data[i], NP_VERTEX_NONE, 0);
	t->cut = found.len > t->limit;
	np_vec_deinit(&found);
}

/* As data the rows are in the order of what they retain; depth and parent tell the tree. */
static np_node *rows_sorted(struct tree *t)
{
	size_t n = np_node_len(t->list);
	np_node *sorted = np_list(t->inv->arena, &object_shape);
	struct row *rows = np_xmalloc((n + 1) * sizeof(*rows));
	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct row){np_node_at(t->list, i), i, 0};
		np_node_int(np_node_get(rows[i].node, "retained_bytes"), &rows[i].bytes);
	}
	qsort(rows, n, sizeof(*rows), row_compare);
	for (size_t i = 0; i < n; i++)
		np_add(sorted, rows[i].node);
	free(rows);
	return sorted;
}

static np_err *run(struct np_invocation *inv)
{
	struct tree t = {.inv = inv, .internal = np_opt_flag(inv, "internal")};
	int64_t depth = DEPTH_DEFAULT, limit = inv->globals->json ? 1000 : ROWS_DEFAULT, min_bytes = -1;
	np_vertex from = NP_VERTEX_NONE;
	const char *class = np_opt_str(inv, "class");
	if (np_opt_int(inv, "depth", &depth) && (depth < 1 || depth > DEPTH_MAX))
		return np_err_new(NP_EUSAGE, "--depth is a number from 1 to %d", DEPTH_MAX);
	if ((np_opt_int(inv, "limit", &limit) && limit < 1) || (np_opt_int(inv, "min-bytes", &min_bytes) && min_bytes < 0))
		return np_err_new(NP_EUSAGE, "--limit and --min-bytes are positive numbers");
	if (class && inv->arg_count)
		return np_err_new(NP_EUSAGE, "--class and ADDR exclude each other");
	NP_TRY(np_heap_view_get(inv, &t.view));
	if (inv->arg_count)
		NP_TRY(np_heap_view_node(inv, t.view, inv->args[0], &from));
	NP_TRY(np_heap_view_need_dominators(inv, t.view));
	const struct np_dominators *d = &t.view->dominators;
	if (from != NP_VERTEX_NONE && !d->retained[from])
		return np_err_new(NP_ENOTFOUND, "%s is not alive: nothing retains it, and it retains nothing", inv->args[0]);
	t.whole = from == NP_VERTEX_NONE ? d->total_bytes : d->retained[from];
	t.whole = t.whole ? t.whole : 1;
	t.min_bytes = min_bytes >= 0 ? (uint64_t)min_bytes : t.whole / SHARE_DEFAULT;
	t.min_bytes = t.min_bytes ? t.min_bytes : 1;
	t.depth = (size_t)depth;
	t.limit = (size_t)limit;
	t.list = np_list(inv->arena, &object_shape);
	if (class) {
		if (min_bytes < 0)
			t.min_bytes = 1;
		class_rows(&t, class);
	} else if (from != NP_VERTEX_NONE) {
		tree_row(&t, from, NP_VERTEX_NONE, 0);
		t.depth++;
		tree_rows(&t, from, 1);
	} else {
		tree_rows(&t, from, 0);
	}
	np_node *total = np_obj(inv->arena, &total_shape);
	np_set_bytes(total, "retained_bytes", d->total_bytes);
	if (from != NP_VERTEX_NONE)
		np_set_bytes(total, "_below", d->retained[from]);
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "objects", inv->globals->json && from == NP_VERTEX_NONE ? rows_sorted(&t) : t.list);
	if (t.cut) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_bool(more, "cut", true);
		np_set_node(inv->result, "more", more);
	}
	np_set_node(inv->result, "total", total);
	return NULL;
}

const struct np_command np_cmd_retained = {
	.name = "retained",
	.group = "Look at one moment",
	.arguments = "ADDR",
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "the dominator tree: what would be freed with an object, biggest first",
	.help = "The retained size of an object is what would become garbage without it: its own bytes, and those of\n"
		"everything that only it keeps alive, memory outside of the heap included. The tree shows what retains a\n"
		"hundredth or more of the whole, with the name by which the object above holds it. With ADDR the tree below\n"
		"that object alone.",
	.options = options,
	.examples = examples,
	.run = run,
};

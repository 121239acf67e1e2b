/* nopsy retained: the dominator tree, from the top or below an object. */
#include <fnmatch.h>
#include <stdlib.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/path_node.h"
#include "cmd/retained_by.h"
#include "cmd/session.h"
#include "heap/edges_to.h"

enum { ROWS_DEFAULT = 60, DEPTH_DEFAULT = 12, DEPTH_MAX = 1000, SHARE_DEFAULT = 100 /* 1/100 */,
       DROPS_DEFAULT = 20, CLASS_DEPTH_DEFAULT = 3, RUN_MIN = 3,
       RUN_MAX = 1 << 24 };

static const struct np_option options[] = {
	{"class", 'c', NP_OPT_STRING, "NAME", NULL, "instances of that class, biggest first, not the tree (* and ? match)"},
	{"depth", 'd', NP_OPT_INT, "N", NULL, "levels of the tree (12)"},
	{"min-bytes", 0, NP_OPT_INT, "N", NULL, "only what retains at least N bytes (a hundredth of the whole)"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N rows (60 as text, 1000 as JSON)"},
	{"drops", 0, NP_OPT_FLAG, NULL, NULL, "objects that retain much while each of what they hold retains little"},
	{"by", 0, NP_OPT_CHOICE, "WHAT", "class", "what the roots, ADDR or the instances of --class hold, by class; 3 levels"},
	{"dominators", 0, NP_OPT_FLAG, NULL, NULL, "what the instances of --class hang off, counted by class"},
	{"internal", 0, NP_OPT_FLAG, NULL, NULL, "the stores of objects (elements, tables) as rows of their own"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy retained core.4242", "what most of the heap hangs off"},
	{"nopsy retained core.4242 0x2f31d9c1 --depth 3", "what would be freed with that object"},
	{"nopsy retained core.4242 --drops", "where memory accumulates: caches, queues, lists, with what they consist of"},
	{"nopsy retained core.4242 0x2f31d9c1 --by class", "what a Map with a million entries holds"},
	{"nopsy retained core.4242 --class Session --dominators", "which classes hold all the instances of one"},
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
	struct np_edges row = np_dominators_big_children(d, node, t->min_bytes);
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

/*
 * A chain: objects of one class that each hold little but the next one.  Text
 * tells it once, and goes on behind the last one.
 */
struct run {
	np_vertex last;
	size_t count;
	bool is_more; /* what follows retains too little to be shown */
};

static struct run run_of(struct tree *t, np_vertex node)
{
	uint32_t class_id = np_class_id_of(t->view->classes, node);
	struct run run = {.last = node, .count = 1};
	size_t len = 0;
	for (; !t->inv->globals->json && run.count < RUN_MAX; run.count++) {
		np_vertex *children = children_of(t, run.last, &len);
		np_vertex next = len == 1 ? children[0] : NP_VERTEX_NONE;
		free(children);
		if (next == NP_VERTEX_NONE || np_class_id_of(t->view->classes, next) != class_id)
			break;
		run.last = next;
	}
	run.is_more = !len;
	return run.count >= RUN_MIN ? run : (struct run){.last = node, .count = 1};
}

static void tree_row(struct tree *t, np_vertex node, np_vertex parent, const struct np_edge_name *edge_name, size_t depth,
		     const struct run *run)
{
	np_arena *arena = t->inv->arena;
	const struct np_dominators *d = &t->view->dominators;
	np_node *n = np_obj(arena, &object_shape);
	const char *edge = edge_name && edge_name->name ? np_edge_text(edge_name, arena) : NULL;
	const char *class = np_class_of(t->view->classes, node);
	np_set_bytes(n, "retained_bytes", d->retained[node]);
	np_set_str(n, "_share", np_arena_printf(arena, "%.1f", 100.0 * (double)d->retained[node] / (double)t->whole));
	np_set_bytes(n, "self_bytes", np_graph_size(t->view->graph, node));
	np_set_str(n, "class", class);
	const char *text = np_arena_printf(arena, "%*s%s%s%s", (int)(2 * (depth < 40 ? depth : 40)), "", edge ? edge : "",
					   edge ? " " : "", class);
	if (run && run->count > 1)
		text = np_arena_printf(arena, "%s  x %zu%s in a row", text, run->count, run->is_more ? "+" : "");
	np_set_str(n, "_tree", text);
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
	size_t room = np_node_len(t->list) < t->limit ? t->limit - np_node_len(t->list) : 0;
	struct np_edge_name *names = np_xcalloc(len + 1, sizeof(*names));
	if (len && node != NP_VERTEX_NONE)
		np_edges_to(t->view->graph, t->view->classes, node, children, len < room ? len : room, t->inv->arena, names);
	for (size_t i = 0; i < len; i++) {
		if (np_node_len(t->list) >= t->limit) {
			t->cut = true;
			break;
		}
		struct run run = run_of(t, children[i]);
		tree_row(t, children[i], node, &names[i], depth, &run);
		tree_rows(t, run.last, depth + 1);
	}
	free(children);
	free(names);
}

/* --- without a tree --- */

/* Live instances of a class that retain enough, in the order of their addresses; malloc'ed. */
static np_vertex *instances_of(struct tree *t, const char *class, size_t *ret_len)
{
	np_graph *g = t->view->graph;
	const struct np_dominators *d = &t->view->dominators;
	NP_VEC(np_vertex) found = {0};
	for (np_vertex node = 0; node < np_graph_object_count(g); node++)
		if (d->retained[node] && d->retained[node] >= t->min_bytes &&
		    fnmatch(class, np_class_of(t->view->classes, node), 0) == 0)
			np_vec_push(&found, node);
	*ret_len = found.len;
	return found.data;
}

static void class_rows(struct tree *t, const char *class)
{
	size_t n;
	np_vertex *found = instances_of(t, class, &n);
	if (n)
		qsort_r(found, n, sizeof(*found), by_retained, &t->view->dominators);
	for (size_t i = 0; i < n && i < t->limit; i++)
		tree_row(t, found[i], NP_VERTEX_NONE, NULL, 0, NULL);
	t->cut = n > t->limit;
	free(found);
}

/* --- by class, and drops --- */

static void answer_by_class(struct tree *t, const char *class, np_vertex from, bool dominators)
{
	struct np_retained_limits limits = {t->whole, t->min_bytes, t->limit, t->depth};
	np_vertex *nodes = &from;
	size_t count = 1;
	if (class) {
		t->min_bytes = 1;
		nodes = instances_of(t, class, &count);
	}
	if (dominators)
		np_retained_dominators(t->inv, t->view, nodes, count, &limits);
	else
		np_retained_by_class(t->inv, t->view, nodes, count, &limits);
	if (class)
		free(nodes);
}

/* Which of the looks are asked for, and whether they go together. */
static np_err *looks_check(const struct np_invocation *inv, const char *class)
{
	bool drops = np_opt_flag(inv, "drops"), by = np_opt_flag(inv, "by"), dominators = np_opt_flag(inv, "dominators");
	if (class && inv->arg_count)
		return np_err_new(NP_EUSAGE, "--class and ADDR exclude each other");
	if (drops + by + dominators > 1)
		return np_err_new(NP_EUSAGE, "of --drops, --by and --dominators one at a time");
	if (drops && (class || inv->arg_count))
		return np_err_new(NP_EUSAGE, "--drops looks at the whole heap: neither ADDR nor --class goes with it");
	if (dominators && !class)
		return np_err_new(NP_EUSAGE, "--dominators wants --class NAME: whose they are");
	return NULL;
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

static np_err *limits_take(struct np_invocation *inv, struct tree *t, int64_t *ret_min_bytes)
{
	int64_t depth = np_opt_flag(inv, "by") ? CLASS_DEPTH_DEFAULT : DEPTH_DEFAULT, limit = ROWS_DEFAULT;
	if (np_opt_flag(inv, "drops"))
		limit = DROPS_DEFAULT;
	limit = inv->globals->json ? 1000 : limit;
	if (np_opt_int(inv, "depth", &depth) && (depth < 1 || depth > DEPTH_MAX))
		return np_err_new(NP_EUSAGE, "--depth is a number from 1 to %d", DEPTH_MAX);
	if ((np_opt_int(inv, "limit", &limit) && limit < 1) ||
	    (np_opt_int(inv, "min-bytes", ret_min_bytes) && *ret_min_bytes < 0))
		return np_err_new(NP_EUSAGE, "--limit and --min-bytes are positive numbers");
	t->depth = (size_t)depth;
	t->limit = (size_t)limit;
	return NULL;
}

static void answer_tree(struct tree *t, const char *class, np_vertex from)
{
	struct np_invocation *inv = t->inv;
	const struct np_dominators *d = &t->view->dominators;
	t->list = np_list(inv->arena, &object_shape);
	if (class) {
		class_rows(t, class);
	} else if (from != NP_VERTEX_NONE) {
		tree_row(t, from, NP_VERTEX_NONE, NULL, 0, NULL);
		t->depth++;
		tree_rows(t, from, 1);
	} else {
		tree_rows(t, from, 0);
	}
	np_node *total = np_obj(inv->arena, &total_shape);
	np_set_bytes(total, "retained_bytes", d->total_bytes);
	if (from != NP_VERTEX_NONE)
		np_set_bytes(total, "_below", d->retained[from]);
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "objects", inv->globals->json && from == NP_VERTEX_NONE ? rows_sorted(t) : t->list);
	if (t->cut) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_bool(more, "cut", true);
		np_set_node(inv->result, "more", more);
	}
	np_set_node(inv->result, "total", total);
}

static np_err *run(struct np_invocation *inv)
{
	struct tree t = {.inv = inv, .internal = np_opt_flag(inv, "internal")};
	int64_t min_bytes = -1;
	np_vertex from = NP_VERTEX_NONE;
	const char *class = np_opt_str(inv, "class");
	bool drops = np_opt_flag(inv, "drops"), by = np_opt_flag(inv, "by"), dominators = np_opt_flag(inv, "dominators");
	NP_TRY(limits_take(inv, &t, &min_bytes));
	NP_TRY(looks_check(inv, class));
	NP_TRY(np_heap_view_get(inv, &t.view));
	if (inv->arg_count)
		NP_TRY(np_heap_view_node(inv, t.view, inv->args[0], &from));
	NP_TRY(np_heap_view_need_dominators(inv, t.view));
	const struct np_dominators *d = &t.view->dominators;
	if (from != NP_VERTEX_NONE && !d->retained[from])
		return np_err_new(NP_ENOTFOUND, "%s is not alive: nothing retains it, and it retains nothing", inv->args[0]);
	t.whole = from == NP_VERTEX_NONE ? d->total_bytes : d->retained[from];
	t.whole = t.whole ? t.whole : 1;
	t.min_bytes = min_bytes >= 0 ? (uint64_t)min_bytes : class && !by ? 1 : t.whole / SHARE_DEFAULT;
	t.min_bytes = t.min_bytes ? t.min_bytes : 1;
	if (drops) {
		struct np_retained_limits limits = {t.whole, t.min_bytes, t.limit, t.depth};
		np_retained_drops(inv, t.view, &limits);
	} else if (by || dominators) {
		answer_by_class(&t, class, from, dominators);
	} else {
		answer_tree(&t, class, from);
	}
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
		"that object alone.\n\n"
		"--drops lists the accumulation points: objects whose retained size drops by a hundredth of the whole or more\n"
		"to the biggest of what they hold, with the number of these by class. --by class counts what hangs off the\n"
		"roots, ADDR or the instances of --class by class, level by level; --dominators is the other way round.",
	.options = options,
	.examples = examples,
	.run = run,
};

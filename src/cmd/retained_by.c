#include "cmd/retained_by.h"

#include <stdlib.h>

#include "cmd/args.h"
#include "cmd/path_node.h"
#include "heap/dominated.h"

enum { CLASSES_TEXT = 3, CLASSES_JSON = 20, INDENT_MAX = 40 };

static const struct np_shape part_shape = {
	.name = "part", .style = NP_STYLE_LINE, .line = "{count:num} {class:name}: {retained_bytes}"};
static const struct np_shape drop_shape = {
	.name = "drop",
	.style = NP_STYLE_TABLE,
	.columns = "drop_bytes:Drop,retained_bytes:Retained,_share:%,child_count:Children,biggest_child_bytes:Biggest,"
		   "class:Object:name,address:Address,_path:Path",
	.children = "_parts",
	.empty = "nothing retains that much more than what it holds",
};
static const struct np_shape group_shape = {
	.name = "group",
	.style = NP_STYLE_TABLE,
	.columns = "retained_bytes:Retained,_share:%,count:Count,self_bytes:Self,_tree:Class,address:Biggest",
	.empty = "it holds nothing that is big enough",
};
static const struct np_shape dominator_shape = {
	.name = "dominator",
	.style = NP_STYLE_TABLE,
	.columns = "dominated_bytes:Retained,_share:%,dominated:Objects,count:Holders,_class:Held by:name,address:Biggest",
	.empty = "no such objects",
};
static const struct np_shape total_shape = {
	.name = "total", .style = NP_STYLE_LINE, .line = "{retained_bytes} in all[, {_below} of it below this]"};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "more rows were left out; --limit N shows more"};
static const struct np_shape drops_shape = {
	.name = "drops", .style = NP_STYLE_LINE, .children = "drops,more,total", .indent = -1};
static const struct np_shape groups_shape = {
	.name = "by class", .style = NP_STYLE_LINE, .children = "groups,more,total", .indent = -1};

static void set_node_address(np_node *n, const char *key, const struct np_heap_view *view, np_vertex node)
{
	np_addr at = np_graph_address(view->graph, node);
	np_set_addr(n, key, np_graph_is_external(view->graph, node) ? at : at | 1);
}

static void set_share(np_node *n, np_arena *arena, uint64_t bytes, const struct np_retained_limits *limits)
{
	np_set_str(n, "_share", np_arena_printf(arena, "%.1f", 100.0 * (double)bytes / (double)limits->whole_bytes));
}

static void set_ends(struct np_invocation *inv, const struct np_heap_view *view, bool is_cut,
		     const struct np_retained_limits *limits)
{
	np_node *total = np_obj(inv->arena, &total_shape);
	if (is_cut) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_bool(more, "cut", true);
		np_set_node(inv->result, "more", more);
	}
	np_set_bytes(total, "retained_bytes", view->dominators.total_bytes);
	if (limits->whole_bytes < view->dominators.total_bytes)
		np_set_bytes(total, "_below", limits->whole_bytes);
	np_set_node(inv->result, "total", total);
}

/* --- drops --- */

static np_node *part_node(struct np_invocation *inv, const struct np_heap_view *view, const struct np_class_tally *t)
{
	np_node *n = np_obj(inv->arena, &part_shape);
	np_set_str(n, "class", np_class_id_name(view->classes, t->class_id));
	np_set_uint(n, "count", t->count);
	np_set_bytes(n, "retained_bytes", t->retained_bytes);
	set_node_address(n, "example", view, t->example);
	return n;
}

static void set_parts(struct np_invocation *inv, struct np_heap_view *view, np_node *n, np_vertex node)
{
	struct np_by_class by;
	np_node *list = np_list(inv->arena, &part_shape);
	size_t max = inv->globals->json ? CLASSES_JSON : CLASSES_TEXT;
	np_dominated_by_class(view->graph, view->classes, &view->dominators, &node, 1, &by);
	for (size_t i = 0; i < by.len && i < max; i++)
		np_add(list, part_node(inv, view, &by.tallies[i]));
	np_by_class_deinit(&by);
	if (inv->globals->json || np_node_len(list))
		np_set_node(n, inv->globals->json ? "by_class" : "_parts", list);
}

static np_node *drop_node(struct np_invocation *inv, struct np_heap_view *view, const struct np_drop *d,
			  const struct np_retained_limits *limits)
{
	np_node *n = np_obj(inv->arena, &drop_shape);
	struct np_path path;
	np_set_str(n, "class", np_class_of(view->classes, d->node));
	set_node_address(n, "address", view, d->node);
	np_set_bytes(n, "self_bytes", np_graph_size(view->graph, d->node));
	np_set_bytes(n, "retained_bytes", d->retained_bytes);
	set_share(n, inv->arena, d->retained_bytes, limits);
	np_set_bytes(n, "drop_bytes", d->drop_bytes);
	np_set_uint(n, "child_count", d->child_count);
	if (d->child != NP_VERTEX_NONE) {
		np_set_bytes(n, "biggest_child_bytes", view->dominators.retained[d->child]);
		set_node_address(n, "biggest_child", view, d->child);
	}
	if (np_paths_find(view->graph, &view->roots, &view->reach, d->node, 1, inv->arena, &path)) {
		np_set_str(n, "root", np_root_text(path.root, inv->arena));
		np_set_str(n, "_path", np_path_text(inv, view, &path));
		np_set_node(n, "path", inv->globals->json ? np_path_steps_node(inv, view, &path) : NULL);
	}
	set_parts(inv, view, n, d->node);
	return n;
}

void np_retained_drops(struct np_invocation *inv, struct np_heap_view *view, const struct np_retained_limits *limits)
{
	struct np_drop *drops;
	size_t n = np_drops_find(view->graph, &view->dominators, limits->min_bytes, &drops);
	np_node *list = np_list(inv->arena, &drop_shape);
	for (size_t i = 0; i < n && i < limits->rows; i++)
		np_add(list, drop_node(inv, view, &drops[i], limits));
	free(drops);
	inv->result = np_obj(inv->arena, &drops_shape);
	np_set_node(inv->result, "drops", list);
	set_ends(inv, view, n > limits->rows, limits);
}

/* --- by class --- */

struct groups {
	struct np_invocation *inv;
	struct np_heap_view *view;
	const struct np_retained_limits *limits;
	np_node *list;
	bool is_cut;
};

static void groups_put(struct groups *g, const np_vertex *nodes, size_t count, size_t depth)
{
	struct np_by_class by;
	np_arena *arena = g->inv->arena;
	np_dominated_by_class(g->view->graph, g->view->classes, &g->view->dominators, nodes, count, &by);
	for (size_t i = 0; i < by.len; i++) {
		const struct np_class_tally *t = &by.tallies[i];
		if (t->retained_bytes < g->limits->min_bytes)
			break;
		if (np_node_len(g->list) >= g->limits->rows) {
			g->is_cut = true;
			break;
		}
		const char *class = np_class_id_name(g->view->classes, t->class_id);
		np_node *n = np_obj(arena, &group_shape);
		np_set_str(n, "class", class);
		np_set_uint(n, "depth", depth);
		np_set_uint(n, "count", t->count);
		np_set_bytes(n, "self_bytes", t->self_bytes);
		np_set_bytes(n, "retained_bytes", t->retained_bytes);
		set_share(n, arena, t->retained_bytes, g->limits);
		int indent = (int)(2 * (depth < INDENT_MAX ? depth : INDENT_MAX));
		np_set_str(n, "_tree", np_arena_printf(arena, "%*s%s", indent, "", class));
		set_node_address(n, "address", g->view, t->example);
		np_add(g->list, n);
		if (depth + 1 < g->limits->depth)
			groups_put(g, by.nodes + t->first, t->count, depth + 1);
	}
	np_by_class_deinit(&by);
}

void np_retained_by_class(struct np_invocation *inv, struct np_heap_view *view, const np_vertex *nodes, size_t count,
			  const struct np_retained_limits *limits)
{
	struct groups g = {.inv = inv, .view = view, .limits = limits, .list = np_list(inv->arena, &group_shape)};
	groups_put(&g, nodes, count, 0);
	inv->result = np_obj(inv->arena, &groups_shape);
	np_set_node(inv->result, "groups", g.list);
	set_ends(inv, view, g.is_cut, limits);
}

void np_retained_dominators(struct np_invocation *inv, struct np_heap_view *view, const np_vertex *nodes, size_t count,
			    const struct np_retained_limits *limits)
{
	struct np_by_class by;
	np_node *list = np_list(inv->arena, &dominator_shape);
	np_dominators_by_class(view->graph, view->classes, &view->dominators, nodes, count, &by);
	for (size_t i = 0; i < by.len && i < limits->rows; i++) {
		const struct np_class_tally *t = &by.tallies[i];
		np_node *n = np_obj(inv->arena, &dominator_shape);
		const char *class = t->class_id == NP_VERTEX_NONE ? NULL : np_class_id_name(view->classes, t->class_id);
		np_set_str(n, "class", class);
		np_set_str(n, "_class", class ? class : "several objects, or a root");
		np_set_bool(n, "is_root", !class);
		np_set_uint(n, "count", t->count);
		np_set_bytes(n, "self_bytes", t->self_bytes);
		np_set_bytes(n, "retained_bytes", t->retained_bytes);
		np_set_uint(n, "dominated", t->held);
		np_set_bytes(n, "dominated_bytes", t->held_bytes);
		set_share(n, inv->arena, t->held_bytes, limits);
		if (t->example != NP_VERTEX_NONE)
			set_node_address(n, "address", view, t->example);
		np_add(list, n);
	}
	inv->result = np_obj(inv->arena, &groups_shape);
	np_set_node(inv->result, "groups", list);
	set_ends(inv, view, by.len > limits->rows, limits);
	np_by_class_deinit(&by);
}

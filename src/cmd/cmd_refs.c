/* nopsy refs: who refers to an object. */
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/path_node.h"
#include "cmd/session.h"

enum { ROWS_DEFAULT = 100 };

static const struct np_option options[] = {
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N referrers (100 as text, else all)"},
	{"internal", 0, NP_OPT_FLAG, NULL, NULL, "V8's own objects (maps, feedback, code) and the stores of objects as they are, too"},
	{"all", 'a', NP_OPT_FLAG, NULL, NULL, "referrers that are garbage themselves, too"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy refs core.4242 0x2f31d9c1", "who holds that object, and by which name"},
	{0},
};

static const struct np_shape referrer_shape = {
	.name = "referrer",
	.style = NP_STYLE_TABLE,
	.columns = "address:Address,class:Class:name,_text:Through,edge:Edge:dim",
	.empty = "nothing in the heap refers to it",
};
static const struct np_shape root_shape = {
	.name = "root", .style = NP_STYLE_LINE, .line = "{root:keyword}[ {root_name}][ at {slot}]"};
static const struct np_shape answer_shape = {
	.name = "refs", .style = NP_STYLE_LINE, .children = "roots,referrers,more", .indent = -1};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {count:num} more; --limit N shows more"};

struct gather {
	struct np_invocation *inv;
	struct np_heap_view *view;
	np_node *list;
	uint64_t limit, dropped;
	bool internal, all;
};

static void gather_add(struct gather *g, np_vertex holder, const struct np_edge_name *e)
{
	np_arena *arena = g->inv->arena;
	if (np_node_len(g->list) >= g->limit) {
		g->dropped++;
		return;
	}
	np_node *n = np_obj(arena, &referrer_shape);
	np_set_addr(n, "address", np_graph_address(g->view->graph, holder) | 1);
	np_set_str(n, "class", np_class_of(g->view->classes, holder));
	np_set_str(n, "edge", e->is_weak ? "weak" : np_edge_kind_name(e->kind));
	np_set_str(n, "name", e->name);
	np_set_str(n, "_text", np_edge_text(e, arena));
	np_add(g->list, n);
}

static bool is_internal(const struct gather *g, np_vertex holder)
{
	const struct np_vertex_shape *s = np_graph_shape(g->view->graph, np_graph_shape_of(g->view->graph, holder));
	return s->kind == NP_KIND_MAP ||
	       (s->type_name && (strstr(s->type_name, "FEEDBACK") || strstr(s->type_name, "TRANSITION")));
}

static bool gather_owner(void *ctx, np_vertex owner, const struct np_edge_name *e)
{
	struct gather *g = ctx;
	if ((g->all || np_reach_has(&g->view->reach, owner)) && !is_internal(g, owner))
		gather_add(g, owner, e);
	return g->dropped == 0;
}

/* Every edge of holder that leads to node, by its own name or as its owner would call it. */
static void gather_holder(struct gather *g, np_vertex holder, np_vertex node)
{
	np_graph *graph = g->view->graph;
	struct np_edges row = np_graph_edges(graph, holder);
	for (uint32_t k = 0; k < row.count; k++) {
		struct np_edge_name e;
		if (np_edge_target(row.targets[k]) != node)
			continue;
		if (!g->internal) {
			np_edge_owners(graph, g->view->classes, holder, k, g->inv->arena, gather_owner, g);
			continue;
		}
		np_edge_describe(graph, g->view->classes, holder, k, g->inv->arena, &e);
		gather_add(g, holder, &e);
	}
}

static void gather_ephemerons(struct gather *g, np_vertex node)
{
	size_t n = np_graph_ephemeron_count(g->view->graph);
	const struct np_ephemeron *e = np_graph_ephemerons(g->view->graph);
	for (size_t i = 0; i < n; i++)
		if (e[i].value == node && (g->all || g->view->reach.ephemeron_is_live[i]))
			gather_add(g, e[i].key, &(struct np_edge_name){.kind = NP_EDGE_KIND_VALUE,
								       .name = "of a WeakMap with this key"});
}

static np_node *roots_node(struct np_invocation *inv, const struct np_heap_view *view, np_vertex node)
{
	np_node *list = np_list(inv->arena, &root_shape);
	const struct np_graph_root *r = np_graph_root_of(&view->roots, node);
	for (; r && r < view->roots.all + view->roots.count && r->node == node; r++) {
		np_node *n = np_obj(inv->arena, &root_shape);
		np_set_str(n, "root", np_root_text(r, inv->arena));
		np_set_str(n, "root_name", r->name);
		if (r->slot)
			np_set_addr(n, "slot", r->slot);
		if (r->is_weak)
			np_set_bool(n, "is_weak", true);
		np_add(list, n);
	}
	return list;
}

static np_err *run(struct np_invocation *inv)
{
	struct gather g = {.inv = inv, .internal = np_opt_flag(inv, "internal"), .all = np_opt_flag(inv, "all")};
	int64_t limit = inv->globals->json ? INT64_MAX : ROWS_DEFAULT;
	np_vertex node;
	if (np_opt_int(inv, "limit", &limit) && limit < 0)
		return np_err_new(NP_EUSAGE, "--limit is a number of referrers");
	g.limit = (uint64_t)limit;
	NP_TRY(np_heap_view_get(inv, &g.view));
	NP_TRY(np_heap_view_node(inv, g.view, inv->args[0], &node));
	NP_TRY(np_heap_view_need_reach(inv, g.view));
	g.list = np_list(inv->arena, &referrer_shape);
	struct np_edges back = np_graph_referrers(g.view->graph, node);
	np_vertex last = NP_VERTEX_NONE;
	for (uint32_t i = 0; i < back.count; i++) {
		np_vertex holder = np_edge_target(back.targets[i]);
		if (holder != last && (g.all || np_reach_has(&g.view->reach, holder)))
			gather_holder(&g, holder, node);
		last = holder;
	}
	gather_ephemerons(&g, node);
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "referrers", g.list);
	np_node *roots = roots_node(inv, g.view, node);
	if (np_node_len(roots))
		np_set_node(inv->result, "roots", roots);
	if (g.dropped) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_uint(more, "count", g.dropped);
		np_set_node(inv->result, "more", more);
	}
	return NULL;
}

const struct np_command np_cmd_refs = {
	.name = "refs",
	.group = "Look at one moment",
	.arguments = "ADDR",
	.min_args = 1,
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "who refers to an object, and by which name",
	.help = "Properties, elements, variables of closures, keys and values of collections, internal slots, roots. Weak\n"
		"references are marked: they keep nothing alive.",
	.options = options,
	.examples = examples,
	.run = run,
};

#include "cmd/path_node.h"

#include <string.h>

#include "base/buf.h"
#include "cmd/args.h"
#include "cmd/session.h"
#include "v8/function.h"

enum { LINE_STEPS_MAX = 12 };

static const struct np_shape step_shape = {
	.name = "step",
	.style = NP_STYLE_LINE,
	.line = "{class:name}[ {_name:name}] {address}[ {_edge}][  x {repeated:num} {_run:dim}]",
};
static const struct np_shape path_shape = {
	.name = "path", .style = NP_STYLE_LINE, .line = "{root:keyword}[ {root_name}]", .children = "_steps", .indent = 2};

const char *np_root_text(const struct np_graph_root *root, np_arena *arena)
{
	if (!root)
		return "unknown root";
	if (root->tid)
		return np_arena_printf(arena, "%s of thread %d", np_root_kind_name(root->kind), (int)root->tid);
	return np_root_kind_name(root->kind);
}

static const char *function_name(struct np_invocation *inv, struct np_heap_view *view, np_vertex node)
{
	if (np_graph_is_external(view->graph, node) ||
	    np_graph_shape(view->graph, np_graph_shape_of(view->graph, node))->kind != NP_KIND_JS_FUNCTION)
		return NULL;
	return np_function_name(inv->session->v8, np_graph_address(view->graph, node), inv->arena);
}

static np_node *step_node(struct np_invocation *inv, struct np_heap_view *view, const struct np_step *s)
{
	np_node *n = np_obj(inv->arena, &step_shape);
	np_addr at = np_graph_address(view->graph, s->node);
	np_set_addr(n, "address", np_graph_is_external(view->graph, s->node) ? at : at | 1);
	np_set_str(n, "class", np_class_of(view->classes, s->node));
	np_set_str(n, "_name", function_name(inv, view, s->node));
	if (s->edge.name) {
		np_set_str(n, "edge", s->edge.is_weak ? "weak" : np_edge_kind_name(s->edge.kind));
		np_set_str(n, "name", s->edge.name);
		np_set_str(n, "_edge", np_edge_text(&s->edge, inv->arena));
		if (s->edge.kind == NP_EDGE_KIND_VALUE || s->edge.kind == NP_EDGE_KIND_KEY)
			np_sensitive(n, "name"); /* a Map's key: content */
		if (s->edge.kind == NP_EDGE_KIND_VALUE)
			np_sensitive(n, "_edge");
	}
	if (s->repeated > 1) {
		np_set_uint(n, "repeated", s->repeated);
		np_set_str(n, "_run", "in a row");
	}
	return n;
}

static np_node *steps_node(struct np_invocation *inv, struct np_heap_view *view, const struct np_path *path, bool collapse)
{
	struct np_step *steps;
	size_t n = np_path_steps(view->graph, view->classes, path, collapse, inv->arena, &steps);
	np_node *list = np_list(inv->arena, &step_shape);
	for (size_t i = 0; i < n; i++)
		np_add(list, step_node(inv, view, &steps[i]));
	return list;
}

np_node *np_path_steps_node(struct np_invocation *inv, struct np_heap_view *view, const struct np_path *path)
{
	return steps_node(inv, view, path, !inv->globals->json);
}

np_node *np_path_node(struct np_invocation *inv, struct np_heap_view *view, const struct np_path *path)
{
	np_node *n = np_obj(inv->arena, &path_shape);
	np_set_str(n, "root", np_root_text(path->root, inv->arena));
	if (path->root) {
		np_set_str(n, "root_name", path->root->name);
		if (path->root->slot)
			np_set_addr(n, "slot", path->root->slot);
		if (path->root->tid)
			np_set_int(n, "tid", path->root->tid);
	}
	np_set_node(n, inv->globals->json ? "steps" : "_steps", np_path_steps_node(inv, view, path));
	return n;
}

static bool is_native_context(const struct np_heap_view *view, np_vertex node)
{
	const char *type = np_graph_is_external(view->graph, node)
				   ? NULL
				   : np_graph_shape(view->graph, np_graph_shape_of(view->graph, node))->type_name;
	return type && strcmp(type, "NATIVE_CONTEXT_TYPE") == 0;
}

const char *np_path_text(struct np_invocation *inv, struct np_heap_view *view, const struct np_path *path)
{
	struct np_step *steps;
	struct np_buf b = {0};
	size_t n = np_path_steps(view->graph, view->classes, path, true, inv->arena, &steps);
	for (size_t i = 0; i < n; i++) {
		const struct np_step *s = &steps[i];
		if (n > LINE_STEPS_MAX && i == LINE_STEPS_MAX / 2) {
			i = n - LINE_STEPS_MAX / 2 - 1;
			np_buf_puts(&b, " ... ");
			continue;
		}
		if (i == 0 && n > 1 && is_native_context(view, s->node))
			continue; /* global objects speak for themselves */
		if (!b.len)
			np_buf_puts(&b, np_class_of(view->classes, s->node));
		if (s->edge.name)
			np_buf_puts(&b, inv->globals->redact && s->edge.kind == NP_EDGE_KIND_VALUE
						? ".get()"
						: np_edge_text(&s->edge, inv->arena));
		if (s->repeated > 1)
			np_buf_printf(&b, " (x%zu)", s->repeated);
	}
	const char *text = np_arena_strdup(inv->arena, b.data ? b.data : "");
	np_buf_deinit(&b);
	return text;
}

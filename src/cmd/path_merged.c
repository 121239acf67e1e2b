#include "cmd/path_merged.h"

#include <stdlib.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/path_node.h"
#include "cmd/session.h"
#include "heap/paths_merged.h"
#include "v8/function.h"

enum { INDENT_MAX = 40, FOLD_MAX = 6 };

static const struct np_shape step_shape = {
	.name = "step",
	.style = NP_STYLE_TABLE,
	.columns = "count:Objects,self_bytes:Self,retained_bytes:Retained,_tree:Held by,_at:Address",
	.empty = "nothing keeps any of them alive: they are garbage, or held by weak references alone",
};
static const struct np_shape total_shape = {
	.name = "total",
	.style = NP_STYLE_LINE,
	.line = "{count:num} objects, {self_bytes}[, {retained_bytes} retained][; {unheld:num} more that nothing holds]",
};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {steps:num} more steps; --limit N shows more"};
static const struct np_shape answer_shape = {
	.name = "merged", .style = NP_STYLE_LINE, .children = "tree,more,total", .indent = -1};

struct answer {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct np_merged merged;
	bool with_retained;
	uint32_t *order;    /* steps, most objects first */
	uint32_t *first, *next; /* children that are shown, by step; + 1, 0 ends */
	uint32_t *hidden;   /* children that are not shown, by step */
	np_node *list;
};

static int step_compare(const void *a, const void *b, void *ctx)
{
	const struct np_merged_step *steps = ctx, *x = &steps[*(const uint32_t *)a], *y = &steps[*(const uint32_t *)b];
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x < y ? -1 : x > y; /* what is above comes first */
}

/* A step of one object says which edge it is. */
static void edge_exactly(struct answer *a, const struct np_merged_step *s, struct np_edge_name *ret)
{
	np_vertex chain[FOLD_MAX];
	const uint32_t *holders = np_reach_parents(&a->view->reach);
	size_t n = 0;
	for (np_vertex at = s->example; n < FOLD_MAX && at != NP_VERTEX_NONE; at = holders[at]) {
		chain[FOLD_MAX - ++n] = at;
		if (at == s->holder)
			break;
	}
	if (n > 1 && chain[FOLD_MAX - n] == s->holder)
		np_edge_fold(a->view->graph, a->view->classes, chain + FOLD_MAX - n, n, a->inv->arena, ret);
}

/* ".cache", "[]", ".get()": as part of an expression; of one of many without what tells it apart. */
static const char *edge_text(struct answer *a, const struct np_edge_name *edge, bool is_any)
{
	if (!is_any)
		return np_edge_text(edge, a->inv->arena);
	switch (edge->kind) {
	case NP_EDGE_KIND_VALUE:
		return ".get()";
	case NP_EDGE_KIND_KEY:
		return ".keys()";
	case NP_EDGE_KIND_PROPERTY:
		return ".*";
	default:
		return "[]";
	}
}

static const char *function_name(struct answer *a, np_vertex node)
{
	np_graph *g = a->view->graph;
	if (np_graph_is_external(g, node) || np_graph_shape(g, np_graph_shape_of(g, node))->kind != NP_KIND_JS_FUNCTION)
		return NULL;
	return np_function_name(a->inv->session->v8, np_graph_address(g, node), a->inv->arena);
}

static void set_object(struct answer *a, np_node *n, const struct np_merged_step *s, const char **ret_text)
{
	np_arena *arena = a->inv->arena;
	struct np_edge_name edge = s->edge;
	const char *class = np_class_of(a->view->classes, s->example), *through = "", *function = function_name(a, s->example);
	bool is_entry = edge.kind == NP_EDGE_KIND_VALUE || edge.kind == NP_EDGE_KIND_KEY;
	bool is_any = s->is_any && (s->objects > 1 || (is_entry && a->inv->globals->redact)); /* a Map's key is content */
	if (edge.name && !is_any && s->objects == 1)
		edge_exactly(a, s, &edge);
	np_set_str(n, "class", class);
	if (function && *function)
		np_set_str(n, "function", function);
	if (edge.name) {
		through = edge_text(a, &edge, is_any);
		np_set_str(n, "edge", np_edge_kind_name(edge.kind));
		if (!is_any)
			np_set_str(n, "name", edge.name);
		np_set_str(n, "through", through);
	}
	np_addr at = np_graph_address(a->view->graph, s->example);
	at = np_graph_is_external(a->view->graph, s->example) ? at : at | 1;
	np_set_addr(n, s->objects > 1 ? "example" : "address", at);
	np_set_addr(n, "_at", at);
	np_set_uint(n, "objects", s->objects);
	np_set_uint(n, "members", s->members);
	if (s->rounds)
		np_set_uint(n, "repeated", s->rounds);
	*ret_text = np_arena_printf(arena, "%s%s%s%s%s", through, *through ? " " : "", class, function && *function ? " " : "",
				    function && *function ? function : "");
	if (s->objects > 1)
		*ret_text = np_arena_printf(arena, "%s  x %llu", *ret_text, (unsigned long long)s->objects);
	if (s->rounds)
		*ret_text = np_arena_printf(arena, "%s (up to %u in a row)", *ret_text, s->rounds);
}

static np_node *step_node(struct answer *a, uint32_t step, uint32_t depth)
{
	const struct np_merged_step *s = &a->merged.steps[step];
	np_arena *arena = a->inv->arena;
	np_node *n = np_obj(arena, &step_shape);
	const char *text;
	np_set_uint(n, "depth", depth);
	np_set_uint(n, "count", s->count);
	np_set_bytes(n, "self_bytes", s->self_bytes);
	if (a->with_retained)
		np_set_bytes(n, "retained_bytes", s->retained_bytes);
	if (s->parent == NP_MERGED_NONE) {
		text = np_root_text(s->root, arena);
		np_set_str(n, "root", text);
	} else {
		set_object(a, n, s, &text);
	}
	if (a->hidden[step]) {
		np_set_uint(n, "steps_left_out", a->hidden[step]);
		text = np_arena_printf(arena, "%s  ... +%u", text, a->hidden[step]);
	}
	int indent = (int)(2 * (depth < INDENT_MAX ? depth : INDENT_MAX));
	np_set_str(n, "_tree", np_arena_printf(arena, "%*s%s", indent, "", text));
	return n;
}

/* Depth first, without recursion: paths may be long. */
static void tree_put(struct answer *a, uint32_t first)
{
	NP_VEC(uint32_t) stack = {0}; /* next sibling of each level, + 1 */
	np_vec_push(&stack, first);
	while (stack.len) {
		uint32_t at = stack.data[stack.len - 1];
		if (!at) {
			stack.len--;
			continue;
		}
		stack.data[stack.len - 1] = a->next[at - 1];
		np_add(a->list, step_node(a, at - 1, (uint32_t)stack.len - 1));
		np_vec_push(&stack, a->first[at - 1]);
	}
	np_vec_deinit(&stack);
}

/* Chooses the steps with most objects: those above a chosen one have as many, so they are chosen, too. */
static uint32_t steps_choose(struct answer *a, size_t limit)
{
	const struct np_merged *m = &a->merged;
	uint32_t first = 0;
	for (size_t i = 0; i < m->len; i++)
		a->order[i] = (uint32_t)i;
	if (m->len)
		qsort_r(a->order, m->len, sizeof(*a->order), step_compare, m->steps);
	for (size_t i = m->len; i-- > 0;) { /* the last one is put first in its list */
		uint32_t step = a->order[i], parent = m->steps[step].parent;
		if (i >= limit) {
			if (parent != NP_MERGED_NONE)
				a->hidden[parent]++;
			continue;
		}
		uint32_t *head = parent == NP_MERGED_NONE ? &first : &a->first[parent];
		a->next[step] = *head;
		*head = step + 1;
	}
	return first;
}

static void total_put(struct answer *a, size_t limit)
{
	np_arena *arena = a->inv->arena;
	const struct np_merged *m = &a->merged;
	np_node *total = np_obj(arena, &total_shape);
	uint64_t count = 0, self_bytes = 0, retained_bytes = 0;
	for (size_t i = 0; i < m->len; i++)
		if (m->steps[i].parent == NP_MERGED_NONE) {
			count += m->steps[i].count;
			self_bytes += m->steps[i].self_bytes;
			retained_bytes += m->steps[i].retained_bytes;
		}
	np_set_uint(total, "count", count);
	np_set_bytes(total, "self_bytes", self_bytes);
	if (a->with_retained)
		np_set_bytes(total, "retained_bytes", retained_bytes);
	if (m->unheld)
		np_set_uint(total, "unheld", m->unheld);
	np_set_node(a->inv->result, "tree", a->list);
	if (m->len > limit) {
		np_node *more = np_obj(arena, &more_shape);
		np_set_uint(more, "steps", m->len - limit);
		np_set_node(a->inv->result, "more", more);
	}
	np_set_node(a->inv->result, "total", total);
}

void np_path_merged_answer(struct np_invocation *inv, struct np_heap_view *view, const uint64_t *members,
			   bool with_retained, size_t limit)
{
	struct answer a = {.inv = inv, .view = view, .with_retained = with_retained, .list = np_list(inv->arena, &step_shape)};
	np_merged_paths(view->graph, view->classes, &view->roots, &view->reach, with_retained ? &view->dominators : NULL,
			members, &a.merged);
	size_t n = a.merged.len + 1;
	a.order = np_xcalloc(n, sizeof(*a.order));
	a.first = np_xcalloc(n, sizeof(*a.first));
	a.next = np_xcalloc(n, sizeof(*a.next));
	a.hidden = np_xcalloc(n, sizeof(*a.hidden));
	inv->result = np_obj(inv->arena, &answer_shape);
	tree_put(&a, steps_choose(&a, limit));
	total_put(&a, limit);
	free(a.order);
	free(a.first);
	free(a.next);
	free(a.hidden);
	np_merged_deinit(&a.merged);
}

/* nopsy errors: the errors in the heap by class and message, with an example's stack and causes. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_ids.h"
#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/error_node.h"
#include "cmd/heap_view.h"
#include "cmd/held_by.h"
#include "cmd/session.h"
#include "v8/cache.h"
#include "v8/error_stack.h"
#include "v8/object.h"

enum { ROWS_TEXT = 20, ROWS_JSON = 1000, ROWS_MAX = 1 << 24, MESSAGE_UNITS_MAX = 4096 };

static const struct np_option options[] = {
	{"class", 'c', NP_OPT_STRING, "GLOB", NULL, "only errors of classes that match (* and ? match)"},
	{"message", 'm', NP_OPT_STRING, "GLOB", NULL, "only errors whose message matches"},
	{"all", 'a', NP_OPT_FLAG, NULL, NULL, "garbage too: errors that were caught and dropped"},
	{"instances", 'i', NP_OPT_FLAG, NULL, NULL, "addresses of the errors instead"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N groups or addresses (20 groups, as JSON 1000)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy errors 4242", "what went wrong in a process, most frequent first"},
	{"nopsy errors core.4242 --all", "with errors that nobody holds any more but no collection has taken"},
	{"nopsy errors core.4242 --message '*ECONNREFUSED*' --instances", "where these errors are"},
	{0},
};

static const struct np_shape group_shape = {
	.name = "error_group",
	.style = NP_STYLE_LINE,
	.line = "{count:num} x {class:name}[: {_message}][ \\[{code}\\]]  {example}[  held by {held_by:dim}]",
	.children = "_frames,causes,_blank",
	.empty = "no errors",
};
static const struct np_shape total_shape = {
	.name = "total", .style = NP_STYLE_LINE, .line = "{count:num} errors in {groups:num} groups, {self_bytes}[ ({_live})]"};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {groups:num} more groups; --limit N shows more"};
static const struct np_shape answer_shape = {
	.name = "errors", .style = NP_STYLE_LINE, .children = "errors,more,total,coverage", .indent = -1};
static const struct np_shape instances_shape = {
	.name = "instances", .style = NP_STYLE_LINE, .children = "instances", .indent = -1};

/* What a shape says about its objects. */
enum verdict { NOT_ASKED, NO, YES, EACH /* every object is asked */ };

struct error_group {
	const char *class, *message;
	uint64_t count, self_bytes;
	np_vertex example;
	bool passes;
};

struct survey {
	struct np_invocation *inv;
	struct np_heap_view *view;
	np_v8 *v8;
	bool all;
	const char *class, *message; /* filters */
	uint8_t *verdicts;	     /* by shape */
	struct np_text_ids ids;
	NP_VEC(struct error_group) groups;
	struct np_addr_map group_of; /* by address of the message string, of the class seen last with it: group + 1 */
};

static bool is_error(struct survey *s, np_vertex node)
{
	np_graph *g = s->view->graph;
	if (np_graph_is_external(g, node) || (!s->all && !np_reach_has(&s->view->reach, node)))
		return false;
	uint32_t shape = np_graph_shape_of(g, node);
	if (s->verdicts[shape] == NOT_ASKED) {
		const struct np_vertex_shape *v = np_graph_shape(g, shape);
		if (v->kind == NP_KIND_JS_ERROR)
			s->verdicts[shape] = v->map->is_prototype ? EACH : YES;
		else if (v->kind != NP_KIND_JS_OBJECT)
			s->verdicts[shape] = NO;
		else if (v->map->dictionary || v->map->is_prototype)
			s->verdicts[shape] = EACH;
		else
			s->verdicts[shape] = np_is_error(s->v8, np_graph_address(g, node)) ? EACH : NO;
	}
	if (s->verdicts[shape] != EACH)
		return s->verdicts[shape] == YES;
	/* a prototype of errors is none itself */
	struct np_property p;
	np_addr at = np_graph_address(g, node);
	return np_is_error(s->v8, at) && !np_object_own(s->v8, at, "constructor", &p);
}

static bool glob_matches(const char *glob, const char *text)
{
	return !glob || fnmatch(glob, text, 0) == 0;
}

static uint32_t group_of(struct survey *s, np_vertex node)
{
	np_arena *arena = s->inv->arena;
	const char *class = np_class_of(s->view->classes, node);
	np_addr at = np_graph_address(s->view->graph, node), text = np_error_message_string(s->v8, at);
	uintptr_t known = text ? (uintptr_t)np_addr_map_get(&s->group_of, text) : 0;
	if (known && strcmp(s->groups.data[known - 1].class, class) == 0)
		return (uint32_t)(known - 1);
	np_arena *scratch = np_arena_create();
	const char *message = np_error_message(s->v8, at, MESSAGE_UNITS_MAX, scratch);
	bool is_new;
	uint32_t id = np_text_id(&s->ids, np_arena_printf(scratch, "%s\x01%s", class, message), &is_new);
	if (is_new)
		np_vec_push(&s->groups, (struct error_group){.class = class,
							     .message = np_arena_strdup(arena, message),
							     .example = node,
							     .passes = glob_matches(s->class, class) &&
								       glob_matches(s->message, message)});
	if (text)
		np_addr_map_put(&s->group_of, text, (void *)(uintptr_t)(id + 1));
	np_arena_destroy(scratch);
	return id;
}

static int group_compare(const void *a, const void *b)
{
	const struct error_group *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->example < y->example ? -1 : x->example > y->example;
}

static np_node *group_node(struct survey *s, const struct error_group *g)
{
	np_arena *arena = s->inv->arena;
	np_addr at = np_graph_address(s->view->graph, g->example);
	np_node *n = np_obj(arena, &group_shape), *blank = np_list(arena, NULL);
	np_set_uint(n, "count", g->count);
	np_set_str(n, "class", g->class);
	np_error_node_fill(s->v8, at, g->message, arena, n);
	np_set_bytes(n, "self_bytes", g->self_bytes);
	np_set_addr(n, "example", at | 1);
	if (np_reach_has(&s->view->reach, g->example))
		np_set_str(n, "held_by", np_held_by(s->inv, s->view, g->example));
	np_add_str(blank, "");
	np_set_node(n, "_blank", blank);
	return n;
}

static void answer_groups(struct survey *s, int64_t limit)
{
	struct np_invocation *inv = s->inv;
	size_t kept = 0;
	uint64_t count = 0, bytes = 0;
	for (size_t i = 0; i < s->groups.len; i++) {
		if (!s->groups.data[i].count)
			continue;
		count += s->groups.data[i].count;
		bytes += s->groups.data[i].self_bytes;
		s->groups.data[kept++] = s->groups.data[i];
	}
	if (kept)
		qsort(s->groups.data, kept, sizeof(*s->groups.data), group_compare);
	size_t shown = kept < (uint64_t)limit ? kept : (size_t)limit;
	np_node *list = np_list(inv->arena, &group_shape), *total = np_obj(inv->arena, &total_shape);
	for (size_t i = 0; i < shown; i++)
		np_add(list, group_node(s, &s->groups.data[i]));
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_uint(total, "count", count);
	np_set_uint(total, "groups", kept);
	np_set_bytes(total, "self_bytes", bytes);
	np_set_str(total, "_live", s->all ? "garbage included" : "alive");
	np_set_node(inv->result, "total", total);
	np_set_node(inv->result, "errors", list);
	if (shown < kept) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_uint(more, "groups", kept - shown);
		np_set_node(inv->result, "more", more);
	}
	np_set_node(inv->result, "coverage", np_heap_view_coverage(inv, s->view));
}

static void survey_run(struct survey *s)
{
	struct np_invocation *inv = s->inv;
	bool instances = np_opt_flag(inv, "instances");
	int64_t limit = instances ? INT64_MAX : inv->globals->json ? ROWS_JSON : ROWS_TEXT;
	np_node *list = np_list(inv->arena, NULL);
	np_opt_int(inv, "limit", &limit);
	for (np_vertex node = 0; node < np_graph_object_count(s->view->graph); node++) {
		if (!is_error(s, node))
			continue;
		uint32_t id = group_of(s, node); /* may move the groups */
		struct error_group *g = &s->groups.data[id];
		if (!g->passes)
			continue;
		g->count++;
		g->self_bytes += np_graph_size(s->view->graph, node);
		if (instances && (int64_t)np_node_len(list) < limit)
			np_add_addr(list, np_graph_address(s->view->graph, node) | 1);
	}
	if (!instances) {
		answer_groups(s, limit);
		return;
	}
	inv->result = np_obj(inv->arena, &instances_shape);
	np_set_node(inv->result, "instances", list);
}

static np_err *run(struct np_invocation *inv)
{
	struct survey s = {.inv = inv, .v8 = inv->session->v8, .all = np_opt_flag(inv, "all"),
			   .class = np_opt_str(inv, "class"), .message = np_opt_str(inv, "message")};
	int64_t limit;
	if (np_opt_int(inv, "limit", &limit) && (limit < 0 || limit > ROWS_MAX))
		return np_err_new(NP_EUSAGE, "--limit is a number up to %d", ROWS_MAX);
	NP_TRY(np_heap_view_get(inv, &s.view));
	NP_TRY(np_heap_view_need_reach(inv, s.view));
	s.v8 = inv->session->v8;
	s.verdicts = np_xcalloc((size_t)np_graph_shape_count(s.view->graph) + 1, 1);
	survey_run(&s);
	free(s.verdicts);
	np_text_ids_deinit(&s.ids);
	np_vec_deinit(&s.groups);
	np_addr_map_deinit(&s.group_of);
	return NULL;
}

const struct np_command np_cmd_errors = {
	.name = "errors",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "every error in the heap: counts by message, decoded stacks, causes",
	.help = "Errors of one class with one message are a group; of each the stack of one example is shown as V8 would\n"
		"print it, its code, who holds it, and the chain of causes. Also objects count that inherit from Error and\n"
		"captured a stack. --all shows errors that were caught, dropped, and not collected yet.",
	.options = options,
	.examples = examples,
	.run = run,
};

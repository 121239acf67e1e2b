/* nopsy functions: closures counted by the function that they are of. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/heap_view.h"
#include "cmd/session.h"
#include "cmd/sums.h"
#include "heap/group_retained.h"
#include "v8/cache.h"
#include "v8/call_name.h"
#include "v8/function.h"
#include "v8/script.h"

enum { ROWS_DEFAULT = 40 };

static const struct np_option options[] = {
	{"name", 0, NP_OPT_STRING, "GLOB", NULL, "only functions whose name matches (* and ? match)"},
	{"script", 0, NP_OPT_STRING, "GLOB", NULL, "only functions of scripts whose path, or its last part, matches"},
	{"min-count", 0, NP_OPT_INT, "N", NULL, "only functions that at least N closures are of"},
	{"sort", 's', NP_OPT_CHOICE, "WHAT", "count|self|retained|name", "biggest first by that (count)"},
	{"no-retained", 0, NP_OPT_FLAG, NULL, NULL, "leave out retained sizes, which take most of the time"},
	{"all", 'a', NP_OPT_FLAG, NULL, NULL, "garbage too, not only what the roots keep alive"},
	{"instances", 'i', NP_OPT_FLAG, NULL, NULL, "addresses of the closures instead"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N rows or addresses (40 rows as text, else all)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy functions 4242", "which functions the closures of a process are of"},
	{"nopsy functions core.4242 --script 'server*.js' --sort retained", "what closures of a file keep alive"},
	{"nopsy functions core.4242 --name onData --instances", "every closure of a function; `nopsy closure` shows its variables"},
	{0},
};

static const struct np_shape function_shape = {
	.name = "function",
	.style = NP_STYLE_TABLE,
	.columns = "count:Count,self_bytes:Self,retained_bytes:Retained,_name:Function:name,_place:Defined at:path,example:Example",
	.empty = "no such functions",
};
static const struct np_shape total_shape = {
	.name = "total",
	.style = NP_STYLE_LINE,
	.line = "{count:num} closures of {functions:num} functions, {self_bytes}[ ({_live})]",
};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {functions:num} more functions; --limit N shows more"};
static const struct np_shape answer_shape = {
	.name = "functions", .style = NP_STYLE_LINE, .children = "functions,more,total,coverage", .indent = -1};
static const struct np_shape instances_shape = {
	.name = "instances", .style = NP_STYLE_LINE, .children = "instances", .indent = -1};

struct function {
	np_addr shared;
	const char *name, *file; /* file NULL: a builtin */
	int line, column;	 /* 0 unknown */
	bool passes;		 /* the filters */
	uint64_t count, self_bytes, retained_bytes;
	np_vertex example;
};

struct tally {
	struct np_invocation *inv;
	struct np_heap_view *view;
	bool all;
	const char *name, *script;	 /* filters, NULL none */
	struct np_addr_map wanted;	 /* SharedFunctionInfos of the arguments; empty: any */
	struct np_addr_map by_shared;	 /* index + 1 into functions */
	NP_VEC(struct function) functions;
	uint32_t *group_of;		 /* by node; NULL without retained sizes */
	uint64_t count, self_bytes, function_count;
};

static bool script_matches(const char *glob, const char *file)
{
	if (!file)
		return false;
	const char *base = strrchr(file, '/');
	return fnmatch(glob, file, 0) == 0 || (base && fnmatch(glob, base + 1, 0) == 0);
}

static void function_fill(struct tally *t, struct function *f)
{
	np_v8 *v8 = t->inv->session->v8;
	np_arena *arena = t->inv->arena;
	struct np_shared s;
	const struct np_script *script;
	f->name = "";
	if (!np_err_drop(np_shared_load(v8, f->shared, arena, &s))) {
		f->name = np_shared_debug_name(v8, &s, arena);
		if (s.script && !np_err_drop(np_script_load(v8, s.script, &script))) {
			f->file = script->name ? script->name : np_eval_origin(v8, script, arena);
			np_script_line_column(script, s.token >= 0 ? s.token : s.start, &f->line, &f->column);
		}
	}
	f->passes = (!t->wanted.len || np_addr_map_get(&t->wanted, f->shared)) &&
		    (!t->name || fnmatch(t->name, f->name, 0) == 0) && (!t->script || script_matches(t->script, f->file));
}

/* Number of the function of a closure; NP_VERTEX_NONE: it is no closure, or one that is not asked for. */
static uint32_t function_of(struct tally *t, np_vertex node)
{
	np_graph *g = t->view->graph;
	np_addr shared;
	if (np_graph_is_external(g, node) ||
	    np_graph_shape(g, np_graph_shape_of(g, node))->kind != NP_KIND_JS_FUNCTION ||
	    (!t->all && !np_reach_has(&t->view->reach, node)) ||
	    !np_function_shared(t->inv->session->v8, np_graph_address(g, node), &shared))
		return NP_VERTEX_NONE;
	uintptr_t known = (uintptr_t)np_addr_map_get(&t->by_shared, shared);
	if (!known) {
		struct function f = {.shared = shared, .example = node};
		function_fill(t, &f);
		np_vec_push(&t->functions, f);
		known = t->functions.len;
		np_addr_map_put(&t->by_shared, shared, (void *)known);
	}
	return t->functions.data[known - 1].passes ? (uint32_t)(known - 1) : NP_VERTEX_NONE;
}

static void tally_count(struct tally *t, bool with_retained)
{
	np_graph *g = t->view->graph;
	np_vertex n = np_graph_node_count(g);
	if (with_retained)
		t->group_of = np_xmalloc(((size_t)n + 1) * sizeof(*t->group_of));
	for (np_vertex node = 0; node < n; node++) {
		uint32_t id = function_of(t, node);
		if (t->group_of)
			t->group_of[node] = id;
		if (id == NP_VERTEX_NONE)
			continue;
		struct function *f = &t->functions.data[id];
		f->count++;
		f->self_bytes += np_graph_size(g, node);
	}
	if (!with_retained)
		return;
	uint64_t *bytes = np_xcalloc(t->functions.len + 1, sizeof(*bytes));
	np_group_retained(&t->view->dominators, t->group_of, (uint32_t)t->functions.len, bytes);
	for (size_t i = 0; i < t->functions.len; i++)
		t->functions.data[i].retained_bytes = bytes[i];
	free(bytes);
}

static int function_compare(const void *a, const void *b, void *ctx)
{
	const struct function *x = a, *y = b;
	const char *by = ctx;
	int c = strcmp(by, "name") == 0 ? strcmp(x->name, y->name) : 0;
	if (!c)
		c = np_sums_compare(&(struct np_sums){x->count, x->self_bytes, x->retained_bytes},
				    &(struct np_sums){y->count, y->self_bytes, y->retained_bytes}, by);
	if (c)
		return c;
	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	return x->shared < y->shared ? -1 : x->shared > y->shared;
}

static np_node *function_node(struct tally *t, const struct function *f)
{
	np_arena *arena = t->inv->arena;
	np_addr example = np_graph_address(t->view->graph, f->example);
	bool is_class = np_is_class(t->inv->session->v8, example);
	np_node *n = np_obj(arena, &function_shape);
	np_set_uint(n, "count", f->count);
	np_set_bytes(n, "self_bytes", f->self_bytes);
	if (t->group_of)
		np_set_bytes(n, "retained_bytes", f->retained_bytes);
	np_set_str(n, "name", f->name);
	np_set_str(n, "_name", np_arena_printf(arena, "%s%s", is_class ? "class " : "", *f->name ? f->name : "(anonymous)"));
	if (is_class)
		np_set_str(n, "function_kind", "class");
	np_set_str(n, "file", f->file);
	if (f->line) {
		np_set_int(n, "line", f->line);
		np_set_int(n, "column", f->column);
	}
	np_set_str(n, "_place", !f->file	? "(builtin)"
				: f->line ? np_arena_printf(arena, "%s:%d:%d", f->file, f->line, f->column)
					  : f->file);
	np_set_addr(n, "function_info", f->shared | 1);
	np_set_addr(n, "example", example | 1);
	return n;
}

static void answer_functions(struct tally *t)
{
	struct np_invocation *inv = t->inv;
	int64_t min_count = 1, limit = inv->globals->json ? INT64_MAX : ROWS_DEFAULT;
	const char *sort = np_opt_str(inv, "sort");
	np_opt_int(inv, "min-count", &min_count);
	np_opt_int(inv, "limit", &limit);
	size_t kept = 0;
	for (size_t i = 0; i < t->functions.len; i++) {
		struct function *f = &t->functions.data[i];
		if (!f->count || (int64_t)f->count < min_count)
			continue;
		t->count += f->count;
		t->self_bytes += f->self_bytes;
		t->functions.data[kept++] = *f;
	}
	if (kept)
		qsort_r(t->functions.data, kept, sizeof(*t->functions.data), function_compare, (void *)(sort ? sort : "count"));
	size_t shown = kept < (uint64_t)limit ? kept : (size_t)limit;
	np_node *list = np_list(inv->arena, &function_shape), *total = np_obj(inv->arena, &total_shape);
	for (size_t i = 0; i < shown; i++)
		np_add(list, function_node(t, &t->functions.data[i]));
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_uint(total, "count", t->count);
	np_set_uint(total, "functions", kept);
	np_set_bytes(total, "self_bytes", t->self_bytes);
	np_set_str(total, "_live", t->all ? "garbage included" : "alive");
	np_set_node(inv->result, "total", total);
	np_set_node(inv->result, "functions", list);
	if (shown < kept) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_uint(more, "functions", kept - shown);
		np_set_node(inv->result, "more", more);
	}
	np_set_node(inv->result, "coverage", np_heap_view_coverage(inv, t->view));
}

static void answer_instances(struct tally *t)
{
	struct np_invocation *inv = t->inv;
	np_node *list = np_list(inv->arena, NULL);
	int64_t limit = INT64_MAX;
	np_opt_int(inv, "limit", &limit);
	for (np_vertex node = 0; node < np_graph_object_count(t->view->graph) && limit > 0; node++)
		if (function_of(t, node) != NP_VERTEX_NONE) {
			np_add_addr(list, np_graph_address(t->view->graph, node) | 1);
			limit--;
		}
	inv->result = np_obj(inv->arena, &instances_shape);
	np_set_node(inv->result, "instances", list);
}

/* ADDR...: closures, or SharedFunctionInfos themselves. */
static np_err *wanted_take(struct tally *t)
{
	np_v8 *v8 = t->inv->session->v8;
	for (size_t i = 0; i < t->inv->arg_count; i++) {
		np_vertex node;
		np_addr shared;
		NP_TRY(np_heap_view_node(t->inv, t->view, t->inv->args[i], &node));
		np_addr at = np_graph_address(t->view->graph, node);
		if (np_kind_at(v8, at) == NP_KIND_SHARED_FUNCTION_INFO)
			shared = at;
		else if (!np_function_shared(v8, at, &shared))
			return np_err_new(NP_EUSAGE, "%s is no function", t->inv->args[i]);
		np_addr_map_put(&t->wanted, shared, (void *)(uintptr_t)1);
	}
	return NULL;
}

static np_err *tally_run(struct tally *t)
{
	struct np_invocation *inv = t->inv;
	const char *sort = np_opt_str(inv, "sort");
	bool instances = np_opt_flag(inv, "instances");
	bool with_retained = !instances && (!np_opt_flag(inv, "no-retained") || (sort && strcmp(sort, "retained") == 0));
	NP_TRY(wanted_take(t));
	if (with_retained)
		NP_TRY(np_heap_view_need_dominators(inv, t->view));
	else if (!t->all)
		NP_TRY(np_heap_view_need_reach(inv, t->view));
	if (instances) {
		answer_instances(t);
		return NULL;
	}
	tally_count(t, with_retained);
	answer_functions(t);
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct tally t = {.inv = inv, .all = np_opt_flag(inv, "all"), .name = np_opt_str(inv, "name"),
			  .script = np_opt_str(inv, "script")};
	int64_t n;
	if ((np_opt_int(inv, "limit", &n) && n < 0) || (np_opt_int(inv, "min-count", &n) && n < 0))
		return np_err_new(NP_EUSAGE, "--limit and --min-count are numbers from 0 on");
	NP_TRY(np_heap_view_get(inv, &t.view));
	np_err *err = tally_run(&t);
	np_addr_map_deinit(&t.wanted);
	np_addr_map_deinit(&t.by_shared);
	np_vec_deinit(&t.functions);
	free(t.group_of);
	return err;
}

const struct np_command np_cmd_functions = {
	.name = "functions",
	.group = "Look at one moment",
	.arguments = "[ADDR...]",
	.max_args = SIZE_MAX,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "closures counted by function: name, place, count, what they retain",
	.help = "Every time a function expression or declaration is run over, it makes a closure: a function of which there\n"
		"are many is a handler, a callback or a promise reaction that somebody collects. The retained size is what\n"
		"would be freed with all closures of the function: what their variables alone keep alive.\n\n"
		"With ADDR (closures) only the functions that these are of.",
	.options = options,
	.examples = examples,
	.run = run,
};

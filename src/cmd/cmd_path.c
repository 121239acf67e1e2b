/* nopsy path: what keeps an object alive, or many of them. */
#include <stdlib.h>

#include "cmd/args.h"
#include "cmd/object_filter.h"
#include "cmd/path_merged.h"
#include "cmd/path_node.h"
#include "cmd/session.h"

enum { PATHS_MAX = 1000, ROWS_TEXT = 60, ROWS_JSON = 1000 };

static const struct np_option options[] = {
	{"count", 'n', NP_OPT_INT, "N", NULL, "at most N paths, shortest first (1)"},
	NP_OBJECT_FILTER_LIVE_OPTIONS,
	{"limit", 0, NP_OPT_INT, "N", NULL, "of many: at most N steps, those that lead to most (60 as text, 1000 as JSON)"},
	{"no-retained", 0, NP_OPT_FLAG, NULL, NULL, "of many: leave out retained sizes, which take most of the time"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy path core.4242 0x2f31d9c1", "the shortest way from a root to that object"},
	{"nopsy path core.4242 0x2f31d9c1 --count 5", "further ways, each through another holder"},
	{"nopsy path core.4242 --class Session", "who holds all the instances of a class: their shortest ways, merged"},
	{"nopsy path core.4242 --function onData --no-retained", "who holds all closures of a function"},
	{0},
};

static const struct np_shape list_shape = {
	.name = "path", .style = NP_STYLE_LINE, .line = "{root:keyword}[ {root_name}]", .children = "_steps", .indent = 2,
	.empty = "nothing keeps it alive: it is garbage, or held by weak references alone"};
static const struct np_shape answer_shape = {
	.name = "paths", .style = NP_STYLE_LINE, .children = "paths", .indent = -1};

static np_err *paths_of_one(struct np_invocation *inv, struct np_heap_view *view)
{
	np_vertex node;
	int64_t count = 1;
	np_opt_int(inv, "count", &count);
	NP_TRY(np_heap_view_node(inv, view, inv->args[0], &node));
	NP_TRY(np_heap_view_need_reach(inv, view));
	struct np_path *paths = NP_NEW_ARRAY(inv->arena, struct np_path, (size_t)count);
	bool is_cut;
	size_t n = np_paths_search(view->graph, &view->roots, &view->reach, node, (size_t)count, inv->arena, paths, &is_cut);
	if (is_cut)
		np_partial(inv, "there may be more paths: the search was ended, what holds the object is too deep");
	np_node *list = np_list(inv->arena, &list_shape);
	for (size_t i = 0; i < n; i++)
		np_add(list, np_path_node(inv, view, &paths[i]));
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "paths", list);
	return NULL;
}

/* The objects that the options or the arguments are about; false when there are none. */
static np_err *members_take(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *filter,
			    uint64_t *members, bool *ret_any)
{
	np_vertex node;
	bool any = false;
	for (size_t i = 0; i < inv->arg_count; i++) {
		NP_TRY(np_heap_view_node(inv, view, inv->args[i], &node));
		members[node / 64] |= 1ull << (node % 64);
		any = true;
	}
	for (node = 0; !inv->arg_count && node < np_graph_node_count(view->graph); node++)
		if (np_object_filter_takes(filter, node)) {
			members[node / 64] |= 1ull << (node % 64);
			any = true;
		}
	*ret_any = any;
	return NULL;
}

static np_err *paths_of_many(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *filter)
{
	int64_t limit = inv->globals->json ? ROWS_JSON : ROWS_TEXT;
	bool with_retained = !np_opt_flag(inv, "no-retained"), any = false;
	np_opt_int(inv, "limit", &limit);
	uint64_t *members = np_xcalloc((size_t)np_graph_node_count(view->graph) / 64 + 1, sizeof(*members));
	np_err *err = members_take(inv, view, filter, members, &any);
	if (!err && !any)
		err = np_err_new(NP_ENOTFOUND, "no such objects are alive");
	if (!err && with_retained)
		err = np_heap_view_need_dominators(inv, view);
	if (!err)
		np_path_merged_answer(inv, view, members, with_retained, (size_t)limit);
	free(members);
	return err;
}

static bool chooses(const struct np_invocation *inv)
{
	static const char *const names[] = {"class", "property", "shape", "function", "script", "kind", "like"};
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
		if (np_opt_flag(inv, names[i]))
			return true;
	return false;
}

/* What can be told before the heap is looked at. */
static np_err *usage_check(const struct np_invocation *inv)
{
	int64_t count, limit;
	bool is_one = inv->arg_count == 1;
	if (inv->arg_count && chooses(inv))
		return np_err_new(NP_EUSAGE, "addresses and options that choose objects exclude each other");
	if (!inv->arg_count && !chooses(inv))
		return np_err_new(NP_EUSAGE, "path wants an ADDR, several of them, or --class NAME");
	if (np_opt_int(inv, "count", &count)) {
		if (!is_one)
			return np_err_new(NP_EUSAGE, "--count is about the paths of one object; those of many are merged");
		if (count < 1 || count > PATHS_MAX)
			return np_err_new(NP_EUSAGE, "--count is a number from 1 to %d", PATHS_MAX);
	}
	if (np_opt_int(inv, "limit", &limit) && (is_one || limit < 1))
		return np_err_new(NP_EUSAGE, is_one ? "--limit is about the paths of many objects; of one there is --count"
						    : "--limit is a positive number of steps");
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct np_heap_view *view;
	struct np_object_filter filter;
	NP_TRY(usage_check(inv));
	NP_TRY(np_heap_view_get(inv, &view));
	if (inv->arg_count == 1)
		return paths_of_one(inv, view);
	NP_TRY(np_object_filter_init_live(inv, view, &filter));
	np_err *err = paths_of_many(inv, view, &filter);
	np_object_filter_deinit(&filter);
	return err;
}

const struct np_command np_cmd_path = {
	.name = "path",
	.group = "Look at one moment",
	.arguments = "ADDR...",
	.max_args = SIZE_MAX,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "shortest retaining paths from the roots to an object, or to many",
	.help = "A path begins at a root of the garbage collector and leads through strong references to ADDR: as long as\n"
		"all of it stands, the object lives. Weak references hold nothing and are left out. Of equal steps in a row\n"
		"(a linked list) one is shown with their number.\n\n"
		"Of several ADDR, or of all objects that --class and the other options choose, the shortest paths are merged\n"
		"into one tree. Objects of one class that are reached through the same property, through any index or any\n"
		"key, are one step; each step tells how many of the objects are there and below, their own bytes and what\n"
		"would be freed with them. A step that comes again within three (a list, a chain of closures, a tree) stands\n"
		"once, with how often it came in a row.",
	.options = options,
	.examples = examples,
	.run = run,
};

/* nopsy path: what keeps an object alive. */
#include "cmd/args.h"
#include "cmd/path_node.h"
#include "cmd/session.h"

enum { PATHS_MAX = 1000 };

static const struct np_option options[] = {
	{"count", 'n', NP_OPT_INT, "N", NULL, "at most N paths, shortest first (1)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy path core.4242 0x2f31d9c1", "the shortest way from a root to that object"},
	{"nopsy path core.4242 0x2f31d9c1 --count 5", "further ways, each through another holder"},
	{0},
};

static const struct np_shape list_shape = {
	.name = "path", .style = NP_STYLE_LINE, .line = "{root:keyword}[ {root_name}]", .children = "_steps", .indent = 2,
	.empty = "nothing keeps it alive: it is garbage, or held by weak references alone"};
static const struct np_shape answer_shape = {
	.name = "paths", .style = NP_STYLE_LINE, .children = "paths", .indent = -1};

static np_err *run(struct np_invocation *inv)
{
	struct np_heap_view *view;
	np_vertex node;
	int64_t count = 1;
	if (np_opt_int(inv, "count", &count) && (count < 1 || count > PATHS_MAX))
		return np_err_new(NP_EUSAGE, "--count is a number from 1 to %d", PATHS_MAX);
	NP_TRY(np_heap_view_get(inv, &view));
	NP_TRY(np_heap_view_node(inv, view, inv->args[0], &node));
	NP_TRY(np_heap_view_need_reach(inv, view));
	struct np_path *paths = NP_NEW_ARRAY(inv->arena, struct np_path, (size_t)count);
	size_t n = np_paths_find(view->graph, &view->roots, &view->reach, node, (size_t)count, inv->arena, paths);
	np_node *list = np_list(inv->arena, &list_shape);
	for (size_t i = 0; i < n; i++)
		np_add(list, np_path_node(inv, view, &paths[i]));
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "paths", list);
	return NULL;
}

const struct np_command np_cmd_path = {
	.name = "path",
	.group = "Look at one moment",
	.arguments = "ADDR",
	.min_args = 1,
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "shortest retaining paths from the roots to an object",
	.help = "A path begins at a root of the garbage collector and leads through strong references to ADDR: as long as\n"
		"all of it stands, the object lives. Weak references hold nothing and are left out. Of equal steps in a row\n"
		"(a linked list) one is shown with their number.",
	.options = options,
	.examples = examples,
	.run = run,
};

/* nopsy stack: every thread's stack, native and JavaScript in one. */
#include <string.h>

#include "cmd/address.h"
#include "cmd/cmd.h"
#include "cmd/frame_node.h"
#include "cmd/session.h"
#include "v8/value.h"

static const struct np_option options[] = {
	{"args", 'a', NP_OPT_FLAG, NULL, NULL, "receiver and arguments, with names and values"},
	{"locals", 'l', NP_OPT_FLAG, NULL, NULL, "local variables, with names and values"},
	{"source", 's', NP_OPT_FLAG, NULL, NULL, "the source around the executing line"},
	{"lines", 0, NP_OPT_INT, "N", NULL, "lines of source before and after (2)"},
	{"thread", 't', NP_OPT_INT, "TID", NULL, "only this thread"},
	{"js", 'j', NP_OPT_FLAG, NULL, NULL, "only JavaScript frames"},
	{"native", 'n', NP_OPT_FLAG, NULL, NULL, "show native frames, otherwise folded"},
	{"internal", 'i', NP_OPT_FLAG, NULL, NULL, "show frames of V8 and of Node's own JavaScript, otherwise folded"},
	{"group", 'g', NP_OPT_FLAG, NULL, NULL, "threads with identical stacks as one"},
	{"depth", 'd', NP_OPT_INT, "N", NULL, "how deep values are printed (1)"},
	{"addresses", 'A', NP_OPT_FLAG, NULL, NULL, "pc, frame pointer and function of each frame"},
	{"function", 'f', NP_OPT_STRING, "NAME", NULL, "only frames of functions with this name"},
	{"frame", 0, NP_OPT_STRING, "FP", NULL, "only the frame (with what is inlined in it) at this frame pointer"},
	{"max-frames", 0, NP_OPT_INT, "N", NULL, "frames of one stack (10000)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy stack 4242", "what every thread of process 4242 runs"},
	{"nopsy stack 4242 --args --source", "with arguments and the executing source lines"},
	{"nopsy stack core.4242 --exe /opt/node/bin/node --thread 4242 --json", "one thread of a core, for programs"},
	{0},
};

static bool same_stack(const struct np_stack *a, const struct np_stack *b)
{
	if (a->frame_count != b->frame_count)
		return false;
	for (size_t i = 0; i < a->frame_count; i++) {
		const struct np_frame *x = &a->frames[i], *y = &b->frames[i];
		if (x->kind != y->kind || x->line != y->line || strcmp(x->name ? x->name : "", y->name ? y->name : "") != 0 ||
		    strcmp(x->file ? x->file : "", y->file ? y->file : "") != 0)
			return false;
	}
	return true;
}

/* "12, 13 and 9 more" and the list for JSON. */
static void set_group(np_node *n, const struct np_stack *stacks, const size_t *leader, size_t count, size_t me,
		      np_arena *arena)
{
	np_node *tids = np_list(arena, NULL);
	char *text = np_arena_strdup(arena, "");
	size_t members = 0;
	for (size_t i = 0; i < count; i++) {
		if (leader[i] != me)
			continue;
		np_add_int(tids, stacks[i].thread->tid);
		if (members < 4)
			text = np_arena_printf(arena, "%s%s%d", text, members ? ", " : "", stacks[i].thread->tid);
		members++;
	}
	if (members > 4)
		text = np_arena_printf(arena, "%s and %zu more", text, members - 4);
	np_set_node(n, "tids", tids);
	np_set_uint(n, "count", members);
	np_set_str(n, "_tids", members > 1 ? np_arena_printf(arena, "%s (%zu threads)", text, members) : text);
}

static np_err *walk_all(struct np_invocation *inv, const struct np_stack_options *walk, int64_t only, bool has_only,
			struct np_stack **ret, size_t *ret_len)
{
	np_target *target = inv->session->target;
	size_t n = np_target_thread_count(target), len = 0;
	struct np_stack *stacks = NP_NEW_ARRAY(inv->arena, struct np_stack, n);
	for (size_t i = 0; i < n; i++) {
		const struct np_thread *thread = np_target_thread(target, i);
		if (has_only && thread->tid != only)
			continue;
		NP_TRY(np_stack_walk(target, inv->session->v8, thread, walk, inv->arena, &stacks[len]));
		if (stacks[len].cut)
			np_partial(inv, "thread %d: %s", thread->tid, stacks[len].note);
		len++;
	}
	if (has_only && !len)
		return np_err_new(NP_ENOTFOUND, "no thread %lld", (long long)only);
	*ret = stacks;
	*ret_len = len;
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct np_value_limits limits = np_value_limits_brief;
	struct np_frame_show show = {.args = np_opt_flag(inv, "args"),
				     .locals = np_opt_flag(inv, "locals"),
				     .source = np_opt_flag(inv, "source"),
				     .only_js = np_opt_flag(inv, "js"),
				     .native = np_opt_flag(inv, "native"),
				     .internal = np_opt_flag(inv, "internal"),
				     .source_lines = 2,
				     .limits = &limits};
	struct np_stack_options walk = {.args = true, .locals = show.locals};
	int64_t number, only = 0;
	if (np_opt_int(inv, "lines", &number) && number >= 0 && number < 1000)
		show.source_lines = (int)number;
	if (np_opt_int(inv, "depth", &number) && number >= 0 && number <= 100) {
		limits.depth = (int)number;
		limits.total = np_value_limits_default.total;
	}
	show.addresses = np_opt_flag(inv, "addresses");
	show.function = np_opt_str(inv, "function");
	const char *frame = np_opt_str(inv, "frame");
	if (frame) {
		struct np_address_arg at;
		NP_TRY(np_address_parse(frame, inv->arena, &at));
		show.fp = at.addr;
	}
	if (np_opt_int(inv, "max-frames", &number) && number > 0)
		walk.max_frames = (size_t)number;
	bool has_only = np_opt_int(inv, "thread", &only);
	const struct np_process_facts *facts = np_target_facts(inv->session->target);
	if (facts->truncated)
		np_partial(inv, "the core is cut off: %llu bytes of memory are missing", (unsigned long long)facts->missing_bytes);
	struct np_stack *stacks = NULL;
	size_t n = 0;
	NP_TRY(walk_all(inv, &walk, only, has_only, &stacks, &n));
	size_t *leader = NP_NEW_ARRAY(inv->arena, size_t, n);
	np_node *threads = np_list(inv->arena, &np_shape_thread);
	bool group = np_opt_flag(inv, "group");
	for (size_t i = 0; i < n; i++) {
		leader[i] = i;
		for (size_t j = 0; group && j < i && leader[i] == i; j++)
			if (leader[j] == j && same_stack(&stacks[j], &stacks[i]))
				leader[i] = j;
	}
	for (size_t i = 0; i < n; i++) {
		if (leader[i] != i)
			continue;
		np_node *node = np_stack_node(inv->session->v8, &stacks[i], &show, inv->arena);
		if ((show.function || show.fp) && !np_node_len(np_node_get(node, "frames")))
			continue;
		if (group)
			set_group(node, stacks, leader, n, i, inv->arena);
		np_add(threads, node);
	}
	static const struct np_shape shape = {.name = "stack", .style = NP_STYLE_LINE, .line = "", .children = "threads", .indent = -1};
	inv->result = np_obj(inv->arena, &shape);
	np_set_node(inv->result, "threads", threads);
	return NULL;
}

const struct np_command np_cmd_stack = {
	.name = "stack",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_STOP,
	.summary = "every thread's stack, native and JavaScript in one",
	.help = "Prints the stack of every thread, youngest frame first, with function, file, line and column of the\n"
		"executing call, the compiler tier and inlined functions as frames of their own. Frames of V8, of Node's\n"
		"own JavaScript and native ones are folded into one line; --internal and --native show them.\n\n"
		"A position is exact, approximate (marked so: interrupted between two recorded positions) or, where\n"
		"nothing better is known, that of the definition (marked so).",
	.options = options,
	.examples = examples,
	.run = run,
};

/* nopsy diff: what grew between two moments. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cmd/args.h"
#include "cmd/diff_side.h"
#include "cmd/execute.h"
#include "cmd/held_by.h"
#include "cmd/path_node.h"
#include "cmd/session.h"
#include "format/heapsnapshot_read.h"

enum { ROWS_TEXT = 30, PATHS_TEXT = 3, PATHS_JSON = 20, PATH_NODES_MAX = 1000, SHAPE_SHOWN = 5 };

static const struct np_option options[] = {
	{"sort", 's', NP_OPT_CHOICE, "WHAT", "bytes|count|new|class", "most growth first by that (bytes)"},
	{"by", 0, NP_OPT_CHOICE, "WHAT", "shape|class", "one row for each shape of a class, or for the class (shape)"},
	{"class", 'c', NP_OPT_STRING, "GLOB", NULL, "only classes that match (* and ? match)"},
	{"all", 'a', NP_OPT_FLAG, NULL, NULL, "garbage too, not only what the roots keep alive"},
	{"no-paths", 0, NP_OPT_FLAG, NULL, NULL, "no retaining paths of what grew most"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N rows (30 as text, else all)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy diff core.monday core.tuesday", "what grew between two cores"},
	{"nopsy diff core.4242 4242", "what grew since the core was taken, and which objects are new"},
	{"nopsy diff Heap-1.heapsnapshot core.4242 --sort count", "against a snapshot that V8 or nopsy wrote, by class"},
	{0},
};

static const struct np_shape row_shape = {
	.name = "growth",
	.style = NP_STYLE_TABLE,
	.columns = "_bytes:Bytes,_count:Count,count_after:Now,new_count:New,class:Class:name,_shape:Properties:dim,"
		   "held_by:Most held by:name,example:Example",
	.empty = "nothing changed",
};
static const struct np_shape side_shape = {
	.name = "side", .style = NP_STYLE_LINE, .line = "{_when:dim} {target:path}: {count:num} objects, {self_bytes}"};
static const struct np_shape total_shape = {
	.name = "total",
	.style = NP_STYLE_LINE,
	.line = "grew by {_bytes} and {_count} objects[; {_places}]",
};
static const struct np_shape text_shape = {.name = "text", .style = NP_STYLE_LINE, .line = "{text:dim}"};
static const struct np_shape survivor_shape = {
	.name = "survivor", .style = NP_STYLE_LINE, .line = "a new {class:name} {example}[ ({root})]", .children = "path"};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {groups:num} more rows; --limit N shows more"};
static const struct np_shape answer_shape = {
	.name = "diff",
	.style = NP_STYLE_LINE,
	.children = "before,after,_compared,groups,more,_survivors,total",
	.indent = -1,
};

#define START_TIME_SLACK_NS 2000000000u

/* What is known about a process, to tell whether both sides are one. */
struct identity {
	pid_t pid;
	uint64_t start_time_ns; /* 0 unknown: cores do not tell */
	int64_t bias;		/* where the system put the binary */
	char build_id[80];
	bool is_snapshot;
};

struct comparison {
	struct np_invocation *inv;
	struct np_invocation second; /* inv on the other side's session */
	struct np_diff diff;
	struct identity of[NP_DIFF_SIDES];
	const char *specs[NP_DIFF_SIDES];
	bool same_process;
};

static void identity_take(const struct np_session *session, struct identity *ret)
{
	np_image *image = np_target_v8_image(session->target);
	*ret = (struct identity){.pid = np_target_pid(session->target),
				 .start_time_ns = np_target_facts(session->target)->start_time_ns};
	if (!image)
		return;
	ret->bias = np_image_bias(image);
	snprintf(ret->build_id, sizeof(ret->build_id), "%s", np_image_build_id(image));
}

/* A core does not tell when its process began: then the place of the binary, which the system chose at random, must do. */
static bool is_same_process(const struct identity *a, const struct identity *b)
{
	if (a->is_snapshot || b->is_snapshot || !a->pid || a->pid != b->pid || a->bias != b->bias ||
	    strcmp(a->build_id, b->build_id) != 0)
		return false;
	/* reckoned from the clock, which may be set meanwhile */
	uint64_t later = a->start_time_ns > b->start_time_ns ? a->start_time_ns : b->start_time_ns;
	uint64_t earlier = a->start_time_ns < b->start_time_ns ? a->start_time_ns : b->start_time_ns;
	return !earlier || later - earlier < START_TIME_SLACK_NS;
}

/* --- rows --- */

static int64_t row_delta(const uint64_t sides[NP_DIFF_SIDES])
{
	return (int64_t)(sides[NP_DIFF_AFTER] - sides[NP_DIFF_BEFORE]);
}

static int row_compare(const void *a, const void *b, void *ctx)
{
	const struct np_diff_row *x = a, *y = b;
	const char *by = ctx;
	int64_t p = row_delta(x->self_bytes), q = row_delta(y->self_bytes);
	if (strcmp(by, "class") == 0 && strcmp(x->class, y->class) != 0)
		return strcmp(x->class, y->class);
	if (strcmp(by, "count") == 0) {
		p = row_delta(x->count);
		q = row_delta(y->count);
	} else if (strcmp(by, "new") == 0) {
		p = (int64_t)x->new_count;
		q = (int64_t)y->new_count;
	}
	if (p != q)
		return p > q ? -1 : 1;
	if (x->new_count != y->new_count)
		return x->new_count > y->new_count ? -1 : 1;
	int c = strcmp(x->class, y->class);
	return c ? c : (x->sample_count && y->sample_count ? (x->samples[0] > y->samples[0]) - (x->samples[0] < y->samples[0]) : 0);
}

static bool row_passes(const struct comparison *c, const struct np_diff_row *row)
{
	const char *class = np_opt_str(c->inv, "class");
	if (!row_delta(row->count) && !row_delta(row->self_bytes) && !row->new_count && !row->gone_count)
		return false;
	return !class || fnmatch(class, row->class, 0) == 0;
}

/* "+1.5 MiB", "-300 B" */
static np_node *signed_bytes(np_arena *arena, int64_t delta)
{
	static const struct np_shape shape = {.name = "delta", .style = NP_STYLE_LINE, .line = "{sign}{bytes}"};
	np_node *n = np_obj(arena, &shape);
	np_set_str(n, "sign", delta < 0 ? "-" : "+");
	np_set_bytes(n, "bytes", delta < 0 ? 0 - (uint64_t)delta : (uint64_t)delta);
	return n;
}

static void set_delta(np_node *n, const char *name, const uint64_t sides[NP_DIFF_SIDES], np_arena *arena)
{
	np_set_int(n, np_arena_printf(arena, "%s_delta", name), row_delta(sides));
	np_hide(n, np_arena_printf(arena, "%s_delta", name));
	np_set_uint(n, np_arena_printf(arena, "%s_before", name), sides[NP_DIFF_BEFORE]);
	np_set_uint(n, np_arena_printf(arena, "%s_after", name), sides[NP_DIFF_AFTER]);
}

static void set_shape(np_node *n, const struct np_diff_row *row, np_arena *arena)
{
	struct np_buf b = {0};
	size_t len = np_node_len(row->shape);
	if (!row->shape)
		return;
	np_set_node(n, "shape", row->shape);
	np_hide(n, "shape");
	if (row->is_dictionary)
		np_buf_puts(&b, "(each its own)");
	for (size_t i = 0; i < len && i < SHAPE_SHOWN; i++)
		np_buf_printf(&b, "%s%s", i ? ", " : "", np_node_str(np_node_at(row->shape, i)));
	if (len > SHAPE_SHOWN)
		np_buf_printf(&b, ", +%zu", len - SHAPE_SHOWN);
	np_set_str(n, "_shape", np_arena_strdup(arena, np_buf_str(&b)));
	np_buf_deinit(&b);
}

/* One new instance with what keeps it alive; view: of the second heap, NULL none. */
static void set_survivor(struct comparison *c, np_node *n, const struct np_diff_row *row, struct np_heap_view *view,
			 bool with_path)
{
	struct np_invocation *inv = &c->second;
	struct np_path path;
	if (!view || !row->sample_count)
		return;
	np_vertex node = row->samples[row->sample_count / 2];
	np_addr at = np_graph_address(view->graph, node);
	np_set_addr(n, "example", np_graph_is_external(view->graph, node) ? at : at | 1);
	np_set_str(n, "held_by", np_held_by_most(inv, view, row->samples, row->sample_count));
	if (!with_path || (row_delta(row->count) <= 0 && !row->new_count) ||
	    !np_paths_find(view->graph, &view->roots, &view->reach, node, 1, inv->arena, &path))
		return;
	np_set_str(n, "root", np_root_text(path.root, inv->arena));
	np_hide(n, "root");
	if (path.len > PATH_NODES_MAX)
		return;
	np_set_node(n, "path", np_path_steps_node(inv, view, &path));
	np_hide(n, "path");
}

static np_node *row_node(struct comparison *c, const struct np_diff_row *row, struct np_heap_view *view, bool with_path)
{
	np_arena *arena = c->inv->arena;
	np_node *n = np_obj(arena, &row_shape);
	np_set_str(n, "class", row->class);
	set_shape(n, row, arena);
	set_delta(n, "count", row->count, arena);
	set_delta(n, "self_bytes", row->self_bytes, arena);
	np_set_node(n, "_bytes", signed_bytes(arena, row_delta(row->self_bytes)));
	np_set_str(n, "_count", np_arena_printf(arena, "%+lld", (long long)row_delta(row->count)));
	if (c->same_process) {
		np_set_uint(n, "new_count", row->new_count);
		np_set_uint(n, "gone_count", row->gone_count);
	}
	set_survivor(c, n, row, view, with_path);
	return n;
}

/* --- the answer --- */

static np_node *side_node(const struct comparison *c, enum np_diff_side side)
{
	np_node *n = np_obj(c->inv->arena, &side_shape);
	const struct identity *id = &c->of[side];
	np_set_str(n, "_when", side == NP_DIFF_BEFORE ? "before" : "after ");
	np_set_str(n, "target", c->specs[side]);
	if (id->is_snapshot)
		np_set_bool(n, "is_snapshot", true);
	if (id->pid)
		np_set_int(n, "pid", id->pid);
	np_set_uint(n, "count", c->diff.count[side]);
	np_set_bytes(n, "self_bytes", c->diff.self_bytes[side]);
	return n;
}

static const char *compared_text(const struct comparison *c)
{
	if (c->diff.is_coarse)
		return "compared by class, as V8's snapshots name them; Node's C++ objects are left out";
	if (c->of[NP_DIFF_BEFORE].is_snapshot)
		return "two snapshots: compared by class";
	if (!c->same_process)
		return "two processes: compared by class and shape, not object by object";
	return "one process: an object is new when none of its class and shape lay at its address before; "
	       "those that the collector has moved count as new, too";
}

static np_node *total_node(const struct comparison *c)
{
	np_arena *arena = c->inv->arena;
	const struct np_diff *d = &c->diff;
	np_node *n = np_obj(arena, &total_shape);
	np_set_int(n, "count_delta", row_delta(d->count));
	np_set_int(n, "self_bytes_delta", row_delta(d->self_bytes));
	np_set_node(n, "_bytes", signed_bytes(arena, row_delta(d->self_bytes)));
	np_set_str(n, "_count", np_arena_printf(arena, "%+lld", (long long)row_delta(d->count)));
	if (!c->same_process)
		return n;
	np_set_uint(n, "new_count", d->new_count);
	np_set_uint(n, "gone_count", d->gone_count);
	np_set_uint(n, "kept_count", d->kept_count);
	np_set_str(n, "_places", np_arena_printf(arena, "%llu are where they were, %llu are new, %llu gone",
						 (unsigned long long)d->kept_count, (unsigned long long)d->new_count,
						 (unsigned long long)d->gone_count));
	return n;
}

static np_node *survivors_node(struct comparison *c, const np_node *groups)
{
	np_node *list = np_list(c->inv->arena, &survivor_shape);
	for (size_t i = 0; i < np_node_len(groups) && i < PATHS_TEXT; i++) {
		np_node *row = np_node_at(groups, i), *path = np_node_get(row, "path");
		if (!path)
			continue;
		np_node *n = np_obj(c->inv->arena, &survivor_shape);
		np_set_node(n, "class", np_node_get(row, "class"));
		np_set_node(n, "example", np_node_get(row, "example"));
		if (np_node_get(row, "root"))
			np_set_node(n, "root", np_node_get(row, "root"));
		np_set_node(n, "path", path);
		np_add(list, n);
	}
	return list;
}

static void answer(struct comparison *c, struct np_heap_view *view)
{
	struct np_invocation *inv = c->inv;
	struct np_diff *d = &c->diff;
	const char *sort = np_opt_str(inv, "sort");
	int64_t limit = inv->globals->json ? INT64_MAX : ROWS_TEXT;
	size_t kept = 0, paths = np_opt_flag(inv, "no-paths") ? 0 : inv->globals->json ? PATHS_JSON : PATHS_TEXT;
	np_opt_int(inv, "limit", &limit);
	for (size_t i = 0; i < d->rows.len; i++)
		if (row_passes(c, &d->rows.data[i]))
			d->rows.data[kept++] = d->rows.data[i];
	if (kept)
		qsort_r(d->rows.data, kept, sizeof(*d->rows.data), row_compare, (void *)(sort ? sort : "bytes"));
	size_t shown = kept < (uint64_t)limit ? kept : (size_t)limit;
	np_node *groups = np_list(inv->arena, &row_shape), *compared = np_obj(inv->arena, &text_shape);
	for (size_t i = 0; i < shown; i++)
		np_add(groups, row_node(c, &d->rows.data[i], view, i < paths));
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "before", side_node(c, NP_DIFF_BEFORE));
	np_set_node(inv->result, "after", side_node(c, NP_DIFF_AFTER));
	np_set_str(inv->result, "compared", c->same_process ? "address" : d->by_class ? "class" : "shape");
	np_set_str(compared, "text", compared_text(c));
	np_set_node(inv->result, "_compared", compared);
	np_set_node(inv->result, "groups", groups);
	if (shown < kept) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_uint(more, "groups", kept - shown);
		np_set_node(inv->result, "more", more);
	}
	np_node *survivors = survivors_node(c, groups);
	if (np_node_len(survivors))
		np_set_node(inv->result, "_survivors", survivors);
	np_set_node(inv->result, "total", total_node(c));
}

/* --- both sides --- */

static np_err *first_body(void *ctx)
{
	struct comparison *c = ctx;
	struct np_heap_view *view;
	NP_TRY(np_heap_view_get(&c->second, &view));
	NP_TRY(np_heap_view_need_reach(&c->second, view));
	if (c->diff.is_coarse)
		np_diff_add_heap_as_snapshot(&c->diff, NP_DIFF_BEFORE, view);
	else
		np_diff_add_heap(&c->diff, NP_DIFF_BEFORE, view, c->same_process);
	return NULL;
}

static np_err *second_body(void *ctx)
{
	struct comparison *c = ctx;
	struct np_heap_view *view;
	NP_TRY(np_heap_view_get(&c->second, &view));
	NP_TRY(np_heap_view_need_reach(&c->second, view));
	if (c->diff.is_coarse)
		np_diff_add_heap_as_snapshot(&c->diff, NP_DIFF_AFTER, view);
	else
		np_diff_add_heap(&c->diff, NP_DIFF_AFTER, view, false);
	if (c->same_process)
		np_diff_match_places(&c->diff, view);
	answer(c, view);
	return NULL;
}

static np_err *side_run(struct comparison *c, struct np_session *session, np_err *(*body)(void *ctx))
{
	c->second = *c->inv;
	c->second.session = session;
	np_err *err = np_cmd_on_copy(session, body, c);
	c->inv->partial |= c->second.partial;
	return err;
}

static np_err *side_open(const struct comparison *c, const char *spec, struct np_session *ret)
{
	struct np_target_options target_options = {.exe = c->inv->globals->exe, .sysroot = c->inv->globals->sysroot};
	np_err *err = np_session_open(spec, &target_options, ret);
	if (!err) {
		ret->cache = c->inv->globals->cache;
		ret->isolate = c->inv->globals->isolate;
	}
	return err ? np_err_wrap(err, "opening %s", spec) : NULL;
}

static np_err *sides_run(struct comparison *c, struct np_session *before, struct np_session *after)
{
	struct np_diff *d = &c->diff;
	if (before)
		identity_take(before, &c->of[NP_DIFF_BEFORE]);
	if (after)
		identity_take(after, &c->of[NP_DIFF_AFTER]);
	c->of[NP_DIFF_BEFORE].is_snapshot = !before;
	c->of[NP_DIFF_AFTER].is_snapshot = !after;
	d->by_class = !before || !after;
	d->is_coarse = !before != !after;
	if (np_opt_str(c->inv, "by") && strcmp(np_opt_str(c->inv, "by"), "class") == 0)
		d->by_class = true;
	c->same_process = is_same_process(&c->of[NP_DIFF_BEFORE], &c->of[NP_DIFF_AFTER]);
	NP_TRY(before ? side_run(c, before, first_body) : np_diff_add_snapshot(d, NP_DIFF_BEFORE, c->specs[NP_DIFF_BEFORE]));
	if (before && before != c->inv->session)
		np_session_drop_heap(before); /* both at once need not fit */
	if (after)
		return side_run(c, after, second_body);
	NP_TRY(np_diff_add_snapshot(d, NP_DIFF_AFTER, c->specs[NP_DIFF_AFTER]));
	answer(c, NULL);
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct comparison c = {.inv = inv, .diff = {.arena = inv->arena, .garbage = np_opt_flag(inv, "all")}};
	struct np_session own[NP_DIFF_SIDES] = {{0}}, *sides[NP_DIFF_SIDES] = {inv->session, NULL};
	int64_t limit;
	np_err *err = NULL;
	if (np_opt_int(inv, "limit", &limit) && limit < 0)
		return np_err_new(NP_EUSAGE, "--limit is a number of rows");
	c.specs[NP_DIFF_BEFORE] = inv->session ? np_target_spec(inv->session->target) : inv->target;
	c.specs[NP_DIFF_AFTER] = inv->args[0];
	for (int i = 0; i < NP_DIFF_SIDES && !err; i++) {
		if (sides[i] || np_heapsnapshot_is(c.specs[i]))
			continue;
		err = side_open(&c, c.specs[i], &own[i]);
		sides[i] = &own[i];
	}
	if (!err)
		err = sides_run(&c, sides[NP_DIFF_BEFORE], sides[NP_DIFF_AFTER]);
	for (int i = 0; i < NP_DIFF_SIDES; i++)
		if (own[i].target)
			np_session_close(&own[i]);
	np_diff_deinit(&c.diff);
	return err;
}

const struct np_command np_cmd_diff = {
	.name = "diff",
	.group = "Look at one moment",
	.arguments = "SECOND",
	.min_args = 1,
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_OPENS_TARGET,
	.summary = "what grew between two moments, by class and shape; new objects and their paths",
	.help = "TARGET is the earlier moment, SECOND the later one: each is a process, a core or a .heapsnapshot file.\n"
		"Of two moments of one process objects are compared by address, which tells the new ones that have\n"
		"survived; the collector moves young objects, and these count as new as well. Two processes are compared\n"
		"by class and shape, snapshots by class. For what grew most the retaining path of a new object is shown.",
	.options = options,
	.examples = examples,
	.run = run,
};

/* nopsy info TARGET: what is this, how was it started, how did it end. */
#include <string.h>
#include <time.h>

#include "cmd/info.h"

static const struct np_shape shape_root = {
	.name = "info",
	.style = NP_STYLE_LINE,
	.children = "_what,_memory,_threads,_env",
};
static const struct np_shape shape_what = {.name = "info_what", .style = NP_STYLE_FIELDS};
static const struct np_shape shape_versions = {
	.name = "versions",
	.style = NP_STYLE_LINE,
	.line = "[Node.js {node:name}][, V8 {v8}]",
};
static const struct np_shape shape_core = {
	.name = "core",
	.style = NP_STYLE_LINE,
	.line = "{file_bytes}[ {_truncated:warn}][, {missing_bytes} missing]",
};
static const struct np_shape shape_section = {
	.name = "section", .style = NP_STYLE_LINE, .line = "{_heading:name}", .children = "_rows"};
static const struct np_shape shape_thread = {
	.name = "thread",
	.style = NP_STYLE_TABLE,
	.columns = "tid:Thread,name:Name:name,state:State,_signal:Died of:warn",
	.empty = "no threads",
};

static np_node *threads_node(np_arena *arena, np_target *target)
{
	np_node *list = np_list(arena, &shape_thread);
	for (size_t i = 0; i < np_target_thread_count(target); i++) {
		const struct np_thread *thread = np_target_thread(target, i);
		char state[2] = {thread->state, '\0'};
		np_node *row = np_obj(arena, NULL);
		np_set_int(row, "tid", thread->tid);
		np_set_str(row, "name", thread->name);
		np_set_str(row, "state", state);
		if (thread->signal) {
			const char *name = sigabbrev_np(thread->signal);
			np_set_int(row, "signal", thread->signal);
			np_set_str(row, "_signal", name ? np_arena_printf(arena, "SIG%s", name) : "?");
		}
		np_add(list, row);
	}
	return list;
}

static np_node *versions_node(struct np_invocation *inv)
{
	struct np_session *session = inv->session;
	np_err *err = np_session_need_layout(session);
	if (err) {
		np_partial(inv, "versions: %s", np_err_message(err));
		np_err_free(err);
		return NULL;
	}
	const struct np_v8_version *v = &session->layout->version;
	np_node *versions = np_obj(inv->arena, &shape_versions);
	if (session->layout->node_version && *session->layout->node_version)
		np_set_str(versions, "node", session->layout->node_version);
	np_set_str(versions, "v8", np_arena_printf(inv->arena, "%d.%d.%d.%d", v->major, v->minor, v->build, v->patch));
	return versions;
}

static void set_time(np_arena *arena, np_node *root, np_target *target, const struct np_process_facts *facts)
{
	time_t seconds = (time_t)(facts->start_time_ns / 1000000000);
	struct timespec now;
	struct tm tm;
	char text[40];
	if (!facts->start_time_ns)
		return;
	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		np_set_str(root, "started", text);
	if (np_target_kind(target) != NP_TARGET_PROCESS || clock_gettime(CLOCK_REALTIME, &now))
		return;
	uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (now_ns > facts->start_time_ns)
		np_set_ns(root, "uptime_ns", now_ns - facts->start_time_ns);
}

static void set_words(np_arena *arena, np_node *root, const struct np_process_facts *facts)
{
	if (!facts->argv)
		return;
	size_t options = np_info_exec_argc(facts->argv);
	np_set_node(root, "argv", np_info_argv(arena, facts->argv, 0, SIZE_MAX));
	np_set_node(root, "exec_argv", np_info_argv(arena, facts->argv, 1, options + 1));
	np_sensitive(root, "argv");
	np_sensitive(root, "exec_argv");
}

static void set_binary(np_node *root, np_target *target, const struct np_process_facts *facts)
{
	np_image *image = np_target_v8_image(target);
	np_set_str(root, "executable", facts->exe_path);
	if (!image)
		return;
	if (facts->exe_path && strcmp(np_image_path(image), facts->exe_path))
		np_set_str(root, "v8_library", np_image_path(image));
	const char *file = np_image_file(image);
	if (file && strcmp(file, np_image_path(image)))
		np_set_str(root, "read_from", file);
	else if (!file)
		np_set_null(root, "read_from");
	np_set_str(root, "build_id", np_image_build_id(image));
	np_set_bool(root, "stripped", np_image_stripped(image));
}

static void set_core(np_arena *arena, np_node *root, const struct np_process_facts *facts)
{
	np_node *core = np_obj(arena, &shape_core);
	np_set_bytes(core, "file_bytes", facts->file_bytes);
	np_set_bool(core, "truncated", facts->truncated);
	if (facts->truncated)
		np_set_str(core, "_truncated", "truncated");
	np_set_bytes(core, "missing_bytes", facts->missing_bytes);
	if (!facts->missing_bytes)
		np_hide(core, "missing_bytes");
	np_set_node(root, "core", core);
}

/* What stands at the root for JSON and in the head of the text. */
static void set_facts(struct np_invocation *inv, np_node *root, np_node *versions)
{
	np_target *target = inv->session->target;
	const struct np_process_facts *facts = np_target_facts(target);
	bool core = np_target_kind(target) == NP_TARGET_CORE;
	np_set_str(root, "target", np_target_spec(target));
	np_set_str(root, "kind", core ? "core" : "process");
	np_set_node(root, "versions", versions);
	np_set_str(root, "platform", "linux x64");
	if (np_target_pid(target))
		np_set_int(root, "pid", np_target_pid(target));
	if (facts->uid >= 0)
		np_set_int(root, "uid", facts->uid);
	set_binary(root, target, facts);
	set_words(inv->arena, root, facts);
	np_set_str(root, "cwd", facts->cwd);
	set_time(inv->arena, root, target, facts);
	np_node *death = np_info_death(inv->arena, target);
	if (death && core)
		np_info_last_words(inv, death);
	np_set_node(root, "death", death);
	if (core)
		set_core(inv->arena, root, facts);
}

/* A part of the text that has a heading and is not indented in JSON. */
static void set_section(np_arena *arena, np_node *root, const char *key, const char *heading, np_node *rows)
{
	np_node *section = np_obj(arena, &shape_section);
	np_set_str(section, "_heading", heading);
	np_set_node(section, "_rows", rows);
	np_set_node(root, key, section);
}

static np_err *info_run(struct np_invocation *inv)
{
	np_arena *arena = inv->arena;
	np_target *target = inv->session->target;
	const struct np_process_facts *facts = np_target_facts(target);
	np_node *root = np_obj(arena, &shape_root), *what = np_obj(arena, &shape_what);
	np_node *threads = threads_node(arena, target), *memory = np_info_memory(arena, target);
	np_node *versions = versions_node(inv);
	if (facts->signal && np_target_v8_image(target))
		np_err_free(np_session_need_v8(inv->session)); /* without it the rest of the answer still comes */
	set_facts(inv, root, versions);
	set_facts(inv, what, versions);
	np_set_node(root, "_what", what);
	if (facts->envp) {
		np_node *env = np_info_env(arena, facts->envp);
		np_set_node(root, "env", env);
		set_section(arena, root, "_env", "environment", env);
	}
	np_set_node(root, "memory", memory);
	np_set_node(root, "_memory", memory);
	np_set_node(root, "threads", threads);
	set_section(arena, root, "_threads", "threads", threads);
	inv->result = root;
	return NULL;
}

static const struct np_example info_examples[] = {
	{"nopsy info 4242", "versions, arguments, environment, memory of a process"},
	{"nopsy info core", "the same of a core, and how the process died"},
	{"nopsy info 4242 --json", "for a program; env is an object of names"},
	{0},
};

const struct np_command np_cmd_info = {
	.name = "info",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET,
	.summary = "what is this: versions, arguments, environment, memory, how it died",
	.help = "Tells what a process or a core is: the versions of Node.js and V8, how it was started (exec_argv "
		"are the options of node itself), where, when, its threads and its memory by kind, and for a core "
		"how it died.\n\n"
		"Values of environment variables whose names look secret (KEY, TOKEN, SECRET, PASS, AUTH, ...) and "
		"passwords in URLs are masked.",
	.examples = info_examples,
	.run = info_run,
};

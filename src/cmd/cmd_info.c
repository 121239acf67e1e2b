/* nopsy info TARGET: what is this, how was it started, how did it end. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/info.h"
#include "stack/stack.h"

static const struct np_shape shape_root = {
	.name = "info",
	.style = NP_STYLE_LINE,
	.children = "_what,_memory,_threads,_isolates,_env",
};
static const struct np_shape shape_what = {.name = "info_what", .style = NP_STYLE_FIELDS};
static const struct np_shape shape_versions = {
	.name = "versions",
	.style = NP_STYLE_LINE,
	.line = "[Node.js {node:name}][, V8 {v8}][, {_platform}]",
};
static const struct np_shape shape_process = {
	.name = "process",
	.style = NP_STYLE_LINE,
	.line = "[{pid}][, runs for {uptime_ns}][ since {started}][, user {uid}]",
};
static const struct np_shape shape_binary = {
	.name = "binary",
	.style = NP_STYLE_LINE,
	.line = "{executable:path}[, V8 in {v8_library:path}][, read from {read_from:path}][, {problem:warn}]"
		"[, {stripped:warn}][, build id {build_id}]",
};
static const struct np_shape shape_core = {
	.name = "core",
	.style = NP_STYLE_LINE,
	.line = "[{_path:path}, ]{file_bytes}[, {_truncated:warn}][, {missing_bytes} missing]",
};
static const struct np_shape shape_section = {
	.name = "section", .style = NP_STYLE_LINE, .line = "{_heading:name}", .children = "_rows"};
static const struct np_shape shape_thread = {
	.name = "thread",
	.style = NP_STYLE_TABLE,
	.columns = "tid:Thread,name:Name:name,_state:State,cpu_ns:CPU,isolate:Isolate,_signal:Died of:warn",
	.empty = "no threads",
};

/* The kernel's letters (proc(5)) in words; NULL where a core does not tell. */
static const char *state_words(char state)
{
	static const struct {
		char letter;
		const char *words;
	} states[] = {
		{'R', "running"},
		{'S', "sleeping"},
		{'D', "waiting for a disk or the kernel"},
		{'T', "stopped by a signal"},
		{'t', "stopped by a debugger"},
		{'Z', "ended, not yet reaped"},
		{'X', "ended"},
		{'I', "idle"},
		{'P', "parked"},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(states); i++)
		if (states[i].letter == state)
			return states[i].words;
	return NULL;
}

/* Processor time that a thread of a live process has used; false where the kernel does not tell. */
static bool thread_cpu_ns(np_target *target, pid_t tid, uint64_t *ret)
{
	char path[64], text[1024];
	uint64_t user, system;
	const char *rest;
	long ticks = sysconf(_SC_CLK_TCK);
	if (np_target_kind(target) != NP_TARGET_PROCESS || ticks <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)np_target_pid(target), (int)tid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user, &system) != 2)
		return false;
	*ret = (user + system) * (1000000000 / (uint64_t)ticks);
	return true;
}

static np_node *threads_node(np_arena *arena, np_target *target, np_v8 *v8)
{
	np_node *list = np_list(arena, &shape_thread);
	for (size_t i = 0; i < np_target_thread_count(target); i++) {
		const struct np_thread *thread = np_target_thread(target, i);
		char state[2] = {thread->state, '\0'};
		np_addr isolate = v8 ? np_isolate_of_thread(v8, thread) : 0;
		uint64_t cpu_ns;
		np_node *row = np_obj(arena, NULL);
		np_set_int(row, "tid", thread->tid);
		np_set_str(row, "name", thread->name);
		np_set_str(row, "state", state);
		np_set_str(row, "_state", state_words(thread->state));
		if (thread_cpu_ns(target, thread->tid, &cpu_ns))
			np_set_ns(row, "cpu_ns", cpu_ns);
		if (isolate)
			np_set_addr(row, "isolate", isolate);
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

static void set_time(np_node *root, np_target *target, const struct np_process_facts *facts)
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

/* What programs get, one fact a field. */
static void set_facts(struct np_invocation *inv, np_node *root)
{
	np_target *target = inv->session->target;
	np_arena *arena = inv->arena;
	const struct np_process_facts *facts = np_target_facts(target);
	np_set_str(root, "target", np_target_spec(target));
	np_set_str(root, "kind", np_target_kind(target) == NP_TARGET_CORE ? "core" : "process");
	np_set_node(root, "versions", versions_node(inv));
	np_set_str(root, "platform", "linux x64");
	if (np_target_pid(target))
		np_set_int(root, "pid", np_target_pid(target));
	if (facts->uid >= 0)
		np_set_int(root, "uid", facts->uid);
	set_binary(root, target, facts);
	if (facts->argv) {
		np_set_node(root, "argv", np_info_argv(arena, facts->argv, 0, SIZE_MAX));
		np_set_node(root, "exec_argv", np_info_argv(arena, facts->argv, 1, np_info_exec_argc(facts->argv) + 1));
		np_sensitive(root, "argv");
		np_sensitive(root, "exec_argv");
	}
	np_set_str(root, "cwd", facts->cwd);
	set_time(root, target, facts);
	np_node *death = np_info_death(arena, target);
	np_set_node(root, "death", death);
	if (np_target_kind(target) != NP_TARGET_CORE)
		return;
	if (death)
		np_info_last_words(inv, death);
	np_node *core = np_obj(arena, &shape_core);
	np_set_str(core, "_path", np_target_spec(target));
	np_set_bytes(core, "file_bytes", facts->file_bytes);
	np_set_bool(core, "truncated", facts->truncated);
	if (facts->truncated)
		np_set_str(core, "_truncated", "truncated");
	np_set_bytes(core, "missing_bytes", facts->missing_bytes);
	if (!facts->missing_bytes)
		np_hide(core, "missing_bytes");
	np_set_node(root, "core", core);
}

static void copy_field(np_node *to, const np_node *from, const char *key)
{
	np_node *node = np_node_get(from, key);
	if (node)
		np_set_node(to, key, node);
}

/* The same for people: nothing twice, what matters first. */
static np_node *what_node(np_arena *arena, np_target *target, const np_node *root)
{
	const struct np_process_facts *facts = np_target_facts(target);
	np_image *image = np_target_v8_image(target);
	np_node *what = np_obj(arena, &shape_what);
	np_node *process = np_obj(arena, &shape_process), *binary = np_obj(arena, &shape_binary);
	static const char *const of_process[] = {"pid", "uptime_ns", "started", "uid"};
	static const char *const of_binary[] = {"executable", "v8_library", "read_from", "build_id"};
	copy_field(what, root, "core");
	for (size_t i = 0; i < NP_ARRAY_LEN(of_process); i++)
		copy_field(process, root, of_process[i]);
	if (np_node_get(process, "pid"))
		np_set_node(what, "process", process);
	copy_field(what, root, "death");
	np_node *versions = np_node_get(root, "versions");
	if (versions) {
		np_set_str(versions, "_platform", "linux x64");
		np_set_node(what, "versions", versions);
	}
	if (facts->argv) {
		np_set_str(what, "command", np_info_command_line(arena, facts->argv));
		np_sensitive(what, "command");
	}
	const char *options = facts->envp ? np_info_env_value(facts->envp, "NODE_OPTIONS") : NULL;
	if (options && *options) {
		np_set_str(what, "options", np_arena_printf(arena, "NODE_OPTIONS=%s", np_info_mask_urls(arena, options)));
		np_sensitive(what, "options");
	}
	copy_field(what, root, "cwd");
	for (size_t i = 0; i < NP_ARRAY_LEN(of_binary); i++)
		copy_field(binary, root, of_binary[i]);
	if (image && !np_image_file(image))
		np_set_str(binary, "problem", "which is not here: --exe FILE names it");
	if (image && np_image_stripped(image))
		np_set_str(binary, "stripped", "stripped");
	if (np_node_get(binary, "executable"))
		np_set_node(what, "binary", binary);
	return what;
}

/* A part of the text that has a heading and is not indented in JSON. */
static void set_section(np_arena *arena, np_node *root, const char *key, const char *heading, np_node *rows)
{
	np_node *section = np_obj(arena, &shape_section);
	np_set_str(section, "_heading", heading);
	np_set_node(section, "_rows", rows);
	np_set_node(root, key, section);
}

/* Threads and isolates; only for these a live target is stopped. */
static void set_threads(struct np_invocation *inv, np_node *root, np_info_ranges *v8_pages)
{
	struct np_session *session = inv->session;
	np_node *isolates = NULL;
	np_err *err = session->layout ? np_target_stop(session->target) : NULL;
	bool stopped = session->layout && !err;
	if (stopped && session->v8 && np_target_kind(session->target) == NP_TARGET_PROCESS)
		np_v8_invalidate(session->v8);
	if (stopped)
		err = np_session_need_v8(session);
	np_node *threads = threads_node(inv->arena, session->target, stopped && !err ? session->v8 : NULL);
	if (stopped && !err)
		err = np_info_isolates(inv, np_opt_flag(inv, "used"), v8_pages, &isolates);
	if (stopped)
		np_target_resume(session->target);
	if (err) {
		np_partial(inv, "isolates: %s", np_err_message(err));
		np_err_free(err);
	}
	np_set_node(root, "threads", threads);
	set_section(inv->arena, root, "_threads", "threads", threads);
	if (isolates) {
		np_set_node(root, "isolates", isolates);
		set_section(inv->arena, root, "_isolates", "isolates", isolates);
	}
}

static np_err *info_run(struct np_invocation *inv)
{
	np_arena *arena = inv->arena;
	np_target *target = inv->session->target;
	const struct np_process_facts *facts = np_target_facts(target);
	np_node *root = np_obj(arena, &shape_root);
	np_info_ranges v8_pages = {0};
	if (facts->signal && np_target_v8_image(target))
		np_err_free(np_session_need_v8(inv->session)); /* without it the rest of the answer still comes */
	set_facts(inv, root);
	np_set_node(root, "_what", what_node(arena, target, root));
	if (facts->envp) {
		np_node *env = np_info_env(arena, facts->envp);
		np_set_node(root, "env", env);
		set_section(arena, root, "_env", "environment", env);
	}
	set_threads(inv, root, &v8_pages);
	np_node *memory = np_info_memory(arena, target, &v8_pages);
	np_set_node(root, "memory", memory);
	np_set_node(root, "_memory", memory);
	np_vec_deinit(&v8_pages);
	inv->result = root;
	return NULL;
}

static const struct np_option info_options[] = {
	{"used", 'u', NP_OPT_FLAG, NULL, NULL,
	 "what objects take up in each space, of a heap of any size: stops a live process longer"},
	{0},
};

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
		"are the options of node itself), where, when, its threads, its memory by kind, for a core how it died, "
		"and V8's isolates: the thread that runs in each (workers are isolates of their own) and their memory by "
		"space. Committed are the pages that a space has; used is what objects take up, garbage included that "
		"nobody collected yet, told for small heaps and with --used. Pages that V8 keeps for later are in no "
		"space.\n\n"
		"Values of environment variables whose names look secret (KEY, TOKEN, SECRET, PASS, AUTH, ...) and "
		"passwords in URLs are masked.",
	.options = info_options,
	.examples = info_examples,
	.run = info_run,
};

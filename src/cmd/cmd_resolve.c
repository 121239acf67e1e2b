/* nopsy resolve: a text with addresses in it, the same text with names. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "cmd/resolve_stream.h"
#include "format/side_file.h"

static const struct np_option options[] = {
	{"map", 'm', NP_OPT_FILE, "FILE", NULL,
	 "a perf map, as /tmp/perf-PID.map; may be given several times: the last one wins"},
	{"jitdump", 'j', NP_OPT_FILE, "FILE", NULL,
	 "a jitdump, as jit-PID.dump: knows what was where when, and lines; several times, too"},
	{"pid", 'p', NP_OPT_STRING, "PID", NULL, "the process itself: no map is needed; its own map counts, too"},
	{"core", 'c', NP_OPT_FILE, "FILE", NULL, "the core of the process"},
	{"frame", 'f', NP_OPT_CHOICE, "HOW", "append|replace", "names behind addresses, or in place of them (append)"},
	{"paths", 0, NP_OPT_CHOICE, "HOW", "full|short", "paths in names whole, or file names alone (full)"},
	{"lines", 0, NP_OPT_CHOICE, "WHEN", "auto|always|never",
	 "where in the source the code is, when that is known; auto: not in the columns of perf script"},
	{"offset", 0, NP_OPT_FLAG, NULL, NULL, "+0x1c behind every name, not only in the columns of perf script"},
	{"demangle", 'd', NP_OPT_FLAG, NULL, NULL, "C++ names in the text are demangled, too"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy resolve --map /tmp/perf-4242.map < stack.txt", "a stack that gdb, lldb, DTrace, bpftrace or Node printed"},
	{"nopsy resolve --pid 4242 trace.txt", "with what nopsy reads out of the running process"},
	{"nopsy resolve --core core.4242 gdb.txt", "with what it reads out of a core"},
	{"nopsy resolve --jitdump jit-4242.dump < script.txt",
	 "what `perf script` printed, each name as of the moment of its sample"},
	{0},
};

static bool is_choice(const struct np_invocation *inv, const char *name, const char *value)
{
	const char *given = np_opt_str(inv, name);
	return given && !strcmp(given, value);
}

/* Whose process a map or dump is: of --pid, else by its name. */
static int64_t owner_of(const struct np_name_sources *s, const char *path)
{
	pid_t pid = np_side_file_pid(path, strlen(path));
	return s->names ? np_code_names_uid(s->names) : pid ? np_side_file_process_uid(pid) : NP_UID_NONE;
}

static np_err *missing(np_err *err, const char *what, const char *flag, const char *name)
{
	if (np_err_code(err) != NP_ENOTFOUND)
		return err;
	np_err *said = np_err_new(NP_ENOTFOUND, "%s (node writes a %s when it is started with %s, as %s; without one, --pid and "
				  "--core take names out of the process or its core)",
				  np_err_message(err), what, flag, name);
	np_err_free(err);
	return said;
}

static np_err *maps_open(struct np_invocation *inv, struct np_name_sources *s)
{
	const char *path;
	for (size_t i = 0; (path = np_opt_nth(inv, "map", i)); i++) {
		np_perf_map *map;
		np_err *err = np_perf_map_open(path, owner_of(s, path), &map);
		if (err)
			return missing(err, "perf map", "--perf-basic-prof", "/tmp/perf-PID.map");
		np_vec_push(&s->maps, map);
		np_info("%s: %zu symbols", path, np_perf_map_count(map));
		if (np_perf_map_bad_lines(map))
			np_info("%s: %zu lines are no symbols", path, np_perf_map_bad_lines(map));
	}
	for (size_t i = 0; (path = np_opt_nth(inv, "jitdump", i)); i++) {
		np_jitdump *dump;
		np_err *err = np_jitdump_open(path, owner_of(s, path), &dump);
		if (err)
			return missing(err, "jitdump", "--perf-prof", "jit-PID.dump in its working folder");
		np_vec_push(&s->dumps, dump);
		np_info("%s: %zu pieces of code", path, np_jitdump_count(dump));
		if (np_jitdump_problem(dump))
			np_partial(inv, "%s is damaged: %s; what stands before that is used", path, np_jitdump_problem(dump));
	}
	return NULL;
}

/* The process's own map comes first: one that was asked for wins over it. */
static np_err *target_open(struct np_invocation *inv, struct np_name_sources *s)
{
	const char *pid = np_opt_str(inv, "pid"), *core = np_opt_str(inv, "core");
	if (pid && core)
		return np_err_new(NP_EUSAGE, "--pid and --core exclude each other");
	if (pid && (!*pid || pid[strspn(pid, "0123456789")]))
		return np_err_new(NP_EUSAGE, "--pid wants the number of a process, not '%s'", pid);
	if (!pid && !core)
		return NULL;
	np_err *err = np_code_names_open(pid ? pid : core, inv->globals, &s->names);
	if (err)
		return np_err_wrap(err, "%s %s", pid ? "--pid" : "--core", pid ? pid : core);
	if (np_code_names_problem(s->names))
		np_partial(inv, "JavaScript is not known: %s", np_code_names_problem(s->names));
	char *path = np_code_names_map_path(s->names);
	np_perf_map *map;
	err = path ? np_perf_map_open(path, np_code_names_uid(s->names), &map) : NULL;
	if (path && !err)
		np_vec_push(&s->maps, map);
	else if (err && np_err_code(err) != NP_ENOTFOUND)
		np_partial(inv, "the process's own perf map is not used: %s", np_err_message(err));
	np_err_free(err);
	free(path);
	return NULL;
}

static np_err *sources_open(struct np_invocation *inv, struct np_name_sources *s)
{
	if (!np_opt_str(inv, "map") && !np_opt_str(inv, "jitdump") && !np_opt_str(inv, "pid") && !np_opt_str(inv, "core"))
		return np_err_new(NP_EUSAGE, "names come from --map FILE, --jitdump FILE, --pid PID or --core FILE: none is given");
	NP_TRY(target_open(inv, s));
	NP_TRY(maps_open(inv, s));
	np_name_sources_ready(s);
	return NULL;
}

static np_err *file_run(np_resolve_stream *stream, const char *path, bool *closed)
{
	if (!strcmp(path, "-"))
		return np_resolve_stream_run(stream, STDIN_FILENO, "standard input", closed);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return np_err_sys(NP_EIO, "opening '%s'", path);
	np_err *err = np_resolve_stream_run(stream, fd, path, closed);
	close(fd);
	return err;
}

static np_err *stream_run(struct np_invocation *inv, struct np_name_sources *s, const struct np_resolve_options *how)
{
	/* past the pager: text appears as it comes */
	bool direct = !inv->in_shell && !(inv->globals->output && strcmp(inv->globals->output, "-"));
	np_resolve_stream *stream = np_resolve_stream_create(s, how, STDOUT_FILENO, direct ? NULL : inv->out);
	np_err *err = NULL;
	bool closed = false;
	if (!inv->arg_count && inv->in_shell)
		err = np_err_new(NP_EUSAGE, "in a shell the text comes from FILEs: its own input are commands");
	else if (!inv->arg_count)
		err = file_run(stream, "-", &closed);
	for (size_t i = 0; i < inv->arg_count && !err && !closed; i++)
		err = file_run(stream, inv->args[i], &closed);
	const struct np_resolve_totals *t = np_resolve_stream_totals(stream);
	np_info("%llu lines, %llu addresses, %llu named", (unsigned long long)t->lines, (unsigned long long)t->addresses,
		(unsigned long long)t->found);
	np_resolve_stream_destroy(stream);
	return err;
}

static np_err *run(struct np_invocation *inv)
{
	struct np_resolve_options how = {
		.frame = is_choice(inv, "frame", "replace") ? NP_RESOLVE_REPLACE : NP_RESOLVE_APPEND,
		.lines = is_choice(inv, "lines", "always")  ? NP_RESOLVE_LINES_ALWAYS
			 : is_choice(inv, "lines", "never") ? NP_RESOLVE_LINES_NEVER
							    : NP_RESOLVE_LINES_AUTO,
		.short_paths = is_choice(inv, "paths", "short"),
		.demangle = np_opt_flag(inv, "demangle"),
		.offset = np_opt_flag(inv, "offset"),
		.json = inv->globals->json,
	};
	struct np_name_sources sources;
	np_name_sources_init(&sources);
	sources.want_lines = how.lines != NP_RESOLVE_LINES_NEVER;
	np_err *err = sources_open(inv, &sources);
	if (!err)
		err = stream_run(inv, &sources, &how);
	np_name_sources_deinit(&sources);
	return err;
}

const struct np_command np_cmd_resolve = {
	.name = "resolve",
	.group = "Files and filters",
	.arguments = "FILE...",
	.max_args = SIZE_MAX,
	.summary = "text in, the same text out with the names of generated code",
	.help = "Reads a text that some tool printed (FILEs, else standard input) and puts the names of JavaScript functions and\n"
		"other generated code where it has addresses alone: stacks of gdb, lldb, Xcode, Instruments, sample, DTrace,\n"
		"bpftrace, perf script, pstack, eu-stack and coredumpctl, what Node and V8 print when they die, process.report.\n"
		"Everything else passes as it is, byte for byte, and as soon as it comes. A map that grows is read on.\n\n"
		"Where a line has a place for the name (`in ?? ()`, `[unknown]`, `n/a`, an empty \"symbol\"), it goes there;\n"
		"else behind the address. Names that the text has stay, but for those that perf took from a perf map: V8 uses\n"
		"addresses again, and perf takes any of the names. A map says which name was the last one at an address; a jitdump\n"
		"says which one it was at the time of a sample (`perf record -k mono`, `node --perf-prof`).\n\n"
		"  --map, --jitdump   node --perf-basic-prof, --perf-prof; with --interpreted-frames-native-stack interpreted\n"
		"                     functions have names, too\n"
		"  --pid, --core      optimised and baseline code, builtins and native functions, read out of the target\n\n"
		"A jitdump is asked first, then the target, then the maps. In folders where everybody may write, a map must be\n"
		"a regular file of yours, of root, or of the owner of the process.\n\n"
		"With --json: one object a line for each address that has a name, instead of the text.",
	.options = options,
	.examples = examples,
	.run = run,
};

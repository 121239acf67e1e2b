#include "cmd/execute.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "cmd/help.h"
#include "cmd/sink.h"
#include "cmd/version.h"
#include "target/capture.h"

/* A note is a line on a terminal: more of them tell nobody anything. */
enum { NOTES_MAX = 20 };

struct np_notes {
	const char *lines[NOTES_MAX];
	size_t len, dropped;
};

void np_partial(struct np_invocation *inv, const char *fmt, ...)
{
	struct np_buf line = {0};
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	inv->partial = true;
	if (n < 0)
		return;
	np_text_put(&line, text, (size_t)n, NP_TEXT_LINE);
	free(text);
	struct np_notes *notes = inv->notes;
	bool known = !notes;
	for (size_t i = 0; notes && i < notes->len; i++)
		known = known || !strcmp(notes->lines[i], np_buf_str(&line));
	if (!known && notes->len < NOTES_MAX)
		notes->lines[notes->len++] = np_arena_strdup(inv->arena, np_buf_str(&line));
	else if (!known)
		notes->dropped++;
	np_buf_deinit(&line);
}

void np_notes_print(const struct np_args *args, const char *target, const struct np_notes *notes)
{
	if (!notes || args->globals.quiet)
		return;
	struct np_buf line = {0};
	for (size_t i = 0; i <= notes->len; i++) {
		if (i == notes->len && !notes->dropped)
			break;
		np_buf_clear(&line);
		np_buf_printf(&line, "nopsy: %s", args->command->name);
		if (target) {
			np_buf_putc(&line, ' ');
			np_text_put(&line, target, strlen(target), NP_TEXT_LINE);
		}
		if (i < notes->len)
			np_buf_printf(&line, ": %s\n", notes->lines[i]);
		else
			np_buf_printf(&line, ": and %zu more that could not be read\n", notes->dropped);
		fputs(line.data, stderr);
	}
	np_buf_deinit(&line);
}

/* What to try; NULL where the message says all. */
static const char *hint(enum np_code code, const struct np_args *args)
{
	switch (code) {
	case NP_EPERM:
		/* root's reasons (another tracer, a container) stand in the message */
		return geteuid() ? "run nopsy as root or as the owner of the process (with kernel.yama.ptrace_scope at 0)"
				 : NULL;
	case NP_EMISMATCH:
		return "--exe FILE names the node binary that it ran with";
	case NP_ENOTNODE:
		return args->globals.exe ? NULL : "if it is Node.js under another name, --exe FILE names its binary";
	case NP_EMISSING:
		return "`nopsy layout TARGET --missing` lists what is not known of this V8";
	case NP_EGONE:
		return "a process that dies can be looked at in its core: `ulimit -c unlimited` before it starts";
	default:
		return NULL;
	}
}

static void put_message(struct np_buf *line, const struct np_args *args, const char *target, const char *message)
{
	np_buf_puts(line, "nopsy: ");
	if (args->command) {
		np_buf_puts(line, args->command->name);
		if (target) {
			np_buf_putc(line, ' ');
			np_text_put(line, target, strlen(target), NP_TEXT_LINE);
		}
		np_buf_puts(line, ": ");
	}
	np_text_put(line, message, strlen(message), NP_TEXT_LINE);
	np_buf_putc(line, '\n');
}

int np_cmd_complain(const struct np_args *args, const char *target, np_err *err)
{
	struct np_buf text = {0};
	enum np_code code = np_err_code(err);
	const char *try = hint(code, args);
	put_message(&text, args, target, np_err_message(err));
	if (code == NP_EUSAGE) {
		np_usage_put(&text, args->command, args->in_shell);
	} else if (try) {
		np_buf_printf(&text, "  try: %s\n", try);
	}
	fputs(text.data, stderr);
	np_buf_deinit(&text);
	np_err_free(err);
	return code == NP_EUSAGE ? NP_EXIT_USAGE : NP_EXIT_FAILED;
}

/* Between stop and resume: as little as possible. */
static np_err *run_stopped(struct np_session *session, struct np_invocation *inv)
{
	const struct np_command *command = inv->command;
	bool stop = command->needs & NP_NEEDS_STOP;
	np_err *err = NULL;

	if (stop) {
		err = np_target_stop(session->target);
		if (err)
			return err;
	}
	/* what was read before the last resume may have moved since */
	if (session->v8 && np_target_kind(session->target) == NP_TARGET_PROCESS)
		np_v8_invalidate(session->v8);
	if (command->needs & NP_NEEDS_V8)
		err = np_session_need_v8(session);
	if (!err && stop && session->v8)
		np_session_calibrate(session);
	if (!err)
		err = command->run(inv);
	if (stop)
		np_target_resume(session->target);
	return err;
}

/* Only the copy is made between stop and resume. */
static np_err *copy_taken(struct np_session *session, struct np_capture *capture)
{
	uint64_t bytes;
	NP_TRY(np_target_stop(session->target));
	np_err *err = np_capture_take(capture, &bytes);
	np_target_resume(session->target);
	if (!err)
		np_debug("captured %.1f MiB", (double)bytes / (1 << 20));
	return err;
}

np_err *np_cmd_on_copy(struct np_session *session, np_err *(*body)(void *ctx), void *ctx)
{
	struct np_capture *capture = NULL;
	bool live = np_target_kind(session->target) == NP_TARGET_PROCESS;
	/* symbols are looked up while the target still runs */
	NP_TRY(np_session_need_layout(session));
	np_session_warm(session);
	if (live)
		NP_TRY(np_capture_prepare(session->target, &capture));
	np_err *err = live ? copy_taken(session, capture) : NULL;
	if (live && session->v8)
		np_v8_invalidate(session->v8);
	if (!err)
		err = np_session_need_v8(session);
	if (!err) {
		np_session_calibrate(session);
		err = body(ctx);
	}
	if (live) {
		np_session_drop_heap(session);
		np_capture_drop(capture);
	}
	return err;
}

static np_err *run_command(void *ctx)
{
	struct np_invocation *inv = ctx;
	return inv->command->run(inv);
}

static np_err *answer_on(struct np_session *session, struct np_invocation *inv)
{
	if (inv->command->needs & NP_NEEDS_COPY)
		return np_cmd_on_copy(session, run_command, inv);
	if (inv->command->needs & NP_NEEDS_V8) {
		NP_TRY(np_session_need_layout(session));
		np_session_warm(session);
	}
	return run_stopped(session, inv);
}

np_err *np_cmd_answer(const struct np_execute *x, const struct np_args *args, np_arena *arena, struct np_answer *ret)
{
	struct np_session own = {0}, *session = x->session;
	struct np_invocation inv = {
		.command = args->command,
		.arena = arena,
		.args = args->args,
		.arg_count = args->arg_count,
		.in_shell = x->in_shell,
		.options = args->options,
		.globals = &args->globals,
		.notes = NP_NEW(arena, struct np_notes),
		.out = x->out,
	};
	np_err *err;
	if (args->command->needs & NP_OPENS_TARGET) {
		inv.session = session;
		inv.target = args->target;
		err = args->command->run(&inv);
	} else if (!(args->command->needs & NP_NEEDS_TARGET)) {
		err = args->command->run(&inv);
	} else {
		if (!session) {
			struct np_target_options options = {.exe = args->globals.exe, .sysroot = args->globals.sysroot};
			NP_TRY(np_session_open(args->target, &options, &own));
			own.cache = args->globals.cache;
			own.isolate = args->globals.isolate;
			session = &own;
		}
		inv.session = session;
		err = answer_on(session, &inv);
		if (session == &own)
			np_session_close(&own);
	}
	if (err)
		return err;
	*ret = (struct np_answer){.result = inv.result, .partial = inv.partial,
				   .exit_status = inv.exit_status, .notes = inv.notes};
	return NULL;
}

static np_err *show_in(const struct np_execute *x, struct np_sink *sink, const struct np_globals *globals,
		       const np_node *result)
{
	struct np_render how = np_sink_render(sink, globals);
	bool borrowed = x->out && !globals->output;
	errno = 0;
	np_err *err = result ? np_render(result, &how, sink->file) : NULL;
	int why = errno;
	np_err *closed = np_sink_close(sink, true);
	if (borrowed && err && why != EPIPE) {
		np_err_drop(closed);
		return err;
	}
	/* an own sink knows why writing failed, and whether that matters */
	np_err_drop(err);
	return closed;
}

np_err *np_cmd_show(const struct np_execute *x, const struct np_globals *globals, const np_node *result)
{
	struct np_sink sink;
	NP_TRY(np_sink_open(globals, x->out, &sink));
	return show_in(x, &sink, globals, result);
}

/* The output is opened first: no target is stopped for an answer that has nowhere to go. */
static int execute_command(const struct np_execute *x, const struct np_args *args, np_arena *arena)
{
	struct np_answer answer = {0};
	struct np_sink sink;
	const char *target = x->session ? np_target_spec(x->session->target) : args->target;
	struct np_globals shown = args->globals;
	if (args->command->needs & NP_OWNS_OUTPUT || (args->command->owns_output && args->command->owns_output(args)))
		shown.output = NULL;
	np_err *err = np_sink_open(&shown, x->out, &sink);
	if (err)
		return np_cmd_complain(args, target, err);
	struct np_execute inside = *x;
	inside.out = sink.file;
	err = np_cmd_answer(&inside, args, arena, &answer);
	if (err) {
		np_err_drop(np_sink_close(&sink, false));
		return np_cmd_complain(args, target, err);
	}
	err = show_in(x, &sink, &shown, answer.result);
	if (err)
		return np_cmd_complain(args, target, err);
	np_notes_print(args, target, answer.notes);
	if (answer.exit_status)
		return answer.exit_status;
	return answer.partial ? NP_EXIT_PARTIAL : NP_EXIT_OK;
}

static int execute_parsed(const struct np_execute *x, const struct np_args *args, np_arena *arena)
{
	np_err *err = NULL;
	struct np_globals on_screen = args->globals; /* --output is for the answer that help stands in the place of */
	on_screen.output = NULL;
	if (args->globals.version) {
		np_node *text = np_help_text(arena, "nopsy " NP_VERSION "\n");
		np_set_str(text, "version", NP_VERSION);
		err = np_cmd_show(x, &on_screen, text);
	} else if (args->globals.help && !args->command && x->session) {
		struct np_args help = *args; /* a shell has its own */
		help.command = np_table_find(x->table, "help");
		help.globals.help = false;
		return help.command ? execute_command(x, &help, arena) : NP_EXIT_USAGE;
	} else if (args->globals.help) {
		err = np_cmd_show(x, &on_screen,
				  args->command ? np_help_command(arena, args->command, x->session != NULL)
						: np_help_overview(arena, x->table));
	} else if (!args->command) {
		struct np_buf text = {0};
		np_help_overview_put(&text, x->table);
		fputs(text.data, stderr);
		np_buf_deinit(&text);
		return NP_EXIT_USAGE;
	} else {
		return execute_command(x, args, arena);
	}
	return err ? np_cmd_complain(args, NULL, err) : NP_EXIT_OK;
}

int np_cmd_execute(const struct np_execute *x, int argc, char **argv)
{
	np_arena *arena = np_arena_create();
	enum np_log_level before = np_log_level;
	struct np_args args;
	int status;
	np_err *err = np_args_parse(x->table, arena, argc, argv, x->session != NULL, x->defaults, &args);
	if (err) {
		status = np_cmd_complain(&args, NULL, err);
	} else {
		if (args.globals.quiet)
			np_log_level = NP_LOG_QUIET;
		else if (args.globals.verbose)
			np_log_level = args.globals.verbose > 1 ? NP_LOG_DEBUG : NP_LOG_INFO;
		status = execute_parsed(x, &args, arena);
	}
	np_log_level = before;
	np_arena_destroy(arena);
	return status;
}

/* nopsy source: the text of a function or a script. */
#include <string.h>

#include "cmd/address.h"
#include "cmd/cmd.h"
#include "cmd/session.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/script.h"

static const struct np_option options[] = {
	{"script", 's', NP_OPT_FLAG, NULL, NULL, "the whole script that the function stands in"},
	{"lines", 'n', NP_OPT_INT, "N", NULL, "lines before and after the function (0)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy source 4242 0x2f31d9c1", "source of the function at that address"},
	{"nopsy source core.4242 0x2f31d9c1 --script -o app.js", "the whole script as V8 compiled it"},
	{0},
};

static const struct np_shape text_shape = {.name = "text", .style = NP_STYLE_TEXT};
static const struct np_shape source_shape = {
	.name = "source",
	.style = NP_STYLE_LINE,
	.line = "[{name:name} ]{_place:path}",
	.children = "_text",
	.indent = -1,
};

static np_err *target_of(np_v8 *v8, const char *arg, np_addr at, np_arena *arena, struct np_shared *shared, np_addr *script)
{
	np_tagged t;
	memset(shared, 0, sizeof(*shared));
	for (int hops = 0; hops < 8; hops++) {
		np_addr next;
		switch (np_kind_at(v8, at)) {
		case NP_KIND_SCRIPT:
			*script = at;
			return NULL;
		case NP_KIND_SHARED_FUNCTION_INFO:
			NP_TRY(np_shared_load(v8, at, arena, shared));
			*script = shared->script;
			return NULL;
		case NP_KIND_JS_FUNCTION:
			if (!np_function_shared(v8, at, &next))
				return np_err_new(NP_EFORMAT, "the function at %s is damaged", arg);
			at = next;
			break;
		case NP_KIND_JS_BOUND_FUNCTION:
			if (!np_field(v8, at, NP_F_JSBoundFunction_target, &t) || !np_is_ref(t))
				return np_err_new(NP_EFORMAT, "the bound function at %s is damaged", arg);
			at = np_ref(t);
			break;
		case NP_KIND_JS_GENERATOR:
		case NP_KIND_JS_ASYNC_FUNCTION:
		case NP_KIND_JS_ASYNC_GENERATOR:
			if (!np_field(v8, at, NP_F_JSGeneratorObject_function, &t) || !np_is_ref(t))
				return np_err_new(NP_EFORMAT, "the generator at %s is damaged", arg);
			at = np_ref(t);
			break;
		default:
			return np_err_new(NP_EUSAGE, "%s is neither a function nor a script", arg);
		}
	}
	return np_err_new(NP_ELIMIT, "%s leads nowhere", arg);
}

/* [from, to) widened to whole lines, and by `around` lines. */
static void widen(const struct np_script *script, int around, size_t *from, size_t *to)
{
	int line, column;
	size_t a, b;
	if (np_script_line_column(script, (int32_t)*from, &line, &column)) {
		line -= script->line_offset + around;
		if (np_script_line_range(script, line < 1 ? 1 : line, &a, &b))
			*from = a;
	}
	if (np_script_line_column(script, (int32_t)*to, &line, &column)) {
		line -= script->line_offset - around;
		if (np_script_line_range(script, line > (int)script->line_count ? (int)script->line_count : line, &a, &b))
			*to = b;
	}
}

static np_err *run(struct np_invocation *inv)
{
	np_v8 *v8 = inv->session->v8;
	np_addr at, script_addr = 0;
	struct np_shared shared;
	const struct np_script *script;
	int64_t around = 0;
	NP_TRY(np_address_object(v8, inv->args[0], inv->arena, &at));
	NP_TRY(target_of(v8, inv->args[0], at, inv->arena, &shared, &script_addr));
	if (!script_addr)
		return np_err_new(NP_ENOTFOUND, "the function at %s is built into V8: it has no source", inv->args[0]);
	NP_TRY(np_script_load(v8, script_addr, &script));
	if (!script->has_text)
		return np_err_new(NP_EFAULT, "the source of %s is not readable in this target",
				  script->name ? script->name : "the script");
	size_t from = 0, to = script->text.len;
	bool whole = np_opt_flag(inv, "script") || !shared.addr || shared.start < 0;
	if (!whole) {
		from = (size_t)(shared.token >= 0 ? shared.token : shared.start);
		to = (size_t)shared.end < script->text.len ? (size_t)shared.end : script->text.len;
		if (from > to)
			from = to;
	}
	np_node *n = inv->result = np_obj(inv->arena, &source_shape), *text = np_obj(inv->arena, &text_shape);
	int line, column;
	if (shared.addr)
		np_set_str(n, "name", np_shared_debug_name(v8, &shared, inv->arena));
	np_set_str(n, "file", script->name);
	if (np_script_line_column(script, (int32_t)from, &line, &column)) {
		np_set_int(n, "line", line);
		np_set_int(n, "column", column);
		np_set_str(n, "_place", np_arena_printf(inv->arena, "%s:%d:%d", script->name ? script->name : "<anonymous>",
							line, column));
	}
	np_set_int(n, "start", (int64_t)from);
	np_set_int(n, "end", (int64_t)to);
	np_set_addr(n, "script", script_addr | 1);
	np_set_str(n, "source", np_chars_utf8(&script->text, from, to, inv->arena));
	np_opt_int(inv, "lines", &around);
	if (!whole && around > 0)
		widen(script, around > 1000 ? 1000 : (int)around, &from, &to);
	np_set_str(text, "text", np_chars_utf8(&script->text, from, to, inv->arena));
	np_set_node(n, "_text", text);
	np_hide(n, "source");
	return NULL;
}

const struct np_command np_cmd_source = {
	.name = "source",
	.group = "Look at one moment",
	.arguments = "ADDR",
	.min_args = 1,
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_STOP,
	.summary = "a function's or script's source",
	.help = "ADDR is a function, a bound function, a generator, a SharedFunctionInfo or a Script.",
	.options = options,
	.examples = examples,
	.run = run,
};

#include "cmd/frame_node.h"

#include <string.h>

#include "base/buf.h"
#include "cmd/value_node.h"
#include "v8/script.h"

static const struct np_shape arg_shape = {
	.name = "argument", .style = NP_STYLE_LINE, .line = "[{name:num}=]{value}[{_missing:dim}]"};
static const struct np_shape local_shape = {
	.name = "local", .style = NP_STYLE_LINE, .line = "{name:num} = {value}[ {_note:dim}]"};
static const struct np_shape source_shape = {.name = "source", .style = NP_STYLE_TEXT};
static const struct np_shape this_shape = {.name = "this", .style = NP_STYLE_LINE, .line = "this = {value}"};
static const struct np_shape frame_shape = {
	.name = "frame",
	.style = NP_STYLE_LINE,
	.line = "{_number:dim} {_call:name}[{_open}{args}{_close}][ {_place:path}][ {_marks:dim}][ {_addresses:addr}]",
	.children = "_this,locals,source",
	.indent = 8,
};
static const struct np_shape folded_shape = {.name = "folded", .style = NP_STYLE_LINE, .line = "     {text:dim}"};
const struct np_shape np_shape_thread = {
	.name = "thread",
	.style = NP_STYLE_LINE,
	.line = "Thread {_tids}[ {name:string}][ ({_state:dim})]",
	.children = "_frames,note",
	.indent = 2,
};

static const char *const position_names[] = {NULL, "exact", "approximate", "definition"};

/* Up to Node 14 built-in modules are scripts with plain names; so may a program's own be (vm.Script, bundles). */
static bool is_builtin_module(const char *file)
{
	static const char *const modules[] = {
		"assert", "async_hooks", "bootstrap_node", "buffer", "child_process", "cluster", "console", "constants",
		"crypto", "dgram", "diagnostics_channel", "dns", "domain", "events", "freelist", "fs", "http", "http2",
		"https", "inspector", "module", "net", "node", "os", "path", "perf_hooks", "process", "punycode",
		"querystring", "readline", "repl", "smalloc", "stream", "string_decoder", "sys", "timers", "tls",
		"trace_events", "tracing", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib"};
	static const char *const prefixes[] = {"_http_", "_stream_", "_tls_", "_debug", "_linklist"};
	size_t n = strlen(file);
	if (n < 4 || strcmp(file + n - 3, ".js") != 0)
		return false;
	for (size_t i = 0; i < NP_ARRAY_LEN(prefixes); i++)
		if (strncmp(file, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	for (size_t i = 0; i < NP_ARRAY_LEN(modules); i++)
		if (strlen(modules[i]) == n - 3 && strncmp(file, modules[i], n - 3) == 0)
			return true;
	return false;
}

static bool is_node_internal(const struct np_frame *f)
{
	static const char *const bare[] = {"internal/", "node:"};
	if (f->kind != NP_FRAME_JS || !f->file)
		return false;
	for (size_t i = 0; i < NP_ARRAY_LEN(bare); i++)
		if (strncmp(f->file, bare[i], strlen(bare[i])) == 0)
			return true;
	return is_builtin_module(f->file);
}

static const char *kind_name(const struct np_frame *f)
{
	switch (f->kind) {
	case NP_FRAME_JS:
	case NP_FRAME_WASM:
		return "js";
	case NP_FRAME_NATIVE:
		return "native";
	default:
		return "builtin";
	}
}

static np_node *source_node(np_v8 *v8, const struct np_frame *f, int around, np_arena *arena)
{
	const struct np_script *script;
	if (!f->script || f->line <= 0 || np_err_drop(np_script_load(v8, f->script, &script)))
		return NULL;
	int at = f->line - script->line_offset, column = f->column - (at == 1 ? script->column_offset : 0);
	struct np_buf buf = {0};
	for (int line = at - around; line <= at + around; line++) {
		size_t from, to;
		if (!np_script_line_range(script, line, &from, &to))
			continue;
		/* Minified code: only the part around the column. */
		size_t cut = 0, len = to - from;
		enum { WIDE = 160 };
		if (len > WIDE)
			cut = line == at && column > WIDE / 2 ? (size_t)column - WIDE / 2 : 0;
		if (cut > len)
			cut = len;
		size_t shown = len - cut > WIDE ? WIDE : len - cut;
		const char *text = np_chars_utf8(&script->text, from + cut, from + cut + shown, arena);
		np_buf_printf(&buf, "%s %5d | %s%s%s\n", line == at ? ">" : " ", line + script->line_offset,
			      cut ? "…" : "", text, cut + shown < len ? "…" : "");
		if (line != at || column < 1)
			continue;
		np_buf_printf(&buf, "        | %s", cut ? " " : "");
		for (size_t i = cut; i + 1 < (size_t)column && i < len; i++)
			np_buf_putc(&buf, np_char_at(&script->text, from + i) == '\t' ? '\t' : ' ');
		np_buf_puts(&buf, "^\n");
	}
	np_node *n = NULL;
	if (buf.len) {
		n = np_obj(arena, &source_shape);
		np_set_strn(n, "text", buf.data, buf.len - 1);
		np_set_int(n, "line", f->line);
		np_set_int(n, "column", f->column);
	}
	np_buf_deinit(&buf);
	return n;
}

static const struct np_value_limits *limits_of(const struct np_frame_show *show)
{
	return show->limits ? show->limits : &np_value_limits_brief;
}

/* What optimised code does not keep as a value of the heap. */
static np_node *unboxed_node(bool lost, bool is_boolean, double number, np_arena *arena)
{
	np_node *n = np_obj(arena, &np_shape_value);
	np_set_str(n, "type", lost ? "unreadable" : "boolean");
	if (lost)
		np_set_str(n, "reason", "optimised away");
	else if (is_boolean)
		np_set_bool(n, "value", number != 0);
	else
		return np_value_node_number(arena, number);
	return n;
}

static void set_args(np_v8 *v8, np_node *n, const struct np_frame *f, const struct np_frame_show *show, np_arena *arena)
{
	np_node *list = np_list(arena, &arg_shape);
	if (f->receiver.raw) {
		np_node *self = np_value_node_of(v8, f->receiver, limits_of(show), arena);
		np_node *line = np_obj(arena, &this_shape);
		np_set_node(n, "this", self);
		np_set_node(line, "value", self);
		np_set_node(n, "_this", line);
	}
	for (size_t i = 0; i < f->arg_count; i++) {
		const struct np_arg *a = &f->args[i];
		np_node *arg = np_obj(arena, &arg_shape);
		np_set_str(arg, "name", a->name);
		if (a->lost || a->is_number || a->is_boolean) {
			np_set_node(arg, "value", unboxed_node(a->lost, a->is_boolean, a->number, arena));
		} else if (a->passed) {
			np_set_node(arg, "value", np_value_node_of(v8, a->value, limits_of(show), arena));
		} else {
			np_node *none = np_obj(arena, &np_shape_value);
			np_set_str(none, "type", "undefined");
			np_set_node(arg, "value", none);
			np_set_str(arg, "_missing", " (not passed)");
		}
		np_set_bool(arg, "declared", a->declared);
		np_set_bool(arg, "passed", a->passed);
		if (a->is_rest)
			np_set_bool(arg, "rest", true);
		np_add(list, arg);
	}
	np_set_node(n, "args", list);
	if (!f->arg_count) /* an empty list would not be printed */
		np_set_str(n, "_call", np_arena_printf(arena, "%s()", np_node_str(np_node_get(n, "_call"))));
}

static void set_locals(np_v8 *v8, np_node *n, const struct np_frame *f, const struct np_frame_show *show, np_arena *arena)
{
	np_node *list = np_list(arena, &local_shape);
	for (size_t i = 0; i < f->local_count; i++) {
		const struct np_local *l = &f->locals[i];
		np_node *local = np_obj(arena, &local_shape);
		np_set_str(local, "name", l->name);
		np_set_node(local, "value", l->lost || l->is_boolean || l->is_number
						    ? unboxed_node(l->lost, l->is_boolean, l->number, arena)
						    : np_value_node_of(v8, l->value, limits_of(show), arena));
		np_set_str(local, "storage", l->is_closure ? "closure" : l->is_context ? "context" : l->is_register ? "register" : "stack");
		if (!l->trusted) {
			np_set_bool(local, "approximate", true);
			np_set_str(local, "_note", "(name may be wrong)");
		}
		np_add(list, local);
	}
	np_set_node(n, "locals", list);
}

static void mark_add(struct np_buf *marks, const char *mark)
{
	np_buf_printf(marks, "%s%s", marks->len ? ", " : "", mark);
}

static void set_place(np_node *n, const struct np_frame *f, np_arena *arena)
{
	struct np_buf marks = {0};
	if (f->kind == NP_FRAME_NATIVE) {
		const char *base = f->file ? strrchr(f->file, '/') : NULL;
		if (f->file)
			np_set_str(n, "_place", np_arena_printf(arena, "(%s)", base ? base + 1 : f->file));
	} else if (f->line > 0) {
		np_set_str(n, "_place", np_arena_printf(arena, "%s%s%s:%d:%d", f->file || !f->eval_origin ? "" : f->eval_origin,
							f->file || !f->eval_origin ? "" : ", ",
							f->file ? f->file : "<anonymous>", f->line, f->column));
	} else if (f->file) {
		np_set_str(n, "_place", f->file);
	}
	if (f->tier && strcmp(f->tier, "interpreted") != 0)
		mark_add(&marks, f->tier);
	if (f->inlined)
		mark_add(&marks, "inlined");
	if (f->position == NP_POSITION_APPROXIMATE)
		mark_add(&marks, "line approximate");
	if (f->position == NP_POSITION_DEFINITION)
		mark_add(&marks, "line of the definition");
	if (f->kind == NP_FRAME_BUILTIN)
		mark_add(&marks, "builtin");
	if (f->kind == NP_FRAME_INTERNAL)
		mark_add(&marks, "V8");
	if (marks.len)
		np_set_str(n, "_marks", np_arena_printf(arena, "[%s]", marks.data));
	np_buf_deinit(&marks);
}

static np_node *frame_node(np_v8 *v8, const struct np_frame *f, size_t index, const struct np_frame_show *show,
			   np_arena *arena)
{
	np_node *n = np_obj(arena, &frame_shape);
	np_set_str(n, "_number", np_arena_printf(arena, "%4s", np_arena_printf(arena, "#%zu", index)));
	np_set_str(n, "_call", f->display && *f->display ? f->display
			       : f->kind == NP_FRAME_NATIVE
				       ? np_arena_printf(arena, "0x%llx", (unsigned long long)f->pc)
				       : "<anonymous>");
	np_set_str(n, "kind", kind_name(f));
	if (f->kind == NP_FRAME_INTERNAL || is_node_internal(f))
		np_set_bool(n, "internal", true);
	np_set_str(n, "name", f->name ? f->name : "");
	np_set_str(n, "display", f->display);
	np_set_str(n, "file", f->file);
	if (f->line > 0) {
		np_set_int(n, "line", f->line);
		np_set_int(n, "column", f->column);
	}
	np_set_str(n, "position", position_names[f->position]);
	np_set_str(n, "tier", f->tier);
	if (f->kind == NP_FRAME_JS)
		np_set_bool(n, "inlined", f->inlined);
	if (f->is_constructor)
		np_set_bool(n, "constructor", true);
	if (f->pc)
		np_set_addr(n, "pc", f->pc);
	if (f->fp && f->kind != NP_FRAME_NATIVE)
		np_set_addr(n, "fp", f->fp);
	if (f->function)
		np_set_addr(n, "function", f->function | 1);
	if (f->shared)
		np_set_addr(n, "shared_function_info", f->shared | 1);
	if (f->code)
		np_set_addr(n, "code", f->code | 1);
	if (f->bytecode_offset >= 0)
		np_set_int(n, "bytecode_offset", f->bytecode_offset);
	if (f->kind == NP_FRAME_NATIVE && *f->name)
		np_set_uint(n, "symbol_offset", f->symbol_offset);
	np_set_str(n, "eval_origin", f->eval_origin);
	np_set_str(n, "note", f->note);
	set_place(n, f, arena);
	if (show->addresses)
		np_set_str(n, "_addresses", np_arena_printf(arena, "pc 0x%llx fp 0x%llx%s", (unsigned long long)f->pc,
							    (unsigned long long)f->fp,
							    f->function ? np_arena_printf(arena, " function 0x%llx",
											  (unsigned long long)f->function | 1)
									: ""));
	if (show->args && f->has_args) {
		np_set_str(n, "_open", "(");
		np_set_str(n, "_close", ")");
		set_args(v8, n, f, show, arena);
	}
	if (show->args && !f->has_args && f->kind == NP_FRAME_JS)
		np_set_str(n, "_call", np_arena_printf(arena, "%s(?)", np_node_str(np_node_get(n, "_call"))));
	if (show->locals && f->has_locals)
		set_locals(v8, n, f, show, arena);
	if (show->source && f->kind == NP_FRAME_JS) {
		np_node *source = source_node(v8, f, show->source_lines, arena);
		if (source)
			np_set_node(n, "source", source);
	}
	return n;
}

static bool is_folded(const struct np_frame *f, const struct np_frame_show *show)
{
	switch (f->kind) {
	case NP_FRAME_NATIVE:
		return !show->native;
	case NP_FRAME_INTERNAL:
		return !show->internal;
	case NP_FRAME_JS:
		return is_node_internal(f) && !show->internal;
	default:
		return false;
	}
}

static bool is_selected(const struct np_frame *f, const struct np_frame_show *show)
{
	if (show->fp && f->fp != show->fp)
		return false;
	return !show->function || (f->name && strcmp(f->name, show->function) == 0) ||
	       (f->display && strcmp(f->display, show->function) == 0);
}

/* The C library's own plumbing says little; the name by which it was entered does. */
static bool is_libc(const struct np_frame *f)
{
	const char *base = f->file ? strrchr(f->file, '/') : NULL;
	base = base ? base + 1 : f->file;
	return f->kind == NP_FRAME_NATIVE && base &&
	       (strncmp(base, "libc.", 5) == 0 || strncmp(base, "libc-", 5) == 0 || strncmp(base, "libpthread", 10) == 0 ||
		strncmp(base, "ld-", 3) == 0);
}

/* Length of a C++ name without its parameters. */
static size_t plain_name_len(const char *name)
{
	static const char anonymous[] = "(anonymous namespace)";
	for (const char *p = name; (p = strchr(p, '('));) {
		if (strncmp(p, anonymous, sizeof(anonymous) - 1) == 0)
			p += sizeof(anonymous) - 1;
		else if (p > name)
			return (size_t)(p - name);
		else
			p++;
	}
	return strlen(name);
}

/* The first names worth reading of a run at the top of a stack. */
static void folded_names(const struct np_stack *stack, size_t from, size_t to, struct np_buf *out)
{
	int named = 0;
	size_t i = from;
	for (; i < to && named < 3; i++) {
		const struct np_frame *f = &stack->frames[i];
		if (f->kind == NP_FRAME_JS || !f->name || !*f->name)
			continue;
		if (is_libc(f) && i + 1 < to && is_libc(&stack->frames[i + 1]))
			continue;
		np_buf_printf(out, "%s%.*s", named++ ? " < " : ": ", (int)plain_name_len(f->name), f->name);
	}
	if (named == 3 && i < to)
		np_buf_puts(out, " < …");
}

/* One line for a run of folded frames, naming the first few. */
static np_node *folded_node(const struct np_stack *stack, size_t from, size_t to, bool leaf, np_arena *arena)
{
	size_t native = 0, internal = 0, node = 0;
	struct np_buf names = {0}, text = {0};
	for (size_t i = from; i < to; i++) {
		const struct np_frame *f = &stack->frames[i];
		native += f->kind == NP_FRAME_NATIVE;
		internal += f->kind == NP_FRAME_INTERNAL;
		node += f->kind == NP_FRAME_JS;
	}
	if (leaf)
		folded_names(stack, from, to, &names);
	np_buf_putc(&text, '(');
	if (node)
		np_buf_printf(&text, "%zu of Node's own", node);
	if (internal)
		np_buf_printf(&text, "%s%zu V8", text.len > 1 ? ", " : "", internal);
	if (native)
		np_buf_printf(&text, "%s%zu native", text.len > 1 ? ", " : "", native);
	np_buf_printf(&text, " frame%s%s)", to - from == 1 ? "" : "s", np_buf_str(&names));
	np_node *n = np_obj(arena, &folded_shape);
	np_set_str(n, "text", np_buf_str(&text));
	np_buf_deinit(&text);
	np_buf_deinit(&names);
	return n;
}

np_node *np_stack_node(np_v8 *v8, const struct np_stack *stack, const struct np_frame_show *show, np_arena *arena)
{
	np_node *n = np_obj(arena, &np_shape_thread), *frames = np_list(arena, &frame_shape);
	np_node *shown = np_list(arena, &frame_shape);
	np_set_str(n, "_tids", np_arena_printf(arena, "%d", stack->thread->tid));
	np_set_int(n, "tid", stack->thread->tid);
	np_set_str(n, "name", stack->thread->name);
	if (stack->thread->state && stack->thread->state != '?')
		np_set_str(n, "state", np_arena_printf(arena, "%c", stack->thread->state));
	if (stack->isolate)
		np_set_addr(n, "isolate", stack->isolate);
	size_t index = 0;
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct np_frame *f = &stack->frames[i];
		if ((show->only_js && f->kind != NP_FRAME_JS) || !is_selected(f, show)) {
			index++;
			continue;
		}
		if (!show->function && !show->fp && is_folded(f, show)) {
			size_t end = i;
			while (end < stack->frame_count && is_folded(&stack->frames[end], show))
				end++;
			if (!show->only_js)
				np_add(shown, folded_node(stack, i, end, i == 0, arena));
			for (; i < end; i++)
				if (!show->only_js || stack->frames[i].kind == NP_FRAME_JS)
					np_add(frames, frame_node(v8, &stack->frames[i], index++, show, arena));
			i--;
			continue;
		}
		np_node *node = frame_node(v8, f, index++, show, arena);
		np_add(frames, node);
		np_add(shown, node);
	}
	if (show->only_js && !np_node_len(frames)) {
		static const struct np_shape hidden = {.name = "thread", .style = NP_STYLE_HIDDEN};
		np_node_set_shape(n, &hidden);
	}
	np_set_node(n, "frames", frames);
	np_set_node(n, "_frames", shown);
	if (stack->cut)
		np_set_bool(n, "truncated", true);
	np_set_str(n, "note", stack->note);
	return n;
}

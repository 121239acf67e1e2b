/* nopsy disasm: bytecode and machine code of a function, with its source lines. */
#include <stdlib.h>
#include <string.h>

#include "cmd/address.h"
#include "cmd/cmd.h"
#include "cmd/session.h"
#include "v8/array.h"
#include "v8/bytecode.h"
#include "v8/bytecode_runtime.h"
#include "v8/code.h"
#include "v8/fullcodegen.h"
#include "v8/function.h"
#include "v8/machine_disasm.h"
#include "v8/map.h"
#include "v8/position.h"
#include "v8/script.h"
#include "v8/string.h"
#include "v8/value.h"

enum { CODE_MAX_BYTES = 1 << 20, INSTRUCTIONS_MAX = 100000, CONSTANT_MAX = 60 };

static const struct np_option options[] = {
	{"bytecode", 'b', NP_OPT_FLAG, NULL, NULL, "only bytecode"},
	{"machine", 'm', NP_OPT_FLAG, NULL, NULL, "only machine code"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy disasm 4242 0x2f31d9c1", "bytecode and machine code of the function there"},
	{"nopsy disasm core.4242 0x7f34de803cd0", "the JIT code around a pc"},
	{0},
};

static const struct np_shape insn_shape = {
	.name = "instruction", .style = NP_STYLE_LINE, .line = "{_mark}{_at:addr}  {text}"};
static const struct np_shape bytecode_shape = {.name = "bytecode",
					       .style = NP_STYLE_LINE,
					       .line = "bytecode at {address}, {length_bytes}, {register_count} registers",
					       .children = "_lines"};
static const struct np_shape machine_shape = {.name = "machine",
					      .style = NP_STYLE_LINE,
					      .line = "{tier:keyword} code at {start}, {size_bytes}",
					      .children = "_lines"};
static const struct np_shape disasm_shape = {.name = "disasm",
					     .style = NP_STYLE_LINE,
					     .line = "[{name:name} ]{_place:path}",
					     .children = "bytecode,machine",
					     .indent = -1};
static const struct np_shape source_line_shape = {.name = "line", .style = NP_STYLE_LINE, .line = "{text:dim}"};

struct listing {
	struct np_invocation *inv;
	np_v8 *v8;
	np_node *instructions, *lines;
	const struct np_script *script; /* NULL: no source */
	int last_line;
	/* bytecode */
	np_addr pool;
	struct np_runtime_names runtime;
	/* machine code */
	const struct np_code_object *code;
	np_addr pc, shared;
	size_t count;
};

/* Puts the source line in front of its first instruction. */
static void source_line(struct listing *l, const struct np_script *script, int32_t offset, np_node *insn)
{
	int line, column;
	size_t from, to;
	if (!script || offset < 0 || !np_script_line_column(script, offset, &line, &column))
		return;
	np_set_int(insn, "line", line);
	np_set_int(insn, "column", column);
	if (line == l->last_line)
		return;
	l->last_line = line;
	if (!np_script_line_range(script, line - script->line_offset, &from, &to))
		return;
	while (from < to && (np_char_at(&script->text, from) == ' ' || np_char_at(&script->text, from) == '\t'))
		from++;
	np_node *text = np_obj(l->inv->arena, &source_line_shape);
	np_set_str(text, "text",
		   np_arena_printf(l->inv->arena, "  ; %d: %s", line,
				   np_chars_utf8(&script->text, from, to - from > 100 ? from + 100 : to, l->inv->arena)));
	np_add(l->lines, text);
}

/* A constant in a few words: strings quoted, functions and scopes by name. */
static bool constant_text(void *ctx, uint32_t index, struct np_buf *out)
{
	struct listing *l = ctx;
	struct np_value_limits limits = {.depth = 0, .string_units = CONSTANT_MAX, .total = 8};
	np_tagged t;
	uint32_t len;
	if (!l->pool || !np_array_length(l->v8, l->pool, &len) || index >= len ||
	    !np_array_get(l->v8, l->pool, index, &t))
		return false;
	np_value *v = np_value_decode(l->v8, t, &limits, l->inv->arena);
	switch (v->type) {
	case NP_VALUE_SMI:
		np_buf_printf(out, "%d", np_smi_value(t));
		return true;
	case NP_VALUE_NUMBER:
		np_buf_printf(out, "%.17g", v->number);
		return true;
	case NP_VALUE_STRING:
		np_buf_printf(out, "\"%s\"%s", v->text, v->truncated ? "…" : "");
		return true;
	case NP_VALUE_INTERNAL:
		np_buf_printf(out, "%s%s%s", v->class_name, v->text && *v->text ? " " : "", v->text ? v->text : "");
		return true;
	default:
		np_buf_puts(out, v->class_name ? v->class_name : np_value_type_name(v->type));
		return true;
	}
}

static bool constant_smi(void *ctx, uint32_t index, int32_t *ret)
{
	struct listing *l = ctx;
	np_tagged t;
	uint32_t len;
	if (!l->pool || !np_array_length(l->v8, l->pool, &len) || index >= len ||
	    !np_array_get(l->v8, l->pool, index, &t) || !np_is_smi(t))
		return false;
	*ret = np_smi_value(t);
	return true;
}

static const char *runtime_name(void *ctx, uint32_t id)
{
	struct listing *l = ctx;
	return np_runtime_name(&l->runtime, id);
}

static np_err *bytecode_node(struct np_invocation *inv, const struct np_script *script, np_addr array, np_node **ret)
{
	np_v8 *v8 = inv->session->v8;
	struct np_bytecode_array b;
	enum np_bytecode_fit fit;
	struct np_buf text = {0};
	np_node *n = np_obj(inv->arena, &bytecode_shape);
	struct listing l = {.inv = inv, .v8 = v8, .script = script, .instructions = np_list(inv->arena, NULL),
			    .lines = np_list(inv->arena, NULL)};
	const np_bytecode_table *table = np_v8_bytecode_table(v8, &fit);
	if (!table)
		return np_err_new(NP_EMISSING, "there is no bytecode table for V8 %d.%d", v8->layout->version.major,
				  v8->layout->version.minor);
	NP_TRY(np_bytecode_array_load(v8, array, inv->arena, &b));
	l.pool = b.constant_pool;
	struct np_bytecode_names names = {.ctx = &l, .constant = constant_text, .smi = constant_smi};
	if (np_runtime_names_find(v8->target, &l.runtime))
		names.runtime = runtime_name;
	uint32_t parameters = b.parameter_count > 0 ? (uint32_t)b.parameter_count : 0;
	np_set_addr(n, "address", array | 1);
	np_set_bytes(n, "length_bytes", b.len);
	np_set_int(n, "register_count", b.register_count);
	np_set_int(n, "parameter_count", b.parameter_count);
	np_set_str(n, "table", np_bytecode_table_name(table));
	for (uint32_t at = 0; at < b.len && l.count < INSTRUCTIONS_MAX; l.count++) {
		struct np_bytecode_insn insn;
		int32_t offset = -1;
		np_err *err = np_bytecode_decode(table, b.bytes, b.len, at, parameters, &insn);
		if (err) {
			np_partial(inv, "bytecode at offset %u: %s", at, np_err_message(err));
			np_err_free(err);
			break;
		}
		np_node *node = np_obj(inv->arena, &insn_shape);
		np_buf_clear(&text);
		np_bytecode_format(table, &insn, parameters, &names, &text);
		np_bytecode_position(v8, array, (int32_t)at, &offset);
		source_line(&l, script, offset, node);
		np_set_int(node, "offset", at);
		np_set_str(node, "_at", np_arena_printf(inv->arena, "%6u", at));
		np_set_str(node, "_mark", "");
		np_set_str(node, "text", np_buf_str(&text));
		np_add(l.instructions, node);
		np_add(l.lines, node);
		at += insn.length;
	}
	np_buf_deinit(&text);
	np_set_node(n, "instructions", l.instructions);
	np_set_node(n, "_lines", l.lines);
	*ret = n;
	return NULL;
}

static bool symbol_text(void *ctx, np_addr address, struct np_buf *out)
{
	struct listing *l = ctx;
	struct np_symbol_at at;
	const struct np_code_object *code;
	if (np_target_symbol_at(l->v8->target, address, &at) && at.name) {
		char *plain = np_demangle(at.name);
		size_t n = strcspn(plain, "(");
		np_buf_add(out, plain, n ? n : strlen(plain));
		free(plain);
		if (address > at.start)
			np_buf_printf(out, "+0x%llx", (unsigned long long)(address - at.start));
		return true;
	}
	if (address - l->code->start < l->code->size_bytes) {
		np_buf_printf(out, "+0x%llx", (unsigned long long)(address - l->code->start));
		return true;
	}
	const struct np_mapping *m = np_target_mapping_at(l->v8->target, address);
	if (m && (m->prot < 0 || (m->prot & NP_PROT_X)) && np_code_at_pc(l->v8, address, &code)) {
		np_buf_printf(out, "code 0x%llx", (unsigned long long)code->addr | 1);
		return true;
	}
	return false;
}

static bool insn_add(void *ctx, const struct np_machine_insn *insn)
{
	struct listing *l = ctx;
	struct np_inline_position at[2];
	np_node *node = np_obj(l->inv->arena, &insn_shape);
	uint32_t offset = (uint32_t)(insn->address - l->code->start);
	struct np_shared shared;
	const struct np_script *script;
	if ((l->code->kind == NP_CODE_OPTIMIZED || l->code->kind == NP_CODE_MAGLEV) &&
	    np_code_positions(l->v8, l->code, l->shared, offset, at, 2) && at[0].offset >= 0 &&
	    !np_err_drop(np_shared_load(l->v8, at[0].shared, l->inv->arena, &shared)) && shared.script &&
	    !np_err_drop(np_script_load(l->v8, shared.script, &script)))
		source_line(l, script, at[0].offset, node);
	else if (l->code->kind == NP_CODE_FULL && l->script && np_full_position(l->v8, l->code, offset, &at[0].offset))
		source_line(l, l->script, at[0].offset, node);
	np_set_addr(node, "address", insn->address);
	np_set_uint(node, "offset", offset);
	np_set_str(node, "_mark", insn->address == l->pc ? "=>" : "  ");
	np_set_str(node, "_at", np_arena_printf(l->inv->arena, "0x%llx +0x%04x", (unsigned long long)insn->address, offset));
	np_set_str(node, "text", insn->text);
	np_add(l->instructions, node);
	np_add(l->lines, node);
	return ++l->count < INSTRUCTIONS_MAX;
}

static np_err *machine_node(struct np_invocation *inv, const struct np_script *script,
			    const struct np_code_object *code, np_addr pc, np_addr shared, np_node **ret)
{
	np_v8 *v8 = inv->session->v8;
	struct listing l = {.inv = inv, .v8 = v8, .script = script, .code = code, .pc = pc, .shared = shared,
			    .instructions = np_list(inv->arena, NULL), .lines = np_list(inv->arena, NULL)};
	size_t len = code->size_bytes < CODE_MAX_BYTES ? (size_t)code->size_bytes : CODE_MAX_BYTES;
	uint8_t *bytes = np_arena_alloc(inv->arena, len);
	size_t got = np_mem_read(v8->mem, code->start, bytes, len);
	np_node *n = np_obj(inv->arena, &machine_shape);
	const char *tier = np_code_tier(v8, code->kind);
	if (!got)
		return np_err_fault(code->start, "reading machine code");
	if (got < code->size_bytes)
		np_partial(inv, "only %zu of %llu bytes of machine code could be read", got,
			   (unsigned long long)code->size_bytes);
	struct np_machine_callbacks callbacks = {.ctx = &l, .symbol = symbol_text, .insn = insn_add};
	NP_TRY(np_machine_disasm(code->start, bytes, got, &callbacks));
	np_set_str(n, "tier", tier ? tier : "builtin");
	np_set_addr(n, "start", code->start);
	np_set_bytes(n, "size_bytes", code->size_bytes);
	np_set_addr(n, "code", code->addr | 1);
	np_set_node(n, "instructions", l.instructions);
	np_set_node(n, "_lines", l.lines);
	*ret = n;
	return NULL;
}

/* What an address stands for: function, shared function, bytecode, code or a pc. */
struct subject {
	np_addr shared, bytecode, pc;
	struct np_code_object code;
	bool has_code;
};

static np_err *subject_find(np_v8 *v8, const char *arg, np_arena *arena, struct subject *s)
{
	np_tagged t;
	double number;
	bool is_double;
	const struct np_code_object *found;
	struct np_shared shared;
	NP_TRY(np_address_resolve(v8, arg, arena, &t, &number, &is_double));
	if (is_double)
		return np_err_new(NP_EUSAGE, "%s is a number", arg);
	np_addr at = np_ref(t);
	switch (np_kind_at(v8, at)) {
	case NP_KIND_JS_FUNCTION:
		np_function_shared(v8, at, &s->shared);
		if (np_field(v8, at, NP_F_JSFunction_code, &t) && np_is_ref(t))
			s->has_code = np_code_load(v8, np_ref(t), &s->code);
		break;
	case NP_KIND_SHARED_FUNCTION_INFO:
		s->shared = at;
		break;
	case NP_KIND_BYTECODE_ARRAY:
		s->bytecode = at;
		break;
	case NP_KIND_CODE:
		s->has_code = np_code_load(v8, at, &s->code);
		break;
	default:
		if (!np_code_at_pc(v8, t.raw, &found))
			return np_err_new(NP_EUSAGE, "%s is neither a function, bytecode, code nor a pc in JIT code", arg);
		s->code = *found;
		s->pc = t.raw;
		s->has_code = true;
	}
	if (s->has_code && (s->code.kind == NP_CODE_BUILTIN || s->code.kind == NP_CODE_STUB) && s->shared)
		s->has_code = false; /* the trampoline that every interpreted function has */
	if (s->has_code && !s->shared)
		np_code_shared(v8, &s->code, &s->shared);
	if (!s->has_code && s->shared && np_field(v8, s->shared, NP_F_SharedFunctionInfo_code, &t) && np_is_ref(t))
		s->has_code = np_code_load(v8, np_ref(t), &s->code) && s->code.kind == NP_CODE_FULL;
	if (s->shared && !np_err_drop(np_shared_load(v8, s->shared, arena, &shared)))
		s->bytecode = shared.bytecode;
	if (!s->bytecode && s->has_code && s->code.kind == NP_CODE_BASELINE)
		np_bytecode_array_of(v8, s->code.addr, &s->bytecode);
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	np_v8 *v8 = inv->session->v8;
	struct subject s = {0};
	struct np_shared shared;
	const struct np_script *script = NULL;
	bool only_bytecode = np_opt_flag(inv, "bytecode"), only_machine = np_opt_flag(inv, "machine");
	int line, column;
	NP_TRY(subject_find(v8, inv->args[0], inv->arena, &s));
	np_node *n = inv->result = np_obj(inv->arena, &disasm_shape), *part = NULL;
	np_set_str(n, "_place", "");
	if (s.shared && !np_err_drop(np_shared_load(v8, s.shared, inv->arena, &shared))) {
		const char *name = np_shared_debug_name(v8, &shared, inv->arena);
		np_set_str(n, "name", *name ? name : "<anonymous>");
		if (shared.script && !np_err_drop(np_script_load(v8, shared.script, &script)) &&
		    np_script_line_column(script, shared.start, &line, &column)) {
			np_set_str(n, "file", script->name);
			np_set_int(n, "line", line);
			np_set_str(n, "_place",
				   np_arena_printf(inv->arena, "%s:%d:%d", script->name ? script->name : "<anonymous>", line,
						   column));
		}
	}
	bool any = false;
	if (s.bytecode && !only_machine) {
		NP_TRY(bytecode_node(inv, script, s.bytecode, &part));
		np_set_node(n, "bytecode", part);
		any = true;
	}
	if (s.has_code && !only_bytecode) {
		NP_TRY(machine_node(inv, script, &s.code, s.pc, s.shared, &part));
		np_set_node(n, "machine", part);
		any = true;
	}
	if (!any)
		return np_err_new(NP_ENOTFOUND, "%s has no %s here%s", inv->args[0],
				  only_machine ? "machine code" : "bytecode",
				  only_machine ? ": give the `code` or `pc` of a frame that `stack --json` or `stack --addresses` shows"
					       : "");
	return NULL;
}

const struct np_command np_cmd_disasm = {
	.name = "disasm",
	.group = "Look at one moment",
	.arguments = "ADDR",
	.min_args = 1,
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_STOP,
	.summary = "bytecode and machine code of a function, annotated with source lines",
	.help = "ADDR is a function, a SharedFunctionInfo, a BytecodeArray, a Code object, or a pc in JIT code. From Node 24\n"
		"on a function does not lead to its machine code: give the pc or code of one of its frames.",
	.options = options,
	.examples = examples,
	.run = run,
};

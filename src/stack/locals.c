/*
 * Local variables: interpreter registers (or the stack slots of full-codegen
 * frames) by name, then variables of the context chain.
 */
#include <string.h>

#include "stack/walk.h"
#include "v8/context.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/names.h"
#include "v8/scopeinfo.h"
#include "v8/script.h"
#include "v8/string.h"

typedef NP_VEC(struct np_local) local_vec;

enum { CLOSURE_MAX = 32 };

static void add_registers(struct walker *w, struct np_frame *f, const struct np_step_frame *raw, local_vec *out)
{
	const np_layout *l = w->v8->layout;
	struct np_bytecode_array b;
	struct np_register_names names = {0};
	if (!np_has(l, NP_F_frame_register0) || !f->bytecode_array ||
	    np_err_drop(np_bytecode_array_load(w->v8, f->bytecode_array, w->arena, &b)))
		return;
	np_register_names(w->v8, f->shared, f->source_offset, w->arena, &names);
	for (size_t i = 0; i < names.count; i++) {
		np_tagged value;
		if ((int32_t)names.names[i].index >= b.register_count ||
		    !np_tagged_at(w->v8,
				  raw->fp + (np_addr)(int64_t)np_get(l, NP_F_frame_register0) - 8ull * names.names[i].index,
				  &value))
			continue;
		np_vec_push(out, (struct np_local){.name = names.names[i].name,
						   .value = value,
						   .is_register = true,
						   .trusted = names.names[i].trusted});
	}
}

/* Full-codegen: stack locals from fp - 24 downwards, in ScopeInfo order. */
static void add_stack_locals(struct walker *w, struct np_frame *f, const struct np_step_frame *raw, local_vec *out)
{
	const np_layout *l = w->v8->layout;
	struct np_shared shared;
	struct np_scope_info info;
	if (!np_has(l, NP_F_frame_expression0) || np_err_drop(np_shared_load(w->v8, f->shared, w->arena, &shared)) ||
	    !shared.scope_info || np_err_drop(np_scope_info_load(w->v8, shared.scope_info, w->arena, &info)))
		return;
	int32_t first = info.stack_first_slot > 0 ? info.stack_first_slot : 0;
	for (uint32_t i = 0; i < info.stack_count; i++) {
		np_tagged value;
		const char *name = info.stack_names[i] ? np_string_utf8(w->v8, info.stack_names[i], NP_NAME_MAX, w->arena)
						       : NULL;
		if (!name || !*name || *name == '.' ||
		    !np_tagged_at(w->v8,
				  raw->fp + (np_addr)(int64_t)np_get(l, NP_F_frame_expression0) -
					  8ull * (np_addr)(first + (int32_t)i),
				  &value))
			continue;
		np_vec_push(out, (struct np_local){.name = name, .value = value, .trusted = true});
	}
}

static bool is_word(uint16_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c >= 0x80;
}

/* Does the text of the function name this variable (as a word, ASCII names only)? */
static bool text_names(const struct np_script *script, const struct np_shared *s, const char *name)
{
	size_t n = strlen(name), end = (size_t)s->end < script->text.len ? (size_t)s->end : script->text.len;
	if (!n || s->start < 0 || end < n)
		return false;
	for (size_t at = (size_t)s->start; at + n <= end; at++) {
		size_t k = 0;
		while (k < n && np_char_at(&script->text, at + k) == (uint8_t)name[k])
			k++;
		if (k == n && (at == 0 || !is_word(np_char_at(&script->text, at - 1))) &&
		    (at + n >= script->text.len || !is_word(np_char_at(&script->text, at + n))))
			return true;
	}
	return false;
}

static bool is_hidden(const char *name)
{
	return *name == '.' || strcmp(name, "this") == 0 || strcmp(name, "(unnamed)") == 0;
}

/*
 * Context variables: all of the running function's own contexts (its block
 * contexts first), and of the enclosing functions' those that its text names.
 */
static void add_context(struct walker *w, struct np_frame *f, local_vec *out)
{
	struct np_shared shared;
	struct np_context c;
	const struct np_script *script = NULL;
	np_addr at = f->context;
	size_t outer = 0;
	bool inside = true; /* still in the running function */
	if (np_err_drop(np_shared_load(w->v8, f->shared, w->arena, &shared)))
		return;
	if (!shared.script || np_err_drop(np_script_load(w->v8, shared.script, &script)) || !script->has_text)
		script = NULL;
	for (int depth = 0; at && depth < 64; depth++) {
		if (np_err_drop(np_context_load(w->v8, at, w->arena, &c)) || c.is_native ||
		    (!c.scope_info && c.info.type != NP_SCOPE_CATCH))
			return;
		bool own = shared.scope_info && c.scope_info == shared.scope_info;
		if (!own && (c.info.type == NP_SCOPE_FUNCTION || c.info.type == NP_SCOPE_SCRIPT ||
			     c.info.type == NP_SCOPE_MODULE || c.info.type == NP_SCOPE_EVAL))
			inside = false;
		for (size_t i = 0; i < c.variable_count && outer < CLOSURE_MAX; i++) {
			const char *name = c.variables[i].name;
			if (is_hidden(name) || (!inside && (!script || !text_names(script, &shared, name))))
				continue;
			outer += !inside;
			np_vec_push(out, (struct np_local){.name = name,
							   .value = c.variables[i].value,
							   .is_number = c.variables[i].is_number,
							   .number = c.variables[i].number,
							   .is_context = true,
							   .is_closure = !inside,
							   .trusted = true});
		}
		if (own)
			inside = false;
		at = c.previous;
	}
}

void np_frame_locals(struct walker *w, struct np_frame *f, const struct np_step_frame *raw)
{
	local_vec out = {0};
	if (f->kind != NP_FRAME_JS || !f->shared)
		return;
	f->has_locals = true;
	/* what optimised code keeps in its own places was found with the frame (inlined.c) */
	for (size_t i = 0; i < f->local_count; i++)
		np_vec_push(&out, f->locals[i]);
	if (f->tier && strcmp(f->tier, "full-codegen") == 0)
		add_stack_locals(w, f, raw, &out);
	else if (f->tier && (strcmp(f->tier, "interpreted") == 0 || strcmp(f->tier, "baseline") == 0))
		add_registers(w, f, raw, &out);
	if (f->context)
		add_context(w, f, &out);
	f->locals = np_arena_memdup(w->arena, out.data, out.len * sizeof(*out.data));
	f->local_count = out.len;
	np_vec_deinit(&out);
}

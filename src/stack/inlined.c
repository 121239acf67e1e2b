/*
 * Functions that optimised code stands for: what its deoptimisation data says
 * of their receivers, arguments and locals, put into frames.
 */
#include "stack/walk.h"
#include "v8/inlined.h"
#include "v8/names.h"
#include "v8/position.h"
#include "v8/translation.h"

static np_tagged inlined_word(const struct np_inlined_value *v)
{
	return v->kind == NP_INLINED_TAGGED ? v->tagged : (np_tagged){0};
}

void np_inlined_args(struct walker *w, struct np_frame *f, const struct np_inlined_frame *in)
{
	if (!in->has_values || !w->options->args)
		return;
	f->has_args = true;
	f->receiver = inlined_word(&in->receiver);
	size_t n = in->arg_count > in->declared_count ? in->arg_count : in->declared_count;
	f->args = NP_NEW_ARRAY(w->arena, struct np_arg, n);
	f->arg_count = n;
	for (size_t i = 0; i < n; i++)
		f->args[i].declared = i < in->declared_count;
	for (size_t i = 0; i < in->arg_count; i++) {
		const struct np_inlined_value *v = &in->args[i];
		f->args[i] = (struct np_arg){.passed = true,
					     .declared = i < in->declared_count,
					     .value = inlined_word(v),
					     .is_number = v->kind == NP_INLINED_NUMBER,
					     .is_boolean = v->kind == NP_INLINED_BOOLEAN,
					     .number = v->number,
					     .lost = v->kind == NP_INLINED_NONE};
	}
	np_arg_names(w, f);
}

/* Registers by the names of the variables that they hold. */
void np_inlined_locals(struct walker *w, struct np_frame *f, const struct np_inlined_frame *in)
{
	struct np_register_names names = {0};
	if (!in->has_values || !w->options->locals)
		return;
	np_register_names(w->v8, f->shared, f->source_offset, w->arena, &names);
	struct np_local *locals = NP_NEW_ARRAY(w->arena, struct np_local, names.count);
	size_t n = 0;
	for (size_t i = 0; i < names.count; i++) {
		if (names.names[i].index >= in->local_count)
			continue;
		const struct np_inlined_value *v = &in->locals[names.names[i].index];
		locals[n++] = (struct np_local){.name = names.names[i].name,
						.value = inlined_word(v),
						.is_register = true,
						.trusted = names.names[i].trusted,
						.is_number = v->kind == NP_INLINED_NUMBER,
						.is_boolean = v->kind == NP_INLINED_BOOLEAN,
						.number = v->number,
						.lost = v->kind == NP_INLINED_NONE};
	}
	f->locals = locals;
	f->local_count = n;
}

/* The functions with code of their own, without what builtins do between them. */
static bool same_functions(const struct np_inlined_frames *found, const struct np_inline_position *at, size_t n)
{
	for (size_t i = 0; i < found->len; i++) {
		if (found->frames[i].is_builtin)
			continue;
		if (n == 0 || at[n - 1].shared != found->frames[i].shared)
			return false;
		n--;
	}
	return n == 0;
}

bool np_inlined_find(struct walker *w, const struct np_frame *f, const struct np_code_object *code,
		     const struct np_inline_position *at, size_t n, struct np_inlined_frames *ret)
{
	if (np_err_drop(np_translation_frames(w->v8, code, (uint32_t)(f->pc - code->start), f->fp, w->arena, ret)) ||
	    ret->frames[0].is_builtin || (f->shared && ret->frames[0].shared != f->shared))
		return false;
	return n == 0 || same_functions(ret, at, n);
}

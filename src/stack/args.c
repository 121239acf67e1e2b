/*
 * Arguments of JavaScript frames.
 *
 * From 9.4 on (args_reversed): fp + 16 receiver, fp + 24 + 8 i argument i, and
 * the frame's argc slot has the count that was really passed.
 *
 * Before: arguments were pushed left to right, so argument i of n lies at
 * fp + 16 + 8 (n - 1 - i) and the receiver above them; n is the declared
 * count.  When the caller passed another number, an arguments adaptor frame
 * lies below with what was really passed.
 */
#include "stack/walk.h"
#include "v8/array.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/names.h"

enum { ARGS_MAX = 4096, ADAPTOR_LENGTH_SLOT = -24 };

static np_tagged arg_word(struct walker *w, np_addr at)
{
	np_tagged t = {0};
	np_tagged_at(w->v8, at, &t);
	return t;
}

void np_arg_names(struct walker *w, struct np_frame *f)
{
	struct np_param_names names = {0};
	np_param_names(w->v8, f->shared, w->arena, &names);
	for (size_t i = 0; i < names.count && i < f->arg_count; i++) {
		if (!f->args[i].declared && !names.params[i].is_rest)
			continue;
		f->args[i].name = names.params[i].name;
		f->args[i].is_rest = names.params[i].is_rest;
	}
}

/* Lays declared and passed arguments side by side. first(i) = address of passed argument i. */
static void args_fill(struct walker *w, struct np_frame *f, int32_t formal, size_t passed, np_addr first, int64_t stride)
{
	size_t declared = formal > 0 ? (size_t)formal : 0;
	if (declared > ARGS_MAX)
		declared = ARGS_MAX;
	if (passed > ARGS_MAX) {
		passed = ARGS_MAX;
		f->note = "only the first 4096 arguments are shown";
	}
	size_t n = passed > declared ? passed : declared;
	f->args = NP_NEW_ARRAY(w->arena, struct np_arg, n);
	f->arg_count = n;
	f->has_args = true;
	for (size_t i = 0; i < n; i++) {
		struct np_arg *a = &f->args[i];
		a->declared = i < declared;
		a->passed = i < passed;
		if (a->passed)
			a->value = arg_word(w, first + (np_addr)((int64_t)i * stride));
	}
	np_arg_names(w, f);
}

void np_frame_args(struct walker *w, struct np_frame *f, const struct np_step_frame *raw)
{
	const np_layout *l = w->v8->layout;
	struct np_shared shared;
	if (!f->shared || np_err_drop(np_shared_load(w->v8, f->shared, w->arena, &shared)))
		return;
	np_addr base = raw->fp + (np_addr)(int64_t)(np_has(l, NP_F_frame_args) ? np_get(l, NP_F_frame_args) : 16);
	if (np_get(l, NP_F_frame_args_reversed) == 1) {
		uint64_t argc;
		if (!np_has(l, NP_F_frame_argc) ||
		    !np_mem_u64(w->v8->mem, raw->fp + (np_addr)(int64_t)np_get(l, NP_F_frame_argc), &argc))
			return;
		if (np_get(l, NP_F_frame_argc_includes_receiver) == 1 && argc > 0)
			argc--;
		if (argc > 1 << 20)
			return;
		f->receiver = arg_word(w, base);
		args_fill(w, f, shared.formal_count, (size_t)argc, base + 8, 8);
		return;
	}
	size_t n = shared.formal_count > 0 ? (size_t)shared.formal_count : 0;
	uint64_t argc;
	/* Builtins that take what comes have no adaptor: their frame keeps the count, raw or as a Smi. */
	if (shared.formal_count < 0 && f->kind == NP_FRAME_BUILTIN &&
	    np_mem_u64(w->v8->mem, raw->fp + (np_addr)(int64_t)ADAPTOR_LENGTH_SLOT, &argc)) {
		if (argc >> 32 && !(argc & 0xffffffff))
			argc >>= 32;
		n = argc < ARGS_MAX ? (size_t)argc : 0;
	}
	f->receiver = arg_word(w, base + 8 * n);
	args_fill(w, f, shared.formal_count, n, base + 8 * (n ? n - 1 : 0), -8);
}

void np_frame_args_adapted(struct walker *w, struct np_frame *f, np_addr adaptor_fp)
{
	struct np_shared shared;
	int32_t n;
	if (!f->has_args || !np_smi_at(w->v8, adaptor_fp + (np_addr)(int64_t)ADAPTOR_LENGTH_SLOT, &n) || n < 0 ||
	    n > 1 << 20 || np_err_drop(np_shared_load(w->v8, f->shared, w->arena, &shared)))
		return;
	np_addr base = adaptor_fp + 16;
	f->receiver = arg_word(w, base + 8 * (np_addr)n);
	args_fill(w, f, shared.formal_count, (size_t)n, base + 8 * (np_addr)(n ? n - 1 : 0), -8);
}

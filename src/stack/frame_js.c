/*
 * JavaScript frames: tier from the pc, position from the tier's own table,
 * inlined functions expanded.
 */
#include <string.h>

#include "stack/walk.h"
#include "v8/array.h"
#include "v8/call_name.h"
#include "v8/deopt_sites.h"
#include "v8/fullcodegen.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/position.h"
#include "v8/script.h"
#include "v8/translation.h"

enum { INLINED_MAX = 65 };

void np_frame_place(struct walker *w, struct np_frame *f)
{
	struct np_shared shared;
	const struct np_script *script;
	if (!f->shared || np_err_drop(np_shared_load(w->v8, f->shared, w->arena, &shared)))
		return;
	f->script = shared.script;
	f->is_toplevel = shared.is_toplevel;
	if (!f->name)
		f->name = np_shared_debug_name(w->v8, &shared, w->arena);
	if (!shared.script) {
		if (f->kind == NP_FRAME_JS)
			f->kind = NP_FRAME_BUILTIN;
		f->position = NP_POSITION_NONE;
		return;
	}
	if (np_err_drop(np_script_load(w->v8, shared.script, &script)))
		return;
	f->file = script->name;
	f->eval_origin = np_eval_origin(w->v8, script, w->arena);
	f->is_eval = script->eval_from != 0;
	int32_t at = f->source_offset;
	if (at < 0) {
		at = shared.token >= 0 ? shared.token : shared.start;
		f->position = NP_POSITION_DEFINITION;
	}
	if (!np_script_line_column(script, at, &f->line, &f->column))
		f->position = NP_POSITION_NONE;
}

static void push_js(struct walker *w, struct np_frame f)
{
	f.kind = NP_FRAME_JS;
	if (f.function)
		f.name = np_function_name(w->v8, f.function, w->arena);
	np_frame_place(w, &f);
	if (!f.name || !*f.name)
		f.name = f.is_eval ? "eval" : "";
	if (f.kind == NP_FRAME_BUILTIN)
		f.tier = NULL;
	np_vec_push(&w->frames, f);
}

/* The BytecodeArray and the offset that an interpreter frame keeps; false when the slots hold none. */
static bool bytecode_slots(struct walker *w, np_addr fp, np_addr *array, int32_t *offset)
{
	const np_layout *l = w->v8->layout;
	np_tagged t;
	int32_t raw, bias;
	uint32_t len;
	if (!np_has(l, NP_F_frame_bytecode_array) || !np_has(l, NP_F_frame_bytecode_offset) ||
	    !np_tagged_at(w->v8, fp + (np_addr)(int64_t)np_get(l, NP_F_frame_bytecode_array), &t) || !np_is_ref(t) ||
	    !np_bytecode_array_bounds(w->v8, np_ref(t), &len, &bias))
		return false;
	*array = np_ref(t);
	*offset = -1;
	if (np_smi_at(w->v8, fp + (np_addr)(int64_t)np_get(l, NP_F_frame_bytecode_offset), &raw) && raw >= bias &&
	    (uint32_t)(raw - bias) < len)
		*offset = raw - bias;
	return true;
}

/*
 * The youngest frame interrupted inside a bytecode handler: the frame's slot
 * is as old as the last call; the current offset is in a register, which is
 * believed when the register next to it still holds this BytecodeArray.
 */
static bool handler_offset(struct walker *w, np_addr array, int32_t *offset)
{
	const np_layout *l = w->v8->layout;
	const struct np_regs *r = &w->thread->regs;
	uint32_t len;
	int32_t bias;
	if (!w->in_handler || !np_has(l, NP_F_reg_bytecode_offset) || !np_has(l, NP_F_reg_bytecode_array) ||
	    !np_bytecode_array_bounds(w->v8, array, &len, &bias))
		return false;
	/* V8 numbers registers as the machine does: rax rcx rdx rbx rsp rbp rsi rdi r8... */
	static const uint8_t dwarf_of[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
	uint64_t raw = r->r[dwarf_of[np_get(l, NP_F_reg_bytecode_offset) & 15]];
	if (r->r[dwarf_of[np_get(l, NP_F_reg_bytecode_array) & 15]] != (array | 1) || raw < (uint64_t)bias ||
	    raw - (uint64_t)bias >= len)
		return false;
	*offset = (int32_t)(raw - (uint64_t)bias);
	return true;
}

static void interpreted_frame(struct walker *w, struct np_frame f)
{
	f.tier = "interpreted";
	f.position = NP_POSITION_EXACT;
	if (w->in_handler && !handler_offset(w, f.bytecode_array, &f.bytecode_offset))
		f.position = NP_POSITION_APPROXIMATE;
	if (f.bytecode_offset < 0 ||
	    !np_bytecode_position(w->v8, f.bytecode_array, f.bytecode_offset, &f.source_offset))
		f.source_offset = -1;
	push_js(w, f);
}

static void baseline_frame(struct walker *w, struct np_frame f, const struct np_code_object *code, bool exact)
{
	np_addr slot_array = 0;
	int32_t slot_offset;
	f.tier = "baseline";
	f.position = NP_POSITION_EXACT; /* every pc belongs to one bytecode */
	bytecode_slots(w, f.fp, &slot_array, &slot_offset);
	if (!np_bytecode_array_of(w->v8, code->addr, &f.bytecode_array))
		f.bytecode_array = slot_array;
	if (f.bytecode_array && np_baseline_bytecode_offset(w->v8, code, f.bytecode_array, (uint32_t)(f.pc - code->start) + (exact ? 1 : 0),
							    &f.bytecode_offset))
		np_bytecode_position(w->v8, f.bytecode_array, f.bytecode_offset, &f.source_offset);
	push_js(w, f);
}

static void crankshaft_frames(struct walker *w, struct np_frame f, const struct np_code_object *code, uint32_t look_up,
			      bool exact)
{
	struct np_inlined_frames found;
	if (np_err_drop(np_crankshaft_frames(w->v8, code, look_up, !exact, f.fp, f.function, f.shared, w->arena, &found))) {
		push_js(w, f);
		return;
	}
	for (size_t i = found.len; i-- > 1;) {
		const struct np_inlined_frame *in = &found.frames[i];
		struct np_frame inner = {.tier = f.tier, .inlined = true, .pc = f.pc, .fp = f.fp, .code = f.code,
					 .shared = in->shared, .function = in->function, .source_offset = in->position,
					 .is_constructor = in->is_construct, .bytecode_offset = -1};
		inner.position = in->position_exact ? NP_POSITION_EXACT : NP_POSITION_APPROXIMATE;
		np_inlined_args(w, &inner, in);
		push_js(w, inner);
	}
	f.source_offset = found.frames[0].position;
	f.position = found.frames[0].position_exact ? NP_POSITION_EXACT : NP_POSITION_APPROXIMATE;
	push_js(w, f);
}

/*
 * The functions of a translation.  at[0..n) has places for those that are no
 * builtins, where it is not empty; the translation's own are better: V8 takes
 * those, too, and Maglev's table has the loop's place for a call in a loop.
 */
static void translated_frames(struct walker *w, struct np_frame f, const struct np_inlined_frames *found,
			      const struct np_inline_position *at, size_t n)
{
	size_t next = 0;
	for (size_t i = found->len; i-- > 0;) {
		const struct np_inlined_frame *in = &found->frames[i];
		struct np_frame inner = {.tier = f.tier, .inlined = true, .pc = f.pc, .fp = f.fp, .code = f.code,
					 .shared = in->shared, .function = in->function,
					 .is_constructor = in->is_construct};
		struct np_frame *to = i ? &inner : &f;
		bool from_table = next < n && !in->is_builtin;
		to->source_offset = in->position < 0 && from_table ? at[next].offset : in->position;
		to->bytecode_array = in->bytecode_array;
		to->bytecode_offset = in->bytecode_offset;
		to->position = NP_POSITION_EXACT;
		next += from_table;
		if (in->context.kind == NP_INLINED_TAGGED && np_is_ref(in->context.tagged))
			to->context = np_ref(in->context.tagged);
		if (in->is_builtin && in->receiver.kind == NP_INLINED_TAGGED)
			to->receiver = in->receiver.tagged;
		if (i)
			np_inlined_args(w, to, in);
		np_inlined_locals(w, to, in);
		if (in->has_values && in->context.kind == NP_INLINED_NONE)
			to->note = "its context was optimised away, and the variables in it";
		else if (i && in->has_values && in->receiver.kind == NP_INLINED_NONE)
			to->note = "its receiver was optimised away";
		if (i && w->options->locals && !in->is_builtin)
			np_frame_locals(w, to, NULL);
		push_js(w, *to);
	}
}

/* Interrupted where V8 recorded no position: what the nearest deoptimisation site says. */
static bool frames_near(struct walker *w, struct np_frame f, const struct np_code_object *code, uint32_t look_up)
{
	struct np_inlined_frames found;
	size_t before = w->frames.len;
	if (np_err_drop(np_deopt_site_near(w->v8, code, look_up, w->arena, &found)) ||
	    (f.shared && found.frames[0].shared != f.shared))
		return false;
	translated_frames(w, f, &found, NULL, 0);
	if (w->frames.len > before && w->frames.data[before].position == NP_POSITION_EXACT)
		w->frames.data[before].position = NP_POSITION_APPROXIMATE;
	return true;
}

static void optimized_frames(struct walker *w, struct np_frame f, const struct np_code_object *code, bool exact)
{
	struct np_inline_position at[INLINED_MAX];
	struct np_inlined_frames found;
	uint32_t look_up = (uint32_t)(f.pc - code->start) - (exact ? 0 : 1);
	size_t n;
	uint32_t call;
	int32_t index;
	f.tier = np_code_tier(w->v8, code->kind);
	f.position = exact ? NP_POSITION_APPROXIMATE : NP_POSITION_EXACT;
	if (!exact && np_translation_call(w->v8, code, look_up + 1, &call, &index) && call > 0)
		look_up = call - 1; /* invalidated code returns to a trampoline, which has no position */
	if (np_has(w->v8->layout, NP_F_CodeKind_function)) {
		crankshaft_frames(w, f, code, look_up, exact);
		return;
	}
	n = np_code_positions(w->v8, code, f.shared, look_up, at, INLINED_MAX);
	if (exact && (n == 0 || at[0].offset < 0 || np_positions_are_of_calls(w->v8, code)) && frames_near(w, f, code, look_up))
		return;
	if (!exact && np_inlined_find(w, &f, code, at, n, &found)) {
		translated_frames(w, f, &found, at, n);
		return;
	}
	for (size_t i = 0; i + 1 < n; i++)
		push_js(w, (struct np_frame){.tier = f.tier,
					     /* the place of an inlined call is a constant of the code */
					     .position = i ? NP_POSITION_EXACT : f.position,
					     .inlined = true,
					     .pc = f.pc,
					     .fp = f.fp,
					     .code = f.code,
					     .shared = at[i].shared,
					     .source_offset = at[i].offset,
					     .bytecode_offset = -1});
	if (n) {
		f.source_offset = at[n - 1].offset;
		if (n > 1)
			f.position = NP_POSITION_EXACT;
	}
	push_js(w, f);
}

static void full_frame(struct walker *w, struct np_frame f, const struct np_code_object *code, bool exact)
{
	f.tier = np_code_tier(w->v8, code->kind);
	f.position = exact ? NP_POSITION_APPROXIMATE : NP_POSITION_EXACT;
	if (!np_full_position(w->v8, code, (uint32_t)(f.pc - code->start) - (exact ? 0 : 1), &f.source_offset))
		f.source_offset = -1;
	push_js(w, f);
}

static void builtin_frame(struct walker *w, struct np_frame f, const struct pc_place *place)
{
	f.kind = NP_FRAME_BUILTIN;
	f.position = NP_POSITION_NONE;
	f.name = np_function_name(w->v8, f.function, w->arena);
	if (!f.name || !*f.name)
		f.name = place->builtin ? place->builtin : "";
	np_frame_place(w, &f);
	f.kind = NP_FRAME_BUILTIN;
	np_vec_push(&w->frames, f);
}

/* Was the code of this frame entered by on-stack replacement, in a V8 that then clears the argument slots? */
static bool arguments_are_lost(struct walker *w, const struct np_code_object *code)
{
	const np_layout *l = w->v8->layout;
	np_tagged t;
	uint32_t len;
	return code && code->kind == NP_CODE_OPTIMIZED && np_get(l, NP_F_frame_osr_loses_arguments) == 1 &&
	       np_has(l, NP_F_DeoptData_osr_offset) && np_is_ref(code->deoptimization_data) &&
	       np_array_length(w->v8, np_ref(code->deoptimization_data), &len) &&
	       (uint32_t)np_get(l, NP_F_DeoptData_osr_offset) < len &&
	       np_array_get(w->v8, np_ref(code->deoptimization_data), (uint32_t)np_get(l, NP_F_DeoptData_osr_offset), &t) &&
	       np_is_smi(t) && np_smi_value(t) >= 0;
}

void np_frame_js(struct walker *w, const struct pc_place *place, np_addr pc, bool exact, const struct np_step_frame *raw)
{
	struct np_frame f = {.pc = pc, .fp = raw->fp, .source_offset = -1, .bytecode_offset = -1};
	np_tagged context = {raw->context_word};
	f.function = np_ref((np_tagged){raw->function_word});
	np_function_shared(w->v8, f.function, &f.shared);
	if (np_is_ref(context))
		f.context = np_ref(context);
	size_t before = w->frames.len;
	enum np_code_kind kind = place->kind == PC_CODE ? place->code->kind : NP_CODE_BUILTIN;
	if (place->kind == PC_CODE)
		f.code = place->code->addr;
	switch (kind) {
	case NP_CODE_BASELINE:
		baseline_frame(w, f, place->code, exact);
		break;
	case NP_CODE_MAGLEV:
	case NP_CODE_OPTIMIZED:
		optimized_frames(w, f, place->code, exact);
		break;
	case NP_CODE_FULL:
		full_frame(w, f, place->code, exact);
		break;
	default:
		if (!np_shared_is_builtin(w->v8, f.shared) &&
		    bytecode_slots(w, raw->fp, &f.bytecode_array, &f.bytecode_offset))
			interpreted_frame(w, f);
		else
			builtin_frame(w, f, place);
	}
	w->in_handler = false; /* a handler runs for the youngest frame alone */
	if (w->frames.len == before)
		return;
	struct np_frame *outer = &w->frames.data[w->frames.len - 1];
	if (w->options->args)
		np_frame_args(w, outer, raw);
	if (place->kind == PC_CODE && arguments_are_lost(w, place->code)) {
		outer->receiver.raw = 0;
		outer->receiver_lost = true;
		outer->note = "entered by on-stack replacement: V8 keeps its arguments in registers";
		for (size_t i = 0; i < outer->arg_count; i++)
			outer->args[i].lost = true;
	}
	if (w->options->locals)
		np_frame_locals(w, outer, raw);
}

void np_frame_js_unframed(struct walker *w, const struct pc_place *place, np_addr pc)
{
	struct np_frame f = {.pc = pc, .source_offset = -1, .bytecode_offset = -1, .code = place->code->addr};
	if (!np_code_shared(w->v8, place->code, &f.shared)) {
		np_frame_internal(w, place, pc, 0, NULL);
		return;
	}
	f.tier = np_code_tier(w->v8, place->code->kind);
	f.note = "interrupted before its frame was built";
	push_js(w, f);
}

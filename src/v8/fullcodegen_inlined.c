/*
 * A translation of Crankshaft's deoptimisation data, made into frames.
 *
 * The values of a frame come in the order in which full-codegen code would
 * hold them: closure (4.5 and later), receiver, formal parameters, context
 * (4.5 and later), stack locals, operands.  An arguments adaptor frame before
 * it holds what the call really passed.
 */
#include <math.h>
#include <string.h>

#include "base/vec.h"
#include "v8/array.h"
#include "v8/fullcodegen_impl.h"
#include "v8/map.h"

enum {
	FRAMES_MAX = 256,
	VALUES_MAX = 1 << 16,
	BAILOUTS_MAX = 1 << 18, /* of one function, twice */
	SELF_LITERAL = -239, /* V8's mark for the function of the frame itself (3.x) */
	ENTRY_TRANSLATION = 1, /* slot of a deopt entry */
};

/* Where a value came from: a zapped variable shows as a literal undefined. */
struct value {
	struct np_inlined_value value;
	bool is_literal;
};

struct translator {
	struct np_crankshaft *c;
	struct np_translation_iter it;
	NP_VEC(struct value) values;
	/* the stub frames before the next function: */
	NP_VEC(struct value) adaptor;
	bool has_adaptor, is_construct;
	bool is_call;
	int32_t function_count; /* functions in the translation */
	NP_VEC(struct np_inlined_frame) frames;
};

static np_err *translation_error(const struct np_crankshaft *c)
{
	return np_err_new(NP_EFORMAT, "bad deoptimisation data of the code at 0x%llx",
			  (unsigned long long)c->code->addr);
}

static np_addr slot_address(const struct np_crankshaft *c, int32_t slot)
{
	/* negative slots: the incoming parameters, last one at fp + 16 */
	int64_t offset = slot < 0 ? 8 : np_get(c->v8->layout, NP_F_Translation_slot0);
	return c->fp + (np_addr)(offset - 8 * (int64_t)slot);
}

static np_tagged smi_of(int32_t n)
{
	return (np_tagged){(uint64_t)(uint32_t)n << 32};
}

static struct value number_of(double number)
{
	return (struct value){.value = {.kind = NP_INLINED_NUMBER, .number = number}};
}

static struct value read_value(struct np_crankshaft *c, const struct np_translation_op *op)
{
	const struct np_translation_format *f = &c->format;
	np_mem *mem = c->v8->mem;
	struct value v = {.value = {.kind = NP_INLINED_NONE}};
	np_addr at = slot_address(c, op->operand[0]);
	uint32_t u32;
	uint64_t u64;
	if (op->opcode == f->literal) {
		v.is_literal = true;
		if (op->operand[0] >= 0 && (uint32_t)op->operand[0] < c->literal_count &&
		    np_array_get(c->v8, c->literals, (uint32_t)op->operand[0], &v.value.tagged))
			v.value.kind = NP_INLINED_TAGGED;
	} else if (op->opcode == f->frame_function) {
		if (c->function)
			v.value = (struct np_inlined_value){.kind = NP_INLINED_TAGGED, .tagged = np_tag(c->function)};
	} else if (!c->fp) {
		return v;
	} else if (op->opcode == f->stack_slot) {
		if (np_tagged_at(c->v8, at, &v.value.tagged))
			v.value.kind = NP_INLINED_TAGGED;
	} else if (op->opcode == f->int32_stack_slot) {
		if (np_mem_u32(mem, at, &u32))
			v.value = (struct np_inlined_value){.kind = NP_INLINED_TAGGED, .tagged = smi_of((int32_t)u32)};
	} else if (op->opcode == f->uint32_stack_slot) {
		if (np_mem_u32(mem, at, &u32))
			v = number_of(u32);
	} else if (op->opcode == f->bool_stack_slot) {
		if (np_mem_u32(mem, at, &u32))
			v.value = (struct np_inlined_value){.kind = NP_INLINED_BOOLEAN, .number = u32 != 0};
	} else if (op->opcode == f->double_stack_slot) {
		if (np_mem_u64(mem, at, &u64)) {
			double d;
			memcpy(&d, &u64, sizeof(d));
			v = number_of(d);
		}
	}
	return v;
}

/* Skips the fields of an object that was never allocated, fields of fields included. */
static bool skip_nested(struct translator *t, const struct np_translation_op *op)
{
	const struct np_translation_format *f = &t->c->format;
	struct np_translation_op field = *op;
	uint64_t left = 1;
	for (;;) {
		left--;
		if (field.operand_count > 0 && (f->nested_mask & 1u << field.opcode)) {
			if (field.operand[0] < 0 || field.operand[0] > VALUES_MAX)
				return false;
			left += (uint64_t)field.operand[0];
		}
		if (left == 0)
			return true;
		if (left > VALUES_MAX || !np_translation_next(&t->it, &field) ||
		    np_translation_is_frame(f, field.opcode) || field.opcode == f->begin)
			return false;
	}
}

/* Reads the values up to the next frame; *ret_more: op holds that frame. */
static bool read_values(struct translator *t, struct np_translation_op *op, bool *ret_more)
{
	const struct np_translation_format *f = &t->c->format;
	t->values.len = 0;
	*ret_more = false;
	while (np_translation_next(&t->it, op)) {
		if (t->c->ops_left-- == 0) {
			t->c->ops_left = 0;
			return false;
		}
		if (op->opcode == f->begin)
			return true;
		if (np_translation_is_frame(f, op->opcode)) {
			*ret_more = true;
			return true;
		}
		if (op->opcode == f->duplicate) { /* what follows is a second copy of the value after it */
			if (!np_translation_next(&t->it, op))
				return false;
			continue;
		}
		struct value v = read_value(t->c, op);
		if (!skip_nested(t, op) || t->values.len >= VALUES_MAX)
			return false;
		np_vec_push(&t->values, v);
	}
	return true; /* the last translation ends with the bytes */
}

static bool literal_at(const struct np_crankshaft *c, int32_t id, np_addr *ret)
{
	np_tagged t;
	if (id < 0 || (uint32_t)id >= c->literal_count || !np_array_get(c->v8, c->literals, (uint32_t)id, &t) ||
	    !np_is_ref(t))
		return false;
	*ret = np_ref(t);
	return true;
}

/* The source position of a bailout point, by the function's full-codegen code. */
static int32_t ast_position(struct translator *t, np_addr shared, int32_t ast_id)
{
	struct np_crankshaft *c = t->c;
	np_v8 *v8 = c->v8;
	struct np_code_object code;
	np_tagged ref, id, pc_and_state;
	uint32_t len;
	if (!np_field(v8, shared, NP_F_SharedFunctionInfo_code, &ref) || !np_is_ref(ref) ||
	    !np_code_load(v8, np_ref(ref), &code) || code.kind != NP_CODE_FULL ||
	    !np_is_ref(code.deoptimization_data) || !np_array_length(v8, np_ref(code.deoptimization_data), &len))
		return -1;
	np_addr output = np_ref(code.deoptimization_data);
	for (uint32_t i = 0; i + 1 < len && i < BAILOUTS_MAX; i += 2) {
		if (!np_array_get(v8, output, i, &id) || !np_is_smi(id))
			return -1;
		if (np_smi_value(id) != ast_id)
			continue;
		if (!np_array_get(v8, output, i + 1, &pc_and_state) || !np_is_smi(pc_and_state))
			return -1;
		uint32_t pc = np_deopt_output_pc(np_smi_value(pc_and_state));
		int32_t position;
		/* a function that called another stands after that call; the last one may stand before a check */
		bool called = t->is_call || (int32_t)t->frames.len + 1 < t->function_count;
		if ((called && pc == 0) || !np_full_position(v8, &code, pc - called, &position))
			return -1;
		return position;
	}
	return -1;
}

static struct np_inlined_value variable_value(struct np_crankshaft *c, const struct value *v)
{
	/* A variable that is never read again is replaced by the constant undefined, which says nothing about it. */
	if (v->is_literal && v->value.kind == NP_INLINED_TAGGED && np_is_kind(c->v8, v->value.tagged, NP_KIND_ODDBALL)) {
		const np_layout *l = c->v8->layout;
		np_tagged kind;
		if (np_field(c->v8, np_ref(v->value.tagged), NP_F_Oddball_kind, &kind) && np_is_smi(kind)) {
			int32_t k = np_smi_value(kind);
			if (k != np_get(l, NP_F_Oddball_k_true) && k != np_get(l, NP_F_Oddball_k_false) &&
			    k != np_get(l, NP_F_Oddball_k_null) && k != np_get(l, NP_F_Oddball_k_hole))
				return (struct np_inlined_value){.kind = NP_INLINED_NONE};
		}
	}
	return v->value;
}

static void frame_values(struct translator *t, struct np_inlined_frame *frame, uint32_t formals)
{
	struct np_crankshaft *c = t->c;
	bool modern = np_get(c->v8->layout, NP_F_Translation_has_function_and_context) == 1;
	size_t i = modern;
	if (t->values.len < (size_t)formals + 1 + 2 * modern)
		return;
	frame->has_values = true;
	frame->receiver = t->values.data[i++].value;
	frame->arg_count = frame->declared_count = formals;
	frame->args = NP_NEW_ARRAY(c->arena, struct np_inlined_value, formals);
	for (uint32_t k = 0; k < formals; k++)
		frame->args[k] = variable_value(c, &t->values.data[i++]);
	if (modern)
		frame->context = t->values.data[i++].value;
	frame->local_count = (uint32_t)(t->values.len - i);
	frame->locals = NP_NEW_ARRAY(c->arena, struct np_inlined_value, frame->local_count);
	for (uint32_t k = 0; k < frame->local_count; k++)
		frame->locals[k] = variable_value(c, &t->values.data[i + k]);
	if (!t->has_adaptor || t->adaptor.len < 1u + modern)
		return;
	/* closure and receiver stand before what was passed; parameters live on in the function's own copies */
	size_t first = 1u + modern, passed = t->adaptor.len - first;
	struct np_inlined_value *args = NP_NEW_ARRAY(c->arena, struct np_inlined_value, passed);
	for (size_t k = 0; k < passed; k++)
		args[k] = k < formals && frame->args[k].kind != NP_INLINED_NONE ? frame->args[k]
										: t->adaptor.data[first + k].value;
	frame->args = args;
	frame->arg_count = (uint32_t)passed;
}

static np_err *add_function_frame(struct translator *t, const struct np_translation_op *op)
{
	struct np_crankshaft *c = t->c;
	struct np_inlined_frame frame = {.position = -1, .bytecode_offset = -1, .is_construct = t->is_construct};
	struct np_shared shared;
	np_addr named;
	if (op->operand[1] == SELF_LITERAL)
		named = c->function ? c->function : c->shared;
	else if (!literal_at(c, op->operand[1], &named))
		return translation_error(c);
	/* 3.x name the closure, later versions the SharedFunctionInfo, and the closure is the first value */
	if (np_kind_at(c->v8, named) == NP_KIND_SHARED_FUNCTION_INFO)
		frame.shared = named;
	else if (np_function_shared(c->v8, named, &frame.shared))
		frame.function = named;
	else
		return translation_error(c);
	if (!frame.function && t->values.len > 0 && t->values.data[0].value.kind == NP_INLINED_TAGGED &&
	    np_is_js_function(c->v8, t->values.data[0].value.tagged))
		frame.function = np_ref(t->values.data[0].value.tagged);
	NP_TRY(np_shared_load(c->v8, frame.shared, c->arena, &shared));
	if (op->opcode == c->format.js_frame) {
		frame.position = ast_position(t, frame.shared, op->operand[0]);
		frame.position_exact = t->is_call && frame.position >= 0;
	} else if (shared.bytecode && op->operand[0] > 0) { /* TurboFan code: the operand is the next bytecode's offset */
		if (!np_bytecode_position(c->v8, shared.bytecode, op->operand[0] - 1, &frame.position))
			frame.position = -1;
	}
	if (t->is_call && c->fp) {
		if (shared.formal_count >= 0 && shared.formal_count < VALUES_MAX)
			frame_values(t, &frame, (uint32_t)shared.formal_count);
	}
	if (t->frames.len >= FRAMES_MAX)
		return np_err_new(NP_ELIMIT, "too many inlined functions in the code at 0x%llx",
				  (unsigned long long)c->code->addr);
	np_vec_push(&t->frames, frame);
	t->is_construct = t->has_adaptor = false;
	return NULL;
}

static np_err *translate(struct translator *t)
{
	struct np_crankshaft *c = t->c;
	const struct np_translation_format *f = &c->format;
	struct np_translation_op op, next;
	bool more;
	if (!np_translation_next(&t->it, &op) || op.opcode != f->begin)
		return translation_error(c);
	t->function_count = op.operand[1];
	if (!read_values(t, &op, &more))
		return translation_error(c);
	for (int n = 0; more && n < 2 * FRAMES_MAX; n++) {
		if (!read_values(t, &next, &more))
			return translation_error(c);
		if (op.opcode == f->js_frame || op.opcode == f->interpreted_frame) {
			NP_TRY(add_function_frame(t, &op));
		} else if (op.opcode == f->construct_stub) {
			t->is_construct = true;
		} else if (op.opcode == f->arguments_adaptor) {
			t->has_adaptor = true;
			t->adaptor.len = 0;
			for (size_t i = 0; i < t->values.len; i++)
				np_vec_push(&t->adaptor, t->values.data[i]);
		}
		op = next;
	}
	return t->frames.len ? NULL : translation_error(c);
}

np_err *np_crankshaft_translate(struct np_crankshaft *c, int32_t index, bool is_call, struct np_inlined_frames *ret)
{
	const np_layout *l = c->v8->layout;
	struct translator t = {.c = c, .is_call = is_call};
	np_tagged offset;
	if (index < 0 || (uint32_t)index >= c->deopt_count ||
	    !np_array_get(c->v8, c->deopt_data,
			  (uint32_t)(np_get(l, NP_F_DeoptData_first_entry) +
				     index * np_get(l, NP_F_DeoptData_entry_size) + ENTRY_TRANSLATION),
			  &offset) ||
	    !np_is_smi(offset) || np_smi_value(offset) < 0)
		return translation_error(c);
	np_translation_iter_init(&t.it, c->translations, c->translations_len, (size_t)np_smi_value(offset), &c->format);
	np_err *err = translate(&t);
	if (!err) {
		ret->frames = np_arena_memdup(c->arena, t.frames.data, t.frames.len * sizeof(*t.frames.data));
		ret->len = t.frames.len;
		ret->exact = is_call;
	}
	np_vec_deinit(&t.values);
	np_vec_deinit(&t.adaptor);
	np_vec_deinit(&t.frames);
	return err;
}

/*
 * A translation of TurboFan or Maglev code, made into frames.
 *
 * The values of a JavaScript frame are those of the interpreter's frame:
 * closure, receiver, parameters, context, registers, accumulator.  An
 * arguments frame before it (closure, receiver, arguments) holds what the
 * call passed where that is another number than the function declares.
 */
#include "v8/translation.h"

#include <math.h>
#include <string.h>

#include "base/vec.h"
#include "v8/array.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/position.h"
#include "v8/translation_format.h"
#include "v8/translation_safepoint.h"

enum {
	FRAMES_MAX = 256,
	VALUES_MAX = 1 << 16,
	COMMANDS_MAX = 1 << 18,
	SAFEPOINTS_MAX_BYTES = 1 << 20,
	TRANSLATIONS_MAX_BYTES = 32 << 20,
	ENTRY_TRANSLATION = 1, /* slot of a deopt entry */
	SLOT_0 = 8, /* from fp; slot n stands 8 n lower, negative ones are the incoming parameters */
	PARAMETERS_MAX = 1 << 16,
};

#define HOLE_NAN 0xfff7fffffff7ffffull /* stands for undefined among doubles */

struct translator {
	np_v8 *v8;
	np_arena *arena;
	const struct np_code_object *code;
	np_addr fp, literals;
	uint32_t literal_count;
	uint32_t commands_left;
	struct np_translation_reader reader;
	NP_VEC(struct np_inlined_value) values;
	/* the frames without code of their own before the next function: */
	NP_VEC(struct np_inlined_value) passed;
	bool has_passed, is_construct;
	NP_VEC(struct np_inlined_frame) frames;
};

static np_err *translation_error(const struct translator *t)
{
	return np_err_new(NP_EFORMAT, "bad deoptimisation data of the code at 0x%llx", (unsigned long long)t->code->addr);
}

static struct np_inlined_value number_of(double number)
{
	return (struct np_inlined_value){.kind = NP_INLINED_NUMBER, .number = number};
}

static bool literal_at(const struct translator *t, int32_t id, np_tagged *ret)
{
	return id >= 0 && (uint32_t)id < t->literal_count && np_array_get(t->v8, t->literals, (uint32_t)id, ret);
}

/* Up to 10.2 a value that nothing reads any more is an oddball of its own kind. */
static bool is_value(np_v8 *v8, np_tagged t)
{
	const np_layout *l = v8->layout;
	np_tagged kind;
	if (!np_is_kind(v8, t, NP_KIND_ODDBALL) || !np_field(v8, np_ref(t), NP_F_Oddball_kind, &kind) || !np_is_smi(kind))
		return true;
	int32_t k = np_smi_value(kind);
	return k == np_get(l, NP_F_Oddball_k_true) || k == np_get(l, NP_F_Oddball_k_false) ||
	       k == np_get(l, NP_F_Oddball_k_null) || k == np_get(l, NP_F_Oddball_k_undefined) ||
	       (np_has(l, NP_F_Oddball_k_hole) && k == np_get(l, NP_F_Oddball_k_hole));
}

static struct np_inlined_value tagged_of(struct translator *t, np_tagged word)
{
	struct np_inlined_value v = {.kind = NP_INLINED_NONE};
	if (np_is_weak(word)) /* optimised code holds its literals weakly */
		word = np_tag(np_ref(word));
	if (np_is_ref(word) && (!np_ref(word) || !is_value(t->v8, word)))
		return v;
	v.kind = NP_INLINED_TAGGED;
	v.tagged = word;
	return v;
}

static struct np_inlined_value slot_value(struct translator *t, enum np_translation_kind kind, int32_t slot)
{
	np_addr at = t->fp + (np_addr)(SLOT_0 - 8 * (int64_t)slot);
	struct np_inlined_value none = {.kind = NP_INLINED_NONE};
	uint64_t word;
	uint32_t low;
	double number;
	float single;
	if (!t->fp || !np_mem_u64(t->v8->mem, at, &word))
		return none;
	low = (uint32_t)word;
	memcpy(&number, &word, sizeof(number));
	memcpy(&single, &low, sizeof(single));
	switch (kind) {
	case NP_TRANSLATION_TAGGED_SLOT:
		return tagged_of(t, (np_tagged){word});
	case NP_TRANSLATION_INT32_SLOT:
		return (struct np_inlined_value){.kind = NP_INLINED_TAGGED, .tagged = {(uint64_t)low << 32}};
	case NP_TRANSLATION_UINT32_SLOT:
		return number_of(low);
	case NP_TRANSLATION_INT64_SLOT:
		return number_of((double)(int64_t)word);
	case NP_TRANSLATION_BOOL_SLOT:
		return (struct np_inlined_value){.kind = NP_INLINED_BOOLEAN, .number = low != 0};
	case NP_TRANSLATION_FLOAT_SLOT:
		return number_of(single);
	case NP_TRANSLATION_HOLEY_DOUBLE_SLOT:
		return word == HOLE_NAN ? none : number_of(number);
	case NP_TRANSLATION_DOUBLE_SLOT:
		return number_of(number);
	default:
		return none;
	}
}

static struct np_inlined_value command_value(struct translator *t, const struct np_translation_command *c)
{
	np_tagged word;
	if (c->opcode->kind == NP_TRANSLATION_LITERAL)
		return literal_at(t, c->operand[0], &word) ? tagged_of(t, word)
							   : (struct np_inlined_value){.kind = NP_INLINED_NONE};
	return slot_value(t, c->opcode->kind, c->operand[0]);
}

static bool next_command(struct translator *t, struct np_translation_command *ret)
{
	if (t->commands_left == 0)
		return false;
	t->commands_left--;
	return np_translation_read(&t->reader, ret);
}

/* How many values the fields of this one are. */
static bool field_count(const struct np_translation_command *c, uint64_t *ret)
{
	*ret = 0;
	if (c->opcode->kind == NP_TRANSLATION_STRING_CONCAT)
		*ret = 2;
	if (c->opcode->kind == NP_TRANSLATION_CAPTURED) {
		if (c->operand[0] < 0 || c->operand[0] > VALUES_MAX)
			return false;
		*ret = (uint64_t)c->operand[0];
	}
	return true;
}

/* Skips the fields of an object that was never allocated, fields of fields included. */
static bool skip_fields(struct translator *t, const struct np_translation_command *object)
{
	struct np_translation_command field;
	uint64_t left, more;
	if (!field_count(object, &left))
		return false;
	for (; left; left--) {
		if (!next_command(t, &field) || !np_translation_is_value(field.opcode->kind) || !field_count(&field, &more))
			return false;
		left += more;
	}
	return true;
}

/* Reads the values up to the next frame; *ret_more: c holds that frame. */
static bool read_values(struct translator *t, struct np_translation_command *c, bool *ret_more)
{
	t->values.len = 0;
	*ret_more = false;
	while (next_command(t, c)) {
		enum np_translation_kind kind = c->opcode->kind;
		if (kind == NP_TRANSLATION_BEGIN)
			return true;
		if (np_translation_starts_frame(kind)) {
			*ret_more = true;
			return true;
		}
		if (!np_translation_is_value(kind))
			continue;
		struct np_inlined_value v = command_value(t, c);
		if (t->values.len >= VALUES_MAX || !skip_fields(t, c))
			return false;
		np_vec_push(&t->values, v);
	}
	/* the last translation ends with the bytes */
	return t->commands_left > 0 && t->reader.at == t->reader.len && !t->reader.previous_left;
}

/* Parameters with the receiver and registers; registers -1 when the bytecode is gone. */
static bool frame_shape(struct translator *t, const struct np_shared *shared, uint32_t *parameters, int32_t *registers)
{
	struct np_bytecode_array b;
	*registers = -1;
	if (shared->bytecode && !np_err_drop(np_bytecode_array_load(t->v8, shared->bytecode, t->arena, &b)) &&
	    b.parameter_count > 0) {
		*parameters = (uint32_t)b.parameter_count;
		*registers = b.register_count;
		return b.parameter_count < PARAMETERS_MAX;
	}
	if (shared->formal_count < 0 || shared->formal_count >= PARAMETERS_MAX)
		return false;
	*parameters = (uint32_t)shared->formal_count + 1;
	return true;
}

static void frame_values(struct translator *t, struct np_inlined_frame *f, const struct np_shared *shared)
{
	enum { CLOSURE = 1, CONTEXT = 1, ACCUMULATOR = 1, FIRST_PASSED = 2 };
	uint32_t parameters;
	int32_t registers;
	if (!frame_shape(t, shared, &parameters, &registers) ||
	    t->values.len < (size_t)CLOSURE + parameters + CONTEXT + ACCUMULATOR)
		return;
	size_t rest = t->values.len - (CLOSURE + parameters + CONTEXT + ACCUMULATOR);
	if (registers >= 0 && rest != (size_t)registers)
		return;
	const struct np_inlined_value *v = t->values.data + CLOSURE;
	f->has_values = true;
	f->receiver = *v++;
	f->arg_count = f->declared_count = parameters - 1;
	f->args = np_arena_memdup(t->arena, v, f->arg_count * sizeof(*v));
	v += f->arg_count;
	f->context = *v++;
	f->local_count = (uint32_t)rest;
	f->locals = np_arena_memdup(t->arena, v, rest * sizeof(*v));
	if (!t->has_passed || t->passed.len < FIRST_PASSED)
		return;
	/* parameters live on in the function's own copies */
	size_t passed = t->passed.len - FIRST_PASSED;
	struct np_inlined_value *args = NP_NEW_ARRAY(t->arena, struct np_inlined_value, passed);
	for (size_t i = 0; i < passed; i++)
		args[i] = i < f->arg_count && f->args[i].kind != NP_INLINED_NONE ? f->args[i]
										: t->passed.data[FIRST_PASSED + i];
	f->args = args;
	f->arg_count = (uint32_t)passed;
}

static bool shared_literal(const struct translator *t, int32_t id, np_addr *ret)
{
	np_tagged word;
	if (!literal_at(t, id, &word) || !np_is_ref(word))
		return false;
	np_addr at = np_ref(word);
	if (np_kind_at(t->v8, at) == NP_KIND_SHARED_FUNCTION_INFO) {
		*ret = at;
		return true;
	}
	if (!np_field(t->v8, at, NP_F_SharedFunctionInfoWrapper_shared, &word) ||
	    !np_is_kind(t->v8, word, NP_KIND_SHARED_FUNCTION_INFO))
		return false;
	*ret = np_ref(word);
	return true;
}

static np_err *add_frame(struct translator *t, const struct np_translation_command *c)
{
	struct np_inlined_frame f = {.position = -1, .bytecode_offset = -1, .is_construct = t->is_construct};
	struct np_shared shared;
	f.is_builtin = c->opcode->kind == NP_TRANSLATION_JS_BUILTIN_FRAME;
	if (!shared_literal(t, c->operand[1], &f.shared))
		return translation_error(t);
	if (t->values.len && t->values.data[0].kind == NP_INLINED_TAGGED &&
	    np_is_js_function(t->v8, t->values.data[0].tagged))
		f.function = np_ref(t->values.data[0].tagged);
	/* of a builtin's frame Maglev names the function that calls it */
	if (f.is_builtin && f.function && !np_function_shared(t->v8, f.function, &f.shared))
		return translation_error(t);
	NP_TRY(np_shared_load(t->v8, f.shared, t->arena, &shared));
	if (f.is_builtin) {
		if (t->values.len > 1) /* closure, receiver, what the loop needs */
			f.receiver = t->values.data[1];
	} else {
		f.bytecode_array = shared.bytecode;
		f.bytecode_offset = c->operand[0] >= 0 ? c->operand[0] : -1; /* -1: the function's entry */
		if (f.bytecode_array && f.bytecode_offset >= 0 &&
		    np_bytecode_position(t->v8, f.bytecode_array, f.bytecode_offset, &f.position))
			f.position_exact = true;
		if (t->fp)
			frame_values(t, &f, &shared);
	}
	if (t->frames.len >= FRAMES_MAX)
		return np_err_new(NP_ELIMIT, "too many inlined functions in the code at 0x%llx",
				  (unsigned long long)t->code->addr);
	np_vec_push(&t->frames, f);
	t->is_construct = t->has_passed = false;
	return NULL;
}

static np_err *translate(struct translator *t)
{
	struct np_translation_command c, next;
	bool more;
	if (!next_command(t, &c) || c.opcode->kind != NP_TRANSLATION_BEGIN || !read_values(t, &c, &more))
		return translation_error(t);
	for (int n = 0; more && n < 2 * FRAMES_MAX; n++) {
		if (!read_values(t, &next, &more))
			return translation_error(t);
		switch (c.opcode->kind) {
		case NP_TRANSLATION_JS_FRAME:
		case NP_TRANSLATION_JS_BUILTIN_FRAME:
			NP_TRY(add_frame(t, &c));
			break;
		case NP_TRANSLATION_CONSTRUCT_FRAME:
			t->is_construct = true;
			break;
		case NP_TRANSLATION_ARGUMENTS_FRAME:
			t->has_passed = true;
			t->passed.len = 0;
			for (size_t i = 0; i < t->values.len; i++)
				np_vec_push(&t->passed, t->values.data[i]);
			break;
		default:
			break;
		}
		c = next;
	}
	return t->frames.len && !more ? NULL : translation_error(t);
}

/* Where the safepoint table lies: at an offset that the Code has, or (9.0+) first among the tables behind the code. */
static bool safepoints_address(np_v8 *v8, const struct np_code_object *code, np_addr *ret)
{
	const np_layout *l = v8->layout;
	uint32_t word;
	*ret = code->start + code->size_bytes;
	if (!np_has(l, NP_F_Code_safepoint_table_offset))
		return true;
	if (!np_has(l, NP_F_Code_safepoint_table_shift) || !np_has(l, NP_F_Code_safepoint_table_bits) ||
	    !np_field_u32(v8, code->addr, NP_F_Code_safepoint_table_offset, &word))
		return false;
	uint64_t offset = word >> np_get(l, NP_F_Code_safepoint_table_shift) &
			  ((1ull << np_get(l, NP_F_Code_safepoint_table_bits)) - 1);
	*ret = code->start + offset;
	return offset != 0 && offset < code->size_bytes;
}

bool np_code_safepoints_load(np_v8 *v8, const struct np_code_object *code, np_arena *arena, struct np_code_safepoints *ret)
{
	const np_layout *l = v8->layout;
	bool is_maglev = code->kind == NP_CODE_MAGLEV, is_packed = np_has(l, NP_F_Safepoint_words_before);
	np_addr at;
	if ((is_maglev && !np_has(l, NP_F_Safepoint_maglev_words)) || !safepoints_address(v8, code, &at))
		return false;
	uint8_t *bytes = np_xmalloc(SAFEPOINTS_MAX_BYTES);
	size_t len = np_mem_read(v8->mem, at, bytes, SAFEPOINTS_MAX_BYTES);
	*ret = (struct np_code_safepoints){
		.is_packed = is_packed,
		.packed = {
			.bytes = np_arena_memdup(arena, bytes, len),
			.len = len,
			.words_before = is_packed ? (uint32_t)np_get(l, NP_F_Safepoint_words_before) : 0,
			.words_after = is_maglev ? (uint32_t)np_get(l, NP_F_Safepoint_maglev_words) : 0,
			.is_maglev = is_maglev,
		},
	};
	free(bytes);
	return true;
}

bool np_code_safepoints_find(const struct np_code_safepoints *t, uint32_t return_offset, uint32_t *ret_pc,
			     int32_t *ret_index)
{
	if (t->is_packed)
		return np_packed_safepoint_find(&t->packed, return_offset, ret_pc, ret_index);
	return np_wide_safepoint_find(t->packed.bytes, t->packed.len, return_offset, ret_pc, ret_index);
}

bool np_code_safepoints_pc(const struct np_code_safepoints *t, uint32_t i, uint32_t *ret_pc)
{
	return t->is_packed ? np_packed_safepoint_pc(&t->packed, i, ret_pc)
			    : np_wide_safepoint_pc(t->packed.bytes, t->packed.len, i, ret_pc);
}

bool np_translation_call(np_v8 *v8, const struct np_code_object *code, uint32_t return_offset, uint32_t *ret_pc,
			 int32_t *ret_index)
{
	const struct np_translation_table *known;
	struct np_code_safepoints table;
	if (np_err_drop(np_translation_table_for(v8->layout->version.major, v8->layout->version.minor, &known)))
		return false;
	np_arena *scratch = np_arena_create();
	bool ok = np_code_safepoints_load(v8, code, scratch, &table) &&
		  np_code_safepoints_find(&table, return_offset, ret_pc, ret_index);
	np_arena_destroy(scratch);
	return ok;
}

/* Where the translation of a deopt index begins. */
static np_err *find_entry(struct translator *t, np_addr data, uint32_t len, int32_t index, size_t *ret)
{
	const np_layout *l = t->v8->layout;
	uint64_t first = (uint32_t)np_get(l, NP_F_DeoptData_first_entry), size = (uint32_t)np_get(l, NP_F_DeoptData_entry_size);
	np_tagged word;
	uint64_t at = first + (uint32_t)index * size + ENTRY_TRANSLATION;
	if (index < 0 || at >= len || !np_array_get(t->v8, data, (uint32_t)at, &word) || !np_is_smi(word) ||
	    np_smi_value(word) < 0)
		return translation_error(t);
	*ret = (size_t)np_smi_value(word);
	return NULL;
}

static np_err *array_slot(struct translator *t, np_addr data, uint32_t len, enum np_fact fact, np_addr *ret)
{
	np_tagged word;
	NP_TRY(np_need(t->v8->layout, fact));
	uint32_t i = (uint32_t)np_get(t->v8->layout, fact);
	if (i >= len || !np_array_get(t->v8, data, i, &word) || !np_is_ref(word))
		return translation_error(t);
	*ret = np_ref(word);
	return NULL;
}

static np_err *translator_load(struct translator *t, int32_t index)
{
	np_v8 *v8 = t->v8;
	const np_layout *l = v8->layout;
	const struct np_translation_table *table;
	np_addr data = np_ref(t->code->deoptimization_data), translations;
	const uint8_t *bytes;
	size_t bytes_len, at = 0;
	uint32_t len;
	NP_TRY(np_translation_table_for(l->version.major, l->version.minor, &table));
	NP_TRY(np_need(l, NP_F_DeoptData_first_entry));
	NP_TRY(np_need(l, NP_F_DeoptData_entry_size));
	if (!np_is_ref(t->code->deoptimization_data) || !np_array_length(v8, data, &len))
		return translation_error(t);
	NP_TRY(find_entry(t, data, len, index, &at));
	NP_TRY(array_slot(t, data, len, NP_F_DeoptData_translations, &translations));
	NP_TRY(array_slot(t, data, len, NP_F_DeoptData_literals, &t->literals));
	NP_TRY(np_byte_array_read(v8, translations, TRANSLATIONS_MAX_BYTES, t->arena, &bytes, &bytes_len));
	if (!np_array_length(v8, t->literals, &t->literal_count) || at >= bytes_len)
		return translation_error(t);
	np_translation_reader_init(&t->reader, table, bytes, bytes_len, at);
	return NULL;
}

static np_err *frames_at(np_v8 *v8, const struct np_code_object *code, int32_t index, np_addr fp, np_arena *arena,
			 struct np_inlined_frames *ret)
{
	struct translator t = {.v8 = v8, .arena = arena, .code = code, .fp = fp, .commands_left = COMMANDS_MAX};
	np_err *err = translator_load(&t, index);
	if (!err)
		err = translate(&t);
	if (!err) {
		ret->frames = np_arena_memdup(arena, t.frames.data, t.frames.len * sizeof(*t.frames.data));
		ret->len = t.frames.len;
		ret->exact = fp != 0;
	}
	np_vec_deinit(&t.values);
	np_vec_deinit(&t.passed);
	np_vec_deinit(&t.frames);
	return err;
}

np_err *np_translation_frames(np_v8 *v8, const struct np_code_object *code, uint32_t return_offset, np_addr fp,
			      np_arena *arena, struct np_inlined_frames *ret)
{
	const struct np_translation_table *table;
	uint32_t pc;
	int32_t index;
	NP_TRY(np_translation_table_for(v8->layout->version.major, v8->layout->version.minor, &table));
	if (!np_translation_call(v8, code, return_offset, &pc, &index))
		return np_err_new(NP_ENOTFOUND, "no deoptimisation point at +%u of the code at 0x%llx", return_offset,
				  (unsigned long long)code->addr);
	return frames_at(v8, code, index, fp, arena, ret);
}

np_err *np_translation_frames_at(np_v8 *v8, const struct np_code_object *code, int32_t index, np_arena *arena,
				 struct np_inlined_frames *ret)
{
	return frames_at(v8, code, index, 0, arena, ret);
}

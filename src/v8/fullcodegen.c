#include "v8/fullcodegen.h"

#include "v8/array.h"
#include "v8/fullcodegen_impl.h"
#include "v8/map.h"

enum {
	RELOC_MAX_BYTES = 16 << 20,
	SAFEPOINTS_MAX_BYTES = 16 << 20,
	TRANSLATIONS_MAX_BYTES = 64 << 20,
	DEOPT_ENTRIES_MAX = 1 << 20,
	TRANSLATION_OPS_MAX = 4 << 20,
};

static int fact_or(const np_layout *l, enum np_fact fact, int otherwise)
{
	return np_has(l, fact) ? np_get(l, fact) : otherwise;
}

bool np_reloc_format_of(const np_layout *l, struct np_reloc_format *ret)
{
	if (!np_has(l, NP_F_Reloc_mode_in_tag) || !np_has(l, NP_F_Code_relocation_info))
		return false;
	*ret = (struct np_reloc_format){
		.mode_in_tag = np_get(l, NP_F_Reloc_mode_in_tag) == 1,
		.pool_top = fact_or(l, NP_F_Reloc_pool_top, -1),
		.runtime_entry = fact_or(l, NP_F_Reloc_runtime_entry, -1),
		.comment = fact_or(l, NP_F_Reloc_comment, -1),
		.position = fact_or(l, NP_F_Reloc_position, -1),
		.statement_position = fact_or(l, NP_F_Reloc_statement_position, -1),
		.pc_jump = fact_or(l, NP_F_Reloc_pc_jump, -1),
		.int_data_mask = (uint32_t)fact_or(l, NP_F_Reloc_int_data_mask, 0),
	};
	return true;
}

np_err *np_reloc_read(np_v8 *v8, const struct np_code_object *code, np_arena *arena, const uint8_t **ret,
		      size_t *ret_len)
{
	np_tagged t;
	if (!np_field(v8, code->addr, NP_F_Code_relocation_info, &t) || !np_is_ref(t))
		return np_err_new(NP_EFORMAT, "code at 0x%llx has no relocation info", (unsigned long long)code->addr);
	return np_byte_array_read(v8, np_ref(t), RELOC_MAX_BYTES, arena, ret, ret_len);
}

static bool position_by_reloc(np_v8 *v8, const struct np_code_object *code, const struct np_reloc_format *format,
			      uint32_t look_up, int32_t *ret)
{
	np_arena *scratch = np_arena_create();
	const uint8_t *reloc;
	size_t len;
	bool statement, ok = false;
	if (!np_err_drop(np_reloc_read(v8, code, scratch, &reloc, &len)))
		ok = np_reloc_position(reloc, len, format, look_up, ret, &statement);
	np_arena_destroy(scratch);
	return ok;
}

/* 5.4 to 5.8: code has a source position table like bytecode. */
static bool position_by_table(np_v8 *v8, const struct np_code_object *code, uint32_t look_up, int32_t *ret)
{
	struct np_inline_position at;
	/* the code's own function is not asked for: any non-zero address stands for it */
	if (np_code_positions(v8, code, code->addr, look_up, &at, 1) != 1 || at.shared != code->addr)
		return false;
	/* 5.4, 5.5: no field for inlining, and the offset is not biased by one */
	if (np_get(v8->layout, NP_F_position_is_plain) == 1)
		at.offset++;
	if (at.offset < 0)
		return false;
	*ret = at.offset;
	return true;
}

bool np_full_position(np_v8 *v8, const struct np_code_object *code, uint32_t look_up, int32_t *ret)
{
	struct np_reloc_format format;
	if (np_reloc_format_of(v8->layout, &format) && np_reloc_has_positions(&format))
		return position_by_reloc(v8, code, &format, look_up, ret);
	return position_by_table(v8, code, look_up, ret);
}

bool np_full_stored_position(np_v8 *v8, const struct np_code_object *code, int32_t offset, int32_t *ret)
{
	const np_layout *l = v8->layout;
	int64_t at = offset;
	if (np_get(l, NP_F_Code_stored_offset_from_object) == 1)
		at -= (int64_t)(code->start - code->addr);
	return at > 0 && np_full_position(v8, code, (uint32_t)(at - 1), ret);
}

static np_err *translation_format(const np_layout *l, struct np_translation_format *ret)
{
	NP_TRY(np_need(l, NP_F_Translation_opcode_count));
	NP_TRY(np_need(l, NP_F_Translation_js_frame));
	NP_TRY(np_need(l, NP_F_Translation_slot0));
	*ret = (struct np_translation_format){
		.opcode_count = np_get(l, NP_F_Translation_opcode_count),
		.no_operand_mask = (uint32_t)fact_or(l, NP_F_Translation_no_operand_mask, 0),
		.two_operand_mask = (uint32_t)fact_or(l, NP_F_Translation_two_operand_mask, 0),
		.three_operand_mask = (uint32_t)fact_or(l, NP_F_Translation_three_operand_mask, 0),
		.nested_mask = (uint32_t)fact_or(l, NP_F_Translation_nested_mask, 0),
		.begin = 0,
		.js_frame = np_get(l, NP_F_Translation_js_frame),
		.interpreted_frame = fact_or(l, NP_F_Translation_interpreted_frame, -1),
		.construct_stub = fact_or(l, NP_F_Translation_construct_stub, -1),
		.getter_stub = fact_or(l, NP_F_Translation_getter_stub, -1),
		.setter_stub = fact_or(l, NP_F_Translation_setter_stub, -1),
		.arguments_adaptor = fact_or(l, NP_F_Translation_arguments_adaptor, -1),
		.tail_caller = fact_or(l, NP_F_Translation_tail_caller, -1),
		.compiled_stub = fact_or(l, NP_F_Translation_compiled_stub, -1),
		.stack_slot = fact_or(l, NP_F_Translation_stack_slot, -1),
		.int32_stack_slot = fact_or(l, NP_F_Translation_int32_stack_slot, -1),
		.uint32_stack_slot = fact_or(l, NP_F_Translation_uint32_stack_slot, -1),
		.bool_stack_slot = fact_or(l, NP_F_Translation_bool_stack_slot, -1),
		.double_stack_slot = fact_or(l, NP_F_Translation_double_stack_slot, -1),
		.literal = fact_or(l, NP_F_Translation_literal, -1),
		.frame_function = fact_or(l, NP_F_Translation_frame_function, -1),
		.duplicate = fact_or(l, NP_F_Translation_duplicate, -1),
	};
	return NULL;
}

static np_err *load_safepoints(struct np_crankshaft *c)
{
	const np_layout *l = c->v8->layout;
	uint32_t word;
	NP_TRY(np_need(l, NP_F_Code_safepoint_table_shift));
	NP_TRY(np_need(l, NP_F_Code_safepoint_table_bits));
	NP_TRY(np_need(l, NP_F_Safepoint_entry_bytes));
	c->safepoint_entry_bytes = (uint32_t)np_get(l, NP_F_Safepoint_entry_bytes);
	if (!np_field_u32(c->v8, c->code->addr, NP_F_Code_safepoint_table_offset, &word))
		return np_need(l, NP_F_Code_safepoint_table_offset);
	uint64_t offset = word >> np_get(l, NP_F_Code_safepoint_table_shift) &
			  ((1ull << np_get(l, NP_F_Code_safepoint_table_bits)) - 1);
	if (offset == 0 || offset + NP_SAFEPOINT_HEADER_BYTES > c->code->size_bytes)
		return np_err_new(NP_EFORMAT, "code at 0x%llx has no safepoint table",
				  (unsigned long long)c->code->addr);
	c->safepoints_len = c->code->size_bytes - offset;
	if (c->safepoints_len > SAFEPOINTS_MAX_BYTES)
		return np_err_new(NP_ELIMIT, "the safepoint table of the code at 0x%llx is too long",
				  (unsigned long long)c->code->addr);
	uint8_t *bytes = np_arena_alloc(c->arena, c->safepoints_len);
	NP_TRY(np_mem_read_err(c->v8->mem, c->code->start + offset, bytes, c->safepoints_len));
	c->safepoints = bytes;
	return NULL;
}

static np_err *load_deopt_data(struct np_crankshaft *c)
{
	const np_layout *l = c->v8->layout;
	np_v8 *v8 = c->v8;
	np_tagged t;
	uint32_t len;
	NP_TRY(np_need(l, NP_F_DeoptData_translations));
	NP_TRY(np_need(l, NP_F_DeoptData_literals));
	NP_TRY(np_need(l, NP_F_DeoptData_first_entry));
	NP_TRY(np_need(l, NP_F_DeoptData_entry_size));
	uint32_t first = (uint32_t)np_get(l, NP_F_DeoptData_first_entry);
	if (!np_is_ref(c->code->deoptimization_data) || !np_ref(c->code->deoptimization_data) ||
	    !np_array_length(v8, np_ref(c->code->deoptimization_data), &len) || len < first)
		return NULL; /* an empty array: nothing in this code can deoptimise */
	np_addr data = np_ref(c->code->deoptimization_data);
	uint32_t count = (len - first) / (uint32_t)np_get(l, NP_F_DeoptData_entry_size);
	if (np_has(l, NP_F_DeoptData_entry_count)) { /* other things follow the entries */
		if (!np_array_get(v8, data, (uint32_t)np_get(l, NP_F_DeoptData_entry_count), &t) || !np_is_smi(t) ||
		    np_smi_value(t) < 0)
			return np_err_new(NP_EFORMAT, "bad deoptimisation data at 0x%llx", (unsigned long long)data);
		if ((uint32_t)np_smi_value(t) < count)
			count = (uint32_t)np_smi_value(t);
	}
	if (count > DEOPT_ENTRIES_MAX)
		return np_err_new(NP_ELIMIT, "deoptimisation data at 0x%llx is too long", (unsigned long long)data);
	if (!np_array_get(v8, data, (uint32_t)np_get(l, NP_F_DeoptData_translations), &t) || !np_is_ref(t))
		return np_err_new(NP_EFORMAT, "no translations at 0x%llx", (unsigned long long)data);
	NP_TRY(np_byte_array_read(v8, np_ref(t), TRANSLATIONS_MAX_BYTES, c->arena, &c->translations,
				  &c->translations_len));
	if (!np_array_get(v8, data, (uint32_t)np_get(l, NP_F_DeoptData_literals), &t) || !np_is_ref(t) ||
	    !np_array_length(v8, np_ref(t), &c->literal_count))
		return np_err_new(NP_EFORMAT, "no literals at 0x%llx", (unsigned long long)data);
	c->literals = np_ref(t);
	c->deopt_data = data;
	c->deopt_count = count;
	return NULL;
}

static np_err *crankshaft_load(struct np_crankshaft *c)
{
	const np_layout *l = c->v8->layout;
	if (!np_reloc_format_of(l, &c->reloc_format)) {
		NP_TRY(np_need(l, NP_F_Code_relocation_info));
		return np_need(l, NP_F_Reloc_mode_in_tag);
	}
	NP_TRY(translation_format(l, &c->format));
	NP_TRY(np_reloc_read(c->v8, c->code, c->arena, &c->reloc, &c->reloc_len));
	NP_TRY(load_deopt_data(c));
	if (c->deopt_count)
		NP_TRY(load_safepoints(c));
	return NULL;
}

np_err *np_crankshaft_frames(np_v8 *v8, const struct np_code_object *code, uint32_t look_up, bool is_return,
			     np_addr fp, np_addr function, np_addr shared, np_arena *arena,
			     struct np_inlined_frames *ret)
{
	struct np_crankshaft c = {
		.v8 = v8, .arena = arena, .code = code, .fp = fp, .function = function, .shared = shared,
		.ops_left = TRANSLATION_OPS_MAX};
	int32_t index;
	NP_TRY(crankshaft_load(&c));
	if (is_return && look_up < UINT32_MAX &&
	    np_safepoint_find(c.safepoints, c.safepoints_len, c.safepoint_entry_bytes, look_up + 1, &index))
		return np_crankshaft_translate(&c, index, true, ret);
	return np_crankshaft_near(&c, look_up, ret);
}

size_t np_crankshaft_positions(np_v8 *v8, const struct np_code_object *code, np_addr shared, uint32_t look_up,
			       bool is_return, struct np_inline_position *ret, size_t max)
{
	np_arena *scratch = np_arena_create();
	struct np_inlined_frames frames;
	size_t n = 0;
	if (!np_err_drop(np_crankshaft_frames(v8, code, look_up, is_return, 0, 0, shared, scratch, &frames))) {
		n = frames.len < max ? frames.len : max;
		for (size_t i = 0; i < n; i++)
			ret[n - 1 - i] = (struct np_inline_position){.shared = frames.frames[i].shared,
								     .offset = frames.frames[i].position};
	}
	np_arena_destroy(scratch);
	return n;
}

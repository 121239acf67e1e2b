/*
 * Where deopt exits are:
 *
 *	6.2 to 7.0	`call rel32` at the end of the code, of a deopt entry: push N; jmp
 *			in 6.6 the entries are five bytes each, and the N-th of their code is for N
 *	11.8 and later	exits of equal size one behind the other, the N-th is for deopt index N
 *
 * A jump to code out of line that calls something (the stack check of a loop)
 * counts as that call.  The jumps are found without a disassembler: the bytes
 * 0f 8x with a target that is exactly an exit, or short before a call.
 */
#include "v8/deopt_sites.h"

#include <string.h>

#include "v8/array.h"
#include "v8/position.h"
#include "v8/source_positions.h"
#include "v8/translation.h"

enum {
	CODE_MAX_BYTES = 16 << 20,
	POSITIONS_MAX_BYTES = 32 << 20,
	NEAR_BYTES = 4096,	/* how far a site may be */
	OUT_OF_LINE_BYTES = 48, /* how far behind a jump's target its call may be */
	OUT_OF_LINE_MAX = 32,	/* jumps that are looked behind */
	/* x86-64 encodings */
	JCC_BYTES = 6,
	CALL_BYTES = 5,
	OPCODE_TWO_BYTE = 0x0f,
	OPCODE_JCC = 0x80,
	OPCODE_CALL = 0xe8,
	OPCODE_PUSH_IMM32 = 0x68,
};

struct sites {
	np_v8 *v8;
	const struct np_code_object *code;
	np_arena *arena;
	struct np_code_safepoints safepoints;
	bool has_safepoints;
	const uint8_t *body;
	uint32_t body_len;
	uint32_t exits, exit_bytes; /* exit_bytes 0: exits are calls of deopt entries */
	uint32_t exit_count, deopt_count;
	np_addr shared;
	int left; /* jumps to look behind */
};

static int32_t read_i32(const uint8_t *p)
{
	int32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static bool deopt_number(np_v8 *v8, np_addr data, uint32_t len, int32_t index, uint32_t *ret)
{
	np_tagged t;
	if (index < 0 || (uint32_t)index >= len || !np_array_get(v8, data, (uint32_t)index, &t) || !np_is_smi(t) ||
	    np_smi_value(t) < 0)
		return false;
	*ret = (uint32_t)np_smi_value(t);
	return true;
}

static np_err *sites_load(struct sites *s)
{
	const np_layout *l = s->v8->layout;
	np_addr data = np_ref(s->code->deoptimization_data);
	uint32_t len;
	NP_TRY(np_need(l, NP_F_DeoptData_first_entry));
	NP_TRY(np_need(l, NP_F_DeoptData_entry_size));
	int32_t first = np_get(l, NP_F_DeoptData_first_entry), entry = np_get(l, NP_F_DeoptData_entry_size);
	if (!np_is_ref(s->code->deoptimization_data) || !np_array_length(s->v8, data, &len) || entry < 1 ||
	    len < (uint32_t)first || s->code->size_bytes > CODE_MAX_BYTES || !np_code_shared(s->v8, s->code, &s->shared))
		return np_err_new(NP_ENOTFOUND, "no deoptimisation data of the code at 0x%llx",
				  (unsigned long long)s->code->addr);
	s->deopt_count = (len - (uint32_t)first) / (uint32_t)entry;
	if (np_has(l, NP_F_DeoptData_exit_start) && np_has(l, NP_F_Code_deopt_exit_bytes)) {
		int32_t at = np_get(l, NP_F_DeoptData_exit_start);
		/* the number of exits for checks follows */
		if (!deopt_number(s->v8, data, len, at, &s->exits) || !deopt_number(s->v8, data, len, at + 1, &s->exit_count))
			return np_err_new(NP_EFORMAT, "bad deoptimisation data of the code at 0x%llx",
					  (unsigned long long)s->code->addr);
		s->exit_bytes = (uint32_t)np_get(l, NP_F_Code_deopt_exit_bytes);
	}
	uint8_t *body = np_arena_alloc(s->arena, s->code->size_bytes);
	NP_TRY(np_mem_read_err(s->v8->mem, s->code->start, body, s->code->size_bytes));
	s->body = body;
	s->body_len = (uint32_t)s->code->size_bytes;
	s->has_safepoints = np_code_safepoints_load(s->v8, s->code, s->arena, &s->safepoints);
	return NULL;
}

/* The deopt index of the exit at target. */
static bool exit_index(struct sites *s, uint32_t target, int32_t *ret)
{
	uint8_t opcode;
	uint32_t index;
	if (s->exit_bytes) {
		if (target < s->exits || (target - s->exits) % s->exit_bytes ||
		    (target - s->exits) / s->exit_bytes >= s->exit_count)
			return false;
		*ret = (int32_t)((target - s->exits) / s->exit_bytes);
		return true;
	}
	if (target + CALL_BYTES > s->body_len || s->body[target] != OPCODE_CALL)
		return false;
	np_addr entry = s->code->start + target + CALL_BYTES + (np_addr)(int64_t)read_i32(s->body + target + 1);
	const struct np_code_object *entries;
	if (!np_mem_u8(s->v8->mem, entry, &opcode) || !np_mem_u32(s->v8->mem, entry + 1, &index))
		return false;
	if (opcode == OPCODE_CALL) {
		if (!np_code_at_pc(s->v8, entry, &entries) || (entry - entries->start) % CALL_BYTES)
			return false;
		index = (uint32_t)((entry - entries->start) / CALL_BYTES);
	} else if (opcode != OPCODE_PUSH_IMM32) {
		return false;
	}
	*ret = (int32_t)index;
	return index < s->deopt_count;
}

static bool call_index(struct sites *s, uint32_t return_offset, int32_t *ret)
{
	uint32_t pc;
	return s->has_safepoints && np_code_safepoints_find(&s->safepoints, return_offset, &pc, ret) && pc == return_offset;
}

/* The deopt index of the site at this offset: a jump that starts there, or a call that returns there. */
static bool site_index(struct sites *s, uint32_t at, int32_t *ret)
{
	if (call_index(s, at, ret))
		return true;
	if (at + JCC_BYTES > s->body_len || s->body[at] != OPCODE_TWO_BYTE || (s->body[at + 1] & 0xf0) != OPCODE_JCC)
		return false;
	int64_t target = (int64_t)at + JCC_BYTES + read_i32(s->body + at + 2);
	if (target <= at || target >= (int64_t)s->body_len)
		return false;
	if (exit_index(s, (uint32_t)target, ret))
		return true;
	if (s->left-- <= 0)
		return false;
	for (uint32_t i = 1; i <= OUT_OF_LINE_BYTES; i++)
		if (call_index(s, (uint32_t)target + i, ret))
			return true;
	return false;
}

static bool site_frames(struct sites *s, uint32_t at, struct np_inlined_frames *ret)
{
	int32_t index;
	return site_index(s, at, &index) &&
	       !np_err_drop(np_translation_frames_at(s->v8, s->code, index, s->arena, ret)) &&
	       ret->frames[0].shared == s->shared && ret->frames[ret->len - 1].position >= 0;
}

np_err *np_deopt_site_near(np_v8 *v8, const struct np_code_object *code, uint32_t pc_offset, np_arena *arena,
			   struct np_inlined_frames *ret)
{
	struct sites s = {.v8 = v8, .code = code, .arena = arena, .left = OUT_OF_LINE_MAX};
	NP_TRY(sites_load(&s));
	for (uint32_t i = 0; i < NEAR_BYTES && i <= pc_offset; i++)
		if (site_frames(&s, pc_offset - i, ret))
			return NULL;
	s.left = OUT_OF_LINE_MAX;
	for (uint32_t i = 1; i < NEAR_BYTES && pc_offset + i < s.body_len; i++)
		if (site_frames(&s, pc_offset + i, ret))
			return NULL;
	return np_err_new(NP_ENOTFOUND, "no deoptimisation site near +%u of the code at 0x%llx", pc_offset,
			  (unsigned long long)code->addr);
}

/* Does a call return in (from, to]? */
static bool calls_between(const struct np_code_safepoints *safepoints, uint32_t from, uint32_t to)
{
	uint32_t pc;
	for (uint32_t i = 0; np_code_safepoints_pc(safepoints, i, &pc); i++)
		if (pc > from && pc <= to)
			return true;
	return false;
}

bool np_positions_are_of_calls(np_v8 *v8, const struct np_code_object *code)
{
	np_arena *scratch = np_arena_create();
	struct np_code_safepoints safepoints;
	struct np_positions it;
	struct np_position p;
	const uint8_t *bytes;
	size_t len;
	np_err *err = NULL;
	bool of_calls = np_get(v8->layout, NP_F_Code_positions_at_calls_only) == 1 && np_is_ref(code->source_positions) &&
			np_code_safepoints_load(v8, code, scratch, &safepoints) &&
			!(err = np_byte_array_read(v8, np_ref(code->source_positions), POSITIONS_MAX_BYTES, scratch, &bytes, &len));
	if (of_calls) {
		int32_t from = -1;
		np_positions_start(&it, bytes, len, np_position_format(v8));
		while (of_calls && np_positions_next(&it, &p)) {
			if (from >= 0)
				of_calls = calls_between(&safepoints, (uint32_t)from, (uint32_t)p.code_offset);
			from = p.code_offset;
		}
	}
	np_err_free(err);
	np_arena_destroy(scratch);
	return of_calls;
}

/*
 * Deoptimisation data of Crankshaft code (up to V8 5.1): pure decoders.
 *
 *	return address --safepoint table--> deopt index
 *	deopt index --deopt entry--> offset into the translations
 *	translation = BEGIN, then for each frame, outermost first:
 *		frame opcode (ast id, function, height), values
 *	ast id --deopt data of the function's full-codegen code--> its pc there
 *
 * Mirrors SafepointTable::FindEntry, TranslationIterator::Next and
 * Translation::NumberOfOperandsFor of V8 3.14.5, 3.28.71, 4.5.103, 5.1.281.
 */
#ifndef NP_V8_FULLCODEGEN_DEOPT_H
#define NP_V8_FULLCODEGEN_DEOPT_H

#include "base/types.h"

/* Safepoint table: u32 count, u32 bits per entry, then {u32 pc, u32 info[, ...]} of entry_bytes each. */
struct np_safepoint {
	uint32_t pc_offset;
	int32_t deopt_index; /* -1: the call has none */
};

enum { NP_SAFEPOINT_HEADER_BYTES = 8 };

/* How many entries there are; 0 when the bytes hold no table. */
uint32_t np_safepoint_count(const uint8_t *table, size_t len, uint32_t entry_bytes);
/* Entry i; false when it lies outside. */
bool np_safepoint_get(const uint8_t *table, size_t len, uint32_t entry_bytes, uint32_t i, struct np_safepoint *ret);
/* Deopt index of the call that returns to pc_offset; false when no safepoint is there or it has none. */
bool np_safepoint_find(const uint8_t *table, size_t len, uint32_t entry_bytes, uint32_t pc_offset,
		       int32_t *ret_index);

/* Opcode numbers of a V8; -1 where it has no such opcode. */
struct np_translation_format {
	int opcode_count;
	uint32_t no_operand_mask, two_operand_mask, three_operand_mask; /* opcodes by operand count; the others have one */
	uint32_t nested_mask; /* objects: that many values follow as their fields */
	int begin, js_frame, interpreted_frame, construct_stub, getter_stub, setter_stub, arguments_adaptor, tail_caller,
		compiled_stub;
	int stack_slot, int32_stack_slot, uint32_stack_slot, bool_stack_slot, double_stack_slot, literal,
		frame_function, duplicate;
};

struct np_translation_op {
	int opcode;
	int operand_count;
	int32_t operand[3];
};

struct np_translation_iter {
	const uint8_t *bytes;
	size_t len, at;
	const struct np_translation_format *format;
};

/* Starts at byte offset at. */
void np_translation_iter_init(struct np_translation_iter *it, const uint8_t *bytes, size_t len, size_t at,
			      const struct np_translation_format *format);
/* False at the end and on bytes that are no translation. */
bool np_translation_next(struct np_translation_iter *it, struct np_translation_op *ret);
/* Does the opcode begin a frame? */
bool np_translation_is_frame(const struct np_translation_format *format, int opcode);

/* pc_and_state word of full-codegen deopt data: pc << 1 | state. */
static inline uint32_t np_deopt_output_pc(int32_t pc_and_state)
{
	return (uint32_t)pc_and_state >> 1 & 0x1fffffff;
}

#endif

/*
 * Decoding of source position tables (V8 codegen/source-position-table.cc,
 * codegen/source-position.h).
 *
 * An entry is two variable-length integers (7 bits a byte, lowest first, bit 7
 * = more): the step in code offset with the statement flag, and the step in
 * position value, zig-zag.  The flag is the sign of the first (zig-zag, -x - 1
 * = not a statement) up to V8 13.6, its low bits from 14.1 on.
 * Position value: [external 1] script offset + 1 (30 or 31 bits), inlining
 * id + 1 (16 bits, from bit 31 on).
 */
#include "v8/source_positions.h"

#define INLINING_SHIFT 31
#define OFFSET_MASK_EXTERNAL 0x3fffffffu /* bits 1..30 */
#define OFFSET_MASK 0x7fffffffu		 /* bits 0..30 */

static bool varint_read(struct np_positions *it, uint64_t *ret)
{
	uint64_t value = 0;

	for (uint32_t shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (it->at >= it->len)
			return false;
		byte = it->bytes[it->at++];
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static int64_t zigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

void np_position_from_word(struct np_position_format format, uint64_t word, struct np_position *ret)
{
	ret->is_external = format.has_external_bit && (word & 1);
	if (ret->is_external)
		ret->script_offset = -1;
	else if (format.has_external_bit)
		ret->script_offset = (int32_t)((word >> 1) & OFFSET_MASK_EXTERNAL) - 1;
	else
		ret->script_offset = (int32_t)(word & OFFSET_MASK) - 1;
	ret->inlining_id = (uint16_t)(word >> INLINING_SHIFT);
}

void np_positions_start(struct np_positions *it, const uint8_t *bytes, size_t len, struct np_position_format format)
{
	*it = (struct np_positions){.bytes = bytes, .len = len, .format = format, .code_offset = format.first_offset};
}

/* Splits the first integer into step and flags. */
static uint64_t step_read(struct np_position_format format, uint64_t first, struct np_position *pos)
{
	int64_t step;

	if (format.first_varint_unsigned) {
		pos->is_statement = first & 1;
		pos->is_breakable = pos->is_statement && (first & 2);
		return first >> 2;
	}
	step = zigzag(first);
	pos->is_statement = pos->is_breakable = step >= 0;
	return (uint64_t)(step >= 0 ? step : -(step + 1));
}

bool np_positions_next(struct np_positions *it, struct np_position *ret)
{
	struct np_position pos;
	uint64_t first, second, step;

	if (it->at >= it->len)
		return false;
	if (!varint_read(it, &first) || !varint_read(it, &second))
		goto damaged;
	step = step_read(it->format, first, &pos);
	if (step > (uint64_t)(INT32_MAX - it->code_offset))
		goto damaged;
	it->code_offset += (int64_t)step;
	it->value += (uint64_t)zigzag(second);
	pos.code_offset = (int32_t)it->code_offset;
	np_position_from_word(it->format, it->value, &pos);
	*ret = pos;
	return true;
damaged:
	it->damaged = true;
	it->at = it->len;
	return false;
}

bool np_positions_find(const uint8_t *bytes, size_t len, struct np_position_format format, int32_t code_offset,
		       struct np_position *ret, bool *ret_exact)
{
	struct np_positions it;
	struct np_position pos;
	bool found = false;

	np_positions_start(&it, bytes, len, format);
	while (np_positions_next(&it, &pos) && pos.code_offset <= code_offset) {
		*ret = pos;
		found = true;
	}
	if (found && ret_exact)
		*ret_exact = ret->code_offset == code_offset;
	return found;
}

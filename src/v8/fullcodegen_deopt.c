#include "v8/fullcodegen_deopt.h"

#include <string.h>

enum {
	INDEX_MASK = 0x0fffffff, /* the rest of the info word: pushed arguments, saved doubles */
	SAFEPOINTS_MAX = 1 << 20,
};

static uint32_t table_u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

uint32_t np_safepoint_count(const uint8_t *table, size_t len, uint32_t entry_bytes)
{
	if (len < NP_SAFEPOINT_HEADER_BYTES || entry_bytes < 8)
		return 0;
	uint32_t n = table_u32(table);
	if (n > SAFEPOINTS_MAX || (uint64_t)n * entry_bytes > len - NP_SAFEPOINT_HEADER_BYTES)
		return 0;
	return n;
}

bool np_safepoint_get(const uint8_t *table, size_t len, uint32_t entry_bytes, uint32_t i, struct np_safepoint *ret)
{
	if (i >= np_safepoint_count(table, len, entry_bytes))
		return false;
	const uint8_t *entry = table + NP_SAFEPOINT_HEADER_BYTES + (size_t)i * entry_bytes;
	uint32_t index = table_u32(entry + 4) & INDEX_MASK;
	ret->pc_offset = table_u32(entry);
	ret->deopt_index = index == INDEX_MASK ? -1 : (int32_t)index;
	return true;
}

bool np_safepoint_find(const uint8_t *table, size_t len, uint32_t entry_bytes, uint32_t pc_offset,
		       int32_t *ret_index)
{
	uint32_t n = np_safepoint_count(table, len, entry_bytes);
	struct np_safepoint s;
	for (uint32_t i = 0; i < n && np_safepoint_get(table, len, entry_bytes, i, &s); i++)
		if (s.pc_offset == pc_offset) {
			if (s.deopt_index < 0)
				return false;
			*ret_index = s.deopt_index;
			return true;
		}
	return false;
}

void np_translation_iter_init(struct np_translation_iter *it, const uint8_t *bytes, size_t len, size_t at,
			      const struct np_translation_format *format)
{
	*it = (struct np_translation_iter){.bytes = bytes, .len = len, .at = at, .format = format};
}

/* Seven bits a byte, lowest first, bit 0 of each byte says whether more follow; bit 0 of the sum is the sign. */
static bool translation_int(struct np_translation_iter *it, int32_t *ret)
{
	uint32_t bits = 0;
	for (int shift = 0; shift < 35; shift += 7) {
		if (it->at >= it->len)
			return false;
		uint8_t byte = it->bytes[it->at++];
		bits |= (uint32_t)(byte >> 1) << shift;
		if (!(byte & 1)) {
			int32_t magnitude = (int32_t)(bits >> 1);
			*ret = bits & 1 ? -magnitude : magnitude;
			return true;
		}
	}
	return false;
}

bool np_translation_next(struct np_translation_iter *it, struct np_translation_op *ret)
{
	const struct np_translation_format *f = it->format;
	struct np_translation_op op = {.operand_count = 1};
	int32_t opcode;
	if (!translation_int(it, &opcode) || opcode < 0 || opcode >= f->opcode_count || opcode >= 32)
		return false;
	op.opcode = opcode;
	uint32_t bit = 1u << opcode;
	if (f->no_operand_mask & bit)
		op.operand_count = 0;
	else if (f->two_operand_mask & bit)
		op.operand_count = 2;
	else if (f->three_operand_mask & bit)
		op.operand_count = 3;
	for (int i = 0; i < op.operand_count; i++)
		if (!translation_int(it, &op.operand[i]))
			return false;
	*ret = op;
	return true;
}

bool np_translation_is_frame(const struct np_translation_format *f, int opcode)
{
	return opcode == f->js_frame || opcode == f->interpreted_frame || opcode == f->construct_stub ||
	       opcode == f->getter_stub || opcode == f->setter_stub || opcode == f->arguments_adaptor ||
	       opcode == f->tail_caller || opcode == f->compiled_stub;
}

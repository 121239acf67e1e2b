#include "v8/translation_safepoint.h"

/* Fields of the configuration: bit 0 has deopt data, then three bits each. */
enum { SIZE_MASK = 7, REGISTERS_SHIFT = 1, PC_SHIFT = 4, INDEX_SHIFT = 7, NUMBER_MAX_BYTES = 4 };

static uint32_t number_at(const uint8_t *p, uint32_t bytes)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < bytes; i++)
		n |= (uint32_t)p[i] << 8 * i;
	return n;
}

bool np_wide_safepoint_find(const uint8_t *table, size_t len, uint32_t return_offset, uint32_t *ret_pc,
			    int32_t *ret_deopt_index)
{
	enum { HEADER_BYTES = 8, ENTRY_BYTES = 12, INDEX_MASK = 0xfffffff };
	if (len < HEADER_BYTES)
		return false;
	uint32_t count = number_at(table, 4);
	if (count > (len - HEADER_BYTES) / ENTRY_BYTES)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = table + HEADER_BYTES + (size_t)i * ENTRY_BYTES;
		uint32_t pc = number_at(at, 4), index = number_at(at + 4, 4) & INDEX_MASK;
		if (pc != return_offset && number_at(at + 8, 4) != return_offset)
			continue;
		if (index == INDEX_MASK) /* nothing can deoptimise there */
			return false;
		*ret_pc = pc;
		*ret_deopt_index = (int32_t)index;
		return true;
	}
	return false;
}

bool np_packed_safepoint_find(const struct np_packed_safepoints *t, uint32_t return_offset, uint32_t *ret_pc,
			      int32_t *ret_deopt_index)
{
	size_t header = 4 * ((size_t)t->words_before + 2 + t->words_after);
	if (t->len < header)
		return false;
	uint32_t count = number_at(t->bytes + 4 * (size_t)t->words_before, 4);
	uint32_t configuration = number_at(t->bytes + 4 * ((size_t)t->words_before + 1), 4);
	uint32_t registers = configuration >> REGISTERS_SHIFT & SIZE_MASK;
	uint32_t pc_bytes = configuration >> PC_SHIFT & SIZE_MASK, index_bytes = configuration >> INDEX_SHIFT & SIZE_MASK;
	size_t entry = (size_t)2 * pc_bytes + index_bytes + t->is_maglev + registers;
	if (!(configuration & 1) || pc_bytes == 0 || pc_bytes > NUMBER_MAX_BYTES || index_bytes > NUMBER_MAX_BYTES ||
	    registers > NUMBER_MAX_BYTES || count > (t->len - header) / entry)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = t->bytes + header + i * entry;
		uint32_t pc = number_at(at, pc_bytes);
		uint32_t index = number_at(at + pc_bytes, index_bytes) - 1;
		uint32_t trampoline = number_at(at + pc_bytes + index_bytes, pc_bytes) - 1;
		if (pc != return_offset && trampoline != return_offset)
			continue;
		if (index > INT32_MAX) /* nothing can deoptimise there */
			return false;
		*ret_pc = pc;
		*ret_deopt_index = (int32_t)index;
		return true;
	}
	return false;
}

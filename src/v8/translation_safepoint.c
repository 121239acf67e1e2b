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

enum { WIDE_HEADER_BYTES = 8, WIDE_ENTRY_BYTES = 12 };

static uint32_t wide_count(const uint8_t *table, size_t len)
{
	if (len < WIDE_HEADER_BYTES)
		return 0;
	uint32_t count = number_at(table, 4);
	return count > (len - WIDE_HEADER_BYTES) / WIDE_ENTRY_BYTES ? 0 : count;
}

bool np_wide_safepoint_pc(const uint8_t *table, size_t len, uint32_t i, uint32_t *ret_pc)
{
	if (i >= wide_count(table, len))
		return false;
	*ret_pc = number_at(table + WIDE_HEADER_BYTES + (size_t)i * WIDE_ENTRY_BYTES, 4);
	return true;
}

bool np_wide_safepoint_find(const uint8_t *table, size_t len, uint32_t return_offset, uint32_t *ret_pc,
			    int32_t *ret_deopt_index)
{
	enum { INDEX_MASK = 0xfffffff };
	uint32_t count = wide_count(table, len);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = table + WIDE_HEADER_BYTES + (size_t)i * WIDE_ENTRY_BYTES;
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

struct packed_shape {
	size_t header, entry;
	uint32_t count, pc_bytes, index_bytes;
};

static bool packed_shape(const struct np_packed_safepoints *t, struct packed_shape *s)
{
	s->header = 4 * ((size_t)t->words_before + 2 + t->words_after);
	if (t->len < s->header)
		return false;
	s->count = number_at(t->bytes + 4 * (size_t)t->words_before, 4);
	uint32_t configuration = number_at(t->bytes + 4 * ((size_t)t->words_before + 1), 4);
	uint32_t registers = configuration >> REGISTERS_SHIFT & SIZE_MASK;
	s->pc_bytes = configuration >> PC_SHIFT & SIZE_MASK;
	s->index_bytes = configuration >> INDEX_SHIFT & SIZE_MASK;
	s->entry = (size_t)2 * s->pc_bytes + s->index_bytes + t->is_maglev + registers;
	return (configuration & 1) && s->pc_bytes != 0 && s->pc_bytes <= NUMBER_MAX_BYTES &&
	       s->index_bytes <= NUMBER_MAX_BYTES && registers <= NUMBER_MAX_BYTES &&
	       s->count <= (t->len - s->header) / s->entry;
}

bool np_packed_safepoint_pc(const struct np_packed_safepoints *t, uint32_t i, uint32_t *ret_pc)
{
	struct packed_shape s;
	if (!packed_shape(t, &s) || i >= s.count)
		return false;
	*ret_pc = number_at(t->bytes + s.header + i * s.entry, s.pc_bytes);
	return true;
}

bool np_packed_safepoint_find(const struct np_packed_safepoints *t, uint32_t return_offset, uint32_t *ret_pc,
			      int32_t *ret_deopt_index)
{
	struct packed_shape s;
	if (!packed_shape(t, &s))
		return false;
	for (uint32_t i = 0; i < s.count; i++) {
		const uint8_t *at = t->bytes + s.header + i * s.entry;
		uint32_t pc = number_at(at, s.pc_bytes);
		uint32_t index = number_at(at + s.pc_bytes, s.index_bytes) - 1;
		uint32_t trampoline = number_at(at + s.pc_bytes + s.index_bytes, s.pc_bytes) - 1;
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

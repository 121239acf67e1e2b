/*
 * From a pc in baseline (Sparkplug) code to a bytecode offset.
 *
 * The baseline compiler makes machine code for one bytecode after the other
 * and writes down, as unsigned VLQs, how many bytes of it each took: first the
 * prologue, then every bytecode in order (V8 baseline/baseline-compiler.cc and
 * baseline/bytecode-offset-iterator.h; the same from V8 9.1 to 14.6).  The two
 * are walked in step.  Interval of bytecode i is (sum before, sum after]: the
 * return address of the last call in it is its end.
 */
#include "v8/bytecode.h"

/* Reads one VLQ; false when it is cut off or does not fit 32 bits. */
static bool vlq_read(const uint8_t *bytes, size_t len, size_t *at, uint32_t *ret)
{
	uint32_t value = 0;

	for (uint32_t shift = 0; shift < 32; shift += 7) {
		uint8_t byte;

		if (*at >= len)
			return false;
		byte = bytes[(*at)++];
		value |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

np_err *np_baseline_offset(const np_bytecode_table *table, const uint8_t *pc_table, size_t pc_table_len,
			   const uint8_t *bytecodes, size_t bytecodes_len, uint64_t pc_offset, int32_t *ret)
{
	uint64_t end = 0;
	uint32_t length, offset = 0;
	size_t at = 0;
	bool in_prologue = true;

	while (vlq_read(pc_table, pc_table_len, &at, &length)) {
		end += length;
		if (pc_offset <= end) {
			*ret = in_prologue ? NP_FUNCTION_ENTRY_OFFSET : (int32_t)offset;
			return NULL;
		}
		if (in_prologue)
			in_prologue = false;
		else if (!np_bytecode_next(table, bytecodes, bytecodes_len, &offset))
			break;
	}
	return np_err_new(NP_EFORMAT, "baseline code's offset table does not reach pc offset %llu",
			  (unsigned long long)pc_offset);
}

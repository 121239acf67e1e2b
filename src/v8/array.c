#include "v8/array.h"

#include "v8/map.h"

bool np_array_length(np_v8 *v8, np_addr array, uint32_t *ret)
{
	int32_t n;
	if (!np_smi_at(v8, array + (np_addr)np_get(v8->layout, NP_F_FixedArray_length), &n) || n < 0)
		return false;
	*ret = (uint32_t)n;
	return true;
}

bool np_array_get(np_v8 *v8, np_addr array, uint32_t i, np_tagged *ret)
{
	return np_tagged_at(v8, array + (np_addr)np_get(v8->layout, NP_F_FixedArray_data) + 8ull * i, ret);
}

np_err *np_byte_array_read(np_v8 *v8, np_addr array, size_t max, np_arena *arena, const uint8_t **ret, size_t *ret_len)
{
	uint32_t n;
	if (np_kind_at(v8, array) != NP_KIND_BYTE_ARRAY || !np_array_length(v8, array, &n))
		return np_err_new(NP_EFORMAT, "no byte array at 0x%llx", (unsigned long long)array);
	if (n > max)
		return np_err_new(NP_ELIMIT, "byte array at 0x%llx is too long (%u bytes)", (unsigned long long)array, n);
	uint8_t *bytes = np_arena_alloc(arena, n);
	NP_TRY(np_mem_read_err(v8->mem, array + (np_addr)np_get(v8->layout, NP_F_FixedArray_data), bytes, n));
	*ret = bytes;
	*ret_len = n;
	return NULL;
}

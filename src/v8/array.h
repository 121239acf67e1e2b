/* FixedArray-like objects: a length (Smi) and tagged slots. */
#ifndef NP_V8_ARRAY_H
#define NP_V8_ARRAY_H

#include "v8/v8.h"

/* Length in elements; false when unreadable, negative or absurd. */
bool np_array_length(np_v8 *v8, np_addr array, uint32_t *ret);
/* Element i, checked against the length by the caller. */
bool np_array_get(np_v8 *v8, np_addr array, uint32_t i, np_tagged *ret);
/* Bytes of a ByteArray (BytecodeArray has its own reader), at most max, into the arena. */
np_err *np_byte_array_read(np_v8 *v8, np_addr array, size_t max, np_arena *arena, const uint8_t **ret, size_t *ret_len)
	NP_MUST;

#endif

/*
 * Safepoint tables: pure decoders.  A call whose code was invalidated returns
 * to its trampoline instead of its pc.
 *
 * V8 6.2 to 9.6:
 *
 *	u32 count  u32 bytes of a stack map
 *	count times: u32 pc, u32 deopt index (low 28 bits, all ones: none), u32 trampoline
 *
 * V8 10.0 and later, "packed":
 *
 *	[u32 stack slots]  u32 count  u32 configuration  [Maglev: more words]
 *	count times: pc, deopt index + 1, trampoline + 1, [Maglev: u8 pushed registers], register indexes
 *
 * The configuration says how many bytes each of these numbers has.
 *
 * Mirrors SafepointTable and MaglevSafepointTable (safepoint-table.h,
 * maglev-safepoint-table.h) of V8 6.2 to 14.6.
 */
#ifndef NP_V8_TRANSLATION_SAFEPOINT_H
#define NP_V8_TRANSLATION_SAFEPOINT_H

#include "base/types.h"

struct np_packed_safepoints {
	const uint8_t *bytes; /* may reach beyond the table's end */
	size_t len;
	uint32_t words_before; /* in front of the count */
	uint32_t words_after;  /* behind the configuration */
	bool is_maglev;
};

/*
 * The entry of a return address, the call's own or its trampoline: the call's
 * own return offset and its deopt index.  False when there is none.  The bytes
 * may reach beyond the table's end.
 */
bool np_wide_safepoint_find(const uint8_t *table, size_t len, uint32_t return_offset, uint32_t *ret_pc,
			    int32_t *ret_deopt_index);
bool np_wide_safepoint_pc(const uint8_t *table, size_t len, uint32_t i, uint32_t *ret_pc); /* of the i-th entry */
bool np_packed_safepoint_find(const struct np_packed_safepoints *table, uint32_t return_offset, uint32_t *ret_pc,
			      int32_t *ret_deopt_index);
bool np_packed_safepoint_pc(const struct np_packed_safepoints *table, uint32_t i, uint32_t *ret_pc);

#endif

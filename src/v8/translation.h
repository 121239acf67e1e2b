/*
 * The functions that a frame of TurboFan or Maglev code stands for at a call,
 * from the code's deoptimisation data: what V8 itself asks for its stack
 * traces (OptimizedJSFrame::Summarize).
 *
 *	return address --safepoint table--> deopt index
 *	deopt index --deopt entry--> offset into the translations
 *
 * V8 has an answer for return addresses alone; between calls there is none.
 */
#ifndef NP_V8_TRANSLATION_H
#define NP_V8_TRANSLATION_H

#include "v8/code.h"
#include "v8/inlined.h"
#include "v8/translation_safepoint.h"

/*
 * return_offset is the offset of the return address in the code, fp the frame
 * pointer.  positions come from the bytecode offsets.  NP_ENOTFOUND when
 * nothing can deoptimise at that call, NP_EMISSING when this V8's translations
 * are not known.
 */
np_err *np_translation_frames(np_v8 *v8, const struct np_code_object *code, uint32_t return_offset, np_addr fp,
			      np_arena *arena, struct np_inlined_frames *ret) NP_MUST;

/*
 * The call that a return address belongs to: its own return offset, and the
 * index of its deopt entry.  They differ once the code was invalidated while
 * it ran: then it returns to a trampoline.  False when nothing tells.
 */
bool np_translation_call(np_v8 *v8, const struct np_code_object *code, uint32_t return_offset, uint32_t *ret_pc,
			 int32_t *ret_index);

/* The same for a deopt index, without values. */
np_err *np_translation_frames_at(np_v8 *v8, const struct np_code_object *code, int32_t index, np_arena *arena,
				 struct np_inlined_frames *ret) NP_MUST;

/* The safepoint table of optimised code, in the arena. */
struct np_code_safepoints {
	bool is_packed;
	struct np_packed_safepoints packed; /* of a wide table only bytes and len */
};
bool np_code_safepoints_load(np_v8 *v8, const struct np_code_object *code, np_arena *arena, struct np_code_safepoints *ret);
/* As np_translation_call(). */
bool np_code_safepoints_find(const struct np_code_safepoints *table, uint32_t return_offset, uint32_t *ret_pc,
			     int32_t *ret_index);
/* Return offset of the i-th call; false behind the last. */
bool np_code_safepoints_pc(const struct np_code_safepoints *table, uint32_t i, uint32_t *ret_pc);

#endif

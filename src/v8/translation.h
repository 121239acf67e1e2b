/*
 * The functions that a frame of TurboFan or Maglev code stands for at a call,
 * from the code's deoptimisation data: what V8 itself asks for its stack
 * traces (OptimizedJSFrame::Summarize).
 *
 *	return address --deopt entry with that pc--> offset into the translations
 *
 * V8 has an answer for return addresses alone; between calls there is none.
 */
#ifndef NP_V8_TRANSLATION_H
#define NP_V8_TRANSLATION_H

#include "v8/code.h"
#include "v8/inlined.h"

/*
 * return_offset is the offset of the return address in the code, fp the frame
 * pointer.  positions come from the bytecode offsets.  NP_ENOTFOUND when
 * nothing can deoptimise at that call, NP_EMISSING when this V8's translations
 * are not known.
 */
np_err *np_translation_frames(np_v8 *v8, const struct np_code_object *code, uint32_t return_offset, np_addr fp,
			      np_arena *arena, struct np_inlined_frames *ret) NP_MUST;

#endif

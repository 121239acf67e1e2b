/*
 * Code of the old compilers (V8 up to 5.8): full-codegen and Crankshaft.
 *
 * A full-codegen frame executes the position that its code gives for the pc:
 * in the relocation info up to 5.1, in a source position table after.  A
 * Crankshaft frame may stand for several functions.  What they are, where each
 * one stands, and its receiver, arguments and locals comes from the
 * deoptimisation data, as V8's own stack traces do it
 * (OptimizedFrame::Summarize): exact at the return address of a call.
 *
 * Between calls (a pc taken from a running thread) V8 has no answer.  Then the
 * nearest deoptimisation site decides, checked against the position that the
 * relocation info gives the instruction; such frames are approximate.
 */
#ifndef NP_V8_FULLCODEGEN_H
#define NP_V8_FULLCODEGEN_H

#include "v8/code.h"
#include "v8/inlined.h"
#include "v8/position.h"

/*
 * Source offset that code of kind NP_CODE_FULL gives for the pc offset
 * look_up (one less for return addresses); false when it gives none.
 */
bool np_full_position(np_v8 *v8, const struct np_code_object *code, uint32_t look_up, int32_t *ret);

/* The same for an offset as V8 stores it in stack traces: of a return address, from the object or its start. */
bool np_full_stored_position(np_v8 *v8, const struct np_code_object *code, int32_t offset, int32_t *ret);

/*
 * The functions that a Crankshaft frame stands for.  look_up is the pc's
 * offset, one less when it is a return address (is_return).  fp is the frame
 * pointer, 0 when values are not wanted; function the frame's JSFunction, 0
 * unknown; shared its SharedFunctionInfo.
 */
np_err *np_crankshaft_frames(np_v8 *v8, const struct np_code_object *code, uint32_t look_up, bool is_return,
			     np_addr fp, np_addr function, np_addr shared, np_arena *arena,
			     struct np_inlined_frames *ret) NP_MUST;

/*
 * Only functions and positions, innermost first, in the form that
 * np_code_positions() has for later versions.  Returns how many were found (at
 * most max; then the innermost ones are left out); 0 when there is no data.
 */
size_t np_crankshaft_positions(np_v8 *v8, const struct np_code_object *code, np_addr shared, uint32_t look_up,
			       bool is_return, struct np_inline_position *ret, size_t max);

#endif

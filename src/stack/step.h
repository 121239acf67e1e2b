/*
 * The frame stepper: reads the raw facts of one V8 frame at a frame pointer.
 *
 * This header is plain C without calls or allocation, so that the same source
 * serves readers of cores and live processes and the sampler inside the
 * kernel.  The includer defines
 *
 *     bool NP_STEP_READ64(ctx, addr, uint64_t *ret)
 *
 * A frame on the stack (x86-64, all V8 versions):
 *
 *     fp + 16  arguments (see args.c)
 *     fp + 8   return address into the caller
 *     fp       caller's fp
 *     fp - 8   context, or the marker of a frame that is not JavaScript
 *     fp - 16  JSFunction (or, up to 4.5, the marker)
 *
 * Invariants: 1. a marker decides, whatever fp - 16 holds (internal frames
 * keep a JSFunction there, too).  2. a step always moves fp upwards.
 */
#ifndef NP_STACK_STEP_H
#define NP_STACK_STEP_H

#include <stdbool.h>
#include <stdint.h>

struct np_step_layout {
	int32_t context_or_marker; /* -8 */
	int32_t function;	   /* -16 */
	int32_t marker_slot;	   /* second place of a marker, 0 none */
	uint8_t marker_is_smi;	   /* up to 5.1 */
};

struct np_step_frame {
	uint64_t fp, caller_fp, return_pc;
	int32_t marker;	       /* frame type, -1: none, so fp - 16 is a JSFunction */
	uint64_t context_word; /* fp - 8 */
	uint64_t function_word; /* fp - 16 */
};

enum { NP_STEP_MARKER_MAX = 64 };

static inline int32_t np_step_marker(uint64_t word, bool is_smi)
{
	if (is_smi)
		return (word & 0xffffffffu) == 0 && word >> 32 && word >> 32 < NP_STEP_MARKER_MAX ? (int32_t)(word >> 32)
												    : -1;
	return (word & 1) == 0 && word >> 1 && word >> 1 < NP_STEP_MARKER_MAX ? (int32_t)(word >> 1) : -1;
}

#endif

#ifdef NP_STEP_READ64
static inline bool np_step_frame_read(NP_STEP_CONTEXT ctx, const struct np_step_layout *l, uint64_t fp,
				      struct np_step_frame *f)
{
	f->fp = fp;
	if (!NP_STEP_READ64(ctx, fp, &f->caller_fp) || !NP_STEP_READ64(ctx, fp + 8, &f->return_pc) ||
	    !NP_STEP_READ64(ctx, fp + (uint64_t)(int64_t)l->context_or_marker, &f->context_word) ||
	    !NP_STEP_READ64(ctx, fp + (uint64_t)(int64_t)l->function, &f->function_word))
		return false;
	f->marker = np_step_marker(f->context_word, l->marker_is_smi);
	if (f->marker < 0 && l->marker_slot) {
		uint64_t word;
		if (NP_STEP_READ64(ctx, fp + (uint64_t)(int64_t)l->marker_slot, &word))
			f->marker = np_step_marker(word, l->marker_is_smi);
	}
	return true;
}
#endif

/*
 * Optimised code between calls, where V8 recorded no source position for the
 * pc: some V8s record none at all for Maglev's code, some only those of calls.
 *
 * Deoptimisation sites are the landmarks then: conditional jumps to a deopt
 * exit, and calls.  Each site's translation names the functions that are active
 * there and how far each is.  What the nearest site says is near the truth, not
 * the truth: the answer is approximate.
 */
#ifndef NP_V8_DEOPT_SITES_H
#define NP_V8_DEOPT_SITES_H

#include "v8/code.h"
#include "v8/inlined.h"

/* The functions at the nearest site, without values; the nearest before pc_offset if there is one. NP_ENOTFOUND: none. */
np_err *np_deopt_site_near(np_v8 *v8, const struct np_code_object *code, uint32_t pc_offset, np_arena *arena,
			   struct np_inlined_frames *ret) NP_MUST;

/* Does the source position table of this code, of a V8 that may do so, tell the positions of calls alone? */
bool np_positions_are_of_calls(np_v8 *v8, const struct np_code_object *code);

#endif

/*
 * Executing positions: from a bytecode offset or a pc in optimised code to
 * source offsets, with inlined functions expanded.
 */
#ifndef NP_V8_POSITION_H
#define NP_V8_POSITION_H

#include "v8/bytecode.h"
#include "v8/code.h"
#include "v8/source_positions.h"

struct np_inline_position {
	np_addr shared;	/* SharedFunctionInfo */
	int32_t offset; /* source offset in its script, -1 unknown */
};

/* How this V8 writes its source position tables. */
struct np_position_format np_position_format(const np_v8 *v8);

/* Source offset of a bytecode offset; false when there is no table or entry. */
bool np_bytecode_position(np_v8 *v8, np_addr bytecode_array, int32_t bytecode_offset, int32_t *ret);

/*
 * Positions for a pc in optimised code, innermost inlined function first, the
 * outer function last.  look_up is the pc's offset in the code (one less for
 * return addresses).  outer_shared is used where the code does not tell.
 * Returns how many were found (at most max); 0 when there is no table.
 */
size_t np_code_positions(np_v8 *v8, const struct np_code_object *code, np_addr outer_shared, uint32_t look_up,
			 struct np_inline_position *ret, size_t max);

/* SharedFunctionInfo that optimised code was made for; false when it does not tell. */
bool np_code_shared(np_v8 *v8, const struct np_code_object *code, np_addr *ret);

/*
 * Bytecode offset that baseline code executes.  pc_offset as np_baseline_offset
 * takes it: a return address as it is, an interrupted pc plus one.
 */
bool np_baseline_bytecode_offset(np_v8 *v8, const struct np_code_object *code, np_addr bytecode_array, uint32_t pc_offset,
				 int32_t *ret);

/* The bytecode table that fits this binary; NULL when none does. */
const np_bytecode_table *np_v8_bytecode_table(np_v8 *v8, enum np_bytecode_fit *fit);

#endif

/* Shared by the files of fullcodegen only. */
#ifndef NP_V8_FULLCODEGEN_IMPL_H
#define NP_V8_FULLCODEGEN_IMPL_H

#include "v8/fullcodegen.h"
#include "v8/fullcodegen_deopt.h"
#include "v8/fullcodegen_reloc.h"
#include "v8/function.h"

/* A Crankshaft frame with everything of its code that was read. */
struct np_crankshaft {
	np_v8 *v8;
	np_arena *arena;
	const struct np_code_object *code;
	np_addr fp, function; /* 0 unknown */
	np_addr shared;
	struct np_reloc_format reloc_format;
	struct np_translation_format format;
	const uint8_t *reloc, *safepoints, *translations;
	size_t reloc_len, safepoints_len, translations_len;
	uint32_t safepoint_entry_bytes;
	np_addr deopt_data, literals; /* FixedArrays; 0: the code cannot deoptimise */
	uint32_t deopt_count, literal_count;
	uint32_t ops_left; /* translation commands that may still be read: bad data must end */
};

bool np_reloc_format_of(const np_layout *layout, struct np_reloc_format *ret);
np_err *np_reloc_read(np_v8 *v8, const struct np_code_object *code, np_arena *arena, const uint8_t **ret,
		      size_t *ret_len) NP_MUST;
/* Frames of deopt entry index; is_call: the entry belongs to a call that is active. */
np_err *np_crankshaft_translate(struct np_crankshaft *c, int32_t index, bool is_call,
				struct np_inlined_frames *ret) NP_MUST;
/* Frames at a pc between calls: never exact. */
np_err *np_crankshaft_near(struct np_crankshaft *c, uint32_t pc_offset, struct np_inlined_frames *ret) NP_MUST;

#endif

/* Native frames and V8's own. */
#include <stdlib.h>
#include <string.h>

#include "stack/walk.h"

void np_frame_native(struct walker *w, const struct pc_place *place, np_addr pc)
{
	struct np_frame f = {.kind = NP_FRAME_NATIVE, .pc = pc, .fp = w->regs.r[NP_REG_RBP], .name = "",
			     .source_offset = -1, .bytecode_offset = -1};
	if (place->symbol.name) {
		char *plain = np_demangle(place->symbol.name);
		f.name = np_arena_strdup(w->arena, plain);
		free(plain);
		f.symbol_offset = pc - place->symbol.start;
	}
	if (place->symbol.image)
		f.file = np_image_path(place->symbol.image);
	np_vec_push(&w->frames, f);
}

void np_frame_internal(struct walker *w, const struct pc_place *place, np_addr pc, np_addr fp, const char *what)
{
	struct np_frame f = {.kind = NP_FRAME_INTERNAL, .pc = pc, .fp = fp, .source_offset = -1, .bytecode_offset = -1};
	if (place->builtin) {
		f.name = np_arena_strdup(w->arena, place->builtin);
		f.symbol_offset = pc - place->symbol.start;
	} else if (place->kind == PC_CODE && place->code->kind == NP_CODE_REGEXP) {
		f.name = "(regular expression)";
	} else {
		f.name = what ? what : "(V8 code)";
	}
	if (what && place->builtin)
		f.note = np_arena_strdup(w->arena, what);
	if (place->code)
		f.code = place->code->addr;
	np_vec_push(&w->frames, f);
}

/* What the files of this layer share while one stack is walked. */
#ifndef NP_STACK_WALK_H
#define NP_STACK_WALK_H

#include "base/vec.h"
#include "stack/stack.h"
#include "stack/step.h"
#include "v8/code.h"
#include "v8/inlined.h"
#include "v8/position.h"

struct walker {
	np_target *target;
	np_v8 *v8; /* NULL: native only */
	np_arena *arena;
	const struct np_thread *thread;
	const struct np_stack_options *options;
	struct np_step_layout layout;
	NP_VEC(struct np_frame) frames;
	struct np_regs regs;
	bool exact;	  /* regs.rip is where the thread is, not a return address */
	size_t group;	  /* first frame of the last JS frame (its innermost inlined one) */
	size_t group_end; /* one past its outermost; 0: none yet */
	size_t adaptors;  /* arguments adaptor frames since then */
	bool in_handler;  /* the thread was interrupted in a bytecode handler of the next JS frame */
	const char *note;
};

/* Where a pc lies. */
enum pc_kind { PC_UNKNOWN, PC_NATIVE, PC_BUILTIN, PC_CODE };

struct pc_place {
	enum pc_kind kind;
	struct np_symbol_at symbol; /* NATIVE, BUILTIN */
	const struct np_code_object *code; /* CODE */
	const char *builtin;	    /* name without "Builtins_", NULL */
};

void np_pc_classify(struct walker *w, np_addr pc, struct pc_place *ret);

/* frame_js.c: appends the frames (inlined first) of a JavaScript frame. */
void np_frame_js(struct walker *w, const struct pc_place *place, np_addr pc, bool exact, const struct np_step_frame *raw);
/* The same for code that has not built its frame yet: only the Code tells. */
void np_frame_js_unframed(struct walker *w, const struct pc_place *place, np_addr pc);
/*
 * inlined.c: the functions that optimised code stands for at a return address;
 * at[0..n) are those that its position table names, innermost first.  False
 * when the two disagree or nothing is known.
 */
bool np_inlined_find(struct walker *w, const struct np_frame *f, const struct np_code_object *code,
		     const struct np_inline_position *at, size_t n, struct np_inlined_frames *ret);
/* Receiver and arguments, locals in registers. */
void np_inlined_args(struct walker *w, struct np_frame *f, const struct np_inlined_frame *in);
void np_inlined_locals(struct walker *w, struct np_frame *f, const struct np_inlined_frame *in);
/* args.c: arguments of the outermost frame of the last JS frame group. */
void np_frame_args(struct walker *w, struct np_frame *f, const struct np_step_frame *raw);
/* Names for f->args[0..arg_count). */
void np_arg_names(struct walker *w, struct np_frame *f);
/* An arguments adaptor frame (up to 8.4) below: it has the real arguments. */
void np_frame_args_adapted(struct walker *w, struct np_frame *f, np_addr adaptor_fp);
void np_frame_locals(struct walker *w, struct np_frame *f, const struct np_step_frame *raw);
/* Fills display from receiver, function and kind of call. */
void np_frame_display(struct walker *w, struct np_frame *f);
/* File, line, column of shared + source_offset. */
void np_frame_place(struct walker *w, struct np_frame *f);
/* Native and V8-internal frames. */
void np_frame_native(struct walker *w, const struct pc_place *place, np_addr pc);
void np_frame_internal(struct walker *w, const struct pc_place *place, np_addr pc, np_addr fp, const char *what);

#endif

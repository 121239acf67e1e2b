/*
 * The functions that one frame of optimised code stands for, with receiver,
 * arguments and locals, as the deoptimisation data of every optimising
 * compiler tells them: Crankshaft's (fullcodegen.h), TurboFan's and Maglev's
 * (translation.h).
 */
#ifndef NP_V8_INLINED_H
#define NP_V8_INLINED_H

#include "v8/v8.h"

enum np_inlined_value_kind {
	NP_INLINED_NONE, /* optimised away, or in a register */
	NP_INLINED_TAGGED,
	NP_INLINED_NUMBER, /* kept unboxed */
	NP_INLINED_BOOLEAN,
};

struct np_inlined_value {
	enum np_inlined_value_kind kind;
	np_tagged tagged;
	double number; /* of booleans 0 or 1 */
};

struct np_inlined_frame {
	np_addr shared;	  /* SharedFunctionInfo */
	np_addr function; /* JSFunction, 0 unknown */
	int32_t position; /* source offset of what it executes, -1 unknown */
	bool position_exact;
	bool is_construct; /* called with new; unknown for the outermost one */
	bool is_builtin;   /* a builtin's loop that was inlined: Array.forEach, ...; no position, and of the values the receiver alone */
	bool has_values;   /* the following are known: only for calls, and when fp was given */
	np_addr bytecode_array;	 /* 0 unknown */
	int32_t bytecode_offset; /* -1 unknown */
	struct np_inlined_value receiver, context;
	struct np_inlined_value *args; /* the real arguments, as many as the call passed; of the outermost one: declared */
	uint32_t arg_count;
	uint32_t declared_count; /* parameters */
	/* stack locals in slot order, then temporaries; of code that was made from bytecode: the registers */
	struct np_inlined_value *locals;
	uint32_t local_count;
};

struct np_inlined_frames {
	struct np_inlined_frame *frames; /* outermost first; never empty */
	size_t len;
	bool exact; /* that these functions are active, and no others, is certain */
};

#endif

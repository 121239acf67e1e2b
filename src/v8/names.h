/*
 * Names that V8 does not keep in the heap: of parameters, and of variables
 * that live in interpreter registers.  Up to 6.8 the ScopeInfo has them;
 * later they are recovered from the function's source.
 */
#ifndef NP_V8_NAMES_H
#define NP_V8_NAMES_H

#include "v8/v8.h"

struct np_param_name {
	const char *name; /* identifier, or the text of a pattern */
	bool is_rest;
};

struct np_param_names {
	struct np_param_name *params;
	size_t count;
};

/* Parameter names of a function; count 0 when nothing tells. */
void np_param_names(np_v8 *v8, np_addr shared, np_arena *arena, struct np_param_names *ret);

struct np_register_name {
	uint32_t index; /* register number */
	const char *name;
	bool trusted; /* false: which register holds it could not be derived for sure */
};

struct np_register_names {
	struct np_register_name *names;
	size_t count;
};

/* Names of the registers that hold variables in scope at a source offset (-1: all). */
void np_register_names(np_v8 *v8, np_addr shared, int32_t source_offset, np_arena *arena,
		       struct np_register_names *ret);

#endif

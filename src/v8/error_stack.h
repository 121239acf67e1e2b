/* Stacks that Error objects carry, decoded from their call sites or already formatted by V8. */
#ifndef NP_V8_ERROR_STACK_H
#define NP_V8_ERROR_STACK_H

#include "v8/v8.h"

struct np_call_site {
	np_addr function;  /* JSFunction, 0 unknown */
	np_addr shared;
	const char *name;  /* "" anonymous */
	const char *file;  /* NULL unknown */
	int line, column;  /* 0 unknown */
	bool exact;	   /* false: the definition */
};

struct np_error_stack {
	const char *text; /* formatted by V8 (it was read by the program), NULL when not yet */
	struct np_call_site *sites;
	size_t site_count;
};

/* False when the object carries no stack. */
bool np_error_stack_load(np_v8 *v8, np_addr error, np_arena *arena, struct np_error_stack *ret);

#endif

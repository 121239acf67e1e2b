/* Stacks that Error objects carry, decoded from their call sites or already formatted by V8. */
#ifndef NP_V8_ERROR_STACK_H
#define NP_V8_ERROR_STACK_H

#include "v8/v8.h"

struct np_call_site {
	np_addr function;  /* JSFunction, 0 unknown */
	np_addr shared;
	const char *name;  /* "" anonymous */
	const char *call;  /* as V8 prints it: "new Foo", "Foo.bar [as baz]"; NULL: only its place is printed */
	const char *place; /* as V8 prints it: "file:1:2", "<anonymous>", "native" */
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

/* Is it an Error, or an object that captured a stack and inherits from Error? */
bool np_is_error(np_v8 *v8, np_addr object);

/* "TypeError: message", as Error.prototype.toString gives it from plain data properties. */
const char *np_error_title(np_v8 *v8, np_addr error, np_arena *arena);

/* The whole text as `.stack` would give it; NULL when the object carries no stack. */
const char *np_error_stack_text(np_v8 *v8, np_addr error, np_arena *arena);

#endif

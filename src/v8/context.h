/* Contexts: the variables that closures capture. */
#ifndef NP_V8_CONTEXT_H
#define NP_V8_CONTEXT_H

#include "v8/scopeinfo.h"

struct np_variable {
	const char *name;
	np_tagged value;
	bool is_number; /* kept unboxed in a ContextCell (14.1 on): number, not value */
	double number;
	np_addr slot; /* address of the slot */
};

struct np_context {
	np_addr addr;
	np_addr scope_info; /* 0: a native or foreign context, or one of a catch block up to 5.4 */
	struct np_scope_info info;
	np_addr previous;   /* 0 none */
	np_tagged extension; /* sloppy eval's object, with's object, module; raw 0 none */
	bool is_native;
	struct np_variable *variables;
	size_t variable_count;
};

np_err *np_context_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_context *ret) NP_MUST;

#endif

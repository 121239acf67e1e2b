/* JSFunction and SharedFunctionInfo. */
#ifndef NP_V8_FUNCTION_H
#define NP_V8_FUNCTION_H

#include "v8/v8.h"

struct np_shared {
	np_addr addr;
	np_addr scope_info; /* 0: not compiled, or none */
	np_addr outer_scope_info;
	np_addr script;	    /* 0: native builtin */
	np_addr bytecode;   /* BytecodeArray, 0 none */
	const char *name;   /* its own name, "" when anonymous */
	const char *inferred_name; /* V8's guess from the assignment, "" when none */
	int32_t start, end; /* source range of parameters and body in UTF-16 units, -1 unknown */
	int32_t token;	    /* offset of the `function` token or method name, -1 unknown */
	int32_t formal_count; /* declared parameters without receiver; -1: takes what comes */
	bool is_toplevel, is_native;
};

np_err *np_shared_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_shared *ret) NP_MUST;
/* Name, else inferred name, else a name found in the source before its start; "" when it has none. */
const char *np_shared_debug_name(np_v8 *v8, const struct np_shared *shared, np_arena *arena);
/* SharedFunctionInfo of a JSFunction; false when it is none. */
bool np_function_shared(np_v8 *v8, np_addr function, np_addr *ret);
/*
 * Name of a closure as V8's GetDebugName gives it: its own `name` property if
 * that is a plain string, else the shared name, else the inferred one.
 * "" for anonymous functions, NULL when it is no function.
 */
const char *np_function_name(np_v8 *v8, np_addr function, np_arena *arena);
/* Is the function a class? Told by its instance type, the last of the functions' (10.2+). */
bool np_is_class(np_v8 *v8, np_addr function);
/* Is it a function of V8 itself (a builtin without a script)? */
bool np_shared_is_builtin(np_v8 *v8, np_addr shared);

#endif

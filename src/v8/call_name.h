/*
 * A call as Error.stack prints it: "Type.method [as alias]", "new Type",
 * "function"; and where evaluated code comes from.  Follows V8's serialisation
 * of call sites (src/objects/call-site-info.cc; messages.js up to 5.1).
 */
#ifndef NP_V8_CALL_NAME_H
#define NP_V8_CALL_NAME_H

#include "v8/script.h"
#include "v8/v8.h"

struct np_call {
	np_addr function;   /* JSFunction, 0 unknown */
	const char *name;   /* its debug name ("eval" for evaluated code), "" anonymous */
	np_tagged receiver;
	bool has_receiver;  /* else it is taken for a plain function call */
	bool is_constructor;
};

/*
 * The name that V8 prints for a function: its own `name` if that is a plain
 * string, else the shared one, else the inferred one; "" when it has none.
 */
const char *np_call_function_name(np_v8 *v8, np_addr function, np_arena *arena);

/* NULL for an anonymous function that is no method: V8 prints its place alone. */
const char *np_call_name(np_v8 *v8, const struct np_call *call, np_arena *arena);

/* "eval at f (file:1:2)" for a script without a name; NULL when it is not evaluated code. */
const char *np_eval_origin(np_v8 *v8, const struct np_script *script, np_arena *arena);

#endif

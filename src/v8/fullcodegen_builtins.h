/*
 * Names of builtins that are Code objects of the heap (V8 up to 6.8).
 *
 * Up to 5.1 the Code does not know its number: the isolate holds an array of
 * Code pointers and, right after it, the array of their names.  Later the Code
 * holds its number, and a table in the executable the names.  (From 7.x on
 * builtins are symbols of the executable: not here.)
 */
#ifndef NP_V8_FULLCODEGEN_BUILTINS_H
#define NP_V8_FULLCODEGEN_BUILTINS_H

#include "v8/code.h"

enum { NP_BUILTIN_NAME_MAX = 96 };

/*
 * Name of a Code of kind NP_CODE_BUILTIN, e.g. "ArgumentsAdaptorTrampoline".
 * isolate: of the thread, 0 unknown (then only versions with numbers answer).
 * NP_ENOTFOUND when it has none.
 */
np_err *np_old_builtin_name(np_v8 *v8, np_addr isolate, const struct np_code_object *code,
			    char ret[NP_BUILTIN_NAME_MAX]) NP_MUST;

#endif

/*
 * The names that V8 gives to its code in perf maps, jitdumps and --prof logs, taken
 * apart.  The forms, by version of Node.js:
 *
 *     LazyCompile:*run /app/a.js:3        up to 18 (16 and 18 with :column); ~ interpreted or not optimised
 *     Function:^run /app/a.js:3:13        16, 18: ^ is Sparkplug's code
 *     JS:+run /app/a.js:3:13              from 20 on: ~ interpreted, ^ Sparkplug, + Maglev, * Turbofan;
 *                                         o+ o* entered by on-stack replacement, +' *' for one context alone
 *     JS:fib-3-turbofan                   WebAssembly: name, index, tier
 *     Script:~ /app/a.js:1:1  Eval:~ /app/a.js:1:1
 *     RegExp:SOURCE  Builtin:NAME  BytecodeHandler:NAME  Stub:NAME  LoadIC:NAME ...
 *     Builtins_NAME                       a symbol of the node binary
 *
 * All of them may be followed by +0x1f, an offset that a tool added.
 */
#ifndef NP_FORMAT_V8_SYMBOL_H
#define NP_FORMAT_V8_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct np_v8_symbol {
	const char *name, *file; /* in the text; file NULL: none */
	size_t name_len, file_len;
	uint32_t line, column; /* where the function begins, from 1; 0 unknown */
	uint8_t kind, tier;    /* enum np_profile_kind, np_profile_tier */
	bool is_osr;
};

/* False: V8 gives no such names. */
bool np_v8_symbol_parse(const char *text, size_t len, struct np_v8_symbol *ret);
/* Takes ":line" or ":line:column" from the end of a text; false: there is none. */
bool np_place_cut(const char *text, size_t *len, uint32_t *ret_line, uint32_t *ret_column);
/* Length without "+0x1f" at the end. */
size_t np_offset_cut(const char *text, size_t len);

#endif

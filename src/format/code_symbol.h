/* A piece of generated code with a name, as perf maps and jitdumps tell it. */
#ifndef NP_FORMAT_CODE_SYMBOL_H
#define NP_FORMAT_CODE_SYMBOL_H

#include "base/types.h"

struct np_code_symbol {
	np_addr start;
	uint64_t size_bytes;
	const char *name; /* not NUL-terminated; anything but a line break may be in it */
	uint32_t name_bytes;
};

/* Names longer than this are cut: regular expressions and evaluated code carry their whole text. */
enum { NP_CODE_NAME_MAX = 16384 };

#endif

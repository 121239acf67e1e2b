/* What the files of strings share; nobody else includes it. */
#ifndef NP_HEAP_STRINGS_INTERNAL_H
#define NP_HEAP_STRINGS_INTERNAL_H

#include "heap/strings.h"

struct string_shape {
	uint8_t form; /* enum np_string_form */
	bool is_one_byte;
};

struct np_strings {
	np_graph *graph;
	np_v8 *v8;
	struct string_shape *shapes;
	uint32_t length_at, chars_at;
	bool length_is_smi;
};

#endif

/* Which symbols `nopsy symbols` is asked for by name. */
#ifndef NP_CMD_SYMBOLS_MATCH_H
#define NP_CMD_SYMBOLS_MATCH_H

#include <stddef.h>

#include "base/arena.h"

/*
 * A name as users write it: mangled, demangled with or without parameters, a
 * builtin with or without "Builtins_"; * and ? match as in file names.
 */
struct np_symbol_pattern {
	const char *text;
	const char *literal; /* the longest word in it: a mangled name without that cannot match */
	size_t literal_bytes;
	bool is_glob;
};

void np_symbol_pattern_make(const char *text, struct np_symbol_pattern *ret);
/* Of a symbol as it stands in the table. */
bool np_symbol_pattern_matches(const struct np_symbol_pattern *pattern, const char *mangled);

#endif

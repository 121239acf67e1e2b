/*
 * Source lines of native code, from the DWARF of an ELF file, or of the separate
 * file that its build-id or debug link names (libdwfl looks where gdb does).
 */
#ifndef NP_TARGET_LINES_H
#define NP_TARGET_LINES_H

#include "base/err.h"

typedef struct np_lines np_lines;

struct np_source_line {
	const char *function; /* mangled where the compiler says so; NULL unknown */
	const char *file;     /* NULL unknown */
	int line, column;     /* 0 unknown */
};

/* NP_ENOTFOUND when there is no DWARF. */
np_err *np_lines_open(const char *file, np_lines **ret) NP_MUST;
void np_lines_close(np_lines *lines);
/*
 * Where the code at an address of the file (a vaddr) comes from: the innermost
 * function first, then those it was inlined into, at most max; how many there
 * are. The texts live as long as lines.
 */
size_t np_lines_at(np_lines *lines, np_addr vaddr, struct np_source_line *ret, size_t max);

#endif

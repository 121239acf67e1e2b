/*
 * Reads V8's .heapsnapshot files: how many nodes of which class, and their
 * bytes.  The file is scanned once from front to back and never held, as it may
 * be larger than memory.
 *
 * The format: a JSON object with `snapshot` (its `meta` says what the numbers of
 * a node are), `nodes` (one flat array of numbers), `edges`, ..., `strings`
 * (what names are indices of).  Documented by V8's heap-snapshot-generator.cc;
 * the fields of a node differ with the version, their order is taken from meta.
 *
 * What is not JSON, not in this order or not whole is an error with the offset
 * in the file.  Memory: what the names of classes take, and 32 bytes a class.
 */
#ifndef NP_FORMAT_HEAPSNAPSHOT_READ_H
#define NP_FORMAT_HEAPSNAPSHOT_READ_H

#include <stdio.h>

#include "base/arena.h"

struct np_heapsnapshot_class {
	const char *type; /* "object", "native", "hidden", ... as meta calls it */
	const char *name; /* UTF-8; NULL: nodes of this type are not told apart by name (strings, code, ...) */
	uint64_t count, self_bytes;
};

struct np_heapsnapshot_census {
	struct np_heapsnapshot_class *classes;
	size_t class_count;
	uint64_t node_count, self_bytes; /* synthetic nodes included */
};

/* Does the file begin like one? False also when it cannot be read. */
bool np_heapsnapshot_is(const char *path);
/* Reads from the current position to the end. */
np_err *np_heapsnapshot_census_read(FILE *file, np_arena *arena, struct np_heapsnapshot_census *ret) NP_MUST;
np_err *np_heapsnapshot_census_open(const char *path, np_arena *arena, struct np_heapsnapshot_census *ret) NP_MUST;

#endif

/*
 * Between the files of this layer.
 *
 *	symbols.c   the binary's v8dbg_ symbols with their values, sorted by name
 *	version.c   which V8 and which Node this is
 *	tables.c    the generated tables: look-up, names
 *	types.c     names of instance types and frame types
 *	resolve.c   one value for each fact, by order of belief
 *	layout.c    opening and the accessors
 */
#ifndef NP_LAYOUT_INTERNAL_H
#define NP_LAYOUT_INTERNAL_H

#include "base/arena.h"
#include "layout/tables.h"

/* One v8dbg_ symbol. */
struct np_v8dbg {
	const char *name; /* without "v8dbg_"; owned by the image */
	int32_t value;
};

struct np_v8dbg_table {
	struct np_v8dbg *data; /* ascending by name (strcmp) */
	size_t count;
};

/* Reads every v8dbg_ symbol of image through the target's memory; free data with free(). */
void np_v8dbg_load(np_image *image, np_mem *mem, struct np_v8dbg_table *ret);
/* First symbol in order of name whose name starts with the first len bytes of prefix, or NULL. */
const struct np_v8dbg *np_v8dbg_find(const struct np_v8dbg_table *symbols, const char *prefix, size_t len);

/* Version of the V8 in image; false when nothing tells. */
bool np_version_v8(np_target *target, np_image *image, struct np_v8_version *ret);
/* "24.21.0", allocated in arena; "" when nothing tells. */
const char *np_version_node(np_target *target, np_image *image, np_arena *arena);

/* Fills value, source and symbol_name of every fact. table may be NULL; exact as np_layout_table_find() said. */
void np_resolve_facts(np_layout *layout, const struct np_v8dbg_table *symbols, const struct np_layout_table *table,
		      bool exact);

/* Fills types and frame_types; names live in arena or in the tables. */
void np_types_load(np_layout *layout, const struct np_v8dbg_table *symbols, const struct np_layout_table *table,
		   bool exact, np_arena *arena);

#endif

/*
 * The generated tables (build/gen/layout_facts.c): what facts.tsv and the
 * .facts files say.  Only this layer uses them; others ask layout.h.
 */
#ifndef NP_LAYOUT_TABLES_H
#define NP_LAYOUT_TABLES_H

#include "layout/layout.h"

enum np_table_state {
	NP_TABLE_SILENT, /* the table does not mention the fact */
	NP_TABLE_ABSENT, /* `fact -`: this V8 has no such thing */
	NP_TABLE_VALUE,
};

struct np_table_value {
	int32_t value; /* NP_FACT_MISSING unless NP_TABLE_VALUE */
	uint8_t state; /* enum np_table_state */
	bool symbol_lies; /* `!`: believe the table, not the symbol */
};

/* Instance types that the binary's symbols do not name. */
struct np_table_type {
	int32_t type;
	const char *name;  /* "JS_ARRAY_TYPE" */
	const char *klass; /* "JSArray" */
};

struct np_layout_table {
	/*
	 * From this V8 on, up to the next table or the next minor version.
	 * build and patch are 0 but where Node changed a layout within one.
	 */
	struct np_v8_version from;
	const char *name;	    /* of the facts file without ".facts" */
	const char *node_versions;  /* where the values were verified */
	const struct np_table_value *values; /* NP_FACT_COUNT rows */
	const struct np_table_type *types;   /* ascending by number; NULL when there is none */
	size_t type_count;
};

extern const struct np_fact_info np_layout_fact_info[]; /* NP_FACT_COUNT rows */
extern const struct np_layout_table np_layout_tables[]; /* ascending by version */
extern const size_t np_layout_table_count;

/* The table of this V8 (exact: of its major.minor), or the nearest older one, or NULL. */
const struct np_layout_table *np_layout_table_find(const struct np_v8_version *version, bool *exact);

#endif

/* The generated tables: which one serves a V8, facts by name, words for sources. */
#include <string.h>

#include "layout/internal.h"

const struct np_layout_table *np_layout_table_find(int major, int minor, bool *exact)
{
	const struct np_layout_table *best = NULL;
	for (size_t i = 0; i < np_layout_table_count; i++) {
		const struct np_layout_table *t = &np_layout_tables[i];
		if (t->major > major || (t->major == major && t->minor > minor))
			break;
		best = t;
	}
	*exact = best && best->major == major && best->minor == minor;
	return best;
}

const struct np_fact_info *np_fact_info(enum np_fact fact)
{
	return fact < NP_FACT_COUNT ? &np_layout_fact_info[fact] : NULL;
}

enum np_fact np_fact_by_name(const char *name)
{
	for (size_t i = 0; i < NP_FACT_COUNT; i++)
		if (!strcmp(np_layout_fact_info[i].name, name))
			return (enum np_fact)i;
	return NP_FACT_COUNT;
}

const char *np_fact_source_name(enum np_fact_source source)
{
	static const char *const names[] = {
		[NP_SOURCE_MISSING] = "missing",       [NP_SOURCE_SYMBOL] = "symbol",
		[NP_SOURCE_TABLE] = "table",	       [NP_SOURCE_CALIBRATED] = "calibrated",
		[NP_SOURCE_NEAREST] = "nearest",
	};
	return source < NP_ARRAY_LEN(names) ? names[source] : "missing";
}

/* The generated tables: which one serves a V8, facts by name, words for sources. */
#include <string.h>

#include "layout/internal.h"

static int version_compare(const struct np_v8_version *a, const struct np_v8_version *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	if (a->build != b->build)
		return a->build < b->build ? -1 : 1;
	return a->patch < b->patch ? -1 : a->patch > b->patch;
}

const struct np_layout_table *np_layout_table_find(const struct np_v8_version *version, bool *exact)
{
	const struct np_layout_table *best = NULL;
	for (size_t i = 0; i < np_layout_table_count; i++) {
		if (version_compare(&np_layout_tables[i].from, version) > 0)
			break;
		best = &np_layout_tables[i];
	}
	*exact = best && best->from.major == version->major && best->from.minor == version->minor;
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

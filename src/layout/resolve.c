/*
 * One value for each fact, by order of belief (layout.h).
 *
 * The nearest older table is a guess, and a bad one for numbers that V8 hands
 * out in a row: instance types, frame types and code kinds shift by one for
 * every new member.  So a number of such a family comes from the nearest table
 * only when the members that both table and symbols know show how far it has
 * moved: one that had the same number, or the next lower and the next higher
 * one moved equally far, or all of them did.  Otherwise it stays unknown.
 */
#include <string.h>

#include "layout/internal.h"

/* First listed alternative that exists. */
static const struct np_v8dbg *fact_symbol(enum np_fact fact, const struct np_v8dbg_table *symbols)
{
	for (const char *s = np_layout_fact_info[fact].symbols; *s;) {
		size_t len = strcspn(s, ",");
		const struct np_v8dbg *found = np_v8dbg_find(symbols, s, len);
		if (found)
			return found;
		s += len;
		s += *s == ',';
	}
	return NULL;
}

/* Length of the name of a family of numbers handed out in a row, 0: not in one. */
static size_t fact_family(enum np_fact fact)
{
	static const char *const families[] = {"type.", "frametype.", "CodeKind."};
	const char *name = np_layout_fact_info[fact].name;
	for (size_t i = 0; i < NP_ARRAY_LEN(families); i++)
		if (!strncmp(name, families[i], strlen(families[i])))
			return strlen(families[i]);
	return 0;
}

/* How far fact's number has moved since table; false when its family does not tell. */
static bool family_shift(const np_layout *layout, const struct np_layout_table *table, enum np_fact fact, int64_t *ret)
{
	size_t family = fact_family(fact);
	int64_t number = table->values[fact].value, lower = -1, higher = INT64_MAX, lower_shift = 0, higher_shift = 0;
	bool all_equal = true, any = false;
	int64_t first_shift = 0;
	for (size_t i = 0; i < NP_FACT_COUNT; i++) {
		if (strncmp(np_layout_fact_info[i].name, np_layout_fact_info[fact].name, family) ||
		    layout->source[i] != NP_SOURCE_SYMBOL || table->values[i].state != NP_TABLE_VALUE)
			continue;
		int64_t theirs = table->values[i].value, shift = layout->value[i] - theirs;
		if (!any)
			first_shift = shift;
		all_equal = all_equal && shift == first_shift;
		any = true;
		if (theirs == number) {
			*ret = shift;
			return true;
		}
		if (theirs < number && theirs > lower) {
			lower = theirs;
			lower_shift = shift;
		}
		if (theirs > number && theirs < higher) {
			higher = theirs;
			higher_shift = shift;
		}
	}
	*ret = lower_shift;
	if (any && all_equal)
		*ret = first_shift;
	return any && (all_equal || (lower >= 0 && higher != INT64_MAX && lower_shift == higher_shift));
}

static void fact_set(np_layout *layout, enum np_fact fact, int32_t value, enum np_fact_source source)
{
	layout->value[fact] = value;
	layout->source[fact] = value == NP_FACT_MISSING ? NP_SOURCE_MISSING : (uint8_t)source;
}

static void resolve_nearest(np_layout *layout, const struct np_layout_table *table)
{
	for (size_t i = 0; i < NP_FACT_COUNT; i++) {
		enum np_fact fact = (enum np_fact)i;
		int64_t value = table->values[i].value, shift = 0;
		if (layout->source[i] != NP_SOURCE_MISSING || table->values[i].state != NP_TABLE_VALUE)
			continue;
		if (fact_family(fact) && !family_shift(layout, table, fact, &shift))
			continue;
		value += shift;
		if (value > INT32_MIN && value <= INT32_MAX)
			fact_set(layout, fact, (int32_t)value, NP_SOURCE_NEAREST);
	}
}

void np_resolve_facts(np_layout *layout, const struct np_v8dbg_table *symbols, const struct np_layout_table *table,
		      bool exact)
{
	for (size_t i = 0; i < NP_FACT_COUNT; i++) {
		enum np_fact fact = (enum np_fact)i;
		const struct np_table_value *known = table && exact ? &table->values[i] : NULL;
		const struct np_v8dbg *symbol = fact_symbol(fact, symbols);
		layout->symbol_name[i][0] = '\0';
		if (symbol && !(known && known->symbol_lies)) {
			fact_set(layout, fact, symbol->value, NP_SOURCE_SYMBOL);
			strncpy(layout->symbol_name[i], symbol->name, sizeof(layout->symbol_name[i]) - 1);
			layout->symbol_name[i][sizeof(layout->symbol_name[i]) - 1] = '\0';
		} else {
			fact_set(layout, fact, known ? known->value : NP_FACT_MISSING, NP_SOURCE_TABLE);
		}
	}
	if (table && !exact)
		resolve_nearest(layout, table);
}

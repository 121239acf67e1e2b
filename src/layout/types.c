/*
 * Names of instance types and of frame types.
 *
 * The binary names many in symbols, type_<Class>__<NAME_TYPE>; the table of
 * exactly this V8 names the rest.  Numbers shift with every V8, so another
 * version's table is no help here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "layout/internal.h"

static int type_compare(const void *a, const void *b)
{
	const struct np_type_name *x = a, *y = b;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int frame_type_compare(const void *a, const void *b)
{
	const struct np_frame_type *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool type_known(const struct np_type_name *types, size_t count, int32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (types[i].type == number)
			return true;
	return false;
}

static void types_collect(np_layout *layout, const struct np_v8dbg_table *symbols,
			  const struct np_layout_table *table, np_arena *arena)
{
	static const char prefix[] = "type_";
	size_t skip = strlen(prefix), extra = table ? table->type_count : 0, named;
	NP_VEC(struct np_type_name) found = {0};
	for (size_t i = 0; i < symbols->count; i++) {
		const struct np_v8dbg *symbol = &symbols->data[i];
		const char *gap = strncmp(symbol->name, prefix, skip) ? NULL : strstr(symbol->name + skip, "__");
		if (!gap || symbol->value < 0 || type_known(found.data, found.len, symbol->value))
			continue;
		const char *klass = np_arena_strndup(arena, symbol->name + skip, (size_t)(gap - symbol->name) - skip);
		np_vec_push(&found, (struct np_type_name){symbol->value, gap + 2, klass});
	}
	named = found.len;
	for (size_t i = 0; i < extra; i++)
		if (!type_known(found.data, named, table->types[i].type))
			np_vec_push(&found, (struct np_type_name){table->types[i].type, table->types[i].name,
								  table->types[i].klass});
	layout->types = NP_NEW_ARRAY(arena, struct np_type_name, found.len + 1);
	layout->type_count = found.len;
	if (found.len) {
		memcpy(layout->types, found.data, found.len * sizeof(*found.data));
		qsort(layout->types, found.len, sizeof(*found.data), type_compare);
	}
	np_vec_deinit(&found);
}

void np_types_load(np_layout *layout, const struct np_v8dbg_table *symbols, const struct np_layout_table *table,
		   bool exact, np_arena *arena)
{
	static const char prefix[] = "frametype_";
	size_t skip = strlen(prefix), count = 0;
	types_collect(layout, symbols, exact ? table : NULL, arena);
	layout->frame_types = NP_NEW_ARRAY(arena, struct np_frame_type, symbols->count + 1);
	for (size_t i = 0; i < symbols->count; i++)
		if (!strncmp(symbols->data[i].name, prefix, skip))
			layout->frame_types[count++] =
				(struct np_frame_type){symbols->data[i].value, symbols->data[i].name + skip};
	qsort(layout->frame_types, count, sizeof(*layout->frame_types), frame_type_compare);
	layout->frame_type_count = count;
}

const char *np_layout_type_name(const np_layout *layout, int32_t type)
{
	size_t low = 0, high = layout->type_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (layout->types[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return low < layout->type_count && layout->types[low].type == type ? layout->types[low].name : NULL;
}

const char *np_layout_frame_type_name(const np_layout *layout, int32_t id)
{
	for (size_t i = 0; i < layout->frame_type_count; i++)
		if (layout->frame_types[i].id == id)
			return layout->frame_types[i].name;
	return NULL;
}

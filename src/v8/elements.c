/* Indexed properties: the elements half of object.h. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#include "v8/array.h"
#include "v8/object.h"

enum { ELEMENTS_MAX = 1 << 28, HASH_TABLE_HEADER = 3, ARGUMENTS_HEADER = 2 };

static bool double_is_hole(uint64_t bits)
{
	/* kHoleNanInt64: the first up to 3.x, the second later */
	return bits == 0x7fffffffffffffffull || bits == 0xfff7fffffff7ffffull;
}

bool np_elements_load(np_v8 *v8, np_addr object, struct np_elements *ret)
{
	const np_layout *l = v8->layout;
	const struct np_map *map, *store;
	np_tagged t;
	struct np_elements e = {0};
	if (!np_map_of(v8, object, &map) || !np_field(v8, object, NP_F_JSObject_elements, &t) || !np_is_ref(t) ||
	    !np_map_of(v8, np_ref(t), &store))
		return false;
	e.array = np_ref(t);
	if (!np_array_length(v8, e.array, &e.capacity) || e.capacity > ELEMENTS_MAX)
		return false;
	enum np_kind store_kind = np_kind_of_type(v8, store->type);
	e.form = e.capacity ? NP_ELEMENTS_TAGGED : NP_ELEMENTS_NONE;
	if (store_kind == NP_KIND_FIXED_DOUBLE_ARRAY)
		e.form = NP_ELEMENTS_DOUBLE;
	else if (store_kind == NP_KIND_BYTE_ARRAY)
		e.form = NP_ELEMENTS_NONE;
	else if (map->elements_kind == np_get(l, NP_F_elements_dictionary))
		e.form = NP_ELEMENTS_DICTIONARY;
	else if (map->elements_kind > np_get(l, NP_F_elements_dictionary) &&
		 np_kind_of_type(v8, map->type) == NP_KIND_JS_ARGUMENTS && e.capacity >= ARGUMENTS_HEADER) {
		/* sloppy arguments: {context, arguments} then mapped entries; values live in `arguments` */
		if (np_array_get(v8, e.array, 1, &t) && np_is_ref(t) && np_array_length(v8, np_ref(t), &e.capacity))
			e.array = np_ref(t);
	}
	e.length = e.capacity;
	if (np_kind_of_type(v8, map->type) == NP_KIND_JS_ARRAY) {
		double len;
		e.is_array = true;
		if (np_field(v8, object, NP_F_JSArray_length, &t) && np_number_value(v8, t, &len) && len >= 0 &&
		    len <= 4294967295.0)
			e.length = (uint64_t)len;
	}
	*ret = e;
	return true;
}

bool np_element_get(np_v8 *v8, const struct np_elements *e, uint32_t i, struct np_element *ret)
{
	struct np_element el = {.index = i};
	np_tagged t;
	if (i >= e->capacity || !np_array_get(v8, e->array, i, &t))
		return false;
	if (e->form == NP_ELEMENTS_DOUBLE) {
		el.is_double = true;
		el.is_hole = double_is_hole(t.raw);
		memcpy(&el.number, &t.raw, sizeof(el.number));
	} else {
		el.value = t;
		el.is_hole = np_is_hole(v8, t);
	}
	*ret = el;
	return true;
}

static int element_compare(const void *a, const void *b)
{
	const struct np_element *x = a, *y = b;
	return x->index < y->index ? -1 : x->index > y->index;
}

np_err *np_elements_dictionary(np_v8 *v8, const struct np_elements *e, size_t max, np_arena *arena,
			       struct np_element **ret, size_t *ret_len)
{
	const np_layout *l = v8->layout;
	uint32_t prefix = np_has(l, NP_F_Dictionary_number_prefix) ? (uint32_t)np_get(l, NP_F_Dictionary_number_prefix)
								     : 1;
	NP_VEC(struct np_element) found = {0};
	for (uint32_t i = HASH_TABLE_HEADER + prefix; i + 2 < e->capacity; i += 3) {
		np_tagged key, value;
		double index;
		if (!np_array_get(v8, e->array, i, &key) || !np_array_get(v8, e->array, i + 1, &value) ||
		    !np_number_value(v8, key, &index) || index < 0 || index > 4294967295.0)
			continue;
		np_vec_push(&found, (struct np_element){.index = (uint64_t)index, .value = value});
	}
	if (found.len)
		qsort(found.data, found.len, sizeof(*found.data), element_compare);
	*ret_len = found.len < max ? found.len : max;
	*ret = np_arena_memdup(arena, found.data, *ret_len * sizeof(*found.data));
	np_vec_deinit(&found);
	return NULL;
}

/* Indexed properties: the elements half of object.h. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#include "v8/array.h"
#include "v8/object.h"

enum {
	ELEMENTS_MAX = 1 << 28,
	HASH_TABLE_HEADER = 3, /* elements, deleted, capacity */
	DICTIONARY_ENTRY = 3,  /* key, value, details */
	PARAMETER_HEADER = 2,  /* context, arguments: before the mapped entries of sloppy arguments */
	PARAMETERS_MAX = 1 << 16,
};

static bool double_is_hole(uint64_t bits)
{
	/* kHoleNanInt64: the first up to 3.x, the second later */
	return bits == 0x7fffffffffffffffull || bits == 0xfff7fffffff7ffffull;
}

static bool kind_is(const np_layout *l, const struct np_map *map, enum np_fact fact)
{
	return np_has(l, fact) && map->elements_kind == np_get(l, fact);
}

static uint32_t dictionary_prefix(const np_layout *l)
{
	return np_has(l, NP_F_Dictionary_number_prefix) ? (uint32_t)np_get(l, NP_F_Dictionary_number_prefix) : 1;
}

/*
 * Up to 3.28 one elements kind serves sloppy arguments in an array and in a
 * dictionary, and both are FixedArrays: a dictionary has counters that fit its length.
 */
static bool array_is_dictionary(np_v8 *v8, np_addr array, uint32_t length)
{
	np_tagged used, deleted, capacity;
	uint32_t head = HASH_TABLE_HEADER + dictionary_prefix(v8->layout);
	if (length <= head || !np_array_get(v8, array, 0, &used) || !np_array_get(v8, array, 1, &deleted) ||
	    !np_array_get(v8, array, 2, &capacity) || !np_is_smi(used) || !np_is_smi(deleted) || !np_is_smi(capacity))
		return false;
	int64_t slots = np_smi_value(capacity);
	return slots > 0 && !(slots & (slots - 1)) && np_smi_value(used) >= 0 && np_smi_value(deleted) >= 0 &&
	       (int64_t)np_smi_value(used) + np_smi_value(deleted) <= slots &&
	       slots * DICTIONARY_ENTRY + head == (int64_t)length;
}

/*
 * {context, arguments, mapped entries...}: a FixedArray, and from 9.4 on a type
 * of its own whose length counts the mapped entries only.
 */
static bool load_sloppy_arguments(np_v8 *v8, const struct np_map *map, struct np_elements *e)
{
	const np_layout *l = v8->layout;
	np_addr parameters = e->array;
	uint32_t count = e->capacity;
	np_tagged context, arguments;
	bool own_type = np_has(l, NP_F_SloppyArgumentsElements_data);
	if (!own_type && count < PARAMETER_HEADER)
		return false;
	count -= own_type ? 0 : PARAMETER_HEADER;
	if (count > PARAMETERS_MAX || !np_array_get(v8, parameters, 0, &context) ||
	    !np_array_get(v8, parameters, 1, &arguments) || !np_is_ref(arguments) ||
	    !np_array_length(v8, np_ref(arguments), &e->capacity) || e->capacity > ELEMENTS_MAX)
		return false;
	e->array = np_ref(arguments);
	e->context = np_is_ref(context) ? np_ref(context) : 0;
	e->mapped_count = e->context ? count : 0;
	e->mapped = parameters + (np_addr)np_get(l, NP_F_FixedArray_data) + 8 * PARAMETER_HEADER;
	e->form = e->capacity ? NP_ELEMENTS_TAGGED : NP_ELEMENTS_NONE;
	if (kind_is(l, map, NP_F_elements_slow_sloppy_arguments) ||
	    (!np_has(l, NP_F_elements_slow_sloppy_arguments) && array_is_dictionary(v8, e->array, e->capacity)))
		e->form = NP_ELEMENTS_DICTIONARY;
	return true;
}

/* Kinds of typed arrays and of the embedder's raw bytes follow those of values. */
static bool kind_is_raw(const np_layout *l, const struct np_map *map)
{
	return (np_has(l, NP_F_elements_typed) && map->elements_kind >= np_get(l, NP_F_elements_typed)) ||
	       (np_has(l, NP_F_elements_external) && map->elements_kind >= np_get(l, NP_F_elements_external));
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
	if (kind_is_raw(l, map)) {
		*ret = e;
		return true;
	}
	e.array = np_ref(t);
	if (!np_array_length(v8, e.array, &e.capacity) || e.capacity > ELEMENTS_MAX)
		return false;
	enum np_kind store_kind = np_kind_of_type(v8, store->type);
	e.form = e.capacity ? NP_ELEMENTS_TAGGED : NP_ELEMENTS_NONE;
	if (store_kind == NP_KIND_FIXED_DOUBLE_ARRAY)
		e.form = NP_ELEMENTS_DOUBLE;
	else if (store_kind == NP_KIND_BYTE_ARRAY)
		e.form = NP_ELEMENTS_NONE;
	else if (kind_is(l, map, NP_F_elements_dictionary) || kind_is(l, map, NP_F_elements_slow_string_wrapper))
		e.form = NP_ELEMENTS_DICTIONARY;
	else if ((kind_is(l, map, NP_F_elements_sloppy_arguments) ||
		  kind_is(l, map, NP_F_elements_slow_sloppy_arguments)) &&
		 !load_sloppy_arguments(v8, map, &e))
		return false;
	e.length = e.form == NP_ELEMENTS_DICTIONARY ? e.mapped_count : e.capacity;
	if (np_kind_of_type(v8, map->type) == NP_KIND_JS_ARRAY) {
		double len;
		e.is_array = true;
		e.length = e.capacity;
		if (np_field(v8, object, NP_F_JSArray_length, &t) && np_number_value(v8, t, &len) && len >= 0 &&
		    len <= 4294967295.0)
			e.length = (uint64_t)len;
	}
	*ret = e;
	return true;
}

/* Parameter i as the context has it; false when it is not mapped (any more). */
static bool mapped_get(np_v8 *v8, const struct np_elements *e, uint32_t i, np_tagged *ret)
{
	np_tagged slot;
	uint32_t length;
	return i < e->mapped_count && np_tagged_at(v8, e->mapped + 8ull * i, &slot) && np_is_smi(slot) &&
	       np_smi_value(slot) >= 0 && np_array_length(v8, e->context, &length) &&
	       (uint32_t)np_smi_value(slot) < length &&
	       np_array_get(v8, e->context, (uint32_t)np_smi_value(slot), ret);
}

bool np_element_get(np_v8 *v8, const struct np_elements *e, uint32_t i, struct np_element *ret)
{
	struct np_element el = {.index = i};
	np_tagged t;
	if (i >= e->capacity || (!mapped_get(v8, e, i, &t) && !np_array_get(v8, e->array, i, &t)))
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
	NP_VEC(struct np_element) found = {0};
	np_tagged key, value;
	for (uint32_t i = 0; i < e->mapped_count; i++)
		if (mapped_get(v8, e, i, &value))
			np_vec_push(&found, (struct np_element){.index = i, .value = value});
	for (uint32_t i = HASH_TABLE_HEADER + dictionary_prefix(v8->layout); i + 2 < e->capacity; i += DICTIONARY_ENTRY) {
		double index;
		if (!np_array_get(v8, e->array, i, &key) || !np_array_get(v8, e->array, i + 1, &value))
			break; /* nothing readable behind it, either */
		if (!np_number_value(v8, key, &index) || !(index >= 0 && index <= 4294967295.0))
			continue;
		/* an aliased parameter stands in both: the context has its value */
		np_tagged mapped;
		if (index < e->mapped_count && mapped_get(v8, e, (uint32_t)index, &mapped))
			continue;
		np_vec_push(&found, (struct np_element){.index = (uint64_t)index, .value = value,
							.is_accessor = np_is_kind(v8, value, NP_KIND_ACCESSOR_PAIR)});
	}
	if (found.len)
		qsort(found.data, found.len, sizeof(*found.data), element_compare);
	*ret_len = found.len < max ? found.len : max;
	*ret = np_arena_memdup(arena, found.data, *ret_len * sizeof(*found.data));
	np_vec_deinit(&found);
	return NULL;
}

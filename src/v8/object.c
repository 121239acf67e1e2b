#include "v8/object.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#include "v8/array.h"
#include "v8/string.h"

enum {
	DESCRIPTORS_MAX = 4096,
	DICTIONARY_MAX = 1 << 26,
	HASH_TABLE_HEADER = 3,	/* elements, deleted, capacity */
	GLOBAL_PREFIX = 2,	/* GlobalDictionaryShape::kPrefixSize where its entries are cells */
	PROPERTY_CELL_MAX = 40, /* bytes that are searched for name and details */
};

bool np_is_hole(np_v8 *v8, np_tagged t)
{
	if (!np_is_ref(t))
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(t));
	int32_t k;
	if (kind == NP_KIND_HOLE)
		return true;
	return kind == NP_KIND_ODDBALL && np_has(v8->layout, NP_F_Oddball_k_hole) &&
	       np_smi_at(v8, np_ref(t) + (np_addr)np_get(v8->layout, NP_F_Oddball_kind), &k) &&
	       k == np_get(v8->layout, NP_F_Oddball_k_hole);
}

bool np_number_value(np_v8 *v8, np_tagged t, double *ret)
{
	uint64_t bits;
	if (np_is_smi(t)) {
		*ret = np_smi_value(t);
		return true;
	}
	if (np_kind_at(v8, np_ref(t)) != NP_KIND_HEAP_NUMBER ||
	    !np_field_u64(v8, np_ref(t), NP_F_HeapNumber_value, &bits))
		return false;
	memcpy(ret, &bits, sizeof(*ret));
	return true;
}

/*
 * Are a field's bits a raw double?  Up to 7.8 a layout descriptor says so: a
 * Smi bitmap of the first 32 fields, or a longer bitmap in a byte array.
 */
static bool field_is_raw_double(np_v8 *v8, const struct np_map *map, uint32_t field)
{
	np_tagged t;
	if (!np_field(v8, map->addr, NP_F_Map_layout_descriptor, &t))
		return false;
	if (np_is_smi(t))
		return field < 32 && ((uint32_t)np_smi_value(t) >> field & 1);
	uint32_t len, word;
	if (!np_array_length(v8, np_ref(t), &len) || field / 8 >= len)
		return false;
	np_addr at = np_ref(t) + (np_addr)np_get(v8->layout, NP_F_FixedArray_data) + field / 32 * 4;
	return np_mem_u32(v8->mem, at, &word) && (word >> field % 32 & 1);
}

static bool field_value(np_v8 *v8, np_addr object, const struct np_map *map, uint32_t field, bool is_double,
			struct np_property *p)
{
	np_addr at;
	bool raw = false;
	if (field < map->inobject_count) {
		at = object + map->inobject_start_bytes + 8ull * field;
		raw = is_double && field_is_raw_double(v8, map, field);
	} else {
		np_tagged props;
		if (!np_field(v8, object, NP_F_JSReceiver_properties, &props) || !np_is_ref(props))
			return false;
		at = np_ref(props) + (np_addr)np_get(v8->layout, NP_F_FixedArray_data) +
		     8ull * (field - map->inobject_count);
	}
	if (!np_tagged_at(v8, at, &p->value))
		return false;
	p->slot = at;
	if (raw) {
		p->is_double = true;
		memcpy(&p->number, &p->value.raw, sizeof(p->number));
		p->value = (np_tagged){0};
	}
	return true;
}

/* One descriptor {key, details, value} of a fast object. */
static bool descriptor_property(np_v8 *v8, np_addr object, const struct np_map *map, np_addr entry,
				struct np_property *p)
{
	const np_layout *l = v8->layout;
	np_tagged details_word, value;
	if (!np_tagged_at(v8, entry + 8ull * (np_addr)np_get(l, NP_F_prop_desc_key), &p->key) ||
	    !np_tagged_at(v8, entry + 8ull * (np_addr)np_get(l, NP_F_prop_desc_details), &details_word) ||
	    !np_tagged_at(v8, entry + 8ull * (np_addr)np_get(l, NP_F_prop_desc_value), &value) ||
	    !np_is_smi(details_word) || !np_is_ref(p->key))
		return false;
	uint32_t details = (uint32_t)np_smi_value(details_word);
	bool in_field, accessor = false;
	if (np_has(l, NP_F_prop_location_mask)) {
		in_field = !(details & (uint32_t)np_get(l, NP_F_prop_location_mask));
		accessor = details & (uint32_t)np_get(l, NP_F_prop_kind_mask);
	} else { /* up to 5.1: a type; the layout tells which is a field and which a callback */
		int32_t type = (int32_t)(details & (uint32_t)np_get(l, NP_F_prop_type_mask));
		in_field = type == np_get(l, NP_F_prop_type_field);
		accessor = (np_has(l, NP_F_prop_type_callbacks) && type == np_get(l, NP_F_prop_type_callbacks)) ||
			   (np_has(l, NP_F_prop_type_accessor) && type == np_get(l, NP_F_prop_type_accessor));
	}
	p->is_accessor = accessor;
	if (np_has(l, NP_F_prop_attributes_mask))
		p->attributes = (details & (uint32_t)np_get(l, NP_F_prop_attributes_mask)) >>
				np_get(l, NP_F_prop_attributes_shift);
	if (!in_field) {
		p->value = value;
		return true;
	}
	uint32_t field;
	bool is_double = false;
	if (np_has(l, NP_F_prop_index_mask)) {
		field = (details & (uint32_t)np_get(l, NP_F_prop_index_mask)) >> np_get(l, NP_F_prop_index_shift);
		if (np_has(l, NP_F_prop_representation_double)) {
			int32_t form = (int32_t)((details & (uint32_t)np_get(l, NP_F_prop_representation_mask)) >>
						 np_get(l, NP_F_prop_representation_shift));
			is_double = form == np_get(l, NP_F_prop_representation_double);
			/* in V8's order: none, whole numbers, double, heap object, anything */
			p->is_number_field = form && form <= np_get(l, NP_F_prop_representation_double);
		}
	} else { /* 3.14: the descriptor's value is the index, negative for in-object */
		if (!np_is_smi(value))
			return false;
		int32_t index = np_smi_value(value);
		field = (uint32_t)index;
		if (index < 0)
			field = (uint32_t)(index + (int32_t)map->inobject_count);
	}
	if (field > 1 << 20)
		return false;
	return field_value(v8, object, map, field, is_double, p);
}

static np_err *fast_properties(np_v8 *v8, np_addr object, const struct np_map *map,
			       bool (*cb)(void *ctx, const struct np_property *p), void *ctx)
{
	const np_layout *l = v8->layout;
	uint32_t n = map->own_descriptors, unreadable = 0;
	if (!map->descriptors || !n)
		return NULL;
	if (n > DESCRIPTORS_MAX)
		n = DESCRIPTORS_MAX;
	np_addr entry_bytes = 8ull * (np_addr)np_get(l, NP_F_prop_desc_size);
	np_addr first = map->descriptors + (np_addr)np_get(l, NP_F_DescriptorArray_first);
	for (uint32_t i = 0; i < n; i++) {
		struct np_property p = {0};
		if (!descriptor_property(v8, object, map, first + i * entry_bytes, &p)) {
			unreadable++;
			continue;
		}
		if (!cb(ctx, &p))
			return NULL;
	}
	if (unreadable)
		return np_err_new(NP_EFORMAT, "%u of %u properties of the object at 0x%llx are unreadable", unreadable,
				  n, (unsigned long long)object);
	return NULL;
}

struct slow_entry {
	struct np_property p;
	uint32_t order;
};

static int slow_compare(const void *a, const void *b)
{
	const struct slow_entry *x = a, *y = b;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void slow_details(np_v8 *v8, struct slow_entry *e, uint32_t details)
{
	const np_layout *l = v8->layout;
	e->order = details >> (np_has(l, NP_F_Dictionary_enumeration_shift) ? np_get(l, NP_F_Dictionary_enumeration_shift)
									     : 8);
	e->p.is_accessor = np_is_ref(e->p.value) && (np_is_kind(v8, e->p.value, NP_KIND_ACCESSOR_PAIR) ||
						     np_is_kind(v8, e->p.value, NP_KIND_ACCESSOR_INFO));
	if (np_has(l, NP_F_prop_attributes_mask))
		e->p.attributes = (details & (uint32_t)np_get(l, NP_F_prop_attributes_mask)) >>
				  np_get(l, NP_F_prop_attributes_shift);
}

static bool is_name(np_v8 *v8, np_tagged t)
{
	enum np_kind kind = np_is_ref(t) ? np_kind_at(v8, np_ref(t)) : NP_KIND_UNKNOWN;
	return kind == NP_KIND_STRING || kind == NP_KIND_SYMBOL;
}

/*
 * The PropertyCell of a global object's property.  It holds the value, from
 * 4.5 on the details, too, and from 6.2 on the name.
 */
static bool cell_fill(np_v8 *v8, np_addr cell, struct slow_entry *e)
{
	np_tagged t;
	np_addr value = cell + (np_addr)np_get(v8->layout, NP_F_PropertyCell_value);
	bool has_details = false;
	if (!np_tagged_at(v8, value, &e->p.value))
		return false;
	for (np_addr at = cell + 8; at < cell + PROPERTY_CELL_MAX && at < value; at += 8) {
		if (!np_tagged_at(v8, at, &t))
			return false;
		if (!e->p.key.raw && is_name(v8, t))
			e->p.key = t;
		if (np_is_smi(t) && !has_details) {
			slow_details(v8, e, (uint32_t)np_smi_value(t));
			has_details = true;
		}
	}
	return e->p.key.raw != 0;
}

/* The entry of a NameDictionary, or of a global object's dictionary of cells, whose key was read; false when it is empty. */
static bool slow_entry_at(np_v8 *v8, np_addr dict, uint32_t i, uint32_t size, struct slow_entry *e)
{
	np_tagged details;
	if (!np_is_ref(e->p.key))
		return false;
	if (size == 1) {
		np_addr cell = np_ref(e->p.key);
		e->p.key = (np_tagged){0};
		return np_kind_at(v8, cell) == NP_KIND_PROPERTY_CELL && cell_fill(v8, cell, e);
	}
	if (!is_name(v8, e->p.key) || !np_array_get(v8, dict, i + 1, &e->p.value))
		return false;
	bool is_cell = np_is_kind(v8, e->p.value, NP_KIND_PROPERTY_CELL);
	if (is_cell && !cell_fill(v8, np_ref(e->p.value), e))
		return false;
	if (size < 3)
		return is_cell;
	if (!np_array_get(v8, dict, i + 2, &details) || !np_is_smi(details))
		return false;
	slow_details(v8, e, (uint32_t)np_smi_value(details));
	return true;
}

/*
 * Calls cb for each entry as it lies in the table until it returns false.  Of
 * those whose key `takes` turns down (NULL: of none) nothing else is read.
 */
static np_err *slow_each(np_v8 *v8, np_addr object, const struct np_map *map, bool (*takes)(void *ctx, np_tagged key),
			 bool (*cb)(void *ctx, const struct slow_entry *e), void *ctx)
{
	const np_layout *l = v8->layout;
	np_tagged dict_word;
	uint32_t len;
	if (!np_field(v8, object, NP_F_JSReceiver_properties, &dict_word))
		return np_err_fault(object, "reading properties");
	if (!np_is_ref(dict_word))
		return NULL;
	np_addr dict = np_ref(dict_word);
	if (!np_array_length(v8, dict, &len) || len > DICTIONARY_MAX)
		return np_err_new(NP_EFORMAT, "no property dictionary at 0x%llx", (unsigned long long)dict);
	enum np_fact size_fact = np_kind_of_type(v8, map->type) == NP_KIND_JS_GLOBAL_OBJECT
					 ? NP_F_Dictionary_global_entry_size
					 : NP_F_Dictionary_entry_size;
	uint32_t size = np_has(l, size_fact) && np_get(l, size_fact) > 0 ? (uint32_t)np_get(l, size_fact) : 3;
	uint32_t prefix = np_has(l, NP_F_Dictionary_name_prefix) ? (uint32_t)np_get(l, NP_F_Dictionary_name_prefix) : 2;
	if (size == 1)
		prefix = GLOBAL_PREFIX;
	for (uint32_t i = HASH_TABLE_HEADER + prefix; i < len && len - i >= size; i += size) {
		struct slow_entry e = {0};
		if (!np_array_get(v8, dict, i, &e.p.key))
			break; /* nothing readable behind it, either */
		if (takes && size > 1 && !takes(ctx, e.p.key))
			continue;
		if (slow_entry_at(v8, dict, i, size, &e) && !np_is_hole(v8, e.p.value) && !cb(ctx, &e))
			break;
	}
	return NULL;
}

struct slow_list {
	NP_VEC(struct slow_entry) all;
};

static bool slow_collect(void *ctx, const struct slow_entry *e)
{
	struct slow_list *list = ctx;
	np_vec_push(&list->all, *e);
	return true;
}

static np_err *slow_properties(np_v8 *v8, np_addr object, const struct np_map *map,
			       bool (*cb)(void *ctx, const struct np_property *p), void *ctx)
{
	struct slow_list found = {0};
	np_err *err = slow_each(v8, object, map, NULL, slow_collect, &found);
	if (found.all.len)
		qsort(found.all.data, found.all.len, sizeof(*found.all.data), slow_compare);
	for (size_t i = 0; i < found.all.len; i++)
		if (!cb(ctx, &found.all.data[i].p))
			break;
	np_vec_deinit(&found.all);
	return err;
}

np_err *np_object_properties(np_v8 *v8, np_addr object, bool (*cb)(void *ctx, const struct np_property *p), void *ctx)
{
	const struct np_map *map;
	if (!np_map_of(v8, object, &map))
		return np_err_new(NP_EFORMAT, "no object at 0x%llx", (unsigned long long)object);
	return map->dictionary ? slow_properties(v8, object, map, cb, ctx) : fast_properties(v8, object, map, cb, ctx);
}

struct own_search {
	np_v8 *v8;
	const char *name;
	struct np_property *ret;
	bool found;
};

static bool own_takes(void *ctx, np_tagged key)
{
	const struct own_search *s = ctx;
	return np_is_kind(s->v8, key, NP_KIND_STRING) && np_string_equals(s->v8, np_ref(key), s->name);
}

static bool own_match(void *ctx, const struct np_property *p)
{
	struct own_search *s = ctx;
	if (!own_takes(s, p->key))
		return true;
	*s->ret = *p;
	s->found = true;
	return false;
}

static bool slow_own_match(void *ctx, const struct slow_entry *e)
{
	return own_match(ctx, &e->p);
}

bool np_object_own(np_v8 *v8, np_addr object, const char *name, struct np_property *ret)
{
	struct own_search s = {v8, name, ret, false};
	const struct np_map *map;
	if (!np_map_of(v8, object, &map))
		return false;
	/* Names are unique: a dictionary need not be put in order for one. */
	np_err_free(map->dictionary ? slow_each(v8, object, map, own_takes, slow_own_match, &s)
				    : fast_properties(v8, object, map, own_match, &s));
	return s.found;
}

struct symbols {
	np_v8 *v8;
	bool (*cb)(void *ctx, const struct np_property *p);
	void *ctx;
};

static bool symbols_take(void *ctx, np_tagged key)
{
	return np_is_kind(((const struct symbols *)ctx)->v8, key, NP_KIND_SYMBOL);
}

static bool symbols_match(void *ctx, const struct np_property *p)
{
	struct symbols *s = ctx;
	return !symbols_take(s, p->key) || s->cb(s->ctx, p);
}

static bool slow_symbols_match(void *ctx, const struct slow_entry *e)
{
	return symbols_match(ctx, &e->p);
}

np_err *np_object_symbols(np_v8 *v8, np_addr object, bool (*cb)(void *ctx, const struct np_property *p), void *ctx)
{
	struct symbols s = {v8, cb, ctx};
	const struct np_map *map;
	if (!np_map_of(v8, object, &map))
		return np_err_new(NP_EFORMAT, "no object at 0x%llx", (unsigned long long)object);
	return map->dictionary ? slow_each(v8, object, map, symbols_take, slow_symbols_match, &s)
			       : fast_properties(v8, object, map, symbols_match, &s);
}

bool np_object_own_data(np_v8 *v8, np_addr object, const char *name, np_tagged *ret)
{
	struct np_property p;
	if (!np_object_own(v8, object, name, &p) || p.is_accessor || p.is_double)
		return false;
	*ret = p.value;
	return true;
}

enum np_symbol_kind np_symbol_kind(np_v8 *v8, np_addr symbol)
{
	const np_layout *l = v8->layout;
	uint32_t flags = 0;
	int32_t smi = 0;
	if (np_get(l, NP_F_Symbol_flags_is_smi) != 1)
		np_field_u32(v8, symbol, NP_F_Symbol_flags, &flags);
	else if (np_has(l, NP_F_Symbol_flags) && np_smi_at(v8, symbol + (np_addr)np_get(l, NP_F_Symbol_flags), &smi))
		flags = (uint32_t)smi;
	if (np_has(l, NP_F_Symbol_private_name_shift) && (flags >> np_get(l, NP_F_Symbol_private_name_shift) & 1))
		return NP_SYMBOL_PRIVATE_NAME;
	if (np_has(l, NP_F_Symbol_private_mask) && (flags & (uint32_t)np_get(l, NP_F_Symbol_private_mask)))
		return NP_SYMBOL_INTERNAL;
	return NP_SYMBOL_PUBLIC;
}

bool np_key_is_internal(np_v8 *v8, np_tagged key)
{
	return np_is_kind(v8, key, NP_KIND_SYMBOL) && np_symbol_kind(v8, np_ref(key)) == NP_SYMBOL_INTERNAL;
}

const char *np_key_text(np_v8 *v8, np_tagged key, np_arena *arena)
{
	np_tagged description;
	if (np_is_kind(v8, key, NP_KIND_STRING))
		return np_string_utf8(v8, np_ref(key), NP_NAME_MAX, arena);
	if (!np_is_kind(v8, key, NP_KIND_SYMBOL))
		return NULL;
	const char *text = NULL;
	if (np_field(v8, np_ref(key), NP_F_Symbol_description, &description) && np_is_kind(v8, description, NP_KIND_STRING))
		text = np_string_utf8(v8, np_ref(description), NP_NAME_MAX, arena);
	return text && *text == '#' ? text : np_arena_printf(arena, "Symbol(%s)", text ? text : "");
}

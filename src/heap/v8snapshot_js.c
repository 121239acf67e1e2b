/*
 * JavaScript objects in snapshots: their class, and their properties, elements
 * and named slots.
 *
 * Objects of one map have their properties in the same places, so that these
 * are looked up at the first of them; dictionaries are read in each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/v8snapshot_internal.h"
#include "v8/object.h"
#include "v8/string.h"

enum {
	HASH_TABLE_HEADER = 3, /* elements, deleted, capacity */
	GLOBAL_PREFIX = 2,
	PROPERTIES_MAX = 4096,
	BOUND_MAX = 1 << 16,
	FIRST_DOUBLE_KIND = 4, /* HOLEY and PACKED_DOUBLE_ELEMENTS of all versions */
	LAST_DOUBLE_KIND = 5,
};

/* --- forms --- */

struct gather {
	struct np_snapshot *s;
	np_addr object;
	uint32_t object_bytes;
	np_addr array; /* slots of the property array, 0 none */
	NP_VEC(struct shape_property) found;
};

/* V8 leaves out fields that only ever hold numbers. */
static bool gather_property(void *ctx, const struct np_property *p)
{
	struct gather *g = ctx;
	struct np_snapshot *s = g->s;
	np_vertex key = snapshot_target(s, p->key.raw);
	if (key == NP_VERTEX_NONE || p->is_double || p->is_number_field)
		return true;
	struct shape_property found = {.key = key, .name = np_snapshot_key_name(s, key), .is_accessor = p->is_accessor};
	found.is_internal = vertex_kind(s, key) == NP_KIND_STRING && found.name == s->text_empty;
	if (!p->slot) {
		found.place = PLACE_CONSTANT;
		found.constant = p->value.raw;
	} else if (p->slot >= g->object && p->slot < g->object + g->object_bytes) {
		found.place = PLACE_OBJECT;
		found.offset = (uint32_t)(p->slot - g->object);
	} else {
		found.place = PLACE_ARRAY;
		found.offset = (uint32_t)(p->slot - g->array) + s->fixed_data;
	}
	np_vec_push(&g->found, found);
	return g->found.len < PROPERTIES_MAX;
}

static void properties_fill(struct np_snapshot *s, np_vertex node, struct form *f)
{
	struct gather g = {.s = s, .object = np_graph_address(s->g, node), .object_bytes = vertex_size(s, node)};
	np_tagged t;
	if (np_field(s->v8, g.object, NP_F_JSReceiver_properties, &t) && np_is_ref(t))
		g.array = np_ref(t) + s->fixed_data;
	np_err_free(np_object_properties(s->v8, g.object, gather_property, &g));
	f->property_count = (uint32_t)g.found.len;
	f->properties = np_arena_memdup(s->arena, g.found.data, g.found.len * sizeof(*g.found.data));
	np_vec_deinit(&g.found);
}

static void add_before(struct np_snapshot *s, struct form *f, enum np_fact field, const char *name, uint8_t type)
{
	uint32_t offset = snapshot_fact(s, field);
	if (offset && f->before_count < NAMED_FIELDS_MAX)
		f->before[f->before_count++] = (struct named_field){offset, np_snapshot_name_cstr(s, name), type};
}

static void add_after(struct np_snapshot *s, struct form *f, enum np_fact field, const char *name)
{
	uint32_t offset = snapshot_fact(s, field);
	if (offset && f->after_count < NAMED_FIELDS_MAX)
		f->after[f->after_count++] = (struct named_field){offset, np_snapshot_name_cstr(s, name), NP_SNAPSHOT_INTERNAL};
}

static void kind_fill(struct np_snapshot *s, struct form *f)
{
	switch (f->shape->shape.kind) {
	case NP_KIND_JS_FUNCTION:
		f->type = NP_SNAPSHOT_CLOSURE;
		f->naming = NAMING_FUNCTION;
		f->is_function = true;
		add_after(s, f, NP_F_JSFunction_feedback_cell, "feedback_cell");
		add_after(s, f, NP_F_JSFunction_shared, "shared");
		add_after(s, f, NP_F_JSFunction_context, "context");
		add_after(s, f, NP_F_JSFunction_code, "code");
		break;
	case NP_KIND_JS_BOUND_FUNCTION:
		f->type = NP_SNAPSHOT_CLOSURE;
		f->naming = NAMING_FIXED;
		f->name = np_snapshot_name_cstr(s, "native_bind");
		f->is_bound = true;
		add_after(s, f, NP_F_JSBoundFunction_args, "bindings");
		add_after(s, f, NP_F_JSBoundFunction_this, "bound_this");
		add_after(s, f, NP_F_JSBoundFunction_target, "bound_function");
		break;
	case NP_KIND_JS_REG_EXP:
		f->type = NP_SNAPSHOT_REGEXP;
		f->naming = NAMING_REGEXP;
		break;
	case NP_KIND_JS_MAP:
	case NP_KIND_JS_SET:
		add_before(s, f, NP_F_JSMap_table, "table", NP_SNAPSHOT_INTERNAL);
		break;
	case NP_KIND_JS_WEAK_MAP:
	case NP_KIND_JS_WEAK_SET:
		add_before(s, f, NP_F_JSWeakMap_table, "table", NP_SNAPSHOT_INTERNAL);
		break;
	case NP_KIND_JS_PROMISE:
		add_before(s, f, NP_F_JSPromise_result, "reactions_or_result", NP_SNAPSHOT_INTERNAL);
		break;
	case NP_KIND_JS_GENERATOR:
	case NP_KIND_JS_ASYNC_FUNCTION:
	case NP_KIND_JS_ASYNC_GENERATOR:
		add_before(s, f, NP_F_JSGeneratorObject_function, "function", NP_SNAPSHOT_INTERNAL);
		add_before(s, f, NP_F_JSGeneratorObject_context, "context", NP_SNAPSHOT_INTERNAL);
		add_before(s, f, NP_F_JSGeneratorObject_receiver, "receiver", NP_SNAPSHOT_INTERNAL);
		add_before(s, f, NP_F_JSGeneratorObject_registers, "parameters_and_registers", NP_SNAPSHOT_INTERNAL);
		break;
	case NP_KIND_JS_WEAK_REF:
		add_before(s, f, NP_F_JSWeakRef_target, "target", NP_SNAPSHOT_WEAK);
		break;
	case NP_KIND_JS_TYPED_ARRAY:
	case NP_KIND_JS_DATA_VIEW:
		add_after(s, f, NP_F_JSArrayBufferView_buffer, "buffer");
		break;
	case NP_KIND_JS_ARRAY_BUFFER: /* its memory alone, then whatever is a reference */
	case NP_KIND_JS_GLOBAL_PROXY:
		f->walk = WALK_PLAIN;
		break;
	case NP_KIND_JS_GLOBAL_OBJECT:
		f->is_global = true;
		add_after(s, f, NP_F_JSGlobalObject_global_proxy, "global_proxy");
		break;
	default:
		break;
	}
}

static void elements_fill(struct np_snapshot *s, struct form *f)
{
	const np_layout *l = s->v8->layout;
	uint8_t kind = f->shape->shape.map->elements_kind;
	f->is_array = f->shape->shape.kind == NP_KIND_JS_ARRAY;
	if (!np_has(l, NP_F_elements_dictionary))
		return;
	f->has_dictionary_elements = kind == np_get(l, NP_F_elements_dictionary);
	f->has_plain_elements = kind < np_get(l, NP_F_elements_dictionary) &&
				(kind < FIRST_DOUBLE_KIND || kind > LAST_DOUBLE_KIND);
}

/* Fields that the embedder asked for stand before the properties. */
static void embedder_fill(struct np_snapshot *s, struct form *f)
{
	const np_layout *l = s->v8->layout;
	const struct np_map *map = f->shape->shape.map;
	bool is_api = (np_has(l, NP_F_type_JS_API_OBJECT) && map->type == np_get(l, NP_F_type_JS_API_OBJECT)) ||
		      (np_has(l, NP_F_type_JS_SPECIAL_API_OBJECT) && map->type == np_get(l, NP_F_type_JS_SPECIAL_API_OBJECT));
	uint32_t start = snapshot_fact(s, NP_F_JSApiObject_fields);
	if (!is_api || !start || map->inobject_start_bytes < start)
		return;
	f->embedder_start = start;
	f->embedder_end = map->inobject_start_bytes;
}

/* --- classes --- */

static bool function_location(struct np_snapshot *s, np_vertex function, struct location *ret)
{
	const uint8_t *bytes = np_graph_bytes(s->g, function);
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_shared);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, function), at)) : NP_VERTEX_NONE;
	if (v == NP_VERTEX_NONE || vertex_kind(s, v) != NP_KIND_SHARED_FUNCTION_INFO)
		return false;
	*ret = np_snapshot_shared_of(s, v)->location;
	return true;
}

/* The class of an object, and where the constructor stands that gave it the name. */
static void class_of(struct np_snapshot *s, np_vertex node, uint32_t *ret_name, struct location *ret)
{
	np_addr constructor;
	np_arena_reset(s->scratch);
	const char *name = np_class_and_constructor(s->v8, np_graph_address(s->g, node), s->scratch, &constructor);
	if (name && snapshot_fact(s, NP_F_Snapshot_root_is_context) && vertex_kind(s, node) == NP_KIND_JS_GLOBAL_OBJECT)
		name = np_arena_printf(s->scratch, "%s (global*)", name);
	if (name && snapshot_fact(s, NP_F_Snapshot_root_is_context) && vertex_kind(s, node) == NP_KIND_JS_GLOBAL_PROXY)
		name = np_arena_printf(s->scratch, "%s (global)", name);
	*ret_name = np_snapshot_name_cstr(s, name && *name ? name : "Object");
	*ret = (struct location){0};
	np_vertex v = constructor ? np_graph_find(s->g, constructor) : NP_VERTEX_NONE;
	if (v != NP_VERTEX_NONE && vertex_kind(s, v) == NP_KIND_JS_FUNCTION)
		function_location(s, v, ret);
}

static uint32_t dictionary_slots(const struct np_snapshot *s, const struct form *f, uint32_t *ret_entry)
{
	uint32_t entry = snapshot_fact(s, f->is_global ? NP_F_Dictionary_global_entry_size : NP_F_Dictionary_entry_size);
	uint32_t prefix = np_has(s->v8->layout, NP_F_Dictionary_name_prefix)
				  ? (uint32_t)np_get(s->v8->layout, NP_F_Dictionary_name_prefix)
				  : 2;
	*ret_entry = entry ? entry : 3;
	return HASH_TABLE_HEADER + (*ret_entry == 1 ? GLOBAL_PREFIX : prefix);
}

/* Does a dictionary have a key that tells an object's class? */
static bool dictionary_tells_class(struct np_snapshot *s, np_vertex node, const struct form *f)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	np_vertex table = bytes ? snapshot_target(s, word_of(bytes, vertex_size(s, node), s->properties_offset)) : NP_VERTEX_NONE;
	const uint8_t *slots = table == NP_VERTEX_NONE ? NULL : np_graph_bytes(s->g, table);
	uint32_t entry, first = dictionary_slots(s, f, &entry);
	if (!slots)
		return false;
	for (uint64_t at = s->fixed_data + 8ull * first; at + 8 <= vertex_size(s, table); at += 8ull * entry) {
		np_vertex key = snapshot_target(s, graph_word(slots + at));
		enum np_kind kind = key == NP_VERTEX_NONE ? NP_KIND_UNKNOWN : vertex_kind(s, key);
		if (kind != NP_KIND_STRING && kind != NP_KIND_SYMBOL)
			continue;
		uint32_t name = np_snapshot_key_name(s, key);
		if (name == s->text_constructor || name == s->text_tag)
			return true;
	}
	return false;
}

void np_snapshot_js_form(struct np_snapshot *s, np_vertex node, struct form *f)
{
	const struct np_map *map = f->shape->shape.map;
	f->type = NP_SNAPSHOT_OBJECT;
	f->naming = NAMING_CLASS;
	f->walk = WALK_JS_OBJECT;
	f->is_dictionary = map->dictionary;
	kind_fill(s, f);
	elements_fill(s, f);
	embedder_fill(s, f);
	if (!f->is_dictionary && f->walk == WALK_JS_OBJECT)
		properties_fill(s, node, f);
	if (f->naming == NAMING_CLASS) {
		class_of(s, node, &f->name, &f->location);
		/* Where the map's constructor does not tell, an own `constructor` or Symbol.toStringTag may. */
		f->class_by_object = f->is_dictionary;
		if (f->class_by_object && dictionary_tells_class(s, node, f))
			f->name = NO_NAME; /* another object of the map will tell what the others are */
	}
}

void np_snapshot_class(struct np_snapshot *s, np_vertex node, struct form *f, uint32_t *ret_name, struct location *ret)
{
	*ret_name = f->name;
	*ret = f->location;
	if (!f->class_by_object)
		return;
	if (dictionary_tells_class(s, node, f)) {
		class_of(s, node, ret_name, ret);
	} else if (f->name == NO_NAME) {
		class_of(s, node, ret_name, ret);
		f->name = *ret_name;
		f->location = *ret;
	}
}

/* --- properties --- */

static uint32_t accessor_name(struct np_snapshot *s, np_vertex key, uint32_t name, const char *prefix)
{
	struct np_buf b = {0};
	size_t bytes;
	if (vertex_kind(s, key) != NP_KIND_STRING)
		return name;
	const char *text = np_snapshot_string(s, name, &bytes);
	np_buf_puts(&b, prefix);
	np_buf_add(&b, text, bytes);
	name = np_snapshot_name_text(s, b.data, b.len);
	np_buf_deinit(&b);
	return name;
}

static void accessor_part(struct np_snapshot *s, const uint8_t *pair, uint32_t size, enum np_fact field, np_vertex key,
			  uint32_t name, const char *prefix)
{
	uint32_t at = snapshot_fact(s, field);
	np_vertex v = pair && at ? snapshot_target(s, word_of(pair, size, at)) : NP_VERTEX_NONE;
	if (v != NP_VERTEX_NONE && vertex_kind(s, v) != NP_KIND_ODDBALL)
		edge_put(s, NP_SNAPSHOT_PROPERTY, accessor_name(s, key, name, prefix), v);
}

/* True when there was an edge to the value. */
static bool property_edge(struct np_snapshot *s, np_vertex key, uint32_t name, bool is_internal, bool is_accessor,
			  uint64_t word)
{
	np_vertex v = snapshot_target(s, word);
	if (v == NP_VERTEX_NONE || (is_accessor && vertex_kind(s, v) != NP_KIND_ACCESSOR_PAIR))
		return false;
	edge_put(s, is_internal ? NP_SNAPSHOT_INTERNAL : NP_SNAPSHOT_PROPERTY, name, v);
	if (!is_accessor)
		return true;
	const uint8_t *pair = np_graph_bytes(s->g, v);
	uint32_t size = vertex_size(s, v);
	accessor_part(s, pair, size, NP_F_AccessorPair_getter, key, name, "get ");
	accessor_part(s, pair, size, NP_F_AccessorPair_setter, key, name, "set ");
	return true;
}

static void fast_edges(struct np_snapshot *s, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	const uint8_t *array = NULL;
	uint32_t array_size = 0;
	for (uint32_t i = 0; i < f->property_count; i++) {
		const struct shape_property *p = &f->properties[i];
		uint64_t word = p->constant;
		if (p->place == PLACE_OBJECT) {
			word = word_of(bytes, size, p->offset);
		} else if (p->place == PLACE_ARRAY) {
			if (!array) {
				np_vertex v = snapshot_target(s, word_of(bytes, size, s->properties_offset));
				array = v == NP_VERTEX_NONE ? bytes : np_graph_bytes(s->g, v);
				array_size = v == NP_VERTEX_NONE || !array ? 0 : vertex_size(s, v);
			}
			word = array_size ? word_of(array, array_size, p->offset) : 0;
		}
		if (property_edge(s, p->key, p->name, p->is_internal, p->is_accessor, word) && p->place == PLACE_OBJECT)
			visited_set(s, p->offset);
	}
}

static bool details_are_accessor(const np_layout *l, uint32_t details)
{
	if (np_has(l, NP_F_prop_kind_mask))
		return details & (uint32_t)np_get(l, NP_F_prop_kind_mask);
	int32_t type = np_has(l, NP_F_prop_type_mask) ? (int32_t)(details & (uint32_t)np_get(l, NP_F_prop_type_mask)) : -1;
	return np_has(l, NP_F_prop_type_callbacks) && type == np_get(l, NP_F_prop_type_callbacks);
}

static void dictionary_edges(struct np_snapshot *s, const uint8_t *bytes, uint32_t size, const struct form *f)
{
	np_vertex table = snapshot_target(s, word_of(bytes, size, s->properties_offset));
	const uint8_t *slots = table == NP_VERTEX_NONE ? NULL : np_graph_bytes(s->g, table);
	uint32_t entry, first = dictionary_slots(s, f, &entry);
	uint64_t table_size = slots ? vertex_size(s, table) : 0;
	for (uint64_t at = s->fixed_data + 8ull * first; at + 8ull * entry <= table_size; at += 8ull * entry) {
		np_vertex key = snapshot_target(s, graph_word(slots + at));
		enum np_kind kind = key == NP_VERTEX_NONE ? NP_KIND_UNKNOWN : vertex_kind(s, key);
		if (kind != NP_KIND_STRING && kind != NP_KIND_SYMBOL)
			continue;
		uint32_t name = np_snapshot_key_name(s, key);
		uint32_t details = entry < 3 ? 0 : (uint32_t)(graph_word(slots + at + 16) >> 32);
		property_edge(s, key, name, kind == NP_KIND_STRING && name == s->text_empty,
			      details_are_accessor(s->v8->layout, details), graph_word(slots + at + 8));
	}
}

struct each_property {
	struct np_snapshot *s;
};

static bool reader_property(void *ctx, const struct np_property *p)
{
	struct np_snapshot *s = ((struct each_property *)ctx)->s;
	np_vertex key = snapshot_target(s, p->key.raw);
	if (key != NP_VERTEX_NONE && !p->is_double)
		property_edge(s, key, np_snapshot_key_name(s, key), false, p->is_accessor, p->value.raw);
	return true;
}

static void property_edges(struct np_snapshot *s, np_vertex node, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	struct each_property each = {s};
	if (!f->is_dictionary)
		fast_edges(s, f, bytes, size);
	else if (f->is_global) /* cells, in an own table */
		np_err_free(np_object_properties(s->v8, np_graph_address(s->g, node), reader_property, &each));
	else
		dictionary_edges(s, bytes, size, f);
}

/* --- elements --- */

static bool is_hole(const struct np_snapshot *s, np_vertex v)
{
	enum np_kind kind = vertex_kind(s, v);
	return kind == NP_KIND_HOLE || (kind == NP_KIND_ODDBALL && np_is_hole(s->v8, np_tag(np_graph_address(s->g, v))));
}

static void plain_elements(struct np_snapshot *s, const struct form *f, const uint8_t *bytes, uint32_t size, np_vertex array)
{
	const uint8_t *slots = np_graph_bytes(s->g, array);
	uint64_t count = vertex_size(s, array) > s->fixed_data ? (vertex_size(s, array) - s->fixed_data) / 8 : 0;
	if (!slots || vertex_kind(s, array) != NP_KIND_FIXED_ARRAY)
		return;
	if (f->is_array) {
		uint64_t length = word_of(bytes, size, s->length_offset);
		if (!(length & 1) && length >> 32 < count)
			count = length >> 32;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t word = graph_word(slots + s->fixed_data + 8 * i);
		np_vertex v = snapshot_target(s, word);
		if (v == NP_VERTEX_NONE || (!snapshot_is_essential(s, v) && is_hole(s, v)))
			continue;
		edge_put(s, NP_SNAPSHOT_ELEMENT, (uint32_t)i, v);
	}
}

/* NumberDictionary: {key, value, details}. */
static void dictionary_elements(struct np_snapshot *s, np_vertex table)
{
	const uint8_t *slots = np_graph_bytes(s->g, table);
	uint32_t prefix = np_has(s->v8->layout, NP_F_Dictionary_number_prefix)
				  ? (uint32_t)np_get(s->v8->layout, NP_F_Dictionary_number_prefix)
				  : 1;
	uint64_t size = slots ? vertex_size(s, table) : 0;
	for (uint64_t at = s->fixed_data + 8ull * (HASH_TABLE_HEADER + prefix); at + 24 <= size; at += 24) {
		np_tagged key = {graph_word(slots + at)};
		np_vertex v = snapshot_target(s, graph_word(slots + at + 8));
		double number;
		if (v == NP_VERTEX_NONE || (np_is_ref(key) && !np_is_kind(s->v8, key, NP_KIND_HEAP_NUMBER)) ||
		    !np_number_value(s->v8, key, &number) || number < 0 || number >= 4294967296.0)
			continue;
		edge_put(s, NP_SNAPSHOT_ELEMENT, (uint32_t)number, v);
	}
}

static void element_edges(struct np_snapshot *s, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	if (!f->has_plain_elements && !f->has_dictionary_elements)
		return;
	np_vertex array = snapshot_target(s, word_of(bytes, size, s->elements_offset));
	if (array == NP_VERTEX_NONE || !snapshot_is_essential(s, array))
		return;
	if (f->has_plain_elements)
		plain_elements(s, f, bytes, size, array);
	else
		dictionary_elements(s, array);
}

/* --- the object --- */

static void field_edge(struct np_snapshot *s, const uint8_t *bytes, uint32_t size, uint32_t offset, uint32_t name, uint32_t type)
{
	np_vertex v = snapshot_target(s, word_of(bytes, size, offset));
	if (v == NP_VERTEX_NONE || !snapshot_is_essential(s, v))
		return;
	edge_put(s, type, name, v);
	visited_set(s, offset);
}

static void bound_edges(struct np_snapshot *s, const uint8_t *bytes, uint32_t size)
{
	uint32_t at = snapshot_fact(s, NP_F_JSBoundFunction_args);
	np_vertex array = at ? snapshot_target(s, word_of(bytes, size, at)) : NP_VERTEX_NONE;
	const uint8_t *slots = array == NP_VERTEX_NONE ? NULL : np_graph_bytes(s->g, array);
	uint64_t count = slots && vertex_size(s, array) > s->fixed_data ? (vertex_size(s, array) - s->fixed_data) / 8 : 0;
	for (uint32_t i = 0; i < count && i < BOUND_MAX; i++) {
		np_vertex v = snapshot_target(s, graph_word(slots + s->fixed_data + 8ull * i));
		char name[32];
		if (v == NP_VERTEX_NONE)
			continue;
		snprintf(name, sizeof(name), "bound_argument_%u", i);
		edge_put(s, NP_SNAPSHOT_SHORTCUT, np_snapshot_name_cstr(s, name), v);
	}
}

static void prototype_edges(struct np_snapshot *s, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	uint32_t at = s->prototype_offset;
	if (!at || f->shape->shape.map->inobject_start_bytes < at + 8)
		return;
	np_vertex v = snapshot_target(s, word_of(bytes, size, at));
	if (v == NP_VERTEX_NONE || is_hole(s, v))
		return;
	uint32_t name = s->text_prototype;
	if (vertex_kind(s, v) != NP_KIND_MAP) {
		edge_put(s, NP_SNAPSHOT_PROPERTY, name, v);
		visited_set(s, at);
		return;
	}
	const uint8_t *map = np_graph_bytes(s->g, v);
	np_vertex prototype = map ? snapshot_target(s, word_of(map, vertex_size(s, v), snapshot_fact(s, NP_F_Map_prototype)))
				  : NP_VERTEX_NONE;
	if (prototype != NP_VERTEX_NONE)
		edge_put(s, NP_SNAPSHOT_PROPERTY, name, prototype);
	field_edge(s, bytes, size, at, s->text_initial_map, NP_SNAPSHOT_INTERNAL);
}

/* Where functions have a number in V8's dispatch table instead of their code. */
static void dispatch_edge(struct np_snapshot *s, const uint8_t *bytes, uint32_t size)
{
	np_vertex code;
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_dispatch_handle);
	if (!at || !s->dispatch_count)
		return;
	uint32_t index = (uint32_t)word_of(bytes, size, at) >> snapshot_fact(s, NP_F_JSFunction_dispatch_shift);
	if (np_snapshot_dispatched(s, index, &code))
		edge_put(s, NP_SNAPSHOT_INTERNAL, s->text_code, code);
}

void np_snapshot_js_edges(struct np_snapshot *s, np_vertex node, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	property_edges(s, node, f, bytes, size);
	element_edges(s, f, bytes, size);
	for (uint32_t at = f->embedder_start, i = 0; at < f->embedder_end; at += 8, i++)
		field_edge(s, bytes, size, at, np_snapshot_name_number(s, i), NP_SNAPSHOT_INTERNAL);
	np_vertex prototype = snapshot_target(s, f->shape->shape.map->prototype.raw);
	if (prototype != NP_VERTEX_NONE)
		edge_put(s, NP_SNAPSHOT_PROPERTY, s->text_proto, prototype);
	if (f->is_function)
		prototype_edges(s, f, bytes, size);
	for (uint32_t i = 0; i < f->after_count; i++)
		field_edge(s, bytes, size, f->after[i].offset, f->after[i].name, NP_SNAPSHOT_INTERNAL);
	if (f->is_function)
		dispatch_edge(s, bytes, size);
	if (f->is_bound)
		bound_edges(s, bytes, size);
	field_edge(s, bytes, size, s->properties_offset, s->text_properties, NP_SNAPSHOT_INTERNAL);
	field_edge(s, bytes, size, s->elements_offset, s->text_elements, NP_SNAPSHOT_INTERNAL);
}

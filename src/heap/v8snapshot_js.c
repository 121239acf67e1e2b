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
	struct np_snapshot_walker *w;
	np_addr object;
	uint32_t object_bytes;
	np_addr array; /* slots of the property array, 0 none */
	NP_VEC(struct shape_property) found;
};

/* "get x", but of symbols the name alone. */
static uint32_t accessor_name(struct np_snapshot_walker *w, np_vertex key, const char *prefix)
{
	struct np_buf b = {0};
	if (vertex_kind(w->s, key) != NP_KIND_STRING)
		return np_snapshot_key_name(w, key);
	np_buf_puts(&b, prefix);
	np_snapshot_append_string(w, key, false, &b);
	uint32_t name = np_snapshot_text(w->s, b.data, b.len);
	np_buf_deinit(&b);
	return name;
}

static bool key_is_empty(const struct np_snapshot *s, np_vertex key)
{
	return vertex_kind(s, key) == NP_KIND_STRING && np_snapshot_string_is(s, key, "");
}

/* V8 leaves out fields that only ever hold numbers. */
static bool gather_property(void *ctx, const struct np_property *p)
{
	struct gather *g = ctx;
	struct np_snapshot *s = g->w->s;
	np_vertex key = snapshot_target(s, p->key.raw);
	if (key == NP_VERTEX_NONE || p->is_double || p->is_number_field)
		return true;
	struct shape_property found = {.key = key, .is_accessor = p->is_accessor, .is_internal = key_is_empty(s, key)};
	found.name = np_snapshot_key_name(g->w, key);
	if (p->is_accessor) {
		found.getter_name = accessor_name(g->w, key, "get ");
		found.setter_name = accessor_name(g->w, key, "set ");
	}
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

static void properties_fill(struct np_snapshot_walker *w, np_vertex node, struct form *f)
{
	struct np_snapshot *s = w->s;
	struct gather g = {.w = w, .object = np_graph_address(s->g, node), .object_bytes = vertex_size(s, node)};
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
		f->before[f->before_count++] = (struct named_field){offset, np_snapshot_text_cstr(s, name), type};
}

static void add_after(struct np_snapshot *s, struct form *f, enum np_fact field, const char *name)
{
	uint32_t offset = snapshot_fact(s, field);
	if (offset && f->after_count < NAMED_FIELDS_MAX)
		f->after[f->after_count++] = (struct named_field){offset, np_snapshot_text_cstr(s, name), NP_SNAPSHOT_INTERNAL};
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
		f->name = np_snapshot_text_cstr(s, "native_bind");
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

/* Objects made from templates have types up from JS_API_OBJECT, of which V8 tells no names. */
static void native_fill(struct np_snapshot *s, struct form *f)
{
	const char *type = f->shape->shape.type_name;
	uint32_t start = snapshot_fact(s, NP_F_JSApiObject_fields);
	if (start && (!type || strstr(type, "API_OBJECT")) && f->shape->shape.map->inobject_start_bytes >= start + 8)
		f->native_at = start;
}

/* --- classes --- */

static bool function_location(struct np_snapshot *s, np_vertex function, struct location *ret)
{
	const uint8_t *bytes = np_graph_bytes(s->g, function);
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_shared);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, function), at)) : NP_VERTEX_NONE;
	const struct shared_entry *shared = v == NP_VERTEX_NONE ? NULL : np_snapshot_shared_of(s, v);
	if (shared)
		*ret = shared->location;
	return shared;
}

/* The class of an object, and where the constructor stands that gave it the name. */
static void class_of(struct np_snapshot_walker *w, np_vertex node, uint32_t *ret_name, struct location *ret)
{
	struct np_snapshot *s = w->s;
	np_addr constructor;
	np_arena_reset(w->scratch);
	pthread_mutex_lock(&s->readers);
	const char *name = np_class_and_constructor(s->v8, np_graph_address(s->g, node), w->scratch, &constructor);
	pthread_mutex_unlock(&s->readers);
	if (name && snapshot_fact(s, NP_F_Snapshot_root_is_context) && vertex_kind(s, node) == NP_KIND_JS_GLOBAL_OBJECT)
		name = np_arena_printf(w->scratch, "%s (global*)", name);
	if (name && snapshot_fact(s, NP_F_Snapshot_root_is_context) && vertex_kind(s, node) == NP_KIND_JS_GLOBAL_PROXY)
		name = np_arena_printf(w->scratch, "%s (global)", name);
	*ret_name = np_snapshot_text_cstr(s, name && *name ? name : "Object");
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

/* The live keys of a dictionary. */
struct dictionary {
	const uint8_t *slots; /* NULL: there is none */
	uint64_t size, at;    /* offset of the entry at hand */
	uint32_t entry;	      /* words */
};

static void dictionary_begin(const struct np_snapshot *s, np_vertex table, const struct form *f, struct dictionary *ret)
{
	ret->slots = table == NP_VERTEX_NONE ? NULL : np_graph_bytes(s->g, table);
	ret->size = ret->slots ? vertex_size(s, table) : 0;
	uint32_t first = dictionary_slots(s, f, &ret->entry);
	ret->at = s->fixed_data + 8ull * first - 8ull * ret->entry;
}

static np_vertex dictionary_next(const struct np_snapshot *s, struct dictionary *d, enum np_kind *ret_kind)
{
	for (d->at += 8ull * d->entry; d->at + 8ull * d->entry <= d->size; d->at += 8ull * d->entry) {
		np_vertex key = snapshot_target(s, graph_word(d->slots + d->at));
		*ret_kind = key == NP_VERTEX_NONE ? NP_KIND_UNKNOWN : vertex_kind(s, key);
		if (*ret_kind == NP_KIND_STRING || *ret_kind == NP_KIND_SYMBOL)
			return key;
	}
	return NP_VERTEX_NONE;
}

/* Is it Symbol.toStringTag? V8 asks for the symbol; here any of that description will do. */
static bool symbol_is_tag(const struct np_snapshot *s, np_vertex symbol)
{
	const uint8_t *bytes = np_graph_bytes(s->g, symbol);
	uint32_t at = snapshot_fact(s, NP_F_Symbol_description);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, symbol), at)) : NP_VERTEX_NONE;
	return v != NP_VERTEX_NONE && vertex_kind(s, v) == NP_KIND_STRING && np_snapshot_string_is(s, v, "Symbol.toStringTag");
}

/* Does a dictionary have a key that tells an object's class? */
bool np_snapshot_dictionary_tells_class(const struct np_snapshot *s, np_vertex node, const struct form *f)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	np_vertex table = bytes ? snapshot_target(s, word_of(bytes, vertex_size(s, node), s->properties_offset)) : NP_VERTEX_NONE;
	struct dictionary d;
	enum np_kind kind;
	dictionary_begin(s, table, f, &d);
	for (np_vertex key; (key = dictionary_next(s, &d, &kind)) != NP_VERTEX_NONE;)
		if (kind == NP_KIND_SYMBOL && symbol_is_tag(s, key))
			return true;
	return false;
}

void np_snapshot_js_form(struct np_snapshot_walker *w, np_vertex node, struct form *f)
{
	struct np_snapshot *s = w->s;
	const struct np_map *map = f->shape->shape.map;
	f->type = NP_SNAPSHOT_OBJECT;
	f->naming = NAMING_CLASS;
	f->walk = WALK_JS_OBJECT;
	f->is_dictionary = map->dictionary;
	kind_fill(s, f);
	elements_fill(s, f);
	embedder_fill(s, f);
	native_fill(s, f);
	if (!f->is_dictionary && f->walk == WALK_JS_OBJECT)
		properties_fill(w, node, f);
	if (f->naming == NAMING_CLASS) {
		/* Where the map's constructor does not tell, an own Symbol.toStringTag may. */
		f->class_by_object = f->is_dictionary;
		if (f->class_by_object && np_snapshot_dictionary_tells_class(s, node, f))
			f->name = NO_NAME; /* another object of the map will tell what the others are */
		else
			class_of(w, node, &f->name, &f->location);
	}
}

/* Of those objects of a map that have no such key themselves; the first of them may be any. */
static void class_of_others(struct np_snapshot_walker *w, np_vertex node, uint32_t *ret_name, struct location *ret)
{
	uint32_t shape = graph_shape_of(w->s->g, node), i;
	if (!np_vertex_map_get(&w->class_numbers, shape, &i)) {
		struct shared_entry e;
		class_of(w, node, &e.name, &e.location);
		i = (uint32_t)w->classes.len;
		np_vec_push(&w->classes, e);
		np_vertex_map_put(&w->class_numbers, shape, i);
	}
	*ret_name = w->classes.data[i].name;
	*ret = w->classes.data[i].location;
}

void np_snapshot_class(struct np_snapshot_walker *w, np_vertex node, const struct form *f, uint32_t *ret_name,
		       struct location *ret)
{
	*ret_name = f->name;
	*ret = f->location;
	if (f->class_by_object && w->s->marks[node] & MARK_OWN_CLASS)
		class_of(w, node, ret_name, ret);
	else if (f->name == NO_NAME)
		class_of_others(w, node, ret_name, ret);
}

/* --- properties --- */

static void accessor_part(struct np_snapshot_walker *w, const uint8_t *pair, uint32_t size, enum np_fact field, uint32_t name)
{
	uint32_t at = snapshot_fact(w->s, field);
	np_vertex v = pair && at ? snapshot_target(w->s, word_of(pair, size, at)) : NP_VERTEX_NONE;
	if (v != NP_VERTEX_NONE && vertex_kind(w->s, v) != NP_KIND_ODDBALL)
		edge_put(w, NP_SNAPSHOT_PROPERTY, name, v);
}

/* True when there was an edge to the value. */
static bool property_edge(struct np_snapshot_walker *w, const struct shape_property *p, np_vertex v)
{
	if (v == NP_VERTEX_NONE || (p->is_accessor && vertex_kind(w->s, v) != NP_KIND_ACCESSOR_PAIR))
		return false;
	edge_put(w, p->is_internal ? NP_SNAPSHOT_INTERNAL : NP_SNAPSHOT_PROPERTY, p->name, v);
	if (!p->is_accessor)
		return true;
	const uint8_t *pair = np_graph_bytes(w->s->g, v);
	uint32_t size = vertex_size(w->s, v);
	accessor_part(w, pair, size, NP_F_AccessorPair_getter, p->getter_name);
	accessor_part(w, pair, size, NP_F_AccessorPair_setter, p->setter_name);
	return true;
}

static void fast_edges(struct np_snapshot_walker *w, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	struct np_snapshot *s = w->s;
	const uint8_t *array = NULL;
	uint32_t array_size = 0;
	for (uint32_t i = 0; i < f->property_count; i++) {
		const struct shape_property *p = &f->properties[i];
		if (p->place == PLACE_OBJECT) {
			if (property_edge(w, p, np_snapshot_ref(w, bytes, size, p->offset)))
				ref_told(w, p->offset);
			continue;
		}
		uint64_t word = p->constant;
		if (p->place == PLACE_ARRAY) {
			if (!array) {
				np_vertex v = snapshot_target(s, word_of(bytes, size, s->properties_offset));
				array = v == NP_VERTEX_NONE ? bytes : np_graph_bytes(s->g, v);
				array_size = v == NP_VERTEX_NONE || !array ? 0 : vertex_size(s, v);
			}
			word = array_size ? word_of(array, array_size, p->offset) : 0;
		}
		property_edge(w, p, snapshot_target(s, word));
	}
}

static bool details_are_accessor(const np_layout *l, uint32_t details)
{
	if (np_has(l, NP_F_prop_kind_mask))
		return details & (uint32_t)np_get(l, NP_F_prop_kind_mask);
	int32_t type = np_has(l, NP_F_prop_type_mask) ? (int32_t)(details & (uint32_t)np_get(l, NP_F_prop_type_mask)) : -1;
	return np_has(l, NP_F_prop_type_callbacks) && type == np_get(l, NP_F_prop_type_callbacks);
}

/* Of a property that no shape has. */
static void own_property_edge(struct np_snapshot_walker *w, np_vertex key, bool is_accessor, uint64_t word)
{
	struct np_snapshot *s = w->s;
	np_vertex v = snapshot_target(s, word);
	if (v == NP_VERTEX_NONE || (is_accessor && vertex_kind(s, v) != NP_KIND_ACCESSOR_PAIR))
		return;
	struct shape_property p = {.name = np_snapshot_key_name(w, key), .is_accessor = is_accessor, .is_internal = key_is_empty(s, key)};
	if (is_accessor) {
		p.getter_name = accessor_name(w, key, "get ");
		p.setter_name = accessor_name(w, key, "set ");
	}
	property_edge(w, &p, v);
	edges_tell(w);
}

static void dictionary_edges(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size, const struct form *f)
{
	struct np_snapshot *s = w->s;
	struct dictionary d;
	enum np_kind kind;
	dictionary_begin(s, snapshot_target(s, word_of(bytes, size, s->properties_offset)), f, &d);
	for (np_vertex key; (key = dictionary_next(s, &d, &kind)) != NP_VERTEX_NONE;) {
		uint32_t details = d.entry < 3 ? 0 : (uint32_t)(graph_word(d.slots + d.at + 16) >> 32);
		own_property_edge(w, key, details_are_accessor(s->v8->layout, details), graph_word(d.slots + d.at + 8));
	}
}

/* Properties of global objects stand in cells, in a table of their own; they are gathered, as the reader is locked. */
struct gathered {
	np_vertex key;
	bool is_accessor;
	uint64_t word;
};

struct each_property {
	struct np_snapshot *s;
	NP_VEC(struct gathered) found;
};

static bool reader_property(void *ctx, const struct np_property *p)
{
	struct each_property *each = ctx;
	np_vertex key = snapshot_target(each->s, p->key.raw);
	if (key != NP_VERTEX_NONE && !p->is_double)
		np_vec_push(&each->found, (struct gathered){key, p->is_accessor, p->value.raw});
	return true;
}

static void global_edges(struct np_snapshot_walker *w, np_vertex node)
{
	struct each_property each = {.s = w->s};
	pthread_mutex_lock(&w->s->readers);
	np_err_free(np_object_properties(w->s->v8, np_graph_address(w->s->g, node), reader_property, &each));
	pthread_mutex_unlock(&w->s->readers);
	for (size_t i = 0; i < each.found.len; i++)
		own_property_edge(w, each.found.data[i].key, each.found.data[i].is_accessor, each.found.data[i].word);
	np_vec_deinit(&each.found);
}

static void property_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	if (!f->is_dictionary)
		fast_edges(w, f, bytes, size);
	else if (f->is_global)
		global_edges(w, node);
	else
		dictionary_edges(w, bytes, size, f);
}

/* --- elements --- */

static bool is_hole(const struct np_snapshot *s, np_vertex v)
{
	return s->marks[v] & MARK_HOLE;
}

static void plain_elements(struct np_snapshot_walker *w, const struct form *f, const uint8_t *bytes, uint32_t size, np_vertex array)
{
	const struct np_snapshot *s = w->s;
	const struct form *form = form_of(s, array);
	const uint8_t *slots = np_graph_bytes(s->g, array);
	uint32_t array_size = vertex_size(s, array);
	uint64_t count = array_size > s->fixed_data ? (array_size - s->fixed_data) / 8 : 0;
	if (!slots || form->shape->shape.kind != NP_KIND_FIXED_ARRAY)
		return;
	if (f->is_array) {
		uint64_t length = word_of(bytes, size, s->length_offset);
		if (!(length & 1) && length >> 32 < count)
			count = length >> 32;
	}
	uint32_t end = array_size < form->shape->tagged_end ? array_size : form->shape->tagged_end;
	const uint32_t *row = np_snapshot_row(s, array, form, slots, end);
	for (uint32_t at = form->shape->tagged_start; row && at + 8 <= end && at < s->fixed_data; at += 8)
		row += slots[at] & 1;
	if (form->shape->tagged_start > s->fixed_data || s->fixed_data + 8 * count > end)
		row = NULL;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t word = graph_word(slots + s->fixed_data + 8 * i);
		if (!(word & 1))
			continue;
		np_vertex v = row ? np_edge_target(*row++) : graph_find(s->g, word & ~(uint64_t)3);
		if (v == NP_VERTEX_NONE || !snapshot_is_live(s, v) || (!snapshot_is_essential(s, v) && is_hole(s, v)))
			continue;
		edge_put(w, NP_SNAPSHOT_ELEMENT, (uint32_t)i, v);
		edges_tell(w);
	}
}

/* The index that a key of a NumberDictionary is: a small integer or a number in the heap. */
static bool key_index(const struct np_snapshot *s, uint64_t word, uint32_t *ret)
{
	double number = (int32_t)(word >> 32);
	if (word & 1) {
		np_vertex v = snapshot_target(s, word);
		const uint8_t *bytes = v == NP_VERTEX_NONE || vertex_kind(s, v) != NP_KIND_HEAP_NUMBER ? NULL : np_graph_bytes(s->g, v);
		uint32_t at = snapshot_fact(s, NP_F_HeapNumber_value);
		if (!bytes || !at || at + 8 > vertex_size(s, v))
			return false;
		memcpy(&number, bytes + at, sizeof(number));
	}
	if (!(number >= 0 && number < 4294967296.0))
		return false;
	*ret = (uint32_t)number;
	return true;
}

/* NumberDictionary: {key, value, details}. */
static void dictionary_elements(struct np_snapshot_walker *w, np_vertex table)
{
	const struct np_snapshot *s = w->s;
	const uint8_t *slots = np_graph_bytes(s->g, table);
	uint32_t prefix = np_has(s->v8->layout, NP_F_Dictionary_number_prefix)
				  ? (uint32_t)np_get(s->v8->layout, NP_F_Dictionary_number_prefix)
				  : 1;
	uint64_t size = slots ? vertex_size(s, table) : 0;
	uint32_t index;
	for (uint64_t at = s->fixed_data + 8ull * (HASH_TABLE_HEADER + prefix); at + 24 <= size; at += 24) {
		np_vertex v = snapshot_target(s, graph_word(slots + at + 8));
		if (v == NP_VERTEX_NONE || !key_index(s, graph_word(slots + at), &index))
			continue;
		edge_put(w, NP_SNAPSHOT_ELEMENT, index, v);
		edges_tell(w);
	}
}

static void element_edges(struct np_snapshot_walker *w, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	if (!f->has_plain_elements && !f->has_dictionary_elements)
		return;
	np_vertex array = np_snapshot_ref(w, bytes, size, w->s->elements_offset);
	if (array == NP_VERTEX_NONE || !snapshot_is_essential(w->s, array))
		return;
	if (f->has_plain_elements)
		plain_elements(w, f, bytes, size, array);
	else
		dictionary_elements(w, array);
}

/* --- the object --- */

static void field_edge(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size, uint32_t offset, uint32_t name,
		       uint32_t type)
{
	np_vertex v = np_snapshot_ref(w, bytes, size, offset);
	if (v == NP_VERTEX_NONE || !snapshot_is_essential(w->s, v))
		return;
	edge_put(w, type, name, v);
	ref_told(w, offset);
}

static void bound_edges(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size)
{
	struct np_snapshot *s = w->s;
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
		edge_put(w, NP_SNAPSHOT_SHORTCUT, np_snapshot_text_cstr(s, name), v);
	}
}

static void prototype_edges(struct np_snapshot_walker *w, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	struct np_snapshot *s = w->s;
	uint32_t at = s->prototype_offset;
	if (!at || f->shape->shape.map->inobject_start_bytes < at + 8)
		return;
	np_vertex v = np_snapshot_ref(w, bytes, size, at);
	if (v == NP_VERTEX_NONE || is_hole(s, v))
		return;
	if (vertex_kind(s, v) != NP_KIND_MAP) {
		edge_put(w, NP_SNAPSHOT_PROPERTY, s->text_prototype, v);
		ref_told(w, at);
		return;
	}
	const uint8_t *map = np_graph_bytes(s->g, v);
	np_vertex prototype = map ? snapshot_target(s, word_of(map, vertex_size(s, v), snapshot_fact(s, NP_F_Map_prototype)))
				  : NP_VERTEX_NONE;
	if (prototype != NP_VERTEX_NONE)
		edge_put(w, NP_SNAPSHOT_PROPERTY, s->text_prototype, prototype);
	field_edge(w, bytes, size, at, s->text_initial_map, NP_SNAPSHOT_INTERNAL);
}

/* Where functions have a number in V8's dispatch table instead of their code. */
static void dispatch_edge(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size)
{
	const struct np_snapshot *s = w->s;
	np_vertex code;
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_dispatch_handle);
	if (!at || !s->dispatch_count)
		return;
	uint32_t index = (uint32_t)word_of(bytes, size, at) >> snapshot_fact(s, NP_F_JSFunction_dispatch_shift);
	if (np_snapshot_dispatched(s, index, &code))
		edge_put(w, NP_SNAPSHOT_INTERNAL, s->text_code, code);
}

void np_snapshot_js_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	struct np_snapshot *s = w->s;
	property_edges(w, node, f, bytes, size);
	element_edges(w, f, bytes, size);
	for (uint32_t at = f->embedder_start, i = 0; at < f->embedder_end; at += 8, i++)
		field_edge(w, bytes, size, at, np_snapshot_slot_name(w, i), NP_SNAPSHOT_INTERNAL);
	if (f->prototype != NP_VERTEX_NONE)
		edge_put(w, NP_SNAPSHOT_PROPERTY, s->text_proto, f->prototype);
	if (f->is_function)
		prototype_edges(w, f, bytes, size);
	for (uint32_t i = 0; i < f->after_count; i++)
		field_edge(w, bytes, size, f->after[i].offset, f->after[i].name, NP_SNAPSHOT_INTERNAL);
	if (f->is_function)
		dispatch_edge(w, bytes, size);
	if (f->is_bound)
		bound_edges(w, bytes, size);
	field_edge(w, bytes, size, s->properties_offset, s->text_properties, NP_SNAPSHOT_INTERNAL);
	field_edge(w, bytes, size, s->elements_offset, s->text_elements, NP_SNAPSHOT_INTERNAL);
}

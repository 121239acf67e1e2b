#include "heap/edge.h"

#include <stdlib.h>
#include <string.h>

#include "heap/field.h"
#include "v8/array.h"
#include "v8/context.h"
#include "v8/object.h"
#include "v8/string.h"

enum {
	KEY_TEXT_MAX = 60,
	HASH_HEADER = 3, /* HashTable: elements, deleted, capacity */
	ORDERED_HEADER = 3,
	MAP_ENTRY = 3, SET_ENTRY = 2, WEAK_ENTRY = 2,
	ARRAY_DATA = 16,
	REFERRERS_MAX = 4096, /* looked at to find the owner of a store */
};

const char *np_edge_kind_name(enum np_edge_kind kind)
{
	static const char *const names[] = {
		[NP_EDGE_KIND_PROPERTY] = "property", [NP_EDGE_KIND_ELEMENT] = "element",
		[NP_EDGE_KIND_CONTEXT] = "context",   [NP_EDGE_KIND_KEY] = "key",
		[NP_EDGE_KIND_VALUE] = "value",	      [NP_EDGE_KIND_INTERNAL] = "internal",
	};
	return names[kind];
}

static np_v8 *v8_of(np_graph *g)
{
	return np_heap_v8(np_graph_heap(g));
}

static enum np_kind kind_of(const np_graph *g, np_vertex node)
{
	return np_graph_is_external(g, node) ? NP_KIND_UNKNOWN : np_graph_shape(g, np_graph_shape_of(g, node))->kind;
}

static bool word_at(const np_graph *g, np_vertex node, uint64_t offset, np_tagged *ret)
{
	const uint8_t *bytes = np_graph_bytes(g, node);
	if (!bytes || offset + 8 > np_graph_size(g, node))
		return false;
	memcpy(&ret->raw, bytes + offset, 8);
	return true;
}

static bool field_leads_to(const np_graph *g, np_vertex node, enum np_fact fact, np_vertex target)
{
	const np_layout *l = np_heap_v8(np_graph_heap(g))->layout;
	np_tagged t;
	return np_has(l, fact) && np_get(l, fact) > 0 && word_at(g, node, (uint64_t)np_get(l, fact), &t) && np_is_ref(t) &&
	       np_graph_find(g, np_ref(t)) == target;
}

bool np_edge_find(const np_graph *g, np_vertex holder, np_vertex target, uint32_t *ret_k)
{
	struct np_edges row = np_graph_edges(g, holder);
	for (uint32_t k = 0; k < row.count; k++)
		if (np_edge_target(row.targets[k]) == target) {
			*ret_k = k;
			return true;
		}
	return false;
}

/* --- names --- */

/* What V8 keeps under private symbols of its own (up to 5.5 a promise's result) is no property to a program. */
static enum np_edge_kind property_kind(np_v8 *v8, np_tagged key)
{
	return np_key_is_internal(v8, key) ? NP_EDGE_KIND_INTERNAL : NP_EDGE_KIND_PROPERTY;
}

/* A Map's key in short. */
static const char *key_text(np_graph *g, np_classes *classes, np_tagged key, np_arena *arena)
{
	np_v8 *v8 = v8_of(g);
	if (np_is_smi(key))
		return np_arena_printf(arena, "%d", np_smi_value(key));
	if (np_is_kind(v8, key, NP_KIND_STRING)) {
		const char *s = np_string_utf8(v8, np_ref(key), KEY_TEXT_MAX, arena);
		return np_arena_printf(arena, "\"%s\"", s ? s : "");
	}
	np_vertex node = np_graph_find(g, np_ref(key));
	return np_arena_printf(arena, "%s 0x%llx", node == NP_VERTEX_NONE ? "object" : np_class_of(classes, node),
			       (unsigned long long)key.raw);
}

static void edge_index(struct np_edge_name *e, enum np_edge_kind kind, uint64_t index, np_arena *arena)
{
	e->kind = kind;
	e->index = index;
	e->name = np_arena_printf(arena, kind == NP_EDGE_KIND_INTERNAL ? "[%llu]" : "%llu", (unsigned long long)index);
}

/* Up to 6.2 a Context is a FixedArray by its type; the graph knows better. */
static bool describe_context(np_graph *g, np_vertex holder, uint32_t offset, np_arena *arena, struct np_edge_name *e)
{
	static const struct {
		enum np_fact fact;
		const char *name;
	} slots[] = {{NP_F_Context_scope_info, "scope_info"}, {NP_F_Context_closure, "closure"},
		     {NP_F_Context_previous, "previous"},     {NP_F_Context_extension, "extension"}};
	np_v8 *v8 = v8_of(g);
	struct np_context c;
	np_addr at = np_graph_address(g, holder) + offset;
	if (np_err_drop(np_context_load(v8, np_graph_address(g, holder), arena, &c)))
		return false;
	for (size_t i = 0; i < c.variable_count; i++)
		if (c.variables[i].slot == at) {
			e->kind = NP_EDGE_KIND_CONTEXT;
			e->name = c.variables[i].name ? c.variables[i].name : "";
			return true;
		}
	for (size_t i = 0; i < NP_ARRAY_LEN(slots); i++)
		if (np_has(v8->layout, slots[i].fact) &&
		    ARRAY_DATA + 8ull * (uint64_t)np_get(v8->layout, slots[i].fact) == offset) {
			e->name = slots[i].name;
			return true;
		}
	return false;
}

static bool describe_slot(np_graph *g, np_vertex holder, uint32_t offset, np_arena *arena, struct np_edge_name *e)
{
	struct np_heap_object object = {
		.addr = np_graph_address(g, holder),
		.size_bytes = np_graph_size(g, holder),
		.map = np_graph_shape(g, np_graph_shape_of(g, holder))->map,
		.page = np_graph_page(g, holder),
	};
	struct np_object_field f;
	if (kind_of(g, holder) == NP_KIND_CONTEXT && describe_context(g, holder, offset, arena, e))
		return true;
	np_object_field_at(np_graph_heap(g), &object, offset, arena, &f);
	switch (f.kind) {
	case NP_FIELD_PROPERTY:
		e->kind = NP_EDGE_KIND_PROPERTY;
		e->name = f.name ? f.name : "";
		return true;
	case NP_FIELD_VARIABLE:
		e->kind = NP_EDGE_KIND_CONTEXT;
		e->name = f.name ? f.name : "";
		return true;
	case NP_FIELD_ELEMENT:
	case NP_FIELD_SLOT:
		edge_index(e, NP_EDGE_KIND_INTERNAL, f.index, arena);
		return true;
	default:
		e->name = f.kind == NP_FIELD_MAP ? "map" : f.name;
		return e->name != NULL;
	}
}

static bool is_oneself_weak(const np_graph *g, np_vertex holder, uint32_t k)
{
	struct np_edges row = np_graph_edges(g, holder);
	return k < row.count && np_edge_is_weak(row.targets[k]);
}

static void describe_plainly(np_graph *g, np_vertex holder, uint32_t k, uint32_t offset, np_arena *arena,
			     struct np_edge_name *ret)
{
	struct np_edge_name e = {.kind = NP_EDGE_KIND_INTERNAL, .is_weak = is_oneself_weak(g, holder, k)};
	if (offset == UINT32_MAX || offset & 7) {
		struct np_edges row = np_graph_edges(g, holder);
		bool is_memory = k < row.count && np_graph_is_external(g, np_edge_target(row.targets[k]));
		e.name = is_memory ? "memory" : "machine code";
	} else if (!describe_slot(g, holder, offset, arena, &e)) {
		e.name = np_arena_printf(arena, "+%u", offset);
	}
	*ret = e;
}

void np_edge_describe(np_graph *g, np_classes *classes, np_vertex holder, uint32_t k, np_arena *arena,
		      struct np_edge_name *ret)
{
	uint32_t offset;
	(void)classes;
	describe_plainly(g, holder, k, np_graph_edge_offset(g, holder, k, &offset) ? offset : UINT32_MAX, arena, ret);
}

/* --- stores --- */

enum store_role { STORE_NONE, STORE_PROPERTIES, STORE_ELEMENTS, STORE_ORDERED_TABLE, STORE_WEAK_TABLE };

static enum store_role store_role(const np_graph *g, np_vertex owner, np_vertex store)
{
	enum np_kind kind = kind_of(g, owner);
	if (!np_kind_is_receiver(kind))
		return STORE_NONE;
	if (field_leads_to(g, owner, NP_F_JSReceiver_properties, store))
		return STORE_PROPERTIES;
	if (field_leads_to(g, owner, NP_F_JSObject_elements, store))
		return STORE_ELEMENTS;
	if ((kind == NP_KIND_JS_MAP || kind == NP_KIND_JS_SET) && field_leads_to(g, owner, NP_F_JSMap_table, store))
		return STORE_ORDERED_TABLE;
	if ((kind == NP_KIND_JS_WEAK_MAP || kind == NP_KIND_JS_WEAK_SET) &&
	    field_leads_to(g, owner, NP_F_JSWeakMap_table, store))
		return STORE_WEAK_TABLE;
	return STORE_NONE;
}

bool np_edge_is_store_of(const np_graph *g, np_vertex owner, np_vertex store)
{
	return store_role(g, owner, store) != STORE_NONE;
}

np_vertex np_edge_store_owner(np_graph *g, np_vertex store)
{
	enum np_kind kind = kind_of(g, store);
	if (np_graph_is_external(g, store) || np_kind_is_receiver(kind) || kind == NP_KIND_STRING || kind == NP_KIND_MAP)
		return NP_VERTEX_NONE;
	struct np_edges back = np_graph_referrers(g, store);
	for (uint32_t i = 0; i < back.count && i < REFERRERS_MAX; i++) {
		np_vertex owner = np_edge_target(back.targets[i]);
		if (store_role(g, owner, store) != STORE_NONE)
			return owner;
	}
	return NP_VERTEX_NONE;
}

struct slot_search {
	np_v8 *v8;
	np_addr slot;
	np_arena *arena;
	const char *name;
	enum np_edge_kind kind;
};

static bool slot_matches(void *ctx, const struct np_property *p)
{
	struct slot_search *s = ctx;
	if (p->slot != s->slot)
		return true;
	s->name = np_key_text(s->v8, p->key, s->arena);
	s->kind = property_kind(s->v8, p->key);
	return false;
}

/* Properties in a dictionary: {key, value, details} entries, or (global objects) PropertyCells. */
static bool describe_dictionary(np_graph *g, np_vertex owner, np_vertex store, uint32_t offset, np_arena *arena,
				struct np_edge_name *e)
{
	np_v8 *v8 = v8_of(g);
	const np_layout *l = v8->layout;
	bool global = kind_of(g, owner) == NP_KIND_JS_GLOBAL_OBJECT;
	enum np_fact entry_fact = global && np_has(l, NP_F_Dictionary_global_entry_size) ? NP_F_Dictionary_global_entry_size
											: NP_F_Dictionary_entry_size;
	uint32_t prefix = np_has(l, NP_F_Dictionary_name_prefix) ? (uint32_t)np_get(l, NP_F_Dictionary_name_prefix) : 2;
	uint32_t entry = np_has(l, entry_fact) && np_get(l, entry_fact) > 0 ? (uint32_t)np_get(l, entry_fact) : 3;
	uint32_t slot = (offset - ARRAY_DATA) / 8;
	np_tagged key;
	if (offset < ARRAY_DATA || slot < HASH_HEADER + prefix)
		return false;
	uint32_t in_entry = (slot - HASH_HEADER - prefix) % entry;
	if (!word_at(g, store, offset - 8ull * in_entry, &key) || !np_is_ref(key))
		return false;
	if (np_is_kind(v8, key, NP_KIND_PROPERTY_CELL)) { /* it knows its name: the word before its value, or behind the map */
		np_tagged t;
		const char *name = NULL;
		for (uint32_t at = 8; at <= 32 && !name; at += 8)
			if (np_tagged_at(v8, np_ref(key) + at, &t) && np_is_ref(t) &&
			    (!np_has(l, NP_F_PropertyCell_value) || np_get(l, NP_F_PropertyCell_value) != (int64_t)at))
				name = np_key_text(v8, t, arena);
		if (!name)
			return false;
		e->kind = NP_EDGE_KIND_PROPERTY;
		e->name = name;
		return true;
	}
	const char *name = np_key_text(v8, key, arena);
	if (!name)
		return false;
	e->kind = in_entry ? property_kind(v8, key) : NP_EDGE_KIND_KEY;
	e->name = name;
	return true;
}

static bool describe_property(np_graph *g, np_vertex owner, np_vertex store, uint32_t offset, np_arena *arena,
			      struct np_edge_name *e)
{
	const struct np_vertex_shape *shape = np_graph_shape(g, np_graph_shape_of(g, owner));
	struct slot_search s = {.v8 = v8_of(g), .slot = np_graph_address(g, store) + offset, .arena = arena};
	if (shape->map->dictionary || shape->kind == NP_KIND_JS_GLOBAL_OBJECT)
		return describe_dictionary(g, owner, store, offset, arena, e);
	np_err_free(np_object_properties(s.v8, np_graph_address(g, owner), slot_matches, &s));
	if (!s.name)
		return false;
	e->kind = s.kind;
	e->name = s.name;
	return true;
}

static bool describe_element(np_graph *g, np_vertex store, uint32_t offset, np_arena *arena, struct np_edge_name *e)
{
	const struct np_vertex_shape *shape = np_graph_shape(g, np_graph_shape_of(g, store));
	np_v8 *v8 = v8_of(g);
	np_tagged key;
	bool dictionary = shape->type_name && strcmp(shape->type_name, "NUMBER_DICTIONARY_TYPE") == 0;
	if (offset < ARRAY_DATA)
		return false;
	uint32_t slot = (offset - ARRAY_DATA) / 8;
	if (dictionary) {
		uint32_t prefix = np_has(v8->layout, NP_F_Dictionary_number_prefix)
					  ? (uint32_t)np_get(v8->layout, NP_F_Dictionary_number_prefix)
					  : 1;
		if (slot < HASH_HEADER + prefix)
			return false;
		uint32_t in_entry = (slot - HASH_HEADER - prefix) % 3;
		if (!word_at(g, store, offset - 8ull * in_entry, &key) || !np_is_smi(key))
			return false;
		slot = (uint32_t)np_smi_value(key);
	}
	edge_index(e, NP_EDGE_KIND_ELEMENT, slot, arena);
	return true;
}

static bool describe_entry(np_graph *g, np_classes *classes, np_vertex owner, np_vertex store, uint32_t offset,
			   bool is_weak, np_arena *arena, struct np_edge_name *e)
{
	const np_layout *l = v8_of(g)->layout;
	enum np_kind kind = kind_of(g, owner);
	uint64_t first, data = ARRAY_DATA, entry = is_weak ? WEAK_ENTRY : kind == NP_KIND_JS_MAP ? MAP_ENTRY : SET_ENTRY;
	np_tagged t;
	if (is_weak) {
		first = HASH_HEADER;
	} else {
		if (!np_has(l, NP_F_OrderedHash_data) || !np_has(l, NP_F_OrderedHash_buckets_index))
			return false;
		data = (uint64_t)np_get(l, NP_F_OrderedHash_data);
		if (!word_at(g, store, data + 8 * (uint64_t)np_get(l, NP_F_OrderedHash_buckets_index), &t) || !np_is_smi(t) ||
		    np_smi_value(t) < 0)
			return false;
		first = ORDERED_HEADER + (uint64_t)np_smi_value(t);
	}
	if (offset < data + 8 * first)
		return false;
	uint64_t slot = (offset - data) / 8 - first, in_entry = slot % entry;
	if (!word_at(g, store, offset - 8 * in_entry, &t))
		return false;
	e->kind = in_entry == 1 && (kind == NP_KIND_JS_MAP || kind == NP_KIND_JS_WEAK_MAP) ? NP_EDGE_KIND_VALUE
											     : NP_EDGE_KIND_KEY;
	e->index = slot / entry;
	e->name = key_text(g, classes, t, arena);
	return true;
}

void np_edge_describe_at(np_graph *g, np_classes *classes, np_vertex owner, np_vertex store, uint32_t k, uint32_t offset,
			 np_arena *arena, struct np_edge_name *ret)
{
	struct np_edge_name e = {.kind = NP_EDGE_KIND_INTERNAL, .is_weak = is_oneself_weak(g, store, k)};
	bool found = false;
	if (owner != NP_VERTEX_NONE && offset && !(offset & 7)) {
		switch (store_role(g, owner, store)) {
		case STORE_PROPERTIES:
			found = describe_property(g, owner, store, offset, arena, &e);
			break;
		case STORE_ELEMENTS:
			found = describe_element(g, store, offset, arena, &e);
			break;
		case STORE_ORDERED_TABLE:
			found = describe_entry(g, classes, owner, store, offset, false, arena, &e);
			break;
		case STORE_WEAK_TABLE:
			found = describe_entry(g, classes, owner, store, offset, true, arena, &e);
			break;
		case STORE_NONE:
			break;
		}
	}
	if (found)
		*ret = e;
	else
		describe_plainly(g, store, k, offset, arena, ret);
}

void np_edge_describe_through(np_graph *g, np_classes *classes, np_vertex owner, np_vertex store, uint32_t k,
			      np_arena *arena, struct np_edge_name *ret)
{
	uint32_t offset;
	if (!np_graph_edge_offset(g, store, k, &offset))
		offset = UINT32_MAX;
	np_edge_describe_at(g, classes, owner, store, k, offset, arena, ret);
}

static bool is_identifier(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (!(*s == '_' || *s == '$' || *s == '#' || (unsigned)((*s | 32) - 'a') < 26u || (*s >= '0' && *s <= '9') || (uint8_t)*s >= 0x80))
			return false;
	return true;
}

const char *np_edge_text(const struct np_edge_name *e, np_arena *arena)
{
	switch (e->kind) {
	case NP_EDGE_KIND_PROPERTY:
		return np_arena_printf(arena, is_identifier(e->name) ? ".%s" : "[\"%s\"]", e->name);
	case NP_EDGE_KIND_ELEMENT:
		return np_arena_printf(arena, "[%s]", e->name);
	case NP_EDGE_KIND_CONTEXT:
		return np_arena_printf(arena, "{%s}", e->name);
	case NP_EDGE_KIND_VALUE:
		return np_arena_printf(arena, ".get(%s)", e->name);
	case NP_EDGE_KIND_KEY:
		return np_arena_printf(arena, ".keys()[%llu]", (unsigned long long)e->index);
	case NP_EDGE_KIND_INTERNAL:
		return np_arena_printf(arena, "(%s)", e->name);
	}
	return "";
}

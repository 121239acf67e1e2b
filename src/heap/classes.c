#include "heap/classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "v8/cache.h"
#include "v8/object.h"
#include "v8/string.h"

enum { PROPERTIES_MAX = 1024 };
#define UNKNOWN UINT32_MAX

struct np_classes {
	np_graph *graph;
	np_v8 *v8;
	np_arena *arena;
	uint32_t *class_of_shape, *group_of_shape; /* UNKNOWN: not asked for yet */
	uint32_t external_class, external_group; /* of memory outside the heap */
	/*
	 * Objects with their properties in a dictionary share maps, and each may have
	 * a toStringTag: those that have are looked at one by one, node + 1 -> number + 1.
	 */
	struct np_addr_map class_of_node;
	uint64_t *is_tag; /* a bit a node: Symbol.toStringTag; NULL: not asked for yet */
	size_t tag_count;
	NP_VEC(const char *) names;
	NP_VEC(struct np_group) groups;
	NP_VEC(uint32_t) dictionary_groups; /* by class; UNKNOWN: not asked for yet */
	struct np_text_map {
		char **keys;
		uint32_t *ids;
		size_t cap, len;
	} class_ids, group_ids;
};

/* --- texts to numbers --- */

static uint64_t text_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	return h;
}

static size_t text_slot(const struct np_text_map *m, const char *key)
{
	size_t i = text_hash(key) & (m->cap - 1);
	while (m->keys[i] && strcmp(m->keys[i], key) != 0)
		i = (i + 1) & (m->cap - 1);
	return i;
}

/* The number of a text; a new one is next. */
static uint32_t text_id(struct np_text_map *m, const char *key, bool *is_new)
{
	if ((m->len + 1) * 2 > m->cap) {
		struct np_text_map old = *m;
		m->cap = old.cap ? old.cap * 2 : 256;
		m->keys = np_xcalloc(m->cap, sizeof(*m->keys));
		m->ids = np_xcalloc(m->cap, sizeof(*m->ids));
		for (size_t i = 0; i < old.cap; i++)
			if (old.keys[i]) {
				size_t at = text_slot(m, old.keys[i]);
				m->keys[at] = old.keys[i];
				m->ids[at] = old.ids[i];
			}
		free(old.keys);
		free(old.ids);
	}
	size_t at = text_slot(m, key);
	*is_new = !m->keys[at];
	if (*is_new) {
		m->keys[at] = np_xstrdup(key);
		m->ids[at] = (uint32_t)m->len++;
	}
	return m->ids[at];
}

static void text_map_deinit(struct np_text_map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->keys[i]);
	free(m->keys);
	free(m->ids);
}

/* --- names --- */

static const char *string_class(const np_classes *c, const struct np_map *map)
{
	const np_layout *l = c->v8->layout;
	if (!np_has(l, NP_F_String_representation_mask))
		return "(string)";
	int64_t form = map->type & np_get(l, NP_F_String_representation_mask);
	if (np_has(l, NP_F_String_tag_cons) && form == np_get(l, NP_F_String_tag_cons))
		return "(concatenated string)";
	if (np_has(l, NP_F_String_tag_sliced) && form == np_get(l, NP_F_String_tag_sliced))
		return "(sliced string)";
	return "(string)";
}

static bool type_ends(const char *type, const char *end)
{
	size_t n = strlen(type), m = strlen(end);
	return n >= m && strcmp(type + n - m, end) == 0;
}

/* "FEEDBACK_VECTOR_TYPE" -> "system / FeedbackVector" */
static const char *internal_class(np_arena *arena, const char *type)
{
	struct np_buf b = {0};
	bool upper = true;
	size_t n = type_ends(type, "_TYPE") ? strlen(type) - 5 : strlen(type);
	np_buf_puts(&b, "system / ");
	for (size_t i = 0; i < n; i++) {
		char ch = type[i];
		if (ch == '_') {
			upper = true;
			continue;
		}
		np_buf_putc(&b, upper || ch < 'A' || ch > 'Z' ? ch : (char)(ch - 'A' + 'a'));
		upper = false;
	}
	const char *s = np_arena_strdup(arena, b.data);
	np_buf_deinit(&b);
	return s;
}

static const char *class_name(np_classes *c, const struct np_vertex_shape *s, np_vertex node, bool is_untagged)
{
	switch (s->kind) {
	case NP_KIND_STRING:
		return string_class(c, s->map);
	case NP_KIND_SYMBOL:
		return "(symbol)";
	case NP_KIND_HEAP_NUMBER:
		return "(number)";
	case NP_KIND_BIGINT:
		return "(bigint)";
	case NP_KIND_JS_FUNCTION:
	case NP_KIND_JS_BOUND_FUNCTION:
		return "Function";
	case NP_KIND_CODE:
	case NP_KIND_INSTRUCTION_STREAM:
	case NP_KIND_BYTECODE_ARRAY:
		return "(compiled code)";
	case NP_KIND_SHARED_FUNCTION_INFO:
		return "(function info)";
	case NP_KIND_SCRIPT:
		return "(script)";
	case NP_KIND_SCOPE_INFO:
		return "(scope info)";
	case NP_KIND_CONTEXT:
		return "(context)";
	case NP_KIND_MAP:
		return "(map)";
	case NP_KIND_FIXED_DOUBLE_ARRAY:
	case NP_KIND_FIXED_ARRAY:
	case NP_KIND_PROPERTY_ARRAY:
	case NP_KIND_BYTE_ARRAY:
		return "(array)";
	default:
		break;
	}
	if (np_kind_is_receiver(s->kind)) {
		np_addr at = np_graph_address(c->graph, node);
		const char *name = is_untagged ? np_class_name_of_untagged(c->v8, at, c->arena)
					       : np_class_name_of(c->v8, at, c->arena);
		return name && *name ? name : "Object";
	}
	if (!s->type_name)
		return np_arena_printf(c->arena, "system / instance type %u", s->map->type);
	if (type_ends(s->type_name, "_ARRAY_TYPE") || type_ends(s->type_name, "_TABLE_TYPE") ||
	    type_ends(s->type_name, "DICTIONARY_TYPE") || type_ends(s->type_name, "ORDERED_HASH_MAP_TYPE") ||
	    type_ends(s->type_name, "ORDERED_HASH_SET_TYPE") || type_ends(s->type_name, "ARRAY_LIST_TYPE"))
		return "(array)";
	return internal_class(c->arena, s->type_name);
}

static uint32_t class_number(np_classes *c, const char *name)
{
	bool is_new;
	uint32_t id = text_id(&c->class_ids, name, &is_new);
	if (is_new)
		np_vec_push(&c->names, np_arena_strdup(c->arena, name));
	return id;
}

static bool has_own_names(const struct np_vertex_shape *s)
{
	return np_kind_is_receiver(s->kind) && s->map->dictionary;
}

/* Where the symbol is that such a property has as its key (one an isolate). */
static void tags_find(np_classes *c)
{
	enum { SYMBOL };
	struct np_scan_list lists[NP_SCAN_BITS];
	uint32_t shapes = np_graph_shape_count(c->graph);
	uint16_t *bits = np_xcalloc((size_t)shapes + 1, sizeof(*bits));
	c->is_tag = np_xcalloc((size_t)np_graph_node_count(c->graph) / 64 + 1, sizeof(*c->is_tag));
	for (uint32_t i = 0; i < shapes; i++)
		bits[i] = np_graph_shape(c->graph, i)->kind == NP_KIND_SYMBOL ? 1 << SYMBOL : 0;
	np_scan_objects(c->graph, NULL, bits, 0, lists);
	for (size_t i = 0; i < lists[SYMBOL].count; i++) {
		np_vertex node = lists[SYMBOL].nodes[i];
		np_tagged description;
		if (np_field(c->v8, np_graph_address(c->graph, node), NP_F_Symbol_description, &description) &&
		    np_is_kind(c->v8, description, NP_KIND_STRING) &&
		    np_string_equals(c->v8, np_ref(description), "Symbol.toStringTag")) {
			c->is_tag[node / 64] |= 1ull << (node % 64);
			c->tag_count++;
		}
	}
	np_scan_lists_deinit(lists);
	free(bits);
}

/* Can an object have a class that others of its map do not have? */
static bool may_have_own_class(np_classes *c, np_vertex node, const struct np_vertex_shape *s)
{
	np_tagged properties;
	if (s->kind == NP_KIND_JS_GLOBAL_OBJECT || s->kind == NP_KIND_JS_PRIMITIVE_WRAPPER)
		return true;
	if (!c->is_tag)
		tags_find(c);
	if (!c->tag_count || !np_field(c->v8, np_graph_address(c->graph, node), NP_F_JSReceiver_properties, &properties))
		return true;
	np_vertex store = np_is_ref(properties) ? np_graph_find(c->graph, np_ref(properties)) : NP_VERTEX_NONE;
	struct np_edges row = np_graph_edges(c->graph, store);
	for (uint32_t k = 0; k < row.count; k++) {
		np_vertex key = np_edge_target(row.targets[k]);
		if (c->is_tag[key / 64] >> (key % 64) & 1)
			return true;
	}
	return false;
}

static uint32_t class_of_one(np_classes *c, np_vertex node, const struct np_vertex_shape *s)
{
	uintptr_t known = (uintptr_t)np_addr_map_get(&c->class_of_node, (np_addr)node + 1);
	if (!known) {
		known = (uintptr_t)class_number(c, class_name(c, s, node, false)) + 1;
		np_addr_map_put(&c->class_of_node, (np_addr)node + 1, (void *)known);
	}
	return (uint32_t)(known - 1);
}

uint32_t np_class_id_of(np_classes *c, np_vertex node)
{
	if (np_graph_is_external(c->graph, node)) {
		if (c->external_class == UNKNOWN)
			c->external_class = class_number(c, "(external memory)");
		return c->external_class;
	}
	uint32_t shape = np_graph_shape_of(c->graph, node);
	const struct np_vertex_shape *s = np_graph_shape(c->graph, shape);
	if (has_own_names(s) && may_have_own_class(c, node, s))
		return class_of_one(c, node, s);
	if (c->class_of_shape[shape] == UNKNOWN)
		c->class_of_shape[shape] = class_number(c, class_name(c, s, node, has_own_names(s)));
	return c->class_of_shape[shape];
}

const char *np_class_id_name(const np_classes *c, uint32_t id)
{
	return c->names.data[id];
}

uint32_t np_class_id_count(const np_classes *c)
{
	return (uint32_t)c->names.len;
}

const char *np_class_of(np_classes *c, np_vertex node)
{
	return np_class_id_name(c, np_class_id_of(c, node));
}

/* --- groups --- */

struct gather {
	np_classes *classes;
	NP_VEC(const char *) names;
};

static bool gather_name(void *ctx, const struct np_property *p)
{
	struct gather *g = ctx;
	const char *name = np_key_text(g->classes->v8, p->key, g->classes->arena);
	if (name)
		np_vec_push(&g->names, name);
	return g->names.len < PROPERTIES_MAX;
}

static uint32_t group_number(np_classes *c, np_vertex node, const struct np_vertex_shape *s)
{
	struct np_group group = {.class_id = np_class_id_of(c, node)};
	struct gather g = {.classes = c};
	struct np_buf key = {0};
	bool is_new;
	if (np_kind_is_receiver(s->kind)) {
		group.is_dictionary = s->map->dictionary;
		if (!group.is_dictionary)
			np_err_free(np_object_properties(c->v8, np_graph_address(c->graph, node), gather_name, &g));
	}
	np_buf_printf(&key, "%u%c", group.class_id, group.is_dictionary ? 'd' : 'p');
	for (size_t i = 0; i < g.names.len; i++)
		np_buf_printf(&key, "\x01%s", g.names.data[i]);
	uint32_t id = text_id(&c->group_ids, key.data, &is_new);
	if (is_new) {
		group.property_count = (uint32_t)g.names.len;
		group.properties = np_arena_memdup(c->arena, g.names.data, g.names.len * sizeof(*g.names.data));
		np_vec_push(&c->groups, group);
	}
	np_buf_deinit(&key);
	np_vec_deinit(&g.names);
	return id;
}

/* Of objects that each have their own properties there is one group a class. */
static uint32_t dictionary_group(np_classes *c, np_vertex node, const struct np_vertex_shape *s)
{
	uint32_t class = np_class_id_of(c, node);
	while (c->dictionary_groups.len <= class)
		np_vec_push(&c->dictionary_groups, UNKNOWN);
	if (c->dictionary_groups.data[class] == UNKNOWN)
		c->dictionary_groups.data[class] = group_number(c, node, s);
	return c->dictionary_groups.data[class];
}

uint32_t np_group_id_of(np_classes *c, np_vertex node)
{
	static const struct np_vertex_shape none;
	if (np_graph_is_external(c->graph, node)) {
		if (c->external_group == UNKNOWN)
			c->external_group = group_number(c, node, &none);
		return c->external_group;
	}
	uint32_t shape = np_graph_shape_of(c->graph, node);
	if (c->group_of_shape[shape] != UNKNOWN)
		return c->group_of_shape[shape];
	const struct np_vertex_shape *s = np_graph_shape(c->graph, shape);
	if (has_own_names(s))
		return dictionary_group(c, node, s);
	c->group_of_shape[shape] = group_number(c, node, s);
	return c->group_of_shape[shape];
}

const struct np_group *np_group_get(const np_classes *c, uint32_t id)
{
	return &c->groups.data[id];
}

uint32_t np_group_count(const np_classes *c)
{
	return (uint32_t)c->groups.len;
}

/* --- of all --- */

void np_groups_init(np_classes *c, const struct np_reach *reach, struct np_groups *ret)
{
	enum { EACH };
	np_graph *g = c->graph;
	uint32_t shapes = np_graph_shape_count(g);
	struct np_groups groups = {.graph = g, .of_shape = np_xmalloc(((size_t)shapes + 1) * sizeof(*groups.of_shape))};
	struct np_scan_list lists[NP_SCAN_BITS];
	uint16_t *bits = np_xcalloc((size_t)shapes + 1, sizeof(*bits));
	np_scan_shapes(g, reach, groups.of_shape); /* the first object; then its group */
	for (uint32_t i = 0; i < shapes; i++) {
		if (groups.of_shape[i] == NP_VERTEX_NONE)
			continue;
		if (has_own_names(np_graph_shape(g, i)))
			bits[i] = 1 << EACH;
		groups.of_shape[i] = bits[i] ? NP_VERTEX_NONE : np_group_id_of(c, groups.of_shape[i]);
	}
	np_scan_objects(g, reach, bits, 0, lists);
	groups.each = lists[EACH];
	lists[EACH] = (struct np_scan_list){0};
	np_scan_lists_deinit(lists);
	free(bits);
	groups.of_each = np_xmalloc((groups.each.count + 1) * sizeof(*groups.of_each));
	for (size_t i = 0; i < groups.each.count; i++)
		groups.of_each[i] = np_group_id_of(c, groups.each.nodes[i]);
	if (np_graph_node_count(g) > np_graph_object_count(g))
		groups.external = np_group_id_of(c, np_graph_object_count(g));
	*ret = groups;
}

void np_groups_deinit(struct np_groups *groups)
{
	free(groups->of_shape);
	free(groups->each.nodes);
	free(groups->of_each);
	*groups = (struct np_groups){0};
}

uint32_t np_groups_of_each(const struct np_groups *groups, np_vertex node)
{
	size_t low = 0, high = groups->each.count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (groups->each.nodes[mid] < node)
			low = mid + 1;
		else
			high = mid;
	}
	return low < groups->each.count && groups->each.nodes[low] == node ? groups->of_each[low] : NP_VERTEX_NONE;
}

/* --- life --- */

np_classes *np_classes_create(np_graph *graph)
{
	np_classes *c = np_xcalloc(1, sizeof(*c));
	size_t n = np_graph_shape_count(graph) + 1;
	c->graph = graph;
	c->v8 = np_heap_v8(np_graph_heap(graph));
	c->arena = np_arena_create();
	c->class_of_shape = np_xmalloc(n * sizeof(*c->class_of_shape));
	c->group_of_shape = np_xmalloc(n * sizeof(*c->group_of_shape));
	memset(c->class_of_shape, 0xff, n * sizeof(*c->class_of_shape));
	memset(c->group_of_shape, 0xff, n * sizeof(*c->group_of_shape));
	c->external_class = c->external_group = UNKNOWN;
	return c;
}

void np_classes_destroy(np_classes *c)
{
	if (!c)
		return;
	text_map_deinit(&c->class_ids);
	text_map_deinit(&c->group_ids);
	np_vec_deinit(&c->names);
	np_vec_deinit(&c->groups);
	np_vec_deinit(&c->dictionary_groups);
	np_addr_map_deinit(&c->class_of_node);
	free(c->is_tag);
	free(c->class_of_shape);
	free(c->group_of_shape);
	np_arena_destroy(c->arena);
	free(c);
}

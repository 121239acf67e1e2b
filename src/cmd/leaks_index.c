/*
 * One pass over the heap for all sections of the report.  What an object is to
 * them is decided by its shape; where the properties are in a dictionary, by the
 * names that the dictionary refers to.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/leaks.h"
#include "cmd/session.h"
#include "v8/function.h"
#include "v8/object.h"

enum { NOT_ASKED = 0, ONE_BY_ONE = 1 }; /* as offsets, which are 8 at least */

static np_v8 *v8_of(const struct np_leaks *leaks)
{
	return leaks->inv->session->v8;
}

/* --- shapes --- */

static bool group_has(const struct np_group *g, const char *property)
{
	for (uint32_t i = 0; i < g->property_count; i++)
		if (strcmp(g->properties[i], property) == 0)
			return true;
	return false;
}

/* Up to 3.x and 4.x an object whose elements are an ExternalArray has its bytes outside. */
static bool has_external_elements(struct np_leaks *leaks, np_vertex node)
{
	np_tagged elements;
	if (!np_field(v8_of(leaks), np_graph_address(leaks->view->graph, node), NP_F_JSObject_elements, &elements) ||
	    !np_is_ref(elements))
		return false;
	np_vertex store = np_graph_find(leaks->view->graph, np_ref(elements));
	if (store == NP_VERTEX_NONE)
		return false;
	const char *type = np_graph_shape(leaks->view->graph, np_graph_shape_of(leaks->view->graph, store))->type_name;
	return type && strncmp(type, "EXTERNAL_", 9) == 0 && strstr(type, "_ARRAY_TYPE");
}

static uint16_t receiver_bits(struct np_leaks *leaks, const struct np_vertex_shape *s, np_vertex first)
{
	uint16_t bits = 0;
	if (s->map->dictionary)
		bits |= 1 << NP_LEAKS_DICTIONARY;
	const struct np_group *g = np_group_get(leaks->view->classes, np_group_id_of(leaks->view->classes, first));
	if (group_has(g, leaks->events.name))
		bits |= 1 << NP_LEAKS_EMITTER;
	if (group_has(g, leaks->on_timeout.name))
		bits |= 1 << NP_LEAKS_TIMER;
	if (s->kind == NP_KIND_JS_OBJECT && has_external_elements(leaks, first))
		bits |= 1 << NP_LEAKS_OLD_BUFFER;
	return bits;
}

static uint16_t kind_bits(const struct np_vertex_shape *s)
{
	switch (s->kind) {
	case NP_KIND_SCRIPT:
		return 1 << NP_LEAKS_SCRIPT;
	case NP_KIND_SHARED_FUNCTION_INFO:
		return 1 << NP_LEAKS_FUNCTION_INFO;
	case NP_KIND_JS_PROMISE:
		return 1 << NP_LEAKS_PROMISE;
	case NP_KIND_JS_ASYNC_FUNCTION:
		return 1 << NP_LEAKS_ASYNC_FUNCTION;
	case NP_KIND_PROMISE_REACTION:
		return 1 << NP_LEAKS_REACTION;
	case NP_KIND_JS_ARRAY_BUFFER:
		return 1 << NP_LEAKS_ARRAY_BUFFER;
	case NP_KIND_STRING: /* "symbols" up to 3.15 */
		return s->type_name && (strstr(s->type_name, "INTERNALIZED") || strstr(s->type_name, "SYMBOL"))
			       ? 1 << NP_LEAKS_NAME
			       : 0;
	default:
		return s->type_name && strcmp(s->type_name, "NATIVE_CONTEXT_TYPE") == 0 ? 1 << NP_LEAKS_CONTEXT : 0;
	}
}

static uint16_t *shapes_judge(struct np_leaks *leaks)
{
	np_graph *g = leaks->view->graph;
	uint32_t shapes = np_graph_shape_count(g);
	np_vertex *first = np_xmalloc(((size_t)shapes + 1) * sizeof(*first));
	uint16_t *bits = np_xcalloc((size_t)shapes + 1, sizeof(*bits));
	np_scan_shapes(g, &leaks->view->reach, first);
	for (uint32_t i = 0; i < shapes; i++) {
		const struct np_vertex_shape *s = np_graph_shape(g, i);
		bits[i] = kind_bits(s);
		if (first[i] != NP_VERTEX_NONE && np_kind_is_receiver(s->kind))
			bits[i] |= receiver_bits(leaks, s, first[i]);
	}
	free(first);
	return bits;
}

/* --- dictionaries --- */

/* Strings that are that name: one an isolate. */
static size_t name_find(struct np_leaks *leaks, const char *name, np_vertex *ret, size_t max)
{
	const struct np_scan_list *names = &leaks->found[NP_LEAKS_NAME];
	size_t n = 0, len = strlen(name);
	np_strings *strings = np_strings_create(leaks->view->graph);
	for (size_t i = 0; i < names->count && n < max; i++) {
		struct np_heap_string s;
		if (np_strings_look(strings, names->nodes[i], &s) && s.length == len && s.is_one_byte && s.chars &&
		    memcmp(s.chars, name, len) == 0)
			ret[n++] = names->nodes[i];
	}
	np_strings_destroy(strings);
	return n;
}

/* Does the object's dictionary refer to one of the names? */
static bool dictionary_has(struct np_leaks *leaks, np_vertex object, const np_vertex *names, size_t count)
{
	np_graph *g = leaks->view->graph;
	np_tagged properties;
	if (!np_field(v8_of(leaks), np_graph_address(g, object), NP_F_JSReceiver_properties, &properties) ||
	    !np_is_ref(properties))
		return false;
	struct np_edges row = np_graph_edges(g, np_graph_find(g, np_ref(properties)));
	for (uint32_t k = 0; k < row.count; k++)
		for (size_t i = 0; i < count; i++)
			if (np_edge_target(row.targets[k]) == names[i])
				return true;
	return false;
}

static int vertex_compare(const void *a, const void *b)
{
	np_vertex x = *(const np_vertex *)a, y = *(const np_vertex *)b;
	return x < y ? -1 : x > y;
}

/* Adds to a list of objects those whose dictionary has the property. */
static void dictionaries_add(struct np_leaks *leaks, enum np_leaks_kind kind, const char *name)
{
	enum { NAMES_MAX = 64 };
	np_vertex names[NAMES_MAX];
	const struct np_scan_list *dictionaries = &leaks->found[NP_LEAKS_DICTIONARY];
	struct np_scan_list *list = &leaks->found[kind];
	size_t count = name_find(leaks, name, names, NAMES_MAX), room = list->count, had = room;
	for (size_t i = 0; i < dictionaries->count; i++) {
		if (!dictionary_has(leaks, dictionaries->nodes[i], names, count))
			continue;
		if (list->count >= room) {
			room = room * 2 + 16;
			list->nodes = np_xrealloc(list->nodes, room * sizeof(*list->nodes));
		}
		list->nodes[list->count++] = dictionaries->nodes[i];
	}
	if (list->count > had)
		qsort(list->nodes, list->count, sizeof(*list->nodes), vertex_compare);
}

/* --- properties --- */

static uint32_t property_offset(struct np_leaks *leaks, const char *name, np_vertex node)
{
	struct np_property p;
	np_graph *g = leaks->view->graph;
	np_addr at = np_graph_address(g, node);
	if (np_graph_shape(g, np_graph_shape_of(g, node))->map->dictionary || !np_object_own(v8_of(leaks), at, name, &p) ||
	    p.is_accessor || p.is_double || p.slot < at + 8 || p.slot - at > np_graph_size(g, node) - 8)
		return ONE_BY_ONE;
	return (uint32_t)(p.slot - at);
}

bool np_leaks_property_get(struct np_leaks *leaks, const struct np_leaks_property *property, np_vertex node, np_tagged *ret)
{
	np_graph *g = leaks->view->graph;
	const uint8_t *bytes = np_graph_bytes(g, node);
	uint32_t *offset = &property->offset_of_shape[np_graph_shape_of(g, node)];
	if (*offset == NOT_ASKED)
		*offset = property_offset(leaks, property->name, node);
	if (*offset == ONE_BY_ONE || !bytes || *offset + 8ull > np_graph_size(g, node))
		return np_object_own_data(v8_of(leaks), np_graph_address(g, node), property->name, ret);
	memcpy(&ret->raw, bytes + *offset, 8);
	return true;
}

/* --- functions --- */

struct known_function {
	np_addr map; /* of the closure: whether it has a name of its own */
	const char *text;
};

const char *np_leaks_function_text(struct np_leaks *leaks, np_tagged closure)
{
	const char *name, *place;
	np_graph *g = leaks->view->graph;
	np_addr shared;
	np_tagged own;
	np_vertex node = np_is_ref(closure) ? np_graph_find(g, np_ref(closure)) : NP_VERTEX_NONE;
	if (node == NP_VERTEX_NONE || np_graph_shape(g, np_graph_shape_of(g, node))->kind != NP_KIND_JS_FUNCTION ||
	    !np_function_shared(v8_of(leaks), np_ref(closure), &shared))
		return NULL;
	np_addr map = np_graph_shape(g, np_graph_shape_of(g, node))->map_addr;
	struct known_function *known = np_addr_map_get(&leaks->functions, shared);
	if (known && known->map == map)
		return known->text;
	if (!np_leaks_function(leaks, node, &name, &place))
		return NULL;
	const char *text = *place ? np_arena_printf(leaks->inv->arena, "%s %s", name, place) : name;
	/* With a name in a property of its own each closure may be called otherwise. */
	if (!known && !np_object_own_data(v8_of(leaks), np_ref(closure), "name", &own)) {
		known = NP_NEW(leaks->inv->arena, struct known_function);
		*known = (struct known_function){map, text};
		np_addr_map_put(&leaks->functions, shared, known);
	}
	return text;
}

/* --- all of it --- */

void np_leaks_init(struct np_invocation *inv, struct np_heap_view *view, struct np_leaks *ret)
{
	size_t shapes = (size_t)np_graph_shape_count(view->graph) + 1;
	*ret = (struct np_leaks){
		.inv = inv,
		.view = view,
		.events = {"_events", np_xcalloc(shapes, sizeof(uint32_t))},
		.on_timeout = {"_onTimeout", np_xcalloc(shapes, sizeof(uint32_t))},
	};
	uint16_t *bits = shapes_judge(ret);
	np_scan_objects(view->graph, &view->reach, bits, 1 << NP_LEAKS_FUNCTION_INFO, ret->found);
	free(bits);
	np_strings *strings = np_strings_create(view->graph);
	np_duplicates_find(strings, &view->reach, NP_LEAKS_DUPLICATES, &ret->duplicates);
	np_strings_destroy(strings);
	dictionaries_add(ret, NP_LEAKS_EMITTER, ret->events.name);
	dictionaries_add(ret, NP_LEAKS_TIMER, ret->on_timeout.name);
}

void np_leaks_deinit(struct np_leaks *leaks)
{
	np_scan_lists_deinit(leaks->found);
	np_duplicates_deinit(&leaks->duplicates);
	free(leaks->events.offset_of_shape);
	free(leaks->on_timeout.offset_of_shape);
	np_addr_map_deinit(&leaks->functions);
	free(leaks->ranges);
}

/*
 * Chains of V8's own objects that a person sees as one edge:
 *
 *     Foo -> PropertyArray, dictionary, elements, table -> value      a store, edge.c
 *     global -> dictionary -> PropertyCell -> value                   property
 *     Foo -> Map -> prototype                                         __proto__
 *     Foo -> Map -> DescriptorArray -> value                          constant property
 *     Context -> ContextCell -> value                                 variable
 */
#include <string.h>

#include "heap/edge.h"
#include "v8/object.h"
#include "v8/string.h"

enum { OWNERS_MAX = 64 };

static const struct np_vertex_shape *shape_of(const np_graph *g, np_vertex node)
{
	static const struct np_vertex_shape none;
	return np_graph_is_external(g, node) ? &none : np_graph_shape(g, np_graph_shape_of(g, node));
}

bool np_edge_is_cell(const np_graph *g, np_vertex node)
{
	const struct np_vertex_shape *s = shape_of(g, node);
	return s->kind == NP_KIND_PROPERTY_CELL ||
	       (s->type_name && strcmp(s->type_name, "JS_GLOBAL_PROPERTY_CELL_TYPE") == 0);
}

static bool is_context_cell(const np_graph *g, np_vertex node)
{
	const struct np_vertex_shape *s = shape_of(g, node);
	return s->type_name && strcmp(s->type_name, "CONTEXT_CELL_TYPE") == 0;
}

static bool is_map_of(const np_graph *g, np_vertex node, np_vertex object)
{
	const struct np_vertex_shape *s = shape_of(g, object);
	return s->map && np_kind_is_receiver(s->kind) && s->map_addr == np_graph_address(g, node);
}

static bool is_descriptors_of(const np_graph *g, np_vertex node, np_vertex map)
{
	np_v8 *v8 = np_heap_v8(np_graph_heap(g));
	const struct np_map *m;
	return !np_graph_is_external(g, node) && np_map_load(v8, np_graph_address(g, map), &m) &&
	       m->descriptors == np_graph_address(g, node);
}

/* Edge k of the map is its prototype. */
static bool is_prototype_edge(const np_graph *g, np_vertex map, uint32_t k)
{
	const np_layout *l = np_heap_v8(np_graph_heap(g))->layout;
	uint32_t offset;
	return np_has(l, NP_F_Map_prototype) && np_graph_edge_offset(g, map, k, &offset) &&
	       offset == (uint32_t)np_get(l, NP_F_Map_prototype);
}

/* The property whose value is edge k of a DescriptorArray; false when that is none's. */
static bool describe_constant(np_graph *g, np_vertex descriptors, uint32_t k, np_arena *arena, struct np_edge_name *e)
{
	np_v8 *v8 = np_heap_v8(np_graph_heap(g));
	const np_layout *l = v8->layout;
	uint32_t offset;
	np_tagged key;
	if (!np_has(l, NP_F_prop_desc_size) || !np_has(l, NP_F_prop_desc_key) || !np_has(l, NP_F_prop_desc_value) ||
	    !np_has(l, NP_F_DescriptorArray_first) || !np_graph_edge_offset(g, descriptors, k, &offset))
		return false;
	uint32_t first = (uint32_t)np_get(l, NP_F_DescriptorArray_first), entry = 8 * (uint32_t)np_get(l, NP_F_prop_desc_size);
	if (offset < first || !entry || (offset - first) % entry != 8 * (uint32_t)np_get(l, NP_F_prop_desc_value))
		return false;
	np_addr at = np_graph_address(g, descriptors) + first + (offset - first) / entry * entry;
	if (!np_tagged_at(v8, at + 8 * (np_addr)np_get(l, NP_F_prop_desc_key), &key))
		return false;
	const char *name = np_key_text(v8, key, arena);
	if (!name)
		return false;
	*e = (struct np_edge_name){.kind = NP_EDGE_KIND_PROPERTY, .name = name};
	return true;
}

size_t np_edge_fold(np_graph *g, np_classes *classes, const np_vertex *nodes, size_t count, np_arena *arena,
		    struct np_edge_name *ret)
{
	uint32_t k;
	if (count > 2 && np_edge_is_store_of(g, nodes[0], nodes[1]) && np_edge_find(g, nodes[1], nodes[2], &k)) {
		np_edge_describe_through(g, classes, nodes[0], nodes[1], k, arena, ret);
		return count > 3 && np_edge_is_cell(g, nodes[2]) ? 3 : 2;
	}
	if (count > 2 && is_map_of(g, nodes[1], nodes[0]) && np_edge_find(g, nodes[1], nodes[2], &k)) {
		if (is_prototype_edge(g, nodes[1], k)) {
			*ret = (struct np_edge_name){.kind = NP_EDGE_KIND_PROPERTY, .name = "__proto__"};
			return 2;
		}
		if (count > 3 && is_descriptors_of(g, nodes[2], nodes[1]) && np_edge_find(g, nodes[2], nodes[3], &k) &&
		    describe_constant(g, nodes[2], k, arena, ret))
			return 3;
	}
	if (!np_edge_find(g, nodes[0], nodes[1], &k)) {
		*ret = (struct np_edge_name){.kind = NP_EDGE_KIND_VALUE, .name = "of a WeakMap with this key"};
		return 1;
	}
	np_edge_describe(g, classes, nodes[0], k, arena, ret);
	return count > 2 && is_context_cell(g, nodes[1]) ? 2 : 1;
}

/* --- owners --- */

struct owners {
	np_graph *graph;
	np_classes *classes;
	np_arena *arena;
	bool (*cb)(void *ctx, np_vertex owner, const struct np_edge_name *edge);
	void *ctx;
	size_t told;
	bool ended;
};

static void owners_tell(struct owners *o, np_vertex owner, const struct np_edge_name *e)
{
	if (o->ended)
		return;
	o->told++;
	o->ended = !o->cb(o->ctx, owner, e);
}

/* Objects with that map. */
static void owners_of_map(struct owners *o, np_vertex map, const struct np_edge_name *e)
{
	struct np_edges back = np_graph_referrers(o->graph, map);
	size_t from = o->told;
	for (uint32_t i = 0; i < back.count && !o->ended && o->told - from < OWNERS_MAX; i++)
		if (is_map_of(o->graph, map, np_edge_target(back.targets[i])))
			owners_tell(o, np_edge_target(back.targets[i]), e);
}

static void owners_of_descriptors(struct owners *o, np_vertex descriptors, const struct np_edge_name *e)
{
	struct np_edges back = np_graph_referrers(o->graph, descriptors);
	for (uint32_t i = 0; i < back.count && !o->ended && o->told < OWNERS_MAX; i++) {
		np_vertex map = np_edge_target(back.targets[i]);
		if (shape_of(o->graph, map)->kind == NP_KIND_MAP && is_descriptors_of(o->graph, descriptors, map))
			owners_of_map(o, map, e);
	}
}

/* Who keeps the cell: a global object in its dictionary, a Context as a variable. */
static void owners_of_cell(struct owners *o, np_vertex cell, bool is_weak)
{
	struct np_edges back = np_graph_referrers(o->graph, cell);
	np_vertex last = NP_VERTEX_NONE;
	for (uint32_t i = 0; i < back.count && !o->ended && o->told < OWNERS_MAX; i++) {
		np_vertex holder = np_edge_target(back.targets[i]);
		struct np_edge_name e;
		uint32_t k;
		if (holder == last || !np_edge_find(o->graph, holder, cell, &k))
			continue;
		last = holder;
		np_vertex owner = np_edge_store_owner(o->graph, holder);
		if (owner != NP_VERTEX_NONE) {
			np_edge_describe_through(o->graph, o->classes, owner, holder, k, o->arena, &e);
		} else if (shape_of(o->graph, holder)->kind == NP_KIND_CONTEXT) {
			np_edge_describe(o->graph, o->classes, owner = holder, k, o->arena, &e);
		} else {
			continue;
		}
		e.is_weak = is_weak;
		owners_tell(o, owner, &e);
	}
}

void np_edge_owners(np_graph *g, np_classes *classes, np_vertex holder, uint32_t k, np_arena *arena,
		    bool (*cb)(void *ctx, np_vertex owner, const struct np_edge_name *edge), void *ctx)
{
	struct owners o = {.graph = g, .classes = classes, .arena = arena, .cb = cb, .ctx = ctx};
	struct np_edge_name e;
	np_vertex owner = np_edge_store_owner(g, holder);
	if (owner != NP_VERTEX_NONE) {
		np_edge_describe_through(g, classes, owner, holder, k, arena, &e);
		owners_tell(&o, owner, &e);
		return;
	}
	if (np_edge_is_cell(g, holder) || is_context_cell(g, holder)) {
		owners_of_cell(&o, holder, np_edge_is_weak(np_graph_edges(g, holder).targets[k]));
	} else if (shape_of(g, holder)->kind == NP_KIND_MAP && is_prototype_edge(g, holder, k)) {
		owners_of_map(&o, holder, &(struct np_edge_name){.kind = NP_EDGE_KIND_PROPERTY, .name = "__proto__"});
	} else if (describe_constant(g, holder, k, arena, &e)) {
		owners_of_descriptors(&o, holder, &e);
	}
	if (!o.told) {
		np_edge_describe(g, classes, holder, k, arena, &e);
		owners_tell(&o, holder, &e);
	}
}

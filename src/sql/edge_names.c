#include "sql/edge_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { OFFSET_MAX = 1 << 12, NAMES_MAX = 1 << 20, CAP_FIRST = 1 << 12 };

struct known_name {
	uint64_t key; /* 0: free */
	enum np_edge_kind kind;
	uint64_t index;
	const char *name;
};

struct sql_edge_names {
	struct known_name *all;
	size_t cap, len;
};

void sql_edge_names_destroy(struct sql_edge_names *names)
{
	if (!names)
		return;
	free(names->all);
	free(names);
}

static struct known_name *name_slot(struct known_name *all, size_t cap, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & (cap - 1);
	while (all[i].key && all[i].key != key)
		i = (i + 1) & (cap - 1);
	return &all[i];
}

static void names_grow(struct sql_edge_names *n)
{
	size_t cap = n->cap ? n->cap * 2 : CAP_FIRST;
	struct known_name *all = np_xcalloc(cap, sizeof(*all));
	for (size_t i = 0; i < n->cap; i++)
		if (n->all[i].key)
			*name_slot(all, cap, n->all[i].key) = n->all[i];
	free(n->all);
	n->all = all;
	n->cap = cap;
}

void sql_edge_holder_deinit(struct sql_edge_holder *holder)
{
	free(holder->offsets);
	*holder = (struct sql_edge_holder){0};
}

/* Does the owner keep its properties in that node, each at the place its map says? */
static bool is_property_array(struct np_sql *sql, np_vertex owner, np_vertex store)
{
	const np_layout *l = sql->source.v8->layout;
	np_graph *g = sql->heap.graph;
	const struct np_vertex_shape *s = np_graph_shape(g, np_graph_shape_of(g, owner));
	const uint8_t *bytes = np_graph_bytes(g, owner);
	np_tagged t;
	if (s->map->dictionary || s->kind == NP_KIND_JS_GLOBAL_OBJECT || !bytes || !np_has(l, NP_F_JSReceiver_properties))
		return false;
	uint64_t at = (uint64_t)np_get(l, NP_F_JSReceiver_properties);
	if (at + 8 > np_graph_size(g, owner))
		return false;
	memcpy(&t.raw, bytes + at, 8);
	return np_is_ref(t) && np_graph_find(g, np_ref(t)) == store;
}

void sql_edge_holder_set(struct np_sql *sql, struct sql_edge_holder *h, np_vertex node)
{
	if (h->is_known && h->node == node)
		return;
	h->is_known = true;
	h->node = node;
	h->has_offsets = false;
	h->owner = np_graph_is_external(sql->heap.graph, node) ? NP_VERTEX_NONE : np_edge_store_owner(sql->heap.graph, node);
	h->is_property_array = h->owner != NP_VERTEX_NONE && is_property_array(sql, h->owner, node);
}

static uint32_t offset_of(struct np_sql *sql, struct sql_edge_holder *h, uint32_t k)
{
	if (!h->has_offsets) {
		uint32_t count = np_graph_edges(sql->heap.graph, h->node).count;
		if (count > h->room) {
			h->room = count;
			h->offsets = np_xrealloc(h->offsets, h->room * sizeof(*h->offsets));
		}
		memset(h->offsets, 0xff, count * sizeof(*h->offsets));
		np_graph_edge_offsets(sql->heap.graph, h->node, h->offsets);
		h->has_offsets = true;
	}
	return h->offsets[k];
}

/* A number for all edges that have the same name; 0: this one has its own. */
static uint64_t key_of(struct np_sql *sql, const struct sql_edge_holder *h, uint32_t offset)
{
	np_graph *g = sql->heap.graph;
	if (offset >= OFFSET_MAX || (offset & 7) || np_graph_is_external(g, h->node))
		return 0;
	if (h->owner == NP_VERTEX_NONE) {
		uint32_t shape = np_graph_shape_of(g, h->node);
		if (np_graph_shape(g, shape)->kind == NP_KIND_CONTEXT)
			return 0;
		return (uint64_t)(shape + 1) << 32 | offset;
	}
	if (offset == 0 || !h->is_property_array)
		return 0;
	return (uint64_t)(np_graph_shape_of(g, h->owner) + 1) << 32 | offset | 1;
}

void sql_edge_name(struct np_sql *sql, struct sql_edge_holder *h, uint32_t k, np_arena *arena, struct np_edge_name *ret)
{
	struct np_edges row = np_graph_edges(sql->heap.graph, h->node);
	uint32_t offset = offset_of(sql, h, k);
	uint64_t key = key_of(sql, h, offset);
	if (!sql->edge_names)
		sql->edge_names = np_xcalloc(1, sizeof(*sql->edge_names));
	struct sql_edge_names *names = sql->edge_names;
	if (key && (names->len + 1) * 2 > names->cap)
		names_grow(names);
	struct known_name *slot = key ? name_slot(names->all, names->cap, key) : NULL;
	if (!slot || !slot->key) {
		np_edge_describe_at(sql->heap.graph, sql->heap.classes, h->owner, h->node, k, offset, arena, ret);
		if (slot && names->len < NAMES_MAX) {
			*slot = (struct known_name){key, ret->kind, ret->index, np_arena_strdup(sql->arena, ret->name)};
			names->len++;
		}
		return;
	}
	*ret = (struct np_edge_name){.kind = slot->kind, .is_weak = np_edge_is_weak(row.targets[k]),
				     .name = slot->name, .index = slot->index};
}

/*
 * Shapes: how the objects of a map are sized and where their references are.
 * Maps are read by the typed readers, which one thread at a time may use; each
 * worker keeps what it has seen in a table of its own.
 */
#include <pthread.h>
#include <stdlib.h>

#include "heap/graph_internal.h"
#include "v8/cache.h"

struct shape_table {
	np_graph *graph;
	pthread_mutex_t lock;
	struct np_addr_map shapes; /* map address -> graph_shape, or &no_shape */
};

static const struct graph_shape no_shape; /* stands for: this address is no map's */

/* References that hold nothing, without a mark in the word: by class and field. */
static const struct {
	enum np_fact type;
	enum np_fact field;
} weak_fields[] = {
	{NP_F_type_WEAK_CELL, NP_F_WeakCell_value},
	{NP_F_type_WEAK_CELL, NP_F_WeakCell_target},
	{NP_F_type_WEAK_CELL, NP_F_WeakCell_unregister_token},
	{NP_F_type_JS_WEAK_REF, NP_F_JSWeakRef_target},
};

/* Links of lists of which V8 takes what has died: by type and field. */
static const struct {
	const char *type;
	enum np_fact field;
} weak_links[] = {
	{"JS_FUNCTION_TYPE", NP_F_JSFunction_next_function_link},
	{"CODE_TYPE", NP_F_Code_next_code_link},
	{"CODE_DATA_CONTAINER_TYPE", NP_F_CodeDataContainer_next_code_link},
	{"ALLOCATION_SITE_TYPE", NP_F_AllocationSite_weak_next},
};

static bool type_is(const np_layout *l, const struct np_map *map, enum np_fact type)
{
	return np_has(l, type) && np_get(l, type) == map->type;
}

static uint32_t fact_or(const np_layout *l, enum np_fact fact, uint32_t otherwise)
{
	return np_has(l, fact) && np_get(l, fact) > 0 ? (uint32_t)np_get(l, fact) : otherwise;
}

static void shape_tagged_words(np_graph *g, struct graph_shape *s)
{
	const np_layout *l = g->v8->layout;
	struct np_units units;
	s->tagged_start = 8;
	s->tagged_end = UINT32_MAX;
	if (np_object_units(g->heap, s->shape.map, &units) && units.kind != NP_UNIT_TAGGED)
		s->tagged_end = (uint32_t)units.data;
	switch (s->shape.kind) {
	case NP_KIND_STRING: /* the first word is hash and length */
		s->tagged_start = fact_or(l, NP_F_String_chars, 16);
		break;
	case NP_KIND_SYMBOL:
		s->tagged_start = fact_or(l, NP_F_Symbol_description, 16);
		break;
	case NP_KIND_MAP: /* sizes and bits */
		s->tagged_start = fact_or(l, NP_F_Map_prototype, 16);
		break;
	case NP_KIND_HEAP_NUMBER:
	case NP_KIND_FIXED_DOUBLE_ARRAY:
	case NP_KIND_BIGINT:
	case NP_KIND_BYTE_ARRAY:
		s->tagged_end = 0;
		break;
	case NP_KIND_CODE:
	case NP_KIND_INSTRUCTION_STREAM:
		s->is_code = s->form.kind != NP_SIZE_FIXED;
		break;
	default:
		break;
	}
}

static struct graph_shape *shape_load(np_graph *g, np_addr map_addr)
{
	const np_layout *l = g->v8->layout;
	const struct np_map *map;
	if (!np_map_load(g->v8, map_addr, &map))
		return (struct graph_shape *)&no_shape;
	struct graph_shape *s = NP_NEW(g->arena, struct graph_shape);
	const char *name = np_layout_type_name(l, map->type);
	s->shape = (struct np_vertex_shape){map_addr, map, np_kind_of_type(g->v8, map->type), name};
	s->is_free = np_is_filler(g->v8, map);
	s->is_table = name && strcmp(name, "EPHEMERON_HASH_TABLE_TYPE") == 0;
	np_size_form(g->heap, map, &s->form);
	shape_tagged_words(g, s);
	if (s->shape.kind == NP_KIND_JS_FUNCTION && np_has(l, NP_F_JSFunction_code_entry) &&
	    np_has(l, NP_F_Code_instruction_start) && map->size_bytes >= fact_or(l, NP_F_JSFunction_code_entry, 0) + 8) {
		s->entry_at = fact_or(l, NP_F_JSFunction_code_entry, 0);
		s->entry_in_code = fact_or(l, NP_F_Code_instruction_start, 0);
	}
	size_t weak = 0;
	for (size_t i = 0; i < NP_ARRAY_LEN(weak_fields) && weak < GRAPH_WEAK_FIELDS_MAX - 1; i++)
		if (type_is(l, map, weak_fields[i].type) && np_has(l, weak_fields[i].field))
			s->weak_fields[weak++] = (uint32_t)np_get(l, weak_fields[i].field);
	for (size_t i = 0; name && i < NP_ARRAY_LEN(weak_links) && weak < GRAPH_WEAK_FIELDS_MAX - 1; i++)
		if (strcmp(name, weak_links[i].type) == 0 && np_has(l, weak_links[i].field))
			s->weak_fields[weak++] = (uint32_t)np_get(l, weak_links[i].field);
	s->index = (uint32_t)g->shapes.len;
	np_vec_push(&g->shapes, s);
	return s;
}

struct shape_table *np_shape_table_create(np_graph *graph)
{
	struct shape_table *table = np_xcalloc(1, sizeof(*table));
	table->graph = graph;
	pthread_mutex_init(&table->lock, NULL);
	return table;
}

void np_shape_table_destroy(struct shape_table *table)
{
	if (!table)
		return;
	np_addr_map_deinit(&table->shapes);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

uint64_t np_shape_ask_size(struct shape_table *table, const struct graph_shape *shape, np_addr addr)
{
	uint64_t size;
	pthread_mutex_lock(&table->lock);
	if (!np_object_size(table->graph->heap, addr, shape->shape.map, &size))
		size = 0;
	pthread_mutex_unlock(&table->lock);
	return size;
}

static struct graph_shape *table_find(struct shape_table *table, np_addr map_addr)
{
	pthread_mutex_lock(&table->lock);
	struct graph_shape *s = np_addr_map_get(&table->shapes, map_addr);
	if (!s) {
		s = shape_load(table->graph, map_addr);
		np_addr_map_put(&table->shapes, map_addr, s);
	}
	pthread_mutex_unlock(&table->lock);
	return s;
}

/* --- one worker's --- */

struct shape_cache {
	struct shape_table *table;
	uint64_t last_word;
	struct graph_shape *last;
	struct np_addr_map seen;
};

struct shape_cache *np_shape_cache_create(struct shape_table *table)
{
	struct shape_cache *cache = np_xcalloc(1, sizeof(*cache));
	cache->table = table;
	return cache;
}

void np_shape_cache_destroy(struct shape_cache *cache)
{
	if (!cache)
		return;
	np_addr_map_deinit(&cache->seen);
	free(cache);
}

struct graph_shape *np_shape_find(struct shape_cache *cache, uint64_t map_word)
{
	if (map_word == cache->last_word)
		return cache->last;
	if ((map_word & 7) != 1 || map_word < 4096)
		return NULL;
	struct graph_shape *s = np_addr_map_get(&cache->seen, map_word - 1);
	if (!s) {
		s = table_find(cache->table, map_word - 1);
		np_addr_map_put(&cache->seen, map_word - 1, s);
	}
	s = s == &no_shape ? NULL : s;
	cache->last_word = map_word;
	cache->last = s;
	return s;
}

int64_t np_shape_load(struct shape_cache *cache, np_addr map_addr)
{
	struct graph_shape *s = table_find(cache->table, map_addr);
	return s == &no_shape ? -1 : (int64_t)s->index;
}

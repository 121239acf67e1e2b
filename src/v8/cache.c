#include "v8/cache.h"

#include <stdlib.h>

static size_t slot_of(const struct np_addr_map *map, np_addr key)
{
	size_t i = (size_t)((key >> 3) * 0x9e3779b97f4a7c15u >> 20) & (map->cap - 1);
	while (map->keys[i] && map->keys[i] != key)
		i = (i + 1) & (map->cap - 1);
	return i;
}

void *np_addr_map_get(const struct np_addr_map *map, np_addr key)
{
	if (!map->cap)
		return NULL;
	size_t i = slot_of(map, key);
	return map->keys[i] ? map->values[i] : NULL;
}

static void map_grow(struct np_addr_map *map)
{
	struct np_addr_map old = *map;
	map->cap = old.cap ? old.cap * 2 : 256;
	map->len = 0;
	map->keys = np_xcalloc(map->cap, sizeof(*map->keys));
	map->values = np_xcalloc(map->cap, sizeof(*map->values));
	for (size_t i = 0; i < old.cap; i++)
		if (old.keys[i])
			np_addr_map_put(map, old.keys[i], old.values[i]);
	free(old.keys);
	free(old.values);
}

void np_addr_map_put(struct np_addr_map *map, np_addr key, void *value)
{
	if ((map->len + 1) * 3 > map->cap * 2)
		map_grow(map);
	size_t i = slot_of(map, key);
	if (!map->keys[i])
		map->len++;
	map->keys[i] = key;
	map->values[i] = value;
}

void np_addr_map_deinit(struct np_addr_map *map)
{
	free(map->keys);
	free(map->values);
	*map = (struct np_addr_map){0};
}

struct np_v8_cache *np_v8_cache_create(void)
{
	struct np_v8_cache *cache = np_xcalloc(1, sizeof(*cache));
	cache->arena = np_arena_create();
	return cache;
}

static void cache_empty(struct np_v8_cache *cache)
{
	np_addr_map_deinit(&cache->maps);
	np_addr_map_deinit(&cache->scripts);
	np_addr_map_deinit(&cache->field_names);
	cache->v8dbg = NULL;
	free(cache->codes);
	cache->codes = NULL;
	cache->code_len = cache->code_cap = 0;
}

void np_v8_cache_clear(struct np_v8_cache *cache)
{
	cache_empty(cache);
	np_arena_reset(cache->arena);
}

void np_v8_cache_destroy(struct np_v8_cache *cache)
{
	if (!cache)
		return;
	cache_empty(cache);
	np_arena_destroy(cache->arena);
	free(cache);
}

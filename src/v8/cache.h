/*
 * What the readers remember about one target: maps, flattened sources with
 * their line ends, code objects.  Keyed by address, so it is emptied whenever
 * a live target has run (np_v8_invalidate).
 */
#ifndef NP_V8_CACHE_H
#define NP_V8_CACHE_H

#include "base/arena.h"
#include "base/types.h"

/* Open-addressing hash from a non-zero address to a pointer. */
struct np_addr_map {
	np_addr *keys;
	void **values;
	size_t cap, len;
};

void *np_addr_map_get(const struct np_addr_map *map, np_addr key);
void np_addr_map_put(struct np_addr_map *map, np_addr key, void *value);
void np_addr_map_deinit(struct np_addr_map *map);

struct np_v8_cache {
	np_arena *arena;
	struct np_addr_map maps;    /* struct np_map */
	struct np_addr_map scripts; /* struct np_script */
	struct np_code_range *codes; /* vector, see code.c */
	size_t code_len, code_cap;
	struct np_v8dbg *v8dbg; /* names of fields that the binary tells, in the arena; see heap/field.c. NULL: not asked for */
	struct np_addr_map field_names; /* instance type and offset -> name */
};

struct np_v8_cache *np_v8_cache_create(void);
void np_v8_cache_clear(struct np_v8_cache *cache);
void np_v8_cache_destroy(struct np_v8_cache *cache);

#endif

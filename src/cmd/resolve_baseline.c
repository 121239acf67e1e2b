/*
 * SharedFunctionInfos are found by their map, the first word of each; and the
 * map by one of them, which points to the code that is asked about, itself or
 * through a JSFunction.  The objects of a live process may move; what the index
 * says is therefore confirmed on the object, and searched for again when it no longer
 * holds, though not more often than every few seconds.
 */
#include "cmd/resolve_baseline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/vec.h"
#include "v8/cache.h"
#include "v8/function.h"
#include "v8/map.h"

enum { CHUNK_BYTES = 1 << 20, FIELDS_MAX_BYTES = 96 };
#define SCAN_MAX_BYTES ((uint64_t)4 << 30)
#define SCAN_AGAIN_NS 3000000000u

struct np_baseline_index {
	np_v8 *v8;
	struct np_addr_map by_bytecode; /* -> SharedFunctionInfo; by code that has none: -> word of a JSFunction */
	uint64_t scanned_ns;		/* 0: never */
};

np_baseline_index *np_baseline_index_create(np_v8 *v8)
{
	np_baseline_index *index = np_xcalloc(1, sizeof(*index));
	index->v8 = v8;
	return index;
}

void np_baseline_index_destroy(np_baseline_index *index)
{
	if (!index)
		return;
	np_addr_map_deinit(&index->by_bytecode);
	free(index);
}

/* Calls back for every word of the heap that is `word`; the callback ends the search by returning true. */
static bool words_find(np_v8 *v8, uint64_t word, bool (*found)(void *ctx, np_addr at), void *ctx)
{
	uint64_t *chunk = np_xmalloc(CHUNK_BYTES), total = 0;
	bool done = false;
	for (size_t i = 0; i < np_target_mapping_count(v8->target) && !done; i++) {
		const struct np_mapping m = *np_target_mapping(v8->target, i);
		if (*m.path || (m.prot >= 0 && !(m.prot & NP_PROT_W)))
			continue;
		for (np_addr at = m.start; at < m.end && !done && total < SCAN_MAX_BYTES; at += CHUNK_BYTES) {
			size_t want = m.end - at < CHUNK_BYTES ? (size_t)(m.end - at) : CHUNK_BYTES;
			size_t n = np_mem_read(v8->mem, at, chunk, want) / sizeof(*chunk);
			total += want;
			for (size_t w = 0; w < n && !done; w++)
				if (chunk[w] == word)
					done = found(ctx, at + w * sizeof(*chunk));
		}
	}
	free(chunk);
	return done;
}

struct map_search {
	np_v8 *v8;
	uint64_t map_word;
};

/* Does that word lie in a SharedFunctionInfo, or in a JSFunction that has one? */
static bool holder_look(void *ctx, np_addr at)
{
	struct map_search *s = ctx;
	for (np_addr back = 8; back <= FIELDS_MAX_BYTES; back += 8) {
		np_addr object = at - back, shared = object;
		enum np_kind kind = np_kind_at(s->v8, object);
		if (kind == NP_KIND_JS_FUNCTION && np_function_shared(s->v8, object, &shared))
			kind = np_kind_at(s->v8, shared);
		if (kind == NP_KIND_SHARED_FUNCTION_INFO)
			return np_mem_u64(s->v8->mem, shared, &s->map_word);
	}
	return false;
}

/*
 * Up to V8 9.x baseline code leads nowhere.  A JSFunction that runs it does; or
 * the BaselineData that has it, to which the SharedFunctionInfo points.
 */
struct function_search {
	np_v8 *v8;
	np_addr at, shared; /* at: of the word that leads to the code */
	np_addr data;	    /* BaselineData, 0 none */
};

static bool is_baseline_data(np_v8 *v8, np_addr object)
{
	const struct np_map *map;
	const char *type = np_map_of(v8, object, &map) ? np_layout_type_name(v8->layout, map->type) : NULL;
	return type && !strcmp(type, "BASELINE_DATA_TYPE");
}

static bool function_look(void *ctx, np_addr at)
{
	struct function_search *s = ctx;
	np_addr function = at - (np_addr)np_get(s->v8->layout, NP_F_JSFunction_code);
	s->at = at;
	if (np_kind_at(s->v8, function) == NP_KIND_JS_FUNCTION && np_function_shared(s->v8, function, &s->shared))
		return true;
	if (is_baseline_data(s->v8, at - 8))
		s->data = at - 8;
	return false;
}

static bool data_holder_look(void *ctx, np_addr at)
{
	struct function_search *s = ctx;
	s->shared = at - (np_addr)np_get(s->v8->layout, NP_F_SharedFunctionInfo_function_data);
	return np_kind_at(s->v8, s->shared) == NP_KIND_SHARED_FUNCTION_INFO;
}

static bool shared_of_function(np_baseline_index *index, np_addr code, np_addr *ret)
{
	struct function_search s = {.v8 = index->v8};
	uint64_t word;
	if (!np_has(index->v8->layout, NP_F_JSFunction_code))
		return false;
	np_addr before = (np_addr)(uintptr_t)np_addr_map_get(&index->by_bytecode, code);
	bool holds = before && np_mem_u64(index->v8->mem, before, &word) && word == (code | 1) && function_look(&s, before);
	if (!holds && !words_find(index->v8, code | 1, function_look, &s)) {
		if (!s.data || !np_has(index->v8->layout, NP_F_SharedFunctionInfo_function_data) ||
		    !words_find(index->v8, s.data | 1, data_holder_look, &s))
			return false;
		*ret = s.shared;
		return true;
	}
	np_addr_map_put(&index->by_bytecode, code, (void *)(uintptr_t)s.at);
	*ret = s.shared;
	return true;
}

struct collect {
	np_baseline_index *index;
	np_arena *scratch;
};

static bool shared_take(void *ctx, np_addr at)
{
	struct collect *c = ctx;
	struct np_shared shared;
	np_arena_reset(c->scratch);
	if (np_kind_at(c->index->v8, at) == NP_KIND_SHARED_FUNCTION_INFO &&
	    !np_err_drop(np_shared_load(c->index->v8, at, c->scratch, &shared)) && shared.bytecode)
		np_addr_map_put(&c->index->by_bytecode, shared.bytecode, (void *)(uintptr_t)at);
	return false;
}

static void index_build(np_baseline_index *index, np_addr code, np_addr bytecode)
{
	struct map_search s = {.v8 = index->v8};
	struct collect c = {.index = index, .scratch = np_arena_create()};
	np_addr_map_deinit(&index->by_bytecode);
	index->by_bytecode = (struct np_addr_map){0};
	if (words_find(index->v8, code | 1, holder_look, &s) || words_find(index->v8, bytecode | 1, holder_look, &s))
		words_find(index->v8, s.map_word, shared_take, &c);
	np_arena_destroy(c.scratch);
}

static bool index_get(np_baseline_index *index, np_addr bytecode, np_addr *ret)
{
	struct np_shared shared;
	np_addr at = (np_addr)(uintptr_t)np_addr_map_get(&index->by_bytecode, bytecode);
	if (!at)
		return false;
	np_arena *scratch = np_arena_create();
	bool same = np_kind_at(index->v8, at) == NP_KIND_SHARED_FUNCTION_INFO &&
		    !np_err_drop(np_shared_load(index->v8, at, scratch, &shared)) && shared.bytecode == bytecode;
	np_arena_destroy(scratch);
	*ret = at;
	return same;
}

bool np_baseline_shared(np_baseline_index *index, const struct np_code_object *code, np_addr *ret)
{
	np_addr bytecode;
	struct timespec t;
	if (!np_bytecode_array_of(index->v8, code->addr, &bytecode))
		return shared_of_function(index, code->addr, ret);
	if (index_get(index, bytecode, ret))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &t);
	uint64_t now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	/* a core does not change */
	bool live = np_target_kind(index->v8->target) == NP_TARGET_PROCESS;
	if (index->scanned_ns && (!live || now - index->scanned_ns < SCAN_AGAIN_NS))
		return false;
	index->scanned_ns = now;
	index_build(index, code->addr, bytecode);
	return index_get(index, bytecode, ret);
}

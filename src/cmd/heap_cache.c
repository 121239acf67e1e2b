#include "cmd/heap_cache.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/sections.h"
#include "cmd/version.h"

enum part { PART_GRAPH, PART_REACH, PART_DOMINATORS, PART_COUNT };

static const char *const part_suffix[] = {".graph", ".reach", ".dominators"};

struct np_heap_cache {
	np_arena *arena;
	const char *folder, *stem, *key;
	struct np_sections *loaded[PART_COUNT];
};

/* --- what the files belong to --- */

/* The first lines of a key: path and state of the core; NULL: it is not there. */
static const char *core_lines(np_arena *arena, const char *path)
{
	struct stat st;
	char *real = realpath(path, NULL);
	const char *lines = NULL;
	if (real && stat(real, &st) == 0)
		lines = np_arena_printf(arena, "%s\n%llu %llu %lld %lld.%09ld\n", real, (unsigned long long)st.st_dev,
					(unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
					st.st_mtim.tv_nsec);
	free(real);
	return lines;
}

static const char *key_make(np_arena *arena, const struct np_session *session)
{
	struct stat self = {0};
	const char *core = core_lines(arena, np_target_spec(session->target));
	const char *exe = np_target_facts(session->target)->exe_path;
	if (!core || stat("/proc/self/exe", &self) != 0)
		return NULL;
	return np_arena_printf(arena, "%s%s %s\nnopsy %s %lld %lld.%09ld\n", core, session->exe ? session->exe : "",
			       exe ? exe : "", NP_VERSION, (long long)self.st_size, (long long)self.st_mtim.tv_sec,
			       self.st_mtim.tv_nsec);
}

/* --- where they are --- */

static bool folder_make(const char *path)
{
	char part[PATH_MAX];
	if (strlen(path) >= sizeof(part))
		return false;
	for (size_t i = 1; path[i - 1]; i++) {
		if (path[i] != '/' && path[i])
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return false;
	}
	return true;
}

static const char *folder_of_user(np_arena *arena)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (base && *base == '/')
		return np_arena_printf(arena, "%s/nopsy/heap", base);
	return home && *home == '/' ? np_arena_printf(arena, "%s/.cache/nopsy/heap", home) : NULL;
}

np_heap_cache *np_heap_cache_open(const struct np_session *session)
{
	if (!session->cache)
		return NULL;
	if (np_target_kind(session->target) != NP_TARGET_CORE) {
		np_warn("--cache: the heap of a living process is another one at every look; the cache is for cores");
		return NULL;
	}
	if (session->isolate) {
		np_warn("--cache: not together with --isolate");
		return NULL;
	}
	np_arena *arena = np_arena_create();
	const char *folder = folder_of_user(arena), *key = key_make(arena, session);
	if (!folder || !key || !folder_make(folder)) {
		np_warn("--cache: there is no folder for it (%s)", folder ? folder : "neither HOME nor XDG_CACHE_HOME is set");
		np_arena_destroy(arena);
		return NULL;
	}
	np_heap_cache *cache = np_xcalloc(1, sizeof(*cache));
	cache->arena = arena;
	cache->folder = folder;
	cache->key = key;
	cache->stem = np_arena_printf(arena, "%s/%016llx", folder, (unsigned long long)np_hash_bytes(key, strlen(key)));
	return cache;
}

void np_heap_cache_close(np_heap_cache *cache)
{
	if (!cache)
		return;
	for (int i = 0; i < PART_COUNT; i++)
		np_sections_close(cache->loaded[i]);
	np_arena_destroy(cache->arena);
	free(cache);
}

static const char *part_path(const np_heap_cache *cache, enum part part)
{
	return np_arena_printf(cache->arena, "%s%s", cache->stem, part_suffix[part]);
}

/* --- reading --- */

static const struct np_sections *part_open(np_heap_cache *cache, enum part part)
{
	if (cache && !cache->loaded[part])
		cache->loaded[part] = np_sections_open(part_path(cache, part), cache->key);
	return cache ? cache->loaded[part] : NULL;
}

/* It is none, or of no use. */
static bool part_refuse(np_heap_cache *cache, enum part part)
{
	if (cache) {
		np_sections_close(cache->loaded[part]);
		cache->loaded[part] = NULL;
	}
	return false;
}

bool np_heap_cache_graph(np_heap_cache *cache, np_heap *heap, np_graph **ret)
{
	const struct np_sections *in = part_open(cache, PART_GRAPH);
	if (!in || !np_graph_load(heap, in, ret))
		return part_refuse(cache, PART_GRAPH);
	np_debug("index of the heap from %s", part_path(cache, PART_GRAPH));
	return true;
}

bool np_heap_cache_reach(np_heap_cache *cache, const np_graph *graph, const struct np_graph_roots *roots,
			 struct np_reach *ret)
{
	const struct np_sections *in = part_open(cache, PART_REACH);
	return (in && np_reach_load(graph, roots, in, ret)) || part_refuse(cache, PART_REACH);
}

bool np_heap_cache_dominators(np_heap_cache *cache, const np_graph *graph, struct np_dominators *ret)
{
	const struct np_sections *in = part_open(cache, PART_DOMINATORS);
	return (in && np_dominators_load(graph, in, ret)) || part_refuse(cache, PART_DOMINATORS);
}

/* --- writing --- */

/* Those of cores that are gone or are not what they were. */
static void sweep(const np_heap_cache *cache)
{
	DIR *dir = opendir(cache->folder);
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		const char *path = np_arena_printf(cache->arena, "%s/%s", cache->folder, entry->d_name);
		const char *key = np_sections_key(path, cache->arena), *end = key ? strchr(key, '\n') : NULL;
		if (!end)
			continue;
		const char *now = core_lines(cache->arena, np_arena_printf(cache->arena, "%.*s", (int)(end - key), key));
		if (!now || strncmp(now, key, strlen(now)) != 0)
			unlink(path);
	}
	closedir(dir);
}

static bool part_begin(np_heap_cache *cache, enum part part, struct np_sections_out **ret)
{
	np_err *err = np_sections_create(part_path(cache, part), cache->key, ret);
	if (err)
		np_warn("--cache: %s", np_err_message(err));
	np_err_free(err);
	return !err;
}

static void part_end(struct np_sections_out *out)
{
	np_err *err = np_sections_commit(out);
	if (err)
		np_warn("--cache: %s", np_err_message(err));
	np_err_free(err);
}

void np_heap_cache_save(np_heap_cache *cache, const np_graph *graph, const struct np_reach *reach,
			const struct np_dominators *dominators)
{
	struct np_sections_out *out;
	sweep(cache);
	if (!cache->loaded[PART_GRAPH] && part_begin(cache, PART_GRAPH, &out)) {
		np_graph_save(graph, out);
		part_end(out);
	}
	bool reach_is_new = reach && (!reach->is_mapped || np_reach_parents_are_new(reach));
	if (reach_is_new && part_begin(cache, PART_REACH, &out)) {
		np_reach_save(reach, out);
		part_end(out);
	}
	if (dominators && !cache->loaded[PART_DOMINATORS] && part_begin(cache, PART_DOMINATORS, &out)) {
		np_dominators_save(dominators, out);
		part_end(out);
	}
}

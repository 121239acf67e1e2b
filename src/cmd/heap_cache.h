/*
 * The index of a core's heap between runs (--cache): what one command has
 * computed lies in files from which the next one maps it.
 *
 *     ~/.cache/nopsy/heap/HASH.graph  .reach  .dominators       ($XDG_CACHE_HOME)
 *
 * They belong to one core (path, inode, size, time of change), one executable and
 * one build of nopsy.  Whoever writes one also removes those of cores that are
 * gone or have changed.
 */
#ifndef NP_CMD_HEAP_CACHE_H
#define NP_CMD_HEAP_CACHE_H

#include "cmd/session.h"
#include "heap/dominators.h"
#include "heap/reach.h"

typedef struct np_heap_cache np_heap_cache;

/* NULL: not asked for, not a core, or there is no folder to keep it in (which is said). */
np_heap_cache *np_heap_cache_open(const struct np_session *session);
/* After everything that was loaded has been destroyed. */
void np_heap_cache_close(np_heap_cache *cache);

/* False: it has to be computed. cache may be NULL. */
bool np_heap_cache_graph(np_heap_cache *cache, np_heap *heap, np_graph **ret);
bool np_heap_cache_reach(np_heap_cache *cache, const np_graph *graph, const struct np_graph_roots *roots,
			 struct np_reach *ret);
bool np_heap_cache_dominators(np_heap_cache *cache, const np_graph *graph, struct np_dominators *ret);

/* Writes what was not loaded; reach and dominators may be NULL. A failure is a warning. */
void np_heap_cache_save(np_heap_cache *cache, const np_graph *graph, const struct np_reach *reach,
			const struct np_dominators *dominators);

#endif

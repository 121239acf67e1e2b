/* Who holds an object, in a few words: the end of its shortest retaining path, "Session.cache.entries[]". */
#ifndef NP_CMD_HELD_BY_H
#define NP_CMD_HELD_BY_H

#include "cmd/heap_view.h"

/* NULL for what is not alive. The view must know what is (np_heap_view_need_reach). */
const char *np_held_by(struct np_invocation *inv, struct np_heap_view *view, np_vertex node);
/* The same for many alike: what most of them are held by. */
const char *np_held_by_most(struct np_invocation *inv, struct np_heap_view *view, const np_vertex *nodes, size_t count);

#endif

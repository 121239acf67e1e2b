/*
 * Where a walk over a page goes on behind a gap: the one place that says so, for
 * walks that read the target as they go (locate.c) and those over bytes in our
 * memory (graph_index.c).
 */
#ifndef NP_HEAP_RESYNC_H
#define NP_HEAP_RESYNC_H

#include "base/types.h"

/*
 * Is there a valid map word at an address, of an object that ends before the walk
 * does? Its size, 0: not known. `walk` is the caller's.
 */
typedef bool np_resync_probe(const void *walk, np_addr at, uint64_t *ret_size);

/*
 * The next address of [from, end) where an object of known size lies that the
 * end or another object follows; end when there is none. A map word alone may be
 * any reference to a map. Inlined, so that the probe is, too.
 */
static inline __attribute__((always_inline)) np_addr np_resync(np_resync_probe *probe, const void *walk, np_addr from,
								np_addr end)
{
	for (np_addr at = from; at < end; at += 8) {
		uint64_t size, next;
		if (probe(walk, at, &size) && size && (at + size == end || probe(walk, at + size, &next)))
			return at;
	}
	return end;
}

#endif

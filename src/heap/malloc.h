/*
 * Chunks of glibc's malloc, found by the marks in the memory itself: in the
 * brk heap, in the heaps of thread arenas, and those with a mapping of their
 * own.  Other allocators are not recognised.
 *
 * A chunk is {size of the previous one if that is free, size | flags}, then
 * the bytes that the program got; the next begins where it ends, and says
 * whether this one is in use (src/malloc/malloc.c of glibc).
 */
#ifndef NP_HEAP_MALLOC_H
#define NP_HEAP_MALLOC_H

#include "target/target.h"

enum np_malloc_place { NP_MALLOC_MAIN, NP_MALLOC_ARENA, NP_MALLOC_MMAPPED };

struct np_malloc_chunk {
	enum np_malloc_place place;
	np_addr start;	     /* of the program's bytes */
	uint64_t size_bytes; /* that the program may use */
	bool is_used;	     /* or kept in a cache of freed ones, which looks the same */
	bool is_top;	     /* the unused end of a heap */
};

/* False when addr does not lie in such a chunk as far as can be told. */
bool np_malloc_chunk_at(np_target *target, np_addr addr, struct np_malloc_chunk *ret);
/* Is the mapping a heap of malloc, whatever addr is? */
bool np_malloc_is_heap(np_target *target, const struct np_mapping *m, np_addr addr);

#endif

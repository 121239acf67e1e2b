/*
 * The pages of V8's heap, of every isolate of a target, found without help.
 *
 * V8 allocates objects in chunks (MemoryChunk) that start at a multiple of the
 * chunk alignment and describe themselves: size, flags, the area in which
 * objects lie one after the other, the Heap and the Space they belong to.  So
 * every aligned address of anonymous memory is probed, and what describes a
 * consistent chunk is one:
 *
 *     chunk ->  +--------------------+  start, multiple of Chunk.alignment
 *               | header             |  or, 13.x and later, two words that
 *               +--------------------+  lead to a MemoryChunkMetadata
 *               | object | object |..|  [area_start, area_end)
 *               +--------------------+  end = start + size
 *
 * A regular page is one alignment unit and holds many objects; a large page is
 * as big as its single object.  Read-only pages are shared by all isolates and
 * then have no Heap.
 *
 * Invariants: pages are disjoint, in the index sorted; start < area_start < area_end <= end.
 */
#ifndef NP_HEAP_PAGES_H
#define NP_HEAP_PAGES_H

#include "v8/v8.h"

enum np_space {
	NP_SPACE_UNKNOWN,
	NP_SPACE_READ_ONLY,
	NP_SPACE_NEW,
	NP_SPACE_OLD,
	NP_SPACE_OLD_POINTER,
	NP_SPACE_OLD_DATA,
	NP_SPACE_CODE,
	NP_SPACE_MAP,
	NP_SPACE_CELL,
	NP_SPACE_PROPERTY_CELL,
	NP_SPACE_LARGE,
	NP_SPACE_CODE_LARGE,
	NP_SPACE_NEW_LARGE,
	NP_SPACE_SHARED,
	NP_SPACE_SHARED_LARGE,
	NP_SPACE_TRUSTED,
	NP_SPACE_TRUSTED_LARGE,
	NP_SPACE_SHARED_TRUSTED,
	NP_SPACE_SHARED_TRUSTED_LARGE,
	NP_SPACE_COUNT
};

/* V8's own name: "old_space", "large_object_space"; "unknown". */
const char *np_space_name(enum np_space space);

struct np_page {
	np_addr start, end; /* the chunk */
	np_addr area_start, area_end;
	np_addr heap;	 /* Heap*, 0: read-only and shared */
	np_addr isolate; /* 0 unknown or shared */
	np_addr metadata; /* where V8 keeps the above: start, or the MemoryChunkMetadata */
	np_addr owner;	 /* Space*, 0 none */
	uint64_t flags;	 /* as V8 keeps them */
	enum np_space space;
	bool is_large;	  /* one object */
	bool is_inactive; /* of the half of new space that holds no live objects */
	bool is_retired;  /* not in its space's list: kept for reuse, what is in it is garbage */
	bool is_raw;	  /* of no Space: machine code without objects (deoptimisation entries, up to 6.2) */
};

/* What is known of a target's heap; makes no sense after a live target has run. */
typedef struct np_heap np_heap;

/* NP_EMISSING when this V8's chunk layout is not known. A heap without pages is no error. */
np_err *np_heap_create(np_v8 *v8, np_heap **ret) NP_MUST;
void np_heap_destroy(np_heap *heap);

np_v8 *np_heap_v8(const np_heap *heap);
/*
 * All pages: the first of these two probes the whole process, about 100 ms a
 * gigabyte of heap.
 */
size_t np_heap_page_count(np_heap *heap);
const struct np_page *np_heap_page(np_heap *heap, size_t i);
/*
 * The page whose chunk holds addr, headers included; NULL when none does.
 * Needs no index.  Valid as long as the heap.
 */
const struct np_page *np_heap_page_at(np_heap *heap, np_addr addr);

#endif

/*
 * From an address to the object that contains it, and the walk behind it.
 *
 * A page is walked object by object from the start of its area: the word at an
 * object's start is its map, the map gives the size, there the next one
 * begins.  Where that chain breaks (free memory that was never swept or
 * filled, the unused end of an allocation buffer, evacuated objects, damage)
 * the walk looks for the next word that is a map, of an object that fits and
 * is followed by another; what lies between is a gap.
 */
#ifndef NP_HEAP_LOCATE_H
#define NP_HEAP_LOCATE_H

#include "heap/size.h"

enum np_found {
	NP_FOUND_EXACT,	  /* reached from the start of the page, or the one object of a large page */
	NP_FOUND_RESYNC,  /* reached after a gap in the page: may be left over from garbage */
	NP_FOUND_GUESS,	  /* nearest word before the address that looks like the map of an object around it */
};

struct np_heap_object {
	np_addr addr;
	uint64_t size_bytes; /* 0: no formula for its type; it ends before the next object */
	const struct np_map *map;
	const struct np_page *page;
	enum np_found how;
	bool is_free; /* a filler or free space, not an object */
};

/*
 * The object that contains addr, tagged or not.  NP_ENOTFOUND: in no page's
 * area, or in a gap where nothing looks like an object.
 */
np_err *np_heap_object_at(np_heap *heap, np_addr addr, struct np_heap_object *ret) NP_MUST;

struct np_page_walk {
	uint64_t object_count, object_bytes; /* fillers included */
	uint64_t free_bytes;	  /* of object_bytes: fillers and free space */
	uint64_t gap_bytes;	  /* not an object */
	uint64_t zero_bytes;	  /* of gap_bytes: all zero */
	uint64_t unknown_count;	  /* objects of a size without a formula */
	uint64_t unreadable_bytes;
};

/* Every object of a page in order; cb (may be NULL) returns false to end. Adds to ret. */
void np_heap_walk_page(np_heap *heap, const struct np_page *page,
		       bool (*cb)(void *ctx, const struct np_heap_object *object), void *ctx, struct np_page_walk *ret);

#endif

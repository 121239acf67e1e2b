/*
 * Sizes of heap objects, exact as the collector computes them: most maps carry
 * their instances' size; for the others a formula belongs to the type's name,
 * and numbers that changed between versions are facts of the layout.
 */
#ifndef NP_HEAP_SIZE_H
#define NP_HEAP_SIZE_H

#include "heap/pages.h"
#include "v8/map.h"

/*
 * Bytes of the object at addr whose map is `map`, a multiple of 8; false for
 * a type without a formula, where a fact is missing, and for impossible lengths.
 */
bool np_object_size(np_heap *heap, np_addr addr, const struct np_map *map, uint64_t *ret);

/*
 * How np_object_size() comes to its answer for the objects of a map, so that
 * walks over whole heaps can do it on bytes in our memory:
 * FIXED base_bytes; COUNTED base_bytes + unit_bytes * (count & mask), rounded up
 * to a word, with count_bytes (2 or 4) at count_offset, at most
 * NP_SIZE_COUNT_MAX; OTHER: ask np_object_size().
 */
enum np_size_kind { NP_SIZE_FIXED, NP_SIZE_COUNTED, NP_SIZE_OTHER };
#define NP_SIZE_COUNT_MAX (1u << 30)

struct np_size_form {
	enum np_size_kind kind;
	uint32_t base_bytes;
	uint8_t unit_bytes, count_offset, count_bytes;
	uint32_t count_mask;
};

void np_size_form(np_heap *heap, const struct np_map *map, struct np_size_form *ret);

/* A filler or free space: no object, but the room of one. */
bool np_is_filler(const np_v8 *v8, const struct np_map *map);

/* What an object of variable size consists of, behind its header. */
enum np_unit_kind {
	NP_UNIT_NONE,	   /* of several things */
	NP_UNIT_TAGGED,	   /* tagged words, maybe weak */
	NP_UNIT_DOUBLE,	   /* raw doubles, the hole among them */
	NP_UNIT_CHARACTER, /* of a string */
	NP_UNIT_RAW,	   /* bytes, instructions, numbers */
};

struct np_units {
	enum np_unit_kind kind;
	uint64_t data; /* offset of the first one */
	uint8_t bytes; /* of each */
};

/* False for objects of a fixed size, and where they are not units of one kind. */
bool np_object_units(np_heap *heap, const struct np_map *map, struct np_units *ret);

#endif

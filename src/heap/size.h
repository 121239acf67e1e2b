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

#endif

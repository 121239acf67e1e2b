/*
 * How full collections are: the room that an object's store has, and how much of
 * it is in use.
 *
 *     elements     slots of an Array's (or another object's) store; holes are not in use
 *     sparse       entries of elements in a dictionary
 *     properties   slots for properties, in the object and in the array beside it
 *     dictionary   entries of properties in a dictionary
 *     map, set     entries of the ordered table, two a bucket
 *     weak         entries of a WeakMap's or WeakSet's table
 *     bytes        of an ArrayBuffer: those that some view shows (a pool of Buffers)
 *
 * A store that several objects share (literals that were not written to, empty
 * ones) counts with the first that is asked for.
 */
#ifndef NP_HEAP_FILL_H
#define NP_HEAP_FILL_H

#include "heap/reach.h"

enum np_fill_kind {
	NP_FILL_ELEMENTS, NP_FILL_SPARSE, NP_FILL_PROPERTIES, NP_FILL_DICTIONARY, NP_FILL_MAP, NP_FILL_SET, NP_FILL_WEAK,
	NP_FILL_BYTES, NP_FILL_KIND_COUNT
};
const char *np_fill_kind_name(enum np_fill_kind kind);

struct np_fill {
	enum np_fill_kind kind;
	uint64_t capacity, used; /* slots, entries or bytes; capacity > 0 */
	uint64_t deleted;	 /* of those that are not in use: were once, and are not free yet */
	uint64_t wasted_bytes;	 /* of what is not in use */
	uint64_t store_bytes;
};

typedef struct np_fills np_fills;

/* reach: views that are garbage show nothing; NULL: all count. */
np_fills *np_fills_create(np_graph *graph, const struct np_reach *reach);
void np_fills_destroy(np_fills *fills);
/* The stores of an object, at most one of a kind; into ret, which has room for all kinds. Returns how many. */
size_t np_fills_of(np_fills *fills, np_vertex node, struct np_fill *ret);

#endif

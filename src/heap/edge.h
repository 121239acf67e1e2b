/*
 * Names of edges: what the slot is called through which one object holds
 * another, as a person would write it down.
 *
 * A JavaScript object keeps most of what it holds in stores of its own (the
 * array of further properties, the dictionary, the elements, the table of a
 * Map).  To the reader these are the object: a store has an owner, and an edge
 * out of a store has a name as seen from there.
 *
 *     Foo --(properties)--> PropertyArray --[2]--> Bar     physical
 *     Foo --property "cache"--------------------> Bar      as seen from the owner
 */
#ifndef NP_HEAP_EDGE_H
#define NP_HEAP_EDGE_H

#include "heap/classes.h"
#include "heap/reach.h"

enum np_edge_kind {
	NP_EDGE_KIND_PROPERTY, /* name */
	NP_EDGE_KIND_ELEMENT,  /* index */
	NP_EDGE_KIND_CONTEXT,  /* name of a variable */
	NP_EDGE_KIND_KEY,      /* of a Map, Set, WeakMap; index: of the entry */
	NP_EDGE_KIND_VALUE,    /* of a Map or WeakMap; name: the key in short; index: of the entry */
	NP_EDGE_KIND_INTERNAL, /* name as V8 calls it, or "[3]" */
};

/* "property", "element", "context", "key", "value", "internal" */
const char *np_edge_kind_name(enum np_edge_kind kind);

struct np_edge_name {
	enum np_edge_kind kind;
	bool is_weak;
	const char *name; /* never NULL: for elements the index in digits */
	uint64_t index;
};

/* Edge k of holder's row. Strings lie in the arena. */
void np_edge_describe(np_graph *graph, np_classes *classes, np_vertex holder, uint32_t k, np_arena *arena,
		      struct np_edge_name *ret);
/* First edge from holder to target; false when there is none. */
bool np_edge_find(const np_graph *graph, np_vertex holder, np_vertex target, uint32_t *ret_k);

/* Is this object a store of another one? Then that one; NP_VERTEX_NONE otherwise. */
np_vertex np_edge_store_owner(np_graph *graph, np_vertex store);
bool np_edge_is_store_of(const np_graph *graph, np_vertex owner, np_vertex store);
/* Edge k of a store as seen from its owner. */
void np_edge_describe_through(np_graph *graph, np_classes *classes, np_vertex owner, np_vertex store, uint32_t k,
			      np_arena *arena, struct np_edge_name *ret);
/* ".cache", "[3]", ".get(\"key\")", "{variable}": an edge as part of an expression. */
const char *np_edge_text(const struct np_edge_name *edge, np_arena *arena);

#endif

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
/*
 * The same for whoever knows the edge's offset (np_graph_edge_offsets()), which takes a pass over the holder to find;
 * UINT32_MAX: it has none.  owner: of which the holder is a store, NP_VERTEX_NONE: as the holder itself calls it.
 */
void np_edge_describe_at(np_graph *graph, np_classes *classes, np_vertex owner, np_vertex holder, uint32_t k,
			 uint32_t offset, np_arena *arena, struct np_edge_name *ret);
/* First edge from holder to target; false when there is none. */
bool np_edge_find(const np_graph *graph, np_vertex holder, np_vertex target, uint32_t *ret_k);

/* Is this object a store of another one? Then that one; NP_VERTEX_NONE otherwise. */
np_vertex np_edge_store_owner(np_graph *graph, np_vertex store);
bool np_edge_is_store_of(const np_graph *graph, np_vertex owner, np_vertex store);
/* A cell that holds the value of a global variable. */
bool np_edge_is_cell(const np_graph *graph, np_vertex node);
/* Edge k of a store as seen from its owner. */
void np_edge_describe_through(np_graph *graph, np_classes *classes, np_vertex owner, np_vertex store, uint32_t k,
			      np_arena *arena, struct np_edge_name *ret);

/*
 * The edge that leads from nodes[0] along a chain of count nodes, and how many
 * of them it covers (1: nodes[1] is what it leads to).  What is no object to the
 * reader is passed: stores; a map whose prototype follows ("__proto__"); map and
 * descriptors where they keep the value of a constant property; cells of global
 * and captured variables.
 */
size_t np_edge_fold(np_graph *graph, np_classes *classes, const np_vertex *nodes, size_t count, np_arena *arena,
		    struct np_edge_name *ret);
/*
 * The other way round: whom a person would call the holder, for edge k of
 * `holder`.  Calls cb with each (an object's prototype has as many as there are
 * instances) until it returns false.
 */
void np_edge_owners(np_graph *graph, np_classes *classes, np_vertex holder, uint32_t k, np_arena *arena,
		    bool (*cb)(void *ctx, np_vertex owner, const struct np_edge_name *edge), void *ctx);

/* ".cache", "[3]", ".get(\"key\")", "{variable}": an edge as part of an expression. */
const char *np_edge_text(const struct np_edge_name *edge, np_arena *arena);

#endif

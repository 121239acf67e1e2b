/*
 * The heap as a graph of dense arrays: every object has a number, its vertex (node, in short).
 *
 * Pages are walked once, object by object, in parallel (the index), then twice
 * for the references in them (the edges): a count, and a fill of compressed
 * rows.  An edge stores its target alone: which slot of the holder it is in
 * follows from its place in the row, and the slot's name from holder and slot
 * (edge.h).  Address to node is one bitmap a page with ranks.
 *
 *     node  0 ........ objects in the order of addresses ........ object_count
 *     then  memory outside the heap that an object owns (ArrayBuffers' stores,
 *           external strings' characters): np_graph_is_external()
 *
 * What is a reference: a tagged word of an object (weak where V8 marks it so,
 * or where its class does) that leads to the start of an object.  Payload
 * (characters, doubles, bytes) is never looked at.  In machine code the
 * 64-bit immediates are.
 *
 * Costs 12 bytes an object and 4 an edge.
 *
 * Invariants: nodes of objects ascend with addresses; a row's edges are in slot
 * order; targets are nodes, never fillers or free space.
 */
#ifndef NP_HEAP_GRAPH_H
#define NP_HEAP_GRAPH_H

#include "heap/pages.h"
#include "v8/map.h"

typedef struct np_graph np_graph;
typedef uint32_t np_vertex;

#define NP_VERTEX_NONE UINT32_MAX
/* In an edge: the holder does not keep the target alive. */
#define NP_EDGE_WEAK 0x80000000u

struct np_graph_options {
	np_addr isolate;   /* only its heap (and what all isolates share); 0: all */
	unsigned threads;  /* 0: one a processor */
	/* Progress in bytes of heap, from time to time, of one of the passes; may be NULL. */
	void (*progress)(void *ctx, const char *what, uint64_t done_bytes, uint64_t total_bytes);
	void *progress_ctx;
};

struct np_graph_report {
	uint64_t page_count, page_bytes; /* areas for objects */
	uint64_t object_count, object_bytes;
	uint64_t free_bytes;	   /* fillers and free space */
	uint64_t gap_bytes;	   /* not an object: the unused ends of allocation areas, damage */
	uint64_t unreadable_bytes; /* not in the core */
	uint64_t unknown_count;	   /* objects whose size no formula tells */
	uint64_t edge_count;
};

/*
 * Reads the whole heap.  A live target must be stopped, or captured
 * (np_target_capture).  Pages that V8 has retired and the inactive half of new
 * space hold no objects and are left out.  NP_EMISSING: V8's page layout is not
 * known; NP_ELIMIT: more than 2^31 objects or 2^32 edges.
 */
np_err *np_graph_build(np_heap *heap, const struct np_graph_options *options, np_graph **ret) NP_MUST;
void np_graph_destroy(np_graph *graph);
const struct np_graph_report *np_graph_report(const np_graph *graph);
np_heap *np_graph_heap(const np_graph *graph);

/* Are the pages of that isolate part of it? */
bool np_graph_has_isolate(const np_graph *graph, np_addr isolate);

/* --- kept in a file (base/sections.h), for the same heap --- */

struct np_sections_out;
struct np_sections;

void np_graph_save(const np_graph *graph, struct np_sections_out *out);
/* False: what the file has is not of this heap. The graph refers to the file's mapping, which must outlive it. */
bool np_graph_load(np_heap *heap, const struct np_sections *in, np_graph **ret);

/* Objects and external memory. */
np_vertex np_graph_node_count(const np_graph *graph);
np_vertex np_graph_object_count(const np_graph *graph);
static inline bool np_graph_is_external(const np_graph *graph, np_vertex node)
{
	return node >= np_graph_object_count(graph);
}

np_addr np_graph_address(const np_graph *graph, np_vertex node);
uint64_t np_graph_size(const np_graph *graph, np_vertex node); /* bytes */
/* Page of an object; NULL for external memory. */
const struct np_page *np_graph_page(const np_graph *graph, np_vertex node);
/* The object that starts at addr (tagged or not); NP_VERTEX_NONE: there is none. */
np_vertex np_graph_find(const np_graph *graph, np_addr addr);
/* The object whose bytes addr is among. */
np_vertex np_graph_find_inside(const np_graph *graph, np_addr addr);
/* A copy-free look at an object's bytes; NULL where it is not in our memory. Valid as long as the graph. */
const uint8_t *np_graph_bytes(const np_graph *graph, np_vertex node);

/* --- shapes: the maps that objects have --- */

struct np_vertex_shape {
	np_addr map_addr;
	const struct np_map *map;
	enum np_kind kind;
	const char *type_name; /* "JS_OBJECT_TYPE", NULL unknown */
};

uint32_t np_graph_shape_count(const np_graph *graph);
const struct np_vertex_shape *np_graph_shape(const np_graph *graph, uint32_t shape);
/* Shape of an object. */
uint32_t np_graph_shape_of(const np_graph *graph, np_vertex node);

/* --- edges --- */

/* The row of a node: targets, NP_EDGE_WEAK set where weak. */
struct np_edges {
	const uint32_t *targets;
	uint32_t count;
};

struct np_edges np_graph_edges(const np_graph *graph, np_vertex node);
static inline np_vertex np_edge_target(uint32_t edge)
{
	return edge & ~NP_EDGE_WEAK;
}
static inline bool np_edge_is_weak(uint32_t edge)
{
	return edge & NP_EDGE_WEAK;
}
/* Offset in the holder of the word that edge k of its row is; false for external memory and in code. */
bool np_graph_edge_offset(const np_graph *graph, np_vertex holder, uint32_t k, uint32_t *ret);
/* All of a row at once, into ret, which has room for the row; those of references in code are no multiple of 8. Returns
 * how many there are: edges to external memory come behind them. */
uint32_t np_graph_edge_offsets(const np_graph *graph, np_vertex holder, uint32_t *ret);

/*
 * Holders of a node, each once an edge, ascending.  The first few nodes that are
 * asked for cost a pass over all edges each; then the reverse rows are built
 * (4 bytes an edge and an object).  Whoever knows beforehand which nodes it will
 * ask for says so, and one pass does for all of them.
 */
struct np_edges np_graph_referrers(np_graph *graph, np_vertex node);
void np_graph_want_referrers(np_graph *graph, const np_vertex *nodes, size_t count);

/* Tables whose entries hold their value only as long as their key lives: WeakMap, WeakSet, ... */
struct np_ephemeron {
	np_vertex table, key, value; /* value: NP_VERTEX_NONE for a set, or when it is no object */
};
size_t np_graph_ephemeron_count(const np_graph *graph);
const struct np_ephemeron *np_graph_ephemerons(const np_graph *graph);

#endif

/*
 * The heap as V8's own heap snapshots show it: a graph whose nodes have a type
 * and a name, whose edges have a type and a name or an index, by the rules of
 * V8's HeapSnapshotGenerator (src/profiler/heap-snapshot-generator.cc of V8
 * 14.6, Node 26).  They are applied to the objects of every V8, so that two
 * snapshots of different versions speak the same language.
 *
 *     0  the root                             "", no object
 *     1  (GC roots)
 *     2  one for each kind of V8's roots      (Bootstrapper) .. (Write barrier)
 *        live objects, by address             and all of read-only space
 *        memory of ArrayBuffers               system / JSArrayBufferData
 *
 * The nodes are passed several times, in chunks, on any number of threads: to
 * count the edges and find the names, when the snapshot is created; then for
 * what is asked of them.  Nothing of the graph's size is kept but the tag and
 * the number of edges (a byte each) of each object, and a number a string.
 * Names are numbers of a table of strings.
 *
 * What V8 knows and memory does not tell: the identifiers that it gave to
 * objects (ours follow from addresses), and the graph of Node's C++ objects.
 */
#ifndef NP_HEAP_V8SNAPSHOT_H
#define NP_HEAP_V8SNAPSHOT_H

#include "base/buf.h"
#include "heap/reach.h"

/* Numbers as in the format. */
enum np_snapshot_node_type {
	NP_SNAPSHOT_HIDDEN,
	NP_SNAPSHOT_ARRAY,
	NP_SNAPSHOT_STRING,
	NP_SNAPSHOT_OBJECT,
	NP_SNAPSHOT_CODE,
	NP_SNAPSHOT_CLOSURE,
	NP_SNAPSHOT_REGEXP,
	NP_SNAPSHOT_NUMBER,
	NP_SNAPSHOT_NATIVE,
	NP_SNAPSHOT_SYNTHETIC,
	NP_SNAPSHOT_CONS_STRING,
	NP_SNAPSHOT_SLICED_STRING,
	NP_SNAPSHOT_SYMBOL,
	NP_SNAPSHOT_BIGINT,
	NP_SNAPSHOT_OBJECT_SHAPE,
};

enum np_snapshot_edge_type {
	NP_SNAPSHOT_CONTEXT,
	NP_SNAPSHOT_ELEMENT, /* has an index */
	NP_SNAPSHOT_PROPERTY,
	NP_SNAPSHOT_INTERNAL,
	NP_SNAPSHOT_HIDDEN_EDGE, /* has an index */
	NP_SNAPSHOT_SHORTCUT,
	NP_SNAPSHOT_WEAK,
};

struct np_snapshot_edge {
	uint32_t type;
	uint32_t name; /* number of a string, or an index */
	uint32_t to;   /* number of a node */
};

struct np_snapshot_node {
	uint32_t number;
	uint32_t type, name;
	uint32_t id; /* unique in the snapshot: odd, of an object by its address; even for memory outside of the heap */
	uint64_t self_bytes;
	np_vertex vertex; /* NP_VERTEX_NONE: synthetic */
	uint32_t edge_count;
};

struct np_snapshot_location {
	uint32_t number; /* of the node */
	/* Where the function was written, of closures, generators, and objects whose constructor is known. */
	int32_t script_id, line, column; /* from 0 */
};

struct np_snapshot_options {
	unsigned threads; /* 0: one a processor */
	/*
	 * Replaces the content of a string of chars UTF-16 units, given as UTF-8 (cut
	 * as V8 cuts names); appends to out; on any thread.  NULL: contents are told.
	 */
	void (*redact)(void *ctx, const char *utf8, size_t bytes, uint64_t chars, struct np_buf *out);
	void *redact_ctx;
};

typedef struct np_snapshot np_snapshot;

/* The graph, its roots and what is alive must outlive it. */
np_snapshot *np_snapshot_create(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach,
				const struct np_snapshot_options *options);
void np_snapshot_destroy(np_snapshot *snapshot);
uint32_t np_snapshot_node_count(const np_snapshot *snapshot);
uint64_t np_snapshot_edge_count(const np_snapshot *snapshot);
/* Number 0 is named by no node or edge. */
uint32_t np_snapshot_string_count(const np_snapshot *snapshot);
/* Parts that the nodes come in, in order. */
size_t np_snapshot_chunk_count(const np_snapshot *snapshot);

/* One a thread; it sees chunks in any order, but fastest in theirs. */
typedef struct np_snapshot_walker np_snapshot_walker;

np_snapshot_walker *np_snapshot_walker_create(np_snapshot *snapshot);
void np_snapshot_walker_destroy(np_snapshot_walker *walker);

void np_snapshot_nodes(np_snapshot_walker *walker, size_t chunk, void (*cb)(void *ctx, const struct np_snapshot_node *node),
		       void *ctx);
/* The edges of the nodes of a chunk, node by node; those of one may come in several parts. */
void np_snapshot_edges(np_snapshot_walker *walker, size_t chunk,
		       void (*cb)(void *ctx, const struct np_snapshot_edge *edges, size_t count), void *ctx);
void np_snapshot_locations(np_snapshot_walker *walker, size_t chunk,
			   void (*cb)(void *ctx, const struct np_snapshot_location *location), void *ctx);
/* One of the strings as UTF-8; valid until the walker's next call. */
void np_snapshot_string(np_snapshot_walker *walker, uint32_t number, const char **ret, size_t *ret_bytes);

#endif

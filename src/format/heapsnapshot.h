/*
 * Writes V8's heap snapshots (.heapsnapshot), which Chrome DevTools, memlab and
 * V8's own tools read: one JSON object of flat arrays of numbers.
 *
 *     snapshot   what the numbers are, and how many
 *     nodes      type, name, id, self_size, edge_count, detachedness
 *     edges      type, name or index, to_node: those of the first node, of the second, ...
 *     locations  object_index, script_id, line, column
 *     strings    what names are numbers of
 *
 * The dialect is that of Node 26.  Nodes are given one by one with their edges;
 * edges and locations wait in files without a name until the nodes are over, so
 * that memory stays small.  The file gets its name when it is whole.
 *
 * Rejected: two passes over the heap, one for the nodes and one for the edges.
 * Copying 1.2 GB inside the kernel costs half a second, computing it again five.
 */
#ifndef NP_FORMAT_HEAPSNAPSHOT_H
#define NP_FORMAT_HEAPSNAPSHOT_H

#include "base/err.h"
#include "base/types.h"

/* Types by their numbers: node_types and edge_types of the file's meta. */
enum {
	NP_HEAPSNAPSHOT_NODE_TYPES = 15,
	NP_HEAPSNAPSHOT_EDGE_TYPES = 7,
	NP_HEAPSNAPSHOT_NODE_FIELDS = 6,
};

typedef struct np_heapsnapshot np_heapsnapshot;

struct np_heapsnapshot_node {
	uint32_t type, name;
	uint32_t id;
	uint64_t self_bytes;
	uint32_t detachedness; /* 0 unknown, 1 attached, 2 detached */
};

struct np_heapsnapshot_counts {
	uint64_t nodes, edges, locations, strings, bytes;
};

/*
 * Begins a file that is path in the end, of its owner alone; what is there now
 * stays until then.  NP_EIO; NP_EUSAGE when path is there and no plain file.
 */
np_err *np_heapsnapshot_create(const char *path, np_heapsnapshot **ret) NP_MUST;
/* Gives up what was not finished. */
void np_heapsnapshot_destroy(np_heapsnapshot *file);

/* An edge of the node that comes next. to: number of a node. */
void np_heapsnapshot_edge(np_heapsnapshot *file, uint32_t type, uint32_t name_or_index, uint32_t to);
/* The node whose edges were given. */
void np_heapsnapshot_node(np_heapsnapshot *file, const struct np_heapsnapshot_node *node);
/* Of the last node; line and column from 0. */
void np_heapsnapshot_location(np_heapsnapshot *file, int32_t script_id, int32_t line, int32_t column);
/* After each node and its location. False when writing has failed: np_heapsnapshot_finish() tells why. */
bool np_heapsnapshot_next(np_heapsnapshot *file);
/* After the last node: the strings in order, as UTF-8. */
bool np_heapsnapshot_string(np_heapsnapshot *file, const char *utf8, size_t bytes);
/* Ends the file and gives it its name. */
np_err *np_heapsnapshot_finish(np_heapsnapshot *file, struct np_heapsnapshot_counts *ret) NP_MUST;

#endif

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
 * The dialect is that of Node 26.  It is written from the start to the end, so
 * that it can be a pipe: how many nodes and edges there are stands in its head.
 * Records become text in buffers, on any thread; buffers are appended in order.
 * A plain file gets its name when it is whole; until then it has none, so that
 * nothing is left when the process is killed.
 *
 * Rejected: one pass over the heap, with the edges in a second file that is
 * copied behind the nodes.  It needs the room twice, a plain file, and half as
 * long again: the pass that counts the edges is cheaper than 2 GB of copying.
 */
#ifndef NP_FORMAT_HEAPSNAPSHOT_H
#define NP_FORMAT_HEAPSNAPSHOT_H

#include "base/buf.h"
#include "base/types.h"
#include "heap/v8snapshot.h"

/* Types by their numbers: node_types and edge_types of the file's meta. */
enum {
	NP_HEAPSNAPSHOT_NODE_TYPES = 15,
	NP_HEAPSNAPSHOT_EDGE_TYPES = 7,
	NP_HEAPSNAPSHOT_NODE_FIELDS = 6,
};

typedef struct np_heapsnapshot np_heapsnapshot;

/* In the order of the file. */
enum np_heapsnapshot_section {
	NP_HEAPSNAPSHOT_NODES,
	NP_HEAPSNAPSHOT_EDGES,
	NP_HEAPSNAPSHOT_LOCATIONS,
	NP_HEAPSNAPSHOT_STRINGS,
	NP_HEAPSNAPSHOT_SECTIONS,
};

/*
 * Begins a file that is path in the end, of its owner alone; what is there now
 * stays until then.  NP_EIO; NP_EUSAGE when path is there and no plain file.
 */
np_err *np_heapsnapshot_create(const char *path, np_heapsnapshot **ret) NP_MUST;
/* Writes to an open file, a pipe for instance, which stays open; name: for messages. */
np_heapsnapshot *np_heapsnapshot_on(int fd, const char *name);
/* Gives up what was not finished. */
void np_heapsnapshot_destroy(np_heapsnapshot *file);

/* First of all. */
void np_heapsnapshot_head(np_heapsnapshot *file, uint64_t nodes, uint64_t edges);
/* Ends the section before, which is that before it. */
void np_heapsnapshot_begin(np_heapsnapshot *file, enum np_heapsnapshot_section section);
/* Records of the section. False when writing has failed: np_heapsnapshot_finish() tells why. */
bool np_heapsnapshot_append(np_heapsnapshot *file, const struct np_buf *records);
/* Ends the file and gives it its name. ret_bytes: all that was written. */
np_err *np_heapsnapshot_finish(np_heapsnapshot *file, uint64_t *ret_bytes) NP_MUST;

/* --- records --- */

void np_heapsnapshot_put_node(struct np_buf *out, const struct np_snapshot_node *node);
void np_heapsnapshot_put_edges(struct np_buf *out, const struct np_snapshot_edge *edges, size_t count);
/* node: its number; nothing where a number would have a sign, which readers do not take. */
void np_heapsnapshot_put_location(struct np_buf *out, uint64_t node, int32_t script_id, int32_t line, int32_t column);
/* As UTF-8. */
void np_heapsnapshot_put_string(struct np_buf *out, const char *utf8, size_t bytes);

#endif

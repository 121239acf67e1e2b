/* Other looks at the dominator tree than the tree: big drops, and by class. Each sets inv->result. */
#ifndef NP_CMD_RETAINED_BY_H
#define NP_CMD_RETAINED_BY_H

#include "cmd/heap_view.h"

struct np_retained_limits {
	uint64_t whole_bytes; /* what percentages are of */
	uint64_t min_bytes;
	size_t rows, depth;
};

/* Objects that retain much while each child retains little. */
void np_retained_drops(struct np_invocation *inv, struct np_heap_view *view, const struct np_retained_limits *limits);
/* What the nodes hold, by class; NP_VERTEX_NONE: what only the roots do. */
void np_retained_by_class(struct np_invocation *inv, struct np_heap_view *view, const np_vertex *nodes, size_t count,
			  const struct np_retained_limits *limits);
/* What holds the nodes, by class. */
void np_retained_dominators(struct np_invocation *inv, struct np_heap_view *view, const np_vertex *nodes, size_t count,
			    const struct np_retained_limits *limits);

#endif

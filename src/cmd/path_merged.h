/* The merged paths of many objects as an answer: {"total", "tree": [{"depth", "class", "count", ...}]}. */
#ifndef NP_CMD_PATH_MERGED_H
#define NP_CMD_PATH_MERGED_H

#include "cmd/heap_view.h"

/* members: a bit a node. Sets inv->result; at most limit steps, those with most objects below them. */
void np_path_merged_answer(struct np_invocation *inv, struct np_heap_view *view, const uint64_t *members,
			   bool with_retained, size_t limit);

#endif

/* Retaining paths as answers: {"root", "steps": [{"address", "class", "edge", "name"}]}, of several commands. */
#ifndef NP_CMD_PATH_NODE_H
#define NP_CMD_PATH_NODE_H

#include "cmd/heap_view.h"
#include "heap/path.h"

/* A path as a record; as text a line a step, runs of equal steps told once. */
np_node *np_path_node(struct np_invocation *inv, struct np_heap_view *view, const struct np_path *path);
/* The list of steps alone. */
np_node *np_path_steps_node(struct np_invocation *inv, struct np_heap_view *view, const struct np_path *path);
/* The path in one line: "global.app.cache[3]". */
const char *np_path_text(struct np_invocation *inv, struct np_heap_view *view, const struct np_path *path);
/* What of a root is said: "stack of thread 12", "global handle". */
const char *np_root_text(const struct np_graph_root *root, np_arena *arena);

#endif

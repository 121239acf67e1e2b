/* Stacks as nodes of the CLI contract: FRAME and its threads. */
#ifndef NP_CMD_FRAME_NODE_H
#define NP_CMD_FRAME_NODE_H

#include "out/out.h"
#include "stack/stack.h"

struct np_frame_show {
	bool args, locals, source;
	bool only_js;	/* leave everything else out, in JSON too */
	bool native, internal; /* show what is otherwise folded (text only) */
	bool addresses; /* text: pc, fp, function */
	const char *function; /* only frames with this name; NULL all */
	np_addr fp;	/* only the frame there; 0 all */
	int source_lines; /* around the executing line */
	struct np_value_limits *limits; /* NULL: brief */
};

/* {"tid", "name", "isolate", "frames": [FRAME...]} */
np_node *np_stack_node(np_v8 *v8, const struct np_stack *stack, const struct np_frame_show *show, np_arena *arena);

extern const struct np_shape np_shape_thread;

#endif

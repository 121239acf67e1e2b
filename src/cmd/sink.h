/*
 * Where an answer goes: standard output (through a pager when that is a
 * terminal and the answer is longer than the screen), a file of its owner
 * alone, or a stream of the caller.
 */
#ifndef NP_CMD_SINK_H
#define NP_CMD_SINK_H

#include <stdio.h>

#include "cmd/args.h"
#include "out/out.h"

struct np_sink {
	FILE *file; /* write here */
	bool is_terminal;
	int width; /* columns; 0: not a terminal */
	struct np_sink_state *state;
};

/* out NULL: --output, else standard output.  NP_EIO names the file. */
np_err *np_sink_open(const struct np_globals *globals, FILE *out, struct np_sink *ret) NP_MUST;
/*
 * Flushes, waits for the pager.  keep false takes a file back that was created
 * here.  A reader that went away (EPIPE) is no error.
 */
np_err *np_sink_close(struct np_sink *sink, bool keep) NP_MUST;
/* How to render for it. */
struct np_render np_sink_render(const struct np_sink *sink, const struct np_globals *globals);

#endif

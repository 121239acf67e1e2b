/*
 * The filter of `nopsy resolve`: text from a descriptor to a sink, names put
 * in.  See resolve_stream.c.
 */
#ifndef NP_CMD_RESOLVE_STREAM_H
#define NP_CMD_RESOLVE_STREAM_H

#include <stdio.h>

#include "cmd/resolve_source.h"

enum np_resolve_frame { NP_RESOLVE_APPEND, NP_RESOLVE_REPLACE };
enum np_resolve_lines { NP_RESOLVE_LINES_AUTO, NP_RESOLVE_LINES_ALWAYS, NP_RESOLVE_LINES_NEVER };

struct np_resolve_options {
	enum np_resolve_frame frame;
	enum np_resolve_lines lines; /* where the code is, behind the name; auto: not in the columns of perf script */
	bool short_paths, demangle, offset;
	bool json; /* an object for each address that was found, in place of the text */
};

struct np_resolve_totals {
	uint64_t bytes, lines, addresses, found;
};

typedef struct np_resolve_stream np_resolve_stream;

/* Writes to fd, or to file where that is not NULL.  Sources and options are borrowed. */
np_resolve_stream *np_resolve_stream_create(struct np_name_sources *sources, const struct np_resolve_options *options,
					    int fd, FILE *file);
void np_resolve_stream_destroy(np_resolve_stream *stream);
/*
 * Takes a descriptor to its end; name is for messages.  What was written stays
 * written.  ret_closed: nobody reads any more.
 */
np_err *np_resolve_stream_run(np_resolve_stream *stream, int in, const char *name, bool *ret_closed) NP_MUST;
const struct np_resolve_totals *np_resolve_stream_totals(const np_resolve_stream *stream);

#endif

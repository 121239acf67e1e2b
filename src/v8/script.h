/* Scripts: name, source text, positions to lines. Cached per target. */
#ifndef NP_V8_SCRIPT_H
#define NP_V8_SCRIPT_H

#include "v8/string.h"
#include "v8/v8.h"

struct np_script {
	np_addr addr;
	const char *name;	/* sourceURL, else name; NULL where it has none (eval) */
	int32_t id;		/* -1 unknown */
	int32_t line_offset, column_offset; /* of the source in its file, 0-based */
	np_addr source_string;	/* 0 none */
	struct np_chars text;	/* .len 0 when the source is unreadable */
	bool has_text;
	uint32_t *line_ends;	/* offset of each line's terminator */
	size_t line_count;
	np_addr eval_from;	/* SharedFunctionInfo that called eval, 0 none */
	int32_t eval_position;	/* V8's encoding; negative = -(code offset) */
};

np_err *np_script_load(np_v8 *v8, np_addr addr, const struct np_script **ret) NP_MUST;
/* 1-based line and column of a source offset; false when out of range or the text is missing. */
bool np_script_line_column(const struct np_script *script, int32_t offset, int *line, int *column);
/* Range of a 1-based line of the source (not shifted by line_offset) without its terminator. */
bool np_script_line_range(const struct np_script *script, int line, size_t *from, size_t *to);

#endif

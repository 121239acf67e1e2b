/*
 * Lines of an input, in place: no copy, no allocation a line, nothing that ends
 * at a NUL.  A line may be as long as it likes; of one longer than 64 MiB the
 * rest is left out, so that a file without line ends does not fill the memory.
 *
 *	struct np_lines lines;
 *	np_lines_init(&lines, in);
 *	while (np_lines_next(&lines, &text, &len))
 *		...
 *	err = np_lines_deinit(&lines);
 */
#ifndef NP_FORMAT_LINES_H
#define NP_FORMAT_LINES_H

#include <string.h>

#include "profile/format.h"

/* Readable behind a line, whatever is there: words may be loaded over its end. */
enum { NP_LINE_SLACK = 32 };

struct np_lines {
	struct np_profile_input *in;
	char *buf;
	size_t at, end, cap;
	uint64_t number;    /* of the line that was given last, from 1 */
	uint64_t offset;    /* in the input, of buf */
	uint64_t cut;	    /* lines of which a rest was left out */
	bool ended;
};

void np_lines_init(struct np_lines *lines, struct np_profile_input *in);
/* What ended the input, NULL: its end. */
np_err *np_lines_deinit(struct np_lines *lines) NP_MUST;
/* The slow half of np_lines_next(). */
bool np_lines_more(struct np_lines *lines, const char **ret, size_t *ret_len);
/*
 * What can be looked at without taking it: at least the next line when there is one. The line that was given last may
 * move with it: *line, unless NULL, is set to where it is then.
 */
const char *np_lines_peek(struct np_lines *lines, const char **line, size_t *ret_len);

/* Without its line end (\n or \r\n). Valid until the next call. */
static inline bool np_lines_next(struct np_lines *lines, const char **ret, size_t *ret_len)
{
	const char *line = lines->buf + lines->at;
	const char *newline = memchr(line, '\n', lines->end - lines->at);
	if (!newline)
		return np_lines_more(lines, ret, ret_len);
	size_t len = (size_t)(newline - line);
	lines->at += len + 1;
	lines->number++;
	*ret = line;
	*ret_len = len && line[len - 1] == '\r' ? len - 1 : len;
	return true;
}

#endif

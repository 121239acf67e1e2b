#include "format/lines.h"

#include <stdlib.h>

#include "base/arena.h"

enum { BUFFER_BYTES = 256 << 10, LINE_MAX_BYTES = 64 << 20 };

void np_lines_init(struct np_lines *l, struct np_profile_input *in)
{
	*l = (struct np_lines){.in = in, .cap = BUFFER_BYTES};
	l->buf = np_xmalloc(l->cap + NP_LINE_SLACK);
	memset(l->buf, 0, NP_LINE_SLACK);
}

np_err *np_lines_deinit(struct np_lines *l)
{
	np_err *err = l->in->err;
	l->in->err = NULL;
	free(l->buf);
	l->buf = NULL;
	return err;
}

/* Moves what is left from keep on to the front and reads behind it; false: nothing came. */
static bool buffer_fill_from(struct np_lines *l, size_t keep)
{
	if (keep) {
		memmove(l->buf, l->buf + keep, l->end - keep);
		l->offset += keep;
		l->end -= keep;
		l->at -= keep;
	}
	if (l->end == l->cap) {
		l->cap *= 2;
		l->buf = np_xrealloc(l->buf, l->cap + NP_LINE_SLACK);
	}
	int64_t n = l->ended ? 0 : l->in->read(l->in, l->buf + l->end, l->cap - l->end);
	l->ended = n <= 0;
	l->end += n > 0 ? (size_t)n : 0;
	memset(l->buf + l->end, 0, NP_LINE_SLACK);
	return n > 0;
}

static bool buffer_fill(struct np_lines *l)
{
	return buffer_fill_from(l, l->at);
}

/* Reads over the rest of a line that is too long. */
static void rest_skip(struct np_lines *l)
{
	const char *newline = NULL;
	l->cut++;
	do {
		l->at = l->end;
		if (!buffer_fill(l))
			return;
		newline = memchr(l->buf, '\n', l->end);
	} while (!newline);
	l->at = (size_t)(newline - l->buf) + 1;
}

bool np_lines_more(struct np_lines *l, const char **ret, size_t *ret_len)
{
	size_t seen = l->end - l->at;
	const char *newline = NULL;
	while (!newline && seen < LINE_MAX_BYTES && buffer_fill(l)) {
		newline = memchr(l->buf + seen, '\n', l->end - seen);
		seen = newline ? seen : l->end;
	}
	if (newline)
		return np_lines_next(l, ret, ret_len);
	seen = l->end - l->at;
	if (!seen)
		return false;
	l->number++;
	*ret = l->buf + l->at;
	*ret_len = seen;
	if (l->ended) {
		l->at = l->end;
		*ret_len -= l->buf[l->end - 1] == '\r';
		return true;
	}
	/* the line lies in a buffer of its own from here on, until the next call takes its place */
	char *line = np_xmalloc(seen + NP_LINE_SLACK);
	memcpy(line, *ret, seen);
	memset(line + seen, 0, NP_LINE_SLACK);
	rest_skip(l);
	size_t left = l->end - l->at, cap = seen + left;
	line = np_xrealloc(line, cap + NP_LINE_SLACK);
	memcpy(line + seen, l->buf + l->at, left);
	memset(line + cap, 0, NP_LINE_SLACK);
	free(l->buf);
	l->offset += l->at - seen;
	l->buf = line;
	l->cap = l->end = cap;
	l->at = seen;
	*ret = line;
	return true;
}

const char *np_lines_peek(struct np_lines *l, const char **line, size_t *ret_len)
{
	size_t behind = line ? (size_t)(l->buf + l->at - *line) : 0;
	while (!memchr(l->buf + l->at, '\n', l->end - l->at) && l->end - l->at < LINE_MAX_BYTES &&
	       buffer_fill_from(l, l->at - behind))
		;
	if (line)
		*line = l->buf + l->at - behind;
	*ret_len = l->end - l->at;
	return l->buf + l->at;
}

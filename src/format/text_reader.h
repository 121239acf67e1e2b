/* What readers of text formats share: lines that were not understood, and how an input ended. */
#ifndef NP_FORMAT_TEXT_READER_H
#define NP_FORMAT_TEXT_READER_H

#include "format/lines.h"

/* Lines that are not of the format: the first one is told, the others are counted. Zero-initialise. */
struct np_strays {
	uint64_t count, first_line;
	char text[64]; /* its beginning */
};

void np_strays_add(struct np_strays *strays, uint64_t line, const char *text, size_t len);
/* Ends reading: what went wrong with the input, else what was not understood. format: "folded stacks". */
np_err *np_text_reader_end(struct np_lines *lines, const struct np_strays *strays, const char *format) NP_MUST;

/* The next line of the first bytes of a file, for telling formats apart; false: there is none. */
bool np_head_line(const char **head, size_t *len, const char **ret, size_t *ret_len);

/* The number at the end of a line, after spaces: an integer, or a decimal that is rounded. *len: before the spaces. */
bool np_count_cut(const char *text, size_t *len, int64_t *ret);

#endif

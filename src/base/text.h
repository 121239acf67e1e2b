/*
 * Text of unknown origin.  A heap, a path or a process name may hold anything:
 * escape sequences, line breaks, bidirectional overrides, broken UTF-8.  Here
 * is the only place that makes such text harmless: for a terminal
 * (np_text_put) and for JSON (np_text_put_json).  Both keep what a person can
 * read and spell out the rest, so that nothing is lost or invisible.
 */
#ifndef NP_BASE_TEXT_H
#define NP_BASE_TEXT_H

#include "base/buf.h"

enum np_text_mode {
	NP_TEXT_LINE,	   /* one line: \n \t \r and all other controls are spelled out */
	NP_TEXT_QUOTED,	   /* the same, and " and \ get a backslash (caller writes the quotes) */
	NP_TEXT_PARAGRAPH, /* line breaks and tabs stay */
};

/*
 * Decodes one code point of s (n > 0 bytes left) and returns the bytes it
 * took.  What is not UTF-8 (WHATWG/Unicode "maximal subpart") gives U+FFFD.
 */
size_t np_utf8_decode(const char *s, size_t n, uint32_t *ret);
bool np_utf8_valid(const char *s, size_t n);
/* Appends s with what is not UTF-8 replaced by U+FFFD. */
void np_utf8_repair(struct np_buf *buf, const char *s, size_t n);

/* Controls, C1, bidirectional and invisible format characters, non-characters. */
bool np_text_unsafe(uint32_t cp);
/* Appends s fit for a terminal: unsafe characters as \n, \xNN or \u{NNNN}. */
void np_text_put(struct np_buf *buf, const char *s, size_t n, enum np_text_mode mode);
/* Appends s as a JSON string with its quotes; unsafe characters as \uNNNN. */
void np_text_put_json(struct np_buf *buf, const char *s, size_t n);

#endif

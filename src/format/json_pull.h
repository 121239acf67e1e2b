/*
 * JSON as a stream: a reader asks for what it expects next, and memory is that of
 * one text, whatever the length of the input.
 *
 *     if (np_json_object(j))
 *             while (np_json_key(j, &key, &len))
 *                     if (is(key, len, "samples")) numbers_read(j); else np_json_skip(j);
 *
 * The first error stays (np_json_end() tells it, with the byte) and ends every loop:
 * from then on all questions are answered with false.  What is there but of another
 * type than asked for is no error: it is skipped, and the answer is false.
 *
 * Nesting deeper than NP_JSON_DEPTH is an error, so readers may follow it by
 * recursion.  Texts come as UTF-8; lone surrogates and what is not UTF-8 as U+FFFD.
 */
#ifndef NP_FORMAT_JSON_PULL_H
#define NP_FORMAT_JSON_PULL_H

#include "base/buf.h"
#include "profile/format.h"

enum { NP_JSON_DEPTH = 4096 };

struct np_json {
	struct np_profile_input *in;
	unsigned char *chunk;
	size_t at, len;
	uint64_t offset; /* of chunk in the input */
	np_err *err;
	bool failed, at_end;
	uint32_t depth;
	bool *is_first; /* by depth: nothing of that list or object was taken yet */
	struct np_buf text, key;
};

void np_json_init(struct np_json *j, struct np_profile_input *in);
void np_json_deinit(struct np_json *j);
/* What went wrong, NULL nothing; the caller's from then on. */
np_err *np_json_end(struct np_json *j) NP_MUST;
/* An error of the reader's own, with the byte. */
void np_json_fail(struct np_json *j, const char *what);

/* First byte of the next value without taking it: { [ " t f n - 0-9; 0 at the end or after an error. */
int np_json_peek(struct np_json *j);

/* True: an object (a list) begins; take its keys (elements) until there are no more. */
bool np_json_object(struct np_json *j);
bool np_json_list(struct np_json *j);
/* The next key; its value is to be taken. Valid until the next key is asked for. */
bool np_json_key(struct np_json *j, const char **ret, size_t *ret_len);
/* True: another element, to be taken, is there. */
bool np_json_more(struct np_json *j);

/* Valid until the next text is taken. */
bool np_json_text(struct np_json *j, const char **ret, size_t *ret_len);
bool np_json_double(struct np_json *j, double *ret);
/* A number, rounded, within int64_t; also one that is written as a text ("12"). */
bool np_json_int(struct np_json *j, int64_t *ret);
bool np_json_bool(struct np_json *j, bool *ret);
void np_json_skip(struct np_json *j);
/* The value as text, without spaces and with unsafe characters escaped, appended. Over max bytes: nothing, false. */
bool np_json_copy(struct np_json *j, struct np_buf *buf, size_t max);

static inline bool np_json_is(const char *key, size_t len, const char *what)
{
	return len == __builtin_strlen(what) && __builtin_memcmp(key, what, len) == 0;
}

#endif

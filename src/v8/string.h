/*
 * Strings of every representation: sequential, cons, sliced, thin, external,
 * one- and two-byte, internalised.
 */
#ifndef NP_V8_STRING_H
#define NP_V8_STRING_H

#include "base/buf.h"
#include "v8/v8.h"

/* Flattened text in code units: exactly one of one/two is set (Latin-1 or UTF-16). */
struct np_chars {
	const uint8_t *one;
	const uint16_t *two;
	size_t len;	  /* units here */
	uint64_t full_len; /* units of the whole string */
};

static inline uint16_t np_char_at(const struct np_chars *c, size_t i)
{
	return c->one ? c->one[i] : c->two[i];
}

/* Length in UTF-16 units; false when addr is no string. */
bool np_string_length(np_v8 *v8, np_addr string, uint64_t *ret);

/*
 * Flattens at most max units from unit `from` on into the arena.  Fails with
 * NP_EFORMAT when it is no string, NP_EFAULT when characters are unreadable.
 */
np_err *np_string_read(np_v8 *v8, np_addr string, uint64_t from, size_t max, np_arena *arena, struct np_chars *ret)
	NP_MUST;

/* At most max units as UTF-8; NULL when it is no readable string. */
const char *np_string_utf8(np_v8 *v8, np_addr string, size_t max, np_arena *arena);
const char *np_chars_utf8(const struct np_chars *chars, size_t from, size_t to, np_arena *arena);
/* All of it, with the length in bytes (NUL characters may be inside). */
const char *np_chars_utf8_len(const struct np_chars *chars, np_arena *arena, size_t *ret_bytes);
/* True when the string equals an ASCII text. */
bool np_string_equals(np_v8 *v8, np_addr string, const char *ascii);

enum { NP_NAME_MAX = 4096 }; /* units read of a name */

#endif

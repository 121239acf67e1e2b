/*
 * Files of named arrays that are mapped again as they were written.
 *
 *     header (8 KiB): magic, format, size of the file, key, table of sections, hash of it all
 *     sections, each at a multiple of 64 bytes
 *
 * The key is text that says what the arrays belong to; a file with another key is
 * as good as none.  Files are readable by their owner alone, appear under their
 * name when they are whole, and are only read when nobody else could have
 * written them: what is in the arrays is not checked.
 */
#ifndef NP_BASE_SECTIONS_H
#define NP_BASE_SECTIONS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

enum { NP_SECTIONS_MAX = 32, NP_SECTIONS_KEY_MAX = 6000 };

/* --- writing --- */

struct np_sections_out;

/* A nameless file in the folder of path. NP_ELIMIT: the key is longer than NP_SECTIONS_KEY_MAX. */
np_err *np_sections_create(const char *path, const char *key, struct np_sections_out **ret) NP_MUST;
/* name: at most 15 characters. A failure is kept for np_sections_commit(). */
void np_sections_put(struct np_sections_out *out, const char *name, const void *data, size_t bytes);
/* Gives the file its name, in place of an older one; frees out in any case. */
np_err *np_sections_commit(struct np_sections_out *out) NP_MUST;

/* --- reading --- */

struct np_sections;

/* NULL: there is none, it is damaged, of another key, or others could have written it. */
struct np_sections *np_sections_open(const char *path, const char *key);
/* NULL: no such section. Valid until np_sections_close(). */
const void *np_sections_get(const struct np_sections *in, const char *name, size_t *ret_bytes);
/* One that must have count elements of so many bytes; NULL otherwise. An empty one is not NULL. */
const void *np_sections_array(const struct np_sections *in, const char *name, size_t count, size_t element_bytes);
void np_sections_close(struct np_sections *in);

/* The key of a file, whatever it is; NULL: no such file. */
const char *np_sections_key(const char *path, np_arena *arena);

#endif

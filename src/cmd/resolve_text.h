/* Names as `nopsy resolve` writes them. */
#ifndef NP_CMD_RESOLVE_TEXT_H
#define NP_CMD_RESOLVE_TEXT_H

#include "base/buf.h"
#include "cmd/resolve_source.h"
#include "cmd/resolve_stream.h"

/*
 * The name, with paths cut and C++ demangled as the options say, and what
 * would harm a terminal spelled out.  Points into the symbol where nothing had to be
 * changed, else into scratch.
 */
const char *np_resolve_name(const struct np_found_name *found, const struct np_resolve_options *options,
			    struct np_buf *scratch, size_t *ret_bytes);
/* " at file:line:column"; nothing where that is not known. */
void np_resolve_put_place(struct np_buf *buf, const struct np_found_name *found, const struct np_resolve_options *options);

/* C++ names of a text, demangled ones remembered. */
typedef struct np_demangled np_demangled;
np_demangled *np_demangled_create(void);
void np_demangled_destroy(np_demangled *d);
/*
 * The next mangled name in [p, end): its start, and its end in *ret_end; NULL: none.  word_before: p[-1] is there
 * and a part of a word.
 */
const char *np_mangled_find(const char *p, const char *end, bool word_before, const char **ret_end);
/* Demangled, or NULL when it is no C++ name. Valid until the next call. */
const char *np_demangled_get(np_demangled *d, const char *name, size_t bytes);

#endif

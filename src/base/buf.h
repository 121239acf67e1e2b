/* A growing byte string.  Zero-initialise; data is NUL-terminated once anything was added. */
#ifndef NP_BASE_BUF_H
#define NP_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct np_buf {
	char *data;
	size_t len, cap;
};

/* Where the next n bytes may be written; add to len what was. */
char *np_buf_room(struct np_buf *buf, size_t n);
void np_buf_add(struct np_buf *buf, const void *p, size_t n);
void np_buf_puts(struct np_buf *buf, const char *s);
void np_buf_putc(struct np_buf *buf, char c);
void np_buf_printf(struct np_buf *buf, const char *fmt, ...) NP_PRINTF(2, 3);
/* Appends one Unicode code point as UTF-8; lone surrogates become U+FFFD. */
void np_buf_put_utf8(struct np_buf *buf, uint32_t cp);
void np_buf_clear(struct np_buf *buf);
void np_buf_deinit(struct np_buf *buf);
/* The text, "" when empty. */
const char *np_buf_str(const struct np_buf *buf);

#endif

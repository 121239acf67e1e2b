/*
 * Inside of the out layer: colours, links and columns.  The only escape
 * sequences in rendered text are those written here.
 */
#ifndef NP_OUT_PAINT_H
#define NP_OUT_PAINT_H

#include "base/buf.h"
#include "base/text.h"
#include "out/out.h"

enum role {
	ROLE_NONE,
	ROLE_NAME,
	ROLE_PATH,
	ROLE_NUM,
	ROLE_DIM,
	ROLE_ADDR,
	ROLE_WARN,
	ROLE_STRING,
	ROLE_KEYWORD,
	ROLE_HEAD, /* headings of tables */
};

enum role np_role_by_name(const char *name, size_t n);
/* Between begin and end nothing else may be painted. */
void np_paint_begin(struct np_buf *buf, bool color, enum role role);
void np_paint_end(struct np_buf *buf, bool color, enum role role);
void np_paint_text(struct np_buf *buf, bool color, enum role role, const char *s);
void np_paint_printf(struct np_buf *buf, bool color, enum role role, const char *fmt, ...) NP_PRINTF(4, 5);

/* OSC 8 around a path, when it is absolute (or a file: URL). */
bool np_link_begin(struct np_buf *buf, const char *path, size_t n);
void np_link_end(struct np_buf *buf);

/* Columns of rendered text: sequences of paint and link take none. */
size_t np_text_columns(const char *s, size_t n);
/* Bytes of s that fill at most max columns; sequences are never cut. */
size_t np_text_clip(const char *s, size_t n, size_t max);
/* Cuts buf from byte `from` on to max columns, the last one an ellipsis. */
void np_text_truncate(struct np_buf *buf, size_t from, size_t max, bool color);
int np_char_columns(uint32_t cp);
void np_put_spaces(struct np_buf *buf, size_t n);

#endif

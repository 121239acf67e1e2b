#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void buf_reserve(struct np_buf *buf, size_t more)
{
	size_t need = buf->len + more + 1;
	if (need <= buf->cap)
		return;
	size_t cap = buf->cap ? buf->cap : 64;
	while (cap < need)
		cap *= 2;
	buf->data = np_xrealloc(buf->data, cap);
	buf->cap = cap;
}

char *np_buf_room(struct np_buf *buf, size_t n)
{
	buf_reserve(buf, n);
	return buf->data + buf->len;
}

void np_buf_add(struct np_buf *buf, const void *p, size_t n)
{
	buf_reserve(buf, n);
	if (n)
		memcpy(buf->data + buf->len, p, n);
	buf->len += n;
	buf->data[buf->len] = '\0';
}

void np_buf_puts(struct np_buf *buf, const char *s)
{
	np_buf_add(buf, s, strlen(s));
}

void np_buf_putc(struct np_buf *buf, char c)
{
	np_buf_add(buf, &c, 1);
}

void np_buf_printf(struct np_buf *buf, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		buf_reserve(buf, (size_t)n);
		vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
		buf->len += (size_t)n;
	}
	va_end(again);
}

void np_buf_put_utf8(struct np_buf *buf, uint32_t cp)
{
	char b[4];
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = 0xfffd;
	if (cp < 0x80) {
		b[0] = (char)cp;
		np_buf_add(buf, b, 1);
	} else if (cp < 0x800) {
		b[0] = (char)(0xc0 | cp >> 6);
		b[1] = (char)(0x80 | (cp & 0x3f));
		np_buf_add(buf, b, 2);
	} else if (cp < 0x10000) {
		b[0] = (char)(0xe0 | cp >> 12);
		b[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		b[2] = (char)(0x80 | (cp & 0x3f));
		np_buf_add(buf, b, 3);
	} else {
		b[0] = (char)(0xf0 | cp >> 18);
		b[1] = (char)(0x80 | (cp >> 12 & 0x3f));
		b[2] = (char)(0x80 | (cp >> 6 & 0x3f));
		b[3] = (char)(0x80 | (cp & 0x3f));
		np_buf_add(buf, b, 4);
	}
}

void np_buf_clear(struct np_buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

void np_buf_deinit(struct np_buf *buf)
{
	free(buf->data);
	*buf = (struct np_buf){0};
}

const char *np_buf_str(const struct np_buf *buf)
{
	return buf->data ? buf->data : "";
}

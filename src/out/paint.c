#include "out/paint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out/width_table.h"

static const char *const sgr[] = {
	[ROLE_NONE] = NULL,	 [ROLE_NAME] = "1",    [ROLE_PATH] = "36", [ROLE_NUM] = "33",	  [ROLE_DIM] = "2",
	[ROLE_ADDR] = "2",	 [ROLE_WARN] = "1;31", [ROLE_STRING] = "32", [ROLE_KEYWORD] = "35", [ROLE_HEAD] = "1",
};

enum role np_role_by_name(const char *name, size_t n)
{
	static const struct {
		const char *name;
		enum role role;
	} roles[] = {
		{"name", ROLE_NAME}, {"path", ROLE_PATH},     {"num", ROLE_NUM},	 {"dim", ROLE_DIM},
		{"addr", ROLE_ADDR}, {"warn", ROLE_WARN},     {"string", ROLE_STRING}, {"keyword", ROLE_KEYWORD},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(roles); i++)
		if (strlen(roles[i].name) == n && !memcmp(roles[i].name, name, n))
			return roles[i].role;
	return ROLE_NONE;
}

void np_paint_begin(struct np_buf *buf, bool color, enum role role)
{
	if (color && sgr[role])
		np_buf_printf(buf, "\033[%sm", sgr[role]);
}

void np_paint_end(struct np_buf *buf, bool color, enum role role)
{
	if (color && sgr[role])
		np_buf_puts(buf, "\033[0m");
}

void np_paint_text(struct np_buf *buf, bool color, enum role role, const char *s)
{
	np_paint_begin(buf, color, role);
	np_text_put(buf, s, strlen(s), NP_TEXT_LINE);
	np_paint_end(buf, color, role);
}

void np_paint_printf(struct np_buf *buf, bool color, enum role role, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	np_paint_text(buf, color, role, text);
	free(text);
}

bool np_link_begin(struct np_buf *buf, const char *path, size_t n)
{
	static const char scheme[] = "file://";
	bool url = n > sizeof(scheme) - 1 && !memcmp(path, scheme, sizeof(scheme) - 1);
	if (!url && (n == 0 || path[0] != '/'))
		return false;
	np_buf_puts(buf, "\033]8;;");
	if (!url)
		np_buf_puts(buf, scheme);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)path[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("/-_.~:@+", c)) || (url && c == '%'))
			np_buf_putc(buf, (char)c);
		else
			np_buf_printf(buf, "%%%02X", c);
	}
	np_buf_puts(buf, "\033\\");
	return true;
}

void np_link_end(struct np_buf *buf)
{
	np_buf_puts(buf, "\033]8;;\033\\");
}

static bool width_in(const struct width_range *table, size_t n, uint32_t cp)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (cp > table[mid].to)
			low = mid + 1;
		else if (cp < table[mid].from)
			high = mid;
		else
			return true;
	}
	return false;
}

int np_char_columns(uint32_t cp)
{
	if (cp < 0x300)
		return 1;
	if (width_in(width_zero, NP_ARRAY_LEN(width_zero), cp))
		return 0;
	return width_in(width_wide, NP_ARRAY_LEN(width_wide), cp) ? 2 : 1;
}

/* Length of an own escape sequence at s (ESC [ ... m, ESC ] ... ESC \), 0 when there is none. */
static size_t sequence_length(const char *s, size_t n)
{
	if (n < 2 || s[0] != '\033')
		return 0;
	if (s[1] == '[') {
		const char *end = memchr(s, 'm', n);
		return end ? (size_t)(end + 1 - s) : n;
	}
	for (size_t i = 2; i + 1 < n; i++)
		if (s[i] == '\033' && s[i + 1] == '\\')
			return i + 2;
	return n;
}

size_t np_text_clip(const char *s, size_t n, size_t max)
{
	size_t columns = 0, i = 0;
	while (i < n) {
		size_t skip = sequence_length(s + i, n - i);
		if (skip) {
			i += skip;
			continue;
		}
		uint32_t cp;
		size_t took = np_utf8_decode(s + i, n - i, &cp);
		columns += (size_t)np_char_columns(cp);
		if (columns > max)
			return i;
		i += took;
	}
	return n;
}

size_t np_text_columns(const char *s, size_t n)
{
	size_t columns = 0;
	for (size_t i = 0; i < n;) {
		size_t skip = sequence_length(s + i, n - i);
		if (skip) {
			i += skip;
			continue;
		}
		uint32_t cp;
		i += np_utf8_decode(s + i, n - i, &cp);
		columns += (size_t)np_char_columns(cp);
	}
	return columns;
}

void np_text_truncate(struct np_buf *buf, size_t from, size_t max, bool color)
{
	const char *s = np_buf_str(buf) + from;
	size_t n = buf->len - from;
	if (np_text_clip(s, n, max) == n)
		return;
	size_t keep = max ? np_text_clip(s, n, max - 1) : 0;
	/* close a link that the cut left open; the paint is reset in any case */
	bool linked = false;
	for (size_t i = 0; i < keep; i++)
		if (s[i] == '\033' && s[i + 1] == ']')
			linked = memcmp(s + i, "\033]8;;\033", 6) != 0;
	buf->len = from + keep;
	buf->data[buf->len] = '\0';
	if (linked)
		np_link_end(buf);
	if (max)
		np_buf_puts(buf, "…");
	if (color)
		np_buf_puts(buf, "\033[0m");
}

void np_put_spaces(struct np_buf *buf, size_t n)
{
	while (n--)
		np_buf_putc(buf, ' ');
}

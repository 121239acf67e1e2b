#include "base/text.h"

#include <string.h>

static const uint32_t replacement = 0xfffd;

size_t np_utf8_decode(const char *str, size_t n, uint32_t *ret)
{
	const unsigned char *s = (const unsigned char *)str;
	uint32_t cp;
	size_t need;
	unsigned char low = 0x80, high = 0xbf; /* range of the second byte */

	*ret = replacement;
	if (n == 0)
		return 0;
	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		need = 1;
		cp = s[0] & 0x1f;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		need = 2;
		cp = s[0] & 0x0f;
		if (s[0] == 0xe0)
			low = 0xa0; /* no overlong forms */
		if (s[0] == 0xed)
			high = 0x9f; /* no surrogates */
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		need = 3;
		cp = s[0] & 0x07;
		if (s[0] == 0xf0)
			low = 0x90;
		if (s[0] == 0xf4)
			high = 0x8f; /* not above U+10FFFF */
	} else {
		return 1;
	}
	for (size_t i = 1; i <= need; i++) {
		if (i >= n || s[i] < low || s[i] > high)
			return i;
		cp = cp << 6 | (s[i] & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	*ret = cp;
	return need + 1;
}

bool np_utf8_valid(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t took = np_utf8_decode(s + i, n - i, &cp);
		/* a genuine U+FFFD takes three bytes */
		if (cp == replacement && !(took == 3 && !memcmp(s + i, "\xef\xbf\xbd", 3)))
			return false;
		i += took;
	}
	return true;
}

void np_utf8_repair(struct np_buf *buf, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		i += np_utf8_decode(s + i, n - i, &cp);
		np_buf_put_utf8(buf, cp);
	}
}

bool np_text_unsafe(uint32_t cp)
{
	static const struct {
		uint32_t from, to;
	} ranges[] = {
		{0x0000, 0x001f},   /* C0 */
		{0x007f, 0x009f},   /* DEL, C1 */
		{0x00ad, 0x00ad},   /* soft hyphen */
		{0x061c, 0x061c},   /* Arabic letter mark */
		{0x115f, 0x1160},   /* Hangul fillers: blank */
		{0x180b, 0x180f},   /* Mongolian separators */
		{0x200b, 0x200b},   /* zero width space */
		{0x200e, 0x200f},   /* left-to-right, right-to-left marks */
		{0x2028, 0x202e},   /* line and paragraph separator, bidi embeddings and overrides */
		{0x2060, 0x206f},   /* invisible operators, bidi isolates */
		{0x3164, 0x3164},   /* Hangul filler */
		{0xfdd0, 0xfdef},   /* non-characters */
		{0xfeff, 0xfeff},   /* byte order mark */
		{0xffa0, 0xffa0},   /* half-width Hangul filler */
		{0xfff0, 0xfffb},   /* interlinear annotation */
		{0x1d173, 0x1d17a}, /* musical format controls */
		{0xe0000, 0xe0fff}, /* tags: invisible text */
	};
	if (cp < 0x7f)
		return cp < 0x20;
	if ((cp & 0xfffe) == 0xfffe || cp > 0x10ffff)
		return true;
	for (size_t i = 0; i < NP_ARRAY_LEN(ranges); i++)
		if (cp >= ranges[i].from && cp <= ranges[i].to)
			return true;
	return false;
}

static void text_put_escape(struct np_buf *buf, uint32_t cp)
{
	switch (cp) {
	case '\n':
		np_buf_puts(buf, "\\n");
		return;
	case '\r':
		np_buf_puts(buf, "\\r");
		return;
	case '\t':
		np_buf_puts(buf, "\\t");
		return;
	}
	np_buf_printf(buf, cp < 0x100 ? "\\x%02x" : "\\u{%x}", (unsigned)cp);
}

/* Length of the run from s on that needs no treatment at all. */
static size_t text_plain_run(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

void np_text_put(struct np_buf *buf, const char *s, size_t n, enum np_text_mode mode)
{
	for (size_t i = 0; i < n;) {
		size_t run = text_plain_run(s + i, n - i);
		np_buf_add(buf, s + i, run);
		i += run;
		if (i >= n)
			return;
		uint32_t cp;
		size_t took = np_utf8_decode(s + i, n - i, &cp);
		if (cp == '"' || cp == '\\') {
			if (mode == NP_TEXT_QUOTED)
				np_buf_putc(buf, '\\');
			np_buf_putc(buf, (char)cp);
		} else if (mode == NP_TEXT_PARAGRAPH && (cp == '\n' || cp == '\t')) {
			np_buf_putc(buf, (char)cp);
		} else if (np_text_unsafe(cp)) {
			text_put_escape(buf, cp);
		} else {
			np_buf_put_utf8(buf, cp);
		}
		i += took;
	}
}

static void json_put_escape(struct np_buf *buf, uint32_t cp)
{
	static const char short_forms[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	if (cp < sizeof(short_forms) && short_forms[cp]) {
		np_buf_printf(buf, "\\%c", short_forms[cp]);
	} else if (cp < 0x10000) {
		np_buf_printf(buf, "\\u%04x", (unsigned)cp);
	} else {
		cp -= 0x10000;
		np_buf_printf(buf, "\\u%04x\\u%04x", (unsigned)(0xd800 | cp >> 10), (unsigned)(0xdc00 | (cp & 0x3ff)));
	}
}

void np_text_put_json(struct np_buf *buf, const char *s, size_t n)
{
	np_buf_putc(buf, '"');
	for (size_t i = 0; i < n;) {
		size_t run = text_plain_run(s + i, n - i);
		np_buf_add(buf, s + i, run);
		i += run;
		if (i >= n)
			break;
		uint32_t cp;
		i += np_utf8_decode(s + i, n - i, &cp);
		if (cp == '"' || cp == '\\') {
			np_buf_putc(buf, '\\');
			np_buf_putc(buf, (char)cp);
		} else if (np_text_unsafe(cp)) {
			json_put_escape(buf, cp);
		} else {
			np_buf_put_utf8(buf, cp);
		}
	}
	np_buf_putc(buf, '"');
}

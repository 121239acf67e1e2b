#include "format/json_pull.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

enum { CHUNK_BYTES = 1 << 16, NUMBER_BYTES_MAX = 400 };

void np_json_init(struct np_json *j, struct np_profile_input *in)
{
	*j = (struct np_json){.in = in};
	j->chunk = np_xmalloc(CHUNK_BYTES);
	j->is_first = np_xcalloc(NP_JSON_DEPTH + 1, sizeof(*j->is_first));
}

void np_json_deinit(struct np_json *j)
{
	free(j->chunk);
	free(j->is_first);
	np_err_free(j->err);
	np_buf_deinit(&j->text);
	np_buf_deinit(&j->key);
	*j = (struct np_json){0};
}

np_err *np_json_end(struct np_json *j)
{
	np_err *err = j->err;
	j->err = NULL;
	return err;
}

void np_json_fail(struct np_json *j, const char *what)
{
	if (!j->failed)
		j->err = np_err_new(NP_EFORMAT, "%s at byte %llu", what, (unsigned long long)(j->offset + j->at));
	j->failed = true;
}

/* --- bytes --- */

static bool chunk_fill(struct np_json *j)
{
	if (j->at_end || j->failed)
		return false;
	j->offset += j->len;
	j->at = j->len = 0;
	int64_t n = j->in->read(j->in, j->chunk, CHUNK_BYTES);
	if (n > 0) {
		j->len = (size_t)n;
		return true;
	}
	j->at_end = true;
	if (n < 0) {
		j->failed = true;
		j->err = j->in->err;
		j->in->err = NULL;
		if (!j->err)
			j->err = np_err_new(NP_EIO, "%s cannot be read", j->in->name);
	}
	return false;
}

/* The next byte without taking it, -1 at the end. */
static inline int byte_peek(struct np_json *j)
{
	return j->at < j->len || chunk_fill(j) ? j->chunk[j->at] : -1;
}

static inline int token_peek(struct np_json *j)
{
	int c;
	while ((c = byte_peek(j)) == ' ' || c == '\n' || c == '\r' || c == '\t')
		j->at++;
	if (c < 0)
		np_json_fail(j, "it ends in the middle");
	return c;
}

int np_json_peek(struct np_json *j)
{
	int c = j->failed ? -1 : token_peek(j);
	return c < 0 ? 0 : c;
}

/* --- lists and objects --- */

static bool nest_begin(struct np_json *j, int open)
{
	if (j->failed)
		return false;
	if (np_json_peek(j) != open) {
		np_json_skip(j);
		return false;
	}
	if (j->depth >= NP_JSON_DEPTH) {
		np_json_fail(j, "it is nested too deeply");
		return false;
	}
	j->at++;
	j->is_first[++j->depth] = true;
	return true;
}

bool np_json_object(struct np_json *j)
{
	return nest_begin(j, '{');
}

bool np_json_list(struct np_json *j)
{
	return nest_begin(j, '[');
}

/* Takes the comma before the next thing, or the end. */
static bool nest_next(struct np_json *j, int close)
{
	if (j->failed)
		return false;
	int c = token_peek(j);
	bool first = j->is_first[j->depth];
	j->is_first[j->depth] = false;
	if (c == close) {
		j->at++;
		j->depth--;
		return false;
	}
	if (first)
		return c >= 0;
	if (c == ',') {
		j->at++;
		c = token_peek(j);
		return c >= 0;
	}
	np_json_fail(j, close == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
	return false;
}

static bool string_take(struct np_json *j, struct np_buf *buf);

bool np_json_key(struct np_json *j, const char **ret, size_t *ret_len)
{
	if (!nest_next(j, '}'))
		return false;
	if (token_peek(j) != '"') {
		np_json_fail(j, "expected a name in quotes");
		return false;
	}
	if (!string_take(j, &j->key))
		return false;
	if (token_peek(j) != ':') {
		np_json_fail(j, "expected ':'");
		return false;
	}
	j->at++;
	*ret = np_buf_str(&j->key);
	*ret_len = j->key.len;
	return true;
}

bool np_json_more(struct np_json *j)
{
	return nest_next(j, ']');
}

/* --- texts --- */

static int hex_take(struct np_json *j)
{
	int unit = 0;
	for (int i = 0; i < 4; i++) {
		int c = byte_peek(j);
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (c < 0 || digit < 0) {
			np_json_fail(j, c < 0 ? "it ends in the middle" : "a character's number is malformed");
			return -1;
		}
		unit = unit << 4 | digit;
		j->at++;
	}
	return unit;
}

/* Behind a backslash. *pending: a high surrogate that waits for its other half, 0 none. */
static bool escape_take(struct np_json *j, struct np_buf *buf, uint32_t *pending)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = byte_peek(j);
	if (c == 'u') {
		j->at++;
		int unit = hex_take(j);
		if (unit < 0)
			return false;
		uint32_t cp = (uint32_t)unit, high = *pending;
		*pending = 0;
		if (high && cp >= 0xdc00 && cp < 0xe000) {
			np_buf_put_utf8(buf, 0x10000 + ((high - 0xd800) << 10) + (cp - 0xdc00));
			return true;
		}
		if (high)
			np_buf_put_utf8(buf, 0xfffd);
		if (cp >= 0xd800 && cp < 0xdc00)
			*pending = cp;
		else
			np_buf_put_utf8(buf, cp);
		return true;
	}
	const char *known = c > 0 ? strchr(from, c) : NULL;
	if (!known || !*known) {
		np_json_fail(j, c < 0 ? "it ends in the middle" : "a text has an unknown escape");
		return false;
	}
	if (*pending)
		np_buf_put_utf8(buf, 0xfffd);
	*pending = 0;
	np_buf_putc(buf, to[known - from]);
	j->at++;
	return true;
}

static void text_repair(struct np_buf *buf)
{
	struct np_buf good = {0};
	np_utf8_repair(&good, buf->data, buf->len);
	np_buf_deinit(buf);
	*buf = good;
}

/* At the quote. Raw control characters are taken as they are. */
static bool string_take(struct np_json *j, struct np_buf *buf)
{
	uint32_t pending = 0;
	bool ascii = true;
	buf->len = 0;
	j->at++;
	for (;;) {
		if (j->at >= j->len && !chunk_fill(j)) {
			np_json_fail(j, "it ends in the middle of a text");
			return false;
		}
		size_t from = j->at, at = from;
		unsigned char c = 0, all = 0;
		while (at < j->len && (c = j->chunk[at]) != '"' && c != '\\') {
			all |= c;
			at++;
		}
		ascii &= all < 0x80;
		if (at > from) {
			if (pending)
				np_buf_put_utf8(buf, 0xfffd);
			pending = 0;
			np_buf_add(buf, j->chunk + from, at - from);
		}
		j->at = at;
		if (at >= j->len)
			continue;
		j->at++;
		if (c == '"')
			break;
		if (!escape_take(j, buf, &pending))
			return false;
	}
	if (pending)
		np_buf_put_utf8(buf, 0xfffd);
	if (!ascii && !np_utf8_valid(buf->data, buf->len))
		text_repair(buf);
	return true;
}

bool np_json_text(struct np_json *j, const char **ret, size_t *ret_len)
{
	if (np_json_peek(j) != '"') {
		np_json_skip(j);
		return false;
	}
	if (!string_take(j, &j->text))
		return false;
	*ret = np_buf_str(&j->text);
	*ret_len = j->text.len;
	return true;
}

/* --- numbers and words --- */

static bool is_number_byte(int c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The number's text, terminated. */
static bool number_take(struct np_json *j, char *text)
{
	size_t n = 0;
	int c;
	while (is_number_byte(c = byte_peek(j))) {
		if (n + 1 >= NUMBER_BYTES_MAX) {
			np_json_fail(j, "a number is too long");
			return false;
		}
		text[n++] = (char)c;
		j->at++;
	}
	text[n] = '\0';
	return !j->failed;
}

static bool number_parse(const char *text, double *ret)
{
	char *end;
	double d = strtod(text, &end);
	if (end == text || *end || !isfinite(d))
		return false;
	*ret = d;
	return true;
}

bool np_json_double(struct np_json *j, double *ret)
{
	char text[NUMBER_BYTES_MAX];
	int c = np_json_peek(j);
	if (c != '-' && (c < '0' || c > '9')) {
		np_json_skip(j);
		return false;
	}
	if (!number_take(j, text))
		return false;
	if (number_parse(text, ret))
		return true;
	np_json_fail(j, "a number is malformed");
	return false;
}

static int64_t round_to_int(double d)
{
	d = round(d);
	return d >= 9.2e18 ? INT64_MAX : d <= -9.2e18 ? INT64_MIN + 1 : (int64_t)d;
}

/* A whole number of up to 18 digits that ends in this chunk: nearly all of them. */
static bool int_take_fast(struct np_json *j, int64_t *ret)
{
	const unsigned char *p = j->chunk + j->at;
	if (j->len - j->at < 24)
		return false;
	size_t n = 0;
	bool minus = *p == '-';
	int64_t value = 0;
	p += minus;
	while (n < 18 && p[n] >= '0' && p[n] <= '9')
		value = value * 10 + (p[n++] - '0');
	if (!n || is_number_byte(p[n]))
		return false;
	j->at += n + minus;
	*ret = minus ? -value : value;
	return true;
}

bool np_json_int(struct np_json *j, int64_t *ret)
{
	double d;
	int c = np_json_peek(j);
	if (c == '"') {
		const char *text;
		size_t len;
		if (!np_json_text(j, &text, &len) || !len || len > 30 || !number_parse(text, &d))
			return false;
		*ret = round_to_int(d);
		return true;
	}
	if (c && int_take_fast(j, ret))
		return true;
	if (!np_json_double(j, &d))
		return false;
	*ret = round_to_int(d);
	return true;
}

/* true, false, null: any bare word. */
static void word_take(struct np_json *j, char *word, size_t max)
{
	size_t n = 0;
	int c;
	while ((c = byte_peek(j)) >= 'a' && c <= 'z' && n + 1 < max) {
		word[n++] = (char)c;
		j->at++;
	}
	word[n] = '\0';
	if (strcmp(word, "true") != 0 && strcmp(word, "false") != 0 && strcmp(word, "null") != 0)
		np_json_fail(j, "expected a value");
}

bool np_json_bool(struct np_json *j, bool *ret)
{
	char word[8];
	int c = np_json_peek(j);
	if (c != 't' && c != 'f') {
		np_json_skip(j);
		return false;
	}
	word_take(j, word, sizeof(word));
	*ret = word[0] == 't';
	return !j->failed;
}

/* --- whole values --- */

static void scalar_put(struct np_json *j, struct np_buf *out)
{
	char text[NUMBER_BYTES_MAX];
	double d;
	int c = np_json_peek(j);
	if (c == '"') {
		if (string_take(j, &j->text) && out)
			np_text_put_json(out, j->text.data, j->text.len);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		if (!number_take(j, text))
			return;
		if (!number_parse(text, &d))
			np_json_fail(j, "a number is malformed");
		if (out)
			np_buf_puts(out, text);
	} else if (c) {
		word_take(j, text, 8);
		if (out)
			np_buf_puts(out, text);
	}
}

/* Without recursion: what is open is in a bit a level. out NULL: it is skipped. */
static bool value_take(struct np_json *j, struct np_buf *out, size_t max)
{
	uint8_t is_object[NP_JSON_DEPTH / 8 + 1];
	uint32_t base = j->depth;
	size_t from = out ? out->len : 0;
	bool fits = true;
	do {
		if (j->depth > base) { /* the next member of what is open, or its end */
			bool object = is_object[j->depth / 8] >> j->depth % 8 & 1, first = j->is_first[j->depth];
			const char *key;
			size_t len;
			bool more = object ? np_json_key(j, &key, &len) : np_json_more(j);
			if (out && more && !first)
				np_buf_putc(out, ',');
			if (out && !more)
				np_buf_putc(out, object ? '}' : ']');
			if (!more)
				continue;
			if (out && object) {
				np_text_put_json(out, key, len);
				np_buf_putc(out, ':');
			}
		}
		int c = np_json_peek(j);
		if (c == '{' || c == '[') {
			if (!nest_begin(j, c))
				break;
			is_object[j->depth / 8] &= (uint8_t)~(1u << j->depth % 8);
			is_object[j->depth / 8] |= (uint8_t)((c == '{' ? 1u : 0u) << j->depth % 8);
			if (out)
				np_buf_putc(out, (char)c);
		} else {
			scalar_put(j, out);
		}
		if (out && out->len - from > max) {
			out->len = from;
			out->data[from] = '\0';
			out = NULL;
			fits = false;
		}
	} while (j->depth > base && !j->failed);
	if (out && j->failed && out->len > from) {
		out->len = from;
		out->data[from] = '\0';
	}
	return fits && !j->failed;
}

void np_json_skip(struct np_json *j)
{
	if (!j->failed)
		value_take(j, NULL, 0);
}

bool np_json_copy(struct np_json *j, struct np_buf *buf, size_t max)
{
	return !j->failed && value_take(j, buf, max);
}

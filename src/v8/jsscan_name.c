/*
 * The name of a function from the text before it, read backwards.  Only shapes
 * that leave no doubt count: a name, an assignment, a property key, a method's
 * head.  The name of a constructor is its class's, which a forward scan from the
 * nearest "class" finds.
 *
 * A function's text that is not an arrow function's has its name right before it,
 * whatever stands before that.  Going back over a line end may lead into a //
 * comment; lines where other slashes stand before the // are not judged.
 */
#include <string.h>

#include "v8/jsscan_internal.h"

enum { BACK_MAX = 4096, PARTS_MAX = 16, CLASS_TRIES = 16, CLASS_BACK_MAX = 1 << 18, COMPUTED_MAX = 60 };

/* chars[0..at) is still to be read, not below low. */
struct back {
	const uint16_t *chars;
	size_t at, low;
};

struct span {
	size_t start, end;
};

static bool is_space(uint16_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0xfeff || c == 0x2028 || c == 0x2029;
}

static bool is_name_char(uint16_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	       (c >= 0x80 && !is_space(c));
}

static uint16_t before(const struct back *b)
{
	return b->at > b->low ? b->chars[b->at - 1] : 0;
}

/*
 * b->at is at a line's end that was just crossed: leave out a // comment of that
 * line.  false when it may be one or part of a regular expression or string.
 */
static bool skip_line_comment(struct back *b)
{
	size_t line = b->at;
	while (line > b->low && b->chars[line - 1] != '\n' && b->chars[line - 1] != '\r')
		line--;
	bool doubt = line > 0 && line == b->low;
	uint16_t quote = 0;
	for (size_t i = line; i < b->at; i++) {
		uint16_t c = b->chars[i];
		if (c == '\\') {
			i++;
		} else if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == '\'' || c == '"' || c == '`') {
			quote = c;
		} else if (c == '/' && i + 1 < b->at && b->chars[i + 1] == '/') {
			b->at = i;
			return !doubt;
		} else {
			doubt |= c == '/';
		}
	}
	return true;
}

/* Over white space and comments; false when it is not clear. */
static bool skip_back(struct back *b)
{
	for (;;) {
		uint16_t c = before(b);
		if (b->at <= b->low) {
			return b->low == 0;
		} else if (c == '\n' || c == '\r') {
			b->at--;
			if (!skip_line_comment(b))
				return false;
		} else if (is_space(c)) {
			b->at--;
		} else if (c == '/' && b->at - b->low >= 4 && b->chars[b->at - 2] == '*') {
			size_t i = b->at - 2;
			while (i >= b->low + 2 && !(b->chars[i - 2] == '/' && b->chars[i - 1] == '*'))
				i--;
			if (i < b->low + 2)
				return false;
			b->at = i - 2;
		} else {
			return true;
		}
	}
}

/* The word before; empty when there is none. */
static struct span word_back(struct back *b)
{
	struct span word = {b->at, b->at};
	while (word.start > b->low && is_name_char(b->chars[word.start - 1]))
		word.start--;
	if (word.start > b->low && word.start < word.end && b->chars[word.start - 1] == '#')
		word.start--;
	b->at = word.start;
	return word;
}

static bool span_is(const struct back *b, struct span span, const char *ascii)
{
	size_t n = strlen(ascii);
	if (span.end - span.start != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (b->chars[span.start + i] != (unsigned char)ascii[i])
			return false;
	return true;
}

static bool span_in(const struct back *b, struct span span, const char *const *list)
{
	for (; *list; list++)
		if (span_is(b, span, *list))
			return true;
	return false;
}

/* Takes the word if it is the given one, with the space before it; nothing more is read when that is not clear. */
static bool eat_word(struct back *b, const char *ascii)
{
	struct back saved = *b;
	struct span word = word_back(b);
	if (!span_is(b, word, ascii)) {
		*b = saved;
		return false;
	}
	if (!skip_back(b))
		b->low = b->at;
	return true;
}

static bool eat_char(struct back *b, uint16_t c)
{
	if (before(b) != c)
		return false;
	b->at--;
	return skip_back(b);
}

struct output {
	char *buf;
	size_t len, size;
	bool full;
};

static void put_char(struct output *out, uint32_t cp)
{
	char utf8[4];
	size_t n = 0;
	if (cp < 0x80) {
		utf8[n++] = (char)cp;
	} else if (cp < 0x800) {
		utf8[n++] = (char)(0xc0 | cp >> 6);
		utf8[n++] = (char)(0x80 | (cp & 0x3f));
	} else if (cp < 0x10000) {
		utf8[n++] = (char)(0xe0 | cp >> 12);
		utf8[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
		utf8[n++] = (char)(0x80 | (cp & 0x3f));
	} else {
		utf8[n++] = (char)(0xf0 | cp >> 18);
		utf8[n++] = (char)(0x80 | (cp >> 12 & 0x3f));
		utf8[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
		utf8[n++] = (char)(0x80 | (cp & 0x3f));
	}
	out->full |= out->len + n + 1 > out->size;
	if (out->full)
		return;
	memcpy(out->buf + out->len, utf8, n);
	out->len += n;
	out->buf[out->len] = '\0';
}

static void put_ascii(struct output *out, const char *s)
{
	while (*s)
		put_char(out, (unsigned char)*s++);
}

static void put_span(struct output *out, const uint16_t *chars, struct span span)
{
	for (size_t i = span.start; i < span.end; i++) {
		uint32_t cp = chars[i];
		if (cp >= 0xd800 && cp < 0xdc00 && i + 1 < span.end && (chars[i + 1] & 0xfc00) == 0xdc00)
			cp = 0x10000 + ((cp - 0xd800) << 10) + (chars[++i] - 0xdc00u);
		else if (cp >= 0xd800 && cp < 0xe000)
			cp = 0xfffd;
		put_char(out, cp < ' ' ? ' ' : cp);
	}
}

/* A quoted string before, without escapes. */
static bool string_back(struct back *b, struct span *text)
{
	uint16_t quote = before(b);
	if (quote != '\'' && quote != '"')
		return false;
	size_t end = b->at - 1, i = end;
	for (; i > b->low && b->chars[i - 1] != quote; i--)
		if (b->chars[i - 1] == '\n' || b->chars[i - 1] == '\\')
			return false;
	if (i <= b->low)
		return false;
	*text = (struct span){i, end};
	b->at = i - 1;
	return true;
}

/* "[a.b]" before: names and dots only. */
static bool computed_back(struct back *b, struct span *text)
{
	if (before(b) != ']')
		return false;
	size_t end = b->at, i = end - 1;
	while (i > b->low && end - i < COMPUTED_MAX && (is_name_char(b->chars[i - 1]) || b->chars[i - 1] == '.'))
		i--;
	if (i <= b->low || b->chars[i - 1] != '[')
		return false;
	*text = (struct span){i - 1, end};
	b->at = i - 1;
	return true;
}

/* "['b']" before. */
static bool string_key_back(struct back *b, struct span *text)
{
	if (before(b) != ']')
		return false;
	b->at--;
	if (!string_back(b, text) || before(b) != '[')
		return false;
	b->at--;
	return true;
}

/* b->at is behind the target of an assignment: a.b.c, a.b['c'] */
static bool put_target(struct back *b, struct output *out)
{
	struct span parts[PARTS_MAX];
	size_t n = 0;
	for (;;) {
		struct span word = {0, 0};
		bool key = before(b) == ']';
		if (!key)
			word = word_back(b);
		else if (!string_key_back(b, &word))
			return false;
		if (word.start == word.end || n == PARTS_MAX)
			return false;
		if (!span_is(b, word, "prototype"))
			parts[n++] = word;
		if (!skip_back(b))
			return false;
		if (key)
			continue;
		if (before(b) != '.')
			break;
		b->at--;
		if (!skip_back(b) || before(b) == '?' || before(b) == '.')
			return false;
	}
	if (n > 1 && span_is(b, parts[n - 1], "this"))
		n--;
	for (size_t i = n; i-- > 0;) {
		put_span(out, b->chars, parts[i]);
		if (i)
			put_char(out, '.');
	}
	return n > 0;
}

/* b->at is behind a property's key. */
static bool put_key(struct back *b, struct output *out)
{
	struct span key = {0, 0};
	if (!string_back(b, &key))
		key = word_back(b);
	if (key.start == key.end || !skip_back(b))
		return false;
	if (before(b) != '{' && before(b) != ',')
		return false;
	put_span(out, b->chars, key);
	return true;
}

/* What the value that begins at b->at is given to. */
static bool put_holder(struct back *b, struct output *out)
{
	if (eat_char(b, ':'))
		return put_key(b, out);
	if (before(b) != '=')
		return false;
	b->at--;
	if (before(b) && strchr("=!<>+-*/%&|^?", before(b)))
		return false;
	return skip_back(b) && put_target(b, out);
}

/* The class whose constructor begins at start: scan the classes that begin before it, nearest first. */
static bool put_class(const struct back *b, size_t len, size_t start, struct output *out)
{
	size_t low = start > CLASS_BACK_MAX ? start - CLASS_BACK_MAX : 0;
	unsigned tries = 0;
	for (size_t i = start; i >= low + 5 && tries < CLASS_TRIES; i--) {
		struct span word = {i - 5, i};
		if (b->chars[i - 1] != 's' || !span_is(b, word, "class") || is_name_char(b->chars[i]) ||
		    (word.start > 0 && is_name_char(b->chars[word.start - 1])))
			continue;
		tries++;
		struct js js;
		struct span name = {0, 0};
		bool found = false;
		size_t end = len - start > 1 ? start + 1 : len;
		if (np_js_init(&js, b->chars + word.start, end - word.start)) {
			js.find_start = (uint32_t)(start - word.start);
			np_js_next(&js);
			np_js_class(&js, false);
			found = js.found_class;
			name = (struct span){word.start + js.found.start, word.start + js.found.end};
		}
		np_js_deinit(&js);
		if (found && name.start < name.end) {
			put_span(out, b->chars, name);
			return true;
		}
		struct back holder = {b->chars, word.start, low};
		if (found)
			return skip_back(&holder) && put_holder(&holder, out);
	}
	return false;
}

/* A method's name was read, b->at is before it: "get ", "set " or "". */
static const char *method_prefix(struct back *b)
{
	if (!skip_back(b))
		return "";
	return eat_word(b, "get") ? "get " : eat_word(b, "set") ? "set " : "";
}

static bool is_arrow(const uint16_t *chars, size_t len, size_t start)
{
	enum { HEAD_MAX = 4096 };
	struct np_jsscan_params params;
	np_arena *arena = np_arena_create();
	size_t n = len - start < HEAD_MAX ? len - start : HEAD_MAX;
	np_jsscan_params(chars + start, n, NP_JSSCAN_AUTO, arena, &params);
	np_arena_destroy(arena);
	return params.is_arrow || !params.complete;
}

/* A word stands right before the function's text. */
static bool put_named(struct back *b, struct span word, size_t len, size_t start, struct output *out)
{
	static const char *const before_arrow[] = {
		"return", "typeof", "case", "yield",   "await",	  "new", "delete", "void",  "throw",	  "else",
		"do",	  "default", "in",  "extends", "export", "of",	 "const",  "instanceof", NULL};
	struct back saved = *b;
	if (skip_back(b)) {
		eat_char(b, '*');
		if (eat_word(b, "function")) {
			put_span(out, b->chars, word);
			return true;
		}
	}
	*b = saved;
	const char *prefix = method_prefix(b);
	/* return (a) => b, or a method of that name? */
	if (!*prefix && span_in(b, word, before_arrow) && (start == len || is_arrow(b->chars, len, start)))
		return false;
	if (!*prefix && span_is(b, word, "constructor"))
		return put_class(b, len, start, out);
	put_ascii(out, prefix);
	put_span(out, b->chars, word);
	return true;
}

static bool put_name(const uint16_t *chars, size_t len, size_t start, struct output *out)
{
	struct back b = {chars, start, start > BACK_MAX ? start - BACK_MAX : 0};
	struct span word;
	struct span class = {start, start + 5};
	if (start + 5 < len && span_is(&b, class, "class") && !is_name_char(chars[start + 5]))
		return false; /* an implicit constructor, or initial values of fields */
	if (!skip_back(&b) || b.at <= b.low)
		return false;
	if (string_back(&b, &word) || computed_back(&b, &word)) {
		put_ascii(out, method_prefix(&b));
		put_span(out, chars, word);
		return true;
	}
	bool star = eat_char(&b, '*');
	word = word_back(&b);
	if (span_is(&b, word, "function")) {
		if (!skip_back(&b))
			return false;
		eat_word(&b, "async");
		return put_holder(&b, out);
	}
	if (star)
		return false;
	if (word.start < word.end)
		return put_named(&b, word, len, start, out);
	return put_holder(&b, out);
}

bool np_jsscan_name_before(const uint16_t *chars, size_t len, size_t start, char *buf, size_t size)
{
	if (!size)
		return false;
	struct output out = {.buf = buf, .size = size};
	buf[0] = '\0';
	return start <= len && put_name(chars, len, start, &out) && out.len > 0;
}

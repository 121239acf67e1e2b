/*
 * See the header for the forms.  A line is looked at twice: a frame of perf
 * script or pstack is told by its beginning and its end, without a look at what
 * lies between; in all others every "0x" is looked at, and what stands around it.
 */
#include "format/stack_line.h"

#include <emmintrin.h>
#include <string.h>

#include "format/side_file.h"

enum { DIGITS_MAX = 16, CONTEXT_BYTES = 600 };

static inline bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* Value + 1; 0: no digit. */
static const uint8_t hex_digits[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,	['6'] = 7,  ['7'] = 8,
	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static inline int hex_digit(char c)
{
	return (int)hex_digits[(unsigned char)c] - 1;
}

static inline bool is_word(char c)
{
	return is_digit(c) || (unsigned char)((c | 32) - 'a') < 26 || c == '_';
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t blanks_end(const char *line, size_t n, size_t at)
{
	while (at < n && is_blank(line[at]))
		at++;
	return at;
}

/* Digits from at on; 0 when there are none or more than an address has. */
static size_t digits_parse(const char *line, size_t n, size_t at, np_addr *ret)
{
	np_addr addr = 0;
	size_t i = at, zeros;
	int digit;
	while (i < n && line[i] == '0')
		i++;
	zeros = i - at;
	for (; i < n && (digit = hex_digit(line[i])) >= 0; i++) {
		if (i - at - zeros >= DIGITS_MAX)
			return 0;
		addr = addr << 4 | (unsigned)digit;
	}
	*ret = addr;
	return i - at;
}

static inline __attribute__((always_inline)) bool starts_with(const char *line, size_t n, size_t at, const char *text)
{
	size_t bytes = strlen(text);
	return at < n && line[at] == text[0] && n - at >= bytes && !memcmp(line + at, text, bytes);
}

/* What tools print for a name that they do not know; its length, 0: it is none. */
static size_t unknown_at(const char *line, size_t n, size_t at)
{
	static const char *const words[] = {"[unknown]", "<unknown>", "(unknown)", "n/a", "_unknown_"};
	size_t marks = 0;
	if (at >= n || !strchr("?[<(n_", line[at]) || !line[at])
		return 0;
	while (at + marks < n && line[at + marks] == '?')
		marks++;
	if (marks >= 2 && (at + marks == n || !is_word(line[at + marks])))
		return marks;
	for (size_t i = 0; i < NP_ARRAY_LEN(words); i++) {
		size_t bytes = strlen(words[i]);
		if (starts_with(line, n, at, words[i]) && (at + bytes == n || !is_word(line[at + bytes])))
			return bytes;
	}
	return 0;
}

/* The line without its end ("\r" of other systems, blanks). */
static size_t trimmed(const char *line, size_t n)
{
	while (n > 0 && (is_blank(line[n - 1]) || line[n - 1] == '\r' || line[n - 1] == '\n'))
		n--;
	return n;
}

/* --- perf script, pstack --- */

/* The "(" of the image that ends a frame of perf script; 0: there is none. */
static size_t image_open(const char *line, size_t n)
{
	static const char deleted[] = " (deleted))";
	if (n < 4 || line[n - 1] != ')')
		return 0;
	size_t end = n - 1;
	if (n > sizeof(deleted) && !memcmp(line + n - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1))
		end = n - (sizeof(deleted) - 1);
	const char *open = memrchr(line, '(', end);
	while (open && open > line && !is_blank(open[-1]))
		open = memrchr(line, '(', (size_t)(open - line));
	return open && open > line ? (size_t)(open - line) : 0;
}

/* Is it memory that no file stands behind, or what perf calls a map's code? */
static bool image_is_jit(const char *name, size_t n, int *pid)
{
	static const char *const prefixes[] = {"//anon", "[anon", "[unknown]", "[JIT]", "/memfd:", "/dev/zero", "/SYSV",
					       "/anon_hugepage", "/dev/shm"};
	const char *slash = memrchr(name, '/', n);
	*pid = 0;
	if (slash && n - (size_t)(slash - name) > 6 && !memcmp(slash, "/perf-", 6)) {
		*pid = (int)np_side_file_pid(slash, n - (size_t)(slash - name));
		if (*pid)
			return true;
	}
	/* most images are told by their second letter */
	if (n < 2 || !strchr(name[0] == '[' ? "auJ" : "/mdSa", name[1]))
		return false;
	for (size_t i = 0; i < NP_ARRAY_LEN(prefixes); i++)
		if (starts_with(name, n, 0, prefixes[i]))
			return true;
	return false;
}

/* What follows the digits of a frame of perf script: a name and an image, one of them, or nothing. */
static bool perf_rest(const char *line, size_t n, size_t digits, struct np_stack_address *ret)
{
	size_t end = trimmed(line, n), at = blanks_end(line, end, ret->end);
	ret->form = NP_STACK_PERF;
	ret->before = " ";
	ret->place = ret->place_end = ret->end;
	if (at >= end) /* -F ip: an address alone */
		return digits >= 9;
	if (at == ret->end)
		return false;
	size_t open = image_open(line, end);
	size_t name_end = open > at ? trimmed(line, open) : end;
	size_t unknown = unknown_at(line, name_end, at);
	if (open == at) { /* -F ip,dso */
		name_end = at;
	} else {
		ret->before = "";
		ret->place = at;
		ret->place_end = name_end;
	}
	ret->named = open != at && unknown != name_end - at;
	if (!open)
		return unknown && unknown == name_end - at; /* -F ip,sym: a name alone would fit any text */
	if (line[open + 1] != '/' && line[open + 1] != '[')
		return false; /* "4096 bytes (in all)" */
	size_t image = end - 1 - (open + 1);
	ret->is_jit = image_is_jit(line + open + 1, image, &ret->pid);
	/* inside of files perf tells places in the file, not addresses */
	if (!ret->is_jit)
		ret->named = true;
	return true;
}

/* " 00003d278f8060bb ???????? (...) + 1cf" */
static bool pstack_rest(const char *line, size_t n, struct np_stack_address *ret)
{
	size_t at = blanks_end(line, n, ret->end);
	size_t unknown = at > ret->end ? unknown_at(line, n, at) : 0;
	if (!unknown)
		return false;
	ret->form = NP_STACK_FRAME;
	ret->named = false;
	ret->place = at;
	ret->place_end = at + unknown;
	return true;
}

/* A line that begins with blanks and digits. */
static bool bare_frame(const char *line, size_t n, struct np_stack_address *ret)
{
	size_t at = blanks_end(line, n, 0);
	size_t digits = at ? digits_parse(line, n, at, &ret->addr) : 0;
	if (digits < 4)
		return false;
	ret->at = at;
	ret->end = at + digits;
	return perf_rest(line, n, digits, ret) || ((digits == 8 || digits == 16) && pstack_rest(line, n, ret));
}

/* "node 42 1.234567: 1 cycles: 3d278f8060bb [unknown] (/tmp/perf-42.map)": a sample without a chain. */
static bool bare_sample(const char *line, size_t n, struct np_stack_address *ret)
{
	size_t end = trimmed(line, n);
	if (end < 16 || line[end - 1] != ')')
		return false;
	for (const char *colon = line; (colon = memchr(colon, ':', (size_t)(line + end - colon))); colon++) {
		size_t after = (size_t)(colon - line) + 1, at = blanks_end(line, end, after);
		size_t digits = at > after ? digits_parse(line, end, at, &ret->addr) : 0;
		if (digits < 4 || at + digits >= end || !is_blank(line[at + digits]))
			continue;
		ret->at = at;
		ret->end = at + digits;
		/* the number before an event's name looks like an address, but no image ends it as a frame of it */
		size_t name = blanks_end(line, end, ret->end);
		const char *next = memchr(line + name, ':', end - name);
		if (next && next + 1 < line + end && is_blank(next[1]))
			continue;
		return perf_rest(line, n, digits, ret);
	}
	return false;
}

/* --- 0x --- */

/* The next "0x" from p on, or end. */
static const char *prefix_find(const char *p, const char *end)
{
	const __m128i zero = _mm_set1_epi8('0'), x = _mm_set1_epi8('x');
	while (end - p >= 17) {
		__m128i first = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i second = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
		int mask = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(first, zero), _mm_cmpeq_epi8(second, x)));
		if (mask)
			return p + __builtin_ctz((unsigned)mask);
		p += 16;
	}
	for (; end - p >= 2; p++)
		if (p[0] == '0' && p[1] == 'x')
			return p;
	return end;
}

/* Digits with 0x at a place; what stands next to it must not make it a part of something else. */
static bool address_at(const char *line, size_t n, size_t at, struct np_stack_address *ret)
{
	size_t digits = digits_parse(line, n, at + 2, &ret->addr);
	if (!digits)
		return false;
	ret->at = at;
	ret->end = at + 2 + digits;
	if (ret->end < n && is_word(line[ret->end]))
		return false;
	if (ret->end + 1 < n && line[ret->end] == '-' && hex_digit(line[ret->end + 1]) >= 0)
		return false; /* a range */
	if (at == 0)
		return true;
	char before = line[at - 1];
	if (is_word(before) || before == '-' || before == '$')
		return false;
	size_t sign = at;
	while (sign > 0 && is_blank(line[sign - 1]))
		sign--;
	return sign == 0 || line[sign - 1] != '+';
}

/* "#6  ", " 9: ", "frame #6: ": the number of a frame before the address. */
static bool numbered_before(const char *line, size_t at)
{
	size_t end = at, i;
	while (end > 0 && is_blank(line[end - 1]))
		end--;
	bool colon = end > 0 && line[end - 1] == ':';
	if (colon)
		end--;
	for (i = end; i > 0 && is_digit(line[i - 1]);)
		i--;
	if (i == end)
		return false;
	if (i > 0 && line[i - 1] == '#')
		return true;
	size_t blanks = i;
	while (blanks > 0 && is_blank(line[blanks - 1]))
		blanks--;
	return colon && blanks == 0;
}

/* " in ..." */
static bool after_in(const char *line, size_t n, struct np_stack_address *ret)
{
	size_t at = ret->end + 4;
	np_addr again;
	if (!starts_with(line, n, ret->end, " in "))
		return false;
	size_t unknown = unknown_at(line, n, at);
	ret->form = NP_STACK_FRAME;
	ret->place = at;
	ret->place_end = at + unknown;
	if (!unknown && starts_with(line, n, at, "0x")) {
		size_t digits = digits_parse(line, n, at + 2, &again);
		if (digits && (at + 2 + digits == n || !is_word(line[at + 2 + digits]))) {
			ret->place_end = at + 2 + digits;
			return true;
		}
	}
	ret->named = !unknown;
	return true;
}

/* " 0 + 67240120574139", " 0x0 + ...": the address again, in decimal, of an image that is not known. */
static bool after_decimal(const char *line, size_t n, struct np_stack_address *ret)
{
	size_t at = blanks_end(line, n, ret->end), i = at;
	uint64_t number = 0;
	if (starts_with(line, n, i, "0x"))
		i += 2;
	size_t zero = i;
	while (i < n && line[i] == '0')
		i++;
	if (i == zero || !starts_with(line, n, i, " + "))
		return false;
	for (i += 3; i < n && is_digit(line[i]) && number < UINT64_MAX / 10 - 1; i++)
		number = number * 10 + (uint64_t)(line[i] - '0');
	if (number != ret->addr)
		return false;
	ret->form = NP_STACK_FRAME;
	ret->place = at;
	ret->place_end = i;
	return true;
}

/* Does "[0x...]" stand behind a name? "node(main+0x1f) [0x...]", "main  (in node) + 123  [0x...]" */
static bool bracket_place(const char *line, size_t n, struct np_stack_address *ret)
{
	size_t at = ret->at - 1; /* the bracket */
	size_t end = trimmed(line, at), from = end > CONTEXT_BYTES ? end - CONTEXT_BYTES : 0;
	const char *in = memmem(line + from, end - from, "  (in ", 6);
	ret->form = NP_STACK_APART;
	ret->place = ret->place_end = ret->end + 1;
	ret->before = " ";
	if (in) {
		size_t name_end = (size_t)(in - line), name = name_end;
		while (name > from && line[name - 1] == '?')
			name--;
		ret->named = name_end - name < 2;
		if (!ret->named) {
			ret->place = name;
			ret->place_end = name_end;
			ret->before = "";
		}
		return true;
	}
	if (end > 0 && line[end - 1] == ')') {
		const char *open = memrchr(line + from, '(', end - from);
		const char *plus = open ? memchr(open, '+', (size_t)(line + end - open)) : NULL;
		ret->named = plus && plus > open + 1;
	}
	return true;
}

/* Quotes around it: JSON.  The key tells whether it is a program counter of process.report. */
static void quoted_place(const char *line, struct np_stack_address *ret)
{
	size_t i = ret->at - 1;
	ret->form = NP_STACK_QUOTED;
	while (i > 0 && is_blank(line[i - 1]))
		i--;
	if (i > 0 && line[i - 1] == ':')
		i--;
	while (i > 0 && is_blank(line[i - 1]))
		i--;
	if (i >= 4 && !memcmp(line + i - 4, "\"pc\"", 4))
		ret->form = NP_STACK_REPORT;
}

/* Is what follows a number of a frame and its address the name of it? */
static bool name_follows(const char *line, size_t n, size_t at)
{
	if (at >= n || line[at] == '(' || line[at] == '[' || line[at] == '-' || line[at] == '\r' || line[at] == '\n')
		return false;
	return !starts_with(line, n, at, "0x");
}

static void place_find(const char *line, size_t n, struct np_stack_address *ret)
{
	ret->form = NP_STACK_PLAIN;
	ret->place = ret->place_end = ret->end;
	ret->before = " ";
	if (ret->end == n)
		return; /* DTrace, bpftrace, lldb: nothing follows */
	if (ret->at > 0 && ret->end < n && line[ret->at - 1] == '"' && line[ret->end] == '"') {
		quoted_place(line, ret);
		return;
	}
	if (ret->at > 0 && ret->end < n && line[ret->at - 1] == '[' && line[ret->end] == ']' && bracket_place(line, n, ret))
		return;
	if (after_in(line, n, ret) || after_decimal(line, n, ret))
		return;
	size_t at = blanks_end(line, n, ret->end), gap = at - ret->end;
	size_t unknown = gap ? unknown_at(line, n, at) : 0;
	if (unknown) {
		ret->form = NP_STACK_FRAME;
		ret->place = at;
		ret->place_end = at + unknown;
		return;
	}
	if (starts_with(line, n, ret->end, " <") && at + 1 < n && is_word(line[at + 1])) {
		ret->named = true; /* gdb's <main+4> */
		return;
	}
	const char *tick = gap && at < n ? memchr(line + at, '`', n - at < CONTEXT_BYTES ? n - at : CONTEXT_BYTES) : NULL;
	if (tick && !memchr(line + at, ' ', (size_t)(tick - (line + at)))) {
		ret->named = true; /* lldb's node`main */
		return;
	}
	/* "0x13cf8f9  [node]", "0x7f04e35c ": the gap where a name would stand */
	if ((gap == 2 && at < n && (line[at] == '[' || line[at] == '(')) || (gap == 1 && (at == n || (line[at] == '\r' && at + 1 == n)))) {
		ret->place = ret->place_end = ret->end + 1;
		ret->before = "";
		return;
	}
	ret->named = gap && numbered_before(line, ret->at) && name_follows(line, n, at);
}

bool np_stack_line_next(const char *line, size_t n, bool at_start, size_t *from, struct np_stack_address *ret)
{
	*ret = (struct np_stack_address){.before = " "};
	if (*from == 0 && at_start && n > 0) {
		if (is_blank(line[0]) ? bare_frame(line, n, ret) : bare_sample(line, n, ret)) {
			*from = n;
			return true;
		}
	}
	const char *end = line + n;
	for (const char *p = line + (*from < n ? *from : n); (p = prefix_find(p, end)) < end; p += 2) {
		*ret = (struct np_stack_address){.before = " "};
		if (!address_at(line, n, (size_t)(p - line), ret))
			continue;
		place_find(line, n, ret);
		*from = ret->place > ret->end && ret->place_end > ret->end ? ret->place_end : ret->end;
		return true;
	}
	*from = n;
	return false;
}

bool np_stack_line_time(const char *line, size_t n, uint64_t *ret_ns)
{
	enum { COLONS_MAX = 16 };
	if (n == 0 || is_blank(line[0]))
		return false;
	const char *end = line + n, *colon = line;
	for (int i = 0; i < COLONS_MAX && (colon = memchr(colon, ':', (size_t)(end - colon))); i++, colon++) {
		const char *p = colon;
		uint64_t fraction = 0, unit = 1, seconds = 0, scale = 1;
		while (p > line && is_digit(p[-1]) && unit < 1000000000) {
			fraction += (uint64_t)(*--p - '0') * unit;
			unit *= 10;
		}
		if ((unit != 1000000 && unit != 1000000000) || p == line || p[-1] != '.')
			continue;
		for (p--; p > line && is_digit(p[-1]) && scale < 10000000000; scale *= 10)
			seconds += (uint64_t)(*--p - '0') * scale;
		if (scale == 1 || (p > line && !is_blank(p[-1])))
			continue;
		*ret_ns = seconds * 1000000000 + (unit == 1000000 ? fraction * 1000 + 999 : fraction);
		return true;
	}
	return false;
}

bool np_stack_line_empty_symbol(const char *line, size_t n, size_t from, size_t *ret)
{
	static const char key[] = "\"symbol\"";
	if (n - from > CONTEXT_BYTES && from < n)
		n = from + CONTEXT_BYTES;
	const char *found = from < n ? memmem(line + from, n - from, key, sizeof(key) - 1) : NULL;
	if (!found)
		return false;
	size_t at = blanks_end(line, n, (size_t)(found - line) + sizeof(key) - 1);
	if (at >= n || line[at] != ':')
		return false;
	at = blanks_end(line, n, at + 1);
	if (!starts_with(line, n, at, "\"\""))
		return false;
	*ret = at + 1;
	return true;
}

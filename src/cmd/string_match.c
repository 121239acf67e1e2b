/*
 * Regular expressions are those of the C library: POSIX extended, on UTF-8.
 * In a UTF-8 locale its matcher is several times slower than on bytes, so that
 * each thread has two compiled forms, one for texts of ASCII characters alone.
 */
#include "cmd/string_match.h"

#include <locale.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/parallel.h"
#include "base/vec.h"
#include "v8/string.h"

enum { CHUNK_NODES = 1 << 16, JOINED_UNITS_MAX = 256 << 20, ONE_UNITS_MAX = 128 << 20 };

struct matcher {
	regex_t ascii, utf8;
	locale_t locale; /* (locale_t)0: there is none with UTF-8 */
	struct np_buf text;
};

static int compile(regex_t *ret, const char *expression, locale_t locale)
{
	locale_t before = locale ? uselocale(locale) : (locale_t)0;
	int code = regcomp(ret, expression, REG_EXTENDED);
	if (locale)
		uselocale(before);
	return code;
}

static locale_t utf8_locale(void)
{
	return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

np_err *np_string_match_check(const char *expression)
{
	regex_t compiled;
	char reason[200];
	locale_t locale = utf8_locale();
	int code = compile(&compiled, expression, locale);
	if (locale)
		freelocale(locale);
	if (!code) {
		regfree(&compiled);
		return NULL;
	}
	regerror(code, &compiled, reason, sizeof(reason));
	return np_err_new(NP_EUSAGE, "'%s' is no regular expression: %s", expression, reason);
}

static bool matcher_init(struct matcher *m, const char *expression)
{
	*m = (struct matcher){.locale = utf8_locale()};
	if (compile(&m->ascii, expression, (locale_t)0))
		return false;
	if (!compile(&m->utf8, expression, m->locale))
		return true;
	regfree(&m->ascii);
	return false;
}

static void matcher_deinit(struct matcher *m)
{
	regfree(&m->ascii);
	regfree(&m->utf8);
	if (m->locale)
		freelocale(m->locale);
	np_buf_deinit(&m->text);
}

/* UTF-16 units in n bytes of UTF-8. */
static uint64_t utf8_units(const char *s, size_t n)
{
	uint64_t units = 0;
	for (size_t i = 0; i < n; i++)
		units += ((uint8_t)s[i] & 0xc0) != 0x80 ? 1 + ((uint8_t)s[i] >= 0xf0) : 0;
	return units;
}

static bool is_ascii(const struct np_chars *c)
{
	size_t i = 0;
	if (!c->one)
		return false;
	for (; i + 8 <= c->len; i += 8) {
		uint64_t word;
		memcpy(&word, c->one + i, 8);
		if (word & 0x8080808080808080u)
			return false;
	}
	for (; i < c->len; i++)
		if (c->one[i] & 0x80)
			return false;
	return true;
}

static void utf8_put(struct np_buf *b, const struct np_chars *c)
{
	for (size_t i = 0; i < c->len; i++) {
		uint32_t u = np_char_at(c, i);
		if (u >= 0xd800 && u < 0xdc00 && i + 1 < c->len && np_char_at(c, i + 1) >= 0xdc00 &&
		    np_char_at(c, i + 1) < 0xe000)
			u = 0x10000 + ((u - 0xd800) << 10) + (np_char_at(c, ++i) - 0xdc00u);
		np_buf_put_utf8(b, u);
	}
}

/* The text is copied in any case: it ends with NUL then, which checkers of memory expect of regexec(). */
static bool matcher_run(struct matcher *m, const struct np_chars *c, struct np_string_match *ret)
{
	bool ascii = is_ascii(c);
	np_buf_clear(&m->text);
	if (ascii)
		np_buf_add(&m->text, c->one, c->len);
	else
		utf8_put(&m->text, c);
	const char *text = np_buf_str(&m->text);
	size_t len = m->text.len;
	regmatch_t at = {.rm_so = 0, .rm_eo = (regoff_t)len};
	if (len > INT32_MAX || regexec(ascii ? &m->ascii : &m->utf8, text, 1, &at, REG_STARTEND) != 0)
		return false;
	ret->offset = ascii ? (uint64_t)at.rm_so : utf8_units(text, (size_t)at.rm_so);
	ret->length = ascii ? (uint64_t)(at.rm_eo - at.rm_so) : utf8_units(text + at.rm_so, (size_t)(at.rm_eo - at.rm_so));
	return true;
}

/* --- flat strings, in parallel --- */

typedef NP_VEC(struct np_string_match) match_vec;

struct scan {
	struct np_heap_view *view;
	const np_strings *strings;
	bool garbage;
	struct matcher *matchers; /* by worker */
	match_vec *found;	  /* by chunk */
};

static bool is_taken(const struct scan *s, np_vertex node)
{
	return s->garbage || np_reach_has(&s->view->reach, node);
}

static void chunk_scan(void *ctx, size_t chunk, unsigned worker)
{
	struct scan *s = ctx;
	struct matcher *m = &s->matchers[worker];
	np_vertex n = np_graph_object_count(s->view->graph), node = (np_vertex)(chunk * CHUNK_NODES);
	np_vertex end = n - node < CHUNK_NODES ? n : node + CHUNK_NODES;
	locale_t before = m->locale ? uselocale(m->locale) : (locale_t)0;
	for (; node < end; node++) {
		struct np_heap_string text;
		struct np_string_match match = {.node = node};
		if (np_strings_form(s->strings, node) != NP_STRING_FLAT || !is_taken(s, node) ||
		    !np_strings_look(s->strings, node, &text) || !text.chars)
			continue;
		struct np_chars c = {.one = text.is_one_byte ? text.chars : NULL,
				     .two = text.is_one_byte ? NULL : (const uint16_t *)text.chars,
				     .len = text.length};
		if (matcher_run(m, &c, &match))
			np_vec_push(&s->found[chunk], match);
	}
	if (m->locale)
		uselocale(before);
}

/* --- the others --- */

static void others_scan(struct scan *s, match_vec *found, uint64_t *skipped)
{
	np_v8 *v8 = np_heap_v8(s->view->heap);
	np_arena *scratch = np_arena_create();
	uint64_t left = JOINED_UNITS_MAX, *ropes = np_strings_ropes(s->strings, s->garbage ? NULL : &s->view->reach);
	struct matcher *m = &s->matchers[0];
	locale_t before = m->locale ? uselocale(m->locale) : (locale_t)0;
	for (np_vertex node = 0; node < np_graph_object_count(s->view->graph); node++) {
		enum np_string_form form = np_strings_form(s->strings, node);
		struct np_heap_string text;
		struct np_string_match match = {.node = node};
		struct np_chars c;
		if ((form != NP_STRING_EXTERNAL && form != NP_STRING_CONS && form != NP_STRING_SLICED) ||
		    !is_taken(s, node) || !np_strings_look(s->strings, node, &text))
			continue;
		if (form == NP_STRING_CONS && !(ropes[node / 64] >> (node % 64) & 1))
			continue;
		if (text.length > ONE_UNITS_MAX || text.length > left) {
			++*skipped;
			continue;
		}
		left -= text.length;
		if (!np_err_drop(np_string_read(v8, np_graph_address(s->view->graph, node), 0, ONE_UNITS_MAX, scratch, &c)) &&
		    matcher_run(m, &c, &match))
			np_vec_push(found, match);
		np_arena_reset(scratch);
	}
	if (m->locale)
		uselocale(before);
	np_arena_destroy(scratch);
	free(ropes);
}

static int match_compare(const void *a, const void *b)
{
	np_vertex x = ((const struct np_string_match *)a)->node, y = ((const struct np_string_match *)b)->node;
	return x < y ? -1 : x > y;
}

np_err *np_string_match(struct np_heap_view *view, const np_strings *strings, const char *expression, bool garbage,
			struct np_string_match **ret, size_t *ret_count, uint64_t *ret_skipped)
{
	struct scan s = {.view = view, .strings = strings, .garbage = garbage};
	size_t chunks = ((size_t)np_graph_object_count(view->graph) + CHUNK_NODES - 1) / CHUNK_NODES;
	unsigned threads = np_parallel_threads(64), ready = 0;
	match_vec all = {0};
	s.matchers = np_xcalloc(threads, sizeof(*s.matchers));
	s.found = np_xcalloc(chunks + 1, sizeof(*s.found));
	while (ready < threads && matcher_init(&s.matchers[ready], expression))
		ready++;
	if (ready) {
		np_parallel(chunks, ready, chunk_scan, &s);
		others_scan(&s, &s.found[chunks], ret_skipped);
	}
	for (size_t i = 0; i <= chunks; i++) {
		for (size_t k = 0; k < s.found[i].len; k++)
			np_vec_push(&all, s.found[i].data[k]);
		np_vec_deinit(&s.found[i]);
	}
	for (unsigned i = 0; i < ready; i++)
		matcher_deinit(&s.matchers[i]);
	free(s.matchers);
	free(s.found);
	if (!ready)
		return np_err_new(NP_ENOMEM, "the regular expression needs more memory than there is");
	if (all.len)
		qsort(all.data, all.len, sizeof(*all.data), match_compare);
	*ret = all.data;
	*ret_count = all.len;
	return NULL;
}

/*
 * DTrace's ustack() and stack(), as samples and as aggregations:
 *
 *     node 23420 1234567: profile-1ms:          execname pid milliseconds: probe:
 *                   libsystem_kernel.dylib`read+0xa        leaf first
 *                   0x3d278f8060bb
 *
 *                   node`uv_run+0x1a
 *                   node`main+0x20
 *                    12                         a number alone: how often
 *
 * What a ustack helper says of JavaScript stands in place of a frame.  Keys before
 * an aggregated stack become the name of its thread.
 */
#include <stdlib.h>

#include "format/formats.h"
#include "format/frame_cache.h"
#include "format/stack_maker.h"
#include "format/symbol_frame.h"
#include "format/text_reader.h"

struct reader {
	np_profile *profile;
	struct np_frame_cache cache;
	struct np_stack_maker stack;
	struct np_strays strays;
	bool in_sample; /* behind a header; else frames are of an aggregation */
	uint32_t thread, key;
	int64_t time_ns;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_number(const char *text, size_t len, int64_t *ret)
{
	int64_t n = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text[i] - '0', &n))
			return false;
	}
	*ret = n;
	return len > 0;
}

/* The last word of a text, which is then without it. */
static bool word_cut(const char *text, size_t *len, const char **ret, size_t *ret_len)
{
	size_t end = *len, at;
	while (end && is_space(text[end - 1]))
		end--;
	for (at = end; at && !is_space(text[at - 1]);)
		at--;
	*ret = text + at;
	*ret_len = end - at;
	*len = at;
	return at < end;
}

struct header {
	const char *name;
	size_t name_len;
	int64_t pid, time_ms;
};

/* "execname pid milliseconds: probe:"; the name may have spaces in it. */
static bool header_parse(const char *text, size_t len, struct header *ret)
{
	const char *word;
	size_t n;
	if (!len || is_space(text[0]) || !word_cut(text, &len, &word, &n) || n < 2 || word[n - 1] != ':')
		return false;
	if (!word_cut(text, &len, &word, &n) || n < 2 || word[n - 1] != ':' || !is_number(word, n - 1, &ret->time_ms))
		return false;
	if (!word_cut(text, &len, &word, &n) || !is_number(word, n, &ret->pid))
		return false;
	while (len && is_space(text[len - 1]))
		len--;
	ret->name = text;
	ret->name_len = len;
	return len > 0;
}

static bool module_is_kernel(const char *module, size_t len)
{
	static const char *const names[] = {"genunix", "unix", "mach_kernel", "kernel", "kernel.development"};
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len && memcmp(names[i], module, len) == 0)
			return true;
	return false;
}

static uint32_t frame_parse(np_profile *p, const char *text, size_t len)
{
	const char *tick = memchr(text, '`', len);
	if (!tick)
		return np_symbol_frame(p, text, len, NULL, 0);
	size_t module_len = (size_t)(tick - text);
	struct np_profile_frame f = np_symbol_parse(p, tick + 1, len - module_len - 1, text, module_len);
	if (module_is_kernel(text, module_len))
		f.kind = NP_PROFILE_KERNEL;
	return np_profile_frame(p, &f);
}

static void frame_take(struct reader *r, const char *text, size_t len)
{
	struct np_text_hash hash = np_text_hash(text, len);
	uint32_t frame = np_frame_cache_get(&r->cache, hash);
	if (frame == NP_FRAME_NONE) {
		frame = frame_parse(r->profile, text, len);
		np_frame_cache_put(&r->cache, hash, frame);
	}
	np_stack_maker_put(&r->stack, frame, 0, 0);
}

static void sample_end(struct reader *r)
{
	int64_t one = 1;
	if (r->in_sample)
		np_profile_add(r->profile, r->thread, np_stack_maker_done(&r->stack, true), r->time_ns, &one);
	r->in_sample = false;
}

static void sample_begin(struct reader *r, const struct header *h)
{
	sample_end(r);
	r->stack.now.len = 0;
	r->in_sample = true;
	r->thread = np_profile_thread(r->profile, &(struct np_profile_thread){
		.pid = h->pid, .tid = h->pid, .name = np_profile_string(r->profile, h->name, h->name_len)});
	if (__builtin_mul_overflow(h->time_ms, 1000000, &r->time_ns))
		r->time_ns = NP_TIME_NONE;
}

static void aggregate_end(struct reader *r, int64_t count)
{
	if (!r->stack.now.len)
		return;
	uint32_t thread = np_profile_thread(r->profile, &(struct np_profile_thread){.pid = -1, .tid = -1, .name = r->key});
	np_profile_add(r->profile, thread, np_stack_maker_done(&r->stack, true), NP_TIME_NONE, &count);
	r->key = 0;
}

static bool is_frame(const char *text, size_t len)
{
	return memchr(text, '`', len) || (len > 2 && text[0] == '0' && text[1] == 'x');
}

/* What dtrace says itself: "dtrace: script ...", "CPU     ID   FUNCTION:NAME", "  0  86  :tick-60s". */
static bool is_chatter(const char *text, size_t len)
{
	size_t i = 0, words = 0;
	if (len > 7 && memcmp(text, "dtrace:", 7) == 0)
		return true;
	if (len > 3 && memcmp(text, "CPU", 3) == 0)
		return true;
	for (int64_t n; words < 2; words++) {
		size_t from;
		while (i < len && is_space(text[i]))
			i++;
		for (from = i; i < len && !is_space(text[i]);)
			i++;
		if (!is_number(text + from, i - from, &n))
			return false;
	}
	return memchr(text + i, ':', len - i) != NULL;
}

static void line_take(struct reader *r, const char *text, size_t len, uint64_t number)
{
	struct header h;
	int64_t count;
	size_t indent = 0;
	while (indent < len && is_space(text[indent]))
		indent++;
	while (len > indent && is_space(text[len - 1]))
		len--;
	if (indent == len) {
		sample_end(r);
		return;
	}
	const char *at = text + indent;
	size_t n = len - indent;
	if (!indent && header_parse(text, len, &h)) {
		sample_begin(r, &h);
	} else if (r->in_sample && indent) {
		frame_take(r, at, n);
	} else if (is_chatter(text, len)) {
		return;
	} else if (indent && is_number(at, n, &count)) {
		aggregate_end(r, count);
	} else if (indent > 4 || is_frame(at, n)) {
		frame_take(r, at, n);
	} else if (indent) {
		r->key = np_profile_string(r->profile, at, n);
	} else {
		np_strays_add(&r->strays, number, text, len);
	}
}

static np_err *dtrace_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile};
	struct np_lines lines;
	const char *text;
	size_t len;
	np_lines_init(&lines, in);
	np_frame_cache_init(&r.cache);
	np_stack_maker_init(&r.stack, profile);
	while (np_lines_next(&lines, &text, &len))
		line_take(&r, text, len, lines.number);
	sample_end(&r);
	if (r.stack.now.len)
		np_strays_add(&r.strays, lines.number, "a stack without a count", 23);
	np_frame_cache_deinit(&r.cache);
	np_stack_maker_deinit(&r.stack);
	return np_text_reader_end(&lines, &r.strays, "DTrace's output");
}

/* Indented lines of frames with a backtick or of addresses; headers or numbers between them. */
static int dtrace_sniff(const char *head, size_t len)
{
	size_t frames = 0, ticks = 0, ends = 0, others = 0, n;
	const char *text;
	struct header h;
	int64_t count;
	for (int i = 0; i < 400 && np_head_line(&head, &len, &text, &n); i++) {
		size_t indent = 0;
		while (indent < n && is_space(text[indent]))
			indent++;
		while (n > indent && is_space(text[n - 1]))
			n--;
		if (indent == n)
			continue;
		if (indent && is_frame(text + indent, n - indent)) {
			frames++;
			ticks += memchr(text, '`', n) != NULL;
		} else if (header_parse(text, n, &h) || (frames && indent && is_number(text + indent, n - indent, &count))) {
			ends++;
		} else if (!indent) {
			others++;
		}
	}
	if (!frames || !ends || others > ends + 4)
		return 0;
	return ticks ? 88 : 45;
}

const struct np_profile_format np_format_dtrace = {
	.name = "dtrace",
	.suffixes = ".dtrace|.ustack",
	.summary = "DTrace's stacks, as samples or aggregated",
	.holds = NP_HOLDS_TIMES | NP_HOLDS_THREADS | NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_TIERS | NP_HOLDS_MODULES,
	.sniff = dtrace_sniff,
	.read = dtrace_read,
};

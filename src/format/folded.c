/*
 * Folded stacks: a line a stack, root first, frames with ; between them, then a
 * space and a count.  What stackcollapse-*.pl, bpftrace tools, async-profiler and
 * py-spy write and flamegraph.pl, inferno, speedscope and Perfetto read.
 *
 *     node;main;JS:*run /app/a.js:3:13;Builtin:ArrayMap 12
 *
 * A frame is one text.  JavaScript is written as V8 itself does, so that file, line,
 * column and tier come back; _[k] behind a name says kernel, _[i] inlined, _[j]
 * JavaScript, as flamegraph.pl has it.  Threads come as a root frame with their name.
 *
 * Two numbers behind a stack are before and after (difffolded.pl).
 */
#include <stdlib.h>

#include "format/formats.h"
#include "format/frame_cache.h"
#include "format/stack_maker.h"
#include "format/symbol_frame.h"
#include "format/text_reader.h"

/* --- reading --- */

struct reader {
	np_profile *profile;
	struct np_frame_cache cache;
	struct np_stack_maker stack;
	uint32_t thread;
	bool has_two; /* numbers a line */
};

static uint32_t frame_parse(np_profile *p, const char *text, size_t len)
{
	char mark = '\0';
	if (len > 4 && memcmp(text + len - 4, "_[", 2) == 0 && text[len - 1] == ']' && strchr("kijw", text[len - 2])) {
		mark = text[len - 2];
		len -= 4;
	}
	struct np_profile_frame f = np_symbol_parse(p, text, len, NULL, 0);
	if (mark == 'k')
		f.kind = NP_PROFILE_KERNEL;
	if (mark == 'i')
		f.is_inlined = true;
	if (mark == 'j' && f.kind == NP_PROFILE_NATIVE)
		f.kind = NP_PROFILE_JS;
	return np_profile_frame(p, &f);
}

static uint32_t frame_of(struct reader *r, const char *text, size_t len)
{
	struct np_text_hash hash = np_text_hash(text, len);
	uint32_t frame = np_frame_cache_get(&r->cache, hash);
	if (frame == NP_FRAME_NONE) {
		frame = frame_parse(r->profile, text, len);
		np_frame_cache_put(&r->cache, hash, frame);
	}
	return frame;
}

static bool line_parse(struct reader *r, const char *text, size_t len)
{
	int64_t values[2] = {0, 0};
	if (!np_count_cut(text, &len, &values[0]))
		return false;
	if (r->has_two) {
		int64_t after = values[0];
		if (!np_count_cut(text, &len, &values[0]))
			return false;
		values[1] = after;
	}
	for (const char *at = text, *end = text + len; at < end;) {
		const char *semicolon = memchr(at, ';', (size_t)(end - at));
		size_t n = (size_t)((semicolon ? semicolon : end) - at);
		if (n)
			np_stack_maker_put(&r->stack, frame_of(r, at, n), 0, 0);
		at += n + 1;
	}
	np_profile_add(r->profile, r->thread, np_stack_maker_done(&r->stack, false), NP_TIME_NONE, values);
	return true;
}

/* Two numbers in every line of the beginning, and more than one line of them, or frames before them. */
static bool head_has_two(const char *head, size_t len)
{
	const char *text;
	size_t lines = 0, n;
	int64_t count;
	while (lines < 100 && np_head_line(&head, &len, &text, &n)) {
		if (!n || text[0] == '#' || (!len && lines)) /* the last one may be half a line */
			continue;
		if (!np_count_cut(text, &n, &count) || !np_count_cut(text, &n, &count) || !n)
			return false;
		lines++;
	}
	return lines > 0;
}

static np_err *folded_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile};
	struct np_lines lines;
	struct np_strays strays = {0};
	const char *text;
	size_t len;
	np_lines_init(&lines, in);
	np_frame_cache_init(&r.cache);
	np_stack_maker_init(&r.stack, profile);
	text = np_lines_peek(&lines, NULL, &len);
	r.has_two = head_has_two(text, len);
	if (r.has_two) {
		np_profile_value_type(profile, "before", "count");
		np_profile_facts(profile)->default_type = np_profile_value_type(profile, "after", "count");
	}
	r.thread = np_profile_thread(profile, &(struct np_profile_thread){.pid = -1, .tid = -1});
	while (np_lines_next(&lines, &text, &len))
		if (len && !line_parse(&r, text, len) && text[0] != '#')
			np_strays_add(&strays, lines.number, text, len);
	np_frame_cache_deinit(&r.cache);
	np_stack_maker_deinit(&r.stack);
	return np_text_reader_end(&lines, &strays, "folded stacks");
}

/* A sixth of the lines may be something else. */
static int folded_sniff(const char *head, size_t len)
{
	size_t good = 0, deep = 0, bad = 0, n;
	const char *text;
	int64_t count;
	while (good + bad < 200 && np_head_line(&head, &len, &text, &n)) {
		if (!n || text[0] == '#' || (!len && good)) /* the last one may be half a line */
			continue;
		if (text[0] != ' ' && text[0] != '\t' && np_count_cut(text, &n, &count) && n) {
			good++;
			deep += memchr(text, ';', n) != NULL;
		} else {
			bad++;
		}
	}
	if (!good || bad * 6 > good)
		return 0;
	return deep ? (bad ? 60 : 85) : bad ? 0 : 25;
}

/* --- writing --- */

/* What cannot stand in a frame: the separator, line ends, and a space at its end. */
static void frame_put(struct np_buf *buf, const np_profile *p, const struct np_profile_frame *f)
{
	size_t from = buf->len;
	np_symbol_put(buf, p, f);
	for (size_t i = from; i < buf->len; i++) {
		unsigned char c = (unsigned char)buf->data[i];
		if (c == ';')
			buf->data[i] = ':';
		else if (c < 0x20 || c == 0x7f)
			buf->data[i] = ' ';
	}
	while (buf->len > from && buf->data[buf->len - 1] == ' ')
		buf->len--;
	if (buf->len == from)
		np_buf_puts(buf, "(anonymous)");
	if (f->kind == NP_PROFILE_KERNEL)
		np_buf_puts(buf, "_[k]");
	else if (f->is_inlined)
		np_buf_puts(buf, "_[i]");
}

struct writer {
	np_profile *profile;
	FILE *out;
	struct np_buf texts; /* of all frames, one behind the other */
	size_t *ends;	     /* in texts, by frame */
	struct np_buf roots; /* of all threads */
	uint32_t *root_of;   /* thread -> the first one with the same root */
	size_t *root_ends;
	NP_VEC(uint32_t) path;
	struct np_buf lines;
};

/* A thread's root frame; nothing when it has no name. */
static void root_put(struct np_buf *buf, const np_profile *p, const struct np_profile_thread *t)
{
	uint32_t name = t->name ? t->name : t->process;
	size_t from = buf->len;
	np_buf_add(buf, np_profile_text(p, name), np_profile_text_len(p, name));
	for (size_t i = from; i < buf->len; i++) {
		unsigned char c = (unsigned char)buf->data[i];
		buf->data[i] = c <= 0x20 || c == 0x7f ? '_' : c == ';' ? ':' : (char)c;
	}
}

static void writer_init(struct writer *w, np_profile *p, FILE *out)
{
	*w = (struct writer){.profile = p, .out = out};
	uint32_t frames = np_profile_frame_count(p), threads = np_profile_thread_count(p);
	w->ends = np_xcalloc(frames, sizeof(*w->ends));
	w->root_of = np_xcalloc(threads + 1, sizeof(*w->root_of));
	w->root_ends = np_xcalloc(threads + 1, sizeof(*w->root_ends));
	for (uint32_t i = 0; i < frames; i++) {
		if (i)
			frame_put(&w->texts, p, np_profile_frame_at(p, i));
		w->ends[i] = w->texts.len;
	}
	for (uint32_t i = 0; i < threads; i++) {
		root_put(&w->roots, p, np_profile_thread_at(p, i));
		w->root_ends[i] = w->roots.len;
	}
}

static void writer_deinit(struct writer *w)
{
	np_buf_deinit(&w->texts);
	np_buf_deinit(&w->roots);
	np_buf_deinit(&w->lines);
	np_vec_deinit(&w->path);
	free(w->ends);
	free(w->root_of);
	free(w->root_ends);
}

static const char *root_text(const struct writer *w, uint32_t thread, size_t *ret_len)
{
	size_t from = thread ? w->root_ends[thread - 1] : 0;
	*ret_len = w->root_ends[thread] - from;
	return w->roots.data + from;
}

static uint64_t root_hash(const void *ctx, uint32_t thread)
{
	size_t len;
	const char *text = root_text(ctx, thread, &len);
	return np_hash_bytes(text, len);
}

/* Threads of one name are one root. */
static void roots_merge(struct writer *w)
{
	struct np_hash_table table = {0};
	for (uint32_t i = 0; i < np_profile_thread_count(w->profile); i++) {
		size_t len, other_len;
		const char *text = root_text(w, i, &len), *other;
		uint64_t hash = np_hash_bytes(text, len);
		w->root_of[i] = i;
		NP_HASH_FIND(&table, hash, number)
			if ((other = root_text(w, number, &other_len)) && other_len == len && memcmp(other, text, len) == 0)
				w->root_of[i] = number;
		if (w->root_of[i] == i)
			np_hash_put(&table, hash, i, root_hash, w);
	}
	np_hash_table_deinit(&table);
}

static void flush(struct writer *w, size_t until)
{
	if (w->lines.len <= until)
		return;
	fwrite(w->lines.data, 1, w->lines.len, w->out);
	w->lines.len = 0;
}

static void stack_put(struct writer *w, uint32_t root, uint32_t stack)
{
	size_t len;
	const char *text = root_text(w, root, &len);
	size_t from = w->lines.len;
	np_buf_add(&w->lines, text, len);
	w->path.len = 0;
	for (; stack; stack = np_profile_stack_at(w->profile, stack)->parent)
		np_vec_push(&w->path, np_profile_stack_at(w->profile, stack)->frame);
	for (size_t i = w->path.len; i-- > 0;) {
		uint32_t frame = w->path.data[i];
		size_t begin = frame ? w->ends[frame - 1] : 0, n = w->ends[frame] - begin;
		if (!n)
			continue;
		char *at = np_buf_room(&w->lines, n + 1);
		size_t separator = w->lines.len > from;
		at[0] = ';';
		memcpy(at + separator, w->texts.data + begin, n);
		w->lines.len += n + separator;
	}
	if (w->lines.len == from)
		np_buf_puts(&w->lines, "(no stack)");
}

static np_err *folded_write(np_profile *p, FILE *out)
{
	struct writer w;
	uint32_t type = np_profile_facts(p)->default_type;
	type = type < np_profile_value_type_count(p) ? type : 0;
	writer_init(&w, p, out);
	roots_merge(&w);
	/* equal stacks of equal roots are one line, in the order in which they first came */
	np_profile *sums = np_profile_create(false);
	np_profile_value_type(sums, "samples", "count");
	for (size_t i = 0; i < np_profile_sample_count(p); i++) {
		const struct np_profile_sample *s = np_profile_sample_at(p, i);
		np_profile_add(sums, w.root_of[s->thread], s->stack, NP_TIME_NONE, &np_profile_values(p, i)[type]);
	}
	for (size_t i = 0; i < np_profile_sample_count(sums); i++) {
		const struct np_profile_sample *s = np_profile_sample_at(sums, i);
		int64_t value = np_profile_values(sums, i)[0];
		if (!value)
			continue;
		stack_put(&w, s->thread, s->stack);
		np_buf_printf(&w.lines, " %lld\n", (long long)value);
		flush(&w, 128 << 10);
	}
	flush(&w, 0);
	np_profile_destroy(sums);
	writer_deinit(&w);
	return ferror(out) ? np_err_sys(NP_EIO, "writing") : NULL;
}

const struct np_profile_format np_format_folded = {
	.name = "folded",
	.suffixes = ".folded|.collapsed|.stacks",
	.summary = "folded stacks, one a line with a count, as flamegraph.pl reads them",
	.holds = NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_TIERS | NP_HOLDS_INLINING,
	.sniff = folded_sniff,
	.read = folded_read,
	.write = folded_write,
};

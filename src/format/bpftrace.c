/*
 * What bpftrace prints of maps that have stacks as keys:
 *
 *     @[
 *         uv__io_poll+1040        leaf first; a second stack (kstack, ustack) is called by the next one
 *         uv_run+216
 *     , node, 1234]: 12           other keys before or behind it
 *
 * In its perf mode a frame is "\tADDRESS symbol+OFFSET (module)".  Keys that are no
 * stack become the name of the thread; an entry without a stack is a frame of its
 * own.  Of stats() the count is taken.
 */
#include <stdlib.h>

#include "format/formats.h"
#include "format/frame_cache.h"
#include "format/stack_maker.h"
#include "format/symbol_frame.h"
#include "format/text_reader.h"

enum { KEYS_MAX = 256 };

struct reader {
	np_profile *profile;
	struct np_frame_cache cache;
	struct np_stack_maker stack;
	struct np_strays strays;
	bool in_entry;
	char keys[KEYS_MAX];
	size_t keys_len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static size_t decimal_offset_cut(const char *text, size_t len)
{
	size_t at = len;
	while (at && text[at - 1] >= '0' && text[at - 1] <= '9')
		at--;
	return at < len && at > 1 && text[at - 1] == '+' ? at - 1 : len;
}

static uint32_t frame_parse(np_profile *p, const char *text, size_t len)
{
	const char *module = NULL;
	size_t module_len = 0, digits = 0;
	while (digits < len && ((text[digits] >= '0' && text[digits] <= '9') || (text[digits] >= 'a' && text[digits] <= 'f')))
		digits++;
	/* perf mode: an address before, the module behind */
	if (digits >= 4 && digits < len && text[digits] == ' ' && text[len - 1] == ')') {
		const char *open = memrchr(text, '(', len);
		if (open && open[-1] == ' ') {
			module = open + 1;
			module_len = (size_t)(text + len - 1 - module);
			len = (size_t)(open - 1 - text);
			text += digits + 1 < len ? digits + 1 : len;
			len -= digits + 1 < len ? digits + 1 : len;
		}
	}
	len = decimal_offset_cut(text, len);
	return np_symbol_frame(p, text, len, module, module_len);
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

static void keys_add(struct reader *r, const char *text, size_t len)
{
	while (len && (is_space(*text) || *text == ',')) {
		text++;
		len--;
	}
	while (len && (is_space(text[len - 1]) || text[len - 1] == ','))
		len--;
	if (!len)
		return;
	if (r->keys_len && r->keys_len + 2 < KEYS_MAX) {
		memcpy(r->keys + r->keys_len, ", ", 2);
		r->keys_len += 2;
	}
	len = len < KEYS_MAX - r->keys_len ? len : KEYS_MAX - r->keys_len;
	memcpy(r->keys + r->keys_len, text, len);
	r->keys_len += len;
}

/* "]: 12" at the end of a line, "]: count 5, average 3, total 15"; at: where the bracket is. */
static bool end_find(const char *text, size_t len, size_t *at, int64_t *ret)
{
	for (size_t i = len; i-- > 0;) {
		if (text[i] != ']' || i + 2 >= len || text[i + 1] != ':')
			continue;
		size_t n = len - i - 2;
		const char *value = text + i + 2;
		if (n > 7 && memcmp(value, " count ", 7) == 0) {
			const char *comma = memchr(value, ',', n);
			n = comma ? (size_t)(comma - value) : n;
		}
		*at = i;
		return np_count_cut(value, &n, ret);
	}
	return false;
}

static void entry_end(struct reader *r, int64_t count)
{
	uint32_t name = np_profile_string(r->profile, r->keys, r->keys_len);
	if (!r->stack.now.len && r->keys_len) {
		np_stack_maker_put(&r->stack, np_symbol_frame(r->profile, r->keys, r->keys_len, NULL, 0), 0, 0);
		name = 0;
	}
	uint32_t thread = np_profile_thread(r->profile, &(struct np_profile_thread){.pid = -1, .tid = -1, .name = name});
	np_profile_add(r->profile, thread, np_stack_maker_done(&r->stack, true), NP_TIME_NONE, &count);
	r->in_entry = false;
	r->keys_len = 0;
}

static void line_take(struct reader *r, const char *text, size_t len, uint64_t number)
{
	const char *open;
	size_t close, i = 0;
	int64_t count;
	if (text[0] == '@' && (open = memchr(text, '[', len))) {
		if (r->in_entry) {
			np_strays_add(&r->strays, number, text, len);
			r->stack.now.len = 0;
		}
		r->in_entry = true;
		r->keys_len = 0;
		len -= (size_t)(open + 1 - text);
		text = open + 1;
		if (end_find(text, len, &close, &count)) {
			keys_add(r, text, close);
			entry_end(r, count);
		} else {
			keys_add(r, text, len);
		}
		return;
	}
	if (!r->in_entry) {
		/* "Attaching 1 probe...", other maps, what a program prints */
		if (text[0] == '@' || memmem(text, len, "Attaching", 9) || memmem(text, len, "Lost ", 5))
			return;
		np_strays_add(&r->strays, number, text, len);
		return;
	}
	if (!is_space(text[0])) {
		if (end_find(text, len, &close, &count)) {
			keys_add(r, text, close);
			entry_end(r, count);
		} else {
			keys_add(r, text, len);
		}
		return;
	}
	while (i < len && is_space(text[i]))
		i++;
	while (len > i && is_space(text[len - 1]))
		len--;
	if (i < len)
		frame_take(r, text + i, len - i);
}

static np_err *bpftrace_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile};
	struct np_lines lines;
	const char *text;
	size_t len;
	np_lines_init(&lines, in);
	np_frame_cache_init(&r.cache);
	np_stack_maker_init(&r.stack, profile);
	while (np_lines_next(&lines, &text, &len))
		if (len)
			line_take(&r, text, len, lines.number);
	if (r.in_entry)
		np_strays_add(&r.strays, lines.number, "@[ that does not end", 20);
	np_frame_cache_deinit(&r.cache);
	np_stack_maker_deinit(&r.stack);
	return np_text_reader_end(&lines, &r.strays, "bpftrace's output");
}

/* A line "@[" or "@name[...", and an end of one. */
static int bpftrace_sniff(const char *head, size_t len)
{
	bool begun = false, ended = false;
	const char *text;
	size_t n, at;
	int64_t count;
	for (int i = 0; i < 2000 && np_head_line(&head, &len, &text, &n); i++) {
		begun |= n && text[0] == '@' && memchr(text, '[', n);
		ended |= begun && end_find(text, n, &at, &count);
		if (begun && ended)
			return 90;
	}
	return begun ? 70 : 0;
}

const struct np_profile_format np_format_bpftrace = {
	.name = "bpftrace",
	.suffixes = ".bpftrace|.bt.txt",
	.summary = "bpftrace's maps of stacks",
	.holds = NP_HOLDS_THREADS | NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_TIERS | NP_HOLDS_MODULES,
	.sniff = bpftrace_sniff,
	.read = bpftrace_read,
};

/*
 * The text of `perf script`, in all its layouts: which fields are there depends on
 * -F and on the events.
 *
 *     node 1234/1240 [001] 5678.123456:    1001001 cpu-clock:pppH:      a header
 *             7fe2a3b5a1 JS:*run /app/a.js:3:13+0x1f (/tmp/perf-1234.map)     leaf first
 *             55d0e21000 uv_run+0x20 (inlined)
 *       loop.c:75                                                             its place, with -F +srcline
 *                                                                             a blank line ends the sample
 *
 * The command's name may have spaces, digits and slashes in it; of ids, processor,
 * time, period and event each may be missing.  Without call chains a sample is one
 * line: the header with the frame behind it.  Fields are told by their form, a header
 * by having some, or by frames that follow it.
 *
 * Each distinct frame text is parsed once: lines are looked up by a hash of what
 * stands behind the address.
 */
#include <emmintrin.h>
#include <stdlib.h>

#include "base/log.h"
#include "format/formats.h"
#include "format/frame_cache.h"
#include "format/perf_header.h"
#include "format/perf_script.h"
#include "format/stack_maker.h"
#include "format/symbol_frame.h"
#include "format/text_reader.h"
#include "format/v8_symbol.h"

enum { EVENTS_MAX = 16, EVENT_NAME_MAX = 96 };

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* --- frames --- */

struct reader {
	np_profile *profile;
	struct np_frame_cache cache;
	struct np_stack_maker stack;
	struct np_strays strays;
	struct np_lines lines;

	bool in_sample, has_frames, is_loose;
	struct np_perf_header header; /* its texts are not valid any more */
	uint32_t thread, command;
	char comm[64]; /* of command */
	size_t comm_len;

	struct {
		char name[EVENT_NAME_MAX];
		size_t len;
		uint32_t count_type, period_type; /* value types; period UINT32_MAX: none */
		bool is_counted;		  /* NP_PERF_COUNT_EVENT */
	} events[EVENTS_MAX];
	size_t event_count, event;
	uint64_t dropped; /* samples of events beyond EVENTS_MAX */
	int64_t values[2 * EVENTS_MAX];
};

/* Behind the address of a frame: "symbol+0x1f (module)", "symbol (inlined)", "(module)". */
static uint32_t frame_parse(np_profile *p, const char *text, size_t len)
{
	const char *module = NULL;
	size_t module_len = 0;
	bool inlined = false;
	if (len >= 10 && memcmp(text + len - 10, " (inlined)", 10) == 0) {
		inlined = true;
		len -= 10;
	}
	if (len > 2 && text[len - 1] == ')') {
		size_t at = len, depth = 0;
		while (at--) {
			if (text[at] == ')')
				depth++;
			else if (text[at] == '(' && --depth == 0)
				break;
		}
		if (at != SIZE_MAX && depth == 0 && (at == 0 || text[at - 1] == ' ')) {
			module = text + at + 1;
			module_len = np_offset_cut(module, len - at - 2);
			len = at;
			if (module_len == 9 && memcmp(module, "[unknown]", 9) == 0)
				module_len = 0;
		}
	}
	while (len && is_space(text[len - 1]))
		len--;
	struct np_profile_frame f = np_symbol_parse(p, text, len, module, module_len);
	f.is_inlined = inlined;
	return np_profile_frame(p, &f);
}

/* Kernel addresses are in the upper half: frames without symbol and module are told by them. */
static uint32_t bare_frame(struct reader *r, const char *address, size_t digits)
{
	bool kernel = digits == 16 && (address[0] == 'f' || address[0] == 'F');
	struct np_profile_frame f = {.name = np_profile_string(r->profile, "[unknown]", 9),
				     .kind = kernel ? NP_PROFILE_KERNEL : NP_PROFILE_UNKNOWN};
	return np_profile_frame(r->profile, &f);
}

/* A frame at *text (behind spaces)? Its length in hexadecimal digits, 0: none. */
static size_t address_len(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && n <= 16 && is_hex(text[n]))
		n++;
	return n <= 16 && (n == len || is_space(text[n])) ? n : 0;
}

static inline void symbol_take(struct reader *r, const char *symbol, size_t n)
{
	struct np_text_hash hash = np_text_hash(symbol, n);
	uint32_t frame = np_frame_cache_get(&r->cache, hash);
	if (frame == NP_FRAME_NONE) {
		frame = frame_parse(r->profile, symbol, n);
		np_frame_cache_put(&r->cache, hash, frame);
	}
	np_stack_maker_put(&r->stack, frame, 0, 0);
	r->has_frames = true;
}

static void frame_take(struct reader *r, const char *text, size_t len, size_t digits)
{
	const char *symbol = text + digits;
	size_t n = len - digits;
	while (n && is_space(*symbol)) {
		symbol++;
		n--;
	}
	while (n && is_space(symbol[n - 1]))
		n--;
	if (n) {
		symbol_take(r, symbol, n);
	} else {
		np_stack_maker_put(&r->stack, bare_frame(r, text, digits), 0, 0);
		r->has_frames = true;
	}
}

/*
 * A tab, an address in 16 columns, a space, the symbol: how perf prints nearly every line. The address is not looked at
 * but for its characters, all at once.
 */
static inline bool is_usual_frame(const char *text, size_t len)
{
	if (len < 20 || text[0] != '\t' || text[17] != ' ' || text[18] == ' ' || text[len - 1] == ' ')
		return false;
	__m128i c = _mm_loadu_si128((const __m128i *)(text + 1));
	__m128i digit = _mm_and_si128(_mm_cmpgt_epi8(c, _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(c, _mm_set1_epi8('9' + 1)));
	__m128i letter = _mm_and_si128(_mm_cmpgt_epi8(c, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(c, _mm_set1_epi8('f' + 1)));
	unsigned hex = (unsigned)_mm_movemask_epi8(_mm_or_si128(digit, letter));
	unsigned space = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(c, _mm_set1_epi8(' ')));
	return (hex | space) == 0xffff && hex && !(space & (space + 1));
}

/* "  loop.c:75" under a frame: where it was executing, and whose file that is when it was not known. */
static bool srcline_take(struct reader *r, const char *text, size_t len)
{
	uint32_t line, column;
	if (!r->stack.now.len || !np_place_cut(text, &len, &line, &column) || !len)
		return false;
	struct np_place *place = &r->stack.now.data[r->stack.now.len - 1];
	if (len == 2 && memcmp(text, "??", 2) == 0)
		return true;
	struct np_profile_frame f = *np_profile_frame_at(r->profile, place->frame);
	if (!f.file) {
		f.file = np_profile_string(r->profile, text, len);
		place->frame = np_profile_frame(r->profile, &f);
	}
	place->line = line;
	place->column = column;
	return true;
}

/* --- samples --- */

/* Modifiers behind an event ("cycles:ppp") say how, not what. */
static size_t modifiers_cut(const char *name, size_t len)
{
	const char *colon = memrchr(name, ':', len);
	if (!colon || colon == name)
		return len;
	for (const char *p = colon + 1; p < name + len; p++)
		if (!memchr("ukhGHpPSDIWe", *p, 12))
			return len;
	return (size_t)(colon - name);
}

static bool is_clock(const char *name)
{
	return strcmp(name, "cpu-clock") == 0 || strcmp(name, "task-clock") == 0;
}

/* Where time went: what people look at first when there are several events. */
static bool is_time(const char *name)
{
	return is_clock(name) || strncmp(name, "cycles", 6) == 0 || strstr(name, "/cycles/");
}

/* One event has the usual names; as soon as there are several, theirs are in them. */
static void event_add_next(struct reader *r, size_t e)
{
	char text[EVENT_NAME_MAX + 16];
	struct np_profile_facts *facts = np_profile_facts(r->profile);
	if (e == 1) {
		snprintf(text, sizeof(text), "%s samples", r->events[0].name);
		np_profile_value_type_rename(r->profile, r->events[0].count_type, text);
		if (r->events[0].period_type != UINT32_MAX)
			np_profile_value_type_rename(r->profile, r->events[0].period_type, r->events[0].name);
	}
	for (size_t i = 0; i < e; i++)
		if (r->events[i].count_type == facts->default_type && is_time(r->events[i].name))
			return;
	if (is_time(r->events[e].name))
		facts->default_type = r->events[e].count_type;
}

/* The event's values: how many samples, and the sum of their periods when it is told. */
static void event_choose(struct reader *r, const struct np_perf_header *h)
{
	const char *name = h->event ? h->event : "samples";
	size_t len = h->event ? modifiers_cut(h->event, h->event_len) : 7;
	char text[EVENT_NAME_MAX + 16];
	len = len < EVENT_NAME_MAX - 1 ? len : EVENT_NAME_MAX - 1;
	if (r->event < r->event_count && r->events[r->event].len == len && memcmp(r->events[r->event].name, name, len) == 0)
		return;
	for (size_t i = 0; i < r->event_count; i++)
		if (r->events[i].len == len && memcmp(r->events[i].name, name, len) == 0) {
			r->event = i;
			return;
		}
	if (r->event_count == EVENTS_MAX) {
		r->event = EVENTS_MAX;
		return;
	}
	size_t e = r->event = r->event_count++;
	memcpy(r->events[e].name, name, len);
	r->events[e].name[len] = '\0';
	r->events[e].len = len;
	snprintf(text, sizeof(text), "%s samples", r->events[e].name);
	r->events[e].count_type = np_profile_value_type(r->profile, e ? text : "samples", "count");
	r->events[e].period_type = UINT32_MAX;
	r->events[e].is_counted = strcmp(r->events[e].name, NP_PERF_COUNT_EVENT) == 0;
	if (e)
		event_add_next(r, e);
	if (h->period < 0 || r->events[e].is_counted)
		return;
	bool clock = is_clock(r->events[e].name);
	r->events[e].period_type = np_profile_value_type(r->profile, clock && !e ? "cpu" : r->events[e].name,
							 clock ? "nanoseconds" : "count");
}

static void sample_end(struct reader *r)
{
	if (!r->in_sample)
		return;
	r->in_sample = false;
	uint32_t stack = np_stack_maker_done(&r->stack, true);
	if (r->event >= EVENTS_MAX) {
		r->dropped++;
		return;
	}
	uint32_t count = r->events[r->event].count_type, period = r->events[r->event].period_type;
	r->values[count] = r->events[r->event].is_counted && r->header.period > 0 ? r->header.period : 1;
	if (period != UINT32_MAX)
		r->values[period] = r->header.period > 0 ? r->header.period : 0;
	np_profile_add(r->profile, r->thread, stack, r->header.time_ns, r->values);
	r->values[count] = 0;
	if (period != UINT32_MAX)
		r->values[period] = 0;
}

static void sample_begin(struct reader *r, const struct np_perf_header *h)
{
	sample_end(r);
	r->in_sample = true;
	r->has_frames = false;
	r->header = *h;
	struct np_perf_header named = *h;
	if (h->comm_len == 3 && memcmp(h->comm, ":-1", 3) == 0) { /* how perf says that it knows no name */
		named.comm_len = 0;
		h = &named;
	}
	if (h->comm_len != r->comm_len || memcmp(h->comm, r->comm, h->comm_len) != 0) {
		r->command = np_profile_string(r->profile, h->comm, h->comm_len);
		r->comm_len = h->comm_len <= sizeof(r->comm) ? h->comm_len : 0;
		memcpy(r->comm, h->comm, r->comm_len);
	}
	r->thread = np_profile_thread(r->profile, &(struct np_profile_thread){.pid = h->pid, .tid = h->tid,
									      .name = h->comm_len ? r->command : 0});
	event_choose(r, h);
	/* without call chains the frame stands behind the header */
	size_t digits = address_len(h->rest, h->rest_len);
	if (digits > 3 && digits < h->rest_len)
		frame_take(r, h->rest, h->rest_len, digits);
}

/* Of samples whose frames stand alone. */
static const struct np_perf_header no_header = {.comm = "", .pid = -1, .tid = -1, .time_ns = NP_TIME_NONE, .period = -1,
						.rest = ""};

/* Does the next line have a frame? text, the current one, may move. */
static bool frame_follows(struct reader *r, const char **text)
{
	size_t more;
	const char *next = np_lines_peek(&r->lines, text, &more);
	if (!more || !is_space(*next))
		return false;
	while (more && is_space(*next)) {
		next++;
		more--;
	}
	const char *end = memchr(next, '\n', more);
	return address_len(next, end ? (size_t)(end - next) : more) > 2;
}

/*
 * A line that is no frame where a sample may begin.  With few fields (-F comm,ip,sym: a name alone) it may be anything:
 * frames must follow, or have followed another one with the same fields.
 */
static bool header_take(struct reader *r, const char **text, size_t len)
{
	struct np_perf_header h;
	if (np_perf_header_parse(*text, len, &h) && h.is_sure) {
		sample_begin(r, &h);
		return true;
	}
	bool follows = frame_follows(r, text), parsed = np_perf_header_parse(*text, len, &h);
	if (!follows && !(r->is_loose && parsed && h.tid >= 0))
		return false;
	if (!parsed) {
		if (is_space(**text) || len > 64)
			return false;
		h = no_header;
		h.comm = *text;
		h.comm_len = len;
		while (h.comm_len && is_space(h.comm[h.comm_len - 1]))
			h.comm_len--;
	}
	r->is_loose |= follows;
	sample_begin(r, &h);
	return true;
}

static void line_take(struct reader *r, const char *text, size_t len)
{
	const char *at = text;
	size_t n = len;
	while (n && is_space(*at)) {
		at++;
		n--;
	}
	if (!n) {
		sample_end(r);
		return;
	}
	bool indented = at != text;
	size_t digits = indented ? address_len(at, n) : 0;
	if (digits && (r->in_sample || *text == '\t')) {
		if (!r->in_sample) /* -F ip,sym: frames alone */
			sample_begin(r, &no_header);
		frame_take(r, at, n, digits);
		return;
	}
	if (text[0] == '#' && !r->in_sample)
		return;
	if (indented && r->in_sample && srcline_take(r, at, n))
		return;
	if (header_take(r, &text, len))
		return;
	at = text + (len - n);
	if (digits) {
		sample_begin(r, &no_header);
		frame_take(r, at, n, digits);
		return;
	}
	/* perf says in words what it could not find out; "node[1a2b]" is a place without a line */
	if (indented && r->has_frames && memchr(at, '[', n))
		return;
	np_strays_add(&r->strays, r->lines.number, text, len);
}

static np_err *perf_script_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader *r = np_xcalloc(1, sizeof(*r));
	const char *text;
	size_t len;
	r->profile = profile;
	np_lines_init(&r->lines, in);
	np_frame_cache_init(&r->cache);
	np_stack_maker_init(&r->stack, profile);
	while (np_lines_next(&r->lines, &text, &len)) {
		if (r->in_sample && is_usual_frame(text, len))
			symbol_take(r, text + 18, len - 18);
		else
			line_take(r, text, len);
	}
	sample_end(r);
	if (r->dropped)
		np_warn("%llu samples of more than %d kinds of events were left out", (unsigned long long)r->dropped, EVENTS_MAX);
	np_frame_cache_deinit(&r->cache);
	np_stack_maker_deinit(&r->stack);
	np_err *err = np_text_reader_end(&r->lines, &r->strays, "perf script's output");
	free(r);
	return err;
}

/* Headers followed by frames, or, without call chains, with a frame in them. */
static int perf_script_sniff(const char *head, size_t len)
{
	size_t headers = 0, timed = 0, frames = 0, others = 0, lines = 0, n;
	const char *text;
	bool after_header = false;
	if (len > 8 && memcmp(head, "PERFILE2", 8) == 0)
		return 0;
	while (lines++ < 400 && np_head_line(&head, &len, &text, &n)) {
		size_t i = 0;
		struct np_perf_header h;
		while (i < n && is_space(text[i]))
			i++;
		if (i == n || text[0] == '#') {
			after_header = false;
		} else if (i && (after_header || text[0] == '\t') && address_len(text + i, n - i) > (after_header ? 0 : 3)) {
			frames++;
		} else if (np_perf_header_parse(text, n, &h) && (h.is_sure || h.event)) {
			headers++;
			timed += h.time_ns != NP_TIME_NONE;
			after_header = true;
			frames += address_len(h.rest, h.rest_len) > 3;
		} else if (!i && !after_header) {
			others++;
		}
	}
	if (headers && frames)
		return others > headers ? 50 : timed ? 95 : 60;
	if (frames > 1)
		return others > frames / 2 ? 0 : 40;
	return 0;
}

const struct np_profile_format np_format_perf_script = {
	.name = "perf-script",
	.suffixes = ".perf|.perf.txt|.script",
	.summary = "the text that `perf script` prints, with any fields",
	.holds = NP_HOLDS_TIMES | NP_HOLDS_THREADS | NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_POSITIONS | NP_HOLDS_INLINING |
		 NP_HOLDS_TIERS | NP_HOLDS_VALUES | NP_HOLDS_MODULES,
	.sniff = perf_script_sniff,
	.read = perf_script_read,
	.write = np_perf_script_write,
};

/*
 * The content of strings, each once, by number: where an object is that has it
 * is kept, not the text, which is read again for each comparison and in the end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "heap/v8snapshot_internal.h"
#include "v8/string.h"

#define SLOT_NUMBERED (1ull << 63)

enum { NUMBER_TEXT_BYTES = 16 };

/* --- what V8 shows of a string --- */

static bool is_ascii_without_nul(const uint8_t *chars, size_t n)
{
	const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
	uint64_t bad = 0, word;
	for (; n >= 8; chars += 8, n -= 8) {
		memcpy(&word, chars, 8);
		bad |= word | ((word - ones) & ~word);
	}
	word = ones;
	memcpy(&word, chars, n);
	bad |= word | ((word - ones) & ~word);
	return !(bad & high);
}

/* One-byte characters; V8 shows a NUL as a space. */
static void one_byte_utf8(const uint8_t *chars, size_t n, struct np_buf *out)
{
	size_t plain = 0;
	while (plain < n && chars[plain] && chars[plain] < 0x80)
		plain++;
	np_buf_add(out, chars, plain);
	for (size_t i = plain; i < n; i++)
		np_buf_put_utf8(out, chars[i] ? chars[i] : ' ');
}

static uint16_t unit_at(const uint8_t *chars, size_t i)
{
	uint16_t unit;
	memcpy(&unit, chars + 2 * i, sizeof(unit));
	return unit;
}

static void two_byte_utf8(const uint8_t *chars, size_t n, struct np_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t unit = unit_at(chars, i);
		if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < n) {
			uint32_t low = unit_at(chars, i + 1);
			if (low >= 0xdc00 && low < 0xe000) {
				unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
				i++;
			}
		}
		if ((unit >= 0xd800 && unit < 0xe000) || unit == 0xfffd)
			np_buf_puts(out, "???"); /* as V8 shows half of a pair, which has no UTF-8, and its stand-in */
		else
			np_buf_put_utf8(out, unit ? unit : ' ');
	}
}

struct chars {
	const uint8_t *start;
	uint64_t units, shown; /* in the string, in the name */
	uint8_t unit_bytes;
};

/* The characters of a sequential string; false for the other kinds. */
static bool sequential_chars(const struct np_snapshot *s, np_vertex v, struct chars *ret)
{
	const struct form *f = form_of(s, v);
	const uint8_t *bytes = f->sequential_bytes ? np_graph_bytes(s->g, v) : NULL;
	uint64_t size = vertex_size(s, v);
	uint32_t length;
	if (!bytes || s->string_length_at + sizeof(length) > size)
		return false;
	memcpy(&length, bytes + s->string_length_at, sizeof(length));
	uint64_t n = length < NAME_UNITS_MAX ? length : NAME_UNITS_MAX;
	if (s->string_chars_at + n * f->sequential_bytes > size)
		return false;
	*ret = (struct chars){bytes + s->string_chars_at, length, n, f->sequential_bytes};
	return true;
}

/* What V8 shows of a string: its first units as UTF-8. */
static void string_utf8(struct np_snapshot_walker *w, np_vertex v, struct np_buf *out, uint64_t *ret_chars)
{
	struct np_snapshot *s = w->s;
	struct chars sequential;
	struct np_chars chars;
	if (sequential_chars(s, v, &sequential)) {
		*ret_chars = sequential.units;
		(sequential.unit_bytes == 1 ? one_byte_utf8 : two_byte_utf8)(sequential.start, sequential.shown, out);
		return;
	}
	*ret_chars = 0;
	np_arena_reset(w->scratch);
	pthread_mutex_lock(&s->readers);
	np_err *err = np_string_read(s->v8, np_graph_address(s->g, v), 0, NAME_UNITS_MAX, w->scratch, &chars);
	pthread_mutex_unlock(&s->readers);
	if (np_err_drop(err))
		return;
	*ret_chars = chars.full_len;
	if (chars.one)
		one_byte_utf8(chars.one, chars.len, out);
	else
		two_byte_utf8((const uint8_t *)chars.two, chars.len, out);
}

/* Of an object's own content; redacted where that is asked for. Without a copy where the characters are UTF-8. */
static void content_view(struct np_snapshot_walker *w, np_vertex v, struct np_buf *room, const char **ret, size_t *ret_bytes)
{
	struct chars chars;
	if (!w->s->options.redact && sequential_chars(w->s, v, &chars) && chars.unit_bytes == 1 &&
	    is_ascii_without_nul(chars.start, chars.shown)) {
		*ret = (const char *)chars.start;
		*ret_bytes = chars.shown;
		return;
	}
	np_buf_clear(room);
	np_snapshot_append_string(w, v, true, room);
	*ret = np_buf_str(room);
	*ret_bytes = room->len;
}

void np_snapshot_append_string(struct np_snapshot_walker *w, np_vertex v, bool is_content, struct np_buf *out)
{
	const struct np_snapshot_options *options = &w->s->options;
	uint64_t chars;
	if (!is_content || !options->redact) {
		string_utf8(w, v, out, &chars);
		return;
	}
	struct np_buf text = {0};
	string_utf8(w, v, &text, &chars);
	options->redact(options->redact_ctx, np_buf_str(&text), text.len, chars, out);
	np_buf_deinit(&text);
}

bool np_snapshot_string_is(const struct np_snapshot *s, np_vertex v, const char *text)
{
	struct chars chars;
	size_t n = strlen(text);
	if (!sequential_chars(s, v, &chars) || chars.units != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((chars.unit_bytes == 1 ? chars.start[i] : unit_at(chars.start, i)) != (uint8_t)text[i])
			return false;
	return true;
}

/* --- the table --- */

void np_content_table_init(struct np_snapshot *s)
{
	struct content_table *t = &s->contents;
	size_t cap = 1 << 10;
	for (size_t i = 0; i < s->block_count; i++) {
		s->blocks[i].string_rank = t->string_count;
		t->string_count += bits_count(s->blocks[i].strings);
	}
	while (cap < t->string_count + (size_t)t->string_count / 4)
		cap *= 2;
	t->mask = (uint32_t)(cap - 1);
	t->slots = np_xcalloc_huge(cap, sizeof(*t->slots));
	t->by_string = np_xmalloc_huge(((size_t)t->string_count + 1) * sizeof(*t->by_string));
}

void np_content_table_deinit(struct content_table *t)
{
	free((void *)t->slots);
	free(t->by_string);
	free(t->firsts);
}

static bool content_is(struct np_snapshot_walker *w, np_vertex v, const char *text, size_t bytes)
{
	const char *same;
	size_t same_bytes;
	content_view(w, v, &w->other, &same, &same_bytes);
	return same_bytes == bytes && memcmp(same, text, bytes) == 0;
}

static inline uint64_t slot_of(uint64_t hash, np_vertex v)
{
	return (hash >> 33) << 32 | (v + 1);
}

static void content_put(struct np_snapshot_walker *w, const struct pending_content *p)
{
	struct content_table *t = &w->s->contents;
	np_vertex v = p->string;
	uint64_t wanted = slot_of(p->hash, v), now;
	uint32_t at = (uint32_t)p->hash & t->mask;
	const char *text = p->text;
	size_t bytes = p->bytes;
	if (!text)
		content_view(w, v, &w->now, &text, &bytes);
	for (;; at = (at + 1) & t->mask) {
		now = atomic_load_explicit(&t->slots[at], memory_order_relaxed);
		if (!now && atomic_compare_exchange_strong(&t->slots[at], &now, wanted))
			break;
		if (now >> 32 == wanted >> 32 && content_is(w, (np_vertex)now - 1, text, bytes)) {
			while ((uint32_t)now > v + 1 && !atomic_compare_exchange_weak(&t->slots[at], &now, wanted))
				;
			break;
		}
	}
	t->by_string[snapshot_string_rank(w->s, v)] = at;
}

/* The table is bigger than any cache: several are fetched at once. */
void np_snapshot_contents_flush(struct np_snapshot_walker *w)
{
	const struct content_table *t = &w->s->contents;
	for (uint32_t i = 0; i < w->pending_count; i++)
		__builtin_prefetch((const void *)&t->slots[(uint32_t)w->pending[i].hash & t->mask], 1);
	for (uint32_t i = 0; i < w->pending_count; i++)
		content_put(w, &w->pending[i]);
	w->pending_count = 0;
}

/* The number that a text is the decimal text of. */
static bool text_is_number(const char *text, size_t bytes, uint32_t *ret)
{
	uint64_t n = 0;
	if (!bytes || bytes > 10 || (text[0] == '0' && bytes > 1))
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = (uint32_t)n;
	return n <= UINT32_MAX;
}

void np_snapshot_content_add(struct np_snapshot_walker *w, np_vertex v)
{
	const char *text;
	size_t bytes;
	uint32_t n;
	content_view(w, v, &w->now, &text, &bytes);
	if (text_is_number(text, bytes, &n))
		np_vec_push(&w->numeric, v);
	w->pending[w->pending_count++] = (struct pending_content){
		.hash = np_text_hash(text, bytes),
		.text = text == w->now.data ? NULL : text,
		.bytes = (uint32_t)bytes,
		.string = v,
	};
	if (w->pending_count == PENDING_CONTENTS)
		np_snapshot_contents_flush(w);
}

/* --- numbers --- */

/* Of one that is used. */
static inline uint32_t slot_number(const struct number_names *names, uint32_t n)
{
	return names->first_number + names->ranks[n / 64] +
	       bits_count(names->used.bits[n / 64] & ((1ull << (n % 64)) - 1));
}

static size_t number_text(uint32_t n, char text[NUMBER_TEXT_BYTES])
{
	char *p = text + NUMBER_TEXT_BYTES;
	size_t bytes = 0;
	do {
		*--p = (char)('0' + n % 10);
		bytes++;
	} while (n /= 10);
	memmove(text, p, bytes);
	return bytes;
}

static bool content_is_numbered(const struct np_snapshot *s, np_vertex string)
{
	return s->contents.slots[s->contents.by_string[snapshot_string_rank(s, string)]] & SLOT_NUMBERED;
}

static void content_number(struct np_snapshot *s, np_vertex string, uint32_t number)
{
	s->contents.slots[s->contents.by_string[snapshot_string_rank(s, string)]] = SLOT_NUMBERED | number;
}

/* A text that is the content of an object, too, has one number. */
static void texts_share(struct np_snapshot_walker *w)
{
	struct content_table *t = &w->s->contents;
	for (size_t i = 0; i < w->s->texts.entries.len; i++) {
		const struct text_entry *e = &w->s->texts.entries.data[i];
		for (uint32_t at = (uint32_t)e->hash & t->mask; t->slots[at]; at = (at + 1) & t->mask)
			if (!(t->slots[at] & SLOT_NUMBERED) && t->slots[at] >> 32 == e->hash >> 33 &&
			    content_is(w, (np_vertex)t->slots[at] - 1, e->text, e->bytes)) {
				t->slots[at] = SLOT_NUMBERED | e->number;
				break;
			}
	}
}

/* A name of a slot that has a number as a text is none of a slot any more. */
static void slot_name_share(struct np_snapshot *s, uint32_t n, uint32_t number)
{
	struct number_names *names = &s->numbers;
	if (!np_number_set_has(&names->used, n))
		return;
	names->used.bits[n / 64] &= ~(1ull << (n % 64));
	np_vertex_map_put(&names->texts, n, number);
}

static uint32_t slot_names_number(struct np_snapshot_walker *w, uint32_t next)
{
	struct np_snapshot *s = w->s;
	struct number_names *names = &s->numbers;
	const char *text;
	size_t bytes;
	uint32_t n;
	for (size_t i = 0; i < s->texts.entries.len; i++) {
		const struct text_entry *e = &s->texts.entries.data[i];
		if (text_is_number(e->text, e->bytes, &n))
			slot_name_share(s, n, e->number);
	}
	names->first_number = next;
	names->ranks = np_xmalloc((names->used.words + 1) * sizeof(*names->ranks));
	for (size_t i = 0; i < names->used.words; i++) {
		names->ranks[i] = names->count;
		names->count += bits_count(names->used.bits[i]);
	}
	for (size_t i = 0; i < s->numeric.len; i++) {
		content_view(w, s->numeric.data[i], &w->now, &text, &bytes);
		if (text_is_number(text, bytes, &n) && np_number_set_has(&names->used, n) &&
		    !content_is_numbered(s, s->numeric.data[i]))
			content_number(s, s->numeric.data[i], slot_number(names, n));
	}
	return next + names->count;
}

enum numbering_step { STEP_COUNT, STEP_NUMBER, STEP_REPLACE };

struct numbering {
	struct np_snapshot *s;
	enum numbering_step step;
	uint32_t *counts; /* by chunk: contents that are first there; then the number of the first of them */
};

static bool is_first(uint64_t slot, np_vertex v)
{
	return !(slot & SLOT_NUMBERED) && (uint32_t)slot == v + 1;
}

/* Other threads may give a slot its number meanwhile, but not the slot of a string that is first here. */
static void string_number(struct numbering *n, size_t chunk, np_vertex v, uint32_t rank)
{
	struct content_table *t = &n->s->contents;
	uint64_t slot = atomic_load_explicit(&t->slots[t->by_string[rank]], memory_order_relaxed);
	if (n->step == STEP_REPLACE) {
		t->by_string[rank] = (uint32_t)slot;
	} else if (is_first(slot, v)) {
		uint32_t number = n->counts[chunk]++;
		if (n->step == STEP_COUNT)
			return;
		t->firsts[number - t->first_number] = v;
		atomic_store_explicit(&t->slots[t->by_string[rank]], SLOT_NUMBERED | number, memory_order_relaxed);
	}
}

static void chunk_number(void *ctx, size_t chunk, unsigned worker)
{
	struct numbering *n = ctx;
	size_t from = chunk * (CHUNK_VERTICES / 64), end = from + CHUNK_VERTICES / 64;
	(void)worker;
	for (size_t i = from; i < end && i < n->s->block_count; i++) {
		uint32_t rank = n->s->blocks[i].string_rank;
		for (uint64_t bits = n->s->blocks[i].strings; bits; bits &= bits - 1)
			string_number(n, chunk, (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits)), rank++);
	}
}

static void contents_number(struct np_snapshot *s, uint32_t first)
{
	struct content_table *t = &s->contents;
	size_t chunks = s->vertex_chunks;
	struct numbering n = {.s = s, .counts = np_xcalloc(chunks + 1, sizeof(*n.counts))};
	t->first_number = first;
	np_parallel(chunks, s->threads, chunk_number, &n);
	for (size_t i = 0; i < chunks; i++) {
		uint32_t count = n.counts[i];
		n.counts[i] = first + t->count;
		t->count += count;
	}
	t->firsts = np_xmalloc(((size_t)t->count + 1) * sizeof(*t->firsts));
	n.step = STEP_NUMBER;
	np_parallel(chunks, s->threads, chunk_number, &n);
	n.step = STEP_REPLACE;
	np_parallel(chunks, s->threads, chunk_number, &n);
	free(n.counts);
	free((void *)t->slots);
	t->slots = NULL;
}

void np_snapshot_number_names(struct np_snapshot *s)
{
	struct np_snapshot_walker w;
	np_snapshot_walker_init(&w, s);
	uint32_t next = np_text_table_number(s, 1, s->fixed_texts);
	texts_share(&w);
	next = slot_names_number(&w, next);
	contents_number(s, next);
	np_snapshot_walker_deinit(&w);
}

/* --- names --- */

void np_snapshot_append_name(struct np_snapshot_walker *w, struct np_name name, struct np_buf *out)
{
	if (name.string != NP_VERTEX_NONE) {
		np_snapshot_append_string(w, name.string, name.is_content, out);
		return;
	}
	const struct text_table *t = &w->s->texts;
	if (w->s->is_numbered) {
		const struct text_entry *e = &t->entries.data[t->sorted[name.text - 1]];
		np_buf_add(out, e->text, e->bytes);
		return;
	}
	pthread_mutex_lock(&w->s->texts.lock);
	const struct text_entry *e = &t->entries.data[name.text];
	np_buf_add(out, e->text, e->bytes);
	pthread_mutex_unlock(&w->s->texts.lock);
}

uint32_t np_snapshot_name_number(struct np_snapshot_walker *w, struct np_name name)
{
	struct np_snapshot *s = w->s;
	if (name.string == NP_VERTEX_NONE)
		return name.text;
	if (snapshot_is_named_string(s, name.string) && (name.is_content || !s->options.redact))
		return s->is_numbered ? s->contents.by_string[snapshot_string_rank(s, name.string)] : 0;
	np_buf_clear(&w->now);
	np_snapshot_append_string(w, name.string, name.is_content, &w->now);
	return np_snapshot_text(s, np_buf_str(&w->now), w->now.len);
}

uint32_t np_snapshot_slot_name(struct np_snapshot_walker *w, uint32_t n)
{
	const struct number_names *names = &w->s->numbers;
	uint32_t number;
	if (!w->s->is_numbered) {
		np_number_set_add(&w->used, n);
		return 0;
	}
	if (names->texts.len && np_vertex_map_get(&names->texts, n, &number))
		return number;
	return n / 64 < names->used.words ? slot_number(names, n) : 0;
}

/* The rank-th of the numbers that are used. */
static uint32_t slot_of_rank(const struct number_names *names, uint32_t rank)
{
	size_t low = 0, high = names->used.words;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (names->ranks[mid] <= rank)
			low = mid;
		else
			high = mid;
	}
	uint64_t bits = names->used.bits[low];
	for (uint32_t i = names->ranks[low]; i < rank; i++)
		bits &= bits - 1;
	return (uint32_t)(low * 64 + (size_t)__builtin_ctzll(bits));
}

uint32_t np_snapshot_string_count(const np_snapshot *s)
{
	return s->contents.first_number + s->contents.count;
}

void np_snapshot_string(np_snapshot_walker *w, uint32_t number, const char **ret, size_t *ret_bytes)
{
	const struct np_snapshot *s = w->s;
	if (number >= s->contents.first_number) {
		content_view(w, s->contents.firsts[number - s->contents.first_number], &w->now, ret, ret_bytes);
		return;
	}
	np_buf_clear(&w->now);
	if (number >= s->numbers.first_number) {
		char text[NUMBER_TEXT_BYTES];
		size_t bytes = number_text(slot_of_rank(&s->numbers, number - s->numbers.first_number), text);
		np_buf_add(&w->now, text, bytes);
	} else if (number) {
		const struct text_entry *e = &s->texts.entries.data[s->texts.sorted[number - 1]];
		np_buf_add(&w->now, e->text, e->bytes);
	} else {
		np_buf_puts(&w->now, "<dummy>");
	}
	*ret = np_buf_str(&w->now);
	*ret_bytes = w->now.len;
}

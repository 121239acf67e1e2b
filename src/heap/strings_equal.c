/*
 * Strings of equal content.  One pass over all strings with a table of the
 * contents, then one that collects copies of the most wasteful.
 *
 * A content is what it says, not how it is stored: a two-byte string of Latin-1
 * characters equals the one-byte string.  Equal hashes are not believed, the
 * characters are compared.  The hash has a random seed: what lies in the heap
 * was often sent in by strangers.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/vec.h"
#include "heap/strings.h"

/* 16 bytes a content; count 0: empty. */
struct content {
	uint32_t hash;
	np_vertex node;
	uint32_t count;
	uint32_t words; /* of all copies; saturates at 32 GiB */
};

struct text {
	const uint8_t *bytes;
	size_t len; /* in bytes */
	bool is_wide;
};

struct finder {
	const np_strings *strings;
	np_graph *graph;
	const struct np_reach *reach;
	uint64_t seed;
	struct content *table;
	size_t cap, len;
	/* two texts are looked at at once */
	struct scratch {
		uint8_t *data;
		size_t cap;
	} scratch[2];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t text_hash(const struct text *t, uint64_t seed)
{
	uint64_t h = seed ^ t->len ^ (t->is_wide ? 0x5851f42d4c957f2du : 0);
	size_t i = 0;
	for (; i + 8 <= t->len; i += 8) {
		uint64_t word;
		memcpy(&word, t->bytes + i, 8);
		h = mix(h ^ word, 0x9e3779b97f4a7c15u ^ seed);
	}
	if (i < t->len) {
		uint64_t word = 0;
		memcpy(&word, t->bytes + i, t->len - i);
		h = mix(h ^ word, 0x9e3779b97f4a7c15u ^ seed);
	}
	h = mix(h, 0xd6e8feb86659fd93u);
	return (uint32_t)(h ^ h >> 32);
}

static uint8_t *scratch_get(struct scratch *s, size_t bytes)
{
	if (bytes > s->cap) {
		s->data = np_xrealloc(s->data, bytes * 2);
		s->cap = bytes * 2;
	}
	return s->data;
}

/* The characters, narrowed where that loses nothing; false when they cannot be read. */
static bool text_of(struct finder *f, np_vertex node, const struct np_heap_string *s, int which, struct text *ret)
{
	const uint8_t *chars = s->chars;
	size_t units = s->length, bytes = units << !s->is_one_byte;
	if (s->form == NP_STRING_EXTERNAL) {
		np_vertex outside = np_strings_external(f->strings, node);
		if (outside == NP_VERTEX_NONE || np_graph_size(f->graph, outside) < bytes)
			return false;
		np_mem *mem = np_heap_v8(np_graph_heap(f->graph))->mem;
		np_addr at = np_graph_address(f->graph, outside);
		chars = np_mem_view(mem, at, bytes);
		if (!chars) {
			uint8_t *copy = scratch_get(&f->scratch[which], bytes ? bytes : 1);
			if (np_mem_read(mem, at, copy, bytes) != bytes)
				return false;
			chars = copy;
		}
	}
	if (!chars)
		return false;
	*ret = (struct text){chars, bytes, !s->is_one_byte};
	if (s->is_one_byte)
		return true;
	for (size_t i = 1; i < bytes; i += 2)
		if (chars[i])
			return true;
	/* forward, so that the copy may be its own source */
	uint8_t *narrow = scratch_get(&f->scratch[which], bytes ? bytes : 1);
	for (size_t i = 0; i < units; i++)
		narrow[i] = chars[2 * i];
	*ret = (struct text){narrow, units, false};
	return true;
}

static bool is_candidate(const struct finder *f, np_vertex node, struct np_heap_string *ret)
{
	enum np_string_form form = np_strings_form(f->strings, node);
	return (form == NP_STRING_FLAT || form == NP_STRING_EXTERNAL) && (!f->reach || np_reach_has(f->reach, node)) &&
	       np_strings_look(f->strings, node, ret) && ret->length;
}

static void table_grow(struct finder *f)
{
	struct content *old = f->table;
	size_t old_cap = f->cap;
	f->cap = old_cap ? old_cap * 2 : 4096;
	f->table = np_xcalloc(f->cap, sizeof(*f->table));
	for (size_t i = 0; i < old_cap; i++) {
		size_t at = old[i].hash & (f->cap - 1);
		if (!old[i].count)
			continue;
		while (f->table[at].count)
			at = (at + 1) & (f->cap - 1);
		f->table[at] = old[i];
	}
	free(old);
}

/* The entry of a text, or the empty one where it belongs. */
static struct content *table_find(struct finder *f, const struct text *t, uint32_t hash)
{
	size_t at = hash & (f->cap - 1);
	for (; f->table[at].count; at = (at + 1) & (f->cap - 1)) {
		struct content *c = &f->table[at];
		struct np_heap_string s;
		struct text other;
		if (c->hash == hash && np_strings_look(f->strings, c->node, &s) && text_of(f, c->node, &s, 1, &other) &&
		    other.len == t->len && other.is_wide == t->is_wide && memcmp(other.bytes, t->bytes, t->len) == 0)
			return c;
	}
	return &f->table[at];
}

static void contents_count(struct finder *f, struct np_duplicates *total)
{
	for (np_vertex node = 0; node < np_graph_object_count(f->graph); node++) {
		struct np_heap_string s;
		struct text t;
		if (!is_candidate(f, node, &s) || !text_of(f, node, &s, 0, &t))
			continue;
		total->string_count++;
		total->bytes += s.size_bytes;
		if ((f->len + 1) * 3 > f->cap * 2)
			table_grow(f);
		uint32_t hash = text_hash(&t, f->seed);
		struct content *c = table_find(f, &t, hash);
		if (!c->count) {
			c->hash = hash;
			c->node = node;
			f->len++;
		}
		c->count += c->count < UINT32_MAX;
		uint64_t words = c->words + s.size_bytes / 8;
		c->words = words < UINT32_MAX ? (uint32_t)words : UINT32_MAX;
	}
}

static int duplicate_compare(const void *a, const void *b)
{
	const struct np_duplicate *x = a, *y = b;
	if (x->wasted_bytes != y->wasted_bytes)
		return x->wasted_bytes > y->wasted_bytes ? -1 : 1;
	return x->example < y->example ? -1 : x->example > y->example;
}

static void top_cut(struct np_duplicates *d, size_t max)
{
	if (d->count)
		qsort(d->top, d->count, sizeof(*d->top), duplicate_compare);
	if (d->count > max)
		d->count = max;
}

static void top_gather(struct finder *f, size_t max, struct np_duplicates *ret)
{
	size_t cap = 0;
	for (size_t i = 0; i < f->cap; i++) {
		const struct content *c = &f->table[i];
		struct np_heap_string s;
		if (c->count < 2 || !np_strings_look(f->strings, c->node, &s))
			continue;
		uint64_t bytes = (uint64_t)c->words * 8, wasted = bytes > s.size_bytes ? bytes - s.size_bytes : 0;
		ret->content_count++;
		ret->wasted_bytes += wasted;
		if (ret->count == cap) {
			if (cap && cap / 2 >= max) { /* far more than is wanted: keep the best */
				top_cut(ret, max);
			} else {
				cap = cap ? cap * 2 : 256;
				ret->top = np_xrealloc(ret->top, cap * sizeof(*ret->top));
			}
		}
		ret->top[ret->count++] = (struct np_duplicate){
			.example = c->node, .count = c->count, .bytes = bytes, .wasted_bytes = wasted};
	}
	top_cut(ret, max);
}

/* Every n-th copy of what is on top. */
static void samples_gather(struct finder *f, struct np_duplicates *d)
{
	uint8_t lengths[1 << 12] = {0}; /* which lengths there are, modulo */
	uint64_t *seen = np_xcalloc(d->count + 1, sizeof(*seen));
	struct np_heap_string s;
	struct text t;
	for (size_t i = 0; i < f->cap; i++)
		f->table[i].words = 0; /* from here on: place on top, + 1 */
	for (size_t i = 0; i < d->count; i++)
		if (np_strings_look(f->strings, d->top[i].example, &s) && text_of(f, d->top[i].example, &s, 0, &t)) {
			table_find(f, &t, text_hash(&t, f->seed))->words = (uint32_t)i + 1;
			lengths[s.length % sizeof(lengths)] = 1;
		}
	for (np_vertex node = 0; d->count && node < np_graph_object_count(f->graph); node++) {
		if (!is_candidate(f, node, &s) || !lengths[s.length % sizeof(lengths)] || !text_of(f, node, &s, 0, &t))
			continue;
		const struct content *c = table_find(f, &t, text_hash(&t, f->seed));
		if (!c->count || !c->words)
			continue;
		struct np_duplicate *top = &d->top[c->words - 1];
		uint64_t every = (top->count + NP_DUPLICATE_SAMPLES - 1) / NP_DUPLICATE_SAMPLES;
		if (seen[c->words - 1]++ % every == 0 && top->sample_count < NP_DUPLICATE_SAMPLES)
			top->samples[top->sample_count++] = node;
	}
	free(seen);
}

void np_duplicates_find(const np_strings *strings, const struct np_reach *reach, size_t max, struct np_duplicates *ret)
{
	struct finder f = {.strings = strings, .graph = np_strings_graph(strings), .reach = reach};
	struct np_duplicates d = {0};
	if (getrandom(&f.seed, sizeof(f.seed), 0) != sizeof(f.seed))
		f.seed = (uint64_t)(uintptr_t)&f; /* the stack's address is random, too */
	table_grow(&f);
	contents_count(&f, &d);
	top_gather(&f, max, &d);
	samples_gather(&f, &d);
	free(f.table);
	free(f.scratch[0].data);
	free(f.scratch[1].data);
	*ret = d;
}

void np_duplicates_deinit(struct np_duplicates *d)
{
	free(d->top);
	*d = (struct np_duplicates){0};
}

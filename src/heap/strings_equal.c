/*
 * Strings of equal content, in two passes on every processor.
 *
 *     strings --(hash)--> parts --(a table of each part's contents)--> duplicates
 *
 * The first writes every string's number and hash down in one of many parts,
 * chosen by the hash; equal contents meet in the same part.  The second takes
 * part by part: its table of contents fits the processor's cache, and the strings
 * themselves are not looked at again, which would be a miss of all caches for
 * each.  A third collects copies of the most wasteful, in their parts alone.
 *
 * A content is what it says, not how it is stored: a two-byte string of Latin-1
 * characters equals the one-byte string.  Sums are of equal hashes of 64 bits
 * (ten million strings have two contents in one with a chance of one to a
 * million); of what is told by itself the characters are compared.  The hash has
 * a random seed: what lies in the heap was often sent in by strangers.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/parallel.h"
#include "base/vec.h"
#include "heap/scan.h"
#include "heap/strings_internal.h"

enum { PARTS = 512, PART_SHIFT = 55, BLOCK_ENTRIES = 1000 };

struct entry {
	uint32_t hash_low, hash_high;
	np_vertex node;
};

static uint64_t entry_hash(const struct entry *e)
{
	return (uint64_t)e->hash_high << 32 | e->hash_low;
}

/* Entries that one worker found for one part. */
struct block {
	struct block *next;
	size_t len;
	struct entry entries[BLOCK_ENTRIES];
};

/* A content; count 0: empty. */
struct content {
	uint64_t hash;
	np_vertex node; /* the first */
	uint32_t count;
	uint64_t bytes; /* of all copies, as soon as there are two */
};

struct text {
	const uint8_t *bytes;
	size_t len; /* in bytes */
	bool is_wide;
};

struct scratch {
	uint8_t *data;
	size_t cap;
};

/* A duplicate that may come to the top, and where its copies are. */
struct found {
	struct np_duplicate d;
	uint64_t hash;
	NP_VEC(np_vertex) copies;
};
typedef NP_VEC(struct found) found_vec;

struct worker {
	struct block *parts[PARTS];
	struct scratch scratch[2]; /* two texts are looked at at once */
	struct content *table;
	size_t cap;
	found_vec found;
	uint64_t content_count, wasted_bytes, string_count, bytes;
};

struct finder {
	const np_strings *strings;
	np_graph *graph;
	const struct np_reach *reach;
	uint64_t seed;
	size_t max;
	struct worker *workers;
	unsigned worker_count;
	found_vec top;
	pthread_mutex_t memory; /* the address space is for one thread at a time */
};

/* --- texts --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t text_hash(const struct text *t, uint64_t seed)
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
	return mix(h, 0xd6e8feb86659fd93u);
}

static uint8_t *scratch_get(struct scratch *s, size_t bytes)
{
	if (bytes > s->cap) {
		s->data = np_xrealloc(s->data, bytes * 2);
		s->cap = bytes * 2;
	}
	return s->data;
}

/* The characters of an external string; NULL when they cannot be read. */
static const uint8_t *outside_chars(struct finder *f, np_vertex node, size_t bytes, struct scratch *scratch)
{
	np_vertex outside = np_strings_external(f->strings, node);
	if (outside == NP_VERTEX_NONE || np_graph_size(f->graph, outside) < bytes)
		return NULL;
	np_mem *mem = np_heap_v8(np_graph_heap(f->graph))->mem;
	np_addr at = np_graph_address(f->graph, outside);
	pthread_mutex_lock(&f->memory);
	const uint8_t *chars = np_mem_view(mem, at, bytes);
	if (!chars) {
		uint8_t *copy = scratch_get(scratch, bytes ? bytes : 1);
		chars = np_mem_read(mem, at, copy, bytes) == bytes ? copy : NULL;
	}
	pthread_mutex_unlock(&f->memory);
	return chars;
}

/* The characters, narrowed where that loses nothing; false when they cannot be read. */
static bool text_of(struct finder *f, np_vertex node, const struct np_heap_string *s, struct scratch *scratch,
		    struct text *ret)
{
	size_t units = s->length, bytes = units << !s->is_one_byte;
	const uint8_t *chars = s->form == NP_STRING_EXTERNAL ? outside_chars(f, node, bytes, scratch) : s->chars;
	if (!chars)
		return false;
	*ret = (struct text){chars, bytes, !s->is_one_byte};
	if (s->is_one_byte)
		return true;
	for (size_t i = 1; i < bytes; i += 2)
		if (chars[i])
			return true;
	/* forward, so that the copy may be its own source */
	uint8_t *narrow = scratch_get(scratch, bytes ? bytes : 1);
	for (size_t i = 0; i < units; i++)
		narrow[i] = chars[2 * i];
	*ret = (struct text){narrow, units, false};
	return true;
}

/* Are the contents of two strings equal? */
static bool nodes_equal(struct finder *f, struct worker *w, np_vertex a, np_vertex b)
{
	struct np_heap_string s, t;
	struct text x, y;
	return np_strings_look(f->strings, a, &s) && np_strings_look(f->strings, b, &t) && s.length == t.length &&
	       text_of(f, a, &s, &w->scratch[0], &x) && text_of(f, b, &t, &w->scratch[1], &y) && x.len == y.len &&
	       x.is_wide == y.is_wide && memcmp(x.bytes, y.bytes, x.len) == 0;
}

/* --- first pass: hashes --- */

static void entry_add(struct worker *w, struct entry e)
{
	struct block **at = &w->parts[entry_hash(&e) >> PART_SHIFT];
	if (!*at || (*at)->len == BLOCK_ENTRIES) {
		struct block *fresh = np_xmalloc(sizeof(*fresh));
		fresh->next = *at;
		fresh->len = 0;
		*at = fresh;
	}
	(*at)->entries[(*at)->len++] = e;
}

static void strings_hash(void *ctx, np_vertex from, np_vertex to, unsigned worker)
{
	struct finder *f = ctx;
	struct worker *w = &f->workers[worker];
	const struct string_shape *shapes = f->strings->shapes;
	for (np_vertex node = from; node < to; node++) {
		enum np_string_form form = shapes[np_graph_shape_of(f->graph, node)].form;
		struct np_heap_string s;
		struct text t;
		if ((form != NP_STRING_FLAT && form != NP_STRING_EXTERNAL) || (f->reach && !np_reach_has(f->reach, node)) ||
		    !np_strings_look(f->strings, node, &s) || !s.length || !text_of(f, node, &s, &w->scratch[0], &t))
			continue;
		w->string_count++;
		w->bytes += s.size_bytes;
		uint64_t hash = text_hash(&t, f->seed);
		entry_add(w, (struct entry){(uint32_t)hash, (uint32_t)(hash >> 32), node});
	}
}

/* --- second pass: contents --- */

static uint64_t string_bytes(const struct finder *f, np_vertex node)
{
	uint64_t bytes = np_graph_size(f->graph, node);
	if (np_strings_form(f->strings, node) != NP_STRING_EXTERNAL)
		return bytes;
	np_vertex outside = np_strings_external(f->strings, node);
	return outside == NP_VERTEX_NONE ? bytes : bytes + np_graph_size(f->graph, outside);
}

static void content_count(struct finder *f, struct worker *w, const struct entry *e)
{
	uint64_t hash = entry_hash(e);
	size_t at = hash & (w->cap - 1);
	while (w->table[at].count && w->table[at].hash != hash)
		at = (at + 1) & (w->cap - 1);
	struct content *c = &w->table[at];
	if (!c->count) {
		*c = (struct content){hash, e->node, 1, 0};
		return;
	}
	if (c->count == 1)
		c->bytes += string_bytes(f, c->node);
	c->bytes += string_bytes(f, e->node);
	c->count += c->count < UINT32_MAX;
	c->node = e->node < c->node ? e->node : c->node;
}

static int found_compare(const void *a, const void *b)
{
	const struct np_duplicate *x = &((const struct found *)a)->d, *y = &((const struct found *)b)->d;
	if (x->wasted_bytes != y->wasted_bytes)
		return x->wasted_bytes > y->wasted_bytes ? -1 : 1;
	return x->example < y->example ? -1 : x->example > y->example;
}

static void found_cut(found_vec *v, size_t max)
{
	if (v->len)
		qsort(v->data, v->len, sizeof(*v->data), found_compare);
	if (v->len > max)
		v->len = max;
}

static void content_take(struct finder *f, struct worker *w, const struct content *c)
{
	uint64_t bytes = c->bytes, one = string_bytes(f, c->node);
	struct found found = {.d = {.example = c->node, .count = c->count, .bytes = bytes,
				    .wasted_bytes = bytes > one ? bytes - one : 0},
			      .hash = c->hash};
	w->content_count++;
	w->wasted_bytes += found.d.wasted_bytes;
	if (w->found.len >= 256 && w->found.len / 2 >= f->max) /* far more than is wanted: keep the best */
		found_cut(&w->found, f->max);
	np_vec_push(&w->found, found);
}

static void part_look(void *ctx, size_t part, unsigned worker)
{
	struct finder *f = ctx;
	struct worker *w = &f->workers[worker];
	size_t entries = 0, cap = 64;
	for (unsigned i = 0; i < f->worker_count; i++)
		for (const struct block *b = f->workers[i].parts[part]; b; b = b->next)
			entries += b->len;
	while (cap * 2 < entries * 3)
		cap *= 2;
	if (cap > w->cap) {
		free(w->table);
		w->table = np_xmalloc(cap * sizeof(*w->table));
		w->cap = cap;
	}
	memset(w->table, 0, w->cap * sizeof(*w->table));
	for (unsigned i = 0; i < f->worker_count; i++)
		for (const struct block *b = f->workers[i].parts[part]; b; b = b->next)
			for (size_t k = 0; k < b->len; k++)
				content_count(f, w, &b->entries[k]);
	for (size_t i = 0; i < w->cap; i++)
		if (w->table[i].count > 1)
			content_take(f, w, &w->table[i]);
}

static void top_gather(struct finder *f)
{
	for (unsigned i = 0; i < f->worker_count; i++) {
		found_vec *v = &f->workers[i].found;
		for (size_t k = 0; k < v->len; k++)
			np_vec_push(&f->top, v->data[k]);
		np_vec_deinit(v);
	}
	found_cut(&f->top, f->max);
}

/* --- third pass: copies of what is on top --- */

static int hash_compare(const void *a, const void *b)
{
	const struct found *const *x = a, *const *y = b;
	return (*x)->hash < (*y)->hash ? -1 : (*x)->hash > (*y)->hash;
}

static int vertex_compare(const void *a, const void *b)
{
	np_vertex x = *(const np_vertex *)a, y = *(const np_vertex *)b;
	return x < y ? -1 : x > y;
}

/* The first of those on top (by hash) that has this hash or a higher one. */
static size_t hash_find(struct found *const *by_hash, size_t count, uint64_t hash)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (by_hash[mid]->hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void block_copies(struct finder *f, struct found *const *by_hash, const struct block *b)
{
	for (size_t k = 0; k < b->len; k++) {
		uint64_t hash = entry_hash(&b->entries[k]);
		np_vertex node = b->entries[k].node;
		size_t i = hash_find(by_hash, f->top.len, hash);
		if (i < f->top.len && by_hash[i]->hash == hash && nodes_equal(f, &f->workers[0], by_hash[i]->d.example, node))
			np_vec_push(&by_hash[i]->copies, node);
	}
}

/* Every n-th copy, in the order of the heap. */
static void samples_take(struct found *found)
{
	found->d.count = found->copies.len;
	uint64_t every = (found->d.count + NP_DUPLICATE_SAMPLES - 1) / NP_DUPLICATE_SAMPLES;
	if (found->copies.len)
		qsort(found->copies.data, found->copies.len, sizeof(*found->copies.data), vertex_compare);
	for (uint64_t i = 0; i < found->d.count && found->d.sample_count < NP_DUPLICATE_SAMPLES; i += every)
		found->d.samples[found->d.sample_count++] = found->copies.data[i];
	np_vec_deinit(&found->copies);
}

static void samples_gather(struct finder *f)
{
	struct found **by_hash = np_xmalloc((f->top.len + 1) * sizeof(*by_hash));
	for (size_t i = 0; i < f->top.len; i++)
		by_hash[i] = &f->top.data[i];
	if (f->top.len)
		qsort(by_hash, f->top.len, sizeof(*by_hash), hash_compare);
	for (size_t i = 0; i < f->top.len; i++) {
		uint64_t part = by_hash[i]->hash >> PART_SHIFT;
		if (i && by_hash[i - 1]->hash >> PART_SHIFT == part)
			continue;
		for (unsigned k = 0; k < f->worker_count; k++)
			for (const struct block *b = f->workers[k].parts[part]; b; b = b->next)
				block_copies(f, by_hash, b);
	}
	for (size_t i = 0; i < f->top.len; i++)
		samples_take(&f->top.data[i]);
	free(by_hash);
}

/* --- all of it --- */

static void worker_deinit(struct worker *w)
{
	for (size_t i = 0; i < PARTS; i++)
		for (struct block *b = w->parts[i], *next; b; b = next) {
			next = b->next;
			free(b);
		}
	free(w->scratch[0].data);
	free(w->scratch[1].data);
	free(w->table);
}

void np_duplicates_find(const np_strings *strings, const struct np_reach *reach, size_t max, struct np_duplicates *ret)
{
	struct finder f = {.strings = strings, .graph = np_strings_graph(strings), .reach = reach, .max = max,
			   .worker_count = np_scan_workers(), .memory = PTHREAD_MUTEX_INITIALIZER};
	struct np_duplicates d = {0};
	if (getrandom(&f.seed, sizeof(f.seed), 0) != sizeof(f.seed))
		f.seed = (uint64_t)(uintptr_t)&f; /* the stack's address is random, too */
	f.workers = np_xcalloc(f.worker_count, sizeof(*f.workers));
	np_scan_ranges(f.graph, f.worker_count, strings_hash, &f);
	np_parallel(PARTS, f.worker_count, part_look, &f);
	top_gather(&f);
	samples_gather(&f);
	for (unsigned i = 0; i < f.worker_count; i++) {
		const struct worker *w = &f.workers[i];
		d.content_count += w->content_count;
		d.wasted_bytes += w->wasted_bytes;
		d.string_count += w->string_count;
		d.bytes += w->bytes;
		worker_deinit(&f.workers[i]);
	}
	d.count = f.top.len;
	d.top = np_xmalloc((d.count + 1) * sizeof(*d.top));
	for (size_t i = 0; i < d.count; i++)
		d.top[i] = f.top.data[i].d;
	np_vec_deinit(&f.top);
	free(f.workers);
	*ret = d;
}

void np_duplicates_deinit(struct np_duplicates *d)
{
	free(d->top);
	*d = (struct np_duplicates){0};
}

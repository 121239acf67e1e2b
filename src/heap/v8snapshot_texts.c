/* The names that are no string's content: texts with ids, and the decimal texts of slots. */
#include <stdlib.h>
#include <string.h>

#include "heap/v8snapshot_internal.h"

enum { SLOTS_AT_FIRST = 1 << 12 };

/* --- numbers of vertices --- */

static uint32_t vertex_slot(const struct vertex_map *map, np_vertex key)
{
	uint32_t at = key * 0x9e3779b1u & map->mask;
	while (map->keys[at] && map->keys[at] != key + 1)
		at = (at + 1) & map->mask;
	return at;
}

bool np_vertex_map_get(const struct vertex_map *map, np_vertex key, uint32_t *ret)
{
	if (!map->len)
		return false;
	uint32_t at = vertex_slot(map, key);
	if (!map->keys[at])
		return false;
	*ret = map->values[at];
	return true;
}

void np_vertex_map_put(struct vertex_map *map, np_vertex key, uint32_t value)
{
	if (!map->keys || (map->len + 1) * 2ull > (uint64_t)map->mask + 1) {
		struct vertex_map old = *map;
		size_t cap = old.keys ? ((size_t)old.mask + 1) * 2 : 64;
		map->mask = (uint32_t)(cap - 1);
		map->keys = np_xcalloc(cap, sizeof(*map->keys));
		map->values = np_xcalloc(cap, sizeof(*map->values));
		for (size_t i = 0; old.keys && i <= old.mask; i++)
			if (old.keys[i]) {
				uint32_t at = vertex_slot(map, old.keys[i] - 1);
				map->keys[at] = old.keys[i];
				map->values[at] = old.values[i];
			}
		free(old.keys);
		free(old.values);
	}
	uint32_t at = vertex_slot(map, key);
	if (map->keys[at])
		return;
	map->keys[at] = key + 1;
	map->values[at] = value;
	map->len++;
}

void np_vertex_map_deinit(struct vertex_map *map)
{
	free(map->keys);
	free(map->values);
	*map = (struct vertex_map){0};
}

/* --- sets of numbers --- */

void np_number_set_add(struct number_set *set, uint32_t n)
{
	size_t word = n / 64;
	if (word >= set->words) {
		size_t words = set->words ? set->words : 64;
		while (words <= word)
			words *= 2;
		set->bits = np_xrealloc(set->bits, words * sizeof(*set->bits));
		memset(set->bits + set->words, 0, (words - set->words) * sizeof(*set->bits));
		set->words = words;
	}
	set->bits[word] |= 1ull << (n % 64);
}

bool np_number_set_has(const struct number_set *set, uint32_t n)
{
	return n / 64 < set->words && (set->bits[n / 64] >> (n % 64) & 1);
}

void np_number_set_merge(struct number_set *to, const struct number_set *from)
{
	if (from->words > to->words)
		np_number_set_add(to, (uint32_t)(from->words * 64 - 1));
	for (size_t i = 0; i < from->words; i++)
		to->bits[i] |= from->bits[i];
}

/* --- texts --- */

uint64_t np_text_hash(const char *s, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ n * 0xff51afd7ed558ccdu, w;
	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * 0x9fb21c651e98df25u;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, s, n);
	h = (h ^ w) * 0x9fb21c651e98df25u;
	return (h ^ h >> 29) * 0xff51afd7ed558ccdu;
}

void np_text_table_init(struct text_table *t)
{
	pthread_mutex_init(&t->lock, NULL);
	t->arena = np_arena_create();
	t->mask = SLOTS_AT_FIRST - 1;
	t->slots = np_xcalloc(SLOTS_AT_FIRST, sizeof(*t->slots));
}

void np_text_table_deinit(struct text_table *t)
{
	np_vec_deinit(&t->entries);
	free(t->slots);
	free(t->sorted);
	np_arena_destroy(t->arena);
	pthread_mutex_destroy(&t->lock);
}

/* Where the text is, or the empty slot where it belongs. */
static uint32_t *slot_find(const struct text_table *t, uint64_t hash, const char *text, size_t bytes)
{
	uint32_t at = (uint32_t)hash & t->mask;
	for (; t->slots[at]; at = (at + 1) & t->mask) {
		const struct text_entry *e = &t->entries.data[t->slots[at] - 1];
		if (e->hash == hash && e->bytes == bytes && memcmp(e->text, text, bytes) == 0)
			break;
	}
	return &t->slots[at];
}

static void table_grow(struct text_table *t)
{
	size_t cap = ((size_t)t->mask + 1) * 2;
	free(t->slots);
	t->slots = np_xcalloc(cap, sizeof(*t->slots));
	t->mask = (uint32_t)(cap - 1);
	for (size_t i = 0; i < t->entries.len; i++) {
		const struct text_entry *e = &t->entries.data[i];
		*slot_find(t, e->hash, e->text, e->bytes) = (uint32_t)i + 1;
	}
}

static uint32_t text_add(struct text_table *t, uint64_t hash, const char *text, size_t bytes)
{
	uint32_t *slot = slot_find(t, hash, text, bytes);
	if (*slot)
		return *slot - 1;
	struct text_entry e = {.text = np_arena_strndup(t->arena, text, bytes), .bytes = (uint32_t)bytes, .hash = hash};
	np_vec_push(&t->entries, e);
	*slot = (uint32_t)t->entries.len;
	if (t->entries.len * 2 > t->mask)
		table_grow(t);
	return (uint32_t)t->entries.len - 1;
}

uint32_t np_snapshot_text(struct np_snapshot *s, const char *text, size_t bytes)
{
	struct text_table *t = &s->texts;
	uint64_t hash = np_text_hash(text, bytes);
	if (s->is_numbered) { /* nothing is added any more: what is not there was not there in the counting */
		uint32_t id = *slot_find(t, hash, text, bytes);
		return id ? t->entries.data[id - 1].number : 0;
	}
	pthread_mutex_lock(&t->lock);
	uint32_t id = text_add(t, hash, text, bytes);
	pthread_mutex_unlock(&t->lock);
	return id;
}

uint32_t np_snapshot_text_cstr(struct np_snapshot *s, const char *text)
{
	return np_snapshot_text(s, text, strlen(text));
}

uint32_t np_snapshot_text_number(const struct np_snapshot *s, uint32_t id)
{
	return id == NO_NAME ? NO_NAME : s->texts.entries.data[id].number;
}

static int compare_texts(const void *a, const void *b, void *ctx)
{
	const struct text_table *t = ctx;
	const struct text_entry *x = &t->entries.data[*(const uint32_t *)a], *y = &t->entries.data[*(const uint32_t *)b];
	int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);
	return order ? order : x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

uint32_t np_text_table_number(struct np_snapshot *s, uint32_t first, size_t fixed)
{
	struct text_table *t = &s->texts;
	size_t n = t->entries.len;
	t->sorted = np_xmalloc((n + 1) * sizeof(*t->sorted));
	for (size_t i = 0; i < n; i++)
		t->sorted[i] = (uint32_t)i;
	qsort_r(t->sorted + fixed, n - fixed, sizeof(*t->sorted), compare_texts, t);
	for (size_t i = 0; i < n; i++)
		t->entries.data[t->sorted[i]].number = first++;
	return first;
}

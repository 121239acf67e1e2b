/*
 * The names of nodes and edges, each once, by number.
 *
 * Most are strings of the heap: of them the table keeps where they are, not the
 * text, which is read again for each comparison and when it is asked for.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "heap/v8snapshot_internal.h"
#include "v8/string.h"

enum { NUMBERS_CACHED_MAX = 1 << 22, HUGE_PAGE_BYTES = 2 << 20 };

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

/* --- texts --- */

static uint64_t text_hash(const char *s, size_t n)
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
	return h ^ h >> 29;
}

/* One-byte characters as they are when all are ASCII; V8 shows a NUL as a space. */
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

/* The characters of a sequential string; false for the other kinds. */
static bool sequential_utf8(struct np_snapshot *s, np_vertex v, struct np_buf *out, uint64_t *ret_chars)
{
	const np_layout *l = s->v8->layout;
	const struct graph_shape *shape = graph_shape(s->g, v);
	const uint8_t *bytes = np_graph_bytes(s->g, v);
	uint32_t start = snapshot_fact(s, NP_F_String_chars), length_at = snapshot_fact(s, NP_F_String_length);
	uint64_t size = vertex_size(s, v);
	if (!bytes || !start || !np_has(l, NP_F_String_representation_mask) || !np_has(l, NP_F_String_tag_seq) ||
	    !np_has(l, NP_F_String_encoding_mask) || length_at + 8 > size ||
	    (shape->shape.map->type & np_get(l, NP_F_String_representation_mask)) != np_get(l, NP_F_String_tag_seq))
		return false;
	uint32_t length;
	bool is_smi = np_has(l, NP_F_String_length_is_smi) && np_get(l, NP_F_String_length_is_smi);
	memcpy(&length, bytes + length_at + (is_smi ? 4 : 0), sizeof(length));
	bool one_byte = shape->shape.map->type & np_get(l, NP_F_String_encoding_mask);
	uint64_t n = length < NAME_UNITS_MAX ? length : NAME_UNITS_MAX;
	if (start + n * (one_byte ? 1 : 2) > size)
		return false;
	if (one_byte)
		one_byte_utf8(bytes + start, n, out);
	else
		two_byte_utf8(bytes + start, n, out);
	*ret_chars = length;
	return true;
}

/* What V8 shows of a string: its first units as UTF-8. */
static void string_utf8(struct np_snapshot *s, np_vertex v, struct np_buf *out, uint64_t *ret_chars)
{
	struct np_chars chars;
	*ret_chars = 0;
	if (sequential_utf8(s, v, out, ret_chars))
		return;
	np_arena_reset(s->names.scratch);
	if (np_err_drop(np_string_read(s->v8, np_graph_address(s->g, v), 0, NAME_UNITS_MAX, s->names.scratch, &chars)))
		return;
	*ret_chars = chars.full_len;
	if (chars.one)
		one_byte_utf8(chars.one, chars.len, out);
	else
		two_byte_utf8((const uint8_t *)chars.two, chars.len, out);
}

/* --- the table --- */

static void entry_utf8(struct np_snapshot *s, const struct name_entry *e, const char **ret, size_t *ret_bytes)
{
	uint64_t chars;
	if (e->text) {
		*ret = e->text;
		*ret_bytes = e->bytes;
		return;
	}
	np_buf_clear(&s->names.other);
	string_utf8(s, e->vertex, &s->names.other, &chars);
	*ret = np_buf_str(&s->names.other);
	*ret_bytes = s->names.other.len;
}

/* The table is looked up all over: with pages of 2 MiB the processor finds them. */
static uint64_t *slots_create(size_t cap)
{
	size_t bytes = cap * sizeof(uint64_t);
	void *slots;
	if (bytes < HUGE_PAGE_BYTES || posix_memalign(&slots, HUGE_PAGE_BYTES, bytes))
		return np_xcalloc(cap, sizeof(uint64_t));
	madvise(slots, bytes, MADV_HUGEPAGE);
	return memset(slots, 0, bytes);
}

static void table_grow(struct name_table *t)
{
	uint64_t *old = t->slots;
	size_t old_cap = old ? (size_t)t->mask + 1 : 0, cap = old ? old_cap * 2 : 1 << 14;
	t->slots = slots_create(cap);
	t->mask = (uint32_t)(cap - 1);
	for (size_t i = 0; i < old_cap; i++) {
		uint32_t at = (uint32_t)(old[i] >> 32) & t->mask;
		if (!old[i])
			continue;
		while (t->slots[at])
			at = (at + 1) & t->mask;
		t->slots[at] = old[i];
	}
	free(old);
}

/* The number of a text, which is copied, or is that of the string at vertex. */
static uint32_t table_number(struct np_snapshot *s, const char *text, size_t bytes, np_vertex vertex)
{
	struct name_table *t = &s->names;
	uint32_t hash = (uint32_t)text_hash(text, bytes);
	if (!t->slots || (t->entries.len + 1) * 3 > ((size_t)t->mask + 1) * 2)
		table_grow(t);
	uint32_t at = hash & t->mask;
	for (; t->slots[at]; at = (at + 1) & t->mask) {
		const char *same;
		size_t same_bytes;
		if (t->slots[at] >> 32 != hash)
			continue;
		entry_utf8(s, &t->entries.data[(uint32_t)t->slots[at] - 1], &same, &same_bytes);
		if (same_bytes == bytes && memcmp(same, text, bytes) == 0)
			return (uint32_t)t->slots[at] - 1;
	}
	struct name_entry e = {.vertex = vertex, .bytes = (uint32_t)bytes};
	if (vertex == NP_VERTEX_NONE)
		e.text = np_arena_strndup(t->arena, text, bytes);
	np_vec_push(&t->entries, e);
	t->slots[at] = (uint64_t)hash << 32 | (uint32_t)t->entries.len;
	return (uint32_t)t->entries.len - 1;
}

uint32_t np_snapshot_name_text(struct np_snapshot *s, const char *text, size_t bytes)
{
	return table_number(s, text, bytes, NP_VERTEX_NONE);
}

uint32_t np_snapshot_name_cstr(struct np_snapshot *s, const char *text)
{
	return np_snapshot_name_text(s, text, strlen(text));
}

static uint32_t number_text(struct np_snapshot *s, uint32_t n)
{
	char text[16];
	char *p = text + sizeof(text);
	uint32_t rest = n;
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	return np_snapshot_name_text(s, p, (size_t)(text + sizeof(text) - p));
}

uint32_t np_snapshot_name_number(struct np_snapshot *s, uint32_t n)
{
	struct name_table *t = &s->names;
	if (n >= NUMBERS_CACHED_MAX)
		return number_text(s, n);
	if (n >= t->number_count) {
		uint32_t count = t->number_count ? t->number_count : 256;
		while (count <= n)
			count *= 2;
		t->numbers = np_xrealloc(t->numbers, count * sizeof(*t->numbers));
		memset(t->numbers + t->number_count, 0xff, (count - t->number_count) * sizeof(*t->numbers));
		t->number_count = count;
	}
	if (t->numbers[n] == NO_NAME)
		t->numbers[n] = number_text(s, n);
	return t->numbers[n];
}

uint32_t np_snapshot_name_string(struct np_snapshot *s, np_vertex string, bool contents)
{
	uint64_t chars;
	np_buf_clear(&s->names.now);
	string_utf8(s, string, &s->names.now, &chars);
	if (!contents || !s->options.redact)
		return table_number(s, np_buf_str(&s->names.now), s->names.now.len, string);
	struct np_buf hidden = {0};
	s->options.redact(s->options.redact_ctx, np_buf_str(&s->names.now), s->names.now.len, chars, &hidden);
	uint32_t number = np_snapshot_name_text(s, np_buf_str(&hidden), hidden.len);
	np_buf_deinit(&hidden);
	return number;
}

void np_snapshot_name_table_init(struct np_snapshot *s)
{
	s->names.arena = np_arena_create();
	s->names.scratch = np_arena_create();
	np_snapshot_name_cstr(s, "<dummy>");
}

void np_snapshot_name_table_deinit(struct np_snapshot *s)
{
	struct name_table *t = &s->names;
	np_vec_deinit(&t->entries);
	free(t->slots);
	free(t->numbers);
	np_buf_deinit(&t->now);
	np_buf_deinit(&t->other);
	np_arena_destroy(t->arena);
	np_arena_destroy(t->scratch);
}

uint32_t np_snapshot_string_count(const np_snapshot *s)
{
	return (uint32_t)s->names.entries.len;
}

const char *np_snapshot_string(np_snapshot *s, uint32_t number, size_t *ret_bytes)
{
	const char *text;
	entry_utf8(s, &s->names.entries.data[number], &text, ret_bytes);
	return text;
}

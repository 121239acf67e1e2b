/*
 * Flattening.  A cons string is a binary tree that can be as deep as it is
 * long; it is walked with an explicit stack of pending (string, from, to)
 * pieces, bounded in depth and in the number of nodes, so that a damaged or
 * cyclic heap ends in an error and not in a loop.
 */
#include "v8/string.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#include "v8/map.h"

enum { PENDING_MAX = 1 << 20, NODES_MAX = 16 << 20 };

struct piece {
	np_addr string;
	uint64_t from, to;
};

struct flat {
	np_v8 *v8;
	uint8_t *one;
	uint16_t *two;
	size_t len, cap;
	struct piece *pending;
	size_t pending_len, pending_cap;
};

bool np_string_length(np_v8 *v8, np_addr string, uint64_t *ret)
{
	const np_layout *l = v8->layout;
	if (np_kind_at(v8, string) != NP_KIND_STRING || !np_has(l, NP_F_String_length))
		return false;
	np_addr at = string + (np_addr)np_get(l, NP_F_String_length);
	if (np_get(l, NP_F_String_length_is_smi) == 1) {
		int32_t smi;
		if (!np_smi_at(v8, at, &smi) || smi < 0)
			return false;
		*ret = (uint64_t)smi;
		return true;
	}
	uint32_t len;
	if (!np_mem_u32(v8->mem, at, &len) || len > 0x7fffffffu)
		return false;
	*ret = len;
	return true;
}

static void flat_widen(struct flat *f)
{
	f->two = np_xmalloc(f->cap * 2 + 2);
	for (size_t i = 0; i < f->len; i++)
		f->two[i] = f->one[i];
	free(f->one);
	f->one = NULL;
}

static np_err *flat_add(struct flat *f, np_addr chars, bool one_byte, uint64_t from, uint64_t to)
{
	size_t n = (size_t)(to - from);
	if (n > f->cap - f->len)
		n = f->cap - f->len;
	if (!one_byte && f->one)
		flat_widen(f);
	if (f->one)
		NP_TRY(np_mem_read_err(f->v8->mem, chars + from, f->one + f->len, n));
	else if (!one_byte)
		NP_TRY(np_mem_read_err(f->v8->mem, chars + from * 2, f->two + f->len, n * 2));
	else {
		uint8_t *narrow = np_xmalloc(n);
		np_err *err = np_mem_read_err(f->v8->mem, chars + from, narrow, n);
		for (size_t i = 0; !err && i < n; i++)
			f->two[f->len + i] = narrow[i];
		free(narrow);
		if (err)
			return err;
	}
	f->len += n;
	return NULL;
}

static np_err *flat_push(struct flat *f, np_addr string, uint64_t from, uint64_t to)
{
	if (from >= to)
		return NULL;
	if (f->pending_len >= PENDING_MAX)
		return np_err_new(NP_ELIMIT, "string at 0x%llx is nested too deeply", (unsigned long long)string);
	if (f->pending_len == f->pending_cap)
		f->pending = np_vec_grow(f->pending, &f->pending_cap, sizeof(*f->pending));
	f->pending[f->pending_len++] = (struct piece){string, from, to};
	return NULL;
}

/*
 * Characters of an external string.  From 7.8 on V8 keeps the data pointer in
 * the string; before that, and for uncached strings, it is in the embedder's
 * resource object: {vtable, data, length} or {vtable, isolate, data, length}.
 * The length field next to it tells which.
 */
static bool external_data(np_v8 *v8, np_addr string, uint64_t len, uint64_t bytes, np_addr *ret)
{
	uint64_t data, resource, n;
	uint8_t probe;
	if (np_field_u64(v8, string, NP_F_ExternalString_data, &data) && data &&
	    np_mem_u8(v8->mem, data, &probe) && np_mem_u8(v8->mem, data + bytes - 1, &probe)) {
		*ret = data;
		return true;
	}
	if (!np_field_u64(v8, string, NP_F_ExternalString_resource, &resource))
		return false;
	for (np_addr at = resource + 8; at <= resource + 24; at += 8)
		if (np_mem_u64(v8->mem, at, &data) && np_mem_u64(v8->mem, at + 8, &n) && n == len &&
		    np_mem_u8(v8->mem, data, &probe)) {
			*ret = data;
			return true;
		}
	if (np_mem_u64(v8->mem, resource + 8, &data) && np_mem_u8(v8->mem, data, &probe) &&
	    np_mem_u8(v8->mem, data + bytes - 1, &probe)) {
		*ret = data;
		return true;
	}
	return false;
}

static np_err *flat_cons(struct flat *f, struct piece p)
{
	np_tagged first, second;
	uint64_t first_len;
	if (!np_field(f->v8, p.string, NP_F_ConsString_first, &first) ||
	    !np_field(f->v8, p.string, NP_F_ConsString_second, &second))
		return np_err_fault(p.string, "reading a cons string");
	if (!np_is_ref(first) || !np_string_length(f->v8, np_ref(first), &first_len))
		return np_err_new(NP_EFORMAT, "cons string at 0x%llx has a first part that is no string",
				  (unsigned long long)p.string);
	if (p.to > first_len && np_is_ref(second))
		NP_TRY(flat_push(f, np_ref(second), p.from > first_len ? p.from - first_len : 0, p.to - first_len));
	if (p.from < first_len)
		NP_TRY(flat_push(f, np_ref(first), p.from, p.to < first_len ? p.to : first_len));
	return NULL;
}

static np_err *flat_piece(struct flat *f, struct piece p)
{
	np_v8 *v8 = f->v8;
	const np_layout *l = v8->layout;
	const struct np_map *map;
	uint64_t len;
	if (!np_map_of(v8, p.string, &map) || !np_string_length(v8, p.string, &len) || p.to > len)
		return np_err_new(NP_EFORMAT, "no valid string at 0x%llx", (unsigned long long)p.string);
	int repr = map->type & np_get(l, NP_F_String_representation_mask);
	bool one_byte = map->type & np_get(l, NP_F_String_encoding_mask);
	np_tagged t;
	if (repr == np_get(l, NP_F_String_tag_seq))
		return flat_add(f, p.string + (np_addr)np_get(l, NP_F_String_chars), one_byte, p.from, p.to);
	if (repr == np_get(l, NP_F_String_tag_cons))
		return flat_cons(f, p);
	if (repr == np_get(l, NP_F_String_tag_external)) {
		np_addr data;
		if (!external_data(v8, p.string, len, one_byte ? len : len * 2, &data))
			return np_err_fault(p.string, "finding the characters of an external string");
		return flat_add(f, data, one_byte, p.from, p.to);
	}
	if (np_has(l, NP_F_String_tag_sliced) && repr == np_get(l, NP_F_String_tag_sliced)) {
		int32_t offset;
		if (!np_field(v8, p.string, NP_F_SlicedString_parent, &t) || !np_is_ref(t) ||
		    !np_smi_at(v8, p.string + (np_addr)np_get(l, NP_F_SlicedString_offset), &offset) || offset < 0)
			return np_err_fault(p.string, "reading a sliced string");
		return flat_push(f, np_ref(t), p.from + (uint64_t)offset, p.to + (uint64_t)offset);
	}
	if (np_has(l, NP_F_String_tag_thin) && repr == np_get(l, NP_F_String_tag_thin)) {
		if (!np_field(v8, p.string, NP_F_ThinString_actual, &t) || !np_is_ref(t))
			return np_err_fault(p.string, "reading a thin string");
		return flat_push(f, np_ref(t), p.from, p.to);
	}
	return np_err_new(NP_EFORMAT, "string at 0x%llx has an unknown representation",
			  (unsigned long long)p.string);
}

np_err *np_string_read(np_v8 *v8, np_addr string, uint64_t from, size_t max, np_arena *arena, struct np_chars *ret)
{
	uint64_t full;
	if (!np_string_length(v8, string, &full))
		return np_err_new(NP_EFORMAT, "no string at 0x%llx", (unsigned long long)string);
	if (from > full)
		from = full;
	uint64_t n = full - from < max ? full - from : max;
	struct flat f = {.v8 = v8, .cap = (size_t)n};
	f.one = np_xmalloc((size_t)n + 1);
	np_err *err = flat_push(&f, string, from, from + n);
	for (size_t nodes = 0; !err && f.pending_len; nodes++) {
		if (nodes > NODES_MAX)
			err = np_err_new(NP_ELIMIT, "string at 0x%llx has too many parts", (unsigned long long)string);
		else
			err = flat_piece(&f, f.pending[--f.pending_len]);
	}
	if (!err) {
		struct np_chars chars = {.len = f.len, .full_len = full};
		if (f.one)
			chars.one = np_arena_memdup(arena, f.one, f.len);
		else
			chars.two = np_arena_memdup(arena, f.two, f.len * 2);
		*ret = chars;
	}
	free(f.one);
	free(f.two);
	free(f.pending);
	return err;
}

static const char *chars_utf8(const struct np_chars *c, size_t from, size_t to, np_arena *arena, size_t *ret_bytes)
{
	struct np_buf buf = {0};
	if (to > c->len)
		to = c->len;
	for (size_t i = from; i < to; i++) {
		uint32_t u = np_char_at(c, i);
		if (u >= 0xd800 && u < 0xdc00 && i + 1 < c->len) {
			uint32_t low = np_char_at(c, i + 1);
			if (low >= 0xdc00 && low < 0xe000) {
				u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
				i++;
			}
		}
		np_buf_put_utf8(&buf, u);
	}
	/* NUL characters stay inside: lengths matter to callers that care, names end there. */
	char *s = np_arena_strndup(arena, np_buf_str(&buf), buf.len);
	*ret_bytes = buf.len;
	np_buf_deinit(&buf);
	return s;
}

const char *np_chars_utf8(const struct np_chars *c, size_t from, size_t to, np_arena *arena)
{
	size_t bytes;
	return chars_utf8(c, from, to, arena, &bytes);
}

const char *np_chars_utf8_len(const struct np_chars *c, np_arena *arena, size_t *ret_bytes)
{
	return chars_utf8(c, 0, c->len, arena, ret_bytes);
}

const char *np_string_utf8(np_v8 *v8, np_addr string, size_t max, np_arena *arena)
{
	struct np_chars chars;
	np_err *err = np_string_read(v8, string, 0, max, arena, &chars);
	if (err) {
		np_err_free(err);
		return NULL;
	}
	return np_chars_utf8(&chars, 0, chars.len, arena);
}

bool np_string_equals(np_v8 *v8, np_addr string, const char *ascii)
{
	uint64_t len;
	size_t n = strlen(ascii);
	if (!np_string_length(v8, string, &len) || len != n)
		return false;
	np_arena *scratch = np_arena_create();
	struct np_chars chars;
	np_err *err = np_string_read(v8, string, 0, n, scratch, &chars);
	bool equal = !err;
	for (size_t i = 0; equal && i < n; i++)
		equal = np_char_at(&chars, i) == (uint8_t)ascii[i];
	np_err_free(err);
	np_arena_destroy(scratch);
	return equal;
}

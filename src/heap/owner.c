#include "heap/owner.h"

#include <stdlib.h>
#include <string.h>

#include "heap/internal.h"
#include "v8/map.h"
#include "v8/string.h"

enum {
	BLOCK_BYTES = 256 << 10,
	SHARED_HOPS = 3, /* BytecodeArray <- BytecodeWrapper or InterpreterData <- SharedFunctionInfo */
};
static const uint64_t OWNED_MAX_BYTES = 1ull << 36;

/* Calls cb for each word of a page's area with its address until it returns true. */
typedef bool word_cb(void *ctx, np_addr at, uint64_t word);

static bool page_scan(np_heap *heap, const struct np_page *page, uint64_t *block, word_cb *cb, void *ctx)
{
	for (np_addr at = page->area_start; at < page->area_end;) {
		uint64_t want = page->area_end - at;
		if (want > BLOCK_BYTES)
			want = BLOCK_BYTES;
		size_t n = np_mem_read(heap->v8->mem, at, block, (size_t)want) / 8;
		for (size_t i = 0; i < n; i++)
			if (cb(ctx, at + 8 * i, block[i]))
				return true;
		at += n * 8 == want ? want : n * 8 + 4096 - ((at + n * 8) & 4095);
	}
	return false;
}

static bool is_searched(const struct np_page *page)
{
	return !page->is_raw && !page->is_inactive && !page->is_retired;
}

static bool heap_scan(np_heap *heap, word_cb *cb, void *ctx)
{
	uint64_t *block = np_xmalloc(BLOCK_BYTES);
	bool found = false;
	for (size_t i = 0; i < np_heap_page_count(heap) && !found; i++) {
		const struct np_page *page = np_heap_page(heap, i);
		if (is_searched(page))
			found = page_scan(heap, page, block, cb, ctx);
	}
	free(block);
	return found;
}

uint64_t np_heap_search_bytes(np_heap *heap)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < np_heap_page_count(heap); i++) {
		const struct np_page *page = np_heap_page(heap, i);
		if (is_searched(page))
			bytes += page->area_end - page->area_start;
	}
	return bytes;
}

/* --- bytes --- */

struct owner_search {
	np_heap *heap;
	np_addr addr, from;
	struct np_owner found;
};

static bool object_of_slot(const np_layout *l, np_addr slot, enum np_fact field, np_addr *ret)
{
	if (!np_has(l, field) || np_get(l, field) < 8)
		return false;
	*ret = slot - (np_addr)np_get(l, field);
	return true;
}

static bool array_buffer_owns(np_v8 *v8, np_addr object, uint64_t *size)
{
	const np_layout *l = v8->layout;
	int32_t smi;
	if (np_kind_at(v8, object) != NP_KIND_JS_ARRAY_BUFFER || !np_has(l, NP_F_JSArrayBuffer_byte_length))
		return false;
	if (np_has(l, NP_F_JSArrayBuffer_byte_length_is_smi) && np_get(l, NP_F_JSArrayBuffer_byte_length_is_smi)) {
		if (!np_smi_at(v8, object + (np_addr)np_get(l, NP_F_JSArrayBuffer_byte_length), &smi) || smi < 0)
			return false;
		*size = (uint64_t)smi;
		return true;
	}
	return np_field_u64(v8, object, NP_F_JSArrayBuffer_byte_length, size);
}

static bool external_string_owns(np_v8 *v8, np_addr object, uint64_t *size)
{
	const np_layout *l = v8->layout;
	const struct np_map *map;
	if (!np_map_of(v8, object, &map) || np_kind_of_type(v8, map->type) != NP_KIND_STRING ||
	    !np_has(l, NP_F_String_representation_mask) || !np_has(l, NP_F_String_tag_external) ||
	    (map->type & np_get(l, NP_F_String_representation_mask)) != np_get(l, NP_F_String_tag_external) ||
	    !np_string_length(v8, object, size))
		return false;
	if (!(map->type & np_get(l, NP_F_String_encoding_mask)))
		*size *= 2;
	return true;
}

/* Up to 4.5 external elements are objects of their own: EXTERNAL_UNSIGNED_BYTE_ARRAY_TYPE, ... */
static bool external_array_owns(np_v8 *v8, np_addr object, uint64_t *size)
{
	const struct np_map *map;
	int32_t n;
	const char *type = np_map_of(v8, object, &map) ? np_layout_type_name(v8->layout, map->type) : NULL;
	if (!type || strncmp(type, "EXTERNAL_", 9) != 0 || !strstr(type, "_ARRAY_TYPE") || !np_smi_at(v8, object + 8, &n) ||
	    n < 0)
		return false;
	*size = (uint64_t)n * (strstr(type, "DOUBLE") || strstr(type, "FLOAT64") ? 8
			       : strstr(type, "INT_") || strstr(type, "FLOAT") ? 4
			       : strstr(type, "SHORT") ? 2
						       : 1);
	return true;
}

static const struct {
	enum np_fact field;
	enum np_owner_kind kind;
	bool (*owns)(np_v8 *v8, np_addr object, uint64_t *size);
} owners[] = {
	{NP_F_JSArrayBuffer_backing_store, NP_OWNER_ARRAY_BUFFER, array_buffer_owns},
	{NP_F_ExternalString_data, NP_OWNER_EXTERNAL_STRING, external_string_owns},
	{NP_F_ExternalArray_external_pointer, NP_OWNER_EXTERNAL_ARRAY, external_array_owns},
};

bool np_heap_owned_memory(np_v8 *v8, np_addr object, struct np_owner *ret)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(owners); i++) {
		struct np_owner o = {.kind = owners[i].kind, .object = object};
		if (np_field_u64(v8, object, owners[i].field, &o.start) && o.start &&
		    owners[i].owns(v8, object, &o.size_bytes) && o.size_bytes && o.size_bytes <= OWNED_MAX_BYTES) {
			*ret = o;
			return true;
		}
	}
	return false;
}

static bool owner_matches(void *ctx, np_addr at, uint64_t word)
{
	struct owner_search *s = ctx;
	if (word > s->addr || word < s->from)
		return false;
	for (size_t i = 0; i < NP_ARRAY_LEN(owners); i++) {
		np_addr object;
		uint64_t size;
		if (object_of_slot(s->heap->v8->layout, at, owners[i].field, &object) &&
		    owners[i].owns(s->heap->v8, object, &size) && size <= OWNED_MAX_BYTES && s->addr - word < size) {
			s->found = (struct np_owner){owners[i].kind, object, word, size};
			return true;
		}
	}
	return false;
}

np_err *np_heap_find_owner(np_heap *heap, np_addr addr, np_addr from, struct np_owner *ret)
{
	struct owner_search s = {.heap = heap, .addr = addr, .from = from};
	if (!heap_scan(heap, owner_matches, &s))
		return np_err_new(NP_ENOTFOUND, "nothing in V8's heap owns the bytes at 0x%llx", (unsigned long long)addr);
	*ret = s.found;
	return NULL;
}

/* --- code --- */

struct code_search {
	np_heap *heap;
	uint64_t word; /* tagged reference that is looked for */
	np_addr shared, holder; /* holder: leads to it, but is no SharedFunctionInfo */
};

static bool holds(np_v8 *v8, np_addr slot, enum np_fact field, enum np_kind kind, np_addr *ret)
{
	return object_of_slot(v8->layout, slot, field, ret) && np_kind_at(v8, *ret) == kind;
}

static bool code_matches(void *ctx, np_addr at, uint64_t word)
{
	struct code_search *s = ctx;
	np_v8 *v8 = s->heap->v8;
	np_addr object;
	if (word != s->word)
		return false;
	if (holds(v8, at, NP_F_SharedFunctionInfo_function_data, NP_KIND_SHARED_FUNCTION_INFO, &object) ||
	    holds(v8, at, NP_F_SharedFunctionInfo_code, NP_KIND_SHARED_FUNCTION_INFO, &object)) {
		s->shared = object;
		return true;
	}
	if (!s->holder && (holds(v8, at, NP_F_InterpreterData_bytecode_array, NP_KIND_INTERPRETER_DATA, &object) ||
			   holds(v8, at, NP_F_BytecodeWrapper_bytecode, NP_KIND_BYTECODE_WRAPPER, &object) ||
			   holds(v8, at, NP_F_Code_bytecode_or_interpreter_data, NP_KIND_CODE, &object)))
		s->holder = object;
	return false;
}

np_err *np_heap_find_shared(np_heap *heap, np_addr code, np_addr *ret)
{
	struct code_search s = {.heap = heap};
	np_addr at = code;
	for (int hop = 0; hop < SHARED_HOPS && at; hop++) {
		s.word = at | 1;
		s.holder = 0;
		if (heap_scan(heap, code_matches, &s)) {
			*ret = s.shared;
			return NULL;
		}
		at = s.holder;
	}
	return np_err_new(NP_ENOTFOUND, "no function in V8's heap has the code at 0x%llx", (unsigned long long)code);
}

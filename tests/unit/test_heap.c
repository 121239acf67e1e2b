/*
 * Pages, sizes and look-ups in a heap that is built here: one isolate with a
 * few chunks, whole, damaged and hostile.  Both forms of chunks are tried: with
 * the header inline, and with a MemoryChunkMetadata elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap/field.h"
#include "heap/malloc.h"
#include "heap/owner.h"
#include "mem/fault.h"
#include "target/internal.h"
#include "v8/cache.h"

enum { CHUNK = 256 << 10, CHUNKS = 8, AREA_OFFSET = 0x1000, NATIVE_BYTES = 1 << 20 };
#define BASE 0x10000000ull	/* aligned; CHUNKS chunks */
#define NATIVE 0x50000000ull	/* what V8 has from malloc: Spaces, metadata */
#define HEAP_OBJECT (NATIVE + 0x8000)
#define LARGE_SPACE (NATIVE + 0x500)
#define SPACE (NATIVE + 0x100)
#define METADATA (NATIVE + 0x1000)
#define ISOLATE_DISTANCE 0x200

enum { /* instance types */
	SEQ_ONE_BYTE = 8, SEQ_TWO_BYTE = 0, HEAP_NUMBER = 130, SYMBOL = 128, MAP = 278, FIXED_ARRAY = 205, FREE_SPACE = 260,
	FILLER = 261, BYTE_ARRAY = 217, FIXED_DOUBLE_ARRAY = 218, DESCRIPTORS = 252, PROPERTY_ARRAY = 269, STRANGE = 290,
	SHARED = 288, BYTECODE_ARRAY = 186, JS_OBJECT = 1057, JS_ARRAY_BUFFER = 2063, FIRST_RECEIVER = 1024,
};

struct fixture {
	np_v8 v8;
	np_layout layout;
	struct np_target target;
	uint8_t *bytes, *native;
	np_heap *heap;
	np_addr next; /* where the next object goes */
	np_addr meta, array_map, string_map, filler_map, free_map;
	struct np_fault fault;
};

static uint64_t smi(int32_t n)
{
	return (uint64_t)(uint32_t)n << 32;
}

static uint8_t *at(struct fixture *f, np_addr addr, size_t n)
{
	if (addr >= NATIVE) {
		assert_true(addr + n <= NATIVE + NATIVE_BYTES);
		return f->native + (addr - NATIVE);
	}
	assert_true(addr >= BASE && addr + n <= BASE + CHUNKS * CHUNK);
	return f->bytes + (addr - BASE);
}

static void put64(struct fixture *f, np_addr addr, uint64_t value)
{
	memcpy(at(f, addr, 8), &value, 8);
}

static void put32(struct fixture *f, np_addr addr, uint32_t value)
{
	memcpy(at(f, addr, 4), &value, 4);
}

static np_addr chunk_of(int i)
{
	return BASE + (np_addr)i * CHUNK;
}

/* The header of chunk i, as the layout says; size in bytes. */
static void put_chunk(struct fixture *f, int i, uint64_t size)
{
	const np_layout *l = &f->layout;
	np_addr chunk = chunk_of(i), header = chunk;
	if (np_has(l, NP_F_Chunk_metadata)) {
		header = METADATA + (np_addr)i * 0x400;
		put64(f, chunk + (np_addr)np_get(l, NP_F_Chunk_metadata), header);
	}
	put64(f, chunk + (np_addr)np_get(l, NP_F_Chunk_flags), 4);
	put64(f, header + (np_addr)np_get(l, NP_F_Chunk_size), size);
	put64(f, header + (np_addr)np_get(l, NP_F_Chunk_area_start), chunk + AREA_OFFSET);
	put64(f, header + (np_addr)np_get(l, NP_F_Chunk_area_end), chunk + size);
	put64(f, header + (np_addr)np_get(l, NP_F_Chunk_heap), HEAP_OBJECT);
	put64(f, header + (np_addr)np_get(l, NP_F_Chunk_owner), size > CHUNK ? LARGE_SPACE : SPACE);
	if (i > 0) /* a list, as spaces keep it */
		put64(f, header + 0xc0, np_has(l, NP_F_Chunk_metadata) ? METADATA + (np_addr)(i - 1) * 0x400 : chunk_of(i - 1));
}

static np_addr new_map(struct fixture *f, uint16_t type, uint8_t words, uint8_t inobject_start)
{
	np_addr map = f->next;
	f->next += 80;
	put64(f, map, (f->meta ? f->meta : map) | 1);
	*at(f, map + 8, 1) = words;
	*at(f, map + 9, 1) = inobject_start;
	memcpy(at(f, map + 12, 2), &type, 2);
	return map;
}

static np_addr new_object(struct fixture *f, np_addr map, size_t words)
{
	np_addr object = f->next;
	f->next += 8 * words;
	put64(f, object, map | 1);
	return object;
}

static np_addr new_array(struct fixture *f, int32_t length)
{
	np_addr array = new_object(f, f->array_map, 2 + (size_t)length);
	put64(f, array + 8, smi(length));
	for (int32_t i = 0; i < length; i++)
		put64(f, array + 16 + 8 * (np_addr)i, smi(100 + i));
	return array;
}

static np_addr new_string(struct fixture *f, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	np_addr string = new_object(f, f->string_map, 2 + (n + 7) / 8);
	put32(f, string + 12, n);
	memcpy(at(f, string + 16, n), text, n);
	return string;
}

/* Free space up to the end of the page that is written to. */
static void fill_page(struct fixture *f, int i)
{
	np_addr end = chunk_of(i) + CHUNK;
	put64(f, f->next, f->free_map | 1);
	put64(f, f->next + 8, smi((int32_t)(end - f->next)));
}

static void set_facts(np_layout *l, bool out_of_line)
{
	static const struct {
		enum np_fact fact;
		int32_t value;
	} facts[] = {
		{NP_F_Map_instance_size, 8}, {NP_F_Map_inobject, 9}, {NP_F_Map_inobject_is_count, 0},
		{NP_F_Map_instance_type, 12}, {NP_F_Map_instance_type_bytes, 2}, {NP_F_Map_bit_field3, 16},
		{NP_F_Map_own_descriptors_mask, 0x3ff << 10}, {NP_F_Map_own_descriptors_shift, 10},
		{NP_F_Map_prototype, 24}, {NP_F_Map_constructor, 32}, {NP_F_Map_descriptors, 40},
		{NP_F_DescriptorArray_first, 24}, {NP_F_prop_desc_key, 0}, {NP_F_prop_desc_details, 1},
		{NP_F_prop_desc_value, 2}, {NP_F_prop_desc_size, 3}, {NP_F_prop_location_mask, 2}, {NP_F_prop_kind_mask, 1},
		{NP_F_prop_index_mask, 0x1ff80000}, {NP_F_prop_index_shift, 19},
		{NP_F_JSReceiver_properties, 8}, {NP_F_JSObject_elements, 16}, {NP_F_FixedArray_length, 8},
		{NP_F_FixedArray_data, 16}, {NP_F_PropertyArray_length_mask, 0x3ff}, {NP_F_String_length, 12},
		{NP_F_String_length_is_smi, 0}, {NP_F_String_chars, 16}, {NP_F_String_encoding_mask, 8},
		{NP_F_String_representation_mask, 7}, {NP_F_String_tag_seq, 0}, {NP_F_String_first_nonstring, 128},
		{NP_F_type_MAP, MAP}, {NP_F_type_SYMBOL, SYMBOL}, {NP_F_type_HEAP_NUMBER, HEAP_NUMBER},
		{NP_F_type_FIXED_ARRAY, FIXED_ARRAY}, {NP_F_type_FIXED_DOUBLE_ARRAY, FIXED_DOUBLE_ARRAY},
		{NP_F_type_BYTE_ARRAY, BYTE_ARRAY}, {NP_F_type_SHARED_FUNCTION_INFO, SHARED},
		{NP_F_type_BYTECODE_ARRAY, BYTECODE_ARRAY}, {NP_F_type_JS_OBJECT, JS_OBJECT},
		{NP_F_type_JS_ARRAY_BUFFER, JS_ARRAY_BUFFER}, {NP_F_type_FIRST_JS_RECEIVER, FIRST_RECEIVER},
		{NP_F_JSArrayBuffer_byte_length, 24}, {NP_F_JSArrayBuffer_backing_store, 32},
		{NP_F_SharedFunctionInfo_function_data, 8}, {NP_F_BytecodeArray_data, 54}, {NP_F_FreeSpace_size_in_words, 0},
		{NP_F_Chunk_alignment, CHUNK}, {NP_F_Chunk_from_page_shift, 3}, {NP_F_Chunk_to_page_shift, 4},
		{NP_F_SpaceId_old, 2}, {NP_F_SpaceId_large, 7}, {NP_F_Isolate_heap, ISOLATE_DISTANCE},
		{NP_F_Chunk_flags, 0}, {NP_F_Chunk_size, 0x10}, {NP_F_Chunk_heap, 0x18}, {NP_F_Chunk_area_start, 0x20},
		{NP_F_Chunk_area_end, 0x28}, {NP_F_Chunk_owner, 0x48},
	};
	for (int i = 0; i < NP_FACT_COUNT; i++)
		l->value[i] = NP_FACT_MISSING;
	for (size_t i = 0; i < NP_ARRAY_LEN(facts); i++)
		l->value[facts[i].fact] = facts[i].value;
	if (out_of_line)
		l->value[NP_F_Chunk_metadata] = 8;
}

static struct np_type_name types[] = {
	{BYTECODE_ARRAY, "BYTECODE_ARRAY_TYPE", "BytecodeArray"}, {FIXED_ARRAY, "FIXED_ARRAY_TYPE", "FixedArray"},
	{BYTE_ARRAY, "BYTE_ARRAY_TYPE", "ByteArray"}, {FIXED_DOUBLE_ARRAY, "FIXED_DOUBLE_ARRAY_TYPE", "FixedDoubleArray"},
	{DESCRIPTORS, "DESCRIPTOR_ARRAY_TYPE", "DescriptorArray"}, {FREE_SPACE, "FREE_SPACE_TYPE", "FreeSpace"},
	{FILLER, "FILLER_TYPE", "Filler"}, {PROPERTY_ARRAY, "PROPERTY_ARRAY_TYPE", "PropertyArray"},
	{MAP, "MAP_TYPE", "Map"}, {STRANGE, "STRANGE_TYPE", "Strange"},
};

static void add_mapping(struct fixture *f, np_addr start, uint64_t bytes)
{
	struct np_mapping m = {.start = start, .end = start + bytes, .prot = NP_PROT_R | NP_PROT_W, .path = ""};
	np_vec_push(&f->target.mappings, m);
}

static struct fixture *build(bool out_of_line)
{
	struct fixture *f = np_xcalloc(1, sizeof(*f));
	f->bytes = np_xcalloc(CHUNKS, CHUNK);
	f->native = np_xcalloc(1, NATIVE_BYTES);
	set_facts(&f->layout, out_of_line);
	f->layout.types = types;
	f->layout.type_count = NP_ARRAY_LEN(types);
	f->target.mem = np_mem_create();
	add_mapping(f, BASE, CHUNKS * CHUNK);
	add_mapping(f, NATIVE, NATIVE_BYTES);
	f->target.v8_image_tried = true;
	f->v8 = (np_v8){.target = &f->target, .mem = f->target.mem, .layout = &f->layout, .cache = np_v8_cache_create()};
	assert_null(np_mem_add_bytes(f->v8.mem, BASE, f->bytes, CHUNKS * CHUNK, NP_SEGMENT_LIVE, false));
	assert_null(np_mem_add_bytes(f->v8.mem, NATIVE, f->native, NATIVE_BYTES, NP_SEGMENT_LIVE, false));
	assert_null(np_mem_add_fault(f->v8.mem, BASE, NATIVE + NATIVE_BYTES, &f->fault));
	put64(f, SPACE, 0x1234);
	put64(f, SPACE + 8, HEAP_OBJECT);
	put32(f, SPACE + 16, 2);
	put32(f, SPACE + 20, 0xdeadbeef); /* what follows the number is not cleared */
	put64(f, LARGE_SPACE + 8, HEAP_OBJECT);
	put32(f, LARGE_SPACE + 16, 7);
	put_chunk(f, 0, CHUNK);
	put64(f, SPACE + 0x40, out_of_line ? METADATA : chunk_of(0)); /* the first of the list */
	f->next = chunk_of(0) + AREA_OFFSET;
	f->meta = new_map(f, MAP, 10, 0);
	f->array_map = new_map(f, FIXED_ARRAY, 0, 0);
	f->string_map = new_map(f, SEQ_ONE_BYTE, 0, 0);
	f->filler_map = new_map(f, FILLER, 1, 0);
	f->free_map = new_map(f, FREE_SPACE, 0, 0);
	assert_null(np_heap_create(&f->v8, &f->heap));
	return f;
}

static void again(struct fixture *f)
{
	np_heap_destroy(f->heap);
	np_v8_cache_clear(f->v8.cache);
	assert_null(np_heap_create(&f->v8, &f->heap));
}

static void tear_down(struct fixture *f)
{
	np_heap_destroy(f->heap);
	np_v8_cache_destroy(f->v8.cache);
	np_mem_destroy(f->v8.mem);
	np_vec_deinit(&f->target.mappings);
	free(f->bytes);
	free(f->native);
	free(f);
}

/* --- pages --- */

static void pages_of(bool out_of_line)
{
	struct fixture *f = build(out_of_line);
	fill_page(f, 0);
	put_chunk(f, 1, CHUNK);
	put_chunk(f, 2, 3 * CHUNK); /* a large object */
	put_chunk(f, 5, CHUNK);
	assert_int_equal(np_heap_page_count(f->heap), 4);
	for (size_t i = 0; i < 4; i++) {
		const struct np_page *p = np_heap_page(f->heap, i);
		assert_true(p->isolate == HEAP_OBJECT - ISOLATE_DISTANCE);
		assert_string_equal(np_space_name(p->space), i == 2 ? "large_object_space" : "old_space");
		assert_int_equal(p->is_large, i == 2);
	}
	/* The same without the index, from anywhere in them. */
	for (np_addr addr = BASE; addr < BASE + CHUNKS * CHUNK; addr += CHUNK / 4) {
		const struct np_page *indexed = np_heap_page_at(f->heap, addr);
		np_heap *fresh;
		assert_null(np_heap_create(&f->v8, &fresh));
		const struct np_page *single = np_heap_page_at(fresh, addr);
		assert_int_equal(indexed != NULL, single != NULL);
		if (single)
			assert_true(single->start == indexed->start && single->end == indexed->end);
		np_heap_destroy(fresh);
	}
	/* 5 is linked to 4, which is none, and nothing leads to it: out of use. */
	assert_true(np_heap_page(f->heap, 3)->is_retired);
	assert_false(np_heap_page(f->heap, 0)->is_retired);
	assert_false(np_heap_page(f->heap, 1)->is_retired);
	np_heap *fresh;
	assert_null(np_heap_create(&f->v8, &fresh));
	assert_true(np_heap_page_at(fresh, chunk_of(5))->is_retired);
	assert_false(np_heap_page_at(fresh, chunk_of(1))->is_retired);
	np_heap_destroy(fresh);
	tear_down(f);
}

static void test_pages(void **state)
{
	pages_of(false);
	pages_of(true);
}

static void test_what_is_no_page(void **state)
{
	struct fixture *f = build(false);
	static const struct {
		int32_t offset;
		uint64_t value;
	} damages[] = {
		{0x10, 0}, {0x10, 12345}, {0x10, UINT64_MAX}, {0x10, 0x100}, {0x18, 0}, {0x18, HEAP_OBJECT + 8}, {0x18, 1},
		{0x20, 0}, {0x20, BASE}, {0x20, BASE + 0x9000}, {0x20, UINT64_MAX}, {0x28, BASE}, {0x28, BASE + CHUNK + 8},
		{0x28, UINT64_MAX}, {0x48, 0}, {0x48, NATIVE + NATIVE_BYTES}, {0x48, HEAP_OBJECT}, {0x48, UINT64_MAX},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(damages); i++) {
		put_chunk(f, 0, CHUNK);
		again(f);
		assert_non_null(np_heap_page_at(f->heap, BASE));
		put64(f, BASE + (np_addr)damages[i].offset, damages[i].value);
		again(f);
		assert_null(np_heap_page_at(f->heap, BASE + 100));
		assert_int_equal(np_heap_page_count(f->heap), 0);
	}
	tear_down(f);
}

static void test_facts_are_needed(void **state)
{
	struct fixture *f = build(false);
	np_heap *heap;
	f->layout.value[NP_F_Chunk_owner] = NP_FACT_MISSING;
	np_err *err = np_heap_create(&f->v8, &heap);
	assert_int_equal(np_err_code(err), NP_EMISSING);
	assert_non_null(strstr(np_err_message(err), "Chunk.owner"));
	np_err_free(err);
	f->layout.value[NP_F_Chunk_owner] = 0x7fffffff;
	assert_int_equal(np_err_drop(np_heap_create(&f->v8, &heap)), NP_EFORMAT);
	f->layout.value[NP_F_Chunk_owner] = 0x48;
	f->layout.value[NP_F_Chunk_alignment] = 3 << 16;
	assert_int_equal(np_err_drop(np_heap_create(&f->v8, &heap)), NP_EFORMAT);
	f->layout.value[NP_F_Chunk_alignment] = CHUNK;
	tear_down(f);
}

/* --- sizes --- */

static void expect_size(struct fixture *f, uint16_t type, uint64_t word, uint64_t expected)
{
	np_addr object = new_object(f, new_map(f, type, 0, 0), 4);
	const struct np_map *map;
	uint64_t size = 0;
	put64(f, object + 8, word);
	assert_true(np_map_of(&f->v8, object, &map));
	bool ok = np_object_size(f->heap, object, map, &size);
	assert_int_equal(ok, expected != 0);
	assert_int_equal(size, expected);
}

static void test_sizes(void **state)
{
	struct fixture *f = build(false);
	expect_size(f, FIXED_ARRAY, smi(0), 16);
	expect_size(f, FIXED_ARRAY, smi(7), 72);
	expect_size(f, FIXED_DOUBLE_ARRAY, smi(3), 40);
	expect_size(f, BYTE_ARRAY, smi(9), 32);
	expect_size(f, BYTECODE_ARRAY, smi(3), 64);
	expect_size(f, PROPERTY_ARRAY, smi(0x7ffc03), 40); /* a hash above the length */
	expect_size(f, DESCRIPTORS, 0x20003, 24 + 3 * 24);
	expect_size(f, FREE_SPACE, smi(4096), 4096);
	expect_size(f, SEQ_ONE_BYTE, 9ull << 32, 32);
	expect_size(f, SEQ_TWO_BYTE, 9ull << 32, 40);
	f->layout.value[NP_F_FreeSpace_size_in_words] = 1;
	expect_size(f, FREE_SPACE, smi(4), 32);
	/* what cannot be: negative and absurd lengths, types and facts that nobody knows */
	expect_size(f, FIXED_ARRAY, smi(-1), 0);
	expect_size(f, FIXED_ARRAY, 0x1234567, 0);
	expect_size(f, FIXED_ARRAY, smi(0x7fffffff), 0);
	expect_size(f, SEQ_TWO_BYTE, 0xffffffffull << 32, 0);
	expect_size(f, FREE_SPACE, smi(0), 0);
	expect_size(f, STRANGE, smi(4), 0);
	f->layout.value[NP_F_BytecodeArray_data] = NP_FACT_MISSING;
	expect_size(f, BYTECODE_ARRAY, smi(3), 0);
	/* a fixed size is the map's */
	np_addr object = new_object(f, new_map(f, STRANGE, 5, 0), 5);
	const struct np_map *map;
	uint64_t size;
	assert_true(np_map_of(&f->v8, object, &map) && np_object_size(f->heap, object, map, &size));
	assert_int_equal(size, 40);
	tear_down(f);
}

/* --- look-ups --- */

static void expect_object(struct fixture *f, np_addr addr, np_addr object, uint64_t size, enum np_found how)
{
	struct np_heap_object o;
	np_err *err = np_heap_object_at(f->heap, addr, &o);
	assert_null(err);
	assert_true(o.addr == object);
	assert_int_equal(o.size_bytes, size);
	assert_int_equal(o.how, how);
}

static void expect_nothing(struct fixture *f, np_addr addr, enum np_code code)
{
	struct np_heap_object o;
	assert_int_equal(np_err_drop(np_heap_object_at(f->heap, addr, &o)), code);
}

static void test_objects_in_order(void **state)
{
	struct fixture *f = build(false);
	np_addr array = new_array(f, 5), string = new_string(f, "eleven char"), last = new_array(f, 1);
	fill_page(f, 0);
	for (np_addr a = array; a < array + 56; a++)
		expect_object(f, a, array, 56, NP_FOUND_EXACT);
	expect_object(f, string + 31, string, 32, NP_FOUND_EXACT);
	expect_object(f, last | 1, last, 24, NP_FOUND_EXACT);
	expect_object(f, f->meta + 9, f->meta, 80, NP_FOUND_EXACT);
	expect_nothing(f, BASE + 8, NP_ENOTFOUND);
	expect_nothing(f, BASE + 3 * CHUNK, NP_ENOTFOUND);
	struct np_page_walk w = {0};
	np_heap_walk_page(f->heap, np_heap_page_at(f->heap, BASE), NULL, NULL, &w);
	assert_int_equal(w.object_count, 5 + 3 + 1);
	assert_int_equal(w.object_bytes, CHUNK - AREA_OFFSET);
	assert_int_equal(w.free_bytes, BASE + CHUNK - f->next);
	assert_int_equal(w.gap_bytes + w.unknown_count + w.unreadable_bytes, 0);
	tear_down(f);
}

static void test_gaps(void **state)
{
	struct fixture *f = build(false);
	np_addr before = new_array(f, 2);
	np_addr gap = f->next;
	f->next += 4096; /* the unused end of an allocation buffer */
	np_addr after = new_array(f, 3);
	fill_page(f, 0);
	expect_object(f, before + 17, before, 32, NP_FOUND_EXACT);
	expect_object(f, after + 39, after, 40, NP_FOUND_RESYNC);
	expect_nothing(f, gap + 100, NP_ENOTFOUND);
	/* Left over in it: plausible, but nothing leads there. */
	np_addr end = f->next;
	f->next = gap + 1024;
	np_addr garbage = new_array(f, 4);
	f->next = end;
	expect_object(f, garbage + 30, garbage, 48, NP_FOUND_GUESS);
	expect_object(f, after, after, 40, NP_FOUND_RESYNC);
	/* An object without a formula ends where the next begins. */
	f->next = end;
	np_addr strange_map = new_map(f, STRANGE, 0, 0), strange = new_object(f, strange_map, 6), next = new_array(f, 1);
	fill_page(f, 0);
	expect_object(f, strange + 40, strange, 0, NP_FOUND_RESYNC);
	expect_object(f, next, next, 24, NP_FOUND_RESYNC);
	tear_down(f);
}

static void test_hostile_objects(void **state)
{
	struct fixture *f = build(false);
	np_addr array = new_array(f, 2), next = new_array(f, 2);
	fill_page(f, 0);
	static const uint64_t lengths[] = {0xffffffff00000000, 0x7fffffff00000000, 0x0001000000000000, 0x41414141};
	for (size_t i = 0; i < NP_ARRAY_LEN(lengths); i++) {
		put64(f, array + 8, lengths[i]); /* reaches behind the page, or is no length */
		struct np_heap_object o;
		np_err_free(np_heap_object_at(f->heap, array + 16, &o));
		expect_object(f, next + 8, next, 32, NP_FOUND_RESYNC);
	}
	/* maps that are their own instance, or none at all */
	put64(f, f->array_map, f->array_map | 1);
	np_v8_cache_clear(f->v8.cache);
	expect_nothing(f, next + 8, NP_ENOTFOUND);
	tear_down(f);
}

static void test_large_object(void **state)
{
	struct fixture *f = build(false);
	put_chunk(f, 2, 3 * CHUNK);
	np_addr object = chunk_of(2) + AREA_OFFSET;
	int32_t length = (3 * CHUNK - AREA_OFFSET) / 8 - 2 - 16;
	put64(f, object, f->array_map | 1);
	put64(f, object + 8, smi(length));
	put_chunk(f, 3, CHUNK); /* elements that look like a chunk are none */
	np_addr far = chunk_of(4) + 0x100;
	expect_object(f, far, object, 16 + 8 * (uint64_t)length, NP_FOUND_EXACT);
	assert_int_equal(np_heap_page_count(f->heap), 2);
	expect_object(f, far, object, 16 + 8 * (uint64_t)length, NP_FOUND_EXACT);
	expect_nothing(f, chunk_of(5) - 8, NP_ENOTFOUND);
	tear_down(f);
}

/* --- fields --- */

static np_addr new_point(struct fixture *f)
{
	np_addr x = new_string(f, "x"), y = new_string(f, "y");
	np_addr descriptors = new_object(f, new_map(f, DESCRIPTORS, 0, 0), 3 + 6);
	put64(f, descriptors + 8, 2);
	put64(f, descriptors + 24, x | 1);
	put64(f, descriptors + 32, smi(0 << 19));
	put64(f, descriptors + 48, y | 1);
	put64(f, descriptors + 56, smi(1 << 19));
	np_addr map = new_map(f, JS_OBJECT, 6, 3); /* three in-object slots, the last unused */
	put32(f, map + 16, 2 << 10);
	put64(f, map + 40, descriptors | 1);
	np_addr point = new_object(f, map, 6);
	put64(f, point + 8, smi(0));
	put64(f, point + 16, smi(0));
	put64(f, point + 24, smi(3));
	put64(f, point + 32, smi(4));
	return point;
}

static void field_at(struct fixture *f, np_addr addr, np_arena *arena, struct np_object_field *ret)
{
	struct np_heap_object o;
	assert_null(np_heap_object_at(f->heap, addr, &o));
	np_object_field_at(f->heap, &o, addr - o.addr, arena, ret);
}

static void test_fields(void **state)
{
	struct fixture *f = build(false);
	np_arena *arena = np_arena_create();
	np_addr point = new_point(f), array = new_array(f, 5), string = new_string(f, "abc");
	struct np_object_field field;
	fill_page(f, 0);
	field_at(f, point + 36, arena, &field); /* the second half of y */
	assert_int_equal(field.kind, NP_FIELD_PROPERTY);
	assert_string_equal(field.name, "y");
	assert_int_equal(field.offset, 32);
	assert_int_equal(np_smi_value(field.value), 4);
	field_at(f, point + 40, arena, &field);
	assert_int_equal(field.kind, NP_FIELD_UNUSED);
	field_at(f, point + 16, arena, &field);
	assert_int_equal(field.kind, NP_FIELD_INTERNAL);
	assert_string_equal(field.name, "elements");
	field_at(f, point, arena, &field);
	assert_int_equal(field.kind, NP_FIELD_MAP);
	field_at(f, array + 16 + 3 * 8 + 1, arena, &field);
	assert_int_equal(field.kind, NP_FIELD_ELEMENT);
	assert_int_equal(field.index, 3);
	assert_int_equal(np_smi_value(field.value), 103);
	field_at(f, string + 18, arena, &field);
	assert_int_equal(field.kind, NP_FIELD_CHARACTER);
	assert_int_equal(field.index, 2);
	assert_int_equal((int)field.number, 'c');
	field_at(f, string + 19, arena, &field); /* padding */
	assert_int_equal(field.kind, NP_FIELD_NONE);
	np_arena_destroy(arena);
	tear_down(f);
}

/* --- owners --- */

static void test_owners(void **state)
{
	struct fixture *f = build(false);
	np_addr buffer = new_object(f, new_map(f, JS_ARRAY_BUFFER, 6, 6), 6);
	np_addr store = NATIVE + 0x9000;
	put64(f, buffer + 24, 1000);
	put64(f, buffer + 32, store);
	np_addr bytecode = new_object(f, new_map(f, BYTECODE_ARRAY, 0, 0), 8);
	np_addr shared = new_object(f, new_map(f, SHARED, 8, 0), 8);
	put64(f, shared + 8, bytecode | 1);
	np_addr decoy = new_array(f, 3); /* holds the same words, and owns nothing */
	put64(f, decoy + 16, store);
	put64(f, decoy + 24, bytecode | 1);
	fill_page(f, 0);
	struct np_owner owner;
	assert_null(np_heap_find_owner(f->heap, store + 999, NATIVE, &owner));
	assert_true(owner.object == buffer && owner.start == store && owner.size_bytes == 1000);
	assert_int_equal(np_err_drop(np_heap_find_owner(f->heap, store + 1000, NATIVE, &owner)), NP_ENOTFOUND);
	assert_int_equal(np_err_drop(np_heap_find_owner(f->heap, store - 1, NATIVE, &owner)), NP_ENOTFOUND);
	np_addr found;
	assert_null(np_heap_find_shared(f->heap, bytecode, &found));
	assert_true(found == shared);
	assert_int_equal(np_err_drop(np_heap_find_shared(f->heap, decoy, &found)), NP_ENOTFOUND);
	tear_down(f);
}

/* --- malloc --- */

static void test_malloc_chunks(void **state)
{
	struct fixture *f = build(false);
	struct np_malloc_chunk chunk;
	memset(f->native, 0, NATIVE_BYTES);
	static const uint64_t sizes[] = {0x20, 0x100, 0x30, 0x400};
	np_addr addr = NATIVE, last = NATIVE;
	for (size_t i = 0; i < NP_ARRAY_LEN(sizes); i++) { /* the third is free */
		put64(f, addr + 8, sizes[i] | (i == 3 ? 0 : 1));
		last = addr;
		addr += sizes[i];
	}
	put64(f, addr + 8, (NATIVE + NATIVE_BYTES - addr) | 1); /* top */
	assert_true(np_malloc_chunk_at(&f->target, NATIVE + 0x20 + 0x50, &chunk));
	assert_true(chunk.start == NATIVE + 0x30 && chunk.size_bytes == 0xf8 && chunk.is_used && !chunk.is_top);
	assert_true(np_malloc_chunk_at(&f->target, NATIVE + 0x120 + 0x18, &chunk));
	assert_true(chunk.start == NATIVE + 0x130 && !chunk.is_used);
	/* a used chunk reaches into the header of the next one */
	assert_true(np_malloc_chunk_at(&f->target, addr + 7, &chunk));
	assert_true(chunk.start == last + 16 && chunk.is_used);
	assert_true(np_malloc_chunk_at(&f->target, NATIVE + NATIVE_BYTES - 1, &chunk));
	assert_true(chunk.is_top);
	/* a broken chain tells nothing behind the break */
	put64(f, NATIVE + 0x20 + 8, 0x105);
	assert_false(np_malloc_chunk_at(&f->target, NATIVE + 0x200, &chunk));
	put64(f, NATIVE + 0x20 + 8, UINT64_MAX);
	assert_false(np_malloc_chunk_at(&f->target, NATIVE + 0x200, &chunk));
	put64(f, NATIVE + 8, 0);
	assert_false(np_malloc_chunk_at(&f->target, NATIVE + 0x200, &chunk));
	assert_false(np_malloc_chunk_at(&f->target, 0x1000, &chunk));
	tear_down(f);
}

/* --- reads that fail, one after the other --- */

static void look_around(struct fixture *f, np_arena *arena, np_addr object)
{
	struct np_heap_object o;
	struct np_object_field field;
	struct np_owner owner;
	again(f);
	if (!np_err_drop(np_heap_object_at(f->heap, object + 24, &o)))
		np_object_field_at(f->heap, &o, 24, arena, &field);
	np_err_free(np_heap_find_owner(f->heap, NATIVE + 0x9000, NATIVE, &owner));
}

static void test_every_read_fails_once(void **state)
{
	struct fixture *f = build(true);
	np_arena *arena = np_arena_create();
	np_addr point = new_point(f);
	fill_page(f, 0);
	look_around(f, arena, point);
	uint64_t reads = f->fault.reads;
	assert_true(reads > 20);
	for (uint64_t i = 0; i < reads; i++) {
		f->fault = (struct np_fault){.fail_from = i, .fail_count = 1};
		look_around(f, arena, point);
		f->fault = (struct np_fault){.fail_from = i, .fail_count = UINT64_MAX};
		look_around(f, arena, point);
	}
	f->fault = (struct np_fault){.fail_count = 0};
	again(f);
	expect_object(f, point + 24, point, 48, NP_FOUND_EXACT);
	np_arena_destroy(arena);
	tear_down(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_what_is_no_page),
		cmocka_unit_test(test_facts_are_needed),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_objects_in_order),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_hostile_objects),
		cmocka_unit_test(test_large_object),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_malloc_chunks),
		cmocka_unit_test(test_every_read_fails_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Roots of an isolate that is built here: its tables and handles in every form
 * that V8 has given them, hostile ones, and reads that fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap/roots.h"
#include "mem/fault.h"
#include "target/internal.h"
#include "v8/cache.h"

enum {
	CHUNK = 256 << 10, AREA_OFFSET = 0x1000, NATIVE_BYTES = 1 << 20, STACK_BYTES = 0x2000, TABLE_BYTES = 0x8000,
	HANDLES = 1022, /* in a block of a handle scope */
	ISOLATE_HEAP = 0x8000,
	/* words of the Isolate */
	AT_CONTEXT = 4, AT_SCOPE_DATA = 8, AT_TABLE = 64, TABLE_WORDS = 200, AT_BUILTINS = 512, BUILTINS = 60,
	AT_LISTS = ISOLATE_HEAP / 8 + 8, AT_POINTERS = 0x9000 / 8,
};
#define BASE 0x10000000ull /* chunk 0: this isolate's; chunk 1: another's */
#define NATIVE 0x50000000ull
#define DISPATCH 0x58000000ull
#define IMAGE 0x70000000ull
#define STACK 0x7f0000000000ull
#define ISOLATE (NATIVE + 0x10000)
#define OTHER_ISOLATE (NATIVE + 0x40000)
#define SPACE (NATIVE + 0x100)
#define OTHER_SPACE (NATIVE + 0x200)
#define HEAP_OBJECT (ISOLATE + ISOLATE_HEAP)

enum { /* instance types */
	STRING = 8, EXTERNAL_STRING = 10, MAP = 278, FIXED_ARRAY = 205, CODE = 187, JS_OBJECT = 1057, API_OBJECT = 1058,
	FIRST_RECEIVER = 1024, CONTEXT = 220, NATIVE_CONTEXT = 227, ALLOCATION_SITE = 143, ODDBALL = 131,
};

struct seen {
	struct np_root *roots;
	size_t count, room, limit;
	struct np_roots_report report;
};

struct fixture {
	np_v8 v8;
	np_layout layout;
	struct np_target target;
	uint8_t *chunks, *native, *stack, *dispatch, image[64];
	np_heap *heap;
	np_addr next, native_next;
	np_addr meta, object_map, code_map, string_map, external_map, array_map, context_map, site_map, oddball_map;
	np_addr api_map;
	struct np_fault fault;
	struct seen seen;
};

static uint64_t smi(int32_t n)
{
	return (uint64_t)(uint32_t)n << 32;
}

static void put64(struct fixture *f, np_addr addr, uint64_t value)
{
	static const np_addr starts[] = {BASE, NATIVE, DISPATCH, STACK};
	static const size_t sizes[] = {2 * CHUNK, NATIVE_BYTES, TABLE_BYTES, STACK_BYTES};
	uint8_t *bytes[] = {f->chunks, f->native, f->dispatch, f->stack};
	for (size_t i = 0; i < NP_ARRAY_LEN(starts); i++) {
		if (addr >= starts[i] && addr + 8 <= starts[i] + sizes[i]) {
			memcpy(bytes[i] + (addr - starts[i]), &value, 8);
			return;
		}
	}
	fail();
}

static void put8(struct fixture *f, np_addr addr, uint8_t value)
{
	assert_true(addr >= NATIVE && addr < NATIVE + NATIVE_BYTES);
	f->native[addr - NATIVE] = value;
}

static void put_word(struct fixture *f, size_t word, uint64_t value)
{
	put64(f, ISOLATE + 8 * word, value);
}

static np_addr new_object(struct fixture *f, np_addr map, size_t words)
{
	np_addr object = f->next;
	f->next += 8 * words;
	put64(f, object, map | 1);
	return object;
}

static np_addr new_map(struct fixture *f, uint16_t type, uint8_t words)
{
	np_addr map = f->next;
	f->next += 80;
	put64(f, map, (f->meta ? f->meta : map) | 1);
	put64(f, map + 8, words | (uint64_t)type << 32);
	return map;
}

static uint64_t new_thing(struct fixture *f)
{
	return new_object(f, f->object_map, 4) | 1;
}

static np_addr new_native(struct fixture *f, size_t bytes)
{
	np_addr addr = f->native_next;
	f->native_next += (bytes + 63) & ~(size_t)63;
	assert_true(f->native_next < NATIVE + NATIVE_BYTES);
	return addr;
}

/* A native object that begins with the Isolate, which leads to it. */
static np_addr new_of_isolate(struct fixture *f, size_t place, size_t bytes)
{
	np_addr addr = new_native(f, bytes);
	put64(f, addr, ISOLATE);
	put_word(f, AT_POINTERS + place, addr);
	return addr;
}

static void put_chunk(struct fixture *f, np_addr chunk, np_addr heap, np_addr space)
{
	put64(f, chunk, 4);
	put64(f, chunk + 0x10, CHUNK);
	put64(f, chunk + 0x18, heap);
	put64(f, chunk + 0x20, chunk + AREA_OFFSET);
	put64(f, chunk + 0x28, chunk + CHUNK);
	put64(f, chunk + 0x48, space);
	put64(f, space + 8, heap);
	put64(f, space + 16, 2);
	put64(f, space + 0x40, chunk);
}

static struct np_type_name types[] = {
	{ODDBALL, "ODDBALL_TYPE", "Oddball"}, {ALLOCATION_SITE, "ALLOCATION_SITE_TYPE", "AllocationSite"},
	{CODE, "CODE_TYPE", "Code"}, {FIXED_ARRAY, "FIXED_ARRAY_TYPE", "FixedArray"},
	{NATIVE_CONTEXT, "NATIVE_CONTEXT_TYPE", "NativeContext"}, {MAP, "MAP_TYPE", "Map"},
	{JS_OBJECT, "JS_OBJECT_TYPE", "JSObject"},
};

static void set_facts(np_layout *l)
{
	static const struct {
		enum np_fact fact;
		int32_t value;
	} facts[] = {
		{NP_F_Map_instance_size, 8}, {NP_F_Map_inobject, 9}, {NP_F_Map_inobject_is_count, 0},
		{NP_F_Map_instance_type, 12}, {NP_F_Map_instance_type_bytes, 2}, {NP_F_Map_bit_field3, 16},
		{NP_F_Map_own_descriptors_mask, 0x3ff << 10}, {NP_F_Map_own_descriptors_shift, 10},
		{NP_F_Map_prototype, 24}, {NP_F_Map_constructor, 32}, {NP_F_Map_descriptors, 40},
		{NP_F_FixedArray_length, 8}, {NP_F_FixedArray_data, 16}, {NP_F_String_representation_mask, 7},
		{NP_F_String_tag_seq, 0}, {NP_F_String_tag_external, 2}, {NP_F_String_first_nonstring, 128},
		{NP_F_type_MAP, MAP}, {NP_F_type_FIXED_ARRAY, FIXED_ARRAY}, {NP_F_type_CODE, CODE},
		{NP_F_type_JS_OBJECT, JS_OBJECT}, {NP_F_type_FIRST_JS_RECEIVER, FIRST_RECEIVER},
		{NP_F_type_ODDBALL, ODDBALL}, {NP_F_Context_first_type, CONTEXT},
		{NP_F_Context_last_type, NATIVE_CONTEXT}, {NP_F_Chunk_alignment, CHUNK}, {NP_F_SpaceId_old, 2},
		{NP_F_Isolate_heap, ISOLATE_HEAP}, {NP_F_Chunk_flags, 0}, {NP_F_Chunk_size, 0x10},
		{NP_F_Chunk_heap, 0x18}, {NP_F_Chunk_area_start, 0x20}, {NP_F_Chunk_area_end, 0x28},
		{NP_F_Chunk_owner, 0x48},
	};
	for (int i = 0; i < NP_FACT_COUNT; i++)
		l->value[i] = NP_FACT_MISSING;
	for (size_t i = 0; i < NP_ARRAY_LEN(facts); i++)
		l->value[facts[i].fact] = facts[i].value;
	l->types = types;
	l->type_count = NP_ARRAY_LEN(types);
}

static void add_memory(struct fixture *f, np_addr start, void *bytes, size_t len, np_image *image)
{
	struct np_mapping m = {.start = start, .end = start + len, .prot = NP_PROT_R | (image ? NP_PROT_X : NP_PROT_W),
			       .path = "", .image = image};
	np_vec_push(&f->target.mappings, m);
	assert_null(np_mem_add_bytes(f->v8.mem, start, bytes, len, NP_SEGMENT_LIVE, false));
}

static struct fixture *build(void)
{
	struct fixture *f = np_xcalloc(1, sizeof(*f));
	f->chunks = np_xcalloc(2, CHUNK);
	f->native = np_xcalloc(1, NATIVE_BYTES);
	f->stack = np_xcalloc(1, STACK_BYTES);
	f->dispatch = np_xcalloc(1, TABLE_BYTES);
	set_facts(&f->layout);
	f->target.mem = np_mem_create();
	f->target.v8_image_tried = true;
	f->v8 = (np_v8){.target = &f->target, .mem = f->target.mem, .layout = &f->layout};
	f->v8.cache = np_v8_cache_create();
	add_memory(f, BASE, f->chunks, 2 * CHUNK, NULL);
	add_memory(f, NATIVE, f->native, NATIVE_BYTES, NULL);
	add_memory(f, DISPATCH, f->dispatch, TABLE_BYTES, NULL);
	add_memory(f, IMAGE, f->image, sizeof(f->image), (np_image *)(uintptr_t)1);
	add_memory(f, STACK, f->stack, STACK_BYTES, NULL);
	assert_null(np_mem_add_fault(f->v8.mem, BASE, STACK + STACK_BYTES, &f->fault));
	put_chunk(f, BASE, HEAP_OBJECT, SPACE);
	put_chunk(f, BASE + CHUNK, OTHER_ISOLATE + ISOLATE_HEAP, OTHER_SPACE);
	f->next = BASE + AREA_OFFSET;
	f->native_next = NATIVE + 0x70000;
	f->meta = new_map(f, MAP, 10);
	f->object_map = new_map(f, JS_OBJECT, 4);
	f->api_map = new_map(f, API_OBJECT, 4);
	f->code_map = new_map(f, CODE, 4);
	f->string_map = new_map(f, STRING, 0);
	f->external_map = new_map(f, EXTERNAL_STRING, 0);
	f->array_map = new_map(f, FIXED_ARRAY, 0);
	f->context_map = new_map(f, NATIVE_CONTEXT, 0);
	f->site_map = new_map(f, ALLOCATION_SITE, 4);
	f->oddball_map = new_map(f, ODDBALL, 4);
	f->seen.limit = SIZE_MAX;
	assert_null(np_heap_create(&f->v8, &f->heap));
	return f;
}

static void tear_down(struct fixture *f)
{
	np_heap_destroy(f->heap);
	np_v8_cache_destroy(f->v8.cache);
	np_mem_destroy(f->v8.mem);
	np_vec_deinit(&f->target.mappings);
	np_vec_deinit(&f->target.threads);
	free(f->seen.roots);
	free(f->chunks);
	free(f->native);
	free(f->stack);
	free(f->dispatch);
	free(f);
}

static bool on_root(void *ctx, const struct np_root *root)
{
	struct seen *seen = ctx;
	if (seen->count == seen->room) {
		seen->room = seen->room ? 2 * seen->room : 64;
		seen->roots = np_xrealloc(seen->roots, seen->room * sizeof(*seen->roots));
	}
	seen->roots[seen->count++] = *root;
	return seen->count < seen->limit;
}

static void visit(struct fixture *f)
{
	f->seen.count = 0;
	assert_null(np_roots_visit(f->heap, ISOLATE, on_root, &f->seen, &f->seen.report));
	size_t counts[NP_ROOT_KIND_COUNT] = {0};
	for (size_t i = 0; i < f->seen.count; i++)
		counts[f->seen.roots[i].kind]++;
	for (int k = 0; k < NP_ROOT_KIND_COUNT; k++)
		assert_int_equal(counts[k], f->seen.report.count[k]);
}

static const struct np_root *find(const struct fixture *f, enum np_root_kind kind, uint64_t value)
{
	for (size_t i = 0; i < f->seen.count; i++)
		if (f->seen.roots[i].kind == kind && f->seen.roots[i].value.raw == value)
			return &f->seen.roots[i];
	return NULL;
}

static void expect(const struct fixture *f, enum np_root_kind kind, size_t count, bool exact)
{
	assert_int_equal(f->seen.report.count[kind], count);
	assert_int_equal(f->seen.report.exact[kind], exact);
}

/* --- the Isolate's own words --- */

static void put_table(struct fixture *f)
{
	for (size_t i = 0; i < TABLE_WORDS; i++)
		put_word(f, AT_TABLE + i, i % 10 == 9 ? smi((int32_t)i) : new_thing(f));
}

static void test_tables(void **state)
{
	struct fixture *f = build();
	put_table(f);
	for (size_t i = 0; i < BUILTINS; i++)
		put_word(f, AT_BUILTINS + i, new_object(f, f->code_map, 4) | 1);
	visit(f);
	expect(f, NP_ROOT_STRONG_LIST, TABLE_WORDS - TABLE_WORDS / 10, true);
	expect(f, NP_ROOT_BUILTINS, BUILTINS, true);
	expect(f, NP_ROOT_ISOLATE_FIELD, 0, false);
	for (int k = 0; k < NP_ROOT_KIND_COUNT; k++)
		assert_true(strlen(np_root_kind_name((enum np_root_kind)k)) > 0);
	tear_down(f);
}

static void test_string_table_is_weak(void **state)
{
	enum { CAPACITY = 1024, HEADER = 3 };
	struct fixture *f = build();
	put_table(f);
	np_addr table = new_object(f, f->array_map, 2 + HEADER + CAPACITY), string = new_object(f, f->string_map, 4);
	put64(f, table + 8, smi(HEADER + CAPACITY));
	put64(f, table + 16, smi(CAPACITY));
	put64(f, table + 32, smi(CAPACITY));
	for (int i = 0; i < CAPACITY; i++)
		put64(f, table + 40 + 8 * (np_addr)i, string | 1);
	put_word(f, AT_TABLE + 3, table | 1);
	visit(f);
	expect(f, NP_ROOT_STRING_TABLE, 1, true);
	assert_true(find(f, NP_ROOT_STRING_TABLE, table | 1)->is_weak);
	/* Strings alone do not make one. */
	put64(f, table + 32, smi(5));
	visit(f);
	expect(f, NP_ROOT_STRING_TABLE, 0, false);
	assert_false(find(f, NP_ROOT_STRONG_LIST, table | 1)->is_weak);
	tear_down(f);
}

static void test_fields(void **state)
{
	struct fixture *f = build();
	uint64_t context = new_object(f, f->context_map, 4) | 1, site = new_object(f, f->site_map, 4) | 1;
	uint64_t other = new_thing(f);
	put_word(f, AT_CONTEXT, context);
	put_word(f, AT_CONTEXT + 2, other);
	put_word(f, AT_LISTS, context);
	put_word(f, AT_LISTS + 1, site);
	put_word(f, AT_CONTEXT + 3, (BASE + CHUNK + AREA_OFFSET) | 1); /* of the other isolate */
	visit(f);
	expect(f, NP_ROOT_ISOLATE_FIELD, 4, false);
	assert_false(f->seen.roots[0].is_weak);
	assert_true(f->seen.roots[0].slot == ISOLATE + 8 * AT_CONTEXT && f->seen.roots[0].value.raw == context);
	assert_false(find(f, NP_ROOT_ISOLATE_FIELD, other)->is_weak);
	assert_true(f->seen.roots[2].is_weak && f->seen.roots[2].slot == ISOLATE + 8 * AT_LISTS);
	assert_true(find(f, NP_ROOT_ISOLATE_FIELD, site)->is_weak);
	/* A Heap that is the first thing in the Isolate has the current context behind it. */
	f->layout.value[NP_F_Isolate_heap] = 16;
	put64(f, BASE + 0x18, ISOLATE + 16);
	put64(f, SPACE + 8, ISOLATE + 16);
	np_heap_destroy(f->heap);
	assert_null(np_heap_create(&f->v8, &f->heap));
	visit(f);
	assert_false(f->seen.roots[0].is_weak);
	assert_true(f->seen.roots[2].is_weak);
	/* Where contexts are plain arrays the list is known by what follows. */
	for (size_t i = 0; i < NP_ARRAY_LEN(types); i++)
		if (types[i].type == NATIVE_CONTEXT)
			types[i].name = "FIXED_ARRAY_TYPE";
	visit(f);
	assert_false(f->seen.roots[0].is_weak);
	assert_true(f->seen.roots[2].is_weak);
	for (size_t i = 0; i < NP_ARRAY_LEN(types); i++)
		if (types[i].type == NATIVE_CONTEXT)
			types[i].name = "NATIVE_CONTEXT_TYPE";
	tear_down(f);
}

static void test_vectors(void **state)
{
	enum { COUNT = 40 };
	struct fixture *f = build();
	np_addr cache = new_native(f, 8 * COUNT), strings = new_native(f, 8 * COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		put64(f, cache + 8 * i, i % 20 == 7 ? smi(1) : new_thing(f));
		put64(f, strings + 8 * i, new_object(f, f->external_map, 4) | 1);
	}
	size_t at = AT_POINTERS;
	put_word(f, at, cache);
	put_word(f, at + 1, cache + 8 * COUNT);
	put_word(f, at + 2, cache + 8 * COUNT);
	put_word(f, at + 4, strings);
	put_word(f, at + 5, strings + 8 * COUNT);
	put_word(f, at + 6, strings + 8 * COUNT + 64);
	visit(f);
	expect(f, NP_ROOT_STARTUP_CACHE, COUNT - 2, true);
	/* Objects and other things: nothing that is known. */
	put64(f, cache + 8, 12345);
	visit(f);
	expect(f, NP_ROOT_STARTUP_CACHE, 0, false);
	tear_down(f);
}

/* --- handles --- */

static np_addr new_handles(struct fixture *f, size_t count)
{
	np_addr block = new_native(f, 8 * HANDLES);
	for (size_t i = 0; i < count; i++)
		put64(f, block + 8 * i, new_thing(f));
	return block;
}

enum list_form { LIST_VECTOR, LIST_SIZES, LIST_INTS, LIST_BEHIND };

static void put_list(struct fixture *f, np_addr at, enum list_form form, np_addr data, uint64_t count)
{
	if (form == LIST_BEHIND) {
		np_addr vector = new_native(f, 24);
		put64(f, at, vector);
		at = vector;
	}
	put64(f, at, data);
	put64(f, at + 8, form == LIST_SIZES ? 8 : form == LIST_INTS ? 8 | count << 32 : data + 8 * count);
	put64(f, at + 16, form == LIST_SIZES ? count : form == LIST_INTS ? 0 : data + 64);
}

static void scopes_of(enum list_form form)
{
	enum { USED = 5 };
	struct fixture *f = build();
	np_addr implementer = new_of_isolate(f, 0, 0x80), blocks = new_native(f, 64), contexts = new_native(f, 64);
	np_addr first = new_handles(f, HANDLES), last = new_handles(f, USED + 3);
	uint64_t context = new_object(f, f->context_map, 4) | 1;
	put64(f, blocks, first);
	put64(f, blocks + 8, last);
	put_list(f, implementer + 8, form, blocks, 2);
	put64(f, contexts, context);
	put_list(f, implementer + 0x20, form, contexts, 1);
	put_word(f, AT_SCOPE_DATA, last + 8 * USED);
	put_word(f, AT_SCOPE_DATA + 1, last + 8 * HANDLES);
	put_word(f, AT_SCOPE_DATA + 2, 3);
	visit(f);
	expect(f, NP_ROOT_HANDLE_SCOPE, HANDLES + USED + 1, true);
	assert_true(find(f, NP_ROOT_HANDLE_SCOPE, context)->slot == contexts);
	/* Closed, all of them: only the context tells what this is. */
	put_word(f, AT_SCOPE_DATA, 0);
	put_word(f, AT_SCOPE_DATA + 1, 0);
	put_list(f, implementer + 8, form, blocks, 0);
	visit(f);
	expect(f, NP_ROOT_HANDLE_SCOPE, 1, true);
	tear_down(f);
}

static void test_handle_scopes(void **state)
{
	for (int form = LIST_VECTOR; form <= LIST_BEHIND; form++)
		scopes_of((enum list_form)form);
}

static void test_handle_scopes_not_found(void **state)
{
	struct fixture *f = build();
	np_addr block = new_handles(f, 4);
	put_word(f, AT_SCOPE_DATA, block + 32);
	put_word(f, AT_SCOPE_DATA + 1, block + 8 * HANDLES);
	visit(f);
	expect(f, NP_ROOT_HANDLE_SCOPE, 0, false);
	assert_true(f->seen.report.count[NP_ROOT_CONSERVATIVE] >= 4);
	assert_non_null(f->seen.report.note);
	tear_down(f);
}

/* Nodes of 32 bytes {object, class id, index, flags, ...}; flags cycle through `states`. */
static np_addr new_nodes(struct fixture *f, const uint8_t *states, size_t state_count)
{
	enum { NODES = 256, BYTES = 32, TAIL = 48 };
	np_addr block = new_native(f, NODES * BYTES + TAIL);
	uint64_t object = new_thing(f);
	for (size_t i = 0; i < NODES; i++) {
		uint8_t flags = states[i % state_count];
		put64(f, block + BYTES * i, flags & 3 ? object : 0x1baffed00baffedfull);
		put8(f, block + BYTES * i + 10, (uint8_t)i);
		put8(f, block + BYTES * i + 11, flags);
	}
	return block;
}

static void test_global_handles(void **state)
{
	static const uint8_t states[] = {0, 1, 2, 1 | 4 /* young */, 2 | 4, 0, 1, 0};
	struct fixture *f = build();
	np_addr handles = new_of_isolate(f, 0, 0x80), space = new_native(f, 64);
	np_addr a = new_nodes(f, states, 8), b = new_nodes(f, states, 8);
	put64(f, handles + 8, space);
	put64(f, space, handles);
	put64(f, space + 8, a);
	for (int i = 0; i < 2; i++) {
		np_addr tail = (i ? b : a) + 256 * 32;
		put64(f, tail, i ? a : b); /* a circle */
		put64(f, tail + 8, handles);
	}
	visit(f);
	expect(f, NP_ROOT_GLOBAL_HANDLE, 2 * 256 / 8 * 3, true);
	expect(f, NP_ROOT_WEAK_GLOBAL_HANDLE, 2 * 256 / 8 * 2, true);
	for (size_t i = 0; i < f->seen.count; i++)
		assert_int_equal(f->seen.roots[i].is_weak, f->seen.roots[i].kind == NP_ROOT_WEAK_GLOBAL_HANDLE);
	/* As long ago: the blocks right in GlobalHandles, which they do not know. */
	put64(f, handles + 8, 3);
	put64(f, handles + 24, a);
	put64(f, a + 256 * 32 + 8, 160);
	put64(f, b + 256 * 32 + 8, 160);
	visit(f);
	expect(f, NP_ROOT_GLOBAL_HANDLE, 2 * 256 / 8 * 3, true);
	/* One index is wrong: no block, and so no handles. */
	put8(f, a + 32 * 77 + 10, 78);
	visit(f);
	expect(f, NP_ROOT_GLOBAL_HANDLE, 0, false);
	assert_non_null(f->seen.report.note);
	assert_true(f->seen.report.count[NP_ROOT_CONSERVATIVE] > 0); /* words stand in for them */
	tear_down(f);
}

static void test_eternal_handles(void **state)
{
	enum { COUNT = 300 };
	struct fixture *f = build();
	np_addr eternal = new_native(f, 64), blocks = new_native(f, 64);
	put_word(f, AT_POINTERS, eternal);
	put64(f, eternal, COUNT);
	for (size_t i = 0; i < 2; i++) {
		np_addr block = new_native(f, 256 * 8);
		put64(f, blocks + 8 * i, block);
		for (size_t k = 0; k < 256 && 256 * i + k < COUNT; k++)
			put64(f, block + 8 * k, new_thing(f));
	}
	put_list(f, eternal + 8, LIST_VECTOR, blocks, 2);
	visit(f);
	expect(f, NP_ROOT_ETERNAL, COUNT, true);
	put64(f, eternal, COUNT + 500); /* more than the blocks hold */
	visit(f);
	expect(f, NP_ROOT_ETERNAL, 0, false);
	tear_down(f);
}

static void test_traced_handles(void **state)
{
	enum { HEADER = 0x48, NODES = 256 };
	struct fixture *f = build();
	np_addr handles = new_native(f, 64), block = new_native(f, HEADER + 16 * NODES);
	uint64_t wrapper = new_object(f, f->api_map, 4) | 1, thing = new_thing(f);
	put_word(f, AT_POINTERS, handles);
	put64(f, handles + 8, block);
	put64(f, block + 8, block + 8); /* links to itself */
	put64(f, block + 0x38, 2 | NODES << 16 | 0xffffull << 32);
	for (size_t i = 0; i < NODES; i++)
		put64(f, block + HEADER + 16 * i + 8, (uint64_t)i << 16 | (i + 1) | (i < 2 ? 1ull << 32 : 0));
	put64(f, block + HEADER, wrapper);
	put64(f, block + HEADER + 16, thing);
	put64(f, block + HEADER + 32, thing); /* not in use */
	visit(f);
	expect(f, NP_ROOT_TRACED_HANDLE, 2, true);
	assert_true(find(f, NP_ROOT_TRACED_HANDLE, wrapper)->is_weak);
	assert_false(find(f, NP_ROOT_TRACED_HANDLE, thing)->is_weak);
	tear_down(f);
}

/* --- other native memory --- */

static void test_compilation_cache(void **state)
{
	struct fixture *f = build();
	np_addr cache = new_of_isolate(f, 0, 0x60);
	for (size_t i = 0; i < 4; i++) {
		put64(f, cache + 8 + 16 * i, ISOLATE);
		put64(f, cache + 16 + 16 * i, new_thing(f));
	}
	uint64_t last = new_thing(f);
	put64(f, cache + 16 + 16 * 3 + 8, last);
	visit(f);
	expect(f, NP_ROOT_COMPILATION_CACHE, 5, true);
	assert_non_null(find(f, NP_ROOT_COMPILATION_CACHE, last));
	/* Generations. */
	cache = new_of_isolate(f, 0, 0x80);
	for (size_t i = 0; i < 4; i++) {
		np_addr tables = new_native(f, 64);
		put64(f, tables, new_thing(f));
		put64(f, tables + 8, new_thing(f));
		put64(f, cache + 8 + 24 * i, ISOLATE);
		put64(f, cache + 16 + 24 * i, 2);
		put64(f, cache + 24 + 24 * i, tables);
	}
	visit(f);
	expect(f, NP_ROOT_COMPILATION_CACHE, 8, true);
	/* The same, in place. */
	cache = new_of_isolate(f, 0, 0x100);
	for (size_t i = 0; i < 3; i++) {
		put64(f, cache + 16 + 40 * i, ISOLATE);
		put64(f, cache + 24 + 40 * i, 2);
		put64(f, cache + 32 + 40 * i, new_thing(f));
		put64(f, cache + 40 + 40 * i, new_thing(f));
	}
	visit(f);
	expect(f, NP_ROOT_COMPILATION_CACHE, 6, true);
	tear_down(f);
}

static void put_queue(struct fixture *f, np_addr queue, uint64_t size, uint64_t start, np_addr ring, np_addr next)
{
	put64(f, queue, IMAGE);
	put64(f, queue + 0x10, size);
	put64(f, queue + 0x18, ring ? 8 : 0);
	put64(f, queue + 0x20, start);
	put64(f, queue + 0x28, ring);
	put64(f, queue + 0x40, next);
	put64(f, queue + 0x48, next);
}

static void test_microtasks(void **state)
{
	struct fixture *f = build();
	np_addr a = new_native(f, 0x80), b = new_native(f, 0x80), ring = new_native(f, 64), other = new_native(f, 64);
	put_word(f, AT_POINTERS, a);
	for (size_t i = 0; i < 8; i++) {
		put64(f, ring + 8 * i, new_thing(f));
		put64(f, other + 8 * i, new_thing(f));
	}
	put_queue(f, a, 3, 6, ring, b); /* 6, 7, 0 */
	put_queue(f, b, 2, 1, other, a);
	visit(f);
	expect(f, NP_ROOT_MICROTASK, 5, true);
	put_queue(f, a, 0, 0, 0, a);
	visit(f);
	expect(f, NP_ROOT_MICROTASK, 0, true);
	put_queue(f, a, 9, 0, ring, a); /* more than its ring holds */
	visit(f);
	expect(f, NP_ROOT_MICROTASK, 0, false);
	tear_down(f);
}

static void test_dispatch_table(void **state)
{
	enum { ENTRIES = 100 };
	struct fixture *f = build();
	put_word(f, AT_POINTERS, DISPATCH);
	for (size_t i = 0; i < ENTRIES; i++) {
		put64(f, DISPATCH + 16 * (i + 7), IMAGE);
		put64(f, DISPATCH + 16 * (i + 7) + 8, new_object(f, f->code_map, 4) << 16 | 3);
	}
	put64(f, DISPATCH + 16 * 200 + 8, 0xffffull << 48 | 17); /* free */
	visit(f);
	expect(f, NP_ROOT_DISPATCH_TABLE, ENTRIES, true);
	f->layout.value[NP_F_JSFunction_code] = 48; /* functions know their code: there is no table */
	visit(f);
	expect(f, NP_ROOT_DISPATCH_TABLE, 0, false);
	tear_down(f);
}

static void test_stacks(void **state)
{
	struct fixture *f = build();
	struct np_thread thread = {.tid = 42, .stack_start = STACK, .stack_end = STACK + STACK_BYTES};
	uint64_t above = new_thing(f), below = new_thing(f), in_register = new_thing(f);
	thread.regs.r[NP_REG_RSP] = STACK + 0x1000;
	thread.regs.r[NP_REG_RBX] = in_register;
	thread.regs.r[NP_REG_RCX] = below;
	thread.regs.valid = 1u << NP_REG_RSP | 1u << NP_REG_RBX;
	np_vec_push(&f->target.threads, thread);
	put64(f, STACK + 0x1008, above);
	put64(f, STACK + 0x1010, above + 2); /* weak references are none of a stack's */
	put64(f, STACK + 0x1018, (BASE + AREA_OFFSET - 8) | 1);
	put64(f, STACK + 0x1020, (BASE + CHUNK + AREA_OFFSET) | 1);
	put64(f, STACK + 0x1028, above - 1); /* not tagged */
	put64(f, STACK + 0xf00, below);
	put64(f, STACK + STACK_BYTES - 8, above);
	visit(f);
	expect(f, NP_ROOT_STACK, 3, false);
	assert_int_equal(find(f, NP_ROOT_STACK, above)->tid, 42);
	assert_true(find(f, NP_ROOT_STACK, above)->slot == STACK + 0x1008);
	assert_true(find(f, NP_ROOT_STACK, in_register)->slot == 0);
	assert_null(find(f, NP_ROOT_STACK, below));
	f->target.threads.data[0].regs.valid = 0;
	visit(f);
	expect(f, NP_ROOT_STACK, 0, false);
	tear_down(f);
}

/* --- whatever happens --- */

static struct fixture *build_all(void)
{
	static const uint8_t states[] = {0, 1, 2};
	struct fixture *f = build();
	put_table(f);
	np_addr implementer = new_of_isolate(f, 0, 0x80), blocks = new_native(f, 64), block = new_handles(f, 5);
	put64(f, blocks, block);
	put_list(f, implementer + 8, LIST_SIZES, blocks, 1);
	put_word(f, AT_SCOPE_DATA, block + 40);
	put_word(f, AT_SCOPE_DATA + 1, block + 8 * HANDLES);
	np_addr handles = new_of_isolate(f, 1, 0x80), nodes = new_nodes(f, states, 3);
	put64(f, handles + 8, nodes);
	put64(f, nodes + 256 * 32 + 8, handles);
	return f;
}

static void test_the_callback_ends_it(void **state)
{
	struct fixture *f = build_all();
	visit(f);
	size_t all = f->seen.count;
	assert_true(all > 200);
	for (size_t limit = 1; limit < all; limit += 13) {
		f->seen.limit = limit;
		visit(f);
		assert_int_equal(f->seen.count, limit);
	}
	tear_down(f);
}

static void test_every_read_fails(void **state)
{
	struct fixture *f = build_all();
	visit(f);
	uint64_t reads = f->fault.reads;
	assert_true(reads > 500);
	for (uint64_t i = 0; i < reads; i += 1 + i / 64) {
		for (int forever = 0; forever < 2; forever++) {
			struct np_roots_report report;
			np_heap_destroy(f->heap);
			np_v8_cache_clear(f->v8.cache);
			assert_null(np_heap_create(&f->v8, &f->heap));
			f->seen.count = 0;
			f->fault = (struct np_fault){.fail_from = i, .fail_count = forever ? UINT64_MAX : 1};
			np_err_free(np_roots_visit(f->heap, ISOLATE, on_root, &f->seen, &report));
		}
	}
	f->fault = (struct np_fault){.fail_count = 0};
	np_err *err = np_roots_visit(f->heap, 0x1000, on_root, &f->seen, &f->seen.report);
	assert_int_equal(np_err_code(err), NP_EFAULT);
	np_err_free(err);
	tear_down(f);
}

/* Pseudo-random words everywhere: no crash, and every root is an object. */
static void test_noise(void **state)
{
	struct fixture *f = build_all();
	uint64_t x = 88172645463325252ull;
	f->seen.limit = 100000;
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < 4000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			np_addr where = NATIVE + 0x10000 + x % (NATIVE_BYTES - 0x20000) / 8 * 8;
			uint64_t what = x >> 32 & 1 ? NATIVE + (x >> 40) % NATIVE_BYTES / 8 * 8
				      : x >> 33 & 1 ? BASE + AREA_OFFSET + (x >> 40) % 0x4000 / 8 * 8 + 1 : x >> 50;
			put64(f, where, what);
		}
		put64(f, ISOLATE + 8 * AT_POINTERS, NATIVE + x % 0x1000 * 8);
		visit(f);
		for (size_t i = 0; i < f->seen.count; i++)
			assert_true(np_heap_page_at(f->heap, f->seen.roots[i].value.raw) != NULL);
	}
	tear_down(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_string_table_is_weak),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_handle_scopes),
		cmocka_unit_test(test_handle_scopes_not_found),
		cmocka_unit_test(test_global_handles),
		cmocka_unit_test(test_eternal_handles),
		cmocka_unit_test(test_traced_handles),
		cmocka_unit_test(test_compilation_cache),
		cmocka_unit_test(test_microtasks),
		cmocka_unit_test(test_dispatch_table),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_the_callback_ends_it),
		cmocka_unit_test(test_every_read_fails),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

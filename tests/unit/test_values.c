/*
 * Values of a heap that wants to do harm: cycles, absurd counts, pointers to
 * nowhere, reads that fail.  The heap is built here, laid out as V8 13.6 lays
 * out the fields that readers ask for; only facts that are needed are set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem/fault.h"
#include "v8/cache.h"
#include "v8/error_stack.h"
#include "v8/map.h"
#include "v8/value.h"

enum { HEAP_BYTES = 8 << 20 };
#define HEAP 0x100000ull

enum { /* instance types */
	SEQ_ONE_BYTE = 8, CONS_ONE_BYTE = 9, SLICED_ONE_BYTE = 11, SYMBOL = 128, BIGINT = 129, HEAP_NUMBER = 130,
	ODDBALL = 131, MAP = 278, FIXED_ARRAY = 205, NAME_DICTIONARY = 209, SHARED = 288, CALL_SITE_INFO = 150,
	JS_OBJECT = 1057, JS_FUNCTION = 2065, JS_ARRAY = 2121, JS_MAP = 2114, JS_TYPED_ARRAY = 2061,
	JS_ARRAY_BUFFER = 2063, JS_ERROR = 2130, JS_PROXY = 304,
};

struct heap {
	np_v8 v8;
	np_layout layout;
	np_arena *arena;
	uint8_t *bytes;
	np_addr next;
	np_addr meta;
	struct np_fault fault;
};

static void put64(struct heap *h, np_addr addr, uint64_t value)
{
	assert_true(addr >= HEAP && addr + 8 <= HEAP + HEAP_BYTES);
	memcpy(h->bytes + (addr - HEAP), &value, 8);
}

static void put_bytes(struct heap *h, np_addr addr, const void *bytes, size_t n)
{
	assert_true(addr >= HEAP && addr + n <= HEAP + HEAP_BYTES);
	memcpy(h->bytes + (addr - HEAP), bytes, n);
}

static uint64_t smi(int32_t n)
{
	return (uint64_t)(uint32_t)n << 32;
}

static np_addr allocate(struct heap *h, size_t words)
{
	np_addr addr = h->next;
	h->next += words * 8;
	return addr;
}

/* A map; its descriptors, prototype and constructor are Smi 0: none. */
static np_addr new_map(struct heap *h, uint16_t type, uint8_t words, uint8_t inobject_start)
{
	np_addr map = allocate(h, 10);
	uint8_t sizes[2] = {words, inobject_start};
	put64(h, map, (h->meta ? h->meta : map) | 1);
	put_bytes(h, map + 8, sizes, 2);
	put_bytes(h, map + 12, &type, 2);
	return map;
}

static np_addr new_object(struct heap *h, np_addr map, size_t words)
{
	np_addr object = allocate(h, words);
	put64(h, object, map | 1);
	return object;
}

static np_addr new_of(struct heap *h, uint16_t type, size_t words)
{
	return new_object(h, new_map(h, type, (uint8_t)(words < 255 ? words : 0), 3), words);
}

static np_addr new_array(struct heap *h, uint16_t type, int32_t length, size_t slots)
{
	np_addr array = new_of(h, type, 2 + slots);
	put64(h, array + 8, smi(length));
	return array;
}

static np_addr new_string(struct heap *h, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	np_addr string = new_of(h, SEQ_ONE_BYTE, 2 + (n + 7) / 8);
	put_bytes(h, string + 12, &n, 4);
	put_bytes(h, string + 16, text, n);
	return string;
}

static np_addr new_cons(struct heap *h, uint32_t length, np_addr first, np_addr second)
{
	np_addr string = new_of(h, CONS_ONE_BYTE, 4);
	put_bytes(h, string + 12, &length, 4);
	put64(h, string + 16, first | 1);
	put64(h, string + 24, second | 1);
	return string;
}

/* Properties in a NameDictionary of `slots` entries. */
static np_addr new_dictionary_object(struct heap *h, np_addr dictionary)
{
	np_addr map = new_map(h, JS_OBJECT, 3, 3), object;
	uint32_t bit_field3 = 1u << 21;
	put_bytes(h, map + 16, &bit_field3, 4);
	object = new_object(h, map, 3);
	put64(h, object + 8, dictionary | 1);
	return object;
}

static np_addr new_dictionary(struct heap *h, int32_t length, size_t entries)
{
	return new_array(h, NAME_DICTIONARY, length, 6 + 3 * entries);
}

static void set_entry(struct heap *h, np_addr dictionary, size_t i, np_addr key, uint64_t value)
{
	np_addr at = dictionary + 16 + 8 * (6 + 3 * i);
	put64(h, at, key | 1);
	put64(h, at + 8, value);
	put64(h, at + 16, smi((int32_t)(i + 1) << 8));
}

static void set_facts(np_layout *l)
{
	static const struct {
		enum np_fact fact;
		int32_t value;
	} facts[] = {
		{NP_F_Map_instance_size, 8}, {NP_F_Map_inobject, 9}, {NP_F_Map_instance_type, 12},
		{NP_F_Map_instance_type_bytes, 2}, {NP_F_Map_bit_field2, 15}, {NP_F_Map_bit_field3, 16},
		{NP_F_Map_elements_kind_mask, 0xfc}, {NP_F_Map_elements_kind_shift, 2},
		{NP_F_Map_own_descriptors_mask, 0xffc00}, {NP_F_Map_own_descriptors_shift, 10},
		{NP_F_Map_dictionary_shift, 21}, {NP_F_Map_prototype, 24}, {NP_F_Map_constructor, 32},
		{NP_F_Map_descriptors, 40}, {NP_F_DescriptorArray_first, 24}, {NP_F_prop_desc_key, 0},
		{NP_F_prop_desc_details, 1}, {NP_F_prop_desc_value, 2}, {NP_F_prop_desc_size, 3}, {NP_F_prop_kind_mask, 1},
		{NP_F_prop_location_mask, 32}, {NP_F_prop_index_mask, 0x1ff80000}, {NP_F_prop_index_shift, 19},
		{NP_F_JSReceiver_properties, 8}, {NP_F_JSObject_elements, 16}, {NP_F_elements_dictionary, 13},
		{NP_F_elements_sloppy_arguments, 14}, {NP_F_elements_slow_sloppy_arguments, 15}, {NP_F_elements_typed, 18},
		{NP_F_elements_typed_order, 1}, {NP_F_FixedArray_length, 8}, {NP_F_FixedArray_data, 16},
		{NP_F_Dictionary_name_prefix, 3}, {NP_F_Dictionary_number_prefix, 1}, {NP_F_Dictionary_entry_size, 3},
		{NP_F_Dictionary_enumeration_shift, 8}, {NP_F_String_length, 12}, {NP_F_String_length_is_smi, 0},
		{NP_F_String_chars, 16}, {NP_F_ConsString_first, 16}, {NP_F_ConsString_second, 24},
		{NP_F_SlicedString_parent, 16}, {NP_F_SlicedString_offset, 24}, {NP_F_String_representation_mask, 7},
		{NP_F_String_encoding_mask, 8}, {NP_F_String_tag_seq, 0}, {NP_F_String_tag_cons, 1},
		{NP_F_String_tag_external, 2}, {NP_F_String_tag_sliced, 3}, {NP_F_String_tag_thin, 5},
		{NP_F_String_first_nonstring, 128}, {NP_F_HeapNumber_value, 8}, {NP_F_Oddball_kind, 40},
		{NP_F_BigInt_bitfield, 8}, {NP_F_BigInt_digits, 16}, {NP_F_JSFunction_shared, 32},
		{NP_F_JSFunction_first_type, 2065}, {NP_F_JSFunction_last_type, 2081}, {NP_F_SharedFunctionInfo_name, 24},
		{NP_F_JSArray_length, 24}, {NP_F_JSMap_table, 24}, {NP_F_OrderedHash_data, 16},
		{NP_F_OrderedHash_elements_index, 0}, {NP_F_OrderedHash_deleted_index, 1},
		{NP_F_OrderedHash_buckets_index, 2}, {NP_F_JSArrayBuffer_byte_length, 40},
		{NP_F_JSArrayBuffer_byte_length_is_smi, 0}, {NP_F_JSArrayBuffer_backing_store, 56},
		{NP_F_JSArrayBufferView_buffer, 32}, {NP_F_JSArrayBufferView_byte_offset, 48},
		{NP_F_JSArrayBufferView_byte_length, 56}, {NP_F_JSArrayBufferView_is_smi, 0},
		{NP_F_JSTypedArray_external_pointer, 72}, {NP_F_JSTypedArray_base_pointer, 80}, {NP_F_JSProxy_target, 16},
		{NP_F_JSProxy_handler, 24}, {NP_F_ErrorStack_form, 3}, {NP_F_CallSiteInfo_receiver, 16},
		{NP_F_CallSiteInfo_function, 24}, {NP_F_CallSiteInfo_code, 8}, {NP_F_CallSiteInfo_code_offset, 32},
		{NP_F_CallSiteInfo_flags, 40}, {NP_F_Symbol_description, 16}, {NP_F_Symbol_flags, 12},
		{NP_F_Symbol_private_mask, 1}, {NP_F_type_MAP, MAP}, {NP_F_type_SYMBOL, SYMBOL},
		{NP_F_type_HEAP_NUMBER, HEAP_NUMBER}, {NP_F_type_BIGINT, BIGINT}, {NP_F_type_ODDBALL, ODDBALL},
		{NP_F_type_FIXED_ARRAY, FIXED_ARRAY}, {NP_F_type_NAME_DICTIONARY, NAME_DICTIONARY},
		{NP_F_type_SHARED_FUNCTION_INFO, SHARED}, {NP_F_type_CALL_SITE_INFO, CALL_SITE_INFO},
		{NP_F_type_JS_ARRAY, JS_ARRAY}, {NP_F_type_JS_MAP, JS_MAP}, {NP_F_type_JS_TYPED_ARRAY, JS_TYPED_ARRAY},
		{NP_F_type_JS_ARRAY_BUFFER, JS_ARRAY_BUFFER}, {NP_F_type_JS_ERROR, JS_ERROR}, {NP_F_type_JS_PROXY, JS_PROXY},
		{NP_F_type_FIRST_JS_RECEIVER, 304},
	};
	for (size_t i = 0; i < NP_FACT_COUNT; i++)
		l->value[i] = NP_FACT_MISSING;
	for (size_t i = 0; i < NP_ARRAY_LEN(facts); i++)
		l->value[facts[i].fact] = facts[i].value;
}

static int setup(void **state)
{
	struct heap *h = calloc(1, sizeof(*h));
	h->bytes = calloc(1, HEAP_BYTES);
	h->next = HEAP;
	h->arena = np_arena_create();
	set_facts(&h->layout);
	h->v8 = (np_v8){.mem = np_mem_create(), .layout = &h->layout, .cache = np_v8_cache_create()};
	np_err *err = np_mem_add_bytes(h->v8.mem, HEAP, h->bytes, HEAP_BYTES, NP_SEGMENT_CORE, false);
	assert_null(err);
	h->meta = new_map(h, MAP, 10, 0);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct heap *h = *state;
	np_v8_cache_destroy(h->v8.cache);
	np_mem_destroy(h->v8.mem);
	np_arena_destroy(h->arena);
	free(h->bytes);
	free(h);
	return 0;
}

static np_value *decode_deep(struct heap *h, np_addr object, int depth)
{
	struct np_value_limits limits = np_value_limits_default;
	limits.depth = depth;
	limits.all_properties = true;
	return np_value_decode(&h->v8, np_tag(object), &limits, h->arena);
}

static np_value *decode(struct heap *h, np_addr object)
{
	return decode_deep(h, object, 3);
}

static void test_plain(void **state)
{
	struct heap *h = *state;
	np_addr dictionary = new_dictionary(h, 6 + 3 * 4, 4);
	set_entry(h, dictionary, 2, new_string(h, "b"), new_string(h, "text") | 1);
	set_entry(h, dictionary, 0, new_string(h, "a"), smi(-7));
	np_value *v = decode(h, new_dictionary_object(h, dictionary));
	assert_int_equal(v->type, NP_VALUE_OBJECT);
	assert_string_equal(v->class_name, "Object");
	assert_int_equal(v->property_count, 2);
	assert_string_equal(v->properties[0].name, "a");
	assert_true(v->properties[0].value->number == -7);
	assert_string_equal(v->properties[1].value->text, "text");
}

static void test_strings(void **state)
{
	struct heap *h = *state;
	np_addr piece = new_string(h, "abc"), rope = piece;
	for (uint32_t i = 0; i < 20000; i++)
		rope = new_cons(h, 3 * (i + 2), rope, piece);
	np_value *v = decode(h, rope);
	assert_int_equal(v->type, NP_VALUE_STRING);
	assert_int_equal(v->length, 3 * 20001);
	assert_int_equal(strncmp(v->text, "abcabc", 6), 0);

	/* its own first part; a length that its parts do not have; a parent that is none */
	np_addr cycle = new_cons(h, 10, piece, piece);
	put64(h, cycle + 16, cycle | 1);
	assert_int_equal(decode(h, cycle)->type, NP_VALUE_UNREADABLE);
	assert_int_equal(decode(h, new_cons(h, 0x7fffffff, piece, piece))->type, NP_VALUE_UNREADABLE);
	np_addr sliced = new_of(h, SLICED_ONE_BYTE, 4);
	uint32_t n = 5;
	put_bytes(h, sliced + 12, &n, 4);
	put64(h, sliced + 16, sliced | 1);
	put64(h, sliced + 24, smi(0));
	assert_int_equal(decode(h, sliced)->type, NP_VALUE_UNREADABLE);
}

static void test_nesting(void **state)
{
	struct heap *h = *state;
	np_addr name = new_string(h, "next"), dictionary = new_dictionary(h, 9, 1), first = 0, at = 0;
	np_addr self = new_dictionary_object(h, dictionary);
	set_entry(h, dictionary, 0, name, self | 1);
	np_value *v = decode(h, self);
	assert_true(v->properties[0].value->is_cycle);
	for (int i = 0; i < 500; i++) {
		dictionary = new_dictionary(h, 9, 1);
		np_addr object = new_dictionary_object(h, dictionary);
		set_entry(h, dictionary, 0, name, at ? at | 1 : smi(1));
		at = first = object;
	}
	int levels = 0;
	for (v = decode_deep(h, first, 100); v->property_count; v = v->properties[0].value)
		levels++;
	assert_int_equal(levels, 100);
	assert_true(v->is_more);
}

/* Prototypes and back pointers that go round. */
static void test_cyclic_maps(void **state)
{
	struct heap *h = *state;
	np_addr map = new_map(h, JS_OBJECT, 3, 3), other = new_map(h, JS_OBJECT, 3, 3);
	np_addr object = new_object(h, map, 3);
	put64(h, map + 24, object | 1);
	put64(h, map + 32, other | 1);
	put64(h, other + 32, map | 1);
	np_value *v = decode(h, object);
	assert_int_equal(v->type, NP_VALUE_OBJECT);
	assert_string_equal(v->class_name, "Object");
}

static void test_absurd_counts(void **state)
{
	struct heap *h = *state;
	/* a dictionary, an array and descriptors longer than memory */
	np_value *v = decode(h, new_dictionary_object(h, new_dictionary(h, 0x3fffffff, 1)));
	assert_int_equal(v->type, NP_VALUE_OBJECT);
	assert_true(v->property_count <= 1); /* "(properties)": unreadable */
	v = decode(h, new_dictionary_object(h, new_dictionary(h, 0x3ffffff, 1)));
	assert_int_equal(v->property_count, 0);
	np_addr array = new_of(h, JS_ARRAY, 4);
	put64(h, array + 16, new_array(h, FIXED_ARRAY, 0x7fffffff, 2) | 1);
	put64(h, array + 24, smi(0x7fffffff));
	assert_int_equal(decode(h, array)->type, NP_VALUE_ARRAY);
	np_addr map = new_map(h, JS_OBJECT, 3, 3);
	uint32_t bit_field3 = 1023u << 10;
	put_bytes(h, map + 16, &bit_field3, 4);
	put64(h, map + 40, HEAP + HEAP_BYTES - 64 + 1);
	assert_int_equal(decode(h, new_object(h, map, 3))->type, NP_VALUE_OBJECT);
	np_addr bigint = new_of(h, BIGINT, 3);
	uint32_t bits = 0x3fffffff << 1;
	put_bytes(h, bigint + 8, &bits, 4);
	assert_true(decode(h, bigint)->truncated);
}

static void test_collections(void **state)
{
	struct heap *h = *state;
	np_addr table = new_array(h, FIXED_ARRAY, 3 + 1 + 2 * 3, 10), collection = new_of(h, JS_MAP, 4);
	put64(h, collection + 24, table | 1);
	put64(h, table + 16, smi(2)); /* elements */
	put64(h, table + 24, smi(0)); /* deleted */
	put64(h, table + 32, smi(1)); /* buckets */
	for (int i = 0; i < 2; i++) {
		put64(h, table + 16 + 8 * (4 + 3 * (size_t)i), smi(i + 10));
		put64(h, table + 16 + 8 * (5 + 3 * (size_t)i), smi(i + 20));
	}
	np_value *v = decode(h, collection);
	assert_int_equal(v->size, 2);
	assert_int_equal(v->entry_count, 2);
	assert_true(v->keys[1]->number == 11 && v->values[1]->number == 21);

	static const int32_t counts[][3] = {{-1, 0, 1}, {2, -5, 1}, {2, 0, -1}, {1 << 26, 1 << 26, 1}, {2, 0, 1 << 26}};
	for (size_t i = 0; i < NP_ARRAY_LEN(counts); i++) {
		for (size_t k = 0; k < 3; k++)
			put64(h, table + 16 + 8 * k, smi(counts[i][k]));
		v = decode(h, collection);
		assert_int_equal(v->type, NP_VALUE_MAP);
		assert_true(v->entry_count <= 2);
	}
}

static void test_buffers(void **state)
{
	struct heap *h = *state;
	np_addr buffer = new_of(h, JS_ARRAY_BUFFER, 12), map = new_map(h, JS_TYPED_ARRAY, 13, 3);
	uint8_t kind = 20 << 2; /* Uint16Array */
	put_bytes(h, map + 15, &kind, 1);
	np_addr view = new_object(h, map, 13);
	put64(h, buffer + 40, 8);
	put64(h, buffer + 56, HEAP);
	put64(h, view + 32, buffer | 1);
	put64(h, view + 56, 7); /* bytes: three elements and a half */
	put64(h, view + 72, HEAP);
	np_value *v = decode(h, view);
	assert_int_equal(v->type, NP_VALUE_TYPEDARRAY);
	assert_int_equal(v->length, 3);
	assert_int_equal(v->element_count, 3);

	static const uint64_t sizes[] = {1ull << 52, 1ull << 62, UINT64_MAX, HEAP_BYTES + 1};
	for (size_t i = 0; i < NP_ARRAY_LEN(sizes); i++) {
		put64(h, view + 56, sizes[i]);
		put64(h, view + 72, HEAP + HEAP_BYTES - 16);
		put64(h, buffer + 40, sizes[i]);
		v = decode(h, view);
		assert_true(v->byte_count <= 16);
		decode(h, buffer);
	}
}

/* An Error whose call sites lead nowhere, and one of them to itself. */
static np_addr new_error(struct heap *h)
{
	np_addr symbol = new_of(h, SYMBOL, 3), sites = new_array(h, FIXED_ARRAY, 3, 3);
	uint32_t private = 1;
	put_bytes(h, symbol + 12, &private, 4);
	for (int i = 0; i < 3; i++) {
		np_addr site = new_of(h, CALL_SITE_INFO, 7), function = new_of(h, JS_FUNCTION, 8);
		np_addr shared = new_of(h, SHARED, 9);
		put64(h, shared + 24, new_string(h, "f") | 1);
		put64(h, function + 32, i == 1 ? function | 1 : shared | 1);
		put64(h, site + 8, i == 2 ? site | 1 : 0xdeadbeef1);
		put64(h, site + 16, i == 0 ? function | 1 : site | 1);
		put64(h, site + 24, function | 1);
		put64(h, site + 32, smi(-3));
		put64(h, sites + 16 + 8 * (size_t)i, site | 1);
	}
	np_addr dictionary = new_dictionary(h, 6 + 3 * 2, 2);
	set_entry(h, dictionary, 0, symbol, sites | 1);
	set_entry(h, dictionary, 1, new_string(h, "message"), new_string(h, "broken") | 1);
	np_addr error = new_dictionary_object(h, dictionary);
	uint64_t map = new_map(h, JS_ERROR, 3, 3);
	uint32_t bit_field3 = 1u << 21;
	put_bytes(h, map + 16, &bit_field3, 4);
	put64(h, error, map | 1);
	return error;
}

static void test_error(void **state)
{
	struct heap *h = *state;
	np_value *v = decode(h, new_error(h));
	assert_int_equal(v->type, NP_VALUE_ERROR);
	assert_string_equal(v->text, "broken");
	assert_non_null(v->stack);
	assert_int_equal(strncmp(v->stack, "Error: broken\n    at ", 21), 0);
}

static void test_member_paths(void **state)
{
	struct heap *h = *state;
	np_addr proxy = new_of(h, JS_PROXY, 4), error = new_error(h);
	put64(h, proxy + 16, error | 1);
	put64(h, proxy + 24, smi(0));
	np_tagged word;
	double number;
	bool is_double;
	np_err *err = np_value_member(&h->v8, np_tag(proxy), ".target.message", h->arena, &word, &number, &is_double);
	assert_null(err);
	assert_int_equal(np_kind_at(&h->v8, np_ref(word)), NP_KIND_STRING);
	static const char *const wrong[] = {".target.none", ".handler.x", "[0]", ".target[1]", ".", "[", ".a[", "[\"x", "x"};
	for (size_t i = 0; i < NP_ARRAY_LEN(wrong); i++) {
		err = np_value_member(&h->v8, np_tag(proxy), wrong[i], h->arena, &word, &number, &is_double);
		assert_non_null(err);
		np_err_free(err);
	}
}

/* The N-th read of memory fails, for every N: an answer comes all the same. */
static void test_failing_reads(void **state)
{
	struct heap *h = *state;
	np_addr error = new_error(h);
	np_err *err = np_mem_add_fault(h->v8.mem, HEAP, HEAP + HEAP_BYTES, &h->fault);
	assert_null(err);
	h->fault = (struct np_fault){.fail_from = UINT64_MAX};
	decode(h, error);
	uint64_t reads = h->fault.reads;
	assert_true(reads > 20);
	for (uint64_t n = 0; n < reads; n++) {
		np_v8_cache_clear(h->v8.cache);
		h->fault = (struct np_fault){.fail_from = n, .fail_count = 1};
		assert_non_null(decode(h, error));
		h->fault = (struct np_fault){.fail_from = n, .fail_count = UINT64_MAX};
		np_v8_cache_clear(h->v8.cache);
		assert_non_null(decode(h, error));
	}
}

/* Every word of a small heap replaced by every other one: no pointer may lead into a fall. */
static void test_swapped_words(void **state)
{
	struct heap *h = *state;
	np_addr from = h->next, error = new_error(h), to = h->next;
	unsigned state_of_chance = 12345;
	for (int round = 0; round < 20000; round++) {
		state_of_chance = state_of_chance * 1103515245 + 12345;
		np_addr at = from + state_of_chance / 65536 % ((to - from) / 8) * 8;
		state_of_chance = state_of_chance * 1103515245 + 12345;
		np_addr other = from + state_of_chance / 65536 % ((to - from) / 8) * 8;
		uint64_t kept, word;
		memcpy(&kept, h->bytes + (at - HEAP), 8);
		memcpy(&word, h->bytes + (other - HEAP), 8);
		put64(h, at, round % 3 ? word : round % 2 ? other | 1 : smi((int32_t)(state_of_chance & 0x7fffffff)));
		np_v8_cache_clear(h->v8.cache);
		np_arena *kept_arena = h->arena;
		h->arena = np_arena_create();
		assert_non_null(decode(h, error));
		np_arena_destroy(h->arena);
		h->arena = kept_arena;
		put64(h, at, kept);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nesting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cyclic_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absurd_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_collections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_member_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swapped_words, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The reader of .heapsnapshot files: counts, names, and files that are no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "format/heapsnapshot_read.h"

/* Six fields as Node 24 and 26 write them, seven with another order as older ones do. */
static const char small[] =
	"{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"detachedness\"],"
	"\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"synthetic\"],\"string\",\"number\",\"number\",\"number\"],"
	"\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"]},\"node_count\":6,\"edge_count\":1},\n"
	"\"nodes\":[4,0,1,0,1,0\n,3,1,3,16,0,0\n,3,1,5,24,0,0\n,3,2,7,8,0,0\n,2,3,9,100,0,0\n,2,2,11,50,0,0],\n"
	"\"edges\":[1,1,6],\"trace_function_infos\":[],\"trace_tree\":[[1,2],{\"a\":\"]}\"}],\"samples\":[],\n"
	"\"strings\":[\"\",\"Foo\",\"B\\u00e4r\\n\\ud83d\\ude00\\\"\",\"not read: \\\\\"]}";

static np_err *read_text(const char *text, size_t len, np_arena *arena, struct np_heapsnapshot_census *ret)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
	assert_non_null(file);
	np_err *err = np_heapsnapshot_census_read(file, arena, ret);
	fclose(file);
	return err;
}

static const struct np_heapsnapshot_class *find(const struct np_heapsnapshot_census *c, const char *type, const char *name)
{
	for (size_t i = 0; i < c->class_count; i++)
		if (strcmp(c->classes[i].type, type) == 0 &&
		    (name ? c->classes[i].name && strcmp(c->classes[i].name, name) == 0 : !c->classes[i].name))
			return &c->classes[i];
	return NULL;
}

static void test_counts(void **state)
{
	np_arena *arena = np_arena_create();
	struct np_heapsnapshot_census c;
	assert_null(read_text(small, strlen(small), arena, &c));
	assert_int_equal(c.node_count, 6);
	assert_int_equal(c.self_bytes, 198);
	assert_int_equal(c.class_count, 4);
	const struct np_heapsnapshot_class *foo = find(&c, "object", "Foo"), *strings = find(&c, "string", NULL);
	assert_non_null(foo);
	assert_int_equal(foo->count, 2);
	assert_int_equal(foo->self_bytes, 40);
	assert_non_null(strings);
	assert_int_equal(strings->count, 2);
	assert_int_equal(strings->self_bytes, 150);
	const struct np_heapsnapshot_class *odd = find(&c, "object", "B\u00e4r\n\U0001f600\"");
	assert_non_null(odd);
	assert_int_equal(odd->count, 1);
	assert_non_null(find(&c, "synthetic", ""));
	np_arena_destroy(arena);
}

/* The order of the fields is what meta says, not what it usually is. */
static void test_field_order(void **state)
{
	static const char text[] =
		"{ \"snapshot\" : { \"meta\" : { \"node_types\" : [ [ \"object\" ], \"string\" ], \"node_fields\" : "
		"[ \"id\", \"self_size\", \"trace_node_id\", \"type\", \"name\" ] } } , \"nodes\" : [ 7 , 64 , 0 , 0 , 1 ] ,"
		" \"strings\" : [ \"x\" , \"Seven\" ] } trailing";
	np_arena *arena = np_arena_create();
	struct np_heapsnapshot_census c;
	assert_null(read_text(text, strlen(text), arena, &c));
	assert_int_equal(c.class_count, 1);
	assert_string_equal(c.classes[0].name, "Seven");
	assert_int_equal(c.classes[0].self_bytes, 64);
	np_arena_destroy(arena);
}

static void test_long_name_is_cut(void **state)
{
	struct np_buf text = {0};
	np_arena *arena = np_arena_create();
	struct np_heapsnapshot_census c;
	np_buf_puts(&text, "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"self_size\"],"
			   "\"node_types\":[[\"object\"]]}},"
			   "\"nodes\":[0,0,8],\"strings\":[\"");
	for (int i = 0; i < 3 << 20; i++)
		np_buf_putc(&text, 'a');
	np_buf_puts(&text, "\"]}");
	assert_null(read_text(text.data, text.len, arena, &c));
	assert_true(strlen(c.classes[0].name) >= 1000 && strlen(c.classes[0].name) < 10000);
	np_buf_deinit(&text);
	np_arena_destroy(arena);
}

static enum np_code code_of(const char *text)
{
	np_arena *arena = np_arena_create();
	struct np_heapsnapshot_census c;
	enum np_code code = np_err_drop(read_text(text, strlen(text), arena, &c));
	np_arena_destroy(arena);
	return code;
}

#define META "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"self_size\"],\"node_types\":[[\"object\"]]}},"

static void test_wrong_files(void **state)
{
	static const char *const wrong[] = {
		" ", "[]", "{}", "{\"nodes\":[]}", "{\"strings\":[]}", META "\"strings\":[\"\"],\"nodes\":[]}",
		META "\"nodes\":[0,0],\"strings\":[\"\"]}",		 /* half a node */
		META "\"nodes\":[0,5,8],\"strings\":[\"\"]}",		 /* no such name */
		META "\"nodes\":[1,0,8],\"strings\":[\"\"]}",		 /* no such type */
		META "\"nodes\":[0,0,-8],\"strings\":[\"\"]}",		 /* negative */
		META "\"nodes\":[0,0,1e3],\"strings\":[\"\"]}",		 /* not whole */
		META "\"nodes\":[0,4294967295,8],\"strings\":[\"\"]}",	 /* out of range */
		META "\"nodes\":[0,0,99999999999999999999],\"strings\":[\"\"]}",
		META "\"nodes\":[0,0,18446744073709551600,0,0,18446744073709551600],\"strings\":[\"\"]}",
		META "\"nodes\":[0,0,8],\"nodes\":[0,0,8],\"strings\":[\"\"]}",
		META "\"nodes\":[0,0,8],\"strings\":[\"\\x\"]}",
		META "\"nodes\":[0,0,8],\"strings\":[\"\\u12g4\"]}",
		META "\"nodes\":[0,0,8]}",
		"{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\"],\"node_types\":[[\"object\"]]}},\"nodes\":[0],\"strings\":[]}",
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(wrong); i++)
		if (code_of(wrong[i]) != NP_EFORMAT)
			fail_msg("taken: %s", wrong[i]);
}

static void test_deep_nesting(void **state)
{
	struct np_buf text = {0};
	np_buf_puts(&text, "{\"snapshot\":");
	for (int i = 0; i < 200000; i++)
		np_buf_puts(&text, "{\"a\":[");
	assert_int_equal(code_of(text.data), NP_EFORMAT);
	np_buf_clear(&text);
	np_buf_puts(&text, META "\"extra\":");
	for (int i = 0; i < 200000; i++)
		np_buf_puts(&text, "[");
	assert_int_equal(code_of(text.data), NP_EFORMAT);
	np_buf_deinit(&text);
}

/* A file that ends early is never taken for a whole one. */
static void test_every_truncation(void **state)
{
	np_arena *arena = np_arena_create();
	struct np_heapsnapshot_census c;
	for (size_t len = 1; len < strlen(small); len++) {
		np_err *err = read_text(small, len, arena, &c);
		if (!err)
			fail_msg("%zu of %zu bytes were taken for a whole file", len, strlen(small));
		np_err_free(err);
	}
	np_arena_destroy(arena);
}

/* Bytes changed at every place, and at random: any answer is fine, but there is one. */
static void test_damage(void **state)
{
	static const char replacements[] = {'"', '\\', '[', ']', '{', '}', ',', ':', '9', '0', 'u', ' ', '\0', (char)0xff};
	np_arena *arena = np_arena_create();
	struct np_heapsnapshot_census c;
	char text[sizeof(small)];
	for (size_t at = 0; at < strlen(small); at++)
		for (size_t i = 0; i < sizeof(replacements); i++) {
			memcpy(text, small, sizeof(small));
			text[at] = replacements[i];
			np_err_free(read_text(text, strlen(small), arena, &c));
			np_arena_reset(arena);
		}
	uint32_t random = 12345;
	for (int round = 0; round < 20000; round++) {
		memcpy(text, small, sizeof(small));
		for (int i = 0; i < 1 + round % 6; i++) {
			random = random * 1664525 + 1013904223;
			size_t at = (random >> 8) % strlen(small);
			random = random * 1664525 + 1013904223;
			text[at] = small[(random >> 8) % strlen(small)];
		}
		np_err_free(read_text(text, strlen(small), arena, &c));
		np_arena_reset(arena);
	}
	np_arena_destroy(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),	       cmocka_unit_test(test_field_order),
		cmocka_unit_test(test_long_name_is_cut), cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_deep_nesting),   cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

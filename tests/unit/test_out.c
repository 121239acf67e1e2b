/* The out layer: what a tree looks like as JSON and as text, whatever strings are in it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "out/format.h"
#include "out/out.h"
#include "out/paint.h"
#include "out/redact.h"

static np_arena *A;

static int setup(void **state)
{
	A = np_arena_create();
	return 0;
}

static int teardown(void **state)
{
	np_arena_destroy(A);
	return 0;
}

static char *render(const np_node *root, struct np_render how)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	np_err *err = np_render(root, &how, f);
	assert_null(err);
	fclose(f);
	return text;
}

static void expect(const np_node *root, struct np_render how, const char *want)
{
	char *text = render(root, how);
	assert_string_equal(text, want);
	free(text);
}

#define TEXT ((struct np_render){0})
#define JSON ((struct np_render){.json = true})

/* VALUEs */

static np_node *value(const char *type)
{
	np_node *v = np_obj(A, &np_shape_value);
	np_set_str(v, "type", type);
	return v;
}

static np_node *number(double d)
{
	np_node *v = value("number");
	np_set_double(v, "value", d);
	return v;
}

static np_node *string(const char *s)
{
	np_node *v = value("string");
	np_set_str(v, "value", s);
	return v;
}

static np_node *object(const char *class)
{
	np_node *v = value("object");
	np_set_str(v, "class", class);
	np_set_node(v, "properties", np_list(A, NULL));
	return v;
}

static np_node *property(np_node *of, const char *name, const char *kind, np_node *v)
{
	np_node *p = np_obj(A, NULL);
	np_set_str(p, "name", name);
	np_set_node(p, "value", v);
	np_set_str(p, "kind", kind);
	np_add(np_node_get(of, "properties"), p);
	return p;
}

static np_node *array(size_t n)
{
	np_node *v = value("array"), *elements = np_list(A, NULL);
	for (size_t i = 0; i < n; i++)
		np_add(elements, number((double)i));
	np_set_node(v, "elements", elements);
	np_set_uint(v, "length", n);
	return v;
}

static void test_json_kinds(void **state)
{
	np_node *o = np_obj(A, NULL), *list = np_list(A, NULL);
	np_set_null(o, "nil");
	np_set_bool(o, "yes", true);
	np_set_int(o, "int", -5);
	np_set_uint(o, "max", UINT64_MAX);
	np_set_double(o, "half", 0.5);
	np_set_double(o, "nan", NAN);
	np_set_double(o, "inf", -INFINITY);
	np_set_double(o, "minus_zero", -0.0);
	np_set_addr(o, "address", 0x7f00deadbeef);
	np_set_bytes(o, "size_bytes", 1536);
	np_set_ns(o, "time_ns", 1200000);
	np_set_str(o, "absent", NULL);
	np_set_str(o, "_text_only", "x");
	np_add_str(list, "a");
	np_add_int(list, 1);
	np_add_addr(list, 16);
	np_set_node(o, "list", list);
	expect(o, JSON,
	       "{\"nil\":null,\"yes\":true,\"int\":-5,\"max\":18446744073709551615,\"half\":0.5,\"nan\":\"NaN\","
	       "\"inf\":\"-Infinity\",\"minus_zero\":\"-0\",\"address\":\"0x7f00deadbeef\",\"size_bytes\":1536,"
	       "\"time_ns\":1200000,\"list\":[\"a\",1,\"0x10\"]}\n");
}

static void test_json_hostile(void **state)
{
	np_node *o = np_obj(A, NULL);
	np_set_strn(o, "nul", "a\0b", 3);
	np_set_str(o, "esc", "\033[31m\r\n\t\"\\\x7f\xc2\x9b");
	np_set_str(o, "bidi", "\xe2\x80\xae\xe2\x80\xa8\xef\xbb\xbf");
	np_set_str(o, "bad", "\xff\xc0\xaf\xed\xa0\x80z\xf0\x9f\x92");
	np_set_str(o, "ok", "é漢\xf0\x9f\x92\xa9");
	np_set_str(o, "tag", "\xf3\xa0\x81\x81");
	np_set_str(o, "ke\"y\n", "v");
	expect(o, JSON,
	       "{\"nul\":\"a\\u0000b\",\"esc\":\"\\u001b[31m\\r\\n\\t\\\"\\\\\\u007f\\u009b\","
	       "\"bidi\":\"\\u202e\\u2028\\ufeff\","
	       "\"bad\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\","
	       "\"ok\":\"é漢\xf0\x9f\x92\xa9\",\"tag\":\"\\udb40\\udc41\",\"ke\\\"y\\n\":\"v\"}\n");
}

static void test_set_replaces(void **state)
{
	np_node *o = np_obj(A, NULL);
	np_set_int(o, "a", 1);
	np_set_int(o, "b", 2);
	np_set_str(o, "a", "x");
	expect(o, JSON, "{\"a\":\"x\",\"b\":2}\n");
	int64_t n;
	np_addr addr;
	assert_true(np_node_int(np_node_get(o, "b"), &n) && n == 2);
	assert_false(np_node_int(np_node_get(o, "a"), &n));
	assert_false(np_node_addr(np_node_get(o, "b"), &addr));
	assert_null(np_node_get(o, "c"));
	assert_null(np_node_get(NULL, "c"));
}

/* Text */

static void test_text_hostile(void **state)
{
	static const struct np_shape line = {.style = NP_STYLE_LINE, .line = "<{s}>"};
	static const struct np_shape text = {.style = NP_STYLE_TEXT};
	np_node *o = np_obj(A, &line);
	np_set_strn(o, "s", "\033]0;x\007\0\r\n\xc2\x9b\xe2\x80\xae\xe2\x80\x8b\xff", 18);
	expect(o, TEXT, "<\\x1b]0;x\\x07\\x00\\r\\n\\x9b\\u{202e}\\u{200b}\xef\xbf\xbd>\n");
	np_node *t = np_obj(A, &text);
	np_set_str(t, "text", "one\ttab\r\n\033[2Jtwo\n\nlast");
	expect(t, TEXT, "one\ttab\n\\x1b[2Jtwo\n\nlast\n");
	np_node *fields = np_obj(A, NULL);
	np_set_str(fields, "\033[1mkey", "v");
	expect(fields, TEXT, "\\x1b[1mkey: v\n");
}

static void test_template(void **state)
{
	static const struct np_shape inner = {.style = NP_STYLE_LINE, .line = "{k}={v}"};
	static const struct np_shape line = {
		.style = NP_STYLE_LINE,
		.line = "{name}[({args})][ {file}[:{line}[:{column}]]][ \\[{tier}\\]][ {flag}yes]{sub.x}\\{\\}",
	};
	np_node *o = np_obj(A, &line), *args = np_list(A, &inner), *sub = np_obj(A, NULL);
	np_set_str(o, "name", "f");
	expect(o, TEXT, "f{}\n");
	np_set_node(o, "args", args);
	np_set_bool(o, "flag", false);
	np_set_str(o, "file", "/a.js");
	np_set_int(o, "column", 4);
	np_set_str(o, "tier", "");
	expect(o, TEXT, "f /a.js{}\n");
	np_set_int(o, "line", 0);
	np_set_str(o, "tier", "maglev");
	for (int i = 0; i < 2; i++) {
		np_node *arg = np_obj(A, NULL);
		np_set_str(arg, "k", i ? "b" : "a");
		np_set_node(arg, "v", i ? string("x") : number(1));
		np_add(args, arg);
	}
	np_set_int(sub, "x", 7);
	np_set_node(o, "sub", sub);
	expect(o, TEXT, "f(a=1, b=\"x\") /a.js:0:4 [maglev]7{}\n");
	np_hide(o, "file");
	expect(o, TEXT, "f(a=1, b=\"x\") [maglev]7{}\n");
}

static void test_children(void **state)
{
	static const struct np_shape leaf = {.style = NP_STYLE_LINE, .line = "- {n}"};
	static const struct np_shape twig = {
		.style = NP_STYLE_LINE, .line = "twig {n}", .children = "leaves,note", .indent = 2};
	static const struct np_shape root = {.style = NP_STYLE_LINE, .children = "twigs,none,last"};
	static const struct np_shape nothing = {.style = NP_STYLE_LINE, .line = "x", .empty = "nothing here"};
	np_node *o = np_obj(A, &root), *twigs = np_list(A, &twig);
	for (int i = 0; i < 2; i++) {
		np_node *t = np_obj(A, NULL), *leaves = np_list(A, &leaf);
		np_set_int(t, "n", i);
		for (int j = 0; j < 2 - i; j++) {
			np_node *l = np_obj(A, NULL);
			np_set_int(l, "n", j);
			np_add(leaves, l);
		}
		np_set_node(t, "leaves", leaves);
		np_set_str(t, "note", i ? "two\nlines\n" : "");
		np_add(twigs, t);
	}
	np_set_node(o, "twigs", twigs);
	np_set_node(o, "none", np_list(A, &leaf));
	np_set_node(o, "last", np_list(A, &nothing));
	expect(o, TEXT, "twig 0\n  - 0\n  - 1\n\ntwig 1\n  - 0\n  two\n  lines\n\nnothing here\n");
}

static void test_fields(void **state)
{
	np_node *o = np_obj(A, NULL), *inner = np_obj(A, NULL), *list = np_list(A, NULL), *longs = np_list(A, NULL);
	np_set_str(o, "node_version", "24.1.0");
	np_set_bytes(o, "rss_bytes", 1572864);
	np_set_ns(o, "pause_ns", 1200000);
	np_set_null(o, "cwd");
	np_set_bool(o, "stripped", false);
	np_add_str(list, "a");
	np_add_str(list, "b");
	np_set_node(o, "argv", list);
	np_set_str(inner, "x", "1");
	np_set_node(o, "inner", inner);
	for (int i = 0; i < 9; i++)
		np_add_int(longs, i);
	np_set_node(o, "longs", longs);
	np_set_node(o, "empty", np_list(A, NULL));
	np_set_str(o, "secret", "x");
	np_hide(o, "secret");
	expect(o, TEXT,
	       "node version: 24.1.0\nrss:          1.5 MiB\npause:        1.2 ms\ncwd:          unknown\n"
	       "stripped:     no\nargv:         a, b\ninner:\n    x: 1\n"
	       "longs:\n    0\n    1\n    2\n    3\n    4\n    5\n    6\n    7\n    8\nempty:        none\n");
}

static void test_map_keys_are_verbatim(void **state)
{
	static const struct np_shape env = {.style = NP_STYLE_MAP};
	np_node *o = np_obj(A, &env);
	np_set_str(o, "_", "/usr/bin/node");
	np_set_str(o, "my_var_bytes", "1");
	expect(o, TEXT, "_:            /usr/bin/node\nmy_var_bytes: 1\n");
	expect(o, JSON, "{\"_\":\"/usr/bin/node\",\"my_var_bytes\":\"1\"}\n");
}

static np_node *table_rows(const struct np_shape *shape)
{
	np_node *rows = np_list(A, shape);
	static const char *const names[] = {"Foo", "漢字", "e\xcc\x81t\xc3\xa9"};
	for (int i = 0; i < 3; i++) {
		np_node *row = np_obj(A, NULL);
		np_set_str(row, "class", names[i]);
		np_set_int(row, "count", i == 1 ? 12345 : 7);
		if (i != 1)
			np_set_addr(row, "example", 0x10);
		np_set_str(row, "text", i == 2 ? "0123456789 0123456789" : "short");
		np_add(rows, row);
	}
	return rows;
}

static void test_table(void **state)
{
	static const struct np_shape shape = {
		.style = NP_STYLE_TABLE,
		.columns = "class:Class:name,count:Count,example:Example,nowhere:Nowhere,text:Text",
		.empty = "no rows",
	};
	np_node *rows = table_rows(&shape);
	expect(rows, TEXT,
	       "Class  Count  Example  Text\n"
	       "Foo        7  0x10     short\n"
	       "漢字   12345  -        short\n"
	       "e\xcc\x81t\xc3\xa9        7  0x10     0123456789 0123456789\n");
	expect(rows, (struct np_render){.width = 36},
	       "Class  Count  Example  Text\n"
	       "Foo        7  0x10     short\n"
	       "漢字   12345  -        short\n"
	       "e\xcc\x81t\xc3\xa9        7  0x10     0123456789 0…\n");
	expect(np_list(A, &shape), TEXT, "no rows\n");
}

static void test_table_color(void **state)
{
	static const struct np_shape shape = {.style = NP_STYLE_TABLE, .columns = "class:Class:name,text:Text:warn"};
	np_node *rows = np_list(A, &shape), *row = np_obj(A, NULL);
	np_set_str(row, "class", "Foo");
	np_set_str(row, "text", "0123456789");
	np_add(rows, row);
	expect(rows, (struct np_render){.color = true, .width = 14},
	       "\033[1mClass\033[0m  \033[1mText\033[0m\n"
	       "\033[1mFoo\033[0m    \033[1;31m012345…\033[0m\n");
}

static void test_links(void **state)
{
	static const struct np_shape shape = {.style = NP_STYLE_LINE, .line = "{file:path}:{line}"};
	np_node *o = np_obj(A, &shape);
	np_set_str(o, "file", "/a b/\033.js");
	np_set_int(o, "line", 3);
	expect(o, (struct np_render){.links = true},
	       "\033]8;;file:///a%20b/%1B.js\033\\/a b/\\x1b.js\033]8;;\033\\:3\n");
	np_set_str(o, "file", "node:fs");
	expect(o, (struct np_render){.links = true}, "node:fs:3\n");
}

static void test_value_atoms(void **state)
{
	static const struct {
		double d;
		const char *text;
	} numbers[] = {
		{0, "0"},
		{-0.0, "-0"},
		{NAN, "NaN"},
		{-INFINITY, "-Infinity"},
		{0.1, "0.1"},
		{1e21, "1e+21"},
		{123456789012345680000.0, "123456789012345680000"},
		{1e-6, "0.000001"},
		{1.5e-7, "1.5e-7"},
		{5e-324, "5e-324"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{-2147483648.0, "-2147483648"},
		{100, "100"},
		{4.35, "4.35"},
		{0.000001234, "0.000001234"},
		{9007199254740993.0, "9007199254740992"},
	};
	char want[64];
	for (size_t i = 0; i < NP_ARRAY_LEN(numbers); i++) {
		snprintf(want, sizeof(want), "%s\n", numbers[i].text);
		expect(number(numbers[i].d), TEXT, want);
	}
	expect(string("a\"b\\c\n\xe2\x80\xae"), TEXT, "\"a\\\"b\\\\c\\n\\u{202e}\"\n");
	expect(value("undefined"), TEXT, "undefined\n");
	expect(value("null"), TEXT, "null\n");
	np_node *v = value("boolean");
	np_set_bool(v, "value", true);
	expect(v, TEXT, "true\n");
	v = value("bigint");
	np_set_str(v, "value", "-123456789012345678901234567890");
	expect(v, TEXT, "-123456789012345678901234567890n\n");
	v = value("symbol");
	np_set_str(v, "value", "x");
	expect(v, TEXT, "Symbol(x)\n");
	v = string("aaaa");
	np_set_uint(v, "length", 1048576);
	np_set_bool(v, "truncated", true);
	expect(v, TEXT, "\"aaaa\"… (1048576 chars)\n");
	v = value("date");
	np_set_double(v, "value", 0);
	expect(v, TEXT, "1970-01-01T00:00:00.000Z\n");
	np_set_double(v, "value", -62198755200001.0);
	expect(v, TEXT, "-000002-12-31T23:59:59.999Z\n");
	np_set_double(v, "value", 1709210096789.0);
	expect(v, TEXT, "2024-02-29T12:34:56.789Z\n");
	np_set_double(v, "value", NAN);
	expect(v, TEXT, "Invalid Date\n");
	v = value("regexp");
	np_set_str(v, "value", "/a+/gi");
	expect(v, TEXT, "/a+/gi\n");
	v = value("unreadable");
	np_set_addr(v, "address", 0x66);
	np_set_str(v, "reason", "not in the core");
	expect(v, TEXT, "<unreadable 0x66: not in the core>\n");
	v = value("function");
	np_set_str(v, "name", "outer");
	np_set_str(v, "file", "/app/a.js");
	np_set_int(v, "line", 3);
	np_set_addr(v, "address", 0xab);
	expect(v, TEXT, "[Function: outer /app/a.js:3] 0xab\n");
	expect(value("function"), TEXT, "[Function (anonymous)]\n");
	expect(value("something_new"), TEXT, "[something_new]\n");
}

static void test_value_object(void **state)
{
	np_node *o = object("Object");
	expect(o, TEXT, "{}\n");
	property(o, "a", "data", number(1));
	property(o, "foo-bar", "data", string("x"));
	property(o, "0", "data", value("null"));
	property(o, "iterator", "symbol", value("undefined"));
	property(o, "secret", "private", number(2));
	np_set_bool(property(o, "hidden", "data", number(3)), "enumerable", false);
	np_node *acc = value("accessor");
	np_set_bool(acc, "getter", true);
	property(o, "get", "accessor", acc);
	expect(o, (struct np_render){.width = 200},
	       "{\n  a: 1,\n  \"foo-bar\": \"x\",\n  0: null,\n  [Symbol(iterator)]: undefined,\n  #secret: 2,\n"
	       "  [hidden]: 3,\n  get: [Getter]\n}\n");
	np_node *foo = object("Foo");
	np_set_addr(foo, "address", 0x1235);
	expect(foo, TEXT, "Foo 0x1235 {}\n");
	np_node *closed = value("object");
	np_set_str(closed, "class", "Bar");
	np_set_addr(closed, "address", 0x9);
	property(foo, "x", "data", closed);
	expect(foo, TEXT, "Foo 0x1235 { x: [Bar 0x9] }\n");
	np_set_uint(foo, "property_count", 5);
	expect(foo, TEXT, "Foo 0x1235 { x: [Bar 0x9], … 4 more properties }\n");
	np_set_bool(closed, "circular", true);
	expect(foo, TEXT, "Foo 0x1235 { x: [Circular Bar 0x9], … 4 more properties }\n");
}

static void test_value_broken(void **state)
{
	np_node *o = object("Foo"), *nested = object("Object");
	np_set_addr(o, "address", 0x1);
	np_set_addr(nested, "address", 0x2);
	property(o, "list", "data", array(30));
	property(nested, "text", "data", string("this is long enough to need a line of its own, and then some more"));
	property(nested, "more", "data", string("and this one does not fit beside it"));
	property(o, "nested", "data", nested);
	property(o, "short", "data", array(3));
	expect(o, TEXT,
	       "Foo 0x1 {\n"
	       "  list: [\n"
	       "    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,\n"
	       "    21, 22, 23, 24, 25, 26, 27, 28, 29\n"
	       "  ],\n"
	       "  nested: Object 0x2 {\n"
	       "    text: \"this is long enough to need a line of its own, and then some more\",\n"
	       "    more: \"and this one does not fit beside it\"\n"
	       "  },\n"
	       "  short: [ 0, 1, 2 ]\n"
	       "}\n");
}

static void test_value_arrays(void **state)
{
	np_node *v = array(1), *elements = np_node_get(v, "elements"), *run = value("hole");
	np_add(elements, value("hole"));
	np_add(elements, value("hole"));
	np_add(elements, number(5));
	np_set_uint(run, "count", 1000000);
	np_add(elements, run);
	np_set_uint(v, "length", 1000014);
	expect(v, TEXT, "[ 0, <2 empty items>, 5, <1000000 empty items>, … 10 more items ]\n");
	np_node *closed = value("array");
	np_set_uint(closed, "length", 3);
	np_set_addr(closed, "address", 0x5);
	expect(closed, TEXT, "[Array(3) 0x5]\n");
}

static void test_value_collections(void **state)
{
	np_node *map = value("map"), *set = value("set"), *entries = np_list(A, NULL), *members = np_list(A, NULL);
	np_node *entry = np_list(A, NULL), *member = np_list(A, NULL);
	np_add(entry, string("k"));
	np_add(entry, number(1));
	np_add(entries, entry);
	np_set_node(map, "entries", entries);
	np_set_uint(map, "size", 3);
	expect(map, TEXT, "Map(3) { \"k\" => 1, … 2 more items }\n");
	np_add(member, number(4));
	np_add(member, number(4));
	np_add(members, member);
	np_set_node(set, "entries", members);
	np_set_uint(set, "size", 1);
	expect(set, TEXT, "Set(1) { 4 }\n");
	np_node *promise = value("promise");
	np_set_str(promise, "state", "pending");
	expect(promise, TEXT, "Promise { <pending> }\n");
	np_set_str(promise, "state", "fulfilled");
	np_set_node(promise, "result", number(42));
	expect(promise, TEXT, "Promise { 42 }\n");
	np_set_str(promise, "state", "rejected");
	expect(promise, TEXT, "Promise { <rejected> 42 }\n");
}

static void test_value_bytes(void **state)
{
	np_node *v = value("typedarray");
	np_set_str(v, "class", "Buffer");
	np_set_str(v, "bytes", "616263");
	np_set_uint(v, "length", 100);
	expect(v, TEXT, "<Buffer 61 62 63 … 97 more bytes>\n");
	np_set_node(v, "elements", np_node_get(array(3), "elements"));
	expect(v, TEXT, "<Buffer 61 62 63 … 97 more bytes>\n");
	np_node *u = value("typedarray");
	np_set_str(u, "class", "Uint16Array");
	np_set_uint(u, "length", 2);
	np_set_node(u, "elements", np_node_get(array(2), "elements"));
	expect(u, TEXT, "Uint16Array(2) [ 0, 1 ]\n");
	np_node *b = value("arraybuffer");
	np_set_str(b, "bytes", "00ff");
	np_set_uint(b, "byte_length", 2);
	expect(b, TEXT, "ArrayBuffer { <00 ff>, byteLength: 2 }\n");
}

static np_node *error(void)
{
	np_node *v = value("error");
	np_set_str(v, "class", "TypeError");
	np_set_str(v, "message", "secret \033boom");
	np_set_str(v, "stack", "TypeError: secret \033boom\n    at f (/a.js:1:2)");
	np_set_node(v, "properties", np_list(A, NULL));
	return v;
}

static void test_value_error(void **state)
{
	np_node *v = error();
	property(v, "stack", "data", string("…"));
	property(v, "code", "data", string("EBOOM"));
	expect(v, TEXT, "TypeError: secret \\x1bboom\n    at f (/a.js:1:2) {\n  code: \"EBOOM\"\n}\n");
	np_node *bare = value("error");
	np_set_str(bare, "message", "m");
	expect(bare, TEXT, "[Error: m]\n");
	np_node *o = object("Object");
	property(o, "e", "data", error());
	expect(o, TEXT, "{\n  e: TypeError: secret \\x1bboom\n      at f (/a.js:1:2)\n}\n");
}

static void test_value_inline(void **state)
{
	static const struct np_shape line = {.style = NP_STYLE_LINE, .line = "{v}"};
	np_node *o = np_obj(A, &line), *v = object("Foo");
	np_set_node(o, "v", v);
	np_set_addr(v, "address", 0x7);
	property(v, "a", "data", number(1));
	property(v, "o", "data", object("Object"));
	np_node *full = object("Object");
	property(full, "x", "data", number(1));
	property(v, "p", "data", full);
	property(v, "l", "data", array(9));
	expect(o, TEXT, "Foo {a: 1, o: {}, p: {…}, l: Array(9)} 0x7\n");
	for (int i = 0; i < 50; i++)
		property(v, "many", "data", string("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	char *text = render(o, TEXT);
	assert_true(strstr(text, "…} 0x7\n"));
	assert_true(np_text_columns(text, strlen(text) - 1) <= 80);
	free(text);
	np_set_node(o, "v", string("0123456789012345678901234567890123456789012345"));
	expect(o, TEXT, "\"0123456789012345678901234567890123456789\"…\n");
	np_set_node(o, "v", error());
	expect(o, TEXT, "[TypeError: secret \\x1bboom]\n");
}

static void test_deep(void **state)
{
	static const struct np_shape line = {.style = NP_STYLE_LINE, .line = "x", .children = "c"};
	np_node *v = number(1), *l = np_obj(A, &line), *f = np_obj(A, NULL);
	for (int i = 0; i < 100000; i++) {
		np_node *o = object("Object"), *up = np_obj(A, &line), *g = np_obj(A, NULL);
		property(o, "x", "data", v);
		np_set_node(up, "c", l);
		np_set_node(g, "c", f);
		v = o;
		l = up;
		f = g;
	}
	np_node *all[] = {v, l, f};
	for (size_t i = 0; i < NP_ARRAY_LEN(all); i++) {
		char *text = render(all[i], TEXT);
		assert_non_null(strstr(text, "nested too deeply"));
		free(text);
		text = render(all[i], JSON);
		assert_non_null(strstr(text, "nested too deeply"));
		free(text);
	}
}

static void test_redact(void **state)
{
	/* SHA-256 of "abc" begins ba7816bf (FIPS 180-4), of "" e3b0c442, of a million a's cdc76e5c */
	assert_int_equal(np_redact_hash("abc", 3), 0xba7816bf);
	assert_int_equal(np_redact_hash("", 0), 0xe3b0c442);
	char *million = malloc(1000000);
	memset(million, 'a', 1000000);
	assert_int_equal(np_redact_hash(million, 1000000), 0xcdc76e5c);
	free(million);
	struct np_render text = {.redact = true}, json = {.redact = true, .json = true};
	np_node *s = string("abc");
	expect(s, text, "<redacted 3 chars, ba7816bf>\n");
	expect(s, json, "{\"type\":\"string\",\"value\":\"<redacted 3 chars, ba7816bf>\"}\n");
	np_set_uint(s, "length", 1000);
	expect(s, text, "<redacted 1000 chars, ba7816bf>\n");
	np_node *o = object("Object");
	property(o, "e", "data", error());
	property(o, "s", "data", string("secret"));
	np_node *b = value("typedarray");
	np_set_str(b, "class", "Buffer");
	np_set_str(b, "bytes", "736563726574");
	np_set_uint(b, "length", 6);
	property(o, "b", "data", b);
	np_node *u = value("typedarray");
	np_set_str(u, "class", "Uint8Array");
	np_set_node(u, "elements", np_node_get(array(200), "elements"));
	property(o, "u", "data", u);
	np_set_str(o, "argv", "secret");
	np_sensitive(o, "argv");
	static const struct np_shape line = {.style = NP_STYLE_LINE, .line = "{v} {w}"};
	np_node *l = np_obj(A, &line), *list = np_list(A, NULL);
	np_add_str(list, "secret");
	np_set_node(l, "v", o);
	np_set_node(l, "w", list);
	np_sensitive(l, "w");
	const np_node *const roots[] = {o, l};
	for (size_t i = 0; i < NP_ARRAY_LEN(roots); i++) {
		for (int j = 0; j < 2; j++) {
			char *out = render(roots[i], j ? json : text);
			assert_null(strstr(out, "secret"));
			assert_null(strstr(out, "736563"));
			assert_null(strstr(out, "73 65 63"));
			assert_null(strstr(out, "199"));
			if (i == 0)
				assert_non_null(strstr(out, "at f (/a.js:1:2)"));
			free(out);
		}
	}
}

static void test_redact_stack(void **state)
{
	struct np_buf buf = {0};
	static const char stack[] = "Error: a\n    at fake (secret)\nmore secret\n    at f (/a.js:1:1)\n    at g "
				    "(/b.js:2:2)\n";
	np_redact_stack(&buf, stack, sizeof(stack) - 1);
	assert_null(strstr(buf.data, "secret"));
	assert_non_null(strstr(buf.data, "\n    at f (/a.js:1:1)\n    at g (/b.js:2:2)"));
	np_buf_clear(&buf);
	np_redact_stack(&buf, "\n", 1);
	np_redact_stack(&buf, "", 0);
	np_redact_stack(&buf, "    at f", 8);
	np_buf_deinit(&buf);
}

static void test_units(void **state)
{
	static const struct {
		uint64_t v;
		const char *bytes, *ns;
	} cases[] = {
		{0, "0 B", "0 ns"},
		{999, "999 B", "999 ns"},
		{1023, "1023 B", "1.0 µs"},
		{1024, "1 KiB", "1.0 µs"},
		{1536, "1.5 KiB", "1.5 µs"},
		{1572864, "1.5 MiB", "1.6 ms"},
		{104857600, "100 MiB", "105 ms"},
		{61000000000, "56.8 GiB", "1 min 1 s"},
		{7384000000000, "6.7 TiB", "2 h 3 min"},
		{UINT64_MAX, "16 EiB", "213503 d 23 h"},
	};
	struct np_buf buf = {0};
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++) {
		np_buf_clear(&buf);
		np_format_bytes(&buf, cases[i].v);
		assert_string_equal(buf.data, cases[i].bytes);
		np_buf_clear(&buf);
		np_format_ns(&buf, cases[i].v);
		assert_string_equal(buf.data, cases[i].ns);
	}
	np_buf_deinit(&buf);
}

/* Every byte string, however broken, comes out as valid UTF-8 without a single control character. */
static void test_any_bytes(void **state)
{
	static const struct np_shape line = {.style = NP_STYLE_LINE, .line = "{s}"};
	unsigned seed = 1;
	for (int round = 0; round < 2000; round++) {
		char bytes[40];
		size_t n = (size_t)(rand_r(&seed) % (int)sizeof(bytes));
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(rand_r(&seed) % 3 ? rand_r(&seed) : 0xf0 | rand_r(&seed));
		np_node *o = np_obj(A, &line), *v = value("string");
		np_set_strn(o, "s", bytes, n);
		np_set_strn(v, "value", bytes, n);
		np_set_node(o, "v", v);
		for (int json = 0; json < 2; json++) {
			char *text = render(o, (struct np_render){.json = json});
			size_t len = strlen(text);
			assert_true(np_utf8_valid(text, len));
			for (size_t i = 0; i + 1 < len;) {
				uint32_t cp;
				i += np_utf8_decode(text + i, len - i, &cp);
				assert_true(i >= len || !np_text_unsafe(cp));
			}
			free(text);
		}
	}
}

static void test_write_error(void **state)
{
	FILE *f = fopen("/dev/full", "w");
	np_err *err = np_render(string("x"), &TEXT, f);
	assert_non_null(err);
	assert_int_equal(np_err_drop(err), NP_EIO);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_kinds),
		cmocka_unit_test(test_json_hostile),
		cmocka_unit_test(test_set_replaces),
		cmocka_unit_test(test_text_hostile),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_map_keys_are_verbatim),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_color),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_value_atoms),
		cmocka_unit_test(test_value_object),
		cmocka_unit_test(test_value_broken),
		cmocka_unit_test(test_value_arrays),
		cmocka_unit_test(test_value_collections),
		cmocka_unit_test(test_value_bytes),
		cmocka_unit_test(test_value_error),
		cmocka_unit_test(test_value_inline),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_redact_stack),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_write_error),
	};
	return cmocka_run_group_tests_name("out", tests, setup, teardown);
}

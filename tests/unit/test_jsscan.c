/*
 * The JavaScript scanner.  Registers are compared with what V8 did: registers.txt
 * was recorded by jsscan/generate.js from real Node versions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "v8/jsscan.h"

/* UTF-8 to UTF-16; malloc'ed to its exact size, so that the sanitizer sees a step too far. */
static uint16_t *utf16(const char *s, size_t bytes, size_t *len)
{
	uint16_t *text = np_xmalloc((bytes + 1) * sizeof(*text));
	size_t n = 0;
	for (size_t i = 0; i < bytes;) {
		uint32_t cp = (unsigned char)s[i++];
		unsigned more = cp >= 0xf0 ? 3 : cp >= 0xe0 ? 2 : cp >= 0xc0 ? 1 : 0;
		cp = more ? cp & (0x3fu >> more) : cp;
		for (; more && i < bytes; more--)
			cp = cp << 6 | ((unsigned char)s[i++] & 0x3f);
		if (cp >= 0x10000) {
			text[n++] = (uint16_t)(0xd7c0 + (cp >> 10));
			cp = 0xdc00 | (cp & 0x3ff);
		}
		text[n++] = (uint16_t)cp;
	}
	*len = n;
	return np_xrealloc(text, n * sizeof(*text));
}

static char *file_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("%s: cannot be opened", path);
	struct np_buf buf = {0};
	char block[4096];
	size_t n;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		np_buf_add(&buf, block, n);
	fclose(f);
	*len = buf.len;
	return buf.data;
}

/* --- parameters --- */

/* "a b= ...c {d}:d,e" */
static void params_text(const char *source, enum np_jsscan_kind kind, struct np_buf *out)
{
	size_t len;
	uint16_t *chars = utf16(source, strlen(source), &len);
	np_arena *arena = np_arena_create();
	struct np_jsscan_params params;
	np_jsscan_params(chars, len, kind, arena, &params);
	for (size_t i = 0; i < params.n; i++) {
		const struct np_jsscan_param *p = &params.params[i];
		np_buf_printf(out, "%s%s%s%s", i ? " " : "", p->is_rest ? "..." : "", p->name,
			      p->has_default ? "=" : "");
		for (size_t k = 0; p->is_pattern && k < p->n_bound; k++)
			np_buf_printf(out, "%c%s", k ? ',' : ':', p->bound[k]);
	}
	if (params.is_arrow)
		np_buf_puts(out, " =>");
	if (!params.in_text)
		np_buf_puts(out, "none");
	if (!params.complete)
		np_buf_puts(out, " ?");
	np_arena_destroy(arena);
	free(chars);
}

static const struct {
	const char *source, *expected;
	enum np_jsscan_kind kind;
} param_cases[] = {
	{"(){}", "", 0},
	{"(a,b){}", "a b", 0},
	{"( a , b , ) { return a }", "a b", 0},
	{"(a,...b){}", "a ...b", 0},
	{"(a=1,b=(c,d)=>[c,d],{e,f:g}={e:1},[h,,i]){}", "a= b= {e,f:g}=:e,g [h,,i]:h,i", 0},
	{"({a:{b:[c]},...d},...[e,f]){}", "{a:{b:[c]},...d}:c,d ...[e,f]:e,f", 0},
	{"({ a = x => ({b: x}), ['c' + d]: e, 'f': g, 1: h, if: i }){}",
	 "{ a = x => ({b: x}), ['c' + d]: e, 'f': g, 1: h, if: i }:a,e,g,h,i", 0},
	{"(a /* , b */, // c\n d){}", "a d", 0},
	{"(a = ')', b = \",\", c = `${x},${`)`}`, d){}", "a= b= c= d", 0},
	{"(a = /[/)]/, b = 1 / 2 / 3, c = x /y/ z, d = /=/){}", "a= b= c= d=", 0},
	{"(a = x++ / 2, b = (1) / 2, c = [1] / 2, d = `x` / 2, e){}", "a= b= c= d= e", 0},
	{"(a = function (x, y) { return x / y }, b = class { m(z) { return /}/ } }, c){}", "a= b= c", 0},
	{"(a = {b(c){}, get d(){return 1}, async *e(){}, [f]: 1, 'g': 2, async: 1, get, set: 2}, h){}", "a= h", 0},
	{"(a = b?.c?.[d]?.(e), f = g?.5:1, h = 1_000n, i = .5e-3, j){}", "a= f= h= i= j", 0},
	{"(a = #p in b, c = new.target, d = import.meta, e = new f.g(h), i){}", "a= c= d= e= i", 0},
	{"(a = b ? (c, d) : e, f){}", "a= f", 0},
	{"(a = yield, b = await, async, get, of, static_, let_){}", "a= b= async get of static_ let_", 0},
	{"($a_1, \\u0062c, d\\u{65}f){}", "$a_1 bc def", 0},
	{"(\xc3\xbc, \xe6\x97\xa5\xe6\x9c\xac, \xf0\xa0\xae\xb7){}",
	 "\xc3\xbc \xe6\x97\xa5\xe6\x9c\xac \xf0\xa0\xae\xb7", 0},
	{"(a\xc2\xa0, \xef\xbb\xbf b){}", "a b", 0},
	{"(a = function\xe2\x80\xa8 f() {}, b){}", "a= b", 0},
	{"(a, b\n) {\nreturn a\n}", "a b", 0},
	{"(a,b)=>a", "a b =>", 0},
	{"()=>1", " =>", 0},
	{"x=>x", "x =>", 0},
	{"async=>1", "async =>", 0},
	{"async x=>x", "x =>", 0},
	{"async (x, y) => x", "x y =>", 0},
	{"async(x)=>x", "x =>", 0},
	{"async /* c */ ({x}) => x", "{x}:x =>", 0},
	{"(x) /* c */ => x", "x =>", NP_JSSCAN_ARROW},
	{"class A extends B { m(a) {} }", "none", NP_JSSCAN_DERIVED_CONSTRUCTOR},
	{"class { x = 1 }", "none", NP_JSSCAN_CONSTRUCTOR},
	{"let x = (a, b) => 1", "none", NP_JSSCAN_SCRIPT},
	{"return exports", "none", NP_JSSCAN_WRAPPED},
	/* cut off, or no function at all */
	{"(a, b", "a b ?", 0},
	{"(a, {b, c", "a ?", 0},
	{"(a, b = 'x", "a b= ?", 0},
	{"(a, 1){}", "a ?", 0},
	{"(a, b c){}", "a b ?", 0},
	{"{}", " ?", 0},
	{"", " ?", 0},
	{"(\\u{110000}){}", " ?", 0},
	{"({a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z}){}",
	 "{a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t,\xe2\x80\xa6:"
	 "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z",
	 0},
};

static void test_params(void **state)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(param_cases); i++) {
		struct np_buf out = {0};
		params_text(param_cases[i].source, param_cases[i].kind, &out);
		if (strcmp(np_buf_str(&out), param_cases[i].expected) != 0)
			fail_msg("%s\n  is       %s\n  expected %s", param_cases[i].source, np_buf_str(&out),
				 param_cases[i].expected);
		np_buf_deinit(&out);
	}
}

/* --- names before a function --- */

static const struct {
	const char *source, *name; /* '@' stands before the function's text; NULL: none */
} name_cases[] = {
	{"function f@(a){}", "f"},
	{"function  f @(a){}", "f"},
	{"function* gen@(a){}", "gen"},
	{"async function foo@(){}", "foo"},
	{"function /* x */ f@(){}", "f"},
	{"Module._compile = function@(content){}", "Module._compile"},
	{"Module.prototype._compile = function @(content){}", "Module._compile"},
	{"a.b.prototype.c.d = async function@(){}", "a.b.c.d"},
	{"this.x = function@(){}", "x"},
	{"exports.f=function@(){}", "exports.f"},
	{"a['b c'] = function@(){}", "a.b c"},
	{"x.y[\"b\"].z = @() => 1", "x.y.b.z"},
	{"x[y] = @() => 1", NULL},
	{"f = function*@(){}", "f"},
	{"const f = function@(){}", "f"},
	{"let g = @(a) => a", "g"},
	{"var h = @async (a) => a", "h"},
	{"x = y = @z => z", "y"},
	{"({ key: function@(){} })", "key"},
	{"({ 'a key': function@(){} })", "a key"},
	{"({ key: @() => 1 })", "key"},
	{"class A { methodName@(){} }", "methodName"},
	{"class A { get x@(){} }", "get x"},
	{"class A { static set x@(v){} }", "set x"},
	{"({ async foo@(){} })", "foo"},
	{"({ *gen@(){} })", "gen"},
	{"({ async *gen@(){} })", "gen"},
	{"class A { #p@(){} }", "#p"},
	{"class A { get #p@(){} }", "get #p"},
	{"class A { [Symbol.iterator]@(){} }", "[Symbol.iterator]"},
	{"class A { get [a.b]@(){} }", "get [a.b]"},
	{"({ 'str'@(){} })", "str"},
	{"({ 'get'@(){} })", "get"},
	{"({ get@(){} })", "get"},
	{"({ delete@(){} })", "delete"},
	{"class Foo { constructor@(a){} }", "Foo"},
	{"class Foo extends Bar(1) { m(){ } x = /}/; constructor@(a){} }", "Foo"},
	{"class Foo { m(){ class Baz {} } static constructor_(){} constructor@(a){} }", "Foo"},
	{"const x = class { constructor@(a){} }", "x"},
	{"f(function@(){})", NULL},
	{"f(@() => 1)", NULL},
	{"f(a, @x => 1)", NULL},
	{"return function@(){}", NULL},
	{"return @() => 1", NULL},
	{"a ? @() => 1 : 2", NULL},
	{"a ? b : @() => 1", NULL},
	{"[@() => 1]", NULL},
	{"x += @() => 1", NULL},
	{"x == @() => 1", NULL},
	{"x === function@(){}", NULL},
	{"f()[0] = function@(){}", NULL},
	{"f().g = function@(){}", NULL},
	{"new function@(){}", NULL},
	{"(function@(){})", NULL},
	{"// x = \nfunction@(){}", NULL},
	{"a = // x\n function@(){}", "a"},
	{"a = '' // x\n + function@(){}", NULL},
	{"b = c // x = '\nd = @() => 1", "d"},
	{"@(){}", NULL},
	{"\xc3\xbc" "ber = function@(){}", "\xc3\xbc" "ber"},
};

static void test_name_before(void **state)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(name_cases); i++) {
		char source[256], name[64];
		const char *at = strchr(name_cases[i].source, '@');
		size_t start, len;
		snprintf(source, sizeof(source), "%.*s%s", (int)(at - name_cases[i].source), name_cases[i].source,
			 at + 1);
		free(utf16(source, (size_t)(at - name_cases[i].source), &start));
		uint16_t *chars = utf16(source, strlen(source), &len);
		bool found = np_jsscan_name_before(chars, len, start, name, sizeof(name));
		const char *got = found ? name : NULL, *expected = name_cases[i].name;
		if ((got == NULL) != (expected == NULL) || (got && strcmp(got, expected) != 0))
			fail_msg("%s\n  is       %s\n  expected %s", name_cases[i].source, got ? got : "(none)",
				 expected ? expected : "(none)");
		free(chars);
	}
}

static void test_name_is_cut(void **state)
{
	const char *source = "\xc3\xbc\xc3\xbc\xc3\xbc = function";
	char name[6];
	size_t len;
	uint16_t *chars = utf16(source, strlen(source), &len);
	assert_true(np_jsscan_name_before(chars, len, len, name, sizeof(name)));
	assert_string_equal(name, "\xc3\xbc\xc3\xbc");
	assert_false(np_jsscan_name_before(chars, len, len + 1, name, sizeof(name)));
	free(chars);
}

/* --- registers --- */

/* The first Node versions that follow each set of rules. */
static enum np_jsscan_rules version_rules(const char *version)
{
	static const struct {
		int major, minor;
		enum np_jsscan_rules rules;
	} first[] = {
		{8, 7, NP_JSSCAN_RULES_6_2},   {10, 0, NP_JSSCAN_RULES_6_6},  {10, 4, NP_JSSCAN_RULES_6_8},
		{11, 0, NP_JSSCAN_RULES_7_0},  {12, 0, NP_JSSCAN_RULES_7_8},  {13, 2, NP_JSSCAN_RULES_7_9},
		{14, 0, NP_JSSCAN_RULES_8_4},  {16, 0, NP_JSSCAN_RULES_9_0},  {16, 4, NP_JSSCAN_RULES_9_4},
		{18, 0, NP_JSSCAN_RULES_10_2}, {20, 0, NP_JSSCAN_RULES_11_3}, {22, 0, NP_JSSCAN_RULES_12_4},
		{24, 0, NP_JSSCAN_RULES_13_6},
	};
	int major = 0, minor = 0;
	enum np_jsscan_rules rules = NP_JSSCAN_RULES_UNKNOWN;
	if (sscanf(version, "%d.%d", &major, &minor) != 2)
		fail_msg("no version: %s", version);
	for (size_t i = 0; i < NP_ARRAY_LEN(first); i++)
		if (major > first[i].major || (major == first[i].major && minor >= first[i].minor))
			rules = first[i].rules;
	return rules;
}

static enum np_jsscan_kind kind_of(const char *s)
{
	static const char *const names[] = {"auto",    "function", "arrow",  "method", "constructor",
					    "derived", "wrapped",  "script", "module", "other"};
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
		if (strcmp(s, names[i]) == 0)
			return (enum np_jsscan_kind)i;
	fail_msg("no such kind: %s", s);
	return NP_JSSCAN_AUTO;
}

struct recorded {
	struct np_jsscan_function f;
	uint16_t *chars, *own_name;
	const char *text;
	unsigned checked, approximate, wrong;
};

static void recorded_flags(struct recorded *r, char *flags)
{
	char *save = NULL;
	for (char *w = strtok_r(flags, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (strcmp(w, "async") == 0)
			r->f.flags |= NP_JSSCAN_ASYNC;
		else if (strcmp(w, "generator") == 0)
			r->f.flags |= NP_JSSCAN_GENERATOR;
		else if (strcmp(w, "strict") == 0)
			r->f.flags |= NP_JSSCAN_STRICT;
		else if (strncmp(w, "named:", 6) == 0) {
			r->f.flags |= NP_JSSCAN_NAMED_EXPRESSION;
			r->own_name = utf16(w + 6, strlen(w + 6), &r->f.own_name_len);
			r->f.own_name = r->own_name;
		} else if (strcmp(w, "-") != 0)
			fail_msg("no such flag: %s", w);
	}
}

static void place_text(const struct np_jsscan_locals *locals, size_t at, char *buf, size_t size)
{
	static const char *const places[] = {"", "ctx", "arg", "absent", "elsewhere"};
	if (at == SIZE_MAX)
		snprintf(buf, size, "unknown");
	else if (locals->locals[at].place == NP_JSSCAN_REGISTER)
		snprintf(buf, size, "r%d", locals->locals[at].reg);
	else
		snprintf(buf, size, "%s", places[locals->locals[at].place]);
}

/* "name@offset=place name@offset=place" for one version. */
static void recorded_check(struct recorded *r, const char *version, const char *expected)
{
	np_arena *arena = np_arena_create();
	struct np_jsscan_locals locals;
	r->f.rules = version_rules(version);
	np_jsscan_locals(&r->f, arena, &locals);
	if (!locals.understood)
		fail_msg("not understood: %s", r->text);
	char *copy = np_arena_strdup(arena, expected), *save = NULL;
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char got[32], *offset = strchr(w, '@'), *place = strchr(w, '=');
		if (!offset || !place)
			fail_msg("not an answer: %s", w);
		*offset = *place = '\0';
		size_t at = np_jsscan_locals_find(&locals, w, (uint32_t)atoi(offset + 1));
		place_text(&locals, at, got, sizeof(got));
		r->checked++;
		if (strcmp(got, place + 1) == 0)
			continue;
		if (!locals.trusted || (at != SIZE_MAX && !locals.locals[at].exact)) {
			r->approximate++;
			continue;
		}
		if (r->wrong++ < 20)
			print_message("node %s: %s is %s, expected %s in\n  %.1000s\n", version, w, got, place + 1,
				      r->text);
	}
	np_arena_destroy(arena);
}

static void recorded_free(struct recorded *r)
{
	free(r->chars);
	free(r->own_name);
	r->chars = r->own_name = NULL;
}

static void recorded_line(struct recorded *r, char *line, bool is_text)
{
	char *save = NULL;
	if (strncmp(line, "case ", 5) == 0) {
		recorded_free(r);
		memset(&r->f, 0, sizeof(r->f));
		strtok_r(line, " ", &save);
		r->f.kind = kind_of(strtok_r(NULL, " ", &save));
		recorded_flags(r, strtok_r(NULL, " ", &save));
	} else if (is_text) {
		r->text = line;
		r->chars = utf16(line, strlen(line), &r->f.len);
		r->f.chars = r->chars;
	} else {
		char *colon = strchr(line, ':');
		assert_non_null(colon);
		*colon = '\0';
		for (char *w = strtok_r(line, ",", &save); w; w = strtok_r(NULL, ",", &save))
			recorded_check(r, w, colon + 2);
	}
}

static void test_registers(void **state)
{
	size_t len;
	char *data = file_read(*state, &len);
	struct recorded r = {0};
	bool is_text = false;
	for (char *line = data, *next; line < data + len; line = next) {
		next = strchr(line, '\n');
		next = next ? next : data + len;
		*next++ = '\0';
		if (!*line || *line == '#')
			continue;
		recorded_line(&r, line, is_text);
		is_text = strncmp(line, "case", 4) == 0 && !is_text;
	}
	print_message("%u variables: %u wrong, %u approximate ones wrong\n", r.checked, r.wrong, r.approximate);
	recorded_free(&r);
	free(data);
	assert_true(r.checked > 1000);
	assert_int_equal(r.wrong, 0);
	assert_true(r.approximate * 20 < r.checked);
}

/* What generate.js cannot make: whole scripts, seen in the bytecode by hand. */
static const struct {
	enum np_jsscan_kind kind;
	enum np_jsscan_rules rules;
	const char *source, *expected; /* "name=place" of the variables of that name, in text order */
} whole_cases[] = {
#define LOOP "function g(){} let x=1; {let z=2; g(z)} for (let q of []) {q=3} let y=4; g(x,y)"
	{NP_JSSCAN_MODULE, NP_JSSCAN_RULES_7_8, LOOP, "x=r2 z=r8 q=r7 y=r4"},
	{NP_JSSCAN_MODULE, NP_JSSCAN_RULES_12_4, LOOP, "x=r2 z=r8 q=r7 y=r4"},
	{NP_JSSCAN_MODULE, NP_JSSCAN_RULES_13_6, LOOP, "x=r2 z=r7 q=r6 y=r4"},
#undef LOOP
#define IMPORTS                                                                                                    \
	"import {readFileSync as rr, writeFileSync} from 'fs'; import * as ns from 'os'; import def from 'path';"  \
	"export default function(){}; let x=1; {let z=2; g(z)} export {x}; let y=3; g(y); function g(){}"
	{NP_JSSCAN_MODULE, NP_JSSCAN_RULES_9_4, IMPORTS,
	 "rr=elsewhere writeFileSync=elsewhere ns=r1 def=elsewhere x=elsewhere z=r5 y=r2 g=r3"},
	{NP_JSSCAN_MODULE, NP_JSSCAN_RULES_13_6, IMPORTS, "ns=r1 x=elsewhere z=r4 y=r2"},
#undef IMPORTS
	{NP_JSSCAN_MODULE, NP_JSSCAN_RULES_13_6,
	 "export const {m,n} = {}; let y; export class C {} export function f() {}",
	 "m=elsewhere n=elsewhere y=r1 C=elsewhere f=elsewhere"},
#define CJS                                                                                                        \
	"let x = 1001; const c = 1002; var v = 1003; let unused; let e1 = 1004; let cap = 1005; "                  \
	"function h(){ return cap } { let z = 1006; h(z) } for (let q of [1]) { q = 1007; h(q) } class A {}; "     \
	"let y = 1008;"
	{NP_JSSCAN_WRAPPED, NP_JSSCAN_RULES_13_6, CJS,
	 "x=r0 c=r1 v=r2 unused=r3 e1=r4 cap=ctx h=r5 z=r11 q=r10 y=r8 exports=arg"},
	{NP_JSSCAN_WRAPPED, NP_JSSCAN_RULES_7_8, CJS, "x=r0 e1=r4 cap=ctx z=r12 q=r11 y=r8"},
	{NP_JSSCAN_SCRIPT, NP_JSSCAN_RULES_13_6, CJS, "x=ctx v=elsewhere h=elsewhere A=ctx z=r4 q=r3"},
	{NP_JSSCAN_SCRIPT, NP_JSSCAN_RULES_7_8, CJS, "z=r5 q=r4"},
	{NP_JSSCAN_SCRIPT, NP_JSSCAN_RULES_6_2, CJS, "z=r3 q=r1"},
#undef CJS
	{NP_JSSCAN_WRAPPED, NP_JSSCAN_RULES_13_6, "exports = () => require; let a", "exports=arg require=ctx a=r0"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "a => { let b = a; return () => b }", "a=arg b=ctx"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "(a, b = 1) => { let c }", "a=r0 b=r1 c=r2"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "async (a) => { let c }", "a=arg c=r0 .generator_object=r1"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "(a) { arguments; var b }", "a=ctx arguments=r0 b=absent"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "(a) { new.target; let b }", "new.target=r0 b=r1"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_11_3, "(a) { if (a) return a; super(); let b }",
	 "new.target=r0 .this_function=r1 b=r3"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_11_3, "(a) { if (a) return a; (() => super())(); let b }", "b=r1"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_11_3,
	 "(a) { if (a) return a; let b; return class extends a { constructor() { super() } } }", "b=r0"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_12_4, "(a) { if (a) return a; super(); let b }", "b=r2"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "(a) { with (a) { let b; b } let c; with (a) c; }", "a=arg b=r0 c=ctx"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "(a) { let b; { let c; eval(a) } { let d } }", "a=ctx b=ctx c=ctx d=r0"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "(x) { let a\n/x/g; let b = a\n++x\nlet c\nfoo: for (;;) break foo }",
	 "a=r0 b=r1 c=r2"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "() { <!-- let x\n let a; /*\n*/ --> let b\n let c }", "a=r0 c=r1"},
	{NP_JSSCAN_AUTO, NP_JSSCAN_RULES_13_6, "() { let \\u0061b, \xc3\xbc; return () => ab }", "ab=ctx \xc3\xbc=r0"},
};

static void test_whole(void **state)
{
	static const char *const wrapped[] = {"exports", "require", "module"};
	for (size_t i = 0; i < NP_ARRAY_LEN(whole_cases); i++) {
		np_arena *arena = np_arena_create();
		struct np_jsscan_function f = {.kind = whole_cases[i].kind,
					       .rules = whole_cases[i].rules,
					       .wrapped_params = wrapped,
					       .n_wrapped_params = NP_ARRAY_LEN(wrapped)};
		uint16_t *chars = utf16(whole_cases[i].source, strlen(whole_cases[i].source), &f.len);
		struct np_jsscan_locals locals;
		f.chars = chars;
		np_jsscan_locals(&f, arena, &locals);
		assert_true(locals.understood);
		char *copy = np_arena_strdup(arena, whole_cases[i].expected), *save = NULL, got[32];
		for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
			char *place = strchr(w, '=');
			size_t at = 0;
			*place = '\0';
			while (at < locals.n && strcmp(locals.locals[at].name, w) != 0)
				at++;
			place_text(&locals, at < locals.n ? at : SIZE_MAX, got, sizeof(got));
			if (strcmp(got, place + 1) != 0)
				fail_msg("%s is %s, expected %s in\n  %s", w, got, place + 1, whole_cases[i].source);
		}
		free(chars);
		np_arena_destroy(arena);
	}
}

static bool only_a_is_captured(void *ctx, const char *name)
{
	return strcmp(name, "a") == 0;
}

/* The heap's word goes before the text's. */
static void test_heap_decides(void **state)
{
	np_arena *arena = np_arena_create();
	struct np_jsscan_function f = {.rules = NP_JSSCAN_RULES_13_6};
	struct np_jsscan_locals locals;
	uint16_t *chars = utf16("() { let a, b, c; { let a = 1; a } }", 36, &f.len);
	f.chars = chars;
	np_jsscan_locals(&f, arena, &locals);
	assert_true(locals.trusted);
	assert_int_equal(locals.n_registers, 4);
	f.captured = only_a_is_captured;
	np_jsscan_locals(&f, arena, &locals);
	assert_false(locals.trusted);
	assert_int_equal(locals.n_registers, 3); /* the inner a has one: it is in another scope */
	assert_int_equal(locals.locals[np_jsscan_locals_find(&locals, "a", 10)].place, NP_JSSCAN_CONTEXT);
	assert_int_equal(locals.locals[np_jsscan_locals_find(&locals, "a", 30)].reg, 2);
	assert_int_equal(locals.locals[np_jsscan_locals_find(&locals, "b", 10)].reg, 0);
	free(chars);

	chars = utf16("() { let a, b; () => a }", 24, &f.len);
	f.chars = chars;
	f.max_registers = 1;
	np_jsscan_locals(&f, arena, &locals);
	assert_true(locals.trusted);
	f.captured = NULL;
	f.max_registers = 0;
	f.rules = NP_JSSCAN_RULES_UNKNOWN;
	np_jsscan_locals(&f, arena, &locals);
	assert_false(locals.understood);
	assert_int_equal(locals.n, 0);
	free(chars);

	chars = utf16("() { let a, b, c }", 18, &f.len);
	f.chars = chars;
	f.rules = NP_JSSCAN_RULES_13_6;
	f.max_registers = 2;
	np_jsscan_locals(&f, arena, &locals);
	assert_false(locals.trusted);
	free(chars);
	np_arena_destroy(arena);
}

static void test_find(void **state)
{
	np_arena *arena = np_arena_create();
	const char *source = "(x) { for (let i = 0; i < x; i++) { g(() => i); { let i = x; } }"
			     " try { } catch (x) { g(x) } }";
	struct np_jsscan_function f = {.rules = NP_JSSCAN_RULES_13_6};
	struct np_jsscan_locals locals;
	uint16_t *chars = utf16(source, strlen(source), &f.len);
	f.chars = chars;
	np_jsscan_locals(&f, arena, &locals);
	assert_true(locals.trusted);
	size_t head = np_jsscan_locals_find(&locals, "i", (uint32_t)(strstr(source, "= 0") - source));
	size_t body = np_jsscan_locals_find(&locals, "i", (uint32_t)(strstr(source, "g(()") - source));
	size_t inner = np_jsscan_locals_find(&locals, "i", (uint32_t)(strstr(source, "= x") - source));
	assert_true(head != body && body != inner && head != inner && head != SIZE_MAX && inner != SIZE_MAX);
	assert_int_equal(locals.locals[head].place, NP_JSSCAN_REGISTER);
	assert_int_equal(locals.locals[body].place, NP_JSSCAN_CONTEXT);
	assert_true(np_jsscan_locals_find(&locals, "i", 2) == SIZE_MAX);
	assert_true(np_jsscan_locals_find(&locals, "i", (uint32_t)(strstr(source, "try") - source)) == SIZE_MAX);
	size_t param = np_jsscan_locals_find(&locals, "x", 10);
	size_t caught = np_jsscan_locals_find(&locals, "x", (uint32_t)(strstr(source, "g(x)") - source));
	assert_int_equal(locals.locals[param].kind, NP_JSSCAN_PARAM);
	assert_int_equal(locals.locals[caught].kind, NP_JSSCAN_CATCH);
	free(chars);
	np_arena_destroy(arena);
}

/* --- hostile text --- */

/* Everything at once on one text; answers must be within bounds whatever it is. */
static void try_all(const uint16_t *chars, size_t len, unsigned n)
{
	static const uint16_t own[] = {'f'};
	static const char *const wrapped[] = {"exports", "a"};
	np_arena *arena = np_arena_create();
	struct np_jsscan_function f = {.chars = chars,
				       .len = len,
				       .kind = (enum np_jsscan_kind)(n % (NP_JSSCAN_OTHER + 1)),
				       .flags = n / 16 % 16,
				       .rules = (enum np_jsscan_rules)(n / 3 % NP_JSSCAN_RULES_COUNT),
				       .own_name = own,
				       .own_name_len = 1,
				       .wrapped_params = wrapped,
				       .n_wrapped_params = 2};
	struct np_jsscan_locals locals;
	struct np_jsscan_params params;
	char name[32];
	np_jsscan_params(chars, len, f.kind, arena, &params);
	np_jsscan_locals(&f, arena, &locals);
	assert_true(params.n <= len);
	assert_true(locals.n <= len + 16 && locals.n_registers <= 4 * len + 64);
	for (size_t i = 0; i < locals.n; i++) {
		const struct np_jsscan_local *local = &locals.locals[i];
		assert_true(local->pos <= len && local->scope_start <= local->scope_end && local->scope_end <= len);
		assert_true(local->place != NP_JSSCAN_REGISTER || (size_t)local->reg < locals.n_registers);
		np_jsscan_locals_find(&locals, local->name, local->pos);
	}
	for (size_t at = 0; at <= len; at += 1 + len / 8)
		np_jsscan_name_before(chars, len, at, name, sizeof(name));
	np_arena_destroy(arena);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Cuts, doubles, moves and overwrites pieces; the copy has the exact size. */
static uint16_t *mutate(const uint16_t *chars, size_t len, uint32_t *state, size_t *ret)
{
	static const char *const pieces[] = {
		"(",   ")", "{", "}",	  "[",	    "]",      "=>",	"`",	"${",	"/",  "*/", "/*", "'", "\\u", "async ",
		"let", ":", "#", "eval(", "yield ", "await ", "super(", "\xff", "for(", ",", "class ", "...", "?.", "\n", "="};
	size_t at = next_random(state) % (len + 1), n = next_random(state) % 40;
	n = n > len - at ? len - at : n;
	const char *piece = pieces[next_random(state) % NP_ARRAY_LEN(pieces)];
	unsigned what = next_random(state) % 4;
	size_t add = what == 0 ? 0 : what == 1 ? n : strlen(piece), drop = what == 1 ? 0 : what == 2 ? 0 : n;
	uint16_t *copy = np_xmalloc((len + add - drop) * sizeof(*copy));
	if (at)
		memcpy(copy, chars, at * sizeof(*copy));
	for (size_t i = 0; i < add; i++)
		copy[at + i] = what == 1 ? chars[at + i] : (unsigned char)piece[i];
	if (len - at - drop)
		memcpy(copy + at + add, chars + at + drop, (len - at - drop) * sizeof(*copy));
	*ret = len + add - drop;
	return copy;
}

static void test_mutations(void **state)
{
	size_t bytes;
	char *data = file_read(*state, &bytes), *line = data;
	uint32_t random = 1;
	for (unsigned n = 0; line && n < 3000;) {
		size_t len, left = (size_t)(data + bytes - line);
		char *end = memchr(line, '\n', left);
		uint16_t *chars = utf16(line, end ? (size_t)(end - line) : left, &len);
		for (unsigned k = 0; k < 6 && len > 60; k++, n++) {
			uint16_t *changed = mutate(chars, len, &random, &len);
			free(chars);
			chars = changed;
			try_all(chars, len, next_random(&random));
		}
		free(chars);
		line = end && (size_t)(end + 1 - data) < bytes ? end + 1 : NULL;
	}
	free(data);
}

/* text, middle, end: text and end repeated. */
static const struct {
	const char *start, *repeated, *middle, *repeated_end, *end;
	unsigned times;
} deep_cases[] = {
	{"(){", "(", "", "", "}", 100000},
	{"(){x=", "(", "1", ")", "}", 800},
	{"(){x=", "[", "", "", "}", 100000},
	{"(){x=", "{a:", "", "", "}", 100000},
	{"(){x=", "a=>", "b", "", "}", 100000},
	{"(){", "function f(){", "", "}", "}", 100000},
	{"(){x=", "`${", "a", "}`", "}", 100000},
	{"(){", "if(a)", ";", "", "}", 100000},
	{"(){", "if(a);else ", ";", "", "}", 100000},
	{"(){x=", "a?b:", "c", "", "}", 100000},
	{"(){x=", "a?", "c", ":d", "}", 100000},
	{"(){x=", "!", "a", "", "}", 100000},
	{"(){x=", "new ", "a", "", "}", 100000},
	{"(){", "{let a;", "", "}", "}", 100000},
	{"(){", "{function f(){}", "", "}", "}", 900},
	{"(){", "with(a){b;", "", "}", "}", 480},
	{"(){x=", "(a=", "1", ")=>1", "}", 480},
	{"(){", "class A{[", "b", "](){}}", "}", 480},
	{"(", "[", "b", "]", "){}", 100000},
	{"(", "{a:", "b", "}", "){}", 400},
	{"(){", "l:", ";", "", "}", 100000},
	{"(){", "/*", "", "", "", 100000},
	{"(){", "for(let i=0;;)", ";", "", "}", 900},
	{"(){", "try{", "", "}catch({a}){}", "}", 480},
	{"(){", "class ", "constructor", "", "", 100000},
};

static void test_deep(void **state)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(deep_cases); i++) {
		struct np_buf buf = {0};
		np_buf_puts(&buf, deep_cases[i].start);
		for (unsigned k = 0; k < deep_cases[i].times; k++)
			np_buf_puts(&buf, deep_cases[i].repeated);
		np_buf_puts(&buf, deep_cases[i].middle);
		for (unsigned k = 0; k < deep_cases[i].times; k++)
			np_buf_puts(&buf, deep_cases[i].repeated_end);
		np_buf_puts(&buf, deep_cases[i].end);
		size_t len;
		uint16_t *chars = utf16(buf.data, buf.len, &len);
		for (unsigned n = 0; n < 4; n++)
			try_all(chars, len, n * 37 + 1);
		free(chars);
		np_buf_deinit(&buf);
	}
}

static void test_many_names(void **state)
{
	struct np_buf buf = {0};
	np_buf_puts(&buf, "(){");
	for (unsigned i = 0; i < 200000; i++)
		np_buf_printf(&buf, "var v%x=v%x;", i * 4096, i);
	np_buf_puts(&buf, "}");
	struct np_jsscan_function f = {.rules = NP_JSSCAN_RULES_13_6};
	uint16_t *chars = utf16(buf.data, buf.len, &f.len);
	np_arena *arena = np_arena_create();
	struct np_jsscan_locals locals;
	f.chars = chars;
	np_jsscan_locals(&f, arena, &locals);
	assert_true(locals.understood);
	assert_int_equal(locals.n_registers, 200000);
	assert_false(locals.trusted); /* more than the answer holds */
	np_arena_destroy(arena);
	free(chars);
	np_buf_deinit(&buf);
}

/* Another file to compare with may be given: what generate.js wrote of other versions or cases. */
int main(int argc, char **argv)
{
	char recorded[512];
	const char *slash = strrchr(__FILE__, '/');
	snprintf(recorded, sizeof(recorded), "%.*s/jsscan/registers.txt", (int)(slash - __FILE__), __FILE__);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_name_before),
		cmocka_unit_test(test_name_is_cut),
		cmocka_unit_test_prestate(test_registers, argc > 1 ? argv[1] : recorded),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_heap_decides),
		cmocka_unit_test(test_find),
		cmocka_unit_test_prestate(test_mutations, recorded),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_many_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The names that V8 gives to code, as they stand in perf maps of Node 0.10 to 26, and texts that only look like them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/symbol_frame.h"
#include "format/v8_symbol.h"
#include "profile/profile.h"

enum { JS = NP_PROFILE_JS, BUILTIN = NP_PROFILE_BUILTIN, REGEXP = NP_PROFILE_REGEXP, WASM = NP_PROFILE_WASM };
enum { NONE, INTERPRETED, BASELINE, MAGLEV, TURBOFAN };

static const struct {
	const char *text, *name, *file;
	uint32_t line, column;
	int kind, tier;
	bool osr;
} good[] = {
	{"JS:*run /app/a.js:3:13", "run", "/app/a.js", 3, 13, JS, TURBOFAN, false},
	{"JS:~run /app/a.js:3:13+0x1cf", "run", "/app/a.js", 3, 13, JS, INTERPRETED, false},
	{"JS:^run node:internal/timers:603:25", "run", "node:internal/timers", 603, 25, JS, BASELINE, false},
	{"JS:+run /app/a.js:3:13", "run", "/app/a.js", 3, 13, JS, MAGLEV, false},
	{"JS:o+run /app/a.js:3:13", "run", "/app/a.js", 3, 13, JS, MAGLEV, true},
	{"JS:o* evalmachine.<anonymous>:1:1", "", "evalmachine.<anonymous>", 1, 1, JS, TURBOFAN, true},
	{"JS:*'run /app/a.js:3:13", "run", "/app/a.js", 3, 13, JS, TURBOFAN, false},
	{"JS:+'run /app/a.js:3:13", "run", "/app/a.js", 3, 13, JS, MAGLEV, false},
	{"JS:run /app/a.js:3:13", "run", "/app/a.js", 3, 13, JS, NONE, false},
	{"JS:o /app/a.js:3:13", "o", "/app/a.js", 3, 13, JS, NONE, false},
	{"JS:* /app/a.js:3:13", "", "/app/a.js", 3, 13, JS, TURBOFAN, false},
	{"JS:*get bar /app/a.js:3:13", "get bar", "/app/a.js", 3, 13, JS, TURBOFAN, false},
	{"JS:*get [Symbol.iterator] /a.js:3:13", "get [Symbol.iterator]", "/a.js", 3, 13, JS, TURBOFAN, false},
	{"JS:*odd name /my app/a b.js:3:13", "odd name", "/my app/a b.js", 3, 13, JS, TURBOFAN, false},
	{"JS:*run file:///app/a.mjs:3:13", "run", "file:///app/a.mjs", 3, 13, JS, TURBOFAN, false},
	{"JS:~run [eval]:3:13", "run", "[eval]", 3, 13, JS, INTERPRETED, false},
	{"JS:~run C:\\app\\a.js:3:13", "run", "C:\\app\\a.js", 3, 13, JS, INTERPRETED, false},
	{"JS:~<anonymous> /app/a.js:3:13", "", "/app/a.js", 3, 13, JS, INTERPRETED, false},
	{"LazyCompile:*run /app/a.js:3", "run", "/app/a.js", 3, 0, JS, TURBOFAN, false},
	{"LazyCompile:~Module._load module.js:282", "Module._load", "module.js", 282, 0, JS, INTERPRETED, false},
	{"LazyCompile:run /app/a.js:3", "run", "/app/a.js", 3, 0, JS, NONE, false},
	{"LazyCompile:~run", "run", NULL, 0, 0, JS, INTERPRETED, false},
	{"Function:^run /app/a.js:3:13", "run", "/app/a.js", 3, 13, JS, BASELINE, false},
	{"Function:~ /app/a.js:1", "", "/app/a.js", 1, 0, JS, INTERPRETED, false},
	{"Script:~ /app/a.js:1:1", "(script)", "/app/a.js", 1, 1, JS, INTERPRETED, false},
	{"Script:/app/my a.js", "(script)", "/app/my a.js", 0, 0, JS, NONE, false},
	{"Eval:~ /app/a.js:1:1", "(eval)", "/app/a.js", 1, 1, JS, INTERPRETED, false},
	{"Eval:~ evalmachine.<anonymous>:1", "(eval)", "evalmachine.<anonymous>", 1, 0, JS, INTERPRETED, false},
	{"RegExp:a(b|c)+d", "a(b|c)+d", NULL, 0, 0, REGEXP, NONE, false},
	{"RegExp:^\\s+[:; ]:3:4+0x20", "^\\s+[:; ]:3:4", NULL, 0, 0, REGEXP, NONE, false},
	{"Builtin:ArrayPrototypePush+0x8", "ArrayPrototypePush", NULL, 0, 0, BUILTIN, NONE, false},
	{"Builtins_ArrayMap", "Builtins_ArrayMap", NULL, 0, 0, BUILTIN, NONE, false},
	{"BytecodeHandler:LdaZero", "BytecodeHandler:LdaZero", NULL, 0, 0, BUILTIN, NONE, false},
	{"Stub:JSEntryStub", "Stub:JSEntryStub", NULL, 0, 0, BUILTIN, NONE, false},
	{"LoadIC:length", "LoadIC:length", NULL, 0, 0, BUILTIN, NONE, false},
	{"JS:fib-3-turbofan", "fib", NULL, 0, 0, WASM, TURBOFAN, false},
	{"Function:wasm-function[12]-12-liftoff", "wasm-function[12]", NULL, 0, 0, WASM, BASELINE, false},
	{"JS:js-to-wasm-<anonymous>-none", "js-to-wasm", NULL, 0, 0, WASM, NONE, false},
	{"JS:*a-3-turbofan /a.js:1:1", "a-3-turbofan", "/a.js", 1, 1, JS, TURBOFAN, false},
	/* odd ones: nothing may be read that is not there */
	{"JS:", "", NULL, 0, 0, JS, NONE, false},
	{"JS:*", "", NULL, 0, 0, JS, TURBOFAN, false},
	{"JS:*:3:4", "", NULL, 3, 4, JS, TURBOFAN, false},
	{"JS:* :3:4", "", NULL, 3, 4, JS, TURBOFAN, false},
	{"JS:*run /a.js:99999999999:1", "run", "/a.js:99999999999", 1, 0, JS, TURBOFAN, false},
	{"JS:-3-turbofan", "-3-turbofan", NULL, 0, 0, JS, NONE, false},
	{"Builtin:", "", NULL, 0, 0, BUILTIN, NONE, false},
	{"RegExp:", "", NULL, 0, 0, REGEXP, NONE, false},
};

static const char *const bad[] = {
	"", "uv_run", "Function::Call", "JS::Value::toObject", "v8::Function::Call", "Script", "JSON.parse", "Builtin",
	"Callback::operator()", "Stub::run", "js:run /a.js:1:1", "[unknown]", "0x1234",
};

static void test_good(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct np_v8_symbol s;
		char text[200];
		/* nothing behind the text is looked at */
		snprintf(text, sizeof(text), "%s:77:88+0x1", good[i].text);
		print_message("%s\n", good[i].text);
		assert_true(np_v8_symbol_parse(text, strlen(good[i].text), &s));
		assert_int_equal(s.name_len, strlen(good[i].name));
		assert_memory_equal(s.name, good[i].name, s.name_len);
		assert_int_equal(s.file != NULL, good[i].file != NULL);
		assert_int_equal(s.file_len, good[i].file ? strlen(good[i].file) : 0);
		if (s.file_len)
			assert_memory_equal(s.file, good[i].file, s.file_len);
		assert_int_equal(s.line, good[i].line);
		assert_int_equal(s.column, good[i].column);
		assert_int_equal(s.kind, good[i].kind);
		assert_int_equal(s.tier, good[i].tier);
		assert_int_equal(s.is_osr, good[i].osr);
	}
}

static void test_bad(void **state)
{
	struct np_v8_symbol s;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(np_v8_symbol_parse(bad[i], strlen(bad[i]), &s));
}

/* Every beginning of every text, in memory that ends there: the sanitizer watches. */
static void test_cut(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		for (size_t n = 0; n <= strlen(good[i].text); n++) {
			struct np_v8_symbol s;
			char *text = malloc(n ? n : 1);
			memcpy(text, good[i].text, n);
			if (np_v8_symbol_parse(text, n, &s)) {
				assert_true(s.name_len <= n || s.name[0] == '('); /* "(script)" */
				assert_true(s.file_len <= n);
			}
			free(text);
		}
}

static void test_offset(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {{"a+0x1f", 1}, {"a+0x", 4}, {"+0x1", 0}, {"0x1f", 4}, {"a+1f", 4}, {"", 0}, {"a+0x1g", 6}, {"a+0x1+0x2", 5}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(np_offset_cut(cases[i].text, strlen(cases[i].text)), cases[i].len);
}

/* A frame, written and read again, is the same one. */
static void test_back(void **state)
{
	static const char *const others[] = {"uv_run", "operator new(unsigned long)", "[unknown]", "(idle)", "(garbage collector)",
					     "v8::(anonymous namespace)::Invoke", "[libc.so.6]", "0x7f12", "<< adaptor >>"};
	np_profile *p = np_profile_create(false);
	struct np_buf buf = {0};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(others) / sizeof(others[0]); i++) {
		size_t n = sizeof(good) / sizeof(good[0]);
		const char *text = i < n ? good[i].text : others[i - n];
		struct np_profile_frame a = np_symbol_parse(p, text, strlen(text), NULL, 0);
		np_buf_clear(&buf);
		np_symbol_put(&buf, p, &a);
		struct np_profile_frame b = np_symbol_parse(p, buf.data, buf.len, NULL, 0);
		print_message("%s -> %s\n", text, buf.data);
		if (strcmp(text, "JS:*:3:4") == 0 || strcmp(text, "JS:* :3:4") == 0 || strcmp(text, "RegExp:^\\s+[:; ]:3:4+0x20") == 0)
			continue; /* a place without a file cannot be told */
		assert_int_equal(np_profile_frame(p, &a), np_profile_frame(p, &b));
	}
	np_buf_deinit(&buf);
	np_profile_destroy(p);
}

static void test_modules(void **state)
{
	static const struct {
		const char *symbol, *module, *name;
		int kind;
	} cases[] = {
		{"do_syscall_64+0x71", "[kernel.kallsyms]", "do_syscall_64", NP_PROFILE_KERNEL},
		{"nf_hook", "[nf_conntrack]", "nf_hook", NP_PROFILE_KERNEL},
		{"foo", "/lib/modules/6.1/kernel/net/x.ko", "foo", NP_PROFILE_KERNEL},
		{"[unknown]", "[kernel.kallsyms]", "[kernel.kallsyms]", NP_PROFILE_KERNEL},
		{"__vdso_gettimeofday", "[vdso]", "__vdso_gettimeofday", NP_PROFILE_NATIVE},
		{"[unknown]", "/usr/lib/libc.so.6", "[libc.so.6]", NP_PROFILE_UNKNOWN},
		{"[unknown]", "[unknown]", "[unknown]", NP_PROFILE_UNKNOWN},
		{"[unknown]", "", "[unknown]", NP_PROFILE_UNKNOWN},
		{"main", "/usr/bin/node", "main", NP_PROFILE_NATIVE},
	};
	np_profile *p = np_profile_create(false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct np_profile_frame f = np_symbol_parse(p, cases[i].symbol, strlen(cases[i].symbol), cases[i].module,
							    strlen(cases[i].module));
		assert_string_equal(np_profile_text(p, f.name), cases[i].name);
		assert_int_equal(f.kind, cases[i].kind);
	}
	np_profile_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_offset), cmocka_unit_test(test_back), cmocka_unit_test(test_modules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

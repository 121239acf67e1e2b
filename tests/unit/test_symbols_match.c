/* Names of symbols as users write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/symbols_match.h"

static void test_matches(void **state)
{
	static const struct {
		const char *pattern, *symbol;
		bool matches;
	} cases[] = {
		{"uv_run", "uv_run", true},
		{"uv_run", "uv_run_x", false},
		{"uv_*", "uv_run", true},
		{"uv_*x", "uv_fs_open", false},
		{"_ZN4node5AbortEv", "_ZN4node5AbortEv", true},
		{"node::Abort", "_ZN4node5AbortEv", true},
		{"node::Abort()", "_ZN4node5AbortEv", true},
		{"node::Abort(int)", "_ZN4node5AbortEv", false},
		{"node::*", "_ZN4node5AbortEv", true},
		{"*Abort*", "_ZN4node5AbortEv", true},
		{"Abort", "_ZN4node5AbortEv", false},
		{"f(void (*)(int))", "_Z1fPFviE", true},
		{"f", "_Z1fPFviE", true},
		{"(anonymous namespace)::g", "_ZN12_GLOBAL__N_11gEv", true},
		{"CEntry", "Builtins_CEntry", true},
		{"Builtins_CEntry", "Builtins_CEntry", true},
		{"*Entry", "Builtins_CEntry", true},
		{"Entry", "Builtins_CEntry", false},
		{"memcpy", "memcpy@@GLIBC_2.14", true},
		{"a[bc]", "ac", true},
		{"[", "x", false},
		{"", "x", false},
		{"*", "x", true},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++) {
		struct np_symbol_pattern p;
		np_symbol_pattern_make(cases[i].pattern, &p);
		if (np_symbol_pattern_matches(&p, cases[i].symbol) != cases[i].matches)
			fail_msg("%s %s %s", cases[i].pattern, cases[i].matches ? "misses" : "matches", cases[i].symbol);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_matches)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

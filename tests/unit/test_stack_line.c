/* Where addresses and their names stand in the lines of many tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/stack_line.h"

/*
 * Writes a line as resolve would with the name "N" everywhere: <N> where it is
 * put, and {...} around what it takes the place of; ! before an address that has a name.
 */
static const char *marked(const char *line)
{
	static char out[1024];
	size_t n = strlen(line), from = 0, done = 0;
	struct np_stack_address a;
	char *p = out;
	while (np_stack_line_next(line, n, true, &from, &a)) {
		assert_true(a.at < a.end && a.end <= n && a.place <= a.place_end && a.place_end <= n);
		if (a.named && !a.is_jit) {
			p += sprintf(p, "%.*s!", (int)(a.at - done), line + done);
			done = a.at;
		} else if (a.form == NP_STACK_REPORT) {
			p += sprintf(p, "%.*s<pc>", (int)(a.end - done), line + done);
			done = a.end;
		} else if (a.place == a.place_end) {
			p += sprintf(p, "%.*s%s<N>", (int)(a.place - done), line + done, a.before);
			done = a.place;
		} else {
			p += sprintf(p, "%.*s{%.*s}", (int)(a.place - done), line + done, (int)(a.place_end - a.place),
				     line + a.place);
			done = a.place_end;
		}
	}
	strcpy(p, line + done);
	return out;
}

static const char *const lines[][2] = {
	/* gdb */
	{"#6  0x00003d278f8060bb in ?? ()", "#6  0x00003d278f8060bb in {??} ()"},
	{"#7  0x0000000000b00e10 in node::Abort() ()", "#7  !0x0000000000b00e10 in node::Abort() ()"},
	{"#1  0x3d278f8060bb in ?? () from /lib/x.so", "#1  0x3d278f8060bb in {??} () from /lib/x.so"},
	{"   0x3d278f8060bb <main+4>:\tret", "   !0x3d278f8060bb <main+4>:\tret"},
	/* lldb */
	{"    frame #6: 0x00003d278f8060bb", "    frame #6: 0x00003d278f8060bb <N>"},
	{"  * frame #0: 0x00003d278f8060bb", "  * frame #0: 0x00003d278f8060bb <N>"},
	{"    frame #7: 0x0000000100b00e10 node`uv_run(x) + 23 at a.c:1", "    frame #7: !0x0000000100b00e10 node`uv_run(x) + 23 at a.c:1"},
	/* Xcode, Instruments, sample, crash report */
	{"#6\t0x00003d278f8060bb in 0x3d278f8060bb ()", "#6\t0x00003d278f8060bb in {0x3d278f8060bb} ()"},
	{"67.0ms   97.1%\t0,0\t \t   0x3d278f8060bb", "67.0ms   97.1%\t0,0\t \t   0x3d278f8060bb <N>"},
	{"    + 2207 ???  (in <unknown binary>)  [0x3d278f8060bb]", "    + 2207 {???}  (in <unknown binary>)  [0x3d278f8060bb]"},
	{"    + 2207 uv_run  (in node) + 123  [0x100b00e10]", "    + 2207 uv_run  (in node) + 123  [!0x100b00e10]"},
	{"6   ???    \t0x00003d278f8060bb 0 + 67240120574139", "6   ???    \t0x00003d278f8060bb {0 + 67240120574139}"},
	/* DTrace, bpftrace */
	{"              node`uv_run+0x94", "              node`uv_run+0x94"},
	{"              0x3d278f8060bb", "              0x3d278f8060bb <N>"},
	/* perf script */
	{"\t    3d278f8060bb [unknown] (/tmp/perf-42.map)", "\t    3d278f8060bb {[unknown]} (/tmp/perf-42.map)"},
	{"\t    3d278f8060bb JS:*f (a) /b.js:1:2+0x1c (/tmp/perf-42.map)", "\t    3d278f8060bb {JS:*f (a) /b.js:1:2+0x1c} (/tmp/perf-42.map)"},
	{"\t          c494db v8::(anonymous namespace)::Invoke+0x12b (/usr/bin/node)", "\t          !c494db v8::(anonymous namespace)::Invoke+0x12b (/usr/bin/node)"},
	{"\t           20ca3 [unknown] (/usr/lib/libc.so.6)", "\t           !20ca3 [unknown] (/usr/lib/libc.so.6)"},
	{"\t    3d278f8060bb [unknown] ([anon:.bss])", "\t    3d278f8060bb {[unknown]} ([anon:.bss])"},
	{"\t    3d278f8060bb [unknown] (//anon)", "\t    3d278f8060bb {[unknown]} (//anon)"},
	{"\t    3d278f8060bb [unknown] (/memfd:x (deleted))", "\t    3d278f8060bb {[unknown]} (/memfd:x (deleted))"},
	{"\t    3d278f8060bb f+0x1 (/usr/bin/node (deleted))", "\t    !3d278f8060bb f+0x1 (/usr/bin/node (deleted))"},
	{"\t    3d278f8060bb", "\t    3d278f8060bb <N>"},
	{"\t    3d278f8060bb [unknown]", "\t    3d278f8060bb {[unknown]}"},
	{"\t    3d278f8060bb (/tmp/perf-42.map)", "\t    3d278f8060bb <N> (/tmp/perf-42.map)"},
	{"node 42/43 [001] 27651.537716:  12 cycles:u:  3d278f8060bb [unknown] (/tmp/perf-42.map)",
	 "node 42/43 [001] 27651.537716:  12 cycles:u:  3d278f8060bb {[unknown]} (/tmp/perf-42.map)"},
	{"node 42 27651.537716:    1001001 cpu-clock: ", "node 42 27651.537716:    1001001 cpu-clock: "},
	/* pstack */
	{" 00003d278f8060bb ???????? (1, 2, 3) + 1cf", " 00003d278f8060bb {????????} (1, 2, 3) + 1cf"},
	{" 000000000067c1d0 _ZN2v84Call (0, 1) + 3c", " 000000000067c1d0 _ZN2v84Call (0, 1) + 3c"},
	/* Node, V8 */
	{" 9: 0x3d278f8060bb  [node]", " 9: 0x3d278f8060bb <N> [node]"},
	{" 9: 0x3d278f8060bb ", " 9: 0x3d278f8060bb <N>"},
	{" 1: 0xb00e10 node::Abort() [node]", " 1: !0xb00e10 node::Abort() [node]"},
	{"    [0x3d278f8060bb]", "    [0x3d278f8060bb] <N>"},
	{"    /usr/bin/node(main+0x13) [0x18c4010]", "    /usr/bin/node(main+0x13) [!0x18c4010]"},
	{"    /usr/bin/node() [0x18c4010]", "    /usr/bin/node() [0x18c4010] <N>"},
	/* process.report */
	{"      \"pc\": \"0x00003d278f8060bb\",", "      \"pc\": \"0x00003d278f8060bb<pc>\","},
	/* coredumpctl, eu-stack, ASan */
	{"#6  0x00003d278f8060bb n/a (n/a + 0x0)", "#6  0x00003d278f8060bb {n/a} (n/a + 0x0)"},
	{"#6  0x00003d278f8060bb n/a (n/a)", "#6  0x00003d278f8060bb {n/a} (n/a)"},
	{"#6  0x00003d278f8060bb", "#6  0x00003d278f8060bb <N>"},
	{"#5  0x00007f1234567890 epoll_wait", "#5  !0x00007f1234567890 epoll_wait"},
	{"    #5 0x3d278f8060bb  (<unknown module>)", "    #5 0x3d278f8060bb <N> (<unknown module>)"},
	/* several, and what is none */
	{"a 0x3d278f8060bb b 0x3d278f8060bc.", "a 0x3d278f8060bb <N> b 0x3d278f8060bc <N>."},
	{"+0x1cf, + 0x1cf, -0x10, 0x10-0x20, x0x10, 0x10g, 0x, $0x10", "+0x1cf, + 0x1cf, -0x10, 0x10-0x20, x0x10, 0x10g, 0x, $0x10"},
	{"0x00000000000000003d278f8060bb 0x3d278f8060bb3d278f8060bb", "0x00000000000000003d278f8060bb <N> 0x3d278f8060bb3d278f8060bb"},
	{"  4096 objects (in all)", "  4096 objects (in all)"},
	{"  4096 of 0x3d278f8060bb (in all)", "  4096 of 0x3d278f8060bb <N> (in all)"},
	{"3d278f8060bb", "3d278f8060bb"},
	{"7f6a44ff0000-7f6a44ffb000 r-xp 00000000 00:00 0", "7f6a44ff0000-7f6a44ffb000 r-xp 00000000 00:00 0"},
	{"{\"a\":\"0x3d278f8060bb\"}", "{\"a\":\"0x3d278f8060bb <N>\"}"},
	{"", ""},
	{"   ", "   "},
	{"0x", "0x"},
};

static void test_lines(void **state)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(lines); i++)
		assert_string_equal(marked(lines[i][0]), lines[i][1]);
}

static void test_pid(void **state)
{
	const char *line = "\t    3d278f8060bb [unknown] (/tmp/perf-42.map)";
	struct np_stack_address a;
	size_t from = 0;
	assert_true(np_stack_line_next(line, strlen(line), true, &from, &a));
	assert_int_equal(a.pid, 42);
	assert_int_equal(a.form, NP_STACK_PERF);
	/* in the middle of a line digits alone mean nothing */
	from = 0;
	assert_false(np_stack_line_next(line, strlen(line), false, &from, &a));
}

static void test_times(void **state)
{
	const struct {
		const char *line;
		uint64_t ns; /* 0: none */
	} cases[] = {
		{"node  6047 27651.537716:    1001001 cpu-clock: ", 27651537716999},
		{"node  6047/6050 [001] 27651.537716123: cycles:u: ", 27651537716123},
		{"a: b c:d 12 1.000001: x:", 1000001999},
		{"node 42 [001] 27651.5: x:", 0},
		{"12:30:01.123456 log", 0},
		{"\t 7f [unknown] (x)", 0},
		{"", 0},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++) {
		uint64_t ns = 0;
		assert_int_equal(np_stack_line_time(cases[i].line, strlen(cases[i].line), &ns), cases[i].ns != 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void test_report(void **state)
{
	size_t at;
	const char *line = "      \"symbol\": \"\"";
	assert_true(np_stack_line_empty_symbol(line, strlen(line), 0, &at));
	assert_int_equal(at, strlen(line) - 1);
	line = "\"symbol\": \"x\"";
	assert_false(np_stack_line_empty_symbol(line, strlen(line), 0, &at));
	line = "\"symbol\"";
	assert_false(np_stack_line_empty_symbol(line, strlen(line), 0, &at));
}

/* Any bytes: nothing outside of the line is touched, and the scan ends. */
static void test_noise(void **state)
{
	static const char alphabet[] = "0x0x0123abf ()[]+-?n/a\t\"`:.#in<>\0\xff";
	uint32_t seed = 1;
	for (int round = 0; round < 20000; round++) {
		char line[64];
		size_t n = (size_t)(round % 60), from = 0, before;
		struct np_stack_address a;
		uint64_t ns;
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			line[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		char *exact = memcpy(test_malloc(n + 1), line, n);
		for (before = from; np_stack_line_next(exact, n, round & 1, &from, &a); before = from) {
			assert_true(from > before && from <= n);
			assert_true(a.at < a.end && a.end <= n && a.place <= a.place_end && a.place_end <= n);
		}
		np_stack_line_time(exact, n, &ns);
		np_stack_line_empty_symbol(exact, n, 0, &before);
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),  cmocka_unit_test(test_pid),   cmocka_unit_test(test_times),
		cmocka_unit_test(test_report), cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* perf script's text in its layouts, as perf 4 to 6 print them, and torn, mixed and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile_text.h"

static void expect(const char *text, const char *folded)
{
	char *got = folded_of(&np_format_perf_script, text, strlen(text));
	assert_string_equal(got, folded);
	free(got);
}

#define FRAMES "\t    7f00aa11bb22 JS:*run /app/a.js:3:13+0x1f (/tmp/perf-12.map)\n" \
	       "\t          b0c01d v8::Function::Call(int, char)+0x14d (/usr/bin/node)\n" \
	       "\tffffffff81000130 entry_SYSCALL_64+0x76 ([kernel.kallsyms])\n\n"
#define FOLDED "entry_SYSCALL_64_[k];v8::Function::Call(int, char);JS:*run /app/a.js:3:13 "

/* Everything that a header may have or lack. */
static void test_headers(void **state)
{
	static const char *const headers[] = {
		"node 12 5678.123456: 1001001 cpu-clock:pppH: ",
		"node 12 5678.123456:    1001001 cpu-clock:pppH:",
		"node    12/14    5678.123456:    1001001 cpu-clock: ",
		"node 12/14 [001] 5678.123456789:    1001001 cpu-clock: ",
		"node 12 [000] 5678.123456: cycles: ",
		"node 12 [000] 5678.123456: cpu_core/cycles/u: ",
		"node 12 cycles: ",
		"node 12 5678.123456: ",
		"node 12 [000]",
		"node 12",
		"node 12/12   ",
		"node",
		"node 12 [000] K 5678.123456: 1 cycles: ",
		"node    -1/-1 [000] 5678.123456: 1 cycles: ",
		"node 12 5678.123456: syscalls:sys_enter_write: fd: 0x1, buf: 0x7f, count: 12",
		"node 12 5678.123456: sched:sched_switch: prev_comm=node prev_pid=12 ==> next_comm=V8 Worker next_pid=14",
		"            node 12 5678.123456: 1 cycles: ",
	};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		char text[2000];
		print_message("%s\n", headers[i]);
		snprintf(text, sizeof(text), "%s\n" FRAMES "%s\n" FRAMES, headers[i], headers[i]);
		expect(text, "node;" FOLDED "2\n");
	}
	/* no command at all */
	expect("12 5678.123456: 1 cycles: \n" FRAMES, FOLDED "1\n");
	expect("   12 5678.123456: \n" FRAMES, FOLDED "1\n");
	expect("5678.123456: 1 cycles: \n" FRAMES, FOLDED "1\n");
	expect(FRAMES FRAMES, FOLDED "2\n");
}

static void test_commands(void **state)
{
	static const struct {
		const char *header, *root;
	} cases[] = {
		{"V8 Worker 12 5678.123456: 1 cycles: ", "V8_Worker"},
		{"V8 WorkerThread 4 12/14 [001] 5678.123456: 1 cycles: ", "V8_WorkerThread_4"},
		{"Web Content 3 1 12 [001] 5678.123456: 1 cycles: ", "Web_Content_3_1"},
		{":1234 1234 [001] 5678.123456: 1 cycles: ", ":1234"},
		{"kworker/0:1-events 12 [001] 5678.123456: 1 cycles: ", "kworker/0:1-events"},
		{"a;b\tc 12 [001] 5678.123456: 1 cycles: ", "a:b_c"},
		{"1234 99 [001] 5678.123456: 1 cycles: ", "1234"},
		{"dead 99 [001] 5678.123456: 1 cycles: ", "dead"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[2000], folded[300];
		print_message("%s\n", cases[i].header);
		snprintf(text, sizeof(text), "%s\n" FRAMES, cases[i].header);
		snprintf(folded, sizeof(folded), "%s;" FOLDED "1\n", cases[i].root);
		expect(text, folded);
	}
}

static void test_frames(void **state)
{
	static const struct {
		const char *frame, *folded;
	} cases[] = {
		{"\t    7f00aa11bb22 [unknown] (/usr/lib/libc.so.6)", "[libc.so.6]"},
		{"\t    7f00aa11bb22 [unknown] ([unknown])", "[unknown]"},
		{"\t    7f00aa11bb22 (/usr/lib/libc.so.6)", "[libc.so.6]"},
		{"\t    7f00aa11bb22", "[unknown]"},
		{"\tffffffff81000130", "[unknown]_[k]"},
		{"\t               0 [unknown] ([unknown])", "[unknown]"},
		{"\t    7f00aa11bb22 foo (inlined)", "foo_[i]"},
		{"\t    7f00aa11bb22 operator()(int) const+0x5 (/a b/(c)/node)", "operator()(int) const"},
		{"\t    7f00aa11bb22 foo+0x5 (/usr/bin/node (deleted))", "foo"},
		{"\t    7f00aa11bb22 foo+0x5 (/usr/bin/node+0x1234)", "foo"},
		{"\t    7f00aa11bb22 foo(int)", "foo(int)"},
		{"\t    7f00aa11bb22 foo+0x5", "foo"},
		{"     7f00aa11bb22 foo+0x5 (/usr/bin/node)", "foo"},
		{"    7f00aa11bb22 foo+0x5 (/usr/bin/node)  ", "foo"},
		{"\t    7f00aa11bb22 std::pair<int, (anonymous namespace)::T>+0x5 (/n)", "std::pair<int, (anonymous namespace)::T>"},
		{"\t    7f00aa11bb22 JS:*f /a (b)/c.js:3:13+0x1f (/tmp/perf-12.map)", "JS:*f /a (b)/c.js:3:13"},
		{"\t    7f00aa11bb22 RegExp:a;b c+0x1f (/tmp/perf-12.map)", "RegExp:a:b c"},
		{"\t    7f00aa11bb22 a\x01" "b\x7f" "c+0x1f (/tmp/perf-12.map)", "a b c"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[2000], folded[300];
		print_message("%s\n", cases[i].frame);
		snprintf(text, sizeof(text), "node 12 1.000001: 1 cycles: \n%s\n\n", cases[i].frame);
		snprintf(folded, sizeof(folded), "node;%s 1\n", cases[i].folded);
		expect(text, folded);
	}
}

/* Without call chains a sample is one line. */
static void test_flat(void **state)
{
	expect("            node 12 [001] 5678.123456: 1 cycles:  7f00aa11bb22 foo+0x5 (/usr/bin/node)\n"
	       "       V8 Worker 13 [001] 5678.123456: 1 cycles:  7f00aa11bb23 foo+0x6 (/usr/bin/node)\n"
	       "            node 12 [001] 5678.123456: 1 cycles:  7f00aa11bb22 bar (x)+0x5 (/usr/bin/node)\n",
	       "node;foo 1\nV8_Worker;foo 1\nnode;bar (x) 1\n");
}

/* -F +srcline: where a frame was executing, and its file. */
static void test_srcline(void **state)
{
	static const char text[] = "node 12 1.000001: 1 cycles: \n"
				   "\t    7f00aa11bb22 foo+0x5 (/usr/bin/node)\n  loop.c:75\n"
				   "\t    7f00aa11bb23 JS:*run /app/a.js:3:13+0x1f (/tmp/p)\n  a.js:8\n"
				   "\t    7f00aa11bb24 bar+0x5 (/usr/bin/node)\n  ??:0\n"
				   "\t    7f00aa11bb25 baz+0x5 (/usr/bin/node)\n  node[1a2b]\n\n";
	char *error;
	np_profile *p = profile_read(&np_format_perf_script, text, strlen(text), false, &error);
	assert_string_equal(error, "");
	assert_int_equal(np_profile_sample_count(p), 1);
	const struct np_profile_stack *s = np_profile_stack_at(p, np_profile_sample_at(p, 0)->stack);
	assert_int_equal(s->line, 75);
	assert_string_equal(np_profile_text(p, np_profile_frame_at(p, s->frame)->file), "loop.c");
	s = np_profile_stack_at(p, s->parent);
	assert_int_equal(s->line, 8);
	assert_int_equal(np_profile_frame_at(p, s->frame)->line, 3);
	assert_string_equal(np_profile_text(p, np_profile_frame_at(p, s->frame)->file), "/app/a.js");
	s = np_profile_stack_at(p, s->parent);
	assert_int_equal(s->line, 0);
	assert_string_equal(np_profile_text(p, np_profile_frame_at(p, s->frame)->name), "bar");
	free(error);
	np_profile_destroy(p);
}

/* Times, threads, periods and several events arrive. */
static void test_values(void **state)
{
	static const char text[] = "node 12/12 5.000001: 1001001 cpu-clock:pppH: \n\t  1234 a (n)\n\n"
				   "node 12/13 5.000002: 7 page-faults: \n\t  1234 a (n)\n\n"
				   "node 12/12 5.500000001: 1001002 cpu-clock:pppH: \n\t  1234 b (n)\n\n";
	char *error;
	np_profile *p = profile_read(&np_format_perf_script, text, strlen(text), true, &error);
	assert_string_equal(error, "");
	assert_int_equal(np_profile_sample_count(p), 3);
	assert_int_equal(np_profile_thread_count(p), 2);
	assert_int_equal(np_profile_value_type_count(p), 4);
	assert_string_equal(np_profile_value_type_at(p, 0).name, "cpu-clock samples");
	assert_string_equal(np_profile_value_type_at(p, 1).name, "cpu-clock");
	assert_string_equal(np_profile_value_type_at(p, 1).unit, "nanoseconds");
	assert_string_equal(np_profile_value_type_at(p, 3).name, "page-faults");
	static const int64_t values[3][4] = {{1, 1001001, 0, 0}, {0, 0, 1, 7}, {1, 1001002, 0, 0}};
	static const int64_t times[] = {5000001000, 5000002000, 5500000001};
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(np_profile_values(p, i), values[i], sizeof(values[i]));
		assert_int_equal(np_profile_sample_at(p, i)->time_ns, times[i]);
	}
	assert_int_equal(np_profile_thread_at(p, np_profile_sample_at(p, 1)->thread)->tid, 13);
	free(error);
	np_profile_destroy(p);
}

/* One event has plain names; time is what is looked at first. */
static void test_events(void **state)
{
	static const char one[] = "node 12/12 5.000001: 1001001 cpu-clock:pppH: \n\t  1234 a (n)\n\n";
	static const char two[] = "node 12/13 5.000002: 7 page-faults: \n\t  1234 a (n)\n\n"
				  "node 12/12 5.000003: 1001001 cycles:u: \n\t  1234 b (n)\n\n";
	char *error;
	np_profile *p = profile_read(&np_format_perf_script, one, strlen(one), true, &error);
	assert_int_equal(np_profile_value_type_count(p), 2);
	assert_string_equal(np_profile_value_type_at(p, 0).name, "samples");
	assert_string_equal(np_profile_value_type_at(p, 1).name, "cpu");
	assert_int_equal(np_profile_facts(p)->default_type, 0);
	free(error);
	np_profile_destroy(p);
	p = profile_read(&np_format_perf_script, two, strlen(two), true, &error);
	assert_string_equal(np_profile_value_type_at(p, 0).name, "page-faults samples");
	assert_string_equal(np_profile_value_type_at(p, 2).name, "cycles samples");
	assert_int_equal(np_profile_facts(p)->default_type, 2);
	free(error);
	np_profile_destroy(p);
}

/* Comments, warnings between samples, a torn end; what is not understood is told with its line. */
static void test_noise(void **state)
{
	expect("# ========\n# captured on: today\n#\nnode 12 1.000001: 1 cycles: \n\t  1234 a (n)\n\n", "node;a 1\n");
	expect("node 12 1.000001: 1 cycles: \r\n\t  1234 a (n)\r\n\r\n", "node;a 1\n");
	expect("node 12 1.000001: 1 cycles: \n\t  1234 a (n)", "node;a 1\n");
	expect("node 12 1.000001: 1 cycles: \n\t  1234 a (n)\nnode 12 1.000002: 1 cycles: \n\t  1234 a (n)\n", "node;a 2\n");
	expect("node 12 1.000001: 1 cycles: \n\n", "node 1\n");
	expect("node 12 1.000001: 1 cycles: \n\t  1234 a (n)\n\nWarning: lost\n\nnode 12 1.000001: 1 cycles: \n\t  1234 a (n)\n",
	       "node;a 2\n! line 4 is not of perf script's output: \"Warning: lost\"\n");
	expect("node 12 1.000001: 1 cycles: \n\t  1234 a (n)\n\nnode 12 1.0000", "node;a 1\n! line 4 is not of perf script's output: "
	       "\"node 12 1.0000\"\n");
}

/* NULs, lines of megabytes, thousands of frames, more events than are kept, numbers beyond all bounds. */
static void test_hostile(void **state)
{
	char *text, *got;
	size_t n = 3 << 20;
	static const char nul[] = "node 12 1.000001: 1 cycles: \n\t  1234 a\0b (n)\n\n\0\0\n";
	got = folded_of(&np_format_perf_script, nul, sizeof(nul) - 1);
	assert_memory_equal(got, "node;a b 1\n", 11);
	free(got);

	text = malloc(n + 100);
	size_t at = (size_t)sprintf(text, "node 12 1.000001: 1 cycles: \n\t  1234 ");
	memset(text + at, 'x', n - at);
	strcpy(text + n, "+0x1 (n)\n\n");
	got = folded_of(&np_format_perf_script, text, strlen(text));
	assert_int_equal(strlen(got), strlen("node;") + n - at + strlen(" 1\n"));
	free(got);

	at = (size_t)sprintf(text, "node 12 1.000001: 1 cycles: \n");
	for (int i = 0; i < 20000; i++)
		at += (size_t)sprintf(text + at, "\t  1234 f%d (n)\n", i % 7);
	got = folded_of(&np_format_perf_script, text, at);
	assert_non_null(strstr(got, "f0 1\n"));
	free(got);

	at = 0;
	for (int i = 0; i < 40; i++)
		at += (size_t)sprintf(text + at, "node 12 1.000001: 99999999999999999999 e%d: \n\t  1234 a (n)\n\n", i);
	got = folded_of(&np_format_perf_script, text, at);
	assert_non_null(strstr(got, "node;"));
	free(got);
	free(text);
}

/* Every beginning of a text: no more is read than there is, and what was whole before the cut is there. */
static void test_cut(void **state)
{
	static const char text[] = "node 12/14 [001] 1.000001: 1 cycles:u: \n" FRAMES "V8 Worker 12 1.1: \n\t  1234 a (n)\n  x.c:3\n\n";
	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = malloc(n ? n : 1);
		memcpy(copy, text, n);
		char *got = folded_of(&np_format_perf_script, copy, n);
		if (n > 250)
			assert_memory_equal(got, "node;" FOLDED "1\n", strlen("node;" FOLDED "1\n"));
		free(got);
		free(copy);
	}
}

static void test_sniff(void **state)
{
	static const struct {
		const char *text;
		const struct np_profile_format *format;
	} cases[] = {
		{"node 12 1.000001: 1 cycles: \n\t  12345 a (n)\n\n", &np_format_perf_script},
		{"# header\n#\n\nV8 Worker 12/14 [000] 1.000001: 1 cycles: \n\t  12345 a (n)\n\n", &np_format_perf_script},
		{"   node 12 1.000001: 1 cycles:  12345 a (n)\n", &np_format_perf_script},
		{"node;a;b 12\nnode;a 3\n", &np_format_folded},
		{"node 12\nmain 3\n", &np_format_folded},
		{"@[\n    a+1\n    b+2\n]: 3\n", &np_format_bpftrace},
		{"Attaching 1 probe...\n\n@s[node,\n    a+1\n    b+2\n]: 3\n", &np_format_bpftrace},
		{"\n\n              node`a+0x1\n              0x3d278f8060bb\n               12\n", &np_format_dtrace},
		{"node 2 3: profile-1ms:\n              node`a+0x1\n              0x3d278f8060bb\n\n", &np_format_dtrace},
		{"Analysis of sampling node (pid 1234) every 1 millisecond\nCall graph:\n    22 Thread_71   x\n"
		 "    + 22 start  (in dyld) + 19  [0x1a2b3c]\n\n", &np_format_mac_sample},
		{"Running Time\tSelf (ms)\t\tSymbol Name\n8.0ms  100.0%\t0,0\t \tnode (12)\n", &np_format_instruments},
		{"hello world\n", NULL},
		{"const a = 3;\nfunction f() { return a; }\n", NULL},
		{"\x7f" "ELF\x02\x01\x01", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].text);
		assert_ptr_equal(np_profile_format_sniff(cases[i].text, strlen(cases[i].text), NULL), cases[i].format);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers), cmocka_unit_test(test_commands), cmocka_unit_test(test_frames),
		cmocka_unit_test(test_flat),	cmocka_unit_test(test_srcline),	 cmocka_unit_test(test_values),
		cmocka_unit_test(test_noise),	cmocka_unit_test(test_hostile),	 cmocka_unit_test(test_cut),
		cmocka_unit_test(test_sniff),	 cmocka_unit_test(test_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Inputs (plain, packed, torn), lines of any length, and the text formats but perf script's, which has its own test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "format/lines.h"
#include "format/packed_output.h"
#include "profile_text.h"

/* --- inputs --- */

static char *bytes_make(size_t n)
{
	char *text = malloc(n);
	uint64_t seed = 7;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		text[i] = (char)(seed >> 60 ? 'a' + (seed >> 50) % 7 : seed >> 40);
	}
	return text;
}

static size_t gzip_pack(const char *text, size_t n, char *out, size_t max)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)max;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t len = max - z.avail_out;
	deflateEnd(&z);
	return len;
}

/* All that an input gives, in pieces of that size; *ret_error 1 when it ended with one. */
static char *drain(struct np_profile_input *in, size_t piece, size_t *ret_len, int *ret_error)
{
	char *all = NULL;
	size_t len = 0;
	int64_t n;
	do {
		all = realloc(all, len + piece);
		n = in->read(in, all + len, piece);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	*ret_len = len;
	*ret_error = n < 0;
	if (n < 0)
		assert_non_null(in->err);
	return all;
}

static void test_inputs(void **state)
{
	enum { N = 700000, HALF = 300001, MAX = 2 * N };
	char *text = bytes_make(N), *packed = malloc(MAX);
	for (int form = 0; form < 5; form++) {
		size_t len = 0;
		if (form == 0) { /* plain */
			memcpy(packed, text, len = N);
		} else if (form == 1) {
			len = gzip_pack(text, N, packed, MAX);
		} else if (form == 2) { /* two members, padding behind them */
			len = gzip_pack(text, HALF, packed, MAX);
			len += gzip_pack(text + HALF, N - HALF, packed + len, MAX - len);
			memset(packed + len, 0, 300);
			len += 300;
		} else if (form == 3) {
			len = ZSTD_compress(packed, MAX, text, N, 3);
		} else { /* two frames, a skippable one between them */
			len = ZSTD_compress(packed, MAX, text, HALF, 3);
			memcpy(packed + len, "\x50\x2a\x4d\x18\x04\x00\x00\x00skip", 12);
			len += 12;
			len += ZSTD_compress(packed + len, MAX - len, text + HALF, N - HALF, 3);
		}
		for (int with_head = 0; with_head < 2; with_head++) {
			struct np_profile_input *in = np_profile_input_of_memory("x", packed, len);
			size_t got_len, head_len;
			int error;
			if (with_head) {
				const char *head = np_profile_input_head(in, &head_len);
				assert_int_equal(head_len, 64 << 10);
				assert_memory_equal(head, text, head_len);
			}
			char *got = drain(in, with_head ? 7777 : 1 << 20, &got_len, &error);
			assert_int_equal(error, 0);
			assert_int_equal(got_len, N);
			assert_memory_equal(got, text, N);
			assert_int_equal(np_profile_input_offset(in), N);
			free(got);
			np_profile_input_close(in);
		}
		/* cut: an error for packed data, and what came before it */
		struct np_profile_input *in = np_profile_input_of_memory("x", packed, form == 2 ? len - 400 : len - 9);
		size_t got_len;
		int error;
		char *got = drain(in, 4096, &got_len, &error);
		assert_int_equal(error, form != 0);
		assert_true(got_len > N / 2);
		assert_memory_equal(got, text, got_len);
		free(got);
		np_profile_input_close(in);
		/* damaged in the middle */
		if (form) {
			memset(packed + len / 2, 0xff, 64);
			in = np_profile_input_of_memory("x", packed, len);
			got = drain(in, 4096, &got_len, &error);
			assert_int_equal(error, 1);
			free(got);
			np_profile_input_close(in);
		}
	}
	free(text);
	free(packed);
}

static void test_input_files(void **state)
{
	struct np_profile_input *in = NULL;
	np_err *err = np_profile_input_open("/nonexistent/file", &in);
	assert_int_equal(np_err_code(err), NP_EIO);
	np_err_free(err);
	err = np_profile_input_open("/", &in);
	assert_int_equal(np_err_code(err), NP_EIO);
	np_err_free(err);
	char path[] = "/tmp/nopsy-test-XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "a\nb\n", 4), 4);
	close(fd);
	assert_null(np_profile_input_open(path, &in));
	assert_true(in->fd >= 0);
	size_t len;
	int error;
	char *got = drain(in, 100, &len, &error);
	assert_int_equal(len, 4);
	free(got);
	np_profile_input_close(in);
	unlink(path);
}

/* --- lines, against a plain split --- */

static void lines_check(const char *text, size_t n)
{
	struct np_profile_input *in = np_profile_input_of_memory("x", text, n);
	struct np_lines lines;
	const char *line;
	size_t len, at = 0, number = 0;
	np_lines_init(&lines, in);
	while (np_lines_next(&lines, &line, &len)) {
		const char *newline = memchr(text + at, '\n', n - at);
		size_t want = newline ? (size_t)(newline - text) - at : n - at, taken = want + (newline != NULL);
		want -= want && text[at + want - 1] == '\r';
		assert_true(at < n);
		assert_int_equal(len, want);
		assert_memory_equal(line, text + at, want);
		assert_int_equal(lines.number, ++number);
		if (number % 5 == 0) { /* looking ahead keeps the line */
			size_t more;
			const char *next = np_lines_peek(&lines, &line, &more);
			assert_memory_equal(line, text + at, want);
			if (at + taken < n)
				assert_int_equal(next[0], text[at + taken]);
			else
				assert_int_equal(more, 0);
		}
		at += taken;
	}
	assert_int_equal(at, n);
	assert_null(np_lines_deinit(&lines));
	np_profile_input_close(in);
}

static void test_lines(void **state)
{
	static const char *const small[] = {"", "a", "\n", "\r\n", "a\r", "a\n\n\nb", "a\r\nb\r\n", "\r\r\n", "a\nb\n"};
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
		lines_check(small[i], strlen(small[i]));
	/* lines of all lengths around the buffer's; NULs in them */
	enum { N = 6 << 20 };
	char *text = bytes_make(N);
	for (size_t i = 0; i < N; i++)
		if (text[i] == '\n' || text[i] == '\r')
			text[i] = '\0';
	for (size_t at = 0, step = 1; at < N; at += step, step = step * 5 / 3 + 1 < (3 << 20) ? step * 5 / 3 + 1 : 1)
		text[at] = '\n';
	lines_check(text, N);
	lines_check(text, N - 1);
	free(text);
}

/* A line beyond what is kept: its beginning comes, and the lines behind it. */
static void test_endless_line(void **state)
{
	enum { N = 70 << 20 };
	char *text = malloc(N + 4);
	memset(text, 'x', N);
	memcpy(text + N, "\nb\n", 4);
	struct np_profile_input *in = np_profile_input_of_memory("x", text, N + 3);
	struct np_lines lines;
	const char *line;
	size_t len;
	np_lines_init(&lines, in);
	assert_true(np_lines_next(&lines, &line, &len));
	assert_true(len >= 64 << 20 && len < N);
	assert_int_equal(line[0], 'x');
	assert_int_equal(line[len - 1], 'x');
	assert_int_equal(lines.cut, 1);
	assert_true(np_lines_next(&lines, &line, &len));
	assert_int_equal(len, 1);
	assert_int_equal(line[0], 'b');
	assert_int_equal(lines.number, 2);
	assert_false(np_lines_next(&lines, &line, &len));
	assert_null(np_lines_deinit(&lines));
	np_profile_input_close(in);
	free(text);
}

/* What is packed comes out as it was. */
static void test_packed_output(void **state)
{
	enum { N = 500000 };
	static const char *const names[] = {"x.folded", "x.gz", "x.zst", NULL};
	char *text = bytes_make(N);
	for (int i = 0; i < 4; i++) {
		char *packed = NULL;
		size_t len, got_len;
		int error;
		FILE *file = open_memstream(&packed, &len), *out;
		assert_null(np_packed_output_open(names[i], file, &out));
		for (size_t at = 0; at < N; at += 1234)
			fwrite(text + at, 1, N - at < 1234 ? N - at : 1234, out);
		assert_null(np_packed_output_close(out, file));
		fclose(file);
		assert_int_equal(i == 1 || i == 2 ? len < N : len == N, 1);
		struct np_profile_input *in = np_profile_input_of_memory("x", packed, len);
		char *got = drain(in, 100000, &got_len, &error);
		assert_int_equal(got_len, N);
		assert_memory_equal(got, text, N);
		free(got);
		np_profile_input_close(in);
		free(packed);
	}
	free(text);
}

/* --- formats --- */

static void expect(const struct np_profile_format *format, const char *text, const char *folded)
{
	char *got = folded_of(format, text, strlen(text));
	assert_string_equal(got, folded);
	free(got);
	/* every beginning of it, in memory that ends there */
	for (size_t n = 0; n < strlen(text); n++) {
		char *copy = malloc(n ? n : 1);
		memcpy(copy, text, n);
		free(folded_of(format, copy, n));
		free(copy);
	}
}

static void test_folded(void **state)
{
	const struct np_profile_format *f = &np_format_folded;
	expect(f, "a;b;c 3\na;b 1\na;b;c 4\n", "a;b;c 7\na;b 1\n");
	expect(f, "a;b;c 3", "a;b;c 3\n");
	expect(f, "a b;c d  12\r\n", "a b;c d 12\n");
	expect(f, "a 1.5\nb 1.4\nc 2.\n", "a 2\nb 1\nc 2\n");
	expect(f, "a;;b 1\n;a 1\n", "a;b 1\na 1\n");
	expect(f, "# note\na 1\n\n", "a 1\n");
	expect(f, "a 1\nwrong\nb 2\n", "a 1\nb 2\n! line 2 is not of folded stacks: \"wrong\"\n");
	expect(f, "a 1\nwrong\nworse\nb 2\n", "a 1\nb 2\n! line 2 and 1 more are not of folded stacks: \"wrong\"\n");
	expect(f, "a 99999999999999999999999999\n", "a 9223372036854775807\n");
	expect(f, "a;b 10 20\na 1 2\n", "a;b 20\na 2\n");
	expect(f, "node;JS:*run /app/a.js:3:13;foo_[k];bar_[i];Builtin:X;RegExp:a b 5\n",
	       "node;JS:*run /app/a.js:3:13;foo_[k];bar_[i];Builtin:X;RegExp:a b 5\n");
	/* JavaScript as other tools write it is written as V8 does */
	expect(f, "run /app/a.js:3:13 5\n*run /app/a.js:3:13 5\n", "JS:run /app/a.js:3:13 5\nJS:*run /app/a.js:3:13 5\n");
	expect(f, "LazyCompile:~run /app/a.js:3 5\n", "JS:~run /app/a.js:3 5\n");
}

/* The two numbers of difffolded.pl are two values. */
static void test_folded_diff(void **state)
{
	static const char text[] = "a;b 10 20\na 1 2\n";
	char *error;
	np_profile *p = profile_read(&np_format_folded, text, strlen(text), false, &error);
	assert_string_equal(error, "");
	assert_int_equal(np_profile_value_type_count(p), 2);
	assert_string_equal(np_profile_value_type_at(p, 0).name, "before");
	assert_int_equal(np_profile_values(p, 0)[0], 10);
	assert_int_equal(np_profile_values(p, 0)[1], 20);
	free(error);
	np_profile_destroy(p);
}

static void test_bpftrace(void **state)
{
	const struct np_profile_format *f = &np_format_bpftrace;
	expect(f, "Attaching 1 probe...\n\n@[\n    uv__io_poll+1040\n    uv_run+216\n    0x7fef4a04e35c\n]: 12\n",
	       "0x7fef4a04e35c;uv_run;uv__io_poll 12\n");
	expect(f, "@s[\n    __schedule+686\n,\n    __poll+83\n    main+2\n, node]: 7\n", "node;main;__poll;__schedule 7\n");
	expect(f, "@[node, 12,\n    a+1\n]: 7\n@[node, 12]: 5\n", "node,_12;a 7\nnode, 12 5\n");
	expect(f, "@[\n\t7fef4a04e35c uv_run+12 (/usr/bin/node)\n\t7fef4a04e35d [unknown] (/usr/lib/libc.so.6)\n]: 5\n",
	       "[libc.so.6];uv_run 5\n");
	expect(f, "@[\n    JS:*run /app/a.js:3:13+0x1f\n    operator+(a)+5\n]: count 5, average 3, total 15\n",
	       "operator+(a);JS:*run /app/a.js:3:13 5\n");
	expect(f, "@[\n    a\n    b\n@[\n    c\n]: 1\n", "c 1\n! line 4 is not of bpftrace's output: \"@[\"\n");
	expect(f, "@[\n    c\n]: 1\n@[\n    a\n", "c 1\n! line 5 is not of bpftrace's output: \"@[ that does not end\"\n");
	expect(f, "@total: 12\n@[\n    c\n]: 1\n", "c 1\n");
}

static void test_dtrace(void **state)
{
	const struct np_profile_format *f = &np_format_dtrace;
	expect(f, "dtrace: description 'profile-997 ' matched 1 probe\nCPU     ID                    FUNCTION:NAME\n"
		  "  0  12345                       :tick-60s\n\n\n"
		  "              libsystem_kernel.dylib`__psynch_cvwait+0xa\n"
		  "              node`v8::Foo(int, char*)+0x2\n"
		  "              (anon) as exports.active at timers.js position 5310\n"
		  "              << adaptor >>\n"
		  "              0x3d278f8060bb\n"
		  "               12\n\n"
		  "  V8 Worker\n"
		  "              genunix`foo+0x1\n"
		  "              node`main\n"
		  "                3\n",
	       "0x3d278f8060bb;<< adaptor >>;JS:exports.active timers.js;v8::Foo(int, char*);__psynch_cvwait 12\n"
	       "V8_Worker;main;foo_[k] 3\n");
	expect(f, "node 23420 1234567: profile-1ms:\n              libc.so`read+0xa\n              0x3d278f8060bb\n\n"
		  "Google Chrome 23421 1234568: profile-1ms:\n              a`b\n\n"
		  "node 23420 1234569: profile-1ms:\n              libc.so`read+0xb\n              0x3d278f8060bb\n\n",
	       "node;0x3d278f8060bb;read 2\nGoogle_Chrome;b 1\n");
	expect(f, "              a`b\n", "! line 1 is not of DTrace's output: \"a stack without a count\"\n");
}

static void test_mac_sample(void **state)
{
	const struct np_profile_format *f = &np_format_mac_sample;
	expect(f, "Analysis of sampling node (pid 1234) every 1 millisecond\nProcess:         node [1234]\n\nCall graph:\n"
		  "    2207 Thread_7145   DispatchQueue_1: com.apple.main-thread  (serial)\n"
		  "    + 2207 start  (in dyld) + 1942  [0x1a2b3c]\n"
		  "    +   2200 main  (in node) + 22  [0x1a2b3c]\n"
		  "    +   ! 2000 ???  (in <unknown binary>)  [0x3d278f8060bb]\n"
		  "    +   ! : 1000 node::Start(int, char**)  (in node) + 22  [0x1]\n"
		  "    +   ! 100 uv_run  (in node) + 22  [0x1]\n"
		  "    7 Thread_7146: V8 DefaultWorker\n"
		  "    + 7 thread_start  (in libsystem_pthread.dylib) + 8  [0x1]\n\n"
		  "Total number in stack (recursive counted multiple, when >=5):\n        5       foo\n",
	       "DispatchQueue_1:_com.apple.main-thread__(serial);start;main;???;node::Start(int, char**) 1000\n"
	       "DispatchQueue_1:_com.apple.main-thread__(serial);start;main;??? 1000\n"
	       "DispatchQueue_1:_com.apple.main-thread__(serial);start;main;uv_run 100\n"
	       "DispatchQueue_1:_com.apple.main-thread__(serial);start;main 100\n"
	       "DispatchQueue_1:_com.apple.main-thread__(serial);start 7\nV8_DefaultWorker;thread_start 7\n");
}

static void test_instruments(void **state)
{
	const struct np_profile_format *f = &np_format_instruments;
	expect(f, "Running Time\tSelf (ms)\t\tSymbol Name\n"
		  "8000.0ms  100.0%\t0,0\t \tnode (1234)\n"
		  "7999.0ms   99.9%\t0,0\t \t Main Thread  0x1a2b\n"
		  "7000.0ms   99.9%\t0,0\t \t  start\n"
		  "12.00 ms    3.4%\t0 s\t \t   uv_run\n"
		  "1.00 s    3.4%\t0 s\t \t   foo, bar\n"
		  "1.0ms  0.0%\t0,0\t \t V8 Worker  0x1a2c\n",
	       "Main_Thread;start;uv_run 12000000\nMain_Thread;start;foo, bar 1000000000\nMain_Thread;start 5988000000\n"
	       "Main_Thread 999000000\nV8_Worker 1000000\n");
	expect(f, "Running Time,Self,,Symbol Name\n67.0ms   97.1%,0, ,node (55)\n66.0ms   97.1%,0, , foo(int, char)\n",
	       "node;foo(int, char) 66000000\nnode 1000000\n");
}

/* Random bytes, and real texts with bytes changed, in every reader. */
static void test_noise(void **state)
{
	static const char *const texts[] = {
		"node 12/14 [001] 1.000001: 1 cycles:u: \n\t  1234 a+0x1 (n)\n\t 12 JS:*a /b.js:1:2 (x)\n  x.c:3\n\n",
		"@[\n    a+1\n    b+2\n, node]: 3\n", "a;b;c 3\nd;e_[k] 5\n",
		"node 2 3: profile-1ms:\n              node`a+0x1\n\n              b`c\n   12\n",
		"Call graph:\n    22 Thread_71   x\n    + 22 start  (in dyld) + 19  [0x1]\n    + ! 3 b\n\n",
		"Running Time\tSelf\t\tSymbol Name\n8.0ms  100.0%\t0,0\t \tnode (12)\n7.0ms\t0\t\t a\n",
	};
	static const char marks[] = "\n\t ;:()[]@,0123456789abcdefx+-./~*\0\xff\x80%`!|";
	uint64_t seed = 99;
	for (int round = 0; round < 6000; round++) {
		const char *text = texts[round % 6];
		size_t n = strlen(text);
		char *copy = malloc(n);
		memcpy(copy, text, n);
		for (int i = 0; i < 1 + round % 5; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			copy[(seed >> 40) % n] = marks[(seed >> 20) % (sizeof(marks) - 1)];
		}
		for (size_t i = 0; np_profile_formats[i]; i++) {
			const struct np_profile_format *f = np_profile_formats[i];
			if (f == &np_format_folded || f == &np_format_perf_script || f == &np_format_bpftrace ||
			    f == &np_format_dtrace || f == &np_format_mac_sample || f == &np_format_instruments) {
				char *folded = folded_of(f, copy, n);
				for (const char *p = folded; *p; p++) /* a line is a line */
					assert_true(*p == '\n' || (unsigned char)*p >= 0x20 || folded[0] == '!' || strstr(folded, "! "));
				free(folded);
			}
			if (f->sniff)
				f->sniff(copy, n);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inputs),	      cmocka_unit_test(test_input_files), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_endless_line),  cmocka_unit_test(test_packed_output), cmocka_unit_test(test_folded),
		cmocka_unit_test(test_folded_diff),   cmocka_unit_test(test_bpftrace),	  cmocka_unit_test(test_dtrace),
		cmocka_unit_test(test_mac_sample),    cmocka_unit_test(test_instruments),	  cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The JSON reader, and the formats that are JSON: read, written, read again, torn and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/json_pull.h"
#include "profile_text.h"

/* --- the JSON reader --- */

/* The value, copied; an error as "! message". */
static char *copy_of(const char *text, size_t max)
{
	struct np_profile_input *in = np_profile_input_of_memory("text", text, strlen(text));
	struct np_json j;
	struct np_buf buf = {0};
	np_json_init(&j, in);
	bool fits = np_json_copy(&j, &buf, max);
	np_err *err = np_json_end(&j);
	char *all = NULL;
	if (asprintf(&all, "%s%s", err ? "! " : fits ? "" : "too long", err ? np_err_message(err) : np_buf_str(&buf)) < 0)
		abort();
	np_err_free(err);
	np_buf_deinit(&buf);
	np_json_deinit(&j);
	np_profile_input_close(in);
	return all;
}

static void assert_copy(const char *text, const char *wanted)
{
	char *got = copy_of(text, 1000);
	assert_string_equal(got, wanted);
	free(got);
}

static void test_json(void **state)
{
	assert_copy(" { \"a\" : [ 1 , -2.5e3 , true,false , null ] , \"b\":{} }", "{\"a\":[1,-2.5e3,true,false,null],\"b\":{}}");
	assert_copy("\"\\u00e9\\ud83d\\ude00 \\ud83d \\udc00x\\ud800\"", "\"\u00e9\U0001f600 \ufffd \ufffdx\ufffd\"");
	assert_copy("\"a\\n\\t\\\"\\\\\\/\"", "\"a\\n\\t\\\"\\\\/\"");
	assert_copy("\"\xff\xfe\"", "\"\ufffd\ufffd\"");
	assert_copy("\"\xe2\x80\xae\"", "\"\\u202e\"");
	assert_copy("", "! it ends in the middle at byte 0");
	assert_copy("[1,", "! it ends in the middle at byte 3");
	assert_copy("[1 2]", "! expected ',' or ']' at byte 3");
	assert_copy("{\"a\" 1}", "! expected ':' at byte 5");
	assert_copy("{a:1}", "! expected a name in quotes at byte 1");
	assert_copy("\"\\x\"", "! a text has an unknown escape at byte 2");
	assert_copy("\"\\u12g4\"", "! a character's number is malformed at byte 5");
	assert_copy("nul", "! expected a value at byte 3");
	assert_copy("-", "! a number is malformed at byte 1");
	assert_copy("[1,]", "! expected a value at byte 3");
	char *got = copy_of("[1,2,[3,4,5,6,7,8,9]]", 8);
	assert_string_equal(got, "too long");
	free(got);
}

static void test_json_depth(void **state)
{
	enum { DEEP = 100000 };
	char *text = malloc(DEEP + 1);
	memset(text, '[', DEEP);
	text[DEEP] = '\0';
	assert_copy(text, "! it is nested too deeply at byte 4096");
	free(text);
}

static void test_json_numbers(void **state)
{
	static const char text[] = "[0,-1,999999999999999999,9223372036854775807,1e400,\"12\",1.5,[],12345678901234567890123]";
	struct np_profile_input *in = np_profile_input_of_memory("text", text, sizeof(text) - 1);
	struct np_json j;
	int64_t n[16], count = 0, value;
	np_json_init(&j, in);
	assert_true(np_json_list(&j));
	while (np_json_more(&j))
		if (np_json_int(&j, &value))
			n[count++] = value;
	np_err *err = np_json_end(&j);
	assert_non_null(err); /* 1e400 is none that can be held */
	np_err_free(err);
	assert_int_equal(count, 4);
	assert_int_equal(n[1], -1);
	assert_int_equal(n[2], 999999999999999999);
	assert_int_equal(n[3], INT64_MAX);
	np_json_deinit(&j);
	np_profile_input_close(in);
}

/* --- samples of the formats --- */

static const char cpuprofile[] =
	"{\"nodes\":[{\"id\":1,\"callFrame\":{\"functionName\":\"(root)\",\"scriptId\":\"0\",\"url\":\"\",\"lineNumber\":-1,"
	"\"columnNumber\":-1},\"hitCount\":0,\"children\":[2,5]},"
	"{\"id\":2,\"callFrame\":{\"functionName\":\"run\",\"scriptId\":\"7\",\"url\":\"file:///a.js\",\"lineNumber\":2,"
	"\"columnNumber\":12},\"hitCount\":2,\"children\":[3],\"positionTicks\":[{\"line\":4,\"ticks\":1},{\"line\":5,\"ticks\":1}]},"
	"{\"id\":3,\"callFrame\":{\"functionName\":\"\",\"scriptId\":\"7\",\"url\":\"file:///a.js\",\"lineNumber\":9,"
	"\"columnNumber\":0},\"hitCount\":1,\"positionTicks\":[{\"line\":11,\"ticks\":1}]},"
	"{\"id\":5,\"callFrame\":{\"functionName\":\"(idle)\",\"scriptId\":\"0\",\"url\":\"\",\"lineNumber\":-1,"
	"\"columnNumber\":-1},\"hitCount\":1}],"
	"\"startTime\":1000,\"endTime\":2000,\"samples\":[2,3,2,5],\"timeDeltas\":[100,200,300,150]}";

static const char folded[] = "JS:run file:///a.js:3:13 350000\n" /* 200 + 150 us */
			     "JS:run file:///a.js:3:13;JS:(anonymous) file:///a.js:10:1 300000\n"
			     "(idle) 250000\n";

static void assert_folded(const struct np_profile_format *format, const char *text, const char *wanted)
{
	char *got = folded_of(format, text, strlen(text));
	assert_string_equal(got, wanted);
	free(got);
}

/* A text of one format, written in another. */
static char *written(const struct np_profile_format *from, const char *text, const struct np_profile_format *to)
{
	char *error;
	np_profile *p = profile_read(from, text, strlen(text), true, &error);
	assert_string_equal(error, "");
	char *out = profile_write(to, p);
	free(error);
	np_profile_destroy(p);
	return out;
}

static void test_cpuprofile(void **state)
{
	assert_folded(&np_format_cpuprofile, cpuprofile, folded);
	char *again = written(&np_format_cpuprofile, cpuprofile, &np_format_cpuprofile);
	assert_folded(&np_format_cpuprofile, again, folded);
	assert_non_null(strstr(again, "\"startTime\":1000,\"endTime\":2000,"));
	assert_non_null(strstr(again, "\"timeDeltas\":[100,200,300,150]"));
	assert_non_null(strstr(again, "\"positionTicks\":[{\"line\":11,\"ticks\":1}]"));
	assert_non_null(strstr(again, "\"functionName\":\"\",\"scriptId\":\"7\",\"url\":\"file:///a.js\",\"lineNumber\":9"));
	free(again);
}

static void test_cpuprofile_old(void **state)
{
	static const char head[] =
		"{\"typeId\":\"CPU\",\"head\":{\"functionName\":\"(root)\",\"url\":\"\",\"lineNumber\":0,\"children\":["
		"{\"functionName\":\"run\",\"url\":\"/a.js\",\"lineNumber\":3,\"columnNumber\":7,\"hitCount\":3,\"children\":["
		"{\"functionName\":\"in\",\"url\":\"/a.js\",\"lineNumber\":9,\"hitCount\":1,\"children\":[],\"id\":3}],\"id\":2}],"
		"\"id\":1,\"hitCount\":0},\"startTime\":10.5,\"endTime\":10.504%s}";
	char text[2000];
	snprintf(text, sizeof(text), head, ",\"samples\":[2,2,3,2]");
	assert_folded(&np_format_cpuprofile, text, "JS:run /a.js:3:7 3000000\nJS:run /a.js:3:7;JS:in /a.js:9 1000000\n");
	snprintf(text, sizeof(text), head, "");
	assert_folded(&np_format_cpuprofile, text, "JS:run /a.js:3:7 3\nJS:run /a.js:3:7;JS:in /a.js:9 1\n");
	snprintf(text, sizeof(text), head, ",\"samples\":[2,3],\"timestamps\":[5000,6000]");
	assert_folded(&np_format_cpuprofile, text, "JS:run /a.js:3:7 1000000\nJS:run /a.js:3:7;JS:in /a.js:9 1000000\n");
}

/* Children that are their own ancestors, numbers that are nowhere, times that go back, the rest is missing. */
static void test_cpuprofile_damaged(void **state)
{
	assert_folded(&np_format_cpuprofile,
		      "{\"nodes\":[{\"id\":1,\"callFrame\":{\"functionName\":\"(a)\"},\"children\":[2]},"
		      "{\"id\":2,\"callFrame\":{\"functionName\":\"(b)\"},\"children\":[1,77]}],"
		      "\"startTime\":0,\"endTime\":10,\"samples\":[2,99,1],\"timeDeltas\":[6,-2,1]}",
		      "(b);(a) 1000\n(b) 4000\n");
	char *text = strdup(cpuprofile);
	*(strstr(text, "\"samples\":[2,3") + 14) = '\0';
	char *got = folded_of(&np_format_cpuprofile, text, strlen(text));
	assert_non_null(strstr(got, "! it ends in the middle at byte"));
	free(got);
	free(text);
}

static void test_speedscope(void **state)
{
	char *text = written(&np_format_cpuprofile, cpuprofile, &np_format_speedscope);
	assert_folded(&np_format_speedscope, text, folded);
	free(text);
	assert_folded(&np_format_speedscope, /* profiles before frames, closings that match nothing */
		      "{\"profiles\":[{\"type\":\"evented\",\"name\":\"x\",\"unit\":\"milliseconds\",\"startValue\":0,\"endValue\":9,"
		      "\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":1},{\"type\":\"O\",\"frame\":1,\"at\":2.5},"
		      "{\"type\":\"C\",\"frame\":5,\"at\":3},{\"type\":\"C\",\"frame\":1,\"at\":4},{\"type\":\"C\",\"frame\":0,\"at\":9}]}],"
		      "\"shared\":{\"frames\":[{\"name\":\"a\",\"file\":\"/x.js\",\"line\":3},{\"name\":\"b\"}]}}",
		      "JS:a /x.js:3 6500000\nJS:a /x.js:3;b 1500000\n");
	text = written(&np_format_folded, "a;b 3\na 5\n", &np_format_speedscope);
	assert_folded(&np_format_speedscope, text, "a;b 3\na 5\n");
	free(text);
}

static void test_trace_event(void **state)
{
	char *text = written(&np_format_cpuprofile, cpuprofile, &np_format_trace_event);
	assert_folded(&np_format_trace_event, text, folded);
	free(text);
	/* spans, without an end of the list, and a torn event */
	assert_folded(&np_format_trace_event,
		      "[{\"name\":\"a\",\"ph\":\"X\",\"ts\":10,\"dur\":10,\"pid\":1,\"tid\":1},\n"
		      "{\"args\":{},\"name\":\"b\",\"ph\":\"B\",\"ts\":12,\"pid\":1,\"tid\":1},\n"
		      "{\"name\":\"b\",\"ph\":\"E\",\"ts\":15.5,\"pid\":1,\"tid\":1},\n",
		      "a 6500\na;b 3500\n");
	assert_folded(&np_format_trace_event, "[{\"name\":\"a\",\"ph\":\"X\",\"ts\":10,\"dur\":10,\"pid\":1,\"tid\":1},{\"na",
		      "a 10000\n! it ends in the middle of a text at byte 60\n");
	assert_folded(&np_format_trace_event,
		      "{\"stackFrames\":{\"1\":{\"name\":\"x\"},\"2\":{\"name\":\"y\",\"parent\":1},\"3\":{\"name\":\"z\",\"parent\":3}},"
		      "\"samples\":[{\"pid\":1,\"tid\":1,\"ts\":1,\"sf\":2,\"weight\":4},{\"pid\":1,\"tid\":1,\"ts\":2,\"sf\":\"3\"}],"
		      "\"traceEvents\":[]}",
		      "x;y 4\nz 1\n");
}

static void test_trace_markers(void **state)
{
	static const char text[] =
		"{\"traceEvents\":[{\"name\":\"GC \\\"x\\u202e\",\"cat\":\"v8\",\"ph\":\"X\",\"ts\":10.125,\"dur\":3,\"pid\":4,\"tid\":5,"
		"\"args\":{\"k\":[1,\"<\"]}},{\"name\":\"now\",\"ph\":\"i\",\"ts\":11,\"pid\":4,\"tid\":5},"
		"{\"name\":\"req\",\"cat\":\"h\",\"ph\":\"b\",\"id\":7,\"ts\":1,\"pid\":4,\"tid\":5},"
		"{\"name\":\"req\",\"cat\":\"h\",\"ph\":\"e\",\"id\":7,\"ts\":9,\"pid\":4,\"tid\":5},"
		"{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":4,\"tid\":5,\"args\":{\"name\":\"main\"}}]}";
	char *again = written(&np_format_trace_event, text, &np_format_trace_event), *error;
	np_profile *p = profile_read(&np_format_trace_event, again, strlen(again), true, &error);
	assert_string_equal(error, "");
	np_profile_sort(p);
	assert_int_equal(np_profile_marker_count(p), 3);
	const struct np_profile_marker *m = np_profile_marker_at(p, 1);
	assert_int_equal(np_profile_marker_at(p, 0)->duration_ns, 8000);
	assert_string_equal(np_profile_text(p, m->name), "GC \"x\u202e");
	assert_null(strstr(again, "\u202e"));
	assert_int_equal(m->start_ns, 10125);
	assert_int_equal(m->duration_ns, 3000);
	assert_string_equal(np_profile_text(p, m->args), "{\"k\":[1,\"<\"]}");
	assert_int_equal(np_profile_marker_at(p, 2)->duration_ns, -1);
	assert_string_equal(np_profile_text(p, np_profile_thread_at(p, m->thread)->name), "main");
	assert_int_equal(np_profile_thread_at(p, m->thread)->tid, 5);
	np_profile_destroy(p);
	free(error);
	free(again);
}

static const char heapprofile[] =
	"{\"head\":{\"callFrame\":{\"functionName\":\"(root)\",\"scriptId\":\"0\",\"url\":\"\",\"lineNumber\":-1,\"columnNumber\":-1},"
	"\"selfSize\":16,\"id\":1,\"children\":[{\"callFrame\":{\"functionName\":\"make\",\"scriptId\":\"9\",\"url\":\"/b.js\","
	"\"lineNumber\":0,\"columnNumber\":4},\"selfSize\":4096,\"id\":2,\"children\":[]}]},"
	"\"samples\":[{\"size\":16,\"nodeId\":1,\"ordinal\":1},{\"size\":2048,\"nodeId\":2,\"ordinal\":2}]}";

static void test_heapprofile(void **state)
{
	assert_folded(&np_format_heapprofile, heapprofile, "(root) 16\nJS:make /b.js:1:5 4096\n");
}

static void test_sniff(void **state)
{
	char *trace = written(&np_format_cpuprofile, cpuprofile, &np_format_trace_event);
	char *speedscope = written(&np_format_cpuprofile, cpuprofile, &np_format_speedscope);
	assert_ptr_equal(np_profile_format_sniff(cpuprofile, strlen(cpuprofile), NULL), &np_format_cpuprofile);
	assert_ptr_equal(np_profile_format_sniff(trace, strlen(trace), NULL), &np_format_trace_event);
	assert_ptr_equal(np_profile_format_sniff(speedscope, strlen(speedscope), NULL), &np_format_speedscope);
	assert_ptr_equal(np_profile_format_sniff(heapprofile, strlen(heapprofile), NULL), &np_format_heapprofile);
	free(trace);
	free(speedscope);
}

/* Every beginning and many damaged forms of each: no crash, and what is written then can be read. */
static void test_hostile(void **state)
{
	struct {
		const struct np_profile_format *format;
		char *text;
	} seeds[] = {{&np_format_cpuprofile, strdup(cpuprofile)},
		     {&np_format_speedscope, written(&np_format_cpuprofile, cpuprofile, &np_format_speedscope)},
		     {&np_format_trace_event, written(&np_format_cpuprofile, cpuprofile, &np_format_trace_event)},
		     {&np_format_heapprofile, strdup(heapprofile)}};
	static const char bytes[] = "\"\\{}[],:0-9eE.tnu\xff\x80\0 ";
	uint64_t seed = 11;
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		size_t len = strlen(seeds[i].text);
		for (size_t n = 0; n < len; n += 3)
			free(folded_of(seeds[i].format, seeds[i].text, n));
		for (int round = 0; round < 1500; round++) {
			char *copy = strdup(seeds[i].text), *error;
			for (int k = 0; k < 1 + round % 4; k++) {
				seed = seed * 6364136223846793005u + 1442695040888963407u;
				copy[(seed >> 33) % len] = bytes[(seed >> 20) % sizeof(bytes)];
			}
			np_profile *p = profile_read(seeds[i].format, copy, len, round & 1, &error);
			char *one = profile_write(&np_format_cpuprofile, p), *two = profile_write(&np_format_trace_event, p);
			char *three = profile_write(&np_format_speedscope, p), *said;
			np_profile *q = profile_read(&np_format_cpuprofile, one, strlen(one), true, &said);
			assert_string_equal(said, "");
			np_profile_destroy(p);
			np_profile_destroy(q);
			free(one);
			free(two);
			free(three);
			free(said);
			free(error);
			free(copy);
		}
		free(seeds[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),		cmocka_unit_test(test_json_depth),
		cmocka_unit_test(test_json_numbers),	cmocka_unit_test(test_cpuprofile),
		cmocka_unit_test(test_cpuprofile_old),	cmocka_unit_test(test_cpuprofile_damaged),
		cmocka_unit_test(test_speedscope),	cmocka_unit_test(test_trace_event),
		cmocka_unit_test(test_trace_markers),	cmocka_unit_test(test_heapprofile),
		cmocka_unit_test(test_sniff),		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

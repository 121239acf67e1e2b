/* The profile's model, and filters on it, against the plainest implementation there is: lists of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/classify.h"
#include "profile/filter.h"
#include "profile/profile.h"

enum { SAMPLES = 3000, DEPTH_MAX = 12, NAMES = 9, THREADS = 4, TYPES = 2 };

static uint32_t next(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

/* A sample as it was put in: frames root first. */
struct plain {
	unsigned depth, thread;
	struct {
		unsigned name, line;
	} frames[DEPTH_MAX];
	int64_t time, values[TYPES];
};

static struct plain *plain_make(uint64_t seed)
{
	struct plain *all = calloc(SAMPLES, sizeof(*all));
	for (int i = 0; i < SAMPLES; i++) {
		struct plain *p = &all[i];
		p->thread = next(&seed, THREADS);
		p->depth = next(&seed, DEPTH_MAX + 1);
		for (unsigned k = 0; k < p->depth; k++) {
			p->frames[k].name = next(&seed, k < 3 ? 2 : NAMES);
			p->frames[k].line = next(&seed, 3);
		}
		p->time = (int64_t)next(&seed, 1000000) * 1000;
		p->values[0] = 1;
		p->values[1] = next(&seed, 50);
	}
	return all;
}

static uint32_t frame_make(np_profile *p, unsigned name)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "f%u", name);
	struct np_profile_frame f = {.name = np_profile_string(p, text, (size_t)n), .kind = name % 2 ? NP_PROFILE_JS : NP_PROFILE_KERNEL,
				     .tier = name % 2 ? (uint8_t)(1 + name / 2 % 4) : 0};
	if (name % 2)
		f.file = np_profile_cstring(p, name % 4 == 1 ? "/app/a.js" : "node:fs");
	return np_profile_frame(p, &f);
}

static np_profile *model_make(const struct plain *all, bool times)
{
	np_profile *p = np_profile_create(times);
	np_profile_value_type(p, "samples", "count");
	np_profile_value_type(p, "bytes", "bytes");
	for (int i = 0; i < SAMPLES; i++) {
		uint32_t stack = 0;
		char name[16];
		snprintf(name, sizeof(name), "thread%u", all[i].thread);
		uint32_t thread = np_profile_thread(p, &(struct np_profile_thread){.pid = 7, .tid = 100 + all[i].thread,
										   .name = np_profile_cstring(p, name)});
		for (unsigned k = 0; k < all[i].depth; k++)
			stack = np_profile_push(p, stack, frame_make(p, all[i].frames[k].name), all[i].frames[k].line, 0);
		np_profile_add(p, thread, stack, all[i].time, all[i].values);
	}
	return p;
}

/* A sample of the model as text: thread, frames root first, with lines. */
static void text_of(const np_profile *p, const struct np_profile_sample *s, char *text, size_t max)
{
	uint32_t path[64];
	size_t n = 0, len;
	for (uint32_t k = s->stack; k; k = np_profile_stack_at(p, k)->parent) {
		assert_true(np_profile_stack_at(p, k)->parent < k);
		path[n++] = k;
	}
	len = (size_t)snprintf(text, max, "%lld", (long long)np_profile_thread_at(p, s->thread)->tid);
	while (n--) {
		const struct np_profile_stack *at = np_profile_stack_at(p, path[n]);
		len += (size_t)snprintf(text + len, max - len, ";%s:%u", np_profile_text(p, np_profile_frame_at(p, at->frame)->name),
					at->line);
	}
}

static void plain_text(const struct plain *s, bool (*takes)(unsigned name), char *text, size_t max)
{
	size_t len = (size_t)snprintf(text, max, "%u", 100 + s->thread);
	for (unsigned k = 0; k < s->depth; k++)
		if (!takes || takes(s->frames[k].name))
			len += (size_t)snprintf(text + len, max - len, ";f%u:%u", s->frames[k].name, s->frames[k].line);
}

struct sum {
	char text[300];
	int64_t values[TYPES];
};

static int sum_compare(const void *a, const void *b)
{
	return strcmp(((const struct sum *)a)->text, ((const struct sum *)b)->text);
}

/* Sorted, equal texts added up. */
static size_t sums_merge(struct sum *sums, size_t n)
{
	size_t out = 0;
	qsort(sums, n, sizeof(*sums), sum_compare);
	for (size_t i = 0; i < n; i++) {
		if (out && strcmp(sums[out - 1].text, sums[i].text) == 0) {
			for (int t = 0; t < TYPES; t++)
				sums[out - 1].values[t] += sums[i].values[t];
		} else {
			sums[out++] = sums[i];
		}
	}
	return out;
}

static size_t sums_of(const np_profile *p, struct sum *sums)
{
	size_t n = np_profile_sample_count(p);
	for (size_t i = 0; i < n; i++) {
		text_of(p, np_profile_sample_at(p, i), sums[i].text, sizeof(sums[i].text));
		memcpy(sums[i].values, np_profile_values(p, i), sizeof(sums[i].values));
	}
	return sums_merge(sums, n);
}

static void assert_sums(const np_profile *p, struct sum *expected, size_t n)
{
	struct sum *got = calloc(SAMPLES, sizeof(*got));
	n = sums_merge(expected, n);
	assert_int_equal(sums_of(p, got), n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(got[i].text, expected[i].text);
		assert_memory_equal(got[i].values, expected[i].values, sizeof(got[i].values));
	}
	free(got);
}

static void test_model(void **state)
{
	for (uint64_t seed = 1; seed < 6; seed++) {
		struct plain *all = plain_make(seed);
		struct sum *sums = calloc(SAMPLES, sizeof(*sums));
		for (int times = 0; times < 2; times++) {
			np_profile *p = model_make(all, times);
			for (int i = 0; i < SAMPLES; i++) {
				plain_text(&all[i], NULL, sums[i].text, sizeof(sums[i].text));
				memcpy(sums[i].values, all[i].values, sizeof(sums[i].values));
			}
			size_t n = sums_merge(sums, SAMPLES);
			assert_sums(p, sums, n);
			assert_int_equal(np_profile_thread_count(p), THREADS);
			assert_int_equal(np_profile_sample_count(p), times ? SAMPLES : n);
			assert_int_equal(np_profile_dropped_times(p), !times);
			np_profile_sort(p);
			for (size_t i = 1; i < np_profile_sample_count(p); i++)
				assert_true(np_profile_sample_at(p, i - 1)->time_ns <= np_profile_sample_at(p, i)->time_ns);
			assert_sums(p, sums, n);
			np_profile_destroy(p);
		}
		free(all);
		free(sums);
	}
}

/* Equal things have one number, whatever is in them; others do not. */
static void test_interned(void **state)
{
	np_profile *p = np_profile_create(false);
	assert_int_equal(np_profile_string(p, "", 0), 0);
	assert_int_equal(np_profile_cstring(p, NULL), 0);
	uint32_t a = np_profile_string(p, "a\0b", 3), b = np_profile_string(p, "a\0c", 3);
	assert_int_not_equal(a, b);
	assert_int_equal(np_profile_string(p, "a\0b", 3), a);
	assert_int_equal(np_profile_text_len(p, a), 3);
	for (uint32_t i = 0; i < 50000; i++) {
		char text[16];
		int n = snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(np_profile_string(p, text, (size_t)n), i + 3);
	}
	for (uint32_t i = 0; i < 50000; i += 77) {
		char text[16];
		int n = snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(np_profile_string(p, text, (size_t)n), i + 3);
	}
	struct np_profile_frame f = {.name = a}, g = {.name = a, .is_inlined = true};
	assert_int_equal(np_profile_frame(p, &(struct np_profile_frame){0}), 0);
	assert_int_equal(np_profile_frame(p, &f), np_profile_frame(p, &f));
	assert_int_not_equal(np_profile_frame(p, &f), np_profile_frame(p, &g));
	np_profile_destroy(p);
}

/* Sums stay at the ends of their range. */
static void test_saturated(void **state)
{
	np_profile *p = np_profile_create(false);
	int64_t big = INT64_MAX - 1, small = INT64_MIN + 1;
	uint32_t thread = np_profile_thread(p, &(struct np_profile_thread){.pid = 1, .tid = 1});
	uint32_t other = np_profile_thread(p, &(struct np_profile_thread){.pid = 1, .tid = 2});
	for (int i = 0; i < 3; i++) {
		np_profile_add(p, thread, 0, NP_TIME_NONE, &big);
		np_profile_add(p, other, 0, NP_TIME_NONE, &small);
	}
	assert_int_equal(np_profile_values(p, 0)[0], INT64_MAX);
	assert_int_equal(np_profile_values(p, 1)[0], INT64_MIN);
	np_profile_destroy(p);
}

/* A value type that comes late, with and without one before. */
static void test_late_type(void **state)
{
	for (int named = 0; named < 2; named++) {
		np_profile *p = np_profile_create(true);
		int64_t one = 5, two[2] = {6, 7};
		if (named)
			np_profile_value_type(p, "x", "count");
		uint32_t thread = np_profile_thread(p, &(struct np_profile_thread){.pid = 1, .tid = 1});
		np_profile_add(p, thread, 0, 1, &one);
		np_profile_add(p, thread, 0, 2, &one);
		assert_int_equal(np_profile_value_type(p, "y", "bytes"), 1);
		np_profile_add(p, thread, 0, 3, two);
		assert_string_equal(np_profile_value_type_at(p, 0).name, named ? "x" : "samples");
		assert_string_equal(np_profile_value_type_at(p, 1).unit, "bytes");
		assert_int_equal(np_profile_values(p, 1)[0], 5);
		assert_int_equal(np_profile_values(p, 1)[1], 0);
		assert_int_equal(np_profile_values(p, 2)[0], 6);
		assert_int_equal(np_profile_values(p, 2)[1], 7);
		np_profile_destroy(p);
	}
}

/* --- filters --- */

static np_profile *filtered(const np_profile *p, const struct np_filter *f)
{
	np_profile *out = NULL;
	np_err *err = np_profile_filter(p, f, true, &out);
	if (err)
		fail_msg("%s", np_err_message(err));
	return out;
}

static bool has(const struct plain *s, unsigned name)
{
	for (unsigned k = 0; k < s->depth; k++)
		if (s->frames[k].name == name)
			return true;
	return false;
}

static bool is_no_kernel(unsigned name)
{
	return name % 2 != 0;
}

static void test_filters(void **state)
{
	struct plain *all = plain_make(42);
	struct sum *sums = calloc(SAMPLES, sizeof(*sums));
	np_profile *p = model_make(all, true);
	int64_t first = INT64_MAX;
	for (int i = 0; i < SAMPLES; i++)
		first = all[i].time < first ? all[i].time : first;
	for (int which = 0; which < 8; which++) {
		static const struct np_filter filters[] = {
			{.thread = "101,103"},
			{.thread = "^thread2$"},
			{.has_from = true, .from_ns = 300000000, .has_to = true, .to_ns = 600000000},
			{.keep = "^f4$"},
			{.drop = "^f(4|5) ?"},
			{.root = "^f4$"},
			{.hide = 1 << NP_CLASS_KERNEL},
			{.value = "bytes"},
		};
		size_t n = 0;
		for (int i = 0; i < SAMPLES; i++) {
			struct plain s = all[i];
			bool takes = true;
			switch (which) {
			case 0:
				takes = s.thread == 1 || s.thread == 3;
				break;
			case 1:
				takes = s.thread == 2;
				break;
			case 2:
				takes = s.time - first >= 300000000 && s.time - first < 600000000;
				break;
			case 3:
				takes = has(&s, 4);
				break;
			case 4:
				takes = !has(&s, 4) && !has(&s, 5);
				break;
			case 5:
				takes = has(&s, 4);
				while (takes && s.frames[0].name != 4)
					memmove(s.frames, s.frames + 1, sizeof(s.frames[0]) * --s.depth);
				break;
			}
			if (!takes)
				continue;
			plain_text(&s, which == 6 ? is_no_kernel : NULL, sums[n].text, sizeof(sums[n].text));
			memcpy(sums[n].values, s.values, sizeof(s.values));
			n++;
		}
		np_profile *out = filtered(p, &filters[which]);
		if (which == 7) {
			assert_int_equal(np_profile_value_type_count(out), 1);
			assert_string_equal(np_profile_value_type_at(out, 0).unit, "bytes");
			for (size_t i = 0; i < SAMPLES; i++)
				assert_int_equal(np_profile_values(out, i)[0], all[i].values[1]);
		} else {
			assert_true(n > 0 && (n < SAMPLES || which == 6));
			assert_int_equal(np_profile_sample_count(out), n);
			assert_sums(out, sums, n);
		}
		np_profile_destroy(out);
	}
	np_profile_destroy(p);
	free(all);
	free(sums);
}

/* Twice inverted is as before; once is leaf first. */
static void test_inverted(void **state)
{
	struct plain *all = plain_make(43);
	struct sum *sums = calloc(SAMPLES, sizeof(*sums));
	np_profile *p = model_make(all, true);
	np_profile *once = filtered(p, &(struct np_filter){.inverted = true});
	np_profile *twice = filtered(once, &(struct np_filter){.inverted = true});
	size_t n = sums_of(p, sums);
	assert_sums(twice, sums, n);
	for (int i = 0; i < SAMPLES; i++) {
		struct plain s = all[i];
		for (unsigned k = 0; k < s.depth; k++)
			s.frames[k] = all[i].frames[s.depth - 1 - k];
		plain_text(&s, NULL, sums[i].text, sizeof(sums[i].text));
		memcpy(sums[i].values, s.values, sizeof(s.values));
	}
	assert_sums(once, sums, SAMPLES);
	np_profile_destroy(p);
	np_profile_destroy(once);
	np_profile_destroy(twice);
	free(all);
	free(sums);
}

/* Runs become one frame; tiers and threads become one. */
static void test_merging(void **state)
{
	np_profile *p = np_profile_create(false);
	int64_t one = 1;
	uint32_t t1 = np_profile_thread(p, &(struct np_profile_thread){.pid = 1, .tid = 1});
	uint32_t t2 = np_profile_thread(p, &(struct np_profile_thread){.pid = 1, .tid = 2});
	for (int i = 0; i < 4; i++) {
		struct np_profile_frame f = {.name = np_profile_cstring(p, "run"), .file = np_profile_cstring(p, "/app/a.js"),
					     .kind = NP_PROFILE_JS, .tier = (uint8_t)(1 + i), .is_osr = i == 3};
		struct np_profile_frame k = {.name = np_profile_cstring(p, "k1"), .kind = NP_PROFILE_KERNEL};
		struct np_profile_frame k2 = {.name = np_profile_cstring(p, "k2"), .kind = NP_PROFILE_KERNEL};
		uint32_t stack = np_profile_push(p, 0, np_profile_frame(p, &f), 0, 0);
		stack = np_profile_push(p, stack, np_profile_frame(p, &k), 0, 0);
		stack = np_profile_push(p, stack, np_profile_frame(p, &k2), 0, 0);
		stack = np_profile_push(p, stack, np_profile_frame(p, &f), 0, 0);
		np_profile_add(p, i % 2 ? t1 : t2, stack, NP_TIME_NONE, &one);
	}
	np_profile *out = NULL;
	struct np_filter filter = {.merge_tiers = true, .merge_threads = true, .collapse = 1 << NP_CLASS_KERNEL};
	assert_null(np_profile_filter(p, &filter, false, &out));
	assert_int_equal(np_profile_sample_count(out), 1);
	assert_int_equal(np_profile_values(out, 0)[0], 4);
	char text[200];
	text_of(out, np_profile_sample_at(out, 0), text, sizeof(text));
	assert_string_equal(text, "-1;run:0;(kernel):0;run:0");
	np_profile_destroy(out);
	np_profile_destroy(p);
}

static void test_filter_errors(void **state)
{
	static const struct {
		struct np_filter filter;
		enum np_code code;
	} cases[] = {
		{{.keep = "("}, NP_EUSAGE},
		{{.root = "[a"}, NP_EUSAGE},
		{{.thread = "a{2,1}"}, NP_EUSAGE},
		{{.value = "none"}, NP_EUSAGE},
		{{.keep = "not there"}, NP_ENOTFOUND},
		{{.thread = "999"}, NP_ENOTFOUND},
		{{.has_from = true, .from_ns = INT64_MAX}, NP_ENOTFOUND},
	};
	struct plain *all = plain_make(44);
	np_profile *p = model_make(all, true), *out = NULL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		np_err *err = np_profile_filter(p, &cases[i].filter, true, &out);
		assert_int_equal(np_err_code(err), cases[i].code);
		np_err_free(err);
		assert_null(out);
	}
	np_profile_destroy(p);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),	  cmocka_unit_test(test_interned), cmocka_unit_test(test_saturated),
		cmocka_unit_test(test_late_type), cmocka_unit_test(test_filters),  cmocka_unit_test(test_inverted),
		cmocka_unit_test(test_merging),	  cmocka_unit_test(test_filter_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

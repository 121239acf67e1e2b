#include "format/cpu_timeline.h"

enum { SAMPLES_MOST = 4 << 20, PERIOD_NS = 1000000 };

static void types_find(struct np_timeline *w)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {{"nanoseconds", 1}, {"microseconds", 1000}, {"milliseconds", 1000000}, {"seconds", 1000000000}};
	uint32_t types = np_profile_value_type_count(w->profile), chosen = np_profile_facts(w->profile)->default_type;
	w->count_type = w->time_type = UINT32_MAX;
	for (uint32_t i = 0; i < types; i++) {
		const char *unit = np_profile_value_type_at(w->profile, i).unit;
		if (strcmp(unit, "count") == 0 && (w->count_type == UINT32_MAX || i == chosen))
			w->count_type = i;
		for (size_t k = 0; k < NP_ARRAY_LEN(units); k++) {
			if (strcmp(unit, units[k].unit) != 0 || (w->time_type != UINT32_MAX && i != chosen))
				continue;
			w->time_type = i;
			w->to_ns = units[k].ns;
		}
	}
	if (w->count_type == UINT32_MAX && w->time_type == UINT32_MAX) /* bytes: each is a hit */
		w->count_type = chosen < types ? chosen : 0;
}

static int64_t count_of(const struct np_timeline *w, size_t i)
{
	int64_t n = w->count_type == UINT32_MAX ? 1 : np_profile_values(w->profile, i)[w->count_type];
	return n > 0 ? n : 0;
}

static int64_t duration_ns(const struct np_timeline *w, size_t i)
{
	int64_t ns;
	if (w->time_type == UINT32_MAX)
		return __builtin_mul_overflow(count_of(w, i), PERIOD_NS, &ns) ? INT64_MAX / 4 : ns;
	ns = np_profile_values(w->profile, i)[w->time_type];
	return ns <= 0 ? 0 : __builtin_mul_overflow(ns, w->to_ns, &ns) ? INT64_MAX / 4 : ns;
}

static void sample_put(struct np_timeline *w, uint32_t node, uint32_t line, int64_t ns)
{
	np_vec_push(&w->nodes, node);
	np_vec_push(&w->lines, line);
	np_vec_push(&w->times, ns / 1000);
}

static int gap_compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static int64_t time_of(const np_profile *p, size_t sample)
{
	return np_profile_sample_at(p, sample)->time_ns;
}

/* Time between two samples, mostly. */
static int64_t period_of(const np_profile *p, const size_t *samples, size_t n)
{
	int64_t *gaps = np_xmalloc((n + 1) * sizeof(*gaps));
	size_t kept = 0;
	for (size_t i = 1; i < n; i++)
		gaps[kept++] = time_of(p, samples[i]) - time_of(p, samples[i - 1]);
	if (kept)
		qsort(gaps, kept, sizeof(*gaps), gap_compare);
	int64_t period = kept ? gaps[kept / 2] : PERIOD_NS;
	free(gaps);
	return period > 0 ? period : PERIOD_NS;
}

void np_timeline_init(struct np_timeline *w, np_profile *profile, const size_t *samples, size_t n)
{
	*w = (struct np_timeline){.profile = profile};
	np_cpu_tree_init(&w->tree, profile);
	types_find(w);
	int64_t all = 0;
	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(all, count_of(w, samples[i]), &all))
			all = INT64_MAX;
	w->as_one = all > SAMPLES_MOST;
}

void np_timeline_deinit(struct np_timeline *w)
{
	np_cpu_tree_deinit(&w->tree);
	np_vec_deinit(&w->nodes);
	np_vec_deinit(&w->lines);
	np_vec_deinit(&w->times);
}

bool np_timeline_is_timed(const np_profile *p, const size_t *samples, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct np_profile_sample *s = np_profile_sample_at(p, samples[i]);
		if (s->time_ns < -INT64_MAX / 4 || s->time_ns > INT64_MAX / 4 ||
		    s->thread != np_profile_sample_at(p, samples[0])->thread)
			return false;
	}
	return n > 0;
}

/* Where the profile's values are no times, a sample lasts until there is a gap of more than four periods. */
void np_timeline_add_timed(struct np_timeline *w, const size_t *samples, size_t n)
{
	np_profile *p = w->profile;
	struct np_profile_frame idle = {.name = np_profile_cstring(p, "(idle)"), .kind = NP_PROFILE_META};
	int64_t period = w->time_type == UINT32_MAX ? period_of(p, samples, n) : 0, end = 0;
	uint32_t idle_node = 0;
	np_cpu_tree_below(&w->tree, 1);
	for (size_t i = 0; i < n; i++) {
		const struct np_profile_sample *s = np_profile_sample_at(p, samples[i]);
		int64_t lasts = w->time_type != UINT32_MAX ? duration_ns(w, samples[i]) : period;
		int64_t slack = w->time_type != UINT32_MAX ? 1000 : 4 * (period < INT64_MAX / 8 ? period : INT64_MAX / 8);
		sample_put(w, np_cpu_tree_hit(&w->tree, s->stack, 1), np_profile_stack_at(p, s->stack)->line, s->time_ns);
		end = s->time_ns + (lasts < INT64_MAX / 4 ? lasts : INT64_MAX / 4);
		if (i + 1 == n || time_of(p, samples[i + 1]) - end < slack)
			continue;
		idle_node = idle_node ? idle_node : np_cpu_tree_child(&w->tree, 1, np_profile_frame(p, &idle));
		w->tree.nodes.data[idle_node].hits++;
		sample_put(w, idle_node, 0, end);
	}
	int64_t start = np_profile_facts_of(p)->start_ns, first = time_of(p, samples[0]);
	w->start_us = (start != NP_TIME_NONE && start < first ? start : first) / 1000;
	w->end_us = end / 1000;
}

void np_timeline_add(struct np_timeline *w, const size_t *samples, size_t n, uint32_t below)
{
	np_profile *p = w->profile;
	np_cpu_tree_below(&w->tree, below);
	for (size_t i = 0; i < n; i++) {
		const struct np_profile_sample *s = np_profile_sample_at(p, samples[i]);
		int64_t count = count_of(w, samples[i]), lasts = duration_ns(w, samples[i]), from = w->now_ns;
		uint32_t line = np_profile_stack_at(p, s->stack)->line;
		if (!count && !lasts)
			continue;
		uint32_t node = np_cpu_tree_hit(&w->tree, s->stack, (uint64_t)count);
		count = w->as_one || !count ? 1 : count;
		for (int64_t k = 0; k < count; k++)
			sample_put(w, node, line, from + (int64_t)((__int128_t)lasts * k / count));
		if (__builtin_add_overflow(w->now_ns, lasts, &w->now_ns) || w->now_ns > INT64_MAX / 2)
			w->now_ns = INT64_MAX / 2;
	}
	w->end_us = w->now_ns / 1000;
}

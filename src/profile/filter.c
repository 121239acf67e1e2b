#include "profile/filter.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "profile/classify.h"

bool np_filter_is_set(const struct np_filter *f)
{
	return f->thread || f->has_from || f->has_to || f->keep || f->drop || f->root || f->hide || f->collapse ||
	       f->merge_tiers || f->merge_threads || f->inverted || f->value;
}

/* What an expression says of every frame; match NULL: there is none. */
struct pattern {
	bool *match;
};

/* Stacks, from the root on. */
enum { STACK_KEPT = 1, STACK_DROPPED = 2, STACK_ROOTED = 4 };

struct work {
	const np_profile *in;
	const struct np_filter *filter;
	np_profile *out;
	struct pattern keep, drop, root;
	uint32_t *string_of, *frame_of; /* in out; UINT32_MAX: not yet */
	uint32_t *thread_of;		/* UINT32_MAX: not wanted */
	uint32_t *stack_of;
	uint8_t *stack_is;
	uint8_t *class_of;
	uint32_t run_frame; /* 0: not made yet */
	uint32_t value; /* UINT32_MAX: all */
	int64_t from, to;
};

/* --- expressions --- */

static void frame_text(struct np_buf *buf, const np_profile *p, const struct np_profile_frame *f)
{
	np_buf_clear(buf);
	np_buf_add(buf, np_profile_text(p, f->name), np_profile_text_len(p, f->name));
	if (!f->file)
		return;
	np_buf_putc(buf, ' ');
	np_buf_add(buf, np_profile_text(p, f->file), np_profile_text_len(p, f->file));
	if (f->line)
		np_buf_printf(buf, ":%u", f->line);
	if (f->line && f->column)
		np_buf_printf(buf, ":%u", f->column);
}

static np_err *expression_compile(const char *expression, regex_t *ret)
{
	char why[200];
	int status = regcomp(ret, expression, REG_EXTENDED | REG_NOSUB);
	if (!status)
		return NULL;
	regerror(status, ret, why, sizeof(why));
	return np_err_new(NP_EUSAGE, "the expression '%s': %s", expression, why);
}

static np_err *pattern_make(const np_profile *p, const char *expression, struct pattern *ret)
{
	regex_t regex;
	struct np_buf text = {0};
	if (!expression)
		return NULL;
	NP_TRY(expression_compile(expression, &regex));
	uint32_t count = np_profile_frame_count(p);
	ret->match = np_xcalloc(count, sizeof(*ret->match));
	for (uint32_t i = 1; i < count; i++) {
		frame_text(&text, p, np_profile_frame_at(p, i));
		ret->match[i] = regexec(&regex, np_buf_str(&text), 0, NULL, 0) == 0;
	}
	np_buf_deinit(&text);
	regfree(&regex);
	return NULL;
}

/* --- copies --- */

static uint32_t string_copy(struct work *w, uint32_t string)
{
	if (w->string_of[string] == UINT32_MAX)
		w->string_of[string] = np_profile_string(w->out, np_profile_text(w->in, string), np_profile_text_len(w->in, string));
	return w->string_of[string];
}

static uint32_t frame_copy(struct work *w, uint32_t frame)
{
	if (w->frame_of[frame] != UINT32_MAX)
		return w->frame_of[frame];
	struct np_profile_frame f = *np_profile_frame_at(w->in, frame);
	f.name = string_copy(w, f.name);
	f.file = string_copy(w, f.file);
	f.module = string_copy(w, f.module);
	if (w->filter->merge_tiers) {
		f.tier = NP_PROFILE_TIER_NONE;
		f.is_osr = false;
	}
	return w->frame_of[frame] = np_profile_frame(w->out, &f);
}

/* The frame that a run of frames becomes: "(V8)" where only that is collapsed, else one for all that are. */
static uint32_t run_frame(struct work *w, enum np_code_class class)
{
	char text[64];
	bool one = !(w->filter->collapse & (w->filter->collapse - 1));
	if (!w->run_frame) {
		snprintf(text, sizeof(text), "(%s)", one ? np_code_class_name(class) : "internals");
		struct np_profile_frame f = {.name = np_profile_cstring(w->out, text), .kind = NP_PROFILE_META};
		w->run_frame = np_profile_frame(w->out, &f);
	}
	return w->run_frame;
}

static void classes_find(struct work *w)
{
	if (!w->filter->hide && !w->filter->collapse)
		return;
	uint32_t count = np_profile_frame_count(w->in);
	w->class_of = np_xcalloc(count, sizeof(*w->class_of));
	for (uint32_t i = 1; i < count; i++)
		w->class_of[i] = (uint8_t)np_classify(w->in, np_profile_frame_at(w->in, i)).class;
}

/* --- stacks --- */

static uint32_t stack_step(struct work *w, uint32_t parent, const struct np_profile_stack *s)
{
	unsigned class = w->class_of ? 1u << w->class_of[s->frame] : 0;
	if (class & w->filter->hide)
		return parent;
	if (class & w->filter->collapse) {
		uint32_t frame = run_frame(w, w->class_of[s->frame]);
		if (parent && np_profile_stack_at(w->out, parent)->frame == frame)
			return parent;
		return np_profile_push(w->out, parent, frame, 0, 0);
	}
	return np_profile_push(w->out, parent, frame_copy(w, s->frame), s->line, s->column);
}

/* A stack's parent has a smaller number: one pass. */
static void stacks_map(struct work *w)
{
	uint32_t count = np_profile_stack_count(w->in);
	w->stack_of = np_xcalloc(count, sizeof(*w->stack_of));
	w->stack_is = np_xcalloc(count, sizeof(*w->stack_is));
	w->stack_is[0] = (uint8_t)((w->keep.match ? 0 : STACK_KEPT) | (w->root.match ? 0 : STACK_ROOTED));
	for (uint32_t i = 1; i < count; i++) {
		const struct np_profile_stack *s = np_profile_stack_at(w->in, i);
		uint8_t is = w->stack_is[s->parent];
		is |= w->keep.match && w->keep.match[s->frame] ? STACK_KEPT : 0;
		is |= w->drop.match && w->drop.match[s->frame] ? STACK_DROPPED : 0;
		is |= w->root.match && w->root.match[s->frame] ? STACK_ROOTED : 0;
		w->stack_is[i] = is;
		w->stack_of[i] = is & STACK_ROOTED ? stack_step(w, w->stack_of[s->parent], s) : 0;
	}
}

/* --- threads --- */

static bool id_is_in(const char *list, int64_t id)
{
	for (const char *p = list; *p;) {
		char *end;
		if (strtoll(p, &end, 10) == id && end != p)
			return true;
		p = *end == ',' ? end + 1 : end + strlen(end);
	}
	return false;
}

static np_err *threads_map(struct work *w)
{
	const char *wanted = w->filter->thread;
	bool by_id = wanted && *wanted && strspn(wanted, "0123456789,") == strlen(wanted);
	uint32_t count = np_profile_thread_count(w->in);
	regex_t regex;
	if (wanted && !by_id)
		NP_TRY(expression_compile(wanted, &regex));
	w->thread_of = np_xcalloc(count + 1, sizeof(*w->thread_of));
	for (uint32_t i = 0; i < count; i++) {
		struct np_profile_thread t = *np_profile_thread_at(w->in, i);
		bool takes = !wanted;
		if (by_id)
			takes = (t.tid >= 0 && id_is_in(wanted, t.tid)) || (t.pid >= 0 && id_is_in(wanted, t.pid));
		else if (wanted)
			takes = regexec(&regex, np_profile_text(w->in, t.name), 0, NULL, 0) == 0 ||
				(t.process && regexec(&regex, np_profile_text(w->in, t.process), 0, NULL, 0) == 0);
		t.name = string_copy(w, t.name);
		t.process = string_copy(w, t.process);
		if (w->filter->merge_threads)
			t = (struct np_profile_thread){.pid = -1, .tid = -1};
		w->thread_of[i] = takes ? np_profile_thread(w->out, &t) : UINT32_MAX;
	}
	if (wanted && !by_id)
		regfree(&regex);
	return NULL;
}

/* --- values and times --- */

static np_err *values_choose(struct work *w)
{
	uint32_t count = np_profile_value_type_count(w->in);
	const char *wanted = w->filter->value;
	struct np_buf names = {0};
	w->value = UINT32_MAX;
	for (uint32_t i = 0; i < count; i++) {
		struct np_profile_value_type t = np_profile_value_type_at(w->in, i);
		if (wanted && w->value == UINT32_MAX && strcmp(t.name, wanted) == 0)
			w->value = i;
		np_buf_printf(&names, "%s%s", i ? ", " : "", t.name);
	}
	np_err *err = NULL;
	if (wanted && w->value == UINT32_MAX)
		err = np_err_new(NP_EUSAGE, "no value of the profile is called %s; these are: %s", wanted, np_buf_str(&names));
	np_buf_deinit(&names);
	if (err)
		return err;
	for (uint32_t i = 0; i < count; i++) {
		struct np_profile_value_type t = np_profile_value_type_at(w->in, i);
		if (w->value == UINT32_MAX || w->value == i)
			np_profile_value_type(w->out, t.name, t.unit);
	}
	return NULL;
}

static void facts_copy(struct work *w)
{
	struct np_profile_facts *to = np_profile_facts(w->out);
	*to = *np_profile_facts_of(w->in);
	to->title = string_copy(w, to->title);
	to->command = string_copy(w, to->command);
	if (w->value != UINT32_MAX) {
		to->period = to->default_type == w->value ? to->period : 0;
		to->default_type = 0;
	}
	if (w->filter->has_from)
		to->start_ns = w->from;
	if (w->filter->has_to)
		to->end_ns = w->to;
}

/* The range on the samples' clock. Whatever has no time is outside of every range. */
static np_err *times_choose(struct work *w)
{
	int64_t first = NP_TIME_NONE;
	w->from = INT64_MIN;
	w->to = INT64_MAX;
	if (!w->filter->has_from && !w->filter->has_to)
		return NULL;
	for (size_t i = 0; i < np_profile_sample_count(w->in); i++) {
		int64_t t = np_profile_sample_at(w->in, i)->time_ns;
		first = t != NP_TIME_NONE && (first == NP_TIME_NONE || t < first) ? t : first;
	}
	if (first == NP_TIME_NONE)
		return np_err_new(NP_ENOTFOUND, "the profile has no times to take a range of");
	if (w->filter->has_from && __builtin_add_overflow(first, w->filter->from_ns, &w->from))
		w->from = INT64_MAX;
	if (w->filter->has_to && __builtin_add_overflow(first, w->filter->to_ns, &w->to))
		w->to = INT64_MAX;
	w->from = w->from == NP_TIME_NONE ? NP_TIME_NONE + 1 : w->from;
	return NULL;
}

static bool time_is_in(const struct work *w, int64_t t)
{
	return (!w->filter->has_from && !w->filter->has_to) || (t != NP_TIME_NONE && t >= w->from && t < w->to);
}

/* --- the whole --- */

static void samples_copy(struct work *w)
{
	for (size_t i = 0; i < np_profile_sample_count(w->in); i++) {
		const struct np_profile_sample *s = np_profile_sample_at(w->in, i);
		const int64_t *values = np_profile_values(w->in, i);
		uint8_t is = w->stack_is[s->stack];
		if (w->thread_of[s->thread] == UINT32_MAX || !time_is_in(w, s->time_ns))
			continue;
		if (!(is & STACK_KEPT) || is & STACK_DROPPED || !(is & STACK_ROOTED))
			continue;
		if (w->value != UINT32_MAX)
			values += w->value;
		np_profile_add(w->out, w->thread_of[s->thread], w->stack_of[s->stack], s->time_ns, values);
	}
	for (size_t i = 0; i < np_profile_marker_count(w->in); i++) {
		struct np_profile_marker m = *np_profile_marker_at(w->in, i);
		if (m.thread >= np_profile_thread_count(w->in) || w->thread_of[m.thread] == UINT32_MAX || !time_is_in(w, m.start_ns))
			continue;
		m.thread = w->thread_of[m.thread];
		m.name = string_copy(w, m.name);
		m.category = string_copy(w, m.category);
		m.args = string_copy(w, m.args);
		np_profile_add_marker(w->out, &m);
	}
}

static uint32_t *ids_create(uint32_t count)
{
	uint32_t *ids = np_xmalloc((size_t)count * sizeof(*ids) + 1);
	memset(ids, 0xff, (size_t)count * sizeof(*ids));
	return ids;
}

static np_err *work_run(struct work *w)
{
	NP_TRY(pattern_make(w->in, w->filter->keep, &w->keep));
	NP_TRY(pattern_make(w->in, w->filter->drop, &w->drop));
	NP_TRY(pattern_make(w->in, w->filter->root, &w->root));
	NP_TRY(values_choose(w));
	NP_TRY(times_choose(w));
	NP_TRY(threads_map(w));
	classes_find(w);
	stacks_map(w);
	facts_copy(w);
	samples_copy(w);
	if (np_profile_sample_count(w->in) && !np_profile_sample_count(w->out))
		return np_err_new(NP_ENOTFOUND, "no sample is left: none is of that thread, time and stack");
	return NULL;
}

/* Every stack leaf first, in place of root first. */
static np_profile *invert(const np_profile *in, bool keep_times)
{
	const struct np_filter none = {0};
	struct work w = {.in = in, .filter = &none, .out = np_profile_create(keep_times)};
	w.string_of = ids_create(np_profile_string_count(in));
	w.frame_of = ids_create(np_profile_frame_count(in));
	w.stack_of = ids_create(np_profile_stack_count(in));
	w.stack_is = np_xcalloc(np_profile_stack_count(in), sizeof(*w.stack_is));
	memset(w.stack_is, STACK_KEPT | STACK_ROOTED, np_profile_stack_count(in));
	/* no filter that can fail is set */
	np_err_free(values_choose(&w));
	np_err_free(times_choose(&w));
	np_err_free(threads_map(&w));
	for (size_t i = 0; i < np_profile_sample_count(in); i++) {
		uint32_t stack = np_profile_sample_at(in, i)->stack, to = 0;
		if (w.stack_of[stack] != UINT32_MAX)
			continue;
		for (uint32_t s = stack; s; s = np_profile_stack_at(in, s)->parent) {
			const struct np_profile_stack *at = np_profile_stack_at(in, s);
			to = np_profile_push(w.out, to, frame_copy(&w, at->frame), at->line, at->column);
		}
		w.stack_of[stack] = to;
	}
	facts_copy(&w);
	samples_copy(&w);
	free(w.string_of);
	free(w.frame_of);
	free(w.thread_of);
	free(w.stack_of);
	free(w.stack_is);
	return w.out;
}

np_err *np_profile_filter(const np_profile *profile, const struct np_filter *filter, bool keep_times, np_profile **ret)
{
	struct work w = {.in = profile, .filter = filter, .out = np_profile_create(keep_times)};
	w.string_of = ids_create(np_profile_string_count(profile));
	w.frame_of = ids_create(np_profile_frame_count(profile));
	np_err *err = work_run(&w);
	free(w.keep.match);
	free(w.drop.match);
	free(w.root.match);
	free(w.string_of);
	free(w.frame_of);
	free(w.thread_of);
	free(w.stack_of);
	free(w.stack_is);
	free(w.class_of);
	if (!err && filter->inverted) {
		np_profile *inverted = invert(w.out, keep_times);
		np_profile_destroy(w.out);
		w.out = inverted;
	}
	if (err)
		np_profile_destroy(w.out);
	else
		*ret = w.out;
	return err;
}

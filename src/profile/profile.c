#include "profile/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"

struct text {
	const char *text; /* in the arena, terminated */
	uint32_t len;
	uint32_t hash; /* lower half */
};

struct np_profile {
	np_arena *arena;
	bool keep_times, is_sorted, dropped_times;
	NP_VEC(struct text) strings;
	struct np_hash_table string_table;
	NP_VEC(struct np_profile_frame) frames;
	struct np_hash_table frame_table;
	NP_VEC(struct np_profile_stack) stacks;
	struct np_hash_table stack_table;
	NP_VEC(struct np_profile_thread) threads;
	struct np_hash_table thread_table;
	uint32_t last_thread;
	NP_VEC(struct np_profile_value_type) types;
	NP_VEC(struct np_profile_sample) samples;
	struct np_hash_table sample_table; /* without times */
	NP_VEC(int64_t) values;
	NP_VEC(struct np_profile_marker) markers;
	struct np_profile_facts facts;
};

np_profile *np_profile_create(bool keep_times)
{
	np_profile *p = np_xcalloc(1, sizeof(*p));
	p->arena = np_arena_create();
	p->keep_times = keep_times;
	p->facts.start_ns = p->facts.end_ns = NP_TIME_NONE;
	np_profile_string(p, "", 0);
	np_profile_frame(p, &(struct np_profile_frame){0});
	np_vec_push(&p->stacks, (struct np_profile_stack){0});
	return p;
}

void np_profile_destroy(np_profile *p)
{
	if (!p)
		return;
	np_vec_deinit(&p->strings);
	np_vec_deinit(&p->frames);
	np_vec_deinit(&p->stacks);
	np_vec_deinit(&p->threads);
	np_vec_deinit(&p->types);
	np_vec_deinit(&p->samples);
	np_vec_deinit(&p->values);
	np_vec_deinit(&p->markers);
	np_hash_table_deinit(&p->string_table);
	np_hash_table_deinit(&p->frame_table);
	np_hash_table_deinit(&p->stack_table);
	np_hash_table_deinit(&p->sample_table);
	np_hash_table_deinit(&p->thread_table);
	np_arena_destroy(p->arena);
	free(p);
}

bool np_profile_keeps_times(const np_profile *p)
{
	return p->keep_times;
}

bool np_profile_dropped_times(const np_profile *p)
{
	return p->dropped_times;
}

struct np_profile_facts *np_profile_facts(np_profile *p)
{
	return &p->facts;
}

const struct np_profile_facts *np_profile_facts_of(const np_profile *p)
{
	return &p->facts;
}

/* --- strings --- */

static uint64_t string_hash(const void *ctx, uint32_t number)
{
	const np_profile *p = ctx;
	return np_hash_bytes(p->strings.data[number].text, p->strings.data[number].len);
}

uint32_t np_profile_string(np_profile *p, const char *text, size_t len)
{
	len = len < UINT32_MAX ? len : UINT32_MAX;
	uint64_t hash = np_hash_bytes(text, len);
	NP_HASH_FIND(&p->string_table, hash, number) {
		const struct text *t = &p->strings.data[number];
		if (t->len == len && t->hash == (uint32_t)hash && memcmp(t->text, text, len) == 0)
			return number;
	}
	char *copy = np_arena_alloc(p->arena, len + 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	np_vec_push(&p->strings, (struct text){copy, (uint32_t)len, (uint32_t)hash});
	np_hash_put(&p->string_table, hash, (uint32_t)p->strings.len - 1, string_hash, p);
	return (uint32_t)p->strings.len - 1;
}

uint32_t np_profile_cstring(np_profile *p, const char *text)
{
	return text ? np_profile_string(p, text, strlen(text)) : 0;
}

const char *np_profile_text(const np_profile *p, uint32_t string)
{
	return p->strings.data[string].text;
}

size_t np_profile_text_len(const np_profile *p, uint32_t string)
{
	return p->strings.data[string].len;
}

uint32_t np_profile_string_count(const np_profile *p)
{
	return (uint32_t)p->strings.len;
}

/* --- frames --- */

static uint64_t frame_hash_of(const struct np_profile_frame *f)
{
	uint64_t hash = np_hash_mix((uint64_t)f->name << 32 | f->file, (uint64_t)f->module << 32 | f->line);
	hash = np_hash_mix(hash, (uint64_t)f->column << 32 | f->script_id);
	uint64_t rest = (uint64_t)f->kind << 24 | (uint64_t)f->tier << 16 | (uint64_t)f->is_inlined << 8 | f->is_osr;
	return np_hash_u64(hash ^ rest);
}

static uint64_t frame_hash(const void *ctx, uint32_t number)
{
	return frame_hash_of(&((const np_profile *)ctx)->frames.data[number]);
}

static bool frame_equal(const struct np_profile_frame *a, const struct np_profile_frame *b)
{
	return a->name == b->name && a->file == b->file && a->module == b->module && a->line == b->line &&
	       a->column == b->column && a->script_id == b->script_id && a->kind == b->kind && a->tier == b->tier &&
	       a->is_inlined == b->is_inlined && a->is_osr == b->is_osr;
}

uint32_t np_profile_frame(np_profile *p, const struct np_profile_frame *frame)
{
	uint64_t hash = frame_hash_of(frame);
	NP_HASH_FIND(&p->frame_table, hash, number)
		if (frame_equal(&p->frames.data[number], frame))
			return number;
	np_vec_push(&p->frames, *frame);
	np_hash_put(&p->frame_table, hash, (uint32_t)p->frames.len - 1, frame_hash, p);
	return (uint32_t)p->frames.len - 1;
}

uint32_t np_profile_frame_count(const np_profile *p)
{
	return (uint32_t)p->frames.len;
}

const struct np_profile_frame *np_profile_frame_at(const np_profile *p, uint32_t frame)
{
	return &p->frames.data[frame];
}

/* --- stacks --- */

static uint64_t stack_hash_of(const struct np_profile_stack *s)
{
	return np_hash_u64(np_hash_mix((uint64_t)s->parent << 32 | s->frame, (uint64_t)s->line << 32 | s->column));
}

static uint64_t stack_hash(const void *ctx, uint32_t number)
{
	return stack_hash_of(&((const np_profile *)ctx)->stacks.data[number]);
}

uint32_t np_profile_push(np_profile *p, uint32_t parent, uint32_t frame, uint32_t line, uint32_t column)
{
	struct np_profile_stack node = {parent, frame, line, column};
	uint64_t hash = stack_hash_of(&node);
	NP_HASH_FIND(&p->stack_table, hash, number) {
		const struct np_profile_stack *s = &p->stacks.data[number];
		if (s->parent == parent && s->frame == frame && s->line == line && s->column == column)
			return number;
	}
	np_vec_push(&p->stacks, node);
	np_hash_put(&p->stack_table, hash, (uint32_t)p->stacks.len - 1, stack_hash, p);
	return (uint32_t)p->stacks.len - 1;
}

uint32_t np_profile_stack_count(const np_profile *p)
{
	return (uint32_t)p->stacks.len;
}

const struct np_profile_stack *np_profile_stack_at(const np_profile *p, uint32_t stack)
{
	return &p->stacks.data[stack];
}

/* --- threads and values --- */

static bool thread_is(const struct np_profile_thread *a, const struct np_profile_thread *b)
{
	return a->pid == b->pid && a->tid == b->tid && (a->tid != -1 || a->name == b->name);
}

static uint64_t thread_hash_of(const struct np_profile_thread *t)
{
	uint64_t hash = np_hash_mix((uint64_t)t->pid, (uint64_t)t->tid + 1);
	return np_hash_u64(t->tid == -1 ? np_hash_mix(hash, t->name) : hash);
}

static uint64_t thread_hash(const void *ctx, uint32_t number)
{
	return thread_hash_of(&((const np_profile *)ctx)->threads.data[number]);
}

static uint32_t thread_find(np_profile *p, const struct np_profile_thread *thread)
{
	if (p->last_thread < p->threads.len && thread_is(&p->threads.data[p->last_thread], thread))
		return p->last_thread;
	uint64_t hash = thread_hash_of(thread);
	NP_HASH_FIND(&p->thread_table, hash, number)
		if (thread_is(&p->threads.data[number], thread))
			return number;
	np_vec_push(&p->threads, *thread);
	np_hash_put(&p->thread_table, hash, (uint32_t)p->threads.len - 1, thread_hash, p);
	return (uint32_t)p->threads.len - 1;
}

uint32_t np_profile_thread(np_profile *p, const struct np_profile_thread *thread)
{
	uint32_t i = thread_find(p, thread);
	struct np_profile_thread *t = &p->threads.data[i];
	t->name = thread->name ? thread->name : t->name;
	t->process = thread->process ? thread->process : t->process;
	p->last_thread = i;
	return i;
}

uint32_t np_profile_thread_count(const np_profile *p)
{
	return (uint32_t)p->threads.len;
}

const struct np_profile_thread *np_profile_thread_at(const np_profile *p, uint32_t thread)
{
	return &p->threads.data[thread];
}

/* Samples that are there get a zero of the new type; without any type so far, they had the one that is implied. */
static void values_widen(np_profile *p)
{
	size_t before = np_profile_value_type_count(p), now = before + 1, n = p->samples.len;
	struct np_profile_value_type implied = np_profile_value_type_at(p, 0);
	if (!p->types.len)
		np_vec_push(&p->types, implied);
	int64_t *values = np_xcalloc(n * now, sizeof(*values));
	for (size_t i = 0; i < n; i++)
		memcpy(values + i * now, p->values.data + i * before, before * sizeof(*values));
	free(p->values.data);
	p->values.data = values;
	p->values.len = p->values.cap = n * now;
}

uint32_t np_profile_value_type(np_profile *p, const char *name, const char *unit)
{
	if (p->samples.len)
		values_widen(p);
	struct np_profile_value_type type = {np_arena_strdup(p->arena, name), np_arena_strdup(p->arena, unit)};
	np_vec_push(&p->types, type);
	return (uint32_t)p->types.len - 1;
}

void np_profile_value_type_rename(np_profile *p, uint32_t type, const char *name)
{
	p->types.data[type].name = np_arena_strdup(p->arena, name);
}

uint32_t np_profile_value_type_count(const np_profile *p)
{
	return p->types.len ? (uint32_t)p->types.len : 1;
}

struct np_profile_value_type np_profile_value_type_at(const np_profile *p, uint32_t type)
{
	return p->types.len ? p->types.data[type] : (struct np_profile_value_type){"samples", "count"};
}

/* --- samples and markers --- */

static uint64_t sample_hash_of(const struct np_profile_sample *s)
{
	return np_hash_u64((uint64_t)s->thread << 32 | s->stack);
}

static uint64_t sample_hash(const void *ctx, uint32_t number)
{
	return sample_hash_of(&((const np_profile *)ctx)->samples.data[number]);
}

/* Sums do not wrap. */
static void value_add(int64_t *sum, int64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = value > 0 ? INT64_MAX : INT64_MIN;
}

static void sample_push(np_profile *p, const struct np_profile_sample *sample, const int64_t *values)
{
	np_vec_push(&p->samples, *sample);
	for (uint32_t i = 0; i < np_profile_value_type_count(p); i++)
		np_vec_push(&p->values, values[i]);
}

void np_profile_add(np_profile *p, uint32_t thread, uint32_t stack, int64_t time_ns, const int64_t *values)
{
	struct np_profile_sample sample = {stack, thread, p->keep_times ? time_ns : NP_TIME_NONE};
	p->dropped_times |= !p->keep_times && time_ns != NP_TIME_NONE;
	if (p->keep_times) {
		p->is_sorted = false;
		sample_push(p, &sample, values);
		return;
	}
	uint64_t hash = sample_hash_of(&sample);
	uint32_t types = np_profile_value_type_count(p);
	NP_HASH_FIND(&p->sample_table, hash, number) {
		if (p->samples.data[number].stack != stack || p->samples.data[number].thread != thread)
			continue;
		for (uint32_t i = 0; i < types; i++)
			value_add(&p->values.data[(size_t)number * types + i], values[i]);
		return;
	}
	sample_push(p, &sample, values);
	np_hash_put(&p->sample_table, hash, (uint32_t)p->samples.len - 1, sample_hash, p);
}

size_t np_profile_sample_count(const np_profile *p)
{
	return p->samples.len;
}

const struct np_profile_sample *np_profile_sample_at(const np_profile *p, size_t i)
{
	return &p->samples.data[i];
}

const int64_t *np_profile_values(const np_profile *p, size_t sample)
{
	return &p->values.data[sample * np_profile_value_type_count(p)];
}

void np_profile_add_marker(np_profile *p, const struct np_profile_marker *marker)
{
	p->is_sorted = false;
	np_vec_push(&p->markers, *marker);
}

size_t np_profile_marker_count(const np_profile *p)
{
	return p->markers.len;
}

const struct np_profile_marker *np_profile_marker_at(const np_profile *p, size_t i)
{
	return &p->markers.data[i];
}

/* --- the whole --- */

static unsigned frames_hold(const np_profile *p)
{
	unsigned holds = 0;
	for (size_t i = 0; i < p->frames.len; i++) {
		const struct np_profile_frame *f = &p->frames.data[i];
		holds |= (f->file ? NP_HOLDS_FILES : 0) | (f->line ? NP_HOLDS_LINES : 0) | (f->is_inlined ? NP_HOLDS_INLINING : 0) |
			 (f->tier ? NP_HOLDS_TIERS : 0) | (f->module ? NP_HOLDS_MODULES : 0);
	}
	return holds;
}

unsigned np_profile_holds(const np_profile *p)
{
	unsigned holds = frames_hold(p);
	for (size_t i = 0; i < p->stacks.len && !(holds & NP_HOLDS_POSITIONS); i++)
		holds |= p->stacks.data[i].line ? NP_HOLDS_POSITIONS : 0;
	for (size_t i = 0; i < p->samples.len && !(holds & NP_HOLDS_TIMES); i++)
		holds |= p->samples.data[i].time_ns != NP_TIME_NONE ? NP_HOLDS_TIMES : 0;
	holds |= p->threads.len > 1 ? NP_HOLDS_THREADS : 0;
	holds |= p->types.len > 1 || (p->types.len == 1 && strcmp(p->types.data[0].unit, "count") != 0) ? NP_HOLDS_VALUES : 0;
	holds |= p->markers.len ? NP_HOLDS_MARKERS : 0;
	return holds;
}

struct sort_key {
	int64_t time_ns;
	size_t at;
};

static int sort_key_compare(const void *a, const void *b)
{
	const struct sort_key *x = a, *y = b;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void samples_sort(np_profile *p)
{
	uint32_t types = np_profile_value_type_count(p);
	size_t n = p->samples.len, i = 1;
	while (i < n && p->samples.data[i - 1].time_ns <= p->samples.data[i].time_ns)
		i++;
	if (i >= n)
		return;
	struct sort_key *keys = np_xmalloc(n * sizeof(*keys));
	struct np_profile_sample *samples = np_xmalloc(n * sizeof(*samples));
	int64_t *values = np_xmalloc(n * types * sizeof(*values));
	for (i = 0; i < n; i++)
		keys[i] = (struct sort_key){p->samples.data[i].time_ns, i};
	qsort(keys, n, sizeof(*keys), sort_key_compare);
	for (i = 0; i < n; i++) {
		samples[i] = p->samples.data[keys[i].at];
		memcpy(values + i * types, np_profile_values(p, keys[i].at), types * sizeof(*values));
	}
	memcpy(p->samples.data, samples, n * sizeof(*samples));
	memcpy(p->values.data, values, n * types * sizeof(*values));
	free(keys);
	free(samples);
	free(values);
}

static int marker_compare(const void *a, const void *b)
{
	const struct np_profile_marker *x = a, *y = b;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->duration_ns > y->duration_ns ? -1 : x->duration_ns < y->duration_ns; /* what is around it first */
}

void np_profile_sort(np_profile *p)
{
	if (p->is_sorted || !p->keep_times)
		return;
	p->is_sorted = true;
	samples_sort(p);
	if (p->markers.len)
		qsort(p->markers.data, p->markers.len, sizeof(*p->markers.data), marker_compare);
}

/*
 * Trace events: what Chrome, `node --trace-events-enabled` and many other tools write
 * and DevTools, Perfetto and chrome://tracing open.  An object with "traceEvents", or
 * the list of events alone, which may lack its end.
 *
 *     {"ph":"X","name":"MajorGC","cat":"v8","pid":1,"tid":1,"ts":US,"dur":US,"args":{}}
 *
 * Samples are, in this order of belief:
 *     Profile, ProfileChunk   V8's CPU profile in pieces; each names the parents of its
 *                             nodes; CpuProfile is a whole one
 *     samples, stackFrames    at the top level, and events P with "sf"
 *     B E X                   nested spans of a thread, when there is nothing else
 * B, E, X and the asynchronous b, e are markers with a duration, i, I, R and n moments.
 * Counters and flows are left out.
 *
 * Keys come in any order, "args" mostly first: it is kept as text until the event's
 * name is known.
 */
#include "format/trace_event.h"

#include <math.h>

#include "format/cpu_nodes.h"
#include "format/formats.h"
#include "format/json_pull.h"
#include "format/profile_input.h"
#include "format/symbol_frame.h"

enum { NAMES_MAX = 4096, ARGS_KEPT_MAX = 64 << 10, OPEN_NONE = -1 };
static const size_t args_bytes_max = (size_t)1 << 30;

struct event {
	char ph;
	uint32_t name, cat, id, sf; /* strings */
	int64_t pid, tid;
	double ts, dur, weight;
	bool has_sf;
};

struct cpu { /* a CPU profile */
	int64_t pid, tid;
	uint32_t id;
	struct np_cpu_nodes nodes;
	struct np_cpu_samples samples;
};

struct stack_frame {
	uint32_t id, parent, name; /* strings */
	uint32_t stack;
	uint8_t state;
};

struct open_span {
	size_t marker;
	int below; /* in opened; OPEN_NONE */
};

struct sample {
	uint32_t sf, thread;
	int64_t time_ns, weight;
};

struct reader {
	np_profile *profile;
	struct np_json json;
	struct np_buf args;
	NP_VEC(struct cpu) cpus;
	NP_VEC(struct stack_frame) frames;
	struct np_hash_table frame_table;
	NP_VEC(struct sample) samples;
	NP_VEC(struct np_profile_marker) markers;
	NP_VEC(struct open_span) opened;
	NP_VEC(int) top; /* by thread: innermost open span */
	NP_VEC(struct np_profile_thread) names;
	NP_VEC(struct {
		uint32_t key;
		size_t marker;
	}) async;
	struct np_hash_table async_table;
	int64_t last_ns;
};

/* --- pieces --- */

static int64_t ns_of(double us)
{
	us *= 1000;
	return us > 2e18 ? (int64_t)2e18 : us < -2e18 ? -(int64_t)2e18 : (int64_t)llround(us);
}

static void text_take(struct reader *r, struct np_json *j, uint32_t *ret)
{
	const char *text;
	size_t len;
	if (np_json_text(j, &text, &len))
		*ret = np_profile_string(r->profile, text, len);
}

/* Numbers of things are texts or numbers. */
static void id_take(struct reader *r, struct np_json *j, uint32_t *ret)
{
	struct np_buf text = {0};
	if (np_json_peek(j) == '"')
		text_take(r, j, ret);
	else if (np_json_copy(j, &text, 64))
		*ret = np_profile_string(r->profile, np_buf_str(&text), text.len);
	np_buf_deinit(&text);
}

static uint32_t thread_of(struct reader *r, int64_t pid, int64_t tid)
{
	return np_profile_thread(r->profile, &(struct np_profile_thread){.pid = pid, .tid = tid});
}

/* --- V8's CPU profiles --- */

static struct cpu *cpu_find(struct reader *r, const struct event *e)
{
	for (size_t i = r->cpus.len; i-- > 0;)
		if (r->cpus.data[i].pid == e->pid && r->cpus.data[i].id == e->id)
			return &r->cpus.data[i];
	if (r->cpus.len >= NAMES_MAX)
		return NULL;
	np_vec_push(&r->cpus, (struct cpu){.pid = e->pid, .tid = e->tid, .id = e->id});
	struct cpu *c = &r->cpus.data[r->cpus.len - 1];
	np_cpu_nodes_init(&c->nodes, r->profile);
	c->samples.start_us = ns_of(e->ts) / 1000;
	return c;
}

static void ids_read(struct np_json *j, struct np_cpu_numbers *ret)
{
	int64_t id;
	if (np_json_list(j))
		while (np_json_more(j))
			if (np_json_int(j, &id))
				np_vec_push(ret, id);
}

/* args.data of a piece; in cpuProfile there may be the rest of it, too. */
static void chunk_read(struct cpu *c, struct np_json *j, struct np_cpu_numbers *ids, int depth)
{
	const char *key;
	size_t len;
	int64_t line;
	if (depth > 4) {
		np_json_skip(j);
		return;
	}
	if (!np_json_object(j))
		return;
	while (np_json_key(j, &key, &len)) {
		if (np_json_is(key, len, "data") || np_json_is(key, len, "cpuProfile")) {
			chunk_read(c, j, ids, depth + 1);
		} else if (np_json_is(key, len, "nodes")) {
			if (np_json_list(j))
				while (np_json_more(j))
					np_cpu_nodes_read(&c->nodes, j, NP_NODE_NONE);
		} else if (np_json_is(key, len, "samples")) {
			ids_read(j, ids);
		} else if (np_json_is(key, len, "timeDeltas")) {
			ids_read(j, &c->samples.deltas);
		} else if (np_json_is(key, len, "lines")) {
			if (np_json_list(j))
				while (np_json_more(j))
					if (np_json_int(j, &line))
						np_vec_push(&c->samples.lines, line > 0 && line < INT32_MAX ? (uint32_t)line : 0);
		} else if (np_json_is(key, len, "startTime")) {
			np_json_int(j, &c->samples.start_us);
		} else if (np_json_is(key, len, "endTime")) {
			np_json_int(j, &c->samples.end_us);
		} else {
			np_json_skip(j);
		}
	}
}

static void cpu_event(struct reader *r, const struct event *e, bool starts)
{
	struct cpu *c = cpu_find(r, e);
	if (!c)
		return;
	if (starts)
		c->tid = e->tid;
	struct np_profile_input *in = np_profile_input_of_memory("args", np_buf_str(&r->args), r->args.len);
	struct np_cpu_numbers ids = {0};
	struct np_json j;
	np_json_init(&j, in);
	chunk_read(c, &j, &ids, 0);
	np_json_deinit(&j);
	np_profile_input_close(in);
	np_cpu_nodes_place(&c->nodes);
	for (size_t i = 0; i < ids.len; i++)
		np_vec_push(&c->samples.nodes, np_cpu_nodes_find(&c->nodes, ids.data[i]));
	np_vec_deinit(&ids);
}

/* --- markers --- */

static uint32_t args_string(struct reader *r)
{
	bool kept = r->args.len > 2 && r->args.len <= ARGS_KEPT_MAX && r->args.data[0] == '{';
	return kept ? np_profile_string(r->profile, r->args.data, r->args.len) : 0;
}

static size_t marker_add(struct reader *r, const struct event *e, int64_t duration_ns)
{
	struct np_profile_marker m = {.thread = thread_of(r, e->pid, e->tid), .name = e->name, .category = e->cat,
				      .args = args_string(r), .start_ns = ns_of(e->ts), .duration_ns = duration_ns};
	np_vec_push(&r->markers, m);
	return r->markers.len - 1;
}

static void span_begin(struct reader *r, const struct event *e)
{
	size_t marker = marker_add(r, e, -2);
	uint32_t thread = r->markers.data[marker].thread;
	while (r->top.len <= thread)
		np_vec_push(&r->top, OPEN_NONE);
	if (r->opened.len >= INT32_MAX)
		return;
	np_vec_push(&r->opened, (struct open_span){marker, r->top.data[thread]});
	r->top.data[thread] = (int)r->opened.len - 1;
}

static void span_end(struct reader *r, const struct event *e)
{
	uint32_t thread = thread_of(r, e->pid, e->tid);
	if (thread >= r->top.len || r->top.data[thread] == OPEN_NONE)
		return;
	const struct open_span *open = &r->opened.data[r->top.data[thread]];
	struct np_profile_marker *m = &r->markers.data[open->marker];
	int64_t lasts = ns_of(e->ts) - m->start_ns;
	m->duration_ns = lasts > 0 ? lasts : 0;
	r->top.data[thread] = open->below;
}

static uint64_t async_hash(const void *ctx, uint32_t number)
{
	return np_hash_u64(((const struct reader *)ctx)->async.data[number].key);
}

static void async_event(struct reader *r, const struct event *e)
{
	np_profile *p = r->profile;
	struct np_buf text = {0};
	np_buf_printf(&text, "%lld|%u|%u|%u", (long long)e->pid, e->cat, e->id, e->name);
	uint32_t key = np_profile_string(p, text.data, text.len), slot = UINT32_MAX;
	np_buf_deinit(&text);
	uint64_t hash = np_hash_u64(key);
	NP_HASH_FIND(&r->async_table, hash, number)
		if (r->async.data[number].key == key)
			slot = number;
	if (e->ph == 'b' || e->ph == 'S') {
		if (slot == UINT32_MAX) {
			slot = (uint32_t)r->async.len;
			np_vec_push(&r->async, (typeof(*r->async.data)){key, 0});
			np_hash_put(&r->async_table, hash, slot, async_hash, r);
		}
		size_t marker = marker_add(r, e, -2);
		r->async.data[slot].marker = marker;
	} else if (slot != UINT32_MAX && r->markers.data[r->async.data[slot].marker].duration_ns == -2) {
		struct np_profile_marker *m = &r->markers.data[r->async.data[slot].marker];
		int64_t lasts = ns_of(e->ts) - m->start_ns;
		m->duration_ns = lasts > 0 ? lasts : 0;
	}
}

/* thread_name, process_name: args.name. */
static void name_event(struct reader *r, const struct event *e, bool of_thread)
{
	struct np_profile_input *in = np_profile_input_of_memory("args", np_buf_str(&r->args), r->args.len);
	struct np_json j;
	const char *key;
	size_t len;
	uint32_t name = 0;
	np_json_init(&j, in);
	if (np_json_object(&j)) {
		while (np_json_key(&j, &key, &len)) {
			if (np_json_is(key, len, "name"))
				text_take(r, &j, &name);
			else
				np_json_skip(&j);
		}
	}
	np_json_deinit(&j);
	np_profile_input_close(in);
	if (name && r->names.len < NAMES_MAX)
		np_vec_push(&r->names, (struct np_profile_thread){.pid = e->pid, .tid = e->tid, .name = of_thread ? name : 0,
								  .process = of_thread ? 0 : name});
}

/* --- events --- */

static void event_take(struct reader *r, const struct event *e)
{
	const char *name = np_profile_text(r->profile, e->name);
	int64_t now = ns_of(e->ts);
	r->last_ns = now > r->last_ns ? now : r->last_ns;
	if (e->ph == 'M') {
		if (strcmp(name, "thread_name") == 0 || strcmp(name, "process_name") == 0)
			name_event(r, e, name[0] == 't');
	} else if (strcmp(name, "ProfileChunk") == 0) {
		cpu_event(r, e, false);
	} else if ((strcmp(name, "Profile") == 0 && (e->ph == 'P' || e->ph == 'I' || e->ph == 'i')) ||
		   strcmp(name, "CpuProfile") == 0) {
		cpu_event(r, e, true);
	} else if (e->ph == 'P') {
		if (e->has_sf)
			np_vec_push(&r->samples, (struct sample){e->sf, thread_of(r, e->pid, e->tid), now, 1});
	} else if (e->ph == 'X') {
		marker_add(r, e, e->dur > 0 ? ns_of(e->dur) : 0);
	} else if (e->ph == 'B') {
		span_begin(r, e);
	} else if (e->ph == 'E') {
		span_end(r, e);
	} else if (e->ph && strchr("beSF", e->ph)) {
		async_event(r, e);
	} else if (e->ph && strchr("iIRn", e->ph)) {
		marker_add(r, e, -1);
	}
}

static void event_key(struct reader *r, struct np_json *j, struct event *e, const char *key, size_t len)
{
	const char *text;
	size_t n;
	if (np_json_is(key, len, "ph"))
		e->ph = np_json_text(j, &text, &n) && n ? text[0] : '\0';
	else if (np_json_is(key, len, "name"))
		text_take(r, j, &e->name);
	else if (np_json_is(key, len, "cat"))
		text_take(r, j, &e->cat);
	else if (np_json_is(key, len, "id"))
		id_take(r, j, &e->id);
	else if (np_json_is(key, len, "sf"))
		e->has_sf = true, id_take(r, j, &e->sf);
	else if (np_json_is(key, len, "pid"))
		np_json_int(j, &e->pid);
	else if (np_json_is(key, len, "tid"))
		np_json_int(j, &e->tid);
	else if (np_json_is(key, len, "ts"))
		np_json_double(j, &e->ts);
	else if (np_json_is(key, len, "dur"))
		np_json_double(j, &e->dur);
	else if (np_json_is(key, len, "weight"))
		np_json_double(j, &e->weight);
	else if (np_json_is(key, len, "args"))
		np_json_copy(j, &r->args, args_bytes_max);
	else
		np_json_skip(j);
}

/* Takes a list of events, or of samples; true: it was there to its end. */
static bool events_read(struct reader *r, bool are_samples)
{
	struct np_json *j = &r->json;
	const char *key;
	size_t len;
	if (!np_json_list(j))
		return false;
	while (np_json_more(j)) {
		struct event e = {.pid = -1, .tid = -1, .weight = 1};
		np_json_peek(j);
		r->args.len = 0;
		if (j->failed)
			return false;
		if (!np_json_object(j))
			continue;
		while (np_json_key(j, &key, &len))
			event_key(r, j, &e, key, len);
		if (j->failed)
			return true; /* an event that is torn */
		if (!are_samples)
			event_take(r, &e);
		else if (e.has_sf)
			np_vec_push(&r->samples, (struct sample){e.sf, thread_of(r, e.pid, e.tid), ns_of(e.ts),
								 e.weight > 1 && e.weight < 1e15 ? llround(e.weight) : 1});
	}
	return !j->failed;
}

/* --- stack frames --- */

static uint64_t frame_hash(const void *ctx, uint32_t number)
{
	return np_hash_u64(((const struct reader *)ctx)->frames.data[number].id);
}

static uint32_t frame_find(const struct reader *r, uint32_t id)
{
	uint64_t hash = np_hash_u64(id);
	NP_HASH_FIND(&r->frame_table, hash, number)
		if (r->frames.data[number].id == id)
			return number;
	return UINT32_MAX;
}

static void stack_frames_read(struct reader *r)
{
	struct np_json *j = &r->json;
	const char *key;
	size_t len;
	if (!np_json_object(j))
		return;
	while (np_json_key(j, &key, &len)) {
		struct stack_frame f = {.id = np_profile_string(r->profile, key, len)};
		if (np_json_object(j)) {
			while (np_json_key(j, &key, &len)) {
				if (np_json_is(key, len, "name"))
					text_take(r, j, &f.name);
				else if (np_json_is(key, len, "parent"))
					id_take(r, j, &f.parent);
				else
					np_json_skip(j);
			}
		}
		if (frame_find(r, f.id) != UINT32_MAX)
			continue;
		np_vec_push(&r->frames, f);
		np_hash_put(&r->frame_table, np_hash_u64(f.id), (uint32_t)r->frames.len - 1, frame_hash, r);
	}
}

static uint32_t name_frame(np_profile *p, uint32_t name)
{
	return np_symbol_frame(p, np_profile_text(p, name), np_profile_text_len(p, name), NULL, 0);
}

static void stack_frames_place(struct reader *r)
{
	NP_VEC(uint32_t) path = {0};
	for (uint32_t i = 0; i < r->frames.len; i++) {
		uint32_t at = i;
		while (at != UINT32_MAX && !r->frames.data[at].state) {
			r->frames.data[at].state = 1;
			np_vec_push(&path, at);
			at = r->frames.data[at].parent ? frame_find(r, r->frames.data[at].parent) : UINT32_MAX;
		}
		uint32_t stack = at != UINT32_MAX && r->frames.data[at].state == 2 ? r->frames.data[at].stack : 0;
		while (path.len) {
			struct stack_frame *f = &r->frames.data[path.data[--path.len]];
			stack = f->stack = np_profile_push(r->profile, stack, name_frame(r->profile, f->name), 0, 0);
			f->state = 2;
		}
	}
	np_vec_deinit(&path);
}

/* --- spans as stacks --- */

static int span_compare(const void *a, const void *b, void *ctx)
{
	const struct np_profile_marker *markers = ctx, *x = &markers[*(const size_t *)a], *y = &markers[*(const size_t *)b];
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	if (x->duration_ns != y->duration_ns)
		return x->duration_ns > y->duration_ns ? -1 : 1;
	return *(const size_t *)a < *(const size_t *)b ? -1 : *(const size_t *)a > *(const size_t *)b;
}

struct span {
	uint32_t stack;
	int64_t end;
};

/* Each span's own time, between those in it, is a sample. A span that outlasts the one around it is cut. */
static void spans_add(struct reader *r)
{
	np_profile *p = r->profile;
	NP_VEC(struct span) open = {0};
	NP_VEC(size_t) order = {0};
	for (size_t i = 0; i < r->markers.len; i++)
		if (r->markers.data[i].duration_ns >= 0)
			np_vec_push(&order, i);
	if (order.len) {
		np_profile_facts(p)->default_type = np_profile_value_type(p, "wall", "nanoseconds");
		qsort_r(order.data, order.len, sizeof(*order.data), span_compare, r->markers.data);
	}
	int64_t now = 0;
	for (size_t i = 0; i <= order.len; i++) {
		const struct np_profile_marker *m = i < order.len ? &r->markers.data[order.data[i]] : NULL;
		uint32_t thread = r->markers.len && i ? r->markers.data[order.data[i - 1]].thread : 0;
		bool last = !m || (i && m->thread != thread);
		while (open.len) { /* what passes until the next span begins */
			const struct span *top = &open.data[open.len - 1];
			int64_t until = last || top->end <= m->start_ns ? top->end : m->start_ns, own = until - now;
			if (own > 0)
				np_profile_add(p, thread, top->stack, now, &own);
			now = until > now ? until : now;
			if (!last && top->end > m->start_ns)
				break;
			open.len--;
		}
		if (!m)
			break;
		uint32_t above = open.len ? open.data[open.len - 1].stack : 0;
		int64_t end = m->start_ns + (m->duration_ns < INT64_MAX / 4 ? m->duration_ns : INT64_MAX / 4);
		if (open.len && end > open.data[open.len - 1].end)
			end = open.data[open.len - 1].end;
		np_vec_push(&open, (struct span){np_profile_push(p, above, name_frame(p, m->name), 0, 0), end});
		now = m->start_ns;
	}
	np_vec_deinit(&open);
	np_vec_deinit(&order);
}

/* --- the whole --- */

static void samples_add(struct reader *r)
{
	np_profile *p = r->profile;
	bool both = r->cpus.len > 0;
	if (both)
		np_cpu_value_types(p);
	for (size_t i = 0; i < r->cpus.len; i++) {
		const struct cpu *c = &r->cpus.data[i];
		if (c->samples.nodes.len)
			np_cpu_samples_add(&c->samples, &c->nodes, thread_of(r, c->pid, c->tid));
	}
	stack_frames_place(r);
	for (size_t i = 0; i < r->samples.len; i++) {
		const struct sample *s = &r->samples.data[i];
		uint32_t frame = frame_find(r, s->sf);
		int64_t values[2] = {s->weight, 0};
		if (frame != UINT32_MAX)
			np_profile_add(p, s->thread, r->frames.data[frame].stack, s->time_ns, values);
	}
}

static void markers_add(struct reader *r)
{
	for (size_t i = 0; i < r->markers.len; i++) {
		struct np_profile_marker *m = &r->markers.data[i];
		if (m->duration_ns == -2) /* it did not end */
			m->duration_ns = r->last_ns > m->start_ns ? r->last_ns - m->start_ns : 0;
	}
	if (!np_profile_sample_count(r->profile))
		spans_add(r);
	for (size_t i = 0; i < r->markers.len; i++)
		np_profile_add_marker(r->profile, &r->markers.data[i]);
}

static void names_give(struct reader *r)
{
	np_profile *p = r->profile;
	for (uint32_t i = 0; i < np_profile_thread_count(p); i++) {
		struct np_profile_thread t = *np_profile_thread_at(p, i);
		for (size_t k = 0; k < r->names.len; k++) {
			const struct np_profile_thread *n = &r->names.data[k];
			if (n->pid == t.pid && n->process)
				t.process = n->process;
			if (n->pid == t.pid && n->tid == t.tid && n->name)
				t.name = n->name;
		}
		if (t.tid != -1)
			np_profile_thread(p, &t);
	}
}

static np_err *file_read(struct reader *r)
{
	struct np_json *j = &r->json;
	const char *key;
	size_t len;
	if (np_json_peek(j) == '[') { /* which may lack its end */
		bool torn = events_read(r, false);
		np_err *err = np_json_end(j);
		if (err && !torn && j->at_end && np_err_code(err) == NP_EFORMAT) {
			np_err_drop(err);
			err = NULL;
		}
		return err;
	}
	if (np_json_object(j)) {
		while (np_json_key(j, &key, &len)) {
			if (np_json_is(key, len, "traceEvents"))
				events_read(r, false);
			else if (np_json_is(key, len, "samples"))
				events_read(r, true);
			else if (np_json_is(key, len, "stackFrames"))
				stack_frames_read(r);
			else
				np_json_skip(j);
		}
	}
	return np_json_end(j);
}

static np_err *trace_event_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile, .last_ns = INT64_MIN};
	np_json_init(&r.json, in);
	np_err *err = file_read(&r);
	samples_add(&r);
	markers_add(&r);
	names_give(&r);
	for (size_t i = 0; i < r.cpus.len; i++) {
		np_cpu_nodes_deinit(&r.cpus.data[i].nodes);
		np_cpu_samples_deinit(&r.cpus.data[i].samples);
	}
	np_vec_deinit(&r.cpus);
	np_vec_deinit(&r.frames);
	np_vec_deinit(&r.samples);
	np_vec_deinit(&r.markers);
	np_vec_deinit(&r.opened);
	np_vec_deinit(&r.top);
	np_vec_deinit(&r.names);
	np_vec_deinit(&r.async);
	np_hash_table_deinit(&r.frame_table);
	np_hash_table_deinit(&r.async_table);
	np_buf_deinit(&r.args);
	np_json_deinit(&r.json);
	return err;
}

static int trace_event_sniff(const char *head, size_t len)
{
	while (len && (*head == ' ' || *head == '\n' || *head == '\r' || *head == '\t')) {
		head++;
		len--;
	}
	if (!len || (*head != '{' && *head != '['))
		return 0;
	bool ph = memmem(head, len, "\"ph\"", 4) != NULL;
	if (*head == '[')
		return ph ? 95 : 0;
	return memmem(head, len, "\"traceEvents\"", 13) ? 98 : ph && memmem(head, len, "\"stackFrames\"", 13) ? 70 : 0;
}

const struct np_profile_format np_format_trace_event = {
	.name = "trace-event",
	.suffixes = ".trace.json|.trace",
	.summary = "trace events: DevTools, Perfetto, chrome://tracing and node --trace-events-enabled",
	.holds = NP_HOLDS_TIMES | NP_HOLDS_THREADS | NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_POSITIONS | NP_HOLDS_VALUES |
		 NP_HOLDS_MARKERS,
	.sniff = trace_event_sniff,
	.read = trace_event_read,
	.write = np_trace_event_write,
};

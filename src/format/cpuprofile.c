/*
 * .cpuprofile: what `node --cpu-prof`, the inspector's Profiler domain and Chrome's
 * DevTools write.
 *
 *     {"nodes":[{"id":1,"callFrame":{"functionName":"(root)",...,"lineNumber":-1},"hitCount":0,"children":[2]},...],
 *      "startTime":US,"endTime":US,"samples":[id,...],"timeDeltas":[US,...]}
 *
 * lineNumber and columnNumber say where a function begins, from 0 on; positionTicks
 * has lines from 1 on.  A delta is the time since the sample before; a sample lasts
 * until the next one.  (program), (idle) and (garbage collector) lie below (root).
 *
 * Before 2017 nodes were objects in a tree ("head"), with lines from 1, and
 * startTime in seconds; there may be "timestamps" or nothing but a number of hits.
 *
 * positionTicks counts lines per node, not per sample: a node's samples have a line
 * only where it has one line alone.
 */
#include <math.h>

#include "format/cpu_nodes.h"
#include "format/cpu_timeline.h"
#include "format/formats.h"
#include "format/json_pull.h"

/* --- reading --- */

struct reader {
	np_profile *profile;
	struct np_json json;
	struct np_cpu_nodes nodes;
	struct np_cpu_samples samples;
	NP_VEC(int64_t) ids; /* of samples, while nodes are not known */
	struct np_cpu_numbers timestamps;
	double start, end;
	bool is_old;
};

static void numbers_read(struct np_json *j, struct np_cpu_numbers *ret)
{
	int64_t value;
	if (np_json_list(j))
		while (np_json_more(j))
			if (np_json_int(j, &value))
				np_vec_push(ret, value);
}

static void samples_read(struct reader *r)
{
	int64_t id, last = -1;
	uint32_t node = NP_NODE_NONE;
	bool known = r->nodes.list.len > 0;
	if (!np_json_list(&r->json))
		return;
	while (np_json_more(&r->json)) {
		if (!np_json_int(&r->json, &id))
			continue;
		if (!known) {
			np_vec_push(&r->ids, id);
			continue;
		}
		node = id == last && node != NP_NODE_NONE ? node : np_cpu_nodes_find(&r->nodes, id);
		last = id;
		np_vec_push(&r->samples.nodes, node);
	}
}

static void profile_read(struct reader *r)
{
	struct np_json *j = &r->json;
	const char *key, *text;
	size_t len, n;
	if (!np_json_object(j))
		return;
	while (np_json_key(j, &key, &len)) {
		if (np_json_is(key, len, "nodes")) {
			if (np_json_list(j))
				while (np_json_more(j))
					np_cpu_nodes_read(&r->nodes, j, NP_NODE_NONE);
		} else if (np_json_is(key, len, "head")) {
			r->is_old = true;
			np_cpu_nodes_read(&r->nodes, j, NP_NODE_NONE);
		} else if (np_json_is(key, len, "samples")) {
			samples_read(r);
		} else if (np_json_is(key, len, "timeDeltas")) {
			numbers_read(j, &r->samples.deltas);
		} else if (np_json_is(key, len, "timestamps")) {
			numbers_read(j, &r->timestamps);
		} else if (np_json_is(key, len, "startTime")) {
			np_json_double(j, &r->start);
		} else if (np_json_is(key, len, "endTime")) {
			np_json_double(j, &r->end);
		} else if (np_json_is(key, len, "title")) {
			if (np_json_text(j, &text, &n))
				np_profile_facts(r->profile)->title = np_profile_string(r->profile, text, n);
		} else if (np_json_is(key, len, "profile") || np_json_is(key, len, "result")) {
			profile_read(r); /* an answer of the inspector's, as it came */
		} else {
			np_json_skip(j);
		}
	}
}

static int64_t us_of(double us)
{
	return fabs(us) < 2e15 ? (int64_t)llround(us) : 0;
}

/* Puts the times of an old profile into the form of a new one; false: it has none. */
static bool times_find(struct reader *r)
{
	struct np_cpu_samples *s = &r->samples;
	size_t n = s->nodes.len;
	double scale = r->is_old && r->start < 1e9 && r->end < 1e9 ? 1e6 : 1;
	s->start_us = us_of(r->start * scale);
	s->end_us = us_of(r->end * scale);
	if (!s->deltas.len && r->timestamps.len) {
		s->start_us = r->timestamps.data[0];
		s->end_us = 0;
		for (size_t i = 0; i < r->timestamps.len; i++) {
			int64_t delta = 0;
			if (i && __builtin_sub_overflow(r->timestamps.data[i], r->timestamps.data[i - 1], &delta))
				delta = 0;
			np_vec_push(&s->deltas, delta);
		}
	}
	if (!s->deltas.len && r->is_old && n && s->end_us > s->start_us) {
		int64_t whole = s->end_us - s->start_us;
		for (size_t i = 0; i < n; i++) {
			int64_t before = (int64_t)((__int128_t)whole * (int64_t)(i ? i - 1 : 0) / (int64_t)n);
			np_vec_push(&s->deltas, (int64_t)((__int128_t)whole * (int64_t)i / (int64_t)n) - before);
		}
	}
	return s->deltas.len > 0;
}

/* Hits are all there is: of each line where they are counted, the rest of the function. */
static void hits_add(struct reader *r, uint32_t thread)
{
	np_profile *p = r->profile;
	for (size_t i = 0; i < r->nodes.ticks.len; i++) {
		const struct np_cpu_tick *t = &r->nodes.ticks.data[i];
		struct np_cpu_node *node = &r->nodes.list.data[t->node];
		const struct np_profile_stack *leaf = np_profile_stack_at(p, node->leaf);
		int64_t ticks = t->ticks < node->hits ? t->ticks : node->hits;
		if (!ticks)
			continue;
		node->hits -= ticks;
		np_profile_add(p, thread, np_profile_push(p, leaf->parent, leaf->frame, t->line, 0), NP_TIME_NONE, &ticks);
	}
	for (size_t i = 0; i < r->nodes.list.len; i++) {
		const struct np_cpu_node *node = &r->nodes.list.data[i];
		if (node->hits)
			np_profile_add(p, thread, node->leaf, NP_TIME_NONE, &node->hits);
	}
}

static void all_add(struct reader *r)
{
	np_profile *p = r->profile;
	struct np_cpu_samples *s = &r->samples;
	for (size_t i = 0; i < r->ids.len; i++)
		np_vec_push(&s->nodes, np_cpu_nodes_find(&r->nodes, r->ids.data[i]));
	np_cpu_nodes_place(&r->nodes);
	uint32_t thread = np_profile_thread(p, &(struct np_profile_thread){.pid = -1, .tid = -1});
	if (!s->nodes.len) {
		hits_add(r, thread);
	} else if (times_find(r)) {
		np_cpu_value_types(p);
		np_profile_facts(p)->start_ns = s->start_us * 1000;
		if (s->end_us > s->start_us)
			np_profile_facts(p)->end_ns = s->end_us * 1000;
		np_cpu_samples_add(s, &r->nodes, thread);
	} else {
		int64_t one = 1;
		for (size_t i = 0; i < s->nodes.len; i++)
			if (s->nodes.data[i] != NP_NODE_NONE)
				np_profile_add(p, thread, r->nodes.list.data[s->nodes.data[i]].leaf, NP_TIME_NONE, &one);
	}
}

static np_err *cpuprofile_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile};
	np_json_init(&r.json, in);
	np_cpu_nodes_init(&r.nodes, profile);
	profile_read(&r);
	all_add(&r);
	np_err *err = np_json_end(&r.json);
	if (!err && !r.nodes.list.len)
		err = np_err_new(NP_EFORMAT, "%s has no nodes of a CPU profile", in->name);
	np_cpu_nodes_deinit(&r.nodes);
	np_cpu_samples_deinit(&r.samples);
	np_vec_deinit(&r.ids);
	np_vec_deinit(&r.timestamps);
	np_json_deinit(&r.json);
	return err;
}

static bool has(const char *head, size_t len, const char *what)
{
	return memmem(head, len, what, strlen(what)) != NULL;
}

static int cpuprofile_sniff(const char *head, size_t len)
{
	while (len && (*head == ' ' || *head == '\n' || *head == '\r' || *head == '\t')) {
		head++;
		len--;
	}
	if (!len || *head != '{' || has(head, len, "\"traceEvents\"") || has(head, len, "\"selfSize\""))
		return 0;
	if (has(head, len, "\"callFrame\"") && (has(head, len, "\"nodes\"") || has(head, len, "\"timeDeltas\"")))
		return 95;
	if (has(head, len, "\"head\"") && has(head, len, "\"functionName\""))
		return 90;
	return has(head, len, "\"timeDeltas\"") && has(head, len, "\"samples\"") ? 80 : 0;
}

/* --- writing --- */

enum { THREADS_MOST = 256 };

struct writer {
	np_profile *profile;
	struct np_json_out out;
	struct np_timeline line;
};

/* One thread at its times; else threads one behind the other, below a node each; many threads as one. */
static void all_lay_out(struct writer *w)
{
	np_profile *p = w->profile;
	struct np_samples_by_thread by;
	uint32_t threads = np_profile_thread_count(p);
	size_t n = np_profile_sample_count(p);
	np_samples_by_thread_init(&by, p);
	np_timeline_init(&w->line, p, by.order, n);
	if (np_timeline_is_timed(p, by.order, n)) {
		np_timeline_add_timed(&w->line, by.order, n);
	} else if (threads > THREADS_MOST) {
		np_timeline_add(&w->line, by.order, n, 1);
	} else {
		for (uint32_t t = 0; t < threads; t++) {
			struct np_profile_frame top = {.name = np_profile_thread_at(p, t)->name, .kind = NP_PROFILE_META};
			bool named = threads > 1 && top.name && by.begins[t] < by.begins[t + 1];
			uint32_t below = named ? np_cpu_tree_child(&w->line.tree, 1, np_profile_frame(p, &top)) : 1;
			np_timeline_add(&w->line, by.order + by.begins[t], by.begins[t + 1] - by.begins[t], below);
		}
	}
	np_samples_by_thread_deinit(&by);
}

static void node_put(struct writer *w, uint32_t i)
{
	struct np_json_out *o = &w->out;
	const struct np_tree_node *node = &w->line.tree.nodes.data[i];
	np_out_puts(o, i > 1 ? ",{\"id\":" : "{\"id\":");
	np_out_int(o, i);
	np_buf_putc(&o->buf, ',');
	np_cpu_tree_frame_put(o, &w->line.tree, i);
	np_out_puts(o, ",\"hitCount\":");
	np_out_int(o, (int64_t)node->hits);
	if (node->first_child || i == 1) {
		np_out_puts(o, ",\"children\":[");
		for (uint32_t child = node->first_child; child; child = w->line.tree.nodes.data[child].next) {
			np_out_int(o, child);
			np_out_puts(o, w->line.tree.nodes.data[child].next ? "," : "");
		}
		np_buf_putc(&o->buf, ']');
	}
	if (node->ticks_end) {
		np_out_puts(o, ",\"positionTicks\":[");
		for (size_t k = node->ticks; k < node->ticks_end; k++) {
			np_out_puts(o, k > node->ticks ? ",{\"line\":" : "{\"line\":");
			np_out_int(o, w->line.tree.ticks.data[k].line);
			np_out_puts(o, ",\"ticks\":");
			np_out_int(o, (int64_t)w->line.tree.ticks.data[k].count);
			np_buf_putc(&o->buf, '}');
		}
		np_buf_putc(&o->buf, ']');
	}
	np_buf_putc(&o->buf, '}');
	np_out_flush(o, 64 << 10);
}

static void all_put(struct writer *w)
{
	struct np_json_out *o = &w->out;
	int64_t before = w->line.start_us;
	np_out_puts(o, "{\"nodes\":[");
	for (uint32_t i = 1; i < w->line.tree.nodes.len; i++)
		node_put(w, i);
	np_out_puts(o, "],\"startTime\":");
	np_out_int(o, w->line.start_us);
	np_out_puts(o, ",\"endTime\":");
	np_out_int(o, w->line.end_us);
	np_out_puts(o, ",\"samples\":[");
	for (size_t i = 0; i < w->line.nodes.len; i++) {
		if (i)
			np_buf_putc(&o->buf, ',');
		np_out_int(o, w->line.nodes.data[i]);
		np_out_flush(o, 64 << 10);
	}
	np_out_puts(o, "],\"timeDeltas\":[");
	for (size_t i = 0; i < w->line.times.len; i++) {
		if (i)
			np_buf_putc(&o->buf, ',');
		np_out_int(o, w->line.times.data[i] - before);
		before = w->line.times.data[i];
		np_out_flush(o, 64 << 10);
	}
	np_out_puts(o, "]}\n");
}

static np_err *cpuprofile_write(np_profile *p, FILE *out)
{
	struct writer w = {.profile = p, .out = {.file = out}};
	np_profile_sort(p);
	all_lay_out(&w);
	np_cpu_tree_done(&w.line.tree);
	all_put(&w);
	np_timeline_deinit(&w.line);
	return np_out_end(&w.out);
}

const struct np_profile_format np_format_cpuprofile = {
	.name = "cpuprofile",
	.suffixes = ".cpuprofile",
	.summary = "V8's CPU profiles, of today and before 2017; Chrome's DevTools and VS Code open them",
	.holds = NP_HOLDS_TIMES | NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_POSITIONS | NP_HOLDS_VALUES,
	.sniff = cpuprofile_sniff,
	.read = cpuprofile_read,
	.write = cpuprofile_write,
};

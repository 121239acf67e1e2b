/*
 * Trace events, written: a Profile event and its ProfileChunks for each thread, which
 * DevTools shows as its CPU profile, and markers as X and i events.
 */
#include "format/cpu_timeline.h"
#include "format/trace_event.h"

enum { CHUNK_SAMPLES = 10000 };

struct writer {
	np_profile *profile;
	struct np_json_out out;
	bool any; /* event was written */
};

static void event_begin(struct writer *w, const char *phase, uint32_t thread)
{
	struct np_json_out *o = &w->out;
	const struct np_profile_thread *t = np_profile_thread_at(w->profile, thread);
	np_out_puts(o, w->any ? ",\n{\"ph\":\"" : "\n{\"ph\":\"");
	w->any = true;
	np_out_puts(o, phase);
	np_out_puts(o, "\",\"pid\":");
	np_out_int(o, t->pid >= 0 ? t->pid : 1);
	np_out_puts(o, ",\"tid\":");
	np_out_int(o, t->tid >= 0 ? t->tid : (int64_t)thread + 1);
	np_out_flush(o, 64 << 10);
}

static void name_put(struct writer *w, const char *what, uint32_t thread, uint32_t name)
{
	if (!name)
		return;
	event_begin(w, "M", thread);
	np_out_puts(&w->out, ",\"ts\":0,\"cat\":\"__metadata\",\"name\":\"");
	np_out_puts(&w->out, what);
	np_out_puts(&w->out, "\",\"args\":{\"name\":");
	np_out_string(&w->out, w->profile, name);
	np_out_puts(&w->out, "}}");
}

static void profile_event(struct writer *w, const char *name, uint32_t thread, int64_t us)
{
	struct np_json_out *o = &w->out;
	event_begin(w, "P", thread);
	np_out_puts(o, ",\"ts\":");
	np_out_int(o, us);
	np_out_puts(o, ",\"cat\":\"disabled-by-default-v8.cpu_profiler\",\"name\":\"");
	np_out_puts(o, name);
	np_out_puts(o, "\",\"id\":\"0x");
	np_buf_printf(&o->buf, "%x\",\"args\":{\"data\":{", thread + 1);
}

static void nodes_put(struct writer *w, const struct np_cpu_tree *tree)
{
	struct np_json_out *o = &w->out;
	np_out_puts(o, "\"nodes\":[");
	for (uint32_t i = 1; i < tree->nodes.len; i++) {
		np_out_puts(o, i > 1 ? ",{\"id\":" : "{\"id\":");
		np_out_int(o, i);
		np_buf_putc(&o->buf, ',');
		np_cpu_tree_frame_put(o, tree, i);
		if (i > 1) {
			np_out_puts(o, ",\"parent\":");
			np_out_int(o, tree->nodes.data[i].parent);
		}
		np_buf_putc(&o->buf, '}');
		np_out_flush(o, 64 << 10);
	}
	np_out_puts(o, "],");
}

static void chunk_put(struct writer *w, const struct np_timeline *line, uint32_t thread, size_t from, size_t to)
{
	struct np_json_out *o = &w->out;
	int64_t before = from ? line->times.data[from - 1] : line->start_us;
	bool has_lines = false;
	profile_event(w, "ProfileChunk", thread, to ? line->times.data[to - 1] : line->start_us);
	np_out_puts(o, "\"cpuProfile\":{");
	if (!from)
		nodes_put(w, &line->tree);
	np_out_puts(o, "\"samples\":[");
	for (size_t i = from; i < to; i++) {
		np_out_puts(o, i > from ? "," : "");
		np_out_int(o, line->nodes.data[i]);
		has_lines |= line->lines.data[i] != 0;
	}
	np_out_puts(o, "]},\"timeDeltas\":[");
	for (size_t i = from; i < to; i++) {
		np_out_puts(o, i > from ? "," : "");
		np_out_int(o, line->times.data[i] - before);
		before = line->times.data[i];
	}
	np_out_puts(o, has_lines ? "],\"lines\":[" : "]");
	for (size_t i = from; i < to && has_lines; i++) {
		np_out_puts(o, i > from ? "," : "");
		np_out_int(o, line->lines.data[i]);
	}
	np_out_puts(o, has_lines ? "]" : "");
	if (to == line->nodes.len) {
		np_out_puts(o, ",\"endTime\":");
		np_out_int(o, line->end_us);
	}
	np_out_puts(o, "}}}");
}

static void thread_put(struct writer *w, uint32_t thread, const size_t *samples, size_t n)
{
	struct np_timeline line;
	np_timeline_init(&line, w->profile, samples, n);
	if (np_timeline_is_timed(w->profile, samples, n))
		np_timeline_add_timed(&line, samples, n);
	else
		np_timeline_add(&line, samples, n, 1);
	profile_event(w, "Profile", thread, line.start_us);
	np_out_puts(&w->out, "\"startTime\":");
	np_out_int(&w->out, line.start_us);
	np_out_puts(&w->out, "}}}");
	for (size_t from = 0; from < line.nodes.len || !from; from += CHUNK_SAMPLES) {
		size_t to = line.nodes.len - from > CHUNK_SAMPLES ? from + CHUNK_SAMPLES : line.nodes.len;
		chunk_put(w, &line, thread, from, to);
	}
	np_timeline_deinit(&line);
}

static void marker_put(struct writer *w, const struct np_profile_marker *m)
{
	struct np_json_out *o = &w->out;
	bool moment = m->duration_ns < 0;
	event_begin(w, moment ? "i" : "X", m->thread);
	np_out_puts(o, ",\"ts\":");
	np_out_us(o, m->start_ns);
	np_out_puts(o, moment ? ",\"s\":\"t" : ",\"dur\":");
	if (!moment)
		np_out_us(o, m->duration_ns);
	np_out_puts(o, moment ? "\",\"name\":" : ",\"name\":");
	np_out_string(o, w->profile, m->name);
	np_out_puts(o, ",\"cat\":");
	np_out_string(o, w->profile, m->category);
	np_out_puts(o, ",\"args\":");
	if (m->args)
		np_buf_add(&o->buf, np_profile_text(w->profile, m->args), np_profile_text_len(w->profile, m->args));
	else
		np_out_puts(o, "{}");
	np_buf_putc(&o->buf, '}');
}

np_err *np_trace_event_write(np_profile *p, FILE *out)
{
	struct writer w = {.profile = p, .out = {.file = out}};
	struct np_samples_by_thread by;
	np_profile_sort(p);
	np_samples_by_thread_init(&by, p);
	np_out_puts(&w.out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
	for (uint32_t t = 0; t < np_profile_thread_count(p); t++) {
		name_put(&w, "process_name", t, np_profile_thread_at(p, t)->process);
		name_put(&w, "thread_name", t, np_profile_thread_at(p, t)->name);
	}
	for (uint32_t t = 0; t < np_profile_thread_count(p); t++)
		if (by.begins[t] < by.begins[t + 1])
			thread_put(&w, t, by.order + by.begins[t], by.begins[t + 1] - by.begins[t]);
	for (size_t i = 0; i < np_profile_marker_count(p); i++)
		marker_put(&w, np_profile_marker_at(p, i));
	np_out_puts(&w.out, "\n]}\n");
	np_samples_by_thread_deinit(&by);
	return np_out_end(&w.out);
}

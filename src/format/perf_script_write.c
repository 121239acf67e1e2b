/*
 * A profile as the text of `perf script`, for the programs that read that: Firefox
 * Profiler, Perfetto, speedscope, FlameGraph.  A sample and each kind of value that
 * it has becomes a sample of an event; addresses are not known and are 0.  Counts of
 * a profile without periods stand where the period does, behind an event "samples".
 */
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "format/perf_script.h"
#include "format/symbol_frame.h"

/* What cannot stand in a line of it. */
static void clean(struct np_buf *buf, size_t from)
{
	for (size_t i = from; i < buf->len; i++)
		if ((unsigned char)buf->data[i] < 0x20 || buf->data[i] == 0x7f)
			buf->data[i] = ' ';
	while (buf->len > from && buf->data[buf->len - 1] == ' ')
		buf->len--;
}

static void put_text(struct np_buf *buf, const np_profile *p, uint32_t string, const char *otherwise)
{
	size_t from = buf->len;
	np_buf_add(buf, np_profile_text(p, string), np_profile_text_len(p, string));
	clean(buf, from);
	if (buf->len == from)
		np_buf_puts(buf, otherwise);
}

static void frame_put(struct np_buf *buf, const np_profile *p, const struct np_profile_frame *f)
{
	np_buf_puts(buf, "\t               0 ");
	size_t from = buf->len;
	np_symbol_put(buf, p, f);
	clean(buf, from);
	if (buf->len == from)
		np_buf_puts(buf, "[unknown]");
	if (f->is_inlined) {
		np_buf_puts(buf, " (inlined)");
	} else {
		np_buf_puts(buf, " (");
		put_text(buf, p, f->module, f->kind == NP_PROFILE_KERNEL ? "[kernel.kallsyms]" : "[unknown]");
		np_buf_putc(buf, ')');
	}
	np_buf_putc(buf, '\n');
}

struct writer {
	np_profile *profile;
	FILE *out;
	struct np_buf frames; /* the lines of all frames, one behind the other */
	size_t *ends;	      /* in frames, by frame */
	struct np_buf buf;
	bool has_periods; /* some value type is none of plain counts */
};

static void stack_put(struct writer *w, const struct np_profile_stack *s)
{
	const struct np_profile_frame *f = np_profile_frame_at(w->profile, s->frame);
	size_t from = s->frame ? w->ends[s->frame - 1] : 0;
	np_buf_add(&w->buf, w->frames.data + from, w->ends[s->frame] - from);
	if (!s->line || !f->file)
		return;
	np_buf_puts(&w->buf, "  ");
	put_text(&w->buf, w->profile, f->file, "??");
	np_buf_printf(&w->buf, s->column ? ":%u:%u\n" : ":%u\n", s->line, s->column);
}

static bool is_count(struct np_profile_value_type t)
{
	size_t n = strlen(t.name);
	return strcmp(t.unit, "count") == 0 && n >= 7 && strcmp(t.name + n - 7, "samples") == 0;
}

static void sample_put(struct writer *w, size_t i, uint32_t type)
{
	np_profile *p = w->profile;
	const struct np_profile_sample *s = np_profile_sample_at(p, i);
	const struct np_profile_thread *t = np_profile_thread_at(p, s->thread);
	struct np_profile_value_type v = np_profile_value_type_at(p, type);
	bool is_clock = strcmp(v.name, "cpu") == 0 && strcmp(v.unit, "nanoseconds") == 0; /* as the reader names it */
	put_text(&w->buf, p, t->name ? t->name : t->process, ":-1");
	if (t->pid >= 0)
		np_buf_printf(&w->buf, " %lld/%lld ", (long long)t->pid, (long long)t->tid);
	else
		np_buf_printf(&w->buf, " %lld ", (long long)t->tid);
	if (s->time_ns != NP_TIME_NONE && s->time_ns >= 0)
		np_buf_printf(&w->buf, "%lld.%09lld: ", (long long)(s->time_ns / 1000000000), (long long)(s->time_ns % 1000000000));
	np_buf_printf(&w->buf, "%10lld ", (long long)np_profile_values(p, i)[type]);
	size_t from = w->buf.len;
	np_buf_puts(&w->buf, is_clock ? "cpu-clock" : w->has_periods ? v.name : NP_PERF_COUNT_EVENT);
	for (size_t k = from; k < w->buf.len; k++)
		if ((unsigned char)w->buf.data[k] <= 0x20)
			w->buf.data[k] = '-';
	np_buf_puts(&w->buf, ": \n");
	for (uint32_t k = s->stack; k; k = np_profile_stack_at(p, k)->parent)
		stack_put(w, np_profile_stack_at(p, k));
	np_buf_putc(&w->buf, '\n');
	if (w->buf.len > 128 << 10) {
		fwrite(w->buf.data, 1, w->buf.len, w->out);
		w->buf.len = 0;
	}
}

np_err *np_perf_script_write(np_profile *p, FILE *out)
{
	struct writer w = {.profile = p, .out = out};
	uint32_t types = np_profile_value_type_count(p);
	for (uint32_t k = 0; k < types; k++)
		w.has_periods |= !is_count(np_profile_value_type_at(p, k));
	np_profile_sort(p);
	w.ends = np_xcalloc(np_profile_frame_count(p), sizeof(*w.ends));
	for (uint32_t i = 0; i < np_profile_frame_count(p); i++) {
		frame_put(&w.frames, p, np_profile_frame_at(p, i));
		w.ends[i] = w.frames.len;
	}
	for (size_t i = 0; i < np_profile_sample_count(p); i++)
		for (uint32_t k = 0; k < types; k++)
			if (np_profile_values(p, i)[k] > 0 && is_count(np_profile_value_type_at(p, k)) != w.has_periods)
				sample_put(&w, i, k);
	fwrite(w.buf.data, 1, w.buf.len, out);
	np_buf_deinit(&w.buf);
	np_buf_deinit(&w.frames);
	free(w.ends);
	return ferror(out) ? np_err_sys(NP_EIO, "writing") : NULL;
}

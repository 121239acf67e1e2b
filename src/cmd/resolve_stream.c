/*
 * Text flows through a buffer of 1 MiB: whole lines are looked at where they
 * lie; what stays as it is, mostly long stretches over many lines, is copied
 * out at once, names go between.  An unfinished last line waits for its rest,
 * unless it fills the buffer: then it is taken in parts that end between words.
 *
 * Invariants: 1. bytes that are not of an edit come out as they came, whatever
 * they are.  2. when nothing more can be read at once, all whole lines are out.
 * 3. nothing here grows with the length of the input or of a line.
 */
#include "cmd/resolve_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/resolve_text.h"
#include "format/stack_line.h"

enum {
	IN_BYTES = 1 << 20,
	OUT_BYTES = 256 << 10,
	DIRECT_BYTES = 64 << 10, /* longer stretches are not copied */
	WAITING_MAX = 16,
	PART_BYTES = 1 << 10,	 /* a part of a long line ends so far before the end of the buffer */
};

/* An address that waits for memory: the look-ups of some are under way at once. */
struct waiting {
	struct np_stack_address a;
	struct np_name_query q;
	const char *line;
	size_t n;
	uint64_t number; /* of the line */
};

struct np_resolve_stream {
	struct np_name_sources *sources;
	const struct np_resolve_options *options;
	int fd;
	FILE *file;
	char *in, *out;
	size_t in_bytes, out_bytes;
	int error; /* errno of the first failed write */
	struct np_resolve_totals totals;

	/* the text */
	const char *kept; /* from there on the buffer was not written yet */
	bool at_start;	  /* the next byte begins a line */
	bool after_frame; /* the line before had a frame: this one's address is one that a call returns to */
	uint64_t time_ns; /* of the last sample */
	struct waiting waiting[WAITING_MAX];
	size_t waiting_len;
	struct np_buf report; /* name for an empty "symbol" to come */
	bool has_report;

	struct np_buf name, tail, escaped;
	np_demangled *demangled; /* NULL: not wanted */
};

np_resolve_stream *np_resolve_stream_create(struct np_name_sources *sources, const struct np_resolve_options *options,
					    int fd, FILE *file)
{
	np_resolve_stream *s = np_xcalloc(1, sizeof(*s));
	s->sources = sources;
	s->options = options;
	s->fd = fd;
	s->file = file;
	s->in = np_xmalloc(IN_BYTES);
	s->out = np_xmalloc(OUT_BYTES);
	s->at_start = true;
	s->time_ns = NP_JITDUMP_LATEST;
	s->demangled = options->demangle ? np_demangled_create() : NULL;
	return s;
}

void np_resolve_stream_destroy(np_resolve_stream *s)
{
	if (!s)
		return;
	np_buf_deinit(&s->report);
	np_buf_deinit(&s->name);
	np_buf_deinit(&s->tail);
	np_buf_deinit(&s->escaped);
	np_demangled_destroy(s->demangled);
	free(s->in);
	free(s->out);
	free(s);
}

const struct np_resolve_totals *np_resolve_stream_totals(const np_resolve_stream *s)
{
	return &s->totals;
}

/* --- out --- */

static void write_all(np_resolve_stream *s, const char *p, size_t n)
{
	if (s->file && !s->error && n && (fwrite(p, 1, n, s->file) != n || fflush(s->file)))
		s->error = errno ? errno : EIO;
	while (!s->file && n > 0 && !s->error) {
		ssize_t wrote = write(s->fd, p, n);
		if (wrote < 0 && errno == EAGAIN) {
			struct pollfd ready = {.fd = s->fd, .events = POLLOUT};
			poll(&ready, 1, -1);
		} else if (wrote < 0 && errno != EINTR) {
			s->error = errno;
		} else if (wrote > 0) {
			p += wrote;
			n -= (size_t)wrote;
		}
	}
}

static void flush(np_resolve_stream *s)
{
	write_all(s, s->out, s->out_bytes);
	s->out_bytes = 0;
}

static void put(np_resolve_stream *s, const char *p, size_t n)
{
	if (n > OUT_BYTES - s->out_bytes)
		flush(s);
	if (n > DIRECT_BYTES) {
		flush(s);
		write_all(s, p, n);
		return;
	}
	memcpy(s->out + s->out_bytes, p, n);
	s->out_bytes += n;
}

/* The text up to `to`, as it came, but for C++ names where they are to be demangled. */
static void put_text(np_resolve_stream *s, const char *to)
{
	const char *p = s->kept, *name, *end;
	s->kept = to;
	if (s->options->json)
		return;
	while (s->demangled && (name = np_mangled_find(p, to, p > s->in && p[-1] != ' ', &end))) {
		const char *plain = np_demangled_get(s->demangled, name, (size_t)(end - name));
		put(s, p, (size_t)((plain ? name : end) - p));
		if (plain)
			put(s, plain, strlen(plain));
		p = end;
	}
	put(s, p, (size_t)(to - p));
}

/* --- edits --- */

/* Replaces [from, to) of the buffer by the three pieces. */
static void edit(np_resolve_stream *s, const char *from, const char *to, const char *before, const char *name, size_t bytes,
		 const struct np_buf *tail)
{
	put_text(s, from);
	if (from == to) /* a placeholder has its blanks around it */
		put(s, before, strlen(before));
	put(s, name, bytes);
	if (tail->len)
		put(s, tail->data, tail->len);
	s->kept = to;
}

static void json_object(np_resolve_stream *s, const struct waiting *w, const struct np_found_name *f, const char *name,
			size_t bytes)
{
	const struct np_stack_address *a = &w->a;
	struct np_buf *b = &s->escaped;
	np_buf_clear(b);
	np_buf_printf(b, "{\"line\":%" PRIu64 ",\"address\":\"0x%" PRIx64 "\",\"name\":", w->number, a->addr);
	np_text_put_json(b, name, bytes);
	np_buf_printf(b, ",\"start\":\"0x%" PRIx64 "\",\"size_bytes\":%" PRIu64 ",\"offset\":%" PRIu64, f->symbol->start,
		      f->symbol->size_bytes, a->addr - f->symbol->start);
	if (f->file) {
		np_buf_puts(b, ",\"at\":{\"file\":");
		np_text_put_json(b, f->file, strlen(f->file));
		np_buf_printf(b, ",\"line\":%d", f->line);
		if (f->column > 0)
			np_buf_printf(b, ",\"column\":%d", f->column);
		np_buf_putc(b, '}');
	}
	if (w->q.time_ns != NP_JITDUMP_LATEST)
		np_buf_printf(b, ",\"time_ns\":%" PRIu64, w->q.time_ns);
	np_buf_puts(b, "}\n");
	put(s, b->data, b->len);
}

/* The text between quotes of JSON. */
static void escape(struct np_buf *out, const char *p, size_t n)
{
	struct np_buf quoted = {0};
	np_text_put_json(&quoted, p, n);
	np_buf_clear(out);
	np_buf_add(out, quoted.data + 1, quoted.len - 2);
	np_buf_deinit(&quoted);
}

/* "name+0x1c" of perf script: the part before the offset. */
static size_t name_end(const char *p, size_t n)
{
	size_t i = n;
	while (i > 0 && ((unsigned char)(p[i - 1] - '0') < 10 || (unsigned char)(p[i - 1] - 'a') < 6))
		i--;
	return i > 3 && i < n && !memcmp(p + i - 3, "+0x", 3) ? i - 3 : n;
}

/* Did perf take the right name from its map? */
static bool is_right(const char *line, const struct np_stack_address *a, const struct np_found_name *found)
{
	const char *old = line + a->place;
	return a->named && np_name_hash(old, name_end(old, a->place_end - a->place)) == found->hash;
}

/* Some hundred thousand times a second: printf would be felt. */
static void offset_put(struct np_buf *out, uint64_t offset)
{
	char text[20], *p = text + sizeof(text);
	do
		*--p = "0123456789abcdef"[offset & 15];
	while (offset >>= 4);
	*--p = 'x';
	*--p = '0';
	*--p = '+';
	np_buf_add(out, p, (size_t)(text + sizeof(text) - p));
}

/* Is the name there already, as in a text that was resolved before? */
static bool is_there(const char *p, const char *end, const char *name, size_t bytes)
{
	while (p < end && *p == ' ')
		p++;
	return (size_t)(end - p) >= bytes && !memcmp(p, name, bytes);
}

static void edit_plain(np_resolve_stream *s, const char *line, size_t n, const struct np_stack_address *a, const char *name,
		       size_t bytes)
{
	bool replace = s->options->frame == NP_RESOLVE_REPLACE && a->form != NP_STACK_QUOTED;
	if (bytes && a->place == a->place_end && is_there(line + a->place, line + n, name, bytes))
		return;
	if (!replace)
		edit(s, line + a->place, line + a->place_end, a->before, name, bytes, &s->tail);
	else if (a->form == NP_STACK_FRAME)
		edit(s, line + a->at, line + a->place_end, "", name, bytes, &s->tail);
	else if (a->form == NP_STACK_APART && a->place_end > a->place)
		edit(s, line + a->place, line + a->place_end, "", name, bytes, &s->tail);
	else
		edit(s, line + a->at, line + a->end, "", name, bytes, &s->tail);
}

static bool wants_line(const np_resolve_stream *s, const struct np_stack_address *a)
{
	enum np_resolve_lines lines = s->options->lines;
	return lines == NP_RESOLVE_LINES_ALWAYS || (lines == NP_RESOLVE_LINES_AUTO && a->form != NP_STACK_PERF);
}

static void address_take(np_resolve_stream *s, const struct waiting *w)
{
	const struct np_stack_address *a = &w->a;
	const char *line = w->line;
	struct np_found_name found;
	size_t bytes;
	if (!np_name_find(s->sources, &w->q, &found))
		return;
	s->totals.found++;
	if (a->form == NP_STACK_PERF && !s->options->json && !s->options->short_paths && is_right(line, a, &found))
		return;
	const char *name = np_resolve_name(&found, s->options, &s->name, &bytes);
	if (s->options->json) {
		json_object(s, w, &found, name, bytes);
		return;
	}
	np_buf_clear(&s->tail);
	if (s->options->offset || a->form == NP_STACK_PERF)
		offset_put(&s->tail, a->addr - found.symbol->start);
	if (wants_line(s, a))
		np_resolve_put_place(&s->tail, &found, s->options);
	switch (a->form) {
	case NP_STACK_PERF:
		edit(s, line + a->place, line + a->place_end, a->before, name, bytes, &s->tail);
		break;
	case NP_STACK_REPORT:
	case NP_STACK_QUOTED:
		np_buf_clear(&s->escaped);
		np_buf_add(&s->escaped, name, bytes);
		np_buf_add(&s->escaped, np_buf_str(&s->tail), s->tail.len);
		escape(a->form == NP_STACK_REPORT ? &s->report : &s->tail, s->escaped.data, s->escaped.len);
		if (a->form == NP_STACK_REPORT)
			s->has_report = true;
		else
			edit_plain(s, line, w->n, a, "", 0);
		break;
	default:
		edit_plain(s, line, w->n, a, name, bytes);
	}
}

/* Edits come in the order of the text: those that wait go first. */
static void waiting_take(np_resolve_stream *s)
{
	for (enum np_name_step step = NP_NAME_STEP_SYMBOL; step <= NP_NAME_STEP_TEXT; step++)
		for (size_t i = 0; i < s->waiting_len; i++)
			if (!s->waiting[i].a.named)
				np_name_expect(s->sources, &s->waiting[i].q, step);
	for (size_t i = 0; i < s->waiting_len; i++)
		address_take(s, &s->waiting[i]);
	s->waiting_len = 0;
}

static void address_meet(np_resolve_stream *s, const char *line, size_t n, const struct np_stack_address *a)
{
	s->totals.addresses++;
	if (a->form == NP_STACK_REPORT)
		s->has_report = false;
	if (a->named && !a->is_jit)
		return;
	struct waiting *w = &s->waiting[s->waiting_len++];
	*w = (struct waiting){.a = *a, .line = line, .n = n, .number = s->totals.lines + 1};
	w->q = (struct np_name_query){.addr = a->addr, .pid = a->pid, .time_ns = s->time_ns, .is_return = s->after_frame};
	np_name_expect(s->sources, &w->q, NP_NAME_STEP_ANSWER);
	if (a->form == NP_STACK_REPORT || s->waiting_len == WAITING_MAX)
		waiting_take(s);
}

/* process.report writes "pc" and "symbol" on one line or on two. */
static void report_take(np_resolve_stream *s, const char *line, size_t n, size_t from)
{
	size_t at;
	if (!np_stack_line_empty_symbol(line, n, from, &at))
		return;
	waiting_take(s);
	np_buf_clear(&s->tail);
	edit(s, line + at, line + at, "", np_buf_str(&s->report), s->report.len, &s->tail);
	s->has_report = false;
}

static void line_take(np_resolve_stream *s, const char *line, size_t n)
{
	struct np_stack_address a;
	size_t from = 0;
	bool frame = false;
	if (s->at_start && s->sources->has_time)
		np_stack_line_time(line, n, &s->time_ns);
	if (s->has_report)
		report_take(s, line, n, 0);
	while (np_stack_line_next(line, n, s->at_start, &from, &a)) {
		address_meet(s, line, n, &a);
		frame |= a.form != NP_STACK_QUOTED;
		if (s->has_report)
			report_take(s, line, n, a.end);
	}
	/* the first frame of a sample without a chain stands in its first line */
	s->after_frame = frame;
}

/* Where a part of a line that fills the buffer may end: between words, and before what could be the last address. */
static const char *part_end(const char *p, const char *end)
{
	const char *to = end - PART_BYTES, *low = to - PART_BYTES > p ? to - PART_BYTES : p;
	while (to > low && to[-1] != ' ' && to[-1] != ',' && to[-1] != '\t')
		to--;
	return to > low ? to : end - PART_BYTES;
}

/* Everything that is complete in the buffer; the rest moves to its begin. */
static void buffer_take(np_resolve_stream *s, bool at_end)
{
	const char *p = s->in, *end = s->in + s->in_bytes, *newline;
	s->kept = p;
	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
		line_take(s, p, (size_t)(newline - p));
		s->totals.lines++;
		s->at_start = true;
		p = newline + 1;
	}
	if (p < end && at_end) {
		line_take(s, p, (size_t)(end - p));
		p = end;
	} else if (p == s->in && s->in_bytes == IN_BYTES) {
		const char *to = part_end(p, end);
		line_take(s, p, (size_t)(to - p));
		s->at_start = false;
		p = to;
	}
	waiting_take(s);
	put_text(s, p);
	s->in_bytes = (size_t)(end - p);
	memmove(s->in, p, s->in_bytes);
}

static bool more_is_there(int in)
{
	struct pollfd ready = {.fd = in, .events = POLLIN};
	return poll(&ready, 1, 0) > 0;
}

np_err *np_resolve_stream_run(np_resolve_stream *s, int in, const char *name, bool *ret_closed)
{
	np_err *err = NULL;
	s->at_start = true;
	s->after_frame = s->has_report = false;
	s->time_ns = NP_JITDUMP_LATEST;
	s->in_bytes = 0;
	while (!s->error) {
		ssize_t n = read(in, s->in + s->in_bytes, IN_BYTES - s->in_bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd ready = {.fd = in, .events = POLLIN};
			poll(&ready, 1, -1);
			continue;
		}
		if (n < 0)
			err = np_err_sys(NP_EIO, "reading %s", name);
		if (n <= 0)
			break;
		s->totals.bytes += (uint64_t)n;
		s->in_bytes += (size_t)n;
		buffer_take(s, false);
		if (!more_is_there(in))
			flush(s);
	}
	buffer_take(s, true);
	flush(s);
	*ret_closed = s->error == EPIPE;
	if (!err && s->error && s->error != EPIPE) {
		errno = s->error;
		err = np_err_sys(NP_EIO, "writing the text");
	}
	return err;
}

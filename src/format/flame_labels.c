#include "format/flame_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

/* --- numbers --- */

struct np_flame_unit np_flame_unit_of(struct np_profile_value_type type, const char *count_name)
{
	if (count_name)
		return (struct np_flame_unit){count_name, NP_FLAME_COUNT};
	if (strcmp(type.unit, "nanoseconds") == 0)
		return (struct np_flame_unit){type.name, NP_FLAME_NANOSECONDS};
	if (strcmp(type.unit, "microseconds") == 0)
		return (struct np_flame_unit){type.name, NP_FLAME_MICROSECONDS};
	if (strcmp(type.unit, "bytes") == 0)
		return (struct np_flame_unit){type.name, NP_FLAME_BYTES};
	return (struct np_flame_unit){strcmp(type.unit, "count") == 0 ? type.name : type.unit, NP_FLAME_COUNT};
}

void np_flame_put_count(struct np_buf *buf, int64_t value)
{
	char digits[32];
	size_t at = sizeof(digits), n = 0;
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	do {
		if (n && n % 3 == 0)
			digits[--at] = ',';
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
		n++;
	} while (left);
	if (value < 0)
		digits[--at] = '-';
	np_buf_add(buf, digits + at, sizeof(digits) - at);
}

void np_flame_put_fixed(struct np_buf *buf, double value, int decimals)
{
	static const double scales[] = {1, 10, 100, 1000, 10000, 100000};
	char digits[32];
	size_t at = sizeof(digits);
	double scaled = isfinite(value) ? round(fabs(value) * scales[decimals]) : 0;
	uint64_t left = scaled < 1e18 ? (uint64_t)scaled : (uint64_t)1e18;
	int behind = decimals;
	while (behind > 0 && left % 10 == 0) {
		left /= 10;
		behind--;
	}
	bool is_negative = value < 0 && left;
	for (int i = 0; i < behind; i++, left /= 10)
		digits[--at] = (char)('0' + left % 10);
	if (behind)
		digits[--at] = '.';
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (is_negative)
		digits[--at] = '-';
	np_buf_add(buf, digits + at, sizeof(digits) - at);
}

/* Of steps by 1000 (time) or 1024 (memory), the last one that leaves a number of at least 1; three digits. */
static void put_scaled(struct np_buf *buf, double value, double step, const char *const *names, int last)
{
	int i = 0;
	while (i < last && fabs(value) >= step) {
		value /= step;
		i++;
	}
	np_flame_put_fixed(buf, value, i == 0 || fabs(value) >= 100 ? 0 : fabs(value) >= 10 ? 1 : 2);
	np_buf_putc(buf, ' ');
	np_buf_puts(buf, names[i]);
}

void np_flame_put_value(struct np_buf *buf, int64_t value, const struct np_flame_unit *unit)
{
	static const char *const times[] = {"ns", "µs", "ms", "s"};
	static const char *const sizes[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	switch (unit->kind) {
	case NP_FLAME_NANOSECONDS:
		put_scaled(buf, (double)value, 1000, times, 3);
		return;
	case NP_FLAME_MICROSECONDS:
		put_scaled(buf, (double)value, 1000, times + 1, 2);
		return;
	case NP_FLAME_BYTES:
		put_scaled(buf, (double)value, 1024, sizes, 4);
		return;
	case NP_FLAME_COUNT:
		break;
	}
	np_flame_put_count(buf, value);
	np_buf_putc(buf, ' ');
	np_markup_put(buf, unit->name, strlen(unit->name));
}

void np_flame_put_percent(struct np_buf *buf, double value, double total)
{
	np_flame_put_fixed(buf, total > 0 ? value * 100 / total : 0, 2);
	np_buf_putc(buf, '%');
}

/* --- text --- */

static bool is_plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] >= 0x7f)
			return false;
	return true;
}

enum { NAME_BYTES_MAX = 2000 }; /* of a name or path that is shown: some are megabytes */

/* s without characters that can do harm: in room, or s itself when it has none. */
static const char *neutral(const char *s, size_t *n, struct np_buf *room)
{
	if (is_plain(s, *n))
		return s;
	np_buf_clear(room);
	np_text_put(room, s, *n, NP_TEXT_LINE);
	*n = room->len;
	return np_buf_str(room);
}

static void put_escaped(struct np_buf *buf, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t run = i;
		while (run < n && s[run] != '&' && s[run] != '<' && s[run] != '>' && s[run] != '"' && s[run] != '\'')
			run++;
		np_buf_add(buf, s + i, run - i);
		i = run;
		if (i < n)
			np_buf_puts(buf, s[i] == '&'   ? "&amp;"
					 : s[i] == '<' ? "&lt;"
					 : s[i] == '>' ? "&gt;"
					 : s[i] == '"' ? "&quot;"
						       : "&#39;");
	}
}

void np_markup_put(struct np_buf *buf, const char *s, size_t n)
{
	struct np_buf room = {0};
	const char *text = neutral(s, &n, &room);
	put_escaped(buf, text, n);
	np_buf_deinit(&room);
}

/* --- labels --- */

/* A text in np_flame_labels.text. */
struct span {
	uint32_t bytes, cells;
	size_t at;
};

struct label {
	bool is_made;
	struct span name, brief, full; /* neutral; brief: with the file's base name */
	struct span markup;	       /* of full */
};

struct np_flame_labels {
	const np_flame *flame;
	struct label *labels;
	struct np_buf text, room;
};

np_flame_labels *np_flame_labels_create(const np_flame *flame)
{
	np_flame_labels *l = np_xcalloc(1, sizeof(*l));
	l->flame = flame;
	l->labels = np_xcalloc(np_flame_function_count(flame), sizeof(*l->labels));
	return l;
}

void np_flame_labels_destroy(np_flame_labels *l)
{
	if (!l)
		return;
	free(l->labels);
	np_buf_deinit(&l->text);
	np_buf_deinit(&l->room);
	free(l);
}

/* East Asian and emoji take two. */
static uint32_t cells_of(uint32_t cp)
{
	return cp < 0x1100 ? 1 : (cp <= 0x115f || (cp >= 0x2e80 && cp <= 0xffdc) || cp >= 0x1f000) ? 2 : 1;
}

static uint32_t text_cells(const char *s, size_t n)
{
	uint32_t cells = 0, cp;
	for (size_t i = 0; i < n; cells += cells_of(cp))
		i += np_utf8_decode(s + i, n - i, &cp);
	return cells;
}

/* Bytes of the beginning that takes at most so many cells. */
static size_t bytes_within(const char *s, size_t n, size_t cells)
{
	size_t at = 0;
	while (at < n) {
		uint32_t cp;
		size_t took = np_utf8_decode(s + at, n - at, &cp);
		if (cells_of(cp) > cells)
			break;
		cells -= cells_of(cp);
		at += took;
	}
	return at;
}

static void put_neutral(np_flame_labels *l, const char *s, size_t n)
{
	bool is_long = n > NAME_BYTES_MAX;
	if (is_long)
		for (n = NAME_BYTES_MAX; n > NAME_BYTES_MAX - 4 && ((unsigned char)s[n] & 0xc0) == 0x80;)
			n--;
	const char *text = neutral(s, &n, &l->room);
	np_buf_add(&l->text, text, n);
	if (is_long)
		np_buf_puts(&l->text, "..");
}

static struct span span_end(const np_flame_labels *l, size_t from)
{
	size_t bytes = l->text.len - from;
	return (struct span){(uint32_t)bytes, text_cells(l->text.data + from, bytes), from};
}

static struct np_flame_text base_name(struct np_flame_text path)
{
	uint32_t at = path.n;
	while (at > 0 && path.s[at - 1] != '/' && path.s[at - 1] != '\\')
		at--;
	return (struct np_flame_text){path.s + at, path.n - at};
}

/* "name", "name file.js:12:5" */
static struct span label_make(np_flame_labels *l, const struct np_flame_function *f, struct np_flame_text file,
			      bool with_column)
{
	static const char *const marks[] = {"", "~", "^", "+", "*"}; /* as V8 marks tiers */
	size_t from = l->text.len;
	np_buf_puts(&l->text, f->tier < NP_ARRAY_LEN(marks) ? marks[f->tier] : "");
	put_neutral(l, f->name.s, f->name.n);
	if (file.n) {
		np_buf_putc(&l->text, ' ');
		put_neutral(l, file.s, file.n);
		if (f->line)
			np_buf_printf(&l->text, ":%u", f->line);
		if (f->line && f->column && with_column)
			np_buf_printf(&l->text, ":%u", f->column);
	}
	np_buf_putc(&l->text, '\0'); /* never empty */
	l->text.len--;
	return span_end(l, from);
}

static const struct label *label_of(np_flame_labels *l, uint32_t function)
{
	struct label *label = &l->labels[function];
	if (label->is_made)
		return label;
	const struct np_flame_function *f = np_flame_function_at(l->flame, function);
	label->is_made = true;
	label->name = label_make(l, f, (struct np_flame_text){"", 0}, false);
	label->brief = f->file.n ? label_make(l, f, base_name(f->file), false) : label->name;
	label->full = f->file.n ? label_make(l, f, f->file, true) : label->name;
	size_t from = l->text.len;
	np_buf_room(&l->text, (size_t)label->full.bytes * 6); /* "&quot;" */
	put_escaped(&l->text, l->text.data + label->full.at, label->full.bytes);
	label->markup = (struct span){(uint32_t)(l->text.len - from), 0, from};
	return label;
}

void np_flame_put_label(struct np_buf *buf, np_flame_labels *l, uint32_t function)
{
	const struct label *label = label_of(l, function);
	np_buf_add(buf, l->text.data + label->markup.at, label->markup.bytes);
}

void np_flame_put_cut(struct np_buf *buf, np_flame_labels *l, uint32_t function, size_t cells)
{
	const struct label *label = label_of(l, function);
	const struct span *best = label->full.cells <= cells	? &label->full
				  : label->brief.cells <= cells ? &label->brief
								: &label->name;
	const char *text = l->text.data + best->at;
	if (best->cells <= cells) {
		put_escaped(buf, text, best->bytes);
	} else if (cells >= 3) {
		put_escaped(buf, text, bytes_within(text, best->bytes, cells - 2));
		np_buf_puts(buf, "..");
	}
}

/*
 * The call tree that Instruments (macOS) copies and exports: columns with tabs or
 * commas between them, symbols indented by their level.
 *
 *     Running Time<tab>Self (ms)<tab><tab>Symbol Name
 *     8000.0ms  100.0%<tab>0.0<tab> <tab>node (1234)
 *     7999.0ms   99.9%<tab>0.0<tab> <tab> Main Thread  0x1a2b
 *     12.00 ms    3.4%<tab>0 s<tab> <tab>  uv_run
 *
 * The process at the top and its threads name the thread.
 */
#include <stdlib.h>

#include "format/formats.h"
#include "format/symbol_frame.h"
#include "format/text_reader.h"
#include "format/text_tree.h"

struct row {
	int64_t time_ns;
	size_t indent;
	const char *name;
	size_t name_len;
};

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && memcmp(text, with, n) == 0;
}

/* "8000.0ms", "1.20 s", "3,5 ms": then a space, a percentage, or a separator. */
static bool time_parse(const char *text, size_t len, size_t *end, int64_t *ret)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"µs", 1e3}, {"us", 1e3}, {"ns", 1}, {"h", 3600e9}};
	size_t i = 0;
	double n = 0, scale = 0;
	while (i < len && text[i] == ' ')
		i++;
	if (i == len || text[i] < '0' || text[i] > '9')
		return false;
	for (; i < len; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			n = n * 10 + (text[i] - '0');
			scale *= 10;
		} else if ((text[i] == '.' || text[i] == ',') && !scale && i + 1 < len && text[i + 1] >= '0' && text[i + 1] <= '9') {
			scale = 1;
		} else {
			break;
		}
	}
	n /= scale ? scale : 1;
	while (i < len && (text[i] == ' ' || begins(text + i, len - i, "\xc2\xa0"))) /* a no-break space is two bytes */
		i += text[i] == ' ' ? 1 : 2;
	for (size_t k = 0; k < NP_ARRAY_LEN(units); k++) {
		size_t unit = strlen(units[k].name);
		if (!begins(text + i, len - i, units[k].name))
			continue;
		if (i + unit < len && !strchr(" \t,", text[i + unit]))
			continue;
		n *= units[k].ns;
		*ret = n < 9e18 ? (int64_t)(n + 0.5) : INT64_MAX;
		*end = i + unit;
		return true;
	}
	return false;
}

/* The symbol stands behind the third separator, or behind the last one of fewer. */
static bool row_parse(const char *text, size_t len, struct row *ret)
{
	size_t at;
	if (!time_parse(text, len, &at, &ret->time_ns))
		return false;
	char separator = memchr(text + at, '\t', len - at) ? '\t' : ',';
	const char *name = NULL;
	for (int i = 0; i < 3; i++) {
		const char *next = memchr(text + at, separator, len - at);
		if (!next)
			break;
		at = (size_t)(next + 1 - text);
		name = next + 1;
	}
	if (!name)
		return false;
	size_t n = len - at;
	if (n > 1 && name[0] == '"' && name[n - 1] == '"') {
		name++;
		n -= 2;
	}
	ret->indent = 0;
	while (ret->indent < n && (name[ret->indent] == ' ' || name[ret->indent] == '\t'))
		ret->indent++;
	ret->name = name + ret->indent;
	ret->name_len = n - ret->indent;
	while (ret->name_len && ret->name[ret->name_len - 1] == ' ')
		ret->name_len--;
	return ret->name_len > 0;
}

/* "Main Thread  0x1a2b", "node::WorkerThread 0x1c", "Thread 0x1c" below the process. */
static bool thread_parse(const struct row *row, size_t *ret_len)
{
	const char *hex = memmem(row->name, row->name_len, " 0x", 3);
	if (!hex)
		return false;
	for (const char *p = hex + 3; p < row->name + row->name_len; p++)
		if (!memchr("0123456789abcdefABCDEF", *p, 22))
			return false;
	*ret_len = (size_t)(hex - row->name);
	while (*ret_len && row->name[*ret_len - 1] == ' ')
		(*ret_len)--;
	return *ret_len > 0;
}

/* "node (1234)" */
static bool process_parse(const struct row *row, int64_t *ret_pid)
{
	const char *open = memrchr(row->name, '(', row->name_len);
	int64_t pid = 0;
	if (!open || open == row->name || row->name[row->name_len - 1] != ')' || row->name + row->name_len - open > 14)
		return false;
	for (const char *p = open + 1; p < row->name + row->name_len - 1; p++) {
		if (*p < '0' || *p > '9')
			return false;
		pid = pid * 10 + (*p - '0');
	}
	*ret_pid = pid;
	return row->name + row->name_len - open > 2;
}

struct reader {
	np_profile *profile;
	struct np_text_tree tree;
	int64_t pid;
	uint32_t process;
};

static void row_take(struct reader *r, const struct row *row)
{
	size_t len;
	int64_t pid;
	np_text_tree_close(&r->tree, row->indent);
	if (!r->tree.open.len && process_parse(row, &pid)) {
		const char *open = memrchr(row->name, '(', row->name_len);
		len = (size_t)(open - row->name);
		while (len && row->name[len - 1] == ' ')
			len--;
		r->pid = pid;
		r->process = np_profile_string(r->profile, row->name, len);
		r->tree.thread = np_profile_thread(r->profile, &(struct np_profile_thread){.pid = pid, .tid = -1,
											   .process = r->process});
		np_text_tree_add(&r->tree, row->indent, row->time_ns, 0);
	} else if (r->tree.open.len <= 1 && thread_parse(row, &len)) {
		r->tree.thread = np_profile_thread(r->profile, &(struct np_profile_thread){
			.pid = r->pid, .tid = -1, .name = np_profile_string(r->profile, row->name, len), .process = r->process});
		np_text_tree_add(&r->tree, row->indent, row->time_ns, 0);
	} else {
		np_text_tree_add(&r->tree, row->indent, row->time_ns, np_symbol_frame(r->profile, row->name, row->name_len, NULL, 0));
	}
}

static np_err *instruments_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile, .pid = -1};
	struct np_lines lines;
	struct np_strays strays = {0};
	const char *text;
	size_t len;
	np_lines_init(&lines, in);
	np_text_tree_init(&r.tree, profile);
	np_profile_value_type(profile, "cpu", "nanoseconds");
	r.tree.thread = np_profile_thread(profile, &(struct np_profile_thread){.pid = -1, .tid = -1});
	for (bool begun = false; np_lines_next(&lines, &text, &len);) {
		struct row row;
		if (row_parse(text, len, &row)) {
			begun = true;
			row_take(&r, &row);
		} else if (len && begun) {
			np_strays_add(&strays, lines.number, text, len);
		}
	}
	np_text_tree_deinit(&r.tree);
	return np_text_reader_end(&lines, &strays, "a call tree of Instruments");
}

static int instruments_sniff(const char *head, size_t len)
{
	const char *text;
	size_t n, rows = 0, others = 0, lines = 0;
	bool titled = false;
	while (lines++ < 100 && np_head_line(&head, &len, &text, &n)) {
		struct row row;
		if (!n)
			continue;
		if (row_parse(text, n, &row))
			rows++;
		else if (begins(text, n, "Running Time") || begins(text, n, "Weight") || begins(text, n, "\"Running Time"))
			titled = true;
		else
			others++;
	}
	if (!rows || others > rows)
		return 0;
	return titled ? 95 : others ? 40 : 75;
}

const struct np_profile_format np_format_instruments = {
	.name = "instruments",
	.suffixes = ".instruments.txt|.instruments.csv|.instruments",
	.summary = "a call tree that was copied out of Instruments of macOS",
	.holds = NP_HOLDS_THREADS | NP_HOLDS_VALUES,
	.sniff = instruments_sniff,
	.read = instruments_read,
};

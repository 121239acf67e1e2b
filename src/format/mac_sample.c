/*
 * What `sample` of macOS prints: a call graph with how often each line was seen.
 *
 *     Call graph:
 *         2207 Thread_7145   DispatchQueue_1: com.apple.main-thread  (serial)
 *         + 2207 start  (in dyld) + 1942  [0x1a2b3c]
 *         +   ! 2000 ???  (in <unknown binary>)  [0x3d278f8060bb]
 *
 * The columns of + ! : | lead the eye; how far the number is indented tells the
 * level.  The list of leaves behind the graph says nothing that is not in it.
 */
#include <stdlib.h>

#include "format/formats.h"
#include "format/symbol_frame.h"
#include "format/text_reader.h"
#include "format/text_tree.h"

struct line {
	size_t indent;
	int64_t count;
	const char *name;
	size_t name_len;
};

/* Guides, a number, a space, the rest. */
static bool line_parse(const char *text, size_t len, struct line *ret)
{
	size_t i = 0, from;
	int64_t n = 0;
	while (i < len && memchr(" +!:|", text[i], 5))
		i++;
	for (from = i; i < len && i - from < 18 && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (text[i] - '0');
	if (i == from || i + 1 >= len || text[i] != ' ' || !from)
		return false;
	*ret = (struct line){.indent = from, .count = n, .name = text + i + 1, .name_len = len - i - 1};
	return true;
}

static uint32_t frame_of(np_profile *p, const struct line *l)
{
	const char *in = memmem(l->name, l->name_len, "  (in ", 6), *module = NULL;
	size_t len = l->name_len, module_len = 0;
	if (in) {
		module = in + 6;
		const char *close = memchr(module, ')', (size_t)(l->name + l->name_len - module));
		module_len = close ? (size_t)(close - module) : 0;
		len = (size_t)(in - l->name);
		if (module_len && module[0] == '<') /* <unknown binary> */
			module_len = 0;
	} else {
		const char *address = memmem(l->name, l->name_len, "  [0x", 5);
		len = address ? (size_t)(address - l->name) : len;
	}
	return np_symbol_frame(p, l->name, len, module, module_len);
}

/* "Thread_7145   DispatchQueue_1: com.apple.main-thread  (serial)", "Thread_7146: V8 DefaultWorker" */
static uint32_t thread_of(np_profile *p, const struct line *l)
{
	int64_t tid = 0;
	size_t i = 7;
	for (; i < l->name_len && i < 25 && l->name[i] >= '0' && l->name[i] <= '9'; i++)
		tid = tid * 10 + (l->name[i] - '0');
	const char *name = l->name;
	size_t len = l->name_len;
	while (i < len && (name[i] == ' ' || name[i] == ':'))
		i++;
	if (i < len) {
		name += i;
		len -= i;
	}
	struct np_profile_thread t = {.pid = -1, .tid = tid, .name = np_profile_string(p, name, len)};
	return np_profile_thread(p, &t);
}

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && memcmp(text, with, n) == 0;
}

static np_err *mac_sample_read(struct np_profile_input *in, np_profile *profile)
{
	struct np_text_tree tree;
	struct np_lines lines;
	struct np_strays strays = {0};
	const char *text;
	size_t len;
	bool in_graph = false;
	np_lines_init(&lines, in);
	np_text_tree_init(&tree, profile);
	tree.thread = np_profile_thread(profile, &(struct np_profile_thread){.pid = -1, .tid = -1});
	while (np_lines_next(&lines, &text, &len)) {
		struct line l;
		if (begins(text, len, "Call graph:")) {
			in_graph = true;
		} else if (!in_graph) {
			continue;
		} else if (line_parse(text, len, &l)) {
			if (begins(l.name, l.name_len, "Thread_")) {
				np_text_tree_close(&tree, 0);
				tree.thread = thread_of(profile, &l);
				np_text_tree_add(&tree, l.indent, l.count, 0);
			} else {
				np_text_tree_add(&tree, l.indent, l.count, frame_of(profile, &l));
			}
		} else if (!len || begins(text, len, "Total number in stack")) {
			in_graph = false;
		} else {
			np_strays_add(&strays, lines.number, text, len);
		}
	}
	np_text_tree_deinit(&tree);
	return np_text_reader_end(&lines, &strays, "a call graph of sample");
}

static int mac_sample_sniff(const char *head, size_t len)
{
	const char *graph = memmem(head, len, "Call graph:", 11), *text;
	struct line l;
	size_t n;
	if (!graph)
		return begins(head, len, "Analysis of sampling ") ? 60 : 0;
	if (graph != head && graph[-1] != '\n')
		return 0;
	len -= (size_t)(graph - head);
	np_head_line(&graph, &len, &text, &n);
	return np_head_line(&graph, &len, &text, &n) && line_parse(text, n, &l) ? 95 : 40;
}

const struct np_profile_format np_format_mac_sample = {
	.name = "sample",
	.suffixes = ".sample.txt|.sample",
	.summary = "the call graph that `sample` of macOS prints",
	.holds = NP_HOLDS_THREADS | NP_HOLDS_MODULES,
	.sniff = mac_sample_sniff,
	.read = mac_sample_read,
};

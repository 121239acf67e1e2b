/* nopsy snapshot: the heap as a .heapsnapshot, as V8 would have written it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/ordered.h"
#include "base/parallel.h"
#include "cmd/args.h"
#include "cmd/heap_view.h"
#include "cmd/session.h"
#include "format/heapsnapshot.h"
#include "heap/v8snapshot.h"
#include "out/redact.h"

_Static_assert(NP_SNAPSHOT_OBJECT_SHAPE + 1 == NP_HEAPSNAPSHOT_NODE_TYPES, "the graph's types are those of the format");
_Static_assert(NP_SNAPSHOT_WEAK + 1 == NP_HEAPSNAPSHOT_EDGE_TYPES, "the graph's types are those of the format");

static const struct np_example examples[] = {
	{"nopsy snapshot core.4242", "writes nopsy-4242-<date>.heapsnapshot into this folder"},
	{"nopsy snapshot 4242 -o /tmp/heap.heapsnapshot --redact", "of a live process, without the contents of its strings"},
	{"nopsy snapshot core.4242 -o - | zstd > heap.heapsnapshot.zst", "compressed on its way"},
	{0},
};

static const struct np_shape shape = {
	.name = "snapshot",
	.style = NP_STYLE_LINE,
	.line = "{file}: {nodes:num} nodes, {edges:num} edges, {file_bytes}",
};

static void redact(void *ctx, const char *utf8, size_t bytes, uint64_t chars, struct np_buf *out)
{
	(void)ctx;
	np_redact_text(out, utf8, bytes, chars);
}

static const char *default_path(struct np_invocation *inv)
{
	char date[32];
	time_t now = time(NULL);
	struct tm tm;
	pid_t pid = np_target_pid(inv->session->target);
	strftime(date, sizeof(date), "%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	return pid > 0 ? np_arena_printf(inv->arena, "nopsy-%d-%s.heapsnapshot", (int)pid, date)
		       : np_arena_printf(inv->arena, "nopsy-%s.heapsnapshot", date);
}

/* --- the sections, one after the other; their parts become text on every processor --- */

enum { STRINGS_AT_ONCE = 1 << 13, PART_BYTES = 8 << 20 };

struct writing {
	np_snapshot *snapshot;
	np_heapsnapshot *file;
	unsigned threads;
	np_snapshot_walker **walkers;
	struct np_buf *records; /* by slot */
	enum np_heapsnapshot_section section;
	bool ended; /* all sections are written */
	size_t part_count, parts_taken; /* of all sections */
	bool shows_progress;
	time_t last_shown; /* seconds; 0: nothing was shown yet */
	_Atomic uint64_t edges, locations;
};

/* What a part is made of. */
struct part {
	struct writing *writing;
	np_ordered *loop;
	size_t item;
	struct np_buf *records;
	uint64_t edges, locations;
	bool has_ended;
};

static void node_put(void *ctx, const struct np_snapshot_node *node)
{
	struct part *part = ctx;
	np_heapsnapshot_put_node(part->records, node);
}

/* An array of a hundred million elements is no reason to need gigabytes. */
static void edges_put(void *ctx, const struct np_snapshot_edge *edges, size_t count)
{
	struct part *part = ctx;
	if (part->has_ended)
		return;
	part->edges += count;
	np_heapsnapshot_put_edges(part->records, edges, count);
	if (part->records->len >= PART_BYTES)
		part->has_ended = !np_ordered_take_part(part->loop, part->item);
}

static void location_put(void *ctx, const struct np_snapshot_location *l)
{
	struct part *part = ctx;
	np_heapsnapshot_put_location(part->records, l->number, l->script_id, l->line, l->column);
	part->locations++;
}

static void strings_put(struct part *part, np_snapshot_walker *walker)
{
	uint32_t count = np_snapshot_string_count(part->writing->snapshot), from = (uint32_t)part->item * STRINGS_AT_ONCE;
	for (uint32_t i = from; i < count && i < from + STRINGS_AT_ONCE; i++) {
		const char *text;
		size_t bytes;
		np_snapshot_string(walker, i, &text, &bytes);
		np_heapsnapshot_put_string(part->records, text, bytes);
	}
}

static void part_make(void *ctx, np_ordered *loop, size_t item, unsigned worker, size_t slot)
{
	struct writing *w = ctx;
	np_snapshot_walker *walker = w->walkers[worker];
	struct part part = {.writing = w, .loop = loop, .item = item, .records = &w->records[slot]};
	switch (w->section) {
	case NP_HEAPSNAPSHOT_NODES:
		np_snapshot_nodes(walker, item, node_put, &part);
		break;
	case NP_HEAPSNAPSHOT_EDGES:
		np_snapshot_edges(walker, item, edges_put, &part);
		w->edges += part.edges;
		break;
	case NP_HEAPSNAPSHOT_LOCATIONS:
		np_snapshot_locations(walker, item, location_put, &part);
		w->locations += part.locations;
		break;
	case NP_HEAPSNAPSHOT_STRINGS:
		strings_put(&part, walker);
		break;
	case NP_HEAPSNAPSHOT_SECTIONS:
		break;
	}
}

/* Once a second, on a terminal. */
static void progress_show(struct writing *w)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (!w->shows_progress || now.tv_sec == w->last_shown)
		return;
	if (w->last_shown)
		fprintf(stderr, "\r\033[Kwriting the snapshot: %zu%%", w->parts_taken * 100 / w->part_count);
	w->last_shown = now.tv_sec;
}

static bool part_take(void *ctx, size_t item, size_t slot)
{
	struct writing *w = ctx;
	(void)item;
	w->parts_taken++; /* big ones come in several parts */
	w->parts_taken = w->parts_taken < w->part_count ? w->parts_taken : w->part_count;
	progress_show(w);
	bool good = np_heapsnapshot_append(w->file, &w->records[slot]);
	np_buf_clear(&w->records[slot]);
	return good;
}

static void sections_write(struct writing *w)
{
	size_t strings = ((size_t)np_snapshot_string_count(w->snapshot) + STRINGS_AT_ONCE - 1) / STRINGS_AT_ONCE;
	w->part_count = strings + 3 * np_snapshot_chunk_count(w->snapshot);
	w->shows_progress = isatty(STDERR_FILENO) && np_log_level != NP_LOG_QUIET;
	np_heapsnapshot_head(w->file, np_snapshot_node_count(w->snapshot), np_snapshot_edge_count(w->snapshot));
	for (int i = 0; i < NP_HEAPSNAPSHOT_SECTIONS; i++) {
		struct np_ordered_loop loop = {.threads = w->threads, .make = part_make, .take = part_take, .ctx = w};
		w->section = (enum np_heapsnapshot_section)i;
		loop.count = w->section == NP_HEAPSNAPSHOT_STRINGS ? strings : np_snapshot_chunk_count(w->snapshot);
		np_heapsnapshot_begin(w->file, w->section);
		if (!np_ordered_run(&loop))
			return; /* what went wrong is told when the file is finished */
	}
	w->ended = true;
}

static np_err *write_all(np_snapshot *snapshot, np_heapsnapshot *file, uint64_t *ret_locations, uint64_t *ret_bytes)
{
	struct writing w = {.snapshot = snapshot, .file = file, .threads = np_parallel_threads(UINT32_MAX)};
	size_t slots = np_ordered_slots(w.threads);
	w.walkers = np_xcalloc(w.threads, sizeof(*w.walkers));
	w.records = np_xcalloc(slots, sizeof(*w.records));
	for (unsigned i = 0; i < w.threads; i++)
		w.walkers[i] = np_snapshot_walker_create(snapshot);
	sections_write(&w);
	if (w.shows_progress)
		fputs("\r\033[K", stderr);
	for (unsigned i = 0; i < w.threads; i++)
		np_snapshot_walker_destroy(w.walkers[i]);
	for (size_t i = 0; i < slots; i++)
		np_buf_deinit(&w.records[i]);
	free(w.walkers);
	free(w.records);
	*ret_locations = w.locations;
	if (w.ended && w.edges != np_snapshot_edge_count(snapshot)) /* a core that somebody writes to */
		return np_err_new(NP_EFAULT, "the memory changed while it was read: %llu references were counted, then %llu",
				  (unsigned long long)np_snapshot_edge_count(snapshot), (unsigned long long)w.edges);
	return np_heapsnapshot_finish(file, ret_bytes);
}

static np_err *output_stream(const struct np_invocation *inv, np_heapsnapshot **ret)
{
	if (inv->in_shell || isatty(STDOUT_FILENO))
		return np_err_new(NP_EUSAGE, "a heap snapshot is for programs: -o names a file; -o - is for a pipe");
	*ret = np_heapsnapshot_on(STDOUT_FILENO, "standard output");
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct np_heap_view *view;
	struct np_snapshot_options options = {.redact = inv->globals->redact ? redact : NULL};
	const char *path = inv->globals->output ? inv->globals->output : default_path(inv);
	bool is_stream = strcmp(path, "-") == 0;
	np_heapsnapshot *file;
	uint64_t locations, file_bytes;
	NP_TRY(is_stream ? output_stream(inv, &file) : np_heapsnapshot_create(path, &file)); /* before a heap is read for it */
	np_err *err = np_heap_view_get(inv, &view);
	if (!err)
		err = np_heap_view_need_reach(inv, view);
	if (err) {
		np_heapsnapshot_destroy(file);
		return err;
	}
	np_snapshot *snapshot = np_snapshot_create(view->graph, &view->roots, &view->reach, &options);
	err = write_all(snapshot, file, &locations, &file_bytes);
	if (!err && !is_stream) {
		inv->result = np_obj(inv->arena, &shape);
		np_set_str(inv->result, "file", path);
		np_set_uint(inv->result, "nodes", np_snapshot_node_count(snapshot));
		np_set_uint(inv->result, "edges", np_snapshot_edge_count(snapshot));
		np_set_uint(inv->result, "strings", np_snapshot_string_count(snapshot));
		np_set_uint(inv->result, "locations", locations);
		np_set_bytes(inv->result, "file_bytes", file_bytes);
	}
	np_snapshot_destroy(snapshot);
	np_heapsnapshot_destroy(file);
	return err;
}

const struct np_command np_cmd_snapshot = {
	.name = "snapshot",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY | NP_OWNS_OUTPUT,
	.summary = "writes a .heapsnapshot that Chrome DevTools and memlab open",
	.help = "Writes what the roots keep alive in the format of V8's own heap snapshots, with the names, sizes and edges\n"
		"that V8 would have written; the process does no work for it and needs no memory. -o names the file, else\n"
		"it is nopsy-PID-DATE.heapsnapshot in the working directory. The file is its owner's alone (mode 0600) and\n"
		"gets its name when it is whole; one that was there is replaced. --redact replaces the contents of strings\n"
		"by their length and a hash. -o - writes it to standard output, a part at a time.\n\n"
		"Of every Node.js version the dialect is that of Node 26. What only C++ code knows of its objects is not told,\n"
		"and identifiers follow from addresses, so that two snapshots of one process can be compared.\n\n"
		"A live process is copied in one short pause and goes on while the copy is looked at.",
	.examples = examples,
	.run = run,
};

/* nopsy snapshot: the heap as a .heapsnapshot, as V8 would have written it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static bool node_write(void *ctx, const struct np_snapshot_node *node)
{
	np_heapsnapshot *file = ctx;
	for (uint32_t i = 0; i < node->edge_count; i++)
		np_heapsnapshot_edge(file, node->edges[i].type, node->edges[i].name, node->edges[i].to);
	struct np_heapsnapshot_node n = {
		.type = node->type, .name = node->name, .id = node->id, .self_bytes = node->self_bytes};
	np_heapsnapshot_node(file, &n);
	if (node->has_location)
		np_heapsnapshot_location(file, node->script_id, node->line, node->column);
	return np_heapsnapshot_next(file);
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

static np_err *write_all(np_snapshot *snapshot, np_heapsnapshot *file, struct np_heapsnapshot_counts *ret)
{
	size_t bytes;
	np_snapshot_visit(snapshot, node_write, file);
	for (uint32_t i = 0; i < np_snapshot_string_count(snapshot); i++) {
		const char *text = np_snapshot_string(snapshot, i, &bytes);
		if (!np_heapsnapshot_string(file, text, bytes))
			break;
	}
	return np_heapsnapshot_finish(file, ret);
}

static np_err *run(struct np_invocation *inv)
{
	struct np_heap_view *view;
	struct np_heapsnapshot_counts counts;
	struct np_snapshot_options options = {.redact = inv->globals->redact ? redact : NULL};
	const char *path = inv->globals->output ? inv->globals->output : default_path(inv);
	np_heapsnapshot *file;
	if (strcmp(path, "-") == 0)
		return np_err_new(NP_EUSAGE, "a heap snapshot is written to a file: -o names it");
	NP_TRY(np_heapsnapshot_create(path, &file)); /* first: no heap is read for a file that cannot be */
	np_err *err = np_heap_view_get(inv, &view);
	if (!err)
		err = np_heap_view_need_reach(inv, view);
	if (!err) {
		np_snapshot *snapshot = np_snapshot_create(view->graph, &view->roots, &view->reach, &options);
		err = write_all(snapshot, file, &counts);
		np_snapshot_destroy(snapshot);
	}
	np_heapsnapshot_destroy(file);
	if (err)
		return err;
	inv->result = np_obj(inv->arena, &shape);
	np_set_str(inv->result, "file", path);
	np_set_uint(inv->result, "nodes", counts.nodes);
	np_set_uint(inv->result, "edges", counts.edges);
	np_set_uint(inv->result, "strings", counts.strings);
	np_set_uint(inv->result, "locations", counts.locations);
	np_set_bytes(inv->result, "file_bytes", counts.bytes);
	return NULL;
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
		"by their length and a hash.\n\n"
		"Of every Node.js version the dialect is that of Node 26. The objects of Node's own C++ code are not told,\n"
		"and identifiers follow from addresses, so that two snapshots of one process can be compared.\n\n"
		"A live process is copied in one short pause and goes on while the copy is looked at.",
	.examples = examples,
	.run = run,
};

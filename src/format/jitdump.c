#include "format/jitdump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text_ids.h"
#include "base/vec.h"
#include "format/side_file.h"

enum {
	MAGIC = 0x4a695444, /* "DTiJ" as it lies in the file */
	EM_OF_X86_64 = 62,
	HEADER_BYTES = 40,
	RECORD_HEADER_BYTES = 16,
	/* Larger records are read in part: their code is of no interest. */
	RECORD_READ_MAX = 64 << 20,
	LINES_MAX = 1 << 20, /* of one load */
	/* V8 tells positions as they will be in the ELF file that `perf inject` makes of the code: behind its header
	   (PerfJitLogger, src/diagnostics/perf-jit.cc). */
	ELF_HEADER_BYTES = 0x40,
};

enum record_id { CODE_LOAD, CODE_MOVE, CODE_DEBUG_INFO, CODE_CLOSE, CODE_UNWINDING_INFO };

struct line_entry {
	uint64_t offset; /* in the code */
	uint32_t line, column, file;
};

struct load {
	struct np_code_symbol symbol;
	uint64_t time_ns, index;
	size_t line_at, line_count; /* sorted by offset */
	uint32_t order;		    /* in the file */
};

struct np_jitdump {
	char *path;
	int fd;
	int64_t process_uid;
	int pid;
	uint64_t read_bytes;
	const char *problem;
	np_arena *arena; /* names */
	struct np_text_ids file_ids;
	NP_VEC(const char *) files; /* by number; in the arena */
	NP_VEC(struct load) loads; /* sorted by time when indexed */
	NP_VEC(struct line_entry) lines;

	/* the debug record that the next load takes */
	np_addr debug_addr;
	size_t debug_at, debug_count;
	bool has_debug;

	/* segment tree: node i has items[node_at[i] .. node_at[i + 1]) */
	np_addr *bounds;
	size_t bound_count;
	uint32_t *node_at, *items;
};

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* --- records --- */

static uint64_t range_end(np_addr start, uint64_t bytes)
{
	return bytes > UINT64_MAX - start ? UINT64_MAX : start + bytes;
}

static void load_add(np_jitdump *dump, struct load load)
{
	if (!load.symbol.size_bytes || dump->loads.len >= UINT32_MAX / 128)
		return;
	load.order = (uint32_t)dump->loads.len;
	np_vec_push(&dump->loads, load);
}

static void take_load(np_jitdump *dump, const uint8_t *p, size_t bytes, uint64_t time)
{
	enum { NAME_AT = 40 };
	if (bytes <= NAME_AT)
		return;
	const char *name = (const char *)p + NAME_AT;
	size_t n = strnlen(name, bytes - NAME_AT);
	if (n > NP_CODE_NAME_MAX)
		n = NP_CODE_NAME_MAX;
	struct load load = {.time_ns = time, .index = get64(p + 32)};
	load.symbol.start = get64(p + 16);
	load.symbol.size_bytes = get64(p + 24);
	load.symbol.name = np_arena_strndup(dump->arena, name, n);
	load.symbol.name_bytes = (uint32_t)n;
	if (dump->has_debug && dump->debug_addr == load.symbol.start) {
		load.line_at = dump->debug_at;
		load.line_count = dump->debug_count;
	}
	dump->has_debug = false;
	load_add(dump, load);
}

/* The youngest load with that index at the old place; V8 numbers them upwards, so it is mostly among the last. */
static const struct load *load_with(const np_jitdump *dump, uint64_t index, np_addr start)
{
	for (size_t i = dump->loads.len, steps = 0; i-- > 0 && steps < 100000; steps++)
		if (dump->loads.data[i].index == index && dump->loads.data[i].symbol.start == start)
			return &dump->loads.data[i];
	return NULL;
}

static void take_move(np_jitdump *dump, const uint8_t *p, size_t bytes, uint64_t time)
{
	if (bytes < 48)
		return;
	const struct load *old = load_with(dump, get64(p + 40), get64(p + 16));
	if (!old)
		return;
	struct load load = *old;
	load.symbol.start = get64(p + 24);
	load.symbol.size_bytes = get64(p + 32);
	load.time_ns = time;
	load_add(dump, load);
}

static int line_compare(const void *a, const void *b)
{
	const struct line_entry *x = a, *y = b;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static uint32_t file_number(np_jitdump *dump, const char *name)
{
	bool is_new;
	uint32_t number = np_text_id(&dump->file_ids, name, &is_new);
	if (is_new)
		np_vec_push(&dump->files, np_arena_strdup(dump->arena, name));
	return number;
}

static void take_debug(np_jitdump *dump, const uint8_t *p, size_t bytes)
{
	enum { ENTRY_BYTES = 16 };
	dump->has_debug = false;
	if (bytes < 16)
		return;
	const uint8_t *end = p + bytes;
	uint64_t count = get64(p + 8), least = UINT64_MAX;
	uint32_t file = 0;
	bool has_file = false;
	dump->debug_addr = get64(p);
	dump->debug_at = dump->lines.len;
	p += 16;
	for (uint64_t i = 0; i < count && i < LINES_MAX && (size_t)(end - p) > ENTRY_BYTES; i++) {
		const char *name = (const char *)p + ENTRY_BYTES;
		size_t n = strnlen(name, (size_t)(end - p) - ENTRY_BYTES);
		uint64_t addr = get64(p);
		if (n == (size_t)(end - p) - ENTRY_BYTES)
			break; /* not terminated */
		/* "\xff" is the name of the entry before */
		if (!(n == 1 && (uint8_t)name[0] == 0xff && has_file))
			file = file_number(dump, name);
		has_file = true;
		uint64_t offset = addr - dump->debug_addr;
		least = offset < least ? offset : least;
		np_vec_push(&dump->lines, (struct line_entry){offset, get32(p + 8), get32(p + 12), file});
		p += ENTRY_BYTES + n + 1;
	}
	struct line_entry *lines = dump->lines.data + dump->debug_at;
	dump->debug_count = dump->lines.len - dump->debug_at;
	if (!dump->debug_count)
		return;
	if (least >= ELF_HEADER_BYTES && least != UINT64_MAX)
		for (size_t i = 0; i < dump->debug_count; i++)
			lines[i].offset -= ELF_HEADER_BYTES;
	qsort(lines, dump->debug_count, sizeof(*lines), line_compare);
	dump->has_debug = true;
}

/* --- reading --- */

/* A window of the file; records are taken out of it one after the other. */
struct window {
	uint8_t *data;
	size_t cap, bytes;
	uint64_t at; /* file offset of data[0] */
};

/* n bytes from offset on, NULL when the file does not have them (yet). */
static const uint8_t *window_get(np_jitdump *dump, struct window *w, uint64_t offset, size_t n)
{
	if (offset >= w->at && offset - w->at <= w->bytes && w->bytes - (offset - w->at) >= n)
		return w->data + (offset - w->at);
	size_t want = n > (1 << 20) ? n : 1 << 20;
	if (want > w->cap) {
		w->data = np_xrealloc(w->data, want);
		w->cap = want;
	}
	w->at = offset;
	w->bytes = 0;
	while (w->bytes < want) {
		ssize_t got = pread(dump->fd, w->data + w->bytes, want - w->bytes, (off_t)(offset + w->bytes));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		w->bytes += (size_t)got;
	}
	return w->bytes >= n ? w->data : NULL;
}

/* How much of a record matters: of a load, what stands before its code. */
static size_t record_part(uint32_t id, size_t body)
{
	size_t part = body;
	if (id == CODE_LOAD && body > 40 + NP_CODE_NAME_MAX + 1)
		part = 40 + NP_CODE_NAME_MAX + 1;
	if (id == CODE_CLOSE || id == CODE_UNWINDING_INFO || id > CODE_UNWINDING_INFO)
		part = 0;
	return part < RECORD_READ_MAX ? part : RECORD_READ_MAX;
}

/* The records from read_bytes on; one that is not complete stays for the next time. */
static bool records_take(np_jitdump *dump)
{
	struct window w = {0};
	struct stat st;
	bool any = false;
	uint64_t size = fstat(dump->fd, &st) || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
	while (!dump->problem) {
		const uint8_t *p = window_get(dump, &w, dump->read_bytes, RECORD_HEADER_BYTES);
		if (!p)
			break;
		uint32_t id = get32(p), total = get32(p + 4);
		uint64_t time = get64(p + 8);
		if (total < RECORD_HEADER_BYTES) {
			dump->problem = "a record is shorter than its own header";
			break;
		}
		if (size < dump->read_bytes || size - dump->read_bytes < total)
			break;
		size_t part = record_part(id, total - RECORD_HEADER_BYTES);
		p = window_get(dump, &w, dump->read_bytes, RECORD_HEADER_BYTES + part);
		if (!p)
			break;
		p += RECORD_HEADER_BYTES;
		if (id == CODE_LOAD)
			take_load(dump, p, part, time);
		else if (id == CODE_MOVE)
			take_move(dump, p, part, time);
		else if (id == CODE_DEBUG_INFO)
			take_debug(dump, p, part);
		dump->read_bytes += total;
		any = true;
	}
	free(w.data);
	return any;
}

static np_err *header_take(np_jitdump *dump)
{
	uint8_t p[HEADER_BYTES];
	ssize_t n = pread(dump->fd, p, sizeof(p), 0);
	if (n < 0)
		return np_err_sys(NP_EIO, "reading '%s'", dump->path);
	if ((size_t)n < sizeof(p) || get32(p) != MAGIC)
		return np_err_new(NP_EFORMAT, "'%s' is no jitdump of a machine like this", dump->path);
	uint32_t version = get32(p + 4), bytes = get32(p + 8), machine = get32(p + 12);
	if (version != 1 || bytes < HEADER_BYTES)
		return np_err_new(NP_EFORMAT, "'%s' is a jitdump of version %u, of which nothing is known", dump->path, version);
	if (machine != EM_OF_X86_64)
		return np_err_new(NP_EFORMAT, "'%s' is a jitdump of another kind of machine (ELF number %u)", dump->path, machine);
	dump->pid = (int)get32(p + 20);
	dump->read_bytes = bytes;
	return NULL;
}

/* --- index --- */

static int load_compare(const void *a, const void *b)
{
	const struct load *x = a, *y = b;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int addr_compare(const void *a, const void *b)
{
	const np_addr *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* The last bound that is not above addr; SIZE_MAX: none. */
static size_t bound_at(const np_jitdump *dump, np_addr addr)
{
	size_t lo = 0, hi = dump->bound_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (dump->bounds[mid] <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* The nodes that make up a load's range; with items NULL they are counted in node_at, one place further. */
static void tree_put(np_jitdump *dump, size_t load, uint32_t *fill)
{
	const struct np_code_symbol *s = &dump->loads.data[load].symbol;
	size_t n = dump->bound_count;
	size_t l = bound_at(dump, s->start) + n, r = bound_at(dump, range_end(s->start, s->size_bytes)) + n;
	for (; l < r; l >>= 1, r >>= 1) {
		size_t nodes[2], count = 0;
		if (l & 1)
			nodes[count++] = l++;
		if (r & 1)
			nodes[count++] = --r;
		for (size_t i = 0; i < count; i++) {
			if (fill)
				dump->items[fill[nodes[i]]++] = (uint32_t)load;
			else
				dump->node_at[nodes[i] + 1]++;
		}
	}
}

static void index_drop(np_jitdump *dump)
{
	free(dump->bounds);
	free(dump->node_at);
	free(dump->items);
	dump->bounds = NULL;
	dump->node_at = dump->items = NULL;
	dump->bound_count = 0;
}

static void index_build(np_jitdump *dump)
{
	size_t n = dump->loads.len, bounds = 0;
	index_drop(dump);
	if (!n)
		return;
	qsort(dump->loads.data, n, sizeof(*dump->loads.data), load_compare);
	dump->bounds = np_xmalloc(2 * n * sizeof(*dump->bounds));
	for (size_t i = 0; i < n; i++) {
		const struct np_code_symbol *s = &dump->loads.data[i].symbol;
		dump->bounds[2 * i] = s->start;
		dump->bounds[2 * i + 1] = range_end(s->start, s->size_bytes);
	}
	qsort(dump->bounds, 2 * n, sizeof(*dump->bounds), addr_compare);
	for (size_t i = 0; i < 2 * n; i++)
		if (!bounds || dump->bounds[bounds - 1] != dump->bounds[i])
			dump->bounds[bounds++] = dump->bounds[i];
	dump->bound_count = bounds;
	dump->node_at = np_xcalloc(2 * bounds + 1, sizeof(*dump->node_at));
	for (size_t i = 0; i < n; i++)
		tree_put(dump, i, NULL);
	for (size_t i = 0; i < 2 * bounds; i++)
		dump->node_at[i + 1] += dump->node_at[i];
	dump->items = np_xmalloc((dump->node_at[2 * bounds] + 1) * sizeof(*dump->items));
	uint32_t *fill = np_xmalloc(2 * bounds * sizeof(*fill));
	memcpy(fill, dump->node_at, 2 * bounds * sizeof(*fill));
	for (size_t i = 0; i < n; i++)
		tree_put(dump, i, fill);
	free(fill);
}

/* Of one node: the youngest load that is not younger than time, and when the next one came. */
static void node_look(const np_jitdump *dump, size_t node, uint64_t time, uint32_t *best, uint64_t *next)
{
	size_t from = dump->node_at[node], lo = from, hi = dump->node_at[node + 1], end = hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (dump->loads.data[dump->items[mid]].time_ns <= time)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < end && dump->loads.data[dump->items[lo]].time_ns < *next)
		*next = dump->loads.data[dump->items[lo]].time_ns;
	/* loads are in the order of time: the greater number is the younger one */
	if (lo > from && (*best == UINT32_MAX || dump->items[lo - 1] > *best))
		*best = dump->items[lo - 1];
}

void np_jitdump_find(const np_jitdump *dump, np_addr addr, uint64_t time_ns, struct np_jitdump_hit *ret)
{
	*ret = (struct np_jitdump_hit){.load = UINT32_MAX, .to_ns = UINT64_MAX};
	size_t leaf = bound_at(dump, addr);
	if (leaf == SIZE_MAX)
		return;
	for (size_t node = leaf + dump->bound_count; node > 0; node >>= 1)
		node_look(dump, node, time_ns, &ret->load, &ret->to_ns);
	if (ret->load == UINT32_MAX)
		return;
	ret->symbol = &dump->loads.data[ret->load].symbol;
	ret->from_ns = dump->loads.data[ret->load].time_ns;
}

bool np_jitdump_line(const np_jitdump *dump, uint32_t load, np_addr addr, struct np_jitdump_line *ret)
{
	if (load >= dump->loads.len)
		return false;
	const struct load *l = &dump->loads.data[load];
	const struct line_entry *lines = dump->lines.data + l->line_at;
	uint64_t offset = addr - l->symbol.start;
	size_t lo = 0, hi = l->line_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (lines[mid].offset <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || !lines[lo - 1].line || lines[lo - 1].line > INT32_MAX)
		return false;
	uint32_t column = lines[lo - 1].column;
	*ret = (struct np_jitdump_line){.file = dump->files.data[lines[lo - 1].file], .line = (int)lines[lo - 1].line,
					.column = column <= INT32_MAX ? (int)column : 0};
	return true;
}

/* --- life --- */

np_err *np_jitdump_open(const char *path, int64_t process_uid, np_jitdump **ret)
{
	np_jitdump *dump = np_xcalloc(1, sizeof(*dump));
	bool regular;
	dump->path = np_xstrdup(path);
	dump->fd = -1;
	dump->process_uid = process_uid;
	dump->arena = np_arena_create();
	np_err *err = np_side_file_open(path, process_uid, &dump->fd, &regular);
	if (!err && !regular)
		err = np_err_new(NP_EFORMAT, "'%s' is no regular file", path);
	if (!err)
		err = header_take(dump);
	if (err) {
		np_jitdump_close(dump);
		return err;
	}
	records_take(dump);
	index_build(dump);
	*ret = dump;
	return NULL;
}

void np_jitdump_close(np_jitdump *dump)
{
	if (!dump)
		return;
	index_drop(dump);
	np_vec_deinit(&dump->loads);
	np_vec_deinit(&dump->lines);
	np_text_ids_deinit(&dump->file_ids);
	np_vec_deinit(&dump->files);
	np_arena_destroy(dump->arena);
	free(dump->path);
	if (dump->fd >= 0)
		close(dump->fd);
	free(dump);
}

bool np_jitdump_refresh(np_jitdump *dump)
{
	struct stat st;
	if (dump->problem || fstat(dump->fd, &st) || (uint64_t)st.st_size < dump->read_bytes + RECORD_HEADER_BYTES ||
	    !records_take(dump))
		return false;
	index_build(dump);
	return true;
}

int np_jitdump_pid(const np_jitdump *dump)
{
	return dump->pid;
}

bool np_jitdump_times(const np_jitdump *dump, uint64_t *first_ns, uint64_t *last_ns)
{
	if (!dump->loads.len)
		return false;
	*first_ns = dump->loads.data[0].time_ns;
	*last_ns = dump->loads.data[dump->loads.len - 1].time_ns;
	return true;
}

size_t np_jitdump_count(const np_jitdump *dump)
{
	return dump->loads.len;
}

const char *np_jitdump_problem(const np_jitdump *dump)
{
	return dump->problem;
}

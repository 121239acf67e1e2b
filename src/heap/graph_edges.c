/*
 * The edges: references in objects, as rows of targets.  Each worker gathers
 * those of a page in memory of its own; they go behind those of the page before
 * as soon as that one's number is known.  How many there will be is not known:
 * address space for as many as the heap has words is reserved, and what is not
 * used of it is given back.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/parallel.h"
#include "heap/graph_internal.h"

/* movabs r64, imm64: REX.W (with or without B), B8+r */
enum { REX_W = 0x48, REX_WB = 0x49, MOVABS = 0xb8, MOVABS_MASK = 0xf8 };

struct scratch {
	uint32_t *targets;
	size_t cap;
};

struct edges_run {
	np_graph *graph;
	struct scratch *scratch; /* one a worker */
	pthread_mutex_t lock;
	pthread_cond_t turn;
	size_t next_page; /* whose edges come next */
	uint64_t total;
};

/* Where the edges of one object go: either may be NULL. */
struct row {
	uint32_t *targets, *offsets;
	uint32_t count;
	uint32_t last_offset;
};

static inline void row_push(struct row *row, uint32_t edge, uint32_t offset)
{
	if (row->targets)
		row->targets[row->count] = edge;
	if (row->offsets)
		row->offsets[row->count] = offset;
	row->last_offset = offset;
	row->count++;
}

static inline bool is_weak_field(const struct graph_shape *s, uint32_t offset)
{
	for (size_t i = 0; i < GRAPH_WEAK_FIELDS_MAX && s->weak_fields[i]; i++)
		if (s->weak_fields[i] == offset)
			return true;
	return false;
}

/*
 * Objects whose addresses are operands of the machine code.  Optimised code does
 * not keep them alive (V8 throws the code away instead); full-codegen code did.
 */
static void code_edges(const np_graph *g, const uint8_t *bytes, uint32_t from, uint32_t size, struct row *row)
{
	for (uint32_t at = from; at + 10 <= size && row->count < size >> 3; at++) {
		if ((bytes[at] != REX_W && bytes[at] != REX_WB) || (bytes[at + 1] & MOVABS_MASK) != MOVABS)
			continue;
		uint64_t word = graph_word(bytes + at + 2);
		if ((word & 3) != 1)
			continue;
		np_vertex target = graph_find(g, word - 1);
		if (target != NP_VERTEX_NONE)
			row_push(row, target | g->code_weak, at + 2);
	}
}

static inline __attribute__((always_inline)) void object_edges(const np_graph *g, const struct graph_shape *s,
								const uint8_t *bytes, uint64_t size, struct row *row,
								uint32_t most)
{
	uint32_t end = size < s->tagged_end ? (uint32_t)size : s->tagged_end;
	/* The map; it is a reference like any other. */
	if (s->map_node != NP_VERTEX_NONE)
		row_push(row, s->map_node, 0);
	for (uint32_t at = s->tagged_start; at + 8 <= end && row->count < most; at += 8) {
		uint64_t word = graph_word(bytes + at);
		if (!(word & 1))
			continue;
		np_vertex target = graph_find(g, word & ~(uint64_t)3);
		if (target == NP_VERTEX_NONE)
			continue;
		bool weak = (word & 2) || (s->weak_fields[0] && is_weak_field(s, at));
		row_push(row, target | (weak ? NP_EDGE_WEAK : 0), at);
	}
	if (s->entry_at && s->entry_at + 8ull <= size) {
		np_vertex code = graph_find(g, graph_word(bytes + s->entry_at) - s->entry_in_code);
		if (code != NP_VERTEX_NONE)
			row_push(row, code, s->entry_at);
	}
	if (s->is_code && size <= UINT32_MAX && row->count < most)
		code_edges(g, bytes, end, (uint32_t)size, row);
}

static const uint8_t *node_bytes(const np_graph *g, np_vertex node)
{
	const struct graph_page *p = &g->pages.data[g->places[node] >> g->word_bits];
	return p->bytes + ((size_t)(g->places[node] & ((1u << g->word_bits) - 1)) << 3);
}

/* Place of the first owner of external memory from node on. */
static size_t externals_from(const np_graph *g, np_vertex node)
{
	size_t low = 0, high = g->externals.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (g->externals.data[mid].holder < node)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint32_t *scratch_room(struct scratch *s, size_t used, size_t more)
{
	if (s->cap - used < more) {
		s->cap = (used + more) * 2;
		s->targets = np_xrealloc(s->targets, s->cap * sizeof(*s->targets));
	}
	return s->targets + used;
}

/* Edges of the objects of a page, into scratch; their numbers into rows. Where the processor counts bits itself, a look-up
 * is half as long. */
__attribute__((target_clones("popcnt", "default"))) static size_t page_edges(np_graph *g, const struct graph_page *p,
									      struct scratch *scratch)
{
	size_t used = 0, external = externals_from(g, p->first);
	for (np_vertex node = p->first; node < p->first + p->count; node++) {
		uint32_t words = graph_words(g, node);
		struct row row = {.targets = scratch_room(scratch, used, (size_t)words + 1)};
		object_edges(g, graph_shape(g, node), node_bytes(g, node), (uint64_t)words << 3, &row, UINT32_MAX);
		if (external < g->externals.len && g->externals.data[external].holder == node)
			row.targets[row.count++] = g->externals.data[external++].node;
		g->rows[node + 1] = row.count;
		used += row.count;
	}
	return used;
}

/* Waits until all pages before are done: where the edges of this one go. */
static uint64_t run_reserve(struct edges_run *run, size_t page, size_t count)
{
	pthread_mutex_lock(&run->lock);
	while (run->next_page != page)
		pthread_cond_wait(&run->turn, &run->lock);
	uint64_t at = run->total;
	run->total += count;
	run->next_page++;
	pthread_cond_broadcast(&run->turn);
	pthread_mutex_unlock(&run->lock);
	return at;
}

static void run_page(void *ctx, size_t item, unsigned worker)
{
	struct edges_run *run = ctx;
	np_graph *g = run->graph;
	const struct graph_page *p = &g->pages.data[item];
	struct scratch *scratch = &run->scratch[worker];
	size_t count = page_edges(g, p, scratch);
	uint64_t at = run_reserve(run, item, count);
	if (count)
		memcpy(g->edges + at, scratch->targets, count * sizeof(*scratch->targets));
	if (worker == 0 && g->options.progress)
		g->options.progress(g->options.progress_ctx, "following references",
				    (uint64_t)item * g->report.page_bytes / g->pages.len, g->report.page_bytes);
}

/* An object has no more references than words, and one more when it owns memory. */
static np_err *edges_map(np_graph *g)
{
	uint64_t max = g->externals.len + 1;
	for (size_t i = 0; i < g->pages.len; i++)
		max += (g->pages.data[i].end - g->pages.data[i].start) >> 3;
	g->edges_mapped_bytes = max * sizeof(*g->edges);
	void *p = mmap(NULL, g->edges_mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		uint64_t wanted = g->edges_mapped_bytes;
		g->edges_mapped_bytes = 0;
		return np_err_new(NP_ELIMIT, "no address space for the references of the heap (%llu MiB)",
				  (unsigned long long)(wanted >> 20));
	}
	madvise(p, g->edges_mapped_bytes, MADV_HUGEPAGE);
	g->edges = p;
	return NULL;
}

static void edges_trim(np_graph *g, uint64_t count)
{
	size_t bytes = (size_t)(count ? count : 1) * sizeof(*g->edges);
	void *p = mremap(g->edges, g->edges_mapped_bytes, bytes, 0);
	if (p == MAP_FAILED)
		return; /* untouched pages cost nothing */
	g->edges_mapped_bytes = bytes;
}

void np_graph_find_maps(np_graph *g)
{
	for (size_t i = 0; i < g->shapes.len; i++)
		g->shapes.data[i]->map_node = graph_find(g, g->shapes.data[i]->shape.map_addr);
}

np_err *np_graph_connect(np_graph *g)
{
	uint64_t total = 0;
	struct edges_run run = {.graph = g, .lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER};
	NP_TRY(edges_map(g));
	np_graph_find_maps(g);
	g->rows = np_xcalloc_huge((size_t)g->node_count + 1, sizeof(*g->rows));
	run.scratch = np_xcalloc(g->threads, sizeof(*run.scratch));
	np_parallel(g->pages.len, g->threads, run_page, &run);
	for (unsigned i = 0; i < g->threads; i++)
		free(run.scratch[i].targets);
	free(run.scratch);
	if (run.total > UINT32_MAX)
		return np_err_new(NP_ELIMIT, "the heap has more than 4294967295 references");
	for (np_vertex node = 0; node < g->node_count; node++) {
		total += g->rows[node + 1];
		g->rows[node + 1] = (uint32_t)total;
	}
	g->report.edge_count = total;
	edges_trim(g, total);
	return NULL;
}

bool np_graph_edge_offset(const np_graph *g, np_vertex holder, uint32_t k, uint32_t *ret)
{
	uint32_t count = g->rows[holder + 1] - g->rows[holder];
	if (holder >= g->object_count || k >= count)
		return false;
	struct row row = {0};
	object_edges(g, graph_shape(g, holder), node_bytes(g, holder), (uint64_t)graph_words(g, holder) << 3, &row, k + 1);
	bool found = k + 1 == row.count;
	uint32_t offset = row.last_offset;
	if (!found || offset & 7)
		return false;
	*ret = offset;
	return true;
}

uint32_t np_graph_edge_offsets(const np_graph *g, np_vertex holder, uint32_t *ret)
{
	struct row row = {.offsets = ret};
	if (holder >= g->object_count)
		return 0;
	const struct graph_shape *s = graph_shape(g, holder);
	object_edges(g, s, node_bytes(g, holder), (uint64_t)graph_words(g, holder) << 3, &row, UINT32_MAX);
	return row.count;
}

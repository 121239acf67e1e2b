/*
 * The edges: references in objects, as rows of targets.  The pages are passed
 * twice in the same way, to count and to fill.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "heap/graph_internal.h"

/* movabs r64, imm64: REX.W (with or without B), B8+r */
enum { REX_W = 0x48, REX_WB = 0x49, MOVABS = 0xb8, MOVABS_MASK = 0xf8 };

struct edges_run {
	np_graph *graph;
	bool fill;
	_Atomic uint64_t done_bytes;
};

/* Where the edges of one object go; targets NULL: they are only counted. */
struct row {
	uint32_t *targets, *offsets;
	uint32_t count;
};

static inline void row_push(struct row *row, uint32_t edge, uint32_t offset)
{
	if (row->targets)
		row->targets[row->count] = edge;
	if (row->offsets)
		row->offsets[row->count] = offset;
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
	for (uint32_t at = from; at + 10 <= size; at++) {
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

static inline __attribute__((always_inline)) void object_edges(const np_graph *g, const struct graph_shape *s, const uint8_t *bytes, uint64_t size,
			 struct row *row)
{
	uint32_t end = size < s->tagged_end ? (uint32_t)size : s->tagged_end;
	/* The map; it is a reference like any other. */
	np_vertex map = graph_find(g, s->shape.map_addr);
	if (map != NP_VERTEX_NONE)
		row_push(row, map, 0);
	for (uint32_t at = s->tagged_start; at + 8 <= end; at += 8) {
		uint64_t word = graph_word(bytes + at);
		if (!(word & 1))
			continue;
		np_vertex target = graph_find(g, word & ~(uint64_t)3);
		if (target == NP_VERTEX_NONE)
			continue;
		bool weak = (word & 2) || (s->weak_fields[0] && is_weak_field(s, at));
		row_push(row, target | (weak ? NP_EDGE_WEAK : 0), at);
	}
	if (s->is_code && size <= UINT32_MAX)
		code_edges(g, bytes, end, (uint32_t)size, row);
}

static const uint8_t *node_bytes(const np_graph *g, np_vertex node, const struct graph_page **page)
{
	const struct graph_page *p = &g->pages.data[g->places[node] >> g->word_bits];
	*page = p;
	return p->bytes + ((size_t)(g->places[node] & ((1u << g->word_bits) - 1)) << 3);
}

/* Where the processor counts bits itself, a look-up is half as long. */
__attribute__((target_clones("popcnt", "default"))) static void page_edges(void *ctx, size_t item, unsigned worker)
{
	struct edges_run *run = ctx;
	np_graph *g = run->graph;
	const struct graph_page *p = &g->pages.data[item];
	for (np_vertex node = p->first; node < p->first + p->count; node++) {
		const struct graph_page *same;
		struct row row = {0};
		if (run->fill)
			row.targets = g->edges + g->rows[node];
		object_edges(g, g->shapes.data[g->shape_of[node]], node_bytes(g, node, &same), (uint64_t)g->sizes[node] << 3,
			     &row);
		if (!run->fill)
			g->rows[node + 1] = row.count;
	}
	uint64_t done = atomic_fetch_add(&run->done_bytes, p->end - p->start);
	if (worker == 0 && g->options.progress)
		g->options.progress(g->options.progress_ctx, run->fill ? "following references" : "counting references", done,
				    g->report.page_bytes);
}

static void externals_count(np_graph *g)
{
	for (size_t i = 0; i < g->externals.len; i++)
		g->rows[g->externals.data[i].holder + 1]++;
}

/* Behind the holder's other edges. */
static void externals_fill(np_graph *g)
{
	for (size_t i = 0; i < g->externals.len; i++) {
		const struct graph_external *e = &g->externals.data[i];
		g->edges[g->rows[e->holder + 1] - 1] = e->node;
	}
}

np_err *np_graph_connect(np_graph *g)
{
	uint64_t total = 0;
	struct edges_run run = {.graph = g};
	g->rows = np_xcalloc_huge((size_t)g->node_count + 1, sizeof(*g->rows));
	np_parallel(g->pages.len, g->threads, page_edges, &run);
	externals_count(g);
	for (np_vertex node = 0; node < g->node_count; node++) {
		total += g->rows[node + 1];
		if (total > UINT32_MAX)
			return np_err_new(NP_ELIMIT, "the heap has more than 4294967295 references");
		g->rows[node + 1] = (uint32_t)total;
	}
	g->report.edge_count = total;
	g->edges = np_xmalloc_huge((size_t)(total ? total : 1) * sizeof(*g->edges));
	struct edges_run fill = {.graph = g, .fill = true};
	np_parallel(g->pages.len, g->threads, page_edges, &fill);
	externals_fill(g);
	return NULL;
}

bool np_graph_edge_offset(const np_graph *g, np_vertex holder, uint32_t k, uint32_t *ret)
{
	const struct graph_page *p;
	uint32_t count = g->rows[holder + 1] - g->rows[holder];
	if (holder >= g->object_count || k >= count)
		return false;
	uint32_t *offsets = np_xmalloc(count * sizeof(*offsets));
	struct row row = {.offsets = offsets};
	const struct graph_shape *s = g->shapes.data[g->shape_of[holder]];
	object_edges(g, s, node_bytes(g, holder, &p), (uint64_t)g->sizes[holder] << 3, &row);
	bool found = k < row.count;
	uint32_t offset = found ? offsets[k] : 0;
	free(offsets);
	if (!found || offset & 7)
		return false;
	*ret = offset;
	return true;
}

uint32_t np_graph_edge_offsets(const np_graph *g, np_vertex holder, uint32_t *ret)
{
	const struct graph_page *p;
	struct row row = {.offsets = ret};
	if (holder >= g->object_count)
		return 0;
	const struct graph_shape *s = g->shapes.data[g->shape_of[holder]];
	object_edges(g, s, node_bytes(g, holder, &p), (uint64_t)g->sizes[holder] << 3, &row);
	return row.count;
}

/* --- the other way round --- */

static void referrers_build(np_graph *g)
{
	size_t n = g->node_count;
	uint32_t *rows = np_xcalloc_huge(n + 2, sizeof(*rows));
	for (uint32_t e = 0; e < g->rows[n]; e++)
		rows[np_edge_target(g->edges[e]) + 2]++;
	for (size_t i = 2; i <= n + 1; i++)
		rows[i] += rows[i - 1];
	uint32_t *back = np_xmalloc_huge((size_t)(g->rows[n] ? g->rows[n] : 1) * sizeof(*back));
	for (np_vertex holder = 0; holder < n; holder++)
		for (uint32_t e = g->rows[holder]; e < g->rows[holder + 1]; e++)
			back[rows[np_edge_target(g->edges[e]) + 1]++] = holder | (g->edges[e] & NP_EDGE_WEAK);
	g->back_rows = rows;
	g->back_edges = back;
}

struct np_edges np_graph_referrers(np_graph *g, np_vertex node)
{
	if (node >= g->node_count)
		return (struct np_edges){0};
	if (!g->back_rows)
		referrers_build(g);
	return (struct np_edges){g->back_edges + g->back_rows[node], g->back_rows[node + 1] - g->back_rows[node]};
}

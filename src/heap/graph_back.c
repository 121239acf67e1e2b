/* The edges the other way round: for single nodes by a pass over all edges, for many by reverse rows. */
#include <stdlib.h>

#include "base/parallel.h"
#include "heap/graph_internal.h"

/* So many passes cost about what the rows do. */
enum { SCANS_MAX = 8, CHUNK_NODES = 256 << 10 };

/* --- all of them --- */

static void rows_build(np_graph *g)
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

/* --- some of them --- */

struct hit {
	np_vertex target;
	uint32_t holder; /* NP_EDGE_WEAK as in rows */
};

struct hits {
	NP_VEC(struct hit) all;
};

struct scan {
	const np_graph *graph;
	const uint64_t *wanted; /* a bit a node */
	struct hits *chunks;
};

static void scan_chunk(void *ctx, size_t item, unsigned worker)
{
	struct scan *s = ctx;
	const np_graph *g = s->graph;
	np_vertex from = (np_vertex)item * CHUNK_NODES;
	np_vertex end = g->node_count - from > CHUNK_NODES ? from + CHUNK_NODES : g->node_count;
	np_vertex holder = from;
	(void)worker;
	for (uint32_t e = g->rows[from]; e < g->rows[end]; e++) {
		np_vertex target = np_edge_target(g->edges[e]);
		if (!(s->wanted[target / 64] >> (target % 64) & 1))
			continue;
		while (g->rows[holder + 1] <= e)
			holder++;
		np_vec_push(&s->chunks[item].all, (struct hit){target, holder | (g->edges[e] & NP_EDGE_WEAK)});
	}
}

static struct graph_referrers *known(const np_graph *g, np_vertex node)
{
	size_t low = 0, high = g->referrers.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (g->referrers.data[mid].node < node)
			low = mid + 1;
		else
			high = mid;
	}
	return low < g->referrers.len && g->referrers.data[low].node == node ? &g->referrers.data[low] : NULL;
}

static int referrers_compare(const void *a, const void *b)
{
	np_vertex x = ((const struct graph_referrers *)a)->node, y = ((const struct graph_referrers *)b)->node;
	return x < y ? -1 : x > y;
}

/* What the chunks found, in their order: holders ascend. */
static void hits_share(np_graph *g, struct scan *s, size_t chunks)
{
	for (size_t i = 0; i < chunks; i++)
		for (size_t k = 0; k < s->chunks[i].all.len; k++)
			known(g, s->chunks[i].all.data[k].target)->count++;
	for (size_t i = 0; i < g->referrers.len; i++) {
		struct graph_referrers *r = &g->referrers.data[i];
		if (r->holders)
			continue;
		r->holders = np_xmalloc(((size_t)r->count + 1) * sizeof(*r->holders));
		r->count = 0;
	}
	for (size_t i = 0; i < chunks; i++)
		for (size_t k = 0; k < s->chunks[i].all.len; k++) {
			struct graph_referrers *r = known(g, s->chunks[i].all.data[k].target);
			r->holders[r->count++] = s->chunks[i].all.data[k].holder;
		}
}

void np_graph_want_referrers(np_graph *g, const np_vertex *nodes, size_t count)
{
	uint64_t *wanted = np_xcalloc((size_t)g->node_count / 64 + 1, sizeof(*wanted));
	size_t chunks = ((size_t)g->node_count + CHUNK_NODES - 1) / CHUNK_NODES, before = g->referrers.len;
	for (size_t i = 0; i < count && !g->back_rows; i++) {
		uint64_t bit = 1ull << (nodes[i] % 64);
		bool is_known = before && bsearch(&(struct graph_referrers){.node = nodes[i]}, g->referrers.data, before,
						  sizeof(*g->referrers.data), referrers_compare);
		if (nodes[i] >= g->node_count || is_known || wanted[nodes[i] / 64] & bit)
			continue;
		wanted[nodes[i] / 64] |= bit;
		np_vec_push(&g->referrers, (struct graph_referrers){.node = nodes[i]});
	}
	if (g->referrers.len > before) {
		struct scan scan = {.graph = g, .wanted = wanted, .chunks = np_xcalloc(chunks + 1, sizeof(*scan.chunks))};
		qsort(g->referrers.data, g->referrers.len, sizeof(*g->referrers.data), referrers_compare);
		np_parallel(chunks, g->threads ? g->threads : 1, scan_chunk, &scan);
		hits_share(g, &scan, chunks);
		for (size_t i = 0; i < chunks; i++)
			np_vec_deinit(&scan.chunks[i].all);
		free(scan.chunks);
	}
	free(wanted);
}

struct np_edges np_graph_referrers(np_graph *g, np_vertex node)
{
	if (node >= g->node_count)
		return (struct np_edges){0};
	const struct graph_referrers *r = g->back_rows ? NULL : known(g, node);
	if (!r && !g->back_rows && g->referrer_scans < SCANS_MAX) {
		g->referrer_scans++;
		np_graph_want_referrers(g, &node, 1);
		r = known(g, node);
	}
	if (r)
		return (struct np_edges){r->holders, r->count};
	if (!g->back_rows)
		rows_build(g);
	return (struct np_edges){g->back_edges + g->back_rows[node], g->back_rows[node + 1] - g->back_rows[node]};
}

void np_graph_referrers_deinit(np_graph *g)
{
	for (size_t i = 0; i < g->referrers.len; i++)
		free(g->referrers.data[i].holders);
	np_vec_deinit(&g->referrers);
	free(g->back_rows);
	free(g->back_edges);
}

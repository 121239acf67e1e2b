#include "heap/graph.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/parallel.h"
#include "heap/graph_internal.h"

static np_err *graph_fill(np_graph *g)
{
	NP_TRY(np_graph_index(g));
	NP_TRY(np_graph_find_externals(g));
	np_graph_find_contexts(g);
	np_graph_find_weak_slots(g);
	NP_TRY(np_graph_connect(g));
	np_graph_find_ephemerons(g);
	return NULL;
}

np_graph *np_graph_new(np_heap *heap, const struct np_graph_options *options)
{
	np_graph *g = np_xcalloc(1, sizeof(*g));
	g->heap = heap;
	g->v8 = np_heap_v8(heap);
	g->options = *options;
	g->threads = options->threads ? options->threads : np_parallel_threads(UINT32_MAX);
	g->code_weak = np_has(g->v8->layout, NP_F_CodeKind_function) ? 0 : NP_EDGE_WEAK;
	g->arena = np_arena_create();
	g->shape_table = np_shape_table_create(g);
	return g;
}

np_err *np_graph_build(np_heap *heap, const struct np_graph_options *options, np_graph **ret)
{
	np_graph *g = np_graph_new(heap, options);
	np_err *err = graph_fill(g);
	if (err) {
		np_graph_destroy(g);
		return err;
	}
	*ret = g;
	return NULL;
}

static void arrays_free(np_graph *g)
{
	for (size_t i = 0; i < g->pages.len; i++) {
		free(g->pages.data[i].starts);
		free(g->pages.data[i].ranks);
	}
	np_vec_deinit(&g->far_sizes);
	np_vec_deinit(&g->externals);
	np_vec_deinit(&g->ephemerons);
	free(g->places);
	free(g->words);
	free(g->shapes_narrow);
	free(g->shapes_wide);
	free(g->external_addrs);
	free(g->external_sizes);
	free(g->rows);
	if (g->edges_mapped_bytes)
		munmap(g->edges, g->edges_mapped_bytes);
}

void np_graph_destroy(np_graph *g)
{
	if (!g)
		return;
	if (!g->is_mapped)
		arrays_free(g);
	for (size_t i = 0; i < g->pages.len; i++)
		free(g->pages.data[i].owned);
	np_vec_deinit(&g->pages);
	np_vec_deinit(&g->shapes);
	np_shape_table_destroy(g->shape_table);
	np_arena_destroy(g->arena);
	free(g->unit_keys);
	free(g->unit_pages);
	np_graph_referrers_deinit(g);
	free(g);
}

const struct np_graph_report *np_graph_report(const np_graph *g)
{
	return &g->report;
}

np_heap *np_graph_heap(const np_graph *g)
{
	return g->heap;
}

bool np_graph_has_isolate(const np_graph *g, np_addr isolate)
{
	return !g->options.isolate || isolate == g->options.isolate;
}

np_vertex np_graph_node_count(const np_graph *g)
{
	return g->node_count;
}

np_vertex np_graph_object_count(const np_graph *g)
{
	return g->object_count;
}

static const struct graph_page *page_of_node(const np_graph *g, np_vertex node, uint64_t *offset)
{
	uint32_t place = g->places[node];
	*offset = (uint64_t)(place & ((1u << g->word_bits) - 1)) << 3;
	return &g->pages.data[place >> g->word_bits];
}

np_addr np_graph_address(const np_graph *g, np_vertex node)
{
	uint64_t offset;
	if (node >= g->node_count)
		return 0;
	if (node >= g->object_count)
		return g->external_addrs[node - g->object_count];
	return page_of_node(g, node, &offset)->start + offset;
}

uint32_t np_graph_far_words(const np_graph *g, np_vertex node)
{
	size_t low = 0, high = g->far_sizes.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (g->far_sizes.data[mid].node < node)
			low = mid + 1;
		else
			high = mid;
	}
	return g->far_sizes.data[low].words;
}

uint64_t np_graph_size(const np_graph *g, np_vertex node)
{
	if (node >= g->node_count)
		return 0;
	return node >= g->object_count ? g->external_sizes[node - g->object_count] : (uint64_t)graph_words(g, node) << 3;
}

const struct np_page *np_graph_page(const np_graph *g, np_vertex node)
{
	uint64_t offset;
	return node < g->object_count ? page_of_node(g, node, &offset)->page : NULL;
}

const uint8_t *np_graph_bytes(const np_graph *g, np_vertex node)
{
	uint64_t offset;
	if (node >= g->object_count)
		return NULL;
	const struct graph_page *p = page_of_node(g, node, &offset);
	return p->bytes ? p->bytes + offset : NULL;
}

np_vertex np_graph_find(const np_graph *g, np_addr addr)
{
	return graph_find(g, addr & ~(np_addr)3);
}

np_vertex np_graph_find_inside(const np_graph *g, np_addr addr)
{
	const struct graph_page *p = graph_page_of(g, addr);
	np_vertex node = NP_VERTEX_NONE;
	if (!p || addr < p->start || addr >= p->end || !p->count)
		return NP_VERTEX_NONE;
	uint64_t word = (addr - p->start) >> 3;
	if (p->starts) {
		uint64_t upto = p->starts[word >> 6] & (word % 64 == 63 ? ~0ull : (1ull << (word % 64 + 1)) - 1);
		uint32_t rank = p->ranks[word >> 6] + (uint32_t)__builtin_popcountll(upto);
		if (!rank)
			return NP_VERTEX_NONE;
		node = p->first + rank - 1;
	} else {
		node = p->first;
	}
	return addr - np_graph_address(g, node) < np_graph_size(g, node) ? node : NP_VERTEX_NONE;
}

uint32_t np_graph_shape_count(const np_graph *g)
{
	return (uint32_t)g->shapes.len;
}

const struct np_vertex_shape *np_graph_shape(const np_graph *g, uint32_t shape)
{
	return &g->shapes.data[shape]->shape;
}

uint32_t np_graph_shape_of(const np_graph *g, np_vertex node)
{
	return graph_shape_of(g, node);
}

struct np_edges np_graph_edges(const np_graph *g, np_vertex node)
{
	if (node >= g->node_count)
		return (struct np_edges){0};
	return (struct np_edges){g->edges + g->rows[node], g->rows[node + 1] - g->rows[node]};
}

size_t np_graph_ephemeron_count(const np_graph *g)
{
	return g->ephemerons.len;
}

const struct np_ephemeron *np_graph_ephemerons(const np_graph *g)
{
	return g->ephemerons.data;
}

/*
 * A graph in a file and back.  Pages and shapes are found again in the core,
 * which is quick; what took the passes over the heap comes from the file, as it
 * is mapped.
 */
#include <stdlib.h>

#include "base/sections.h"
#include "heap/graph_internal.h"

struct saved_counts {
	struct np_graph_report report;
	uint32_t object_count, node_count, word_bits, page_count;
};

struct saved_page {
	np_addr start, end;
	uint32_t first, count;
	uint32_t has_starts, pad;
};

struct saved_shape {
	np_addr map_addr;
	uint32_t kind, pad;
};

static size_t page_groups(const struct graph_page *p)
{
	return ((size_t)((p->end - p->start) >> 3) + 63) / 64;
}

static void save_pages(const np_graph *g, struct np_sections_out *out)
{
	struct saved_page *pages = np_xcalloc(g->pages.len + 1, sizeof(*pages));
	NP_VEC(uint64_t) starts = {0};
	NP_VEC(uint32_t) ranks = {0};
	for (size_t i = 0; i < g->pages.len; i++) {
		const struct graph_page *p = &g->pages.data[i];
		pages[i] = (struct saved_page){p->start, p->end, p->first, p->count, p->starts != NULL, 0};
		for (size_t k = 0; p->starts && k < page_groups(p); k++) {
			np_vec_push(&starts, p->starts[k]);
			np_vec_push(&ranks, p->ranks[k]);
		}
	}
	np_sections_put(out, "pages", pages, g->pages.len * sizeof(*pages));
	np_sections_put(out, "starts", starts.data, starts.len * sizeof(*starts.data));
	np_sections_put(out, "ranks", ranks.data, ranks.len * sizeof(*ranks.data));
	np_vec_deinit(&starts);
	np_vec_deinit(&ranks);
	free(pages);
}

static void save_shapes(const np_graph *g, struct np_sections_out *out)
{
	struct saved_shape *shapes = np_xcalloc(g->shapes.len + 1, sizeof(*shapes));
	for (size_t i = 0; i < g->shapes.len; i++) {
		const struct np_vertex_shape *s = &g->shapes.data[i]->shape;
		shapes[i] = (struct saved_shape){s->map_addr, s->kind, 0};
	}
	np_sections_put(out, "maps", shapes, g->shapes.len * sizeof(*shapes));
	free(shapes);
}

void np_graph_save(const np_graph *g, struct np_sections_out *out)
{
	size_t objects = g->object_count, nodes = g->node_count;
	struct saved_counts counts = {g->report, g->object_count, g->node_count, g->word_bits, (uint32_t)g->pages.len};
	np_sections_put(out, "counts", &counts, sizeof(counts));
	save_pages(g, out);
	save_shapes(g, out);
	np_sections_put(out, "places", g->places, objects * sizeof(*g->places));
	np_sections_put(out, "words", g->words, objects * sizeof(*g->words));
	np_sections_put(out, "far", g->far_sizes.data, g->far_sizes.len * sizeof(*g->far_sizes.data));
	if (g->shapes_narrow)
		np_sections_put(out, "narrow", g->shapes_narrow, objects * sizeof(*g->shapes_narrow));
	else
		np_sections_put(out, "wide", g->shapes_wide, objects * sizeof(*g->shapes_wide));
	np_sections_put(out, "externals", g->externals.data, g->externals.len * sizeof(*g->externals.data));
	np_sections_put(out, "addresses", g->external_addrs, (nodes - objects) * sizeof(*g->external_addrs));
	np_sections_put(out, "bytes", g->external_sizes, (nodes - objects) * sizeof(*g->external_sizes));
	np_sections_put(out, "rows", g->rows, (nodes + 1) * sizeof(*g->rows));
	np_sections_put(out, "edges", g->edges, (size_t)g->rows[nodes] * sizeof(*g->edges));
	np_sections_put(out, "ephemerons", g->ephemerons.data, g->ephemerons.len * sizeof(*g->ephemerons.data));
}

/* --- and back --- */

static bool load_pages(np_graph *g, const struct np_sections *in, size_t count)
{
	size_t groups = 0, bytes;
	const struct saved_page *pages = np_sections_array(in, "pages", count, sizeof(*pages));
	if (!pages || count != g->pages.len)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct graph_page *p = &g->pages.data[i];
		if (p->start != pages[i].start || p->end != pages[i].end)
			return false;
		groups += pages[i].has_starts ? page_groups(p) : 0;
	}
	const uint64_t *starts = np_sections_array(in, "starts", groups, sizeof(*starts));
	const uint32_t *ranks = np_sections_get(in, "ranks", &bytes);
	if (!starts || !ranks || bytes != groups * sizeof(*ranks))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct graph_page *p = &g->pages.data[i];
		p->first = pages[i].first;
		p->count = pages[i].count;
		if (!pages[i].has_starts)
			continue;
		p->starts = (uint64_t *)starts;
		p->ranks = (uint32_t *)ranks;
		starts += page_groups(p);
		ranks += page_groups(p);
	}
	return true;
}

static bool load_shapes(np_graph *g, const struct np_sections *in)
{
	size_t bytes;
	const struct saved_shape *shapes = np_sections_get(in, "maps", &bytes);
	struct shape_cache *cache = np_shape_cache_create(g->shape_table);
	bool good = shapes != NULL;
	for (size_t i = 0; good && i < bytes / sizeof(*shapes); i++) {
		good = np_shape_load(cache, shapes[i].map_addr) == (int64_t)i;
		if (good)
			g->shapes.data[i]->shape.kind = (enum np_kind)shapes[i].kind;
	}
	np_shape_cache_destroy(cache);
	return good;
}

/* An array of the graph from the file; the file is read-only, and so is the graph from here on. */
#define LOAD(field, name, count) ((field) = (void *)np_sections_array(in, name, count, sizeof(*(field))))

#define LOAD_VEC(vec, name)                                                                \
	((vec).data = (void *)np_sections_get(in, name, &bytes), (vec).len = bytes / sizeof(*(vec).data), \
	 (vec).data != NULL)

static bool load_arrays(np_graph *g, const struct np_sections *in)
{
	size_t objects = g->object_count, nodes = g->node_count, bytes = 0;
	if (g->shapes.len <= (size_t)UINT16_MAX + 1 ? !LOAD(g->shapes_narrow, "narrow", objects)
						      : !LOAD(g->shapes_wide, "wide", objects))
		return false;
	return LOAD(g->places, "places", objects) && LOAD(g->words, "words", objects) && LOAD_VEC(g->far_sizes, "far") &&
	       LOAD_VEC(g->externals, "externals") && LOAD(g->external_addrs, "addresses", nodes - objects) &&
	       LOAD(g->external_sizes, "bytes", nodes - objects) && LOAD(g->rows, "rows", nodes + 1) &&
	       LOAD(g->edges, "edges", g->rows[nodes]) && LOAD_VEC(g->ephemerons, "ephemerons");
}

bool np_graph_load(np_heap *heap, const struct np_sections *in, np_graph **ret)
{
	const struct np_graph_options options = {0};
	const struct saved_counts *counts = np_sections_array(in, "counts", 1, sizeof(*counts));
	if (!counts || counts->node_count < counts->object_count)
		return false;
	np_graph *g = np_graph_new(heap, &options);
	g->is_mapped = true;
	np_err *err = np_graph_open_pages(g);
	g->report = counts->report;
	g->object_count = counts->object_count;
	g->node_count = counts->node_count;
	g->word_bits = counts->word_bits;
	if (err || !load_pages(g, in, counts->page_count) || !load_shapes(g, in) || !load_arrays(g, in)) {
		np_err_drop(err);
		np_graph_destroy(g);
		return false;
	}
	np_graph_find_weak_slots(g);
	np_graph_find_maps(g);
	*ret = g;
	return true;
}

/*
 * The index: pages to objects.  Every page is walked on its own: the map word at
 * an object's start gives its size, there the next one begins.  Where that chain
 * breaks, the walk goes on behind the gap (resync.h).
 *
 * The walk leaves one bit an object behind.  When all objects are counted, each
 * has its number, and a second pass over the bits fills the arrays: reading the
 * map words again costs less than memory for what the first pass saw.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "heap/graph_internal.h"
#include "heap/resync.h"

enum { UNIT_BYTES = 4096 };

/* An object whose size no formula tells, and how far it reaches. */
struct unknown_size {
	np_addr addr;
	uint64_t bytes;
};

struct page_counts {
	uint64_t objects, object_bytes, free_bytes, gap_bytes;
	NP_VEC(struct unknown_size) unknown;
	NP_VEC(struct graph_far_size) far;
};

struct index_worker {
	struct shape_cache *cache;
	struct page_counts counts;
};

struct index_run {
	np_graph *graph;
	struct index_worker *workers;
	_Atomic uint64_t done_bytes;
	struct unknown_size *unknown; /* of all workers, by address */
	size_t unknown_count;
};

/* --- bytes --- */

/* Could the process itself read there? V8 takes the right from free memory in its pages. */
static bool was_readable(np_target *target, np_addr addr)
{
	const struct np_mapping *m = np_target_mapping_at(target, addr);
	return !m || m->prot < 0 || m->prot & NP_PROT_R;
}

/* A copy of the area with zeros where it cannot be read. */
static uint8_t *area_copy(const np_graph *g, np_addr start, size_t len, uint64_t *unreadable)
{
	np_mem *mem = g->v8->mem;
	uint8_t *bytes = np_xcalloc(1, len);
	for (size_t at = 0; at < len;) {
		at += np_mem_read(mem, start + at, bytes + at, len - at);
		if (at >= len)
			break;
		size_t skip = UNIT_BYTES - (size_t)((start + at) & (UNIT_BYTES - 1));
		skip = skip < len - at ? skip : len - at;
		if (was_readable(g->v8->target, start + at))
			*unreadable += skip;
		at += skip;
	}
	return bytes;
}

static bool page_is_wanted(const np_graph *g, const struct np_page *page)
{
	if (page->is_raw || page->is_retired || page->is_inactive || page->area_end <= page->area_start)
		return false;
	return !g->options.isolate || !page->isolate || page->isolate == g->options.isolate;
}

static void pages_open(np_graph *g)
{
	np_mem *mem = g->v8->mem;
	size_t n = np_heap_page_count(g->heap);
	for (size_t i = 0; i < n; i++) {
		const struct np_page *page = np_heap_page(g->heap, i);
		if (!page_is_wanted(g, page))
			continue;
		struct graph_page p = {.page = page, .start = page->area_start};
		size_t len = (size_t)(page->area_end - page->area_start) & ~(size_t)7;
		p.end = p.start + len;
		p.bytes = np_mem_view(mem, p.start, len);
		if (!p.bytes)
			p.bytes = p.owned = area_copy(g, p.start, len, &g->report.unreadable_bytes);
		g->report.page_count++;
		g->report.page_bytes += len;
		np_vec_push(&g->pages, p);
	}
}

/* --- one page --- */

struct walker {
	const np_graph *graph;
	const struct graph_page *page;
	struct shape_cache *cache;
};

/* Bytes of the object at addr whose shape is known; 0: unknown. */
static uint64_t object_size(const struct walker *w, const struct graph_shape *s, np_addr addr)
{
	const struct np_size_form *f = &s->form;
	if (f->kind == NP_SIZE_FIXED)
		return f->base_bytes;
	if (f->kind == NP_SIZE_OTHER)
		return np_shape_ask_size(w->graph->shape_table, s, addr);
	const uint8_t *at = w->page->bytes + (addr - w->page->start) + f->count_offset;
	uint32_t n = 0;
	if (w->page->end - addr < (uint64_t)f->count_offset + f->count_bytes)
		return 0;
	memcpy(&n, at, f->count_bytes);
	n &= f->count_mask;
	return n > NP_SIZE_COUNT_MAX ? 0 : (f->base_bytes + (uint64_t)n * f->unit_bytes + 7) & ~7ull;
}

/* An object at addr that fits: its shape and size (0: no formula). */
static bool object_here(const struct walker *w, np_addr addr, struct graph_shape **shape, uint64_t *size)
{
	if (addr + 8 > w->page->end)
		return false;
	struct graph_shape *s = np_shape_find(w->cache, graph_word(w->page->bytes + (addr - w->page->start)));
	if (!s)
		return false;
	*size = object_size(w, s, addr);
	*shape = s;
	return *size <= w->page->end - addr;
}

static bool object_probe(const void *walk, np_addr at, uint64_t *ret_size)
{
	struct graph_shape *s;
	return object_here(walk, at, &s, ret_size);
}

static void page_mark(struct graph_page *p, np_addr at)
{
	p->count++;
	if (p->starts) {
		uint64_t word = (at - p->start) >> 3;
		p->starts[word >> 6] |= 1ull << (word & 63);
	}
}

static void walk_page(struct walker *w, struct graph_page *p, struct page_counts *c)
{
	np_addr at = p->start;
	while (at < p->end) {
		struct graph_shape *s;
		uint64_t size;
		if (!object_here(w, at, &s, &size)) {
			np_addr found = np_resync(object_probe, w, at + 8, p->end);
			c->gap_bytes += found - at;
			at = found;
			continue;
		}
		np_addr after = at + size;
		uint64_t shown = size;
		if (!size) {
			after = p->starts ? np_resync(object_probe, w, at + 8, p->end) : p->end;
			shown = after - at;
			np_vec_push(&c->unknown, (struct unknown_size){at, shown});
		}
		if (s->is_free) {
			c->free_bytes += shown;
		} else {
			page_mark(p, at);
			c->objects++;
			c->object_bytes += shown;
		}
		if (!p->starts) { /* a large page has one object */
			c->gap_bytes += p->end - after;
			return;
		}
		at = after;
	}
}

static void page_rank(struct graph_page *p)
{
	if (!p->starts)
		return;
	size_t n = ((size_t)((p->end - p->start) >> 3) + 63) / 64;
	p->ranks = np_xmalloc(n * sizeof(*p->ranks));
	uint32_t rank = 0;
	for (size_t i = 0; i < n; i++) {
		p->ranks[i] = rank;
		rank += (uint32_t)__builtin_popcountll(p->starts[i]);
	}
}

static void index_page(void *ctx, size_t item, unsigned worker)
{
	struct index_run *run = ctx;
	np_graph *g = run->graph;
	struct graph_page *p = &g->pages.data[item];
	struct walker w = {.graph = g, .page = p, .cache = run->workers[worker].cache};
	if (!p->page->is_large)
		p->starts = np_xcalloc(((size_t)((p->end - p->start) >> 3) + 63) / 64, 8);
	walk_page(&w, p, &run->workers[worker].counts);
	page_rank(p);
	uint64_t done = atomic_fetch_add(&run->done_bytes, p->end - p->start);
	if (worker == 0 && g->options.progress)
		g->options.progress(g->options.progress_ctx, "walking the heap", done, g->report.page_bytes);
}

static void report_add(struct np_graph_report *r, const struct page_counts *c)
{
	r->object_count += c->objects;
	r->object_bytes += c->object_bytes;
	r->free_bytes += c->free_bytes;
	r->gap_bytes += c->gap_bytes;
	r->unknown_count += c->unknown.len;
}

/* --- all pages --- */

static void units_put(np_graph *g, uint32_t unit, uint32_t page)
{
	uint32_t at = unit * 0x9e3779b1u & g->unit_mask;
	while (g->unit_pages[at])
		at = (at + 1) & g->unit_mask;
	g->unit_keys[at] = unit;
	g->unit_pages[at] = page + 1;
}

static np_err *units_build(np_graph *g)
{
	uint64_t units = 0;
	g->unit_shift = (unsigned)__builtin_ctzll((uint64_t)np_get(g->v8->layout, NP_F_Chunk_alignment));
	for (size_t i = 0; i < g->pages.len; i++)
		units += ((g->pages.data[i].end - 1) >> g->unit_shift) - (g->pages.data[i].start >> g->unit_shift) + 1;
	uint32_t cap = 64;
	while (cap < units * 2 && cap < 1u << 30)
		cap *= 2;
	g->unit_mask = cap - 1;
	g->unit_keys = np_xcalloc(cap, sizeof(*g->unit_keys));
	g->unit_pages = np_xcalloc(cap, sizeof(*g->unit_pages));
	if (units * 2 > cap)
		return np_err_new(NP_ELIMIT, "the heap has %llu page units, more than can be indexed", (unsigned long long)units);
	for (size_t i = 0; i < g->pages.len; i++)
		for (uint64_t u = g->pages.data[i].start >> g->unit_shift; u <= (g->pages.data[i].end - 1) >> g->unit_shift; u++)
			units_put(g, (uint32_t)u, (uint32_t)i);
	return NULL;
}

static int unknown_compare(const void *a, const void *b)
{
	np_addr x = ((const struct unknown_size *)a)->addr, y = ((const struct unknown_size *)b)->addr;
	return x < y ? -1 : x > y;
}

static int far_compare(const void *a, const void *b)
{
	np_vertex x = ((const struct graph_far_size *)a)->node, y = ((const struct graph_far_size *)b)->node;
	return x < y ? -1 : x > y;
}

static uint64_t unknown_bytes(const struct index_run *run, np_addr addr)
{
	const struct unknown_size key = {.addr = addr};
	const struct unknown_size *found = run->unknown_count ? bsearch(&key, run->unknown, run->unknown_count,
									 sizeof(key), unknown_compare)
							      : NULL;
	return found ? found->bytes : 0;
}

static void place_object(struct index_run *run, struct walker *w, np_vertex node, uint32_t word, struct page_counts *c)
{
	np_graph *g = run->graph;
	np_addr addr = w->page->start + ((np_addr)word << 3);
	struct graph_shape *s = np_shape_find(w->cache, graph_word(w->page->bytes + ((size_t)word << 3)));
	uint64_t size = object_size(w, s, addr);
	size = (size ? size : unknown_bytes(run, addr)) >> 3;
	uint32_t words = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	g->places[node] = (uint32_t)(w->page - g->pages.data) << g->word_bits | word;
	g->words[node] = (uint16_t)(words < GRAPH_WORDS_FAR ? words : GRAPH_WORDS_FAR);
	if (words >= GRAPH_WORDS_FAR)
		np_vec_push(&c->far, (struct graph_far_size){node, words});
	if (g->shapes_narrow)
		g->shapes_narrow[node] = (uint16_t)s->index;
	else
		g->shapes_wide[node] = s->index;
}

static void place_page(void *ctx, size_t item, unsigned worker)
{
	struct index_run *run = ctx;
	const struct graph_page *p = &run->graph->pages.data[item];
	struct walker w = {.graph = run->graph, .page = p, .cache = run->workers[worker].cache};
	struct page_counts *c = &run->workers[worker].counts;
	np_vertex node = p->first;
	if (!p->starts && p->count)
		place_object(run, &w, node, 0, c);
	size_t n = p->starts ? ((size_t)((p->end - p->start) >> 3) + 63) / 64 : 0;
	for (size_t i = 0; i < n; i++)
		for (uint64_t bits = p->starts[i]; bits; bits &= bits - 1)
			place_object(run, &w, node++, (uint32_t)(i * 64 + (size_t)__builtin_ctzll(bits)), c);
}

static np_err *number_objects(np_graph *g)
{
	uint64_t count = 0;
	np_addr longest = 0;
	for (size_t i = 0; i < g->pages.len; i++) {
		struct graph_page *p = &g->pages.data[i];
		p->first = (np_vertex)count;
		count += p->count;
		if (p->starts && p->end - p->start > longest)
			longest = p->end - p->start;
	}
	g->word_bits = 1;
	while (g->word_bits < 32 && (longest >> 3) >> g->word_bits)
		g->word_bits++;
	if (count >= NP_EDGE_WEAK - 1)
		return np_err_new(NP_ELIMIT, "the heap has %llu objects, more than can be numbered", (unsigned long long)count);
	if ((uint64_t)g->pages.len << g->word_bits > UINT32_MAX)
		return np_err_new(NP_ELIMIT, "the heap has %zu pages, more than can be numbered", g->pages.len);
	g->object_count = g->node_count = (np_vertex)count;
	g->places = np_xmalloc_huge((count + 1) * sizeof(*g->places));
	g->words = np_xmalloc_huge((count + 1) * sizeof(*g->words));
	if (g->shapes.len <= (size_t)UINT16_MAX + 1)
		g->shapes_narrow = np_xmalloc_huge((count + 1) * sizeof(*g->shapes_narrow));
	else
		g->shapes_wide = np_xmalloc_huge((count + 1) * sizeof(*g->shapes_wide));
	return NULL;
}

/* What the workers noted, as one list by address. */
static void unknown_gather(struct index_run *run, unsigned threads)
{
	NP_VEC(struct unknown_size) all = {0};
	for (unsigned i = 0; i < threads; i++)
		for (size_t k = 0; k < run->workers[i].counts.unknown.len; k++)
			np_vec_push(&all, run->workers[i].counts.unknown.data[k]);
	if (all.len)
		qsort(all.data, all.len, sizeof(*all.data), unknown_compare);
	run->unknown = all.data;
	run->unknown_count = all.len;
}

static np_err *index_pages(struct index_run *run)
{
	np_graph *g = run->graph;
	np_parallel(g->pages.len, g->threads, index_page, run);
	for (unsigned i = 0; i < g->threads; i++)
		report_add(&g->report, &run->workers[i].counts);
	unknown_gather(run, g->threads);
	NP_TRY(number_objects(g));
	np_parallel(g->pages.len, g->threads, place_page, run);
	for (unsigned i = 0; i < g->threads; i++)
		for (size_t k = 0; k < run->workers[i].counts.far.len; k++)
			np_vec_push(&g->far_sizes, run->workers[i].counts.far.data[k]);
	if (g->far_sizes.len)
		qsort(g->far_sizes.data, g->far_sizes.len, sizeof(*g->far_sizes.data), far_compare);
	return NULL;
}

np_err *np_graph_open_pages(np_graph *g)
{
	pages_open(g);
	return units_build(g);
}

np_err *np_graph_index(np_graph *g)
{
	NP_TRY(np_graph_open_pages(g));
	struct index_run run = {.graph = g};
	run.workers = np_xcalloc(g->threads, sizeof(*run.workers));
	for (unsigned i = 0; i < g->threads; i++)
		run.workers[i].cache = np_shape_cache_create(g->shape_table);
	np_err *err = index_pages(&run);
	for (unsigned i = 0; i < g->threads; i++) {
		np_vec_deinit(&run.workers[i].counts.unknown);
		np_vec_deinit(&run.workers[i].counts.far);
		np_shape_cache_destroy(run.workers[i].cache);
	}
	free(run.workers);
	free(run.unknown);
	return err;
}

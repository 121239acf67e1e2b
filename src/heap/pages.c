/*
 * Two ways to the pages.  The index has all of them, and costs a few reads for
 * each aligned address of the process.  A single look-up goes from the address
 * backwards to the chunk that holds it, and does without.
 */
#include "heap/pages.h"

#include <stdlib.h>

#include "heap/internal.h"

enum {
	LINK_WORDS = 64,      /* of a chunk's header, and of a Space, that may be links of the list of pages */
	BACK_MAX = 1 << 14,   /* chunk alignments that a large object reaches back */
};

static np_addr alignment_of(const np_heap *heap)
{
	return (np_addr)np_get(heap->v8->layout, NP_F_Chunk_alignment);
}

static bool may_be_retired(const struct np_page *page)
{
	return page->heap && !page->is_raw && page->space != NP_SPACE_READ_ONLY;
}

/* --- the index --- */

static void index_pages(np_heap *heap)
{
	np_target *target = heap->v8->target;
	np_addr alignment = alignment_of(heap);
	np_addr covered = 0; /* a large object's bytes may look like a chunk */
	for (size_t i = 0; i < np_target_mapping_count(target); i++) {
		const struct np_mapping *m = np_target_mapping(target, i);
		if (!np_chunk_mapping(m) || m->end > UINT64_MAX - alignment)
			continue;
		np_addr at = (m->start > covered ? m->start : covered) + alignment - 1;
		for (at &= ~(alignment - 1); at < m->end; at += alignment) {
			struct np_page page;
			if (at < covered || !np_chunk_probe(heap, at, m, &page))
				continue;
			np_vec_push(&heap->pages, page);
			covered = page.end;
		}
	}
}

/* A page by where its header is; of `links`, sorted. */
struct link {
	np_addr metadata;
	struct np_page *page;
};

static int link_compare(const void *a, const void *b)
{
	np_addr x = ((const struct link *)a)->metadata, y = ((const struct link *)b)->metadata;
	return x < y ? -1 : x > y;
}

/* Marks what the words at `at` lead to as linked, and self if that is any page but itself. */
static void follow_links(np_mem *mem, np_addr at, const struct link *links, size_t count, struct np_page *self)
{
	uint64_t words[LINK_WORDS];
	size_t n = np_mem_read(mem, at, words, sizeof(words)) / 8;
	for (size_t i = 0; i < n; i++) {
		struct link key = {words[i], NULL};
		struct link *to = words[i] ? bsearch(&key, links, count, sizeof(*links), link_compare) : NULL;
		if (!to || to->page == self || (self && words[i] == self->area_end)) /* its end, not its neighbour */
			continue;
		to->page->is_retired = false;
		if (self)
			self->is_retired = false;
	}
}

/*
 * A space links its pages in a list; the collector unlinks pages that it has
 * emptied and keeps some for later, with their header and all their garbage.
 * So a page that leads to no other, and to which neither another nor its space
 * leads, is out of use.  Where the links are need not be known for that.
 */
static void index_retired(np_heap *heap)
{
	np_mem *mem = heap->v8->mem;
	size_t n = heap->pages.len;
	struct link *links = np_xcalloc(n ? n : 1, sizeof(*links));
	for (size_t i = 0; i < n; i++) {
		struct np_page *page = &heap->pages.data[i];
		page->is_retired = may_be_retired(page);
		links[i] = (struct link){page->metadata, page};
	}
	qsort(links, n, sizeof(*links), link_compare);
	np_addr space = 0;
	for (size_t i = 0; i < n; i++) {
		struct np_page *page = &heap->pages.data[i];
		follow_links(mem, page->metadata, links, n, page);
		if (page->owner && page->owner != space)
			follow_links(mem, space = page->owner, links, n, NULL);
	}
	free(links);
}

static void need_index(np_heap *heap)
{
	if (heap->is_indexed)
		return;
	heap->is_indexed = true;
	index_pages(heap);
	index_retired(heap);
}

size_t np_heap_page_count(np_heap *heap)
{
	need_index(heap);
	return heap->pages.len;
}

const struct np_page *np_heap_page(np_heap *heap, size_t i)
{
	need_index(heap);
	return &heap->pages.data[i];
}

static const struct np_page *page_in_index(const np_heap *heap, np_addr addr)
{
	size_t low = 0, high = heap->pages.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (heap->pages.data[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == heap->pages.len || heap->pages.data[low].start > addr)
		return NULL;
	return &heap->pages.data[low];
}

/* --- a single page --- */

/* Is this word a link to a page other than self? */
static bool word_is_link(np_heap *heap, uint64_t word, const struct np_page *self)
{
	const np_layout *l = heap->v8->layout;
	np_addr alignment = alignment_of(heap);
	struct np_page other;
	uint64_t area, metadata;
	if (!word || word & 7 || word == self->metadata || word == self->area_end)
		return false;
	if (!np_has(l, NP_F_Chunk_metadata)) {
		const struct np_mapping *m = np_target_mapping_at(heap->v8->target, word);
		return word % alignment == 0 && np_chunk_mapping(m) && np_chunk_probe(heap, word, m, &other);
	}
	return np_mem_u64(heap->v8->mem, word + (np_addr)np_get(l, NP_F_Chunk_area_start), &area) &&
	       np_mem_u64(heap->v8->mem, (area & ~(alignment - 1)) + (np_addr)np_get(l, NP_F_Chunk_metadata), &metadata) &&
	       metadata == word;
}

/* As index_retired(), but without the links from other pages: large pages had none back, once. */
static bool page_is_retired(np_heap *heap, const struct np_page *page)
{
	uint64_t words[LINK_WORDS];
	if (!may_be_retired(page) || page->is_large)
		return false;
	size_t n = np_mem_read(heap->v8->mem, page->owner, words, sizeof(words)) / 8;
	if (!n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (words[i] == page->metadata)
			return false;
	n = np_mem_read(heap->v8->mem, page->metadata, words, sizeof(words)) / 8;
	for (size_t i = 0; i < n; i++)
		if (word_is_link(heap, words[i], page))
			return false;
	return true;
}

/* The chunk that addr is in starts at its aligned address, or before that when it is a large one. */
static bool page_find(np_heap *heap, np_addr addr, struct np_page *ret)
{
	np_addr alignment = alignment_of(heap), at = addr & ~(alignment - 1);
	const struct np_mapping *m = np_target_mapping_at(heap->v8->target, addr), *before;
	if (!np_chunk_mapping(m))
		return false;
	for (int i = 0; i < BACK_MAX; i++, at -= alignment) {
		const struct np_mapping *here = np_target_mapping_at(heap->v8->target, at);
		if (np_chunk_mapping(here) && np_chunk_probe(heap, at, here, ret) && addr < ret->end)
			return true;
		if (at < m->start) { /* the unit that the mapping begins in was the last one, unless another adjoins */
			before = np_target_mapping_at(heap->v8->target, m->start - 1);
			if (!np_chunk_mapping(before) || before->end != m->start)
				return false;
			m = before;
		}
		if (at < alignment)
			return false;
	}
	return false;
}

const struct np_page *np_heap_page_at(np_heap *heap, np_addr addr)
{
	struct np_page page;
	if (heap->is_indexed)
		return page_in_index(heap, addr);
	for (size_t i = 0; i < heap->looked_up.len; i++)
		if (addr >= heap->looked_up.data[i]->start && addr < heap->looked_up.data[i]->end)
			return heap->looked_up.data[i];
	if (!page_find(heap, addr, &page))
		return NULL;
	page.is_retired = page_is_retired(heap, &page);
	struct np_page *kept = np_xmalloc(sizeof(*kept));
	*kept = page;
	np_vec_push(&heap->looked_up, kept);
	return kept;
}

/* --- the heap --- */

np_err *np_heap_create(np_v8 *v8, np_heap **ret)
{
	NP_TRY(np_chunk_layout_check(v8->layout));
	np_heap *heap = np_xcalloc(1, sizeof(*heap));
	heap->v8 = v8;
	*ret = heap;
	return NULL;
}

void np_heap_destroy(np_heap *heap)
{
	if (!heap)
		return;
	for (size_t i = 0; i < heap->looked_up.len; i++)
		free(heap->looked_up.data[i]);
	np_vec_deinit(&heap->looked_up);
	np_vec_deinit(&heap->pages);
	free(heap->size_rules);
	free(heap);
}

np_v8 *np_heap_v8(const np_heap *heap)
{
	return heap->v8;
}

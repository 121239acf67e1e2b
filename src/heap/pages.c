#include "heap/pages.h"

#include <stdlib.h>
#include <string.h>

#include "heap/internal.h"

enum {
	HEADER_MAX_BYTES = 0x100, /* of a chunk or its metadata that is read */
	AREA_START_MAX = 0x8000,  /* header, bitmap and a guard page before the first object */
	CHUNK_MAX_BYTES_LOG2 = 36,
	ALIGNMENT_MIN = 4096,
	SPACE_WORDS = 12,	  /* of a Space object that are looked at for its Heap */
	LINK_WORDS = 64,	  /* of a chunk's header, and of a Space, that may be links of the list of pages */
	OWNER_TAG = 7,
	ISOLATE_MAX_BYTES = 1 << 20,
};

static const struct {
	const char *name;
	enum np_fact id;
	bool is_large;
} spaces[NP_SPACE_COUNT] = {
	[NP_SPACE_UNKNOWN] = {"unknown", NP_FACT_COUNT, false},
	[NP_SPACE_READ_ONLY] = {"read_only_space", NP_F_SpaceId_read_only, false},
	[NP_SPACE_NEW] = {"new_space", NP_F_SpaceId_new, false},
	[NP_SPACE_OLD] = {"old_space", NP_F_SpaceId_old, false},
	[NP_SPACE_OLD_POINTER] = {"old_pointer_space", NP_F_SpaceId_old_pointer, false},
	[NP_SPACE_OLD_DATA] = {"old_data_space", NP_F_SpaceId_old_data, false},
	[NP_SPACE_CODE] = {"code_space", NP_F_SpaceId_code, false},
	[NP_SPACE_MAP] = {"map_space", NP_F_SpaceId_map, false},
	[NP_SPACE_CELL] = {"cell_space", NP_F_SpaceId_cell, false},
	[NP_SPACE_PROPERTY_CELL] = {"property_cell_space", NP_F_SpaceId_property_cell, false},
	[NP_SPACE_LARGE] = {"large_object_space", NP_F_SpaceId_large, true},
	[NP_SPACE_CODE_LARGE] = {"code_large_object_space", NP_F_SpaceId_code_large, true},
	[NP_SPACE_NEW_LARGE] = {"new_large_object_space", NP_F_SpaceId_new_large, true},
	[NP_SPACE_SHARED] = {"shared_space", NP_F_SpaceId_shared, false},
	[NP_SPACE_SHARED_LARGE] = {"shared_large_object_space", NP_F_SpaceId_shared_large, true},
	[NP_SPACE_TRUSTED] = {"trusted_space", NP_F_SpaceId_trusted, false},
	[NP_SPACE_TRUSTED_LARGE] = {"trusted_large_object_space", NP_F_SpaceId_trusted_large, true},
	[NP_SPACE_SHARED_TRUSTED] = {"shared_trusted_space", NP_F_SpaceId_shared_trusted, false},
	[NP_SPACE_SHARED_TRUSTED_LARGE] = {"shared_trusted_large_object_space", NP_F_SpaceId_shared_trusted_large, true},
};

const char *np_space_name(enum np_space space)
{
	return spaces[space].name;
}

/* A word of the header; offsets were checked by chunk_layout_check(). */
static uint64_t header_word(const np_layout *l, const uint8_t *header, enum np_fact fact)
{
	uint64_t word;
	memcpy(&word, header + np_get(l, fact), sizeof(word));
	return word;
}

static np_err *chunk_layout_check(const np_layout *l)
{
	static const enum np_fact needed[] = {NP_F_Chunk_alignment, NP_F_Chunk_size, NP_F_Chunk_flags,
					      NP_F_Chunk_area_start, NP_F_Chunk_area_end, NP_F_Chunk_heap,
					      NP_F_Chunk_owner};
	for (size_t i = 0; i < NP_ARRAY_LEN(needed); i++)
		NP_TRY(np_need(l, needed[i]));
	for (size_t i = 1; i < NP_ARRAY_LEN(needed); i++)
		if (np_get(l, needed[i]) < 0 || np_get(l, needed[i]) > HEADER_MAX_BYTES - 8)
			return np_err_new(NP_EFORMAT, "fact %s has the impossible value %d", np_fact_info(needed[i])->name,
					  np_get(l, needed[i]));
	int32_t alignment = np_get(l, NP_F_Chunk_alignment);
	if (alignment < ALIGNMENT_MIN || (alignment & (alignment - 1)))
		return np_err_new(NP_EFORMAT, "fact Chunk.alignment has the impossible value %d", alignment);
	return NULL;
}

/*
 * The Space of a chunk: an object that knows its Heap, with its number right
 * behind.  That it does is also the proof that the chunk is none by chance.
 */
static bool space_read(np_heap *heap, np_addr owner, np_addr of_heap, enum np_space *ret)
{
	const np_layout *l = heap->v8->layout;
	uint64_t words[SPACE_WORDS];
	if (!owner || np_mem_read(heap->v8->mem, owner, words, sizeof(words)) != sizeof(words))
		return false;
	for (size_t i = 1; i + 1 < SPACE_WORDS; i++) {
		if (words[i] != of_heap)
			continue;
		int32_t id = (int32_t)(uint32_t)words[i + 1];
		*ret = NP_SPACE_UNKNOWN;
		for (int s = 1; s < NP_SPACE_COUNT; s++)
			if (np_has(l, spaces[s].id) && np_get(l, spaces[s].id) == id)
				*ret = (enum np_space)s;
		return true;
	}
	return false;
}

/* Isolate of a Heap, which is a part of it at a fixed distance. */
static np_addr heap_isolate(const np_layout *l, np_addr of_heap)
{
	if (!of_heap || !np_has(l, NP_F_Isolate_heap))
		return 0;
	np_addr distance = (np_addr)np_get(l, NP_F_Isolate_heap);
	return distance < ISOLATE_MAX_BYTES && of_heap > distance ? of_heap - distance : 0;
}

static bool flag_is_set(const np_layout *l, uint64_t flags, enum np_fact shift)
{
	return np_has(l, shift) && np_get(l, shift) >= 0 && np_get(l, shift) < 64 && flags >> np_get(l, shift) & 1;
}

static bool chunk_probe(np_heap *heap, np_addr start, const struct np_mapping *m, struct np_page *ret)
{
	const np_layout *l = heap->v8->layout;
	uint8_t chunk[HEADER_MAX_BYTES], metadata[HEADER_MAX_BYTES];
	const uint8_t *header = chunk;
	struct np_page page = {.start = start, .metadata = start};
	size_t got = np_mem_read(heap->v8->mem, start, chunk, sizeof(chunk));
	if (got != sizeof(chunk))
		return false;
	page.flags = header_word(l, chunk, NP_F_Chunk_flags);
	if (np_has(l, NP_F_Chunk_metadata)) {
		memcpy(&page.metadata, chunk + np_get(l, NP_F_Chunk_metadata), sizeof(page.metadata));
		if (page.metadata & 7 ||
		    np_mem_read(heap->v8->mem, page.metadata, metadata, sizeof(metadata)) != sizeof(metadata))
			return false;
		header = metadata;
	}
	uint64_t size = header_word(l, header, NP_F_Chunk_size);
	page.area_start = header_word(l, header, NP_F_Chunk_area_start);
	page.area_end = header_word(l, header, NP_F_Chunk_area_end);
	page.heap = header_word(l, header, NP_F_Chunk_heap);
	if (!size || size & 7 || size >> CHUNK_MAX_BYTES_LOG2 || page.area_start <= start ||
	    page.area_start - start > AREA_START_MAX || page.area_start & 7 || page.area_end <= page.area_start ||
	    page.area_end > start + size || page.heap & 7)
		return false;
	page.end = start + size;
	page.owner = header_word(l, header, NP_F_Chunk_owner) & ~(np_addr)OWNER_TAG;
	page.is_raw = page.heap && !page.owner;
	if (!page.heap) {
		/* Sealed pages: nothing else lacks a Heap, and nothing can be written there. */
		if (m->prot >= 0 && m->prot & NP_PROT_W)
			return false;
		page.space = NP_SPACE_READ_ONLY;
	} else if (!page.is_raw && !space_read(heap, page.owner, page.heap, &page.space)) {
		return false;
	}
	page.isolate = heap_isolate(l, page.heap);
	page.is_large = spaces[page.space].is_large || size > (uint64_t)np_get(l, NP_F_Chunk_alignment);
	page.is_inactive = page.space == NP_SPACE_NEW && flag_is_set(l, page.flags, NP_F_Chunk_from_page_shift) &&
			   !flag_is_set(l, page.flags, NP_F_Chunk_to_page_shift);
	*ret = page;
	return true;
}

/* Chunks lie in anonymous memory, the brk heap included. */
static bool mapping_may_hold(const struct np_mapping *m)
{
	return m->prot != 0 && !m->image && (m->prot < 0 || m->prot & NP_PROT_R) &&
	       (!*m->path || strcmp(m->path, "[heap]") == 0 || strncmp(m->path, "[anon", 5) == 0);
}

static void heap_find_pages(np_heap *heap)
{
	np_target *target = heap->v8->target;
	np_addr alignment = (np_addr)np_get(heap->v8->layout, NP_F_Chunk_alignment);
	np_addr covered = 0; /* a large object's bytes may look like a chunk */
	for (size_t i = 0; i < np_target_mapping_count(target); i++) {
		const struct np_mapping *m = np_target_mapping(target, i);
		if (!mapping_may_hold(m) || m->end > UINT64_MAX - alignment)
			continue;
		np_addr at = (m->start > covered ? m->start : covered) + alignment - 1;
		for (at &= ~(alignment - 1); at < m->end; at += alignment) {
			struct np_page page;
			if (at < covered || !chunk_probe(heap, at, m, &page))
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
		if (!to || to->page == self)
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
static void heap_find_retired(np_heap *heap)
{
	np_mem *mem = heap->v8->mem;
	size_t n = heap->pages.len;
	struct link *links = np_xcalloc(n ? n : 1, sizeof(*links));
	for (size_t i = 0; i < n; i++) {
		struct np_page *page = &heap->pages.data[i];
		page->is_retired = page->heap && !page->is_raw && page->space != NP_SPACE_READ_ONLY;
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

np_err *np_heap_create(np_v8 *v8, np_heap **ret)
{
	NP_TRY(chunk_layout_check(v8->layout));
	np_heap *heap = np_xcalloc(1, sizeof(*heap));
	heap->v8 = v8;
	heap_find_pages(heap);
	heap_find_retired(heap);
	*ret = heap;
	return NULL;
}

void np_heap_destroy(np_heap *heap)
{
	if (!heap)
		return;
	np_vec_deinit(&heap->pages);
	free(heap->size_rules);
	free(heap);
}

np_v8 *np_heap_v8(const np_heap *heap)
{
	return heap->v8;
}

size_t np_heap_page_count(const np_heap *heap)
{
	return heap->pages.len;
}

const struct np_page *np_heap_page(const np_heap *heap, size_t i)
{
	return &heap->pages.data[i];
}

const struct np_page *np_heap_page_at(const np_heap *heap, np_addr addr)
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

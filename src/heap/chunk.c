/*
 * One chunk: is there one at this address, and what does it say?
 */
#include <string.h>

#include "heap/internal.h"

enum {
	HEADER_MAX_BYTES = 0x100, /* of a chunk or its metadata that is read */
	AREA_START_MAX = 0x8000,  /* header, bitmap and a guard page before the first object */
	CHUNK_MAX_BYTES_LOG2 = 36,
	ALIGNMENT_MIN = 4096,
	SPACE_WORDS = 12,	  /* of a Space object that are looked at for its Heap */
	SPACE_IDS_MAX = 32,	  /* more than any V8 has */
	OWNER_TAG = 7,
	ISOLATE_MAX_BYTES = 1 << 20,
	GUARD_BYTES = 4096,	  /* behind the area of a code page */
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

/* A word of the header; offsets were checked by np_chunk_layout_check(). */
static uint64_t header_word(const np_layout *l, const uint8_t *header, enum np_fact fact)
{
	uint64_t word;
	memcpy(&word, header + np_get(l, fact), sizeof(word));
	return word;
}

np_err *np_chunk_layout_check(const np_layout *l)
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
 * A V8 without a table of its own may have spaces that its neighbours lack.
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
		return *ret != NP_SPACE_UNKNOWN || (!l->exact && id >= 0 && id < SPACE_IDS_MAX);
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

/* Chunks lie in anonymous memory, the brk heap included. */
bool np_chunk_mapping(const struct np_mapping *m)
{
	return m && m->prot != 0 && !m->image && (m->prot < 0 || m->prot & NP_PROT_R) &&
	       (!*m->path || strcmp(m->path, "[heap]") == 0 || strncmp(m->path, "[anon", 5) == 0);
}

static bool area_is_executable(np_heap *heap, const struct np_page *page)
{
	const struct np_mapping *m = np_target_mapping_at(heap->v8->target, page->area_start);
	return np_chunk_mapping(m) && (m->prot < 0 || m->prot & NP_PROT_X) && page->area_end <= m->end;
}

/* V8 5.8 cuts pages that it will not add to, and gives the rest back, but leaves their size as it was. */
static np_addr chunk_end(np_heap *heap, const struct np_page *page)
{
	const struct np_mapping *last = np_target_mapping_at(heap->v8->target, page->end - 1);
	if (page->area_end + GUARD_BYTES >= page->end || page->area_end % GUARD_BYTES || (last && last->prot != 0))
		return page->end;
	return page->area_end + (area_is_executable(heap, page) ? GUARD_BYTES : 0);
}

bool np_chunk_probe(np_heap *heap, np_addr start, const struct np_mapping *m, struct np_page *ret)
{
	const np_layout *l = heap->v8->layout;
	uint8_t chunk[HEADER_MAX_BYTES], metadata[HEADER_MAX_BYTES];
	const uint8_t *header = chunk;
	struct np_page page = {.start = start, .metadata = start};
	if (np_mem_read(heap->v8->mem, start, chunk, sizeof(chunk)) != sizeof(chunk))
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
	if (page.is_raw && !area_is_executable(heap, &page))
		return false; /* nothing else proves it, and three ascending addresses are easily found in malloc's memory */
	if (!page.heap) {
		/* Sealed pages: nothing else lacks a Heap, and nothing can be written there. */
		if (m->prot >= 0 && m->prot & NP_PROT_W)
			return false;
		page.space = NP_SPACE_READ_ONLY;
	} else if (!page.is_raw && !space_read(heap, page.owner, page.heap, &page.space)) {
		return false;
	}
	page.end = chunk_end(heap, &page);
	page.isolate = heap_isolate(l, page.heap);
	page.is_large = page.space == NP_SPACE_UNKNOWN ? size > (uint64_t)np_get(l, NP_F_Chunk_alignment)
						       : spaces[page.space].is_large;
	page.is_inactive = page.space == NP_SPACE_NEW && flag_is_set(l, page.flags, NP_F_Chunk_from_page_shift) &&
			   !flag_is_set(l, page.flags, NP_F_Chunk_to_page_shift);
	*ret = page;
	return true;
}

#include "heap/malloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum {
	HEADER_BYTES = 16,
	MIN_CHUNK_BYTES = 32,
	PREV_IN_USE = 1,
	IS_MMAPPED = 2,
	NON_MAIN_ARENA = 4,
	FLAGS = 7,
	BLOCK_BYTES = 64 << 10,
	CHAIN_MAX = 1 << 26,
	PAGE = 4096,
	MMAPPED_BACK_PAGES = 1 << 16,
	/* struct malloc_state grew from 2.17 to today within these bounds */
	STATE_MIN_BYTES = 0x850,
	STATE_MAX_BYTES = 0x8d0,
	HEAP_INFO_MIN_BYTES = 0x20,
	HEAP_INFO_MAX_BYTES = 0x40,
};
static const np_addr HEAP_BYTES = 64ull << 20; /* HEAP_MAX_SIZE: heaps of arenas are aligned to it */

/* Size words, read by blocks: chains go through every chunk. */
struct reader {
	np_mem *mem;
	np_addr start;
	size_t len;
	uint8_t block[BLOCK_BYTES];
};

static bool reader_u64(struct reader *r, np_addr at, uint64_t *ret)
{
	if (at < r->start || at - r->start + 8 > r->len) {
		r->start = at;
		r->len = np_mem_read(r->mem, at, r->block, sizeof(r->block));
		if (r->len < 8)
			return false;
	}
	memcpy(ret, r->block + (at - r->start), sizeof(*ret));
	return true;
}

/*
 * Follows the chunks from `first` to the one that holds addr, and one further.
 * main: of the brk heap, whose chunks do not carry NON_MAIN_ARENA.
 */
static bool chain_find(struct reader *r, np_addr first, np_addr end, np_addr addr, bool main,
		       struct np_malloc_chunk *ret)
{
	np_addr at = first;
	for (int i = 0; i < CHAIN_MAX && at + HEADER_BYTES < end; i++) {
		uint64_t word, next;
		if (!reader_u64(r, at + 8, &word))
			return false;
		uint64_t size = word & ~(uint64_t)FLAGS;
		bool wrong_arena = !(word & NON_MAIN_ARENA) != main && at + size != end;
		if (size < MIN_CHUNK_BYTES || size % 16 || size > end - at || word & IS_MMAPPED || wrong_arena)
			return false;
		if (addr - at >= size) {
			at += size;
			continue;
		}
		bool top = end - at - size < PAGE && (at + size == end || !reader_u64(r, at + size + 8, &next));
		if (!top && !reader_u64(r, at + size + 8, &next))
			return false;
		*ret = (struct np_malloc_chunk){.place = main ? NP_MALLOC_MAIN : NP_MALLOC_ARENA,
						.start = at + HEADER_BYTES,
						.size_bytes = size - 8,
						.is_used = !top && (next & PREV_IN_USE),
						.is_top = top};
		return true;
	}
	return false;
}

static bool is_brk(const struct np_mapping *m)
{
	return strcmp(m->path, "[heap]") == 0;
}

/* The struct heap_info at the start of an arena's heap: {arena, previous heap, size, ...}. */
static bool heap_info_read(np_mem *mem, np_addr heap, np_addr *arena, uint64_t *size)
{
	uint64_t words[3];
	if (np_mem_read(mem, heap, words, sizeof(words)) != sizeof(words))
		return false;
	*arena = words[0];
	*size = words[2];
	return words[0] > 4096 && !(words[0] & 7) && *size >= PAGE && *size <= HEAP_BYTES && *size % PAGE == 0 &&
	       (words[1] == 0 || words[1] % HEAP_BYTES == 0) && (words[0] & ~(HEAP_BYTES - 1)) != 0 &&
	       ((words[1] == 0) == (words[0] - heap < HEAP_BYTES));
}

static bool arena_chunk(np_target *target, struct reader *r, np_addr addr, struct np_malloc_chunk *ret)
{
	np_addr heap = addr & ~(HEAP_BYTES - 1), arena;
	uint64_t size;
	if (!heap_info_read(r->mem, heap, &arena, &size) || addr - heap >= size)
		return false;
	bool first = arena - heap < HEAP_BYTES; /* the arena itself lies in its first heap */
	np_addr low = first ? arena + STATE_MIN_BYTES : heap + HEAP_INFO_MIN_BYTES;
	np_addr high = first ? arena + STATE_MAX_BYTES : heap + HEAP_INFO_MAX_BYTES;
	for (np_addr at = (low + 15) & ~(np_addr)15; at <= high; at += 16)
		if (addr >= at && chain_find(r, at, heap + size, addr, false, ret))
			return true;
	return false;
}

/* A chunk with a mapping of its own; neighbours may have been joined by the kernel. */
static bool mmapped_chunk(struct reader *r, const struct np_mapping *m, np_addr addr, struct np_malloc_chunk *ret)
{
	np_addr at = addr & ~(np_addr)(PAGE - 1);
	for (int i = 0; i < MMAPPED_BACK_PAGES && at >= m->start; i++, at -= PAGE) {
		uint64_t words[2];
		if (np_mem_read(r->mem, at, words, sizeof(words)) != sizeof(words))
			return false;
		uint64_t size = words[1] & ~(uint64_t)FLAGS;
		if (words[0] == 0 && (words[1] & FLAGS) == IS_MMAPPED && size >= PAGE && size % PAGE == 0 && size <= m->end - at) {
			if (addr - at >= size)
				return false;
			*ret = (struct np_malloc_chunk){NP_MALLOC_MMAPPED, at + HEADER_BYTES, size - HEADER_BYTES, true, false};
			return true;
		}
		if (at < PAGE)
			break;
	}
	return false;
}

static bool may_hold(const struct np_mapping *m)
{
	return m && !m->image && (m->prot < 0 || (m->prot & (NP_PROT_R | NP_PROT_W)) == (NP_PROT_R | NP_PROT_W)) &&
	       (!*m->path || is_brk(m));
}

bool np_malloc_is_heap(np_target *target, const struct np_mapping *m, np_addr addr)
{
	np_addr arena;
	uint64_t size;
	if (!may_hold(m))
		return false;
	return is_brk(m) || (heap_info_read(np_target_mem(target), addr & ~(HEAP_BYTES - 1), &arena, &size) &&
			     addr % HEAP_BYTES < size);
}

bool np_malloc_chunk_at(np_target *target, np_addr addr, struct np_malloc_chunk *ret)
{
	const struct np_mapping *m = np_target_mapping_at(target, addr);
	if (!may_hold(m))
		return false;
	addr -= 8; /* a chunk in use has the next one's first word, too */
	struct reader *r = np_xcalloc(1, sizeof(*r));
	r->mem = np_target_mem(target);
	bool found = !is_brk(m) && (arena_chunk(target, r, addr, ret) || mmapped_chunk(r, m, addr, ret));
	if (!found) /* cores do not name the brk heap; an unbroken chain from the start of a mapping does */
		found = chain_find(r, m->start, m->end, addr, true, ret);
	free(r);
	return found;
}

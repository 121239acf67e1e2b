#include "heap/locate.h"

#include <stdlib.h>
#include <string.h>

#include "heap/internal.h"
#include "heap/resync.h"

enum {
	WALK_MAX_BYTES = 64 << 20, /* of a regular page; they have at most 1 MiB */
	GUESS_BACK_BYTES = 256 << 10,
	UNIT_BYTES = 4096,
};

/* The area of a page in our memory: one read, then a walk without system calls for the map words. */
struct area {
	np_heap *heap;
	const struct np_page *page;
	uint8_t *bytes; /* zero where unreadable */
	size_t len;
	uint64_t unreadable_bytes;
};

static bool area_read(np_heap *heap, const struct np_page *page, struct area *ret)
{
	uint64_t bytes = page->area_end - page->area_start;
	if (bytes > WALK_MAX_BYTES)
		return false;
	*ret = (struct area){.heap = heap, .page = page, .len = (size_t)bytes & ~(size_t)7};
	ret->bytes = np_xcalloc(1, ret->len ? ret->len : 1);
	for (size_t at = 0; at < ret->len;) {
		at += np_mem_read(heap->v8->mem, page->area_start + at, ret->bytes + at, ret->len - at);
		if (at >= ret->len)
			break;
		/* A hole: payload that V8 never maps, or a core that ends. */
		size_t skip = UNIT_BYTES - (size_t)((page->area_start + at) & (UNIT_BYTES - 1));
		skip = skip < ret->len - at ? skip : ret->len - at;
		memset(ret->bytes + at, 0, skip);
		ret->unreadable_bytes += skip;
		at += skip;
	}
	return true;
}

static uint64_t area_word(const struct area *a, np_addr at)
{
	uint64_t word;
	memcpy(&word, a->bytes + (at - a->page->area_start), sizeof(word));
	return word;
}

static np_addr area_end(const struct area *a)
{
	return a->page->area_start + a->len;
}

static bool word_is_map(np_heap *heap, uint64_t word, const struct np_map **ret)
{
	return (word & 3) == 1 && word > 4096 && np_map_load(heap->v8, word - 1, ret);
}

static bool object_here(const struct area *a, np_addr at, struct np_heap_object *ret)
{
	struct np_heap_object o = {.addr = at, .page = a->page};
	if (at >= area_end(a) || !word_is_map(a->heap, area_word(a, at), &o.map))
		return false;
	if (!np_object_size(a->heap, at, o.map, &o.size_bytes))
		o.size_bytes = 0;
	else if (o.size_bytes > a->page->area_end - at)
		return false;
	o.is_free = np_is_filler(a->heap->v8, o.map);
	*ret = o;
	return true;
}

static bool object_probe(const void *walk, np_addr at, uint64_t *ret_size)
{
	struct np_heap_object o;
	if (!object_here(walk, at, &o))
		return false;
	*ret_size = o.size_bytes;
	return true;
}

static void count_gap(const struct area *a, np_addr from, np_addr to, struct np_page_walk *w)
{
	w->gap_bytes += to - from;
	for (np_addr at = from; at + 8 <= to; at += 8)
		w->zero_bytes += area_word(a, at) ? 0 : 8;
}

static void walk_area(const struct area *a, bool (*cb)(void *ctx, const struct np_heap_object *object), void *ctx,
		      struct np_page_walk *w)
{
	np_addr at = a->page->area_start, end = area_end(a);
	enum np_found how = NP_FOUND_EXACT;
	while (at < end) {
		struct np_heap_object o;
		if (!object_here(a, at, &o)) {
			np_addr found = np_resync(object_probe, a, at + 8, end);
			count_gap(a, at, found, w);
			at = found;
			how = NP_FOUND_RESYNC;
			continue;
		}
		o.how = how;
		np_addr after;
		if (o.size_bytes) {
			after = at + o.size_bytes;
			w->object_bytes += o.size_bytes;
			w->free_bytes += o.is_free ? o.size_bytes : 0;
		} else {
			after = np_resync(object_probe, a, at + 8, end);
			w->unknown_count++;
			count_gap(a, at, after, w);
			how = NP_FOUND_RESYNC;
		}
		w->object_count++;
		if (cb && !cb(ctx, &o))
			return;
		at = after;
	}
}

/* The object of a large page: at the start of the area, whatever its size says. */
static bool large_object(np_heap *heap, const struct np_page *page, struct np_heap_object *ret)
{
	struct np_heap_object o = {.addr = page->area_start, .page = page, .how = NP_FOUND_EXACT};
	uint64_t word;
	if (!np_mem_u64(heap->v8->mem, page->area_start, &word) || !word_is_map(heap, word, &o.map))
		return false;
	if (!np_object_size(heap, o.addr, o.map, &o.size_bytes) || o.size_bytes > page->area_end - o.addr)
		o.size_bytes = 0;
	o.is_free = np_is_filler(heap->v8, o.map);
	*ret = o;
	return true;
}

void np_heap_walk_page(np_heap *heap, const struct np_page *page,
		       bool (*cb)(void *ctx, const struct np_heap_object *object), void *ctx, struct np_page_walk *ret)
{
	struct np_heap_object o;
	struct area a;
	if (page->is_raw)
		return;
	if (page->is_large && large_object(heap, page, &o)) {
		uint64_t area = page->area_end - page->area_start;
		ret->object_count++;
		ret->unknown_count += !o.size_bytes;
		ret->object_bytes += o.size_bytes;
		ret->free_bytes += o.is_free ? o.size_bytes : 0;
		ret->gap_bytes += area - o.size_bytes;
		if (cb)
			cb(ctx, &o);
		return;
	}
	if (!area_read(heap, page, &a)) {
		ret->unreadable_bytes += page->area_end - page->area_start;
		return;
	}
	ret->unreadable_bytes += a.unreadable_bytes;
	walk_area(&a, cb, ctx, ret);
	free(a.bytes);
}

struct search {
	np_addr addr;
	bool found;
	struct np_heap_object object, before; /* before: the last object at or below addr */
	bool has_before;
};

static bool search_object(void *ctx, const struct np_heap_object *o)
{
	struct search *s = ctx;
	if (o->addr > s->addr)
		return false;
	s->before = *o;
	s->has_before = true;
	if (o->size_bytes && s->addr - o->addr < o->size_bytes) {
		s->object = *o;
		s->found = true;
		return false;
	}
	return true;
}

/* In a gap: the nearest plausible map word before the address whose object would contain it. */
static bool guess_object(const struct area *a, np_addr addr, np_addr low, struct np_heap_object *ret)
{
	if (addr - low > GUESS_BACK_BYTES)
		low = addr - GUESS_BACK_BYTES;
	for (np_addr at = addr & ~(np_addr)7; at >= low; at -= 8) {
		struct np_heap_object o;
		if (object_here(a, at, &o) && o.size_bytes && addr - at < o.size_bytes && !o.is_free) {
			o.how = NP_FOUND_GUESS;
			*ret = o;
			return true;
		}
		if (at == low)
			break;
	}
	return false;
}

static np_err *object_in_area(struct area *a, np_addr addr, struct np_heap_object *ret)
{
	struct search s = {.addr = addr};
	struct np_page_walk ignored = {0};
	uint8_t byte;
	walk_area(a, search_object, &s, &ignored);
	if (s.found) {
		*ret = s.object;
		return NULL;
	}
	if (s.has_before && !s.before.size_bytes) { /* the walk found nothing between it and addr */
		*ret = s.before;
		return NULL;
	}
	if (!np_mem_u8(a->heap->v8->mem, addr, &byte))
		return np_err_fault(addr, "reading the page at 0x%llx", (unsigned long long)a->page->start);
	np_addr low = s.has_before ? s.before.addr + s.before.size_bytes : a->page->area_start;
	if (guess_object(a, addr, low, ret))
		return NULL;
	return np_err_new(NP_ENOTFOUND, "no object at 0x%llx: unused or damaged part of the page", (unsigned long long)addr);
}

np_err *np_heap_object_at(np_heap *heap, np_addr addr, struct np_heap_object *ret)
{
	const struct np_page *page = np_heap_page_at(heap, addr);
	if (!page)
		return np_err_new(NP_ENOTFOUND, "0x%llx is in no page of V8's heap", (unsigned long long)addr);
	if (page->is_raw)
		return np_err_new(NP_ENOTFOUND, "0x%llx is in a page without objects", (unsigned long long)addr);
	if (addr < page->area_start || addr >= page->area_end)
		return np_err_new(NP_ENOTFOUND, "0x%llx is in the header or the unused end of a page", (unsigned long long)addr);
	if (page->is_large && large_object(heap, page, ret)) {
		if (ret->size_bytes && addr - ret->addr >= ret->size_bytes)
			return np_err_new(NP_ENOTFOUND, "0x%llx is behind the object of a large page", (unsigned long long)addr);
		return NULL;
	}
	struct area a;
	if (!area_read(heap, page, &a))
		return np_err_new(NP_ELIMIT, "the page at 0x%llx is too large to walk", (unsigned long long)page->start);
	np_err *err = object_in_area(&a, addr, ret);
	free(a.bytes);
	return err;
}

/*
 * Segments are kept as they were added.  Before the first read after a change
 * they are flattened into disjoint intervals, each with the stack of segments
 * that cover it, highest priority first.  A read finds its interval by binary
 * search and asks the stack from the top.
 *
 * In front of that stands a direct-mapped table of pages with known bytes (a
 * view of a mapped segment, or a page of the page cache), which answers most
 * reads with one comparison.
 *
 * Invariants:
 *   1. A table entry exists only for a page whose bytes all come from the top
 *      segment of one or more adjacent intervals.
 *   2. No table entry outlives its bytes: eviction, invalidation and every
 *      change of segments clear it.
 */
#include "mem/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "mem/page_cache.h"

enum {
	TLB_ENTRIES = 4096,	     /* 16 MiB of pages */
	STACK_DEPTH_MAX = 16,	     /* segments looked at for one address */
	BYPASS_BYTES = 64 * 1024,    /* reads from here on do not go through the page cache */
};

static const np_addr NO_PAGE = 1; /* no page address is odd */
static const np_addr PAGE_MASK = ~(np_addr)(NP_PAGE_BYTES - 1);

struct interval {
	np_addr start, end;
	uint32_t first, count; /* into np_mem.stack */
};

struct tlb_entry {
	np_addr page;
	const uint8_t *data;
};

struct np_mem {
	struct tlb_entry tlb[TLB_ENTRIES];
	NP_VEC(struct np_segment) segments;
	NP_VEC(struct interval) intervals; /* sorted, disjoint */
	NP_VEC(uint32_t) stack;		   /* indices of segments */
	size_t last;			   /* interval of the last read */
	bool dirty;			   /* segments changed since the intervals were made */
	np_page_cache *cache;		   /* made when the first cached segment is read */
};

static void tlb_clear(np_mem *mem)
{
	for (size_t i = 0; i < TLB_ENTRIES; i++)
		mem->tlb[i].page = NO_PAGE;
}

static struct tlb_entry *tlb_entry(np_mem *mem, np_addr addr)
{
	return &mem->tlb[(addr / NP_PAGE_BYTES) % TLB_ENTRIES];
}

static void tlb_evicted(void *ctx, np_addr page)
{
	struct tlb_entry *entry = tlb_entry(ctx, page);
	if (entry->page == page)
		entry->page = NO_PAGE;
}

np_mem *np_mem_create(void)
{
	np_mem *mem = np_xcalloc(1, sizeof(*mem));
	tlb_clear(mem);
	return mem;
}

static void segment_destroy(const struct np_segment *segment)
{
	if (segment->ops->destroy)
		segment->ops->destroy(segment->ctx);
}

void np_mem_destroy(np_mem *mem)
{
	if (!mem)
		return;
	for (size_t i = 0; i < mem->segments.len; i++)
		segment_destroy(&mem->segments.data[i]);
	np_vec_deinit(&mem->segments);
	np_vec_deinit(&mem->intervals);
	np_vec_deinit(&mem->stack);
	np_page_cache_destroy(mem->cache);
	free(mem);
}

static void mem_changed(np_mem *mem)
{
	/* Nothing is remembered while segments are being added. */
	if (!mem->dirty)
		tlb_clear(mem);
	mem->dirty = true;
}

np_err *np_mem_add(np_mem *mem, const struct np_segment *segment)
{
	if (segment->start >= segment->end)
		return np_err_new(NP_EFORMAT, "segment 0x%llx-0x%llx is empty or inverted",
				  (unsigned long long)segment->start, (unsigned long long)segment->end);
	if (mem->segments.len >= UINT32_MAX)
		return np_err_new(NP_ELIMIT, "too many segments");
	np_vec_push(&mem->segments, *segment);
	mem_changed(mem);
	return NULL;
}

void np_mem_drop(np_mem *mem, enum np_segment_priority priority)
{
	size_t kept = 0;
	for (size_t i = 0; i < mem->segments.len; i++) {
		if (mem->segments.data[i].priority == priority)
			segment_destroy(&mem->segments.data[i]);
		else
			mem->segments.data[kept++] = mem->segments.data[i];
	}
	if (kept == mem->segments.len)
		return;
	mem->segments.len = kept;
	np_mem_invalidate(mem); /* page cache keys hold segment indices */
	mem_changed(mem);
}

void np_mem_invalidate(np_mem *mem)
{
	if (!mem->cache)
		return;
	np_page_cache_clear(mem->cache);
	tlb_clear(mem);
}

/* ---- flattening ---- */

struct order {
	np_addr start;
	uint32_t index;
};

static int order_compare(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static int addr_compare(const void *a, const void *b)
{
	np_addr x = *(const np_addr *)a, y = *(const np_addr *)b;
	return x < y ? -1 : x > y;
}

static bool segment_before(const np_mem *mem, uint32_t a, uint32_t b)
{
	enum np_segment_priority pa = mem->segments.data[a].priority, pb = mem->segments.data[b].priority;
	return pa != pb ? pa > pb : a > b;
}

static void intervals_emit(np_mem *mem, np_addr start, np_addr end, const uint32_t *active, size_t n)
{
	if (n > STACK_DEPTH_MAX)
		n = STACK_DEPTH_MAX;
	if (mem->intervals.len) {
		struct interval *prev = &mem->intervals.data[mem->intervals.len - 1];
		if (prev->end == start && prev->count == n &&
		    !memcmp(mem->stack.data + prev->first, active, n * sizeof(*active))) {
			prev->end = end;
			return;
		}
	}
	struct interval interval = {start, end, (uint32_t)mem->stack.len, (uint32_t)n};
	for (size_t i = 0; i < n; i++)
		np_vec_push(&mem->stack, active[i]);
	np_vec_push(&mem->intervals, interval);
}

/* Sweep over all boundaries with the set of segments that are open there. */
static void intervals_build(np_mem *mem)
{
	size_t n = mem->segments.len;
	mem->intervals.len = mem->stack.len = mem->last = 0;
	mem->dirty = false;
	if (!n)
		return;
	struct order *order = np_xmalloc(n * sizeof(*order));
	np_addr *points = np_xmalloc(2 * n * sizeof(*points));
	uint32_t *active = np_xmalloc(n * sizeof(*active));
	size_t open = 0, next = 0;
	for (size_t i = 0; i < n; i++) {
		order[i] = (struct order){mem->segments.data[i].start, (uint32_t)i};
		points[2 * i] = mem->segments.data[i].start;
		points[2 * i + 1] = mem->segments.data[i].end;
	}
	qsort(order, n, sizeof(*order), order_compare);
	qsort(points, 2 * n, sizeof(*points), addr_compare);
	for (size_t p = 0; p + 1 < 2 * n; p++) {
		np_addr here = points[p];
		if (here == points[p + 1])
			continue;
		size_t kept = 0;
		for (size_t i = 0; i < open; i++) {
			if (mem->segments.data[active[i]].end > here)
				active[kept++] = active[i];
		}
		open = kept;
		for (; next < n && order[next].start <= here; next++) {
			size_t at = open++;
			for (; at > 0 && segment_before(mem, order[next].index, active[at - 1]); at--)
				active[at] = active[at - 1];
			active[at] = order[next].index;
		}
		if (open)
			intervals_emit(mem, here, points[p + 1], active, open);
	}
	free(order);
	free(points);
	free(active);
}

static bool interval_find(np_mem *mem, np_addr addr, size_t *ret)
{
	if (mem->dirty)
		intervals_build(mem);
	const struct interval *v = mem->intervals.data;
	size_t lo = 0, hi = mem->intervals.len;
	if (mem->last < hi && addr >= v[mem->last].start && addr < v[mem->last].end) {
		*ret = mem->last;
		return true;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (v[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == mem->intervals.len || addr < v[lo].start)
		return false;
	*ret = mem->last = lo;
	return true;
}

/* ---- reading ---- */

static const struct np_segment *interval_top(const np_mem *mem, size_t i)
{
	return &mem->segments.data[mem->stack.data[mem->intervals.data[i].first]];
}

static bool segment_has_page(const struct np_segment *segment, uint32_t id, np_addr page)
{
	return segment->cached && id < NP_PAGE_BYTES && page >= segment->start &&
	       segment->end - page >= NP_PAGE_BYTES;
}

static const uint8_t *cache_page(np_mem *mem, const struct np_segment *segment, uint32_t id, np_addr page)
{
	if (!mem->cache)
		mem->cache = np_page_cache_create(tlb_evicted, mem);
	return np_page_cache_get(mem->cache, segment, id, page);
}

static size_t segment_read(np_mem *mem, uint32_t id, np_addr addr, void *buf, size_t len)
{
	const struct np_segment *segment = &mem->segments.data[id];
	np_addr page = addr & PAGE_MASK;
	if (len >= BYPASS_BYTES || !segment_has_page(segment, id, page))
		return segment->ops->read(segment->ctx, addr, buf, len);
	const uint8_t *data = cache_page(mem, segment, id, page);
	if (!data)
		return 0;
	size_t n = NP_PAGE_BYTES - (size_t)(addr - page);
	n = n < len ? n : len;
	memcpy(buf, data + (addr - page), n);
	return n;
}

/* Reads at least one byte of an interval unless nothing there can be read. */
static size_t interval_read(np_mem *mem, size_t i, np_addr addr, void *buf, size_t len)
{
	const struct interval *interval = &mem->intervals.data[i];
	if (len > interval->end - addr)
		len = (size_t)(interval->end - addr);
	for (uint32_t s = 0; s < interval->count; s++) {
		size_t n = segment_read(mem, mem->stack.data[interval->first + s], addr, buf, len);
		if (n == NP_SEGMENT_FAULT)
			return 0;
		if (n)
			return n < len ? n : len;
		/* The one above may have bytes again on the next page. */
		size_t to_page_end = NP_PAGE_BYTES - (size_t)(addr % NP_PAGE_BYTES);
		if (len > to_page_end)
			len = to_page_end;
	}
	return 0;
}

/* Bytes of the whole page, remembered in the table; NULL where it has no single source. */
static const uint8_t *tlb_fill(np_mem *mem, np_addr page)
{
	size_t i;
	if (!interval_find(mem, page, &i))
		return NULL;
	const struct interval *interval = &mem->intervals.data[i];
	uint32_t id = mem->stack.data[interval->first];
	const struct np_segment *segment = &mem->segments.data[id];
	const uint8_t *data = NULL;
	if (interval->end - page >= NP_PAGE_BYTES && segment_has_page(segment, id, page))
		data = cache_page(mem, segment, id, page);
	else if (segment->ops->view)
		data = np_mem_view(mem, page, NP_PAGE_BYTES);
	if (data)
		*tlb_entry(mem, page) = (struct tlb_entry){page, data};
	return data;
}

static size_t mem_read_slow(np_mem *mem, np_addr addr, void *buf, size_t len)
{
	size_t done = 0;
	if (len > UINT64_MAX - addr)
		len = (size_t)(UINT64_MAX - addr);
	while (done < len) {
		size_t i;
		if (!interval_find(mem, addr + done, &i))
			break;
		size_t n = interval_read(mem, i, addr + done, (char *)buf + done, len - done);
		if (!n)
			break;
		done += n;
	}
	return done;
}

static inline bool mem_read_fast(np_mem *mem, np_addr addr, void *buf, size_t len)
{
	np_addr page = addr & PAGE_MASK;
	size_t offset = (size_t)(addr - page);
	if (__builtin_expect(offset + len > NP_PAGE_BYTES, 0))
		return false;
	const struct tlb_entry *entry = tlb_entry(mem, addr);
	const uint8_t *data = entry->data;
	if (__builtin_expect(entry->page != page, 0)) {
		data = tlb_fill(mem, page);
		if (!data)
			return false;
	}
	memcpy(buf, data + offset, len);
	return true;
}

size_t np_mem_read(np_mem *mem, np_addr addr, void *buf, size_t len)
{
	if (len <= NP_PAGE_BYTES && mem_read_fast(mem, addr, buf, len))
		return len;
	return mem_read_slow(mem, addr, buf, len);
}

np_err *np_mem_read_err(np_mem *mem, np_addr addr, void *buf, size_t len)
{
	size_t n = np_mem_read(mem, addr, buf, len);
	if (n == len)
		return NULL;
	return np_err_fault(addr + n, "reading %zu bytes at 0x%llx", len, (unsigned long long)addr);
}

#define ACCESSOR(name, type)                                                  \
	bool name(np_mem *mem, np_addr addr, type *ret)                       \
	{                                                                     \
		type value;                                                   \
		if (!mem_read_fast(mem, addr, &value, sizeof(value)) &&       \
		    mem_read_slow(mem, addr, &value, sizeof(value)) != sizeof(value)) \
			return false;                                         \
		*ret = value;                                                 \
		return true;                                                  \
	}

ACCESSOR(np_mem_u8, uint8_t)
ACCESSOR(np_mem_u16, uint16_t)
ACCESSOR(np_mem_u32, uint32_t)
ACCESSOR(np_mem_u64, uint64_t)

bool np_mem_cstr(np_mem *mem, np_addr addr, char *buf, size_t max)
{
	size_t done = 0;
	while (done < max) {
		size_t want = 256 - (size_t)((addr + done) % 256);
		if (want > max - done)
			want = max - done;
		size_t n = np_mem_read(mem, addr + done, buf + done, want);
		if (memchr(buf + done, '\0', n))
			return true;
		if (n < want)
			return false;
		done += n;
	}
	return false;
}

const void *np_mem_view(np_mem *mem, np_addr addr, size_t len)
{
	size_t i;
	if (!len || len > UINT64_MAX - addr || !interval_find(mem, addr, &i))
		return NULL;
	const struct np_segment *top = interval_top(mem, i);
	if (!top->ops->view)
		return NULL;
	/* The same segment must be on top all the way. */
	for (size_t j = i; mem->intervals.data[j].end < addr + len; j++) {
		if (j + 1 == mem->intervals.len || mem->intervals.data[j + 1].start != mem->intervals.data[j].end ||
		    interval_top(mem, j + 1) != top)
			return NULL;
	}
	return top->ops->view(top->ctx, addr, len);
}

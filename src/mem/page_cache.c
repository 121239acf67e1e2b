/*
 * Read-ahead: a miss on the page after the last miss doubles the number of
 * pages that one read asks for, up to AHEAD_PAGES; any other miss asks for one
 * (most reads of a heap are scattered, and a page costs more than a hit saves).
 */
#include "mem/page_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum {
	SLOT_BITS = 13, /* 8192 pages: 32 MiB at most */
	SLOTS = 1 << SLOT_BITS,
	AHEAD_PAGES = 16,
};

static const np_addr EMPTY = ~(np_addr)0;

struct slot {
	np_addr key; /* page address | segment id */
	uint8_t *data; /* NP_PAGE_BYTES, allocated on first use */
	bool unreadable;
};

struct np_page_cache {
	void (*evicted)(void *ctx, np_addr page);
	void *ctx;
	np_addr next_key;   /* a miss here continues a sequence */
	unsigned run_pages; /* pages asked for by the last miss */
	struct slot slots[SLOTS];
	uint8_t staging[AHEAD_PAGES * NP_PAGE_BYTES];
};

np_page_cache *np_page_cache_create(void (*evicted)(void *ctx, np_addr page), void *ctx)
{
	np_page_cache *cache = np_xcalloc(1, sizeof(*cache));
	cache->evicted = evicted;
	cache->ctx = ctx;
	np_page_cache_clear(cache);
	return cache;
}

void np_page_cache_destroy(np_page_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(cache->slots[i].data);
	free(cache);
}

void np_page_cache_clear(np_page_cache *cache)
{
	for (size_t i = 0; i < SLOTS; i++)
		cache->slots[i].key = EMPTY;
	cache->next_key = EMPTY;
	cache->run_pages = 1;
}

static struct slot *slot_of(np_page_cache *cache, np_addr key)
{
	uint64_t number = key / NP_PAGE_BYTES;
	/* Neighbours stay neighbours; the upper bits keep regions apart. */
	return &cache->slots[(number ^ (number >> SLOT_BITS) * 0x9e37u) & (SLOTS - 1)];
}

static struct slot *slot_take(np_page_cache *cache, np_addr key)
{
	struct slot *slot = slot_of(cache, key);
	if (slot->key != EMPTY && slot->key != key)
		cache->evicted(cache->ctx, slot->key & ~(np_addr)(NP_PAGE_BYTES - 1));
	slot->key = key;
	return slot;
}

static void slot_fill(np_page_cache *cache, np_addr key, const uint8_t *bytes)
{
	struct slot *slot = slot_take(cache, key);
	slot->unreadable = !bytes;
	if (!bytes)
		return;
	if (!slot->data)
		slot->data = np_xmalloc(NP_PAGE_BYTES);
	memcpy(slot->data, bytes, NP_PAGE_BYTES);
}

static void cache_load(np_page_cache *cache, const struct np_segment *segment, np_addr key)
{
	np_addr page = key & ~(np_addr)(NP_PAGE_BYTES - 1);
	unsigned pages = 1;
	if (key == cache->next_key)
		pages = cache->run_pages * 2 > AHEAD_PAGES ? AHEAD_PAGES : cache->run_pages * 2;
	uint64_t room = (segment->end - page) / NP_PAGE_BYTES;
	if (pages > room)
		pages = (unsigned)room;
	size_t n = segment->ops->read(segment->ctx, page, cache->staging, (size_t)pages * NP_PAGE_BYTES);
	unsigned got = n > sizeof(cache->staging) ? 0 : (unsigned)(n / NP_PAGE_BYTES);
	/* From the last to the first: the page that was asked for must win its slot. */
	for (unsigned i = got; i-- > 0;)
		slot_fill(cache, key + (np_addr)i * NP_PAGE_BYTES, cache->staging + (size_t)i * NP_PAGE_BYTES);
	if (!got)
		slot_fill(cache, key, NULL);
	cache->run_pages = pages;
	cache->next_key = key + (np_addr)(got ? got : 1) * NP_PAGE_BYTES;
}

const uint8_t *np_page_cache_get(np_page_cache *cache, const struct np_segment *segment, uint32_t id, np_addr page)
{
	np_addr key = page | id;
	struct slot *slot = slot_of(cache, key);
	if (slot->key != key)
		cache_load(cache, segment, key);
	return slot->unreadable ? NULL : slot->data;
}

/*
 * A bounded cache of 4 KiB pages for segments whose small reads are costly
 * (a system call each).  Direct-mapped: a page has one slot, a newcomer evicts.
 * Pages that cannot be read are remembered too.
 */
#ifndef NP_MEM_PAGE_CACHE_H
#define NP_MEM_PAGE_CACHE_H

#include "mem/mem.h"

enum { NP_PAGE_BYTES = 4096 };

typedef struct np_page_cache np_page_cache;

/* evicted is called with each page address that loses its bytes. */
np_page_cache *np_page_cache_create(void (*evicted)(void *ctx, np_addr page), void *ctx);
void np_page_cache_destroy(np_page_cache *cache);
void np_page_cache_clear(np_page_cache *cache);

/*
 * Bytes of a page that lies whole in the segment, or NULL when it cannot be
 * read.  id tells segments apart and is below NP_PAGE_BYTES.  The pointer is
 * valid until the page is evicted.
 */
const uint8_t *np_page_cache_get(np_page_cache *cache, const struct np_segment *segment, uint32_t id, np_addr page);

#endif

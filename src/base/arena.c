#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(16) unsigned char data[];
};

struct np_arena {
	struct block *head;
};

enum { BLOCK_BYTES = 64 * 1024 };

static void die_nomem(void)
{
	fputs("nopsy: out of memory\n", stderr);
	_Exit(1);
}

void *np_xmalloc(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);
	if (!p)
		die_nomem();
	return p;
}

void *np_xcalloc(size_t n, size_t bytes)
{
	void *p = calloc(n ? n : 1, bytes ? bytes : 1);
	if (!p)
		die_nomem();
	return p;
}

void *np_xrealloc(void *p, size_t bytes)
{
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		die_nomem();
	return p;
}

char *np_xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(np_xmalloc(n), s, n);
}

static struct block *block_create(size_t size)
{
	struct block *b = np_xmalloc(sizeof(*b) + size);
	b->next = NULL;
	b->used = 0;
	b->size = size;
	return b;
}

np_arena *np_arena_create(void)
{
	np_arena *arena = np_xcalloc(1, sizeof(*arena));
	return arena;
}

void np_arena_reset(np_arena *arena)
{
	struct block *keep = NULL;
	for (struct block *b = arena->head, *next; b; b = next) {
		next = b->next;
		if (!keep && b->size == BLOCK_BYTES)
			keep = b;
		else
			free(b);
	}
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	arena->head = keep;
}

void np_arena_destroy(np_arena *arena)
{
	if (!arena)
		return;
	for (struct block *b = arena->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(arena);
}

void *np_arena_alloc(np_arena *arena, size_t bytes)
{
	if (bytes > SIZE_MAX / 2)
		die_nomem();
	bytes = (bytes + 15) & ~(size_t)15;
	struct block *b = arena->head;
	if (!b || b->size - b->used < bytes) {
		struct block *fresh = block_create(bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES);
		if (b && bytes > BLOCK_BYTES / 4) {
			/* keep the current block open for small allocations */
			fresh->next = b->next;
			b->next = fresh;
		} else {
			fresh->next = b;
			arena->head = fresh;
		}
		b = fresh;
	}
	void *p = b->data + b->used;
	b->used += bytes;
	return memset(p, 0, bytes);
}

void *np_arena_memdup(np_arena *arena, const void *p, size_t bytes)
{
	void *copy = np_arena_alloc(arena, bytes);
	if (bytes)
		memcpy(copy, p, bytes);
	return copy;
}

char *np_arena_strndup(np_arena *arena, const char *s, size_t n)
{
	char *copy = np_arena_alloc(arena, n + 1);
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *np_arena_strdup(np_arena *arena, const char *s)
{
	return np_arena_strndup(arena, s, strlen(s));
}

char *np_arena_printf(np_arena *arena, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *s = np_arena_alloc(arena, (size_t)(n < 0 ? 0 : n) + 1);
	if (n > 0)
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

enum { HUGE_PAGE_BYTES = 2 << 20 };

/* malloc takes such blocks from the kernel: zero pages, which nobody has touched. */
static void *huge_wish(void *p, size_t bytes)
{
	uintptr_t from = ((uintptr_t)p + HUGE_PAGE_BYTES - 1) & ~(uintptr_t)(HUGE_PAGE_BYTES - 1);
	uintptr_t to = ((uintptr_t)p + bytes) & ~(uintptr_t)(HUGE_PAGE_BYTES - 1);
	if (to > from)
		madvise((void *)from, to - from, MADV_HUGEPAGE);
	return p;
}

void *np_xmalloc_huge(size_t bytes)
{
	return huge_wish(np_xmalloc(bytes), bytes);
}

void *np_xcalloc_huge(size_t n, size_t bytes)
{
	return huge_wish(np_xcalloc(n, bytes), n * bytes);
}

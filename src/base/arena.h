/*
 * Arena: memory with one lifetime (a session, a command, a scratch step).
 * Allocation never returns NULL: when memory is out the program ends with a
 * message, as there is nothing useful left to do (the target is unharmed:
 * the kernel lets go of it).
 */
#ifndef NP_BASE_ARENA_H
#define NP_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"

typedef struct np_arena np_arena;

np_arena *np_arena_create(void);
void np_arena_destroy(np_arena *arena);
/* Frees everything allocated since creation, keeps one block. */
void np_arena_reset(np_arena *arena);

void *np_arena_alloc(np_arena *arena, size_t bytes);	     /* zeroed, 16-byte aligned */
void *np_arena_memdup(np_arena *arena, const void *p, size_t bytes);
char *np_arena_strdup(np_arena *arena, const char *s);
char *np_arena_strndup(np_arena *arena, const char *s, size_t n);
char *np_arena_printf(np_arena *arena, const char *fmt, ...) NP_PRINTF(2, 3);

#define NP_NEW(arena, type) ((type *)np_arena_alloc((arena), sizeof(type)))
#define NP_NEW_ARRAY(arena, type, n) ((type *)np_arena_alloc((arena), sizeof(type) * (n)))

/* malloc family that does not return NULL. */
void *np_xmalloc(size_t bytes);
void *np_xcalloc(size_t n, size_t bytes);
void *np_xrealloc(void *p, size_t bytes);
char *np_xstrdup(const char *s);

/*
 * For arrays of many MiB that are read in no order: memory in huge pages where
 * the kernel gives them, which spares most of the page-table look-ups.  free().
 */
void *np_xmalloc_huge(size_t bytes);
void *np_xcalloc_huge(size_t n, size_t bytes);

#endif

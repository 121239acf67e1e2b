/* What the files of heap/roots share; nobody else includes it. */
#ifndef NP_HEAP_ROOTS_INTERNAL_H
#define NP_HEAP_ROOTS_INTERNAL_H

#include "heap/roots.h"

enum { NP_HANDLE_BLOCK_WORDS = 1022 }; /* of handle scopes: 8 KiB less what malloc needs (src/handles/handles.h) */

struct np_roots {
	np_heap *heap;
	np_v8 *v8;
	np_addr isolate;
	uint64_t *words; /* of the Isolate */
	uint8_t *taken;	 /* by word: belongs to a table that was recognised */
	size_t count;
	size_t heap_word; /* where the Heap begins in it; count: not known */
	bool (*cb)(void *ctx, const struct np_root *root);
	void *ctx;
	bool is_ended; /* by the callback */
	struct np_roots_report report;
};

/* A reference (weak or not) to an object with a valid map, in a page that may hold live objects. */
bool np_roots_is_object(struct np_roots *r, uint64_t word);
/* Instance type of what word refers to, -1: no object. */
int np_roots_type(struct np_roots *r, uint64_t word);
/* Hands a root to the callback if word is a reference; false when the visit has ended. */
bool np_roots_emit(struct np_roots *r, const struct np_root *root);
bool np_roots_emit_slot(struct np_roots *r, enum np_root_kind kind, np_addr slot, uint64_t word, const char *name);
/* Every reference in count words from start. */
void np_roots_emit_range(struct np_roots *r, enum np_root_kind kind, np_addr start, size_t count);
/* Could word be the address of a native object (writable, aligned, outside of V8's pages)? */
bool np_roots_is_native(struct np_roots *r, uint64_t word);
/* Bytes of the native object at addr: as its allocator tells, or max. */
size_t np_roots_native_bytes(struct np_roots *r, np_addr addr, size_t max);

/* A growing array of words in native memory, in any form that V8 and the C++ library have had. */
struct np_sequence {
	np_addr data;
	size_t count;
};
/* Reads w[0..2] as {begin, end, capacity}, {data, capacity, size}, or V8's List {data, int capacity, int length}. */
bool np_roots_sequence(struct np_roots *r, const uint64_t w[3], size_t max, struct np_sequence *ret);

/* roots_table.c */
void np_roots_visit_tables(struct np_roots *r);
void np_roots_visit_fields(struct np_roots *r); /* what is left: last */
/* roots_handles.c */
void np_roots_visit_handle_scopes(struct np_roots *r);
void np_roots_visit_global_handles(struct np_roots *r);
void np_roots_visit_eternal_handles(struct np_roots *r);
/* roots_traced.c */
void np_roots_visit_traced_handles(struct np_roots *r);
/* roots_native.c */
void np_roots_visit_compilation_cache(struct np_roots *r);
void np_roots_visit_microtasks(struct np_roots *r);
void np_roots_visit_dispatch_table(struct np_roots *r);
void np_roots_visit_stacks(struct np_roots *r);
void np_roots_visit_conservatively(struct np_roots *r);

#endif

/*
 * Who in V8's heap owns memory that cannot tell itself: the bytes behind an
 * ArrayBuffer or an external string, and the function of bytecode or code.
 *
 * These search every page for a word: about a gigabyte a second.  What is found
 * is checked on the object that holds the word, so a match by chance is none.
 */
#ifndef NP_HEAP_OWNER_H
#define NP_HEAP_OWNER_H

#include "heap/pages.h"

enum np_owner_kind { NP_OWNER_ARRAY_BUFFER, NP_OWNER_EXTERNAL_STRING, NP_OWNER_EXTERNAL_ARRAY };

struct np_owner {
	enum np_owner_kind kind;
	np_addr object;
	np_addr start;	     /* of the bytes it owns */
	uint64_t size_bytes;
};

/* The memory that an object owns; false when it is of no such kind, or owns none. */
bool np_heap_owned_memory(np_v8 *v8, np_addr object, struct np_owner *ret);

/* Owner of the bytes at addr, which begin at `from` or later (the mapping's start); NP_ENOTFOUND when there is none. */
np_err *np_heap_find_owner(np_heap *heap, np_addr addr, np_addr from, struct np_owner *ret) NP_MUST;

/* SharedFunctionInfo whose code is the BytecodeArray or Code at addr; NP_ENOTFOUND when there is none. */
np_err *np_heap_find_shared(np_heap *heap, np_addr code, np_addr *ret) NP_MUST;

/* Bytes that a search reads. */
uint64_t np_heap_search_bytes(np_heap *heap);

#endif

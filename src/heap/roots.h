/*
 * The roots of one isolate's heap: every place outside the heap from which the
 * collector starts to mark, and those that only watch an object (weak handles).
 *
 * Where V8 keeps them is not in any symbol, and moves with every version.  But
 * its objects know each other, so that they are found by what they must look
 * like rather than by tables of offsets:
 *
 *     Isolate --+-- roots table, builtins: long runs of tagged words; RootsTable::root_names_
 *               |   in the binary tells length and names, and the names where it begins
 *               +-- HandleScopeData {next, limit, level} -- into the last block of
 *               +-- HandleScopeImplementer {isolate, ...} -> blocks of 1022 handles
 *               +-- GlobalHandles {isolate, ...} -> blocks of 256 nodes; node i holds its i
 *               +-- EternalHandles {size, blocks} -> blocks of 256 handles
 *               +-- TracedHandles -> blocks of nodes that hold their index, too
 *               +-- vectors of objects: startup snapshot caches
 *               +-- CompilationCache {isolate, ...}, MicrotaskQueue (a ring of tasks)
 *               +-- other tagged words: thread-local top, lists of the Heap
 *
 * Stacks are read word by word: what looks like a reference is one.
 *
 * Invariants: a root's value is a reference to something with a valid map; slot is
 * the word that holds it (0: a register), except that of a stack word, unless the target is hostile.
 */
#ifndef NP_HEAP_ROOTS_H
#define NP_HEAP_ROOTS_H

#include <sys/types.h>

#include "heap/pages.h"

enum np_root_kind {
	NP_ROOT_STRONG_LIST,	    /* the roots table */
	NP_ROOT_STACK,
	NP_ROOT_HANDLE_SCOPE,	    /* local handles of native code, entered contexts */
	NP_ROOT_GLOBAL_HANDLE,	    /* Persistent, Global */
	NP_ROOT_WEAK_GLOBAL_HANDLE, /* the same after SetWeak(): keeps nothing alive */
	NP_ROOT_TRACED_HANDLE,	    /* TracedReference of a C++ object; weak when it is to the object's own wrapper */
	NP_ROOT_ETERNAL,
	NP_ROOT_BUILTINS,
	NP_ROOT_DISPATCH_TABLE,	    /* code of functions, which have a number in its place (13.0 and later) */
	NP_ROOT_STARTUP_CACHE,	    /* objects of the startup snapshot that V8 shares between contexts */
	NP_ROOT_COMPILATION_CACHE,
	NP_ROOT_MICROTASK,	    /* queued, not yet run */
	NP_ROOT_ISOLATE_FIELD,	    /* current context, pending exception, lists of the Heap, ... */
	NP_ROOT_STRING_TABLE,	    /* weak: internalized strings, up to 8.x an entry of the roots table */
	NP_ROOT_CONSERVATIVE,	    /* a word of native memory that looks like a reference */
	NP_ROOT_KIND_COUNT
};

/* "roots table", "stack", "global handle", ... */
const char *np_root_kind_name(enum np_root_kind kind);

struct np_root {
	enum np_root_kind kind;
	np_addr slot;	   /* 0: in a register */
	np_tagged value;
	const char *name;  /* V8's name of the root, NULL; valid during the callback */
	pid_t tid;	   /* of stack roots, else 0 */
	bool is_weak;	   /* keeps nothing alive */
};

struct np_roots_report {
	/* Found by its structure (which may be: there are none); false: looked at word by word, or not found. */
	bool exact[NP_ROOT_KIND_COUNT];
	size_t count[NP_ROOT_KIND_COUNT];
	const char *note; /* what could not be found and how that is made up for; NULL: nothing */
};

/*
 * Every root of the isolate; cb returns false to end.  The target must be
 * stopped.  Stacks of all threads are searched for objects of this isolate.
 * NP_EFAULT when the Isolate cannot be read.  ret is filled on success.
 */
np_err *np_roots_visit(np_heap *heap, np_addr isolate, bool (*cb)(void *ctx, const struct np_root *root), void *ctx,
		       struct np_roots_report *ret) NP_MUST;

#endif

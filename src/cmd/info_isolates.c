/*
 * Isolates: which thread runs in each, and the memory of each by V8 space.
 *
 * The pages of V8's heap say to which Heap they belong, and a Heap is a part of
 * its Isolate.  A thread says in which isolate it is (thread-local storage, a
 * pthread key).  Where only one of the two is known the answer has that one.
 *
 * Committed is the size of the pages that a space has, what V8 itself calls so.
 * Used is what objects take up, garbage that nobody collected yet included; it
 * takes a walk over every object, so it is told where the heaps are small or when
 * it is asked for.  Pages in no space are told apart: those that V8 took out of
 * one and keeps for the next, in which nothing is alive, and up to 6.2 one of
 * machine code that leads to deoptimisation.
 */
#include <stdlib.h>

#include "base/vec.h"
#include "cmd/info.h"
#include "heap/locate.h"
#include "stack/stack.h"

enum {
	ISOLATES_MAX = 4096,
	ISOLATE_MAX_BYTES = 1 << 20,	   /* a Heap lies that far in its Isolate at most */
	/* walked without being asked, at some 2 ms a MiB: a process stands still meanwhile */
	WALK_PROCESS_MAX_BYTES = 8 << 20,
	WALK_CORE_MAX_BYTES = 64 << 20,
};

struct usage {
	uint64_t count, committed, used;
};

struct isolate {
	np_addr heap;	 /* 0: of no heap (shared pages), or an isolate without pages */
	np_addr address; /* 0 unknown */
	const struct np_thread *thread;
	struct usage spaces[NP_SPACE_COUNT], all;
	uint64_t unassigned_bytes;
};

typedef NP_VEC(struct isolate) isolate_vec;

static const struct np_shape shape_isolate = {
	.name = "isolate",
	.style = NP_STYLE_LINE,
	.line = "[{address:addr}][{_shared}][{_unknown}][ in thread {tid}][ {thread:name}]: {committed_bytes}"
		"[, {used_bytes} used][, {_unassigned} more in no space]",
	.children = "spaces",
};
static const struct np_shape shape_space = {
	.name = "space",
	.style = NP_STYLE_TABLE,
	.columns = "space:Space,page_count:Pages,committed_bytes:Committed,used_bytes:Used",
};

static struct isolate *isolate_of_heap(isolate_vec *isolates, np_addr heap, np_addr address)
{
	for (size_t i = 0; i < isolates->len; i++)
		if (isolates->data[i].heap == heap)
			return &isolates->data[i];
	if (isolates->len >= ISOLATES_MAX)
		return NULL;
	struct isolate fresh = {.heap = heap, .address = address};
	np_vec_push(isolates, fresh);
	return &isolates->data[isolates->len - 1];
}

static void pages_count(np_heap *heap, isolate_vec *isolates, bool walk)
{
	for (size_t i = 0; i < np_heap_page_count(heap); i++) {
		const struct np_page *page = np_heap_page(heap, i);
		struct isolate *isolate = isolate_of_heap(isolates, page->heap, page->isolate);
		uint64_t bytes = page->end - page->start;
		if (!isolate)
			continue;
		if (page->is_raw || page->is_retired) {
			isolate->unassigned_bytes += bytes;
			continue;
		}
		struct np_page_walk w = {0};
		if (walk && !page->is_inactive)
			np_heap_walk_page(heap, page, NULL, NULL, &w);
		uint64_t used = w.object_bytes - w.free_bytes;
		struct usage *each[] = {&isolate->spaces[page->space], &isolate->all};
		for (size_t k = 0; k < NP_ARRAY_LEN(each); k++) {
			each[k]->count++;
			each[k]->committed += bytes;
			each[k]->used += used;
		}
	}
}

/* The isolate at `address`, or, where pages do not tell theirs, the one whose Heap lies closest behind. */
static struct isolate *isolate_of_address(isolate_vec *isolates, np_addr address)
{
	struct isolate *near = NULL;
	for (size_t i = 0; i < isolates->len; i++) {
		struct isolate *isolate = &isolates->data[i];
		if (isolate->address == address)
			return isolate;
		if (!isolate->address && isolate->heap > address && isolate->heap - address < ISOLATE_MAX_BYTES &&
		    (!near || isolate->heap < near->heap))
			near = isolate;
	}
	return near;
}

static void threads_join(np_v8 *v8, isolate_vec *isolates)
{
	for (size_t i = 0; i < np_target_thread_count(v8->target); i++) {
		const struct np_thread *thread = np_target_thread(v8->target, i);
		np_addr address = np_isolate_of_thread(v8, thread);
		if (!address)
			continue;
		struct isolate *isolate = isolate_of_address(isolates, address);
		if (!isolate && isolates->len < ISOLATES_MAX) {
			struct isolate fresh = {.address = address};
			np_vec_push(isolates, fresh);
			isolate = &isolates->data[isolates->len - 1];
		}
		if (!isolate || isolate->thread)
			continue;
		isolate->address = address;
		isolate->thread = thread;
	}
}

/* By thread, the main one first; those without one last. */
static int isolate_compare(const void *a, const void *b)
{
	const struct isolate *x = a, *y = b;
	if (!x->thread != !y->thread)
		return x->thread ? -1 : 1;
	if (x->thread && x->thread->tid != y->thread->tid)
		return x->thread->tid < y->thread->tid ? -1 : 1;
	return x->heap > y->heap ? -1 : x->heap < y->heap; /* shared pages come last */
}

static np_node *space_node(np_arena *arena, const char *name, const struct usage *u, bool walked)
{
	np_node *row = np_obj(arena, NULL);
	np_set_str(row, "space", name);
	np_set_uint(row, "page_count", u->count);
	np_set_bytes(row, "committed_bytes", u->committed);
	if (walked)
		np_set_bytes(row, "used_bytes", u->used);
	return row;
}

static np_node *isolate_node(np_arena *arena, const struct isolate *isolate, bool walked)
{
	np_node *n = np_obj(arena, &shape_isolate), *spaces = np_list(arena, &shape_space);
	bool shared = !isolate->heap && !isolate->address;
	if (isolate->address)
		np_set_addr(n, "address", isolate->address);
	else
		np_set_null(n, "address");
	if (shared)
		np_set_str(n, "_shared", "shared by all");
	else if (!isolate->address)
		np_set_str(n, "_unknown", np_arena_printf(arena, "unknown isolate, heap 0x%llx", (unsigned long long)isolate->heap));
	if (isolate->heap)
		np_set_addr(n, "heap", isolate->heap);
	np_set_bool(n, "shared", shared);
	if (isolate->thread) {
		np_set_int(n, "tid", isolate->thread->tid);
		np_set_str(n, "thread", isolate->thread->name);
	}
	np_set_uint(n, "page_count", isolate->all.count);
	np_set_bytes(n, "committed_bytes", isolate->all.committed);
	if (walked)
		np_set_bytes(n, "used_bytes", isolate->all.used);
	np_set_bytes(n, "unassigned_bytes", isolate->unassigned_bytes);
	if (isolate->unassigned_bytes)
		np_set_bytes(n, "_unassigned", isolate->unassigned_bytes);
	for (int s = 0; s < NP_SPACE_COUNT; s++)
		if (isolate->spaces[s].count)
			np_add(spaces, space_node(arena, np_space_name((enum np_space)s), &isolate->spaces[s], walked));
	np_set_node(n, "spaces", spaces);
	return n;
}

np_err *np_info_isolates(struct np_invocation *inv, bool used, np_info_ranges *pages, np_node **ret)
{
	np_v8 *v8 = inv->session->v8;
	np_heap *heap = NULL;
	isolate_vec isolates = {0};
	np_err *err = np_heap_create(v8, &heap);
	uint64_t bytes = 0;
	if (!err) {
		for (size_t i = 0; i < np_heap_page_count(heap); i++) {
			const struct np_page *page = np_heap_page(heap, i);
			struct np_info_range range = {page->start, page->end};
			np_vec_push(pages, range);
			bytes += page->end - page->start;
		}
		bool live = np_target_kind(v8->target) == NP_TARGET_PROCESS;
		used = used || bytes <= (live ? WALK_PROCESS_MAX_BYTES : WALK_CORE_MAX_BYTES);
		pages_count(heap, &isolates, used);
	}
	threads_join(v8, &isolates);
	if (isolates.len)
		qsort(isolates.data, isolates.len, sizeof(*isolates.data), isolate_compare);
	*ret = np_list(inv->arena, &shape_isolate);
	for (size_t i = 0; i < isolates.len; i++)
		np_add(*ret, isolate_node(inv->arena, &isolates.data[i], used && !err));
	np_vec_deinit(&isolates);
	np_heap_destroy(heap);
	return err;
}

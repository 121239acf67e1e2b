/* Roots in other native memory: caches, the microtask queue, stacks; and any memory, where V8's own is not found. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "heap/roots_internal.h"
#include "v8/cache.h"
#include "v8/map.h"

enum {
	CACHE_MAX_BYTES = 0x100,
	CACHE_PARTS = 3,	    /* at least: scripts, evals, regular expressions */
	GENERATIONS_MAX = 16,
	QUEUE_WORDS = 32,
	QUEUE_SIZE_MAX = 3,	    /* word that the size is at most */
	QUEUE_CAPACITY_MIN = 8,
	QUEUE_CAPACITY_MAX = 1 << 28,
	QUEUES_MAX = 1 << 16,
	PAGE_BYTES = 4096,
	DISPATCH_CODE_SHIFT = 16,
	DISPATCH_MAX_BYTES = 256 << 20, /* that are reserved at most */
	DISPATCH_PROBE_BYTES = 1 << 20, /* in which there must be so much code: */
	DISPATCH_CODES_MIN = 64,
	STACK_MAX_BYTES = 256 << 20,
	STACK_STEP_WORDS = 8192,
	RED_ZONE_BYTES = 128,	    /* below rsp that a function may use */
	NATIVE_MAX_BYTES = 0x4000,  /* of an unknown native object */
	NATIVE_MAX_COUNT = 1 << 12, /* of them */
};

/* --- compilation cache --- */

/*
 * CompilationCache {isolate, and for each kind of code {isolate, tables}}:
 * tables are references; in older versions {int count, references} (8.1 to
 * 10.2), or {int count, array of references}.
 */
static bool cache_visit(struct np_roots *r, np_addr addr)
{
	uint64_t words[CACHE_MAX_BYTES / 8], first;
	size_t bytes = np_roots_native_bytes(r, addr, sizeof(words)), parts = 0;
	size_t count = np_mem_read(r->v8->mem, addr, words, 8) == 8 && words[0] == r->isolate
			       ? np_mem_read(r->v8->mem, addr, words, bytes) / 8 : 0;
	struct np_sequence tables[CACHE_MAX_BYTES / 8];
	for (size_t i = 1; i + 2 < count; i++) {
		if (words[i] != r->isolate)
			continue;
		if (np_roots_is_object(r, words[i + 1]))
			tables[parts++] = (struct np_sequence){addr + 8 * (i + 1), 1};
		else if ((uint32_t)words[i + 1] - 1 < GENERATIONS_MAX && np_roots_is_object(r, words[i + 2]))
			tables[parts++] = (struct np_sequence){addr + 8 * (i + 2), (uint32_t)words[i + 1]};
		else if ((uint32_t)words[i + 1] - 1 < GENERATIONS_MAX && np_roots_is_native(r, words[i + 2]) &&
			 np_mem_u64(r->v8->mem, words[i + 2], &first) && np_roots_is_object(r, first))
			tables[parts++] = (struct np_sequence){words[i + 2], (uint32_t)words[i + 1]};
	}
	if (parts < CACHE_PARTS)
		return false;
	/* The last one may have two tables,. */
	if (tables[parts - 1].count == 1 && tables[parts - 1].data >= addr && tables[parts - 1].data < addr + bytes)
		tables[parts - 1].count = 2;
	for (size_t i = 0; i < parts; i++)
		np_roots_emit_range(r, NP_ROOT_COMPILATION_CACHE, tables[i].data, tables[i].count);
	return true;
}

void np_roots_visit_compilation_cache(struct np_roots *r)
{
	for (size_t i = 0; i < r->count && !r->report.exact[NP_ROOT_COMPILATION_CACHE]; i++)
		if (!r->taken[i] && np_roots_is_native(r, r->words[i]))
			r->report.exact[NP_ROOT_COMPILATION_CACHE] = cache_visit(r, r->words[i]);
}

/* --- microtasks --- */

struct queue {
	uint64_t size, capacity, start;
	np_addr ring;
	np_addr next, prev; /* other queues */
};

/* {size, capacity, start, ring} of a queue, which may have had no task yet. */
static bool ring_is_right(struct np_roots *r, const uint64_t w[4])
{
	uint64_t capacity = w[1];
	if (!capacity)
		return !w[0] && !w[2] && !w[3];
	return capacity >= QUEUE_CAPACITY_MIN && capacity <= QUEUE_CAPACITY_MAX && !(capacity & (capacity - 1)) &&
	       w[0] <= capacity && w[2] < capacity && np_roots_is_native(r, w[3]);
}

/*
 * MicrotaskQueue: {vtable, ..., size, capacity, start, ring, ..., next,
 * previous queue, ...}, where next's previous is this one.
 */
static bool queue_read(struct np_roots *r, np_addr addr, struct queue *ret)
{
	uint64_t w[QUEUE_WORDS], other[QUEUE_WORDS];
	size_t bytes = np_roots_native_bytes(r, addr, sizeof(w)), count;
	const struct np_mapping *m;
	count = np_mem_read(r->v8->mem, addr, w, bytes) / 8;
	if (count < 7 || !(m = np_target_mapping_at(r->v8->target, w[0])) || !m->image)
		return false;
	for (size_t i = 1; i <= QUEUE_SIZE_MAX && i + 5 < count; i++) {
		bool is_ring = ring_is_right(r, &w[i]);
		for (size_t k = i + 4; is_ring && k + 1 < count; k++) {
			if (!np_roots_is_native(r, w[k]) || !np_roots_is_native(r, w[k + 1]) ||
			    np_mem_read(r->v8->mem, w[k], other, 8 * (k + 2)) != 8 * (k + 2) || other[k + 1] != addr ||
			    other[0] != w[0])
				continue;
			*ret = (struct queue){w[i], w[i + 1], w[i + 2], w[i + 3], w[k], w[k + 1]};
			return true;
		}
	}
	return false;
}

static void queue_emit(struct np_roots *r, const struct queue *q)
{
	if (!q->size)
		return;
	uint64_t first = q->size < q->capacity - q->start ? q->size : q->capacity - q->start;
	np_roots_emit_range(r, NP_ROOT_MICROTASK, q->ring + 8 * q->start, first);
	np_roots_emit_range(r, NP_ROOT_MICROTASK, q->ring, q->size - first);
}

void np_roots_visit_microtasks(struct np_roots *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct queue q;
		np_addr first = r->words[i], at = first;
		if (r->taken[i] || !np_roots_is_native(r, first) || !queue_read(r, first, &q))
			continue;
		for (int n = 0; n < QUEUES_MAX && queue_read(r, at, &q) && !r->is_ended; n++) {
			queue_emit(r, &q);
			if ((at = q.next) == first)
				break;
		}
		r->report.exact[NP_ROOT_MICROTASK] = true;
		return;
	}
}

/* --- the dispatch table --- */

/*
 * JSDispatchTable: entries {entry point, Code << 16 | parameter count}, in
 * segments of a reservation whose start the Isolate knows.  All isolates share
 * it.  An entry lives as long as a function that has its number; those of dead
 * functions that were not swept yet are among these.
 */
static uint64_t entry_code(uint64_t entry)
{
	return np_tag((entry >> DISPATCH_CODE_SHIFT) & ~(np_addr)7).raw;
}

static bool entry_is_code(struct np_roots *r, uint64_t entry)
{
	int type = entry >> DISPATCH_CODE_SHIFT ? np_roots_type(r, entry_code(entry)) : -1;
	return type >= 0 && np_kind_of_type(r->v8, (uint16_t)type) == NP_KIND_CODE;
}

/* Entries with code among those in [start, end), handed out if emit is set. */
static size_t entries_visit(struct np_roots *r, np_addr start, np_addr end, bool emit, uint64_t *words)
{
	size_t found = 0;
	for (np_addr at = start; at < end && !r->is_ended;) {
		size_t want = end - at < 8 * STACK_STEP_WORDS ? end - at : 8 * STACK_STEP_WORDS;
		size_t n = np_mem_read(r->v8->mem, at, words, want) / 8;
		for (size_t i = 1; i < n; i += 2) {
			if (!entry_is_code(r, words[i]))
				continue;
			found++;
			if (emit)
				np_roots_emit_slot(r, NP_ROOT_DISPATCH_TABLE, at + 8 * i, entry_code(words[i]), NULL);
		}
		at += want;
	}
	return found;
}

/* The same in the readable parts of a reservation, which adjoin. */
static size_t reservation_visit(struct np_roots *r, np_addr base, size_t bytes, bool emit, uint64_t *words)
{
	size_t found = 0;
	np_addr from = base, end = base + bytes;
	for (size_t k = 0; k < np_target_mapping_count(r->v8->target); k++) {
		const struct np_mapping *m = np_target_mapping(r->v8->target, k);
		np_addr to = m->end < end ? m->end : end;
		if (m->start > from || from >= to)
			continue;
		if ((m->prot < 0 || m->prot & NP_PROT_R) && !m->image)
			found += entries_visit(r, from, to, emit, words);
		from = m->end;
	}
	return found;
}

void np_roots_visit_dispatch_table(struct np_roots *r)
{
	uint64_t *words = np_xmalloc(8 * STACK_STEP_WORDS);
	for (size_t i = 0; i < r->count && !r->report.exact[NP_ROOT_DISPATCH_TABLE]; i++) {
		np_addr base = r->words[i];
		const struct np_mapping *m = np_target_mapping_at(r->v8->target, base);
		if (r->taken[i] || np_has(r->v8->layout, NP_F_JSFunction_code) || !base || base % PAGE_BYTES || !m ||
		    m->image || np_heap_page_at(r->heap, base) || base > UINT64_MAX - DISPATCH_MAX_BYTES ||
		    reservation_visit(r, base, DISPATCH_PROBE_BYTES, false, words) < DISPATCH_CODES_MIN)
			continue;
		r->report.exact[NP_ROOT_DISPATCH_TABLE] = true;
		reservation_visit(r, base, DISPATCH_MAX_BYTES, true, words);
	}
	free(words);
}

/* --- stacks --- */

/* Does the word refer to an object of this isolate's own? */
static bool word_is_ours(struct np_roots *r, uint64_t word)
{
	if ((word & 7) != 1)
		return false;
	const struct np_page *page = np_heap_page_at(r->heap, word);
	return page && page->isolate == r->isolate && np_roots_is_object(r, word);
}

static void stack_visit(struct np_roots *r, const struct np_thread *thread, uint64_t *words)
{
	struct np_root root = {.kind = NP_ROOT_STACK, .tid = thread->tid};
	np_addr sp = thread->regs.r[NP_REG_RSP], end = thread->stack_end;
	for (int i = 0; i < NP_REG_COUNT; i++) {
		root.value.raw = thread->regs.r[i];
		if (thread->regs.valid >> i & 1 && word_is_ours(r, root.value.raw))
			np_roots_emit(r, &root);
	}
	if (!(thread->regs.valid >> NP_REG_RSP & 1) || sp < RED_ZONE_BYTES || sp >= end)
		return;
	np_addr at = (sp - RED_ZONE_BYTES) & ~(np_addr)7;
	if (at < thread->stack_start)
		at = thread->stack_start;
	if (end - at > STACK_MAX_BYTES)
		end = at + STACK_MAX_BYTES;
	while (at < end && !r->is_ended) {
		size_t want = end - at < 8 * STACK_STEP_WORDS ? end - at : 8 * STACK_STEP_WORDS;
		size_t n = np_mem_read(r->v8->mem, at, words, want) / 8;
		for (size_t i = 0; i < n; i++) {
			root.slot = at + 8 * i;
			root.value.raw = words[i];
			if (word_is_ours(r, words[i]))
				np_roots_emit(r, &root);
		}
		at += n ? 8 * n : PAGE_BYTES - at % PAGE_BYTES; /* what a core lacks is left out */
	}
}

void np_roots_visit_stacks(struct np_roots *r)
{
	uint64_t *words = np_xmalloc(8 * STACK_STEP_WORDS);
	for (size_t i = 0; i < np_target_thread_count(r->v8->target); i++)
		stack_visit(r, np_target_thread(r->v8->target, i), words);
	free(words);
}

/* --- anything --- */

/*
 * Native objects that the Isolate leads to in two steps, word by word.  It
 * finds handles, and takes caches that keep nothing alive for roots, too.
 */
void np_roots_visit_conservatively(struct np_roots *r)
{
	struct np_addr_map seen = {0};
	NP_VEC(np_addr) objects = {0};
	uint64_t *words = np_xmalloc(NATIVE_MAX_BYTES);
	size_t direct = 0;
	for (size_t i = 0; i < r->count; i++)
		if (!r->taken[i] && np_roots_is_native(r, r->words[i]) && r->words[i] - r->isolate >= 8 * r->count)
			np_vec_push(&objects, r->words[i]);
	direct = objects.len;
	for (size_t i = 0; i < objects.len && i < NATIVE_MAX_COUNT && !r->is_ended; i++) {
		np_addr at = objects.data[i];
		if (np_addr_map_get(&seen, at))
			continue;
		np_addr_map_put(&seen, at, r);
		size_t n = np_mem_read(r->v8->mem, at, words, np_roots_native_bytes(r, at, NATIVE_MAX_BYTES)) / 8;
		for (size_t k = 0; k < n; k++) {
			if (np_is_ref((np_tagged){words[k]}))
				np_roots_emit_slot(r, NP_ROOT_CONSERVATIVE, at + 8 * k, words[k], NULL);
			else if (i < direct && np_roots_is_native(r, words[k]) && words[k] - r->isolate >= 8 * r->count)
				np_vec_push(&objects, words[k]);
		}
	}
	free(words);
	np_vec_deinit(&objects);
	np_addr_map_deinit(&seen);
}

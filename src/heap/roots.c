#include "heap/roots.h"

#include <stdlib.h>
#include <string.h>

#include "heap/internal.h"
#include "heap/roots_internal.h"
#include "v8/map.h"

enum {
	ISOLATE_BYTES = 0x14000,      /* that are read where the allocator does not tell how big it is */
	ISOLATE_MIN_BYTES = 0x2000,
	ISOLATE_MAX_BYTES = 1 << 20,
	RANGE_STEP_WORDS = 512,
};

static const char *const kind_names[NP_ROOT_KIND_COUNT] = {
	[NP_ROOT_STRONG_LIST] = "roots table",
	[NP_ROOT_STACK] = "stack",
	[NP_ROOT_HANDLE_SCOPE] = "handle scope",
	[NP_ROOT_GLOBAL_HANDLE] = "global handle",
	[NP_ROOT_WEAK_GLOBAL_HANDLE] = "weak global handle",
	[NP_ROOT_TRACED_HANDLE] = "traced handle",
	[NP_ROOT_ETERNAL] = "eternal handle",
	[NP_ROOT_BUILTINS] = "builtins",
	[NP_ROOT_DISPATCH_TABLE] = "dispatch table",
	[NP_ROOT_STARTUP_CACHE] = "startup cache",
	[NP_ROOT_COMPILATION_CACHE] = "compilation cache",
	[NP_ROOT_MICROTASK] = "microtask queue",
	[NP_ROOT_ISOLATE_FIELD] = "isolate",
	[NP_ROOT_STRING_TABLE] = "string table",
	[NP_ROOT_CONSERVATIVE] = "native memory",
};

const char *np_root_kind_name(enum np_root_kind kind)
{
	return kind_names[kind];
}

/* May a root of this isolate lead there? */
static bool page_is_ours(const struct np_roots *r, const struct np_page *page)
{
	switch (page->space) {
	case NP_SPACE_READ_ONLY:
	case NP_SPACE_SHARED:
	case NP_SPACE_SHARED_LARGE:
	case NP_SPACE_SHARED_TRUSTED:
	case NP_SPACE_SHARED_TRUSTED_LARGE:
		return true;
	default:
		return page->isolate == r->isolate && !page->is_raw && !page->is_inactive && !page->is_retired;
	}
}

int np_roots_type(struct np_roots *r, uint64_t word)
{
	np_tagged t = {word};
	const struct np_map *map;
	if (!np_is_ref(t))
		return -1;
	const struct np_page *page = np_heap_page_at(r->heap, np_ref(t));
	if (!page || !page_is_ours(r, page) || np_ref(t) & 7 || np_ref(t) < page->area_start ||
	    np_ref(t) >= page->area_end || !np_map_of(r->v8, np_ref(t), &map))
		return -1;
	return map->type;
}

bool np_roots_is_object(struct np_roots *r, uint64_t word)
{
	return np_roots_type(r, word) >= 0;
}

bool np_roots_emit(struct np_roots *r, const struct np_root *root)
{
	if (r->is_ended)
		return false;
	if (!np_roots_is_object(r, root->value.raw))
		return true;
	r->report.count[root->kind]++;
	r->is_ended = !r->cb(r->ctx, root);
	return !r->is_ended;
}

bool np_roots_emit_slot(struct np_roots *r, enum np_root_kind kind, np_addr slot, uint64_t word, const char *name)
{
	struct np_root root = {.kind = kind, .slot = slot, .value = {word}, .name = name};
	root.is_weak = np_is_weak(root.value);
	return np_roots_emit(r, &root);
}

void np_roots_emit_range(struct np_roots *r, enum np_root_kind kind, np_addr start, size_t count)
{
	uint64_t words[RANGE_STEP_WORDS];
	for (size_t i = 0; i < count && !r->is_ended; i += RANGE_STEP_WORDS) {
		size_t want = count - i < RANGE_STEP_WORDS ? count - i : RANGE_STEP_WORDS;
		size_t got = np_mem_read(r->v8->mem, start + 8 * i, words, 8 * want) / 8;
		for (size_t k = 0; k < got; k++)
			np_roots_emit_slot(r, kind, start + 8 * (i + k), words[k], NULL);
		if (got < want)
			return;
	}
}

bool np_roots_is_native(struct np_roots *r, uint64_t word)
{
	if (word & 7 || word < 4096)
		return false;
	const struct np_mapping *m = np_target_mapping_at(r->v8->target, word);
	return m && (m->prot < 0 || m->prot & NP_PROT_W) && !m->image && !np_heap_page_at(r->heap, word);
}

/*
 * glibc's malloc keeps the size of a chunk before it, and in the low bit of the
 * next one's that this one is in use.  (To be sure that there is a chunk one
 * would go through all of them, which takes long; here a wrong size does no harm.)
 */
size_t np_roots_native_bytes(struct np_roots *r, np_addr addr, size_t max)
{
	enum { HEADER_BYTES = 8, FLAGS = 7, IN_USE = 1, MIN_BYTES = 32 };
	uint64_t size, next;
	if (!np_mem_u64(r->v8->mem, addr - HEADER_BYTES, &size))
		return max;
	size &= ~(uint64_t)FLAGS;
	if (size < MIN_BYTES || size & 15 || size > max + MIN_BYTES ||
	    !np_mem_u64(r->v8->mem, addr - HEADER_BYTES + size, &next) || !(next & IN_USE) || next < MIN_BYTES)
		return max;
	return size - HEADER_BYTES < max ? size - HEADER_BYTES : max;
}

bool np_roots_sequence(struct np_roots *r, const uint64_t w[3], size_t max, struct np_sequence *ret)
{
	struct np_sequence s = {w[0], 0};
	uint32_t capacity = (uint32_t)w[1], length = (uint32_t)(w[1] >> 32);
	if (!np_roots_is_native(r, w[0]))
		return false;
	if (w[0] < w[1] && w[1] <= w[2] && (w[1] - w[0]) % 8 == 0 && (w[2] - w[0]) % 8 == 0 && (w[1] - w[0]) / 8 <= max)
		s.count = (w[1] - w[0]) / 8;
	else if (w[1] && w[1] <= max && w[2] && w[2] <= w[1])
		s.count = w[2];
	else if (length && length <= capacity && length <= max)
		s.count = length;
	else
		return false;
	*ret = s;
	return true;
}

/* The Isolate's own words; where its allocator does not tell how big it is, more than it has. */
static np_err *isolate_read(struct np_roots *r)
{
	const np_layout *l = r->v8->layout;
	size_t bytes = np_roots_native_bytes(r, r->isolate, ISOLATE_MAX_BYTES);
	if (bytes < ISOLATE_MIN_BYTES || bytes == ISOLATE_MAX_BYTES)
		bytes = ISOLATE_BYTES;
	r->words = np_xcalloc(bytes / 8, sizeof(*r->words));
	r->count = np_mem_read(r->v8->mem, r->isolate, r->words, bytes) / 8;
	r->taken = np_xcalloc(r->count ? r->count : 1, 1);
	r->heap_word = np_has(l, NP_F_Isolate_heap) ? (size_t)np_get(l, NP_F_Isolate_heap) / 8 : r->count;
	if (r->count < ISOLATE_MIN_BYTES / 8)
		return np_err_fault(r->isolate + 8 * r->count, "the Isolate cannot be read");
	return NULL;
}

static const char *note_of(const struct np_roots_report *report)
{
	if (!report->exact[NP_ROOT_GLOBAL_HANDLE])
		return "global handles were not found; words of native memory that look like references "
		       "stand in for them";
	if (!report->exact[NP_ROOT_HANDLE_SCOPE])
		return "the handle scopes of native code were not found; only what looks like the last of them "
		       "is among the roots";
	if (!report->exact[NP_ROOT_STRONG_LIST])
		return "the roots table was not found; every word of the Isolate that looks like a reference is a root";
	return NULL;
}

np_err *np_roots_visit(np_heap *heap, np_addr isolate, bool (*cb)(void *ctx, const struct np_root *root), void *ctx,
		       struct np_roots_report *ret)
{
	struct np_roots r = {.heap = heap, .v8 = np_heap_v8(heap), .isolate = isolate, .cb = cb, .ctx = ctx};
	np_heap_page_count(heap); /* the index: there are many look-ups to come */
	np_err *err = isolate_read(&r);
	if (!err) {
		np_roots_visit_tables(&r);
		np_roots_visit_handle_scopes(&r);
		np_roots_visit_global_handles(&r);
		np_roots_visit_eternal_handles(&r);
		np_roots_visit_traced_handles(&r);
		np_roots_visit_compilation_cache(&r);
		np_roots_visit_microtasks(&r);
		np_roots_visit_dispatch_table(&r);
		np_roots_visit_stacks(&r);
		if (!r.report.exact[NP_ROOT_GLOBAL_HANDLE])
			np_roots_visit_conservatively(&r);
		np_roots_visit_fields(&r);
		r.report.note = note_of(&r.report);
		*ret = r.report;
	}
	free(r.words);
	free(r.taken);
	return err;
}

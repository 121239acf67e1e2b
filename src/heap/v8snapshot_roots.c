/* The root, (GC roots), and what hangs off each kind of V8's roots. */
#include <stdlib.h>
#include <string.h>

#include "heap/v8snapshot_internal.h"
#include "v8/code.h"

/* The kinds of V8 14.6, in its order (src/objects/visitors.h). */
enum v8_root {
	V8_BOOTSTRAPPER, V8_BUILTINS, V8_CLIENT_HEAP, V8_CODE_FLUSHER, V8_COMPILATION_CACHE, V8_DEBUGGER, V8_EXTENSIONS,
	V8_ETERNAL_HANDLES, V8_EXTERNAL_STRINGS, V8_GLOBAL_HANDLES, V8_HANDLE_SCOPE, V8_IDENTITY_MAP, V8_MICRO_TASKS,
	V8_READ_ONLY_ROOTS, V8_RELOCATABLE, V8_RETAIN_MAPS, V8_SHAREABLE_OBJECT_CACHE, V8_SHARED_STRUCT_REGISTRY,
	V8_SMI_ROOTS, V8_STACK_ROOTS, V8_STARTUP_OBJECT_CACHE, V8_INTERNALIZED_STRINGS, V8_STRONG_ROOT_LIST,
	V8_STRONG_ROOTS, V8_THREAD_MANAGER, V8_TRACED_HANDLES, V8_WEAK_ROOTS, V8_WRITE_BARRIER, V8_ROOT_COUNT
};

static const char *const root_names[V8_ROOT_COUNT] = {
	[V8_BOOTSTRAPPER] = "(Bootstrapper)",
	[V8_BUILTINS] = "(Builtins)",
	[V8_CLIENT_HEAP] = "(Client heap)",
	[V8_CODE_FLUSHER] = "(Code flusher)",
	[V8_COMPILATION_CACHE] = "(Compilation cache)",
	[V8_DEBUGGER] = "(Debugger)",
	[V8_EXTENSIONS] = "(Extensions)",
	[V8_ETERNAL_HANDLES] = "(Eternal handles)",
	[V8_EXTERNAL_STRINGS] = "(External strings)",
	[V8_GLOBAL_HANDLES] = "(Global handles)",
	[V8_HANDLE_SCOPE] = "(Handle scope)",
	[V8_IDENTITY_MAP] = "(Identity map)",
	[V8_MICRO_TASKS] = "(Micro tasks)",
	[V8_READ_ONLY_ROOTS] = "(Read-only roots)",
	[V8_RELOCATABLE] = "(Relocatable)",
	[V8_RETAIN_MAPS] = "(Retain maps)",
	[V8_SHAREABLE_OBJECT_CACHE] = "(Shareable object cache)",
	[V8_SHARED_STRUCT_REGISTRY] = "(SharedStruct type registry)",
	[V8_SMI_ROOTS] = "(Smi roots)",
	[V8_STACK_ROOTS] = "(Stack roots)",
	[V8_STARTUP_OBJECT_CACHE] = "(Startup object cache)",
	[V8_INTERNALIZED_STRINGS] = "(Internalized strings)",
	[V8_STRONG_ROOT_LIST] = "(Strong root list)",
	[V8_STRONG_ROOTS] = "(Strong roots)",
	[V8_THREAD_MANAGER] = "(Thread manager)",
	[V8_TRACED_HANDLES] = "(Traced handles)",
	[V8_WEAK_ROOTS] = "(Weak roots)",
	[V8_WRITE_BARRIER] = "(Write barrier)",
};

uint32_t np_snapshot_root_kinds(void)
{
	return V8_ROOT_COUNT;
}

/* --- the dispatch table --- */

enum {
	ENTRY_BYTES = 16,
	CODE_IN_ENTRY = 8,
	SEGMENT_BYTES = 1 << 16,
	SEGMENTS_BEFORE = 64,
	BASE_ALIGNMENT = 4096, /* of a reservation, and so of its segments */
	SAMPLES = 256,
};

static int compare_slots(const void *a, const void *b)
{
	const struct np_graph_root *x = *(const struct np_graph_root *const *)a, *y = *(const struct np_graph_root *const *)b;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static const struct np_graph_root *dispatch_at(const struct np_snapshot *s, np_addr slot)
{
	size_t low = 0, high = s->dispatch_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->dispatch[mid]->slot < slot)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->dispatch_count && s->dispatch[low]->slot == slot ? s->dispatch[low] : NULL;
}

bool np_snapshot_dispatched(const struct np_snapshot *s, uint32_t index, np_vertex *ret)
{
	const struct np_graph_root *root = dispatch_at(s, s->dispatch_base + (np_addr)index * ENTRY_BYTES + CODE_IN_ENTRY);
	if (!root || !snapshot_is_live(s, root->node))
		return false;
	*ret = root->node;
	return true;
}

/* Numbers that functions have, for a check of the table's start. */
static size_t handles_sample(struct np_snapshot *s, uint32_t *ret)
{
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_dispatch_handle), shift = snapshot_fact(s, NP_F_JSFunction_dispatch_shift);
	size_t n = 0;
	for (np_vertex v = 0; at && v < s->g->object_count && n < SAMPLES; v++) {
		if (!snapshot_is_live(s, v) || vertex_kind(s, v) != NP_KIND_JS_FUNCTION)
			continue;
		const uint8_t *bytes = np_graph_bytes(s->g, v);
		if (bytes)
			ret[n++] = (uint32_t)word_of(bytes, vertex_size(s, v), at) >> shift;
	}
	return n;
}

/*
 * The roots have the entries; the table begins some segments before the first
 * of them, where every function's number leads to one.
 */
void np_snapshot_find_dispatch(struct np_snapshot *s)
{
	uint32_t samples[SAMPLES];
	size_t n = handles_sample(s, samples), best = 0;
	s->dispatch = np_xcalloc(s->roots->count + 1, sizeof(*s->dispatch));
	for (size_t i = 0; n && i < s->roots->count; i++)
		if (s->roots->all[i].kind == NP_ROOT_DISPATCH_TABLE)
			s->dispatch[s->dispatch_count++] = &s->roots->all[i];
	if (!s->dispatch_count)
		return;
	qsort(s->dispatch, s->dispatch_count, sizeof(*s->dispatch), compare_slots);
	np_addr first = s->dispatch[0]->slot & ~(np_addr)(BASE_ALIGNMENT - 1);
	for (np_addr k = 0; k < SEGMENTS_BEFORE && first >= k * SEGMENT_BYTES; k++) {
		np_addr base = first - k * SEGMENT_BYTES;
		size_t hits = 0;
		for (size_t i = 0; i < n; i++)
			hits += dispatch_at(s, base + (np_addr)samples[i] * ENTRY_BYTES + CODE_IN_ENTRY) != NULL;
		if (hits > best) {
			best = hits;
			s->dispatch_base = base;
		}
	}
	if (best * 10 < n * 9)
		s->dispatch_count = 0;
}

static enum v8_root v8_root_of(const struct np_snapshot *s, const struct np_graph_root *root)
{
	switch (root->kind) {
	case NP_ROOT_STRONG_LIST: /* those of read-only space stand first */
		return root->slot < s->first_strong_slot ? V8_READ_ONLY_ROOTS : V8_STRONG_ROOT_LIST;
	case NP_ROOT_STACK:
		return V8_STACK_ROOTS;
	case NP_ROOT_HANDLE_SCOPE:
		return V8_HANDLE_SCOPE;
	case NP_ROOT_GLOBAL_HANDLE:
	case NP_ROOT_WEAK_GLOBAL_HANDLE:
		return V8_GLOBAL_HANDLES;
	case NP_ROOT_TRACED_HANDLE:
		return V8_TRACED_HANDLES;
	case NP_ROOT_ETERNAL:
		return V8_ETERNAL_HANDLES;
	case NP_ROOT_BUILTINS:
		return V8_BUILTINS;
	case NP_ROOT_STARTUP_CACHE:
		return V8_STARTUP_OBJECT_CACHE;
	case NP_ROOT_COMPILATION_CACHE:
		return V8_COMPILATION_CACHE;
	case NP_ROOT_MICROTASK:
		return V8_MICRO_TASKS;
	case NP_ROOT_STRING_TABLE:
		return V8_INTERNALIZED_STRINGS;
	default: /* fields of the Isolate, and words that stand in for handles */
		return V8_STRONG_ROOTS;
	}
}

void np_snapshot_begin_strong_roots(struct np_snapshot *s)
{
	s->first_strong_slot = UINT64_MAX;
	for (size_t i = 0; i < s->roots->count; i++) {
		const struct np_graph_root *root = &s->roots->all[i];
		const struct np_page *page = np_graph_page(s->g, root->node);
		if (root->kind == NP_ROOT_STRONG_LIST && page && page->space != NP_SPACE_READ_ONLY &&
		    root->slot < s->first_strong_slot)
			s->first_strong_slot = root->slot;
	}
}

/* --- the user's roots --- */

enum { USER_ROOTS_MAX = 4096, GLOBAL_SLOTS = 16 };

/* Up to 6.2 contexts have no types, but all of them lead to their global object. */
static bool is_native_context(const struct np_snapshot *s, np_vertex v)
{
	return vertex_kind(s, v) == NP_KIND_CONTEXT &&
	       (!np_has(s->v8->layout, NP_F_type_NATIVE_CONTEXT) ||
		graph_shape(s->g, v)->shape.map->type == np_get(s->v8->layout, NP_F_type_NATIVE_CONTEXT));
}

/* It is one of the first slots. */
static np_vertex global_of(const struct np_snapshot *s, np_vertex context)
{
	const uint8_t *bytes = np_graph_bytes(s->g, context);
	for (uint32_t i = 0; bytes && i < GLOBAL_SLOTS; i++) {
		np_vertex v = snapshot_target(s, word_of(bytes, vertex_size(s, context), s->fixed_data + 8 * i));
		if (v != NP_VERTEX_NONE && vertex_kind(s, v) == NP_KIND_JS_GLOBAL_OBJECT)
			return v;
	}
	return NP_VERTEX_NONE;
}

static int user_rank(enum np_root_kind kind)
{
	static const enum np_root_kind order[] = {NP_ROOT_STRONG_LIST,	 NP_ROOT_ISOLATE_FIELD,	   NP_ROOT_HANDLE_SCOPE,
						  NP_ROOT_GLOBAL_HANDLE, NP_ROOT_ETERNAL,	   NP_ROOT_STARTUP_CACHE,
						  NP_ROOT_MICROTASK,	 NP_ROOT_STACK,		   NP_ROOT_CONSERVATIVE};
	for (size_t i = 0; i < NP_ARRAY_LEN(order); i++)
		if (order[i] == kind)
			return (int)i;
	return -1;
}

static void user_root_edge(struct np_snapshot_walker *w, np_vertex v, uint32_t *count)
{
	uint32_t to = edge_to(w, v);
	for (size_t i = w->first + 1; i < w->edges.len; i++) /* the first leads to (GC roots) */
		if (w->edges.data[i].to == to)
			return;
	if (*count < USER_ROOTS_MAX)
		edge_push(w, NP_SNAPSHOT_SHORTCUT, np_snapshot_slot_name(w, ++*count), to);
}

/*
 * The global objects of the contexts that are roots (from V8 14.6 on the
 * contexts themselves): there DevTools begins to count distances.
 */
static void user_root_edges(struct np_snapshot_walker *w)
{
	const struct np_snapshot *s = w->s;
	uint32_t count = 1;
	for (int rank = 0; rank <= user_rank(NP_ROOT_CONSERVATIVE); rank++)
		for (size_t i = 0; i < s->roots->count; i++) {
			const struct np_graph_root *root = &s->roots->all[i];
			if (root->is_weak || user_rank(root->kind) != rank || np_graph_is_external(s->g, root->node) ||
			    !snapshot_is_live(s, root->node) || !is_native_context(s, root->node))
				continue;
			np_vertex v = snapshot_fact(s, NP_F_Snapshot_root_is_context) ? root->node : global_of(s, root->node);
			if (v != NP_VERTEX_NONE)
				user_root_edge(w, v, &count);
		}
	for (np_vertex v = 0; count == 1 && v < s->g->object_count; v++) /* no context is a root */
		if (snapshot_is_live(s, v) && vertex_kind(s, v) == NP_KIND_JS_GLOBAL_OBJECT)
			user_root_edge(w, v, &count);
}

/* --- edges of one kind of roots --- */

static void root_edge(struct np_snapshot_walker *w, np_vertex v, bool is_weak, const char *description)
{
	uint32_t name;
	struct np_buf b = {0};
	if (!np_vertex_map_get(&w->s->root_names, v, &name)) {
		if (description) {
			np_buf_printf(&b, "%zu / %s", edges_of_node(w) + 1, description);
			name = np_snapshot_text(w->s, b.data, b.len);
			np_buf_deinit(&b);
		} else {
			name = np_snapshot_slot_name(w, (uint32_t)edges_of_node(w) + 1);
		}
	}
	edge_put(w, is_weak ? NP_SNAPSHOT_WEAK : NP_SNAPSHOT_INTERNAL, name, v);
	edges_tell(w);
}

/* V8's tables of strings are outside of the heap: they have every string of the kind. */
static void string_table_edges(struct np_snapshot_walker *w, enum v8_root kind)
{
	const struct np_snapshot *s = w->s;
	for (size_t i = 0; i < s->block_count; i++)
		for (uint64_t bits = s->blocks[i].strings; bits; bits &= bits - 1) {
			np_vertex v = (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits));
			const struct form *f = form_of(s, v);
			if (kind == V8_INTERNALIZED_STRINGS ? f->is_internalized_string : f->is_external_string)
				root_edge(w, v, false, NULL);
		}
}

static const char *builtin_name(struct np_snapshot *s, np_vertex v, char *text, size_t bytes)
{
	struct np_code_object code;
	uint64_t at;
	pthread_mutex_lock(&s->readers);
	bool found = s->builtin_count && np_code_load(s->v8, np_graph_address(s->g, v), &code) && code.builtin_id >= 0 &&
		     (uint32_t)code.builtin_id < s->builtin_count &&
		     np_mem_u64(s->v8->mem, s->builtin_names + (uint64_t)s->builtin_stride * (uint32_t)code.builtin_id, &at) &&
		     np_mem_cstr(s->v8->mem, at, text, bytes);
	pthread_mutex_unlock(&s->readers);
	return found ? text : NULL;
}

static void kind_edges(struct np_snapshot_walker *w, enum v8_root kind)
{
	struct np_snapshot *s = w->s;
	char text[128];
	for (size_t i = 0; i < s->roots->count; i++) {
		const struct np_graph_root *root = &s->roots->all[i];
		if (root->kind == NP_ROOT_DISPATCH_TABLE || np_graph_is_external(s->g, root->node) ||
		    !snapshot_is_live(s, root->node) || v8_root_of(s, root) != kind)
			continue;
		root_edge(w, root->node, root->is_weak,
			  kind == V8_BUILTINS ? builtin_name(s, root->node, text, sizeof(text)) : NULL);
	}
	if (kind == V8_INTERNALIZED_STRINGS || kind == V8_EXTERNAL_STRINGS)
		string_table_edges(w, kind);
}

/* --- nodes without an object --- */

const char *np_snapshot_synthetic_name(uint32_t number)
{
	return number == 0 ? "" : number == 1 ? "(GC roots)" : root_names[number - SYNTHETIC_FIRST_ROOT];
}

void np_snapshot_synthetic_edges(struct np_snapshot_walker *w, uint32_t number)
{
	if (number == 0) {
		edge_push(w, NP_SNAPSHOT_ELEMENT, 1, 1);
		user_root_edges(w);
	} else if (number == 1) {
		for (uint32_t i = 0; i < V8_ROOT_COUNT; i++)
			edge_push(w, NP_SNAPSHOT_ELEMENT, i + 1, SYNTHETIC_FIRST_ROOT + i);
	} else {
		kind_edges(w, (enum v8_root)(number - SYNTHETIC_FIRST_ROOT));
	}
}

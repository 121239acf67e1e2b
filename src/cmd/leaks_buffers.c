/*
 * Memory that lives on for a part of it: an ArrayBuffer of which only views are
 * held, or, up to Node 0.12, the Buffer or pool that is the `parent` of others.
 *
 *     holder --> view (uses length bytes) --> store (has size bytes)
 *
 * Where anything else than views holds the store, all of it may be in use.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/held_by.h"
#include "cmd/leaks.h"
#include "cmd/session.h"
#include "heap/owner.h"
#include "v8/object.h"

enum { ROWS_MAX = 8, WASTE_MIN = 64 << 10 };

static const struct np_shape buffer_shape = {
	.name = "buffer", .style = NP_STYLE_LINE,
	.line = "{used_bytes} in use keep {store_bytes}[, held by {held_by}] ({example})",
	.children = "_held,_commands", .indent = 2};
static const struct np_shape buffers_shape = {
	.name = "buffers", .style = NP_STYLE_LINE,
	.line = "{count:num} {_what} of which only slices are used: {wasted_bytes} that nothing reaches", .children = "top",
	.indent = 2};

struct store {
	np_vertex node;
	uint64_t size;
	_Atomic uint64_t used; /* by views, overlaps counted again */
	_Atomic bool is_held;  /* by something else than views */
	_Atomic uint32_t view; /* + 1; the last one */
};

struct stores {
	struct np_leaks *leaks;
	np_graph *graph;
	np_v8 *v8;
	struct store *all; /* by node */
	size_t len;
	/* Up to Node 0.12, of each old Buffer: its parent, which is one, too; NP_VERTEX_NONE none. */
	np_vertex *parents;
};

static struct store *store_find(const struct stores *s, np_vertex node)
{
	size_t low = 0, high = s->len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->all[mid].node < node)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->len && s->all[low].node == node ? &s->all[low] : NULL;
}

static void view_count(struct store *store, np_vertex view, uint64_t length)
{
	uint32_t last = atomic_load_explicit(&store->view, memory_order_relaxed);
	atomic_fetch_add_explicit(&store->used, length, memory_order_relaxed);
	while (last < view + 1 && !atomic_compare_exchange_weak(&store->view, &last, view + 1))
		;
}

/* Calls look for who holds the stores that may be larger than what is used of them. */
static void holders_look(struct stores *s, void (*look)(void *ctx, np_vertex holder, uint32_t edge))
{
	uint64_t *targets = np_xcalloc((size_t)np_graph_node_count(s->graph) / 64 + 1, sizeof(*targets));
	size_t asked = 0;
	for (size_t i = 0; i < s->len; i++)
		if (s->all[i].used < s->all[i].size) {
			targets[s->all[i].node / 64] |= 1ull << (s->all[i].node % 64);
			asked++;
		}
	if (asked)
		np_scan_references(s->graph, &s->leaks->view->reach, targets, look, s);
	free(targets);
}

/* --- ArrayBuffers --- */

/* Several threads call this: the object's bytes alone are read. */
static bool view_length(const struct stores *s, np_vertex view, uint64_t *ret)
{
	const np_layout *l = s->v8->layout;
	const uint8_t *bytes = np_graph_bytes(s->graph, view);
	uint64_t size = np_graph_size(s->graph, view), word;
	uint32_t flags;
	uint64_t at = (uint64_t)np_get(l, NP_F_JSArrayBufferView_byte_length);
	if (!bytes || at + 8 > size)
		return false;
	if (np_has(l, NP_F_JSArrayBufferView_bit_field) && np_has(l, NP_F_JSArrayBufferView_length_tracking_shift)) {
		uint64_t flags_at = (uint64_t)np_get(l, NP_F_JSArrayBufferView_bit_field);
		if (flags_at + 4 > size)
			return false;
		memcpy(&flags, bytes + flags_at, sizeof(flags));
		if (flags >> np_get(l, NP_F_JSArrayBufferView_length_tracking_shift) & 1)
			return false; /* as long as the buffer */
	}
	memcpy(&word, bytes + at, sizeof(word));
	if (np_has(l, NP_F_JSArrayBufferView_is_smi) && np_get(l, NP_F_JSArrayBufferView_is_smi)) {
		np_tagged t = {word};
		if (!np_is_smi(t) || np_smi_value(t) < 0)
			return false;
		word = (uint64_t)np_smi_value(t);
	}
	*ret = word;
	return true;
}

static void array_buffer_holder(void *ctx, np_vertex holder, uint32_t edge)
{
	struct stores *s = ctx;
	struct store *store = store_find(s, np_edge_target(edge));
	enum np_kind kind = np_graph_shape(s->graph, np_graph_shape_of(s->graph, holder))->kind;
	uint64_t length;
	if (!store || kind == NP_KIND_MAP)
		return;
	if ((kind == NP_KIND_JS_TYPED_ARRAY || kind == NP_KIND_JS_DATA_VIEW) && view_length(s, holder, &length))
		view_count(store, holder, length < store->size ? length : store->size);
	else
		atomic_store_explicit(&store->is_held, true, memory_order_relaxed);
}

static void array_buffers_find(struct stores *s)
{
	const struct np_scan_list *list = &s->leaks->found[NP_LEAKS_ARRAY_BUFFER];
	s->all = np_xcalloc(list->count + 1, sizeof(*s->all));
	if (!np_has(s->v8->layout, NP_F_JSArrayBufferView_byte_length))
		return;
	for (size_t i = 0; i < list->count; i++) {
		struct np_edges row = np_graph_edges(s->graph, list->nodes[i]);
		np_vertex memory = row.count ? np_edge_target(row.targets[row.count - 1]) : NP_VERTEX_NONE;
		if (memory != NP_VERTEX_NONE && np_graph_is_external(s->graph, memory)) {
			s->all[s->len].node = list->nodes[i];
			s->all[s->len++].size = np_graph_size(s->graph, memory);
		}
	}
	holders_look(s, array_buffer_holder);
}

/* --- Buffers with external elements --- */

static size_t old_index(const struct stores *s, np_vertex node)
{
	const struct store *store = store_find(s, node);
	return store ? (size_t)(store - s->all) : SIZE_MAX;
}

static void old_holder(void *ctx, np_vertex holder, uint32_t edge)
{
	struct stores *s = ctx;
	struct store *store = store_find(s, np_edge_target(edge));
	size_t view = old_index(s, holder);
	if (!store || (view != SIZE_MAX && s->parents[view] == store->node) ||
	    np_graph_shape(s->graph, np_graph_shape_of(s->graph, holder))->kind == NP_KIND_MAP)
		return;
	atomic_store_explicit(&store->is_held, true, memory_order_relaxed);
}

static uint64_t external_bytes(const struct stores *s, np_vertex node)
{
	np_tagged elements;
	struct np_owner owner;
	if (!np_field(s->v8, np_graph_address(s->graph, node), NP_F_JSObject_elements, &elements) || !np_is_ref(elements) ||
	    !np_heap_owned_memory(s->v8, np_ref(elements), &owner))
		return 0;
	return owner.size_bytes;
}

static void old_buffers_find(struct stores *s)
{
	const struct np_scan_list *list = &s->leaks->found[NP_LEAKS_OLD_BUFFER];
	s->all = np_xcalloc(list->count + 1, sizeof(*s->all));
	s->parents = np_xmalloc((list->count + 1) * sizeof(*s->parents));
	s->len = list->count;
	for (size_t i = 0; i < s->len; i++) {
		s->all[i].node = list->nodes[i];
		s->all[i].size = external_bytes(s, list->nodes[i]);
	}
	for (size_t i = 0; i < s->len; i++) {
		np_tagged parent;
		np_vertex node = NP_VERTEX_NONE;
		if (np_object_own_data(s->v8, np_graph_address(s->graph, s->all[i].node), "parent", &parent) && np_is_ref(parent))
			node = np_graph_find(s->graph, np_ref(parent));
		size_t at = node == NP_VERTEX_NONE ? SIZE_MAX : old_index(s, node);
		s->parents[i] = at == SIZE_MAX ? NP_VERTEX_NONE : node;
		if (at != SIZE_MAX && at != i)
			view_count(&s->all[at], s->all[i].node, s->all[i].size);
	}
	for (size_t i = 0; i < s->len; i++) /* without views it is no store */
		s->all[i].size = s->all[i].view ? s->all[i].size : 0;
	holders_look(s, old_holder);
}

/* --- the section --- */

static int store_compare(const void *a, const void *b)
{
	const struct store *x = a, *y = b;
	uint64_t p = x->size - x->used, q = y->size - y->used;
	if (p != q)
		return p > q ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* Less than half of it is used, and nothing but views holds it. */
static void wasteful_keep(struct stores *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->len; i++)
		if (!s->all[i].is_held && s->all[i].view && s->all[i].used < s->all[i].size / 2 + s->all[i].size % 2)
			s->all[kept++] = s->all[i];
	s->len = kept;
	if (kept)
		qsort(s->all, kept, sizeof(*s->all), store_compare);
}

static np_node *store_node(const struct stores *s, const struct store *store, bool is_first)
{
	np_node *n = np_obj(s->leaks->inv->arena, &buffer_shape);
	np_vertex view = store->view - 1;
	np_set_bytes(n, "used_bytes", store->used);
	np_set_bytes(n, "store_bytes", store->size);
	np_set_str(n, "held_by", np_held_by(s->leaks->inv, s->leaks->view, view));
	np_set_addr(n, "example", np_graph_address(s->graph, view) | 1);
	np_set_addr(n, "store", np_graph_address(s->graph, store->node) | 1);
	np_hide(n, "store");
	np_leaks_set_path(s->leaks, n, view, is_first, NULL);
	if (is_first)
		np_leaks_add_command_at(s->leaks, n, "print", view);
	return n;
}

static np_node *stores_node(struct stores *s, const char *what)
{
	np_node *n = NULL, *top = np_list(s->leaks->inv->arena, &buffer_shape);
	uint64_t wasted = 0;
	wasteful_keep(s);
	for (size_t i = 0; i < s->len; i++) {
		wasted += s->all[i].size - s->all[i].used;
		if (i < ROWS_MAX)
			np_add(top, store_node(s, &s->all[i], i == 0));
	}
	if (wasted >= WASTE_MIN) {
		n = np_obj(s->leaks->inv->arena, &buffers_shape);
		np_set_uint(n, "count", s->len);
		np_set_str(n, "_what", what);
		np_set_bytes(n, "wasted_bytes", wasted);
		np_set_node(n, "top", top);
	}
	free(s->all);
	free(s->parents);
	return n;
}

np_node *np_leaks_buffers(struct np_leaks *leaks)
{
	struct stores s = {.leaks = leaks, .graph = leaks->view->graph, .v8 = leaks->inv->session->v8}, old = s;
	array_buffers_find(&s);
	np_node *n = stores_node(&s, "ArrayBuffers");
	if (n || !leaks->found[NP_LEAKS_OLD_BUFFER].count)
		return n;
	old_buffers_find(&old);
	return stores_node(&old, "Buffers");
}

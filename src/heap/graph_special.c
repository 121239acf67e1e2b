/* What is not a plain reference: memory outside the heap, and tables whose values live as long as their keys. */
#include <stdlib.h>

#include "heap/graph_internal.h"
#include "heap/owner.h"

/* HashTable: elements, deleted, capacity, then {key, value} (src/objects/hash-table.h). */
enum { TABLE_ENTRIES = 16 + 3 * 8, ENTRY_BYTES = 16 };

static bool may_own(const np_graph *g, const struct graph_shape *s)
{
	const np_layout *l = g->v8->layout;
	if (s->shape.kind == NP_KIND_JS_ARRAY_BUFFER)
		return true;
	if (s->shape.kind == NP_KIND_STRING)
		return np_has(l, NP_F_String_representation_mask) && np_has(l, NP_F_String_tag_external) &&
		       (s->shape.map->type & np_get(l, NP_F_String_representation_mask)) ==
			       np_get(l, NP_F_String_tag_external);
	return s->shape.type_name && strncmp(s->shape.type_name, "EXTERNAL_", 9) == 0;
}

/* Characters and bytes in an image (Node's own sources) are nobody's memory. */
static bool is_in_image(const np_graph *g, np_addr addr)
{
	const struct np_mapping *m = np_target_mapping_at(g->v8->target, addr);
	return m && m->image;
}

static int by_address(const void *a, const void *b, void *ctx)
{
	const struct graph_external *all = ctx;
	const struct graph_external *x = &all[*(const uint32_t *)a], *y = &all[*(const uint32_t *)b];
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->holder < y->holder ? -1 : x->holder > y->holder;
}

/* One node for each address; the largest size that an owner tells. */
static np_err *externals_number(np_graph *g)
{
	size_t n = g->externals.len;
	uint32_t *order = np_xmalloc((n ? n : 1) * sizeof(*order));
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	if (n)
		qsort_r(order, n, sizeof(*order), by_address, g->externals.data);
	g->external_addrs = np_xcalloc(n + 1, sizeof(*g->external_addrs));
	g->external_sizes = np_xcalloc(n + 1, sizeof(*g->external_sizes));
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		struct graph_external *e = &g->externals.data[order[i]];
		if (!count || g->external_addrs[count - 1] != e->addr)
			g->external_addrs[count++] = e->addr;
		if (e->size_bytes > g->external_sizes[count - 1])
			g->external_sizes[count - 1] = e->size_bytes;
		e->node = g->object_count + (np_vertex)(count - 1);
	}
	free(order);
	if (g->object_count + count >= NP_EDGE_WEAK - 1)
		return np_err_new(NP_ELIMIT, "the heap has more objects than can be numbered");
	g->node_count = g->object_count + (np_vertex)count;
	return NULL;
}

np_err *np_graph_find_externals(np_graph *g)
{
	bool *owners = np_xcalloc(g->shapes.len + 1, sizeof(*owners));
	for (size_t i = 0; i < g->shapes.len; i++)
		owners[i] = may_own(g, g->shapes.data[i]);
	for (np_vertex node = 0; node < g->object_count; node++) {
		struct np_owner o;
		if (owners[graph_shape_of(g, node)] && np_heap_owned_memory(g->v8, np_graph_address(g, node), &o) &&
		    !is_in_image(g, o.start) && !graph_page_of(g, o.start))
			np_vec_push(&g->externals, (struct graph_external){node, o.start, o.size_bytes, NP_VERTEX_NONE});
	}
	free(owners);
	return externals_number(g);
}

static np_vertex word_node(const np_graph *g, const uint8_t *at)
{
	uint64_t word = graph_word(at);
	return word & 1 ? graph_find(g, word & ~(uint64_t)3) : NP_VERTEX_NONE;
}

/* --- Contexts that are FixedArrays by their type (up to 6.2) --- */

enum likeness { UNLIKE, LIKE, UNKNOWN };

static bool is_dangling(const np_graph *g, uint64_t word)
{
	return (word & 1) && graph_find(g, word & ~(uint64_t)3) == NP_VERTEX_NONE;
}

/* {closure, previous, ...}: a function, then a Context or Smi 0. In garbage either may lead nowhere: that says nothing. */
static enum likeness context_likeness(const np_graph *g, np_vertex node)
{
	const np_layout *l = g->v8->layout;
	const uint8_t *bytes = np_graph_bytes(g, node);
	uint64_t closure = 16 + 8ull * (uint64_t)np_get(l, NP_F_Context_closure);
	uint64_t previous = 16 + 8ull * (uint64_t)np_get(l, NP_F_Context_previous);
	if (!bytes || closure + 8 > np_graph_size(g, node) || previous + 8 > np_graph_size(g, node))
		return UNLIKE;
	if (is_dangling(g, graph_word(bytes + closure)) || is_dangling(g, graph_word(bytes + previous)))
		return UNKNOWN;
	np_vertex function = word_node(g, bytes + closure), up = word_node(g, bytes + previous);
	if (function == NP_VERTEX_NONE || graph_shape(g, function)->shape.kind != NP_KIND_JS_FUNCTION)
		return UNLIKE;
	if (up == NP_VERTEX_NONE)
		return graph_word(bytes + previous) & 1 ? UNLIKE : LIKE;
	enum np_kind kind = graph_shape(g, up)->shape.kind;
	return kind == NP_KIND_FIXED_ARRAY || kind == NP_KIND_CONTEXT ? LIKE : UNLIKE;
}

/* Contexts have maps of their own: a map most of whose arrays look like Contexts is one of these. */
void np_graph_find_contexts(np_graph *g)
{
	enum { LIKE_PERCENT = 50 };
	const np_layout *l = g->v8->layout;
	if (np_has(l, NP_F_Context_first_type) || !np_has(l, NP_F_Context_closure) || !np_has(l, NP_F_Context_previous))
		return;
	uint64_t *unlike = np_xcalloc(g->shapes.len + 1, sizeof(*unlike)), *like = np_xcalloc(g->shapes.len + 1, sizeof(*like));
	for (np_vertex node = 0; node < g->object_count; node++) {
		uint32_t shape = graph_shape_of(g, node);
		if (g->shapes.data[shape]->shape.kind != NP_KIND_FIXED_ARRAY)
			continue;
		enum likeness likeness = context_likeness(g, node);
		unlike[shape] += likeness == UNLIKE;
		like[shape] += likeness == LIKE;
	}
	for (size_t i = 0; i < g->shapes.len; i++)
		if (like[i] && like[i] * 100 >= (like[i] + unlike[i]) * LIKE_PERCENT)
			g->shapes.data[i]->shape.kind = NP_KIND_CONTEXT;
	free(unlike);
	free(like);
}

/* --- native contexts --- */

static bool may_be_native_context(const np_layout *l, const struct np_vertex_shape *shape)
{
	if (np_has(l, NP_F_type_NATIVE_CONTEXT))
		return shape->map->type == np_get(l, NP_F_type_NATIVE_CONTEXT);
	return shape->kind == NP_KIND_CONTEXT && np_has(l, NP_F_Context_extension);
}

/* Up to 6.2 it is the one kind of Context whose extension is the global object. */
static bool is_native_context(const np_graph *g, np_vertex node)
{
	const np_layout *l = g->v8->layout;
	if (np_has(l, NP_F_type_NATIVE_CONTEXT))
		return true;
	const uint8_t *bytes = np_graph_bytes(g, node);
	uint64_t extension = 16 + 8ull * (uint64_t)np_get(l, NP_F_Context_extension);
	if (!bytes || extension + 8 > np_graph_size(g, node))
		return false;
	np_vertex global = word_node(g, bytes + extension);
	return global != NP_VERTEX_NONE && graph_shape(g, global)->shape.kind == NP_KIND_JS_GLOBAL_OBJECT;
}

/* They all have as many slots, of which the last ones begin lists that hold nothing: of contexts, of optimised code. */
void np_graph_find_weak_slots(np_graph *g)
{
	const np_layout *l = g->v8->layout;
	uint32_t slots = np_has(l, NP_F_NativeContext_weak_slots) ? (uint32_t)np_get(l, NP_F_NativeContext_weak_slots) : 0;
	uint64_t tail = np_has(l, NP_F_NativeContext_tail_bytes) ? (uint64_t)np_get(l, NP_F_NativeContext_tail_bytes) : 0;
	bool *wanted = np_xcalloc(g->shapes.len + 1, sizeof(*wanted));
	for (size_t i = 0; slots && i < g->shapes.len; i++)
		wanted[i] = may_be_native_context(l, &g->shapes.data[i]->shape);
	for (np_vertex node = 0; slots && node < g->object_count; node++) {
		uint32_t shape = graph_shape_of(g, node);
		struct graph_shape *s = g->shapes.data[shape];
		if (!wanted[shape] || s->weak_fields[0])
			continue;
		uint64_t size = np_graph_size(g, node);
		if (size < tail + 8ull * (slots + 2) || size > UINT32_MAX || !is_native_context(g, node))
			continue;
		for (uint32_t k = 0; k < slots && k < GRAPH_WEAK_FIELDS_MAX - 1; k++)
			s->weak_fields[k] = (uint32_t)(size - tail) - 8 * (k + 1);
	}
	free(wanted);
}

/* --- ephemerons --- */

static void table_take(np_graph *g, np_vertex table)
{
	const uint8_t *bytes = np_graph_bytes(g, table);
	uint64_t size = np_graph_size(g, table);
	uint32_t k = 0;
	if (!bytes)
		return;
	for (uint64_t at = TABLE_ENTRIES; at + ENTRY_BYTES <= size; at += ENTRY_BYTES) {
		np_vertex key = word_node(g, bytes + at), value = word_node(g, bytes + at + 8);
		if (key == NP_VERTEX_NONE || graph_shape(g, key)->shape.kind == NP_KIND_ODDBALL ||
		    graph_shape(g, key)->shape.kind == NP_KIND_HOLE)
			continue; /* empty and deleted entries */
		np_vec_push(&g->ephemerons, (struct np_ephemeron){table, key, value});
	}
	/* Of its row, everything behind the header. */
	struct np_edges row = np_graph_edges(g, table);
	uint64_t header = 0;
	for (uint32_t at = 8; at < TABLE_ENTRIES; at += 8)
		header += word_node(g, bytes + at) != NP_VERTEX_NONE;
	for (k = (uint32_t)header + 1; k < row.count; k++) /* + 1: the map */
		g->edges[g->rows[table] + k] |= NP_EDGE_WEAK;
}

void np_graph_find_ephemerons(np_graph *g)
{
	const np_layout *l = g->v8->layout;
	size_t words = (size_t)g->object_count / 64 + 1;
	uint64_t *tables = np_xcalloc(words, sizeof(*tables));
	for (np_vertex node = 0; node < g->object_count; node++) {
		const struct graph_shape *s = graph_shape(g, node);
		np_vertex table = NP_VERTEX_NONE;
		if (s->is_table) {
			table = node;
		} else if ((s->shape.kind == NP_KIND_JS_WEAK_MAP || s->shape.kind == NP_KIND_JS_WEAK_SET) &&
			   np_has(l, NP_F_JSWeakMap_table)) {
			const uint8_t *bytes = np_graph_bytes(g, node);
			uint64_t at = (uint64_t)np_get(l, NP_F_JSWeakMap_table);
			if (bytes && at + 8 <= np_graph_size(g, node))
				table = word_node(g, bytes + at);
		}
		if (table != NP_VERTEX_NONE && np_graph_size(g, table) >= TABLE_ENTRIES)
			tables[table / 64] |= 1ull << (table % 64);
	}
	for (size_t i = 0; i < words; i++)
		for (uint64_t bits = tables[i]; bits; bits &= bits - 1)
			table_take(g, (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits)));
	free(tables);
}

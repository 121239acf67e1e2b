#include "heap/v8snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "heap/v8snapshot_internal.h"
#include "v8/string.h"

enum { ID_BITS = 31, CONTEXT_SLOTS_MAX = 4096 };

/* --- what is alive --- */

static void live_mark(struct np_snapshot *s)
{
	const np_graph *g = s->g;
	size_t words = (size_t)g->object_count / 64 + 1;
	s->live = np_xcalloc(words, sizeof(*s->live));
	s->ranks = np_xcalloc(words, sizeof(*s->ranks));
	memcpy(s->live, s->reach->live, words * sizeof(*s->live));
	if (g->object_count % 64)
		s->live[words - 1] &= (1ull << (g->object_count % 64)) - 1;
	else
		s->live[words - 1] = 0;
	for (size_t i = 0; i < g->pages.len; i++) {
		const struct graph_page *p = &g->pages.data[i];
		for (np_vertex v = p->first; p->page->space == NP_SPACE_READ_ONLY && v < p->first + p->count; v++)
			s->live[v / 64] |= 1ull << (v % 64);
	}
	for (size_t i = 0; i < words; i++) {
		s->ranks[i] = s->live_count;
		s->live_count += (uint32_t)__builtin_popcountll(s->live[i]);
	}
}

/* --- identifiers --- */

/*
 * An identifier is a number of 31 bits: which unit of memory (as long as a
 * page), and which word in it.  Units are as far apart as 47 bits of address,
 * so each takes the place that its address names, or the next free one; so it
 * keeps it from one moment to the next, but where a new one stands in its way.
 */
static void ids_assign(struct np_snapshot *s)
{
	const np_graph *g = s->g;
	unsigned word_bits = g->unit_shift - 3;
	size_t places = (size_t)1 << (ID_BITS - word_bits);
	if (g->pages.len * 2 > places) {
		s->ids_by_number = true;
		return;
	}
	uint8_t *taken = np_xcalloc(places, 1);
	taken[0] = 1; /* the synthetic nodes' */
	for (size_t i = 0; i < g->pages.len; i++) {
		size_t at = (size_t)(g->pages.data[i].start >> g->unit_shift) & (places - 1);
		while (taken[at])
			at = (at + 1) & (places - 1);
		taken[at] = 1;
		np_vec_push(&s->page_ids, (uint64_t)at << word_bits);
	}
	free(taken);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* Memory outside of the heap: even numbers after the addresses; equal ones move up. */
static void external_ids_assign(struct np_snapshot *s)
{
	uint32_t n = s->external_count, *sorted = np_xmalloc(((size_t)n + 1) * sizeof(*sorted));
	s->external_ids = np_xmalloc(((size_t)n + 1) * sizeof(*s->external_ids));
	for (uint32_t i = 0; i < n; i++)
		s->external_ids[i] = sorted[i] = (uint32_t)(np_graph_address(s->g, s->externals[i]) >> 4) << 1;
	qsort(sorted, n, sizeof(*sorted), compare_ids);
	bool unique = !n || sorted[0] != 0;
	for (uint32_t i = 1; i < n; i++)
		unique &= sorted[i] != sorted[i - 1];
	for (uint32_t i = 0; i < n && !unique; i++)
		s->external_ids[i] = (i + 1) * 2;
	free(sorted);
}

static int compare_vertices(const void *a, const void *b)
{
	np_vertex x = *(const np_vertex *)a, y = *(const np_vertex *)b;
	return x < y ? -1 : x > y;
}

/* The memory that live ArrayBuffers own; what external strings own is in their own size. */
static void externals_gather(struct np_snapshot *s)
{
	const np_graph *g = s->g;
	uint32_t n = 0;
	s->externals = np_xmalloc((g->externals.len + 1) * sizeof(*s->externals));
	for (size_t i = 0; i < g->externals.len; i++) {
		const struct graph_external *e = &g->externals.data[i];
		if (snapshot_is_live(s, e->holder) && vertex_kind(s, e->holder) != NP_KIND_STRING)
			s->externals[n++] = e->node;
	}
	qsort(s->externals, n, sizeof(*s->externals), compare_vertices);
	for (uint32_t i = 0; i < n; i++)
		if (!i || s->externals[i] != s->externals[i - 1])
			s->externals[s->external_count++] = s->externals[i];
	external_ids_assign(s);
}

/* --- what the binary tells --- */

/* native_context_names[] = {slot, name}: what the slots of a native context are called. */
static void native_context_load(struct np_snapshot *s)
{
	struct np_symbol symbol;
	np_image *image = np_target_v8_image(s->v8->target);
	char text[128];
	if (!image || !np_image_symbol(image, "_ZN2v88internalL20native_context_namesE", &symbol))
		return;
	for (uint64_t i = 0; i < symbol.size_bytes / 16 && i < CONTEXT_SLOTS_MAX; i++) {
		uint32_t slot;
		uint64_t at;
		if (!np_mem_u32(s->v8->mem, symbol.addr + 16 * i, &slot) || !np_mem_u64(s->v8->mem, symbol.addr + 16 * i + 8, &at) ||
		    slot >= CONTEXT_SLOTS_MAX || !np_mem_cstr(s->v8->mem, at, text, sizeof(text)))
			continue;
		np_vec_push(&s->native_context, (struct named_field){s->fixed_data + 8 * slot, np_snapshot_name_cstr(s, text),
								     NP_SNAPSHOT_INTERNAL});
	}
}

static int compare_keys(const void *a, const void *b)
{
	const struct np_ephemeron *x = *(const struct np_ephemeron *const *)a, *y = *(const struct np_ephemeron *const *)b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void ephemerons_sort(struct np_snapshot *s)
{
	s->ephemeron_count = np_graph_ephemeron_count(s->g);
	s->by_key = np_xmalloc((s->ephemeron_count + 1) * sizeof(*s->by_key));
	for (size_t i = 0; i < s->ephemeron_count; i++)
		s->by_key[i] = np_graph_ephemerons(s->g) + i;
	qsort(s->by_key, s->ephemeron_count, sizeof(*s->by_key), compare_keys);
}

static void texts_load(struct np_snapshot *s)
{
	s->text_empty = np_snapshot_name_cstr(s, "");
	s->text_scope_info = np_snapshot_name_cstr(s, "scope_info");
	s->text_previous = np_snapshot_name_cstr(s, "previous");
	s->text_extension = np_snapshot_name_cstr(s, "extension");
	s->text_backing_store = np_snapshot_name_cstr(s, "backing_store");
	s->text_proto = np_snapshot_name_cstr(s, "__proto__");
	s->text_map = np_snapshot_name_cstr(s, "map");
	s->text_properties = np_snapshot_name_cstr(s, "properties");
	s->text_elements = np_snapshot_name_cstr(s, "elements");
	s->text_constructor = np_snapshot_name_cstr(s, "constructor");
	s->text_tag = np_snapshot_name_cstr(s, "<symbol Symbol.toStringTag>");
	s->text_prototype = np_snapshot_name_cstr(s, "prototype");
	s->text_initial_map = np_snapshot_name_cstr(s, "initial_map");
	s->text_code = np_snapshot_name_cstr(s, "code");
	s->text_shared = np_snapshot_name_cstr(s, "(shared function info)");
}

/* --- life --- */

np_snapshot *np_snapshot_create(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach,
				const struct np_snapshot_options *options)
{
	struct np_snapshot *s = np_xcalloc(1, sizeof(*s));
	s->g = graph;
	s->v8 = graph->v8;
	s->roots = roots;
	s->reach = reach;
	s->options = *options;
	s->arena = np_arena_create();
	s->scratch = np_arena_create();
	s->fixed_data = snapshot_fact(s, NP_F_FixedArray_data) ?: 16;
	s->properties_offset = snapshot_fact(s, NP_F_JSReceiver_properties) ?: 8;
	s->elements_offset = snapshot_fact(s, NP_F_JSObject_elements) ?: 16;
	s->length_offset = snapshot_fact(s, NP_F_JSArray_length) ?: 24;
	s->prototype_offset = snapshot_fact(s, NP_F_JSFunction_prototype);
	np_snapshot_name_table_init(s);
	texts_load(s);
	live_mark(s);
	s->first_object = SYNTHETIC_FIRST_ROOT + np_snapshot_root_kinds();
	s->marks = np_xcalloc((size_t)graph->object_count + 1, 1);
	s->forms = np_xcalloc(graph->shapes.len + 1, sizeof(*s->forms));
	ids_assign(s);
	externals_gather(s);
	native_context_load(s);
	ephemerons_sort(s);
	np_snapshot_find_dispatch(s);
	np_snapshot_tag(s);
	return s;
}

void np_snapshot_destroy(np_snapshot *s)
{
	if (!s)
		return;
	np_snapshot_name_table_deinit(s);
	np_vertex_map_deinit(&s->own_names);
	np_vertex_map_deinit(&s->root_names);
	np_vertex_map_deinit(&s->shared_numbers);
	np_vertex_map_deinit(&s->scope_numbers);
	np_vertex_map_deinit(&s->key_names);
	np_vec_deinit(&s->page_ids);
	np_vec_deinit(&s->edges);
	np_vec_deinit(&s->shared);
	np_vec_deinit(&s->scopes);
	np_vec_deinit(&s->scope_variables);
	np_vec_deinit(&s->native_context);
	free(s->live);
	free(s->ranks);
	free(s->marks);
	free(s->forms);
	free(s->externals);
	free(s->external_ids);
	free(s->visited);
	free(s->by_key);
	free(s->dispatch);
	np_arena_destroy(s->arena);
	np_arena_destroy(s->scratch);
	free(s);
}

uint32_t np_snapshot_node_count(const np_snapshot *s)
{
	return s->first_object + s->live_count + s->external_count;
}

/* --- nodes --- */

static uint64_t self_bytes(const struct np_snapshot *s, np_vertex v, const struct form *f)
{
	uint64_t bytes = np_graph_size(s->g, v);
	if (snapshot_fact(s, NP_F_Snapshot_sizes_of_objects))
		return bytes; /* up to V8 12.4 */
	const struct np_page *page = np_graph_page(s->g, v);
	if (page && page->space == NP_SPACE_READ_ONLY)
		return 0; /* isolates share it */
	uint64_t length;
	if (f->is_external_string && np_string_length(s->v8, np_graph_address(s->g, v), &length))
		bytes += length * f->char_bytes;
	return bytes;
}

static void node_location(struct np_snapshot *s, np_vertex v, const struct form *f, const struct location *of_class,
			  struct np_snapshot_node *node)
{
	struct location l = *of_class;
	np_vertex function = NP_VERTEX_NONE, shared;
	const uint8_t *bytes = np_graph_bytes(s->g, v);
	uint32_t size = vertex_size(s, v);
	enum np_kind kind = f->shape->shape.kind;
	if (!bytes)
		return;
	if (kind == NP_KIND_JS_FUNCTION)
		function = v;
	else if (kind == NP_KIND_JS_GENERATOR || kind == NP_KIND_JS_ASYNC_FUNCTION || kind == NP_KIND_JS_ASYNC_GENERATOR)
		function = snapshot_target(s, word_of(bytes, size, snapshot_fact(s, NP_F_JSGeneratorObject_function)));
	if (function != NP_VERTEX_NONE && vertex_kind(s, function) == NP_KIND_JS_FUNCTION) {
		bytes = np_graph_bytes(s->g, function);
		uint32_t at = snapshot_fact(s, NP_F_JSFunction_shared);
		shared = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, function), at)) : NP_VERTEX_NONE;
		l.known = false;
		if (shared != NP_VERTEX_NONE && vertex_kind(s, shared) == NP_KIND_SHARED_FUNCTION_INFO)
			l = np_snapshot_shared_of(s, shared)->location;
	}
	node->has_location = l.known;
	node->script_id = l.script_id;
	node->line = l.line;
	node->column = l.column;
}

static void object_node(struct np_snapshot *s, np_vertex v, struct np_snapshot_node *node)
{
	struct form *f = np_snapshot_form_of(s, v);
	struct location location = {0};
	node->vertex = v;
	node->id = np_snapshot_id_of(s, v);
	node->self_bytes = self_bytes(s, v, f);
	np_snapshot_object_edges(s, v, f);
	np_snapshot_node_name(s, v, f, &node->type, &node->name);
	if (np_kind_is_receiver(f->shape->shape.kind)) {
		uint32_t name;
		if (f->naming == NAMING_CLASS)
			np_snapshot_class(s, v, f, &name, &location);
		node_location(s, v, f, &location, node);
	}
	node->edges = s->edges.data;
	node->edge_count = (uint32_t)s->edges.len;
}

void np_snapshot_visit(np_snapshot *s, bool (*cb)(void *ctx, const struct np_snapshot_node *node), void *ctx)
{
	bool ended = false;
	uint32_t number = s->first_object;
	np_snapshot_visit_synthetic(s, cb, ctx, &ended);
	s->by_key_at = 0;
	for (size_t i = 0; i <= s->g->object_count / 64 && !ended; i++)
		for (uint64_t bits = s->live[i]; bits && !ended; bits &= bits - 1) {
			struct np_snapshot_node node = {.number = number++};
			object_node(s, (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits)), &node);
			ended = !cb(ctx, &node);
		}
	for (uint32_t i = 0; i < s->external_count && !ended; i++) {
		struct np_snapshot_node node = {
			.number = number++,
			.type = NP_SNAPSHOT_NATIVE,
			.name = np_snapshot_name_cstr(s, "system / JSArrayBufferData"),
			.id = s->external_ids[i],
			.self_bytes = np_graph_size(s->g, s->externals[i]),
			.vertex = s->externals[i],
		};
		ended = !cb(ctx, &node);
	}
}

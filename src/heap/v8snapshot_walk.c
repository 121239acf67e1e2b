/* Walkers: what a thread has of its own, and how it passes nodes, edges and locations, a chunk at a time. */
#include <stdlib.h>
#include <string.h>

#include "heap/v8snapshot_internal.h"

/* --- walkers --- */

void np_snapshot_walker_init(struct np_snapshot_walker *w, struct np_snapshot *s)
{
	*w = (struct np_snapshot_walker){.s = s, .scratch = np_arena_create()};
	memset(w->tag_names, 0xff, sizeof(w->tag_names));
}

void np_snapshot_walker_deinit(struct np_snapshot_walker *w)
{
	struct vertex_map *maps[] = {&w->keys, &w->scope_numbers, &w->class_numbers};
	for (size_t i = 0; i < NP_ARRAY_LEN(maps); i++)
		np_vertex_map_deinit(maps[i]);
	np_vec_deinit(&w->edges);
	np_vec_deinit(&w->scopes);
	np_vec_deinit(&w->scope_variables);
	np_vec_deinit(&w->classes);
	np_vec_deinit(&w->numeric);
	np_buf_deinit(&w->now);
	np_buf_deinit(&w->other);
	np_arena_destroy(w->scratch);
	free(w->refs);
	free(w->used.bits);
}

np_snapshot_walker *np_snapshot_walker_create(np_snapshot *s)
{
	struct np_snapshot_walker *w = np_xmalloc(sizeof(*w));
	np_snapshot_walker_init(w, s);
	return w;
}

void np_snapshot_walker_destroy(np_snapshot_walker *w)
{
	if (w)
		np_snapshot_walker_deinit(w);
	free(w);
}

void np_snapshot_begin_node(struct np_snapshot_walker *w)
{
	edges_tell(w);
	if (!w->tell)
		w->edges.len = 0;
	w->first = w->edges.len;
	w->told = 0;
}

void np_snapshot_walk_from(struct np_snapshot_walker *w, np_vertex node)
{
	size_t low = 0, high = w->s->ephemeron_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (w->s->by_key[mid]->key < node)
			low = mid + 1;
		else
			high = mid;
	}
	w->by_key_at = low;
}

/* --- nodes --- */

static uint64_t self_bytes(const struct np_snapshot *s, np_vertex v, const struct form *f)
{
	uint64_t bytes = np_graph_size(s->g, v);
	if (s->sizes_of_objects)
		return bytes; /* up to V8 12.4 */
	const struct np_page *page = np_graph_page(s->g, v);
	if (page && page->space == NP_SPACE_READ_ONLY)
		return 0; /* isolates share it */
	uint32_t length;
	const uint8_t *object = f->is_external_string ? np_graph_bytes(s->g, v) : NULL;
	if (object && s->string_length_at + sizeof(length) <= vertex_size(s, v)) {
		memcpy(&length, object + s->string_length_at, sizeof(length));
		bytes += (uint64_t)length * f->char_bytes;
	}
	return bytes;
}

static void object_node(struct np_snapshot_walker *w, np_vertex v, uint32_t number, struct np_snapshot_node *ret)
{
	struct np_snapshot *s = w->s;
	const struct form *f = form_of(s, v);
	struct np_name name;
	*ret = (struct np_snapshot_node){.number = number, .vertex = v, .id = np_snapshot_id_of(s, v), .self_bytes = self_bytes(s, v, f)};
	np_snapshot_node_name(w, v, f, &ret->type, &name);
	ret->name = np_snapshot_name_number(w, name);
	uint64_t native_bytes;
	if (f->native_at && np_snapshot_native_class(w, v, f, &native_bytes))
		ret->self_bytes += native_bytes;
	ret->edge_count = s->edge_counts[v];
	if (ret->edge_count == MANY_EDGES)
		np_vertex_map_get(&s->many_edges, v, &ret->edge_count);
}

static void synthetic_nodes(np_snapshot_walker *w, void (*cb)(void *ctx, const struct np_snapshot_node *node), void *ctx)
{
	for (uint32_t i = 0; i < w->s->first_object; i++) {
		struct np_snapshot_node node = {
			.number = i,
			.type = NP_SNAPSHOT_SYNTHETIC,
			.name = w->s->synthetic_names[i],
			.id = i * 2 + 1,
			.vertex = NP_VERTEX_NONE,
			.edge_count = w->s->synthetic_counts[i],
		};
		cb(ctx, &node);
	}
}

static void external_nodes(np_snapshot_walker *w, void (*cb)(void *ctx, const struct np_snapshot_node *node), void *ctx)
{
	const struct np_snapshot *s = w->s;
	for (uint32_t i = 0; i < s->external_count; i++) {
		struct np_snapshot_node node = {
			.number = s->first_object + s->live_count + i,
			.type = NP_SNAPSHOT_NATIVE,
			.name = s->text_array_buffer_data,
			.id = s->external_ids[i],
			.self_bytes = np_graph_size(s->g, s->externals[i]),
			.vertex = s->externals[i],
		};
		cb(ctx, &node);
	}
}

void np_snapshot_nodes(np_snapshot_walker *w, size_t chunk, void (*cb)(void *ctx, const struct np_snapshot_node *node),
		       void *ctx)
{
	const struct np_snapshot *s = w->s;
	struct np_snapshot_node node;
	size_t from = (chunk - 1) * (CHUNK_VERTICES / 64), end = from + CHUNK_VERTICES / 64;
	if (chunk == 0) {
		synthetic_nodes(w, cb, ctx);
		return;
	}
	if (chunk == s->vertex_chunks + 1)
		external_nodes(w, cb, ctx);
	for (size_t i = from; i < end && i < s->block_count; i++) {
		uint32_t number = s->first_object + s->blocks[i].live_rank;
		for (uint64_t bits = s->blocks[i].live; bits; bits &= bits - 1) {
			object_node(w, (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits)), number++, &node);
			cb(ctx, &node);
		}
	}
}

/* --- edges --- */

void np_snapshot_edges(np_snapshot_walker *w, size_t chunk,
		       void (*cb)(void *ctx, const struct np_snapshot_edge *edges, size_t count), void *ctx)
{
	struct np_snapshot *s = w->s;
	size_t from = (chunk - 1) * (CHUNK_VERTICES / 64), end = from + CHUNK_VERTICES / 64;
	w->tell = cb;
	w->tell_ctx = ctx;
	for (uint32_t i = 0; chunk == 0 && i < s->first_object; i++) {
		np_snapshot_begin_node(w);
		np_snapshot_synthetic_edges(w, i);
	}
	if (chunk)
		np_snapshot_walk_from(w, (np_vertex)(from * 64));
	for (size_t i = from; chunk && i < end && i < s->block_count; i++)
		for (uint64_t bits = s->blocks[i].live; bits; bits &= bits - 1) {
			np_vertex v = (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits));
			np_snapshot_begin_node(w);
			np_snapshot_object_edges(w, v, form_of(s, v));
		}
	cb(ctx, w->edges.data, w->edges.len);
	w->edges.len = 0;
	w->tell = NULL;
}

/* --- locations --- */

static struct location function_location(const struct np_snapshot *s, np_vertex function)
{
	const uint8_t *bytes = np_graph_bytes(s->g, function);
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_shared);
	np_vertex shared = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, function), at)) : NP_VERTEX_NONE;
	const struct shared_entry *e = shared == NP_VERTEX_NONE ? NULL : np_snapshot_shared_of(s, shared);
	return e ? e->location : (struct location){0};
}

/* Of closures and generators where the function is, of other objects where their constructor is. */
static struct location object_location(struct np_snapshot_walker *w, np_vertex v, const struct form *f)
{
	const struct np_snapshot *s = w->s;
	enum np_kind kind = f->shape->shape.kind;
	struct location l = {0};
	np_vertex function = NP_VERTEX_NONE;
	uint32_t class_name;
	if (f->naming == NAMING_CLASS)
		np_snapshot_class(w, v, f, &class_name, &l);
	if (kind == NP_KIND_JS_FUNCTION) {
		function = v;
	} else if (kind == NP_KIND_JS_GENERATOR || kind == NP_KIND_JS_ASYNC_FUNCTION || kind == NP_KIND_JS_ASYNC_GENERATOR) {
		const uint8_t *bytes = np_graph_bytes(s->g, v);
		uint32_t at = snapshot_fact(s, NP_F_JSGeneratorObject_function);
		function = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, v), at)) : NP_VERTEX_NONE;
	}
	return function != NP_VERTEX_NONE && vertex_kind(s, function) == NP_KIND_JS_FUNCTION ? function_location(s, function) : l;
}

void np_snapshot_locations(np_snapshot_walker *w, size_t chunk,
			   void (*cb)(void *ctx, const struct np_snapshot_location *location), void *ctx)
{
	const struct np_snapshot *s = w->s;
	size_t from = (chunk - 1) * (CHUNK_VERTICES / 64), end = from + CHUNK_VERTICES / 64;
	for (size_t i = from; chunk && i < end && i < s->block_count; i++) {
		uint32_t number = s->first_object + s->blocks[i].live_rank;
		for (uint64_t bits = s->blocks[i].live; bits; bits &= bits - 1, number++) {
			np_vertex v = (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits));
			const struct form *f = form_of(s, v);
			if (!np_kind_is_receiver(f->shape->shape.kind))
				continue;
			struct location l = object_location(w, v, f);
			struct np_snapshot_location location = {number, l.script_id, l.line, l.column};
			if (l.known)
				cb(ctx, &location);
		}
	}
}

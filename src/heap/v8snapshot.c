#include "heap/v8snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/parallel.h"
#include "heap/v8snapshot_internal.h"
#include "v8/object.h"
#include "v8/string.h"

enum { ID_BITS = 31, CONTEXT_SLOTS_MAX = 4096 };

/* --- what is alive --- */

static void live_mark(struct np_snapshot *s)
{
	const np_graph *g = s->g;
	s->block_count = (size_t)g->object_count / 64 + 1;
	s->vertex_chunks = (s->block_count + CHUNK_VERTICES / 64 - 1) / (CHUNK_VERTICES / 64);
	if (posix_memalign((void **)&s->blocks, sizeof(*s->blocks), s->block_count * sizeof(*s->blocks)))
		s->blocks = np_xmalloc(s->block_count * sizeof(*s->blocks));
	memset(s->blocks, 0, s->block_count * sizeof(*s->blocks));
	for (size_t i = 0; i < s->block_count; i++)
		s->blocks[i].live = s->reach->live[i];
	/* what follows is external memory */
	s->blocks[s->block_count - 1].live &= (1ull << (g->object_count % 64)) - 1;
	for (size_t i = 0; i < g->pages.len; i++) {
		const struct graph_page *p = &g->pages.data[i];
		for (np_vertex v = p->first; p->page->space == NP_SPACE_READ_ONLY && v < p->first + p->count; v++)
			s->blocks[v / 64].live |= 1ull << (v % 64);
	}
	for (size_t i = 0; i < s->block_count; i++) {
		s->blocks[i].live_rank = s->live_count;
		s->live_count += bits_count(s->blocks[i].live);
	}
}

/* --- the first pass: what there is --- */

struct survey {
	struct np_snapshot *s;
	np_vertex **examples; /* by thread, by shape */
	NP_VEC(np_vertex) shared;
};

static void oddball_mark(struct np_snapshot *s, np_vertex v, enum np_kind kind)
{
	if (kind == NP_KIND_ODDBALL || snapshot_fact(s, NP_F_Snapshot_holes_are_nothing))
		s->blocks[v / 64].not_essential |= 1ull << (v % 64);
	pthread_mutex_lock(&s->readers);
	if (kind == NP_KIND_HOLE || np_is_hole(s->v8, np_tag(np_graph_address(s->g, v))))
		s->marks[v] |= MARK_HOLE;
	pthread_mutex_unlock(&s->readers);
}

static void chunk_survey(void *ctx, size_t chunk, unsigned worker)
{
	struct survey *survey = ctx;
	struct np_snapshot *s = survey->s;
	np_vertex *examples = survey->examples[worker];
	size_t from = chunk * (CHUNK_VERTICES / 64), end = from + CHUNK_VERTICES / 64;
	for (size_t i = from; i < end && i < s->block_count; i++)
		for (uint64_t bits = s->blocks[i].live; bits; bits &= bits - 1) {
			np_vertex v = (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits));
			uint32_t shape = graph_shape_of(s->g, v);
			enum np_kind kind = s->g->shapes.data[shape]->shape.kind;
			if (v < examples[shape])
				examples[shape] = v;
			if (kind == NP_KIND_ODDBALL || kind == NP_KIND_HOLE)
				oddball_mark(s, v, kind);
			if (kind != NP_KIND_SHARED_FUNCTION_INFO)
				continue;
			pthread_mutex_lock(&s->lock);
			np_vec_push(&survey->shared, v);
			pthread_mutex_unlock(&s->lock);
		}
}

static int compare_vertices(const void *a, const void *b)
{
	np_vertex x = *(const np_vertex *)a, y = *(const np_vertex *)b;
	return x < y ? -1 : x > y;
}

/* Fills examples; loads every SharedFunctionInfo, which objects are named after. */
static void objects_survey(struct np_snapshot *s)
{
	size_t shapes = s->g->shapes.len;
	struct survey survey = {.s = s, .examples = np_xcalloc(s->threads, sizeof(*survey.examples))};
	for (unsigned t = 0; t < s->threads; t++) {
		survey.examples[t] = np_xmalloc((shapes + 1) * sizeof(*survey.examples[t]));
		memset(survey.examples[t], 0xff, (shapes + 1) * sizeof(*survey.examples[t]));
	}
	np_parallel(s->vertex_chunks, s->threads, chunk_survey, &survey);
	for (unsigned t = 1; t < s->threads; t++) {
		for (size_t i = 0; i < shapes; i++)
			if (survey.examples[t][i] < survey.examples[0][i])
				survey.examples[0][i] = survey.examples[t][i];
		free(survey.examples[t]);
	}
	s->examples = survey.examples[0];
	free(survey.examples);
	if (survey.shared.len)
		qsort(survey.shared.data, survey.shared.len, sizeof(*survey.shared.data), compare_vertices);
	np_snapshot_mark_inessential(s);
	for (size_t i = 0; i < survey.shared.len; i++)
		np_snapshot_load_shared(s, survey.shared.data[i]);
	np_snapshot_name_code(s, survey.shared.data, survey.shared.len);
	np_vec_deinit(&survey.shared);
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
		np_vec_push(&s->native_context, (struct named_field){s->fixed_data + 8 * slot, np_snapshot_text_cstr(s, text),
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
	s->text_empty = np_snapshot_text_cstr(s, "");
	s->text_scope_info = np_snapshot_text_cstr(s, "scope_info");
	s->text_previous = np_snapshot_text_cstr(s, "previous");
	s->text_extension = np_snapshot_text_cstr(s, "extension");
	s->text_backing_store = np_snapshot_text_cstr(s, "backing_store");
	s->text_proto = np_snapshot_text_cstr(s, "__proto__");
	s->text_map = np_snapshot_text_cstr(s, "map");
	s->text_properties = np_snapshot_text_cstr(s, "properties");
	s->text_elements = np_snapshot_text_cstr(s, "elements");
	s->text_prototype = np_snapshot_text_cstr(s, "prototype");
	s->text_initial_map = np_snapshot_text_cstr(s, "initial_map");
	s->text_code = np_snapshot_text_cstr(s, "code");
	s->text_shared = np_snapshot_text_cstr(s, "(shared function info)");
	s->text_array_buffer_data = np_snapshot_text_cstr(s, "system / JSArrayBufferData");
	s->fixed_texts = s->texts.entries.len;
}

static void texts_number(struct np_snapshot *s)
{
	uint32_t *texts[] = {&s->text_empty, &s->text_scope_info, &s->text_previous, &s->text_extension, &s->text_backing_store,
			     &s->text_proto, &s->text_map, &s->text_properties, &s->text_elements, &s->text_shared,
			     &s->text_prototype, &s->text_initial_map, &s->text_code, &s->text_array_buffer_data};
	struct vertex_map *maps[] = {&s->own_names, &s->root_names};
	for (size_t i = 0; i < NP_ARRAY_LEN(texts); i++)
		*texts[i] = np_snapshot_text_number(s, *texts[i]);
	for (size_t i = 0; i < NP_ARRAY_LEN(maps); i++)
		for (size_t k = 0; maps[i]->keys && k <= maps[i]->mask; k++)
			if (maps[i]->keys[k])
				maps[i]->values[k] = np_snapshot_text_number(s, maps[i]->values[k]);
	for (uint32_t i = 0; i < s->first_object; i++)
		s->synthetic_names[i] = np_snapshot_text_number(s, s->synthetic_names[i]);
	for (size_t i = 0; i < s->shared.len; i++)
		s->shared.data[i].name = np_snapshot_text_number(s, s->shared.data[i].name);
}

/* --- the second pass: how many edges, and which names --- */

static void edge_count_set(struct np_snapshot_walker *w, np_vertex v, size_t count)
{
	struct np_snapshot *s = w->s;
	w->edge_count += count;
	s->edge_counts[v] = count < MANY_EDGES ? (uint8_t)count : MANY_EDGES;
	if (count < MANY_EDGES)
		return;
	pthread_mutex_lock(&s->lock);
	np_vertex_map_put(&s->many_edges, v, (uint32_t)count);
	pthread_mutex_unlock(&s->lock);
}

static void node_count(struct np_snapshot_walker *w, np_vertex v)
{
	struct np_snapshot *s = w->s;
	const struct form *f = form_of(s, v);
	struct np_name name = {.string = v, .is_content = true};
	uint32_t type;
	np_snapshot_begin_node(w);
	np_snapshot_object_edges(w, v, f);
	edge_count_set(w, v, edges_of_node(w));
	if (f->naming == NAMING_STRING)
		np_snapshot_content_add(w, v);
	if ((f->naming == NAMING_FIXED || f->naming == NAMING_STRING) && !(s->marks[v] & (TAG_MASK | MARK_NAMED)))
		return;
	np_snapshot_node_name(w, v, f, &type, &name);
	np_snapshot_name_number(w, name);
}

static void chunk_count(void *ctx, size_t chunk, unsigned worker)
{
	struct np_snapshot_walker *w = (struct np_snapshot_walker *)ctx + worker;
	struct np_snapshot *s = w->s;
	size_t from = chunk * (CHUNK_VERTICES / 64), end = from + CHUNK_VERTICES / 64;
	np_snapshot_walk_from(w, (np_vertex)(from * 64));
	for (size_t i = from; i < end && i < s->block_count; i++)
		for (uint64_t bits = s->blocks[i].live; bits; bits &= bits - 1)
			node_count(w, (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits)));
	np_snapshot_contents_flush(w);
}

static void nodes_count(struct np_snapshot *s)
{
	struct np_snapshot_walker *walkers = np_xcalloc(s->threads, sizeof(*walkers));
	for (unsigned t = 0; t < s->threads; t++)
		np_snapshot_walker_init(&walkers[t], s);
	s->edge_counts = np_xcalloc((size_t)s->g->object_count + 1, 1);
	s->synthetic_counts = np_xcalloc(s->first_object, sizeof(*s->synthetic_counts));
	s->synthetic_names = np_xcalloc(s->first_object, sizeof(*s->synthetic_names));
	np_parallel(s->vertex_chunks, s->threads, chunk_count, walkers);
	for (uint32_t i = 0; i < s->first_object; i++) {
		s->synthetic_names[i] = np_snapshot_text_cstr(s, np_snapshot_synthetic_name(i));
		np_snapshot_begin_node(&walkers[0]);
		np_snapshot_synthetic_edges(&walkers[0], i);
		s->synthetic_counts[i] = (uint32_t)edges_of_node(&walkers[0]);
		s->edge_count += s->synthetic_counts[i];
	}
	for (unsigned t = 0; t < s->threads; t++) {
		s->edge_count += walkers[t].edge_count;
		np_number_set_merge(&s->numbers.used, &walkers[t].used);
		for (size_t i = 0; i < walkers[t].numeric.len; i++)
			np_vec_push(&s->numeric, walkers[t].numeric.data[i]);
		np_snapshot_walker_deinit(&walkers[t]);
	}
	free(walkers);
}

/* --- life --- */

static void facts_load(struct np_snapshot *s)
{
	const np_layout *l = s->v8->layout;
	s->fixed_data = snapshot_fact(s, NP_F_FixedArray_data) ?: 16;
	s->properties_offset = snapshot_fact(s, NP_F_JSReceiver_properties) ?: 8;
	s->elements_offset = snapshot_fact(s, NP_F_JSObject_elements) ?: 16;
	s->length_offset = snapshot_fact(s, NP_F_JSArray_length) ?: 24;
	s->prototype_offset = snapshot_fact(s, NP_F_JSFunction_prototype);
	s->string_chars_at = snapshot_fact(s, NP_F_String_chars);
	s->string_length_at = snapshot_fact(s, NP_F_String_length);
	s->sizes_of_objects = snapshot_fact(s, NP_F_Snapshot_sizes_of_objects);
	if (np_has(l, NP_F_String_length_is_smi) && np_get(l, NP_F_String_length_is_smi))
		s->string_length_at += 4;
}

np_snapshot *np_snapshot_create(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach,
				const struct np_snapshot_options *options)
{
	struct np_snapshot *s = np_xcalloc(1, sizeof(*s));
	s->g = graph;
	s->v8 = graph->v8;
	s->roots = roots;
	s->reach = reach;
	s->options = *options;
	s->threads = options->threads ? options->threads : np_parallel_threads(UINT32_MAX);
	s->arena = np_arena_create();
	s->scratch = np_arena_create();
	pthread_mutex_init(&s->readers, NULL);
	pthread_mutex_init(&s->lock, NULL);
	np_text_table_init(&s->texts);
	facts_load(s);
	texts_load(s);
	live_mark(s);
	s->first_object = SYNTHETIC_FIRST_ROOT + np_snapshot_root_kinds();
	s->marks = np_xcalloc((size_t)graph->object_count + 1, 1);
	s->forms = np_xcalloc(graph->shapes.len + 1, sizeof(*s->forms));
	ids_assign(s);
	externals_gather(s);
	native_context_load(s);
	ephemerons_sort(s);
	np_snapshot_begin_strong_roots(s);
	np_snapshot_find_dispatch(s);
	objects_survey(s);
	np_snapshot_load_native_classes(s);
	np_snapshot_fill_forms(s);
	np_snapshot_tag(s);
	np_content_table_init(s);
	nodes_count(s);
	np_snapshot_number_names(s);
	texts_number(s);
	s->is_numbered = true;
	np_snapshot_number_forms(s);
	np_debug("snapshot: %u nodes, %llu edges, %u strings", np_snapshot_node_count(s), (unsigned long long)s->edge_count,
		 np_snapshot_string_count(s));
	return s;
}

void np_snapshot_destroy(np_snapshot *s)
{
	if (!s)
		return;
	struct vertex_map *maps[] = {&s->own_names, &s->root_names, &s->many_edges, &s->shared_numbers, &s->numbers.texts};
	for (size_t i = 0; i < NP_ARRAY_LEN(maps); i++)
		np_vertex_map_deinit(maps[i]);
	np_text_table_deinit(&s->texts);
	np_content_table_deinit(&s->contents);
	free(s->numbers.used.bits);
	free(s->numbers.ranks);
	np_vec_deinit(&s->numeric);
	np_vec_deinit(&s->native_classes);
	np_vec_deinit(&s->page_ids);
	np_vec_deinit(&s->shared);
	np_vec_deinit(&s->native_context);
	free(s->blocks);
	free(s->marks);
	free(s->forms);
	free(s->examples);
	free(s->edge_counts);
	free(s->synthetic_counts);
	free(s->synthetic_names);
	free(s->externals);
	free(s->external_ids);
	free(s->by_key);
	free(s->dispatch);
	np_arena_destroy(s->arena);
	np_arena_destroy(s->scratch);
	pthread_mutex_destroy(&s->readers);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint32_t np_snapshot_node_count(const np_snapshot *s)
{
	return s->first_object + s->live_count + s->external_count;
}

uint64_t np_snapshot_edge_count(const np_snapshot *s)
{
	return s->edge_count;
}

/* The nodes without an object, those of objects, memory of ArrayBuffers. */
size_t np_snapshot_chunk_count(const np_snapshot *s)
{
	return s->vertex_chunks + 2;
}

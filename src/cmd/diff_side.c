#include "cmd/diff_side.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/heapsnapshot_read.h"
#include "heap/v8snapshot.h"
#include "v8/cache.h"

enum { RANGE_SHIFT = 35 };

void np_diff_deinit(struct np_diff *d)
{
	np_text_ids_deinit(&d->ids);
	np_vec_deinit(&d->rows);
	np_vec_deinit(&d->places.ranges);
	free(d->places.offsets);
	free(d->places.rows);
}

static uint32_t row_of(struct np_diff *d, const char *key, const char *class)
{
	bool is_new;
	uint32_t id = np_text_id(&d->ids, key, &is_new);
	if (is_new)
		np_vec_push(&d->rows, (struct np_diff_row){.class = np_arena_strdup(d->arena, class), .sample_every = 1});
	return id;
}

static void row_add(struct np_diff *d, enum np_diff_side side, uint32_t row, uint64_t count, uint64_t bytes)
{
	d->rows.data[row].count[side] += count;
	d->rows.data[row].self_bytes[side] += bytes;
	d->self_bytes[side] += bytes;
}

/* Every n-th object of a row, n doubles when the samples are full. */
static void sample_take(struct np_diff_row *row, np_vertex node)
{
	if (row->sample_seen++ % row->sample_every)
		return;
	if (row->sample_count == NP_DIFF_SAMPLES) {
		for (size_t i = 0; i < NP_DIFF_SAMPLES / 2; i++)
			row->samples[i] = row->samples[2 * i];
		row->sample_count = NP_DIFF_SAMPLES / 2;
		row->sample_every *= 2;
	}
	row->samples[row->sample_count++] = node;
}

/* --- snapshots, and heaps as snapshots show them --- */

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The class of a node of a snapshot; NULL: it is not compared. */
static const char *class_of_snapshot(const struct np_diff *d, const char *type, const char *name)
{
	static const struct {
		const char *type, *class;
	} types[] = {
		{"array", "(array)"},	      {"string", "(string)"},	      {"code", "(compiled code)"},
		{"closure", "Function"},      {"regexp", "RegExp"},	      {"number", "(number)"},
		{"symbol", "(symbol)"},	      {"bigint", "(bigint)"},	      {"object shape", "(object shape)"},
		{"synthetic", NULL},	      {"concatenated string", "(concatenated string)"},
		{"sliced string", "(sliced string)"},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(types); i++)
		if (strcmp(type, types[i].type) == 0)
			return types[i].class;
	/* Node's C++ objects are in the snapshots alone that the process wrote itself */
	if (strcmp(type, "native") == 0 && d->is_coarse && !(name && starts(name, "system / JSArrayBufferData")))
		return NULL;
	if (name && starts(name, "system / Context"))
		return "(context)";
	return name && *name ? name : "Object";
}

static void snapshot_row_add(struct np_diff *d, enum np_diff_side side, uint32_t row, uint64_t count, uint64_t bytes)
{
	row_add(d, side, row, count, bytes);
	d->count[side] += count;
}

np_err *np_diff_add_snapshot(struct np_diff *d, enum np_diff_side side, const char *path)
{
	struct np_heapsnapshot_census census;
	np_arena *scratch = np_arena_create();
	np_err *err = np_heapsnapshot_census_open(path, scratch, &census);
	for (size_t i = 0; !err && i < census.class_count; i++) {
		const struct np_heapsnapshot_class *c = &census.classes[i];
		const char *class = class_of_snapshot(d, c->type, c->name);
		if (class)
			snapshot_row_add(d, side, row_of(d, class, class), c->count, c->self_bytes);
	}
	np_arena_destroy(scratch);
	return err;
}

struct as_snapshot {
	struct np_diff *diff;
	enum np_diff_side side;
	np_snapshot_walker *walker;
	struct np_addr_map rows; /* by type and number of the name: row + 2; 1: not compared */
};

static void snapshot_node_take(void *ctx, const struct np_snapshot_node *node)
{
	static const char *const types[] = {"hidden", "array", "string", "object", "code", "closure", "regexp", "number",
					    "native", "synthetic", "concatenated string", "sliced string", "symbol",
					    "bigint", "object shape"};
	struct as_snapshot *s = ctx;
	/* strings and the like are one class each, whatever their names are */
	bool by_name = node->type == NP_SNAPSHOT_OBJECT || node->type == NP_SNAPSHOT_HIDDEN || node->type == NP_SNAPSHOT_NATIVE;
	uint64_t key = ((uint64_t)node->type + 1) << 32 | (by_name ? node->name : 0);
	uintptr_t known = (uintptr_t)np_addr_map_get(&s->rows, key);
	if (!known) {
		size_t bytes = 0;
		const char *name = NULL;
		if (by_name) {
			np_snapshot_string(s->walker, node->name, &name, &bytes);
			name = np_arena_strndup(s->diff->arena, name, bytes);
		}
		const char *class = class_of_snapshot(s->diff, types[node->type], name);
		known = class ? (uintptr_t)row_of(s->diff, class, class) + 2 : 1;
		np_addr_map_put(&s->rows, key, (void *)known);
	}
	if (known == 1)
		return;
	uint32_t row = (uint32_t)(known - 2);
	snapshot_row_add(s->diff, s->side, row, 1, node->self_bytes);
	if (s->side == NP_DIFF_AFTER && node->vertex != NP_VERTEX_NONE)
		sample_take(&s->diff->rows.data[row], node->vertex);
}

void np_diff_add_heap_as_snapshot(struct np_diff *d, enum np_diff_side side, struct np_heap_view *view)
{
	static const struct np_snapshot_options options;
	struct as_snapshot s = {.diff = d, .side = side};
	np_snapshot *snapshot = np_snapshot_create(view->graph, &view->roots, &view->reach, &options);
	s.walker = np_snapshot_walker_create(snapshot);
	for (size_t i = 0; i < np_snapshot_chunk_count(snapshot); i++)
		np_snapshot_nodes(s.walker, i, snapshot_node_take, &s);
	np_snapshot_walker_destroy(s.walker);
	np_snapshot_destroy(snapshot);
	np_addr_map_deinit(&s.rows);
}

/* --- heaps --- */

static uint32_t row_of_group(struct np_diff *d, struct np_heap_view *view, uint32_t group_id)
{
	const struct np_group *g = np_group_get(view->classes, group_id);
	const char *class = np_class_id_name(view->classes, g->class_id);
	struct np_buf key = {0};
	if (d->by_class)
		return row_of(d, class, class);
	np_buf_printf(&key, "%s\x01%c", class, g->is_dictionary ? 'd' : 'p');
	for (uint32_t i = 0; i < g->property_count; i++)
		np_buf_printf(&key, "\x01%s", g->properties[i]);
	uint32_t id = row_of(d, np_buf_str(&key), class);
	struct np_diff_row *row = &d->rows.data[id];
	if (!row->shape) {
		row->shape = np_list(d->arena, NULL);
		row->is_dictionary = g->is_dictionary;
		for (uint32_t i = 0; i < g->property_count; i++)
			np_add_str(row->shape, g->properties[i]);
	}
	np_buf_deinit(&key);
	return id;
}

/* Rows by group; UINT32_MAX: not asked for yet. */
struct group_rows {
	uint32_t *rows;
	size_t cap;
};

static uint32_t row_of_node(struct np_diff *d, struct np_heap_view *view, struct group_rows *known, np_vertex node)
{
	uint32_t group = np_group_id_of(view->classes, node);
	if (group >= known->cap) {
		size_t cap = (size_t)group * 2 + 256;
		known->rows = np_xrealloc(known->rows, cap * sizeof(*known->rows));
		memset(known->rows + known->cap, 0xff, (cap - known->cap) * sizeof(*known->rows));
		known->cap = cap;
	}
	if (known->rows[group] == UINT32_MAX)
		known->rows[group] = row_of_group(d, view, group);
	return known->rows[group];
}

static bool is_taken(const struct np_diff *d, const struct np_heap_view *view, np_vertex node)
{
	return d->garbage || np_reach_has(&view->reach, node);
}

static void place_add(struct np_diff_places *p, np_addr at, uint32_t row, size_t *cap)
{
	if (p->len == *cap) {
		*cap = *cap ? *cap * 2 : 1 << 16;
		p->offsets = np_xrealloc(p->offsets, *cap * sizeof(*p->offsets));
		p->rows = np_xrealloc(p->rows, *cap * sizeof(*p->rows));
	}
	if (!p->ranges.len || p->ranges.data[p->ranges.len - 1].number != at >> RANGE_SHIFT)
		np_vec_push(&p->ranges, (struct np_diff_range){at >> RANGE_SHIFT, p->len});
	p->offsets[p->len] = (uint32_t)(at >> 3);
	p->rows[p->len++] = row;
}

void np_diff_add_heap(struct np_diff *d, enum np_diff_side side, struct np_heap_view *view, bool keep_places)
{
	np_graph *g = view->graph;
	struct group_rows known = {0};
	size_t cap = 0;
	for (np_vertex node = 0; node < np_graph_node_count(g); node++) {
		if (!is_taken(d, view, node))
			continue;
		uint32_t row = row_of_node(d, view, &known, node);
		bool is_object = !np_graph_is_external(g, node);
		row_add(d, side, row, 1, np_graph_size(g, node));
		d->count[side] += is_object;
		if (keep_places && is_object)
			place_add(&d->places, np_graph_address(g, node), row, &cap);
		if (side == NP_DIFF_AFTER && !d->places.len)
			sample_take(&d->rows.data[row], node);
	}
	free(known.rows);
}

/* --- places --- */

struct cursor {
	const struct np_diff_places *places;
	size_t at, range; /* range: the one that at is in */
};

static np_addr cursor_address(struct cursor *c)
{
	while (c->range + 1 < c->places->ranges.len && c->places->ranges.data[c->range + 1].first <= c->at)
		c->range++;
	uint64_t words_mask = (1ull << (RANGE_SHIFT - 3)) - 1;
	return c->places->ranges.data[c->range].number << RANGE_SHIFT | (c->places->offsets[c->at] & words_mask) << 3;
}

static void gone_take(struct np_diff *d, struct cursor *c)
{
	d->rows.data[d->places.rows[c->at++]].gone_count++;
	d->gone_count++;
}

/* Both sides ascend by address. */
void np_diff_match_places(struct np_diff *d, struct np_heap_view *view)
{
	np_graph *g = view->graph;
	struct group_rows known = {0};
	struct cursor c = {.places = &d->places};
	for (np_vertex node = 0; node < np_graph_object_count(g); node++) {
		if (!is_taken(d, view, node))
			continue;
		np_addr at = np_graph_address(g, node);
		uint32_t row = row_of_node(d, view, &known, node);
		while (c.at < d->places.len && cursor_address(&c) < at)
			gone_take(d, &c);
		if (c.at < d->places.len && cursor_address(&c) == at) {
			if (d->places.rows[c.at] == row) {
				c.at++;
				d->kept_count++;
				continue;
			}
			gone_take(d, &c);
		}
		d->rows.data[row].new_count++;
		d->new_count++;
		sample_take(&d->rows.data[row], node);
	}
	while (c.at < d->places.len)
		gone_take(d, &c);
	free(known.rows);
}

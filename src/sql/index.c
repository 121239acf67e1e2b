/* What several cells and keys ask for, computed when the first one does: class index, distances, shapes. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sql/table.h"

np_err *sql_need(struct np_sql *sql, enum np_sql_need need)
{
	const struct np_sql_heap *h = &sql->heap;
	if (need == NP_SQL_NEED_GRAPH ? h->graph != NULL : need == NP_SQL_NEED_REACH ? h->reach != NULL : h->dominators != NULL)
		return NULL;
	return sql->source.need(sql->source.ctx, need, &sql->heap);
}

enum np_kind sql_kind_of(const struct np_sql *sql, np_vertex node)
{
	const np_graph *g = sql->heap.graph;
	return np_graph_is_external(g, node) ? NP_KIND_UNKNOWN : np_graph_shape(g, np_graph_shape_of(g, node))->kind;
}

/* --- addresses --- */

static int external_compare(const void *a, const void *b, void *graph)
{
	np_addr x = np_graph_address(graph, *(const np_vertex *)a), y = np_graph_address(graph, *(const np_vertex *)b);
	return x < y ? -1 : x > y;
}

np_vertex sql_node_at(struct np_sql *sql, np_addr address)
{
	np_graph *g = sql->heap.graph;
	np_vertex node = np_graph_find(g, address);
	if (node != NP_VERTEX_NONE)
		return node;
	np_vertex first = np_graph_object_count(g), count = np_graph_node_count(g) - first;
	if (!sql->externals) {
		sql->externals = np_xmalloc(((size_t)count + 1) * sizeof(*sql->externals));
		for (np_vertex i = 0; i < count; i++)
			sql->externals[i] = first + i;
		qsort_r(sql->externals, count, sizeof(*sql->externals), external_compare, g);
	}
	for (np_vertex low = 0, high = count; low < high;) {
		np_vertex mid = low + (high - low) / 2;
		np_addr at = sql_address_plain(np_graph_address(g, sql->externals[mid]));
		if (at == sql_address_plain(address))
			return sql->externals[mid];
		if (at < address)
			low = mid + 1;
		else
			high = mid;
	}
	return NP_VERTEX_NONE;
}

/* --- classes --- */

static int class_compare(const void *a, const void *b, void *classes)
{
	return strcmp(np_class_id_name(classes, *(const uint32_t *)a), np_class_id_name(classes, *(const uint32_t *)b));
}

/* Counting sort of the nodes by the name of their class: names are few. */
void sql_class_index(struct np_sql *sql)
{
	if (sql->class_nodes)
		return;
	np_classes *classes = sql->heap.classes;
	np_vertex n = np_graph_node_count(sql->heap.graph);
	for (np_vertex node = 0; node < n; node++)
		np_class_id_of(classes, node);
	uint32_t count = np_class_id_count(classes);
	uint32_t *ids = np_xmalloc(((size_t)count + 1) * sizeof(*ids));
	uint32_t *rank = np_xmalloc(((size_t)count + 1) * sizeof(*rank));
	for (uint32_t i = 0; i < count; i++)
		ids[i] = i;
	qsort_r(ids, count, sizeof(*ids), class_compare, classes);
	for (uint32_t i = 0; i < count; i++)
		rank[ids[i]] = i;
	uint32_t *rows = np_xcalloc((size_t)count + 2, sizeof(*rows));
	uint32_t *nodes = np_xmalloc(((size_t)n + 1) * sizeof(*nodes));
	for (np_vertex node = 0; node < n; node++)
		rows[rank[np_class_id_of(classes, node)] + 2]++;
	for (uint32_t i = 2; i < count + 2; i++)
		rows[i] += rows[i - 1];
	for (np_vertex node = 0; node < n; node++)
		nodes[rows[rank[np_class_id_of(classes, node)] + 1]++] = node;
	free(rank);
	sql->class_nodes = nodes;
	sql->class_rows = rows;
	sql->class_ids = ids;
	sql->class_count = count;
}

bool sql_class_range(struct np_sql *sql, const char *name, uint32_t *first, uint32_t *end)
{
	sql_class_index(sql);
	for (uint32_t low = 0, high = sql->class_count; low < high;) {
		uint32_t mid = low + (high - low) / 2;
		int order = strcmp(np_class_id_name(sql->heap.classes, sql->class_ids[mid]), name);
		if (!order) {
			*first = sql->class_rows[mid];
			*end = sql->class_rows[mid + 1];
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/*
 * The class of an object with a dictionary takes a look at all of its properties; joins with properties or edges ask
 * once for each of them.
 */
const char *sql_class_name(struct np_sql *sql, np_vertex node)
{
	np_classes *classes = sql->heap.classes;
	if (np_graph_is_external(sql->heap.graph, node) ||
	    !np_graph_shape(sql->heap.graph, np_graph_shape_of(sql->heap.graph, node))->map->dictionary)
		return np_class_of(classes, node);
	uint32_t i = node * 2654435761u % SQL_CLASSES_SEEN;
	if (sql->classes_seen[i].node != node + 1) {
		sql->classes_seen[i].class_id = np_class_id_of(classes, node);
		sql->classes_seen[i].node = node + 1;
	}
	return np_class_id_name(classes, sql->classes_seen[i].class_id);
}

/* --- shapes --- */

const char *sql_shape_text(struct np_sql *sql, np_vertex node)
{
	if (!np_kind_is_receiver(sql_kind_of(sql, node)))
		return NULL;
	uint32_t id = np_group_id_of(sql->heap.classes, node);
	if (id >= sql->shape_text_count) {
		size_t count = (size_t)id * 2 + 64;
		sql->shape_texts = np_xrealloc(sql->shape_texts, count * sizeof(*sql->shape_texts));
		memset(sql->shape_texts + sql->shape_text_count, 0,
		       (count - sql->shape_text_count) * sizeof(*sql->shape_texts));
		sql->shape_text_count = count;
	}
	if (!sql->shape_texts[id]) {
		const struct np_group *g = np_group_get(sql->heap.classes, id);
		struct np_buf text = {0};
		for (uint32_t i = 0; i < g->property_count; i++)
			np_buf_printf(&text, "%s%s", i ? "," : "", g->properties[i]);
		sql->shape_texts[id] = g->is_dictionary ? "(dictionary)" : np_arena_strdup(sql->arena, np_buf_str(&text));
		np_buf_deinit(&text);
	}
	return sql->shape_texts[id];
}

/* --- distances --- */

/* Down the chain of parents to one whose distance is known, then back, each one more. */
uint32_t sql_distance(struct np_sql *sql, np_vertex node)
{
	const struct np_reach *reach = sql->heap.reach;
	np_vertex n = np_graph_node_count(sql->heap.graph);
	if (!np_reach_has(reach, node))
		return 0;
	if (!sql->distances)
		sql->distances = np_xcalloc((size_t)n + 1, sizeof(*sql->distances));
	const uint32_t *parent = np_reach_parents(reach);
	uint32_t steps = 0;
	np_vertex at = node;
	while (!sql->distances[at] && parent[at] != NP_VERTEX_NONE && steps < n) {
		at = parent[at];
		steps++;
	}
	if (!sql->distances[at])
		sql->distances[at] = 1;
	uint32_t distance = sql->distances[at] + steps;
	for (np_vertex v = node; v != at; v = parent[v])
		sql->distances[v] = distance--;
	return sql->distances[node];
}

/* --- walks over nodes --- */

void sql_walk_begin(struct sql_cursor *c, const struct sql_key_value *key, np_vertex count)
{
	c->node = 0;
	c->end = count;
	np_vertex one = NP_VERTEX_NONE;
	if (key->column < 0)
		return;
	if (key->kind == NP_SQL_ADDRESS)
		one = sql_node_at(c->sql, key->address);
	else if (key->kind == NP_SQL_INTEGER && key->integer >= 0 && key->integer < count)
		one = (np_vertex)key->integer;
	c->node = one < count ? one : 0;
	c->end = one < count ? one + 1 : 0;
}

void sql_index_deinit(struct np_sql *sql)
{
	free(sql->class_nodes);
	free(sql->class_rows);
	free(sql->class_ids);
	free(sql->distances);
	free(sql->shape_texts);
	free(sql->externals);
	sql_closures_destroy(sql->closures);
	sql_edge_names_destroy(sql->edge_names);
}

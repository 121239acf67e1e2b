/*
 * edges as a table of integers.  A label is what an edge is called:
 *
 *     2 * number of a row of _labels + weak
 *     -1 - (2 * index + weak)           an element
 */
#include <string.h>

#include "base/buf.h"
#include "sql/edge_names.h"
#include "sql/export.h"

struct edges {
	struct sql_export *x;
	sql_batch *rows, *stores;
	sql_texts *labels;
	np_arena *arena; /* of the current name */
	struct sql_edge_holder holder;
	struct np_buf redacted;
};

static const char edges_create[] =
	"CREATE TABLE _labels(id INTEGER PRIMARY KEY, name TEXT, kind INTEGER);"
	"CREATE TABLE _stores(id INTEGER PRIMARY KEY, owner INTEGER);"
	"CREATE TABLE _edges(holder INTEGER, slot INTEGER, target INTEGER, label INTEGER, PRIMARY KEY(holder, slot)) WITHOUT ROWID";

static void view_text(struct np_buf *text)
{
	np_buf_puts(text, "CREATE INDEX _edges_target ON _edges(target);"
			  "CREATE VIEW edges AS SELECT h.address AS holder, t.address AS target,"
			  " CASE WHEN e.label < 0 THEN 'element' ELSE (SELECT CASE l.kind");
	for (int kind = 0; kind <= NP_EDGE_KIND_INTERNAL; kind++)
		np_buf_printf(text, " WHEN %d THEN '%s'", kind, np_edge_kind_name((enum np_edge_kind)kind));
	np_buf_puts(text, " END FROM _labels l WHERE l.id = e.label >> 1) END AS kind,"
			  " CASE WHEN e.label < 0 THEN CAST((-1 - e.label) >> 1 AS TEXT)"
			  " ELSE (SELECT l.name FROM _labels l WHERE l.id = e.label >> 1) END AS name,"
			  " CASE WHEN e.label < 0 THEN -1 - e.label ELSE e.label END & 1 AS is_weak,"
			  " (SELECT o.address FROM _stores s JOIN _objects o ON o.id = s.owner WHERE s.id = e.holder) AS owner"
			  " FROM _edges e LEFT JOIN _objects h ON h.id = e.holder LEFT JOIN _objects t ON t.id = e.target");
}

static np_err *label_of(struct edges *s, const struct np_edge_name *name, int64_t *ret)
{
	const char *text = name->name;
	size_t bytes = strlen(text);
	int64_t id;
	if (name->kind == NP_EDGE_KIND_ELEMENT) {
		*ret = -1 - (int64_t)(name->index * 2 + name->is_weak);
		return NULL;
	}
	/* names of entries show their keys */
	if (s->x->sql->source.redact && (name->kind == NP_EDGE_KIND_VALUE || name->kind == NP_EDGE_KIND_KEY)) {
		np_buf_clear(&s->redacted);
		sql_redact(&s->redacted, text, bytes);
		text = np_buf_str(&s->redacted);
		bytes = s->redacted.len;
	}
	NP_TRY(sql_texts_id(s->x, s->labels, (int)name->kind, text, bytes, &id));
	*ret = id * 2 + name->is_weak;
	return NULL;
}

static np_err *holder_rows(struct edges *s, np_vertex node)
{
	struct np_sql *sql = s->x->sql;
	struct np_edges row = np_graph_edges(sql->heap.graph, node);
	if (!row.count)
		return NULL;
	sql_edge_holder_set(sql, &s->holder, node);
	if (s->holder.owner != NP_VERTEX_NONE) {
		sql_batch_integer(s->stores, 0, node);
		sql_batch_integer(s->stores, 1, s->holder.owner);
		NP_TRY(sql_batch_row(s->x, s->stores));
	}
	for (uint32_t k = 0; k < row.count; k++) {
		struct np_edge_name name;
		int64_t label;
		sql_edge_name(sql, &s->holder, k, s->arena, &name);
		NP_TRY(label_of(s, &name, &label));
		sql_batch_integer(s->rows, 0, node);
		sql_batch_integer(s->rows, 1, k);
		sql_batch_integer(s->rows, 2, np_edge_target(row.targets[k]));
		sql_batch_integer(s->rows, 3, label);
		NP_TRY(sql_batch_row(s->x, s->rows));
		np_arena_reset(s->arena);
	}
	return NULL;
}

static np_err *edges_rows(struct edges *s)
{
	np_vertex count = np_graph_node_count(s->x->sql->heap.graph);
	NP_TRY(sql_export_execute(s->x, edges_create));
	NP_TRY(sql_batch_create(s->x, "_edges", 4, &s->rows));
	NP_TRY(sql_batch_create(s->x, "_stores", 2, &s->stores));
	NP_TRY(sql_texts_create(s->x, "_labels", true, &s->labels));
	for (np_vertex node = 0; node < count; node++)
		NP_TRY(holder_rows(s, node));
	NP_TRY(sql_batch_finish(s->x, s->rows));
	NP_TRY(sql_batch_finish(s->x, s->stores));
	return sql_texts_finish(s->x, s->labels);
}

np_err *sql_export_edges(struct sql_export *x)
{
	struct edges s = {.x = x, .arena = np_arena_create()};
	struct np_buf view = {0};
	np_err *err = edges_rows(&s);
	sql_batch_destroy(s.rows);
	sql_batch_destroy(s.stores);
	sql_texts_destroy(s.labels);
	sql_edge_holder_deinit(&s.holder);
	np_buf_deinit(&s.redacted);
	np_arena_destroy(s.arena);
	view_text(&view);
	if (!err)
		err = sql_export_execute(x, view.data);
	np_buf_deinit(&view);
	return err;
}

/* objects and strings as tables of integers. */
#include <stdlib.h>
#include <string.h>

#include "sql/export.h"
#include "sql/tables.h"

/* --- kinds: what many objects have in common --- */

/* Texts are compared by their address: each lasts, and is one. */
struct kind {
	const char *type, *shape, *space;
	int64_t id; /* 0: free */
};

struct kinds {
	struct kind *all;
	size_t cap;
	int64_t count;
	sql_batch *batch;
};

static struct kind *kind_slot(const struct kinds *kinds, const struct kind *wanted)
{
	uint64_t h = ((uintptr_t)wanted->type * 31 + (uintptr_t)wanted->shape) * 31 + (uintptr_t)wanted->space;
	size_t i = (size_t)(h * 0x9e3779b97f4a7c15u >> 32) & (kinds->cap - 1);
	for (; kinds->all[i].id; i = (i + 1) & (kinds->cap - 1))
		if (kinds->all[i].type == wanted->type && kinds->all[i].shape == wanted->shape &&
		    kinds->all[i].space == wanted->space)
			break;
	return &kinds->all[i];
}

static void kinds_grow(struct kinds *kinds)
{
	struct kinds bigger = *kinds;
	bigger.cap = kinds->cap ? kinds->cap * 2 : 1024;
	bigger.all = np_xcalloc(bigger.cap, sizeof(*bigger.all));
	for (size_t i = 0; i < kinds->cap; i++)
		if (kinds->all[i].id)
			*kind_slot(&bigger, &kinds->all[i]) = kinds->all[i];
	free(kinds->all);
	*kinds = bigger;
}

static np_err *kind_id(struct sql_export *x, struct kinds *kinds, struct kind kind, int64_t *ret)
{
	if ((size_t)(kinds->count + 1) * 2 > kinds->cap)
		kinds_grow(kinds);
	struct kind *slot = kind_slot(kinds, &kind);
	if (!slot->id) {
		kind.id = ++kinds->count;
		*slot = kind;
		sql_batch_integer(kinds->batch, 0, kind.id);
		sql_batch_lasting(kinds->batch, 1, kind.type);
		sql_batch_lasting(kinds->batch, 2, kind.shape);
		sql_batch_lasting(kinds->batch, 3, kind.space);
		NP_TRY(sql_batch_row(x, kinds->batch));
	}
	*ret = slot->id;
	return NULL;
}

/* --- objects --- */

static int64_t count_of(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static np_err *row_fill(struct sql_export *x, struct kinds *kinds, sql_batch *batch, np_vertex node)
{
	struct np_sql *sql = x->sql;
	np_graph *g = sql->heap.graph;
	bool external = np_graph_is_external(g, node);
	struct kind kind = {external ? NULL : np_graph_shape(g, np_graph_shape_of(g, node))->type_name, sql_shape_text(sql, node),
			    external ? "external" : np_space_name(np_graph_page(g, node)->space), 0};
	int64_t id;
	NP_TRY(kind_id(x, kinds, kind, &id));
	np_vertex dominator = sql->heap.dominators->parent[node];
	uint32_t distance = sql_distance(sql, node);
	sql_batch_lasting(batch, 3, sql_class_name(sql, node));
	sql_batch_integer(batch, 4, id);
	sql_batch_integer(batch, 5, count_of(sql->heap.dominators->retained[node]));
	if (dominator != NP_VERTEX_NONE)
		sql_batch_integer(batch, 6, dominator);
	if (distance)
		sql_batch_integer(batch, 7, distance);
	return NULL;
}

static np_err *objects_rows(struct sql_export *x, struct kinds *kinds, sql_batch *batch, bool all)
{
	np_graph *g = x->sql->heap.graph;
	np_vertex count = np_graph_node_count(g);
	for (np_vertex node = 0; node < count; node++) {
		np_addr at = np_graph_address(g, node);
		sql_batch_integer(batch, 0, node);
		sql_batch_integer(batch, 1, (int64_t)(np_graph_is_external(g, node) ? at : at | 1));
		sql_batch_integer(batch, 2, count_of(np_graph_size(g, node)));
		if (all)
			NP_TRY(row_fill(x, kinds, batch, node));
		NP_TRY(sql_batch_row(x, batch));
	}
	NP_TRY(sql_batch_finish(x, kinds->batch));
	return sql_batch_finish(x, batch);
}

static const char objects_create[] =
	"CREATE TABLE _kinds(id INTEGER PRIMARY KEY, type TEXT, shape TEXT, page_space TEXT);"
	"CREATE TABLE _objects(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, self_bytes INTEGER, class TEXT, kind INTEGER,"
	" retained_bytes INTEGER, dominator INTEGER, distance INTEGER, address TEXT AS (printf('0x%x', at)))";
static const char objects_view[] =
	"CREATE INDEX _objects_class ON _objects(class);"
	"CREATE VIEW objects AS SELECT o.id AS id, o.address AS address, o.class AS class,"
	" (SELECT k.type FROM _kinds k WHERE k.id = o.kind) AS type,"
	" (SELECT k.shape FROM _kinds k WHERE k.id = o.kind) AS shape,"
	" o.self_bytes AS self_bytes, o.retained_bytes AS retained_bytes,"
	" (SELECT d.address FROM _objects d WHERE d.id = o.dominator) AS dominator,"
	" (SELECT k.page_space FROM _kinds k WHERE k.id = o.kind) AS page_space,"
	" (o.distance IS NOT NULL) AS is_live, o.distance AS distance FROM _objects o";

static np_err *objects_fill(struct sql_export *x, struct kinds *kinds, bool all)
{
	sql_batch *batch;
	NP_TRY(sql_batch_create(x, "_objects(id, at, self_bytes, class, kind, retained_bytes, dominator, distance)", 8, &batch));
	np_err *err = sql_batch_create(x, "_kinds", 4, &kinds->batch);
	if (!err)
		err = objects_rows(x, kinds, batch, all);
	sql_batch_destroy(batch);
	sql_batch_destroy(kinds->batch);
	return err;
}

/* Where the table itself is not wanted, what the others need of it. */
np_err *sql_export_objects(struct sql_export *x)
{
	bool all = sql_export_wants(x, "objects");
	struct kinds kinds = {0};
	NP_TRY(sql_need(x->sql, all ? NP_SQL_NEED_DOMINATORS : NP_SQL_NEED_GRAPH));
	NP_TRY(sql_export_execute(x, objects_create));
	np_err *err = objects_fill(x, &kinds, all);
	free(kinds.all);
	if (!err)
		err = sql_export_execute(x, "CREATE INDEX _objects_address ON _objects(address)");
	return err || !all ? err : sql_export_execute(x, objects_view);
}

/* --- strings --- */

static const char strings_create[] =
	"CREATE TABLE _strings(id INTEGER PRIMARY KEY, length INTEGER, value TEXT, is_one_byte INTEGER, form INTEGER);"
	"CREATE TABLE _string_forms(id INTEGER PRIMARY KEY, kind TEXT)";
static const char strings_view[] =
	"CREATE VIEW strings AS SELECT s.id AS id, o.address AS address, s.length AS length, s.value AS value,"
	" s.is_one_byte AS is_one_byte, (SELECT f.kind FROM _string_forms f WHERE f.id = s.form) AS kind,"
	" o.self_bytes AS self_bytes FROM _strings s JOIN _objects o ON o.id = s.id";

enum { FORMS_MAX = 16 };

struct forms {
	const char *names[FORMS_MAX]; /* each lasts, and is one */
	sql_batch *batch;
};

static np_err *form_id(struct sql_export *x, struct forms *forms, const char *name, int *ret)
{
	int i = 0;
	while (i < FORMS_MAX - 1 && forms->names[i] && forms->names[i] != name)
		i++;
	*ret = i;
	if (forms->names[i])
		return NULL;
	forms->names[i] = name;
	sql_batch_integer(forms->batch, 0, i);
	sql_batch_lasting(forms->batch, 1, name);
	return sql_batch_row(x, forms->batch);
}

static np_err *string_row(struct sql_export *x, struct sql_cursor *c, struct forms *forms, sql_batch *batch)
{
	static const char *const columns[] = {"length", "value", "is_one_byte"};
	struct sql_cell kind = {0};
	int form;
	sql_batch_integer(batch, 0, c->node);
	for (size_t i = 0; i < NP_ARRAY_LEN(columns); i++) {
		struct sql_cell cell = {0};
		NP_TRY(c->table->cell(c, sql_column_number(c->table, columns[i]), &cell));
		sql_batch_cell(x, batch, (int)i + 1, &cell);
	}
	NP_TRY(c->table->cell(c, sql_column_number(c->table, "kind"), &kind));
	if (kind.kind == NP_SQL_TEXT) {
		NP_TRY(form_id(x, forms, kind.text, &form));
		sql_batch_integer(batch, 4, form);
	}
	return sql_batch_row(x, batch);
}

static np_err *strings_rows(struct sql_export *x, struct sql_cursor *c, struct forms *forms, sql_batch *batch)
{
	NP_TRY(sql_cursor_all(c));
	while (!c->eof) {
		NP_TRY(string_row(x, c, forms, batch));
		NP_TRY(sql_cursor_step(c));
	}
	NP_TRY(sql_batch_finish(x, forms->batch));
	return sql_batch_finish(x, batch);
}

np_err *sql_export_strings(struct sql_export *x)
{
	struct forms forms = {0};
	sql_batch *batch;
	NP_TRY(sql_export_execute(x, strings_create));
	NP_TRY(sql_batch_create(x, "_strings", 5, &batch));
	np_err *err = sql_batch_create(x, "_string_forms", 2, &forms.batch);
	struct sql_cursor *c = sql_cursor_create(x->sql, &sql_table_strings);
	if (!err)
		err = strings_rows(x, c, &forms, batch);
	sql_cursor_destroy(c);
	sql_batch_destroy(batch);
	sql_batch_destroy(forms.batch);
	return err ? err : sql_export_execute(x, strings_view);
}

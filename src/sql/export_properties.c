/* properties as a table of integers; what strings say is in _strings, where that is written. */
#include <string.h>

#include "base/buf.h"
#include "sql/export.h"
#include "sql/tables.h"

struct properties {
	struct sql_export *x;
	sql_batch *batch, *form_batch;
	sql_texts *names;
	bool has_strings;
	struct form {
		const char *kind, *type; /* each lasts, and is one */
	} forms[512];
	int form_count;
};

static const char properties_create[] =
	"CREATE TABLE _names(id INTEGER PRIMARY KEY, name TEXT);"
	"CREATE TABLE _forms(id INTEGER PRIMARY KEY, kind TEXT, value_type TEXT);"
	/* target: objects.id, or -1 - the address of what is no object */
	"CREATE TABLE _properties(object INTEGER, n INTEGER, name INTEGER, form INTEGER, value, target INTEGER,"
	" PRIMARY KEY(object, n)) WITHOUT ROWID";
static const char properties_view[] =
	"CREATE INDEX _names_name ON _names(name);"
	"CREATE INDEX _properties_name ON _properties(name);"
	"CREATE VIEW properties AS SELECT o.address AS object, n.name AS name,"
	" (SELECT f.kind FROM _forms f WHERE f.id = p.form) AS kind,"
	" (SELECT f.value_type FROM _forms f WHERE f.id = p.form) AS value_type,"
	" %s AS value,"
	" CASE WHEN p.target < 0 THEN printf('0x%%x', -1 - p.target)"
	" ELSE (SELECT t.address FROM _objects t WHERE t.id = p.target) END AS target"
	" FROM _properties p LEFT JOIN _objects o ON o.id = p.object LEFT JOIN _names n ON n.id = p.name";
static const char value_plain[] = "p.value", value_of_strings[] =
	"CASE WHEN p.value IS NULL THEN (SELECT s.value FROM _strings s WHERE s.id = p.target) ELSE p.value END";

static np_err *form_id(struct properties *s, const char *kind, const char *type, int *ret)
{
	for (*ret = 0; *ret < s->form_count; ++*ret)
		if (s->forms[*ret].kind == kind && s->forms[*ret].type == type)
			return NULL;
	if (s->form_count == NP_ARRAY_LEN(s->forms))
		return np_err_new(NP_ELIMIT, "more kinds of properties than there are");
	s->forms[s->form_count++] = (struct form){kind, type};
	sql_batch_integer(s->form_batch, 0, *ret);
	sql_batch_lasting(s->form_batch, 1, kind);
	sql_batch_lasting(s->form_batch, 2, type);
	return sql_batch_row(s->x, s->form_batch);
}

static np_err *cell_of(struct sql_cursor *c, const char *column, struct sql_cell *ret)
{
	*ret = (struct sql_cell){0};
	return c->table->cell(c, sql_column_number(c->table, column), ret);
}

static np_err *property_row(struct properties *s, struct sql_cursor *c, int64_t n)
{
	struct sql_cell name, kind, type, value = {0}, target;
	int64_t name_id;
	int form;
	NP_TRY(cell_of(c, "name", &name));
	NP_TRY(cell_of(c, "kind", &kind));
	/* type and target first: of a string they are known without its text */
	NP_TRY(cell_of(c, "value_type", &type));
	NP_TRY(cell_of(c, "target", &target));
	np_vertex node = target.kind == NP_SQL_ADDRESS ? sql_node_at(c->sql, target.address) : NP_VERTEX_NONE;
	if (!s->has_strings || node == NP_VERTEX_NONE || sql_kind_of(c->sql, node) != NP_KIND_STRING)
		NP_TRY(cell_of(c, "value", &value));
	NP_TRY(form_id(s, kind.text, type.text, &form));
	sql_batch_integer(s->batch, 0, c->node);
	sql_batch_integer(s->batch, 1, n);
	if (name.kind == NP_SQL_TEXT) {
		NP_TRY(sql_texts_id(s->x, s->names, 0, name.text, name.bytes, &name_id));
		sql_batch_integer(s->batch, 2, name_id);
	}
	sql_batch_integer(s->batch, 3, form);
	sql_batch_cell(s->x, s->batch, 4, &value);
	if (node != NP_VERTEX_NONE)
		sql_batch_integer(s->batch, 5, node);
	else if (target.kind == NP_SQL_ADDRESS)
		sql_batch_integer(s->batch, 5, -1 - (int64_t)target.address);
	return sql_batch_row(s->x, s->batch);
}

static np_err *properties_rows(struct properties *s, struct sql_cursor *c)
{
	np_vertex object = NP_VERTEX_NONE;
	int64_t n = 0;
	NP_TRY(sql_export_execute(s->x, properties_create));
	NP_TRY(sql_batch_create(s->x, "_properties", 6, &s->batch));
	NP_TRY(sql_batch_create(s->x, "_forms", 3, &s->form_batch));
	NP_TRY(sql_texts_create(s->x, "_names", false, &s->names));
	NP_TRY(sql_cursor_all(c));
	while (!c->eof) {
		n = c->node == object ? n + 1 : 0;
		object = c->node;
		NP_TRY(property_row(s, c, n));
		NP_TRY(sql_cursor_step(c));
	}
	NP_TRY(sql_batch_finish(s->x, s->batch));
	NP_TRY(sql_batch_finish(s->x, s->form_batch));
	return sql_texts_finish(s->x, s->names);
}

np_err *sql_export_properties(struct sql_export *x)
{
	struct properties s = {.x = x, .has_strings = sql_export_wants(x, "strings")};
	struct sql_cursor *c = sql_cursor_create(x->sql, &sql_table_properties);
	struct np_buf view = {0};
	np_err *err = properties_rows(&s, c);
	sql_cursor_destroy(c);
	sql_batch_destroy(s.batch);
	sql_batch_destroy(s.form_batch);
	sql_texts_destroy(s.names);
	np_buf_printf(&view, properties_view, s.has_strings ? value_of_strings : value_plain);
	if (!err)
		err = sql_export_execute(x, view.data);
	np_buf_deinit(&view);
	return err;
}

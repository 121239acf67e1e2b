/*
 * The tables as a file.  The large ones are kept in short form (integers for
 * addresses and for texts that many rows have, nothing twice), in tables whose
 * names begin with _; views have the names and columns of the documentation:
 *
 *     objects     _objects + _kinds (type, shape, space)
 *     edges       _edges + _labels (kind, name) + _stores (owners)
 *     strings     _strings
 *     properties  _properties + _names + _forms (kind, type of value)
 *
 * The others are what they are called.
 *
 * What views must not be: joins on the right side of somebody's LEFT JOIN, which
 * SQLite copies whole before it looks for a row.  `objects` is what people join,
 * so it is one table: its address is a column computed from the number and
 * indexed, its class is the one text that every row has.  What rows have by number
 * besides is looked up in a subquery.
 *
 * Rows go in in the order of their keys, without a journal; indices follow, sorted
 * at once.
 */
#include "sql/export.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { OPS_BETWEEN_QUESTIONS = 100000 }; /* steps of SQLite's virtual machine */

/* Large tables: views on base tables. */
static const struct {
	const char *name;
	np_err *(*write)(struct sql_export *x);
} short_tables[] = {
	{"strings", sql_export_strings},
	{"edges", sql_export_edges},
	{"properties", sql_export_properties},
};

/* --- what the files of the export share --- */

static bool list_has(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = list; at && *at;) {
		size_t len = strcspn(at, ",");
		if (len == n && memcmp(at, name, n) == 0)
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

bool sql_export_wants(const struct sql_export *x, const char *table)
{
	return !x->tables || list_has(x->tables, table);
}

np_err *sql_export_error(struct sql_export *x)
{
	switch (sqlite3_errcode(x->file)) {
	case SQLITE_FULL:
		return np_err_new(NP_EIO, "writing %s: the disk is full (indices are sorted in temporary files: SQLITE_TMPDIR says "
				  "where)", x->path);
	case SQLITE_INTERRUPT:
		return np_err_new(NP_ELIMIT, "writing %s was interrupted", x->path);
	default:
		return np_err_new(NP_EIO, "writing %s: %s", x->path, sqlite3_errmsg(x->file));
	}
}

np_err *sql_export_execute(struct sql_export *x, const char *text)
{
	return sqlite3_exec(x->file, text, NULL, NULL, NULL) == SQLITE_OK ? NULL : sql_export_error(x);
}

static int ask_interrupted(void *ctx)
{
	const struct np_sql_source *source = ctx;
	return source->interrupted && source->interrupted(source->ctx);
}

/* --- the other tables, as they are --- */

static bool is_row_id(const struct sql_column *column)
{
	return column->type == SQL_INTEGER && column->key == SQL_KEY_UNIQUE;
}

static np_err *plain_create(struct sql_export *x, const struct sql_table *table)
{
	static const char *const types[] = {[SQL_INTEGER] = " INTEGER", [SQL_REAL] = " REAL", [SQL_TEXT] = " TEXT",
					    [SQL_ADDRESS] = " TEXT", [SQL_BOOL] = " INTEGER", [SQL_ANY] = ""};
	struct np_buf text = {0};
	np_buf_printf(&text, "CREATE TABLE \"%s\"(", table->name);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct sql_column *c = &table->columns[i];
		np_buf_printf(&text, "%s\n\t\"%s\"%s%s", i ? "," : "", c->name, types[c->type], is_row_id(c) ? " PRIMARY KEY" : "");
	}
	np_buf_puts(&text, "\n)");
	np_err *err = sql_export_execute(x, text.data);
	np_buf_deinit(&text);
	return err;
}

static np_err *plain_rows(struct sql_export *x, struct sql_cursor *c, sql_batch *batch)
{
	NP_TRY(sql_cursor_all(c));
	while (!c->eof) {
		for (int i = 0; i < (int)c->table->column_count; i++) {
			struct sql_cell cell = {0};
			NP_TRY(c->table->cell(c, i, &cell));
			sql_batch_cell(x, batch, i, &cell);
		}
		NP_TRY(sql_batch_row(x, batch));
		NP_TRY(sql_cursor_step(c));
	}
	return sql_batch_finish(x, batch);
}

static np_err *plain_indices(struct sql_export *x, const struct sql_table *table)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const struct sql_column *c = &table->columns[i];
		if (c->key == SQL_KEY_NONE || is_row_id(c))
			continue;
		char *text = sqlite3_mprintf("CREATE INDEX \"%w_%w\" ON \"%w\"(\"%w\")", table->name, c->name, table->name, c->name);
		np_err *err = text ? sql_export_execute(x, text) : sql_export_error(x);
		sqlite3_free(text);
		if (err)
			return err;
	}
	return NULL;
}

static np_err *plain_table(struct sql_export *x, const struct sql_table *table)
{
	sql_batch *batch = NULL;
	NP_TRY(plain_create(x, table));
	NP_TRY(sql_batch_create(x, table->name, (int)table->column_count, &batch));
	struct sql_cursor *c = sql_cursor_create(x->sql, table);
	np_err *err = plain_rows(x, c, batch);
	sql_cursor_destroy(c);
	sql_batch_destroy(batch);
	return err ? err : plain_indices(x, table);
}

/* --- all --- */

static np_err *check_tables(const char *tables)
{
	for (const char *at = tables; at && *at;) {
		size_t len = strcspn(at, ","), i = 0;
		while (sql_tables[i] && (strlen(sql_tables[i]->name) != len || memcmp(sql_tables[i]->name, at, len) != 0))
			i++;
		if (!sql_tables[i])
			return np_err_new(NP_EUSAGE, "no table is called '%.*s'", (int)len, at);
		at += len + (at[len] == ',');
	}
	return tables && !*tables ? np_err_new(NP_EUSAGE, "the list of tables is empty") : NULL;
}

static bool is_short(const char *name)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(short_tables); i++)
		if (strcmp(short_tables[i].name, name) == 0)
			return true;
	return strcmp(name, "objects") == 0;
}

static np_err *tables_write(struct sql_export *x)
{
	bool wants_objects = sql_export_wants(x, "objects");
	for (size_t i = 0; i < NP_ARRAY_LEN(short_tables); i++)
		wants_objects |= sql_export_wants(x, short_tables[i].name); /* they lead there */
	if (wants_objects) {
		x->doing = "objects";
		x->rows = 0;
		NP_TRY(sql_export_objects(x));
	}
	for (size_t i = 0; i < NP_ARRAY_LEN(short_tables); i++) {
		x->doing = short_tables[i].name;
		x->rows = 0;
		if (sql_export_wants(x, x->doing))
			NP_TRY(short_tables[i].write(x));
	}
	for (size_t i = 0; sql_tables[i]; i++) {
		x->doing = sql_tables[i]->name;
		x->rows = 0;
		if (sql_export_wants(x, x->doing) && !is_short(x->doing))
			NP_TRY(plain_table(x, sql_tables[i]));
	}
	return NULL;
}

static np_err *database_write(struct sql_export *x, struct sql_export_file *file)
{
	int rc = sqlite3_open_v2(x->path, &x->file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, sql_export_file_vfs(file));
	if (rc != SQLITE_OK)
		return np_err_new(NP_EIO, "creating %s: %s", x->path, sqlite3_errstr(rc));
	sqlite3_progress_handler(x->file, OPS_BETWEEN_QUESTIONS, ask_interrupted, &x->sql->source);
	/* nobody else sees it before it is whole, and half of one is thrown away */
	NP_TRY(sql_export_execute(x, "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
				     "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536; BEGIN"));
	NP_TRY(tables_write(x));
	return sql_export_execute(x, "COMMIT");
}

np_err *np_sql_export(np_sql *sql, const char *path, const char *tables)
{
	struct sql_export x = {.sql = sql, .path = path, .tables = tables};
	struct sql_export_file file;
	NP_TRY(check_tables(tables));
	NP_TRY(sql_export_file_create(path, &file));
	if (file.temporary && sql->source.must_clean)
		sql->source.must_clean(sql->source.ctx);
	np_err *err = database_write(&x, &file);
	sqlite3_close(x.file);
	if (!err)
		err = sql_export_file_name(&file);
	sql_export_file_deinit(&file);
	return err;
}

/*
 * The tables as a file.  It is written beside its place and moved there when
 * it is whole, so that nobody finds half of one, and what was there before
 * stays until then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "sql/table.h"

enum { ROWS_BETWEEN_QUESTIONS = 4096 };

struct export {
	np_sql *sql;
	sqlite3 *file;
	const char *path;
	const char *tables; /* NULL: all */
};

static np_err *export_error(const struct export *x, const char *doing)
{
	return np_err_new(NP_EIO, "%s %s: %s", doing, x->path, sqlite3_errmsg(x->file));
}

static np_err *execute(const struct export *x, const char *text)
{
	return sqlite3_exec(x->file, text, NULL, NULL, NULL) == SQLITE_OK ? NULL : export_error(x, "writing");
}

static bool is_row_id(const struct sql_column *column)
{
	return column->type == SQL_INTEGER && column->key == SQL_KEY_UNIQUE;
}

static void create_text(const struct sql_table *table, struct np_buf *create, struct np_buf *insert)
{
	static const char *const types[] = {[SQL_INTEGER] = " INTEGER", [SQL_REAL] = " REAL", [SQL_TEXT] = " TEXT",
					    [SQL_ADDRESS] = " TEXT", [SQL_BOOL] = " INTEGER", [SQL_ANY] = ""};
	np_buf_printf(create, "CREATE TABLE \"%s\"(", table->name);
	np_buf_printf(insert, "INSERT INTO \"%s\" VALUES(", table->name);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct sql_column *c = &table->columns[i];
		np_buf_printf(create, "%s\n\t\"%s\"%s%s", i ? "," : "", c->name, types[c->type],
			      is_row_id(c) ? " PRIMARY KEY" : "");
		np_buf_puts(insert, i ? ", ?" : "?");
	}
	np_buf_puts(create, "\n)");
	np_buf_puts(insert, ")");
}

static np_err *insert_rows(const struct export *x, const struct sql_table *table, sqlite3_stmt *from, sqlite3_stmt *to)
{
	const struct np_sql_source *source = &x->sql->source;
	uint64_t rows = 0;
	int rc;
	while ((rc = sqlite3_step(from)) == SQLITE_ROW) {
		for (int i = 0; i < (int)table->column_count; i++)
			sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		if (sqlite3_step(to) != SQLITE_DONE)
			return export_error(x, "writing");
		sqlite3_reset(to);
		if (++rows % ROWS_BETWEEN_QUESTIONS == 0 && source->progress)
			source->progress(source->ctx, table->name, rows);
	}
	if (rc == SQLITE_DONE)
		return NULL;
	np_err *err = x->sql->failure;
	x->sql->failure = NULL;
	if (err)
		return err;
	return (rc & 0xff) == SQLITE_INTERRUPT ? np_err_new(NP_ELIMIT, "writing %s was interrupted", x->path)
					       : np_err_new(NP_EIO, "reading the table %s: %s", table->name,
							    sqlite3_errmsg(x->sql->db));
}

static np_err *copy_rows(const struct export *x, const struct sql_table *table, const char *insert)
{
	sqlite3_stmt *from = NULL, *to = NULL;
	np_err *err = NULL;
	char *select = sqlite3_mprintf("SELECT * FROM \"%w\"", table->name);
	if (!select || sqlite3_prepare_v2(x->sql->db, select, -1, &from, NULL) != SQLITE_OK)
		err = np_err_new(NP_EIO, "reading the table %s: %s", table->name, sqlite3_errmsg(x->sql->db));
	else if (sqlite3_prepare_v2(x->file, insert, -1, &to, NULL) != SQLITE_OK)
		err = export_error(x, "writing");
	else
		err = insert_rows(x, table, from, to);
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	sqlite3_free(select);
	return err;
}

static np_err *export_indices(const struct export *x, const struct sql_table *table)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const struct sql_column *c = &table->columns[i];
		if (c->key == SQL_KEY_NONE || is_row_id(c))
			continue;
		char *text = sqlite3_mprintf("CREATE INDEX \"%w_%w\" ON \"%w\"(\"%w\")", table->name, c->name, table->name, c->name);
		np_err *err = text ? execute(x, text) : export_error(x, "writing");
		sqlite3_free(text);
		if (err)
			return err;
	}
	return NULL;
}

static np_err *export_table(const struct export *x, const struct sql_table *table)
{
	struct np_buf create = {0}, insert = {0};
	create_text(table, &create, &insert);
	np_err *err = execute(x, create.data);
	if (!err)
		err = copy_rows(x, table, insert.data);
	np_buf_deinit(&create);
	np_buf_deinit(&insert);
	return err ? err : export_indices(x, table);
}

static int ask_interrupted(void *ctx)
{
	const struct np_sql_source *source = ctx;
	return source->interrupted && source->interrupted(source->ctx);
}

/* Is it on the list? NULL lists all. */
static bool is_wanted(const char *tables, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = tables; at && *at;) {
		size_t len = strcspn(at, ",");
		if (len == n && memcmp(at, name, n) == 0)
			return true;
		at += len + (at[len] == ',');
	}
	return !tables;
}

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

static np_err *export_all(struct export *x, const char *beside)
{
	int rc = sqlite3_open_v2(beside, &x->file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return np_err_new(NP_EIO, "creating %s: %s", x->path, sqlite3_errstr(rc));
	sqlite3_progress_handler(x->file, ROWS_BETWEEN_QUESTIONS, ask_interrupted, &x->sql->source);
	/* nobody else sees it before it is whole, and half of one is thrown away */
	NP_TRY(execute(x, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
			  "PRAGMA cache_size = -65536; BEGIN"));
	for (size_t i = 0; sql_tables[i]; i++)
		if (is_wanted(x->tables, sql_tables[i]->name))
			NP_TRY(export_table(x, sql_tables[i]));
	return execute(x, "COMMIT");
}

np_err *np_sql_export(np_sql *sql, const char *path, const char *tables)
{
	struct export x = {.sql = sql, .path = path, .tables = tables};
	char *beside = NULL;
	NP_TRY(check_tables(tables));
	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return np_err_new(NP_ENOMEM, "creating %s", path);
	int fd = mkstemp(beside); /* 0600 */
	if (fd < 0) {
		np_err *err = np_err_sys(NP_EIO, "creating %s", path);
		free(beside);
		return err;
	}
	close(fd);
	np_err *err = export_all(&x, beside);
	sqlite3_close(x.file);
	if (!err && rename(beside, path))
		err = np_err_sys(NP_EIO, "creating %s", path);
	if (err)
		unlink(beside);
	free(beside);
	return err;
}

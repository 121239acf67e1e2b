/* Many rows in one statement: starting and ending one costs SQLite more than a row does. */
#include <stdlib.h>
#include <string.h>

#include "sql/export.h"

enum { VALUES = 240, ROWS_BETWEEN_QUESTIONS = 4096 };

struct sql_batch {
	sqlite3_stmt *many, *one;
	int columns, rows_max, rows;
	np_arena *texts; /* of the waiting rows */
	struct sql_cell *cells;
};

static np_err *prepare(struct sql_export *x, const char *insert, int columns, int rows, sqlite3_stmt **ret)
{
	struct np_buf text = {0};
	np_buf_printf(&text, "INSERT INTO %s VALUES", insert);
	for (int i = 0; i < rows; i++)
		for (int k = 0; k < columns; k++)
			np_buf_printf(&text, "%s?%s", k ? "," : i ? ",(" : "(", k == columns - 1 ? ")" : "");
	np_err *err = sqlite3_prepare_v3(x->file, text.data, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK
			      ? NULL
			      : sql_export_error(x);
	np_buf_deinit(&text);
	return err;
}

np_err *sql_batch_create(struct sql_export *x, const char *insert, int columns, sql_batch **ret)
{
	sql_batch *b = np_xcalloc(1, sizeof(*b));
	b->columns = columns;
	b->rows_max = columns > VALUES ? 1 : VALUES / columns;
	b->cells = np_xcalloc((size_t)b->rows_max * (size_t)columns, sizeof(*b->cells));
	b->texts = np_arena_create();
	np_err *err = prepare(x, insert, columns, b->rows_max, &b->many);
	if (!err)
		err = prepare(x, insert, columns, 1, &b->one);
	if (err) {
		sql_batch_destroy(b);
		return err;
	}
	*ret = b;
	return NULL;
}

void sql_batch_destroy(sql_batch *b)
{
	if (!b)
		return;
	sqlite3_finalize(b->many);
	sqlite3_finalize(b->one);
	np_arena_destroy(b->texts);
	free(b->cells);
	free(b);
}

static struct sql_cell *cell_at(sql_batch *b, int column)
{
	return &b->cells[b->rows * b->columns + column];
}

void sql_batch_integer(sql_batch *b, int column, int64_t value)
{
	sql_cell_integer(cell_at(b, column), value);
}

void sql_batch_lasting(sql_batch *b, int column, const char *text)
{
	sql_cell_lasting(cell_at(b, column), text);
}

void sql_batch_cell(struct sql_export *x, sql_batch *b, int column, const struct sql_cell *cell)
{
	struct sql_cell *to = cell_at(b, column);
	struct np_buf redacted = {0};
	char address[24];
	*to = *cell;
	if (cell->kind == NP_SQL_ADDRESS) {
		to->kind = NP_SQL_TEXT;
		to->bytes = sql_address_text(cell->address, address);
		to->text = np_arena_strndup(b->texts, address, to->bytes);
	} else if (cell->kind == NP_SQL_TEXT && cell->is_content && x->sql->source.redact) {
		sql_redact(&redacted, cell->text, cell->bytes);
		to->text = np_arena_strndup(b->texts, np_buf_str(&redacted), redacted.len);
		to->bytes = redacted.len;
		np_buf_deinit(&redacted);
	} else if (cell->kind == NP_SQL_TEXT && !cell->lasts) {
		to->text = np_arena_memdup(b->texts, cell->text, cell->bytes + 1);
	}
}

static void bind(sqlite3_stmt *statement, int i, const struct sql_cell *cell)
{
	switch (cell->kind) {
	case NP_SQL_NULL:
		sqlite3_bind_null(statement, i);
		break;
	case NP_SQL_REAL:
		sqlite3_bind_double(statement, i, cell->real);
		break;
	case NP_SQL_TEXT:
		sqlite3_bind_text64(statement, i, cell->text, cell->bytes, SQLITE_STATIC, SQLITE_UTF8);
		break;
	default:
		sqlite3_bind_int64(statement, i, cell->integer);
	}
}

static np_err *run(struct sql_export *x, sqlite3_stmt *statement, const struct sql_cell *cells, int count)
{
	for (int i = 0; i < count; i++)
		bind(statement, i + 1, &cells[i]);
	int rc = sqlite3_step(statement);
	np_err *err = rc == SQLITE_DONE ? NULL : sql_export_error(x);
	sqlite3_reset(statement);
	return err;
}

static np_err *flush(struct sql_export *x, sql_batch *b)
{
	np_err *err = NULL;
	if (b->rows == b->rows_max)
		err = run(x, b->many, b->cells, b->rows * b->columns);
	else
		for (int i = 0; i < b->rows && !err; i++)
			err = run(x, b->one, b->cells + i * b->columns, b->columns);
	memset(b->cells, 0, (size_t)(b->rows * b->columns) * sizeof(*b->cells));
	np_arena_reset(b->texts);
	b->rows = 0;
	return err;
}

np_err *sql_batch_row(struct sql_export *x, sql_batch *b)
{
	const struct np_sql_source *source = &x->sql->source;
	if (++b->rows == b->rows_max)
		NP_TRY(flush(x, b));
	if (++x->rows % ROWS_BETWEEN_QUESTIONS)
		return NULL;
	if (source->progress)
		source->progress(source->ctx, x->doing, x->rows);
	return source->interrupted && source->interrupted(source->ctx) ? np_err_new(NP_ELIMIT, "writing %s was interrupted", x->path)
								       : NULL;
}

np_err *sql_batch_finish(struct sql_export *x, sql_batch *b)
{
	return flush(x, b);
}

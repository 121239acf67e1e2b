/* Opening, the rules that queries live by, running one. */
#include "sql/sql.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sql/table.h"

enum {
	MEMORY_MAX_BYTES = 1 << 30,   /* SQLite's own; what does not fit is sorted on disk */
	CACHE_KIB = 64 << 10,	      /* of a sort, before it goes there */
	TEXT_MAX_BYTES = 64 << 20,    /* of one cell */
	QUERY_MAX_BYTES = 1 << 20,
	OPS_BETWEEN_QUESTIONS = 2000, /* steps of the virtual machine */
};

static bool is_denied_function(const char *name)
{
	static const char *const names[] = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"};
	for (size_t i = 0; name && i < NP_ARRAY_LEN(names); i++)
		if (sqlite3_stricmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Reading tables and calling functions, nothing else. */
static int authorize(void *ctx, int action, const char *a, const char *b, const char *database, const char *trigger)
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return is_denied_function(b) ? SQLITE_DENY : SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

static int ask_interrupted(void *ctx)
{
	struct np_sql *sql = ctx;
	return sql->source.interrupted && sql->source.interrupted(sql->source.ctx);
}

/* Tables come to be with their first use, which the rules would call creating one: so they are used before there are rules. */
static int tables_touch(struct np_sql *sql)
{
	static const char *const of_sqlite[] = {"json_each", "json_tree"};
	int rc = SQLITE_OK;
	size_t own = np_sql_table_count();
	for (size_t i = 0; i < own + NP_ARRAY_LEN(of_sqlite) && rc == SQLITE_OK; i++) {
		sqlite3_stmt *statement = NULL;
		char *query = sqlite3_mprintf("SELECT 1 FROM \"%w\"", i < own ? sql_tables[i]->name : of_sqlite[i - own]);
		rc = query ? sqlite3_prepare_v2(sql->db, query, -1, &statement, NULL) : SQLITE_NOMEM;
		sqlite3_finalize(statement);
		sqlite3_free(query);
		if (i >= own) /* an SQLite without them will do */
			rc = SQLITE_OK;
	}
	return rc;
}

static int set_up(struct np_sql *sql)
{
	int rc = sqlite3_open_v2(":memory:", &sql->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return rc;
	char *cache = sqlite3_mprintf("PRAGMA cache_size = -%d", (int)CACHE_KIB);
	rc = sqlite3_exec(sql->db, cache, NULL, NULL, NULL);
	sqlite3_free(cache);
	sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_limit(sql->db, SQLITE_LIMIT_LENGTH, TEXT_MAX_BYTES);
	sqlite3_limit(sql->db, SQLITE_LIMIT_SQL_LENGTH, QUERY_MAX_BYTES);
	sqlite3_limit(sql->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(sql->db, SQLITE_LIMIT_WORKER_THREADS, 0);
	if (rc == SQLITE_OK)
		rc = sql_module_register(sql);
	if (rc == SQLITE_OK)
		rc = sql_functions_register(sql->db);
	if (rc == SQLITE_OK)
		rc = tables_touch(sql);
	sqlite3_set_authorizer(sql->db, authorize, NULL);
	sqlite3_progress_handler(sql->db, OPS_BETWEEN_QUESTIONS, ask_interrupted, sql);
	return rc;
}

np_err *np_sql_open(const struct np_sql_source *source, np_sql **ret)
{
	struct np_sql *sql = np_xcalloc(1, sizeof(*sql));
	sql->source = *source;
	sql->arena = np_arena_create();
	sql->old_limit = sqlite3_hard_heap_limit64(MEMORY_MAX_BYTES);
	int rc = set_up(sql);
	if (rc != SQLITE_OK) {
		np_err *err = np_err_new(NP_EIO, "SQLite does not start: %s", sqlite3_errstr(rc));
		np_sql_close(sql);
		return err;
	}
	*ret = sql;
	return NULL;
}

void np_sql_close(np_sql *sql)
{
	if (!sql)
		return;
	sqlite3_close(sql->db);
	sqlite3_hard_heap_limit64(sql->old_limit);
	np_err_free(sql->failure);
	sql_index_deinit(sql);
	np_arena_destroy(sql->arena);
	free(sql);
}

/* --- a query --- */

/* What went wrong, in the best words there are. */
static np_err *failure_of(struct np_sql *sql, int rc, bool running)
{
	np_err *own = sql->failure;
	sql->failure = NULL;
	if (own)
		return own;
	switch (rc & 0xff) {
	case SQLITE_INTERRUPT:
		return np_err_new(NP_ELIMIT, "the query was interrupted");
	case SQLITE_NOMEM:
		return np_err_new(NP_ELIMIT, "the query needs more than the %d MiB of memory that it may use",
				  MEMORY_MAX_BYTES >> 20);
	case SQLITE_FULL:
		return np_err_new(NP_EIO, "the disk is full: sorting a big answer takes temporary files");
	case SQLITE_AUTH:
		return np_err_new(NP_EUSAGE, "a query can only SELECT (%s)", sqlite3_errmsg(sql->db));
	default:
		return np_err_new(running && rc != SQLITE_ERROR ? NP_EIO : NP_EUSAGE, "%s", sqlite3_errmsg(sql->db));
	}
}

static np_err *prepare(struct np_sql *sql, const char *query, sqlite3_stmt **ret)
{
	sqlite3_stmt *statement = NULL, *second = NULL;
	const char *tail = NULL;
	int rc = sqlite3_prepare_v2(sql->db, query, -1, &statement, &tail);
	if (rc != SQLITE_OK)
		return failure_of(sql, rc, false);
	if (!statement)
		return np_err_new(NP_EUSAGE, "the query is empty");
	while (tail && *tail && rc == SQLITE_OK && !second)
		rc = sqlite3_prepare_v2(sql->db, tail, -1, &second, &tail);
	bool is_more = rc != SQLITE_OK || second;
	sqlite3_finalize(second);
	if (is_more || !sqlite3_column_count(statement)) {
		sqlite3_finalize(statement);
		return np_err_new(NP_EUSAGE, "%s", is_more ? "only one statement at a time" : "this is no query");
	}
	*ret = statement;
	return NULL;
}

/* A blob, which only functions of SQLite make: x'..' */
static void value_blob(sqlite3_stmt *statement, int i, np_arena *arena, struct np_sql_value *v)
{
	const uint8_t *bytes = sqlite3_column_blob(statement, i);
	size_t n = (size_t)sqlite3_column_bytes(statement, i);
	struct np_buf text = {0};
	np_buf_puts(&text, "x'");
	for (size_t k = 0; k < n; k++)
		np_buf_printf(&text, "%02x", bytes[k]);
	np_buf_puts(&text, "'");
	v->kind = NP_SQL_TEXT;
	v->text = np_arena_strndup(arena, text.data, text.len);
	v->bytes = text.len;
	np_buf_deinit(&text);
}

/* A text that is an address, in the one way that tables write them. */
static bool is_address(const char *text, size_t bytes, np_addr *ret)
{
	char same[24];
	return bytes > 6 && text[0] == '0' && text[1] == 'x' && sql_address_parse(text, ret) &&
	       sql_address_text(*ret, same) == bytes && memcmp(same, text, bytes) == 0;
}

static void value_take(sqlite3_stmt *statement, int i, bool may_be_address, np_arena *arena, struct np_sql_value *ret)
{
	struct np_sql_value v = {.kind = NP_SQL_NULL};
	switch (sqlite3_column_type(statement, i)) {
	case SQLITE_INTEGER:
		v.kind = NP_SQL_INTEGER;
		v.integer = sqlite3_column_int64(statement, i);
		break;
	case SQLITE_FLOAT:
		v.kind = NP_SQL_REAL;
		v.real = sqlite3_column_double(statement, i);
		break;
	case SQLITE_TEXT:
		v.kind = NP_SQL_TEXT;
		v.text = (const char *)sqlite3_column_text(statement, i);
		v.bytes = (size_t)sqlite3_column_bytes(statement, i);
		if (may_be_address && v.text && is_address(v.text, v.bytes, &v.address))
			v.kind = NP_SQL_ADDRESS;
		break;
	case SQLITE_BLOB:
		value_blob(statement, i, arena, &v);
		break;
	}
	*ret = v;
}

static np_err *run(struct np_sql *sql, sqlite3_stmt *statement, const struct np_sql_reader *reader, np_arena *arena)
{
	int count = sqlite3_column_count(statement), rc;
	const char **names = NP_NEW_ARRAY(arena, const char *, (size_t)count);
	bool *may_be_address = NP_NEW_ARRAY(arena, bool, (size_t)count), more = true;
	struct np_sql_value *values = NP_NEW_ARRAY(arena, struct np_sql_value, (size_t)count);
	np_arena *row = np_arena_create();
	np_err *err = NULL;
	for (int i = 0; i < count; i++) {
		const char *type = sqlite3_column_decltype(statement, i);
		names[i] = sqlite3_column_name(statement, i);
		/* an expression may be one; a column that is of another type is not */
		may_be_address[i] = !type || strcmp(type, "ADDRESS TEXT") == 0;
	}
	err = reader->columns(reader->ctx, names, (size_t)count);
	while (!err && more && (rc = sqlite3_step(statement)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW) {
			err = failure_of(sql, rc, true);
			break;
		}
		np_arena_reset(row);
		for (int i = 0; i < count; i++)
			value_take(statement, i, may_be_address[i], row, &values[i]);
		err = reader->row(reader->ctx, values, (size_t)count, &more);
	}
	np_arena_destroy(row);
	return err;
}

np_err *np_sql_query(np_sql *sql, const char *query, const struct np_sql_reader *reader)
{
	sqlite3_stmt *statement = NULL;
	NP_TRY(prepare(sql, query, &statement));
	np_arena *arena = np_arena_create();
	np_err *err = run(sql, statement, reader, arena);
	sqlite3_finalize(statement);
	np_arena_destroy(arena);
	return err;
}

/* --- the schema --- */

size_t np_sql_table_count(void)
{
	size_t n = 0;
	while (sql_tables[n])
		n++;
	return n;
}

const char *np_sql_table(size_t i, const char **ret_about, size_t *ret_columns)
{
	*ret_about = sql_tables[i]->about;
	*ret_columns = sql_tables[i]->column_count;
	return sql_tables[i]->name;
}

struct np_sql_column_info np_sql_column(size_t table, size_t column)
{
	static const char *const types[] = {[SQL_INTEGER] = "integer", [SQL_REAL] = "real", [SQL_TEXT] = "text",
					    [SQL_ADDRESS] = "address", [SQL_BOOL] = "0 or 1", [SQL_ANY] = "any"};
	const struct sql_column *c = &sql_tables[table]->columns[column];
	return (struct np_sql_column_info){c->name, types[c->type], c->about};
}

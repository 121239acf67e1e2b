/*
 * The one SQLite module behind all tables: turns constraints into keys, and
 * cells into results.  Tables exist by their names (eponymous): there is
 * nothing to create.
 *
 * Addresses compare as addresses: every `column = value` on one is taken over
 * from SQLite, so that '0x123', '0X122' (untagged) and 291 all mean the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sql/table.h"

enum { FILTERS_MAX = NP_ARRAY_LEN(((struct sql_cursor *)0)->filters), COLUMN_BASE = 'A', NO_KEY = '-' };

struct module_table {
	sqlite3_vtab base;
	struct np_sql *sql;
	const struct sql_table *table;
};

static int module_fail(struct np_sql *sql, sqlite3_vtab *vtab, np_err *err)
{
	sqlite3_free(vtab->zErrMsg);
	vtab->zErrMsg = sqlite3_mprintf("%s", np_err_message(err));
	if (sql->failure)
		np_err_free(err);
	else
		sql->failure = err;
	return SQLITE_ERROR;
}

static void declare(const struct sql_table *table, struct np_buf *buf)
{
	static const char *const types[] = {
		[SQL_INTEGER] = " INTEGER", [SQL_REAL] = " REAL", [SQL_TEXT] = " TEXT",
		[SQL_ADDRESS] = " ADDRESS TEXT", [SQL_BOOL] = " INTEGER", [SQL_ANY] = "",
	};
	np_buf_puts(buf, "CREATE TABLE x(");
	for (size_t i = 0; i < table->column_count; i++)
		np_buf_printf(buf, "%s\"%s\"%s", i ? ", " : "", table->columns[i].name, types[table->columns[i].type]);
	np_buf_puts(buf, ")");
}

struct module_aux {
	struct np_sql *sql;
	const struct sql_table *table;
};

static int module_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret, char **error)
{
	const struct module_aux *a = aux;
	struct np_buf text = {0};
	declare(a->table, &text);
	int rc = sqlite3_declare_vtab(db, np_buf_str(&text));
	np_buf_deinit(&text);
	if (rc != SQLITE_OK) {
		*error = sqlite3_mprintf("%s", sqlite3_errmsg(db));
		return rc;
	}
	struct module_table *t = sqlite3_malloc(sizeof(*t));
	if (!t)
		return SQLITE_NOMEM;
	*t = (struct module_table){.sql = a->sql, .table = a->table};
	*ret = &t->base;
	return SQLITE_OK;
}

static int module_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

/* Can the constraint be looked up? Texts only where = means the same bytes. */
static bool can_be_key(sqlite3_index_info *info, int i, const struct sql_column *column)
{
	if (column->key == SQL_KEY_NONE)
		return false;
	const char *collation = column->type == SQL_TEXT ? sqlite3_vtab_collation(info, i) : NULL;
	return !collation || sqlite3_stricmp(collation, "BINARY") == 0;
}

static int constraint_column(const struct sqlite3_index_info *info, int i)
{
	return info->aConstraint[i].usable && info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ
		       ? info->aConstraint[i].iColumn
		       : -1;
}

/* The constraint that leaves the fewest rows; -1 none. */
static int best_key(sqlite3_index_info *info, const struct sql_table *table)
{
	int best = -1;
	for (int i = 0; i < info->nConstraint; i++) {
		int column = constraint_column(info, i);
		if (column < 0 || !can_be_key(info, i, &table->columns[column]))
			continue;
		if (best < 0 || table->columns[column].key < table->columns[info->aConstraint[best].iColumn].key)
			best = i;
	}
	return best;
}

static void estimate(sqlite3_index_info *info, double rows, enum sql_key key)
{
	double found = rows;
	if (key == SQL_KEY_UNIQUE) {
		found = 1;
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
	} else if (key == SQL_KEY_FEW) {
		found = 10;
	} else if (key == SQL_KEY_SOME) {
		found = rows / 50 + 1;
	}
	info->estimatedRows = (sqlite3_int64)found;
	/* going to a place costs more than the next row does */
	info->estimatedCost = key == SQL_KEY_NONE ? rows * 2 : found * 2 + (key == SQL_KEY_FEW ? 20 : 2);
}

/* GROUP BY and DISTINCT: equal values must come side by side, their order does not matter. */
static bool only_groups(sqlite3_index_info *info)
{
#if SQLITE_VERSION_NUMBER >= 3038000
	int distinct = sqlite3_vtab_distinct(info);
	return distinct == 1 || distinct == 2;
#else
	return false;
#endif
}

static void order_consume(const struct sql_table *table, sqlite3_index_info *info)
{
	int column = info->aOrderBy[0].iColumn;
	bool groups = only_groups(info);
	if (table->order_column && column == table->order_column) {
		info->idxNum = info->aOrderBy[0].desc && !groups ? SQL_ORDER_DOWN : SQL_ORDER_UP;
		info->orderByConsumed = 1;
	} else if (groups && column >= 0 && table->columns[column].is_grouped) {
		info->orderByConsumed = 1;
	}
}

static int module_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	const struct module_table *t = (const struct module_table *)vtab;
	const struct sql_table *table = t->table;
	char plan[FILTERS_MAX + 2] = {NO_KEY};
	int used = 0, filters = 0, key = best_key(info, table);
	enum sql_key kind = SQL_KEY_NONE;
	if (key >= 0) {
		int column = info->aConstraint[key].iColumn;
		kind = table->columns[column].key;
		plan[0] = (char)(COLUMN_BASE + column);
		info->aConstraintUsage[key].argvIndex = ++used;
		info->aConstraintUsage[key].omit = table->columns[column].type == SQL_ADDRESS;
	}
	for (int i = 0; i < info->nConstraint && filters < FILTERS_MAX; i++) {
		int column = constraint_column(info, i);
		if (i == key || column < 0 || table->columns[column].type != SQL_ADDRESS)
			continue;
		plan[++filters] = (char)(COLUMN_BASE + column);
		info->aConstraintUsage[i].argvIndex = ++used;
		info->aConstraintUsage[i].omit = 1;
	}
	estimate(info, table->rows(t->sql), kind);
	if (info->nOrderBy == 1 && (key < 0 || info->aConstraint[key].iColumn == info->aOrderBy[0].iColumn))
		order_consume(table, info);
	info->idxStr = sqlite3_mprintf("%s", plan);
	info->needToFreeIdxStr = 1;
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* --- cursors --- */

struct sql_cursor *sql_cursor_create(struct np_sql *sql, const struct sql_table *table)
{
	struct sql_cursor *c = np_xcalloc(1, sizeof(*c));
	c->sql = sql;
	c->table = table;
	c->arena = np_arena_create();
	c->object_arena = np_arena_create();
	c->state = np_xcalloc(1, table->state_bytes + 1);
	c->eof = true;
	return c;
}

void sql_cursor_destroy(struct sql_cursor *c)
{
	if (c->table->end)
		c->table->end(c);
	np_arena_destroy(c->arena);
	np_arena_destroy(c->object_arena);
	free(c->state);
	free(c);
}

static int module_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret)
{
	const struct module_table *t = (const struct module_table *)vtab;
	*ret = &sql_cursor_create(t->sql, t->table)->base;
	return SQLITE_OK;
}

static int module_close(sqlite3_vtab_cursor *base)
{
	sql_cursor_destroy((struct sql_cursor *)base);
	return SQLITE_OK;
}

/* False: nothing can be equal to it. */
static bool key_take(const struct sql_column *column, sqlite3_value *value, struct sql_key_value *key)
{
	int type = column->type == SQL_INTEGER || column->type == SQL_BOOL ? sqlite3_value_numeric_type(value)
									    : sqlite3_value_type(value);
	if (type == SQLITE_NULL || type == SQLITE_BLOB)
		return false;
	switch (column->type) {
	case SQL_ADDRESS:
		key->kind = NP_SQL_ADDRESS;
		if (type == SQLITE_INTEGER)
			key->address = (np_addr)sqlite3_value_int64(value);
		else if (type != SQLITE_TEXT || !sql_address_parse((const char *)sqlite3_value_text(value), &key->address))
			return false;
		key->address = sql_address_plain(key->address);
		return true;
	case SQL_INTEGER:
	case SQL_BOOL:
		key->kind = NP_SQL_INTEGER;
		key->integer = sqlite3_value_int64(value);
		return type == SQLITE_INTEGER || (type == SQLITE_FLOAT && sqlite3_value_double(value) == (double)key->integer);
	default:
		key->kind = NP_SQL_TEXT;
		key->text = (const char *)sqlite3_value_text(value);
		return key->text != NULL;
	}
}

static np_err *filters_pass(struct sql_cursor *c, bool *ret)
{
	*ret = true;
	for (int i = 0; i < c->filter_count && *ret; i++) {
		struct sql_cell cell = {0};
		NP_TRY(c->table->cell(c, c->filters[i].column, &cell));
		*ret = cell.kind == NP_SQL_ADDRESS && sql_address_plain(cell.address) == c->filters[i].address;
	}
	return NULL;
}

np_err *sql_cursor_step(struct sql_cursor *c)
{
	bool passes = false;
	while (!c->eof && !passes) {
		NP_TRY(c->table->step(c));
		c->row++;
		if (!c->eof)
			NP_TRY(filters_pass(c, &passes));
	}
	return NULL;
}

static np_err *cursor_start(struct sql_cursor *c, const struct sql_key_value *key)
{
	if (c->table->needs_heap)
		NP_TRY(sql_need(c->sql, NP_SQL_NEED_GRAPH));
	c->eof = false;
	NP_TRY(c->table->begin(c, key));
	return sql_cursor_step(c);
}

np_err *sql_cursor_all(struct sql_cursor *c)
{
	struct sql_key_value key = {.column = -1};
	return cursor_start(c, &key);
}

static np_err *cursor_begin(struct sql_cursor *c, const char *plan, int argc, sqlite3_value **argv)
{
	struct sql_key_value key = {.column = -1};
	int used = 0;
	if (plan[0] != NO_KEY) {
		key.column = plan[0] - COLUMN_BASE;
		if (used >= argc || !key_take(&c->table->columns[key.column], argv[used++], &key))
			return NULL;
	}
	for (const char *p = plan + 1; *p && used < argc; p++) {
		struct sql_key_value filter = {0};
		int column = *p - COLUMN_BASE;
		if (!key_take(&c->table->columns[column], argv[used++], &filter))
			return NULL;
		c->filters[c->filter_count].column = column;
		c->filters[c->filter_count++].address = filter.address;
	}
	return cursor_start(c, &key);
}

static int module_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc, sqlite3_value **argv)
{
	struct sql_cursor *c = (struct sql_cursor *)base;
	if (c->table->end)
		c->table->end(c);
	memset(c->state, 0, c->table->state_bytes + 1);
	np_arena_reset(c->arena);
	np_arena_reset(c->object_arena);
	c->eof = true;
	c->row = 0;
	c->node = c->end = 0;
	c->k = 0;
	c->filter_count = 0;
	c->order = (enum sql_order)number;
	np_err *err = cursor_begin(c, plan, argc, argv);
	return err ? module_fail(c->sql, base->pVtab, err) : SQLITE_OK;
}

static int module_next(sqlite3_vtab_cursor *base)
{
	struct sql_cursor *c = (struct sql_cursor *)base;
	np_err *err = sql_cursor_step(c);
	return err ? module_fail(c->sql, base->pVtab, err) : SQLITE_OK;
}

static int module_eof(sqlite3_vtab_cursor *base)
{
	return ((struct sql_cursor *)base)->eof;
}

static int module_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int column)
{
	struct sql_cursor *c = (struct sql_cursor *)base;
	struct sql_cell cell = {0};
	np_err *err = c->table->cell(c, column, &cell);
	if (err)
		return module_fail(c->sql, base->pVtab, err);
	sql_cell_give(c->sql, ctx, &cell);
	return SQLITE_OK;
}

static int module_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = ((struct sql_cursor *)base)->row;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.iVersion = 1,
	.xConnect = module_connect,
	.xBestIndex = module_best_index,
	.xDisconnect = module_disconnect,
	.xOpen = module_open,
	.xClose = module_close,
	.xFilter = module_filter,
	.xNext = module_next,
	.xEof = module_eof,
	.xColumn = module_column,
	.xRowid = module_rowid,
};

int sql_module_register(struct np_sql *sql)
{
	for (size_t i = 0; sql_tables[i]; i++) {
		struct module_aux *aux = NP_NEW(sql->arena, struct module_aux);
		*aux = (struct module_aux){sql, sql_tables[i]};
		int rc = sqlite3_create_module_v2(sql->db, sql_tables[i]->name, &module, aux, NULL);
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

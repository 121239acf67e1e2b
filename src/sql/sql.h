/*
 * The heap and the stacks of a target as SQL tables, for SQLite to query.
 *
 *     query --> SQLite (in memory, empty, reading only) --> virtual tables --> graph, readers, stacks
 *
 * A table is a description (columns, which of them find rows without a scan)
 * and a few functions that walk its rows; table.h has both, one file a table.
 * No rows are kept: a cell is computed when the query asks for it, and what is
 * slow to know (what is alive, retained sizes, reverse edges) when the first
 * cell needs it.
 *
 * Queries are not trusted.  They can read the tables and nothing else: no
 * file, no extension, no pragma, no second statement; their memory has a limit
 * and they can be interrupted.
 *
 * What was rejected: tables that are filled before the query runs.  They take
 * ten times the memory of the graph, and most queries ask for little.
 */
#ifndef NP_SQL_SQL_H
#define NP_SQL_SQL_H

#include "heap/classes.h"
#include "heap/dominators.h"
#include "heap/reach.h"
#include "target/target.h"

typedef struct np_sql np_sql;

/* The heap as the caller has computed it so far; the rest is NULL. */
struct np_sql_heap {
	np_graph *graph;
	np_classes *classes;
	const struct np_graph_roots *roots;
	const struct np_reach *reach; /* with parents */
	const struct np_dominators *dominators;
};

enum np_sql_need { NP_SQL_NEED_GRAPH, NP_SQL_NEED_REACH, NP_SQL_NEED_DOMINATORS };

struct np_sql_source {
	np_target *target; /* does not change while it is asked: stopped, copied or dead */
	np_v8 *v8;
	bool redact; /* contents of the target are replaced by length and hash */
	void *ctx;
	/* Fills in graph and classes; roots and reach, too; dominators, too. */
	np_err *(*need)(void *ctx, enum np_sql_need need, struct np_sql_heap *heap);
	bool (*interrupted)(void *ctx); /* asked often; NULL: never */
	void (*progress)(void *ctx, const char *table, uint64_t rows); /* of an export, often; may be NULL */
	/* An export has a file with a name that must go if it ends early (interrupted() is how): see to signals. May be NULL. */
	void (*must_clean)(void *ctx);
};

np_err *np_sql_open(const struct np_sql_source *source, np_sql **ret) NP_MUST;
void np_sql_close(np_sql *sql);

enum np_sql_kind { NP_SQL_NULL, NP_SQL_INTEGER, NP_SQL_REAL, NP_SQL_TEXT, NP_SQL_ADDRESS };

struct np_sql_value {
	enum np_sql_kind kind;
	int64_t integer;
	double real;
	np_addr address;
	const char *text; /* bytes long, until the callback returns; a blob as x'..' */
	size_t bytes;
};

/* Takes an answer; an error ends the query and is its result. */
struct np_sql_reader {
	void *ctx;
	np_err *(*columns)(void *ctx, const char *const *names, size_t count);
	/* *more false: enough rows */
	np_err *(*row)(void *ctx, const struct np_sql_value *values, size_t count, bool *more);
};

/*
 * NP_EUSAGE with SQLite's words for what is wrong with the query, and for more
 * than one statement; NP_ELIMIT when it was interrupted or needs too much memory.
 */
np_err *np_sql_query(np_sql *sql, const char *query, const struct np_sql_reader *reader) NP_MUST;

/*
 * Writes the tables (names with commas between, NULL: all) to a new SQLite file that
 * only its owner can read, with indices on what finds rows in the virtual
 * tables; replaces what was at path once the file is whole.  NP_EUSAGE when that is
 * no plain file.
 */
np_err *np_sql_export(np_sql *sql, const char *path, const char *tables) NP_MUST;

/* --- the schema, for people --- */

struct np_sql_column_info {
	const char *name, *type, *about;
};
size_t np_sql_table_count(void);
/* Name and purpose of a table, and how many columns it has. */
const char *np_sql_table(size_t i, const char **ret_about, size_t *ret_columns);
struct np_sql_column_info np_sql_column(size_t table, size_t column);

#endif

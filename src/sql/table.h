/* What the files of the sql layer share: tables, their rows, their cells. */
#ifndef NP_SQL_TABLE_H
#define NP_SQL_TABLE_H

#include <sqlite3.h>

#include "base/buf.h"
#include "sql/sql.h"

enum sql_type { SQL_INTEGER, SQL_REAL, SQL_TEXT, SQL_ADDRESS, SQL_BOOL, SQL_ANY };

enum sql_key {
	SQL_KEY_NONE,
	SQL_KEY_UNIQUE, /* a value has one row at most */
	SQL_KEY_FEW,	/* a value has a few rows, found directly */
	SQL_KEY_SOME,	/* a value narrows the scan */
};

struct sql_column {
	const char *name;
	enum sql_type type;
	enum sql_key key; /* `column = value` is looked up and not scanned for */
	const char *about;
	bool is_grouped; /* a walk over all rows has equal values side by side */
};

/* A cell.  Text and what it leads to live until the cursor moves, or (lasts) as long as the tables. */
struct sql_cell {
	enum np_sql_kind kind;
	bool lasts;
	bool is_content; /* of the target's strings: what --redact hides */
	int64_t integer;
	double real;
	np_addr address;
	const char *text;
	size_t bytes;
};

/* The constraint that a scan is about. */
struct sql_key_value {
	int column; /* -1: none, every row */
	enum np_sql_kind kind;
	int64_t integer;
	np_addr address;  /* kind ADDRESS: untagged */
	const char *text; /* until begin() returns */
};

enum sql_order { SQL_ORDER_ANY, SQL_ORDER_UP, SQL_ORDER_DOWN };

struct sql_cursor {
	sqlite3_vtab_cursor base;
	struct np_sql *sql;
	const struct sql_table *table;
	bool eof;
	enum sql_order order; /* that rows come in, of table->order_column */
	int64_t row;
	np_vertex node, end;  /* for walks over nodes */
	uint32_t k;
	np_arena *arena;      /* the current row's; tables reset it as they move */
	np_arena *object_arena; /* for what several rows share; tables reset it */
	void *state;	      /* table->state_bytes, zeroed by begin()'s caller */
	/* equal addresses that were not the key: column and untagged value */
	struct {
		int column;
		np_addr address;
	} filters[4];
	int filter_count;
};

struct sql_table {
	const char *name, *about;
	const struct sql_column *columns;
	size_t column_count;
	size_t state_bytes;
	bool needs_heap;
	int order_column; /* rows can be walked in this column's order; 0: none (column 0 never is) */
	double (*rows)(const struct np_sql *sql); /* about how many, for the planner */
	/* Goes before the first row; step() follows. */
	np_err *(*begin)(struct sql_cursor *c, const struct sql_key_value *key);
	/* To the next row, or sets eof. */
	np_err *(*step)(struct sql_cursor *c);
	np_err *(*cell)(struct sql_cursor *c, int column, struct sql_cell *ret);
	void (*end)(struct sql_cursor *c); /* NULL: nothing to free in state */
};

enum { SQL_CLASSES_SEEN = 1024 };

struct np_sql {
	sqlite3 *db;
	struct np_sql_source source;
	struct np_sql_heap heap;
	np_err *failure;   /* the first of a callback's: better words than SQLite has */
	np_arena *arena;   /* as long as the tables */
	sqlite3_int64 old_limit;
	/* Computed when first asked for; NULL until then. */
	uint32_t *class_nodes;		 /* objects by the name of their class */
	uint32_t *class_rows, *class_ids; /* of the classes, in order of names: first of class_nodes, number */
	uint32_t class_count;
	uint32_t *distances;
	struct {
		np_vertex node; /* + 1; 0: free */
		uint32_t class_id;
	} classes_seen[SQL_CLASSES_SEEN];
	const char **shape_texts; /* by group */
	size_t shape_text_count;
	struct sql_closure_counts *closures;
	struct sql_edge_names *edge_names;
	np_vertex *externals; /* external memory by address */
	struct np_handles *handles;
	struct np_stack *stacks;
	size_t stack_count;
	bool has_stacks;
};

extern const struct sql_table *const sql_tables[]; /* ends with NULL */
/* Number of a column that the table has. */
int sql_column_number(const struct sql_table *table, const char *name);

/* --- cells --- */
static inline void sql_cell_integer(struct sql_cell *cell, int64_t v)
{
	*cell = (struct sql_cell){.kind = NP_SQL_INTEGER, .integer = v};
}
static inline void sql_cell_real(struct sql_cell *cell, double v)
{
	*cell = (struct sql_cell){.kind = NP_SQL_REAL, .real = v};
}
/* 0 is NULL. */
static inline void sql_cell_address(struct sql_cell *cell, np_addr v)
{
	*cell = (struct sql_cell){.kind = v ? NP_SQL_ADDRESS : NP_SQL_NULL, .address = v};
}
/* The address of a node, as people write it: tagged, if it is an object. */
void sql_cell_node(const struct np_sql *sql, struct sql_cell *cell, np_vertex node);
/* NULL is NULL. */
void sql_cell_text(struct sql_cell *cell, const char *text);
void sql_cell_lasting(struct sql_cell *cell, const char *text);
void sql_cell_give(const struct np_sql *sql, sqlite3_context *ctx, const struct sql_cell *cell);
/* Content as --redact shows it. */
void sql_redact(struct np_buf *buf, const char *text, size_t bytes);
/* "0x1f": at least 19 bytes of room; returns the length. */
size_t sql_address_text(np_addr address, char *ret);
/* A number, or a text in hexadecimal or decimal; false when it is neither. */
bool sql_address_parse(const char *text, np_addr *ret);
/* An address or number as a key of SQL_ADDRESS columns: untagged. */
static inline np_addr sql_address_plain(np_addr address)
{
	return address & ~(np_addr)3;
}

/* A JavaScript value in three columns. */
struct sql_js_value {
	const char *type; /* as in the JSON contract */
	struct sql_cell cell;
	np_addr target; /* tagged; 0: not a heap object */
};
void sql_js_value_of(struct np_sql *sql, np_tagged word, np_arena *arena, struct sql_js_value *ret);
/* Type and target alone of a value whose text takes time: a string; false for any other. */
bool sql_js_value_sketch(struct np_sql *sql, np_tagged word, struct sql_js_value *ret);
void sql_js_number(double number, struct sql_js_value *ret);
/* Cell number `part` of a value: 0 type, 1 value, 2 target. */
void sql_js_cell(const struct sql_js_value *value, int part, struct sql_cell *ret);

/* --- what tables ask for --- */
np_err *sql_need(struct np_sql *sql, enum np_sql_need need) NP_MUST;
/* The node at an address: an object's start, or external memory; NP_VERTEX_NONE. */
np_vertex sql_node_at(struct np_sql *sql, np_addr address);
enum np_kind sql_kind_of(const struct np_sql *sql, np_vertex node);
void sql_class_index(struct np_sql *sql);
/* Range of class_nodes of a class; false: there is none of that name. */
bool sql_class_range(struct np_sql *sql, const char *name, uint32_t *first, uint32_t *end);
const char *sql_shape_text(struct np_sql *sql, np_vertex node);
/* Name of the class, which lasts. */
const char *sql_class_name(struct np_sql *sql, np_vertex node);
/* References from a root to the node: 1 where a root holds it; 0: not alive. */
uint32_t sql_distance(struct np_sql *sql, np_vertex node);
void sql_index_deinit(struct np_sql *sql);

/* For walks over all nodes, or the one of an `id` or address key. */
void sql_walk_begin(struct sql_cursor *c, const struct sql_key_value *key, np_vertex count);

void sql_edge_names_destroy(struct sql_edge_names *names);
void sql_closures_destroy(struct sql_closure_counts *counts);

/* --- module.c, functions.c --- */
/* A walk over all rows without SQLite; cells are the table's cell(). */
struct sql_cursor *sql_cursor_create(struct np_sql *sql, const struct sql_table *table);
void sql_cursor_destroy(struct sql_cursor *c);
/* To the first row, to the next one: then eof tells. */
np_err *sql_cursor_all(struct sql_cursor *c) NP_MUST;
np_err *sql_cursor_step(struct sql_cursor *c) NP_MUST;
int sql_module_register(struct np_sql *sql);
int sql_functions_register(sqlite3 *db);

#endif

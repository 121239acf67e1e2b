/* nopsy sql: the heap and the stacks as tables. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "cmd/args.h"
#include "cmd/heap_view.h"
#include "cmd/session.h"
#include "out/rows.h"
#include "sql/sql.h"

enum { ROWS_DEFAULT = 1000, CELLS_MAX = 20 << 20 };

static const struct np_option options[] = {
	{"schema", 0, NP_OPT_FLAG, NULL, NULL, "the tables and their columns, with what they mean"},
	{"tables", 't', NP_OPT_STRING, "A,B,...", NULL, "with -o FILE.sqlite: only these tables (all)"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N rows (1000 as text, else all)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy sql core.4242 \"select class, count(*), sum(self_bytes) from objects where is_live group by 1 order by 3 desc\"",
	 "the census"},
	{"nopsy sql core.4242 \"select holder, owner, kind, name from edges where target = '0x2f31d9c1'\"", "who holds an object"},
	{"nopsy sql core.4242 \"select type, function, due_ms from handles\"", "what keeps the loop alive"},
	{"nopsy sql core.4242 -o heap.sqlite", "every table as a file for other SQLite tools"},
	{"nopsy sql core.4242 -o heap.sqlite --tables objects,strings", "the small ones only: edges are many"},
	{"nopsy sql core.4242 --schema", "which tables there are"},
	{0},
};

/* --- the heap, when a query needs it --- */

struct query {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct timespec start;
	time_t shown;
	/* the answer */
	uint64_t limit;
	np_node *rows;
	const struct np_shape *shape;
	const char **names, **keys; /* of columns, as SQLite calls them, and each once */
	size_t column_count, row_count;
	bool is_cut;
	bool has_guards;
	struct sigaction before_term, before_hup;
	np_rows *stream; /* JSON that is written as it comes; NULL: rows */
};

static np_err *need(void *ctx, enum np_sql_need what, struct np_sql_heap *heap)
{
	struct query *q = ctx;
	NP_TRY(np_heap_view_get(q->inv, &q->view));
	if (what >= NP_SQL_NEED_REACH)
		NP_TRY(np_heap_view_need_reach(q->inv, q->view));
	if (what >= NP_SQL_NEED_DOMINATORS)
		NP_TRY(np_heap_view_need_dominators(q->inv, q->view));
	heap->graph = q->view->graph;
	heap->classes = q->view->classes;
	heap->roots = q->view->has_reach ? &q->view->roots : NULL;
	heap->reach = q->view->has_reach ? &q->view->reach : NULL;
	heap->dominators = q->view->has_dominators ? &q->view->dominators : NULL;
	return NULL;
}

/* --- Control-C ends the query, not the shell that it runs in --- */

static volatile sig_atomic_t is_interrupted;

static void on_signal(int signal_number)
{
	is_interrupted = 1;
}

/* A half-written file with a name must go, so these end an export, too, before they end nopsy. */
static void must_clean(void *ctx)
{
	struct query *q = ctx;
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	q->has_guards = true;
	sigaction(SIGTERM, &action, &q->before_term);
	sigaction(SIGHUP, &action, &q->before_hup);
}

static void guards_end(struct query *q)
{
	if (!q->has_guards)
		return;
	sigaction(SIGTERM, &q->before_term, NULL);
	sigaction(SIGHUP, &q->before_hup, NULL);
	q->has_guards = false;
}

static bool interrupted(void *ctx)
{
	return is_interrupted != 0;
}

static void progress(void *ctx, const char *table, uint64_t rows)
{
	struct query *q = ctx;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec <= q->start.tv_sec || now.tv_sec == q->shown || !isatty(STDERR_FILENO) || np_log_level == NP_LOG_QUIET)
		return;
	q->shown = now.tv_sec;
	fprintf(stderr, "\r\033[K%s: %llu rows", table, (unsigned long long)rows);
	fflush(stderr);
}

/* --- the answer --- */

static const struct np_shape answer_shape = {.name = "sql", .style = NP_STYLE_LINE, .children = "rows,more", .indent = -1};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and more rows; --limit N shows more than {limit:num}"};

/* Names of columns as keys: each once. */
static const char *unique_name(struct query *q, size_t i, const char *name)
{
	const char *candidate = name;
	for (size_t n = 1;; n++) {
		size_t k = 0;
		while (k < i && strcmp(q->keys[k], candidate) != 0)
			k++;
		if (k == i)
			return np_arena_strdup(q->inv->arena, candidate);
		candidate = np_arena_printf(q->inv->arena, "%s:%zu", name, n);
	}
}

static np_err *take_columns(void *ctx, const char *const *names, size_t count)
{
	struct query *q = ctx;
	np_arena *arena = q->inv->arena;
	q->names = NP_NEW_ARRAY(arena, const char *, count);
	q->keys = NP_NEW_ARRAY(arena, const char *, count);
	q->column_count = count;
	for (size_t i = 0; i < count; i++) {
		q->names[i] = np_arena_strdup(arena, names[i] ? names[i] : "");
		q->keys[i] = unique_name(q, i, q->names[i]);
	}
	if (q->inv->globals->json && !q->inv->in_shell) {
		q->stream = np_rows_begin(q->inv->out ? q->inv->out : stdout, q->names, count);
		return NULL;
	}
	struct np_shape *shape = NP_NEW(arena, struct np_shape);
	*shape = (struct np_shape){.name = "row", .style = NP_STYLE_TABLE, .empty = "no rows"};
	q->rows = np_list(arena, shape);
	return NULL;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcmp(s + n - m, end) == 0;
}

static void set_cell(np_node *row, const char *key, const struct np_sql_value *v)
{
	switch (v->kind) {
	case NP_SQL_NULL:
		np_set_null(row, key);
		break;
	case NP_SQL_INTEGER:
		if (v->integer >= 0 && ends_with(key, "_bytes"))
			np_set_bytes(row, key, (uint64_t)v->integer);
		else
			np_set_int(row, key, v->integer);
		break;
	case NP_SQL_REAL:
		np_set_double(row, key, v->real);
		break;
	case NP_SQL_TEXT:
		np_set_strn(row, key, v->text, v->bytes);
		break;
	case NP_SQL_ADDRESS:
		np_set_addr(row, key, v->address);
		break;
	}
}

static void stream_cell(np_rows *rows, const struct np_sql_value *v)
{
	switch (v->kind) {
	case NP_SQL_NULL:
		np_rows_null(rows);
		break;
	case NP_SQL_INTEGER:
		np_rows_int(rows, v->integer);
		break;
	case NP_SQL_REAL:
		np_rows_double(rows, v->real);
		break;
	case NP_SQL_TEXT:
		np_rows_strn(rows, v->text, v->bytes);
		break;
	case NP_SQL_ADDRESS:
		np_rows_addr(rows, v->address);
		break;
	}
}

static np_err *take_row(void *ctx, const struct np_sql_value *values, size_t count, bool *more)
{
	struct query *q = ctx;
	if (q->row_count >= q->limit) {
		q->is_cut = true;
		*more = false;
		return NULL;
	}
	q->row_count++;
	if (q->stream) {
		*more = np_rows_next(q->stream);
		for (size_t i = 0; i < count; i++)
			stream_cell(q->stream, &values[i]);
		return NULL;
	}
	if (q->row_count * count > CELLS_MAX)
		return np_err_new(NP_ELIMIT, "more than %d cells are too many for a table as text: --json writes them as they come",
				  (int)CELLS_MAX);
	np_node *row = np_obj(q->inv->arena, NULL);
	for (size_t i = 0; i < count; i++)
		set_cell(row, q->keys[i], &values[i]);
	np_add(q->rows, row);
	return NULL;
}

/* In a shell, JSON is a tree like every answer: a pipe may want its addresses. */
static np_node *rows_as_lists(struct query *q)
{
	np_node *lists = np_list(q->inv->arena, NULL);
	for (size_t i = 0; i < np_node_len(q->rows); i++) {
		np_node *list = np_list(q->inv->arena, NULL), *row = np_node_at(q->rows, i), *cell;
		const char *key;
		for (size_t k = 0; (cell = np_node_field(row, k, &key)); k++)
			np_add(list, cell);
		np_add(lists, list);
	}
	return lists;
}

static np_err *answer(struct query *q)
{
	np_arena *arena = q->inv->arena;
	if (q->stream) {
		np_rows_end(q->stream);
		return NULL;
	}
	q->inv->result = np_obj(arena, &answer_shape);
	np_node *columns = np_list(arena, NULL);
	for (size_t i = 0; i < q->column_count; i++)
		np_add_str(columns, q->names[i]);
	np_set_node(q->inv->result, "columns", columns);
	np_set_node(q->inv->result, "rows", q->inv->globals->json ? rows_as_lists(q) : q->rows);
	if (q->is_cut) {
		np_node *more = np_obj(arena, &more_shape);
		np_set_uint(more, "limit", q->limit);
		np_set_node(q->inv->result, "more", more);
	}
	return NULL;
}

/* --- the schema --- */

static void answer_schema(struct np_invocation *inv)
{
	static const struct np_shape column_shape = {
		.name = "column", .style = NP_STYLE_TABLE, .columns = "name:Column:name,type:Type:dim,description:Meaning"};
	static const struct np_shape table_shape = {
		.name = "table", .style = NP_STYLE_LINE, .line = "{name:keyword}: {description}", .children = "columns"};
	static const struct np_shape shape = {.name = "schema", .style = NP_STYLE_LINE, .children = "tables", .indent = -1};
	np_node *tables = np_list(inv->arena, &table_shape);
	for (size_t i = 0; i < np_sql_table_count(); i++) {
		const char *about;
		size_t columns;
		np_node *table = np_obj(inv->arena, &table_shape), *list = np_list(inv->arena, &column_shape);
		np_set_str(table, "name", np_sql_table(i, &about, &columns));
		np_set_str(table, "description", about);
		for (size_t k = 0; k < columns; k++) {
			struct np_sql_column_info c = np_sql_column(i, k);
			np_node *n = np_obj(inv->arena, &column_shape);
			np_set_str(n, "name", c.name);
			np_set_str(n, "type", c.type);
			np_set_str(n, "description", c.about);
			np_add(list, n);
		}
		np_set_node(table, "columns", list);
		np_add(tables, table);
	}
	inv->result = np_obj(inv->arena, &shape);
	np_set_node(inv->result, "tables", tables);
}

/* --- the command --- */

/* A query that SQLite does not understand: say what there is to ask for. */
static np_err *with_tables(np_err *err)
{
	struct np_buf text = {0};
	if (!err || np_err_code(err) != NP_EUSAGE)
		return err;
	np_buf_printf(&text, "%s (the tables are ", np_err_message(err));
	for (size_t i = 0; i < np_sql_table_count(); i++) {
		const char *about;
		size_t columns;
		np_buf_printf(&text, "%s%s", i ? ", " : "", np_sql_table(i, &about, &columns));
	}
	np_buf_puts(&text, "; --schema shows their columns)");
	np_err_free(err);
	err = np_err_new(NP_EUSAGE, "%s", text.data);
	np_buf_deinit(&text);
	return err;
}

static np_err *run_query(struct query *q, np_sql *sql)
{
	struct np_sql_reader reader = {.ctx = q, .columns = take_columns, .row = take_row};
	np_err *err = np_sql_query(sql, q->inv->args[0], &reader);
	if (err) {
		np_rows_drop(q->stream);
		return with_tables(err);
	}
	return answer(q);
}

static np_err *run_export(struct query *q, np_sql *sql)
{
	np_err *err = np_sql_export(sql, q->inv->globals->output, np_opt_str(q->inv, "tables"));
	guards_end(q);
	if (q->shown)
		fputs("\r\033[K", stderr);
	return with_tables(err);
}

static bool is_database_name(const char *path)
{
	return ends_with(path, ".sqlite") || ends_with(path, ".sqlite3") || ends_with(path, ".db");
}

static np_err *check(struct np_invocation *inv)
{
	const char *output = inv->globals->output;
	struct stat st;
	int64_t limit;
	if (np_opt_int(inv, "limit", &limit) && limit < 0)
		return np_err_new(NP_EUSAGE, "--limit is a number of rows");
	if (np_opt_flag(inv, "schema"))
		return NULL;
	if (np_opt_str(inv, "tables") && (inv->arg_count || !output))
		return np_err_new(NP_EUSAGE, "--tables says which tables -o FILE.sqlite writes");
	if (inv->arg_count) {
		if (output && is_database_name(output) && !inv->globals->json)
			return np_err_new(NP_EUSAGE, "the answer to a query is text or JSON, no database: without a query, -o %s "
					  "writes all tables", output);
		return NULL;
	}
	if (!output)
		return np_err_new(NP_EUSAGE, "a query, or -o FILE.sqlite, or --schema");
	if (strcmp(output, "-") == 0 || (stat(output, &st) == 0 && !S_ISREG(st.st_mode)))
		return np_err_new(NP_EUSAGE, "a database needs a plain file, which %s is not", output);
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct query q = {.inv = inv, .limit = inv->globals->json ? UINT64_MAX : ROWS_DEFAULT};
	struct np_sql_source source = {.target = inv->session->target, .v8 = inv->session->v8,
				       .redact = inv->globals->redact, .ctx = &q, .need = need,
				       .interrupted = interrupted, .progress = progress,
				       .must_clean = must_clean};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
	np_sql *sql;
	int64_t limit;
	NP_TRY(check(inv));
	if (np_opt_flag(inv, "schema")) {
		answer_schema(inv);
		return NULL;
	}
	if (np_opt_int(inv, "limit", &limit))
		q.limit = (uint64_t)limit;
	NP_TRY(np_sql_open(&source, &sql));
	clock_gettime(CLOCK_MONOTONIC, &q.start);
	is_interrupted = 0;
	sigaction(SIGINT, &action, &before);
	np_err *err = inv->arg_count ? run_query(&q, sql) : run_export(&q, sql);
	sigaction(SIGINT, &before, NULL);
	np_sql_close(sql);
	return err;
}

/* Without a query --output names a database. */
static bool owns_output(const struct np_args *args)
{
	struct np_invocation asked = {.command = args->command, .options = args->options};
	return !args->arg_count && !np_opt_flag(&asked, "schema");
}

const struct np_command np_cmd_sql = {
	.name = "sql",
	.group = "Look at one moment",
	.arguments = "QUERY",
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "the heap and the stacks as SQL tables; a query, or all of them as a file",
	.help = "QUERY is one SELECT in SQLite's SQL over the tables that --schema shows: objects, edges, properties,\n"
		"strings, functions, closures, contexts, scripts, roots, handles, threads, frames and frame_variables.\n"
		"Nothing is computed that the query does not ask for: retained sizes cost time only where retained_bytes\n"
		"is named.\n\n"
		"Addresses are texts, '0x2f31d9c1', and join tables: edges.target with objects.address. In a comparison\n"
		"with = a number does, too. text REGEXP 'pattern' takes extended regular expressions.\n\n"
		"Without QUERY, -o FILE.sqlite writes all tables to a file that any SQLite tool opens; what\n"
		"`nopsy sql` answers, it answers there. The file is its owner's alone (mode 0600) and gets its name when it\n"
		"is whole; one that was there is replaced. Queries cannot write, read files or load extensions.\n\n"
		"Objects that are garbage are in the tables: `where is_live` leaves them out.",
	.options = options,
	.examples = examples,
	.run = run,
	.owns_output = owns_output,
};

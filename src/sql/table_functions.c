/* functions, closures, scripts: the program's code. */
#include <stdlib.h>

#include "sql/tables.h"
#include "v8/cache.h"
#include "v8/function.h"
#include "v8/script.h"

/* --- closures of each function --- */

struct closure_count {
	uint64_t count, live;
	np_vertex example;
	bool has_live;
};

struct sql_closure_counts {
	struct np_addr_map by_shared; /* struct closure_count */
};

void sql_closures_destroy(struct sql_closure_counts *counts)
{
	if (!counts)
		return;
	np_addr_map_deinit(&counts->by_shared);
	free(counts);
}

static void closures_count(struct np_sql *sql)
{
	np_vertex n = np_graph_object_count(sql->heap.graph);
	if (sql->closures)
		return;
	sql->closures = np_xcalloc(1, sizeof(*sql->closures));
	for (np_vertex node = 0; node < n; node++) {
		np_addr shared;
		if (sql_kind_of(sql, node) != NP_KIND_JS_FUNCTION ||
		    !np_function_shared(sql->source.v8, np_graph_address(sql->heap.graph, node), &shared) || !shared)
			continue;
		struct closure_count *count = np_addr_map_get(&sql->closures->by_shared, shared);
		if (!count) {
			count = NP_NEW(sql->arena, struct closure_count);
			np_addr_map_put(&sql->closures->by_shared, shared, count);
			count->example = node;
		}
		bool live = np_reach_has(sql->heap.reach, node);
		if (live && !count->live)
			count->example = node;
		count->count++;
		count->live += live;
	}
}

/* --- functions --- */

enum { F_ID, F_ADDRESS, F_NAME, F_SCRIPT, F_LINE, F_COLUMN, F_COUNT, F_LIVE_COUNT, F_EXAMPLE, F_IS_BUILTIN };

static const struct sql_column function_columns[] = {
	[F_ID] = {"id", SQL_INTEGER, SQL_KEY_UNIQUE, "objects.id of the SharedFunctionInfo"},
	[F_ADDRESS] = {"address", SQL_ADDRESS, SQL_KEY_UNIQUE, "of the SharedFunctionInfo"},
	[F_NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "its name; empty: anonymous"},
	[F_SCRIPT] = {"script", SQL_TEXT, SQL_KEY_NONE, "scripts.name; NULL: V8's own, or evaluated"},
	[F_LINE] = {"line", SQL_INTEGER, SQL_KEY_NONE, "where it begins, from 1"},
	[F_COLUMN] = {"column", SQL_INTEGER, SQL_KEY_NONE, "from 1"},
	[F_COUNT] = {"count", SQL_INTEGER, SQL_KEY_NONE, "closures of it in the heap, garbage included"},
	[F_LIVE_COUNT] = {"live_count", SQL_INTEGER, SQL_KEY_NONE, "closures that are alive"},
	[F_EXAMPLE] = {"example", SQL_ADDRESS, SQL_KEY_NONE, "a closure, a live one if there is one"},
	[F_IS_BUILTIN] = {"is_builtin", SQL_BOOL, SQL_KEY_NONE, "1: V8's own, without a script"},
};

struct function_state {
	np_vertex at;
	bool has_shared, is_readable;
	struct np_shared shared;
};

static double function_rows(const struct np_sql *sql)
{
	return sql->heap.graph ? np_graph_node_count(sql->heap.graph) / 100.0 : 1e4;
}

static np_err *function_begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	sql_walk_begin(c, key, np_graph_object_count(c->sql->heap.graph));
	((struct function_state *)c->state)->at = c->node;
	return NULL;
}

static np_err *function_step(struct sql_cursor *c)
{
	struct function_state *s = c->state;
	np_arena_reset(c->arena);
	s->has_shared = false;
	while (s->at < c->end && sql_kind_of(c->sql, s->at) != NP_KIND_SHARED_FUNCTION_INFO)
		s->at++;
	c->eof = s->at >= c->end;
	c->node = s->at++;
	return NULL;
}

static void function_text_cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct function_state *s = c->state;
	np_v8 *v8 = c->sql->source.v8;
	const struct np_script *script;
	int line = 0, at = 0;
	if (!s->has_shared) {
		s->has_shared = true;
		s->is_readable = !np_err_drop(
			np_shared_load(v8, np_graph_address(c->sql->heap.graph, c->node), c->arena, &s->shared));
	}
	if (!s->is_readable)
		return;
	if (column == F_NAME) {
		sql_cell_text(ret, np_shared_debug_name(v8, &s->shared, c->arena));
		return;
	}
	if (!s->shared.script || np_err_drop(np_script_load(v8, s->shared.script, &script)))
		return;
	if (column == F_SCRIPT)
		sql_cell_text(ret, script->name);
	else if (np_script_line_column(script, s->shared.start, &line, &at))
		sql_cell_integer(ret, column == F_LINE ? line : at);
}

static np_err *function_cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct np_sql *sql = c->sql;
	np_addr at = np_graph_address(sql->heap.graph, c->node);
	switch (column) {
	case F_ID:
		sql_cell_integer(ret, c->node);
		return NULL;
	case F_ADDRESS:
		sql_cell_node(sql, ret, c->node);
		return NULL;
	case F_IS_BUILTIN:
		sql_cell_integer(ret, np_shared_is_builtin(sql->source.v8, at));
		return NULL;
	case F_COUNT:
	case F_LIVE_COUNT:
	case F_EXAMPLE:
		break;
	default:
		function_text_cell(c, column, ret);
		return NULL;
	}
	NP_TRY(sql_need(sql, NP_SQL_NEED_REACH));
	closures_count(sql);
	const struct closure_count *count = np_addr_map_get(&sql->closures->by_shared, at);
	if (column == F_EXAMPLE)
		sql_cell_node(sql, ret, count ? count->example : NP_VERTEX_NONE);
	else
		sql_cell_integer(ret, !count ? 0 : (int64_t)(column == F_COUNT ? count->count : count->live));
	return NULL;
}

const struct sql_table sql_table_functions = {
	.name = "functions",
	.about = "every function of the program (SharedFunctionInfo), with the number of its closures",
	.columns = function_columns,
	.column_count = NP_ARRAY_LEN(function_columns),
	.state_bytes = sizeof(struct function_state),
	.needs_heap = true,
	.rows = function_rows,
	.begin = function_begin,
	.step = function_step,
	.cell = function_cell,
};

/* --- closures --- */

enum { C_ID, C_ADDRESS, C_FUNCTION, C_NAME, C_CONTEXT };

static const struct sql_column closure_columns[] = {
	[C_ID] = {"id", SQL_INTEGER, SQL_KEY_UNIQUE, "objects.id"},
	[C_ADDRESS] = {"address", SQL_ADDRESS, SQL_KEY_UNIQUE, "objects.address"},
	[C_FUNCTION] = {"function", SQL_ADDRESS, SQL_KEY_FEW, "functions.address"},
	[C_NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "its own name, else the function's; empty: anonymous"},
	[C_CONTEXT] = {"context", SQL_ADDRESS, SQL_KEY_NONE, "contexts.address: the variables that it captures"},
};

struct closure_state {
	bool by_function;
	np_addr shared;
	struct np_edges back;
	uint32_t at;
	np_vertex last;
};

static double closure_rows(const struct np_sql *sql)
{
	return sql->heap.graph ? np_graph_node_count(sql->heap.graph) / 20.0 : 5e4;
}

static np_err *closure_begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct closure_state *s = c->state;
	struct sql_key_value all = {.column = -1};
	sql_walk_begin(c, key->column == C_FUNCTION ? &all : key, np_graph_object_count(c->sql->heap.graph));
	s->at = c->node;
	s->last = NP_VERTEX_NONE;
	if (key->column != C_FUNCTION)
		return NULL;
	np_vertex function = sql_node_at(c->sql, key->address);
	s->by_function = true;
	s->at = 0;
	if (function == NP_VERTEX_NONE)
		return NULL;
	s->shared = np_graph_address(c->sql->heap.graph, function);
	s->back = np_graph_referrers(c->sql->heap.graph, function);
	return NULL;
}

static bool closure_is(struct sql_cursor *c, np_vertex node)
{
	struct closure_state *s = c->state;
	np_addr shared;
	if (sql_kind_of(c->sql, node) != NP_KIND_JS_FUNCTION)
		return false;
	return !s->by_function ||
	       (np_function_shared(c->sql->source.v8, np_graph_address(c->sql->heap.graph, node), &shared) &&
		shared == s->shared);
}

static np_err *closure_step(struct sql_cursor *c)
{
	struct closure_state *s = c->state;
	np_arena_reset(c->arena);
	uint32_t end = s->by_function ? s->back.count : c->end;
	while (s->at < end) {
		np_vertex node = s->by_function ? np_edge_target(s->back.targets[s->at]) : s->at;
		s->at++;
		if (node != s->last && closure_is(c, node)) {
			c->node = s->last = node;
			return NULL;
		}
	}
	c->eof = true;
	return NULL;
}

static np_err *closure_cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	np_v8 *v8 = c->sql->source.v8;
	np_addr at = np_graph_address(c->sql->heap.graph, c->node), shared;
	np_tagged context;
	switch (column) {
	case C_ID:
		sql_cell_integer(ret, c->node);
		break;
	case C_ADDRESS:
		sql_cell_node(c->sql, ret, c->node);
		break;
	case C_FUNCTION:
		if (np_function_shared(v8, at, &shared) && shared)
			sql_cell_address(ret, shared | 1);
		break;
	case C_NAME:
		sql_cell_text(ret, np_function_name(v8, at, c->arena));
		break;
	case C_CONTEXT:
		if (np_field(v8, at, NP_F_JSFunction_context, &context) && np_is_ref(context))
			sql_cell_address(ret, np_ref(context) | 1);
		break;
	}
	return NULL;
}

const struct sql_table sql_table_closures = {
	.name = "closures",
	.about = "every function object (JSFunction)",
	.columns = closure_columns,
	.column_count = NP_ARRAY_LEN(closure_columns),
	.state_bytes = sizeof(struct closure_state),
	.needs_heap = true,
	.rows = closure_rows,
	.begin = closure_begin,
	.step = closure_step,
	.cell = closure_cell,
};

/* --- scripts --- */

enum { S_ID, S_ADDRESS, S_NAME, S_LINES, S_LENGTH, S_SOURCE };

static const struct sql_column script_columns[] = {
	[S_ID] = {"id", SQL_INTEGER, SQL_KEY_NONE, "V8's number of the script"},
	[S_ADDRESS] = {"address", SQL_ADDRESS, SQL_KEY_UNIQUE, "objects.address"},
	[S_NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "file name or URL; NULL: evaluated"},
	[S_LINES] = {"lines", SQL_INTEGER, SQL_KEY_NONE, "of its source; NULL: the source is not readable"},
	[S_LENGTH] = {"length", SQL_INTEGER, SQL_KEY_NONE, "of its source in UTF-16 units"},
	[S_SOURCE] = {"source", SQL_TEXT, SQL_KEY_NONE, "the source"},
};

static np_err *script_step(struct sql_cursor *c)
{
	np_arena_reset(c->arena);
	while (c->k < c->end && sql_kind_of(c->sql, c->k) != NP_KIND_SCRIPT)
		c->k++;
	c->eof = c->k >= c->end;
	c->node = c->k++;
	return NULL;
}

static np_err *script_begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	sql_walk_begin(c, key, np_graph_object_count(c->sql->heap.graph));
	c->k = c->node;
	return NULL;
}

static np_err *script_cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	const struct np_script *script;
	size_t bytes;
	if (column == S_ADDRESS) {
		sql_cell_node(c->sql, ret, c->node);
		return NULL;
	}
	if (np_err_drop(np_script_load(c->sql->source.v8, np_graph_address(c->sql->heap.graph, c->node), &script)))
		return NULL;
	switch (column) {
	case S_ID:
		if (script->id >= 0)
			sql_cell_integer(ret, script->id);
		break;
	case S_NAME:
		sql_cell_text(ret, script->name);
		break;
	case S_LINES:
		if (script->has_text)
			sql_cell_integer(ret, (int64_t)script->line_count);
		break;
	case S_LENGTH:
		if (script->has_text)
			sql_cell_integer(ret, (int64_t)script->text.full_len);
		break;
	case S_SOURCE:
		if (!script->has_text)
			break;
		sql_cell_text(ret, np_chars_utf8_len(&script->text, c->arena, &bytes));
		ret->bytes = bytes;
		ret->is_content = true;
		break;
	}
	return NULL;
}

static double script_rows(const struct np_sql *sql)
{
	return 1000;
}

const struct sql_table sql_table_scripts = {
	.name = "scripts",
	.about = "every script, Node's own included",
	.columns = script_columns,
	.column_count = NP_ARRAY_LEN(script_columns),
	.needs_heap = true,
	.rows = script_rows,
	.begin = script_begin,
	.step = script_step,
	.cell = script_cell,
};

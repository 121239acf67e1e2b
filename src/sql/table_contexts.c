/* contexts: the variables that closures capture, a row each. */
#include "sql/tables.h"
#include "v8/context.h"
#include "v8/string.h"

enum { ADDRESS, KIND, FUNCTION, PREVIOUS, VARIABLE, VALUE_TYPE, VALUE, TARGET };

static const struct sql_column columns[] = {
	[ADDRESS] = {"address", SQL_ADDRESS, SQL_KEY_FEW, "objects.address of the context", .is_grouped = true},
	[KIND] = {"kind", SQL_TEXT, SQL_KEY_NONE, "function, block, module, script, catch, eval, class, with, native"},
	[FUNCTION] = {"function", SQL_TEXT, SQL_KEY_NONE, "name of the function whose scope it is; NULL: none, or not known"},
	[PREVIOUS] = {"previous", SQL_ADDRESS, SQL_KEY_NONE, "the context around it"},
	[VARIABLE] = {"variable", SQL_TEXT, SQL_KEY_NONE, "name; NULL: the context has no variables"},
	[VALUE_TYPE] = {"value_type", SQL_TEXT, SQL_KEY_NONE, "as in properties"},
	[VALUE] = {"value", SQL_ANY, SQL_KEY_NONE, "as in properties"},
	[TARGET] = {"target", SQL_ADDRESS, SQL_KEY_NONE, "the value's address, where it is in the heap"},
};

struct state {
	np_vertex next;
	struct np_context context;
	size_t at; /* variable */
	bool is_open, has_value;
	struct sql_js_value value;
};

static double rows(const struct np_sql *sql)
{
	return sql->heap.graph ? np_graph_node_count(sql->heap.graph) / 20.0 : 5e4;
}

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct state *s = c->state;
	sql_walk_begin(c, key, np_graph_object_count(c->sql->heap.graph));
	s->next = c->node;
	return NULL;
}

static np_err *step(struct sql_cursor *c)
{
	struct state *s = c->state;
	s->has_value = false;
	if (s->is_open && s->at + 1 < s->context.variable_count) {
		s->at++;
		return NULL;
	}
	s->is_open = false;
	s->at = 0;
	for (; s->next < c->end; s->next++) {
		if (sql_kind_of(c->sql, s->next) != NP_KIND_CONTEXT)
			continue;
		np_arena_reset(c->arena);
		if (np_err_drop(np_context_load(c->sql->source.v8, np_graph_address(c->sql->heap.graph, s->next), c->arena,
						&s->context)))
			continue;
		s->is_open = true;
		c->node = s->next++;
		return NULL;
	}
	c->eof = true;
	return NULL;
}

static const char *kind_name(const struct np_context *context)
{
	if (context->is_native)
		return "native";
	return context->scope_info ? np_scope_type_name(context->info.type) : NULL;
}

static np_err *cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct state *s = c->state;
	const struct np_context *context = &s->context;
	const struct np_variable *variable = s->at < context->variable_count ? &context->variables[s->at] : NULL;
	switch (column) {
	case ADDRESS:
		sql_cell_node(c->sql, ret, c->node);
		return NULL;
	case KIND:
		sql_cell_lasting(ret, kind_name(context));
		return NULL;
	case FUNCTION:
		if (context->scope_info && context->info.name)
			sql_cell_text(ret, np_string_utf8(c->sql->source.v8, context->info.name, NP_NAME_MAX, c->arena));
		return NULL;
	case PREVIOUS:
		sql_cell_address(ret, context->previous ? context->previous | 1 : 0);
		return NULL;
	}
	if (!variable)
		return NULL;
	if (column == VARIABLE) {
		sql_cell_text(ret, variable->name);
		return NULL;
	}
	if (!s->has_value && variable->is_number)
		sql_js_number(variable->number, &s->value);
	else if (!s->has_value)
		sql_js_value_of(c->sql, variable->value, c->arena, &s->value);
	s->has_value = true;
	sql_js_cell(&s->value, column - VALUE_TYPE, ret);
	return NULL;
}

const struct sql_table sql_table_contexts = {
	.name = "contexts",
	.about = "the variables that closures capture: a row for each variable of each context",
	.columns = columns,
	.column_count = NP_ARRAY_LEN(columns),
	.state_bytes = sizeof(struct state),
	.needs_heap = true,
	.rows = rows,
	.begin = begin,
	.step = step,
	.cell = cell,
};

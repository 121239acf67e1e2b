/* roots: what keeps objects alive from outside of the heap. */
#include "sql/tables.h"

enum { KIND, NAME, SLOT, TARGET, THREAD, IS_WEAK };

static const struct sql_column columns[] = {
	[KIND] = {"kind", SQL_TEXT, SQL_KEY_NONE, "stack, global handle, roots table, handle scope, microtask, ..."},
	[NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "V8's name of the root"},
	[SLOT] = {"slot", SQL_ADDRESS, SQL_KEY_NONE, "the word that holds it; NULL: a register"},
	[TARGET] = {"target", SQL_ADDRESS, SQL_KEY_FEW, "the object"},
	[THREAD] = {"thread", SQL_INTEGER, SQL_KEY_NONE, "threads.tid of the stack"},
	[IS_WEAK] = {"is_weak", SQL_BOOL, SQL_KEY_NONE, "1: only watches the object"},
};

struct state {
	const struct np_graph_root *at, *end;
};

static double rows(const struct np_sql *sql)
{
	return sql->heap.roots ? (double)sql->heap.roots->count : 1e4;
}

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct state *s = c->state;
	NP_TRY(sql_need(c->sql, NP_SQL_NEED_REACH));
	const struct np_graph_roots *roots = c->sql->heap.roots;
	s->at = roots->all;
	s->end = roots->all + roots->count;
	if (key->column < 0)
		return NULL;
	np_vertex node = sql_node_at(c->sql, key->address);
	s->at = node == NP_VERTEX_NONE ? NULL : np_graph_root_of(roots, node);
	if (!s->at) {
		s->end = NULL;
		return NULL;
	}
	const struct np_graph_root *end = s->at;
	while (end < s->end && end->node == node)
		end++;
	s->end = end;
	return NULL;
}

static np_err *step(struct sql_cursor *c)
{
	struct state *s = c->state;
	if (c->k)
		s->at++;
	c->k = 1;
	c->eof = s->at >= s->end;
	return NULL;
}

static np_err *cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	const struct np_graph_root *root = ((struct state *)c->state)->at;
	switch (column) {
	case KIND:
		sql_cell_lasting(ret, np_root_kind_name(root->kind));
		break;
	case NAME:
		sql_cell_lasting(ret, root->name);
		break;
	case SLOT:
		sql_cell_address(ret, root->slot);
		break;
	case TARGET:
		sql_cell_node(c->sql, ret, root->node);
		break;
	case THREAD:
		if (root->tid)
			sql_cell_integer(ret, root->tid);
		break;
	case IS_WEAK:
		sql_cell_integer(ret, root->is_weak);
		break;
	}
	return NULL;
}

const struct sql_table sql_table_roots = {
	.name = "roots",
	.about = "what holds objects from outside of the heap; one row a reference",
	.columns = columns,
	.column_count = NP_ARRAY_LEN(columns),
	.state_bytes = sizeof(struct state),
	.needs_heap = true,
	.rows = rows,
	.begin = begin,
	.step = step,
	.cell = cell,
};

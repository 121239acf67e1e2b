/* edges: every reference from one object to another. */
#include "sql/edge_names.h"
#include "sql/tables.h"

enum { HOLDER, TARGET, KIND, NAME, IS_WEAK, OWNER };

static const struct sql_column columns[] = {
	[HOLDER] = {"holder", SQL_ADDRESS, SQL_KEY_FEW, "the object that has the reference", .is_grouped = true},
	[TARGET] = {"target", SQL_ADDRESS, SQL_KEY_FEW, "the object that it leads to"},
	[KIND] = {"kind", SQL_TEXT, SQL_KEY_NONE,
		  "property, element, context (a variable), key and value (of a Map, Set, WeakMap), internal"},
	[NAME] = {"name", SQL_TEXT, SQL_KEY_NONE,
		  "of the property or variable, index of the element, key of the entry, V8's name for its own; as the owner "
		  "calls it, if there is one"},
	[IS_WEAK] = {"is_weak", SQL_BOOL, SQL_KEY_NONE, "1: does not keep the target alive"},
	[OWNER] = {"owner", SQL_ADDRESS, SQL_KEY_NONE,
		   "the object whose store the holder is (its further properties, its elements, the table of a Map); else NULL"},
};

struct state {
	bool by_target;
	np_vertex next;	      /* holder to look at */
	np_vertex target;     /* by_target */
	struct np_edges back; /* its referrers: one a reference, equal ones side by side */
	uint32_t at;
	struct np_edges row; /* of the current holder */
	struct sql_edge_holder naming;
	bool has_name;
	struct np_edge_name name;
};

static double rows(const struct np_sql *sql)
{
	return sql->heap.graph ? (double)np_graph_report(sql->heap.graph)->edge_count : 4e6;
}

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct state *s = c->state;
	struct sql_key_value all = {.column = -1};
	sql_walk_begin(c, key->column == HOLDER ? key : &all, np_graph_node_count(c->sql->heap.graph));
	s->next = c->node;
	c->node = NP_VERTEX_NONE;
	if (key->column != TARGET)
		return NULL;
	s->by_target = true;
	s->target = sql_node_at(c->sql, key->address);
	if (s->target != NP_VERTEX_NONE)
		s->back = np_graph_referrers(c->sql->heap.graph, s->target);
	return NULL;
}

static void end(struct sql_cursor *c)
{
	sql_edge_holder_deinit(&((struct state *)c->state)->naming);
}

/* The next holder; false: there is none. */
static bool holder_next(struct sql_cursor *c)
{
	struct state *s = c->state;
	np_vertex holder;
	if (s->by_target) {
		while (s->at < s->back.count && np_edge_target(s->back.targets[s->at]) == c->node)
			s->at++;
		if (s->at >= s->back.count)
			return false;
		holder = np_edge_target(s->back.targets[s->at]);
	} else {
		if (s->next >= c->end)
			return false;
		holder = s->next++;
	}
	c->node = holder;
	s->row = np_graph_edges(c->sql->heap.graph, holder);
	c->k = 0;
	return true;
}

static np_err *step(struct sql_cursor *c)
{
	struct state *s = c->state;
	s->has_name = false;
	np_arena_reset(c->arena);
	if (c->node != NP_VERTEX_NONE)
		c->k++;
	for (;;) {
		while (c->k < s->row.count && s->by_target && np_edge_target(s->row.targets[c->k]) != s->target)
			c->k++;
		if (c->node != NP_VERTEX_NONE && c->k < s->row.count)
			return NULL;
		if (!holder_next(c)) {
			c->eof = true;
			return NULL;
		}
	}
}

static np_err *cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct state *s = c->state;
	uint32_t edge = s->row.targets[c->k];
	switch (column) {
	case HOLDER:
		sql_cell_node(c->sql, ret, c->node);
		return NULL;
	case TARGET:
		sql_cell_node(c->sql, ret, np_edge_target(edge));
		return NULL;
	case IS_WEAK:
		sql_cell_integer(ret, np_edge_is_weak(edge));
		return NULL;
	}
	sql_edge_holder_set(c->sql, &s->naming, c->node);
	if (column == OWNER) {
		sql_cell_node(c->sql, ret, s->naming.owner);
		return NULL;
	}
	if (!s->has_name)
		sql_edge_name(c->sql, &s->naming, c->k, c->arena, &s->name);
	s->has_name = true;
	if (column == KIND)
		sql_cell_lasting(ret, np_edge_kind_name(s->name.kind));
	else
		sql_cell_text(ret, s->name.name);
	/* names of entries show their keys */
	ret->is_content = column == NAME && (s->name.kind == NP_EDGE_KIND_VALUE || s->name.kind == NP_EDGE_KIND_KEY);
	return NULL;
}

const struct sql_table sql_table_edges = {
	.name = "edges",
	.about = "every reference from one object to another",
	.columns = columns,
	.column_count = NP_ARRAY_LEN(columns),
	.state_bytes = sizeof(struct state),
	.needs_heap = true,
	.rows = rows,
	.begin = begin,
	.step = step,
	.cell = cell,
	.end = end,
};

/* objects: every object of the heap, and the memory outside that objects own. */
#include "sql/tables.h"

enum { ID, ADDRESS, CLASS, TYPE, SHAPE, SELF_BYTES, RETAINED_BYTES, DOMINATOR, SPACE, IS_LIVE, DISTANCE };

static const struct sql_column columns[] = {
	[ID] = {"id", SQL_INTEGER, SQL_KEY_UNIQUE, "number of the object, in the order of addresses"},
	[ADDRESS] = {"address", SQL_ADDRESS, SQL_KEY_UNIQUE, "where it is; what other tables call target, holder, ..."},
	[CLASS] = {"class", SQL_TEXT, SQL_KEY_SOME,
		   "name of the constructor; (string), (array), (external memory) and such for what is no JavaScript object"},
	[TYPE] = {"type", SQL_TEXT, SQL_KEY_NONE, "V8's instance type: JS_OBJECT_TYPE"},
	[SHAPE] = {"shape", SQL_TEXT, SQL_KEY_NONE,
		   "names of its properties with commas between; (dictionary) where each object has its own"},
	[SELF_BYTES] = {"self_bytes", SQL_INTEGER, SQL_KEY_NONE, "size of the object alone"},
	[RETAINED_BYTES] = {"retained_bytes", SQL_INTEGER, SQL_KEY_NONE,
			    "what would be freed with it, itself included; 0 when it is garbage"},
	[DOMINATOR] = {"dominator", SQL_ADDRESS, SQL_KEY_NONE,
		       "the object through which every path to it goes; NULL: only the roots"},
	[SPACE] = {"page_space", SQL_TEXT, SQL_KEY_NONE, "V8's space: old_space, new_space, read_only_space, ..."},
	[IS_LIVE] = {"is_live", SQL_BOOL, SQL_KEY_NONE, "1: the roots keep it alive; 0: garbage"},
	[DISTANCE] = {"distance", SQL_INTEGER, SQL_KEY_NONE, "references from a root: 1 when a root holds it; NULL: garbage"},
};

struct state {
	bool by_class;
	uint32_t at, end;
};

static double rows(const struct np_sql *sql)
{
	return sql->heap.graph ? np_graph_node_count(sql->heap.graph) : 1e6;
}

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct state *s = c->state;
	if (key->column == CLASS) {
		s->by_class = true;
		if (!sql_class_range(c->sql, key->text, &s->at, &s->end))
			s->at = s->end = 0;
	} else if (key->column < 0 && c->order) {
		sql_class_index(c->sql);
		s->by_class = true;
		s->end = np_graph_node_count(c->sql->heap.graph);
	} else {
		sql_walk_begin(c, key, np_graph_node_count(c->sql->heap.graph));
		s->at = c->node;
		s->end = c->end;
	}
	return NULL;
}

static np_err *step(struct sql_cursor *c)
{
	struct state *s = c->state;
	if (s->at >= s->end) {
		c->eof = true;
		return NULL;
	}
	if (s->by_class && c->order == SQL_ORDER_DOWN)
		c->node = c->sql->class_nodes[--s->end];
	else
		c->node = s->by_class ? c->sql->class_nodes[s->at++] : s->at++;
	return NULL;
}

static np_err *cell_computed(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct np_sql *sql = c->sql;
	uint32_t distance;
	NP_TRY(sql_need(sql, column == RETAINED_BYTES || column == DOMINATOR ? NP_SQL_NEED_DOMINATORS : NP_SQL_NEED_REACH));
	switch (column) {
	case RETAINED_BYTES:
		sql_cell_integer(ret, (int64_t)sql->heap.dominators->retained[c->node]);
		break;
	case DOMINATOR:
		sql_cell_node(sql, ret, sql->heap.dominators->parent[c->node]);
		break;
	case IS_LIVE:
		sql_cell_integer(ret, np_reach_has(sql->heap.reach, c->node));
		break;
	default:
		distance = sql_distance(sql, c->node);
		if (distance)
			sql_cell_integer(ret, distance);
	}
	return NULL;
}

static np_err *cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct np_sql *sql = c->sql;
	np_graph *g = sql->heap.graph;
	bool external = np_graph_is_external(g, c->node);
	switch (column) {
	case ID:
		sql_cell_integer(ret, c->node);
		break;
	case ADDRESS:
		sql_cell_node(sql, ret, c->node);
		break;
	case CLASS:
		sql_cell_lasting(ret, sql_class_name(sql, c->node));
		break;
	case TYPE:
		sql_cell_lasting(ret, external ? NULL : np_graph_shape(g, np_graph_shape_of(g, c->node))->type_name);
		break;
	case SHAPE:
		sql_cell_lasting(ret, sql_shape_text(sql, c->node));
		break;
	case SELF_BYTES:
		sql_cell_integer(ret, (int64_t)np_graph_size(g, c->node));
		break;
	case SPACE:
		sql_cell_lasting(ret, external ? "external" : np_space_name(np_graph_page(g, c->node)->space));
		break;
	default:
		return cell_computed(c, column, ret);
	}
	return NULL;
}

const struct sql_table sql_table_objects = {
	.name = "objects",
	.about = "every object of the heap, garbage included, and the memory outside of it that objects own",
	.columns = columns,
	.column_count = NP_ARRAY_LEN(columns),
	.state_bytes = sizeof(struct state),
	.needs_heap = true,
	.order_column = CLASS,
	.rows = rows,
	.begin = begin,
	.step = step,
	.cell = cell,
};

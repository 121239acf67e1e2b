/*
 * properties: own named properties of all JavaScript objects.
 *
 * A search for a name asks first whether the object's shape has it, so that
 * only the objects that do are read (and those that are dictionaries).
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "sql/tables.h"
#include "v8/accessor.h"
#include "v8/object.h"
#include "v8/string.h"

enum { OBJECT, NAME, KIND, VALUE_TYPE, VALUE, TARGET };
enum { PROPERTIES_MAX = 1 << 24, SHAPE_NAMES_MAX = 1000 /* a longer list may be cut */ };
enum { NOT_ASKED, NO, YES };

static const struct sql_column columns[] = {
	[OBJECT] = {"object", SQL_ADDRESS, SQL_KEY_FEW, "objects.address", .is_grouped = true},
	[NAME] = {"name", SQL_TEXT, SQL_KEY_SOME, "Symbol(x) for symbols, #x for private names"},
	[KIND] = {"kind", SQL_TEXT, SQL_KEY_NONE, "data, accessor, symbol, private"},
	[VALUE_TYPE] = {"value_type", SQL_TEXT, SQL_KEY_NONE, "smi, number, string, object, array, function, map, undefined, ..."},
	[VALUE] = {"value", SQL_ANY, SQL_KEY_NONE,
		   "number, text, 0 or 1; name of a function, message of an error, length of an array, entries of a Map or "
		   "Set; else NULL"},
	[TARGET] = {"target", SQL_ADDRESS, SQL_KEY_NONE, "the value's address, where it is in the heap"},
};

struct row {
	struct np_property property;
	const char *name;
};

struct state {
	np_vertex next;
	char *wanted; /* name, NULL any */
	uint8_t *verdicts; /* by group */
	size_t verdict_count;
	NP_VEC(struct row) rows; /* of the current object */
	size_t at;
	bool has_value; /* of the current row */
	struct sql_js_value value;
	np_arena *names; /* of the current object */
	np_v8 *v8;
};

static double rows(const struct np_sql *sql)
{
	return sql->heap.graph ? np_graph_node_count(sql->heap.graph) * 2.0 : 2e6;
}

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct state *s = c->state;
	struct sql_key_value all = {.column = -1};
	sql_walk_begin(c, key->column == OBJECT ? key : &all, np_graph_object_count(c->sql->heap.graph));
	s->next = c->node;
	s->names = c->object_arena;
	s->v8 = c->sql->source.v8;
	if (key->column == NAME)
		s->wanted = np_xstrdup(key->text);
	return NULL;
}

static void end(struct sql_cursor *c)
{
	struct state *s = c->state;
	np_vec_deinit(&s->rows);
	free(s->wanted);
	free(s->verdicts);
	s->wanted = NULL;
	s->verdicts = NULL;
}

static bool shape_has(struct sql_cursor *c, np_vertex node)
{
	struct state *s = c->state;
	uint32_t id = np_group_id_of(c->sql->heap.classes, node);
	const struct np_group *g = np_group_get(c->sql->heap.classes, id);
	if (g->is_dictionary || g->property_count >= SHAPE_NAMES_MAX)
		return true;
	if (id >= s->verdict_count) {
		size_t count = (size_t)id * 2 + 64;
		s->verdicts = np_xrealloc(s->verdicts, count);
		memset(s->verdicts + s->verdict_count, NOT_ASKED, count - s->verdict_count);
		s->verdict_count = count;
	}
	if (s->verdicts[id] == NOT_ASKED) {
		s->verdicts[id] = NO;
		for (uint32_t i = 0; i < g->property_count; i++)
			if (strcmp(g->properties[i], s->wanted) == 0)
				s->verdicts[id] = YES;
	}
	return s->verdicts[id] == YES;
}

static bool row_add(void *ctx, const struct np_property *p)
{
	struct state *s = ctx;
	const char *name = np_key_text(s->v8, p->key, s->names);
	if (!s->wanted || (name && strcmp(name, s->wanted) == 0))
		np_vec_push(&s->rows, (struct row){*p, name});
	return s->rows.len < PROPERTIES_MAX;
}

static np_err *step(struct sql_cursor *c)
{
	struct state *s = c->state;
	s->has_value = false;
	np_arena_reset(c->arena);
	if (s->at + 1 < s->rows.len) {
		s->at++;
		return NULL;
	}
	s->at = s->rows.len = 0;
	while (!s->rows.len && s->next < c->end) {
		np_vertex node = s->next++;
		if (!np_kind_is_receiver(sql_kind_of(c->sql, node)) || (s->wanted && !shape_has(c, node)))
			continue;
		np_arena_reset(s->names);
		c->node = node;
		/* what is unreadable has no rows */
		np_err_free(np_object_properties(s->v8, np_graph_address(c->sql->heap.graph, node), row_add, s));
	}
	c->eof = !s->rows.len;
	return NULL;
}

static const char *property_kind(np_v8 *v8, const struct row *row)
{
	if (row->name && *row->name == '#' && !np_is_kind(v8, row->property.key, NP_KIND_STRING))
		return "private";
	if (!np_is_kind(v8, row->property.key, NP_KIND_STRING))
		return "symbol";
	return row->property.is_accessor ? "accessor" : "data";
}

static void value_take(struct sql_cursor *c, const struct np_property *p)
{
	struct state *s = c->state;
	np_tagged computed;
	s->has_value = true;
	if (p->is_double)
		sql_js_number(p->number, &s->value);
	else if (!p->is_accessor)
		sql_js_value_of(c->sql, p->value, c->arena, &s->value);
	else if (np_accessor_value(s->v8, np_graph_address(c->sql->heap.graph, c->node), p, &computed))
		sql_js_value_of(c->sql, computed, c->arena, &s->value);
	else
		s->value = (struct sql_js_value){.type = "accessor", .target = np_is_ref(p->value) ? np_ref(p->value) | 1 : 0};
}

static bool value_sketch(struct sql_cursor *c, const struct np_property *p)
{
	struct state *s = c->state;
	return !p->is_double && !p->is_accessor && sql_js_value_sketch(c->sql, p->value, &s->value);
}

static np_err *cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct state *s = c->state;
	const struct row *row = &s->rows.data[s->at];
	switch (column) {
	case OBJECT:
		sql_cell_node(c->sql, ret, c->node);
		break;
	case NAME:
		sql_cell_text(ret, row->name);
		break;
	case KIND:
		sql_cell_lasting(ret, property_kind(s->v8, row));
		break;
	default:
		if (!s->has_value && !(column != VALUE && value_sketch(c, &row->property)))
			value_take(c, &row->property);
		sql_js_cell(&s->value, column - VALUE_TYPE, ret);
	}
	return NULL;
}

const struct sql_table sql_table_properties = {
	.name = "properties",
	.about = "own named properties of every JavaScript object (elements are in edges)",
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

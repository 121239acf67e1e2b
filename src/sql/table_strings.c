/* strings: every string of the heap with its text. */
#include "sql/tables.h"
#include "v8/string.h"

enum { ID, ADDRESS, LENGTH, VALUE, IS_ONE_BYTE, KIND, SELF_BYTES };

/* More of a text than this many units is left out. */
enum { VALUE_UNITS_MAX = 1 << 20 };

static const struct sql_column columns[] = {
	[ID] = {"id", SQL_INTEGER, SQL_KEY_UNIQUE, "objects.id"},
	[ADDRESS] = {"address", SQL_ADDRESS, SQL_KEY_UNIQUE, "objects.address"},
	[LENGTH] = {"length", SQL_INTEGER, SQL_KEY_NONE, "in UTF-16 units, as JavaScript counts"},
	[VALUE] = {"value", SQL_TEXT, SQL_KEY_NONE, "the text, its first 1,048,576 units; NULL: unreadable"},
	[IS_ONE_BYTE] = {"is_one_byte", SQL_BOOL, SQL_KEY_NONE, "1: one byte a unit (Latin-1); 0: two (UTF-16)"},
	[KIND] = {"kind", SQL_TEXT, SQL_KEY_NONE,
		  "sequential, cons (a concatenation), sliced (a part of another), thin (leads to another), external"},
	[SELF_BYTES] = {"self_bytes", SQL_INTEGER, SQL_KEY_NONE, "size of the object alone"},
};

static double rows(const struct np_sql *sql)
{
	return sql->heap.graph ? np_graph_node_count(sql->heap.graph) / 4.0 : 2.5e5;
}

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	sql_walk_begin(c, key, np_graph_object_count(c->sql->heap.graph));
	c->k = c->node;
	return NULL;
}

static np_err *step(struct sql_cursor *c)
{
	np_arena_reset(c->arena);
	while (c->k < c->end && sql_kind_of(c->sql, c->k) != NP_KIND_STRING)
		c->k++;
	c->eof = c->k >= c->end;
	c->node = c->k++;
	return NULL;
}

static const char *kind_name(const np_layout *l, uint16_t type)
{
	static const struct {
		enum np_fact fact;
		const char *name;
	} kinds[] = {{NP_F_String_tag_seq, "sequential"}, {NP_F_String_tag_cons, "cons"}, {NP_F_String_tag_sliced, "sliced"},
		     {NP_F_String_tag_thin, "thin"},	  {NP_F_String_tag_external, "external"}};
	if (!np_has(l, NP_F_String_representation_mask))
		return NULL;
	int64_t tag = type & np_get(l, NP_F_String_representation_mask);
	for (size_t i = 0; i < NP_ARRAY_LEN(kinds); i++)
		if (np_has(l, kinds[i].fact) && np_get(l, kinds[i].fact) == tag)
			return kinds[i].name;
	return NULL;
}

static void cell_value(struct sql_cursor *c, np_addr at, struct sql_cell *ret)
{
	struct np_chars chars;
	if (np_err_drop(np_string_read(c->sql->source.v8, at, 0, VALUE_UNITS_MAX, c->arena, &chars)))
		return;
	size_t bytes;
	sql_cell_text(ret, np_chars_utf8_len(&chars, c->arena, &bytes));
	ret->bytes = bytes;
	ret->is_content = true;
}

static np_err *cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct np_sql *sql = c->sql;
	np_graph *g = sql->heap.graph;
	np_v8 *v8 = sql->source.v8;
	np_addr at = np_graph_address(g, c->node);
	uint16_t type = np_graph_shape(g, np_graph_shape_of(g, c->node))->map->type;
	uint64_t length;
	switch (column) {
	case ID:
		sql_cell_integer(ret, c->node);
		break;
	case ADDRESS:
		sql_cell_node(sql, ret, c->node);
		break;
	case LENGTH:
		if (np_string_length(v8, at, &length))
			sql_cell_integer(ret, (int64_t)length);
		break;
	case VALUE:
		cell_value(c, at, ret);
		break;
	case IS_ONE_BYTE:
		if (np_has(v8->layout, NP_F_String_encoding_mask))
			sql_cell_integer(ret, (type & np_get(v8->layout, NP_F_String_encoding_mask)) != 0);
		break;
	case KIND:
		sql_cell_lasting(ret, kind_name(v8->layout, type));
		break;
	case SELF_BYTES:
		sql_cell_integer(ret, (int64_t)np_graph_size(g, c->node));
		break;
	}
	return NULL;
}

const struct sql_table sql_table_strings = {
	.name = "strings",
	.about = "every string of the heap",
	.columns = columns,
	.column_count = NP_ARRAY_LEN(columns),
	.needs_heap = true,
	.rows = rows,
	.begin = begin,
	.step = step,
	.cell = cell,
};

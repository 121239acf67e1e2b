/* Cells: what they become in SQLite, and the texts of addresses and values. */
#include <string.h>

#include "base/buf.h"
#include "out/redact.h"
#include "sql/table.h"
#include "v8/map.h"
#include "v8/value.h"

enum { VALUE_UNITS_MAX = 1 << 20 };

void sql_cell_node(const struct np_sql *sql, struct sql_cell *cell, np_vertex node)
{
	if (node == NP_VERTEX_NONE) {
		*cell = (struct sql_cell){0};
		return;
	}
	np_addr at = np_graph_address(sql->heap.graph, node);
	sql_cell_address(cell, np_graph_is_external(sql->heap.graph, node) ? at : at | 1);
}

void sql_cell_text(struct sql_cell *cell, const char *text)
{
	*cell = (struct sql_cell){.kind = text ? NP_SQL_TEXT : NP_SQL_NULL, .text = text, .bytes = text ? strlen(text) : 0};
}

void sql_cell_lasting(struct sql_cell *cell, const char *text)
{
	sql_cell_text(cell, text);
	cell->lasts = true;
}

size_t sql_address_text(np_addr address, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	int shift = 60;
	size_t n = 2;
	memcpy(ret, "0x", 2);
	while (shift > 0 && !(address >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		ret[n++] = digits[address >> shift & 15];
	ret[n] = '\0';
	return n;
}

bool sql_address_parse(const char *text, np_addr *ret)
{
	bool hex = text[0] == '0' && (text[1] | 32) == 'x';
	const char *s = hex ? text + 2 : text;
	np_addr v = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned digit = *s >= '0' && *s <= '9' ? (unsigned)(*s - '0') : (unsigned)((*s | 32) - 'a') + 10;
		unsigned base = hex ? 16 : 10;
		if (digit >= base || v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	*ret = v;
	return true;
}

void sql_redact(struct np_buf *buf, const char *text, size_t bytes)
{
	np_redact_text(buf, text, bytes, SIZE_MAX);
}

static void give_redacted(sqlite3_context *ctx, const struct sql_cell *cell)
{
	struct np_buf buf = {0};
	sql_redact(&buf, cell->text, cell->bytes);
	sqlite3_result_text(ctx, np_buf_str(&buf), (int)buf.len, SQLITE_TRANSIENT);
	np_buf_deinit(&buf);
}

void sql_cell_give(const struct np_sql *sql, sqlite3_context *ctx, const struct sql_cell *cell)
{
	char address[24];
	switch (cell->kind) {
	case NP_SQL_NULL:
		sqlite3_result_null(ctx);
		break;
	case NP_SQL_INTEGER:
		sqlite3_result_int64(ctx, cell->integer);
		break;
	case NP_SQL_REAL:
		sqlite3_result_double(ctx, cell->real);
		break;
	case NP_SQL_ADDRESS:
		sqlite3_result_text(ctx, address, (int)sql_address_text(cell->address, address), SQLITE_TRANSIENT);
		break;
	case NP_SQL_TEXT:
		if (cell->is_content && sql->source.redact)
			give_redacted(ctx, cell);
		else
			sqlite3_result_text64(ctx, cell->text, cell->bytes, cell->lasts ? SQLITE_STATIC : SQLITE_TRANSIENT,
					      SQLITE_UTF8);
		break;
	}
}

/* --- JavaScript values --- */

void sql_js_number(double number, struct sql_js_value *ret)
{
	*ret = (struct sql_js_value){.type = "number"};
	sql_cell_real(&ret->cell, number);
}

static void take_text(struct sql_js_value *v, const np_value *from, bool is_content)
{
	if (!from->text)
		return;
	sql_cell_text(&v->cell, from->text);
	if (from->type == NP_VALUE_STRING)
		v->cell.bytes = from->text_bytes;
	v->cell.is_content = is_content;
}

/* What stands for a value in one cell: see the column's text in docs/SQL.md. */
static void take_scalar(struct sql_js_value *v, const np_value *from)
{
	switch (from->type) {
	case NP_VALUE_SMI:
		sql_cell_integer(&v->cell, np_smi_value(from->tagged));
		break;
	case NP_VALUE_NUMBER:
	case NP_VALUE_DATE:
		sql_cell_real(&v->cell, from->number);
		break;
	case NP_VALUE_BOOLEAN:
		sql_cell_integer(&v->cell, from->number != 0);
		break;
	case NP_VALUE_STRING:
	case NP_VALUE_SYMBOL:
	case NP_VALUE_BIGINT:
	case NP_VALUE_REGEXP:
	case NP_VALUE_ERROR:
		take_text(v, from, true);
		break;
	case NP_VALUE_FUNCTION:
	case NP_VALUE_GENERATOR:
	case NP_VALUE_ASYNCFUNCTION:
	case NP_VALUE_UNREADABLE:
		take_text(v, from, false);
		break;
	case NP_VALUE_ARRAY:
	case NP_VALUE_TYPEDARRAY:
		sql_cell_integer(&v->cell, (int64_t)from->length);
		break;
	case NP_VALUE_MAP:
	case NP_VALUE_SET:
	case NP_VALUE_WEAKMAP:
	case NP_VALUE_WEAKSET:
		sql_cell_integer(&v->cell, (int64_t)from->size);
		break;
	case NP_VALUE_ARRAYBUFFER:
	case NP_VALUE_DATAVIEW:
		sql_cell_integer(&v->cell, (int64_t)from->byte_length);
		break;
	default:
		break;
	}
}

void sql_js_value_of(struct np_sql *sql, np_tagged word, np_arena *arena, struct sql_js_value *ret)
{
	static const struct np_value_limits limits = {.string_units = VALUE_UNITS_MAX, .total = 64};
	struct sql_js_value v = {0};
	if (np_is_smi(word)) {
		v.type = "smi";
		sql_cell_integer(&v.cell, np_smi_value(word));
	} else {
		np_value *decoded = np_value_decode(sql->source.v8, word, &limits, arena);
		v.type = np_value_type_name(decoded->type);
		v.target = np_ref(word) | 1;
		take_scalar(&v, decoded);
	}
	*ret = v;
}

void sql_js_cell(const struct sql_js_value *value, int part, struct sql_cell *ret)
{
	if (part == 0)
		sql_cell_lasting(ret, value->type);
	else if (part == 1)
		*ret = value->cell;
	else
		sql_cell_address(ret, value->target);
}

bool sql_js_value_sketch(struct np_sql *sql, np_tagged word, struct sql_js_value *ret)
{
	if (np_is_smi(word) || !np_is_kind(sql->source.v8, word, NP_KIND_STRING))
		return false;
	*ret = (struct sql_js_value){.type = np_value_type_name(NP_VALUE_STRING), .target = np_ref(word) | 1};
	return true;
}

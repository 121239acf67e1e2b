/*
 * Aligned tables.  Two passes over the rows, one to measure and one to print:
 * a census may have many rows, and keeping rendered cells costs more than
 * rendering them again.
 */
#include "out/render.h"

#include <string.h>

#include "base/vec.h"

enum { GAP = 2, CELL_MAX = 60, CELL_MIN = 12 };

struct column {
	const char *path;
	size_t path_len;
	const char *heading;
	size_t heading_len;
	enum role role;
	size_t width;
	bool text;  /* some cell is not a number: left-aligned */
	bool any;   /* some cell is there at all */
};

struct table {
	struct column *data;
	size_t len, cap;
};

static void columns_parse(struct table *table, const char *spec)
{
	while (*spec) {
		size_t whole = strcspn(spec, ","), path = strcspn(spec, ":,");
		struct column c = {.path = spec, .path_len = path, .heading = spec, .heading_len = path};
		if (path < whole) {
			c.heading = spec + path + 1;
			c.heading_len = strcspn(c.heading, ":,");
			const char *role = c.heading + c.heading_len;
			if (*role == ':')
				c.role = np_role_by_name(role + 1, strcspn(role + 1, ","));
		}
		c.width = np_text_columns(c.heading, c.heading_len);
		np_vec_push(table, c);
		spec += whole + (spec[whole] == ',');
	}
}

static void columns_derive(struct table *table, const np_node *row)
{
	const char *key;
	for (size_t i = 0; np_node_field(row, i, &key); i++) {
		struct column c = {.path = key, .path_len = strlen(key), .heading = key, .heading_len = strlen(key)};
		c.width = np_text_columns(key, c.heading_len);
		np_vec_push(table, c);
	}
}

static void cell_put(struct np_buf *buf, const struct np_render *how, const np_node *row, const struct column *c,
		     bool last)
{
	const struct node_field *field = np_node_field_path(row, c->path, c->path_len);
	if (!field || field->hidden || np_node_is_blank(field->node)) {
		if (!last && !(field && field->node->kind == NODE_BOOL))
			np_paint_text(buf, how->color, ROLE_DIM, "-");
		return;
	}
	np_inline_field(buf, how, field, c->role, 1);
}

static void table_measure(struct table *table, const struct np_render *how, const np_node *const *rows, size_t n)
{
	struct np_buf cell = {0};
	struct np_render plain = *how;
	plain.color = plain.links = false;
	/* cells cut nothing in a file; on a screen a column takes half of it at most */
	size_t limit = how->width > 0 ? (size_t)how->width / 2 : CELL_MAX;
	if (limit < CELL_MIN)
		limit = CELL_MIN;
	for (size_t r = 0; r < n; r++) {
		for (size_t i = 0; i < table->len; i++) {
			struct column *c = &table->data[i];
			const struct node_field *field = np_node_field_path(rows[r], c->path, c->path_len);
			if (!field || field->hidden || field->node->kind == NODE_NULL)
				continue;
			c->any = true;
			if (!np_node_is_number(field->node))
				c->text = true;
			np_buf_clear(&cell);
			cell_put(&cell, &plain, rows[r], c, false);
			size_t columns = np_text_columns(np_buf_str(&cell), cell.len);
			if (columns > limit)
				columns = limit;
			if (columns > c->width)
				c->width = columns;
		}
	}
	np_buf_deinit(&cell);
}

/* One line; row NULL prints the headings. */
static void table_line(struct text *t, const struct table *table, const np_node *row, int indent)
{
	struct np_buf cell = {0};
	size_t used = (size_t)indent;
	np_put_spaces(&t->buf, (size_t)indent);
	for (size_t i = 0; i < table->len; i++) {
		const struct column *c = &table->data[i];
		bool last = i + 1 == table->len;
		np_buf_clear(&cell);
		if (row) {
			cell_put(&cell, t->how, row, c, last);
		} else {
			np_paint_begin(&cell, t->how->color, ROLE_HEAD);
			np_text_put(&cell, c->heading, c->heading_len, NP_TEXT_LINE);
			np_paint_end(&cell, t->how->color, ROLE_HEAD);
		}
		if (t->how->width > 0) {
			size_t room = c->width;
			if (last)
				room = (size_t)t->how->width > used + 1 ? (size_t)t->how->width - used : 1;
			np_text_truncate(&cell, 0, room, t->how->color);
		}
		size_t columns = np_text_columns(np_buf_str(&cell), cell.len);
		size_t pad = columns < c->width ? c->width - columns : 0;
		if (!c->text)
			np_put_spaces(&t->buf, pad);
		np_buf_add(&t->buf, np_buf_str(&cell), cell.len);
		if (!last)
			np_put_spaces(&t->buf, (c->text ? pad : 0) + GAP);
		used += columns + pad + GAP;
	}
	/* an empty last cell leaves the padding of the others behind */
	while (t->buf.len && t->buf.data[t->buf.len - 1] == ' ')
		t->buf.data[--t->buf.len] = '\0';
	np_buf_putc(&t->buf, '\n');
	np_text_flush(t);
	np_buf_deinit(&cell);
}

void np_block_table(struct text *t, const np_node *node, const struct np_shape *shape, int indent)
{
	const np_node *const single[] = {node};
	const np_node *const *rows = single;
	size_t n = 1;
	if (node->kind == NODE_LIST) {
		rows = (const np_node *const *)node->list.items;
		n = node->list.len;
	}
	struct table table = {0};
	if (shape->columns)
		columns_parse(&table, shape->columns);
	else
		columns_derive(&table, rows[0]);
	table_measure(&table, t->how, rows, n);
	/* a column without a single cell is no help */
	size_t kept = 0;
	for (size_t i = 0; i < table.len; i++)
		if (table.data[i].any)
			table.data[kept++] = table.data[i];
	table.len = kept;
	table_line(t, &table, NULL, indent);
	for (size_t r = 0; r < n; r++) {
		table_line(t, &table, rows[r], indent);
		np_block_children(t, rows[r], shape, indent);
	}
	np_vec_deinit(&table);
}

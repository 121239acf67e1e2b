/* Text in lines: records, lists, running text; tables and VALUEs have files of their own. */
#include "out/render.h"

#include <ctype.h>
#include <string.h>

#include "out/redact.h"

enum { FLUSH_BYTES = 1 << 16, LABEL_MAX = 24, INDENT = 4 };

void np_text_flush(struct text *t)
{
	if (t->buf.len < FLUSH_BYTES)
		return;
	fwrite(t->buf.data, 1, t->buf.len, t->out);
	np_buf_clear(&t->buf);
}

static void line_end(struct text *t)
{
	np_buf_putc(&t->buf, '\n');
	np_text_flush(t);
}

static void block_dim(struct text *t, int indent, const char *s)
{
	np_put_spaces(&t->buf, (size_t)indent);
	np_paint_text(&t->buf, t->how->color, ROLE_DIM, s);
	line_end(t);
}

/* Running text: every line indented, a last newline adds no empty line. */
static void block_paragraph(struct text *t, const char *s, size_t n, int indent)
{
	while (n > 0) {
		const char *newline = memchr(s, '\n', n);
		size_t len = newline ? (size_t)(newline - s) : n;
		size_t text_len = len && s[len - 1] == '\r' ? len - 1 : len;
		if (text_len)
			np_put_spaces(&t->buf, (size_t)indent);
		np_text_put(&t->buf, s, text_len, NP_TEXT_PARAGRAPH);
		line_end(t);
		len += newline != NULL;
		s += len;
		n -= len;
	}
}

static void block_field(struct text *t, const struct node_field *field, int indent)
{
	bool redact = t->how->redact && field->sensitive;
	if (field->node->kind != NODE_STR || redact) {
		if (field->node->kind == NODE_OBJ || (field->node->kind == NODE_LIST && !redact)) {
			np_block_node(t, field->node, NULL, indent);
			return;
		}
		np_put_spaces(&t->buf, (size_t)indent);
		np_inline_field(&t->buf, t->how, field, ROLE_NONE, 0);
		line_end(t);
		return;
	}
	block_paragraph(t, field->node->str.s, field->node->str.n, indent);
}

static const struct node_field *text_field(const np_node *obj)
{
	const struct node_field *field = np_node_field_find(obj, "_text", 5);
	return field ? field : np_node_field_find(obj, "text", 4);
}

/* Will this child print anything? */
static bool child_shows(const struct node_field *field)
{
	if (!field || field->hidden || field->node->kind == NODE_NULL)
		return false;
	const np_node *node = field->node;
	if (node->shape && node->shape->style == NP_STYLE_HIDDEN)
		return false;
	if (node->kind == NODE_LIST)
		return node->list.len > 0 || (node->shape && node->shape->empty);
	return !np_node_is_blank(node);
}

static bool children_put(struct text *t, const np_node *obj, const char *names, int indent, bool apart)
{
	bool any = false;
	while (*names) {
		names += strspn(names, ", ");
		size_t n = strcspn(names, ", ");
		const struct node_field *field = np_node_field_path(obj, names, n);
		names += n;
		if (!child_shows(field))
			continue;
		if (any && apart)
			line_end(t);
		block_field(t, field, indent);
		any = true;
	}
	return any;
}

/* Spaces that a shape puts before its children; negative means none. */
static int child_indent(const struct np_shape *shape, int otherwise)
{
	return shape->indent > 0 ? shape->indent : shape->indent < 0 ? 0 : otherwise;
}

void np_block_children(struct text *t, const np_node *obj, const struct np_shape *shape, int indent)
{
	if (shape->children)
		children_put(t, obj, shape->children, indent + child_indent(shape, INDENT), false);
}

static void block_line(struct text *t, const np_node *obj, const struct np_shape *shape, int indent)
{
	if (!shape->line || !*shape->line) {
		if (shape->children)
			children_put(t, obj, shape->children, indent + child_indent(shape, 0), true);
		return;
	}
	np_put_spaces(&t->buf, (size_t)indent);
	np_inline_template(&t->buf, t->how, shape->line, obj, 0);
	line_end(t);
	np_block_children(t, obj, shape, indent);
}

/* "rss_bytes" is shown as "rss", "_note" as "note", "node_version" as "node version". */
static void label_put(struct np_buf *buf, const char *key, bool verbatim)
{
	if (verbatim) {
		np_paint_text(buf, false, ROLE_NONE, key);
		return;
	}
	key += *key == '_';
	size_t n = strlen(key);
	static const char *const units[] = {"_bytes", "_ns"};
	for (size_t i = 0; i < NP_ARRAY_LEN(units); i++) {
		size_t u = strlen(units[i]);
		if (n > u && !strcmp(key + n - u, units[i])) {
			n -= u;
			break;
		}
	}
	size_t from = buf->len;
	np_text_put(buf, key, n, NP_TEXT_LINE);
	for (size_t i = from; i < buf->len; i++)
		if (buf->data[i] == '_')
			buf->data[i] = ' ';
}

static bool is_composite(const np_node *node)
{
	return node->kind == NODE_OBJ || node->kind == NODE_LIST;
}

/* Does the field stand on the line of its label? */
static bool field_is_short(const struct node_field *field)
{
	const np_node *node = field->node;
	if (node->kind == NODE_OBJ) {
		if (!node->shape)
			return false;
		return node->shape->style == NP_STYLE_VALUE ||
		       (node->shape->style == NP_STYLE_LINE && node->shape->line && *node->shape->line &&
			!node->shape->children);
	}
	if (node->kind != NODE_LIST)
		return true;
	if (node->list.len > 8)
		return false;
	size_t bytes = 0;
	for (size_t i = 0; i < node->list.len; i++) {
		const np_node *item = node->list.items[i];
		if (is_composite(item))
			return false;
		bytes += item->kind == NODE_STR ? item->str.n : 8;
	}
	return bytes <= 60;
}

static bool field_shows(const struct node_field *field)
{
	if (field->hidden)
		return false;
	return !(field->node->shape && field->node->shape->style == NP_STYLE_HIDDEN);
}

static void field_put(struct text *t, const struct node_field *field, int indent)
{
	const np_node *node = field->node;
	if (node->kind == NODE_NULL)
		np_paint_text(&t->buf, t->how->color, ROLE_DIM, "unknown");
	else if (node->kind == NODE_LIST && node->list.len == 0)
		np_paint_text(&t->buf, t->how->color, ROLE_DIM,
			   node->shape && node->shape->empty ? node->shape->empty : "none");
	else if (node_is_value(node))
		np_put_value(t, node, indent);
	else
		np_inline_field(&t->buf, t->how, field, ROLE_NONE, 0);
}

static void block_fields(struct text *t, const np_node *obj, int indent)
{
	bool verbatim = obj->shape && obj->shape->style == NP_STYLE_MAP;
	size_t widest = 0;
	struct np_buf label = {0};
	for (uint32_t i = 0; i < obj->obj.len; i++) {
		const struct node_field *field = &obj->obj.fields[i];
		if (!field_shows(field) || !field_is_short(field))
			continue;
		np_buf_clear(&label);
		label_put(&label, field->key, verbatim);
		size_t columns = np_text_columns(np_buf_str(&label), label.len);
		if (columns > widest && columns <= LABEL_MAX)
			widest = columns;
	}
	for (uint32_t i = 0; i < obj->obj.len; i++) {
		const struct node_field *field = &obj->obj.fields[i];
		if (!field_shows(field))
			continue;
		np_buf_clear(&label);
		label_put(&label, field->key, verbatim);
		np_put_spaces(&t->buf, (size_t)indent);
		np_paint_begin(&t->buf, t->how->color, ROLE_NAME);
		np_buf_add(&t->buf, label.data, label.len);
		np_buf_putc(&t->buf, ':');
		np_paint_end(&t->buf, t->how->color, ROLE_NAME);
		if (field_is_short(field)) {
			size_t columns = np_text_columns(np_buf_str(&label), label.len);
			np_put_spaces(&t->buf, columns < widest ? widest - columns + 1 : 1);
			field_put(t, field, indent);
			line_end(t);
		} else {
			line_end(t);
			block_field(t, field, indent + INDENT);
		}
	}
	np_buf_deinit(&label);
}

static void block_list(struct text *t, const np_node *list, int indent)
{
	const struct np_shape *shape = list->shape;
	if (list->list.len == 0) {
		if (shape && shape->empty)
			block_dim(t, indent, shape->empty);
		return;
	}
	if (shape && shape->style == NP_STYLE_TABLE) {
		np_block_table(t, list, shape, indent);
		return;
	}
	for (size_t i = 0; i < list->list.len; i++) {
		const np_node *item = list->list.items[i];
		const struct np_shape *own = item->kind == NODE_OBJ && item->shape ? item->shape : shape;
		/* records of several lines stand apart */
		bool tall = item->kind == NODE_OBJ &&
			    (!own || own->style == NP_STYLE_FIELDS ||
			     (own->style == NP_STYLE_LINE && own->children && indent == 0));
		if (tall && i)
			line_end(t);
		np_block_node(t, item, shape, indent);
	}
}

static void block_obj(struct text *t, const np_node *obj, const struct np_shape *shape, int indent)
{
	const struct node_field *text;
	switch (shape ? shape->style : NP_STYLE_FIELDS) {
	case NP_STYLE_LINE:
		block_line(t, obj, shape, indent);
		break;
	case NP_STYLE_TABLE:
		np_block_table(t, obj, shape, indent);
		break;
	case NP_STYLE_VALUE:
		np_put_spaces(&t->buf, (size_t)indent);
		np_put_value(t, obj, indent);
		line_end(t);
		break;
	case NP_STYLE_TEXT:
		text = text_field(obj);
		if (text)
			block_field(t, text, indent);
		break;
	case NP_STYLE_HIDDEN:
		break;
	default:
		block_fields(t, obj, indent);
	}
}

void np_block_node(struct text *t, const np_node *node, const struct np_shape *shape, int indent)
{
	if (t->depth >= NP_OUT_DEPTH_MAX) {
		block_dim(t, indent, "… nested too deeply");
		return;
	}
	t->depth++;
	if (node->kind == NODE_LIST) {
		block_list(t, node, indent);
	} else if (node->kind == NODE_OBJ) {
		block_obj(t, node, node->shape ? node->shape : shape, indent);
	} else if (node->kind == NODE_STR) {
		block_paragraph(t, node->str.s, node->str.n, indent);
	} else if (node->kind != NODE_NULL) {
		np_put_spaces(&t->buf, (size_t)indent);
		np_inline_node(&t->buf, t->how, node, NULL, ROLE_NONE, 0);
		line_end(t);
	}
	t->depth--;
}

void np_render_text(const np_node *root, const struct np_render *how, FILE *out)
{
	struct text t = {.how = how, .out = out};
	np_block_node(&t, root, NULL, 0);
	if (t.buf.len)
		fwrite(t.buf.data, 1, t.buf.len, out);
	np_buf_deinit(&t.buf);
}

/* Text within a line: cells, templates, records and lists in short. */
#include <inttypes.h>
#include <string.h>

#include "out/format.h"
#include "out/redact.h"
#include "out/render.h"

/* Records in records in templates: more than this is nobody's intention. */
enum { INLINE_DEPTH_MAX = 16 };

static enum role role_of_kind(const np_node *node)
{
	if (node->kind == NODE_ADDR)
		return ROLE_ADDR;
	return np_node_is_number(node) ? ROLE_NUM : ROLE_NONE;
}

static void put_scalar(struct np_buf *buf, const np_node *node)
{
	switch (node->kind) {
	case NODE_BOOL:
		np_buf_puts(buf, node->b ? "yes" : "no");
		break;
	case NODE_INT:
		np_buf_printf(buf, "%" PRId64, node->i);
		break;
	case NODE_UINT:
		np_buf_printf(buf, "%" PRIu64, node->u);
		break;
	case NODE_DOUBLE:
		np_format_double(buf, node->d);
		break;
	case NODE_STR:
		np_text_put(buf, node->str.s, node->str.n, NP_TEXT_LINE);
		break;
	case NODE_ADDR:
		np_format_addr(buf, node->u);
		break;
	case NODE_BYTES:
		np_format_bytes(buf, node->u);
		break;
	case NODE_NS:
		np_format_ns(buf, node->u);
		break;
	default:
		break;
	}
}

static void put_record(struct np_buf *buf, const struct np_render *how, const np_node *obj, int depth)
{
	const char *separator = "{";
	for (uint32_t i = 0; i < obj->obj.len; i++) {
		const struct node_field *field = &obj->obj.fields[i];
		if (field->hidden)
			continue;
		np_buf_puts(buf, separator);
		np_paint_text(buf, false, ROLE_NONE, field->key);
		np_buf_puts(buf, ": ");
		np_inline_field(buf, how, field, ROLE_NONE, depth);
		separator = ", ";
	}
	np_buf_puts(buf, *separator == '{' ? "{}" : "}");
}

static void put_columns(struct np_buf *buf, const struct np_render *how, const char *columns, const np_node *obj,
			int depth)
{
	bool first = true;
	while (*columns) {
		size_t n = strcspn(columns, ":,"), whole = strcspn(columns, ",");
		const struct node_field *field = np_node_field_path(obj, columns, n);
		if (field && !np_node_is_blank(field->node)) {
			if (!first)
				np_buf_putc(buf, ' ');
			np_inline_field(buf, how, field, ROLE_NONE, depth);
			first = false;
		}
		columns += whole + (columns[whole] == ',');
	}
}

static void put_obj(struct np_buf *buf, const struct np_render *how, const np_node *obj, const struct np_shape *shape,
		    int depth)
{
	const struct node_field *text;
	switch (shape ? shape->style : NP_STYLE_FIELDS) {
	case NP_STYLE_VALUE:
		np_inline_value(buf, how, obj, depth);
		break;
	case NP_STYLE_LINE:
		if (shape->line)
			np_inline_template(buf, how, shape->line, obj, depth);
		break;
	case NP_STYLE_TEXT:
		text = np_node_field_find(obj, "_text", 5);
		text = text ? text : np_node_field_find(obj, "text", 4);
		if (text)
			np_inline_field(buf, how, text, ROLE_NONE, depth);
		break;
	case NP_STYLE_TABLE:
		if (shape->columns)
			put_columns(buf, how, shape->columns, obj, depth);
		break;
	case NP_STYLE_HIDDEN:
		break;
	default:
		put_record(buf, how, obj, depth);
	}
}

static void put_list(struct np_buf *buf, const struct np_render *how, const np_node *list, int depth)
{
	for (size_t i = 0; i < list->list.len; i++) {
		if (i)
			np_buf_puts(buf, ", ");
		np_inline_node(buf, how, list->list.items[i], list->shape, ROLE_NONE, depth);
	}
}

void np_inline_node(struct np_buf *buf, const struct np_render *how, const np_node *node, const struct np_shape *shape,
		 enum role role, int depth)
{
	bool composite = node->kind == NODE_OBJ || node->kind == NODE_LIST;
	if (composite && depth >= INLINE_DEPTH_MAX) {
		np_buf_puts(buf, "…");
		return;
	}
	struct np_render plain = *how;
	if (composite && role != ROLE_NONE) {
		/* the role paints the whole; paints do not nest */
		plain.color = plain.links = false;
	} else if (!composite && role == ROLE_NONE) {
		role = role_of_kind(node);
	}
	np_paint_begin(buf, how->color, role);
	if (node->kind == NODE_OBJ) {
		put_obj(buf, &plain, node, node->shape ? node->shape : shape, depth + 1);
	} else if (node->kind == NODE_LIST) {
		put_list(buf, &plain, node, depth + 1);
	} else {
		bool linked = how->links && role == ROLE_PATH && node->kind == NODE_STR &&
			      np_link_begin(buf, node->str.s, node->str.n);
		put_scalar(buf, node);
		if (linked)
			np_link_end(buf);
	}
	np_paint_end(buf, how->color, role);
}

/* A string, or the strings of a list. */
static void put_redacted(struct np_buf *buf, const struct np_render *how, const np_node *node)
{
	size_t n = node->kind == NODE_LIST ? node->list.len : 1;
	np_paint_begin(buf, how->color, ROLE_DIM);
	for (size_t i = 0; i < n; i++) {
		const np_node *item = node->kind == NODE_LIST ? node->list.items[i] : node;
		if (i)
			np_buf_puts(buf, ", ");
		if (item->kind == NODE_STR)
			np_redact_text(buf, item->str.s, item->str.n, SIZE_MAX);
	}
	np_paint_end(buf, how->color, ROLE_DIM);
}

void np_inline_field(struct np_buf *buf, const struct np_render *how, const struct node_field *field, enum role role,
		  int depth)
{
	if (field->hidden)
		return;
	if (how->redact && field->sensitive && (field->node->kind == NODE_STR || field->node->kind == NODE_LIST)) {
		put_redacted(buf, how, field->node);
		return;
	}
	np_inline_node(buf, how, field->node, NULL, role, depth);
}

/* Length of the group that begins after '[', to its ']'. */
static size_t group_length(const char *s)
{
	size_t i = 0;
	for (int open = 1; s[i]; i++) {
		if (s[i] == '\\' && s[i + 1])
			i++;
		else if (s[i] == '[')
			open++;
		else if (s[i] == ']' && --open == 0)
			break;
	}
	return i;
}

/* Renders line[0..n) and tells whether every field named outside of nested groups is there. */
static bool template_put(struct np_buf *buf, const struct np_render *how, const char *line, size_t n,
			 const np_node *obj, int depth)
{
	bool complete = true;
	for (size_t i = 0; i < n; i++) {
		char c = line[i];
		if (c == '\\' && i + 1 < n) {
			np_buf_putc(buf, line[++i]);
		} else if (c == '{') {
			const char *name = line + i + 1;
			size_t whole = strcspn(name, "}"), path = strcspn(name, ":}");
			enum role role = path < whole ? np_role_by_name(name + path + 1, whole - path - 1) : ROLE_NONE;
			const struct node_field *field = np_node_field_path(obj, name, path);
			if (!field || field->hidden || np_node_is_blank(field->node))
				complete = false;
			if (field)
				np_inline_field(buf, how, field, role, depth);
			i += whole + 1;
		} else if (c == '[') {
			size_t len = group_length(line + i + 1), mark = buf->len;
			if (!template_put(buf, how, line + i + 1, len, obj, depth) && buf->len > mark) {
				buf->len = mark;
				buf->data[mark] = '\0';
			}
			i += len + 1;
		} else {
			np_buf_putc(buf, c);
		}
	}
	return complete;
}

void np_inline_template(struct np_buf *buf, const struct np_render *how, const char *line, const np_node *obj,
			int depth)
{
	template_put(buf, how, line, strlen(line), obj, depth);
}

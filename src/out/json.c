/*
 * JSON: compact, one object and a newline.  Everything the tree holds is
 * written, but for fields whose name starts with '_'.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "out/format.h"
#include "out/node.h"
#include "out/redact.h"
#include "out/render.h"

/* A VALUE takes up to four levels of records and lists: properties, property, value. */
enum { JSON_DEPTH_MAX = NP_OUT_DEPTH_MAX * 4 };

struct json {
	struct np_buf buf;
	FILE *out;
	bool redact;
	int depth;
};

static void json_flush(struct json *j, size_t above)
{
	if (j->buf.len <= above)
		return;
	fwrite(j->buf.data, 1, j->buf.len, j->out);
	np_buf_clear(&j->buf);
}

static void put_double(struct np_buf *buf, double v)
{
	/* JSON has no NaN and no Infinity, and readers lose the sign of -0 */
	bool quote = !isfinite(v) || (v == 0 && signbit(v));
	if (quote)
		np_buf_putc(buf, '"');
	np_format_double(buf, v);
	if (quote)
		np_buf_putc(buf, '"');
}

static void json_put(struct json *j, const np_node *node);

static void put_redacted(struct json *j, const np_node *owner, const np_node *node, enum redact_as as)
{
	struct np_buf text = {0};
	uint64_t length = 0;
	switch (as) {
	case REDACT_HEX:
		np_node_uint(np_node_get(owner, "byte_length"), &length);
		np_redact_hex(&text, node->str.s, node->str.n, length);
		break;
	case REDACT_STACK:
		np_redact_stack(&text, node->str.s, node->str.n);
		break;
	default:
		if (!np_node_uint(np_node_get(owner, "length"), &length))
			length = SIZE_MAX;
		np_redact_text(&text, node->str.s, node->str.n, length);
	}
	np_text_put_json(&j->buf, np_buf_str(&text), text.len);
	np_buf_deinit(&text);
}

static void put_redacted_list(struct json *j, const np_node *owner, const np_node *list)
{
	np_buf_putc(&j->buf, '[');
	for (size_t i = 0; i < list->list.len; i++) {
		if (i)
			np_buf_putc(&j->buf, ',');
		if (list->list.items[i]->kind == NODE_STR)
			put_redacted(j, owner, list->list.items[i], REDACT_TEXT);
		else
			json_put(j, list->list.items[i]);
	}
	np_buf_putc(&j->buf, ']');
}

static void put_field(struct json *j, const np_node *obj, const struct node_field *field)
{
	enum redact_as as = REDACT_NOT;
	if (j->redact)
		as = field->sensitive ? REDACT_TEXT : np_redact_field(obj, field->key);
	if (as != REDACT_NOT && field->node->kind == NODE_STR)
		put_redacted(j, obj, field->node, as);
	else if (as == REDACT_TEXT && field->node->kind == NODE_LIST)
		put_redacted_list(j, obj, field->node);
	else if (as == REDACT_LIST && field->node->kind == NODE_LIST)
		np_buf_puts(&j->buf, "[]");
	else
		json_put(j, field->node);
}

static void put_obj(struct json *j, const np_node *obj)
{
	bool first = true;
	np_buf_putc(&j->buf, '{');
	for (uint32_t i = 0; i < obj->obj.len; i++) {
		const struct node_field *field = &obj->obj.fields[i];
		if (field->key[0] == '_' && !(obj->shape && obj->shape->style == NP_STYLE_MAP))
			continue;
		if (!first)
			np_buf_putc(&j->buf, ',');
		first = false;
		np_text_put_json(&j->buf, field->key, strlen(field->key));
		np_buf_putc(&j->buf, ':');
		put_field(j, obj, field);
	}
	np_buf_putc(&j->buf, '}');
}

static void put_list(struct json *j, const np_node *list)
{
	np_buf_putc(&j->buf, '[');
	for (size_t i = 0; i < list->list.len; i++) {
		if (i)
			np_buf_putc(&j->buf, ',');
		json_put(j, list->list.items[i]);
		json_flush(j, 1 << 16);
	}
	np_buf_putc(&j->buf, ']');
}

static void json_put(struct json *j, const np_node *node)
{
	if ((node->kind == NODE_OBJ || node->kind == NODE_LIST) && j->depth >= JSON_DEPTH_MAX) {
		np_buf_puts(&j->buf, "{\"truncated\":true,\"reason\":\"nested too deeply\"}");
		return;
	}
	switch (node->kind) {
	case NODE_NULL:
		np_buf_puts(&j->buf, "null");
		break;
	case NODE_BOOL:
		np_buf_puts(&j->buf, node->b ? "true" : "false");
		break;
	case NODE_INT:
		np_buf_printf(&j->buf, "%" PRId64, node->i);
		break;
	case NODE_UINT:
	case NODE_BYTES:
	case NODE_NS:
		np_buf_printf(&j->buf, "%" PRIu64, node->u);
		break;
	case NODE_DOUBLE:
		put_double(&j->buf, node->d);
		break;
	case NODE_STR:
		np_text_put_json(&j->buf, node->str.s, node->str.n);
		break;
	case NODE_ADDR:
		np_buf_putc(&j->buf, '"');
		np_format_addr(&j->buf, node->u);
		np_buf_putc(&j->buf, '"');
		break;
	case NODE_OBJ:
		j->depth++;
		put_obj(j, node);
		j->depth--;
		break;
	case NODE_LIST:
		j->depth++;
		put_list(j, node);
		j->depth--;
		break;
	}
}

void np_render_json(const np_node *root, const struct np_render *how, FILE *out)
{
	struct json j = {.out = out, .redact = how->redact};
	json_put(&j, root);
	np_buf_putc(&j.buf, '\n');
	json_flush(&j, 0);
	np_buf_deinit(&j.buf);
}

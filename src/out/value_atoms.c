/* VALUEs that print as one thing: strings, numbers, functions, errors, dates. */
#include "out/value.h"

#include <inttypes.h>
#include <string.h>

#include "out/format.h"
#include "out/redact.h"

enum { STRING_BRIEF_COLUMNS = 40 };

/* /app/a.js:3:5, in an abbreviation a.js:3 */
static void location_put(struct np_buf *buf, const struct value_ask *ask, const np_node *value)
{
	const char *file = np_node_text(value, "file");
	uint64_t line, column;
	if (!file || !*file)
		return;
	np_buf_putc(buf, ' ');
	if (ask->brief && strrchr(file, '/') && strrchr(file, '/')[1])
		file = strrchr(file, '/') + 1;
	np_name_put(buf, file, NP_TEXT_LINE);
	if (!np_node_uint(np_node_get(value, "line"), &line))
		return;
	np_buf_printf(buf, ":%" PRIu64, line);
	if (!ask->brief && np_node_uint(np_node_get(value, "column"), &column))
		np_buf_printf(buf, ":%" PRIu64, column);
}

void np_take_function(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *name = np_node_text(value, "name"), *class = np_node_text(value, "class");
	bool is_class = np_value_is(value, "function_kind", "class");
	if (!name)
		name = np_node_text(value, "value");
	np_paint_begin(&p->head, ask->how->color, ROLE_PATH);
	np_buf_puts(&p->head, "[");
	np_name_put(&p->head, is_class ? "class" : class && *class ? class : "Function", NP_TEXT_LINE);
	if (name && *name) {
		np_buf_puts(&p->head, is_class ? " " : ": ");
		np_name_put(&p->head, name, NP_TEXT_LINE);
	} else {
		np_buf_puts(&p->head, " (anonymous)");
	}
	location_put(&p->head, ask, value);
	np_buf_puts(&p->head, "]");
	np_paint_end(&p->head, ask->how->color, ROLE_PATH);
	np_parts_put_address(p, ask, value);
	if (np_value_is_expanded(value))
		np_parts_add_body_if_any(p, ask, value);
}

void np_take_error(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *class = np_node_text(value, "class"), *message = np_node_text(value, "message");
	size_t stack_len = 0;
	const char *stack = np_node_strn(np_node_get(value, "stack"), &stack_len);
	np_addr addr = np_value_address(value);
	class = class && *class ? class : "Error";
	if (!ask->brief && stack && stack_len) {
		if (addr) {
			np_paint_printf(&p->head, ask->how->color, ROLE_ADDR, "0x%" PRIx64 " ", addr);
		}
		p->stack = stack;
		p->stack_len = stack_len;
		np_parts_add_body_if_any(p, ask, value);
		/* the blank that np_parts_add_body_if_any() leaves belongs after the stack */
		if (p->open)
			p->head.data[--p->head.len] = '\0';
		return;
	}
	np_paint_begin(&p->head, ask->how->color, ROLE_WARN);
	np_buf_puts(&p->head, "[");
	np_name_put(&p->head, class, NP_TEXT_LINE);
	if (message && *message) {
		np_buf_puts(&p->head, ": ");
		if (ask->how->redact)
			np_redact_text(&p->head, message, strlen(message), SIZE_MAX);
		else
			np_name_put(&p->head, message, NP_TEXT_LINE);
	}
	np_buf_puts(&p->head, "]");
	np_paint_end(&p->head, ask->how->color, ROLE_WARN);
	np_parts_put_address(p, ask, value);
	if (!ask->brief && np_value_is_expanded(value))
		np_parts_add_body_if_any(p, ask, value);
}

/* Suspended calls: `[Generator: walk /app/a.js:3 <suspended>]` */
void np_take_generator(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *name = np_node_text(value, "name"), *state = np_node_text(value, "state");
	const char *class = np_node_text(value, "class");
	/* the constructor of a generator object is Object or its function: no news */
	if (!class || (!strstr(class, "Generator") && !strstr(class, "Async")))
		class = np_value_is(value, "type", "generator") ? "Generator" : "AsyncFunction";
	np_paint_begin(&p->head, ask->how->color, ROLE_PATH);
	np_buf_puts(&p->head, "[");
	np_name_put(&p->head, class, NP_TEXT_LINE);
	if (name && *name) {
		np_buf_puts(&p->head, ": ");
		np_name_put(&p->head, name, NP_TEXT_LINE);
	}
	location_put(&p->head, ask, value);
	if (state) {
		np_buf_puts(&p->head, " <");
		np_name_put(&p->head, state, NP_TEXT_LINE);
		np_buf_puts(&p->head, ">");
	}
	np_buf_puts(&p->head, "]");
	np_paint_end(&p->head, ask->how->color, ROLE_PATH);
	np_parts_put_address(p, ask, value);
	if (np_value_is_expanded(value))
		np_parts_add_body_if_any(p, ask, value);
}

void np_take_string(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	size_t n = 0;
	const char *s = np_node_strn(np_node_get(value, "value"), &n);
	uint64_t length = SIZE_MAX;
	bool known = np_node_uint(np_node_get(value, "length"), &length);
	bool truncated = np_node_bool(np_node_get(value, "truncated"));
	if (!s) {
		np_parts_put_closed(p, ask, value, "String", np_node_get(value, "length"));
		return;
	}
	if (ask->how->redact) {
		np_paint_begin(&p->head, ask->how->color, ROLE_DIM);
		np_redact_text(&p->head, s, n, known ? length : SIZE_MAX);
		np_paint_end(&p->head, ask->how->color, ROLE_DIM);
		return;
	}
	if (ask->brief) {
		size_t keep = np_text_clip(s, n, STRING_BRIEF_COLUMNS);
		keep = keep > 4 * STRING_BRIEF_COLUMNS ? 4 * STRING_BRIEF_COLUMNS : keep;
		while (keep < n && keep > 0 && (s[keep] & 0xc0) == 0x80)
			keep--;
		truncated = truncated || keep < n;
		n = keep;
	}
	np_paint_begin(&p->head, ask->how->color, ROLE_STRING);
	np_buf_putc(&p->head, '"');
	np_text_put(&p->head, s, n, NP_TEXT_QUOTED);
	np_buf_putc(&p->head, '"');
	np_paint_end(&p->head, ask->how->color, ROLE_STRING);
	if (truncated) {
		np_buf_puts(&p->head, "…");
		if (known)
			np_paint_printf(&p->head, ask->how->color, ROLE_DIM, " (%" PRIu64 " chars)", length);
	}
}

void np_take_number(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *number = np_node_get(value, "value");
	struct np_render plain = *ask->how;
	plain.color = plain.links = false;
	np_paint_begin(&p->head, ask->how->color, ROLE_NUM);
	if (number)
		np_inline_node(&p->head, &plain, number, NULL, ROLE_NONE, 0);
	if (np_value_is(value, "type", "bigint"))
		np_buf_putc(&p->head, 'n');
	np_paint_end(&p->head, ask->how->color, ROLE_NUM);
}

void np_take_keyword(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *type = np_node_text(value, "type");
	if (!strcmp(type, "boolean"))
		type = np_node_bool(np_node_get(value, "value")) ? "true" : "false";
	else if (!strcmp(type, "hole"))
		type = "<hole>";
	np_paint_text(&p->head, ask->how->color, ROLE_KEYWORD, type);
}

void np_take_symbol(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *s = np_node_text(value, "value");
	bool wrapped = s && !strncmp(s, "Symbol(", 7);
	np_name_paint(&p->head, ask->how->color, ROLE_STRING, wrapped ? "" : "Symbol(", s ? s : "", wrapped ? "" : ")");
}

void np_take_date(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *node = np_node_get(value, "value");
	if (!node) {
		np_parts_put_closed(p, ask, value, "Date", NULL);
		return;
	}
	int64_t ms;
	np_paint_begin(&p->head, ask->how->color, ROLE_KEYWORD);
	if (node->kind == NODE_STR && strcmp(node->str.s, "NaN"))
		np_name_put(&p->head, node->str.s, NP_TEXT_LINE);
	else if (node->kind == NODE_DOUBLE)
		np_format_date_ms(&p->head, node->d);
	else if (np_node_int(node, &ms))
		np_format_date_ms(&p->head, (double)ms);
	else
		np_buf_puts(&p->head, "Invalid Date");
	np_paint_end(&p->head, ask->how->color, ROLE_KEYWORD);
	if (ask->brief)
		np_parts_put_address(p, ask, value);
	else
		np_parts_add_body_if_any(p, ask, value);
}

void np_take_regexp(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *s = np_node_text(value, "value");
	if (!s) {
		np_parts_put_closed(p, ask, value, "RegExp", NULL);
		return;
	}
	np_name_paint(&p->head, ask->how->color, ROLE_STRING, "", s, "");
	if (ask->brief)
		np_parts_put_address(p, ask, value);
	else
		np_parts_add_body_if_any(p, ask, value);
}

void np_take_accessor(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	bool get = !np_node_is_blank(np_node_get(value, "getter"));
	bool set = !np_node_is_blank(np_node_get(value, "setter"));
	np_paint_text(&p->head, ask->how->color, ROLE_PATH,
		   get && set ? "[Getter/Setter]" : set ? "[Setter]" : get ? "[Getter]" : "[Accessor]");
}

void np_take_unreadable(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *reason = np_node_text(value, "reason");
	np_addr addr = np_value_address(value);
	np_paint_begin(&p->head, ask->how->color, ROLE_WARN);
	np_buf_puts(&p->head, "<unreadable");
	if (addr) {
		np_buf_putc(&p->head, ' ');
		np_format_addr(&p->head, addr);
	}
	if (reason && *reason) {
		np_buf_puts(&p->head, ": ");
		np_name_put(&p->head, reason, NP_TEXT_LINE);
	}
	np_buf_puts(&p->head, ">");
	np_paint_end(&p->head, ask->how->color, ROLE_WARN);
}

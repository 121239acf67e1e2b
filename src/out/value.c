/*
 * A VALUE as JavaScript would write it.  Short things stand on one line; what
 * does not fit is broken at its outermost brackets, and again inside:
 *
 *	Foo 0x2f3a8c1b2d9 {
 *	  name: "x",
 *	  items: [ 1, 2, 3 ],
 *	  cache: [Map(2) 0x2f3a8c1c001],
 *	}
 *
 * An address is shown where there is more to see behind it, or where the value
 * stands alone.  Within a line of other text a VALUE is abbreviated to a
 * bounded number of columns.
 */
#include "out/value.h"

#include <inttypes.h>
#include <string.h>

#include "out/redact.h"

enum {
	WIDTH_DEFAULT = 80,
	WIDTH_MIN = 40,
	WIDTH_MAX = 100,
	STEP = 2,
	BRIEF_COLUMNS = 60,
	BRIEF_NESTED_COLUMNS = 24,
	BRIEF_ITEMS = 5,
	FILL_COLUMNS = 24, /* elements up to this width share lines */
	LINE_BYTES = 50,
};

static void item_put_note(struct np_buf *buf, const struct value_ask *ask, const struct item *item)
{
	bool many = item->count != 1;
	switch (item->kind) {
	case ITEM_HOLES:
		np_paint_printf(buf, ask->how->color, ROLE_DIM, "<%" PRIu64 " empty item%s>", item->count,
				many ? "s" : "");
		break;
	case ITEM_MORE:
		if (!strcmp(item->text, "property"))
			np_paint_printf(buf, ask->how->color, ROLE_DIM, "… %" PRIu64 " more propert%s", item->count,
				     many ? "ies" : "y");
		else
			np_paint_printf(buf, ask->how->color, ROLE_DIM, "… %" PRIu64 " more %s%s", item->count,
					item->text, many ? "s" : "");
		break;
	case ITEM_WORD:
		np_paint_text(buf, ask->how->color, ROLE_KEYWORD, item->text);
		break;
	case ITEM_BYTES:
		np_hex_put(buf, ask, item->node, item->count, ask->brief ? 8 : LINE_BYTES);
		break;
	default:
		break;
	}
}

/* The value of an item; NULL for items that are a note of their own. */
static const np_node *item_value(const struct item *item)
{
	const np_node *value;
	switch (item->kind) {
	case ITEM_PROPERTY:
		value = np_node_get(item->node, "value");
		/* an accessor may stand in the property itself */
		return value ? value : item->node;
	case ITEM_SLOT:
		return np_node_get(item->node, "value");
	case ITEM_ELEMENT:
	case ITEM_ENTRY:
	case ITEM_LABELED:
		return item->node;
	default:
		return NULL;
	}
}

/* `{ get, set }` of a property without a value. */
static bool item_is_accessor(const struct item *item)
{
	return item->kind == ITEM_PROPERTY && !np_node_get(item->node, "value");
}

static void accessor_put(struct np_buf *buf, const struct value_ask *ask, const np_node *property)
{
	bool get = !np_node_is_blank(np_node_get(property, "getter"));
	bool set = !np_node_is_blank(np_node_get(property, "setter"));
	np_paint_text(buf, ask->how->color, ROLE_PATH,
		   get && set ? "[Getter/Setter]" : set ? "[Setter]" : get ? "[Getter]" : "?");
}

static bool too_deep(struct np_buf *buf, const struct value_ask *ask, int depth)
{
	if (depth < NP_OUT_DEPTH_MAX)
		return false;
	np_paint_text(buf, ask->how->color, ROLE_WARN, "<nested too deeply>");
	return true;
}

static bool line_put(struct np_buf *buf, const struct value_ask *ask, const np_node *value, size_t max, int depth);

/* One item within a line; false when it does not fit in max columns. */
static bool line_item(struct np_buf *buf, const struct value_ask *ask, const struct item *item, size_t max, int depth)
{
	size_t from = buf->len;
	struct value_ask inner = *ask;
	inner.address = false;
	if (item->kind == ITEM_ENTRY) {
		if (!line_put(buf, &inner, item->key, max, depth + 1))
			return false;
		np_buf_puts(buf, " => ");
	}
	np_item_put_key(buf, ask, item);
	const np_node *value = item_value(item);
	size_t used = np_text_columns(np_buf_str(buf) + from, buf->len - from);
	if (used > max)
		return false;
	if (item_is_accessor(item))
		accessor_put(buf, ask, item->node);
	else if (value)
		return line_put(buf, &inner, value, max - used, depth + 1);
	else
		item_put_note(buf, ask, item);
	return np_text_columns(np_buf_str(buf) + from, buf->len - from) <= max;
}

/* The whole value on one line of at most max columns, or false (what was written then is to be dropped). */
static bool line_put(struct np_buf *buf, const struct value_ask *ask, const np_node *value, size_t max, int depth)
{
	if (too_deep(buf, ask, depth))
		return true;
	struct parts p;
	struct value_ask bounded = *ask;
	bounded.max_items = max / 2 + 1; /* every item takes two columns at least */
	size_t from = buf->len;
	np_parts_take(&p, &bounded, value);
	np_buf_add(buf, np_buf_str(&p.head), p.head.len);
	bool fits = p.whole && !p.stack && np_text_columns(np_buf_str(buf) + from, buf->len - from) <= max;
	if (fits && p.open) {
		np_buf_putc(buf, p.open);
		for (size_t i = 0; fits && i < p.items.len; i++) {
			np_buf_puts(buf, i ? ", " : " ");
			size_t used = np_text_columns(np_buf_str(buf) + from, buf->len - from);
			fits = used < max && line_item(buf, ask, &p.items.data[i], max - used, depth);
		}
		if (p.items.len)
			np_buf_putc(buf, ' ');
		np_buf_putc(buf, p.close);
		fits = fits && np_text_columns(np_buf_str(buf) + from, buf->len - from) <= max;
	}
	np_parts_deinit(&p);
	return fits;
}

static size_t column_now(const struct text *t)
{
	const char *s = np_buf_str(&t->buf);
	const char *newline = memrchr(s, '\n', t->buf.len);
	const char *line = newline ? newline + 1 : s;
	return np_text_columns(line, t->buf.len - (size_t)(line - s));
}

static size_t line_width(const struct np_render *how)
{
	if (how->width <= 0)
		return WIDTH_DEFAULT;
	return how->width < WIDTH_MIN ? WIDTH_MIN : how->width > WIDTH_MAX ? WIDTH_MAX : (size_t)how->width;
}

static void new_line(struct text *t, int indent)
{
	np_buf_putc(&t->buf, '\n');
	np_put_spaces(&t->buf, (size_t)indent);
}

static void stack_put(struct text *t, const struct parts *p, int indent)
{
	struct np_buf redacted = {0};
	const char *s = p->stack;
	size_t n = p->stack_len;
	if (t->how->redact) {
		np_redact_stack(&redacted, s, n);
		s = np_buf_str(&redacted);
		n = redacted.len;
	}
	for (bool first = true; n > 0; first = false) {
		const char *newline = memchr(s, '\n', n);
		size_t len = newline ? (size_t)(newline - s) : n;
		bool frame = len > 7 && !memcmp(s, "    at ", 7);
		if (!first)
			new_line(t, indent);
		enum role role = first ? ROLE_WARN : frame ? ROLE_DIM : ROLE_NONE;
		np_paint_begin(&t->buf, t->how->color, role);
		np_text_put(&t->buf, s, len, NP_TEXT_LINE);
		np_paint_end(&t->buf, t->how->color, role);
		len += newline != NULL;
		s += len;
		n -= len;
	}
	np_buf_deinit(&redacted);
}

static void broken_put(struct text *t, const struct value_ask *ask, const np_node *value, int indent, int depth);

static void value_put(struct text *t, const struct value_ask *ask, const np_node *value, int indent, int depth)
{
	size_t width = line_width(t->how), used = column_now(t) + 1; /* a comma may follow */
	size_t mark = t->buf.len;
	struct value_ask short_ask = *ask;
	/* an inner value that fits shows all it has: no address needed */
	short_ask.address = ask->address && depth == 0;
	if (width > used && line_put(&t->buf, &short_ask, value, width - used, depth))
		return;
	t->buf.len = mark;
	if (t->buf.data)
		t->buf.data[mark] = '\0';
	broken_put(t, ask, value, indent, depth);
}

static void broken_item(struct text *t, const struct value_ask *ask, const struct item *item, int indent, int depth)
{
	if (item->kind == ITEM_ENTRY) {
		value_put(t, ask, item->key, indent, depth + 1);
		np_buf_puts(&t->buf, " => ");
	}
	np_item_put_key(&t->buf, ask, item);
	const np_node *value = item_value(item);
	if (item_is_accessor(item))
		accessor_put(&t->buf, ask, item->node);
	else if (value)
		value_put(t, ask, value, indent, depth + 1);
	else
		item_put_note(&t->buf, ask, item);
}

/* Short elements share lines; everything else has a line of its own. */
static void broken_items(struct text *t, const struct value_ask *ask, const struct parts *p, int indent, int depth)
{
	struct np_buf cell = {0};
	bool open_line = false; /* the current line takes more elements */
	size_t column = 0;
	for (size_t i = 0; i < p->items.len; i++) {
		const struct item *item = &p->items.data[i];
		bool last = i + 1 == p->items.len;
		np_buf_clear(&cell);
		bool filling = p->open == '[' && (item->kind == ITEM_ELEMENT || item->kind == ITEM_HOLES) &&
			       line_item(&cell, ask, item, FILL_COLUMNS, depth);
		size_t columns = filling ? np_text_columns(np_buf_str(&cell), cell.len) + !last : 0;
		if (filling && open_line && column + 1 + columns <= line_width(t->how)) {
			np_buf_putc(&t->buf, ' ');
			column += 1 + columns;
		} else {
			new_line(t, indent);
			column = (size_t)indent + columns;
		}
		if (filling)
			np_buf_add(&t->buf, np_buf_str(&cell), cell.len);
		else
			broken_item(t, ask, item, indent, depth);
		if (!last)
			np_buf_putc(&t->buf, ',');
		open_line = filling;
	}
	np_buf_deinit(&cell);
}

static void broken_put(struct text *t, const struct value_ask *ask, const np_node *value, int indent, int depth)
{
	if (too_deep(&t->buf, ask, depth))
		return;
	struct parts p;
	struct value_ask all = *ask;
	all.max_items = SIZE_MAX;
	np_parts_take(&p, &all, value);
	np_buf_add(&t->buf, np_buf_str(&p.head), p.head.len);
	if (p.stack) {
		stack_put(t, &p, indent);
		if (p.open)
			np_buf_putc(&t->buf, ' ');
	}
	if (p.open) {
		np_buf_putc(&t->buf, p.open);
		if (p.items.len) {
			broken_items(t, ask, &p, indent + STEP, depth);
			new_line(t, indent);
		}
		np_buf_putc(&t->buf, p.close);
	}
	np_parts_deinit(&p);
}

void np_put_value(struct text *t, const np_node *value, int indent)
{
	struct value_ask ask = {.how = t->how, .address = true};
	value_put(t, &ask, value, indent, 0);
}

/* What an abbreviation shows of a value inside of a value. */
static bool brief_nested(struct np_buf *buf, const struct value_ask *ask, const np_node *value)
{
	struct parts p;
	struct value_ask inner = *ask;
	inner.address = false;
	inner.max_items = 1;
	np_parts_take(&p, &inner, value);
	size_t from = buf->len;
	np_buf_add(buf, np_buf_str(&p.head), p.head.len);
	if (p.open && p.open == '[' && p.head.len == 0) {
		uint64_t n;
		if (np_node_uint(np_node_get(value, "length"), &n))
			np_buf_printf(buf, "Array(%" PRIu64 ")", n);
		else
			np_buf_puts(buf, "[…]");
	} else if (p.open) {
		if (p.items.len)
			np_buf_printf(buf, "%c…%c", p.open, p.close);
		else
			np_buf_printf(buf, "%c%c", p.open, p.close);
	}
	np_parts_deinit(&p);
	return np_text_columns(np_buf_str(buf) + from, buf->len - from) <= BRIEF_NESTED_COLUMNS;
}

static void brief_item(struct np_buf *buf, const struct value_ask *ask, const struct item *item)
{
	if (item->kind == ITEM_ENTRY) {
		size_t from = buf->len;
		if (!brief_nested(buf, ask, item->key))
			np_text_truncate(buf, from, BRIEF_NESTED_COLUMNS, ask->how->color);
		np_buf_puts(buf, " => ");
	}
	size_t from = buf->len;
	np_item_put_key(buf, ask, item);
	np_text_truncate(buf, from, BRIEF_NESTED_COLUMNS, ask->how->color);
	from = buf->len;
	const np_node *value = item_value(item);
	if (item_is_accessor(item))
		accessor_put(buf, ask, item->node);
	else if (!value)
		item_put_note(buf, ask, item);
	else if (!brief_nested(buf, ask, value))
		np_text_truncate(buf, from, BRIEF_NESTED_COLUMNS, ask->how->color);
}

void np_inline_value(struct np_buf *buf, const struct np_render *how, const np_node *value, int depth)
{
	struct value_ask ask = {.how = how, .brief = true, .address = true, .max_items = BRIEF_ITEMS + 1};
	struct parts p;
	size_t from = buf->len;
	np_parts_take(&p, &ask, value);
	np_buf_add(buf, np_buf_str(&p.head), p.head.len);
	np_text_truncate(buf, from, BRIEF_COLUMNS, how->color);
	if (p.open) {
		struct np_buf cell = {0};
		np_buf_putc(buf, p.open);
		for (size_t i = 0; i < p.items.len; i++) {
			np_buf_clear(&cell);
			brief_item(&cell, &ask, &p.items.data[i]);
			size_t used = np_text_columns(np_buf_str(buf) + from, buf->len - from);
			if (i)
				np_buf_puts(buf, ", ");
			if (i == BRIEF_ITEMS || used + np_text_columns(np_buf_str(&cell), cell.len) > BRIEF_COLUMNS) {
				np_buf_puts(buf, "…");
				break;
			}
			np_buf_add(buf, np_buf_str(&cell), cell.len);
		}
		np_buf_putc(buf, p.close);
		np_buf_deinit(&cell);
	}
	if (p.suffix) {
		np_buf_putc(buf, ' ');
		np_paint_printf(buf, how->color, ROLE_ADDR, "0x%" PRIx64, p.suffix);
	}
	np_parts_deinit(&p);
}

/* What stands before a value: property names, symbols, slots. */
#include "out/value.h"

#include <inttypes.h>
#include <string.h>

#include "out/format.h"
#include "out/redact.h"

static bool is_plain_key(const char *s)
{
	if (!*s)
		return false;
	bool digits = true;
	for (const char *c = s; *c; c++)
		digits = digits && *c >= '0' && *c <= '9';
	if (digits)
		return true;
	if (*s >= '0' && *s <= '9')
		return false;
	for (size_t n = strlen(s); n > 0;) {
		uint32_t cp;
		size_t took = np_utf8_decode(s, n, &cp);
		bool word = (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') || (cp >= '0' && cp <= '9') ||
			    cp == '_' || cp == '$' || (cp >= 0xa0 && !np_text_unsafe(cp));
		if (!word)
			return false;
		s += took;
		n -= took;
	}
	return true;
}

static void property_key(struct np_buf *buf, const np_node *property)
{
	size_t n = 0;
	const char *name = np_node_strn(np_node_get(property, "name"), &n);
	const np_node *enumerable = np_node_get(property, "enumerable");
	bool hidden = enumerable && enumerable->kind == NODE_BOOL && !enumerable->b;
	name = name ? name : "";
	if (np_value_is(property, "kind", "symbol")) {
		np_buf_puts(buf, !strncmp(name, "Symbol(", 7) ? "[" : "[Symbol(");
		np_name_put(buf, name, NP_TEXT_LINE);
		np_buf_puts(buf, !strncmp(name, "Symbol(", 7) ? "]" : ")]");
		return;
	}
	if (hidden)
		np_buf_putc(buf, '[');
	if (np_value_is(property, "kind", "private")) {
		np_buf_puts(buf, *name == '#' ? "" : "#");
		np_name_put(buf, name, NP_TEXT_LINE);
	} else if (strlen(name) == n && is_plain_key(name)) {
		np_name_put(buf, name, NP_TEXT_LINE);
	} else {
		np_buf_putc(buf, '"');
		size_t from = buf->len;
		np_text_put(buf, name, n > 4 * NAME_MAX_COLUMNS ? 4 * NAME_MAX_COLUMNS : n, NP_TEXT_QUOTED);
		np_text_truncate(buf, from, NAME_MAX_COLUMNS, false);
		np_buf_putc(buf, '"');
	}
	if (hidden)
		np_buf_putc(buf, ']');
}

void np_item_put_key(struct np_buf *buf, const struct value_ask *ask, const struct item *item)
{
	const char *name;
	switch (item->kind) {
	case ITEM_PROPERTY:
		property_key(buf, item->node);
		np_buf_puts(buf, ": ");
		break;
	case ITEM_SLOT:
		name = np_node_text(item->node, "name");
		np_buf_puts(buf, "[[");
		np_name_put(buf, name ? name : "", NP_TEXT_LINE);
		np_buf_puts(buf, "]]: ");
		break;
	case ITEM_LABELED:
		if (*item->text == '<') { /* a word, not a name: <rejected> Error */
			np_paint_text(buf, ask->how->color, ROLE_KEYWORD, item->text);
			np_buf_putc(buf, ' ');
		} else {
			np_buf_printf(buf, "%s: ", item->text);
		}
		break;
	default:
		break;
	}
}

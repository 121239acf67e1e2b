/* What all VALUEs share: names, items, brackets. */
#include "out/value.h"

#include <inttypes.h>
#include <string.h>

#include "out/format.h"
#include "out/redact.h"

bool np_value_is(const np_node *value, const char *key, const char *text)
{
	const char *s = np_node_text(value, key);
	return s && !strcmp(s, text);
}

/* Text of a name within a line, bounded whatever the target says. */
void np_name_put(struct np_buf *buf, const char *s, enum np_text_mode mode)
{
	size_t from = buf->len;
	np_text_put(buf, s, strnlen(s, 4 * NAME_MAX_COLUMNS), mode);
	np_text_truncate(buf, from, NAME_MAX_COLUMNS, false);
}

void np_name_paint(struct np_buf *buf, bool color, enum role role, const char *before, const char *s,
			 const char *after)
{
	np_paint_begin(buf, color, role);
	np_buf_puts(buf, before);
	np_name_put(buf, s, NP_TEXT_LINE);
	np_buf_puts(buf, after);
	np_paint_end(buf, color, role);
}

static void address_put(struct np_buf *buf, bool color, np_addr addr)
{
	np_paint_begin(buf, color, ROLE_ADDR);
	np_format_addr(buf, addr);
	np_paint_end(buf, color, ROLE_ADDR);
}

np_addr np_value_address(const np_node *value)
{
	np_addr addr = 0;
	return np_node_addr(np_node_get(value, "address"), &addr) ? addr : 0;
}

bool np_value_is_expanded(const np_node *value)
{
	static const char *const bodies[] = {"properties", "elements", "entries", "bytes", "internal"};
	for (size_t i = 0; i < NP_ARRAY_LEN(bodies); i++)
		if (np_node_get(value, bodies[i]))
			return true;
	return false;
}

bool np_parts_add(struct parts *p, const struct value_ask *ask, struct item item)
{
	if (p->items.len >= ask->max_items) {
		p->whole = false;
		return false;
	}
	np_vec_push(&p->items, item);
	return true;
}

static void more_add(struct parts *p, const struct value_ask *ask, uint64_t shown, const np_node *total_node,
		     const char *what)
{
	uint64_t total;
	if (np_node_uint(total_node, &total) && total > shown)
		np_parts_add(p, ask, (struct item){.kind = ITEM_MORE, .count = total - shown, .text = what});
}

static void elements_add(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *elements = np_node_get(value, "elements");
	if (!elements)
		return;
	uint64_t shown = 0;
	for (size_t i = 0; i < np_node_len(elements); i++) {
		const np_node *element = np_node_at(elements, i);
		uint64_t run = 1;
		struct item *last = p->items.len ? &p->items.data[p->items.len - 1] : NULL;
		if (np_value_is(element, "type", "hole")) {
			np_node_uint(np_node_get(element, "count"), &run);
			if (last && last->kind == ITEM_HOLES)
				last->count += run;
			else if (!np_parts_add(p, ask, (struct item){.kind = ITEM_HOLES, .count = run}))
				return;
		} else if (!np_parts_add(p, ask, (struct item){.kind = ITEM_ELEMENT, .node = element})) {
			return;
		}
		shown = shown + run < shown ? UINT64_MAX : shown + run;
	}
	more_add(p, ask, shown, np_node_get(value, "length"), "item");
}

static void entries_add(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *entries = np_node_get(value, "entries");
	if (!entries)
		return;
	for (size_t i = 0; i < np_node_len(entries); i++) {
		const np_node *entry = np_node_at(entries, i);
		struct item item = {.kind = ITEM_ELEMENT, .node = entry};
		if (np_node_is_list(entry)) {
			item.node = np_node_at(entry, 0);
			if (np_node_len(entry) > 1 && !np_value_is(value, "type", "set") &&
			    !np_value_is(value, "type", "weakset"))
				item = (struct item){
					.kind = ITEM_ENTRY, .key = item.node, .node = np_node_at(entry, 1)};
		}
		if (item.node && !np_parts_add(p, ask, item))
			return;
	}
	more_add(p, ask, np_node_len(entries), np_node_get(value, "size"), "item");
}

static void slots_add(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	/* WeakRefs and bound functions: slots that have a field of their own; a proxy's are told by np_take_proxy() */
	static const char *const named[] = {"target", "this", "arguments"};
	bool has_named = np_value_is(value, "type", "object") || np_value_is(value, "type", "function");
	for (size_t i = 0; has_named && i < NP_ARRAY_LEN(named); i++) {
		const np_node *slot = np_node_get(value, named[i]);
		if (slot && !np_parts_add(p, ask, (struct item){.kind = ITEM_LABELED, .text = named[i], .node = slot}))
			return;
	}
	const np_node *slots = np_node_get(value, "internal");
	for (size_t i = 0; i < np_node_len(slots); i++)
		if (!np_parts_add(p, ask, (struct item){.kind = ITEM_SLOT, .node = np_node_at(slots, i)}))
			return;
}

static void properties_add(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *properties = np_node_get(value, "properties");
	if (!properties)
		return;
	/* the head of an error has told these */
	bool error = np_value_is(value, "type", "error");
	bool skip_stack = error && np_node_get(value, "stack");
	bool skip_message = error && (skip_stack || np_node_get(value, "message"));
	for (size_t i = 0; i < np_node_len(properties); i++) {
		const np_node *property = np_node_at(properties, i);
		if ((skip_stack && np_value_is(property, "name", "stack")) ||
		    (skip_message && np_value_is(property, "name", "message")))
			continue;
		if (!np_parts_add(p, ask, (struct item){.kind = ITEM_PROPERTY, .node = property}))
			return;
	}
	more_add(p, ask, np_node_len(properties), np_node_get(value, "property_count"), "property");
}

void np_parts_add_body(struct parts *p, const struct value_ask *ask, const np_node *value, char open, char close)
{
	p->open = open;
	p->close = close;
	/* the hex of a buffer has told its elements */
	if (open == '[' || !np_node_get(value, "bytes"))
		elements_add(p, ask, value);
	entries_add(p, ask, value);
	slots_add(p, ask, value);
	properties_add(p, ask, value);
}

/* A value that prints as one thing gets a body only when there is something in it. */
void np_parts_add_body_if_any(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	np_parts_add_body(p, ask, value, '{', '}');
	if (p->items.len == 0 && p->whole)
		p->open = p->close = 0;
	else
		np_buf_putc(&p->head, ' ');
}

/* `Foo ` or `Foo(3) 0x... `: what stands before the bracket. */
void np_parts_put_class(struct parts *p, const struct value_ask *ask, const np_node *value, const char *fallback,
		      const np_node *count_node, bool plain)
{
	const char *class = np_node_text(value, "class");
	np_addr addr = ask->address && !ask->brief ? np_value_address(value) : 0;
	bool null_prototype = np_node_bool(np_node_get(value, "null_prototype"));
	uint64_t count;
	class = class && *class ? class : fallback;
	if (ask->brief && ask->address)
		p->suffix = np_value_address(value);
	/* plain objects and arrays are told by their brackets */
	if (plain && !addr && !null_prototype && !strcmp(class, fallback))
		return;
	np_name_paint(&p->head, ask->how->color, ROLE_NAME, null_prototype ? "[" : "", class,
		     null_prototype ? ": null prototype]" : "");
	if (np_node_uint(count_node, &count))
		np_buf_printf(&p->head, "(%" PRIu64 ")", count);
	np_buf_putc(&p->head, ' ');
	if (addr) {
		address_put(&p->head, ask->how->color, addr);
		np_buf_putc(&p->head, ' ');
	}
}

/* `[Foo 0x...]`: not expanded. */
void np_parts_put_closed(struct parts *p, const struct value_ask *ask, const np_node *value, const char *fallback,
		       const np_node *count_node)
{
	const char *class = np_node_text(value, "class");
	np_addr addr = np_value_address(value);
	uint64_t count;
	bool circular = np_node_bool(np_node_get(value, "circular"));
	np_name_paint(&p->head, ask->how->color, ROLE_PATH, circular ? "[Circular " : "[",
		     class && *class ? class : fallback, "");
	np_paint_begin(&p->head, ask->how->color, ROLE_PATH);
	if (np_node_uint(count_node, &count))
		np_buf_printf(&p->head, "(%" PRIu64 ")", count);
	np_paint_end(&p->head, ask->how->color, ROLE_PATH);
	if (addr && (!ask->brief || ask->address)) {
		np_buf_putc(&p->head, ' ');
		address_put(&p->head, ask->how->color, addr);
	}
	np_paint_text(&p->head, ask->how->color, ROLE_PATH, "]");
}

/* Where an atom is: after it, in an abbreviation only when asked for. */
void np_parts_put_address(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	np_addr addr = np_value_address(value);
	if (ask->brief && ask->address) {
		p->suffix = addr;
	} else if (!ask->brief && addr) {
		np_buf_putc(&p->head, ' ');
		address_put(&p->head, ask->how->color, addr);
	}
}

static const struct {
	const char *type;
	void (*take)(struct parts *p, const struct value_ask *ask, const np_node *value);
} takers[] = {
	{"object", np_take_object},	 {"string", np_take_string},     {"smi", np_take_number},
	{"number", np_take_number},	 {"array", np_take_array},	      {"function", np_take_function},
	{"undefined", np_take_keyword},	 {"null", np_take_keyword},      {"boolean", np_take_keyword},
	{"hole", np_take_keyword},		 {"symbol", np_take_symbol},     {"bigint", np_take_number},
	{"error", np_take_error},		 {"promise", np_take_promise},   {"map", np_take_collection},
	{"set", np_take_collection},	 {"weakmap", np_take_collection}, {"weakset", np_take_collection},
	{"date", np_take_date},		 {"regexp", np_take_regexp},     {"arraybuffer", np_take_bytes},
	{"typedarray", np_take_bytes},	 {"dataview", np_take_bytes},    {"proxy", np_take_proxy},
	{"generator", np_take_generator},	 {"asyncfunction", np_take_generator}, {"accessor", np_take_accessor},
	{"external", np_take_external},	 {"wasm", np_take_external},     {"unreadable", np_take_unreadable},
	{"weakref", np_take_object},	 {"module", np_take_object},  {"internal", np_take_object},
};

void np_parts_take(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	*p = (struct parts){.whole = true};
	const char *type = np_node_text(value, "type");
	if (!value || value->kind != NODE_OBJ || !type) {
		/* a plain cell where a VALUE is usual, such as a length */
		if (value)
			np_inline_node(&p->head, ask->how, value, NULL, ROLE_NONE, 8);
		return;
	}
	if (np_node_bool(np_node_get(value, "circular"))) {
		np_parts_put_closed(p, ask, value, "Object", NULL);
		return;
	}
	for (size_t i = 0; i < NP_ARRAY_LEN(takers); i++) {
		if (!strcmp(takers[i].type, type)) {
			takers[i].take(p, ask, value);
			return;
		}
	}
	np_parts_put_closed(p, ask, value, type, NULL);
}

void np_parts_deinit(struct parts *p)
{
	np_buf_deinit(&p->head);
	np_vec_deinit(&p->items);
}

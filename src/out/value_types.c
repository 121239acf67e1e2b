/* VALUEs with something inside: objects, arrays, collections, bytes, promises. */
#include "out/value.h"

#include <inttypes.h>
#include <string.h>

#include "out/format.h"
#include "out/redact.h"

enum { HEX_BYTES = 50, HEX_BRIEF_BYTES = 8 };

void np_take_object(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *primitive = np_node_get(value, "primitive");
	if (primitive) {
		np_parts_add(p, ask, (struct item){.kind = ITEM_ELEMENT, .node = primitive});
		np_parts_put_class(p, ask, value, "Object", NULL, false);
		np_parts_add_body(p, ask, value, '{', '}');
		return;
	}
	if (!np_value_is_expanded(value)) {
		np_parts_put_closed(p, ask, value, "Object", NULL);
		return;
	}
	np_parts_put_class(p, ask, value, "Object", NULL, true);
	np_parts_add_body(p, ask, value, '{', '}');
}

void np_take_array(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	if (!np_value_is_expanded(value)) {
		np_parts_put_closed(p, ask, value, "Array", np_node_get(value, "length"));
		return;
	}
	np_parts_put_class(p, ask, value, "Array", np_node_get(value, "length"), true);
	np_parts_add_body(p, ask, value, '[', ']');
}

void np_take_collection(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	static const char *const names[][2] = {
		{"map", "Map"}, {"set", "Set"}, {"weakmap", "WeakMap"}, {"weakset", "WeakSet"}};
	const char *fallback = "Map";
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
		if (np_value_is(value, "type", names[i][0]))
			fallback = names[i][1];
	if (!np_value_is_expanded(value)) {
		np_parts_put_closed(p, ask, value, fallback, np_node_get(value, "size"));
		return;
	}
	np_parts_put_class(p, ask, value, fallback, np_node_get(value, "size"), false);
	np_parts_add_body(p, ask, value, '{', '}');
}

void np_hex_put(struct np_buf *buf, const struct value_ask *ask, const np_node *hex, uint64_t total, size_t max)
{
	const char *s = np_node_str(hex);
	size_t n = s ? strlen(s) / 2 : 0, shown = n < max ? n : max;
	if (total < n)
		total = n;
	if (s && ask->how->redact) {
		np_redact_hex(buf, s, strlen(s), total);
		return;
	}
	np_buf_putc(buf, '<');
	for (size_t i = 0; i < shown; i++) {
		if (i)
			np_buf_putc(buf, ' ');
		np_text_put(buf, s + 2 * i, 2, NP_TEXT_LINE);
	}
	if (total > shown)
		np_buf_printf(buf, ask->brief ? "%s…" : "%s… %" PRIu64 " more byte%s", shown ? " " : "", total - shown,
			      total - shown == 1 ? "" : "s");
	np_buf_putc(buf, '>');
}

void np_take_bytes(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *bytes = np_node_get(value, "bytes"), *length = np_node_get(value, "length");
	const char *class = np_node_text(value, "class");
	const np_node *byte_length = np_node_get(value, "byte_length");
	bool typed = np_value_is(value, "type", "typedarray");
	bool wide = typed && class && !strstr(class, "Buffer") && !strstr(class, "nt8");
	/* the length of views on single bytes is in bytes, too */
	if (!byte_length && !wide)
		byte_length = length;
	uint64_t total = 0;
	np_node_uint(byte_length, &total);
	const char *fallback = typed ? "TypedArray" : "ArrayBuffer";
	if (np_value_is(value, "type", "dataview"))
		fallback = "DataView";
	bool buffer = class && (!strcmp(class, "Buffer") || !strcmp(class, "FastBuffer"));
	if (!np_value_is_expanded(value)) {
		np_parts_put_closed(p, ask, value, fallback, length);
		return;
	}
	if (typed && buffer && bytes) {
		struct np_buf hex = {0};
		np_hex_put(&hex, ask, bytes, total, ask->brief ? HEX_BRIEF_BYTES : HEX_BYTES);
		const char *inside = np_buf_str(&hex) + 1; /* <61 62> or <redacted ...> */
		np_paint_begin(&p->head, ask->how->color, ROLE_PATH);
		np_buf_printf(&p->head, *inside == '>' ? "<Buffer%s" : "<Buffer %s", inside);
		np_paint_end(&p->head, ask->how->color, ROLE_PATH);
		np_buf_deinit(&hex);
		if (ask->address)
			np_parts_put_address(p, ask, value);
		np_parts_add_body_if_any(p, ask, value);
		return;
	}
	if (typed && np_node_get(value, "elements")) {
		np_parts_put_class(p, ask, value, "TypedArray", length, false);
		if (ask->how->redact) {
			p->open = '[';
			p->close = ']';
			np_parts_add(p, ask, (struct item){.kind = ITEM_WORD, .text = "<redacted>"});
			return;
		}
		np_parts_add_body(p, ask, value, '[', ']');
		return;
	}
	np_parts_put_class(p, ask, value, fallback, typed ? length : NULL, false);
	if (bytes)
		np_parts_add(p, ask, (struct item){.kind = ITEM_BYTES, .node = bytes, .count = total});
	if (!typed && byte_length)
		np_parts_add(p, ask, (struct item){.kind = ITEM_LABELED, .text = "byteLength", .node = byte_length});
	np_parts_add_body(p, ask, value, '{', '}');
}

void np_take_promise(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const char *state = np_node_text(value, "state");
	const np_node *result = np_node_get(value, "result");
	if (!state) {
		np_take_object(p, ask, value);
		return;
	}
	np_parts_put_class(p, ask, value, "Promise", NULL, false);
	if (!strcmp(state, "pending"))
		np_parts_add(p, ask, (struct item){.kind = ITEM_WORD, .text = "<pending>"});
	else if (!strcmp(state, "rejected") && !result)
		np_parts_add(p, ask, (struct item){.kind = ITEM_WORD, .text = "<rejected>"});
	else if (!strcmp(state, "rejected"))
		np_parts_add(p, ask, (struct item){.kind = ITEM_LABELED, .text = "<rejected>", .node = result});
	else if (result)
		np_parts_add(p, ask, (struct item){.kind = ITEM_ELEMENT, .node = result});
	else
		np_parts_add(p, ask, (struct item){.kind = ITEM_WORD, .text = "<fulfilled>"});
	np_parts_add_body(p, ask, value, '{', '}');
}

void np_take_proxy(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	const np_node *target = np_node_get(value, "target"), *handler = np_node_get(value, "handler");
	if (!target && !handler && !np_value_is_expanded(value)) {
		np_parts_put_closed(p, ask, value, "Proxy", NULL);
		return;
	}
	np_parts_put_class(p, ask, value, "Proxy", NULL, false);
	if (target)
		np_parts_add(p, ask, (struct item){.kind = ITEM_LABELED, .text = "target", .node = target});
	if (handler)
		np_parts_add(p, ask, (struct item){.kind = ITEM_LABELED, .text = "handler", .node = handler});
	np_parts_add_body(p, ask, value, '{', '}');
}

void np_take_external(struct parts *p, const struct value_ask *ask, const np_node *value)
{
	if (np_value_is_expanded(value))
		np_take_object(p, ask, value);
	else
		np_parts_put_closed(p, ask, value, np_value_is(value, "type", "wasm") ? "WebAssembly" : "External",
				    NULL);
}

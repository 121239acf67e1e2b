/*
 * Inside of the out layer: what a VALUE consists of, before it is laid out.
 *
 * Every VALUE is a head (`Foo`, `"text"`, `[Function: f]`) and, when it was
 * expanded, a body of items between brackets.  value_parts.c takes a VALUE
 * apart by its type; value.c puts the parts on one line or on several.
 */
#ifndef NP_OUT_VALUE_H
#define NP_OUT_VALUE_H

#include "base/vec.h"
#include "out/render.h"

enum item_kind {
	ITEM_ELEMENT,  /* node */
	ITEM_HOLES,    /* count */
	ITEM_ENTRY,    /* key => node */
	ITEM_PROPERTY, /* node is the property record */
	ITEM_SLOT,     /* node is {name, value}: [[name]]: value */
	ITEM_LABELED,  /* text: node */
	ITEM_WORD,     /* text, painted */
	ITEM_BYTES,    /* node is a string of hex digits, count bytes in all */
	ITEM_MORE,     /* … count more text */
};

struct item {
	enum item_kind kind;
	const np_node *node, *key;
	const char *text;
	uint64_t count;
};

/* Who asks. */
struct value_ask {
	const struct np_render *how;
	bool brief;	 /* an abbreviation within a line */
	bool address;	 /* a composite shows where it is */
	size_t max_items; /* more are not needed */
};

struct parts {
	struct np_buf head;
	const char *stack; /* an error's stack follows the head, in lines of its own */
	size_t stack_len;
	char open, close; /* 0: no body */
	NP_VEC(struct item) items;
	bool whole;	 /* not cut by max_items */
	np_addr suffix;	 /* address after the value, 0 none */
};

void np_parts_take(struct parts *p, const struct value_ask *ask, const np_node *value);
void np_parts_deinit(struct parts *p);
/* `name: ` of a property. */
void np_item_put_key(struct np_buf *buf, const struct value_ask *ask, const struct item *item);
/* Bytes in hex as <61 62 63 ...>, at most max of them. */
void np_hex_put(struct np_buf *buf, const struct value_ask *ask, const np_node *hex, uint64_t total, size_t max);

enum { NAME_MAX_COLUMNS = 120 };

/* value_parts.c: for the takers */
bool np_value_is(const np_node *value, const char *key, const char *text);
np_addr np_value_address(const np_node *value); /* 0 none */
bool np_value_is_expanded(const np_node *value);
/* Text of a name within a line, bounded whatever the target says. */
void np_name_put(struct np_buf *buf, const char *s, enum np_text_mode mode);
void np_name_paint(struct np_buf *buf, bool color, enum role role, const char *before, const char *s,
		   const char *after);
bool np_parts_add(struct parts *p, const struct value_ask *ask, struct item item);
void np_parts_add_body(struct parts *p, const struct value_ask *ask, const np_node *value, char open, char close);
void np_parts_add_body_if_any(struct parts *p, const struct value_ask *ask, const np_node *value);
void np_parts_put_class(struct parts *p, const struct value_ask *ask, const np_node *value, const char *fallback,
		     const np_node *count_node, bool plain);
void np_parts_put_closed(struct parts *p, const struct value_ask *ask, const np_node *value, const char *fallback,
		      const np_node *count_node);
void np_parts_put_address(struct parts *p, const struct value_ask *ask, const np_node *value);

/* value_types.c, value_atoms.c: one for each kind of VALUE */
typedef void value_taker(struct parts *p, const struct value_ask *ask, const np_node *value);
value_taker np_take_object, np_take_array, np_take_collection, np_take_bytes, np_take_promise, np_take_proxy,
	np_take_external;
value_taker np_take_function, np_take_error, np_take_generator, np_take_string, np_take_number, np_take_keyword,
	np_take_symbol, np_take_date, np_take_regexp, np_take_accessor, np_take_unreadable;

#endif

/*
 * Answers as data: a command builds one tree of typed cells; text and JSON
 * are two renderings of it.  No command formats a number, escapes a string or
 * prints.  This layer knows the shapes of docs (see CLI contract), not V8.
 *
 * A record (np_obj) has fields in order; a list has elements.  A shape says how
 * a record looks as text; JSON needs no shape.  Fields whose name starts with
 * '_' are for text only and never reach JSON; fields marked with np_hide() never reach
 * text.
 *
 * Line templates (shape->line):
 *   {field}       the cell, in the colour of its kind
 *   {field:role}  in the colour of a role: name path num dim addr warn string keyword
 *   {a.b}         field b of the record in field a
 *   [ ... ]       printed only when every field named inside is present and
 *                 neither null, false, "" nor an empty list
 *   \[ \{ \\      literal
 * A list or record in a template is rendered inline by its own shape, elements
 * joined by ", ".  A shape whose line is NULL or "" prints no line of its own
 * and does not indent its children: the usual root.
 *
 * Nesting is bounded: what lies deeper than NP_OUT_DEPTH_MAX is marked as such.
 */
#ifndef NP_OUT_OUT_H
#define NP_OUT_OUT_H

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

typedef struct np_node np_node;

enum { NP_OUT_DEPTH_MAX = 200 };

enum np_style {
	NP_STYLE_FIELDS, /* "key: value" lines, nested records indented (default) */
	NP_STYLE_LINE,	 /* shape->line, then shape->children indented below */
	NP_STYLE_TABLE,	 /* for element shapes: the list becomes an aligned table, columns as in shape->columns */
	NP_STYLE_VALUE,	 /* a JavaScript VALUE of the CLI contract, pretty-printed */
	NP_STYLE_TEXT,	 /* field "_text", else "text", verbatim (line by line, neutralised) */
	NP_STYLE_MAP,	 /* FIELDS whose keys are the target's own names: shown as they are, '_' is not special */
	NP_STYLE_HIDDEN, /* JSON only */
};

struct np_shape {
	const char *name;
	enum np_style style;
	const char *line;     /* NP_STYLE_LINE */
	const char *children; /* comma-separated field names rendered below, indented; NULL none */
	const char *columns;  /* NP_STYLE_TABLE: "field:Heading:role,..."; right-aligned where the cell is a number */
	const char *empty;    /* text for an empty list of this shape, e.g. "no threads" */
	int indent;	      /* spaces before children; 0 = 4, negative = none */
};

/*
 * A VALUE of the CLI contract.  Besides `type`, `value`, `address` and `class`
 * the text renderer understands, all optional:
 *   string        length (UTF-16 units of the whole), truncated
 *   array         length, elements (VALUEs; a run of holes is one VALUE of type hole with `count`)
 *   any object    properties [{name, value, kind, enumerable}], property_count where there are more,
 *                 internal [{name, value}] for internal slots, null_prototype, circular
 *                 -- without properties, elements, entries and bytes it was not expanded: `[Foo 0x...]`
 *   map, set      size, entries [[key, value]] or [[value]]
 *   function      name, file, line, column; function_kind "class" for class constructors
 *   error         message, stack (text)
 *   promise       state (pending | fulfilled | rejected), result (VALUE)
 *   generator, asyncfunction   state, name, file, line, column
 *   proxy         target, handler (VALUEs)
 *   date          value: ISO text, or milliseconds since the epoch as a number
 *   regexp        value: /source/flags
 *   typedarray    length, elements or bytes (hex); class Buffer prints as <Buffer ..>; byte_length
 *   arraybuffer, dataview   byte_length, bytes
 *   accessor      getter, setter: a VALUE or true
 *   boxed         primitive (VALUE): class Number, String, ...
 *   unreadable    reason
 */
extern const struct np_shape np_shape_value;

np_node *np_obj(np_arena *arena, const struct np_shape *shape); /* shape may be NULL */
np_node *np_list(np_arena *arena, const struct np_shape *element_shape);

/* Setting a field that exists replaces it, in place.  Strings are UTF-8 (repaired where not) and are copied. */
void np_set_null(np_node *obj, const char *key);
void np_set_bool(np_node *obj, const char *key, bool v);
void np_set_int(np_node *obj, const char *key, int64_t v);
void np_set_uint(np_node *obj, const char *key, uint64_t v);
void np_set_double(np_node *obj, const char *key, double v); /* NaN, +-Infinity, -0 become strings in JSON */
void np_set_str(np_node *obj, const char *key, const char *v); /* NULL: field is not set */
void np_set_strn(np_node *obj, const char *key, const char *v, size_t n);
void np_set_addr(np_node *obj, const char *key, np_addr v);  /* JSON "0x..." */
void np_set_bytes(np_node *obj, const char *key, uint64_t v); /* a size: text 1.5 MiB, JSON integer; key ends in _bytes */
void np_set_ns(np_node *obj, const char *key, uint64_t v);    /* a duration: key ends in _ns */
void np_set_node(np_node *obj, const char *key, np_node *v);
/* Marks a field so that it never reaches text. */
void np_hide(np_node *obj, const char *key);
/* Marks a field, a string or a list of strings, as content of the target: --redact replaces it (VALUEs need no mark). */
void np_sensitive(np_node *obj, const char *key);

void np_add(np_node *list, np_node *element);
void np_add_str(np_node *list, const char *v);
void np_add_addr(np_node *list, np_addr v);
void np_add_int(np_node *list, int64_t v);

/* Reading back (shell pipes, grouping, tests). NULL / false when absent or of another kind. */
np_node *np_node_get(const np_node *obj, const char *key);
size_t np_node_len(const np_node *list);
np_node *np_node_at(const np_node *list, size_t i);
bool np_node_addr(const np_node *node, np_addr *ret);
bool np_node_int(const np_node *node, int64_t *ret);
bool np_node_bool(const np_node *node); /* true only for a true boolean */
const char *np_node_str(const np_node *node);
const char *np_node_strn(const np_node *node, size_t *ret_len); /* the text may hold NUL */
/* Field i of a record, NULL past the end. */
np_node *np_node_field(const np_node *obj, size_t i, const char **ret_key);
bool np_node_is_obj(const np_node *node);
bool np_node_is_list(const np_node *node);
void np_node_set_shape(np_node *node, const struct np_shape *shape);

struct np_render {
	bool json;
	bool color;
	int width;	/* terminal columns, 0 = unlimited */
	bool redact;	/* string contents of VALUEs become their length and a hash */
	bool links;	/* OSC 8 links for file paths */
};
/* Renders to a stream; ends with a newline.  NP_EIO when the stream fails (errno is kept: EPIPE). */
np_err *np_render(const np_node *root, const struct np_render *how, FILE *out) NP_MUST;

#endif

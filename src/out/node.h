/* Inside of the out layer: what a node is made of. */
#ifndef NP_OUT_NODE_H
#define NP_OUT_NODE_H

#include "out/out.h"

enum node_kind {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_UINT,
	NODE_DOUBLE,
	NODE_STR,
	NODE_ADDR,
	NODE_BYTES, /* a size in bytes */
	NODE_NS,    /* a duration in nanoseconds */
	NODE_OBJ,
	NODE_LIST,
};

struct node_field {
	const char *key;
	np_node *node;
	bool hidden;	/* never in text */
	bool sensitive; /* replaced under --redact */
};

struct np_node {
	enum node_kind kind;
	const struct np_shape *shape; /* of a record; of a list: of its elements */
	union {
		bool b;
		int64_t i;
		uint64_t u; /* UINT, ADDR, BYTES, NS */
		double d;
		struct {
			const char *s; /* valid UTF-8, NUL-terminated, may hold NUL */
			size_t n;
		} str;
		struct {
			np_arena *arena;
			struct node_field *fields;
			uint32_t len, cap;
		} obj;
		struct {
			np_arena *arena;
			np_node **items;
			size_t len, cap;
		} list;
	};
};

static inline bool node_is_value(const np_node *node)
{
	return node && node->kind == NODE_OBJ && node->shape && node->shape->style == NP_STYLE_VALUE;
}

struct node_field *np_node_field_find(const np_node *obj, const char *key, size_t key_len);
/* "a.b.c": a field of a field. */
struct node_field *np_node_field_path(const np_node *obj, const char *path, size_t path_len);
/* Absent, null, false, "" or an empty list: what a template's [ ] leaves out. */
bool np_node_is_blank(const np_node *node);
bool np_node_is_number(const np_node *node);
/* Field as text, or NULL. */
const char *np_node_text(const np_node *obj, const char *key);
bool np_node_uint(const np_node *node, uint64_t *ret);

#endif

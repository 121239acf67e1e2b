/* Building and reading the tree of an answer; see out.h. */
#include "out/node.h"

#include <string.h>

#include "base/text.h"

const struct np_shape np_shape_value = {.name = "value", .style = NP_STYLE_VALUE};

np_node *np_obj(np_arena *arena, const struct np_shape *shape)
{
	np_node *node = NP_NEW(arena, np_node);
	node->kind = NODE_OBJ;
	node->shape = shape;
	node->obj.arena = arena;
	return node;
}

np_node *np_list(np_arena *arena, const struct np_shape *element_shape)
{
	np_node *node = NP_NEW(arena, np_node);
	node->kind = NODE_LIST;
	node->shape = element_shape;
	node->list.arena = arena;
	return node;
}

/* Arenas do not free: growing by doubling wastes at most what is in use. */
static void *array_grow(np_arena *arena, void *data, size_t len, size_t cap, size_t elem_bytes)
{
	void *fresh = np_arena_alloc(arena, cap * elem_bytes);
	if (len)
		memcpy(fresh, data, len * elem_bytes);
	return fresh;
}

struct node_field *np_node_field_find(const np_node *obj, const char *key, size_t key_len)
{
	if (!obj || obj->kind != NODE_OBJ)
		return NULL;
	for (uint32_t i = 0; i < obj->obj.len; i++) {
		const char *k = obj->obj.fields[i].key;
		if (!strncmp(k, key, key_len) && k[key_len] == '\0')
			return &obj->obj.fields[i];
	}
	return NULL;
}

struct node_field *np_node_field_path(const np_node *obj, const char *path, size_t path_len)
{
	struct node_field *whole = np_node_field_find(obj, path, path_len);
	/* a name may hold a dot of its own */
	if (whole)
		return whole;
	for (;;) {
		const char *dot = memchr(path, '.', path_len);
		struct node_field *field = np_node_field_find(obj, path, dot ? (size_t)(dot - path) : path_len);
		if (!dot || !field)
			return field;
		path_len -= (size_t)(dot + 1 - path);
		path = dot + 1;
		obj = field->node;
	}
}

static void field_set(np_node *obj, const char *key, np_node *value)
{
	struct node_field *field = np_node_field_find(obj, key, strlen(key));
	if (field) {
		field->node = value;
		return;
	}
	if (obj->obj.len == obj->obj.cap) {
		uint32_t cap = obj->obj.cap ? obj->obj.cap * 2 : 4;
		obj->obj.fields = array_grow(obj->obj.arena, obj->obj.fields, obj->obj.len, cap,
					     sizeof(*obj->obj.fields));
		obj->obj.cap = cap;
	}
	obj->obj.fields[obj->obj.len++] = (struct node_field){
		.key = np_arena_strdup(obj->obj.arena, key),
		.node = value,
	};
}

static np_node *scalar(np_arena *arena, enum node_kind kind)
{
	np_node *node = NP_NEW(arena, np_node);
	node->kind = kind;
	return node;
}

static np_node *scalar_uint(np_arena *arena, enum node_kind kind, uint64_t v)
{
	np_node *node = scalar(arena, kind);
	node->u = v;
	return node;
}

static np_node *scalar_int(np_arena *arena, int64_t v)
{
	np_node *node = scalar(arena, NODE_INT);
	node->i = v;
	return node;
}

static np_node *scalar_str(np_arena *arena, const char *s, size_t n)
{
	np_node *node = scalar(arena, NODE_STR);
	if (np_utf8_valid(s, n)) {
		node->str.s = np_arena_strndup(arena, s, n);
		node->str.n = n;
		return node;
	}
	struct np_buf fixed = {0};
	np_utf8_repair(&fixed, s, n);
	node->str.s = np_arena_strndup(arena, np_buf_str(&fixed), fixed.len);
	node->str.n = fixed.len;
	np_buf_deinit(&fixed);
	return node;
}

void np_set_null(np_node *obj, const char *key)
{
	field_set(obj, key, scalar(obj->obj.arena, NODE_NULL));
}

void np_set_bool(np_node *obj, const char *key, bool v)
{
	np_node *node = scalar(obj->obj.arena, NODE_BOOL);
	node->b = v;
	field_set(obj, key, node);
}

void np_set_int(np_node *obj, const char *key, int64_t v)
{
	field_set(obj, key, scalar_int(obj->obj.arena, v));
}

void np_set_uint(np_node *obj, const char *key, uint64_t v)
{
	field_set(obj, key, scalar_uint(obj->obj.arena, NODE_UINT, v));
}

void np_set_double(np_node *obj, const char *key, double v)
{
	np_node *node = scalar(obj->obj.arena, NODE_DOUBLE);
	node->d = v;
	field_set(obj, key, node);
}

void np_set_str(np_node *obj, const char *key, const char *v)
{
	if (v)
		np_set_strn(obj, key, v, strlen(v));
}

void np_set_strn(np_node *obj, const char *key, const char *v, size_t n)
{
	field_set(obj, key, scalar_str(obj->obj.arena, v, n));
}

void np_set_addr(np_node *obj, const char *key, np_addr v)
{
	field_set(obj, key, scalar_uint(obj->obj.arena, NODE_ADDR, v));
}

void np_set_bytes(np_node *obj, const char *key, uint64_t v)
{
	field_set(obj, key, scalar_uint(obj->obj.arena, NODE_BYTES, v));
}

void np_set_ns(np_node *obj, const char *key, uint64_t v)
{
	field_set(obj, key, scalar_uint(obj->obj.arena, NODE_NS, v));
}

void np_set_node(np_node *obj, const char *key, np_node *v)
{
	if (v)
		field_set(obj, key, v);
}

void np_hide(np_node *obj, const char *key)
{
	struct node_field *field = np_node_field_find(obj, key, strlen(key));
	if (field)
		field->hidden = true;
}

void np_sensitive(np_node *obj, const char *key)
{
	struct node_field *field = np_node_field_find(obj, key, strlen(key));
	if (field)
		field->sensitive = true;
}

void np_add(np_node *list, np_node *element)
{
	if (!element)
		return;
	if (list->list.len == list->list.cap) {
		size_t cap = list->list.cap ? list->list.cap * 2 : 8;
		list->list.items = array_grow(list->list.arena, list->list.items, list->list.len, cap,
					      sizeof(*list->list.items));
		list->list.cap = cap;
	}
	list->list.items[list->list.len++] = element;
}

void np_add_str(np_node *list, const char *v)
{
	if (v)
		np_add(list, scalar_str(list->list.arena, v, strlen(v)));
}

void np_add_addr(np_node *list, np_addr v)
{
	np_add(list, scalar_uint(list->list.arena, NODE_ADDR, v));
}

void np_add_int(np_node *list, int64_t v)
{
	np_add(list, scalar_int(list->list.arena, v));
}

np_node *np_node_get(const np_node *obj, const char *key)
{
	struct node_field *field = np_node_field_find(obj, key, strlen(key));
	return field ? field->node : NULL;
}

size_t np_node_len(const np_node *list)
{
	return list && list->kind == NODE_LIST ? list->list.len : 0;
}

np_node *np_node_at(const np_node *list, size_t i)
{
	return i < np_node_len(list) ? list->list.items[i] : NULL;
}

np_node *np_node_field(const np_node *obj, size_t i, const char **ret_key)
{
	if (!obj || obj->kind != NODE_OBJ || i >= obj->obj.len)
		return NULL;
	*ret_key = obj->obj.fields[i].key;
	return obj->obj.fields[i].node;
}

bool np_node_addr(const np_node *node, np_addr *ret)
{
	if (!node || node->kind != NODE_ADDR)
		return false;
	*ret = node->u;
	return true;
}

bool np_node_int(const np_node *node, int64_t *ret)
{
	if (node && node->kind == NODE_INT) {
		*ret = node->i;
		return true;
	}
	uint64_t u;
	if (!np_node_uint(node, &u) || u > INT64_MAX)
		return false;
	*ret = (int64_t)u;
	return true;
}

bool np_node_bool(const np_node *node)
{
	return node && node->kind == NODE_BOOL && node->b;
}

const char *np_node_str(const np_node *node)
{
	return node && node->kind == NODE_STR ? node->str.s : NULL;
}

const char *np_node_strn(const np_node *node, size_t *ret_len)
{
	if (!node || node->kind != NODE_STR)
		return NULL;
	*ret_len = node->str.n;
	return node->str.s;
}

bool np_node_is_obj(const np_node *node)
{
	return node && node->kind == NODE_OBJ;
}

bool np_node_is_list(const np_node *node)
{
	return node && node->kind == NODE_LIST;
}

void np_node_set_shape(np_node *node, const struct np_shape *shape)
{
	node->shape = shape;
}

bool np_node_is_blank(const np_node *node)
{
	if (!node)
		return true;
	switch (node->kind) {
	case NODE_NULL:
		return true;
	case NODE_BOOL:
		return !node->b;
	case NODE_STR:
		return node->str.n == 0;
	case NODE_LIST:
		return node->list.len == 0;
	default:
		return false;
	}
}

bool np_node_is_number(const np_node *node)
{
	return node && (node->kind == NODE_INT || node->kind == NODE_UINT || node->kind == NODE_DOUBLE ||
			node->kind == NODE_BYTES || node->kind == NODE_NS);
}

bool np_node_uint(const np_node *node, uint64_t *ret)
{
	if (!node)
		return false;
	switch (node->kind) {
	case NODE_UINT:
	case NODE_BYTES:
	case NODE_NS:
		*ret = node->u;
		return true;
	case NODE_INT:
		if (node->i < 0)
			return false;
		*ret = (uint64_t)node->i;
		return true;
	default:
		return false;
	}
}

const char *np_node_text(const np_node *obj, const char *key)
{
	return np_node_str(np_node_get(obj, key));
}

/* What the JavaScript objects around a handle tell: owner, listeners, addresses. */
#include <stdlib.h>
#include <string.h>

#include "heap/handles_internal.h"
#include "v8/context.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/script.h"
#include "v8/string.h"
#include "v8/value.h"

enum { TEXT_UNITS_MAX = 4096, LISTENERS_MAX = 64, SLOTS_MAX = 256, CALLBACK_HOPS = 4 };

/* --- properties, remembered by shape: there may be a million timers of one shape --- */

/* Where the objects of a shape have a property, if that follows from the shape. */
struct handles_slot {
	uint32_t shape;
	const char *name; /* as the caller wrote it: compared by address */
	uint32_t offset;  /* in the object; 0: not there */
};

struct search {
	struct handles *h;
	np_arena *names;
	const char *name;
	bool found;
	struct np_property property;
};

static bool property_compare(void *ctx, const struct np_property *p)
{
	struct search *s = ctx;
	const char *name = np_key_text(s->h->v8, p->key, s->names);
	s->found = name && strcmp(name, s->name) == 0;
	if (s->found)
		s->property = *p;
	return !s->found;
}

static bool property_find(struct handles *h, np_addr object, const char *name, struct np_property *ret)
{
	struct search s = {.h = h, .names = np_arena_create(), .name = name};
	np_err_free(np_object_properties(h->v8, object, property_compare, &s));
	np_arena_destroy(s.names);
	*ret = s.property;
	return s.found;
}

static struct handles_slot *slot_find(struct handles *h, uint32_t shape, const char *name)
{
	for (size_t i = 0; i < h->slot_count; i++)
		if (h->slots[i].shape == shape && h->slots[i].name == name)
			return &h->slots[i];
	return NULL;
}

static void slot_add(struct handles *h, uint32_t shape, const char *name, uint32_t offset)
{
	if (h->slot_count >= SLOTS_MAX) /* they are searched one by one */
		return;
	if (h->slot_count == h->slot_cap)
		h->slots = np_vec_grow(h->slots, &h->slot_cap, sizeof(*h->slots));
	h->slots[h->slot_count++] = (struct handles_slot){shape, name, offset};
}

bool handles_own(struct handles *h, np_addr object, const char *name, np_tagged *ret)
{
	struct np_property p;
	np_vertex node = handles_node(h, object);
	if (node == NP_VERTEX_NONE || np_graph_is_external(h->g, node))
		return false;
	uint32_t shape = np_graph_shape_of(h->g, node);
	if (!np_kind_is_receiver(np_graph_shape(h->g, shape)->kind))
		return false;
	const struct handles_slot *known = slot_find(h, shape, name);
	if (known)
		return np_tagged_at(h->v8, object + known->offset, ret);
	if (!property_find(h, object, name, &p) || p.is_accessor || p.is_double)
		return false;
	/* in the object, and the same for all of its shape */
	if (p.slot > object && p.slot - object < np_graph_size(h->g, node) && !np_graph_shape(h->g, shape)->map->dictionary)
		slot_add(h, shape, name, (uint32_t)(p.slot - object));
	*ret = p.value;
	return true;
}

np_addr handles_own_object(struct handles *h, np_addr object, const char *name)
{
	np_tagged t;
	return handles_own(h, object, name, &t) && np_is_ref(t) && np_kind_is_receiver(np_kind_at(h->v8, np_ref(t))) ? np_ref(t)
														       : 0;
}

static bool is_callable(struct handles *h, np_addr object)
{
	enum np_kind kind = np_kind_at(h->v8, object);
	return kind == NP_KIND_JS_FUNCTION || kind == NP_KIND_JS_BOUND_FUNCTION;
}

np_addr handles_own_function(struct handles *h, np_addr object, const char *name)
{
	np_addr function = handles_own_object(h, object, name);
	return function && is_callable(h, function) ? function : 0;
}

bool handles_own_number(struct handles *h, np_addr object, const char *name, double *ret)
{
	struct np_property p;
	np_tagged t;
	if (handles_own(h, object, name, &t))
		return np_number_value(h->v8, t, ret);
	if (!property_find(h, object, name, &p) || !p.is_double)
		return false;
	*ret = p.number;
	return true;
}

enum np_known handles_own_bool(struct handles *h, np_addr object, const char *name)
{
	static const struct np_value_limits none = {.total = 1};
	np_tagged t;
	if (!handles_own(h, object, name, &t) || !np_is_kind(h->v8, t, NP_KIND_ODDBALL))
		return NP_KNOWN_NOT;
	const np_value *v = np_value_decode(h->v8, t, &none, h->scratch);
	return v->type != NP_VALUE_BOOLEAN ? NP_KNOWN_NOT : v->number != 0 ? NP_KNOWN_YES : NP_KNOWN_NO;
}

const char *handles_own_text(struct handles *h, np_addr object, const char *name)
{
	np_tagged t;
	return handles_own(h, object, name, &t) && np_is_kind(h->v8, t, NP_KIND_STRING)
		       ? np_string_utf8(h->v8, np_ref(t), TEXT_UNITS_MAX, h->arena)
		       : NULL;
}

bool handles_shape_has(struct handles *h, np_vertex node, const char *name)
{
	const struct np_group *g = np_group_get(h->classes, np_group_id_of(h->classes, node));
	for (uint32_t i = 0; i < g->property_count; i++)
		if (strcmp(g->properties[i], name) == 0)
			return true;
	return false;
}

/* --- owners --- */

np_addr handles_owner(struct handles *h, np_addr wrap)
{
	/* from 12 on, 10 and 11, before */
	static const char *const names[] = {"Symbol(owner_symbol)", "Symbol(owner)", "owner"};
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++) {
		np_addr owner = handles_own_object(h, wrap, names[i]);
		if (owner)
			return owner;
	}
	return (np_addr)(uintptr_t)np_addr_map_get(&h->owners, wrap);
}

/* --- listeners --- */

bool handles_is_of_program(struct handles *h, np_addr function)
{
	const struct np_script *script;
	struct np_shared shared;
	np_addr at;
	return np_function_shared(h->v8, function, &at) && !np_err_drop(np_shared_load(h->v8, at, h->scratch, &shared)) &&
	       shared.script && !np_err_drop(np_script_load(h->v8, shared.script, &script)) && script->name &&
	       strchr(script->name, '/') && strncmp(script->name, "node:", 5) != 0 &&
	       strncmp(script->name, "internal/", 9) != 0;
}

np_addr handles_callback_inside(struct handles *h, np_addr function)
{
	static const char *const names[] = {"callback", "cb", "callback_"};
	for (int hop = 0; hop < CALLBACK_HOPS && function && !handles_is_of_program(h, function); hop++) {
		struct np_context context;
		np_tagged t;
		np_addr inner = 0;
		if (!np_field(h->v8, function, NP_F_JSFunction_context, &t) || !np_is_ref(t) ||
		    np_err_drop(np_context_load(h->v8, np_ref(t), h->scratch, &context)))
			break;
		for (size_t i = 0; i < context.variable_count && !inner; i++)
			for (size_t k = 0; k < NP_ARRAY_LEN(names); k++)
				if (strcmp(context.variables[i].name, names[k]) == 0 && !context.variables[i].is_number &&
				    np_is_js_function(h->v8, context.variables[i].value))
					inner = np_ref(context.variables[i].value);
		if (!inner || inner == function)
			break;
		function = inner;
	}
	return function;
}

/* once() wraps what it was given. */
static np_addr listener_unwrap(struct handles *h, np_tagged t)
{
	if (!np_is_ref(t) || !is_callable(h, np_ref(t)))
		return 0;
	np_addr inner = handles_own_function(h, np_ref(t), "listener");
	return inner ? inner : np_ref(t);
}

np_addr handles_listener(struct handles *h, np_addr emitter, const char *event)
{
	np_addr events = emitter ? handles_own_object(h, emitter, "_events") : 0;
	struct np_property p;
	struct np_elements elements;
	struct np_element element;
	np_addr first = 0;
	if (!events || !property_find(h, events, event, &p) || p.is_accessor || p.is_double || !np_is_ref(p.value))
		return 0;
	if (np_kind_at(h->v8, np_ref(p.value)) != NP_KIND_JS_ARRAY)
		return listener_unwrap(h, p.value);
	if (!np_elements_load(h->v8, np_ref(p.value), &elements))
		return 0;
	for (uint32_t i = 0; i < elements.capacity && i < elements.length && i < LISTENERS_MAX; i++) {
		np_addr function = np_element_get(h->v8, &elements, i, &element) && !element.is_hole && !element.is_double
					   ? listener_unwrap(h, element.value)
					   : 0;
		if (function && handles_is_of_program(h, function))
			return function;
		first = first ? first : function;
	}
	return first;
}

/* --- addresses --- */

const char *handles_address_text(np_arena *arena, const char *address, unsigned port)
{
	bool v6 = strchr(address, ':') != NULL;
	if (!port)
		return np_arena_printf(arena, v6 ? "[%s]" : "%s", address);
	return np_arena_printf(arena, v6 ? "[%s]:%u" : "%s:%u", address, port);
}

static unsigned port_of(struct handles *h, np_addr object, const char *name)
{
	double port;
	return handles_own_number(h, object, name, &port) && port >= 1 && port <= 65535 ? (unsigned)port : 0;
}

/* {address, family, port}: what getsockname() and getpeername() gave when they were asked. */
static const char *address_of(struct handles *h, np_addr socket, const char *name)
{
	np_addr at = handles_own_object(h, socket, name);
	const char *text = at ? handles_own_text(h, at, "address") : NULL;
	return text && *text ? handles_address_text(h->arena, text, port_of(h, at, "port")) : NULL;
}

/* "4:127.0.0.1:80", "6::::80": family, address and port that listen() was called with. */
static const char *address_of_server(struct handles *h, np_addr server)
{
	const char *key = handles_own_text(h, server, "_connectionKey");
	const char *end = key ? strrchr(key, ':') : NULL;
	if (!end || end - key < 2 || (key[0] != '4' && key[0] != '6') || key[1] != ':' || end <= key + 2)
		return NULL;
	unsigned long port = strtoul(end + 1, NULL, 10);
	return handles_address_text(h->arena, np_arena_strndup(h->arena, key + 2, (size_t)(end - key - 2)),
				    port <= 65535 ? (unsigned)port : 0);
}

void handles_addresses(struct handles *h, struct np_loop_handle *handle)
{
	np_addr at = np_graph_address(h->g, handle->node), owner = handle->owner;
	const char *address;
	switch (handle->type) {
	case NP_HANDLE_TCP_SERVER:
		handle->local = owner ? address_of_server(h, owner) : NULL;
		break;
	case NP_HANDLE_PIPE_SERVER:
		handle->local = owner ? handles_own_text(h, owner, "_pipeName") : NULL;
		break;
	case NP_HANDLE_TCP:
		if (!owner)
			break;
		handle->local = address_of(h, owner, "_sockname");
		handle->remote = address_of(h, owner, "_peername");
		address = handle->remote ? NULL : handles_own_text(h, owner, "_host");
		if (address && *address)
			handle->remote = address;
		break;
	case NP_HANDLE_CONNECT:
		address = handles_own_text(h, at, "address");
		if (address && *address)
			handle->remote = *address == '/' ? address : handles_address_text(h->arena, address, port_of(h, at, "port"));
		address = handles_own_text(h, at, "localAddress");
		if (address && *address)
			handle->local = handles_address_text(h->arena, address, port_of(h, at, "localPort"));
		break;
	default:
		break;
	}
}

#include "v8/call_name.h"

#include <string.h>

#include "v8/code.h"
#include "v8/fullcodegen.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/position.h"
#include "v8/string.h"

enum { METHOD_SEARCH_MAX = 512, PROTOTYPES_MAX = 16, EVAL_NESTING_MAX = 8 };

/* Does the property hold the function, as data or as half of an accessor? */
static bool property_is(np_v8 *v8, const struct np_property *p, np_addr function)
{
	np_tagged half;
	if (p->is_double || !np_is_ref(p->value))
		return false;
	if (!p->is_accessor)
		return np_ref(p->value) == function;
	if (!np_is_kind(v8, p->value, NP_KIND_ACCESSOR_PAIR))
		return false;
	return (np_field(v8, np_ref(p->value), NP_F_AccessorPair_getter, &half) && np_is_ref(half) &&
		np_ref(half) == function) ||
	       (np_field(v8, np_ref(p->value), NP_F_AccessorPair_setter, &half) && np_is_ref(half) &&
		np_ref(half) == function);
}

const char *np_call_function_name(np_v8 *v8, np_addr function, np_arena *arena)
{
	np_addr shared;
	struct np_shared s;
	np_tagged own;
	const char *name;
	if (np_object_own_data(v8, function, "name", &own) && np_is_kind(v8, own, NP_KIND_STRING) &&
	    (name = np_string_utf8(v8, np_ref(own), NP_NAME_MAX, arena)) && *name)
		return name;
	if (!np_function_shared(v8, function, &shared) || np_err_drop(np_shared_load(v8, shared, arena, &s)))
		return "";
	/* a name that was recovered from the source is none of V8's */
	name = np_shared_debug_name(v8, &s, arena);
	return *s.name || *s.inferred_name || *name == '<' ? name : "";
}

struct method_search {
	np_v8 *v8;
	np_arena *arena;
	np_addr function;
	const char *found;
	bool ambiguous; /* held under several names */
	int left;
};

static bool method_match(void *ctx, const struct np_property *p)
{
	struct method_search *s = ctx;
	enum { DONT_ENUM = 2 };
	if (s->left-- <= 0)
		return false;
	if ((p->attributes & DONT_ENUM) || !property_is(s->v8, p, s->function) ||
	    np_kind_at(s->v8, np_ref(p->key)) != NP_KIND_STRING)
		return true;
	const char *key = np_string_utf8(s->v8, np_ref(p->key), NP_NAME_MAX, s->arena);
	if (key && s->found && strcmp(key, s->found) != 0)
		s->ambiguous = true;
	else
		s->found = key;
	return !s->ambiguous;
}

static void match_element(struct method_search *s, const struct np_element *el)
{
	if (el->is_double || el->is_hole || !np_is_ref(el->value) || np_ref(el->value) != s->function)
		return;
	s->ambiguous = s->found != NULL;
	s->found = np_arena_printf(s->arena, "%llu", (unsigned long long)el->index);
}

/* In 3.14 elements count, too, in the order of for-in: before named properties. */
static void match_elements(struct method_search *s, np_addr object)
{
	struct np_elements e;
	struct np_element el, *found;
	size_t len;
	if (np_get(s->v8->layout, NP_F_CallSite_elements_are_methods) != 1 || !np_elements_load(s->v8, object, &e))
		return;
	if (e.form == NP_ELEMENTS_DICTIONARY) {
		if (np_err_drop(np_elements_dictionary(s->v8, &e, METHOD_SEARCH_MAX, s->arena, &found, &len)))
			return;
		for (size_t i = 0; i < len && !s->ambiguous; i++)
			match_element(s, &found[i]);
		return;
	}
	uint64_t n = e.length < e.capacity ? e.length : e.capacity;
	for (uint32_t i = 0; i < n && s->left-- > 0 && !s->ambiguous; i++)
		if (np_element_get(s->v8, &e, i, &el))
			match_element(s, &el);
}

static bool next_prototype(np_v8 *v8, np_addr *at)
{
	const struct np_map *map;
	if (!np_map_of(v8, *at, &map) || !np_is_ref(map->prototype) ||
	    !np_kind_is_receiver(np_kind_at(v8, np_ref(map->prototype))))
		return false;
	*at = np_ref(map->prototype);
	return true;
}

/* The property name that a function's own name suggests: without "get ", or what an inferred "a.b.name" ends with. */
static const char *suggested_name(np_v8 *v8, np_addr function, np_arena *arena)
{
	np_addr shared;
	struct np_shared s;
	if (!np_function_shared(v8, function, &shared) || np_err_drop(np_shared_load(v8, shared, arena, &s)))
		return "";
	if (strncmp(s.name, "get ", 4) == 0 || strncmp(s.name, "set ", 4) == 0)
		return s.name + 4;
	if (*s.name)
		return s.name;
	const char *dot = strrchr(s.inferred_name, '.');
	return dot ? dot + 1 : s.inferred_name;
}

/*
 * Name under which the receiver or its prototypes hold the function: the
 * suggested one where that finds it, else the one enumerable property that has
 * it; NULL when none or several do (V8's CallSiteInfo::GetMethodName).
 */
static const char *method_name(np_v8 *v8, np_addr receiver, np_addr function, np_arena *arena)
{
	const char *name = suggested_name(v8, function, arena);
	np_addr at = receiver;
	struct np_property p;
	for (int i = 0; *name && i < PROTOTYPES_MAX; i++) {
		if (np_object_own(v8, at, name, &p)) {
			if (property_is(v8, &p, function))
				return name;
			break;
		}
		if (!next_prototype(v8, &at))
			break;
	}
	struct method_search s = {.v8 = v8, .arena = arena, .function = function, .left = METHOD_SEARCH_MAX};
	at = receiver;
	for (int i = 0; i < PROTOTYPES_MAX && !s.ambiguous; i++) {
		if (np_kind_at(v8, at) == NP_KIND_JS_PROXY)
			break;
		match_elements(&s, at);
		np_err_free(np_object_properties(v8, at, method_match, &s));
		if (!next_prototype(v8, &at))
			break;
	}
	return s.ambiguous ? NULL : s.found;
}

/* Up to 5.1: does ".name" first stand where it would be the end? Nowhere counts as such when both are equally long. */
static bool ends_with_name_by_length(const char *subject, const char *name, np_arena *arena)
{
	const char *at = strstr(subject, np_arena_printf(arena, ".%s", name));
	ptrdiff_t index = at ? at - subject : -1;
	return index == (ptrdiff_t)strlen(subject) - (ptrdiff_t)strlen(name) - 1;
}

static bool ends_with_name(const np_v8 *v8, const char *subject, const char *name, np_arena *arena)
{
	size_t n = strlen(subject), m = strlen(name);
	if (np_get(v8->layout, NP_F_CallSite_by_constructor) == 1)
		return ends_with_name_by_length(subject, name, arena);
	if (m > n || strcmp(subject + n - m, name) != 0)
		return false;
	return n == m || subject[n - m - 1] == '.' ||
	       (subject[n - m - 1] == ' ' && np_get(v8->layout, NP_F_CallSite_space_ends_name) == 1);
}

static bool is_identifier(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (!(*s & 0x80) && !(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') && !(*s >= '0' && *s <= '9') &&
		    *s != '_' && *s != '$')
			return false;
	return true;
}

/* The function in `constructor` of the receiver or a prototype; 0 none. */
static np_addr constructor_of(np_v8 *v8, np_tagged receiver)
{
	struct np_property p;
	if (!np_is_ref(receiver) || !np_kind_is_receiver(np_kind_at(v8, np_ref(receiver))))
		return 0;
	np_addr at = np_ref(receiver);
	for (int i = 0; i < PROTOTYPES_MAX; i++) {
		if (np_object_own(v8, at, "constructor", &p))
			return !p.is_accessor && !p.is_double && np_is_js_function(v8, p.value) ? np_ref(p.value) : 0;
		if (!next_prototype(v8, &at))
			break;
	}
	return 0;
}

/* The type that V8 names for a receiver; NULL for none. */
static const char *type_name(np_v8 *v8, np_tagged receiver, np_arena *arena)
{
	const struct np_map *map;
	if (np_is_smi(receiver))
		return "Number";
	if (!np_map_of(v8, np_ref(receiver), &map))
		return NULL;
	enum np_kind kind = np_kind_of_type(v8, map->type);
	if (np_kind_is_receiver(kind) && kind != NP_KIND_JS_PROXY && np_get(v8->layout, NP_F_CallSite_by_constructor) == 1) {
		np_addr constructor = constructor_of(v8, receiver);
		const char *name = constructor ? np_call_function_name(v8, constructor, arena) : "";
		return *name ? name : NULL;
	}
	switch (kind) {
	case NP_KIND_HEAP_NUMBER:
		return "Number";
	case NP_KIND_STRING:
		return "String";
	case NP_KIND_SYMBOL:
		return "Symbol";
	case NP_KIND_BIGINT:
		return "BigInt";
	case NP_KIND_ODDBALL:
		return "Boolean"; /* undefined and null were told apart before */
	case NP_KIND_JS_PROXY:
		return "Proxy";
	case NP_KIND_JS_FUNCTION: {
		bool own_name = np_get(v8->layout, NP_F_CallSite_function_name) == 1 ||
				(np_get(v8->layout, NP_F_CallSite_class_name) == 1 && np_is_class(v8, np_ref(receiver)));
		const char *name = own_name ? np_call_function_name(v8, np_ref(receiver), arena) : "";
		return *name ? name : "Function";
	}
	default:
		return np_kind_is_receiver(kind) ? np_class_name_of(v8, np_ref(receiver), arena) : NULL;
	}
}

/* undefined, null and the global object: a plain call. */
static bool is_toplevel_receiver(np_v8 *v8, np_tagged receiver)
{
	if (!np_is_ref(receiver))
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(receiver));
	if (kind == NP_KIND_ODDBALL) {
		int32_t k = -1;
		const np_layout *l = v8->layout;
		if (np_has(l, NP_F_Oddball_kind))
			np_smi_at(v8, np_ref(receiver) + (np_addr)np_get(l, NP_F_Oddball_kind), &k);
		return k != np_get(l, NP_F_Oddball_k_true) && k != np_get(l, NP_F_Oddball_k_false);
	}
	return kind == NP_KIND_JS_GLOBAL_PROXY || kind == NP_KIND_HOLE || kind == NP_KIND_JS_GLOBAL_OBJECT;
}

static const char *method_call(np_v8 *v8, const struct np_call *call, np_arena *arena)
{
	const char *type = type_name(v8, call->receiver, arena), *method = NULL;
	enum np_kind kind = np_is_ref(call->receiver) ? np_kind_at(v8, np_ref(call->receiver)) : NP_KIND_UNKNOWN;
	bool has_methods = np_kind_is_receiver(kind) && !(kind == NP_KIND_JS_FUNCTION &&
							  np_get(v8->layout, NP_F_CallSite_functions_lack_methods) == 1);
	if (has_methods)
		method = method_name(v8, np_ref(call->receiver), call->function, arena);
	if (!*call->name)
		return np_arena_printf(arena, "%s.%s", type ? type : "null", method ? method : "<anonymous>");
	bool prefix = type && *type && (np_get(v8->layout, NP_F_CallSite_identifier_prefix) == 1
						? is_identifier(call->name) && strcmp(call->name, type) != 0
						: strncmp(call->name, type, strlen(type)) != 0);
	bool as = method && *method && !ends_with_name(v8, call->name, method, arena);
	return np_arena_printf(arena, "%s%s%s%s%s%s", prefix ? type : "", prefix ? "." : "", call->name,
			       as ? " [as " : "", as ? method : "", as ? "]" : "");
}

const char *np_call_name(np_v8 *v8, const struct np_call *call, np_arena *arena)
{
	bool is_constructor = call->is_constructor;
	/* up to 5.8 V8 looks whether it could be one */
	if (np_get(v8->layout, NP_F_CallSite_new_by_constructor) == 1 && call->has_receiver && call->function)
		is_constructor = constructor_of(v8, call->receiver) == call->function;
	if (is_constructor)
		return np_arena_printf(arena, "new %s", *call->name ? call->name : "<anonymous>");
	if (call->has_receiver && call->function && !is_toplevel_receiver(v8, call->receiver))
		return method_call(v8, call, arena);
	return *call->name ? call->name : NULL;
}

/*
 * Source offset of the call of eval: the value itself, or the negated bytecode
 * offset of the call; up to 5.1 the offset of its return address in full-codegen code.
 */
static int32_t eval_offset(np_v8 *v8, const struct np_shared *from, int32_t value)
{
	int32_t at = value;
	np_tagged t;
	struct np_code_object code;
	if (np_get(v8->layout, NP_F_Script_eval_position_is_code_offset) == 1) {
		if (value > 0 && np_field(v8, from->addr, NP_F_SharedFunctionInfo_code, &t) && np_is_ref(t) &&
		    np_code_load(v8, np_ref(t), &code) && code.kind == NP_CODE_FULL &&
		    np_full_position(v8, &code, (uint32_t)value - 1, &at))
			return at;
		return from->start;
	}
	if (value < 0 && (!from->bytecode || !np_bytecode_position(v8, from->bytecode, -value, &at)))
		return from->start;
	return at;
}

static const char *eval_origin(np_v8 *v8, const struct np_script *script, np_arena *arena, int depth)
{
	struct np_shared from;
	const struct np_script *outer;
	int32_t at = script->eval_position;
	int line = 0, column = 0;
	if (!script->eval_from || depth > EVAL_NESTING_MAX || np_err_drop(np_shared_load(v8, script->eval_from, arena, &from)) ||
	    !from.script || np_err_drop(np_script_load(v8, from.script, &outer)))
		return NULL;
	const char *name = np_shared_debug_name(v8, &from, arena);
	if (!*name)
		name = "<anonymous>";
	if (outer->eval_from && !outer->name) {
		const char *nested = eval_origin(v8, outer, arena, depth + 1);
		return np_arena_printf(arena, "eval at %s (%s)", name, nested ? nested : "unknown source");
	}
	at = eval_offset(v8, &from, at);
	np_script_line_column(outer, at, &line, &column);
	if (!outer->name)
		return np_arena_printf(arena, "eval at %s (unknown source)", name);
	return np_arena_printf(arena, "eval at %s (%s:%d:%d)", name, outer->name, line, column);
}

const char *np_eval_origin(np_v8 *v8, const struct np_script *script, np_arena *arena)
{
	return eval_origin(v8, script, arena, 0);
}

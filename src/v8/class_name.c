/*
 * The class of a receiver, as V8's JSReceiver::GetConstructorName tells it
 * (src/objects/js-objects.cc):
 *
 *   1. the constructor of its map, where `new` called that very function.  An
 *      instance of a subclass has the base's constructor in its map (bit
 *      new_target_is_base tells), and a prototype has Object;
 *   2. up the chain of prototypes, the nearest string in [Symbol.toStringTag] or
 *      function in `constructor`.  The receiver's own `constructor` does not
 *      count: it tells what a prototype's instances are, not what it is itself;
 *   3. its built-in class.
 *
 * The name "Object" says nothing and never ends the search.
 */
#include <string.h>

#include "v8/function.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/string.h"

enum { BACK_POINTERS_MAX = 4096, PROTOTYPES_MAX = 256 };

np_addr np_map_constructor(np_v8 *v8, const struct np_map *map)
{
	np_tagged c = map->constructor;
	/* Back pointers lead from a map to the root map of its transition tree. */
	for (int hops = 0; hops < BACK_POINTERS_MAX && np_is_ref(c); hops++) {
		const struct np_map *at;
		if (np_kind_at(v8, np_ref(c)) != NP_KIND_MAP || !np_map_load(v8, np_ref(c), &at))
			break;
		c = at->constructor;
	}
	return np_is_js_function(v8, c) ? np_ref(c) : 0;
}

/* The name that V8 takes for a constructor: not its `name` property, which programs set as they like. */
static const char *constructor_name(np_v8 *v8, np_addr function, np_arena *arena)
{
	np_addr shared;
	struct np_shared s;
	if (!function || !np_function_shared(v8, function, &shared) || np_err_drop(np_shared_load(v8, shared, arena, &s)))
		return "";
	return np_shared_debug_name(v8, &s, arena);
}

static bool is_telling(const char *name)
{
	return *name && strcmp(name, "Object") != 0;
}

const char *np_class_name(np_v8 *v8, const struct np_map *map, np_arena *arena)
{
	const char *name = constructor_name(v8, np_map_constructor(v8, map), arena);
	return *name ? name : "Object";
}

struct own_names {
	np_v8 *v8;
	np_addr tag, constructor; /* 0 none */
};

static bool own_name_match(void *ctx, const struct np_property *p)
{
	struct own_names *own = ctx;
	np_v8 *v8 = own->v8;
	np_tagged description;
	if (p->is_accessor || p->is_double || !np_is_ref(p->value))
		return true;
	enum np_kind kind = np_kind_at(v8, np_ref(p->key));
	if (kind == NP_KIND_STRING && np_string_equals(v8, np_ref(p->key), "constructor"))
		own->constructor = np_ref(p->value);
	else if (kind == NP_KIND_SYMBOL && np_field(v8, np_ref(p->key), NP_F_Symbol_description, &description) &&
		 np_is_kind(v8, description, NP_KIND_STRING) &&
		 np_string_equals(v8, np_ref(description), "Symbol.toStringTag") &&
		 np_is_kind(v8, p->value, NP_KIND_STRING))
		own->tag = np_ref(p->value);
	return !(own->tag && own->constructor);
}

/*
 * Step 2; NULL when nothing on the chain tells. ret_constructor: whose name it is, where it is a function's.
 * is_untagged: the receiver is known to have no toStringTag of its own.
 */
static const char *name_on_chain(np_v8 *v8, np_addr receiver, bool is_untagged, np_arena *arena, np_addr *ret_constructor)
{
	np_addr at = receiver;
	const struct np_map *map;
	for (int i = 0; i < PROTOTYPES_MAX && np_map_of(v8, at, &map); i++) {
		enum np_kind kind = np_kind_of_type(v8, map->type);
		if (!np_kind_is_receiver(kind))
			break;
		struct own_names own = {.v8 = v8};
		/* The receiver's own constructor does not count. */
		if (kind != NP_KIND_JS_PROXY && !(at == receiver && is_untagged))
			np_err_free(at == receiver ? np_object_symbols(v8, at, own_name_match, &own)
						   : np_object_properties(v8, at, own_name_match, &own));
		const char *name = own.tag ? np_string_utf8(v8, own.tag, NP_NAME_MAX, arena) : NULL;
		if (name)
			return name;
		name = at != receiver ? constructor_name(v8, own.constructor, arena) : "";
		if (is_telling(name)) {
			*ret_constructor = own.constructor;
			return name;
		}
		if (!np_is_ref(map->prototype))
			break;
		at = np_ref(map->prototype);
	}
	return NULL;
}

/* Step 3: JSReceiver::class_name, of the kinds that have one. */
static const char *builtin_class(const np_v8 *v8, enum np_kind kind)
{
	switch (kind) {
	case NP_KIND_JS_ARGUMENTS:
		return "Arguments";
	case NP_KIND_JS_FUNCTION:
	case NP_KIND_JS_BOUND_FUNCTION:
		return "Function";
	case NP_KIND_JS_ARRAY:
		return "Array";
	case NP_KIND_JS_DATE:
		return "Date";
	case NP_KIND_JS_REG_EXP:
		return "RegExp";
	case NP_KIND_JS_MAP:
		return "Map";
	case NP_KIND_JS_SET:
		return "Set";
	case NP_KIND_JS_WEAK_MAP:
		return "WeakMap";
	case NP_KIND_JS_WEAK_SET:
		return "WeakSet";
	case NP_KIND_JS_GLOBAL_PROXY:
		return np_get(v8->layout, NP_F_JSGlobalProxy_class_is_global) == 1 ? "global" : NULL;
	case NP_KIND_JS_GENERATOR:
	case NP_KIND_JS_ASYNC_FUNCTION:
	case NP_KIND_JS_ASYNC_GENERATOR:
		return "Generator";
	default:
		return NULL;
	}
}

static const char *wrapper_class(np_v8 *v8, np_addr object)
{
	np_tagged value;
	if (!np_field(v8, object, NP_F_JSPrimitiveWrapper_value, &value))
		return NULL;
	if (np_is_smi(value))
		return "Number";
	switch (np_kind_at(v8, np_ref(value))) {
	case NP_KIND_HEAP_NUMBER:
		return "Number";
	case NP_KIND_STRING:
		return "String";
	case NP_KIND_ODDBALL:
		return "Boolean";
	case NP_KIND_SYMBOL:
		return "Symbol";
	case NP_KIND_BIGINT:
		return "BigInt";
	default:
		return NULL;
	}
}

static const char *class_find(np_v8 *v8, np_addr object, bool is_untagged, np_arena *arena, np_addr *ret_constructor)
{
	const struct np_map *map;
	*ret_constructor = 0;
	if (!np_map_of(v8, object, &map))
		return "Object";
	enum np_kind kind = np_kind_of_type(v8, map->type);
	if (kind == NP_KIND_JS_PROXY)
		return "Proxy";
	const char *made_by = constructor_name(v8, np_map_constructor(v8, map), arena);
	if (map->new_target_is_base && !map->is_prototype && is_telling(made_by)) {
		*ret_constructor = np_map_constructor(v8, map);
		return made_by;
	}
	const char *name = name_on_chain(v8, object, is_untagged, arena, ret_constructor);
	if (name)
		return name;
	name = kind == NP_KIND_JS_PRIMITIVE_WRAPPER ? wrapper_class(v8, object) : builtin_class(v8, kind);
	if (name)
		return name;
	return *made_by && !map->is_prototype ? made_by : "Object";
}

const char *np_class_and_constructor(np_v8 *v8, np_addr object, np_arena *arena, np_addr *ret_constructor)
{
	return class_find(v8, object, false, arena, ret_constructor);
}

const char *np_class_name_of(np_v8 *v8, np_addr object, np_arena *arena)
{
	np_addr constructor;
	return class_find(v8, object, false, arena, &constructor);
}

const char *np_class_name_of_untagged(np_v8 *v8, np_addr object, np_arena *arena)
{
	np_addr constructor;
	return class_find(v8, object, true, arena, &constructor);
}

/* Errors: message and stack. */
#include <string.h>

#include "v8/error_stack.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/string.h"
#include "v8/value_internal.h"

/* Is it Error, or one of V8's own classes like it? Up to 5.1 the class of what they make tells. */
static bool makes_errors(np_v8 *v8, np_addr constructor)
{
	np_addr shared;
	np_tagged t;
	struct np_shared s;
	if (!constructor || !np_function_shared(v8, constructor, &shared))
		return false;
	if (!np_has(v8->layout, NP_F_type_JS_ERROR))
		return np_field(v8, shared, NP_F_SharedFunctionInfo_instance_class_name, &t) &&
		       np_is_kind(v8, t, NP_KIND_STRING) && np_string_equals(v8, np_ref(t), "Error");
	np_arena *scratch = np_arena_create();
	bool is_error = !np_err_drop(np_shared_load(v8, shared, scratch, &s)) && !s.script && strcmp(s.name, "Error") == 0;
	np_arena_destroy(scratch);
	return is_error;
}

/* Up to 5.1 Errors have no instance type of their own. */
static bool is_old_error(np_v8 *v8, const struct np_map *map)
{
	return !np_has(v8->layout, NP_F_type_JS_ERROR) && makes_errors(v8, np_map_constructor(v8, map));
}

/* A plain object that captured a stack and is an instance of Error: how classes of errors were written before `class`. */
static bool inherits_error(np_v8 *v8, np_addr object)
{
	enum { PROTOTYPES_MAX = 32 };
	struct np_property p;
	const struct np_map *map;
	if (!np_object_own(v8, object, "stack", &p))
		return false;
	for (int i = 0; i < PROTOTYPES_MAX && np_map_of(v8, object, &map) && np_is_ref(map->prototype); i++) {
		object = np_ref(map->prototype);
		if (!np_kind_is_receiver(np_kind_at(v8, object)))
			break;
		if (np_object_own(v8, object, "constructor", &p) && !p.is_accessor && !p.is_double &&
		    np_is_js_function(v8, p.value) && makes_errors(v8, np_ref(p.value)))
			return true;
	}
	return false;
}

bool np_is_error_object(np_v8 *v8, np_addr object, const struct np_map *map)
{
	return is_old_error(v8, map) || inherits_error(v8, object);
}

bool np_is_error(np_v8 *v8, np_addr object)
{
	const struct np_map *map;
	if (!np_map_of(v8, object, &map))
		return false;
	enum np_kind kind = np_kind_of_type(v8, map->type);
	return kind == NP_KIND_JS_ERROR || (kind == NP_KIND_JS_OBJECT && np_is_error_object(v8, object, map));
}

void np_decode_error(struct decoder *d, np_value *v)
{
	np_tagged t;
	v->type = NP_VALUE_ERROR;
	if (np_object_own_data(d->v8, v->address, "message", &t) && np_is_kind(d->v8, t, NP_KIND_STRING))
		v->text = np_string_utf8(d->v8, np_ref(t), d->limits->string_units, d->arena);
	if (!v->is_more)
		v->stack = np_error_stack_text(d->v8, v->address, d->arena);
}

/* Errors: message and stack. */
#include "v8/error_stack.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/string.h"
#include "v8/value_internal.h"

/* Up to 5.1 Errors have no instance type of their own: the class of their constructor tells. */
bool np_is_error_by_class(np_v8 *v8, const struct np_map *map)
{
	np_addr shared, constructor;
	np_tagged t;
	return !np_has(v8->layout, NP_F_type_JS_ERROR) && np_has(v8->layout, NP_F_SharedFunctionInfo_instance_class_name) &&
	       (constructor = np_map_constructor(v8, map)) && np_function_shared(v8, constructor, &shared) &&
	       np_field(v8, shared, NP_F_SharedFunctionInfo_instance_class_name, &t) &&
	       np_is_kind(v8, t, NP_KIND_STRING) && np_string_equals(v8, np_ref(t), "Error");
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

#include "v8/accessor.h"

#include "v8/function.h"
#include "v8/map.h"
#include "v8/scopeinfo.h"
#include "v8/string.h"

static np_tagged smi_of(int32_t n)
{
	return (np_tagged){(uint64_t)(uint32_t)n << 32};
}

/* The prototype, or that of the map that instances get first; none before it is asked for. */
static bool function_prototype(np_v8 *v8, np_addr function, np_tagged *ret)
{
	const struct np_map *map;
	np_tagged t;
	if (!np_field(v8, function, NP_F_JSFunction_prototype, &t) || !np_is_ref(t))
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(t));
	if (kind == NP_KIND_MAP) {
		if (!np_map_load(v8, np_ref(t), &map))
			return false;
		t = map->prototype;
	} else if (!np_kind_is_receiver(kind)) {
		return false;
	}
	*ret = t;
	return true;
}

static bool function_name(np_v8 *v8, np_addr shared, np_tagged *ret)
{
	np_tagged t;
	struct np_scope_info info;
	if (np_field(v8, shared, NP_F_SharedFunctionInfo_name, &t) && np_is_kind(v8, t, NP_KIND_STRING)) {
		*ret = t;
		return true;
	}
	if (!np_is_scope_info(v8, t))
		return false;
	np_arena *scratch = np_arena_create();
	bool named = !np_err_drop(np_scope_info_load(v8, np_ref(t), scratch, &info)) && info.name;
	np_arena_destroy(scratch);
	if (named)
		*ret = np_tag(info.name);
	return named;
}

bool np_accessor_value(np_v8 *v8, np_addr holder, const struct np_property *p, np_tagged *ret)
{
	np_addr shared;
	if (!p->is_accessor || np_is_kind(v8, p->value, NP_KIND_ACCESSOR_PAIR) ||
	    np_kind_at(v8, np_ref(p->key)) != NP_KIND_STRING)
		return false;
	enum np_kind kind = np_kind_at(v8, holder);
	bool is_length = np_string_equals(v8, np_ref(p->key), "length");
	if (kind == NP_KIND_JS_ARRAY)
		return is_length && np_field(v8, holder, NP_F_JSArray_length, ret);
	if (kind == NP_KIND_JS_PRIMITIVE_WRAPPER && is_length) {
		np_tagged string;
		uint64_t length;
		if (!np_field(v8, holder, NP_F_JSPrimitiveWrapper_value, &string) || !np_is_ref(string) ||
		    !np_string_length(v8, np_ref(string), &length) || length > INT32_MAX)
			return false;
		*ret = smi_of((int32_t)length);
		return true;
	}
	if (kind != NP_KIND_JS_FUNCTION || !np_function_shared(v8, holder, &shared))
		return false;
	if (np_string_equals(v8, np_ref(p->key), "prototype"))
		return function_prototype(v8, holder, ret);
	if (np_string_equals(v8, np_ref(p->key), "name"))
		return function_name(v8, shared, ret);
	return false;
}

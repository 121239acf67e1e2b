/* V8's own objects, which programs never see: the type's name, and the parts that lead on. */
#include "v8/array.h"
#include "v8/function.h"
#include "v8/script.h"
#include "v8/value_internal.h"

void np_decode_array_slots(struct decoder *d, np_value *v, np_addr array, uint32_t first, uint32_t length)
{
	enum { UNREADABLE_MAX = 64 }; /* in a row: then the array ends with what is readable */
	np_tagged t;
	v->length = length > first ? length - first : 0;
	v->has_elements = true;
	size_t shown = v->length < d->limits->elements ? (size_t)v->length : d->limits->elements, unreadable = 0;
	v->elements = NP_NEW_ARRAY(d->arena, np_value *, shown);
	for (size_t i = 0; i < shown && d->total < d->limits->total && unreadable < UNREADABLE_MAX; i++) {
		bool readable = np_array_get(d->v8, array, first + (uint32_t)i, &t);
		unreadable = readable ? 0 : unreadable + 1;
		v->elements[i] = readable ? np_decode(d, t) : np_decode_unreadable(d, 0, "element is unreadable");
		v->element_count = i + 1;
	}
	v->truncated |= v->element_count < v->length;
}

static void decode_fixed_array(struct decoder *d, np_value *v, enum np_kind kind)
{
	uint32_t n;
	if (d->nest >= VALUE_NEST_MAX || !np_array_length(d->v8, v->address, &n))
		return;
	if (kind == NP_KIND_PROPERTY_ARRAY && np_has(d->v8->layout, NP_F_PropertyArray_length_mask))
		n &= (uint32_t)np_get(d->v8->layout, NP_F_PropertyArray_length_mask);
	d->open[d->nest++] = v->address;
	np_decode_array_slots(d, v, v->address, 0, n);
	d->nest--;
}

static void decode_parts(struct decoder *d, np_value *v, enum np_kind kind)
{
	struct np_shared shared;
	const struct np_script *script;
	switch (kind) {
	case NP_KIND_SHARED_FUNCTION_INFO:
		if (!np_err_drop(np_shared_load(d->v8, v->address, d->arena, &shared)))
			v->text = np_shared_debug_name(d->v8, &shared, d->arena);
		break;
	case NP_KIND_SCRIPT:
		if (!np_err_drop(np_script_load(d->v8, v->address, &script)))
			v->text = script->name;
		break;
	case NP_KIND_FIXED_ARRAY:
	case NP_KIND_CONTEXT:
	case NP_KIND_PROPERTY_ARRAY:
		decode_fixed_array(d, v, kind);
		break;
	case NP_KIND_PROPERTY_CELL:
		np_decode_field(d, v, "value", NP_F_PropertyCell_value);
		break;
	case NP_KIND_CELL:
		np_decode_field(d, v, "value", NP_F_Cell_value);
		break;
	default:
		break;
	}
}

void np_decode_internal(struct decoder *d, np_value *v, const struct np_map *map, enum np_kind kind)
{
	const char *type = np_layout_type_name(d->v8->layout, map->type);
	v->type = kind == NP_KIND_ACCESSOR_PAIR || kind == NP_KIND_ACCESSOR_INFO ? NP_VALUE_ACCESSOR : NP_VALUE_INTERNAL;
	v->class_name = type ? type : np_arena_printf(d->arena, "instance type %u", map->type);
	if (kind == NP_KIND_ACCESSOR_PAIR) {
		np_decode_field(d, v, "get", NP_F_AccessorPair_getter);
		np_decode_field(d, v, "set", NP_F_AccessorPair_setter);
	} else if (kind == NP_KIND_ACCESSOR_INFO) {
		np_decode_field(d, v, "name", NP_F_AccessorInfo_name);
	} else if (d->nest >= d->limits->depth || d->total >= d->limits->total) {
		v->is_more = true;
	} else {
		decode_parts(d, v, kind);
	}
}

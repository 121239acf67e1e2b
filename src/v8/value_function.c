/* Functions, bound ones included, and the calls of generators and async functions that are suspended. */
#include <string.h>

#include "v8/array.h"
#include "v8/code.h"
#include "v8/fullcodegen.h"
#include "v8/function.h"
#include "v8/position.h"
#include "v8/script.h"
#include "v8/value_internal.h"

enum { BOUND_TARGET, BOUND_THIS, BOUND_FIRST_ARGUMENT };

static void place(struct decoder *d, np_value *v, const struct np_shared *s, int32_t offset)
{
	const struct np_script *script;
	if (!s->script || np_err_drop(np_script_load(d->v8, s->script, &script)))
		return;
	v->file = script->name;
	np_script_line_column(script, offset, &v->line, &v->column);
}

/* Slots from `first` on of a FixedArray, as an array. */
static np_value *decode_array_from(struct decoder *d, np_addr array, uint32_t first)
{
	np_value *v = np_decode_number(d, 0);
	uint32_t n;
	v->type = NP_VALUE_ARRAY;
	v->has_elements = true;
	if (np_array_length(d->v8, array, &n))
		np_decode_array_slots(d, v, array, first, n);
	return v;
}

static void bound_name(struct decoder *d, np_value *v, np_tagged target)
{
	const char *name = NULL;
	if (np_is_js_function(d->v8, target))
		name = np_function_name(d->v8, np_ref(target), d->arena);
	v->text = np_arena_printf(d->arena, "bound %s", name ? name : "");
}

void np_decode_bound_function(struct decoder *d, np_value *v)
{
	np_tagged t;
	v->type = NP_VALUE_FUNCTION;
	if (np_field(d->v8, v->address, NP_F_JSBoundFunction_target, &t))
		bound_name(d, v, t);
	if (v->is_more)
		return;
	np_decode_field(d, v, "target", NP_F_JSBoundFunction_target);
	np_decode_field(d, v, "this", NP_F_JSBoundFunction_this);
	if (np_field(d->v8, v->address, NP_F_JSBoundFunction_args, &t) && np_is_ref(t))
		np_decode_slot(d, v, "arguments", decode_array_from(d, np_ref(t), 0), NULL);
}

/* Up to 4.5 bound functions are JSFunctions with a flag, and a FixedArray {target, this, arguments...}. */
static bool decode_bound_bindings(struct decoder *d, np_value *v, np_addr shared)
{
	const np_layout *l = d->v8->layout;
	uint32_t flags, n;
	np_tagged t, target, receiver;
	if (!np_has(l, NP_F_SharedFunctionInfo_bound_shift) ||
	    !np_field_u32(d->v8, shared, NP_F_SharedFunctionInfo_flags, &flags) ||
	    !(flags >> np_get(l, NP_F_SharedFunctionInfo_bound_shift) & 1) ||
	    !np_field(d->v8, v->address, NP_F_JSFunction_bindings, &t) || !np_is_kind(d->v8, t, NP_KIND_FIXED_ARRAY) ||
	    !np_array_length(d->v8, np_ref(t), &n) || n < BOUND_FIRST_ARGUMENT ||
	    !np_array_get(d->v8, np_ref(t), BOUND_TARGET, &target) ||
	    !np_array_get(d->v8, np_ref(t), BOUND_THIS, &receiver))
		return false;
	bound_name(d, v, target);
	if (v->is_more)
		return true;
	np_decode_slot(d, v, "target", np_decode(d, target), NULL);
	np_decode_slot(d, v, "this", np_decode(d, receiver), NULL);
	np_decode_slot(d, v, "arguments", decode_array_from(d, np_ref(t), BOUND_FIRST_ARGUMENT), NULL);
	return true;
}

void np_decode_function(struct decoder *d, np_value *v)
{
	np_addr shared;
	struct np_shared s;
	v->type = NP_VALUE_FUNCTION;
	if (!np_function_shared(d->v8, v->address, &shared) || np_err_drop(np_shared_load(d->v8, shared, d->arena, &s)) ||
	    decode_bound_bindings(d, v, shared))
		return;
	v->text = np_function_name(d->v8, v->address, d->arena);
	v->is_class = np_is_class(d->v8, v->address);
	place(d, v, &s, s.token >= 0 ? s.token : s.start);
}

/* Source offset of the yield or await that a suspended call waits at; -1 unknown. */
static int32_t suspended_offset(struct decoder *d, np_addr generator, const struct np_shared *s, int32_t continuation)
{
	const np_layout *l = d->v8->layout;
	int32_t position, at = -1, bias;
	uint32_t len;
	np_tagged t;
	struct np_code_object code;
	if (s->bytecode && np_has(l, NP_F_JSGeneratorObject_input_or_debug_pos) &&
	    np_smi_at(d->v8, generator + (np_addr)np_get(l, NP_F_JSGeneratorObject_input_or_debug_pos), &position) &&
	    np_bytecode_array_bounds(d->v8, s->bytecode, &len, &bias)) {
		/* a bytecode offset that counts from the tagged BytecodeArray */
		if (position >= bias && np_bytecode_position(d->v8, s->bytecode, position - bias, &at))
			return at;
		return -1;
	}
	/* full-codegen: the continuation is an offset in the code */
	if (continuation > 0 && np_field(d->v8, s->addr, NP_F_SharedFunctionInfo_code, &t) && np_is_ref(t) &&
	    np_code_load(d->v8, np_ref(t), &code) && code.kind == NP_CODE_FULL &&
	    np_full_position(d->v8, &code, (uint32_t)continuation, &at))
		return at;
	return -1;
}

void np_decode_generator(struct decoder *d, np_value *v)
{
	const np_layout *l = d->v8->layout;
	int32_t continuation = 0, offset = -1;
	np_tagged function;
	np_addr shared;
	struct np_shared s;
	bool known = np_has(l, NP_F_JSGeneratorObject_continuation) &&
		     np_smi_at(d->v8, v->address + (np_addr)np_get(l, NP_F_JSGeneratorObject_continuation), &continuation);
	bool suspended = known && continuation != np_get(l, NP_F_JSGeneratorObject_k_executing) &&
			 continuation != np_get(l, NP_F_JSGeneratorObject_k_closed);
	if (known)
		np_decode_slot(d, v, "state", NULL,
			       suspended						      ? "suspended"
			       : continuation == np_get(l, NP_F_JSGeneratorObject_k_executing) ? "running"
											      : "closed");
	if (np_field(d->v8, v->address, NP_F_JSGeneratorObject_function, &function) && np_is_ref(function) &&
	    np_function_shared(d->v8, np_ref(function), &shared) &&
	    !np_err_drop(np_shared_load(d->v8, shared, d->arena, &s))) {
		v->text = np_function_name(d->v8, np_ref(function), d->arena);
		if (suspended)
			offset = suspended_offset(d, v->address, &s, continuation);
		place(d, v, &s, offset >= 0 ? offset : s.token >= 0 ? s.token : s.start);
	}
	if (v->is_more)
		return;
	np_decode_field(d, v, "function", NP_F_JSGeneratorObject_function);
	np_decode_field(d, v, "receiver", NP_F_JSGeneratorObject_receiver);
}

#include "v8/context.h"

#include <string.h>

#include "v8/array.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/string.h"

/* {ScopeInfo, extension}, up to 6.2 in the extension slot of block contexts; not the object that sloppy eval adds to. */
static bool is_context_extension(np_v8 *v8, np_addr addr)
{
	const struct np_map *map;
	const char *type = np_map_of(v8, addr, &map) ? np_layout_type_name(v8->layout, map->type) : NULL;
	return type && strstr(type, "CONTEXT_EXTENSION_TYPE") && strncmp(type, "JS_", 3) != 0;
}

/* Up to 5.4 a catch context has no ScopeInfo: the name of its one variable is in the extension slot. */
static bool catch_variable(np_v8 *v8, np_addr addr, np_addr *ret_name)
{
	const np_layout *l = v8->layout;
	np_tagged t;
	if (!np_has(l, NP_F_Context_closure) || !np_has(l, NP_F_Context_extension) ||
	    !np_array_get(v8, addr, (uint32_t)np_get(l, NP_F_Context_extension), &t) || !np_is_kind(v8, t, NP_KIND_STRING))
		return false;
	*ret_name = np_ref(t);
	return true;
}

/* The ScopeInfo of a context: its own slot, or up to 6.2 that of its closure. */
static np_addr context_scope_info(np_v8 *v8, np_addr addr)
{
	const np_layout *l = v8->layout;
	np_tagged t;
	np_addr shared;
	struct np_shared s;
	if (np_has(l, NP_F_Context_scope_info)) {
		if (np_array_get(v8, addr, (uint32_t)np_get(l, NP_F_Context_scope_info), &t) &&
		    np_is_scope_info(v8, t))
			return np_ref(t);
		return 0;
	}
	/* Block, catch and with contexts keep their ScopeInfo in the extension slot (6.2: in a ContextExtension). */
	if (np_has(l, NP_F_Context_extension) &&
	    np_array_get(v8, addr, (uint32_t)np_get(l, NP_F_Context_extension), &t) && np_is_ref(t)) {
		np_tagged inner;
		if (np_is_scope_info(v8, t))
			return np_ref(t);
		if (is_context_extension(v8, np_ref(t)) &&
		    np_field(v8, np_ref(t), NP_F_ContextExtension_scope_info, &inner) && np_is_scope_info(v8, inner))
			return np_ref(inner);
	}
	if (!np_has(l, NP_F_Context_closure) ||
	    !np_array_get(v8, addr, (uint32_t)np_get(l, NP_F_Context_closure), &t) || !np_is_ref(t) ||
	    !np_function_shared(v8, np_ref(t), &shared))
		return 0;
	np_arena *scratch = np_arena_create();
	np_addr info = np_err_drop(np_shared_load(v8, shared, scratch, &s)) ? 0 : s.scope_info;
	np_arena_destroy(scratch);
	return info;
}

/*
 * From 14.1 on a slot may hold a ContextCell {tagged value, ..., state, number}:
 * the state says whether the value is tagged, an int32 or a double.
 */
static void variable_unwrap(np_v8 *v8, struct np_variable *v)
{
	const np_layout *l = v8->layout;
	const struct np_map *map;
	uint32_t state;
	uint64_t bits;
	if (!np_has(l, NP_F_type_CONTEXT_CELL) || !np_is_ref(v->value) || !np_map_of(v8, np_ref(v->value), &map) ||
	    map->type != np_get(l, NP_F_type_CONTEXT_CELL))
		return;
	np_addr cell = np_ref(v->value);
	if (np_field_u32(v8, cell, NP_F_ContextCell_state, &state) &&
	    np_field_u64(v8, cell, NP_F_ContextCell_number, &bits)) {
		if ((int32_t)state == np_get(l, NP_F_ContextCell_k_int32)) {
			v->is_number = true;
			v->number = (int32_t)bits;
			return;
		}
		if ((int32_t)state == np_get(l, NP_F_ContextCell_k_double)) {
			v->is_number = true;
			memcpy(&v->number, &bits, sizeof(v->number));
			return;
		}
	}
	np_field(v8, cell, NP_F_ContextCell_value, &v->value);
}

np_err *np_context_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_context *ret)
{
	const np_layout *l = v8->layout;
	struct np_context c = {.addr = addr};
	uint32_t len;
	np_tagged t;
	np_addr name_of_caught = 0;
	NP_TRY(np_need(l, NP_F_Context_min_slots));
	if (np_kind_at(v8, addr) == NP_KIND_UNKNOWN && !np_has(l, NP_F_Context_first_type)) {
		const struct np_map *map;
		if (!np_map_of(v8, addr, &map))
			return np_err_new(NP_EFORMAT, "no Context at 0x%llx", (unsigned long long)addr);
	} else if (np_has(l, NP_F_Context_first_type) && np_kind_at(v8, addr) != NP_KIND_CONTEXT) {
		return np_err_new(NP_EFORMAT, "no Context at 0x%llx", (unsigned long long)addr);
	}
	if (!np_array_length(v8, addr, &len))
		return np_err_fault(addr, "reading a Context");
	bool is_catch = catch_variable(v8, addr, &name_of_caught);
	if (!is_catch)
		c.scope_info = context_scope_info(v8, addr);
	if (np_has(l, NP_F_Context_previous) &&
	    np_array_get(v8, addr, (uint32_t)np_get(l, NP_F_Context_previous), &t) && np_is_ref(t) &&
	    np_kind_at(v8, np_ref(t)) != NP_KIND_ODDBALL && np_kind_at(v8, np_ref(t)) != NP_KIND_STRING)
		c.previous = np_ref(t);
	uint32_t min = (uint32_t)np_get(l, NP_F_Context_min_slots), first = min;
	c.is_native = len > 100 && !c.previous;
	if (c.scope_info) {
		NP_TRY(np_scope_info_load(v8, c.scope_info, arena, &c.info));
		if (np_has(l, NP_F_Context_extension))
			np_array_get(v8, addr, (uint32_t)np_get(l, NP_F_Context_extension), &c.extension);
		else if (c.info.has_extension && np_array_get(v8, addr, min, &c.extension))
			first++;
	}
	if (is_catch) {
		c.info.type = NP_SCOPE_CATCH;
		c.info.context_count = 1;
		c.info.context_names = np_arena_memdup(arena, &name_of_caught, sizeof(name_of_caught));
	}
	uint32_t n = c.info.context_count;
	if (first > len || n > len - first)
		n = first > len ? 0 : len - first;
	c.variables = NP_NEW_ARRAY(arena, struct np_variable, n);
	for (uint32_t i = 0; i < n; i++) {
		struct np_variable *v = &c.variables[c.variable_count];
		const char *name = c.info.context_names[i]
					   ? np_string_utf8(v8, c.info.context_names[i], NP_NAME_MAX, arena)
					   : NULL;
		if (!np_array_get(v8, addr, first + i, &v->value))
			continue;
		variable_unwrap(v8, v);
		v->name = name ? name : "(unnamed)";
		v->slot = addr + (np_addr)np_get(l, NP_F_FixedArray_data) + 8ull * (first + i);
		c.variable_count++;
	}
	*ret = c;
	return NULL;
}

/*
 * An Error keeps its stack in an own property whose key is one of V8's private
 * symbols: formatted text once the program has read `.stack`, before that call
 * sites.  Call sites are CallSiteInfo objects (9.4 to 13.6), or flat tuples in
 * a FixedArray: {receiver, function, code, offset, ...} before,
 * {wrapper of the bytecode, receiver, function, offset, ...} in 14.6.
 */
#include "v8/error_stack.h"

#include <string.h>

#include "base/vec.h"
#include "v8/array.h"
#include "v8/code.h"
#include "v8/fullcodegen.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/position.h"
#include "v8/script.h"
#include "v8/string.h"

enum { SITES_MAX = 256, TEXT_MAX = 1 << 16 };

struct stack_search {
	np_v8 *v8;
	np_tagged sites, text;
};

static np_tagged unwrap(np_v8 *v8, np_tagged t)
{
	const struct np_map *map;
	np_tagged inner;
	for (int i = 0; i < 2 && np_is_ref(t); i++) {
		enum np_kind kind = np_kind_at(v8, np_ref(t));
		if (kind == NP_KIND_JS_ARRAY) { /* up to 6.x: a JSArray around the tuples */
			if (!np_field(v8, np_ref(t), NP_F_JSObject_elements, &inner))
				break;
			t = inner;
			continue;
		}
		const char *type = np_map_of(v8, np_ref(t), &map) ? np_layout_type_name(v8->layout, map->type) : NULL;
		if (!type || strcmp(type, "ERROR_STACK_DATA_TYPE") != 0 || !np_tagged_at(v8, np_ref(t) + 8, &inner))
			break;
		t = inner;
	}
	return t;
}

static bool stack_match(void *ctx, const struct np_property *p)
{
	struct stack_search *s = ctx;
	if (p->is_double || !np_is_ref(p->key) || !np_is_ref(p->value))
		return true;
	bool symbol = np_kind_at(s->v8, np_ref(p->key)) == NP_KIND_SYMBOL;
	bool named_stack = !symbol && np_string_equals(s->v8, np_ref(p->key), "stack");
	if (!symbol && !named_stack)
		return true;
	np_tagged value = unwrap(s->v8, p->value);
	enum np_kind kind = np_kind_at(s->v8, np_ref(value));
	if (kind == NP_KIND_FIXED_ARRAY && symbol && !s->sites.raw)
		s->sites = value;
	if (kind == NP_KIND_STRING) {
		np_arena *scratch = np_arena_create();
		const char *text = np_string_utf8(s->v8, np_ref(value), TEXT_MAX, scratch);
		if (text && (named_stack || strstr(text, "\n    at ")) && !s->text.raw)
			s->text = value;
		np_arena_destroy(scratch);
	}
	return true;
}

static void site_fill(np_v8 *v8, np_tagged function, np_tagged code, int32_t offset, np_arena *arena,
		      struct np_call_site *site)
{
	struct np_shared shared;
	const struct np_script *script;
	np_addr bytecode;
	int32_t at = -1;
	site->name = "";
	if (!np_is_ref(function) || !np_function_shared(v8, np_ref(function), &site->shared))
		return;
	site->function = np_ref(function);
	const char *name = np_function_name(v8, site->function, arena);
	site->name = name ? name : "";
	if (np_err_drop(np_shared_load(v8, site->shared, arena, &shared)) || !shared.script ||
	    np_err_drop(np_script_load(v8, shared.script, &script)))
		return;
	site->file = script->name;
	struct np_code_object machine;
	if (np_is_ref(code) && np_bytecode_array_of(v8, np_ref(code), &bytecode))
		site->exact = np_bytecode_position(v8, bytecode, offset, &at);
	else if (np_is_ref(code) && np_code_load(v8, np_ref(code), &machine) && machine.kind == NP_CODE_FULL)
		site->exact = np_full_stored_position(v8, &machine, offset, &at);
	else if (shared.bytecode)
		site->exact = np_bytecode_position(v8, shared.bytecode, offset, &at);
	if (at < 0)
		at = shared.start;
	np_script_line_column(script, at, &site->line, &site->column);
}

static bool is_code(np_v8 *v8, np_tagged t)
{
	if (!np_is_ref(t))
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(t));
	return kind == NP_KIND_BYTECODE_ARRAY || kind == NP_KIND_CODE || kind == NP_KIND_BYTECODE_WRAPPER;
}

/* A CallSiteInfo object at slot i, or a tuple whose function is at slot i. */
static bool site_at(np_v8 *v8, np_addr array, uint32_t i, uint32_t len, np_arena *arena, struct np_call_site *site)
{
	np_tagged t, code, offset, function;
	if (!np_array_get(v8, array, i, &t) || !np_is_ref(t))
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(t));
	if (kind == NP_KIND_CALL_SITE_INFO) {
		if (!np_field(v8, np_ref(t), NP_F_CallSiteInfo_function, &function) ||
		    !np_field(v8, np_ref(t), NP_F_CallSiteInfo_code, &code) ||
		    !np_field(v8, np_ref(t), NP_F_CallSiteInfo_code_offset, &offset))
			return false;
		site_fill(v8, function, code, np_is_smi(offset) ? np_smi_value(offset) : 0, arena, site);
		return true;
	}
	if (kind != NP_KIND_JS_FUNCTION)
		return false;
	if (i + 2 < len && np_array_get(v8, array, i + 1, &code) && is_code(v8, code) &&
	    np_array_get(v8, array, i + 2, &offset) && np_is_smi(offset)) {
		site_fill(v8, t, code, np_smi_value(offset), arena, site);
		return true;
	}
	if (i >= 2 && i + 1 < len && np_array_get(v8, array, i - 2, &code) && is_code(v8, code) &&
	    np_array_get(v8, array, i + 1, &offset) && np_is_smi(offset)) {
		site_fill(v8, t, code, np_smi_value(offset), arena, site);
		return true;
	}
	return false;
}

bool np_error_stack_load(np_v8 *v8, np_addr error, np_arena *arena, struct np_error_stack *ret)
{
	struct stack_search s = {.v8 = v8};
	uint32_t len;
	*ret = (struct np_error_stack){0};
	np_err_free(np_object_properties(v8, error, stack_match, &s));
	if (s.text.raw)
		ret->text = np_string_utf8(v8, np_ref(s.text), TEXT_MAX, arena);
	if (s.sites.raw && np_array_length(v8, np_ref(s.sites), &len)) {
		NP_VEC(struct np_call_site) sites = {0};
		for (uint32_t i = 0; i < len && i < SITES_MAX * 8 && sites.len < SITES_MAX; i++) {
			struct np_call_site site = {0};
			if (site_at(v8, np_ref(s.sites), i, len, arena, &site))
				np_vec_push(&sites, site);
		}
		ret->sites = np_arena_memdup(arena, sites.data, sites.len * sizeof(*sites.data));
		ret->site_count = sites.len;
		np_vec_deinit(&sites);
	}
	return ret->text || ret->site_count;
}

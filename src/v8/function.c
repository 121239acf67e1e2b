#include "v8/function.h"

#include <string.h>

#include "v8/code.h"
#include "v8/jsscan.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/scopeinfo.h"
#include "v8/script.h"
#include "v8/string.h"

static const char *string_or_empty(np_v8 *v8, np_addr string, np_arena *arena)
{
	const char *s = string ? np_string_utf8(v8, string, NP_NAME_MAX, arena) : NULL;
	return s ? s : "";
}

static const char *field_string(np_v8 *v8, np_addr addr, enum np_fact fact, np_arena *arena)
{
	np_tagged t;
	if (!np_field(v8, addr, fact, &t) || !np_is_kind(v8, t, NP_KIND_STRING))
		return "";
	return string_or_empty(v8, np_ref(t), arena);
}

/*
 * Ints of a SharedFunctionInfo up to 6.2 are stored in pairs in one word so
 * that each word looks like a Smi: the low half is shifted left by one, the
 * upper half is raw.
 */
static bool shared_int(np_v8 *v8, np_addr addr, enum np_fact fact, int32_t bytes, int32_t *ret)
{
	if (!np_has(v8->layout, fact))
		return false;
	np_addr at = addr + (np_addr)np_get(v8->layout, fact);
	uint32_t u;
	uint16_t h;
	if (bytes == 2) {
		if (!np_mem_u16(v8->mem, at, &h))
			return false;
		*ret = h;
		return true;
	}
	if (!np_mem_u32(v8->mem, at, &u))
		return false;
	*ret = bytes == 8 && np_get(v8->layout, fact) % 8 == 0 ? (int32_t)u >> 1 : (int32_t)u;
	return true;
}

static void shared_formal_count(np_v8 *v8, struct np_shared *s)
{
	const np_layout *l = v8->layout;
	int32_t n, bytes = np_get(l, NP_F_SharedFunctionInfo_formal_parameter_count_bytes);
	s->formal_count = -1;
	if (!shared_int(v8, s->addr, NP_F_SharedFunctionInfo_formal_parameter_count, bytes, &n))
		return;
	if (n < 0 || (bytes == 2 && n == 0xffff))
		return;
	if (np_get(l, NP_F_SharedFunctionInfo_formal_includes_receiver) == 1)
		n--;
	s->formal_count = n;
}

static void shared_name_and_scope(np_v8 *v8, struct np_shared *s, np_arena *arena)
{
	np_tagged t;
	s->name = s->inferred_name = "";
	if (np_field(v8, s->addr, NP_F_SharedFunctionInfo_name, &t) && np_is_ref(t)) {
		enum np_kind kind = np_kind_at(v8, np_ref(t));
		if (kind == NP_KIND_STRING)
			s->name = string_or_empty(v8, np_ref(t), arena);
		else if (kind == NP_KIND_SCOPE_INFO)
			s->scope_info = np_ref(t);
	}
	if (np_field(v8, s->addr, NP_F_SharedFunctionInfo_scope_info, &t) && np_is_scope_info(v8, t))
		s->scope_info = np_ref(t);
	s->inferred_name = field_string(v8, s->addr, NP_F_SharedFunctionInfo_inferred_name, arena);
	if (np_field(v8, s->addr, NP_F_SharedFunctionInfo_outer_scope_info, &t) &&
	    np_is_scope_info(v8, t))
		s->outer_scope_info = np_ref(t);
	struct np_scope_info info;
	if (!s->scope_info || np_err_drop(np_scope_info_load(v8, s->scope_info, arena, &info)))
		return;
	if (!*s->name)
		s->name = string_or_empty(v8, info.name, arena);
	if (!*s->inferred_name)
		s->inferred_name = string_or_empty(v8, info.inferred_name, arena);
	if (info.start >= 0) {
		s->start = info.start;
		s->end = info.end;
	}
	if (info.outer)
		s->outer_scope_info = info.outer;
}

static void shared_script(np_v8 *v8, struct np_shared *s)
{
	np_tagged t;
	if (!np_field(v8, s->addr, NP_F_SharedFunctionInfo_script, &t) || !np_is_ref(t))
		return;
	enum np_kind kind = np_kind_at(v8, np_ref(t));
	if (kind == NP_KIND_SCRIPT)
		s->script = np_ref(t);
	else if (kind == NP_KIND_DEBUG_INFO) /* script_or_debug_info: the script has moved into the DebugInfo */
		for (np_addr at = np_ref(t) + 8; at < np_ref(t) + 96 && !s->script; at += 8) {
			np_tagged f;
			if (np_tagged_at(v8, at, &f) && np_is_kind(v8, f, NP_KIND_SCRIPT))
				s->script = np_ref(f);
		}
}

static void shared_uncompiled(np_v8 *v8, struct np_shared *s, np_addr data, np_arena *arena)
{
	const struct np_map *map;
	uint32_t start, end;
	if (!np_map_of(v8, data, &map))
		return;
	const char *type = np_layout_type_name(v8->layout, map->type);
	if (!type || strncmp(type, "UNCOMPILED_DATA", 15) != 0)
		return;
	if (np_field_u32(v8, data, NP_F_UncompiledData_start_position, &start) &&
	    np_field_u32(v8, data, NP_F_UncompiledData_end_position, &end) && start <= end && s->start < 0) {
		s->start = (int32_t)start;
		s->end = (int32_t)end;
	}
	if (!*s->inferred_name)
		s->inferred_name = field_string(v8, data, NP_F_UncompiledData_inferred_name, arena);
}

static void shared_positions(np_v8 *v8, struct np_shared *s)
{
	const np_layout *l = v8->layout;
	int32_t n, bytes = np_get(l, NP_F_SharedFunctionInfo_formal_parameter_count_bytes);
	if (s->start < 0 && shared_int(v8, s->addr, NP_F_SharedFunctionInfo_start_position, bytes, &n) && n >= 0) {
		s->start = n >> 2;
		if (shared_int(v8, s->addr, NP_F_SharedFunctionInfo_end_position, bytes, &n) && n >= s->start)
			s->end = n;
	}
	if (shared_int(v8, s->addr, NP_F_SharedFunctionInfo_function_token_position, bytes, &n) && n >= 0)
		s->token = n;
	else if (shared_int(v8, s->addr, NP_F_SharedFunctionInfo_function_token_offset, 2, &n) && n != 0xffff &&
		 s->start >= n)
		s->token = s->start - n;
}

np_err *np_shared_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_shared *ret)
{
	if (np_kind_at(v8, addr) != NP_KIND_SHARED_FUNCTION_INFO)
		return np_err_new(NP_EFORMAT, "no SharedFunctionInfo at 0x%llx", (unsigned long long)addr);
	struct np_shared s = {.addr = addr, .start = -1, .end = -1, .token = -1};
	shared_name_and_scope(v8, &s, arena);
	shared_script(v8, &s);
	shared_formal_count(v8, &s);
	static const enum np_fact data_facts[] = {NP_F_SharedFunctionInfo_function_data,
						  NP_F_SharedFunctionInfo_untrusted_function_data};
	for (size_t i = 0; i < NP_ARRAY_LEN(data_facts); i++) {
		np_tagged t;
		if (!np_field(v8, addr, data_facts[i], &t) || !np_is_ref(t))
			continue;
		if (!s.bytecode)
			np_bytecode_array_of(v8, np_ref(t), &s.bytecode);
		shared_uncompiled(v8, &s, np_ref(t), arena);
	}
	shared_positions(v8, &s);
	uint32_t flags;
	if (np_field_u32(v8, addr, NP_F_SharedFunctionInfo_flags, &flags)) {
		if (np_has(v8->layout, NP_F_SharedFunctionInfo_toplevel_shift))
			s.is_toplevel = flags >> np_get(v8->layout, NP_F_SharedFunctionInfo_toplevel_shift) & 1;
		if (np_has(v8->layout, NP_F_SharedFunctionInfo_native_shift))
			s.is_native = flags >> np_get(v8->layout, NP_F_SharedFunctionInfo_native_shift) & 1;
	}
	*ret = s;
	return NULL;
}

/* V8's own words for the functions that run class fields and static blocks. */
static const char *initializer_name(np_v8 *v8, const struct np_shared *s)
{
	const np_layout *l = v8->layout;
	uint32_t flags;
	if (!np_has(l, NP_F_SharedFunctionInfo_kind_mask) ||
	    !np_field_u32(v8, s->addr, NP_F_SharedFunctionInfo_flags, &flags))
		return NULL;
	int32_t kind = (int32_t)((flags & (uint32_t)np_get(l, NP_F_SharedFunctionInfo_kind_mask)) >>
				 np_get(l, NP_F_SharedFunctionInfo_kind_shift));
	if (np_has(l, NP_F_FunctionKind_members_initializer) && kind == np_get(l, NP_F_FunctionKind_members_initializer))
		return "<instance_members_initializer>";
	if (np_has(l, NP_F_FunctionKind_static_initializer) && kind == np_get(l, NP_F_FunctionKind_static_initializer))
		return "<static_initializer>";
	return NULL;
}

const char *np_shared_debug_name(np_v8 *v8, const struct np_shared *s, np_arena *arena)
{
	const char *initializer = initializer_name(v8, s);
	if (initializer)
		return initializer;
	if (*s->name)
		return s->name;
	if (*s->inferred_name)
		return s->inferred_name;
	const struct np_script *script;
	if (!s->script || s->start <= 0 || s->is_toplevel ||
	    np_err_drop(np_script_load(v8, s->script, &script)) || !script->has_text)
		return "";
	/* Node's own functions come from a snapshot that keeps no inferred names. */
	if (!script->name || strncmp(script->name, "node:", 5) != 0)
		return "";
	enum { BEFORE = 512, AFTER = 256 };
	char name[256];
	size_t start = (size_t)s->start, from = start > BEFORE ? start - BEFORE : 0;
	if (start >= script->text.len)
		return "";
	size_t to = script->text.len - start > AFTER ? start + AFTER : script->text.len;
	uint16_t around[BEFORE + AFTER];
	for (size_t i = from; i < to; i++)
		around[i - from] = np_char_at(&script->text, i);
	if (!np_jsscan_name_before(around, to - from, start - from, name, sizeof(name)))
		return "";
	return np_arena_strdup(arena, name);
}

bool np_function_shared(np_v8 *v8, np_addr function, np_addr *ret)
{
	np_tagged t;
	if (np_kind_at(v8, function) != NP_KIND_JS_FUNCTION || !np_field(v8, function, NP_F_JSFunction_shared, &t) ||
	    !np_is_kind(v8, t, NP_KIND_SHARED_FUNCTION_INFO))
		return false;
	*ret = np_ref(t);
	return true;
}

const char *np_function_name(np_v8 *v8, np_addr function, np_arena *arena)
{
	np_addr shared;
	struct np_shared s;
	if (!np_function_shared(v8, function, &shared) || np_err_drop(np_shared_load(v8, shared, arena, &s)))
		return NULL;
	np_tagged own;
	if (np_object_own_data(v8, function, "name", &own) && np_is_kind(v8, own, NP_KIND_STRING)) {
		const char *name = np_string_utf8(v8, np_ref(own), NP_NAME_MAX, arena);
		if (name && *name)
			return name;
	}
	return np_shared_debug_name(v8, &s, arena);
}

bool np_is_class(np_v8 *v8, np_addr function)
{
	const np_layout *l = v8->layout;
	const struct np_map *map;
	return np_map_of(v8, function, &map) && np_has(l, NP_F_JSFunction_last_type) &&
	       np_get(l, NP_F_JSFunction_last_type) > np_get(l, NP_F_JSFunction_first_type) &&
	       map->type == np_get(l, NP_F_JSFunction_last_type);
}

bool np_shared_is_builtin(np_v8 *v8, np_addr shared)
{
	np_tagged t;
	return !np_field(v8, shared, NP_F_SharedFunctionInfo_script, &t) || !np_is_ref(t) ||
	       np_kind_at(v8, np_ref(t)) == NP_KIND_ODDBALL;
}

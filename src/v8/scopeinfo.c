#include "v8/scopeinfo.h"

#include "v8/array.h"
#include "v8/map.h"
#include "v8/string.h"

enum { LOCALS_MAX = 1 << 16, TAIL_SLOTS = 16 };

static bool scope_slot(np_v8 *v8, np_addr addr, uint32_t i, np_tagged *ret)
{
	return np_tagged_at(v8, addr + (np_addr)np_get(v8->layout, NP_F_ScopeInfo_data) + 8ull * i, ret);
}

static bool scope_count(np_v8 *v8, np_addr addr, enum np_fact index, uint32_t *ret)
{
	np_tagged t;
	if (!np_has(v8->layout, index)) {
		*ret = 0;
		return true;
	}
	if (!scope_slot(v8, addr, (uint32_t)np_get(v8->layout, index), &t) || !np_is_smi(t) || np_smi_value(t) < 0 ||
	    np_smi_value(t) > LOCALS_MAX)
		return false;
	*ret = (uint32_t)np_smi_value(t);
	return true;
}

static enum np_scope_type scope_type(const np_v8 *v8, uint32_t flags)
{
	const np_layout *l = v8->layout;
	static const struct {
		enum np_fact fact;
		enum np_scope_type type;
	} types[] = {
		{NP_F_ScopeType_class, NP_SCOPE_CLASS},	  {NP_F_ScopeType_eval, NP_SCOPE_EVAL},
		{NP_F_ScopeType_function, NP_SCOPE_FUNCTION}, {NP_F_ScopeType_module, NP_SCOPE_MODULE},
		{NP_F_ScopeType_script, NP_SCOPE_SCRIPT},	  {NP_F_ScopeType_catch, NP_SCOPE_CATCH},
		{NP_F_ScopeType_block, NP_SCOPE_BLOCK},	  {NP_F_ScopeType_with, NP_SCOPE_WITH},
	};
	if (!np_has(l, NP_F_ScopeInfo_scope_type_mask))
		return NP_SCOPE_UNKNOWN;
	int32_t n = (int32_t)((flags & (uint32_t)np_get(l, NP_F_ScopeInfo_scope_type_mask)) >>
			      np_get(l, NP_F_ScopeInfo_scope_type_shift));
	for (size_t i = 0; i < NP_ARRAY_LEN(types); i++)
		if (np_has(l, types[i].fact) && np_get(l, types[i].fact) == n)
			return types[i].type;
	return NP_SCOPE_UNKNOWN;
}

const char *np_scope_type_name(enum np_scope_type type)
{
	static const char *const names[] = {"scope",  "class", "eval",	"function", "module",
					    "script", "catch", "block", "with"};
	return names[type];
}

static np_addr *scope_names(np_v8 *v8, np_addr addr, uint32_t *slot, uint32_t n, np_arena *arena)
{
	np_addr *names = NP_NEW_ARRAY(arena, np_addr, n);
	for (uint32_t i = 0; i < n; i++) {
		np_tagged t;
		if (scope_slot(v8, addr, *slot + i, &t) && np_is_kind(v8, t, NP_KIND_STRING))
			names[i] = np_ref(t);
	}
	*slot += n;
	return names;
}

/* Many context locals: one NameToIndexHashTable {name, index} instead of the names. */
static void scope_names_hashed(np_v8 *v8, np_addr table, np_addr *names, uint32_t n)
{
	uint32_t len;
	if (!np_array_length(v8, table, &len) || len > 4u * LOCALS_MAX)
		return;
	for (uint32_t i = 3; i + 1 < len; i++) {
		np_tagged key, index;
		if (np_array_get(v8, table, i, &key) && np_is_kind(v8, key, NP_KIND_STRING) &&
		    np_array_get(v8, table, i + 1, &index) && np_is_smi(index) && np_smi_value(index) >= 0 &&
		    (uint32_t)np_smi_value(index) < n)
			names[np_smi_value(index)] = np_ref(key);
	}
}

/*
 * What follows the locals depends on flags and version: saved class variable,
 * receiver, function name and index, inferred name, start and end, outer
 * scope.  The kinds of the slots tell them apart: the first string is the
 * function's name if the scope has a function variable, the next is the
 * inferred name; the two Smis before the outer ScopeInfo are the range.
 */
static void scope_tail(np_v8 *v8, struct np_scope_info *s, uint32_t slot)
{
	const np_layout *l = v8->layout;
	bool has_name = true, name_seen = false;
	int32_t before = -1, last = -1;
	int smis = 0;
	if (np_has(l, NP_F_ScopeInfo_function_variable_mask))
		has_name = s->flags & (uint32_t)np_get(l, NP_F_ScopeInfo_function_variable_mask);
	for (uint32_t i = 0; i < TAIL_SLOTS; i++) {
		np_tagged t;
		if (!scope_slot(v8, s->addr, slot + i, &t))
			break;
		if (np_is_smi(t)) {
			if (t.raw & 0xffffffff)
				break;
			before = last;
			last = np_smi_value(t);
			smis++;
			continue;
		}
		enum np_kind kind = np_kind_at(v8, np_ref(t));
		if (kind == NP_KIND_STRING) {
			if (has_name && !name_seen) {
				s->name = np_ref(t);
				name_seen = true;
				i++; /* its index */
			} else if (!s->inferred_name) {
				s->inferred_name = np_ref(t);
			}
			smis = 0;
		} else if (kind == NP_KIND_ODDBALL) {
			smis = 0;
		} else {
			if (np_is_scope_info(v8, t))
				s->outer = np_ref(t);
			break;
		}
	}
	if (smis >= 2 && np_has(l, NP_F_ScopeInfo_has_position) && np_get(l, NP_F_ScopeInfo_has_position) &&
	    before >= 0 && last >= before) {
		s->start = before;
		s->end = last;
	}
}

np_err *np_scope_info_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_scope_info *ret)
{
	const np_layout *l = v8->layout;
	struct np_scope_info s = {.addr = addr, .start = -1, .end = -1, .stack_first_slot = -1};
	np_tagged t;
	if (!np_is_scope_info(v8, np_tag(addr)))
		return np_err_new(NP_EFORMAT, "no ScopeInfo at 0x%llx", (unsigned long long)addr);
	if (!scope_slot(v8, addr, 0, &t))
		return np_err_fault(addr, "reading a ScopeInfo");
	s.flags = np_get(l, NP_F_ScopeInfo_flags_is_raw) == 1 ? (uint32_t)t.raw : (uint32_t)np_smi_value(t);
	s.type = scope_type(v8, s.flags);
	if (np_get(l, NP_F_ScopeInfo_has_length) == 1) {
		uint32_t len;
		if (!np_array_length(v8, addr, &len))
			return np_err_fault(addr, "reading a ScopeInfo");
		if (len == 0) { /* ScopeInfo::Empty */
			*ret = s;
			return NULL;
		}
	}
	if (!scope_count(v8, addr, NP_F_ScopeInfo_nparams, &s.param_count) ||
	    !scope_count(v8, addr, NP_F_ScopeInfo_nstack_locals, &s.stack_count) ||
	    !scope_count(v8, addr, NP_F_ScopeInfo_ncontext_locals, &s.context_count))
		return np_err_new(NP_EFORMAT, "ScopeInfo at 0x%llx has impossible counts", (unsigned long long)addr);
	NP_TRY(np_need(l, NP_F_ScopeInfo_first_vars));
	uint32_t slot = (uint32_t)np_get(l, NP_F_ScopeInfo_first_vars);
	if (np_get(l, NP_F_ScopeInfo_has_param_names) == 1)
		s.param_names = scope_names(v8, addr, &slot, s.param_count, arena);
	if (np_get(l, NP_F_ScopeInfo_has_stack_first_slot) == 1) {
		if (scope_slot(v8, addr, slot, &t) && np_is_smi(t))
			s.stack_first_slot = np_smi_value(t);
		slot++;
	}
	s.stack_names = scope_names(v8, addr, &slot, s.stack_count, arena);
	if (np_has(l, NP_F_ScopeInfo_names_hashtable_limit) &&
	    s.context_count >= (uint32_t)np_get(l, NP_F_ScopeInfo_names_hashtable_limit)) {
		s.context_names = NP_NEW_ARRAY(arena, np_addr, s.context_count);
		if (scope_slot(v8, addr, slot++, &t) && np_is_ref(t))
			scope_names_hashed(v8, np_ref(t), s.context_names, s.context_count);
	} else {
		s.context_names = scope_names(v8, addr, &slot, s.context_count, arena);
	}
	slot += s.context_count; /* their info words */
	if (np_has(l, NP_F_ScopeInfo_position)) {
		np_tagged end;
		uint32_t at = (uint32_t)np_get(l, NP_F_ScopeInfo_position);
		if (scope_slot(v8, addr, at, &t) && scope_slot(v8, addr, at + 1, &end) && np_is_smi(t) &&
		    np_is_smi(end)) {
			s.start = np_smi_value(t);
			s.end = np_smi_value(end);
		}
	}
	if (np_has(l, NP_F_ScopeInfo_context_extension_shift))
		s.has_extension = s.flags >> np_get(l, NP_F_ScopeInfo_context_extension_shift) & 1;
	scope_tail(v8, &s, slot);
	*ret = s;
	return NULL;
}

/*
 * ScopeInfo: names of a scope's parameters and variables, of its function, and
 * its source range.  Its form changed often (see ScopeInfo.* facts); here it
 * is one struct.
 */
#ifndef NP_V8_SCOPEINFO_H
#define NP_V8_SCOPEINFO_H

#include "v8/v8.h"

enum np_scope_type { /* names as in V8; numbers are facts of the version */
	NP_SCOPE_UNKNOWN, NP_SCOPE_CLASS, NP_SCOPE_EVAL, NP_SCOPE_FUNCTION, NP_SCOPE_MODULE, NP_SCOPE_SCRIPT,
	NP_SCOPE_CATCH, NP_SCOPE_BLOCK, NP_SCOPE_WITH,
};

struct np_scope_info {
	np_addr addr;
	uint32_t flags;
	enum np_scope_type type;
	uint32_t param_count, stack_count, context_count;
	np_addr *param_names;	/* String addresses, 0 unknown; NULL where V8 keeps none */
	np_addr *stack_names;	/* stack locals (up to 6.8) */
	int32_t stack_first_slot; /* -1 unknown */
	np_addr *context_names; /* String addresses, one per context local */
	np_addr name, inferred_name; /* Strings, 0 none */
	np_addr outer;		/* ScopeInfo, 0 none */
	int32_t start, end;	/* source range in UTF-16 units, -1 unknown */
	bool has_extension;	/* the context has an extension slot */
};

np_err *np_scope_info_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_scope_info *ret) NP_MUST;
const char *np_scope_type_name(enum np_scope_type type);

#endif

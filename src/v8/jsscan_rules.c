/*
 * How V8 hands out registers to variables, by what changed.  All of it was
 * measured on the bytecode that these versions print (tests/unit/jsscan/), and
 * mirrors parsing/parser.cc, parsing/parser-base.h and ast/scopes.cc: what V8
 * desugars in the parser takes temporaries, which sit among the variables; what
 * its bytecode generator does later does not.
 *
 *  - up to 7.0 inner scopes are allocated before the scope around them
 *    (Scope::AllocateVariablesRecursively), afterwards behind it; siblings go
 *    last to first in every version, as scopes are listed newest first;
 *  - 7.x moved for-of and destructuring into the bytecode generator, 9.x method
 *    calls with spread, 12.x return in derived constructors;
 *  - from 9.0 on super.x finds its home object in a context, not through the
 *    active function.
 */
#include "v8/jsscan_internal.h"

/* Up to 7.0: for-of, destructuring and more are rewritten in the parser. */
#define OLD                                                                                                      \
	.inner_first = true, .declared_is_used = true, .class_name_always = true, .super_uses_function = true,   \
	.return_temp = true, .method_spread_temp = true, .late_binding = true, .param_promise_temp = true,       \
	.sloppy_hash_order = true

static const struct js_rule_set rule_sets[NP_JSSCAN_RULES_COUNT] = {
	[NP_JSSCAN_RULES_6_2] = {OLD, .resumable_params = true, .switch_temp_always = true, .spread_temps = true,
				 .for_of_temps = 6, .array_temps = 4, .array_rest_temps = 1},
	[NP_JSSCAN_RULES_6_6] = {OLD, .resumable_params = true, .for_of_temps = 7, .array_temps = 5,
				 .array_rest_temps = 1},
	[NP_JSSCAN_RULES_6_8] = {OLD, .resumable_params = true, .for_of_temps = 7, .array_temps = 5,
				 .array_rest_temps = 2},
	[NP_JSSCAN_RULES_7_0] = {OLD, .for_of_temps = 7, .array_temps = 5, .array_rest_temps = 2},
	[NP_JSSCAN_RULES_7_8] = {.class_name_always = true, .super_uses_function = true, .return_temp = true,
				 .method_spread_temp = true, .module_result_temp = true},
	[NP_JSSCAN_RULES_7_9] = {.super_uses_function = true, .return_temp = true, .method_spread_temp = true,
				 .module_result_temp = true},
	[NP_JSSCAN_RULES_8_4] = {.super_uses_function = true, .return_temp = true, .method_spread_temp = true,
				 .temps_last_in_arrow = true, .module_result_temp = true},
	[NP_JSSCAN_RULES_9_0] = {.return_temp = true, .method_spread_temp = true, .temps_last_in_arrow = true,
				 .module_result_temp = true},
	[NP_JSSCAN_RULES_9_4] = {.return_temp = true, .temps_last_in_arrow = true, .module_result_temp = true},
	[NP_JSSCAN_RULES_10_2] = {.return_temp = true, .temps_last_in_arrow = true, .arguments_shadow = true,
				  .module_result_temp = true},
	[NP_JSSCAN_RULES_11_3] = {.return_temp = true, .temps_last_in_arrow = true, .arguments_shadow = true,
				  .module_result_temp = true},
	[NP_JSSCAN_RULES_12_4] = {.temps_last_in_arrow = true, .arguments_shadow = true, .module_result_temp = true},
	[NP_JSSCAN_RULES_13_6] = {.temps_last_in_arrow = true, .arguments_shadow = true},
};

const struct js_rule_set *np_js_rules(enum np_jsscan_rules rules)
{
	if (rules <= NP_JSSCAN_RULES_UNKNOWN || rules >= NP_JSSCAN_RULES_COUNT)
		return NULL;
	return &rule_sets[rules];
}

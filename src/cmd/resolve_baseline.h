/*
 * Whose a piece of baseline code is.  Optimised code names its function itself;
 * baseline code only leads to bytecode, and nothing leads from that to the function.  So
 * all SharedFunctionInfos are searched for, once, and remembered by their bytecode.
 */
#ifndef NP_CMD_RESOLVE_BASELINE_H
#define NP_CMD_RESOLVE_BASELINE_H

#include "v8/code.h"

typedef struct np_baseline_index np_baseline_index;

np_baseline_index *np_baseline_index_create(np_v8 *v8);
void np_baseline_index_destroy(np_baseline_index *index);
/* The SharedFunctionInfo of baseline code; false when none is found. */
bool np_baseline_shared(np_baseline_index *index, const struct np_code_object *code, np_addr *ret);

#endif

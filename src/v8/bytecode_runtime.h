/* Names of V8's runtime functions, for CallRuntime in bytecode: read from the table in the binary. */
#ifndef NP_V8_BYTECODE_RUNTIME_H
#define NP_V8_BYTECODE_RUNTIME_H

#include "mem/mem.h"
#include "target/target.h"

struct np_runtime_names {
	np_mem *mem;
	np_addr table; /* kIntrinsicFunctions */
	uint32_t count;
	char name[128]; /* the last answer */
};

/* False when the binary does not tell where the table is (stripped). */
bool np_runtime_names_find(np_target *target, struct np_runtime_names *ret);
/*
 * np_bytecode_names.runtime with a struct np_runtime_names * as ctx: the name
 * of function id, valid until the next call; NULL when it cannot be read.
 */
const char *np_runtime_name(void *names, uint32_t id);

#endif

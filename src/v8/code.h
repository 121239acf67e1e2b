/*
 * Code objects, found from a program counter.
 *
 * JIT code is found by stepping back from the pc, one alignment unit at a
 * time, to the InstructionStream (11.3 and later) or Code header whose range
 * holds the pc.  The function's own code field is never asked: on-stack
 * replacement and dispatch handles make it name other code than what runs.
 */
#ifndef NP_V8_CODE_H
#define NP_V8_CODE_H

#include "v8/v8.h"

enum np_code_kind {
	NP_CODE_UNKNOWN,
	NP_CODE_BYTECODE_HANDLER,
	NP_CODE_BUILTIN,
	NP_CODE_STUB, /* inline caches and code stubs (up to 6.x) */
	NP_CODE_FULL, /* full-codegen (up to 5.8) */
	NP_CODE_BASELINE,
	NP_CODE_MAGLEV,
	NP_CODE_OPTIMIZED, /* TurboFan, or Crankshaft up to 5.8 */
	NP_CODE_REGEXP,
	NP_CODE_WASM,
	NP_CODE_INTERPRETED, /* a copy of the interpreter trampoline (--interpreted-frames-native-stack) */
};

struct np_code_object {
	np_addr addr;	 /* the Code object */
	np_addr start;	 /* first instruction */
	uint64_t size_bytes;
	enum np_code_kind kind;
	np_tagged deoptimization_data, source_positions; /* raw 0 where unknown */
	int32_t builtin_id; /* -1 none */
};

/* Code whose instructions hold pc; false when pc is in no heap code. */
bool np_code_at_pc(np_v8 *v8, np_addr pc, const struct np_code_object **ret);
/* Reads a Code object at addr. */
bool np_code_load(np_v8 *v8, np_addr addr, struct np_code_object *ret);
/* "interpreted", "baseline", ...: tier names of the CLI contract. */
const char *np_code_tier(const np_v8 *v8, enum np_code_kind kind);

/* BytecodeArray that a SharedFunctionInfo's data, an InterpreterData, a BytecodeWrapper or baseline Code leads to. */
bool np_bytecode_array_of(np_v8 *v8, np_addr data, np_addr *ret);

struct np_bytecode_array {
	np_addr addr;
	const uint8_t *bytes;
	size_t len;
	np_addr source_positions; /* ByteArray, 0 none */
	np_addr constant_pool, handler_table;
	int32_t frame_size_bytes;
	int32_t register_count, parameter_count; /* parameters include the receiver; -1 unknown */
};

np_err *np_bytecode_array_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_bytecode_array *ret) NP_MUST;
/* Length of the bytecodes and the raw offset bias (header size - 1), for frame slots. */
bool np_bytecode_array_bounds(np_v8 *v8, np_addr addr, uint32_t *len, int32_t *bias);

#endif

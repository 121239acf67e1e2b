/*
 * kIntrinsicFunctions (V8 runtime/runtime.cc) is an array of Runtime::Function,
 * 32 bytes each from V8 5.8 to 14.6: id (i32, the index), kind (i32), pointer
 * to the name, entry, argument and result counts.
 */
#include <ctype.h>

#include "v8/bytecode_runtime.h"

#define ROW_BYTES 32
#define ROW_NAME 8

bool np_runtime_names_find(np_target *target, struct np_runtime_names *ret)
{
	np_image *image = np_target_v8_image(target);
	struct np_symbol symbol;

	if (!image || !np_image_symbol(image, "_ZN2v88internalL19kIntrinsicFunctionsE", &symbol))
		return false;
	*ret = (struct np_runtime_names){
		.mem = np_target_mem(target),
		.table = symbol.addr,
		.count = (uint32_t)(symbol.size_bytes / ROW_BYTES),
	};
	return true;
}

const char *np_runtime_name(void *ctx, uint32_t id)
{
	struct np_runtime_names *names = ctx;
	np_addr row = names->table + (np_addr)id * ROW_BYTES;
	uint64_t text;
	uint32_t index;

	if (id >= names->count || !np_mem_u32(names->mem, row, &index) || index != id ||
	    !np_mem_u64(names->mem, row + ROW_NAME, &text) ||
	    !np_mem_cstr(names->mem, text, names->name, sizeof(names->name)))
		return NULL;
	for (const char *p = names->name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return NULL;
	return names->name[0] ? names->name : NULL;
}

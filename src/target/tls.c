/*
 * Thread-local variables, x86-64 (variant II).
 *
 * The executable's block ends at the thread pointer, so its place is fixed.
 * Any other module's is found through the thread's dynamic thread vector, by
 * the module id that glibc keeps in a private field of its link_map.  Where
 * that field is, glibc tells debuggers in symbols named _thread_db_*; without
 * them (another C library) the address is not known.
 */
#include "target/internal.h"

enum {
	TCB_DTV = 8,	       /* thread pointer -> dtv, fixed by the ABI */
	DTV_ENTRY_BYTES = 16, /* {block, to_free} */
	MODULES_MAX = 65536,
};

static bool tls_static_address(const np_image *image, const struct np_thread *thread, uint64_t offset, np_addr *ret)
{
	uint64_t align = image->tls_align ? image->tls_align : 1;
	uint64_t block;
	if ((align & (align - 1)) || __builtin_add_overflow(image->tls_bytes, align - 1, &block))
		return false;
	block &= ~(align - 1);
	if (block > thread->fs_base)
		return false;
	*ret = thread->fs_base - block + offset;
	return true;
}

/* Offset of a field from libthread_db's descriptor of it: {size in bits, count, offset}. */
static bool thread_db_offset(np_target *target, const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < target->images.len; i++) {
		np_image *image = target->images.data[i];
		struct np_symbol symbol;
		uint32_t descriptor[3];
		if (image->is_vdso || !np_image_dynamic_symbol(image, name, &symbol))
			continue;
		if (np_mem_read(target->mem, symbol.addr, descriptor, sizeof(descriptor)) != sizeof(descriptor) ||
		    descriptor[0] != 64)
			return false;
		*ret = descriptor[2];
		return true;
	}
	return false;
}

static bool tls_module_id(np_target *target, const np_image *image, uint64_t *ret)
{
	np_addr at;
	uint32_t offset;
	if (!thread_db_offset(target, "_thread_db_link_map_l_tls_modid", &offset) || !np_link_map_first(target, &at))
		return false;
	for (size_t i = 0; at && i < NP_LINK_MAPS_MAX; i++) {
		struct np_link_map entry;
		if (!np_link_map_read(target, at, &entry))
			return false;
		if (entry.bias == (uint64_t)image->bias)
			return np_mem_u64(target->mem, at + offset, ret) && *ret && *ret < MODULES_MAX;
		at = entry.next;
	}
	return false;
}

bool np_target_tls_address(np_target *target, const struct np_thread *thread, np_image *image, uint64_t tls_offset,
			   np_addr *ret)
{
	uint64_t dtv, module, block;
	np_image_need(image);
	if (!thread->fs_base || tls_offset >= image->tls_bytes)
		return false;
	if (image->is_executable)
		return tls_static_address(image, thread, tls_offset, ret);
	/* A block that the thread has not used yet is marked with -1. */
	if (!tls_module_id(target, image, &module) || !np_mem_u64(target->mem, thread->fs_base + TCB_DTV, &dtv) ||
	    !np_mem_u64(target->mem, dtv + module * DTV_ENTRY_BYTES, &block) || !block || block == UINT64_MAX)
		return false;
	*ret = block + tls_offset;
	return true;
}

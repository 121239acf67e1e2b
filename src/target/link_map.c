/*
 * The list of what the dynamic linker loaded, by the public ABI of <link.h>:
 *
 *     executable PT_DYNAMIC -> DT_DEBUG -> r_debug.r_map -> link_map -> ...
 */
#include "target/internal.h"

enum { DYNAMIC_MAX = 256 };

static bool dynamic_find_debug(np_target *target, np_addr dynamic, np_addr *ret)
{
	for (size_t i = 0; i < DYNAMIC_MAX; i++) {
		Elf64_Dyn entry;
		if (np_mem_read(target->mem, dynamic + i * sizeof(entry), &entry, sizeof(entry)) != sizeof(entry) ||
		    entry.d_tag == DT_NULL)
			return false;
		if (entry.d_tag == DT_DEBUG) {
			*ret = entry.d_un.d_ptr;
			return *ret != 0;
		}
	}
	return false;
}

bool np_link_map_first(np_target *target, np_addr *ret)
{
	const np_image *executable = target->executable;
	size_t count = 0;
	if (!executable)
		return false;
	np_image_need(target->executable);
	const Elf64_Phdr *phdr = executable->elf && !elf_getphdrnum(executable->elf, &count)
					 ? elf64_getphdr(executable->elf)
					 : NULL;
	for (size_t i = 0; phdr && i < count; i++) {
		np_addr debug;
		if (phdr[i].p_type == PT_DYNAMIC &&
		    dynamic_find_debug(target, phdr[i].p_vaddr + (uint64_t)executable->bias, &debug))
			return np_mem_u64(target->mem, debug + 8, ret);
	}
	return false;
}

bool np_link_map_read(np_target *target, np_addr at, struct np_link_map *ret)
{
	return np_mem_read(target->mem, at, ret, sizeof(*ret)) == sizeof(*ret);
}

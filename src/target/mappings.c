/* The list of mappings, and what is looked up in it. */
#include <stdlib.h>

#include "target/internal.h"

static int mapping_compare(const void *a, const void *b)
{
	const struct np_mapping *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

void np_mappings_sort(np_target *target)
{
	if (target->mappings.len)
		qsort(target->mappings.data, target->mappings.len, sizeof(*target->mappings.data), mapping_compare);
}

size_t np_target_mapping_count(const np_target *target)
{
	return target->mappings.len;
}

const struct np_mapping *np_target_mapping(const np_target *target, size_t i)
{
	return i < target->mappings.len ? &target->mappings.data[i] : NULL;
}

const struct np_mapping *np_target_mapping_at(const np_target *target, np_addr addr)
{
	size_t lo = 0, hi = target->mappings.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (target->mappings.data[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == target->mappings.len || addr < target->mappings.data[lo].start)
		return NULL;
	return &target->mappings.data[lo];
}

void np_threads_set_stacks(np_target *target)
{
	for (size_t i = 0; i < target->threads.len; i++) {
		struct np_thread *thread = &target->threads.data[i];
		thread->stack_start = thread->stack_end = 0;
		if (!(thread->regs.valid & 1u << NP_REG_RSP))
			continue;
		const struct np_mapping *mapping = np_target_mapping_at(target, thread->regs.r[NP_REG_RSP]);
		if (!mapping)
			continue;
		thread->stack_start = mapping->start;
		thread->stack_end = mapping->end;
	}
}

/* Threads that only run in the kernel (io_uring) have no registers of their own. */
void np_thread_check_registers(struct np_thread *thread)
{
	if (!thread->regs.valid || thread->regs.r[NP_REG_RIP] || thread->regs.r[NP_REG_RSP])
		return;
	thread->is_kernel_only = true;
	thread->regs.valid = 0;
	thread->fs_base = 0;
}

size_t np_target_thread_count(const np_target *target)
{
	return target->threads.len;
}

const struct np_thread *np_target_thread(const np_target *target, size_t i)
{
	return i < target->threads.len ? &target->threads.data[i] : NULL;
}

bool np_auxv_get(const np_target *target, uint64_t type, uint64_t *ret)
{
	for (size_t i = 0; i < target->auxv.len; i++) {
		if (target->auxv.data[i].a_type == type) {
			*ret = target->auxv.data[i].a_un.a_val;
			return true;
		}
	}
	return false;
}

#include "mem/fault.h"

/*
 * The segment has no view and is not cached, so no fast path goes around it:
 * every read of the range is counted.
 */
static size_t fault_read(void *ctx, np_addr addr, void *buf, size_t len)
{
	struct np_fault *fault = ctx;
	uint64_t number = fault->reads++;
	bool fails = number >= fault->fail_from && number - fault->fail_from < fault->fail_count;
	return fails ? NP_SEGMENT_FAULT : 0;
}

static const struct np_segment_ops fault_ops = {.read = fault_read};

np_err *np_mem_add_fault(np_mem *mem, np_addr start, np_addr end, struct np_fault *fault)
{
	struct np_segment segment = {
		.start = start,
		.end = end,
		.priority = NP_SEGMENT_OVERLAY,
		.ops = &fault_ops,
		.ctx = fault,
	};
	return np_mem_add(mem, &segment);
}

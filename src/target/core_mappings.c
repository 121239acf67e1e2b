/*
 * Mappings of a core: the ranges of its PT_LOADs, named by NT_FILE.  A kernel
 * core has the same ranges in both; elsewhere a PT_LOAD is cut where the names
 * change, and a named range without PT_LOAD is a mapping of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "target/internal.h"

static int file_compare(const void *a, const void *b)
{
	const struct np_core_file *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void mapping_push(np_target *target, np_addr start, np_addr end, int prot, const struct np_core_file *file)
{
	struct np_mapping mapping = {
		.start = start,
		.end = end,
		.prot = prot,
		.offset = file ? file->offset + (start - file->start) : 0,
		.path = file ? file->path : "",
	};
	if (start < end)
		np_vec_push(&target->mappings, mapping);
}

static void files_sort(np_target *target)
{
	struct np_core *core = target->core;
	size_t kept = 0;
	if (!core->files.len)
		return;
	qsort(core->files.data, core->files.len, sizeof(*core->files.data), file_compare);
	for (size_t i = 0; i < core->files.len; i++) {
		if (!kept || core->files.data[i].start >= core->files.data[kept - 1].end)
			core->files.data[kept++] = core->files.data[i];
	}
	core->files.len = kept;
}

void np_core_build_mappings(np_target *target)
{
	struct np_core *core = target->core;
	files_sort(target);
	size_t f = 0;
	np_addr named_to = 0; /* files before this address are done */
	for (size_t i = 0; i < core->loads.len; i++) {
		const struct np_core_load *load = &core->loads.data[i];
		int prot = (int)(load->flags & (PF_R | PF_W | PF_X));
		np_addr at = load->start;
		while (f < core->files.len && core->files.data[f].start < load->end) {
			const struct np_core_file *file = &core->files.data[f];
			np_addr start = file->start > named_to ? file->start : named_to;
			if (start < load->start) /* no PT_LOAD there */
				mapping_push(target, start, file->end < load->start ? file->end : load->start, -1, file);
			start = start > load->start ? start : load->start;
			np_addr end = file->end < load->end ? file->end : load->end;
			if (start < end) {
				mapping_push(target, at, start, prot, NULL);
				mapping_push(target, start, end, prot, file);
				at = end;
			}
			if (file->end > load->end) {
				named_to = load->end;
				break;
			}
			f++;
		}
		mapping_push(target, at, load->end, prot, NULL);
	}
	for (; f < core->files.len; f++) {
		const struct np_core_file *file = &core->files.data[f];
		mapping_push(target, file->start > named_to ? file->start : named_to, file->end, -1, file);
	}
	np_mappings_sort(target);

	uint64_t addr;
	struct np_mapping *stack = NULL;
	if (np_auxv_get(target, AT_RANDOM, &addr))
		stack = (struct np_mapping *)np_target_mapping_at(target, addr);
	if (stack && !*stack->path)
		stack->path = "[stack]";
}

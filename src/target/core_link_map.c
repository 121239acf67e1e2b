/*
 * Names for the mappings of a core without NT_FILE (written by kernels before
 * 3.7, or cut off): the dynamic linker's list tells load bias and path of each
 * library; the file's program headers then tell which ranges it was mapped at.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "target/internal.h"

enum { PATH_BYTES_MAX = 4096, PAGE_BYTES = 4096 };

static np_addr page_start(np_addr addr)
{
	return addr & ~(np_addr)(PAGE_BYTES - 1);
}

/* Gives the ranges that lie within the image's segments its name and file offsets. */
static void image_claim_mappings(np_image *image)
{
	np_target *target = image->target;
	for (size_t i = 0; i < target->mappings.len; i++) {
		struct np_mapping *m = &target->mappings.data[i];
		for (size_t l = 0; l < image->load_count && !*m->path; l++) {
			const struct np_load *load = &image->loads[l];
			np_addr start = page_start(load->vaddr + (uint64_t)image->bias);
			np_addr end = load->vaddr + (uint64_t)image->bias + load->file_bytes;
			if (m->start < start || m->start >= end)
				continue;
			m->path = image->path;
			m->image = image;
			m->offset = page_start(load->offset) + (m->start - start);
		}
	}
}

void np_core_name_mappings(np_target *target, const np_image *executable)
{
	np_addr at = 0;
	image_claim_mappings((np_image *)executable);
	if (!np_link_map_first(target, &at))
		return;
	for (size_t i = 0; at && i < NP_LINK_MAPS_MAX; i++) {
		struct np_link_map entry;
		char path[PATH_BYTES_MAX];
		if (!np_link_map_read(target, at, &entry))
			return;
		at = entry.next;
		/* The executable and the vdso have no path. */
		if (!np_mem_cstr(target->mem, entry.name, path, sizeof(path)) || path[0] != '/')
			continue;
		np_image *image = np_image_create(target, path);
		const struct np_mapping *m = np_target_mapping_at(target, entry.bias);
		image->bias = (int64_t)entry.bias;
		image->header = m && m->start == entry.bias ? m->start : 0;
		np_vec_push(&target->images, image);
		np_core_load_library(image);
		if (image->load_count)
			image_claim_mappings(image);
	}
}

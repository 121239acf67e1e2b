/*
 * Memory by kind.  A kind is told by what a mapping is of: an image, a file, a
 * stack, or nothing.  Anonymous memory holds V8's heap, malloc's arenas and the
 * bytes of buffers alike, and the kernel puts neighbours together in one
 * mapping; V8's pages are known by themselves and taken out of it.
 *
 * Resident sizes come from /proc/PID/smaps, of V8's pages from pagemap, so a
 * live process alone has them.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/info.h"

enum kind {
	KIND_V8,
	KIND_ANONYMOUS,
	KIND_CODE,
	KIND_HEAP,
	KIND_STACK,
	KIND_NODE,
	KIND_LIBRARY,
	KIND_FILE,
	KIND_KERNEL,
	KIND_RESERVED,
	KIND_COUNT
};

static const struct {
	const char *id, *text;
} kinds[KIND_COUNT] = {
	[KIND_V8] = {"v8_heap", "V8 heap, by isolate below"},
	[KIND_ANONYMOUS] = {"anonymous", "anonymous: malloc, buffers"},
	[KIND_CODE] = {"code", "executable: room for JIT code"},
	[KIND_HEAP] = {"heap", "heap (brk): malloc"},
	[KIND_STACK] = {"stack", "stacks"},
	[KIND_NODE] = {"node", "node binary"},
	[KIND_LIBRARY] = {"library", "libraries"},
	[KIND_FILE] = {"file", "mapped files"},
	[KIND_KERNEL] = {"kernel", "of the kernel: vdso, vvar"},
	[KIND_RESERVED] = {"reserved", "reserved: takes no memory"},
};

struct usage {
	uint64_t count, size, resident, private, swap;
};

static const struct np_shape shape_memory = {
	.name = "memory",
	.style = NP_STYLE_LINE,
	.line = "memory[: {rss_bytes} resident, {private_bytes} of it private][, {swap_bytes} swapped]",
	.children = "kinds",
};
static const struct np_shape shape_kind = {
	.name = "memory_kind",
	.style = NP_STYLE_TABLE,
	.columns = "_text:Kind,count:Mappings,size_bytes:Size,resident_bytes:Resident,private_bytes:Private",
};

static bool is_thread_stack(np_target *target, const struct np_mapping *m)
{
	for (size_t i = 0; i < np_target_thread_count(target); i++) {
		const struct np_thread *thread = np_target_thread(target, i);
		if (thread->stack_start && thread->stack_start >= m->start && thread->stack_start < m->end)
			return true;
	}
	return !strncmp(m->path, "[stack", 6);
}

static enum kind mapping_kind(np_target *target, const struct np_mapping *m)
{
	const char *path = m->path ? m->path : "";
	if (m->image)
		return m->image == np_target_v8_image(target) ? KIND_NODE : KIND_LIBRARY;
	if (is_thread_stack(target, m))
		return KIND_STACK;
	if (!strcmp(path, "[heap]"))
		return KIND_HEAP;
	if (!strcmp(path, "[vdso]") || !strcmp(path, "[vvar]") || !strcmp(path, "[vvar_vclock]") ||
	    !strcmp(path, "[vsyscall]"))
		return KIND_KERNEL;
	if (path[0] == '/' && (strstr(path, ".so.") || (strlen(path) > 3 && !strcmp(path + strlen(path) - 3, ".so"))))
		return KIND_LIBRARY;
	if (path[0] == '/')
		return KIND_FILE;
	if (m->prot == 0)
		return KIND_RESERVED;
	return m->prot > 0 && (m->prot & NP_PROT_X) ? KIND_CODE : KIND_ANONYMOUS;
}

/* Adds resident sizes; false where the kernel does not tell. */
static bool add_resident(np_target *target, struct usage *usage)
{
	char path[64];
	char *line = NULL;
	size_t cap = 0;
	struct usage *now = NULL;
	bool any = false;
	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)np_target_pid(target));
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (getline(&line, &cap, f) > 0) {
		uint64_t start, kib;
		char word[32];
		if (sscanf(line, "%31[A-Za-z_]: %" SCNu64 " kB", word, &kib) == 2) {
			if (!now)
				continue;
			any = true;
			if (!strcmp(word, "Rss"))
				now->resident += kib * 1024;
			else if (!strcmp(word, "Private_Clean") || !strcmp(word, "Private_Dirty"))
				now->private += kib * 1024;
			else if (!strcmp(word, "Swap"))
				now->swap += kib * 1024;
		} else if (sscanf(line, "%" SCNx64 "-%*x ", &start) == 1) {
			/* the head of the next mapping */
			const struct np_mapping *m = np_target_mapping_at(target, start);
			now = m ? &usage[mapping_kind(target, m)] : NULL;
		}
	}
	free(line);
	fclose(f);
	return any;
}

/* Takes bytes of one kind for another; smaps and pagemap are not of one moment. */
static void bytes_move(uint64_t *from, uint64_t *to, uint64_t bytes)
{
	bytes = bytes < *from ? bytes : *from;
	*from -= bytes;
	*to += bytes;
}

/* What of [start, end) is resident or swapped, by the page table of the process (proc_pid_pagemap(5)). */
static void range_resident(int pagemap, np_addr start, np_addr end, struct usage *from, struct usage *to)
{
	enum { UNIT = 4096, ENTRIES = 1024, PRESENT = 63, SWAPPED = 62 };
	uint64_t entries[ENTRIES];
	for (np_addr at = start; at < end;) {
		uint64_t want = (end - at + UNIT - 1) / UNIT, resident = 0, swapped = 0;
		want = want < ENTRIES ? want : ENTRIES;
		ssize_t n = pread(pagemap, entries, want * 8, (off_t)(at / UNIT * 8));
		if (n < 8)
			return;
		for (size_t i = 0; i < (size_t)n / 8; i++) {
			resident += entries[i] >> PRESENT & 1;
			swapped += entries[i] >> SWAPPED & 1;
		}
		bytes_move(&from->resident, &to->resident, resident * UNIT);
		bytes_move(&from->swap, &to->swap, swapped * UNIT);
		at += (uint64_t)n / 8 * UNIT;
	}
}

static void take_v8(np_target *target, const np_info_ranges *pages, bool resident, struct usage *usage)
{
	char path[64];
	struct usage *to = &usage[KIND_V8], before[KIND_COUNT];
	memcpy(before, usage, sizeof(before));
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)np_target_pid(target));
	int pagemap = resident ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	for (size_t i = 0; i < pages->len; i++) {
		np_addr at = pages->data[i].start, end = pages->data[i].end;
		to->count++;
		while (at < end) {
			const struct np_mapping *m = np_target_mapping_at(target, at);
			if (!m)
				break; /* the end of a page may have been given back */
			np_addr stop = m->end < end ? m->end : end;
			struct usage *from = &usage[mapping_kind(target, m)];
			bytes_move(&from->size, &to->size, stop - at);
			if (pagemap >= 0)
				range_resident(pagemap, at, stop, from, to);
			at = stop;
		}
	}
	if (pagemap >= 0)
		close(pagemap);
	/* The page table does not tell reliably what is shared with a child: as much as of the rest of the kind. */
	for (int k = 0; k < KIND_COUNT; k++)
		if (k != KIND_V8 && before[k].resident)
			bytes_move(&usage[k].private, &to->private,
				   (uint64_t)((double)before[k].private / (double)before[k].resident *
					      (double)(before[k].resident - usage[k].resident)));
}

np_node *np_info_memory(np_arena *arena, np_target *target, const np_info_ranges *v8_pages)
{
	struct usage usage[KIND_COUNT] = {0}, all = {0};
	for (size_t i = 0; i < np_target_mapping_count(target); i++) {
		const struct np_mapping *m = np_target_mapping(target, i);
		struct usage *u = &usage[mapping_kind(target, m)];
		u->count++;
		u->size += m->end - m->start;
	}
	bool resident = np_target_kind(target) == NP_TARGET_PROCESS && add_resident(target, usage);
	take_v8(target, v8_pages, resident, usage);
	np_node *memory = np_obj(arena, &shape_memory), *list = np_list(arena, &shape_kind);
	for (int k = 0; k < KIND_COUNT; k++) {
		const struct usage *u = &usage[k];
		if (!u->count)
			continue;
		np_node *row = np_obj(arena, NULL);
		np_set_str(row, "kind", kinds[k].id);
		np_set_str(row, "_text", k == KIND_ANONYMOUS && !usage[KIND_V8].count ? "anonymous: V8 heap, malloc, buffers"
										      : kinds[k].text);
		np_set_uint(row, k == KIND_V8 ? "page_count" : "count", u->count);
		np_set_bytes(row, "size_bytes", u->size);
		if (resident) {
			np_set_bytes(row, "resident_bytes", u->resident);
			np_set_bytes(row, "private_bytes", u->private);
			np_set_bytes(row, "swap_bytes", u->swap);
		}
		np_add(list, row);
		all.size += u->size;
		all.resident += u->resident;
		all.private += u->private;
		all.swap += u->swap;
	}
	np_set_bytes(memory, "mapped_bytes", all.size);
	if (resident) {
		np_set_bytes(memory, "rss_bytes", all.resident);
		np_set_bytes(memory, "private_bytes", all.private);
		np_set_bytes(memory, "swap_bytes", all.swap);
		if (!all.swap)
			np_hide(memory, "swap_bytes");
	}
	np_set_node(memory, "kinds", list);
	return memory;
}

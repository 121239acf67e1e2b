/*
 * Which files a core's images are read from.
 *
 * The executable: --exe, else the path that the core names.  Libraries: the
 * path that the core names (all below --sysroot when that is given).  A file
 * counts only when it agrees with the core's memory (build-id, else the page
 * of ELF headers); a library that is missing costs its symbols, no more.
 *
 * Then every file-backed range becomes a segment of lowest priority, so that
 * text and read-only data that the core leaves out are read from the file.
 * A writable range that the core meant to have, but lost by truncation, gets
 * none: the file holds its initial content, not its last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "target/internal.h"

enum { IMAGES_MAX = 4096 };

static bool memory_is_elf(np_target *target, np_addr addr, bool *ret_readable)
{
	char magic[SELFMAG];
	*ret_readable = np_mem_read(target->mem, addr, magic, SELFMAG) == SELFMAG;
	return *ret_readable && !memcmp(magic, ELFMAG, SELFMAG);
}

static np_image *image_find(np_target *target, const char *path)
{
	for (size_t i = 0; i < target->images.len; i++) {
		if (!strcmp(target->images.data[i]->path, path))
			return target->images.data[i];
	}
	return NULL;
}

/* A named file is an image when its header is in the core as ELF, or when it is executable and the header is not. */
static void images_collect(np_target *target)
{
	np_image *last = NULL;
	for (size_t i = 0; i < target->mappings.len; i++) {
		struct np_mapping *m = &target->mappings.data[i];
		if (m->path[0] != '/')
			continue;
		if (!last || strcmp(last->path, m->path))
			last = image_find(target, m->path);
		if (!last && target->images.len >= IMAGES_MAX)
			continue;
		if (!last) {
			bool readable = false;
			bool is_elf = m->offset == 0 && memory_is_elf(target, m->start, &readable);
			if (!is_elf && (readable || !(m->prot > 0 && (m->prot & NP_PROT_X))))
				continue;
			last = np_image_create(target, m->path);
			if (m->offset == 0 && is_elf)
				last->header = m->start;
			np_vec_push(&target->images, last);
		}
		m->image = last;
	}
	/* Ranges before the one that told that the file is an image. */
	for (size_t i = 0; i < target->mappings.len; i++) {
		struct np_mapping *m = &target->mappings.data[i];
		if (!m->image && m->path[0] == '/')
			m->image = image_find(target, m->path);
	}
}

/* Opens below the sysroot; a path of a replaced binary may carry " (deleted)". */
static int open_named(const np_target *target, const char *path, char **ret_file)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path), tail = sizeof(deleted) - 1;
	char *file = NULL;
	if (length > tail && !strcmp(path + length - tail, deleted))
		length -= tail;
	if (asprintf(&file, "%s%.*s", target->option_sysroot ? target->option_sysroot : "", (int)length, path) < 0)
		return -1;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		free(file);
	else
		*ret_file = file;
	return fd;
}

static np_err *image_load_checked(np_image *image, int fd, const char *file, bool *compared)
{
	NP_TRY(np_image_load_fd(image, fd, file));
	return np_image_verify(image, compared);
}

/* The file that the core names; a wrong or missing one is noted in the image. */
void np_core_load_library(np_image *image)
{
	char *file = NULL;
	bool compared = false;
	image->is_opened = true;
	int fd = open_named(image->target, image->path, &file);
	if (fd < 0) {
		np_image_set_problem(image, "cannot be opened: %s", strerror(errno));
		return;
	}
	np_err *err = image_load_checked(image, fd, file, &compared);
	if (err) {
		if (np_err_code(err) == NP_EMISMATCH && image->is_executable)
			np_warn("%s, so it is not used: give the right one with --exe", np_err_message(err));
		np_image_set_problem(image, "%s", np_err_message(err));
		np_image_unload(image);
	} else if (!compared && image->is_executable) {
		np_info("the core does not tell whether '%s' is its executable", file);
	}
	np_err_free(err);
	free(file);
}

static np_err *image_load_option(np_image *image, const char *file)
{
	bool compared = false;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return np_err_sys(NP_EIO, "opening the executable '%s'", file);
	NP_TRY(image_load_checked(image, fd, file, &compared));
	if (!compared)
		np_warn("the core does not tell whether '%s' is its executable", file);
	return NULL;
}

/*
 * Where the core tells neither names nor an auxiliary vector: the range whose
 * ELF header carries the build-id of --exe.
 */
static np_image *executable_by_build_id(np_target *target)
{
	np_image *probe = np_image_create(target, target->option_exe);
	bool readable, compared;
	int fd = open(target->option_exe, O_RDONLY | O_CLOEXEC);
	np_err *err = fd < 0 ? np_err_sys(NP_EIO, "opening") : np_image_load_fd(probe, fd, target->option_exe);
	for (size_t i = 0; !err && i < target->mappings.len; i++) {
		struct np_mapping *m = &target->mappings.data[i];
		if (!memory_is_elf(target, m->start, &readable))
			continue;
		probe->header = m->start;
		compared = false;
		np_err *other = np_image_verify(probe, &compared);
		if (!other && compared) {
			np_image_unload(probe);
			m->image = probe;
			return probe;
		}
		np_err_free(other);
	}
	np_err_free(err);
	np_image_destroy(probe);
	return NULL;
}

/* The executable of a core that has no NT_FILE: by the auxiliary vector. */
static np_image *executable_by_auxv(np_target *target)
{
	uint64_t phdr, name;
	char path[4096] = "";
	if (!np_auxv_get(target, AT_PHDR, &phdr))
		return NULL;
	if (np_auxv_get(target, AT_EXECFN, &name))
		np_mem_cstr(target->mem, name, path, sizeof(path));
	if (!*path && !target->option_exe)
		return NULL;
	np_image *image = np_image_create(target, *path ? path : target->option_exe);
	struct np_mapping *m = (struct np_mapping *)np_target_mapping_at(target, phdr);
	bool readable;
	if (m && memory_is_elf(target, m->start, &readable)) {
		image->header = m->start;
		m->image = image;
	}
	return image;
}

static np_image *executable_find(np_target *target)
{
	np_image *image = np_image_find_executable(target);
	if (image)
		return image;
	image = executable_by_auxv(target);
	if (!image && target->option_exe)
		image = executable_by_build_id(target);
	if (image) {
		np_vec_push(&target->images, image);
		return image;
	}
	/* No auxiliary vector: the file that is called as the process. */
	const char *fname = target->core->fname;
	for (size_t i = 0; i < target->images.len && *fname; i++) {
		const char *slash = strrchr(target->images.data[i]->path, '/');
		if (slash && !strncmp(slash + 1, fname, 15))
			return target->images.data[i];
	}
	return NULL;
}

/* Bytes of the range [start, end) that the core promised but does not have. */
static bool core_lost(const struct np_core *core, np_addr start, np_addr end)
{
	size_t lo = 0, hi = core->loads.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (core->loads.data[mid].end <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < core->loads.len && core->loads.data[lo].start < end; lo++) {
		const struct np_core_load *load = &core->loads.data[lo];
		if (load->present_bytes < load->file_bytes && load->start + load->present_bytes < end &&
		    load->start + load->file_bytes > start)
			return true;
	}
	return false;
}

static bool image_writes_at(const np_image *image, uint64_t offset)
{
	for (size_t l = 0; l < image->load_count; l++) {
		const struct np_load *load = &image->loads[l];
		if ((load->flags & PF_W) && offset + 4096 > load->offset && offset < load->offset + load->file_bytes)
			return true;
	}
	return false;
}

static np_err *image_add_segments(np_image *image)
{
	np_target *target = image->target;
	for (size_t i = 0; i < target->mappings.len; i++) {
		const struct np_mapping *m = &target->mappings.data[i];
		if (m->image != image || m->offset >= image->map.bytes || image->is_vdso)
			continue;
		if (target->facts.truncated && image_writes_at(image, m->offset) &&
		    core_lost(target->core, m->start, m->end))
			continue;
		uint64_t bytes = m->end - m->start, rest = image->map.bytes - m->offset;
		bytes = bytes < rest ? bytes : rest;
		NP_TRY(np_mem_add_bytes(target->mem, m->start, image->map.data + m->offset, (size_t)bytes,
					NP_SEGMENT_IMAGE, false));
	}
	return NULL;
}

/* One line for all libraries that are missing or of another build. */
static void libraries_report(const np_target *target)
{
	size_t count = 0;
	const char *first = NULL;
	for (size_t i = 0; i < target->images.len; i++) {
		const np_image *image = target->images.data[i];
		if (!image->problem || image->is_executable)
			continue;
		first = first ? first : image->path;
		count++;
		np_info("'%s': %s", image->path, image->problem);
	}
	if (count)
		np_warn("%zu librar%s of the core %s not here in the same build ('%s'%s): frames there have no names, and stacks "
			"may end there; --sysroot tells where they are", count, count == 1 ? "y" : "ies",
			count == 1 ? "is" : "are", first, count == 1 ? "" : ", ...");
}

np_err *np_core_find_images(np_target *target)
{
	images_collect(target);
	np_target_add_vdso(target);
	np_image *executable = target->executable = executable_find(target);
	if (executable) {
		executable->is_executable = true;
		target->facts.exe_path = executable->path;
		if (target->option_exe)
			NP_TRY(image_load_option(executable, target->option_exe));
		else
			np_core_load_library(executable);
		np_image_set_bias(executable);
	} else if (target->option_exe) {
		np_warn("'%s' does not tell where its executable is mapped, so '%s' cannot be used", target->spec,
			target->option_exe);
	}
	if (!target->core->files.len && executable)
		np_core_name_mappings(target, executable);
	for (size_t i = 0; i < target->images.len; i++) {
		np_image *image = target->images.data[i];
		if (!image->is_opened) {
			np_core_load_library(image);
			np_image_set_bias(image);
		}
	}
	libraries_report(target);
	for (size_t i = 0; i < target->images.len; i++)
		NP_TRY(image_add_segments(target->images.data[i]));
	return NULL;
}

/*
 * An ELF core file.
 *
 * The file is mapped, never read as a whole: a sparse core of gigabytes opens
 * as fast as its headers.  Its program headers are not parsed by libelf, which
 * refuses a file that ends early; here what the file has is used, and what it
 * lacks is counted.
 *
 * A PT_LOAD may have fewer bytes in the file than in memory (text that the
 * kernel left out, or the end of a truncated file): only bytes that are there
 * become segments.  The rest falls through to the image, or is unreadable;
 * zeroes are never made up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "target/internal.h"

enum { CORE_LOADS_MAX = 1 << 22 };

static np_err *core_check_header(const struct np_core *core, const char *path)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)core->data;
	if (core->bytes < SELFMAG || memcmp(core->data, ELFMAG, SELFMAG))
		return np_err_new(NP_EFORMAT, "'%s' is not a core file: it does not begin like an ELF file", path);
	if (core->bytes < sizeof(*ehdr))
		return np_err_new(NP_EFORMAT, "'%s' ends after %zu bytes, within the ELF header", path, core->bytes);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_ident[EI_DATA] != ELFDATA2LSB ||
	    ehdr->e_machine != EM_X86_64)
		return np_err_new(NP_EFORMAT, "'%s' is an ELF file, but not for x86-64", path);
	if (ehdr->e_type == ET_EXEC || ehdr->e_type == ET_DYN)
		return np_err_new(NP_EFORMAT, "'%s' is an executable or a library, not a core file", path);
	if (ehdr->e_type != ET_CORE)
		return np_err_new(NP_EFORMAT, "'%s' is an ELF file, but not a core file", path);
	if (ehdr->e_phnum && ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return np_err_new(NP_EFORMAT, "'%s' has program headers of %u bytes", path, ehdr->e_phentsize);
	return NULL;
}

/* How many program headers there should be: more than 65534 are counted in section header 0. */
static uint64_t core_header_count(const struct np_core *core)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)core->data;
	Elf64_Shdr first;
	if (ehdr->e_phnum != PN_XNUM)
		return ehdr->e_phnum;
	if (ehdr->e_shoff > core->bytes || core->bytes - ehdr->e_shoff < sizeof(first))
		return PN_XNUM; /* as many as the file can have: the reader stops at its end */
	memcpy(&first, core->data + ehdr->e_shoff, sizeof(first));
	return first.sh_info;
}

static void core_add_load(np_target *target, const Elf64_Phdr *phdr)
{
	struct np_core *core = target->core;
	if (!phdr->p_memsz || phdr->p_vaddr + phdr->p_memsz < phdr->p_vaddr)
		return;
	struct np_core_load load = {
		.start = phdr->p_vaddr,
		.end = phdr->p_vaddr + phdr->p_memsz,
		.file_bytes = phdr->p_filesz < phdr->p_memsz ? phdr->p_filesz : phdr->p_memsz,
		.flags = phdr->p_flags,
		.offset = phdr->p_offset,
	};
	if (load.offset < core->bytes) {
		uint64_t rest = core->bytes - load.offset;
		load.present_bytes = load.file_bytes < rest ? load.file_bytes : rest;
	}
	target->facts.missing_bytes += load.file_bytes - load.present_bytes;
	np_vec_push(&core->loads, load);
}

static int load_compare(const void *a, const void *b)
{
	const struct np_core_load *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Ranges of a sound core do not overlap; of those that do the first stays. */
static void core_sort_loads(np_target *target)
{
	struct np_core *core = target->core;
	size_t kept = 0;
	if (!core->loads.len)
		return;
	qsort(core->loads.data, core->loads.len, sizeof(*core->loads.data), load_compare);
	for (size_t i = 0; i < core->loads.len; i++) {
		if (kept && core->loads.data[i].start < core->loads.data[kept - 1].end)
			continue;
		core->loads.data[kept++] = core->loads.data[i];
	}
	if (kept < core->loads.len)
		np_warn("'%s': %zu of %zu memory ranges overlap others and are ignored", target->spec,
			core->loads.len - kept, core->loads.len);
	core->loads.len = kept;
}

static void core_read_headers(np_target *target)
{
	struct np_core *core = target->core;
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)core->data;
	uint64_t count = core_header_count(core);
	if (count > CORE_LOADS_MAX)
		count = CORE_LOADS_MAX;
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Phdr phdr;
		if (ehdr->e_phoff > core->bytes || (core->bytes - ehdr->e_phoff) / sizeof(phdr) <= i) {
			target->facts.missing_bytes += (count - i) * sizeof(phdr);
			break;
		}
		memcpy(&phdr, core->data + ehdr->e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type == PT_LOAD) {
			core_add_load(target, &phdr);
		} else if (phdr.p_type == PT_NOTE) {
			uint64_t rest = phdr.p_offset < core->bytes ? core->bytes - phdr.p_offset : 0;
			uint64_t bytes = phdr.p_filesz < rest ? phdr.p_filesz : rest;
			target->facts.missing_bytes += phdr.p_filesz - bytes;
			if (bytes)
				np_core_read_notes(target, core->data + phdr.p_offset, (size_t)bytes);
		}
	}
	core_sort_loads(target);
}

static np_err *core_add_segments(np_target *target)
{
	const struct np_core *core = target->core;
	for (size_t i = 0; i < core->loads.len; i++) {
		const struct np_core_load *load = &core->loads.data[i];
		if (load->present_bytes)
			NP_TRY(np_mem_add_bytes(target->mem, load->start, core->data + load->offset,
						(size_t)load->present_bytes, NP_SEGMENT_CORE, false));
	}
	return NULL;
}

static np_err *core_open_file(const char *path, int *ret, bool *truncated)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? np_err_new(NP_ENOTFOUND, "there is no file '%s'", path)
				       : np_err_sys(errno == EACCES ? NP_EPERM : NP_EIO, "opening '%s'", path);
	np_err *err = NULL;
	int plain = -1;
	if (fstat(fd, &st))
		err = np_err_sys(NP_EIO, "opening '%s'", path);
	else if (!S_ISREG(st.st_mode))
		err = np_err_new(NP_EFORMAT, "'%s' is not a regular file", path);
	else if (!st.st_size)
		err = np_err_new(NP_EFORMAT, "'%s' is empty", path);
	else
		err = np_decompress(fd, path, &plain, truncated);
	if (err || plain >= 0)
		close(fd);
	if (!err)
		*ret = plain >= 0 ? plain : fd;
	return err;
}

static np_err *core_map(struct np_core *core, int fd, const char *path)
{
	struct stat st;
	np_err *err = NULL;
	if (fstat(fd, &st)) {
		err = np_err_sys(NP_EIO, "opening '%s'", path);
	} else if (!st.st_size) {
		err = np_err_new(NP_EFORMAT, "'%s' holds nothing", path);
	} else {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		if (p == MAP_FAILED) {
			err = np_err_sys(NP_EIO, "mapping '%s'", path);
		} else {
			core->data = p;
			core->bytes = (size_t)st.st_size;
		}
	}
	close(fd);
	return err;
}

static int thread_compare(const void *a, const void *b)
{
	const struct np_thread *x = a, *y = b;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* A core names one thread: the leader, by its comm. */
static void core_finish_threads(np_target *target)
{
	if (!target->threads.len)
		return;
	qsort(target->threads.data, target->threads.len, sizeof(*target->threads.data), thread_compare);
	for (size_t i = 0; i < target->threads.len && target->core->has_psinfo; i++) {
		struct np_thread *thread = &target->threads.data[i];
		if (thread->tid == target->pid) {
			memcpy(thread->name, target->core->fname, sizeof(target->core->fname));
			thread->state = target->core->state ? target->core->state : '?';
		}
	}
}

np_err *np_core_open(np_target *target, const char *path)
{
	struct np_core *core = target->core = np_xcalloc(1, sizeof(*core));
	int fd = -1;
	bool truncated = false;
	target->kind = NP_TARGET_CORE;
	NP_TRY(core_open_file(path, &fd, &truncated));
	NP_TRY(core_map(core, fd, path));
	NP_TRY(core_check_header(core, path));
	core_read_headers(target);
	target->facts.file_bytes = core->bytes;
	target->facts.truncated = truncated || target->facts.missing_bytes > 0;
	NP_TRY(core_add_segments(target));
	core_finish_threads(target);
	np_core_build_mappings(target);
	NP_TRY(np_core_find_images(target));
	np_core_read_arguments(target);
	np_threads_set_stacks(target);
	if (!core->loads.len && !target->threads.len)
		return np_err_new(NP_EFORMAT, "'%s' is a core file without memory and threads%s", path,
				  target->facts.truncated ? " (it is cut off)" : "");
	return NULL;
}

void np_core_close(np_target *target)
{
	struct np_core *core = target->core;
	if (core->data)
		munmap((void *)core->data, core->bytes);
	np_vec_deinit(&core->loads);
	np_vec_deinit(&core->files);
	free(core);
	target->core = NULL;
}

#include "target/binary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "target/internal.h"

bool np_path_is_binary(const char *path)
{
	Elf64_Ehdr header;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t n = pread(fd, &header, sizeof(header), 0);
	close(fd);
	return n == sizeof(header) && !memcmp(header.e_ident, ELFMAG, SELFMAG) && header.e_type != ET_CORE;
}

/* The segments as the loader would map them at bias 0. */
static void mappings_make(np_target *target, np_image *image)
{
	for (size_t i = 0; i < image->load_count; i++) {
		const struct np_load *load = &image->loads[i];
		if (load->mem_bytes > UINT64_MAX - load->vaddr)
			continue;
		int prot = (load->flags & PF_R ? NP_PROT_R : 0) | (load->flags & PF_W ? NP_PROT_W : 0) |
			   (load->flags & PF_X ? NP_PROT_X : 0);
		np_vec_push(&target->mappings, (struct np_mapping){.start = load->vaddr, .end = load->vaddr + load->mem_bytes,
								   .prot = prot, .offset = load->offset, .path = image->path,
								   .image = image});
	}
	np_mappings_sort(target);
}

np_err *np_target_open_binary(const char *path, np_target **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return np_err_sys(NP_EIO, "opening '%s'", path);
	np_target *target = np_xcalloc(1, sizeof(*target));
	target->kind = NP_TARGET_CORE; /* what does not change */
	target->spec = np_xstrdup(path);
	target->arena = np_arena_create();
	target->mapping_arena = np_arena_create();
	target->mem = np_mem_create();
	target->facts.uid = -1;
	elf_version(EV_CURRENT);
	np_image *image = np_image_create(target, path);
	image->is_executable = true;
	np_vec_push(&target->images, image);
	target->executable = image;
	np_err *err = np_image_load_fd(image, fd, path);
	if (err) {
		np_target_close(target);
		return err;
	}
	mappings_make(target, image);
	*ret = target;
	return NULL;
}

/*
 * Images: ELF files that the target has mapped.
 *
 * An image's file is mapped whole (pages come in as they are looked at) and
 * given to libelf from there.  Everything that is taken from it is checked
 * against the size of the file; what does not fit is treated as absent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "target/internal.h"

enum {
	PAGE_BYTES = 4096,
	NOTES_MAX_BYTES = 64 * 1024,
	VDSO_MAX_BYTES = 256 * 1024,
	BIASES_MAX = 64, /* candidates weighed for one image */
};

np_image *np_image_create(np_target *target, const char *path)
{
	np_image *image = np_xcalloc(1, sizeof(*image));
	image->target = target;
	image->path = np_xstrdup(path);
	return image;
}

static void map_release(struct np_file_map *map)
{
	if (map->is_copy)
		free((void *)map->data);
	else if (map->data)
		munmap((void *)map->data, map->bytes);
	*map = (struct np_file_map){0};
}

void np_image_unload(np_image *image)
{
	if (image->cfi_eh)
		dwarf_cfi_end(image->cfi_eh);
	if (image->dwarf)
		dwarf_end(image->dwarf);
	if (image->elf)
		elf_end(image->elf);
	if (image->debug_elf)
		elf_end(image->debug_elf);
	image->cfi_eh = image->cfi_debug = NULL;
	image->cfi_tried = false;
	image->dwarf = NULL;
	image->elf = image->debug_elf = NULL;
	image->ehdr = NULL;
	map_release(&image->map);
	map_release(&image->debug_map);
	free(image->sections);
	free(image->code.keys);
	free(image->file);
	image->sections = NULL;
	image->section_count = image->load_count = 0;
	image->code = (struct np_code_index){0};
	image->symtab = image->dynsym = (struct np_symtab){0};
	image->gnu_hash = NULL;
	image->gnu_hash_words = 0;
	image->tls_bytes = image->tls_align = 0;
	image->file = NULL;
	image->build_id[0] = '\0';
}

void np_image_destroy(np_image *image)
{
	if (!image)
		return;
	np_image_unload(image);
	free(image->path);
	free(image->problem);
	free(image);
}

void np_image_set_problem(np_image *image, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	free(image->problem);
	image->problem = text;
}

/* ---- build-id ---- */

static void build_id_format(const uint8_t *bytes, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++)
		sprintf(ret + 2 * i, "%02x", bytes[i]);
	ret[2 * n] = '\0';
}

/* Finds NT_GNU_BUILD_ID among notes. */
static bool notes_find_build_id(const uint8_t *notes, size_t bytes, char *ret)
{
	for (size_t at = 0; bytes - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr note;
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		uint64_t name = ((uint64_t)note.n_namesz + 3) & ~(uint64_t)3;
		uint64_t desc = ((uint64_t)note.n_descsz + 3) & ~(uint64_t)3;
		if (name > bytes - at || note.n_descsz > bytes - at - name)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(notes + at, "GNU", 4) &&
		    note.n_descsz && note.n_descsz <= NP_BUILD_ID_BYTES_MAX) {
			build_id_format(notes + at + name, note.n_descsz, ret);
			return true;
		}
		if (desc > bytes - at - name)
			return false;
		at += (size_t)(name + desc);
	}
	return false;
}

/* Build-id of the module whose ELF header is mapped at header; false when it cannot be read or has none. */
static bool memory_build_id(np_mem *mem, np_addr header, char *ret)
{
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[NP_LOADS_MAX];
	np_addr first_vaddr = 0;
	if (np_mem_read(mem, header, &ehdr, sizeof(ehdr)) != sizeof(ehdr) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) ||
	    ehdr.e_phentsize != sizeof(*phdr) || ehdr.e_phnum > NP_LOADS_MAX ||
	    np_mem_read(mem, header + ehdr.e_phoff, phdr, ehdr.e_phnum * sizeof(*phdr)) !=
		    ehdr.e_phnum * sizeof(*phdr))
		return false;
	for (unsigned i = 0; i < ehdr.e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD) {
			first_vaddr = phdr[i].p_vaddr - phdr[i].p_offset;
			break;
		}
	}
	for (unsigned i = 0; i < ehdr.e_phnum; i++) {
		if (phdr[i].p_type != PT_NOTE || !phdr[i].p_filesz || phdr[i].p_filesz > NOTES_MAX_BYTES)
			continue;
		size_t bytes = (size_t)phdr[i].p_filesz;
		uint8_t *notes = np_xmalloc(bytes);
		bytes = np_mem_read(mem, header + (phdr[i].p_vaddr - first_vaddr), notes, bytes);
		bool found = notes_find_build_id(notes, bytes, ret);
		free(notes);
		if (found)
			return true;
	}
	return false;
}

np_err *np_image_verify(np_image *image, bool *ret)
{
	np_mem *mem = image->target->mem;
	const char *what = image->target->kind == NP_TARGET_CORE ? "core" : "process";
	char theirs[sizeof(image->build_id)];
	uint8_t page[PAGE_BYTES];
	*ret = false;
	if (!image->header)
		return NULL;
	if (memory_build_id(mem, image->header, theirs)) {
		*ret = true;
		if (!strcmp(theirs, image->build_id))
			return NULL;
		return np_err_new(NP_EMISMATCH, "'%s' (build-id %s) is not the file that the %s has mapped as '%s' (build-id %s)",
				  image->file, *image->build_id ? image->build_id : "none", what, image->path, theirs);
	}
	if (image->map.bytes < PAGE_BYTES || np_mem_read(mem, image->header, page, PAGE_BYTES) != PAGE_BYTES)
		return NULL;
	*ret = true;
	if (!memcmp(page, image->map.data, PAGE_BYTES))
		return NULL;
	return np_err_new(NP_EMISMATCH, "'%s' (build-id %s) is not the file that the %s has mapped as '%s' (build-id none, "
			  "ELF headers differ)", image->file, *image->build_id ? image->build_id : "none", what,
			  image->path);
}

/* ---- parsing ---- */

static const void *image_bytes(const struct np_file_map *map, uint64_t offset, uint64_t bytes, size_t align)
{
	if (offset > map->bytes || bytes > map->bytes - offset || offset % align)
		return NULL;
	return map->data + offset;
}

static void image_parse_segments(np_image *image)
{
	size_t count = 0;
	/* libelf hands out the headers where they lie */
	if (elf_getphdrnum(image->elf, &count) || image->ehdr->e_phoff % _Alignof(Elf64_Phdr))
		return;
	const Elf64_Phdr *phdr = elf64_getphdr(image->elf);
	for (size_t i = 0; phdr && i < count; i++) {
		if (phdr[i].p_type == PT_LOAD && image->load_count < NP_LOADS_MAX) {
			if (phdr[i].p_vaddr + phdr[i].p_memsz < phdr[i].p_vaddr ||
			    phdr[i].p_offset + phdr[i].p_filesz < phdr[i].p_offset)
				continue;
			image->loads[image->load_count++] = (struct np_load){
				.vaddr = phdr[i].p_vaddr,
				.offset = phdr[i].p_offset,
				.file_bytes = phdr[i].p_filesz,
				.mem_bytes = phdr[i].p_memsz,
				.flags = phdr[i].p_flags,
			};
		} else if (phdr[i].p_type == PT_TLS) {
			image->tls_bytes = phdr[i].p_memsz;
			image->tls_align = phdr[i].p_align;
		} else if (phdr[i].p_type == PT_NOTE && !*image->build_id) {
			const uint8_t *notes = image_bytes(&image->map, phdr[i].p_offset, phdr[i].p_filesz, 1);
			if (notes)
				notes_find_build_id(notes, (size_t)phdr[i].p_filesz, image->build_id);
		}
	}
}

static bool symtab_parse(const struct np_file_map *map, Elf *elf, const Elf64_Shdr *shdr, struct np_symtab *ret)
{
	Elf_Scn *scn = elf_getscn(elf, shdr->sh_link);
	const Elf64_Shdr *strings = scn ? elf64_getshdr(scn) : NULL;
	if (!strings || strings->sh_type != SHT_STRTAB || !strings->sh_size)
		return false;
	const char *text = image_bytes(map, strings->sh_offset, strings->sh_size, 1);
	const Elf64_Sym *symbols = image_bytes(map, shdr->sh_offset, shdr->sh_size, _Alignof(Elf64_Sym));
	if (!text || !symbols || text[strings->sh_size - 1] != '\0' || shdr->sh_size / sizeof(*symbols) > UINT32_MAX)
		return false;
	*ret = (struct np_symtab){
		.symbols = symbols,
		.count = (size_t)(shdr->sh_size / sizeof(*symbols)),
		.strings = text,
		.string_bytes = (size_t)strings->sh_size,
	};
	return true;
}

static void image_parse_sections(np_image *image)
{
	size_t count = 0;
	if (elf_getshdrnum(image->elf, &count) || !count)
		return;
	image->sections = np_xcalloc(count, sizeof(*image->sections));
	image->section_count = count;
	for (size_t i = 1; i < count; i++) {
		Elf_Scn *scn = elf_getscn(image->elf, i);
		const Elf64_Shdr *shdr = scn ? elf64_getshdr(scn) : NULL;
		if (!shdr)
			continue;
		image->sections[i] = shdr;
		if (shdr->sh_type == SHT_SYMTAB && !image->symtab.count)
			symtab_parse(&image->map, image->elf, shdr, &image->symtab);
		else if (shdr->sh_type == SHT_DYNSYM && !image->dynsym.count)
			symtab_parse(&image->map, image->elf, shdr, &image->dynsym);
		else if (shdr->sh_type == SHT_GNU_HASH && !image->gnu_hash) {
			image->gnu_hash = image_bytes(&image->map, shdr->sh_offset, shdr->sh_size, sizeof(uint64_t));
			image->gnu_hash_words = image->gnu_hash ? (size_t)(shdr->sh_size / sizeof(uint32_t)) : 0;
		}
	}
}

/* Maps a regular file; closes fd. */
static np_err *map_open(int fd, const char *file, struct np_file_map *ret)
{
	struct stat st;
	np_err *err = NULL;
	if (fstat(fd, &st))
		err = np_err_sys(NP_EIO, "reading '%s'", file);
	else if (!S_ISREG(st.st_mode))
		err = np_err_new(NP_EFORMAT, "'%s' is not a regular file", file);
	else if (st.st_size < (off_t)sizeof(Elf64_Ehdr))
		err = np_err_new(NP_EFORMAT, "'%s' is too short for an ELF file", file);
	if (!err) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			err = np_err_sys(NP_EIO, "mapping '%s'", file);
		else
			*ret = (struct np_file_map){.data = p, .bytes = (size_t)st.st_size};
	}
	close(fd);
	return err;
}

static np_err *map_parse(const struct np_file_map *map, const char *file, Elf **ret)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)map->data;
	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG))
		return np_err_new(NP_EFORMAT, "'%s' is not an ELF file", file);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_machine != EM_X86_64)
		return np_err_new(NP_EFORMAT, "'%s' is not for x86-64", file);
	/* libelf wants char *, and does not write to it for native files. */
	Elf *elf = elf_memory((char *)map->data, map->bytes);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		return np_err_new(NP_EFORMAT, "'%s' is not a readable ELF file", file);
	}
	*ret = elf;
	return NULL;
}

/* The symbols of a stripped image from /usr/lib/debug/.build-id, if there. */
static void image_load_debug_file(np_image *image)
{
	if (image->symtab.count || !*image->build_id || image->is_vdso)
		return;
	const char *root = image->target->option_sysroot ? image->target->option_sysroot : "";
	char *path = NULL;
	if (asprintf(&path, "%s/usr/lib/debug/.build-id/%.2s/%s.debug", root, image->build_id, image->build_id + 2) < 0)
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	np_err *err = NULL;
	if (fd >= 0)
		err = map_open(fd, path, &image->debug_map);
	if (fd >= 0 && !err)
		err = map_parse(&image->debug_map, path, &image->debug_elf);
	if (err)
		np_info("no symbols from there: %s", np_err_message(err));
	np_err_free(err);
	for (Elf_Scn *scn = NULL; image->debug_elf && (scn = elf_nextscn(image->debug_elf, scn));) {
		const Elf64_Shdr *shdr = elf64_getshdr(scn);
		if (shdr && shdr->sh_type == SHT_SYMTAB)
			symtab_parse(&image->debug_map, image->debug_elf, shdr, &image->symtab);
	}
	free(path);
}

static np_err *image_parse(np_image *image, const char *file)
{
	NP_TRY(map_parse(&image->map, file, &image->elf));
	image->ehdr = (const Elf64_Ehdr *)image->map.data;
	image_parse_segments(image);
	image_parse_sections(image);
	image_load_debug_file(image);
	return NULL;
}

np_err *np_image_load_fd(np_image *image, int fd, const char *file)
{
	np_image_unload(image);
	NP_TRY(map_open(fd, file, &image->map));
	np_err *err = image_parse(image, file);
	if (err) {
		np_image_unload(image);
		return err;
	}
	image->file = np_xstrdup(file);
	image->is_opened = true;
	return NULL;
}

np_err *np_image_load_copy(np_image *image, uint8_t *data, size_t bytes)
{
	np_image_unload(image);
	image->map = (struct np_file_map){.data = data, .bytes = bytes, .is_copy = true};
	image->is_opened = true;
	np_err *err = bytes < sizeof(Elf64_Ehdr) ? np_err_new(NP_EFORMAT, "'%s' is too short for an ELF file", image->path)
						 : image_parse(image, image->path);
	if (err)
		np_image_unload(image);
	return err;
}

void np_image_need(np_image *image)
{
	if (image->is_opened)
		return;
	image->is_opened = true;
	if (image->target->kind != NP_TARGET_PROCESS)
		return;
	int fd = np_process_open_image(image);
	if (fd < 0) {
		np_image_set_problem(image, "cannot be opened: %s", strerror(errno));
		return;
	}
	bool compared;
	np_err *err = np_image_load_fd(image, fd, image->path);
	if (!err)
		err = np_image_verify(image, &compared);
	if (err) {
		np_image_set_problem(image, "%s", np_err_message(err));
		np_image_unload(image);
		np_err_free(err);
		return;
	}
	np_image_set_bias(image);
}

/* ---- addresses ---- */

static bool load_covers_offset(const struct np_load *load, uint64_t offset)
{
	uint64_t start = load->offset & ~(uint64_t)(PAGE_BYTES - 1);
	return offset >= start && offset < load->offset + load->file_bytes;
}

static size_t image_count_agreeing(const np_image *image, int64_t bias)
{
	size_t n = 0;
	for (size_t i = 0; i < image->target->mappings.len; i++) {
		const struct np_mapping *mapping = &image->target->mappings.data[i];
		for (size_t l = 0; mapping->image == image && l < image->load_count; l++) {
			const struct np_load *load = &image->loads[l];
			if (load_covers_offset(load, mapping->offset) &&
			    mapping->start - mapping->offset == load->vaddr - load->offset + (uint64_t)bias) {
				n++;
				break;
			}
		}
	}
	return n;
}

/*
 * The bias on which most mappings of the file agree: parts of it may be mapped
 * a second time elsewhere (V8 does that with its embedded builtins).
 */
void np_image_set_bias(np_image *image)
{
	np_target *target = image->target;
	uint64_t phdr;
	size_t best = 0, tried = 0;
	if (image->is_executable && image->ehdr && np_auxv_get(target, AT_PHDR, &phdr)) {
		for (size_t l = 0; l < image->load_count; l++) {
			uint64_t in_load = image->ehdr->e_phoff - image->loads[l].offset;
			if (image->ehdr->e_phoff >= image->loads[l].offset && in_load < image->loads[l].file_bytes) {
				image->bias = (int64_t)(phdr - image->loads[l].vaddr - in_load);
				return;
			}
		}
	}
	for (size_t i = 0; i < target->mappings.len; i++) {
		const struct np_mapping *mapping = &target->mappings.data[i];
		for (size_t l = 0; mapping->image == image && l < image->load_count; l++) {
			const struct np_load *load = &image->loads[l];
			int64_t bias = (int64_t)(mapping->start - mapping->offset - load->vaddr + load->offset);
			if (!load_covers_offset(load, mapping->offset) || (best && bias == image->bias) ||
			    ++tried > BIASES_MAX)
				continue;
			size_t n = image_count_agreeing(image, bias);
			if (n > best) {
				best = n;
				image->bias = bias;
			}
		}
	}
}

bool np_image_vaddr(np_image *image, const struct np_mapping *mapping, np_addr pc, np_addr *ret)
{
	np_addr vaddr = pc - (uint64_t)image->bias;
	uint64_t offset = mapping ? mapping->offset + (pc - mapping->start) : 0;
	bool is_of_file = mapping && mapping->image == image;
	for (size_t l = 0; l < image->load_count; l++) {
		const struct np_load *load = &image->loads[l];
		if (vaddr < load->vaddr || vaddr - load->vaddr >= load->mem_bytes)
			continue;
		if (is_of_file && vaddr - load->vaddr + load->offset != offset)
			continue;
		*ret = vaddr;
		return true;
	}
	if (!is_of_file)
		return false;
	/* A second mapping: by file offset, executable segments first. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t l = 0; l < image->load_count; l++) {
			const struct np_load *load = &image->loads[l];
			if (offset < load->offset || offset - load->offset >= load->file_bytes ||
			    (pass == 0 && !(load->flags & PF_X)))
				continue;
			*ret = offset - load->offset + load->vaddr;
			return true;
		}
	}
	return false;
}

/* The image whose code lies there though the mapping is anonymous: node can move its text to huge pages. */
static np_image *image_covering(np_target *target, np_addr pc, np_addr *ret_vaddr)
{
	for (size_t i = 0; i < target->images.len; i++) {
		np_image *image = target->images.data[i];
		if (image->is_executable)
			np_image_need(image);
		if (image->load_count && !image->is_vdso && np_image_vaddr(image, NULL, pc, ret_vaddr))
			return image;
	}
	return NULL;
}

np_image *np_image_at(np_target *target, np_addr pc, np_addr *ret_vaddr, bool *ret_has_vaddr)
{
	const struct np_mapping *mapping = np_target_mapping_at(target, pc);
	np_image *image = mapping ? mapping->image : NULL;
	*ret_has_vaddr = false;
	if (image) {
		np_image_need(image);
		*ret_has_vaddr = np_image_vaddr(image, mapping, pc, ret_vaddr);
	} else if (mapping && !*mapping->path) {
		image = image_covering(target, pc, ret_vaddr);
		*ret_has_vaddr = image;
	}
	return image;
}

/* ---- the list ---- */

size_t np_target_image_count(const np_target *target)
{
	return target->images.len;
}

np_image *np_target_image(const np_target *target, size_t i)
{
	return i < target->images.len ? target->images.data[i] : NULL;
}

/* The image that the program's entry point or headers lie in. */
np_image *np_image_find_executable(np_target *target)
{
	static const uint64_t types[] = {AT_PHDR, AT_ENTRY};
	for (size_t i = 0; i < NP_ARRAY_LEN(types); i++) {
		uint64_t addr;
		const struct np_mapping *mapping = NULL;
		if (np_auxv_get(target, types[i], &addr))
			mapping = np_target_mapping_at(target, addr);
		if (mapping && mapping->image)
			return mapping->image;
	}
	return NULL;
}

void np_target_add_vdso(np_target *target)
{
	uint64_t start;
	if (!np_auxv_get(target, AT_SYSINFO_EHDR, &start))
		return;
	struct np_mapping *mapping = (struct np_mapping *)np_target_mapping_at(target, start);
	if (!mapping || mapping->start != start || mapping->image || mapping->end - start > VDSO_MAX_BYTES)
		return;
	size_t bytes = (size_t)(mapping->end - start);
	uint8_t *data = np_xmalloc(bytes);
	bytes = np_mem_read(target->mem, start, data, bytes);
	np_image *image = np_image_create(target, "[vdso]");
	image->is_vdso = true;
	image->header = start;
	np_err *err = np_image_load_copy(image, data, bytes);
	if (err) {
		np_err_free(err);
		np_image_destroy(image);
		return;
	}
	if (!*mapping->path)
		mapping->path = "[vdso]";
	mapping->image = image;
	image->bias = image->load_count ? (int64_t)(start - image->loads[0].vaddr + image->loads[0].offset) : 0;
	np_vec_push(&target->images, image);
}

const char *np_image_path(const np_image *image)
{
	return image->path;
}

const char *np_image_file(const np_image *image)
{
	np_image_need((np_image *)image);
	return image->file;
}

const char *np_image_problem(const np_image *image)
{
	np_image_need((np_image *)image);
	return image->problem;
}

const char *np_image_build_id(const np_image *image)
{
	np_image_need((np_image *)image);
	return image->build_id;
}

int64_t np_image_bias(const np_image *image)
{
	np_image_need((np_image *)image);
	return image->bias;
}

bool np_image_stripped(const np_image *image)
{
	np_image_need((np_image *)image);
	return !image->symtab.count;
}

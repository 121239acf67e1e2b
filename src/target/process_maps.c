/*
 * /proc/PID/maps -> mappings and images.
 *
 * Mappings are made anew when the text has changed; images stay, found again
 * by device and inode.  A mapped file is an image when the target has an ELF
 * header at its offset 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "target/internal.h"

static const char DELETED[] = " (deleted)";

static uint64_t hex_parse(const char **p)
{
	uint64_t value = 0;
	for (;; ++*p) {
		char c = **p;
		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return value;
	}
}

/* The kernel writes a newline in a path as \012. */
static char *path_unescape(np_arena *arena, const char *text, size_t n)
{
	char *path = np_arena_strndup(arena, text, n), *to = path;
	for (const char *from = path; *from;) {
		if (!strncmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return path;
}

struct maps_line {
	struct np_mapping mapping;
	uint64_t device;
};

/* START-END PROT OFFSET MAJOR:MINOR INODE PATH */
static bool line_parse(np_arena *arena, const char *line, const char *end, struct maps_line *ret)
{
	struct np_mapping *m = &ret->mapping;
	const char *p = line;
	*ret = (struct maps_line){0};
	m->start = hex_parse(&p);
	if (*p++ != '-')
		return false;
	m->end = hex_parse(&p);
	if (*p++ != ' ' || end - p < 5 || m->start >= m->end)
		return false;
	m->prot = (p[0] == 'r' ? NP_PROT_R : 0) | (p[1] == 'w' ? NP_PROT_W : 0) | (p[2] == 'x' ? NP_PROT_X : 0);
	p += 5;
	m->offset = hex_parse(&p);
	if (*p++ != ' ')
		return false;
	uint64_t major = hex_parse(&p);
	if (*p++ != ':')
		return false;
	ret->device = major << 32 | hex_parse(&p);
	if (*p++ != ' ')
		return false;
	while (p < end && *p >= '0' && *p <= '9')
		m->inode = m->inode * 10 + (uint64_t)(*p++ - '0');
	while (p < end && *p == ' ')
		p++;
	m->path = p < end ? path_unescape(arena, p, (size_t)(end - p)) : "";
	return true;
}

static np_image *image_find(np_target *target, uint64_t device, uint64_t inode)
{
	for (size_t i = 0; i < target->images.len; i++) {
		np_image *image = target->images.data[i];
		if (!image->is_vdso && image->inode == inode && image->device == device)
			return image;
	}
	return NULL;
}

static np_image *image_add(np_target *target, const struct maps_line *line)
{
	char magic[SELFMAG];
	const struct np_mapping *m = &line->mapping;
	if (m->offset || !(m->prot & NP_PROT_R) || m->path[0] != '/' ||
	    np_mem_read(target->mem, m->start, magic, SELFMAG) != SELFMAG || memcmp(magic, ELFMAG, SELFMAG))
		return NULL;
	np_image *image = np_image_create(target, m->path);
	size_t length = strlen(image->path), tail = sizeof(DELETED) - 1;
	if (length > tail && !strcmp(image->path + length - tail, DELETED)) {
		image->path[length - tail] = '\0';
		np_info("'%s' was deleted or replaced since process %d started; reading it through /proc", image->path,
			target->pid);
	}
	image->device = line->device;
	image->inode = m->inode;
	image->header = m->start;
	np_vec_push(&target->images, image);
	return image;
}

static np_image *image_vdso(const np_target *target)
{
	for (size_t i = 0; i < target->images.len; i++) {
		if (target->images.data[i]->is_vdso)
			return target->images.data[i];
	}
	return NULL;
}

np_err *np_process_read_mappings(np_target *target)
{
	struct np_process *process = target->process;
	char *text;
	size_t bytes;
	NP_TRY(np_process_read_file(target, "maps", &text, &bytes));
	if (process->maps_text && bytes == process->maps_bytes && !memcmp(text, process->maps_text, bytes)) {
		free(text);
		return NULL;
	}
	free(process->maps_text);
	process->maps_text = text;
	process->maps_bytes = bytes;
	np_arena_reset(target->mapping_arena);
	target->mappings.len = 0;
	np_image *vdso = image_vdso(target);
	np_image *last = NULL;
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		struct maps_line parsed;
		end = strchrnul(line, '\n');
		if (!line_parse(target->mapping_arena, line, end, &parsed))
			continue;
		struct np_mapping *m = &parsed.mapping;
		if (m->inode) {
			if (!last || last->inode != m->inode || last->device != parsed.device)
				last = image_find(target, parsed.device, m->inode);
			if (!last)
				last = image_add(target, &parsed);
			m->image = last;
		} else if (vdso && m->start == vdso->header) {
			m->image = vdso;
		}
		np_vec_push(&target->mappings, *m);
	}
	return NULL;
}

/* By the range where it is mapped: the very file, whatever its path means in our mount namespace. */
static int open_map_file(const np_image *image)
{
	const np_target *target = image->target;
	int fd = -1;
	for (size_t i = 0; i < target->mappings.len && fd < 0; i++) {
		const struct np_mapping *m = &target->mappings.data[i];
		char name[96];
		if (m->image != image)
			continue;
		snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)m->start,
			 (unsigned long long)m->end);
		fd = openat(target->process->proc_fd, name, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

/* By path below the target's own root; what is there now is compared with memory by the caller. */
static int open_root_path(const np_image *image)
{
	char *path = NULL;
	if (asprintf(&path, "root%s", image->path) < 0)
		return -1;
	int fd = openat(image->target->process->proc_fd, path, O_RDONLY | O_CLOEXEC);
	free(path);
	return fd;
}

int np_process_open_image(np_image *image)
{
	int fd = -1;
	if (image->is_executable)
		fd = openat(image->target->process->proc_fd, "exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = open_map_file(image);
	if (fd < 0)
		fd = open_root_path(image);
	return fd;
}

#include "base/sections.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

enum { HEADER_BYTES = 8192, NAME_MAX_BYTES = 16, FORMAT = 1, ALIGN_BYTES = 64, WRITE_MAX_BYTES = 1 << 30 };

static const char magic[8] = "nopsyidx";

struct entry {
	char name[NAME_MAX_BYTES];
	uint64_t offset, bytes;
};

struct header {
	char magic[8];
	uint32_t format, count;
	uint64_t file_bytes, hash; /* of the header with hash 0 */
	struct entry entries[NP_SECTIONS_MAX];
	char key[NP_SECTIONS_KEY_MAX + 1];
};

_Static_assert(sizeof(struct header) <= HEADER_BYTES, "the header has its place");

static uint64_t header_hash(const struct header *h)
{
	struct header copy = *h;
	copy.hash = 0;
	return np_hash_bytes(&copy, sizeof(copy));
}

/* --- writing --- */

struct np_sections_out {
	int fd;
	char *path;
	np_err *err; /* the first failure */
	struct header header;
};

static void write_all(struct np_sections_out *out, const void *data, size_t bytes, uint64_t offset)
{
	for (size_t at = 0; at < bytes && !out->err;) {
		size_t part = bytes - at < WRITE_MAX_BYTES ? bytes - at : WRITE_MAX_BYTES;
		ssize_t n = pwrite(out->fd, (const char *)data + at, part, (off_t)(offset + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			out->err = np_err_sys(NP_EIO, "writing %s", out->path);
		else
			at += (size_t)n;
	}
}

np_err *np_sections_create(const char *path, const char *key, struct np_sections_out **ret)
{
	if (strlen(key) > NP_SECTIONS_KEY_MAX)
		return np_err_new(NP_ELIMIT, "the names of what %s belongs to are too long", path);
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = folder ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
	np_err *err = fd < 0 ? np_err_sys(NP_EIO, "creating a file in %s", folder ? folder : path) : NULL;
	free(folder);
	if (err)
		return err;
	struct np_sections_out *out = np_xcalloc(1, sizeof(*out));
	out->fd = fd;
	out->path = np_xstrdup(path);
	memcpy(out->header.magic, magic, sizeof(magic));
	out->header.format = FORMAT;
	out->header.file_bytes = HEADER_BYTES;
	strcpy(out->header.key, key);
	*ret = out;
	return NULL;
}

void np_sections_put(struct np_sections_out *out, const char *name, const void *data, size_t bytes)
{
	struct header *h = &out->header;
	if (!out->err && (h->count == NP_SECTIONS_MAX || strlen(name) >= NAME_MAX_BYTES))
		out->err = np_err_new(NP_ELIMIT, "too many sections in %s", out->path);
	if (out->err)
		return;
	struct entry *e = &h->entries[h->count++];
	strcpy(e->name, name);
	e->offset = h->file_bytes;
	e->bytes = bytes;
	write_all(out, data, bytes, e->offset);
	h->file_bytes = (e->offset + bytes + ALIGN_BYTES - 1) & ~(uint64_t)(ALIGN_BYTES - 1);
}

static np_err *out_name(struct np_sections_out *out)
{
	char self[64];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", out->fd);
	if (ftruncate(out->fd, (off_t)out->header.file_bytes) != 0)
		return np_err_sys(NP_EIO, "writing %s", out->path);
	if (unlink(out->path) != 0 && errno != ENOENT)
		return np_err_sys(NP_EIO, "replacing %s", out->path);
	/* somebody else may have been faster: theirs is as good */
	if (linkat(AT_FDCWD, self, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST)
		return np_err_sys(NP_EIO, "naming %s", out->path);
	return NULL;
}

np_err *np_sections_commit(struct np_sections_out *out)
{
	out->header.hash = header_hash(&out->header);
	write_all(out, &out->header, sizeof(out->header), 0);
	np_err *err = out->err ? out->err : out_name(out);
	close(out->fd);
	free(out->path);
	free(out);
	return err;
}

/* --- reading --- */

struct np_sections {
	const struct header *header; /* the whole file, mapped */
	size_t bytes;
};

static bool header_is_good(const struct header *h, uint64_t file_bytes)
{
	if (memcmp(h->magic, magic, sizeof(magic)) != 0 || h->format != FORMAT || h->file_bytes != file_bytes ||
	    h->count > NP_SECTIONS_MAX || h->hash != header_hash(h) || h->key[NP_SECTIONS_KEY_MAX])
		return false;
	for (uint32_t i = 0; i < h->count; i++) {
		const struct entry *e = &h->entries[i];
		if (e->offset < HEADER_BYTES || e->offset % ALIGN_BYTES || e->offset > file_bytes ||
		    e->bytes > file_bytes - e->offset || e->name[NAME_MAX_BYTES - 1])
			return false;
	}
	return true;
}

struct np_sections *np_sections_open(const char *path, const char *key)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	void *p = MAP_FAILED;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
	    st.st_size >= HEADER_BYTES)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return NULL;
	if (!header_is_good(p, (uint64_t)st.st_size) || strcmp(((const struct header *)p)->key, key) != 0) {
		munmap(p, (size_t)st.st_size);
		return NULL;
	}
	struct np_sections *in = np_xmalloc(sizeof(*in));
	*in = (struct np_sections){.header = p, .bytes = (size_t)st.st_size};
	return in;
}

const void *np_sections_get(const struct np_sections *in, const char *name, size_t *ret_bytes)
{
	for (uint32_t i = 0; i < in->header->count; i++)
		if (strcmp(in->header->entries[i].name, name) == 0) {
			*ret_bytes = (size_t)in->header->entries[i].bytes;
			return (const char *)in->header + in->header->entries[i].offset;
		}
	return NULL;
}

const void *np_sections_array(const struct np_sections *in, const char *name, size_t count, size_t element_bytes)
{
	size_t bytes;
	const void *data = np_sections_get(in, name, &bytes);
	return data && bytes / element_bytes == count && bytes % element_bytes == 0 ? data : NULL;
}

void np_sections_close(struct np_sections *in)
{
	if (!in)
		return;
	munmap((void *)in->header, in->bytes);
	free(in);
}

const char *np_sections_key(const char *path, np_arena *arena)
{
	struct header h;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	ssize_t n = pread(fd, &h, sizeof(h), 0);
	close(fd);
	if (n != (ssize_t)sizeof(h) || memcmp(h.magic, magic, sizeof(magic)) != 0 || h.key[NP_SECTIONS_KEY_MAX])
		return NULL;
	return np_arena_strdup(arena, h.key);
}

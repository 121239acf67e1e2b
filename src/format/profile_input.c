#include "format/profile_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"

enum { HEAD_BYTES = 64 << 10, RAW_BYTES = 256 << 10 };

enum packing { PLAIN, GZIP, ZSTANDARD };

struct source {
	struct np_profile_input in;
	char *name;
	int fd;
	bool owns_fd;
	const char *memory; /* instead of fd */
	size_t memory_len;

	/* bytes as they are in the file */
	char *raw;
	size_t raw_at, raw_len;
	bool raw_ended;
	enum packing packing;
	bool in_member; /* gzip, zstd: it did not end with what was read so far */
	z_stream gzip;
	ZSTD_DStream *zstd;

	char *head;
	size_t head_at, head_len;
	uint64_t given;
	void (*watch)(void *ctx);
	void *watch_ctx;
	uint64_t read_bytes, file_bytes; /* of the file; 0: not known */
};

static int64_t fail(struct source *s, np_err *err)
{
	if (s->in.err)
		np_err_drop(err);
	else
		s->in.err = err;
	return -1;
}

/* --- bytes of the file --- */

static int64_t file_read(struct source *s, char *buf, size_t max)
{
	if (s->memory) {
		size_t n = max < s->memory_len ? max : s->memory_len;
		memcpy(buf, s->memory, n);
		s->memory += n;
		s->memory_len -= n;
		return (int64_t)n;
	}
	ssize_t n;
	do
		n = read(s->fd, buf, max);
	while (n < 0 && errno == EINTR);
	s->read_bytes += n > 0 ? (uint64_t)n : 0;
	return n < 0 ? fail(s, np_err_sys(NP_EIO, "reading")) : n;
}

/* More raw bytes behind those that are left; false: none, or an error. */
static bool raw_fill(struct source *s)
{
	if (s->raw_at) {
		memmove(s->raw, s->raw + s->raw_at, s->raw_len - s->raw_at);
		s->raw_len -= s->raw_at;
		s->raw_at = 0;
	}
	while (!s->raw_ended && s->raw_len < RAW_BYTES) {
		int64_t n = file_read(s, s->raw + s->raw_len, RAW_BYTES - s->raw_len);
		s->raw_ended = n <= 0;
		s->raw_len += n > 0 ? (size_t)n : 0;
		if (n > 0)
			return true;
	}
	return false;
}

static size_t raw_left(const struct source *s)
{
	return s->raw_len - s->raw_at;
}

/* --- unpacking --- */

static bool is_gzip(const char *p, size_t n)
{
	return n >= 3 && (unsigned char)p[0] == 0x1f && (unsigned char)p[1] == 0x8b && p[2] == 8;
}

static bool is_zstd(const char *p, size_t n)
{
	return n >= 4 && (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
			  (((unsigned char)p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0));
}

static int64_t cut_short(struct source *s, const char *what)
{
	return fail(s, np_err_new(NP_EFORMAT, "the %s data ends in the middle, after %llu bytes of content", what,
				  (unsigned long long)(s->given + s->head_len)));
}

static int64_t gzip_read(struct source *s, char *buf, size_t max)
{
	s->gzip.next_out = (Bytef *)buf;
	s->gzip.avail_out = (uInt)(max < 1u << 30 ? max : 1u << 30);
	uInt room = s->gzip.avail_out;
	while (s->gzip.avail_out == room) {
		if (!raw_left(s) && !raw_fill(s))
			return s->in.err ? -1 : s->in_member ? cut_short(s, "gzip") : 0;
		if (!s->in_member) {
			while (raw_left(s) < 3 && raw_fill(s))
				;
			if (!is_gzip(s->raw + s->raw_at, raw_left(s)))
				return 0; /* padding behind the last member, as gzip itself takes it */
			inflateReset(&s->gzip);
			s->in_member = true;
		}
		s->gzip.next_in = (Bytef *)(s->raw + s->raw_at);
		s->gzip.avail_in = (uInt)raw_left(s);
		int status = inflate(&s->gzip, Z_NO_FLUSH);
		s->raw_at = s->raw_len - s->gzip.avail_in;
		if (status == Z_STREAM_END)
			s->in_member = false;
		else if (status != Z_OK && status != Z_BUF_ERROR && s->gzip.avail_out == room)
			return fail(s, np_err_new(NP_EFORMAT, "broken gzip data after %llu bytes of content: %s",
						  (unsigned long long)(s->given + s->head_len),
						  s->gzip.msg ? s->gzip.msg : "damaged"));
	}
	return (int64_t)(room - s->gzip.avail_out);
}

static int64_t zstd_read(struct source *s, char *buf, size_t max)
{
	ZSTD_outBuffer out = {buf, max, 0};
	while (!out.pos) {
		if (!raw_left(s) && !raw_fill(s))
			return s->in.err ? -1 : s->in_member ? cut_short(s, "zstd") : 0;
		ZSTD_inBuffer in = {s->raw + s->raw_at, raw_left(s), 0};
		size_t hint = ZSTD_decompressStream(s->zstd, &out, &in);
		s->raw_at += in.pos;
		if (ZSTD_isError(hint) && !out.pos)
			return fail(s, np_err_new(NP_EFORMAT, "broken zstd data after %llu bytes of content: %s",
						  (unsigned long long)(s->given + s->head_len), ZSTD_getErrorName(hint)));
		s->in_member = hint != 0;
	}
	return (int64_t)out.pos;
}

static int64_t plain_read(struct source *s, char *buf, size_t max)
{
	size_t left = raw_left(s);
	if (!left)
		return file_read(s, buf, max);
	size_t n = left < max ? left : max;
	memcpy(buf, s->raw + s->raw_at, n);
	s->raw_at += n;
	return (int64_t)n;
}

static int64_t unpacked_read(struct source *s, char *buf, size_t max)
{
	switch (s->packing) {
	case GZIP:
		return gzip_read(s, buf, max);
	case ZSTANDARD:
		return zstd_read(s, buf, max);
	default:
		return plain_read(s, buf, max);
	}
}

/* --- the input --- */

static int64_t source_read(struct np_profile_input *in, void *buf, size_t max)
{
	struct source *s = in->ctx;
	size_t left = s->head_len - s->head_at;
	int64_t n;
	if (left) {
		n = (int64_t)(left < max ? left : max);
		memcpy(buf, s->head + s->head_at, (size_t)n);
		s->head_at += (size_t)n;
	} else if (s->in.err) {
		return -1;
	} else {
		n = unpacked_read(s, buf, max);
	}
	s->given += n > 0 ? (uint64_t)n : 0;
	if (s->watch)
		s->watch(s->watch_ctx);
	return n;
}

const char *np_profile_input_head(struct np_profile_input *in, size_t *ret_len)
{
	struct source *s = in->ctx;
	int64_t n = 1;
	if (!s->given)
		while (s->head_len < HEAD_BYTES && !s->in.err && n > 0) {
			n = unpacked_read(s, s->head + s->head_len, HEAD_BYTES - s->head_len);
			s->head_len += n > 0 ? (size_t)n : 0;
		}
	*ret_len = s->head_len;
	return s->in.err && !s->head_len ? NULL : s->head;
}

uint64_t np_profile_input_offset(const struct np_profile_input *in)
{
	return ((const struct source *)in->ctx)->given;
}

void np_profile_input_progress(const struct np_profile_input *in, uint64_t *ret_done, uint64_t *ret_total)
{
	const struct source *s = in->ctx;
	*ret_done = s->read_bytes;
	*ret_total = s->file_bytes;
}

void np_profile_input_watch(struct np_profile_input *in, void (*watch)(void *ctx), void *ctx)
{
	struct source *s = in->ctx;
	s->watch = watch;
	s->watch_ctx = ctx;
}

static struct source *source_create(const char *name)
{
	struct source *s = np_xcalloc(1, sizeof(*s));
	s->name = np_xstrdup(name);
	s->in = (struct np_profile_input){.name = s->name, .fd = -1, .read = source_read, .ctx = s};
	s->fd = -1;
	s->raw = np_xmalloc(RAW_BYTES);
	s->head = np_xmalloc(HEAD_BYTES + 1);
	return s;
}

/* What the first bytes say. */
static void source_begin(struct source *s)
{
	while (raw_left(s) < 4 && raw_fill(s))
		;
	if (is_gzip(s->raw, raw_left(s)) && inflateInit2(&s->gzip, 15 + 16) == Z_OK) {
		s->packing = GZIP;
	} else if (is_zstd(s->raw, raw_left(s))) {
		s->zstd = ZSTD_createDStream();
		if (s->zstd)
			s->packing = ZSTANDARD;
	}
	s->in_member = s->packing == GZIP;
}

np_err *np_profile_input_open(const char *path, struct np_profile_input **ret)
{
	bool is_stdin = !path || strcmp(path, "-") == 0;
	struct stat st = {0};
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return np_err_sys(NP_EIO, "opening %s", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (!is_stdin)
			close(fd);
		return np_err_new(NP_EIO, "%s is a folder", is_stdin ? "standard input" : path);
	}
	struct source *s = source_create(is_stdin ? "standard input" : path);
	s->fd = fd;
	s->owns_fd = !is_stdin;
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	source_begin(s);
	s->file_bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	if (S_ISREG(st.st_mode) && s->packing == PLAIN && lseek(fd, 0, SEEK_CUR) == (off_t)s->raw_len)
		s->in.fd = fd;
	*ret = &s->in;
	return NULL;
}

struct np_profile_input *np_profile_input_of_memory(const char *name, const void *data, size_t len)
{
	struct source *s = source_create(name);
	s->memory = data ? data : "";
	s->memory_len = len;
	source_begin(s);
	return &s->in;
}

void np_profile_input_close(struct np_profile_input *in)
{
	if (!in)
		return;
	struct source *s = in->ctx;
	if (s->packing == GZIP)
		inflateEnd(&s->gzip);
	ZSTD_freeDStream(s->zstd);
	if (s->owns_fd)
		close(s->fd);
	np_err_free(in->err);
	free(s->raw);
	free(s->head);
	free(s->name);
	free(s);
}

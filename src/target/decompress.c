/*
 * Compressed cores: told by their magic number, unpacked into an unlinked
 * temporary file that only this process sees.
 *
 * Blocks of zeroes are skipped, so that the copy of a sparse core is sparse.
 * A stream that ends early or is damaged gives what came out before.
 */
#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/log.h"
#include "target/internal.h"

enum { IN_BYTES = 256 * 1024, OUT_BYTES = 1024 * 1024, HOLE_BYTES = 4096 };

struct stream {
	int in, out;
	const char *path;
	uint64_t in_bytes, in_done, out_done;
	uint8_t *in_buf, *out_buf;
	bool damaged;
	time_t started, shown;
	bool show;
};

/* ---- both ends ---- */

static np_err *stream_read(struct stream *s, size_t *ret)
{
	ssize_t n;
	do
		n = read(s->in, s->in_buf, IN_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return np_err_sys(NP_EIO, "reading '%s'", s->path);
	s->in_done += (uint64_t)n;
	*ret = (size_t)n;
	return NULL;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

static void stream_show_progress(struct stream *s)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!s->show || now.tv_sec == s->shown || now.tv_sec == s->started)
		return;
	s->shown = now.tv_sec;
	uint64_t seconds = (uint64_t)(now.tv_sec - s->started);
	uint64_t rate = s->in_done / seconds;
	fprintf(stderr, "\runpacking %s: %llu%%, %llu MB, %llu s left \033[K", s->path,
		(unsigned long long)(s->in_bytes ? s->in_done * 100 / s->in_bytes : 0),
		(unsigned long long)(s->out_done >> 20),
		(unsigned long long)(rate && s->in_bytes > s->in_done ? (s->in_bytes - s->in_done) / rate : 0));
}

/* Writes, leaving holes where whole blocks are zero. */
static np_err *stream_write(struct stream *s, const uint8_t *p, size_t n)
{
	while (n) {
		size_t step = HOLE_BYTES - (size_t)(s->out_done % HOLE_BYTES);
		step = step < n ? step : n;
		size_t run = 0; /* blocks with content go out in one piece */
		while (run < n && !is_zero(p + run, step)) {
			run += step;
			step = n - run < HOLE_BYTES ? n - run : HOLE_BYTES;
		}
		for (size_t done = 0; done < run;) {
			ssize_t w = pwrite(s->out, p + done, run - done, (off_t)(s->out_done + done));
			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return np_err_sys(NP_EIO, "unpacking '%s' into a temporary file (TMPDIR chooses where)",
						  s->path);
			done += (size_t)w;
		}
		if (!run)
			run = step;
		s->out_done += run;
		p += run;
		n -= run;
	}
	stream_show_progress(s);
	return NULL;
}

/* ---- formats ---- */

static np_err *unpack_zstd(struct stream *s)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	np_err *err = NULL;
	size_t got = 0, left = 0;
	if (!z)
		return np_err_new(NP_ENOMEM, "unpacking '%s'", s->path);
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 31);
	while (!err && !s->damaged && !(err = stream_read(s, &got)) && got) {
		ZSTD_inBuffer in = {s->in_buf, got, 0};
		ZSTD_outBuffer out = {s->out_buf, OUT_BYTES, OUT_BYTES};
		/* A full output buffer may have more behind it without more input. */
		while (!err && !s->damaged && (in.pos < in.size || out.pos == out.size)) {
			out.pos = 0;
			left = ZSTD_decompressStream(z, &out, &in);
			s->damaged = ZSTD_isError(left);
			if (!s->damaged)
				err = stream_write(s, s->out_buf, out.pos);
		}
	}
	s->damaged = s->damaged || left != 0;
	ZSTD_freeDStream(z);
	return err;
}

static np_err *unpack_gzip(struct stream *s)
{
	z_stream z = {0};
	np_err *err = NULL;
	size_t got = 0;
	bool ended = false;
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return np_err_new(NP_ENOMEM, "unpacking '%s'", s->path);
	while (!err && !s->damaged && !(err = stream_read(s, &got)) && got) {
		z.next_in = s->in_buf;
		z.avail_in = (unsigned)got;
		do {
			/* Members may follow each other (pigz, bgzip). */
			if (ended)
				inflateReset(&z);
			z.next_out = s->out_buf;
			z.avail_out = OUT_BYTES;
			int status = inflate(&z, Z_NO_FLUSH);
			ended = status == Z_STREAM_END;
			s->damaged = status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR;
			err = stream_write(s, s->out_buf, OUT_BYTES - z.avail_out);
		} while (!err && !s->damaged && (z.avail_in || (!z.avail_out && !ended)));
	}
	s->damaged = s->damaged || !ended;
	inflateEnd(&z);
	return err;
}

static np_err *unpack_lz4(struct stream *s)
{
	LZ4F_dctx *z;
	np_err *err = NULL;
	size_t got = 0, left = 0;
	if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
		return np_err_new(NP_ENOMEM, "unpacking '%s'", s->path);
	while (!err && !s->damaged && !(err = stream_read(s, &got)) && got) {
		size_t at = 0, out = OUT_BYTES;
		while (!err && !s->damaged && (at < got || out == OUT_BYTES)) {
			size_t in = got - at;
			out = OUT_BYTES;
			left = LZ4F_decompress(z, s->out_buf, &out, s->in_buf + at, &in, NULL);
			s->damaged = LZ4F_isError(left);
			if (s->damaged)
				break;
			at += in;
			err = stream_write(s, s->out_buf, out);
		}
	}
	s->damaged = s->damaged || left != 0;
	LZ4F_freeDecompressionContext(z);
	return err;
}

static const struct format {
	const char *name;
	uint8_t magic[4];
	size_t magic_bytes;
	np_err *(*unpack)(struct stream *s);
} formats[] = {
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, unpack_zstd},
	{"gzip", {0x1f, 0x8b, 0x08}, 3, unpack_gzip},
	{"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, unpack_lz4},
};

/* ---- the temporary file ---- */

static int temporary_in(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	char *name = NULL;
	if (fd >= 0 || asprintf(&name, "%s/nopsy-XXXXXX", dir) < 0)
		return fd;
	fd = mkostemp(name, O_CLOEXEC); /* 0600 */
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

static np_err *temporary_open(int *ret)
{
	const char *chosen = getenv("TMPDIR");
	int fd = temporary_in(chosen && *chosen ? chosen : "/var/tmp");
	if (fd < 0 && !(chosen && *chosen))
		fd = temporary_in("/tmp");
	if (fd < 0)
		return np_err_sys(NP_EIO, "making a temporary file in '%s'", chosen && *chosen ? chosen : "/var/tmp");
	*ret = fd;
	return NULL;
}

static np_err *stream_unpack(struct stream *s, const struct format *format)
{
	struct stat st;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->started = s->shown = now.tv_sec;
	s->show = isatty(STDERR_FILENO) && np_log_level > NP_LOG_QUIET;
	s->in_bytes = fstat(s->in, &st) ? 0 : (uint64_t)st.st_size;
	s->in_buf = np_xmalloc(IN_BYTES);
	s->out_buf = np_xmalloc(OUT_BYTES);
	np_err *err = format->unpack(s);
	free(s->in_buf);
	free(s->out_buf);
	if (s->show && s->shown != s->started)
		fputs("\r\033[K", stderr);
	if (!err && ftruncate(s->out, (off_t)s->out_done))
		err = np_err_sys(NP_EIO, "unpacking '%s'", s->path);
	return err;
}

np_err *np_decompress(int fd, const char *path, int *ret, bool *truncated)
{
	uint8_t magic[4] = {0};
	const struct format *format = NULL;
	ssize_t n = pread(fd, magic, sizeof(magic), 0);
	if (n < 0)
		return np_err_sys(NP_EIO, "reading '%s'", path);
	for (size_t i = 0; i < NP_ARRAY_LEN(formats); i++) {
		if ((size_t)n >= formats[i].magic_bytes && !memcmp(magic, formats[i].magic, formats[i].magic_bytes))
			format = &formats[i];
	}
	*ret = -1;
	if (!format)
		return NULL;
	struct stream s = {.in = fd, .path = path};
	NP_TRY(temporary_open(&s.out));
	np_err *err = stream_unpack(&s, format);
	if (!err && !s.out_done)
		err = np_err_new(NP_EFORMAT, "'%s' looks like %s, but nothing can be unpacked from it", path, format->name);
	if (err) {
		close(s.out);
		return err;
	}
	if (s.damaged)
		np_warn("'%s': the %s stream ends early or is damaged; using the %llu MB before that", path, format->name,
			(unsigned long long)(s.out_done >> 20));
	*truncated = s.damaged;
	*ret = s.out;
	return NULL;
}

#include "format/packed_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"

enum { CHUNK_BYTES = 128 << 10 };

struct packer {
	FILE *out;
	z_stream gzip;
	ZSTD_CStream *zstd; /* NULL: gzip */
	unsigned char chunk[CHUNK_BYTES];
};

static bool chunk_put(struct packer *p, size_t n)
{
	return fwrite(p->chunk, 1, n, p->out) == n;
}

static bool gzip_put(struct packer *p, const char *data, size_t n, bool last)
{
	p->gzip.next_in = (Bytef *)(uintptr_t)data;
	p->gzip.avail_in = (uInt)n;
	do {
		p->gzip.next_out = p->chunk;
		p->gzip.avail_out = CHUNK_BYTES;
		if (deflate(&p->gzip, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return false;
		if (!chunk_put(p, CHUNK_BYTES - p->gzip.avail_out))
			return false;
	} while (!p->gzip.avail_out);
	return true;
}

static bool zstd_put(struct packer *p, const char *data, size_t n, bool last)
{
	ZSTD_inBuffer in = {data, n, 0};
	for (bool done = false; !done;) {
		ZSTD_outBuffer out = {p->chunk, CHUNK_BYTES, 0};
		size_t left = ZSTD_compressStream2(p->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left) || !chunk_put(p, out.pos))
			return false;
		done = last ? left == 0 : in.pos == in.size;
	}
	return true;
}

static bool packer_put(struct packer *p, const char *data, size_t n, bool last)
{
	return p->zstd ? zstd_put(p, data, n, last) : gzip_put(p, data, n, last);
}

static ssize_t packer_write(void *cookie, const char *data, size_t n)
{
	return packer_put(cookie, data, n < 1u << 30 ? n : 1u << 30, false) ? (ssize_t)(n < 1u << 30 ? n : 1u << 30) : 0;
}

static int packer_close(void *cookie)
{
	struct packer *p = cookie;
	bool good = packer_put(p, "", 0, true);
	if (p->zstd)
		ZSTD_freeCStream(p->zstd);
	else
		deflateEnd(&p->gzip);
	free(p);
	return good ? 0 : EOF;
}

static bool ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);
	return n >= m && strcmp(path + n - m, end) == 0;
}

np_err *np_packed_output_open(const char *path, FILE *out, FILE **ret)
{
	bool gzip = path && ends_with(path, ".gz"), zstd = path && ends_with(path, ".zst");
	if (!gzip && !zstd) {
		*ret = out;
		return NULL;
	}
	struct packer *p = np_xcalloc(1, sizeof(*p));
	p->out = out;
	if (zstd)
		p->zstd = ZSTD_createCStream();
	if (zstd ? !p->zstd : deflateInit2(&p->gzip, 6, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(p);
		return np_err_new(NP_ENOMEM, "preparing to pack the output");
	}
	FILE *packed = fopencookie(p, "w", (cookie_io_functions_t){.write = packer_write, .close = packer_close});
	if (!packed) {
		packer_close(p);
		return np_err_sys(NP_EIO, "opening the output");
	}
	setvbuf(packed, NULL, _IOFBF, CHUNK_BYTES);
	*ret = packed;
	return NULL;
}

np_err *np_packed_output_close(FILE *packed, FILE *out)
{
	if (packed == out || fclose(packed) == 0)
		return NULL;
	return errno == EPIPE ? NULL : np_err_sys(NP_EIO, "writing the packed output");
}

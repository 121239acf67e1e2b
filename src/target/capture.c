/*
 * A copy of what a live process has written, taken in one short pause.
 *
 *     prepare   (it runs)    which pages are there; memory for the copy, touched
 *     stop
 *     copy      (it stands)  the pages that are there now, on every processor
 *     resume
 *
 * The copies become segments above the live one, so that a reader sees one
 * moment, through views.  Pages that were never touched are zero and are not
 * read; what nobody writes (text, read-only data) is left to the live process.
 * Blocks that malloc got for itself alone from the kernel (the contents of big
 * buffers, most often) are left out, too: only their bytes lie there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/parallel.h"
#include "target/capture.h"
#include "target/internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
	PAGE_BYTES = 4096,
	PIECE_BYTES = 4 << 20,	 /* of a copy that one thread does at a time */
	VECTORS_MAX = 256,
	LONE_BLOCK_BYTES = 128 << 10, /* M_MMAP_THRESHOLD: malloc maps no smaller blocks on their own */
	BLOCK_IS_MAPPED = 2,	 /* IS_MMAPPED in the size word of a malloc chunk */
};
#define PAGE_PRESENT (1ull << 63)
#define PAGE_SWAPPED (1ull << 62)

struct capture_range {
	np_addr start, end;
	uint8_t *data;
	bool has_file; /* pages that are not there come from a file: copied all the same */
};

struct capture_piece {
	const struct capture_range *range;
	np_addr start, end;
};

struct np_capture {
	np_target *target;
	pid_t pid;
	int pagemap;
	NP_VEC(struct capture_range) ranges;
	NP_VEC(struct capture_piece) pieces;
	_Atomic uint64_t copied_bytes;
	bool populate; /* touch, do not copy */
};

struct capture_segment {
	np_addr start;
	size_t len;
	uint8_t *data;
};

static const void *capture_view(void *ctx, np_addr addr, size_t len)
{
	const struct capture_segment *s = ctx;
	uint64_t offset = addr - s->start;
	return addr >= s->start && offset < s->len && len <= s->len - offset ? s->data + offset : NULL;
}

static size_t capture_read(void *ctx, np_addr addr, void *buf, size_t len)
{
	const struct capture_segment *s = ctx;
	uint64_t offset = addr - s->start;
	if (addr < s->start || offset >= s->len)
		return 0;
	len = len < s->len - offset ? len : (size_t)(s->len - offset);
	memcpy(buf, s->data + offset, len);
	return len;
}

static void capture_segment_destroy(void *ctx)
{
	struct capture_segment *s = ctx;
	munmap(s->data, s->len);
	free(s);
}

static const struct np_segment_ops capture_ops = {
	.read = capture_read, .view = capture_view, .destroy = capture_segment_destroy};

/* A block that malloc mapped for itself: {previous size 0, size | IS_MMAPPED} at its start. */
static bool is_lone_block(np_target *target, const struct np_mapping *m)
{
	uint64_t head[2];
	if (m->path[0] || m->end - m->start < LONE_BLOCK_BYTES ||
	    np_mem_read(target->mem, m->start, head, sizeof(head)) != sizeof(head))
		return false;
	return head[0] == 0 && (head[1] & 7) == BLOCK_IS_MAPPED && (head[1] & ~7ull) == m->end - m->start;
}

static bool is_wanted(np_target *target, const struct np_mapping *m)
{
	return (m->prot & NP_PROT_W || (m->prot & NP_PROT_X && !m->path[0])) && m->prot & NP_PROT_R &&
	       strncmp(m->path, "/dev/", 5) != 0 && !is_lone_block(target, m);
}

/* Ranges of wanted mappings; memory of earlier ones with the same bounds is taken over. */
static void ranges_plan(struct np_capture *c)
{
	struct capture_range *old = c->ranges.data;
	size_t old_len = c->ranges.len, at = 0;
	c->ranges.data = NULL;
	c->ranges.len = c->ranges.cap = 0;
	for (size_t i = 0; i < np_target_mapping_count(c->target); i++) {
		const struct np_mapping *m = np_target_mapping(c->target, i);
		struct capture_range r = {m->start, m->end, NULL, m->path[0] == '/'};
		if (!is_wanted(c->target, m))
			continue;
		while (at < old_len && old[at].start < r.start)
			at++;
		if (at < old_len && old[at].start == r.start && old[at].end == r.end) {
			r.data = old[at].data;
			old[at].data = NULL;
		} else {
			r.data = mmap(NULL, r.end - r.start, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
			if (r.data == MAP_FAILED)
				continue;
		}
		np_vec_push(&c->ranges, r);
	}
	for (size_t i = 0; i < old_len; i++)
		if (old[i].data)
			munmap(old[i].data, old[i].end - old[i].start);
	free(old);
}

static void pieces_plan(struct np_capture *c)
{
	c->pieces.len = 0;
	for (size_t i = 0; i < c->ranges.len; i++) {
		const struct capture_range *r = &c->ranges.data[i];
		for (np_addr at = r->start; at < r->end; at += PIECE_BYTES)
			np_vec_push(&c->pieces,
				    (struct capture_piece){r, at, r->end - at < PIECE_BYTES ? r->end : at + PIECE_BYTES});
	}
}

static void vectors_copy(struct np_capture *c, struct iovec *local, struct iovec *remote, size_t n)
{
	while (n) {
		ssize_t got = process_vm_readv(c->pid, local, n, remote, n, 0);
		if (got > 0)
			atomic_fetch_add(&c->copied_bytes, (uint64_t)got);
		/* A vector that could not be read whole ends the call: its pages went away. Go on behind it. */
		size_t left = got > 0 ? (size_t)got : 0, i = 0;
		while (i < n && left >= local[i].iov_len)
			left -= local[i++].iov_len;
		if (i == n || (got < 0 && errno != EFAULT))
			return;
		local += i + 1;
		remote += i + 1;
		n -= i + 1;
	}
}

static void piece_do(void *ctx, size_t item, unsigned worker)
{
	struct np_capture *c = ctx;
	const struct capture_piece *p = &c->pieces.data[item];
	uint64_t map[PIECE_BYTES / PAGE_BYTES];
	size_t pages = (size_t)((p->end - p->start + PAGE_BYTES - 1) / PAGE_BYTES);
	struct iovec local[VECTORS_MAX], remote[VECTORS_MAX];
	size_t n = 0;
	(void)worker;
	if (p->range->has_file || pread(c->pagemap, map, pages * 8, (off_t)(p->start / PAGE_BYTES * 8)) != (ssize_t)(pages * 8))
		memset(map, 0xff, pages * 8);
	for (size_t i = 0; i < pages;) {
		size_t from = i;
		while (i < pages && map[i] & (PAGE_PRESENT | PAGE_SWAPPED))
			i++;
		if (i > from) {
			uint8_t *data = p->range->data + (p->start - p->range->start) + from * PAGE_BYTES;
			if (c->populate) {
				madvise(data, (i - from) * PAGE_BYTES, MADV_POPULATE_WRITE);
			} else {
				local[n] = (struct iovec){data, (i - from) * PAGE_BYTES};
				remote[n] = (struct iovec){(void *)(uintptr_t)(p->start + from * PAGE_BYTES),
							   (i - from) * PAGE_BYTES};
				if (++n == VECTORS_MAX) {
					vectors_copy(c, local, remote, n);
					n = 0;
				}
			}
		} else {
			i++;
		}
	}
	if (n)
		vectors_copy(c, local, remote, n);
}

np_err *np_capture_prepare(np_target *target, struct np_capture **ret)
{
	char path[64];
	struct np_capture *c = np_xcalloc(1, sizeof(*c));
	c->target = target;
	c->pid = np_target_pid(target);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)c->pid);
	c->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	np_err *err = np_process_read_mappings(target);
	if (err) {
		np_capture_drop(c);
		return err;
	}
	ranges_plan(c);
	pieces_plan(c);
	c->populate = true;
	np_parallel(c->pieces.len, np_parallel_threads(UINT_MAX), piece_do, c);
	c->populate = false;
	*ret = c;
	return NULL;
}

np_err *np_capture_take(struct np_capture *c, uint64_t *ret_bytes)
{
	np_err *err = NULL;
	ranges_plan(c);
	pieces_plan(c);
	np_parallel(c->pieces.len, np_parallel_threads(UINT_MAX), piece_do, c);
	for (size_t i = 0; i < c->ranges.len && !err; i++) {
		struct capture_range *r = &c->ranges.data[i];
		struct capture_segment *s = np_xcalloc(1, sizeof(*s));
		*s = (struct capture_segment){r->start, (size_t)(r->end - r->start), r->data};
		r->data = NULL;
		struct np_segment segment = {.start = s->start, .end = s->start + s->len,
					     .priority = NP_SEGMENT_OVERLAY, .ops = &capture_ops, .ctx = s};
		err = np_mem_add(c->target->mem, &segment);
		if (err)
			capture_segment_destroy(s);
	}
	*ret_bytes = c->copied_bytes;
	return err;
}

void np_capture_drop(struct np_capture *c)
{
	if (!c)
		return;
	np_mem_drop(c->target->mem, NP_SEGMENT_OVERLAY);
	for (size_t i = 0; i < c->ranges.len; i++)
		if (c->ranges.data[i].data)
			munmap(c->ranges.data[i].data, c->ranges.data[i].end - c->ranges.data[i].start);
	np_vec_deinit(&c->ranges);
	np_vec_deinit(&c->pieces);
	if (c->pagemap >= 0)
		close(c->pagemap);
	free(c);
}

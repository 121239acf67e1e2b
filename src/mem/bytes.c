/* A segment over bytes in our own memory. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "mem/mem.h"

struct bytes {
	np_addr start;
	size_t len;
	const uint8_t *data;
	uint8_t *owned; /* the copy, or NULL when data is borrowed */
};

static const void *bytes_view(void *ctx, np_addr addr, size_t len)
{
	const struct bytes *bytes = ctx;
	uint64_t offset = addr - bytes->start;
	return addr >= bytes->start && offset < bytes->len && len <= bytes->len - offset ? bytes->data + offset : NULL;
}

static size_t bytes_read(void *ctx, np_addr addr, void *buf, size_t len)
{
	const struct bytes *bytes = ctx;
	uint64_t offset = addr - bytes->start;
	if (addr < bytes->start || offset >= bytes->len)
		return 0;
	if (len > bytes->len - offset)
		len = (size_t)(bytes->len - offset);
	memcpy(buf, bytes->data + offset, len);
	return len;
}

static void bytes_destroy(void *ctx)
{
	struct bytes *bytes = ctx;
	free(bytes->owned);
	free(bytes);
}

static const struct np_segment_ops bytes_ops = {
	.read = bytes_read,
	.view = bytes_view,
	.destroy = bytes_destroy,
};

np_err *np_mem_add_bytes(np_mem *mem, np_addr start, const void *data, size_t len,
			 enum np_segment_priority priority, bool copy)
{
	if (len > UINT64_MAX - start)
		return np_err_new(NP_EFORMAT, "segment of %zu bytes at 0x%llx passes the end of the address space", len,
				  (unsigned long long)start);
	struct bytes *bytes = np_xcalloc(1, sizeof(*bytes));
	bytes->start = start;
	bytes->len = len;
	bytes->data = data;
	if (copy) {
		bytes->owned = np_xmalloc(len);
		memcpy(bytes->owned, data, len);
		bytes->data = bytes->owned;
	}
	struct np_segment segment = {
		.start = start,
		.end = start + len,
		.priority = priority,
		.ops = &bytes_ops,
		.ctx = bytes,
	};
	np_err *err = np_mem_add(mem, &segment);
	if (err)
		bytes_destroy(bytes);
	return err;
}

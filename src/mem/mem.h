/*
 * An address space: an ordered set of segments, each a range, a source and a
 * policy.  Core file, live process, executable image, captured copy, fake and
 * fault-injecting segments are the same thing to a reader.
 *
 * Where segments overlap the one with the higher priority answers; where its
 * source has no byte (a hole of a truncated core, text that the kernel left
 * out), the read falls through to the next lower one.
 *
 * Reads come in two kinds: the bool accessors for scanning code (false means
 * unreadable, no detail), and np_mem_read_err() for code that reports.
 * All integers are little-endian, as on the target.
 *
 * Among segments of one priority the one added last answers first.  An address
 * space is for one thread at a time; pointers from np_mem_view() may be read by
 * any thread.
 */
#ifndef NP_MEM_MEM_H
#define NP_MEM_MEM_H

#include "base/err.h"
#include "base/types.h"

typedef struct np_mem np_mem;

/* What a segment's read returns to forbid the read instead of falling through. */
#define NP_SEGMENT_FAULT SIZE_MAX

struct np_segment_ops {
	/* Copies up to len bytes from addr; returns how many from the start
	 * could be read: 0 = it has no byte there, the next lower segment is
	 * asked (for the rest of that 4 KiB page at most, then this one again).
	 * Never reads past the segment. */
	size_t (*read)(void *ctx, np_addr addr, void *buf, size_t len);
	/* A pointer to len bytes that stays valid as long as the segment, or
	 * NULL.  May be NULL where the source has no views. */
	const void *(*view)(void *ctx, np_addr addr, size_t len);
	void (*destroy)(void *ctx); /* may be NULL */
};

enum np_segment_priority {
	NP_SEGMENT_IMAGE = 0,  /* from an executable on disk */
	NP_SEGMENT_CORE = 1,   /* from a core file */
	NP_SEGMENT_LIVE = 2,   /* from a process */
	NP_SEGMENT_OVERLAY = 3 /* captured copies, injected faults */
};

struct np_segment {
	np_addr start, end; /* [start, end) */
	enum np_segment_priority priority;
	bool cached; /* read through the page cache (for sources with costly small reads) */
	const struct np_segment_ops *ops;
	void *ctx; /* owned by the segment */
};

np_mem *np_mem_create(void);
void np_mem_destroy(np_mem *mem);

np_err *np_mem_add(np_mem *mem, const struct np_segment *segment) NP_MUST;
/* A segment over bytes in our own memory; copied when copy is set, else borrowed. */
np_err *np_mem_add_bytes(np_mem *mem, np_addr start, const void *bytes, size_t len,
			 enum np_segment_priority priority, bool copy) NP_MUST;
/* Takes away every segment of one priority and destroys it. */
void np_mem_drop(np_mem *mem, enum np_segment_priority priority);
/* Forgets cached pages: call when a live target has run. */
void np_mem_invalidate(np_mem *mem);

/* How many bytes from addr on could be read, at most len. */
size_t np_mem_read(np_mem *mem, np_addr addr, void *buf, size_t len);
np_err *np_mem_read_err(np_mem *mem, np_addr addr, void *buf, size_t len) NP_MUST;
bool np_mem_u8(np_mem *mem, np_addr addr, uint8_t *ret);
bool np_mem_u16(np_mem *mem, np_addr addr, uint16_t *ret);
bool np_mem_u32(np_mem *mem, np_addr addr, uint32_t *ret);
bool np_mem_u64(np_mem *mem, np_addr addr, uint64_t *ret);
/* NUL-terminated string of at most max - 1 bytes into buf; false when unreadable or unterminated. */
bool np_mem_cstr(np_mem *mem, np_addr addr, char *buf, size_t max);
/* Pointer to the bytes without copying, or NULL (then use np_mem_read). */
const void *np_mem_view(np_mem *mem, np_addr addr, size_t len);

#endif

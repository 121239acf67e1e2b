/*
 * Where readers of profiles get their bytes: a file, a pipe or standard input, of
 * any length, unpacked on the way when it is gzip or zstd (several members one
 * after the other are one text).  The first bytes can be looked at before anything
 * is read, to tell the format.
 *
 * Memory does not grow with the input.  Files are read, not mapped: one that gets
 * shorter meanwhile ends, it does not kill the reader.
 */
#ifndef NP_FORMAT_PROFILE_INPUT_H
#define NP_FORMAT_PROFILE_INPUT_H

#include "profile/format.h"

/*
 * path NULL or "-": standard input.  in->fd is the file when it is a plain one and not packed, for readers that jump
 * about in it with pread() or map it; -1 otherwise.
 */
np_err *np_profile_input_open(const char *path, struct np_profile_input **ret) NP_MUST;
/* Bytes in memory, for tests and for what was read elsewhere; they must outlive the input. */
struct np_profile_input *np_profile_input_of_memory(const char *name, const void *data, size_t len);
/* The first bytes, unpacked, up to 64 KiB; they are still to be read. NULL when nothing could be read (see in->err). */
const char *np_profile_input_head(struct np_profile_input *in, size_t *ret_len);
/* How many (unpacked) bytes were handed out. */
uint64_t np_profile_input_offset(const struct np_profile_input *in);
/* How many bytes of the file, packed as they are, were read, and of how many; 0: that is not known. */
void np_profile_input_progress(const struct np_profile_input *in, uint64_t *ret_done, uint64_t *ret_total);
/* watch is called now and then while it is read. */
void np_profile_input_watch(struct np_profile_input *in, void (*watch)(void *ctx), void *ctx);
void np_profile_input_close(struct np_profile_input *in);

#endif

/*
 * A file format of profiles: how it is told from others, read and written.
 * format/profile_formats.c lists them all; `convert`, `flame` and recording use the
 * list alone.
 */
#ifndef NP_PROFILE_FORMAT_H
#define NP_PROFILE_FORMAT_H

#include <stdio.h>

#include "profile/profile.h"

/* Where a reader gets its bytes from: a file or a pipe of any length, unpacked (gzip, zstd) on the way. */
struct np_profile_input {
	const char *name; /* for messages: path, or "standard input" */
	int fd;		  /* readers may map it when it is a file and not packed */
	/* The next bytes; 0 at the end, -1 on an error, which err then tells. */
	int64_t (*read)(struct np_profile_input *in, void *buf, size_t max);
	np_err *err;
	void *ctx;
};

struct np_profile_format {
	const char *name;     /* "folded", "cpuprofile", ... */
	const char *suffixes; /* ".cpuprofile|.cpuprofile.gz" */
	const char *summary;
	unsigned holds; /* NP_HOLDS_* that a file of it can have */
	/* How surely these first bytes of a file are of this format: 0 no, 100 certainly. NULL: it is not read. */
	int (*sniff)(const char *head, size_t len);
	/*
	 * Fills the profile. On an error (which names line or byte) the profile has what came before: callers write
	 * that and say so.
	 */
	np_err *(*read)(struct np_profile_input *in, np_profile *profile);
	/*
	 * NULL: it is not written. What the format cannot hold is left out; the caller tells. Not packed: the caller does
	 * that when the file's name says so.
	 */
	np_err *(*write)(np_profile *profile, FILE *out);
};

#endif

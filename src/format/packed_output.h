/* A stream that packs what is written to it, for files that end in .gz or .zst. */
#ifndef NP_FORMAT_PACKED_OUTPUT_H
#define NP_FORMAT_PACKED_OUTPUT_H

#include <stdio.h>

#include "base/err.h"

/* By the end of path (NULL: plain): a stream on top of out, to be closed before it; out itself when it is plain. */
np_err *np_packed_output_open(const char *path, FILE *out, FILE **ret) NP_MUST;
/* Writes what is left; does not close out. */
np_err *np_packed_output_close(FILE *packed, FILE *out) NP_MUST;

#endif

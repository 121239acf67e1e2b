/* A copy of a live process's memory, as of one short pause; see capture.c. */
#ifndef NP_TARGET_CAPTURE_H
#define NP_TARGET_CAPTURE_H

#include "target/target.h"

struct np_capture;

/* While the process runs: finds out what there is to copy, and makes room. */
np_err *np_capture_prepare(np_target *target, struct np_capture **ret) NP_MUST;
/* While it is stopped: copies. From here on readers see the copy, also when the process has gone on. */
np_err *np_capture_take(struct np_capture *capture, uint64_t *ret_bytes) NP_MUST;
/* Readers see the live process again. NULL is allowed. */
void np_capture_drop(struct np_capture *capture);

#endif

/*
 * Files that a process leaves for its observers: /tmp/perf-PID.map,
 * jit-PID.dump.  Where everybody may create files, such a name may be anybody's
 * trap; then it must be a regular file, no link, and its owner root, oneself
 * or the owner of the process.
 */
#ifndef NP_FORMAT_SIDE_FILE_H
#define NP_FORMAT_SIDE_FILE_H

#include <sys/types.h>

#include "base/err.h"

enum { NP_UID_NONE = -1 };

/*
 * Opens path for reading.  process_uid: who owns the observed process, or
 * NP_UID_NONE.  NP_ENOTFOUND when there is no such file, NP_EPERM when it is not to be
 * trusted.  ret_regular: false for pipes and the like, which end but do not grow.
 */
np_err *np_side_file_open(const char *path, int64_t process_uid, int *ret, bool *ret_regular) NP_MUST;

/* The process of a file named perf-PID.map, perf-PID.map.old, jit-PID.dump or jitted-PID-N.so; 0: none. */
pid_t np_side_file_pid(const char *path, size_t bytes);
/* Who owns a running process; NP_UID_NONE when there is none. */
int64_t np_side_file_process_uid(pid_t pid);

#endif

/* Diagnostics on standard error.  The level, and what is held back, are the program's only writable globals. */
#ifndef NP_BASE_LOG_H
#define NP_BASE_LOG_H

#include "base/err.h"

enum np_log_level { NP_LOG_QUIET = 0, NP_LOG_WARN = 1, NP_LOG_INFO = 2, NP_LOG_DEBUG = 3 };
extern enum np_log_level np_log_level;

/* "nopsy: warning: ..." unless quiet. */
void np_warn(const char *fmt, ...) NP_PRINTF(1, 2);
void np_info(const char *fmt, ...) NP_PRINTF(1, 2);
void np_debug(const char *fmt, ...) NP_PRINTF(1, 2);

/*
 * Between these nothing is written; the outermost release writes what came
 * meanwhile.  For whoever holds what must not wait for a blocked terminal.
 */
void np_log_hold(void);
void np_log_release(void);

#endif

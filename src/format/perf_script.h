/* The halves of the perf script format. */
#ifndef NP_FORMAT_PERF_SCRIPT_H
#define NP_FORMAT_PERF_SCRIPT_H

#include "profile/format.h"

/* The event that stands for plain counts: what is in the column of the period is how often the stack was seen. */
#define NP_PERF_COUNT_EVENT "samples"

np_err *np_perf_script_write(np_profile *profile, FILE *out);

#endif

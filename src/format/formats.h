/* The formats, each in a file of its name; profile_formats.c lists them in the order in which they are told. */
#ifndef NP_FORMAT_FORMATS_H
#define NP_FORMAT_FORMATS_H

#include "profile/format.h"

extern const struct np_profile_format np_format_folded;
extern const struct np_profile_format np_format_perf_script;
extern const struct np_profile_format np_format_bpftrace;
extern const struct np_profile_format np_format_dtrace;
extern const struct np_profile_format np_format_mac_sample;
extern const struct np_profile_format np_format_instruments;
extern const struct np_profile_format np_format_cpuprofile;
extern const struct np_profile_format np_format_speedscope;
extern const struct np_profile_format np_format_trace_event;
extern const struct np_profile_format np_format_heapprofile;

#endif

/* The writing half of the trace-event format; see trace_event.c. */
#ifndef NP_FORMAT_TRACE_EVENT_H
#define NP_FORMAT_TRACE_EVENT_H

#include <stdio.h>

#include "profile/profile.h"

np_err *np_trace_event_write(np_profile *profile, FILE *out) NP_MUST;

#endif

/* Profiles as arguments of commands: opened, their format guessed, read, filtered. */
#ifndef NP_CMD_PROFILE_LOAD_H
#define NP_CMD_PROFILE_LOAD_H

#include "cmd/cmd.h"
#include "profile/filter.h"
#include "profile/format.h"

/* Rows for a command's table of options. */
#define NP_PROFILE_FROM_OPTION                                                                                    \
	{"from", 'f', NP_OPT_STRING, "FORMAT", NULL, "the input's format; it is told by its content when not given"}

#define NP_PROFILE_FILTER_OPTIONS                                                                                    \
	{"thread", 0, NP_OPT_STRING, "ID|REGEX", NULL, "only threads of that id, process id (A,B,...) or name"},          \
	{"time", 0, NP_OPT_STRING, "FROM-TO", NULL, "only samples of that time: seconds since the first one, or 250ms"},  \
	{"keep", 'k', NP_OPT_STRING, "REGEX", NULL, "only stacks with a frame that it matches (name and file:line)"},     \
	{"drop", 'd', NP_OPT_STRING, "REGEX", NULL, "no stack with a frame that it matches"},                             \
	{"root", 'r', NP_OPT_STRING, "REGEX", NULL, "stacks begin at the outermost frame that it matches"},               \
	{"hide", 0, NP_OPT_STRING, "CLASS,...", NULL,                                                                     \
	 "frames of that kind go; their callers have what they took: application, dependency, node, v8, cpp, library, "   \
	 "kernel, unknown, native (cpp, library), internals (node, v8, native, kernel)"},                                 \
	{"collapse", 0, NP_OPT_STRING, "CLASS,...", NULL, "one frame in place of several of that kind one behind the other"}, \
	{"merge-tiers", 0, NP_OPT_FLAG, NULL, NULL, "interpreted and compiled code of a function is one"},                \
	{"merge-threads", 0, NP_OPT_FLAG, NULL, NULL, "all threads are one"},                                             \
	{"inverted", 'i', NP_OPT_FLAG, NULL, NULL, "the frame that was executing first, then its callers"},               \
	{"value", 0, NP_OPT_STRING, "NAME", NULL, "only that one of the values that samples have"}

/* What these options say. NP_EUSAGE: not understood. */
np_err *np_profile_filter_options(struct np_invocation *inv, struct np_filter *ret) NP_MUST;

/*
 * Reads the profile in path (NULL or "-": standard input) in the format that --from names, else in the one that its
 * first bytes tell.  What follows a place that cannot be read is left out: np_partial() says so.  An error when there
 * is nothing to go on with.  keep_times: see np_profile_create().
 */
np_err *np_profile_load(struct np_invocation *inv, const char *path, bool keep_times, np_profile **ret) NP_MUST;
/* The format of that name, for reading or for writing; the error lists those that there are. */
np_err *np_profile_format_find(const char *name, bool for_writing, const struct np_profile_format **ret) NP_MUST;

#endif

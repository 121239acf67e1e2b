/*
 * One profile made of another: less of it, or frames put together.
 *
 *     samples   by thread, by time, by a frame that is or is not in their stack
 *     stacks    begin at a frame, go without frames of some classes or with one
 *               frame for a run of them, with tiers merged, leaf first
 *     values    one of them
 *
 * What a removed frame took belongs to its caller.  The order is the one above:
 * --keep and --drop see the frames that classes then take away.
 */
#ifndef NP_PROFILE_FILTER_H
#define NP_PROFILE_FILTER_H

#include "profile/profile.h"

/* Zero: nothing is filtered. */
struct np_filter {
	const char *thread; /* ids, or a regular expression for names; NULL: all */
	bool has_from, has_to;
	int64_t from_ns, to_ns; /* since the first sample; to is not in it */
	const char *keep, *drop; /* regular expressions for "name file:line:column" of a frame; NULL: none */
	const char *root;	 /* stacks begin at the first frame that it matches; others are left out */
	unsigned hide, collapse; /* classes: 1 << enum np_code_class */
	bool merge_tiers, merge_threads, inverted;
	const char *value; /* name of the value type that is kept; NULL: all */
};

/* Is there anything to do? */
bool np_filter_is_set(const struct np_filter *filter);
/*
 * keep_times: as of np_profile_create().  NP_EUSAGE: an expression is wrong, or there is no such value; NP_ENOTFOUND:
 * nothing is left, the text says which filter took it.
 */
np_err *np_profile_filter(const np_profile *profile, const struct np_filter *filter, bool keep_times,
			  np_profile **ret) NP_MUST;

#endif

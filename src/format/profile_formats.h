/* The formats of profiles that are known. */
#ifndef NP_FORMAT_PROFILE_FORMATS_H
#define NP_FORMAT_PROFILE_FORMATS_H

#include "profile/format.h"

/* Ends with NULL. */
extern const struct np_profile_format *const np_profile_formats[];

/* By name, NULL: none of that name. */
const struct np_profile_format *np_profile_format_named(const char *name);
/* By the end of a path ("x.cpuprofile.gz"), NULL: it tells nothing. for_writing: only one that can be written. */
const struct np_profile_format *np_profile_format_of_path(const char *path, bool for_writing);
/* The one that is surest of these first bytes; path (may be NULL) decides between equals. NULL: none is. */
const struct np_profile_format *np_profile_format_sniff(const char *head, size_t len, const char *path);

#endif

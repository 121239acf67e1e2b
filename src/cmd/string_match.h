/* Strings whose content a POSIX extended regular expression matches. */
#ifndef NP_CMD_STRING_MATCH_H
#define NP_CMD_STRING_MATCH_H

#include "cmd/heap_view.h"
#include "heap/strings.h"

struct np_string_match {
	np_vertex node;
	uint64_t offset, length; /* of the match, in UTF-16 units */
};

/* NP_EUSAGE with the reason when the expression is wrong. */
np_err *np_string_match_check(const char *expression) NP_MUST;

/*
 * All matches, in the order of addresses, malloc'ed.  Flat strings are looked at
 * in place by several threads; cons strings that are part of no other, slices
 * and strings outside of the heap are put together first, up to a number of
 * characters in all.  *ret_skipped: how many strings were left out for that.
 */
np_err *np_string_match(struct np_heap_view *view, const np_strings *strings, const char *expression, bool garbage,
			struct np_string_match **ret, size_t *ret_count, uint64_t *ret_skipped) NP_MUST;

#endif

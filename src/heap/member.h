/*
 * One member path, such as .user.name, followed from many objects.
 *
 * Where objects of one shape keep a property is asked once; then a step costs
 * a load.  What that does not cover (dictionaries, accessors, [index], entries
 * of Maps) goes the way of np_value_member().  Own properties alone: nothing is
 * called and no prototype is asked, but what built-in objects have for a
 * length or a size is known:
 *
 *     length          of arrays, strings, typed arrays
 *     size            of Maps and Sets
 *     byteLength      of ArrayBuffers and their views
 */
#ifndef NP_HEAP_MEMBER_H
#define NP_HEAP_MEMBER_H

#include "heap/graph.h"

typedef struct np_member np_member;

/* "user.name", ".user.name", "[0]", "list[3].id"; NP_EUSAGE when it is malformed. */
np_err *np_member_create(np_graph *graph, const char *path, np_member **ret) NP_MUST;
/* The same complaint without a heap. */
np_err *np_member_check(const char *path) NP_MUST;
void np_member_destroy(np_member *member);
/* The path as it is followed: with a dot or bracket in front. */
const char *np_member_path(const np_member *member);

/* False when an object on the way has no such member. */
bool np_member_get(np_member *member, np_vertex node, np_tagged *ret, double *ret_number, bool *ret_is_number);

/*
 * A value as a key, equal where a person would call the values equal: numbers by
 * value, strings by content (beyond a million units by the first of them and the
 * length), BigInts by their digits, Dates by their time, other objects by identity.
 */
struct np_value_key {
	uint64_t kind, a, b;
};
void np_member_key(np_member *member, np_tagged value, double number, bool is_number, struct np_value_key *ret);

#endif

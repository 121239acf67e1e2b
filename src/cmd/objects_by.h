/* The census by the value of a member: `objects --by .user.name`. */
#ifndef NP_CMD_OBJECTS_BY_H
#define NP_CMD_OBJECTS_BY_H

#include "cmd/object_filter.h"

/* Sets inv->result. Dominators are there when retained sizes are asked for. */
np_err *np_objects_by(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *filter,
		      const char *member, bool with_retained) NP_MUST;

#endif

/* How full collections are, by class: `objects --fill`. */
#ifndef NP_CMD_OBJECTS_FILL_H
#define NP_CMD_OBJECTS_FILL_H

#include "cmd/object_filter.h"

/* Sets inv->result. */
void np_objects_fill(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *filter);

#endif

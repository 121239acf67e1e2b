/* What the files of this layer share; nobody else includes it. */
#ifndef NP_HEAP_INTERNAL_H
#define NP_HEAP_INTERNAL_H

#include "base/vec.h"
#include "heap/pages.h"

enum { NP_HEAP_TYPES = 1 << 16 }; /* instance types are 16 bits */

struct np_heap {
	np_v8 *v8;
	NP_VEC(struct np_page) pages;
	uint8_t *size_rules; /* by instance type: index of its rule in size.c, see there; NULL until needed */
};

#endif

/*
 * Fault injection for tests: a range that reads as memory that cannot be read,
 * always or from the N-th read on.
 */
#ifndef NP_MEM_FAULT_H
#define NP_MEM_FAULT_H

#include "mem/mem.h"

/* Owned by the test; must outlive the address space. */
struct np_fault {
	uint64_t fail_from;  /* number of the first read that fails, from 0 */
	uint64_t fail_count; /* how many fail from there on; UINT64_MAX: all */
	uint64_t reads;	     /* reads seen so far */
};

/* A read in [start, end) that is not to fail falls through to what lies below. */
np_err *np_mem_add_fault(np_mem *mem, np_addr start, np_addr end, struct np_fault *fault) NP_MUST;

#endif

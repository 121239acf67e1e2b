/* Addresses as users write them: hex or decimal, tagged or not, with a member path: 0x2f31.cache[0]. */
#ifndef NP_CMD_ADDRESS_H
#define NP_CMD_ADDRESS_H

#include "base/arena.h"
#include "v8/v8.h"

struct np_address_arg {
	np_addr addr;	  /* as written */
	np_tagged tagged; /* as a reference to a heap object, or a Smi where it looks like one */
	const char *path; /* member path, "" none */
};

/* NP_EUSAGE when it is no address. */
np_err *np_address_parse(const char *text, np_arena *arena, struct np_address_arg *ret) NP_MUST;
/* Parses and follows the path; ret_double is set when the member is an unboxed double. */
np_err *np_address_resolve(np_v8 *v8, const char *text, np_arena *arena, np_tagged *ret, double *ret_double,
			   bool *ret_is_double) NP_MUST;
/* The same for commands that want a heap object: its untagged address. */
np_err *np_address_object(np_v8 *v8, const char *text, np_arena *arena, np_addr *ret) NP_MUST;

#endif

/* Addresses that an answer holds, for the next stage of a pipe. */
#ifndef NP_SHELL_PIPE_H
#define NP_SHELL_PIPE_H

#include "base/vec.h"
#include "out/out.h"

typedef NP_VEC(np_addr) np_addr_vec;

/*
 * In this order: the answer's own list `addresses` or `instances`; the
 * `address` of each element of a list; the functions of frames; the values of
 * variables; its own `address`.
 */
void np_pipe_addresses(const np_node *answer, np_addr_vec *out);

#endif

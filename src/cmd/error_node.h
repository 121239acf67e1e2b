/* Errors as answers: message, code, frames of the stack, chain of causes. */
#ifndef NP_CMD_ERROR_NODE_H
#define NP_CMD_ERROR_NODE_H

#include "out/out.h"
#include "v8/v8.h"

/* The string in the error's own message property, 0 none. */
np_addr np_error_message_string(np_v8 *v8, np_addr error);
/* The message, own or inherited, at most max units; "" none. */
const char *np_error_message(np_v8 *v8, np_addr error, size_t max, np_arena *arena);

/*
 * Sets message, code, stack, frames [FRAME] and causes [{class, message,
 * address, ...}] of a record, and what its text is made of: _message, _frames.
 */
void np_error_node_fill(np_v8 *v8, np_addr error, const char *message, np_arena *arena, np_node *n);

#endif

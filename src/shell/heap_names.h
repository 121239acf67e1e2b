/* Names of classes and properties of the heap, for completion; once a command has looked at it. */
#ifndef NP_SHELL_HEAP_NAMES_H
#define NP_SHELL_HEAP_NAMES_H

#include "cmd/session.h"

/*
 * Calls cb for each name that may be the value of the words before it: classes
 * behind --class (and -c), properties behind --property (and -p).
 */
void np_shell_heap_names(struct np_session *session, const char *option, void (*cb)(void *ctx, const char *name), void *ctx);

#endif

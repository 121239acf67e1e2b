/* An ELF file on disk as a target: one image at the addresses that the file says, no memory, no threads. */
#ifndef NP_TARGET_BINARY_H
#define NP_TARGET_BINARY_H

#include "target/target.h"

/* Is path an executable or a library, and not a core? False for what is no ELF file, or cannot be read, too. */
bool np_path_is_binary(const char *path);
np_err *np_target_open_binary(const char *path, np_target **ret) NP_MUST;

#endif

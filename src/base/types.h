/* The few types that every layer shares. */
#ifndef NP_BASE_TYPES_H
#define NP_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address in the target. */
typedef uint64_t np_addr;

#define NP_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif

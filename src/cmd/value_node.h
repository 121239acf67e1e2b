/* Decoded values (v8/value.h) as VALUE nodes of the CLI contract. */
#ifndef NP_CMD_VALUE_NODE_H
#define NP_CMD_VALUE_NODE_H

#include "out/out.h"
#include "v8/value.h"

np_node *np_value_node(np_arena *arena, const np_value *value);
/* Decode and convert in one go. */
np_node *np_value_node_of(np_v8 *v8, np_tagged word, const struct np_value_limits *limits, np_arena *arena);

/* A number that is not tagged. */
np_node *np_value_node_number(np_arena *arena, double number);

#endif

/* Map and Set: their entries, in order of insertion. */
#ifndef NP_V8_COLLECTION_H
#define NP_V8_COLLECTION_H

#include "v8/v8.h"

/* Entry i of a Map or Set (value: of a Set the key again); false past the last one. */
bool np_collection_entry(np_v8 *v8, np_addr collection, uint64_t i, np_tagged *ret_key, np_tagged *ret_value);

#endif

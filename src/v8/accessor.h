/*
 * Properties that look like data to JavaScript and are computed by V8: length
 * of arrays and functions, name and prototype of functions.  Their value in
 * the property table is an AccessorInfo (a Foreign in 3.14).
 */
#ifndef NP_V8_ACCESSOR_H
#define NP_V8_ACCESSOR_H

#include "v8/object.h"

/* The value that V8's accessor gives; false when p is none, or it cannot be told without calling it. */
bool np_accessor_value(np_v8 *v8, np_addr holder, const struct np_property *p, np_tagged *ret);

#endif

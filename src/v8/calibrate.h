/*
 * Self-calibration: confirms layout facts on objects that the target's own
 * stacks lead to, and finds those that no symbol and no table tells.
 */
#ifndef NP_V8_CALIBRATE_H
#define NP_V8_CALIBRATE_H

#include "v8/v8.h"

struct np_calibration {
	size_t functions; /* JSFunctions that were looked at */
	size_t confirmed, found, corrected; /* facts */
};

/*
 * Needs a stopped target (registers).  Cheap: looks at a few dozen objects.
 * A fact that most samples contradict while they agree on another value is
 * corrected, with a warning.  Without samples nothing changes.
 */
void np_calibrate(np_v8 *v8, struct np_calibration *ret);

#endif

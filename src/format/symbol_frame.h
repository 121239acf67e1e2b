/*
 * From the text that a tool printed for a frame to a frame: V8's names, C++ names,
 * modules, kernel, addresses without a name; and back, for formats that have one
 * text a frame.
 */
#ifndef NP_FORMAT_SYMBOL_FRAME_H
#define NP_FORMAT_SYMBOL_FRAME_H

#include "base/buf.h"
#include "profile/profile.h"

/*
 * The frame of a symbol ("JS:*run /app/a.js:3:13+0x1f", "uv__run_timers+0x8", "[unknown]", "0x7f12") of a module
 * (path, or "[kernel.kallsyms]"; len 0: not told), with offsets taken off.
 */
uint32_t np_symbol_frame(np_profile *profile, const char *symbol, size_t len, const char *module, size_t module_len);
/* The same, not yet a frame of the profile. */
struct np_profile_frame np_symbol_parse(np_profile *profile, const char *symbol, size_t len, const char *module,
					size_t module_len);
/* The frame as one text that np_symbol_parse() gives name, kind, tier, file, line and column of again. */
void np_symbol_put(struct np_buf *buf, const np_profile *profile, const struct np_profile_frame *frame);

#endif

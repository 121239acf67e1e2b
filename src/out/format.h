/* Inside of the out layer: numbers as people read them. */
#ifndef NP_OUT_FORMAT_H
#define NP_OUT_FORMAT_H

#include "base/buf.h"
#include "base/types.h"

/* As JavaScript prints a number: 0.1, 1e+21, -0, NaN, Infinity. */
void np_format_double(struct np_buf *buf, double v);
/* 512 B, 1.5 MiB, 23 GiB: never more than three digits and a unit. */
void np_format_bytes(struct np_buf *buf, uint64_t v);
/* 850 ns, 1.2 ms, 3.4 s, 2 min 5 s, 3 h 20 min, 4 d 2 h. */
void np_format_ns(struct np_buf *buf, uint64_t v);
void np_format_addr(struct np_buf *buf, np_addr v);
/* ISO 8601 of milliseconds since the epoch, as Date.prototype.toISOString. */
void np_format_date_ms(struct np_buf *buf, double ms);

#endif

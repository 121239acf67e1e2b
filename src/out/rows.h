/*
 * {"columns": [...], "rows": [[...], ...]} written as it comes: an answer of
 * millions of rows is never whole in memory.  Whether the stream took it is
 * known when the stream is closed.
 */
#ifndef NP_OUT_ROWS_H
#define NP_OUT_ROWS_H

#include "out/out.h"

typedef struct np_rows np_rows;

np_rows *np_rows_begin(FILE *out, const char *const *columns, size_t count);
/* A row: begun, then its cells in order.  False: nobody reads any more. */
bool np_rows_next(np_rows *rows);
void np_rows_null(np_rows *rows);
void np_rows_int(np_rows *rows, int64_t v);
void np_rows_double(np_rows *rows, double v); /* NaN, +-Infinity and -0 as strings */
void np_rows_strn(np_rows *rows, const char *v, size_t n);
void np_rows_addr(np_rows *rows, np_addr v);
void np_rows_end(np_rows *rows);
/* Ends without an end: the answer is not whole. NULL is allowed. */
void np_rows_drop(np_rows *rows);

#endif

/*
 * A loop over independent items on several threads.  Items are handed out in
 * order, one by one, so they should each be worth more than a lock.
 */
#ifndef NP_BASE_PARALLEL_H
#define NP_BASE_PARALLEL_H

#include <stddef.h>

/* Processors that this process may use, at most max. */
unsigned np_parallel_threads(unsigned max);

/*
 * Calls body(ctx, item, worker) once for every item of [0, count); worker is in
 * [0, threads).  Returns when all are done.  With one thread, or where no
 * thread can be had, it is a plain loop.
 */
void np_parallel(size_t count, unsigned threads, void (*body)(void *ctx, size_t item, unsigned worker), void *ctx);

#endif

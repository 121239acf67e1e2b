/*
 * A loop over items on several threads whose results are taken in the order of
 * the items, by one thread at a time:
 *
 *     make(0) make(1) make(2) ...     on every thread
 *     take(0) take(1) take(2) ...     one after the other, as soon as each is made
 *
 * Results wait in slots; item i has slot i % np_ordered_slots().  A thread that
 * finds no free slot waits, so that no more results exist than slots.
 */
#ifndef NP_BASE_ORDERED_H
#define NP_BASE_ORDERED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct np_ordered np_ordered;

struct np_ordered_loop {
	size_t count;
	unsigned threads;
	/* Fills the slot with the item's result; worker is in [0, threads). */
	void (*make)(void *ctx, np_ordered *loop, size_t item, unsigned worker, size_t slot);
	/* False ends the loop: nothing more is made or taken. */
	bool (*take)(void *ctx, size_t item, size_t slot);
	void *ctx;
};

/* How many slots a loop with so many threads has. */
size_t np_ordered_slots(unsigned threads);
/* True when every item was taken. */
bool np_ordered_run(const struct np_ordered_loop *loop);
/*
 * For make() of an item whose result gets too big: waits until all items before
 * it were taken, and takes what the slot has so far.  False: the loop has ended.
 */
bool np_ordered_take_part(np_ordered *loop, size_t item);

#endif

#include "base/ordered.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/parallel.h"

enum { SLOTS_PER_THREAD = 3 };

struct np_ordered {
	const struct np_ordered_loop *loop;
	size_t slots;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	size_t next_made, next_taken; /* items */
	bool *is_made;		      /* by slot */
	bool is_taking, has_ended;
};

size_t np_ordered_slots(unsigned threads)
{
	return (size_t)(threads ? threads : 1) * SLOTS_PER_THREAD;
}

/* Calls take() without the lock, which the caller holds. */
static void item_take(np_ordered *o, size_t item)
{
	o->is_taking = true;
	pthread_mutex_unlock(&o->lock);
	bool goes_on = o->loop->take(o->loop->ctx, item, item % o->slots);
	pthread_mutex_lock(&o->lock);
	o->is_taking = false;
	o->has_ended |= !goes_on;
}

static void made_take(np_ordered *o)
{
	while (!o->is_taking && !o->has_ended && o->next_taken < o->loop->count && o->is_made[o->next_taken % o->slots]) {
		item_take(o, o->next_taken);
		o->is_made[o->next_taken++ % o->slots] = false;
		pthread_cond_broadcast(&o->changed);
	}
}

bool np_ordered_take_part(np_ordered *o, size_t item)
{
	pthread_mutex_lock(&o->lock);
	while (!o->has_ended && (o->next_taken != item || o->is_taking))
		pthread_cond_wait(&o->changed, &o->lock);
	if (!o->has_ended)
		item_take(o, item);
	bool goes_on = !o->has_ended;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
	return goes_on;
}

static void worker_run(void *ctx, size_t worker, unsigned thread)
{
	np_ordered *o = ctx;
	(void)thread;
	pthread_mutex_lock(&o->lock);
	while (!o->has_ended && o->next_made < o->loop->count) {
		if (o->next_made - o->next_taken >= o->slots) {
			pthread_cond_wait(&o->changed, &o->lock);
			continue;
		}
		size_t item = o->next_made++;
		pthread_mutex_unlock(&o->lock);
		o->loop->make(o->loop->ctx, o, item, (unsigned)worker, item % o->slots);
		pthread_mutex_lock(&o->lock);
		o->is_made[item % o->slots] = true;
		made_take(o);
	}
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

bool np_ordered_run(const struct np_ordered_loop *loop)
{
	unsigned threads = loop->threads ? loop->threads : 1;
	np_ordered o = {.loop = loop, .slots = np_ordered_slots(threads)};
	o.is_made = np_xcalloc(o.slots, sizeof(*o.is_made));
	pthread_mutex_init(&o.lock, NULL);
	pthread_cond_init(&o.changed, NULL);
	np_parallel(threads, threads, worker_run, &o);
	pthread_cond_destroy(&o.changed);
	pthread_mutex_destroy(&o.lock);
	free(o.is_made);
	return !o.has_ended && o.next_taken == loop->count;
}

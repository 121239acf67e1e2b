#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREADS_MAX = 64 };

struct loop {
	void (*body)(void *ctx, size_t item, unsigned worker);
	void *ctx;
	size_t count;
	atomic_size_t next;
};

struct worker {
	struct loop *loop;
	unsigned number;
	pthread_t thread;
};

unsigned np_parallel_threads(unsigned max)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	n = n < THREADS_MAX ? n : THREADS_MAX;
	return n < max ? n : max ? max : 1;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct loop *loop = w->loop;
	for (;;) {
		size_t item = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
		if (item >= loop->count)
			return NULL;
		loop->body(loop->ctx, item, w->number);
	}
}

void np_parallel(size_t count, unsigned threads, void (*body)(void *ctx, size_t item, unsigned worker), void *ctx)
{
	struct loop loop = {.body = body, .ctx = ctx, .count = count};
	struct worker workers[THREADS_MAX];
	unsigned started = 0;
	threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	for (unsigned i = 1; i < threads && i < count; i++) {
		workers[started] = (struct worker){.loop = &loop, .number = i};
		if (pthread_create(&workers[started].thread, NULL, worker_run, &workers[started]) != 0)
			break;
		started++;
	}
	struct worker self = {.loop = &loop, .number = 0};
	worker_run(&self);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
}

/*
 * Stopping a process.
 *
 * Each stop has a thread of its own that is the tracer: it seizes, interrupts,
 * collects, reads registers, waits to be told, detaches and ends.  That is
 * what makes letting go certain: whatever a tracee does meanwhile (a thread in
 * uninterruptible sleep cannot even be detached), the kernel releases every
 * tracee of a thread that ends, as it does when all of nopsy is killed.
 *
 * Invariants:
 *   1. PTRACE_O_EXITKILL is never set, and no signal is ever sent: PTRACE_SEIZE
 *      and PTRACE_INTERRUPT leave no trace in the tracee.
 *   2. A signal that a thread was about to take when it stopped is handed back
 *      to it at PTRACE_DETACH.
 *   3. A process stopped by job control stays so: the kernel restores the group
 *      stop at detach.
 *   4. Nothing is logged between stop and resume: messages wait (base/log.h).
 *
 * The pause counts from before the first interrupt to after the last detach.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "target/internal.h"

enum {
	STOP_WAIT_NS = 1000 * 1000 * 1000,	  /* for a thread that could stop */
	STOP_WAIT_SLEEPING_NS = 20 * 1000 * 1000, /* for one in uninterruptible sleep */
	POLL_MIN_NS = 10 * 1000,
	POLL_MAX_NS = 500 * 1000,
	ROUNDS_MAX = 64, /* scans for new threads */
};

enum tracee_state { TRACEE_RUNNING, TRACEE_STOPPED, TRACEE_GONE, TRACEE_STUCK };

struct tracee {
	pid_t tid;
	enum tracee_state state;
	int signal; /* to hand back */
	struct np_regs regs;
	np_addr fs_base;
};

enum tracer_phase { PHASE_STOPPING, PHASE_STOPPED, PHASE_FAILED, PHASE_RELEASE };

struct np_tracer {
	const np_target *target;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum tracer_phase phase;
	np_err *err; /* with PHASE_FAILED */
	NP_VEC(struct tracee) tracees;
	uint64_t start_ns, end_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- in the tracer thread ---- */

static bool task_read(const np_target *target, pid_t tid, const char *file, char *buf, size_t max)
{
	char name[64];
	snprintf(name, sizeof(name), "task/%d/%s", tid, file);
	int fd = openat(target->process->proc_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, max - 1) : -1;
	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static char task_state(const np_target *target, pid_t tid)
{
	char text[1024];
	const char *close_paren;
	if (!task_read(target, tid, "stat", text, sizeof(text)) || !(close_paren = strrchr(text, ')')) ||
	    close_paren[1] != ' ')
		return 'X';
	return close_paren[2];
}

static bool line_number(const char *text, const char *key, int *ret)
{
	const char *line = strstr(text, key);
	if (line)
		*ret = atoi(line + strlen(key));
	return line;
}

static pid_t task_tracer(const np_target *target, pid_t tid)
{
	char text[4096];
	int tracer = 0;
	if (task_read(target, tid, "status", text, sizeof(text)))
		line_number(text, "\nTracerPid:", &tracer);
	return tracer;
}

/* The process and name of a thread of another program (a tracer is named by its thread). */
static pid_t process_of(pid_t tid, char *name, size_t max)
{
	char path[64], text[4096] = "";
	int pid = tid;
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	FILE *f = fopen(path, "re");
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
	}
	line_number(text, "\nTgid:", &pid);
	const char *line = strncmp(text, "Name:\t", 6) ? "?" : text + 6;
	snprintf(name, max, "%.*s", (int)strcspn(line, "\n"), line);
	return pid;
}

/* An error for a thread that may not be seized; NULL when it has just ended. */
static np_err *seize_error(const np_target *target, pid_t tid, int error)
{
	char state = task_state(target, tid);
	if (error == ESRCH || state == 'Z' || state == 'X')
		return NULL;
	pid_t tracer = task_tracer(target, tid);
	if (tracer) {
		char name[64];
		tracer = process_of(tracer, name, sizeof(name));
		return np_err_new(NP_EPERM, "process %d is already traced by process %d (%s), and only one tracer is allowed",
				  target->pid, tracer, name);
	}
	errno = error;
	return np_err_sys(error == EPERM ? NP_EPERM : NP_EIO, "stopping thread %d of process %d%s", tid, target->pid,
			  error == EPERM ? " (needs root or CAP_SYS_PTRACE; see kernel.yama.ptrace_scope)" : "");
}

static bool tracer_knows(const struct np_tracer *tracer, pid_t tid)
{
	for (size_t i = 0; i < tracer->tracees.len; i++) {
		if (tracer->tracees.data[i].tid == tid)
			return true;
	}
	return false;
}

/* Seizes and interrupts every thread not yet known. */
static np_err *tracer_seize_new(struct np_tracer *tracer, size_t *ret_new)
{
	const np_target *target = tracer->target;
	np_err *err = NULL;
	size_t found = 0;
	int fd = openat(target->process->proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return np_err_new(NP_EGONE, "process %d has ended", target->pid);
	}
	for (struct dirent *entry; !err && (entry = readdir(dir));) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		struct tracee tracee = {.tid = atoi(entry->d_name), .state = TRACEE_RUNNING};
		if (tracer_knows(tracer, tracee.tid))
			continue;
		if (ptrace(PTRACE_SEIZE, tracee.tid, NULL, NULL)) {
			err = seize_error(target, tracee.tid, errno);
			continue;
		}
		if (!tracer->start_ns)
			tracer->start_ns = now_ns();
		if (ptrace(PTRACE_INTERRUPT, tracee.tid, NULL, NULL))
			tracee.state = TRACEE_GONE;
		np_vec_push(&tracer->tracees, tracee);
		found++;
	}
	closedir(dir);
	*ret_new = found;
	return err;
}

static void tracee_read_registers(struct tracee *tracee)
{
	struct user_regs_struct u;
	if (ptrace(PTRACE_GETREGS, tracee->tid, NULL, &u)) {
		if (errno == ESRCH)
			tracee->state = TRACEE_GONE; /* killed meanwhile */
		return;
	}
	const uint64_t values[NP_REG_COUNT] = {
		u.rax, u.rdx, u.rcx, u.rbx, u.rsi, u.rdi, u.rbp, u.rsp, u.r8, u.r9, u.r10, u.r11, u.r12, u.r13, u.r14,
		u.r15, u.rip,
	};
	memcpy(tracee->regs.r, values, sizeof(values));
	tracee->regs.valid = (1u << NP_REG_COUNT) - 1;
	tracee->fs_base = u.fs_base;
}

/* Looks whether a thread has stopped; true when its state changed. */
static bool tracee_poll(struct tracee *tracee)
{
	int status;
	pid_t r = waitpid(tracee->tid, &status, __WALL | WNOHANG);
	if (r == 0)
		return false;
	if (r < 0 || !WIFSTOPPED(status)) {
		tracee->state = TRACEE_GONE;
		return true;
	}
	tracee->state = TRACEE_STOPPED;
	/* An event stop is our interrupt, or a group stop; without an event it is about to take a signal. */
	tracee->signal = status >> 16 ? 0 : WSTOPSIG(status);
	return true;
}

static size_t tracer_poll_all(struct np_tracer *tracer, bool *progress)
{
	size_t waiting = 0;
	*progress = false;
	for (size_t i = 0; i < tracer->tracees.len; i++) {
		struct tracee *tracee = &tracer->tracees.data[i];
		if (tracee->state != TRACEE_RUNNING)
			continue;
		if (tracee_poll(tracee))
			*progress = true;
		else
			waiting++;
	}
	return waiting;
}

static void tracer_give_up_on(struct np_tracer *tracer, bool only_sleeping)
{
	for (size_t i = 0; i < tracer->tracees.len; i++) {
		struct tracee *tracee = &tracer->tracees.data[i];
		if (tracee->state == TRACEE_RUNNING &&
		    (!only_sleeping || task_state(tracer->target, tracee->tid) == 'D'))
			tracee->state = TRACEE_STUCK;
	}
}

static void tracer_collect(struct np_tracer *tracer)
{
	uint64_t begin = now_ns();
	long nap = POLL_MIN_NS;
	bool progress;
	while (tracer_poll_all(tracer, &progress)) {
		uint64_t waited = now_ns() - begin;
		if (waited > STOP_WAIT_NS)
			tracer_give_up_on(tracer, false);
		else if (waited > STOP_WAIT_SLEEPING_NS)
			tracer_give_up_on(tracer, true);
		if (progress) {
			nap = POLL_MIN_NS;
			continue;
		}
		nanosleep(&(struct timespec){.tv_nsec = nap}, NULL);
		nap = nap * 2 < POLL_MAX_NS ? nap * 2 : POLL_MAX_NS;
	}
	for (size_t i = 0; i < tracer->tracees.len; i++) {
		struct tracee *tracee = &tracer->tracees.data[i];
		if (tracee->state == TRACEE_STOPPED && !tracee->regs.valid)
			tracee_read_registers(tracee);
	}
}

/* A running thread may start another until all are stopped: scan until nothing new turns up. */
static np_err *tracer_stop_all(struct np_tracer *tracer)
{
	size_t found = 0;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		NP_TRY(tracer_seize_new(tracer, &found));
		if (!found)
			break;
		tracer_collect(tracer);
	}
	for (size_t i = 0; i < tracer->tracees.len; i++) {
		if (tracer->tracees.data[i].state != TRACEE_GONE)
			return NULL;
	}
	return np_err_new(NP_EGONE, "process %d has ended", tracer->target->pid);
}

static void tracer_detach_all(struct np_tracer *tracer)
{
	for (size_t i = 0; i < tracer->tracees.len; i++) {
		struct tracee *tracee = &tracer->tracees.data[i];
		if (tracee->state == TRACEE_RUNNING || tracee->state == TRACEE_STUCK)
			tracee_poll(tracee);
		if (tracee->state == TRACEE_STOPPED)
			ptrace(PTRACE_DETACH, tracee->tid, NULL, (void *)(intptr_t)tracee->signal);
	}
	tracer->end_ns = now_ns();
}

static void *tracer_run(void *ctx)
{
	struct np_tracer *tracer = ctx;
	prctl(PR_SET_TIMERSLACK, 1000UL);
	np_err *err = tracer_stop_all(tracer);
	pthread_mutex_lock(&tracer->lock);
	tracer->err = err;
	tracer->phase = err ? PHASE_FAILED : PHASE_STOPPED;
	pthread_cond_broadcast(&tracer->changed);
	while (tracer->phase == PHASE_STOPPED)
		pthread_cond_wait(&tracer->changed, &tracer->lock);
	pthread_mutex_unlock(&tracer->lock);
	tracer_detach_all(tracer);
	return NULL;
}

/* ---- in the caller's thread ---- */

/* Waits for the tracer to end and frees it; returns the length of the pause. */
static uint64_t tracer_join(struct np_tracer *tracer)
{
	pthread_join(tracer->thread, NULL);
	uint64_t pause = tracer->end_ns - tracer->start_ns;
	pthread_mutex_destroy(&tracer->lock);
	pthread_cond_destroy(&tracer->changed);
	np_vec_deinit(&tracer->tracees);
	free(tracer);
	return pause;
}

static np_err *tracer_start(const np_target *target, struct np_tracer **ret)
{
	struct np_tracer *tracer = np_xcalloc(1, sizeof(*tracer));
	sigset_t all, before;
	tracer->target = target;
	pthread_mutex_init(&tracer->lock, NULL);
	pthread_cond_init(&tracer->changed, NULL);
	/* Signal handlers run in the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&tracer->thread, NULL, tracer_run, tracer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		free(tracer);
		errno = error;
		return np_err_sys(NP_EIO, "starting a thread");
	}
	pthread_mutex_lock(&tracer->lock);
	while (tracer->phase == PHASE_STOPPING)
		pthread_cond_wait(&tracer->changed, &tracer->lock);
	np_err *err = tracer->err;
	pthread_mutex_unlock(&tracer->lock);
	if (err) {
		tracer_join(tracer);
		return err;
	}
	*ret = tracer;
	return NULL;
}

static int tracee_compare(const void *a, const void *b)
{
	const struct tracee *x = a, *y = b;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* Thread list from the tracees; names and states are from just before the stop. */
static void target_take_threads(np_target *target, struct np_tracer *tracer)
{
	size_t old_count = target->threads.len;
	struct np_thread *old = target->threads.data;
	NP_VEC(struct np_thread) fresh = {0};
	qsort(tracer->tracees.data, tracer->tracees.len, sizeof(*tracer->tracees.data), tracee_compare);
	for (size_t i = 0; i < tracer->tracees.len; i++) {
		const struct tracee *tracee = &tracer->tracees.data[i];
		if (tracee->state == TRACEE_GONE)
			continue;
		struct np_thread thread = {.tid = tracee->tid, .state = '?'};
		bool known = false;
		for (size_t j = 0; j < old_count && !known; j++) {
			if (old[j].tid == tracee->tid) {
				thread = old[j];
				known = true;
			}
		}
		if (!known && task_read(target, tracee->tid, "comm", thread.name, sizeof(thread.name)))
			thread.name[strcspn(thread.name, "\n")] = '\0';
		thread.regs = tracee->regs;
		thread.fs_base = tracee->fs_base;
		np_thread_check_registers(&thread);
		np_vec_push(&fresh, thread);
	}
	free(old);
	target->threads.data = fresh.data;
	target->threads.len = fresh.len;
	target->threads.cap = fresh.cap;
}

np_err *np_target_stop(np_target *target)
{
	struct np_process *process = target->process;
	if (!process)
		return NULL;
	if (process->stop_depth) {
		process->stop_depth++;
		return NULL;
	}
	NP_TRY(np_process_read_threads(target)); /* names and states, before the pause begins */
	np_log_hold();
	np_err *failed = tracer_start(target, &process->tracer);
	if (failed) {
		np_log_release();
		return failed;
	}
	process->stop_depth = 1;
	np_mem_invalidate(target->mem);
	target_take_threads(target, process->tracer);
	np_err *err = np_process_read_mappings(target);
	if (err) {
		np_target_resume(target);
		return err;
	}
	np_threads_set_stacks(target);
	return NULL;
}

void np_target_resume(np_target *target)
{
	struct np_process *process = target->process;
	if (!process || !process->stop_depth || --process->stop_depth)
		return;
	struct np_tracer *tracer = process->tracer;
	process->tracer = NULL;
	pthread_mutex_lock(&tracer->lock);
	tracer->phase = PHASE_RELEASE;
	pthread_cond_broadcast(&tracer->changed);
	pthread_mutex_unlock(&tracer->lock);
	uint64_t pause = tracer_join(tracer);
	if (pause > process->pause_ns)
		process->pause_ns = pause;
	np_mem_invalidate(target->mem);
	np_log_release();
}

uint64_t np_target_pause_ns(const np_target *target)
{
	return target->process ? target->process->pause_ns : 0;
}

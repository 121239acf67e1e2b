/*
 * Live processes: children of this program that count, block, take signals,
 * fork and die, watched from outside.
 *
 * A child shares a page with the test (counters, ready flags), so that the
 * test sees whether it runs without asking the code under test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "target/target.h"

struct shared {
	volatile uint64_t ticks[4]; /* of the counting threads */
	volatile int ready;	    /* threads that are where they should be */
	volatile int signals;
	volatile int quit;
};

static struct shared *shared;
static uint64_t known_word = 0xfeedface12345678;
static __thread uint64_t thread_word;
static char self_path[4096];

/* ---- what children do ---- */

static void child_begin(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
}

static void *count_forever(void *ctx)
{
	volatile uint64_t *tick = ctx;
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (!shared->quit)
		++*tick;
	return NULL;
}

__attribute__((noinline)) static void nopsy_test_blocks(int fd)
{
	char byte;
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	ssize_t n = read(fd, &byte, 1);
	__asm__ volatile("" : : "r"(n) : "memory");
}

static void *block_forever(void *ctx)
{
	int fds[2];
	prctl(PR_SET_NAME, "a (blocker) 1");
	if (!pipe(fds))
		nopsy_test_blocks(fds[0]);
	return NULL;
}

static void wait_ready(int count)
{
	for (int i = 0; i < 5000 && shared->ready < count; i++)
		usleep(1000);
	assert_true(shared->ready >= count);
}

static void child_threads(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, count_forever, (void *)&shared->ticks[0]);
	pthread_create(&thread, NULL, block_forever, NULL);
	thread_word = 0xabcd;
	known_word = 0x1020304050607080;
	count_forever((void *)&shared->ticks[1]);
}

static pid_t child_start(void (*body)(void))
{
	memset((void *)shared, 0, sizeof(*shared));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		child_begin();
		body();
		_exit(0);
	}
	return pid;
}

static void child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- helpers ---- */

static np_target *open_pid(pid_t pid)
{
	char spec[16];
	np_target *target = NULL;
	snprintf(spec, sizeof(spec), "%d", pid);
	np_err *err = np_target_open(spec, NULL, &target);
	if (err)
		fail_msg("%s", np_err_message(err));
	return target;
}

static void stop(np_target *target)
{
	np_err *err = np_target_stop(target);
	if (err)
		fail_msg("%s", np_err_message(err));
}

static void expect_open_error(pid_t pid, enum np_code code, const char *text)
{
	char spec[16];
	np_target *target = NULL;
	snprintf(spec, sizeof(spec), "%d", pid);
	np_err *err = np_target_open(spec, NULL, &target);
	assert_non_null(err);
	if (np_err_code(err) != code || !strstr(np_err_message(err), text))
		fail_msg("code %d, message: %s", np_err_code(err), np_err_message(err));
	np_err_free(err);
}

/* Does the counter go on within a second? */
static bool ticks_move(int i)
{
	uint64_t before = shared->ticks[i];
	for (int n = 0; n < 1000; n++) {
		if (shared->ticks[i] != before)
			return true;
		usleep(1000);
	}
	return false;
}

static bool ticks_stand(int i)
{
	uint64_t before = shared->ticks[i];
	usleep(20 * 1000);
	return shared->ticks[i] == before;
}

static char process_state(pid_t pid)
{
	char path[64], text[512], *paren;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f) || !(paren = strrchr(text, ')')))
		return '?';
	fclose(f);
	return paren[2];
}

static bool state_becomes(pid_t pid, char state)
{
	for (int i = 0; i < 2000; i++) {
		if (process_state(pid) == state)
			return true;
		usleep(1000);
	}
	return false;
}

/* ---- tests ---- */

static void test_memory_and_facts(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	np_mem *mem = np_target_mem(target);
	const struct np_process_facts *facts = np_target_facts(target);
	uint64_t value;
	assert_int_equal(np_target_kind(target), NP_TARGET_PROCESS);
	assert_int_equal(np_target_pid(target), pid);
	assert_true(np_mem_u64(mem, (np_addr)(uintptr_t)&known_word, &value));
	assert_true(value == 0x1020304050607080);
	assert_int_equal(known_word, 0xfeedface12345678); /* ours is another */
	assert_false(np_mem_u64(mem, 8, &value));
	assert_false(np_mem_u64(mem, UINT64_MAX - 64, &value));
	assert_non_null(facts->argv);
	assert_non_null(facts->argv[0]);
	assert_string_equal(facts->exe_path, self_path);
	assert_int_equal(facts->uid, getuid());
	char cwd[4096];
	assert_string_equal(facts->cwd, getcwd(cwd, sizeof(cwd)));
	double age = (double)time(NULL) - (double)facts->start_time_ns / 1e9;
	assert_true(age > -2 && age < 10);
	const struct np_mapping *m = np_target_mapping_at(target, (np_addr)(uintptr_t)&known_word);
	assert_non_null(m);
	assert_string_equal(m->path, self_path);
	assert_int_equal(m->prot, NP_PROT_R | NP_PROT_W);
	assert_non_null(m->image);
	assert_string_equal(np_image_path(m->image), self_path);
	np_target_close(target);
	child_kill(pid);
}

static void test_stop_and_resume(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	for (int round = 0; round < 20; round++) {
		stop(target);
		assert_int_equal(np_target_thread_count(target), 3);
		for (size_t i = 0; i < 3; i++) {
			const struct np_thread *thread = np_target_thread(target, i);
			assert_int_equal(thread->regs.valid, 0x1ffff);
			assert_true(thread->fs_base != 0);
			uint64_t rsp = thread->regs.r[NP_REG_RSP];
			assert_true(rsp >= thread->stack_start && rsp < thread->stack_end);
			assert_non_null(np_target_mapping_at(target, thread->regs.r[NP_REG_RIP]));
		}
		assert_int_equal(np_target_thread(target, 0)->tid, pid);
		if (round == 0) {
			assert_true(ticks_stand(0) && ticks_stand(1));
			stop(target); /* nested */
			np_target_resume(target);
			assert_true(ticks_stand(0));
		}
		np_target_resume(target);
		assert_true(ticks_move(0) && ticks_move(1));
	}
	assert_true(np_target_pause_ns(target) > 40 * 1000 * 1000); /* the first one slept */
	assert_true(np_target_pause_ns(target) < (uint64_t)10 * 1000 * 1000 * 1000);
	np_target_resume(target); /* one too many does nothing */
	/* Closing lets go as well. */
	stop(target);
	np_target_close(target);
	assert_true(ticks_move(0) && ticks_move(1));
	child_kill(pid);
}

static void test_memory_is_fresh_after_running(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	np_addr addr = (np_addr)(uintptr_t)&shared->ticks[0];
	uint64_t first, second, third;
	stop(target);
	assert_true(np_mem_u64(np_target_mem(target), addr, &first));
	assert_true(np_mem_u64(np_target_mem(target), addr, &second));
	assert_true(first == second && first == shared->ticks[0]);
	np_target_resume(target);
	assert_true(ticks_move(0));
	stop(target);
	assert_true(np_mem_u64(np_target_mem(target), addr, &third));
	assert_true(third > first && third == shared->ticks[0]);
	np_target_close(target);
	child_kill(pid);
}

static void test_unwinding(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	const struct np_thread *blocker = NULL;
	bool found = false, ended = false, is_signal = false, exact = true;
	/* It reports ready before it blocks. */
	for (int i = 0; i < 100 && !found; i++) {
		usleep(5000);
		stop(target);
		for (size_t t = 0; t < np_target_thread_count(target); t++) {
			if (!strcmp(np_target_thread(target, t)->name, "a (blocker) 1"))
				blocker = np_target_thread(target, t);
		}
		assert_non_null(blocker);
		struct np_regs regs = blocker->regs;
		exact = true;
		ended = false;
		for (int depth = 0; depth < 32 && !ended; depth++) {
			struct np_symbol_at at;
			if (np_target_symbol_at(target, regs.r[NP_REG_RIP] - !exact, &at) &&
			    !strcmp(at.name, "nopsy_test_blocks"))
				found = true;
			np_err *err = np_target_unwind(target, &regs, exact, &regs, &is_signal);
			if (err)
				fail_msg("%s", np_err_message(err));
			exact = is_signal;
			ended = regs.r[NP_REG_RIP] == 0;
		}
		np_target_resume(target);
	}
	assert_true(found);
	assert_true(ended);
	np_target_close(target);
	child_kill(pid);
}

__attribute__((noinline)) static void nopsy_test_interrupted(void)
{
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		shared->ticks[0]++;
}

__attribute__((noinline)) static void nopsy_test_handler(int number)
{
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		shared->ticks[1]++;
}

static void child_in_handler(void)
{
	signal(SIGUSR1, nopsy_test_handler);
	nopsy_test_interrupted();
}

/* Through a signal frame: the interrupted pc is exact. */
static void test_unwinding_through_a_signal_handler(void **state)
{
	pid_t pid = child_start(child_in_handler);
	wait_ready(1);
	kill(pid, SIGUSR1);
	wait_ready(2);
	np_target *target = open_pid(pid);
	stop(target);
	struct np_regs regs = np_target_thread(target, 0)->regs;
	bool exact = true, signal_seen = false, handler_seen = false, interrupted_seen = false, is_signal;
	for (int depth = 0; depth < 32 && regs.r[NP_REG_RIP]; depth++) {
		struct np_symbol_at at;
		if (np_target_symbol_at(target, regs.r[NP_REG_RIP] - !exact, &at)) {
			handler_seen = handler_seen || (!strcmp(at.name, "nopsy_test_handler") && !signal_seen);
			interrupted_seen = interrupted_seen || (!strcmp(at.name, "nopsy_test_interrupted") && signal_seen && exact);
		}
		np_err *err = np_target_unwind(target, &regs, exact, &regs, &is_signal);
		if (err)
			fail_msg("%s", np_err_message(err));
		exact = is_signal;
		signal_seen = signal_seen || is_signal;
	}
	assert_true(handler_seen);
	assert_true(signal_seen);
	assert_true(interrupted_seen);
	np_target_close(target);
	child_kill(pid);
}

static void test_thread_local_variable(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	struct np_symbol symbol;
	np_addr addr;
	uint64_t value;
	stop(target);
	np_image *image = np_target_mapping_at(target, (np_addr)(uintptr_t)&known_word)->image;
	assert_true(np_image_symbol(image, "thread_word", &symbol));
	assert_true(symbol.is_tls && symbol.in_bss && symbol.size_bytes == 8);
	assert_true(np_target_tls_address(target, np_target_thread(target, 0), image, symbol.addr, &addr));
	assert_true(addr == (np_addr)(uintptr_t)&thread_word); /* the leader's, as in this process */
	assert_true(np_mem_u64(np_target_mem(target), addr, &value) && value == 0xabcd);
	assert_true(np_target_tls_address(target, np_target_thread(target, 1), image, symbol.addr, &addr));
	assert_true(np_mem_u64(np_target_mem(target), addr, &value) && value == 0);
	assert_false(np_target_tls_address(target, np_target_thread(target, 0), image, 1 << 30, &addr));
	/* Of a library: errno lies in libc's block. */
	bool seen = false;
	for (size_t i = 0; i < np_target_image_count(target); i++) {
		np_image *libc = np_target_image(target, i);
		if (!strstr(np_image_path(libc), "/libc.so") || !np_image_symbol(libc, "errno", &symbol))
			continue;
		seen = true;
		assert_true(np_target_tls_address(target, np_target_thread(target, 0), libc, symbol.addr, &addr));
		assert_true(addr == (np_addr)(uintptr_t)&errno);
	}
	if (!seen)
		print_message("no errno in libc.so here: thread-local variables of libraries are not checked\n");
	np_target_close(target);
	child_kill(pid);
}

static void count_signal(int number)
{
	shared->signals++;
}

static void child_takes_signals(void)
{
	struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
	sigaction(SIGRTMIN, &action, NULL);
	count_forever((void *)&shared->ticks[0]);
}

/* Queued signals arrive each once, whether or not a stop comes in between. */
static void test_no_signal_is_lost(void **state)
{
	enum { SIGNALS = 300 };
	pid_t pid = child_start(child_takes_signals);
	wait_ready(1);
	np_target *target = open_pid(pid);
	for (int i = 0; i < SIGNALS; i++) {
		union sigval value = {0};
		assert_int_equal(sigqueue(pid, SIGRTMIN, value), 0);
		if (i % 3 == 0) {
			stop(target);
			np_target_resume(target);
		}
	}
	for (int i = 0; i < 2000 && shared->signals < SIGNALS; i++)
		usleep(1000);
	assert_int_equal(shared->signals, SIGNALS);
	assert_true(ticks_move(0));
	np_target_close(target);
	child_kill(pid);
}

static void test_job_control_stop_stays(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	np_target *target = open_pid(pid);
	assert_int_equal(np_target_thread(target, 0)->state, 'T');
	for (int round = 0; round < 3; round++) {
		stop(target);
		assert_int_equal(np_target_thread_count(target), 3);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(np_target_thread(target, i)->regs.valid, 0x1ffff);
		np_target_resume(target);
		assert_true(state_becomes(pid, 'T'));
		assert_true(ticks_stand(0) && ticks_stand(1));
	}
	np_target_close(target);
	kill(pid, SIGCONT);
	assert_true(ticks_move(0) && ticks_move(1));
	child_kill(pid);
}

static void test_killed_while_stopped(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	uint64_t value;
	stop(target);
	kill(pid, SIGKILL);
	np_target_resume(target);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	np_err *err = np_target_stop(target);
	assert_int_equal(np_err_code(err), NP_EGONE);
	np_err_free(err);
	assert_false(np_mem_u64(np_target_mem(target), (np_addr)(uintptr_t)&known_word, &value));
	assert_null(np_target_facts(target)->cwd);
	np_target_close(target);
}

static void *end_soon(void *ctx)
{
	return NULL;
}

/* Threads come and go all the time. */
static void child_churns(void)
{
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (!shared->quit) {
		pthread_t threads[4];
		for (int i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, end_soon, NULL);
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		shared->ticks[0]++;
	}
}

static void test_threads_that_come_and_go(void **state)
{
	pid_t pid = child_start(child_churns);
	wait_ready(1);
	np_target *target = open_pid(pid);
	for (int round = 0; round < 100; round++) {
		stop(target);
		assert_true(np_target_thread_count(target) >= 1);
		uint64_t ticks = shared->ticks[0];
		usleep(200);
		assert_true(shared->ticks[0] == ticks);
		np_target_resume(target);
	}
	assert_true(ticks_move(0));
	np_target_close(target);
	child_kill(pid);
}

static void *vfork_and_wait(void *ctx)
{
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	pid_t pid = vfork();
	if (pid == 0) {
		while (!shared->signals)
			usleep(1000);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	shared->ticks[2] = 1;
	return NULL;
}

static void child_sleeps_uninterruptibly(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, vfork_and_wait, NULL);
	count_forever((void *)&shared->ticks[0]);
}

/* A thread that cannot stop (it waits for its vfork child): the others are seen, and nobody is held for ever. */
static void test_thread_in_uninterruptible_sleep(void **state)
{
	pid_t pid = child_start(child_sleeps_uninterruptibly);
	wait_ready(2);
	usleep(50 * 1000);
	np_target *target = open_pid(pid);
	for (int round = 0; round < 2; round++) {
		stop(target);
		assert_int_equal(np_target_thread_count(target), 2);
		assert_int_equal(np_target_thread(target, 0)->regs.valid, 0x1ffff);
		assert_int_equal(np_target_thread(target, 1)->regs.valid, 0);
		assert_int_equal(np_target_thread(target, 1)->state, 'D');
		np_target_resume(target);
		assert_true(np_target_pause_ns(target) < 1000 * 1000 * 1000);
		assert_true(ticks_move(0));
	}
	shared->signals = 1; /* the vfork child ends; the thread must go on, though it was asked to stop */
	assert_true(ticks_move(2) || shared->ticks[2] == 1);
	stop(target);
	np_target_resume(target);
	np_target_close(target);
	child_kill(pid);
}

/* nopsy killed with the process stopped: the kernel lets it go on. */
static void test_killed_tracer_leaves_the_process_running(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	int fds[2];
	char byte;
	assert_int_equal(pipe(fds), 0);
	pid_t tracer = fork();
	if (tracer == 0) {
		child_begin();
		np_target *target = open_pid(pid);
		stop(target);
		if (write(fds[1], "s", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_true(ticks_stand(0) && ticks_stand(1));
	/* Another one is told who holds it. */
	char text[32];
	snprintf(text, sizeof(text), "process %d", tracer);
	np_target *second = open_pid(pid);
	np_err *err = np_target_stop(second);
	assert_int_equal(np_err_code(err), NP_EPERM);
	if (!strstr(np_err_message(err), text))
		fail_msg("%s", np_err_message(err));
	np_err_free(err);
	np_target_close(second);
	assert_true(ticks_stand(0));
	child_kill(tracer);
	assert_true(ticks_move(0) && ticks_move(1));
	assert_true(process_state(pid) == 'R' || process_state(pid) == 'S');
	close(fds[0]);
	close(fds[1]);
	child_kill(pid);
}

static void child_exits(void)
{
}

static void test_no_such_process(void **state)
{
	pid_t pid = child_start(child_exits);
	assert_true(state_becomes(pid, 'Z'));
	expect_open_error(pid, NP_EGONE, "zombie");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	expect_open_error(pid, NP_ENOTFOUND, "no process");
	expect_open_error(getpid(), NP_EUSAGE, "nopsy itself");
	np_target *target = NULL;
	np_err *err = np_target_open("0", NULL, &target);
	assert_int_equal(np_err_code(err), NP_EUSAGE);
	np_err_free(err);
	err = np_target_open("99999999999999999999", NULL, &target);
	assert_int_equal(np_err_code(err), NP_EUSAGE);
	np_err_free(err);
}

static void test_kernel_thread(void **state)
{
	char name[64] = "";
	FILE *f = fopen("/proc/2/comm", "r");
	if (f && !fgets(name, sizeof(name), f))
		name[0] = '\0';
	if (f)
		fclose(f);
	if (strcmp(name, "kthreadd\n")) {
		print_message("no kernel threads visible here\n");
		skip();
	}
	np_target *target = NULL;
	np_err *err = np_target_open("2", NULL, &target);
	assert_non_null(err);
	assert_true(np_err_code(err) == (geteuid() ? NP_EPERM : NP_ENOTNODE));
	np_err_free(err);
}

static void test_thread_id_opens_its_process(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	pid_t tid = np_target_thread(target, 1)->tid;
	assert_int_not_equal(tid, pid);
	np_target_close(target);
	target = open_pid(tid);
	assert_int_equal(np_target_pid(target), pid);
	np_target_close(target);
	child_kill(pid);
}

static void test_other_user(void **state)
{
	if (geteuid()) {
		print_message("needs root to become another user\n");
		skip();
	}
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	pid_t other = fork();
	if (other == 0) {
		child_begin();
		char spec[16];
		np_target *target = NULL;
		snprintf(spec, sizeof(spec), "%d", pid);
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(10);
		np_err *err = np_target_open(spec, NULL, &target);
		if (!err)
			_exit(11);
		if (np_err_code(err) != NP_EPERM)
			_exit(12);
		_exit(strstr(np_err_message(err), "belongs to user 0") && strstr(np_err_message(err), "CAP_SYS_PTRACE") ? 0 : 13);
	}
	int status;
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(ticks_move(0));
	child_kill(pid);
}

/* ---- files of the images ---- */

static void copy_self(const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(self_path, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

/* Runs a copy of this program that reports on standard output and sleeps. */
static pid_t exec_copy(const char *path, const char *mount_on)
{
	int fds[2];
	char byte;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		child_begin();
		if (mount_on) {
			if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
			    mount("none", mount_on, "tmpfs", 0, NULL))
				_exit(77);
			copy_self(path);
		}
		dup2(fds[1], STDOUT_FILENO);
		execl(path, path, "--sleep", (char *)NULL);
		_exit(1);
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(fds[0]);
	return pid;
}

static void expect_own_symbols(pid_t pid, const char *path)
{
	np_target *target = open_pid(pid);
	struct np_symbol symbol;
	struct np_symbol_at at;
	np_image *executable = NULL;
	for (size_t i = 0; i < np_target_image_count(target); i++) {
		if (!strcmp(np_image_path(np_target_image(target, i)), path))
			executable = np_target_image(target, i);
	}
	assert_non_null(executable);
	assert_non_null(np_image_file(executable));
	assert_null(np_image_problem(executable));
	assert_true(np_image_symbol(executable, "nopsy_test_blocks", &symbol));
	assert_true(np_target_symbol_at(target, symbol.addr + 1, &at));
	assert_string_equal(at.name, "nopsy_test_blocks");
	np_target_close(target);
}

static void test_deleted_executable(void **state)
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/nopsy-test-deleted-%d", getpid());
	copy_self(path);
	pid_t pid = exec_copy(path, NULL);
	assert_true(pid > 0);
	expect_own_symbols(pid, path);
	unlink(path);
	expect_own_symbols(pid, path);
	/* Replaced by something else under the same name. */
	FILE *f = fopen(path, "w");
	fputs("not the binary\n", f);
	fclose(f);
	expect_own_symbols(pid, path);
	unlink(path);
	child_kill(pid);
}

static void test_other_mount_namespace(void **state)
{
	char dir[64], path[96];
	if (geteuid()) {
		print_message("needs root to make a mount namespace\n");
		skip();
	}
	snprintf(dir, sizeof(dir), "/tmp/nopsy-test-mount-%d", getpid());
	snprintf(path, sizeof(path), "%s/program", dir);
	mkdir(dir, 0700);
	pid_t pid = exec_copy(path, dir);
	if (pid <= 0) {
		rmdir(dir);
		print_message("mount namespaces are not allowed here\n");
		skip();
	}
	assert_int_equal(access(path, F_OK), -1); /* not visible from here */
	expect_own_symbols(pid, path);
	child_kill(pid);
	rmdir(dir);
}

static void test_given_executable(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	char spec[16];
	np_target *target = NULL;
	snprintf(spec, sizeof(spec), "%d", pid);
	np_err *err = np_target_open(spec, &(struct np_target_options){.exe = self_path}, &target);
	assert_null(err);
	np_target_close(target);
	target = NULL;
	err = np_target_open(spec, &(struct np_target_options){.exe = "/bin/sh"}, &target);
	assert_int_equal(np_err_code(err), NP_EMISMATCH);
	assert_non_null(strstr(np_err_message(err), "/bin/sh"));
	np_err_free(err);
	assert_null(target);
	child_kill(pid);
}

static bool count_prefixed(void *ctx, const struct np_symbol *symbol)
{
	size_t *count = ctx;
	assert_int_equal(strncmp(symbol->name, "nopsy_test_", 11), 0);
	++*count;
	return true;
}

static bool end_at_once(void *ctx, const struct np_symbol *symbol)
{
	++*(size_t *)ctx;
	return false;
}

static void test_symbols_by_prefix(void **state)
{
	pid_t pid = child_start(child_threads);
	wait_ready(3);
	np_target *target = open_pid(pid);
	np_image *image = np_target_mapping_at(target, (np_addr)(uintptr_t)&known_word)->image;
	size_t count = 0;
	np_image_symbols(image, "nopsy_test_", count_prefixed, &count);
	assert_int_equal(count, 3);
	count = 0;
	np_image_symbols(image, "nopsy_test_", end_at_once, &count);
	assert_int_equal(count, 1);
	count = 0;
	np_image_symbols(image, "nopsy_test_there_is_no_such_thing", count_prefixed, &count);
	assert_int_equal(count, 0);
	assert_null(np_target_v8_image(target));
	np_target_close(target);
	child_kill(pid);
}

static void test_demangle(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{"_ZN2v88internal7Isolate4IterEv", "v8::internal::Isolate::Iter()"},
		{"memcpy@@GLIBC_2.14", "memcpy"},
		{"_Zsomething wrong", "_Zsomething wrong"},
		{"plain", "plain"},
		{"", ""},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++) {
		char *plain = np_demangle(cases[i].name);
		assert_string_equal(plain, cases[i].want);
		free(plain);
	}
}

static int setup(void **state)
{
	ssize_t n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return n > 0 && shared != MAP_FAILED ? 0 : -1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--sleep")) {
		child_begin();
		if (write(STDOUT_FILENO, "r", 1) == 1)
			pause();
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_and_facts),
		cmocka_unit_test(test_stop_and_resume),
		cmocka_unit_test(test_memory_is_fresh_after_running),
		cmocka_unit_test(test_unwinding),
		cmocka_unit_test(test_unwinding_through_a_signal_handler),
		cmocka_unit_test(test_thread_local_variable),
		cmocka_unit_test(test_no_signal_is_lost),
		cmocka_unit_test(test_job_control_stop_stays),
		cmocka_unit_test(test_killed_while_stopped),
		cmocka_unit_test(test_threads_that_come_and_go),
		cmocka_unit_test(test_thread_in_uninterruptible_sleep),
		cmocka_unit_test(test_killed_tracer_leaves_the_process_running),
		cmocka_unit_test(test_no_such_process),
		cmocka_unit_test(test_kernel_thread),
		cmocka_unit_test(test_thread_id_opens_its_process),
		cmocka_unit_test(test_other_user),
		cmocka_unit_test(test_deleted_executable),
		cmocka_unit_test(test_other_mount_namespace),
		cmocka_unit_test(test_given_executable),
		cmocka_unit_test(test_symbols_by_prefix),
		cmocka_unit_test(test_demangle),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}

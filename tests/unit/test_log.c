/* Messages: what is written, when, and that nobody waits for a blocked terminal while a target stands still. */
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
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "target/target.h"

/* Standard error goes into a pipe between capture_begin() and capture_end(). */
static int saved_stderr, pipe_fds[2];

static void capture_begin(void)
{
	fflush(stderr);
	saved_stderr = dup(2);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(dup2(pipe_fds[1], 2), 2);
	close(pipe_fds[1]);
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
}

static void capture_end(void)
{
	fflush(stderr);
	dup2(saved_stderr, 2);
	close(saved_stderr);
	close(pipe_fds[0]);
}

/* What was written since the last call. */
static const char *captured(void)
{
	static char text[256 << 10];
	ssize_t n;
	size_t len = 0;
	fflush(stderr);
	while ((n = read(pipe_fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void test_at_once(void **state)
{
	capture_begin();
	np_warn("one %d", 1);
	np_info("not at this level");
	const char *text = captured();
	capture_end();
	assert_string_equal(text, "nopsy: warning: one 1\n");
}

static void test_held(void **state)
{
	capture_begin();
	np_log_hold();
	np_warn("a\033b");
	np_log_hold();
	np_warn("c");
	char *first = strdup(captured());
	np_log_release();
	char *second = strdup(captured());
	np_log_release();
	char *third = strdup(captured());
	np_warn("d");
	const char *last = captured();
	capture_end();
	assert_string_equal(first, "");
	assert_string_equal(second, "");
	assert_null(strchr(third, '\033'));
	assert_non_null(strstr(third, "nopsy: warning: a"));
	assert_non_null(strstr(third, "\nnopsy: warning: c\n"));
	assert_string_equal(last, "nopsy: warning: d\n");
	free(first);
	free(second);
	free(third);
}

/* A flood is cut, and said to be. */
static void test_flood(void **state)
{
	enum { PIPE_BYTES = 256 << 10 };
	static char line[1000];
	memset(line, 'x', sizeof(line) - 1);
	capture_begin();
	fcntl(2, F_SETPIPE_SZ, PIPE_BYTES);
	np_log_hold();
	for (int i = 0; i < 200; i++)
		np_warn("%s", line);
	np_log_release();
	const char *text = captured();
	capture_end();
	assert_true(strlen(text) < 70000);
	assert_true(strlen(text) > 50000);
	const char *cut = strstr(text, "nopsy: and ");
	assert_non_null(cut);
	assert_non_null(strstr(cut, "more messages"));
}

/* --- a blocked terminal and a live target --- */

static pid_t child;

static bool child_is_traced(void)
{
	char path[64], text[4096] = "";
	snprintf(path, sizeof(path), "/proc/%d/status", child);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	const char *line = strstr(text, "\nTracerPid:");
	return line && atoi(line + strlen("\nTracerPid:")) != 0;
}

struct reader {
	bool was_let_go; /* the child ran although nobody had read */
	bool quit;
};

/* Reads the terminal only when the child runs, or after a while. */
static void *read_late(void *ctx)
{
	struct reader *reader = ctx;
	char buf[4096];
	for (int i = 0; i < 3000 && child_is_traced(); i++)
		usleep(1000);
	reader->was_let_go = !child_is_traced();
	while (!__atomic_load_n(&reader->quit, __ATOMIC_SEQ_CST))
		if (read(pipe_fds[0], buf, sizeof(buf)) <= 0)
			usleep(1000);
	return NULL;
}

static void fill_pipe(void)
{
	char zeros[4096] = {0};
	int flags = fcntl(2, F_GETFL);
	fcntl(2, F_SETFL, flags | O_NONBLOCK);
	while (write(2, zeros, sizeof(zeros)) > 0 || write(2, zeros, 1) > 0)
		;
	fcntl(2, F_SETFL, flags);
}

static void test_blocked_terminal(void **state)
{
	struct reader reader = {0};
	pthread_t thread;
	char spec[16];
	np_target *target;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(spec, sizeof(spec), "%d", child);
	assert_null(np_target_open(spec, NULL, &target));
	capture_begin();
	fill_pipe();
	alarm(30);
	np_err *err = np_target_stop(target);
	bool stopped = child_is_traced();
	pthread_create(&thread, NULL, read_late, &reader);
	np_warn("said while the target stands still");
	np_target_resume(target);
	__atomic_store_n(&reader.quit, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	capture_end();
	alarm(0);
	np_target_close(target);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_null(err);
	assert_true(stopped);
	assert_true(reader.was_let_go);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_blocked_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

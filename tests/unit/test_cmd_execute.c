/* Running a command line: exit statuses, output files, and above all that a stopped process runs again. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/execute.h"

/* State of a process from /proc: 't' is stopped by a tracer. */
static char process_state(pid_t pid)
{
	char path[64], text[512] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return '?';
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	char *end = strrchr(text, ')');
	return end ? end[2] : '?';
}

static np_err *answer_state(struct np_invocation *inv)
{
	char state[2] = {process_state(np_target_pid(inv->session->target)), '\0'};
	inv->result = np_obj(inv->arena, NULL);
	np_set_str(inv->result, "state", state);
	if (np_opt_flag(inv, "part"))
		for (int i = 0; i < 30; i++)
			np_partial(inv, "part \033 %d", i / 2);
	if (np_opt_flag(inv, "fail"))
		return np_err_new(NP_EIO, "state was %s", state);
	if (np_opt_flag(inv, "usage"))
		return np_err_new(NP_EUSAGE, "state was %s", state);
	return NULL;
}

static np_err *answer_args(struct np_invocation *inv)
{
	inv->result = np_list(inv->arena, NULL);
	for (size_t i = 0; i < inv->arg_count; i++)
		np_add_str(inv->result, inv->args[i]);
	return NULL;
}

static const struct np_option options[] = {
	{"part", 0, NP_OPT_FLAG, NULL, NULL, "p"},
	{"fail", 0, NP_OPT_FLAG, NULL, NULL, "f"},
	{"usage", 0, NP_OPT_FLAG, NULL, NULL, "u"},
	{0},
};
static const struct np_command command_stopped = {
	.name = "stopped", .group = "g", .arguments = "", .needs = NP_NEEDS_TARGET | NP_NEEDS_STOP,
	.summary = "s", .help = "h", .options = options, .run = answer_state,
};
static const struct np_command command_running = {
	.name = "running", .group = "g", .arguments = "", .needs = NP_NEEDS_TARGET,
	.summary = "s", .help = "h", .options = options, .run = answer_state,
};
static const struct np_command command_echo = {
	.name = "echo", .group = "g", .arguments = "WORD...", .max_args = SIZE_MAX,
	.summary = "s", .help = "h", .run = answer_args,
};
static const struct np_command *const table[] = {&command_stopped, &command_running, &command_echo, NULL};

/* It sleeps again; a tracee that was let go is running for a moment. */
static bool is_asleep(pid_t pid)
{
	for (int i = 0; i < 100000; i++) {
		if (process_state(pid) == 'S')
			return true;
		sched_yield();
	}
	return false;
}

/* A child that sleeps; standard error goes to a file for the while of a test. */
static pid_t child;
static char child_pid[16];
static char errors_path[] = "/tmp/nopsy-test-XXXXXX";
static int saved_stderr = -1;

static int setup(void **state)
{
	child = fork();
	if (child == 0) {
		for (;;)
			pause();
	}
	snprintf(child_pid, sizeof(child_pid), "%d", (int)child);
	strcpy(errors_path, "/tmp/nopsy-test-XXXXXX");
	int fd = mkstemp(errors_path);
	saved_stderr = dup(STDERR_FILENO);
	return fd < 0 || dup2(fd, STDERR_FILENO) < 0 || close(fd);
}

static int teardown(void **state)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	return unlink(errors_path);
}

struct outcome {
	int status;
	char *out, *err; /* err is what was said since the last run */
};

static struct outcome run_in(struct np_session *session, const char *line)
{
	struct np_execute x = {.table = table, .session = session, .in_shell = session != NULL};
	struct outcome ret = {0};
	char *words[16], *copy = strdup(line), *rest = copy;
	int n = 0;
	size_t len;
	struct stat st;
	for (char *word; n < 16 && (word = strsep(&rest, " "));)
		words[n++] = strcmp(word, "PID") ? word : child_pid;
	x.out = open_memstream(&ret.out, &len);
	assert_int_equal(ftruncate(STDERR_FILENO, 0), 0);
	lseek(STDERR_FILENO, 0, SEEK_SET);
	ret.status = np_cmd_execute(&x, n, words);
	fclose(x.out);
	free(copy);
	fflush(stderr);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	ret.err = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(pread(STDERR_FILENO, ret.err, (size_t)st.st_size, 0), st.st_size);
	return ret;
}

static void outcome_free(struct outcome *o)
{
	free(o->out);
	free(o->err);
}

static void expect(const char *line, int status, const char *out, const char *err)
{
	struct outcome o = run_in(NULL, line);
	assert_int_equal(o.status, status);
	assert_string_equal(o.out, out);
	if (!strstr(o.err, err) || (!*err && *o.err))
		fail_msg("%s: '%s' is not in '%s'", line, err, o.err);
	/* whatever happened, it runs */
	assert_true(is_asleep(child));
	outcome_free(&o);
}

static void test_stop_and_go(void **state)
{
	expect("stopped PID", 0, "state: t\n", "");
	expect("running PID", 0, "state: S\n", "");
	expect("stopped PID --fail", 1, "", ": state was t\n");
	expect("stopped PID --usage", 2, "", ": state was t\nusage: nopsy stopped [OPTIONS] TARGET\n");
}

static void test_partial(void **state)
{
	struct outcome o = run_in(NULL, "stopped PID --part");
	assert_int_equal(o.status, 3);
	assert_string_equal(o.out, "state: t\n");
	assert_non_null(strstr(o.err, ": part \\x1b 0\n"));
	assert_non_null(strstr(o.err, ": part \\x1b 14\n"));
	/* the same words once */
	char *first = strstr(o.err, ": part \\x1b 3\n");
	assert_non_null(first);
	assert_null(strstr(first + 1, ": part \\x1b 3\n"));
	outcome_free(&o);
	o = run_in(NULL, "stopped PID --part --quiet");
	assert_int_equal(o.status, 3);
	assert_string_equal(o.err, "");
	outcome_free(&o);
}

static void test_statuses(void **state)
{
	expect("echo a b", 0, "a\nb\n", "");
	expect("echo a --json", 0, "[\"a\"]\n", "");
	expect("ecoh", 2, "", "no command 'ecoh'; did you mean 'echo'?\nusage: nopsy COMMAND");
	expect("", 2, "", "no command ''\n");
	expect("stopped", 2, "", "nopsy: stopped: TARGET is missing");
	expect("stopped /nonexistent/core", 1, "", "nopsy: stopped /nonexistent/core: ");
	struct outcome o = run_in(NULL, "stopped --help");
	static const char head[] = "nopsy stopped: s\n\nusage: nopsy stopped [OPTIONS] TARGET\n\nh\n\nOptions\n  "
				   "--part";
	assert_int_equal(o.status, 0);
	assert_int_equal(strncmp(o.out, head, strlen(head)), 0);
	outcome_free(&o);
}

static void test_session_is_shared(void **state)
{
	struct np_session session;
	struct np_target_options none = {0};
	np_err *err = np_session_open(child_pid, &none, &session);
	assert_null(err);
	for (int i = 0; i < 3; i++) {
		struct outcome o = run_in(&session, i == 1 ? "stopped --fail" : "stopped");
		assert_int_equal(o.status, i == 1);
		if (i != 1)
			assert_string_equal(o.out, "state: t\n");
		assert_true(is_asleep(child));
		outcome_free(&o);
	}
	np_session_close(&session);
}

static void test_output_file(void **state)
{
	char dir[] = "/tmp/nopsy-test-XXXXXX", path[64], line[128], text[64] = "";
	struct stat st;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/out", dir);
	/* a failure leaves no file behind */
	snprintf(line, sizeof(line), "stopped PID --fail -o %s", path);
	expect(line, 1, "", "state was t");
	assert_int_equal(stat(path, &st), -1);
	/* an answer is its owner's alone, whatever the umask */
	mode_t mask = umask(0);
	snprintf(line, sizeof(line), "echo secret --output=%s", path);
	expect(line, 0, "", "");
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* an old file keeps its content when there is no answer, and loses it and its mode when there is */
	assert_int_equal(chmod(path, 0644), 0);
	snprintf(line, sizeof(line), "stopped PID --fail -o %s", path);
	expect(line, 1, "", "state was t");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 7);
	snprintf(line, sizeof(line), "echo new -o %s", path);
	expect(line, 0, "", "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	FILE *f = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, "new\n");
	assert_null(fgets(text, sizeof(text), f));
	fclose(f);
	unlink(path);
	rmdir(dir);
	/* nowhere to write: said before anything is stopped */
	snprintf(line, sizeof(line), "stopped PID -o %s/x", dir);
	expect(line, 1, "", ": creating ");
	expect("echo x -o /dev/full", 1, "", "writing /dev/full: No space left on device");
	expect("echo x -o /dev/null", 0, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_and_go),	  cmocka_unit_test(test_partial),
		cmocka_unit_test(test_statuses),	  cmocka_unit_test(test_session_is_shared),
		cmocka_unit_test(test_output_file),
	};
	return cmocka_run_group_tests_name("cmd execute", tests, setup, teardown);
}

/*
 * measure FILE COMMAND...: runs a command, then writes its wall time, processor time, largest
 * resident set and the largest part of it that is its own (not a file's) to FILE as JSON.
 * Exits with the command's status.
 *
 * measure --touch GIGABYTES: only has so much memory and gives it back.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLE_NS = 5000000, PAGE_BYTES = 4096 };

static double seconds_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int touch(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	madvise(p, bytes, MADV_HUGEPAGE);
	for (size_t at = 0; at < bytes; at += PAGE_BYTES)
		p[at] = 1;
	return 0;
}

static long own_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--touch") == 0)
		return touch((size_t)atoi(argv[2]) << 30);
	if (argc < 3)
		return 2;
	sigset_t child_ends;
	sigemptyset(&child_ends);
	sigaddset(&child_ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_ends, NULL);
	double start = seconds_now();
	pid_t pid = fork();
	if (pid < 0)
		return 2;
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, &child_ends, NULL);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	int status;
	long own = 0;
	struct rusage usage;
	pid_t ended;
	while ((ended = wait4(pid, &status, WNOHANG, &usage)) == 0) {
		long now = own_kb(pid);
		own = now > own ? now : own;
		sigtimedwait(&child_ends, NULL, &(struct timespec){0, SAMPLE_NS});
	}
	if (ended < 0)
		return 2;
	double wall = seconds_now() - start;
	FILE *out = fopen(argv[1], "w");
	if (!out)
		return 2;
	double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	fprintf(out, "{\"wall_ms\":%.3f,\"cpu_ms\":%.3f,\"rss_kb\":%ld,\"own_kb\":%ld}\n", wall * 1000, cpu * 1000,
		usage.ru_maxrss, own);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#include "cmd/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *pager_command(void)
{
	const char *command = getenv("NOPSY_PAGER");
	if (!command)
		command = getenv("PAGER");
	return command ? command : "less";
}

/* Is the program of a simple command there?  What needs a shell to read is believed. */
static bool command_exists(const char *command)
{
	char path[4096];
	size_t n = strcspn(command, " ");
	if (strpbrk(command, "|&;<>()$`\\\"'*?[#~=%"))
		return true;
	if (memchr(command, '/', n))
		return snprintf(path, sizeof(path), "%.*s", (int)n, command) < (int)sizeof(path) && !access(path, X_OK);
	const char *dirs = getenv("PATH");
	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":");
		if (snprintf(path, sizeof(path), "%.*s/%.*s", (int)len, dirs, (int)n, command) < (int)sizeof(path) &&
		    !access(path, X_OK))
			return true;
		dirs += len + (dirs[len] == ':');
	}
	return false;
}

bool np_pager_wanted(void)
{
	const char *command = pager_command();
	return *command && strcmp(command, "cat") && command_exists(command);
}

bool np_pager_start(struct np_pager *pager)
{
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC))
		return false;
	/* less: colours, leave the screen alone, end at once when all is seen */
	setenv("LESS", "FRX", 0);
	setenv("LV", "-c", 0);
	fflush(stderr);
	char *argv[] = {"sh", "-c", (char *)pager_command(), NULL};
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[0], STDIN_FILENO);
	int failed = posix_spawn(&pager->pid, "/bin/sh", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[0]);
	if (failed) {
		close(pipe_fds[1]);
		pager->pid = 0;
		return false;
	}
	pager->fd = pipe_fds[1];
	/* ^C is the pager's: it stops a search, it does not leave the pager without its writer */
	pager->sigint = signal(SIGINT, SIG_IGN);
	return true;
}

void np_pager_finish(struct np_pager *pager)
{
	if (pager->pid <= 0)
		return;
	close(pager->fd);
	while (waitpid(pager->pid, NULL, 0) < 0 && errno == EINTR)
		;
	signal(SIGINT, pager->sigint);
	pager->pid = 0;
}

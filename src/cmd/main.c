/* The program: see execute.h for what happens to a command line. */
#include <fcntl.h>
#include <signal.h>

#include "cmd/execute.h"

/* A reader that goes away is no reason to die without cleaning up: write() says EPIPE.  A handler, unlike SIG_IGN,
   is not handed down to pagers and shell commands. */
static void on_sigpipe(int signal_number)
{
}

/* A core opened where standard output was closed would get the answer; /dev/full makes it a plain failure. */
static void fill_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open(fd ? "/dev/full" : "/dev/null", fd ? O_WRONLY : O_RDONLY) != fd)
			return;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_sigpipe, .sa_flags = SA_RESTART};
	struct np_execute x = {.table = np_commands};
	fill_standard_streams();
	sigaction(SIGPIPE, &action, NULL);
	return np_cmd_execute(&x, argc > 0 ? argc - 1 : 0, argv + 1);
}

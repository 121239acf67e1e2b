/* A pager on standard output: $NOPSY_PAGER, $PAGER or less; "" or cat turn it off. */
#ifndef NP_CMD_PAGER_H
#define NP_CMD_PAGER_H

#include <stdbool.h>
#include <sys/types.h>

struct np_pager {
	int fd; /* write here; meaningful while pid > 0 */
	pid_t pid;
	void (*sigint)(int); /* what SIGINT did before */
};

bool np_pager_wanted(void);
/* false: there is none, write to standard output. */
bool np_pager_start(struct np_pager *pager);
/* Closes the pipe and waits; a no-op when none was started. */
void np_pager_finish(struct np_pager *pager);

#endif

/*
 * mdb's names.  `ADDR::dcmd -x ARG` becomes words of a command of the table:
 * one row says which command, where the address goes, and what mdb's option
 * letters mean there.
 */
#ifndef NP_SHELL_ALIAS_H
#define NP_SHELL_ALIAS_H

#include "shell/words.h"

struct np_alias {
	const char *dcmd;    /* without :: */
	const char *command; /* words of our command, separated by blanks */
	/*
	 * "v=--args --source,n:=--lines": letter, ':' takes a value, '=' replacement ("" drops it).  A % in the
	 * replacement is where the value goes; "@refs": it is another command, refs.
	 */
	const char *letters;
	bool members;	     /* arguments are member paths of the address */
	const char *help;
	const char *at;	     /* command where an address is given, which is its last word; NULL: the same */
};

extern const struct np_alias np_aliases[]; /* ends with dcmd == NULL */

/* NULL when there is none of this name (without ::). */
const struct np_alias *np_alias_find(const char *dcmd);
/* NP_EUSAGE for a name that is none, with the nearest one. */
np_err *np_alias_unknown(const char *dcmd) NP_MUST;

/*
 * Rewrites a stage that is in mdb's form; leaves others alone.  addr is where
 * the pipe puts its address (replaces one that is written).  NP_EUSAGE for an
 * unknown dcmd or letter.
 */
np_err *np_alias_expand(const struct np_words *stage, np_arena *arena, struct np_words *ret) NP_MUST;

#endif

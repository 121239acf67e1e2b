/* Parts of `nopsy info`, apart because each is a subject of its own. */
#ifndef NP_CMD_INFO_H
#define NP_CMD_INFO_H

#include "base/vec.h"
#include "cmd/cmd.h"
#include "cmd/session.h"

/* Is a variable or option of this name likely to hold a secret? */
bool np_info_is_secret(const char *name);
/* value with the password of URLs replaced; value itself when there is none. */
const char *np_info_mask_urls(np_arena *arena, const char *value);
/* env: a record of names; variables of secret-looking names are "***". */
np_node *np_info_env(np_arena *arena, char **envp);
/* argv as a list of strings, `--secret-name=` masked. */
np_node *np_info_argv(np_arena *arena, char **argv, size_t from, size_t to);
/* argv as a shell would take it, masked; cut where it is very long. */
const char *np_info_command_line(np_arena *arena, char **argv);
/* The value of a variable, NULL when it is not set. */
const char *np_info_env_value(char **envp, const char *name);
/* How many words from argv[1] on are options of node itself. */
size_t np_info_exec_argc(char **argv);

/* Address ranges, sorted and disjoint. */
struct np_info_range {
	np_addr start, end;
};
typedef NP_VEC(struct np_info_range) np_info_ranges;

/*
 * {rss_bytes, private_bytes, swap_bytes, mapped_bytes, kinds: [...]}; resident sizes of live processes only.
 * v8_pages: what of anonymous memory is V8's heap; empty: unknown.
 */
np_node *np_info_memory(np_arena *arena, np_target *target, const np_info_ranges *v8_pages);

/*
 * [{address, heap, shared, tid, thread, page_count, committed_bytes, used_bytes, unassigned_bytes, spaces: [...]}] of a
 * target that stands still; adds the pages of V8's heap to pages.  used: walk over all objects, however many.  After
 * an error (the layout of pages is not known) *ret has what the threads tell.
 */
np_err *np_info_isolates(struct np_invocation *inv, bool used, np_info_ranges *pages, np_node **ret) NP_MUST;

/* {signal, signal_name, code, code_name, address, sender_pid}, NULL when no signal is known. */
np_node *np_info_death(np_arena *arena, np_target *target);
/* Uncaught exception and fatal message of a core, as far as the dead thread's stack shows them. */
void np_info_last_words(struct np_invocation *inv, np_node *death);

#endif

/* What is made from the command table: manual pages, completions, a page of documentation. */
#ifndef NP_CMD_GENERATE_H
#define NP_CMD_GENERATE_H

#include "base/buf.h"
#include "cmd/args.h"

typedef const struct np_command *const *np_table;

/* man.c: nopsy(1), and nopsy-COMMAND(1) */
void np_man_overview_put(struct np_buf *buf, np_table table);
void np_man_command_put(struct np_buf *buf, const struct np_command *command);

/* completion.c */
void np_completion_bash_put(struct np_buf *buf, np_table table);
void np_completion_zsh_put(struct np_buf *buf, np_table table);
void np_completion_fish_put(struct np_buf *buf, np_table table);

/* markdown.c */
void np_markdown_put(struct np_buf *buf, np_table table);

#endif

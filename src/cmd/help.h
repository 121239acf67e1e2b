/* Help for people, from the command table. */
#ifndef NP_CMD_HELP_H
#define NP_CMD_HELP_H

#include "base/buf.h"
#include "cmd/args.h"

/* All commands by group; in JSON the whole table. */
np_node *np_help_overview(np_arena *arena, const struct np_command *const *table);
void np_help_overview_put(struct np_buf *buf, const struct np_command *const *table);
/* One command with its options and examples; in a shell TARGET is implied, and it is open already. */
np_node *np_help_command(np_arena *arena, const struct np_command *command, bool in_shell);
/* The commands that are advertised, by group, those of one table. */
void np_help_commands_put(struct np_buf *buf, const struct np_command *const *table);
/* The same as data. */
np_node *np_help_commands(np_arena *arena, const struct np_command *const *table);
/* NP_EUSAGE for a word that is no command, with the nearest one. */
np_err *np_help_unknown(const struct np_command *const *table, const char *word) NP_MUST;
/* "  left            what it is", the second column filled; its lines begin at `column`. */
void np_help_row_put(struct np_buf *buf, const char *left, size_t column, const char *right);
/* Running text as an answer. */
np_node *np_help_text(np_arena *arena, const char *text);

/* `usage: nopsy stack [OPTIONS] TARGET` and where to read on; command may be NULL. */
void np_usage_put(struct np_buf *buf, const struct np_command *command, bool in_shell);
/* `nopsy stack [OPTIONS] TARGET [ARGUMENTS]` */
void np_synopsis_put(struct np_buf *buf, const struct np_command *command);
/* "-o, --output FILE" */
void np_option_put(struct np_buf *buf, const struct np_option *option);

/* Paragraphs of running text: a blank line ends one, indented lines stay as they are. */
enum np_paragraph_kind { NP_PARAGRAPH_END, NP_PARAGRAPH_TEXT, NP_PARAGRAPH_VERBATIM };
enum np_paragraph_kind np_paragraph_next(const char **text, const char **ret, size_t *ret_len);
/* Fills a paragraph to width columns, every line indented. */
void np_paragraph_fill(struct np_buf *buf, const char *s, size_t n, size_t indent, size_t width);

#endif

/* The command table itself: what help, manual and completion promise holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/args.h"

static void test_rows(void **state)
{
	for (const struct np_command *const *c = np_commands; *c; c++) {
		assert_non_null((*c)->name);
		assert_non_null((*c)->arguments);
		assert_non_null((*c)->summary);
		assert_non_null((*c)->run);
		assert_true((*c)->min_args <= (*c)->max_args);
		/* arguments are named where there may be some, and only there */
		assert_int_equal(*(*c)->arguments != '\0', (*c)->max_args > 0);
		assert_true(strlen((*c)->summary) <= 80);
		assert_true((*c)->summary[strlen((*c)->summary) - 1] != '.');
		if ((*c)->needs & (NP_NEEDS_V8 | NP_NEEDS_STOP))
			assert_true((*c)->needs & NP_NEEDS_TARGET);
		if ((*c)->group)
			assert_true((*c)->help && *(*c)->help && (*c)->examples && (*c)->examples->command);
		assert_ptr_equal(np_command_by_name((*c)->name), *c);
	}
	assert_null(np_command_by_name("nosuch"));
}

/* A long name means one thing in a command; a letter of a command may hide one of every command's, but not twice. */
static void test_options(void **state)
{
	for (const struct np_command *const *c = np_commands; *c; c++) {
		for (const struct np_option *o = (*c)->options; o && o->name; o++) {
			assert_non_null(o->help);
			assert_int_equal(o->type == NP_OPT_FLAG, o->arg == NULL);
			assert_int_equal(o->type == NP_OPT_CHOICE, o->choices != NULL);
			for (const struct np_option *g = np_global_options; g->name; g++)
				if (!strcmp(o->name, g->name))
					fail_msg("%s --%s is an option of every command", (*c)->name, o->name);
			for (const struct np_option *p = (*c)->options; p < o; p++)
				if (!strcmp(o->name, p->name) || (o->letter && o->letter == p->letter))
					fail_msg("%s: --%s stands there twice", (*c)->name, o->name);
		}
	}
}

/* Words of an example; quotes keep blanks, a pipe or redirection ends it. */
static int example_words(np_arena *arena, const char *line, char **words, int max)
{
	int n = 0;
	while (*line && n < max) {
		line += strspn(line, " ");
		char *word = np_arena_alloc(arena, strlen(line) + 1), quote = 0;
		size_t len = 0;
		for (; *line && (quote || *line != ' '); line++) {
			if (quote ? *line == quote : *line == '\'' || *line == '"')
				quote = quote ? 0 : *line;
			else
				word[len++] = *line;
		}
		if (!strcmp(word, "|") || !strcmp(word, ">") || !strcmp(word, "&&") || *word == '#')
			break;
		if (len)
			words[n++] = word;
	}
	return n;
}

static void test_examples_parse(void **state)
{
	np_arena *arena = np_arena_create();
	for (const struct np_command *const *c = np_commands; *c; c++) {
		for (const struct np_example *e = (*c)->examples; e && e->command; e++) {
			char *words[32];
			struct np_args args;
			int n = example_words(arena, e->command, words, 32);
			assert_true(n > 1);
			assert_string_equal(words[0], "nopsy");
			assert_non_null(e->does);
			np_err *err = np_args_parse(np_commands, arena, n - 1, words + 1, false, NULL, &args);
			if (err)
				fail_msg("%s: %s", e->command, np_err_message(err));
			assert_ptr_equal(args.command, *c);
		}
	}
	np_arena_destroy(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_examples_parse),
	};
	return cmocka_run_group_tests_name("cmd table", tests, NULL, NULL);
}

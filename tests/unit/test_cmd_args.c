/* The command line: options, TARGET, arguments, what is said when they make no sense; help from the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/args.h"
#include "cmd/generate.h"
#include "cmd/help.h"
#include "cmd/info.h"

static np_arena *A;

static int setup(void **state)
{
	A = np_arena_create();
	return 0;
}

static int teardown(void **state)
{
	np_arena_destroy(A);
	return 0;
}

static const struct np_option look_options[] = {
	{"args", 'a', NP_OPT_FLAG, NULL, NULL, "with arguments"},
	{"depth", 'd', NP_OPT_INT, "N", NULL, "how deep"},
	{"kind", 0, NP_OPT_CHOICE, "KIND", "red|green", "which; it's a \\ choice"},
	{"name", 'n', NP_OPT_STRING, "NAME", NULL, "of what"},
	{"verify", 'v', NP_OPT_FLAG, NULL, NULL, "takes -v from --verbose"},
	{0},
};
static const struct np_example look_examples[] = {{"nopsy look 1 0x10", "looks at it"}, {0}};
static const struct np_command look = {
	.name = "look",
	.group = "Look",
	.arguments = "ADDR...",
	.min_args = 1,
	.max_args = 3,
	.needs = NP_NEEDS_TARGET,
	.summary = "looks at things",
	.help = "A first paragraph\nin two lines that is long enough to be filled, as paragraphs are.\n\n  kept  as "
		"it is\n  "
		".so\n\nThe last.",
	.options = look_options,
	.examples = look_examples,
};
static const struct np_command list = {
	.name = "list", .group = "General", .arguments = "", .summary = "lists", .help = ""};
static const struct np_command ghost = {.name = "ghost", .arguments = "", .summary = "hidden", .help = ""};
static const struct np_command *const table[] = {&look, &list, &ghost, NULL};

enum { WORDS_MAX = 16 };

static np_err *parse_with(bool have_target, const struct np_globals *defaults, struct np_args *ret, const char *line)
{
	char *words[WORDS_MAX], *rest = np_arena_strdup(A, line);
	int n = 0;
	for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));)
		if (*word)
			words[n++] = strcmp(word, "''") ? word : word + 2;
	return np_args_parse(table, A, n, words, have_target, defaults, ret);
}

static struct np_args parsed(const char *line)
{
	struct np_args args;
	np_err *err = parse_with(false, NULL, &args, line);
	if (err)
		fail_msg("%s: %s", line, np_err_message(err));
	return args;
}

static void refused(const char *line, const char *want)
{
	struct np_args args;
	np_err *err = parse_with(false, NULL, &args, line);
	assert_non_null(err);
	assert_string_equal(np_err_message(err), want);
	assert_int_equal(np_err_drop(err), NP_EUSAGE);
}

static struct np_invocation invocation(const struct np_args *args)
{
	return (struct np_invocation){.command = args->command, .options = args->options};
}

static void test_order_is_free(void **state)
{
	static const char *const lines[] = {
		"look --args -d 3 --name=x 42 0x10 --json",
		"--json look 42 0x10 -ad3 -n x",
		"look 42 --name x --json 0x10 -a --depth=3",
		"look --json -ad3 -nx -- 42 0x10",
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(lines); i++) {
		struct np_args args = parsed(lines[i]);
		struct np_invocation inv = invocation(&args);
		int64_t depth = 0;
		assert_ptr_equal(args.command, &look);
		assert_string_equal(args.target, "42");
		assert_int_equal(args.arg_count, 1);
		assert_string_equal(args.args[0], "0x10");
		assert_true(args.globals.json);
		assert_true(np_opt_flag(&inv, "args"));
		assert_true(np_opt_int(&inv, "depth", &depth) && depth == 3);
		assert_string_equal(np_opt_str(&inv, "name"), "x");
		assert_null(np_opt_str(&inv, "kind"));
	}
}

static void test_options_end(void **state)
{
	struct np_args args = parsed("look 42 -- --args -d");
	struct np_invocation inv = invocation(&args);
	assert_int_equal(args.arg_count, 2);
	assert_string_equal(args.args[0], "--args");
	assert_string_equal(args.args[1], "-d");
	assert_false(np_opt_flag(&inv, "args"));
	args = parsed("look - -");
	assert_string_equal(args.target, "-");
}

static void test_globals(void **state)
{
	struct np_args args = parsed("list --exe /n --sysroot=/s -o out --color never --redact -q --verbose --verbose");
	assert_string_equal(args.globals.exe, "/n");
	assert_string_equal(args.globals.sysroot, "/s");
	assert_string_equal(args.globals.output, "out");
	assert_int_equal(args.globals.color, NP_COLOR_NEVER);
	assert_true(args.globals.redact && args.globals.quiet);
	assert_int_equal(args.globals.verbose, 2);
	assert_int_equal(parsed("list --color=always").globals.color, NP_COLOR_ALWAYS);
	assert_int_equal(parsed("list --color auto").globals.color, NP_COLOR_AUTO);
	/* a command may have a letter for itself */
	args = parsed("look 1 2 -v");
	struct np_invocation inv = invocation(&args);
	assert_true(np_opt_flag(&inv, "verify"));
	assert_int_equal(args.globals.verbose, 0);
	/* help needs no arguments */
	assert_true(parsed("look -h").globals.help);
	assert_true(parsed("--version").globals.version);
	assert_null(parsed("").command);
}

static void test_last_counts(void **state)
{
	struct np_args args = parsed("look 1 2 -d 1 -d 0x10 --kind red --kind green");
	struct np_invocation inv = invocation(&args);
	int64_t depth;
	assert_true(np_opt_int(&inv, "depth", &depth) && depth == 16);
	assert_string_equal(np_opt_str(&inv, "kind"), "green");
}

static void test_shell_has_target(void **state)
{
	struct np_args args;
	struct np_globals defaults = {.redact = true, .exe = "/n"};
	np_err *err = parse_with(true, &defaults, &args, "look 0x10 0x20 --json");
	assert_null(err);
	assert_null(args.target);
	assert_int_equal(args.arg_count, 2);
	assert_true(args.globals.redact && args.globals.json);
	assert_string_equal(args.globals.exe, "/n");
}

static void test_refused(void **state)
{
	refused("lok", "no command 'lok'; did you mean 'look'?");
	refused("zebra", "no command 'zebra'");
	refused("ghots", "no command 'ghots'");
	refused("''", "no command ''");
	refused("4242", "a command comes before the process: try `nopsy stack 4242`");
	refused("look", "TARGET is missing: a process id or the path of a core");
	refused("look 1", "ADDR... is missing");
	refused("look 1 2 3 4 5", "'5' is one argument too many");
	refused("list x", "'x' is one argument too many");
	refused("look 1 2 --agrs", "no option --agrs; did you mean --args?");
	refused("look 1 2 --jso", "no option --jso; did you mean --json?");
	refused("look 1 2 --zebra", "no option --zebra");
	refused("--depth 2 look", "no option --depth before the command; options of a command come after it");
	refused("look 1 2 -z", "no option -z");
	refused("look 1 2 -az", "no option -z in -az");
	refused("look 1 2 --args=yes", "--args takes no value");
	refused("look 1 2 --depth", "--depth wants N after it");
	refused("look 1 2 -d", "--depth wants N after it");
	refused("look 1 2 -d x", "--depth wants a number, not 'x'");
	refused("look 1 2 -d 5x", "--depth wants a number, not '5x'");
	refused("look 1 2 -d 99999999999999999999", "--depth wants a number, not '99999999999999999999'");
	refused("look 1 2 --depth=", "--depth wants a number, not ''");
	refused("look 1 2 --kind blue", "--kind is one of red|green, not 'blue'");
	refused("look 1 2 --kind gren", "--kind gren: did you mean green?");
	refused("list --color sometimes", "--color is one of auto|always|never, not 'sometimes'");
}

/* What was understood before the error is there for the usage line. */
static void test_refused_knows_command(void **state)
{
	struct np_args args;
	np_err *err = parse_with(false, NULL, &args, "look --nosuch");
	struct np_buf usage = {0};
	assert_non_null(err);
	np_err_free(err);
	assert_ptr_equal(args.command, &look);
	np_usage_put(&usage, args.command, false);
	assert_string_equal(usage.data, "usage: nopsy look [OPTIONS] TARGET ADDR...\n`nopsy help look` tells more\n");
	np_buf_deinit(&usage);
}

static void test_suggest(void **state)
{
	static const char *const words[] = {"stack",  "print", "closure", "source", "disasm",
					    "whatis", "info",  "layout",  "shell"};
	static const char *const pairs[][2] = {
		{"stakc", "stack"}, {"st", "stack"}, {"pritn", "print"}, {"clojure", "closure"}, {"dis", "disasm"},
		{"inf", "info"}, {"infos", "info"}, {"whatsi", "whatis"}, {"shel", "shell"}, {"x", NULL}, {"", NULL},
		{"completely", NULL}, {"bt", NULL}, {"tail", NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(pairs); i++) {
		const char *near = np_suggest(pairs[i][0], words, NP_ARRAY_LEN(words));
		if (!pairs[i][1])
			assert_null(near);
		else
			assert_string_equal(near, pairs[i][1]);
	}
}

static void expect_in(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void test_help(void **state)
{
	const char *text = np_node_str(np_node_get(np_help_command(A, &look, false), "_text"));
	expect_in(text, "usage: nopsy look [OPTIONS] TARGET ADDR...\n");
	expect_in(text, "A first paragraph in two lines that is long enough to be filled, as paragraphs\nare.\n\n  "
			"kept  as it is\n");
	expect_in(text, "  -d, --depth N           how deep\n");
	expect_in(text, "  --kind KIND             which; it's a \\ choice (red|green)\n");
	expect_in(text, "  nopsy look 1 0x10\n      looks at it\n");
	np_node *overview = np_help_overview(A, table);
	text = np_node_str(np_node_get(overview, "_text"));
	expect_in(text, "\nLook\n  look        looks at things\n");
	assert_null(strstr(text, "ghost"));
	assert_int_equal(np_node_len(np_node_get(overview, "commands")), 2);
}

static void test_generated(void **state)
{
	struct np_buf text = {0};
	np_man_command_put(&text, &look);
	expect_in(text.data, ".SH NAME\nnopsy\\-look \\- looks at things\n");
	expect_in(text.data, ".nf\n  kept  as it is\n  .so\n.fi\n.PP\nThe last.\n");
	expect_in(text.data, "\\fB\\-d\\fR, \\fB\\-\\-depth\\fR \\fIN\\fR\nhow deep\n");
	expect_in(text.data, "it\\(aqs a \\e choice (red|green)\n");
	for (const char *line = text.data; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		assert_false(line[0] == '\''); /* a control line nobody meant */
	static void (*const puts[])(struct np_buf *, np_table) = {
		np_man_overview_put,    np_completion_bash_put, np_completion_zsh_put,
		np_completion_fish_put, np_markdown_put,
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(puts); i++) {
		np_buf_clear(&text);
		puts[i](&text, table);
		expect_in(text.data, "look");
		expect_in(text.data, i == 0 ? "\\-\\-json" : "json");
		assert_null(strstr(text.data, "ghost"));
	}
	np_buf_deinit(&text);
}

static void test_secrets(void **state)
{
	static const char *const secret[] = {
		"API_KEY",          "github_token",      "DB_PASSWORD", "DB_PWD", "AWS_SECRET_ACCESS_KEY",
		"npm_config__auth", "GOOGLE_CREDENTIALS"};
	static const char *const open[] = {"PATH", "PWD", "OLDPWD", "HOME", "NODE_OPTIONS"};
	for (size_t i = 0; i < NP_ARRAY_LEN(secret); i++)
		assert_true(np_info_is_secret(secret[i]));
	for (size_t i = 0; i < NP_ARRAY_LEN(open); i++)
		assert_false(np_info_is_secret(open[i]));
	assert_string_equal(np_info_mask_urls(A, "postgres://u:p@ss@db/x a://b:c@d"), "postgres://u:***@db/x "
										      "a://b:***@d");
	assert_string_equal(np_info_mask_urls(A, "http://u@h:80/a:b@c"), "http://u@h:80/a:b@c");
	assert_string_equal(np_info_mask_urls(A, "no url"), "no url");
	char *env[] = {"A=1", "API_KEY=xyz", "EMPTY_KEY=", "broken", "_=/n", NULL};
	np_node *node = np_info_env(A, env);
	assert_string_equal(np_node_str(np_node_get(node, "A")), "1");
	assert_string_equal(np_node_str(np_node_get(node, "API_KEY")), "***");
	assert_string_equal(np_node_str(np_node_get(node, "EMPTY_KEY")), "");
	assert_string_equal(np_node_str(np_node_get(node, "_")), "/n");
	assert_null(np_node_get(node, "broken"));
}

static void test_exec_argv(void **state)
{
	static const struct {
		const char *words[8];
		size_t count;
	} cases[] = {
		{{"node", "app.js", "--flag"}, 0},
		{{"node"}, 0},
		{{"node", "--inspect", "-r", "x.js", "--max-old-space-size=10", "app.js", "-r"}, 4},
		{{"node", "-e", "code", "arg"}, 2},
		{{"node", "--", "-app.js"}, 1},
		{{"node", "--expose-gc", "-"}, 1},
		{{"node", "-r"}, 1},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++)
		assert_int_equal(np_info_exec_argc((char **)cases[i].words), cases[i].count);
	char *argv[] = {"node", "--api-key=abc", "--url=http://u:p@h", "x", NULL};
	np_node *list_node = np_info_argv(A, argv, 1, SIZE_MAX);
	assert_int_equal(np_node_len(list_node), 3);
	assert_string_equal(np_node_str(np_node_at(list_node, 0)), "--api-key=***");
	assert_string_equal(np_node_str(np_node_at(list_node, 1)), "--url=http://u:***@h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_free),	 cmocka_unit_test(test_options_end),
		cmocka_unit_test(test_globals),		 cmocka_unit_test(test_last_counts),
		cmocka_unit_test(test_shell_has_target), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_knows_command), cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_help),		 cmocka_unit_test(test_generated),
		cmocka_unit_test(test_secrets),		 cmocka_unit_test(test_exec_argv),
	};
	return cmocka_run_group_tests_name("cmd args", tests, setup, teardown);
}

/* The words a process was started with: arguments, environment, and what of them is nobody's business. */
#include <string.h>

#include "base/buf.h"
#include "cmd/info.h"

/* More variables than this are not an environment but an attack on the reader's patience. */
enum { ENV_MAX = 4096, COMMAND_LINE_MAX = 2000 };

static const struct np_shape shape_env = {.name = "env", .style = NP_STYLE_MAP};

bool np_info_is_secret(const char *name)
{
	static const char *const parts[] = {"KEY",  "TOKEN",	  "SECRET",  "PASS",   "AUTH",
					    "CREDENTIAL", "PRIVATE", "COOKIE", "SIGNATURE"};
	for (size_t i = 0; i < NP_ARRAY_LEN(parts); i++)
		if (strcasestr(name, parts[i]))
			return true;
	/* DB_PWD is a password, PWD and OLDPWD are directories */
	const char *pwd = strcasestr(name, "PWD");
	return pwd && strcasecmp(name, "PWD") && strcasecmp(name, "OLDPWD");
}

const char *np_info_mask_urls(np_arena *arena, const char *value)
{
	const char *scheme = strstr(value, "://");
	if (!scheme)
		return value;
	struct np_buf masked = {0};
	const char *rest = value;
	while (scheme) {
		const char *user = scheme + 3;
		/* the last @ before the path ends the user and password */
		size_t authority = strcspn(user, "/?# \t\n\"'");
		const char *at = memrchr(user, '@', authority);
		const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
		if (colon) {
			np_buf_add(&masked, rest, (size_t)(colon + 1 - rest));
			np_buf_puts(&masked, "***");
			rest = at;
		}
		scheme = strstr(user, "://");
	}
	np_buf_puts(&masked, rest);
	const char *text = np_arena_strdup(arena, np_buf_str(&masked));
	np_buf_deinit(&masked);
	return text;
}

np_node *np_info_env(np_arena *arena, char **envp)
{
	np_node *env = np_obj(arena, &shape_env);
	for (size_t i = 0; envp && envp[i] && i < ENV_MAX; i++) {
		const char *equals = strchr(envp[i], '=');
		if (!equals || equals == envp[i])
			continue;
		const char *name = np_arena_strndup(arena, envp[i], (size_t)(equals - envp[i]));
		bool secret = np_info_is_secret(name) && equals[1];
		np_set_str(env, name, secret ? "***" : np_info_mask_urls(arena, equals + 1));
		if (!secret)
			np_sensitive(env, name);
	}
	return env;
}

static const char *mask_word(np_arena *arena, const char *word)
{
	const char *equals = strchr(word, '=');
	if (word[0] == '-' && equals) {
		const char *name = np_arena_strndup(arena, word, (size_t)(equals - word));
		if (np_info_is_secret(name))
			return np_arena_printf(arena, "%s=***", name);
	}
	return np_info_mask_urls(arena, word);
}

np_node *np_info_argv(np_arena *arena, char **argv, size_t from, size_t to)
{
	np_node *list = np_list(arena, NULL);
	for (size_t i = 0; argv && argv[i] && i < to; i++)
		if (i >= from)
			np_add_str(list, mask_word(arena, argv[i]));
	return list;
}

/* As a shell would take it: quoted where it needs to be. */
static void put_quoted(struct np_buf *buf, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,@%+-";
	if (*word && !word[strspn(word, plain)]) {
		np_buf_puts(buf, word);
		return;
	}
	np_buf_putc(buf, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			np_buf_puts(buf, "'\\'");
		np_buf_putc(buf, *word);
	}
	np_buf_putc(buf, '\'');
}

const char *np_info_command_line(np_arena *arena, char **argv)
{
	struct np_buf line = {0};
	for (size_t i = 0; argv[i] && line.len <= COMMAND_LINE_MAX; i++) {
		if (i)
			np_buf_putc(&line, ' ');
		put_quoted(&line, mask_word(arena, argv[i]));
	}
	const char *text = line.len <= COMMAND_LINE_MAX
				   ? np_arena_strdup(arena, np_buf_str(&line))
				   : np_arena_printf(arena, "%.*s ... (--json has all of it)", COMMAND_LINE_MAX,
						     np_buf_str(&line));
	np_buf_deinit(&line);
	return text;
}

const char *np_info_env_value(char **envp, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; envp && envp[i] && i < ENV_MAX; i++)
		if (!strncmp(envp[i], name, n) && envp[i][n] == '=')
			return envp[i] + n + 1;
	return NULL;
}

size_t np_info_exec_argc(char **argv)
{
	/* options of node whose value may be a word of its own */
	static const char *const with_value[] = {
		"-r",
		"--require",
		"--import",
		"--loader",
		"--experimental-loader",
		"-e",
		"--eval",
		"-p",
		"-pe",
		"--print",
		"-C",
		"--conditions",
		"--input-type",
		"--title",
		"--env-file",
		"--env-file-if-exists",
		"--icu-data-dir",
		"--openssl-config",
		"--redirect-warnings",
		"--trace-event-categories",
		"--trace-event-file-pattern",
		"--diagnostic-dir",
		"--report-dir",
		"--report-directory",
		"--report-filename",
		"--report-signal",
		"--disable-warning",
		"--watch-path",
		"--localstorage-file",
		"--experimental-config-file",
		"--dns-result-order",
		"--unhandled-rejections",
		"--inspect-port",
		"--debug-port",
		"--heapsnapshot-signal",
		"--disable-proto",
		"--tls-cipher-list",
		"--tls-keylog",
		"--experimental-default-type",
		"--cpu-prof-dir",
		"--cpu-prof-name",
		"--heap-prof-dir",
		"--heap-prof-name",
		"--snapshot-blob",
		"--build-sea",
		"--experimental-sea-config",
		"--test-name-pattern",
		"--test-reporter",
		"--test-reporter-destination",
		"--test-shard",
		"--run",
	};
	size_t n = 0;
	while (argv && argv[0] && argv[n + 1]) {
		const char *word = argv[n + 1];
		if (word[0] != '-' || word[1] == '\0')
			break;
		n++;
		if (!strcmp(word, "--"))
			break;
		for (size_t i = 0; i < NP_ARRAY_LEN(with_value); i++) {
			if (!strcmp(word, with_value[i]) && argv[n + 1]) {
				n++;
				break;
			}
		}
	}
	return n;
}

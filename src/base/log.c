/*
 * A terminal may be blocked (Ctrl-S, a full pipe), and whoever stopped a target
 * must not wait for it.  So while anything is stopped, lines are kept; they
 * come out when the last one goes on.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { HELD_MAX_BYTES = 64 << 10 };

enum np_log_level np_log_level = NP_LOG_WARN;

/* Lines of all threads while depth > 0. */
static struct {
	pthread_mutex_t lock;
	int depth;
	struct np_buf lines;
	size_t dropped;
} held = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Takes the line if lines are being held. */
static bool line_hold(const struct np_buf *line)
{
	pthread_mutex_lock(&held.lock);
	bool take = held.depth > 0;
	if (take && held.lines.len + line->len > HELD_MAX_BYTES)
		held.dropped++;
	else if (take)
		np_buf_add(&held.lines, line->data, line->len);
	pthread_mutex_unlock(&held.lock);
	return take;
}

void np_log_hold(void)
{
	pthread_mutex_lock(&held.lock);
	held.depth++;
	pthread_mutex_unlock(&held.lock);
}

void np_log_release(void)
{
	struct np_buf lines = {0};
	size_t dropped = 0;
	pthread_mutex_lock(&held.lock);
	if (held.depth > 0 && --held.depth == 0) {
		lines = held.lines;
		dropped = held.dropped;
		held.lines = (struct np_buf){0};
		held.dropped = 0;
	}
	pthread_mutex_unlock(&held.lock);
	if (dropped)
		np_buf_printf(&lines, "nopsy: and %zu more messages that found no room\n", dropped);
	if (lines.len)
		fputs(np_buf_str(&lines), stderr);
	np_buf_deinit(&lines);
}

static void log_line(enum np_log_level level, const char *tag, const char *fmt, va_list ap)
{
	if (np_log_level < level)
		return;
	/* a message may quote the target: never let its bytes reach a terminal as they are */
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		return;
	struct np_buf line = {0};
	np_buf_printf(&line, "nopsy: %s", tag);
	np_text_put(&line, text, strlen(text), NP_TEXT_LINE);
	np_buf_putc(&line, '\n');
	if (!line_hold(&line))
		fputs(line.data, stderr);
	np_buf_deinit(&line);
	free(text);
}

#define LOG_FUNCTION(name, level, tag)               \
	void name(const char *fmt, ...)              \
	{                                            \
		va_list ap;                          \
		va_start(ap, fmt);                   \
		log_line(level, tag, fmt, ap);       \
		va_end(ap);                          \
	}

LOG_FUNCTION(np_warn, NP_LOG_WARN, "warning: ")
LOG_FUNCTION(np_info, NP_LOG_INFO, "")
LOG_FUNCTION(np_debug, NP_LOG_DEBUG, "debug: ")

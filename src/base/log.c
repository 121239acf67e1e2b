#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum np_log_level np_log_level = NP_LOG_WARN;

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

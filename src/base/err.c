#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct np_err {
	enum np_code code;
	bool has_addr;
	np_addr addr;
	char *text;    /* the whole chain so far */
};

/* Stands in when memory is out; never written to or freed. */
static const np_err static_nomem = {.code = NP_ENOMEM, .text = (char *)"out of memory"};
#define NOMEM ((np_err *)&static_nomem)

static np_err *err_create(enum np_code code, const char *fmt, va_list ap, const char *tail)
{
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		return NOMEM;
	if (tail) {
		char *joined = NULL;
		if (asprintf(&joined, "%s: %s", text, tail) < 0)
			joined = NULL;
		free(text);
		text = joined;
		if (!text)
			return NOMEM;
	}
	np_err *err = calloc(1, sizeof(*err));
	if (!err) {
		free(text);
		return NOMEM;
	}
	err->code = code;
	err->text = text;
	return err;
}

np_err *np_err_new(enum np_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	np_err *err = err_create(code, fmt, ap, NULL);
	va_end(ap);
	return err;
}

np_err *np_err_sys(enum np_code code, const char *fmt, ...)
{
	const char *why = strerror(errno);
	va_list ap;
	va_start(ap, fmt);
	np_err *err = err_create(code, fmt, ap, why);
	va_end(ap);
	return err;
}

np_err *np_err_fault(np_addr addr, const char *fmt, ...)
{
	char tail[64];
	snprintf(tail, sizeof(tail), "memory at 0x%llx cannot be read", (unsigned long long)addr);
	va_list ap;
	va_start(ap, fmt);
	np_err *err = err_create(NP_EFAULT, fmt, ap, tail);
	va_end(ap);
	if (err != NOMEM) {
		err->has_addr = true;
		err->addr = addr;
	}
	return err;
}

np_err *np_err_wrap(np_err *cause, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	np_err *err = err_create(np_err_code(cause), fmt, ap, np_err_message(cause));
	va_end(ap);
	if (err != NOMEM && cause) {
		err->has_addr = cause->has_addr;
		err->addr = cause->addr;
	}
	np_err_free(cause);
	return err;
}

void np_err_free(np_err *err)
{
	if (!err || err == NOMEM)
		return;
	free(err->text);
	free(err);
}

enum np_code np_err_code(const np_err *err)
{
	return err ? err->code : 0;
}

bool np_err_address(const np_err *err, np_addr *ret)
{
	if (!err || !err->has_addr)
		return false;
	*ret = err->addr;
	return true;
}

const char *np_err_message(np_err *err)
{
	return err ? err->text : "no error";
}

enum np_code np_err_drop(np_err *err)
{
	enum np_code code = np_err_code(err);
	np_err_free(err);
	return code;
}

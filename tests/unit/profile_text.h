/* A profile from text and to folded stacks, for tests of formats. */
#ifndef NP_TESTS_PROFILE_TEXT_H
#define NP_TESTS_PROFILE_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/formats.h"
#include "format/profile_formats.h"
#include "format/profile_input.h"

/* What reading said is put into *ret_error ("" nothing), which is to be freed. */
static inline np_profile *profile_read(const struct np_profile_format *format, const char *text, size_t len, bool times,
				       char **ret_error)
{
	struct np_profile_input *in = np_profile_input_of_memory("text", text, len);
	np_profile *p = np_profile_create(times);
	np_err *err = format->read(in, p);
	*ret_error = strdup(err ? np_err_message(err) : "");
	np_err_free(err);
	np_profile_input_close(in);
	return p;
}

static inline char *profile_write(const struct np_profile_format *format, np_profile *p)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	np_err *err = format->write(p, out);
	fclose(out);
	if (err) {
		free(text);
		text = strdup(np_err_message(err));
		np_err_free(err);
	}
	return text;
}

/* Text of a format as folded stacks, then a line "! what went wrong" when something did. */
static inline char *folded_of(const struct np_profile_format *format, const char *text, size_t len)
{
	char *error, *all;
	np_profile *p = profile_read(format, text, len, false, &error);
	char *folded = profile_write(&np_format_folded, p);
	if (asprintf(&all, "%s%s%s%s", folded, *error ? "! " : "", error, *error ? "\n" : "") < 0)
		abort();
	free(error);
	free(folded);
	np_profile_destroy(p);
	return all;
}

#endif

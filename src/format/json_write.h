/* JSON written fast: a buffer of 64 KiB before the file, numbers without printf. */
#ifndef NP_FORMAT_JSON_WRITE_H
#define NP_FORMAT_JSON_WRITE_H

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "profile/profile.h"

struct np_json_out {
	FILE *file;
	struct np_buf buf;
};

static inline void np_out_flush(struct np_json_out *o, size_t over)
{
	if (o->buf.len <= over)
		return;
	fwrite(o->buf.data, 1, o->buf.len, o->file);
	o->buf.len = 0;
}

static inline void np_out_puts(struct np_json_out *o, const char *text)
{
	np_buf_add(&o->buf, text, strlen(text));
}

static inline void np_out_int(struct np_json_out *o, int64_t value)
{
	char text[24];
	size_t at = sizeof(text);
	uint64_t n = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	if (value < 0)
		text[--at] = '-';
	np_buf_add(&o->buf, text + at, sizeof(text) - at);
}

/* Nanoseconds as microseconds, with a fraction where there is one. */
static inline void np_out_us(struct np_json_out *o, int64_t ns)
{
	uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	unsigned rest = (unsigned)(n % 1000);
	if (ns < 0)
		np_buf_putc(&o->buf, '-');
	np_out_int(o, (int64_t)(n / 1000));
	if (rest) {
		char text[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};
		np_buf_add(&o->buf, text, sizeof(text));
	}
}

static inline void np_out_string(struct np_json_out *o, const np_profile *p, uint32_t string)
{
	np_text_put_json(&o->buf, np_profile_text(p, string), np_profile_text_len(p, string));
}

/* Writes what is left; what went wrong meanwhile. */
static inline np_err *np_out_end(struct np_json_out *o)
{
	np_out_flush(o, 0);
	np_buf_deinit(&o->buf);
	return ferror(o->file) ? np_err_sys(NP_EIO, "writing") : NULL;
}

#endif

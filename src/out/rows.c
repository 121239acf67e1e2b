#include "out/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "out/format.h"

enum { FLUSH_BYTES = 1 << 16 };

struct np_rows {
	FILE *out;
	struct np_buf buf;
	bool in_row, has_cell;
};

static void rows_flush(np_rows *r, size_t above)
{
	if (r->buf.len <= above)
		return;
	fwrite(r->buf.data, 1, r->buf.len, r->out);
	np_buf_clear(&r->buf);
}

np_rows *np_rows_begin(FILE *out, const char *const *columns, size_t count)
{
	np_rows *r = np_xcalloc(1, sizeof(*r));
	r->out = out;
	np_buf_puts(&r->buf, "{\"columns\":[");
	for (size_t i = 0; i < count; i++) {
		if (i)
			np_buf_putc(&r->buf, ',');
		np_text_put_json(&r->buf, columns[i], strlen(columns[i]));
	}
	np_buf_puts(&r->buf, "],\"rows\":[");
	return r;
}

bool np_rows_next(np_rows *r)
{
	np_buf_puts(&r->buf, r->in_row ? "],[" : "[");
	r->in_row = true;
	r->has_cell = false;
	rows_flush(r, FLUSH_BYTES);
	return !ferror(r->out);
}

static void cell_begin(np_rows *r)
{
	if (r->has_cell)
		np_buf_putc(&r->buf, ',');
	r->has_cell = true;
}

void np_rows_null(np_rows *r)
{
	cell_begin(r);
	np_buf_puts(&r->buf, "null");
}

void np_rows_int(np_rows *r, int64_t v)
{
	cell_begin(r);
	np_buf_printf(&r->buf, "%" PRId64, v);
}

void np_rows_double(np_rows *r, double v)
{
	bool quote = !isfinite(v) || (v == 0 && signbit(v));
	cell_begin(r);
	np_buf_puts(&r->buf, quote ? "\"" : "");
	np_format_double(&r->buf, v);
	np_buf_puts(&r->buf, quote ? "\"" : "");
}

void np_rows_strn(np_rows *r, const char *v, size_t n)
{
	cell_begin(r);
	np_text_put_json(&r->buf, v, n);
}

void np_rows_addr(np_rows *r, np_addr v)
{
	cell_begin(r);
	np_buf_putc(&r->buf, '"');
	np_format_addr(&r->buf, v);
	np_buf_putc(&r->buf, '"');
}

void np_rows_end(np_rows *r)
{
	np_buf_puts(&r->buf, r->in_row ? "]]}\n" : "]}\n");
	rows_flush(r, 0);
	np_rows_drop(r);
}

void np_rows_drop(np_rows *r)
{
	if (!r)
		return;
	np_buf_deinit(&r->buf);
	free(r);
}

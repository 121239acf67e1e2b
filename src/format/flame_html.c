#include "format/flame_html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/vec.h"
#include "format/flame_assets.h"

enum { CHUNK = 1 << 20, NAME_BYTES_MAX = 4000, STATIC_FRAMES_MAX = 5000 };

struct page {
	const struct np_flame_picture *picture;
	const np_flame *flame;
	FILE *out;
	struct np_buf buf, room;
	bool has_failed;
	int64_t least;	     /* total of a node that is in the page */
	uint32_t *functions; /* number in the page, by function; UINT32_MAX: it is not in it */
	uint32_t function_count;
	uint64_t frames;
};

static void flush(struct page *p, size_t from)
{
	if (p->buf.len < from)
		return;
	p->has_failed |= fwrite(p->buf.data, 1, p->buf.len, p->out) != p->buf.len;
	np_buf_clear(&p->buf);
}

/* A JSON string: what is invisible in it is spelled out, and it has no < that could end a script. */
static void put_string(struct page *p, const char *s, size_t n)
{
	np_buf_clear(&p->room);
	bool is_long = n > NAME_BYTES_MAX;
	np_text_put(&p->room, s, is_long ? NAME_BYTES_MAX : n, NP_TEXT_LINE);
	if (is_long)
		np_buf_puts(&p->room, "..");
	size_t from = p->buf.len;
	np_text_put_json(&p->buf, np_buf_str(&p->room), p->room.len);
	if (!memchr(p->buf.data + from, '<', p->buf.len - from))
		return;
	np_buf_clear(&p->room);
	np_buf_add(&p->room, p->buf.data + from, p->buf.len - from);
	p->buf.len = from;
	for (size_t i = 0; i < p->room.len; i++) {
		if (p->room.data[i] == '<')
			np_buf_puts(&p->buf, "\\u003c");
		else
			np_buf_putc(&p->buf, p->room.data[i]);
	}
}

static void put_number(struct page *p, int64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (value < 0)
		digits[--at] = '-';
	np_buf_add(&p->buf, digits + at, sizeof(digits) - at);
}

/* --- which frames, which functions --- */

static bool is_in(const struct page *p, uint32_t node)
{
	return !node || np_flame_node_at(p->flame, node)->total >= p->least;
}

static void choose(struct page *p)
{
	const struct np_flame_picture *picture = p->picture;
	int64_t total = np_flame_node_at(p->flame, 0)->total;
	double width = picture->width ? picture->width : 1200;
	double least = picture->min_width > 0 ? ceil(picture->min_width * (double)total / width) : 1;
	p->least = least < 1 ? 1 : least >= 9e18 ? INT64_MAX : (int64_t)least;
	p->least = np_flame_threshold(p->flame, UINT32_MAX, NP_FLAME_HTML_FRAMES_MAX, p->least);
	p->functions = np_xmalloc(np_flame_function_count(p->flame) * sizeof(*p->functions));
	memset(p->functions, 0xff, np_flame_function_count(p->flame) * sizeof(*p->functions));
	for (uint32_t node = 0, first = 1; node || first; first = 0) {
		bool in = is_in(p, node);
		uint32_t *number = &p->functions[np_flame_node_at(p->flame, node)->function];
		if (in && *number == UINT32_MAX)
			*number = p->function_count++;
		node = np_flame_next(p->flame, node, !in);
	}
}

/* --- the tree as JSON --- */

/* Functions in the order of their numbers: [name, file, line, column, class, colour], files by number. */
static void put_functions(struct page *p)
{
	static const struct np_flame_node no_node = {0};
	uint32_t count = np_flame_function_count(p->flame);
	uint32_t *by_number = np_xmalloc(((size_t)p->function_count + 1) * sizeof(*by_number));
	for (uint32_t i = 0; i < count; i++)
		if (p->functions[i] != UINT32_MAX)
			by_number[p->functions[i]] = i;
	np_buf_puts(&p->buf, "\"functions\":[");
	for (uint32_t i = 0; i < p->function_count; i++) {
		const struct np_flame_function *f = np_flame_function_at(p->flame, by_number[i]);
		np_buf_puts(&p->buf, i ? ",\n[" : "\n[");
		put_string(p, f->name.s, f->name.n);
		np_buf_putc(&p->buf, ',');
		put_string(p, f->file.s, f->file.n);
		np_buf_printf(&p->buf, ",%u,%u,%u,%u,%u]", f->line, f->column, f->class,
			      np_palette_color(p->picture->palette, f, &no_node), f->tier);
		flush(p, CHUNK);
	}
	np_buf_puts(&p->buf, "],\n");
	free(by_number);
}

/*
 * Nodes in preorder, numbers one after the other: function, levels up from the last
 * one's child, distance from where the node before on this level ended or its parent
 * begins, total, self, seen; of differences also before and before_self.
 */
static void put_nodes(struct page *p)
{
	NP_VEC(int64_t) ends = {0}; /* by depth: where the next child would begin */
	uint32_t last_depth = 0;
	np_buf_puts(&p->buf, "\"nodes\":[");
	for (uint32_t node = 0, first = 1; node || first; first = 0) {
		const struct np_flame_node *n = np_flame_node_at(p->flame, node);
		bool in = is_in(p, node);
		if (in) {
			while (ends.len <= (size_t)n->depth + 1)
				np_vec_push(&ends, 0);
			np_buf_puts(&p->buf, p->frames ? ",\n" : "\n");
			put_number(p, p->functions[n->function]);
			np_buf_putc(&p->buf, ',');
			put_number(p, p->frames ? (int64_t)last_depth + 1 - n->depth : 0);
			np_buf_putc(&p->buf, ',');
			put_number(p, n->start - ends.data[n->depth]);
			np_buf_putc(&p->buf, ',');
			put_number(p, n->total);
			np_buf_putc(&p->buf, ',');
			put_number(p, n->self);
			np_buf_putc(&p->buf, ',');
			put_number(p, n->seen);
			if (np_flame_is_diff(p->flame)) {
				np_buf_putc(&p->buf, ',');
				put_number(p, n->before);
				np_buf_putc(&p->buf, ',');
				put_number(p, n->before_self);
			}
			ends.data[n->depth] = n->start + n->total;
			ends.data[n->depth + 1] = n->start;
			last_depth = n->depth;
			p->frames++;
			flush(p, CHUNK);
		}
		node = np_flame_next(p->flame, node, !in);
	}
	np_buf_puts(&p->buf, "]");
	np_vec_deinit(&ends);
}

static void put_colors(struct page *p, bool is_dark)
{
	bool is_diff = np_flame_is_diff(p->flame);
	unsigned count = is_diff ? 2 * NP_PALETTE_DIFF_STEPS + 1 : NP_PALETTE_COLORS;
	np_buf_printf(&p->buf, "\"%s\":[", is_dark ? "dark" : "light");
	for (unsigned i = 0; i < count; i++)
		np_buf_printf(&p->buf, "%s\"#%06x\"", i ? "," : "",
			      is_diff ? np_palette_diff_rgb((uint8_t)i, is_dark)
				      : np_palette_rgb(p->picture->palette, (uint8_t)i, is_dark));
	np_buf_puts(&p->buf, "],\n");
}

static void put_settings(struct page *p)
{
	static const char *const units[] = {"count", "nanoseconds", "microseconds", "bytes"};
	const struct np_flame_picture *picture = p->picture;
	bool by_tier = picture->palette == NP_PALETTE_TIER;
	np_buf_puts(&p->buf, "\"unit\":");
	put_string(p, picture->unit.name, strlen(picture->unit.name));
	np_buf_printf(&p->buf,
		      ",\"unit_kind\":\"%s\",\"icicle\":%s,\"diff\":%s,\"absolute\":%s,\"negate\":%s,\"by_tier\":%s,\n",
		      units[picture->unit.kind], picture->icicle ? "true" : "false",
		      np_flame_is_diff(p->flame) ? "true" : "false", picture->absolute ? "true" : "false",
		      picture->negate ? "true" : "false", by_tier ? "true" : "false");
	np_buf_puts(&p->buf, "\"classes\":[");
	for (int i = 0; i < NP_CLASSES; i++)
		np_buf_printf(&p->buf, "%s\"%s\"", i ? "," : "", np_code_class_name((enum np_code_class)i));
	np_buf_puts(&p->buf, "],\n\"legend\":[");
	const char *name;
	uint8_t color;
	for (unsigned i = 0; (name = np_palette_legend(picture->palette, i, &color)); i++)
		np_buf_printf(&p->buf, "%s[\"%s\",%u]", i ? "," : "", name, color);
	np_buf_puts(&p->buf, "],\n");
	put_colors(p, false);
	put_colors(p, true);
}

static void put_data(struct page *p)
{
	np_buf_puts(&p->buf, "<script type=\"application/json\" id=\"data\">{");
	put_settings(p);
	put_functions(p);
	put_nodes(p);
	np_buf_puts(&p->buf, "}</script>\n");
}

/* --- the page around it --- */

static void put_markup(struct page *p, const char *before, const char *text, const char *after)
{
	np_buf_puts(&p->buf, before);
	np_markup_put(&p->buf, text, strlen(text));
	np_buf_puts(&p->buf, after);
}

static void put_head(struct page *p)
{
	const struct np_flame_picture *picture = p->picture;
	const char *title = picture->title ? picture->title : "Flame Graph";
	np_buf_puts(
		&p->buf,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
		"script-src 'unsafe-inline'\">\n");
	put_markup(p, "<title>", title, "</title>\n<style>\n");
	np_buf_puts(&p->buf, np_asset_flame_page_css);
	np_buf_puts(&p->buf, "</style>\n</head>\n<body>\n<header>\n");
	put_markup(p, "<h1 id=\"title\">", title, "</h1>\n");
	if (picture->subtitle)
		put_markup(p, "<p id=\"subtitle\">", picture->subtitle, "</p>\n");
	for (const char *const *n = picture->notices; n && *n; n++)
		put_markup(p, "<p class=\"notice\">", *n, "</p>\n");
	if ((double)p->least > 1 && !(picture->min_width > 0)) {
		np_buf_puts(&p->buf, "<p class=\"notice\">frames of less than ");
		np_flame_put_value(&p->buf, p->least, &picture->unit);
		np_buf_puts(&p->buf, " are left out: there are too many</p>\n");
	}
	np_buf_puts(&p->buf, "</header>\n");
}

static np_err *put_static(struct page *p)
{
	struct np_flame_picture part = *p->picture;
	double width = part.width ? part.width : 1200, total = (double)np_flame_node_at(p->flame, 0)->total;
	part.is_part = true;
	part.notices = NULL;
	part.min_width = part.min_width > 1 ? part.min_width : 1;
	int64_t least = np_flame_threshold(p->flame, NP_FLAME_LEVELS_MAX, STATIC_FRAMES_MAX,
					   (int64_t)(part.min_width * total / width));
	part.min_width = total > 0 ? fmax(part.min_width, (double)least * width / total) : 1;
	np_buf_puts(&p->buf, "<noscript>\n");
	flush(p, 0);
	NP_TRY(np_flame_svg_write(&part, p->out, NULL));
	np_buf_puts(&p->buf, "</noscript>\n");
	return NULL;
}

np_err *np_flame_html_write(const struct np_flame_picture *picture, FILE *out, struct np_flame_drawn *ret)
{
	struct page p = {.picture = picture, .flame = picture->flame, .out = out};
	choose(&p);
	put_head(&p);
	np_err *err = put_static(&p);
	if (!err) {
		put_data(&p);
		np_buf_puts(&p.buf, "<script>\n\"use strict\";\n");
		np_buf_puts(&p.buf, np_asset_flame_page_js);
		np_buf_puts(&p.buf, "</script>\n</body>\n</html>\n");
		flush(&p, 0);
		if (p.has_failed)
			err = np_err_sys(NP_EIO, "writing the page");
	}
	if (!err && ret)
		*ret = (struct np_flame_drawn){.frames = p.frames};
	np_buf_deinit(&p.buf);
	np_buf_deinit(&p.room);
	free(p.functions);
	return err;
}

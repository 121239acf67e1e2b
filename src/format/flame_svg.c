#include "format/flame_svg.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "format/flame_assets.h"

enum {
	PAD = 10,	   /* left and right of the frames */
	FRAME_HEIGHT = 16, /* with the gap */
	TEXT_PAD = 3,
	FONT_SIZE = 12,
	LINE = 17,
	CHUNK = 1 << 20,
	LEGEND_STEPS = 5, /* of differences */
};

static const double cell_width = FONT_SIZE * 0.6022; /* of the usual monospaced fonts */

struct svg {
	const struct np_flame_picture *picture;
	const np_flame *flame;
	np_flame_labels *labels;
	struct np_buf buf;
	FILE *out;
	bool has_failed;
	int width, height, top, bottom; /* top, bottom: rows for texts above and below the frames */
	uint32_t levels;		/* that are drawn, with the root */
	int64_t least;			/* total of a node that is drawn */
	double scale;			/* pixels a unit of value */
	double delta_max;		/* of what a node itself has more or less */
	uint64_t frames;
	bool used[NP_PALETTE_COLORS];	   /* by frames, and by the legend */
	bool in_legend[NP_PALETTE_COLORS]; /* entries */
};

static void flush(struct svg *s, size_t from)
{
	if (s->buf.len < from)
		return;
	s->has_failed |= fwrite(s->buf.data, 1, s->buf.len, s->out) != s->buf.len;
	np_buf_clear(&s->buf);
}

/* --- which frames there are --- */

static int compare_down(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x < y) - (x > y);
}

int64_t np_flame_threshold(const np_flame *flame, uint32_t max_levels, size_t max, int64_t min)
{
	uint32_t nodes = np_flame_node_count(flame);
	int64_t *totals = np_xmalloc(((size_t)nodes + 1) * sizeof(*totals));
	size_t count = 0;
	for (uint32_t i = 1; i < nodes; i++) {
		const struct np_flame_node *n = np_flame_node_at(flame, i);
		if (n->total >= min && n->total > 0 && n->depth < max_levels)
			totals[count++] = n->total;
	}
	if (count > max) {
		qsort(totals, count, sizeof(*totals), compare_down);
		/* equals of the first one that is left out go as well */
		min = totals[max] < INT64_MAX ? totals[max] + 1 : INT64_MAX;
	}
	free(totals);
	return min;
}

static bool is_drawn(const struct svg *s, const struct np_flame_node *n)
{
	return n->depth < s->levels && n->total >= s->least && (n->total > 0 || n->depth == 0);
}

static void measure(struct svg *s)
{
	const struct np_flame_picture *p = s->picture;
	int64_t total = np_flame_node_at(s->flame, 0)->total;
	uint32_t max = p->max_levels ? p->max_levels : NP_FLAME_LEVELS_MAX;
	s->width = p->width ? p->width : 1200;
	s->scale = total > 0 ? (s->width - 2.0 * PAD) / (double)total : 0;
	double least = s->scale > 0 ? ceil((p->min_width > 0 ? p->min_width : 0.1) / s->scale - 1e-9) : 1;
	s->least = least < 1 ? 1 : least >= 9e18 ? INT64_MAX : (int64_t)least;
	if (!(p->min_width > 0))
		s->least = np_flame_threshold(s->flame, max, NP_FLAME_SVG_FRAMES_MAX, s->least);
	for (uint32_t i = 0; i < np_flame_node_count(s->flame); i++) {
		const struct np_flame_node *n = np_flame_node_at(s->flame, i);
		double delta = fabs(np_flame_self_delta(s->flame, i, !p->absolute));
		if (i && n->total < s->least)
			continue;
		s->levels = n->depth + 1 > s->levels ? n->depth + 1 : s->levels;
		if (np_flame_is_diff(s->flame) && delta > s->delta_max)
			s->delta_max = delta;
	}
	s->levels = s->levels < max ? s->levels : max;
}

static uint8_t color_of(const struct svg *s, uint32_t node)
{
	const struct np_flame_node *n = np_flame_node_at(s->flame, node);
	double delta;
	if (!np_flame_is_diff(s->flame))
		return np_palette_color(s->picture->palette, np_flame_function_at(s->flame, n->function), n);
	delta = np_flame_self_delta(s->flame, node, !s->picture->absolute);
	delta = s->delta_max > 0 && fabs(delta) > 1e-6 * s->delta_max ? delta / s->delta_max : 0;
	return np_palette_diff_color(s->picture->negate ? -delta : delta);
}

/* --- one frame --- */

static bool is_inlined(const struct np_flame_node *n)
{
	return (n->seen & (NP_FLAME_INLINED | NP_FLAME_NOT_INLINED)) == NP_FLAME_INLINED;
}

/* The second line of a title: what kind of code it is. */
static void put_kind(struct np_buf *b, const struct np_flame_function *f, const struct np_flame_node *n)
{
	static const char *const tiers[] = {NULL, "interpreted", "baseline", "Maglev", "TurboFan"};
	bool begun = false;
	if (f->class == NP_CLASS_UNKNOWN || f->class == NP_CLASS_META)
		return;
	np_buf_putc(b, '\n');
	np_buf_puts(b, np_code_class_name((enum np_code_class)f->class));
	for (unsigned t = 1; t < NP_ARRAY_LEN(tiers); t++)
		if (n->seen & 1u << t) {
			np_buf_puts(b, begun ? " + " : ", ");
			np_buf_puts(b, tiers[t]);
			begun = true;
		}
	if (n->seen & NP_FLAME_INLINED)
		np_buf_puts(b, is_inlined(n) ? ", inlined" : ", sometimes inlined");
}

static void put_title(struct svg *s, uint32_t node)
{
	struct np_buf *b = &s->buf;
	const struct np_flame_node *n = np_flame_node_at(s->flame, node), *root = np_flame_node_at(s->flame, 0);
	np_buf_puts(b, "<title>");
	np_flame_put_label(b, s->labels, n->function);
	np_buf_puts(b, " (");
	np_flame_put_value(b, n->total, &s->picture->unit);
	np_buf_puts(b, ", ");
	np_flame_put_percent(b, (double)n->total, (double)root->total);
	if (np_flame_is_diff(s->flame) && node) {
		double delta = np_flame_self_delta(s->flame, node, !s->picture->absolute);
		delta = s->picture->negate ? -delta : delta;
		np_buf_puts(b, delta > 0 ? "; +" : "; ");
		np_flame_put_percent(b, delta, (double)root->total);
	}
	np_buf_putc(b, ')');
	if (np_flame_is_diff(s->flame) && node) {
		double delta = np_flame_delta(s->flame, node, !s->picture->absolute);
		delta = s->picture->negate ? -delta : delta;
		np_buf_puts(b, delta > 0 ? "\nwith what it called: +" : "\nwith what it called: ");
		np_flame_put_percent(b, delta, (double)root->total);
		np_buf_puts(b, " (was ");
		np_flame_put_value(b, n->before, &s->picture->unit);
		np_buf_putc(b, ')');
	}
	put_kind(b, np_flame_function_at(s->flame, n->function), n);
	if (n->is_cut)
		np_buf_puts(b, "\ndeeper calls are left out");
	np_buf_puts(b, "</title>");
}

static int y_of(const struct svg *s, uint32_t depth)
{
	int row = s->picture->icicle ? (int)depth : (int)(s->levels - 1 - depth);
	return s->top + row * FRAME_HEIGHT;
}

static void put_attribute(struct np_buf *b, const char *name, double value)
{
	np_buf_puts(b, name);
	np_flame_put_fixed(b, value, 3);
	np_buf_putc(b, '"');
}

static void put_frame(struct svg *s, uint32_t node)
{
	struct np_buf *b = &s->buf;
	const struct np_flame_node *n = np_flame_node_at(s->flame, node);
	uint8_t color = color_of(s, node);
	double x = PAD + (double)n->start * s->scale, end = PAD + (double)(n->start + n->total) * s->scale;
	double left = round(x * 1000) / 1000, width = node ? round(end * 1000) / 1000 - left : s->width - 2 * PAD;
	int y = y_of(s, n->depth);
	double cells = (width - 2 * TEXT_PAD) / cell_width;
	s->frames++;
	np_buf_puts(b, "<g class=\"c");
	np_flame_put_fixed(b, color, 0);
	np_buf_puts(b, is_inlined(n) ? " i\">" : "\">");
	put_title(s, node);
	put_attribute(b, "<rect x=\"", left);
	put_attribute(b, " y=\"", y);
	put_attribute(b, " width=\"", width);
	np_buf_puts(b, " height=\"15\"/>");
	if (cells >= 3) {
		put_attribute(b, "<text x=\"", round(left * 10) / 10 + TEXT_PAD);
		put_attribute(b, " y=\"", y + 11.5);
		np_buf_putc(b, '>');
		np_flame_put_cut(b, s->labels, n->function, (size_t)cells);
		np_buf_puts(b, "</text>");
	}
	np_buf_puts(b, "</g>\n");
}

static void put_frames(struct svg *s)
{
	np_buf_puts(&s->buf, "<g id=\"frames\">\n");
	uint32_t node = 0;
	do {
		bool drawn = is_drawn(s, np_flame_node_at(s->flame, node));
		if (drawn)
			put_frame(s, node);
		flush(s, CHUNK);
		node = np_flame_next(s->flame, node, !drawn);
	} while (node);
	np_buf_puts(&s->buf, "</g>\n");
}

/* --- style --- */

/* Colours of the frames that are drawn, and of what the legend says of them. */
static void mark_colors(struct svg *s)
{
	uint8_t color;
	for (uint32_t i = 1; i < np_flame_node_count(s->flame); i++)
		if (is_drawn(s, np_flame_node_at(s->flame, i)))
			s->used[color_of(s, i)] = true;
	if (np_flame_is_diff(s->flame)) {
		for (int i = 0; i < LEGEND_STEPS; i++)
			s->used[i * NP_PALETTE_DIFF_STEPS * 2 / (LEGEND_STEPS - 1)] = true;
		s->used[color_of(s, 0)] = true;
		return;
	}
	for (unsigned i = 0; i < NP_PALETTE_COLORS; i++)
		s->in_legend[np_palette_legend_of(s->picture->palette, (uint8_t)i)] |= s->used[i];
	for (unsigned i = 0; np_palette_legend(s->picture->palette, i, &color); i++)
		s->used[color] |= s->in_legend[i];
	s->used[color_of(s, 0)] = true; /* of all: needs no explanation */
}

static void put_colors(struct svg *s, bool is_dark)
{
	for (unsigned i = 0; i < NP_PALETTE_COLORS; i++)
		if (s->used[i])
			np_buf_printf(&s->buf, ".c%u{fill:#%06x}\n", i,
				      np_flame_is_diff(s->flame)
					      ? np_palette_diff_rgb((uint8_t)i, is_dark)
					      : np_palette_rgb(s->picture->palette, (uint8_t)i, is_dark));
}

static void put_style(struct svg *s)
{
	np_buf_puts(&s->buf, "<style>\n");
	np_buf_puts(&s->buf, np_asset_flame_style_css);
	put_colors(s, false);
	np_buf_puts(&s->buf, "@media (prefers-color-scheme:dark){\n");
	put_colors(s, true);
	np_buf_puts(&s->buf, "}\n</style>\n");
}

/* --- texts around the frames --- */

static void put_text(struct svg *s, const char *id, const char *class, double x, double y, const char *text)
{
	np_buf_printf(&s->buf, "<text id=\"%s\"", id);
	if (*class)
		np_buf_printf(&s->buf, " class=\"%s\"", class);
	put_attribute(&s->buf, " x=\"", x);
	put_attribute(&s->buf, " y=\"", y);
	np_buf_putc(&s->buf, '>');
	np_markup_put(&s->buf, text, strlen(text));
	np_buf_puts(&s->buf, "</text>\n");
}

static void put_notice(struct svg *s, int line, const char *text)
{
	np_buf_puts(&s->buf, "<text class=\"notice\"");
	put_attribute(&s->buf, " x=\"", PAD);
	put_attribute(&s->buf, " y=\"", s->height - s->bottom + 3 * LINE + 4 + line * LINE);
	np_buf_putc(&s->buf, '>');
	np_markup_put(&s->buf, text, strlen(text));
	np_buf_puts(&s->buf, "</text>\n");
}

/* Levels that are deep enough in the tree but not in the picture. */
static uint32_t levels_left_out(const struct svg *s)
{
	uint32_t deepest = 0;
	for (uint32_t i = 0; i < np_flame_node_count(s->flame); i++) {
		const struct np_flame_node *n = np_flame_node_at(s->flame, i);
		if (n->total >= s->least && n->depth > deepest)
			deepest = n->depth;
	}
	return deepest + 1 > s->levels ? deepest + 1 - s->levels : 0;
}

static bool is_coarse(const struct svg *s)
{
	return !(s->picture->min_width > 0) && (double)(s->least - 1) * s->scale > 0.1;
}

static int notice_count(const struct svg *s)
{
	int count = (levels_left_out(s) > 0) + is_coarse(s);
	for (const char *const *n = s->picture->notices; n && *n; n++)
		count++;
	return count;
}

static void put_notices(struct svg *s)
{
	int line = 0;
	struct np_buf text = {0};
	uint32_t levels = levels_left_out(s);
	for (const char *const *n = s->picture->notices; n && *n; n++)
		put_notice(s, line++, *n);
	if (levels) {
		np_buf_printf(&text, "%u deeper levels are not drawn", levels);
		put_notice(s, line++, np_buf_str(&text));
		np_buf_clear(&text);
	}
	if (is_coarse(s)) {
		np_buf_puts(&text, "frames narrower than ");
		np_flame_put_fixed(&text, (double)s->least * s->scale, 2);
		np_buf_puts(&text, " pixels are not drawn: there are too many");
		put_notice(s, line++, np_buf_str(&text));
	}
	np_buf_deinit(&text);
}

/* A square of colour and what it means, for all that is in the picture. */
static void put_legend_entry(struct svg *s, double *x, const char *class, const char *name)
{
	int y = s->height - s->bottom + LINE + 8;
	np_buf_printf(&s->buf, "<rect class=\"%s\"", class);
	put_attribute(&s->buf, " x=\"", *x);
	put_attribute(&s->buf, " y=\"", y);
	np_buf_puts(&s->buf, " width=\"11\" height=\"11\"/><text");
	put_attribute(&s->buf, " x=\"", *x + 15);
	put_attribute(&s->buf, " y=\"", y + 9.5);
	np_buf_puts(&s->buf, ">");
	np_buf_puts(&s->buf, name);
	np_buf_puts(&s->buf, "</text>");
	*x += 15 + (double)strlen(name) * 11 * 0.6022 + 16;
}

static void put_legend(struct svg *s)
{
	double x = PAD;
	char class[16];
	const char *name;
	uint8_t color;
	np_buf_puts(&s->buf, "<g id=\"legend\">");
	if (np_flame_is_diff(s->flame)) {
		static const char *const words[LEGEND_STEPS] = {"much less", "less", "the same", "more", "much more"};
		for (int i = 0; i < LEGEND_STEPS; i++) {
			snprintf(class, sizeof(class), "c%d", i * NP_PALETTE_DIFF_STEPS * 2 / (LEGEND_STEPS - 1));
			put_legend_entry(s, &x, class, words[i]);
		}
	} else {
		for (unsigned i = 0; (name = np_palette_legend(s->picture->palette, i, &color)); i++) {
			snprintf(class, sizeof(class), "c%u", color);
			if (s->in_legend[i])
				put_legend_entry(s, &x, class, name);
		}
	}
	np_buf_puts(&s->buf, "</g>\n");
}

static void put_head(struct svg *s)
{
	struct np_buf *b = &s->buf;
	if (!s->picture->is_part)
		np_buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n");
	np_buf_printf(b, "<svg version=\"1.1\" width=\"%d\" height=\"%d\"", s->width, s->height);
	if (!s->picture->is_part)
		np_buf_puts(b, " onload=\"init()\"");
	np_buf_printf(b, " viewBox=\"0 0 %d %d\" xmlns=\"http://www.w3.org/2000/svg\"%s>\n", s->width, s->height,
		      s->picture->icicle ? " class=\"icicle\"" : "");
	np_buf_puts(
		b,
		"<defs><linearGradient id=\"background\" y1=\"0\" y2=\"1\" x1=\"0\" x2=\"0\">"
		"<stop class=\"sky\" offset=\"5%\"/><stop class=\"ground\" offset=\"95%\"/></linearGradient></defs>\n");
}

static void put_around(struct svg *s)
{
	const struct np_flame_picture *p = s->picture;
	int below = s->height - s->bottom + LINE;
	np_buf_printf(&s->buf, "<rect x=\"0\" y=\"0\" width=\"%d\" height=\"%d\" fill=\"url(#background)\"/>\n",
		      s->width, s->height);
	if (!p->is_part)
		put_text(s, "title", "", s->width / 2.0, 24,
			 p->title    ? p->title
			 : p->icicle ? "Icicle Graph"
				     : "Flame Graph");
	if (!p->is_part && p->subtitle)
		put_text(s, "subtitle", "", s->width / 2.0, 43, p->subtitle);
	if (!p->is_part) {
		put_text(s, "details", "", PAD, below - 3, " ");
		put_text(s, "unzoom", "hide", PAD, 24, "Reset Zoom");
		put_text(s, "search", "", s->width - PAD - 85, 24, "Search");
		put_text(s, "ignorecase", "", s->width - PAD - 16, 24, "ic");
		put_text(s, "matched", "", s->width - PAD, below - 3, " ");
	}
	put_legend(s);
	put_notices(s);
}

static void put_script(struct svg *s)
{
	struct np_buf *b = &s->buf;
	np_buf_puts(b, "<script><![CDATA[\n\"use strict\";\n");
	np_buf_printf(b, "const PAD = %d, CELL = %.4f, TEXT_PAD = %d, ICICLE = %s;\n", PAD, cell_width, TEXT_PAD,
		      s->picture->icicle ? "true" : "false");
	np_buf_puts(b, np_asset_flame_script_js);
	np_buf_puts(b, "]]></script>\n");
}

np_err *np_flame_svg_write(const struct np_flame_picture *picture, FILE *out, struct np_flame_drawn *ret)
{
	struct svg s = {.picture = picture, .flame = picture->flame, .out = out};
	measure(&s);
	s.labels = np_flame_labels_create(s.flame);
	s.top = picture->is_part ? PAD : picture->subtitle ? 56 : 38;
	s.bottom = 2 * LINE + 12 + notice_count(&s) * LINE;
	s.height = s.top + (int)s.levels * FRAME_HEIGHT + s.bottom;
	mark_colors(&s);
	put_head(&s);
	put_style(&s);
	put_around(&s);
	put_frames(&s);
	if (!picture->is_part)
		put_script(&s);
	np_buf_puts(&s.buf, "</svg>\n");
	flush(&s, 0);
	np_flame_labels_destroy(s.labels);
	np_buf_deinit(&s.buf);
	if (ret)
		*ret = (struct np_flame_drawn){s.frames, levels_left_out(&s), (double)s.least * s.scale};
	return s.has_failed ? np_err_sys(NP_EIO, "writing the flame graph") : NULL;
}

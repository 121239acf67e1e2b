/*
 * A flame graph as one SVG file that shows itself: search, zoom, keyboard, dark
 * pages; and can be read where no script runs.
 *
 *     <g id="frames">  <g class="COLOUR">  <title>NAME (1,234 samples, 12.34%)</title>  <rect>  <text>
 *     <text id="title|subtitle|details|unzoom|search|ignorecase|matched">
 *
 * Identifiers, the form of titles and the query (?x=&y=&s=) are those of
 * flamegraph.pl, which other tools read.  Colours are classes in the style sheet.
 * Texts are cut to the width of their frames here, in a font all of whose
 * characters are equally wide.
 */
#ifndef NP_FORMAT_FLAME_SVG_H
#define NP_FORMAT_FLAME_SVG_H

#include <stdio.h>

#include "format/flame_labels.h"
#include "format/flame_palette.h"
#include "profile/flame.h"

enum { NP_FLAME_LEVELS_MAX = 512, NP_FLAME_SVG_FRAMES_MAX = 40000 };

struct np_flame_picture {
	const np_flame *flame;
	const char *title, *subtitle; /* NULL: none */
	struct np_flame_unit unit;
	enum np_palette palette;
	int width;	  /* pixels; 0: 1200 */
	double min_width; /* pixels; narrower frames are left out. 0: a tenth, and more when there are too many frames
			   */
	bool icicle;	  /* the root is on top */
	bool absolute;	  /* differences are not scaled to equal sums */
	bool negate;	  /* what is more than before is blue */
	uint32_t max_levels;	    /* 0: NP_FLAME_LEVELS_MAX */
	const char *const *notices; /* told in the picture; ends with NULL; NULL: none */
	bool is_part;		    /* inside of a page: no declaration, no script */
};

struct np_flame_drawn {
	uint64_t frames; /* that are in the file */
	uint32_t levels_left_out;
	double min_width; /* in pixels, as it was used */
};

/* NP_EIO when writing fails. ret may be NULL. */
np_err *np_flame_svg_write(const struct np_flame_picture *picture, FILE *out, struct np_flame_drawn *ret) NP_MUST;
/*
 * The least total that a node must have so that at most max nodes (the root not
 * counted) are shown, min at least.
 */
int64_t np_flame_threshold(const np_flame *flame, uint32_t max_levels, size_t max, int64_t min);

#endif

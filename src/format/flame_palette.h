/*
 * Colours of frames: a few classes of colour, shared by all frames that look the
 * same, each with a shade for light and for dark pages.  Which one a frame gets
 * follows from what it is and from a hash of its name, so that it is the same in
 * every graph.
 */
#ifndef NP_FORMAT_FLAME_PALETTE_H
#define NP_FORMAT_FLAME_PALETTE_H

#include "profile/flame.h"

enum np_palette {
	NP_PALETTE_JS, /* by class of code */
	NP_PALETTE_TIER,
	NP_PALETTE_HOT,
	NP_PALETTE_MEM,
	NP_PALETTE_IO,
	NP_PALETTE_WAKEUP,
	NP_PALETTE_CHAIN,
	NP_PALETTE_RED,
	NP_PALETTE_GREEN,
	NP_PALETTE_BLUE,
	NP_PALETTE_AQUA,
	NP_PALETTE_YELLOW,
	NP_PALETTE_PURPLE,
	NP_PALETTE_ORANGE,
	NP_PALETTES
};

#define NP_PALETTE_CHOICES "js|tier|hot|mem|io|wakeup|chain|red|green|blue|aqua|yellow|purple|orange"

enum {
	NP_PALETTE_COLORS = 96,	   /* numbers are below */
	NP_PALETTE_DIFF_STEPS = 8, /* to either side of no difference */
};

/* By its word in NP_PALETTE_CHOICES; false: there is no such one. */
bool np_palette_named(const char *name, enum np_palette *ret);
/* The colour of a node, a number below NP_PALETTE_COLORS. */
uint8_t np_palette_color(enum np_palette palette, const struct np_flame_function *function,
			 const struct np_flame_node *node);
/* Of a difference, -1 (much less) to 1 (much more): a number below 2 * NP_PALETTE_DIFF_STEPS + 1. */
uint8_t np_palette_diff_color(double share);
/* 0xrrggbb */
uint32_t np_palette_rgb(enum np_palette palette, uint8_t color, bool is_dark);
uint32_t np_palette_diff_rgb(uint8_t color, bool is_dark);
/* The words for what colours of a palette mean, and a colour of each: for a legend. NULL: the palette has none, or no
 * such entry. */
const char *np_palette_legend(enum np_palette palette, unsigned entry, uint8_t *ret_color);
/* The entry of the legend that a colour belongs to. */
unsigned np_palette_legend_of(enum np_palette palette, uint8_t color);

#endif

#include "format/flame_palette.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Colours of JS and TIER are numbered entry * SHADES + shade, those of the others 0 to 31. */
enum { SHADES = 8, HASHED = 32, TIERS = NP_PROFILE_TIER_TURBOFAN + 1 };

_Static_assert(NP_CLASSES *SHADES <= NP_PALETTE_COLORS && TIERS * SHADES <= NP_PALETTE_COLORS, "colours have numbers");

bool np_palette_named(const char *name, enum np_palette *ret)
{
	const char *at = NP_PALETTE_CHOICES;
	for (int i = 0; i < NP_PALETTES; i++) {
		size_t n = strcspn(at, "|");
		if (strlen(name) == n && memcmp(at, name, n) == 0) {
			*ret = (enum np_palette)i;
			return true;
		}
		at += n + (at[n] == '|');
	}
	return false;
}

/* The highest tier that was seen at a node. */
static unsigned tier_of(const struct np_flame_node *node)
{
	for (unsigned t = TIERS - 1; t > 0; t--)
		if (node->seen & 1u << t)
			return t;
	return 0;
}

uint8_t np_palette_color(enum np_palette palette, const struct np_flame_function *function,
			 const struct np_flame_node *node)
{
	if (palette == NP_PALETTE_JS)
		return (uint8_t)(function->class * SHADES + function->hash % SHADES);
	if (palette == NP_PALETTE_TIER)
		return (uint8_t)(tier_of(node) * SHADES + function->hash % SHADES);
	return (uint8_t)(function->hash % HASHED);
}

uint8_t np_palette_diff_color(double share)
{
	double size = fabs(share) < 1 ? fabs(share) : 1;
	int step = (int)ceil(size * NP_PALETTE_DIFF_STEPS - 1e-9); /* the least difference shows */
	return (uint8_t)(NP_PALETTE_DIFF_STEPS + (share < 0 ? -step : step));
}

/* --- colours --- */

static uint32_t rgb(double r, double g, double b)
{
	return (uint32_t)lround(r) << 16 | (uint32_t)lround(g) << 8 | (uint32_t)lround(b);
}

/* hue in degrees, the others 0 to 1 */
static uint32_t hsl(double hue, double saturation, double lightness)
{
	double c[3];
	for (int i = 0; i < 3; i++) {
		double k = fmod((i == 0 ? 0 : i == 1 ? 8 : 4) + hue / 30, 12);
		double a = saturation * fmin(lightness, 1 - lightness);
		c[i] = 255 * (lightness - a * fmax(-1, fmin(fmin(k - 3, 9 - k), 1)));
	}
	return rgb(c[0], c[1], c[2]);
}

struct tone {
	const char *name;
	double hue, saturation, lightness;
};

static const struct tone class_tones[NP_CLASSES] = {
	[NP_CLASS_UNKNOWN] = {"unknown", 30, 0.06, 0.76},
	[NP_CLASS_APPLICATION] = {"application", 110, 0.50, 0.64},
	[NP_CLASS_DEPENDENCY] = {"dependency", 212, 0.72, 0.74},
	[NP_CLASS_CORE] = {"Node.js core", 174, 0.48, 0.62},
	[NP_CLASS_V8] = {"V8", 276, 0.50, 0.78},
	[NP_CLASS_CPP] = {"C++", 50, 0.85, 0.62},
	[NP_CLASS_LIBRARY] = {"library", 345, 0.66, 0.76},
	[NP_CLASS_KERNEL] = {"kernel", 24, 0.88, 0.66},
	[NP_CLASS_META] = {"state", 220, 0.08, 0.84},
};

static const struct tone tier_tones[TIERS] = {
	{"not JavaScript", 220, 0.06, 0.80}, {"interpreted", 4, 0.75, 0.70}, {"baseline", 34, 0.85, 0.66},
	{"Maglev", 70, 0.60, 0.62},	     {"TurboFan", 130, 0.50, 0.62},
};

static uint32_t tone_rgb(const struct tone *t, unsigned shade, bool is_dark)
{
	double hue = fmod(t->hue + 360 + ((int)(shade % 4) - 1.5) * 4, 360);
	double lightness = t->lightness + (shade / 4 ? 0.025 : -0.025);
	return is_dark ? hsl(hue, t->saturation * 0.62, lightness * 0.47) : hsl(hue, t->saturation, lightness);
}

/* The ranges that people know from the original flame graphs; u, v: 0 to 1. */
static uint32_t hashed_rgb(enum np_palette palette, double u, double v)
{
	switch (palette) {
	case NP_PALETTE_MEM:
		return rgb(0, 190 + 50 * v, 210 * u);
	case NP_PALETTE_IO:
		return rgb(80 + 60 * u, 80 + 60 * u, 190 + 55 * v);
	case NP_PALETTE_RED:
		return rgb(200 + 55 * u, 50 + 80 * u, 50 + 80 * u);
	case NP_PALETTE_GREEN:
		return rgb(50 + 60 * u, 200 + 55 * u, 50 + 60 * u);
	case NP_PALETTE_CHAIN:
	case NP_PALETTE_BLUE:
		return rgb(80 + 60 * u, 80 + 60 * u, 205 + 50 * u);
	case NP_PALETTE_WAKEUP:
	case NP_PALETTE_AQUA:
		return rgb(50 + 60 * u, 165 + 55 * u, 165 + 55 * u);
	case NP_PALETTE_YELLOW:
		return rgb(175 + 55 * u, 175 + 55 * u, 50 + 20 * u);
	case NP_PALETTE_PURPLE:
		return rgb(190 + 65 * u, 80 + 60 * u, 190 + 65 * u);
	case NP_PALETTE_ORANGE:
		return rgb(190 + 65 * u, 90 + 65 * u, 0);
	default:
		return rgb(205 + 50 * v, 230 * u, 55 * v);
	}
}

static double channel(uint32_t value)
{
	double c = value / 255.0;
	return c <= 0.03928 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

/* As WCAG defines it, 0 to 1. */
static double luminance(uint32_t color)
{
	return 0.2126 * channel(color >> 16) + 0.7152 * channel(color >> 8 & 255) + 0.0722 * channel(color & 255);
}

static uint32_t mixed(uint32_t color, uint32_t with, double share)
{
	double part[3];
	for (int i = 0; i < 3; i++)
		part[i] = (color >> (16 - 8 * i) & 255) * (1 - share) + (with >> (16 - 8 * i) & 255) * share;
	return rgb(part[0], part[1], part[2]);
}

/* The same colour so light, or so dark, that the page's ink can be read on it (a contrast of 4.5). */
static uint32_t readable(uint32_t color, bool is_dark)
{
	static const double least = 0.225, most = 0.145;
	for (int i = 0; i < 40 && (is_dark ? luminance(color) > most : luminance(color) < least); i++)
		color = mixed(color, is_dark ? 0 : 0xffffff, 0.06);
	return color;
}

uint32_t np_palette_rgb(enum np_palette palette, uint8_t color, bool is_dark)
{
	if (palette == NP_PALETTE_JS || palette == NP_PALETTE_TIER) {
		unsigned entry = color / SHADES;
		const struct tone *tones = palette == NP_PALETTE_JS ? class_tones : tier_tones;
		entry = entry < (palette == NP_PALETTE_JS ? NP_CLASSES : TIERS) ? entry : 0;
		return readable(tone_rgb(&tones[entry], color % SHADES, is_dark), is_dark);
	}
	/* 32 points that are spread over both dimensions */
	uint32_t light = hashed_rgb(palette, color % HASHED / 31.0, color * 11 % HASHED / 31.0);
	return readable(is_dark ? mixed(light, 0, 0.48) : light, is_dark);
}

uint32_t np_palette_diff_rgb(uint8_t color, bool is_dark)
{
	int step = (int)color - NP_PALETTE_DIFF_STEPS;
	double share = fmin(abs(step) / (double)NP_PALETTE_DIFF_STEPS, 1);
	if (!step)
		return is_dark ? 0x454a52 : 0xdde1e6;
	if (is_dark)
		return readable(hsl(step > 0 ? 2 : 216, 0.28 + 0.42 * share, 0.34 + 0.06 * share), true);
	return readable(hsl(step > 0 ? 2 : 216, 0.92, 0.88 - 0.26 * share), false);
}

/* --- legend --- */

const char *np_palette_legend(enum np_palette palette, unsigned entry, uint8_t *ret_color)
{
	unsigned count = palette == NP_PALETTE_JS ? NP_CLASSES : palette == NP_PALETTE_TIER ? TIERS : 0;
	if (entry >= count)
		return NULL;
	*ret_color = (uint8_t)(entry * SHADES + 1);
	return (palette == NP_PALETTE_JS ? class_tones : tier_tones)[entry].name;
}

unsigned np_palette_legend_of(enum np_palette palette, uint8_t color)
{
	return color / SHADES;
}

/*
 * A flame graph as one HTML page that needs nothing else: the tree as JSON, a script
 * that draws what of it is in sight, and the picture of format/flame_svg.h for
 * browsers that run no scripts.
 *
 *     <noscript> SVG </noscript>  <script type="application/json" id="data"> TREE </script>  <script> ... </script>
 *
 * Unlike the SVG it has frames that only zooming makes visible, any depth, and views
 * that are made in the browser: callers, icicle, without kinds of code, a table of
 * functions.  Texts get into it as JSON without a <, so that nothing ends the script.
 */
#ifndef NP_FORMAT_FLAME_HTML_H
#define NP_FORMAT_FLAME_HTML_H

#include "format/flame_svg.h"

enum { NP_FLAME_HTML_FRAMES_MAX = 300000 };

/* The picture's limits on levels and width are those of the SVG in it, but for a min_width that is given. */
np_err *np_flame_html_write(const struct np_flame_picture *picture, FILE *out, struct np_flame_drawn *ret) NP_MUST;

#endif

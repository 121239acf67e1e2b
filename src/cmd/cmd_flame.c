/* nopsy flame: a profile as a flame graph, SVG or HTML. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/profile_load.h"
#include "cmd/sink.h"
#include "format/flame_html.h"
#include "format/flame_svg.h"
#include "profile/flame.h"

enum { REVERSED_DEPTH_MAX = 1000, FEW_SAMPLES = 100 };

static const struct np_option options[] = {
	NP_PROFILE_FROM_OPTION,
	{"to", 't', NP_OPT_CHOICE, "FORMAT", "svg|html", "the output's form; told by the name of -o FILE, else svg"},
	{"diff", 0, NP_OPT_FILE, "EARLIER", NULL,
	 "colours tell what is more (red) or less (blue) than in this profile"},
	{"absolute", 0, NP_OPT_FLAG, NULL, NULL, "with --diff: values as they are, not scaled to equal sums"},
	{"negate", 0, NP_OPT_FLAG, NULL, NULL, "with --diff: red and blue change places"},
	{"reverse", 0, NP_OPT_FLAG, NULL, NULL, "callers: what was executing is at the root, who called it follows"},
	{"icicle", 0, NP_OPT_FLAG, NULL, NULL, "the root on top"},
	{"by", 'b', NP_OPT_CHOICE, "WHAT", "function|file|package", "what a frame stands for"},
	{"tiers", 0, NP_OPT_FLAG, NULL, NULL, "code of different tiers (~ ^ + *) apart"},
	{"threads", 0, NP_OPT_FLAG, NULL, NULL, "a level of threads"},
	NP_PROFILE_FILTER_OPTIONS,
	{"filter", 'F', NP_OPT_STRING, "REGEX", NULL, "the same as --keep"},
	{"palette", 'p', NP_OPT_CHOICE, "NAME", NP_PALETTE_CHOICES,
	 "colours: js by kind of code, tier, or by a hash of the name"},
	{"title", 0, NP_OPT_STRING, "TEXT", NULL, "above the graph"},
	{"subtitle", 0, NP_OPT_STRING, "TEXT", NULL, "below the title"},
	{"count-name", 0, NP_OPT_STRING, "TEXT", NULL, "what is counted (samples)"},
	{"min-width", 0, NP_OPT_STRING, "PX|N%", NULL,
	 "narrower frames are left out (0.1, more when there are too many)"},
	{"width", 'w', NP_OPT_INT, "PX", NULL, "of the SVG (1200)"},
	{"max-levels", 0, NP_OPT_INT, "N", NULL, "of the SVG (512); the page has them all"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy flame perf.txt.gz -o out.svg", "any supported profile, its format told by its content"},
	{"nopsy flame run.cpuprofile -o run.html",
	 "one page that needs nothing else, with callers and a table of functions"},
	{"nopsy flame after.folded --diff before.folded -o diff.svg", "what got slower"},
	{"nopsy flame run.folded --by package -o packages.svg", "which dependency costs how much"},
	{"nopsy flame run.folded --keep 'JSON\\.parse' --reverse > callers.svg", "who calls it"},
	{"nopsy flame perf.txt --hide internals --time 2-5 -o app.html",
	 "the program's own functions, three seconds of them"},
	{0},
};

struct drawing {
	struct np_invocation *inv;
	struct np_flame_picture picture;
	struct np_flame_options tree;
	NP_VEC(const char *) notices;
	np_profile *now, *before;
	struct np_flame_input inputs[2]; /* now, before */
	struct np_filter filter;
	bool is_html;
	/* for the answer */
	struct np_flame_drawn drawn;
};

static void notice(struct drawing *d, const char *text)
{
	np_vec_push(&d->notices, text);
}

/* --- options --- */

static bool is_output_html(const struct np_invocation *inv)
{
	const char *to = np_opt_str(inv, "to"), *path = inv->globals->output;
	size_t len = path ? strlen(path) : 0;
	if (to)
		return strcmp(to, "html") == 0;
	return (len > 5 && strcasecmp(path + len - 5, ".html") == 0) ||
	       (len > 4 && strcasecmp(path + len - 4, ".htm") == 0);
}

static np_err *take_number(const struct np_invocation *inv, const char *name, int64_t min, int64_t max, int *ret)
{
	int64_t value;
	if (!np_opt_int(inv, name, &value))
		return NULL;
	if (value < min || value > max)
		return np_err_new(NP_EUSAGE, "--%s is a number from %lld to %lld", name, (long long)min,
				  (long long)max);
	*ret = (int)value;
	return NULL;
}

static np_err *take_min_width(struct drawing *d)
{
	const char *text = np_opt_str(d->inv, "min-width");
	char *end;
	if (!text)
		return NULL;
	double value = strtod(text, &end);
	if (end == text || (*end && strcmp(end, "%") != 0) || !isfinite(value) || value < 0)
		return np_err_new(NP_EUSAGE, "--min-width is a number of pixels, or of percent: %s", text);
	if (*end)
		value = value / 100 * (d->picture.width ? d->picture.width : 1200);
	d->picture.min_width = value > 0 ? value : 1e-9;
	return NULL;
}

static np_err *take_options(struct drawing *d)
{
	const struct np_invocation *inv = d->inv;
	const char *by = np_opt_str(inv, "by"), *palette = np_opt_str(inv, "palette");
	int levels = 0;
	NP_TRY(np_profile_filter_options(d->inv, &d->filter));
	d->filter.keep = d->filter.keep ? d->filter.keep : np_opt_str(inv, "filter");
	d->is_html = is_output_html(inv);
	d->tree.reversed = np_opt_flag(inv, "reverse") || d->filter.inverted;
	d->filter.inverted = false; /* the tree itself is made that way */
	d->tree.by_thread = np_opt_flag(inv, "threads");
	d->tree.keep_tiers = np_opt_flag(inv, "tiers");
	d->tree.by = !by || strcmp(by, "function") == 0 ? NP_FLAME_BY_FUNCTION
		     : strcmp(by, "file") == 0		? NP_FLAME_BY_FILE
							: NP_FLAME_BY_PACKAGE;
	/* a forest of reversed stacks has no common beginnings that would keep it small */
	d->tree.max_depth = d->tree.reversed ? REVERSED_DEPTH_MAX : 0;
	d->picture.icicle = np_opt_flag(inv, "icicle");
	d->picture.absolute = np_opt_flag(inv, "absolute");
	d->picture.negate = np_opt_flag(inv, "negate");
	if (palette && !np_palette_named(palette, &d->picture.palette))
		return np_err_new(NP_EUSAGE, "no palette is called %s", palette);
	NP_TRY(take_number(inv, "width", 200, 100000, &d->picture.width));
	NP_TRY(take_number(inv, "max-levels", 1, 100000, &levels));
	d->picture.max_levels = (uint32_t)levels;
	return take_min_width(d);
}

/* --- the profiles --- */

/* What is looked at of the profile in path. is_earlier: it may be nothing. */
static np_err *profile_load(struct drawing *d, const char *path, bool is_earlier, np_profile **ret)
{
	const struct np_filter *filter = &d->filter;
	np_profile *whole;
	NP_TRY(np_profile_load(d->inv, path, filter->has_from || filter->has_to, &whole));
	if (!np_filter_is_set(filter)) {
		*ret = whole;
		return NULL;
	}
	np_err *err = np_profile_filter(whole, filter, false, ret);
	np_profile_destroy(whole);
	if (!is_earlier || np_err_code(err) != NP_ENOTFOUND)
		return err;
	np_err_drop(err); /* all of it is new */
	*ret = np_profile_create(false);
	return NULL;
}

static void input_make(struct drawing *d, int side, np_profile *p)
{
	uint32_t type = np_profile_facts(p)->default_type;
	d->inputs[side] = (struct np_flame_input){p, type < np_profile_value_type_count(p) ? type : 0};
}

/* Folded stacks with two numbers (difffolded.pl) are two profiles in one. */
static bool is_two_in_one(const np_profile *p)
{
	return np_profile_value_type_count(p) == 2 && strcmp(np_profile_value_type_at(p, 0).name, "before") == 0 &&
	       strcmp(np_profile_value_type_at(p, 1).name, "after") == 0;
}

static np_err *inputs_load(struct drawing *d)
{
	const char *path = d->inv->arg_count ? d->inv->args[0] : NULL, *other = np_opt_str(d->inv, "diff");
	if (!path && isatty(STDIN_FILENO))
		return np_err_new(NP_EUSAGE, "FILE, or a profile on standard input");
	NP_TRY(profile_load(d, path, false, &d->now));
	input_make(d, 0, d->now);
	if (other) {
		NP_TRY(profile_load(d, other, true, &d->before));
		input_make(d, 1, d->before);
	} else if (is_two_in_one(d->now)) {
		d->inputs[0].value_type = 1;
		d->inputs[1] = (struct np_flame_input){d->now, 0};
	}
	return NULL;
}

/* --- words --- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* What is drawn, and how it was asked for. */
static void words_make(struct drawing *d)
{
	const struct np_invocation *inv = d->inv;
	const char *title = np_opt_str(inv, "title"), *subtitle = np_opt_str(inv, "subtitle");
	const char *count_name = np_opt_str(inv, "count-name");
	const char *path = inv->arg_count && strcmp(inv->args[0], "-") != 0 ? inv->args[0] : NULL;
	bool is_diff = d->inputs[1].profile != NULL;
	struct np_profile_value_type type = np_profile_value_type_at(d->now, d->inputs[0].value_type);
	if (!count_name && !d->before && is_two_in_one(d->now))
		count_name = "samples";
	d->picture.unit = np_flame_unit_of(type, count_name);
	const char *kind = d->picture.icicle ? "Icicle Graph" : "Flame Graph";
	d->picture.title = title ? title
				 : np_arena_printf(inv->arena, "%s%s%s", is_diff ? "Differential " : "", kind,
						   d->tree.reversed ? " of Callers" : "");
	uint32_t command = np_profile_facts(d->now)->command;
	const char *source = command ? np_profile_text(d->now, command) : path ? base_name(path) : "";
	const char *by = d->tree.by == NP_FLAME_BY_PACKAGE ? "by package"
			 : d->tree.by == NP_FLAME_BY_FILE  ? "by file"
							   : "";
	const char *other = d->before ? np_opt_str(inv, "diff") : NULL;
	d->picture.subtitle = subtitle ? subtitle
				       : np_arena_printf(inv->arena, "%s%s%s%s%s%s%s", source, other ? " against " : "",
							 other ? base_name(other) : "", *source && *by ? ", " : "", by,
							 d->filter.keep ? ", only stacks with " : "",
							 d->filter.keep ? d->filter.keep : "");
	if (!*d->picture.subtitle)
		d->picture.subtitle = NULL;
}

static void notices_make(struct drawing *d, const np_flame *flame)
{
	np_arena *arena = d->inv->arena;
	const struct np_flame_node *root = np_flame_node_at(flame, 0);
	if (d->picture.unit.kind == NP_FLAME_COUNT && root->total < FEW_SAMPLES)
		notice(d, np_arena_printf(arena, "only %lld %s: what looks like much may be chance",
					  (long long)root->total, d->picture.unit.name));
	if (np_flame_is_cut(flame))
		notice(d,
		       np_arena_printf(arena, "callers farther away than %d levels are left out", REVERSED_DEPTH_MAX));
	if (np_flame_negative(flame)) {
		unsigned long long negative = np_flame_negative(flame);
		notice(d, np_arena_printf(arena, "%llu samples with a value below zero are left out", negative));
		np_partial(d->inv, "%llu samples have a value below zero and are left out", negative);
	}
	if (np_flame_is_diff(flame) && root->before > 0) {
		int64_t gone = 0;
		for (uint32_t i = 1; i < np_flame_node_count(flame); i++) {
			const struct np_flame_node *n = np_flame_node_at(flame, i);
			gone += n->total ? 0 : n->before_self;
		}
		if (gone)
			notice(d, np_arena_printf(arena,
						  "stacks of %.1f%% of the earlier profile are gone: the two profiles "
						  "exchanged (--negate) show them",
						  100.0 * (double)gone / (double)root->before));
	}
	np_vec_push(&d->notices, NULL);
	d->picture.notices = d->notices.data;
}

/* --- writing --- */

static const struct np_shape shape = {
	.name = "flame",
	.style = NP_STYLE_LINE,
	.line = "{file}: {frames:num} frames, {file_bytes}",
};

static np_err *draw(struct drawing *d, FILE *out)
{
	return d->is_html ? np_flame_html_write(&d->picture, out, &d->drawn)
			  : np_flame_svg_write(&d->picture, out, &d->drawn);
}

static void answer(struct drawing *d, const char *path)
{
	struct stat st;
	struct np_invocation *inv = d->inv;
	inv->result = np_obj(inv->arena, &shape);
	np_set_str(inv->result, "file", path);
	np_set_str(inv->result, "format", d->is_html ? "html" : "svg");
	np_set_uint(inv->result, "frames", d->drawn.frames);
	np_set_uint(inv->result, "levels", np_flame_depth(d->picture.flame));
	np_set_int(inv->result, "total", np_flame_node_at(d->picture.flame, 0)->total);
	if (!stat(path, &st))
		np_set_bytes(inv->result, "file_bytes", (uint64_t)st.st_size);
}

static np_err *write_out(struct drawing *d)
{
	struct np_invocation *inv = d->inv;
	const char *path = inv->globals->output;
	struct np_sink sink;
	if (!path || strcmp(path, "-") == 0)
		return draw(d, inv->out);
	NP_TRY(np_sink_open(inv->globals, NULL, &sink));
	np_err *err = draw(d, sink.file);
	np_err *closed = np_sink_close(&sink, !err);
	if (closed) { /* it knows why writing failed */
		np_err_free(err);
		return closed;
	}
	if (!err)
		answer(d, path);
	return err;
}

static np_err *draw_all(struct drawing *d)
{
	np_flame *flame;
	NP_TRY(take_options(d));
	NP_TRY(inputs_load(d));
	NP_TRY(np_flame_create(&d->inputs[0], d->inputs[1].profile ? &d->inputs[1] : NULL, &d->tree, &flame));
	d->picture.flame = flame;
	np_err *err = NULL;
	if (!np_flame_node_at(flame, 0)->total)
		err = np_err_new(NP_ENOTFOUND, "the profile has no samples to draw");
	if (!err) {
		words_make(d);
		notices_make(d, flame);
		err = write_out(d);
	}
	np_flame_destroy(flame);
	return err;
}

static np_err *run(struct np_invocation *inv)
{
	struct drawing d = {.inv = inv};
	const char *path = inv->globals->output;
	if ((!path || strcmp(path, "-") == 0) && (inv->in_shell || isatty(STDOUT_FILENO)))
		return np_err_new(NP_EUSAGE, "a flame graph is for browsers: -o FILE.svg or -o FILE.html");
	np_err *err = draw_all(&d);
	np_profile_destroy(d.now);
	np_profile_destroy(d.before);
	np_vec_deinit(&d.notices);
	return err;
}

const struct np_command np_cmd_flame = {
	.name = "flame",
	.group = "Files and filters",
	.arguments = "[FILE]",
	.max_args = 1,
	.needs = NP_OWNS_OUTPUT,
	.summary = "a profile as a flame graph: interactive SVG, or one HTML page",
	.help = "Reads a profile from FILE or standard input, plain or packed with gzip or zstd, and draws it: frames "
		"stand\n"
		"on their callers, as wide as what was seen in them and in what they called. The colours tell what "
		"code it\n"
		"is (application, dependency, Node.js core, V8, C++, library, kernel), frames of inlined functions are "
		"paler;\n"
		"--palette has others. Tiers of one function are one frame unless --tiers keeps them apart. Filters "
		"are those\n"
		"of convert.\n\n"
		"In the browser: a click or Enter zooms, / searches for a regular expression and says how much it "
		"matches,\n"
		"Escape takes that back, arrows go from frame to frame. The SVG is for people and for tools that know "
		"those\n"
		"of flamegraph.pl: identifiers, titles and the query (?x=&y=&s=) are the same. The HTML page has every "
		"frame\n"
		"however narrow or deep, turns stacks over, leaves kinds of code out and lists functions.\n\n"
		"With --diff the widths are FILE's and the colours tell what has more or less of its own than in the "
		"EARLIER\n"
		"profile, whose values are scaled to the same sum. Folded stacks with two numbers are drawn like that, "
		"too.",
	.options = options,
	.examples = examples,
	.run = run,
};

/* nopsy convert: a profile in one format to another. */
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "cmd/args.h"
#include "cmd/profile_load.h"
#include "format/packed_output.h"
#include "format/profile_formats.h"

static const struct np_option options[] = {
	NP_PROFILE_FROM_OPTION,
	{"to", 't', NP_OPT_STRING, "FORMAT", NULL, "the output's format; it is told by the name of -o FILE when not given"},
	NP_PROFILE_FILTER_OPTIONS,
	{"formats", 0, NP_OPT_FLAG, NULL, NULL, "lists the formats, what each can hold, and ends"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy convert perf.txt --to folded", "what stackcollapse-perf.pl does"},
	{"nopsy convert perf.txt.gz -o run.folded.zst --thread node --hide kernel", "one thread, without the kernel"},
	{"nopsy convert perf.txt --to folded --time 2-5 --keep handleRequest --merge-tiers", "three seconds of a function"},
	{"nopsy convert perf.txt --to folded --root 'processTicks' --collapse internals",
	 "from the event loop on; runs of internal frames are one"},
	{"nopsy convert --formats", "what can be read and written"},
	{0},
};

static np_err *target_choose(struct np_invocation *inv, const struct np_profile_format **ret)
{
	const char *to = np_opt_str(inv, "to"), *output = inv->globals->output;
	if (to)
		return np_profile_format_find(to, true, ret);
	*ret = output ? np_profile_format_of_path(output, true) : NULL;
	if (*ret)
		return NULL;
	return output && strcmp(output, "-") != 0
		       ? np_err_new(NP_EUSAGE, "the name of %s tells no format: --to FORMAT does", output)
		       : np_err_new(NP_EUSAGE, "--to FORMAT, or -o FILE with a name that tells the format");
}

static const struct {
	unsigned what;
	const char *name;
} things[] = {
	{NP_HOLDS_TIMES, "times"},
	{NP_HOLDS_THREADS, "threads"},
	{NP_HOLDS_FILES, "files of functions"},
	{NP_HOLDS_LINES, "lines of functions"},
	{NP_HOLDS_POSITIONS, "executing lines"},
	{NP_HOLDS_INLINING, "inlining"},
	{NP_HOLDS_TIERS, "tiers"},
	{NP_HOLDS_VALUES, "units and further values"},
	{NP_HOLDS_MARKERS, "markers"},
	{NP_HOLDS_MODULES, "binaries of functions"},
};

static void things_put(struct np_buf *buf, unsigned holds)
{
	const char *separator = "";
	for (size_t i = 0; i < NP_ARRAY_LEN(things); i++) {
		if (!(holds & things[i].what))
			continue;
		np_buf_printf(buf, "%s%s", separator, things[i].name);
		separator = ", ";
	}
}

/* Says once what is left behind. */
static void losses_tell(const struct np_profile_format *format, const np_profile *profile, bool dropped_times)
{
	unsigned holds = np_profile_holds(profile) | (dropped_times ? NP_HOLDS_TIMES : 0);
	struct np_buf text = {0};
	things_put(&text, holds & ~format->holds);
	if (text.len)
		np_warn("%s does not hold: %s", format->name, np_buf_str(&text));
	np_buf_clear(&text);
	uint32_t types = np_profile_value_type_count(profile), shown = np_profile_facts_of(profile)->default_type;
	for (uint32_t i = 0; i < types; i++)
		if (i != (shown < types ? shown : 0))
			np_buf_printf(&text, "%s%s", text.len ? ", " : "", np_profile_value_type_at(profile, i).name);
	if (types > 1 && !(format->holds & NP_HOLDS_VALUES))
		np_warn("the value is %s; --value chooses another: %s",
			np_profile_value_type_at(profile, shown < types ? shown : 0).name, np_buf_str(&text));
	np_buf_deinit(&text);
}

/* --- --formats --- */

static void formats_answer(struct np_invocation *inv)
{
	static const struct np_shape shape = {
		.name = "format", .style = NP_STYLE_TABLE,
		.columns = "name:Format:name,reads:Reads,writes:Writes,summary:What it is,holds:Holds:dim"};
	inv->result = np_list(inv->arena, &shape);
	for (size_t i = 0; np_profile_formats[i]; i++) {
		const struct np_profile_format *f = np_profile_formats[i];
		struct np_buf holds = {0};
		np_node *row = np_obj(inv->arena, &shape);
		things_put(&holds, f->holds);
		np_set_str(row, "name", f->name);
		np_set_str(row, "reads", f->read ? "yes" : "no");
		np_set_str(row, "writes", f->write ? "yes" : "no");
		np_set_str(row, "summary", f->summary);
		np_set_str(row, "suffixes", f->suffixes ? f->suffixes : "");
		np_set_str(row, "holds", np_buf_str(&holds));
		np_add(inv->result, row);
		np_buf_deinit(&holds);
	}
}

/* --- the command --- */

static np_err *write_to(struct np_invocation *inv, const struct np_profile_format *to, np_profile *profile)
{
	FILE *out = inv->out ? inv->out : stdout, *packed;
	NP_TRY(np_packed_output_open(inv->globals->output, out, &packed));
	np_err *err = to->write(profile, packed);
	np_err *closed = np_packed_output_close(packed, out);
	if (err && closed)
		np_err_drop(closed);
	err = err ? err : closed;
	if (err && ferror(out)) { /* whoever opened it knows why, and whether that matters */
		np_err_drop(err);
		err = NULL;
	}
	return err;
}

static np_err *run(struct np_invocation *inv)
{
	const struct np_profile_format *to;
	const char *path = inv->arg_count ? inv->args[0] : NULL;
	struct np_filter filter;
	np_profile *profile, *filtered;
	if (np_opt_flag(inv, "formats")) {
		formats_answer(inv);
		return NULL;
	}
	NP_TRY(target_choose(inv, &to));
	NP_TRY(np_profile_filter_options(inv, &filter));
	if (!path && isatty(STDIN_FILENO))
		return np_err_new(NP_EUSAGE, "FILE, or a profile on standard input");
	bool times = to->holds & NP_HOLDS_TIMES, ranged = filter.has_from || filter.has_to;
	NP_TRY(np_profile_load(inv, path, times || ranged, &profile));
	bool dropped = np_profile_dropped_times(profile) || (!times && np_profile_holds(profile) & NP_HOLDS_TIMES);
	if (np_filter_is_set(&filter)) {
		np_err *err = np_profile_filter(profile, &filter, times, &filtered);
		np_profile_destroy(profile);
		if (err)
			return err;
		profile = filtered;
	}
	losses_tell(to, profile, dropped);
	np_err *err = write_to(inv, to, profile);
	np_profile_destroy(profile);
	return err;
}

const struct np_command np_cmd_convert = {
	.name = "convert",
	.group = "Files and filters",
	.arguments = "FILE",
	.max_args = 1,
	.summary = "any supported profile in, any supported profile out",
	.help = "Reads a profile from FILE or standard input, plain or packed with gzip or zstd, and writes it in another\n"
		"format: --formats lists them. The input's format is told by its content, the output's by the end of the\n"
		"name that -o gives, and .gz or .zst at its end packs it.\n\n"
		"What both formats can hold is kept: times, threads, files and lines, inlining, tiers, several values. What\n"
		"the output's cannot is said once on standard error. An input that is broken somewhere is converted up to\n"
		"there, or without the lines that are not of its format; the message names the line or byte, and the exit\n"
		"status is 3. Text is read as a stream: where the output has no times, memory grows with the number of\n"
		"different stacks, not with that of samples.\n\n"
		"The filters work in this order: threads and times; --keep and --drop, which look at whole stacks; --root,\n"
		"--hide and --collapse, which take frames out of them; --inverted. Expressions are POSIX extended ones and\n"
		"match \"name file:line:column\" of a frame.",
	.options = options,
	.examples = examples,
	.run = run,
};

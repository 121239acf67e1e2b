#include "cmd/profile_load.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "format/profile_formats.h"
#include "format/profile_input.h"
#include "profile/classify.h"

static void names_put(struct np_buf *buf, bool for_writing)
{
	const char *separator = "";
	for (size_t i = 0; np_profile_formats[i]; i++) {
		const struct np_profile_format *f = np_profile_formats[i];
		if (!(for_writing ? f->write != NULL : f->read != NULL))
			continue;
		np_buf_printf(buf, "%s%s", separator, f->name);
		separator = ", ";
	}
}

np_err *np_profile_format_find(const char *name, bool for_writing, const struct np_profile_format **ret)
{
	const struct np_profile_format *f = np_profile_format_named(name);
	if (f && (for_writing ? f->write != NULL : f->read != NULL)) {
		*ret = f;
		return NULL;
	}
	struct np_buf names = {0};
	names_put(&names, for_writing);
	np_err *err = np_err_new(NP_EUSAGE, f ? "%s is not a format that can be %s; these are: %s"
					      : "no format is called %s; those that can be %s are: %s",
				 name, for_writing ? "written" : "read", np_buf_str(&names));
	np_buf_deinit(&names);
	return err;
}

static np_err *format_choose(struct np_invocation *inv, struct np_profile_input *in, const char *path,
			     const struct np_profile_format **ret)
{
	const char *from = np_opt_str(inv, "from");
	size_t len;
	const char *head = np_profile_input_head(in, &len);
	np_err *err = NULL;
	if (!head) {
		err = in->err;
		in->err = NULL;
		return err;
	}
	if (!len)
		return np_err_new(NP_EFORMAT, "it is empty");
	if (from)
		return np_profile_format_find(from, false, ret);
	*ret = np_profile_format_sniff(head, len, path);
	if (*ret)
		return NULL;
	struct np_buf names = {0};
	names_put(&names, false);
	err = np_err_new(NP_EFORMAT, "its content is of no format that is known (%s); --from FORMAT reads it as one",
			 np_buf_str(&names));
	np_buf_deinit(&names);
	return err;
}

/* --- progress --- */

struct progress {
	const struct np_profile_input *in;
	struct timespec start;
	time_t shown;
};

static void progress_show(void *ctx)
{
	struct progress *w = ctx;
	struct timespec now;
	uint64_t done, total;
	clock_gettime(CLOCK_MONOTONIC, &now);
	double seconds = (double)(now.tv_sec - w->start.tv_sec) + (double)(now.tv_nsec - w->start.tv_nsec) / 1e9;
	if (seconds < 1 || now.tv_sec == w->shown)
		return;
	w->shown = now.tv_sec;
	np_profile_input_progress(w->in, &done, &total);
	fprintf(stderr, "\r\033[Kreading: %.0f MB", (double)done / 1e6);
	if (total && done <= total)
		fprintf(stderr, " (%llu%%)", (unsigned long long)(done * 100 / total));
	fprintf(stderr, ", %.0f MB/s", (double)done / 1e6 / seconds);
	if (total && done && done <= total)
		fprintf(stderr, ", %.0f s left", (double)(total - done) * seconds / (double)done);
	fflush(stderr);
}

static np_err *read_with_progress(const struct np_profile_format *format, struct np_profile_input *in,
				  np_profile *profile)
{
	struct progress w = {.in = in};
	if (np_log_level == NP_LOG_QUIET || !isatty(STDERR_FILENO))
		return format->read(in, profile);
	clock_gettime(CLOCK_MONOTONIC, &w.start);
	np_profile_input_watch(in, progress_show, &w);
	np_err *err = format->read(in, profile);
	np_profile_input_watch(in, NULL, NULL);
	if (w.shown)
		fputs("\r\033[K", stderr);
	return err;
}

np_err *np_profile_load(struct np_invocation *inv, const char *path, bool keep_times, np_profile **ret)
{
	struct np_profile_input *in;
	const struct np_profile_format *format;
	NP_TRY(np_profile_input_open(path, &in));
	np_err *err = format_choose(inv, in, path, &format);
	if (err) {
		enum np_code code = np_err_code(err);
		err = code == NP_EUSAGE ? err : np_err_wrap(err, "reading %s", in->name);
		np_profile_input_close(in);
		return err;
	}
	np_profile *profile = np_profile_create(keep_times);
	err = read_with_progress(format, in, profile);
	if (!err && !np_profile_sample_count(profile) && !np_profile_marker_count(profile))
		err = np_err_new(NP_EFORMAT, "there are no samples in it");
	if (err && !np_profile_sample_count(profile) && !np_profile_marker_count(profile)) {
		err = np_err_wrap(err, "reading %s as %s", in->name, format->name);
		np_profile_input_close(in);
		np_profile_destroy(profile);
		return err;
	}
	if (err) {
		np_partial(inv, "%s: %s", in->name, np_err_message(err));
		np_err_free(err);
	}
	np_profile_input_close(in);
	*ret = profile;
	return NULL;
}

/* --- filters --- */

static np_err *classes_parse(const char *option, const char *text, unsigned *ret)
{
	enum {
		NATIVE = 1 << NP_CLASS_CPP | 1 << NP_CLASS_LIBRARY,
		INTERNALS = NATIVE | 1 << NP_CLASS_CORE | 1 << NP_CLASS_V8 | 1 << NP_CLASS_KERNEL,
	};
	static const struct {
		const char *name;
		unsigned classes;
	} names[] = {
		{"application", 1 << NP_CLASS_APPLICATION}, {"dependency", 1 << NP_CLASS_DEPENDENCY},
		{"node", 1 << NP_CLASS_CORE}, {"v8", 1 << NP_CLASS_V8}, {"cpp", 1 << NP_CLASS_CPP},
		{"library", 1 << NP_CLASS_LIBRARY}, {"kernel", 1 << NP_CLASS_KERNEL}, {"unknown", 1 << NP_CLASS_UNKNOWN},
		{"native", NATIVE}, {"internals", INTERNALS},
	};
	unsigned classes = 0;
	for (const char *p = text; p && *p;) {
		size_t len = strcspn(p, ","), i = 0;
		while (i < NP_ARRAY_LEN(names) && (strlen(names[i].name) != len || memcmp(names[i].name, p, len) != 0))
			i++;
		if (i == NP_ARRAY_LEN(names))
			return np_err_new(NP_EUSAGE, "--%s: no kind of frames is called %.*s; these are: application, dependency, "
					  "node, v8, cpp, library, kernel, unknown, native, internals", option, (int)len, p);
		classes |= names[i].classes;
		p += len + (p[len] == ',');
	}
	*ret = classes;
	return NULL;
}

/* "1.5", "1.5s", "250ms", "2m", "10us" up to the end or a dash. */
static const char *time_parse(const char *p, int64_t *ret)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	double n = 0, scale = 0, ns = 1e9;
	const char *from = p;
	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !scale); p++) {
		if (*p == '.') {
			scale = 1;
			continue;
		}
		n = n * 10 + (*p - '0');
		scale *= 10;
	}
	if (p == from)
		return NULL;
	for (size_t i = 0; i < NP_ARRAY_LEN(units); i++) {
		size_t len = strlen(units[i].name);
		if (strncmp(p, units[i].name, len) == 0 && (p[len] == '\0' || p[len] == '-')) {
			ns = units[i].ns;
			p += len;
			break;
		}
	}
	n = n / (scale ? scale : 1) * ns;
	*ret = n < 9e18 ? (int64_t)(n + 0.5) : INT64_MAX;
	return *p == '\0' || *p == '-' ? p : NULL;
}

static np_err *range_parse(const char *text, struct np_filter *ret)
{
	const char *p = text;
	if (!text)
		return NULL;
	if (*p != '-') {
		p = time_parse(p, &ret->from_ns);
		ret->has_from = true;
	}
	if (p && *p == '-' && p[1]) {
		p = time_parse(p + 1, &ret->to_ns);
		ret->has_to = true;
	} else if (p && *p == '-') {
		p++;
	} else {
		p = NULL;
	}
	if (!p || *p || (!ret->has_from && !ret->has_to))
		return np_err_new(NP_EUSAGE, "--time %s: FROM-TO, FROM- or -TO, in seconds or with ms, s, m behind", text);
	return NULL;
}

np_err *np_profile_filter_options(struct np_invocation *inv, struct np_filter *ret)
{
	*ret = (struct np_filter){
		.thread = np_opt_str(inv, "thread"), .keep = np_opt_str(inv, "keep"), .drop = np_opt_str(inv, "drop"),
		.root = np_opt_str(inv, "root"), .value = np_opt_str(inv, "value"),
		.merge_tiers = np_opt_flag(inv, "merge-tiers"), .merge_threads = np_opt_flag(inv, "merge-threads"),
		.inverted = np_opt_flag(inv, "inverted"),
	};
	NP_TRY(classes_parse("hide", np_opt_str(inv, "hide"), &ret->hide));
	NP_TRY(classes_parse("collapse", np_opt_str(inv, "collapse"), &ret->collapse));
	return range_parse(np_opt_str(inv, "time"), ret);
}

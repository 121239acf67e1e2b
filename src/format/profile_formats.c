#include "format/profile_formats.h"

#include <string.h>

#include "base/types.h"
#include "format/formats.h"

/* One line a format: what it is lies in the file of its name. */

const struct np_profile_format *const np_profile_formats[] = {
	&np_format_folded,
	&np_format_perf_script,
	&np_format_bpftrace,
	&np_format_dtrace,
	&np_format_mac_sample,
	&np_format_instruments,
	&np_format_cpuprofile,
	&np_format_speedscope,
	&np_format_trace_event,
	&np_format_heapprofile,
	NULL,
};

const struct np_profile_format *np_profile_format_named(const char *name)
{
	for (size_t i = 0; np_profile_formats[i]; i++)
		if (strcmp(np_profile_formats[i]->name, name) == 0)
			return np_profile_formats[i];
	return NULL;
}

static bool ends_with(const char *path, size_t n, const char *suffix, size_t len)
{
	return n >= len && memcmp(path + n - len, suffix, len) == 0;
}

/* Packed or not. */
static bool has_suffix(const char *path, const char *suffix, size_t len)
{
	size_t n = strlen(path);
	if (ends_with(path, n, suffix, len))
		return true;
	n -= ends_with(path, n, ".gz", 3) ? 3 : ends_with(path, n, ".zst", 4) ? 4 : 0;
	return ends_with(path, n, suffix, len);
}

/* Length of the longest of the format's suffixes that path ends with. */
static size_t suffix_of(const struct np_profile_format *format, const char *path)
{
	size_t best = 0;
	for (const char *s = format->suffixes ? format->suffixes : ""; *s;) {
		size_t len = strcspn(s, "|");
		if (len > best && has_suffix(path, s, len))
			best = len;
		s += len + (s[len] == '|');
	}
	return best;
}

const struct np_profile_format *np_profile_format_of_path(const char *path, bool for_writing)
{
	const struct np_profile_format *found = NULL;
	size_t best = 0;
	for (size_t i = 0; np_profile_formats[i]; i++) {
		const struct np_profile_format *f = np_profile_formats[i];
		size_t len = (for_writing ? f->write != NULL : f->read != NULL) ? suffix_of(f, path) : 0;
		if (len > best) {
			best = len;
			found = f;
		}
	}
	return found;
}

const struct np_profile_format *np_profile_format_sniff(const char *head, size_t len, const char *path)
{
	const struct np_profile_format *found = NULL;
	int best = 0;
	for (size_t i = 0; np_profile_formats[i]; i++) {
		const struct np_profile_format *f = np_profile_formats[i];
		int sure = f->sniff ? 2 * f->sniff(head, len) : 0;
		sure += sure && path && suffix_of(f, path) ? 1 : 0;
		if (sure > best) {
			best = sure;
			found = f;
		}
	}
	return found;
}

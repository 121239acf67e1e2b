#include "format/perf_header.h"

#include <string.h>

#include "profile/profile.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct cursor {
	const char *at, *end;
};

static void spaces_skip(struct cursor *c)
{
	while (c->at < c->end && is_space(*c->at))
		c->at++;
}

static bool number_take(struct cursor *c, int64_t *ret)
{
	const char *p = c->at;
	int64_t n = 0;
	for (; p < c->end && is_digit(*p) && p - c->at < 18; p++)
		n = n * 10 + (*p - '0');
	if (p == c->at || (p < c->end && is_digit(*p)))
		return false;
	c->at = p;
	*ret = n;
	return true;
}

/* "1234" or "1234/1240", then a space or the end; perf writes -1 for what it does not know. */
static bool ids_take(struct cursor *c, struct np_perf_header *h)
{
	struct cursor k = *c;
	int64_t a, b;
	bool negative = k.at < k.end && *k.at == '-';
	k.at += negative;
	if (!number_take(&k, &a))
		return false;
	a = negative ? -1 : a;
	if (k.at < k.end && *k.at == '/') {
		k.at++;
		negative = k.at < k.end && *k.at == '-';
		k.at += negative;
		if (!number_take(&k, &b))
			return false;
		h->pid = a;
		h->tid = negative ? -1 : b;
	} else {
		h->pid = -1;
		h->tid = a;
	}
	if (k.at < k.end && !is_space(*k.at))
		return false;
	*c = k;
	return true;
}

/* "[001]" */
static bool cpu_take(struct cursor *c)
{
	struct cursor k = *c;
	int64_t n;
	spaces_skip(&k);
	if (k.at == k.end || *k.at != '[')
		return false;
	k.at++;
	if (!number_take(&k, &n) || k.at == k.end || *k.at != ']')
		return false;
	k.at++;
	*c = k;
	return true;
}

/* "5678.123456:" with 6 or 9 digits. */
static bool time_take(struct cursor *c, struct np_perf_header *h)
{
	struct cursor k = *c;
	int64_t seconds, part, scale = 1;
	spaces_skip(&k);
	if (!number_take(&k, &seconds) || k.at == k.end || *k.at != '.')
		return false;
	const char *from = ++k.at;
	if (!number_take(&k, &part) || k.at == k.end || *k.at != ':' || k.at - from > 9)
		return false;
	for (ptrdiff_t digits = k.at - from; digits < 9; digits++)
		scale *= 10;
	if (__builtin_mul_overflow(seconds, 1000000000, &seconds) || __builtin_add_overflow(seconds, part * scale, &seconds))
		return false;
	h->time_ns = seconds;
	k.at++;
	*c = k;
	return true;
}

static bool period_take(struct cursor *c, struct np_perf_header *h)
{
	struct cursor k = *c;
	int64_t n;
	spaces_skip(&k);
	if (!number_take(&k, &n) || k.at == k.end || !is_space(*k.at))
		return false;
	h->period = n;
	*c = k;
	return true;
}

/* "cpu-clock:pppH:", "sched:sched_switch:", "cpu_core/cycles/u:": a word that ends with a colon. */
static bool event_take(struct cursor *c, struct np_perf_header *h)
{
	struct cursor k = *c;
	spaces_skip(&k);
	const char *from = k.at;
	while (k.at < k.end && !is_space(*k.at))
		k.at++;
	if (k.at - from < 2 || k.at[-1] != ':')
		return false;
	h->event = from;
	h->event_len = (size_t)(k.at - from) - 1;
	*c = k;
	return true;
}

/* All that comes behind the command and its ids. */
static bool fields_take(struct cursor *c, struct np_perf_header *h)
{
	bool cpu = cpu_take(c);
	/* -F +misc: flags of the sample's mode */
	struct cursor k = *c;
	spaces_skip(&k);
	const char *from = k.at;
	while (k.at < k.end && memchr("KUHGgMES", *k.at, 8))
		k.at++;
	if (k.at > from && k.at < k.end && is_space(*k.at))
		*c = k;
	bool time = time_take(c, h);
	k = *c;
	if (period_take(&k, h) && event_take(&k, h)) {
		*c = k;
	} else {
		h->period = -1;
		h->event = NULL;
		event_take(c, h);
	}
	h->is_sure = cpu || time;
	spaces_skip(c);
	h->rest = c->at;
	h->rest_len = (size_t)(c->end - c->at);
	return h->is_sure || h->event || !h->rest_len;
}

bool np_perf_header_parse(const char *text, size_t len, struct np_perf_header *ret)
{
	const struct np_perf_header none = {.pid = -1, .tid = -1, .time_ns = NP_TIME_NONE, .period = -1};
	struct cursor begin = {text, text + len}, c;
	struct np_perf_header h;
	spaces_skip(&begin);
	if (begin.at == begin.end)
		return false;
	/* no command, no ids */
	h = none;
	c = begin;
	if (fields_take(&c, &h) && h.time_ns != NP_TIME_NONE) {
		h.comm = begin.at;
		*ret = h;
		return true;
	}
	/* the command ends before the first ids that fields follow; there may be none */
	for (int with_ids = 1; with_ids >= 0; with_ids--)
		for (const char *p = begin.at; p < begin.end; p++) {
			if ((p > begin.at && !is_space(p[-1])) || (with_ids && !is_digit(*p) && *p != '-'))
				continue;
			h = none;
			c = (struct cursor){p, begin.end};
			if ((with_ids && !ids_take(&c, &h)) || !fields_take(&c, &h))
				continue;
			if (!with_ids && !h.is_sure && !h.event)
				continue;
			h.is_sure |= with_ids && h.event;
			if (p == begin.at && !h.is_sure)
				continue;
			h.comm = begin.at;
			h.comm_len = (size_t)(p - begin.at);
			while (h.comm_len && is_space(h.comm[h.comm_len - 1]))
				h.comm_len--;
			*ret = h;
			return true;
		}
	return false;
}

#include "cmd/resolve_source.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

enum { MEMO_BITS = 16, MEMO_SLOTS = 1 << MEMO_BITS, NO_DUMP = 0xffff };
#define REFRESH_MIN_NS 20000000u /* and twenty times what it took */
#define CLOCK_SLACK_NS 60000000000u

/*
 * The table is in two parts, so that the first one stays in the processor's
 * cache: with perf maps alone nobody asks for the second.
 */
struct memo {
	uint64_t key; /* 0: empty */
	const struct np_code_symbol *symbol; /* NULL: no name */
	uint64_t hash; /* of its name: tells that a text has it already, without a look at the name */
};

struct memo_more {
	uint64_t from_ns, to_ns;	 /* when the answer holds */
	const struct np_code_name *name; /* of the target, NULL: of another source */
	uint32_t load;
	uint16_t dump;
};

struct np_name_memo {
	struct memo slots[MEMO_SLOTS];
	bool unsafe[MEMO_SLOTS];
	struct memo_more more[MEMO_SLOTS];
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void np_name_sources_init(struct np_name_sources *s)
{
	*s = (struct np_name_sources){.memo = np_xcalloc(1, sizeof(*s->memo))};
}

void np_name_sources_deinit(struct np_name_sources *s)
{
	for (size_t i = 0; i < s->maps.len; i++)
		np_perf_map_close(s->maps.data[i]);
	for (size_t i = 0; i < s->dumps.len; i++)
		np_jitdump_close(s->dumps.data[i]);
	np_vec_deinit(&s->maps);
	np_vec_deinit(&s->dumps);
	np_code_names_close(s->names);
	free(s->memo);
}

void np_name_sources_ready(struct np_name_sources *s)
{
	s->has_time = false;
	for (size_t i = 0; i < s->dumps.len; i++) {
		uint64_t first, last;
		if (!np_jitdump_times(s->dumps.data[i], &first, &last))
			continue;
		if (!s->has_time || first < s->dump_first_ns)
			s->dump_first_ns = first;
		if (!s->has_time || last > s->dump_last_ns)
			s->dump_last_ns = last;
		s->has_time = true;
	}
}

static bool name_unsafe(const struct np_code_symbol *symbol)
{
	bool unsafe = false;
	for (uint32_t i = 0; i < symbol->name_bytes; i++)
		unsafe |= (unsigned char)(symbol->name[i] - 0x20) >= 0x5f;
	return unsafe;
}

uint64_t np_name_hash(const char *name, size_t bytes)
{
	uint64_t hash = bytes * 0x9e3779b97f4a7c15u, word;
	for (; bytes >= sizeof(word); name += sizeof(word), bytes -= sizeof(word)) {
		memcpy(&word, name, sizeof(word));
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, name, bytes);
	hash = (hash ^ word) * 0xff51afd7ed558ccdu;
	return hash ^ hash >> 32;
}

/* Is one of the sources that process's? Then only those of it count. */
static bool pid_is_known(const struct np_name_sources *s, int pid)
{
	bool known = s->names && np_code_names_pid(s->names) == pid;
	for (size_t i = 0; i < s->maps.len && !known; i++)
		known = np_perf_map_pid(s->maps.data[i]) == pid;
	for (size_t i = 0; i < s->dumps.len && !known; i++)
		known = np_jitdump_pid(s->dumps.data[i]) == pid;
	return known;
}

static const struct np_code_symbol *look_up(struct np_name_sources *s, const struct np_name_query *q, struct memo_more *m)
{
	int pid = q->pid && pid_is_known(s, q->pid) ? q->pid : 0;
	struct np_jitdump_hit hit;
	const struct np_code_symbol *symbol = NULL;
	*m = (struct memo_more){.to_ns = UINT64_MAX, .dump = NO_DUMP};
	for (size_t i = s->dumps.len; i-- > 0;) {
		if (pid && np_jitdump_pid(s->dumps.data[i]) != pid)
			continue;
		np_jitdump_find(s->dumps.data[i], q->addr, q->time_ns, &hit);
		m->from_ns = hit.from_ns > m->from_ns ? hit.from_ns : m->from_ns;
		m->to_ns = hit.to_ns < m->to_ns ? hit.to_ns : m->to_ns;
		if (hit.symbol) {
			m->load = hit.load;
			m->dump = (uint16_t)i;
			return hit.symbol;
		}
		if (hit.to_ns != UINT64_MAX)
			return NULL; /* code was there later: what knows no time would name that */
	}
	if (s->names && (!pid || np_code_names_pid(s->names) == pid)) {
		m->name = np_code_names_find(s->names, q->addr, q->is_return);
		symbol = m->name ? &m->name->symbol : NULL;
	}
	const struct np_code_symbol *of_map = NULL;
	if (symbol && !m->name->is_kind)
		return symbol;
	for (size_t i = s->maps.len; i-- > 0 && !of_map;)
		if (!pid || np_perf_map_pid(s->maps.data[i]) == pid)
			of_map = np_perf_map_find(s->maps.data[i], q->addr);
	if (!of_map)
		return symbol;
	m->name = NULL;
	return of_map;
}

static void memo_clear(struct np_name_sources *s)
{
	memset(s->memo->slots, 0, sizeof(s->memo->slots));
}

/* What grew, after an address was not found; true: look again. */
static bool sources_refresh(struct np_name_sources *s)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC_COARSE);
	bool changed = false;
	if (now < s->next_refresh_ns)
		return false;
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < s->maps.len; i++)
		changed |= np_perf_map_refresh(s->maps.data[i]);
	for (size_t i = 0; i < s->dumps.len; i++)
		changed |= np_jitdump_refresh(s->dumps.data[i]);
	changed |= s->names && np_code_names_age(s->names);
	uint64_t took = clock_ns(CLOCK_MONOTONIC) - began;
	s->next_refresh_ns = now + (took * 20 > REFRESH_MIN_NS ? took * 20 : REFRESH_MIN_NS);
	if (changed) {
		memo_clear(s);
		np_name_sources_ready(s);
	}
	return changed;
}

/* Samples of a clock that is not the dump's cannot be placed in time. */
static uint64_t time_of(struct np_name_sources *s, uint64_t time_ns)
{
	if (!s->has_time || time_ns == NP_JITDUMP_LATEST)
		return NP_JITDUMP_LATEST;
	if (time_ns + CLOCK_SLACK_NS >= s->dump_first_ns)
		return time_ns;
	if (!s->warned_clock)
		np_warn("the samples are older than the jitdump by %.0f s: another clock was recorded (`perf record -k mono` takes "
			"the dump's); the last code at an address is taken for it",
			(double)(s->dump_first_ns - time_ns) / 1e9);
	s->warned_clock = true;
	return NP_JITDUMP_LATEST;
}

/* The top bits of an address of a process are 0: there the number of the process and the kind of address fit. */
static uint64_t memo_key(const struct np_name_sources *s, const struct np_name_query *q)
{
	bool is_return = q->is_return && (s->names || s->dumps.len); /* all the same to a map */
	return (q->addr ^ ((uint64_t)(uint32_t)q->pid << 49) ^ ((uint64_t)is_return << 48)) + 1;
}

static size_t memo_slot(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u >> (64 - MEMO_BITS);
}

void np_name_expect(const struct np_name_sources *s, const struct np_name_query *q, enum np_name_step step)
{
	uint64_t key = memo_key(s, q);
	const struct memo *m = &s->memo->slots[memo_slot(key)];
	if (step == NP_NAME_STEP_ANSWER)
		__builtin_prefetch(m);
	else if (m->key == key && m->symbol)
		__builtin_prefetch(step == NP_NAME_STEP_SYMBOL ? (const void *)m->symbol : m->symbol->name);
}

/* The slot that holds the answer. */
static size_t memo_find(struct np_name_sources *s, const struct np_name_query *q)
{
	uint64_t key = memo_key(s, q);
	bool fits = !(q->addr >> 48) && !(q->pid >> 15), timed = s->dumps.len;
	size_t i = memo_slot(key);
	struct memo *m = &s->memo->slots[i];
	struct memo_more *more = &s->memo->more[i];
	if (fits && m->key == key &&
	    (!timed || (q->time_ns >= more->from_ns && (q->time_ns < more->to_ns || more->to_ns == UINT64_MAX))))
		return i;
	m->symbol = look_up(s, q, more);
	m->key = fits ? key : 0;
	s->memo->unsafe[i] = m->symbol && name_unsafe(m->symbol);
	m->hash = m->symbol ? np_name_hash(m->symbol->name, m->symbol->name_bytes) : 0;
	return i;
}

bool np_name_find(struct np_name_sources *s, const struct np_name_query *query, struct np_found_name *ret)
{
	struct np_name_query q = *query;
	struct np_jitdump_line line;
	q.time_ns = time_of(s, q.time_ns);
	if (s->names && np_code_names_age(s->names))
		memo_clear(s);
	size_t i = memo_find(s, &q);
	if (!s->memo->slots[i].symbol && sources_refresh(s))
		i = memo_find(s, &q);
	const struct np_code_symbol *symbol = s->memo->slots[i].symbol;
	if (!symbol)
		return false;
	*ret = (struct np_found_name){.symbol = symbol, .unsafe = s->memo->unsafe[i], .hash = s->memo->slots[i].hash};
	if (!s->names && !s->dumps.len)
		return true;
	const struct memo_more *more = &s->memo->more[i];
	if (more->name) {
		ret->file = more->name->file;
		ret->line = more->name->line;
		ret->column = more->name->column;
	} else if (s->want_lines && more->dump != NO_DUMP) {
		np_addr at = q.is_return && q.addr > symbol->start ? q.addr - 1 : q.addr;
		if (np_jitdump_line(s->dumps.data[more->dump], more->load, at, &line)) {
			ret->file = line.file;
			ret->line = line.line;
			ret->column = line.column;
		}
	}
	return true;
}

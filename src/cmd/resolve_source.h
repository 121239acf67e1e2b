/*
 * Where `nopsy resolve` looks an address up: jitdumps first, which know what
 * was there when; then the process or core; then perf maps, the last one first.
 * Answers are remembered by address, in a table of fixed size.
 */
#ifndef NP_CMD_RESOLVE_SOURCE_H
#define NP_CMD_RESOLVE_SOURCE_H

#include "base/vec.h"
#include "cmd/resolve_target.h"
#include "format/jitdump.h"
#include "format/perf_map.h"

struct np_name_sources {
	NP_VEC(np_perf_map *) maps;
	NP_VEC(np_jitdump *) dumps;
	np_code_names *names; /* NULL none */
	bool names_own_map;   /* the last map is the process's own, which came without being asked for */
	struct np_name_memo *memo;
	uint64_t next_refresh_ns;
	uint64_t dump_first_ns, dump_last_ns;
	bool has_time, warned_clock;
	bool want_lines;
};

struct np_found_name {
	const struct np_code_symbol *symbol;
	uint64_t hash; /* np_name_hash() of its name */
	bool unsafe; /* its name has bytes that are not printable ASCII */
	const char *file; /* where the code is, NULL unknown */
	int line, column;
};

/* What the text tells about an address beside its value. */
struct np_name_query {
	np_addr addr;
	int pid;	  /* 0 unknown */
	uint64_t time_ns; /* NP_JITDUMP_LATEST unknown */
	bool is_return;
};

void np_name_sources_init(struct np_name_sources *s);
void np_name_sources_deinit(struct np_name_sources *s);
/* When all are there. */
void np_name_sources_ready(struct np_name_sources *s);
/* 64 bits that hardly another name has. */
uint64_t np_name_hash(const char *name, size_t bytes);
/* Has the processor fetch what a look-up will need, one step after the other, each some time before the next. */
enum np_name_step { NP_NAME_STEP_ANSWER, NP_NAME_STEP_SYMBOL, NP_NAME_STEP_TEXT };
void np_name_expect(const struct np_name_sources *s, const struct np_name_query *q, enum np_name_step step);
/* The answer is valid until the next look-up. */
bool np_name_find(struct np_name_sources *s, const struct np_name_query *q, struct np_found_name *ret);

#endif

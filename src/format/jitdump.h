/*
 * Jitdumps: jit-PID.dump, what `node --perf-prof` writes and `perf inject --jit`
 * reads (linux/tools/perf/Documentation/jitdump-specification.txt).  Every
 * record has the time at which code appeared, so that an address which is used
 * again and again names the right code at any moment; and there are tables of
 * lines.
 *
 *   records --> loads (range, time, name, lines), in the order of time
 *           --> a segment tree over the sorted ends of all ranges: a node holds
 *               the loads that cover its part, in the order of time
 *
 * A look-up climbs from the leaf of the address to the root and takes the
 * youngest load that is not younger than the moment: O(log^2) whatever the file
 * says, and memory in O(n log n).
 */
#ifndef NP_FORMAT_JITDUMP_H
#define NP_FORMAT_JITDUMP_H

#include "base/err.h"
#include "format/code_symbol.h"

typedef struct np_jitdump np_jitdump;

#define NP_JITDUMP_LATEST UINT64_MAX

struct np_jitdump_hit {
	const struct np_code_symbol *symbol; /* NULL: no code there then */
	uint32_t load;			     /* for np_jitdump_line() */
	uint64_t from_ns, to_ns;	     /* the answer is the same in [from_ns, to_ns) */
};

struct np_jitdump_line {
	const char *file;
	int line, column; /* 1-based; column 0: unknown */
};

/* process_uid: as in np_side_file_open().  NP_EFORMAT when it is no jitdump of this kind of machine. */
np_err *np_jitdump_open(const char *path, int64_t process_uid, np_jitdump **ret) NP_MUST;
void np_jitdump_close(np_jitdump *dump);
/* Reads the records that were appended since; true when there were any: symbols found before are no longer valid then. */
bool np_jitdump_refresh(np_jitdump *dump);

/* What was at an address at a time of the dump's clock (CLOCK_MONOTONIC), or last. */
void np_jitdump_find(const np_jitdump *dump, np_addr addr, uint64_t time_ns, struct np_jitdump_hit *ret);
/* The line of an address in a load that was found; false where the dump has none. */
bool np_jitdump_line(const np_jitdump *dump, uint32_t load, np_addr addr, struct np_jitdump_line *ret);

int np_jitdump_pid(const np_jitdump *dump);
/* When the first and the last code appeared; false when there is none. */
bool np_jitdump_times(const np_jitdump *dump, uint64_t *first_ns, uint64_t *last_ns);
size_t np_jitdump_count(const np_jitdump *dump);
/* Why reading ended before the end of the file, NULL: it did not (a record that is not complete yet is no reason). */
const char *np_jitdump_problem(const np_jitdump *dump);

#endif

/*
 * Perf maps: /tmp/perf-PID.map, a line for each piece of generated code:
 *
 *     START SIZE name        both numbers in hex, without 0x
 *
 * The process appends to it while it runs.  Addresses are used again, and
 * nothing says when code has gone; so a later line wins wherever it overlaps an
 * earlier one, of which the rest stays.
 *
 *   lines --> entries, in the order of the file
 *         --> segments: disjoint, sorted, each of the last entry that covers it
 *
 * Invariants: 1. an entry's name points into a buffer that lives until the map
 * is closed or begins anew; entries may move.  2. segments are sorted and
 * disjoint.  3. What was consumed ends with a line break; a last line without
 * one counts as long as nothing follows it.
 */
#ifndef NP_FORMAT_PERF_MAP_H
#define NP_FORMAT_PERF_MAP_H

#include "base/err.h"
#include "format/code_symbol.h"

typedef struct np_perf_map np_perf_map;

/*
 * Reads the map.  process_uid: as in np_side_file_open().  NP_ENOTFOUND without
 * such a file, NP_EFORMAT when no line of it is an entry (an empty file is a map).
 */
np_err *np_perf_map_open(const char *path, int64_t process_uid, np_perf_map **ret) NP_MUST;
/* The same on bytes; for tests and for text that came otherwise. */
np_err *np_perf_map_parse(const char *text, size_t bytes, np_perf_map **ret) NP_MUST;
void np_perf_map_close(np_perf_map *map);

/*
 * Reads what was appended since; a file that was replaced or cut is read anew.
 * True when anything changed: symbols found before are no longer valid then.
 */
bool np_perf_map_refresh(np_perf_map *map);

/* The symbol at an address; NULL: none. */
const struct np_code_symbol *np_perf_map_find(const np_perf_map *map, np_addr addr);

const char *np_perf_map_path(const np_perf_map *map);
int np_perf_map_pid(const np_perf_map *map); /* of its file name, 0 none */
size_t np_perf_map_count(const np_perf_map *map);	   /* entries */
size_t np_perf_map_bad_lines(const np_perf_map *map);	   /* that are no entries */

#endif

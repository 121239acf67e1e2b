/*
 * One line of a text in which some tool printed a stack: where addresses stand
 * in it, and where the text has, or lacks, a name for each.
 *
 * The tools and what they print where they know no name:
 *
 *     gdb              #6  0x00003d278f8060bb in ?? ()
 *     lldb             frame #6: 0x00003d278f8060bb
 *     Xcode            #6 0x00003d278f8060bb in 0x3d278f8060bb ()
 *     Instruments      67.0ms 97.1%  0,0   0x3d278f8060bb
 *     sample (macOS)   2207 ???  (in <unknown binary>)  [0x3d278f8060bb]
 *     crash report     6  ???   0x00003d278f8060bb 0 + 67240120574139
 *     DTrace, bpftrace        0x3d278f8060bb
 *     perf script              3d278f8060bb [unknown] (/tmp/perf-42.map)
 *     illumos pstack    00003d278f8060bb ???????? (1, 2) + 1cf
 *     Node, V8          9: 0x3d278f8060bb  [node]          ==== [0x3d278f8060bb]
 *     process.report   "pc": "0x00003d278f8060bb",  "symbol": ""
 *     eu-stack, coredumpctl  #6  0x00003d278f8060bb   ... n/a (n/a)
 *
 * Numbers that are no addresses are passed over: offsets (+0x1cf), ends of
 * ranges, parts of words; hexadecimal digits without 0x count only in the frames
 * of perf script and pstack.
 */
#ifndef NP_FORMAT_STACK_LINE_H
#define NP_FORMAT_STACK_LINE_H

#include "base/types.h"

enum np_stack_form {
	NP_STACK_PLAIN,	 /* an address in some text: a name goes behind it */
	NP_STACK_FRAME,	 /* a place for the name belongs to it (" in ??", " [unknown]") */
	NP_STACK_APART,	 /* the place for the name is elsewhere in the line */
	NP_STACK_PERF,	 /* the line of a frame of perf script: columns that others parse */
	NP_STACK_QUOTED, /* in quotes of JSON; the name needs escaping */
	NP_STACK_REPORT, /* "pc" of process.report: the name goes into "symbol", perhaps of a later line */
};

struct np_stack_address {
	enum np_stack_form form;
	np_addr addr;
	size_t at, end;		 /* as it is written, with its 0x; offsets in the line */
	size_t place, place_end; /* the name takes the place of that; empty: it is put in there */
	const char *before;	 /* goes before the name where it is put in */
	bool named;		 /* the text has a name for it */
	/* NP_STACK_PERF */
	bool is_jit;		 /* of generated code: a name in the text came from a perf map */
	int pid;		 /* of the perf map that the line names, 0 none */
};

/*
 * The next address from *from on; false: there are no more.  at_start: line[0]
 * is where the line begins (lines of megabytes come in parts).  *from is moved
 * behind what the address needs.
 */
bool np_stack_line_next(const char *line, size_t n, bool at_start, size_t *from, struct np_stack_address *ret);

/* The time of a sample that the first line of it in perf script tells, in ns; microseconds are rounded up. */
bool np_stack_line_time(const char *line, size_t n, uint64_t *ret_ns);

/* Where `"symbol": ""` of process.report is empty: the offset between its quotes. */
bool np_stack_line_empty_symbol(const char *line, size_t n, size_t from, size_t *ret);

#endif

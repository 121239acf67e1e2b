/* What `nopsy leaks` is made of. */
#ifndef NP_CMD_LEAKS_H
#define NP_CMD_LEAKS_H

#include "cmd/heap_view.h"
#include "heap/path.h"
#include "heap/scan.h"
#include "heap/strings.h"
#include "v8/cache.h"

/* ---- leaks_index.c: what the sections are about, found in one pass over the heap ---- */

/* A property that many objects have: where it lies in those of a shape. */
struct np_leaks_property {
	const char *name;
	uint32_t *offset_of_shape;
};

struct np_leaks {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct np_scan_list found[NP_SCAN_BITS]; /* by enum np_leaks_kind, ascending */
	struct np_duplicates duplicates; /* NP_LEAKS_DUPLICATES of them; before anything asks for paths, which take memory, too */
	struct np_leaks_property events, on_timeout;
	struct np_addr_map functions;	     /* SharedFunctionInfo -> what np_leaks_function_text() found out */
	struct np_leaks_function_range *ranges; /* of all functions; NULL: not asked for yet */
	size_t range_count;
};

enum { NP_LEAKS_DUPLICATES = 5 };

enum np_leaks_kind {
	NP_LEAKS_SCRIPT,
	NP_LEAKS_FUNCTION_INFO, /* garbage, too */
	NP_LEAKS_EMITTER,	/* has _events */
	NP_LEAKS_TIMER,		/* has _onTimeout */
	NP_LEAKS_PROMISE,
	NP_LEAKS_ASYNC_FUNCTION,
	NP_LEAKS_REACTION,
	NP_LEAKS_ARRAY_BUFFER,
	NP_LEAKS_OLD_BUFFER,	/* has its bytes in external elements (up to Node 0.12) */
	NP_LEAKS_CONTEXT,	/* a native one */
	NP_LEAKS_DICTIONARY,	/* receivers with their properties in a dictionary */
	NP_LEAKS_NAME,		/* internalized strings */
};

/* The view must know dominators. */
void np_leaks_init(struct np_invocation *inv, struct np_heap_view *view, struct np_leaks *ret);
void np_leaks_deinit(struct np_leaks *leaks);
/* Value of such a property; false when it is an accessor, or not there. */
bool np_leaks_property_get(struct np_leaks *leaks, const struct np_leaks_property *property, np_vertex node, np_tagged *ret);
/* "name file:line" of a closure, NULL when it is none; quick for many closures of one function. */
const char *np_leaks_function_text(struct np_leaks *leaks, np_tagged closure);

/* ---- leaks_row.c: what is told of every finding ---- */

/*
 * Sets "root" and "path" of a record: how a node is held; with as_text a line "_held", too.  The number of steps, and
 * these in ret unless it is NULL; 0: nothing holds it.
 */
size_t np_leaks_set_path(struct np_leaks *leaks, np_node *record, np_vertex node, bool as_text, struct np_step **ret);
/* Adds a command line that goes on from here: "nopsy COMMAND TARGET REST"; as text lines "_commands". */
void np_leaks_add_command(struct np_leaks *leaks, np_node *record, const char *command, const char *rest);
void np_leaks_add_command_at(struct np_leaks *leaks, np_node *record, const char *command, np_vertex node);

/* ---- leaks_code.c: what the program's text says about a suspect ---- */

/* A property of the same object that the name may be a misspelling of, and that holds nothing; NULL none. */
const char *np_leaks_misspelt(struct np_leaks *leaks, np_vertex owner, const char *name);
/* Functions whose source mentions a property: [{name, file, line}], the program's own before Node's. */
np_node *np_leaks_mentions(struct np_leaks *leaks, const char *property);
/* Name and "file:line" ("" unknown) of a closure; false when the node is none. */
bool np_leaks_function(struct np_leaks *leaks, np_vertex node, const char **ret_name, const char **ret_place);
/* The constructor of an object's class: {name, file, line}; NULL where the heap does not tell it. */
np_node *np_leaks_constructor(struct np_leaks *leaks, np_vertex node);

/* ---- counts of what leaks most often; each NULL where there is nothing to say ---- */

/* leaks_sections.c */
np_node *np_leaks_listeners(struct np_leaks *leaks);
np_node *np_leaks_timers(struct np_leaks *leaks);
np_node *np_leaks_contexts(struct np_leaks *leaks);
/* leaks_promises.c */
np_node *np_leaks_promises(struct np_leaks *leaks);
/* leaks_buffers.c */
np_node *np_leaks_buffers(struct np_leaks *leaks);
/* leaks_strings.c */
np_node *np_leaks_duplicates(struct np_leaks *leaks);
np_node *np_leaks_slices(struct np_leaks *leaks);

/* ---- tallies by a text (leaks_row.c) ---- */

struct np_leaks_tally {
	const char *key;
	uint64_t count;
	np_vertex example;
};

struct np_leaks_tallies {
	struct np_leaks_tally *data;
	size_t len, cap;
	struct np_addr_map index; /* hash of the key -> index + 1 */
};

void np_leaks_tally_add(struct np_leaks_tallies *tallies, const char *key, np_vertex example);
/* Most frequent first. */
void np_leaks_tallies_sort(struct np_leaks_tallies *tallies);
void np_leaks_tallies_deinit(struct np_leaks_tallies *tallies);

#endif

/* What `nopsy leaks` is made of. */
#ifndef NP_CMD_LEAKS_H
#define NP_CMD_LEAKS_H

#include "cmd/heap_view.h"
#include "heap/path.h"

/* ---- leaks_code.c: what the program's text says about a suspect ---- */

/* A property of the same object that the name may be a misspelling of, and that holds nothing; NULL none. */
const char *np_leaks_misspelt(struct np_invocation *inv, struct np_heap_view *view, np_vertex owner, const char *name);
/* The scripts and functions of a heap, gathered once a report; in the command's arena. */
struct np_leaks_code {
	np_vertex *scripts, *functions; /* Script, SharedFunctionInfo */
	size_t script_count, function_count;
};
void np_leaks_code_gather(struct np_invocation *inv, struct np_heap_view *view, struct np_leaks_code *ret);
/* Functions whose source mentions a property: [{name, file, line}], the program's own before Node's. */
np_node *np_leaks_mentions(struct np_invocation *inv, struct np_heap_view *view, const struct np_leaks_code *code,
			   const char *property);
/* "name file:line" of a closure; false when the node is none. */
bool np_leaks_function(struct np_invocation *inv, struct np_heap_view *view, np_vertex node, const char **ret_name,
		       const char **ret_place);

/* ---- leaks_sections.c: counts of what leaks most often; each NULL where there is nothing to say ---- */
np_node *np_leaks_listeners(struct np_invocation *inv, struct np_heap_view *view);
np_node *np_leaks_timers(struct np_invocation *inv, struct np_heap_view *view);
np_node *np_leaks_promises(struct np_invocation *inv, struct np_heap_view *view);
np_node *np_leaks_buffers(struct np_invocation *inv, struct np_heap_view *view);
np_node *np_leaks_contexts(struct np_invocation *inv, struct np_heap_view *view);
/* ---- leaks_strings.c ---- */
np_node *np_leaks_duplicates(struct np_invocation *inv, struct np_heap_view *view);
np_node *np_leaks_slices(struct np_invocation *inv, struct np_heap_view *view);

#endif

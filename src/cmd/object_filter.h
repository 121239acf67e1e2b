/* Which objects a heap command is about: --class, --property, --shape, --function, --script, --kind, --like, --all. */
#ifndef NP_CMD_OBJECT_FILTER_H
#define NP_CMD_OBJECT_FILTER_H

#include "cmd/heap_view.h"
#include "v8/cache.h"

/* Rows for a command's table of options. NP_OBJECT_FILTER_LIVE_OPTIONS: of one that is about what lives alone. */
#define NP_OBJECT_FILTER_LIVE_OPTIONS                                                                              \
	{"class", 'c', NP_OPT_STRING, "NAME", NULL, "only instances of that class (* and ? match)"},               \
	{"property", 'p', NP_OPT_STRING, "NAME", NULL, "only objects that have this own property"},                \
	{"shape", 0, NP_OPT_STRING, "A,B,...", NULL, "only objects with exactly these properties, in order"},      \
	{"function", 0, NP_OPT_STRING, "NAME", NULL, "only closures of functions with that name (* and ? match)"}, \
	{"script", 0, NP_OPT_STRING, "FILE", NULL, "only closures of, and instances of constructors in, that script"}, \
	{"kind", 'k', NP_OPT_CHOICE, "KIND", "dict|inobject|props|numeric",                                        \
	 "only objects whose properties are in a dictionary, in the object, in an array beside it; with elements"}, \
	{"like", 0, NP_OPT_STRING, "ADDR", NULL, "only objects of the class and shape of that one"}
#define NP_OBJECT_FILTER_OPTIONS       \
	NP_OBJECT_FILTER_LIVE_OPTIONS, \
	{"all", 'a', NP_OPT_FLAG, NULL, NULL, "garbage too, not only what the roots keep alive"}

struct np_object_filter {
	struct np_heap_view *view;
	const char *class, *property, *shape, *function, *script, *kind; /* NULL: any */
	uint32_t like; /* group; UINT32_MAX: any */
	bool all;
	uint8_t *verdict_of_group; /* by np_group_id_of(): 0 not asked, 1 no, 2 yes */
	size_t verdict_len;
	struct np_addr_map verdict_of; /* by SharedFunctionInfo, or the map of an instance: 1 no, 2 yes */
};

/* Computes what is alive unless all are wanted. _live: for the options without --all. */
np_err *np_object_filter_init_live(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *ret)
	NP_MUST;
np_err *np_object_filter_init(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *ret) NP_MUST;
bool np_object_filter_takes(struct np_object_filter *filter, np_vertex node);
/* Is there any condition but liveness? */
bool np_object_filter_is_set(const struct np_object_filter *filter);
void np_object_filter_deinit(struct np_object_filter *filter);

#endif

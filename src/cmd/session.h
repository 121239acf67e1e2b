/* An open target with what was learned about it; lives as long as a shell or one command. */
#ifndef NP_CMD_SESSION_H
#define NP_CMD_SESSION_H

#include "layout/layout.h"
#include "target/target.h"
#include "v8/v8.h"

struct np_heap_view;

struct np_session {
	np_target *target;
	np_layout *layout; /* NULL until a command needs V8 */
	np_v8 *v8;
	bool calibrated, warm;
	bool cache;	 /* keep the index of a core's heap between runs, see heap_cache.h */
	const char *exe; /* that was asked for, NULL none */
	const char *isolate; /* whose heap alone is looked at, NULL: all */
	struct np_heap_view *heap; /* NULL until a heap command runs, see heap_view.h */
};

np_err *np_session_open(const char *spec, const struct np_target_options *options, struct np_session *ret) NP_MUST;
/* Resolves the layout alone, once: reads symbols, not the heap, so the target need not be stopped. */
np_err *np_session_need_layout(struct np_session *session) NP_MUST;
/* Resolves the layout and makes the readers, once. NP_ENOTNODE when there is no V8. */
np_err *np_session_need_v8(struct np_session *session) NP_MUST;
/* Confirms the layout on the stopped target, once. */
void np_session_calibrate(struct np_session *session);
/* Builds what is slow and does not need the target to stand still: the symbol index. */
void np_session_warm(struct np_session *session);
/* Forgets the heap: a live target has run since. */
void np_session_drop_heap(struct np_session *session);
void np_session_close(struct np_session *session);

#endif

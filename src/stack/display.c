/* A call as Error.stack prints it: "Type.method [as alias]", "new Type", "function". */
#include "stack/walk.h"
#include "v8/call_name.h"

void np_frame_display(struct walker *w, struct np_frame *f)
{
	f->display = f->name;
	if (f->kind != NP_FRAME_JS && f->kind != NP_FRAME_BUILTIN)
		return;
	struct np_call call = {.function = f->function, .name = f->name, .receiver = f->receiver,
			       .has_receiver = (f->has_args || f->receiver.raw) && !f->receiver_lost,
			       .is_constructor = f->is_constructor};
	if (f->function) {
		const char *name = np_call_function_name(w->v8, f->function, w->arena);
		if (*name || !f->is_eval)
			call.name = name;
	}
	const char *display = np_call_name(w->v8, &call, w->arena);
	f->display = display ? display : *f->name ? f->name : "<anonymous>";
}

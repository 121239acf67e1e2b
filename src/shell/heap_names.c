#include "shell/heap_names.h"

#include <string.h>

#include "base/text_ids.h"
#include "cmd/heap_view.h"

/* A name that a line could not hold as one word is of no use there. */
static bool is_plain(const char *name)
{
	return *name && !strpbrk(name, " \t\r\n;|>!\"'\\()[]") && (uint8_t)*name > ' ';
}

static void classes_tell(struct np_heap_view *view, void (*cb)(void *ctx, const char *name), void *ctx)
{
	for (uint32_t i = 0; i < np_class_id_count(view->classes); i++)
		if (is_plain(np_class_id_name(view->classes, i)))
			cb(ctx, np_class_id_name(view->classes, i));
}

static void properties_tell(struct np_heap_view *view, void (*cb)(void *ctx, const char *name), void *ctx)
{
	struct np_text_ids told = {0};
	for (uint32_t i = 0; i < np_group_count(view->classes); i++) {
		const struct np_group *g = np_group_get(view->classes, i);
		for (uint32_t k = 0; k < g->property_count; k++) {
			bool is_new = false;
			if (is_plain(g->properties[k]))
				np_text_id(&told, g->properties[k], &is_new);
			if (is_new)
				cb(ctx, g->properties[k]);
		}
	}
	np_text_ids_deinit(&told);
}

void np_shell_heap_names(struct np_session *session, const char *option, void (*cb)(void *ctx, const char *name), void *ctx)
{
	struct np_heap_view *view = session->heap;
	if (!view)
		return;
	/* groups are known for the shapes that were asked for: ask for all */
	for (np_vertex node = 0; node < np_graph_object_count(view->graph); node++)
		np_group_id_of(view->classes, node);
	if (strcmp(option, "--class") == 0 || strcmp(option, "-c") == 0)
		classes_tell(view, cb, ctx);
	else if (strcmp(option, "--property") == 0 || strcmp(option, "-p") == 0)
		properties_tell(view, cb, ctx);
}

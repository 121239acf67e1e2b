#include "cmd/object_filter.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cmd/session.h"
#include "v8/array.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/script.h"

enum { NOT_ASKED, NO, YES };

static np_err *filter_init(struct np_invocation *inv, struct np_heap_view *view, bool all, struct np_object_filter *ret)
{
	struct np_object_filter f = {
		.view = view,
		.class = np_opt_str(inv, "class"),
		.property = np_opt_str(inv, "property"),
		.shape = np_opt_str(inv, "shape"),
		.function = np_opt_str(inv, "function"),
		.script = np_opt_str(inv, "script"),
		.kind = np_opt_str(inv, "kind"),
		.like = UINT32_MAX,
		.all = all,
	};
	const char *like = np_opt_str(inv, "like");
	if (!f.all)
		NP_TRY(np_heap_view_need_reach(inv, view));
	if (like) {
		np_vertex node;
		NP_TRY(np_heap_view_node(inv, view, like, &node));
		f.like = np_group_id_of(view->classes, node);
	}
	*ret = f;
	return NULL;
}

np_err *np_object_filter_init(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *ret)
{
	return filter_init(inv, view, np_opt_flag(inv, "all"), ret);
}

np_err *np_object_filter_init_live(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *ret)
{
	return filter_init(inv, view, false, ret);
}

bool np_object_filter_is_set(const struct np_object_filter *f)
{
	return f->class || f->property || f->shape || f->function || f->script || f->kind || f->like != UINT32_MAX;
}

static bool group_has_shape(const struct np_group *g, const char *shape)
{
	struct np_buf b = {0};
	for (uint32_t i = 0; i < g->property_count; i++)
		np_buf_printf(&b, "%s%s", i ? "," : "", g->properties[i]);
	bool same = !g->is_dictionary && strcmp(b.data ? b.data : "", shape) == 0;
	np_buf_deinit(&b);
	return same;
}

static bool group_has_property(const struct np_group *g, const char *name)
{
	for (uint32_t i = 0; i < g->property_count; i++)
		if (strcmp(g->properties[i], name) == 0)
			return true;
	return false;
}

/* What the group alone decides. */
static bool group_passes(struct np_object_filter *f, uint32_t id)
{
	const struct np_group *g = np_group_get(f->view->classes, id);
	if (f->class && fnmatch(f->class, np_class_id_name(f->view->classes, g->class_id), 0) != 0)
		return false;
	if (f->shape && !group_has_shape(g, f->shape))
		return false;
	return !f->property || g->is_dictionary || group_has_property(g, f->property);
}

static bool group_verdict(struct np_object_filter *f, uint32_t id)
{
	if (id >= f->verdict_len) {
		size_t len = (size_t)id * 2 + 64;
		f->verdict_of_group = np_xrealloc(f->verdict_of_group, len);
		memset(f->verdict_of_group + f->verdict_len, NOT_ASKED, len - f->verdict_len);
		f->verdict_len = len;
	}
	if (f->verdict_of_group[id] == NOT_ASKED)
		f->verdict_of_group[id] = group_passes(f, id) ? YES : NO;
	return f->verdict_of_group[id] == YES;
}

static bool function_passes(struct np_object_filter *f, np_v8 *v8, np_addr shared_addr, bool is_instance)
{
	struct np_shared shared;
	const struct np_script *script;
	np_arena *arena = np_arena_create();
	bool passes = !np_err_drop(np_shared_load(v8, shared_addr, arena, &shared));
	if (passes && f->function)
		passes = !is_instance && fnmatch(f->function, np_shared_debug_name(v8, &shared, arena), 0) == 0;
	if (passes && f->script) {
		passes = shared.script && !np_err_drop(np_script_load(v8, shared.script, &script)) && script->name;
		if (passes && fnmatch(f->script, script->name, 0) != 0) {
			const char *base = strrchr(script->name, '/');
			passes = base && fnmatch(f->script, base + 1, 0) == 0;
		}
	}
	np_arena_destroy(arena);
	return passes;
}

/* --function and --script: by the closure's SharedFunctionInfo, or that of the instance's constructor. */
static bool function_verdict(struct np_object_filter *f, np_vertex node)
{
	np_v8 *v8 = np_heap_v8(f->view->heap);
	if (np_graph_is_external(f->view->graph, node))
		return false;
	const struct np_vertex_shape *s = np_graph_shape(f->view->graph, np_graph_shape_of(f->view->graph, node));
	np_addr key = 0, shared = 0;
	bool is_closure = s->kind == NP_KIND_JS_FUNCTION;
	if (is_closure) {
		if (!np_function_shared(v8, np_graph_address(f->view->graph, node), &shared))
			return false;
		key = shared;
	} else if (np_kind_is_receiver(s->kind) && !f->function) {
		key = s->map_addr;
	} else {
		return false;
	}
	uintptr_t known = (uintptr_t)np_addr_map_get(&f->verdict_of, key);
	if (known == NOT_ASKED) {
		np_addr constructor;
		bool passes = true;
		if (!is_closure) {
			constructor = np_map_constructor(v8, s->map);
			passes = constructor && np_function_shared(v8, constructor, &shared);
		}
		known = passes && function_passes(f, v8, shared, !is_closure) ? YES : NO;
		np_addr_map_put(&f->verdict_of, key, (void *)known);
	}
	return known == YES;
}

/* Slots in the array that a field of the object leads to. */
static uint32_t store_length(np_v8 *v8, np_addr object, enum np_fact field)
{
	np_tagged t;
	uint32_t length;
	return np_field(v8, object, field, &t) && np_is_ref(t) && np_array_length(v8, np_ref(t), &length) ? length : 0;
}

/* --kind: where an object keeps what it has. */
static bool kind_passes(const struct np_object_filter *f, np_vertex node)
{
	np_v8 *v8 = np_heap_v8(f->view->heap);
	if (np_graph_is_external(f->view->graph, node))
		return false;
	const struct np_vertex_shape *s = np_graph_shape(f->view->graph, np_graph_shape_of(f->view->graph, node));
	np_addr at = np_graph_address(f->view->graph, node);
	if (!np_kind_is_receiver(s->kind) || s->kind == NP_KIND_JS_PROXY)
		return false;
	if (strcmp(f->kind, "dict") == 0)
		return s->map->dictionary;
	if (strcmp(f->kind, "numeric") == 0)
		return store_length(v8, at, NP_F_JSObject_elements) > 0;
	bool has_array = !s->map->dictionary && store_length(v8, at, NP_F_JSReceiver_properties) > 0;
	if (strcmp(f->kind, "props") == 0)
		return has_array;
	return !s->map->dictionary && s->map->own_descriptors && s->map->inobject_count;
}

bool np_object_filter_takes(struct np_object_filter *f, np_vertex node)
{
	if (!f->all && !np_reach_has(&f->view->reach, node))
		return false;
	if (f->kind && !kind_passes(f, node))
		return false;
	if (f->class || f->property || f->shape || f->like != UINT32_MAX) {
		uint32_t id = np_group_id_of(f->view->classes, node);
		if ((f->like != UINT32_MAX && f->like != id) || !group_verdict(f, id))
			return false;
		struct np_property p;
		if (f->property && np_group_get(f->view->classes, id)->is_dictionary &&
		    !np_object_own(np_heap_v8(f->view->heap), np_graph_address(f->view->graph, node), f->property, &p))
			return false;
	}
	return (!f->function && !f->script) || function_verdict(f, node);
}

void np_object_filter_deinit(struct np_object_filter *f)
{
	free(f->verdict_of_group);
	np_addr_map_deinit(&f->verdict_of);
}

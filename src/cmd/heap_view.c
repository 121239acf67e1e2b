#include "cmd/heap_view.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/address.h"
#include "cmd/heap_cache.h"
#include "cmd/session.h"

/* --- progress: only for work that takes longer than a second, only on a terminal --- */

struct progress {
	struct timespec start;
	bool shown;
	time_t last;
};

static double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void progress_show(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;
	double seconds = seconds_since(&p->start);
	if (seconds < 1 || (p->shown && seconds < (double)p->last + 1) || !total)
		return;
	p->shown = true;
	p->last = (time_t)seconds;
	fprintf(stderr, "\r\033[K%s: %llu%% of %.1f GiB", what, (unsigned long long)(done * 100 / total),
		(double)total / (1 << 30));
	fflush(stderr);
}

/* --- the view --- */

enum { LEAST_SHARE = 10 }; /* a tenth parsed; V8's unused areas are a third of some heaps */

static void tell_coverage(struct np_invocation *inv, struct np_heap_view *view)
{
	const struct np_graph_report *r = np_graph_report(view->graph);
	if (view->told)
		return;
	view->told = true;
	const struct np_process_facts *facts = np_target_facts(inv->session->target);
	if (facts->truncated)
		np_partial(inv, "the core is cut off, %.1f MiB are missing: objects there are not counted, and what only they "
			   "hold looks like garbage", (double)facts->missing_bytes / (1 << 20));
	if (r->unreadable_bytes)
		np_partial(inv, "%.1f MiB of V8's heap are not in the core: objects there are missing",
			   (double)r->unreadable_bytes / (1 << 20));
	if ((r->object_bytes + r->free_bytes) * LEAST_SHARE < r->page_bytes)
		np_partial(inv, "hardly any of V8's heap could be parsed: it is damaged, or of a V8 whose objects are not known");
	if (r->unknown_count)
		np_partial(inv, "%llu objects are of types whose size is not known in this V8",
			   (unsigned long long)r->unknown_count);
}

static void view_isolates(struct np_heap_view *view)
{
	for (size_t i = 0; i < np_heap_page_count(view->heap); i++) {
		np_addr isolate = np_heap_page(view->heap, i)->isolate;
		size_t k = 0;
		while (k < view->isolates.len && view->isolates.data[k] != isolate)
			k++;
		if (isolate && k == view->isolates.len)
			np_vec_push(&view->isolates, isolate);
	}
}

/* The one that --isolate names. */
static np_err *view_choose(struct np_invocation *inv, struct np_heap_view *view, np_addr *ret)
{
	const char *text = inv->session->isolate, *all = "";
	char *end;
	np_addr wanted = strtoull(text, &end, 0);
	if (end == text || *end)
		return np_err_new(NP_EUSAGE, "--isolate wants an address, not '%s'", text);
	for (size_t i = 0; i < view->isolates.len; i++) {
		all = np_arena_printf(inv->arena, "%s%s0x%llx", all, i ? ", " : "", (unsigned long long)view->isolates.data[i]);
		if (view->isolates.data[i] != wanted)
			continue;
		view->isolates.data[0] = wanted;
		view->isolates.len = 1;
		*ret = wanted;
		return NULL;
	}
	return np_err_new(NP_ENOTFOUND, "there is no isolate %s with a heap; there is: %s", text, all);
}

static np_err *view_build(struct np_invocation *inv, struct np_heap_view *view)
{
	struct progress progress = {0};
	bool terminal = isatty(STDERR_FILENO) && np_log_level != NP_LOG_QUIET;
	struct np_graph_options options = {.progress = terminal ? progress_show : NULL, .progress_ctx = &progress};
	clock_gettime(CLOCK_MONOTONIC, &progress.start);
	NP_TRY(np_heap_create(inv->session->v8, &view->heap));
	if (!np_heap_page_count(view->heap))
		return np_err_new(NP_ENOTFOUND, "no pages of V8's heap were found%s",
				  np_target_facts(inv->session->target)->truncated ? ": the core is cut off" : "");
	view_isolates(view);
	if (inv->session->isolate)
		NP_TRY(view_choose(inv, view, &options.isolate));
	view->cache = np_heap_cache_open(inv->session);
	if (!np_heap_cache_graph(view->cache, view->heap, &view->graph)) {
		np_err *err = np_graph_build(view->heap, &options, &view->graph);
		if (progress.shown)
			fputs("\r\033[K", stderr);
		if (err)
			return err;
	}
	view->classes = np_classes_create(view->graph);
	np_debug("heap: %u objects, %llu edges in %.2f s", np_graph_object_count(view->graph),
		 (unsigned long long)np_graph_report(view->graph)->edge_count, seconds_since(&progress.start));
	return NULL;
}

np_err *np_heap_view_get(struct np_invocation *inv, struct np_heap_view **ret)
{
	struct np_session *session = inv->session;
	if (!session->heap) {
		struct np_heap_view *view = np_xcalloc(1, sizeof(*view));
		view->arena = np_arena_create();
		np_err *err = view_build(inv, view);
		if (err) {
			np_heap_view_destroy(view);
			return err;
		}
		session->heap = view;
	}
	tell_coverage(inv, session->heap);
	*ret = session->heap;
	return NULL;
}

np_err *np_heap_view_need_reach(struct np_invocation *inv, struct np_heap_view *view)
{
	struct timespec start;
	(void)inv;
	if (view->has_reach)
		return NULL;
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (!view->has_roots)
		NP_TRY(np_graph_roots_load(view->graph, view->arena, &view->roots));
	view->has_roots = true;
	np_debug("heap: %zu roots in %.2f s", view->roots.count, seconds_since(&start));
	if (!np_heap_cache_reach(view->cache, view->graph, &view->roots, &view->reach))
		np_reach_init(view->graph, &view->roots, &view->reach);
	view->has_reach = true;
	np_debug("heap: %u live objects in %.2f s", view->reach.count, seconds_since(&start));
	return NULL;
}

np_err *np_heap_view_need_dominators(struct np_invocation *inv, struct np_heap_view *view)
{
	struct timespec start;
	if (view->has_dominators)
		return NULL;
	NP_TRY(np_heap_view_need_reach(inv, view));
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (!np_heap_cache_dominators(view->cache, view->graph, &view->dominators))
		NP_TRY(np_dominators_init(view->graph, &view->roots, &view->reach, &view->dominators));
	view->has_dominators = true;
	np_debug("heap: dominators in %.2f s", seconds_since(&start));
	return NULL;
}

void np_heap_view_destroy(struct np_heap_view *view)
{
	if (!view)
		return;
	if (view->cache && view->graph)
		np_heap_cache_save(view->cache, view->graph, view->has_reach ? &view->reach : NULL,
				   view->has_dominators ? &view->dominators : NULL);
	if (view->has_dominators)
		np_dominators_deinit(&view->dominators);
	if (view->has_reach)
		np_reach_deinit(&view->reach);
	np_vec_deinit(&view->isolates);
	np_classes_destroy(view->classes);
	np_graph_destroy(view->graph);
	np_heap_destroy(view->heap);
	np_heap_cache_close(view->cache);
	np_arena_destroy(view->arena);
	free(view);
}

np_err *np_heap_view_node(struct np_invocation *inv, struct np_heap_view *view, const char *arg, np_vertex *ret)
{
	np_addr at;
	NP_TRY(np_address_object(inv->session->v8, arg, inv->arena, &at));
	np_vertex node = np_graph_find(view->graph, at);
	if (node == NP_VERTEX_NONE)
		node = np_graph_find_inside(view->graph, at);
	if (node == NP_VERTEX_NONE)
		return np_err_new(NP_ENOTFOUND, "%s is no object of V8's heap", arg);
	*ret = node;
	return NULL;
}

np_node *np_heap_view_coverage(struct np_invocation *inv, const struct np_heap_view *view)
{
	static const struct np_shape shape = {
		.name = "coverage",
		.style = NP_STYLE_LINE,
		.line = "{parsed_percent:num} % of the heap parsed ({page_bytes}: {object_bytes} objects, {free_bytes} free, "
			"{gap_bytes} unused or damaged[, {_unreadable:warn} not in the core])"
			"[; of {_isolate_count:num} isolates together, --isolate ADDR takes one]",
	};
	const struct np_graph_report *r = np_graph_report(view->graph);
	np_node *n = np_obj(inv->arena, &shape);
	uint64_t parsed = r->object_bytes + r->free_bytes;
	np_set_double(n, "parsed_percent", r->page_bytes ? (double)(parsed * 1000 / r->page_bytes) / 10 : 0);
	np_set_bytes(n, "page_bytes", r->page_bytes);
	np_set_bytes(n, "object_bytes", r->object_bytes);
	np_set_uint(n, "object_count", r->object_count);
	np_set_bytes(n, "free_bytes", r->free_bytes);
	np_set_bytes(n, "gap_bytes", r->gap_bytes);
	np_set_bytes(n, "unreadable_bytes", r->unreadable_bytes);
	if (r->unreadable_bytes)
		np_set_bytes(n, "_unreadable", r->unreadable_bytes);
	if (r->unknown_count)
		np_set_uint(n, "unknown_count", r->unknown_count);
	np_node *isolates = np_list(inv->arena, NULL);
	for (size_t i = 0; i < view->isolates.len; i++)
		np_add_addr(isolates, view->isolates.data[i]);
	np_set_node(n, "isolates", isolates);
	np_hide(n, "isolates");
	if (view->isolates.len > 1)
		np_set_uint(n, "_isolate_count", view->isolates.len);
	return n;
}

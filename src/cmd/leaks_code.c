#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/leaks.h"
#include "cmd/session.h"
#include "v8/collection.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/script.h"
#include "v8/string.h"

enum { MENTIONS_MAX = 5, SITES_MAX = 64, NAME_MIN = 3, NAME_UNITS_MAX = 64, SIBLINGS_MAX = 1000 };

/* --- misspelt names --- */

/* Damerau-Levenshtein distance (adjacent transpositions count one) of at most 1? */
static bool is_near(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), i = 0;
	if (n > m) {
		const char *t = a;
		size_t u = n;
		a = b;
		b = t;
		n = m;
		m = u;
	}
	if (m - n > 1 || n < NAME_MIN || strcmp(a, b) == 0)
		return false;
	while (i < n && a[i] == b[i])
		i++;
	if (m > n) /* an insertion */
		return strcmp(a + i, b + i + 1) == 0;
	if (strcmp(a + i + 1, b + i + 1) == 0) /* a substitution; of digits it is a series: item1, item2 */
		return !(a[i] >= '0' && a[i] <= '9' && b[i] >= '0' && b[i] <= '9');
	return a[i] == b[i + 1] && a[i + 1] == b[i] && strcmp(a + i + 2, b + i + 2) == 0;
}

static bool count_one(void *ctx, const struct np_property *p)
{
	(void)p;
	*(bool *)ctx = true;
	return false;
}

/* undefined, null, an object without properties and elements, an empty Map or Set */
static bool is_empty(np_v8 *v8, np_tagged value)
{
	bool any = false;
	struct np_elements elements;
	if (np_is_smi(value))
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(value));
	if (kind == NP_KIND_ODDBALL)
		return true;
	if (kind == NP_KIND_JS_MAP || kind == NP_KIND_JS_SET) {
		np_tagged key, content;
		return !np_collection_entry(v8, np_ref(value), 0, &key, &content);
	}
	if (kind == NP_KIND_JS_ARRAY)
		return np_elements_load(v8, np_ref(value), &elements) && elements.length == 0;
	if (kind != NP_KIND_JS_OBJECT)
		return false;
	np_err_free(np_object_properties(v8, np_ref(value), count_one, &any));
	return !any;
}

struct siblings {
	np_v8 *v8;
	np_arena *arena;
	const char *name, *found;
	size_t seen;
};

static bool sibling_matches(void *ctx, const struct np_property *p)
{
	struct siblings *s = ctx;
	const char *key = np_key_text(s->v8, p->key, s->arena);
	if (key && !p->is_accessor && !p->is_double && is_near(key, s->name) && is_empty(s->v8, p->value))
		s->found = key;
	return !s->found && s->seen++ < SIBLINGS_MAX;
}

const char *np_leaks_misspelt(struct np_invocation *inv, struct np_heap_view *view, np_vertex owner, const char *name)
{
	struct siblings s = {inv->session->v8, inv->arena, name, NULL, 0};
	if (!np_graph_is_external(view->graph, owner) &&
	    np_kind_is_receiver(np_graph_shape(view->graph, np_graph_shape_of(view->graph, owner))->kind))
		np_err_free(np_object_properties(s.v8, np_graph_address(view->graph, owner), sibling_matches, &s));
	return s.found;
}

/* --- functions that mention a name --- */

static const struct np_shape mention_shape = {
	.name = "mention", .style = NP_STYLE_LINE, .line = "{name:name} {file:path}:{line}"};

struct site {
	const struct np_script *script;
	int32_t at;
	np_addr function; /* SharedFunctionInfo around it, the smallest */
	int32_t from, to;
};

static bool is_name_unit(uint16_t c)
{
	return c == '_' || c == '$' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
}

static bool is_program_text(const struct np_script *s)
{
	return s->has_text && s->name && strncmp(s->name, "node:", 5) != 0 && (strchr(s->name, '/') || strchr(s->name, '\\'));
}

/* Places of `.name` and `["name"]` in a script. */
static void script_sites(const struct np_script *s, const char *name, struct site *sites, size_t *len)
{
	size_t n = strlen(name);
	for (size_t i = 1; i + n <= s->text.len && *len < SITES_MAX; i++) {
		size_t k = 0;
		while (k < n && np_char_at(&s->text, i + k) == (uint8_t)name[k])
			k++;
		if (k < n || (i + n < s->text.len && is_name_unit(np_char_at(&s->text, i + n))))
			continue;
		uint16_t before = np_char_at(&s->text, i - 1);
		if (before == '.' || before == '"' || before == '\'')
			sites[(*len)++] = (struct site){.script = s, .at = (int32_t)i};
	}
}

void np_leaks_code_gather(struct np_invocation *inv, struct np_heap_view *view, struct np_leaks_code *ret)
{
	NP_VEC(np_vertex) scripts = {0}, functions = {0};
	uint32_t shapes = np_graph_shape_count(view->graph);
	enum np_kind *kinds = np_xcalloc((size_t)shapes + 1, sizeof(*kinds));
	for (uint32_t i = 0; i < shapes; i++)
		kinds[i] = np_graph_shape(view->graph, i)->kind;
	for (np_vertex node = 0; node < np_graph_object_count(view->graph); node++) {
		enum np_kind kind = kinds[np_graph_shape_of(view->graph, node)];
		if (kind == NP_KIND_SCRIPT && np_reach_has(&view->reach, node))
			np_vec_push(&scripts, node);
		else if (kind == NP_KIND_SHARED_FUNCTION_INFO)
			np_vec_push(&functions, node);
	}
	free(kinds);
	ret->script_count = scripts.len;
	ret->function_count = functions.len;
	ret->scripts = np_arena_memdup(inv->arena, scripts.data, scripts.len * sizeof(*scripts.data));
	ret->functions = np_arena_memdup(inv->arena, functions.data, functions.len * sizeof(*functions.data));
	np_vec_deinit(&scripts);
	np_vec_deinit(&functions);
}

static size_t sites_find(struct np_invocation *inv, struct np_heap_view *view, const struct np_leaks_code *code,
			 const char *name, struct site *sites)
{
	size_t len = 0;
	for (size_t i = 0; i < code->script_count && len < SITES_MAX; i++) {
		const struct np_script *script;
		if (!np_err_drop(np_script_load(inv->session->v8, np_graph_address(view->graph, code->scripts[i]), &script)) &&
		    is_program_text(script))
			script_sites(script, name, sites, &len);
	}
	return len;
}

static void site_offer(struct site *s, const struct np_shared *f)
{
	bool whole = f->start <= 0 && (size_t)f->end >= s->script->text.len;
	if (s->script->addr == f->script && s->at >= f->start && s->at < f->end && !whole &&
	    (!s->function || f->end - f->start < s->to - s->from)) {
		s->function = f->addr;
		s->from = f->start;
		s->to = f->end;
	}
}

static void sites_name(struct np_invocation *inv, struct np_heap_view *view, const struct np_leaks_code *code,
		       struct site *sites, size_t len)
{
	np_arena *scratch = np_arena_create();
	for (size_t i = 0; i < code->function_count && len; i++) {
		struct np_shared f;
		np_arena_reset(scratch);
		if (np_err_drop(np_shared_load(inv->session->v8, np_graph_address(view->graph, code->functions[i]), scratch, &f)) ||
		    !f.script || f.start < 0)
			continue;
		for (size_t k = 0; k < len; k++)
			site_offer(&sites[k], &f);
	}
	np_arena_destroy(scratch);
}

np_node *np_leaks_mentions(struct np_invocation *inv, struct np_heap_view *view, const struct np_leaks_code *code,
			   const char *property)
{
	struct site sites[SITES_MAX];
	np_node *list = np_list(inv->arena, &mention_shape);
	size_t n = strlen(property);
	if (n < NAME_MIN || n > NAME_UNITS_MAX)
		return list;
	size_t len = sites_find(inv, view, code, property, sites);
	sites_name(inv, view, code, sites, len);
	for (size_t i = 0; i < len && np_node_len(list) < MENTIONS_MAX; i++) {
		struct np_shared f;
		int line, column;
		bool told = false;
		for (size_t k = 0; k < i; k++)
			told |= sites[k].function == sites[i].function && sites[k].script == sites[i].script;
		if (told || !np_script_line_column(sites[i].script, sites[i].at, &line, &column))
			continue;
		const char *name = "(top level)";
		if (sites[i].function && !np_err_drop(np_shared_load(inv->session->v8, sites[i].function, inv->arena, &f)))
			name = np_shared_debug_name(inv->session->v8, &f, inv->arena);
		np_node *m = np_obj(inv->arena, &mention_shape);
		np_set_str(m, "name", *name ? name : "(anonymous)");
		np_set_str(m, "file", sites[i].script->name);
		np_set_int(m, "line", line);
		np_set_int(m, "column", column);
		np_add(list, m);
	}
	return list;
}

bool np_leaks_function(struct np_invocation *inv, struct np_heap_view *view, np_vertex node, const char **ret_name,
		       const char **ret_place)
{
	np_v8 *v8 = inv->session->v8;
	struct np_shared f;
	const struct np_script *script;
	np_addr at = np_graph_address(view->graph, node), shared;
	int line, column;
	if (np_graph_is_external(view->graph, node) ||
	    np_graph_shape(view->graph, np_graph_shape_of(view->graph, node))->kind != NP_KIND_JS_FUNCTION ||
	    !np_function_shared(v8, at, &shared) || np_err_drop(np_shared_load(v8, shared, inv->arena, &f)))
		return false;
	const char *name = np_function_name(v8, at, inv->arena);
	*ret_name = name && *name ? name : "(anonymous)";
	*ret_place = "";
	if (f.script && !np_err_drop(np_script_load(v8, f.script, &script)) && script->name)
		*ret_place = np_script_line_column(script, f.start, &line, &column)
				     ? np_arena_printf(inv->arena, "%s:%d", script->name, line)
				     : script->name;
	return true;
}

#include "format/cpu_nodes.h"

#include "format/symbol_frame.h"

void np_cpu_nodes_init(struct np_cpu_nodes *n, np_profile *profile)
{
	*n = (struct np_cpu_nodes){.profile = profile};
}

void np_cpu_nodes_deinit(struct np_cpu_nodes *n)
{
	np_vec_deinit(&n->list);
	np_vec_deinit(&n->edges);
	np_vec_deinit(&n->ticks);
	np_vec_deinit(&n->path);
	np_hash_table_deinit(&n->by_id);
}

static uint64_t node_hash(const void *ctx, uint32_t number)
{
	return np_hash_u64((uint64_t)((const struct np_cpu_nodes *)ctx)->list.data[number].id);
}

uint32_t np_cpu_nodes_find(const struct np_cpu_nodes *n, int64_t id)
{
	uint64_t hash = np_hash_u64((uint64_t)id);
	NP_HASH_FIND(&n->by_id, hash, number)
		if (n->list.data[number].id == id)
			return number;
	return NP_NODE_NONE;
}

/* --- reading --- */

static void text_read(struct np_cpu_nodes *n, struct np_json *j, uint32_t *ret)
{
	const char *text;
	size_t len;
	if (np_json_text(j, &text, &len))
		*ret = np_profile_string(n->profile, text, len);
}

static void place_read(struct np_json *j, int64_t add, int64_t *ret)
{
	int64_t value;
	if (np_json_int(j, &value) && value >= 0 && value < INT32_MAX)
		*ret = value + add;
}

/* What a callFrame has; before 2017 the node itself has it, and counts lines and columns from 1. */
static bool call_frame_key(struct np_cpu_nodes *n, struct np_json *j, struct np_cpu_node *node, const char *key,
			   size_t len, bool from_zero)
{
	if (np_json_is(key, len, "functionName"))
		text_read(n, j, &node->name);
	else if (np_json_is(key, len, "url"))
		text_read(n, j, &node->url);
	else if (np_json_is(key, len, "scriptId"))
		place_read(j, 0, &node->script_id);
	else if (np_json_is(key, len, "lineNumber"))
		place_read(j, from_zero, &node->line);
	else if (np_json_is(key, len, "columnNumber"))
		place_read(j, from_zero, &node->column);
	else
		return false;
	return true;
}

static void call_frame_read(struct np_cpu_nodes *n, struct np_json *j, struct np_cpu_node *node)
{
	const char *key;
	size_t len;
	if (np_json_object(j))
		while (np_json_key(j, &key, &len))
			if (!call_frame_key(n, j, node, key, len, true))
				np_json_skip(j);
}

static void ticks_read(struct np_cpu_nodes *n, struct np_json *j, uint32_t index, struct np_cpu_node *node)
{
	const char *key;
	size_t len;
	if (!np_json_list(j))
		return;
	while (np_json_more(j)) {
		int64_t line = 0, ticks = 0;
		if (!np_json_object(j))
			continue;
		while (np_json_key(j, &key, &len)) {
			if (np_json_is(key, len, "line"))
				place_read(j, 0, &line);
			else if (np_json_is(key, len, "ticks"))
				np_json_int(j, &ticks);
			else
				np_json_skip(j);
		}
		if (line <= 0 || ticks <= 0)
			continue;
		np_vec_push(&n->ticks, (struct np_cpu_tick){index, (uint32_t)line, ticks});
		node->tick_line = node->tick_line && node->tick_line != line ? NP_NODE_NONE : (uint32_t)line;
		if (__builtin_add_overflow(node->ticks, ticks, &node->ticks))
			node->ticks = INT64_MAX;
	}
}

static void children_read(struct np_cpu_nodes *n, struct np_json *j, uint32_t index)
{
	int64_t child;
	if (!np_json_list(j))
		return;
	while (np_json_more(j)) {
		if (np_json_peek(j) == '{')
			np_cpu_nodes_read(n, j, index);
		else if (np_json_int(j, &child))
			np_vec_push(&n->edges, (struct np_cpu_edge){index, child});
	}
}

/* The index is taken before the children's, so that parents come first in a tree. */
void np_cpu_nodes_read(struct np_cpu_nodes *n, struct np_json *j, uint32_t parent)
{
	struct np_cpu_node node = {.id = -1, .parent = parent};
	const char *key;
	size_t len;
	int64_t parent_id = -1;
	if (!np_json_object(j))
		return;
	uint32_t index = (uint32_t)n->list.len;
	np_vec_push(&n->list, node);
	while (np_json_key(j, &key, &len)) {
		if (np_json_is(key, len, "callFrame"))
			call_frame_read(n, j, &node);
		else if (np_json_is(key, len, "children"))
			children_read(n, j, index);
		else if (np_json_is(key, len, "id"))
			np_json_int(j, &node.id);
		else if (np_json_is(key, len, "parent"))
			np_json_int(j, &parent_id);
		else if (np_json_is(key, len, "hitCount"))
			np_json_int(j, &node.hits);
		else if (np_json_is(key, len, "selfSize"))
			np_json_int(j, &node.self_bytes);
		else if (np_json_is(key, len, "positionTicks") || np_json_is(key, len, "lineTicks"))
			ticks_read(n, j, index, &node);
		else if (!call_frame_key(n, j, &node, key, len, false))
			np_json_skip(j);
	}
	node.hits = node.hits > 0 ? node.hits : 0;
	node.self_bytes = node.self_bytes > 0 ? node.self_bytes : 0;
	if (parent_id >= 0 && np_cpu_nodes_find(n, parent_id) != NP_NODE_NONE)
		node.parent = np_cpu_nodes_find(n, parent_id);
	n->list.data[index] = node;
	if (node.id >= 0 && np_cpu_nodes_find(n, node.id) == NP_NODE_NONE)
		np_hash_put(&n->by_id, np_hash_u64((uint64_t)node.id), index, node_hash, n);
}

/* --- stacks --- */

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && memcmp(text, with, n) == 0;
}

/* Without a script a name is what V8 made up, or a function of C++. */
static uint32_t frame_of(np_profile *p, const struct np_cpu_node *node)
{
	const char *name = np_profile_text(p, node->name), *url = np_profile_text(p, node->url);
	size_t len = np_profile_text_len(p, node->name), url_len = np_profile_text_len(p, node->url);
	struct np_profile_frame f;
	if (!node->url && !node->script_id && len) {
		f = np_symbol_parse(p, name, len, NULL, 0);
	} else {
		f = (struct np_profile_frame){.name = len ? node->name : np_profile_cstring(p, "(anonymous)"),
					      .file = node->url, .kind = NP_PROFILE_JS};
		if (begins(url, url_len, "wasm://"))
			f.kind = NP_PROFILE_WASM;
	}
	if (!f.line) {
		f.line = (uint32_t)node->line;
		f.column = node->line ? (uint32_t)node->column : 0;
	}
	f.script_id = (uint32_t)node->script_id;
	return np_profile_frame(p, &f);
}

static void node_place(struct np_cpu_nodes *n, struct np_cpu_node *node)
{
	np_profile *p = n->profile;
	uint32_t frame = frame_of(p, node), above = node->parent == NP_NODE_NONE ? 0 : n->list.data[node->parent].below;
	bool exact = node->tick_line && node->tick_line != NP_NODE_NONE && node->ticks == node->hits;
	node->below = np_profile_push(p, above, frame, 0, 0);
	node->leaf = exact ? np_profile_push(p, above, frame, node->tick_line, 0) : node->below;
	if (node->parent == NP_NODE_NONE && np_json_is(np_profile_text(p, node->name), np_profile_text_len(p, node->name), "(root)"))
		node->below = 0;
	node->state = 2;
}

void np_cpu_nodes_place(struct np_cpu_nodes *n)
{
	for (; n->linked < n->edges.len; n->linked++) {
		uint32_t child = np_cpu_nodes_find(n, n->edges.data[n->linked].child);
		if (child != NP_NODE_NONE && n->list.data[child].parent == NP_NODE_NONE && n->edges.data[n->linked].parent != child)
			n->list.data[child].parent = n->edges.data[n->linked].parent;
	}
	for (; n->placed < n->list.len; n->placed++) {
		uint32_t at = (uint32_t)n->placed;
		n->path.len = 0;
		while (at != NP_NODE_NONE && !n->list.data[at].state) {
			n->list.data[at].state = 1;
			np_vec_push(&n->path, at);
			at = n->list.data[at].parent;
		}
		if (at != NP_NODE_NONE && n->list.data[at].state == 1) /* its own ancestor: it begins there */
			n->list.data[n->path.data[n->path.len - 1]].parent = NP_NODE_NONE;
		while (n->path.len)
			node_place(n, &n->list.data[n->path.data[--n->path.len]]);
	}
}

/* --- samples --- */

void np_cpu_samples_deinit(struct np_cpu_samples *s)
{
	np_vec_deinit(&s->nodes);
	np_vec_deinit(&s->deltas);
	np_vec_deinit(&s->lines);
}

void np_cpu_value_types(np_profile *p)
{
	np_profile_value_type(p, "samples", "count");
	np_profile_facts(p)->default_type = np_profile_value_type(p, "wall", "nanoseconds");
}

struct moment {
	int64_t us;
	size_t at;
};

static int moment_compare(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;
	if (x->us != y->us)
		return x->us < y->us ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Times stay so far from the ends that nanoseconds and differences of them fit. */
static int64_t us_bounded(int64_t us)
{
	const int64_t most = INT64_MAX / 4000;
	return us > most ? most : us < -most ? -most : us;
}

static int64_t delta_of(const struct np_cpu_samples *s, size_t i)
{
	return i < s->deltas.len ? us_bounded(s->deltas.data[i]) : 0;
}

/* Mostly V8 hands samples in the order in which it took them: NULL then. */
static struct moment *moments_sorted(const struct np_cpu_samples *s)
{
	size_t n = s->nodes.len, i = 1;
	while (i < n && delta_of(s, i) >= 0)
		i++;
	if (i >= n)
		return NULL;
	struct moment *moments = np_xmalloc(n * sizeof(*moments));
	int64_t now = us_bounded(s->start_us);
	for (i = 0; i < n; i++) {
		now = us_bounded(now + delta_of(s, i));
		moments[i] = (struct moment){now, i};
	}
	qsort(moments, n, sizeof(*moments), moment_compare);
	return moments;
}

static void sample_add(const struct np_cpu_samples *s, const struct np_cpu_nodes *nodes, uint32_t thread, size_t at,
		       int64_t from_us, int64_t to_us)
{
	np_profile *p = nodes->profile;
	if (s->nodes.data[at] == NP_NODE_NONE)
		return;
	uint32_t stack = nodes->list.data[s->nodes.data[at]].leaf, line = at < s->lines.len ? s->lines.data[at] : 0;
	if (line) {
		const struct np_profile_stack *leaf = np_profile_stack_at(p, stack);
		stack = np_profile_push(p, leaf->parent, leaf->frame, line, 0);
	}
	int64_t values[2] = {1, (to_us - from_us) * 1000};
	np_profile_add(p, thread, stack, from_us * 1000, values);
}

void np_cpu_samples_add(const struct np_cpu_samples *s, const struct np_cpu_nodes *nodes, uint32_t thread)
{
	size_t n = s->nodes.len;
	struct moment *moments = moments_sorted(s);
	int64_t now = us_bounded(us_bounded(s->start_us) + delta_of(s, 0)), end = us_bounded(s->end_us);
	int64_t first = moments ? moments[0].us : now;
	for (size_t i = 0; i < n; i++) {
		now = moments ? moments[i].us : now;
		int64_t next = i + 1 < n ? (moments ? moments[i + 1].us : us_bounded(now + delta_of(s, i + 1))) : end;
		if (i + 1 == n && !end && n > 1) /* the end is not told: as long as the others */
			next = now + (now - first) / (int64_t)(n - 1);
		sample_add(s, nodes, thread, moments ? moments[i].at : i, now, next > now ? next : now);
		now = next;
	}
	free(moments);
}

#include "format/cpu_tree.h"

#include "format/symbol_frame.h"

void np_cpu_tree_init(struct np_cpu_tree *t, np_profile *profile)
{
	struct np_profile_frame root = {.name = np_profile_cstring(profile, "(root)"), .kind = NP_PROFILE_META};
	*t = (struct np_cpu_tree){.profile = profile};
	np_vec_push(&t->nodes, (struct np_tree_node){0});
	np_vec_push(&t->nodes, (struct np_tree_node){.frame = np_profile_frame(profile, &root)});
}

void np_cpu_tree_deinit(struct np_cpu_tree *t)
{
	np_vec_deinit(&t->nodes);
	np_vec_deinit(&t->ticks);
	np_hash_table_deinit(&t->table);
	free(t->node_of);
	free(t->hits_of);
	np_vec_deinit(&t->hit);
	np_vec_deinit(&t->path);
}

static uint64_t node_hash_of(uint32_t parent, uint32_t frame)
{
	return np_hash_u64((uint64_t)parent << 32 | frame);
}

static uint64_t node_hash(const void *ctx, uint32_t number)
{
	const struct np_tree_node *n = &((const struct np_cpu_tree *)ctx)->nodes.data[number];
	return node_hash_of(n->parent, n->frame);
}

uint32_t np_frame_plain(np_profile *p, uint32_t frame)
{
	struct np_profile_frame f = *np_profile_frame_at(p, frame);
	if (!f.tier && !f.is_inlined && !f.is_osr && !f.module)
		return frame;
	f.tier = NP_PROFILE_TIER_NONE;
	f.is_inlined = f.is_osr = false;
	f.module = 0;
	return np_profile_frame(p, &f);
}

static bool is_root(const np_profile *p, uint32_t frame)
{
	const struct np_profile_frame *f = np_profile_frame_at(p, frame);
	return f->kind == NP_PROFILE_META && strcmp(np_profile_text(p, f->name), "(root)") == 0;
}

uint32_t np_cpu_tree_child(struct np_cpu_tree *t, uint32_t parent, uint32_t frame)
{
	frame = np_frame_plain(t->profile, frame);
	if (parent == 1 && is_root(t->profile, frame))
		return 1;
	uint64_t hash = node_hash_of(parent, frame);
	NP_HASH_FIND(&t->table, hash, number)
		if (t->nodes.data[number].parent == parent && t->nodes.data[number].frame == frame)
			return number;
	uint32_t node = (uint32_t)t->nodes.len;
	np_vec_push(&t->nodes, (struct np_tree_node){.parent = parent, .frame = frame});
	np_hash_put(&t->table, hash, node, node_hash, t);
	struct np_tree_node *above = &t->nodes.data[parent];
	if (above->last_child)
		t->nodes.data[above->last_child].next = node;
	else
		above->first_child = node;
	above->last_child = node;
	return node;
}

static void ticks_collect(struct np_cpu_tree *t)
{
	for (size_t i = 0; i < t->hit.len; i++) {
		uint32_t stack = t->hit.data[i], line = np_profile_stack_at(t->profile, stack)->line;
		if (line)
			np_vec_push(&t->ticks, (struct np_tree_tick){t->node_of[stack], line, t->hits_of[stack]});
	}
	t->hit.len = 0;
	free(t->node_of);
	free(t->hits_of);
	t->node_of = NULL;
	t->hits_of = NULL;
}

void np_cpu_tree_below(struct np_cpu_tree *t, uint32_t below)
{
	uint32_t n = np_profile_stack_count(t->profile);
	ticks_collect(t);
	t->node_of = np_xcalloc(n, sizeof(*t->node_of));
	t->hits_of = np_xcalloc(n, sizeof(*t->hits_of));
	t->node_of[0] = below;
}

/* Makes the nodes that the stack's callers do not have yet. */
static uint32_t node_of_stack(struct np_cpu_tree *t, uint32_t stack)
{
	t->path.len = 0;
	for (; !t->node_of[stack]; stack = np_profile_stack_at(t->profile, stack)->parent)
		np_vec_push(&t->path, stack);
	uint32_t node = t->node_of[stack];
	while (t->path.len) {
		stack = t->path.data[--t->path.len];
		node = t->node_of[stack] = np_cpu_tree_child(t, node, np_profile_stack_at(t->profile, stack)->frame);
	}
	return node;
}

uint32_t np_cpu_tree_hit(struct np_cpu_tree *t, uint32_t stack, uint64_t count)
{
	uint32_t node = node_of_stack(t, stack);
	t->nodes.data[node].hits += count;
	if (!t->hits_of[stack] && count)
		np_vec_push(&t->hit, stack);
	t->hits_of[stack] += count;
	return node;
}

static int tick_compare(const void *a, const void *b)
{
	const struct np_tree_tick *x = a, *y = b;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

void np_cpu_tree_done(struct np_cpu_tree *t)
{
	size_t kept = 0;
	ticks_collect(t);
	if (t->ticks.len)
		qsort(t->ticks.data, t->ticks.len, sizeof(*t->ticks.data), tick_compare);
	for (size_t i = 0; i < t->ticks.len; i++) {
		if (kept && tick_compare(&t->ticks.data[kept - 1], &t->ticks.data[i]) == 0)
			t->ticks.data[kept - 1].count += t->ticks.data[i].count;
		else
			t->ticks.data[kept++] = t->ticks.data[i];
	}
	t->ticks.len = kept;
	for (size_t i = 0; i < kept; i++) {
		struct np_tree_node *node = &t->nodes.data[t->ticks.data[i].node];
		if (!node->ticks_end)
			node->ticks = i;
		node->ticks_end = i + 1;
	}
}

/* Functions without a file are told by their whole symbol, so that their kind comes back. */
static void name_put(struct np_json_out *out, const np_profile *p, const struct np_profile_frame *f)
{
	struct np_buf symbol = {0};
	if (f->file || f->kind == NP_PROFILE_JS || f->kind == NP_PROFILE_META) {
		if (strcmp(np_profile_text(p, f->name), "(anonymous)") == 0)
			np_out_puts(out, "\"\"");
		else
			np_out_string(out, p, f->name);
		return;
	}
	np_symbol_put(&symbol, p, f);
	np_text_put_json(&out->buf, np_buf_str(&symbol), symbol.len);
	np_buf_deinit(&symbol);
}

void np_cpu_tree_frame_put(struct np_json_out *out, const struct np_cpu_tree *t, uint32_t node)
{
	const np_profile *p = t->profile;
	const struct np_profile_frame *f = np_profile_frame_at(p, t->nodes.data[node].frame);
	np_out_puts(out, "\"callFrame\":{\"functionName\":");
	name_put(out, p, f);
	np_out_puts(out, ",\"scriptId\":\"");
	np_out_int(out, f->script_id);
	np_out_puts(out, "\",\"url\":");
	np_out_string(out, p, f->file);
	np_out_puts(out, ",\"lineNumber\":");
	np_out_int(out, f->line ? (int64_t)f->line - 1 : -1);
	np_out_puts(out, ",\"columnNumber\":");
	np_out_int(out, f->line ? (f->column ? (int64_t)f->column - 1 : 0) : -1);
	np_buf_putc(&out->buf, '}');
}

void np_samples_by_thread_init(struct np_samples_by_thread *by, const np_profile *p)
{
	size_t n = np_profile_sample_count(p), threads = np_profile_thread_count(p);
	by->order = np_xmalloc((n + 1) * sizeof(*by->order));
	by->begins = np_xcalloc(threads + 2, sizeof(*by->begins));
	for (size_t i = 0; i < n; i++)
		by->begins[np_profile_sample_at(p, i)->thread + 2]++;
	for (size_t t = 2; t < threads + 2; t++)
		by->begins[t] += by->begins[t - 1];
	for (size_t i = 0; i < n; i++)
		by->order[by->begins[np_profile_sample_at(p, i)->thread + 1]++] = i;
}

void np_samples_by_thread_deinit(struct np_samples_by_thread *by)
{
	free(by->order);
	free(by->begins);
}

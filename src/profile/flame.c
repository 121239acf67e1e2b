#include "profile/flame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"

/*
 * How a side is added: the samples of one thread at a time (or all at once) are
 * summed up by stack; each such stack is climbed up to one that has a node already
 * and the way back down makes the nodes that are missing.  Reversed, each stack is
 * climbed to its root and the nodes are made on the way.
 */

struct np_flame {
	np_arena *arena;
	struct np_flame_options options;
	NP_VEC(struct np_flame_function) functions;
	struct np_hash_table function_table;
	NP_VEC(struct np_flame_node) nodes;
	struct np_hash_table node_table;
	uint32_t depth;
	uint64_t negative;
	bool is_diff, is_cut;
};

/* --- functions --- */

static struct np_flame_text text_of(const np_profile *p, uint32_t string)
{
	return (struct np_flame_text){np_profile_text(p, string), (uint32_t)np_profile_text_len(p, string)};
}

static bool text_equal(struct np_flame_text a, struct np_flame_text b)
{
	return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

static int text_compare(struct np_flame_text a, struct np_flame_text b)
{
	int order = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static struct np_flame_text text_constant(const char *s)
{
	return (struct np_flame_text){s, (uint32_t)strlen(s)};
}

static uint64_t function_hash_of(const struct np_flame_function *f)
{
	uint64_t hash = np_hash_mix((uint64_t)f->hash << 32 | f->line, (uint64_t)f->column << 16 | f->tier);
	return np_hash_u64(hash ^ f->class);
}

static uint64_t function_hash(const void *ctx, uint32_t number)
{
	return function_hash_of(&((const np_flame *)ctx)->functions.data[number]);
}

static uint32_t function_put(np_flame *flame, struct np_flame_function f)
{
	f.hash = (uint32_t)(np_hash_bytes(f.name.s, f.name.n) >> 32) ^ (uint32_t)np_hash_bytes(f.file.s, f.file.n);
	uint64_t hash = function_hash_of(&f);
	NP_HASH_FIND (&flame->function_table, hash, number) {
		const struct np_flame_function *g = &flame->functions.data[number];
		if (g->line == f.line && g->column == f.column && g->tier == f.tier && g->class == f.class &&
		    text_equal(g->name, f.name) && text_equal(g->file, f.file))
			return number;
	}
	np_vec_push(&flame->functions, f);
	np_hash_put(&flame->function_table, hash, (uint32_t)flame->functions.len - 1, function_hash, flame);
	return (uint32_t)flame->functions.len - 1;
}

/* What a view by package calls a frame: its package, else the words for its class. */
static struct np_flame_text package_of(struct np_classified c)
{
	if (c.package_len)
		return (struct np_flame_text){c.package, (uint32_t)c.package_len};
	return text_constant(np_code_class_name(c.class));
}

static struct np_flame_text file_of(const np_profile *p, const struct np_profile_frame *f, struct np_classified c)
{
	if (f->file)
		return text_of(p, f->file);
	return f->module ? text_of(p, f->module) : package_of(c);
}

/* What tells two functions of one name apart, and people where to look: the source, or which library. */
static struct np_flame_text place_of(const np_profile *p, const struct np_profile_frame *f, struct np_classified c)
{
	struct np_flame_text path = text_of(p, f->file ? f->file : c.class == NP_CLASS_LIBRARY ? f->module : 0);
	uint32_t at = path.n;
	if (f->file)
		return path;
	while (at > 0 && path.s[at - 1] != '/')
		at--;
	return (struct np_flame_text){path.s + at, path.n - at};
}

static uint32_t function_of(np_flame *flame, const np_profile *p, const struct np_profile_frame *frame)
{
	static const struct np_flame_text nothing = {"", 0};
	struct np_classified c = np_classify(p, frame);
	struct np_flame_function f = {.file = nothing, .class = (uint8_t)c.class};
	switch (flame->options.by) {
	case NP_FLAME_BY_PACKAGE:
		f.name = package_of(c);
		break;
	case NP_FLAME_BY_FILE:
		f.name = file_of(p, frame, c);
		break;
	case NP_FLAME_BY_FUNCTION:
		f.name = text_of(p, frame->name);
		f.file = place_of(p, frame, c);
		if (!f.name.n)
			f.name = text_constant(frame->kind == NP_PROFILE_JS ? "(anonymous)" : "[unknown]");
		/* between two builds of a program functions change their place: only without a name it tells who is who
		 */
		f.line = flame->is_diff && text_of(p, frame->name).n ? 0 : frame->line;
		f.column = flame->is_diff ? 0 : frame->column;
		f.tier = flame->options.keep_tiers ? frame->tier : 0;
		break;
	}
	return function_put(flame, f);
}

/* --- nodes --- */

static uint64_t node_hash_of(uint32_t parent, uint32_t function)
{
	return np_hash_u64((uint64_t)parent << 32 | function);
}

static uint64_t node_hash(const void *ctx, uint32_t number)
{
	const struct np_flame_node *n = &((const np_flame *)ctx)->nodes.data[number];
	return node_hash_of(n->parent, n->function);
}

static uint32_t child_of(np_flame *flame, uint32_t parent, uint32_t function, uint8_t seen)
{
	struct np_flame_node *above = &flame->nodes.data[parent];
	if (flame->options.by != NP_FLAME_BY_FUNCTION && parent && above->function == function) {
		above->seen |= seen;
		return parent; /* a file that calls itself is one box */
	}
	if (flame->options.max_depth && above->depth >= flame->options.max_depth) {
		above->is_cut = flame->is_cut = true;
		return parent;
	}
	uint64_t hash = node_hash_of(parent, function);
	NP_HASH_FIND (&flame->node_table, hash, number) {
		struct np_flame_node *n = &flame->nodes.data[number];
		if (n->parent == parent && n->function == function) {
			n->seen |= seen;
			return number;
		}
	}
	uint32_t depth = above->depth + 1, number = (uint32_t)flame->nodes.len;
	np_vec_push(&flame->nodes,
		    (struct np_flame_node){.parent = parent, .function = function, .seen = seen, .depth = depth});
	np_hash_put(&flame->node_table, hash, number, node_hash, flame);
	flame->depth = depth > flame->depth ? depth : flame->depth;
	return number;
}

/* --- one profile --- */

struct side {
	np_flame *flame;
	const struct np_flame_input *in;
	bool is_before;
	uint32_t *functions; /* by frame */
	uint8_t *seen;	     /* by frame */
	int64_t *sums;	     /* by stack, of the group */
	uint32_t *memo;	     /* by stack: its node, when the stamp is the group's */
	uint32_t *stamp;
	NP_VEC(uint32_t) touched; /* stacks of the group */
	NP_VEC(uint32_t) path;
	int64_t total;
};

static uint8_t seen_of(const struct np_profile_frame *f)
{
	return (uint8_t)(1u << (f->tier & 7) | (f->is_inlined ? NP_FLAME_INLINED : NP_FLAME_NOT_INLINED));
}

static void side_init(struct side *s, np_flame *flame, const struct np_flame_input *in, bool is_before)
{
	const np_profile *p = in->profile;
	uint32_t frames = np_profile_frame_count(p), stacks = np_profile_stack_count(p);
	*s = (struct side){.flame = flame, .in = in, .is_before = is_before};
	s->functions = np_xmalloc(frames * sizeof(*s->functions));
	s->seen = np_xmalloc(frames);
	for (uint32_t i = 0; i < frames; i++) {
		const struct np_profile_frame *f = np_profile_frame_at(p, i);
		s->functions[i] = function_of(flame, p, f);
		s->seen[i] = seen_of(f);
	}
	s->sums = np_xcalloc(stacks, sizeof(*s->sums));
	s->memo = np_xmalloc(stacks * sizeof(*s->memo));
	s->stamp = np_xcalloc(stacks, sizeof(*s->stamp));
}

static void side_deinit(struct side *s)
{
	free(s->functions);
	free(s->seen);
	free(s->sums);
	free(s->memo);
	free(s->stamp);
	np_vec_deinit(&s->touched);
	np_vec_deinit(&s->path);
}

static uint32_t add_forward(struct side *s, uint32_t group, uint32_t stamp, uint32_t stack)
{
	const np_profile *p = s->in->profile;
	uint32_t node = group;
	s->path.len = 0;
	for (; stack; stack = np_profile_stack_at(p, stack)->parent) {
		if (s->stamp[stack] == stamp) {
			node = s->memo[stack];
			break;
		}
		np_vec_push(&s->path, stack);
	}
	while (s->path.len) {
		stack = s->path.data[--s->path.len];
		uint32_t frame = np_profile_stack_at(p, stack)->frame;
		node = child_of(s->flame, node, s->functions[frame], s->seen[frame]);
		s->memo[stack] = node;
		s->stamp[stack] = stamp;
	}
	return node;
}

static uint32_t add_reversed(struct side *s, uint32_t group, uint32_t stack)
{
	const np_profile *p = s->in->profile;
	uint32_t node = group, max = s->flame->options.max_depth;
	for (; stack; stack = np_profile_stack_at(p, stack)->parent) {
		uint32_t frame = np_profile_stack_at(p, stack)->frame;
		node = child_of(s->flame, node, s->functions[frame], s->seen[frame]);
		if (max && s->flame->nodes.data[node].is_cut && s->flame->options.by == NP_FLAME_BY_FUNCTION)
			break; /* all that follows counts for it */
	}
	return node;
}

static np_err *take_sample(struct side *s, size_t i)
{
	const np_profile *p = s->in->profile;
	const struct np_profile_sample *sample = np_profile_sample_at(p, i);
	int64_t value = np_profile_values(p, i)[s->in->value_type];
	if (value < 0) {
		s->flame->negative++;
		return NULL;
	}
	if (__builtin_add_overflow(s->total, value, &s->total))
		return np_err_new(NP_ELIMIT, "the values of the samples sum up to more than 2^63");
	if (value && !s->sums[sample->stack])
		np_vec_push(&s->touched, sample->stack);
	s->sums[sample->stack] += value;
	return NULL;
}

/* The sums of the group's stacks go into the tree below its node. */
static void group_add(struct side *s, uint32_t group, uint32_t stamp)
{
	for (size_t i = 0; i < s->touched.len; i++) {
		uint32_t stack = s->touched.data[i];
		uint32_t node = s->flame->options.reversed ? add_reversed(s, group, stack)
							   : add_forward(s, group, stamp, stack);
		struct np_flame_node *n = &s->flame->nodes.data[node];
		*(s->is_before ? &n->before_self : &n->self) += s->sums[stack];
		s->sums[stack] = 0;
	}
	s->touched.len = 0;
}

/* "node 4242/4243", "4242", "thread 0": what is known of it. */
static uint32_t thread_node(struct side *s, uint32_t thread)
{
	const np_profile *p = s->in->profile;
	const struct np_profile_thread *t = np_profile_thread_at(p, thread);
	struct np_flame_text name = text_of(p, t->name ? t->name : t->process);
	np_arena *arena = s->flame->arena;
	char *text = np_arena_alloc(arena, name.n + 64);
	memcpy(text, name.s, name.n);
	int more = t->tid == -1	      ? 0
		   : t->pid == -1     ? snprintf(text + name.n, 64, " %lld", (long long)t->tid)
		   : t->pid == t->tid ? snprintf(text + name.n, 64, " %lld", (long long)t->pid)
				      : snprintf(text + name.n, 64, " %lld/%lld", (long long)t->pid, (long long)t->tid);
	if (!name.n && !more)
		more = snprintf(text, 64, "thread %u", thread);
	struct np_flame_function f = {.name = {text, name.n + (uint32_t)more}, .file = {"", 0}, .class = NP_CLASS_META};
	while (f.name.n && *f.name.s == ' ') {
		f.name.s++;
		f.name.n--;
	}
	return child_of(s->flame, 0, function_put(s->flame, f), 0);
}

static np_err *add_threads(struct side *s)
{
	const np_profile *p = s->in->profile;
	size_t samples = np_profile_sample_count(p);
	uint32_t threads = np_profile_thread_count(p);
	size_t *begin = np_xcalloc((size_t)threads + 1, sizeof(*begin)),
	       *order = np_xmalloc((samples + 1) * sizeof(*order));
	np_err *err = NULL;
	for (size_t i = 0; i < samples; i++)
		begin[np_profile_sample_at(p, i)->thread + 1]++;
	for (uint32_t t = 0; t < threads; t++)
		begin[t + 1] += begin[t];
	for (size_t i = 0; i < samples; i++)
		order[begin[np_profile_sample_at(p, i)->thread]++] = i;
	/* begin[t] is now where thread t ends */
	for (uint32_t t = 0; t < threads && !err; t++) {
		size_t i = t ? begin[t - 1] : 0;
		for (; i < begin[t] && !err; i++)
			err = take_sample(s, order[i]);
		if (!err && s->touched.len)
			group_add(s, thread_node(s, t), t + 1);
	}
	free(begin);
	free(order);
	return err;
}

static np_err *add_all(struct side *s)
{
	const np_profile *p = s->in->profile;
	size_t samples = np_profile_sample_count(p);
	for (size_t i = 0; i < samples; i++)
		NP_TRY(take_sample(s, i));
	group_add(s, 0, 1);
	return NULL;
}

static np_err *side_add(np_flame *flame, const struct np_flame_input *in, bool is_before)
{
	struct side s;
	side_init(&s, flame, in, is_before);
	np_err *err = flame->options.by_thread && np_profile_thread_count(in->profile) ? add_threads(&s) : add_all(&s);
	side_deinit(&s);
	return err;
}

/* --- order and sums --- */

static int function_compare(const void *a, const void *b, void *ctx)
{
	const np_flame *flame = ctx;
	const struct np_flame_function *x = &flame->functions.data[*(const uint32_t *)a];
	const struct np_flame_function *y = &flame->functions.data[*(const uint32_t *)b];
	int order = text_compare(x->name, y->name);
	if (!order)
		order = text_compare(x->file, y->file);
	if (!order && x->line != y->line)
		order = x->line < y->line ? -1 : 1;
	if (!order && x->column != y->column)
		order = x->column < y->column ? -1 : 1;
	if (!order && x->tier != y->tier)
		order = x->tier < y->tier ? -1 : 1;
	return order ? order : (x->class > y->class) - (x->class < y->class);
}

/* Children in the order of their functions' names: from the last function to the first, each node goes to the front. */
static void children_link(np_flame *flame)
{
	uint32_t functions = (uint32_t)flame->functions.len, nodes = (uint32_t)flame->nodes.len;
	uint32_t *order = np_xmalloc(functions * sizeof(*order));
	uint32_t *head = np_xcalloc(functions, sizeof(*head)),
		 *next = np_xcalloc(nodes, sizeof(*next)); /* by function */
	for (uint32_t i = 0; i < functions; i++)
		order[i] = i;
	qsort_r(order, functions, sizeof(*order), function_compare, flame);
	for (uint32_t i = 1; i < nodes; i++) {
		next[i] = head[flame->nodes.data[i].function];
		head[flame->nodes.data[i].function] = i;
	}
	for (uint32_t k = functions; k-- > 0;)
		for (uint32_t i = head[order[k]]; i; i = next[i]) {
			struct np_flame_node *n = &flame->nodes.data[i], *parent = &flame->nodes.data[n->parent];
			n->next = parent->first;
			parent->first = i;
		}
	free(order);
	free(head);
	free(next);
}

static void sums_make(np_flame *flame)
{
	struct np_flame_node *nodes = flame->nodes.data;
	for (uint32_t i = (uint32_t)flame->nodes.len; i-- > 0;) {
		nodes[i].total += nodes[i].self;
		nodes[i].before += nodes[i].before_self;
		if (i) {
			nodes[nodes[i].parent].total += nodes[i].total;
			nodes[nodes[i].parent].before += nodes[i].before;
		}
	}
	for (uint32_t i = 0; i < flame->nodes.len; i++) {
		int64_t at = nodes[i].start;
		for (uint32_t child = nodes[i].first; child; child = nodes[child].next) {
			nodes[child].start = at;
			at += nodes[child].total;
		}
	}
}

np_err *np_flame_create(const struct np_flame_input *now, const struct np_flame_input *before,
			const struct np_flame_options *options, np_flame **ret)
{
	np_flame *flame = np_xcalloc(1, sizeof(*flame));
	flame->arena = np_arena_create();
	flame->options = *options;
	flame->is_diff = before != NULL;
	function_put(flame, (struct np_flame_function){.name = {"all", 3}, .file = {"", 0}, .class = NP_CLASS_META});
	np_vec_push(&flame->nodes, (struct np_flame_node){0});
	np_err *err = side_add(flame, now, false);
	if (!err && before)
		err = side_add(flame, before, true);
	if (err) {
		np_flame_destroy(flame);
		return err;
	}
	children_link(flame);
	sums_make(flame);
	*ret = flame;
	return NULL;
}

void np_flame_destroy(np_flame *flame)
{
	if (!flame)
		return;
	np_vec_deinit(&flame->functions);
	np_vec_deinit(&flame->nodes);
	np_hash_table_deinit(&flame->function_table);
	np_hash_table_deinit(&flame->node_table);
	np_arena_destroy(flame->arena);
	free(flame);
}

/* --- reading --- */

uint32_t np_flame_node_count(const np_flame *flame)
{
	return (uint32_t)flame->nodes.len;
}

const struct np_flame_node *np_flame_node_at(const np_flame *flame, uint32_t node)
{
	return &flame->nodes.data[node];
}

uint32_t np_flame_function_count(const np_flame *flame)
{
	return (uint32_t)flame->functions.len;
}

const struct np_flame_function *np_flame_function_at(const np_flame *flame, uint32_t function)
{
	return &flame->functions.data[function];
}

uint32_t np_flame_depth(const np_flame *flame)
{
	return flame->depth;
}

bool np_flame_is_diff(const np_flame *flame)
{
	return flame->is_diff;
}

uint64_t np_flame_negative(const np_flame *flame)
{
	return flame->negative;
}

bool np_flame_is_cut(const np_flame *flame)
{
	return flame->is_cut;
}

uint32_t np_flame_next(const np_flame *flame, uint32_t node, bool skip_children)
{
	const struct np_flame_node *nodes = flame->nodes.data;
	if (!skip_children && nodes[node].first)
		return nodes[node].first;
	while (node && !nodes[node].next)
		node = nodes[node].parent;
	return node ? nodes[node].next : 0;
}

static double delta_of(const np_flame *flame, int64_t now, int64_t before, bool normalised)
{
	const struct np_flame_node *root = &flame->nodes.data[0];
	double scale = normalised && root->before ? (double)root->total / (double)root->before : 1;
	return (double)now - (double)before * scale;
}

double np_flame_delta(const np_flame *flame, uint32_t node, bool normalised)
{
	return delta_of(flame, flame->nodes.data[node].total, flame->nodes.data[node].before, normalised);
}

double np_flame_self_delta(const np_flame *flame, uint32_t node, bool normalised)
{
	return delta_of(flame, flame->nodes.data[node].self, flame->nodes.data[node].before_self, normalised);
}

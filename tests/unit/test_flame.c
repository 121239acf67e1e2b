/* Flame graphs: the tree against sums by brute force, kinds of frames, and what is written: as XML, with hostile names.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/vec.h"
#include "format/flame_html.h"
#include "format/flame_svg.h"
#include "profile/flame.h"

static uint32_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static uint32_t js_frame(np_profile *p, const char *name, const char *file, uint32_t line, enum np_profile_tier tier)
{
	return np_profile_frame(p, &(struct np_profile_frame){.name = np_profile_cstring(p, name),
							      .file = np_profile_cstring(p, file),
							      .line = line,
							      .kind = NP_PROFILE_JS,
							      .tier = (uint8_t)tier});
}

static uint32_t native_frame(np_profile *p, const char *name, const char *module)
{
	return np_profile_frame(p, &(struct np_profile_frame){.name = np_profile_cstring(p, name),
							      .module = np_profile_cstring(p, module),
							      .kind = NP_PROFILE_NATIVE});
}

/* Three threads; functions in several tiers, files and packages; the same stacks for the same seed. */
static np_profile *profile_random(uint64_t seed, size_t samples, uint32_t depth_max, bool backwards)
{
	np_profile *p = np_profile_create(false);
	uint32_t frames[40], threads[3];
	char name[32];
	for (uint32_t k = 0; k < 40; k++) {
		uint32_t i = backwards ? 39 - k : k;
		const char *files[] = {"/app/a.js", "/app/b.js", "/app/node_modules/left/x.js",
				       "/app/node_modules/@s/right/y.js", "node:fs"};
		snprintf(name, sizeof(name), "function_that_does_%u", i / 2 % 15);
		frames[i] = i < 34 ? js_frame(p, name, files[i / 2 % 7 % 5], i / 2 % 3, (enum np_profile_tier)(i % 5))
				   : native_frame(p, name, i % 2 ? "/usr/bin/node" : "/lib/libc.so.6");
	}
	for (uint32_t i = 0; i < 3; i++)
		threads[i] = np_profile_thread(
			p,
			&(struct np_profile_thread){.pid = 7, .tid = 7 + i, .name = np_profile_cstring(p, "worker")});
	struct {
		uint32_t thread, stack;
		int64_t value;
	} *all = np_xcalloc(samples, sizeof(*all));
	for (size_t i = 0; i < samples; i++) {
		uint32_t depth = random_next(&seed) % depth_max;
		for (uint32_t d = 0; d < depth; d++)
			all[i].stack = np_profile_push(p, all[i].stack, frames[random_next(&seed) % (d < 3 ? 3 : 40)],
						       d % 5, 0);
		all[i].thread = threads[random_next(&seed) % 3];
		all[i].value = random_next(&seed) % 1000;
	}
	for (size_t k = 0; k < samples; k++) {
		size_t i = backwards ? samples - 1 - k : k;
		np_profile_add(p, all[i].thread, all[i].stack, NP_TIME_NONE, &all[i].value);
	}
	free(all);
	return p;
}

/* --- sums by brute force --- */

struct path {
	char *text;
	int64_t total;
	bool was_seen;
};

struct paths {
	NP_VEC(struct path) all;
	bool is_sorted;
};

static int path_compare(const void *a, const void *b)
{
	return strcmp(((const struct path *)a)->text, ((const struct path *)b)->text);
}

/* Equal paths become one. */
static void paths_sum(struct paths *paths)
{
	size_t n = 0;
	qsort(paths->all.data, paths->all.len, sizeof(struct path), path_compare);
	for (size_t i = 0; i < paths->all.len; i++) {
		if (n && strcmp(paths->all.data[n - 1].text, paths->all.data[i].text) == 0) {
			paths->all.data[n - 1].total += paths->all.data[i].total;
			free(paths->all.data[i].text);
		} else {
			paths->all.data[n++] = paths->all.data[i];
		}
	}
	paths->all.len = n;
}

static void paths_free(struct paths *paths)
{
	for (size_t i = 0; i < paths->all.len; i++)
		free(paths->all.data[i].text);
	np_vec_deinit(&paths->all);
}

static void label_put(struct np_buf *b, const np_profile *p, uint32_t frame, const struct np_flame_options *o)
{
	const struct np_profile_frame *f = np_profile_frame_at(p, frame);
	struct np_classified c = np_classify(p, f);
	switch (o->by) {
	case NP_FLAME_BY_PACKAGE:
		if (c.package_len)
			np_buf_add(b, c.package, c.package_len);
		else
			np_buf_puts(b, np_code_class_name(c.class));
		return;
	case NP_FLAME_BY_FILE:
		np_buf_puts(b, np_profile_text(p, f->file ? f->file : f->module));
		return;
	case NP_FLAME_BY_FUNCTION:
		break;
	}
	const char *module = strrchr(np_profile_text(p, f->module), '/'),
		   *library = c.class == NP_CLASS_LIBRARY ? module + 1 : "";
	np_buf_printf(b, "%s|%s|%u|%d", np_profile_text(p, f->name), f->file ? np_profile_text(p, f->file) : library,
		      f->line, o->keep_tiers ? f->tier : 0);
}

static void sample_paths(struct paths *paths, const np_profile *p, size_t sample, const struct np_flame_options *o)
{
	const struct np_profile_sample *s = np_profile_sample_at(p, sample);
	uint32_t stack[128];
	size_t n = 0;
	struct np_buf text = {0};
	char last[256] = "";
	for (uint32_t at = s->stack; at; at = np_profile_stack_at(p, at)->parent)
		stack[n++] = np_profile_stack_at(p, at)->frame;
	if (!np_profile_values(p, sample)[0])
		return;
	if (o->by_thread) {
		const struct np_profile_thread *t = np_profile_thread_at(p, s->thread);
		np_buf_printf(&text, "/%s %lld", np_profile_text(p, t->name), (long long)t->pid);
		if (t->pid != t->tid)
			np_buf_printf(&text, "/%lld", (long long)t->tid);
		np_vec_push(&paths->all,
			    (struct path){np_xstrdup(np_buf_str(&text)), np_profile_values(p, sample)[0], false});
	}
	for (size_t i = 0; i < n; i++) {
		struct np_buf label = {0};
		label_put(&label, p, o->reversed ? stack[i] : stack[n - 1 - i], o);
		if (o->by == NP_FLAME_BY_FUNCTION || strcmp(last, np_buf_str(&label)) != 0) {
			np_buf_printf(&text, ";%s", np_buf_str(&label));
			np_vec_push(&paths->all, (struct path){np_xstrdup(np_buf_str(&text)),
							       np_profile_values(p, sample)[0], false});
		}
		snprintf(last, sizeof(last), "%s", np_buf_str(&label));
		np_buf_deinit(&label);
	}
	np_buf_deinit(&text);
}

static void node_path(const np_flame *flame, uint32_t node, struct np_buf *text, const struct np_flame_options *o)
{
	uint32_t path[130], n = 0;
	for (; node; node = np_flame_node_at(flame, node)->parent)
		path[n++] = node;
	np_buf_clear(text);
	while (n--) {
		const struct np_flame_function *f =
			np_flame_function_at(flame, np_flame_node_at(flame, path[n])->function);
		bool is_thread = o->by_thread && np_flame_node_at(flame, path[n])->depth == 1;
		np_buf_printf(text, "%c%.*s", is_thread ? '/' : ';', (int)f->name.n, f->name.s);
		if (o->by == NP_FLAME_BY_FUNCTION && !is_thread)
			np_buf_printf(text, "|%.*s|%u|%d", (int)f->file.n, f->file.s, f->line, f->tier);
	}
}

static void check_invariants(const np_flame *flame)
{
	for (uint32_t i = 0; i < np_flame_node_count(flame); i++) {
		const struct np_flame_node *n = np_flame_node_at(flame, i);
		int64_t at = n->start, sum = n->self;
		for (uint32_t c = n->first; c; c = np_flame_node_at(flame, c)->next) {
			const struct np_flame_node *child = np_flame_node_at(flame, c);
			assert_true(c > i);
			assert_int_equal(child->parent, i);
			assert_int_equal(child->depth, n->depth + 1);
			assert_int_equal(child->start, at);
			at += child->total;
			sum += child->total;
		}
		assert_int_equal(sum, n->total);
	}
	uint32_t visited = 0, node = 0;
	do {
		visited++;
	} while ((node = np_flame_next(flame, node, false)));
	assert_int_equal(visited, np_flame_node_count(flame));
}

static void check_tree(const np_profile *p, const struct np_flame_options *o)
{
	struct paths paths = {0};
	struct np_flame_input in = {.profile = p};
	np_flame *flame;
	int64_t whole = 0;
	struct np_buf text = {0};
	for (size_t i = 0; i < np_profile_sample_count(p); i++) {
		sample_paths(&paths, p, i, o);
		whole += np_profile_values(p, i)[0];
	}
	paths_sum(&paths);
	assert_null(np_flame_create(&in, NULL, o, &flame));
	check_invariants(flame);
	assert_int_equal(np_flame_node_at(flame, 0)->total, whole);
	assert_int_equal(np_flame_node_count(flame) - 1, paths.all.len);
	for (uint32_t i = 1; i < np_flame_node_count(flame); i++) {
		node_path(flame, i, &text, o);
		struct path *found = bsearch(&(struct path){.text = (char *)np_buf_str(&text)}, paths.all.data,
					     paths.all.len, sizeof(struct path), path_compare);
		if (!found)
			fail_msg("no sample has %s", np_buf_str(&text));
		assert_false(found->was_seen);
		found->was_seen = true;
		assert_int_equal(found->total, np_flame_node_at(flame, i)->total);
	}
	np_flame_destroy(flame);
	np_buf_deinit(&text);
	paths_free(&paths);
}

static void test_sums(void **state)
{
	np_profile *p = profile_random(1, 3000, 14, false);
	for (int bits = 0; bits < 8; bits++) {
		struct np_flame_options o = {.reversed = bits & 1, .by_thread = bits & 2, .keep_tiers = bits & 4};
		for (o.by = NP_FLAME_BY_FUNCTION; o.by <= NP_FLAME_BY_PACKAGE; o.by++)
			check_tree(p, &o);
	}
	np_profile_destroy(p);
}

static void test_diff(void **state)
{
	np_profile *now = profile_random(1, 2000, 8, false), *before = profile_random(2, 500, 8, false);
	struct np_flame_input a = {.profile = now}, b = {.profile = before};
	struct np_flame_options o = {.by = NP_FLAME_BY_FUNCTION};
	np_flame *both, *alone;
	int64_t before_sum = 0;
	double self_deltas = 0;
	assert_null(np_flame_create(&a, &b, &o, &both));
	assert_null(np_flame_create(&a, NULL, &o, &alone));
	check_invariants(both);
	for (size_t i = 0; i < np_profile_sample_count(before); i++)
		before_sum += np_profile_values(before, i)[0];
	assert_int_equal(np_flame_node_at(both, 0)->before, before_sum);
	assert_int_equal(np_flame_node_at(both, 0)->total, np_flame_node_at(alone, 0)->total);
	assert_true(fabs(np_flame_delta(both, 0, true)) < 1e-3);
	assert_true(np_flame_delta(both, 0, false) == (double)(np_flame_node_at(both, 0)->total - before_sum));
	for (uint32_t i = 0; i < np_flame_node_count(both); i++) {
		const struct np_flame_node *n = np_flame_node_at(both, i);
		int64_t below = 0;
		for (uint32_t c = n->first; c; c = np_flame_node_at(both, c)->next)
			below += np_flame_node_at(both, c)->before;
		assert_int_equal(n->before, n->before_self + below);
		self_deltas += np_flame_self_delta(both, i, true);
	}
	assert_true(fabs(self_deltas) < 1e-3); /* scaled to the same sum */
	np_flame_destroy(both);
	np_flame_destroy(alone);
	np_profile_destroy(now);
	np_profile_destroy(before);
}

static void test_limits(void **state)
{
	np_profile *p = np_profile_create(false);
	uint32_t stack = np_profile_push(p, 0, js_frame(p, "f", "/a.js", 1, 0), 0, 0),
		 other = np_profile_push(p, 0, js_frame(p, "g", "/a.js", 1, 0), 0, 0);
	int64_t huge = INT64_MAX, minus = -5;
	struct np_flame_input in = {.profile = p};
	struct np_flame_options o = {.by = NP_FLAME_BY_FUNCTION};
	np_flame *flame = NULL;
	np_profile_add(p, 0, stack, NP_TIME_NONE, &huge);
	np_profile_add(p, 0, other, NP_TIME_NONE, &minus);
	assert_null(np_flame_create(&in, NULL, &o, &flame));
	assert_int_equal(np_flame_negative(flame), 1);
	assert_int_equal(np_flame_node_at(flame, 0)->total, INT64_MAX);
	np_flame_destroy(flame);
	huge = 1;
	np_profile_add(p, 0, 0, NP_TIME_NONE, &huge);
	np_err *err = np_flame_create(&in, NULL, &o, &flame);
	assert_non_null(err);
	assert_int_equal(np_err_drop(err), NP_ELIMIT);
	np_profile_destroy(p);
}

/* --- kinds --- */

static void check_class(const char *file, enum np_code_class class, const char *package)
{
	struct np_classified c = np_classify_script(file, strlen(file));
	if (c.class != class)
		fail_msg("%s is %s", file, np_code_class_name(c.class));
	assert_int_equal(c.package_len, package ? strlen(package) : 0);
	if (package)
		assert_memory_equal(c.package, package, c.package_len);
}

static void check_named(const char *name, enum np_code_class class)
{
	np_profile *p = np_profile_create(false);
	struct np_profile_frame f = {.name = np_profile_cstring(p, name)};
	struct np_classified c = np_classify(p, &f);
	if (c.class != class)
		fail_msg("%s is %s", name, np_code_class_name(c.class));
	np_profile_destroy(p);
}

static void check_native(const char *name, const char *module, enum np_code_class class, const char *package)
{
	np_profile *p = np_profile_create(false);
	struct np_profile_frame f = *np_profile_frame_at(p, native_frame(p, name, module));
	struct np_classified c = np_classify(p, &f);
	if (c.class != class)
		fail_msg("%s of %s is %s", name, module, np_code_class_name(c.class));
	assert_int_equal(c.package_len, package ? strlen(package) : 0);
	if (package)
		assert_memory_equal(c.package, package, c.package_len);
	np_profile_destroy(p);
}

static void test_classes(void **state)
{
	check_class("", NP_CLASS_UNKNOWN, NULL);
	check_class("node:internal/timers", NP_CLASS_CORE, NULL);
	check_class("internal/modules/cjs/loader.js", NP_CLASS_CORE, NULL);
	check_class("_http_server.js", NP_CLASS_CORE, NULL);
	check_class("native array.js", NP_CLASS_V8, NULL);
	check_class("/srv/app/server.js", NP_CLASS_APPLICATION, NULL);
	check_class("file:///srv/app/server.mjs", NP_CLASS_APPLICATION, NULL);
	check_class("C:\\app\\server.js", NP_CLASS_APPLICATION, NULL);
	check_class("/srv/app/node_modules/express/lib/router.js", NP_CLASS_DEPENDENCY, "express");
	check_class("/srv/node_modules/a/node_modules/@s/b/x.js", NP_CLASS_DEPENDENCY, "@s/b");
	check_class("C:\\app\\node_modules\\@s\\b\\x.js", NP_CLASS_DEPENDENCY, "@s\\b");
	check_class("/a/node_modules/.pnpm/x@1.0.0/node_modules/x/i.js", NP_CLASS_DEPENDENCY, "x");
	check_class("/a/my_node_modules/x.js", NP_CLASS_APPLICATION, NULL);
	check_class("/a/node_modules/", NP_CLASS_APPLICATION, NULL);
	check_class("node_modules/x.js", NP_CLASS_DEPENDENCY, "x.js");
	check_class("webpack:///./node_modules/lodash/get.js", NP_CLASS_DEPENDENCY, "lodash");

	check_named("do_syscall_64_[k]", NP_CLASS_KERNEL);
	check_named("Builtins_ArrayMap", NP_CLASS_V8);
	check_named("v8::internal::Heap::Scavenge()", NP_CLASS_V8);
	check_named("void foo<v8::internal::X>()", NP_CLASS_V8);
	check_named("node::Start(int, char**)", NP_CLASS_CPP);
	check_named("uv__io_poll", NP_CLASS_CPP);
	check_named("(garbage collector)", NP_CLASS_META);
	check_named("run /app/a.js:3:1", NP_CLASS_APPLICATION);
	check_named("run /app/node_modules/x/a.js:3", NP_CLASS_DEPENDENCY);
	check_named("emit node:events:1:2", NP_CLASS_CORE);
	check_named("emit events.js:12", NP_CLASS_CORE);
	check_named("malloc", NP_CLASS_UNKNOWN);
	check_named("", NP_CLASS_UNKNOWN);

	check_native("malloc", "/lib/x86_64-linux-gnu/libc.so.6", NP_CLASS_LIBRARY, "libc.so.6");
	check_native("uv_run", "/usr/local/bin/node", NP_CLASS_CPP, NULL);
	check_native("Builtins_LoadIC", "/usr/local/bin/node", NP_CLASS_V8, NULL);
	check_native("hash", "/app/node_modules/bcrypt/lib/bcrypt_lib.node", NP_CLASS_LIBRARY, "bcrypt");
	check_native("tcp_sendmsg", "[kernel.kallsyms]", NP_CLASS_KERNEL, NULL);
}

/* --- what is written --- */

/*
 * Is it well-formed XML, of the kind that is written here? Calls back for elements. No
 * text may hold a character that is invisible or turns the order of others around.
 */
static void xml_check(const char *s, size_t n,
		      void (*element)(void *ctx, const char *name, const char *attributes, const char *text), void *ctx)
{
	NP_VEC(char *) open = {0};
	const char *end = s + n;
	assert_int_equal(strlen(s), n);
	assert_true(np_utf8_valid(s, n));
	for (const char *at = s; at < end;) {
		uint32_t cp;
		size_t took = np_utf8_decode(at, (size_t)(end - at), &cp);
		assert_true(cp == '\n' || !np_text_unsafe(cp));
		at += took;
	}
	for (const char *at = s; at < end;) {
		if (*at == '&') {
			assert_true(!strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4) ||
				    !strncmp(at, "&quot;", 6) || !strncmp(at, "&#39;", 5));
			at++;
		} else if (!strncmp(at, "<?xml ", 6)) {
			assert_true(at == s);
			at = strstr(at, "?>") + 2;
		} else if (!strncmp(at, "<![CDATA[", 9)) {
			at = strstr(at, "]]>");
			assert_non_null(at);
			at += 3;
		} else if (!strncmp(at, "</", 2)) {
			assert_true(open.len > 0);
			char *name = open.data[--open.len];
			assert_memory_equal(at + 2, name, strlen(name));
			assert_true(at[2 + strlen(name)] == '>');
			at += 3 + strlen(name);
			free(name);
		} else if (*at == '<') {
			char name[32], attributes[1024];
			size_t len = strspn(at + 1, "abcdefghijklmnopqrstuvwxyzGA");
			assert_true(len && len < sizeof(name));
			snprintf(name, sizeof(name), "%.*s", (int)len, at + 1);
			const char *a = at + 1 + len;
			while (*a == ' ') { /* attribute="value" */
				a += 1 + strcspn(a + 1, "=<>\"& ");
				assert_true(a[0] == '=' && a[1] == '"');
				a += 2;
				a += strcspn(a, "\"<");
				assert_true(*a == '"');
				a++;
			}
			snprintf(attributes, sizeof(attributes), "%.*s", (int)(a - at - 1 - (ptrdiff_t)len),
				 at + 1 + len);
			bool is_empty = a[0] == '/';
			a += is_empty;
			assert_true(*a == '>');
			if (!is_empty)
				np_vec_push(&open, np_xstrdup(name));
			if (element)
				element(ctx, name, attributes, a + 1);
			at = a + 1;
		} else {
			at++;
		}
	}
	assert_int_equal(open.len, 0);
	np_vec_deinit(&open);
}

static double attribute(const char *attributes, const char *name)
{
	char key[32];
	snprintf(key, sizeof(key), " %s=\"", name);
	const char *at = strstr(attributes, key);
	assert_non_null(at);
	return strtod(at + strlen(key), NULL);
}

static char *written(const struct np_flame_picture *picture, bool is_html, size_t *ret_len,
		     struct np_flame_drawn *drawn)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);
	np_err *err = is_html ? np_flame_html_write(picture, f, drawn) : np_flame_svg_write(picture, f, drawn);
	assert_null(err);
	fclose(f);
	return text;
}

struct widths {
	double last_x, last_width, level_sum[200];
	bool in_frames, has_title;
	long long value;
	double scale;
	size_t frames, texts;
	double text_room;
};

static void widths_take(void *ctx, const char *name, const char *attributes, const char *text)
{
	struct widths *w = ctx;
	if (!strcmp(name, "g") && strstr(attributes, "id=\"frames\""))
		w->in_frames = true;
	if (!w->in_frames)
		return;
	if (!strcmp(name, "title")) {
		const char *open = strstr(text, " (");
		while (strstr(open + 1, " (") && strstr(open + 1, " (") < strchr(text, '<'))
			open = strstr(open + 1, " (");
		char digits[32] = "";
		for (const char *c = open + 2; *c != ' '; c++)
			if (*c != ',')
				strncat(digits, c, 1);
		w->value = atoll(digits);
	} else if (!strcmp(name, "rect")) {
		double width = attribute(attributes, "width"), x = attribute(attributes, "x"),
		       y = attribute(attributes, "y");
		assert_true(fabs(width - (double)w->value * w->scale) < 0.0021);
		assert_true(x >= 9.999 && x + width <= 1190.001);
		w->level_sum[(int)(y / 16)] += width;
		w->frames++;
		w->text_room = width;
	} else if (!strcmp(name, "text")) {
		size_t cells = strcspn(text, "<");
		assert_true((double)cells * 7.2 <= w->text_room);
		w->texts++;
	}
}

static struct np_flame_picture picture_of(const np_flame *flame)
{
	return (struct np_flame_picture){.flame = flame, .unit = {"samples", NP_FLAME_COUNT}};
}

static void test_svg_widths(void **state)
{
	np_profile *p = profile_random(4, 3000, 12, false);
	struct np_flame_input in = {.profile = p};
	struct np_flame_options o = {.by = NP_FLAME_BY_FUNCTION};
	np_flame *flame;
	struct np_flame_drawn drawn;
	size_t len;
	assert_null(np_flame_create(&in, NULL, &o, &flame));
	struct np_flame_picture picture = picture_of(flame);
	for (int icicle = 0; icicle < 2; icicle++) {
		struct widths w = {.scale = 1180.0 / (double)np_flame_node_at(flame, 0)->total};
		picture.icicle = icicle;
		picture.min_width = icicle ? 3 : 1e-9; /* all of them, and few of them */
		char *text = written(&picture, false, &len, &drawn);
		xml_check(text, len, widths_take, &w);
		assert_int_equal(w.frames, drawn.frames);
		assert_true(w.texts > 10);
		size_t expected = 0;
		for (uint32_t i = 0; i < np_flame_node_count(flame); i++)
			expected += np_flame_node_at(flame, i)->total > 0 &&
				    (double)np_flame_node_at(flame, i)->total * w.scale >= picture.min_width;
		assert_int_equal(w.frames, expected);
		static const char *const ids[] = {"frames",  "search", "unzoom",     "matched",
						  "details", "title",  "ignorecase", "background"};
		for (size_t i = 0; i < NP_ARRAY_LEN(ids); i++) {
			char id[32];
			snprintf(id, sizeof(id), " id=\"%s\"", ids[i]);
			assert_non_null(strstr(text, id));
			assert_null(strstr(strstr(text, id) + 1, id));
		}
		free(text);
	}
	np_flame_destroy(flame);
	np_profile_destroy(p);
}

/* The order of samples is no part of the picture. */
static void test_same_bytes(void **state)
{
	char *texts[2][2];
	size_t lens[2][2];
	for (int backwards = 0; backwards < 2; backwards++) {
		np_profile *p = profile_random(9, 500, 9, backwards);
		struct np_flame_input in = {.profile = p};
		struct np_flame_options o = {.by = NP_FLAME_BY_FUNCTION};
		np_flame *flame;
		assert_null(np_flame_create(&in, NULL, &o, &flame));
		struct np_flame_picture picture = picture_of(flame);
		for (int is_html = 0; is_html < 2; is_html++)
			texts[backwards][is_html] = written(&picture, is_html, &lens[backwards][is_html], NULL);
		np_flame_destroy(flame);
		np_profile_destroy(p);
	}
	for (int is_html = 0; is_html < 2; is_html++) {
		assert_int_equal(lens[0][is_html], lens[1][is_html]);
		assert_memory_equal(texts[0][is_html], texts[1][is_html], lens[0][is_html]);
		free(texts[0][is_html]);
		free(texts[1][is_html]);
	}
}

static size_t occurrences(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

static const char *const hostile[] = {
	"</title><script>alert(1)</script>",
	"]]><svg onload=alert(1)>",
	"\"><img src=x onerror=alert(1)>",
	"' onmouseover='alert(1)",
	"</script><script>alert(2)</script>",
	"<!--",
	"-->",
	"&lt;b&gt; &amp; &#x3c;",
	"\x1b[2J\x1b]0;x\x07",
	"a\xe2\x80\xae"
	"cba",
	"\xff\xfe\xc0\x80",
	"line\nbreak\ttab\rreturn",
	"</noscript>",
	"${alert(1)}",
	"\xf0\x9f\x94\xa5\xe6\xbc\xa2\xe5\xad\x97",
	"__proto__",
	"constructor",
	"\\u003c/script\\u003e",
};

static void test_hostile(void **state)
{
	np_profile *p = np_profile_create(false);
	uint32_t stack = 0;
	int64_t one = 1000;
	for (size_t i = 0; i < NP_ARRAY_LEN(hostile); i++) {
		stack = np_profile_push(
			p, stack,
			js_frame(p, hostile[i], hostile[(i + 1) % NP_ARRAY_LEN(hostile)], 1, NP_PROFILE_TIER_MAGLEV), 0,
			0);
		stack = np_profile_push(p, stack, native_frame(p, hostile[i], hostile[i]), 0, 0);
	}
	uint32_t nul = np_profile_frame(p, &(struct np_profile_frame){.name = np_profile_string(p, "nul\0behind", 10)});
	stack = np_profile_push(p, stack, nul, 0, 0);
	np_profile_add(
		p,
		np_profile_thread(
			p, &(struct np_profile_thread){.pid = 1, .tid = 1, .name = np_profile_cstring(p, hostile[0])}),
		stack, NP_TIME_NONE, &one);
	const char *notices[] = {hostile[0], hostile[4], NULL};
	for (int bits = 0; bits < 4; bits++) {
		struct np_flame_input in = {.profile = p};
		struct np_flame_options o = {.by = (enum np_flame_by)(bits % 3), .by_thread = bits & 2};
		np_flame *flame;
		assert_null(np_flame_create(&in, bits & 1 ? &in : NULL, &o, &flame));
		struct np_flame_picture picture = picture_of(flame);
		size_t len;
		picture.title = hostile[0];
		picture.subtitle = hostile[4];
		picture.unit.name = hostile[2];
		picture.notices = notices;
		char *svg = written(&picture, false, &len, NULL);
		xml_check(svg, len, NULL, NULL);
		assert_int_equal(occurrences(svg, "<script"), 1);
		assert_int_equal(occurrences(svg, "<svg"), 1);
		assert_int_equal(occurrences(svg, "]]>"), 1);
		free(svg);
		char *html = written(&picture, true, &len, NULL);
		assert_int_equal(strlen(html), len);
		assert_int_equal(occurrences(html, "<script"), 2);
		assert_int_equal(occurrences(html, "</script"), 2);
		assert_int_equal(occurrences(html, "<noscript"), 1);
		assert_int_equal(occurrences(html, "</noscript"), 1);
		assert_int_equal(occurrences(html, "<img"), 0);
		assert_int_equal(occurrences(html, "<!--"), 0);
		const char *data = strstr(html, "id=\"data\">") + strlen("id=\"data\">");
		const char *data_end = strchr(data, '<'); /* only the end tag has one */
		assert_memory_equal(data_end, "</script>", 9);
		for (const char *at = html; *at;) {
			uint32_t cp;
			at += np_utf8_decode(at, strlen(at), &cp);
			assert_true(cp == '\n' || !np_text_unsafe(cp));
		}
		free(html);
		np_flame_destroy(flame);
	}
	np_profile_destroy(p);
}

/* A stack of 100,000 frames, one of another shape beside it, and more frames than can be shown. */
static void test_deep_and_wide(void **state)
{
	np_profile *p = np_profile_create(false);
	uint32_t f = js_frame(p, "recurse", "/a.js", 1, 0), stack = 0, deep = 100000;
	int64_t value = 10, one = 1;
	struct np_flame_drawn drawn;
	size_t len;
	char name[32];
	for (uint32_t i = 0; i < deep; i++)
		stack = np_profile_push(p, stack, f, 0, 0);
	np_profile_add(p, 0, stack, NP_TIME_NONE, &value);
	for (int i = 0; i < 400000; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		np_profile_add(p, 0, np_profile_push(p, 0, js_frame(p, name, "/b.js", 1, 0), 0, 0), NP_TIME_NONE, &one);
	}
	for (int reversed = 0; reversed < 2; reversed++) {
		struct np_flame_input in = {.profile = p};
		struct np_flame_options o = {.reversed = reversed, .max_depth = reversed ? 1000 : 0};
		np_flame *flame;
		assert_null(np_flame_create(&in, NULL, &o, &flame));
		assert_int_equal(np_flame_depth(flame), reversed ? 1000 : deep);
		assert_int_equal(np_flame_is_cut(flame), reversed);
		assert_int_equal(np_flame_node_at(flame, 0)->total, 400010);
		struct np_flame_picture picture = picture_of(flame);
		picture.min_width = 0.00001;
		char *svg = written(&picture, false, &len, &drawn);
		assert_int_equal(drawn.levels_left_out, (reversed ? 1001 : deep + 1) - NP_FLAME_LEVELS_MAX);
		assert_non_null(strstr(svg, "deeper levels are not drawn"));
		free(svg);
		picture.min_width = 0;
		picture.max_levels = 3;
		svg = written(&picture, false, &len, &drawn);
		assert_true(drawn.frames <= NP_FLAME_SVG_FRAMES_MAX);
		free(svg);
		char *html = written(&picture, true, &len, &drawn);
		assert_true(drawn.frames <= NP_FLAME_HTML_FRAMES_MAX + 1 && drawn.frames >= 100);
		free(html);
		np_flame_destroy(flame);
	}
	np_profile_destroy(p);
}

static void check_value(int64_t value, const char *unit, const char *text)
{
	struct np_flame_unit u = np_flame_unit_of((struct np_profile_value_type){"cpu", unit}, NULL);
	struct np_buf b = {0};
	np_flame_put_value(&b, value, &u);
	assert_string_equal(np_buf_str(&b), text);
	np_buf_deinit(&b);
}

static void test_words(void **state)
{
	check_value(1234567, "count", "1,234,567 cpu");
	check_value(0, "count", "0 cpu");
	check_value(INT64_MIN, "count", "-9,223,372,036,854,775,808 cpu");
	check_value(999, "nanoseconds", "999 ns");
	check_value(1234567, "nanoseconds", "1.23 ms");
	check_value(12345678901, "nanoseconds", "12.3 s");
	check_value(1500, "microseconds", "1.5 ms");
	check_value(1536, "bytes", "1.5 KiB");
	struct np_buf b = {0};
	np_flame_put_fixed(&b, 0.1 + 0.2, 3);
	np_flame_put_fixed(&b, -0.0004, 3);
	np_flame_put_fixed(&b, NAN, 2);
	np_flame_put_fixed(&b, 1180, 3);
	np_flame_put_fixed(&b, -2.5, 1);
	assert_string_equal(np_buf_str(&b), "0.3001180-2.5");
	np_buf_deinit(&b);
	enum np_palette palette;
	assert_true(np_palette_named("js", &palette) && palette == NP_PALETTE_JS);
	assert_true(np_palette_named("orange", &palette) && palette == NP_PALETTE_ORANGE);
	assert_false(np_palette_named("j", &palette));
	assert_int_equal(np_palette_diff_color(0), NP_PALETTE_DIFF_STEPS);
	assert_int_equal(np_palette_diff_color(1e-5), NP_PALETTE_DIFF_STEPS + 1);
	assert_int_equal(np_palette_diff_color(-7), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),	cmocka_unit_test(test_diff),	      cmocka_unit_test(test_limits),
		cmocka_unit_test(test_classes), cmocka_unit_test(test_svg_widths),    cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_deep_and_wide), cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests_name("flame graphs", tests, NULL, NULL);
}

/*
 * speedscope's own format (speedscope.app, also written by py-spy, rbspy, ...):
 *
 *     {"shared":{"frames":[{"name":..,"file":..,"line":1,"col":1},...]},
 *      "profiles":[{"type":"sampled","name":..,"unit":"nanoseconds","startValue":0,"endValue":N,
 *                   "samples":[[frame,...],...],"weights":[N,...]},
 *                  {"type":"evented",..., "events":[{"type":"O","frame":0,"at":0},{"type":"C",...}]}]}
 *
 * Stacks are root first.  A profile has one unit; there is one a thread and value.
 * Weights of a unit of time follow one another, so they are times as well; an empty
 * stack is time in which nothing was sampled.  frames may stand behind profiles.
 */
#include <math.h>

#include "format/cpu_tree.h"
#include "format/formats.h"
#include "format/json_pull.h"
#include "format/json_stacks.h"
#include "format/symbol_frame.h"

/* --- reading --- */

enum { CLOSE_STEPS_MAX = 10000 };

static const struct unit {
	const char *name, *type, *unit;
	double scale;
	bool is_time;
} units[] = {
	{"none", "samples", "count", 1, false},	      {"nanoseconds", "wall", "nanoseconds", 1, true},
	{"microseconds", "wall", "nanoseconds", 1e3, true}, {"milliseconds", "wall", "nanoseconds", 1e6, true},
	{"seconds", "wall", "nanoseconds", 1e9, true},	      {"bytes", "space", "bytes", 1, false},
};

struct part { /* a profile of the file */
	uint32_t name; /* string */
	uint32_t unit, type;
	size_t first, end; /* in samples */
	char own_type[32]; /* that the name ends with */
};

struct sample {
	uint32_t stack;
	double weight, at;
};

struct reader {
	np_profile *profile;
	struct np_json json;
	struct np_json_stacks stacks;
	NP_VEC(uint32_t) frames;
	NP_VEC(struct part) parts;
	NP_VEC(struct sample) samples;
	NP_VEC(double) weights;
	int64_t active;
	bool is_ours;
};

static bool is_script(const char *file, size_t len)
{
	static const char *const ends[] = {".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".mts", ".cts"};
	static const char *const begins[] = {"node:", "file://", "internal/", "http://", "https://"};
	for (size_t i = 0; i < NP_ARRAY_LEN(ends); i++)
		if (len > strlen(ends[i]) && memcmp(file + len - strlen(ends[i]), ends[i], strlen(ends[i])) == 0)
			return true;
	for (size_t i = 0; i < NP_ARRAY_LEN(begins); i++)
		if (len > strlen(begins[i]) && memcmp(file, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static void frame_read(struct reader *r)
{
	struct np_json *j = &r->json;
	np_profile *p = r->profile;
	const char *key, *text;
	size_t len, n;
	uint32_t name = 0, file = 0;
	int64_t line = 0, column = 0;
	if (np_json_object(j)) {
		while (np_json_key(j, &key, &len)) {
			bool is_name = np_json_is(key, len, "name");
			if (is_name || np_json_is(key, len, "file")) {
				if (np_json_text(j, &text, &n))
					*(is_name ? &name : &file) = np_profile_string(p, text, n);
			} else if (np_json_is(key, len, "line")) {
				np_json_int(j, &line);
			} else if (np_json_is(key, len, "col")) {
				np_json_int(j, &column);
			} else {
				np_json_skip(j);
			}
		}
	}
	struct np_profile_frame f = np_symbol_parse(p, np_profile_text(p, name), np_profile_text_len(p, name), NULL, 0);
	if (file) {
		f.file = file;
		if (f.kind == NP_PROFILE_NATIVE && is_script(np_profile_text(p, file), np_profile_text_len(p, file)))
			f.kind = NP_PROFILE_JS;
	}
	if (!f.line && line > 0 && line < INT32_MAX) {
		f.line = (uint32_t)line;
		f.column = column > 0 && column < INT32_MAX ? (uint32_t)column : 0;
	}
	np_vec_push(&r->frames, np_profile_frame(p, &f));
}

static void shared_read(struct reader *r)
{
	const char *key;
	size_t len;
	if (!np_json_object(&r->json))
		return;
	while (np_json_key(&r->json, &key, &len)) {
		if (!np_json_is(key, len, "frames"))
			np_json_skip(&r->json);
		else if (np_json_list(&r->json))
			while (np_json_more(&r->json))
				frame_read(r);
	}
}

static uint32_t frame_number(int64_t frame)
{
	return frame >= 0 && frame < UINT32_MAX ? (uint32_t)frame : UINT32_MAX;
}

static void stacks_read(struct reader *r)
{
	int64_t frame;
	if (!np_json_list(&r->json))
		return;
	while (np_json_more(&r->json)) {
		uint32_t stack = 0;
		if (np_json_list(&r->json))
			while (np_json_more(&r->json))
				if (np_json_int(&r->json, &frame))
					stack = np_json_stack_push(&r->stacks, stack, frame_number(frame));
		np_vec_push(&r->samples, (struct sample){.stack = stack, .weight = 1});
	}
}

static uint32_t stack_close(const struct reader *r, uint32_t stack, uint32_t frame)
{
	uint32_t at = stack;
	for (int i = 0; at && i < CLOSE_STEPS_MAX; i++) {
		if (r->stacks.nodes.data[at].frame == frame)
			return r->stacks.nodes.data[at].parent;
		at = r->stacks.nodes.data[at].parent;
	}
	return stack; /* was not open */
}

static void events_read(struct reader *r)
{
	struct np_json *j = &r->json;
	const char *key, *text;
	size_t len, n;
	uint32_t stack = 0;
	double before = 0;
	if (!np_json_list(j))
		return;
	while (np_json_more(j)) {
		char type = '\0';
		double at = before;
		int64_t frame = -1;
		if (!np_json_object(j))
			continue;
		while (np_json_key(j, &key, &len)) {
			if (np_json_is(key, len, "type"))
				type = np_json_text(j, &text, &n) && n == 1 ? text[0] : '\0';
			else if (np_json_is(key, len, "frame"))
				np_json_int(j, &frame);
			else if (np_json_is(key, len, "at"))
				np_json_double(j, &at);
			else
				np_json_skip(j);
		}
		if (stack && at > before)
			np_vec_push(&r->samples, (struct sample){stack, at - before, before});
		before = at > before || !stack ? at : before;
		if (type == 'O')
			stack = np_json_stack_push(&r->stacks, stack, frame_number(frame));
		else if (type == 'C')
			stack = stack_close(r, stack, frame_number(frame));
	}
}

/* "thread (cpu)": what the writer below adds where there are several values. */
static void own_type_cut(struct reader *r, struct part *part)
{
	const char *name = np_profile_text(r->profile, part->name), *open = strrchr(name, '(');
	size_t len = np_profile_text_len(r->profile, part->name);
	if (!r->is_ours || !open || len < 3 || name[len - 1] != ')' || (open > name && open[-1] != ' '))
		return;
	size_t n = (size_t)(name + len - 1 - (open + 1));
	if (!n || n >= sizeof(part->own_type))
		return;
	memcpy(part->own_type, open + 1, n);
	part->own_type[n] = '\0';
	part->name = np_profile_string(r->profile, name, open > name ? (size_t)(open - 1 - name) : 0);
}

static void part_read(struct reader *r)
{
	struct np_json *j = &r->json;
	struct part part = {.first = r->samples.len};
	const char *key, *text;
	size_t len, n;
	double start = 0, weight;
	bool evented = false;
	r->weights.len = 0;
	if (!np_json_object(j))
		return;
	while (np_json_key(j, &key, &len)) {
		if (np_json_is(key, len, "name")) {
			if (np_json_text(j, &text, &n))
				part.name = np_profile_string(r->profile, text, n);
		} else if (np_json_is(key, len, "unit")) {
			bool is_text = np_json_text(j, &text, &n);
			for (uint32_t i = 0; is_text && i < NP_ARRAY_LEN(units); i++)
				part.unit = np_json_is(text, n, units[i].name) ? i : part.unit;
		} else if (np_json_is(key, len, "startValue")) {
			np_json_double(j, &start);
		} else if (np_json_is(key, len, "samples")) {
			stacks_read(r);
		} else if (np_json_is(key, len, "weights")) {
			if (np_json_list(j))
				while (np_json_more(j))
					if (np_json_double(j, &weight))
						np_vec_push(&r->weights, weight);
		} else if (np_json_is(key, len, "events")) {
			evented = true;
			events_read(r);
		} else {
			np_json_skip(j);
		}
	}
	for (size_t i = part.first; i < r->samples.len && !evented; i++) {
		struct sample *s = &r->samples.data[i];
		s->weight = i - part.first < r->weights.len ? r->weights.data[i - part.first] : s->weight;
		s->at = start;
		start += s->weight;
	}
	part.end = r->samples.len;
	np_vec_push(&r->parts, part);
}

static int64_t value_of(double value, double scale)
{
	value = value * scale;
	return value > 2e18 ? (int64_t)2e18 : value < -2e18 ? -(int64_t)2e18 : (int64_t)llround(value);
}

/* Parts of one unit share a value type. */
static void types_declare(struct reader *r)
{
	np_profile *p = r->profile;
	uint32_t declared = 0;
	for (size_t i = 0; i < r->parts.len; i++) {
		struct part *part = &r->parts.data[i];
		own_type_cut(r, part);
		const char *name = *part->own_type ? part->own_type : units[part->unit].type;
		for (part->type = 0; part->type < declared; part->type++) {
			struct np_profile_value_type t = np_profile_value_type_at(p, part->type);
			if (strcmp(t.name, name) == 0 && strcmp(t.unit, units[part->unit].unit) == 0)
				break;
		}
		if (part->type == declared && declared < 32) {
			np_profile_value_type(p, name, units[part->unit].unit);
			declared++;
		} else if (part->type == declared) {
			part->type = 0;
		}
		if ((int64_t)i == r->active)
			np_profile_facts(p)->default_type = part->type;
	}
}

static void all_add(struct reader *r)
{
	np_profile *p = r->profile;
	np_json_stacks_place(&r->stacks, p, r->frames.data, r->frames.len);
	types_declare(r);
	bool one_name = true;
	for (size_t i = 1; i < r->parts.len; i++)
		one_name &= r->parts.data[i].name == r->parts.data[0].name;
	for (size_t i = 0; i < r->parts.len; i++) {
		const struct part *part = &r->parts.data[i];
		const struct unit *unit = &units[part->unit];
		struct np_profile_thread thread = {.pid = -1, .tid = -1, .name = one_name ? 0 : part->name};
		uint32_t number = np_profile_thread(p, &thread);
		if (one_name && !np_profile_facts(p)->title)
			np_profile_facts(p)->title = part->name;
		for (size_t k = part->first; k < part->end; k++) {
			const struct sample *s = &r->samples.data[k];
			int64_t values[32] = {0}, at = unit->is_time ? value_of(s->at, unit->scale) : NP_TIME_NONE;
			values[part->type] = unit->is_time ? value_of(s->at + s->weight, unit->scale) - at : value_of(s->weight, 1);
			if (s->stack)
				np_profile_add(p, number, r->stacks.nodes.data[s->stack].stack, at, values);
		}
	}
}

static void file_read(struct reader *r)
{
	struct np_json *j = &r->json;
	const char *key, *text;
	size_t len, n;
	if (!np_json_object(j))
		return;
	while (np_json_key(j, &key, &len)) {
		if (np_json_is(key, len, "shared")) {
			shared_read(r);
		} else if (np_json_is(key, len, "profiles")) {
			if (np_json_list(j))
				while (np_json_more(j))
					part_read(r);
		} else if (np_json_is(key, len, "activeProfileIndex")) {
			np_json_int(j, &r->active);
		} else if (np_json_is(key, len, "exporter")) {
			r->is_ours = np_json_text(j, &text, &n) && n >= 5 && memcmp(text, "nopsy", 5) == 0;
		} else if (np_json_is(key, len, "name")) {
			if (np_json_text(j, &text, &n))
				np_profile_facts(r->profile)->title = np_profile_string(r->profile, text, n);
		} else {
			np_json_skip(j);
		}
	}
}

static np_err *speedscope_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile};
	np_json_init(&r.json, in);
	np_json_stacks_init(&r.stacks);
	file_read(&r);
	np_err *err = np_json_end(&r.json);
	if (r.parts.len)
		all_add(&r);
	else if (!err)
		err = np_err_new(NP_EFORMAT, "%s has no profiles", in->name);
	np_json_stacks_deinit(&r.stacks);
	np_vec_deinit(&r.frames);
	np_vec_deinit(&r.parts);
	np_vec_deinit(&r.samples);
	np_vec_deinit(&r.weights);
	np_json_deinit(&r.json);
	return err;
}

static int speedscope_sniff(const char *head, size_t len)
{
	if (memmem(head, len, "speedscope.app/file-format-schema", 33))
		return 99;
	bool profiles = memmem(head, len, "\"profiles\"", 10), unit = memmem(head, len, "\"startValue\"", 12);
	return profiles && unit ? 90 : 0;
}

/* --- writing --- */

struct stack_text { /* in texts; len 0: not made yet */
	size_t begin, len;
};

struct writer {
	np_profile *profile;
	struct np_json_out out;
	struct stack_text *text_of; /* by stack */
	struct np_buf texts;
	uint32_t *number_of; /* frame -> its number in the file */
	struct np_samples_by_thread by;
	NP_VEC(uint32_t) path;
};

static void frames_put(struct writer *w)
{
	np_profile *p = w->profile;
	struct np_json_out *o = &w->out;
	uint32_t n = np_profile_frame_count(p), written = 0;
	uint32_t *plain = np_xmalloc(n * sizeof(*plain));
	for (uint32_t i = 0; i < n; i++)
		plain[i] = np_frame_plain(p, i);
	uint32_t *first = np_xcalloc(np_profile_frame_count(p), sizeof(*first));
	w->number_of = np_xcalloc(n, sizeof(*w->number_of));
	for (uint32_t i = 1; i < n; i++) {
		const struct np_profile_frame *f = np_profile_frame_at(p, plain[i]);
		if (first[plain[i]]) {
			w->number_of[i] = first[plain[i]] - 1;
			continue;
		}
		np_out_puts(o, written ? ",\n{\"name\":" : "\n{\"name\":");
		first[plain[i]] = written + 1;
		w->number_of[i] = written++;
		if (f->file || f->kind == NP_PROFILE_JS) {
			np_out_string(o, p, f->name);
		} else {
			struct np_buf symbol = {0};
			np_symbol_put(&symbol, p, f);
			np_text_put_json(&o->buf, np_buf_str(&symbol), symbol.len);
			np_buf_deinit(&symbol);
		}
		if (f->file) {
			np_out_puts(o, ",\"file\":");
			np_out_string(o, p, f->file);
		}
		if (f->line) {
			np_out_puts(o, ",\"line\":");
			np_out_int(o, f->line);
		}
		if (f->line && f->column) {
			np_out_puts(o, ",\"col\":");
			np_out_int(o, f->column);
		}
		np_buf_putc(&o->buf, '}');
		np_out_flush(o, 64 << 10);
	}
	free(plain);
	free(first);
}

static const char *unit_of(const char *unit)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(units); i++)
		if (strcmp(unit, units[i].name) == 0)
			return unit;
	return "none";
}

/* Each stack's text is made once. */
static void stack_put(struct writer *w, uint32_t stack, bool first)
{
	const np_profile *p = w->profile;
	struct stack_text *text = &w->text_of[stack];
	if (!text->len) {
		struct np_json_out o = {.buf = w->texts};
		text->begin = o.buf.len;
		np_out_puts(&o, ",[");
		w->path.len = 0;
		for (uint32_t at = stack; at; at = np_profile_stack_at(p, at)->parent)
			np_vec_push(&w->path, w->number_of[np_profile_stack_at(p, at)->frame]);
		for (size_t i = w->path.len; i-- > 0;) {
			np_out_int(&o, w->path.data[i]);
			np_out_puts(&o, i ? "," : "");
		}
		np_out_puts(&o, "]");
		w->texts = o.buf;
		text->len = w->texts.len - text->begin;
	}
	np_buf_add(&w->out.buf, w->texts.data + text->begin + first, text->len - first);
	np_out_flush(&w->out, 64 << 10);
}

/*
 * The samples of a thread that have a value of that type, and the time between them; first their stacks, then their
 * weights.  *now: the time that was reached, NP_TIME_NONE where times are not told.  Returns the sum.
 */
static int64_t samples_put(struct writer *w, uint32_t thread, uint32_t type, bool weights, int64_t now)
{
	np_profile *p = w->profile;
	struct np_json_out *o = &w->out;
	int64_t sum = 0;
	bool first = true;
	for (size_t k = w->by.begins[thread]; k < w->by.begins[thread + 1]; k++) {
		const struct np_profile_sample *s = np_profile_sample_at(p, w->by.order[k]);
		int64_t value = np_profile_values(p, w->by.order[k])[type];
		int64_t gap = now != NP_TIME_NONE && s->time_ns != NP_TIME_NONE ? s->time_ns - now : 0;
		if (value <= 0)
			continue;
		for (int part = gap > 0 ? 0 : 1; part < 2; part++) {
			int64_t weight = part ? value : gap;
			if (__builtin_add_overflow(sum, weight, &sum))
				sum = INT64_MAX;
			if (weights) {
				np_out_puts(o, first ? "" : ",");
				np_out_int(o, weight);
				np_out_flush(o, 64 << 10);
			} else {
				stack_put(w, part ? s->stack : 0, first);
			}
			first = false;
			if (now != NP_TIME_NONE && __builtin_add_overflow(now, weight, &now))
				now = INT64_MAX / 2;
		}
	}
	return sum;
}

static bool thread_has(const struct writer *w, uint32_t thread, uint32_t type)
{
	for (size_t k = w->by.begins[thread]; k < w->by.begins[thread + 1]; k++)
		if (np_profile_values(w->profile, w->by.order[k])[type] > 0)
			return true;
	return false;
}

static void name_put(struct writer *w, const struct np_profile_thread *t, uint32_t type)
{
	np_profile *p = w->profile;
	struct np_buf name = {0};
	np_buf_add(&name, np_profile_text(p, t->name), np_profile_text_len(p, t->name));
	if (!name.len && np_profile_thread_count(p) == 1)
		np_buf_puts(&name, np_profile_text(p, np_profile_facts(p)->title));
	if (t->tid != -1)
		np_buf_printf(&name, "%s%lld", name.len ? " " : "thread ", (long long)t->tid);
	if (np_profile_value_type_count(p) > 1)
		np_buf_printf(&name, "%s(%s)", name.len ? " " : "", np_profile_value_type_at(p, type).name);
	np_text_put_json(&w->out.buf, np_buf_str(&name), name.len);
	np_buf_deinit(&name);
}

static void profile_put(struct writer *w, uint32_t thread, uint32_t type, bool first)
{
	np_profile *p = w->profile;
	struct np_json_out *o = &w->out;
	const char *unit = unit_of(np_profile_value_type_at(p, type).unit);
	int64_t start = strcmp(unit, "nanoseconds") == 0 ? np_profile_sample_at(p, w->by.order[w->by.begins[thread]])->time_ns
							  : NP_TIME_NONE;
	int64_t facts_start = np_profile_facts(p)->start_ns;
	if (start != NP_TIME_NONE && facts_start != NP_TIME_NONE && facts_start < start)
		start = facts_start;
	np_out_puts(o, first ? "\n{\"type\":\"sampled\",\"name\":" : ",\n{\"type\":\"sampled\",\"name\":");
	name_put(w, np_profile_thread_at(p, thread), type);
	np_out_puts(o, ",\"unit\":\"");
	np_out_puts(o, unit);
	np_out_puts(o, "\",\"startValue\":");
	np_out_int(o, start == NP_TIME_NONE ? 0 : start);
	np_out_puts(o, ",\"samples\":[");
	samples_put(w, thread, type, false, start);
	np_out_puts(o, "],\"weights\":[");
	int64_t sum = samples_put(w, thread, type, true, start);
	np_out_puts(o, "],\"endValue\":");
	np_out_int(o, start == NP_TIME_NONE || __builtin_add_overflow(start, sum, &start) ? sum : start);
	np_buf_putc(&o->buf, '}');
}

static np_err *speedscope_write(np_profile *p, FILE *out)
{
	struct writer w = {.profile = p, .out = {.file = out}};
	uint32_t types = np_profile_value_type_count(p), shown = np_profile_facts(p)->default_type;
	bool first = true;
	np_profile_sort(p);
	np_out_puts(&w.out, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"nopsy\",\"name\":");
	np_out_string(&w.out, p, np_profile_facts(p)->title);
	np_out_puts(&w.out, ",\"activeProfileIndex\":0,\"shared\":{\"frames\":[");
	frames_put(&w);
	np_out_puts(&w.out, "]},\"profiles\":[");
	np_samples_by_thread_init(&w.by, p);
	w.text_of = np_xcalloc(np_profile_stack_count(p), sizeof(*w.text_of));
	shown = shown < types ? shown : 0;
	for (uint32_t i = 0; i < types; i++) { /* the one that people look at comes first */
		uint32_t type = i == 0 ? shown : i <= shown ? i - 1 : i;
		for (uint32_t t = 0; t < np_profile_thread_count(p); t++) {
			if (!thread_has(&w, t, type))
				continue;
			profile_put(&w, t, type, first);
			first = false;
		}
	}
	np_out_puts(&w.out, "]}\n");
	free(w.number_of);
	free(w.text_of);
	np_buf_deinit(&w.texts);
	np_samples_by_thread_deinit(&w.by);
	np_vec_deinit(&w.path);
	return np_out_end(&w.out);
}

const struct np_profile_format np_format_speedscope = {
	.name = "speedscope",
	.suffixes = ".speedscope.json|.speedscope",
	.summary = "speedscope.app's JSON, one profile a thread and value",
	.holds = NP_HOLDS_TIMES | NP_HOLDS_THREADS | NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_VALUES,
	.sniff = speedscope_sniff,
	.read = speedscope_read,
	.write = speedscope_write,
};

/*
 * Samples: every word near the top of each thread's stack that is a reference
 * to a valid object.  JSFunctions among them lead to SharedFunctionInfos,
 * those to Scripts and BytecodeArrays.
 *
 * Rules are of one form: "the field F of objects of kind A refers to an object
 * of kind B".  An offset is right when nearly all samples have a B there; it
 * is taken only when it is the single such offset.  The size of a
 * BytecodeArray's header has a rule of its own: behind the last bytecode,
 * aligned, the next object must begin.
 */
#include "v8/calibrate.h"

#include <string.h>

#include "base/log.h"
#include "base/vec.h"
#include "v8/array.h"
#include "v8/cache.h"
#include "v8/code.h"
#include "v8/map.h"

enum { STACK_BYTES = 16 << 10, SAMPLES_MAX = 48, FIELD_MAX = 128, AGREE_PERCENT = 90 };

typedef NP_VEC(np_addr) sample_vec;

struct samples {
	sample_vec functions, shared, bytecode;
};

static void sample_add(sample_vec *v, np_addr addr)
{
	if (v->len >= SAMPLES_MAX)
		return;
	for (size_t i = 0; i < v->len; i++)
		if (v->data[i] == addr)
			return;
	np_vec_push(v, addr);
}

/* A function is what has a SharedFunctionInfo in one of its first words: holds when the type range is not known. */
static bool looks_like_function(np_v8 *v8, np_addr object, np_addr *shared)
{
	const struct np_map *map;
	if (!np_map_of(v8, object, &map) || !np_has(v8->layout, NP_F_type_FIRST_JS_RECEIVER) ||
	    map->type < np_get(v8->layout, NP_F_type_FIRST_JS_RECEIVER) || map->size_bytes < 48)
		return false;
	for (np_addr at = object + 16; at < object + 56; at += 8) {
		np_tagged t;
		if (np_tagged_at(v8, at, &t) && np_is_kind(v8, t, NP_KIND_SHARED_FUNCTION_INFO)) {
			*shared = np_ref(t);
			return true;
		}
	}
	return false;
}

static void sample_stack(np_v8 *v8, const struct np_thread *thread, struct samples *s)
{
	static const uint8_t align = 8;
	np_addr rsp = thread->regs.r[NP_REG_RSP] & ~(np_addr)(align - 1);
	uint64_t words[STACK_BYTES / 8];
	size_t n = np_mem_read(v8->mem, rsp, words, sizeof(words)) / 8;
	for (size_t i = 0; i < n && s->functions.len < SAMPLES_MAX; i++) {
		np_addr shared;
		np_tagged t = {words[i]}, data;
		np_addr array;
		if ((t.raw & 3) != 1 || t.raw < 4096 || !looks_like_function(v8, np_ref(t), &shared))
			continue;
		sample_add(&s->functions, np_ref(t));
		static const enum np_fact facts[] = {NP_F_SharedFunctionInfo_function_data,
						     NP_F_SharedFunctionInfo_untrusted_function_data};
		for (size_t k = 0; k < NP_ARRAY_LEN(facts); k++)
			if (np_field(v8, shared, facts[k], &data) && np_is_ref(data) &&
			    np_bytecode_array_of(v8, np_ref(data), &array)) {
				sample_add(&s->shared, shared); /* has a script */
				sample_add(&s->bytecode, array);
			}
	}
}

static unsigned percent_of_kind(np_v8 *v8, const sample_vec *holders, int32_t offset, const enum np_kind *kinds,
				size_t kind_count)
{
	size_t hits = 0;
	for (size_t i = 0; i < holders->len; i++) {
		np_tagged t;
		if (!np_tagged_at(v8, holders->data[i] + (np_addr)(int64_t)offset, &t) || !np_is_ref(t))
			continue;
		enum np_kind kind = np_kind_at(v8, np_ref(t));
		for (size_t k = 0; k < kind_count; k++)
			hits += kind == kinds[k];
	}
	return holders->len ? (unsigned)(hits * 100 / holders->len) : 0;
}

/* What a look at the samples says about a fact. */
static void settle(np_v8 *v8, enum np_fact fact, unsigned now_percent, int32_t found, struct np_calibration *ret)
{
	np_layout *l = v8->layout;
	bool had = np_has(l, fact);
	if (had && now_percent >= AGREE_PERCENT) {
		ret->confirmed++;
		if (l->source[fact] == NP_SOURCE_NEAREST)
			np_layout_set(l, fact, np_get(l, fact), NP_SOURCE_CALIBRATED);
		return;
	}
	if (found < 0 || (had && (now_percent >= 50 || found == np_get(l, fact))))
		return;
	if (had) {
		np_warn("%s is %d in this process, not %d as the %s says", np_fact_info(fact)->name, found, np_get(l, fact),
			np_fact_source_name((enum np_fact_source)l->source[fact]));
		ret->corrected++;
	} else {
		ret->found++;
	}
	np_layout_set(l, fact, found, NP_SOURCE_CALIBRATED);
}

static void rule_pointer(np_v8 *v8, const sample_vec *holders, enum np_fact fact, const enum np_kind *kinds,
			 size_t kind_count, struct np_calibration *ret)
{
	int32_t found = -1;
	unsigned now = 0;
	if (holders->len < 4)
		return;
	if (np_has(v8->layout, fact))
		now = percent_of_kind(v8, holders, np_get(v8->layout, fact), kinds, kind_count);
	for (int32_t offset = 8; now < AGREE_PERCENT && offset < FIELD_MAX; offset += 8)
		if (percent_of_kind(v8, holders, offset, kinds, kind_count) >= AGREE_PERCENT) {
			if (found >= 0)
				return; /* not the only one */
			found = offset;
		}
	settle(v8, fact, now, found, ret);
}

static unsigned percent_header(np_v8 *v8, const sample_vec *arrays, int32_t header)
{
	size_t hits = 0, tried = 0;
	for (size_t i = 0; i < arrays->len; i++) {
		uint32_t len;
		const struct np_map *map;
		np_tagged next;
		if (!np_array_length(v8, arrays->data[i], &len) || len > 1 << 20)
			continue;
		np_addr end = (arrays->data[i] + (np_addr)header + len + 7) & ~(np_addr)7;
		tried++;
		hits += np_tagged_at(v8, end, &next) && (next.raw & 3) == 1 && np_map_load(v8, np_ref(next), &map);
	}
	return tried >= 4 ? (unsigned)(hits * 100 / tried) : 0;
}

static void rule_bytecode_header(np_v8 *v8, const sample_vec *arrays, struct np_calibration *ret)
{
	int32_t best = -1;
	unsigned best_percent = 0, now = 0;
	if (np_has(v8->layout, NP_F_BytecodeArray_data))
		now = percent_header(v8, arrays, np_get(v8->layout, NP_F_BytecodeArray_data));
	/* All headers of one 8-byte step give nearly the same answer: the known value is only contradicted by none fitting. */
	for (int32_t header = 48; now < 50 && header <= 72; header += 2) {
		unsigned percent = percent_header(v8, arrays, header);
		if (percent > best_percent) {
			best_percent = percent;
			best = header;
		}
	}
	if (now >= 50)
		ret->confirmed++;
	else if (best_percent >= AGREE_PERCENT)
		settle(v8, NP_F_BytecodeArray_data, now, best, ret);
}

static bool is_known_exactly(const np_layout *l, enum np_fact fact)
{
	return np_has(l, fact) && l->source[fact] != NP_SOURCE_NEAREST;
}

/*
 * Functions have several instance types (classes, generators, ...): the range
 * must hold all that were seen.  A range that symbols or the exact table tell is
 * not widened: objects of the embedder that keep a SharedFunctionInfo look like
 * functions, too.
 */
static void rule_function_types(np_v8 *v8, const sample_vec *functions, struct np_calibration *ret)
{
	np_layout *l = v8->layout;
	int32_t first = np_get(l, NP_F_JSFunction_first_type), last = np_get(l, NP_F_JSFunction_last_type);
	bool widened = false;
	if (is_known_exactly(l, NP_F_JSFunction_first_type) && is_known_exactly(l, NP_F_JSFunction_last_type)) {
		ret->confirmed++;
		return;
	}
	for (size_t i = 0; i < functions->len; i++) {
		const struct np_map *map;
		if (!np_map_of(v8, functions->data[i], &map))
			continue;
		int32_t type = map->type;
		if (!np_has(l, NP_F_JSFunction_first_type) || type < first) {
			first = type;
			np_layout_set(l, NP_F_JSFunction_first_type, type, NP_SOURCE_CALIBRATED);
			widened = true;
		}
		if (!np_has(l, NP_F_JSFunction_last_type) || type > last) {
			last = type;
			np_layout_set(l, NP_F_JSFunction_last_type, type, NP_SOURCE_CALIBRATED);
			widened = true;
		}
	}
	if (widened)
		ret->found++;
	else if (functions->len)
		ret->confirmed++;
}

/* JavaScript objects are the last instance types: the lowest one that is known bounds them from below. */
static void rule_first_receiver(np_v8 *v8, struct np_calibration *ret)
{
	static const enum np_fact receivers[] = {NP_F_type_JS_PROXY,  NP_F_type_JS_GLOBAL_OBJECT, NP_F_type_JS_OBJECT,
						  NP_F_type_JS_ARRAY,  NP_F_type_JS_DATE,	    NP_F_type_JS_PROMISE,
						  NP_F_type_JS_MAP,    NP_F_type_JS_GLOBAL_PROXY, NP_F_type_JS_PRIMITIVE_WRAPPER};
	np_layout *l = v8->layout;
	int32_t least = INT32_MAX;
	if (np_has(l, NP_F_type_FIRST_JS_RECEIVER))
		return;
	for (size_t i = 0; i < NP_ARRAY_LEN(receivers); i++)
		if (np_has(l, receivers[i]) && np_get(l, receivers[i]) < least)
			least = np_get(l, receivers[i]);
	if (least == INT32_MAX)
		return;
	if (least > 1024) /* where types have 16 bits the receivers begin at a round number */
		least = 1024;
	np_layout_set(l, NP_F_type_FIRST_JS_RECEIVER, least, NP_SOURCE_CALIBRATED);
	ret->found++;
}

void np_calibrate(np_v8 *v8, struct np_calibration *ret)
{
	static const enum np_kind shared_kind[] = {NP_KIND_SHARED_FUNCTION_INFO}, context_kind[] = {NP_KIND_CONTEXT},
				  script_kind[] = {NP_KIND_SCRIPT, NP_KIND_DEBUG_INFO},
				  name_kind[] = {NP_KIND_SCOPE_INFO, NP_KIND_STRING},
				  pool_kind[] = {NP_KIND_FIXED_ARRAY};
	struct samples s = {0};
	*ret = (struct np_calibration){0};
	rule_first_receiver(v8, ret);
	for (size_t i = 0; i < np_target_thread_count(v8->target); i++) {
		const struct np_thread *thread = np_target_thread(v8->target, i);
		if (thread->regs.valid >> NP_REG_RSP & 1)
			sample_stack(v8, thread, &s);
	}
	ret->functions = s.functions.len;
	if (s.functions.len) {
		rule_function_types(v8, &s.functions, ret);
		rule_pointer(v8, &s.functions, NP_F_JSFunction_shared, shared_kind, 1, ret);
		if (np_has(v8->layout, NP_F_Context_first_type))
			rule_pointer(v8, &s.functions, NP_F_JSFunction_context, context_kind, 1, ret);
		rule_pointer(v8, &s.shared, NP_F_SharedFunctionInfo_script, script_kind, 2, ret);
		if (!np_has(v8->layout, NP_F_SharedFunctionInfo_scope_info))
			rule_pointer(v8, &s.shared, NP_F_SharedFunctionInfo_name, name_kind, 2, ret);
		rule_pointer(v8, &s.bytecode, NP_F_BytecodeArray_constant_pool, pool_kind, 1, ret);
		rule_bytecode_header(v8, &s.bytecode, ret);
		np_v8_cache_clear(v8->cache); /* what was read with the old facts */
	}
	np_vec_deinit(&s.functions);
	np_vec_deinit(&s.shared);
	np_vec_deinit(&s.bytecode);
}

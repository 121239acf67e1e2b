/*
 * Map and Set: an OrderedHashTable {elements, deleted, buckets, bucket heads,
 * entries}, entries {key, value, chain} or {key, chain} in insertion order; a
 * deleted key is the hole.  WeakMap and WeakSet: a hash table of {key, value}.
 */
#include "base/vec.h"
#include "v8/array.h"
#include "v8/object.h"
#include "v8/value_internal.h"

enum {
	TABLE_MAX = 1 << 27,
	ORDERED_HEADER = 3,	      /* the three counts */
	MAP_ENTRY = 3, SET_ENTRY = 2, /* {key, value, chain}, {key, chain} */
	HASH_HEADER = 3, HASH_ENTRY = 2,
};

struct ordered {
	np_addr data;	    /* first slot */
	uint32_t length;    /* slots */
	uint32_t live, used; /* entries: those that are there, and the deleted ones among them */
	uint64_t first;	    /* slot of the first entry */
	uint32_t entry;	    /* slots of an entry */
};

static bool ordered_count(np_v8 *v8, np_addr table, enum np_fact index, uint32_t *ret)
{
	int32_t n;
	const np_layout *l = v8->layout;
	if (!np_has(l, index) || !np_has(l, NP_F_OrderedHash_data) ||
	    !np_smi_at(v8, table + (np_addr)np_get(l, NP_F_OrderedHash_data) + 8ull * (np_addr)np_get(l, index), &n) ||
	    n < 0 || n > TABLE_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static bool ordered_load(np_v8 *v8, np_addr collection, bool is_map, struct ordered *ret)
{
	np_tagged t;
	uint32_t deleted, buckets;
	struct ordered o = {.entry = is_map ? MAP_ENTRY : SET_ENTRY};
	if (!np_field(v8, collection, NP_F_JSMap_table, &t) || !np_is_ref(t) ||
	    !np_array_length(v8, np_ref(t), &o.length) ||
	    !ordered_count(v8, np_ref(t), NP_F_OrderedHash_elements_index, &o.live) ||
	    !ordered_count(v8, np_ref(t), NP_F_OrderedHash_deleted_index, &deleted) ||
	    !ordered_count(v8, np_ref(t), NP_F_OrderedHash_buckets_index, &buckets))
		return false;
	o.data = np_ref(t) + (np_addr)np_get(v8->layout, NP_F_OrderedHash_data);
	o.used = o.live + deleted;
	o.first = (uint64_t)ORDERED_HEADER + buckets;
	uint64_t fit = o.first < o.length ? (o.length - o.first) / o.entry : 0;
	if (o.used > fit)
		o.used = (uint32_t)fit;
	*ret = o;
	return true;
}

/* Entry i, counting deleted ones; false when it was deleted or is not there. */
static bool ordered_entry(np_v8 *v8, const struct ordered *o, uint32_t i, np_tagged *key, np_tagged *value)
{
	uint64_t slot = o->first + (uint64_t)i * o->entry;
	if (i >= o->used || slot + o->entry > o->length || !np_tagged_at(v8, o->data + 8 * slot, key) ||
	    np_is_hole(v8, *key))
		return false;
	*value = *key;
	return o->entry == SET_ENTRY || np_tagged_at(v8, o->data + 8 * slot + 8, value);
}

bool np_collection_entry(np_v8 *v8, np_addr collection, uint64_t i, np_tagged *ret_key, np_tagged *ret_value)
{
	struct ordered o;
	uint64_t seen = 0;
	enum np_kind kind = np_kind_at(v8, collection);
	if ((kind != NP_KIND_JS_MAP && kind != NP_KIND_JS_SET) ||
	    !ordered_load(v8, collection, kind == NP_KIND_JS_MAP, &o) || i >= o.live)
		return false;
	for (uint32_t k = 0; k < o.used; k++)
		if (ordered_entry(v8, &o, k, ret_key, ret_value) && seen++ == i)
			return true;
	return false;
}

void np_decode_collection(struct decoder *d, np_value *v, bool is_map)
{
	struct ordered o;
	np_tagged key, value;
	v->type = is_map ? NP_VALUE_MAP : NP_VALUE_SET;
	if (!ordered_load(d->v8, v->address, is_map, &o)) {
		np_decode_slot(d, v, "entries", NULL, "unreadable");
		return;
	}
	v->size = o.live;
	if (v->is_more)
		return;
	size_t max = o.live < d->limits->elements ? o.live : d->limits->elements;
	v->keys = NP_NEW_ARRAY(d->arena, np_value *, max);
	v->values = NP_NEW_ARRAY(d->arena, np_value *, max);
	v->has_entries = true;
	for (uint32_t i = 0; i < o.used && v->entry_count < max && d->total < d->limits->total; i++) {
		if (!ordered_entry(d->v8, &o, i, &key, &value))
			continue;
		v->keys[v->entry_count] = np_decode(d, key);
		if (is_map)
			v->values[v->entry_count] = np_decode(d, value);
		v->entry_count++;
	}
	v->truncated |= v->entry_count < o.live;
}

void np_decode_weak_collection(struct decoder *d, np_value *v, bool is_map)
{
	np_tagged t;
	uint32_t len;
	v->type = is_map ? NP_VALUE_WEAKMAP : NP_VALUE_WEAKSET;
	if (!np_field(d->v8, v->address, NP_F_JSWeakMap_table, &t) || !np_is_ref(t) ||
	    !np_array_length(d->v8, np_ref(t), &len) || len > TABLE_MAX)
		return;
	NP_VEC(np_value *) keys = {0};
	NP_VEC(np_value *) values = {0};
	for (uint32_t i = HASH_HEADER; i + 1 < len && d->total < d->limits->total; i += HASH_ENTRY) {
		np_tagged key, value;
		if (!np_array_get(d->v8, np_ref(t), i, &key))
			break; /* nothing readable behind it, either */
		if (!np_is_ref(key))
			continue;
		enum np_kind kind = np_kind_at(d->v8, np_ref(key));
		if (!np_kind_is_receiver(kind) && kind != NP_KIND_SYMBOL)
			continue;
		v->size++;
		if (v->is_more)
			continue;
		if (keys.len >= d->limits->elements) {
			v->truncated = true;
			continue;
		}
		np_vec_push(&keys, np_decode(d, key));
		np_vec_push(&values, is_map && np_array_get(d->v8, np_ref(t), i + 1, &value) ? np_decode(d, value) : NULL);
	}
	v->has_entries = !v->is_more;
	v->entry_count = keys.len;
	v->keys = np_arena_memdup(d->arena, keys.data, keys.len * sizeof(*keys.data));
	v->values = np_arena_memdup(d->arena, values.data, values.len * sizeof(*values.data));
	np_vec_deinit(&keys);
	np_vec_deinit(&values);
}

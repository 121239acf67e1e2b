/*
 * Map and Set: an OrderedHashTable {elements, deleted, buckets, bucket heads,
 * entries}, entries {key, value, chain} or {key, chain} in insertion order; a
 * deleted key is the hole.  WeakMap and WeakSet: a hash table of {key, value}.
 */
#include "v8/array.h"
#include "v8/object.h"
#include "v8/value_internal.h"

enum { TABLE_MAX = 1 << 27, ORDERED_HEADER = 3, HASH_HEADER = 3 };

static bool ordered_count(struct decoder *d, np_addr table, enum np_fact index, uint32_t *ret)
{
	int32_t n;
	const np_layout *l = d->v8->layout;
	if (!np_has(l, index) || !np_has(l, NP_F_OrderedHash_data) ||
	    !np_smi_at(d->v8, table + (np_addr)np_get(l, NP_F_OrderedHash_data) + 8ull * (np_addr)np_get(l, index), &n) ||
	    n < 0 || n > TABLE_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

void np_decode_collection(struct decoder *d, np_value *v, bool is_map)
{
	np_tagged t;
	uint32_t elements, deleted, buckets, len;
	const np_layout *l = d->v8->layout;
	v->type = is_map ? NP_VALUE_MAP : NP_VALUE_SET;
	if (!np_field(d->v8, v->address, NP_F_JSMap_table, &t) || !np_is_ref(t) ||
	    !np_array_length(d->v8, np_ref(t), &len) ||
	    !ordered_count(d, np_ref(t), NP_F_OrderedHash_elements_index, &elements) ||
	    !ordered_count(d, np_ref(t), NP_F_OrderedHash_deleted_index, &deleted) ||
	    !ordered_count(d, np_ref(t), NP_F_OrderedHash_buckets_index, &buckets)) {
		np_decode_slot(d, v, "entries", NULL, "unreadable");
		return;
	}
	v->size = elements;
	if (v->is_more)
		return;
	uint32_t size = is_map ? 3 : 2, used = elements + deleted;
	size_t max = elements < d->limits->elements ? elements : d->limits->elements;
	np_addr data = np_ref(t) + (np_addr)np_get(l, NP_F_OrderedHash_data);
	v->keys = NP_NEW_ARRAY(d->arena, np_value *, max);
	v->values = NP_NEW_ARRAY(d->arena, np_value *, max);
	v->has_entries = true;
	for (uint32_t i = 0; i < used && v->entry_count < max && d->total < d->limits->total; i++) {
		uint64_t slot = (uint64_t)ORDERED_HEADER + buckets + (uint64_t)i * size;
		np_tagged key, value;
		if (slot + size > len || !np_tagged_at(d->v8, data + 8 * slot, &key) || np_is_hole(d->v8, key))
			continue;
		v->keys[v->entry_count] = np_decode(d, key);
		if (is_map)
			v->values[v->entry_count] = np_tagged_at(d->v8, data + 8 * slot + 8, &value)
							    ? np_decode(d, value)
							    : np_decode_unreadable(d, data + 8 * slot + 8, "unreadable");
		v->entry_count++;
	}
	v->truncated |= v->entry_count < elements;
}

void np_decode_weak_collection(struct decoder *d, np_value *v, bool is_map)
{
	np_tagged t;
	uint32_t len;
	v->type = is_map ? NP_VALUE_WEAKMAP : NP_VALUE_WEAKSET;
	if (!np_field(d->v8, v->address, NP_F_JSWeakMap_table, &t) || !np_is_ref(t) ||
	    !np_array_length(d->v8, np_ref(t), &len) || len > TABLE_MAX)
		return;
	if (v->is_more)
		return;
	v->has_entries = true;
	NP_VEC(np_value *) keys = {0};
	NP_VEC(np_value *) values = {0};
	for (uint32_t i = HASH_HEADER; i + 1 < len && d->total < d->limits->total; i += 2) {
		np_tagged key, value;
		if (!np_array_get(d->v8, np_ref(t), i, &key) || !np_is_ref(key))
			continue;
		enum np_kind kind = np_kind_at(d->v8, np_ref(key));
		if (!np_kind_is_receiver(kind) && kind != NP_KIND_SYMBOL)
			continue;
		v->size++;
		if (keys.len >= d->limits->elements) {
			v->truncated = true;
			continue;
		}
		np_vec_push(&keys, np_decode(d, key));
		np_vec_push(&values, is_map && np_array_get(d->v8, np_ref(t), i + 1, &value) ? np_decode(d, value) : NULL);
	}
	v->entry_count = keys.len;
	v->keys = np_arena_memdup(d->arena, keys.data, keys.len * sizeof(*keys.data));
	v->values = np_arena_memdup(d->arena, values.data, values.len * sizeof(*values.data));
	np_vec_deinit(&keys);
	np_vec_deinit(&values);
}

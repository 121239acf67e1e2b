#include "v8/v8.h"

#include <stdlib.h>
#include <string.h>

#include "v8/cache.h"

np_err *np_v8_create(np_target *target, np_layout *layout, np_v8 **ret)
{
	np_v8 *v8 = np_xcalloc(1, sizeof(*v8));
	v8->target = target;
	v8->mem = np_target_mem(target);
	v8->layout = layout;
	v8->cache = np_v8_cache_create();
	*ret = v8;
	return NULL;
}

void np_v8_destroy(np_v8 *v8)
{
	if (!v8)
		return;
	np_v8_cache_destroy(v8->cache);
	free(v8);
}

void np_v8_invalidate(np_v8 *v8)
{
	np_v8_cache_clear(v8->cache);
	np_mem_invalidate(v8->mem);
}

bool np_tagged_at(np_v8 *v8, np_addr addr, np_tagged *ret)
{
	return np_mem_u64(v8->mem, addr, &ret->raw);
}

bool np_smi_at(np_v8 *v8, np_addr addr, int32_t *ret)
{
	np_tagged t;
	if (!np_tagged_at(v8, addr, &t) || !np_is_smi(t))
		return false;
	*ret = np_smi_value(t);
	return true;
}

bool np_field(np_v8 *v8, np_addr addr, enum np_fact fact, np_tagged *ret)
{
	return np_field_u64(v8, addr, fact, &ret->raw);
}

bool np_field_u64(np_v8 *v8, np_addr addr, enum np_fact fact, uint64_t *ret)
{
	if (!np_has(v8->layout, fact))
		return false;
	return np_mem_u64(v8->mem, addr + (np_addr)(int64_t)np_get(v8->layout, fact), ret);
}

bool np_field_u32(np_v8 *v8, np_addr addr, enum np_fact fact, uint32_t *ret)
{
	if (!np_has(v8->layout, fact))
		return false;
	return np_mem_u32(v8->mem, addr + (np_addr)(int64_t)np_get(v8->layout, fact), ret);
}

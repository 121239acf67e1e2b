/*
 * Typed readers of V8's heap: the core.  np_v8 ties an address space to a
 * layout; readers take it and never compare versions.
 *
 * Vocabulary: a tagged word is a Smi (low bit 0, value in the upper half) or a
 * reference to a HeapObject (low bits 01; 11 = weak).  An object's address
 * here is always untagged.
 */
#ifndef NP_V8_V8_H
#define NP_V8_V8_H

#include "base/arena.h"
#include "layout/layout.h"
#include "mem/mem.h"
#include "target/target.h"

typedef struct np_v8 np_v8;

/* A tagged word: a type of its own, so that it cannot be taken for an address. */
typedef struct {
	uint64_t raw;
} np_tagged;

struct np_v8 {
	np_target *target;
	np_mem *mem;
	np_layout *layout;
	struct np_v8_cache *cache; /* maps, scripts, ...; see the modules */
};

np_err *np_v8_create(np_target *target, np_layout *layout, np_v8 **ret) NP_MUST;
void np_v8_destroy(np_v8 *v8);
/* Forgets what was read from a live target that has run since. */
void np_v8_invalidate(np_v8 *v8);

static inline bool np_is_smi(np_tagged t)
{
	return (t.raw & 1) == 0;
}
static inline int32_t np_smi_value(np_tagged t)
{
	return (int32_t)(t.raw >> 32);
}
static inline bool np_is_ref(np_tagged t)
{
	return (t.raw & 1) == 1;
}
static inline bool np_is_weak(np_tagged t)
{
	return (t.raw & 3) == 3;
}
/* Untagged address of a (weak or strong) reference. */
static inline np_addr np_ref(np_tagged t)
{
	return t.raw & ~(uint64_t)3;
}
static inline np_tagged np_tag(np_addr addr)
{
	return (np_tagged){addr | 1};
}

/* Tagged field at addr + the offset that fact names; false when unreadable or the fact is missing. */
bool np_field(np_v8 *v8, np_addr addr, enum np_fact fact, np_tagged *ret);
bool np_field_u64(np_v8 *v8, np_addr addr, enum np_fact fact, uint64_t *ret);
bool np_field_u32(np_v8 *v8, np_addr addr, enum np_fact fact, uint32_t *ret);
bool np_tagged_at(np_v8 *v8, np_addr addr, np_tagged *ret);
bool np_smi_at(np_v8 *v8, np_addr addr, int32_t *ret);

#endif

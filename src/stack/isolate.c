/* Which isolate a thread runs. */
#include "stack/stack.h"

enum {
	/* glibc x86-64: struct pthread.specific_1stblock, 16 bytes a key, value second (nptl/descr.h) */
	PTHREAD_SPECIFIC_OFFSET = 0x310,
	PTHREAD_KEYS_FIRST_BLOCK = 32,
};

np_addr np_isolate_of_thread(np_v8 *v8, const struct np_thread *thread)
{
	const np_layout *l = v8->layout;
	np_addr at, isolate = 0;
	uint32_t key;
	if (l->has_tls_isolate &&
	    np_target_tls_address(v8->target, thread, np_target_v8_image(v8->target), l->tls_isolate_offset, &at))
		return np_mem_u64(v8->mem, at, &isolate) ? isolate : 0;
	if (l->isolate_key && thread->fs_base && np_mem_u32(v8->mem, l->isolate_key, &key) &&
	    key < PTHREAD_KEYS_FIRST_BLOCK &&
	    np_mem_u64(v8->mem, thread->fs_base + PTHREAD_SPECIFIC_OFFSET + 16ull * key + 8, &isolate) && isolate)
		return isolate;
	if (l->default_isolate && thread->tid == np_target_pid(v8->target))
		np_mem_u64(v8->mem, l->default_isolate, &isolate);
	return isolate;
}

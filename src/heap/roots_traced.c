/*
 * Traced handles (11.3 and later): how C++ objects of the embedder that the
 * collector knows (cppgc) refer to JavaScript objects.
 *
 * TracedHandles leads to blocks {links of lists, TracedHandles*, u16 used, u16
 * capacity, ..., nodes}; a node is {object, u16 next free one, u16 index, u8
 * flags, ...}.  As with global handles, the indices tell a block.
 *
 * Which C++ object holds a node would take V8's C++ heap to tell.  A C++ object
 * and its JavaScript wrapper refer to each other, and that this keeps the
 * wrapper alive would make every wrapper a root: so a reference to a wrapper is
 * weak.  Others are taken for roots, which errs on the side of life.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "heap/roots_internal.h"
#include "v8/cache.h"
#include "v8/map.h"

enum {
	OBJECT_WORDS = 32,     /* of TracedHandles that are looked at */
	HEADER_MIN = 0x28,     /* of a block */
	HEADER_MAX = 0x70,
	NODE_BYTES = 16,
	INDEX_AT = 10,	       /* in a node */
	FLAGS_AT = 12,
	FLAG_IN_USE = 1,
	NODES_MIN = 64,	       /* in a block */
	NODES_MAX = 1 << 16,
	LINK_WORDS = 6,	       /* of a block's header that may lead to others */
	BLOCKS_MAX = 1 << 18,
};

/* Is there a block at addr, and where do its nodes begin? Its header names one object that all blocks share. */
static bool block_find(struct np_roots *r, np_addr addr, np_addr *ret_nodes, size_t *ret_count)
{
	uint8_t bytes[HEADER_MAX + NODES_MIN * NODE_BYTES];
	if (!np_roots_is_native(r, addr) || np_mem_read(r->v8->mem, addr, bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	for (size_t header = HEADER_MIN; header <= HEADER_MAX; header += 8) {
		uint16_t index, used, capacity;
		size_t i = 0;
		for (; i < NODES_MIN; i++) {
			memcpy(&index, bytes + header + NODE_BYTES * i + INDEX_AT, sizeof(index));
			if (index != i)
				break;
		}
		for (size_t at = 0; i == NODES_MIN && at + 4 <= header; at += 2) {
			memcpy(&used, bytes + at, sizeof(used));
			memcpy(&capacity, bytes + at + 2, sizeof(capacity));
			if (capacity < NODES_MIN || used > capacity || capacity & (capacity - 1))
				continue;
			*ret_nodes = addr + header;
			*ret_count = capacity;
			return true;
		}
	}
	return false;
}

/* Objects of the embedder, which wrap one in C++. */
static bool is_wrapper(struct np_roots *r, uint64_t word)
{
	int type = np_roots_type(r, word);
	const char *name = type < 0 ? NULL : np_layout_type_name(r->v8->layout, type);
	return type >= 0 && np_kind_is_receiver(np_kind_of_type(r->v8, (uint16_t)type)) &&
	       (!name || strstr(name, "API_OBJECT"));
}

static void nodes_visit(struct np_roots *r, np_addr nodes, size_t count)
{
	for (size_t i = 0; i < count && !r->is_ended; i++) {
		struct np_root root = {.kind = NP_ROOT_TRACED_HANDLE, .slot = nodes + NODE_BYTES * i};
		uint8_t flags;
		uint16_t index;
		if (!np_mem_u64(r->v8->mem, root.slot, &root.value.raw) ||
		    !np_mem_u8(r->v8->mem, root.slot + FLAGS_AT, &flags) ||
		    !np_mem_u16(r->v8->mem, root.slot + INDEX_AT, &index) || index != i)
			return;
		if (!(flags & FLAG_IN_USE))
			continue;
		root.is_weak = is_wrapper(r, root.value.raw);
		np_roots_emit(r, &root);
	}
}

/* The blocks that the object at addr leads to, each once. */
static bool handles_visit(struct np_roots *r, np_addr addr)
{
	uint64_t words[OBJECT_WORDS];
	size_t count = np_mem_read(r->v8->mem, addr, words, np_roots_native_bytes(r, addr, sizeof(words))) / 8;
	struct np_addr_map seen = {0};
	NP_VEC(np_addr) todo = {0};
	for (size_t i = 0; i < count; i++)
		np_vec_push(&todo, words[i]);
	while (todo.len && seen.len < BLOCKS_MAX && !r->is_ended) {
		np_addr block = todo.data[--todo.len], nodes;
		size_t n, links;
		if (!block || !block_find(r, block, &nodes, &n) || np_addr_map_get(&seen, nodes))
			continue;
		np_addr_map_put(&seen, nodes, r); /* links lead to blocks, or to the links in them */
		nodes_visit(r, nodes, n);
		links = np_mem_read(r->v8->mem, block, words, 8 * LINK_WORDS) / 8;
		for (size_t i = 0; i < links; i++)
			np_vec_push(&todo, words[i]);
	}
	bool found = seen.len > 0;
	np_vec_deinit(&todo);
	np_addr_map_deinit(&seen);
	return found;
}

void np_roots_visit_traced_handles(struct np_roots *r)
{
	for (size_t i = 0; i < r->count && !r->report.exact[NP_ROOT_TRACED_HANDLE]; i++)
		if (!r->taken[i] && np_roots_is_native(r, r->words[i]))
			r->report.exact[NP_ROOT_TRACED_HANDLE] = handles_visit(r, r->words[i]);
}

/*
 * Handles: words in native memory that V8 updates when objects move.
 *
 * HandleScope: the Isolate has {next, limit, level}, where the next local
 * handle goes; its HandleScopeImplementer has the list of blocks, all full but
 * the last.
 *
 * GlobalHandles: nodes {object, class id, index, flags, ...} in blocks of 256,
 * behind which stand {next block, GlobalHandles*, ...} ({next block, nodes in
 * use, ...} in 3.14).  A node's index is its place in the block: so the bytes
 * that count up from 0 to 255 tell how big a node is, and where the index is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "heap/roots_internal.h"
#include "v8/cache.h"
#include "v8/map.h"

enum {
	OBJECT_MAX_BYTES = 0x100, /* of a native object that are looked at */
	OBJECT_WORDS = OBJECT_MAX_BYTES / 8,
	BLOCKS_MAX = 1 << 17,
	CONTEXTS_MAX = 1 << 12,	  /* entered at once */
	NODES = 256,		  /* in a block */
	NODE_MAX_BYTES = 48,
	TAIL_WORDS = 6,		  /* behind the nodes */
	ETERNAL_BLOCK = 256,
	ETERNAL_MAX = 1 << 24,
};

/* --- handle scopes --- */

/* Handles all the way: what is in use of the last block of handle scopes. */
static bool are_handles(struct np_roots *r, np_addr start, np_addr end)
{
	uint64_t words[NP_HANDLE_BLOCK_WORDS];
	size_t n = (end - start) / 8;
	if (!n || np_mem_read(r->v8->mem, start, words, 8 * n) != 8 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!np_roots_is_object(r, words[i]) && (uint32_t)words[i])
			return false;
	return true;
}

/* {next, limit} in the Isolate that lie in the block. */
static bool scope_data_find(struct np_roots *r, np_addr block, np_addr *ret_next)
{
	np_addr end = block + 8 * NP_HANDLE_BLOCK_WORDS;
	for (size_t i = 0; i + 2 < r->count; i++) {
		np_addr next = r->words[i], limit = r->words[i + 1];
		if (r->taken[i] || next < block || next > limit || limit > end || next & 7 || limit & 7 ||
		    !are_handles(r, block, next))
			continue;
		*ret_next = next;
		r->taken[i] = r->taken[i + 1] = 1;
		return true;
	}
	return false;
}

/* Contexts, all of them? Up to 6.2 they are FixedArrays. */
static bool are_contexts(struct np_roots *r, const struct np_sequence *s)
{
	enum np_kind kind = np_has(r->v8->layout, NP_F_Context_first_type) ? NP_KIND_CONTEXT : NP_KIND_FIXED_ARRAY;
	for (size_t i = 0; i < s->count; i++) {
		uint64_t word;
		if (s->count > CONTEXTS_MAX || !np_mem_u64(r->v8->mem, s->data + 8 * i, &word) ||
		    !np_roots_is_object(r, word) || np_kind_at(r->v8, np_ref((np_tagged){word})) != kind)
			return false;
	}
	return s->count > 0;
}

/* A list of a HandleScopeImplementer: in it, or behind a pointer in it (DetachableVector in 6.6 to 7.0). */
static bool list_at(struct np_roots *r, const uint64_t *words, bool is_behind, struct np_sequence *ret)
{
	uint64_t behind[3];
	if (!is_behind)
		return np_roots_sequence(r, words, BLOCKS_MAX, ret);
	return np_roots_is_native(r, words[0]) &&
	       np_mem_read(r->v8->mem, words[0], behind, sizeof(behind)) == sizeof(behind) &&
	       np_roots_sequence(r, behind, BLOCKS_MAX, ret);
}

/* Is this the list of blocks? Then their handles are roots. */
static bool blocks_of_scopes_visit(struct np_roots *r, const struct np_sequence *s)
{
	np_addr block, next;
	if (!np_mem_u64(r->v8->mem, s->data + 8 * (s->count - 1), &block) || !np_roots_is_native(r, block) ||
	    !scope_data_find(r, block, &next))
		return false;
	np_roots_emit_range(r, NP_ROOT_HANDLE_SCOPE, block, (next - block) / 8);
	for (size_t k = 0; k + 1 < s->count && !r->is_ended; k++)
		if (np_mem_u64(r->v8->mem, s->data + 8 * k, &block))
			np_roots_emit_range(r, NP_ROOT_HANDLE_SCOPE, block, NP_HANDLE_BLOCK_WORDS);
	return true;
}

/* Contexts that native code entered. */
static bool contexts_visit(struct np_roots *r, const uint64_t *words, size_t count)
{
	bool found = false;
	for (size_t i = 2; i + 6 <= 2 * count; i++) {
		struct np_sequence s;
		if (!list_at(r, &words[i / 2], i & 1, &s) || !are_contexts(r, &s))
			continue;
		np_roots_emit_range(r, NP_ROOT_HANDLE_SCOPE, s.data, s.count);
		found = true;
	}
	return found;
}

/*
 * Is the object at addr the HandleScopeImplementer? It is by its blocks or,
 * where no handle is in use, by the contexts.
 */
static bool implementer_visit(struct np_roots *r, np_addr addr, bool by_blocks)
{
	uint64_t words[OBJECT_WORDS];
	size_t count = np_mem_read(r->v8->mem, addr, words, np_roots_native_bytes(r, addr, sizeof(words))) / 8;
	bool found = false;
	struct np_sequence s;
	if (count < 4 || words[0] != r->isolate)
		return false;
	for (int behind = 0; behind < 2 && !found && by_blocks; behind++)
		for (size_t i = 1; i + 3 <= count && !found; i++)
			found = list_at(r, &words[i], behind, &s) && blocks_of_scopes_visit(r, &s);
	if (found || !by_blocks)
		found |= contexts_visit(r, words, count);
	return found;
}

/*
 * Where the implementer is not found: {next, limit} in the Isolate, and the
 * references before next, which are the handles of the last block.
 */
static void handles_backwards_visit(struct np_roots *r)
{
	uint64_t word;
	for (size_t i = 0; i + 1 < r->count; i++) {
		np_addr next = r->words[i], limit = r->words[i + 1];
		if (r->taken[i] || next > limit || limit - next > 8 * NP_HANDLE_BLOCK_WORDS ||
		    !np_roots_is_native(r, next) || next - r->isolate < 8 * r->count)
			continue;
		for (size_t k = 1; k <= NP_HANDLE_BLOCK_WORDS && np_mem_u64(r->v8->mem, next - 8 * k, &word) &&
				   ((uint32_t)word == 0 || np_roots_is_object(r, word)); k++)
			np_roots_emit_slot(r, NP_ROOT_CONSERVATIVE, next - 8 * k, word, NULL);
	}
}

void np_roots_visit_handle_scopes(struct np_roots *r)
{
	bool *found = &r->report.exact[NP_ROOT_HANDLE_SCOPE];
	for (int by_blocks = 1; by_blocks >= 0 && !*found; by_blocks--)
		for (size_t i = 0; i < r->count && !*found; i++)
			if (!r->taken[i] && np_roots_is_native(r, r->words[i]))
				*found = implementer_visit(r, r->words[i], by_blocks);
	if (!*found)
		handles_backwards_visit(r);
}

/* --- global handles --- */

struct node_layout {
	size_t bytes, index; /* of a node; of the index in it */
};

/* Do these words, which follow the nodes of a block, name its GlobalHandles, or count nodes in use? */
static bool tail_is_right(const uint64_t tail[TAIL_WORDS], np_addr owner)
{
	for (size_t k = 0; k < TAIL_WORDS; k++)
		if (tail[k] == owner)
			return true;
	return (uint32_t)tail[1] > 0 && (uint32_t)tail[1] <= NODES; /* an int, with padding behind it */
}

/* Is there a block of nodes at addr, of the GlobalHandles at owner? tail gets what follows the nodes. */
static bool block_read(struct np_roots *r, np_addr addr, np_addr owner, uint8_t *bytes, struct node_layout *ret,
		       uint64_t tail[TAIL_WORDS])
{
	enum { BLOCK_MAX = NODES * NODE_MAX_BYTES + 8 * TAIL_WORDS };
	if (!np_roots_is_native(r, addr))
		return false;
	size_t got = np_mem_read(r->v8->mem, addr, bytes, BLOCK_MAX);
	for (size_t size = 24; size <= NODE_MAX_BYTES; size += 8) {
		if (got < NODES * size + 8 * TAIL_WORDS)
			return false;
		for (size_t at = 8; at + 1 < size; at++) {
			size_t i = 0;
			while (i < NODES && bytes[i * size + at] == i)
				i++;
			if (i < NODES)
				continue;
			memcpy(tail, bytes + NODES * size, 8 * TAIL_WORDS);
			*ret = (struct node_layout){size, at};
			return tail_is_right(tail, owner);
		}
	}
	return false;
}

/*
 * State: FREE 0, NORMAL 1, WEAK 2, and up to 9.x PENDING 3, NEAR_DEATH 4: three
 * bits.  Later two bits, and the third tells that the object is young.
 */
static void nodes_visit(struct np_roots *r, np_addr block, const uint8_t *bytes, const struct node_layout *l,
			enum np_root_kind kind)
{
	for (size_t i = 0; i < NODES; i++) {
		struct np_root root = {.kind = kind, .slot = block + i * l->bytes};
		unsigned state = bytes[i * l->bytes + l->index + 1] & 7;
		if (state > 4)
			state -= 4;
		if (state < 1 || state > 3)
			continue;
		memcpy(&root.value, bytes + i * l->bytes, 8);
		if (state != 1) {
			root.is_weak = true;
			if (kind == NP_ROOT_GLOBAL_HANDLE)
				root.kind = NP_ROOT_WEAK_GLOBAL_HANDLE;
		}
		np_roots_emit(r, &root);
	}
}

/* All blocks that lead on from the first one. */
static bool blocks_visit(struct np_roots *r, np_addr first, np_addr owner, struct np_addr_map *seen,
			 enum np_root_kind kind)
{
	NP_VEC(np_addr) todo = {0};
	uint8_t *bytes = np_xmalloc(NODES * NODE_MAX_BYTES + 8 * TAIL_WORDS);
	bool found = false;
	np_vec_push(&todo, first);
	while (todo.len && seen->len < BLOCKS_MAX && !r->is_ended) {
		np_addr block = todo.data[--todo.len];
		struct node_layout layout;
		uint64_t tail[TAIL_WORDS];
		if (np_addr_map_get(seen, block) || !block_read(r, block, owner, bytes, &layout, tail))
			continue;
		np_addr_map_put(seen, block, r);
		found = true;
		nodes_visit(r, block, bytes, &layout, kind);
		for (size_t k = 0; k < TAIL_WORDS; k++)
			if (tail[k] && !(tail[k] & 7))
				np_vec_push(&todo, tail[k]);
	}
	free(bytes);
	np_vec_deinit(&todo);
	return found;
}

/*
 * GlobalHandles {isolate, first block, ...}, later {isolate, NodeSpace*, ...}
 * with NodeSpace {GlobalHandles*, first block, ...}; the second space, where
 * there is one, holds traced nodes.
 */
static bool global_handles_visit(struct np_roots *r, np_addr addr)
{
	uint64_t words[OBJECT_WORDS], space[4];
	struct np_addr_map seen = {0};
	enum np_root_kind kind = NP_ROOT_GLOBAL_HANDLE;
	size_t count = np_mem_read(r->v8->mem, addr, words, np_roots_native_bytes(r, addr, sizeof(words))) / 8;
	bool found = false;
	for (size_t i = 1; count >= 2 && words[0] == r->isolate && i < count; i++) {
		if (!np_roots_is_native(r, words[i]))
			continue;
		if (blocks_visit(r, words[i], addr, &seen, kind)) {
			found = true;
			continue;
		}
		if (np_mem_read(r->v8->mem, words[i], space, sizeof(space)) != sizeof(space) || space[0] != addr)
			continue;
		bool any = false;
		for (size_t k = 1; k < NP_ARRAY_LEN(space); k++)
			any |= blocks_visit(r, space[k], addr, &seen, kind);
		if (any || found)
			kind = NP_ROOT_TRACED_HANDLE; /* that of the next space */
		found |= any;
	}
	np_addr_map_deinit(&seen);
	return found;
}

void np_roots_visit_global_handles(struct np_roots *r)
{
	for (size_t i = 0; i < r->count && !r->report.exact[NP_ROOT_GLOBAL_HANDLE]; i++)
		if (!r->taken[i] && np_roots_is_native(r, r->words[i]))
			r->report.exact[NP_ROOT_GLOBAL_HANDLE] = global_handles_visit(r, r->words[i]);
	r->report.exact[NP_ROOT_WEAK_GLOBAL_HANDLE] = r->report.exact[NP_ROOT_GLOBAL_HANDLE];
}

/* --- eternal handles --- */

/* {int size, ..., blocks}: as many blocks as size handles need, and every one of them an object. */
static bool eternal_visit(struct np_roots *r, np_addr addr)
{
	uint64_t words[4], block, word;
	struct np_sequence s;
	if (np_mem_read(r->v8->mem, addr, words, sizeof(words)) != sizeof(words))
		return false;
	uint32_t size = (uint32_t)words[0];
	if (!size || size > ETERNAL_MAX || !np_roots_sequence(r, &words[1], ETERNAL_MAX / ETERNAL_BLOCK, &s) ||
	    s.count != (size + ETERNAL_BLOCK - 1) / ETERNAL_BLOCK)
		return false;
	for (uint32_t i = 0; i < size; i++) {
		if (!np_mem_u64(r->v8->mem, s.data + 8 * (i / ETERNAL_BLOCK), &block) ||
		    !np_roots_is_native(r, block) ||
		    !np_mem_u64(r->v8->mem, block + 8 * (i % ETERNAL_BLOCK), &word) || !np_roots_is_object(r, word))
			return false;
	}
	for (uint32_t i = 0; i < size && !r->is_ended; i += ETERNAL_BLOCK) {
		uint32_t count = size - i < ETERNAL_BLOCK ? size - i : ETERNAL_BLOCK;
		if (np_mem_u64(r->v8->mem, s.data + 8 * (i / ETERNAL_BLOCK), &block))
			np_roots_emit_range(r, NP_ROOT_ETERNAL, block, count);
	}
	return true;
}

void np_roots_visit_eternal_handles(struct np_roots *r)
{
	for (size_t i = 0; i < r->count && !r->report.exact[NP_ROOT_ETERNAL]; i++)
		if (!r->taken[i] && np_roots_is_native(r, r->words[i]))
			r->report.exact[NP_ROOT_ETERNAL] = eternal_visit(r, r->words[i]);
}

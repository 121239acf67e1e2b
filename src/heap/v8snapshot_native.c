/*
 * Objects that stand for one of Node's in C++ that V8's collector keeps with
 * them (cppgc; Node 22 on): V8 gives them its name, "Node / ContextifyContext".
 * The first field is the address of that object, whose first word is its table
 * of virtual functions; the binary names it.  Their sizes are told together.
 *
 *     C++ object - 8: {0: 32 bits, class and flag: 16, size in 4 bytes and mark bit: 16}
 *
 * (HeapObjectHeader of V8's src/heap/cppgc/heap-object-header.h; the size of
 * large objects stands elsewhere, they are left out.)  So they are told from
 * objects that Node made with malloc(), whose header begins with a size, and
 * which have nodes of their own in V8's snapshots.
 */
#include <ctype.h>
#include <stdlib.h>

#include "heap/v8snapshot_internal.h"

enum { VTABLE_HEADER = 16, NAME_MAX_BYTES = 256 };

/* The last part of a nested name without templates: "N4node10contextify16ContextifyContextE". */
static bool last_part(const char *mangled, const char **ret, size_t *ret_bytes)
{
	size_t bytes = 0;
	const char *p = mangled + 1, *part = NULL;
	while (isdigit((unsigned char)*p)) {
		for (bytes = 0; isdigit((unsigned char)*p) && bytes < NAME_MAX_BYTES; p++)
			bytes = bytes * 10 + (size_t)(*p - '0');
		part = p;
		for (size_t i = 0; i < bytes; i++, p++)
			if (!*p)
				return false;
	}
	*ret = part;
	*ret_bytes = bytes;
	return part && p[0] == 'E' && p[1] == '\0';
}

static bool class_add(void *ctx, const struct np_symbol *symbol)
{
	struct np_snapshot *s = ctx;
	struct native_class c = {.vtable = symbol->addr + VTABLE_HEADER};
	if (last_part(symbol->name + sizeof("_ZTV") - 1, &c.name, &c.name_bytes))
		np_vec_push(&s->native_classes, c);
	return true;
}

static int compare_classes(const void *a, const void *b)
{
	const struct native_class *x = a, *y = b;
	return x->vtable < y->vtable ? -1 : x->vtable > y->vtable;
}

void np_snapshot_load_native_classes(struct np_snapshot *s)
{
	np_image *image = np_target_v8_image(s->v8->target);
	if (!image)
		return;
	np_image_symbols(image, "_ZTVN4node", class_add, s);
	if (s->native_classes.len)
		qsort(s->native_classes.data, s->native_classes.len, sizeof(*s->native_classes.data), compare_classes);
}

const struct native_class *np_snapshot_native_class(const struct np_snapshot_walker *w, np_vertex node, const struct form *f,
						    uint64_t *ret_bytes)
{
	struct np_snapshot *s = w->s;
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint64_t at = bytes ? word_of(bytes, vertex_size(s, node), f->native_at) : 0, header = 0;
	struct native_class key;
	if (!at || at & 7 || !s->native_classes.len)
		return NULL;
	pthread_mutex_lock(&s->readers);
	bool is_read = np_mem_u64(s->v8->mem, at, &key.vtable) && np_mem_u64(s->v8->mem, at - sizeof(header), &header);
	pthread_mutex_unlock(&s->readers);
	*ret_bytes = (header >> 48 & ~(uint64_t)1) * 4;
	bool is_collected = is_read && !(uint32_t)header && (uint16_t)(header >> 32) && *ret_bytes;
	return is_collected ? bsearch(&key, s->native_classes.data, s->native_classes.len, sizeof(key), compare_classes) : NULL;
}

bool np_snapshot_native_name(struct np_snapshot_walker *w, np_vertex node, const struct form *f, uint32_t *ret_name)
{
	uint64_t size_bytes;
	const struct native_class *found = np_snapshot_native_class(w, node, f, &size_bytes);
	struct np_buf b = {0};
	if (!found)
		return false;
	np_buf_puts(&b, "Node / ");
	np_buf_add(&b, found->name, found->name_bytes);
	*ret_name = np_snapshot_text(w->s, b.data, b.len);
	np_buf_deinit(&b);
	return true;
}

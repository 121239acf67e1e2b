/*
 * The binary's own words about itself: one int for each v8dbg_ symbol.
 *
 * V8's build writes them (tools/gen-postmortem-metadata.py).  All are 32-bit
 * and constant.  Those that are 0 lie in .bss, where an image file has no
 * bytes and a core may have left the page out: they are 0 all the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "layout/internal.h"

static const char prefix[] = "v8dbg_";

struct load {
	np_mem *mem;
	NP_VEC(struct np_v8dbg) found;
};

static bool load_symbol(void *ctx, const struct np_symbol *symbol)
{
	struct load *load = ctx;
	uint32_t value = 0;
	if (symbol->is_tls || symbol->is_function)
		return true;
	if (!np_mem_u32(load->mem, symbol->addr, &value) && !symbol->in_bss)
		return true;
	np_vec_push(&load->found, (struct np_v8dbg){symbol->name + strlen(prefix), (int32_t)value});
	return true;
}

static int symbol_compare(const void *a, const void *b)
{
	const struct np_v8dbg *x = a, *y = b;
	return strcmp(x->name, y->name);
}

void np_v8dbg_load(np_image *image, np_mem *mem, struct np_v8dbg_table *ret)
{
	struct load load = {.mem = mem};
	np_image_symbols(image, prefix, load_symbol, &load);
	if (load.found.len)
		qsort(load.found.data, load.found.len, sizeof(*load.found.data), symbol_compare);
	ret->data = load.found.data;
	ret->count = load.found.len;
}

const struct np_v8dbg *np_v8dbg_find(const struct np_v8dbg_table *symbols, const char *start, size_t len)
{
	size_t low = 0, high = symbols->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strncmp(symbols->data[mid].name, start, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == symbols->count || strncmp(symbols->data[low].name, start, len))
		return NULL;
	return &symbols->data[low];
}

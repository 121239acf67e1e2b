/*
 * Code symbols by address.
 *
 * Built on first use, one pass and a radix sort: a node binary has 200,000
 * symbols, and most commands ask for a few dozen addresses.  A key holds the
 * address in its upper and the symbol's index in its lower half.
 */
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

enum {
	RADIX_BITS = 11,
	BACKWARD_MAX = 64, /* symbols before the address that are looked at for one that covers it */
};

static uint32_t key_offset(uint64_t key)
{
	return (uint32_t)(key >> 32);
}

/* Sorts by the upper half; stable. */
static uint64_t *keys_sort(uint64_t *keys, size_t n, uint32_t largest)
{
	size_t counts[1 << RADIX_BITS];
	uint64_t *other = np_xmalloc(n * sizeof(*other));
	for (unsigned shift = 0; shift < 32 && largest >> shift; shift += RADIX_BITS) {
		memset(counts, 0, sizeof(counts));
		for (size_t i = 0; i < n; i++)
			counts[key_offset(keys[i]) >> shift & ((1 << RADIX_BITS) - 1)]++;
		size_t sum = 0;
		for (size_t b = 0; b < 1 << RADIX_BITS; b++) {
			size_t count = counts[b];
			counts[b] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			other[counts[key_offset(keys[i]) >> shift & ((1 << RADIX_BITS) - 1)]++] = keys[i];
		uint64_t *swap = keys;
		keys = other;
		other = swap;
	}
	free(other);
	return keys;
}

/* The range of addresses that executable segments span. */
static bool image_code_range(const np_image *image, np_addr *ret_start, np_addr *ret_end)
{
	np_addr start = UINT64_MAX, end = 0;
	for (size_t l = 0; l < image->load_count; l++) {
		const struct np_load *load = &image->loads[l];
		if (!(load->flags & PF_X))
			continue;
		start = load->vaddr < start ? load->vaddr : start;
		end = load->vaddr + load->mem_bytes > end ? load->vaddr + load->mem_bytes : end;
	}
	*ret_start = start;
	*ret_end = end;
	return start < end && end - start < UINT32_MAX;
}

static void code_index_build(np_image *image)
{
	struct np_code_index *index = &image->code;
	np_addr start, end;
	index->built = true;
	index->table = image->symtab.count ? &image->symtab : &image->dynsym;
	if (!index->table->count || !image_code_range(image, &start, &end))
		return;
	np_symtab_populate(index->table, false);
	uint64_t *keys = np_xmalloc(index->table->count * sizeof(*keys));
	size_t n = 0;
	for (size_t i = 0; i < index->table->count; i++) {
		const Elf64_Sym *symbol = &index->table->symbols[i];
		unsigned type = ELF64_ST_TYPE(symbol->st_info);
		if ((type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC) ||
		    symbol->st_shndx == SHN_UNDEF || symbol->st_value < start || symbol->st_value >= end)
			continue;
		keys[n++] = (symbol->st_value - start) << 32 | i;
	}
	index->base = start;
	index->count = n;
	index->keys = keys_sort(keys, n, (uint32_t)(end - start));
}

/* End of a symbol without a size: the next symbol, or the end of its section. */
static np_addr symbol_implied_end(const np_image *image, size_t at, const Elf64_Sym *symbol)
{
	const struct np_code_index *index = &image->code;
	const Elf64_Shdr *section =
		symbol->st_shndx < image->section_count ? image->sections[symbol->st_shndx] : NULL;
	if (!section || symbol->st_value < section->sh_addr || symbol->st_value - section->sh_addr >= section->sh_size)
		return symbol->st_value;
	np_addr end = section->sh_addr + section->sh_size;
	for (size_t i = at + 1; i < index->count; i++) {
		np_addr next = index->base + key_offset(index->keys[i]);
		if (next != symbol->st_value)
			return next < end ? next : end;
	}
	return end;
}

/* Which of two symbols that cover an address names it better. */
static int symbol_rank(const struct np_symtab *table, const Elf64_Sym *symbol)
{
	unsigned bind = ELF64_ST_BIND(symbol->st_info), type = ELF64_ST_TYPE(symbol->st_info);
	if (!*np_symtab_name(table, symbol))
		return -1;
	return (symbol->st_size ? 8 : 0) + (type == STT_NOTYPE ? 0 : 4) +
	       (bind == STB_GLOBAL ? 2 : bind == STB_WEAK ? 1 : 0);
}

bool np_code_index_find(np_image *image, np_addr vaddr, const Elf64_Sym **ret, np_addr *ret_end)
{
	struct np_code_index *index = &image->code;
	if (!index->built)
		code_index_build(image);
	if (vaddr < index->base || vaddr - index->base > UINT32_MAX)
		return false;
	uint32_t offset = (uint32_t)(vaddr - index->base);
	size_t lo = 0, hi = index->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (key_offset(index->keys[mid]) <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	const Elf64_Sym *best = NULL;
	int best_rank = -1;
	for (size_t i = lo, steps = 0; i-- > 0 && steps < BACKWARD_MAX; steps++) {
		const Elf64_Sym *symbol = &index->table->symbols[(uint32_t)index->keys[i]];
		int rank = symbol_rank(index->table, symbol);
		if (best && symbol->st_value != best->st_value) {
			/* The nearest start wins, but a label does not win over the function it lies in. */
			if (best->st_size)
				break;
			if (!symbol->st_size || rank < 0)
				continue;
		} else if (rank <= best_rank) {
			continue;
		}
		np_addr end = symbol->st_size ? symbol->st_value + symbol->st_size
					      : symbol_implied_end(image, i, symbol);
		if (vaddr >= end)
			continue;
		best = symbol;
		best_rank = rank;
		*ret_end = end;
	}
	if (!best)
		return false;
	*ret = best;
	return true;
}

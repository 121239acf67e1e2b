/*
 * Symbols by name, and code symbols by address.
 *
 * Exact names: the GNU hash table of .dynsym answers at once.  .symtab has no
 * index that would pay for itself: it is passed over, with the names fetched
 * ahead, at some 10 ns a symbol.
 */
#include <string.h>
#include <sys/mman.h>

#include "target/internal.h"

const char *np_symtab_name(const struct np_symtab *table, const Elf64_Sym *symbol)
{
	return symbol->st_name < table->string_bytes ? table->strings + symbol->st_name : "";
}

/* Has the kernel map a table at once instead of a fault for every few pages. */
void np_symtab_populate(const struct np_symtab *table, bool names)
{
	const struct {
		const void *data;
		size_t bytes;
	} parts[] = {
		{table->symbols, table->count * sizeof(*table->symbols)},
		{table->strings, names ? table->string_bytes : 0},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(parts); i++) {
		uintptr_t start = (uintptr_t)parts[i].data & ~(uintptr_t)4095;
		/* Only speed depends on it (Linux 5.14 has it). */
		if (parts[i].bytes >= 256 * 1024)
			madvise((void *)start, (uintptr_t)parts[i].data + parts[i].bytes - start, MADV_POPULATE_READ);
	}
}

static bool symbol_is_defined(const Elf64_Sym *symbol)
{
	return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) != STT_SECTION &&
	       ELF64_ST_TYPE(symbol->st_info) != STT_FILE;
}

static void symbol_fill(const np_image *image, const struct np_symtab *table, const Elf64_Sym *symbol,
			struct np_symbol *ret)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);
	const Elf64_Shdr *section = symbol->st_shndx < image->section_count ? image->sections[symbol->st_shndx] : NULL;
	*ret = (struct np_symbol){
		.name = np_symtab_name(table, symbol),
		.addr = symbol->st_value,
		.size_bytes = symbol->st_size,
		.is_tls = type == STT_TLS,
		.is_function = type == STT_FUNC || type == STT_GNU_IFUNC,
		.in_bss = section && section->sh_type == SHT_NOBITS,
	};
	if (!ret->is_tls && symbol->st_shndx != SHN_ABS)
		ret->addr += (uint64_t)image->bias;
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t h = 5381;
	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		h = h * 33 + *p;
	return h;
}

/* Header: nbuckets, first symbol, bloom words (8 bytes each), bloom shift. */
static const Elf64_Sym *gnu_hash_find(const np_image *image, const char *name)
{
	const uint32_t *words = image->gnu_hash;
	if (image->gnu_hash_words < 4 || !words[0])
		return NULL;
	uint64_t buckets_at = 4 + 2 * (uint64_t)words[2];
	uint64_t chains_at = buckets_at + words[0];
	if (chains_at > image->gnu_hash_words)
		return NULL;
	uint32_t hash = gnu_hash_of(name);
	uint64_t index = words[buckets_at + hash % words[0]];
	if (index < words[1])
		return NULL;
	for (; index < image->dynsym.count; index++) {
		uint64_t at = chains_at + (index - words[1]);
		if (at >= image->gnu_hash_words)
			return NULL;
		const Elf64_Sym *symbol = &image->dynsym.symbols[index];
		if ((words[at] | 1) == (hash | 1) && !strcmp(np_symtab_name(&image->dynsym, symbol), name) &&
		    symbol_is_defined(symbol))
			return symbol;
		if (words[at] & 1)
			return NULL;
	}
	return NULL;
}

/*
 * Text that a name begins with (or, with its NUL counted in bytes, is).
 * Names of one binary begin alike; what tells them apart is the end of the
 * wanted text, so its last 8 bytes are compared first.
 */
struct wanted {
	const char *text;
	size_t bytes;
	uint64_t tail;
	size_t tail_bytes, tail_at;
};

static struct wanted wanted_make(const char *text, size_t bytes)
{
	struct wanted w = {.text = text, .bytes = bytes};
	w.tail_bytes = bytes < sizeof(w.tail) ? bytes : sizeof(w.tail);
	w.tail_at = bytes - w.tail_bytes;
	memcpy(&w.tail, text + w.tail_at, w.tail_bytes);
	return w;
}

static bool wanted_matches(const struct wanted *w, const struct np_symtab *table, uint32_t name)
{
	uint64_t tail = 0;
	if (name >= table->string_bytes || table->string_bytes - name < w->bytes)
		return false;
	const char *at = table->strings + name;
	memcpy(&tail, at + w->tail_at, w->tail_bytes);
	return tail == w->tail && !memcmp(at, w->text, w->bytes);
}

/* The next defined symbol from index on that is wanted. */
static const Elf64_Sym *symtab_next(const struct np_symtab *table, const struct wanted *w, size_t *index)
{
	enum { AHEAD = 16 };
	while (*index < table->count) {
		const Elf64_Sym *symbol = &table->symbols[*index];
		if (*index + AHEAD < table->count)
			__builtin_prefetch(table->strings + symbol[AHEAD].st_name % table->string_bytes + w->tail_at);
		++*index;
		if (wanted_matches(w, table, symbol->st_name) && symbol_is_defined(symbol))
			return symbol;
	}
	return NULL;
}

static const Elf64_Sym *symtab_find(const struct np_symtab *table, const char *name)
{
	struct wanted w = wanted_make(name, strlen(name) + 1);
	size_t index = 0;
	np_symtab_populate(table, true);
	return symtab_next(table, &w, &index);
}

bool np_image_dynamic_symbol(np_image *image, const char *name, struct np_symbol *ret)
{
	np_image_need(image);
	const Elf64_Sym *symbol = image->gnu_hash ? gnu_hash_find(image, name) : NULL;
	if (symbol)
		symbol_fill(image, &image->dynsym, symbol, ret);
	return symbol;
}

bool np_image_symbol(np_image *image, const char *name, struct np_symbol *ret)
{
	np_image_need(image);
	if (!*name)
		return false;
	const struct np_symtab *table = &image->dynsym;
	const Elf64_Sym *symbol = NULL;
	if (image->gnu_hash)
		symbol = gnu_hash_find(image, name);
	else if (image->dynsym.count)
		symbol = symtab_find(&image->dynsym, name);
	if (!symbol && image->symtab.count) {
		table = &image->symtab;
		symbol = symtab_find(table, name);
	}
	if (!symbol)
		return false;
	symbol_fill(image, table, symbol, ret);
	return true;
}

static bool dynsym_has(const np_image *image, const char *name)
{
	return image->gnu_hash && gnu_hash_find(image, name);
}

static bool table_visit(np_image *image, const struct np_symtab *table, const char *prefix,
			bool (*cb)(void *ctx, const struct np_symbol *symbol), void *ctx)
{
	struct wanted w = wanted_make(prefix, strlen(prefix));
	const Elf64_Sym *symbol;
	size_t index = 0;
	np_symtab_populate(table, true);
	while ((symbol = symtab_next(table, &w, &index))) {
		struct np_symbol found;
		if (!*np_symtab_name(table, symbol) ||
		    (table == &image->symtab && dynsym_has(image, np_symtab_name(table, symbol))))
			continue;
		symbol_fill(image, table, symbol, &found);
		if (!cb(ctx, &found))
			return false;
	}
	return true;
}

void np_image_symbols(np_image *image, const char *prefix, bool (*cb)(void *ctx, const struct np_symbol *symbol),
		      void *ctx)
{
	np_image_need(image);
	if (table_visit(image, &image->dynsym, prefix, cb, ctx))
		table_visit(image, &image->symtab, prefix, cb, ctx);
}

static bool symbol_seen(void *ctx, const struct np_symbol *symbol)
{
	*(bool *)ctx = true;
	return false;
}

static bool image_has_prefix(np_image *image, const char *prefix)
{
	bool seen = false;
	np_image_symbols(image, prefix, symbol_seen, &seen);
	return seen;
}

static bool path_is_libnode(const char *path)
{
	const char *slash = strrchr(path, '/');
	return !strncmp(slash ? slash + 1 : path, "libnode", 7);
}

static np_image *image_find_with(np_target *target, const char *prefix)
{
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < target->images.len; i++) {
			np_image *image = target->images.data[i];
			int rank = image->is_executable ? 0 : path_is_libnode(image->path) ? 1 : 2;
			if (rank == pass && !image->is_vdso && image_has_prefix(image, prefix))
				return image;
		}
	}
	return NULL;
}

np_image *np_target_v8_image(np_target *target)
{
	if (target->v8_image_tried)
		return target->v8_image;
	target->v8_image_tried = true;
	target->v8_image = image_find_with(target, "v8dbg_");
	/* Builds without debugger support (Node 0.10.0): the class that every embedder calls. */
	if (!target->v8_image)
		target->v8_image = image_find_with(target, "_ZN2v82V8");
	return target->v8_image;
}

bool np_target_symbol_at(np_target *target, np_addr pc, struct np_symbol_at *ret)
{
	np_addr end;
	const Elf64_Sym *symbol;
	bool has_vaddr;
	*ret = (struct np_symbol_at){0};
	np_image *image = ret->image = np_image_at(target, pc, &ret->vaddr, &has_vaddr);
	if (!image || !has_vaddr || !np_code_index_find(image, ret->vaddr, &symbol, &end))
		return false;
	ret->name = np_symtab_name(image->code.table, symbol);
	ret->start = pc - (ret->vaddr - symbol->st_value);
	ret->size_bytes = end - symbol->st_value;
	return true;
}

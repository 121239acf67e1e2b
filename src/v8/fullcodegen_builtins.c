#include "v8/fullcodegen_builtins.h"

#include <stdlib.h>
#include <string.h>

#include "v8/map.h"

enum {
	BUILTINS_MAX = 4096,
	BUILTINS_MIN = 40,	      /* fewer Code pointers in a row are something else */
	ISOLATE_SCAN_BYTES = 64 << 10, /* where the array may lie when no fact tells */
};

static bool name_valid(const char *name)
{
	if (!*name)
		return false;
	for (const char *p = name; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_'))
			return false;
	return true;
}

static bool name_at(np_v8 *v8, np_addr pointer_at, char ret[NP_BUILTIN_NAME_MAX])
{
	np_addr name;
	char buf[NP_BUILTIN_NAME_MAX];
	if (!np_mem_u64(v8->mem, pointer_at, &name) || !np_mem_cstr(v8->mem, name, buf, sizeof(buf)) ||
	    !name_valid(buf))
		return false;
	memcpy(ret, buf, sizeof(buf));
	return true;
}

static np_err *no_name(const struct np_code_object *code)
{
	return np_err_new(NP_ENOTFOUND, "no name for the builtin at 0x%llx", (unsigned long long)code->addr);
}

/* 6.2 to 6.8: builtin_metadata[number] = {name, ...}. */
static np_err *name_by_number(np_v8 *v8, const struct np_code_object *code, char ret[NP_BUILTIN_NAME_MAX])
{
	static const char *const tables[] = {
		"_ZN2v88internal12_GLOBAL__N_1L16builtin_metadataE",
		"_ZN2v88internal12_GLOBAL__N_116builtin_metadataE",
	};
	np_image *image = np_target_v8_image(v8->target);
	uint64_t stride = (uint64_t)np_get(v8->layout, NP_F_Builtins_metadata_bytes);
	struct np_symbol symbol;
	if (!image || code->builtin_id < 0)
		return no_name(code);
	for (size_t i = 0; i < NP_ARRAY_LEN(tables); i++)
		if (np_image_symbol(image, tables[i], &symbol) &&
		    ((uint64_t)code->builtin_id + 1) * stride <= symbol.size_bytes &&
		    name_at(v8, symbol.addr + (uint64_t)code->builtin_id * stride, ret))
			return NULL;
	return no_name(code);
}

/* Any kind of code: some builtins are inline caches. */
static bool is_code(np_v8 *v8, uint64_t word)
{
	return (word & 3) == 1 && np_kind_at(v8, word & ~(uint64_t)3) == NP_KIND_CODE;
}

/* Do exactly count names begin at names? */
static bool names_match(np_v8 *v8, np_addr names, size_t count)
{
	char name[NP_BUILTIN_NAME_MAX];
	return name_at(v8, names, name) && name_at(v8, names + 8 * (count - 1), name) &&
	       !name_at(v8, names + 8 * count, name);
}

/* The array as the fact says it, if what is there looks like it. */
static bool array_by_fact(np_v8 *v8, np_addr isolate, np_addr *ret, uint32_t *ret_count)
{
	const np_layout *l = v8->layout;
	uint64_t first;
	if (!np_has(l, NP_F_Isolate_builtins) || !np_has(l, NP_F_Builtins_count))
		return false;
	np_addr at = isolate + (np_addr)np_get(l, NP_F_Isolate_builtins);
	uint64_t count = (uint64_t)np_get(l, NP_F_Builtins_count);
	if (count == 0 || count > BUILTINS_MAX || !np_mem_u64(v8->mem, at, &first) || !is_code(v8, first) ||
	    !names_match(v8, at + 8 * count, count))
		return false;
	*ret = at;
	*ret_count = (uint32_t)count;
	return true;
}

/* Else: as many names as Code pointers, one run after the other. */
static bool array_by_scan(np_v8 *v8, np_addr isolate, np_addr *ret, uint32_t *ret_count)
{
	uint64_t *words = np_xmalloc(ISOLATE_SCAN_BYTES);
	size_t n = np_mem_read(v8->mem, isolate, words, ISOLATE_SCAN_BYTES) / 8;
	bool found = false;
	for (size_t i = 0; i < n && !found; i++) {
		size_t end = i;
		while (end < n && end - i < BUILTINS_MAX && is_code(v8, words[end]))
			end++;
		size_t count = end - i;
		if (count >= BUILTINS_MIN && names_match(v8, isolate + 8 * end, count)) {
			*ret = isolate + 8 * i;
			*ret_count = (uint32_t)count;
			found = true;
		}
		if (end > i)
			i = end - 1;
	}
	free(words);
	return found;
}

static np_err *name_by_address(np_v8 *v8, np_addr isolate, const struct np_code_object *code,
			       char ret[NP_BUILTIN_NAME_MAX])
{
	np_addr array;
	uint32_t count;
	if (!isolate || (!array_by_fact(v8, isolate, &array, &count) && !array_by_scan(v8, isolate, &array, &count)))
		return no_name(code);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t word;
		if (np_mem_u64(v8->mem, array + 8ull * i, &word) && (word & ~(uint64_t)3) == code->addr)
			return name_at(v8, array + 8ull * (count + i), ret) ? NULL : no_name(code);
	}
	return no_name(code);
}

np_err *np_old_builtin_name(np_v8 *v8, np_addr isolate, const struct np_code_object *code,
			    char ret[NP_BUILTIN_NAME_MAX])
{
	const np_layout *l = v8->layout;
	if (code->kind != NP_CODE_BUILTIN)
		return np_err_new(NP_ENOTFOUND, "code at 0x%llx is no builtin", (unsigned long long)code->addr);
	if (np_has(l, NP_F_Builtins_metadata_bytes))
		return name_by_number(v8, code, ret);
	if (np_get(l, NP_F_Builtins_names_follow) == 1)
		return name_by_address(v8, isolate, code, ret);
	return np_need(l, NP_F_Builtins_names_follow) ?: no_name(code);
}

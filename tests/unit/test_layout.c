/*
 * The layout layer: the tables, the order of belief, the generator's complaints,
 * and every table row against the symbols of the real binaries that say the same
 * thing (those in $NOPSY_NODE_CACHE, default ~/.cache/nopsy/nodes).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/vec.h"
#include "layout/internal.h"

/* ---- the tables as they are ---- */

static void test_facts_by_name(void **state)
{
	for (size_t i = 0; i < NP_FACT_COUNT; i++) {
		const struct np_fact_info *info = np_fact_info((enum np_fact)i);
		assert_non_null(info);
		assert_non_null(strchr(info->name, '.'));
		assert_int_equal(np_fact_by_name(info->name), i);
	}
	assert_int_equal(np_fact_by_name("No.such"), NP_FACT_COUNT);
	assert_null(np_fact_info(NP_FACT_COUNT));
	assert_int_equal(np_fact_by_name("JSFunction.shared"), NP_F_JSFunction_shared);
	assert_string_equal(np_fact_source_name(NP_SOURCE_NEAREST), "nearest");
}

static void test_every_table_is_sound(void **state)
{
	static const struct np_v8_version every_major[] = {
		{3, 14, 5, 11},	   {3, 28, 71, 20},   {4, 5, 103, 53},	 {5, 1, 281, 111}, {6, 2, 414, 78},
		{6, 8, 275, 32},   {7, 8, 279, 23},   {8, 4, 371, 23},	 {9, 4, 146, 26},  {10, 2, 154, 26},
		{11, 3, 244, 8},   {12, 4, 254, 21},  {13, 6, 233, 17}, {14, 6, 202, 34},
	};
	bool exact;
	for (size_t i = 0; i < NP_ARRAY_LEN(every_major); i++) {
		const struct np_layout_table *t = np_layout_table_find(&every_major[i], &exact);
		assert_non_null(t);
		assert_true(exact);
		assert_true(*t->node_versions);
	}
	for (size_t t = 0; t < np_layout_table_count; t++) {
		const struct np_layout_table *table = &np_layout_tables[t];
		size_t known = 0;
		for (size_t i = 0; i < NP_FACT_COUNT; i++) {
			const struct np_table_value *v = &table->values[i];
			const char *kind = np_layout_fact_info[i].kind;
			assert_int_equal(v->value == NP_FACT_MISSING, v->state != NP_TABLE_VALUE);
			known += v->state == NP_TABLE_VALUE;
			if (v->state != NP_TABLE_VALUE)
				continue;
			if (!strcmp(kind, "bool"))
				assert_in_range(v->value, 0, 1);
			if (!strcmp(kind, "shift"))
				assert_in_range(v->value, 0, 31);
			if (!strcmp(kind, "type"))
				assert_in_range(v->value, 0, UINT16_MAX);
			if (!strcmp(kind, "index"))
				assert_in_range(v->value, 0, 64);
		}
		assert_true(known > 200);
		for (size_t i = 1; i < table->type_count; i++)
			assert_true(table->types[i - 1].type < table->types[i].type);
	}
}

static const struct np_layout_table *find(int major, int minor, int build, int patch, bool *exact)
{
	return np_layout_table_find(&(struct np_v8_version){major, minor, build, patch}, exact);
}

static void test_table_find(void **state)
{
	bool exact = true;
	assert_null(find(3, 13, 99, 99, &exact));
	assert_false(exact);
	const struct np_layout_table *last = &np_layout_tables[np_layout_table_count - 1];
	assert_ptr_equal(find(99, 0, 0, 0, &exact), last);
	assert_false(exact);
	assert_ptr_equal(find(last->from.major, last->from.minor, last->from.build, 9999, &exact), last);
	assert_true(exact);
	/* 3.20 has no table: the one before it serves. */
	assert_string_equal(find(3, 20, 0, 0, &exact)->name, "3.14");
	assert_false(exact);
	/* Two layouts within one minor version. */
	assert_string_equal(find(4, 5, 103, 30, &exact)->name, "4.5.103.30");
	assert_true(exact);
	assert_string_equal(find(4, 5, 103, 35, &exact)->name, "4.5");
	assert_true(exact);
}

/* ---- the order of belief ---- */

/* One table and a few symbols of our own, resolved into a layout. */
struct belief {
	struct np_table_value values[NP_FACT_COUNT];
	struct np_layout_table table;
	NP_VEC(struct np_v8dbg) symbols;
	np_layout *layout;
};

static struct belief *belief_create(void)
{
	struct belief *b = np_xcalloc(1, sizeof(*b));
	for (size_t i = 0; i < NP_FACT_COUNT; i++)
		b->values[i] = (struct np_table_value){NP_FACT_MISSING, NP_TABLE_SILENT, false};
	b->table = (struct np_layout_table){{1, 0, 0, 0}, "1.0", "", b->values, NULL, 0};
	b->layout = np_xcalloc(1, sizeof(*b->layout));
	return b;
}

static void belief_destroy(struct belief *b)
{
	np_vec_deinit(&b->symbols);
	free(b->layout);
	free(b);
}

static void belief_table(struct belief *b, enum np_fact fact, int32_t value, bool lies)
{
	b->values[fact] = (struct np_table_value){value, value == NP_FACT_MISSING ? NP_TABLE_ABSENT : NP_TABLE_VALUE,
						  lies};
}

/* In order of name. */
static void belief_symbol(struct belief *b, const char *name, int32_t value)
{
	np_vec_push(&b->symbols, (struct np_v8dbg){name, value});
}

static void belief_resolve(struct belief *b, bool exact)
{
	struct np_v8dbg_table symbols = {b->symbols.data, b->symbols.len};
	np_resolve_facts(b->layout, &symbols, &b->table, exact);
}

static void check(const struct belief *b, enum np_fact fact, int32_t value, enum np_fact_source source)
{
	assert_int_equal(b->layout->value[fact], value);
	assert_int_equal(b->layout->source[fact], source);
	assert_int_equal(np_has(b->layout, fact), source != NP_SOURCE_MISSING);
}

static void test_symbol_before_table(void **state)
{
	struct belief *b = belief_create();
	belief_table(b, NP_F_Map_prototype, 24, false);
	belief_table(b, NP_F_Map_descriptors, 40, false);
	belief_table(b, NP_F_JSDate_value, 24, false);
	belief_table(b, NP_F_JSFunction_code, NP_FACT_MISSING, false);
	belief_symbol(b, "class_Map__prototype__Object", 16);
	belief_resolve(b, true);
	check(b, NP_F_Map_prototype, 16, NP_SOURCE_SYMBOL);
	assert_string_equal(b->layout->symbol_name[NP_F_Map_prototype], "class_Map__prototype__Object");
	check(b, NP_F_Map_descriptors, 40, NP_SOURCE_TABLE);
	assert_string_equal(b->layout->symbol_name[NP_F_Map_descriptors], "");
	check(b, NP_F_JSFunction_code, NP_FACT_MISSING, NP_SOURCE_MISSING);
	check(b, NP_F_Script_source, NP_FACT_MISSING, NP_SOURCE_MISSING);
	belief_destroy(b);
}

static void test_table_before_lying_symbol(void **state)
{
	struct belief *b = belief_create();
	belief_table(b, NP_F_Map_prototype, 24, true);
	belief_table(b, NP_F_Map_descriptors, NP_FACT_MISSING, true);
	belief_symbol(b, "class_Map__instance_descriptors__DescriptorArray", 48);
	belief_symbol(b, "class_Map__prototype__Object", 16);
	belief_resolve(b, true);
	check(b, NP_F_Map_prototype, 24, NP_SOURCE_TABLE);
	check(b, NP_F_Map_descriptors, NP_FACT_MISSING, NP_SOURCE_MISSING);
	/* Another version's table does not know whether this symbol lies. */
	belief_resolve(b, false);
	check(b, NP_F_Map_prototype, 16, NP_SOURCE_SYMBOL);
	belief_destroy(b);
}

static void test_first_listed_alternative_wins(void **state)
{
	struct belief *b = belief_create();
	belief_symbol(b, "class_SharedFunctionInfo__name__Object", 8);
	belief_symbol(b, "class_SharedFunctionInfo__name_or_scope_info__Tagged_X_", 16);
	belief_symbol(b, "class_SharedFunctionInfo__raw_name__Object", 24);
	belief_resolve(b, true);
	check(b, NP_F_SharedFunctionInfo_name, 16, NP_SOURCE_SYMBOL);
	belief_destroy(b);
}

static void test_nearest_table(void **state)
{
	struct belief *b = belief_create();
	belief_table(b, NP_F_JSDate_value, 24, false);
	belief_table(b, NP_F_JSFunction_code, NP_FACT_MISSING, false);
	belief_resolve(b, false);
	check(b, NP_F_JSDate_value, 24, NP_SOURCE_NEAREST);
	check(b, NP_F_JSFunction_code, NP_FACT_MISSING, NP_SOURCE_MISSING);
	belief_destroy(b);
}

/* Numbers handed out in a row come from another version only where their neighbours show how far they moved. */
static void test_nearest_numbers_move(void **state)
{
	struct belief *b = belief_create();
	belief_table(b, NP_F_type_MAP, 100, false);
	belief_table(b, NP_F_type_CODE, 110, false);	/* between two that moved by 2 */
	belief_table(b, NP_F_type_SCRIPT, 120, false);
	belief_table(b, NP_F_type_SCOPE_INFO, 130, false); /* between +2 and +5: unknown */
	belief_table(b, NP_F_type_FIXED_ARRAY, 140, false);
	belief_table(b, NP_F_type_SYMBOL, 150, false); /* above all: unknown */
	belief_symbol(b, "type_FixedArray__FIXED_ARRAY_TYPE", 145);
	belief_symbol(b, "type_Map__MAP_TYPE", 102);
	belief_symbol(b, "type_Script__SCRIPT_TYPE", 122);
	belief_resolve(b, false);
	check(b, NP_F_type_CODE, 112, NP_SOURCE_NEAREST);
	check(b, NP_F_type_SCOPE_INFO, NP_FACT_MISSING, NP_SOURCE_MISSING);
	check(b, NP_F_type_SYMBOL, NP_FACT_MISSING, NP_SOURCE_MISSING);
	belief_destroy(b);

	b = belief_create(); /* all known ones moved equally far: so did the rest */
	belief_table(b, NP_F_type_MAP, 100, false);
	belief_table(b, NP_F_type_SCRIPT, 120, false);
	belief_table(b, NP_F_type_SYMBOL, 150, false);
	belief_symbol(b, "type_Map__MAP_TYPE", 101);
	belief_symbol(b, "type_Script__SCRIPT_TYPE", 121);
	belief_resolve(b, false);
	check(b, NP_F_type_SYMBOL, 151, NP_SOURCE_NEAREST);
	belief_destroy(b);

	b = belief_create(); /* no symbol at all: nothing is known of the numbers */
	belief_table(b, NP_F_type_SYMBOL, 150, false);
	belief_resolve(b, false);
	check(b, NP_F_type_SYMBOL, NP_FACT_MISSING, NP_SOURCE_MISSING);
	belief_destroy(b);
}

static void test_need_names_the_fact(void **state)
{
	struct belief *b = belief_create();
	belief_table(b, NP_F_JSDate_value, 24, false);
	belief_resolve(b, true);
	assert_null(np_need(b->layout, NP_F_JSDate_value));
	np_err *err = np_need(b->layout, NP_F_Script_source);
	assert_non_null(err);
	assert_int_equal(np_err_code(err), NP_EMISSING);
	assert_non_null(strstr(np_err_message(err), "Script.source"));
	np_err_free(err);
	np_layout_set(b->layout, NP_F_Script_source, 8, NP_SOURCE_CALIBRATED);
	check(b, NP_F_Script_source, 8, NP_SOURCE_CALIBRATED);
	np_layout_set(b->layout, NP_F_Script_source, NP_FACT_MISSING, NP_SOURCE_CALIBRATED);
	check(b, NP_F_Script_source, NP_FACT_MISSING, NP_SOURCE_MISSING);
	belief_destroy(b);
}

static void test_type_names(void **state)
{
	static const struct np_table_type types[] = {{7, "PLAIN_TYPE", "Plain"}, {9, "OTHER_TYPE", "Other"}};
	struct belief *b = belief_create();
	np_arena *arena = np_arena_create();
	b->table.types = types;
	b->table.type_count = NP_ARRAY_LEN(types);
	belief_symbol(b, "frametype_EntryFrame", 1);
	belief_symbol(b, "type_Map__MAP_TYPE", 9);
	struct np_v8dbg_table symbols = {b->symbols.data, b->symbols.len};
	np_types_load(b->layout, &symbols, &b->table, true, arena);
	assert_int_equal(b->layout->type_count, 2);
	assert_string_equal(np_layout_type_name(b->layout, 7), "PLAIN_TYPE");
	assert_string_equal(np_layout_type_name(b->layout, 9), "MAP_TYPE"); /* the symbol, not the table */
	assert_string_equal(b->layout->types[1].klass, "Map");
	assert_null(np_layout_type_name(b->layout, 8));
	assert_string_equal(np_layout_frame_type_name(b->layout, 1), "EntryFrame");
	assert_null(np_layout_frame_type_name(b->layout, 2));
	np_types_load(b->layout, &symbols, &b->table, false, arena); /* another version's numbers are no help */
	assert_null(np_layout_type_name(b->layout, 7));
	np_arena_destroy(arena);
	belief_destroy(b);
}

/* ---- what the generator refuses ---- */

struct generator_case {
	const char *facts, *versions, *table, *complaint;
};

static void file_write(const char *dir, const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void generator_check(const struct generator_case *c)
{
	char dir[] = "/tmp/nopsy-layout-XXXXXX", command[2048], output[4096];
	assert_non_null(mkdtemp(dir));
	file_write(dir, "facts.tsv", c->facts);
	file_write(dir, "versions.tsv", c->versions);
	file_write(dir, "1.2.facts", c->table);
	snprintf(command, sizeof(command),
		 "awk -v out=%s -f tools/gen-layout.awk %s/facts.tsv %s/versions.tsv %s/1.2.facts 2>&1", dir, dir, dir, dir);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	size_t n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	int status = pclose(f);
	snprintf(command, sizeof(command), "%s/layout_facts.h", dir);
	bool written = !access(command, F_OK);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
	if (!c->complaint) {
		assert_string_equal(output, "");
		assert_int_equal(status, 0);
		assert_true(written);
		return;
	}
	if (!strstr(output, c->complaint))
		fail_msg("expected \"%s\" in: %s", c->complaint, output);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_false(written);
}

static void test_generator(void **state)
{
#define FACT "A.b\toffset\tclass_A__b\tdoc\n"
#define ROW "1.2\t1.2.facts\t0.1\n"
	static const struct generator_case cases[] = {
		{FACT, ROW, "# source\nA.b 0x10 # why\ntype X_TYPE 5 X\n", NULL},
		{FACT, ROW, "A.b -\n", NULL},
		{FACT, ROW, "A.b 8!\n", NULL},
		{FACT, ROW, "\nA.c 8\n", "1.2.facts:2: unknown fact A.c"},
		{FACT, ROW, "A.b 8\nA.b 9\n", "1.2.facts:2: fact A.b is listed twice"},
		{FACT, ROW, "A.b eight\n", "1.2.facts:1: fact A.b: \"eight\" is neither"},
		{FACT, ROW, "A.b 2147483648\n", "is neither"},
		{FACT, ROW, "A.b -2147483648\n", "is neither"},
		{FACT, ROW, "A.b\n", "1.2.facts:1: expected: fact value"},
		{FACT, ROW, "A.b 8\nlike 1.1\n", "1.2.facts:2: \"like VERSION\" stands alone"},
		{FACT, ROW, "like 1.1\n", "1.2.facts:1: no file 1.1.facts"},
		{FACT, ROW, "like 1.2\n", "goes round in a circle"},
		{FACT, ROW, "type X_TYPE 5 X\ntype Y_TYPE 5 Y\n", "1.2.facts:2: instance type 5 is already X_TYPE"},
		{FACT, ROW, "type x 5 X\n", "1.2.facts:1: expected: type NAME_TYPE number ClassName"},
		{FACT FACT, ROW, "A.b 8\n", "facts.tsv:2: fact A.b is listed twice"},
		{FACT "A_b.c\toffset\t\t\nA.b_c\toffset\t\t\n", ROW, "A.b 8\n", "facts.tsv:3: fact A.b_c is listed twice"},
		{"A.b\tnumber\t\t\n", ROW, "A.b 8\n", "facts.tsv:1: fact A.b has the unknown kind"},
		{"Ab\toffset\t\t\n", ROW, "", "facts.tsv:1: fact \"Ab\" is not of the form"},
		{FACT, "1.3\t1.3.facts\t0.1\n" ROW, "A.b 8\n", "versions.tsv:2: V8 1.2 is not above"},
		{FACT, "1.3\t1.3.facts\t0.1\n", "A.b 8\n", "1.2.facts:1: no row of versions.tsv names this file"},
		{FACT, ROW "1.3\t1.3.facts\t0.1\n", "A.b 8\n", "versions.tsv:2: no file 1.3.facts"},
		{FACT, "1.2 1.2.facts\n", "A.b 8\n", "versions.tsv:1: expected V8 version"},
	};
	if (access("tools/gen-layout.awk", R_OK))
		skip();
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++)
		generator_check(&cases[i]);
}

/* ---- the tables against real binaries ---- */

/* The v8dbg_ symbols of an ELF file and its V8's version, from the file's bytes alone. */
struct binary {
	NP_VEC(struct np_v8dbg) symbols;
	struct np_v8_version version;
	Elf *elf;
	int fd;
};

static bool binary_int(const struct binary *b, const GElf_Sym *sym, int32_t *ret)
{
	size_t count = 0, bytes = 0;
	if (elf_getphdrnum(b->elf, &count))
		return false;
	const char *file = elf_rawfile(b->elf, &bytes);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr p;
		if (!gelf_getphdr(b->elf, (int)i, &p) || p.p_type != PT_LOAD || sym->st_value < p.p_vaddr ||
		    sym->st_value - p.p_vaddr >= p.p_memsz)
			continue;
		*ret = 0; /* .bss */
		uint64_t at = sym->st_value - p.p_vaddr;
		if (at + sizeof(*ret) <= p.p_filesz && p.p_offset + at + sizeof(*ret) <= bytes)
			memcpy(ret, file + p.p_offset + at, sizeof(*ret));
		return true;
	}
	return false;
}

static int v8dbg_compare(const void *a, const void *b)
{
	return strcmp(((const struct np_v8dbg *)a)->name, ((const struct np_v8dbg *)b)->name);
}

static void binary_scan(struct binary *b, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t n = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	for (size_t i = 0; data && i < n; i++) {
		GElf_Sym sym;
		int32_t value;
		const char *name;
		if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF ||
		    !(name = elf_strptr(b->elf, header->sh_link, sym.st_name)) || !binary_int(b, &sym, &value))
			continue;
		if (!strncmp(name, "v8dbg_", 6))
			np_vec_push(&b->symbols, (struct np_v8dbg){name + 6, value});
		else if (!strcmp(name, "_ZN2v88internal7Version6major_E"))
			b->version.major = value;
		else if (!strcmp(name, "_ZN2v88internal7Version6minor_E"))
			b->version.minor = value;
		else if (!strcmp(name, "_ZN2v88internal7Version6build_E"))
			b->version.build = value;
		else if (!strcmp(name, "_ZN2v88internal7Version6patch_E"))
			b->version.patch = value;
	}
}

static bool binary_open(const char *path, struct binary *b)
{
	*b = (struct binary){.fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (b->fd < 0)
		return false;
	elf_version(EV_CURRENT);
	b->elf = elf_begin(b->fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(b->elf);
	for (Elf_Scn *s = NULL; (s = elf_nextscn(b->elf, s));) {
		GElf_Shdr header;
		if (gelf_getshdr(s, &header) && header.sh_type == SHT_SYMTAB)
			binary_scan(b, s, &header);
	}
	if (b->symbols.len)
		qsort(b->symbols.data, b->symbols.len, sizeof(*b->symbols.data), v8dbg_compare);
	return true;
}

static void binary_close(struct binary *b)
{
	np_vec_deinit(&b->symbols);
	elf_end(b->elf);
	close(b->fd);
}

/* Every row that a symbol tells too must say the same. Returns how many were compared. */
static size_t binary_compare(const char *name, const struct binary *b, const struct np_layout_table *table)
{
	struct np_v8dbg_table symbols = {b->symbols.data, b->symbols.len};
	size_t compared = 0, wrong = 0;
	np_layout *layout = np_xcalloc(1, sizeof(*layout));
	np_resolve_facts(layout, &symbols, table, true);
	for (size_t i = 0; i < NP_FACT_COUNT; i++) {
		const struct np_table_value *v = &table->values[i];
		if (layout->source[i] != NP_SOURCE_SYMBOL || v->state != NP_TABLE_VALUE)
			continue;
		compared++;
		if (v->value == layout->value[i])
			continue;
		wrong++;
		print_error("%s: table %s has %s %d, symbol %s is %d\n", name, table->name, np_layout_fact_info[i].name,
			    v->value, layout->symbol_name[i], layout->value[i]);
	}
	free(layout);
	assert_int_equal(wrong, 0);
	return compared;
}

static void test_real_binaries(void **state)
{
	const char *cache = getenv("NOPSY_NODE_CACHE"), *home = getenv("HOME");
	char dir[512], path[1024];
	size_t binaries = 0;
	snprintf(dir, sizeof(dir), "%s%s", cache && *cache ? cache : home ? home : "",
		 cache && *cache ? "" : "/.cache/nopsy/nodes");
	DIR *d = opendir(dir);
	if (!d)
		skip();
	for (struct dirent *e; (e = readdir(d));) {
		struct binary b;
		bool exact;
		snprintf(path, sizeof(path), "%s/%s/bin/node", dir, e->d_name);
		if (e->d_name[0] != 'v' || !binary_open(path, &b))
			continue;
		assert_true(b.version.major > 0);
		const struct np_layout_table *table = np_layout_table_find(&b.version, &exact);
		/* A table answers for the builds it was made from; others of the same minor have their symbols. */
		if (exact && b.symbols.len && strstr(table->node_versions, e->d_name + 1)) {
			size_t compared = binary_compare(e->d_name, &b, table);
			assert_true(compared > 80);
			binaries++;
		}
		binary_close(&b);
	}
	closedir(d);
	if (!binaries)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_by_name),
		cmocka_unit_test(test_every_table_is_sound),
		cmocka_unit_test(test_table_find),
		cmocka_unit_test(test_symbol_before_table),
		cmocka_unit_test(test_table_before_lying_symbol),
		cmocka_unit_test(test_first_listed_alternative_wins),
		cmocka_unit_test(test_nearest_table),
		cmocka_unit_test(test_nearest_numbers_move),
		cmocka_unit_test(test_need_names_the_fact),
		cmocka_unit_test(test_type_names),
		cmocka_unit_test(test_generator),
		cmocka_unit_test(test_real_binaries),
	};
	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}

/* What the files of this layer share; nobody else includes it. */
#ifndef NP_TARGET_INTERNAL_H
#define NP_TARGET_INTERNAL_H

#include <elf.h>
#include <elfutils/libdw.h>
#include <gelf.h>

#include "base/arena.h"
#include "base/vec.h"
#include "target/target.h"

enum {
	NP_LOADS_MAX = 64,	  /* PT_LOADs of an image that are looked at */
	NP_BUILD_ID_BYTES_MAX = 64,
};

/* A PT_LOAD. */
struct np_load {
	np_addr vaddr;
	uint64_t offset, file_bytes, mem_bytes;
	uint32_t flags; /* PF_* */
};

struct np_symtab {
	const Elf64_Sym *symbols;
	size_t count;
	const char *strings; /* ends in NUL */
	size_t string_bytes;
};

/* Function symbols sorted by address: the upper half of a key is vaddr - base, the lower the symbol's index. */
struct np_code_index {
	bool built;
	const struct np_symtab *table;
	np_addr base;
	uint64_t *keys;
	size_t count;
};

/* A file in our memory. */
struct np_file_map {
	const uint8_t *data;
	size_t bytes;
	bool is_copy; /* malloc'ed, not mapped */
};

struct np_image {
	np_target *target;
	char *path;    /* as the target names it */
	char *file;    /* what was opened, NULL none */
	char *problem; /* NULL none */
	bool is_executable;
	bool is_vdso;
	bool is_opened; /* an attempt to read the file was made */
	uint64_t device, inode; /* live: identity of the file */
	np_addr header;	  /* where its ELF header is mapped, 0 unknown */
	int64_t bias;
	char build_id[2 * NP_BUILD_ID_BYTES_MAX + 1];

	/* From the file; absent when file is NULL. */
	struct np_file_map map;
	Elf *elf;
	const Elf64_Ehdr *ehdr;
	struct np_load loads[NP_LOADS_MAX];
	size_t load_count;
	uint64_t tls_bytes, tls_align;
	struct np_symtab symtab, dynsym;
	const Elf64_Shdr **sections; /* by index; entries may be NULL */
	size_t section_count;
	const uint32_t *gnu_hash;
	size_t gnu_hash_words;
	struct np_file_map debug_map; /* separate file that symtab lies in */
	Elf *debug_elf;

	struct np_code_index code;
	Dwarf *dwarf;
	Dwarf_CFI *cfi_eh, *cfi_debug; /* cfi_debug belongs to dwarf */
	bool cfi_tried;
};

struct np_core;
struct np_process;

struct np_target {
	enum np_target_kind kind;
	char *spec;
	char *option_exe, *option_sysroot; /* NULL where not given */
	pid_t pid;
	np_mem *mem;
	np_arena *arena;	  /* as long as the target */
	np_arena *mapping_arena; /* strings of the mappings */
	NP_VEC(struct np_thread) threads;
	NP_VEC(struct np_mapping) mappings;
	NP_VEC(np_image *) images;
	np_image *executable; /* NULL unknown */
	np_image *v8_image;
	bool v8_image_tried;
	struct np_process_facts facts;
	bool facts_tried;
	NP_VEC(Elf64_auxv_t) auxv;
	struct np_core *core;	    /* NP_TARGET_CORE */
	struct np_process *process; /* NP_TARGET_PROCESS */
};

/* ---- mappings.c ---- */
void np_mappings_sort(np_target *target);
/* Fills stack_start and stack_end of every thread. */
void np_threads_set_stacks(np_target *target);
void np_thread_check_registers(struct np_thread *thread);
/* Value of an auxiliary vector entry; false without one. */
bool np_auxv_get(const np_target *target, uint64_t type, uint64_t *ret);

/* ---- core*.c ---- */
struct np_core_load {
	np_addr start, end;
	uint64_t file_bytes;	 /* that the header promises from start on */
	uint64_t present_bytes; /* that the file has */
	uint32_t flags;
	uint64_t offset; /* in the core */
};

struct np_core_file { /* one NT_FILE entry */
	np_addr start, end;
	uint64_t offset;
	const char *path;
};

struct np_core {
	const uint8_t *data;
	size_t bytes;
	NP_VEC(struct np_core_load) loads; /* sorted, disjoint */
	NP_VEC(struct np_core_file) files;
	char fname[17];	 /* of NT_PRPSINFO */
	char state;
	bool has_psinfo, has_siginfo;
};

np_err *np_core_open(np_target *target, const char *path) NP_MUST;
void np_core_close(np_target *target);
void np_core_read_notes(np_target *target, const uint8_t *notes, size_t bytes);
void np_core_build_mappings(np_target *target);
np_err *np_core_find_images(np_target *target) NP_MUST;
/* Opens the file that the core names for an image, if it is the right one. */
void np_core_load_library(np_image *image);
/* Names the mappings of a core without NT_FILE by the dynamic linker's list. */
void np_core_name_mappings(np_target *target, const np_image *executable);
/* argv and envp from the initial stack. */
void np_core_read_arguments(np_target *target);

/* ---- link_map.c ---- */
enum { NP_LINK_MAPS_MAX = 4096 };

struct np_link_map { /* the public part of struct link_map */
	uint64_t bias, name, dynamic, next, previous;
};

bool np_link_map_first(np_target *target, np_addr *ret);
bool np_link_map_read(np_target *target, np_addr at, struct np_link_map *ret);

/* ---- decompress.c ---- */
/* The descriptor of a decompressed copy, when path holds a compressed stream; -1 when it does not. */
np_err *np_decompress(int fd, const char *path, int *ret, bool *truncated) NP_MUST;

/* ---- process.c, ptrace.c ---- */
struct np_tracer;

struct np_process {
	int proc_fd; /* /proc/PID: keeps meaning this process, even when the number is used again */
	int mem_fd;  /* /proc/PID/mem, -1 not opened */
	pid_t pid;
	bool use_mem_file; /* process_vm_readv is not allowed here */
	uint64_t start_ticks;
	char *maps_text; /* what the mappings were made from */
	size_t maps_bytes;
	int stop_depth;
	uint64_t pause_ns; /* longest so far */
	struct np_tracer *tracer;
};

np_err *np_process_open(np_target *target, pid_t pid) NP_MUST;
void np_process_close(np_target *target);
np_err *np_process_read_threads(np_target *target) NP_MUST;
np_err *np_process_read_mappings(np_target *target) NP_MUST;
void np_process_read_facts(np_target *target);
/* Reads a whole file below /proc/PID; NUL-terminated, free(). */
np_err *np_process_read_file(const np_target *target, const char *name, char **ret, size_t *ret_bytes) NP_MUST;
/* Opens the file of an image through /proc. */
int np_process_open_image(np_image *image);

/* ---- image.c ---- */
np_image *np_image_create(np_target *target, const char *path);
void np_image_destroy(np_image *image);
/* Maps and parses an ELF file; takes fd over. file is its name for messages. */
np_err *np_image_load_fd(np_image *image, int fd, const char *file) NP_MUST;
/* The same from a copy of memory (vdso); takes data over. */
np_err *np_image_load_copy(np_image *image, uint8_t *data, size_t bytes) NP_MUST;
/* Forgets the file again. */
void np_image_unload(np_image *image);
/* Opens the file now if that was put off. */
void np_image_need(np_image *image);
/*
 * Compares the loaded file with what the target has mapped at image->header,
 * by build-id or else by the header page.  ret tells whether there was
 * anything to compare.  NP_EMISMATCH names both ids.
 */
np_err *np_image_verify(np_image *image, bool *ret) NP_MUST;
void np_image_set_bias(np_image *image);
void np_image_set_problem(np_image *image, const char *fmt, ...) NP_PRINTF(2, 3);
/* The vdso, from the target's memory. */
void np_target_add_vdso(np_target *target);
np_image *np_image_find_executable(np_target *target);

/* File-relative address of a run-time address; false when it lies in no segment. */
bool np_image_vaddr(np_image *image, const struct np_mapping *mapping, np_addr pc, np_addr *ret);

/* The image that has code at pc, opened, and pc as its own address if that can be told. */
np_image *np_image_at(np_target *target, np_addr pc, np_addr *ret_vaddr, bool *ret_has_vaddr);

/* ---- symbols.c ---- */
/* Exact name in .dynsym only: cheap when there is none. */
bool np_image_dynamic_symbol(np_image *image, const char *name, struct np_symbol *ret);
void np_symtab_populate(const struct np_symtab *table, bool names);

/* ---- symbol_index.c ---- */
bool np_code_index_find(np_image *image, np_addr vaddr, const Elf64_Sym **ret, np_addr *ret_end);
const char *np_symtab_name(const struct np_symtab *table, const Elf64_Sym *symbol);

/* ---- dwarf_eval.c ---- */
struct np_dwarf_frame {
	np_mem *mem;
	const struct np_regs *regs;
	np_addr cfa;
	bool has_cfa;
};
/* Value of a CFI expression: an address, unless *is_value is set. */
bool np_dwarf_eval(const struct np_dwarf_frame *frame, const Dwarf_Op *ops, size_t count, uint64_t *ret,
		   bool *is_value);

#endif

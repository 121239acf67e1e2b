/*
 * A target: a live process or a core file.  This layer is the only place that
 * knows which of the two it has; above it there is an address space, threads,
 * mappings and images.
 *
 * A live target runs except between np_target_stop() and np_target_resume().
 * Stopping uses PTRACE_SEIZE + PTRACE_INTERRUPT on every thread, so that the
 * kernel lets the process go on when nopsy dies, whatever the reason.
 */
#ifndef NP_TARGET_TARGET_H
#define NP_TARGET_TARGET_H

#include <sys/types.h>

#include "mem/mem.h"

typedef struct np_target np_target;
typedef struct np_image np_image;

enum np_target_kind { NP_TARGET_CORE, NP_TARGET_PROCESS };

struct np_target_options {
	const char *exe;     /* --exe: the node binary, or NULL */
	const char *sysroot; /* --sysroot: prefix for files a core names, or NULL */
};

/* spec is a PID (decimal) or a path to a core: plain ELF, zstd, lz4, gzip. */
np_err *np_target_open(const char *spec, const struct np_target_options *options, np_target **ret) NP_MUST;
void np_target_close(np_target *target);

enum np_target_kind np_target_kind(const np_target *target);
pid_t np_target_pid(const np_target *target); /* 0 where a core does not tell */
const char *np_target_spec(const np_target *target);
np_mem *np_target_mem(np_target *target);

/* Stops every thread and reads its registers; a no-op on a core. Nestable. */
np_err *np_target_stop(np_target *target) NP_MUST;
/* Lets every thread go on (forwarding pending signals) and forgets cached pages. */
void np_target_resume(np_target *target);
/* Longest time between stop and resume so far, in ns; 0 for cores. */
uint64_t np_target_pause_ns(const np_target *target);

/* Registers in DWARF x86-64 numbering: rax rdx rcx rbx rsi rdi rbp rsp r8..r15, 16 = rip. */
enum { NP_REG_RAX, NP_REG_RDX, NP_REG_RCX, NP_REG_RBX, NP_REG_RSI, NP_REG_RDI, NP_REG_RBP, NP_REG_RSP,
       NP_REG_R8, NP_REG_R9, NP_REG_R10, NP_REG_R11, NP_REG_R12, NP_REG_R13, NP_REG_R14, NP_REG_R15,
       NP_REG_RIP, NP_REG_COUNT };

struct np_regs {
	uint64_t r[NP_REG_COUNT];
	uint32_t valid; /* bit i: r[i] is known */
};

struct np_thread {
	pid_t tid;
	char name[32];	     /* comm; "" where unknown */
	char state;	     /* R S D T ... from /proc or the core's pr_sname; '?' unknown */
	struct np_regs regs; /* valid == 0 where they could not be read, or there are none: */
	bool is_kernel_only; /* never runs code of the process: io_uring's pollers and workers */
	np_addr fs_base;     /* thread pointer, 0 unknown */
	np_addr stack_start, stack_end; /* mapping that holds rsp */
	int signal;	     /* signal the thread took at death (cores), else 0 */
};

/* Live: threads as of the last stop (or open, without registers); the next stop makes new ones.
 * A thread that could not be stopped, or only runs in the kernel, has no registers. */
size_t np_target_thread_count(const np_target *target);
const struct np_thread *np_target_thread(const np_target *target, size_t i);

enum { NP_PROT_R = 4, NP_PROT_W = 2, NP_PROT_X = 1 };

struct np_mapping {
	np_addr start, end;
	int prot;	  /* NP_PROT_*; -1 where a core does not tell */
	uint64_t offset;  /* file offset in bytes */
	const char *path; /* as the target names it; "" for anonymous; "[heap]", "[stack]", ... */
	uint64_t inode;	  /* 0 unknown */
	np_image *image;  /* the ELF image mapped here, or NULL */
};

/* Live: as of the last stop (or open); pointers into it are valid until the next one. */
size_t np_target_mapping_count(const np_target *target);
const struct np_mapping *np_target_mapping(const np_target *target, size_t i); /* sorted by start */
const struct np_mapping *np_target_mapping_at(const np_target *target, np_addr addr);

/* Process facts, each NULL/0 where unknown. */
struct np_process_facts {
	char **argv;  /* NULL-terminated, owned by the target */
	char **envp;
	const char *exe_path; /* as the target names it */
	const char *cwd;
	uint64_t start_time_ns; /* since the epoch */
	int uid;		/* -1 unknown */
	int signal, signal_code; /* cores: what killed it */
	np_addr signal_addr;
	int signal_sender_pid; /* of kill(2)/tgkill, 0 unknown */
	bool truncated;		/* core ends before its program headers say */
	uint64_t file_bytes, missing_bytes; /* cores */
};
const struct np_process_facts *np_target_facts(np_target *target);

/*
 * Images: ELF files mapped into the target.  All addresses here are run-time
 * addresses in the target unless named vaddr.
 */
size_t np_target_image_count(const np_target *target);
np_image *np_target_image(const np_target *target, size_t i);
/* The image that carries V8 (v8dbg_ symbols, else V8's API): the executable or libnode.so. NULL when there is none. */
np_image *np_target_v8_image(np_target *target);

const char *np_image_path(const np_image *image); /* as the target names it */
const char *np_image_file(const np_image *image); /* the file that is read, or NULL when it was not found */
/* Why the file is not read, or what is odd about it; NULL where all is well. */
const char *np_image_problem(const np_image *image);
const char *np_image_build_id(const np_image *image); /* hex, "" where it has none */
int64_t np_image_bias(const np_image *image);	      /* run-time address - vaddr */
bool np_image_stripped(const np_image *image);	      /* no .symtab */

struct np_symbol {
	const char *name; /* mangled; owned by the image */
	np_addr addr;	  /* run-time address; for TLS symbols the offset in the TLS block */
	uint64_t size_bytes;
	bool is_tls, is_function;
	bool in_bss;
};

/* Exact name in .symtab or .dynsym. */
bool np_image_symbol(np_image *image, const char *name, struct np_symbol *ret);
/* Every symbol whose name starts with prefix; cb returns false to end. */
void np_image_symbols(np_image *image, const char *prefix, bool (*cb)(void *ctx, const struct np_symbol *symbol),
		      void *ctx);

struct np_symbol_at {
	np_image *image;    /* NULL: no image there */
	const char *name;   /* mangled, NULL: no symbol */
	np_addr start;	    /* run-time start of the symbol in the mapping that pc lies in */
	uint64_t size_bytes;
	np_addr vaddr;	    /* pc as the image's own address (remapped text is translated by file offset) */
};
/* Code symbol that covers pc, through remapped copies of the text too (false without one; image and vaddr
 * are filled in any case). The first look-up in an image sorts its symbols: some ms, better not within a stop. */
bool np_target_symbol_at(np_target *target, np_addr pc, struct np_symbol_at *ret);
/* Demangles into an own allocation (free), or a copy of name. */
char *np_demangle(const char *name);

/* Address of a TLS symbol for a thread; false when it cannot be known. */
bool np_target_tls_address(np_target *target, const struct np_thread *thread, np_image *image, uint64_t tls_offset,
			   np_addr *ret);

/*
 * One native step: registers of the caller, by .eh_frame.  The result's rip is
 * the return address; success with rip 0 means that this was the outermost
 * frame.  NP_ENOTFOUND when no CFI covers the pc: the caller then follows the
 * frame pointer.  exact_pc: rip is where the thread is, not a return address
 * (frame 0, and the frame above a signal trampoline).  is_signal is set for signal trampolines, after
 * which rip is exact and must not be decremented for look-ups.
 */
np_err *np_target_unwind(np_target *target, const struct np_regs *regs, bool exact_pc, struct np_regs *ret,
			 bool *is_signal) NP_MUST;

#endif

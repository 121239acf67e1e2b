/*
 * The notes of a core: threads, process, signal, auxiliary vector, file names.
 * Every size in a note is checked against the note, and that against the file.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "base/log.h"
#include "target/internal.h"

enum { CORE_THREADS_MAX = 1 << 20, CORE_AUXV_MAX = 256 };

struct note {
	uint32_t type;
	const uint8_t *desc;
	size_t bytes;
};

/* A debugger that wrote the core had stopped the process: nothing killed it. */
static bool signal_only_stops(int number)
{
	return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU || number == SIGCONT;
}

static void note_read_prstatus(np_target *target, const struct note *note)
{
	struct elf_prstatus status;
	struct user_regs_struct u;
	if (note->bytes < sizeof(status) || target->threads.len >= CORE_THREADS_MAX)
		return;
	memcpy(&status, note->desc, sizeof(status));
	_Static_assert(sizeof(status.pr_reg) == sizeof(u), "registers in a core are as in user_regs_struct");
	memcpy(&u, &status.pr_reg, sizeof(u));
	struct np_thread thread = {
		.tid = status.pr_pid,
		.state = '?',
		.regs = {.r = {u.rax, u.rdx, u.rcx, u.rbx, u.rsi, u.rdi, u.rbp, u.rsp, u.r8, u.r9, u.r10, u.r11, u.r12,
			       u.r13, u.r14, u.r15, u.rip},
			 .valid = (1u << NP_REG_COUNT) - 1},
		.fs_base = u.fs_base,
	};
	/* The kernel writes the thread that took the signal first, and the same signal number for all. */
	if (!target->threads.len) {
		thread.signal = signal_only_stops(status.pr_cursig) ? 0 : status.pr_cursig;
		if (!target->core->has_siginfo)
			target->facts.signal = thread.signal;
	}
	np_thread_check_registers(&thread);
	np_vec_push(&target->threads, thread);
}

static void note_read_psinfo(np_target *target, const struct note *note)
{
	struct elf_prpsinfo info;
	struct np_core *core = target->core;
	if (note->bytes < sizeof(info) || core->has_psinfo)
		return;
	memcpy(&info, note->desc, sizeof(info));
	core->has_psinfo = true;
	core->state = info.pr_sname;
	target->pid = info.pr_pid > 0 ? info.pr_pid : 0;
	target->facts.uid = (int)info.pr_uid;
	memcpy(core->fname, info.pr_fname, sizeof(info.pr_fname));
}

/* gdb writes one for each thread; the first belongs to the thread that took the signal. */
static void note_read_siginfo(np_target *target, const struct note *note)
{
	siginfo_t info = {0};
	struct np_process_facts *facts = &target->facts;
	if (note->bytes < 48 || target->core->has_siginfo)
		return;
	memcpy(&info, note->desc, note->bytes < sizeof(info) ? note->bytes : sizeof(info));
	if (!info.si_signo)
		return;
	target->core->has_siginfo = true;
	facts->signal = 0;
	if (signal_only_stops(info.si_signo))
		return;
	facts->signal = info.si_signo;
	facts->signal_code = info.si_code;
	if (info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE)
		facts->signal_sender_pid = info.si_pid;
	else if (info.si_signo == SIGSEGV || info.si_signo == SIGBUS || info.si_signo == SIGILL ||
		 info.si_signo == SIGFPE || info.si_signo == SIGTRAP)
		facts->signal_addr = (np_addr)(uintptr_t)info.si_addr;
}

static void note_read_auxv(np_target *target, const struct note *note)
{
	if (target->auxv.len)
		return;
	for (size_t at = 0; note->bytes - at >= sizeof(Elf64_auxv_t) && target->auxv.len < CORE_AUXV_MAX;
	     at += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t entry;
		memcpy(&entry, note->desc + at, sizeof(entry));
		if (entry.a_type == AT_NULL)
			break;
		np_vec_push(&target->auxv, entry);
	}
}

/* count, page size, count * {start, end, offset in pages}, count * path. */
static void note_read_files(np_target *target, const struct note *note)
{
	struct np_core *core = target->core;
	uint64_t head[2];
	if (note->bytes < sizeof(head) || core->files.len)
		return;
	memcpy(head, note->desc, sizeof(head));
	uint64_t count = head[0];
	if (count > (note->bytes - sizeof(head)) / 24) {
		np_warn("'%s': the list of mapped files is cut off", target->spec);
		return;
	}
	const char *path = (const char *)note->desc + sizeof(head) + count * 24;
	const char *end = (const char *)note->desc + note->bytes;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t entry[3], offset;
		size_t length = path < end ? strnlen(path, (size_t)(end - path)) : 0;
		if (path + length >= end)
			break;
		memcpy(entry, note->desc + sizeof(head) + i * 24, sizeof(entry));
		if (entry[0] < entry[1] && !__builtin_mul_overflow(entry[2], head[1], &offset)) {
			struct np_core_file file = {entry[0], entry[1], offset, path};
			np_vec_push(&core->files, file);
		}
		path += length + 1;
	}
}

static void note_read(np_target *target, const struct note *note)
{
	switch (note->type) {
	case NT_PRSTATUS:
		note_read_prstatus(target, note);
		break;
	case NT_PRPSINFO:
		note_read_psinfo(target, note);
		break;
	case NT_SIGINFO:
		note_read_siginfo(target, note);
		break;
	case NT_AUXV:
		note_read_auxv(target, note);
		break;
	case NT_FILE:
		note_read_files(target, note);
		break;
	}
}

void np_core_read_notes(np_target *target, const uint8_t *notes, size_t bytes)
{
	for (size_t at = 0; bytes - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr header;
		memcpy(&header, notes + at, sizeof(header));
		at += sizeof(header);
		uint64_t name = ((uint64_t)header.n_namesz + 3) & ~(uint64_t)3;
		uint64_t desc = ((uint64_t)header.n_descsz + 3) & ~(uint64_t)3;
		if (name > bytes - at)
			return;
		const uint8_t *name_at = notes + at;
		at += (size_t)name;
		size_t rest = bytes - at;
		struct note note = {header.n_type, notes + at, header.n_descsz < rest ? header.n_descsz : rest};
		if (header.n_namesz >= 4 && !memcmp(name_at, "CORE", 4))
			note_read(target, &note);
		if (desc > rest)
			return;
		at += (size_t)desc;
	}
}

/*
 * Core files, built here byte by byte: sound, cut off, damaged, compressed, and
 * things that are no cores at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <lz4frame.h>
#include <signal.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "target/target.h"

enum { PAGE = 4096 };

/* ---- building ---- */

struct piece { /* one PT_LOAD */
	np_addr start;
	uint64_t mem_bytes;
	const void *bytes; /* file_bytes of them */
	uint64_t file_bytes;
	uint32_t flags;
};

struct core {
	struct np_buf notes;
	struct piece pieces[16];
	size_t piece_count;
	bool count_in_section; /* e_phnum is PN_XNUM */
};

static void core_note(struct core *core, const char *name, uint32_t type, const void *desc, size_t bytes)
{
	static const char zeroes[4];
	Elf64_Nhdr header = {(uint32_t)strlen(name) + 1, (uint32_t)bytes, type};
	np_buf_add(&core->notes, &header, sizeof(header));
	np_buf_add(&core->notes, name, header.n_namesz);
	np_buf_add(&core->notes, zeroes, -header.n_namesz & 3);
	np_buf_add(&core->notes, desc, bytes);
	np_buf_add(&core->notes, zeroes, -header.n_descsz & 3);
}

static void core_thread(struct core *core, pid_t tid, int signal, uint64_t rsp, uint64_t rip)
{
	struct elf_prstatus status = {.pr_pid = tid, .pr_cursig = (short)signal};
	struct user_regs_struct regs = {.rax = 1, .rdx = 2, .rcx = 3, .rbx = 4, .rsi = 5, .rdi = 6, .rbp = 7, .rsp = rsp,
					.r8 = 8, .r9 = 9, .r10 = 10, .r11 = 11, .r12 = 12, .r13 = 13, .r14 = 14,
					.r15 = 15, .rip = rip, .fs_base = 0x700000001000};
	memcpy(&status.pr_reg, &regs, sizeof(regs));
	core_note(core, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

static void core_psinfo(struct core *core, pid_t pid)
{
	struct elf_prpsinfo info = {.pr_sname = 'R', .pr_pid = pid, .pr_uid = 1234, .pr_fname = "programme-name-"};
	core_note(core, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

static void core_piece(struct core *core, np_addr start, uint64_t mem_bytes, const void *bytes, uint64_t file_bytes,
		       uint32_t flags)
{
	core->pieces[core->piece_count++] = (struct piece){start, mem_bytes, bytes, file_bytes, flags};
}

static void core_bytes(const struct core *core, struct np_buf *ret)
{
	static const char zeroes[PAGE];
	size_t count = core->piece_count + 1;
	uint64_t offset = sizeof(Elf64_Ehdr) + count * sizeof(Elf64_Phdr) + sizeof(Elf64_Shdr);
	Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = core->count_in_section ? PN_XNUM : (uint16_t)count,
		.e_shoff = sizeof(ehdr) + count * sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 1,
	};
	Elf64_Shdr shdr = {.sh_info = (uint32_t)count};
	np_buf_add(ret, &ehdr, sizeof(ehdr));
	Elf64_Phdr phdr = {.p_type = PT_NOTE, .p_offset = offset, .p_filesz = core->notes.len};
	np_buf_add(ret, &phdr, sizeof(phdr));
	offset = (offset + core->notes.len + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	for (size_t i = 0; i < core->piece_count; i++) {
		const struct piece *piece = &core->pieces[i];
		phdr = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = piece->flags,
			.p_offset = offset,
			.p_vaddr = piece->start,
			.p_filesz = piece->file_bytes,
			.p_memsz = piece->mem_bytes,
			.p_align = PAGE,
		};
		np_buf_add(ret, &phdr, sizeof(phdr));
		offset += piece->file_bytes;
	}
	np_buf_add(ret, &shdr, sizeof(shdr));
	np_buf_add(ret, core->notes.data, core->notes.len);
	np_buf_add(ret, zeroes, -ret->len & (PAGE - 1));
	for (size_t i = 0; i < core->piece_count; i++)
		np_buf_add(ret, core->pieces[i].bytes, core->pieces[i].file_bytes);
}

/* Each test writes its file under a name of its own process. */
static const char *file_write(const void *bytes, size_t len)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/nopsy-test-core-%d", getpid());
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
	return path;
}

static np_target *open_bytes(const struct np_buf *bytes)
{
	np_target *target = NULL;
	np_err *err = np_target_open(file_write(bytes->data, bytes->len), NULL, &target);
	if (err)
		fail_msg("%s", np_err_message(err));
	return target;
}

static np_target *open_core(struct core *core)
{
	struct np_buf bytes = {0};
	core_bytes(core, &bytes);
	np_target *target = open_bytes(&bytes);
	np_buf_deinit(&bytes);
	np_buf_deinit(&core->notes);
	return target;
}

/* Opening must fail with that code and a message that has text in it. */
static void expect_error(const char *path, const struct np_target_options *options, enum np_code code, const char *text)
{
	np_target *target = NULL;
	np_err *err = np_target_open(path, options, &target);
	assert_non_null(err);
	assert_null(target);
	if (np_err_code(err) != code || !strstr(np_err_message(err), text))
		fail_msg("code %d, message: %s", np_err_code(err), np_err_message(err));
	np_err_free(err);
}

static uint8_t filled[8 * PAGE];

/* Two ranges with bytes, one with a tail that has none, one without any. */
static void core_standard(struct core *core)
{
	for (size_t i = 0; i < sizeof(filled); i++)
		filled[i] = (uint8_t)(i / PAGE * 16 + i % 13);
	core_thread(core, 501, SIGSEGV, 0x7ffd00001000, 0x401234);
	core_psinfo(core, 500);
	siginfo_t info = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};
	info.si_addr = (void *)0xdead000;
	core_note(core, "CORE", NT_SIGINFO, &info, sizeof(info));
	core_thread(core, 500, SIGSEGV, 0x7ffd00002008, 0x401000);
	core_note(core, "LINUX", NT_X86_XSTATE, filled, 100);
	core_piece(core, 0x10000, 2 * PAGE, filled, 2 * PAGE, PF_R);
	core_piece(core, 0x400000, 4 * PAGE, NULL, 0, PF_R | PF_X);
	core_piece(core, 0x7ffd00000000, 5 * PAGE, filled, 4 * PAGE, PF_R | PF_W);
}

/* ---- tests ---- */

static void test_sound_core(void **state)
{
	struct core core = {0};
	core_standard(&core);
	np_target *target = open_core(&core);
	np_mem *mem = np_target_mem(target);
	const struct np_process_facts *facts = np_target_facts(target);
	uint8_t byte;
	assert_int_equal(np_target_kind(target), NP_TARGET_CORE);
	assert_int_equal(np_target_pid(target), 500);
	assert_int_equal(np_target_thread_count(target), 2);
	const struct np_thread *leader = np_target_thread(target, 0), *other = np_target_thread(target, 1);
	assert_int_equal(leader->tid, 500);
	assert_string_equal(leader->name, "programme-name-");
	assert_int_equal(leader->state, 'R');
	assert_int_equal(leader->signal, 0);
	assert_int_equal(other->tid, 501);
	assert_int_equal(other->signal, SIGSEGV);
	assert_true(other->fs_base == 0x700000001000);
	static const uint64_t want[NP_REG_COUNT] = {1, 2,  3,  4,  5,  6,  7,  0x7ffd00001000, 8, 9, 10,
						    11, 12, 13, 14, 15, 0x401234};
	assert_memory_equal(other->regs.r, want, sizeof(want));
	assert_int_equal(other->regs.valid, 0x1ffff);
	assert_true(other->stack_start == 0x7ffd00000000 && other->stack_end == 0x7ffd00005000);
	assert_int_equal(facts->signal, SIGSEGV);
	assert_int_equal(facts->signal_code, SEGV_MAPERR);
	assert_true(facts->signal_addr == 0xdead000);
	assert_int_equal(facts->uid, 1234);
	assert_false(facts->truncated);
	assert_int_equal(facts->missing_bytes, 0);
	assert_int_equal(np_target_mapping_count(target), 3);
	assert_int_equal(np_target_mapping(target, 1)->prot, NP_PROT_R | NP_PROT_X);
	assert_null(np_target_mapping_at(target, 0x12000));
	assert_true(np_mem_u8(mem, 0x11005, &byte) && byte == filled[PAGE + 5]);
	assert_false(np_mem_u8(mem, 0x400000, &byte));
	assert_true(np_mem_u8(mem, 0x7ffd00003fff, &byte));
	assert_false(np_mem_u8(mem, 0x7ffd00004000, &byte)); /* zeroes are not made up */
	assert_non_null(np_mem_view(mem, 0x10000, 2 * PAGE));
	/* A core does not run. */
	assert_null(np_target_stop(target));
	np_target_resume(target);
	assert_int_equal(np_target_pause_ns(target), 0);
	np_target_close(target);
}

static void test_many_headers_are_counted_in_a_section(void **state)
{
	struct core core = {.count_in_section = true};
	core_standard(&core);
	np_target *target = open_core(&core);
	assert_int_equal(np_target_mapping_count(target), 3);
	assert_int_equal(np_target_thread_count(target), 2);
	np_target_close(target);
}

static void test_stop_signal_of_a_debugger_killed_nothing(void **state)
{
	struct core core = {0};
	siginfo_t info = {.si_signo = SIGSTOP, .si_code = SI_USER};
	core_thread(&core, 7, SIGSTOP, 0, 0);
	core_note(&core, "CORE", NT_SIGINFO, &info, sizeof(info));
	core_piece(&core, 0x10000, PAGE, filled, PAGE, PF_R);
	np_target *target = open_core(&core);
	assert_int_equal(np_target_facts(target)->signal, 0);
	assert_int_equal(np_target_thread(target, 0)->signal, 0);
	np_target_close(target);
}

static void test_overlapping_ranges(void **state)
{
	struct core core = {0};
	uint8_t byte;
	core_piece(&core, 0x10000, 2 * PAGE, filled, 2 * PAGE, PF_R);
	core_piece(&core, 0x11000, 2 * PAGE, filled + 4 * PAGE, 2 * PAGE, PF_R);
	core_piece(&core, UINT64_MAX - PAGE + 1, 2 * PAGE, filled, PAGE, PF_R); /* wraps around */
	np_target *target = open_core(&core);
	assert_int_equal(np_target_mapping_count(target), 1);
	assert_true(np_mem_u8(np_target_mem(target), 0x11000, &byte) && byte == filled[PAGE]);
	np_target_close(target);
}

static void test_truncated(void **state)
{
	struct core core = {0};
	struct np_buf bytes = {0};
	core_standard(&core);
	core_bytes(&core, &bytes);
	size_t whole = bytes.len, content = whole - 6 * PAGE;
	/* Within the content: what is there is read, the rest counted. */
	for (size_t lost = PAGE / 2; lost < 6 * PAGE; lost += PAGE / 2) {
		np_target *target = NULL;
		np_err *err = np_target_open(file_write(bytes.data, whole - lost), NULL, &target);
		assert_null(err);
		assert_true(np_target_facts(target)->truncated);
		assert_int_equal(np_target_facts(target)->missing_bytes, lost);
		assert_int_equal(np_target_facts(target)->file_bytes, whole - lost);
		assert_int_equal(np_target_mapping_count(target), 3);
		uint8_t buf[4 * PAGE];
		size_t have = 6 * PAGE - lost;
		size_t first = have < 2 * PAGE ? have : 2 * PAGE;
		assert_int_equal(np_mem_read(np_target_mem(target), 0x10000, buf, 2 * PAGE), first);
		assert_memory_equal(buf, filled, first);
		assert_int_equal(np_mem_read(np_target_mem(target), 0x7ffd00000000, buf, 4 * PAGE), have - first);
		np_target_close(target);
	}
	/* Within the headers and notes: an error or less, never a crash. */
	for (size_t len = 1; len < content; len += 7) {
		np_target *target = NULL;
		np_err *err = np_target_open(file_write(bytes.data, len), NULL, &target);
		if (!err)
			assert_true(np_target_facts(target)->truncated);
		np_err_free(err);
		np_target_close(target);
	}
	np_buf_deinit(&bytes);
	np_buf_deinit(&core.notes);
}

static void test_flipped_bytes(void **state)
{
	struct core core = {0};
	struct np_buf bytes = {0};
	core_standard(&core);
	core_bytes(&core, &bytes);
	uint32_t seed = 4711;
	enum np_log_level level = np_log_level;
	np_log_level = NP_LOG_QUIET;
	for (int round = 0; round < 1500; round++) {
		char *copy = np_xmalloc(bytes.len);
		memcpy(copy, bytes.data, bytes.len);
		for (int flips = 0; flips < 1 + round % 8; flips++) {
			seed = seed * 1103515245 + 12345;
			uint32_t at = (seed >> 4) % (round % 3 ? 1500 : 64 + 4 * 56);
			copy[at] = (char)(seed >> 24);
		}
		np_target *target = NULL;
		np_err *err = np_target_open(file_write(copy, bytes.len), NULL, &target);
		for (size_t i = 0; !err && i < np_target_mapping_count(target); i++) {
			uint8_t buf[16];
			const struct np_mapping *m = np_target_mapping(target, i);
			assert_true(m->start < m->end);
			np_mem_read(np_target_mem(target), m->end - 8, buf, sizeof(buf));
		}
		np_err_free(err);
		np_target_close(target);
		free(copy);
	}
	np_log_level = level;
	np_buf_deinit(&bytes);
	np_buf_deinit(&core.notes);
}

static void test_garbage_notes(void **state)
{
	static const Elf64_Nhdr headers[] = {
		{5, 0xffffffff, NT_PRSTATUS}, {0xffffffff, 8, NT_FILE}, {0xfffffffd, 0xfffffffd, NT_AUXV}, {5, 0x7fffffff, NT_FILE},
	};
	for (size_t i = 0; i < NP_ARRAY_LEN(headers); i++) {
		struct core core = {0};
		core_thread(&core, 9, 0, 0, 0);
		np_buf_add(&core.notes, &headers[i], sizeof(headers[i]));
		np_buf_add(&core.notes, "CORE\0\0\0", 8);
		np_buf_add(&core.notes, filled, 64);
		core_piece(&core, 0x10000, PAGE, filled, PAGE, PF_R);
		np_target *target = open_core(&core);
		assert_int_equal(np_target_thread(target, 0)->tid, 9);
		np_target_close(target);
	}
	/* Lists of files that lie about their length, and inverted ranges. */
	uint64_t files[][5] = {{UINT64_MAX, PAGE}, {UINT64_MAX / 24 + 2, PAGE}, {1, UINT64_MAX, 0x10000, 0x11000, 2},
			       {1, PAGE, 0x11000, 0x10000, 0}};
	for (size_t i = 0; i < NP_ARRAY_LEN(files); i++) {
		struct core core = {0};
		struct np_buf note = {0};
		enum np_log_level level = np_log_level;
		np_log_level = NP_LOG_QUIET;
		np_buf_add(&note, files[i], sizeof(files[i]));
		np_buf_add(&note, "/x", 3);
		core_note(&core, "CORE", NT_FILE, note.data, note.len);
		core_piece(&core, 0x10000, PAGE, filled, PAGE, PF_R);
		np_target *target = open_core(&core);
		assert_string_equal(np_target_mapping(target, 0)->path, "");
		np_target_close(target);
		np_buf_deinit(&note);
		np_log_level = level;
	}
}

static void test_not_a_core(void **state)
{
	static const char text[] = "Segmentation fault\nThis is a log file and no core.\n";
	Elf64_Ehdr small = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB}, .e_type = ET_CORE};
	expect_error("/nonexistent/core", NULL, NP_ENOTFOUND, "/nonexistent/core");
	expect_error("/tmp", NULL, NP_EFORMAT, "not a regular file");
	expect_error("/dev/null", NULL, NP_EFORMAT, "not a regular file");
	expect_error(file_write("", 0), NULL, NP_EFORMAT, "empty");
	expect_error(file_write(text, sizeof(text)), NULL, NP_EFORMAT, "not a core file");
	expect_error(file_write("\177EL", 3), NULL, NP_EFORMAT, "not a core file");
	expect_error(file_write("\177ELF", 4), NULL, NP_EFORMAT, "ends after 4 bytes");
	expect_error(file_write(&small, sizeof(small)), NULL, NP_EFORMAT, "not for x86-64");
	expect_error("/proc/self/exe", NULL, NP_EFORMAT, "executable");
	struct core core = {0};
	struct np_buf bytes = {0};
	core_bytes(&core, &bytes);
	expect_error(file_write(bytes.data, bytes.len), NULL, NP_EFORMAT, "without memory and threads");
	np_buf_deinit(&bytes);
}

/* ---- compressed ---- */

static void pack_zstd(const struct np_buf *in, struct np_buf *out)
{
	out->data = np_xmalloc(ZSTD_compressBound(in->len));
	out->len = ZSTD_compress(out->data, ZSTD_compressBound(in->len), in->data, in->len, 1);
	assert_false(ZSTD_isError(out->len));
}

static void pack_lz4(const struct np_buf *in, struct np_buf *out)
{
	out->data = np_xmalloc(LZ4F_compressFrameBound(in->len, NULL));
	out->len = LZ4F_compressFrame(out->data, LZ4F_compressFrameBound(in->len, NULL), in->data, in->len, NULL);
	assert_false(LZ4F_isError(out->len));
}

static void pack_gzip_part(const char *in, size_t len, struct np_buf *out)
{
	z_stream z = {0};
	uint8_t *buf = np_xmalloc(len + 1000);
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (uint8_t *)in;
	z.avail_in = (unsigned)len;
	z.next_out = buf;
	z.avail_out = (unsigned)len + 1000;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	np_buf_add(out, buf, z.total_out);
	deflateEnd(&z);
	free(buf);
}

static void pack_gzip(const struct np_buf *in, struct np_buf *out)
{
	pack_gzip_part(in->data, in->len, out);
}

static void pack_gzip_members(const struct np_buf *in, struct np_buf *out)
{
	size_t half = in->len / 2;
	pack_gzip_part(in->data, half, out);
	pack_gzip_part(in->data + half, in->len - half, out);
}

static void test_compressed(void **state)
{
	static void (*const packers[])(const struct np_buf *, struct np_buf *) = {pack_zstd, pack_lz4, pack_gzip,
										   pack_gzip_members};
	enum { BIG = 5 * 1024 * 1024 };
	uint8_t *big = np_xcalloc(1, BIG), *got = np_xmalloc(BIG);
	uint32_t seed = 1;
	/* Content, a long run of zeroes, content that does not compress. */
	for (size_t i = 0; i < BIG; i++) {
		seed = seed * 1103515245 + 12345;
		if (i < 100000 || i > BIG - 2000000)
			big[i] = (uint8_t)(seed >> 16);
	}
	for (size_t p = 0; p < NP_ARRAY_LEN(packers); p++) {
		struct core core = {0};
		struct np_buf bytes = {0}, packed = {0};
		core_standard(&core);
		core_piece(&core, 0x20000000, BIG, big, BIG, PF_R | PF_W);
		core_bytes(&core, &bytes);
		packers[p](&bytes, &packed);
		np_target *target = open_bytes(&packed);
		assert_int_equal(np_target_facts(target)->file_bytes, bytes.len);
		assert_false(np_target_facts(target)->truncated);
		assert_int_equal(np_target_thread_count(target), 2);
		assert_int_equal(np_mem_read(np_target_mem(target), 0x20000000, got, BIG), BIG);
		assert_memory_equal(got, big, BIG);
		np_target_close(target);

		/* Cut off: what came out before, marked; the head of the content is right. */
		packed.len = packed.len * 6 / 10;
		enum np_log_level level = np_log_level;
		np_log_level = NP_LOG_QUIET;
		target = open_bytes(&packed);
		assert_true(np_target_facts(target)->truncated);
		size_t n = np_mem_read(np_target_mem(target), 0x20000000, got, BIG);
		assert_true(n > 100000 && n < BIG);
		assert_memory_equal(got, big, n);
		np_target_close(target);

		packed.len = 6;
		np_target *none = NULL;
		np_err *err = np_target_open(file_write(packed.data, packed.len), NULL, &none);
		assert_int_equal(np_err_code(err), NP_EFORMAT);
		np_err_free(err);
		np_log_level = level;
		free(packed.data);
		np_buf_deinit(&bytes);
		np_buf_deinit(&core.notes);
	}
	free(big);
	free(got);
}

/* ---- images ---- */

int nopsy_test_marker_function(int x); /* a symbol of our own, to be found */

__attribute__((noinline)) int nopsy_test_marker_function(int x)
{
	__asm__ volatile("");
	return x * 3 + 1;
}

static const char read_only_text[] = "text that only the executable has";

struct self { /* this program as it is mapped now */
	char path[4096];
	np_addr header;
	struct piece pieces[8];
	uint64_t offsets[8];
	bool anonymous[8]; /* dumped whole and without a name */
	size_t count;
};

/* Writable ranges are copied through the kernel: sanitizers guard gaps between variables. */
static const void *self_copy(np_addr start, size_t bytes, size_t *used)
{
	static uint8_t copies[8 * 1024 * 1024];
	uint8_t *copy = copies + *used;
	int fd = open("/proc/self/mem", O_RDONLY);
	assert_true(bytes <= sizeof(copies) - *used);
	assert_int_equal(pread(fd, copy, bytes, (off_t)start), bytes);
	close(fd);
	*used += bytes;
	return copy;
}

/* The mappings of our own executable. */
static void self_read(struct self *self)
{
	size_t used = 0;
	ssize_t n = readlink("/proc/self/exe", self->path, sizeof(self->path) - 1);
	assert_true(n > 0);
	self->path[n] = '\0';
	FILE *f = fopen("/proc/self/maps", "r");
	char line[4200];
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && self->count < NP_ARRAY_LEN(self->pieces)) {
		unsigned long start, end, offset;
		char prot[5];
		line[strcspn(line, "\n")] = '\0';
		const char *slash = strchr(line, '/');
		if (!slash || strcmp(slash, self->path) || sscanf(line, "%lx-%lx %4s %lx", &start, &end, prot, &offset) != 4)
			continue;
		uint32_t flags = (prot[0] == 'r' ? PF_R : 0) | (prot[1] == 'w' ? PF_W : 0) | (prot[2] == 'x' ? PF_X : 0);
		const void *bytes = flags & PF_W ? self_copy(start, end - start, &used) : NULL;
		self->pieces[self->count] = (struct piece){start, end - start, bytes, 0, flags};
		self->offsets[self->count++] = offset;
		if (!offset)
			self->header = start;
	}
	fclose(f);
	assert_true(self->count >= 3 && self->header);
}

/* A kernel's core of ourselves: of the file only the header page, writable ranges whole. */
static void core_of_self(struct core *core, struct self *self, const char *path, const uint8_t *header, bool with_files)
{
	struct np_buf note = {0};
	uint64_t head[2] = {0, 1};
	for (size_t i = 0; i < self->count; i++)
		head[0] += !self->anonymous[i];
	Elf64_auxv_t auxv[] = {
		{AT_PHDR, {self->header + sizeof(Elf64_Ehdr)}},
		{AT_PAGESZ, {PAGE}},
		{AT_ENTRY, {(uint64_t)&nopsy_test_marker_function}},
		{AT_NULL, {0}},
	};
	np_buf_add(&note, head, sizeof(head));
	core_thread(core, 42, SIGABRT, 0, (uint64_t)&nopsy_test_marker_function + 4);
	for (size_t i = 0; i < self->count; i++) {
		struct piece piece = self->pieces[i];
		uint64_t entry[] = {piece.start, piece.start + piece.mem_bytes, self->offsets[i]};
		if (!self->anonymous[i])
			np_buf_add(&note, entry, sizeof(entry));
		if (self->anonymous[i]) {
			piece.bytes = (const void *)piece.start;
			piece.file_bytes = piece.mem_bytes;
		} else if (!self->offsets[i]) {
			piece.bytes = header;
			piece.file_bytes = PAGE;
		} else if (piece.flags & PF_W) {
			piece.file_bytes = piece.mem_bytes;
		}
		core->pieces[core->piece_count++] = piece;
	}
	for (uint64_t i = 0; i < head[0]; i++)
		np_buf_add(&note, path, strlen(path) + 1);
	core_note(core, "CORE", NT_AUXV, auxv, sizeof(auxv));
	if (with_files)
		core_note(core, "CORE", NT_FILE, note.data, note.len);
	np_buf_deinit(&note);
}

static const char *core_write(struct core *core)
{
	struct np_buf bytes = {0};
	core_bytes(core, &bytes);
	const char *path = file_write(bytes.data, bytes.len);
	np_buf_deinit(&bytes);
	np_buf_deinit(&core->notes);
	return path;
}

static void check_self(np_target *target, const struct self *self)
{
	struct np_symbol_at at;
	struct np_symbol symbol;
	char text[sizeof(read_only_text)];
	np_addr marker = (np_addr)(uintptr_t)&nopsy_test_marker_function;
	/* Read-only data comes from the file. */
	assert_int_equal(np_mem_read(np_target_mem(target), (np_addr)(uintptr_t)read_only_text, text, sizeof(text)),
			 sizeof(text));
	assert_string_equal(text, read_only_text);
	uint8_t code[16];
	assert_int_equal(np_mem_read(np_target_mem(target), marker, code, sizeof(code)), sizeof(code));
	assert_memory_equal(code, (const void *)marker, sizeof(code));
	assert_true(np_target_symbol_at(target, marker + 4, &at));
	assert_string_equal(at.name, "nopsy_test_marker_function");
	assert_true(at.start == marker);
	assert_true(at.vaddr == marker + 4 - self->header);
	assert_true(np_image_symbol(at.image, "nopsy_test_marker_function", &symbol));
	assert_true(symbol.addr == marker && symbol.is_function && !symbol.is_tls);
	assert_false(np_image_symbol(at.image, "nopsy_test_marker_functio", &symbol));
	assert_true(np_image_bias(at.image) == (int64_t)self->header);
}

static void test_text_falls_through_to_the_executable(void **state)
{
	for (int with_files = 0; with_files < 2; with_files++) {
		struct core core = {0};
		struct self self = {0};
		np_target *target = NULL;
		self_read(&self);
		core_of_self(&core, &self, self.path, (const uint8_t *)self.header, with_files);
		struct np_target_options options = {.exe = with_files ? NULL : self.path};
		np_err *err = np_target_open(core_write(&core), &options, &target);
		if (err)
			fail_msg("%s", np_err_message(err));
		check_self(target, &self);
		if (with_files)
			assert_string_equal(np_target_facts(target)->exe_path, self.path);
		np_target_close(target);
	}
}

static size_t self_text(const struct self *self)
{
	np_addr marker = (np_addr)(uintptr_t)&nopsy_test_marker_function;
	size_t i = 0;
	while (i < self->count && marker - self->pieces[i].start >= self->pieces[i].mem_bytes)
		i++;
	assert_true(i < self->count);
	return i;
}

/* Text in anonymous memory at its own place: what node --use-largepages makes of it. */
static void test_anonymous_text(void **state)
{
	struct core core = {0};
	struct self self = {0};
	self_read(&self);
	self.anonymous[self_text(&self)] = true;
	core_of_self(&core, &self, self.path, (const uint8_t *)self.header, true);
	np_target *target = open_core(&core);
	const struct np_mapping *text = np_target_mapping_at(target, (np_addr)(uintptr_t)&nopsy_test_marker_function);
	assert_string_equal(text->path, "");
	check_self(target, &self);
	np_target_close(target);
}

/* A second mapping of the text at another place, as V8 makes of its builtins. */
static void test_remapped_text(void **state)
{
	struct core core = {0};
	struct self self = {0};
	struct np_symbol_at at;
	np_addr marker = (np_addr)(uintptr_t)&nopsy_test_marker_function, moved = 0x7e0000000000;
	self_read(&self);
	size_t text = self_text(&self);
	self.pieces[self.count] = self.pieces[text];
	self.pieces[self.count].start = moved;
	self.offsets[self.count++] = self.offsets[text];
	core_of_self(&core, &self, self.path, (const uint8_t *)self.header, true);
	np_target *target = open_core(&core);
	check_self(target, &self);
	np_addr there = moved + (marker - self.pieces[text].start);
	assert_true(np_target_symbol_at(target, there + 3, &at));
	assert_string_equal(at.name, "nopsy_test_marker_function");
	assert_true(at.start == there);
	assert_true(at.vaddr == marker + 3 - self.header);
	uint8_t code[16];
	assert_int_equal(np_mem_read(np_target_mem(target), there, code, sizeof(code)), sizeof(code));
	assert_memory_equal(code, (const void *)marker, sizeof(code));
	np_target_close(target);
}

static void test_wrong_executable(void **state)
{
	struct core core = {0};
	struct self self = {0};
	np_target *target = NULL;
	uint8_t header[PAGE];
	char id[64] = "";
	self_read(&self);
	memcpy(header, (const void *)self.header, PAGE);
	/* Another build: its id differs in the first byte. */
	uint8_t *note = memmem(header, PAGE, "\3\0\0\0GNU", 8);
	assert_non_null(note);
	note[8] ^= 0x5a;
	for (int i = 0; i < 20; i++)
		sprintf(id + 2 * i, "%02x", note[8 + i]);
	core_of_self(&core, &self, self.path, header, true);
	const char *path = core_write(&core);
	expect_error(path, &(struct np_target_options){.exe = self.path}, NP_EMISMATCH, id);
	expect_error(path, &(struct np_target_options){.exe = "/nonexistent/node"}, NP_EIO, "/nonexistent/node");
	expect_error(path, &(struct np_target_options){.exe = path}, NP_EMISMATCH, "none");

	/* Named by the core only: not used, but the core opens. */
	enum np_log_level level = np_log_level;
	np_log_level = NP_LOG_QUIET;
	np_err *err = np_target_open(path, NULL, &target);
	np_log_level = level;
	assert_null(err);
	struct np_symbol_at at;
	assert_false(np_target_symbol_at(target, (np_addr)(uintptr_t)&nopsy_test_marker_function, &at));
	assert_non_null(at.image);
	assert_null(np_image_file(at.image));
	assert_non_null(strstr(np_image_problem(at.image), id));
	assert_null(np_target_v8_image(target));
	np_target_close(target);
}

static void test_missing_executable(void **state)
{
	struct core core = {0};
	struct self self = {0};
	self_read(&self);
	core_of_self(&core, &self, "/nonexistent/bin/node", (const uint8_t *)self.header, true);
	const char *path = core_write(&core);
	np_target *target = NULL;
	np_err *err = np_target_open(path, NULL, &target);
	assert_null(err);
	assert_int_equal(np_target_image_count(target), 1);
	assert_null(np_image_file(np_target_image(target, 0)));
	assert_string_equal(np_image_path(np_target_image(target, 0)), "/nonexistent/bin/node");
	np_target_close(target);
	/* Given by hand. */
	err = np_target_open(path, &(struct np_target_options){.exe = self.path}, &target);
	assert_null(err);
	check_self(target, &self);
	np_target_close(target);
}

/* A writable range that the core lost must not show the file's first content as if it were the last. */
static void test_lost_data_is_not_replaced(void **state)
{
	struct core core = {0};
	struct self self = {0};
	struct np_buf bytes = {0};
	static uint64_t data_word = 0x1122334455667788;
	uint64_t value;
	self_read(&self);
	core_of_self(&core, &self, self.path, (const uint8_t *)self.header, true);
	core_bytes(&core, &bytes);
	np_target *target = open_bytes(&bytes);
	assert_true(np_mem_u64(np_target_mem(target), (np_addr)(uintptr_t)&data_word, &value));
	assert_true(value == 0x1122334455667788);
	np_target_close(target);
	size_t writable = 0;
	for (size_t i = 0; i < core.piece_count; i++)
		writable += core.pieces[i].flags & PF_W ? core.pieces[i].file_bytes : 0;
	bytes.len -= writable;
	target = open_bytes(&bytes);
	assert_true(np_target_facts(target)->truncated);
	assert_false(np_mem_u64(np_target_mem(target), (np_addr)(uintptr_t)&data_word, &value));
	assert_true(np_mem_u64(np_target_mem(target), (np_addr)(uintptr_t)read_only_text, &value));
	np_target_close(target);
	np_buf_deinit(&bytes);
	np_buf_deinit(&core.notes);
}

static void test_arguments(void **state)
{
	enum { BASE_WORDS = 4, AUXV = 5 };
	const np_addr stack = 0x7ffe00000000;
	static uint8_t page[PAGE];
	struct core core = {0};
	/* argc, argv[2], 0, envp[2], 0, auxv, strings at 2048, random bytes at 1024 */
	uint64_t words[] = {2, stack + 2048, stack + 2060, 0, stack + 2070, stack + 2080, 0};
	Elf64_auxv_t auxv[] = {
		{AT_PAGESZ, {PAGE}}, {AT_UID, {1000}}, {AT_RANDOM, {stack + 1024}},
		{AT_SECURE, {0}}, {AT_EXECFN, {stack + 2048}}, {AT_NULL, {0}},
	};
	memset(page, 0xcc, sizeof(page));
	memcpy(page + 256, words, sizeof(words));
	memcpy(page + 256 + sizeof(words), auxv, sizeof(auxv));
	strcpy((char *)page + 2048, "/bin/node");
	strcpy((char *)page + 2060, "a b");
	strcpy((char *)page + 2070, "PWD=/app");
	strcpy((char *)page + 2080, "X=");
	core_thread(&core, 42, 0, stack, 0);
	core_note(&core, "CORE", NT_AUXV, auxv, sizeof(auxv));
	core_piece(&core, stack, PAGE, page, PAGE, PF_R | PF_W);
	np_target *target = open_core(&core);
	const struct np_process_facts *facts = np_target_facts(target);
	assert_non_null(facts->argv);
	assert_string_equal(facts->argv[0], "/bin/node");
	assert_string_equal(facts->argv[1], "a b");
	assert_null(facts->argv[2]);
	assert_string_equal(facts->envp[0], "PWD=/app");
	assert_string_equal(facts->envp[1], "X=");
	assert_null(facts->envp[2]);
	assert_string_equal(facts->cwd, "/app");
	assert_string_equal(np_target_mapping_at(target, stack)->path, "[stack]");
	np_target_close(target);
}

/* A core of a gigabyte that is a hole: opens without reading or storing it. */
static void test_sparse(void **state)
{
	struct core core = {0};
	struct np_buf bytes = {0};
	core_standard(&core);
	core_bytes(&core, &bytes);
	Elf64_Phdr *last = (Elf64_Phdr *)(bytes.data + sizeof(Elf64_Ehdr)) + core.piece_count;
	last->p_filesz = last->p_memsz = (uint64_t)1 << 30;
	const char *path = file_write(bytes.data, bytes.len);
	assert_int_equal(truncate(path, (off_t)(last->p_offset + last->p_filesz)), 0);
	np_target *target = NULL;
	np_err *err = np_target_open(path, NULL, &target);
	assert_null(err);
	uint64_t value = 1;
	assert_true(np_mem_u64(np_target_mem(target), 0x7ffd00000000 + (1 << 29), &value) && value == 0);
	assert_false(np_target_facts(target)->truncated);
	np_target_close(target);
	np_buf_deinit(&bytes);
	np_buf_deinit(&core.notes);
}

static int remove_file(void **state)
{
	return unlink(file_write("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound_core),
		cmocka_unit_test(test_many_headers_are_counted_in_a_section),
		cmocka_unit_test(test_stop_signal_of_a_debugger_killed_nothing),
		cmocka_unit_test(test_overlapping_ranges),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped_bytes),
		cmocka_unit_test(test_garbage_notes),
		cmocka_unit_test(test_not_a_core),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_text_falls_through_to_the_executable),
		cmocka_unit_test(test_anonymous_text),
		cmocka_unit_test(test_remapped_text),
		cmocka_unit_test(test_wrong_executable),
		cmocka_unit_test(test_missing_executable),
		cmocka_unit_test(test_lost_data_is_not_replaced),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_sparse),
	};
	return cmocka_run_group_tests(tests, NULL, remove_file);
}

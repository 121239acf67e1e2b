/*
 * A live process, through /proc and process_vm_readv.
 *
 * One segment spans the whole user address space: what is mapped changes while
 * the process runs, and the kernel knows best.  Every file is opened relative
 * to a descriptor of /proc/PID, which goes dead with the process and never
 * means a successor with the same number.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "target/internal.h"

static const np_addr USER_END = 0x7ffffffff000;

enum { FILE_MAX_BYTES = 256 * 1024 * 1024, THREADS_MAX = 1 << 20 };

/* ---- memory ---- */

static size_t process_read(void *ctx, np_addr addr, void *buf, size_t len)
{
	struct np_process *process = ctx;
	if (!process->use_mem_file) {
		struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};
		ssize_t n = process_vm_readv(process->pid, &local, 1, &remote, 1, 0);
		if (n >= 0)
			return (size_t)n;
		if (errno != EPERM && errno != ENOSYS)
			return 0;
	}
	/* Containers may forbid the system call but not the file. */
	ssize_t n = process->mem_fd >= 0 ? pread(process->mem_fd, buf, len, (off_t)addr) : -1;
	if (n > 0)
		process->use_mem_file = true;
	return n > 0 ? (size_t)n : 0;
}

static const struct np_segment_ops process_ops = {.read = process_read};

/* ---- /proc files ---- */

np_err *np_process_read_file(const np_target *target, const char *name, char **ret, size_t *ret_bytes)
{
	int fd = openat(target->process->proc_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		enum np_code code = errno == ENOENT || errno == ESRCH	? NP_EGONE
				    : errno == EACCES || errno == EPERM ? NP_EPERM
									: NP_EIO;
		return np_err_sys(code, "reading /proc/%d/%s", target->process->pid, name);
	}
	struct np_buf buf = {0};
	char chunk[16384];
	ssize_t n;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && buf.len < FILE_MAX_BYTES)
		np_buf_add(&buf, chunk, (size_t)n);
	int saved = errno;
	close(fd);
	if (n < 0) {
		np_buf_deinit(&buf);
		errno = saved;
		return np_err_sys(saved == ESRCH ? NP_EGONE : NP_EIO, "reading /proc/%d/%s", target->process->pid,
				  name);
	}
	*ret_bytes = buf.len;
	*ret = buf.data ? buf.data : np_xcalloc(1, 1);
	return NULL;
}

static char *process_readlink(const np_target *target, const char *name)
{
	char buf[4096];
	ssize_t n = readlinkat(target->process->proc_fd, name, buf, sizeof(buf) - 1);
	return n > 0 ? np_arena_strndup(target->arena, buf, (size_t)n) : NULL;
}

/* Number after "KEY:" at the start of a line of a status file. */
static bool status_number(const char *text, const char *key, long *ret)
{
	size_t length = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length) && line[length] == ':') {
			*ret = strtol(line + length + 1, NULL, 10);
			return true;
		}
	}
	return false;
}

/* PID (COMM) STATE ...: the name may hold anything, so the last ')' counts. */
static bool stat_parse(const char *text, struct np_thread *thread, uint64_t *start_ticks)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return false;
	if (thread) {
		size_t n = (size_t)(close - open - 1);
		n = n < sizeof(thread->name) - 1 ? n : sizeof(thread->name) - 1;
		memcpy(thread->name, open + 1, n);
		thread->name[n] = '\0';
		thread->state = close[2];
	}
	if (start_ticks) {
		const char *p = close + 2; /* field 3; the start time is field 22 */
		for (int field = 3; field < 22 && p; field++)
			p = (p = strchr(p, ' ')) ? p + 1 : NULL;
		*start_ticks = p ? strtoull(p, NULL, 10) : 0;
	}
	return true;
}

/* ---- threads ---- */

static int tid_compare(const void *a, const void *b)
{
	const struct np_thread *x = a, *y = b;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

np_err *np_process_read_threads(np_target *target)
{
	int fd = openat(target->process->proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		np_err *err = np_err_sys(errno == ENOENT || errno == ESRCH ? NP_EGONE : NP_EIO,
					 "listing the threads of process %d", target->pid);
		if (fd >= 0)
			close(fd);
		return err;
	}
	target->threads.len = 0;
	for (struct dirent *entry; (entry = readdir(dir)) && target->threads.len < THREADS_MAX;) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		struct np_thread thread = {.tid = atoi(entry->d_name), .state = '?'};
		char name[64], text[1024];
		snprintf(name, sizeof(name), "task/%d/stat", thread.tid);
		int stat_fd = openat(target->process->proc_fd, name, O_RDONLY | O_CLOEXEC);
		ssize_t n = stat_fd >= 0 ? read(stat_fd, text, sizeof(text) - 1) : -1;
		if (stat_fd >= 0)
			close(stat_fd);
		if (n <= 0)
			continue; /* it ended in between */
		text[n] = '\0';
		if (stat_parse(text, &thread, NULL) && thread.state != 'Z' && thread.state != 'X')
			np_vec_push(&target->threads, thread);
	}
	closedir(dir);
	if (!target->threads.len)
		return np_err_new(NP_EGONE, "process %d has ended", target->pid);
	qsort(target->threads.data, target->threads.len, sizeof(*target->threads.data), tid_compare);
	return NULL;
}

/* ---- facts ---- */

/* NUL-separated strings -> NULL-terminated array. */
static char **strings_split(np_target *target, const char *name)
{
	char *text;
	size_t bytes, count = 0;
	np_err *err = np_process_read_file(target, name, &text, &bytes);
	if (err) {
		np_err_free(err);
		return NULL;
	}
	for (size_t i = 0; i < bytes; i++)
		count += text[i] == '\0';
	count += bytes && text[bytes - 1] != '\0';
	char **strings = NP_NEW_ARRAY(target->arena, char *, count + 1);
	char *copy = np_arena_strndup(target->arena, "", 0);
	if (bytes) {
		copy = np_arena_alloc(target->arena, bytes + 1);
		memcpy(copy, text, bytes);
	}
	for (size_t i = 0; i < count; i++) {
		strings[i] = copy;
		copy += strlen(copy) + 1;
	}
	free(text);
	return strings;
}

/* Clock ticks since boot -> ns since the epoch. */
static uint64_t start_time_ns(uint64_t ticks)
{
	struct timespec real, boot;
	long per_second = sysconf(_SC_CLK_TCK);
	if (!ticks || per_second <= 0 || clock_gettime(CLOCK_REALTIME, &real) || clock_gettime(CLOCK_BOOTTIME, &boot))
		return 0;
	int64_t booted = (int64_t)(real.tv_sec - boot.tv_sec) * 1000000000 + real.tv_nsec - boot.tv_nsec;
	return (uint64_t)(booted + (int64_t)(ticks * (1000000000u / (uint64_t)per_second)));
}

void np_process_read_facts(np_target *target)
{
	struct np_process_facts *facts = &target->facts;
	char *status;
	size_t bytes;
	long uid;
	facts->argv = strings_split(target, "cmdline");
	facts->envp = strings_split(target, "environ");
	facts->exe_path = process_readlink(target, "exe");
	facts->cwd = process_readlink(target, "cwd");
	facts->start_time_ns = start_time_ns(target->process->start_ticks);
	np_err *err = np_process_read_file(target, "status", &status, &bytes);
	if (!err) {
		if (status_number(status, "Uid", &uid))
			facts->uid = (int)uid;
		free(status);
	}
	np_err_free(err);
}

/* ---- opening ---- */

static np_err *process_read_auxv(np_target *target)
{
	char *text;
	size_t bytes;
	NP_TRY(np_process_read_file(target, "auxv", &text, &bytes));
	for (size_t at = 0; bytes - at >= sizeof(Elf64_auxv_t); at += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t entry;
		memcpy(&entry, text + at, sizeof(entry));
		if (entry.a_type == AT_NULL)
			break;
		np_vec_push(&target->auxv, entry);
	}
	free(text);
	return NULL;
}

static int yama_scope(void)
{
	int scope = 0;
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	if (f) {
		if (fscanf(f, "%d", &scope) != 1)
			scope = 0;
		fclose(f);
	}
	return scope;
}

/* What a user who may not look into the process can do. */
static np_err *permission_error(np_target *target)
{
	char *status;
	size_t bytes;
	long uid = -1;
	np_err *err = np_process_read_file(target, "status", &status, &bytes);
	if (!err) {
		status_number(status, "Uid", &uid);
		free(status);
	}
	np_err_free(err);
	int scope = yama_scope();
	if (uid >= 0 && (uid_t)uid != geteuid())
		return np_err_new(NP_EPERM, "process %d belongs to user %ld and you are user %u: run nopsy as that user or "
				  "as root, or give it CAP_SYS_PTRACE", target->pid, uid, geteuid());
	if (scope > 0)
		return np_err_new(NP_EPERM, "kernel.yama.ptrace_scope is %d, so only %s may look into process %d: run nopsy "
				  "as root, or give it CAP_SYS_PTRACE%s", scope,
				  scope == 1 ? "its parent or root" : scope == 2 ? "root" : "nobody", target->pid,
				  scope == 1 ? ", or set ptrace_scope to 0" : "");
	return np_err_new(NP_EPERM, "the kernel does not let you look into process %d: run nopsy as root or give it "
			  "CAP_SYS_PTRACE (in a container: --cap-add SYS_PTRACE)", target->pid);
}

static bool process_can_read_memory(np_target *target)
{
	uint8_t byte;
	for (size_t i = 0; i < target->mappings.len && i < 64; i++) {
		if ((target->mappings.data[i].prot & NP_PROT_R) &&
		    np_mem_u8(target->mem, target->mappings.data[i].start, &byte))
			return true;
	}
	return false;
}

static np_err *process_check_kind(np_target *target, char state)
{
	if (state == 'Z' || state == 'X')
		return np_err_new(NP_EGONE, "process %d has ended and waits for its parent to notice (zombie)",
				  target->pid);
	if (target->mappings.len)
		return NULL;
	char *link = process_readlink(target, "exe");
	if (!link && (errno == EACCES || errno == EPERM))
		return permission_error(target);
	return np_err_new(NP_ENOTNODE, "process %d has no memory of its own: a kernel thread, or it is just ending",
			  target->pid);
}

static np_err *process_add_memory(np_target *target)
{
	struct np_segment segment = {
		.start = 0x1000,
		.end = USER_END,
		.priority = NP_SEGMENT_LIVE,
		.cached = true,
		.ops = &process_ops,
		.ctx = target->process,
	};
	return np_mem_add(target->mem, &segment);
}

/* --exe for a process: another copy of its executable, usually one with symbols. */
static np_err *process_use_option_exe(np_target *target)
{
	np_image *image = target->executable;
	bool compared = false;
	if (!target->option_exe || !image)
		return NULL;
	int fd = open(target->option_exe, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return np_err_sys(NP_EIO, "opening the executable '%s'", target->option_exe);
	NP_TRY(np_image_load_fd(image, fd, target->option_exe));
	NP_TRY(np_image_verify(image, &compared));
	np_image_set_bias(image);
	return NULL;
}

/* A thread's id stands for its process. */
static np_err *process_resolve_tid(pid_t pid, pid_t *ret)
{
	char path[64], text[4096];
	long tgid = pid;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? np_err_new(NP_ENOTFOUND, "there is no process %d", pid)
				       : np_err_sys(NP_EIO, "opening process %d", pid);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return np_err_new(NP_EGONE, "process %d has ended", pid);
	text[n] = '\0';
	status_number(text, "Tgid", &tgid);
	*ret = (pid_t)tgid;
	return NULL;
}

static np_err *process_read_start(np_target *target, char *ret_state)
{
	char *text;
	size_t bytes;
	struct np_thread leader = {0};
	NP_TRY(np_process_read_file(target, "stat", &text, &bytes));
	bool ok = stat_parse(text, &leader, &target->process->start_ticks);
	free(text);
	if (!ok)
		return np_err_new(NP_EFORMAT, "/proc/%d/stat is not as expected", target->pid);
	*ret_state = leader.state;
	return NULL;
}

np_err *np_process_open(np_target *target, pid_t pid)
{
	char path[64], state = '?';
	NP_TRY(process_resolve_tid(pid, &target->pid));
	struct np_process *process = target->process = np_xcalloc(1, sizeof(*process));
	target->kind = NP_TARGET_PROCESS;
	process->pid = target->pid;
	process->mem_fd = -1;
	snprintf(path, sizeof(path), "/proc/%d", target->pid);
	process->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (process->proc_fd < 0)
		return np_err_new(NP_EGONE, "process %d has ended", target->pid);
	if (target->pid == getpid())
		return np_err_new(NP_EUSAGE, "process %d is nopsy itself", target->pid);
	NP_TRY(process_read_start(target, &state));
	NP_TRY(process_add_memory(target));
	np_err *err = state == 'Z' || state == 'X' ? NULL : np_process_read_mappings(target);
	if (err && np_err_code(err) == NP_EPERM) {
		np_err_free(err);
		return permission_error(target);
	}
	NP_TRY(err);
	NP_TRY(process_check_kind(target, state));
	process->mem_fd = openat(process->proc_fd, "mem", O_RDONLY | O_CLOEXEC);
	if (!process_can_read_memory(target))
		return permission_error(target);
	NP_TRY(process_read_auxv(target));
	/* The first reading could not tell the executable from its libraries: images know theirs now. */
	target->executable = np_image_find_executable(target);
	if (target->executable)
		target->executable->is_executable = true;
	np_target_add_vdso(target);
	NP_TRY(process_use_option_exe(target));
	return np_process_read_threads(target);
}

void np_process_close(np_target *target)
{
	struct np_process *process = target->process;
	if (process->stop_depth > 1)
		process->stop_depth = 1;
	np_target_resume(target);
	if (process->proc_fd >= 0)
		close(process->proc_fd);
	if (process->mem_fd >= 0)
		close(process->mem_fd);
	free(process->maps_text);
	free(process);
	target->process = NULL;
}

#include "format/side_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

/* "perf-", "jit-", ... and a decimal number. */
pid_t np_side_file_pid(const char *path, size_t bytes)
{
	static const struct {
		const char *text;
		size_t bytes;
	} prefixes[] = {{"perf-", 5}, {"jit-", 4}, {"jitted-", 7}};
	const char *end = path + bytes, *name = path;
	const char *slash = memrchr(path, '/', bytes);
	if (slash)
		name = slash + 1;
	for (size_t i = 0; i < NP_ARRAY_LEN(prefixes); i++) {
		size_t n = prefixes[i].bytes;
		if ((size_t)(end - name) <= n || memcmp(name, prefixes[i].text, n))
			continue;
		const char *p = name + n;
		pid_t pid = 0;
		while (p < end && *p >= '0' && *p <= '9' && pid < 100000000)
			pid = pid * 10 + (*p++ - '0');
		return p > name + n && p < end && (*p == '.' || *p == '-') ? pid : 0;
	}
	return 0;
}

int64_t np_side_file_process_uid(pid_t pid)
{
	char path[32];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) ? NP_UID_NONE : (int64_t)st.st_uid;
}

static np_err *owner_check(const char *path, const struct stat *st, int64_t process_uid)
{
	if (!S_ISREG(st->st_mode))
		return np_err_new(NP_EPERM, "'%s' is no regular file, in a folder where everybody may put one", path);
	if (st->st_uid != 0 && st->st_uid != geteuid() && (int64_t)st->st_uid != process_uid)
		return np_err_new(NP_EPERM, "'%s' belongs to user %u, in a folder where everybody may put one: neither yours, "
				  "nor root's, nor of the owner of the process (copy it, if you trust it)",
				  path, (unsigned)st->st_uid);
	return NULL;
}

/* Opens the folder first, so that what is checked is what is used. */
static np_err *open_below(int folder, const char *name, const char *path, int64_t process_uid, int *ret, bool *ret_regular)
{
	struct stat parent, st;
	if (fstat(folder, &parent))
		return np_err_sys(NP_EIO, "looking at the folder of '%s'", path);
	bool shared = parent.st_mode & S_IWOTH;
	/* O_NONBLOCK: a pipe that nobody writes to must not hang us before it is looked at */
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (shared ? O_NOFOLLOW : 0));
	if (fd < 0 && errno == ELOOP && shared)
		return np_err_new(NP_EPERM, "'%s' is a symbolic link, in a folder where everybody may put one", path);
	if (fd < 0)
		return np_err_sys(errno == ENOENT ? NP_ENOTFOUND : NP_EIO, "opening '%s'", path);
	np_err *err = NULL;
	if (fstat(fd, &st))
		err = np_err_sys(NP_EIO, "looking at '%s'", path);
	else if (S_ISDIR(st.st_mode))
		err = np_err_new(NP_EFORMAT, "'%s' is a folder", path);
	else if (shared)
		err = owner_check(path, &st, process_uid);
	if (!err && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK))
		err = np_err_sys(NP_EIO, "opening '%s'", path);
	if (err) {
		close(fd);
		return err;
	}
	*ret = fd;
	*ret_regular = S_ISREG(st.st_mode);
	return NULL;
}

np_err *np_side_file_open(const char *path, int64_t process_uid, int *ret, bool *ret_regular)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? np_xstrdup(path) : np_xstrdup(".");
	if (slash)
		folder[slash == path ? 1 : slash - path] = '\0';
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (fd < 0)
		return np_err_sys(errno == ENOENT ? NP_ENOTFOUND : NP_EIO, "opening '%s'", path);
	np_err *err = open_below(fd, slash ? slash + 1 : path, path, process_uid, ret, ret_regular);
	close(fd);
	return err;
}

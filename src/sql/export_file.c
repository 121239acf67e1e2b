/*
 * The file of an export.  It has no name until it is whole, so that nobody finds
 * half of one and nothing is left of it, however nopsy ends; what was at its place
 * stays until then.
 *
 * SQLite opens files by name.  So it gets a VFS that has this one file open already
 * and leaves all others (for sorting) to SQLite's own.
 *
 * Where the file system has no unnamed files, it has a name beside its place, and
 * whoever runs the export is asked to see to signals (must_clean).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/export.h"

/* --- the one file, of which SQLite is the only user --- */

struct open_file {
	sqlite3_file base;
	int fd;
};

static int file_close(sqlite3_file *file)
{
	(void)file;
	return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *buffer, int size, sqlite3_int64 at)
{
	int done = 0;
	while (done < size) {
		ssize_t n = pread(((struct open_file *)file)->fd, (char *)buffer + done, (size_t)(size - done), at + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return SQLITE_IOERR_READ;
		if (!n)
			break;
		done += (int)n;
	}
	memset((char *)buffer + done, 0, (size_t)(size - done));
	return done == size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *buffer, int size, sqlite3_int64 at)
{
	for (int done = 0; done < size;) {
		ssize_t n = pwrite(((struct open_file *)file)->fd, (const char *)buffer + done, (size_t)(size - done), at + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? SQLITE_FULL : SQLITE_IOERR_WRITE;
		done += (int)n;
	}
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return ftruncate(((struct open_file *)file)->fd, size) ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct stat st;
	if (fstat(((struct open_file *)file)->fd, &st))
		return SQLITE_IOERR_FSTAT;
	*ret = st.st_size;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
	(void)file;
	(void)level;
	return SQLITE_OK;
}

static int file_reserved(sqlite3_file *file, int *ret)
{
	(void)file;
	*ret = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int what, void *arg)
{
	(void)file;
	(void)what;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int file_device(sqlite3_file *file)
{
	(void)file;
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
};

/* --- the VFS --- */

struct sql_export_vfs {
	sqlite3_vfs base; /* SQLite's own, but for the name and xOpen */
	sqlite3_vfs *own;
	int fd;
};

static int vfs_open(sqlite3_vfs *base, const char *name, sqlite3_file *ret, int flags, int *ret_flags)
{
	struct sql_export_vfs *vfs = (struct sql_export_vfs *)base;
	if (!(flags & SQLITE_OPEN_MAIN_DB))
		return vfs->own->xOpen(vfs->own, name, ret, flags, ret_flags);
	((struct open_file *)ret)->fd = vfs->fd;
	ret->pMethods = &methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

const char *sql_export_file_vfs(struct sql_export_file *file)
{
	struct sql_export_vfs *vfs = np_xcalloc(1, sizeof(*vfs));
	vfs->own = sqlite3_vfs_find(NULL);
	vfs->base = *vfs->own;
	vfs->base.zName = "nopsy-export";
	vfs->base.xOpen = vfs_open;
	vfs->base.pNext = NULL;
	if (vfs->base.szOsFile < (int)sizeof(struct open_file))
		vfs->base.szOsFile = sizeof(struct open_file);
	vfs->fd = file->fd;
	sqlite3_vfs_register(&vfs->base, 0);
	file->vfs = vfs;
	return vfs->base.zName;
}

/* --- its name --- */

/* Where a symbolic link leads, so that the link stays. */
static np_err *path_resolve(const char *path, char **ret)
{
	struct stat st;
	if (stat(path, &st)) {
		*ret = np_xstrdup(path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode))
		return np_err_new(NP_EUSAGE, "a database needs a plain file, which %s is not", path);
	*ret = realpath(path, NULL);
	return *ret ? NULL : np_err_sys(NP_EIO, "creating %s", path);
}

static int unnamed_open(const char *path)
{
	char *dir = np_xstrdup(path), *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	int fd = open(slash ? dir : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	free(dir);
	return fd;
}

static char *temporary_name(const char *path)
{
	char *name = np_xmalloc(strlen(path) + 16);
	sprintf(name, "%s.XXXXXX", path);
	return name;
}

np_err *sql_export_file_create(const char *path, struct sql_export_file *ret)
{
	struct sql_export_file file = {.fd = -1};
	NP_TRY(path_resolve(path, &file.path));
	file.fd = unnamed_open(file.path);
	if (file.fd < 0) {
		file.temporary = temporary_name(file.path);
		file.fd = mkostemp(file.temporary, O_CLOEXEC); /* 0600 */
		if (file.fd < 0) {
			np_err *err = np_err_sys(NP_EIO, "creating %s", path);
			free(file.temporary);
			free(file.path);
			return err;
		}
	}
	*ret = file;
	return NULL;
}

static bool file_link(const struct sql_export_file *file, const char *name)
{
	char open_as[64];
	snprintf(open_as, sizeof(open_as), "/proc/self/fd/%d", file->fd);
	return !linkat(AT_FDCWD, open_as, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

/* A name beside the path that nobody has, for a file that has none. */
static bool name_give(struct sql_export_file *file)
{
	for (int tries = 0; tries < 100; tries++) {
		char *name = temporary_name(file->path);
		int fd = mkostemp(name, O_CLOEXEC); /* a name that is free */
		if (fd < 0) {
			free(name);
			return false;
		}
		close(fd);
		unlink(name);
		if (file_link(file, name)) {
			file->temporary = name;
			return true;
		}
		free(name);
		if (errno != EEXIST)
			return false;
	}
	return false;
}

np_err *sql_export_file_name(struct sql_export_file *file)
{
	if (!file->temporary && file_link(file, file->path))
		return NULL;
	/* there is one already, which must go in the same moment */
	if ((!file->temporary && !name_give(file)) || rename(file->temporary, file->path))
		return np_err_sys(NP_EIO, "creating %s", file->path);
	free(file->temporary);
	file->temporary = NULL;
	return NULL;
}

void sql_export_file_deinit(struct sql_export_file *file)
{
	if (file->temporary)
		unlink(file->temporary);
	if (file->fd >= 0)
		close(file->fd);
	if (file->vfs)
		sqlite3_vfs_unregister(&file->vfs->base);
	free(file->vfs);
	free(file->temporary);
	free(file->path);
}

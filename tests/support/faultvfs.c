#include "support/faultvfs.h"

#include <sqlite3.h>
#include <string.h>

#include "muster/compiler.h"

struct file {
	sqlite3_file base;
	sqlite3_file *real; /* in the memory behind this struct */
};
static sqlite3_vfs vfs;
static sqlite3_vfs *under;
static unsigned long changes, first, last;
static int fail_code, fired;

static int
change(void)
{
	changes++;
	if (first == 0 || changes < first || changes > last)
		return SQLITE_OK;
	fired++;
	return fail_code;
}

#define REAL(f) (((struct file *)(void *)(f))->real)

static int
x_close(sqlite3_file *f)
{
	return REAL(f)->pMethods == NULL ? SQLITE_OK : REAL(f)->pMethods->xClose(REAL(f));
}
static int
x_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off)
{
	return REAL(f)->pMethods->xRead(REAL(f), p, n, off);
}
static int
x_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	int code = change();
	if (code == SQLITE_OK)
		return REAL(f)->pMethods->xWrite(REAL(f), p, n, off);
	(void)REAL(f)->pMethods->xWrite(REAL(f), p, n / 2, off); /* a torn write */
	return code;
}
static int
x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int code = change();
	return code != SQLITE_OK ? code : REAL(f)->pMethods->xTruncate(REAL(f), size);
}
static int
x_sync(sqlite3_file *f, int flags)
{
	int code = change();
	return code != SQLITE_OK ? code : REAL(f)->pMethods->xSync(REAL(f), flags);
}
static int
x_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return REAL(f)->pMethods->xFileSize(REAL(f), size);
}
static int
x_lock(sqlite3_file *f, int how)
{
	return REAL(f)->pMethods->xLock(REAL(f), how);
}
static int
x_unlock(sqlite3_file *f, int how)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), how);
}
static int
x_reserved(sqlite3_file *f, int *out)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}
static int
x_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}
static int
x_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}
static int
x_traits(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}
static int
x_shm_map(sqlite3_file *f, int i, int size, int extend, void volatile **out)
{
	return REAL(f)->pMethods->xShmMap(REAL(f), i, size, extend, out);
}
static int
x_shm_lock(sqlite3_file *f, int off, int n, int flags)
{
	return REAL(f)->pMethods->xShmLock(REAL(f), off, n, flags);
}
static void
x_shm_barrier(sqlite3_file *f)
{
	REAL(f)->pMethods->xShmBarrier(REAL(f));
}
static int
x_shm_unmap(sqlite3_file *f, int del)
{
	return REAL(f)->pMethods->xShmUnmap(REAL(f), del);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_traits,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static int
x_open(MS_UNUSED sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *w = (void *)f;
	w->real = (sqlite3_file *)(void *)(w + 1);
	memset(w->real, 0, (size_t)under->szOsFile);
	int code = under->xOpen(under, name, w->real, flags, out);
	w->base.pMethods = code == SQLITE_OK ? &methods : NULL;
	return code;
}

void
faultvfs_install(void)
{
	if (under != NULL)
		return;
	under = sqlite3_vfs_find(NULL);
	vfs = *under;
	vfs.szOsFile = (int)sizeof(struct file) + under->szOsFile;
	vfs.zName = "fault";
	vfs.pNext = NULL;
	vfs.xOpen = x_open;
	(void)sqlite3_vfs_register(&vfs, 1);
}

void
faultvfs_arm(unsigned long nth, unsigned long more, int code)
{
	changes = 0;
	fired = 0;
	first = nth;
	last = nth + more;
	fail_code = code;
}

unsigned long
faultvfs_changes(void)
{
	return changes;
}

int
faultvfs_fired(void)
{
	return fired;
}

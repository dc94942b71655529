/* Records what a process does to the files below a directory, so that power_loss.py can tell what of it a machine that
 * loses power may have on its disk. Preloaded into weir (LD_PRELOAD); built by power_loss.py alone.
 *
 * WEIR_POWER_DIR: the directory (absolute, without links). WEIR_POWER_LOG: where to append the records; without it
 * nothing is recorded. Syncs are not done: WEIR_POWER_SYNC_MICROS says how long one takes at most, so that others come
 * in between.
 *
 * What is done and its record are one step (under `lock`): the order of the records is the order on the files. A sync
 * has two records: what was written before the first of them is on the disk when the second is there. Writes through
 * stdio are not seen; such a file is recorded whole when it is synced or closed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FDS     65536
#define WAY_OUT 97 /* the exit status of a process that does what is not recorded */

struct record {
    char kind; /* c create, m mkdir, l link, r rename, u unlink, d rmdir, t truncate, w write, s sync begins, e ends */
    char pad;
    uint16_t path_len, other_len; /* two paths follow, then the data */
    uint16_t unused;
    uint32_t data_len;
    uint32_t sync;
    uint64_t inode, at;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *dir;
static size_t dir_len;
static long sync_micros;
static uint32_t syncs;
static struct {
    uint64_t inode; /* 0: not ours */
    char stdio;
} fds[FDS];

#define REAL(name)                 \
    static __typeof__(name) *real; \
    if (!real)                     \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("WEIR_POWER_LOG"), *micros = getenv("WEIR_POWER_SYNC_MICROS");
    dir = getenv("WEIR_POWER_DIR");
    dir_len = dir ? strlen(dir) : 0;
    sync_micros = micros ? atol(micros) : 0;
    syncs = (uint32_t)getpid() << 12;
    REAL(open);
    int fd = path && dir ? real(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 1000);
        close(fd);
    }
}

static int is_ours(const char *path)
{
    return log_fd >= 0 && !strncmp(path, dir, dir_len) && (path[dir_len] == '/' || !path[dir_len]);
}

static uint64_t inode_of(int fd)
{
    return log_fd >= 0 && fd >= 0 && fd < FDS ? fds[fd].inode : 0;
}

static void put(struct record record, const char *path, const char *other, const void *data)
{
    path = path ? path + dir_len : "";
    other = other ? other + dir_len : "";
    record.path_len = (uint16_t)strlen(path);
    record.other_len = (uint16_t)strlen(other);
    struct iovec parts[] = {{&record, sizeof record},
                            {(void *)path, record.path_len},
                            {(void *)other, record.other_len},
                            {(void *)data, record.data_len}};
    if (writev(log_fd, parts, 4) < 0)
        _exit(WAY_OUT);
}

static void give_up(const char *what)
{
    dprintf(2, "power_loss_shim: %s is not recorded\n", what);
    _exit(WAY_OUT);
}

/* ---- names */

static void opened(int fd, const char *path, int existed, int truncates, int is_stdio)
{
    struct stat of;
    if (fstat(fd, &of) || fd >= FDS)
        give_up("a file that cannot be looked at");
    fds[fd].inode = of.st_ino;
    fds[fd].stdio = (char)is_stdio;
    if (!existed)
        put((struct record){.kind = 'c', .inode = of.st_ino}, path, NULL, NULL);
    else if (truncates)
        put((struct record){.kind = 't', .inode = of.st_ino}, NULL, NULL, NULL);
}

static int open_any(__typeof__(open) *real, const char *path, int flags, mode_t mode)
{
    if (!is_ours(path))
        return real(path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat of;
    int existed = !stat(path, &of), fd = real(path, flags, mode);
    if (fd >= 0)
        opened(fd, path, existed, flags & O_TRUNC, 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE_OF(flags)               \
    mode_t mode = 0;                 \
    if ((flags)&O_CREAT) {           \
        va_list rest;                \
        va_start(rest, flags);       \
        mode = va_arg(rest, mode_t); \
        va_end(rest);                \
    }

int open(const char *path, int flags, ...)
{
    REAL(open);
    MODE_OF(flags)
    return open_any(real, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(open64);
    MODE_OF(flags)
    return open_any(real, path, flags, mode);
}

static FILE *fopen_any(__typeof__(fopen) *real, const char *path, const char *mode)
{
    if (!is_ours(path) || mode[0] == 'r')
        return real(path, mode);
    pthread_mutex_lock(&lock);
    struct stat of;
    int existed = !stat(path, &of);
    FILE *file = real(path, mode);
    if (file)
        opened(fileno(file), path, existed, mode[0] == 'w', 1);
    pthread_mutex_unlock(&lock);
    return file;
}

FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen);
    return fopen_any(real, path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    REAL(fopen64);
    return fopen_any(real, path, mode);
}

/* Under lock. What stdio has written to the file so far. */
static void put_whole(int fd, uint64_t inode)
{
    char path[64], *bytes;
    struct stat of;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    REAL(open);
    int again = real(path, O_RDONLY | O_CLOEXEC);
    if (again < 0 || fstat(again, &of))
        give_up("a file that cannot be read");
    bytes = malloc((size_t)of.st_size + 1);
    ssize_t n = pread(again, bytes, (size_t)of.st_size, 0);
    put((struct record){.kind = 'w', .inode = inode, .data_len = (uint32_t)(n > 0 ? n : 0)}, NULL, NULL, bytes);
    free(bytes);
    (close)(again);
}

int fclose(FILE *file)
{
    REAL(fclose);
    int fd = fileno(file);
    uint64_t inode = inode_of(fd);
    if (!inode)
        return real(file);
    pthread_mutex_lock(&lock);
    fflush(file);
    if (fds[fd].stdio)
        put_whole(fd, inode);
    fds[fd].inode = 0;
    int result = real(file);
    pthread_mutex_unlock(&lock);
    return result;
}

int close(int fd)
{
    REAL(close);
    if (!inode_of(fd))
        return real(fd);
    pthread_mutex_lock(&lock);
    fds[fd].inode = 0;
    int result = real(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

#define NAMES(kind_of, path, other, call)                                               \
    if (!is_ours(path))                                                                 \
        return call;                                                                    \
    pthread_mutex_lock(&lock);                                                          \
    int result = call, error = errno;                                                   \
    struct stat of = {0};                                                               \
    if (!result && (kind_of) == 'm')                                                    \
        stat(path, &of);                                                                \
    if (!result)                                                                        \
        put((struct record){.kind = (kind_of), .inode = of.st_ino}, path, other, NULL); \
    pthread_mutex_unlock(&lock);                                                        \
    errno = error;                                                                      \
    return result

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    NAMES('m', path, NULL, real(path, mode));
}

int rmdir(const char *path)
{
    REAL(rmdir);
    NAMES('d', path, NULL, real(path));
}

int unlink(const char *path)
{
    REAL(unlink);
    NAMES('u', path, NULL, real(path));
}

int link(const char *path, const char *other)
{
    REAL(link);
    NAMES('l', path, other, real(path, other));
}

int rename(const char *path, const char *other)
{
    REAL(rename);
    NAMES('r', path, other, real(path, other));
}

/* ---- bytes */

static void wrote(uint64_t inode, const void *bytes, ssize_t n, off_t at)
{
    if (n > 0)
        put((struct record){.kind = 'w', .inode = inode, .at = (uint64_t)at, .data_len = (uint32_t)n}, NULL, NULL,
            bytes);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(write);
    uint64_t inode = inode_of(fd);
    if (!inode)
        return real(fd, bytes, n);
    pthread_mutex_lock(&lock);
    ssize_t written = real(fd, bytes, n);
    wrote(inode, bytes, written, lseek(fd, 0, SEEK_CUR) - written);
    pthread_mutex_unlock(&lock);
    return written;
}

static ssize_t pwrite_any(__typeof__(pwrite) *real, int fd, const void *bytes, size_t n, off_t at)
{
    uint64_t inode = inode_of(fd);
    if (!inode)
        return real(fd, bytes, n, at);
    pthread_mutex_lock(&lock);
    ssize_t written = real(fd, bytes, n, at);
    wrote(inode, bytes, written, at);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    REAL(pwrite);
    return pwrite_any(real, fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    REAL(pwrite64);
    return pwrite_any(real, fd, bytes, n, at);
}

/* Under lock. */
static void resized(int fd, uint64_t inode)
{
    struct stat of;
    if (!fstat(fd, &of))
        put((struct record){.kind = 't', .inode = inode, .at = (uint64_t)of.st_size}, NULL, NULL, NULL);
}

#define RESIZES(fd, ok, call)         \
    uint64_t inode = inode_of(fd);    \
    if (!inode)                       \
        return call;                  \
    pthread_mutex_lock(&lock);        \
    int result = call, error = errno; \
    if (ok)                           \
        resized(fd, inode);           \
    pthread_mutex_unlock(&lock);      \
    errno = error;                    \
    return result

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate);
    RESIZES(fd, !result, real(fd, size));
}

int ftruncate64(int fd, off_t size)
{
    REAL(ftruncate64);
    RESIZES(fd, !result, real(fd, size));
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    REAL(fallocate);
    if (mode & ~FALLOC_FL_KEEP_SIZE && inode_of(fd))
        give_up("fallocate that changes bytes");
    RESIZES(fd, !result && !(mode & FALLOC_FL_KEEP_SIZE), real(fd, mode, at, len));
}

int posix_fallocate(int fd, off_t at, off_t len)
{
    REAL(posix_fallocate);
    RESIZES(fd, !result, real(fd, at, len));
}

static void *mmap_any(__typeof__(mmap) *real, void *to, size_t len, int access, int flags, int fd, off_t at)
{
    if (inode_of(fd) && access & PROT_WRITE && flags & MAP_SHARED)
        give_up("writing through mmap");
    return real(to, len, access, flags, fd, at);
}

void *mmap(void *to, size_t len, int access, int flags, int fd, off_t at)
{
    REAL(mmap);
    return mmap_any(real, to, len, access, flags, fd, at);
}

void *mmap64(void *to, size_t len, int access, int flags, int fd, off_t at)
{
    REAL(mmap64);
    return mmap_any(real, to, len, access, flags, fd, at);
}

/* ---- syncs */

static int sync_any(int fd)
{
    uint64_t inode = inode_of(fd);
    if (!inode)
        return 0;
    pthread_mutex_lock(&lock);
    uint32_t number = ++syncs;
    if (fds[fd].stdio)
        put_whole(fd, inode);
    put((struct record){.kind = 's', .inode = inode, .sync = number}, NULL, NULL, NULL);
    pthread_mutex_unlock(&lock);
    if (sync_micros)
        usleep((useconds_t)(number * 2654435761u % (uint32_t)sync_micros));
    pthread_mutex_lock(&lock);
    put((struct record){.kind = 'e', .inode = inode, .sync = number}, NULL, NULL, NULL);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd)
{
    return sync_any(fd);
}

int fdatasync(int fd)
{
    return sync_any(fd);
}

/* Promises nothing. */
int sync_file_range(int fd, off_t at, off_t len, unsigned flags)
{
    (void)fd, (void)at, (void)len, (void)flags;
    return 0;
}

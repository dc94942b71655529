#include "state/deleted_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

/* Smaller ones are freed at once. Measured: steps of 1 to 4 MB leave a sync at its 0.2 to 0.4 ms. */
#define LARGE_BYTES (4 << 20)
#define STEP_BYTES  (2 << 20)
#define STEP_MICROS 5000
/* RocksDB keeps a file as long as somebody reads it. */
#define LOOK_AGAIN_MILLIS 200
#define PATH_SIZE         4096

struct deleted_files {
    char *dir;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool due; /* under lock */
    atomic_bool closing;
};

static void shorten(struct deleted_files *files, const char *path, off_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    while (fd >= 0 && size > 0 && !atomic_load(&files->closing)) {
        size = size > STEP_BYTES ? size - STEP_BYTES : 0;
        if (ftruncate(fd, size))
            break;
        nanosleep(&(struct timespec){.tv_nsec = STEP_MICROS * 1000}, NULL);
    }
    if (fd >= 0)
        close(fd);
    if (!atomic_load(&files->closing))
        unlink(path);
}

static void each_file(struct deleted_files *files, void (*visit)(struct deleted_files *, const char *path, bool *),
                      bool *result)
{
    char path[PATH_SIZE + 300];
    snprintf(path, sizeof path, "%s/deleted", files->dir);
    DIR *list = opendir(path);
    for (struct dirent *item; list && (item = readdir(list));) {
        if (item->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/deleted/%s", files->dir, item->d_name);
        visit(files, path, result);
    }
    if (list)
        closedir(list);
}

/* A file with another name is RocksDB's still: its bytes must stay. */
static void visit_leaving(struct deleted_files *files, const char *path, bool *wait)
{
    struct stat stat_of;
    if (stat(path, &stat_of))
        return;
    if (stat_of.st_nlink > 1)
        *wait = true;
    else
        shorten(files, path, stat_of.st_size);
}

static void visit_named_twice(struct deleted_files *files, const char *path, bool *unused)
{
    struct stat stat_of;
    if (!stat(path, &stat_of) && stat_of.st_nlink > 1)
        unlink(path);
}

static void visit_any(struct deleted_files *files, const char *path, bool *unused)
{
    unlink(path);
}

/* Under files->lock. */
static void wait_for_more(struct deleted_files *files, bool look_again)
{
    if (look_again)
        wr_cond_wait_until(&files->changed, &files->lock, wr_clock_ns() + LOOK_AGAIN_MILLIS * WR_NS_PER_MS);
    else
        pthread_cond_wait(&files->changed, &files->lock);
}

static void *shorten_main(void *argument)
{
    struct deleted_files *files = argument;
    wr_thread_background();
    pthread_mutex_lock(&files->lock);
    while (!atomic_load(&files->closing)) {
        bool look_again = false;
        files->due = false;
        pthread_mutex_unlock(&files->lock);
        each_file(files, visit_leaving, &look_again);
        pthread_mutex_lock(&files->lock);
        if (!files->due && !atomic_load(&files->closing))
            wait_for_more(files, look_again);
    }
    pthread_mutex_unlock(&files->lock);
    return NULL;
}

static void files_free(struct deleted_files *files)
{
    pthread_cond_destroy(&files->changed);
    pthread_mutex_destroy(&files->lock);
    free(files->dir);
    free(files);
}

struct deleted_files *wr_deleted_files_start(const char *dir, struct wr_error *err)
{
    struct deleted_files *files = wr_calloc(1, sizeof *files);
    files->dir = wr_strdup(dir);
    pthread_mutex_init(&files->lock, NULL);
    wr_cond_init(&files->changed);
    each_file(files, visit_named_twice, NULL); /* of a life that ended before RocksDB deleted them */
    if (wr_thread_start(&files->thread, shorten_main, files, false))
        return files;
    wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the threads of the store");
    files_free(files);
    return NULL;
}

void wr_deleted_files_stop(struct deleted_files *files)
{
    if (!files)
        return;
    pthread_mutex_lock(&files->lock);
    atomic_store(&files->closing, true);
    pthread_cond_signal(&files->changed);
    pthread_mutex_unlock(&files->lock);
    pthread_join(files->thread, NULL);
    each_file(files, visit_any, NULL);
    files_free(files);
}

/* Where the file system has no second names, or does not count them, the file is freed at once. */
static void name_again(void *context, const char *name, uint64_t bytes)
{
    struct deleted_files *files = context;
    char from[PATH_SIZE], to[PATH_SIZE];
    struct stat stat_of;
    if (bytes < LARGE_BYTES)
        return;
    snprintf(from, sizeof from, "%s/%s", files->dir, name);
    snprintf(to, sizeof to, "%s/deleted/%s", files->dir, name);
    if (!link(from, to) && (stat(to, &stat_of) || stat_of.st_nlink < 2))
        unlink(to);
}

bool wr_deleted_files_add(struct deleted_files *files, struct rocks *rocks, enum rocks_cf cf, const char *lo,
                          size_t lo_len, const char *hi, size_t hi_len, struct wr_error *err)
{
    wr_rocks_files_within(rocks, cf, lo, lo_len, hi, hi_len, name_again, files);
    bool ok = wr_rocks_delete_files(rocks, cf, lo, lo_len, hi, hi_len, err);
    pthread_mutex_lock(&files->lock);
    files->due = true;
    pthread_cond_signal(&files->changed);
    pthread_mutex_unlock(&files->lock);
    return ok;
}

#include "state/store_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/store_impl.h"
#include "types/key.h"

#define PATH_SIZE      4096
#define FEATURES_KNOWN 0ull

static void path_of(char path[PATH_SIZE], const char *dir, const char *name)
{
    snprintf(path, PATH_SIZE, "%s/%s", dir, name);
}

static bool make_dir(const char *path, struct wr_error *err)
{
    if (!mkdir(path, 0700) || errno == EEXIST)
        return true;
    return wr_fail(err, ERR_IO, "could not create directory \"%s\": %s", path, strerror(errno));
}

static void sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

bool wr_store_dir_write(const char *dir, const char *name, const char *bytes, size_t len, struct wr_error *err)
{
    char path[PATH_SIZE], temporary[PATH_SIZE + 8];
    path_of(path, dir, name);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *file = fopen(temporary, "we");
    if (!file)
        return wr_fail(err, ERR_IO, "could not create file \"%s\": %s", temporary, strerror(errno));
    bool ok = fwrite(bytes, 1, len, file) == len && !fflush(file) && !fsync(fileno(file));
    ok = !fclose(file) && ok;
    if (!ok || rename(temporary, path))
        return wr_fail(err, ERR_IO, "could not write file \"%s\": %s", path, strerror(errno));
    sync_dir(dir);
    return true;
}

/* A directory may be as new: its own name must be on the disk before anything in it counts. */
static bool write_format(const char *dir, struct wr_error *err)
{
    char text[200], parent[PATH_SIZE];
    path_of(parent, dir, "..");
    sync_dir(parent);
    int len = snprintf(text, sizeof text, "weir %d\nfeatures %llu\nkey_hash_seed %llu\nshards %d\n",
                       STORE_FORMAT_VERSION, FEATURES_KNOWN, (unsigned long long)KEY_HASH_SEED, KEY_SHARDS);
    return wr_store_dir_write(dir, "FORMAT", text, (size_t)len, err);
}

static bool check_format(FILE *file, const char *dir, struct wr_error *err)
{
    int version = 0, shards = 0;
    unsigned long long features = 0, seed = 0;
    if (fscanf(file, "weir %d\nfeatures %llu\nkey_hash_seed %llu\nshards %d\n", &version, &features, &seed, &shards) <
        1)
        return wr_fail(err, ERR_DATA_CORRUPTED, "file \"%s/FORMAT\" is damaged", dir);
    if (version > STORE_FORMAT_VERSION || (features & ~FEATURES_KNOWN)) {
        wr_fail(err, ERR_NOT_READY, "directory \"%s\" was written by a newer version", dir);
        return wr_fail_detail(err, "Its format is %d with features %llu; this version knows formats up to %d.", version,
                              features, STORE_FORMAT_VERSION);
    }
    if (seed != KEY_HASH_SEED || shards != KEY_SHARDS)
        return wr_fail(err, ERR_DATA_CORRUPTED, "file \"%s/FORMAT\" does not fit this version", dir);
    return true;
}

static void empty_ingest(const char *dir)
{
    char *ingest = wr_store_dir_ingest(dir), path[PATH_SIZE + 256];
    DIR *list = opendir(ingest);
    for (struct dirent *item; list && (item = readdir(list));)
        if (item->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", ingest, item->d_name);
            unlink(path);
        }
    if (list)
        closedir(list);
    free(ingest);
}

char *wr_store_dir_ingest(const char *dir)
{
    char path[PATH_SIZE];
    path_of(path, dir, "ingest");
    return wr_strdup(path);
}

bool wr_store_dir_prepare(const char *dir, struct wr_error *err)
{
    char path[PATH_SIZE];
    TRY(make_dir(dir, err));
    path_of(path, dir, "FORMAT");
    FILE *file = fopen(path, "re");
    if (file) {
        bool ok = check_format(file, dir, err);
        fclose(file);
        TRY(ok);
    } else if (errno != ENOENT) {
        return wr_fail(err, ERR_IO, "could not open file \"%s\": %s", path, strerror(errno));
    } else {
        path_of(path, dir, "CURRENT");
        if (!access(path, F_OK))
            return wr_fail(err, ERR_DATA_CORRUPTED, "directory \"%s\" holds a database but no FORMAT file", dir);
        TRY(write_format(dir, err));
    }
    path_of(path, dir, "deleted");
    TRY(make_dir(path, err));
    path_of(path, dir, "ingest");
    return make_dir(path, err);
}

bool wr_store_dir_explain(const char *dir, struct wr_error *err)
{
    if (!strcmp(err->sqlstate, ERR_DATA_CORRUPTED))
        return wr_fail_hint(err, "Files in directory \"%s\" were removed, cut or changed. Restore it from a copy.",
                            dir);
    if (!strstr(err->message, "lock") && !strstr(err->message, "LOCK"))
        return false;
    char path[PATH_SIZE];
    path_of(path, dir, "PID");
    FILE *file = fopen(path, "re");
    int pid = 0;
    if (!file || fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file)
        fclose(file);
    wr_fail(err, ERR_LOCKED, "directory \"%s\" is in use by another process", dir);
    if (pid)
        wr_fail_detail(err, "Its process id is %d.", pid);
    return false;
}

void wr_store_dir_lock(const char *dir)
{
    char path[PATH_SIZE];
    empty_ingest(dir);
    path_of(path, dir, "PID");
    FILE *file = fopen(path, "we");
    if (!file)
        return;
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
}

void wr_store_dir_unlock(const char *dir)
{
    char path[PATH_SIZE];
    path_of(path, dir, "PID");
    unlink(path);
}

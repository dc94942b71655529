#include "state/committed_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "state/store_dir.h"

#define PATH_SIZE 4096
#define SLOT_SIZE 512
#define SLOTS     2

static void path_of(char path[PATH_SIZE], const char *dir)
{
    snprintf(path, PATH_SIZE, "%s/COMMITTED", dir);
}

static void print_slot(char slot[SLOT_SIZE], const struct committed_mark *mark)
{
    memset(slot, ' ', SLOT_SIZE);
    slot[SLOT_SIZE - 1] = '\n';
    int len = snprintf(slot, SLOT_SIZE, "commit %llu write %llu", (unsigned long long)mark->commit,
                       (unsigned long long)mark->write);
    uint64_t check = XXH3_64bits(slot, (size_t)len);
    len += snprintf(slot + len, SLOT_SIZE - (size_t)len, " check %016llx", (unsigned long long)check);
    slot[len] = ' ';
}

/* The slot must be what print_slot() makes of the numbers in it. */
static bool parse_slot(const char slot[SLOT_SIZE], struct committed_mark *mark)
{
    char text[SLOT_SIZE + 1], again[SLOT_SIZE];
    memcpy(text, slot, SLOT_SIZE);
    text[SLOT_SIZE] = '\0';
    unsigned long long commit, writes;
    if (sscanf(text, "commit %llu write %llu", &commit, &writes) != 2)
        return false;
    *mark = (struct committed_mark){commit, writes};
    print_slot(again, mark);
    return !memcmp(again, slot, SLOT_SIZE);
}

bool wr_committed_read(const char *dir, struct committed_mark *mark, struct wr_error *err)
{
    char path[PATH_SIZE], bytes[SLOTS * SLOT_SIZE];
    path_of(path, dir);
    *mark = (struct committed_mark){0, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return wr_fail(err, ERR_IO, "could not open file \"%s\": %s", path, strerror(errno));
    ssize_t len = read(fd, bytes, sizeof bytes);
    close(fd);
    bool any = false;
    for (ssize_t at = 0; at + SLOT_SIZE <= len; at += SLOT_SIZE) {
        struct committed_mark found;
        if (!parse_slot(bytes + at, &found))
            continue; /* the machine may have stopped while it was written */
        if (!any || found.write > mark->write)
            *mark = found;
        any = true;
    }
    if (any)
        return true;
    wr_fail(err, ERR_DATA_CORRUPTED, "file \"%s\" is damaged", path);
    return wr_fail_hint(err, "It only tells how far the directory had come. If nothing else in the directory was "
                             "damaged, delete the file and start again.");
}

static bool fail_lost(struct wr_error *err)
{
    return wr_fail_hint(err,
                        "Log files (*.log) were removed, cut or replaced. Restore the directory from a copy. To go "
                        "on without what was lost, delete the file COMMITTED in it.");
}

static bool is_log(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && !strcmp(name + len - 4, ".log");
}

bool wr_committed_check_log(const char *dir, const struct committed_mark *mark, struct wr_error *err)
{
    if (!mark->write)
        return true;
    DIR *list = opendir(dir);
    if (!list)
        return wr_fail(err, ERR_IO, "could not open directory \"%s\": %s", dir, strerror(errno));
    bool any = false;
    for (struct dirent *item; !any && (item = readdir(list));)
        any = is_log(item->d_name);
    closedir(list);
    if (any)
        return true;
    wr_fail(err, ERR_DATA_CORRUPTED, "the log of directory \"%s\" is missing", dir);
    wr_fail_detail(err, "It had come to commit %llu.", (unsigned long long)mark->commit);
    return fail_lost(err);
}

bool wr_committed_check(const char *dir, const struct committed_mark *mark, const struct committed_mark *recovered,
                        struct wr_error *err)
{
    if (recovered->commit >= mark->commit && recovered->write >= mark->write)
        return true;
    wr_fail(err, ERR_DATA_CORRUPTED, "directory \"%s\" has lost its last changes", dir);
    wr_fail_detail(err, "It had come to commit %llu (write %llu); what is there ends at commit %llu (write %llu).",
                   (unsigned long long)mark->commit, (unsigned long long)mark->write,
                   (unsigned long long)recovered->commit, (unsigned long long)recovered->write);
    return fail_lost(err);
}

bool wr_committed_open(struct committed_file *file, const char *dir, const struct committed_mark *mark,
                       struct wr_error *err)
{
    char path[PATH_SIZE], slots[SLOTS * SLOT_SIZE];
    path_of(path, dir);
    for (int i = 0; i < SLOTS; i++)
        print_slot(slots + i * SLOT_SIZE, mark);
    TRY(wr_store_dir_write(dir, "COMMITTED", slots, sizeof slots, err));
    file->mark = *mark;
    file->fd = open(path, O_WRONLY | O_CLOEXEC);
    return file->fd >= 0 || wr_fail(err, ERR_IO, "could not open file \"%s\": %s", path, strerror(errno));
}

void wr_committed_note(struct committed_file *file, const struct committed_mark *mark)
{
    char slot[SLOT_SIZE];
    file->mark.commit = WR_MAX(file->mark.commit, mark->commit);
    file->mark.write = WR_MAX(file->mark.write, mark->write);
    print_slot(slot, &file->mark);
    file->slot = (file->slot + 1) % SLOTS;
    ssize_t written = pwrite(file->fd, slot, sizeof slot, (off_t)(file->slot * SLOT_SIZE));
    (void)written;
}

void wr_committed_sync(struct committed_file *file)
{
    fdatasync(file->fd);
}

void wr_committed_close(struct committed_file *file)
{
    if (file->fd < 0)
        return;
    fdatasync(file->fd);
    close(file->fd);
    file->fd = -1;
}

/* Time zones from TZif files (RFC 8536), version 2 and later: 64-bit transitions and a footer.
 *
 * A zone is read once and kept for the life of the process; the cache is a list under a lock, and callers hold on to
 * the pointer (a view keeps its zone), so the lock is not on any hot path. */
#include "types/timezone.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "types/datetime.h"
#include "types/timezone_rule.h"

#define ZONE_ROOT       "/usr/share/zoneinfo"
#define ZONE_FILE_MAX   (1 << 20)
#define ZONE_NAME_MAX   128
#define ZONE_OFFSET_MAX (168 * 3600)

struct local_type {
    int32_t offset;
    char abbrev[TIMEZONE_ABBREV_MAX];
    bool dst;
};

struct timezone {
    struct timezone *next;
    char name[ZONE_NAME_MAX];
    uint32_t ntimes, ntypes;
    int64_t *times;
    uint8_t *index; /* type from times[i] on */
    struct local_type *types;
    struct zone_rule rule;
    bool has_rule;
};

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct timezone *cache;

/* --- reading a file ------------------------------------------------------------------------------------------- */

struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static bool read_head(struct wr_reader *r, struct counts *n)
{
    const char *magic = wr_get_bytes(r, 4);
    if (!magic || memcmp(magic, "TZif", 4))
        return false;
    bool modern = wr_get_byte(r) >= '2';
    wr_get_bytes(r, 15);
    n->isut = wr_get_u32be(r);
    n->isstd = wr_get_u32be(r);
    n->leap = wr_get_u32be(r);
    n->time = wr_get_u32be(r);
    n->type = wr_get_u32be(r);
    n->chars = wr_get_u32be(r);
    uint32_t most = WR_MAX(WR_MAX(n->isut, n->isstd), WR_MAX(WR_MAX(n->leap, n->time), WR_MAX(n->type, n->chars)));
    return r->ok && modern && most < ZONE_FILE_MAX;
}

static void read_types(struct wr_reader *r, const struct counts *n, struct timezone *zone)
{
    uint8_t at[256] = {0};
    for (uint32_t i = 0; i < n->type; i++) {
        zone->types[i].offset = (int32_t)wr_get_u32be(r);
        zone->types[i].dst = wr_get_byte(r) != 0;
        at[i] = wr_get_byte(r);
    }
    const char *chars = wr_get_bytes(r, n->chars);
    for (uint32_t i = 0; chars && i < n->type; i++)
        if (at[i] < n->chars)
            snprintf(zone->types[i].abbrev, TIMEZONE_ABBREV_MAX, "%.*s", (int)(n->chars - at[i]), chars + at[i]);
}

static void read_footer(struct wr_reader *r, struct timezone *zone)
{
    char text[128];
    size_t left = (size_t)(r->end - r->at);
    const char *end = left > 1 ? memchr(r->at + 1, '\n', left - 1) : NULL;
    if (!end || *r->at != '\n' || (size_t)(end - r->at) > sizeof text)
        return;
    snprintf(text, sizeof text, "%.*s", (int)(end - r->at - 1), r->at + 1);
    zone->has_rule = wr_zone_rule_parse(text, &zone->rule);
}

static bool zone_sane(const struct timezone *zone)
{
    for (uint32_t i = 0; i < zone->ntimes; i++)
        if (zone->index[i] >= zone->ntypes || (i && zone->times[i] <= zone->times[i - 1]))
            return false;
    for (uint32_t i = 0; i < zone->ntypes; i++)
        if (zone->types[i].offset > ZONE_OFFSET_MAX || zone->types[i].offset < -ZONE_OFFSET_MAX)
            return false;
    return true;
}

static bool read_zone(const char *bytes, size_t len, struct timezone *zone)
{
    struct wr_reader r = wr_reader_of(bytes, len);
    struct counts n;
    TRY(read_head(&r, &n));
    wr_get_bytes(&r, (size_t)n.time * 5 + (size_t)n.type * 6 + n.chars + (size_t)n.leap * 8 + n.isstd + n.isut);
    TRY(read_head(&r, &n));
    if (n.type == 0 || n.type > 256 || (size_t)(r.end - r.at) < (size_t)n.time * 9)
        return false;
    zone->ntimes = n.time;
    zone->ntypes = n.type;
    zone->times = wr_calloc(n.time + 1, sizeof(*zone->times));
    zone->index = wr_calloc(n.time + 1, 1);
    zone->types = wr_calloc(n.type, sizeof(*zone->types));
    for (uint32_t i = 0; i < n.time; i++)
        zone->times[i] = (int64_t)wr_get_u64be(&r);
    for (uint32_t i = 0; i < n.time; i++)
        zone->index[i] = wr_get_byte(&r);
    read_types(&r, &n, zone);
    wr_get_bytes(&r, (size_t)n.leap * 12 + n.isstd + n.isut);
    if (!r.ok || !zone_sane(zone))
        return false;
    read_footer(&r, zone);
    return true;
}

static void zone_free(struct timezone *zone)
{
    free(zone->times);
    free(zone->index);
    free(zone->types);
    free(zone);
}

static struct timezone *load_file(const char *path, const char *name)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *bytes = wr_malloc(ZONE_FILE_MAX);
    size_t len = fread(bytes, 1, ZONE_FILE_MAX, file);
    fclose(file);
    struct timezone *zone = wr_calloc(1, sizeof(*zone));
    snprintf(zone->name, sizeof zone->name, "%s", name);
    if (!read_zone(bytes, len, zone)) {
        zone_free(zone);
        zone = NULL;
    }
    free(bytes);
    return zone;
}

/* --- finding -------------------------------------------------------------------------------------------------- */

static bool name_safe(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= ZONE_NAME_MAX || !wr_is_alpha(name[0]) || strstr(name, ".."))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!wr_is_alnum(name[i]) && !strchr("/_+-", name[i]))
            return false;
    return true;
}

/* One path component in its spelling on disk, whatever the case asked for. */
static bool find_entry(const char *folder, const char *want, size_t len, char *out, size_t size)
{
    bool found = false;
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(dir));) {
        if (strlen(entry->d_name) != len || wr_ncasecmp(entry->d_name, want, len))
            continue;
        snprintf(out, size, "%s", entry->d_name);
        found = true;
    }
    closedir(dir);
    return found;
}

static struct timezone *load_named(const char *name)
{
    char path[512] = ZONE_ROOT, part[ZONE_NAME_MAX + 128], spelling[ZONE_NAME_MAX];
    if (!name_safe(name))
        return NULL;
    for (const char *at = name; *at;) {
        size_t len = strcspn(at, "/");
        if (!find_entry(path, at, len, part, sizeof part))
            return NULL;
        size_t used = strlen(path), room = sizeof path - used;
        if ((size_t)snprintf(path + used, room, "/%s", part) >= room)
            return NULL;
        at += len + (at[len] == '/');
    }
    snprintf(spelling, sizeof spelling, "%.*s", ZONE_NAME_MAX - 1, path + strlen(ZONE_ROOT "/"));
    return load_file(path, spelling);
}

/* "+02", "-3:30", "5" */
static struct timezone *load_fixed(const char *name)
{
    int hours, minutes = 0, used = 0;
    bool negative = *name == '-';
    const char *digits = name + (*name == '-' || *name == '+');
    if (!wr_is_digit(*digits) || sscanf(digits, "%2d%n", &hours, &used) < 1)
        return NULL;
    if (digits[used] == ':') {
        int more = 0;
        if (!wr_is_digit(digits[used + 1]) || sscanf(digits + used + 1, "%2d%n", &minutes, &more) < 1)
            return NULL;
        used += 1 + more;
    }
    if (digits[used] || hours > 15 || minutes > 59)
        return NULL;
    struct timezone *zone = wr_calloc(1, sizeof(*zone));
    snprintf(zone->name, sizeof zone->name, "%s", name);
    zone->ntypes = 1;
    zone->times = wr_calloc(1, sizeof(*zone->times));
    zone->index = wr_calloc(1, 1);
    zone->types = wr_calloc(1, sizeof(*zone->types));
    zone->types[0].offset = (hours * 3600 + minutes * 60) * (negative ? -1 : 1);
    snprintf(zone->types[0].abbrev, TIMEZONE_ABBREV_MAX, "%.15s", name);
    return zone;
}

static struct timezone *cached(const char *name)
{
    for (struct timezone *zone = cache; zone; zone = zone->next)
        if (!wr_casecmp(zone->name, name))
            return zone;
    return NULL;
}

const struct timezone *wr_timezone_find(const char *name)
{
    if (!*name)
        name = "UTC";
    pthread_mutex_lock(&cache_lock);
    struct timezone *zone = cached(name);
    if (!zone) {
        zone = wr_is_alpha(*name) ? load_named(name) : load_fixed(name);
        if (zone) {
            zone->next = cache;
            cache = zone;
        }
    }
    pthread_mutex_unlock(&cache_lock);
    return zone;
}

const char *wr_timezone_name(const struct timezone *zone)
{
    return zone ? zone->name : "UTC";
}

/* --- looking up ----------------------------------------------------------------------------------------------- */

/* Number of transitions at or before the instant. */
static uint32_t transitions_until(const struct timezone *zone, int64_t seconds)
{
    uint32_t low = 0, high = zone->ntimes;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (zone->times[middle] <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct local_type *first_type(const struct timezone *zone)
{
    for (uint32_t i = 0; i < zone->ntypes; i++)
        if (!zone->types[i].dst)
            return &zone->types[i];
    return &zone->types[0];
}

int32_t wr_timezone_offset(const struct timezone *zone, int64_t seconds, char *abbrev)
{
    if (!zone) {
        if (abbrev)
            snprintf(abbrev, TIMEZONE_ABBREV_MAX, "UTC");
        return 0;
    }
    uint32_t n = transitions_until(zone, seconds);
    if (n == zone->ntimes && zone->has_rule)
        return wr_zone_rule_offset(&zone->rule, seconds, abbrev);
    const struct local_type *type = n ? &zone->types[zone->index[n - 1]] : first_type(zone);
    if (abbrev)
        snprintf(abbrev, TIMEZONE_ABBREV_MAX, "%s", type->abbrev);
    return type->offset;
}

/* The offsets before and after any change near that wall clock reading; changes are more than two days apart. */
int32_t wr_timezone_offset_local(const struct timezone *zone, int64_t local)
{
    int32_t before = wr_timezone_offset(zone, local - 86400, NULL);
    int32_t after = wr_timezone_offset(zone, local + 86400, NULL);
    if (before == after)
        return before;
    bool by_before = wr_timezone_offset(zone, local - before, NULL) == before;
    bool by_after = wr_timezone_offset(zone, local - after, NULL) == after;
    if (by_before && by_after)
        return after; /* the hour occurs twice */
    if (by_after)
        return after;
    return before; /* valid, or skipped by the clock */
}

/* Catalog versions: an array of counted objects in id order, and a hash from name to object.
 *
 * A version never changes. A change makes a new array that shares the untouched objects (they are counted, each a
 * block of its own with its strings), so a DDL statement costs O(objects) pointers and readers need no lock. */
#include "catalog/catalog.h"

#include <stdatomic.h>
#include <stdlib.h>

/* One object, shared by all versions that hold it. */
struct entry {
    atomic_int refs;
    struct wr_arena arena; /* the object and its strings */
    const struct object *object;
};

struct catalog {
    atomic_int refs;
    size_t n;
    struct entry **entries; /* in id order */
    uint32_t nslots;        /* power of two, at least twice n */
    uint32_t *slots;        /* open hash by name: entry number + 1, 0 = free */
};

static void entry_release(struct entry *entry)
{
    if (atomic_fetch_sub(&entry->refs, 1) != 1)
        return;
    wr_arena_reset(&entry->arena);
    free(entry);
}

struct object *wr_object_copy(struct wr_arena *arena, const struct object *object)
{
    struct wr_buf bytes = WR_BUF_INIT;
    wr_object_encode(&bytes, object);
    struct object *copy;
    struct wr_error err;
    if (!wr_object_decode(arena, bytes.data, bytes.len, &copy, &err))
        __builtin_trap(); /* what we encode we can decode: an invalid object is a caller's bug */
    wr_buf_free(&bytes);
    copy->uncommitted = object->uncommitted;
    copy->unique = object->unique;
    return copy;
}

static struct entry *entry_new(const struct object *object)
{
    struct entry *entry = wr_calloc(1, sizeof(*entry));
    atomic_init(&entry->refs, 1);
    wr_arena_init(&entry->arena, NULL);
    entry->object = wr_object_copy(&entry->arena, object);
    return entry;
}

static uint32_t hash_name(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash ^ hash >> 15;
}

static void index_names(struct catalog *catalog)
{
    catalog->nslots = 16;
    while (catalog->nslots < catalog->n * 2)
        catalog->nslots *= 2;
    catalog->slots = wr_calloc(catalog->nslots, sizeof(uint32_t));
    for (size_t i = 0; i < catalog->n; i++) {
        uint32_t at = hash_name(catalog->entries[i]->object->name) & (catalog->nslots - 1);
        while (catalog->slots[at])
            at = (at + 1) & (catalog->nslots - 1);
        catalog->slots[at] = (uint32_t)i + 1;
    }
}

static struct catalog *version_new(size_t capacity)
{
    struct catalog *catalog = wr_calloc(1, sizeof(*catalog));
    atomic_init(&catalog->refs, 1);
    catalog->entries = wr_calloc(capacity ? capacity : 1, sizeof(struct entry *));
    return catalog;
}

/* Takes over the caller's count. */
static void append(struct catalog *catalog, struct entry *entry)
{
    catalog->entries[catalog->n++] = entry;
}

static struct entry *share(struct entry *entry)
{
    atomic_fetch_add(&entry->refs, 1);
    return entry;
}

const char *wr_object_kind_name(enum object_kind kind)
{
    static const char *const names[] = {"",     "table",           "source", "view", "materialized view",
                                        "sink", "system relation", "index"};
    return names[kind];
}

struct catalog *wr_catalog_new(void)
{
    struct catalog *catalog = version_new(0);
    index_names(catalog);
    return catalog;
}

struct catalog *wr_catalog_retain(struct catalog *catalog)
{
    atomic_fetch_add(&catalog->refs, 1);
    return catalog;
}

void wr_catalog_release(struct catalog *catalog)
{
    if (!catalog || atomic_fetch_sub(&catalog->refs, 1) != 1)
        return;
    for (size_t i = 0; i < catalog->n; i++)
        entry_release(catalog->entries[i]);
    free(catalog->entries);
    free(catalog->slots);
    free(catalog);
}

struct catalog *wr_catalog_with(struct catalog *catalog, const struct object *object)
{
    struct catalog *made = version_new(catalog->n + 1);
    bool placed = false;
    for (size_t i = 0; i < catalog->n; i++) {
        uint32_t id = catalog->entries[i]->object->id;
        if (!placed && id >= object->id) {
            append(made, entry_new(object));
            placed = true;
        }
        if (id != object->id)
            append(made, share(catalog->entries[i]));
    }
    if (!placed)
        append(made, entry_new(object));
    index_names(made);
    return made;
}

struct catalog *wr_catalog_without(struct catalog *catalog, uint32_t id)
{
    struct catalog *made = version_new(catalog->n);
    for (size_t i = 0; i < catalog->n; i++)
        if (catalog->entries[i]->object->id != id)
            append(made, share(catalog->entries[i]));
    index_names(made);
    return made;
}

const struct object *wr_catalog_get(const struct catalog *catalog, uint32_t id)
{
    size_t low = 0, high = catalog->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        uint32_t at = catalog->entries[mid]->object->id;
        if (at == id)
            return catalog->entries[mid]->object;
        if (at < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static const struct object *find_in(const struct catalog *catalog, const char *schema, const char *name)
{
    for (uint32_t at = hash_name(name) & (catalog->nslots - 1); catalog->slots[at];
         at = (at + 1) & (catalog->nslots - 1)) {
        const struct object *object = catalog->entries[catalog->slots[at] - 1]->object;
        if (!strcmp(object->name, name) && !strcmp(object->schema ? object->schema : "public", schema))
            return object;
    }
    return NULL;
}

const struct object *wr_catalog_find(const struct catalog *catalog, const char *schema, const char *name)
{
    static const char *const path[] = {"public", "pg_catalog", "weir_catalog"};
    if (schema)
        return find_in(catalog, schema, name);
    const struct object *object = NULL;
    for (size_t i = 0; !object && i < WR_COUNT(path); i++)
        object = find_in(catalog, path[i], name);
    return object;
}

size_t wr_catalog_count(const struct catalog *catalog)
{
    return catalog->n;
}

const struct object *wr_catalog_at(const struct catalog *catalog, size_t index)
{
    return catalog->entries[index]->object;
}

size_t wr_catalog_dependents(const struct catalog *catalog, uint32_t id, uint32_t *ids, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < catalog->n; i++) {
        const struct object *object = catalog->entries[i]->object;
        bool reads = false;
        for (uint16_t d = 0; d < object->ndeps; d++)
            reads |= object->deps[d] == id;
        if (reads && n++ < max)
            ids[n - 1] = object->id;
    }
    return n;
}

/* What a transaction has written and nobody else sees: per table, key -> (row its snapshot had, row now). */
#include "engine/writes.h"

#include "state/vmap.h"

struct table_overlay {
    uint32_t table;
    const struct object *object; /* NULL until lists are made */
    struct vmap *map;            /* value: [has expected][blob][has now][blob][blind] */
    int64_t n;
    struct relation *relation;
    struct wr_arena arena;
    struct table_overlay *next;
};

/* What a key's value was before a write, for savepoints. */
struct undo {
    struct table_overlay *table;
    const char *key, *value; /* value NULL: it had none */
    uint32_t key_len, value_len;
};

struct overlay {
    weir_db *db;
    struct table_overlay *tables;
    bool journaling; /* there has been a savepoint */
    struct undo *undos;
    size_t nundos, undos_cap;
    struct wr_arena journal;
};

struct overlay *wr_overlay_new(weir_db *db)
{
    struct overlay *overlay = wr_calloc(1, sizeof *overlay);
    overlay->db = db;
    wr_arena_init(&overlay->journal, &db->pool_sessions);
    return overlay;
}

void wr_overlay_free(struct overlay *overlay)
{
    if (!overlay)
        return;
    while (overlay->tables) {
        struct table_overlay *t = overlay->tables;
        overlay->tables = t->next;
        wr_vmap_free(t->map);
        wr_arena_reset(&t->arena);
        free(t);
    }
    free(overlay->undos);
    wr_arena_reset(&overlay->journal);
    free(overlay);
}

static struct table_overlay *find(const struct overlay *overlay, uint32_t table)
{
    struct table_overlay *t = overlay ? overlay->tables : NULL;
    while (t && t->table != table)
        t = t->next;
    return t;
}

static struct table_overlay *find_or_add(struct overlay *overlay, uint32_t table)
{
    struct table_overlay *t = find(overlay, table);
    if (t)
        return t;
    t = wr_calloc(1, sizeof *t);
    t->table = table;
    wr_arena_init(&t->arena, NULL);
    struct vmap_options options = {.pool = &overlay->db->pool_sessions};
    t->map = wr_vmap_new(&options);
    t->next = overlay->tables;
    overlay->tables = t;
    return t;
}

struct cell {
    const char *expected, *now;
    uint32_t expected_len, now_len;
    bool blind;
};

static const char *get_part(struct wr_reader *r, uint32_t *len)
{
    *len = 0;
    if (!wr_get_byte(r))
        return NULL;
    size_t n;
    const char *bytes = wr_get_blob(r, &n);
    *len = (uint32_t)n;
    return bytes ? bytes : "";
}

static struct cell cell_of(const struct vmap_entry *entry)
{
    struct wr_reader r = wr_reader_of(wr_vmap_value(entry), entry->value_len);
    struct cell cell;
    cell.expected = get_part(&r, &cell.expected_len);
    cell.now = get_part(&r, &cell.now_len);
    cell.blind = wr_get_byte(&r);
    return cell;
}

static void put_part(struct wr_buf *buf, const char *bytes, uint32_t len)
{
    wr_buf_byte(buf, bytes != NULL);
    if (bytes)
        wr_buf_blob(buf, bytes, len);
}

struct add {
    struct overlay *overlay;
    struct table_overlay *table;
    struct version *version;
    const struct write_list *list;
    struct wr_arena arena;
    const char *stored; /* answer of the snapshot lookup */
    uint32_t stored_len;
};

static void keep_stored(void *context, uint32_t index, const struct entry *entry)
{
    struct add *add = context;
    add->stored = wr_arena_strndup(&add->arena, entry->payload, entry->payload_len);
    add->stored_len = entry->payload_len;
}

/* What the transaction sees under this key. */
static bool seen(struct add *add, const struct table_write *write, const struct vmap_entry *entry, struct cell *cell,
                 struct wr_error *err)
{
    if (wr_vmap_is_live(entry)) {
        *cell = cell_of(entry);
        return true;
    }
    add->stored = NULL;
    add->stored_len = 0;
    struct str_key key = {write->key, write->key_len};
    TRY(wr_version_get(add->version, &key, 1, keep_stored, add, err));
    *cell = (struct cell){
        .expected = add->stored, .expected_len = add->stored_len, .now = add->stored, .now_len = add->stored_len};
    return true;
}

static void note_undo(struct overlay *overlay, struct table_overlay *table, const struct table_write *write,
                      const struct vmap_entry *entry)
{
    if (!overlay->journaling)
        return;
    if (overlay->nundos == overlay->undos_cap) {
        overlay->undos_cap = WR_MAX(overlay->undos_cap * 2, (size_t)64);
        overlay->undos = wr_realloc(overlay->undos, overlay->undos_cap * sizeof *overlay->undos);
    }
    bool live = wr_vmap_is_live(entry);
    struct undo *undo = &overlay->undos[overlay->nundos++];
    *undo = (struct undo){.table = table, .key_len = write->key_len, .value_len = live ? entry->value_len : 0};
    undo->key = wr_arena_strndup(&overlay->journal, write->key, write->key_len);
    if (live)
        undo->value = wr_arena_strndup(&overlay->journal, wr_vmap_value(entry), entry->value_len);
}

size_t wr_overlay_mark(struct overlay *overlay)
{
    overlay->journaling = true;
    return overlay->nundos;
}

bool wr_overlay_undo(struct overlay *overlay, size_t mark, struct wr_error *err)
{
    while (overlay->nundos > mark) {
        const struct undo *undo = &overlay->undos[overlay->nundos - 1];
        struct vmap *map = undo->table->map;
        struct vmap_entry *entry;
        TRY(wr_vmap_find_one(map, undo->key, undo->key_len, &entry, err));
        if (undo->value) {
            entry = wr_vmap_put(map, entry, undo->value_len);
            memcpy(wr_vmap_room(entry), undo->value, undo->value_len);
        } else {
            wr_vmap_delete(map, entry);
            undo->table->n--;
        }
        overlay->nundos--;
    }
    return true;
}

static bool add_write(void *context, const struct table_write *write, struct wr_error *err)
{
    struct add *add = context;
    uint32_t offsets[2] = {0, write->key_len};
    uint64_t hash = write->hash;
    struct keys keys = {.n = 1, .bytes = (char *)write->key, .offsets = offsets, .hashes = &hash};
    struct vmap_found found;
    TRY(wr_vmap_find(add->table->map, &add->arena, &keys, NULL, &found, err));
    struct vmap_entry *entry = found.entries[0];
    struct cell cell;
    TRY(seen(add, write, entry, &cell, err));
    if (!write->blind && !write->expected && cell.now)
        return wr_duplicate_key(wr_writes_relation(add->list), write->next, err);
    struct wr_buf value = WR_BUF_INIT;
    put_part(&value, cell.expected, cell.expected_len);
    put_part(&value, write->next, write->next_len);
    wr_buf_byte(&value, write->blind || cell.blind);
    note_undo(add->overlay, add->table, write, entry);
    if (!wr_vmap_is_live(entry))
        add->table->n++;
    entry = wr_vmap_put(add->table->map, entry, (uint32_t)value.len);
    memcpy(wr_vmap_room(entry), value.data, value.len);
    wr_buf_free(&value);
    wr_arena_release(&add->arena, (struct wr_mark){0});
    return true;
}

bool wr_overlay_add(struct overlay *overlay, struct snapshot *snapshot, const struct write_list *list,
                    struct wr_error *err)
{
    const struct relation *relation = wr_writes_relation(list);
    struct add add = {.overlay = overlay, .table = find_or_add(overlay, relation->object), .list = list};
    wr_arena_init(&add.arena, NULL);
    add.version = wr_snapshot_version_of(snapshot, relation->trace_id, TRACE_UPSERT);
    bool ok = wr_writes_each(list, add_write, &add, err);
    wr_version_release(add.version);
    wr_arena_reset(&add.arena);
    return ok;
}

bool wr_overlay_any(const struct overlay *overlay, uint32_t table)
{
    const struct table_overlay *t = find(overlay, table);
    return t && t->n;
}

bool wr_overlay_covers(const struct overlay *overlay, uint32_t table, const char *key, uint32_t len)
{
    const struct table_overlay *t = find(overlay, table);
    struct vmap_entry *entry = NULL;
    struct wr_error err;
    return t && wr_vmap_find_one(t->map, key, len, &entry, &err) && entry && wr_vmap_is_live(entry);
}

struct rows_visit {
    overlay_row visit;
    void *context;
    bool ok;
};

static bool visit_entry(void *context, struct vmap_entry *entry)
{
    struct rows_visit *v = context;
    struct cell cell = cell_of(entry);
    if (cell.now)
        v->ok = v->visit(v->context, cell.now, cell.now_len);
    return v->ok;
}

bool wr_overlay_rows(const struct overlay *overlay, uint32_t table, overlay_row visit, void *context)
{
    struct table_overlay *t = find(overlay, table);
    struct rows_visit v = {visit, context, true};
    if (t)
        wr_vmap_each(t->map, visit_entry, &v);
    return v.ok;
}

struct to_list {
    struct table_overlay *table;
    struct write_list *list;
    struct wr_error *err;
    bool ok;
};

static bool list_entry(void *context, struct vmap_entry *entry)
{
    struct to_list *to = context;
    struct cell cell = cell_of(entry);
    if (!cell.expected && !cell.now && !cell.blind)
        return true; /* inserted and deleted again */
    const char *key = wr_vmap_key(to->table->map, entry);
    struct table_write write = {.key = key,
                                .key_len = entry->key_len,
                                .hash = wr_key_hash(key + 1, entry->key_len - 1),
                                .expected = cell.expected,
                                .expected_len = cell.expected_len,
                                .next = cell.now,
                                .next_len = cell.now_len,
                                .blind = cell.blind};
    to->ok = wr_writes_add(to->list, &write, to->err);
    return to->ok;
}

bool wr_overlay_lists(struct overlay *overlay, weir_db *db, struct catalog *catalog, struct write_list ***lists,
                      size_t *n, struct wr_error *err)
{
    size_t tables = 0;
    for (struct table_overlay *t = overlay ? overlay->tables : NULL; t; t = t->next)
        tables++;
    *lists = wr_calloc(tables + 1, sizeof **lists);
    *n = 0;
    for (struct table_overlay *t = overlay ? overlay->tables : NULL; t; t = t->next) {
        const struct object *object = wr_catalog_get(catalog, t->table);
        if (!object || !t->n) /* dropped by this very transaction */
            continue;
        struct to_list to = {t, wr_writes_new(db, object), err, true};
        (*lists)[(*n)++] = to.list;
        wr_vmap_each(t->map, list_entry, &to);
        TRY(to.ok);
    }
    return true;
}

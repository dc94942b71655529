/* System relations: weir_catalog.* and the part of pg_catalog that clients ask for. A table of rows: name, columns, and
 * the function that produces the rows when a query scans it. */
#include "engine/session.h"

#include <stdio.h>
#include <strings.h>

struct system_rows;

struct column_row {
    const char *name;
    uint8_t type;
};

struct system_view {
    const char *schema, *name;
    const struct column_row *cols;
    uint16_t ncols;
    const char *doc;
    void (*fill)(struct system_rows *rows);
};

/* Rows are put together as texts and nulls, pushed in batches. */
struct system_rows {
    weir_db *db;
    weir_session *session;
    struct catalog *catalog;
    struct op *scan;
    const struct object *object;
    struct batch *batch;
    struct wr_arena arena;
    bool ok;
    bool deferred; /* on the loop thread: keep the batches, it must not wait for the query's client */
    struct held_batch *kept;
};

static bool push(struct system_rows *rows)
{
    if (rows->ok && rows->batch && rows->batch->nrows) {
        if (rows->deferred) {
            struct held_batch *held = wr_held_copy(&rows->db->pool_queries, rows->batch);
            held->next = rows->kept;
            rows->kept = held;
        } else {
            rows->ok = wr_op_step(rows->scan, 0, rows->batch);
        }
    }
    rows->batch = NULL;
    wr_arena_release(&rows->arena, (struct wr_mark){0});
    return rows->ok;
}

/* One row: a datum per column in order. Strings are copied. */
static void add(struct system_rows *rows, const struct datum *values)
{
    if (!rows->ok)
        return;
    if (!rows->batch) {
        struct type *types = wr_arena_alloc(&rows->arena, sizeof *types * (rows->object->ncols + 1u));
        for (uint16_t c = 0; c < rows->object->ncols; c++)
            types[c] = rows->object->cols[c].type;
        rows->batch = wr_batch_new(&rows->arena, types, rows->object->ncols, 256);
        rows->batch->nrows = 0;
    }
    uint32_t row = rows->batch->nrows;
    for (uint16_t c = 0; c < rows->object->ncols; c++) {
        struct datum value = values[c];
        value.type = rows->object->cols[c].type;
        if (!value.null && wr_type_info(value.type.id)->phys == PHYS_STR)
            value.str = wr_str(wr_arena_strndup(&rows->arena, value.str.data, value.str.len), value.str.len);
        wr_column_set(&rows->arena, &rows->batch->cols[c], row, 256, &value);
    }
    if (++rows->batch->nrows == 256)
        push(rows);
}

static struct datum text(const char *value)
{
    return (struct datum){.null = !value, .str = wr_str_of(value ? value : "")};
}
static struct datum number(int64_t value)
{
    return (struct datum){.i64 = value};
}
static struct datum small(int32_t value)
{
    return (struct datum){.i32 = value};
}
static struct datum truth(bool value)
{
    return (struct datum){.b = value};
}
static const struct datum none = {.null = true};

/* ---- weir_catalog */

static const struct column_row operators_cols[] = {
    {"object", TYPE_TEXT},      {"node", TYPE_INT4},     {"operator", TYPE_TEXT},   {"worker", TYPE_INT4},
    {"rows_in", TYPE_INT8},     {"rows_out", TYPE_INT8}, {"state_rows", TYPE_INT8}, {"state_bytes", TYPE_INT8},
    {"touched", TYPE_INT8},     {"misses", TYPE_INT8},   {"time_us", TYPE_INT8},    {"errors", TYPE_INT8},
    {"description", TYPE_TEXT},
};

struct collect_call {
    struct system_rows *rows;
    void (*fill)(struct system_rows *rows);
};

static bool on_loop(weir_db *db, void *argument, struct wr_error *err)
{
    struct collect_call *call = argument;
    call->fill(call->rows);
    return true;
}

/* Live objects belong to the loop thread: ask there, push the rows here. */
static void from_loop(struct system_rows *rows, void (*fill)(struct system_rows *))
{
    struct collect_call call = {rows, fill};
    struct wr_error err = WR_ERROR_INIT;
    rows->deferred = true;
    bool ok = wr_loop_call(rows->db, on_loop, &call, false, &err);
    push(rows);
    rows->deferred = false;
    if (!ok) {
        rows->scan->worker->error = err;
        rows->ok = false;
    }
    while (rows->kept) {
        struct held_batch *held = rows->kept;
        rows->kept = held->next;
        if (rows->ok)
            rows->ok = wr_op_step(rows->scan, 0, &held->batch);
        wr_held_release(held);
    }
}

static void operators_on_loop(struct system_rows *rows)
{
    struct wr_buf line = WR_BUF_INIT;
    for (uint32_t i = 0; i < rows->db->nlive; i++) {
        struct live *live = rows->db->live[i];
        for (uint32_t w = 0; w < rows->db->nworkers; w++)
            for (uint32_t o = 0; o < live->flows[w]->nops; o++) {
                struct op *op = live->flows[w]->ops[o];
                struct op_stats stats = op->stats;
                if (op->cls->stats)
                    op->cls->stats(op, &stats);
                line.len = 0;
                if (op->plan)
                    wr_plan_describe(&line, op->plan);
                const struct datum values[] = {
                    text(live->object->name),     small(op->plan ? (int32_t)op->plan->id : -1),
                    text(op->cls->name),          small((int32_t)w),
                    number(stats.rows_in),        number(stats.rows_out),
                    number(stats.state_rows),     number(stats.state_bytes),
                    number(stats.touched),        number(stats.misses),
                    number(stats.time_ns / 1000), number(stats.errors),
                    text(wr_buf_cstr(&line)),
                };
                add(rows, values);
            }
    }
    wr_buf_free(&line);
}

static void operators(struct system_rows *rows)
{
    from_loop(rows, operators_on_loop);
}

static const struct column_row sources_cols[] = {
    {"object", TYPE_TEXT},     {"connector", TYPE_TEXT}, {"partition", TYPE_INT4}, {"offset", TYPE_INT8},
    {"end_offset", TYPE_INT8}, {"lag", TYPE_INT8},       {"cpu_us", TYPE_INT8},
};

static int64_t end_of(const struct partition_offset *known, uint32_t n, int32_t partition)
{
    for (uint32_t i = 0; i < n; i++)
        if (known[i].partition == partition)
            return known[i].end;
    return -1;
}

/* Thread time of the connector: told once per object, in its first partition's row. */
static struct datum cpu_of(const struct live_source *input, uint32_t partition)
{
    if (partition || !input->cls->cpu_ns)
        return none;
    return number(input->cls->cpu_ns(input->source) / 1000);
}

static void sources_on_loop(struct system_rows *rows)
{
    for (uint32_t i = 0; i < rows->db->nlive; i++) {
        struct live *live = rows->db->live[i];
        if (!live->input)
            continue;
        struct partition_offset known[1024];
        uint32_t n = live->input->cls->positions(live->input->source, known, WR_COUNT(known));
        n = WR_MIN(n, (uint32_t)WR_COUNT(known));
        for (uint32_t p = 0; p < live->input->noffsets; p++) {
            const struct partition_offset *at = &live->input->offsets[p];
            int64_t end = end_of(known, n, at->partition);
            const struct datum values[] = {
                text(live->object->name),     text(live->input->cls->connector),
                small(at->partition),         number(at->next),
                end < 0 ? none : number(end), end < 0 ? none : number(WR_MAX(end - at->next, 0)),
                cpu_of(live->input, p)};
            add(rows, values);
        }
    }
}

static void sources(struct system_rows *rows)
{
    from_loop(rows, sources_on_loop);
}

static const struct column_row sinks_cols[] = {
    {"object", TYPE_TEXT},   {"connector", TYPE_TEXT}, {"delivered_commit", TYPE_INT8},
    {"messages", TYPE_INT8}, {"backlog", TYPE_INT8},   {"state", TYPE_TEXT},
    {"error", TYPE_TEXT},
};

static const char *option_value(const struct object *object, const char *key)
{
    for (uint16_t i = 0; i < object->noptions; i++)
        if (!strcmp(object->options[i].key, key))
            return object->options[i].value;
    return NULL;
}

static void sinks_on_loop(struct system_rows *rows)
{
    for (uint32_t i = 0; i < rows->db->nlive; i++) {
        struct live *live = rows->db->live[i];
        if (live->object->kind != OBJECT_SINK)
            continue;
        struct sink_status status = {.delivered_commit = wr_store_committed(rows->db->store)};
        if (live->sink)
            wr_sink_runner_status(live->sink, &status);
        const struct datum values[] = {text(live->object->name),
                                       text(option_value(live->object, "connector")),
                                       number((int64_t)status.delivered_commit),
                                       number(status.messages),
                                       number(status.backlog),
                                       text(status.stopped ? "stopped" : "running"),
                                       text(status.stopped ? status.error : NULL)};
        add(rows, values);
    }
}

static void sinks(struct system_rows *rows)
{
    from_loop(rows, sinks_on_loop);
}

static const struct column_row memory_cols[] = {
    {"pool", TYPE_TEXT}, {"used_bytes", TYPE_INT8}, {"peak_bytes", TYPE_INT8}};

static void memory(struct system_rows *rows)
{
    struct wr_budget *budget = &rows->db->budget;
    for (int i = 0; i < atomic_load(&budget->pool_count) && i < WR_BUDGET_POOLS_MAX; i++) {
        struct wr_pool *pool = budget->pools[i];
        const struct datum values[] = {text(pool->name), number(atomic_load(&pool->used_bytes)),
                                       number(atomic_load(&pool->peak_bytes))};
        add(rows, values);
    }
    const struct datum total[] = {text("total"), number(atomic_load(&budget->used_bytes)), none};
    add(rows, total);
    const struct datum limit[] = {text("limit"), number(budget->limit_bytes), none};
    add(rows, limit);
}

static const struct column_row progress_cols[] = {
    {"object", TYPE_TEXT}, {"kind", TYPE_TEXT}, {"rows_done", TYPE_INT8}, {"rows_total", TYPE_INT8}};

static void progress_row(void *context, const struct object *object, const struct backfill_progress *p)
{
    const struct datum values[] = {text(object->name), text(object->kind == OBJECT_SINK ? "sink" : "materialized view"),
                                   number(p->rows_done), number(p->rows_total)};
    add(context, values);
}

static void progress(struct system_rows *rows)
{
    wr_backfill_each(rows->db, progress_row, rows);
}

static const struct column_row store_cols[] = {{"name", TYPE_TEXT}, {"value", TYPE_INT8}};

static void store(struct system_rows *rows)
{
    struct store_stats s;
    wr_store_stats(rows->db->store, &s);
    const struct {
        const char *name;
        int64_t value;
    } list[] = {{"committed", (int64_t)s.committed},
                {"commits", s.commits},
                {"commit_bytes_written", s.commit_bytes_written},
                {"merges", s.merges},
                {"merge_bytes_read", s.merge_bytes_read},
                {"merge_bytes_written", s.merge_bytes_written},
                {"disk_bytes", s.disk_bytes},
                {"ram_run_bytes", s.ram_run_bytes},
                {"block_cache_bytes", s.block_cache_bytes},
                {"memtable_bytes", s.memtable_bytes},
                {"bloom_skips", s.bloom_skips},
                {"block_reads", s.block_reads},
                {"snapshots", s.snapshots},
                {"epochs", atomic_load(&rows->db->epochs)},
                {"rows_in", atomic_load(&rows->db->rows_in)},
                {"rows_out", atomic_load(&rows->db->rows_out)}};
    for (size_t i = 0; i < WR_COUNT(list); i++) {
        const struct datum values[] = {text(list[i].name), number(list[i].value)};
        add(rows, values);
    }
}

static const struct column_row relations_cols[] = {
    {"id", TYPE_INT8}, {"schema", TYPE_TEXT}, {"name", TYPE_TEXT}, {"kind", TYPE_TEXT}, {"definition", TYPE_TEXT}};

static const char *const kind_words[] = {"", "table", "source", "view", "materialized view", "sink", "system"};

static void relations(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        const struct datum values[] = {number(o->id), text(o->schema), text(o->name), text(kind_words[o->kind]),
                                       text(o->definition)};
        add(rows, values);
    }
}

static const struct column_row settings_cols[] = {
    {"name", TYPE_TEXT}, {"setting", TYPE_TEXT}, {"short_desc", TYPE_TEXT}};

static void settings(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_settings_count(); i++) {
        const char *name, *value, *doc;
        wr_setting_at(rows->session, i, &name, &value, &doc);
        const struct datum values[] = {text(name), text(value), text(doc)};
        add(rows, values);
    }
}

static const struct column_row functions_cols[] = {
    {"name", TYPE_TEXT}, {"arguments", TYPE_TEXT}, {"result", TYPE_TEXT}, {"description", TYPE_TEXT}};

static void functions(struct system_rows *rows)
{
    const struct fn *fn;
    for (size_t i = 0; (fn = wr_fn_list(i)); i++) {
        char args[256] = "";
        for (uint8_t a = 0; a < fn->nargs; a++)
            snprintf(args + strlen(args), sizeof args - strlen(args), "%s%s", a ? ", " : "",
                     fn->args[a] ? wr_type_info(fn->args[a])->name : "any");
        const struct datum values[] = {text(fn->name), text(args),
                                       text(fn->result ? wr_type_info(fn->result)->name : "any"), text(fn->doc)};
        add(rows, values);
    }
}

/* ---- pg_catalog: what clients read without joining it to what is not there */

static const struct column_row namespace_cols[] = {{"oid", TYPE_INT8}, {"nspname", TYPE_TEXT}, {"nspowner", TYPE_INT8}};

static int64_t schema_oid(const char *schema)
{
    return !strcmp(schema, "pg_catalog") ? 11 : !strcmp(schema, "public") ? 2200 : 13000;
}

static void namespaces(struct system_rows *rows)
{
    static const char *const names[] = {"pg_catalog", "public", "weir_catalog"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        const struct datum values[] = {number(schema_oid(names[i])), text(names[i]), number(10)};
        add(rows, values);
    }
}

static const struct column_row class_cols[] = {
    {"oid", TYPE_INT8},         {"relname", TYPE_TEXT},        {"relnamespace", TYPE_INT8},
    {"reltype", TYPE_INT8},     {"relowner", TYPE_INT8},       {"relkind", TYPE_TEXT},
    {"relnatts", TYPE_INT4},    {"relhasindex", TYPE_BOOL},    {"relpersistence", TYPE_TEXT},
    {"reltuples", TYPE_FLOAT8}, {"relispartition", TYPE_BOOL},
};

static const char *relkind(enum object_kind kind)
{
    return kind == OBJECT_MATERIALIZED_VIEW ? "m" : kind == OBJECT_VIEW || kind == OBJECT_SYSTEM ? "v" : "r";
}

static void classes(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind == OBJECT_SINK)
            continue;
        const struct datum values[] = {number(o->id),
                                       text(o->name),
                                       number(schema_oid(o->schema)),
                                       number(0),
                                       number(10),
                                       text(relkind(o->kind)),
                                       small(o->ncols),
                                       truth(o->npk > 0 && o->kind == OBJECT_TABLE),
                                       text("p"),
                                       {.f64 = -1},
                                       truth(false)};
        add(rows, values);
    }
}

static const struct column_row attribute_cols[] = {
    {"attrelid", TYPE_INT8},   {"attname", TYPE_TEXT},      {"atttypid", TYPE_INT8},  {"attnum", TYPE_INT4},
    {"attnotnull", TYPE_BOOL}, {"attisdropped", TYPE_BOOL}, {"atttypmod", TYPE_INT4}, {"attlen", TYPE_INT4},
};

static void attributes(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        for (uint16_t c = 0; c < o->ncols; c++) {
            const struct object_column *col = &o->cols[c];
            if (col->hidden)
                continue;
            const struct type_info *info = wr_type_info(col->type.id);
            const struct datum values[] = {number(o->id), text(col->name),      number(info->oid),
                                           small(c + 1),  truth(col->not_null), truth(false),
                                           small(-1),     small(info->pg_len)};
            add(rows, values);
        }
    }
}

static const struct column_row type_cols[] = {
    {"oid", TYPE_INT8},     {"typname", TYPE_TEXT},     {"typnamespace", TYPE_INT8},   {"typlen", TYPE_INT4},
    {"typtype", TYPE_TEXT}, {"typcategory", TYPE_TEXT}, {"typispreferred", TYPE_BOOL}, {"typrelid", TYPE_INT8},
    {"typelem", TYPE_INT8}, {"typarray", TYPE_INT8},    {"typbasetype", TYPE_INT8},    {"typnotnull", TYPE_BOOL},
    {"typdelim", TYPE_TEXT}};

static void types(struct system_rows *rows)
{
    for (uint8_t id = 1; id < TYPE_COUNT; id++) {
        const struct type_info *info = wr_type_info(id);
        char category[2] = {info->category, 0};
        const struct datum values[] = {
            number(info->oid), text(info->internal),   number(11), small(info->pg_len), text("b"),
            text(category),    truth(info->preferred), number(0),  number(0),           number(0),
            number(0),         truth(false),           text(",")};
        add(rows, values);
    }
}

static const struct column_row database_cols[] = {
    {"oid", TYPE_INT8},        {"datname", TYPE_TEXT},  {"datdba", TYPE_INT8},       {"encoding", TYPE_INT4},
    {"datcollate", TYPE_TEXT}, {"datctype", TYPE_TEXT}, {"datallowconn", TYPE_BOOL}, {"datistemplate", TYPE_BOOL}};

static void databases(struct system_rows *rows)
{
    const struct datum values[] = {number(1),       text("dev"),     number(10),  small(6),
                                   text("C.UTF-8"), text("C.UTF-8"), truth(true), truth(false)};
    add(rows, values);
}

static const struct column_row pgtables_cols[] = {
    {"schemaname", TYPE_TEXT}, {"tablename", TYPE_TEXT}, {"tableowner", TYPE_TEXT}};

static void pgtables(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind != OBJECT_TABLE)
            continue;
        const struct datum values[] = {text(o->schema), text(o->name), text("root")};
        add(rows, values);
    }
}

static const struct column_row matviews_cols[] = {
    {"schemaname", TYPE_TEXT}, {"matviewname", TYPE_TEXT}, {"matviewowner", TYPE_TEXT}, {"definition", TYPE_TEXT}};

static void matviews(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind != OBJECT_MATERIALIZED_VIEW)
            continue;
        const struct datum values[] = {text(o->schema), text(o->name), text("root"), text(o->query)};
        add(rows, values);
    }
}

/* ---- the table */

#define VIEW(schema, name, cols, doc, fill)            \
    {                                                  \
        schema, #name, cols, WR_COUNT(cols), doc, fill \
    }

static const struct system_view views[] = {
    VIEW("weir_catalog", operators, operators_cols, "Operators of live objects: rows, state, time.", operators),
    VIEW("weir_catalog", sources, sources_cols, "Partitions of running sources: position, end, lag.", sources),
    VIEW("weir_catalog", sinks, sinks_cols, "Sinks: what is delivered, what waits, why one stopped.", sinks),
    VIEW("weir_catalog", memory, memory_cols, "Memory pools and the limit.", memory),
    VIEW("weir_catalog", progress, progress_cols, "Views and sinks being created.", progress),
    VIEW("weir_catalog", store, store_cols, "Counters of the store and the epoch loop.", store),
    VIEW("weir_catalog", relations, relations_cols, "All objects with their definitions.", relations),
    VIEW("weir_catalog", functions, functions_cols, "Functions, operators and casts.", functions),
    VIEW("pg_catalog", pg_settings, settings_cols, "Session settings.", settings),
    VIEW("pg_catalog", pg_namespace, namespace_cols, "Schemas.", namespaces),
    VIEW("pg_catalog", pg_class, class_cols, "Relations.", classes),
    VIEW("pg_catalog", pg_attribute, attribute_cols, "Columns.", attributes),
    VIEW("pg_catalog", pg_type, type_cols, "Types.", types),
    VIEW("pg_catalog", pg_database, database_cols, "The database.", databases),
    VIEW("pg_catalog", pg_tables, pgtables_cols, "Tables.", pgtables),
    VIEW("pg_catalog", pg_matviews, matviews_cols, "Materialized views.", matviews),
};

void wr_catalog_add_system(struct catalog **catalog)
{
    for (size_t v = 0; v < WR_COUNT(views); v++) {
        struct object_column cols[32] = {0};
        for (uint16_t c = 0; c < views[v].ncols; c++)
            cols[c] = (struct object_column){
                .id = c + 1u, .name = views[v].cols[c].name, .type = TYPE(views[v].cols[c].type)};
        struct object object = {.id = OBJECT_SYSTEM_FIRST + (uint32_t)v,
                                .kind = OBJECT_SYSTEM,
                                .schema = views[v].schema,
                                .name = views[v].name,
                                .ncols = views[v].ncols,
                                .cols = cols,
                                .definition = views[v].doc};
        struct catalog *with = wr_catalog_with(*catalog, &object);
        wr_catalog_release(*catalog);
        *catalog = with;
    }
}

bool wr_system_feed(weir_db *db, weir_session *session, struct catalog *catalog, struct op *scan,
                    const struct object *object)
{
    const struct system_view *view = &views[object->id - OBJECT_SYSTEM_FIRST];
    struct system_rows rows = {
        .db = db, .session = session, .catalog = catalog, .scan = scan, .object = object, .ok = true};
    wr_arena_init(&rows.arena, NULL);
    view->fill(&rows);
    push(&rows);
    wr_arena_reset(&rows.arena);
    return rows.ok;
}

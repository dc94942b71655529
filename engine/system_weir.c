/* weir_catalog: what the running database does. */
#include "engine/system.h"

#include "catalog/indexes.h"
#include "connectors/options.h"

#include <stdio.h>
#include <string.h>

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
                    sys_text(live->object->name),   sys_int4(op->plan ? (int32_t)op->plan->id : -1),
                    sys_text(op->cls->name),        sys_int4((int32_t)w),
                    sys_int8(stats.rows_in),        sys_int8(stats.rows_out),
                    sys_int8(stats.state_rows),     sys_int8(stats.state_bytes),
                    sys_int8(stats.touched),        sys_int8(stats.misses),
                    sys_int8(stats.time_ns / 1000), sys_int8(stats.errors),
                    sys_text(wr_buf_cstr(&line)),
                };
                wr_system_add(rows, values);
            }
    }
    wr_buf_free(&line);
}

static void operators(struct system_rows *rows)
{
    wr_system_from_loop(rows, operators_on_loop);
}

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
        return sys_null();
    return sys_int8(input->cls->cpu_ns(input->source) / 1000);
}

static struct datum trouble_of(const struct live_source *input, char *text, size_t size)
{
    bool trouble = input->cls->trouble && input->cls->trouble(input->source, text, size);
    return trouble ? sys_text(text) : sys_null();
}

static void sources_on_loop(struct system_rows *rows)
{
    for (uint32_t i = 0; i < rows->db->nlive; i++) {
        struct live *live = rows->db->live[i];
        char text[256];
        if (!live->input)
            continue;
        if (!live->input->noffsets) { /* its topic has not been seen yet */
            const struct datum none[] = {sys_text(live->object->name),
                                         sys_text(live->input->cls->connector),
                                         sys_null(),
                                         sys_null(),
                                         sys_null(),
                                         sys_null(),
                                         sys_null(),
                                         trouble_of(live->input, text, sizeof text)};
            wr_system_add(rows, none);
        }
        struct partition_offset known[1024];
        uint32_t n = live->input->cls->positions(live->input->source, known, WR_COUNT(known));
        n = WR_MIN(n, (uint32_t)WR_COUNT(known));
        for (uint32_t p = 0; p < live->input->noffsets; p++) {
            const struct partition_offset *at = &live->input->offsets[p];
            int64_t end = end_of(known, n, at->partition);
            const struct datum values[] = {sys_text(live->object->name),
                                           sys_text(live->input->cls->connector),
                                           sys_int4(at->partition),
                                           sys_int8(at->next),
                                           end < 0 ? sys_null() : sys_int8(end),
                                           end < 0 ? sys_null() : sys_int8(WR_MAX(end - at->next, 0)),
                                           cpu_of(live->input, p),
                                           trouble_of(live->input, text, sizeof text)};
            wr_system_add(rows, values);
        }
    }
}

static void sources(struct system_rows *rows)
{
    wr_system_from_loop(rows, sources_on_loop);
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
        const struct datum values[] = {sys_text(live->object->name),
                                       sys_text(wr_option_get(live->object, "connector")),
                                       sys_int8((int64_t)status.delivered_commit),
                                       sys_int8(status.messages),
                                       sys_int8(status.backlog),
                                       sys_text(status.stopped ? "stopped" : "running"),
                                       sys_text(status.stopped ? status.error : NULL)};
        wr_system_add(rows, values);
    }
}

static void sinks(struct system_rows *rows)
{
    wr_system_from_loop(rows, sinks_on_loop);
}

static void memory(struct system_rows *rows)
{
    struct wr_budget *budget = &rows->db->budget;
    for (int i = 0; i < atomic_load(&budget->pool_count) && i < WR_BUDGET_POOLS_MAX; i++) {
        struct wr_pool *pool = budget->pools[i];
        const struct datum values[] = {sys_text(pool->name), sys_int8(atomic_load(&pool->used_bytes)),
                                       sys_int8(atomic_load(&pool->peak_bytes))};
        wr_system_add(rows, values);
    }
    const struct datum total[] = {sys_text("total"), sys_int8(atomic_load(&budget->used_bytes)), sys_null()};
    wr_system_add(rows, total);
    const struct datum limit[] = {sys_text("limit"), sys_int8(budget->limit_bytes), sys_null()};
    wr_system_add(rows, limit);
}

static void progress_row(void *context, const struct object *object, const struct backfill_progress *p)
{
    const struct datum values[] = {sys_text(object->name),
                                   sys_text(object->kind == OBJECT_SINK ? "sink" : "materialized view"),
                                   sys_int8(p->rows_done), sys_int8(p->rows_total)};
    wr_system_add(context, values);
}

static void progress(struct system_rows *rows)
{
    wr_backfill_each(rows->db, progress_row, rows);
}

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
        const struct datum values[] = {sys_text(list[i].name), sys_int8(list[i].value)};
        wr_system_add(rows, values);
    }
}

static void relations(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        const struct datum values[] = {sys_int8(o->id), sys_text(o->schema), sys_text(o->name),
                                       sys_text(wr_object_kind_name(o->kind)), sys_text(o->definition)};
        wr_system_add(rows, values);
    }
}

static void index_columns(struct system_rows *rows)
{
    struct catalog_index index;
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        if (!wr_catalog_index(rows->catalog, wr_catalog_at(rows->catalog, i), &index))
            continue;
        for (uint16_t k = 0; k < index.nkey; k++) {
            const struct datum values[] = {sys_int8(index.oid),
                                           sys_int8(index.of->id),
                                           sys_int4(k + 1),
                                           sys_int4(index.key[k] + 1),
                                           sys_bool(index.primary),
                                           sys_bool(index.primary),
                                           sys_bool(false),
                                           sys_text(index.of->schema),
                                           sys_text(index.of->name),
                                           sys_text(index.name),
                                           sys_text(index.of->cols[index.key[k]].name),
                                           sys_null(),
                                           sys_null()};
            wr_system_add(rows, values);
        }
    }
}

static void functions(struct system_rows *rows)
{
    const struct fn *fn;
    for (size_t i = 0; (fn = wr_fn_list(i)); i++) {
        char args[256] = "";
        for (uint8_t a = 0; a < fn->nargs; a++)
            snprintf(args + strlen(args), sizeof args - strlen(args), "%s%s", a ? ", " : "",
                     fn->args[a] ? wr_type_info(fn->args[a])->name : "any");
        const struct datum values[] = {sys_text(fn->name), sys_text(args),
                                       sys_text(fn->result ? wr_type_info(fn->result)->name : "any"),
                                       sys_text(fn->doc)};
        wr_system_add(rows, values);
    }
}

static const struct system_relation rows[] = {
    {"weir_catalog", "operators",
     "object text, node int, operator text, worker int, rows_in bigint, rows_out bigint, state_rows bigint, "
     "state_bytes bigint, touched bigint, misses bigint, time_us bigint, errors bigint, description text",
     "Operators of live objects: rows, state, time.", operators},
    {"weir_catalog", "sources",
     "object text, connector text, partition int, offset bigint, end_offset bigint, lag bigint, cpu_us bigint, "
     "error text",
     "Partitions of running sources: position, end, lag, what they wait for.", sources},
    {"weir_catalog", "sinks",
     "object text, connector text, delivered_commit bigint, messages bigint, backlog bigint, state text, error text",
     "Sinks: what is delivered, what waits, why one stopped.", sinks},
    {"weir_catalog", "memory", "pool text, used_bytes bigint, peak_bytes bigint", "Memory pools and the limit.",
     memory},
    {"weir_catalog", "progress", "object text, kind text, rows_done bigint, rows_total bigint",
     "Views and sinks being created.", progress},
    {"weir_catalog", "store", "name text, value bigint", "Counters of the store and the epoch loop.", store},
    {"weir_catalog", "relations", "id bigint, schema text, name text, kind text, definition text",
     "All objects with their definitions.", relations},
    {"weir_catalog", "index_columns",
     "indexrelid bigint key, indrelid bigint, n int key, x int, indisprimary boolean, indisunique boolean, "
     "indisclustered boolean, schema text, relation text, index text, name text, indoption text, indpred text",
     "Columns of primary keys and indexes: the n-th is the relation's column x.", index_columns},
    {"weir_catalog", "functions", "name text, arguments text, result text, description text",
     "Functions, operators and casts.", functions},
};

const struct system_relations wr_system_weir = {rows, WR_COUNT(rows)};

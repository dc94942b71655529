/* SHOW, DESCRIBE, FLUSH. */
#include "catalog/indexes.h"
#include "engine/session.h"

#include <fnmatch.h>
#include <stdio.h>
#include <strings.h>

/* ---- columns of such results are text */

void wr_text_columns(struct weir_statement *statement, int n, const char *const *names)
{
    statement->ncols = n;
    statement->cols = WR_NEW_ARRAY(&statement->arena, struct output_column, n + 1);
    for (int c = 0; c < n; c++)
        statement->cols[c] = (struct output_column){.name = names[c], .type = TYPE(TYPE_TEXT)};
}

void wr_begin_texts(struct weir_statement *statement, struct weir_result *result, const char *tag)
{
    const char *names[16];
    for (int c = 0; c < statement->ncols; c++)
        names[c] = statement->cols[c].name;
    wr_result_columns(result, statement->ncols, names, NULL);
    snprintf(result->tag, sizeof result->tag, "%s", tag);
}

/* ---- SHOW TABLES ... */

static bool show_create(const struct statement *parsed)
{
    return parsed->show_what >= SHOW_CREATE_TABLE;
}

bool wr_show_describe(struct weir_statement *statement, struct wr_error *err)
{
    const struct statement *parsed = statement->parsed;
    if (parsed->show_what == SHOW_COLUMNS)
        wr_text_columns(statement, 3, (const char *const[]){"Name", "Type", "Is Hidden"});
    else if (parsed->show_what == SHOW_CREATE_SINK_FOR_CLICKHOUSE)
        wr_text_columns(statement, 1, (const char *const[]){"Create Sql"});
    else if (show_create(parsed))
        wr_text_columns(statement, 2, (const char *const[]){"Name", "Create Sql"});
    else if (parsed->show_what == SHOW_JOBS)
        wr_text_columns(statement, 3, (const char *const[]){"Id", "Statement", "Progress"});
    else if (parsed->show_what == SHOW_INDEXES)
        wr_text_columns(statement, 4, (const char *const[]){"Name", "On", "Key", "Include"});
    else
        wr_text_columns(statement, 1, (const char *const[]){"Name"});
    return true;
}

/* SQL's LIKE by way of the shell's patterns. */
static bool like(const char *pattern, const char *name, bool ignore_case)
{
    if (!pattern)
        return true;
    char glob[512];
    size_t n = 0;
    for (; *pattern && n < sizeof glob - 3; pattern++) {
        if (*pattern == '%')
            glob[n++] = '*';
        else if (*pattern == '_')
            glob[n++] = '?';
        else {
            if (strchr("*?[]\\", *pattern))
                glob[n++] = '\\';
            glob[n++] = *pattern;
        }
    }
    glob[n] = '\0';
    return !fnmatch(glob, name, ignore_case ? FNM_CASEFOLD : 0);
}

static void show_kind(struct weir_result *result, const struct catalog *catalog, const struct statement *parsed,
                      enum object_kind kind)
{
    const char *schema = parsed->show_from ? parsed->show_from : "public";
    for (size_t i = 0; i < wr_catalog_count(catalog); i++) {
        const struct object *object = wr_catalog_at(catalog, i);
        if (object->kind == kind && !strcmp(object->schema, schema) &&
            like(parsed->show_like, object->name, parsed->show_ilike))
            wr_result_row(result, &object->name);
    }
}

static bool find_object(const struct catalog *catalog, const struct statement *parsed, const char *name,
                        const struct object **object, struct weir_statement *statement, struct wr_error *err)
{
    *object = wr_catalog_find(catalog, parsed->schema, name);
    return *object || wr_fail(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", name);
}

static void show_columns(struct weir_result *result, const struct object *object)
{
    char type[64];
    for (uint16_t c = 0; c < object->ncols; c++) {
        const struct object_column *col = &object->cols[c];
        const char *row[3] = {col->name, wr_type_name(col->type, type, sizeof type), col->hidden ? "true" : "false"};
        wr_result_row(result, row);
    }
}

struct live_ddl {
    const struct object *object;
    struct wr_buf *out;
};

static bool clickhouse_ddl(weir_db *db, void *argument, struct wr_error *err)
{
    struct live_ddl *ddl = argument;
    struct live *live = wr_live_find(db, ddl->object->id);
    if (!live)
        return wr_fail(err, ERR_NOT_READY, "sink \"%s\" is still being created", ddl->object->name);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct sink_config config;
    bool ok = wr_sink_config_of(&arena, db, live, &config) && wr_sink_clickhouse_ddl(&config, ddl->out, err);
    wr_arena_reset(&arena);
    return ok;
}

static bool show_definition(struct weir_statement *statement, struct weir_result *result, const struct catalog *catalog,
                            struct wr_error *err)
{
    const struct statement *parsed = statement->parsed;
    const struct object *object;
    TRY(find_object(catalog, parsed, parsed->name, &object, statement, err));
    static const enum object_kind kinds[] = {
        OBJECT_TABLE, OBJECT_VIEW, OBJECT_MATERIALIZED_VIEW, OBJECT_SOURCE, OBJECT_INDEX, OBJECT_SINK, OBJECT_SINK};
    if (object->kind != kinds[parsed->show_what - SHOW_CREATE_TABLE])
        return wr_fail(err, ERR_WRONG_OBJECT_TYPE, "\"%s\" is another kind of object", parsed->name);
    if (parsed->show_what != SHOW_CREATE_SINK_FOR_CLICKHOUSE) {
        const char *row[2] = {wr_arena_printf(&result->arena, "%s.%s", object->schema, object->name),
                              object->definition};
        wr_result_row(result, row);
        return true;
    }
    struct wr_buf text = WR_BUF_INIT;
    struct live_ddl ddl = {object, &text};
    bool ok = wr_loop_call(statement->session->db, clickhouse_ddl, &ddl, false, err);
    const char *row = wr_buf_cstr(&text);
    if (ok)
        wr_result_row(result, &row);
    wr_buf_free(&text);
    return ok;
}

/* Columns of an index behind its key, by name. */
static void put_included(struct wr_buf *buf, const struct object *index)
{
    for (uint16_t c = index->npk; c < index->ncols; c++)
        wr_buf_printf(buf, "%s%s", c > index->npk ? ", " : "", index->cols[c].name);
}

static void show_indexes(struct weir_result *result, const struct catalog *catalog, const struct statement *parsed)
{
    for (size_t i = 0; i < wr_catalog_count(catalog); i++) {
        const struct object *object = wr_catalog_at(catalog, i);
        struct catalog_index index;
        if (!wr_catalog_index(catalog, object, &index) || !like(parsed->show_like, index.name, parsed->show_ilike) ||
            (parsed->show_from && strcmp(parsed->show_from, index.of->name) != 0))
            continue;
        struct wr_buf key = WR_BUF_INIT, included = WR_BUF_INIT;
        wr_index_columns(&key, &index, 0, index.nkey);
        if (!index.primary)
            put_included(&included, object);
        wr_result_row(result,
                      (const char *const[]){index.name, index.of->name, wr_buf_cstr(&key), wr_buf_cstr(&included)});
        wr_buf_free(&key);
        wr_buf_free(&included);
    }
}

static void show_job(void *context, const struct object *object, const struct backfill_progress *progress)
{
    struct weir_result *result = context;
    char id[16], done[48];
    snprintf(id, sizeof id, "%u", object->id);
    snprintf(done, sizeof done, "%lld of about %lld rows", (long long)progress->rows_done,
             (long long)progress->rows_total);
    const char *row[3] = {id, object->definition, done};
    wr_result_row(result, row);
}

bool wr_show_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                 struct wr_error *err)
{
    const struct statement *parsed = statement->parsed;
    wr_begin_texts(statement, result, "SHOW");
    struct catalog *catalog = wr_session_catalog(statement->session);
    bool ok = true;
    const struct object *object;
    switch (parsed->show_what) {
    case SHOW_TABLES:
        show_kind(result, catalog, parsed, OBJECT_TABLE);
        break;
    case SHOW_SOURCES:
        show_kind(result, catalog, parsed, OBJECT_SOURCE);
        break;
    case SHOW_SINKS:
        show_kind(result, catalog, parsed, OBJECT_SINK);
        break;
    case SHOW_VIEWS:
        show_kind(result, catalog, parsed, OBJECT_VIEW);
        break;
    case SHOW_MATERIALIZED_VIEWS:
        show_kind(result, catalog, parsed, OBJECT_MATERIALIZED_VIEW);
        break;
    case SHOW_DATABASES:
        wr_result_row(result, (const char *const[]){"dev"});
        break;
    case SHOW_SCHEMAS:
        wr_result_row(result, (const char *const[]){"public"});
        wr_result_row(result, (const char *const[]){"pg_catalog"});
        wr_result_row(result, (const char *const[]){"weir_catalog"});
        break;
    case SHOW_COLUMNS:
        ok =
            find_object(catalog, parsed, parsed->show_from ? parsed->show_from : parsed->name, &object, statement, err);
        if (ok)
            show_columns(result, object);
        break;
    case SHOW_JOBS:
        wr_backfill_each(statement->session->db, show_job, result);
        break;
    case SHOW_INDEXES:
        show_indexes(result, catalog, parsed);
        break;
    case SHOW_NONE:
        break;
    default:
        ok = show_definition(statement, result, catalog, err);
    }
    wr_catalog_release(catalog);
    return ok;
}

/* ---- DESCRIBE */

bool wr_describe_describe(struct weir_statement *statement, struct wr_error *err)
{
    wr_text_columns(statement, 4, (const char *const[]){"Name", "Type", "Is Hidden", "Description"});
    return true;
}

bool wr_describe_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                     struct wr_error *err)
{
    wr_begin_texts(statement, result, "DESCRIBE");
    struct catalog *catalog = wr_session_catalog(statement->session);
    const struct object *object;
    bool ok = find_object(catalog, statement->parsed, statement->parsed->name, &object, statement, err);
    char type[64];
    for (uint16_t c = 0; ok && c < object->ncols; c++) {
        const struct object_column *col = &object->cols[c];
        const char *row[4] = {col->name, wr_type_name(col->type, type, sizeof type), col->hidden ? "true" : "false",
                              NULL};
        wr_result_row(result, row);
    }
    struct wr_buf key = WR_BUF_INIT;
    for (uint16_t k = 0; ok && k < object->npk; k++)
        wr_buf_printf(&key, "%s%s", k ? ", " : "", object->cols[object->pk[k]].name);
    if (ok && object->npk)
        wr_result_row(result, (const char *const[]){"primary key", wr_buf_cstr(&key), NULL, NULL});
    wr_buf_free(&key);
    wr_catalog_release(catalog);
    return ok;
}

/* ---- FLUSH, WAIT */

bool wr_flush_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                  struct wr_error *err)
{
    snprintf(result->tag, sizeof result->tag, statement->parsed->kind == STMT_WAIT ? "WAIT" : "FLUSH");
    weir_db *db = statement->session->db;
    if (statement->parsed->kind == STMT_WAIT) {
        pthread_mutex_lock(&db->lock);
        while (db->backfills && !db->failed && !atomic_load(&statement->session->cancel))
            pthread_cond_wait(&db->progress, &db->lock);
        pthread_mutex_unlock(&db->lock);
    }
    return wr_loop_flush(db, err);
}

/* The appender of the library: rows pushed into a table without SQL. */
#include "engine/session.h"
#include "types/float_io.h"

#include <stdio.h>

struct weir_appender {
    struct weir_session *session;
    struct wr_arena arena, row_arena;
    char table[128];
    struct write_list *list;
    const struct relation *relation;
    uint16_t nvisible, at;
    struct datum *row;
    bool row_ok;
    struct wr_error row_error;
    bool blind;
};

static void give(weir_error *error, const struct wr_error *err)
{
    if (error)
        memcpy(error, err, sizeof *error);
}

static bool begin_list(struct weir_appender *appender, struct wr_error *err)
{
    struct catalog *catalog = wr_session_catalog(appender->session);
    const struct object *table = wr_catalog_find(catalog, NULL, appender->table);
    bool ok = table && table->kind == OBJECT_TABLE;
    if (ok) {
        wr_writes_free(appender->list);
        appender->list = wr_writes_new(appender->session->db, table);
        appender->relation = wr_writes_relation(appender->list);
        appender->nvisible = appender->relation->ncols - appender->relation->has_row_id;
        appender->blind = table->overwrite && !table->append_only;
    } else {
        wr_fail(err, ERR_UNDEFINED_TABLE, "table \"%s\" does not exist", appender->table);
    }
    wr_catalog_release(catalog);
    return ok;
}

weir_code weir_appender_open(weir_session *session, const char *table, weir_appender **out, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    weir_appender *appender = wr_calloc(1, sizeof *appender);
    appender->session = session;
    snprintf(appender->table, sizeof appender->table, "%s", table);
    wr_arena_init(&appender->arena, NULL);
    wr_arena_init(&appender->row_arena, NULL);
    *out = NULL;
    if (!begin_list(appender, &err)) {
        give(error, &err);
        weir_appender_close(appender);
        return WEIR_ERROR;
    }
    appender->row = WR_NEW_ARRAY(&appender->arena, struct datum, appender->nvisible + 1);
    appender->row_ok = true;
    *out = appender;
    return WEIR_OK;
}

static struct datum *next_value(struct weir_appender *appender)
{
    if (appender->at >= appender->nvisible) {
        if (appender->row_ok)
            wr_fail(&appender->row_error, ERR_SYNTAX, "the row has more values than table \"%s\" has columns",
                    appender->table);
        appender->row_ok = false;
        return NULL;
    }
    struct datum *value = &appender->row[appender->at];
    *value = (struct datum){.type = appender->relation->types[appender->at], .null = true};
    appender->at++;
    return value;
}

static void set_text(struct weir_appender *appender, const char *text, size_t len)
{
    struct datum *value = next_value(appender);
    if (!value)
        return;
    struct type type = value->type;
    if (!wr_value_in(&appender->row_arena, type, text, len, &appender->session->io, value, &appender->row_error))
        appender->row_ok = false;
    value->type = type;
}

void weir_append_null(weir_appender *appender)
{
    next_value(appender);
}

void weir_append_int64(weir_appender *appender, int64_t number)
{
    char text[32];
    set_text(appender, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)number));
}

void weir_append_double(weir_appender *appender, double number)
{
    struct wr_buf text = WR_BUF_INIT;
    wr_double_print(&text, number);
    set_text(appender, text.data, text.len);
    wr_buf_free(&text);
}

void weir_append_bool(weir_appender *appender, bool value)
{
    set_text(appender, value ? "t" : "f", 1);
}

void weir_append_text(weir_appender *appender, const char *text, size_t len)
{
    set_text(appender, text, len);
}

weir_code weir_append_row(weir_appender *appender, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    bool ok = appender->row_ok;
    if (!ok)
        err = appender->row_error;
    else if (appender->at < appender->nvisible)
        ok = wr_fail(&err, ERR_SYNTAX, "the row has fewer values than table \"%s\" has columns", appender->table);
    if (ok) {
        struct type *types = wr_arena_alloc(&appender->row_arena, sizeof *types * (appender->nvisible + 1u));
        memcpy(types, appender->relation->types, sizeof *types * appender->nvisible);
        struct batch *batch = wr_batch_new(&appender->row_arena, types, appender->nvisible, 1);
        for (uint16_t c = 0; c < appender->nvisible; c++)
            wr_column_set(&appender->row_arena, &batch->cols[c], 0, 1, &appender->row[c]);
        ok = wr_writes_insert_visible(appender->list, &appender->row_arena, batch, appender->blind, &err);
    }
    appender->at = 0;
    appender->row_ok = true;
    wr_arena_release(&appender->row_arena, (struct wr_mark){0});
    if (ok)
        return WEIR_OK;
    give(error, &err);
    return WEIR_ERROR;
}

static bool flush(struct weir_appender *appender, struct wr_error *err)
{
    struct weir_session *session = appender->session;
    if (session->state == 'E')
        return wr_transaction_failed(err);
    if (!wr_writes_count(appender->list))
        return true;
    if (session->state != 'T')
        return wr_writes_apply(session->db, &appender->list, 1, err);
    bool ok = wr_transaction_write(session, appender->list, err);
    if (!ok)
        session->state = 'E';
    return ok;
}

weir_code weir_appender_flush(weir_appender *appender, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    bool ok = flush(appender, &err);
    struct wr_error second = WR_ERROR_INIT;
    bool renewed = begin_list(appender, &second); /* also after an error: unflushed rows are gone */
    if (ok && !renewed) {
        ok = false;
        err = second;
    }
    if (ok)
        return WEIR_OK;
    give(error, &err);
    return WEIR_ERROR;
}

void weir_appender_close(weir_appender *appender)
{
    if (!appender)
        return;
    wr_writes_free(appender->list);
    wr_arena_reset(&appender->row_arena);
    wr_arena_reset(&appender->arena);
    free(appender);
}

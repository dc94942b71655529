/* COPY t [(columns)] FROM STDIN. Rows are parsed as they come (copy_lines.c, copy_binary.c) and spooled (writes.h);
 * nothing is applied before the end, so a COPY is all or nothing whatever the client does. */
#include "engine/copy.h"
#include "engine/timeout.h"

#include <stdio.h>

void wr_copy_free(struct copy_in *copy)
{
    if (!copy)
        return;
    wr_writes_free(copy->list);
    wr_buf_free(&copy->pending);
    wr_arena_reset(&copy->row_arena);
    wr_arena_reset(&copy->arena);
    free(copy);
}

/* DEFAULTs of the columns that are not given, evaluated once. */
static bool fill_defaults(struct copy_in *copy, struct catalog *catalog, const struct object *table,
                          struct wr_error *err)
{
    copy->defaults = WR_NEW_ARRAY(&copy->arena, struct expr *, copy->columns.n + 1);
    for (uint16_t c = 0; c < copy->columns.n; c++) {
        if (wr_copy_is_field(&copy->columns, c) || !table->cols[c].default_text)
            continue;
        struct planner planner;
        char *text = wr_arena_printf(&copy->arena, "SELECT %s", table->cols[c].default_text);
        wr_planner_of(copy->session, &copy->arena, catalog, text, &planner);
        size_t offset = 0;
        struct statement *parsed;
        TRY(wr_parse_next(&copy->arena, text, strlen(text), &offset, &parsed, err));
        const PgQuery__Node *value = parsed->node->select_stmt->target_list[0]->res_target->val;
        struct expr *expr;
        struct datum datum;
        bool ok = wr_plan_bind_expr(&planner, value, NULL, table->cols[c].type, CAST_ASSIGNMENT, &expr, err) &&
                  wr_evaluate_const(&copy->arena, expr, &copy->session->io, copy->session->now_us, &datum, err);
        wr_statement_free(parsed);
        TRY(ok);
        copy->defaults[c] = wr_expr_const(&copy->arena, &datum);
    }
    return true;
}

bool wr_copy_check_form(const struct weir_statement *statement, struct wr_error *err)
{
    const PgQuery__CopyStmt *stmt = statement->parsed->node->copy_stmt;
    const char *form = NULL;
    if (stmt->is_program)
        form = stmt->is_from ? "COPY FROM PROGRAM" : "COPY TO PROGRAM";
    else if (stmt->filename && *stmt->filename)
        form = stmt->is_from ? "COPY FROM a file" : "COPY TO a file";
    else if (stmt->where_clause)
        form = "WHERE in COPY FROM";
    return !form || wr_fail_at(err, wr_char_position(statement->text, statement->parsed->location),
                               ERR_FEATURE_NOT_SUPPORTED, "%s is not supported yet", form);
}

bool wr_copy_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                 struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const PgQuery__CopyStmt *stmt = statement->parsed->node->copy_stmt;
    TRY(wr_copy_check_form(statement, err));
    struct catalog *catalog = wr_session_catalog(session);
    struct copy_in *copy = wr_calloc(1, sizeof *copy);
    copy->session = session;
    wr_arena_init(&copy->arena, NULL);
    wr_arena_init(&copy->row_arena, &session->db->pool_sessions);
    result->copy = copy;
    struct planner planner;
    wr_planner_of(session, &copy->arena, catalog, statement->text, &planner);
    const struct object *table;
    bool ok = wr_plan_relation(&planner, stmt->relation, &table, err);
    if (ok && table->kind != OBJECT_TABLE)
        ok = wr_fail(err, ERR_WRONG_OBJECT_TYPE, "cannot copy to \"%s\": it is not a table", table->name);
    if (ok) {
        copy->list = wr_writes_new(session->db, table);
        copy->relation = wr_writes_relation(copy->list);
        const char *mode = wr_setting(session, "default_on_conflict");
        copy->blind = !table->append_only && (table->overwrite || (mode && !strcmp(mode, "overwrite")));
        wr_copy_columns_of(&copy->columns, &copy->arena, table);
        ok = wr_copy_fields(&copy->columns, &copy->arena, stmt, err) &&
             wr_copy_options(&copy->format, &copy->columns, &copy->arena, stmt, statement->text, err) &&
             fill_defaults(copy, catalog, table, err);
    }
    wr_catalog_release(catalog);
    snprintf(result->tag, sizeof result->tag, "COPY");
    return ok;
}

/* ---- rows */

static bool add_batch(struct copy_in *copy, struct wr_error *err)
{
    if (!copy->batch || !copy->batch->nrows)
        return true;
    copy->rows += copy->batch->nrows;
    bool ok = wr_writes_insert_visible(copy->list, &copy->row_arena, copy->batch, copy->blind, err);
    copy->batch = NULL;
    copy->line_bytes = 0;
    wr_arena_release(&copy->row_arena, (struct wr_mark){0});
    return ok;
}

void wr_copy_begin_row(struct copy_in *copy)
{
    if (copy->batch)
        return;
    struct type *types = wr_arena_alloc(&copy->row_arena, sizeof *types * (copy->columns.n + 1u));
    memcpy(types, copy->relation->types, sizeof *types * copy->columns.n);
    copy->batch = wr_batch_new(&copy->row_arena, types, copy->columns.n, ROWS_PER_BATCH);
    copy->batch->nrows = 0;
    for (uint16_t c = 0; c < copy->columns.n; c++)
        wr_column_nulls(&copy->row_arena, &copy->batch->cols[c], ROWS_PER_BATCH);
}

void wr_copy_set(struct copy_in *copy, uint16_t column, const struct datum *value)
{
    struct datum typed = *value;
    typed.type = copy->relation->types[column];
    wr_column_set(&copy->row_arena, &copy->batch->cols[column], copy->batch->nrows, ROWS_PER_BATCH, &typed);
}

bool wr_copy_at(const struct copy_in *copy, const char *column, struct wr_error *err)
{
    return wr_fail_context(err, "COPY %s, line %lld%s%s", copy->relation->name, (long long)copy->line,
                           column ? ", column " : "", column ? column : "");
}

bool wr_copy_end_row(struct copy_in *copy, size_t bytes, struct wr_error *err)
{
    for (uint16_t c = 0; c < copy->columns.n && copy->columns.nfields < copy->columns.n; c++) {
        const struct datum none = {.null = true};
        if (!wr_copy_is_field(&copy->columns, c))
            wr_copy_set(copy, c, copy->defaults[c] ? &copy->defaults[c]->value : &none);
    }
    copy->line_bytes += bytes;
    if (++copy->batch->nrows == ROWS_PER_BATCH || copy->line_bytes > LINE_BYTES_MAX)
        return add_batch(copy, err);
    return true;
}

void wr_copy_taken(struct copy_in *copy, size_t n)
{
    struct wr_buf *p = &copy->pending;
    if (!n) /* there may be no bytes at all */
        return;
    p->len -= n;
    memmove(p->data, p->data + n, p->len);
}

static bool take_rows(struct copy_in *copy, bool last, struct wr_error *err)
{
    return copy->format.binary ? wr_copy_binary(copy, last, err) : wr_copy_lines(copy, last, err);
}

bool weir_result_copy_binary(const weir_result *result, int *columns)
{
    const struct copy_out *out = result->copy_out;
    *columns = result->copy ? result->copy->columns.nfields : out ? out->columns.nfields : 0;
    return result->copy ? result->copy->format.binary : out && out->format.binary;
}

static weir_code give(weir_result *result, const struct wr_error *err, weir_error *error)
{
    wr_session_give(result->session, err, error);
    if (result->session->state == 'T')
        result->session->state = 'E';
    result->done = true;
    return WEIR_ERROR;
}

weir_code weir_copy_data(weir_result *result, const void *bytes, size_t len, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    struct copy_in *copy = result->copy;
    if (!copy || result->done) {
        wr_fail(&err, ERR_PROTOCOL, "no COPY is in progress");
        return give(result, &err, error);
    }
    if (atomic_load(&result->session->cancel)) {
        wr_fail(&err, ERR_QUERY_CANCELED, "canceling statement due to user request");
        return give(result, &err, error);
    }
    wr_buf_put(&copy->pending, bytes, len);
    wr_timeout_enter(result->session);
    bool ok = take_rows(copy, false, &err);
    wr_timeout_leave(result->session);
    return ok ? WEIR_OK : give(result, &err, error);
}

weir_code weir_copy_end(weir_result *result, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    struct copy_in *copy = result->copy;
    struct weir_session *session = result->session;
    if (!copy || result->done) {
        wr_fail(&err, ERR_PROTOCOL, "no COPY is in progress");
        return give(result, &err, error);
    }
    wr_timeout_enter(session);
    bool ok = take_rows(copy, true, &err) && add_batch(copy, &err);
    if (ok && session->state == 'T')
        ok = wr_transaction_write(session, copy->list, &err);
    else if (ok && copy->rows)
        ok = wr_writes_apply(session->db, &copy->list, 1, &err);
    wr_timeout_leave(session);
    if (!ok)
        return give(result, &err, error);
    snprintf(result->tag, sizeof result->tag, "COPY %lld", (long long)copy->rows);
    result->done = true;
    return WEIR_OK;
}

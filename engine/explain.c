/* EXPLAIN: the plan of a query, without running it. Of what would stay (a view, a sink) with what it would keep:
 * docs/explain.md says how to read it. */
#include "engine/create.h"

#include "base/ascii.h"
#include "connectors/options.h"
#include "engine/engine.h"
#include "engine/sink_key.h"

static bool explain_option(const struct statement *parsed, const char *name)
{
    for (int i = 0; i < parsed->explain_options.n; i++)
        if (!wr_casecmp(parsed->explain_options.items[i].key, name)) {
            const char *value = parsed->explain_options.items[i].value;
            return !value || (wr_casecmp(value, "false") && wr_casecmp(value, "off") && strcmp(value, "0"));
        }
    return false;
}

/* What is explained. */
struct explained {
    const struct statement *statement;
    const PgQuery__Node *query;
    struct statement *from; /* of a sink FROM a relation: where the query is; NULL: in the statement */
    const char *view;       /* name of the materialized view */
    bool streaming;         /* as a dataflow that stays; else as it runs once */
};

static bool is_postgres(const struct statement *statement, PgQuery__Node__NodeCase node)
{
    return statement->kind == STMT_POSTGRES && statement->node->node_case == node;
}

static bool find_query(struct wr_arena *arena, const struct statement *statement, struct explained *what,
                       struct wr_error *err)
{
    *what = (struct explained){.statement = statement, .streaming = true};
    if (statement->kind == STMT_CREATE_MATERIALIZED_VIEW) {
        const PgQuery__CreateTableAsStmt *create = statement->node->create_table_as_stmt;
        what->query = create->query;
        what->view = create->into->rel->relname;
        return true;
    }
    if (statement->kind == STMT_CREATE_SINK)
        return wr_sink_query(statement, arena, &what->query, &what->from, err);
    if (is_postgres(statement, PG_QUERY__NODE__NODE_VIEW_STMT)) {
        what->query = statement->node->view_stmt->query;
        return true;
    }
    what->streaming = false;
    if (!is_postgres(statement, PG_QUERY__NODE__NODE_SELECT_STMT))
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "EXPLAIN of this statement is not supported yet");
    what->query = statement->node;
    return true;
}

static void planner_of(const struct weir_statement *statement, struct wr_arena *arena, struct catalog *catalog,
                       struct planner *planner)
{
    wr_planner_of(statement->session, arena, catalog, statement->text, planner);
    planner->n_params = statement->nparams;
    planner->param_types = statement->param_types;
}

/* Parameters have the types that the query gives them. */
static bool infer_params(const struct weir_statement *statement, const PgQuery__Node *query, struct wr_error *err)
{
    struct read_view view;
    struct wr_arena arena;
    struct planner planner;
    struct plan *plan;
    wr_arena_init(&arena, NULL);
    wr_read_view_begin(statement->session, &view);
    planner_of(statement, &arena, view.catalog, &planner);
    bool ok = wr_plan_bind_query(&planner, query, &plan, err);
    wr_read_view_end(statement->session, &view);
    wr_arena_reset(&arena);
    return ok;
}

bool wr_explain_describe(struct weir_statement *statement, struct wr_error *err)
{
    const struct statement *inner = statement->parsed->inner;
    wr_text_columns(statement, 1, (const char *const[]){"QUERY PLAN"});
    bool infers = statement->nparams && is_postgres(inner, PG_QUERY__NODE__NODE_SELECT_STMT);
    return !infers || infer_params(statement, inner->node, err);
}

static void lines_to_rows(struct weir_result *result, char *text)
{
    while (*text) {
        char *end = strchr(text, '\n');
        if (end)
            *end = '\0';
        const char *row = text;
        wr_result_row(result, &row);
        if (!end)
            return;
        text = end + 1;
    }
}

/* Only the text form, without running anything: other options are refused, not ignored. */
static bool explain_supported(const struct statement *parsed, struct wr_error *err)
{
    static const char *const known[] = {"stages", "trace", "verbose", "costs", "type", "logical", "physical"};
    for (int i = 0; i < parsed->explain_options.n; i++) {
        const struct option *option = &parsed->explain_options.items[i];
        bool found = !wr_casecmp(option->key, "format") && option->value && !wr_casecmp(option->value, "text");
        for (size_t k = 0; k < WR_COUNT(known); k++)
            found |= !wr_casecmp(option->key, known[k]);
        if (!found && explain_option(parsed, option->key))
            return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "EXPLAIN option \"%s\" is not supported yet",
                           option->value && *option->value ? option->value : option->key);
    }
    return true;
}

/* A sink's root, as engine/live.c builds it. */
static bool print_sink(struct wr_arena *arena, const struct statement *statement, const struct plan *plan,
                       struct wr_buf *text, struct wr_error *err)
{
    struct object object = wr_sink_object(arena, statement);
    const char *connector = wr_option_get(&object, "connector");
    const struct sink_class *cls = connector ? wr_sink_class(connector) : NULL;
    struct plan_sink sink = {.name = object.name};
    struct sink_key key;
    if (cls && cls->needs_log) {
        TRY(wr_sink_key(arena, &object, plan, &key, err));
        sink.key = (struct plan_key){key.n, key.columns};
        sink.is_keyed = key.kind == SINK_KEY_COLUMNS;
        sink.is_claimed = sink.is_keyed && !key.proven;
        sink.counts_rows = key.kind == SINK_KEY_ROW;
    }
    wr_plan_print_sink(text, plan, &sink);
    return true;
}

static bool print(struct wr_arena *arena, const struct explained *what, const struct plan *plan, struct wr_buf *text,
                  struct wr_error *err)
{
    if (what->statement->kind == STMT_CREATE_SINK)
        return print_sink(arena, what->statement, plan, text, err);
    if (what->view)
        wr_plan_print_view(text, plan, what->view);
    else
        wr_plan_print(text, plan);
    return true;
}

static bool explain(struct weir_statement *statement, const struct explained *what, const struct datum *params,
                    struct catalog *catalog, struct weir_result *result, struct wr_error *err)
{
    struct planner planner;
    planner_of(statement, &result->arena, catalog, &planner);
    planner.streaming = what->streaming;
    planner.multi_worker = what->streaming && statement->session->db->nworkers > 1;
    struct wr_buf text = WR_BUF_INIT;
    bool stages = explain_option(statement->parsed, "stages") || explain_option(statement->parsed, "trace");
    planner.trace = stages ? &text : NULL;
    struct plan *plan = NULL;
    bool ok = wr_plan_bind_query(&planner, what->query, &plan, err);
    if (ok)
        wr_plan_set_params(&result->arena, plan, params, statement->nparams);
    ok = ok && wr_plan_optimize(&planner, &plan, err);
    if (ok && stages && what->streaming) /* an ad-hoc query's last stage says all */
        wr_buf_puts(&text, "-- dataflow\n");
    if (ok && (!stages || what->streaming))
        ok = print(&result->arena, what, plan, &text, err);
    if (ok)
        lines_to_rows(result, wr_buf_cstr(&text));
    wr_buf_free(&text);
    return ok;
}

bool wr_explain_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                    struct wr_error *err)
{
    struct explained what;
    TRY(explain_supported(statement->parsed, err));
    wr_begin_texts(statement, result, "EXPLAIN");
    TRY(find_query(&result->arena, statement->parsed->inner, &what, err));
    struct read_view view;
    wr_read_view_begin(statement->session, &view);
    bool ok = explain(statement, &what, params, view.catalog, result, err);
    wr_read_view_end(statement->session, &view);
    if (what.from) {
        if (!ok) /* in the text of a query that nobody wrote */
            err->position = wr_char_position(statement->text, what.statement->from_location);
        wr_statement_free(what.from);
    }
    return ok;
}

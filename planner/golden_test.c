/* Golden tests of the planner: SQL in, plan text or error out.
 *
 *   golden_test <dir> [--update]     reads <dir>/ *.txt; --update rewrites the expected parts
 *   golden_test <dir> --mutate n     plans each statement n times with words dropped, doubled, swapped: whatever comes
 * out, it is a valid plan or an error that is not XX000 (law L8)
 *
 * A file is blocks separated by empty lines; each file starts with an empty catalog:
 *   # comment
 *   @adhoc @multi @trace @raw @state @disable=prune,merge      optional; default: streaming, one worker
 *   CREATE TABLE / SOURCE / VIEW / MATERIALIZED VIEW ...;   goes into the catalog; expected part only for errors
 *   SELECT, INSERT, UPDATE, DELETE ...;
 *   ----
 *   the physical plan (@raw: the bound one; @state: with what nodes keep), or "error <SQLSTATE> at <position>: ...",
 * "hint: ..." */
#include <dirent.h>
#include <stdlib.h>

#include "planner/planner.h"
#include "tests/check.h"

struct test {
    struct wr_arena arena;
    struct catalog *catalog;
    uint32_t next_id;
    struct io_settings io;
};

struct block {
    char *head; /* comments and options, as written */
    char *sql;
    char *want;
    bool adhoc, multi, trace, raw, state;
    char disabled[200];
};

static void put_error(struct wr_buf *out, const struct wr_error *err)
{
    wr_buf_printf(out, "error %s", err->sqlstate);
    if (err->position)
        wr_buf_printf(out, " at %d", err->position);
    wr_buf_printf(out, ": %s\n", err->message);
    if (*err->detail)
        wr_buf_printf(out, "detail: %s\n", err->detail);
    if (*err->hint)
        wr_buf_printf(out, "hint: %s\n", err->hint);
}

static void add_object(struct test *t, struct object *object)
{
    object->id = t->next_id++;
    struct catalog *next = wr_catalog_with(t->catalog, object);
    wr_catalog_release(t->catalog);
    t->catalog = next;
}

/* A view's columns are its plan's, its key the plan's best. */
static bool add_view(struct test *t, struct planner *planner, const char *name, const PgQuery__Node *query,
                     const char *text, bool materialized, struct wr_error *err)
{
    struct plan *plan;
    struct object object = {
        .kind = materialized ? OBJECT_MATERIALIZED_VIEW : OBJECT_VIEW, .schema = "public", .name = name};
    TRY(wr_plan_bind_query(planner, query, &plan, err));
    TRY(wr_plan_optimize(planner, &plan, err));
    object.query = text;
    object.ncols = plan->ncols;
    object.cols = WR_NEW_ARRAY(&t->arena, struct object_column, plan->ncols);
    for (uint16_t i = 0; i < plan->ncols; i++)
        object.cols[i] = (struct object_column){
            .id = i + 1u, .name = plan->cols[i].name, .type = plan->cols[i].type, .not_null = !plan->cols[i].nullable};
    if (plan->props.nkeys && materialized) {
        object.npk = plan->props.keys[0].n;
        object.pk = plan->props.keys[0].columns;
    }
    object.append_only = plan->props.append_only;
    add_object(t, &object);
    return true;
}

static bool create(struct test *t, struct planner *planner, const struct statement *st, const char *sql,
                   struct wr_error *err)
{
    if (st->node->node_case == PG_QUERY__NODE__NODE_CREATE_STMT) {
        struct object object;
        TRY(wr_plan_bind_create_table(planner, st, &object, err));
        add_object(t, &object);
        return true;
    }
    bool view = st->node->node_case == PG_QUERY__NODE__NODE_VIEW_STMT;
    const char *as = strcasestr(sql, " AS ");
    const char *text = wr_arena_strdup(&t->arena, as ? as + 4 : sql);
    if (view) {
        const PgQuery__ViewStmt *stmt = st->node->view_stmt;
        return add_view(t, planner, wr_arena_strdup(&t->arena, stmt->view->relname), stmt->query, text, false, err);
    }
    const PgQuery__CreateTableAsStmt *stmt = st->node->create_table_as_stmt;
    return add_view(t, planner, wr_arena_strdup(&t->arena, stmt->into->rel->relname), stmt->query, text, true, err);
}

static bool bind(struct planner *planner, const struct statement *st, struct plan **plan, struct wr_error *err)
{
    const struct object *table;
    switch (st->node->node_case) {
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        return wr_plan_bind_insert(planner, st->node->insert_stmt, &table, plan, err);
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        return wr_plan_bind_update(planner, st->node->update_stmt, &table, plan, err);
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        return wr_plan_bind_delete(planner, st->node->delete_stmt, &table, plan, err);
    default:
        return wr_plan_bind_query(planner, st->node, plan, err);
    }
}

static void put_params(struct wr_buf *out, const struct planner *planner)
{
    char name[64];
    for (int i = 0; i < planner->n_params; i++)
        wr_buf_printf(out, "$%d %s\n", i + 1, wr_type_name(planner->param_types[i], name, sizeof(name)));
}

/* "(a bigint, b text not null)": the result's columns. */
static void put_columns(struct wr_buf *out, const struct plan *plan)
{
    char name[64];
    for (uint16_t i = 0; i < plan->ncols; i++)
        wr_buf_printf(out, "%s%s %s%s", i ? ", " : "(", plan->cols[i].name,
                      wr_type_name(plan->cols[i].type, name, sizeof(name)), plan->cols[i].nullable ? "" : " not null");
    wr_buf_puts(out, ")\n");
}

static bool execute(struct test *t, struct planner *planner, const struct statement *st, const struct block *block,
                    struct wr_buf *out, struct wr_error *err)
{
    struct plan *plan;
    enum statement_kind kind = st->kind;
    bool creates = kind == STMT_CREATE_TABLE || kind == STMT_CREATE_SOURCE || kind == STMT_CREATE_MATERIALIZED_VIEW ||
                   (st->node && st->node->node_case == PG_QUERY__NODE__NODE_VIEW_STMT);
    TRY(wr_plan_check_statement(planner, st, err));
    if (creates)
        return create(t, planner, st, block->sql, err);
    TRY(bind(planner, st, &plan, err));
    put_params(out, planner);
    put_columns(out, plan);
    if (block->raw) {
        wr_plan_print(out, plan);
        return true;
    }
    if (block->trace)
        planner->trace = out;
    TRY(wr_plan_optimize(planner, &plan, err));
    if (block->state)
        wr_plan_print_view(out, plan, "v");
    else if (!block->trace)
        wr_plan_print(out, plan);
    return true;
}

static void run_block(struct test *t, const struct block *block, struct wr_buf *out)
{
    struct wr_error err = WR_ERROR_INIT;
    struct statement *st = NULL;
    size_t offset = 0, len = strlen(block->sql);
    while (offset < len) {
        struct planner planner = {.arena = &t->arena,
                                  .catalog = t->catalog,
                                  .io = &t->io,
                                  .streaming = !block->adhoc,
                                  .multi_worker = block->multi,
                                  .version = PLANNER_VERSION,
                                  .disabled_passes = block->disabled,
                                  .text = block->sql};
        bool ok = wr_parse_next(&t->arena, block->sql, len, &offset, &st, &err);
        if (ok && !st)
            return;
        if (!ok || !execute(t, &planner, st, block, out, &err)) {
            put_error(out, &err);
            offset = len;
        }
        if (st)
            wr_statement_free(st);
        st = NULL;
    }
}

/* ---- files */

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    struct wr_buf buf = WR_BUF_INIT;
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        wr_buf_put(&buf, chunk, n);
    fclose(file);
    return wr_buf_cstr(&buf);
}

static void read_options(struct block *block, const char *line)
{
    block->adhoc |= strstr(line, "@adhoc") != NULL;
    block->multi |= strstr(line, "@multi") != NULL;
    block->trace |= strstr(line, "@trace") != NULL;
    block->raw |= strstr(line, "@raw") != NULL;
    block->state |= strstr(line, "@state") != NULL;
    const char *disable = strstr(line, "@disable=");
    if (disable)
        sscanf(disable + 9, "%199s", block->disabled);
}

/* The next block of *at; false at the end. */
static bool read_block(struct wr_arena *arena, char **at, struct block *block)
{
    struct wr_buf parts[3] = {WR_BUF_INIT, WR_BUF_INIT, WR_BUF_INIT};
    int part = 0;
    memset(block, 0, sizeof(*block));
    while (**at == '\n')
        (*at)++;
    if (!**at)
        return false;
    while (**at && **at != '\n') {
        char *end = strchrnul(*at, '\n');
        size_t n = (size_t)(end - *at);
        bool head = part == 0 && (**at == '#' || **at == '@');
        if (part == 1 && n == 4 && !memcmp(*at, "----", 4)) {
            part = 2;
        } else {
            if (!head && part == 0)
                part = 1;
            wr_buf_put(&parts[part], *at, n);
            wr_buf_byte(&parts[part], '\n');
        }
        *at = *end ? end + 1 : end;
    }
    for (int i = 0; i < 3; i++)
        (&block->head)[i] = wr_arena_strdup(arena, wr_buf_cstr(&parts[i]));
    for (int i = 0; i < 3; i++)
        wr_buf_free(&parts[i]);
    read_options(block, block->head);
    return true;
}

/* ---- mutation */

/* One or two changes at words: drop, double, swap with another. */
static char *mutate(struct wr_arena *arena, const char *sql, uint64_t *state)
{
    char *words[2000], *copy = wr_arena_strdup(arena, sql), *save = NULL;
    int n = 0;
    for (char *word = strtok_r(copy, " \n", &save); word && n < 1998; word = strtok_r(NULL, " \n", &save))
        words[n++] = word;
    for (int changes = 1 + (int)(check_random(state) % 3); changes > 0 && n > 1; changes--) {
        int at = (int)(check_random(state) % (uint64_t)n), other = (int)(check_random(state) % (uint64_t)n);
        switch (check_random(state) % 4) {
        case 0:
            memmove(words + at, words + at + 1, (size_t)(--n - at) * sizeof(words[0]));
            break;
        case 1:
            words[at] = words[other];
            break;
        default: {
            char *word = words[at];
            words[at] = words[other];
            words[other] = word;
        }
        }
    }
    struct wr_buf out = WR_BUF_INIT;
    for (int i = 0; i < n; i++)
        wr_buf_printf(&out, "%s ", words[i]);
    char *made = wr_arena_strdup(arena, wr_buf_cstr(&out));
    wr_buf_free(&out);
    return made;
}

static void run_mutants(struct test *t, const struct block *block, int n)
{
    uint64_t state = 88172645463325252ull;
    for (int i = 0; i < n; i++) {
        struct wr_mark mark = wr_arena_mark(&t->arena);
        struct catalog *before = wr_catalog_retain(t->catalog);
        struct wr_buf got = WR_BUF_INIT;
        struct block mutant = *block;
        mutant.trace = false;
        mutant.sql = mutate(&t->arena, block->sql, &state);
        run_block(t, &mutant, &got);
        if (strstr(wr_buf_cstr(&got), "error XX")) {
            fprintf(stderr, "%s\n%s", mutant.sql, wr_buf_cstr(&got));
            check_failed++;
        }
        check_passed++;
        wr_buf_free(&got);
        wr_catalog_release(t->catalog);
        t->catalog = before;
        wr_arena_release(&t->arena, mark);
    }
}

static void run_file(const char *path, bool update, int mutants)
{
    struct test t = {.next_id = 1};
    wr_arena_init(&t.arena, NULL);
    t.catalog = wr_catalog_new();
    char *text = read_all(path), *at = text;
    struct wr_buf fresh = WR_BUF_INIT;
    struct block block;
    while (text && read_block(&t.arena, &at, &block)) {
        struct wr_buf got = WR_BUF_INIT;
        run_block(&t, &block, &got);
        if (mutants) {
            run_mutants(&t, &block, mutants);
        } else if (update) {
            wr_buf_printf(&fresh, "%s%s%s", fresh.len ? "\n" : "", block.head, block.sql);
            if (got.len)
                wr_buf_printf(&fresh, "----\n%s", wr_buf_cstr(&got));
        } else {
            bool same = !strcmp(wr_buf_cstr(&got), block.want);
            if (!same)
                fprintf(stderr, "%s: %s", path, block.sql);
            CHECK_STR(wr_buf_cstr(&got), block.want);
        }
        wr_buf_free(&got);
    }
    FILE *file = update ? fopen(path, "wb") : NULL;
    if (file) {
        fwrite(fresh.data, 1, fresh.len, file);
        fclose(file);
    }
    wr_buf_free(&fresh);
    free(text);
    wr_catalog_release(t.catalog);
    wr_arena_reset(&t.arena);
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    char path[1024];
    int n = argc > 1 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
    if (n < 0) {
        fprintf(stderr, "usage: golden_test <dir> [--update]\n");
        return 2;
    }
    bool update = argc > 2 && !strcmp(argv[2], "--update");
    int mutants = argc > 3 && !strcmp(argv[2], "--mutate") ? atoi(argv[3]) : 0;
    for (int i = 0; i < n; i++) {
        size_t len = strlen(entries[i]->d_name);
        if (len > 4 && !strcmp(entries[i]->d_name + len - 4, ".txt")) {
            snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
            run_file(path, update, mutants);
        }
        free(entries[i]);
    }
    free(entries);
    return check_report("planner golden");
}

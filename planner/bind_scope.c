/* Names of columns: lookup with PostgreSQL's rules and errors. */
#include <stdlib.h>
#include <string.h>

#include "planner/bind.h"

void *bind_grow(struct wr_arena *arena, void *items, uint16_t n, uint16_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    uint16_t more = *cap ? (uint16_t)(*cap * 2) : 8;
    void *grown = wr_arena_zalloc(arena, more * size);
    if (n)
        memcpy(grown, items, n * size);
    *cap = more;
    return grown;
}

const char *bind_string(const PgQuery__Node *node)
{
    return node && node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : "";
}

void scope_add(struct binder *binder, struct scope *scope, const struct scope_column *col)
{
    scope->cols = bind_grow(binder->arena, scope->cols, scope->n, &scope->cap, sizeof(*col));
    scope->cols[scope->n++] = *col;
}

bool scope_add_table(struct binder *binder, struct scope *scope, const char *table, int location)
{
    for (uint16_t i = 0; i < scope->ntables; i++)
        if (!strcmp(scope->tables[i], table))
            return bind_fail(binder, location, ERR_DUPLICATE_ALIAS, "table name \"%s\" specified more than once",
                             table);
    scope->tables =
        bind_grow(binder->arena, scope->tables, scope->ntables, &scope->tables_cap, sizeof(scope->tables[0]));
    scope->tables[scope->ntables++] = table;
    return true;
}

bool scope_join(struct binder *binder, struct scope *left, const struct scope *right, uint16_t offset)
{
    for (uint16_t i = 0; i < right->ntables; i++)
        TRY(scope_add_table(binder, left, right->tables[i], -1));
    if (left->n + right->n > COLUMNS_MAX)
        return bind_fail(binder, -1, ERR_PROGRAM_LIMIT, "joins can have at most %d columns", COLUMNS_MAX);
    for (uint16_t i = 0; i < right->n; i++) {
        struct scope_column col = right->cols[i];
        col.column = (uint16_t)(col.column + offset);
        scope_add(binder, left, &col);
    }
    return true;
}

struct expr *scope_expr(struct binder *binder, const struct scope_column *col, int location)
{
    struct expr *expr = wr_expr_column(binder->arena, col->column, col->type, col->nullable);
    expr->location = location;
    return expr;
}

static bool has_table(const struct scope *scope, const char *table)
{
    for (uint16_t i = 0; i < scope->ntables; i++)
        if (!strcmp(scope->tables[i], table))
            return true;
    return false;
}

enum found { FOUND_NONE, FOUND_ONE, FOUND_MANY };

static enum found find(const struct scope *scope, const char *table, const char *name, const struct scope_column **col)
{
    enum found found = FOUND_NONE;
    for (uint16_t i = 0; i < scope->n; i++) {
        const struct scope_column *at = &scope->cols[i];
        bool match = table ? at->table && !strcmp(at->table, table) : !at->merged;
        if (!match || strcmp(at->name, name))
            continue;
        found = found == FOUND_NONE ? FOUND_ONE : FOUND_MANY;
        *col = at;
    }
    return found;
}

/* Edits between two names (insert, delete, replace: 1 each). */
uint16_t bind_hint_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    uint16_t row[65];
    if (na > 64 || nb > 64)
        return UINT16_MAX;
    for (size_t j = 0; j <= nb; j++)
        row[j] = (uint16_t)j;
    for (size_t i = 1; i <= na; i++) {
        uint16_t diagonal = row[0];
        row[0] = (uint16_t)i;
        for (size_t j = 1; j <= nb; j++) {
            uint16_t replace = (uint16_t)(diagonal + (a[i - 1] != b[j - 1]));
            diagonal = row[j];
            uint16_t step = (uint16_t)(WR_MIN(row[j], row[j - 1]) + 1);
            row[j] = WR_MIN(replace, step);
        }
    }
    return row[nb];
}

/* PostgreSQL's rule: at most 3 edits and at most half of the name; one or two names that are equally near. */
static void hint_near(struct block *block, const char *table, const char *name)
{
    const struct scope_column *best[2] = {NULL, NULL};
    uint16_t distance = WR_MIN(3, (uint16_t)(strlen(name) / 2)), nbest = 0;
    const struct scope *scope = &block->from.scope;
    for (uint16_t i = 0; i < scope->n; i++) {
        const struct scope_column *col = &scope->cols[i];
        if (!col->table || (table && strcmp(col->table, table)))
            continue;
        uint16_t d = bind_hint_distance(name, col->name);
        if (d > distance)
            continue;
        if (d < distance)
            nbest = 0;
        distance = d;
        if (nbest < 2)
            best[nbest] = col;
        nbest++;
    }
    struct wr_error *err = block->binder->err;
    if (nbest == 1)
        wr_fail_hint(err, "Perhaps you meant to reference the column \"%s.%s\".", best[0]->table, best[0]->name);
    else if (nbest == 2)
        wr_fail_hint(err, "Perhaps you meant to reference the column \"%s.%s\" or the column \"%s.%s\".",
                     best[0]->table, best[0]->name, best[1]->table, best[1]->name);
}

static bool fail_no_column(struct block *block, const char *table, const char *name, int location)
{
    if (table)
        bind_fail(block->binder, location, ERR_UNDEFINED_COLUMN, "column %s.%s does not exist", table, name);
    else
        bind_fail(block->binder, location, ERR_UNDEFINED_COLUMN, "column \"%s\" does not exist", name);
    hint_near(block, table, name);
    return false;
}

bool bind_fail_no_table(struct block *block, const char *table, int location)
{
    struct binder *binder = block->binder;
    const struct scope *scope = &block->from.scope;
    for (uint16_t i = 0; i < scope->n; i++) {
        const struct scope_column *col = &scope->cols[i];
        if (!col->relation || !col->table || strcmp(col->relation->name, table))
            continue;
        bind_fail(binder, location, ERR_UNDEFINED_TABLE, "invalid reference to FROM-clause entry for table \"%s\"",
                  table);
        return wr_fail_hint(binder->err, "Perhaps you meant to reference the table alias \"%s\".", col->table);
    }
    return bind_fail(binder, location, ERR_UNDEFINED_TABLE, "missing FROM-clause entry for table \"%s\"", table);
}

/* In an enclosing block? Only the next one out can be decorrelated. */
static bool find_outer(struct block *block, const char *table, const char *name, int location, struct expr **expr,
                       bool *done)
{
    int levels = 1;
    *done = true;
    for (struct block *outer = block->outer; outer; outer = outer->outer, levels++) {
        const struct scope_column *col;
        enum found found = find(&outer->from.scope, table, name, &col);
        if (found == FOUND_NONE)
            continue;
        if (found == FOUND_MANY)
            return bind_fail(block->binder, location, ERR_AMBIGUOUS_COLUMN, "column reference \"%s\" is ambiguous",
                             name);
        if (levels > 1)
            return bind_unsupported(block->binder, location, "a reference to a query two levels out");
        if (!block->outer_allowed)
            return bind_unsupported(block->binder, location, "a reference to the outer query in %s", block->clause);
        *expr = scope_expr(block->binder, col, location);
        (*expr)->column += COLUMN_OUTER;
        return true;
    }
    *done = false;
    return true;
}

static bool find_column(struct block *block, const char *table, const char *name, int location, struct expr **expr)
{
    const struct scope_column *col;
    bool done;
    switch (find(&block->from.scope, table, name, &col)) {
    case FOUND_ONE:
        *expr = scope_expr(block->binder, col, location);
        return true;
    case FOUND_MANY:
        return bind_fail(block->binder, location, ERR_AMBIGUOUS_COLUMN, "column reference \"%s\" is ambiguous", name);
    case FOUND_NONE:
        break;
    }
    TRY(find_outer(block, table, name, location, expr, &done));
    if (done)
        return true;
    if (table && !has_table(&block->from.scope, table))
        return bind_fail_no_table(block, table, location);
    return fail_no_column(block, table, name, location);
}

bool bind_column(struct block *block, const PgQuery__ColumnRef *ref, struct expr **expr)
{
    size_t n = ref->n_fields;
    if (block->clause && !strcmp(block->clause, CLAUSE_DEFAULT))
        return bind_fail(block->binder, ref->location, ERR_FEATURE_NOT_SUPPORTED,
                         "cannot use column reference in DEFAULT expression");
    for (size_t i = 0; i < n; i++)
        if (ref->fields[i]->node_case != PG_QUERY__NODE__NODE_STRING)
            return bind_unsupported(block->binder, ref->location, "a whole row as a value");
    if (n == 1) {
        const char *name = bind_string(ref->fields[0]);
        if (has_table(&block->from.scope, name)) {
            const struct scope_column *col;
            if (find(&block->from.scope, NULL, name, &col) == FOUND_NONE)
                return bind_unsupported(block->binder, ref->location, "a whole row as a value");
        }
        return find_column(block, NULL, name, ref->location, expr);
    }
    if (n > 3)
        return bind_unsupported(block->binder, ref->location, "a name of more than three parts");
    /* schema.table.column: the alias decides, as the schema was checked in FROM */
    return find_column(block, bind_string(ref->fields[n - 2]), bind_string(ref->fields[n - 1]), ref->location, expr);
}

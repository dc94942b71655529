/* Ad-hoc queries: rows are found by the key of their relation, or of an index of it, instead of reading all of them.
 *
 *   before  Filter id = 5            over Scan t
 *   after   the same filter          over Scan t by id
 *   before  Filter a IN (1, 2)       over Scan t
 *   after   the same filter          over Scan t by a, index t_a_idx
 *
 * Conditions: the filter stands right above the scan and holds, joined by AND, column = constant or column IN
 * (constants) for every key column of the relation (first choice) or of an index that has all columns the scan yields
 * (then the one with most key columns). Parameters are constants by now. The filter stays: rows found are looked at
 * like others. */
#include "planner/passes.h"

#include <string.h>

#define LOOKUP_KEYS_MAX 1024

/* Note such conditions; given[] is by column of the scan. */
static void note_given(struct expr *expr, struct plan_given *given)
{
    if (expr->kind == EXPR_AND) {
        for (uint16_t i = 0; i < expr->nargs; i++)
            note_given(expr->args[i], given);
        return;
    }
    if (expr->kind == EXPR_IN_LIST && !expr->negated && expr->args[0]->kind == EXPR_COLUMN) {
        given[expr->args[0]->column] = (struct plan_given){expr->nitems, expr->items};
        return;
    }
    if (expr->kind != EXPR_CALL || expr->nargs != 2 || strcmp(expr->fn->name, "=") != 0)
        return;
    bool swapped = expr->args[0]->kind == EXPR_CONST;
    const struct expr *column = expr->args[swapped], *value = expr->args[!swapped];
    if (column->kind == EXPR_COLUMN && value->kind == EXPR_CONST && column->type.id == value->type.id)
        given[column->column] = (struct plan_given){1, &value->value};
}

struct lookup {
    struct planner *planner;
    struct plan *scan;
    const struct object *scanned;
    const struct plan_given *by_column;
};

/* The column of the scan that shows the owner's column; ncols: none. */
static uint16_t scan_column(const struct lookup *l, const struct object *owner, uint16_t column)
{
    const struct plan *scan = l->scan;
    uint16_t c = 0;
    while (c < scan->ncols && l->scanned->cols[scan->scan.columns[c]].id != owner->cols[column].id)
        c++;
    return c;
}

/* Is every key column of the owner given, and are the keys not too many? */
static struct plan_given *given_key(const struct lookup *l, const struct object *owner)
{
    struct plan_given *given = WR_NEW_ARRAY(l->planner->arena, struct plan_given, owner->npk);
    uint64_t keys = 1;
    for (uint16_t k = 0; k < owner->npk; k++) {
        uint16_t c = scan_column(l, owner, owner->pk[k]);
        if (c == l->scan->ncols || !l->by_column[c].n || (keys *= l->by_column[c].n) > LOOKUP_KEYS_MAX)
            return NULL;
        given[k] = l->by_column[c];
    }
    return owner->npk ? given : NULL;
}

static bool has_columns(const struct lookup *l, const struct object *index)
{
    for (uint16_t c = 0; c < l->scan->ncols; c++)
        if (wr_object_column(index, l->scanned->cols[l->scan->scan.columns[c]].id) == index->ncols)
            return false;
    return true;
}

static void use(const struct lookup *l, const struct object *owner, struct plan_given *given)
{
    l->scan->scan.lookup = owner->id;
    l->scan->scan.lookup_name = wr_arena_strdup(l->planner->arena, owner->name);
    l->scan->scan.nlookup = owner->npk;
    l->scan->scan.given = given;
}

static void use_best_index(const struct lookup *l)
{
    const struct catalog *catalog = l->planner->catalog;
    for (size_t i = 0; i < wr_catalog_count(catalog); i++) {
        const struct object *index = wr_catalog_at(catalog, i);
        if (index->kind != OBJECT_INDEX || index->deps[0] != l->scanned->id || index->creating || index->uncommitted ||
            index->npk <= l->scan->scan.nlookup || !has_columns(l, index))
            continue;
        struct plan_given *given = given_key(l, index);
        if (given)
            use(l, index, given);
    }
}

static void look_up(struct planner *planner, struct plan *filter, bool *changed)
{
    struct plan *scan = filter->inputs[0];
    const struct object *scanned = wr_catalog_get(planner->catalog, scan->scan.object);
    if (!scanned || (scanned->kind != OBJECT_TABLE && scanned->kind != OBJECT_MATERIALIZED_VIEW))
        return;
    struct plan_given *by_column = WR_NEW_ARRAY(planner->arena, struct plan_given, scan->ncols);
    struct lookup l = {planner, scan, scanned, by_column};
    note_given(filter->filter.predicate, by_column);
    struct plan_given *given = given_key(&l, scanned);
    if (given)
        use(&l, scanned, given);
    else
        use_best_index(&l);
    *changed |= scan->scan.lookup != 0;
}

static void visit(struct planner *planner, struct plan *plan, bool *changed)
{
    for (uint16_t i = 0; i < plan->ninputs; i++)
        visit(planner, plan->inputs[i], changed);
    if (plan->kind == PLAN_FILTER && plan->inputs[0]->kind == PLAN_SCAN)
        look_up(planner, plan, changed);
}

bool pass_lookup(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    if (!planner->streaming)
        visit(planner, *plan, changed);
    return true;
}

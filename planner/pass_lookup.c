/* Ad-hoc queries: rows are found by the key of their relation, or of an index of it, instead of reading all of them.
 *
 *   before  Filter id = 5            over Scan t
 *   after   the same filter          over Scan t by id
 *   before  Filter a IN (1, 2)       over Scan t
 *   after   the same filter          over Scan t by a, index t_a_idx
 *   before  Filter a = 1 AND b > 5   over Scan t, key (a, b, c)
 *   after   the same filter          over Scan t by the first columns of its key
 *
 * Conditions: the filter stands right above the scan and holds, joined by AND, column = constant or column IN
 * (constants) for every key column of the relation (first choice) or of an index that has all columns the scan yields
 * (then the one with most key columns). Where none is, the first key columns of one of them may be held so, and the
 * one behind them between constants. Parameters are constants by now. The filter stays: rows found are looked at like
 * others. */
#include "planner/passes.h"

#include <string.h>

#define LOOKUP_KEYS_MAX  1024
#define LEADING_KEYS_MAX 8 /* each is looked for in every shard */

/* What conditions say of a column of the scan. */
struct known {
    struct plan_given given;
    struct plan_range range;
};

/* Of several bounds any will do: the filter looks at all of them. NULL bounds nothing here; no row passes it. */
static void note_bound(const char *op, bool swapped, const struct datum *value, struct plan_range *range)
{
    if (op[0] != '<' && op[0] != '>')
        return;
    if (value->null || value->type.id == TYPE_JSONB || (op[1] && strcmp(op + 1, "=") != 0))
        return; /* jsonb's keys are not in its order */
    *((op[0] == '>') != swapped ? &range->lower : &range->upper) = value;
}

/* Note such conditions; known[] is by column of the scan. */
static void note(struct expr *expr, struct known *known)
{
    if (expr->kind == EXPR_AND) {
        for (uint16_t i = 0; i < expr->nargs; i++)
            note(expr->args[i], known);
        return;
    }
    if (expr->kind == EXPR_IN_LIST && !expr->negated && expr->args[0]->kind == EXPR_COLUMN) {
        known[expr->args[0]->column].given = (struct plan_given){expr->nitems, expr->items};
        return;
    }
    if (expr->kind != EXPR_CALL || expr->nargs != 2)
        return;
    bool swapped = expr->args[0]->kind == EXPR_CONST;
    const struct expr *column = expr->args[swapped], *value = expr->args[!swapped];
    if (column->kind != EXPR_COLUMN || value->kind != EXPR_CONST || column->type.id != value->type.id)
        return;
    if (!strcmp(expr->fn->name, "="))
        known[column->column].given = (struct plan_given){1, &value->value};
    else
        note_bound(expr->fn->name, swapped, &value->value, &known[column->column].range);
}

struct lookup {
    struct planner *planner;
    struct plan *scan;
    const struct object *scanned;
    const struct known *by_column;
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
        if (c == l->scan->ncols || !l->by_column[c].given.n || (keys *= l->by_column[c].given.n) > LOOKUP_KEYS_MAX)
            return NULL;
        given[k] = l->by_column[c].given;
    }
    return owner->npk ? given : NULL;
}

/* How many columns of the owner's key are known from its first on: 2 for each that is given, 1 for a range behind. */
static unsigned leading(const struct lookup *l, const struct object *owner, uint16_t *ngiven, struct plan_range *range)
{
    uint64_t keys = 1;
    *ngiven = 0;
    *range = (struct plan_range){0};
    for (uint16_t k = 0; k < owner->npk; k++) {
        uint16_t c = scan_column(l, owner, owner->pk[k]);
        if (c == l->scan->ncols)
            break;
        const struct known *known = &l->by_column[c];
        if (!known->given.n || (keys *= known->given.n) > LEADING_KEYS_MAX) {
            *range = known->range;
            break;
        }
        ++*ngiven;
    }
    return 2u * *ngiven + (range->lower || range->upper);
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

static void use_leading(const struct lookup *l, const struct object *owner)
{
    struct plan *scan = l->scan;
    uint16_t n;
    leading(l, owner, &n, &scan->scan.range);
    use(l, owner, WR_NEW_ARRAY(l->planner->arena, struct plan_given, n + 1u));
    scan->scan.nlookup = n;
    scan->scan.leading = true;
    for (uint16_t k = 0; k < n; k++)
        scan->scan.given[k] = l->by_column[scan_column(l, owner, owner->pk[k])].given;
}

static bool is_usable(const struct lookup *l, const struct object *index)
{
    return index->kind == OBJECT_INDEX && index->deps[0] == l->scanned->id && !index->creating && !index->uncommitted &&
           has_columns(l, index);
}

/* The key, or the index, of whose first columns most is known. */
static void use_best_leading(const struct lookup *l)
{
    const struct catalog *catalog = l->planner->catalog;
    const struct object *best = l->scanned;
    struct plan_range range;
    uint16_t n;
    unsigned most = leading(l, l->scanned, &n, &range);
    for (size_t i = 0; i < wr_catalog_count(catalog); i++) {
        const struct object *index = wr_catalog_at(catalog, i);
        unsigned known = is_usable(l, index) ? leading(l, index, &n, &range) : 0;
        if (known > most) {
            most = known;
            best = index;
        }
    }
    if (most)
        use_leading(l, best);
}

static void use_best_index(const struct lookup *l)
{
    const struct catalog *catalog = l->planner->catalog;
    for (size_t i = 0; i < wr_catalog_count(catalog); i++) {
        const struct object *index = wr_catalog_at(catalog, i);
        if (!is_usable(l, index) || index->npk <= l->scan->scan.nlookup)
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
    struct known *by_column = WR_NEW_ARRAY(planner->arena, struct known, scan->ncols);
    struct lookup l = {planner, scan, scanned, by_column};
    note(filter->filter.predicate, by_column);
    struct plan_given *given = given_key(&l, scanned);
    if (given)
        use(&l, scanned, given);
    else
        use_best_index(&l);
    if (!scan->scan.lookup)
        use_best_leading(&l);
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

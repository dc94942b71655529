/* A join that looks one side up by a table's primary key, or by an index, reads those rows there instead of keeping a
 * copy of them.
 *
 *   before  Join on o.product_id = p.id      keeps the rows of o and of p
 *     Scan o, Scan p
 *   after   the same, "right from table p"   keeps the rows of o; those of p are the table's own state
 *   after   with CREATE INDEX i ON o (product_id): "left from index i, right from table p", and the join keeps nothing
 *
 * Conditions: the side is a plain scan of a table or materialized view; the join's keys are exactly the primary key of
 * the table, or those of an index that has all the columns the scan yields; the left side of a left, semi or anti join
 * only without an extra condition, whose match counts name left rows by their bytes. The other side must not come from
 * joins over the same relation: what such a join emits while the relation's own change is under way has to wait, and
 * may be more than memory should hold (executor/op_join_table.c).
 *
 * The join's keys are put into the order of the table's or index's: the lookup's key is then theirs, and so is the
 * shard. A choice of state: stored views planned before it do without (struct planner, version), and use no index that
 * they did not use when they were made: it is among their deps. */
#include "planner/passes.h"

#define SHARES_SINCE 1

/* Where in the join's keys the key columns of `owner` (table, or index of the scanned relation) are; false if the keys
 * are not exactly those. */
static bool key_order(const struct plan *plan, unsigned side, const struct object *scanned, const struct object *owner,
                      uint16_t *order)
{
    const struct plan *scan = plan->inputs[side];
    const uint16_t *keys = side ? plan->join.right_keys : plan->join.left_keys;
    if (owner->npk != plan->join.nkeys)
        return false;
    for (uint16_t i = 0; i < owner->npk; i++) {
        uint16_t k = 0;
        while (k < plan->join.nkeys && scanned->cols[scan->scan.columns[keys[k]]].id != owner->cols[owner->pk[i]].id)
            k++;
        if (k == plan->join.nkeys)
            return false;
        order[i] = k;
    }
    return true;
}

static bool has_join(const struct plan *plan)
{
    bool found = plan->kind == PLAN_JOIN;
    for (uint16_t i = 0; i < plan->ninputs && !found; i++)
        found = has_join(plan->inputs[i]);
    return found;
}

/* Does the object read the table, through whatever it reads? An object's inputs are older than itself: their ids are
 * smaller, so one pass from the newest down meets every object after all of its readers. */
static bool object_reads(const struct planner *planner, uint32_t object, uint32_t table)
{
    size_t n = wr_catalog_count(planner->catalog);
    bool *read = WR_NEW_ARRAY(planner->arena, bool, n + 1);
    bool any = object == table;
    for (size_t i = n; i-- > 0 && !any;) {
        const struct object *of = wr_catalog_at(planner->catalog, i);
        read[i] |= of->id == object;
        for (uint16_t d = 0; read[i] && d < of->ndeps; d++) {
            any |= of->deps[d] == table;
            for (size_t j = 0; j < i; j++)
                read[j] |= wr_catalog_at(planner->catalog, j)->id == of->deps[d];
        }
    }
    return any;
}

/* Do rows come out of a view over the table, or out of the table itself? */
static bool reads_through_view(const struct planner *planner, const struct plan *plan, uint32_t table, bool *itself)
{
    if (plan->kind == PLAN_SCAN) {
        *itself |= plan->scan.object == table;
        return plan->scan.object != table && object_reads(planner, plan->scan.object, table);
    }
    bool reads = false;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        reads |= reads_through_view(planner, plan->inputs[i], table, itself);
    return reads;
}

static bool is_independent(const struct planner *planner, const struct plan *other, uint32_t table)
{
    bool itself = false;
    if (reads_through_view(planner, other, table, &itself))
        return false;
    return !itself || !has_join(other);
}

/* ---- what can be read */

static bool has_columns(const struct object *index, const struct object *scanned, const struct plan *scan)
{
    for (uint16_t c = 0; c < scan->ncols; c++)
        if (wr_object_column(index, scanned->cols[scan->scan.columns[c]].id) == index->ncols)
            return false;
    return true;
}

static bool may_use(const struct planner *planner, const struct object *index)
{
    const struct object *stored = planner->stored;
    bool known = !stored && !index->creating && !index->uncommitted;
    for (uint16_t d = 0; stored && d < stored->ndeps && !known; d++)
        known = stored->deps[d] == index->id;
    return known;
}

static const struct object *find_index(const struct planner *planner, const struct plan *plan, unsigned side,
                                       const struct object *scanned, uint16_t *order)
{
    for (size_t i = 0; i < wr_catalog_count(planner->catalog); i++) {
        const struct object *index = wr_catalog_at(planner->catalog, i);
        if (index->kind == OBJECT_INDEX && index->deps[0] == scanned->id && may_use(planner, index) &&
            has_columns(index, scanned, plan->inputs[side]) && key_order(plan, side, scanned, index, order))
            return index;
    }
    return NULL;
}

static bool is_keyed_table(const struct object *object)
{
    return object->kind == OBJECT_TABLE && object->npk && !object->cols[object->ncols - 1].hidden;
}

/* The table itself, an index of what is scanned, or NULL. */
static const struct object *find_owner(const struct planner *planner, const struct plan *plan, unsigned side,
                                       uint16_t *order)
{
    const struct plan *scan = plan->inputs[side];
    const struct object *scanned = scan->kind == PLAN_SCAN ? wr_catalog_get(planner->catalog, scan->scan.object) : NULL;
    if (!scanned || (scanned->kind != OBJECT_TABLE && scanned->kind != OBJECT_MATERIALIZED_VIEW) ||
        !is_independent(planner, plan->inputs[!side], scanned->id))
        return NULL;
    if (is_keyed_table(scanned) && key_order(plan, side, scanned, scanned, order))
        return scanned;
    return find_index(planner, plan, side, scanned, order);
}

/* ---- the change */

static void order_keys(struct planner *planner, struct plan *plan, const uint16_t *order)
{
    uint16_t n = plan->join.nkeys;
    uint16_t *left = WR_NEW_ARRAY(planner->arena, uint16_t, n), *right = WR_NEW_ARRAY(planner->arena, uint16_t, n);
    for (uint16_t i = 0; i < n; i++) {
        left[i] = plan->join.left_keys[order[i]];
        right[i] = plan->join.right_keys[order[i]];
    }
    plan->join.left_keys = left;
    plan->join.right_keys = right;
}

static void scan_index(struct planner *planner, struct plan *scan, const struct object *index)
{
    const struct object *scanned = wr_catalog_get(planner->catalog, scan->scan.object);
    uint16_t *columns = WR_NEW_ARRAY(planner->arena, uint16_t, scan->ncols + 1);
    for (uint16_t c = 0; c < scan->ncols; c++)
        columns[c] = wr_object_column(index, scanned->cols[scan->scan.columns[c]].id);
    scan->scan.object = index->id;
    scan->scan.name = wr_arena_strdup(planner->arena, index->name);
    scan->scan.columns = columns;
}

static void share_side(struct planner *planner, struct plan *plan, unsigned side, const struct object *owner)
{
    uint8_t bit = side ? SHARED_RIGHT : SHARED_LEFT;
    plan->join.shared |= bit;
    if (owner->kind != OBJECT_INDEX)
        return;
    plan->join.shared_index |= bit;
    scan_index(planner, plan->inputs[side], owner);
}

static bool is_ordered(const uint16_t *order, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        if (order[i] != i)
            return false;
    return true;
}

/* The right side if it can be, else the left; for an inner join the left too, if its owner has the same order of keys.
 */
static bool share_join(struct planner *planner, struct plan *plan)
{
    uint16_t *order = WR_NEW_ARRAY(planner->arena, uint16_t, plan->join.nkeys);
    bool left_too = plan->join.type == JOIN_INNER || !plan->join.condition;
    for (int side = 1; side >= 0; side--) {
        const struct object *owner = side || left_too ? find_owner(planner, plan, (unsigned)side, order) : NULL;
        if (!owner)
            continue;
        if (plan->join.shared && (plan->join.type != JOIN_INNER || !is_ordered(order, plan->join.nkeys)))
            return true;
        order_keys(planner, plan, order);
        share_side(planner, plan, (unsigned)side, owner);
    }
    return plan->join.shared != SHARED_NONE;
}

static void share_plan(struct planner *planner, struct plan *plan, bool *changed)
{
    for (uint16_t i = 0; i < plan->ninputs; i++)
        share_plan(planner, plan->inputs[i], changed);
    if (plan->kind == PLAN_JOIN && plan->join.nkeys && plan->join.type != JOIN_FULL && !plan->join.null_aware &&
        !plan->join.nulls_equal)
        *changed |= share_join(planner, plan);
}

bool pass_share(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    if (planner->streaming && planner->version >= SHARES_SINCE)
        share_plan(planner, *plan, changed);
    return true;
}

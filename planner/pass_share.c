/* A join that looks one side up by a table's primary key reads the table instead of keeping a copy of it (D4).
 *
 *   before  Join on o.product_id = p.id      keeps the rows of o and of p
 *     Scan o, Scan p
 *   after   the same, "shared right: p"      keeps the rows of o; those of p are the table's own state
 *
 * Conditions: the side is a plain scan of a table, the join's keys are exactly its primary key; the left side of a
 * left, semi or anti join only without an extra condition, whose match counts name left rows by their bytes. The other
 * side must not come from joins over the same table: what such a join emits while the table's own change is under way
 * has to wait for the end of the epoch, and may be more than memory should hold (executor/op_join_table.c).
 *
 * The join's keys are put into the order of the primary key: the lookup's key is then the table's, and so is the shard.
 * A choice of state: stored views planned before it do without (struct planner, version). */
#include "planner/passes.h"

#define SHARES_SINCE 1

/* Where in the join's keys the table's key columns are; false if the keys are not exactly those. */
static bool key_order(const struct plan *plan, unsigned side, const struct object *table, uint16_t *order)
{
    const struct plan *scan = plan->inputs[side];
    const uint16_t *keys = side ? plan->join.right_keys : plan->join.left_keys;
    if (table->npk != plan->join.nkeys)
        return false;
    for (uint16_t i = 0; i < table->npk; i++) {
        uint16_t k = 0;
        while (k < plan->join.nkeys && scan->scan.columns[keys[k]] != table->pk[i])
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

static const struct object *table_of(const struct planner *planner, const struct plan *plan)
{
    if (plan->kind != PLAN_SCAN)
        return NULL;
    const struct object *object = wr_catalog_get(planner->catalog, plan->scan.object);
    bool keyed = object && object->kind == OBJECT_TABLE && object->npk && !object->cols[object->ncols - 1].hidden;
    return keyed ? object : NULL;
}

static bool share_side(struct planner *planner, struct plan *plan, unsigned side)
{
    const struct object *table = table_of(planner, plan->inputs[side]);
    uint16_t n = plan->join.nkeys;
    uint16_t *order = WR_NEW_ARRAY(planner->arena, uint16_t, n);
    if (!table || !key_order(plan, side, table, order) || !is_independent(planner, plan->inputs[!side], table->id))
        return false;
    uint16_t *left = WR_NEW_ARRAY(planner->arena, uint16_t, n), *right = WR_NEW_ARRAY(planner->arena, uint16_t, n);
    for (uint16_t i = 0; i < n; i++) {
        left[i] = plan->join.left_keys[order[i]];
        right[i] = plan->join.right_keys[order[i]];
    }
    plan->join.left_keys = left;
    plan->join.right_keys = right;
    plan->join.shared = side ? SHARED_RIGHT : SHARED_LEFT;
    return true;
}

static void share_plan(struct planner *planner, struct plan *plan, bool *changed)
{
    for (uint16_t i = 0; i < plan->ninputs; i++)
        share_plan(planner, plan->inputs[i], changed);
    if (plan->kind != PLAN_JOIN || !plan->join.nkeys || plan->join.null_aware || plan->join.nulls_equal)
        return;
    bool left_too = plan->join.type == JOIN_INNER || !plan->join.condition;
    *changed |= share_side(planner, plan, 1) || (left_too && share_side(planner, plan, 0));
}

bool pass_share(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    if (planner->streaming && planner->version >= SHARES_SINCE)
        share_plan(planner, *plan, changed);
    return true;
}

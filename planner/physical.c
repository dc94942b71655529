/* The physical form: exchanges where several workers run, numbers of nodes and state tables, the plan's hash.
 *
 * A node that keeps state must get rows from the worker that owns the shard of their key (plan_props.hash_columns, in
 * this order): joins of their keys, aggregates of the group, TopN of the partition, DISTINCT of the whole row; without
 * such columns, and for NOT IN, everything goes to shard 0. Scans of keyed relations are spread by the primary key. A
 * streaming root is spread by its key (or its whole row), as the relation it fills is. */
#include <string.h>

#include "planner/passes.h"

struct placing {
    struct wr_arena *arena;
    bool insert; /* exchanges; without them the choices (order of join keys) are the same: state does not depend on
                    workers */
};

static void set_hash(struct plan *plan, const uint16_t *columns, uint16_t n)
{
    plan->props.distributed = true;
    plan->props.nhash = n;
    plan->props.hash_columns = (uint16_t *)columns;
}

static bool is_placed(const struct plan *plan, const uint16_t *columns, uint16_t n)
{
    return plan->props.distributed && plan->props.nhash == n &&
           (!n || !memcmp(plan->props.hash_columns, columns, n * sizeof(columns[0])));
}

static void add_exchange(struct placing *p, struct plan **at, const uint16_t *columns, uint16_t n)
{
    struct plan *input = *at;
    if (!p->insert || is_placed(input, columns, n))
        return;
    struct plan *plan = wr_plan_new(p->arena, PLAN_EXCHANGE, input->ncols, 1);
    plan->inputs[0] = input;
    memcpy(plan->cols, input->cols, input->ncols * sizeof(input->cols[0]));
    plan->props = input->props;
    plan->exchange.nkeys = n;
    plan->exchange.keys = WR_NEW_ARRAY(p->arena, uint16_t, n);
    if (n)
        memcpy(plan->exchange.keys, columns, n * sizeof(columns[0]));
    set_hash(plan, plan->exchange.keys, n);
    *at = plan;
}

static uint16_t *first_columns(struct placing *p, uint16_t n)
{
    uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, n);
    for (uint16_t i = 0; i < n; i++)
        columns[i] = i;
    return columns;
}

/* Put the join's keys into the order in which a side is spread already, if it is by the same columns. */
static void follow_side(struct placing *p, struct plan *plan, const struct plan *side, bool right)
{
    uint16_t n = plan->join.nkeys;
    const uint16_t *keys = right ? plan->join.right_keys : plan->join.left_keys;
    if (!side->props.distributed || side->props.nhash != n)
        return;
    uint16_t *left_keys = WR_NEW_ARRAY(p->arena, uint16_t, n), *right_keys = WR_NEW_ARRAY(p->arena, uint16_t, n);
    for (uint16_t i = 0; i < n; i++) {
        uint16_t k = 0;
        while (k < n && keys[k] != side->props.hash_columns[i])
            k++;
        if (k == n)
            return;
        left_keys[i] = plan->join.left_keys[k];
        right_keys[i] = plan->join.right_keys[k];
    }
    for (uint16_t i = 0; i < n; i++) /* a permutation: no key twice */
        for (uint16_t j = 0; j < i; j++)
            if (left_keys[i] == left_keys[j] && right_keys[i] == right_keys[j])
                return;
    plan->join.left_keys = left_keys;
    plan->join.right_keys = right_keys;
}

static void place_join(struct placing *p, struct plan *plan)
{
    uint16_t n = plan->join.nkeys;
    if (plan->join.null_aware) { /* whether a row passes depends on the right side as a whole: one worker sees it */
        add_exchange(p, &plan->inputs[0], NULL, 0);
        add_exchange(p, &plan->inputs[1], NULL, 0);
        set_hash(plan, NULL, 0);
        return;
    }
    if (!plan->join.shared) { /* else the keys follow the table */
        follow_side(p, plan, plan->inputs[1], true);
        follow_side(p, plan, plan->inputs[0], false);
    }
    add_exchange(p, &plan->inputs[0], plan->join.left_keys, n);
    add_exchange(p, &plan->inputs[1], plan->join.right_keys, n);
    if (plan->join.type != JOIN_FULL) /* rows of the right alone lie where their own key says */
        set_hash(plan, plan->join.left_keys, n);
}

static void place_project(struct placing *p, struct plan *plan)
{
    const struct plan *input = plan->inputs[0];
    if (!input->props.distributed)
        return;
    uint16_t n = input->props.nhash, found = 0;
    uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, n);
    for (uint16_t i = 0; i < n; i++)
        for (uint16_t c = 0; c < plan->ncols; c++)
            if (plan->project.exprs[c]->kind == EXPR_COLUMN &&
                plan->project.exprs[c]->column == input->props.hash_columns[i]) {
                columns[found++] = c;
                break;
            }
    if (found == n)
        set_hash(plan, columns, n);
}

static void place_scan(struct placing *p, struct planner *planner, struct plan *plan)
{
    const struct object *object = wr_catalog_get(planner->catalog, plan->scan.object);
    if (!object || !object->npk || object->kind == OBJECT_SOURCE)
        return;
    uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, object->npk);
    for (uint16_t k = 0; k < object->npk; k++) {
        uint16_t c = 0;
        while (c < plan->ncols && plan->scan.columns[c] != object->pk[k])
            c++;
        if (c == plan->ncols)
            return;
        columns[k] = c;
    }
    set_hash(plan, columns, object->npk);
}

static void place_union(struct plan *plan)
{
    const struct plan_props *first = &plan->inputs[0]->props;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        if (!first->distributed || !is_placed(plan->inputs[i], first->hash_columns, first->nhash))
            return;
    set_hash(plan, first->hash_columns, first->nhash);
}

static void place(struct placing *p, struct planner *planner, struct plan *plan)
{
    for (uint16_t i = 0; i < plan->ninputs; i++)
        place(p, planner, plan->inputs[i]);
    switch ((enum plan_kind)plan->kind) {
    case PLAN_SCAN:
        place_scan(p, planner, plan);
        break;
    case PLAN_FILTER:
        if (plan->inputs[0]->props.distributed)
            set_hash(plan, plan->inputs[0]->props.hash_columns, plan->inputs[0]->props.nhash);
        break;
    case PLAN_PROJECT:
        place_project(p, plan);
        break;
    case PLAN_JOIN:
        place_join(p, plan);
        break;
    case PLAN_AGGREGATE:
        add_exchange(p, &plan->inputs[0], plan->aggregate.group, plan->aggregate.ngroup);
        set_hash(plan, first_columns(p, plan->aggregate.ngroup), plan->aggregate.ngroup);
        break;
    case PLAN_DISTINCT:
        add_exchange(p, &plan->inputs[0], first_columns(p, plan->ncols), plan->ncols);
        set_hash(plan, first_columns(p, plan->ncols), plan->ncols);
        break;
    case PLAN_TOPN:
        add_exchange(p, &plan->inputs[0], plan->topn.partition, plan->topn.npartition);
        set_hash(plan, plan->topn.partition, plan->topn.npartition);
        break;
    case PLAN_SORT:
        add_exchange(p, &plan->inputs[0], NULL, 0);
        set_hash(plan, NULL, 0);
        break;
    case PLAN_UNION:
        place_union(plan);
        break;
    case PLAN_VALUES: /* made by one worker */
    case PLAN_EXCHANGE:
    case PLAN_KIND_COUNT:
        break;
    }
}

static void place_root(struct placing *p, const struct planner *planner, struct plan **plan)
{
    const struct plan_props *props = &(*plan)->props;
    if (planner->stored && planner->stored->kind == OBJECT_INDEX) {
        add_exchange(p, plan, planner->stored->pk, planner->stored->npk);
        return;
    }
    uint16_t n = props->nkeys ? props->keys[0].n : (*plan)->ncols;
    add_exchange(p, plan, props->nkeys ? props->keys[0].columns : first_columns(p, n), n);
}

/* Nodes first, exchanges behind them: the number of a node does not depend on the number of workers. */
static void number(struct plan *plan, bool exchanges, uint32_t *id)
{
    if ((plan->kind == PLAN_EXCHANGE) == exchanges)
        plan->id = (*id)++;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        number(plan->inputs[i], exchanges, id);
}

static void number_together(struct plan *plan, uint32_t *id)
{
    plan->id = (*id)++;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        number_together(plan->inputs[i], id);
}

static void number_states(struct plan *plan, uint16_t *state)
{
    plan->nstates = wr_plan_state_count(plan);
    plan->first_state = *state;
    *state = (uint16_t)(*state + plan->nstates);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        number_states(plan->inputs[i], state);
}

void plan_physical(struct planner *planner, struct plan **plan)
{
    struct placing p = {planner->arena, planner->multi_worker};
    uint32_t id = 1;
    uint16_t state = 0;
    place(&p, planner, *plan);
    if (planner->streaming)
        place_root(&p, planner, plan);
    if (planner->version < 2) {
        number_together(*plan, &id);
    } else {
        number(*plan, false, &id);
        number(*plan, true, &id);
    }
    number_states(*plan, &state);
}

/* ---- hash */

static void put_columns(struct wr_buf *buf, const uint16_t *columns, uint16_t n)
{
    wr_buf_u16be(buf, n);
    for (uint16_t i = 0; i < n; i++)
        wr_buf_u16be(buf, columns[i]);
}

static void put_expr(struct wr_buf *buf, const struct expr *expr)
{
    if (expr)
        wr_expr_print(buf, expr, NULL);
    wr_buf_byte(buf, 0);
}

static void put_order(struct wr_buf *buf, const struct plan_order *order, uint16_t n)
{
    wr_buf_u16be(buf, n);
    for (uint16_t i = 0; i < n; i++) {
        wr_buf_u16be(buf, order[i].column);
        wr_buf_byte(buf, order[i].descending);
        wr_buf_byte(buf, order[i].nulls_first);
    }
}

static void put_aggregate(struct wr_buf *buf, const struct plan *plan)
{
    put_columns(buf, plan->aggregate.group, plan->aggregate.ngroup);
    wr_buf_byte(buf, plan->aggregate.grouped);
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        const struct plan_agg *agg = &plan->aggregate.aggs[i];
        wr_buf_puts(buf, agg->agg->name);
        wr_buf_byte(buf, agg->agg->arg);
        wr_buf_u32be(buf, (uint32_t)agg->arg);
        wr_buf_u32be(buf, (uint32_t)agg->filter);
        wr_buf_byte(buf, agg->distinct);
    }
}

static void put_join(struct wr_buf *buf, const struct plan *plan)
{
    wr_buf_byte(buf, plan->join.type);
    put_columns(buf, plan->join.left_keys, plan->join.nkeys);
    put_columns(buf, plan->join.right_keys, plan->join.nkeys);
    wr_buf_byte(buf, (uint8_t)(plan->join.null_aware * 2 + plan->join.nulls_equal));
    put_expr(buf, plan->join.condition);
    if (plan->join.shared) /* plans without it hash as they always did */
        wr_buf_byte(buf, plan->join.shared);
}

static void put_details(struct wr_buf *buf, const struct plan *plan)
{
    switch ((enum plan_kind)plan->kind) {
    case PLAN_SCAN:
        wr_buf_u32be(buf, plan->scan.object);
        put_columns(buf, plan->scan.columns, plan->ncols);
        break;
    case PLAN_VALUES:
        wr_buf_u32be(buf, plan->values.nrows);
        for (size_t i = 0; i < (size_t)plan->values.nrows * plan->ncols; i++)
            put_expr(buf, plan->values.exprs[i]);
        break;
    case PLAN_FILTER:
        put_expr(buf, plan->filter.predicate);
        break;
    case PLAN_PROJECT:
        for (uint16_t i = 0; i < plan->ncols; i++)
            put_expr(buf, plan->project.exprs[i]);
        break;
    case PLAN_JOIN:
        put_join(buf, plan);
        break;
    case PLAN_AGGREGATE:
        put_aggregate(buf, plan);
        break;
    case PLAN_TOPN:
        put_columns(buf, plan->topn.partition, plan->topn.npartition);
        put_order(buf, plan->topn.order, plan->topn.norder);
        wr_buf_u64be(buf, (uint64_t)plan->topn.limit);
        wr_buf_u64be(buf, (uint64_t)plan->topn.offset);
        wr_buf_byte(buf, plan->topn.emit_rank);
        break;
    case PLAN_SORT:
        put_order(buf, plan->sort.order, plan->sort.norder);
        break;
    case PLAN_EXCHANGE:
    case PLAN_DISTINCT:
    case PLAN_UNION:
    case PLAN_KIND_COUNT:
        break;
    }
}

static void put_plan(struct wr_buf *buf, const struct plan *plan)
{
    if (plan->kind == PLAN_EXCHANGE) { /* state does not depend on the number of workers */
        put_plan(buf, plan->inputs[0]);
        return;
    }
    wr_buf_byte(buf, plan->kind);
    wr_buf_byte(buf, plan->props.append_only); /* decides the form of state */
    wr_buf_u16be(buf, plan->ncols);
    for (uint16_t i = 0; i < plan->ncols; i++) {
        wr_buf_byte(buf, plan->cols[i].type.id);
        wr_buf_u16be(buf, (uint16_t)plan->cols[i].type.precision);
        wr_buf_u16be(buf, (uint16_t)plan->cols[i].type.scale);
    }
    put_details(buf, plan);
    wr_buf_u16be(buf, plan->ninputs);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        put_plan(buf, plan->inputs[i]);
}

uint64_t wr_plan_hash(const struct plan *plan)
{
    struct wr_buf buf = WR_BUF_INIT;
    put_plan(&buf, plan);
    uint64_t hash = wr_key_hash(buf.data, buf.len);
    wr_buf_free(&buf);
    return hash;
}

/* What is proven about every node's rows: unique keys, append-only.
 *
 *   scan        primary key, if all of it is scanned, and that there is one row, of views of which it is proven;
 *               append-only as declared, sources always
 *   filter      the input's keys, without columns that are held to a constant
 *   project     keys whose columns are all kept as they are
 *   join        left's keys if the right side matches at most once (its join columns contain a key of it); for inner
 *               joins the right's likewise; else a key of the left together with one of the right. Columns that an
 *               inner join equates stand for each other
 *   semi, anti  left's keys
 *   aggregate   the group columns, or those of them that were a key below
 *   topn        the input's; the partition if limit 1; partition and rank
 *   distinct    the input's, else all columns
 *
 * Append-only are filters, projections, unions, DISTINCT, inner and semi joins of append-only inputs, and nothing
 * else. */
#include <string.h>

#include "planner/passes.h"

#define KEYS_MAX 8

struct proving {
    struct planner *planner;
    struct wr_arena *arena;
};

static bool contains(const uint16_t *columns, uint16_t n, uint16_t column)
{
    for (uint16_t i = 0; i < n; i++)
        if (columns[i] == column)
            return true;
    return false;
}

static bool includes(const uint16_t *columns, uint16_t n, const struct plan_key *key)
{
    for (uint16_t i = 0; i < key->n; i++)
        if (!contains(columns, n, key->columns[i]))
            return false;
    return true;
}

bool plan_has_key(const struct plan *plan, const uint16_t *columns, uint16_t n)
{
    for (uint16_t k = 0; k < plan->props.nkeys; k++)
        if (includes(columns, n, &plan->props.keys[k]))
            return true;
    return false;
}

/* Keeps keys minimal: none contains another; the first found stays best. */
static void add_key(struct proving *p, struct plan *plan, const uint16_t *columns, uint16_t n)
{
    struct plan_props *props = &plan->props;
    struct plan_key key = {.columns = WR_NEW_ARRAY(p->arena, uint16_t, n)};
    for (uint16_t i = 0; i < n; i++)
        if (!contains(key.columns, key.n, columns[i]))
            key.columns[key.n++] = columns[i];
    if (plan_has_key(plan, key.columns, key.n))
        return;
    uint16_t kept = 0;
    for (uint16_t k = 0; k < props->nkeys; k++)
        if (!includes(props->keys[k].columns, props->keys[k].n, &key))
            props->keys[kept++] = props->keys[k];
    props->nkeys = kept;
    if (!props->keys)
        props->keys = WR_NEW_ARRAY(p->arena, struct plan_key, KEYS_MAX);
    if (props->nkeys < KEYS_MAX)
        props->keys[props->nkeys++] = key;
}

static void inherit_keys(struct proving *p, struct plan *plan, const struct plan *input)
{
    for (uint16_t k = 0; k < input->props.nkeys; k++)
        add_key(p, plan, input->props.keys[k].columns, input->props.keys[k].n);
}

static void prove_scan(struct proving *p, struct plan *plan)
{
    const struct object *scanned = wr_catalog_get(p->planner->catalog, plan->scan.object), *object = scanned;
    if (object && object->kind == OBJECT_INDEX) /* its rows are those of what it is an index of */
        object = wr_catalog_get(p->planner->catalog, object->deps[0]);
    if (!object)
        return;
    /* a query reads a snapshot: rows only come */
    plan->props.append_only = object->append_only || object->kind == OBJECT_SOURCE || !p->planner->streaming;
    uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, object->npk), n = 0;
    for (uint16_t k = 0; k < object->npk; k++)
        for (uint16_t c = 0; c < plan->ncols; c++)
            if (scanned->cols[plan->scan.columns[c]].id == object->cols[object->pk[k]].id) {
                columns[n++] = c;
                break;
            }
    if ((object->npk && n == object->npk) || object->single_row)
        add_key(p, plan, columns, n);
    for (uint16_t c = 0; c < plan->ncols; c++)
        if (plan->scan.columns[c] < 64 && (scanned->unique >> plan->scan.columns[c] & 1))
            add_key(p, plan, &c, 1);
}

/* column = constant (or parameter) among the conditions */
static void find_constants(struct wr_arena *arena, struct expr *predicate, bool *constant)
{
    struct expr **conds;
    uint16_t n = split_and(arena, predicate, &conds);
    for (uint16_t i = 0; i < n; i++) {
        if (conds[i]->kind != EXPR_CALL || conds[i]->nargs != 2 || strcmp(conds[i]->fn->name, "="))
            continue;
        for (int flip = 0; flip < 2; flip++)
            if (conds[i]->args[flip]->kind == EXPR_COLUMN && !reads_any(conds[i]->args[1 - flip]))
                constant[conds[i]->args[flip]->column] = true;
    }
}

static void prove_filter(struct proving *p, struct plan *plan)
{
    const struct plan *input = plan->inputs[0];
    bool *constant = WR_NEW_ARRAY(p->arena, bool, plan->ncols);
    find_constants(p->arena, plan->filter.predicate, constant);
    for (uint16_t k = 0; k < input->props.nkeys; k++) {
        const struct plan_key *key = &input->props.keys[k];
        uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, key->n), n = 0;
        for (uint16_t i = 0; i < key->n; i++)
            if (!constant[key->columns[i]])
                columns[n++] = key->columns[i];
        add_key(p, plan, columns, n);
    }
    plan->props.append_only = input->props.append_only;
}

static void prove_project(struct proving *p, struct plan *plan)
{
    const struct plan *input = plan->inputs[0];
    for (uint16_t k = 0; k < input->props.nkeys; k++) {
        const struct plan_key *key = &input->props.keys[k];
        uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, key->n), n = 0;
        for (uint16_t i = 0; i < key->n; i++)
            for (uint16_t c = 0; c < plan->ncols; c++) {
                const struct expr *expr = plan->project.exprs[c];
                if (expr->kind == EXPR_COLUMN && expr->column == key->columns[i]) {
                    columns[n++] = c;
                    break;
                }
            }
        if (n == key->n)
            add_key(p, plan, columns, n);
    }
    plan->props.append_only = input->props.append_only;
}

/* The key as it is, and with the inner join's equated columns exchanged for the other side's. */
static void add_join_key(struct proving *p, struct plan *plan, const uint16_t *columns, uint16_t n)
{
    uint16_t nleft = plan->inputs[0]->ncols;
    uint16_t *other = WR_NEW_ARRAY(p->arena, uint16_t, n);
    add_key(p, plan, columns, n);
    if (plan->join.type != JOIN_INNER)
        return;
    for (int side = 0; side < 2; side++) {
        memcpy(other, columns, n * sizeof(other[0]));
        for (uint16_t i = 0; i < n; i++)
            for (uint16_t k = 0; k < plan->join.nkeys; k++) {
                uint16_t l = plan->join.left_keys[k], r = (uint16_t)(nleft + plan->join.right_keys[k]);
                if (!wr_type_info(plan->cols[l].type.id)->equality_is_identity)
                    continue;
                if (other[i] == (side ? l : r))
                    other[i] = side ? r : l;
            }
        add_key(p, plan, other, n);
    }
}

/* Is one of the key's columns never NULL? */
static bool never_null(const struct plan *plan, const struct plan_key *key)
{
    for (uint16_t i = 0; i < key->n; i++)
        if (!plan->cols[key->columns[i]].nullable)
            return true;
    return false;
}

static void prove_join(struct proving *p, struct plan *plan)
{
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    uint16_t nleft = left->ncols;
    bool inner = plan->join.type == JOIN_INNER;
    if (plan->join.type == JOIN_SEMI || plan->join.type == JOIN_ANTI) {
        inherit_keys(p, plan, left);
        plan->props.append_only = plan->join.type == JOIN_SEMI && left->props.append_only && right->props.append_only;
        return;
    }
    plan->props.append_only = inner && left->props.append_only && right->props.append_only;
    bool full = plan->join.type == JOIN_FULL;
    bool right_once = !full && plan_has_key(right, plan->join.right_keys, plan->join.nkeys);
    bool left_once = inner && plan_has_key(left, plan->join.left_keys, plan->join.nkeys);
    for (uint16_t k = 0; right_once && k < left->props.nkeys; k++)
        add_join_key(p, plan, left->props.keys[k].columns, left->props.keys[k].n);
    for (uint16_t i = 0; i < right->props.nkeys; i++) {
        const struct plan_key *r = &right->props.keys[i];
        uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, nleft + r->n);
        for (uint16_t c = 0; c < r->n; c++)
            columns[c] = (uint16_t)(r->columns[c] + nleft);
        if (left_once)
            add_join_key(p, plan, columns, r->n);
        for (uint16_t k = 0; !left_once && !right_once && k < left->props.nkeys; k++) {
            const struct plan_key *l = &left->props.keys[k];
            if (full && !never_null(left, l) && !never_null(right, r))
                continue; /* a row of each side alone could be NULL in all of both */
            uint16_t *both = WR_NEW_ARRAY(p->arena, uint16_t, l->n + r->n);
            memcpy(both, l->columns, l->n * sizeof(both[0]));
            memcpy(both + l->n, columns, r->n * sizeof(both[0]));
            add_join_key(p, plan, both, (uint16_t)(l->n + r->n));
        }
    }
}

static void prove_aggregate(struct proving *p, struct plan *plan)
{
    const struct plan *input = plan->inputs[0];
    uint16_t ngroup = plan->aggregate.ngroup;
    uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, ngroup);
    for (uint16_t k = 0; k < input->props.nkeys; k++) {
        const struct plan_key *key = &input->props.keys[k];
        uint16_t n = 0;
        if (!includes(plan->aggregate.group, ngroup, key))
            continue;
        for (uint16_t i = 0; i < ngroup; i++)
            if (contains(key->columns, key->n, plan->aggregate.group[i]))
                columns[n++] = i;
        add_key(p, plan, columns, n);
    }
    for (uint16_t i = 0; i < ngroup; i++)
        columns[i] = i;
    add_key(p, plan, columns, ngroup);
}

static void prove_topn(struct proving *p, struct plan *plan)
{
    uint16_t n = plan->topn.npartition;
    uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, n + 1);
    for (uint16_t i = 0; i < n; i++)
        columns[i] = plan->topn.partition[i];
    if (!plan->topn.limit_expr && plan->topn.limit >= 0 && plan->topn.limit <= 1)
        add_key(p, plan, columns, n);
    inherit_keys(p, plan, plan->inputs[0]);
    if (plan->topn.emit_rank) {
        columns[n] = (uint16_t)(plan->ncols - 1);
        add_key(p, plan, columns, (uint16_t)(n + 1));
    }
}

#define CONSTANTS_SINCE 3 /* version of the planner */

static void prove_distinct(struct proving *p, struct plan *plan)
{
    const struct plan *input = plan->inputs[0];
    inherit_keys(p, plan, input);
    plan->props.append_only = input->props.append_only;
    if (plan->props.nkeys)
        return;
    bool project = input->kind == PLAN_PROJECT && p->planner->version >= CONSTANTS_SINCE;
    uint16_t *columns = WR_NEW_ARRAY(p->arena, uint16_t, plan->ncols), n = 0;
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (!project || input->project.exprs[i]->kind != EXPR_CONST)
            columns[n++] = i;
    add_key(p, plan, columns, n);
}

static void prove(struct proving *p, struct plan *plan)
{
    bool append_only = true;
    memset(&plan->props, 0, sizeof(plan->props));
    for (uint16_t i = 0; i < plan->ninputs; i++) {
        prove(p, plan->inputs[i]);
        append_only &= plan->inputs[i]->props.append_only;
    }
    switch ((enum plan_kind)plan->kind) {
    case PLAN_SCAN:
        prove_scan(p, plan);
        break;
    case PLAN_VALUES:
        plan->props.append_only = true;
        if (plan->values.nrows <= 1)
            add_key(p, plan, NULL, 0);
        break;
    case PLAN_FILTER:
        prove_filter(p, plan);
        break;
    case PLAN_PROJECT:
        prove_project(p, plan);
        break;
    case PLAN_JOIN:
        prove_join(p, plan);
        break;
    case PLAN_AGGREGATE:
        prove_aggregate(p, plan);
        break;
    case PLAN_DISTINCT:
        prove_distinct(p, plan);
        break;
    case PLAN_UNION:
        plan->props.append_only = append_only;
        break;
    case PLAN_TOPN:
        prove_topn(p, plan);
        break;
    case PLAN_SORT:
    case PLAN_EXCHANGE:
        inherit_keys(p, plan, plan->inputs[0]);
        plan->props.append_only = append_only;
        break;
    case PLAN_KIND_COUNT:
        break;
    }
}

void plan_forget(struct plan *plan)
{
    memset(&plan->props, 0, sizeof(plan->props));
    for (uint16_t i = 0; i < plan->ninputs; i++)
        plan_forget(plan->inputs[i]);
}

void plan_properties(struct planner *planner, struct plan *plan)
{
    prove(&(struct proving){planner, planner->arena}, plan);
}

/* Plans as text for EXPLAIN and golden tests: one line per node, SQL-like, with column names. */
#include <string.h>

#include "plan/plan_print.h"

/* Names of the columns a node's expressions see, for wr_expr_print; heap, freed by the caller. For joins a name that
 * both sides have is shown as l.name / r.name. */
struct names {
    const char **items;
    struct wr_arena arena;
};

static bool has_name(const struct plan *plan, const char *name)
{
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (!strcmp(plan->cols[i].name, name))
            return true;
    return false;
}

static void names_init(struct names *names, const struct plan *plan)
{
    wr_arena_init(&names->arena, NULL);
    size_t n = 0;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        n += plan->inputs[i]->ncols;
    names->items = WR_NEW_ARRAY(&names->arena, const char *, n + 1);
    bool join = plan->kind == PLAN_JOIN;
    size_t at = 0;
    for (uint16_t i = 0; i < plan->ninputs && (i == 0 || join); i++) {
        const struct plan *input = plan->inputs[i];
        for (uint16_t c = 0; c < input->ncols; c++) {
            const char *name = input->cols[c].name;
            if (join && has_name(plan->inputs[1 - i], name))
                name = wr_arena_printf(&names->arena, "%s.%s", i ? "r" : "l", name);
            names->items[at++] = name;
        }
    }
}

void plan_put_columns(struct wr_buf *buf, const struct plan_column *cols, const uint16_t *columns, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        wr_buf_printf(buf, "%s%s", i ? ", " : "", cols[columns[i]].name);
}

void plan_put_order(struct wr_buf *buf, const struct plan_column *cols, const struct plan_order *order, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        wr_buf_printf(buf, "%s%s%s", i ? ", " : "", cols[order[i].column].name, order[i].descending ? " desc" : "");
        if (order[i].nulls_first != order[i].descending)
            wr_buf_puts(buf, order[i].nulls_first ? " nulls first" : " nulls last");
    }
}

static void put_expr(struct wr_buf *buf, const struct plan *plan, const struct expr *expr)
{
    struct names names;
    names_init(&names, plan);
    wr_expr_print(buf, expr, names.items);
    wr_arena_reset(&names.arena);
}

static void put_scan(struct wr_buf *buf, const struct plan *plan)
{
    wr_buf_printf(buf, " %s (", plan->scan.name);
    for (uint16_t i = 0; i < plan->ncols; i++)
        wr_buf_printf(buf, "%s%s", i ? ", " : "", plan->cols[i].name);
    wr_buf_byte(buf, ')');
    if (!plan->scan.lookup)
        return;
    wr_buf_puts(buf, plan->scan.leading ? " by the first columns of " : " by ");
    wr_buf_printf(buf, plan->scan.lookup == plan->scan.object ? "%skey" : "%sindex ", plan->scan.leading ? "its " : "");
    wr_buf_puts(buf, plan->scan.lookup == plan->scan.object ? "" : plan->scan.lookup_name);
}

static void put_values(struct wr_buf *buf, const struct plan *plan)
{
    wr_buf_printf(buf, " %u row%s", plan->values.nrows, plan->values.nrows == 1 ? "" : "s");
    for (uint32_t r = 0; r < plan->values.nrows && r < 3; r++) {
        wr_buf_puts(buf, r ? ", (" : " (");
        for (uint16_t c = 0; c < plan->ncols; c++) {
            wr_buf_puts(buf, c ? ", " : "");
            wr_expr_print(buf, plan->values.exprs[(size_t)r * plan->ncols + c], NULL);
        }
        wr_buf_byte(buf, ')');
    }
    if (plan->values.nrows > 3)
        wr_buf_puts(buf, ", ...");
}

static void put_project(struct wr_buf *buf, const struct plan *plan)
{
    struct names names;
    names_init(&names, plan);
    for (uint16_t i = 0; i < plan->ncols; i++) {
        const struct expr *expr = plan->project.exprs[i];
        wr_buf_puts(buf, i ? ", " : " ");
        wr_expr_print(buf, expr, names.items);
        if (expr->kind != EXPR_COLUMN || strcmp(names.items[expr->column], plan->cols[i].name))
            wr_buf_printf(buf, " AS %s", plan->cols[i].name);
    }
    wr_arena_reset(&names.arena);
}

static void put_join(struct wr_buf *buf, const struct plan *plan)
{
    static const char *const types[] = {"inner", "left", "semi", "anti", "full"};
    struct names names;
    names_init(&names, plan);
    uint16_t nleft = plan->inputs[0]->ncols;
    wr_buf_printf(buf, " %s", types[plan->join.type]);
    if (plan->join.null_aware)
        wr_buf_puts(buf, " null-aware");
    for (uint16_t k = 0; k < plan->join.nkeys; k++)
        wr_buf_printf(buf, "%s%s %s %s", k ? " AND " : " on ", names.items[plan->join.left_keys[k]],
                      plan->join.nulls_equal ? "IS NOT DISTINCT FROM" : "=",
                      names.items[nleft + plan->join.right_keys[k]]);
    if (plan->join.condition) {
        wr_buf_puts(buf, plan->join.nkeys ? " AND " : " on ");
        wr_expr_print(buf, plan->join.condition, names.items);
    }
    if (!plan->join.nkeys && !plan->join.condition)
        wr_buf_puts(buf, " cross");
    for (int s = 0; s < 2; s++)
        if (plan->join.shared & (1 << s))
            wr_buf_printf(buf, "; %s from %s %s", s ? "right" : "left",
                          plan->join.shared_index & (1 << s) ? "index" : "table", plan->inputs[s]->scan.name);
    wr_arena_reset(&names.arena);
}

void plan_put_agg(struct wr_buf *buf, const struct plan_column *cols, const struct plan_agg *agg)
{
    wr_buf_printf(buf, "%s(%s%s)", agg->agg->name, agg->distinct ? "distinct " : "",
                  agg->arg < 0 ? "*" : cols[agg->arg].name);
    if (agg->filter >= 0)
        wr_buf_printf(buf, " filter %s", cols[agg->filter].name);
}

static void put_aggregate(struct wr_buf *buf, const struct plan *plan)
{
    const struct plan_column *in = plan->inputs[0]->cols;
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        wr_buf_puts(buf, i ? ", " : " ");
        plan_put_agg(buf, in, &plan->aggregate.aggs[i]);
    }
    if (plan->aggregate.ngroup) {
        wr_buf_puts(buf, " by ");
        plan_put_columns(buf, in, plan->aggregate.group, plan->aggregate.ngroup);
    } else if (plan->aggregate.grouped) {
        wr_buf_puts(buf, " by ()");
    }
}

static void put_topn(struct wr_buf *buf, const struct plan *plan)
{
    const struct plan_column *in = plan->inputs[0]->cols;
    if (plan->topn.limit >= 0)
        wr_buf_printf(buf, " limit %lld", (long long)plan->topn.limit);
    if (plan->topn.offset)
        wr_buf_printf(buf, " offset %lld", (long long)plan->topn.offset);
    if (plan->topn.npartition) {
        wr_buf_puts(buf, " per ");
        plan_put_columns(buf, in, plan->topn.partition, plan->topn.npartition);
    }
    if (plan->topn.norder) {
        wr_buf_puts(buf, " order by ");
        plan_put_order(buf, in, plan->topn.order, plan->topn.norder);
    }
    if (plan->topn.emit_rank)
        wr_buf_printf(buf, " rank as %s", plan->cols[plan->ncols - 1].name);
}

static void put_exchange(struct wr_buf *buf, const struct plan *plan)
{
    if (!plan->exchange.nkeys) {
        wr_buf_puts(buf, " to one");
        return;
    }
    wr_buf_puts(buf, " by ");
    plan_put_columns(buf, plan->inputs[0]->cols, plan->exchange.keys, plan->exchange.nkeys);
}

void plan_put_props(struct wr_buf *buf, const struct plan *plan)
{
    const struct plan_props *props = &plan->props;
    if (!props->nkeys && !props->append_only)
        return;
    wr_buf_puts(buf, " [");
    if (props->nkeys) {
        wr_buf_puts(buf, "key: ");
        plan_put_columns(buf, plan->cols, props->keys[0].columns, props->keys[0].n);
        if (!props->keys[0].n)
            wr_buf_puts(buf, "()");
    }
    if (props->append_only)
        wr_buf_puts(buf, props->nkeys ? "; append-only" : "append-only");
    wr_buf_byte(buf, ']');
}

static void put_details(struct wr_buf *buf, const struct plan *plan)
{
    switch ((enum plan_kind)plan->kind) {
    case PLAN_SCAN:
        put_scan(buf, plan);
        break;
    case PLAN_VALUES:
        put_values(buf, plan);
        break;
    case PLAN_FILTER:
        wr_buf_byte(buf, ' ');
        put_expr(buf, plan, plan->filter.predicate);
        break;
    case PLAN_PROJECT:
        put_project(buf, plan);
        break;
    case PLAN_JOIN:
        put_join(buf, plan);
        break;
    case PLAN_AGGREGATE:
        put_aggregate(buf, plan);
        break;
    case PLAN_TOPN:
        put_topn(buf, plan);
        break;
    case PLAN_SORT:
        wr_buf_puts(buf, " by ");
        plan_put_order(buf, plan->cols, plan->sort.order, plan->sort.norder);
        break;
    case PLAN_EXCHANGE:
        put_exchange(buf, plan);
        break;
    case PLAN_DISTINCT:
    case PLAN_UNION:
    case PLAN_KIND_COUNT:
        break;
    }
}

void wr_plan_describe(struct wr_buf *buf, const struct plan *plan)
{
    wr_buf_puts(buf, wr_plan_kind_name((enum plan_kind)plan->kind));
    put_details(buf, plan);
    plan_put_props(buf, plan);
}

static void print(struct wr_buf *buf, const struct plan *plan, int depth)
{
    for (int i = 0; i < depth; i++)
        wr_buf_puts(buf, "  ");
    wr_plan_describe(buf, plan);
    wr_buf_byte(buf, '\n');
    for (uint16_t i = 0; i < plan->ninputs; i++)
        print(buf, plan->inputs[i], depth + 1);
}

void wr_plan_print(struct wr_buf *buf, const struct plan *plan)
{
    print(buf, plan, 0);
}

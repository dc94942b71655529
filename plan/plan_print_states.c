/* What each node keeps, as lines for EXPLAIN. All are of one form:
 *
 *   state: WHAT [of table t | of index i] [by KEY] [order by ORDER] [(COLUMNS)] [for AGGREGATES] [TRAITS]
 *
 * KEY is what entries are found by, COLUMNS what an entry holds beside the key. Traits: "append-only", entries are only
 * ever added; "retractable", they can be taken back; "until matched", an entry goes when it has met its match;
 * "shared", the entries are those of a table or index, nothing is kept here. */
#include <string.h>

#include "plan/plan_print.h"
#include "plan/plan_state.h"

enum { LEFT, RIGHT };

#define ROOT_INDENT 4

static const char *const side_names[] = {"left", "right"};

static void begin(struct wr_buf *buf, int indent)
{
    wr_buf_printf(buf, "%*sstate: ", indent, "");
}

static void end(struct wr_buf *buf, bool append_only, const char *more)
{
    wr_buf_printf(buf, " [%s%s]\n", append_only ? "append-only" : "retractable", more);
}

static void put_by(struct wr_buf *buf, const struct plan_column *cols, const uint16_t *key, uint16_t n)
{
    if (n)
        wr_buf_puts(buf, " by ");
    plan_put_columns(buf, cols, key, n);
}

static void put_kept(struct wr_buf *buf, const struct plan_column *cols, const bool *kept, uint16_t n)
{
    const char *comma = "";
    wr_buf_puts(buf, " (");
    for (uint16_t c = 0; c < n; c++) {
        if (kept && !kept[c])
            continue;
        wr_buf_printf(buf, "%s%s", comma, cols[c].name);
        comma = ", ";
    }
    wr_buf_byte(buf, ')');
}

/* ---- joins */

static void put_shared_side(struct wr_buf *buf, const struct plan *plan, unsigned side, int indent)
{
    const struct plan *input = plan->inputs[side];
    bool index = plan->join.shared_index & (1 << side);
    begin(buf, indent);
    wr_buf_printf(buf, "%s rows of %s %s", side_names[side], index ? "index" : "table", input->scan.name);
    put_by(buf, input->cols, side == LEFT ? plan->join.left_keys : plan->join.right_keys, plan->join.nkeys);
    wr_buf_puts(buf, " [shared]\n");
}

static void put_side(struct wr_buf *buf, const struct plan *plan, unsigned side, int indent)
{
    const struct plan *input = plan->inputs[side];
    if (plan->join.shared & (1 << side)) {
        put_shared_side(buf, plan, side, indent);
        return;
    }
    bool counts = side == RIGHT && wr_plan_join_counts_right(plan);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    bool *kept = WR_NEW_ARRAY(&arena, bool, WR_MAX(input->ncols, 1));
    uint16_t *twins = WR_NEW_ARRAY(&arena, uint16_t, WR_MAX(input->ncols, 1));
    wr_plan_join_columns(plan, side, kept, twins);
    begin(buf, indent);
    wr_buf_printf(buf, "%s %s", side_names[side], counts ? "counts" : "rows");
    put_by(buf, input->cols, side == LEFT ? plan->join.left_keys : plan->join.right_keys, plan->join.nkeys);
    if (!counts)
        put_kept(buf, input->cols, kept, input->ncols);
    end(buf, input->props.append_only, wr_plan_join_forgets(plan, side) ? "; until matched" : "");
    wr_arena_reset(&arena);
}

static void put_join(struct wr_buf *buf, const struct plan *plan, int indent)
{
    const struct plan *left = plan->inputs[LEFT], *right = plan->inputs[RIGHT];
    put_side(buf, plan, LEFT, indent);
    put_side(buf, plan, RIGHT, indent);
    if (plan->join.null_aware) {
        begin(buf, indent);
        wr_buf_puts(buf, "right total");
        end(buf, right->props.append_only, "");
    } else if (wr_plan_join_counts_matches(plan)) {
        begin(buf, indent);
        wr_buf_puts(buf, "match counts");
        put_by(buf, left->cols, plan->join.left_keys, plan->join.nkeys);
        put_kept(buf, left->cols, NULL, left->ncols);
        end(buf, left->props.append_only && right->props.append_only, "");
    }
}

/* ---- aggregates */

static void put_users(struct wr_buf *buf, const struct plan *plan, const uint16_t *states, uint16_t state)
{
    const char *word = " for ";
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        if (states[i] != state)
            continue;
        wr_buf_puts(buf, word);
        plan_put_agg(buf, plan->inputs[0]->cols, &plan->aggregate.aggs[i]);
        word = ", ";
    }
}

static void put_values(struct wr_buf *buf, const struct plan *plan, uint16_t agg)
{
    const struct plan_agg *spec = &plan->aggregate.aggs[agg];
    const struct plan_column *in = plan->inputs[0]->cols;
    bool counts = wr_plan_agg_keeps(plan, agg) == AGG_KEEPS_COUNTS;
    wr_buf_puts(buf, counts ? "value counts" : "values");
    put_by(buf, in, plan->aggregate.group, plan->aggregate.ngroup);
    if (counts)
        wr_buf_printf(buf, "%s%s", plan->aggregate.ngroup ? ", " : " by ", in[spec->arg].name);
    else
        wr_buf_printf(buf, " order by %s%s", in[spec->arg].name, strcmp(spec->agg->name, "max") ? "" : " desc");
}

static void put_groups(struct wr_buf *buf, const struct plan *plan)
{
    wr_buf_puts(buf, "groups");
    put_by(buf, plan->inputs[0]->cols, plan->aggregate.group, plan->aggregate.ngroup);
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        wr_buf_puts(buf, i ? ", " : " (");
        plan_put_agg(buf, plan->inputs[0]->cols, &plan->aggregate.aggs[i]);
    }
    wr_buf_puts(buf, plan->aggregate.naggs ? ")" : "");
}

static void put_aggregate(struct wr_buf *buf, const struct plan *plan, int indent)
{
    bool append_only = plan->inputs[0]->props.append_only;
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    uint16_t *states = WR_NEW_ARRAY(&arena, uint16_t, WR_MAX(plan->aggregate.naggs, 1));
    wr_plan_agg_states(plan, states);
    begin(buf, indent);
    put_groups(buf, plan);
    end(buf, append_only, "");
    for (uint16_t state = 1; state < plan->nstates; state++)
        for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
            if (states[i] != state)
                continue;
            begin(buf, indent);
            put_values(buf, plan, i);
            put_users(buf, plan, states, state);
            end(buf, append_only, "");
            break;
        }
    wr_arena_reset(&arena);
}

/* ---- the others */

static void put_distinct(struct wr_buf *buf, const struct plan *plan, int indent)
{
    begin(buf, indent);
    wr_buf_puts(buf, "row counts");
    for (uint16_t c = 0; c < plan->ncols; c++)
        wr_buf_printf(buf, "%s%s", c ? ", " : " by ", plan->cols[c].name);
    end(buf, plan->inputs[0]->props.append_only, "");
}

static void put_topn(struct wr_buf *buf, const struct plan *plan, int indent)
{
    const struct plan *input = plan->inputs[0];
    uint64_t n = wr_plan_topn_keeps(plan);
    begin(buf, indent);
    if (n == UINT64_MAX)
        wr_buf_puts(buf, "rows");
    else if (n == 1)
        wr_buf_puts(buf, "first row");
    else
        wr_buf_printf(buf, "first %llu rows", (unsigned long long)n);
    put_by(buf, input->cols, plan->topn.partition, plan->topn.npartition);
    if (plan->topn.norder)
        wr_buf_puts(buf, " order by ");
    plan_put_order(buf, input->cols, plan->topn.order, plan->topn.norder);
    put_kept(buf, input->cols, NULL, input->ncols);
    end(buf, input->props.append_only, "");
}

static void put_states(struct wr_buf *buf, const struct plan *plan, int indent)
{
    switch ((enum plan_kind)plan->kind) {
    case PLAN_JOIN:
        put_join(buf, plan, indent);
        break;
    case PLAN_AGGREGATE:
        put_aggregate(buf, plan, indent);
        break;
    case PLAN_DISTINCT:
        put_distinct(buf, plan, indent);
        break;
    case PLAN_TOPN:
        put_topn(buf, plan, indent);
        break;
    case PLAN_SCAN: /* the relation keeps its rows, the scan nothing */
    case PLAN_VALUES:
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_UNION:
    case PLAN_SORT: /* ad hoc only */
    case PLAN_EXCHANGE:
    case PLAN_KIND_COUNT:
        break;
    }
}

/* ---- the whole tree */

static void print(struct wr_buf *buf, const struct plan *plan, int depth)
{
    wr_buf_printf(buf, "%*s", depth * 2, "");
    wr_plan_describe(buf, plan);
    wr_buf_byte(buf, '\n');
    put_states(buf, plan, depth * 2 + 4);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        print(buf, plan->inputs[i], depth + 1);
}

void wr_plan_print_dataflow(struct wr_buf *buf, const struct plan *plan)
{
    print(buf, plan, 0);
}

/* A view's rows: by its key, by their hash where none is proven. */
void wr_plan_print_view(struct wr_buf *buf, const struct plan *plan, const char *name)
{
    const struct plan_props *props = &plan->props;
    wr_buf_printf(buf, "Materialize %s", name);
    plan_put_props(buf, plan);
    wr_buf_byte(buf, '\n');
    begin(buf, ROOT_INDENT);
    wr_buf_puts(buf, "rows");
    if (props->nkeys)
        put_by(buf, plan->cols, props->keys[0].columns, props->keys[0].n);
    else
        wr_buf_puts(buf, " by hash");
    put_kept(buf, plan->cols, NULL, plan->ncols);
    end(buf, props->append_only, "");
    print(buf, plan, 1);
}

/* Of the rows that share a claimed key one is sent. */
void wr_plan_print_sink(struct wr_buf *buf, const struct plan *plan, const struct plan_sink *sink)
{
    bool append_only = plan->props.append_only;
    wr_buf_printf(buf, "Sink %s", sink->name);
    if (sink->is_keyed) {
        wr_buf_puts(buf, sink->key.n ? " [key: " : " [key: ()");
        plan_put_columns(buf, plan->cols, sink->key.columns, sink->key.n);
        wr_buf_byte(buf, ']');
    }
    wr_buf_byte(buf, '\n');
    if (sink->is_claimed) {
        begin(buf, ROOT_INDENT);
        wr_buf_puts(buf, append_only ? "first row" : "rows");
        put_by(buf, plan->cols, sink->key.columns, sink->key.n);
        put_kept(buf, plan->cols, NULL, plan->ncols);
        end(buf, append_only, "");
    } else if (sink->counts_rows) {
        begin(buf, ROOT_INDENT);
        wr_buf_puts(buf, "row counts by hash");
        end(buf, append_only, "");
    }
    print(buf, plan, 1);
}

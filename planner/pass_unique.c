/* Work that a proven key makes needless.
 *
 *   before  SELECT DISTINCT id, x FROM t          (id is t's key)
 *   after   SELECT id, x FROM t
 *   before  SELECT DISTINCT ON (id) * FROM t      (a TopN limit 1 per key)
 *   after   SELECT * FROM t
 *   before  a WHERE EXISTS (SELECT DISTINCT ... FROM b ...)     DISTINCT below the right side of a semi or anti join
 *   after   the same without DISTINCT */
#include "planner/passes.h"

static bool is_needless(const struct plan *plan)
{
    const struct plan *input = plan->inputs[0];
    if (plan->kind == PLAN_DISTINCT)
        return input->props.nkeys > 0;
    return plan->kind == PLAN_TOPN && !plan->topn.emit_rank && plan->topn.limit >= 1 && !plan->topn.offset &&
           !plan->topn.limit_expr && !plan->topn.offset_expr &&
           plan_has_key(input, plan->topn.partition, plan->topn.npartition);
}

static void drop(struct plan **at, bool *changed)
{
    struct plan *plan = *at, *input = plan->inputs[0];
    for (uint16_t i = 0; i < input->ncols; i++)
        input->cols[i].name = plan->cols[i].name;
    *at = input;
    *changed = true;
}

static void unique_plan(struct plan **at, bool *changed)
{
    struct plan *plan = *at;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        unique_plan(&plan->inputs[i], changed);
    if (plan->kind == PLAN_DISTINCT || plan->kind == PLAN_TOPN) {
        if (is_needless(plan))
            drop(at, changed);
    } else if (plan->kind == PLAN_JOIN && (plan->join.type == JOIN_SEMI || plan->join.type == JOIN_ANTI)) {
        while (plan->inputs[1]->kind == PLAN_DISTINCT)
            drop(&plan->inputs[1], changed);
    }
}

bool pass_unique(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    plan_properties(planner, *plan);
    unique_plan(plan, changed);
    return true;
}

/* FULL JOIN. On nothing but equalities it is one join; on other conditions, and in views of older versions, the LEFT
 * JOIN, and the right rows that no left row matches.
 *
 *   SELECT * FROM a FULL JOIN b ON a.x = b.x AND a.y < b.y
 *   SELECT * FROM a LEFT JOIN b ON a.x = b.x AND a.y < b.y
 *   UNION ALL SELECT NULL, ..., b.* FROM b WHERE NOT EXISTS (SELECT 1 FROM a WHERE a.x = b.x AND a.y < b.y)
 * The second part is made of copies, which compute nothing new: what fails in them is reported by the first. */
#include "planner/passes.h"

#define FULL_SINCE 5 /* version of the planner */

static struct expr *null_of(struct wr_arena *arena, struct type type)
{
    struct datum null = {.type = type, .null = true};
    return wr_expr_const(arena, &null);
}

/* `unmatched` (the right's columns) as rows of the join. */
static struct plan *extend_left(struct wr_arena *arena, const struct plan *join, uint16_t nleft, struct plan *unmatched)
{
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, join->ncols);
    const char **names = WR_NEW_ARRAY(arena, const char *, join->ncols);
    for (uint16_t i = 0; i < join->ncols; i++) {
        exprs[i] =
            i < nleft ? null_of(arena, join->cols[i].type) : make_column(arena, unmatched, (uint16_t)(i - nleft));
        names[i] = join->cols[i].name;
    }
    return make_project(arena, unmatched, exprs, names, join->ncols);
}

static struct plan *make_two_joins(struct wr_arena *arena, struct plan *left, struct plan *right,
                                   struct expr *condition)
{
    struct plan *copies[] = {wr_plan_copy(arena, left), wr_plan_copy(arena, right)};
    uint16_t nleft = left->ncols, nright = right->ncols;
    uint16_t *map = WR_NEW_ARRAY(arena, uint16_t, nleft + nright);
    for (uint16_t i = 0; i < nleft + nright; i++)
        map[i] = (uint16_t)(i < nleft ? i + nright : i - nleft);
    struct expr *swapped = condition ? wr_expr_remap(arena, condition, map) : NULL;
    struct plan *join = make_join(arena, JOIN_LEFT, left, right, condition);
    struct plan *unmatched = make_join(arena, JOIN_ANTI, copies[1], copies[0], swapped);
    unmatched->join.copies = true;
    return make_union(arena, join, extend_left(arena, join, nleft, unmatched));
}

/* NULL: there is more to it than keys. */
static struct plan *make_one_join(struct wr_arena *arena, struct plan *left, struct plan *right, struct expr *condition)
{
    struct plan *plan = make_join(arena, JOIN_FULL, left, right, condition);
    if (!condition || !plan_extract_keys(arena, &plan))
        return NULL;
    const struct plan *join = plan->kind == PLAN_JOIN ? plan : plan->inputs[0];
    return join->join.condition ? NULL : plan;
}

struct plan *make_full_join(struct binder *binder, struct plan *left, struct plan *right, struct expr *condition)
{
    struct plan *plan =
        binder->planner->version >= FULL_SINCE ? make_one_join(binder->arena, left, right, condition) : NULL;
    return plan ? plan : make_two_joins(binder->arena, left, right, condition);
}

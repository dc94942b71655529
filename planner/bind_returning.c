/* RETURNING: columns behind those that the engine writes by. */
#include "planner/bind.h"

static void mark_origins(struct plan *plan, const struct object *table, uint16_t first)
{
    for (uint16_t i = 0; i < wr_object_shown(table); i++)
        plan->cols[first + i].origin = (struct plan_origin){table->id, (uint16_t)(i + 1)};
}

bool bind_returning(struct binder *binder, const struct returning *returning, struct plan **plan)
{
    if (!returning->n)
        return true;
    struct block block = {.binder = binder, .clause = "RETURNING", .from = {.plan = *plan, .scope = returning->scope}};
    struct target *targets;
    uint16_t ntargets, nwritten = returning->nwritten;
    mark_origins(*plan, returning->table, returning->first);
    TRY(bind_target_list(&block, returning->n, returning->list, &targets, &ntargets));
    if (nwritten + ntargets > COLUMNS_MAX)
        return bind_fail(binder, -1, ERR_PROGRAM_LIMIT, "RETURNING can have at most %d columns",
                         COLUMNS_MAX - nwritten);
    uint16_t ncols = (uint16_t)(nwritten + ntargets);
    struct expr **exprs = WR_NEW_ARRAY(binder->arena, struct expr *, ncols);
    const char **names = WR_NEW_ARRAY(binder->arena, const char *, ncols);
    for (uint16_t i = 0; i < nwritten; i++) {
        exprs[i] = make_column(binder->arena, *plan, i);
        names[i] = (*plan)->cols[i].name;
    }
    for (uint16_t i = 0; i < ntargets; i++) {
        TRY(bind_coerce_unknown(binder, &targets[i].expr));
        exprs[nwritten + i] = targets[i].expr;
        names[nwritten + i] = targets[i].name;
    }
    *plan = make_project(binder->arena, *plan, exprs, names, ncols);
    return true;
}

/* Casts put in by the binder: untyped literals read as their type, parameters inferred, everything else a cast call. */
#include "planner/bind.h"

static const char *type_text(struct type type, char *buf, size_t size)
{
    type.precision = 0;
    return wr_type_name(type, buf, size);
}

struct expr *bind_null(struct binder *binder, struct type type)
{
    struct datum value = {.type = type, .null = true};
    return wr_expr_const(binder->arena, &value);
}

struct expr *bind_bool(struct binder *binder, bool value)
{
    struct datum datum = {.type = TYPE(TYPE_BOOL), .b = value};
    return wr_expr_const(binder->arena, &datum);
}

/* 'text' read as the type: an error points at the literal, as in PostgreSQL. */
static bool coerce_literal(struct binder *binder, struct expr **expr, struct type target)
{
    struct expr *literal = *expr;
    struct datum value = {.type = target, .null = true};
    if (!literal->value.null && !wr_value_in(binder->arena, target, literal->value.str.data, literal->value.str.len,
                                             binder->planner->io, &value, binder->err))
        return bind_at(binder, literal->location);
    value.type = target;
    *expr = wr_expr_const(binder->arena, &value);
    (*expr)->location = literal->location;
    return true;
}

static bool coerce_param(struct binder *binder, struct expr *param, struct type target)
{
    struct type *known = &binder->planner->param_types[param->param - 1];
    target.precision = target.scale = 0;
    if (known->id != TYPE_UNKNOWN && known->id != target.id) {
        char a[64], b[64];
        bind_fail(binder, param->location, "42P08", "inconsistent types deduced for parameter $%u", param->param);
        wr_fail_detail(binder->err, "%s versus %s", type_text(*known, a, sizeof(a)), type_text(target, b, sizeof(b)));
        return false;
    }
    *known = target;
    param->type = target;
    return true;
}

static bool fail_cast(struct binder *binder, const struct expr *expr, struct type target)
{
    char from[64], to[64];
    return bind_fail(binder, expr->location, ERR_CANNOT_COERCE, "cannot cast type %s to %s",
                     type_text(expr->type, from, sizeof(from)), type_text(target, to, sizeof(to)));
}

/* A call whose type says where it cuts: it must keep that type. */
static bool is_cut(const struct expr *expr)
{
    return expr->kind == EXPR_CALL && expr->type.id == TYPE_TEXT && expr->type.precision > 0;
}

bool bind_coerce(struct binder *binder, struct expr **expr, struct type target, enum cast_context context)
{
    struct expr *from = *expr;
    bool same;
    if (target.id == TYPE_UNKNOWN)
        return true;
    if (from->type.id == TYPE_UNKNOWN && from->kind == EXPR_CONST) {
        if (target.id != TYPE_TEXT || target.precision <= 0 || context != CAST_EXPLICIT)
            return coerce_literal(binder, expr, target);
        struct type whole = target; /* 'abc'::varchar(2) cuts, where a column of that type refuses */
        whole.precision = 0;
        TRY(coerce_literal(binder, expr, whole));
        from = *expr;
    } else if (from->type.id == TYPE_UNKNOWN && from->kind == EXPR_PARAM) {
        TRY(coerce_param(binder, from, target));
        from->type.varchar = target.varchar;
    }
    const struct fn *fn = wr_fn_cast(from->type, target, context, &same);
    bool renames = same && from->type.id == TYPE_TEXT && from->type.varchar != target.varchar;
    if (renames && is_cut(from) && binder->planner->version >= 2) {
        fn = wr_fn_cast(TYPE(TYPE_TEXT), from->type, CAST_EXPLICIT, &same); /* text to text; target does not cut */
    } else if (same) {
        if (renames) { /* the display name only */
            struct expr *renamed = WR_NEW(binder->arena, struct expr);
            *renamed = *from;
            renamed->type = target;
            if (renamed->kind == EXPR_CONST)
                renamed->value.type = target;
            *expr = renamed;
        }
        return true;
    }
    if (!fn)
        return fail_cast(binder, from, target);
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 1);
    args[0] = from;
    *expr = wr_expr_call(binder->arena, fn, target, args, 1);
    (*expr)->location = from->location;
    return true;
}

bool bind_coerce_bool(struct binder *binder, struct expr **expr, const char *clause)
{
    char name[64];
    if ((*expr)->type.id != TYPE_UNKNOWN && (*expr)->type.id != TYPE_BOOL)
        return bind_fail(binder, (*expr)->location, ERR_DATATYPE_MISMATCH,
                         "argument of %s must be type boolean, not type %s", clause,
                         type_text((*expr)->type, name, sizeof(name)));
    return bind_coerce(binder, expr, TYPE(TYPE_BOOL), CAST_IMPLICIT);
}

bool bind_coerce_unknown(struct binder *binder, struct expr **expr)
{
    return (*expr)->type.id != TYPE_UNKNOWN || bind_coerce(binder, expr, TYPE(TYPE_TEXT), CAST_IMPLICIT);
}

bool bind_common_type(struct binder *binder, const struct type *types, uint32_t n, const char *what, struct type *type)
{
    TRY(wr_common_type(types, n, what, type, binder->err));
    if (binder->planner->version >= TYPES_SINCE || type->id != TYPE_TEXT)
        return true;
    for (uint32_t i = 0; i < n; i++)
        if (types[i].id != TYPE_TEXT || !types[i].varchar)
            *type = TYPE(TYPE_TEXT);
    return true;
}

bool bind_coerce_common(struct binder *binder, struct expr **exprs, uint32_t n, const char *what, struct type *type)
{
    struct type *types = WR_NEW_ARRAY(binder->arena, struct type, n);
    for (uint32_t i = 0; i < n; i++)
        types[i] = exprs[i]->type;
    if (!bind_common_type(binder, types, n, what, type)) {
        for (uint32_t i = 0; i < n; i++) /* the first that does not fit the first typed one */
            if (types[i].id != TYPE_UNKNOWN && i > 0 && types[i].id != types[0].id)
                return bind_at(binder, exprs[i]->location);
        return bind_at(binder, exprs[0]->location);
    }
    for (uint32_t i = 0; i < n; i++)
        TRY(bind_coerce(binder, &exprs[i], *type, CAST_IMPLICIT));
    return true;
}

bool bind_resolve_params(struct binder *binder)
{
    struct planner *planner = binder->planner;
    for (int i = 0; i < planner->n_params; i++)
        if (planner->param_types[i].id == TYPE_UNKNOWN)
            return bind_fail(binder, -1, ERR_INDETERMINATE_DATATYPE, "could not determine data type of parameter $%d",
                             i + 1);
    return true;
}

bool bind_const_int8(struct binder *binder, const struct expr *expr, bool *null, int64_t *value)
{
    struct datum datum;
    if (!wr_evaluate_const(binder->arena, (struct expr *)expr, binder->planner->io,
                           (int64_t)binder->planner->transaction_now_us, &datum, binder->err))
        return bind_at(binder, expr->location);
    *null = datum.null;
    *value = datum.null ? 0 : datum.i64;
    return true;
}

/* JOIN ... ON / USING / NATURAL. RIGHT is LEFT with the sides swapped and a projection that puts the columns back;
 * FULL: bind_full.c. */
#include "planner/bind.h"

enum shape { SHAPE_PLAIN, SHAPE_RIGHT, SHAPE_FULL };

static bool bind_sides(struct block *block, const PgQuery__JoinExpr *node, struct source *left, struct source *right)
{
    TRY(bind_from_item(block, node->larg, left));
    return bind_from_item(block, node->rarg, right);
}

/* The join itself, with a condition over left+right columns. */
static void join_plans(struct binder *binder, enum join_type type, enum shape shape, struct source *left,
                       const struct plan *right, struct expr *condition)
{
    struct wr_arena *arena = binder->arena;
    uint16_t nleft = left->plan->ncols, n = (uint16_t)(nleft + right->ncols);
    if (shape == SHAPE_FULL) {
        left->plan = make_full_join(binder, left->plan, (struct plan *)right, condition);
        return;
    }
    if (shape == SHAPE_PLAIN) {
        left->plan = make_join(arena, type, left->plan, (struct plan *)right, condition);
        return;
    }
    uint16_t *map = WR_NEW_ARRAY(arena, uint16_t, n);
    for (uint16_t i = 0; i < n; i++)
        map[i] = (uint16_t)(i < nleft ? i + right->ncols : i - nleft);
    if (condition)
        condition = wr_expr_remap(arena, condition, map);
    struct plan *join = make_join(arena, type, (struct plan *)right, left->plan, condition);
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    const char **names = WR_NEW_ARRAY(arena, const char *, n);
    for (uint16_t i = 0; i < n; i++) {
        exprs[i] = make_column(arena, join, map[i]);
        names[i] = join->cols[map[i]].name;
    }
    left->plan = make_project(arena, join, exprs, names, n);
}

/* What outer joins make nullable. */
static void refresh_scope(struct source *source)
{
    for (uint16_t i = 0; i < source->scope.n; i++) {
        struct scope_column *col = &source->scope.cols[i];
        col->nullable = source->plan->cols[col->column].nullable;
    }
}

/* ON of an inner join may hold subqueries: what does applies above the join, as if in WHERE, and so do the conditions
 * written behind it that can fail. */
struct on_above {
    size_t n;
    const PgQuery__Node **nodes;
    struct expr **behind; /* the conditions between this one and the next, or NULL */
};

static void add_behind(struct wr_arena *arena, struct expr **behind, struct expr *expr)
{
    struct expr *both[] = {*behind, expr};
    *behind = *behind ? make_and(arena, both, 2) : expr;
}

static bool is_subquery(void *context, const ProtobufCMessage *message)
{
    (void)context;
    return message->descriptor == &pg_query__sub_link__descriptor;
}

static bool bind_on(const PgQuery__Node *quals, struct block *on, enum join_type type, struct expr **condition,
                    struct on_above *above)
{
    struct binder *binder = on->binder;
    bool list = quals->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
                quals->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    size_t n = list ? quals->bool_expr->n_args : 1;
    struct expr **conds = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    uint16_t nconds = 0;
    above->nodes = WR_NEW_ARRAY(binder->arena, const PgQuery__Node *, n);
    above->behind = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    for (size_t i = 0; i < n; i++) {
        const PgQuery__Node *node = list ? quals->bool_expr->args[i] : quals;
        if (type == JOIN_INNER && wr_plan_find_message(&node->base, is_subquery, NULL)) {
            above->nodes[above->n++] = node;
            continue;
        }
        TRY(bind_expr(on, node, &conds[nconds]));
        TRY(bind_coerce_bool(binder, &conds[nconds], n > 1 ? "AND" : "JOIN/ON"));
        if (above->n && wr_expr_can_fail(conds[nconds]))
            add_behind(binder->arena, &above->behind[above->n - 1], conds[nconds]);
        else
            nconds++;
    }
    *condition = make_and(binder->arena, conds, nconds);
    return true;
}

/* ---- USING, NATURAL */

static bool find_using(struct block *block, const struct scope *scope, const char *name, const char *side,
                       struct scope_column **col)
{
    *col = NULL;
    for (uint16_t i = 0; i < scope->n; i++) {
        if (scope->cols[i].merged || strcmp(scope->cols[i].name, name))
            continue;
        if (*col)
            return bind_fail(block->binder, -1, ERR_AMBIGUOUS_COLUMN,
                             "common column name \"%s\" appears more than once in %s table", name, side);
        *col = &scope->cols[i];
    }
    if (!*col)
        return bind_fail(block->binder, -1, ERR_UNDEFINED_COLUMN,
                         "column \"%s\" specified in USING clause does not exist in %s table", name, side);
    return true;
}

static bool has_column(const struct scope *scope, const char *name)
{
    for (uint16_t i = 0; i < scope->n; i++)
        if (!scope->cols[i].merged && !strcmp(scope->cols[i].name, name))
            return true;
    return false;
}

static uint16_t using_names(struct block *block, const PgQuery__JoinExpr *node, const struct scope *left,
                            const struct scope *right, const char ***names)
{
    struct wr_arena *arena = block->binder->arena;
    uint16_t n = 0;
    *names = WR_NEW_ARRAY(arena, const char *, node->n_using_clause + left->n);
    for (size_t i = 0; i < node->n_using_clause; i++)
        (*names)[n++] = wr_arena_strdup(arena, bind_string(node->using_clause[i]));
    for (uint16_t i = 0; node->is_natural && i < left->n; i++)
        if (!left->cols[i].merged && has_column(right, left->cols[i].name))
            (*names)[n++] = left->cols[i].name;
    return n;
}

struct merged {
    const char *name;
    struct expr *expr; /* over the join's output */
    struct type type;  /* that of both sides */
};

static struct expr *to_nullable(void *context, struct expr *column)
{
    return wr_expr_column(context, column->column, column->type, true);
}

/* The side that is there. */
static struct expr *first_of(struct wr_arena *arena, struct expr *const *sides)
{
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 2);
    for (int i = 0; i < 2; i++)
        args[i] = rewrite_columns(arena, sides[i], to_nullable, arena);
    return wr_expr_nary(arena, EXPR_COALESCE, args, 2);
}

/* One name: the equality, and which side's value the merged column shows. */
static bool bind_using_one(struct block *block, const char *name, struct source *left, struct source *right,
                           enum shape shape, struct expr **condition, struct merged *merged)
{
    struct binder *binder = block->binder;
    struct scope_column *l, *r;
    TRY(find_using(block, &left->scope, name, "left", &l));
    TRY(find_using(block, &right->scope, name, "right", &r));
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
    args[0] = scope_expr(binder, l, -1);
    args[1] = scope_expr(binder, r, -1);
    args[1]->column = (uint16_t)(args[1]->column + left->plan->ncols);
    TRY(bind_call(block, "=", true, args, 2, -1, condition));
    merged->name = l->name;
    args = (*condition)->args;
    merged->expr = shape == SHAPE_FULL ? first_of(binder->arena, args) : args[shape == SHAPE_RIGHT];
    merged->type = merged->expr->type;
    if (binder->planner->version < TYPES_SINCE)
        return true;
    TRY(bind_common_type(binder, (struct type[]){args[0]->type, args[1]->type}, 2, "JOIN/USING", &merged->type));
    if (shape == SHAPE_FULL)
        merged->expr->type = merged->type;
    return true;
}

/* The merged columns come first; the sides' own are then found by their table's name only. */
static void merge_scope(struct binder *binder, struct source *source, const struct merged *merged, uint16_t n)
{
    struct expr **exprs = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    uint16_t *columns = WR_NEW_ARRAY(binder->arena, uint16_t, n);
    for (uint16_t i = 0; i < n; i++)
        exprs[i] = merged[i].expr;
    source->plan = make_extend(binder->arena, source->plan, exprs, n, columns);
    struct scope old = source->scope;
    source->scope.cols = NULL;
    source->scope.n = source->scope.cap = 0;
    for (uint16_t i = 0; i < n; i++) {
        const struct plan_column *col = &source->plan->cols[columns[i]];
        struct scope_column named = {
            .name = merged[i].name, .type = merged[i].type, .nullable = col->nullable, .column = columns[i]};
        scope_add(binder, &source->scope, &named);
    }
    for (uint16_t i = 0; i < old.n; i++) {
        for (uint16_t k = 0; k < n; k++)
            old.cols[i].merged |= !strcmp(old.cols[i].name, merged[k].name);
        if (old.cols[i].table || !old.cols[i].merged)
            scope_add(binder, &source->scope, &old.cols[i]);
    }
}

static bool join_using(struct block *block, const PgQuery__JoinExpr *node, enum join_type type, enum shape shape,
                       struct source *left, struct source *right)
{
    struct binder *binder = block->binder;
    const char **names;
    uint16_t n = using_names(block, node, &left->scope, &right->scope, &names);
    struct expr **conds = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    struct merged *merged = WR_NEW_ARRAY(binder->arena, struct merged, n);
    for (uint16_t i = 0; i < n; i++)
        TRY(bind_using_one(block, names[i], left, right, shape, &conds[i], &merged[i]));
    TRY(scope_join(binder, &left->scope, &right->scope, left->plan->ncols));
    join_plans(binder, type, shape, left, right->plan, make_and(binder->arena, conds, n));
    refresh_scope(left);
    merge_scope(binder, left, merged, n);
    return true;
}

static bool join_on(struct block *block, const PgQuery__JoinExpr *node, enum join_type type, enum shape shape,
                    struct source *left, struct source *right)
{
    struct binder *binder = block->binder;
    struct block on = {.binder = binder, .outer = block->outer, .clause = "JOIN conditions"};
    struct on_above above = {0};
    struct expr *condition = NULL;
    on.from = *left;
    TRY(scope_join(binder, &on.from.scope, &right->scope, left->plan->ncols));
    if (node->quals)
        TRY(bind_on(node->quals, &on, type, &condition, &above));
    join_plans(binder, type, shape, &on.from, right->plan, condition);
    on.scalars_allowed = true;
    for (size_t i = 0; i < above.n; i++) {
        TRY(bind_where(&on, above.nodes[i], NULL));
        if (above.behind[i])
            on.from.plan = make_filter(binder->arena, on.from.plan, above.behind[i]);
    }
    *left = on.from;
    refresh_scope(left);
    return true;
}

/* (a JOIN b ...) AS j: one name for all. */
static bool rename_join(struct binder *binder, const PgQuery__Alias *alias, struct source *source)
{
    const char *table = wr_arena_strdup(binder->arena, alias->aliasname);
    struct scope old = source->scope;
    memset(&source->scope, 0, sizeof(source->scope));
    TRY(scope_add_table(binder, &source->scope, table, -1));
    for (uint16_t i = 0, k = 0; i < old.n; i++) {
        struct scope_column col = old.cols[i];
        if (col.merged)
            continue;
        col.table = table;
        col.relation = NULL;
        if (k < alias->n_colnames)
            col.name = wr_arena_strdup(binder->arena, bind_string(alias->colnames[k]));
        k++;
        scope_add(binder, &source->scope, &col);
    }
    return true;
}

bool bind_join(struct block *block, const PgQuery__JoinExpr *node, struct source *source)
{
    struct binder *binder = block->binder;
    struct source left = {0}, right = {0};
    enum join_type type = JOIN_INNER;
    enum shape shape = node->jointype == PG_QUERY__JOIN_TYPE__JOIN_RIGHT  ? SHAPE_RIGHT
                       : node->jointype == PG_QUERY__JOIN_TYPE__JOIN_FULL ? SHAPE_FULL
                                                                          : SHAPE_PLAIN;
    if (shape != SHAPE_PLAIN || node->jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT)
        type = JOIN_LEFT;
    if (node->join_using_alias)
        return bind_unsupported(binder, -1, "an alias of JOIN ... USING");
    TRY(bind_sides(block, node, &left, &right));
    if (node->is_natural || node->n_using_clause)
        TRY(join_using(block, node, type, shape, &left, &right));
    else
        TRY(join_on(block, node, type, shape, &left, &right));
    *source = left;
    return !node->alias || rename_join(binder, node->alias, source);
}

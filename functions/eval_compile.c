/* Expressions -> program. Arguments become registers first; a call on the same function and registers that an
 * enclosing block has already computed is that call (value numbering), so comparing is cheap however deep the tree. */
#include "functions/evaluator.h"

/* What is available: steps of this block and, through parent, of the blocks around it. */
struct scope {
    const struct scope *parent;
    uint32_t n, cap;
    struct step **steps;
};

struct compiler {
    struct evaluator *ev;
    struct wr_arena *arena;
};

static uint16_t compile(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block);

static void *grown(struct wr_arena *arena, void *items, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    uint32_t more = *cap ? *cap * 2 : 8;
    void *copy = wr_arena_alloc(arena, more * size);
    if (n)
        memcpy(copy, items, n * size);
    *cap = more;
    return copy;
}

static uint16_t new_reg(struct compiler *c)
{
    struct evaluator *ev = c->ev;
    uint32_t cap = ev->regs_cap, cap2 = ev->regs_cap;
    ev->regs = grown(c->arena, ev->regs, ev->nregs, &cap, sizeof(*ev->regs));
    ev->failed = grown(c->arena, ev->failed, ev->nregs, &cap2, sizeof(*ev->failed));
    ev->regs_cap = (uint16_t)WR_MIN(cap, UINT16_MAX);
    ev->failed[ev->nregs] = NULL;
    memset(&ev->regs[ev->nregs], 0, sizeof(struct column));
    return ev->nregs++;
}

static uint16_t column_reg(struct compiler *c, const struct expr *expr)
{
    struct evaluator *ev = c->ev;
    for (uint16_t i = 0; i < ev->ncolumns; i++)
        if (ev->column_regs[2 * i] == expr->column)
            return ev->column_regs[2 * i + 1];
    uint32_t cap = ev->columns_cap;
    ev->column_regs = grown(c->arena, ev->column_regs, ev->ncolumns, &cap, 2 * sizeof(uint16_t));
    ev->columns_cap = (uint16_t)cap;
    uint16_t reg = new_reg(c);
    ev->column_regs[2 * ev->ncolumns] = expr->column;
    ev->column_regs[2 * ev->ncolumns++ + 1] = reg;
    return reg;
}

static bool same_datum(const struct datum *a, const struct datum *b)
{
    struct expr x = {.kind = EXPR_CONST, .type = a->type, .value = *a};
    struct expr y = {.kind = EXPR_CONST, .type = b->type, .value = *b};
    return wr_expr_equal(&x, &y);
}

static uint16_t const_reg(struct compiler *c, const struct datum *value)
{
    struct evaluator *ev = c->ev;
    for (uint16_t i = 0; i < ev->nconsts && i < 64; i++) /* a long list of distinct constants is not worth a search */
        if (same_datum(&ev->consts[i].value, value))
            return ev->consts[i].reg;
    uint32_t cap = ev->consts_cap;
    ev->consts = grown(c->arena, ev->consts, ev->nconsts, &cap, sizeof(*ev->consts));
    ev->consts_cap = (uint16_t)cap;
    uint16_t reg = new_reg(c);
    ev->consts[ev->nconsts++] = (struct const_reg){.reg = reg, .value = *value};
    return reg;
}

/* The value of a constant subtree, false if computing it fails (then each row shall fail). */
static bool fold(struct compiler *c, const struct expr *expr, struct datum *value)
{
    if (expr->kind == EXPR_CONST) {
        *value = expr->value;
        value->type = expr->type;
        return true;
    }
    if (!c->ev->fold || !wr_expr_is_const(expr))
        return false;
    struct wr_error err = WR_ERROR_INIT;
    return wr_evaluate_const(c->arena, (struct expr *)expr, &c->ev->io, c->ev->now_us, value, &err);
}

static bool same_step(const struct step *step, const struct expr *expr, const struct branch *args, uint16_t nargs)
{
    const struct expr *made = step->expr;
    if (made->kind != expr->kind || made->fn != expr->fn || step->nargs != nargs || made->negated != expr->negated ||
        made->bool_test != expr->bool_test || !wr_type_same(made->type, expr->type))
        return false;
    for (uint16_t i = 0; i < nargs; i++)
        if (step->args[i].block || step->args[i].reg != args[i].reg)
            return false;
    return true;
}

static struct step *find_same(const struct scope *scope, const struct expr *expr, const struct branch *args,
                              uint16_t nargs)
{
    for (; scope; scope = scope->parent)
        for (uint32_t k = 0; k < scope->n; k++)
            if (same_step(scope->steps[k], expr, args, nargs))
                return scope->steps[k];
    return NULL;
}

/* Lazy forms have no registers to compare before they are compiled: compare the trees. */
static struct step *find_lazy(const struct scope *scope, const struct expr *expr)
{
    for (; scope; scope = scope->parent)
        for (uint32_t k = 0; k < scope->n; k++)
            if (scope->steps[k]->kind == expr->kind && wr_expr_equal(scope->steps[k]->expr, expr))
                return scope->steps[k];
    return NULL;
}

static struct step *add_step(struct compiler *c, const struct expr *expr, struct branch *args, uint16_t nargs,
                             struct scope *scope, struct block *block)
{
    struct evaluator *ev = c->ev;
    struct step *step = WR_NEW(c->arena, struct step);
    step->kind = expr->kind;
    step->expr = expr;
    step->args = args;
    step->nargs = nargs;
    step->out = new_reg(c);
    if (expr->kind == EXPR_CALL) {
        step->arg_cols = WR_NEW_ARRAY(c->arena, struct column, WR_MAX(nargs, 1));
        if (expr->fn->prepare)
            step->cache = expr->fn->prepare(expr);
    }
    block->steps = grown(c->arena, block->steps, block->n, &block->cap, sizeof(*block->steps));
    block->steps[block->n++] = step;
    scope->steps = grown(c->arena, scope->steps, scope->n, &scope->cap, sizeof(*scope->steps));
    scope->steps[scope->n++] = step;
    ev->steps = grown(c->arena, ev->steps, ev->nsteps, &ev->steps_cap, sizeof(*ev->steps));
    ev->steps[ev->nsteps++] = step;
    return step;
}

/* Cheap enough to compute for rows that may not need it: columns, constants, and total functions on flat values. */
static bool is_eager(const struct compiler *c, const struct expr *expr, int depth)
{
    if (expr->kind == EXPR_COLUMN || expr->kind == EXPR_CONST)
        return true;
    if (expr->kind != EXPR_CALL || depth == 0 || (expr->fn->flags & FN_CAN_FAIL) ||
        wr_type_info(expr->type.id)->phys == PHYS_STR)
        return false;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (wr_type_info(expr->args[i]->type.id)->phys == PHYS_STR || !is_eager(c, expr->args[i], depth - 1))
            return false;
    return true;
}

/* Compile an argument that only some rows of `outer` need. `scope` is where its steps may be shared from. */
static struct branch lazy(struct compiler *c, const struct expr *expr, struct scope *outer, struct block *block,
                          struct scope *scope)
{
    struct datum value;
    if (fold(c, expr, &value))
        return (struct branch){NULL, const_reg(c, &value)};
    if (is_eager(c, expr, 2))
        return (struct branch){NULL, compile(c, expr, outer, block)};
    struct block *own = WR_NEW(c->arena, struct block);
    uint16_t reg = compile(c, expr, scope, own);
    return (struct branch){own->n ? own : NULL, reg};
}

static struct scope *new_scope(struct compiler *c, const struct scope *parent)
{
    struct scope *scope = WR_NEW(c->arena, struct scope);
    scope->parent = parent;
    return scope;
}

/* AND, OR, COALESCE: each argument sees the rows left over by those before it. */
static uint16_t compile_chain(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    struct step *known = find_lazy(scope, expr);
    if (known)
        return known->out;
    struct branch *args = WR_NEW_ARRAY(c->arena, struct branch, expr->nargs);
    args[0].reg = compile(c, expr->args[0], scope, block);
    struct scope *inner = scope;
    for (uint16_t i = 1; i < expr->nargs; i++) {
        inner = new_scope(c, inner);
        args[i] = lazy(c, expr->args[i], scope, block, inner);
    }
    return add_step(c, expr, args, expr->nargs, scope, block)->out;
}

/* CASE: the conditions form a chain, each result belongs to the rows of its condition. */
static uint16_t compile_case(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    struct step *known = find_lazy(scope, expr);
    if (known)
        return known->out;
    struct branch *args = WR_NEW_ARRAY(c->arena, struct branch, expr->nargs);
    struct scope *inner = scope;
    for (uint16_t i = 0; i < expr->nargs; i++) {
        bool condition = i % 2 == 0; /* the ELSE, too, sees the rows left over */
        if (i == 0) {
            args[i].reg = compile(c, expr->args[i], scope, block);
            continue;
        }
        if (condition)
            inner = new_scope(c, inner);
        args[i] = lazy(c, expr->args[i], scope, block, condition ? inner : new_scope(c, inner));
    }
    return add_step(c, expr, args, expr->nargs, scope, block)->out;
}

/* x IN (a, b, ...) whose items are no constants after all: x = a OR x = b ... */
static uint16_t compile_in_as_or(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    uint16_t n = (uint16_t)(expr->nargs - 1);
    struct expr **tests = WR_NEW_ARRAY(c->arena, struct expr *, n);
    for (uint16_t i = 0; i < n; i++) {
        struct expr **pair = WR_NEW_ARRAY(c->arena, struct expr *, 2);
        pair[0] = expr->args[0];
        pair[1] = expr->args[i + 1];
        tests[i] = wr_expr_call(c->arena, expr->fn, TYPE(TYPE_BOOL), pair, 2);
    }
    struct expr *any = n == 1 ? tests[0] : wr_expr_nary(c->arena, EXPR_OR, tests, n);
    if (expr->negated)
        any = wr_expr_nary(c->arena, EXPR_NOT, memcpy(WR_NEW(c->arena, struct expr *), &any, sizeof(any)), 1);
    return compile(c, any, scope, block);
}

static uint16_t compile_in(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    uint16_t n = (uint16_t)(expr->nargs - 1);
    struct datum *items = WR_NEW_ARRAY(c->arena, struct datum, WR_MAX(n, 1));
    for (uint16_t i = 0; i < n; i++)
        if (!fold(c, expr->args[i + 1], &items[i]))
            return compile_in_as_or(c, expr, scope, block);
    struct step *known = find_lazy(scope, expr);
    if (known)
        return known->out;
    struct in_set *set = wr_in_set_new(c->arena, expr, items, n);
    if (!set)
        return compile_in_as_or(c, expr, scope, block);
    struct branch *args = WR_NEW(c->arena, struct branch);
    args[0].reg = compile(c, expr->args[0], scope, block);
    struct step *step = add_step(c, expr, args, 1, scope, block);
    step->set = set;
    return step->out;
}

static uint16_t compile_plain(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    struct branch *args = WR_NEW_ARRAY(c->arena, struct branch, WR_MAX(expr->nargs, 1));
    for (uint16_t i = 0; i < expr->nargs; i++)
        args[i].reg = compile(c, expr->args[i], scope, block);
    struct step *known = find_same(scope, expr, args, expr->nargs);
    return known ? known->out : add_step(c, expr, args, expr->nargs, scope, block)->out;
}

static uint16_t compile(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    struct datum value;
    if (expr->kind == EXPR_COLUMN)
        return column_reg(c, expr);
    if (expr->kind == EXPR_PARAM) { /* parameters are replaced before execution; one that was not is unknown */
        value = (struct datum){.type = expr->type, .null = true};
        return const_reg(c, &value);
    }
    if (fold(c, expr, &value))
        return const_reg(c, &value);
    switch (expr->kind) {
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE:
        return compile_chain(c, expr, scope, block);
    case EXPR_CASE:
        return compile_case(c, expr, scope, block);
    case EXPR_IN_LIST:
        return compile_in(c, expr, scope, block);
    default:
        return compile_plain(c, expr, scope, block);
    }
}

/* The conjuncts of a filter, nested ANDs flattened, in order. */
static void conjuncts(struct compiler *c, const struct expr *expr, struct program *program, uint32_t *cap,
                      const struct expr ***out)
{
    if (expr->kind == EXPR_AND) {
        for (uint16_t i = 0; i < expr->nargs; i++)
            conjuncts(c, expr->args[i], program, cap, out);
        return;
    }
    *out = grown(c->arena, *out, program->nroots, cap, sizeof(**out));
    (*out)[program->nroots++] = expr;
}

void wr_eval_compile(struct evaluator *ev, struct program *program, bool as_filter)
{
    struct compiler c = {ev, &ev->arena};
    const struct expr **roots = (const struct expr **)ev->exprs;
    program->nroots = as_filter ? 0 : ev->n;
    if (as_filter) {
        uint32_t cap = 0;
        roots = NULL;
        conjuncts(&c, ev->exprs[0], program, &cap, &roots);
    }
    program->blocks = WR_NEW_ARRAY(c.arena, struct block, WR_MAX(program->nroots, 1));
    program->regs = WR_NEW_ARRAY(c.arena, uint16_t, WR_MAX(program->nroots, 1));
    struct scope *scope = new_scope(&c, NULL);
    for (uint16_t k = 0; k < program->nroots; k++) {
        program->regs[k] = compile(&c, roots[k], scope, &program->blocks[k]);
        if (as_filter)
            scope = new_scope(&c, scope); /* the next conjunct sees fewer rows */
    }
    program->compiled = true;
}

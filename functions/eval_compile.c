/* Expressions -> program. Arguments become registers first; a call on the same function and registers that an
 * enclosing block has already computed is that call (value numbering), so comparing is cheap however deep the tree. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "functions/evaluator.h"

/* Steps made in a block are available to it and to the blocks below it. */
struct scope {
    const struct scope *parent;
    uint32_t depth;
};

/* A step that may be asked for again. */
struct known {
    uint64_t hash;
    struct step *step;
    const struct scope *scope;
    uint32_t next; /* of the same slot: index + 1 */
};

struct compiler {
    struct evaluator *ev;
    struct wr_arena *arena;
    struct known *known;
    uint32_t nknown, known_cap;
    uint32_t *slots, nslots;   /* a power of two; index of a known step + 1 */
    const struct scope **path; /* from the outermost scope inwards */
    uint32_t npath, path_cap;
};

static uint32_t compile(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block);

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

static uint32_t new_reg(struct compiler *c)
{
    struct evaluator *ev = c->ev;
    uint32_t cap = ev->regs_cap, cap2 = ev->regs_cap;
    ev->regs = grown(c->arena, ev->regs, ev->nregs, &cap, sizeof(*ev->regs));
    ev->failed = grown(c->arena, ev->failed, ev->nregs, &cap2, sizeof(*ev->failed));
    ev->regs_cap = cap;
    ev->failed[ev->nregs] = NULL;
    memset(&ev->regs[ev->nregs], 0, sizeof(struct column));
    return ev->nregs++;
}

static uint32_t column_reg(struct compiler *c, const struct expr *expr)
{
    struct evaluator *ev = c->ev;
    for (uint32_t i = 0; i < ev->ncolumns; i++)
        if (ev->column_regs[2 * i] == expr->column)
            return ev->column_regs[2 * i + 1];
    ev->column_regs = grown(c->arena, ev->column_regs, ev->ncolumns, &ev->columns_cap, 2 * sizeof(uint32_t));
    uint32_t reg = new_reg(c);
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

static uint32_t const_reg(struct compiler *c, const struct datum *value)
{
    struct evaluator *ev = c->ev;
    for (uint32_t i = 0; i < ev->nconsts && i < 64; i++) /* a long list of distinct constants is not worth a search */
        if (same_datum(&ev->consts[i].value, value))
            return ev->consts[i].reg;
    ev->consts = grown(c->arena, ev->consts, ev->nconsts, &ev->consts_cap, sizeof(*ev->consts));
    uint32_t reg = new_reg(c);
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

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15ull ^ hash >> 29;
}

static uint64_t hash_value(const struct datum *value)
{
    if (value->null)
        return 1;
    switch (wr_type_info(value->type.id)->phys) {
    case PHYS_BOOL:
        return value->b;
    case PHYS_I32:
        return (uint32_t)value->i32;
    case PHYS_STR:
        return XXH3_64bits(value->str.data, value->str.len);
    default:
        return (uint64_t)value->i64;
    }
}

/* Equal trees have equal hashes. */
static uint64_t hash_tree(const struct expr *expr)
{
    uint64_t hash = mix(mix(expr->kind + 64u * expr->nargs, (uintptr_t)expr->fn), expr->column * 65536u + expr->param);
    if (expr->kind == EXPR_CONST)
        hash = mix(hash, hash_value(&expr->value));
    for (uint16_t i = 0; i < expr->nargs; i++)
        hash = mix(hash, hash_tree(expr->args[i]));
    return mix(hash, expr->nitems);
}

static uint64_t hash_step(const struct expr *expr, const struct branch *args)
{
    uint64_t hash = mix(expr->kind, (uintptr_t)expr->fn);
    for (uint16_t i = 0; i < expr->nargs; i++)
        hash = mix(hash, args[i].reg);
    return hash;
}

/* Puts a scope on the path: path[d] is the one around it that is d deep. Scopes next to each other share most of it. */
static void enter(struct compiler *c, const struct scope *scope)
{
    const struct scope *at = scope;
    while (c->path_cap <= scope->depth)
        c->path = grown(c->arena, c->path, c->path_cap, &c->path_cap, sizeof(*c->path));
    for (; at && (at->depth >= c->npath || c->path[at->depth] != at); at = at->parent)
        c->path[at->depth] = at;
    if (at != scope)
        c->npath = scope->depth + 1;
}

/* The step for this expression, if there is one. args: of a step whose arguments are registers; NULL: the lazy forms
 * have none before they are compiled, so trees are compared. */
static struct step *find_known(struct compiler *c, uint64_t hash, const struct scope *scope, const struct expr *expr,
                               const struct branch *args)
{
    uint32_t at = c->nslots ? c->slots[hash & (c->nslots - 1)] : 0;
    enter(c, scope);
    for (; at; at = c->known[at - 1].next) {
        const struct known *known = &c->known[at - 1];
        const struct expr *made = known->step->expr;
        bool around = known->scope->depth <= scope->depth && c->path[known->scope->depth] == known->scope;
        if (known->hash == hash && around &&
            (args ? same_step(known->step, expr, args, expr->nargs)
                  : made->kind == expr->kind && wr_expr_equal(made, expr)))
            return known->step;
    }
    return NULL;
}

static void link_known(struct compiler *c, uint32_t i)
{
    uint32_t *slot = &c->slots[c->known[i].hash & (c->nslots - 1)];
    c->known[i].next = *slot;
    *slot = i + 1;
}

static void add_known(struct compiler *c, uint64_t hash, const struct scope *scope, struct step *step)
{
    c->known = grown(c->arena, c->known, c->nknown, &c->known_cap, sizeof(*c->known));
    c->known[c->nknown++] = (struct known){.hash = hash, .step = step, .scope = scope};
    if (c->nknown <= c->nslots) {
        link_known(c, c->nknown - 1);
        return;
    }
    c->nslots = c->nslots ? c->nslots * 2 : 16;
    c->slots = WR_NEW_ARRAY(c->arena, uint32_t, c->nslots);
    for (uint32_t i = 0; i < c->nknown; i++)
        link_known(c, i);
}

static struct step *add_step(struct compiler *c, uint64_t hash, const struct expr *expr, struct branch *args,
                             uint16_t nargs, const struct scope *scope, struct block *block)
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
    add_known(c, hash, scope, step);
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
    uint32_t reg = compile(c, expr, scope, own);
    return (struct branch){own->n ? own : NULL, reg};
}

static struct scope *new_scope(struct compiler *c, const struct scope *parent)
{
    struct scope *scope = WR_NEW(c->arena, struct scope);
    scope->parent = parent;
    scope->depth = parent ? parent->depth + 1 : 0;
    return scope;
}

/* AND, OR, COALESCE: each argument sees the rows left over by those before it. */
static uint32_t compile_chain(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    uint64_t hash = hash_tree(expr);
    struct step *known = find_known(c, hash, scope, expr, NULL);
    if (known)
        return known->out;
    struct branch *args = WR_NEW_ARRAY(c->arena, struct branch, expr->nargs);
    args[0].reg = compile(c, expr->args[0], scope, block);
    struct scope *inner = scope;
    for (uint16_t i = 1; i < expr->nargs; i++) {
        inner = new_scope(c, inner);
        args[i] = lazy(c, expr->args[i], scope, block, inner);
    }
    return add_step(c, hash, expr, args, expr->nargs, scope, block)->out;
}

/* CASE: the conditions form a chain, each result belongs to the rows of its condition. */
static uint32_t compile_case(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    uint64_t hash = hash_tree(expr);
    struct step *known = find_known(c, hash, scope, expr, NULL);
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
    return add_step(c, hash, expr, args, expr->nargs, scope, block)->out;
}

static uint32_t compile_in(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    uint64_t hash = hash_tree(expr);
    struct step *known = find_known(c, hash, scope, expr, NULL);
    if (known)
        return known->out;
    struct branch *args = WR_NEW(c->arena, struct branch);
    args[0].reg = compile(c, expr->args[0], scope, block);
    struct step *step = add_step(c, hash, expr, args, 1, scope, block);
    step->set = wr_in_set_new(c->arena, expr);
    return step->out;
}

static uint32_t compile_plain(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
{
    struct branch *args = WR_NEW_ARRAY(c->arena, struct branch, WR_MAX(expr->nargs, 1));
    for (uint16_t i = 0; i < expr->nargs; i++)
        args[i].reg = compile(c, expr->args[i], scope, block);
    uint64_t hash = hash_step(expr, args);
    struct step *known = find_known(c, hash, scope, expr, args);
    return known ? known->out : add_step(c, hash, expr, args, expr->nargs, scope, block)->out;
}

static uint32_t compile(struct compiler *c, const struct expr *expr, struct scope *scope, struct block *block)
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
    struct compiler c = {.ev = ev, .arena = &ev->arena};
    const struct expr **roots = (const struct expr **)ev->exprs;
    program->nroots = as_filter ? 0 : ev->n;
    if (as_filter) {
        uint32_t cap = 0;
        roots = NULL;
        conjuncts(&c, ev->exprs[0], program, &cap, &roots);
    }
    program->blocks = WR_NEW_ARRAY(c.arena, struct block, WR_MAX(program->nroots, 1));
    program->regs = WR_NEW_ARRAY(c.arena, uint32_t, WR_MAX(program->nroots, 1));
    struct scope *scope = new_scope(&c, NULL);
    for (uint32_t k = 0; k < program->nroots; k++) {
        program->regs[k] = compile(&c, roots[k], scope, &program->blocks[k]);
        if (as_filter)
            scope = new_scope(&c, scope); /* the next conjunct sees fewer rows */
    }
    program->compiled = true;
}

/* Bound expressions: types known, functions chosen, casts explicit. Immutable after binding; shared by
 * planner (rewrites build new nodes) and executor (compiles them). Arena-owned. */
#ifndef WEIR_FUNCTIONS_EXPR_H
#define WEIR_FUNCTIONS_EXPR_H

#include "base/buf.h"
#include "types/batch.h"

struct fn;

enum expr_kind {
    EXPR_COLUMN, /* column `column` of the input row */
    EXPR_CONST,  /* `value` */
    EXPR_PARAM,  /* $param (1-based): replaced by EXPR_CONST before execution */
    EXPR_CALL,   /* fn(args): operators, functions and casts alike */
    EXPR_AND,    /* args; three-valued; an argument is evaluated only for rows not yet decided by those before it */
    EXPR_OR,     /* the same */
    EXPR_NOT,    /* args[0] */
    EXPR_CASE, /* args: when1, then1, when2, then2, ... [else]; lazy per row. The simple form is bound to equalities */
    EXPR_COALESCE,    /* args; lazy per row */
    EXPR_IS_NULL,     /* args[0]; `negated`: IS NOT NULL */
    EXPR_IS_BOOL,     /* args[0] IS [NOT] TRUE / FALSE / UNKNOWN: `bool_test` 't','f','u', `negated` */
    EXPR_IS_DISTINCT, /* args[0] IS [NOT] DISTINCT FROM args[1]; `negated` = IS NOT DISTINCT; fn = the types' equality
                       */
    EXPR_IN_LIST,     /* args[0] [NOT] IN (items); fn = equality of args[0]'s type, which is the items'; `negated` */
};

struct expr {
    uint8_t kind; /* enum expr_kind */
    bool negated;
    char bool_test;
    bool nullable; /* can it be NULL? false only when proven */
    bool total;    /* EXPR_CALL: cannot fail with these arguments, though its function can */
    struct type type;
    int location; /* byte offset in the statement, -1 unknown */
    uint16_t nargs;
    struct expr **args;
    const struct fn *fn;
    uint16_t column;
    uint16_t param;
    struct datum value;
    uint32_t nitems; /* EXPR_IN_LIST: constants, in the order in which they were written */
    const struct datum *items;
};

/* Constructors; what they are given is not copied unless it says so, and lives in the arena too. */
struct expr *wr_expr_column(struct wr_arena *arena, uint16_t column, struct type type, bool nullable);
struct expr *wr_expr_const(struct wr_arena *arena, const struct datum *value); /* copies string bytes */
struct expr *wr_expr_call(struct wr_arena *arena, const struct fn *fn, struct type type, struct expr **args,
                          uint16_t nargs);
struct expr *wr_expr_nary(struct wr_arena *arena, enum expr_kind kind, struct expr **args,
                          uint16_t nargs); /* bool result */
/* The items are of arg's type and stay the caller's, in the arena. */
struct expr *wr_expr_in_list(struct wr_arena *arena, const struct fn *equality, struct expr *arg,
                             const struct datum *items, uint32_t n, bool negated);
/* Structural equality (constants by identity; locations ignored). */
bool wr_expr_equal(const struct expr *a, const struct expr *b);
/* A copy whose columns are replaced: column c becomes a copy of map[c] (NULL entries must not occur). */
struct expr *wr_expr_substitute(struct wr_arena *arena, const struct expr *expr, struct expr *const *map);
/* A copy with columns renumbered: c becomes map[c] (UINT16_MAX must not occur). */
struct expr *wr_expr_remap(struct wr_arena *arena, const struct expr *expr, const uint16_t *map);
/* Mark the columns the expression reads. */
void wr_expr_columns(const struct expr *expr, bool *used);
/* Can evaluating it raise an error on some row? (casts from text, division, overflow ...) */
bool wr_expr_can_fail(const struct expr *expr);
bool wr_expr_is_const(const struct expr *expr); /* no columns, no params, no volatile functions */
/* SQL-like text for EXPLAIN; names may be NULL ("$3" style column numbers then). */
void wr_expr_print(struct wr_buf *buf, const struct expr *expr, const char *const *names);

#endif

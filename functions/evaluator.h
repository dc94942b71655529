/* Inside of functions/: the compiled form of expressions.
 *
 *   program   one root per expression; each root has a block of steps and the register of its result
 *   block     steps run in order under one selection of rows
 *   step      one operation on whole columns: reads registers, writes one. A lazy argument (a CASE branch, the second
 *             operand of AND ...) is a block of its own, run under the rows that need it
 *   register  a struct column; input columns and constants are registers too
 *
 * Scopes make sharing safe: a step is reused only by its own block and the blocks below it, whose rows are a subset
 * of the rows it ran for. Arguments that cannot fail and cost little are computed in the outer block at once.
 *
 * Errors: a register has a list of failed rows as soon as there is one. A step whose argument failed on a row has
 * failed there too, though the failure would be hidden (IS NULL), if it used that argument for that row: a step that is
 * shared may have failed on rows for which the branch was not taken. Rows that failed are not evaluated any further. */
#ifndef WEIR_FUNCTIONS_EVALUATOR_H
#define WEIR_FUNCTIONS_EVALUATOR_H

#include "functions/fn.h"

struct in_set; /* eval_in.c */

struct block {
    uint32_t n, cap;
    struct step **steps;
};

struct branch {
    struct block *block; /* NULL: computed by the outer block */
    uint32_t reg;
};

struct step {
    uint8_t kind;      /* enum expr_kind */
    bool any_arg_null; /* scratch of one call */
    uint32_t out;
    uint16_t nargs;
    struct branch *args;
    const struct expr *expr;
    void *cache;             /* fn->prepare() */
    struct in_set *set;      /* EXPR_IN_LIST */
    struct column *arg_cols; /* EXPR_CALL: scratch */
};

struct const_reg {
    uint32_t reg;
    struct datum value;
    uint32_t rows; /* how many slots `col` has */
    struct column col;
};

struct program {
    bool compiled;
    uint32_t nroots;
    struct block *blocks;
    uint32_t *regs;
};

struct evaluator {
    struct wr_arena arena; /* program, constants */
    struct expr **exprs;
    uint16_t n;
    bool fold;
    struct io_settings io;
    int64_t now_us;
    struct program values, filter;

    uint32_t nregs, regs_cap;
    struct column *regs;
    uint8_t **failed;    /* per register: NULL, or a flag for every row */
    struct step **steps; /* all, for cleaning up */
    uint32_t nsteps, steps_cap;
    struct const_reg *consts;
    uint32_t nconsts, consts_cap;
    uint32_t *column_regs; /* pairs column, register */
    uint32_t ncolumns, columns_cap;

    /* One run */
    struct wr_arena *run_arena;
    const struct batch *batch;
    struct eval_errors *errors;
    bool failing; /* some register has failed rows */
};

/* eval_compile.c */
void wr_eval_compile(struct evaluator *ev, struct program *program, bool as_filter);
/* eval_run.c */
void wr_eval_block(struct evaluator *ev, const struct block *block, const uint32_t *sel, uint32_t nsel);
void wr_eval_step(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel);
/* eval_lazy.c */
void wr_eval_logic(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel);
void wr_eval_case(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel);
void wr_eval_coalesce(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel);
/* eval_in.c */
struct in_set *wr_in_set_new(struct wr_arena *arena, const struct expr *expr);
void wr_eval_in(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel);
/* Run the branch's block under these rows; its column is then ev->regs[branch->reg]. Rows on which it failed have
 * failed for the step too and leave the list; returns how many stay. */
uint32_t wr_eval_branch(struct evaluator *ev, const struct step *step, const struct branch *branch, uint32_t *rows,
                        uint32_t n);

#endif

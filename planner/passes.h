/* Inside of planner/: the passes. Each is one file pass_<name>.c, run in the order of passes.c, and may be switched off
 * by name (planner->disabled_passes) without changing any answer.
 *
 * A pass changes the tree in place and says whether it did. It may evaluate an expression that can fail
 * (wr_expr_can_fail) on fewer rows than written, never on more (law L4). */
#ifndef WEIR_PLANNER_PASSES_H
#define WEIR_PLANNER_PASSES_H

#include "planner/bind.h"

struct pass {
    const char *name;
    bool (*run)(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err);
    bool repeat; /* among those run again until nothing changes */
};

bool pass_fold(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_factor(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_merge(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_outer_to_inner(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_join_order(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_push_filters(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_extract_keys(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_derive(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_lookup(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_share(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_topn(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_unique(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;
bool pass_prune(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err) WR_MUST;

/* pass_extract_keys.c: the equalities in a join's condition that cannot fail become its keys; what hides the columns
 * this may add stands above the join then. False: there are none. */
bool plan_extract_keys(struct wr_arena *arena, struct plan **at);
/* properties.c: props.keys and props.append_only of every node. */
void plan_properties(struct planner *planner, struct plan *plan);
void plan_forget(struct plan *plan);                                             /* a rewrite makes them stale */
bool plan_has_key(const struct plan *plan, const uint16_t *columns, uint16_t n); /* do these columns contain a key? */
/* Marks the input columns (numbered through) that name its rows, if proven; needs plan_properties(). */
void plan_error_columns(const struct plan *plan, bool *columns);
/* Sets error_key of all nodes; needs plan_properties(). */
void plan_error_keys(struct wr_arena *arena, struct plan *plan);
/* guess.c: rows of a plan, `of` how many without its conditions; the share of rows that a condition leaves. */
double guess_rows(const struct plan *plan, double *of);
double guess_share(const struct expr *expr);
/* physical.c: exchanges, ids, state numbers. */
void plan_physical(struct planner *planner, struct plan **plan);

/* ---- what several passes need */
/* Since this version an equality that can fail may become a join's key; a choice of state. */
#define FAILING_SINCE 3

/* Does every column the expression reads lie in [from, to)? (True for an expression without columns.) */
bool reads_only(const struct expr *expr, uint16_t from, uint16_t to);
bool reads_any(const struct expr *expr);
/* Is the expression NULL whenever all columns in [from, to) are? */
bool is_null_on_null(const struct expr *expr, uint16_t from, uint16_t to);
/* A copy with every column c replaced by c - shift. */
struct expr *shift_columns(struct wr_arena *arena, struct expr *expr, int shift);

#endif

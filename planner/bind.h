/* Inside of planner/: what the binder's files share.
 *
 * A query block (one SELECT) is bound over the columns of its FROM plan. What is computed above that plan is first
 * written as a column number in a range of its own, and replaced once the node that computes it exists:
 *
 *   0 .. 0x3fff        columns of the block's plan
 *   COLUMN_OUTER  + i  column i of the enclosing block (correlated subquery)
 *   COLUMN_AGG    + i  result of block->aggs[i]
 *   COLUMN_WINDOW + i  result of block->windows[i]
 *   COLUMN_SCALAR + i  value of block->scalars[i] (a scalar subquery)
 *
 * Nodes belong to a parse tree that may be freed after binding: every string kept is copied to the arena. */
#ifndef WEIR_PLANNER_BIND_H
#define WEIR_PLANNER_BIND_H

#include "planner/planner.h"

#define COLUMN_OUTER  0x4000
#define COLUMN_AGG    0x8000
#define COLUMN_WINDOW 0xa000
#define COLUMN_SCALAR 0xc000
#define COLUMNS_MAX   0x2000

/* Nested expressions and subqueries allowed: what the stack holds is a limit, not a crash (law L8). */
#define BIND_DEPTH_MAX 6000

struct block;

struct cte {
    const char *name;
    const PgQuery__CommonTableExpr *node;
    struct block *outer; /* around the query that has it, or NULL */
    bool used;
    struct cte *next; /* those visible to this one */
};

struct binder {
    struct planner *planner;
    struct wr_arena *arena;
    struct wr_error *err;
    const char *text; /* for error positions; NULL inside a view */
    struct cte *ctes;
    int depth;
    int *relations; /* FROM items bound so far, views and WITH expanded: bounds their blow-up */
};

/* Conditions of a subquery's WHERE that use the enclosing block (COLUMN_OUTER). After binding, their own columns are
 * output columns of the subquery's plan. */
struct correlation {
    uint16_t n, cap;
    struct expr **conditions;
    uint16_t nhidden;      /* columns behind the targets, there for the conditions */
    uint16_t nrestricting; /* conditions that the subquery's plan is restricted by (bind_restrict.c) */
    bool scalar;           /* of a scalar subquery: an aggregate is grouped by what its conditions compare */
    bool equalities;       /* wanted: no other conditions; so are a scalar subquery's */
    struct expr *empty;    /* then: the aggregate's value over no rows; NULL: SQL NULL */
};

/* Where a SELECT stands. */
struct select_mode {
    struct block *outer;              /* enclosing block, or NULL */
    struct correlation *corr;         /* NULL: may not use the outer block's columns */
    bool top;                         /* its ORDER BY is the result's */
    bool keep_unknown;                /* untyped literals stay so: the caller decides their type */
    bool exists;                      /* of EXISTS: only whether it has rows is asked */
    const PgQuery__SelectStmt *limit; /* if it has an ORDER BY, the LIMIT of this query is carried out in it: */
    bool *limited;                    /* done */
};

struct scope_column {
    const char *table; /* alias of the FROM item; NULL: a column merged by USING */
    const char *name;
    struct type type;
    bool nullable;
    bool merged; /* by USING: found only with its table's name */
    uint16_t column;
    const struct object *relation; /* of a base relation: its column `relation_column` */
    uint16_t relation_column;
};

struct scope {
    uint16_t n, cap;
    struct scope_column *cols;
    uint16_t ntables, tables_cap;
    const char **tables; /* aliases in FROM */
};

/* A FROM item or the whole FROM: a plan and the names of its columns. */
struct source {
    struct plan *plan;
    struct scope scope;
};

/* An item of a SELECT list, of RETURNING. */
struct target {
    struct expr *expr;
    const char *name;
};

struct bound_agg {
    const struct agg *agg;
    struct expr *arg, *filter; /* NULL: none */
    bool distinct;
    struct type type;
    int location;
};

struct bound_order {
    struct expr *expr;
    bool descending, nulls_first;
};

struct bound_window { /* row_number() OVER (PARTITION BY ... ORDER BY ...) */
    uint16_t npartition, norder;
    struct expr **partition;
    struct bound_order *order;
};

struct bound_scalar {
    struct plan *plan;
    bool always;             /* has always one row (else at most one) */
    struct correlation corr; /* conditions of the join, over the subquery's columns and COLUMN_OUTER */
    bool mark;               /* its value is whether there is a row (bind_in.c) */
    bool guarded;            /* not every row needs it */
    bool counted;            /* its last column says how many rows there are: more than one are an error */
    bool attached;           /* joined to the block's plan: */
    uint16_t column;         /* its column there */
};

/* RETURNING, over a plan that gives what is written: its first `nwritten` columns. */
struct returning {
    size_t n; /* 0: there is none */
    PgQuery__Node *const *list;
    struct scope scope; /* the names that it knows, over the plan */
    const struct object *table;
    uint16_t first; /* where the table's visible columns stand in the plan, as they are after the statement */
    uint16_t nwritten;
};

#define CLAUSE_DEFAULT "DEFAULT expressions"

/* A test that holds for the rows which need what is being bound: in branches of CASE, behind an argument of OR ... */
struct guard {
    const struct guard *outer;
    struct expr *arg;
    enum expr_kind kind; /* EXPR_IS_BOOL, EXPR_IS_NULL */
    char bool_test;
    bool negated;
};

struct block {
    struct binder *binder;
    struct block *outer;      /* enclosing block whose columns may be used, or NULL */
    struct correlation *corr; /* its own conditions on `outer`, or NULL */
    struct source from;
    uint16_t npending; /* conditions of WHERE that are bound, but not yet in the plan */
    struct expr **pending;
    const struct guard *guard; /* innermost; NULL: every row needs what is being bound */
    struct select_mode sole;   /* of the subquery that is all of FROM (bind_order.c) */
    bool limited;              /* which has carried out LIMIT */
    uint16_t naggs, aggs_cap, nwindows, windows_cap, nscalars, scalars_cap;
    struct bound_agg *aggs;
    struct bound_window *windows;
    struct bound_scalar *scalars;
    const char *clause; /* what is being bound, as PostgreSQL names it in "... not allowed in <clause>" */
    bool aggs_allowed, windows_allowed, outer_allowed, scalars_allowed;
    bool in_agg, in_window;
    bool grouped;       /* the plan is above an aggregate: FROM columns are gone */
    bool null_is_false; /* of the expression being bound only matters whether it is true */
};

/* ---- bind_error.c: all return false */
bool bind_fail(struct binder *binder, int location, const char *sqlstate, const char *fmt, ...) WR_PRINTF(4, 5);
bool bind_unsupported(struct binder *binder, int location, const char *fmt, ...)
    WR_PRINTF(3, 4);                               /* "<...> is not supported yet" */
bool bind_at(struct binder *binder, int location); /* position of an error just filled in */
int bind_location(const PgQuery__Node *node);      /* of an expression node, -1 unknown */
bool bind_enter(struct binder *binder) WR_MUST;    /* one level deeper */

/* ---- bind_scope.c */
bool bind_fail_no_table(struct block *block, const char *table, int location); /* returns false */
bool bind_column(struct block *block, const PgQuery__ColumnRef *ref, struct expr **expr) WR_MUST;
void scope_add(struct binder *binder, struct scope *scope, const struct scope_column *col);
bool scope_add_table(struct binder *binder, struct scope *scope, const char *table, int location) WR_MUST;
/* right's names behind left's, its columns `offset` further on. */
bool scope_join(struct binder *binder, struct scope *left, const struct scope *right, uint16_t offset) WR_MUST;
struct expr *scope_expr(struct binder *binder, const struct scope_column *col, int location);
const char *bind_string(const PgQuery__Node *node); /* a String node's text, "" if it is something else */
void *bind_grow(struct wr_arena *arena, void *items, uint16_t n, uint16_t *cap, size_t size);
uint16_t bind_hint_distance(const char *a, const char *b);

/* ---- bind_type.c, bind_coerce.c */
bool bind_type_name(struct binder *binder, const PgQuery__TypeName *name, struct type *type) WR_MUST;
bool bind_coerce(struct binder *binder, struct expr **expr, struct type target, enum cast_context context) WR_MUST;
/* For clauses: "argument of WHERE must be type boolean, not type integer". */
bool bind_coerce_bool(struct binder *binder, struct expr **expr, const char *clause) WR_MUST;
/* wr_common_type(), for stored views as it was in their time. */
bool bind_common_type(struct binder *binder, const struct type *types, uint32_t n, const char *what,
                      struct type *type) WR_MUST;
#define TYPES_SINCE 7 /* version of the planner in which COALESCE, CASE, UNION ... are of PostgreSQL's exact types */
bool bind_coerce_common(struct binder *binder, struct expr **exprs, uint32_t n, const char *what,
                        struct type *type) WR_MUST;
bool bind_coerce_unknown(struct binder *binder, struct expr **expr) WR_MUST; /* untyped literal or parameter -> text */
bool bind_resolve_params(struct binder *binder) WR_MUST;
/* A value known now: literal, folded. */
bool bind_const_int8(struct binder *binder, const struct expr *expr, bool *null, int64_t *value) WR_MUST;
struct expr *bind_null(struct binder *binder, struct type type);
struct expr *bind_bool(struct binder *binder, bool value);

/* ---- bind_expr.c, bind_operator.c, bind_function.c, bind_aggregate.c, bind_window.c */
bool bind_expr(struct block *block, const PgQuery__Node *node, struct expr **expr) WR_MUST;
/* AND or OR of two. */
struct expr *bind_combine(struct block *block, enum expr_kind kind, struct expr *a, struct expr *b, int location);
/* bind_row.c: (a, b) = (c, d), IN of rows: *done; or something else. */
bool bind_row_comparison(struct block *block, const PgQuery__AExpr *node, const char *op, bool *done,
                         struct expr **expr) WR_MUST;
bool bind_a_expr(struct block *block, const PgQuery__AExpr *node, struct expr **expr) WR_MUST;
bool bind_any_all(struct block *block, const PgQuery__AExpr *node, const char *op, struct expr **expr) WR_MUST;
/* The comparison with a list that is a parameter, once for each of its items; other expressions as they are. */
struct expr *bind_expand_list(struct wr_arena *arena, struct expr *expr, const struct datum *values, int n);
/* OR (AND) of one expression's equalities (inequalities) with constants as [NOT] IN; other expressions as they are. */
struct expr *bind_gather_list(struct wr_arena *arena, struct expr *expr);
bool bind_call(struct block *block, const char *name, bool is_operator, struct expr **args, uint16_t nargs,
               int location, struct expr **expr) WR_MUST;
bool bind_function(struct block *block, const PgQuery__FuncCall *call, struct expr **expr) WR_MUST;
bool bind_value_function(struct block *block, const PgQuery__SQLValueFunction *call, struct expr **expr) WR_MUST;
bool bind_aggregate_call(struct block *block, const char *name, const PgQuery__FuncCall *call,
                         struct expr **expr) WR_MUST;
bool bind_window_call(struct block *block, const char *name, const PgQuery__FuncCall *call, struct expr **expr) WR_MUST;
bool bind_order_flags(struct binder *binder, const PgQuery__SortBy *sort, bool *descending, bool *nulls_first) WR_MUST;
const char *bind_output_name(struct binder *binder, const PgQuery__Node *node);

/* Put the aggregates collected in the block into its plan; exprs (over the FROM columns and COLUMN_AGG) and the
 * conditions of scalar subqueries that are not attached yet are rewritten to the aggregate's output. having: some
 * groups go. */
bool bind_build_aggregate(struct block *block, struct expr **group, uint16_t ngroup, bool grouped, bool having,
                          struct expr ***exprs, size_t nexprs) WR_MUST;
/* The same for the block's windows. */
bool bind_build_windows(struct block *block, struct expr ***exprs, size_t nexprs) WR_MUST;

/* ---- bind_subquery.c */
bool bind_scalar_subquery(struct block *block, const PgQuery__SubLink *link, struct expr **expr) WR_MUST;
/* The scalar subqueries met so far are joined to the plan; COLUMN_SCALAR in exprs becomes their columns. */
void bind_attach_scalars(struct block *block, struct expr ***exprs, size_t nexprs);
/* Those alone that exprs read. */
void bind_attach_read(struct block *block, struct expr ***exprs, size_t nexprs);
/* Other expressions that read what is joined already. */
void bind_replace_scalars(struct block *block, struct expr ***exprs, size_t nexprs);
/* One AND-argument of WHERE: is it IN/EXISTS (possibly negated)? */
bool bind_is_subquery_test(const PgQuery__Node *node);
/* It becomes a semi or anti join of the block's plan. */
struct subquery_test {
    const PgQuery__SubLink *link;
    bool negated;
    uint16_t nlhs;
    struct expr **lhs;
};
bool bind_subquery_lhs(struct block *block, const PgQuery__Node *node, struct subquery_test *test) WR_MUST;
bool bind_subquery_apply(struct block *block, const struct subquery_test *test) WR_MUST;

/* ---- bind_restrict.c: before something that can fail is computed in a correlated subquery */
/* Leaves only the rows for which the conditions on the outer query hold. */
bool bind_restrict(struct block *block) WR_MUST;
/* An expression that will be computed for every row, where only those of the guard need it: NULL for the others, if it
 * can fail. */
struct expr *bind_guarded(struct block *block, struct expr *expr);
/* The same at `below`, if something above it in the block's plan can fail. */
bool bind_restrict_below(struct block *block, struct plan *below) WR_MUST;

/* The outer query's rows that the subquery is for, so far as they are known: a copy. It holds the copies made for
 * subqueries before: they are counted. */
bool bind_copy_outer(struct block *outer, struct plan **copy) WR_MUST;

/* ---- bind_domain.c: conditions on the outer query become equalities with it */
/* inner = outer (or IS NOT DISTINCT FROM), either way round: which argument is the inner one; -1: something else, or it
 * can fail */
int bind_inner_side(const struct expr *expr);
/* Of a correlation that wants equalities and has others. */
bool bind_domain(struct block *block) WR_MUST;

/* ---- bind_single.c */
/* Of a scalar subquery that is not proven to have one row at most: what tells. */
bool bind_single(struct block *block, const PgQuery__SubLink *link, struct bound_scalar *scalar) WR_MUST;

/* ---- bind_clauses.c */
bool bind_check_clauses(struct binder *binder, const struct statement *statement) WR_MUST;
/* WITH (...) of a table without connector, of a materialized view: PostgreSQL's storage parameters. */
bool bind_check_storage_options(struct binder *binder, const struct statement *statement) WR_MUST;

/* ---- bind_order.c: what the order and LIMIT of a query ask of the subquery that is all of its FROM */
void bind_pass_order(struct block *block, const PgQuery__SelectStmt *node, const struct select_mode *mode);

/* ---- bind_in.c */
/* IN, EXISTS, <> ALL as a value. */
bool bind_subquery_value(struct block *block, const PgQuery__Node *node, struct expr **expr) WR_MUST;

/* ---- bind_full.c */
struct plan *make_full_join(struct binder *binder, struct plan *left, struct plan *right, struct expr *condition);

/* ---- bind_from.c, bind_query.c */
bool bind_from(struct block *block, size_t n, PgQuery__Node *const *items) WR_MUST;
bool bind_from_item(struct block *block, const PgQuery__Node *node, struct source *source) WR_MUST;
/* The query reads so many more relations: 54001 beyond what is sensible. */
bool bind_count_relations(struct binder *binder, uint32_t n) WR_MUST;
bool bind_join(struct block *block, const PgQuery__JoinExpr *node, struct source *source) WR_MUST;
/* Conditions of WHERE applied in written order; those that use the outer block go to corr. */
bool bind_target_list(struct block *block, size_t n, PgQuery__Node *const *list, struct target **targets,
                      uint16_t *ntargets) WR_MUST;
bool bind_where(struct block *block, const PgQuery__Node *where, struct correlation *corr) WR_MUST;
bool bind_select(struct binder *binder, const PgQuery__SelectStmt *select, const struct select_mode *mode,
                 struct plan **plan) WR_MUST;
/* Output column `column` as `type`: untyped literals are read as it wherever they stand; else a cast on top. */
bool bind_coerce_output(struct binder *binder, struct plan **plan, const struct type *types,
                        enum cast_context context) WR_MUST;
bool bind_limit(struct binder *binder, const PgQuery__SelectStmt *select, struct plan **plan,
                const struct plan_order *order, uint16_t norder, const struct scope *scope) WR_MUST;
bool bind_set_operation(struct binder *binder, const PgQuery__SelectStmt *select, const struct select_mode *mode,
                        struct plan **plan) WR_MUST;
bool has_outer(const struct expr *expr);
/* The alias, or the name where there is none. */
const char *bind_alias(const PgQuery__Alias *alias, const char *name);
/* Names for a plan: all its columns under one alias, `table` where there is none. */
bool bind_name_source(struct binder *binder, struct source *source, const char *table, const PgQuery__Alias *alias,
                      int location) WR_MUST;
bool bind_scan(struct binder *binder, const struct object *object, const char *alias, struct source *source) WR_MUST;
/* UNION ALL of two plans with the same types. */
struct plan *make_union(struct wr_arena *arena, struct plan *left, struct plan *right);
bool bind_values(struct binder *binder, const PgQuery__SelectStmt *select, struct block *outer,
                 struct plan **plan) WR_MUST;
/* WITH: names added to binder->ctes; the caller restores them. */
bool bind_with(struct binder *binder, const PgQuery__WithClause *with, struct block *outer) WR_MUST;
/* Those of WITH, up to `end`, that nothing reads: their errors count as well. */
bool bind_unused_ctes(struct binder *binder, const struct cte *end) WR_MUST;

/* error_key.c: can an expression of the node itself fail? */
bool plan_can_fail(const struct plan *plan);

/* ---- bind_plan.c: nodes with their columns filled in */
struct plan *make_filter(struct wr_arena *arena, struct plan *input, struct expr *predicate);
struct plan *make_project(struct wr_arena *arena, struct plan *input, struct expr *const *exprs,
                          const char *const *names, uint16_t n);
struct plan *make_join(struct wr_arena *arena, enum join_type type, struct plan *left, struct plan *right,
                       struct expr *condition);
struct plan *make_distinct(struct wr_arena *arena, struct plan *input);
struct plan *make_topn(struct wr_arena *arena, struct plan *input, int64_t limit, int64_t offset, const char *rank);
struct plan *make_one_row(struct wr_arena *arena);
/* All columns of the input, then the extra ones. *first = column of the first extra one. Columns already there are
 * reused: columns[i] says where exprs[i] is. */
struct plan *make_extend(struct wr_arena *arena, struct plan *input, struct expr *const *exprs, uint16_t n,
                         uint16_t *columns);
/* A copy with every column replaced by what `replace` returns (itself allowed). */
struct expr *rewrite_columns(struct wr_arena *arena, struct expr *expr,
                             struct expr *(*replace)(void *context, struct expr *column), void *context);
struct expr *make_column(struct wr_arena *arena, const struct plan *plan, uint16_t column);
struct expr *make_and(struct wr_arena *arena, struct expr **args, uint16_t n); /* n = 1: itself; 0: NULL */
/* AND-arguments of expr, nested ANDs flattened. Returns how many; *args in the arena. */
uint16_t split_and(struct wr_arena *arena, struct expr *expr, struct expr ***args);

/* ---- planner.c */
void planner_binder(struct planner *planner, struct wr_error *err, struct binder *binder);

/* ---- reads_nothing.c */
/* Does a message of the parse tree, this one or one within, pass the test? */
bool wr_plan_find_message(const ProtobufCMessage *message, bool (*test)(void *context, const ProtobufCMessage *message),
                          void *context);

/* ---- bind_catalog.c: what PostgreSQL's clients ask about objects, known when the statement is planned */
/* One of those functions: *done, or left to the function registry. */
bool bind_catalog_function(struct block *block, const char *name, const PgQuery__FuncCall *call, bool *done,
                           struct expr **expr) WR_MUST;
/* x::regclass, ::regtype, ::oid and their like: *done, or a type like others. */
bool bind_catalog_cast(struct block *block, const PgQuery__TypeCast *cast, bool *done, struct expr **expr) WR_MUST;
bool bind_is_current_schemas(const PgQuery__FuncCall *call);
bool bind_current_schemas(struct block *block, const PgQuery__FuncCall *call, struct expr ***items, size_t *n) WR_MUST;
/* (current_schemas(true))[1] */
bool bind_subscript(struct block *block, const PgQuery__AIndirection *node, struct expr **expr) WR_MUST;

/* ---- bind_returning.c: adds the columns of RETURNING behind the first `nwritten`, which alone stay of the others */
bool bind_returning(struct binder *binder, const struct returning *returning, struct plan **plan) WR_MUST;

#endif

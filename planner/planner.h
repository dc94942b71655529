/* From a parsed statement to a physical plan: bind -> passes -> physical.
 * The planner knows the catalog and the function registry, never state or executor. */
#ifndef WEIR_PLANNER_PLANNER_H
#define WEIR_PLANNER_PLANNER_H

#include "catalog/catalog.h"
#include "parser/parse.h"
#include "plan/plan.h"

/* Raised when a pass makes another choice of state: what is stored was planned by the choices of its time. */
#define PLANNER_VERSION 7

struct planner {
    struct wr_arena *arena;
    struct catalog *catalog;
    const struct io_settings *io;
    bool streaming; /* for a materialized view or sink: volatile functions and a final sort are refused / dropped */
    const char *disabled_passes; /* comma separated names, for tests */
    bool multi_worker;           /* insert exchanges */
    uint8_t version;             /* PLANNER_VERSION, or that of the stored object which is planned again */
    const struct object *stored; /* whose query is bound: its names mean its inputs. NULL: a session's text */
    int n_params;                /* $n parameters: types given (TYPE_UNKNOWN = infer) and, after binding, inferred */
    struct type *param_types;
    const char *(*setting)(void *session, const char *name); /* for current_setting(); NULL: there is no session */
    void *session;
    const char *text;     /* the whole text given by the user, for error positions */
    struct wr_buf *trace; /* EXPLAIN stages: NULL, or gets the plan after bind and after each pass that changed it */
    uint64_t transaction_now_us;
};

/* A query (SelectStmt node, VALUES and UNION ALL included) to a bound logical plan. Views are expanded in place. */
bool wr_plan_bind_query(struct planner *planner, const PgQuery__Node *query, struct plan **plan,
                        struct wr_error *err) WR_MUST;
/* Does it give no rows whatever it computes, as it reads a catalog that is always empty? Such queries need not be
 * bound: clients ask them in more SQL than there is. */
bool wr_plan_reads_nothing(const struct catalog *catalog, const PgQuery__SelectStmt *select);
/* The text of a stored query, parsed and bound. */
bool wr_plan_bind_text(struct planner *planner, const char *query, struct plan **plan, struct wr_error *err) WR_MUST;
/* Passes, properties, physical form (ids, states numbered). */
bool wr_plan_optimize(struct planner *planner, struct plan **plan, struct wr_error *err) WR_MUST;
/* Hash of the physical plan: changes when stored state would not fit any more. */
uint64_t wr_plan_hash(const struct plan *plan);

/* An expression over the columns of one relation (DEFAULTs with no columns, UPDATE ... SET, WHERE of DELETE). */
bool wr_plan_bind_expr(struct planner *planner, const PgQuery__Node *node, const struct object *relation,
                       struct type target, enum cast_context context, struct expr **expr, struct wr_error *err) WR_MUST;
/* INSERT: a plan whose output is the target's columns in table order (hidden column left out): defaults and casts
 * applied. Here and below: the columns of RETURNING are behind them. */
bool wr_plan_bind_insert(struct planner *planner, const PgQuery__InsertStmt *insert, const struct object **table,
                         struct plan **plan, struct wr_error *err) WR_MUST;
/* UPDATE: output = all old columns (hidden included) then all new columns (hidden left out). DELETE: all old columns.
 */
bool wr_plan_bind_update(struct planner *planner, const PgQuery__UpdateStmt *update, const struct object **table,
                         struct plan **plan, struct wr_error *err) WR_MUST;
bool wr_plan_bind_delete(struct planner *planner, const PgQuery__DeleteStmt *del, const struct object **table,
                         struct plan **plan, struct wr_error *err) WR_MUST;
/* One table of TRUNCATE: as DELETE of all its rows. */
bool wr_plan_bind_truncate(struct planner *planner, const PgQuery__RangeVar *name, const struct object **table,
                           struct plan **plan, struct wr_error *err) WR_MUST;
/* CREATE TABLE / SOURCE: columns, primary key, options, checked; definition/query/id left to the engine. */
bool wr_plan_bind_create_table(struct planner *planner, const struct statement *statement, struct object *object,
                               struct wr_error *err) WR_MUST;
/* Clauses the parser lifted out that no plan implements (EMIT ON WINDOW CLOSE, AS OF PROCTIME()): refused by name. Call
 * it before binding the query of a statement. */
bool wr_plan_check_statement(struct planner *planner, const struct statement *statement, struct wr_error *err) WR_MUST;
/* Relation name of a RangeVar; 42P01 with position if absent. */
bool wr_plan_relation(struct planner *planner, const PgQuery__RangeVar *name, const struct object **object,
                      struct wr_error *err) WR_MUST;
/* The name of a stored object's input as its query writes it; from the arena. */
const char *wr_plan_input_name(struct wr_arena *arena, const PgQuery__RangeVar *name);
/* What the name stands for in the stored query that is being bound; NULL: a session's text, or nothing of this name. */
const struct object_input *wr_plan_input(const struct planner *planner, const PgQuery__RangeVar *name);
/* Objects a plan scans, each once, in order. Returns how many; writes up to max. */
size_t wr_plan_relations(const struct plan *plan, uint32_t *ids, size_t max);
/* Replace EXPR_PARAM by constants, in place. values[i] for $i+1; a list's is what wr_array_of() reads. */
void wr_plan_set_params(struct wr_arena *arena, struct plan *plan, const struct datum *values, int n);
/* After wr_plan_set_params: evaluates LIMIT and OFFSET where they had parameters; they must not be negative (2201W,
 * 2201X). wr_plan_optimize calls it. */
bool wr_plan_set_bounds(struct planner *planner, struct plan *plan, struct wr_error *err) WR_MUST;

#endif

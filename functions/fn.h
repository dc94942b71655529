/* The function registry: one row per function, operator and cast; one vectorised kernel per row.
 *
 * To add a function: write its kernel in the fn_<family>.c that fits and add a row to that file's table: name,
 * argument types, result type, flags, kernel, doc, example. Overload resolution, EXPLAIN, \df, the reference page
 * docs/functions.md and the tests that compare every row with PostgreSQL read the row; nothing else changes.
 * Operators are rows named by their symbol ("+", "~~" is LIKE, "->>"), casts rows named "cast". */
#ifndef WEIR_FUNCTIONS_FN_H
#define WEIR_FUNCTIONS_FN_H

#include "functions/expr.h"
#include "types/text_io.h"

#define FN_ARGS_MAX 5

enum fn_flags {
    FN_STRICT = 1,           /* NULL in, NULL out: the kernel never sees rows with a NULL argument */
    FN_CAN_FAIL = 2,         /* may raise an evaluation error */
    FN_STABLE = 4,           /* depends on settings (TimeZone): fine in views, which store theirs */
    FN_VOLATILE = 8,         /* now(), random(): refused in views */
    FN_IMPLICIT_CAST = 16,   /* casts: usable implicitly */
    FN_ASSIGNMENT_CAST = 32, /* casts: usable in INSERT/UPDATE */
    FN_MONOTONE = 64,        /* non-decreasing in its first argument */
    FN_VARIADIC = 128,       /* last argument type repeats (concat) */
    FN_MAY_NULL = 256,       /* strict, yet may give NULL for arguments that are not (-> of a missing key) */
};

/* Evaluation errors of a batch: one per row and failing call, a row's in the order of evaluation. */
struct eval_error {
    uint32_t row;
    const struct expr *expr; /* the call that failed; NULL: not an expression's (an aggregate's result) */
    uint16_t column;         /* then: the output column */
    char sqlstate[6];
    char message[250];
};
struct eval_errors {
    struct wr_arena *arena;
    uint32_t n, cap;
    struct eval_error *items;
};

/* One vectorised call. Compute out for rows sel[0..nsel) (all rows 0..nrows if sel is NULL, then nsel = nrows).
 * Rows outside sel must not be touched. out has data for nrows rows; `out->nulls` is set up by the evaluator
 * for strict functions (NULL rows are not in sel); a kernel that yields NULLs itself calls fn_null(). */
struct fn_call {
    struct wr_arena *arena;
    uint32_t nrows, nsel;
    const uint32_t *sel;
    const struct column *args;
    uint16_t nargs;
    struct column *out;
    struct eval_errors *errors;
    const struct io_settings *io;
    int64_t now_us; /* timestamp of the statement or epoch */
    const struct expr *expr;
    void *cache; /* what prepare() returned */
};

typedef void (*fn_kernel)(struct fn_call *call);

struct fn {
    const char *name; /* lower case */
    uint8_t result;   /* enum type_id */
    uint8_t nargs;
    uint8_t args[FN_ARGS_MAX]; /* enum type_id; TYPE_UNKNOWN = any */
    uint16_t flags;
    fn_kernel kernel;
    const char *doc;     /* one sentence */
    const char *example; /* SQL whose result is `example_result` (checked against PostgreSQL) */
    const char *example_result;
    /* Optional: once per compiled expression, e.g. a LIKE pattern or regex from a constant argument. */
    void *(*prepare)(const struct expr *expr);
    void (*unprepare)(void *cache);
};

#define FN_EACH(call, i) \
    for (uint32_t fn_k = 0, i; fn_k < (call)->nsel && ((i = (call)->sel ? (call)->sel[fn_k] : fn_k), true); fn_k++)

void fn_null(struct fn_call *call, uint32_t row); /* out[row] = NULL */
/* out[row] = NULL and an error is recorded. */
void fn_fail(struct fn_call *call, uint32_t row, const char *sqlstate, const char *fmt, ...) WR_PRINTF(4, 5);
void wr_eval_error_add(struct eval_errors *errors, uint32_t row, const char *sqlstate, const char *fmt, ...)
    WR_PRINTF(4, 5);

/* ---- resolution (PostgreSQL's rules: exact match, implicit casts, unknown literals, preferred types) */

/* Finds the function for the name and argument types (TYPE_UNKNOWN = untyped literal or parameter). casts[i] is the
 * type argument i must be cast to. NULL: none (42883) or several equally good (42725); err filled in PostgreSQL's
 * words: "function f(integer) does not exist" / "operator does not exist: integer + text", with its hint. */
const struct fn *wr_fn_resolve(const char *name, bool is_operator, const struct type *args, uint16_t nargs,
                               struct type *casts, struct wr_error *err);
/* known_functions.c: is it one of PostgreSQL's that is not there yet? */
bool wr_fn_is_missing(const char *name);
/* Of a function that is there: a form of it for these arguments that is not, and that PostgreSQL would take. */
bool wr_fn_is_missing_form(const char *name, const struct type *args, uint16_t nargs);
bool wr_fn_is_missing_aggregate(const char *name);
bool wr_fn_is_missing_operator(const char *name, const struct type *args, uint16_t nargs);
enum cast_context { CAST_IMPLICIT, CAST_ASSIGNMENT, CAST_EXPLICIT };
/* The cast function between two types, NULL if there is none in this context. Same type: NULL and *same = true
 * (typmod coercion numeric -> numeric(p,s) is a cast of its own: returned when `to` has a typmod that differs). */
const struct fn *wr_fn_cast(struct type from, struct type to, enum cast_context context, bool *same);
/* The type UNION/CASE/COALESCE/VALUES/IN give to these (PostgreSQL's select_common_type); false: 42804. `what` for
 * the message, e.g. "CASE". */
bool wr_common_type(const struct type *types, uint32_t n, const char *what, struct type *out,
                    struct wr_error *err) WR_MUST;
/* Typmod of a call's result: numeric casts keep theirs, else none. */
struct type wr_fn_result_type(const struct fn *fn, const struct type *args, uint16_t nargs);
/* Do this call's constant arguments rule out that it fails, though its function can? */
bool wr_fn_is_total(const struct expr *call);
/* All rows, for documentation and \df. */
const struct fn *wr_fn_list(size_t index); /* NULL past the end */

/* Not in the registry: what the binder makes of questions about objects (planner/bind_catalog.c). The second argument
 * of the first two is a constant directory, "<number>\x1f<name>\x1e" for each object. */
#define WR_DIRECTORY_NAME '\x1f'
#define WR_DIRECTORY_END  '\x1e'
extern const struct fn wr_fn_name_of; /* (bigint, directory): text or NULL */
extern const struct fn wr_fn_oid_of;  /* (text, directory): bigint or NULL */
extern const struct fn wr_fn_listed;  /* (text, text): is it among '1 2' or '{1,2}'? */
extern const struct fn wr_fn_int2;    /* of a session's x::smallint: there is no such type, its range is kept */
extern const struct fn wr_fn_one_row; /* (bigint): true; fails if a scalar subquery has more than one row */
extern const struct fn wr_fn_format_type, wr_fn_first_text, wr_fn_join_items, wr_fn_remove_item;

/* ---- evaluation */

struct evaluator;
/* Compile n expressions over an input of these column types. Constants are folded, common subexpressions evaluated
 * once. Expressions must outlive the evaluator. io is copied. */
struct evaluator *wr_evaluator_new(struct expr *const *exprs, uint16_t n, const struct io_settings *io);
void wr_evaluator_free(struct evaluator *evaluator);
/* Evaluate all expressions for rows sel[0..nsel) (sel NULL: all) of the batch; outs[k] has batch->nrows slots of
 * which only the selected ones are defined. An EXPR_COLUMN yields the input column itself (no copy). Failed rows
 * are NULL and in errors, once per call that failed; errors come ordered by row. Allocates from the arena. Thread-safe:
 * one evaluator may be used by one thread at a time. */
void wr_evaluate(struct evaluator *evaluator, struct wr_arena *arena, const struct batch *batch, const uint32_t *sel,
                 uint32_t nsel, struct column *outs, struct eval_errors *errors);
/* One boolean expression as a filter: writes the rows that are TRUE to out_sel (room for nsel) and returns how many. */
uint32_t wr_evaluate_filter(struct evaluator *evaluator, struct wr_arena *arena, const struct batch *batch,
                            const uint32_t *sel, uint32_t nsel, uint32_t *out_sel, struct eval_errors *errors);
void wr_evaluator_now(struct evaluator *evaluator, int64_t now_us);
/* One constant expression; an evaluation error becomes err. */
bool wr_evaluate_const(struct wr_arena *arena, struct expr *expr, const struct io_settings *io, int64_t now_us,
                       struct datum *out, struct wr_error *err) WR_MUST;

#endif

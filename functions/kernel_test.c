/* Every kernel over whole batches, with NULLs, with and without a selection, against the same function on one row at a
 * time: values, NULLs and errors must agree. */
#include "functions/test_build.h"
#include "functions/test_values.h"

#define ROWS  120
#define EXTRA 2 /* more arguments than declared, for variadic functions */

struct input {
    struct build b;
    const struct fn *fn;
    uint16_t nargs;
    struct batch *batch;
};

static void fill_column(struct input *in, uint16_t arg, uint8_t type)
{
    static const struct io_settings io = {NULL};
    const struct values *list = values_for(in->fn, arg, type);
    in->batch->cols[arg] = wr_column_new(&in->b.arena, TYPE(type), ROWS);
    for (uint32_t row = 0; row < ROWS; row++) {
        const char *text = list->items[random_below((uint32_t)list->n)];
        struct datum value = {.type = TYPE(type), .null = true};
        bool null = random_below(8) == 0;
        if (!null && !wr_value_in(&in->b.arena, TYPE(type), text, strlen(text), &io, &value, &in->b.err))
            value = (struct datum){.type = TYPE(type), .null = true};
        wr_column_set(&in->b.arena, &in->batch->cols[arg], row, ROWS, &value);
    }
}

static void make_input(struct input *in, const struct fn *fn)
{
    wr_arena_init(&in->b.arena, NULL);
    in->fn = fn;
    in->nargs = (uint16_t)(fn->nargs + ((fn->flags & FN_VARIADIC) ? EXTRA : 0));
    in->batch = wr_batch_new(&in->b.arena, NULL, 0, ROWS);
    in->batch->ncols = in->nargs;
    in->batch->cols = WR_NEW_ARRAY(&in->b.arena, struct column, WR_MAX(in->nargs, 1));
    for (uint16_t i = 0; i < in->nargs; i++) {
        uint8_t type = fn->args[WR_MIN(i, fn->nargs - 1)];
        fill_column(in, i, type == TYPE_UNKNOWN ? TYPE_NUMERIC : type);
    }
}

/* The call on columns, or on the constants of one row. */
static struct expr *make_call(struct input *in, int32_t row)
{
    struct expr **args = WR_NEW_ARRAY(&in->b.arena, struct expr *, WR_MAX(in->nargs, 1));
    for (uint16_t i = 0; i < in->nargs; i++) {
        struct datum value;
        if (row < 0) {
            args[i] = wr_expr_column(&in->b.arena, i, in->batch->cols[i].type, true);
            continue;
        }
        value = wr_column_get(&in->batch->cols[i], (uint32_t)row);
        args[i] = wr_expr_const(&in->b.arena, &value);
    }
    return wr_expr_call(&in->b.arena, in->fn, TYPE(in->fn->result), args, in->nargs);
}

static const struct eval_error *error_of(const struct eval_errors *errors, uint32_t row)
{
    for (uint32_t e = 0; e < errors->n; e++)
        if (errors->items[e].row == row)
            return &errors->items[e];
    return NULL;
}

static bool row_agrees(struct input *in, const struct column *out, const struct eval_errors *errors, uint32_t row)
{
    struct datum alone, together = wr_column_get(out, row);
    const struct eval_error *error = error_of(errors, row);
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_evaluate_const(&in->b.arena, make_call(in, (int32_t)row), NULL, 0, &alone, &err))
        return error && together.null && !strcmp(error->sqlstate, err.sqlstate) && !strcmp(error->message, err.message);
    if (error || alone.null != together.null)
        return false;
    return alone.null || wr_expr_equal(wr_expr_const(&in->b.arena, &alone), wr_expr_const(&in->b.arena, &together));
}

static void check_rows(struct input *in, const uint32_t *sel, uint32_t nsel)
{
    struct expr *expr = make_call(in, -1);
    struct evaluator *ev = wr_evaluator_new(&expr, 1, NULL);
    struct eval_errors errors = {.arena = &in->b.arena};
    struct column out;
    bool agrees = true;
    wr_evaluate(ev, &in->b.arena, in->batch, sel, nsel, &out, &errors);
    for (uint32_t k = 0; k < nsel && agrees; k++)
        agrees = row_agrees(in, &out, &errors, sel ? sel[k] : k);
    if (!agrees)
        fprintf(stderr, "%s(%s ...) differs\n", in->fn->name, wr_type_info(in->fn->args[0])->internal);
    CHECK(agrees);
    wr_evaluator_free(ev);
}

static void check_fn(const struct fn *fn)
{
    struct input in = {.b.err = WR_ERROR_INIT};
    uint32_t sel[ROWS], n = 0;
    make_input(&in, fn);
    for (uint32_t row = 0; row < ROWS; row++)
        if (random_below(3) == 0)
            sel[n++] = row;
    check_rows(&in, NULL, ROWS);
    check_rows(&in, sel, n);
    check_rows(&in, sel, 0);
    for (uint16_t i = 0; i < in.nargs; i++) /* NULL slots are defined, so all rows can be read as values */
        if (wr_type_info(in.batch->cols[i].type.id)->phys != PHYS_STR)
            in.batch->cols[i].nulls = NULL;
    check_rows(&in, NULL, ROWS);
    wr_arena_reset(&in.b.arena);
}

int main(void)
{
    for (size_t k = 0; wr_fn_list(k); k++)
        check_fn(wr_fn_list(k));
    return check_report("kernel_test");
}

/* Expressions as SQL-like text for EXPLAIN: every operator in parentheses except at the top, casts as ::type. */

#include "functions/fn.h"

#include "base/ascii.h"

struct printer {
    struct wr_buf *buf;
    const char *const *names;
};

static void print_expr(struct printer *p, const struct expr *expr, bool nested);

static void print_const(struct printer *p, const struct datum *value)
{
    uint8_t id = value->type.id;
    if (value->null) {
        wr_buf_puts(p->buf, "NULL");
        return;
    }
    if (id == TYPE_BOOL) {
        wr_buf_puts(p->buf, value->b ? "true" : "false");
        return;
    }
    bool number = wr_type_info(id)->category == 'N';
    struct wr_buf text = WR_BUF_INIT;
    wr_value_out(&text, value, &(struct io_settings){NULL});
    if (!number)
        wr_buf_byte(p->buf, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\'' && !number)
            wr_buf_byte(p->buf, '\'');
        wr_buf_byte(p->buf, (uint8_t)text.data[i]);
    }
    if (!number)
        wr_buf_byte(p->buf, '\'');
    if (!number && id != TYPE_TEXT && id != TYPE_UNKNOWN)
        wr_buf_printf(p->buf, "::%s", wr_type_info(id)->name);
    wr_buf_free(&text);
}

static void print_list(struct printer *p, const struct expr *expr, const char *separator, bool nested)
{
    for (uint16_t i = 0; i < expr->nargs; i++) {
        if (i)
            wr_buf_puts(p->buf, separator);
        print_expr(p, expr->args[i], nested);
    }
}

static void print_call(struct printer *p, const struct expr *expr, bool nested)
{
    const char *name = expr->fn->name;
    if (!strncmp(name, "cast", 4)) {
        char type[64];
        print_expr(p, expr->args[0], true);
        wr_buf_printf(p->buf, "::%s", wr_type_name(expr->type, type, sizeof(type)));
        return;
    }
    if (wr_is_alpha(name[0]) || name[0] == '_') {
        wr_buf_printf(p->buf, "%s(", name);
        print_list(p, expr, ", ", false);
        wr_buf_byte(p->buf, ')');
        return;
    }
    if (nested)
        wr_buf_byte(p->buf, '(');
    if (expr->nargs == 1) {
        wr_buf_puts(p->buf, name);
        print_expr(p, expr->args[0], true);
    } else {
        print_expr(p, expr->args[0], true);
        wr_buf_printf(p->buf, " %s ", name);
        print_expr(p, expr->args[1], true);
    }
    if (nested)
        wr_buf_byte(p->buf, ')');
}

static void print_case(struct printer *p, const struct expr *expr)
{
    wr_buf_puts(p->buf, "CASE");
    for (uint16_t i = 0; i + 1 < expr->nargs; i += 2) {
        wr_buf_puts(p->buf, " WHEN ");
        print_expr(p, expr->args[i], false);
        wr_buf_puts(p->buf, " THEN ");
        print_expr(p, expr->args[i + 1], false);
    }
    if (expr->nargs % 2) {
        wr_buf_puts(p->buf, " ELSE ");
        print_expr(p, expr->args[expr->nargs - 1], false);
    }
    wr_buf_puts(p->buf, " END");
}

/* The kinds written around their arguments: NOT, IS ..., IN. */
static void print_test(struct printer *p, const struct expr *expr)
{
    const char *is = expr->negated ? " IS NOT " : " IS ";
    if (expr->kind == EXPR_NOT)
        wr_buf_puts(p->buf, "NOT ");
    print_expr(p, expr->args[0], true);
    if (expr->kind == EXPR_IS_NULL) {
        wr_buf_printf(p->buf, "%sNULL", is);
    } else if (expr->kind == EXPR_IS_BOOL) {
        const char *test = expr->bool_test == 't' ? "TRUE" : expr->bool_test == 'f' ? "FALSE" : "UNKNOWN";
        wr_buf_printf(p->buf, "%s%s", is, test);
    } else if (expr->kind == EXPR_IS_DISTINCT) {
        wr_buf_printf(p->buf, "%sDISTINCT FROM ", is);
        print_expr(p, expr->args[1], true);
    } else if (expr->kind == EXPR_IN_LIST) {
        wr_buf_puts(p->buf, expr->negated ? " NOT IN (" : " IN (");
        for (uint32_t i = 0; i < expr->nitems; i++) {
            wr_buf_puts(p->buf, i ? ", " : "");
            print_const(p, &expr->items[i]);
        }
        wr_buf_byte(p->buf, ')');
    }
}

static void print_column(struct printer *p, const struct expr *expr)
{
    if (p->names && p->names[expr->column])
        wr_buf_puts(p->buf, p->names[expr->column]);
    else
        wr_buf_printf(p->buf, "$%u", expr->column);
}

static void print_expr(struct printer *p, const struct expr *expr, bool nested)
{
    bool parens = nested && (expr->kind == EXPR_AND || expr->kind == EXPR_OR || expr->kind == EXPR_NOT ||
                             (expr->kind >= EXPR_IS_NULL && expr->kind <= EXPR_IN_LIST));
    if (parens)
        wr_buf_byte(p->buf, '(');
    switch ((enum expr_kind)expr->kind) {
    case EXPR_COLUMN:
        print_column(p, expr);
        break;
    case EXPR_CONST:
        print_const(p, &expr->value);
        break;
    case EXPR_PARAM:
        wr_buf_printf(p->buf, "$%u", expr->param);
        break;
    case EXPR_CALL:
        print_call(p, expr, nested);
        break;
    case EXPR_AND:
    case EXPR_OR:
        print_list(p, expr, expr->kind == EXPR_AND ? " AND " : " OR ", true);
        break;
    case EXPR_CASE:
        print_case(p, expr);
        break;
    case EXPR_COALESCE:
        wr_buf_puts(p->buf, "COALESCE(");
        print_list(p, expr, ", ", false);
        wr_buf_byte(p->buf, ')');
        break;
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_IS_BOOL:
    case EXPR_IS_DISTINCT:
    case EXPR_IN_LIST:
        print_test(p, expr);
        break;
    }
    if (parens)
        wr_buf_byte(p->buf, ')');
}

void wr_expr_print(struct wr_buf *buf, const struct expr *expr, const char *const *names)
{
    print_expr(&(struct printer){buf, names}, expr, false);
}

/* Inside of functions/: the families of rows, and lookup by name. */
#ifndef WEIR_FUNCTIONS_REGISTRY_H
#define WEIR_FUNCTIONS_REGISTRY_H

#include "functions/fn.h"

/* One family: the rows of one fn_*.c. */
struct fn_family {
    const struct fn *rows;
    size_t n;
};

extern const struct fn_family wr_fn_compare_family;
extern const struct fn_family wr_fn_greatest_family;
extern const struct fn_family wr_fn_int_family;
extern const struct fn_family wr_fn_float_family;
extern const struct fn_family wr_fn_numeric_family;
extern const struct fn_family wr_fn_numeric_math_family;
extern const struct fn_family wr_fn_cast_family;
extern const struct fn_family wr_fn_cast_numeric_family;
extern const struct fn_family wr_fn_cast_text_family;
extern const struct fn_family wr_fn_text_family;
extern const struct fn_family wr_fn_text_edit_family;
extern const struct fn_family wr_fn_text_case_family;
extern const struct fn_family wr_fn_bytes_family;
extern const struct fn_family wr_fn_like_family;
extern const struct fn_family wr_fn_regex_family;
extern const struct fn_family wr_fn_jsonb_family;
extern const struct fn_family wr_fn_cast_datetime_family;
extern const struct fn_family wr_fn_date_family;
extern const struct fn_family wr_fn_date_part_family;
extern const struct fn_family wr_fn_to_char_family;
extern const struct fn_family wr_fn_session_family;
extern const struct fn_family wr_fn_catalog_family;

/* wr_fn_is_total() for calls of a family's functions. */
bool wr_fn_int_is_total(const struct expr *call);
bool wr_fn_like_is_total(const struct expr *call);
bool wr_fn_date_part_is_total(const struct expr *call);

/* First row of this name, then the next; NULL at the end. Rows come in registry order. */
const struct fn *wr_fn_first(const char *name);
const struct fn *wr_fn_next(const struct fn *fn);

#endif

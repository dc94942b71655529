/* All families of rows in one place, and a hash from name to rows, built once. */
#include "functions/registry.h"

#include <pthread.h>

static const struct fn_family *const families[] = {
    &wr_fn_compare_family,   &wr_fn_greatest_family,     &wr_fn_int_family,       &wr_fn_float_family,
    &wr_fn_numeric_family,   &wr_fn_numeric_math_family, &wr_fn_cast_family,      &wr_fn_cast_numeric_family,
    &wr_fn_cast_text_family, &wr_fn_text_family,         &wr_fn_text_edit_family, &wr_fn_text_case_family,
    &wr_fn_like_family,      &wr_fn_regex_family,        &wr_fn_jsonb_family,     &wr_fn_cast_datetime_family,
    &wr_fn_date_family,      &wr_fn_date_part_family,    &wr_fn_to_char_family,   &wr_fn_session_family,
    &wr_fn_catalog_family,   &wr_fn_bytes_family,
};

#define SLOTS    2048 /* power of two, well above the number of names */
#define ROWS_MAX 1024

/* Once-initialised: row k of the registry, the next row of its name, and the open hash of first rows. */
static const struct fn *rows[ROWS_MAX];
static uint16_t next_row[ROWS_MAX]; /* + 1; 0 = last */
static uint16_t slots[SLOTS];       /* + 1; 0 = free */
static size_t nrows;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t hash_name(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash ^ hash >> 15;
}

static uint16_t *find_slot(const char *name)
{
    uint32_t at = hash_name(name) & (SLOTS - 1);
    while (slots[at] && strcmp(rows[slots[at] - 1]->name, name))
        at = (at + 1) & (SLOTS - 1);
    return &slots[at];
}

static void append_row(const struct fn *fn)
{
    uint16_t *slot = find_slot(fn->name);
    if (nrows == ROWS_MAX)
        __builtin_trap(); /* a bug that the first test run shows */
    rows[nrows++] = fn;
    if (!*slot) {
        *slot = (uint16_t)nrows;
        return;
    }
    uint16_t last = *slot;
    while (next_row[last - 1])
        last = next_row[last - 1];
    next_row[last - 1] = (uint16_t)nrows;
}

static void build(void)
{
    for (size_t f = 0; f < WR_COUNT(families); f++)
        for (size_t i = 0; i < families[f]->n; i++)
            append_row(&families[f]->rows[i]);
}

const struct fn *wr_fn_list(size_t index)
{
    pthread_once(&once, build);
    return index < nrows ? rows[index] : NULL;
}

static size_t row_number(const struct fn *fn)
{
    size_t base = 0;
    for (size_t f = 0; f < WR_COUNT(families); f++) {
        if (fn >= families[f]->rows && fn < families[f]->rows + families[f]->n)
            return base + (size_t)(fn - families[f]->rows);
        base += families[f]->n;
    }
    return nrows;
}

bool wr_fn_is_total(const struct expr *call)
{
    static const struct {
        const struct fn_family *family;
        bool (*is_total)(const struct expr *call);
    } known[] = {
        {&wr_fn_int_family, wr_fn_int_is_total},
        {&wr_fn_like_family, wr_fn_like_is_total},
        {&wr_fn_date_part_family, wr_fn_date_part_is_total},
    };
    for (size_t i = 0; i < WR_COUNT(known); i++)
        if (call->fn >= known[i].family->rows && call->fn < known[i].family->rows + known[i].family->n)
            return known[i].is_total(call);
    return false;
}

const struct fn *wr_fn_first(const char *name)
{
    pthread_once(&once, build);
    uint16_t row = *find_slot(name);
    return row ? rows[row - 1] : NULL;
}

const struct fn *wr_fn_next(const struct fn *fn)
{
    uint16_t row = next_row[row_number(fn)];
    return row ? rows[row - 1] : NULL;
}

/* x IN (constants): short lists by comparing the whole column with each item, long lists by a hash table.
 * Only for types whose equality is equality of bytes; other types are compiled as a chain of equalities. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "functions/evaluator.h"

#define SHORT_LIST 6

struct in_set {
    uint8_t phys;
    bool has_null;
    uint32_t n;        /* distinct items, NULLs left out */
    int64_t *numbers;  /* flat types, widened */
    struct str *texts; /* PHYS_STR */
    uint32_t mask;
    uint32_t *slots; /* item + 1; 0 = free */
};

static inline uint32_t hash_number(int64_t value)
{
    uint64_t hash = (uint64_t)value * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(hash >> 32);
}

static inline uint32_t hash_text(struct str text)
{
    return (uint32_t)XXH3_64bits(text.data, text.len);
}

static inline bool has_number(const struct in_set *set, int64_t value)
{
    for (uint32_t at = hash_number(value) & set->mask; set->slots[at]; at = (at + 1) & set->mask)
        if (set->numbers[set->slots[at] - 1] == value)
            return true;
    return false;
}

static inline bool has_text(const struct in_set *set, struct str value)
{
    for (uint32_t at = hash_text(value) & set->mask; set->slots[at]; at = (at + 1) & set->mask)
        if (wr_str_eq(set->texts[set->slots[at] - 1], value))
            return true;
    return false;
}

static void add_item(struct in_set *set, const struct datum *item)
{
    uint32_t hash;
    if (set->phys == PHYS_STR) {
        if (has_text(set, item->str))
            return;
        hash = hash_text(item->str);
        set->texts[set->n] = item->str;
    } else {
        int64_t value = set->phys == PHYS_I32 ? item->i32 : item->i64;
        if (has_number(set, value))
            return;
        hash = hash_number(value);
        set->numbers[set->n] = value;
    }
    uint32_t at = hash & set->mask;
    while (set->slots[at])
        at = (at + 1) & set->mask;
    set->slots[at] = ++set->n;
}

/* NULL: the types do not allow it. */
struct in_set *wr_in_set_new(struct wr_arena *arena, const struct expr *expr, const struct datum *items, uint16_t n)
{
    uint8_t id = expr->args[0]->type.id;
    const struct type_info *info = wr_type_info(id);
    bool fits = info->equality_is_identity && id != TYPE_BOOL && expr->fn->args[0] == id && expr->fn->args[1] == id;
    for (uint16_t i = 0; i < n; i++)
        fits = fits && items[i].type.id == id;
    if (!fits)
        return NULL;
    struct in_set *set = WR_NEW(arena, struct in_set);
    uint32_t size = 16;
    while (size < 4u * n)
        size *= 2;
    set->phys = info->phys;
    set->mask = size - 1;
    set->slots = WR_NEW_ARRAY(arena, uint32_t, size);
    set->numbers = WR_NEW_ARRAY(arena, int64_t, WR_MAX(n, 1));
    set->texts = WR_NEW_ARRAY(arena, struct str, WR_MAX(n, 1));
    for (uint16_t i = 0; i < n; i++) {
        set->has_null |= items[i].null;
        if (!items[i].null)
            add_item(set, &items[i]);
    }
    return set;
}

#define DEFINE_SHORT(name, ctype, field)                                                                    \
    static void name(const struct in_set *set, const struct column *arg, uint8_t *restrict out, uint32_t n) \
    {                                                                                                       \
        memset(out, 0, n);                                                                                  \
        for (uint32_t k = 0; k < set->n; k++) {                                                             \
            ctype item = (ctype)set->numbers[k];                                                            \
            const ctype *restrict value = arg->field;                                                       \
            for (uint32_t i = 0; i < n; i++)                                                                \
                out[i] |= value[i] == item;                                                                 \
        }                                                                                                   \
    }
DEFINE_SHORT(short_i32, int32_t, i32)
DEFINE_SHORT(short_i64, int64_t, i64)

static void probe(const struct in_set *set, const struct column *arg, uint8_t *out, const uint32_t *sel, uint32_t nsel)
{
    for (uint32_t k = 0; k < nsel; k++) {
        uint32_t i = sel ? sel[k] : k;
        if (wr_is_null(arg, i))
            out[i] = 0;
        else if (set->phys == PHYS_STR)
            out[i] = has_text(set, arg->str[i]);
        else
            out[i] = has_number(set, set->phys == PHYS_I32 ? arg->i32[i] : arg->i64[i]);
    }
}

/* NULL IN (...) is NULL; a miss in a list with a NULL is NULL. */
void wr_eval_in(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    const struct in_set *set = step->set;
    const struct column *arg = &ev->regs[step->args[0].reg];
    struct column *out = &ev->regs[step->out];
    *out = wr_column_new(ev->run_arena, TYPE(TYPE_BOOL), ev->batch->nrows);
    if (!sel && set->phys == PHYS_I32 && set->n <= SHORT_LIST)
        short_i32(set, arg, out->b, nsel);
    else if (!sel && set->phys == PHYS_I64 && set->n <= SHORT_LIST)
        short_i64(set, arg, out->b, nsel);
    else
        probe(set, arg, out->b, sel, nsel);
    if (arg->nulls || set->has_null) {
        uint8_t *nulls = wr_column_nulls(ev->run_arena, out, ev->batch->nrows);
        for (uint32_t k = 0; k < nsel; k++) {
            uint32_t i = sel ? sel[k] : k;
            nulls[i] = wr_is_null(arg, i) || (set->has_null && !out->b[i]);
        }
    }
    for (uint32_t k = 0; step->expr->negated && k < nsel; k++) {
        uint32_t i = sel ? sel[k] : k;
        out->b[i] = !out->b[i];
    }
}

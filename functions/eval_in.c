/* x IN (constants): short lists by comparing the whole column with each item, long lists by a hash table. Types whose
 * equality is not that of their bytes are looked up by their normalised keys (types/key.h). */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "functions/evaluator.h"
#include "types/key.h"

#define SHORT_LIST 6

struct in_set {
    uint8_t phys;
    bool keyed; /* `texts` are normalised keys */
    bool has_null;
    uint32_t n;        /* distinct items, NULLs left out */
    int64_t *numbers;  /* flat types, widened; NULL: `texts` */
    struct str *texts; /* PHYS_STR, or keys */
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

/* The slot for a new item with this hash. */
static void take_slot(struct in_set *set, uint32_t hash)
{
    uint32_t at = hash & set->mask;
    while (set->slots[at])
        at = (at + 1) & set->mask;
    set->slots[at] = ++set->n;
}

static void add_text(struct in_set *set, struct str text)
{
    if (has_text(set, text))
        return;
    set->texts[set->n] = text;
    take_slot(set, hash_text(text));
}

static void add_number(struct in_set *set, int64_t value)
{
    if (has_number(set, value))
        return;
    set->numbers[set->n] = value;
    take_slot(set, hash_number(value));
}

static struct str key_of(struct wr_arena *arena, const struct datum *item)
{
    struct wr_buf key = WR_BUF_INIT;
    wr_key_put(&key, item, false, false);
    struct str text = wr_str(wr_arena_strndup(arena, key.data, key.len), key.len);
    wr_buf_free(&key);
    return text;
}

static void add_item(struct wr_arena *arena, struct in_set *set, const struct datum *item)
{
    if (item->null)
        set->has_null = true;
    else if (set->keyed)
        add_text(set, key_of(arena, item));
    else if (set->phys == PHYS_STR)
        add_text(set, item->str);
    else
        add_number(set, set->phys == PHYS_I32 ? item->i32 : item->i64);
}

struct in_set *wr_in_set_new(struct wr_arena *arena, const struct expr *expr)
{
    uint8_t id = expr->args[0]->type.id;
    const struct type_info *info = wr_type_info(id);
    struct in_set *set = WR_NEW(arena, struct in_set);
    uint32_t size = 16;
    while (size / 2 < expr->nitems)
        size *= 2;
    set->phys = info->phys;
    set->keyed = !info->equality_is_identity || id == TYPE_BOOL;
    set->mask = size - 1;
    set->slots = WR_NEW_ARRAY(arena, uint32_t, size);
    if (set->keyed || set->phys == PHYS_STR)
        set->texts = WR_NEW_ARRAY(arena, struct str, WR_MAX(expr->nitems, 1));
    else
        set->numbers = WR_NEW_ARRAY(arena, int64_t, WR_MAX(expr->nitems, 1));
    for (uint32_t i = 0; i < expr->nitems; i++)
        add_item(arena, set, &expr->items[i]);
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

/* By their keys; of the rows asked for alone, what others hold may be anything. */
static void probe_keys(struct evaluator *ev, const struct in_set *set, const struct column *arg, uint8_t *out,
                       const uint32_t *sel, uint32_t nsel)
{
    struct column asked = sel ? wr_column_gather(ev->run_arena, arg, sel, nsel) : *arg;
    const struct batch batch = {.nrows = nsel, .ncols = 1, .cols = &asked};
    const struct key_column column = {0};
    struct keys keys;
    wr_keys_encode(ev->run_arena, &batch, &column, 1, 1, &keys);
    for (uint32_t k = 0; k < nsel; k++) { /* without the shard */
        struct str key = wr_str(wr_key_at(&keys, k) + 1, wr_key_len(&keys, k) - 1u);
        out[sel ? sel[k] : k] = !keys.has_null[k] && has_text(set, key);
    }
}

/* NULL IN (...) is NULL; a miss in a list with a NULL is NULL. */
void wr_eval_in(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    const struct in_set *set = step->set;
    const struct column *arg = &ev->regs[step->args[0].reg];
    struct column *out = &ev->regs[step->out];
    *out = wr_column_new(ev->run_arena, TYPE(TYPE_BOOL), ev->batch->nrows);
    if (set->keyed)
        probe_keys(ev, set, arg, out->b, sel, nsel);
    else if (!sel && set->phys == PHYS_I32 && set->n <= SHORT_LIST)
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

/* All aggregates in one list, and which one an argument type gets. */
#include "functions/agg_rows.h"
#include "functions/resolve.h"

static const struct agg_family *const families[] = {
    &wr_agg_count_family,     &wr_agg_bool_family,        &wr_agg_bits_family,    &wr_agg_sum_int_family,
    &wr_agg_sum_float_family, &wr_agg_sum_numeric_family, &wr_agg_extreme_family,
};

const struct agg *wr_agg_list(size_t index)
{
    for (size_t f = 0; f < WR_COUNT(families); f++) {
        if (index < families[f]->n)
            return &families[f]->rows[index];
        index -= families[f]->n;
    }
    return NULL;
}

bool wr_agg_exists(const char *name)
{
    for (size_t k = 0; wr_agg_list(k); k++)
        if (!strcmp(wr_agg_list(k)->name, name))
            return true;
    return false;
}

static const struct agg *find_exact(const char *name, uint8_t arg)
{
    for (size_t k = 0; wr_agg_list(k); k++) {
        const struct agg *agg = wr_agg_list(k);
        if (agg->nargs == 1 && !strcmp(agg->name, name) && agg->arg == arg)
            return agg;
    }
    return NULL;
}

static const struct agg *find_no_argument(const char *name)
{
    for (size_t k = 0; wr_agg_list(k); k++)
        if (wr_agg_list(k)->nargs == 0 && !strcmp(wr_agg_list(k)->name, name))
            return wr_agg_list(k);
    return NULL;
}

/* The only aggregates reached by an implicit cast take the preferred type of the argument's category, or text for an
 * untyped literal; count takes anything. */
static const struct agg *find_coerced(const char *name, uint8_t arg)
{
    const struct agg *found = find_exact(name, TYPE_UNKNOWN);
    if (found)
        return found;
    if (arg == TYPE_UNKNOWN)
        return find_exact(name, TYPE_TEXT);
    for (size_t k = 0; wr_agg_list(k); k++) {
        const struct agg *agg = wr_agg_list(k);
        if (agg->nargs == 1 && !strcmp(agg->name, name) && wr_type_info(agg->arg)->preferred &&
            wr_can_coerce(arg, agg->arg))
            return agg;
    }
    return NULL;
}

const struct agg *wr_agg_resolve(const char *name, const struct type *args, uint16_t nargs, struct type *cast_to,
                                 struct wr_error *err)
{
    const struct agg *found = nargs == 0 ? find_no_argument(name) : NULL;
    if (nargs == 1) {
        uint8_t id = args[0].id;
        found = id == TYPE_UNKNOWN ? NULL : find_exact(name, id);
        if (!found)
            found = find_coerced(name, id);
        if (found)
            *cast_to = found->arg == TYPE_UNKNOWN || found->arg == id ? args[0] : TYPE(found->arg);
        if (found && cast_to->id == TYPE_UNKNOWN)
            *cast_to = TYPE(TYPE_TEXT);
    }
    if (found)
        return found;
    struct wr_buf list = WR_BUF_INIT;
    wr_type_list(&list, args, nargs);
    wr_fail(err, ERR_UNDEFINED_FUNCTION, "function %s(%s) does not exist", name, wr_buf_cstr(&list));
    wr_fail_hint(err, "No function matches the given name and argument types. You might need to add explicit type "
                      "casts.");
    wr_buf_free(&list);
    return NULL;
}

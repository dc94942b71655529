/* Which casts exist, and the common type of several expressions: PostgreSQL's rules over the registry's "cast" rows.
 *
 * Casts to text that must respect varchar(n) come in two rows: "cast" cuts the text silently (an explicit cast), and
 * "cast_assign" fails with 22001 (an assignment). All other casts have one row for every context. */
#include <pthread.h>

#include "functions/registry.h"
#include "functions/resolve.h"

/* Once-initialised: casts[from][to]; [1] is the assignment form of casts to text. */
static const struct fn *casts[2][TYPE_COUNT][TYPE_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(const char *name, int form)
{
    for (const struct fn *fn = wr_fn_first(name); fn; fn = wr_fn_next(fn))
        casts[form][fn->args[0]][fn->result] = fn;
}

static void build(void)
{
    fill("cast", 0);
    fill("cast_assign", 1);
}

static bool allowed(const struct fn *fn, enum cast_context context)
{
    if (context == CAST_EXPLICIT || (fn->flags & FN_IMPLICIT_CAST))
        return true;
    return context == CAST_ASSIGNMENT && (fn->flags & FN_ASSIGNMENT_CAST);
}

/* Does the value have to be fitted to `to`'s typmod although the type is the same? */
static bool needs_typmod(struct type from, struct type to)
{
    if (to.precision <= 0)
        return false;
    if (from.precision == to.precision && from.scale == to.scale)
        return false;
    /* A timestamp(p) or varchar(n) that is no finer already fits. */
    bool narrower = to.id != TYPE_NUMERIC && from.precision > 0 && from.precision <= to.precision;
    return !narrower;
}

const struct fn *wr_fn_cast(struct type from, struct type to, enum cast_context context, bool *same)
{
    pthread_once(&once, build);
    *same = false;
    if (from.id == to.id && !needs_typmod(from, to)) {
        *same = true;
        return NULL;
    }
    if (from.id == TYPE_UNKNOWN)
        from.id = TYPE_TEXT;
    if (from.id == TYPE_TEXT && to.id == TYPE_TEXT && to.precision <= 0) {
        *same = true; /* an untyped literal is text already */
        return NULL;
    }
    const struct fn *fn = casts[0][from.id][to.id];
    if (!fn || (from.id != to.id && !allowed(fn, context)))
        return NULL;
    bool strict_length = to.id == TYPE_TEXT && to.precision > 0 && context != CAST_EXPLICIT;
    return strict_length ? casts[1][from.id][to.id] : fn;
}

bool wr_can_coerce(uint8_t from, uint8_t to)
{
    pthread_once(&once, build);
    if (from == to || from == TYPE_UNKNOWN || to == TYPE_UNKNOWN)
        return true;
    const struct fn *fn = casts[0][from][to];
    return fn && (fn->flags & FN_IMPLICIT_CAST);
}

static bool common_mismatch(const char *what, struct type a, struct type b, struct wr_error *err)
{
    char name_a[64], name_b[64];
    a.precision = b.precision = 0;
    return wr_fail(err, ERR_DATATYPE_MISMATCH, "%s types %s and %s cannot be matched", what,
                   wr_type_name(a, name_a, sizeof(name_a)), wr_type_name(b, name_b, sizeof(name_b)));
}

/* A typmod survives where all agree; varchar or text is what the first that has a type is. */
static void common_typmod(const struct type *types, uint32_t n, struct type *out)
{
    struct type bare = {.id = out->id, .varchar = out->id == TYPE_TEXT && out->varchar};
    for (uint32_t i = 0; i < n; i++)
        if (!wr_type_same(types[i], *out) || (out->id == TYPE_TEXT && types[i].varchar != out->varchar)) {
            *out = bare;
            return;
        }
}

bool wr_common_type(const struct type *types, uint32_t n, const char *what, struct type *out, struct wr_error *err)
{
    struct type chosen = TYPE(TYPE_UNKNOWN);
    for (uint32_t i = 0; i < n; i++) {
        if (types[i].id == TYPE_UNKNOWN || types[i].id == chosen.id)
            continue;
        const struct type_info *info = wr_type_info(chosen.id), *next = wr_type_info(types[i].id);
        if (chosen.id == TYPE_UNKNOWN)
            chosen = types[i];
        else if (next->category != info->category)
            return common_mismatch(what, chosen, types[i], err);
        else if (!info->preferred && wr_can_coerce(chosen.id, types[i].id) && !wr_can_coerce(types[i].id, chosen.id))
            chosen = types[i];
    }
    if (chosen.id == TYPE_UNKNOWN)
        chosen = TYPE(TYPE_TEXT);
    for (uint32_t i = 0; i < n; i++)
        if (!wr_can_coerce(types[i].id, chosen.id)) {
            char from[64], to[64];
            return wr_fail(err, ERR_CANNOT_COERCE, "%s could not convert type %s to %s", what,
                           wr_type_name(TYPE(types[i].id), from, sizeof(from)), wr_type_name(chosen, to, sizeof(to)));
        }
    *out = chosen;
    common_typmod(types, n, out);
    return true;
}

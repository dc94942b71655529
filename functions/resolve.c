/* Overload resolution, PostgreSQL's rules ("Type Conversion" in its manual), in its order:
 *   1. an exact match; for a binary operator with one untyped literal, the literal is first taken for the other's type
 *   2. candidates whose arguments all have an implicit cast
 *   3. of these, those with most exact matches; then those with most exact or preferred types
 *   4. untyped literals: per position the string category if some candidate takes it, else the one all share
 *   5. if all typed arguments have one type, take the untyped ones for that too
 * More or fewer than one candidate left is an error in PostgreSQL's words. */
#include "functions/resolve.h"

#include "functions/registry.h"

#define CANDIDATES_MAX 128

struct search {
    const struct type *args;
    uint16_t nargs;
    const struct fn *found[CANDIDATES_MAX];
    uint16_t n;
};

static bool arity_fits(const struct fn *fn, uint16_t nargs)
{
    return (fn->flags & FN_VARIADIC) ? nargs >= fn->nargs : nargs == fn->nargs;
}

static uint8_t arg_type(const struct fn *fn, uint16_t i)
{
    return fn->args[WR_MIN(i, fn->nargs - 1)];
}

static const struct fn *find_exact(const char *name, const struct type *args, uint16_t nargs)
{
    for (const struct fn *fn = wr_fn_first(name); fn; fn = wr_fn_next(fn)) {
        bool match = arity_fits(fn, nargs);
        for (uint16_t i = 0; match && i < nargs; i++)
            match = arg_type(fn, i) == args[i].id && args[i].id != TYPE_UNKNOWN;
        if (match)
            return fn;
    }
    return NULL;
}

/* Rule 1 for operators: a literal beside a typed operand has the operand's type, if that operator exists. */
static const struct fn *find_exact_operator(const char *name, const struct type *args, uint16_t nargs)
{
    if (nargs != 2 || (args[0].id == TYPE_UNKNOWN) == (args[1].id == TYPE_UNKNOWN))
        return NULL;
    struct type known = args[0].id == TYPE_UNKNOWN ? args[1] : args[0];
    return find_exact(name, (struct type[]){known, known}, 2);
}

static void collect(struct search *s, const char *name)
{
    s->n = 0;
    for (const struct fn *fn = wr_fn_first(name); fn && s->n < CANDIDATES_MAX; fn = wr_fn_next(fn)) {
        bool match = arity_fits(fn, s->nargs);
        for (uint16_t i = 0; match && i < s->nargs; i++)
            match = wr_can_coerce(s->args[i].id, arg_type(fn, i));
        if (match)
            s->found[s->n++] = fn;
    }
}

static int score_exact(const struct search *s, const struct fn *fn)
{
    int score = 0;
    for (uint16_t i = 0; i < s->nargs; i++)
        score += s->args[i].id != TYPE_UNKNOWN && arg_type(fn, i) == s->args[i].id;
    return score;
}

static int score_preferred(const struct search *s, const struct fn *fn)
{
    int score = 0;
    for (uint16_t i = 0; i < s->nargs; i++) {
        if (s->args[i].id == TYPE_UNKNOWN)
            continue;
        const struct type_info *to = wr_type_info(arg_type(fn, i));
        bool preferred = to->preferred && to->category == wr_type_info(s->args[i].id)->category;
        score += preferred || arg_type(fn, i) == s->args[i].id;
    }
    return score;
}

static void keep_best(struct search *s, int (*score)(const struct search *, const struct fn *))
{
    int best = 0;
    for (uint16_t k = 0; k < s->n; k++)
        best = WR_MAX(best, score(s, s->found[k]));
    uint16_t kept = 0;
    for (uint16_t k = 0; k < s->n; k++)
        if (score(s, s->found[k]) == best)
            s->found[kept++] = s->found[k];
    s->n = kept;
}

/* The category an untyped literal at position i is given; 0: the candidates disagree. */
static char literal_category(const struct search *s, uint16_t i, bool *want_preferred)
{
    char category = 0;
    bool conflict = false;
    *want_preferred = false;
    for (uint16_t k = 0; k < s->n; k++) {
        const struct type_info *info = wr_type_info(arg_type(s->found[k], i));
        if (info->category == 'S' && category != 'S') {
            category = 'S';
            conflict = false;
            *want_preferred = info->preferred;
        } else if (!category || category == info->category) {
            category = info->category;
            *want_preferred |= info->preferred;
        } else if (category != 'S') {
            conflict = true;
        }
    }
    return conflict ? 0 : category;
}

static void keep_category(struct search *s)
{
    char categories[CANDIDATES_MAX];
    bool preferred[CANDIDATES_MAX];
    for (uint16_t i = 0; i < s->nargs; i++) {
        if (s->args[i].id != TYPE_UNKNOWN)
            continue;
        categories[i] = literal_category(s, i, &preferred[i]);
        if (!categories[i])
            return;
    }
    uint16_t kept = 0;
    const struct fn *left[CANDIDATES_MAX];
    for (uint16_t k = 0; k < s->n; k++) {
        bool keep = true;
        for (uint16_t i = 0; keep && i < s->nargs; i++) {
            const struct type_info *info = wr_type_info(arg_type(s->found[k], i));
            if (s->args[i].id == TYPE_UNKNOWN)
                keep = info->category == categories[i] && (!preferred[i] || info->preferred);
        }
        if (keep)
            left[kept++] = s->found[k];
    }
    if (!kept)
        return;
    memcpy(s->found, left, kept * sizeof(left[0]));
    s->n = kept;
}

static void keep_uniform(struct search *s)
{
    uint8_t known = TYPE_UNKNOWN;
    for (uint16_t i = 0; i < s->nargs; i++) {
        if (s->args[i].id == TYPE_UNKNOWN)
            continue;
        if (known != TYPE_UNKNOWN && known != s->args[i].id)
            return;
        known = s->args[i].id;
    }
    const struct fn *only = NULL;
    for (uint16_t k = 0; k < s->n && known != TYPE_UNKNOWN; k++) {
        bool match = true;
        for (uint16_t i = 0; match && i < s->nargs; i++)
            match = wr_can_coerce(known, arg_type(s->found[k], i));
        if (match && only)
            return;
        if (match)
            only = s->found[k];
    }
    if (only) {
        s->found[0] = only;
        s->n = 1;
    }
}

static const struct fn *choose(struct search *s)
{
    if (s->n > 1)
        keep_best(s, score_exact);
    if (s->n > 1)
        keep_best(s, score_preferred);
    bool literals = false;
    for (uint16_t i = 0; i < s->nargs; i++)
        literals |= s->args[i].id == TYPE_UNKNOWN;
    if (s->n > 1 && literals)
        keep_category(s);
    if (s->n > 1 && literals)
        keep_uniform(s);
    return s->n == 1 ? s->found[0] : NULL;
}

void wr_type_list(struct wr_buf *buf, const struct type *types, uint16_t n)
{
    char name[64];
    for (uint16_t i = 0; i < n; i++) {
        struct type bare = {.id = types[i].id, .varchar = types[i].varchar};
        wr_buf_printf(buf, "%s%s", i ? ", " : "", wr_type_name(bare, name, sizeof(name)));
    }
}

static void fail_function(const char *name, const struct search *s, struct wr_error *err)
{
    struct wr_buf list = WR_BUF_INIT;
    wr_type_list(&list, s->args, s->nargs);
    const char *types = wr_buf_cstr(&list);
    if (s->n) {
        wr_fail(err, ERR_AMBIGUOUS_FUNCTION, "function %s(%s) is not unique", name, types);
        wr_fail_hint(err, "Could not choose a best candidate function. You might need to add explicit type casts.");
    } else {
        wr_fail(err, ERR_UNDEFINED_FUNCTION, "function %s(%s) does not exist", name, types);
        wr_fail_hint(err, "No function matches the given name and argument types. You might need to add explicit type "
                          "casts.");
    }
    wr_buf_free(&list);
}

static void fail_operator(const char *name, const struct search *s, struct wr_error *err)
{
    struct wr_buf text = WR_BUF_INIT;
    wr_type_list(&text, s->args, s->nargs > 1 ? 1 : 0);
    wr_buf_printf(&text, s->nargs > 1 ? " %s " : "%s ", name);
    wr_type_list(&text, s->args + (s->nargs > 1), 1);
    const char *shown = wr_buf_cstr(&text);
    if (s->n) {
        wr_fail(err, ERR_AMBIGUOUS_FUNCTION, "operator is not unique: %s", shown);
        wr_fail_hint(err, "Could not choose a best candidate operator. You might need to add explicit type casts.");
    } else {
        wr_fail(err, ERR_UNDEFINED_FUNCTION, "operator does not exist: %s", shown);
        wr_fail_hint(err, s->nargs > 1 ? "No operator matches the given name and argument types. You might need to add "
                                         "explicit type casts."
                                       : "No operator matches the given name and argument type. You might need to add "
                                         "an explicit type cast.");
    }
    wr_buf_free(&text);
}

/* What PostgreSQL answers with an interval is refused by name instead of as unknown. */
static bool is_interval_call(const char *name, const struct type *args, uint16_t nargs)
{
    static const char *const names[] = {"age", "justify_days", "justify_hours", "justify_interval", "make_interval"};
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (!strcmp(name, names[i]))
            return true;
    bool plus = !strcmp(name, "+") && nargs == 2, minus = !strcmp(name, "-") && nargs == 2;
    uint16_t times = 0, dates = 0, literals = 0;
    for (uint16_t i = 0; i < nargs; i++) {
        times += args[i].id == TYPE_TIMESTAMP || args[i].id == TYPE_TIMESTAMPTZ;
        dates += args[i].id == TYPE_DATE;
        literals += args[i].id == TYPE_UNKNOWN;
    }
    return (minus && times + dates == 2) || ((plus || minus) && times == 1 && literals == 1);
}

static void set_casts(const struct fn *fn, const struct type *args, uint16_t nargs, struct type *casts)
{
    for (uint16_t i = 0; i < nargs; i++) {
        uint8_t want = arg_type(fn, i);
        if (want == TYPE_UNKNOWN)
            casts[i] = args[i].id == TYPE_UNKNOWN ? TYPE(TYPE_TEXT) : args[i];
        else
            casts[i] = want == args[i].id ? args[i] : TYPE(want);
    }
}

/* GREATEST and LEAST are syntax in PostgreSQL: their type is the common type of the arguments. */
static const struct fn *find_extreme(const char *name, bool is_operator, const struct type *args, uint16_t nargs,
                                     bool *failed, struct wr_error *err)
{
    bool greatest = !strcmp(name, "greatest");
    *failed = false;
    if (is_operator || nargs == 0 || (!greatest && strcmp(name, "least")))
        return NULL;
    struct type common;
    *failed = !wr_common_type(args, nargs, greatest ? "GREATEST" : "LEAST", &common, err);
    return *failed ? NULL : find_exact(name, &common, 1);
}

const struct fn *wr_fn_resolve(const char *name, bool is_operator, const struct type *args, uint16_t nargs,
                               struct type *casts, struct wr_error *err)
{
    struct search s = {.args = args, .nargs = nargs};
    bool failed, castlike = !strncmp(name, "cast", 4) && !is_operator; /* "cast" rows are no functions to the user */
    const struct fn *fn = find_extreme(name, is_operator, args, nargs, &failed, err);
    if (failed)
        return NULL;
    if (!fn && !castlike)
        fn = find_exact(name, args, nargs);
    if (!fn && is_operator)
        fn = find_exact_operator(name, args, nargs);
    if (!fn && !castlike && nargs < CANDIDATES_MAX) {
        collect(&s, name);
        fn = choose(&s);
    }
    if (fn) {
        set_casts(fn, args, nargs, casts);
        return fn;
    }
    if (!s.n && is_interval_call(name, args, nargs)) {
        wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "type interval is not supported");
        return NULL;
    }
    if (is_operator)
        fail_operator(name, &s, err);
    else
        fail_function(name, &s, err);
    return NULL;
}

struct type wr_fn_result_type(const struct fn *fn, const struct type *args, uint16_t nargs)
{
    bool extreme = nargs > 0 && (fn->flags & FN_VARIADIC) && fn->result == args[0].id && fn->result != TYPE_TEXT;
    if (extreme) {
        bool all_same = true;
        for (uint16_t i = 1; i < nargs; i++)
            all_same &= wr_type_same(args[i], args[0]);
        if (all_same)
            return args[0];
    }
    return TYPE(fn->result);
}

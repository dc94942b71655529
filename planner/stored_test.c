/* A stored query means what it meant when it was stored: tables and columns renamed since, columns added, an object of
 * the old name made: the plan, and so its hash, is the same. */
#include "planner/planner.h"
#include "tests/check.h"

static struct object table(uint32_t id, const char *name, const char *first, uint16_t ncols)
{
    static struct object_column cols[2][3];
    struct object_column *of = cols[id % 2];
    of[0] = (struct object_column){.id = 1, .name = first, .type = TYPE(TYPE_INT4), .not_null = true};
    of[1] = (struct object_column){.id = 2, .name = "b", .type = TYPE(TYPE_TEXT)};
    of[2] = (struct object_column){.id = 3, .name = "c", .type = TYPE(TYPE_INT8)};
    static uint16_t pk[] = {0};
    return (struct object){.id = id,
                           .kind = OBJECT_TABLE,
                           .schema = "public",
                           .name = name,
                           .ncols = ncols,
                           .cols = of,
                           .npk = 1,
                           .pk = pk};
}

static struct catalog *catalog_with(struct catalog *catalog, const struct object *object)
{
    struct catalog *next = wr_catalog_with(catalog, object);
    wr_catalog_release(catalog);
    return next;
}

static struct plan *plan_of(struct wr_arena *arena, struct catalog *catalog, const struct object *view)
{
    struct io_settings io = {0};
    struct wr_error err = WR_ERROR_INIT;
    struct plan *plan = NULL;
    struct planner planner = {
        .arena = arena, .catalog = catalog, .io = &io, .streaming = true, .text = view->query, .stored = view};
    bool ok = wr_plan_bind_text(&planner, view->query, &plan, &err) && wr_plan_optimize(&planner, &plan, &err);
    CHECK_STR(ok ? "" : err.message, "");
    return ok ? plan : NULL;
}

int main(void)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    uint32_t ids[] = {1, 2};
    const char *names[] = {"a", "b"};
    struct object_input input = {.name = "public.t", .id = 5, .ncols = 2, .column_ids = ids, .column_names = names};
    struct object view = {.id = 9,
                          .kind = OBJECT_MATERIALIZED_VIEW,
                          .schema = "public",
                          .name = "v",
                          .query = "SELECT *, a + 1 AS next FROM public.t WHERE a > 3",
                          .ninputs = 1,
                          .inputs = &input};
    struct object then = table(5, "t", "a", 2), now = table(5, "renamed", "first", 3), other = table(6, "t", "a", 2);
    struct catalog *before = catalog_with(wr_catalog_new(), &then);
    struct catalog *after = catalog_with(catalog_with(wr_catalog_new(), &now), &other);
    struct plan *a = plan_of(&arena, before, &view), *b = plan_of(&arena, after, &view);
    CHECK(a && b && a->ncols == 3 && b->ncols == 3);
    if (a && b) {
        CHECK_STR(b->cols[0].name, "a");
        CHECK(wr_plan_hash(a) == wr_plan_hash(b));
    }
    wr_catalog_release(before);
    wr_catalog_release(after);
    wr_arena_reset(&arena);
    return check_report("stored");
}

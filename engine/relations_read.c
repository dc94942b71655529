/* What a statement names, by a walk over the whole parse tree.
 *
 * Relations: RangeVars, views included (the plan has them expanded). A common table expression may share a relation's
 * name: one dependency too many does no harm. Parameters: the highest $n. */
#include "engine/relations_read.h"

#include <protobuf-c/protobuf-c.h>

struct walk {
    const struct catalog *catalog;
    struct wr_arena *arena;
    struct object *object; /* NULL: relations are not asked for */
    struct params_read params;
};

static void *grow(struct wr_arena *arena, const void *items, uint16_t n, size_t size)
{
    char *more = wr_arena_alloc(arena, size * (n + 1u));
    if (n)
        memcpy(more, items, size * n);
    return more;
}

static void add_dep(struct walk *walk, uint32_t id)
{
    struct object *object = walk->object;
    for (uint16_t i = 0; i < object->ndeps; i++)
        if (object->deps[i] == id)
            return;
    object->deps = grow(walk->arena, object->deps, object->ndeps, sizeof *object->deps);
    object->deps[object->ndeps++] = id;
}

static struct object_input input_of(struct wr_arena *arena, const char *name, const struct object *of)
{
    struct object_input input = {.name = wr_arena_strdup(arena, name),
                                 .id = of->id,
                                 .column_ids = WR_NEW_ARRAY(arena, uint32_t, of->ncols + 1),
                                 .column_names = WR_NEW_ARRAY(arena, const char *, of->ncols + 1)};
    for (uint16_t c = 0; c < of->ncols; c++) {
        if (of->cols[c].hidden)
            continue;
        input.column_ids[input.ncols] = of->cols[c].id;
        input.column_names[input.ncols++] = wr_arena_strdup(arena, of->cols[c].name);
    }
    return input;
}

static void add_input(struct walk *walk, const char *name, const struct object *of)
{
    struct object *object = walk->object;
    for (uint16_t i = 0; i < object->ninputs; i++)
        if (!strcmp(object->inputs[i].name, name))
            return;
    object->inputs = grow(walk->arena, object->inputs, object->ninputs, sizeof *object->inputs);
    object->inputs[object->ninputs++] = input_of(walk->arena, name, of);
}

static void note(struct walk *walk, const PgQuery__RangeVar *range)
{
    const char *schema = range->schemaname && *range->schemaname ? range->schemaname : NULL;
    const struct object *object = wr_catalog_find(walk->catalog, schema, range->relname);
    if (!object || object->id >= OBJECT_SYSTEM_FIRST)
        return;
    add_dep(walk, object->id);
    add_input(walk, wr_plan_input_name(walk->arena, range), object);
}

static void visit(struct walk *walk, const ProtobufCMessage *message);

static void visit_field(struct walk *walk, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return;
    const char *base = (const char *)message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(const size_t *)(base + field->quantifier_offset);
        ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(base + field->offset);
        for (size_t i = 0; i < n; i++)
            visit(walk, items[i]);
        return;
    }
    /* a oneof has one quantifier for all of its members: it says which is set */
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
        *(const uint32_t *)(base + field->quantifier_offset) != field->id)
        return;
    visit(walk, *(ProtobufCMessage *const *)(base + field->offset));
}

static void note_param(struct params_read *params, const PgQuery__ParamRef *ref)
{
    if (!params->highest || ref->location < params->location) {
        params->first = ref->number;
        params->location = ref->location;
    }
    params->highest = WR_MAX(params->highest, ref->number);
}

static void visit(struct walk *walk, const ProtobufCMessage *message)
{
    if (!message)
        return;
    if (message->descriptor == &pg_query__param_ref__descriptor)
        note_param(&walk->params, (const PgQuery__ParamRef *)message);
    if (walk->object && message->descriptor == &pg_query__range_var__descriptor)
        note(walk, (const PgQuery__RangeVar *)message);
    for (unsigned f = 0; f < message->descriptor->n_fields; f++)
        visit_field(walk, message, &message->descriptor->fields[f]);
}

void wr_relations_bind(struct wr_arena *arena, const struct catalog *catalog, const PgQuery__Node *query,
                       struct object *object)
{
    struct walk walk = {.catalog = catalog, .arena = arena, .object = object};
    visit(&walk, (const ProtobufCMessage *)query);
}

struct params_read wr_params_read(const PgQuery__ParseResult *tree)
{
    struct walk walk = {0};
    visit(&walk, (const ProtobufCMessage *)tree);
    return walk.params;
}

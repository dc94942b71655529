/* What a statement names, by a walk over the whole parse tree.
 *
 * Relations: RangeVars, views included (the plan has them expanded). A common table expression may share a relation's
 * name: one dependency too many does no harm. Parameters: the highest $n. */
#include "engine/relations_read.h"

#include <protobuf-c/protobuf-c.h>

struct walk {
    const struct catalog *catalog;
    uint32_t *ids;
    uint16_t n, max;
    int highest_param;
};

static void note(struct walk *walk, const PgQuery__RangeVar *name)
{
    const char *schema = name->schemaname && *name->schemaname ? name->schemaname : NULL;
    const struct object *object = wr_catalog_find(walk->catalog, schema, name->relname);
    if (!object || object->id >= OBJECT_SYSTEM_FIRST)
        return;
    for (uint16_t i = 0; i < walk->n; i++)
        if (walk->ids[i] == object->id)
            return;
    if (walk->n < walk->max)
        walk->ids[walk->n++] = object->id;
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

static void visit(struct walk *walk, const ProtobufCMessage *message)
{
    if (!message)
        return;
    if (message->descriptor == &pg_query__param_ref__descriptor)
        walk->highest_param = WR_MAX(walk->highest_param, ((const PgQuery__ParamRef *)message)->number);
    if (walk->catalog && message->descriptor == &pg_query__range_var__descriptor)
        note(walk, (const PgQuery__RangeVar *)message);
    for (unsigned f = 0; f < message->descriptor->n_fields; f++)
        visit_field(walk, message, &message->descriptor->fields[f]);
}

uint16_t wr_relations_read(const struct catalog *catalog, const PgQuery__Node *node, uint32_t *ids, uint16_t max)
{
    struct walk walk = {.catalog = catalog, .ids = ids, .max = max};
    visit(&walk, (const ProtobufCMessage *)node);
    return walk.n;
}

int wr_params_read(const PgQuery__ParseResult *tree)
{
    struct walk walk = {0};
    visit(&walk, (const ProtobufCMessage *)tree);
    return walk.highest_param;
}

#ifndef WEIR_ENGINE_RELATIONS_READ_H
#define WEIR_ENGINE_RELATIONS_READ_H

#include "engine/engine.h"

/* The stored objects named anywhere in a query become the object's deps (each once) and inputs (each name once); both
 * from the arena. */
void wr_relations_bind(struct wr_arena *arena, const struct catalog *catalog, const PgQuery__Node *query,
                       struct object *object);
struct params_read {
    int highest;         /* number; 0: there is none */
    int first, location; /* the one that is written first */
};
/* The parameters of a tree (may be NULL). */
struct params_read wr_params_read(const PgQuery__ParseResult *tree);

#endif

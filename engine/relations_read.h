#ifndef WEIR_ENGINE_RELATIONS_READ_H
#define WEIR_ENGINE_RELATIONS_READ_H

#include "engine/engine.h"

/* The stored objects named anywhere in a query become the object's deps (each once) and inputs (each name once); both
 * from the arena. */
void wr_relations_bind(struct wr_arena *arena, const struct catalog *catalog, const PgQuery__Node *query,
                       struct object *object);
/* The highest parameter number in the tree (may be NULL); 0: none. */
int wr_params_read(const PgQuery__ParseResult *tree);

#endif

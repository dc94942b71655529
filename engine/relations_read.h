#ifndef WEIR_ENGINE_RELATIONS_READ_H
#define WEIR_ENGINE_RELATIONS_READ_H

#include "engine/engine.h"

/* Ids of the stored objects named anywhere in a statement, each once; returns how many. */
uint16_t wr_relations_read(const struct catalog *catalog, const PgQuery__Node *node, uint32_t *ids, uint16_t max);
/* The highest parameter number in the tree (may be NULL); 0: none. */
int wr_params_read(const PgQuery__ParseResult *tree);

#endif

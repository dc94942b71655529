/* DDL that the loop thread carries out (arguments of wr_loop_call). */
#ifndef WEIR_ENGINE_DDL_H
#define WEIR_ENGINE_DDL_H

#include "engine/engine.h"

struct ddl_create {
    const struct object *object; /* id 0 */
};
bool wr_ddl_create(weir_db *db, void *create, struct wr_error *err);

struct ddl_drop {
    const uint32_t *ids;
    size_t n;
    bool cascade;
};
bool wr_ddl_drop(weir_db *db, void *drop, struct wr_error *err);

#endif

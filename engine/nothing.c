/* Statements that end what no session has: SQL cursors and notifications. Pools of drivers send them with every reset.
 */
#include "engine/session.h"

#include <stdio.h>

bool wr_unlisten_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                     struct wr_error *err)
{
    snprintf(result->tag, sizeof result->tag, "UNLISTEN");
    return true;
}

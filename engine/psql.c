/* psql's own catalog queries, recognised by their text. */
#include "engine/session.h"

bool wr_psql_describe(struct weir_statement *statement)
{
    return false;
}

bool wr_psql_run(struct weir_statement *statement, struct weir_result *result, bool *handled, struct wr_error *err)
{
    *handled = false;
    return true;
}

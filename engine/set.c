/* SET, RESET, SHOW of settings, set_config(), DISCARD. */
#include "engine/session.h"

#include "base/ascii.h"
#include "engine/identifier.h"

#include <stdio.h>

/* The constant as text. */
static bool value_text(const PgQuery__Node *node, struct wr_buf *out)
{
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        node = node->type_cast->arg;
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST)
        return false;
    const PgQuery__AConst *c = node->a_const;
    switch (c->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
        wr_buf_printf(out, "%d", c->ival->ival);
        return true;
    case PG_QUERY__A__CONST__VAL_FVAL:
        wr_buf_puts(out, c->fval->fval);
        return true;
    case PG_QUERY__A__CONST__VAL_SVAL:
        wr_buf_puts(out, c->sval->sval);
        return true;
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        wr_buf_puts(out, c->boolval->boolval ? "on" : "off");
        return true;
    default:
        return false;
    }
}

/* TRANSACTION modes, of BEGIN, of SET TRANSACTION (prefix "") and of SET SESSION CHARACTERISTICS ("default_"). */
bool wr_set_modes(struct weir_session *session, size_t n, PgQuery__Node *const *modes, const char *prefix,
                  struct wr_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const PgQuery__DefElem *mode = modes[i]->def_elem;
        char name[64];
        snprintf(name, sizeof name, "%s%s", prefix, mode->defname);
        struct wr_buf value = WR_BUF_INIT;
        bool number = mode->arg && mode->arg->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                      mode->arg->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL;
        bool ok = mode->arg && value_text(mode->arg, &value);
        if (ok && number) { /* READ ONLY and the like are numbers in the tree */
            value.len = 0;
            wr_buf_puts(&value, mode->arg->a_const->ival->ival ? "on" : "off");
        }
        ok = ok && wr_setting_set(session, name, wr_buf_cstr(&value), !*prefix, err);
        wr_buf_free(&value);
        TRY(ok);
    }
    return true;
}

static bool outside_of_block(struct weir_session *session, const char *what)
{
    if (session->state != 'I')
        return false;
    wr_session_notice(session, "WARNING", ERR_NO_ACTIVE_TRANSACTION, "%s can only be used in transaction blocks", what);
    return true;
}

static bool set_multi(struct weir_session *session, const PgQuery__VariableSetStmt *stmt, struct wr_error *err)
{
    if (!wr_casecmp(stmt->name, "SESSION CHARACTERISTICS"))
        return wr_set_modes(session, stmt->n_args, stmt->args, "default_", err);
    if (wr_casecmp(stmt->name, "TRANSACTION") != 0)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "SET %s is not supported yet", stmt->name);
    return outside_of_block(session, "SET TRANSACTION") || wr_set_modes(session, stmt->n_args, stmt->args, "", err);
}

/* The only role there is. */
static bool set_role(const char *name, const char *value, struct wr_error *err)
{
    if (!value || !strcmp(value, "root") || !wr_casecmp(value, "none"))
        return true;
    return wr_fail(err, ERR_INVALID_PARAMETER, "role \"%s\" does not exist", value);
}

/* Schemas are names: quoted where they would not be read back as they are. */
static void put_name(struct wr_buf *out, const char *name)
{
    bool plain = wr_is_lower(*name) || *name == '_';
    for (const char *c = name; *c; c++)
        plain &= wr_is_lower(*c) || wr_is_digit(*c) || *c == '_';
    if (plain)
        wr_buf_puts(out, name);
    else
        wr_identifier_put(out, name);
}

static bool list_text(const PgQuery__VariableSetStmt *stmt, struct wr_buf *value)
{
    bool names = !wr_casecmp(stmt->name, "search_path");
    for (size_t i = 0; i < stmt->n_args; i++) {
        struct wr_buf one = WR_BUF_INIT;
        bool ok = value_text(stmt->args[i], &one);
        wr_buf_puts(value, i ? ", " : "");
        if (ok && names)
            put_name(value, wr_buf_cstr(&one));
        else if (ok)
            wr_buf_puts(value, wr_buf_cstr(&one));
        wr_buf_free(&one);
        TRY(ok);
    }
    return true;
}

static bool set_value(struct weir_session *session, const PgQuery__VariableSetStmt *stmt, struct wr_error *err)
{
    struct wr_buf value = WR_BUF_INIT;
    bool ok = list_text(stmt, &value);
    if (!ok)
        wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "this value of SET is not supported yet");
    else if (!wr_casecmp(stmt->name, "role"))
        ok = set_role(stmt->name, wr_buf_cstr(&value), err);
    else
        ok = wr_setting_set(session, stmt->name, wr_buf_cstr(&value), stmt->is_local, err);
    wr_buf_free(&value);
    return ok;
}

static bool set_variable(struct weir_session *session, const PgQuery__VariableSetStmt *stmt, struct wr_error *err)
{
    switch (stmt->kind) {
    case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL:
        wr_settings_reset(session);
        return true;
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI:
        return set_multi(session, stmt, err);
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_CURRENT:
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "SET ... FROM CURRENT is not supported yet");
    default:
        break;
    }
    if (stmt->is_local && outside_of_block(session, "SET LOCAL"))
        return true;
    if (stmt->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE)
        return set_value(session, stmt, err);
    return !wr_casecmp(stmt->name, "role") || wr_setting_set(session, stmt->name, NULL, stmt->is_local, err);
}

static bool discard(struct weir_session *session, const PgQuery__DiscardStmt *stmt, struct weir_result *result,
                    struct wr_error *err)
{
    static const char *const words[] = {[PG_QUERY__DISCARD_MODE__DISCARD_ALL] = "ALL",
                                        [PG_QUERY__DISCARD_MODE__DISCARD_PLANS] = "PLANS",
                                        [PG_QUERY__DISCARD_MODE__DISCARD_SEQUENCES] = "SEQUENCES",
                                        [PG_QUERY__DISCARD_MODE__DISCARD_TEMP] = "TEMP"};
    snprintf(result->tag, sizeof result->tag, "DISCARD %s", words[stmt->target]);
    if (stmt->target != PG_QUERY__DISCARD_MODE__DISCARD_ALL)
        return true; /* there are none */
    if (session->state != 'I')
        return wr_fail(err, ERR_ACTIVE_TRANSACTION, "DISCARD ALL cannot run inside a transaction block");
    wr_cursors_close(session);
    wr_settings_reset(session);
    return true;
}

bool wr_set_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                struct wr_error *err)
{
    const PgQuery__Node *node = statement->parsed->node;
    if (node->node_case == PG_QUERY__NODE__NODE_DISCARD_STMT)
        return discard(statement->session, node->discard_stmt, result, err);
    bool reset = node->variable_set_stmt->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET ||
                 node->variable_set_stmt->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL;
    snprintf(result->tag, sizeof result->tag, reset ? "RESET" : "SET");
    return set_variable(statement->session, node->variable_set_stmt, err);
}

/* ---- SHOW setting */

bool wr_show_setting_describe(struct weir_statement *statement, struct wr_error *err)
{
    const char *name = statement->parsed->node->variable_show_stmt->name;
    if (!wr_casecmp(name, "all")) {
        wr_text_columns(statement, 3, (const char *const[]){"name", "setting", "description"});
        return true;
    }
    const char *shown = wr_setting_name(name);
    if (!shown)
        return wr_fail(err, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
    wr_text_columns(statement, 1, &shown);
    return true;
}

bool wr_show_setting_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                         struct wr_error *err)
{
    const char *name = statement->parsed->node->variable_show_stmt->name;
    wr_begin_texts(statement, result, "SHOW");
    if (wr_casecmp(name, "all") != 0) {
        const char *value = wr_setting(statement->session, name);
        wr_result_row(result, &value);
        return true;
    }
    for (size_t i = 0; i < wr_settings_count(); i++) {
        const char *row[3];
        wr_setting_at(statement->session, i, &row[0], &row[1], &row[2]);
        wr_result_row(result, row);
    }
    return true;
}

/* ---- SELECT set_config(name, value, is_local): SET as a query */

static const PgQuery__FuncCall *set_config_call(const PgQuery__SelectStmt *select)
{
    bool alone = select->n_target_list == 1 && !select->n_from_clause && !select->where_clause &&
                 !select->n_group_clause && !select->n_sort_clause && !select->limit_count && !select->limit_offset &&
                 !select->with_clause && select->op == PG_QUERY__SET_OPERATION__SETOP_NONE;
    const PgQuery__Node *value = alone ? select->target_list[0]->res_target->val : NULL;
    if (!value || value->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || value->func_call->n_args != 3)
        return NULL;
    const PgQuery__FuncCall *call = value->func_call;
    return strcmp(call->funcname[call->n_funcname - 1]->string->sval, "set_config") ? NULL : call;
}

bool wr_is_set_config(const PgQuery__SelectStmt *select)
{
    return set_config_call(select) != NULL;
}

bool wr_set_config_describe(struct weir_statement *statement, struct wr_error *err)
{
    const PgQuery__ResTarget *target = statement->parsed->node->select_stmt->target_list[0]->res_target;
    const char *name = target->name && *target->name ? target->name : "set_config";
    wr_text_columns(statement, 1, (const char *const[]){wr_arena_strdup(&statement->arena, name)});
    return true;
}

/* An argument: a constant or a parameter. NULL: SQL NULL. */
static bool config_argument(const PgQuery__Node *node, const struct datum *params, struct wr_buf *buf,
                            const char **text, struct wr_error *err)
{
    const struct io_settings io = {NULL};
    const struct datum *param =
        node->node_case == PG_QUERY__NODE__NODE_PARAM_REF ? &params[node->param_ref->number - 1] : NULL;
    bool null = param ? param->null : node->node_case == PG_QUERY__NODE__NODE_A_CONST && node->a_const->isnull;
    *text = NULL;
    if (null)
        return true;
    if (param)
        wr_value_out(buf, param, &io);
    else if (!value_text(node, buf))
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED,
                       "set_config() of something that is not constant is not supported yet");
    *text = wr_buf_cstr(buf);
    return true;
}

static bool set_config(struct weir_session *session, const char *name, const char *value, const char *local,
                       const char **now, struct wr_error *err)
{
    if (!name)
        return wr_fail(err, ERR_NULL_VALUE_NOT_ALLOWED, "SET requires parameter name");
    bool is_local = local && (!wr_casecmp(local, "on") || (*local && strchr("tTyY1", *local)));
    bool in_vain = is_local && session->state == 'I'; /* over with this very statement */
    TRY(in_vain || wr_setting_set(session, name, value, is_local, err));
    const char *shown = wr_setting(session, name);
    *now = in_vain || !shown ? value : shown;
    return true;
}

bool wr_set_config_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                       struct wr_error *err)
{
    const PgQuery__FuncCall *call = set_config_call(statement->parsed->node->select_stmt);
    struct wr_buf bufs[3] = {WR_BUF_INIT, WR_BUF_INIT, WR_BUF_INIT};
    const char *texts[3], *now = NULL;
    bool ok = true;
    for (int i = 0; i < 3 && ok; i++)
        ok = config_argument(call->args[i], params, &bufs[i], &texts[i], err);
    ok = ok && set_config(statement->session, texts[0], texts[1], texts[2], &now, err);
    if (ok) {
        wr_begin_texts(statement, result, "SELECT");
        result->rows_in_tag = true;
        wr_result_row(result, &now);
    }
    for (int i = 0; i < 3; i++)
        wr_buf_free(&bufs[i]);
    return ok;
}

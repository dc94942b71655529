/* A stand-in for the engine behind include/weir.h, for tests of the server alone: a few canned statements, one
 * "table" that is a counter, and everything that the protocol has to carry (errors, notices, cancel, COPY,
 * transactions, parameters, all formats). Not linked into any product.
 *
 *   select <n>               one int4        select generate <n>     rows 1..n, int8
 *   select sleep <ms>        can be cancelled select fail <n>         n rows, then 22012
 *   select types             one of each      select $1               the parameter
 *   select count             the counter      insert ...              adds one
 *   copy t from stdin        adds its lines; a line "bad" is an error
 *   set x to y, show x, begin, commit, rollback, notice <text>, create ... */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "weir.h"

#define FAKE_COLUMNS  7
#define FAKE_RELATION 10001

struct weir_db {
    pthread_mutex_t lock;
    int64_t count;
};

struct setting {
    char name[64], value[256];
};

struct weir_session {
    weir_db *db;
    atomic_bool cancelled;
    char state;
    bool implicit;
    int64_t pending;
    weir_notice notice;
    void *notice_context;
    struct setting settings[16];
    int n_settings;
    weir_result *open; /* the engine has one at a time, too */
};

enum fake_kind {
    FAKE_NUMBER,
    FAKE_GENERATE,
    FAKE_SLEEP,
    FAKE_FAIL,
    FAKE_TYPES,
    FAKE_PARAM,
    FAKE_COUNT,
    FAKE_SHOW, /* with rows */
    FAKE_INSERT,
    FAKE_COPY,
    FAKE_SET,
    FAKE_BEGIN,
    FAKE_COMMIT,
    FAKE_ROLLBACK,
    FAKE_NOTICE,
    FAKE_CREATE,
    FAKE_DISCARD,
};

struct weir_statement {
    weir_session *session;
    enum fake_kind kind;
    int64_t number;
    uint32_t param_oid;
    char text[256];
};

struct weir_result {
    weir_statement statement; /* a copy */
    int64_t row, rows;
    bool is_null;
    struct wr_buf param, cell;
    int64_t lines;
    struct wr_buf line;
    char tag[64];
};

static weir_code fail(weir_error *error, const char *sqlstate, int position, const char *message)
{
    if (error) {
        memset(error, 0, sizeof *error);
        snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate);
        snprintf(error->message, sizeof error->message, "%s", message);
        error->position = position;
    }
    return WEIR_ERROR;
}

weir_code weir_open(const char *dir, const weir_options *options, weir_db **db, weir_error *error)
{
    (void)dir, (void)options, (void)error;
    *db = wr_calloc(1, sizeof **db);
    pthread_mutex_init(&(*db)->lock, NULL);
    return WEIR_OK;
}

weir_code weir_close(weir_db *db)
{
    if (db)
        pthread_mutex_destroy(&db->lock);
    free(db);
    return WEIR_OK;
}

weir_code weir_check(weir_db *db, weir_error *error)
{
    (void)db;
    return getenv("WEIR_FAKE_DISK_FULL") ? fail(error, "53100", 0, "no space left on device") : WEIR_OK;
}

weir_code weir_session_open(weir_db *db, weir_session **session, weir_error *error)
{
    (void)error;
    *session = wr_calloc(1, sizeof **session);
    (*session)->db = db;
    (*session)->state = 'I';
    return WEIR_OK;
}

void weir_session_close(weir_session *session)
{
    free(session);
}

void weir_session_cancel(weir_session *session)
{
    atomic_store(&session->cancelled, true);
}

char weir_session_state(weir_session *session)
{
    return session->state;
}

const char *weir_session_setting(weir_session *session, const char *name)
{
    for (int i = 0; i < session->n_settings; i++)
        if (!wr_casecmp(session->settings[i].name, name))
            return session->settings[i].value;
    return NULL;
}

void weir_session_on_notice(weir_session *session, weir_notice notice, void *context)
{
    session->notice = notice;
    session->notice_context = context;
}

/* ---- statements */

static const struct {
    const char *prefix;
    enum fake_kind kind;
} kinds[] = {
    {"select generate ", FAKE_GENERATE},
    {"select sleep ", FAKE_SLEEP},
    {"select fail ", FAKE_FAIL},
    {"select types", FAKE_TYPES},
    {"select $1", FAKE_PARAM},
    {"select count", FAKE_COUNT},
    {"select ", FAKE_NUMBER},
    {"show ", FAKE_SHOW},
    {"insert", FAKE_INSERT},
    {"copy ", FAKE_COPY},
    {"set ", FAKE_SET},
    {"begin", FAKE_BEGIN},
    {"start transaction", FAKE_BEGIN},
    {"commit", FAKE_COMMIT},
    {"rollback", FAKE_ROLLBACK},
    {"notice ", FAKE_NOTICE},
    {"create", FAKE_CREATE},
    {"discard all", FAKE_DISCARD},
};

static weir_code recognise(weir_statement *statement, const char *sql, size_t start, weir_error *error)
{
    for (size_t i = 0; i < WR_COUNT(kinds); i++)
        if (!wr_ncasecmp(statement->text, kinds[i].prefix, strlen(kinds[i].prefix))) {
            statement->kind = kinds[i].kind;
            statement->number = atoll(statement->text + strlen(kinds[i].prefix));
            return WEIR_OK;
        }
    char message[128];
    int position = 1;
    for (size_t i = 0; i < start; i++)
        position += ((unsigned char)sql[i] & 0xc0) != 0x80;
    snprintf(message, sizeof message, "syntax error at or near \"%.*s\"", (int)strcspn(statement->text, " "),
             statement->text);
    return fail(error, "42601", position, message);
}

weir_code weir_prepare(weir_session *session, const char *sql, size_t sql_len, size_t *offset,
                       const uint32_t *param_oids, int n_params, weir_statement **statement, weir_error *error)
{
    size_t start = *offset;
    while (start < sql_len && (strchr(" \t\r\n;", sql[start]) || (sql[start] == '-' && sql[start + 1] == '-')))
        start += sql[start] == '-' ? strcspn(sql + start, "\n") : 1;
    *offset = start;
    if (start == sql_len)
        return WEIR_DONE;
    const char *semicolon = memchr(sql + start, ';', sql_len - start);
    size_t end = semicolon ? (size_t)(semicolon - sql) : sql_len;
    *offset = end + (semicolon != NULL);
    struct weir_statement *made = wr_calloc(1, sizeof *made);
    made->session = session;
    snprintf(made->text, sizeof made->text, "%.*s", (int)WR_MIN(end - start, sizeof made->text - 1), sql + start);
    made->param_oid = !n_params || !param_oids[0] ? 25 : param_oids[0] == 21 ? 23 : param_oids[0];
    if (recognise(made, sql, start, error) == WEIR_ERROR) {
        if (session->state == 'T')
            session->state = 'E';
        free(made);
        return WEIR_ERROR;
    }
    *statement = made;
    return WEIR_OK;
}

void weir_statement_free(weir_statement *statement)
{
    free(statement);
}

int weir_statement_params(const weir_statement *statement)
{
    return statement->kind == FAKE_PARAM;
}

uint32_t weir_statement_param_oid(const weir_statement *statement, int index)
{
    (void)index;
    return statement->param_oid;
}

int weir_statement_columns(const weir_statement *statement)
{
    return statement->kind > FAKE_SHOW ? 0 : statement->kind == FAKE_TYPES ? FAKE_COLUMNS : 1;
}

const char *weir_statement_column_name(const weir_statement *statement, int column)
{
    static const char *const names[FAKE_COLUMNS] = {"i4", "i8", "f8", "t", "b", "n", "empty"};
    return statement->kind == FAKE_TYPES ? names[column] : "?column?";
}

uint32_t weir_statement_column_oid(const weir_statement *statement, int column)
{
    static const uint32_t oids[FAKE_COLUMNS] = {23, 20, 701, 25, 16, 23, 25};
    switch (statement->kind) {
    case FAKE_TYPES:
        return oids[column];
    case FAKE_NUMBER:
        return 23;
    case FAKE_PARAM:
        return statement->param_oid;
    case FAKE_SLEEP:
    case FAKE_SHOW:
        return 25;
    default:
        return 20;
    }
}

int32_t weir_statement_column_typmod(const weir_statement *statement, int column)
{
    (void)statement, (void)column;
    return -1;
}

bool weir_statement_is_copy_in(const weir_statement *statement)
{
    return statement->kind == FAKE_COPY;
}

bool weir_statement_ends_transaction(const weir_statement *statement)
{
    return statement->kind == FAKE_COMMIT || statement->kind == FAKE_ROLLBACK;
}

/* ---- execution */

static void add(weir_session *session, int64_t n)
{
    if (session->state == 'T') {
        session->pending += n;
        return;
    }
    pthread_mutex_lock(&session->db->lock);
    session->db->count += n;
    pthread_mutex_unlock(&session->db->lock);
}

static void set(weir_session *session, const char *text)
{
    char name[64] = "", value[256] = "";
    if (sscanf(text, "%*s \"%63[^\"]\" TO '%255[^']'", name, value) < 1 &&
        sscanf(text, "%*s %63s %*s '%255[^']'", name, value) < 2)
        (void)(sscanf(text, "%*s %63s %*s %255s", name, value) < 2);
    for (int i = 0; i < session->n_settings; i++)
        if (!wr_casecmp(session->settings[i].name, name)) {
            snprintf(session->settings[i].value, sizeof session->settings[i].value, "%s", value);
            return;
        }
    if (session->n_settings == 16)
        return;
    struct setting *setting = &session->settings[session->n_settings++];
    snprintf(setting->name, sizeof setting->name, "%s", name);
    snprintf(setting->value, sizeof setting->value, "%s", value);
}

static const char *end_transaction(weir_session *session, bool commit)
{
    bool committed = commit && session->state != 'E';
    session->state = 'I';
    session->implicit = false;
    if (committed)
        add(session, session->pending);
    session->pending = 0;
    return committed ? "COMMIT" : "ROLLBACK";
}

weir_code weir_implicit_begin(weir_session *session, weir_error *error)
{
    (void)error;
    session->state = 'T';
    session->implicit = true;
    return WEIR_OK;
}

weir_code weir_implicit_end(weir_session *session, bool commit, weir_error *error)
{
    (void)error;
    if (session->implicit)
        end_transaction(session, commit && session->state == 'T');
    return WEIR_OK;
}

static weir_code sleep_for(weir_session *session, int64_t ms, weir_error *error)
{
    for (int64_t i = 0; i < ms && !getenv("WEIR_FAKE_HURRY"); i++) { /* the fuzzer does not wait */
        if (atomic_load(&session->cancelled))
            return fail(error, "57014", 0, "canceling statement due to user request");
        usleep(1000);
    }
    return WEIR_OK;
}

static weir_code act(weir_result *result, weir_error *error)
{
    weir_statement *statement = &result->statement;
    weir_session *session = statement->session;
    result->rows = 1;
    const char *tag = NULL;
    switch (statement->kind) {
    case FAKE_GENERATE:
    case FAKE_FAIL:
        result->rows = statement->number;
        break;
    case FAKE_SLEEP:
        return sleep_for(session, statement->number, error);
    case FAKE_INSERT:
        add(session, 1);
        tag = "INSERT 0 1";
        break;
    case FAKE_SET:
        set(session, statement->text);
        tag = "SET";
        break;
    case FAKE_BEGIN:
        session->state = 'T';
        session->implicit = false;
        tag = !wr_ncasecmp(statement->text, "start", 5) ? "START TRANSACTION" : "BEGIN";
        break;
    case FAKE_COMMIT:
    case FAKE_ROLLBACK:
        tag = end_transaction(session, statement->kind == FAKE_COMMIT);
        break;
    case FAKE_NOTICE:
        if (session->notice)
            session->notice(session->notice_context, "NOTICE", "00000", statement->text + 7);
        tag = "NOTICE";
        break;
    case FAKE_DISCARD:
        tag = "DISCARD ALL";
        break;
    case FAKE_CREATE:
        tag = "CREATE TABLE";
        break;
    default:
        break;
    }
    if (weir_statement_columns(statement) == 0)
        result->rows = 0;
    if (tag)
        snprintf(result->tag, sizeof result->tag, "%s", tag);
    return WEIR_OK;
}

weir_code weir_execute(weir_statement *statement, const weir_param *params, int n_params, weir_result **result,
                       weir_error *error)
{
    weir_session *session = statement->session;
    atomic_store(&session->cancelled, false);
    if (session->open)
        session->open->row = session->open->rows = 0;
    session->open = NULL;
    if (session->state == 'E' && !weir_statement_ends_transaction(statement))
        return fail(error, "25P02", 0, "current transaction is aborted");
    weir_result *made = wr_calloc(1, sizeof *made);
    made->statement = *statement;
    made->is_null = n_params > 0 && !params[0].data;
    if (n_params > 0 && !made->is_null) {
        if (params[0].binary && params[0].len == 4 && statement->param_oid == 23)
            wr_buf_printf(&made->param, "%d", (int)wr_load_u32be(params[0].data));
        else
            wr_buf_put(&made->param, params[0].data, params[0].len);
    }
    if (act(made, error) == WEIR_ERROR) {
        if (session->state == 'T')
            session->state = 'E';
        weir_result_free(made);
        return WEIR_ERROR;
    }
    *result = session->open = made;
    return WEIR_OK;
}

weir_code weir_exec(weir_session *session, const char *sql, weir_error *error)
{
    size_t offset = 0;
    weir_statement *statement = NULL;
    weir_result *result = NULL;
    weir_code code = weir_prepare(session, sql, strlen(sql), &offset, NULL, 0, &statement, error);
    if (code == WEIR_OK)
        code = weir_execute(statement, NULL, 0, &result, error);
    weir_result_free(result);
    weir_statement_free(statement);
    return code;
}

/* ---- results */

weir_code weir_result_next(weir_result *result, weir_error *error)
{
    weir_session *session = result->statement.session;
    if (atomic_load(&session->cancelled))
        return fail(error, "57014", 0, "canceling statement due to user request");
    if (result->row < result->rows) {
        result->row++;
        return WEIR_ROW;
    }
    if (result->statement.kind == FAKE_FAIL) {
        if (session->state == 'T')
            session->state = 'E';
        return fail(error, "22012", 0, "division by zero");
    }
    if (weir_statement_columns(&result->statement))
        snprintf(result->tag, sizeof result->tag, "SELECT %lld", (long long)result->row);
    return WEIR_DONE;
}

int weir_result_columns(const weir_result *result)
{
    return result->statement.kind == FAKE_COPY ? 1 : weir_statement_columns(&result->statement);
}

uint32_t weir_statement_column_relation(const weir_statement *statement, int column, int *number)
{
    *number = statement->kind == FAKE_TYPES ? column + 1 : 0;
    return statement->kind == FAKE_TYPES ? FAKE_RELATION : 0;
}

uint32_t weir_result_column_relation(const weir_result *result, int column, int *number)
{
    return weir_statement_column_relation(&result->statement, column, number);
}

const char *weir_result_column_name(const weir_result *result, int column)
{
    return weir_statement_column_name(&result->statement, column);
}

uint32_t weir_result_column_oid(const weir_result *result, int column)
{
    return weir_statement_column_oid(&result->statement, column);
}

int32_t weir_result_column_typmod(const weir_result *result, int column)
{
    return weir_statement_column_typmod(&result->statement, column);
}

bool weir_result_is_null(weir_result *result, int column)
{
    return result->is_null || (result->statement.kind == FAKE_TYPES && column == 5);
}

static int64_t number_of(const weir_result *result, int column)
{
    weir_session *session = result->statement.session;
    switch (result->statement.kind) {
    case FAKE_NUMBER:
        return result->statement.number;
    case FAKE_TYPES:
        return column == 0 ? -42 : column == 1 ? 1234567890123 : 1;
    case FAKE_COUNT:
        return session->db->count + session->pending;
    case FAKE_PARAM:
        return result->param.data ? atoll(wr_buf_cstr((struct wr_buf *)&result->param)) : 0;
    default:
        return result->row;
    }
}

static void text_of(weir_result *result, int column)
{
    weir_session *session = result->statement.session;
    struct wr_buf *cell = &result->cell;
    switch (weir_result_column_oid(result, column)) {
    case 25:
        if (result->statement.kind == FAKE_PARAM)
            wr_buf_put(cell, result->param.data, result->param.len);
        else if (result->statement.kind == FAKE_SHOW)
            wr_buf_puts(cell, weir_session_setting(session, result->statement.text + 5)
                                  ? weir_session_setting(session, result->statement.text + 5)
                                  : "");
        else if (column != 6)
            wr_buf_puts(cell, result->statement.kind == FAKE_SLEEP ? "slept" : "h\xc3\xa4llo");
        break;
    case 16:
        wr_buf_puts(cell, "t");
        break;
    case 701:
        wr_buf_puts(cell, "1.5");
        break;
    default:
        wr_buf_printf(cell, "%lld", (long long)number_of(result, column));
        break;
    }
}

const char *weir_result_text(weir_result *result, int column, size_t *len)
{
    result->cell.len = 0;
    text_of(result, column);
    if (len)
        *len = result->cell.len;
    return wr_buf_cstr(&result->cell);
}

const void *weir_result_binary(weir_result *result, int column, size_t *len)
{
    double one_and_a_half = 1.5;
    uint64_t bits;
    memcpy(&bits, &one_and_a_half, 8);
    result->cell.len = 0;
    switch (weir_result_column_oid(result, column)) {
    case 25:
        text_of(result, column);
        break;
    case 16:
        wr_buf_byte(&result->cell, 1);
        break;
    case 23:
        wr_buf_u32be(&result->cell, (uint32_t)number_of(result, column));
        break;
    case 701:
        wr_buf_u64be(&result->cell, bits);
        break;
    default:
        wr_buf_u64be(&result->cell, (uint64_t)number_of(result, column));
        break;
    }
    *len = result->cell.len;
    return wr_buf_cstr(&result->cell);
}

const char *weir_result_tag(weir_result *result)
{
    return result->tag;
}

void weir_result_free(weir_result *result)
{
    if (!result)
        return;
    if (result->statement.session->open == result)
        result->statement.session->open = NULL;
    wr_buf_free(&result->param);
    wr_buf_free(&result->cell);
    wr_buf_free(&result->line);
    free(result);
}

/* ---- COPY */

bool weir_result_copy_binary(const weir_result *result, int *columns)
{
    *columns = weir_result_columns(result);
    return false;
}

weir_code weir_copy_data(weir_result *result, const void *bytes, size_t len, weir_error *error)
{
    for (size_t i = 0; i < len; i++) {
        char c = ((const char *)bytes)[i];
        if (c != '\n') {
            wr_buf_byte(&result->line, (uint8_t)c);
            continue;
        }
        if (result->line.len == 3 && !memcmp(result->line.data, "bad", 3))
            return fail(error, "22P02", 0, "invalid input syntax for type integer: \"bad\"");
        result->lines++;
        result->line.len = 0;
    }
    return WEIR_OK;
}

const weir_result *weir_cursor(weir_session *session, const char *name)
{
    (void)session;
    (void)name;
    return NULL;
}

bool weir_statement_is_copy_out(const weir_statement *statement)
{
    (void)statement;
    return false;
}

weir_code weir_copy_read(weir_result *result, const char **bytes, size_t *len, weir_error *error)
{
    (void)result;
    (void)bytes;
    (void)len;
    (void)error;
    return WEIR_DONE;
}

weir_code weir_copy_end(weir_result *result, weir_error *error)
{
    (void)error;
    add(result->statement.session, result->lines);
    snprintf(result->tag, sizeof result->tag, "COPY %lld", (long long)result->lines);
    return WEIR_OK;
}

/* ---- the rest that the command line uses */

weir_code weir_query(weir_session *session, const char *sql, weir_result **result, weir_error *error)
{
    size_t offset = 0;
    weir_statement *statement = NULL;
    weir_code code = weir_prepare(session, sql, strlen(sql), &offset, NULL, 0, &statement, error);
    if (code == WEIR_OK)
        code = weir_execute(statement, NULL, 0, result, error);
    weir_statement_free(statement);
    return code;
}

const char *weir_embedded_broker(weir_db *db)
{
    (void)db;
    return "127.0.0.1:9092";
}

/* Caught up after a few questions, so that the waiting is seen. */
bool weir_caught_up(weir_db *db, weir_error *error)
{
    static int asked;
    (void)db, (void)error;
    return ++asked > 5 && !getenv("WEIR_FAKE_BEHIND");
}

void weir_on_log(weir_db *db, void (*log)(void *context, const char *line), void *context)
{
    (void)db;
    log(context, "a line of the log");
}

void weir_get_progress(weir_db *db, weir_progress *progress)
{
    *progress = (weir_progress){.rows_in = db->count, .rows_out = db->count / 2, .memory_limit = 1 << 29};
}

void weir_session_skip_existing(weir_session *session, bool on)
{
    (void)session, (void)on;
}

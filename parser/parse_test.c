/* Parser vectors: what each clause of the dialect records, where errors point, and size. */
#include "parser/parse.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "tests/check.h"

static struct wr_arena arena;
static struct wr_error err;

/* The only statement of `text`, or NULL with err filled. */
static struct statement *parse(const char *text)
{
    struct statement *statement;
    size_t offset = 0;
    wr_error_clear(&err);
    if (!wr_parse_next(&arena, text, strlen(text), &offset, &statement, &err))
        return NULL;
    return statement;
}

/* Parses or says why not. */
static struct statement *must(const char *text)
{
    static struct statement none = {.name = "", .format = "", .encode = ""};
    struct statement *statement = parse(text);
    if (!statement)
        fprintf(stderr, "%s\n  %s at %d: %s\n", text, err.sqlstate, err.position, err.message);
    CHECK(statement != NULL);
    return statement ? statement : &none;
}

static void fails(const char *text, const char *sqlstate, int position, const char *message)
{
    struct statement *statement = parse(text);
    CHECK(statement == NULL);
    if (strcmp(err.message, message) != 0 || err.position != position || strcmp(err.sqlstate, sqlstate) != 0)
        fprintf(stderr, "text: %s\n", text);
    CHECK_STR(err.message, message);
    CHECK_INT(err.position, position);
    CHECK_STR(err.sqlstate, sqlstate);
    wr_statement_free(statement);
}

/* Comments within comments, which nobody ends: PostgreSQL's scanner would take the square of them. */
static void fails_nested(int comments)
{
    struct wr_buf text = WR_BUF_INIT;
    wr_buf_puts(&text, "select 1 ");
    for (int i = 0; i < comments; i++)
        wr_buf_puts(&text, "/*");
    char *whole = wr_buf_cstr(&text);
    fails(whole, "54001", 0, "statement too complex");
    free(whole);
}

static const char *option(const struct options *options, const char *key)
{
    for (int i = 0; i < options->n; i++)
        if (!strcmp(options->items[i].key, key))
            return options->items[i].value;
    return "(absent)";
}

static void test_plain(void)
{
    struct statement *s = must("select 1");
    CHECK_INT(s->kind, STMT_POSTGRES);
    CHECK_INT(s->node->node_case, PG_QUERY__NODE__NODE_SELECT_STMT);
    CHECK_INT(s->length, 8);
    wr_statement_free(s);
    s = must("  -- hello\n /* a /* nested */ b */ ; ; select 'a;b', $$x;y$$, $t$;$t$, \"q;\", E'\\';' ;");
    CHECK_STR(s->text, "select 'a;b', $$x;y$$, $t$;$t$, \"q;\", E'\\';'");
    wr_statement_free(s);
    CHECK(parse("") == NULL && !err.message[0]);
    CHECK(parse(" ;; -- x") == NULL && !err.message[0]);
    CHECK(parse("/* open") == NULL);
}

static void test_split(void)
{
    const char *text = "select 1; insert into t values (1, 'x;'); drop table \xc3\xa4; selec 2";
    size_t offset = 0;
    struct statement *s;
    CHECK(wr_parse_next(&arena, text, strlen(text), &offset, &s, &err) && s);
    CHECK_INT(offset, 9);
    wr_statement_free(s);
    CHECK(wr_parse_next(&arena, text, strlen(text), &offset, &s, &err) && s);
    CHECK_STR(s->text, "insert into t values (1, 'x;')");
    CHECK_INT(s->location, 10);
    CHECK_INT(s->node->insert_stmt->relation->location, 22);
    wr_statement_free(s);
    CHECK(wr_parse_next(&arena, text, strlen(text), &offset, &s, &err) && s);
    CHECK_INT(s->node->node_case, PG_QUERY__NODE__NODE_DROP_STMT);
    wr_statement_free(s);
    CHECK(!wr_parse_next(&arena, text, strlen(text), &offset, &s, &err));
    CHECK_STR(err.message, "syntax error at or near \"selec\"");
    CHECK_INT(err.position, 57);
}

static void test_table(void)
{
    struct statement *s = must(
        "CREATE TABLE IF NOT EXISTS s.t (id int PRIMARY KEY, v numeric(10, 2), at timestamp, WATERMARK FOR at AS at - "
        "INTERVAL '5' SECOND,) APPEND ONLY ON CONFLICT DO UPDATE IF NOT NULL INCLUDE KEY AS k INCLUDE header 'h' "
        "varchar "
        "AS h2 INCLUDE timestamp WITH (connector = 'kafka', topic='a''b', properties.bootstrap.server = 'x:9092', "
        "\"Quoted.Key\" = 7, scan.startup.mode = latest, n = -5,) FORMAT Debezium ENCODE json (ignore_key = 'true',) "
        "KEY ENCODE text");
    CHECK_INT(s->kind, STMT_CREATE_TABLE);
    CHECK_STR(s->name, "t");
    CHECK_STR(s->schema, "s");
    CHECK(s->if_not_exists && s->append_only);
    CHECK_INT(s->on_conflict, CONFLICT_DO_UPDATE_IF_NOT_NULL);
    CHECK_INT(s->node->create_stmt->n_table_elts, 3);
    CHECK(s->node->create_stmt->if_not_exists);
    CHECK_INT(s->n_includes, 3);
    CHECK_STR(s->includes[0].what, "key");
    CHECK_STR(s->includes[0].alias, "k");
    CHECK_STR(s->includes[1].name, "h");
    CHECK_STR(s->includes[1].type, "varchar");
    CHECK_STR(s->includes[1].alias, "h2");
    CHECK(s->includes[2].alias == NULL);
    CHECK_STR(option(&s->with, "connector"), "kafka");
    CHECK_STR(option(&s->with, "topic"), "a'b");
    CHECK_STR(option(&s->with, "properties.bootstrap.server"), "x:9092");
    CHECK_STR(option(&s->with, "Quoted.Key"), "7");
    CHECK_STR(option(&s->with, "scan.startup.mode"), "latest");
    CHECK_STR(option(&s->with, "n"), "-5");
    CHECK_STR(s->format, "DEBEZIUM");
    CHECK_STR(s->encode, "JSON");
    CHECK_STR(s->key_encode, "TEXT");
    CHECK_STR(option(&s->format_options, "ignore_key"), "true");
    CHECK_STR(s->watermark->column, "at");
    CHECK_STR(s->watermark->expression, "at - INTERVAL '5' SECOND");
    wr_statement_free(s);
}

static void test_table_shapes(void)
{
    struct statement *s = must("create table t (*, primary key (id), watermark for a as a) with (x = 'y')");
    CHECK(s->star_columns && s->watermark);
    CHECK_INT(s->node->create_stmt->n_table_elts, 1);
    wr_statement_free(s);
    s = must("create table t (watermark for a as a, a int)");
    CHECK_INT(s->node->create_stmt->n_table_elts, 1);
    wr_statement_free(s);
    s = must("create table t (a int, b int as a + 1, c text as coalesce('a', 'b'))");
    CHECK_INT(s->node->create_stmt->n_table_elts, 3);
    PgQuery__ColumnDef *b = s->node->create_stmt->table_elts[1]->column_def;
    CHECK_INT(b->location, 23);
    CHECK_INT(b->constraints[0]->constraint->contype, PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED);
    CHECK_INT(b->constraints[0]->constraint->raw_expr->a_expr->location, 34);
    wr_statement_free(s);
    s = must("create table t with (connector = 'kafka') format plain encode avro");
    CHECK_INT(s->node->create_stmt->n_table_elts, 0);
    wr_statement_free(s);
    s = must("create table t;");
    CHECK_INT(s->node->create_stmt->n_table_elts, 0);
    wr_statement_free(s);
    s = must("select 1, * from t except (select 1, 2)");
    CHECK_INT(s->node->select_stmt->op, PG_QUERY__SET_OPERATION__SETOP_EXCEPT);
    wr_statement_free(s);
    s = must("create or replace temp table t as select * from x");
    CHECK(s->or_replace && s->temporary);
    CHECK_INT(s->kind, STMT_POSTGRES);
    CHECK_INT(s->node->node_case, PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT);
    wr_statement_free(s);
    s = must("create source if not exists s (a int) with (connector = 'kafka') format plain encode json");
    CHECK_INT(s->kind, STMT_CREATE_SOURCE);
    CHECK_INT(s->node->node_case, PG_QUERY__NODE__NODE_CREATE_STMT);
    CHECK_INT(s->node->create_stmt->relation->location, 28);
    wr_statement_free(s);
}

static void test_views(void)
{
    struct statement *s =
        must("create or replace materialized view if not exists v (a, b) with (a.b.c = 1) as select 1, 2 "
             "from (select 1) emit on window close");
    CHECK_INT(s->kind, STMT_CREATE_MATERIALIZED_VIEW);
    CHECK(s->or_replace && s->if_not_exists);
    CHECK_STR(s->emit, "ON WINDOW CLOSE");
    CHECK_STR(option(&s->with, "a.b.c"), "1");
    wr_statement_free(s);
    s = must("select * from a join b for system_time as of proctime() on a.x = b.x where b.y > 1");
    CHECK(s->as_of_proctime);
    CHECK_INT(s->as_of_proctime_location, 23);
    wr_statement_free(s);
    s = must("select x from (select 1 as x) where x = 1 and exists (select * from (values (1)), (select 2))");
    PgQuery__SelectStmt *select = s->node->select_stmt;
    CHECK_STR(select->from_clause[0]->range_subselect->alias->aliasname, "unnamed_subquery");
    CHECK_INT(select->where_clause->bool_expr->location, 42);
    wr_statement_free(s);
    s = must("create view v as select a || 'x' | 3 from t");
    CHECK_INT(s->node->node_case, PG_QUERY__NODE__NODE_VIEW_STMT);
    wr_statement_free(s);
}

static void test_sinks(void)
{
    struct statement *s =
        must("create sink if not exists k from public.v with (connector = 'kafka', topic = 't') format "
             "upsert encode json (a = b)");
    CHECK_INT(s->kind, STMT_CREATE_SINK);
    CHECK_STR(s->name, "k");
    CHECK_STR(s->from_relation, "v");
    CHECK_STR(s->from_schema, "public");
    CHECK(s->node == NULL && s->if_not_exists);
    CHECK_STR(s->format, "UPSERT");
    wr_statement_free(s);
    s = must(
        "; create sink k as with q as (select 1) select format, t.\"with\" from t emit on window close with (a='b')");
    CHECK_INT(s->node->node_case, PG_QUERY__NODE__NODE_SELECT_STMT);
    CHECK_INT(s->node->select_stmt->target_list[0]->res_target->location, 47);
    CHECK_STR(option(&s->with, "a"), "b");
    CHECK(s->emit != NULL);
    wr_statement_free(s);
}

/* What a view keeps: the query as written, brackets and all, without what the dialect adds. */
static void test_query_text(void)
{
    static const char *const cases[][2] = {
        {"create materialized view v (x) as select (not a)::int + 1 as x from t;",
         " select (not a)::int + 1 as x from t"},
        {"create view v as select cast(a as int) from t", " select cast(a as int) from t"},
        {"create materialized view v as table t with no data", " table t "},
        {"create sink s as select a as b from t with (connector = 'k')", NULL}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct statement *s = must(cases[i][0]);
        CHECK(s->query != NULL);
        if (s->query && cases[i][1])
            CHECK_STR(s->query, cases[i][1]);
        if (s->query && !cases[i][1])
            CHECK(strstr(s->query, " select a as b from t ") && !strstr(s->query, "connector"));
        wr_statement_free(s);
    }
}

static void test_words(void)
{
    CHECK_INT(must("flush")->kind, STMT_FLUSH);
    CHECK_INT(must("WAIT;")->kind, STMT_WAIT);
    struct statement *s = must("drop source if exists a, b.c cascade;");
    CHECK_INT(s->kind, STMT_DROP);
    CHECK_INT(s->drop_kind, DROP_SOURCE);
    CHECK_INT(s->n_drop_names, 2);
    CHECK_STR(s->drop_names[1].schema, "b");
    CHECK(s->if_exists && s->cascade);
    CHECK_INT(must("drop sink \"A b\"")->drop_kind, DROP_SINK);
    CHECK_STR(must("drop sink \"A \"\"b\"")->name, "A \"b");
    s = must("SHOW MATERIALIZED VIEWS FROM public LIKE 'a%'");
    CHECK_INT(s->show_what, SHOW_MATERIALIZED_VIEWS);
    CHECK_STR(s->show_from, "public");
    CHECK_STR(s->show_like, "a%");
    CHECK_INT(must("show tables")->show_what, SHOW_TABLES);
    CHECK_INT(must("show columns from a.b")->show_what, SHOW_COLUMNS);
    CHECK_INT(must("show create sink k for clickhouse")->show_what, SHOW_CREATE_SINK_FOR_CLICKHOUSE);
    CHECK_INT(must("show create materialized view k")->show_what, SHOW_CREATE_MATERIALIZED_VIEW);
    s = must("show timezone");
    CHECK_INT(s->kind, STMT_POSTGRES);
    wr_statement_free(s);
    CHECK_STR(must("describe Foo")->name, "foo");
}

static void test_explain(void)
{
    struct statement *s = must("explain (verbose, format json, trace) create materialized view v as select 1");
    CHECK_INT(s->kind, STMT_EXPLAIN);
    CHECK_INT(s->explain_options.n, 3);
    CHECK_STR(option(&s->explain_options, "format"), "json");
    CHECK_STR(option(&s->explain_options, "trace"), "");
    CHECK_INT(s->inner->kind, STMT_CREATE_MATERIALIZED_VIEW);
    CHECK_STR(s->inner->text, "create materialized view v as select 1");
    wr_statement_free(s);
    s = must("explain analyze verbose (select 1)");
    CHECK_INT(s->explain_options.n, 2);
    CHECK_INT(s->inner->node->node_case, PG_QUERY__NODE__NODE_SELECT_STMT);
    wr_statement_free(s);
    s = must("explain create sink k from v with (connector = 'kafka')");
    CHECK_INT(s->inner->kind, STMT_CREATE_SINK);
    wr_statement_free(s);
}

static void test_errors(void)
{
    fails("selec 1", "42601", 1, "syntax error at or near \"selec\"");
}

static void test_error_positions(void)
{
    fails("select 'äöü', fro m x y", "42601", 21, "syntax error at or near \"x\"");
    fails("select '\xe2\x82\xac' + ;", "42601", 14, "syntax error at or near \";\"");
    fails("select (1", "42601", 10, "syntax error at end of input");
    fails("select 'abc", "42601", 8, "unterminated quoted string at or near \"'abc\"");
    fails("select 1 /* abc", "42601", 10, "unterminated /* comment at or near \"/* abc\"");
    fails("/* abc", "42601", 1, "unterminated /* comment at or near \"/* abc\"");
    fails_nested(PARSE_COMMENTS_MAX + 1);
    fails("selec 'abc", "42601", 1, "syntax error at or near \"selec\"");
    fails("create sink s from", "42601", 19, "syntax error at end of input");
    fails("create sink s as select a from with (a = 'b')", "42601", 32, "syntax error at or near \"with\"");
    fails("create sink s to t with (a = 'b')", "42601", 15, "syntax error at or near \"to\"");
    fails("create table t (a int) with (a 'b')", "42601", 32, "syntax error at or near \"'b'\"");
    fails("create table t (a int) with (a = )", "42601", 34, "syntax error at or near \")\"");
    fails("create table t (a int) format json", "42601", 35, "syntax error at end of input");
    fails("create table t (a int) format plain encode", "42601", 43, "syntax error at end of input");
    fails("create table t (a int, , b int)", "42601", 24, "syntax error at or near \",\"");
    fails("create table t (a int) on conflict maybe", "42601", 36, "syntax error at or near \"maybe\"");
    fails("flush now", "42601", 7, "syntax error at or near \"now\"");
    fails("drop source", "42601", 12, "syntax error at end of input");
    fails("show columns", "42601", 13, "syntax error at end of input");
    fails("select * from a asof join b on a.x = b.x", "0A000", 17, "ASOF JOIN is not supported");
    fails("select * from a as l asof left join b on true", "0A000", 22, "ASOF JOIN is not supported");
    fails("insert into z select * from a asof join b on a.x = b.x", "0A000", 31, "ASOF JOIN is not supported");
    fails("select array_transform(a, |x| x + 1) from t", "0A000", 27, "a lambda expression is not supported");
    fails("select * from t emit", "0A000", 17, "EMIT without ON WINDOW CLOSE is not supported");
    fails("create table t (a struct<x int, y int>)", "0A000", 19, "type struct is not supported");
    fails("select a, t.* except (a) from t", "0A000", 13, "SELECT * EXCEPT is not supported");
    fails("select map{'a': 1}", "0A000", 8, "a map literal is not supported");
    fails("create secret x with (a = 'b') as 'c'", "0A000", 1, "CREATE SECRET is not supported");
    fails("recover", "0A000", 1, "RECOVER is not supported");
    fails("select \xff", "22021", 0, "invalid byte sequence for encoding \"UTF8\": 0xff");
    fails("select '\xe4\xb8'", "22021", 0, "invalid byte sequence for encoding \"UTF8\": 0xe4 0xb8 0x27");
}

static char *repeat(const char *head, const char *part, int n, const char *tail)
{
    struct wr_buf buf = WR_BUF_INIT;
    wr_buf_puts(&buf, head);
    for (int i = 0; i < n; i++)
        wr_buf_puts(&buf, part);
    wr_buf_puts(&buf, tail);
    return wr_buf_cstr(&buf);
}

static void check_parses(char *text, bool ok, const char *sqlstate)
{
    struct statement *s = parse(text);
    CHECK((s != NULL) == ok);
    CHECK_STR(err.sqlstate, sqlstate);
    wr_statement_free(s);
    wr_arena_reset(&arena);
    free(text);
}

static void *on_small_stack(void *arg)
{
    (void)arg;
    check_parses(repeat("select 1", " + 1", 5000, ""), true, "");
    check_parses(repeat("select 1", " + 1", 20000, ""), true, "");
    return NULL;
}

static void test_size(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    pthread_create(&thread, &attr, on_small_stack, NULL);
    pthread_join(thread, NULL);
    check_parses(repeat("insert into t values (0, 'a', 1.5)", ", (1, 'abc', -2.5)", 100000, ""), true, "");
    check_parses(repeat("select x in (0", ", -17", 100000, ")"), true, "");
    check_parses(repeat("select x in (0", ", 1 + 1", 100000, ")"), false, "54001");
    check_parses(repeat("insert into t values (0", " + 1", 200000, ")"), false, "54001");
    check_parses(repeat("insert into t values (0)", " union values (1)", 200000, ""), false, "54001");
    check_parses(repeat("select 1", " + 1", 200000, ""), false, "54001");
    check_parses(repeat("select ", "(", 100000, ""), false, "54001");
    check_parses(repeat("select 1 from (", "select 1 from (", 3000, "select 1"), false, "54001");
    check_parses(repeat("select * from (select 1)", ", (select 1)", 200, ""), true, "");
}

int main(void)
{
    wr_arena_init(&arena, NULL);
    test_plain();
    test_split();
    test_table();
    test_table_shapes();
    test_views();
    test_sinks();
    test_query_text();
    test_words();
    test_explain();
    test_errors();
    test_error_positions();
    test_size();
    wr_arena_reset(&arena);
    return check_report("parse");
}

/* Parsing: text -> one `struct statement` per statement.
 *
 * libpg_query parses PostgreSQL; what RisingWave's dialect adds is found before by a recogniser over
 * pg_query_scan's tokens, recorded here, and overwritten with blanks (or a PostgreSQL word of the same length), so
 * that every location is a byte offset into the user's own text. Parsing runs on a thread with a deep stack;
 * statements with more than PARSE_TOKENS_MAX tokens are refused (54001), but items of lists do not count.
 *
 * What PostgreSQL's grammar accepts with another meaning than RisingWave's is refused by name (0A000):
 * ASOF JOIN, FROM t EMIT, |x| lambdas. What is lifted out but has no implementation yet is refused by the
 * binder, by name. */
#ifndef WEIR_PARSER_PARSE_H
#define WEIR_PARSER_PARSE_H

#include <pg_query.h>
/* after pg_query.h: protobuf-c structs PgQuery__Node, PgQuery__SelectStmt ... */
#include <pg_query/pg_query.pb-c.h>

#include "base/error.h"
#include "base/mem.h"

#define PARSE_TOKENS_MAX 200000
/* PostgreSQL's scanner reads the rest of the text anew for each comment that begins in another. */
#define PARSE_COMMENTS_MAX 1000

enum statement_kind {
    STMT_POSTGRES, /* node alone says it: SELECT, INSERT, UPDATE, DELETE, CREATE VIEW, DROP, COPY, SET, SHOW var, BEGIN
                      ... */
    STMT_CREATE_TABLE,             /* node: CreateStmt; with/format clauses below (CREATE TABLE AS is STMT_POSTGRES) */
    STMT_CREATE_SOURCE,            /* node: CreateStmt */
    STMT_CREATE_MATERIALIZED_VIEW, /* node: CreateTableAsStmt */
    STMT_CREATE_SINK,              /* name, from_relation or node (SelectStmt) */
    STMT_DROP,                     /* drop_kind, names: DROP SOURCE / SINK (others are STMT_POSTGRES DropStmt) */
    STMT_FLUSH,
    STMT_SHOW,     /* show_what, show_from, show_like: SHOW TABLES ..., SHOW CREATE ... */
    STMT_DESCRIBE, /* name */
    STMT_EXPLAIN,  /* explain_options; `inner` is the statement explained */
    STMT_WAIT      /* wait until background DDL is done */
};

struct option {                       /* key = 'value' of WITH (...), or of FORMAT ... ENCODE ... (...) */
    const char *key;                  /* dotted, as written, unquoted */
    const char *value;                /* text of the literal; numbers and booleans as written */
    int key_location, value_location; /* byte offsets in the text */
};
struct options {
    int n;
    struct option *items;
};

struct watermark_clause { /* WATERMARK FOR column AS expression */
    const char *column;
    const char *expression; /* as written */
    int location, expression_location;
};
struct include_clause { /* INCLUDE what ['name' [type]] [AS alias] */
    const char *what, *name, *type, *alias;
    int location;
};

struct drop_name {
    const char *schema, *name;
    int location;
};

struct statement {
    enum statement_kind kind;
    const PgQuery__Node *node; /* owned by `tree` */
    int location, length;      /* bytes of this statement in the text, without the semicolon */
    const char *text;          /* the statement's own text (arena), exactly as written */
    const char *query; /* CREATE [MATERIALIZED] VIEW, CREATE SINK AS: the query's text, without the dialect's clauses */

    bool or_replace, if_not_exists, if_exists, cascade, temporary;
    const char *name, *schema; /* sink, show create, describe, drop */
    int name_location;
    const char *from_relation, *from_schema; /* CREATE SINK s FROM rel */
    int from_location;
    bool append_only; /* APPEND ONLY */
    int append_only_location;
    enum {
        CONFLICT_DEFAULT,
        CONFLICT_OVERWRITE,
        CONFLICT_IGNORE,
        CONFLICT_DO_UPDATE_IF_NOT_NULL,
        CONFLICT_ERROR
    } on_conflict;
    int on_conflict_location;
    struct options with;                      /* WITH (...): tables, sources, sinks, materialized views */
    const char *format, *encode, *key_encode; /* upper case words of FORMAT x ENCODE y; NULL if absent */
    struct options format_options, key_options;
    int with_location; /* of the word WITH; 0 if absent */
    int format_location;
    bool star_columns;                  /* the column list holds `*`: columns come from the schema registry */
    struct watermark_clause *watermark; /* NULL if absent */
    struct include_clause *includes;
    int n_includes;
    const char *emit; /* "ON WINDOW CLOSE" or NULL */
    int emit_location;
    bool as_of_proctime; /* FOR SYSTEM_TIME AS OF PROCTIME() somewhere in the query */
    int as_of_proctime_location;

    enum {
        SHOW_NONE,
        SHOW_TABLES,
        SHOW_SOURCES,
        SHOW_SINKS,
        SHOW_VIEWS,
        SHOW_MATERIALIZED_VIEWS,
        SHOW_DATABASES,
        SHOW_SCHEMAS,
        SHOW_COLUMNS,
        SHOW_INDEXES,
        SHOW_JOBS,
        SHOW_CREATE_TABLE,
        SHOW_CREATE_VIEW,
        SHOW_CREATE_MATERIALIZED_VIEW,
        SHOW_CREATE_SOURCE,
        SHOW_CREATE_INDEX,
        SHOW_CREATE_SINK,
        SHOW_CREATE_SINK_FOR_CLICKHOUSE
    } show_what;
    const char *show_from, *show_like;
    bool show_ilike; /* show_like was written ILIKE */

    enum { DROP_NONE, DROP_SOURCE, DROP_SINK } drop_kind;
    struct drop_name *drop_names; /* all of them; the first is `name` too */
    int n_drop_names;

    struct statement *inner; /* EXPLAIN */
    struct options explain_options;

    const char *copy_data_note; /* unused by the parser */
    PgQuery__ParseResult *tree; /* freed by wr_statement_free */
};

/* Parses the next statement of text[*offset..len) and moves *offset behind its semicolon, on failure too. *out = NULL
 * at the end of the text (only white space and comments left). err->position: characters from the start of text.
 * Memory: the statement and all its strings live in the arena, except `tree`: call wr_statement_free.
 *
 * In the tree: every location counts from the start of `text`. A subquery in FROM without alias has been given one
 * ("unnamed_subquery", "unnamed_subquery_1" ...; PostgreSQL 16 accepts it). A generated column of the dialect (c type
 * AS expression) is GENERATED ALWAYS AS ... STORED. A table or source without column list has an empty one. The tree
 * can be as deep as a sum has terms: whoever recurses over it runs within wr_deep_stack_run (parser/deep_stack.h). */
bool wr_parse_next(struct wr_arena *arena, const char *text, size_t len, size_t *offset, struct statement **out,
                   struct wr_error *err) WR_MUST;
void wr_statement_free(struct statement *statement);
/* Is there another statement in text[offset..len)? */
bool wr_parse_more(const char *text, size_t len, size_t offset);
/* The expression of the DEFAULT clause that begins in text[from..until), as written; NULL: there is none. The clause
 * ends at `until`, a comma or a closing bracket. */
const char *wr_default_text(struct wr_arena *arena, const char *text, int from, int until);
/* 1-based character position of a byte offset in UTF-8 text (for err->position). */
int wr_char_position(const char *text, int byte_offset);

#endif

/* Inside of engine/: what the forms of COPY share. */
#ifndef WEIR_ENGINE_COPY_H
#define WEIR_ENGINE_COPY_H

#include "engine/session.h"

#define ROWS_PER_BATCH 1024
#define LINE_BYTES_MAX ((size_t)512 << 10) /* of a batch: rows may be wide */

enum copy_forced { COPY_NOT_NULL = 1, COPY_NULL = 2, COPY_QUOTE = 4 };

/* The columns of a table or query, and which of them make the fields of a row. */
struct copy_columns {
    const char *relation; /* NULL: a query's */
    const char *const *names;
    uint16_t n;
    uint16_t *fields; /* column of each field */
    uint16_t nfields;
};

/* How rows are written. */
struct copy_format {
    bool csv, binary, header, header_match;
    char delimiter, quote, escape;
    const char *null_text;
    uint8_t *forced; /* COPY_* of each field */
};

/* The first line decides how lines end; another end in the data is an error, as PostgreSQL has it. */
enum line_end { LINE_END_UNKNOWN, LINE_END_NL, LINE_END_CR, LINE_END_CRNL };

/* How far lines have been looked for in what is pending. */
struct line_scan {
    size_t at; /* behind the last byte that was looked at */
    enum line_end end;
    bool in_quotes, escaped;
};

struct copy_in {
    struct weir_session *session;
    struct wr_arena arena;     /* columns, options */
    struct wr_arena row_arena; /* values of the batch under way */
    struct write_list *list;
    const struct relation *relation;
    struct copy_columns columns;
    struct copy_format format;
    struct expr **defaults; /* by column */
    struct wr_buf pending;  /* bytes not yet made into a line */
    struct line_scan scan;
    int64_t line, more_lines; /* those of the row under way beyond its first: within quotes */
    struct batch *batch;
    size_t line_bytes;        /* of its rows as they came */
    bool ended, blind, begun; /* begun: the header has been read */
    int64_t rows;
};

struct copy_out {
    struct copy_columns columns;
    struct copy_format format;
    struct wr_buf piece; /* what weir_copy_read has given last */
    bool begun, ended;
};

/* A row: its values one by one, then its end. `bytes`: how long it was as it came. */
void wr_copy_begin_row(struct copy_in *copy);
void wr_copy_set(struct copy_in *copy, uint16_t column, const struct datum *value);
bool wr_copy_end_row(struct copy_in *copy, size_t bytes, struct wr_error *err) WR_MUST;
/* Adds where it happened to the error; false. */
bool wr_copy_at(const struct copy_in *copy, const char *column, struct wr_error *err);

/* Files and programs are not read and not written. */
bool wr_copy_check_form(const struct weir_statement *statement, struct wr_error *err) WR_MUST;
/* copy_columns.c: the fields that the statement names, all columns where it names none; the column, the field of a
 * name. `what` is the option that names it. */
bool wr_copy_fields(struct copy_columns *columns, struct wr_arena *arena, const PgQuery__CopyStmt *stmt,
                    struct wr_error *err) WR_MUST;
bool wr_copy_field(const struct copy_columns *columns, const char *name, const char *what, uint16_t *field,
                   struct wr_error *err) WR_MUST;
bool wr_copy_is_field(const struct copy_columns *columns, uint16_t column);
/* The columns of a relation that are seen, their names copied. */
void wr_copy_columns_of(struct copy_columns *columns, struct wr_arena *arena, const struct object *relation);
/* copy_options.c: the options, checked; fields must be known. `text`: of the statement. */
bool wr_copy_options(struct copy_format *format, const struct copy_columns *columns, struct wr_arena *arena,
                     const PgQuery__CopyStmt *stmt, const char *text, struct wr_error *err) WR_MUST;
/* copy_lines.c, copy_binary.c: rows of what is pending. `last`: nothing comes behind it. */
bool wr_copy_lines(struct copy_in *copy, bool last, struct wr_error *err) WR_MUST;
bool wr_copy_binary(struct copy_in *copy, bool last, struct wr_error *err) WR_MUST;
/* The first n of the pending bytes have been read. */
void wr_copy_taken(struct copy_in *copy, size_t n);

#endif

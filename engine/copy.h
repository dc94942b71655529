/* Inside of engine/: what the forms of COPY FROM STDIN share. */
#ifndef WEIR_ENGINE_COPY_H
#define WEIR_ENGINE_COPY_H

#include "engine/session.h"

#define ROWS_PER_BATCH 1024
#define LINE_BYTES_MAX ((size_t)512 << 10) /* of a batch: rows may be wide */

enum copy_forced { COPY_NOT_NULL = 1, COPY_NULL = 2 };

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
    uint16_t nvisible, nfields;
    uint16_t *fields; /* table column of each field */
    uint8_t *forced;  /* COPY_* of each field */
    struct expr **defaults;
    bool csv, binary, header_match, skip_line;
    char delimiter, quote, escape;
    const char *null_text;
    struct wr_buf pending; /* bytes not yet made into a line */
    struct line_scan scan;
    int64_t line, more_lines; /* those of the row under way beyond its first: within quotes */
    struct batch *batch;
    size_t line_bytes;        /* of its rows as they came */
    bool ended, blind, begun; /* begun: the binary form's header has been read */
    int64_t rows;
};

/* A row: its values one by one, then its end. `bytes`: how long it was as it came. */
void wr_copy_begin_row(struct copy_in *copy);
void wr_copy_set(struct copy_in *copy, uint16_t column, const struct datum *value);
bool wr_copy_end_row(struct copy_in *copy, size_t bytes, struct wr_error *err) WR_MUST;
/* Adds where it happened to the error; false. */
bool wr_copy_at(const struct copy_in *copy, const char *column, struct wr_error *err);

/* copy_options.c: the options, checked; fields must be known. And the column of a name. */
bool wr_copy_options(struct copy_in *copy, const struct object *table, const PgQuery__CopyStmt *stmt,
                     const char *statement, struct wr_error *err) WR_MUST;
bool wr_copy_column(const struct copy_in *copy, const struct object *table, const char *name, uint16_t *column,
                    struct wr_error *err) WR_MUST;
/* copy_lines.c, copy_binary.c: rows of what is pending. `last`: nothing comes behind it. */
bool wr_copy_lines(struct copy_in *copy, bool last, struct wr_error *err) WR_MUST;
bool wr_copy_binary(struct copy_in *copy, bool last, struct wr_error *err) WR_MUST;
/* The first n of the pending bytes have been read. */
void wr_copy_taken(struct copy_in *copy, size_t n);

#endif

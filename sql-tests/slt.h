/*
 * A sqllogictest file in memory: its lines, and the records found in them.
 *
 * The dialect is that of sqllogictest-rs. A record knows the lines it came from, so that --record can write the file
 * again with new expectations and everything else as it was.
 */
#ifndef WEIR_SQL_TESTS_SLT_H
#define WEIR_SQL_TESTS_SLT_H

#include <stdbool.h>
#include <stddef.h>

enum record_kind {
    RECORD_STATEMENT, /* statement ok | error [regex] | count N */
    RECORD_QUERY,     /* query <types> [sort mode] | query error [regex] */
    RECORD_SYSTEM,    /* system ok: a shell command, its output after ---- */
    RECORD_SLEEP,
    RECORD_HALT,
    RECORD_RESTART, /* restart [kill]: ours; the server stops and starts again */
    RECORD_CONTROL, /* control substitution on|off, control sortmode <mode> */
    RECORD_INCLUDE,
};

enum expect { EXPECT_OK, EXPECT_ERROR, EXPECT_COUNT, EXPECT_ROWS };
enum sort_mode { SORT_DEFAULT, SORT_NONE, SORT_ROWS, SORT_VALUES };

#define CONDITIONS_MAX 8

struct condition {
    bool only; /* onlyif, otherwise skipif */
    const char *label;
};

struct record {
    enum record_kind kind;
    enum expect expect;
    enum sort_mode sort;
    struct condition conditions[CONDITIONS_MAX];
    size_t nconditions;
    const char *connection; /* "default" unless named */
    const char *argument;   /* regex, types, glob, control's words, "kill" */
    long count;             /* statement count N, sleep in ms */
    int retries;
    int backoff_ms;
    char *sql;
    size_t header;               /* index of the line that opens the record */
    size_t sql_end;              /* first line after the statement */
    size_t want_begin, want_end; /* expected lines, without ---- */
    bool has_want;               /* there is a ---- */
};

struct slt {
    const char *path;
    char **lines;
    size_t nlines;
    struct record *records;
    size_t nrecords;
};

bool slt_read(struct slt *slt, const char *path); /* says why not on stderr */

/* sql_split.c: an INSERT ... VALUES with several rows as one statement per row; NULL where it is none. */
char **sql_split_rows(const char *sql, size_t *count);

#endif

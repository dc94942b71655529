/* Operating errors: bad input, I/O, limits, cancel.
 *
 * A function that can fail returns bool (true = done) and takes a caller-owned
 * `struct wr_error *err` as its last argument; on false the error is filled in.
 * `err` is never NULL. Bugs are asserts; evaluation errors of live rows are data
 * (see executor/op.h), neither goes through here.
 *
 * Wording follows PostgreSQL: message lower case, no full stop, names in double
 * quotes; detail and hint are sentences. */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include "base/base.h"

#define WR_CONSTRAINT_MAX 80 /* a table's name and what is put behind it */

struct wr_error {
    char sqlstate[6]; /* five characters and NUL; "" = no error */
    int position;     /* 1-based, in characters of the statement text; 0 = none */
    char message[1024];
    char detail[512];
    char hint[512];
    char context[512];          /* where in data that is read: a line of COPY */
    char table[64], column[64]; /* whose constraint a row violates; "" = none */
    char constraint[WR_CONSTRAINT_MAX];
};

#define WR_ERROR_INIT  \
    {                  \
        .sqlstate = "" \
    }

/* The SQLSTATEs we raise, by PostgreSQL's names (appendix A of its manual). */
#define ERR_SYNTAX                   "42601"
#define ERR_FEATURE_NOT_SUPPORTED    "0A000"
#define ERR_UNDEFINED_TABLE          "42P01"
#define ERR_UNDEFINED_COLUMN         "42703"
#define ERR_UNDEFINED_FUNCTION       "42883"
#define ERR_UNDEFINED_OBJECT         "42704"
#define ERR_UNDEFINED_PARAMETER      "42P02"
#define ERR_DUPLICATE_TABLE          "42P07"
#define ERR_DUPLICATE_COLUMN         "42701"
#define ERR_DUPLICATE_ALIAS          "42712"
#define ERR_DUPLICATE_OBJECT         "42710"
#define ERR_AMBIGUOUS_COLUMN         "42702"
#define ERR_AMBIGUOUS_FUNCTION       "42725"
#define ERR_DATATYPE_MISMATCH        "42804"
#define ERR_CANNOT_COERCE            "42846"
#define ERR_INDETERMINATE_DATATYPE   "42P18"
#define ERR_GROUPING                 "42803"
#define ERR_WINDOWING                "42P20"
#define ERR_WRONG_OBJECT_TYPE        "42809"
#define ERR_INVALID_COLUMN_REFERENCE "42P10"
#define ERR_INVALID_TABLE_DEFINITION "42P16"
#define ERR_INVALID_DEFINITION       "42P17"
#define ERR_DEPENDENT_OBJECTS        "2BP01"
#define ERR_UNIQUE_VIOLATION         "23505"
#define ERR_NOT_NULL_VIOLATION       "23502"
#define ERR_DIVISION_BY_ZERO         "22012"
#define ERR_NUMERIC_OUT_OF_RANGE     "22003"
#define ERR_INVALID_TEXT             "22P02"
#define ERR_INVALID_BINARY           "22P03"
#define ERR_BAD_COPY                 "22P04"
#define ERR_UNTRANSLATABLE           "22P05"
#define ERR_INVALID_DATETIME         "22007"
#define ERR_DATETIME_OVERFLOW        "22008"
#define ERR_NULL_VALUE_NOT_ALLOWED   "22004"
#define ERR_INVALID_PARAMETER        "22023"
#define ERR_STRING_TRUNCATION        "22001"
#define ERR_INVALID_ESCAPE           "22025"
#define ERR_SUBSTRING                "22011"
#define ERR_ROW_COUNT_LIMIT          "2201W"
#define ERR_ROW_COUNT_OFFSET         "2201X"
#define ERR_BAD_ENCODING             "22021"
#define ERR_CARDINALITY              "21000"
#define ERR_INSUFFICIENT_PRIVILEGE   "42501"
#define ERR_READ_ONLY                "25006"
#define ERR_IN_FAILED_TRANSACTION    "25P02"
#define ERR_ACTIVE_TRANSACTION       "25001"
#define ERR_NO_ACTIVE_TRANSACTION    "25P01"
#define ERR_INVALID_STATEMENT_NAME   "26000"
#define ERR_INVALID_SCHEMA_NAME      "3F000"
#define ERR_INVALID_CURSOR_STATE     "24000"
#define ERR_INVALID_CURSOR_NAME      "34000"
#define ERR_DUPLICATE_CURSOR         "42P03"
#define ERR_SERIALIZATION            "40001"
#define ERR_OUT_OF_MEMORY            "53200"
#define ERR_DISK_FULL                "53100"
#define ERR_CONFIG_LIMIT             "53400"
#define ERR_TOO_MANY_CONNECTIONS     "53300"
#define ERR_TOO_COMPLEX              "54001"
#define ERR_PROGRAM_LIMIT            "54000"
#define ERR_NOT_READY                "55000"
#define ERR_CANT_CHANGE_PARAMETER    "55P02"
#define ERR_LOCKED                   "55006"
#define ERR_QUERY_CANCELED           "57014"
#define ERR_SHUTDOWN                 "57P01"
#define ERR_IO                       "58030"
#define ERR_CONNECTION               "08006"
#define ERR_PROTOCOL                 "08P01"
#define ERR_DATA_CORRUPTED           "XX001"
#define ERR_INTERNAL                 "XX000"

/* Fill `err` and return false, so that `return wr_fail(...)` reads well.
 * Clears all else. */
bool wr_fail(struct wr_error *err, const char *sqlstate, const char *fmt, ...) WR_PRINTF(3, 4);
/* Add to an error just filled; both return false for the same reason. */
bool wr_fail_hint(struct wr_error *err, const char *fmt, ...) WR_PRINTF(2, 3);
bool wr_fail_detail(struct wr_error *err, const char *fmt, ...) WR_PRINTF(2, 3);
bool wr_fail_context(struct wr_error *err, const char *fmt, ...) WR_PRINTF(2, 3);
/* Whose constraint it is; NULL = none. */
bool wr_fail_constraint(struct wr_error *err, const char *table, const char *column, const char *constraint);
/* wr_fail with a 1-based character position in the statement. */
bool wr_fail_at(struct wr_error *err, int position, const char *sqlstate, const char *fmt, ...) WR_PRINTF(4, 5);
void wr_error_clear(struct wr_error *err);

#endif

/* One script: statement after statement, stopping at the first error.
 *
 * Objects that exist as written are skipped (weir_session_skip_existing), so a script can be run again. The data of
 * COPY ... FROM STDIN follow their statement's line and end with a line \. as in psql and pg_dump. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"

static bool read_file(const char *path, struct wr_buf *text)
{
    FILE *file = !strcmp(path, "-") ? stdin : fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "weir: could not open %s: %s\n", path, strerror(errno));
        return false;
    }
    size_t got;
    do {
        got = fread(wr_buf_reserve(text, 65536), 1, 65536, file);
        text->len += got;
    } while (got > 0);
    bool ok = !ferror(file);
    if (!ok)
        fprintf(stderr, "weir: could not read %s: %s\n", path, strerror(errno));
    if (file != stdin)
        fclose(file);
    if (ok && text->len >= 3 && !memcmp(text->data, "\xef\xbb\xbf", 3)) /* a byte order mark is white space */
        memcpy(text->data, "   ", 3);
    wr_buf_cstr(text);
    return ok;
}

static void print_row(weir_result *result)
{
    for (int i = 0, n = weir_result_columns(result); i < n; i++) {
        size_t len = 0;
        const char *text = weir_result_is_null(result, i) ? NULL : weir_result_text(result, i, &len);
        if (i)
            fputc('\t', stdout);
        if (text)
            fwrite(text, 1, len, stdout);
    }
    fputc('\n', stdout);
}

/* After all has been written, or less after an error. */
static bool end_output(weir_code code, weir_error *error)
{
    if (code != WEIR_ERROR && (fflush(stdout) || ferror(stdout))) {
        snprintf(error->sqlstate, sizeof error->sqlstate, "%s", ERR_IO);
        snprintf(error->message, sizeof error->message, "could not write to standard output: %s", strerror(errno));
        return false;
    }
    return code == WEIR_DONE;
}

bool wr_cli_print_rows(weir_result *result, weir_error *error)
{
    weir_code code = WEIR_ROW;
    while (!ferror(stdout) && (code = weir_result_next(result, error)) == WEIR_ROW)
        print_row(result);
    return end_output(code, error);
}

/* From the line behind the statement to a line \. ; moves *at behind that. */
static bool copy_inline(weir_result *result, const struct wr_buf *text, size_t *at, weir_error *error)
{
    const char *line = memchr(text->data + *at, '\n', text->len - *at), *end = text->data + text->len;
    line = line ? line + 1 : end;
    const char *from = line;
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *next = newline ? newline + 1 : end;
        size_t len = (size_t)((newline ? newline : end) - line);
        len -= len && line[len - 1] == '\r';
        if (len == 2 && !memcmp(line, "\\.", 2)) {
            *at = (size_t)(next - text->data);
            return weir_copy_data(result, from, (size_t)(line - from), error) != WEIR_ERROR &&
                   weir_copy_end(result, error) != WEIR_ERROR;
        }
        line = next;
    }
    snprintf(error->sqlstate, sizeof error->sqlstate, "%s", ERR_BAD_COPY);
    snprintf(error->message, sizeof error->message, "the data of COPY do not end with a line \\.");
    return false;
}

static bool copy_out(weir_result *result, weir_error *error)
{
    const char *bytes;
    size_t len;
    weir_code code = WEIR_ROW;
    while (!ferror(stdout) && (code = weir_copy_read(result, &bytes, &len, error)) == WEIR_ROW)
        fwrite(bytes, 1, len, stdout);
    return end_output(code, error);
}

static bool run_statement(weir_statement *statement, const struct wr_buf *text, size_t *at, weir_error *error)
{
    weir_result *result = NULL;
    if (weir_execute(statement, NULL, 0, &result, error) == WEIR_ERROR)
        return false;
    bool ok = weir_statement_is_copy_in(statement)    ? copy_inline(result, text, at, error)
              : weir_statement_is_copy_out(statement) ? copy_out(result, error)
                                                      : wr_cli_print_rows(result, error);
    weir_result_free(result);
    return ok;
}

/* Position of the first token from `at` on: where an error without position happened. */
static int position_of(const struct wr_buf *text, size_t at)
{
    int position = 1;
    while (at < text->len) {
        const char *from = text->data + at;
        size_t blank = strspn(from, " \t\r\n;");
        if (!blank && !strncmp(from, "--", 2))
            blank = strcspn(from, "\n");
        if (!blank)
            break;
        at += blank;
    }
    for (size_t i = 0; i < at; i++)
        position += ((unsigned char)text->data[i] & 0xc0) != 0x80;
    return position;
}

/* WEIR_OK: go on; WEIR_DONE: the end. */
static weir_code step(weir_session *session, const struct wr_buf *text, size_t *at, weir_error *error)
{
    weir_statement *statement = NULL;
    size_t start = *at;
    weir_code code = weir_prepare(session, text->data, text->len, at, NULL, 0, &statement, error);
    if (code == WEIR_OK && !run_statement(statement, text, at, error))
        code = WEIR_ERROR;
    weir_statement_free(statement);
    if (code == WEIR_ERROR && !error->position)
        error->position = position_of(text, start);
    return code;
}

bool wr_cli_script(weir_session *session, const char *path, const atomic_bool *stop_asked)
{
    struct wr_buf text = WR_BUF_INIT;
    weir_error error = {.sqlstate = ""};
    weir_code code = WEIR_OK;
    size_t at = 0;
    if (!read_file(path, &text)) {
        wr_buf_free(&text);
        return false;
    }
    while (code == WEIR_OK && !atomic_load(stop_asked))
        code = step(session, &text, &at, &error);
    if (code == WEIR_DONE && weir_session_state(session) != 'I') {
        snprintf(error.sqlstate, sizeof error.sqlstate, "%s", ERR_ACTIVE_TRANSACTION);
        snprintf(error.message, sizeof error.message, "the script ends inside a transaction: COMMIT is missing");
        code = WEIR_ERROR;
    }
    if (code == WEIR_ERROR)
        wr_cli_report_at(path, text.data, text.len, &error);
    wr_buf_free(&text);
    return code == WEIR_DONE;
}

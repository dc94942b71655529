/* Text -> statement: splits, checks limits, recognises the dialect, parses the rest. See parse.h. */
#include "parser/parse.h"

#include <limits.h>
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "parser/deep_stack.h"
#include "parser/scan.h"

struct parse_job {
    struct scan scan;
    struct split split;
    struct statement *statement;
    bool ok;
};

int wr_char_position(const char *text, int byte_offset)
{
    int position = 1;
    for (int i = 0; i < byte_offset; i++)
        position += ((unsigned char)text[i] & 0xc0) != 0x80;
    return position;
}

/* ---- limits */

/* Depth of the tree is bounded by operator chains; only lists (IN, VALUES) may be longer in all. */
static bool check_size(const struct split *split, struct wr_error *err)
{
    bool is_list = !strcmp(split->first, "insert") && split->has_values && !split->has_set_operation;
    int64_t tokens = is_list ? split->chain : split->tokens - split->listed;
    if (split->comment_depth > PARSE_COMMENTS_MAX) {
        wr_fail(err, ERR_TOO_COMPLEX, "statement too complex");
        return wr_fail_detail(err, "It has comments within comments, the limit is %d.", PARSE_COMMENTS_MAX);
    }
    if (tokens <= PARSE_TOKENS_MAX)
        return true;
    wr_fail(err, ERR_TOO_COMPLEX, "statement too complex");
    return wr_fail_detail(err, "It has %lld tokens, the limit is %d.", (long long)tokens, PARSE_TOKENS_MAX);
}

/* ---- one statement */

static bool is_plain(const struct split *split)
{
    static const char *const words[] = {"insert", "update",   "delete", "values", "begin",
                                        "commit", "rollback", "set",    "reset",  "copy"};
    for (size_t i = 0; i < WR_COUNT(words); i++)
        if (!strcmp(split->first, words[i]))
            return !split->has_dialect;
    return false;
}

/* The scanner sees the whole text first; PostgreSQL would report what is wrong before the open quote. */
static bool scan_failed(struct scan *scan, struct statement *statement)
{
    struct wr_error scan_error = *scan->err;
    int position = scan->err->position;
    if (wr_parse_tree(scan, statement))
        return true;
    if (position && (scan->err->position == 0 || scan->err->position > position))
        *scan->err = scan_error;
    return false;
}

static void set_extent(const struct scan *scan, struct statement *statement, int from)
{
    int start = from < scan->n ? scan->tokens[from].start : 0;
    int end = scan->body;
    while (end > start && wr_is_space(scan->orig[end - 1]))
        end--;
    statement->location = (int)scan->base + start;
    statement->length = end - start;
    statement->text = wr_arena_strndup(scan->arena, scan->orig + start, (size_t)(end - start));
}

/* The query of a view or sink as written: pg_query's deparser drops brackets that matter, (NOT a)::int among them. */
static void set_query(struct scan *scan, int i, struct statement *statement)
{
    bool sink = statement->kind == STMT_CREATE_SINK;
    bool view = statement->kind == STMT_CREATE_MATERIALIZED_VIEW ||
                (statement->kind == STMT_POSTGRES && statement->node->node_case == PG_QUERY__NODE__NODE_VIEW_STMT);
    int as = sink ? 0 : wr_scan_find(scan, i, "as"), last = scan->n;
    if ((!sink && !view) || as == scan->n || !statement->node)
        return;
    if (last > 2 && wr_scan_is(scan, last - 1, "data"))
        last -= wr_scan_is(scan, last - 2, "no") ? 3 : wr_scan_is(scan, last - 2, "with") ? 2 : 0;
    int start = sink ? 0 : scan->tokens[as].end, end = last < scan->n ? scan->tokens[last].start : scan->body;
    statement->query = wr_arena_strndup(scan->arena, scan->work + start, (size_t)(end - start));
}

static bool parse_from(struct scan *scan, int i, struct statement *statement)
{
    bool postgres;
    set_extent(scan, statement, i);
    if (wr_scan_is(scan, i, "explain")) {
        TRY(wr_recognise_explain(scan, &i, statement));
        statement->inner = WR_NEW(scan->arena, struct statement);
        return parse_from(scan, i, statement->inner);
    }
    TRY(wr_recognise(scan, i, statement, &postgres));
    if (!postgres)
        return true;
    TRY(wr_parse_tree(scan, statement));
    /* CREATE TABLE AS: the node says it. */
    if (statement->kind == STMT_CREATE_TABLE && statement->node->node_case != PG_QUERY__NODE__NODE_CREATE_STMT)
        statement->kind = STMT_POSTGRES;
    set_query(scan, i, statement);
    return true;
}

static void parse_statement(void *arg)
{
    struct parse_job *job = arg;
    struct scan *scan = &job->scan;
    if (is_plain(&job->split)) {
        job->ok = wr_parse_tree(scan, job->statement);
    } else if (!wr_scan_tokens(scan)) {
        scan->tokens = NULL;
        scan->n = 0;
        job->ok = scan_failed(scan, job->statement);
    } else if (scan->n == 0) {
        job->ok = wr_parse_tree(scan, job->statement);
    } else {
        job->ok = parse_from(scan, 0, job->statement);
    }
}

static void free_tree(void *arg)
{
    struct statement *statement = arg;
    for (; statement; statement = statement->inner) {
        if (statement->tree)
            pg_query__parse_result__free_unpacked(statement->tree, NULL);
        statement->tree = NULL;
        statement->node = NULL;
    }
}

void wr_statement_free(struct statement *statement)
{
    struct wr_error ignored = WR_ERROR_INIT;
    /* Without a deep stack there would be no tree either: this cannot fail on a thread that parsed. Another thread
     * may find no address space; then the memory stays lost, which is better than a crash. */
    if (statement && !wr_deep_stack_run(free_tree, statement, &ignored))
        statement->tree = NULL;
}

bool wr_parse_more(const char *text, size_t len, size_t offset)
{
    struct split split;
    return wr_split_next(text, len, offset, &split);
}

bool wr_parse_next(struct wr_arena *arena, const char *text, size_t len, size_t *offset, struct statement **out,
                   struct wr_error *err)
{
    struct parse_job job = {.ok = false};
    *out = NULL;
    if (len > INT_MAX / 2)
        return wr_fail(err, ERR_PROGRAM_LIMIT, "statement text is too long");
    if (!wr_split_next(text, len, *offset, &job.split)) {
        *offset = len;
        return true;
    }
    *offset = job.split.next;
    TRY(wr_utf8_check(text + job.split.start, job.split.end - job.split.start, err));
    TRY(check_size(&job.split, err));
    wr_scan_init(&job.scan, arena, text, &job.split, err);
    job.statement = WR_NEW(arena, struct statement);
    set_extent(&job.scan, job.statement, 0);
    if (wr_deep_stack_run(parse_statement, &job, err) && job.ok) {
        *out = job.statement;
        return true;
    }
    wr_statement_free(job.statement);
    return false;
}

/*
 * Runs sqllogictest files through libpq against weir (or PostgreSQL), see --help.
 *
 * Every file gets an empty database of its own. A permutation changes what must not matter: how rows are grouped into
 * statements, the number of workers, restarts, little memory, planner passes left out.
 */
#include <ctype.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define STATEMENT_SECONDS 60

static const char *const passes[] = {"fold",         "factor", "outer_to_inner", "join_order",
                                     "push_filters", "merge",  "extract_keys",   "derive",
                                     "topn",         "share",  "prune",          "unique"};

/* --- statements ----------------------------------------------------------------------------------------------- */

static bool word_at(const char *at, const char *text, const char *word)
{
    size_t len = strlen(word);
    return !strncasecmp(at, word, len) && (at == text || !isalnum((unsigned char)at[-1])) &&
           !isalnum((unsigned char)at[len]);
}

/* PostgreSQL's materialized views stand still: a plain view answers what weir's must. */
static char *for_postgres(const char *sql)
{
    char *text = calloc(strlen(sql) + 1, 1), *to = text;
    bool ddl = false;
    for (const char *at = sql; *at;) {
        if (at == sql || at[-1] == ';')
            ddl = word_at(at, sql, "create") || word_at(at, sql, "drop");
        if (ddl && word_at(at, sql, "materialized")) {
            at += strlen("materialized");
            at += strspn(at, " \n");
            continue;
        }
        *to++ = *at++;
    }
    if (!strcasecmp(text, "flush"))
        text[0] = ';', text[1] = '\0';
    return text;
}

/* $NAME and ${NAME} of the environment. */
static char *substitute(const char *sql)
{
    char *text = strdup("");
    for (const char *at = sql; *at;) {
        char name[128] = "";
        int taken = 0;
        if (sscanf(at, "${%127[A-Za-z0-9_]}%n", name, &taken) < 1 || !taken)
            taken = 0, sscanf(at, "$%127[A-Za-z0-9_]%n", name, &taken);
        const char *value = taken ? getenv(name) : NULL;
        char *longer = value ? format("%s%s", text, value) : format("%s%c", text, *at);
        free(text);
        text = longer;
        at += value ? taken : 1;
    }
    return text;
}

static struct answer lost_answer(const char *why)
{
    return (struct answer){.error = strdup(why), .count = -1, .lost = true};
}

static struct answer run_sql(struct run *run, const char *connection, const char *sql, enum sort_mode sort)
{
    struct session *session = target_session(run->target, connection);
    if (!session)
        return lost_answer("no connection");
    struct answer answer = {.count = -1};
    char *text = run->target->postgres ? for_postgres(sql) : strdup(sql);
    PGresult *result = session_run(session, text, STATEMENT_SECONDS);
    free(text);
    if (!result)
        return lost_answer("no answer in time");
    answer_take(&answer, result, sort);
    if (PQstatus(session->conn) != CONNECTION_OK)
        answer.lost = true;
    if (!answer.error)
        session_remember(session, sql);
    return answer;
}

static struct answer run_rows_alone(struct run *run, const struct record *record, char **statements, size_t count)
{
    struct answer sum = {.count = 0};
    for (size_t i = 0; i < count && !sum.error; i++) {
        struct answer one = run_sql(run, record->connection, statements[i], SORT_NONE);
        sum.count += one.count;
        sum.error = one.error;
        sum.lost = one.lost;
    }
    return sum;
}

static struct answer run_system(struct run *run, const char *command)
{
    struct answer answer = {.count = -1, .lines = calloc(4096, sizeof(char *))};
    char port[16];
    snprintf(port, sizeof port, "%d", run->target->port);
    setenv("PGPORT", port, 1);
    setenv("PGHOST", "127.0.0.1", 1);
    setenv("PGUSER", "root", 1);
    setenv("PGDATABASE", "dev", 1);
    setenv("PGCONNINFO", run->target->postgres ? run->target->postgres : "", 1);
    char *line = NULL, *shell = format("exec 2>&1\n%s\n", command);
    size_t cap = 0;
    fflush(NULL);
    FILE *pipe = popen(shell, "r");
    for (ssize_t n; pipe && answer.nlines < 4096 && (n = getline(&line, &cap, pipe)) >= 0;) {
        line[strcspn(line, "\n")] = 0;
        answer.lines[answer.nlines++] = strdup(*line ? line : "(empty)");
    }
    int status = pipe ? pclose(pipe) : -1;
    if (status)
        answer.error = format("the command ended with %d%s%s", WEXITSTATUS(status), answer.nlines ? ": " : "",
                              answer.nlines ? answer.lines[answer.nlines - 1] : "");
    free(line);
    free(shell);
    return answer;
}

static struct answer answer_to(struct run *run, const struct record *record)
{
    enum sort_mode sort = record->sort ? record->sort : run->sort;
    char *sql = run->substitute ? substitute(record->sql) : strdup(record->sql);
    size_t count = 0;
    bool may_split = run->split_rows && record->kind == RECORD_STATEMENT && record->expect != EXPECT_ERROR;
    char **statements = may_split ? sql_split_rows(sql, &count) : NULL;
    if (record->kind == RECORD_SYSTEM)
        return run_system(run, sql);
    return statements ? run_rows_alone(run, record, statements, count) : run_sql(run, record->connection, sql, sort);
}

/* --- files ---------------------------------------------------------------------------------------------------- */

static bool is_label(const struct run *run, const char *label)
{
    return !strcmp(label, run->target->postgres ? "postgres" : "weir") || !strcmp(label, run->permutation);
}

static bool is_skipped(const struct run *run, const struct record *record)
{
    for (size_t i = 0; i < record->nconditions; i++)
        if (is_label(run, record->conditions[i].label) != record->conditions[i].only)
            return true;
    return false;
}

static bool is_own(const struct record *record)
{
    return record->nconditions > 0;
}

static void control(struct run *run, const char *words)
{
    run->substitute = !strcmp(words, "substitution on") || (run->substitute && strcmp(words, "substitution off"));
    if (!strcmp(words, "sortmode rowsort"))
        run->sort = SORT_ROWS;
    else if (!strcmp(words, "sortmode valuesort"))
        run->sort = SORT_VALUES;
    else if (!strcmp(words, "sortmode nosort"))
        run->sort = SORT_NONE;
}

static void restart(struct run *run, bool kill9)
{
    target_stop(run->target, kill9);
    if (!target_start(run->target))
        run->halted = true;
}

static void run_slt(struct run *run, const char *path);

static void include(struct run *run, const char *pattern)
{
    char *path = strdup(run->slt->path), *full = format("%s/%s", dirname(path), pattern);
    glob_t found;
    struct slt *outer = run->slt;
    if (glob(full, 0, NULL, &found)) {
        fprintf(stderr, "%s: include %s: no such file\n", outer->path, pattern);
        run->failed++;
        return;
    }
    for (size_t i = 0; i < found.gl_pathc && !run->halted; i++)
        run_slt(run, found.gl_pathv[i]);
    globfree(&found);
    run->slt = outer;
    free(path);
    free(full);
}

static void run_runnable(struct run *run, const struct record *record, size_t *from)
{
    if (run->restarts && rand_r(&run->random) % 4 == 0 && target_idle(run->target))
        restart(run, rand_r(&run->random) % 3 == 0);
    struct answer answer = answer_to(run, record);
    for (int i = 0; i < record->retries && !answer.lost && !answer_fits(run, record, &answer); i++) {
        usleep((useconds_t)record->backoff_ms * 1000);
        answer = answer_to(run, record);
    }
    if (run->record && !answer.lost && (!run->record_own || is_own(record))) {
        rewrite_record(run, record, &answer, from);
        run->passed++;
    } else if (answer_check(run, record, &answer)) {
        run->passed++;
    } else {
        run->failed++;
    }
    if (answer.lost || target_died(run->target)) {
        fprintf(stderr, "%s: %s after line %zu\n", run->slt->path,
                target_died(run->target) ? "the server died" : "the connection is lost", record->header + 1);
        run->failed++;
        run->halted = true;
    }
}

static void run_record(struct run *run, const struct record *record, size_t *from)
{
    switch (record->kind) {
    case RECORD_STATEMENT:
    case RECORD_QUERY:
    case RECORD_SYSTEM:
        run_runnable(run, record, from);
        break;
    case RECORD_SLEEP:
        usleep((useconds_t)record->count * 1000);
        break;
    case RECORD_HALT:
        run->halted = true;
        break;
    case RECORD_RESTART:
        restart(run, record->argument && !strncmp(record->argument, "kill", 4));
        break;
    case RECORD_CONTROL:
        control(run, record->argument);
        break;
    case RECORD_INCLUDE:
        include(run, record->argument);
        break;
    }
}

static void run_slt(struct run *run, const char *path)
{
    struct slt slt;
    run->slt = &slt;
    size_t from = 0;
    if (!slt_read(&slt, path)) {
        run->failed++;
        return;
    }
    char **out = run->out;
    size_t nout = run->nout;
    run->out = NULL, run->nout = 0;
    for (size_t i = 0; i < slt.nrecords && !run->halted; i++)
        if (!is_skipped(run, &slt.records[i]))
            run_record(run, &slt.records[i], &from);
    if (run->record) {
        rewrite_until(run, &from, slt.nlines);
        rewrite_save(run);
    }
    run->out = out, run->nout = nout;
}

/* --- permutations --------------------------------------------------------------------------------------------- */

struct options {
    struct target target;
    const char *permutation;
    const char *work;
    bool record, record_own;
    unsigned seed;
    int jobs;
};

static void run_file_once(const struct options *options, const char *path, const char *pass, struct run *total)
{
    struct target target = options->target;
    const char *permutation = options->permutation;
    struct run run = {
        .target = &target, .permutation = permutation, .record = options->record, .record_own = options->record_own};
    run.split_rows = !strcmp(permutation, "row-per-statement");
    run.restarts = !strcmp(permutation, "restart") && !target.postgres;
    run.random = options->seed;
    for (const char *at = path; *at; at++)
        run.random = run.random * 31 + (unsigned char)*at;
    if (!strcmp(permutation, "tiny-memory"))
        target.memory = "64MB";
    if (!strcmp(permutation, "workers-4"))
        target.workers = "4";
    target.disabled_passes = pass;
    snprintf(target.data, sizeof target.data, "%s/data.%d", options->work, (int)getpid());
    snprintf(target.log, sizeof target.log, "%s/log.%d", options->work, (int)getpid());
    if (target_reset(&target)) {
        run_slt(&run, path);
    } else {
        run.failed++;
    }
    target_stop(&target, true);
    char *tidy = format("rm -rf '%s'%s%s", target.data, run.failed ? "" : " ", run.failed ? "" : target.log);
    if (system(tidy))
        perror(tidy);
    free(tidy);
    if (run.failed)
        fprintf(stderr, "%s: %zu passed, %zu failed%s%s; server's log: %s\n", path, run.passed, run.failed,
                pass ? ", disabled_passes " : "", pass ? pass : "", target.log);
    total->passed += run.passed;
    total->failed += run.failed;
}

static void run_file(const struct options *options, const char *path, struct run *total)
{
    if (strcmp(options->permutation, "passes-off") != 0) {
        run_file_once(options, path, NULL, total);
        return;
    }
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        run_file_once(options, path, passes[i], total);
}

/* One process per file, `jobs` at a time; each sends its two counts through the pipe. */
static void start_job(const struct options *options, const char *path, int pipe)
{
    fflush(NULL);
    if (fork())
        return;
    struct run total = {0};
    run_file(options, path, &total);
    size_t counts[2] = {total.passed, total.failed};
    _exit(write(pipe, counts, sizeof counts) != sizeof counts);
}

static void finish_job(int pipe, size_t *passed, size_t *failed)
{
    int status = 0;
    size_t counts[2];
    wait(&status);
    if (status || read(pipe, counts, sizeof counts) != sizeof counts) {
        (*failed)++;
        return;
    }
    *passed += counts[0];
    *failed += counts[1];
}

static const char usage[] =
    "usage: runner --weir BIN | --postgres CONNINFO [options] FILE...\n"
    "  --permutation NAME  plain, row-per-statement, workers-4, restart, tiny-memory, passes-off\n"
    "  --record            write what was answered into the files\n"
    "  --record-own        only for records with an onlyif or skipif\n"
    "  --work DIR          where servers keep data and logs (default: a directory under /tmp)\n"
    "  --jobs N            files at a time\n"
    "  --seed N            decides where the restart permutation restarts\n";

static bool is_permutation(const char *name)
{
    static const char *const names[] = {"plain",   "row-per-statement", "workers-4",
                                        "restart", "tiny-memory",       "passes-off"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static const char *take_option(struct options *options, const char *name, const char *value)
{
    if (!strcmp(name, "--weir"))
        return options->target.weir = value;
    if (!strcmp(name, "--postgres"))
        return options->target.postgres = value;
    if (!strcmp(name, "--permutation") && is_permutation(value))
        return options->permutation = value;
    if (!strcmp(name, "--work"))
        return options->work = value;
    if (!strcmp(name, "--jobs") && (options->jobs = atoi(value)) > 0)
        return value;
    if (!strcmp(name, "--seed"))
        return options->seed = (unsigned)strtoul(value, NULL, 10), value;
    return NULL;
}

static int take_options(struct options *options, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--record"))
            options->record = true;
        else if (!strcmp(argv[i], "--record-own"))
            options->record = options->record_own = true;
        else if (i + 1 >= argc || !take_option(options, argv[i], argv[i + 1]))
            return argc;
        else
            i++;
    }
    return i;
}

int main(int argc, char **argv)
{
    struct options options = {.permutation = "plain", .jobs = 1, .seed = 1};
    options.target.memory = "256MB";
    options.target.workers = "1";
    int first = take_options(&options, argc, argv), running = 0, ends[2];
    if (first >= argc || !options.target.weir == !options.target.postgres) {
        fputs(usage, stderr);
        return 2;
    }
    char work[64] = "/tmp/weir-sql-tests.XXXXXX";
    if (!options.work)
        options.work = mkdtemp(work);
    if (!options.work || pipe(ends)) {
        perror("runner");
        return 2;
    }
    if (options.target.postgres || options.record)
        options.jobs = 1; /* the files share one database */
    size_t passed = 0, failed = 0;
    for (int i = first; i < argc; i++) {
        if (running == options.jobs)
            finish_job(ends[0], &passed, &failed), running--;
        start_job(&options, argv[i], ends[1]), running++;
    }
    for (; running; running--)
        finish_job(ends[0], &passed, &failed);
    rmdir(work);
    printf("sql-tests: %zu passed, %zu failed\n", passed, failed);
    return failed || !passed; /* nothing tested is no success */
}

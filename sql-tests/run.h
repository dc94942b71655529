/* A run of one file: what it is run against and how, the answers of its records, the counts. */
#ifndef WEIR_SQL_TESTS_RUN_H
#define WEIR_SQL_TESTS_RUN_H

#include "slt.h"
#include "target.h"

struct run {
    struct target *target;
    struct slt *slt;
    const char *permutation; /* also a label for onlyif and skipif */
    bool record;
    bool record_own; /* only records with an onlyif or skipif */
    bool split_rows, restarts;
    bool substitute;
    enum sort_mode sort; /* control sortmode */
    unsigned random;
    bool halted;
    size_t passed, failed;
    char **out; /* --record: the file's new lines */
    size_t nout;
};

/* A record's answer, as text. */
struct answer {
    char *error; /* "22012: division by zero (at 8)", NULL if there is none */
    char *types;
    char **lines;
    size_t nlines;
    long count; /* rows a command says it touched; -1 if it does not say */
    bool lost;  /* no answer: time is up or the connection gone */
};

/* answer.c */
void answer_take(struct answer *answer, PGresult *result, enum sort_mode sort); /* clears the result */
char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));   /* allocates, cannot fail */

/* check.c */
bool answer_check(struct run *run, const struct record *record, const struct answer *answer); /* says what differs */
/* Quietly: does the answer fit? Used by retry. */
bool answer_fits(struct run *run, const struct record *record, const struct answer *answer);

/* rewrite.c: --record. `from` is the first line of the file that has not been written yet. */
void rewrite_record(struct run *run, const struct record *record, const struct answer *answer, size_t *from);
void rewrite_until(struct run *run, size_t *from, size_t line); /* lines as they were */
void rewrite_save(struct run *run);

#endif

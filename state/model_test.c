/* The store against a model: random runs, several threads' at once too, commits, snapshots held over many merges, early
 * spills, detached commits, traces emptied and dropped, meta and log records, and reopenings; whatever a version says
 * must be what plain arrays say. Then all of it in processes that are killed, at failpoints and at any moment: the next
 * one must find what some commit held, none older than what was waited for.
 *
 * model_test [--full] [--steps N] [--seed N] [--jobs N] [--memory]; --full: 10^6 steps, shared among seeds */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "state/store.h"
#include "tests/check.h"
#include "tests/jobs.h"

#define KEYS     1500
#define VARIANTS 3
#define TRACES   5
#define PINS     6
#define METAS    50
#define LOGS     2
#define PARTS    400
#define MOMENTS  8

/* weight of (key, variant); UPSERT: [key][0] is the payload's number + 1, 0 = none */
struct content {
    int64_t weight[KEYS][VARIANTS];
};

struct subject {
    uint64_t id;
    enum trace_kind kind;
    struct trace *trace;
    struct content now, durable;
};

/* A log's parts, oldest first; those of the open commit have no number yet. */
struct part {
    uint64_t commit;
    uint32_t len, fill;
};
struct log_model {
    struct part parts[PARTS];
    uint32_t n;
    uint64_t upto; /* to be truncated with the open commit */
};

struct pin {
    struct snapshot *snapshot;
    struct content contents[TRACES];
    uint64_t ids[TRACES];
};

/* What a commit holds. */
struct moment {
    uint64_t commit, ids[TRACES];
    struct content contents[TRACES];
    int64_t metas[METAS];
    struct log_model logs[LOGS];
};

/* In memory that outlives a process that is killed. */
struct history {
    uint64_t acknowledged, next_id;
    struct moment moments[MOMENTS]; /* by number, the last ones */
};

static char dir[256];
static bool memory_only;
static struct history *history;
static struct wr_budget budget;
static struct store *store;
static struct commit *open_commit, *detached;
static struct subject subjects[TRACES];
static struct subject *detached_subject;
static struct pin pins[PINS];
static int64_t metas[METAS], durable_metas[METAS]; /* number + 1; 0: absent */
static struct log_model logs[LOGS];
static uint64_t next_id = 100, state, last_submitted, steps_done;
static int64_t expired_pins, reopenings;

static uint64_t rnd(uint64_t below)
{
    return (check_random(&state) >> 11) % below;
}

static void fatal(const char *what, const struct wr_error *err)
{
    fprintf(stderr, "step %llu: %s: %s %s\n", (unsigned long long)steps_done, what, err->sqlstate, err->message);
    exit(1);
}

/* Keys of different lengths, in the order of their numbers; three or so share a lookup prefix. */
struct key {
    char bytes[32];
    uint32_t len, prefix_len;
};
static struct key keys_of[KEYS];
static char filler[200];

static void make_keys(void)
{
    memset(filler, 'x', sizeof filler);
    for (uint32_t number = 0; number < KEYS; number++) {
        struct key *key = &keys_of[number];
        key->prefix_len = (uint32_t)snprintf(key->bytes, sizeof key->bytes, "g%05u", number / 3);
        key->len = key->prefix_len + (uint32_t)snprintf(key->bytes + key->prefix_len,
                                                        sizeof key->bytes - key->prefix_len, "%u", number % 3);
        for (uint32_t i = 0; i < number % 7; i++)
            key->bytes[key->len++] = (char)('a' + i);
    }
}

/* The variant, the key's number, filling. */
static uint32_t payload_len(uint32_t key, int64_t variant)
{
    return 12 + (key * 7919u + (uint32_t)variant * 104729u) % 150;
}

static uint32_t make_payload(char *to, uint32_t key, int64_t variant)
{
    uint32_t len = payload_len(key, variant);
    memcpy(to, &variant, 8);
    memcpy(to + 8, &key, 4);
    memcpy(to + 12, filler, len - 12);
    return len;
}

/* UPSERT entries that live have weights of several kinds. */
static int64_t upsert_weight(int64_t variant)
{
    return 1 + variant % 3;
}

static void remember(uint64_t commit)
{
    struct moment *moment = &history->moments[commit % MOMENTS];
    moment->commit = commit;
    memcpy(moment->metas, metas, sizeof metas);
    memcpy(moment->logs, logs, sizeof logs);
    for (int i = 0; i < TRACES; i++) {
        moment->ids[i] = subjects[i].id;
        moment->contents[i] = subjects[i].now;
    }
    history->next_id = next_id;
}

static void restore(uint64_t commit)
{
    const struct moment *moment = &history->moments[commit % MOMENTS];
    CHECK_INT(moment->commit, commit);
    CHECK(commit >= history->acknowledged);
    last_submitted = commit;
    next_id = history->next_id;
    memcpy(metas, moment->metas, sizeof metas);
    memcpy(durable_metas, moment->metas, sizeof metas);
    memcpy(logs, moment->logs, sizeof logs);
    for (int i = 0; i < TRACES; i++) {
        subjects[i].id = moment->ids[i];
        subjects[i].now = subjects[i].durable = moment->contents[i];
    }
}

static void open_store(bool killed)
{
    wr_budget_init(&budget, 8 << 20);
    struct store_options options = {
        .dir = memory_only ? NULL : dir, .budget = &budget, .checkpoint_bytes = 200 << 10, .sync = false};
    struct wr_error err = WR_ERROR_INIT;
    store = wr_store_open(&options, &err);
    if (!store)
        fatal("open", &err);
    if (killed)
        restore(wr_store_committed(store));
    for (int i = 0; i < TRACES; i++)
        subjects[i].trace = wr_trace_open(store, subjects[i].id, subjects[i].kind);
}

static struct entry entry_of(uint32_t key, const char *payload)
{
    return (struct entry){.key = keys_of[key].bytes,
                          .key_len = keys_of[key].len,
                          .prefix_len = keys_of[key].prefix_len,
                          .payload = payload};
}

static void add_one(struct run_builder *builder, struct subject *subject, uint32_t key)
{
    char payload[300];
    struct entry entry = entry_of(key, payload);
    if (subject->kind == TRACE_UPSERT) {
        int64_t number = rnd(4) ? (int64_t)rnd(1000) : -1;
        entry.weight = number >= 0 ? upsert_weight(number) : 0;
        entry.payload_len = number >= 0 ? make_payload(payload, key, number) : 0;
        subject->now.weight[key][0] = number + 1;
        wr_run_builder_add(builder, &entry);
        return;
    }
    for (int v = 0; v < VARIANTS; v++) {
        if (rnd(2))
            continue;
        int64_t *weight = &subject->now.weight[key][v];
        entry.weight = subject->kind == TRACE_APPEND ? 1 : rnd(3) ? -*weight : (int64_t)rnd(3) + 1;
        if (!entry.weight)
            continue;
        *weight += entry.weight;
        entry.payload_len = make_payload(payload, key, v);
        wr_run_builder_add(builder, &entry);
    }
}

static void add_run(struct commit *commit, struct subject *subject, uint32_t stride)
{
    struct run_builder *builder = wr_run_builder_new(subject->trace, 0, 0);
    for (uint32_t key = (uint32_t)rnd(stride); key < KEYS; key += 1 + (uint32_t)rnd(stride))
        add_one(builder, subject, key);
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_commit_add(commit, subject->trace, wr_run_builder_finish(builder), &err))
        fatal("add", &err);
}

/* ---- comparing */

static int64_t parse_entry(const struct entry *entry, uint32_t *key)
{
    int64_t variant = -1;
    if (entry->payload_len < 12)
        return -1;
    memcpy(&variant, entry->payload, 8);
    memcpy(key, entry->payload + 8, 4);
    if (*key >= KEYS || variant < 0 || variant >= 1000 || payload_len(*key, variant) != entry->payload_len)
        return -1;
    const struct key *want = &keys_of[*key];
    if (want->len != entry->key_len || memcmp(want->bytes, entry->key, want->len) ||
        want->prefix_len != entry->prefix_len || memcmp(entry->payload + 12, filler, entry->payload_len - 12))
        return -1;
    return variant;
}

static bool scan_into(struct cursor *cursor, enum trace_kind kind, struct content *got)
{
    struct wr_error err = WR_ERROR_INIT;
    char last[64] = "";
    uint32_t last_len = 0;
    bool ok = true;
    for (const struct entry *entry; (entry = wr_cursor_next(cursor, &err));) {
        uint32_t key;
        int64_t variant = parse_entry(entry, &key);
        if (variant < 0 || (kind != TRACE_UPSERT && variant >= VARIANTS)) {
            ok = false;
            break;
        }
        uint32_t common = WR_MIN(last_len, entry->key_len);
        int order = memcmp(last, entry->key, common);
        ok = ok && (order < 0 || (order == 0 && last_len <= entry->key_len)) && entry->weight;
        memcpy(last, entry->key, entry->key_len);
        last_len = entry->key_len;
        if (kind == TRACE_UPSERT) {
            ok = ok && !got->weight[key][0] && entry->weight == upsert_weight(variant);
            got->weight[key][0] = variant + 1;
        } else {
            ok = ok && (kind == TRACE_APPEND || !got->weight[key][variant]);
            got->weight[key][variant] += entry->weight;
        }
    }
    if (err.sqlstate[0])
        fatal("cursor", &err);
    wr_cursor_close(cursor);
    return ok;
}

static void mismatch(const char *what, const struct subject *subject)
{
    check_failed++;
    fprintf(stderr, "step %llu: %s of trace %llu (kind %d) differs\n", (unsigned long long)steps_done, what,
            (unsigned long long)subject->id, subject->kind);
    exit(1);
}

static void check_scan(struct version *version, const struct subject *subject, const struct content *want,
                       const char *what)
{
    static struct content got;
    memset(&got, 0, sizeof got);
    if (!scan_into(wr_cursor_open(version, NULL, 0, NULL, 0), subject->kind, &got) || memcmp(&got, want, sizeof got))
        mismatch(what, subject);
    check_passed++;
}

static void check_range(struct version *version, const struct subject *subject, const struct content *want)
{
    static struct content got, part;
    uint32_t lo = (uint32_t)rnd(KEYS), hi = lo + (uint32_t)rnd(rnd(2) ? KEYS - lo : WR_MIN(30, KEYS - lo));
    const struct key *lo_key = &keys_of[lo], *hi_key = &keys_of[hi];
    memset(&got, 0, sizeof got);
    memset(&part, 0, sizeof part);
    memcpy(part.weight + lo, want->weight + lo, (hi - lo) * sizeof *part.weight);
    if (!scan_into(wr_cursor_open(version, lo_key->bytes, lo_key->len, hi_key->bytes, hi_key->len), subject->kind,
                   &got) ||
        memcmp(&got, &part, sizeof got))
        mismatch("range", subject);
    check_passed++;
}

static void check_prefixes(struct version *version, const struct subject *subject, const struct content *want)
{
    static struct content got, part;
    memset(&got, 0, sizeof got);
    memset(&part, 0, sizeof part);
    for (int i = 0; i < 20; i++) {
        uint32_t first = (uint32_t)rnd(KEYS / 3) * 3, prefix_len = keys_of[first].prefix_len;
        const char *key = keys_of[first].bytes;
        memset(got.weight + first, 0, 3 * sizeof *got.weight);
        memcpy(part.weight + first, want->weight + first, 3 * sizeof *part.weight);
        bool ok = scan_into(wr_cursor_open_prefix(version, key, prefix_len, true), subject->kind, &got);
        bool any = false;
        for (int k = 0; k < 3; k++)
            for (int v = 0; v < VARIANTS; v++)
                any |= want->weight[first + (uint32_t)k][v] != 0;
        if (!ok || (any && wr_version_excludes(version, key, prefix_len)))
            mismatch("prefix", subject);
    }
    if (memcmp(&got, &part, sizeof got))
        mismatch("prefix contents", subject);
    check_passed++;
}

struct got_keys {
    const uint32_t *numbers;
    int64_t *got;
    bool ok;
};

static void note_key(void *context, uint32_t index, const struct entry *entry)
{
    struct got_keys *got = context;
    uint32_t key;
    int64_t variant = parse_entry(entry, &key);
    got->ok = got->ok && variant >= 0 && key == got->numbers[index] && !got->got[index];
    got->got[index] = variant + 1;
}

static void check_get(struct version *version, const struct subject *subject, const struct content *want)
{
    static char bytes[KEYS][64];
    struct str_key keys[KEYS];
    uint32_t numbers[KEYS], n = 0;
    int64_t got[KEYS] = {0};
    uint32_t stride = 1 + (uint32_t)rnd(100);
    for (uint32_t key = (uint32_t)rnd(stride); key < KEYS; key += stride) {
        uint32_t len = keys_of[key].len;
        memcpy(bytes[n], keys_of[key].bytes, len);
        if (!rnd(5))
            bytes[n][len++] = 'q'; /* sorts right after it and before the next; never there */
        numbers[n] = bytes[n][len - 1] == 'q' ? KEYS : key;
        keys[n] = (struct str_key){bytes[n], len};
        n++;
    }
    struct got_keys found = {numbers, got, true};
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_version_get(version, keys, n, note_key, &found, &err))
        fatal("get", &err);
    for (uint32_t i = 0; i < n; i++) {
        int64_t expected = 0;
        bool any = false;
        for (int v = 0; v < VARIANTS && numbers[i] < KEYS; v++)
            any |= want->weight[numbers[i]][v] != 0;
        expected = any && subject->kind == TRACE_UPSERT ? want->weight[numbers[i]][0] : got[i];
        if (!found.ok || (got[i] != 0) != any || got[i] != expected)
            mismatch("get", subject);
    }
    check_passed++;
}

static void check_version(struct version *version, const struct subject *subject, const struct content *want)
{
    switch (rnd(4)) {
    case 0:
        check_scan(version, subject, want, "scan");
        break;
    case 1:
        check_range(version, subject, want);
        break;
    case 2:
        check_prefixes(version, subject, want);
        break;
    default:
        check_get(version, subject, want);
    }
    wr_version_release(version);
}

static void check_pin(struct pin *pin)
{
    for (int i = 0; i < TRACES; i++) {
        struct subject as = subjects[i];
        as.id = pin->ids[i];
        expired_pins += !i && wr_snapshot_expired(pin->snapshot);
        struct trace *trace = wr_trace_open(store, as.id, as.kind);
        check_version(wr_snapshot_version(pin->snapshot, trace), &as, &pin->contents[i]);
    }
}

/* ---- meta and log records: as of the last commit that was waited for */

static uint32_t meta_name(char name[32], uint32_t number)
{
    return (uint32_t)snprintf(name, 32, "m/%u/%u", number % 3, number);
}

static void step_meta(void)
{
    char name[32];
    uint32_t number = (uint32_t)rnd(METAS), len = meta_name(name, number);
    if (rnd(4)) {
        metas[number] = (int64_t)rnd(1000) + 1;
        wr_commit_put(open_commit, name, len, filler, (size_t)metas[number] % sizeof filler);
    } else {
        metas[number] = 0;
        wr_commit_delete(open_commit, name, len);
    }
}

struct meta_scan {
    uint32_t last_len, seen;
    char last[32];
    bool ok;
};

static bool visit_meta(void *context, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct meta_scan *scan = context;
    char name[32] = "";
    memcpy(name, key, WR_MIN(key_len, sizeof name - 1));
    unsigned group = 9, number = METAS;
    scan->ok = scan->ok && sscanf(name, "m/%u/%u", &group, &number) == 2 && number < METAS && durable_metas[number] &&
               (size_t)durable_metas[number] % sizeof filler == value_len && strcmp(scan->last, name) < 0;
    snprintf(scan->last, sizeof scan->last, "%s", name);
    scan->seen++;
    return scan->ok;
}

static void check_metas(void)
{
    uint32_t group = (uint32_t)rnd(3), want = 0;
    char prefix[16];
    struct meta_scan scan = {.ok = true};
    struct wr_buf value = WR_BUF_INIT;
    for (uint32_t i = group; i < METAS; i += 3)
        want += durable_metas[i] != 0;
    int len = snprintf(prefix, sizeof prefix, "m/%u/", group);
    wr_store_scan(store, prefix, (size_t)len, visit_meta, &scan);
    CHECK(scan.ok);
    CHECK_INT(scan.seen, want);
    char name[32];
    uint32_t number = (uint32_t)rnd(METAS);
    CHECK_INT(wr_store_get(store, name, meta_name(name, number), &value), durable_metas[number] != 0);
    wr_buf_free(&value);
}

static void step_log(void)
{
    struct log_model *log = &logs[rnd(LOGS)];
    static char big[300 << 10];
    if (!rnd(200)) { /* as when its sink is dropped: what the open commit adds goes, too */
        log->upto = UINT64_MAX;
        wr_commit_log_truncate(open_commit, (uint64_t)(log - logs), log->upto);
        return;
    }
    if (log->n == PARTS || !rnd(20)) {
        uint64_t upto = last_submitted > 3 ? last_submitted - rnd(3) : 0;
        log->upto = WR_MAX(log->upto, upto);
        wr_commit_log_truncate(open_commit, (uint64_t)(log - logs), log->upto);
        return;
    }
    struct part part = {0, rnd(60) ? (uint32_t)rnd(200) : (uint32_t)sizeof big - (uint32_t)rnd(80000),
                        (uint32_t)rnd(256)};
    memset(big, (int)part.fill, part.len);
    wr_commit_log(open_commit, (uint64_t)(log - logs), big, part.len);
    log->parts[log->n++] = part;
}

static void number_logs(uint64_t commit)
{
    for (int l = 0; l < LOGS; l++) {
        struct log_model *log = &logs[l];
        uint32_t kept = 0;
        for (uint32_t i = 0; i < log->n; i++) {
            if (!log->parts[i].commit)
                log->parts[i].commit = commit;
            if (log->parts[i].commit > log->upto)
                log->parts[kept++] = log->parts[i];
        }
        log->n = kept;
        log->upto = log->upto == UINT64_MAX ? commit : log->upto;
    }
}

struct log_scan {
    const struct log_model *log;
    uint32_t at;
    bool ok;
};

static bool visit_log(void *context, uint64_t commit, const void *bytes, size_t len)
{
    struct log_scan *scan = context;
    const struct part *part = &scan->log->parts[scan->at];
    const char *b = bytes;
    scan->ok = scan->ok && scan->at < scan->log->n && part->commit == commit && part->len == len &&
               (!len || (b[0] == (char)part->fill && b[len - 1] == (char)part->fill));
    scan->at++;
    return scan->ok;
}

static void check_logs(void)
{
    uint64_t id = rnd(LOGS), back = rnd(20), after = rnd(2) || back > last_submitted ? 0 : last_submitted - back;
    struct log_scan scan = {&logs[id], 0, true};
    uint32_t numbered = 0;
    for (uint32_t i = 0; i < logs[id].n; i++) {
        scan.at += logs[id].parts[i].commit && logs[id].parts[i].commit <= after;
        numbered += logs[id].parts[i].commit != 0;
    }
    wr_store_log_scan(store, id, after, visit_log, &scan);
    CHECK(scan.ok);
    CHECK_INT(scan.at, numbered);
}

/* ---- steps */

static void submit(bool wait)
{
    struct wr_error err = WR_ERROR_INIT;
    if (!rnd(10) && !wr_commit_lighten(open_commit, &err))
        fatal("lighten", &err);
    uint64_t number = wr_store_next_commit(store);
    number_logs(number);
    remember(number);
    last_submitted = wr_commit_submit(open_commit, NULL, NULL);
    CHECK_INT(last_submitted, number);
    memcpy(durable_metas, metas, sizeof metas);
    for (int i = 0; i < TRACES; i++)
        subjects[i].durable = subjects[i].now;
    open_commit = wr_commit_begin(store);
    if (!wait)
        return;
    if (!wr_store_wait(store, last_submitted, &err))
        fatal("wait", &err);
    history->acknowledged = last_submitted;
    check_metas();
    check_logs();
}

static void take_pin(struct pin *pin)
{
    struct wr_error err = WR_ERROR_INIT;
    bool waited = rnd(2);
    if (waited && last_submitted && !wr_store_wait(store, last_submitted, &err))
        fatal("wait", &err);
    pin->snapshot = wr_store_snapshot(store);
    uint64_t commit = wr_snapshot_commit(pin->snapshot);
    CHECK(waited ? commit == last_submitted : commit <= last_submitted);
    const struct moment *moment = &history->moments[commit % MOMENTS];
    CHECK_INT(moment->commit, commit);
    for (int i = 0; i < TRACES; i++) {
        pin->contents[i] = moment->contents[i];
        pin->ids[i] = moment->ids[i];
    }
}

static void drop_pins(void)
{
    for (int i = 0; i < PINS; i++) {
        if (!pins[i].snapshot)
            continue;
        check_pin(&pins[i]);
        wr_snapshot_release(pins[i].snapshot);
        pins[i].snapshot = NULL;
    }
}

/* A detached commit's run of an ordinary trace shows when the commit is absorbed, not before. */
static void add_unseen(struct subject *subject)
{
    static struct subject before;
    before = *subject;
    add_run(detached, subject, 1 + (uint32_t)rnd(100));
    check_version(wr_trace_current(subject->trace), &before, &before.now);
}

static void end_detached(bool absorb)
{
    if (!detached)
        return;
    if (absorb) { /* it takes the place of a trace that goes in the same commit */
        struct subject *place = &subjects[rnd(TRACES)];
        while (place->kind != detached_subject->kind)
            place = &subjects[rnd(TRACES)];
        struct subject *other = &subjects[rnd(TRACES)];
        if (other != place && other->kind != TRACE_UPSERT)
            add_unseen(other);
        struct wr_error err = WR_ERROR_INIT;
        if (rnd(2) && !wr_commit_lighten(detached, &err))
            fatal("lighten", &err);
        wr_commit_drop_trace(open_commit, place->trace);
        wr_commit_absorb(open_commit, detached);
        *place = *detached_subject;
        memset(&place->durable, 0, sizeof place->durable);
        detached = NULL;
        submit(true);
    } else {
        wr_commit_abandon(detached);
    }
    free(detached_subject);
    detached_subject = NULL;
    detached = NULL;
}

static void step_detached(void)
{
    if (!detached) {
        detached = wr_commit_detached(store);
        detached_subject = calloc(1, sizeof *detached_subject);
        detached_subject->id = next_id++;
        detached_subject->kind = subjects[rnd(TRACES)].kind;
        detached_subject->trace = wr_trace_open_detached(store, detached, detached_subject->id, detached_subject->kind);
    }
    add_run(detached, detached_subject, 1 + (uint32_t)rnd(30));
    check_version(wr_trace_current(detached_subject->trace), detached_subject, &detached_subject->now);
    if (!rnd(6))
        end_detached(rnd(2));
}

/* Every key of it goes, one by one; then it is as if it had never been. */
static void step_clear(void)
{
    struct subject *subject = &subjects[rnd(TRACES)];
    if (subject->kind == TRACE_APPEND)
        return;
    struct run_builder *builder = wr_run_builder_new(subject->trace, 0, 0);
    char payload[300];
    for (uint32_t key = 0; key < KEYS; key++)
        for (int v = 0; v < VARIANTS; v++) {
            int64_t *weight = &subject->now.weight[key][v];
            if (!*weight)
                continue;
            struct entry entry = entry_of(key, payload);
            if (subject->kind == TRACE_ZSET) {
                entry.payload_len = make_payload(payload, key, v);
                entry.weight = -*weight;
            }
            *weight = 0;
            wr_run_builder_add(builder, &entry);
        }
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_commit_add(open_commit, subject->trace, wr_run_builder_finish(builder), &err))
        fatal("add", &err);
    struct version *version = wr_trace_current(subject->trace);
    check_scan(version, subject, &subject->now, "cleared");
    wr_version_release(version);
}

/* Several workers, each with its part of the keys. */
struct share {
    struct subject *subject;
    struct run *run;
};

static void *add_share(void *context)
{
    struct share *share = context;
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_commit_add(open_commit, share->subject->trace, share->run, &err))
        fatal("add", &err);
    return NULL;
}

static void step_workers(void)
{
    enum { WORKERS = 3 };
    struct subject *subject = &subjects[rnd(TRACES)];
    struct share shares[WORKERS];
    pthread_t threads[WORKERS];
    uint32_t stride = 1 + (uint32_t)rnd(50);
    for (uint32_t w = 0; w < WORKERS; w++) {
        struct run_builder *builder = wr_run_builder_new(subject->trace, 0, 0);
        for (uint32_t key = w * KEYS / WORKERS; key < (w + 1) * KEYS / WORKERS; key += 1 + (uint32_t)rnd(stride))
            add_one(builder, subject, key);
        shares[w] = (struct share){subject, wr_run_builder_finish(builder)};
    }
    for (int w = 0; w < WORKERS; w++)
        pthread_create(&threads[w], NULL, add_share, &shares[w]);
    for (int w = 0; w < WORKERS; w++)
        pthread_join(threads[w], NULL);
}

static void step_drop(void)
{
    struct subject *subject = &subjects[rnd(TRACES)];
    wr_commit_drop_trace(open_commit, subject->trace);
    memset(&subject->now, 0, sizeof subject->now);
    submit(rnd(2));
    bool same_id = rnd(2);
    subject->id = same_id ? subject->id : next_id++;
    subject->trace = wr_trace_open(store, subject->id, subject->kind);
}

static void check_all(const char *what)
{
    check_metas();
    check_logs();
    for (int i = 0; i < TRACES; i++) {
        struct version *version = wr_trace_current(subjects[i].trace);
        check_scan(version, &subjects[i], &subjects[i].durable, what);
        wr_version_release(version);
    }
}

static void reopen(void)
{
    end_detached(false);
    submit(true);
    drop_pins();
    if (rnd(2))
        wr_store_settle(store);
    wr_commit_abandon(open_commit);
    uint64_t committed = wr_store_committed(store);
    wr_store_close(store);
    open_store(false);
    reopenings++;
    CHECK_INT(wr_store_committed(store), committed);
    open_commit = wr_commit_begin(store);
    check_all("reopened");
}

static void step(void)
{
    struct subject *subject = &subjects[rnd(TRACES)];
    uint64_t what = rnd(1000);
    if (what < 500) {
        add_run(open_commit, subject, 20 + (uint32_t)rnd(400));
    } else if (what < 510) {
        for (uint64_t i = rnd(8); i > 0; i--) /* enough for an early spill now and then */
            add_run(open_commit, subject, 1 + (uint32_t)rnd(3));
    } else if (what < 600) {
        submit(!rnd(4));
    } else if (what < 640) {
        struct pin *pin = &pins[rnd(PINS)];
        if (pin->snapshot) {
            check_pin(pin);
            wr_snapshot_release(pin->snapshot);
            pin->snapshot = NULL;
        } else {
            take_pin(pin);
        }
    } else if (what < 665) {
        step_detached();
    } else if (what < 668) {
        step_drop();
    } else if (what < 669) {
        if (!memory_only)
            reopen();
    } else if (what < 674) {
        step_clear();
    } else if (what < 690) {
        step_workers();
    } else if (what < 720) {
        step_meta();
    } else if (what < 745) {
        step_log();
    } else if (what < 930) {
        check_version(wr_trace_current(subject->trace), subject, &subject->now);
    }
}

static void remove_dir(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command))
        fprintf(stderr, "could not remove %s\n", dir);
}

static void begin(void)
{
    static const enum trace_kind kinds[TRACES] = {TRACE_ZSET, TRACE_UPSERT, TRACE_APPEND, TRACE_UPSERT, TRACE_ZSET};
    memset(subjects, 0, sizeof subjects);
    memset(metas, 0, sizeof metas);
    memset(durable_metas, 0, sizeof durable_metas);
    memset(logs, 0, sizeof logs);
    memset(history, 0, sizeof *history);
    last_submitted = 0;
    expired_pins = reopenings = 0;
    for (int i = 0; i < TRACES; i++) {
        subjects[i].id = next_id++;
        subjects[i].kind = kinds[i];
    }
    remember(0);
}

static void run(uint64_t steps)
{
    begin();
    open_store(false);
    open_commit = wr_commit_begin(store);
    for (steps_done = 0; steps_done < steps && !check_failed; steps_done++)
        step();
    end_detached(true);
    submit(true);
    drop_pins();
    struct store_stats stats;
    wr_store_stats(store, &stats);
    printf("%s: commits %llu, reopened %lld times, pins expired %lld; now merges %lld, disk %lld, ram runs %lld\n",
           memory_only ? "memory" : "disk", (unsigned long long)last_submitted, (long long)reopenings,
           (long long)expired_pins, (long long)stats.merges, (long long)stats.disk_bytes,
           (long long)stats.ram_run_bytes);
    wr_commit_abandon(open_commit);
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
    if (check_failed)
        fprintf(stderr, "failed at step %llu\n", (unsigned long long)steps_done);
}

/* ---- kills */

static void live(void)
{
    open_store(true);
    check_all("after a kill");
    open_commit = wr_commit_begin(store);
    uint64_t steps = rnd(600);
    for (steps_done = 0; steps_done < steps && !check_failed; steps_done++)
        step();
    if (check_failed)
        _exit(1);
    poll(NULL, 0, (int)rnd(2) * (int)rnd(10)); /* the threads go on */
    kill(getpid(), SIGKILL);
}

/* Where a process of the test is stopped, if it comes there; else it is after some steps. */
static void arm(void)
{
    static const char *const points[] = {"delta-written", "ingested",        "commit-record-written",
                                         "merge-written", "merge-installed", "file-deleted"};
    char spec[64];
    if (rnd(2))
        return;
    snprintf(spec, sizeof spec, "%s:%d", points[rnd(WR_COUNT(points))], 1 + (int)rnd(8));
    setenv("WEIR_FAILPOINT", spec, 1);
    if (!wr_failpoint_init())
        _exit(2);
}

static void kill_often(uint64_t rounds)
{
    remove_dir();
    begin();
    fflush(stdout);
    for (uint64_t round = 0; round < rounds && !check_failed; round++) {
        uint64_t seed = rnd(UINT32_MAX) + 1;
        int status = 0;
        pid_t pid = fork();
        if (!pid) {
            state = seed;
            arm();
            live();
        }
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    printf("killed %llu times, commits %llu\n", (unsigned long long)rounds, (unsigned long long)history->acknowledged);
}

/* One seed: kills, then a fifth of the steps on a store in memory, the rest on disk. Kills come first: a process that
 * has opened a directory has threads of RocksDB's, which its children would wait for and not have. */
static int run_seed(const struct jobs *jobs, uint64_t seed, uint64_t steps)
{
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    state = seed * 0x9E3779B97F4A7C15ull + 1;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/weir-model-test-%d", tmp ? tmp : "/tmp", (int)getpid());
    history = mmap(NULL, sizeof *history, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (history == MAP_FAILED)
        return 1;
    if (!jobs->option)
        kill_often(steps / 500);
    remove_dir();
    memory_only = true;
    run(jobs->option ? steps : steps / 5);
    if (!jobs->option) {
        memory_only = false;
        run(steps - steps / 5);
    }
    remove_dir();
    return check_report("model");
}

int main(int argc, char **argv)
{
    make_keys();
    return jobs_main(argc, argv, 8000, 1000000, "--memory", run_seed);
}

/* The store against a model: random runs, commits, snapshots held for a while, early spills, detached commits, drops
 * and reopenings; whatever a version says must be what plain arrays say.
 *
 * model_test [--full] [--steps N] [--seed N] [--memory] */
#include <stdlib.h>
#include <unistd.h>

#include "state/store.h"
#include "tests/check.h"

#define KEYS     1500
#define VARIANTS 3
#define TRACES   5
#define PINS     4

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

struct pin {
    struct snapshot *snapshot;
    struct content contents[TRACES];
    uint64_t ids[TRACES];
};

static char dir[256];
static bool memory_only;
static struct wr_budget budget;
static struct store *store;
static struct commit *open_commit, *detached;
static struct subject subjects[TRACES];
static struct subject *detached_subject;
static struct pin pins[PINS];
static uint64_t next_id = 100, state, last_submitted, steps_done;

static uint64_t rnd(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

static void fatal(const char *what, const struct wr_error *err)
{
    fprintf(stderr, "step %llu: %s: %s %s\n", (unsigned long long)steps_done, what, err->sqlstate, err->message);
    exit(1);
}

/* Keys of different lengths, in the order of their numbers; three or so share a lookup prefix. */
static uint32_t make_key(char *to, uint32_t number, uint32_t *prefix_len)
{
    int len = sprintf(to, "g%05u", number / 3);
    *prefix_len = (uint32_t)len;
    len += sprintf(to + len, "%u", number % 3);
    for (uint32_t i = 0; i < number % 7; i++)
        to[len++] = (char)('a' + i);
    return (uint32_t)len;
}

static uint32_t make_payload(char *to, uint32_t key, int64_t variant)
{
    int len = sprintf(to, "%lld:%u:", (long long)variant, key);
    uint32_t fill = (key * 7919u + (uint32_t)variant * 104729u) % 150;
    memset(to + len, 'x', fill);
    return (uint32_t)len + fill;
}

static void open_store(void)
{
    wr_budget_init(&budget, 8 << 20);
    struct store_options options = {
        .dir = memory_only ? NULL : dir, .budget = &budget, .checkpoint_bytes = 200 << 10, .sync = false};
    struct wr_error err = WR_ERROR_INIT;
    store = wr_store_open(&options, &err);
    if (!store)
        fatal("open", &err);
    for (int i = 0; i < TRACES; i++)
        subjects[i].trace = wr_trace_open(store, subjects[i].id, subjects[i].kind);
}

static void add_one(struct run_builder *builder, struct subject *subject, uint32_t key)
{
    char bytes[64], payload[300];
    struct entry entry = {.key = bytes, .payload = payload};
    entry.key_len = make_key(bytes, key, &entry.prefix_len);
    if (subject->kind == TRACE_UPSERT) {
        int64_t number = rnd(4) ? (int64_t)rnd(1000) : -1;
        entry.weight = number >= 0;
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
    char text[64], bytes[64], payload[300];
    uint32_t len = WR_MIN(entry->payload_len, 40u), prefix_len;
    memcpy(text, entry->payload, len);
    text[len] = '\0';
    long long variant = -1;
    *key = 0;
    if (sscanf(text, "%lld:%u:", &variant, key) != 2 || *key >= KEYS)
        return -1;
    len = make_key(bytes, *key, &prefix_len);
    uint32_t payload_len = make_payload(payload, *key, variant);
    if (len != entry->key_len || memcmp(bytes, entry->key, len) || payload_len != entry->payload_len ||
        memcmp(payload, entry->payload, payload_len) || prefix_len != entry->prefix_len)
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
            ok = ok && !got->weight[key][0];
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
    uint32_t lo = (uint32_t)rnd(KEYS), hi = lo + (uint32_t)rnd(KEYS - lo), ignored;
    char lo_key[64], hi_key[64];
    uint32_t lo_len = make_key(lo_key, lo, &ignored), hi_len = make_key(hi_key, hi, &ignored);
    memset(&got, 0, sizeof got);
    memset(&part, 0, sizeof part);
    memcpy(part.weight + lo, want->weight + lo, (hi - lo) * sizeof *part.weight);
    if (!scan_into(wr_cursor_open(version, lo_key, lo_len, hi_key, hi_len), subject->kind, &got) ||
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
        uint32_t first = (uint32_t)rnd(KEYS / 3) * 3, prefix_len;
        char key[64];
        make_key(key, first, &prefix_len);
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
    uint32_t numbers[KEYS], n = 0, ignored;
    int64_t got[KEYS] = {0};
    uint32_t stride = 1 + (uint32_t)rnd(100);
    for (uint32_t key = (uint32_t)rnd(stride); key < KEYS; key += stride) {
        uint32_t len = make_key(bytes[n], key, &ignored);
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
        struct trace *trace = wr_trace_open(store, as.id, as.kind);
        check_version(wr_snapshot_version(pin->snapshot, trace), &as, &pin->contents[i]);
    }
}

/* ---- steps */

static void submit(bool wait)
{
    struct wr_error err = WR_ERROR_INIT;
    last_submitted = wr_commit_submit(open_commit, NULL, NULL);
    for (int i = 0; i < TRACES; i++)
        subjects[i].durable = subjects[i].now;
    open_commit = wr_commit_begin(store);
    if (wait && !wr_store_wait(store, last_submitted, &err))
        fatal("wait", &err);
}

static void take_pin(struct pin *pin)
{
    struct wr_error err = WR_ERROR_INIT;
    if (last_submitted && !wr_store_wait(store, last_submitted, &err))
        fatal("wait", &err);
    pin->snapshot = wr_store_snapshot(store);
    CHECK_INT(wr_snapshot_commit(pin->snapshot), last_submitted);
    for (int i = 0; i < TRACES; i++) {
        pin->contents[i] = subjects[i].durable;
        pin->ids[i] = subjects[i].id;
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

static void end_detached(bool absorb)
{
    if (!detached)
        return;
    if (absorb) { /* it takes the place of a trace that goes in the same commit */
        struct subject *place = &subjects[rnd(TRACES)];
        while (place->kind != detached_subject->kind)
            place = &subjects[rnd(TRACES)];
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

static void step_drop(void)
{
    struct subject *subject = &subjects[rnd(TRACES)];
    wr_commit_drop_trace(open_commit, subject->trace);
    submit(rnd(2));
    bool same_id = rnd(2);
    subject->id = same_id ? subject->id : next_id++;
    subject->trace = wr_trace_open(store, subject->id, subject->kind);
    memset(&subject->now, 0, sizeof subject->now);
    subject->durable = subject->now;
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
    open_store();
    CHECK_INT(wr_store_committed(store), committed);
    open_commit = wr_commit_begin(store);
    for (int i = 0; i < TRACES; i++) {
        struct version *version = wr_trace_current(subjects[i].trace);
        check_scan(version, &subjects[i], &subjects[i].durable, "reopened");
        wr_version_release(version);
    }
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
    } else if (what < 670 && !memory_only) {
        reopen();
    } else if (what < 900) {
        check_version(wr_trace_current(subject->trace), subject, &subject->now);
    }
}

static void run(uint64_t steps)
{
    static const enum trace_kind kinds[TRACES] = {TRACE_ZSET, TRACE_UPSERT, TRACE_APPEND, TRACE_UPSERT, TRACE_ZSET};
    memset(subjects, 0, sizeof subjects);
    last_submitted = 0;
    for (int i = 0; i < TRACES; i++) {
        subjects[i].id = next_id++;
        subjects[i].kind = kinds[i];
    }
    open_store();
    open_commit = wr_commit_begin(store);
    for (steps_done = 0; steps_done < steps; steps_done++)
        step();
    end_detached(true);
    submit(true);
    drop_pins();
    struct store_stats stats;
    wr_store_stats(store, &stats);
    printf("%s: commits %lld, merges %lld, disk %lld, ram runs %lld\n", memory_only ? "memory" : "disk",
           (long long)stats.commits, (long long)stats.merges, (long long)stats.disk_bytes,
           (long long)stats.ram_run_bytes);
    wr_commit_abandon(open_commit);
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

int main(int argc, char **argv)
{
    uint64_t steps = 6000, seed = (uint64_t)getpid();
    bool only_memory = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--full"))
            steps = 1000000;
        else if (!strcmp(argv[i], "--memory"))
            only_memory = true;
        else if (!strcmp(argv[i], "--steps") && i + 1 < argc)
            steps = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
    }
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    state = seed * 0x9E3779B97F4A7C15ull + 1;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/weir-model-test-%d", tmp ? tmp : "/tmp", (int)getpid());
    memory_only = true;
    run(only_memory ? steps : steps / 4);
    if (!only_memory) {
        memory_only = false;
        run(steps);
    }
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command))
        fprintf(stderr, "could not remove %s\n", dir);
    return check_report("model");
}

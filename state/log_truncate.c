/* Output logs lose what is delivered, commit by commit, in the batch of a later commit.
 *
 * Records go by their keys. A deleted range would be one write, but every reader of the column family sorts all the
 * ranges that its memtable holds, and a log is truncated at every commit: after an hour that is all a sink would do. A
 * log that goes as a whole (its sink is dropped) is a range: what is still being written belongs to it too. */
#include "state/store_impl.h"

static struct log_mark *mark_of(struct store *store, uint64_t log_id)
{
    for (uint32_t i = 0; i < store->log_marks_n; i++)
        if (store->log_marks[i].log_id == log_id)
            return &store->log_marks[i];
    WR_GROW(store->log_marks, store->log_marks_n, store->log_marks_cap);
    struct log_mark *mark = &store->log_marks[store->log_marks_n++];
    *mark = (struct log_mark){log_id, 0};
    return mark;
}

/* Only what was written before the batch: what is delivered is durable. */
static void delete_records(struct store *store, rocksdb_writebatch_t *batch, uint64_t log_id, uint64_t from,
                           uint64_t upto)
{
    char key[LOG_KEY_SIZE];
    wr_log_key(key, log_id, from, 0);
    rocksdb_iterator_t *it =
        rocksdb_create_iterator_cf(store->rocks.db, store->rocks.read_options, store->rocks.cf[CF_LOG]);
    for (rocksdb_iter_seek(it, key, sizeof key); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        size_t len;
        const char *found = rocksdb_iter_key(it, &len);
        if (len < LOG_KEY_SIZE || wr_load_u64be(found) != log_id || wr_load_u64be(found + 8) > upto)
            break;
        rocksdb_writebatch_delete_cf(batch, store->rocks.cf[CF_LOG], found, len);
    }
    char *message = NULL;
    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    struct wr_error err;
    if (message) {
        wr_rocks_fail(&err, message);
        wr_store_fail(store, &err);
    }
}

void wr_log_truncate(struct store *store, rocksdb_writebatch_t *batch, uint64_t number, uint64_t log_id, uint64_t upto)
{
    char lo[LOG_KEY_SIZE], hi[LOG_KEY_SIZE];
    wr_log_key(lo, log_id, 0, 0);
    wr_log_key(hi, upto == UINT64_MAX ? log_id + 1 : log_id, upto == UINT64_MAX ? 0 : upto + 1, 0);
    if (!batch) {
        wr_mem_map_delete(&store->mem_log, lo, sizeof lo, hi, sizeof hi);
        return;
    }
    struct log_mark *mark = mark_of(store, log_id);
    if (upto == UINT64_MAX)
        rocksdb_writebatch_delete_range_cf(batch, store->rocks.cf[CF_LOG], lo, sizeof lo, hi, sizeof hi);
    else if (upto > mark->upto)
        delete_records(store, batch, log_id, mark->upto + 1, upto);
    mark->upto = WR_MAX(mark->upto, WR_MIN(upto, number - 1)); /* nothing more was written yet */
    wr_log_files_unname(store, batch, log_id, upto);
}

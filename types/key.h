/* Normalised keys: bytes whose memcmp order is SQL's order and whose equality is
 * SQL equality. Joins, groups, primary keys and order keys are compared, hashed
 * and stored in this form only.
 *
 * A key is: shard byte (wr_key_shard of the hash of the rest; left out where the
 * caller says so) then one field per column:
 *   0x01 value | 0x02 = NULL          (ascending: NULLS LAST; `nulls_first` uses 0x00 for NULL)
 *   bool 1 byte; int4/date 4 and int8/timestamp 8 bytes big-endian, sign bit flipped
 *   float8 8 bytes: sign-magnitude made ordered, -0 as 0, every NaN one value, highest
 *   numeric: sign and exponent class, exponent, then base-100 digits+1, terminator: order-preserving and
 *     normalised (1.0 = 1.00); NaN highest, infinities at the ends
 *   text/bytea: bytes with 0x00 written 0x00 0xff, then 0x00 0x00
 *   jsonb: PostgreSQL's jsonb order is not offered; ordered by canonical text (types/jsonb.h), equality exact
 * A descending field has all its bytes after the NULL marker inverted, and its marker chosen so that
 * PostgreSQL's default (DESC = NULLS FIRST) or the explicit NULLS FIRST/LAST holds.
 * Every field is self-delimiting, so a key's prefix of k fields is the key of those k columns.
 *
 * Golden vectors: tests of types/key_test.c. The hash is XXH3-64 with seed KEY_HASH_SEED over the field bytes;
 * seed and version stand in the FORMAT file (docs/design/disk-format.md). */
#ifndef WEIR_TYPES_KEY_H
#define WEIR_TYPES_KEY_H

#include "base/buf.h"
#include "types/batch.h"

#define KEY_HASH_SEED 0x7765697221ull
#define KEY_SHARDS    256

struct key_column {
    uint16_t column; /* index in the batch */
    bool descending;
    bool nulls_first;
};

/* n keys: key i is bytes[offsets[i] .. offsets[i+1]). */
struct keys {
    uint32_t n;
    char *bytes;
    uint32_t *offsets; /* n + 1 */
    uint64_t *hashes;  /* n: hash of the first `hash_columns` fields, shard byte excluded */
    uint8_t *has_null; /* n: 1 if any of the first `hash_columns` columns is NULL; such keys never join */
};
static inline const char *wr_key_at(const struct keys *keys, uint32_t i)
{
    return keys->bytes + keys->offsets[i];
}
static inline uint32_t wr_key_len(const struct keys *keys, uint32_t i)
{
    return keys->offsets[i + 1] - keys->offsets[i];
}
static inline uint8_t wr_key_shard(uint64_t hash)
{
    return (uint8_t)(hash >> 56);
}

/* Encode the key columns of every row. The first `hash_columns` columns are the distribution
 * key: they decide hash and shard (all of them for a plain key; only the partition columns for
 * an order key). Result lives in the arena. One pass per column; integer-only keys are the fast path.
 * hash_columns = 0 gives hash 0 / shard 0 for all rows (a global group). */
void wr_keys_encode(struct wr_arena *arena, const struct batch *batch, const struct key_column *cols, uint16_t ncols,
                    uint16_t hash_columns, struct keys *out);
/* Length of the shard byte plus the first `fields` fields of a key, given the key columns' types. */
uint32_t wr_key_prefix_len(const char *key, uint32_t len, const struct type *types, uint16_t fields,
                           const bool *descending);
/* Append one field (no shard byte) for a scalar; for point lookups and ranges. */
void wr_key_put(struct wr_buf *buf, const struct datum *value, bool descending, bool nulls_first);
uint64_t wr_key_hash(const char *fields, size_t len);

#endif

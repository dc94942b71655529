#include "state/entry.h"

#include <xxhash.h>

uint64_t wr_entry_checksum(enum trace_kind kind, const struct entry *entry)
{
    uint64_t hash = XXH3_64bits_withSeed(entry->payload, entry->payload_len, entry->key_len);
    hash = XXH3_64bits_withSeed(entry->key, entry->key_len, hash);
    if (kind == TRACE_UPSERT)
        return hash ^ ((uint64_t)entry->weight * 0x9E3779B97F4A7C15ull);
    return hash * (uint64_t)entry->weight;
}

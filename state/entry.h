/* How an entry lies in a run, in RAM and on disk alike:
 *   varint key_len | varint prefix_len | varint payload_len | varint zigzag(weight) | key | payload */
#ifndef WEIR_STATE_ENTRY_H
#define WEIR_STATE_ENTRY_H

#include "base/buf.h"
#include "state/store.h"

#define ENTRY_HEADER_MAX 25

static inline char *entry_put_varint(char *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (char)(value | 0x80);
        value >>= 7;
    }
    *to++ = (char)value;
    return to;
}

static inline const char *entry_get_varint(const char *at, uint64_t *value)
{
    uint64_t v = (uint8_t)*at++;
    if (v >= 0x80) {
        v &= 0x7f;
        for (unsigned shift = 7;; shift += 7) {
            uint64_t byte = (uint8_t)*at++;
            v |= (byte & 0x7f) << (shift & 63);
            if (byte < 0x80 || shift >= 63)
                break;
        }
    }
    *value = v;
    return at;
}

static inline uint64_t entry_zigzag(int64_t weight)
{
    return ((uint64_t)weight << 1) ^ (uint64_t)(weight >> 63);
}

/* The caller made room for ENTRY_HEADER_MAX + key_len + payload_len. Returns the end. */
static inline char *entry_encode(char *to, const struct entry *entry)
{
    to = entry_put_varint(to, entry->key_len);
    to = entry_put_varint(to, entry->prefix_len);
    to = entry_put_varint(to, entry->payload_len);
    to = entry_put_varint(to, entry_zigzag(entry->weight));
    if (entry->key_len)
        memcpy(to, entry->key, entry->key_len);
    to += entry->key_len;
    if (entry->payload_len)
        memcpy(to, entry->payload, entry->payload_len);
    return to + entry->payload_len;
}

/* Returns the end of the entry. The bytes are trusted: checksums were verified when they were read. */
static inline const char *entry_decode(const char *at, struct entry *entry)
{
    uint64_t key_len, prefix_len, payload_len, weight;
    at = entry_get_varint(at, &key_len);
    at = entry_get_varint(at, &prefix_len);
    at = entry_get_varint(at, &payload_len);
    at = entry_get_varint(at, &weight);
    entry->key = at;
    entry->key_len = (uint32_t)key_len;
    entry->prefix_len = (uint32_t)prefix_len;
    entry->payload = at + key_len;
    entry->payload_len = (uint32_t)payload_len;
    entry->weight = (int64_t)(weight >> 1) ^ -(int64_t)(weight & 1);
    return entry->payload + payload_len;
}

static inline int bytes_compare(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
    uint32_t len = WR_MIN(a_len, b_len);
    int order = len ? memcmp(a, b, len) : 0;
    if (order)
        return order;
    return (a_len > b_len) - (a_len < b_len);
}

/* What an entry adds to its run's checksum. ZSET and APPEND: linear in the weight, so that consolidation leaves the
 * sum as it is. UPSERT: of the whole entry; a merge subtracts what was superseded. */
uint64_t wr_entry_checksum(enum trace_kind kind, const struct entry *entry);

#endif

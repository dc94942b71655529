/* The Nexmark event sequence: an online auction's people, auctions and bids.
 *
 * Event n is a function of n and the settings alone (a counter-based random number generator, no state carried along),
 * so three sources that show people, auctions and bids are views of one sequence, and any of them can go on at any
 * event. A cycle of 50 events holds 1 person, 3 auctions, 46 bids, in this order. */
#ifndef WEIR_CONNECTORS_NEXMARK_EVENTS_H
#define WEIR_CONNECTORS_NEXMARK_EVENTS_H

#include "types/batch.h"

enum nexmark_table { NEXMARK_PERSON, NEXMARK_AUCTION, NEXMARK_BID };

/* Fields, in the order of the fields of their table. */
enum { BID_AUCTION, BID_BIDDER, BID_PRICE, BID_CHANNEL, BID_URL, BID_DATE_TIME, BID_EXTRA, BID_FIELDS };
enum {
    AUCTION_ID,
    AUCTION_ITEM_NAME,
    AUCTION_DESCRIPTION,
    AUCTION_INITIAL_BID,
    AUCTION_RESERVE,
    AUCTION_DATE_TIME,
    AUCTION_EXPIRES,
    AUCTION_SELLER,
    AUCTION_CATEGORY,
    AUCTION_EXTRA,
    AUCTION_FIELDS
};
enum {
    PERSON_ID,
    PERSON_NAME,
    PERSON_EMAIL,
    PERSON_CREDIT_CARD,
    PERSON_CITY,
    PERSON_STATE,
    PERSON_DATE_TIME,
    PERSON_EXTRA,
    PERSON_FIELDS
};
#define NEXMARK_FIELDS_MAX 10

struct nexmark_field {
    const char *name, *flink_name; /* date_time, dateTime */
    uint8_t type;                  /* TYPE_INT8, TYPE_TEXT, TYPE_TIMESTAMP */
};
/* Terminated by a NULL name. */
const struct nexmark_field *wr_nexmark_fields(enum nexmark_table table);

struct nexmark_settings {
    int64_t person_proportion, auction_proportion, bid_proportion;
    int64_t active_people, in_flight_auctions, person_id_lead, auction_id_lead;
    int64_t hot_auction_ratio, hot_seller_ratio, hot_bidder_ratio, hot_channel_ratio;
    int64_t hot_auction_group, hot_seller_group, hot_bidder_group; /* a hot id is the newest one rounded down to this */
    int64_t first_person_id, first_auction_id, first_category_id, categories;
    int64_t person_bytes, auction_bytes, bid_bytes; /* mean size, reached by padding in `extra` */
    int64_t base_time_ms, events_per_second;        /* of event time */
};
extern const struct nexmark_settings wr_nexmark_defaults;

/* Fill rows 0.. with the table's events among [from, to), at most max_rows. Returns the number of rows; *next is the
 * first event not looked at. cols[field] is NULL where the field is not wanted; a column may be int4, int8, text,
 * timestamp or timestamptz. Strings lie in the arena or are static. */
uint32_t wr_nexmark_fill(const struct nexmark_settings *settings, enum nexmark_table table, int64_t from, int64_t to,
                         uint32_t max_rows, struct wr_arena *arena, struct column *const *cols, int64_t *next);

#endif

#include "connectors/nexmark_events.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

const struct nexmark_settings wr_nexmark_defaults = {
    .person_proportion = 1,
    .auction_proportion = 3,
    .bid_proportion = 46,
    .active_people = 1000,
    .in_flight_auctions = 100,
    .person_id_lead = 10,
    .auction_id_lead = 10,
    .hot_auction_ratio = 2,
    .hot_seller_ratio = 4,
    .hot_bidder_ratio = 4,
    .hot_channel_ratio = 2,
    .hot_auction_group = 100,
    .hot_seller_group = 100,
    .hot_bidder_group = 100,
    .first_person_id = 1000,
    .first_auction_id = 1000,
    .first_category_id = 10,
    .categories = 5,
    .person_bytes = 200,
    .auction_bytes = 500,
    .bid_bytes = 100,
    .base_time_ms = 1436918400000, /* 2015-07-15 00:00 UTC */
    .events_per_second = 10000,
};

static const struct nexmark_field bid_fields[] = {
    {"auction", NULL, TYPE_INT8}, {"bidder", NULL, TYPE_INT8},
    {"price", NULL, TYPE_INT8},   {"channel", NULL, TYPE_TEXT},
    {"url", NULL, TYPE_TEXT},     {"date_time", "dateTime", TYPE_TIMESTAMP},
    {"extra", NULL, TYPE_TEXT},   {NULL, NULL, 0},
};
static const struct nexmark_field auction_fields[] = {
    {"id", NULL, TYPE_INT8},
    {"item_name", "itemName", TYPE_TEXT},
    {"description", NULL, TYPE_TEXT},
    {"initial_bid", "initialBid", TYPE_INT8},
    {"reserve", NULL, TYPE_INT8},
    {"date_time", "dateTime", TYPE_TIMESTAMP},
    {"expires", NULL, TYPE_TIMESTAMP},
    {"seller", NULL, TYPE_INT8},
    {"category", NULL, TYPE_INT8},
    {"extra", NULL, TYPE_TEXT},
    {NULL, NULL, 0},
};
static const struct nexmark_field person_fields[] = {
    {"id", NULL, TYPE_INT8},
    {"name", NULL, TYPE_TEXT},
    {"email_address", "emailAddress", TYPE_TEXT},
    {"credit_card", "creditCard", TYPE_TEXT},
    {"city", NULL, TYPE_TEXT},
    {"state", NULL, TYPE_TEXT},
    {"date_time", "dateTime", TYPE_TIMESTAMP},
    {"extra", NULL, TYPE_TEXT},
    {NULL, NULL, 0},
};

const struct nexmark_field *wr_nexmark_fields(enum nexmark_table table)
{
    return table == NEXMARK_BID ? bid_fields : table == NEXMARK_AUCTION ? auction_fields : person_fields;
}

/* ---- random numbers: draw k of event n is a mix of (n, k) */

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    rng->state += 0x9e3779b97f4a7c15u;
    wr_u128 product = (wr_u128)rng->state * (rng->state ^ 0xd1b54a32d192ed03u);
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline struct rng rng_of(int64_t event)
{
    struct rng rng = {((uint64_t)event + 1) * 0xbf58476d1ce4e5b9u};
    rng.state = rng_next(&rng);
    return rng;
}

static inline int64_t rng_below(struct rng *rng, int64_t bound)
{
    return (int64_t)(((wr_u128)rng_next(rng) * (uint64_t)bound) >> 64);
}

/* ---- static data, made once: random letters to cut strings from, and the channels with their URLs */

#define LETTERS  (1 << 16)
#define CHANNELS 10000

static char letters[LETTERS + 4096];
static struct str cold_channels[CHANNELS], cold_urls[CHANNELS];
static char channel_names[CHANNELS][16], channel_urls[CHANNELS][96];
static struct str hot_channels[4], hot_urls[4];
static char hot_url_text[4][64];
static uint32_t prices[4096]; /* cents: 10^(6u) * 100 for u = (i + 0.5) / 4096 */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static const char *const hot_names[] = {"Google", "Facebook", "Baidu", "Apple"};
static const char *const first_names[] = {"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                          "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
static const char *const last_names[] = {"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                         "Walton", "Smith",  "Jones",   "Noris"};
static const char *const cities[] = {"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
                                     "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};

static int base_url(struct rng *rng, char *to, size_t size)
{
    char part[3][6];
    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < 5; i++)
            part[p][i] = (char)('a' + rng_below(rng, 26));
        part[p][5] = '\0';
    }
    return snprintf(to, size, "https://www.nexmark.com/%s/%s/%s/item.htm?query=1", part[0], part[1], part[2]);
}

static void make_tables(void)
{
    struct rng rng = rng_of(-2);
    for (size_t i = 0; i < sizeof letters; i++)
        letters[i] = (char)('a' + rng_below(&rng, 26));
    for (int i = 0; i < CHANNELS; i++) {
        snprintf(channel_names[i], sizeof channel_names[i], "channel-%d", i);
        int len = base_url(&rng, channel_urls[i], sizeof channel_urls[i]);
        if (rng_below(&rng, 10) > 0)
            snprintf(channel_urls[i] + len, sizeof channel_urls[i] - (size_t)len, "&channel_id=%d", i);
        cold_channels[i] = wr_str_of(channel_names[i]);
        cold_urls[i] = wr_str_of(channel_urls[i]);
    }
    for (int i = 0; i < 4; i++) {
        base_url(&rng, hot_url_text[i], sizeof hot_url_text[i]);
        hot_channels[i] = wr_str_of(hot_names[i]);
        hot_urls[i] = wr_str_of(hot_url_text[i]);
    }
    for (int i = 0; i < 4096; i++)
        prices[i] = (uint32_t)lround(pow(10, 6 * (i + 0.5) / 4096) * 100);
}

/* A price is log-uniform: one of 4096 steps, spread evenly between this step and the next. */
static inline int64_t rng_price(struct rng *rng)
{
    uint64_t r = rng_next(rng);
    uint32_t i = (uint32_t)(r >> 52), next = i < 4095 ? prices[i + 1] : 100000000;
    return prices[i] + (int64_t)(((r & 0xffffffffu) * (uint64_t)(next - prices[i])) >> 32);
}

static inline struct str rng_letters(struct rng *rng, uint32_t len)
{
    return wr_str(letters + rng_below(rng, LETTERS), len);
}

/* Padding that brings a row of `size` bytes to about `mean`, give or take a fifth. */
static inline struct str rng_extra(struct rng *rng, int64_t size, int64_t mean)
{
    if (size >= mean)
        return wr_str("", 0);
    int64_t want = mean - size, spread = (want + 2) / 5;
    int64_t len = want - spread + (spread ? rng_below(rng, 2 * spread) : 0);
    return rng_letters(rng, (uint32_t)WR_MIN(len, 4096));
}

/* ---- ids */

struct generator {
    const struct nexmark_settings *set;
    int64_t cycle; /* events of one cycle */
    struct wr_arena *arena;
    struct column *const *cols;
    uint32_t row;
};

/* The newest person / auction (from 0) that exists when event n happens. */
static inline int64_t last_person(const struct generator *gen, int64_t n)
{
    int64_t slot = n % gen->cycle;
    return n / gen->cycle * gen->set->person_proportion + WR_MIN(slot, gen->set->person_proportion - 1);
}

static inline int64_t last_auction(const struct generator *gen, int64_t n)
{
    const struct nexmark_settings *set = gen->set;
    int64_t round = n / gen->cycle, slot = n % gen->cycle - set->person_proportion;
    int64_t id = round * set->auction_proportion + (slot < 0 ? -1 : WR_MIN(slot, set->auction_proportion - 1));
    return WR_MAX(id, 0);
}

/* An active person; the id may lead its creation a little. */
static inline int64_t some_person(const struct generator *gen, struct rng *rng, int64_t n)
{
    int64_t people = last_person(gen, n) + 1, active = WR_MIN(people, gen->set->active_people);
    return people - active + rng_below(rng, active + gen->set->person_id_lead);
}

static inline int64_t some_auction(const struct generator *gen, struct rng *rng, int64_t n)
{
    int64_t newest = last_auction(gen, n), oldest = WR_MAX(newest - gen->set->in_flight_auctions, 0);
    return oldest + rng_below(rng, newest - oldest + 1 + gen->set->auction_id_lead);
}

static inline int64_t event_ms(const struct nexmark_settings *set, int64_t n)
{
    int64_t per_second = set->events_per_second;
    return set->base_time_ms + n / per_second * 1000 + (n % per_second * 1000 + per_second / 2) / per_second;
}

/* ---- columns */

static inline void put_int(const struct generator *gen, int field, int64_t value)
{
    struct column *col = gen->cols[field];
    if (!col)
        return;
    if (col->type.id == TYPE_INT4)
        col->i32[gen->row] = (int32_t)WR_MIN(value, INT32_MAX);
    else
        col->i64[gen->row] = value;
}

static inline void put_ms(const struct generator *gen, int field, int64_t ms)
{
    if (gen->cols[field])
        gen->cols[field]->i64[gen->row] = ms * 1000;
}

static inline void put_str(const struct generator *gen, int field, struct str value)
{
    if (gen->cols[field])
        gen->cols[field]->str[gen->row] = value;
}

/* All draws are made whether a column wants them or not: the rest of the row must not depend on it. */
static void make_bid(struct generator *gen, int64_t n)
{
    const struct nexmark_settings *set = gen->set;
    struct rng rng = rng_of(n);
    int64_t auction = rng_below(&rng, set->hot_auction_ratio) > 0
                          ? last_auction(gen, n) / set->hot_auction_group * set->hot_auction_group
                          : some_auction(gen, &rng, n);
    int64_t bidder = rng_below(&rng, set->hot_bidder_ratio) > 0
                         ? last_person(gen, n) / set->hot_bidder_group * set->hot_bidder_group + 1
                         : some_person(gen, &rng, n);
    put_int(gen, BID_AUCTION, auction + set->first_auction_id);
    put_int(gen, BID_BIDDER, bidder + set->first_person_id);
    put_int(gen, BID_PRICE, rng_price(&rng));
    bool hot = rng_below(&rng, set->hot_channel_ratio) > 0;
    int64_t channel = rng_below(&rng, hot ? 4 : CHANNELS);
    put_str(gen, BID_CHANNEL, hot ? hot_channels[channel] : cold_channels[channel]);
    put_str(gen, BID_URL, hot ? hot_urls[channel] : cold_urls[channel]);
    put_ms(gen, BID_DATE_TIME, event_ms(set, n));
    put_str(gen, BID_EXTRA, rng_extra(&rng, 32, set->bid_bytes));
}

static void make_auction(struct generator *gen, int64_t n)
{
    const struct nexmark_settings *set = gen->set;
    struct rng rng = rng_of(n);
    int64_t now = event_ms(set, n);
    int64_t ahead = set->in_flight_auctions * gen->cycle / WR_MAX(set->auction_proportion, 1);
    int64_t horizon = event_ms(set, n + ahead) - now;
    put_int(gen, AUCTION_ID, last_auction(gen, n) + set->first_auction_id);
    struct str name = rng_letters(&rng, 5 + (uint32_t)rng_below(&rng, 16));
    struct str description = rng_letters(&rng, 20 + (uint32_t)rng_below(&rng, 81));
    put_str(gen, AUCTION_ITEM_NAME, name);
    put_str(gen, AUCTION_DESCRIPTION, description);
    int64_t initial_bid = rng_price(&rng);
    put_int(gen, AUCTION_INITIAL_BID, initial_bid);
    put_int(gen, AUCTION_RESERVE, initial_bid + rng_price(&rng));
    put_ms(gen, AUCTION_DATE_TIME, now);
    put_ms(gen, AUCTION_EXPIRES, now + 1 + rng_below(&rng, WR_MAX(horizon * 2, 1)));
    int64_t seller = rng_below(&rng, set->hot_seller_ratio) > 0
                         ? last_person(gen, n) / set->hot_seller_group * set->hot_seller_group
                         : some_person(gen, &rng, n);
    put_int(gen, AUCTION_SELLER, seller + set->first_person_id);
    put_int(gen, AUCTION_CATEGORY, set->first_category_id + rng_below(&rng, set->categories));
    put_str(gen, AUCTION_EXTRA, rng_extra(&rng, 48 + name.len + description.len, set->auction_bytes));
}

static void make_person(struct generator *gen, int64_t n)
{
    const struct nexmark_settings *set = gen->set;
    struct rng rng = rng_of(n);
    put_int(gen, PERSON_ID, last_person(gen, n) + set->first_person_id);
    const char *first = first_names[rng_below(&rng, WR_COUNT(first_names))];
    const char *last = last_names[rng_below(&rng, WR_COUNT(last_names))];
    struct str user = rng_letters(&rng, 7), host = rng_letters(&rng, 5);
    struct str city = wr_str_of(cities[rng_below(&rng, WR_COUNT(cities))]);
    struct str state = wr_str_of(states[rng_below(&rng, WR_COUNT(states))]);
    uint64_t card = rng_next(&rng);
    char name[32], email[32], digits[32];
    int name_len = snprintf(name, sizeof name, "%s %s", first, last);
    int email_len = snprintf(email, sizeof email, "%.7s@%.5s.com", user.data, host.data);
    int card_len = snprintf(digits, sizeof digits, "%04d %04d %04d %04d", (int)(card % 10000),
                            (int)(card / 10000 % 10000), (int)(card / 100000000 % 10000), (int)((card >> 40) % 10000));
    put_str(gen, PERSON_NAME, wr_str(wr_arena_strndup(gen->arena, name, (size_t)name_len), (size_t)name_len));
    put_str(gen, PERSON_EMAIL, wr_str(wr_arena_strndup(gen->arena, email, (size_t)email_len), (size_t)email_len));
    put_str(gen, PERSON_CREDIT_CARD, wr_str(wr_arena_strndup(gen->arena, digits, (size_t)card_len), (size_t)card_len));
    put_str(gen, PERSON_CITY, city);
    put_str(gen, PERSON_STATE, state);
    put_ms(gen, PERSON_DATE_TIME, event_ms(set, n));
    int64_t size = 8 + name_len + email_len + card_len + city.len + state.len;
    put_str(gen, PERSON_EXTRA, rng_extra(&rng, size, set->person_bytes));
}

uint32_t wr_nexmark_fill(const struct nexmark_settings *settings, enum nexmark_table table, int64_t from, int64_t to,
                         uint32_t max_rows, struct wr_arena *arena, struct column *const *cols, int64_t *next)
{
    pthread_once(&tables_once, make_tables);
    int64_t people = settings->person_proportion, auctions = settings->auction_proportion;
    struct generator gen = {settings, people + auctions + settings->bid_proportion, arena, cols, 0};
    /* The table's slots in a cycle: [first, last). Others are jumped over, not visited. */
    int64_t first = table == NEXMARK_PERSON ? 0 : table == NEXMARK_AUCTION ? people : people + auctions;
    int64_t last = table == NEXMARK_PERSON ? people : table == NEXMARK_AUCTION ? people + auctions : gen.cycle;
    int64_t n = from;
    while (n < to && gen.row < max_rows) {
        int64_t start = n - n % gen.cycle, slot = WR_MAX(n - start, first);
        for (; slot < last && start + slot < to && gen.row < max_rows; slot++, gen.row++) {
            if (table == NEXMARK_BID)
                make_bid(&gen, start + slot);
            else if (table == NEXMARK_AUCTION)
                make_auction(&gen, start + slot);
            else
                make_person(&gen, start + slot);
        }
        n = slot < last ? start + slot : start + gen.cycle;
    }
    *next = WR_MIN(n, to);
    return gen.row;
}

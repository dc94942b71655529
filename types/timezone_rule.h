/* The POSIX TZ rule in a TZif footer: "CET-1CEST,M3.5.0,M10.5.0/3". */
#ifndef WEIR_TYPES_TIMEZONE_RULE_H
#define WEIR_TYPES_TIMEZONE_RULE_H

#include "base/base.h"

struct zone_change {
    char form;   /* 'M' month.week.day, 'J' day 1..365 without leap days, 'D' day 0..365 */
    int16_t day; /* weekday for M */
    int8_t week, month;
    int32_t time; /* seconds after local midnight */
};
struct zone_rule {
    int32_t standard, daylight; /* offsets east */
    bool has_daylight;
    char standard_name[16], daylight_name[16];
    struct zone_change start, end; /* of daylight saving */
};
bool wr_zone_rule_parse(const char *text, struct zone_rule *rule) WR_MUST;
int32_t wr_zone_rule_offset(const struct zone_rule *rule, int64_t unix_seconds, char *abbrev);

#endif

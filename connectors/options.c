#include "connectors/options.h"

#include "base/ascii.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *find(const struct object_option *options, uint16_t n, const char *key)
{
    for (uint16_t i = 0; i < n; i++)
        if (!strcmp(options[i].key, key))
            return options[i].value;
    return NULL;
}

const char *wr_option_get(const struct object *object, const char *key)
{
    return find(object->options, object->noptions, key);
}

const char *wr_format_option_get(const struct object *object, const char *key)
{
    return find(object->format_options, object->nformat_options, key);
}

static bool is_known(const char *key, const char *const *known)
{
    for (; *known; known++)
        if (!strcmp(*known, key))
            return true;
    return false;
}

bool wr_options_check(const struct object *object, const char *const *known, const char *prefix, struct wr_error *err)
{
    for (uint16_t i = 0; i < object->noptions; i++) {
        const char *key = object->options[i].key;
        if (is_known(key, known) || (prefix && !strncmp(key, prefix, strlen(prefix))))
            continue;
        return wr_fail(err, ERR_INVALID_PARAMETER, "unrecognized parameter \"%s\" in the WITH clause", key);
    }
    return true;
}

bool wr_format_options_check(const struct object *object, const char *const *known, struct wr_error *err)
{
    for (uint16_t i = 0; i < object->nformat_options; i++)
        if (!is_known(object->format_options[i].key, known))
            return wr_fail(err, ERR_INVALID_PARAMETER, "unrecognized parameter \"%s\" of FORMAT %s ENCODE %s",
                           object->format_options[i].key, object->format ? object->format : "?",
                           object->encode ? object->encode : "?");
    return true;
}

bool wr_option_integer(const struct object *object, const char *key, int64_t min, int64_t max, int64_t *value,
                       struct wr_error *err)
{
    const char *text = wr_option_get(object, key);
    if (!text)
        return true;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for integer option \"%s\": \"%s\"", key, text);
    if (number < min || number > max)
        return wr_fail(err, ERR_INVALID_PARAMETER, "value %s out of bounds for option \"%s\"", text, key) ||
               wr_fail_detail(err, "Valid values are between \"%lld\" and \"%lld\".", (long long)min, (long long)max);
    *value = number;
    return true;
}

bool wr_option_bool(const char *key, const char *text, bool *value, struct wr_error *err)
{
    if (!text)
        return true;
    static const char *const yes[] = {"true", "t", "on", "yes", "1"}, *const no[] = {"false", "f", "off", "no", "0"};
    for (size_t i = 0; i < WR_COUNT(yes); i++)
        if (!wr_casecmp(text, yes[i]) || !wr_casecmp(text, no[i])) {
            *value = !wr_casecmp(text, yes[i]);
            return true;
        }
    return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for boolean option \"%s\": %s", key, text);
}

bool wr_option_required(const struct object *object, const char *key, const char **value, struct wr_error *err)
{
    *value = wr_option_get(object, key);
    if (*value && **value)
        return true;
    return wr_fail(err, ERR_INVALID_PARAMETER, "parameter \"%s\" is required in the WITH clause", key);
}

bool wr_option_choice(const char *key, const char *text, const char *const *choices, int *index, struct wr_error *err)
{
    char list[256] = "";
    size_t len = 0;
    for (int i = 0; choices[i]; i++) {
        if (!wr_casecmp(text, choices[i])) {
            *index = i;
            return true;
        }
        len += (size_t)snprintf(list + len, sizeof list - len, "%s\"%s\"", i ? ", " : "", choices[i]);
        len = WR_MIN(len, sizeof list - 1);
    }
    wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for option \"%s\": \"%s\"", key, text);
    return wr_fail_detail(err, "Valid values are %s.", list);
}

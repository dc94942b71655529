/* WITH (...) and ENCODE (...) options: looked up by name, checked against what a connector knows. An option that nobody
 * reads is refused by name: a typo must not silently change what a pipeline does (law L8). */
#ifndef WEIR_CONNECTORS_OPTIONS_H
#define WEIR_CONNECTORS_OPTIONS_H

#include "catalog/catalog.h"

/* NULL: not given. */
const char *wr_option_get(const struct object *object, const char *key);
const char *wr_format_option_get(const struct object *object, const char *key);

/* Every option is one of `known` (NULL-terminated) or starts with `prefix` (NULL: none), else 22023 by name. */
bool wr_options_check(const struct object *object, const char *const *known, const char *prefix,
                      struct wr_error *err) WR_MUST;
bool wr_format_options_check(const struct object *object, const char *const *known, struct wr_error *err) WR_MUST;

/* Values. An absent option leaves *value alone; a value that does not parse is 22023. */
bool wr_option_integer(const struct object *object, const char *key, int64_t min, int64_t max, int64_t *value,
                       struct wr_error *err) WR_MUST;
bool wr_option_bool(const char *key, const char *text, bool *value, struct wr_error *err) WR_MUST;
bool wr_option_required(const struct object *object, const char *key, const char **value, struct wr_error *err) WR_MUST;
/* Index of `text` in the NULL-terminated list; else 22023 naming the choices. */
bool wr_option_choice(const char *key, const char *text, const char *const *choices, int *index,
                      struct wr_error *err) WR_MUST;

#endif

/* Time zones: the system's TZif files, with the POSIX rule of their footer for times past the last transition. */
#ifndef WEIR_TYPES_TIMEZONE_H
#define WEIR_TYPES_TIMEZONE_H

#include "base/error.h"

struct timezone;

#define TIMEZONE_ABBREV_MAX 16

/* A zone by name ("Europe/Berlin", "utc": case does not matter), by fixed offset as SET TIME ZONE takes it ("+02",
 * "-3:30": here + is EAST), or "" / "UTC". NULL if there is none. Cached for the life of the process; thread-safe. */
const struct timezone *wr_timezone_find(const char *name);
const char *wr_timezone_name(const struct timezone *timezone); /* canonical spelling; NULL zone is "UTC" */
/* Seconds east of Greenwich at that instant. abbrev (TIMEZONE_ABBREV_MAX bytes, or NULL) receives the abbreviation,
 * NUL-terminated. */
int32_t wr_timezone_offset(const struct timezone *timezone, int64_t unix_seconds, char *abbrev);
/* Offset for a local wall clock reading (seconds as if UTC), resolved as PostgreSQL does: in a gap the offset before
 * the change is taken, in an overlap the one after (standard time). */
int32_t wr_timezone_offset_local(const struct timezone *timezone, int64_t local_seconds);

#endif

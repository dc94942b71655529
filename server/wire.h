/* Reading the client's side of PostgreSQL's protocol 3.0: bytes in, structs out. Inner to server/.
 *
 *   message:  type byte | int32 length (itself included) | body
 *   startup:  int32 length | int32 code | body        (only at the beginning: no type byte)
 *
 * Pure functions over a buffer of unknown honesty: no I/O, no state; what is malformed is refused. Pointers in the
 * results point into the buffer. */
#ifndef WEIR_SERVER_WIRE_H
#define WEIR_SERVER_WIRE_H

#include "base/buf.h"
#include "base/mem.h"
#include "weir.h"

#define WIRE_HEADER_BYTES       5
#define WIRE_STARTUP_BYTES_MAX  10000
#define WIRE_MESSAGE_BYTES_MAX  (256 << 20)
#define WIRE_STARTUP_PARAMS_MAX 64
#define WIRE_MINOR_KNOWN        0

enum wire_state { WIRE_COMPLETE, WIRE_NEEDS_MORE, WIRE_MALFORMED };

struct wire_message {
    char type;
    const char *body;
    size_t len;
    size_t used; /* bytes of the buffer the message takes */
};

/* Of the message at the start of the buffer: its type and the length of its body. */
enum wire_state wr_wire_header(const char *bytes, size_t len, char *type, size_t *body_len);
/* The message at the start of the buffer. */
enum wire_state wr_wire_next(const char *bytes, size_t len, struct wire_message *message);

enum startup_kind { STARTUP_SESSION, STARTUP_SSL, STARTUP_GSS, STARTUP_CANCEL, STARTUP_UNSUPPORTED };
struct wire_startup {
    enum startup_kind kind;
    int major, minor;
    int32_t pid;     /* STARTUP_CANCEL */
    uint32_t secret; /* STARTUP_CANCEL */
    int n_params;    /* STARTUP_SESSION */
    const char *names[WIRE_STARTUP_PARAMS_MAX], *values[WIRE_STARTUP_PARAMS_MAX];
    size_t used;
};
enum wire_state wr_wire_startup(const char *bytes, size_t len, struct wire_startup *startup);

struct wire_parse {
    const char *name, *sql;
    size_t sql_len;
    int n_oids;
    uint32_t *oids; /* arena */
};
struct wire_bind {
    const char *portal, *statement;
    int n_params;
    weir_param *params;  /* arena; data points into the message */
    int n_param_formats; /* 0 = all text, 1 = for all, else meant to be one each: weir_param.binary where they are */
    int n_formats;       /* of results, likewise */
    uint16_t *formats;   /* arena */
    int bad_format;      /* the first code that is neither 0 (text) nor 1 (binary); 0: none */
};
struct wire_execute {
    const char *portal;
    int32_t rows_max; /* 0 = all */
};
struct wire_target { /* Describe, Close */
    char kind;       /* 'S' or 'P' */
    const char *name;
};

/* The parts of a message, pointing into it; false: it is malformed (08P01). */
bool wr_wire_parse(const struct wire_message *message, struct wr_arena *arena, struct wire_parse *out) WR_MUST;
bool wr_wire_bind(const struct wire_message *message, struct wr_arena *arena, struct wire_bind *out) WR_MUST;
bool wr_wire_execute(const struct wire_message *message, struct wire_execute *out) WR_MUST;
bool wr_wire_target(const struct wire_message *message, struct wire_target *out) WR_MUST;
/* A message that holds one string (Query, CopyFail). */
bool wr_wire_string(const struct wire_message *message, const char **out, size_t *len) WR_MUST;

#endif

/* The wire reader: every message whole, cut at every byte, and with counts that lie. */
#include "server/wire.h"

#include <stdlib.h>

#include "server/server.h"
#include "tests/check.h"

static struct wr_arena arena;

/* A message from a literal, its NULs included. */
#define MESSAGE(kind, bytes) ((struct wire_message){kind, bytes, sizeof(bytes) - 1, sizeof(bytes) + 4})

static void test_framing(void)
{
    struct wire_message message;
    static const char bytes[] = "Q\0\0\0\x0dselect 1\0X\0\0\0\4";
    for (size_t len = 0; len < 14; len++)
        CHECK_INT(wr_wire_next(bytes, len, &message), WIRE_NEEDS_MORE);
    CHECK_INT(wr_wire_next(bytes, 14, &message), WIRE_COMPLETE);
    CHECK_INT(message.used, 14);
    CHECK_INT(message.len, 9);
    CHECK_STR(message.body, "select 1");
    CHECK_INT(wr_wire_next(bytes + 14, 5, &message), WIRE_COMPLETE);
    CHECK_INT(message.len, 0);
    CHECK_INT(wr_wire_next("Q\0\0\0\3", 5, &message), WIRE_MALFORMED);
    CHECK_INT(wr_wire_next("Q\x7f\0\0\0", 5, &message), WIRE_MALFORMED);
    CHECK_INT(wr_wire_next("Q\xff\xff\xff\xff", 5, &message), WIRE_MALFORMED);
}

static void test_startup(void)
{
    struct wire_startup startup;
    static const char session[] = "\0\0\0\x20\0\3\0\0user\0root\0database\0dev\0\0";
    for (size_t len = 0; len < sizeof session - 1; len++)
        CHECK_INT(wr_wire_startup(session, len, &startup), WIRE_NEEDS_MORE);
    CHECK_INT(wr_wire_startup(session, sizeof session - 1, &startup), WIRE_COMPLETE);
    CHECK_INT(startup.kind, STARTUP_SESSION);
    CHECK_INT(startup.n_params, 2);
    CHECK_STR(startup.values[1], "dev");
    CHECK_INT(wr_wire_startup("\0\0\0\x08\x04\xd2\x16\x2f", 8, &startup), WIRE_COMPLETE);
    CHECK_INT(startup.kind, STARTUP_SSL);
    CHECK_INT(wr_wire_startup("\0\0\0\x08\x04\xd2\x16\x30", 8, &startup), WIRE_COMPLETE);
    CHECK_INT(startup.kind, STARTUP_GSS);
    CHECK_INT(wr_wire_startup("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\7\0\0\0\x09", 16, &startup), WIRE_COMPLETE);
    CHECK_INT(startup.pid, 7);
    CHECK_INT(startup.secret, 9);
    CHECK_INT(wr_wire_startup("\0\0\0\x08\0\2\0\0", 8, &startup), WIRE_COMPLETE);
    CHECK_INT(startup.kind, STARTUP_UNSUPPORTED);
    CHECK_INT(wr_wire_startup("\0\0\0\x0d\0\3\0\0user\0", 13, &startup), WIRE_MALFORMED);
    CHECK_INT(wr_wire_startup("\0\0\0\x0a\0\3\0\0\0x", 10, &startup), WIRE_MALFORMED);
    CHECK_INT(wr_wire_startup("\0\0\0\4\0\3\0\0", 8, &startup), WIRE_MALFORMED);
    CHECK_INT(wr_wire_startup("GET / HTTP", 10, &startup), WIRE_MALFORMED);
}

static void test_bind(void)
{
    static const char body[] = "p\0s\0\0\1\0\1\0\2\0\0\0\2ab\xff\xff\xff\xff\0\2\0\0\0\1";
    struct wire_bind bind;
    struct wire_message message = MESSAGE('B', body);
    CHECK(wr_wire_bind(&message, &arena, &bind));
    CHECK_STR(bind.portal, "p");
    CHECK_STR(bind.statement, "s");
    CHECK_INT(bind.n_params, 2);
    CHECK(bind.params[0].binary && bind.params[0].len == 2 && !memcmp(bind.params[0].data, "ab", 2));
    CHECK(bind.params[1].data == NULL);
    CHECK_INT(bind.n_formats, 2);
    CHECK_INT(bind.formats[1], 1);
    for (size_t cut = 0; cut < sizeof body - 1; cut++) {
        char *exact = malloc(cut + 1); /* so that a sanitizer sees a read too far */
        memcpy(exact, body, cut);
        message.body = exact;
        message.len = cut;
        CHECK(!wr_wire_bind(&message, &arena, &bind));
        free(exact);
    }
    message = MESSAGE('B', "\0\0\0\1\0\2\0\0\0\0"); /* format 2 */
    CHECK(wr_wire_bind(&message, &arena, &bind));
    CHECK_INT(bind.bad_format, 2);
    message = MESSAGE('B', "\0\0\0\0\xff\xff\0\0"); /* 65,535 parameters */
    CHECK(!wr_wire_bind(&message, &arena, &bind));
    message = MESSAGE('B', "\0\0\0\0\0\1\x7f\xff\xff\xff\0\0"); /* one of 2 GB */
    CHECK(!wr_wire_bind(&message, &arena, &bind));
    message = MESSAGE('B', "\0\0\0\0\0\0\0\0x"); /* something left over */
    CHECK(!wr_wire_bind(&message, &arena, &bind));
}

static void test_others(void)
{
    struct wire_parse parse;
    struct wire_execute execute;
    struct wire_target target;
    const char *text;
    size_t len;
    struct wire_message message = MESSAGE('P', "s\0select\0\0\1\0\0\0\x17");
    CHECK(wr_wire_parse(&message, &arena, &parse));
    CHECK_STR(parse.sql, "select");
    CHECK_INT(parse.oids[0], 23);
    message = MESSAGE('P', "s\0select\0\0\2\0\0\0\x17");
    CHECK(!wr_wire_parse(&message, &arena, &parse));
    message = MESSAGE('E', "p\0\0\0\0\5");
    CHECK(wr_wire_execute(&message, &execute));
    CHECK_INT(execute.rows_max, 5);
    message = MESSAGE('E', "p\0\0\0\5");
    CHECK(!wr_wire_execute(&message, &execute));
    message = MESSAGE('D', "Sname\0");
    CHECK(wr_wire_target(&message, &target));
    message = MESSAGE('D', "Xname\0");
    CHECK(!wr_wire_target(&message, &target));
    message = MESSAGE('Q', "select");
    message.len = 6;
    CHECK(!wr_wire_string(&message, &text, &len));
}

static void check_address(const char *text, const char *want_host, int want_port)
{
    char host[WR_SERVER_HOST_MAX] = "default";
    int port = 4566;
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_server_address(text, host, &port, &err) == (want_host != NULL));
    if (want_host) {
        CHECK_STR(host, want_host);
        CHECK_INT(port, want_port);
    }
}

static void test_address(void)
{
    check_address("127.0.0.1:5000", "127.0.0.1", 5000);
    check_address("localhost", "localhost", 4566);
    check_address(":1", "default", 1);
    check_address("[::1]:7", "::1", 7);
    check_address("[::1]", "::1", 4566);
    check_address("a:b", NULL, 0);
    check_address("a:70000", NULL, 0);
}

int main(void)
{
    wr_arena_init(&arena, NULL);
    test_framing();
    test_startup();
    test_bind();
    test_others();
    test_address();
    wr_arena_reset(&arena);
    return check_report("wire");
}

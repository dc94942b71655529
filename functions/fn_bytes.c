/* Bytes: their forms as text, and digests of them. */
#include <openssl/evp.h>

#include "base/ascii.h"
#include "functions/kernel.h"
#include "types/bytea.h"

/* ---- forms */

struct form {
    const char *name;
    struct str (*print)(struct wr_arena *arena, struct str bytes);
    bool (*parse)(struct wr_arena *arena, struct str text, struct str *out, struct wr_error *err);
};

static const struct form forms[] = {
    {"hex", wr_bytea_print_hex, wr_bytea_parse_hex},
    {"base64", wr_bytea_print_base64, wr_bytea_parse_base64},
    {"escape", wr_bytea_print_escape, wr_bytea_parse_escape},
};

/* The form of row i; NULL and the row's error if there is none of the name. */
static const struct form *form_of(struct fn_call *call, uint32_t i)
{
    struct str name = call->args[1].str[i];
    for (size_t f = 0; f < WR_COUNT(forms); f++)
        if (strlen(forms[f].name) == name.len && !wr_ncasecmp(forms[f].name, name.data, name.len))
            return &forms[f];
    fn_fail(call, i, ERR_INVALID_PARAMETER, "unrecognized encoding: \"%.*s\"", (int)name.len, name.data);
    return NULL;
}

static void encode(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        const struct form *form = form_of(call, i);
        if (form)
            call->out->str[i] = form->print(call->arena, call->args[0].str[i]);
    }
}

static void decode(struct fn_call *call)
{
    struct wr_error err;
    FN_EACH(call, i)
    {
        const struct form *form = form_of(call, i);
        if (form && !form->parse(call->arena, call->args[0].str[i], &call->out->str[i], &err))
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

static struct str hex_of(struct wr_arena *arena, uint64_t value)
{
    char *text = wr_arena_bytes(arena, 17);
    return wr_str(text, (size_t)snprintf(text, 17, "%llx", (unsigned long long)value));
}

KERNEL_UNARY(i32_to_hex, int32_t, i32, struct str, str, hex_of(call->arena, (uint32_t)x))
KERNEL_UNARY(i64_to_hex, int64_t, i64, struct str, str, hex_of(call->arena, (uint64_t)x))

/* ---- digests */

static struct str digest(struct wr_arena *arena, struct str bytes, const EVP_MD *of)
{
    unsigned int len = 0;
    unsigned char *to = (unsigned char *)wr_arena_bytes(arena, EVP_MAX_MD_SIZE);
    EVP_Digest(bytes.len ? bytes.data : "", bytes.len, to, &len, of, NULL);
    return wr_str(to, len);
}

KERNEL_UNARY(sha224, struct str, str, struct str, str, digest(call->arena, x, EVP_sha224()))
KERNEL_UNARY(sha256, struct str, str, struct str, str, digest(call->arena, x, EVP_sha256()))
KERNEL_UNARY(sha384, struct str, str, struct str, str, digest(call->arena, x, EVP_sha384()))
KERNEL_UNARY(sha512, struct str, str, struct str, str, digest(call->arena, x, EVP_sha512()))
KERNEL_UNARY(md5, struct str, str, struct str, str, wr_bytea_print_hex(call->arena, digest(call->arena, x, EVP_md5())))

#define B TYPE_BYTEA
#define T TYPE_TEXT
#define ONE(name, result, arg, kernel, doc, example, shows)                        \
    {                                                                              \
        name, result, 1, {arg}, FN_STRICT, kernel, doc, example, shows, NULL, NULL \
    }
#define FORM(name, result, arg, kernel, doc, example, shows)                                        \
    {                                                                                               \
        name, result, 2, {arg, T}, FN_STRICT | FN_CAN_FAIL, kernel, doc, example, shows, NULL, NULL \
    }
static const struct fn rows[] = {
    FORM("encode", T, B, encode, "Bytes as text: 'hex', 'base64' or 'escape'.", "encode('abc'::bytea, 'base64')",
         "YWJj"),
    FORM("decode", B, T, decode, "Bytes from text: 'hex', 'base64' or 'escape'.", "decode('YWJj', 'base64')",
         "\\x616263"),
    ONE("to_hex", T, TYPE_INT4, i32_to_hex, "In hexadecimal; of a negative number the 32 bits.", "to_hex(-1)",
        "ffffffff"),
    ONE("to_hex", T, TYPE_INT8, i64_to_hex, "In hexadecimal; of a negative number the 64 bits.", "to_hex(255::bigint)",
        "ff"),
    ONE("sha224", B, B, sha224, "SHA-224 digest.", "sha224('abc')",
        "\\x23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
    ONE("sha256", B, B, sha256, "SHA-256 digest.", "sha256('abc')",
        "\\xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ONE("sha384", B, B, sha384, "SHA-384 digest.", "encode(sha384('abc'), 'base64')",
        "ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn"),
    ONE("sha512", B, B, sha512, "SHA-512 digest.", "length(sha512('abc'))", "64"),
    ONE("md5", T, T, md5, "MD5 digest in hexadecimal.", "md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
    ONE("md5", T, B, md5, "MD5 digest in hexadecimal.", "md5('abc'::bytea)", "900150983cd24fb0d6963f7d28e17f72"),
};

FAMILY(wr_fn_bytes_family, rows);

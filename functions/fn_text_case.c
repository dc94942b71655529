/* lower, upper, initcap. ASCII is done by bytes, the rest by libc's tables for C.UTF-8. */
#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "functions/kernel.h"
#include "functions/text_case.h"
#include "functions/utf8.h"

static locale_t locale; /* once-initialised; (locale_t)0: ASCII only */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load_locale(void)
{
    locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

enum letter_case { LOWER, UPPER };

static char ascii_case(char c, enum letter_case to)
{
    if (to == LOWER)
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static uint32_t code_case(uint32_t code, enum letter_case to)
{
    if (code < 0x80)
        return (uint32_t)ascii_case((char)code, to);
    if (!locale)
        return code;
    return (uint32_t)(to == LOWER ? towlower_l((wint_t)code, locale) : towupper_l((wint_t)code, locale));
}

static bool is_word(uint32_t code)
{
    if (code < 0x80)
        return (code >= '0' && code <= '9') || ((code | 32) >= 'a' && (code | 32) <= 'z');
    return locale && iswalnum_l((wint_t)code, locale);
}

/* A mapped character may be longer than the original (up to 4 bytes each). */
static struct str wide_case(struct wr_arena *arena, struct str text, enum letter_case to, bool words)
{
    pthread_once(&once, load_locale);
    char *out = wr_arena_bytes(arena, (size_t)text.len * 2 + 4);
    size_t at = 0;
    bool inside = false;
    for (size_t i = 0; i < text.len;) {
        uint32_t code = wr_utf8_decode(text.data + i, text.len - i);
        enum letter_case now = words ? (inside ? LOWER : UPPER) : to;
        inside = is_word(code);
        uint32_t mapped = code_case(code, now);
        size_t width = wr_utf8_width(text.data + i, text.len - i);
        char bytes[4];
        size_t made = wr_utf8_encode(mapped, bytes);
        if (at + made > (size_t)text.len * 2 + 4) /* cannot happen: no mapping doubles the bytes of a character */
            break;
        memcpy(out + at, bytes, made);
        at += made;
        i += width;
    }
    return wr_str(out, at);
}

static struct str change_case(struct wr_arena *arena, struct str text, enum letter_case to)
{
    if (!wr_utf8_is_ascii(text.data, text.len))
        return wide_case(arena, text, to, false);
    char *out = wr_arena_bytes(arena, WR_MAX(text.len, 1u));
    for (uint32_t i = 0; i < text.len; i++)
        out[i] = ascii_case(text.data[i], to);
    return wr_str(out, text.len);
}

struct str wr_text_lower(struct wr_arena *arena, struct str text)
{
    return change_case(arena, text, LOWER);
}

struct str wr_text_upper(struct wr_arena *arena, struct str text)
{
    return change_case(arena, text, UPPER);
}

struct str wr_text_initcap(struct wr_arena *arena, struct str text)
{
    return wide_case(arena, text, UPPER, true);
}

KERNEL_UNARY(lower, struct str, str, struct str, str, wr_text_lower(call->arena, x))
KERNEL_UNARY(upper, struct str, str, struct str, str, wr_text_upper(call->arena, x))
KERNEL_UNARY(initcap, struct str, str, struct str, str, wr_text_initcap(call->arena, x))

#define T TYPE_TEXT

static const struct fn rows[] = {
    {"lower", T, 1, {T}, FN_STRICT, lower, "In lower case.", "lower('HÄUSER')", "häuser", NULL, NULL},
    {"upper", T, 1, {T}, FN_STRICT, upper, "In upper case.", "upper('häuser')", "HÄUSER", NULL, NULL},
    {"initcap",
     T,
     1,
     {T},
     FN_STRICT,
     initcap,
     "Words with a capital first.",
     "initcap('hi THOMAS-x')",
     "Hi Thomas-X",
     NULL,
     NULL},
};

FAMILY(wr_fn_text_case_family, rows);

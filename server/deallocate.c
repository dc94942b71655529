/* DEALLOCATE: of the statements of SQL the only one about something that the server keeps and the engine does not know.
 *
 *   DEALLOCATE [PREPARE] { name | ALL }
 */
#include <stdlib.h>
#include <string.h>

#include "server/connection.h"
#include "server/portal.h"

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (c & 0x80);
}

/* The identifier at *at, folded or unquoted; NULL if there is none. *quoted: it cannot be a keyword. */
static char *take_name(const char *sql, size_t len, size_t *at, bool *quoted)
{
    struct wr_buf name = WR_BUF_INIT;
    size_t i = wr_sqltext_skip_blank(sql, len, *at);
    *quoted = i < len && sql[i] == '"';
    if (*quoted) {
        for (i++; i < len && (sql[i] != '"' || (i + 1 < len && sql[i + 1] == '"')); i++) {
            wr_buf_byte(&name, (uint8_t)sql[i]);
            i += sql[i] == '"';
        }
        i += i < len;
    } else {
        for (; i < len && is_word_byte(sql[i]); i++)
            wr_buf_byte(&name, (uint8_t)(sql[i] >= 'A' && sql[i] <= 'Z' ? sql[i] | 0x20 : sql[i]));
    }
    *at = i;
    if (!name.len)
        return NULL;
    wr_buf_cstr(&name);
    return name.data;
}

bool wr_deallocate_read(const char *sql, size_t len, size_t *at, struct deallocate *out)
{
    char word[16];
    bool quoted;
    wr_sqltext_first_word(sql, len, *at, word);
    if (strcmp(word, "deallocate") != 0)
        return false;
    size_t i = *at;
    while (i < len && (sql[i] | 0x20) != 'd') /* white space, comments and semicolons before the word */
        i = sql[i] == ';' ? i + 1 : WR_MAX(wr_sqltext_skip_blank(sql, len, i), i);
    i += strlen(word);
    char *name = take_name(sql, len, &i, &quoted);
    if (name && !quoted && !strcmp(name, "prepare")) {
        free(name);
        name = take_name(sql, len, &i, &quoted);
    }
    i = wr_sqltext_skip_blank(sql, len, i);
    if (!name || (i < len && sql[i] != ';')) {
        free(name);
        return false; /* the engine's parser says what is wrong */
    }
    *out = (struct deallocate){.name = name, .all = !quoted && !strcmp(name, "all")};
    *at = i < len ? i + 1 : len;
    return true;
}

bool wr_deallocate_run(struct connection *connection, const struct deallocate *deallocate)
{
    if (!wr_implicit_may_run(connection, NULL))
        return false;
    if (deallocate->all) {
        wr_prepared_drop_all(connection);
    } else {
        if (!wr_prepared_get(connection, deallocate->name))
            return false;
        wr_prepared_drop(connection, deallocate->name);
    }
    wr_reply_tag(connection, deallocate->all ? "DEALLOCATE ALL" : "DEALLOCATE");
    return true;
}

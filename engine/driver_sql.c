/* Catalog queries of drivers that need arrays, composite values or table functions for something simple: the pieces
 * that do so are replaced by what means the same over our system relations, and the query goes the way of all others. A
 * rule has a marker, without which the text is not looked at, and pieces; blanks in a piece stand for any white space.
 */
#include "engine/session.h"

#include "base/ascii.h"

struct piece {
    const char *from, *to;
};

/* pgjdbc, DatabaseMetaData: keys and indexes, a column of each a row. information_schema._pg_expandarray(array) gives
 * (x, n) for each item x in place n; weir_catalog.index_columns has those rows. */
static const struct piece index_columns[] = {{"(information_schema._pg_expandarray(i.indkey)).n", "i.n"},
                                             {"information_schema._pg_expandarray(i.indkey)", "i.x"},
                                             {"(result.KEYS).x", "result.KEYS"},
                                             {"(i.keys).x", "i.keys"},
                                             {"pg_catalog.pg_index i", "weir_catalog.index_columns i"},
                                             {"tmp.I_INDOPTION[tmp.ORDINAL_POSITION - 1] & 1::smallint", "0"},
                                             {NULL, NULL}};

/* pgjdbc, TypeInfoCache: the place of a type's schema in the search path. */
static const struct piece search_path[] = {
    {"(select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join ( select s.r, "
     "(current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as "
     "s(r) ) as r using ( nspname ) )",
     "(select oid as nspoid, nspname, 1 as r from pg_namespace where nspname = 'public')"},
    {NULL, NULL}};

/* pgjdbc, getImportedKeys and the like: of foreign keys, which there are none of. */
static const struct piece foreign_keys[] = {{"con.confkey[pos.n]", "NULL::int"},
                                            {"con.conkey[pos.n]", "NULL::int"},
                                            {"pg_catalog.generate_series(1, 32) pos(n)", "(select 1 as n) pos"},
                                            {NULL, NULL}};

/* Ruby's pg, BasicTypeRegistry: the name of a type's input function, by its oid. */
static const struct piece input_functions[] = {
    {"ti.proname AS typinput", "t.typinput"}, {"JOIN pg_proc as ti ON ti.oid = t.typinput", ""}, {NULL, NULL}};

/* ActiveRecord: its type map knows arrays by their input function; primary keys; foreign keys. */
static const struct piece array_input[] = {{"'array_in(cstring,oid,integer)'::regprocedure", "'array_in'"},
                                           {NULL, NULL}};
static const struct piece key_columns[] = {{"SELECT indrelid, indkey, generate_subscripts(indkey, 1) idx FROM pg_index",
                                            "SELECT indrelid, x AS indkey, n AS idx FROM weir_catalog.index_columns"},
                                           {"i.indkey[i.idx]", "i.indkey"},
                                           {NULL, NULL}};
static const struct piece first_columns[] = {{"c.conkey[1]", "NULL::int"}, {"c.confkey[1]", "NULL::int"}, {NULL, NULL}};

/* SQLAlchemy 1.4: primary keys. */
static const struct piece numbered_keys[] = {
    {"unnest(ix.indkey) attnum, generate_subscripts(ix.indkey, 1) ord FROM pg_index ix",
     "ix.x AS attnum, ix.n AS ord FROM weir_catalog.index_columns ix"},
    {NULL, NULL}};

/* psqlodbc: SQLPrimaryKeys, SQLForeignKeys. */
static const struct piece odbc_keys[] = {{"pg_catalog.pg_index i", "weir_catalog.index_columns i"},
                                         {"ta.attnum = i.indkey[ia.attnum-1]", "ta.attnum = i.x AND ia.attnum = i.n"},
                                         {NULL, NULL}};
static const struct piece odbc_foreign_keys[] = {
    {"generate_series(array_lower(conkey, 1), array_upper(conkey, 1)) as i", "1 as i"},
    {"a1.attnum = conkey[i]", "a1.attnum = i"},
    {"a2.attnum = confkey[i]", "a2.attnum = i"},
    {NULL, NULL}};

/* DBD::Pg, table_info: the comments of relations. */
static const struct piece comments[] = {{"c.tableoid = d.classoid", "d.classoid = 1259"}, {NULL, NULL}};

static const struct rule {
    const char *marker;
    const struct piece *pieces;
} rules[] = {
    {"information_schema._pg_expandarray(i.indkey)", index_columns},
    {"array_upper(current_schemas(false), 1)", search_path},
    {"pg_catalog.generate_series(1, 32) pos(n)", foreign_keys},
    {"JOIN pg_proc as ti ON ti.oid = t.typinput", input_functions},
    {"'array_in(cstring,oid,integer)'::regprocedure", array_input},
    {"generate_subscripts(indkey, 1) idx", key_columns},
    {"a2.attnum = c.confkey[1]", first_columns},
    {"unnest(ix.indkey) attnum", numbered_keys},
    {"ta.attnum = i.indkey[ia.attnum-1]", odbc_keys},
    {"generate_series(array_lower(conkey, 1), array_upper(conkey, 1)) as i", odbc_foreign_keys},
    {"c.tableoid = d.classoid", comments},
};

/* Length of the piece at this place of the text; 0: it is not there. */
static size_t match(const char *text, const char *piece)
{
    const char *at = text;
    for (; *piece; piece++) {
        if (*piece != ' ') {
            if (*at++ != *piece)
                return 0;
            continue;
        }
        if (!wr_is_space(*at))
            return 0;
        while (wr_is_space(*at))
            at++;
    }
    return (size_t)(at - text);
}

static void replace(struct wr_buf *out, const char *text, const struct piece *pieces)
{
    while (*text) {
        size_t len = 0;
        for (const struct piece *piece = pieces; !len && piece->from; piece++) {
            len = match(text, piece->from);
            if (len)
                wr_buf_puts(out, piece->to);
        }
        if (!len)
            wr_buf_byte(out, (uint8_t)*text);
        text += len ? len : 1;
    }
}

const char *wr_driver_sql(struct wr_arena *arena, const char *text)
{
    for (size_t r = 0; text && r < WR_COUNT(rules); r++) {
        if (!strstr(text, rules[r].marker))
            continue;
        struct wr_buf out = WR_BUF_INIT;
        replace(&out, text, rules[r].pieces);
        const char *made = wr_arena_strdup(arena, wr_buf_cstr(&out));
        wr_buf_free(&out);
        return made;
    }
    return NULL;
}

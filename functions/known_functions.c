/* Functions of PostgreSQL 15 by name, those that users call: one that is not in the registry is not there yet, and is
 * refused as that instead of as unknown. What the registry has is found there first. */
#include <string.h>

#include "functions/agg.h"
#include "functions/registry.h"

static const char *const aggregates =
    " array_agg bit_and bit_or bit_xor bool_and bool_or corr covar_pop covar_samp cume_dist dense_rank every json_agg"
    " json_object_agg jsonb_agg jsonb_object_agg mode percent_rank percentile_cont percentile_disc range_agg rank"
    " range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy"
    " stddev stddev_pop stddev_samp string_agg var_pop var_samp variance xmlagg ";

static const char *const functions =
    /* numbers */
    " abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd"
    " degrees div erf exp factorial floor gcd lcm ln log log10 min_scale mod numeric_inc pi pow power radians random"
    " round scale setseed sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket"
    /* text and bytes */
    " ascii bit_count bit_length btrim char_length character_length chr concat concat_ws convert convert_from"
    " convert_to decode encode format get_bit get_byte initcap is_normalized left length like_escape lower lpad ltrim"
    " md5 normalize octet_length overlay parse_ident position quote_ident quote_literal quote_nullable regexp_count"
    " regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array"
    " regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim set_bit set_byte sha224 sha256"
    " sha384 sha512 split_part starts_with string_to_array string_to_table strpos substr substring to_ascii to_char"
    " to_hex to_number translate unistr upper"
    /* dates and times */
    " age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval"
    " make_date make_interval make_time make_timestamp make_timestamptz now overlaps pg_sleep pg_sleep_for"
    " pg_sleep_until"
    " statement_timestamp timeofday timezone to_date to_timestamp transaction_timestamp"
    /* arrays and ranges */
    " array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position"
    " array_positions array_prepend array_remove array_replace array_to_string array_upper cardinality daterange"
    " generate_series generate_subscripts int4range int8range isempty lower_inc lower_inf numrange range_merge"
    " trim_array tsrange tstzrange unnest upper_inc upper_inf"
    /* json */
    " array_to_json json_array_elements json_array_elements_text json_array_length json_build_array"
    " json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object"
    " json_object_keys json_populate_record json_populate_recordset json_strip_nulls json_to_record"
    " json_to_recordset json_typeof jsonb_array_elements jsonb_array_elements_text jsonb_array_length"
    " jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text"
    " jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query"
    " jsonb_path_query_array jsonb_path_query_first jsonb_populate_record jsonb_populate_recordset jsonb_pretty"
    " jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json"
    " to_jsonb"
    /* text search, networks, geometry, xml */
    " to_tsquery to_tsvector plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_headline ts_rank ts_rank_cd"
    " setweight numnode querytree abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask"
    " network set_masklen area box center circle diameter height isclosed isopen line lseg npoints path point polygon"
    " radius slope width xmlcomment xmlexists xpath xpath_exists"
    /* sequences and the rest */
    " currval lastval nextval setval gen_random_uuid num_nonnulls num_nulls txid_current pg_current_xact_id"
    " pg_advisory_lock pg_advisory_unlock pg_advisory_xact_lock pg_try_advisory_lock pg_column_size"
    " pg_cancel_backend pg_terminate_backend pg_notify pg_size_bytes pg_typeof ";

static bool is_among(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = names; len && (at = strstr(at, name)); at += len)
        if (at[-1] == ' ' && at[len] == ' ')
            return true;
    return false;
}

bool wr_fn_is_missing_aggregate(const char *name)
{
    return is_among(aggregates, name) && !wr_agg_exists(name);
}

bool wr_fn_is_missing(const char *name)
{
    return (is_among(functions, name) || is_among(aggregates, name)) && !wr_fn_first(name) && !wr_agg_exists(name);
}

/* N: a number, S: text or an untyped literal, T: a time. */
static const struct form {
    const char *name, *args;
} forms[] = {{"to_char", "NS"},    {"to_timestamp", "SS"}, {"substring", "SS"},
             {"substring", "SSS"}, {"date_trunc", "STS"},  {"length", "SS"}};

static bool fits(char kind, struct type type)
{
    bool text = type.id == TYPE_TEXT || type.id == TYPE_UNKNOWN;
    return kind == 'S' ? text : !text && wr_type_info(type.id)->category == (kind == 'N' ? 'N' : 'D');
}

bool wr_fn_is_missing_form(const char *name, const struct type *args, uint16_t nargs)
{
    for (size_t f = 0; f < WR_COUNT(forms); f++) {
        bool same = strlen(forms[f].args) == nargs && !strcmp(forms[f].name, name);
        for (uint16_t i = 0; same && i < nargs; i++)
            same = fits(forms[f].args[i], args[i]);
        if (same)
            return true;
    }
    return false;
}

bool wr_fn_is_missing_operator(const char *name, const struct type *args, uint16_t nargs)
{
    bool json = false;
    for (uint16_t i = 0; i < nargs; i++)
        json |= args[i].id == TYPE_JSONB;
    return json && is_among(" - @> <@ ?| ?& #> #>> #- @? @@ ", name);
}

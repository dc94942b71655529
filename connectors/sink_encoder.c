/* What a sink's options say of its messages, and the messages of a change. */
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "connectors/formats.h"
#include "connectors/options.h"

static const char *const legacy_types[] = {"append-only", "upsert", "debezium", NULL};
static const char *const legacy_formats[] = {"PLAIN", "UPSERT", "DEBEZIUM"};

/* FORMAT ... ENCODE ..., or RisingWave's older type = '...' (always JSON). */
const char *wr_sink_format(const struct object *object)
{
    const char *type = wr_option_get(object, "type");
    for (int i = 0; !object->format && type && legacy_types[i]; i++)
        if (!wr_casecmp(type, legacy_types[i]))
            return legacy_formats[i];
    return object->format;
}

static bool class_of(const struct object *object, const struct encoder_class **class, struct wr_error *err)
{
    const char *format = wr_sink_format(object), *encode = object->format ? object->encode : "JSON";
    const char *type = wr_option_get(object, "type");
    int index;
    if (!object->format && type)
        TRY(wr_option_choice("type", type, legacy_types, &index, err));
    if (!format || !encode)
        return wr_fail(err, ERR_INVALID_PARAMETER, "a kafka sink needs a FORMAT ... ENCODE ... clause");
    *class = wr_encoder_class(format, encode);
    if (!*class)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "FORMAT %s ENCODE %s is not supported for kafka sinks", format,
                       encode);
    return true;
}

static const char *append_only_option(const struct object *object)
{
    const char *text = wr_option_get(object, "force_append_only");
    return text ? text : wr_format_option_get(object, "force_append_only");
}

static bool styles_of(const struct object *object, bool *force_append_only, bool *jsonb_dynamic, struct wr_error *err)
{
    static const char *const jsonb_modes[] = {"string", "dynamic", NULL};
    static const char *const known[] = {"force_append_only", "jsonb.handling.mode", NULL};
    int mode = 0;
    TRY(wr_format_options_check(object, known, err));
    TRY(wr_option_bool("force_append_only", append_only_option(object), force_append_only, err));
    const char *text = wr_format_option_get(object, "jsonb.handling.mode");
    if (text)
        TRY(wr_option_choice("jsonb.handling.mode", text, jsonb_modes, &mode, err));
    *jsonb_dynamic = mode == 1;
    return true;
}

static bool append_only_check(const struct encoder_class *class, const struct object *object, bool forced,
                              struct wr_error *err)
{
    if (strcmp(class->format, "PLAIN") != 0 || object->append_only || forced)
        return true;
    wr_fail(err, ERR_INVALID_PARAMETER, "FORMAT PLAIN needs an append-only query");
    return wr_fail_hint(err, "Use FORMAT UPSERT or CHANGELOG, or force_append_only = 'true' to drop deletes.");
}

bool wr_encoder_check(const struct object *object, struct wr_error *err)
{
    const struct encoder_class *class;
    bool force_append_only = false, snapshot = true, jsonb_dynamic;
    TRY(class_of(object, &class, err));
    TRY(styles_of(object, &force_append_only, &jsonb_dynamic, err));
    TRY(append_only_check(class, object, force_append_only, err));
    TRY(wr_option_bool("snapshot", wr_option_get(object, "snapshot"), &snapshot, err));
    if (!snapshot)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED,
                       "option \"snapshot\" = 'false' is not supported: a sink begins with the rows that are there");
    return !class->check || class->check(object, err);
}

static bool init(struct encoder *encoder, struct wr_error *err)
{
    const struct object *object = encoder->config->object;
    bool force_append_only = false;
    TRY(class_of(object, &encoder->class, err));
    TRY(styles_of(object, &force_append_only, &encoder->style.jsonb_dynamic, err));
    encoder->style.io = encoder->config->io;
    encoder->style.clickhouse = encoder->class->clickhouse;
    encoder->in_key = wr_calloc(WR_MAX(encoder->config->ncols, 1), sizeof *encoder->in_key);
    for (uint16_t k = 0; k < encoder->config->nkey; k++)
        encoder->in_key[encoder->config->key[k]] = true;
    return append_only_check(encoder->class, object, force_append_only, err);
}

bool wr_encoder_init(struct encoder *encoder, const struct sink_config *config, struct wr_error *err)
{
    memset(encoder, 0, sizeof *encoder);
    encoder->config = config;
    if (init(encoder, err))
        return true;
    wr_encoder_fini(encoder);
    return false;
}

void wr_encoder_fini(struct encoder *encoder)
{
    free(encoder->in_key);
    encoder->in_key = NULL;
}

/* ---- changes */

static bool rewrites_key(const struct encoder *encoder, const struct sink_change *change, struct wr_buf *buf)
{
    if (change->op != 'u' || !change->old_row || !encoder->config->nkey)
        return false;
    size_t before = buf->len, between;
    wr_encode_key(encoder, change->old_row, buf);
    between = buf->len;
    wr_encode_key(encoder, change->row, buf);
    bool same =
        buf->len - between == between - before && !memcmp(buf->data + before, buf->data + between, between - before);
    buf->len = before;
    return !same;
}

int wr_encode_change(const struct encoder *encoder, const struct sink_change *change, uint64_t version,
                     struct wr_buf *buf, struct out_message out[OUT_MESSAGES_MAX])
{
    if (!rewrites_key(encoder, change, buf))
        return encoder->class->encode_change(encoder, change, version, buf, out);
    struct sink_change gone = {.op = 'd', .row = change->old_row, .row_len = change->old_row_len}, come = *change;
    come.op = 'c';
    come.old_row = NULL;
    int n = encoder->class->encode_change(encoder, &gone, version, buf, out);
    return n + encoder->class->encode_change(encoder, &come, version, buf, out + n);
}

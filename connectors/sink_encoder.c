/* What a sink's options say of its messages: format, key columns, styles. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/formats.h"
#include "connectors/options.h"

static const char *const legacy_types[] = {"append-only", "upsert", "debezium", NULL};
static const char *const legacy_formats[] = {"PLAIN", "UPSERT", "DEBEZIUM"};

/* FORMAT ... ENCODE ..., or RisingWave's older type = '...' (always JSON). */
static bool class_of(const struct object *object, const struct encoder_class **class, struct wr_error *err)
{
    const char *format = object->format, *encode = object->encode, *type = wr_option_get(object, "type");
    if (!format && type) {
        int index;
        TRY(wr_option_choice("type", type, legacy_types, &index, err));
        format = legacy_formats[index];
        encode = "JSON";
    }
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
    bool force_append_only = false, jsonb_dynamic;
    TRY(class_of(object, &class, err));
    TRY(styles_of(object, &force_append_only, &jsonb_dynamic, err));
    TRY(append_only_check(class, object, force_append_only, err));
    return !class->check || class->check(object, err);
}

static bool find_column(const struct sink_config *config, const char *name, size_t len, uint16_t *column)
{
    for (uint16_t c = 0; c < config->ncols; c++)
        if (strlen(config->names[c]) == len && !strncasecmp(config->names[c], name, len)) {
            *column = c;
            return true;
        }
    return false;
}

/* primary_key = 'a, b' */
static bool key_option(struct encoder *encoder, const char *text, struct wr_error *err)
{
    const struct sink_config *config = encoder->config;
    encoder->nkey = 0;
    while (*text) {
        text += strspn(text, " ,");
        size_t len = strcspn(text, ",");
        while (len && text[len - 1] == ' ')
            len--;
        uint16_t column;
        if (!len)
            break;
        if (!find_column(config, text, len, &column))
            return wr_fail(err, ERR_UNDEFINED_COLUMN, "column \"%.*s\" of primary_key does not exist", (int)len, text);
        if (encoder->in_key[column])
            return wr_fail(err, ERR_DUPLICATE_COLUMN, "column \"%.*s\" appears twice in primary_key", (int)len, text);
        encoder->key[encoder->nkey++] = column;
        encoder->in_key[column] = true;
        text += len;
    }
    return true;
}

static bool key_of(struct encoder *encoder, struct wr_error *err)
{
    const struct sink_config *config = encoder->config;
    const char *option = wr_option_get(config->object, "primary_key");
    encoder->key = wr_calloc(WR_MAX(config->ncols, 1) + config->nkey, sizeof *encoder->key);
    encoder->in_key = wr_calloc(WR_MAX(config->ncols, 1), sizeof *encoder->in_key);
    if (option)
        return key_option(encoder, option, err);
    encoder->nkey = config->nkey;
    for (uint16_t k = 0; k < config->nkey; k++)
        encoder->key[k] = config->key[k];
    if (!config->nkey && !encoder->append_only && config->ncols >= 2) { /* __key, __ordinal */
        encoder->nkey = 2;
        encoder->key[0] = (uint16_t)(config->ncols - 2);
        encoder->key[1] = (uint16_t)(config->ncols - 1);
    }
    for (uint16_t k = 0; k < encoder->nkey; k++)
        encoder->in_key[encoder->key[k]] = true;
    return true;
}

static bool init(struct encoder *encoder, struct wr_error *err)
{
    const struct object *object = encoder->config->object;
    bool force_append_only = false;
    TRY(class_of(object, &encoder->class, err));
    TRY(styles_of(object, &force_append_only, &encoder->style.jsonb_dynamic, err));
    encoder->style.io = encoder->config->io;
    encoder->style.clickhouse = encoder->class->clickhouse;
    encoder->append_only = !strcmp(encoder->class->format, "PLAIN");
    TRY(append_only_check(encoder->class, object, force_append_only, err));
    TRY(key_of(encoder, err));
    if (encoder->class->needs_key && !encoder->config->nkey && !wr_option_get(object, "primary_key"))
        return wr_fail(err, ERR_INVALID_PARAMETER, "primary key not defined for FORMAT %s", encoder->class->format) ||
               wr_fail_hint(err, "Name the key columns in primary_key = '...', or use FORMAT CHANGELOG.");
    return true;
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
    free(encoder->key);
    free(encoder->in_key);
    encoder->key = NULL;
    encoder->in_key = NULL;
}

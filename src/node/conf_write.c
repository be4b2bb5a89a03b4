// A configuration as YAML.
#include "node/conf_fields.h"

static void write_section(const struct conf *conf, const char *section, bool commented,
                          struct buf *out) {
    const char *indent = section[0] ? "  " : "";
    if (section[0]) buf_print(out, "%s:\n", section);
    for (size_t i = 0; i < conf_fields.len; i++) {
        const struct conf_field *field = &conf_fields.rows[i];
        if (strcmp(field->section, section) != 0) continue;
        if (commented) buf_print(out, "%s# %s\n%s# %s\n", indent, field->en, indent, field->ja);
        buf_print(out, "%s%s: ", indent, field->name);
        conf_field_write(conf, field, out);
        buf_put_text(out, commented ? "\n\n" : "\n");
    }
}

// What each field of a list's rows is.
static void write_rows_comment(const struct conf_table *table, int width, struct buf *out) {
    for (size_t i = 0; i < table->len; i++) {
        const struct conf_field *field = &table->rows[i];
        buf_print(out, "#   %-*s  %s\n#   %-*s  %s\n", width, field->name, field->en, width, "",
                  field->ja);
    }
}

static void write_models(const struct conf *conf, bool commented, struct buf *out) {
    if (commented) {
        buf_put_text(out, "# Models, each with its own name. The first is loaded at the start, the "
                          "others when somebody asks.\n"
                          "# モデルの一覧。先頭は起動時に、ほかは要求されたときに読み込む。\n");
        write_rows_comment(&conf_model_fields, 10, out);
    }
    buf_put_text(out, "models:\n");
    for (uint32_t m = 0; m < conf->models_len; m++) {
        for (size_t i = 0; i < conf_model_fields.len; i++) {
            const struct conf_field *field = &conf_model_fields.rows[i];
            buf_print(out, "  %s %s: ", i == 0 ? "-" : " ", field->name);
            conf_field_write(&conf->models[m], field, out);
            buf_put_char(out, '\n');
        }
    }
    if (commented) buf_put_char(out, '\n');
}

// What goes without saying: a limit that is the node's.
static bool inherited(const struct conf_key *key, const struct conf_field *field) {
    return field->kind == CONF_NUMBER && conf_field_number(key, field) == CONF_INHERIT;
}

static void write_keys(const struct conf *conf, bool commented, struct buf *out) {
    if (commented) {
        buf_put_text(out, "# API keys by their SHA-256; `sekisho key NAME` makes one. Without any, "
                          "only this machine may ask.\n"
                          "# API 鍵 (SHA-256)。一つもなければ、この機械からしか使えない。\n");
        write_rows_comment(&conf_key_fields, 20, out);
    }
    buf_put_text(out, conf->keys_len ? "keys:\n" : "keys: []\n");
    for (uint32_t k = 0; k < conf->keys_len; k++) {
        for (size_t i = 0; i < conf_key_fields.len; i++) {
            const struct conf_field *field = &conf_key_fields.rows[i];
            const struct conf_key *key = &conf->keys[k];
            if (inherited(key, field)) continue;
            buf_print(out, "  %s %s: ", i == 0 ? "-" : " ", field->name);
            conf_field_write(key, field, out);
            buf_put_char(out, '\n');
        }
    }
}

void conf_write(const struct conf *conf, bool commented, struct buf *out) {
    write_section(conf, "", commented, out);
    write_models(conf, commented, out);
    write_section(conf, "engine", commented, out);
    write_section(conf, "limits", commented, out);
    write_section(conf, "border", commented, out);
    write_section(conf, "witness", commented, out);
    write_section(conf, "keep", commented, out);
    write_section(conf, "ledger", commented, out);
    write_section(conf, "cors", commented, out);
    write_keys(conf, commented, out);
}

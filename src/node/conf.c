#include "node/conf.h"

#include "base/text.h"
#include "base/yaml.h"
#include "node/cage.h"
#include "node/files.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Gate holds 256 requests at once: what runs (`parallel` of all models) and what waits must fit.
enum { OPEN_MAX = 254, QUEUE_MAX = 190, PARALLEL_MAX = 64, THREADS_MAX = 64 };

enum conf_kind { CONF_TEXT, CONF_NUMBER, CONF_BYTES, CONF_LEVEL };

// One field: where it stands in the file and in struct conf (or conf_model), its range, and what
// `init` says of it.
struct conf_field {
    const char *section, *name; // section "" at the top
    enum conf_kind kind;
    size_t offset, size;    // size: of text
    uint64_t min, max;      // of numbers
    bool live;              // a reload applies it
    const char *en, *ja;
};

#define TEXT_FIELD(section, name, member, live, en, ja)                                            \
    {section, name, CONF_TEXT, offsetof(struct conf, member), sizeof(((struct conf *)0)->member),  \
     0,       0,    live,      en,                            ja}
#define NUMBER_FIELD(section, name, kind, member, min, max, live, en, ja)                          \
    {section, name, kind, offsetof(struct conf, member), 0, min, max, live, en, ja}

static const struct conf_field fields[] = {
    TEXT_FIELD("", "node", node, false, "name of this node: origin of its ledger, in every receipt",
               "このノードの名前。台帳と受領証に載る"),
    TEXT_FIELD("", "listen", listen, false, "address to serve on; port 0 takes a free one",
               "待ち受けるアドレス。ポート 0 は空きを使う"),
    TEXT_FIELD("", "data", data, false, "directory of ledger and keys", "台帳と鍵を置く場所"),
    {"", "isolation", CONF_LEVEL, offsetof(struct conf, isolation),
     sizeof(((struct conf *)0)->isolation), 0, 0, false,
     "lowest isolation to serve at: fenced or walled (docs/powers.md)",
     "これより弱い隔離では応答しない: fenced か walled"},
    NUMBER_FIELD("engine", "threads", CONF_NUMBER, threads, 0, THREADS_MAX, false,
                 "threads that compute; 0: one per CPU", "計算スレッド数。0 は CPU の数"),
    NUMBER_FIELD("engine", "memory", CONF_BYTES, memory, 0, UINT64_MAX, false,
                 "bytes for all loaded models, weights and caches; 0: three quarters of this "
                 "machine's memory",
                 "読み込んだモデル全体のメモリの上限。0 は搭載メモリの四分の三"),
    NUMBER_FIELD("engine", "idle_s", CONF_NUMBER, idle_s, 0, 1 << 30, false,
                 "seconds after which a model nobody asks for leaves the memory; 0: never",
                 "使われないモデルをメモリから外すまでの秒数。0 は外さない"),
    NUMBER_FIELD("limits", "connections", CONF_NUMBER, connections, 1, 3000, true,
                 "client connections at once", "同時接続数"),
    NUMBER_FIELD("limits", "queue", CONF_NUMBER, queue, 0, QUEUE_MAX, false,
                 "requests waiting for the engine; more are told 429", "待ち行列の長さ。超えると 429"),
    NUMBER_FIELD("limits", "body", CONF_BYTES, body, 1 << 10, 8 << 20, true,
                 "largest request body", "リクエスト本文の上限"),
    NUMBER_FIELD("limits", "header", CONF_BYTES, header, 1 << 10, 64 << 10, true,
                 "largest request header", "ヘッダーの上限"),
    NUMBER_FIELD("limits", "header_ms", CONF_NUMBER, header_ms, 100, 600000, true,
                 "time for the whole header", "ヘッダー受信の期限 (ミリ秒)"),
    NUMBER_FIELD("limits", "idle_ms", CONF_NUMBER, idle_ms, 100, 3600000, true,
                 "time without a byte from or to the client", "無通信の期限 (ミリ秒)"),
    NUMBER_FIELD("limits", "drain_ms", CONF_NUMBER, drain_ms, 0, 3600000, true,
                 "time for running answers when the node stops", "停止時に応答を待つ時間 (ミリ秒)"),
    TEXT_FIELD("", "hosts", hosts, true,
               "further Host names allowed while there are no keys, comma separated",
               "鍵がないときに許す Host 名 (カンマ区切り)"),
};
enum { FIELDS = sizeof fields / sizeof *fields };

// Of one model of the list.
static const struct conf_field model_fields[] = {
    {"model", "id", CONF_TEXT, offsetof(struct conf_model, id),
     sizeof(((struct conf_model *)0)->id), 0, 0, false, "the name clients ask for",
     "クライアントが指定する名前"},
    {"model", "file", CONF_TEXT, offsetof(struct conf_model, file),
     sizeof(((struct conf_model *)0)->file), 0, 0, false,
     "a GGUF file; of a split one the first part, …-00001-of-0000N.gguf",
     "GGUF ファイル。分割されたものは最初の一つ"},
    {"model", "context", CONF_NUMBER, offsetof(struct conf_model, context), 0, 0, 1 << 20, false,
     "tokens of one conversation; 0: what the model was trained for, or what memory has room for",
     "一つの会話のトークン数。0 はモデルの学習時の長さ、またはメモリに収まる長さ"},
    {"model", "parallel", CONF_NUMBER, offsetof(struct conf_model, parallel), 0, 1, PARALLEL_MAX,
     false, "answers at once", "同時に作る応答の数"},
};
enum { MODEL_FIELDS = sizeof model_fields / sizeof *model_fields };

// `at`: the struct the field is of.
static char *field_text(const void *at, const struct conf_field *field) {
    return (char *)(uintptr_t)at + field->offset;
}
static uint64_t field_number(const void *at, const struct conf_field *field) {
    uint64_t number;
    memcpy(&number, (const char *)at + field->offset, sizeof number);
    return number;
}

enum { PARALLEL = 4 }; // when none is given

void conf_defaults(struct conf *conf) {
    *conf = (struct conf){.models = {{.parallel = PARALLEL}},
                          .models_len = 1,
                          .idle_s = 900,
                          .connections = 1024,
                          .queue = 64,
                          .body = 4 << 20,
                          .header = 16 << 10,
                          .header_ms = 10000,
                          .idle_ms = 60000,
                          .drain_ms = 30000};
    char host[64] = "localhost";
    gethostname(host, sizeof host - 1);
    snprintf(conf->node, sizeof conf->node, "sekisho.invalid/%s", host);
    snprintf(conf->listen, sizeof conf->listen, "127.0.0.1:8844");
    snprintf(conf->isolation, sizeof conf->isolation, "walled");
    struct conf_model *model = &conf->models[0];
    snprintf(model->id, sizeof model->id, "sekisho-madoguchi");
    files_default_model(model->file, sizeof model->file);
    files_default_data(conf->data, sizeof conf->data);
}

// A number with an optional KiB, MiB or GiB.
static bool take_bytes(struct view text, uint64_t *out) {
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    unsigned shift = 0;
    for (unsigned i = 0; i < 3; i++) {
        size_t len = 3;
        if (text.len > len && view_is(view_from(text, text.len - len), units[i])) {
            text.len -= len;
            shift = 10 * (i + 1);
        }
    }
    return decimal_take(text, out) && *out <= UINT64_MAX >> shift && (*out <<= shift, true);
}

static enum sk_code field_set(void *at, const struct conf_field *field, struct view text,
                              const char *where) {
    if (field->kind == CONF_LEVEL && !view_is(text, "fenced") && !view_is(text, "walled"))
        return FAIL(SK_INPUT, "%s: %s must be fenced or walled, not '%.*s'", where, field->name,
                    (int)text.len, text.at);
    if (field->kind == CONF_TEXT || field->kind == CONF_LEVEL) {
        if (text.len >= field->size || memchr(text.at, 0, text.len))
            return FAIL(SK_LIMIT, "%s: %s is longer than %zu bytes", where, field->name,
                        field->size - 1);
        char *to = field_text(at, field);
        memset(to, 0, field->size); // whole structs are compared
        memcpy(to, text.at, text.len);
        return SK_OK;
    }
    uint64_t number;
    bool good = field->kind == CONF_BYTES ? take_bytes(text, &number) : decimal_take(text, &number);
    if (!good)
        return FAIL(SK_INPUT, "%s: %s must be a number%s, not '%.*s'", where, field->name,
                    field->kind == CONF_BYTES ? " of bytes like 4194304 or 4MiB" : "",
                    (int)text.len, text.at);
    if (number < field->min || number > field->max)
        return FAIL(SK_LIMIT, "%s: %s is %llu, allowed are %llu to %llu", where, field->name,
                    (unsigned long long)number, (unsigned long long)field->min,
                    (unsigned long long)field->max);
    memcpy((char *)at + field->offset, &number, sizeof number);
    return SK_OK;
}

static void node_where(const struct conf *conf, const struct yaml_node *node, char out[256]) {
    snprintf(out, 256, "%.200s:%u:%u", conf->file, node->line, node->column);
}

static enum sk_code keys_set(struct conf *conf, const struct yaml_node *list) {
    char where[256];
    node_where(conf, list, where);
    if (list->type == YAML_NULL) return SK_OK;
    if (list->type != YAML_LIST || list->count > CONF_KEYS_MAX)
        return FAIL(SK_INPUT, "%s: keys must be a list of at most %d", where, CONF_KEYS_MAX);
    for (const struct yaml_node *row = list->first; row; row = row->next) {
        node_where(conf, row, where);
        const struct yaml_node *name = yaml_find(row, "name"), *sha = yaml_find(row, "sha256");
        struct conf_key *key = &conf->keys[conf->keys_len];
        bool good = row->count == 2 && name && sha && name->type == YAML_SCALAR &&
                    sha->type == YAML_SCALAR && name->text.len > 0 &&
                    name->text.len < sizeof key->name && hex_take(sha->text, key->digest, HASH_LEN);
        if (!good)
            return FAIL(SK_INPUT,
                        "%s: a key is {name: TEXT up to 64 bytes, sha256: 64 hex digits}; "
                        "`sekisho key NAME` makes one",
                        where);
        memcpy(key->name, name->text.at, name->text.len);
        key->name[name->text.len] = 0;
        conf->keys_len++;
    }
    return SK_OK;
}

static const struct conf_field *field_find(struct view section, struct view name) {
    for (size_t i = 0; i < FIELDS; i++)
        if (view_is(section, fields[i].section) && view_is(name, fields[i].name)) return &fields[i];
    return NULL;
}

static const struct conf_field *model_field_find(struct view name) {
    for (size_t i = 0; i < MODEL_FIELDS; i++)
        if (view_is(name, model_fields[i].name)) return &model_fields[i];
    return NULL;
}

static enum sk_code unknown_key(const struct yaml_node *node, const char *where) {
    return FAIL(SK_INPUT, "%s: unknown key '%.*s'; `sekisho config print` shows all", where,
                (int)node->key.len, node->key.at);
}

// A member of a map: `at` is the struct its field is of.
static enum sk_code member_set(const struct conf *conf, void *at, const struct conf_field *field,
                               const struct yaml_node *node) {
    char where[256];
    node_where(conf, node, where);
    if (!field) return unknown_key(node, where);
    if (node->type != YAML_SCALAR)
        return FAIL(SK_INPUT, "%s: %s must be one value", where, field->name);
    return field_set(at, field, node->text, where);
}

// The one model of a section `model:`, where what is the engine's stood too.
static enum sk_code model_section_set(struct conf *conf, const struct yaml_node *map) {
    for (const struct yaml_node *node = map->first; node; node = node->next) {
        const struct conf_field *field = model_field_find(node->key);
        if (field)
            TRY(member_set(conf, &conf->models[0], field, node));
        else
            TRY(member_set(conf, conf, field_find(VIEW("engine"), node->key), node));
    }
    return SK_OK;
}

static enum sk_code models_set(struct conf *conf, const struct yaml_node *list) {
    char where[256];
    node_where(conf, list, where);
    if (list->type != YAML_LIST || list->count < 1 || list->count > CONF_MODELS_MAX)
        return FAIL(SK_INPUT, "%s: models must be a list of 1 to %d, each {id: TEXT, file: PATH}",
                    where, CONF_MODELS_MAX);
    conf->models_len = 0;
    for (const struct yaml_node *row = list->first; row; row = row->next) {
        struct conf_model *model = &conf->models[conf->models_len++];
        memset(model, 0, sizeof *model);
        model->parallel = PARALLEL;
        node_where(conf, row, where);
        if (row->type != YAML_MAP || !yaml_find(row, "id") || !yaml_find(row, "file"))
            return FAIL(SK_INPUT, "%s: a model is {id: TEXT, file: PATH}", where);
        for (const struct yaml_node *node = row->first; node; node = node->next)
            TRY(member_set(conf, model, model_field_find(node->key), node));
    }
    return SK_OK;
}

static bool section_known(struct view name) {
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i].section[0] && view_is(name, fields[i].section)) return true;
    return false;
}

static enum sk_code section_set(struct conf *conf, const struct yaml_node *map) {
    for (const struct yaml_node *node = map->first; node; node = node->next)
        TRY(member_set(conf, conf, field_find(map->key, node->key), node));
    return SK_OK;
}

static enum sk_code tree_set(struct conf *conf, const struct yaml_node *root) {
    char where[256];
    if (root->type == YAML_NULL) return SK_OK;
    if (root->type != YAML_MAP) return FAIL(SK_INPUT, "%s: must be a map", conf->file);
    for (const struct yaml_node *node = root->first; node; node = node->next) {
        node_where(conf, node, where);
        if (view_is(node->key, "model") && yaml_find(root, "models"))
            return FAIL(SK_INPUT, "%s: model beside models: put it into the list", where);
        if (view_is(node->key, "keys"))
            TRY(keys_set(conf, node));
        else if (view_is(node->key, "models"))
            TRY(models_set(conf, node));
        else if (view_is(node->key, "model") && node->type == YAML_MAP)
            TRY(model_section_set(conf, node));
        else if (section_known(node->key) && node->type == YAML_MAP)
            TRY(section_set(conf, node));
        else
            TRY(member_set(conf, conf, field_find(VIEW(""), node->key), node));
    }
    return SK_OK;
}

// SEKISHO_LIMITS_BODY for limits.body.
static enum sk_code variable_set(void *at, const struct conf_field *field) {
    char name[64];
    snprintf(name, sizeof name, "SEKISHO_%s%s%s", field->section, field->section[0] ? "_" : "",
             field->name);
    for (char *c = name; *c; c++) *c = (char)toupper((unsigned char)*c);
    const char *value = getenv(name);
    return value ? field_set(at, field, view_of(value), name) : SK_OK;
}

// SEKISHO_MODEL_FILE and the like are of the first model.
static enum sk_code environment_set(struct conf *conf) {
    for (size_t i = 0; i < FIELDS; i++) TRY(variable_set(conf, &fields[i]));
    for (size_t i = 0; i < MODEL_FIELDS; i++)
        TRY(variable_set(&conf->models[0], &model_fields[i]));
    return SK_OK;
}

uint64_t conf_memory(const struct conf *conf) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (conf->memory > 0 || pages <= 0 || page <= 0) return conf->memory;
    return (uint64_t)pages * (uint64_t)page / 4 * 3;
}

uint32_t conf_threads(const struct conf *conf) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = conf->threads ? conf->threads : (uint64_t)(cpus < 1 ? 1 : cpus);
    return (uint32_t)(threads > THREADS_MAX ? THREADS_MAX : threads);
}

static enum sk_code models_check(const struct conf *conf) {
    uint64_t open = conf->queue;
    for (uint32_t i = 0; i < conf->models_len; i++) {
        const char *id = conf->models[i].id;
        open += conf->models[i].parallel;
        if (!id[0]) return FAIL(SK_INPUT, "models: each must have an id");
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(id, conf->models[j].id) == 0)
                return FAIL(SK_INPUT, "models: the id %s is given twice", id);
    }
    if (open > OPEN_MAX)
        return FAIL(SK_LIMIT, "parallel of all models + limits.queue is %llu, at most %d",
                    (unsigned long long)open, OPEN_MAX);
    return SK_OK;
}

enum sk_code conf_check(const struct conf *conf) {
    char host[64];
    uint16_t port;
    TRY(conf_listen(conf, host, &port));
    bool loopback = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
    if (conf->keys_len == 0 && !loopback)
        return FAIL(SK_DENIED,
                    "listen is %s but no key is configured: add one (`sekisho key NAME`) or listen "
                    "on 127.0.0.1",
                    conf->listen);
    if (!conf->node[0] || strpbrk(conf->node, " +\t\r\n"))
        return FAIL(SK_INPUT, "node must be a name without spaces or '+', like example.jp/node-1");
    return models_check(conf);
}

enum sk_code conf_listen(const struct conf *conf, char host[64], uint16_t *port) {
    const char *colon = strrchr(conf->listen, ':');
    uint64_t number;
    size_t len = colon ? (size_t)(colon - conf->listen) : 0;
    if (!colon || len == 0 || len >= 64 || !decimal_take(view_of(colon + 1), &number) ||
        number > UINT16_MAX)
        return FAIL(SK_INPUT, "listen is '%s': write host:port, like 127.0.0.1:8844 or [::1]:8844",
                    conf->listen);
    bool bracket = conf->listen[0] == '[' && conf->listen[len - 1] == ']';
    snprintf(host, 64, "%.*s", (int)(bracket ? len - 2 : len), conf->listen + bracket);
    *port = (uint16_t)number;
    return SK_OK;
}

enum sk_code conf_read_file(const char *path, struct conf *conf) {
    static const char *const places[] = {"/etc/sekisho/sekisho.yaml", "sekisho.yaml"};
    conf_defaults(conf);
    for (size_t i = 0; !path && i < 2; i++)
        if (access(places[i], F_OK) == 0) path = places[i];
    if (!path)
        return FAIL(SK_UNKNOWN, "no configuration: neither %s nor ./%s; `sekisho init` makes one",
                    places[0], places[1]);
    snprintf(conf->file, sizeof conf->file, "%s", path);
    struct arena arena;
    struct buf text = {0};
    const struct yaml_node *root;
    TRY(arena_open(&arena, "configuration", 64 << 20));
    enum sk_code code = buf_open(&text, YAML_MAX);
    if (code == SK_OK) code = files_read(path, &text);
    if (code == SK_OK) code = yaml_parse(buf_view(&text), path, &arena, &root);
    if (code == SK_OK) code = tree_set(conf, root);
    buf_close(&text);
    arena_close(&arena);
    return code;
}

enum sk_code conf_read(const char *path, struct conf *conf) {
    enum sk_code code = conf_read_file(path, conf);
    if (code != SK_OK && (path || code != SK_UNKNOWN)) return code;
    char why[512];
    snprintf(why, sizeof why, "%s", fail_text());
    TRY(environment_set(conf));
    return code == SK_OK ? conf_check(conf) : FAIL(code, "%s", why);
}

// Double-quoted YAML: always text, never a number or a boolean, and on one line.
static void write_quoted(const char *text, struct buf *out) {
    buf_put_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') buf_put_char(out, '\\');
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            buf_print(out, "\\x%02x", (unsigned)*text);
        else
            buf_put_char(out, *text);
    }
    buf_put_char(out, '"');
}

static void write_value(const void *at, const struct conf_field *field, struct buf *out) {
    if (field->kind == CONF_TEXT || field->kind == CONF_LEVEL)
        write_quoted(field_text(at, field), out);
    else
        buf_put_u64(out, field_number(at, field));
}

static void write_section(const struct conf *conf, const char *section, bool commented,
                          struct buf *out) {
    const char *indent = section[0] ? "  " : "";
    if (section[0]) buf_print(out, "%s:\n", section);
    for (size_t i = 0; i < FIELDS; i++) {
        const struct conf_field *field = &fields[i];
        if (strcmp(field->section, section) != 0) continue;
        if (commented) buf_print(out, "%s# %s\n%s# %s\n", indent, field->en, indent, field->ja);
        buf_print(out, "%s%s: ", indent, field->name);
        write_value(conf, field, out);
        buf_put_text(out, commented ? "\n\n" : "\n");
    }
}

static void write_models(const struct conf *conf, bool commented, struct buf *out) {
    if (commented) {
        buf_put_text(out, "# Models, each with its own name. The first is loaded at the start, the "
                          "others when somebody asks.\n"
                          "# モデルの一覧。先頭は起動時に、ほかは要求されたときに読み込む。\n");
        for (size_t i = 0; i < MODEL_FIELDS; i++)
            buf_print(out, "#   %-8s  %s\n#             %s\n", model_fields[i].name,
                      model_fields[i].en, model_fields[i].ja);
    }
    buf_put_text(out, "models:\n");
    for (uint32_t m = 0; m < conf->models_len; m++) {
        for (size_t i = 0; i < MODEL_FIELDS; i++) {
            buf_print(out, "  %s %s: ", i == 0 ? "-" : " ", model_fields[i].name);
            write_value(&conf->models[m], &model_fields[i], out);
            buf_put_char(out, '\n');
        }
    }
    if (commented) buf_put_char(out, '\n');
}

void conf_write(const struct conf *conf, bool commented, struct buf *out) {
    write_section(conf, "", commented, out);
    write_models(conf, commented, out);
    write_section(conf, "engine", commented, out);
    write_section(conf, "limits", commented, out);
    if (commented)
        buf_put_text(out, "# API keys by their SHA-256; `sekisho key NAME` makes one. Without any, "
                          "only this machine may ask.\n"
                          "# API 鍵 (SHA-256)。一つもなければ、この機械からしか使えない。\n");
    buf_put_text(out, conf->keys_len ? "keys:\n" : "keys: []\n");
    for (uint32_t i = 0; i < conf->keys_len; i++) {
        buf_put_text(out, "  - name: ");
        write_quoted(conf->keys[i].name, out);
        buf_put_text(out, "\n    sha256: \"");
        hex_put(out, conf->keys[i].digest, HASH_LEN);
        buf_put_text(out, "\"\n");
    }
}

static bool field_same(const struct conf *a, const struct conf *b, const struct conf_field *field) {
    if (field->kind == CONF_TEXT || field->kind == CONF_LEVEL)
        return strcmp(field_text(a, field), field_text(b, field)) == 0;
    return field_number(a, field) == field_number(b, field);
}

enum sk_code conf_keep_fixed(const struct conf *old, struct conf *fresh, char *names, size_t max) {
    struct buf list = buf_over(names, max - 1);
    for (size_t i = 0; i < FIELDS; i++) {
        const struct conf_field *field = &fields[i];
        if (field->live || field_same(old, fresh, field)) continue;
        buf_print(&list, "%s%s%s%s", list.len ? ", " : "", field->section,
                  field->section[0] ? "." : "", field->name);
        size_t size = field->size ? field->size : sizeof(uint64_t);
        memcpy(field_text(fresh, field), field_text(old, field), size);
    }
    if (fresh->models_len != old->models_len ||
        memcmp(fresh->models, old->models, sizeof old->models) != 0) {
        buf_print(&list, "%smodels", list.len ? ", " : "");
        memcpy(fresh->models, old->models, sizeof old->models);
        fresh->models_len = old->models_len;
    }
    names[list.len] = 0;
    return conf_check(fresh);
}

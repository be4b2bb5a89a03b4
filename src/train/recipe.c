#include "train/recipe.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/yaml.h"

enum { PATH_MAX_LEN = 64, DEPTH_MAX = 4, ROWS_MAX = 1 << 20 }; // rows: of a step

enum kind { TEXT, NAME, LICENCE, TEXTS, REGEXES, U32, U64, F32, BOOL, CHOICE, SOURCES };

enum { NEEDED = 1, FREE = 2, DATA = 4 }; // FREE: it does not change the result

struct field {
    const char *path; // from the recipe's, or the source's, first level
    enum kind kind;
    unsigned flags;
    size_t at;
    double min, max;
    const char *const *choices; // of CHOICE, in the order of its enum
    size_t choices_len;
};

#define AT(member) offsetof(struct recipe, member)
#define IN(member) offsetof(struct recipe_source, member)
#define ONE_OF(names) .choices = names, .choices_len = sizeof names / sizeof *names

static const char *const formats[] = {"text", "chat"};
static const char *const documents[] = {"paragraph", "line", "file"};
static const char *const scrubs[] = {"off", "mask", "drop"};
static const char *const schedules[] = {"constant", "cosine", "wsd"};
static const char *const storages[] = {"f32", "bf16"};

static const struct field fields[] = {
    {"name", NAME, NEEDED, AT(name), .max = 64},
    {"output", TEXT, NEEDED | FREE, AT(output), .max = 3000},
    {"seed", U64, 0, AT(seed), .max = 9e15},
    {"threads", U32, FREE, AT(threads), .max = 64},
    {"base", TEXT, 0, AT(base), .max = 4000},
    {"model.layers", U32, 0, AT(shape.layers), .min = 1, .max = NET_LAYERS_MAX},
    {"model.width", U32, 0, AT(shape.width), .min = 16, .max = 1 << 15},
    {"model.heads", U32, 0, AT(shape.heads), .min = 1, .max = 1024},
    {"model.heads_kv", U32, 0, AT(shape.heads_kv), .min = 1, .max = 1024},
    {"model.head_length", U32, 0, AT(shape.head_len), .min = 2, .max = NET_HEAD_MAX},
    {"model.ff", U32, 0, AT(shape.ff), .min = 8, .max = 1 << 17},
    {"model.context", U32, DATA, AT(context), .min = 8, .max = 1 << 20},
    {"model.rope_base", F32, 0, AT(shape.rope_base), .min = 1, .max = 1e9},
    {"model.epsilon", F32, 0, AT(shape.epsilon), .min = 1e-12, .max = 0.1},
    {"model.tied", BOOL, 0, AT(shape.tied), .min = 0},
    {"tokenizer.file", TEXT, 0, AT(tokenizer.file), .max = 4000},
    {"tokenizer.train.vocabulary", U32, DATA, AT(tokenizer.vocabulary), .min = 16, .max = 1 << 17},
    {"tokenizer.train.megabytes", U32, DATA, AT(tokenizer.megabytes), .min = 1, .max = 1 << 14},
    {"tokenizer.train.coverage", F32, DATA, AT(tokenizer.coverage), .min = 0.98, .max = 1},
    {"tokenizer.train.byte_fallback", BOOL, DATA, AT(tokenizer.byte_fallback), .min = 0},
    {"tokenizer.train.split_digits", BOOL, DATA, AT(tokenizer.split_digits), .min = 0},
    {"tokenizer.train.controls", TEXTS, DATA, AT(tokenizer.controls), .max = 64},
    {"tokenizer.train.symbols", TEXTS, DATA, AT(tokenizer.users), .max = 64},
    {"chat_template", TEXT, DATA, AT(chat_template), .max = 1 << 16},
    {"data.deduplicate.documents", BOOL, DATA, AT(data.deduplicate.documents), .min = 0},
    {"data.deduplicate.lines", F32, DATA, AT(data.deduplicate.lines), .max = 1},
    {"data.scrub.mode", CHOICE, DATA, AT(data.scrub.mode), ONE_OF(scrubs)},
    {"data.scrub.only", TEXTS, DATA, AT(data.scrub.only), .max = 64},
    {"data.validation", F32, DATA, AT(data.validation), .max = 0.5},
    {"data.sources", SOURCES, NEEDED | DATA, AT(data.sources), .max = RECIPE_SOURCES_MAX},
    {"lora.rank", U32, 0, AT(low_rank.rank), .min = 1, .max = 512},
    {"lora.alpha", F32, 0, AT(low_rank.alpha), .min = 1e-3, .max = 4096},
    {"lora.dropout", F32, 0, AT(low_rank.dropout), .max = 0.9},
    {"lora.targets", TEXTS, 0, AT(low_rank.targets), .max = 64},
    {"optimiser.rate", F32, 0, AT(optimiser.rate), .min = 1e-9, .max = 10},
    {"optimiser.beta1", F32, 0, AT(optimiser.beta1), .max = 0.9999},
    {"optimiser.beta2", F32, 0, AT(optimiser.beta2), .max = 0.99999},
    {"optimiser.epsilon", F32, 0, AT(optimiser.epsilon), .min = 1e-12, .max = 1},
    {"optimiser.decay", F32, 0, AT(optimiser.decay), .max = 10},
    {"optimiser.clip", F32, 0, AT(optimiser.clip), .max = 1e6},
    {"schedule.kind", CHOICE, 0, AT(schedule.kind), ONE_OF(schedules)},
    {"schedule.warm_up", U32, 0, AT(schedule.warm_up), .max = 1 << 24},
    {"schedule.final", F32, 0, AT(schedule.final), .max = 1},
    {"schedule.decay", F32, 0, AT(schedule.decay), .max = 1},
    {"batch.rows", U32, 0, AT(batch.rows), .min = 1, .max = 1 << 16},
    {"batch.context", U32, DATA, AT(batch.context), .min = 8, .max = 1 << 20},
    {"batch.accumulate", U32, 0, AT(batch.accumulate), .min = 1, .max = 1 << 16},
    {"precision.moments", CHOICE, 0, AT(precision.moments), ONE_OF(storages)},
    {"precision.activations", CHOICE, 0, AT(precision.activations), ONE_OF(storages)},
    {"precision.checkpoints", BOOL, 0, AT(precision.checkpoints), .min = 0},
    {"steps", U32, 0, AT(steps), .min = 1, .max = 1 << 30},
    {"epochs", U32, 0, AT(epochs), .min = 1, .max = 1 << 20},
    {"hours", F32, 0, AT(hours), .min = 1e-3, .max = 1e4},
    {"evaluate_every", U32, FREE, AT(evaluate_every), .max = 1 << 30},
    {"evaluate_rows", U32, FREE, AT(evaluate_rows), .min = 1, .max = 1 << 20},
    {"checkpoint_every", U32, FREE, AT(checkpoint_every), .max = 1 << 30},
    {"export", TEXTS, FREE, AT(export), .max = 16},
};

static const struct field source_fields[] = {
    {"name", TEXT, NEEDED | DATA, IN(name), .max = 64},
    {"files", TEXTS, NEEDED | DATA, IN(files), .max = 4000},
    {"format", CHOICE, DATA, IN(format), ONE_OF(formats)},
    {"documents", CHOICE, DATA, IN(documents), ONE_OF(documents)},
    {"field", TEXT, DATA, IN(field), .max = 64},
    {"licence", LICENCE, NEEDED, IN(licence), .max = 128},
    {"attribution", TEXT, 0, IN(attribution), .max = 512}, // as a record has it,
    {"weight", F32, 0, IN(weight), .min = 1e-6, .max = 1e6},
    {"epochs", U32, 0, IN(epochs), .min = 1, .max = 1 << 20},
    {"validation", BOOL, DATA, IN(validation), .min = 0},
    {"filters.characters_min", U32, DATA, IN(filters.characters_min), .max = 1 << 24},
    {"filters.characters_max", U32, DATA, IN(filters.characters_max), .min = 1, .max = 1 << 24},
    {"filters.japanese_min", F32, DATA, IN(filters.japanese_min), .max = 1},
    {"filters.drop_lines", REGEXES, DATA, IN(filters.drop_lines), .max = 256},
};

struct table {
    const struct field *fields;
    size_t len;
};
static const struct table recipe_table = {fields, sizeof fields / sizeof *fields};
static const struct table source_table = {source_fields,
                                          sizeof source_fields / sizeof *source_fields};

struct reader {
    const char *name;
    struct arena *arena;
};

// ---- values ----

__attribute__((format(printf, 4, 5))) static enum sk_code
refuse(const struct reader *r, const struct yaml_node *node, const char *path, const char *cause,
       ...) {
    char text[512];
    va_list list;
    va_start(list, cause);
    vsnprintf(text, sizeof text, cause, list);
    va_end(list);
    return FAIL(SK_INPUT, "%s:%u:%u: %s%s%s", r->name, node->line, node->column, path,
                path[0] ? ": " : "", text);
}

static enum sk_code number_read(const struct reader *r, const struct field *field,
                                const struct yaml_node *node, double *out) {
    char *end = NULL;
    *out = node->text.len ? strtod(node->text.at, &end) : 0; // the arena's texts end with a NUL
    if (!end || end != node->text.at + node->text.len || !isfinite(*out))
        return refuse(r, node, field->path, "'%.64s' is no number", node->text.at);
    if (*out < field->min || *out > field->max)
        return refuse(r, node, field->path, "%.64s is not in %.10g..%.10g", node->text.at,
                      field->min, field->max);
    if (field->kind != F32 && *out != floor(*out))
        return refuse(r, node, field->path, "%.64s is not whole", node->text.at);
    return SK_OK;
}

static enum sk_code text_read(const struct reader *r, const struct field *field,
                              const struct yaml_node *node, struct view *out) {
    if (node->type != YAML_SCALAR || !node->text.len)
        return refuse(r, node, field->path, "a text is wanted");
    if ((double)node->text.len > field->max)
        return refuse(r, node, field->path, "%zu bytes > %.0f", node->text.len, field->max);
    *out = node->text;
    return SK_OK;
}

// The beginning of the names of files.
static enum sk_code name_read(const struct reader *r, const struct field *field,
                              const struct yaml_node *node, struct view *out) {
    TRY(text_read(r, field, node, out));
    bool bad = out->at[0] == '.';
    for (size_t i = 0; i < out->len; i++)
        bad = bad || out->at[i] == '/' || (uint8_t)out->at[i] < ' ' || out->at[i] == 0x7f;
    if (!bad) return SK_OK;
    return refuse(r, node, field->path,
                  "files are called so: no '/' or line break in it, and no '.' first");
}

// "CC-BY-4.0", "MIT OR Apache-2.0", "public-domain"; identifiers of SPDX, or of a LicenseRef.
static enum sk_code licence_read(const struct reader *r, const struct field *field,
                                 const struct yaml_node *node, struct view *out) {
    TRY(text_read(r, field, node, out));
    for (size_t i = 0; i < out->len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-() ",
                    out->at[i]))
            return refuse(r, node, field->path,
                          "'%s' is no SPDX expression (CC-BY-4.0) nor public-domain", out->at);
    return SK_OK;
}

static enum sk_code regex_check(const struct reader *r, const struct field *field,
                                const struct yaml_node *node) {
    regex_t regex;
    char why[128];
    int error = regcomp(&regex, node->text.at, REG_EXTENDED | REG_NOSUB);
    if (error == 0) {
        regfree(&regex);
        return SK_OK;
    }
    regerror(error, &regex, why, sizeof why);
    return refuse(r, node, field->path, "'%s': %s", node->text.at, why);
}

static enum sk_code texts_read(const struct reader *r, const struct field *field,
                               const struct yaml_node *node, struct recipe_texts *out) {
    if (node->type != YAML_LIST || !node->count)
        return refuse(r, node, field->path, "a list is wanted: [a, b]");
    if (node->count > RECIPE_TEXTS_MAX)
        return refuse(r, node, field->path, "%u members > %d", node->count, RECIPE_TEXTS_MAX);
    struct view *texts = arena_take(r->arena, node->count, sizeof *texts);
    if (!texts) return SK_LIMIT;
    *out = (struct recipe_texts){texts, node->count};
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        TRY(text_read(r, field, child, texts++));
        if (field->kind == REGEXES) TRY(regex_check(r, field, child));
    }
    return SK_OK;
}

static enum sk_code choice_read(const struct reader *r, const struct field *field,
                                const struct yaml_node *node, uint32_t *out) {
    char storage[128];
    struct buf names = buf_over(storage, sizeof storage);
    for (size_t i = 0; i < field->choices_len; i++) {
        if (view_is(node->text, field->choices[i])) {
            *out = (uint32_t)i;
            return SK_OK;
        }
        buf_print(&names, "%s%s", i ? ", " : "", field->choices[i]);
    }
    return refuse(r, node, field->path, "one of %.*s is wanted", (int)names.len, names.at);
}

static enum sk_code sources_read(struct reader *r, const struct field *field,
                                 const struct yaml_node *node, struct recipe_data *out);

static enum sk_code value_read(struct reader *r, const struct field *field,
                               const struct yaml_node *node, void *into) {
    char *at = (char *)into + field->at;
    double number = 0;
    bool scalar = field->kind != TEXTS && field->kind != REGEXES && field->kind != SOURCES;
    if (scalar && node->type != YAML_SCALAR)
        return refuse(r, node, field->path, "one value is wanted");
    if (field->kind == U32 || field->kind == U64 || field->kind == F32)
        TRY(number_read(r, field, node, &number));
    switch (field->kind) {
    case TEXT: return text_read(r, field, node, (struct view *)(void *)at);
    case NAME: return name_read(r, field, node, (struct view *)(void *)at);
    case LICENCE: return licence_read(r, field, node, (struct view *)(void *)at);
    case TEXTS:
    case REGEXES: return texts_read(r, field, node, (struct recipe_texts *)(void *)at);
    case U32: *(uint32_t *)(void *)at = (uint32_t)number; return SK_OK;
    case U64: *(uint64_t *)(void *)at = (uint64_t)number; return SK_OK;
    case F32: *(float *)(void *)at = (float)number; return SK_OK;
    case CHOICE: return choice_read(r, field, node, (uint32_t *)(void *)at);
    case BOOL:
        *(bool *)at = view_is(node->text, "true");
        if (*(bool *)at || view_is(node->text, "false")) return SK_OK;
        return refuse(r, node, field->path, "true or false is wanted");
    case SOURCES: return sources_read(r, field, node, &((struct recipe *)into)->data);
    }
    must(false);
    return SK_OK;
}

// ---- maps ----

// The field of that path, or any whose path goes on below it.
static const struct field *field_find(const struct table *table, struct view path, bool below) {
    for (size_t i = 0; i < table->len; i++) {
        struct view is = view_of(table->fields[i].path);
        if (!below && view_same(is, path)) return &table->fields[i];
        if (below && view_starts(is, path) && is.len > path.len && is.at[path.len] == '.')
            return &table->fields[i];
    }
    return NULL;
}

// A map's member: its value, or the map below it for *node to go on with.
static enum sk_code member_read(struct reader *r, const struct table *table, struct buf *path,
                                const struct yaml_node *node, void *into) {
    if (path->len) buf_put_char(path, '.');
    buf_put_view(path, node->key);
    const struct field *field = path->over ? NULL : field_find(table, buf_view(path), false);
    if (field) return value_read(r, field, node, into);
    if (path->over || !field_find(table, buf_view(path), true))
        return refuse(r, node, "", "no field '%.64s' here", node->key.at);
    if (node->type != YAML_MAP) return refuse(r, node, node->key.at, "fields are wanted below it");
    return SK_OK;
}

// As deep as the table is: what it does not know is refused.
static enum sk_code map_read(struct reader *r, const struct table *table,
                             const struct yaml_node *map, void *into) {
    char storage[PATH_MAX_LEN];
    struct buf path = buf_over(storage, sizeof storage);
    const struct yaml_node *open[DEPTH_MAX] = {NULL};
    size_t lens[DEPTH_MAX] = {0}, depth = 0;
    if (map->type != YAML_MAP) return refuse(r, map, "", "fields are wanted");
    for (const struct yaml_node *node = map->first; node;) {
        TRY(member_read(r, table, &path, node, into));
        if (node->type == YAML_MAP && node->first) {
            must(depth + 1 < DEPTH_MAX);
            open[depth++] = node;
            lens[depth] = path.len;
            node = node->first;
            continue;
        }
        while (!node->next && depth > 0) node = open[--depth];
        path.len = lens[depth];
        node = node->next;
    }
    return SK_OK;
}

static enum sk_code needed_check(const struct reader *r, const struct table *table,
                                 const struct yaml_node *map) {
    for (size_t i = 0; i < table->len; i++) {
        struct view path = view_of(table->fields[i].path), word;
        const struct yaml_node *node = map;
        while (view_next(&path, '.', &word)) {
            char key[PATH_MAX_LEN];
            snprintf(key, sizeof key, "%.*s", (int)word.len, word.at);
            node = yaml_find(node, key);
        }
        if (!node && table->fields[i].flags & NEEDED)
            return refuse(r, map, table->fields[i].path, "it is needed and missing");
    }
    return SK_OK;
}

static enum sk_code source_check(const struct reader *r, const struct yaml_node *node,
                                 const struct recipe_data *data, uint32_t at) {
    const struct recipe_source *source = &data->sources[at];
    for (uint32_t i = 0; i < at; i++)
        if (view_same(data->sources[i].name, source->name))
            return refuse(r, node, "name", "two sources are called '%s'", source->name.at);
    if (source->filters.characters_min > source->filters.characters_max)
        return refuse(r, node, "filters", "characters_min %u > characters_max %u",
                      source->filters.characters_min, source->filters.characters_max);
    return SK_OK;
}

static enum sk_code sources_read(struct reader *r, const struct field *field,
                                 const struct yaml_node *node, struct recipe_data *out) {
    if (node->type != YAML_LIST || !node->count)
        return refuse(r, node, field->path, "a list of sources is wanted");
    if ((double)node->count > field->max)
        return refuse(r, node, field->path, "%u sources > %.0f", node->count, field->max);
    out->sources = arena_take(r->arena, node->count, sizeof *out->sources);
    if (!out->sources) return SK_LIMIT;
    uint32_t weighed = 0, trained = 0;
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        struct recipe_source *source = &out->sources[out->sources_len];
        *source = (struct recipe_source){.field = VIEW("text"),
                                         .filters.characters_min = 1,
                                         .filters.characters_max = 1 << 24};
        TRY(map_read(r, &source_table, child, source));
        TRY(needed_check(r, &source_table, child));
        TRY(source_check(r, child, out, out->sources_len++));
        trained += !source->validation;
        weighed += !source->validation && source->weight > 0;
    }
    if (weighed != 0 && weighed != trained)
        return refuse(r, node, field->path, "all sources have a weight, or none");
    return trained ? SK_OK : refuse(r, node, field->path, "all of them are for validation");
}

// ---- the whole ----

static enum sk_code shape_check(const struct reader *r, const struct yaml_node *root,
                                struct recipe *out) {
    const struct yaml_node *model = yaml_find(root, "model"), *base = yaml_find(root, "base");
    struct net_shape *shape = &out->shape;
    if (!model == !base)
        return refuse(r, root, "", "one of model and base is wanted, a new shape or a file");
    if (base && yaml_find(root, "tokenizer"))
        return refuse(r, yaml_find(root, "tokenizer"), "tokenizer", "that of the base is taken");
    if (base) return SK_OK;
    if (!out->tokenizer.file.len == !out->tokenizer.vocabulary)
        return refuse(r, root, "tokenizer", "one of file and train.vocabulary is wanted");
    if (!shape->layers || !shape->width || !shape->heads || !shape->ff || !out->context)
        return refuse(r, model, "model", "layers, width, heads, ff and context are needed");
    if (!shape->heads_kv) shape->heads_kv = shape->heads;
    if (!shape->head_len) shape->head_len = shape->width / shape->heads;
    struct net_shape whole = *shape;
    whole.vocabulary = 1; // the tokenizer's is checked with it
    if (net_check(&whole) != SK_OK) return refuse(r, model, "model", "%s", fail_text());
    if (out->batch.context > out->context)
        return refuse(r, root, "batch.context", "%u > model.context %u", out->batch.context,
                      out->context);
    return SK_OK;
}

static enum sk_code whole_check(const struct reader *r, const struct yaml_node *root,
                                struct recipe *out) {
    const struct yaml_node *lora = yaml_find(root, "lora");
    TRY(shape_check(r, root, out));
    if ((uint64_t)out->batch.rows * out->batch.accumulate > ROWS_MAX)
        return refuse(r, root, "batch", "rows x accumulate: a step has at most %d rows", ROWS_MAX);
    if ((out->steps > 0) + (out->epochs > 0) + (out->hours > 0) != 1)
        return refuse(r, root, "", "one of steps, epochs and hours is wanted");
    if (lora && !out->base.len) return refuse(r, lora, "lora", "it needs a base");
    if (lora && !out->low_rank.rank)
        return refuse(r, lora, "lora.rank", "it is needed and missing");
    if (lora && out->low_rank.alpha == 0) out->low_rank.alpha = 2 * (float)out->low_rank.rank;
    return SK_OK;
}

enum sk_code recipe_read(struct view text, const char *name, struct arena *arena,
                         struct recipe *out) {
    struct reader reader = {.name = name, .arena = arena};
    const struct yaml_node *root;
    *out = (struct recipe){
        .shape = {.rope_base = 10000, .epsilon = 1e-5f, .tied = true},
        .tokenizer = {.megabytes = 64,
                      .coverage = 0.9995f,
                      .byte_fallback = true,
                      .split_digits = true},
        .optimiser = {.rate = 1e-3f,
                      .beta1 = 0.9f,
                      .beta2 = 0.95f,
                      .epsilon = 1e-8f,
                      .decay = 0.1f,
                      .clip = 1},
        .schedule = {.kind = SCHEDULE_COSINE, .warm_up = RECIPE_AUTO, .final = 0.1f, .decay = 0.2f},
        .batch = {.rows = 8, .accumulate = 1},
        .evaluate_every = 100,
        .evaluate_rows = 64,
        .checkpoint_every = 100,
    };
    TRY(yaml_parse(text, name, arena, &root));
    TRY(map_read(&reader, &recipe_table, root, out));
    TRY(needed_check(&reader, &recipe_table, root));
    return whole_check(&reader, root, out);
}

// ---- writing ----

static void texts_write(const struct recipe_texts *texts, struct buf *out) {
    for (uint32_t i = 0; i < texts->len; i++)
        json_escape(out, texts->at[i]);
}

static void value_write(const struct field *field, const char *at, struct buf *out) {
    switch (field->kind) {
    case TEXT:
    case NAME:
    case LICENCE: json_escape(out, *(const struct view *)(const void *)at); break;
    case TEXTS:
    case REGEXES: texts_write((const struct recipe_texts *)(const void *)at, out); break;
    case U32: buf_put_u64(out, *(const uint32_t *)(const void *)at); break;
    case U64: buf_put_u64(out, *(const uint64_t *)(const void *)at); break;
    case F32: buf_print(out, "%.9g", (double)*(const float *)(const void *)at); break;
    case BOOL: buf_put_text(out, *(const bool *)at ? "true" : "false"); break;
    case CHOICE: buf_put_text(out, field->choices[*(const uint32_t *)(const void *)at]); break;
    case SOURCES: break;
    }
}

// A recipe that learns no vocabulary says nothing of how.
static bool is_said(const struct table *table, const struct field *field, const void *from) {
    const struct recipe *recipe = from;
    return table != &recipe_table || recipe->tokenizer.vocabulary ||
           !view_starts(view_of(field->path), VIEW("tokenizer.train."));
}

static void table_write(const struct table *table, const char *prefix, const void *from,
                        enum recipe_part part, struct buf *out) {
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->fields[i];
        if (field->flags & FREE || field->kind == SOURCES) continue;
        if (part == RECIPE_DATA && !(field->flags & DATA)) continue;
        if (!is_said(table, field, from)) continue;
        buf_print(out, "%s%s ", prefix, field->path);
        value_write(field, (const char *)from + field->at, out);
        buf_put_char(out, '\n');
    }
}

void recipe_write(const struct recipe *recipe, enum recipe_part part, struct buf *out) {
    table_write(&recipe_table, "", recipe, part, out);
    for (uint32_t i = 0; i < recipe->data.sources_len; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "data.sources[%u].", i);
        table_write(&source_table, prefix, &recipe->data.sources[i], part, out);
    }
}

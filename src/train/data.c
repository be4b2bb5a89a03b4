#include "train/data.h"

#include "base/json.h"
#include "base/text.h"
#include "train/data_parts.h"

enum { ROUNDS = 6, PIECE = 4096 };

// ---- the index ----

static enum sk_code broken(const char *what) {
    return FAIL(SK_CORRUPT, "data.json: %s is missing or wrong", what);
}

static enum sk_code number(const struct json_node *node, const char *name, uint64_t max,
                           uint64_t *out) {
    int64_t value;
    if (!json_i64(json_find(node, name), &value) || value < 0 || (uint64_t)value > max)
        return broken(name);
    *out = (uint64_t)value;
    return SK_OK;
}

static enum sk_code count_read(const struct json_node *node, uint32_t context,
                               struct data_count *out) {
    const uint64_t tokens_max = UINT64_C(1) << 40;
    TRY(number(node, "rows", tokens_max / context, &out->rows));
    TRY(number(node, "documents", tokens_max, &out->documents));
    TRY(number(node, "tokens", out->rows * context, &out->tokens));
    TRY(number(node, "learned", out->tokens, &out->learned));
    return number(node, "bytes", UINT64_C(1) << 48, &out->bytes);
}

static enum sk_code files_read(const struct json_node *list, struct data_source *out) {
    char hex[2 * HASH_LEN];
    struct hash lines;
    enum sk_code code = SK_OK;
    if (!json_is(list, JSON_ARRAY) || !list->len) return broken("files");
    TRY(hash_open(&lines));
    hash_begin(&lines);
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len && code == SK_OK; i++, node = json_next(node)) {
        const struct json_node *path = json_find(node, "path"), *sha256 = json_find(node, "sha256");
        struct buf text = buf_over(hex, sizeof hex);
        uint64_t bytes = 0;
        bool fine = json_is(path, JSON_STRING) && json_is(sha256, JSON_STRING) &&
                    hex_take(json_view(sha256), out->digest, HASH_LEN);
        code = fine ? number(node, "bytes", UINT64_C(1) << 48, &bytes) : broken("sha256");
        if (code != SK_OK) break;
        hex_put(&text, out->digest, HASH_LEN);
        hash_more(&lines, text.at, text.len);
        hash_more(&lines, "  ", 2);
        hash_more(&lines, path->at, path->len);
        hash_more(&lines, "\n", 1);
        out->file_bytes += bytes;
    }
    out->files = list->len;
    uint8_t all[HASH_LEN];
    hash_end(&lines, all);
    hash_close(&lines);
    if (list->len > 1) memcpy(out->digest, all, HASH_LEN);
    return code;
}

static enum sk_code source_read(const struct json_node *node, struct data *out) {
    struct data_source *source = &out->source[out->sources_len];
    struct {
        const char *name;
        uint64_t *at;
    } counts[] = {{"filtered", &source->filtered},
                  {"repeated", &source->repeated},
                  {"personal", &source->personal},
                  {"masked", &source->masked},
                  {"long", &source->long_ones}};
    *source = (struct data_source){0};
    TRY(count_read(json_find(node, "train"), out->context, &source->part[DATA_TRAIN]));
    TRY(count_read(json_find(node, "held"), out->context, &source->part[DATA_HELD]));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        TRY(number(node, counts[i].name, UINT64_C(1) << 48, counts[i].at));
    TRY(files_read(json_find(node, "files"), source));
    for (int part = 0; part < DATA_PARTS; part++)
        source->first[part] = data_rows(out, (enum data_part)part);
    out->sources_len++;
    return SK_OK;
}

enum sk_code data_index_read(char *text, size_t len, struct arena *arena, struct data *out) {
    const struct json_node *root, *key, *sources;
    uint64_t version, vocabulary, context;
    out->sources_len = 0;
    if (json_parse(text, len, arena, &root) != SK_OK) {
        enum sk_code code = SK_CORRUPT;
        return fail_within(code, "data.json");
    }
    TRY(number(root, "version", 1, &version));
    TRY(number(root, "vocabulary", UINT32_MAX, &vocabulary));
    TRY(number(root, "context", 1 << 20, &context));
    key = json_find(root, "key");
    if (version != 1 || vocabulary == 0 || context < 2) return broken("version");
    if (!json_is(key, JSON_STRING) || !hex_take(json_view(key), out->key, HASH_LEN))
        return broken("key");
    out->vocabulary = (uint32_t)vocabulary;
    out->context = (uint32_t)context;
    out->wide = vocabulary > UINT64_C(1) << 16;
    sources = json_find(root, "sources");
    if (!json_is(sources, JSON_ARRAY) || !sources->len || sources->len > RECIPE_SOURCES_MAX)
        return broken("sources");
    const struct json_node *node = json_first(sources);
    for (uint32_t i = 0; i < sources->len; i++, node = json_next(node))
        TRY(source_read(node, out));
    return SK_OK;
}

// ---- the files ----

static enum sk_code index_take(struct data *data, struct buf *text) {
    const struct world *world = data->world;
    struct arena arena = {0};
    uint64_t size = 0;
    size_t got = 0;
    int file;
    TRY(world->open(world->self, "data.json", WORLD_READ, &file));
    enum sk_code code = world->size(world->self, file, &size);
    if (code == SK_OK && size > text->max) code = FAIL(SK_LIMIT, "data.json: over %zu", text->max);
    if (code == SK_OK) code = world->read(world->self, file, 0, text->at, size, &got);
    world->close(world->self, file);
    TRY(code);
    hash_of(text->at, got, data->digest);
    TRY(arena_open(&arena, "data.json", 16 * DATA_INDEX_MAX));
    code = data_index_read(text->at, got, &arena, data);
    arena_close(&arena);
    return code;
}

static enum sk_code part_open(struct data *data, enum data_part part) {
    const struct world *world = data->world;
    uint64_t tokens = data_rows(data, part) * data->context, ids, marks;
    TRY(world->open(world->self, pack_ids_names[part], WORLD_READ, &data->ids[part]));
    TRY(world->open(world->self, pack_marks_names[part], WORLD_READ, &data->marks[part]));
    TRY(world->size(world->self, data->ids[part], &ids));
    TRY(world->size(world->self, data->marks[part], &marks));
    if (ids == tokens * (data->wide ? 4 : 2) && marks == tokens) return SK_OK;
    return FAIL(SK_CORRUPT, "%s: %llu bytes of ids do not fit the %llu tokens of data.json",
                pack_ids_names[part], (unsigned long long)ids, (unsigned long long)tokens);
}

// What may be drawn of each source, and how often beside the others.
static void weigh(struct data *data, const struct recipe *recipe) {
    for (uint32_t i = 0; i < data->sources_len; i++) {
        const struct recipe_source *source = &recipe->data.sources[i];
        uint64_t rows = data->source[i].part[DATA_TRAIN].rows;
        uint32_t epochs = source->epochs ? source->epochs : recipe->epochs;
        data->weight[i] = source->weight > 0 ? (double)source->weight : (double)rows;
        if (rows == 0) data->weight[i] = 0;
        data->limit[i] = epochs ? epochs * rows : UINT64_MAX;
    }
}

static enum sk_code files_open(struct data *data, const struct recipe *recipe,
                               const uint8_t key[HASH_LEN]) {
    struct buf text = {0};
    TRY(buf_open(&text, DATA_INDEX_MAX));
    enum sk_code code = index_take(data, &text);
    buf_close(&text);
    TRY(code);
    if (memcmp(data->key, key, HASH_LEN) != 0)
        return FAIL(SK_UNKNOWN, "data.json: of other sources, or another recipe or tokenizer");
    if (data->sources_len != recipe->data.sources_len) return broken("sources");
    weigh(data, recipe);
    TRY(part_open(data, DATA_TRAIN));
    return part_open(data, DATA_HELD);
}

enum sk_code data_open(struct data *data, const struct world *world, const struct recipe *recipe,
                       const uint8_t key[HASH_LEN]) {
    *data = (struct data){.world = world, .ids = {-1, -1}, .marks = {-1, -1}};
    enum sk_code code = files_open(data, recipe, key);
    if (code != SK_OK) data_close(data);
    return code;
}

void data_close(struct data *data) {
    if (!data->world) return;
    for (int i = 0; i < DATA_PARTS; i++) {
        if (data->ids[i] >= 0) data->world->close(data->world->self, data->ids[i]);
        if (data->marks[i] >= 0) data->world->close(data->world->self, data->marks[i]);
    }
    *data = (struct data){0};
}

static enum sk_code file_hash(const struct data *data, int file, struct hash *hash) {
    static char block[1 << 16];
    const struct world *world = data->world;
    size_t got;
    for (uint64_t at = 0;; at += got) {
        TRY(world->read(world->self, file, at, block, sizeof block, &got));
        if (got == 0) return SK_OK;
        hash_more(hash, block, got);
    }
}

enum sk_code data_digest(const struct data *data, enum data_part part, uint8_t out[HASH_LEN]) {
    struct hash hash;
    TRY(hash_open(&hash));
    hash_begin(&hash);
    enum sk_code code = file_hash(data, data->ids[part], &hash);
    if (code == SK_OK) code = file_hash(data, data->marks[part], &hash);
    hash_end(&hash, out);
    hash_close(&hash);
    return code;
}

uint64_t data_rows(const struct data *data, enum data_part part) {
    uint64_t rows = 0;
    for (uint32_t i = 0; i < data->sources_len; i++) rows += data->source[i].part[part].rows;
    return rows;
}

// ---- rows ----

struct piece { // of a stream: up to PIECE tokens
    uint8_t ids[4 * PIECE], marks[PIECE];
    size_t len;
};

static enum sk_code piece_read(const struct data *data, enum data_part part, uint64_t at,
                               size_t len, struct piece *out) {
    const struct world *world = data->world;
    uint64_t size = data->wide ? 4 : 2;
    size_t ids, marks;
    TRY(world->read(world->self, data->ids[part], at * size, out->ids, len * size, &ids));
    TRY(world->read(world->self, data->marks[part], at, out->marks, len, &marks));
    if (ids != len * size || marks != len)
        return FAIL(SK_CORRUPT, "%s: it became shorter", pack_ids_names[part]);
    out->len = len;
    return SK_OK;
}

static uint32_t id_at(const struct data *data, const struct piece *piece, size_t i) {
    const uint8_t *at = piece->ids + (data->wide ? 4 * i : 2 * i);
    uint32_t id = (uint32_t)(at[0] | at[1] << 8);
    return data->wide ? id | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24 : id;
}

// Token i of a row, and what the one before is to foretell. i == context: the next row's first.
static enum sk_code token_put(const struct data *data, const struct data_row *out, size_t i,
                              uint32_t id, unsigned mark) {
    bool starts = mark & MARK_START, learned = mark & MARK_LEARNED && !starts;
    if (id >= data->vocabulary)
        return FAIL(SK_CORRUPT, "data: token %u is past the vocabulary of %u", id,
                    data->vocabulary);
    if (i > 0) out->targets[i - 1] = learned ? (int32_t)id : NET_IGNORED;
    if (i == data->context) return SK_OK;
    out->ids[i] = (int32_t)id;
    out->targets[i] = NET_IGNORED;
    out->segments[i] = i == 0 ? 0 : out->segments[i - 1] + starts;
    return SK_OK;
}

enum sk_code data_read(const struct data *data, enum data_part part, uint64_t row,
                       const struct data_row *out) {
    struct piece piece;
    uint64_t rows = data_rows(data, part), at = row * data->context;
    must(row < rows);
    size_t len = data->context + (row + 1 < rows); // the last token foretells the next row's
    for (size_t i = 0; i < len; i += piece.len) {
        TRY(piece_read(data, part, at + i, len - i < PIECE ? len - i : PIECE, &piece));
        for (size_t k = 0; k < piece.len; k++)
            TRY(token_put(data, out, i + k, id_at(data, &piece, k), piece.marks[k]));
    }
    return SK_OK;
}

// ---- order ----

static uint64_t mix(uint64_t z) { // splitmix64 (Steele, Lea, Flood 2014)
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

// A permutation of 0 .. len-1: a Feistel network over the next even power of two, walked until it
// comes back within (Black & Rogaway 2002).
static uint64_t permuted(uint64_t at, uint64_t len, uint64_t key) {
    unsigned half = 1;
    while (UINT64_C(1) << 2 * half < len) half++;
    uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = at >> half, right = at & mask;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            uint64_t next = left ^ (mix(key ^ mix(round << 48 ^ right)) & mask);
            left = right;
            right = next;
        }
        at = left << half | right;
    } while (at >= len);
    return at;
}

bool data_next(const struct data *data, uint64_t seed, struct data_cursor *cursor, uint64_t *row) {
    uint32_t best = data->sources_len;
    double least = 0;
    for (uint32_t i = 0; i < data->sources_len; i++) {
        if (data->weight[i] <= 0 || cursor->drawn[i] >= data->limit[i]) continue;
        double turn = (double)(cursor->drawn[i] + 1) / data->weight[i];
        if (best < data->sources_len && turn >= least) continue;
        best = i;
        least = turn;
    }
    if (best == data->sources_len) return false;
    const struct data_source *source = &data->source[best];
    uint64_t rows = source->part[DATA_TRAIN].rows, drawn = cursor->drawn[best]++;
    uint64_t key = mix(mix(mix(seed) ^ best) ^ drawn / rows);
    *row = source->first[DATA_TRAIN] + permuted(drawn % rows, rows, key);
    return true;
}

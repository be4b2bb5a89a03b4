// Sources to files: documents, what is personal in them, their tokens, rows.
#include <stdio.h>
#include <stdlib.h>

#include "base/replace.h"
#include "train/data_parts.h"

enum { IDS_MAX = DATA_DOCUMENT_MAX + 2, TOLD_EVERY = 4096, WIDE_FROM = 1 << 16 };

struct build {
    const struct recipe *recipe;
    const struct data_tokens *tokens;
    const struct data_outside *outside;
    const struct world *world;
    uint32_t context;
    struct documents documents;
    struct data_chat chat;
    struct pack pack[DATA_PARTS];
    struct buf masked;
    struct arena ids;
    int32_t *id;
    // Of the source under way.
    const struct recipe_source *from;
    struct data_source *count;
    enum data_part part; // of the document under way
    struct buf index;
    struct json_writer w;
};

// ---- documents to rows ----

static enum sk_code put_text(struct build *b, struct view text) {
    struct engine_around around = engine_around(b->tokens->engine);
    struct data_count *count = &b->count->part[b->part];
    size_t len = 0, inner;
    if (around.before >= 0) b->id[len++] = around.before;
    TRY(engine_tokenize(b->tokens->engine, text, false, b->id + len, IDS_MAX - 2, &inner));
    len += inner;
    if (b->tokens->end >= 0) b->id[len++] = b->tokens->end;
    count->tokens += len;
    count->learned += len - 1;
    count->bytes += text.len;
    return pack_text(&b->pack[b->part], b->id, len);
}

static enum sk_code put_conversation(void *self, const struct data_ids *ids) {
    struct build *b = self;
    struct data_count *count = &b->count->part[b->part];
    if (ids->len > b->context) {
        b->count->long_ones++;
        return SK_OK;
    }
    count->tokens += ids->len;
    for (size_t i = 0; i < ids->len; i++) count->learned += ids->learned[i];
    return pack_whole(&b->pack[b->part], ids);
}

// One text without what is personal: `*text` is the masked one. *found: something was.
static enum sk_code scrub(struct build *b, struct view *text, bool *found) {
    size_t from = b->masked.len;
    TRY(b->outside->scrub(b->outside->self, *text, &b->masked));
    TRY(buf_check(&b->masked, "a masked document"));
    struct view masked = view_from(buf_view(&b->masked), from);
    if (view_same(masked, *text)) return SK_OK;
    *found = true;
    *text = masked;
    return SK_OK;
}

static enum sk_code scrub_all(struct build *b, struct document *document, bool *kept) {
    uint32_t mode = b->recipe->data.scrub.mode;
    bool found = false;
    *kept = true;
    if (mode == RECIPE_SCRUB_OFF) return SK_OK;
    buf_reset(&b->masked);
    if (!document->messages_len) TRY(scrub(b, &document->text, &found));
    for (uint32_t i = 0; i < document->messages_len; i++)
        TRY(scrub(b, &document->messages[i].text, &found));
    *kept = !found || mode == RECIPE_SCRUB_MASK;
    *(*kept ? &b->count->masked : &b->count->personal) += found;
    return SK_OK;
}

static enum sk_code document_put(struct build *b, struct document *document) {
    uint64_t of_digest = data_mark_of(document->text) >> 11; // 53 bits
    double share = (double)b->recipe->data.validation;
    bool kept;
    TRY(scrub_all(b, document, &kept));
    if (!kept) return SK_OK;
    bool held = b->from->validation || (double)of_digest < share * 0x1p53;
    b->part = held ? DATA_HELD : DATA_TRAIN;
    b->count->part[b->part].documents++;
    if (!document->messages_len) return put_text(b, document->text);
    return data_chat_ids(&b->chat, document->messages, document->messages_len, put_conversation,
                         b);
}

// ---- sources ----

static void tell(const struct build *b) {
    if (b->outside->told) b->outside->told(b->outside->self, b->from, b->count);
}

static enum sk_code file_read(struct build *b) {
    struct document document;
    for (uint64_t i = 1;; i++) {
        TRY(documents_next(&b->documents, &document));
        if (!document.text.len) return SK_OK;
        enum sk_code code = document_put(b, &document);
        if (code != SK_OK)
            return fail_within(code, "%s: line %llu", b->documents.path,
                               (unsigned long long)b->documents.line);
        if (i % TOLD_EVERY == 0) tell(b);
    }
}

static enum sk_code file_put(struct build *b, struct view path) {
    uint8_t digest[HASH_LEN];
    char kept[512];
    uint64_t bytes;
    enum sk_code code = documents_file(&b->documents, path), closed;
    if (code == SK_OK) code = file_read(b);
    snprintf(kept, sizeof kept, "%s", fail_text());
    closed = b->outside->close(b->outside->self, digest, &bytes);
    if (code != SK_OK) return FAIL(code, "%s", kept);
    TRY(closed);
    json_open(&b->w, '{');
    json_member_string(&b->w, "path", path);
    json_member_u64(&b->w, "bytes", bytes);
    json_member_hex(&b->w, "sha256", digest, HASH_LEN);
    json_close(&b->w, '}');
    return SK_OK;
}

static void count_write(struct build *b, const char *name, const struct data_count *count) {
    json_name(&b->w, name);
    json_open(&b->w, '{');
    json_member_u64(&b->w, "rows", count->rows);
    json_member_u64(&b->w, "documents", count->documents);
    json_member_u64(&b->w, "tokens", count->tokens);
    json_member_u64(&b->w, "learned", count->learned);
    json_member_u64(&b->w, "bytes", count->bytes);
    json_close(&b->w, '}');
}

static enum sk_code source_put(struct build *b, const struct recipe_source *source) {
    struct data_source count = {0};
    uint64_t at[DATA_PARTS];
    b->from = source;
    b->count = &count;
    for (int i = 0; i < DATA_PARTS; i++) at[i] = b->pack[i].at;
    TRY(documents_source(&b->documents, source, &count));
    json_open(&b->w, '{');
    json_member_string(&b->w, "name", source->name);
    json_name(&b->w, "files");
    json_open(&b->w, '[');
    for (uint32_t i = 0; i < source->files.len; i++) TRY(file_put(b, source->files.at[i]));
    json_close(&b->w, ']');
    for (int i = 0; i < DATA_PARTS; i++) {
        TRY(pack_source_end(&b->pack[i]));
        count.part[i].rows = (b->pack[i].at - at[i]) / b->context;
    }
    if (!count.part[DATA_TRAIN].learned && !count.part[DATA_HELD].learned)
        return FAIL(SK_INPUT,
                    "source %s: nothing to learn is left of it: %llu documents filtered, %llu "
                    "repeated, %llu personal, %llu longer than a row of %u tokens",
                    source->name.at, (unsigned long long)count.filtered,
                    (unsigned long long)count.repeated, (unsigned long long)count.personal,
                    (unsigned long long)count.long_ones, b->context);
    count_write(b, "train", &count.part[DATA_TRAIN]);
    count_write(b, "held", &count.part[DATA_HELD]);
    json_member_u64(&b->w, "filtered", count.filtered);
    json_member_u64(&b->w, "repeated", count.repeated);
    json_member_u64(&b->w, "personal", count.personal);
    json_member_u64(&b->w, "masked", count.masked);
    json_member_u64(&b->w, "long", count.long_ones);
    json_close(&b->w, '}');
    tell(b);
    return SK_OK;
}

static enum sk_code sources_put(struct build *b, const uint8_t key[HASH_LEN]) {
    uint32_t vocabulary = engine_shape(b->tokens->engine).vocabulary;
    bool wide = vocabulary > WIDE_FROM;
    for (int i = 0; i < DATA_PARTS; i++)
        TRY(pack_open(&b->pack[i], b->world, (enum data_part)i, b->context, wide));
    b->w = json_writer_to(&b->index);
    json_open(&b->w, '{');
    json_member_u64(&b->w, "version", 1);
    json_member_hex(&b->w, "key", key, HASH_LEN);
    json_member_u64(&b->w, "vocabulary", vocabulary);
    json_member_u64(&b->w, "context", b->context);
    json_name(&b->w, "sources");
    json_open(&b->w, '[');
    for (uint32_t i = 0; i < b->recipe->data.sources_len; i++)
        TRY(source_put(b, &b->recipe->data.sources[i]));
    json_close(&b->w, ']');
    json_close(&b->w, '}');
    buf_put_char(&b->index, '\n');
    for (int i = 0; i < DATA_PARTS; i++) TRY(pack_end(&b->pack[i]));
    return buf_check(&b->index, "the index");
}

// The index stands only beside files that are whole.
static enum sk_code index_put(struct build *b) {
    enum sk_code code =
        file_replace(b->world, "data.json", "data.json.new", buf_view(&b->index));
    return code == SK_OK ? SK_OK : fail_within(code, "data.json");
}

static enum sk_code index_remove(const struct world *world) {
    enum sk_code code = world->remove(world->self, "data.json");
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    return world->sync_directory(world->self);
}

static enum sk_code build_open(struct build *b) {
    TRY(buf_open(&b->masked, 4 * DATA_DOCUMENT_MAX));
    TRY(buf_open(&b->index, DATA_INDEX_MAX));
    TRY(arena_open(&b->ids, "tokens", (size_t)IDS_MAX * sizeof *b->id + 64));
    b->id = arena_take_raw(&b->ids, IDS_MAX, sizeof *b->id);
    if (!b->id) return SK_LIMIT;
    TRY(documents_open(&b->documents));
    return data_chat_open(&b->chat, b->tokens);
}

enum sk_code data_build(const struct recipe *recipe, const uint8_t key[HASH_LEN],
                        const struct data_tokens *tokens, const struct data_outside *outside,
                        const struct world *world) {
    struct build *b = calloc(1, sizeof *b);
    if (!b) return FAIL(SK_LIMIT, "memory: none left");
    *b = (struct build){.recipe = recipe, .tokens = tokens, .outside = outside, .world = world};
    b->context = recipe->batch.context ? recipe->batch.context : recipe->context;
    b->documents.deduplicate = &recipe->data.deduplicate;
    b->documents.outside = outside;
    must(b->context > 1 && (outside->scrub || recipe->data.scrub.mode == RECIPE_SCRUB_OFF));
    enum sk_code code = build_open(b);
    if (code == SK_OK) code = index_remove(world);
    if (code == SK_OK) code = sources_put(b, key);
    if (code == SK_OK) code = index_put(b);
    for (int i = 0; i < DATA_PARTS; i++) pack_close(&b->pack[i]);
    data_chat_close(&b->chat);
    documents_close(&b->documents);
    arena_close(&b->ids);
    buf_close(&b->masked);
    buf_close(&b->index);
    free(b);
    return code;
}

enum sk_code data_key(const struct recipe *recipe, struct view tokens, struct view files,
                      uint8_t key[HASH_LEN]) {
    struct buf text = {0};
    TRY(buf_open(&text, 1 << 25));
    buf_put_text(&text, "sekisho data 1\n");
    recipe_write(recipe, RECIPE_DATA, &text);
    buf_put_text(&text, "tokens ");
    buf_put_view(&text, tokens);
    buf_put_text(&text, "\nfiles ");
    buf_put_view(&text, files);
    enum sk_code code = buf_check(&text, "the recipe");
    hash_of(text.at, text.len, key);
    buf_close(&text);
    return code;
}

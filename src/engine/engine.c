#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/utf8.h"
#include "engine/pages.h"
#include "engine/state.h"

// Bytes of one text that a context could hold; a token of real text has 3 to 6.
enum { TEXT_BYTES_PER_TOKEN = 16, TEXT_BYTES_LEAST = 4096, TEXT_BYTES_MOST = 1 << 24 };
enum { CONTEXT_LEAST = 4096 };

static size_t text_max(uint32_t context, uint32_t wanted) {
    size_t bytes = wanted ? wanted : (size_t)context * TEXT_BYTES_PER_TOKEN;
    if (bytes < TEXT_BYTES_LEAST) return TEXT_BYTES_LEAST;
    return bytes < TEXT_BYTES_MOST ? bytes : TEXT_BYTES_MOST;
}

static enum sk_code check_options(const struct engine_options *options) {
    if (options->tokens_only) return SK_OK;
    if (options->slots < 1 || options->slots > ENGINE_SLOTS_MAX)
        return FAIL(SK_INPUT, "slots: %u is not in 1..%d", options->slots, ENGINE_SLOTS_MAX);
    if (!options->pool && (options->threads < 1 || options->threads > POOL_THREADS_MAX))
        return FAIL(SK_INPUT, "threads: %u is not in 1..%d", options->threads, POOL_THREADS_MAX);
    return SK_OK;
}

enum sk_code engine_threads_open(struct engine_threads **out, uint32_t threads) {
    *out = NULL;
    if (threads < 1 || threads > POOL_THREADS_MAX)
        return FAIL(SK_INPUT, "threads: %u is not in 1..%d", threads, POOL_THREADS_MAX);
    struct engine_threads *made = aligned_alloc(LAY_ALIGN, sizeof *made);
    if (!made) return FAIL(SK_LIMIT, "memory: none left");
    enum sk_code code = pool_open(&made->pool, threads);
    if (code == SK_OK)
        *out = made;
    else
        free(made);
    return code;
}

void engine_threads_close(struct engine_threads *threads) {
    if (threads) pool_close(&threads->pool);
    free(threads);
}

static const char *const caches[] = {"f16", "q8_0"};

const char *engine_cache_name(enum engine_cache cache) { return caches[cache]; }

enum sk_code engine_cache_find(struct view name, enum engine_cache *out) {
    for (int i = 0; i < ENGINE_CACHE_END; i++) {
        if (!view_is(name, caches[i])) continue;
        *out = (enum engine_cache)i;
        return SK_OK;
    }
    return FAIL(SK_UNSUPPORTED, "cache type: this build keeps keys and values in f16 or q8_0");
}

static uint32_t context_pages(const struct engine *engine) {
    return (engine->context + KERNEL_PAGE - 1) / KERNEL_PAGE;
}

// Everything the engine will ever hold, in one order for measuring and for taking.
static void engine_lay(struct engine *engine, struct lay *lay, uint32_t pages) {
    size_t padded = kernel_pad(engine->vocab.len);
    vocab_lay(&engine->vocab, lay);
    tokenizer_lay(&engine->tokenizer, lay, engine->text_max);
    engine->prompt.max = (uint32_t)engine->text_max;
    engine->prompt.at = lay_take(lay, engine->text_max, 1);
    engine->prompt.marks = lay_take(lay, engine->text_max, 1);
    if (engine->tokens_only) return;
    model_lay(&engine->model, lay);
    forward_lay(&engine->forward, lay, pages);
    kv_lay(&engine->kv, lay, pages);
    engine->logits = lay_take(lay, engine->logits_len * padded, sizeof *engine->logits);
    choice_lay(&engine->choice, lay, engine->vocab.len, engine->context);
    engine->scored.pages =
        lay_take(lay, context_pages(engine), sizeof *engine->scored.pages);
    engine->slots = lay_take(lay, engine->slots_len, sizeof *engine->slots);
    for (uint32_t i = 0; i < engine->slots_len; i++) {
        int32_t *ids = lay_take(lay, engine->context, sizeof *ids);
        uint32_t *own = lay_take(lay, context_pages(engine), sizeof *own);
        if (!engine->slots) continue; // measuring
        engine->slots[i].ids = ids;
        engine->slots[i].sequence.pages = own;
    }
}

static uint64_t bytes_of(struct engine *engine, uint32_t pages) {
    struct lay lay = {0};
    engine_lay(engine, &lay, pages);
    return lay.over ? UINT64_MAX : lay.used;
}

// Those of a whole context in every slot.
static uint32_t pages_wanted(const struct engine *engine) {
    uint64_t wanted = (uint64_t)context_pages(engine) * engine->slots_len;
    return wanted < UINT32_MAX / 2 ? (uint32_t)wanted : UINT32_MAX / 2;
}

// As many pages as all slots can use, or as memory_max has room for: a context's at the least.
static enum sk_code choose_pages(struct engine *engine, uint64_t memory_max, uint32_t *out) {
    uint64_t max = memory_max ? memory_max : UINT64_MAX - 1;
    uint32_t least = context_pages(engine), most = pages_wanted(engine);
    if (bytes_of(engine, least) > max)
        return FAIL(SK_LIMIT, "memory: %llu bytes for %u slots and a context of %u tokens > %llu",
                    (unsigned long long)bytes_of(engine, least), engine->slots_len,
                    engine->context, (unsigned long long)memory_max);
    while (least < most) {
        uint32_t middle = least + (most - least + 1) / 2;
        if (bytes_of(engine, middle) <= max)
            least = middle;
        else
            most = middle - 1;
    }
    *out = least;
    return SK_OK;
}

static enum sk_code take_state(struct engine *engine, uint64_t memory_max) {
    uint32_t pages = 0;
    TRY(choose_pages(engine, memory_max, &pages));
    uint64_t bytes = bytes_of(engine, pages);
    void *state = pages_take(bytes);
    if (!state)
        return FAIL(SK_LIMIT, "memory: cannot take %llu bytes", (unsigned long long)bytes);
    engine->state = state;
    engine->state_bytes = bytes;
    struct lay lay = {.base = state};
    engine_lay(engine, &lay, pages);
    must(lay.used == bytes);
    engine->kv.bytes = (char *)engine->forward.pages;
    engine->kv.page_bytes = engine->forward.page_bytes;
    kv_init(&engine->kv);
    return SK_OK;
}

// Makes the state real, so that no later step waits or fails for it; only once the file was found
// good, or a few bytes of keys could cost all the machine has. Before Linux 5.14: as it is used.
static enum sk_code fill_state(const struct engine *engine) {
    if (madvise(engine->state, engine->state_bytes, MADV_POPULATE_WRITE) == 0 || errno == EINVAL)
        return SK_OK;
    return FAIL(SK_LIMIT, "memory: cannot fill %llu bytes: %s",
                (unsigned long long)engine->state_bytes, strerror(errno));
}

// Weights in the kernels' order.
static enum sk_code pack_weights(struct engine *engine, engine_release *release) {
    uint64_t bytes = model_packed_bytes(&engine->model);
    if (bytes == 0) return SK_OK;
    void *weights = pages_take(bytes);
    if (!weights)
        return FAIL(SK_LIMIT, "memory: cannot take %llu bytes", (unsigned long long)bytes);
    engine->weights = weights;
    engine->packed_bytes = bytes;
    model_pack(&engine->model, engine->pool, weights, release);
    return SK_OK;
}

static enum sk_code tokens_read(struct engine *engine, const struct gguf *gguf,
                                struct engine_options options) {
    engine->tokens_only = true;
    engine->text_max = text_max(UINT32_MAX, options.text_max);
    TRY(vocab_read(&engine->vocab, gguf));
    engine->model.vocabulary = engine->vocab.len;
    engine->tokenizer.vocab = &engine->vocab;
    TRY(gguf_text(gguf, "tokenizer.chat_template", GGUF_MAY_BE, &engine->model.chat_template));
    TRY(take_state(engine, options.memory_max));
    TRY(vocab_fill(&engine->vocab, gguf));
    return chat_open(&engine->chat, &engine->vocab, engine->model.chat_template);
}

static void context_set(struct engine *engine, uint32_t context, uint32_t text_wanted) {
    engine->context = engine->forward.context = context;
    engine->text_max = text_max(context, text_wanted);
}

// The context asked for; else the trained one, halved while memory_max has no room for it in every
// slot. CONTEXT_LEAST is kept: then slots may have to wait for each other.
static enum sk_code choose_context(struct engine *engine, const struct engine_options *options) {
    uint32_t context = engine->model.context_trained;
    if (options->context > context)
        return FAIL(SK_LIMIT, "context %u > the %u this model was trained for", options->context,
                    context);
    context_set(engine, options->context ? options->context : context, options->text_max);
    while (!options->context && options->memory_max && context >= 2 * CONTEXT_LEAST &&
           bytes_of(engine, pages_wanted(engine)) > options->memory_max) {
        context /= 2;
        context_set(engine, context, options->text_max);
    }
    return SK_OK;
}

// A file of adapters is read where it is, but for B, which `state` has.
static enum sk_code adapters_read(struct engine *engine, const struct engine_options *options) {
    must(options->adapters_len <= ENGINE_ADAPTERS_MAX);
    for (uint32_t i = 0; i < options->adapters_len; i++) {
        const struct engine_adapter *from = &options->adapters[i];
        struct adapter *adapter = &engine->adapters[i];
        enum sk_code code = adapter_open(adapter, from->file);
        engine->model.adapters.failed = i + 1;
        if (code != SK_OK)
            return fail_within(code, "adapter %.*s", (int)from->name.len, from->name.at);
        adapter->name = from->name;
        adapter->wanted = from->scale;
        engine->weights_bytes += from->file.len;
    }
    return model_adapters_set(&engine->model, engine->adapters, options->adapters_len);
}

static void adapters_close(struct engine *engine, const struct engine_options *options) {
    if (options->adapter_failed) *options->adapter_failed = engine->model.adapters.failed;
    for (uint32_t i = 0; i < ENGINE_ADAPTERS_MAX; i++) adapter_close(&engine->adapters[i]);
    engine->model.adapters.at = NULL;
}

static enum sk_code keys_read(struct engine *engine, const struct gguf *gguf,
                              struct engine_options options) {
    uint32_t threads = options.pool ? options.pool->pool.threads : options.threads;
    TRY(kernels_choose(options.kernels, &engine->kernels));
    TRY(model_read(&engine->model, gguf));
    TRY(vocab_read(&engine->vocab, gguf));
    engine->tokenizer.vocab = engine->grammars.vocab = &engine->vocab;
    engine->model.vocabulary = engine->vocab.len;
    engine->slots_len = options.slots;
    // Room for guesses too, and so that scoring a text reads the weights less often.
    engine->logits_len = options.slots + GUESS_MAX;
    engine->pool = options.pool ? &options.pool->pool : &engine->own_pool;
    for (uint32_t i = 0; i < gguf->files_len; i++) engine->file_bytes += gguf->files[i].len;
    engine->weights_bytes = model_weights_bytes(&engine->model, gguf);
    TRY(adapters_read(engine, &options));
    engine->forward = (struct forward){.model = &engine->model,
                                       .kernels = engine->kernels,
                                       .pool = engine->pool,
                                       .threads = threads};
    if (!engine->model.family->encoder) {
        engine->forward.cache = options.cache;
        engine->kv.spill = options.spill;
    }
    return choose_context(engine, &options);
}

static enum sk_code engine_read(struct engine *engine, const struct gguf *gguf,
                                struct engine_options options) {
    if (options.tokens_only) return tokens_read(engine, gguf, options);
    TRY(keys_read(engine, gguf, options));
    TRY(take_state(engine, options.memory_max));
    TRY(vocab_fill(&engine->vocab, gguf));
    TRY(model_bind(&engine->model, gguf, engine->context));
    TRY(fill_state(engine));
    TRY(chat_open(&engine->chat, &engine->vocab, engine->model.chat_template));
    if (!options.pool) TRY(pool_open(&engine->own_pool, options.threads));
    return pack_weights(engine, options.release);
}

static enum sk_code engine_make(struct engine **out, struct engine_options options) {
    *out = NULL;
    TRY(check_options(&options));
    struct engine *engine = aligned_alloc(LAY_ALIGN, sizeof *engine);
    if (!engine) return FAIL(SK_LIMIT, "memory: none left");
    memset(engine, 0, sizeof *engine);
    *out = engine;
    return SK_OK;
}

enum sk_code engine_open(struct engine **out, const struct view *files, size_t files_len,
                         struct engine_options options) {
    struct gguf gguf = {0};
    TRY(engine_make(out, options));
    enum sk_code code = gguf_open(&gguf, files, files_len);
    if (code == SK_OK) code = engine_read(*out, &gguf, options);
    gguf_close(&gguf);
    adapters_close(*out, &options);
    for (size_t i = 0; i < files_len && options.release; i++) options.release(files[i]);
    if (code == SK_OK) return SK_OK;
    engine_close(*out);
    *out = NULL;
    return code;
}

enum sk_code engine_look(const struct view *files, size_t files_len, struct engine_options options,
                         struct engine_shape *shape) {
    struct engine *engine;
    struct gguf gguf = {0};
    TRY(engine_make(&engine, options));
    enum sk_code code = gguf_open(&gguf, files, files_len);
    if (code == SK_OK) code = keys_read(engine, &gguf, options);
    if (code == SK_OK) {
        *shape = engine_shape(engine);
        while (!options.context && engine->context >= 2 * CONTEXT_LEAST)
            context_set(engine, engine->context / 2, options.text_max);
        shape->state_bytes = bytes_of(engine, context_pages(engine));
        if (!shape->encoder) shape->page_bytes = engine->forward.page_bytes;
    }
    gguf_close(&gguf);
    adapters_close(engine, &options);
    engine_close(engine);
    return code;
}

void engine_close(struct engine *engine) {
    if (!engine) return;
    pool_close(&engine->own_pool);
    for (uint32_t i = 0; engine->slots && i < engine->slots_len; i++) engine_stop(engine, i);
    grammars_close(&engine->grammars);
    chat_close(&engine->chat);
    pages_give(engine->weights, engine->packed_bytes);
    pages_give(engine->state, engine->state_bytes);
    free(engine);
}

struct engine_shape engine_shape(const struct engine *engine) {
    const struct model *model = &engine->model;
    struct engine_shape shape = {
        .architecture = model->architecture,
        .name = model->name,
        .license = model->license,
        .chat_template = model->chat_template,
        .parameters = model->parameters,
        .file_bytes = engine->file_bytes,
        .weights_bytes = engine->weights_bytes,
        .state_bytes = engine->state_bytes,
        .layers = model->layers,
        .width = model->width,
        .heads = model->heads,
        .heads_kv = model->heads_kv,
        .vocabulary = model->vocabulary,
        .context_trained = model->context_trained,
        .context = engine->context,
        .cache = engine->forward.cache,
        .tokens_held = engine->kv.len * KERNEL_PAGE,
        .bos = engine->vocab.add_bos ? engine->vocab.bos : -1,
        .encoder = model->family && model->family->encoder,
        .ranks = model->ranks,
    };
    if (!shape.encoder) shape.page_bytes = engine->forward.page_bytes;
    memcpy(shape.type_text, model->type_text, sizeof shape.type_text);
    return shape;
}

struct engine_spilled engine_spilled(const struct engine *engine) { return engine->kv.spilled; }

const char *engine_kernels_name(const struct engine *engine) { return engine->kernels->name; }

// ---- tokens ----

enum sk_code engine_ids_check(const struct engine *engine, const char *what, const int32_t *ids,
                              size_t len) {
    if (len == 0) return FAIL(SK_INPUT, "the %s is empty", what);
    if (len > engine->context)
        return FAIL(SK_LIMIT, "%s %zu tokens > context %u", what, len, engine->context);
    for (size_t i = 0; i < len; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= engine->vocab.len)
            return FAIL(SK_INPUT, "%s: token %zu, %d, is not in the vocabulary", what, i, ids[i]);
    return SK_OK;
}

static enum sk_code ids_end(const struct ids *ids, size_t *len) {
    *len = ids->len;
    if (ids->len > ids->max) return FAIL(SK_LIMIT, "%zu tokens > %zu", ids->len, ids->max);
    return SK_OK;
}

enum sk_code engine_tokenize(const struct engine *engine, struct view text, bool special,
                             int32_t *ids, size_t max, size_t *len) {
    struct tokenizer tokenizer = engine->tokenizer; // its scratch is shared, and free again
    struct ids out = {ids, max, 0};
    *len = 0;
    TRY(tokenize(&tokenizer, text, NULL, special, true, &out));
    return ids_end(&out, len);
}

void engine_detokenize(const struct engine *engine, int32_t id, struct buf *out) {
    detokenize(&engine->vocab, id, out);
}

struct view engine_token_name(const struct engine *engine, int32_t id) {
    if (id < 0 || (uint32_t)id >= engine->vocab.len) return (struct view){"", 0};
    return vocab_text(&engine->vocab, id);
}

struct engine_around engine_around(const struct engine *engine) {
    const struct vocab *vocab = &engine->vocab;
    return (struct engine_around){.before = vocab->add_bos ? vocab->bos : VOCAB_NONE,
                                  .after = vocab->add_eos ? vocab->eos : VOCAB_NONE};
}

static enum sk_code check_texts(const struct engine_job *job) {
    for (uint32_t i = 0; i < job->messages_len; i++)
        if (!utf8_check(job->messages[i].text)) return FAIL(SK_INPUT, "message %u is not UTF-8", i);
    if (!job->messages_len && !utf8_check(job->prompt)) return FAIL(SK_INPUT, "text is not UTF-8");
    return SK_OK;
}

enum sk_code engine_prompt(const struct engine *engine, const struct engine_job *job, int32_t *ids,
                           size_t max, size_t *len) {
    struct tokenizer tokenizer = engine->tokenizer; // its scratch is shared, and free again
    struct ids out = {ids, max, 0};
    *len = 0;
    if (job->messages_len > ENGINE_MESSAGES_MAX)
        return FAIL(SK_LIMIT, "%u messages > %d", job->messages_len, ENGINE_MESSAGES_MAX);
    TRY(check_texts(job));
    if (job->messages_len || job->template_data.len) {
        if (!engine->tokens_only && engine->model.family->encoder)
            return FAIL(SK_UNSUPPORTED, "a %s model makes embeddings only",
                        engine->model.family->name);
        struct jinja_text prompt = engine->prompt;
        TRY(chat_prompt(&engine->chat, &tokenizer, job, &prompt, &out));
        return ids_end(&out, len);
    }
    if (job->prompt.len == 0) return FAIL(SK_INPUT, "the prompt is empty");
    if (engine->vocab.add_bos) ids_put(&out, engine->vocab.bos);
    TRY(tokenize(&tokenizer, job->prompt, NULL, false, true, &out));
    if (engine->vocab.add_eos) ids_put(&out, engine->vocab.eos);
    return ids_end(&out, len);
}

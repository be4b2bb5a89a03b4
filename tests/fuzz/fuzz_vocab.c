// A file with a vocabulary, changed in places: it is refused with a text, or it cuts texts within
// its bounds. First byte: which model; then groups of four: where (three bytes, from the end of the
// file) and what is added to the byte there.
#include "../unit/vocab_make.h"
#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1024 };

static struct view base_of(unsigned model) {
    static struct view files[MAKE_MODELS]; // made once, held to the end
    static struct vocab_make v;
    if (files[model].len) return files[model];
    v = (struct vocab_make){.model = (enum vocab_model_make)model, .seed = model + 4};
    files[model] = vocab_make_file(&v);
    return files[model];
}

static void cut_texts(const struct engine *engine) {
    static int32_t ids[4 * TEXT_MAX];
    static char storage[1 << 16];
    uint32_t vocabulary = engine_shape(engine).vocabulary;
    for (int i = 0; i < GROWN_POOL; i++) {
        size_t len;
        struct buf out = buf_over(storage, sizeof storage);
        enum sk_code code =
            engine_tokenize(engine, view_of(grown_pool[i]), i % 2, ids, 4 * TEXT_MAX, &len);
        must(code == SK_OK || code == SK_LIMIT);
        for (size_t j = 0; code == SK_OK && j < len; j++) {
            must(ids[j] >= 0 && (uint32_t)ids[j] < vocabulary);
            engine_detokenize(engine, ids[j], &out);
        }
    }
    struct engine_around around = engine_around(engine);
    must(around.before < (int32_t)vocabulary && around.after < (int32_t)vocabulary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char changed[MAKE_BYTES_MAX];
    if (size < 5 || size > 400) return 0;
    struct view base = base_of(data[0] % MAKE_MODELS);
    memcpy(changed, base.at, base.len);
    for (size_t i = 1; i + 4 <= size; i += 4) {
        size_t where = (size_t)data[i] << 16 | (size_t)data[i + 1] << 8 | data[i + 2];
        uint8_t *byte = (uint8_t *)&changed[base.len - 1 - where % base.len];
        *byte = (uint8_t)(*byte + data[i + 3]);
    }
    struct engine *engine;
    struct engine_options options = {.text_max = TEXT_MAX, .tokens_only = true};
    enum sk_code code = engine_open_file(&engine, (struct view){changed, base.len}, options);
    if (code == SK_OK) {
        cut_texts(engine);
        engine_close(engine);
    } else {
        must(code == SK_CORRUPT || code == SK_UNSUPPORTED || code == SK_LIMIT);
        must(fail_text()[0]);
    }
    return 0;
}

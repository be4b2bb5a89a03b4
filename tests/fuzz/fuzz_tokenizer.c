// Any bytes as text, to a vocabulary of every model and pre-tokenizer: nothing becomes a control
// token, the work is bounded, and where a vocabulary loses nothing the tokens join to the text.
// First byte: which vocabulary, and whether control tokens are meant.
#include "../unit/vocab_make.h"
#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 4096, KINDS = 40 };

static const char *const pres[] = {
    "default", "gpt-2", "starcoder", "llama-bpe", "qwen2", "qwen35", "ufakzeka", "laguna",
    "seed-coder", "bailingmoe", "minicpm5", "jais-2", "falcon", "deepseek-llm", "deepseek-coder",
    "deepseek-v3", "spark2_5", "youtu", "afmoe", "tiny_aya", "bloom", "viking", "tekken", "gpt-4o",
    "granite-embed-multi-97m", "kimi-k2", "chameleon", "dbrx"};
enum { PRES = sizeof pres / sizeof *pres };
_Static_assert(2 * 5 + PRES <= KINDS, "each has a place");

static bool is_raw(unsigned kind) { return kind % 2 == 0; }

// Kinds 0..9: two vocabularies of each model; from 10 on: of gpt2 with each pre-tokenizer.
static const struct engine *engine_of(unsigned kind) {
    static struct engine *engines[KINDS]; // made once, and held with their files to the end
    static struct vocab_make v;
    if (engines[kind]) return engines[kind];
    v = (struct vocab_make){.model = kind < 10 ? (enum vocab_model_make)(kind / 2) : MAKE_GPT2,
                            .pre = kind < 10 ? NULL : pres[(kind - 10) % PRES],
                            .raw = is_raw(kind),
                            .seed = kind};
    struct engine_options options = {.text_max = TEXT_MAX, .tokens_only = true};
    must(engine_open_file(&engines[kind], vocab_make_file(&v), options) == SK_OK);
    return engines[kind];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int32_t ids[2 * TEXT_MAX];
    static char joined[2 * TEXT_MAX];
    if (size < 1 || size > TEXT_MAX) return 0;
    unsigned kind = (data[0] & 0x7f) % KINDS;
    bool special = data[0] & 0x80;
    const struct engine *engine = engine_of(kind);
    struct view text = {(const char *)data + 1, size - 1};
    size_t len;
    enum sk_code code = engine_tokenize(engine, text, special, ids, 2 * TEXT_MAX, &len);
    if (code != SK_OK) { // U+FFFD for many bytes, or normalised text, is too long
        must(code == SK_LIMIT && (!utf8_check(text) || kind / 2 == MAKE_T5));
        return 0;
    }
    struct buf out = buf_over(joined, sizeof joined);
    uint32_t vocabulary = engine_shape(engine).vocabulary;
    for (size_t i = 0; i < len; i++) {
        must(ids[i] >= 0 && (uint32_t)ids[i] < vocabulary);
        engine_detokenize(engine, ids[i], &out);
    }
    bool whole = is_raw(kind) && (kind >= 10 || kind / 2 == MAKE_GPT2);
    if (!special && whole && utf8_check(text)) must(view_same(buf_view(&out), text));
    return 0;
}

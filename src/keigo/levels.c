// Levels of politeness by a log-linear model: runs of characters, and runs of words with the
// content words' lemmas left out, hashed into buckets.
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "keigo/parts.h"

enum { RUN_CHARACTERS = 4, RUN_WORDS = 4, HEAD = 16 + 4 * KEIGO_LEVELS };
static const char magic[8] = "SKKEIGO1";

struct features {
    uint32_t *out;
    uint32_t len, max;
};

static uint64_t more(uint64_t hash, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}

static void put(struct features *features, uint64_t hash) {
    hash ^= hash >> 29;
    hash *= 0xbf58476d1ce4e5b9;
    hash ^= hash >> 32;
    if (features->len < features->max) features->out[features->len++] = (uint32_t)hash;
}

// Runs of one to four characters, the text's ends among them.
static void characters(struct view text, struct features *features) {
    size_t at[KEIGO_TEXT_MAX + 2];
    uint32_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (((uint8_t)text.at[i] & 0xc0) != 0x80) at[len++] = i;
    at[len] = text.len;
    for (uint32_t i = 0; i < len; i++)
        for (uint32_t n = 1; n <= RUN_CHARACTERS && i + n <= len; n++) {
            uint64_t hash = more(n, text.at + at[i], at[i + n] - at[i]);
            put(features, hash);
            if (i == 0) put(features, more(hash, "^", 1));
            if (i + n == len) put(features, more(hash, "$", 1));
        }
}

// Words that carry no subject: their lemma counts, of others the part of speech.
static bool grammatical(const struct keigo_word *word) {
    return word_in(word->pos, "助詞 助動詞 記号 接頭詞 感動詞 接続詞 連体詞") ||
           word_in(word->pos1, "非自立 接尾 代名詞") ||
           word_in(word->lemma,
                   "する なさる くださる 下さる いただく 頂く ござる いらっしゃる ある いる "
                   "なる おる いたす 致す 申す おっしゃる 存じる 伺う 拝見");
}

static uint64_t word_hash(const struct keigo_word *word) {
    bool lemma = grammatical(word);
    uint64_t hash =
        lemma ? more(11, word->lemma.at, word->lemma.len) : more(13, word->pos.at, word->pos.len);
    if (!lemma) hash = more(hash, word->pos1.at, word->pos1.len);
    return more(hash, word->form.at, word->form.len);
}

static void words(const struct keigo_sentence *s, struct features *features) {
    uint64_t hashes[KEIGO_WORDS_MAX + 2];
    uint32_t len = 0;
    hashes[len++] = 17;
    for (uint32_t i = 0; i < s->len; i++) {
        const struct keigo_word *word = &s->words[i];
        hashes[len++] = word_hash(word);
        put(features, more(19, word->lemma.at, word->lemma.len));
    }
    hashes[len++] = 23;
    for (uint32_t i = 0; i < len; i++)
        for (uint32_t n = 1; n <= RUN_WORDS && i + n <= len; n++)
            put(features, more(100 + n, hashes + i, n * sizeof *hashes));
}

enum sk_code keigo_features(struct keigo_reader *reader, struct view text, uint32_t *out,
                            uint32_t max, uint32_t *len) {
    struct features features = {out, 0, max};
    struct keigo_sentence s;
    TRY(keigo_cut(reader, text, &s));
    characters(text, &features);
    words(&s, &features);
    *len = features.len;
    return SK_OK;
}

static uint32_t u32_at(struct view file, size_t at) {
    uint32_t n;
    memcpy(&n, file.at + at, sizeof n);
    return n;
}

enum sk_code keigo_levels_read(struct view file, struct keigo_levels *out) {
    if (file.len < HEAD || memcmp(file.at, magic, sizeof magic) != 0)
        return FAIL(SK_CORRUPT, "levels: not a file of weights of levels");
    uint32_t buckets = u32_at(file, 8);
    if (!buckets || buckets > KEIGO_BUCKETS_MAX || buckets & (buckets - 1) ||
        file.len != HEAD + (size_t)buckets * KEIGO_LEVELS)
        return FAIL(SK_CORRUPT, "levels: %u buckets in %zu bytes", buckets, file.len);
    memcpy(&out->scale, file.at + 12, sizeof out->scale);
    memcpy(out->bias, file.at + 16, sizeof out->bias);
    for (unsigned i = 0; i < KEIGO_LEVELS; i++)
        if (!isfinite(out->bias[i]) || !isfinite(out->scale))
            return FAIL(SK_CORRUPT, "levels: a number is not finite");
    out->buckets = buckets;
    out->weights = (const int8_t *)file.at + HEAD;
    return SK_OK;
}

void keigo_levels_write(const struct keigo_levels *levels, struct buf *out) {
    buf_put(out, magic, sizeof magic);
    buf_put(out, &levels->buckets, sizeof levels->buckets);
    buf_put(out, &levels->scale, sizeof levels->scale);
    buf_put(out, levels->bias, sizeof levels->bias);
    buf_put(out, levels->weights, (size_t)levels->buckets * KEIGO_LEVELS);
}

enum sk_code keigo_levels_score(struct keigo_reader *reader, const struct keigo_levels *levels,
                                struct view text, double log_share[KEIGO_LEVELS]) {
    static _Thread_local uint32_t features[KEIGO_FEATURES_MAX];
    int64_t sums[KEIGO_LEVELS] = {0};
    uint32_t len;
    double total = 0, most = -INFINITY;
    TRY(keigo_features(reader, text, features, KEIGO_FEATURES_MAX, &len));
    for (uint32_t i = 0; i < len; i++) {
        size_t at = (size_t)(features[i] & (levels->buckets - 1)) * KEIGO_LEVELS;
        for (unsigned k = 0; k < KEIGO_LEVELS; k++)
            sums[k] += levels->weights[at + k];
    }
    for (unsigned k = 0; k < KEIGO_LEVELS; k++) {
        double part = len ? (double)sums[k] * (double)levels->scale / sqrt(len) : 0;
        log_share[k] = part + (double)levels->bias[k];
        most = fmax(most, log_share[k]);
    }
    for (unsigned k = 0; k < KEIGO_LEVELS; k++)
        total += exp(log_share[k] - most);
    for (unsigned k = 0; k < KEIGO_LEVELS; k++)
        log_share[k] -= most + log(total);
    return SK_OK;
}

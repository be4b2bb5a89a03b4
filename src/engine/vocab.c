#include "engine/vocab.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- sizes and settings ----

enum sk_code vocab_read_id(const struct vocab *vocab, const struct gguf *gguf, const char *name,
                           int32_t *out) {
    *out = VOCAB_NONE;
    uint32_t id = UINT32_MAX;
    TRY(gguf_u32(gguf, name, GGUF_MAY_BE, &id));
    if (id == UINT32_MAX) return SK_OK;
    if (id >= vocab->len)
        return FAIL(SK_CORRUPT, "key %s: token %u of %u", name, id, vocab->len);
    *out = (int32_t)id;
    return SK_OK;
}

// The id of a key; where it is absent the one these models are known to have.
static enum sk_code read_id(const struct vocab *vocab, const struct gguf *gguf, const char *name,
                            int32_t otherwise, int32_t *out) {
    TRY(vocab_read_id(vocab, gguf, name, out));
    if (*out == VOCAB_NONE && !gguf_find(gguf, name) && otherwise < (int32_t)vocab->len)
        *out = otherwise;
    return SK_OK;
}

static const struct model_row {
    const char *name;
    enum vocab_model model;
    bool add_bos, add_eos, add_space;
    int32_t bos, eos, unknown; // where the file has no key
    const char *eos_key;
} models[] = {
    {"llama", VOCAB_SCORED, true, false, true, 1, 2, 0, "tokenizer.ggml.eos_token_id"},
    {"t5", VOCAB_UNIGRAM, false, true, false, VOCAB_NONE, 1, 2, "tokenizer.ggml.eos_token_id"},
    {"bert", VOCAB_WORDPIECE, true, true, false, 101, 102, 100,
     "tokenizer.ggml.seperator_token_id"}, // sic
    {"gpt2", VOCAB_RANKED, false, false, false, VOCAB_NONE, VOCAB_NONE, VOCAB_NONE,
     "tokenizer.ggml.eos_token_id"},
    {"gemma4", VOCAB_RANKED, false, false, false, VOCAB_NONE, VOCAB_NONE, VOCAB_NONE,
     "tokenizer.ggml.eos_token_id"},
};

static enum sk_code find_model(const struct gguf *gguf, const struct model_row **row) {
    struct view name = {0};
    TRY(gguf_text(gguf, "tokenizer.ggml.model", GGUF_MUST_BE, &name));
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (!view_is(name, models[i].name)) continue;
        *row = &models[i];
        return SK_OK;
    }
    return FAIL(SK_UNSUPPORTED,
                "key tokenizer.ggml.model: \"%.*s\" (this build: llama, t5, bert, gpt2, gemma4)",
                (int)(name.len < 64 ? name.len : 64), name.at);
}

// Merges are counted here and read in vocab_fill.
static enum sk_code read_merges(struct vocab *vocab, const struct gguf *gguf, bool needed) {
    const struct gguf_key *merges;
    TRY(gguf_array(gguf, "tokenizer.ggml.merges", GGUF_STRING,
                   needed ? GGUF_MUST_BE : GGUF_MAY_BE, &merges));
    if (!merges) return SK_OK;
    if (merges->count > VOCAB_MERGES_MAX)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.merges: %llu merges (limit %d)",
                    (unsigned long long)merges->count, VOCAB_MERGES_MAX);
    vocab->merges.len = (uint32_t)merges->count;
    return SK_OK;
}

static enum sk_code read_ranked(struct vocab *vocab, const struct gguf *gguf, const char *model) {
    struct view pre = VIEW("default");
    TRY(gguf_text(gguf, "tokenizer.ggml.pre", GGUF_MAY_BE, &pre));
    if (pre.len == 0) pre = VIEW("default");
    if (strcmp(model, "gemma4") == 0) pre = VIEW("gemma4");
    TRY(pretoken_read(&vocab->pretoken, pre));
    vocab->add_bos = vocab->pretoken.add_bos;
    return read_merges(vocab, gguf, !view_is(pre, "kimi-k2"));
}

// Precompiled: 4 bytes of length, that many of a trie, then the replacements, each ended by NUL.
static enum sk_code read_unigram(struct vocab *vocab, const struct gguf *gguf) {
    const char *name = "tokenizer.ggml.precompiled_charsmap";
    TRY(gguf_bool(gguf, "tokenizer.ggml.remove_extra_whitespaces", GGUF_MAY_BE,
                  &vocab->merge_spaces));
    TRY(gguf_bool(gguf, "tokenizer.ggml.byte_fallback", GGUF_MAY_BE, &vocab->byte_fallback));
    const struct gguf_key *map = gguf_find(gguf, name);
    if (!map) return SK_OK;
    if (!map->array || (map->kind != GGUF_U8 && map->kind != GGUF_I8))
        return FAIL(SK_CORRUPT, "key %s: not an array of bytes", name);
    uint32_t trie = 0;
    if (map->count >= sizeof trie) memcpy(&trie, map->bytes.at, sizeof trie);
    if (map->count < sizeof trie || trie >= map->count - sizeof trie)
        return FAIL(SK_CORRUPT, "key %s: a trie of %u bytes in %llu", name, trie,
                    (unsigned long long)map->count);
    vocab->charsmap = map->bytes;
    return SK_OK;
}

static enum sk_code read_wordpiece(struct vocab *vocab, const struct gguf *gguf) {
    vocab->lower = true;
    TRY(gguf_bool(gguf, "tokenizer.ggml.normalizer.lowercase", GGUF_MAY_BE, &vocab->lower));
    vocab->strip_accents = vocab->lower;
    return gguf_bool(gguf, "tokenizer.ggml.normalizer.strip_accents", GGUF_MAY_BE,
                     &vocab->strip_accents);
}

static bool is_special(int32_t kind) {
    return kind == VOCAB_UNKNOWN || kind == VOCAB_CONTROL || kind == VOCAB_USER;
}

// How many special tokens there may be: those of the file, and any that a name makes one.
static enum sk_code count_specials(struct vocab *vocab, const struct gguf *gguf) {
    enum { NAMED_MAX = 64 };
    const struct gguf_key *kinds;
    TRY(gguf_array(gguf, "tokenizer.ggml.token_type", GGUF_I32, GGUF_MAY_BE, &kinds));
    uint32_t count = 0;
    for (uint64_t i = 0; kinds && i < kinds->count; i++) {
        int32_t kind;
        memcpy(&kind, kinds->bytes.at + i * sizeof kind, sizeof kind);
        count += is_special(kind);
    }
    if (count > VOCAB_SPECIALS_MAX)
        return FAIL(SK_UNSUPPORTED, "key tokenizer.ggml.token_type: over %d special tokens",
                    VOCAB_SPECIALS_MAX);
    vocab->specials.max = count + NAMED_MAX;
    return SK_OK;
}

// Two texts: BERT's are CLS A SEP B SEP, whatever a file says; XLM-RoBERTa's <s> A </s></s> B </s>,
// of which older files say nothing.
static enum sk_code read_separator(struct vocab *vocab, const struct gguf *gguf) {
    if (vocab->model == VOCAB_WORDPIECE) return SK_OK;
    vocab->add_separator = vocab->model == VOCAB_UNIGRAM;
    TRY(gguf_bool(gguf, "tokenizer.ggml.add_sep_token", GGUF_MAY_BE, &vocab->add_separator));
    TRY(vocab_read_id(vocab, gguf, "tokenizer.ggml.seperator_token_id", &vocab->separator)); // sic
    if (vocab->separator == VOCAB_NONE) vocab->separator = vocab->eos;
    if (vocab->separator == VOCAB_NONE) vocab->add_separator = false;
    return SK_OK;
}

static enum sk_code read_settings(struct vocab *vocab, const struct gguf *gguf,
                                  const struct model_row *row) {
    TRY(gguf_bool(gguf, "tokenizer.ggml.add_space_prefix", GGUF_MAY_BE, &vocab->add_space));
    TRY(read_id(vocab, gguf, "tokenizer.ggml.bos_token_id", row->bos, &vocab->bos));
    TRY(read_id(vocab, gguf, row->eos_key, row->eos, &vocab->eos));
    TRY(read_id(vocab, gguf, "tokenizer.ggml.unknown_token_id", row->unknown, &vocab->unknown));
    if (vocab->model != VOCAB_WORDPIECE) { // there both are always put
        TRY(gguf_bool(gguf, "tokenizer.ggml.add_bos_token", GGUF_MAY_BE, &vocab->add_bos));
        TRY(gguf_bool(gguf, "tokenizer.ggml.add_eos_token", GGUF_MAY_BE, &vocab->add_eos));
    }
    TRY(read_separator(vocab, gguf));
    if (vocab->pretoken.plain) vocab->add_bos = vocab->add_bos || vocab->pretoken.add_bos;
    if (vocab->model == VOCAB_RANKED || vocab->model == VOCAB_WORDPIECE) vocab->add_space = false;
    if (vocab->bos == VOCAB_NONE) vocab->add_bos = false;
    if (vocab->eos == VOCAB_NONE) vocab->add_eos = false;
    bool needs_unknown = vocab->model == VOCAB_UNIGRAM || vocab->model == VOCAB_WORDPIECE;
    if (needs_unknown && vocab->unknown == VOCAB_NONE)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.unknown_token_id: none for \"%s\"", row->name);
    return SK_OK;
}

enum sk_code vocab_read(struct vocab *vocab, const struct gguf *gguf) {
    *vocab = (struct vocab){0};
    const struct model_row *row = NULL;
    const struct gguf_key *tokens;
    TRY(find_model(gguf, &row));
    TRY(gguf_array(gguf, "tokenizer.ggml.tokens", GGUF_STRING, GGUF_MUST_BE, &tokens));
    if (tokens->count == 0 || tokens->count > VOCAB_TOKENS_MAX)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: %llu tokens (limit 1..%d)",
                    (unsigned long long)tokens->count, VOCAB_TOKENS_MAX);
    vocab->len = (uint32_t)tokens->count;
    vocab->texts_bytes = tokens->bytes.len;
    vocab->model = row->model;
    vocab->add_bos = row->add_bos;
    vocab->add_eos = row->add_eos;
    vocab->add_space = row->add_space;
    if (row->model == VOCAB_RANKED) TRY(read_ranked(vocab, gguf, row->name));
    if (row->model == VOCAB_UNIGRAM) TRY(read_unigram(vocab, gguf));
    if (row->model == VOCAB_WORDPIECE) TRY(read_wordpiece(vocab, gguf));
    TRY(read_settings(vocab, gguf, row));
    return count_specials(vocab, gguf);
}

// These look for every token that may begin at a place of the text.
static bool by_beginnings(const struct vocab *vocab) {
    return vocab->model == VOCAB_UNIGRAM || vocab->model == VOCAB_WORDPIECE;
}

void vocab_lay(struct vocab *vocab, struct lay *lay) {
    vocab->tokens = lay_take(lay, vocab->len, sizeof *vocab->tokens);
    texts_lay(&vocab->texts, lay, vocab->len, by_beginnings(vocab) ? vocab->texts_bytes : 0);
    texts_lay(&vocab->merges, lay, vocab->merges.len, 0);
    specials_lay(&vocab->specials, lay, vocab->specials.max);
    specials_lay(&vocab->users, lay, vocab->model == VOCAB_UNIGRAM ? vocab->specials.max : 0);
}

// ---- filling ----

// Types (absent: all normal) and, where they count, scores.
static enum sk_code read_token(struct vocab *vocab, const struct gguf_key *kinds,
                               const struct gguf_key *scores, int32_t id) {
    int32_t kind = VOCAB_NORMAL;
    float score = 0;
    if (kinds) memcpy(&kind, kinds->bytes.at + (size_t)id * 4, sizeof kind);
    if (kind == 0) kind = VOCAB_UNUSED; // "undefined"
    if (kind < VOCAB_NORMAL || kind > VOCAB_BYTE)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.token_type: token %d has type %d", id, kind);
    if (scores) memcpy(&score, scores->bytes.at + (size_t)id * 4, sizeof score);
    if (!isfinite(score))
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.scores: token %d is not finite", id);
    vocab->tokens[id] = (struct vocab_token){.score = score, .kind = (enum vocab_kind)kind};
    return SK_OK;
}

static enum sk_code read_table(const struct vocab *vocab, const struct gguf *gguf,
                               const char *name, enum gguf_kind kind, enum gguf_need need,
                               const struct gguf_key **out) {
    TRY(gguf_array(gguf, name, kind, need, out));
    if (*out && (*out)->count != vocab->len)
        return FAIL(SK_CORRUPT, "key %s: %llu values for %u tokens", name,
                    (unsigned long long)(*out)->count, vocab->len);
    return SK_OK;
}

static enum sk_code fill_tokens(struct vocab *vocab, const struct gguf *gguf) {
    const struct gguf_key *tokens, *kinds, *scores = NULL;
    bool scored = vocab->model == VOCAB_SCORED || vocab->model == VOCAB_UNIGRAM;
    TRY(gguf_array(gguf, "tokenizer.ggml.tokens", GGUF_STRING, GGUF_MUST_BE, &tokens));
    TRY(read_table(vocab, gguf, "tokenizer.ggml.token_type", GGUF_I32, GGUF_MAY_BE, &kinds));
    if (scored)
        TRY(read_table(vocab, gguf, "tokenizer.ggml.scores", GGUF_F32, GGUF_MUST_BE, &scores));
    int most = by_beginnings(vocab) ? VOCAB_SOUGHT_MAX : VOCAB_PIECE_MAX;
    struct view at = tokens->bytes;
    for (int32_t id = 0; id < (int32_t)vocab->len; id++) {
        TRY(read_token(vocab, kinds, scores, id));
        struct view text = vocab->texts.at[id] = gguf_string_next(&at);
        if (text.len > (size_t)most)
            return FAIL(SK_UNSUPPORTED,
                        "key tokenizer.ggml.tokens: token %d has %zu bytes (limit %d)", id,
                        text.len, most);
    }
    return SK_OK;
}

// Of two tokens with one text the one that texts may become is found.
static enum sk_code put_tokens(struct vocab *vocab) {
    for (int plain = 1; plain >= 0; plain--) {
        for (int32_t id = 0; id < (int32_t)vocab->len; id++) {
            bool is_plain = vocab_plain(vocab, id) != VOCAB_NONE;
            if (is_plain != plain || vocab_text(vocab, id).len == 0) continue;
            if (!texts_put(&vocab->texts, (uint32_t)id))
                return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: token %d: its place is crowded",
                            id);
        }
    }
    return SK_OK;
}

static enum sk_code put_merges(struct vocab *vocab, const struct gguf *gguf) {
    const struct gguf_key *merges;
    TRY(gguf_array(gguf, "tokenizer.ggml.merges", GGUF_STRING, GGUF_MAY_BE, &merges));
    struct view at = merges ? merges->bytes : (struct view){0};
    for (uint32_t rank = 0; rank < vocab->merges.len; rank++) {
        struct view merge = vocab->merges.at[rank] = gguf_string_next(&at);
        if (merge.len > 2 * VOCAB_PIECE_MAX || !texts_put(&vocab->merges, rank))
            return FAIL(SK_CORRUPT, "key tokenizer.ggml.merges: merge %u: %zu bytes, or crowded",
                        rank, merge.len);
    }
    return SK_OK;
}

// Tokens "<0x41>", and where there is none a text of that one byte.
static enum sk_code fill_bytes(struct vocab *vocab) {
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8], one = (char)byte;
        int len = snprintf(text, sizeof text, "<0x%02X>", byte);
        int32_t id = texts_find(&vocab->texts, (struct view){text, (size_t)len});
        if (id == VOCAB_NONE && vocab->model == VOCAB_SCORED)
            id = vocab_find(vocab, (struct view){&one, 1});
        if (id == VOCAB_NONE && vocab->model == VOCAB_SCORED) id = vocab->unknown;
        if (id == VOCAB_NONE && (vocab->model == VOCAB_SCORED || vocab->byte_fallback))
            return FAIL(SK_CORRUPT,
                        "key tokenizer.ggml.tokens: no token for byte 0x%02X and no unknown token",
                        byte);
        vocab->bytes[byte] = id;
    }
    return SK_OK;
}

static void fill_unknown_score(struct vocab *vocab) {
    const float penalty = 10; // SentencePiece's
    float least = HUGE_VALF;
    for (uint32_t id = 0; id < vocab->len; id++)
        if (vocab->tokens[id].kind == VOCAB_NORMAL && vocab->tokens[id].score < least)
            least = vocab->tokens[id].score;
    vocab->unknown_score = (isfinite(least) ? least : 0) - penalty;
}

enum sk_code vocab_fill(struct vocab *vocab, const struct gguf *gguf) {
    TRY(fill_tokens(vocab, gguf));
    TRY(put_tokens(vocab));
    TRY(put_merges(vocab, gguf));
    fill_unknown_score(vocab);
    TRY(vocab_name(vocab, gguf));
    TRY(vocab_specials(vocab, gguf));
    return fill_bytes(vocab);
}

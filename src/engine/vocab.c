#include "engine/vocab.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

// ---- sizes and settings ----

static uint32_t power_above(uint64_t n) {
    uint32_t power = 2;
    while (power < n) power *= 2;
    return power;
}

static enum sk_code read_pretoken(struct vocab *vocab, const struct gguf *gguf) {
    static const struct {
        const char *name;
        enum pretoken kind;
        bool whole_words, add_bos;
    } kinds[] = {
        {"gpt-2", PRETOKEN_GPT2, false, false},    {"smollm", PRETOKEN_SMOLLM, false, false},
        {"llama-bpe", PRETOKEN_LLAMA3, true, true}, {"qwen2", PRETOKEN_QWEN2, false, false},
    };
    struct view name = VIEW("default");
    TRY(gguf_text(gguf, "tokenizer.ggml.pre", GGUF_MAY_BE, &name));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!view_is(name, kinds[i].name)) continue;
        vocab->pretoken = kinds[i].kind;
        vocab->whole_words = kinds[i].whole_words;
        vocab->add_bos = kinds[i].add_bos;
        return SK_OK;
    }
    return FAIL(SK_UNSUPPORTED,
                "key tokenizer.ggml.pre: \"%.*s\" (this build: gpt-2, smollm, llama-bpe, qwen2)",
                (int)(name.len < 64 ? name.len : 64), name.at);
}

static enum sk_code read_id(const struct vocab *vocab, const struct gguf *gguf, const char *name,
                            int32_t *out) {
    *out = VOCAB_NONE;
    uint32_t id = UINT32_MAX; // as good as absent: converters write it for "none"
    TRY(gguf_u32(gguf, name, GGUF_MAY_BE, &id));
    if (id == UINT32_MAX) return SK_OK;
    if (id >= vocab->len)
        return FAIL(SK_CORRUPT, "key %s: token %u of %u", name, id, vocab->len);
    *out = (int32_t)id;
    return SK_OK;
}

// Merges are counted here and read in vocab_fill.
static enum sk_code read_merges(struct vocab *vocab, const struct gguf *gguf) {
    const struct gguf_key *merges;
    TRY(gguf_array(gguf, "tokenizer.ggml.merges", GGUF_STRING, GGUF_MUST_BE, &merges));
    if (merges->count > VOCAB_MERGES_MAX)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.merges: %llu merges (limit %d)",
                    (unsigned long long)merges->count, VOCAB_MERGES_MAX);
    vocab->merges_len = power_above(2 * merges->count);
    return SK_OK;
}

enum sk_code vocab_read(struct vocab *vocab, const struct gguf *gguf) {
    *vocab = (struct vocab){.add_space = true};
    struct view kind = {0};
    const struct gguf_key *tokens;
    TRY(gguf_text(gguf, "tokenizer.ggml.model", GGUF_MUST_BE, &kind));
    TRY(gguf_array(gguf, "tokenizer.ggml.tokens", GGUF_STRING, GGUF_MUST_BE, &tokens));
    if (tokens->count == 0 || tokens->count > VOCAB_TOKENS_MAX)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: %llu tokens (limit 1..%d)",
                    (unsigned long long)tokens->count, VOCAB_TOKENS_MAX);
    vocab->len = (uint32_t)tokens->count;
    vocab->texts_len = tokens->bytes.len;
    vocab->buckets_len = power_above(2 * (uint64_t)vocab->len);
    vocab->scored = view_is(kind, "llama");
    if (vocab->scored) {
        vocab->add_bos = true;
    } else if (view_is(kind, "gpt2")) {
        TRY(read_pretoken(vocab, gguf));
        TRY(read_merges(vocab, gguf));
    } else {
        return FAIL(SK_UNSUPPORTED, "key tokenizer.ggml.model: \"%.*s\" (this build: llama, gpt2)",
                    (int)(kind.len < 64 ? kind.len : 64), kind.at);
    }
    TRY(gguf_bool(gguf, "tokenizer.ggml.add_bos_token", GGUF_MAY_BE, &vocab->add_bos));
    TRY(gguf_bool(gguf, "tokenizer.ggml.add_eos_token", GGUF_MAY_BE, &vocab->add_eos));
    TRY(gguf_bool(gguf, "tokenizer.ggml.add_space_prefix", GGUF_MAY_BE, &vocab->add_space));
    TRY(read_id(vocab, gguf, "tokenizer.ggml.bos_token_id", &vocab->bos));
    TRY(read_id(vocab, gguf, "tokenizer.ggml.eos_token_id", &vocab->eos));
    TRY(read_id(vocab, gguf, "tokenizer.ggml.unknown_token_id", &vocab->unknown));
    if (vocab->bos == VOCAB_NONE) vocab->add_bos = false;
    if (vocab->eos == VOCAB_NONE) vocab->add_eos = false;
    return SK_OK;
}

void vocab_lay(struct vocab *vocab, struct lay *lay) {
    vocab->tokens = lay_take(lay, vocab->len, sizeof *vocab->tokens);
    vocab->buckets = lay_take(lay, vocab->buckets_len, sizeof *vocab->buckets);
    vocab->merges = lay_take(lay, vocab->merges_len, sizeof *vocab->merges);
    vocab->texts = lay_take(lay, vocab->texts_len, 1);
}

// ---- finding ----

static uint64_t mix(uint64_t x) { // splitmix64's finalizer
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint32_t bucket_of(const struct vocab *vocab, struct view text) {
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (size_t i = 0; i < text.len; i++) hash = (hash ^ (uint8_t)text.at[i]) * 0x100000001b3u;
    return (uint32_t)(mix(hash) & (vocab->buckets_len - 1));
}

int32_t vocab_find(const struct vocab *vocab, struct view text) {
    if (text.len == 0 || text.len > vocab->longest) return VOCAB_NONE;
    int32_t id = vocab->buckets[bucket_of(vocab, text)];
    while (id != VOCAB_NONE && !view_same(vocab_text(vocab, id), text)) id = vocab->tokens[id].next;
    return id;
}

int32_t vocab_control(const struct vocab *vocab, struct view text) {
    if (text.len == 0) return VOCAB_NONE;
    int32_t id = vocab->specials[(uint8_t)text.at[0]];
    while (id != VOCAB_NONE && (vocab->tokens[id].kind != VOCAB_CONTROL ||
                                !view_same(vocab_text(vocab, id), text)))
        id = vocab->tokens[id].next;
    return id;
}

// Where the merge of two tokens is, or the empty place where it would be; NULL when that is too far
// (half of the places are empty, so only a crafted file gets there).
static struct vocab_merge *merge_place(const struct vocab *vocab, int32_t left, int32_t right) {
    uint64_t at = mix((uint64_t)left << 32 | (uint32_t)right);
    for (uint32_t i = 0; i < VOCAB_PROBES_MAX; i++, at++) {
        struct vocab_merge *merge = &vocab->merges[at & (vocab->merges_len - 1)];
        if (merge->left == VOCAB_NONE || (merge->left == left && merge->right == right))
            return merge;
    }
    return NULL;
}

const struct vocab_merge *vocab_merge(const struct vocab *vocab, int32_t left, int32_t right) {
    const struct vocab_merge *merge = merge_place(vocab, left, right);
    return merge && merge->left != VOCAB_NONE ? merge : NULL;
}

// ---- filling ----

// gpt2 writes byte b as a printable character: itself when it is one of Latin-1's visible ones,
// else U+0100 + its number among the others. Returns the byte, or -1.
static int byte_of_character(uint32_t codepoint) {
    uint32_t others = 0;
    for (uint32_t b = 0; b < 256; b++) {
        bool visible = (b >= '!' && b <= '~') || (b >= 0xa1 && b != 0xad);
        if (codepoint == (visible ? b : 256 + others++)) return (int)b;
    }
    return -1;
}

// The bytes a gpt2 text stands for, written at `out`; false when it has another character.
static bool decode_text(const int16_t bytes[512], struct view text, char *out, uint32_t *len) {
    *len = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t codepoint;
        size_t n = utf8_take(view_from(text, i), &codepoint);
        if (n == 0 || codepoint >= 512 || bytes[codepoint] < 0) return false;
        out[(*len)++] = (char)bytes[codepoint];
        i += n;
    }
    return true;
}

// "<0x41>" to 0x41, or -1.
static int byte_token(struct view text) {
    int value = 0;
    if (text.len != 6 || memcmp(text.at, "<0x", 3) != 0 || text.at[5] != '>') return -1;
    for (int i = 3; i < 5; i++) {
        char c = text.at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

// Specials of one first byte, longest first, so that the first match is the longest.
static void link_special(struct vocab *vocab, int32_t id) {
    struct vocab_token *token = &vocab->tokens[id];
    int32_t *at = &vocab->specials[(uint8_t)token->at[0]];
    while (*at != VOCAB_NONE && vocab->tokens[*at].len >= token->len) at = &vocab->tokens[*at].next;
    token->next = *at;
    *at = id;
}

static enum sk_code link_text(struct vocab *vocab, int32_t id) {
    struct view text = vocab_text(vocab, id);
    int32_t *at = &vocab->buckets[bucket_of(vocab, text)];
    uint32_t chain = 0;
    while (*at != VOCAB_NONE && !view_same(vocab_text(vocab, *at), text)) {
        if (++chain > VOCAB_CHAIN_MAX)
            return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: token %d: its hash is crowded", id);
        at = &vocab->tokens[*at].next;
    }
    if (*at != VOCAB_NONE) return SK_OK; // of two with one text the first is found
    *at = id;
    if (text.len > vocab->longest) vocab->longest = (uint32_t)text.len;
    return SK_OK;
}

// Makes a token findable. Specials are cut out of text by their bytes, so they must be characters.
static enum sk_code link_token(struct vocab *vocab, int32_t id, uint32_t *specials) {
    struct vocab_token *token = &vocab->tokens[id];
    token->next = VOCAB_NONE;
    if (token->len == 0) return SK_OK;
    if (token->kind == VOCAB_NORMAL) return link_text(vocab, id);
    if (token->kind != VOCAB_CONTROL && token->kind != VOCAB_USER) return SK_OK;
    if (!utf8_check(vocab_text(vocab, id)))
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: special token %d is not UTF-8", id);
    if (++*specials > VOCAB_SPECIALS_MAX)
        return FAIL(SK_UNSUPPORTED, "key tokenizer.ggml.token_type: over %d special tokens",
                    VOCAB_SPECIALS_MAX);
    link_special(vocab, id);
    return SK_OK;
}

// The text of one token as the engine keeps it: what it stands for. Bytes made here go to
// vocab->texts from *used on (never more than the file's own text).
static enum sk_code read_text(struct vocab *vocab, const int16_t bytes[512], int32_t id,
                              struct view text, size_t *used) {
    struct vocab_token *token = &vocab->tokens[id];
    if (text.len > VOCAB_PIECE_MAX)
        return FAIL(SK_UNSUPPORTED, "key tokenizer.ggml.tokens: token %d has %zu bytes (limit %d)",
                    id, text.len, VOCAB_PIECE_MAX);
    token->at = text.at;
    token->len = (uint32_t)text.len;
    if (token->kind != VOCAB_BYTE && (vocab->scored || token->kind != VOCAB_NORMAL)) return SK_OK;
    char *made = vocab->texts + *used;
    token->at = made;
    if (token->kind == VOCAB_BYTE) {
        int byte = byte_token(text);
        if (byte < 0)
            return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: token %d is no byte as <0x0A>", id);
        token->len = 1;
        *made = (char)byte;
    } else if (!decode_text(bytes, text, made, &token->len)) {
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: token %d is not byte-level BPE", id);
    }
    if (token->len == 1) vocab->bytes[(uint8_t)*made] = id;
    *used += token->len;
    return SK_OK;
}

// Types (absent: all normal) and, for "llama", scores.
static enum sk_code read_token(struct vocab *vocab, const struct gguf_key *kinds,
                               const struct gguf_key *scores, int32_t id) {
    int32_t kind = VOCAB_NORMAL;
    float score = 0;
    if (kinds) memcpy(&kind, kinds->bytes.at + (size_t)id * 4, sizeof kind);
    if (kind < VOCAB_NORMAL || kind > VOCAB_BYTE)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.token_type: token %d has type %d", id, kind);
    if (scores) memcpy(&score, scores->bytes.at + (size_t)id * 4, sizeof score);
    if (!isfinite(score))
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.scores: token %d is not finite", id);
    vocab->tokens[id].kind = (enum vocab_kind)kind;
    vocab->tokens[id].score = score;
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
    const struct gguf_key *tokens, *kinds, *scores;
    TRY(gguf_array(gguf, "tokenizer.ggml.tokens", GGUF_STRING, GGUF_MUST_BE, &tokens));
    TRY(read_table(vocab, gguf, "tokenizer.ggml.token_type", GGUF_I32, GGUF_MAY_BE, &kinds));
    TRY(read_table(vocab, gguf, "tokenizer.ggml.scores", GGUF_F32,
                   vocab->scored ? GGUF_MUST_BE : GGUF_MAY_BE, &scores));
    int16_t bytes[512];
    for (uint32_t i = 0; i < 512; i++) bytes[i] = (int16_t)byte_of_character(i);
    struct view at = tokens->bytes;
    size_t used = 0;
    uint32_t specials = 0;
    for (int32_t id = 0; id < (int32_t)vocab->len; id++) {
        TRY(read_token(vocab, kinds, scores, id));
        TRY(read_text(vocab, bytes, id, gguf_string_next(&at), &used));
        TRY(link_token(vocab, id, &specials));
    }
    return SK_OK;
}

// Any byte must have a token, or no text could be sure to have one.
static enum sk_code check_bytes(const struct vocab *vocab) {
    for (int byte = 0; byte < 256; byte++) {
        if (vocab->bytes[byte] != VOCAB_NONE || (vocab->scored && vocab->unknown != VOCAB_NONE))
            continue;
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.tokens: no token for byte 0x%02X%s",
                    (unsigned)byte, vocab->scored ? " and no unknown token" : "");
    }
    return SK_OK;
}

// "left right", each as gpt2 writes bytes, to tokens.
static enum sk_code fill_merge(struct vocab *vocab, const int16_t bytes[512], struct view text,
                               uint32_t rank) {
    char joined[2 * VOCAB_PIECE_MAX];
    uint32_t left = 0, right = 0;
    size_t space = 1;
    while (space < text.len && text.at[space] != ' ') space++;
    int32_t from = VOCAB_NONE, with = VOCAB_NONE, to = VOCAB_NONE;
    if (text.len <= VOCAB_PIECE_MAX && space < text.len &&
        decode_text(bytes, (struct view){text.at, space}, joined, &left) &&
        decode_text(bytes, view_from(text, space + 1), joined + left, &right)) {
        from = vocab_find(vocab, (struct view){joined, left});
        with = vocab_find(vocab, (struct view){joined + left, right});
        to = vocab_find(vocab, (struct view){joined, left + right});
    }
    if (from == VOCAB_NONE || with == VOCAB_NONE || to == VOCAB_NONE)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.merges: merge %u is not of three tokens", rank);
    struct vocab_merge *merge = merge_place(vocab, from, with);
    if (!merge)
        return FAIL(SK_CORRUPT, "key tokenizer.ggml.merges: merge %u: its hash is crowded", rank);
    if (merge->left == VOCAB_NONE) *merge = (struct vocab_merge){from, with, to, rank};
    return SK_OK;
}

static enum sk_code fill_merges(struct vocab *vocab, const struct gguf *gguf) {
    const struct gguf_key *merges;
    TRY(gguf_array(gguf, "tokenizer.ggml.merges", GGUF_STRING, GGUF_MUST_BE, &merges));
    for (uint32_t i = 0; i < vocab->merges_len; i++) vocab->merges[i].left = VOCAB_NONE;
    int16_t bytes[512];
    for (uint32_t i = 0; i < 512; i++) bytes[i] = (int16_t)byte_of_character(i);
    struct view at = merges->bytes;
    for (uint32_t rank = 0; rank < merges->count; rank++)
        TRY(fill_merge(vocab, bytes, gguf_string_next(&at), rank));
    return SK_OK;
}

// Where generation stops: what the file names, and control tokens known to end a turn.
static enum sk_code fill_ends(struct vocab *vocab, const struct gguf *gguf) {
    static const char *const names[] = {"</s>",     "<|im_end|>",      "<|eot_id|>",
                                        "<|end|>",  "<|end_of_text|>", "<|endoftext|>"};
    int32_t turn;
    TRY(read_id(vocab, gguf, "tokenizer.ggml.eot_token_id", &turn));
    if (turn != VOCAB_NONE) vocab->tokens[turn].end = true;
    if (vocab->eos != VOCAB_NONE) vocab->tokens[vocab->eos].end = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t id = vocab_control(vocab, view_of(names[i]));
        if (id != VOCAB_NONE) vocab->tokens[id].end = true;
    }
    return SK_OK;
}

enum sk_code vocab_fill(struct vocab *vocab, const struct gguf *gguf) {
    for (uint32_t i = 0; i < vocab->buckets_len; i++) vocab->buckets[i] = VOCAB_NONE;
    for (size_t i = 0; i < 256; i++) vocab->specials[i] = vocab->bytes[i] = VOCAB_NONE;
    TRY(fill_tokens(vocab, gguf));
    TRY(check_bytes(vocab));
    if (!vocab->scored) TRY(fill_merges(vocab, gguf));
    return fill_ends(vocab, gguf);
}

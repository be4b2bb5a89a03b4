// Makes GGUF files that hold a small vocabulary of any model and nothing else, for the tests of
// tokenizers: a given one, or a random one of pieces grown out of real words by random merges, with
// specials that overlap and for "t5" a precompiled_charsmap. The same seed gives the same file.
#pragma once
#include "gguf_make.h"

enum vocab_model_make { MAKE_LLAMA, MAKE_T5, MAKE_BERT, MAKE_GPT2, MAKE_GEMMA4, MAKE_MODELS };

enum { GROWN_MAX = 1600, GROWN_LEN_MAX = 48 };

struct grown {
    char text[GROWN_LEN_MAX + 1];
    int32_t kind;
    float score;
};

struct vocab_make {
    enum vocab_model_make model;
    const char *pre; // of gpt2; NULL: none
    uint64_t seed;
    bool raw; // no user-defined and no unknown merges: what comes out is what went in
    const struct grown *given; // a vocabulary instead of a random one, with these settings
    uint32_t given_len;
    bool add_space, merge_spaces, charsmap, cased;
    bool circle; // the charsmap leads in circles
    struct make make;
    struct grown tokens[GROWN_MAX];
    char merges[GROWN_MAX][2 * GROWN_LEN_MAX + 2];
    uint32_t len, merges_len;
};

static const char *const grown_pool[] = {
    "the theory of Hello hello HELLO world's worlds don't I'm You've they'll it'll",
    "int main(void) { return 0; } for (i = 0; i < n; i++) == != a->b[c] += x; // -----",
    "東京都の日本語はこんにちは世界です。ます、「トークン」を数える株式会社ー々〆",
    "吾輩は猫である 令和7年 三〇〇円 ガギグ ｶﾞﾊﾝｶｸ ①② ㈱ 한국어 가나다 中文字符",
    "123 1234 12345 000 3.14 2026-11-22 1,000,000 0x1F １２３ ²³ Ⅷ",
    "résumé naïve Straße é è ö ñ Ελληνικά Русский हिन्दी ไทย العربية עברית Việt",
    "😀 👍🏽 👩‍👩‍👧 🇯🇵 ❤️ \t\t \n\n \r\n   {  }  \t x   y    z        !",
    "... !!! ??? --- === *** ((( ))) [[ ]] {{ }} <s> </s> https://a.example/b?c=d&e=%20#f",
};
enum { GROWN_POOL = sizeof grown_pool / sizeof *grown_pool };

static inline int32_t grown_find(const struct vocab_make *v, const char *text) {
    for (uint32_t i = 0; i < v->len; i++)
        if (strcmp(v->tokens[i].text, text) == 0) return (int32_t)i;
    return -1;
}

static inline void grown_add(struct vocab_make *v, const char *text, int32_t kind) {
    if (!text[0] || strlen(text) > GROWN_LEN_MAX || grown_find(v, text) >= 0) return;
    must(v->len < GROWN_MAX);
    memcpy(v->tokens[v->len].text, text, strlen(text) + 1);
    v->tokens[v->len].score = -(float)(make_chance(&v->make) % 100000) / 8192;
    v->tokens[v->len++].kind = kind;
}

// A text as the tokens of this model have it.
static inline void grown_form(const struct vocab_make *v, const char *text, char *out) {
    size_t len = 0;
    bool begin = v->model != MAKE_GPT2;
    for (; *text; text++) {
        char as[8] = {*text, 0};
        if (v->model == MAKE_GPT2) make_byte_text((uint8_t)*text, as);
        if (v->model != MAKE_GPT2 && *text == ' ') as[0] = 0;
        if (v->model == MAKE_BERT && *text >= 'A' && *text <= 'Z') as[0] += 'a' - 'A';
        if (begin || as[0] == 0) memcpy(out + len, "\xe2\x96\x81", 3), len += 3;
        begin = false;
        memcpy(out + len, as, strlen(as));
        len += strlen(as);
    }
    out[len] = 0;
}

static inline size_t grown_char(const char *at) {
    uint32_t codepoint;
    size_t len = utf8_take(view_of(at), &codepoint);
    return len ? len : 1;
}

// The longest token that text begins with, or its first character.
static inline size_t grown_longest(const struct vocab_make *v, const char *text) {
    size_t longest = *text ? grown_char(text) : 0;
    for (uint32_t i = 0; i < v->len; i++) {
        size_t len = strlen(v->tokens[i].text);
        if (v->tokens[i].kind == 1 && len > longest && strncmp(text, v->tokens[i].text, len) == 0)
            longest = len;
    }
    return longest;
}

static inline void grown_chars(struct vocab_make *v) {
    char text[2048], one[8];
    for (int i = 0; i < GROWN_POOL; i++) {
        grown_form(v, grown_pool[i], text);
        for (size_t at = 0, len; text[at]; at += len) {
            len = grown_char(text + at);
            memcpy(one, text + at, len);
            one[len] = 0;
            if (make_chance(&v->make) % 8) grown_add(v, one, 1);
        }
    }
}

// One more token out of two that stand side by side somewhere, and the merge of them.
static inline void grown_merge(struct vocab_make *v) {
    char text[2048], joined[GROWN_LEN_MAX + 1];
    grown_form(v, grown_pool[make_chance(&v->make) % GROWN_POOL], text);
    size_t at = 0, from = make_chance(&v->make) % strlen(text);
    while (at < from) at += grown_char(text + at);
    size_t left = grown_longest(v, text + at), right = grown_longest(v, text + at + left);
    if (left == 0 || right == 0 || left + right > GROWN_LEN_MAX) return;
    memcpy(joined, text + at, left + right);
    joined[left + right] = 0;
    if (grown_find(v, joined) >= 0) return;
    bool alone = !v->raw && make_chance(&v->make) % 20 == 0; // a merge without a token
    if (!alone) grown_add(v, joined, 1);
    snprintf(v->merges[v->merges_len++], sizeof v->merges[0], "%.*s %.*s", (int)left, text + at,
             (int)right, text + at + left);
}

static inline void grown_specials(struct vocab_make *v) {
    static const char *const controls[] = {"<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im",
                                           "[INST]", "<mask>"};
    static const char *const users[] = {"<tool>",   "<tool>x", "  ", "    ", "\n\n", "éè",
                                        "日本", "日本語", "Hel",  "ello",   "<|im_s"};
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) grown_add(v, controls[i], 3);
    for (size_t i = 0; !v->raw && i < sizeof users / sizeof *users; i++)
        if (make_chance(&v->make) % 4) grown_add(v, users[i], 4);
}

static inline void grown_bytes(struct vocab_make *v) {
    for (unsigned i = 0; i < 256; i++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", i);
        grown_add(v, text, 6);
    }
}

static inline void grown_tokens(struct vocab_make *v) {
    static const char *const first[MAKE_MODELS][5] = {
        [MAKE_LLAMA] = {"<unk>", "<s>", "</s>"},
        [MAKE_T5] = {"<pad>", "</s>", "<unk>", "<s>"},
        [MAKE_BERT] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"},
        [MAKE_GPT2] = {"<|endoftext|>"},
        [MAKE_GEMMA4] = {"<pad>", "<eos>", "<bos>", "<unk>"},
    };
    char text[8];
    for (int i = 0; i < 5 && first[v->model][i]; i++)
        grown_add(v, first[v->model][i], strcmp(first[v->model][i], "<unk>") == 0 ? 2 : 3);
    if (v->model == MAKE_LLAMA || v->model == MAKE_GEMMA4) grown_bytes(v);
    for (uint32_t byte = 0; v->model == MAKE_GPT2 && byte < 256; byte++) {
        make_byte_text(byte, text);
        grown_add(v, text, 1);
    }
    grown_specials(v);
    grown_chars(v);
    while (v->merges_len < 500) grown_merge(v);
}

// ---- precompiled_charsmap: an XOR-compressed double array, then the replacements ----

enum { XCDA_UNITS = 4096, XCDA_TEXTS = 512 };

struct xcda {
    uint32_t units[XCDA_UNITS];
    bool used[XCDA_UNITS];
    char texts[XCDA_TEXTS];
    uint32_t texts_len;
};

static const char *const xcda_map[][2] = { // sorted by bytes
    {"\t", " "},       {"\n", " "},        {"\r\n", " "},      {"e\u0301", "é"},
    {"\u00a0", " "},   {"²", "2"},         {"é", "e"},         {"\u200b", ""},
    {"…", "..."},      {"①", "1"},         {"\u3000", " "},    {"㈱", "(株)"},
    {"ﬁ", "fi"},       {"Ａ", "A"},        {"１２", "12"},     {"ｶ", "カ"},
    {"ｶﾞ", "ガ"},
};
enum { XCDA_KEYS = sizeof xcda_map / sizeof *xcda_map };

// Lays the keys first .. last, alike in their first `depth` bytes, under the unit `node`.
static inline void xcda_lay(struct xcda *x, uint32_t node, int first, int last, size_t depth) {
    uint8_t labels[XCDA_KEYS];
    int starts[XCDA_KEYS + 1], len = 0;
    for (int i = first; i <= last; i++) {
        uint8_t label = (uint8_t)xcda_map[i][0][depth];
        if (len && labels[len - 1] == label) continue;
        starts[len] = i;
        labels[len++] = label;
    }
    starts[len] = last + 1;
    uint32_t base = 0;
    for (bool free = false; !free;) {
        free = ++base < XCDA_UNITS - 256;
        must(free);
        for (int i = 0; i < len; i++)
            if (x->used[node ^ base ^ labels[i]]) free = false;
    }
    x->units[node] |= base << 10 | (labels[0] == 0 ? 1u << 8 : 0);
    for (int i = 0; i < len; i++) {
        uint32_t child = node ^ base ^ labels[i];
        x->used[child] = true;
        x->units[child] = labels[i];
        if (labels[i]) continue;
        const char *text = xcda_map[starts[i]][1];
        x->units[child] = x->texts_len | 1u << 31;
        memcpy(x->texts + x->texts_len, text, strlen(text) + 1);
        x->texts_len += (uint32_t)strlen(text) + 1;
    }
    for (int i = 0; i < len; i++)
        if (labels[i])
            xcda_lay(x, node ^ base ^ labels[i], starts[i], starts[i + 1] - 1, depth + 1);
}

static inline void make_charsmap(struct make *m, bool circle) {
    static struct xcda x;
    x = (struct xcda){.used = {true}};
    xcda_lay(&x, 0, 0, XCDA_KEYS - 1, 0);
    if (circle) memset(x.units, 0, sizeof x.units);
    if (circle) x.units['a'] = 'a' << 10 | 'a';
    uint32_t len = XCDA_UNITS * 4;
    if (!make_array(m, "tokenizer.ggml.precompiled_charsmap", 0, 4 + len + x.texts_len)) return;
    wire_put_u32(&m->keys, len);
    for (size_t i = 0; i < XCDA_UNITS; i++) wire_put_u32(&m->keys, x.units[i]);
    buf_put(&m->keys, x.texts, x.texts_len);
}

// ---- the file ----

static inline void grown_ids(struct vocab_make *v) {
    static const struct {
        uint32_t bos, eos, unknown; // UINT32_MAX: no key
        const char *eos_key;
    } ids[MAKE_MODELS] = {
        [MAKE_LLAMA] = {1, 2, 0, "tokenizer.ggml.eos_token_id"},
        [MAKE_T5] = {UINT32_MAX, 1, 2, "tokenizer.ggml.eos_token_id"},
        [MAKE_BERT] = {2, 3, 1, "tokenizer.ggml.seperator_token_id"},
        [MAKE_GPT2] = {0, 0, UINT32_MAX, "tokenizer.ggml.eos_token_id"},
        [MAKE_GEMMA4] = {2, 1, UINT32_MAX, "tokenizer.ggml.eos_token_id"},
    };
    struct make *m = &v->make;
    if (ids[v->model].bos != UINT32_MAX)
        make_u32(m, "tokenizer.ggml.bos_token_id", ids[v->model].bos);
    make_u32(m, ids[v->model].eos_key, ids[v->model].eos);
    if (ids[v->model].unknown != UINT32_MAX)
        make_u32(m, "tokenizer.ggml.unknown_token_id", ids[v->model].unknown);
    if (v->pre) make_text(m, "tokenizer.ggml.pre", v->pre);
}

static inline void grown_settings(struct vocab_make *v) {
    struct make *m = &v->make;
    bool given = v->given;
    bool spaced = v->model == MAKE_LLAMA || v->model == MAKE_T5;
    if (given || (spaced && make_chance(m) % 3))
        make_bool(m, "tokenizer.ggml.add_space_prefix", given ? v->add_space : make_chance(m) % 2);
    if (v->model == MAKE_T5) {
        make_bool(m, "tokenizer.ggml.remove_extra_whitespaces",
                  given ? v->merge_spaces : make_chance(m) % 2);
        if (given ? v->charsmap : make_chance(m) % 4) make_charsmap(m, v->circle);
    }
    if (v->model == MAKE_BERT && (given ? v->cased : make_chance(m) % 3 == 0))
        make_bool(m, "tokenizer.ggml.normalizer.lowercase", false);
    if (v->model == MAKE_BERT && !given && make_chance(m) % 3 == 0)
        make_bool(m, "tokenizer.ggml.normalizer.strip_accents", false);
}

// Builds the file; the view lives until make_free(&v->make).
static inline struct view vocab_make_file(struct vocab_make *v) {
    static const char *const models[] = {"llama", "t5", "bert", "gpt2", "gemma4"};
    struct make *m = &v->make;
    struct buf *parts[] = {&m->keys, &m->infos, &m->data, &m->file};
    for (size_t i = 0; i < 4; i++) must(buf_open(parts[i], MAKE_BYTES_MAX) == SK_OK);
    m->chance = v->seed;
    v->merges_len = 0;
    m->keys_len = 0;
    if (v->given) memcpy(v->tokens, v->given, v->given_len * sizeof *v->given);
    v->len = v->given_len;
    if (!v->given) grown_tokens(v);
    make_text(m, "general.architecture", v->model == MAKE_BERT ? "bert" : "llama");
    make_text(m, "tokenizer.ggml.model", models[v->model]);
    if (make_array(m, "tokenizer.ggml.tokens", 8, v->len))
        for (uint32_t i = 0; i < v->len; i++) make_string(&m->keys, view_of(v->tokens[i].text));
    if (make_array(m, "tokenizer.ggml.token_type", 5, v->len))
        for (uint32_t i = 0; i < v->len; i++) wire_put_u32(&m->keys, (uint32_t)v->tokens[i].kind);
    if (make_array(m, "tokenizer.ggml.scores", 6, v->len))
        for (uint32_t i = 0; i < v->len; i++)
            wire_put_f32(&m->keys, v->tokens[i].score);
    if (make_array(m, "tokenizer.ggml.merges", 8, v->merges_len))
        for (uint32_t i = 0; i < v->merges_len; i++)
            make_string(&m->keys, view_of(v->merges[i]));
    grown_ids(v);
    grown_settings(v);
    wire_put_u32(&m->file, 0x46554747);
    wire_put_u32(&m->file, 3);
    wire_put_u64(&m->file, 0);
    wire_put_u64(&m->file, m->keys_len);
    buf_put_view(&m->file, buf_view(&m->keys));
    while (m->file.len % 32) buf_put_char(&m->file, 0);
    must(!m->file.over && !m->keys.over);
    return buf_view(&m->file);
}

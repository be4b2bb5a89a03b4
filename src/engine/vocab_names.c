// What tokens are by their text: facts that GGUF files do not state and llama.cpp's loader knows.
#include <ctype.h>
#include <string.h>

#include "engine/vocab.h"

static int32_t id_of(const struct vocab *vocab, const char *text) {
    return texts_find(&vocab->texts, view_of(text));
}

// Tokens for filling in the middle: named by a key, or else the first of these texts.
static const struct fim {
    const char *keys[2];
    bool end;
    const char *texts[9];
} fims[] = {
    {{"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"},
     false,
     {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<\uff5cfim\u2581begin\uff5c>", "<PRE>",
      "\u2581<PRE>", "<|code_prefix|>", "<|prefix|>"}},
    {{"tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"},
     false,
     {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<\uff5cfim\u2581hole\uff5c>", "<SUF>",
      "\u2581<SUF>", "<|code_suffix|>", "<|suffix|>"}},
    {{"tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"},
     false,
     {"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<\uff5cfim\u2581end\uff5c>", "<MID>",
      "\u2581<MID>", "<|code_middle|>", "<|middle|>"}},
    {{"tokenizer.ggml.fim_pad_token_id"},
     true,
     {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}},
    {{"tokenizer.ggml.fim_rep_token_id"},
     true,
     {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}},
    {{"tokenizer.ggml.fim_sep_token_id"}, true, {"<|file_sep|>"}},
};

static enum sk_code name_fim(struct vocab *vocab, const struct gguf *gguf, const struct fim *fim) {
    int32_t id = VOCAB_NONE;
    for (size_t i = 0; i < 2 && fim->keys[i]; i++)
        if (id == VOCAB_NONE) TRY(vocab_read_id(vocab, gguf, fim->keys[i], &id));
    bool named = id != VOCAB_NONE;
    for (size_t i = 0; id == VOCAB_NONE && fim->texts[i]; i++) id = id_of(vocab, fim->texts[i]);
    if (id == VOCAB_NONE) return SK_OK;
    if (!named) vocab->tokens[id].kind = VOCAB_CONTROL;
    if (fim->end) vocab->tokens[id].end = true;
    return SK_OK;
}

static bool ends(const struct vocab *vocab, const char *text) {
    int32_t id = id_of(vocab, text);
    return id != VOCAB_NONE && vocab->tokens[id].end;
}

static void no_end(struct vocab *vocab, const char *text, enum vocab_kind kind) {
    int32_t id = id_of(vocab, text);
    if (id == VOCAB_NONE || !vocab->tokens[id].end) return;
    vocab->tokens[id].end = false;
    vocab->tokens[id].kind = kind;
}

enum sk_code vocab_name(struct vocab *vocab, const struct gguf *gguf) {
    static const char *const enders[] = {
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
        "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
        "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<\uff5cend\u2581of\u2581sentence\uff5c>", "[e~["};
    static const char *const frames[] = {"<|channel|>", "<|message|>", "<|start|>",
                                         "<|constrain|>"};
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    for (size_t i = 0; i < sizeof fims / sizeof *fims; i++) TRY(name_fim(vocab, gguf, &fims[i]));
    for (size_t i = 0; i < sizeof enders / sizeof *enders; i++) {
        int32_t id = id_of(vocab, enders[i]);
        if (id == VOCAB_NONE) continue;
        vocab->tokens[id].kind = VOCAB_CONTROL;
        vocab->tokens[id].end = true;
    }
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        int32_t id = id_of(vocab, frames[i]);
        if (id != VOCAB_NONE) vocab->tokens[id].kind = VOCAB_USER;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int32_t id;
        TRY(vocab_read_id(vocab, gguf, keys[i], &id));
        if (id != VOCAB_NONE) vocab->tokens[id].end = true;
    }
    if (vocab->eos != VOCAB_NONE) vocab->tokens[vocab->eos].end = true;
    // In these formats the shorter marker is only part of an answer.
    bool calls = ends(vocab, "<|call|>") || ends(vocab, "<|calls|>");
    if (calls && (ends(vocab, "<|return|>") || ends(vocab, "<|flush|>")))
        no_end(vocab, "<|end|>", VOCAB_USER);
    if (ends(vocab, "<|tool_response>")) no_end(vocab, "</s>", VOCAB_NORMAL);
    return SK_OK;
}

// ---- white space beside special tokens ----

static bool has(struct view text, const char *part) {
    return text.len && memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static bool has_any(struct view text, const char *const parts[], size_t len) {
    for (size_t i = 0; i < len; i++)
        if (has(text, parts[i])) return true;
    return false;
}

static bool is_one(struct view text, const char *const texts[], size_t len) {
    for (size_t i = 0; i < len; i++)
        if (view_is(text, texts[i])) return true;
    return false;
}

struct strips {
    bool before_mask, before_mask_in_brackets, after_all;
};

static enum sk_code read_strips(const struct gguf *gguf, struct strips *strips) {
    static const char *const masked[] = {"jina-v2-de", "jina-v2-es", "jina-v2-code"};
    static const char *const families[] = {"nomic-bert-moe", "jina-bert-v3"};
    static const char *const phi3[] = {"phi-3", "phi3"};
    struct view pre = {"", 0}, family = {"", 0}, name = {"", 0};
    TRY(gguf_text(gguf, "tokenizer.ggml.pre", GGUF_MAY_BE, &pre));
    TRY(gguf_text(gguf, "general.architecture", GGUF_MAY_BE, &family));
    TRY(gguf_text(gguf, "general.name", GGUF_MAY_BE, &name));
    char small[256];
    size_t len = name.len < sizeof small ? name.len : sizeof small;
    for (size_t i = 0; i < len; i++) small[i] = (char)tolower((unsigned char)name.at[i]);
    name = (struct view){small, len};
    if (has_any(pre, masked, 3) || has_any(family, families, 2))
        strips->before_mask = true;
    else if (has_any(name, phi3, 2))
        strips->after_all = true;
    else if (has(name, "modern-bert"))
        strips->before_mask_in_brackets = true;
    return SK_OK;
}

// Whether formats of conversations spell their markers so. Many files call them user-defined, and
// as such any text could become one.
static bool is_marker(struct view text) {
    static const struct view forms[][2] = {{{"<|", 2}, {"|>", 2}},
                                           {{"<\uff5c", 4}, {"\uff5c>", 4}},
                                           {{"<start_of_turn>", 15}, {"", 0}},
                                           {{"[INST]", 6}, {"", 0}},
                                           {{"[/INST]", 7}, {"", 0}}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t least = forms[i][0].len + forms[i][1].len;
        if (text.len >= least && view_starts(text, forms[i][0]) &&
            view_starts(view_from(text, text.len - forms[i][1].len), forms[i][1]))
            return true;
    }
    return false;
}

enum sk_code vocab_specials(struct vocab *vocab, const struct gguf *gguf) {
    static const char *const keeps_after[] = {"<unk>", "<s>", "<|endoftext|>"};
    struct strips strips = {0};
    TRY(read_strips(gguf, &strips));
    for (int32_t id = 0; id < (int32_t)vocab->len; id++) {
        enum vocab_kind kind = vocab->tokens[id].kind;
        struct view text = vocab_text(vocab, id);
        if (kind != VOCAB_CONTROL && kind != VOCAB_UNKNOWN && kind != VOCAB_USER) continue;
        if (text.len == 0) continue;
        if (text.len > SPECIALS_LEN_MAX || vocab->specials.len == vocab->specials.max)
            return FAIL(SK_UNSUPPORTED,
                        "key tokenizer.ggml.tokens: special token %d: over %d bytes, or over %u",
                        id, SPECIALS_LEN_MAX, vocab->specials.max);
        struct special special = {
            .text = text,
            .id = id,
            .control = kind != VOCAB_USER,
            .marker = is_marker(text),
            .strip_before = (strips.before_mask && view_is(text, "<mask>")) ||
                            (strips.before_mask_in_brackets && view_is(text, "[MASK]")),
            .strip_after = strips.after_all && !is_one(text, keeps_after, 3)};
        specials_add(&vocab->specials, special);
        if (vocab->model == VOCAB_UNIGRAM && kind == VOCAB_USER)
            specials_add(&vocab->users, special);
    }
    specials_end(&vocab->specials);
    specials_end(&vocab->users);
    return SK_OK;
}

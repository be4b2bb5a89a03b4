#include "engine/tokenize.h"

#include <string.h>

#include "base/utf8.h"

static const char space_mark[] = "\xe2\x96\x81"; // U+2581, SentencePiece's space
enum { SPACE_MARK_LEN = 3 };

void tokenizer_lay(struct tokenizer *tokenizer, struct lay *lay, size_t text_max) {
    tokenizer->text_max = text_max;
    merge_lay(&tokenizer->merge, lay, (uint32_t)text_max + 1); // a character each, and the prefix
    tokenizer->escaped = lay_take(lay, text_max + 1, SPACE_MARK_LEN);
}

// ---- "llama": SentencePiece BPE ----

static bool pair_by_text(const void *with, struct view word, const struct merge_node *left,
                         const struct merge_node *right, int32_t *joined, float *score) {
    const struct vocab *vocab = with;
    *joined = vocab_find(vocab, (struct view){word.at + left->start, left->len + right->len});
    if (*joined == VOCAB_NONE) return false;
    *score = vocab->tokens[*joined].score;
    return true;
}

static struct view escape(struct tokenizer *tokenizer, struct view text, bool first) {
    struct buf out = buf_over(tokenizer->escaped, (tokenizer->text_max + 1) * SPACE_MARK_LEN);
    if (first && tokenizer->vocab->add_space) buf_put(&out, space_mark, SPACE_MARK_LEN);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ' ')
            buf_put(&out, space_mark, SPACE_MARK_LEN);
        else
            buf_put_char(&out, text.at[i]);
    }
    must(!out.over);
    return buf_view(&out);
}

static void put_bytes(const struct vocab *vocab, struct view text, struct ids *out) {
    for (size_t i = 0; i < text.len; i++) {
        int32_t id = vocab->bytes[(uint8_t)text.at[i]];
        ids_put(out, id == VOCAB_NONE ? vocab->unknown : id);
        if (id == VOCAB_NONE) return; // one unknown token for the whole piece
    }
}

static void tokenize_scored(struct tokenizer *tokenizer, struct view text, bool first,
                            struct ids *out) {
    const struct vocab *vocab = tokenizer->vocab;
    struct merge *merge = &tokenizer->merge;
    struct view word = escape(tokenizer, text, first);
    merge_begin(merge);
    for (size_t i = 0; i < word.len;) {
        uint32_t codepoint;
        size_t n = utf8_take(view_from(word, i), &codepoint);
        must(n > 0);
        int32_t id = vocab_find(vocab, (struct view){word.at + i, n});
        merge_add(merge, (uint32_t)i, (uint32_t)n, id);
        i += n;
    }
    merge_run(merge, word, pair_by_text, vocab);
    for (uint32_t i = 0; i != MERGE_END; i = merge->nodes[i].after) {
        const struct merge_node *node = &merge->nodes[i];
        if (node->id != VOCAB_NONE)
            ids_put(out, node->id);
        else
            put_bytes(vocab, (struct view){word.at + node->start, node->len}, out);
    }
}

// ---- "gpt2": byte-level BPE ----

static bool pair_by_rank(const void *with, struct view word, const struct merge_node *left,
                         const struct merge_node *right, int32_t *joined, float *score) {
    (void)word;
    const struct vocab_merge *merge = vocab_merge(with, left->id, right->id);
    if (!merge) return false;
    *joined = merge->to;
    *score = -(float)merge->rank; // exact: VOCAB_MERGES_MAX < 2^24
    return true;
}

static void tokenize_word(struct tokenizer *tokenizer, struct view word, struct ids *out) {
    const struct vocab *vocab = tokenizer->vocab;
    struct merge *merge = &tokenizer->merge;
    int32_t whole = vocab->whole_words ? vocab_find(vocab, word) : VOCAB_NONE;
    if (whole != VOCAB_NONE) {
        ids_put(out, whole);
        return;
    }
    merge_begin(merge);
    for (size_t i = 0; i < word.len; i++)
        merge_add(merge, (uint32_t)i, 1, vocab->bytes[(uint8_t)word.at[i]]);
    merge_run(merge, word, pair_by_rank, vocab);
    for (uint32_t i = 0; i != MERGE_END; i = merge->nodes[i].after)
        ids_put(out, merge->nodes[i].id);
}

static void tokenize_ranked(struct tokenizer *tokenizer, struct view text, struct ids *out) {
    while (text.len) {
        size_t n = pretoken_next(tokenizer->vocab->pretoken, text);
        must(n > 0 && n <= text.len);
        tokenize_word(tokenizer, (struct view){text.at, n}, out);
        text = view_from(text, n);
    }
}

// ---- both ----

static bool any_marked(const uint8_t *marks, size_t len) {
    return marks && memchr(marks, 1, len) != NULL;
}

// The user-defined token (or with `special` control token) that begins at text, or VOCAB_NONE.
static int32_t special_at(const struct vocab *vocab, struct view text, const uint8_t *data_marks,
                          bool special) {
    int32_t id = vocab->specials[(uint8_t)text.at[0]];
    for (; id != VOCAB_NONE; id = vocab->tokens[id].next) {
        const struct vocab_token *token = &vocab->tokens[id];
        if (token->kind == VOCAB_CONTROL && !special) continue;
        if (!view_starts(text, vocab_text(vocab, id))) continue;
        if (token->kind != VOCAB_CONTROL || !any_marked(data_marks, token->len)) return id;
    }
    return VOCAB_NONE;
}

static void tokenize_plain(struct tokenizer *tokenizer, struct view text, bool first,
                           struct ids *out) {
    if (text.len == 0) return;
    if (tokenizer->vocab->scored)
        tokenize_scored(tokenizer, text, first, out);
    else
        tokenize_ranked(tokenizer, text, out);
}

enum sk_code tokenize(struct tokenizer *tokenizer, struct view text, const uint8_t *data_marks,
                      bool special, bool first, struct ids *out) {
    if (text.len > tokenizer->text_max)
        return FAIL(SK_LIMIT, "text of %zu bytes > %zu for this context", text.len,
                    tokenizer->text_max);
    if (!utf8_check(text)) return FAIL(SK_INPUT, "text is not UTF-8");
    size_t plain = 0;
    for (size_t i = 0; i < text.len;) {
        int32_t id = special_at(tokenizer->vocab, view_from(text, i),
                                data_marks ? data_marks + i : NULL, special);
        if (id == VOCAB_NONE) {
            i++;
            continue;
        }
        tokenize_plain(tokenizer, (struct view){text.at + plain, i - plain}, first, out);
        ids_put(out, id);
        i += tokenizer->vocab->tokens[id].len;
        plain = i;
        first = true;
    }
    tokenize_plain(tokenizer, view_from(text, plain), first, out);
    return SK_OK;
}

void detokenize(const struct vocab *vocab, int32_t id, struct buf *out) {
    if (id < 0 || (uint32_t)id >= vocab->len) return;
    const struct vocab_token *token = &vocab->tokens[id];
    if (token->kind == VOCAB_CONTROL) return;
    struct view text = vocab_text(vocab, id);
    bool marks = vocab->scored && (token->kind == VOCAB_NORMAL || token->kind == VOCAB_USER);
    for (size_t i = 0; i < text.len; i++) {
        if (marks && view_starts(view_from(text, i), (struct view){space_mark, SPACE_MARK_LEN})) {
            buf_put_char(out, ' ');
            i += SPACE_MARK_LEN - 1;
        } else {
            buf_put_char(out, text.at[i]);
        }
    }
}

#include "engine/tokenize.h"
#include "engine/unicode.h"

static const struct view mark = {UNICODE_SPACE_MARK_TEXT, sizeof UNICODE_SPACE_MARK_TEXT - 1};

void scored_lay(struct tokenizer *tokenizer, struct lay *lay) {
    tokenizer->word_max = (tokenizer->text_max + 1) * mark.len; // all spaces, and the one before
    tokenizer->word = lay_take(lay, tokenizer->word_max, 1);
    merge_lay(&tokenizer->merge, lay, (uint32_t)tokenizer->text_max + 1);
}

static bool pair_by_text(const void *with, struct view left, struct view right, float *score) {
    const struct vocab *vocab = with;
    int32_t joined = vocab_find(vocab, (struct view){left.at, left.len + right.len});
    if (joined == VOCAB_NONE) return false;
    *score = vocab->tokens[joined].score;
    return true;
}

static struct view escape(struct tokenizer *tokenizer, struct view text, bool first) {
    struct buf out = buf_over(tokenizer->word, tokenizer->word_max);
    if (first && tokenizer->vocab->add_space) buf_put_view(&out, mark);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ' ')
            buf_put_view(&out, mark);
        else
            buf_put_char(&out, text.at[i]);
    }
    must(!out.over);
    return buf_view(&out);
}

static void put_bytes(const struct vocab *vocab, struct view text, struct ids *out) {
    for (size_t i = 0; i < text.len; i++) {
        int32_t id = vocab->bytes[(uint8_t)text.at[i]];
        ids_put(out, id);
        if (id == vocab->unknown) return; // one for the whole piece
    }
}

// Bytes that a character has by its first one; what follows is not looked at.
static size_t character_len(struct view text) {
    uint8_t first = (uint8_t)text.at[0];
    size_t len = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return len < text.len ? len : text.len;
}

enum sk_code scored_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                             struct ids *out) {
    const struct vocab *vocab = tokenizer->vocab;
    struct merge *merge = &tokenizer->merge;
    struct view word = escape(tokenizer, text, first);
    merge_begin(merge);
    for (size_t i = 0, len; i < word.len; i += len) {
        len = character_len(view_from(word, i));
        merge_add(merge, i, len);
    }
    merge_run(merge, word, pair_by_text, vocab);
    tokenize_pieces(tokenizer, word, put_bytes, out);
    return SK_OK;
}

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "train/script.h"
#include "train/tokens_parts.h"
#include "train/unigram.h"

// ---- reading ----

void tokens_add_unigram(struct tokens_text *text, struct view part) {
    struct view chunk = {part.at, 0};
    unsigned before = SCRIPT_NONE;
    uint32_t characters = 0, codepoint = 0;
    for (size_t len; part.len; part = view_from(part, len)) {
        len = utf8_take(part, &codepoint);
        must(len);
        unsigned script = script_of(codepoint == UNICODE_SPACE_MARK ? ' ' : codepoint, before);
        if (codepoint == 0) script = SCRIPT_NONE; // no piece has a NUL
        bool parts = script_parts(before, script, text->options->split_digits);
        if (characters && (parts || characters == LETTERS_LEN_MAX)) {
            chunks_add(&text->chunks, chunk);
            characters = 0;
        }
        before = script;
        if (script == SCRIPT_NONE) continue;
        if (characters++ == 0) chunk = (struct view){part.at, 0};
        chunk.len += len;
        text->counts[codepoint == UNICODE_SPACE_MARK ? ' ' : codepoint]++;
        if (codepoint >= text->codepoints) text->codepoints = codepoint + 1;
        text->characters++;
    }
    if (characters) chunks_add(&text->chunks, chunk);
}

// ---- characters ----

struct alphabet {
    uint32_t *codepoints; // by how often they occur
    uint16_t *numbers;    // of each code point, + 1; 0: none
    uint32_t len;
};

struct frequency {
    uint64_t count;
    uint32_t codepoint;
};

static int by_count(const void *one, const void *other) {
    const struct frequency *a = one, *b = other;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return a->codepoint < b->codepoint ? -1 : 1;
}

// The most frequent characters, as many as it takes to cover the text.
static enum sk_code find_alphabet(struct alphabet *alphabet, const struct tokens_text *text,
                                  struct arena *arena, struct frequency *sorted) {
    uint32_t len = 0;
    uint64_t covered = 0;
    for (uint32_t i = 0; i < text->codepoints; i++)
        if (text->counts[i]) sorted[len++] = (struct frequency){text->counts[i], i};
    qsort(sorted, len, sizeof *sorted, by_count);
    alphabet->codepoints = arena_take_raw(arena, len, sizeof *alphabet->codepoints);
    alphabet->numbers = arena_take(arena, text->codepoints, sizeof *alphabet->numbers);
    if (!alphabet->codepoints || !alphabet->numbers) return SK_LIMIT;
    const double enough = text->options->coverage * (double)text->characters;
    for (uint32_t i = 0; i < len && (double)covered < enough; i++) {
        if (alphabet->len == LETTERS_ALPHABET_MAX)
            return FAIL(SK_LIMIT, "over %d different characters: ask for less coverage",
                        LETTERS_ALPHABET_MAX);
        covered += sorted[i].count;
        alphabet->codepoints[alphabet->len++] = sorted[i].codepoint;
        alphabet->numbers[sorted[i].codepoint] = (uint16_t)alphabet->len;
    }
    return SK_OK;
}

// The chunks as letters, parted where a character is none of the alphabet. Once to count, with no
// memory taken yet, and once to write.
static void spell_chunks(struct letters *out, const struct alphabet *alphabet,
                         const struct chunks *chunks) {
    out->len = 0;
    out->at_len = 0;
    for (uint32_t i = 0; i < chunks->len; i++) {
        struct view chunk = chunk_text(chunks, i);
        uint32_t len = 0, codepoint = 0;
        for (bool more = true; more;) {
            more = chunk.len > 0;
            if (more) chunk = view_from(chunk, utf8_take(chunk, &codepoint));
            if (codepoint == UNICODE_SPACE_MARK) codepoint = ' ';
            uint16_t number = more ? alphabet->numbers[codepoint] : 0;
            if (number) {
                if (out->at) out->at[out->at_len] = (uint16_t)(number - 1);
                out->at_len++;
                len++;
            } else if (len) {
                if (out->at) out->lens[out->len] = (uint8_t)len;
                if (out->at) out->counts[out->len] = chunks->at[i].count;
                out->len++;
                len = 0;
            }
        }
    }
}

static enum sk_code spell_text(struct letters *out, const struct alphabet *alphabet,
                               const struct chunks *chunks, struct arena *arena) {
    *out = (struct letters){.alphabet = alphabet->len};
    spell_chunks(out, alphabet, chunks);
    uint16_t *at = arena_take_raw(arena, out->at_len, sizeof *out->at);
    out->lens = arena_take_raw(arena, out->len, 1);
    out->counts = arena_take_raw(arena, out->len, sizeof *out->counts);
    if (!at || !out->lens || !out->counts) return SK_LIMIT;
    out->at = at;
    spell_chunks(out, alphabet, chunks);
    return SK_OK;
}

// ---- the vocabulary ----

// Tokens that stand before the learned ones, in SentencePiece's order.
static enum sk_code put_firsts(struct tokens_made *made, const struct tokens_options *options) {
    made->unknown = 0;
    made->bos = 1;
    made->eos = 2;
    TRY(tokens_put_piece(made, VIEW("<unk>"), 0, VOCAB_UNKNOWN));
    TRY(tokens_put_piece(made, VIEW("<s>"), 0, VOCAB_CONTROL));
    TRY(tokens_put_piece(made, VIEW("</s>"), 0, VOCAB_CONTROL));
    for (uint32_t i = 0; i < options->controls_len; i++)
        TRY(tokens_put_piece(made, options->controls[i], 0, VOCAB_CONTROL));
    for (uint32_t i = 0; i < options->users_len; i++)
        TRY(tokens_put_piece(made, options->users[i], 0, VOCAB_USER));
    for (unsigned byte = 0; options->byte_fallback && byte < 256; byte++) {
        char text[8];
        int len = snprintf(text, sizeof text, "<0x%02X>", byte);
        TRY(tokens_put_piece(made, (struct view){text, (size_t)len}, 0, VOCAB_BYTE));
    }
    return SK_OK;
}

struct scored {
    struct view text;
    double log;
};

static int by_log(const void *one, const void *other) {
    const struct scored *a = one, *b = other;
    if (a->log != b->log) return a->log > b->log ? -1 : 1;
    size_t len = a->text.len < b->text.len ? a->text.len : b->text.len;
    int order = memcmp(a->text.at, b->text.at, len);
    return order ? order : a->text.len < b->text.len ? -1 : 1;
}

// Scores are 256ths: so the sum of thousands of them is exact, and who adds them as floats
// (SentencePiece) finds the same way to cut a text as who adds them as doubles (llama.cpp, the
// engine), also where two ways are equally likely, as of ―――.
static float score_of(double log) { return (float)(round(log * 256) / 256); }

static enum sk_code put_pieces(struct tokens_made *made, const struct unigram *unigram,
                               const struct alphabet *alphabet, struct arena *arena) {
    struct scored *sorted = arena_take_raw(arena, unigram->len, sizeof *sorted);
    if (!sorted) return SK_LIMIT;
    for (uint32_t i = 0; i < unigram->len; i++) {
        uint16_t letters[LETTERS_LEN_MAX];
        struct buf text = arena_rest(arena);
        uint32_t len = unigram_letters(unigram, i, letters);
        for (uint32_t j = 0; j < len; j++) {
            char utf8[4];
            uint32_t codepoint = alphabet->codepoints[letters[j]];
            if (codepoint == ' ')
                buf_put_text(&text, UNICODE_SPACE_MARK_TEXT);
            else
                buf_put(&text, utf8, utf8_put(codepoint, utf8));
        }
        TRY(buf_check(&text, "the pieces"));
        sorted[i] = (struct scored){arena_keep(arena, text.len), unigram->log[i]};
    }
    qsort(sorted, unigram->len, sizeof *sorted, by_log);
    for (uint32_t i = 0; i < unigram->len; i++)
        TRY(tokens_put_piece(made, sorted[i].text, score_of(sorted[i].log), VOCAB_NORMAL));
    return SK_OK;
}

struct telling {
    const struct tokens_watch *watch;
    uint32_t of;
};

static void tell(void *self, uint32_t pieces) {
    const struct telling *telling = self;
    if (telling->watch)
        telling->watch->tell(telling->watch->self, TOKENS_LEARNING, pieces, telling->of);
}

static enum sk_code learn(struct tokens_made *made, const struct letters *letters,
                          const struct alphabet *alphabet, const struct tokens_text *text,
                          const struct tokens_watch *watch, struct arena *arena) {
    const struct tokens_options *options = text->options;
    struct telling telling = {watch, options->vocabulary - made->len};
    struct unigram_search search = {.letters = letters,
                                    .pieces = telling.of,
                                    .len_max = options->piece_max,
                                    .tell = tell,
                                    .self = &telling};
    struct unigram unigram;
    struct pool pool;
    TRY(pool_open(&pool, options->threads));
    enum sk_code code = unigram_find(&unigram, &search, &pool, arena);
    pool_close(&pool);
    if (code == SK_INPUT)
        return FAIL(SK_INPUT, "vocabulary %u is too large for this text: at most %u",
                    options->vocabulary, made->len + unigram.len);
    return code == SK_OK ? put_pieces(made, &unigram, alphabet, arena) : code;
}

enum sk_code tokens_learn_unigram(struct tokens_made *made, struct tokens_text *text,
                                  const struct tokens_watch *watch) {
    const struct tokens_options *options = text->options;
    struct alphabet alphabet = {0};
    struct letters letters;
    struct arena arena = {0};
    uint64_t firsts = 3u + options->controls_len + options->users_len +
                      (options->byte_fallback ? 256u : 0);
    struct frequency *sorted = malloc(TOKENS_CODEPOINTS * sizeof *sorted);
    enum sk_code code = sorted ? arena_open(&arena, "what is learned", options->memory_max / 8 * 7)
                               : FAIL(SK_LIMIT, "memory: none left");
    if (code == SK_OK) code = find_alphabet(&alphabet, text, &arena, sorted);
    free(sorted);
    if (code == SK_OK && firsts + alphabet.len > options->vocabulary)
        code = FAIL(SK_INPUT,
                    "vocabulary %u is too small: %llu symbols and bytes and %u characters (less "
                    "coverage than %g: fewer of them)",
                    options->vocabulary, (unsigned long long)firsts, alphabet.len,
                    options->coverage);
    if (code == SK_OK) code = spell_text(&letters, &alphabet, &text->chunks, &arena);
    made->forgotten = text->chunks.forgotten;
    chunks_close(&text->chunks);
    if (code == SK_OK) code = put_firsts(made, options);
    if (code == SK_OK) code = learn(made, &letters, &alphabet, text, watch, &arena);
    arena_close(&arena);
    return code;
}

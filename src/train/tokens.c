#include "train/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/charsmap.h"
#include "engine/pool.h"
#include "train/bpe.h"
#include "train/nfkc.h"
#include "train/tokens_parts.h"

// ---- options ----

static enum sk_code check_symbol(const struct tokens_options *options, uint32_t number) {
    bool control = number < options->controls_len;
    struct view symbol = control ? options->controls[number]
                                 : options->users[number - options->controls_len];
    int len = (int)(symbol.len < TOKENS_SYMBOL_LEN_MAX ? symbol.len : TOKENS_SYMBOL_LEN_MAX);
    if (symbol.len == 0 || symbol.len > TOKENS_SYMBOL_LEN_MAX || !utf8_check(symbol) ||
        memchr(symbol.at, 0, symbol.len))
        return FAIL(SK_INPUT, "symbol \"%.*s\": not 1..%d bytes of UTF-8", len, symbol.at,
                    TOKENS_SYMBOL_LEN_MAX);
    bool ascii = true;
    for (size_t i = 0; i < symbol.len; i++) ascii &= (uint8_t)symbol.at[i] < 0x80;
    if (!control && !ascii && options->model == TOKENS_UNIGRAM)
        return FAIL(SK_INPUT, "symbol \"%.*s\": of a unigram vocabulary only ASCII", len,
                    symbol.at);
    static const char *const taken[] = {"<unk>", "<s>", "</s>", "<|endoftext|>"};
    bool twice = false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) twice |= view_is(symbol, taken[i]);
    if (symbol.len == 6 && view_starts(symbol, VIEW("<0x"))) twice = true;
    for (uint32_t i = 0; i < number; i++)
        twice |= view_same(symbol, i < options->controls_len
                                       ? options->controls[i]
                                       : options->users[i - options->controls_len]);
    if (twice) return FAIL(SK_INPUT, "symbol \"%.*s\" is there already", len, symbol.at);
    return SK_OK;
}

enum sk_code tokens_check(const struct tokens_options *options) {
    uint64_t symbols = (uint64_t)options->controls_len + options->users_len;
    if (options->vocabulary < 4 || options->vocabulary > TOKENS_VOCABULARY_MAX)
        return FAIL(SK_LIMIT, "vocabulary %u is not 4..%d", options->vocabulary,
                    TOKENS_VOCABULARY_MAX);
    if (options->threads < 1 || options->threads > POOL_THREADS_MAX)
        return FAIL(SK_LIMIT, "threads %u is not 1..%d", options->threads, POOL_THREADS_MAX);
    if (options->memory_max < TOKENS_MEMORY_MIN)
        return FAIL(SK_LIMIT, "memory: %llu bytes are fewer than %llu",
                    (unsigned long long)options->memory_max,
                    (unsigned long long)TOKENS_MEMORY_MIN);
    bool unigram = options->model == TOKENS_UNIGRAM;
    if (unigram && (options->piece_max < 1 || options->piece_max > TOKENS_PIECE_MAX))
        return FAIL(SK_LIMIT, "pieces of %u characters: not 1..%d", options->piece_max,
                    TOKENS_PIECE_MAX);
    if (unigram && !(options->coverage >= 0.98 && options->coverage <= 1))
        return FAIL(SK_LIMIT, "coverage %g is not 0.98..1", options->coverage);
    if (!unigram && options->nfkc)
        return FAIL(SK_UNSUPPORTED, "nfkc: byte-level BPE is cut as it is: only unigram has a map");
    if (symbols > TOKENS_SYMBOLS_MAX)
        return FAIL(SK_LIMIT, "%llu symbols are over %d", (unsigned long long)symbols,
                    TOKENS_SYMBOLS_MAX);
    for (uint32_t i = 0; i < symbols; i++) TRY(check_symbol(options, i));
    return SK_OK;
}

// ---- reading ----

// As whoever cuts a text by this vocabulary will write it, in stretches.
static void add_normal(struct tokens_text *text, struct view part) {
    while (part.len) {
        buf_reset(&text->normal);
        while (part.len && text->normal.max - text->normal.len >= CHARSMAP_TEXT_MAX) {
            struct view as;
            size_t len = charsmap_find(text->charsmap, part, &as);
            if (len == 0) {
                len = utf8_take(part, &(uint32_t){0});
                as = (struct view){part.at, len};
            }
            buf_put_view(&text->normal, as);
            part = view_from(part, len);
        }
        tokens_add_unigram(text, buf_view(&text->normal));
    }
}

static void add(struct tokens_text *text, struct view part) {
    if (text->options->model == TOKENS_BPE)
        tokens_add_bpe(text, part);
    else if (text->charsmap.len)
        add_normal(text, part);
    else
        tokens_add_unigram(text, part);
}

static enum sk_code check_text(const struct tokens_text *text, struct view part) {
    if (utf8_check(part)) return SK_OK;
    size_t good = 0;
    uint32_t codepoint;
    for (size_t len; (len = utf8_take(view_from(part, good), &codepoint)) > 0;) good += len;
    return FAIL(SK_INPUT, "the text is not UTF-8 at byte %llu",
                (unsigned long long)(text->bytes + good));
}

// The longest user-defined symbol that begins a text.
static size_t user_at(const struct tokens_options *options, struct view text) {
    size_t longest = 0;
    for (uint32_t i = 0; i < options->users_len; i++)
        if (options->users[i].len > longest && view_starts(text, options->users[i]))
            longest = options->users[i].len;
    return longest;
}

// User-defined symbols are tokens already: nothing is learned of them, nor over them.
static void add_between_users(struct tokens_text *text, struct view part) {
    size_t from = 0, at = 0;
    while (text->options->users_len && at < part.len) {
        size_t len = user_at(text->options, view_from(part, at));
        if (len == 0) {
            at++;
            continue;
        }
        add(text, (struct view){part.at + from, at - from});
        from = at += len;
    }
    add(text, view_from(part, from));
}

static enum sk_code read_text(struct tokens_text *text, const struct tokens_source *source,
                              const struct tokens_watch *watch) {
    enum { TELL_EVERY = 1 << 22 };
    uint64_t told = 0;
    struct view part;
    for (;;) {
        TRY(source->next(source->self, &part));
        if (part.len == 0) break;
        TRY(check_text(text, part));
        add_between_users(text, part);
        text->bytes += part.len;
        if (!watch || text->bytes - told < TELL_EVERY) continue;
        watch->tell(watch->self, TOKENS_READING, text->bytes, 0);
        told = text->bytes;
    }
    if (watch) watch->tell(watch->self, TOKENS_READING, text->bytes, 0);
    if (text->chunks.len == 0)
        return FAIL(SK_INPUT, "the text is empty: there is nothing to learn");
    return SK_OK;
}

// ---- making ----

enum sk_code tokens_put_piece(struct tokens_made *made, struct view text, float score,
                              enum vocab_kind kind) {
    must(made->len < TOKENS_VOCABULARY_MAX);
    char *copy = arena_take_raw(&made->arena, text.len, 1);
    if (!copy) return SK_LIMIT;
    memcpy(copy, text.at, text.len);
    made->pieces[made->len++] = (struct tokens_piece){{copy, text.len}, score, kind};
    return SK_OK;
}

// The map, which is made->charsmap too.
static enum sk_code charsmap_make(struct tokens_made *made, struct tokens_text *text) {
    struct buf map = arena_rest(&made->arena);
    if (!text->options->nfkc) return SK_OK;
    TRY(nfkc_put(&map));
    made->charsmap = text->charsmap = arena_keep(&made->arena, map.len);
    return buf_open(&text->normal, TOKENS_NORMAL_MAX);
}

// What reading takes: most of the memory for the chunks of unigram, little for those of BPE, each
// byte of which takes more of it later.
static enum sk_code text_open(struct tokens_text *text) {
    const struct tokens_options *options = text->options;
    text->counts = calloc(TOKENS_CODEPOINTS, sizeof *text->counts);
    if (!text->counts) return FAIL(SK_LIMIT, "memory: none left");
    if (options->model == TOKENS_UNIGRAM)
        return chunks_open(&text->chunks, options->memory_max / 8);
    text->chars = calloc(TOKENS_CHARS_MAX + 1, sizeof *text->chars);
    if (!text->chars) return FAIL(SK_LIMIT, "memory: none left");
    TRY(pretoken_read(&text->pretoken, options->pre));
    if (text->pretoken.plain)
        return FAIL(SK_UNSUPPORTED, "pre-tokenizer \"%.*s\" is not of bytes", (int)options->pre.len,
                    options->pre.at);
    return chunks_open(&text->chunks, (options->memory_max - BPE_MEMORY_LEAST) / 24);
}

// Readers find a token by its text (SentencePiece and llama.cpp know one of each only): what the
// text became must be none of the symbols.
static enum sk_code check_twice(const struct tokens_made *made) {
    for (uint32_t i = 0; i < made->len; i++) {
        const struct tokens_piece *symbol = &made->pieces[i];
        bool is_symbol = symbol->kind == VOCAB_CONTROL || symbol->kind == VOCAB_USER;
        for (uint32_t j = i + 1; is_symbol && j < made->len; j++)
            if (view_same(symbol->text, made->pieces[j].text))
                return FAIL(SK_INPUT, "symbol \"%.*s\": the text becomes this token without it: "
                            "give another", (int)symbol->text.len, symbol->text.at);
    }
    return SK_OK;
}

enum sk_code tokens_make(struct tokens_made *made, const struct tokens_options *options,
                         const struct tokens_source *source, const struct tokens_watch *watch) {
    enum { MADE_MAX = 1 << 26 };
    struct tokens_text text = {.options = options};
    *made = (struct tokens_made){.model = options->model, .byte_fallback = options->byte_fallback};
    TRY(tokens_check(options));
    TRY(arena_open(&made->arena, "tokens", MADE_MAX));
    made->pieces = arena_take(&made->arena, options->vocabulary, sizeof *made->pieces);
    enum sk_code code = made->pieces ? charsmap_make(made, &text) : SK_LIMIT;
    if (code == SK_OK) code = text_open(&text);
    if (code == SK_OK) code = read_text(&text, source, watch);
    if (code == SK_OK)
        code = options->model == TOKENS_BPE ? tokens_learn_bpe(made, &text, watch)
                                            : tokens_learn_unigram(made, &text, watch);
    if (code == SK_OK) code = check_twice(made);
    made->bytes = text.bytes;
    made->characters = text.characters;
    chunks_close(&text.chunks);
    free(text.counts);
    free(text.chars);
    buf_close(&text.normal);
    return code;
}

void tokens_close(struct tokens_made *made) {
    arena_close(&made->arena);
    *made = (struct tokens_made){0};
}

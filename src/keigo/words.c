// Words by MeCab and ipadic.
#include <mecab.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "keigo/parts.h"

// Debian's mecab-ipadic-utf8, without a mecabrc: the rules know this dictionary.
#define KEIGO_MECAB_ARGUMENTS "-r /dev/null -d /var/lib/mecab/dic/ipadic-utf8"

struct keigo_reader {
    mecab_model_t *model;
    mecab_t *tagger;
    mecab_lattice_t *lattice;
    // MeCab 0.996 reads on to a NUL where a sentence ends with a space, whatever its length.
    char text[KEIGO_TEXT_MAX + 1];
};

void keigo_close(struct keigo_reader *reader) {
    if (!reader) return;
    if (reader->lattice) mecab_lattice_destroy(reader->lattice);
    if (reader->tagger) mecab_destroy(reader->tagger);
    if (reader->model) mecab_model_destroy(reader->model);
    free(reader);
}

enum sk_code keigo_open(struct keigo_reader **out) {
    struct keigo_reader *reader = calloc(1, sizeof *reader);
    *out = NULL;
    if (!reader) return FAIL(SK_LIMIT, "keigo: no memory");
    reader->model = mecab_model_new2(KEIGO_MECAB_ARGUMENTS);
    if (reader->model) reader->tagger = mecab_model_new_tagger(reader->model);
    if (reader->tagger) reader->lattice = mecab_model_new_lattice(reader->model);
    if (!reader->lattice) {
        keigo_close(reader);
        return FAIL(SK_UNKNOWN, "keigo: MeCab does not open its dictionary; install the Debian "
                                "package mecab-ipadic-utf8");
    }
    mecab_lattice_set_request_type(reader->lattice, MECAB_ONE_BEST);
    *out = reader;
    return SK_OK;
}

static void word_read(const mecab_node_t *node, struct keigo_word *word) {
    struct view rest = view_of(node->feature), field[7] = {{"*", 1}};
    for (unsigned i = 0; i < 7; i++)
        if (!view_next(&rest, ',', &field[i])) field[i] = view_of("*");
    word->text = (struct view){node->surface, node->length};
    word->pos = field[0];
    word->pos1 = field[1];
    word->pos2 = field[2];
    word->type = field[4];
    word->form = field[5];
    word->lemma = view_is(field[6], "*") ? word->text : field[6];
}

static enum sk_code word_add(struct keigo_sentence *out, const struct keigo_word *word) {
    if (out->len == KEIGO_WORDS_MAX)
        return FAIL(SK_LIMIT, "keigo: more than %d words; cut the text into sentences",
                    KEIGO_WORDS_MAX);
    out->words[out->len++] = *word;
    return SK_OK;
}

// A word, and the space before it as a word of its own.
static enum sk_code node_read(const mecab_node_t *node, struct keigo_sentence *out) {
    static const struct view none = {"*", 1};
    size_t space = (size_t)node->rlength - node->length;
    struct keigo_word word = {
        {node->surface - space, space}, VIEW("記号"), VIEW("空白"), none, none, none,
        {node->surface - space, space}};
    if (space) TRY(word_add(out, &word));
    word_read(node, &word);
    return word_add(out, &word);
}

enum sk_code keigo_cut(struct keigo_reader *reader, struct view text, struct keigo_sentence *out) {
    out->len = 0;
    if (text.len > KEIGO_TEXT_MAX)
        return FAIL(SK_LIMIT, "keigo: a text of %zu bytes, at most %d; cut it into sentences",
                    text.len, KEIGO_TEXT_MAX);
    if (!utf8_check(text) || (text.len && memchr(text.at, 0, text.len)))
        return FAIL(SK_INPUT, "keigo: the text is not UTF-8, or has a NUL");
    if (text.len) memcpy(reader->text, text.at, text.len);
    reader->text[text.len] = 0;
    mecab_lattice_set_sentence2(reader->lattice, reader->text, text.len);
    if (!mecab_parse_lattice(reader->tagger, reader->lattice))
        return FAIL(SK_CORRUPT, "keigo: MeCab cannot read a sentence");
    for (const mecab_node_t *n = mecab_lattice_get_bos_node(reader->lattice); n; n = n->next) {
        if (n->stat != MECAB_NOR_NODE && n->stat != MECAB_UNK_NODE) continue;
        TRY(node_read(n, out));
    }
    return SK_OK;
}

bool word_in(struct view text, const char *list) {
    struct view rest = view_of(list), member;
    while (view_next(&rest, ' ', &member))
        if (view_same(text, member)) return true;
    return false;
}

bool word_ends(const struct keigo_word *word) {
    return word_in(word->text, "。 ？ ！ ? ! ． … ・・・ ♪ / ／ ） 」 』 ) ．．． ？！ ！？ !? ?!");
}

void span_put(const struct keigo_sentence *s, uint32_t from, uint32_t end, struct buf *out) {
    for (uint32_t i = from; i < end; i++)
        buf_put_view(out, s->words[i].text);
}

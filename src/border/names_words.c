// Words of a sentence by MeCab and its ipadic dictionary, and which units its entries of names and
// places cover, whether its best path took them or not.
//
// MeCab reads its files when opened and none later. It takes memory for the longest sentence so
// far.
#include <mecab.h>
#include <stdlib.h>

#include "border/names_parts.h"

// Debian's mecab-ipadic-utf8. No mecabrc: the dictionary is what the weights were trained with.
#define NAMES_MECAB_ARGUMENTS "-r /dev/null -d /var/lib/mecab/dic/ipadic-utf8"

// Part-of-speech numbers of ipadic (pos-id.def).
enum {
    POS_PROPER = 41,
    POS_PERSON = 42,
    POS_SURNAME = 43,
    POS_GIVEN = 44,
    POS_GROUP = 45,
    POS_PLACE = 46,
    POS_COUNTRY = 47,
    POS_UNITS = 80, // and on: not of ipadic
};

struct names_reader {
    mecab_model_t *model;
    mecab_t *tagger;
    mecab_lattice_t *lattice;
    // MeCab 0.996 reads on to a NUL where a sentence ends with a space, whatever its length.
    char text[NAMES_BYTES_MAX + 1];
};

void names_reader_close(struct names_reader *reader) {
    if (!reader) return;
    if (reader->lattice) mecab_lattice_destroy(reader->lattice);
    if (reader->tagger) mecab_destroy(reader->tagger);
    if (reader->model) mecab_model_destroy(reader->model);
    free(reader);
}

// The weights know this dictionary's part-of-speech numbers and no other's.
static bool is_ipadic(mecab_model_t *model) {
    enum { CONTEXTS = 1316 };
    const mecab_dictionary_info_t *info = mecab_model_dictionary_info(model);
    return info && strcmp(info->charset, "UTF-8") == 0 && info->lsize == CONTEXTS &&
           info->rsize == CONTEXTS;
}

enum sk_code names_reader_open(struct names_reader **out) {
    struct names_reader *reader = calloc(1, sizeof *reader);
    *out = NULL;
    if (!reader) return FAIL(SK_LIMIT, "names: no memory");
    reader->model = mecab_model_new2(NAMES_MECAB_ARGUMENTS);
    if (reader->model && is_ipadic(reader->model))
        reader->tagger = mecab_model_new_tagger(reader->model);
    if (reader->tagger) reader->lattice = mecab_model_new_lattice(reader->model);
    if (!reader->lattice) {
        names_reader_close(reader);
        return FAIL(SK_UNKNOWN, "names: MeCab does not open its dictionary; install the Debian "
                                "package mecab-ipadic-utf8");
    }
    mecab_lattice_set_request_type(reader->lattice, MECAB_ONE_BEST);
    *out = reader;
    return SK_OK;
}

static bool has_japanese(const struct names_sentence *sentence) {
    for (uint32_t i = 0; i < sentence->units_len; i++) {
        unsigned kind = sentence->units[i].kind;
        if (kind == KIND_HAN || kind == KIND_HIRAGANA || kind == KIND_KATAKANA) return true;
    }
    return false;
}

void names_layer_put(struct names_sentence *sentence, unsigned layer, uint32_t from, uint32_t len) {
    uint32_t size = len > 15 ? 15 : len;
    for (uint32_t i = from; i < from + len; i++)
        if (sentence->units[i].layer[layer] >> 3 >= size) return;
    for (uint32_t i = from; i < from + len; i++) {
        unsigned place = len == 1             ? PLACE_ONLY
                         : i == from          ? PLACE_FIRST
                         : i + 1 < from + len ? PLACE_INSIDE
                                              : PLACE_LAST;
        sentence->units[i].layer[layer] = (uint8_t)(size << 3 | place);
    }
}

static int layer_of(unsigned pos) {
    switch (pos) {
    case POS_SURNAME:
        return LAYER_SURNAME;
    case POS_GIVEN:
        return LAYER_GIVEN;
    case POS_PERSON:
        return LAYER_PERSON;
    case POS_PLACE:
    case POS_COUNTRY:
        return LAYER_PLACE;
    case POS_GROUP:
    case POS_PROPER:
        return LAYER_GROUP;
    default:
        return -1;
    }
}

// Entries of the dictionary that begin at a unit, or behind the spaces there, chosen or not.
static void entries_read(const struct names_reader *reader, struct names_sentence *sentence) {
    for (uint32_t i = 0; i < sentence->units_len; i++) {
        const mecab_node_t *node =
            mecab_lattice_get_begin_nodes(reader->lattice, sentence->units[i].at);
        for (; node; node = node->bnext) {
            int layer = node->stat == MECAB_NOR_NODE ? layer_of(node->posid) : -1;
            if (layer < 0) continue;
            size_t at = (size_t)(node->surface - reader->text);
            must(at + node->length <= sentence->text.len);
            uint32_t from = sentence->unit_of[at], end = sentence->unit_of[at + node->length];
            if (end > from) names_layer_put(sentence, (unsigned)layer, from, end - from);
        }
    }
}

static void word_put(struct names_sentence *sentence, const char *text, const mecab_node_t *node) {
    size_t at = (size_t)(node->surface - text);
    must(at + node->length <= sentence->text.len && node->length > 0);
    uint32_t first = sentence->unit_of[at], end = sentence->unit_of[at + node->length - 1] + 1U;
    uint32_t index = sentence->words_len++;
    uint64_t hash = NAMES_KEY_SEED;
    for (size_t i = 0; i < node->length; i++)
        hash = names_key_more(hash, (uint8_t)node->surface[i]);
    sentence->words[index] = (struct names_word){.first = (uint16_t)first,
                                                 .end = (uint16_t)end,
                                                 .pos = (uint8_t)(node->posid + 1),
                                                 .unknown = node->stat == MECAB_UNK_NODE,
                                                 .key = (uint32_t)(hash ^ hash >> 32)};
    for (uint32_t i = first; i < end; i++) {
        struct names_unit *unit = &sentence->units[i];
        if (unit->place) continue; // a word that ends inside of a unit was first
        unit->word = (uint16_t)index;
        unit->place = end - first == 1 ? PLACE_ONLY
                      : i == first     ? PLACE_FIRST
                      : i + 1 == end   ? PLACE_LAST
                                       : PLACE_INSIDE;
    }
}

// Without Japanese: each unit but spaces is a word; what it looks like is its part of speech.
static void words_of_units(struct names_sentence *sentence) {
    for (uint32_t i = 0; i < sentence->units_len; i++) {
        struct names_unit *unit = &sentence->units[i];
        unsigned listed = 0;
        for (unsigned k = LAYER_LISTED_SURNAME; k <= LAYER_LISTED_OTHER; k++)
            if (unit->layer[k]) listed |= 1U << (k - LAYER_LISTED_SURNAME);
        unit->word = (uint16_t)(sentence->words_len ? sentence->words_len - 1 : 0);
        if (unit->kind == KIND_SPACE) continue;
        unit->word = (uint16_t)sentence->words_len++;
        unit->place = PLACE_ONLY;
        sentence->words[unit->word] =
            (struct names_word){.first = (uint16_t)i,
                                .end = (uint16_t)(i + 1),
                                .pos = (uint8_t)(POS_UNITS + unit->shape + 8 * listed),
                                .key = unit->key};
    }
}

enum sk_code names_words_read(struct names_reader *reader, struct names_sentence *sentence) {
    if (!has_japanese(sentence)) {
        words_of_units(sentence);
        return SK_OK;
    }
    mecab_lattice_t *lattice = reader->lattice;
    memcpy(reader->text, sentence->text.at, sentence->text.len);
    reader->text[sentence->text.len] = 0;
    mecab_lattice_set_sentence2(lattice, reader->text, sentence->text.len);
    if (!mecab_parse_lattice(reader->tagger, lattice))
        return FAIL(SK_CORRUPT, "names: MeCab cannot read a sentence");
    for (const mecab_node_t *node = mecab_lattice_get_bos_node(lattice); node; node = node->next)
        if (node->stat == MECAB_NOR_NODE || node->stat == MECAB_UNK_NODE)
            word_put(sentence, reader->text, node);
    entries_read(reader, sentence);
    return SK_OK;
}

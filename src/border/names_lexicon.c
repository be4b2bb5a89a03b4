// What the lexicon says of a sentence: surnames, given names, whole names, and words that stand
// beside names (cues).
#include "border/names_parts.h"

static bool may_list(const struct names_unit *unit) {
    switch ((enum names_kind)unit->kind) {
    case KIND_HAN:
    case KIND_HIRAGANA:
    case KIND_KATAKANA:
    case KIND_DOT:
    case KIND_LATIN:
    case KIND_DIGITS:
        return true;
    default:
        return false;
    }
}

// Surnames and given names that stand side by side; of each, the longest that reaches there.
static void fulls_read(struct names_sentence *sentence) {
    for (uint32_t i = 1; i < sentence->units_len; i++) {
        uint32_t before = sentence->surname_to[i], after = sentence->given_from[i];
        if (before && after) names_layer_put(sentence, LAYER_FULL, i - before, before + after);
    }
}

static void entry_put(struct names_sentence *sentence, unsigned bits, uint32_t from, uint32_t len) {
    for (unsigned k = 0; k < 4; k++)
        if (bits >> k & 1) names_layer_put(sentence, LAYER_LISTED_SURNAME + k, from, len);
    sentence->units[from].cues_from |= (uint8_t)(bits & LISTED_CUES);
    if (from + len < sentence->units_len)
        sentence->units[from + len].cues_to |= (uint8_t)(bits & LISTED_CUES);
    if (bits & LISTED_SURNAME) sentence->surname_to[from + len] = (uint8_t)len;
    if (bits & LISTED_GIVEN) sentence->given_from[from] = (uint8_t)len;
}

void names_lexicon_read(const struct names_model *model, struct names_sentence *sentence) {
    memset(sentence->surname_to, 0, sentence->units_len + 1);
    memset(sentence->given_from, 0, sentence->units_len + 1);
    for (uint32_t i = 0; i < sentence->units_len; i++) {
        bool katakana = sentence->units[i].kind == KIND_KATAKANA;
        uint32_t most = katakana ? NAMES_ENTRY_MAX : NAMES_ENTRY_SHORT;
        uint64_t hash = NAMES_KEY_SEED;
        for (uint32_t len = 1; len <= most && i + len <= sentence->units_len; len++) {
            if (!may_list(&sentence->units[i + len - 1])) break;
            hash = names_key_more(hash, sentence->units[i + len - 1].key);
            unsigned bits = names_model_listed(model, hash ^ hash >> 32);
            if (bits) entry_put(sentence, bits, i, len);
        }
    }
    fulls_read(sentence);
}

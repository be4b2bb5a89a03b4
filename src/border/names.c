// Personal names in a sentence: the tagger's, and those that a form or an honorific shows.
#include <stdlib.h>

#include "border/names_rules.h"
#include "border/scan_parts.h"

struct names {
    struct names_reader *reader;
    struct view payload; // that `model` was read from, the only one for as long as this lives
    struct names_model model;
    struct names_form form;
    struct names_sentence sentence;
    struct names_chain chain;
    struct names_span spans[NAMES_BYTES_MAX];
};

enum sk_code names_open(struct names **out) {
    struct names *names = calloc(1, sizeof *names);
    *out = NULL;
    if (!names) return FAIL(SK_LIMIT, "names: no memory");
    names_form_make(&names->form);
    enum sk_code code = names_reader_open(&names->reader);
    if (code != SK_OK)
        free(names);
    else
        *out = names;
    return code;
}

void names_close(struct names *names) {
    if (!names) return;
    names_reader_close(names->reader);
    free(names);
}

// Every name begins with a letter or a digit: a blank line, or one of marks, holds none.
static bool may_hold(const struct names_sentence *sentence) {
    for (uint32_t i = 0; i < sentence->units_len; i++)
        if (sentence->units[i].kind < KIND_SPACE) return true;
    return false;
}

enum sk_code names_read(struct names *names, const struct names_model *model, struct view before,
                        struct view text, struct names_found *out) {
    struct names_sentence *sentence = &names->sentence;
    names_units_cut(sentence, text);
    *out = (struct names_found){sentence, names->spans, 0};
    if (!may_hold(sentence)) return SK_OK;
    names_lexicon_read(model, sentence);
    TRY(names_words_read(names->reader, sentence));
    names_model_score(model, sentence, &names->chain);
    names_chain_run(&names->chain, model->transitions, sentence->units_len);
    struct names_found_list list = {names->spans, 0};
    list.len = names_chain_spans(&names->chain, model->least, names->spans);
    names_rules_read(&names->form, sentence, &names->chain, before, &list);
    out->len = list.len;
    return SK_OK;
}

enum sk_code names_scan(struct scan *scan, uint32_t at, uint32_t len) {
    struct names *names = detectors_names(scan->detectors);
    struct view folded = scan_fold(scan)->folded;
    struct view payload = detectors_table(scan->detectors, TABLE_NAMES);
    struct names_found found;
    must((size_t)at + len <= folded.len && len <= NAMES_BYTES_MAX && names);
    if (names->payload.at != payload.at) TRY(names_model_read(payload, &names->model));
    names->payload = payload;
    const struct view before = {folded.at, at}, text = {folded.at + at, len};
    TRY(names_read(names, &names->model, before, text, &found));
    for (uint32_t i = 0; i < found.len; i++) {
        const struct names_span *span = &found.spans[i];
        const struct names_unit *first = &found.sentence->units[span->from],
                                *last = first + span->len - 1;
        TRY(scan_put(scan, DETECTOR_PERSON, at + first->at,
                     (uint32_t)(last->at + last->len - first->at),
                     (unsigned)(span->chance * 99.5F)));
    }
    return SK_OK;
}

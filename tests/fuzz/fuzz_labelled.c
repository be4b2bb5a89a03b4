// Any file of labelled texts: refused, or every label whole characters of its text, by place.
#include <stdint.h>

#include "cli/labelled.h"

enum { ROOM = 1 << 21 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct buf file;
    static struct score score;
    if (!arena.base)
        must(arena_open(&arena, "fuzz", 256 << 20) == SK_OK && buf_open(&file, ROOM) == SK_OK);
    struct corpus corpus;
    arena_reset(&arena);
    buf_reset(&file);
    buf_put(&file, data, size);
    if (file.over || corpus_read(&file, &arena, &corpus) != SK_OK) return 0;
    score = (struct score){0};
    for (uint32_t i = 0; i < corpus.len; i++) {
        const struct labelled *text = &corpus.texts[i];
        for (uint32_t k = 0; k < text->labels_len; k++) {
            const struct label *label = &text->labels[k];
            must(label->len > 0 && label->at + label->len <= text->text.len);
            must(k == 0 || text->labels[k - 1].at <= label->at);
            must(label->at == 0 || ((uint8_t)text->text.at[label->at] & 0xc0) != 0x80);
        }
        struct finding is = {0, (uint32_t)text->text.len, DETECTOR_PERSON, 1};
        if (text->text.len) score_text(&score, &corpus, text, &is, 1, &corpus.labels);
    }
    must(score.failures_len <= FAILURES_MAX);
    return 0;
}

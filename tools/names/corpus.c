#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "border/scan_parts.h"

enum { LINE_MAX_ = 1 << 16, GOLD_MAX = 256, INDEX_SLOTS = 1 << 25 };

void give_up(const char *what) {
    fprintf(stderr, "names_train: %s\n", what);
    exit(1);
}

static void *room(size_t count, size_t size) {
    void *at = calloc(count ? count : 1, size);
    if (!at) give_up("no memory");
    return at;
}

// Byte of the folded text that byte `raw` of the text went to.
static uint32_t folded_at(const struct fold *fold, uint32_t raw) {
    uint32_t at = 0;
    while (at < fold->folded.len && fold->map[at] < raw)
        at++;
    return at;
}

static void gold_put(struct sentence *sentence, const struct names_sentence *cut, uint32_t from,
                     uint32_t to) {
    if (from >= to || to > cut->text.len || sentence->gold_len == GOLD_MAX) return;
    uint32_t first = cut->unit_of[from], end = cut->unit_of[to - 1] + 1U;
    sentence->gold[sentence->gold_len++] =
        (struct names_span){(uint16_t)first, (uint16_t)(end - first), 1};
    for (uint32_t i = first; i < end; i++)
        sentence->labels[i] = end - first == 1 ? PLACE_ONLY
                              : i == first     ? PLACE_FIRST
                              : i + 1 == end   ? PLACE_LAST
                                               : PLACE_INSIDE;
}

// `spans` are in characters of `raw`.
static void gold_read(struct sentence *sentence, const struct names_sentence *cut,
                      const struct fold *fold, const char *spans) {
    static uint32_t byte_of[LINE_MAX_ + 1];
    uint32_t chars = 0, len = (uint32_t)fold->raw.len;
    for (uint32_t i = 0; i < len; i++)
        if (((uint8_t)fold->raw.at[i] & 0xc0) != 0x80) byte_of[chars++] = i;
    byte_of[chars] = len;
    for (const char *at = spans; *at;) {
        char *end;
        unsigned long from = strtoul(at, &end, 10), to = 0;
        if (*end == '-') to = strtoul(end + 1, &end, 10);
        if (to <= from || to > chars || (*end && *end != ',')) give_up("a span is wrong");
        gold_put(sentence, cut, folded_at(fold, byte_of[from]), folded_at(fold, byte_of[to]));
        at = *end ? end + 1 : end;
    }
}

// False for a line that is too long to be a sentence.
static bool sentence_read(struct sentence *sentence, char *line, struct arena *arena) {
    static struct names_sentence cut;
    struct fold fold;
    char *text = strchr(line, '\t'), *spans = text ? strchr(text + 1, '\t') : NULL;
    if (!spans) give_up("a line has no two tabs");
    *text++ = *spans++ = 0;
    arena_reset(arena);
    if (fold_make(view_of(text), arena, &fold) != SK_OK) give_up(fail_text());
    if (!fold.folded.len || fold.folded.len > NAMES_BYTES_MAX) return false;
    *sentence = (struct sentence){.len = (uint32_t)fold.folded.len};
    sentence->text = memcpy(room(fold.folded.len, 1), fold.folded.at, fold.folded.len);
    sentence->group = NAMES_KEY_SEED;
    for (const char *c = line; *c; c++)
        sentence->group = names_key_more(sentence->group, (uint8_t)*c);
    names_units_cut(&cut, (struct view){sentence->text, sentence->len});
    sentence->units = cut.units_len;
    sentence->labels = room(cut.units_len, 1);
    sentence->gold = room(GOLD_MAX, sizeof *sentence->gold);
    gold_read(sentence, &cut, &fold, spans);
    return true;
}

void corpus_read(struct corpus *corpus, const char *path) {
    static char line[LINE_MAX_];
    struct arena arena;
    FILE *file = fopen(path, "r");
    if (!file || arena_open(&arena, "corpus", 64 << 20) != SK_OK) give_up(path);
    if (corpus->files_len == CORPUS_FILES_MAX) give_up("too many files");
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        corpus->at = realloc(corpus->at, (corpus->len + 1) * sizeof *corpus->at);
        if (!corpus->at) give_up("no memory");
        struct sentence *sentence = &corpus->at[corpus->len];
        if (!sentence_read(sentence, line, &arena)) continue;
        sentence->file = corpus->files_len;
        corpus->len++;
    }
    corpus->files[corpus->files_len++] = path;
    fclose(file);
    arena_close(&arena);
}

void corpus_thin(struct corpus *corpus, unsigned file, unsigned keep) {
    uint32_t len = 0;
    for (uint32_t i = 0; i < corpus->len; i++) {
        const struct sentence *s = &corpus->at[i];
        uint64_t hash = NAMES_KEY_SEED;
        for (uint32_t k = 0; k < s->len; k++)
            hash = names_key_more(hash, (uint8_t)s->text[k]);
        if (s->file == file && !s->gold_len && (hash >> 32) % 100 >= keep) continue;
        corpus->at[len++] = *s;
    }
    corpus->len = len;
}

struct index index_open(void) {
    return (struct index){.keys = room(INDEX_SLOTS, sizeof(uint64_t)),
                          .numbers = room(INDEX_SLOTS, sizeof(uint32_t)),
                          .by_number = room(INDEX_SLOTS, sizeof(uint64_t))};
}

void index_close(struct index *index) {
    free(index->keys);
    free(index->numbers);
    free(index->by_number);
}

static uint32_t slot_of(const struct index *index, uint64_t key) {
    uint32_t at = (uint32_t)(key >> 24) % INDEX_SLOTS;
    while (index->keys[at] && index->keys[at] != key)
        at = (at + 1) % INDEX_SLOTS;
    return at;
}

void index_keep(struct index *index, const bool *keep) {
    uint32_t len = 0;
    memset(index->keys, 0, INDEX_SLOTS * sizeof *index->keys);
    for (uint32_t i = 0; i < index->len; i++) {
        if (!keep[i]) continue;
        uint64_t key = index->by_number[i];
        uint32_t at = slot_of(index, key);
        index->keys[at] = key;
        index->numbers[at] = len;
        index->by_number[len++] = key;
    }
    index->len = len;
}

static bool number_of(struct index *index, uint64_t key, bool add, uint32_t *number) {
    uint32_t at = slot_of(index, key);
    if (!index->keys[at]) {
        if (!add) return false;
        if (index->len == INDEX_SLOTS / 4 * 3) give_up("too many features");
        index->keys[at] = key;
        index->numbers[at] = index->len;
        index->by_number[index->len++] = key;
    }
    *number = index->numbers[at];
    return true;
}

void sentence_features(struct sentence *sentence, struct index *index,
                       const struct names_sentence *read, bool add) {
    static uint32_t all[NAMES_BYTES_MAX * NAMES_FEATURES_MAX];
    uint64_t keys[NAMES_FEATURES_MAX];
    uint32_t len = 0;
    sentence->ends = room(sentence->units, sizeof(uint32_t));
    for (uint32_t i = 0; i < sentence->units; i++) {
        unsigned n = names_features(read, i, keys);
        for (unsigned k = 0; k < n; k++)
            if (number_of(index, keys[k], add, &all[len])) len++;
        sentence->ends[i] = len;
    }
    sentence->features = room(len, sizeof(uint32_t));
    memcpy(sentence->features, all, len * sizeof *all);
}

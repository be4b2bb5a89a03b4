// Trains the name tagger's weights, or measures how it would do.
//
//   names_train --lexicon TSV --train TSV[:KEEP]... --out FILE --header FILE
//   names_train --lexicon TSV --train TSV[:KEEP]... --folds TSV... --test TSV... [--show]
//
// KEEP: how many of a hundred sentences without names stay. With --folds each such file is parted
// in five by group; each fifth is judged by weights trained on the rest. --test files are judged by
// the weights of each of these runs and never trained on. Figures are of the packed weights.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "border/scan_parts.h"
#include "learn.h"

enum { FOLDS = 5, LEASTS = 7, FILE_MAX = 64 << 20 };
static const float leasts[LEASTS] = {0.1F, 0.13F, 0.16F, 0.2F, 0.25F, 0.3F, 0.4F};

enum role { TRAIN, FOLD, TEST };

struct tally {
    uint32_t gold, found, exact, touched, touching;
};

struct run {
    struct corpus corpus;
    enum role roles[CORPUS_FILES_MAX];
    const char *lexicon, *out, *header;
    struct learning how;
    uint32_t feature_buckets, lexicon_buckets;
    float least;
    bool show;
    struct tally tally[CORPUS_FILES_MAX][LEASTS];
    struct names_reader *reader;
    struct names_model model;
    struct names_chain chain;
    struct names_sentence sentence;
    struct names_span spans[NAMES_BYTES_MAX];
};

static void sentence_reread(struct run *run, const struct sentence *sentence) {
    names_units_cut(&run->sentence, (struct view){sentence->text, sentence->len});
    names_lexicon_read(&run->model, &run->sentence);
    if (names_words_read(run->reader, &run->sentence) != SK_OK) give_up(fail_text());
}

static bool meet(struct names_span a, struct names_span b) {
    return a.from < b.from + b.len && b.from < a.from + a.len;
}

static void show(const struct run *run, const char *what, struct names_span span) {
    const struct names_unit *first = &run->sentence.units[span.from], *last = first + span.len - 1;
    struct view text = run->sentence.text;
    printf("%s %.2f [%.*s] %.*s\n", what, (double)span.chance, last->at + last->len - first->at,
           text.at + first->at, (int)text.len, text.at);
}

static void judge(struct run *run, const struct sentence *s, struct tally *tally, float least,
                  bool shown) {
    uint32_t len = names_chain_spans(&run->chain, least, run->spans);
    tally->gold += s->gold_len;
    tally->found += len;
    for (uint32_t i = 0; i < len; i++) {
        bool exact = false, touch = false;
        for (uint32_t k = 0; k < s->gold_len; k++) {
            touch = touch || meet(run->spans[i], s->gold[k]);
            exact = exact ||
                    (run->spans[i].from == s->gold[k].from && run->spans[i].len == s->gold[k].len);
        }
        tally->exact += exact;
        tally->touching += touch;
        if (shown && !exact) show(run, "FALSE", run->spans[i]);
    }
    for (uint32_t k = 0; k < s->gold_len; k++) {
        bool touch = false, exact = false;
        for (uint32_t i = 0; i < len; i++) {
            touch = touch || meet(run->spans[i], s->gold[k]);
            exact = exact ||
                    (run->spans[i].from == s->gold[k].from && run->spans[i].len == s->gold[k].len);
        }
        tally->touched += touch;
        if (shown && !exact) show(run, "MISS", s->gold[k]);
    }
}

static void features_read(struct run *run, struct index *index, const uint32_t *part, uint32_t len,
                          bool add) {
    for (uint32_t i = 0; i < len; i++) {
        struct sentence *s = &run->corpus.at[part[i]];
        free(s->features);
        free(s->ends);
        sentence_reread(run, s);
        sentence_features(s, index, &run->sentence, add);
    }
}

// Trains on all but fold `fold` (FOLDS: on all), again on the features that weigh most, and packs
// their weights into run->model.
static void train(struct run *run, unsigned fold) {
    struct index index = index_open();
    uint32_t *part = calloc(run->corpus.len + 1, sizeof *part), len = 0;
    for (uint32_t i = 0; i < run->corpus.len; i++) {
        const struct sentence *s = &run->corpus.at[i];
        enum role role = run->roles[s->file];
        if (role == TRAIN || (role == FOLD && s->group % FOLDS != fold)) part[len++] = i;
    }
    struct weights all = {0}, few = {0};
    features_read(run, &index, part, len, true);
    all.len = index.len;
    weights_learn(&all, &run->corpus, part, len, &run->how);
    bool *keep = weights_choose(&all, &index, run->feature_buckets);
    index_keep(&index, keep);
    features_read(run, &index, part, len, false);
    few.len = index.len;
    weights_learn(&few, &run->corpus, part, len, &run->how);
    weights_pack(&few, &index, run->feature_buckets, &run->model);
    free(keep);
    free(all.at);
    free(few.at);
    free(part);
    index_close(&index);
}

static void test(struct run *run, unsigned fold) {
    for (uint32_t i = 0; i < run->corpus.len; i++) {
        const struct sentence *s = &run->corpus.at[i];
        enum role role = run->roles[s->file];
        if (role == TRAIN || (role == FOLD && s->group % FOLDS != fold)) continue;
        sentence_reread(run, s);
        names_model_score(&run->model, &run->sentence, &run->chain);
        names_chain_run(&run->chain, (const float(*)[NAMES_LABELS])run->model.transitions,
                        s->units);
        for (unsigned k = 0; k < LEASTS; k++)
            judge(run, s, &run->tally[s->file][k], leasts[k], false);
        if (run->show) {
            struct tally none = {0};
            judge(run, s, &none, run->least, true);
        }
    }
    free((void *)(uintptr_t)run->model.features);
}

static void report(const struct run *run) {
    for (unsigned file = 0; file < run->corpus.files_len; file++) {
        if (run->roles[file] == TRAIN) continue;
        printf("%s: %u names\n least   exact F1 (P R)        touching P R\n",
               run->corpus.files[file], run->tally[file][0].gold);
        for (unsigned k = 0; k < LEASTS; k++) {
            const struct tally *t = &run->tally[file][k];
            double p = t->exact / (t->found + 1e-9), r = t->exact / (t->gold + 1e-9);
            printf("  %.2f   %.4f (%.3f %.3f)   %.3f %.3f\n", (double)leasts[k],
                   2 * p * r / (p + r + 1e-9), p, r, t->touching / (t->found + 1e-9),
                   t->touched / (t->gold + 1e-9));
        }
    }
}

static struct view file_read(const char *path, struct buf *into) {
    FILE *file = fopen(path, "rb");
    if (!file) give_up(path);
    size_t from = into->len, n = fread(buf_room(into, 1 << 16), 1, 1 << 16, file);
    fclose(file);
    while (n && (into->at[from + n - 1] == '\n'))
        n--;
    return (struct view){into->at + from, n};
}

static void write(struct run *run) {
    struct buf payload, out, header;
    if (buf_open(&payload, FILE_MAX) || buf_open(&out, FILE_MAX) || buf_open(&header, 1 << 16))
        give_up(fail_text());
    run->model.least = run->least;
    if (names_model_write(&run->model, &payload) != SK_OK) give_up(fail_text());
    struct table table = {TABLE_NAMES, file_read(run->header, &header), buf_view(&payload)};
    if (table_write(&table, &out) != SK_OK) give_up(fail_text());
    FILE *file = fopen(run->out, "wb");
    if (!file || fwrite(out.at, 1, out.len, file) != out.len || fclose(file)) give_up(run->out);
    printf("%s: %zu bytes\n", run->out, out.len);
    buf_close(&payload);
    buf_close(&out);
    buf_close(&header);
}

static void file_add(struct run *run, enum role role, char *path) {
    char *colon = strrchr(path, ':');
    if (colon) *colon = 0;
    run->roles[run->corpus.files_len] = role;
    corpus_read(&run->corpus, path);
    if (colon)
        corpus_thin(&run->corpus, run->corpus.files_len - 1,
                    (unsigned)strtoul(colon + 1, NULL, 10));
}

static bool number_set(struct run *run, const char *name, const char *value) {
    double number = strtod(value, NULL);
    if (!strcmp(name, "--epochs"))
        run->how.epochs = (unsigned)number;
    else if (!strcmp(name, "--lambda"))
        run->how.lambda = number;
    else if (!strcmp(name, "--rate"))
        run->how.rate = number;
    else if (!strcmp(name, "--least"))
        run->least = (float)number;
    else if (!strcmp(name, "--features"))
        run->feature_buckets = (uint32_t)number;
    else if (!strcmp(name, "--entries"))
        run->lexicon_buckets = (uint32_t)number;
    else
        return false;
    return true;
}

static void arguments_read(struct run *run, int argc, char **argv) {
    enum role role = TRAIN;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (!strcmp(argv[i], "--train"))
            role = TRAIN;
        else if (!strcmp(argv[i], "--folds"))
            role = FOLD;
        else if (!strcmp(argv[i], "--test"))
            role = TEST;
        else if (!strcmp(argv[i], "--show"))
            run->show = true;
        else if (!strcmp(argv[i], "--lexicon") && more)
            run->lexicon = argv[++i];
        else if (!strcmp(argv[i], "--out") && more)
            run->out = argv[++i];
        else if (!strcmp(argv[i], "--header") && more)
            run->header = argv[++i];
        else if (more && number_set(run, argv[i], argv[i + 1]))
            i++;
        else if (argv[i][0] == '-')
            give_up(argv[i]);
        else
            file_add(run, role, argv[i]);
    }
}

int main(int argc, char **argv) {
    struct run *run = calloc(1, sizeof *run);
    if (!run) give_up("no memory");
    run->how =
        (struct learning){.epochs = 10, .lambda = 3, .rate = 0.02, .seed = 88172645463325252};
    run->feature_buckets = 24000;
    run->lexicon_buckets = 22000;
    run->least = 0.3F;
    arguments_read(run, argc, argv);
    if (!run->lexicon || !run->out != !run->header) give_up("see the head of main.c for arguments");
    if (names_reader_open(&run->reader) != SK_OK) give_up(fail_text());
    lexicon_pack(run->lexicon, run->lexicon_buckets, &run->model);
    bool folds = false;
    for (unsigned i = 0; i < run->corpus.files_len; i++)
        folds = folds || run->roles[i] == FOLD;
    for (unsigned fold = folds ? 0 : FOLDS;
         run->out ? fold == FOLDS : fold < (folds ? FOLDS : FOLDS + 1); fold++) {
        train(run, fold);
        if (run->out)
            write(run);
        else
            test(run, fold);
    }
    report(run);
    return 0;
}

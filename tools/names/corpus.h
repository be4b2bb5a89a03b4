// Corpus: labelled sentences, as the trainer of the name tagger reads them.
//
// A file has one sentence a line: group TAB text TAB spans, a span being FROM-TO in characters,
// spans parted by commas. Sentences of a group (a document, a template) stay together when data are
// parted.
#pragma once
#include "border/names_parts.h"

enum { CORPUS_FILES_MAX = 16 };

struct sentence {
    char *text; // folded
    uint32_t len, units;
    uint64_t group;
    unsigned file;
    struct names_span *gold; // names
    uint32_t gold_len;
    uint8_t *labels;    // of units
    uint32_t *features; // of all units, one after the other
    uint32_t *ends;     // where those of a unit end
};

struct corpus {
    struct sentence *at;
    uint32_t len;
    const char *files[CORPUS_FILES_MAX];
    unsigned files_len;
};

// Numbers of features by their hash: those of the training part, dense.
struct index {
    uint64_t *keys;
    uint32_t *numbers, len;
    uint64_t *by_number;
};

// Leaves only the features that `keep` says, numbered anew; sentence_features then finds no other.
void index_keep(struct index *index, const bool *keep);

// Every function prints what is wrong and exits: it is a build tool.
void corpus_read(struct corpus *corpus, const char *path);
// `keep` of a hundred sentences without a name stay.
void corpus_thin(struct corpus *corpus, unsigned file, unsigned keep);
struct index index_open(void);
void index_close(struct index *index);
// Fills in the features of a sentence; new ones get a number when `add`, else are left out.
void sentence_features(struct sentence *sentence, struct index *index,
                       const struct names_sentence *read, bool add);
_Noreturn void give_up(const char *what);

// What the files of keigo_data share: where texts go, chance by the seed, and the parts.
#pragma once
#include <stdio.h>

#include "base/hash.h"
#include "cli/lines.h"
#include "keigo/keigo.h"

enum { SOURCES_MAX = 32, HELD_PARTS = 5 };

struct tool {
    const char *data, *out;
    bool all; // nothing is held back: for the model that is shipped after it was measured
    uint64_t chance;
    struct keigo_reader *reader;
    struct keigo_candidates made;
    struct buf json;
    uint64_t lines; // written in all
    FILE *words;    // text-words.txt: conversations' texts, for the tokenizer; NULL: no more
};

void give_up(const char *what) __attribute__((noreturn));
void check(enum sk_code code); // gives up with its text

FILE *out_open(const struct tool *tool, const char *name);
void out_close(FILE *file);
// A conversation of one question and its answer, as a line of JSON.
void out_chat(struct tool *tool, FILE *file, struct view asked, struct view answered);

uint32_t chance_below(struct tool *tool, uint32_t n);
static inline bool chance_in(struct tool *tool, uint32_t hundred) {
    return chance_below(tool, 100) < hundred;
}

// Whether a topic (a verb, a template) is held back for measuring: by the SHA-256 of its name, one
// of HELD_PARTS; never a single row of it.
bool held(const struct tool *tool, struct view name);

// "DATA/name" in a static buffer.
const char *data_path(const struct tool *tool, const char *name);
// The whole of such a file.
void data_read(const struct tool *tool, const char *name, struct buf *out);

// The next line without its end; false: there is no more.
bool next_line(struct lines *lines, struct view *line);

// What is asked for.
enum task {
    TASK_POLITE,
    TASK_PLAIN,
    TASK_HUMBLE,
    TASK_HONORIFIC,
    TASK_MORE, // more polite still: levels 2 and 1
    TASK_LEVEL,
    TASK_DIRECTION,
};
// The user's words around a text: the commonest of its task, or by chance another.
void ask(struct tool *tool, enum task task, struct view text, struct buf *out);

// Polite by です, ます and their like, not by a phrase that has no plain form of its own.
static inline bool polite_by_form(const struct keigo_marks *marks) {
    return marks->polite_end && !marks->set_phrase;
}

// A polite sentence that people wrote, made plain: a conversation into `file`, from plain to polite
// or back. Nothing where the rules leave a mark of keigo.
void rewrite_sentence(struct tool *tool, FILE *file, struct view text);

void make_text(struct tool *tool);    // text-*.txt
void make_rewrite(struct tool *tool); // rewrite.jsonl
void make_keico(struct tool *tool);   // level.jsonl, pairs.jsonl, text-keico.txt; dev-*
void make_honour(struct tool *tool);  // honour.jsonl, direction.jsonl, dev-direction.tsv
void make_chat(struct tool *tool);    // chat.jsonl
void make_levels(struct tool *tool);  // levels.bin
void make_scud(struct tool *tool);    // scud.jsonl
void make_acts(struct tool *tool);    // acts.jsonl, dev-acts.jsonl

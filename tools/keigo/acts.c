// Honorific and humble forms of what people wrote: sentences of the Tanaka corpus whose act the
// rules can honour, with somebody for 彼は and 私は to whom the form is due. The plain and the
// polite sentence are asked with; the answer is the rules'. A fifth of the sentences is held back.
#include <string.h>

#include "tool.h"

enum { LEAST = 4 * 3, MOST = 36 * 3 }; // bytes of a sentence

static const char *const subjects[] = {"彼は", "彼女は", "あなたは", "君は", "私は",
                                       "僕は", "彼が",   "彼女が",   "私が", NULL};
static const char *const superiors[] = {"先生", "社長", "部長", "お客様", "会長", "教授",
                                        "店長", "院長", "皆様", "佐藤様", "先輩", "市長"};
static const char *const selves[] = {"私", "私", "わたくし", "弊社の者", "私ども", "父", "弟"};
#define ONE_OF(tool, list) list[chance_below(tool, sizeof(list) / sizeof *(list))]

struct acts {
    struct tool *tool;
    FILE *file, *apart;
};

// Bytes of the subject that the sentence begins with; 0: it names none that is known.
static size_t subject(struct view text) {
    for (unsigned i = 0; subjects[i]; i++)
        if (view_starts_at(text, 0, subjects[i])) return strlen(subjects[i]);
    return 0;
}

// Whether は or が stands in it anywhere: somebody else may act.
static bool names_some(struct view text) {
    return memmem(text.at, text.len, "は", 3) || memmem(text.at, text.len, "が", 3);
}

// What no form of respect suits: it may be, let us, please; and a question about oneself.
static bool unfit(struct view said, enum keigo_style style) {
    static const char *const words[] = {"かも", "ましょ", "くださ", "でおあり", "けさせて"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(said.at, said.len, words[i], strlen(words[i]))) return true;
    return style == KEIGO_HUMBLE &&
           (memmem(said.at, said.len, "？", 3) || memmem(said.at, said.len, "か。", 6));
}

// The first way in which the rules say a sentence; false: none that fits.
static bool say(struct acts *a, struct view text, enum keigo_style style, struct buf *out) {
    struct keigo_marks marks;
    struct keigo_candidates *made = &a->tool->made;
    if (keigo_rewrite(a->tool->reader, text, style, made) != SK_OK) return false;
    buf_put_view(out, made->text[0]);
    if (out->over || keigo_marks(a->tool->reader, buf_view(out), &marks) != SK_OK) return false;
    if (style == KEIGO_PLAIN) return !marks.polite_end && !marks.honorific && !marks.humble;
    if (style != KEIGO_POLITE && unfit(buf_view(out), style)) return false;
    return marks.polite_end && marks.honorific == (style == KEIGO_HONORIFIC) &&
           marks.humble == (style == KEIGO_HUMBLE);
}

static void sentence(struct acts *a, struct view text) {
    struct tool *tool = a->tool;
    char storage[4][1024];
    struct buf named = buf_over(storage[0], 1024), from = buf_over(storage[1], 1024);
    struct buf to = buf_over(storage[2], 1024), asked = buf_over(storage[3], 1024);
    if (text.len < LEAST || text.len > MOST) return;
    size_t who = subject(text);
    if (names_some(view_from(text, who))) return;
    bool respected = chance_in(tool, 50);
    if (who) {
        buf_put_text(&named, respected ? ONE_OF(tool, superiors) : ONE_OF(tool, selves));
        buf_put(&named, text.at + who - 3, 3);
    }
    buf_put_view(&named, view_from(text, who));
    bool plain = chance_in(tool, 40);
    if (!say(a, buf_view(&named), KEIGO_PLAIN, &from)) return;
    if (!say(a, buf_view(&from), respected ? KEIGO_HONORIFIC : KEIGO_HUMBLE, &to)) return;
    if (!plain) {
        buf_reset(&from);
        if (!say(a, buf_view(&named), KEIGO_POLITE, &from)) return;
    }
    ask(tool, respected ? TASK_HONORIFIC : TASK_HUMBLE, buf_view(&from), &asked);
    if (asked.over) return;
    out_chat(tool, held(tool, text) ? a->apart : a->file, buf_view(&asked), buf_view(&to));
}

void make_acts(struct tool *tool) {
    struct acts a = {tool, out_open(tool, "acts.jsonl"), out_open(tool, "dev-acts.jsonl")};
    struct lines lines = {0};
    struct view line;
    check(lines_open(&lines, data_path(tool, "tanaka-small-parallel-ja.txt")));
    while (next_line(&lines, &line))
        sentence(&a, line);
    lines_close(&lines);
    out_close(a.file);
    out_close(a.apart);
}

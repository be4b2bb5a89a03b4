// Plain to polite with targets that people wrote: their polite sentences, made plain by the rules;
// and back. Sentences that keep a mark of keigo when made plain are left out.
#include <string.h>

#include "tool.h"

enum { LEAST = 5 * 3, MOST = 60 * 3 }; // bytes of a sentence

struct rewrite {
    struct tool *tool;
    FILE *file;
    uint32_t share; // of a hundred sentences of this source
};

// Words that a plain speaker says otherwise; the rules would not undo them.
static const char *const spoken[][2] = {
    {"あなた", "君"},     {"では、", "じゃあ、"}, {"やはり", "やっぱり"},   {"こちら", "こっち"},
    {"皆さん", "みんな"}, {"とても", "すごく"},   {"あまり", "あんまり"},   {"少し", "ちょっと"},
    {"ている", "てる"},   {"ていた", "てた"},     {"ですが、", "だけど、"},
};

static void put_spoken(struct tool *tool, struct view text, struct buf *out) {
    while (text.len) {
        size_t taken = 0;
        for (size_t i = 0; i < sizeof spoken / sizeof *spoken && !taken; i++)
            if (view_starts_at(text, 0, spoken[i][0]) && chance_in(tool, 50)) {
                buf_put_text(out, spoken[i][1]);
                taken = strlen(spoken[i][0]);
            }
        if (!taken) {
            taken = 1;
            buf_put_char(out, text.at[0]);
        }
        text = view_from(text, taken);
    }
}

// よ or ね at the end of a plain sentence, which polite ones do without.
static void put_end(struct tool *tool, struct buf *text) {
    struct view stop = VIEW("。");
    struct view whole = buf_view(text);
    if (whole.len < 6 || !view_starts_at(whole, whole.len - 3, "。") || !chance_in(tool, 40))
        return;
    struct view end = view_from(whole, whole.len - 6);
    if (!view_starts_at(end, 0, "る") && !view_starts_at(end, 0, "い") &&
        !view_starts_at(end, 0, "た") && !view_starts_at(end, 0, "う") &&
        !view_starts_at(end, 0, "だ"))
        return;
    text->len -= 3;
    buf_put_text(text, chance_in(tool, 85) ? "よ" : "ね");
    buf_put_view(text, stop);
}

void rewrite_sentence(struct tool *tool, FILE *file, struct view text) {
    struct keigo_marks before, after;
    char storage[KEIGO_TEXT_MAX * 2], question[KEIGO_TEXT_MAX * 3];
    struct buf said = buf_over(storage, sizeof storage),
               asked = buf_over(question, sizeof question);
    if (text.len < LEAST || text.len > MOST) return;
    if (keigo_marks(tool->reader, text, &before) != SK_OK) return;
    if (!polite_by_form(&before)) return;
    if (keigo_rewrite(tool->reader, text, KEIGO_PLAIN, &tool->made) != SK_OK) return;
    put_spoken(tool, tool->made.text[0], &said);
    if (view_same(buf_view(&said), text)) return;
    check(keigo_marks(tool->reader, buf_view(&said), &after));
    if (polite_by_form(&after) || after.honorific || after.humble) return;
    put_end(tool, &said);
    if (chance_in(tool, 22)) {
        ask(tool, TASK_PLAIN, text, &asked);
        out_chat(tool, file, buf_view(&asked), buf_view(&said));
        return;
    }
    ask(tool, TASK_POLITE, buf_view(&said), &asked);
    out_chat(tool, file, buf_view(&asked), text);
}

// The sentences of a line, each with its full stop.
static void line_read(struct rewrite *r, struct view line) {
    if (line.len > 400) return;
    for (size_t from = 0, i = 0; i < line.len; i++) {
        struct view rest = view_from(line, i);
        bool ends = view_starts_at(rest, 0, "。") || view_starts_at(rest, 0, "？") ||
                    view_starts_at(rest, 0, "！");
        size_t mark = ends ? 3 : rest.at[0] == '?' || rest.at[0] == '!' ? 1 : 0;
        if (!mark && i + 1 < line.len) continue;
        size_t end = mark ? i + mark : line.len;
        if (chance_in(r->tool, r->share))
            rewrite_sentence(r->tool, r->file, (struct view){line.at + from, end - from});
        from = end;
        i = end - 1;
    }
}

static void source(struct rewrite *r, const char *name, uint32_t share) {
    struct lines lines = {0};
    struct view line;
    r->share = share;
    check(lines_open(&lines, data_path(r->tool, name)));
    while (next_line(&lines, &line))
        line_read(r, line);
    lines_close(&lines);
}

void make_rewrite(struct tool *tool) {
    struct rewrite r = {tool, out_open(tool, "rewrite.jsonl"), 0};
    source(&r, "tanaka-small-parallel-ja.txt", 100);
    source(&r, "asdc-accommodation-dialogs.txt.zst", 25);
    source(&r, "react-ja.txt", 15);
    source(&r, "rurema-doctree.txt", 6);
    source(&r, "aozora-120m.txt.zst", 5);
    out_close(r.file);
}

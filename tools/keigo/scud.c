// ASDC's self-contained descriptions, reversed: from the plain sentence that annotators wrote to
// the polite one that was said. Only those marked correct, one sentence for one, and alike enough
// to be one saying.
#include <string.h>

#include "base/json.h"
#include "tool.h"

// Of the first text's two-character pieces, how many stand in the second, of a hundred.
static unsigned alike(struct view a, struct view b) {
    unsigned found = 0, all = 0;
    for (size_t i = 0; i + 6 <= a.len; i += 3) {
        all++;
        for (size_t k = 0; k + 6 <= b.len; k++)
            if (!memcmp(a.at + i, b.at + k, 6)) {
                found++;
                break;
            }
    }
    return all ? 100 * found / all : 0;
}

static bool only(const struct json_node *list, struct view *text) {
    if (!json_is(list, JSON_ARRAY) || list->len != 1) return false;
    if (!json_is(json_first(list), JSON_STRING)) return false;
    *text = json_view(json_first(list));
    return true;
}

static void example(struct tool *tool, FILE *file, const struct json_node *root) {
    bool correct = false;
    struct view said, plain;
    char storage[KEIGO_TEXT_MAX * 2];
    struct buf asked = buf_over(storage, sizeof storage);
    struct keigo_marks marks;
    const struct json_node *node = json_find(root, "correct");
    if (!node || !json_bool(node, &correct) || !correct) return;
    if (!only(json_find(root, "sources"), &said) || !only(json_find(root, "targets"), &plain))
        return;
    if (said.len > 240 || plain.len > 240 || memmem(plain.at, plain.len, "【", 3)) return;
    if (alike(plain, said) < 55 || view_same(plain, said)) return;
    if (keigo_marks(tool->reader, said, &marks) != SK_OK) return;
    if (!polite_by_form(&marks)) return;
    check(keigo_marks(tool->reader, plain, &marks));
    if (polite_by_form(&marks)) return;
    ask(tool, TASK_POLITE, plain, &asked);
    out_chat(tool, file, buf_view(&asked), said);
}

void make_scud(struct tool *tool) {
    struct lines lines = {0};
    struct arena arena;
    struct view line;
    char text[1 << 14];
    FILE *file = out_open(tool, "scud.jsonl");
    check(arena_open(&arena, "json", 1 << 20));
    check(lines_open(&lines, data_path(tool, "asdc-scud-examples.jsonl.zst")));
    while (next_line(&lines, &line)) {
        const struct json_node *root;
        if (line.len > sizeof text) continue;
        memcpy(text, line.at, line.len);
        arena_reset(&arena);
        check(json_parse(text, line.len, &arena, &root));
        example(tool, file, root);
    }
    lines_close(&lines);
    arena_close(&arena);
    out_close(file);
}

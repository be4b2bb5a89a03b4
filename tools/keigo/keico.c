// KeiCO: levels, and pairs across them, of the topics that are not held back.
#include <string.h>

#include "cli/csv.h"
#include "tool.h"

static const char *const answers[] = {"", KEIGO_LEVEL_1, KEIGO_LEVEL_2, KEIGO_LEVEL_3,
                                      KEIGO_LEVEL_4};

static int column(const struct csv *csv, const char *name) {
    int at = csv_column(csv, name);
    if (at < 0) give_up(name);
    return at;
}

static void put_row(FILE *file, const struct csv *csv) {
    for (uint32_t i = 0; i < csv->fields; i++)
        fprintf(file, "%s%.*s", i ? csv->separator == ',' ? "," : "\t" : "", (int)csv->field[i].len,
                csv->field[i].at);
    fputc('\n', file);
}

static void levels(struct tool *tool, FILE *polite) {
    struct buf text;
    data_read(tool, "keico-train.csv", &text);
    struct csv csv = csv_over(&text);
    check(csv_next(&csv));
    int at_text = column(&csv, "本文"), at_level = column(&csv, "Level");
    int at_topic = column(&csv, "フィールド");
    FILE *file = out_open(tool, "level.jsonl"), *apart = out_open(tool, "dev-level.csv");
    FILE *text_file = out_open(tool, "text-keico.txt");
    put_row(apart, &csv);
    for (;;) {
        char storage[KEIGO_TEXT_MAX * 2];
        struct buf asked = buf_over(storage, sizeof storage);
        check(csv_next(&csv));
        if (!csv.fields) break;
        struct view level = csv.field[at_level];
        if (level.len != 1 || level.at[0] < '1' || level.at[0] > '4')
            give_up("a level is not 1..4");
        if (held(tool, csv.field[at_topic])) {
            put_row(apart, &csv);
            continue;
        }
        ask(tool, TASK_LEVEL, csv.field[at_text], &asked);
        out_chat(tool, file, buf_view(&asked), view_of(answers[level.at[0] - '0']));
        fprintf(text_file, "%.*s\n", (int)csv.field[at_text].len, csv.field[at_text].at);
        if (level.at[0] == '3') rewrite_sentence(tool, polite, csv.field[at_text]);
    }
    out_close(file);
    out_close(apart);
    out_close(text_file);
    buf_close(&text);
}

static void pairs(struct tool *tool, FILE *file) {
    struct buf text;
    data_read(tool, "keico-mined-pairs.tsv", &text);
    struct csv csv = csv_over(&text);
    check(csv_next(&csv));
    int from = column(&csv, "from"), to = column(&csv, "to"), topic = column(&csv, "topic");
    int source = column(&csv, "src"), target = column(&csv, "tgt");
    FILE *apart = out_open(tool, "dev-pairs.tsv");
    put_row(apart, &csv);
    for (;;) {
        char storage[KEIGO_TEXT_MAX * 2];
        struct buf asked = buf_over(storage, sizeof storage);
        check(csv_next(&csv));
        if (!csv.fields) break;
        if (held(tool, csv.field[topic])) {
            put_row(apart, &csv);
            continue;
        }
        bool up = view_is(csv.field[from], "4") && view_is(csv.field[to], "3");
        ask(tool, up ? TASK_POLITE : TASK_MORE, csv.field[source], &asked);
        out_chat(tool, file, buf_view(&asked), csv.field[target]);
        if (!up) continue;
        buf_reset(&asked);
        ask(tool, TASK_PLAIN, csv.field[target], &asked);
        if (chance_in(tool, 40)) out_chat(tool, file, buf_view(&asked), csv.field[source]);
    }
    out_close(apart);
    buf_close(&text);
}

void make_keico(struct tool *tool) {
    FILE *file = out_open(tool, "pairs.jsonl");
    levels(tool, file);
    pairs(tool, file);
    out_close(file);
}

// Tasks of keigo: levels, plain to polite, and whether forms fit who acts.
#include <math.h>

#include "cli/eval.h"

// The column of a name; *out -1 and SK_INPUT: there is none.
static enum sk_code column(const struct csv *csv, const char *name, int *out) {
    *out = csv_column(csv, name);
    return *out >= 0 ? SK_OK : FAIL(SK_INPUT, "csv: no column %s in the first row", name);
}

static enum sk_code field(const struct csv *csv, int at, struct view *out) {
    *out = (struct view){"", 0};
    if ((uint32_t)at >= csv->fields)
        return FAIL(SK_INPUT, "csv: row %u: %u fields, %d are needed", csv->row, csv->fields,
                    at + 1);
    *out = csv->field[at];
    return SK_OK;
}

// Rows but the head; fields 0: the end, or the limit.
static enum sk_code next(const struct eval *eval, struct csv *csv, uint64_t done) {
    eval_progress(done);
    csv->fields = 0;
    return done < eval->limit ? csv_next(csv) : SK_OK;
}

// What rules and model said of a row.
static enum sk_code of_row(const struct csv *csv, enum sk_code code) {
    return code == SK_OK ? code : fail_within(code, "csv: row %u", csv->row);
}

struct level_count {
    uint64_t of[KEIGO_LEVELS], hit[KEIGO_LEVELS], near, all;
};

static void levels_tell(struct eval *eval, const struct level_count *count) {
    static const char *const names[KEIGO_LEVELS] = {"recall of level 1", "recall of level 2",
                                                    "recall of level 3", "recall of level 4"};
    uint64_t hits = 0;
    for (unsigned i = 0; i < KEIGO_LEVELS; i++)
        hits += count->hit[i];
    eval_share(eval, "exact", hits, count->all);
    eval_share(eval, "within one", count->near, count->all);
    for (unsigned i = 0; i < KEIGO_LEVELS; i++)
        eval_share(eval, names[i], count->hit[i], count->of[i]);
}

enum sk_code eval_levels(struct eval *eval) {
    struct csv csv = csv_over(&eval->file);
    struct level_count count = {0};
    int at_text, at_level;
    TRY(csv_next(&csv));
    TRY(column(&csv, "本文", &at_text));
    TRY(column(&csv, "Level", &at_level));
    for (;;) {
        struct view text, level;
        double share[KEIGO_LEVELS];
        TRY(next(eval, &csv, count.all));
        if (!csv.fields) break;
        TRY(field(&csv, at_text, &text));
        TRY(field(&csv, at_level, &level));
        if (level.len != 1 || level.at[0] < '1' || level.at[0] > '4')
            return FAIL(SK_INPUT, "csv: row %u: Level is 1, 2, 3 or 4", csv.row);
        TRY(of_row(&csv, hybrid_level(&eval->hybrid, text, share)));
        uint32_t is = hybrid_level_of(share), should = (uint32_t)(level.at[0] - '0');
        count.of[should - 1]++;
        count.hit[should - 1] += is == should;
        count.near += is <= should + 1 && should <= is + 1;
        count.all++;
    }
    levels_tell(eval, &count);
    return SK_OK;
}

static enum sk_code polite_one(struct eval *eval, struct view text, struct view reference,
                               uint64_t *polite) {
    char storage[EVAL_ANSWER_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    struct keigo_marks marks;
    TRY(hybrid_rewrite(&eval->hybrid, text, KEIGO_POLITE, &out));
    TRY(eval_made_add(eval, buf_view(&out), reference));
    struct view answer = buf_view(&out); // of a long one, whether its end is polite
    if (answer.len > KEIGO_TEXT_MAX) return SK_OK;
    if (keigo_marks(eval->hybrid.reader, answer, &marks) == SK_OK) *polite += marks.polite_end;
    return SK_OK;
}

enum sk_code eval_polite(struct eval *eval) {
    struct csv csv = csv_over(&eval->file);
    uint64_t polite = 0;
    int from, to, source, target;
    TRY(csv_next(&csv));
    TRY(column(&csv, "from", &from));
    TRY(column(&csv, "to", &to));
    TRY(column(&csv, "src", &source));
    TRY(column(&csv, "tgt", &target));
    for (;;) {
        struct view level[2], text, reference;
        TRY(next(eval, &csv, eval->made.texts));
        if (!csv.fields) break;
        TRY(field(&csv, from, &level[0]));
        TRY(field(&csv, to, &level[1]));
        TRY(field(&csv, source, &text));
        TRY(field(&csv, target, &reference));
        if (!view_is(level[0], "4") || !view_is(level[1], "3")) continue;
        TRY(of_row(&csv, polite_one(eval, text, reference, &polite)));
    }
    eval_share(eval, "polite ending", polite, eval->made.texts);
    eval_made_tell(eval);
    return SK_OK;
}

enum sk_code eval_direction(struct eval *eval) {
    struct csv csv = csv_over(&eval->file);
    uint64_t of[2] = {0}, hit[2] = {0}; // right, wrong
    int at_text, at_verdict;
    TRY(csv_next(&csv));
    TRY(column(&csv, "text", &at_text));
    TRY(column(&csv, "verdict", &at_verdict));
    for (;;) {
        struct view text, verdict;
        struct keigo_direction why;
        double wrong;
        TRY(next(eval, &csv, of[0] + of[1]));
        if (!csv.fields) break;
        TRY(field(&csv, at_text, &text));
        TRY(field(&csv, at_verdict, &verdict));
        bool is = view_is(verdict, "wrong");
        if (!is && !view_is(verdict, "right"))
            return FAIL(SK_INPUT, "csv: row %u: verdict is right or wrong", csv.row);
        TRY(of_row(&csv, hybrid_direction(&eval->hybrid, text, &wrong, &why)));
        of[is]++;
        hit[is] += (wrong >= 0.5) == is;
    }
    eval_share(eval, "exact", hit[0] + hit[1], of[0] + of[1]);
    eval_share(eval, "wrong ones noticed", hit[1], of[1]);
    eval_share(eval, "right ones passed", hit[0], of[0]);
    return SK_OK;
}

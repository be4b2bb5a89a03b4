// `sekisho keigo`: rewriting and judging politeness, by rules and a model together.
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/hybrid.h"

static const char usage[] =
    "usage: sekisho keigo rewrite [--to STYLE] [OPTIONS] TEXT...\n"
    "       sekisho keigo level [OPTIONS] TEXT...\n"
    "       sekisho keigo check [OPTIONS] TEXT...\n\n"
    "Japanese politeness, sentence by sentence. Rules propose, the model chooses; in this "
    "process,\n"
    "without a node or a receipt. '-': the lines of standard input.\n"
    "  rewrite  in another style\n"
    "  level    1 (the politest) to 4 (plain), as KeiCO's annotators count\n"
    "  check    whether honorific and humble forms fit who acts, and why (in Japanese)\n\n"
    "  --to STYLE    plain, polite (default), humble or honorific\n"
    "  --by WHICH    both (default), rules or model\n"
    "  --model FILE  a GGUF file that learned these tasks; default: the configured model\n"
    "  --levels FILE weights of levels, weighed beside the model; default: those that came with\n"
    "                the program. With --by rules: instead of the marks of the forms\n"
    "  --json        an object a line\n";

enum { LINES_MAX = 1 << 24, ANSWER_MAX = 1 << 14 };

enum task { REWRITE, LEVEL, CHECK };

struct work {
    enum task task;
    enum keigo_style style;
    struct hybrid hybrid;
    bool json;
};

// `why`: in Japanese, or empty.
static void print(const struct work *work, struct view text, struct view answer, double sure,
                  struct view why) {
    static const char *const names[] = {"rewritten", "level", "fits"};
    static char storage[1 << 16];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    if (!work->json) {
        cli_print(answer);
        if (work->task != REWRITE) printf("  (%.2f)", sure);
        if (why.len) printf("  ");
        cli_print(why);
        putchar('\n');
        return;
    }
    json_open(&w, '{');
    json_member_string(&w, "text", text);
    json_name(&w, names[work->task]);
    if (work->task == REWRITE)
        json_put_string(&w, answer);
    else
        json_put_raw(&w, answer);
    if (work->task != REWRITE) {
        json_name(&w, "likelihood");
        json_put_f64(&w, sure);
    }
    if (why.len) json_member_string(&w, "reason", why);
    json_close(&w, '}');
    printf("%.*s\n", (int)out.len, out.at);
}

static enum sk_code level(struct work *work, struct view text) {
    static const char *const names[][2] = {
        {"1", "1 最も丁寧な敬語"}, {"2", "2 敬語"}, {"3", "3 丁寧語"}, {"4", "4 普通体"}};
    double share[KEIGO_LEVELS];
    TRY(hybrid_level(&work->hybrid, text, share));
    uint32_t of = hybrid_level_of(share);
    print(work, text, view_of(names[of - 1][!work->json]), share[of - 1], (struct view){"", 0});
    return SK_OK;
}

static enum sk_code check(struct work *work, struct view text) {
    char storage[ANSWER_MAX];
    struct buf reason = buf_over(storage, sizeof storage);
    struct keigo_direction why;
    double wrong;
    TRY(hybrid_direction(&work->hybrid, text, &wrong, &why));
    bool fits = wrong < 0.5;
    const char *said = work->json ? fits ? "true" : "false" : fits ? "fits" : "does not fit";
    if (why.sure > 0) keigo_direction_tell(&why, text, &reason);
    print(work, text, view_of(said), fits ? 1 - wrong : wrong, buf_view(&reason));
    return SK_OK;
}

static enum sk_code one(struct work *work, struct view text) {
    char storage[ANSWER_MAX];
    struct buf answer = buf_over(storage, sizeof storage);
    if (work->task == LEVEL) return level(work, text);
    if (work->task == CHECK) return check(work, text);
    TRY(hybrid_rewrite(&work->hybrid, text, work->style, &answer));
    print(work, text, buf_view(&answer), 1, (struct view){"", 0});
    return SK_OK;
}

static enum sk_code lines(struct work *work) {
    struct buf in = {0};
    TRY(buf_open(&in, LINES_MAX));
    enum sk_code code = cli_read("-", &in);
    struct view rest = buf_view(&in), line;
    while (code == SK_OK && view_next(&rest, '\n', &line))
        if (line.len) code = one(work, line);
    buf_close(&in);
    return code;
}

static bool task_find(const char *name, enum task *out) {
    static const char *const names[] = {"rewrite", "level", "check"};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum task)i;
            return true;
        }
    return false;
}

int cmd_keigo(int argc, char **argv) {
    static struct work work;
    const char *to = "polite", *by = "both", *file = NULL, *levels = NULL;
    enum hybrid_by which = HYBRID_BOTH;
    const struct cli_option options[] = {{"--to", &to, NULL},          {"--by", &by, NULL},
                                         {"--model", &file, NULL},     {"--levels", &levels, NULL},
                                         {"--json", NULL, &work.json}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest < 2 || !task_find(argv[1], &work.task))
        return cli_usage(usage, "rewrite, level or check, and a TEXT");
    if (keigo_style_find(view_of(to), &work.style) != SK_OK ||
        hybrid_by_find(view_of(by), &which) != SK_OK)
        return cli_usage(usage, "%s", fail_text());
    if (levels && work.task != LEVEL) return cli_usage(usage, "--levels: of level only");
    enum sk_code code = hybrid_open(&work.hybrid, file, which);
    if (code == SK_OK && work.task == LEVEL) code = hybrid_levels_open(&work.hybrid, levels);
    bool from_lines = rest == 2 && strcmp(argv[2], "-") == 0;
    if (code == SK_OK && from_lines) code = lines(&work);
    for (int i = 2; i <= rest && code == SK_OK && !from_lines; i++)
        code = one(&work, view_of(argv[i]));
    hybrid_close(&work.hybrid);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho tokenize [--model FILE] [--special] [--no-bos] [--json] TEXT|-\n"
    "       sekisho tokenize [--model FILE] [--special] [--no-bos] --lines [--zero] < TEXTS\n"
    "       sekisho tokenize [--model FILE] --detokenize ID...\n\n"
    "Shows the tokens of a text ('-': standard input, any bytes), or the text of tokens. The file\n"
    "needs no weights.\n\n"
    "  --model FILE  a GGUF file; default: the configured model\n"
    "  --special     texts of control tokens become those tokens\n"
    "  --no-bos      without the tokens the model puts before and after every text\n"
    "  --json        {\"ids\":[...],\"pieces\":[...]}\n"
    "  --lines       each line of standard input by itself, to one JSON array of ids a line\n"
    "  --zero        with --lines: texts end with a NUL instead of a line break\n"
    "  --detokenize  token ids to text\n";

enum { TEXT_MAX = 1 << 24, IDS_MAX = 1 << 24 };

struct words {
    const char *model;
    bool special, no_bos, json, lines, zero, detokenize;
};

struct work {
    const struct words *words;
    const struct engine *engine;
    struct buf out;
    int32_t *ids;
};

static void print(struct buf *out) {
    fwrite(out->at, 1, out->len, stdout);
    buf_reset(out);
}

// The ids of a text into work->ids, with those around it.
static enum sk_code ids_of(struct work *work, struct view text, size_t *len) {
    struct engine_around around = engine_around(work->engine);
    size_t inner, at = 0;
    if (work->words->no_bos) around = (struct engine_around){-1, -1};
    if (around.before >= 0) work->ids[at++] = around.before;
    TRY(engine_tokenize(work->engine, text, work->words->special, work->ids + at,
                        IDS_MAX - at - 1, &inner));
    at += inner;
    if (around.after >= 0) work->ids[at++] = around.after;
    *len = at;
    return SK_OK;
}

static void put_ids(struct json_writer *w, const int32_t *ids, size_t len) {
    json_open(w, '[');
    for (size_t i = 0; i < len; i++) json_put_i64(w, ids[i]);
    json_close(w, ']');
}

static struct view piece_of(const struct work *work, int32_t id, char *storage, size_t max) {
    struct buf piece = buf_over(storage, max);
    engine_detokenize(work->engine, id, &piece);
    return buf_view(&piece);
}

// The bytes of a token in quotes; those that are no visible ASCII and no whole character as \xNN.
static void put_escaped(struct buf *out, struct view text) {
    buf_put_char(out, '"');
    while (text.len) {
        size_t plain = json_plain(text);
        buf_put(out, text.at, plain);
        text = view_from(text, plain);
        if (text.len == 0) break;
        if (text.at[0] == '"' || text.at[0] == '\\')
            buf_print(out, "\\%c", text.at[0]);
        else
            buf_print(out, "\\x%02x", (uint8_t)text.at[0]);
        text = view_from(text, 1);
    }
    buf_put_char(out, '"');
}

static enum sk_code show(struct work *work, struct view text) {
    char storage[4096];
    size_t len;
    TRY(ids_of(work, text, &len));
    struct json_writer w = json_writer_to(&work->out);
    if (work->words->json) {
        json_open(&w, '{');
        json_name(&w, "ids");
        put_ids(&w, work->ids, len);
        json_name(&w, "pieces");
        json_open(&w, '[');
        for (size_t i = 0; i < len; i++)
            json_put_string(&w, piece_of(work, work->ids[i], storage, sizeof storage));
        json_close(&w, ']');
        json_close(&w, '}');
        buf_put_char(&work->out, '\n');
    }
    for (size_t i = 0; i < len && !work->words->json; i++) {
        struct view piece = piece_of(work, work->ids[i], storage, sizeof storage);
        buf_print(&work->out, "%8d  ", work->ids[i]);
        put_escaped(&work->out, piece);
        if (piece.len == 0) { // a control token: by its name
            buf_put_text(&work->out, "  ");
            put_escaped(&work->out, engine_token_name(work->engine, work->ids[i]));
        }
        buf_put_char(&work->out, '\n');
    }
    TRY(buf_check(&work->out, "the table"));
    print(&work->out);
    return SK_OK;
}

static enum sk_code show_lines(struct work *work) {
    char *line = NULL;
    size_t room = 0, len;
    ssize_t got;
    enum sk_code code = SK_OK;
    int end = work->words->zero ? 0 : '\n';
    while (code == SK_OK && (got = getdelim(&line, &room, end, stdin)) > 0) {
        struct view text = {line, (size_t)got - (line[got - 1] == end)};
        code = ids_of(work, text, &len);
        if (code != SK_OK) break;
        struct json_writer w = json_writer_to(&work->out);
        put_ids(&w, work->ids, len);
        buf_put_char(&work->out, '\n');
        code = buf_check(&work->out, "a line's ids");
        print(&work->out);
    }
    free(line);
    return code;
}

static enum sk_code show_input(struct work *work) {
    char *text = malloc(TEXT_MAX + 1);
    if (!text) return FAIL(SK_LIMIT, "memory: none left");
    size_t len = fread(text, 1, TEXT_MAX + 1, stdin);
    enum sk_code code = len > TEXT_MAX ? FAIL(SK_LIMIT, "standard input: over %d bytes", TEXT_MAX)
                                       : show(work, (struct view){text, len});
    free(text);
    return code;
}

static enum sk_code show_text(struct work *work, char **ids, int len) {
    uint32_t vocabulary = engine_shape(work->engine).vocabulary;
    for (int i = 0; i < len; i++) {
        uint64_t id;
        if (!cli_number(ids[i], 0, vocabulary - 1, &id))
            return FAIL(SK_INPUT, "token %s is not one of 0..%u", ids[i], vocabulary - 1);
        engine_detokenize(work->engine, (int32_t)id, &work->out);
    }
    TRY(buf_check(&work->out, "the text"));
    print(&work->out);
    putchar('\n');
    return SK_OK;
}

static enum sk_code run(const struct words *words, char **rest, int len) {
    struct engine_options options = {.tokens_only = true};
    struct cli_model model;
    struct work work = {.words = words};
    TRY(cli_model_with(words->model, NULL, &options, &model));
    work.engine = model.engine;
    work.ids = malloc(IDS_MAX * sizeof *work.ids);
    enum sk_code code = work.ids ? buf_open(&work.out, (size_t)1 << 30)
                                 : FAIL(SK_LIMIT, "memory: none left");
    if (code != SK_OK)
        ;
    else if (words->detokenize)
        code = show_text(&work, rest, len);
    else if (words->lines)
        code = show_lines(&work);
    else if (strcmp(rest[0], "-") == 0)
        code = show_input(&work);
    else
        code = show(&work, view_of(rest[0]));
    buf_close(&work.out);
    free(work.ids);
    cli_model_close(&model);
    return code;
}

int cmd_tokenize(int argc, char **argv) {
    struct words words = {0};
    const struct cli_option options[] = {{"--model", &words.model, NULL},
                                         {"--special", NULL, &words.special},
                                         {"--no-bos", NULL, &words.no_bos},
                                         {"--json", NULL, &words.json},
                                         {"--lines", NULL, &words.lines},
                                         {"--zero", NULL, &words.zero},
                                         {"--detokenize", NULL, &words.detokenize},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (words.lines + words.detokenize + words.json > 1 || (words.zero && !words.lines))
        return cli_usage(usage, "these options do not go together");
    bool fits = words.lines ? rest == 0 : words.detokenize ? rest > 0 : rest == 1;
    if (!fits) return cli_usage(usage, words.detokenize ? "token ids?" : "one TEXT, or -");
    return run(&words, argv + 1, rest) == SK_OK ? EXIT_DONE : cli_failed();
}

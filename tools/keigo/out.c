// Files out, chance, what is held back, and the user's words.
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tool.h"

void give_up(const char *what) {
    fprintf(stderr, "keigo_data: %s\n", what);
    exit(1);
}

void check(enum sk_code code) {
    if (code != SK_OK) give_up(fail_text());
}

FILE *out_open(const struct tool *tool, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", tool->out, name);
    FILE *file = fopen(path, "wb");
    if (!file) give_up(path);
    return file;
}

void out_close(FILE *file) {
    if (ferror(file) || fclose(file)) give_up("the disk is full, or a file cannot be written");
}

static void message(struct json_writer *w, const char *role, struct view text) {
    json_open(w, '{');
    json_member_text(w, "role", role);
    json_member_string(w, "content", text);
    json_close(w, '}');
}

// Of the conversation before, which one in twelve goes on from.
static char before[2][1 << 13];
static struct buf before_asked, before_answered;

static void remember(struct buf *to, char *storage, struct view text) {
    *to = buf_over(storage, sizeof before[0]);
    buf_put_view(to, text);
    if (to->over) buf_reset(to);
}

static const char *const systems[] = {"あなたは敬語に詳しいアシスタントです。",
                                      "丁寧に答えてください。", "あなたは親切なアシスタントです。",
                                      "日本語で短く答えてください。",
                                      "You are a helpful assistant."};

void out_chat(struct tool *tool, FILE *file, struct view asked, struct view answered) {
    struct json_writer w = json_writer_to(&tool->json);
    buf_reset(&tool->json);
    json_open(&w, '{');
    json_name(&w, "messages");
    json_open(&w, '[');
    if (chance_in(tool, 8))
        message(&w, "system",
                view_of(systems[chance_below(tool, sizeof systems / sizeof *systems)]));
    if (chance_in(tool, 8) && before_asked.len && before_answered.len) {
        message(&w, "user", buf_view(&before_asked));
        message(&w, "assistant", buf_view(&before_answered));
    }
    remember(&before_asked, before[0], asked);
    remember(&before_answered, before[1], answered);
    message(&w, "user", asked);
    message(&w, "assistant", answered);
    json_close(&w, ']');
    json_close(&w, '}');
    must(!tool->json.over);
    fwrite(tool->json.at, 1, tool->json.len, file);
    fputc('\n', file);
    if (tool->words)
        fprintf(tool->words, "%.*s\n%.*s\n", (int)asked.len, asked.at, (int)answered.len,
                answered.at);
    tool->lines++;
}

// SplitMix64 (Steele, Lea, Flood 2014).
uint32_t chance_below(struct tool *tool, uint32_t n) {
    uint64_t z = tool->chance += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return (uint32_t)((z >> 32) * n >> 32);
}

bool held(const struct tool *tool, struct view name) {
    uint8_t digest[HASH_LEN];
    uint32_t sum = 0; // 256 is 1 modulo 5: the digest as one number, modulo 5
    if (tool->all) return false;
    hash_of(name.at, name.len, digest);
    for (unsigned i = 0; i < HASH_LEN; i++)
        sum += digest[i];
    return sum % HELD_PARTS == 0;
}

const char *data_path(const struct tool *tool, const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", tool->data, name);
    return path;
}

void data_read(const struct tool *tool, const char *name, struct buf *out) {
    enum { FILE_MAX = 64 << 20 };
    const char *path = data_path(tool, name);
    FILE *file = fopen(path, "rb");
    if (!file) give_up(path);
    check(buf_open(out, FILE_MAX));
    char block[1 << 14];
    size_t n;
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        buf_put(out, block, n);
    fclose(file);
    check(buf_check(out, path));
}

bool next_line(struct lines *lines, struct view *line) {
    check(lines_next(lines, line));
    bool more = line->len > 0;
    while (line->len && line->at[line->len - 1] == '\n')
        line->len--;
    return more;
}

// The first is the commonest; {} is the text.
static const char *const polite[] = {KEIGO_ASK_POLITE "{}",
                                     "丁寧な言い方にしてください：{}",
                                     "次の文を丁寧語に直してください。\n{}",
                                     "「{}」を丁寧語にしてください。",
                                     "「{}」を丁寧に言い換えてください。",
                                     "です・ます調にしてください：{}",
                                     "{}\nこの文を丁寧語にして。",
                                     "丁寧語にして：{}",
                                     "「{}」を丁寧に言うと？",
                                     NULL};
static const char *const plain[] = {KEIGO_ASK_PLAIN "{}",
                                    "くだけた言い方にしてください：{}",
                                    "「{}」を普通体にしてください。",
                                    "次の文を常体に直してください。\n{}",
                                    "「{}」を友だちに言うと？",
                                    "普通体にして：{}",
                                    NULL};
static const char *const humble[] = {KEIGO_ASK_HUMBLE "{}",
                                     "「{}」を謙譲語にしてください。",
                                     "次の文を謙譲語に直してください。\n{}",
                                     "へりくだった言い方にしてください：{}",
                                     "謙譲語にして：{}",
                                     "「{}」を謙譲語で言うと？",
                                     NULL};
static const char *const honorific[] = {KEIGO_ASK_HONORIFIC "{}",
                                        "「{}」を尊敬語にしてください。",
                                        "次の文を尊敬語に直してください。\n{}",
                                        "目上の人のことを言う形にしてください：{}",
                                        "尊敬語にして：{}",
                                        "「{}」を尊敬語で言うと？",
                                        NULL};
static const char *const more[] = {"もっと丁寧な敬語にしてください：{}", "敬語にしてください：{}",
                                   "「{}」をもっと丁寧にしてください。",
                                   "「{}」を敬語にしてください。", NULL};
static const char *const level[] = {KEIGO_ASK_LEVEL "{}",
                                    "次の文の敬語のレベルを答えてください。\n{}",
                                    "「{}」の丁寧さはどのくらいですか？", NULL};
static const char *const direction[] = {KEIGO_ASK_DIRECTION "{}", "「{}」の敬語は正しいですか？",
                                        "次の文の敬語は合っていますか？\n{}", NULL};

static const char *const *const asked[] = {polite, plain, humble,   honorific,
                                           more,   level, direction};

static void fill(const char *words, struct view text, struct buf *out) {
    const char *at = strstr(words, "{}");
    must(at);
    buf_put(out, words, (size_t)(at - words));
    buf_put_view(out, text);
    buf_put_text(out, at + 2);
}

void ask(struct tool *tool, enum task task, struct view text, struct buf *out) {
    uint32_t ways = 0;
    while (asked[task][ways])
        ways++;
    uint32_t way = chance_in(tool, 55) ? 0 : chance_below(tool, ways);
    fill(asked[task][way], text, out);
}

// How fast the JSON reader is on text like ours: chat requests and events, Japanese and escapes in
// them, from a seed. Beside it, over the same bytes in the same run: writing the tree back, the
// UTF-8 check alone (what any reader must do) and a copy (the memory's own speed).
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/utf8.h"
#include "chance.h"

enum { TEXT_BYTES = 35 << 20, TEXT_ROOM = TEXT_BYTES + (1 << 16), ARENA = 1 << 30, ROUNDS = 9 };

static uint64_t chance_state;

static uint64_t chance(uint64_t below) {
    return chance_next(&chance_state) % below;
}

static const char *word(void) {
    static const char *const words[] = {
        "the",      "contract", "of",       "please",     "summarise", "a",        "meeting",
        "revenue",  "by",       "quarter",  "\"urgent\"", "and",       "list",     "every",
        "risk\n",   "we",       "found",    "in",         "C:\\Users", "table",    "draft",
        "議事録を", "要約して", "ください", "東京都",     "新宿区の",  "契約書",   "について",
        "確認し、", "売上は",   "前年比",   "氏名：",     "山田太郎",  "様\r\n\t", "株式会社",
    };
    return words[chance(sizeof words / sizeof *words)];
}

static void put_prose(struct json_writer *w, const char *name, uint64_t words) {
    char storage[4096];
    struct buf text = buf_over(storage, sizeof storage);
    for (uint64_t i = 0; i < words; i++) {
        buf_put_text(&text, word());
        buf_put_char(&text, ' ');
    }
    json_member_string(w, name, buf_view(&text));
}

static void put_chat(struct json_writer *w) {
    json_open(w, '{');
    json_member_text(w, "model", "sekisho-8b-instruct");
    json_name(w, "messages");
    json_open(w, '[');
    for (uint64_t i = 1 + chance(6); i > 0; i--) {
        json_open(w, '{');
        json_member_text(w, "role", i % 2 ? "user" : "assistant");
        put_prose(w, "content", 10 + chance(90));
        json_close(w, '}');
    }
    json_close(w, ']');
    json_name(w, "temperature");
    json_put_f64(w, (double)chance(20) / 10);
    json_member_u64(w, "max_tokens", 1 + chance(4096));
    json_member_bool(w, "stream", chance(2));
    json_name(w, "stop");
    json_put_null(w);
    json_close(w, '}');
}

static void put_event(struct json_writer *w) {
    char text[64];
    json_open(w, '{');
    json_name(w, "@timestamp");
    snprintf(text, sizeof text, "2025-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)chance(12) + 1,
             (unsigned)chance(28) + 1, (unsigned)chance(24), (unsigned)chance(60),
             (unsigned)chance(60), (unsigned)chance(1000));
    json_put_text(w, text);
    json_name(w, "event");
    json_open(w, '{');
    json_member_text(w, "action", "process_creation");
    json_member_u64(w, "code", chance(5000));
    json_member_u64(w, "record_id", chance(UINT64_MAX));
    json_close(w, '}');
    json_name(w, "process");
    json_open(w, '{');
    json_member_u64(w, "pid", chance(65536));
    json_member_text(w, "executable", "C:\\Windows\\System32\\cmd.exe");
    put_prose(w, "command_line", 3 + chance(8));
    json_name(w, "args");
    json_open(w, '[');
    for (uint64_t i = chance(6); i > 0; i--) json_put_text(w, word());
    json_close(w, ']');
    json_close(w, '}');
    json_name(w, "source");
    json_open(w, '{');
    snprintf(text, sizeof text, "10.%u.%u.%u", (unsigned)chance(256), (unsigned)chance(256),
             (unsigned)chance(256));
    json_member_text(w, "ip", text);
    json_member_u64(w, "port", chance(65536));
    json_close(w, '}');
    json_member_text(w, "user", "CORP\\t.yamada");
    json_member_text(w, "host", "経理部-端末-07");
    json_member_bool(w, "elevated", chance(2));
    json_close(w, '}');
}

static void text_make(struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '[');
    while (out->len < TEXT_BYTES) {
        if (chance(3) == 0) put_chat(&w);
        else put_event(&w);
    }
    json_close(&w, ']');
    must(buf_check(out, "bench text") == SK_OK);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// MB/s (10^6 bytes) of the fastest round: what others do on this machine only slows it.
static double speed(const double seconds[ROUNDS], size_t bytes) {
    double least = seconds[0];
    for (int i = 1; i < ROUNDS; i++) least = seconds[i] < least ? seconds[i] : least;
    return (double)bytes / least * 1e-6;
}

int main(void) {
    struct buf text = {0}, copy = {0}, back = {0};
    struct arena arena;
    must(buf_open(&text, TEXT_ROOM) == SK_OK && buf_open(&copy, TEXT_ROOM) == SK_OK &&
         buf_open(&back, TEXT_ROOM) == SK_OK && arena_open(&arena, "bench", ARENA) == SK_OK);
    text_make(&text);
    double parse[ROUNDS], check[ROUNDS], plain[ROUNDS], write[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = now_s();
        memcpy(copy.at, text.at, text.len);
        plain[i] = now_s() - start;
        start = now_s();
        must(utf8_check(buf_view(&text)));
        check[i] = now_s() - start;
        const struct json_node *root;
        arena_reset(&arena);
        start = now_s();
        must(json_parse(copy.at, text.len, &arena, &root) == SK_OK);
        parse[i] = now_s() - start;
        buf_reset(&back);
        struct json_writer w = json_writer_to(&back);
        start = now_s();
        json_put_node(&w, root);
        write[i] = now_s() - start;
        must(view_same(buf_view(&back), buf_view(&text)));
    }
    double figure = speed(parse, text.len);
    printf("JSON, %zu bytes of chat requests and events, fastest of %d rounds\n", text.len, ROUNDS);
    printf("RESULT json_parse %.0f MB/s goal 500 %s\n", figure, figure >= 500 ? "met" : "missed");
    printf("RESULT json_write %.0f MB/s goal - floor\n", speed(write, text.len));
    printf("RESULT json_floor_utf8_check %.0f MB/s goal - floor\n", speed(check, text.len));
    printf("RESULT json_floor_memcpy %.0f MB/s goal - floor\n", speed(plain, text.len));
    return 0;
}

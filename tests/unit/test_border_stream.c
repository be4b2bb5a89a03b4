// A stream finds the same whatever its pieces are, and what a scan of the whole text finds.
#include "cmocka_chance.h"
#include "scan_fixture.h"

static const char *const texts[] = {
#define X(detectors, text) (text),
#include "identifiers.def"
#undef X
    "本日はご来店いただきありがとうございました。またのお越しをお待ちしております！",
    "Thank you! See you? Yes.\nNext line, with a comma and a_word.",
    "氏名,個人番号,電話番号\n山田太郎,123456789018,0312345678\n佐藤花子,983205673214,0612345678\n",
    "{\"a\": [1, 2, 3], \"tel\": \"03-1234-5678\", \"b\": "
    "\"abcdefghijklmnopqrstuvwxyz0123456789\"}",
};
enum { TEXTS = sizeof texts / sizeof *texts, TEXT_MAX = 12000, FINDINGS_MAX = 2000 };

struct result {
    char text[TEXT_MAX];
    size_t len;
    struct finding findings[FINDINGS_MAX];
    uint32_t findings_len;
};
static struct result one, other;

// Characters of `text` from `at` on that fit in `max` bytes; at least one.
static size_t whole_len(struct view text, size_t at, size_t max) {
    size_t end = at + max < text.len ? at + max : text.len;
    while (end > at && end < text.len && ((uint8_t)text.at[end] & 0xc0) == 0x80)
        end--;
    if (end == at)
        for (end = at + 1; end < text.len && ((uint8_t)text.at[end] & 0xc0) == 0x80;)
            end++;
    return end - at;
}

static void take(struct result *result, const struct judged *judged) {
    assert_true(result->len + judged->text.len <= sizeof result->text);
    for (uint32_t i = 0; i < judged->len; i++) {
        struct finding found = judged->findings[i];
        assert_true((size_t)found.at + found.len <= judged->text.len);
        found.at += (uint32_t)result->len;
        result->findings[result->findings_len++] = found;
    }
    if (judged->text.len) memcpy(result->text + result->len, judged->text.at, judged->text.len);
    result->len += judged->text.len;
}

// The text in pieces of 1 to `piece_max` bytes; the last one empty or not, as chance has it.
static void stream_all(struct view text, size_t piece_max, struct result *result) {
    static struct scan_stream stream;
    struct detector_set wanted = scan_identifiers();
    bool empty_last = chance_next(&chance_state) & 1;
    result->len = result->findings_len = 0;
    scan_stream_begin(&stream, scan_detectors, &wanted);
    for (size_t at = 0, done = 0; !done;) {
        size_t max = piece_max ? 1 + chance_next(&chance_state) % piece_max : text.len;
        struct view piece = {text.at + at, at < text.len ? whole_len(text, at, max) : 0};
        at += piece.len;
        bool last = at == text.len && (!empty_last || piece.len == 0);
        done = last;
        do {
            struct judged judged;
            arena_reset(&scan_arena);
            assert_int_equal(scan_stream_push(&stream, &piece, last, &scan_arena, &judged), SK_OK);
            take(result, &judged);
        } while (piece.len);
    }
    assert_true(view_same((struct view){result->text, result->len}, text));
}

static void same(const struct result *a, const struct finding *findings, uint32_t len,
                 const char *text) {
    bool equal = a->findings_len == len;
    for (uint32_t i = 0; equal && i < len; i++)
        equal = a->findings[i].at == findings[i].at && a->findings[i].len == findings[i].len &&
                a->findings[i].detector == findings[i].detector &&
                a->findings[i].score == findings[i].score;
    if (!equal) fail_msg("%u findings, %u expected: %s", a->findings_len, len, text);
}

static void pieces_change_nothing(void **state) {
    (void)state;
    static char text[TEXT_MAX];
    for (int round = 0; round < 150; round++) {
        size_t len = 0;
        uint64_t count = 1 + chance_next(&chance_state) % 60;
        for (uint64_t i = 0; i < count; i++) {
            static const char *const ends[] = {"。", "\n", " ", "、", "！", "? "};
            const char *next = texts[chance_next(&chance_state) % TEXTS];
            const char *end = ends[chance_next(&chance_state) % 6];
            if (len + strlen(next) + strlen(end) > sizeof text) break;
            memcpy(text + len, next, strlen(next));
            memcpy(text + len + strlen(next), end, strlen(end));
            len += strlen(next) + strlen(end);
        }
        struct view view = {text, len};
        stream_all(view, 0, &one);
        stream_all(view, 1 + chance_next(&chance_state) % 40, &other);
        same(&other, one.findings, one.findings_len, "in pieces");
    }
}

// Alone, every text of the list: labels stand before its numbers or on the same line.
static void a_stream_finds_what_a_scan_finds(void **state) {
    (void)state;
    static struct finding findings[FINDINGS_MAX];
    for (size_t i = 0; i < TEXTS; i++) {
        struct scan scan = scan_all(view_of(texts[i]));
        uint32_t len = scan.findings_len;
        if (len) memcpy(findings, scan.findings, len * sizeof *findings);
        stream_all(view_of(texts[i]), 7, &one);
        if (strstr(texts[i], "UTOERIKSSON")) continue; // two lines of one zone are two sentences
        same(&one, findings, len, texts[i]);
    }
}

static void what_has_no_end_is_judged_in_time(void **state) {
    (void)state;
    static char text[TEXT_MAX];
    struct detector_set wanted = scan_identifiers();
    static struct scan_stream stream;
    size_t held = 0;
    memset(text, 'a', sizeof text);
    memcpy(text + 3000, " 090-1234-5678 ", 15);
    scan_stream_begin(&stream, scan_detectors, &wanted);
    for (size_t at = 0; at < sizeof text; at++) {
        struct view piece = {text + at, 1};
        struct judged judged;
        arena_reset(&scan_arena);
        assert_int_equal(scan_stream_push(&stream, &piece, false, &scan_arena, &judged), SK_OK);
        held += 1 - judged.text.len;
        assert_true(held <= 2 * SCAN_SENTENCE_MAX);
    }
}

static int setup(void **state) {
    chance_seed(state);
    return scan_setup(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_change_nothing),
        cmocka_unit_test(a_stream_finds_what_a_scan_finds),
        cmocka_unit_test(what_has_no_end_is_judged_in_time),
    };
    return cmocka_run_group_tests(tests, setup, scan_teardown);
}

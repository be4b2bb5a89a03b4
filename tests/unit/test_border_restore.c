// Restoring: tokens come back whole, however models wrote them and however the stream was cut.
#include "mask_fixture.h"

#include "base/buf.h"
#include "chance.h"

static struct vault *vault;
static char person[64], phone[64], place[64], other[64], lost[64]; // their tokens, bare: "PER:…"

static void token_of(const char *marks, char *bare) {
    struct marked *text = marked_read(marks);
    char *raw = mask_write(vault, text);
    size_t len = strlen(raw) - 6;
    memcpy(bare, raw + 3, len);
    bare[len] = 0;
    free(raw);
}

static int begin(void **state) {
    (void)state;
    static const char marks[] = "<person|佐藤 花子>。<jp.phone|090-1234-5678>、"
                                "<jp.address|東京都\n\"港区\"\\1>、<secret.password|hunter-22>";
    vault = vault_make("c");
    mask_read(vault, marked_read(marks));
    mask_read(vault, marked_read("<person|佐藤花子>")); // the fifth spelling, of the first value
    token_of("<person|佐藤 花子>", person);
    token_of("<jp.phone|090-1234-5678>", phone);
    token_of("<jp.address|東京都\n\"港区\"\\1>", place);
    token_of("<secret.password|hunter-22>", lost);
    token_of("<person|佐藤花子>", other);
    return 0;
}

static int end(void **state) {
    (void)state;
    vault_close(vault);
    return 0;
}

// `format` with P for the person's token, T the phone's, A the address's, O the other spelling's,
// S the secret's (bare), each as it is written between % signs: "%P%".
static char *written(const char *format) {
    static char out[4096];
    char *to = out;
    for (; *format; format++) {
        const char *is = NULL;
        if (format[0] == '%' && format[1] && format[2] == '%')
            is = format[1] == 'P'   ? person
                 : format[1] == 'T' ? phone
                 : format[1] == 'A' ? place
                 : format[1] == 'O' ? other
                                    : lost;
        if (is) {
            to += strlen(strcpy(to, is));
            format += 2;
        } else {
            *to++ = *format;
        }
    }
    *to = 0;
    return out;
}

static void comes_back(const char *format, bool json, const char *expected) {
    char *back = restore_all(vault, view_of(written(format)), json, NULL);
    assert_string_equal(back, expected);
    free(back);
}

// The token with its characters changed.
static char *changed(const char *token, int way) {
    static char out[256];
    char *to = out;
    for (const char *at = token; *at; at++) {
        if (way == 'l') *to++ = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
        if (way == 'f') { // full-width
            unsigned c = (unsigned char)*at + 0xfee0u;
            *to++ = (char)0xef;
            *to++ = (char)(0x80 | (c >> 6 & 63));
            *to++ = (char)(0x80 | (c & 63));
        }
        if (way == 's') {
            *to++ = *at;
            if (*at == ':' || at == token + 7) *to++ = ' ';
        }
        if (way == 'o') *to++ = (char)(*at == '0' ? 'o' : *at == '1' ? 'l' : *at);
    }
    *to = 0;
    return out;
}

static void tokens_come_back_as_models_write_them(void **state) {
    (void)state;
    comes_back("⟦%P%⟧様、⟦%T%⟧。", false, "佐藤 花子様、090-1234-5678。");
    comes_back("⟦%O%⟧と⟦%P%⟧", false, "佐藤花子と佐藤 花子");
    const char *forms[] = {"[[%P%]]", "〔%P%〕", "【%P%】", "［［%P%］］", "[%P%]",
                           "⟦ %P% ⟧", "⟦　%P%⟧", "%P%",     "%P%⟧",        "《%P%》",
                           "⟪%P%⟫",   "〚%P%〛", "⟦%P%]]",  "[[ %P% ]]",   "⟦%P%〕"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        comes_back(forms[i], false, "佐藤 花子");
    const char ways[] = "lfso";
    for (const char *way = ways; *way; way++) {
        char text[300];
        snprintf(text, sizeof text, "⟦%s⟧", changed(person, *way));
        comes_back(text, false, "佐藤 花子");
        snprintf(text, sizeof text, "⟦%s⟧", changed(other, *way));
        comes_back(text, false, "佐藤花子");
    }
    comes_back("⟦%P%さん", false, "佐藤 花子さん");
    comes_back("⟦%P% さん", false, "佐藤 花子 さん");
    comes_back("(%P%)、%P%, %P%.", false, "(佐藤 花子)、佐藤 花子, 佐藤 花子.");
    comes_back("*⟦%P%⟧*⟦%P%⟧⟦%T%⟧", false, "*佐藤 花子*佐藤 花子090-1234-5678");
    comes_back("[⟦%P%⟧](⟦%T%⟧)", false, "[佐藤 花子](090-1234-5678)");
    // A number that is no spelling of it is the text's own.
    comes_back("%P%-3月 %P%-", false, "佐藤 花子-3月 佐藤 花子-");
}

static void what_is_no_token_stays(void **state) {
    (void)state;
    const char *texts[] = {"",
                           "何もない PER: と TEL:だけ。",
                           "SUPER:7K2QD9F4",
                           "[1] [[2]] [PER] 【注】〔注〕 ⟦x⟧ ⟧",
                           "PERSON:12345678",
                           "⟦PER:",
                           "⟦",
                           "\xe2\x9f",
                           "\xff\xfe⟦PER:1234\x80",
                           "x%P%",
                           "1%P%",
                           "%P%x",
                           "_%P%_",
                           "⟦%P%5⟧",
                           "⟦TEL:AAAAAAAA",
                           "⟦   %P%⟧"};
    for (size_t i = 0; i + 1 < sizeof texts / sizeof *texts; i++) {
        char *text = written(texts[i]);
        comes_back(texts[i], false, text);
    }
    // Too many spaces are no token's, but what stands behind them is one.
    comes_back("⟦   %P%⟧", false, "⟦   佐藤 花子");
}

static void only_tokens_of_this_vault_come_back(void **state) {
    (void)state;
    char text[256], wrong[64];
    struct restore counts;
    // Unknown, of another kind, and the number of another value.
    memcpy(wrong, person, sizeof wrong);
    memcpy(wrong, "TEL", 3);
    snprintf(text, sizeof text, "⟦PER:AAAAAAAA⟧ ⟦%s⟧ ⟦%.12s-2⟧ ⟦%.12s-4⟧ PER:AAAAAAAA", wrong,
             person, person);
    char *back = restore_all(vault, view_of(text), false, &counts);
    assert_string_equal(back, text);
    assert_int_equal(counts.unknown, 4);
    assert_int_equal(counts.restored, 0);
    free(back);
    // A one-way value never comes back, and is not unknown.
    snprintf(text, sizeof text, "⟦%s⟧ %s ⟦%s⟧", lost, lost, person);
    back = restore_all(vault, view_of(text), false, &counts);
    assert_memory_equal(back, text, strlen(lost) * 2 + 8);
    assert_int_equal(counts.unknown, 0);
    assert_int_equal(counts.restored, 1);
    free(back);
    // Another conversation's.
    struct vault *another = vault_make("d");
    mask_read(another, marked_read("<person|佐藤 花子>"));
    snprintf(text, sizeof text, "⟦%s⟧", person);
    back = restore_all(another, view_of(text), false, &counts);
    assert_string_equal(back, text);
    assert_int_equal(counts.unknown, 1);
    free(back);
    vault_close(another);
}

static void arguments_stay_json(void **state) {
    (void)state;
    comes_back("{\"a\": \"⟦%A%⟧\"}", true, "{\"a\": \"東京都\\n\\\"港区\\\"\\\\1\"}");
    comes_back("{\"a\": \"⟦%A%⟧\"}", false, "{\"a\": \"東京都\n\"港区\"\\1\"}");
    comes_back("\"\\u27e6%P%\\u27e7\"", true, "\"佐藤 花子\"");
    comes_back("\"\\u27E6%P%\\u27E7\\n%P%\"", true, "\"佐藤 花子\\n佐藤 花子\"");
    // An escaped backslash begins no escape: 6 stands before the token. Text has no escapes.
    char text[300];
    snprintf(text, sizeof text, "\"\\\\u27e6%s\"", person);
    comes_back(text, true, text);
    comes_back("\\u27e6,%P%\\u27e7", false, "\\u27e6,佐藤 花子\\u27e7");
    snprintf(text, sizeof text, "\"\\u27e6\\u0050ER\\u003a%s\\u27e7\"", person + 4);
    comes_back(text, true, "\"佐藤 花子\"");
    const char *texts[] = {"\"\\", "\"\\u", "\"\\u27", "\\u27e", "\\uzzzz", "\\\"\\\\\\/", "\\あ"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        comes_back(texts[i], true, texts[i]);
}

// A text of everything above, in pieces from a seed: the same bytes, and never too many held.
static void any_cut_gives_the_same(void **state) {
    (void)state;
    enum { ROUNDS = 300, TEXT = 1 << 14 };
    static char text[TEXT], whole[4 * TEXT], pieces[4 * TEXT];
    const char *parts[] = {"⟦%P%⟧",   "⟦%T%⟧",    "%O%",
                           "[[%A%]]", "【%S%】",  "⟦PER:",
                           "本日",    "PE",       "\\u27e6%P%\\u27e7",
                           "さん、",  " ",        "[",
                           "\\",      "⟦ %P% ]]", "\n",
                           "T",       "⟦%P%-4⟧",  "\xe2\x9f",
                           "-2",      "x"};
    uint64_t chance = 20261122;
    size_t len = 0;
    while (len < TEXT - 100) {
        const char *is = written(parts[chance_next(&chance) % (sizeof parts / sizeof *parts)]);
        memcpy(text + len, is, strlen(is));
        len += strlen(is);
    }
    for (int round = 0; round < ROUNDS; round++) {
        bool json = round % 2;
        struct restore once = {0}, cut = {0};
        struct buf a = buf_over(whole, sizeof whole), b = buf_over(pieces, sizeof pieces);
        assert_int_equal(restore_put(&once, vault, (struct view){text, len}, json, true, &a),
                         SK_OK);
        uint64_t most = 1 + chance_next(&chance) % 40;
        for (size_t at = 0; at < len;) {
            size_t piece = (size_t)(chance_next(&chance) % (most + 1));
            if (piece > len - at) piece = len - at;
            struct view view = {text + at, piece};
            at += piece;
            assert_int_equal(restore_put(&cut, vault, view, json, at == len, &b), SK_OK);
            assert_true(cut.held_len <= MASK_HOLD_MAX);
        }
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.at, b.at, a.len);
        assert_int_equal(once.restored, cut.restored);
        assert_int_equal(once.unknown, cut.unknown);
        assert_int_equal(cut.held_len, 0);
        assert_true(once.restored > 100);
    }
}

static void a_token_is_let_go_as_soon_as_it_is_certain(void **state) {
    (void)state;
    char storage[256], token[80];
    struct buf out = buf_over(storage, sizeof storage);
    struct restore restore = {0};
    snprintf(token, sizeof token, "あ⟦%s⟧", person);
    for (size_t i = 0; token[i]; i++) {
        struct view byte = {token + i, 1};
        assert_int_equal(restore_put(&restore, vault, byte, false, false, &out), SK_OK);
        if (i >= 2 && token[i + 1]) assert_int_equal(out.len, 3);
    }
    assert_int_equal(out.len, 3 + strlen("佐藤 花子"));
    assert_int_equal(restore.held_len, 0);
    // A full buffer is an error.
    out = buf_over(storage, 4);
    assert_int_equal(restore_put(&restore, vault, VIEW("too long"), false, true, &out), SK_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_back_as_models_write_them),
        cmocka_unit_test(what_is_no_token_stays),
        cmocka_unit_test(only_tokens_of_this_vault_come_back),
        cmocka_unit_test(arguments_stay_json),
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(a_token_is_let_go_as_soon_as_it_is_certain),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

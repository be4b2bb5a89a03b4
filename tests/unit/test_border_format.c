// Substitutes that keep their form: they come back however a stream is cut and only where they
// stand alone, and where one could be taken for something else there is none.
#include "mask_fixture.h"

#include "base/buf.h"
#include "chance.h"

static const struct detector_set phones = {UINT64_C(1) << DETECTOR_PHONE |
                                           UINT64_C(1) << DETECTOR_PHONE_INTL};

// What stands for the whole text `marks`, in memory that stays until the next call but three; NULL:
// a token does.
static const char *format_of(struct vault *vault, const char *marks, const char *said) {
    static char storage[4][128];
    static unsigned next;
    const struct marked *text = marked_read(marks);
    struct buf out = buf_over(storage[next++ % 4], sizeof *storage - 1);
    mask_read(vault, text);
    const struct mask_argument argument = {text->view, text->findings, text->len, phones,
                                           view_of(said)};
    bool put = mask_format(vault, &argument, &out);
    assert_true(put || out.len == 0);
    out.at[out.len] = 0;
    return put ? out.at : NULL;
}

static void comes_back(const struct vault *vault, const char *text, bool json,
                       const char *expected) {
    struct restore counts;
    char *back = restore_all(vault, view_of(text), json, &counts);
    assert_string_equal(back, expected);
    free(back);
}

static void the_form_stays(void **state) {
    (void)state;
    struct vault *vault = vault_make("c"), *other = vault_make("d");
    const char *marks = "<jp.phone|+81 (90) 1234-5678>", *value = "+81 (90) 1234-5678";
    const char *is = format_of(vault, marks, value);
    assert_non_null(is);
    assert_int_equal(strlen(is), strlen(value));
    assert_string_not_equal(is, value);
    for (size_t i = 0; value[i]; i++) {
        bool digit = value[i] >= '0' && value[i] <= '9';
        assert_true(digit ? is[i] >= '0' && is[i] <= '9' : is[i] == value[i]);
    }
    assert_string_equal(format_of(vault, marks, value), is);
    assert_string_not_equal(format_of(other, marks, value), is);
    assert_string_not_equal(format_of(vault, "<phone|+81 (90) 1234-5678>", value), is);
    comes_back(vault, is, false, value);
    assert_false(vault_clean(vault, view_of(value)));
    assert_true(vault_clean(vault, view_of(is)));
    vault_close(vault);
    vault_close(other);
}

static void only_where_it_stands_alone(void **state) {
    (void)state;
    struct vault *vault = vault_make("c");
    const char *is = format_of(vault, "<jp.phone|090-1234-5678>", "");
    assert_non_null(is);
    const struct {
        const char *around;
        bool json, back;
    } cases[] = {{"%s", false, true},         {"電話%sへ", false, true},
                 {"tel%sx", false, true},     {"\\n%s\\n", true, true},
                 {"-%s-%s.", false, true},  {"{\"to\":\"%s\"}", true, true},
                 {"1%s", false, false},       {"%s1", false, false},
                 {"１%s", false, false},      {"%s１", false, false},
                 {"\\u0031%s", true, false},  {"%s\\u0031", true, false},
                 {"%s\\u00", true, true},     {"⟦%s⟧", false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], value[256];
        struct buf a = buf_over(text, sizeof text - 1), b = buf_over(value, sizeof value - 1);
        for (const char *at = cases[i].around; *at; at++) {
            if (at[0] != '%') {
                buf_put_char(&a, *at);
                buf_put_char(&b, *at);
                continue;
            }
            buf_put_text(&a, is);
            buf_put_text(&b, cases[i].back ? "090-1234-5678" : is);
            at++;
        }
        text[a.len] = value[b.len] = 0;
        comes_back(vault, text, cases[i].json, value);
    }
    char digits[32]; // the same digits spelled in another way are other digits
    size_t len = 0;
    for (const char *at = is; *at; at++)
        if (*at != '-') digits[len++] = *at;
    digits[len] = 0;
    comes_back(vault, digits, false, digits);
    vault_close(vault);
}

static void what_has_a_token_instead(void **state) {
    (void)state;
    const char *const marks[] = {
        "<jp.phone|090-1234-5678>です",                // not the whole
        "<jp.phone|12-345>",                           // 10^5 values
        "<jp.phone|０９０-1234-5678>",                 // full-width
        "<jp.phone|090-1234-5678 ext 3>",              // a word
        "<jp.phone|090        1234        5678        9012        1>",
        "<jp.mynumber|123456789018>",                  // of no such class
        "<jp.phone|1234><card|56789012>",              // likewise beside it
        ""};
    struct vault *vault = vault_make("c");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        assert_null(format_of(vault, marks[i], ""));
    vault_close(vault);
}

static void what_could_be_taken_for_another(void **state) {
    (void)state;
    const char *const marks = "<jp.phone|090-1234-5678>";
    struct vault *vault = vault_make("c");
    char is[64], said[128], part[64];
    snprintf(is, sizeof is, "%s", format_of(vault, marks, ""));
    vault_close(vault);
    vault = vault_make("c"); // a text of the conversation has it
    snprintf(said, sizeof said, "to: 090-1234-5678\nnote: 1%s.\n", is);
    assert_null(format_of(vault, marks, said));
    comes_back(vault, said, false, said);
    vault_close(vault);
    vault = vault_make("c"); // a value stands in it, so that the envelope would not be clean
    snprintf(part, sizeof part, "<jp.address|%s>", strrchr(is, '-') + 1);
    mask_read(vault, marked_read(part));
    assert_null(format_of(vault, marks, ""));
    vault_close(vault);
}

static void so_many_and_no_more(void **state) {
    (void)state;
    struct vault *vault = vault_make("c");
    char marks[64];
    for (unsigned i = 0; i < MASK_SUBSTITUTES_MAX + 2; i++) {
        snprintf(marks, sizeof marks, "<jp.phone|090-1234-%04u>", i);
        assert_int_equal(format_of(vault, marks, "") != NULL, i < MASK_SUBSTITUTES_MAX);
    }
    assert_non_null(format_of(vault, "<jp.phone|090-1234-0000>", ""));
    vault_close(vault);
}

// Streams of substitutes, their beginnings, tokens and digits: in one piece and in any pieces.
static void any_pieces_are_one(void **state) {
    (void)state;
    enum { TURNS = 3000 };
    static const char *const values[] = {"090-1234-5678", "03-1234-5678", "1234567", "123 4567",
                                         "(050) 1234.5678"};
    enum { VALUES = sizeof values / sizeof *values };
    struct vault *vault = vault_make("c");
    char marks[64], written[VALUES][64];
    uint64_t chance = 7;
    for (size_t i = 0; i < VALUES; i++) {
        snprintf(marks, sizeof marks, "<jp.phone|%s>", values[i]);
        const char *is = format_of(vault, marks, "");
        assert_non_null(is);
        snprintf(written[i], sizeof *written, "%s", is);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        char text[1024], one[4096], many[4096];
        struct buf in = buf_over(text, sizeof text), a = buf_over(one, sizeof one),
                   b = buf_over(many, sizeof many);
        bool json = chance_next(&chance) & 1;
        for (uint64_t n = chance_next(&chance) % 12; n > 0; n--) {
            const char *is = written[chance_next(&chance) % VALUES];
            size_t len = chance_next(&chance) % 3 ? strlen(is)
                                                  : chance_next(&chance) % (strlen(is) + 1);
            const char *between[] = {"", " ", "7", "\\n", "電", "\\u0031", "⟦", "-", "TEL:"};
            buf_put(&in, is, len);
            buf_put_text(&in, between[chance_next(&chance) % 9]);
        }
        struct restore once = {0}, cut = {0};
        assert_int_equal(restore_put(&once, vault, buf_view(&in), json, true, &a), SK_OK);
        for (size_t at = 0; at < in.len;) {
            size_t len = chance_next(&chance) % 20;
            if (len > in.len - at) len = in.len - at;
            struct view piece = {text + at, len};
            assert_int_equal(restore_put(&cut, vault, piece, json, false, &b), SK_OK);
            assert_true(cut.held_len <= MASK_HOLD_MAX);
            at += len;
        }
        assert_int_equal(restore_put(&cut, vault, VIEW(""), json, true, &b), SK_OK);
        assert_true(view_same(buf_view(&a), buf_view(&b)) && once.restored == cut.restored);
    }
    vault_close(vault);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_form_stays),
                                       cmocka_unit_test(only_where_it_stands_alone),
                                       cmocka_unit_test(what_has_a_token_instead),
                                       cmocka_unit_test(what_could_be_taken_for_another),
                                       cmocka_unit_test(so_many_and_no_more),
                                       cmocka_unit_test(any_pieces_are_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

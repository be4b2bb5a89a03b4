// Sets of words: what was put in is found, nothing else is; damaged bytes are refused or harmless.
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "border/words.h"
#include "chance.h"

static struct arena arena;
static struct buf file;

static uint32_t chance_below(uint64_t *chance, uint32_t limit) {
    return (uint32_t)(chance_next(chance) % limit);
}

static struct words make(struct words_entry *entries, uint32_t len) {
    struct words words;
    arena_reset(&arena);
    buf_reset(&file);
    assert_int_equal(words_put(entries, len, &arena, &file), SK_OK);
    struct view bytes = buf_view(&file);
    assert_int_equal(words_take(&bytes, 1 << 16, &words), SK_OK);
    assert_int_equal(bytes.len, 0);
    return words;
}

static uint32_t longest(const struct words *words, const char *text, uint8_t kinds, int *number) {
    struct word_is is = {0, 0};
    uint32_t len = words_longest(words, view_of(text), kinds, &is);
    *number = len ? is.number : -1;
    return len;
}

static void the_longest_of_the_wanted_kinds(void **state) {
    (void)state;
    int number;
    struct words_entry entries[] = {{VIEW("東京都"), {1, 7}},
                                    {VIEW("東京"), {2, 8}},
                                    {VIEW("a"), {4, 0}},
                                    {VIEW("東京都"), {4, 7}}};
    struct words words = make(entries, 4);
    assert_int_equal(longest(&words, "東京都港区", 1, &number), 9);
    assert_int_equal(number, 7);
    assert_int_equal(longest(&words, "東京都港区", 2, &number), 6);
    assert_int_equal(number, 8);
    assert_int_equal(longest(&words, "東京都", 4, &number), 9);
    assert_int_equal(longest(&words, "東京都", 8, &number), 0);
    assert_int_equal(longest(&words, "京都", 0xff, &number), 0);
    assert_int_equal(longest(&words, "東", 0xff, &number), 0);
    assert_int_equal(longest(&words, "", 0xff, &number), 0);
    assert_int_equal(longest(&words, "abc", 4, &number), 1);
    struct word_is is;
    assert_int_equal(words_longest(&words, (struct view){"\0\0", 2}, 0xff, &is), 0);
}

static void what_no_set_may_hold(void **state) {
    (void)state;
    char text[300];
    memset(text, 'x', sizeof text);
    struct words_entry empty = {VIEW(""), {1, 0}}, zero = {{"a\0b", 3}, {1, 0}},
                       wide = {{text, 256}, {1, 0}},
                       two[] = {{VIEW("a"), {1, 0}}, {VIEW("a"), {1, 1}}};
    assert_int_equal(words_put(&empty, 1, &arena, &file), SK_INPUT);
    assert_int_equal(words_put(&zero, 1, &arena, &file), SK_INPUT);
    assert_int_equal(words_put(&wide, 1, &arena, &file), SK_INPUT);
    assert_int_equal(words_put(two, 2, &arena, &file), SK_INPUT);
    struct words words = make(NULL, 0);
    int number;
    assert_int_equal(longest(&words, "x", 0xff, &number), 0);
    wide.word.len = 255;
    words = make(&wide, 1);
    struct word_is is;
    assert_int_equal(words_longest(&words, (struct view){text, 300}, 1, &is), 255);
}

// Random words over few letters beside a search by hand.
enum { MANY = 2000 };
static void beside_a_search_by_hand(void **state) {
    (void)state;
    static char texts[MANY][12];
    static struct words_entry entries[MANY];
    uint64_t chance = 20261122;
    for (int i = 0; i < MANY; i++) {
        uint32_t len = 1 + chance_below(&chance, 10);
        for (uint32_t k = 0; k < len; k++)
            texts[i][k] = "abc\xe3"[chance_below(&chance, 4)];
        entries[i] = (struct words_entry){{texts[i], len}, {(uint8_t)(1 + len % 3), (uint16_t)len}};
    }
    struct words words = make(entries, MANY);
    for (int round = 0; round < 5000; round++) {
        char text[14];
        for (size_t k = 0; k < sizeof text; k++)
            text[k] = "abc\xe3"[chance_below(&chance, 4)];
        uint8_t kinds = (uint8_t)(1 + chance_below(&chance, 3));
        struct view view = {text, chance_below(&chance, sizeof text + 1)};
        uint32_t expected = 0;
        for (int i = 0; i < MANY; i++)
            if ((entries[i].is.kinds & kinds) && entries[i].word.len > expected &&
                view_starts(view, entries[i].word))
                expected = (uint32_t)entries[i].word.len;
        struct word_is is = {0, 0};
        assert_int_equal(words_longest(&words, view, kinds, &is), expected);
        if (expected) assert_int_equal(is.number, expected);
    }
}

static void damaged_bytes_are_refused_or_harmless(void **state) {
    (void)state;
    struct words_entry entries[] = {{VIEW("うつ病"), {1, 3}}, {VIEW("糖尿病"), {2, 4}}};
    struct words words = make(entries, 2);
    struct view whole = buf_view(&file);
    char *copy = malloc(whole.len);
    uint64_t chance = 7;
    for (size_t cut = 0; cut < whole.len; cut++) {
        memcpy(copy, whole.at, whole.len);
        struct view bytes = {copy, cut};
        assert_int_equal(words_take(&bytes, 5, &words), SK_CORRUPT);
    }
    struct view bytes = whole;
    assert_int_equal(words_take(&bytes, 4, &words), SK_CORRUPT); // number 4 is not below
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, whole.at, whole.len);
        for (int k = 0; k < 3; k++)
            copy[chance_below(&chance, (uint32_t)whole.len)] = (char)chance_below(&chance, 256);
        bytes = (struct view){copy, whole.len};
        if (words_take(&bytes, 5, &words) != SK_OK) continue;
        struct word_is is = {0, 0};
        assert_true(words_longest(&words, VIEW("糖尿病うつ病"), 0xff, &is) <= WORD_MAX);
        assert_true(is.number < 5);
    }
    free(copy);
}

int main(void) {
    assert_int_equal(arena_open(&arena, "words", 64 << 20), SK_OK);
    assert_int_equal(buf_open(&file, 8 << 20), SK_OK);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_of_the_wanted_kinds),
        cmocka_unit_test(what_no_set_may_hold),
        cmocka_unit_test(beside_a_search_by_hand),
        cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

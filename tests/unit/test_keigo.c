// Rewriting among levels of politeness: what the rules make of sentences, and what they refuse.
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "keigo/keigo.h"

static struct keigo_reader *reader;
static struct keigo_candidates made;

struct pair {
    const char *text, *should;
};

static void first(enum keigo_style style, const struct pair *pairs, size_t len) {
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(keigo_rewrite(reader, view_of(pairs[i].text), style, &made), SK_OK);
        if (!view_is(made.text[0], pairs[i].should))
            fail_msg("%s: %.*s, not %s", pairs[i].text, (int)made.text[0].len, made.text[0].at,
                     pairs[i].should);
    }
}
#define FIRST(style, pairs) first(style, pairs, sizeof(pairs) / sizeof *(pairs))

static void polite(void **state) {
    (void)state;
    static const struct pair pairs[] = {
        {"明日の会議を欠席する。", "明日の会議を欠席します。"},
        {"明日、会議に行く？", "明日、会議に行きますか？"},
        {"昨日は行かなかった。", "昨日は行きませんでした。"},
        {"美味しいね。", "美味しいですね。"},
        {"彼は学生だ。", "彼は学生です。"},
        {"彼は学生だった。", "彼は学生でした。"},
        {"食べたかった。", "食べたかったです。"},
        {"元気じゃない。", "元気じゃありません。"},
        {"早く寝なさい。", "早く寝てください。"},
        {"もう行こうか。", "もう行きましょうか。"},
        {"雨が降るだろう。", "雨が降るでしょう。"},
        {"雨だから帰ろう。", "雨ですから帰りましょう。"},
        {"嬉しいね、また会おう。", "嬉しいですね、また会いましょう。"},
        {"知らないの？", "知らないんですか？"},
        {"散歩したら？", "散歩したらどうですか？"},
        {"ここで飲むな。", "ここで飲まないでください。"},
        {"本を読んでる。", "本を読んでいます。"},
        {"ありがとう。", "ありがとうございます。"},
        {"CPU time の値だ。", "CPU time の値です。"}, // spaces stay
        {"行きます。", "行きます。"},                 // polite already
        {"体を大事にね", "体を大事にしてください"},
        {"忘れないように。", "忘れないようにしてください。"},
        {"もう帰らないと。", "もう帰らないといけません。"},
        {"幸せを掴んだね。", "幸せを掴みましたね。"}, // which ipadic takes for a copula
        {"もう済んだの？", "もう済んだんですか？"},
        {"「春になる」というのは本当だ。", "「春になる」というのは本当です。"}, // quoted
        {"彼（田中）は行く。", "彼（田中）は行きます。"},
        {"お酒の席だからって、ふざけないで。", "お酒の席だからって、ふざけないでください。"},
        {"寒いよ・・・", "寒いです・・・"},
        {"ゴールデン・ブリッジを渡る。", "ゴールデン・ブリッジを渡ります。"},
        {"早く見なよ。", "早く見てください。"},
        {"知らせようと思って…。", "知らせようと思って…。"}, // why, said afterwards
        {"大変だけど、行く。", "大変ですが、行きます。"},
        {"", ""},
    };
    FIRST(KEIGO_POLITE, pairs);
}

static void plain(void **state) {
    (void)state;
    static const struct pair pairs[] = {
        {"明日の会議を欠席します。", "明日の会議を欠席する。"},
        {"行きませんでした。", "行かなかった。"},
        {"お金がありません。", "お金がない。"},
        {"泳ぎました。", "泳いだ。"},
        {"飲みましょう。", "飲もう。"},
        {"学生ですか？", "学生？"},
        {"学生でした。", "学生だった。"},
        {"寒いです。", "寒い。"},
        {"どうぞ待ってください。", "どうぞ待って。"},
        {"ご確認ください。", "確認して。"},
        {"よろしくお願いします。", "よろしく。"},
        {"知らないんですか？", "知らないの？"},
        {"私は田中と申します。", "私は田中と言う。"},
    };
    FIRST(KEIGO_PLAIN, pairs);
}

static void honour(void **state) {
    (void)state;
    static const struct pair honorific[] = {
        {"先生が来る。", "先生がいらっしゃいます。"},
        {"本を返す。", "本をお返しになります。"},
        {"会議に出席しますか？", "会議に出席なさいますか？"},
        {"何を食べる？", "何を召し上がりますか？"},
        {"毎日勉強している。", "毎日勉強していらっしゃいます。"},
    };
    FIRST(KEIGO_HONORIFIC, honorific);
    static const struct pair humble[] = {
        {"明日の会議を欠席します。", "明日の会議を欠席いたします。"},
        {"明日、行きます。", "明日、伺います。"},
        {"資料を見た。", "資料を拝見しました。"},
        {"毎日勉強している。", "毎日勉強しております。"},
    };
    FIRST(KEIGO_HUMBLE, humble);
}

static void candidates(void **state) {
    (void)state;
    assert_int_equal(
        keigo_rewrite(reader, view_of("行くよ。来ないの？雨だから、寒いね。"), KEIGO_POLITE, &made),
        SK_OK);
    assert_true(made.len > 8);
    for (uint32_t i = 1; i < made.len; i++) {
        assert_true(made.prior[i] <= made.prior[i - 1]);
        for (uint32_t k = 0; k < i; k++)
            assert_false(view_same(made.text[i], made.text[k]));
    }
}

static void marks(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct keigo_marks should;
    } rows[] = {
        {"先生がいらっしゃいます。", {true, false, true, false}},
        {"私が伺います。", {false, true, true, false}},
        {"本をお読みになる。", {true, false, false, false}},
        {"行きませんでした。", {false, false, true, false}},
        {"行くよ。", {false, false, false, false}},
        {"寒いですね。", {false, false, true, false}},
        {"雨でしょう。", {false, false, true, false}},
        {"遅れてすみません。", {false, false, true, true}},
        {"", {false, false, false, false}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct keigo_marks is;
        assert_int_equal(keigo_marks(reader, view_of(rows[i].text), &is), SK_OK);
        if (is.honorific != rows[i].should.honorific || is.humble != rows[i].should.humble ||
            is.polite_end != rows[i].should.polite_end ||
            is.set_phrase != rows[i].should.set_phrase)
            fail_msg("%s: %d %d %d", rows[i].text, is.honorific, is.humble, is.polite_end);
    }
}

static void refusals(void **state) {
    (void)state;
    static char many[KEIGO_TEXT_MAX + 2];
    memset(many, 'a', sizeof many);
    assert_int_equal(
        keigo_rewrite(reader, (struct view){many, KEIGO_TEXT_MAX + 1}, KEIGO_PLAIN, &made),
        SK_LIMIT);
    for (size_t i = 0; i + 1 < KEIGO_TEXT_MAX; i += 2)
        memcpy(many + i, "a ", 2);
    for (unsigned style = 0; style < KEIGO_STYLES; style++)
        assert_int_equal(keigo_rewrite(reader, (struct view){many, KEIGO_TEXT_MAX},
                                       (enum keigo_style)style, &made),
                         SK_LIMIT); // words
    assert_int_equal(keigo_rewrite(reader, view_of("\xe3\x81"), KEIGO_PLAIN, &made), SK_INPUT);
    assert_int_equal(keigo_rewrite(reader, (struct view){"a\0b", 3}, KEIGO_PLAIN, &made), SK_INPUT);
    enum keigo_style style;
    assert_int_equal(keigo_style_find(view_of("humble"), &style), SK_OK);
    assert_int_equal(style, KEIGO_HUMBLE);
    assert_int_equal(keigo_style_find(view_of("rude"), &style), SK_INPUT);
}

// Weights of one bucket say one level; their file is read back, and damaged ones are refused.
static void levels(void **state) {
    (void)state;
    static int8_t weights[8 * KEIGO_LEVELS];
    static char storage[256];
    uint32_t features[64], len;
    assert_int_equal(keigo_features(reader, view_of("行く"), features, 64, &len), SK_OK);
    assert_true(len > 10 && len < 64);
    for (unsigned i = 0; i < 8; i++)
        weights[i * KEIGO_LEVELS + 3] = 50;
    struct keigo_levels some = {weights, 8, 0.1F, {0, 0, 0, 0}}, read;
    struct buf out = buf_over(storage, sizeof storage);
    keigo_levels_write(&some, &out);
    assert_int_equal(keigo_levels_read(buf_view(&out), &read), SK_OK);
    assert_int_equal(read.buckets, 8);
    double log_share[KEIGO_LEVELS];
    assert_int_equal(keigo_levels_score(reader, &read, view_of("行く"), log_share), SK_OK);
    assert_true(log_share[3] > -1e-6 && log_share[0] < -10); // 5 for each feature, by their root
    assert_int_equal(keigo_levels_score(reader, &read, view_of(""), log_share), SK_OK);
    for (size_t i = 0; i < out.len; i++) {
        struct view cut = {out.at, i};
        assert_int_equal(keigo_levels_read(cut, &read), SK_CORRUPT);
    }
    memset(out.at + 12, 0xff, 4); // NaN
    assert_int_equal(keigo_levels_read(buf_view(&out), &read), SK_CORRUPT);
}

static int open_reader(void **state) {
    (void)state;
    return keigo_open(&reader) == SK_OK ? 0 : -1;
}

static int close_reader(void **state) {
    (void)state;
    keigo_close(reader);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polite),     cmocka_unit_test(plain), cmocka_unit_test(honour),
        cmocka_unit_test(candidates), cmocka_unit_test(marks), cmocka_unit_test(refusals),
        cmocka_unit_test(levels),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}

// The direction of respect: verdicts over sentences of every kind, and whose act is told and why.
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "keigo/keigo.h"

enum verdict { RIGHT, WRONG };
struct sentence {
    enum verdict verdict;
    const char *text;
};
static const struct sentence known[] = {
#define KNOWN(verdict, text) {verdict, text},
#include "direction_known.def"
#undef KNOWN
};
static const struct sentence held[] = {
#define HELD(verdict, text) {verdict, text},
#include "direction_held.def"
#undef HELD
};

static struct keigo_reader *reader;

static bool judged_so(const struct sentence *sentence) {
    struct keigo_direction direction;
    assert_int_equal(keigo_direction(reader, view_of(sentence->text), &direction), SK_OK);
    return (direction.fit == KEIGO_MISFITS) == (sentence->verdict == WRONG);
}

static void knows(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!judged_so(&known[i])) fail_msg("%s", known[i].text);
}

// The rules were not tried on these before they were done.
static void holds(void **state) {
    (void)state;
    unsigned of[2] = {0}, hit[2] = {0};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        bool so = judged_so(&held[i]);
        of[held[i].verdict]++;
        hit[held[i].verdict] += so;
        if (!so) print_message("missed: %s\n", held[i].text);
    }
    assert_int_equal(of[RIGHT], 30);
    assert_int_equal(of[WRONG], 30);
    assert_int_equal(hit[RIGHT], 30);
    assert_int_equal(hit[WRONG], 30);
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

static void tells(void **state) {
    (void)state;
    static const struct {
        const char *text, *form, *who;
        enum keigo_actor actor;
        enum keigo_because because;
        const char *reason;
    } rows[] = {
        {"先生が参ります。", "参り", "先生", KEIGO_ACTOR_RESPECTED, KEIGO_NAMED,
         "「参り」は謙譲語ですが、「先生」の動作です。尊敬語を使います。"},
        {"弊社の社長がいらっしゃいます。", "いらっしゃい", "社長", KEIGO_ACTOR_OWN, KEIGO_NAMED,
         "「いらっしゃい」は尊敬語ですが、「社長」は自分の側です。謙譲語を使います。"},
        {" お集まりしてください", "お集まりし", "", KEIGO_ACTOR_HEARER, KEIGO_BEGGED,
         "「お集まりし」は謙譲語ですが、頼むのは相手の動作です。尊敬語を使います。"},
        {"何時に参りますか？", "参り", "", KEIGO_ACTOR_HEARER, KEIGO_ASKED,
         "「参り」は謙譲語ですが、尋ね、確かめるのは相手の動作です。尊敬語を使います。"},
        {"お持ちになりましょうか。", "お持ちになり", "", KEIGO_ACTOR_OWN, KEIGO_MEANT,
         "「お持ちになり」は尊敬語ですが、話し手の意志による動作です。謙譲語を使います。"},
        {"社長が申された。", "申され", "社長", KEIGO_ACTOR_RESPECTED, KEIGO_MIXED,
         "「申され」は謙譲語を尊敬の形にしたものです。尊敬語を使います。"},
        {"先生がお読みになられました。", "お読みになられ", "先生", KEIGO_ACTOR_RESPECTED,
         KEIGO_NAMED,
         "「お読みになられ」は尊敬語で、「先生」の動作に合っています。"
         "二重敬語です（向きの誤りではありません）。"},
        {"雨です。", "", "", KEIGO_ACTOR_NONE, KEIGO_NAMED, "尊敬語も謙譲語も見当たりません。"},
        {"", "", "", KEIGO_ACTOR_NONE, KEIGO_NAMED, "尊敬語も謙譲語も見当たりません。"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char storage[512];
        struct buf reason = buf_over(storage, sizeof storage);
        struct keigo_direction d;
        struct view text = view_of(rows[i].text);
        assert_int_equal(keigo_direction(reader, text, &d), SK_OK);
        keigo_direction_tell(&d, text, &reason);
        if (!view_is((struct view){text.at + d.form_from, d.form_len}, rows[i].form) ||
            !view_is((struct view){text.at + d.who_from, d.who_len}, rows[i].who) ||
            d.actor != rows[i].actor || d.because != rows[i].because ||
            !view_is(buf_view(&reason), rows[i].reason))
            fail_msg("%s: %u %u %.*s", rows[i].text, d.actor, d.because, (int)reason.len,
                     reason.at);
    }
}

static void refuses(void **state) {
    (void)state;
    static char many[KEIGO_TEXT_MAX + 1];
    struct keigo_direction direction;
    memset(many, 'a', sizeof many);
    assert_int_equal(keigo_direction(reader, (struct view){many, sizeof many}, &direction),
                     SK_LIMIT);
    assert_int_equal(keigo_direction(reader, view_of("\xe3\x81"), &direction), SK_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(knows), cmocka_unit_test(holds),
                                       cmocka_unit_test(tells), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
